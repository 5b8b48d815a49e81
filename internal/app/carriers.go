package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"doverie/internal/effect"
	"doverie/internal/notify"
	"doverie/internal/notify/httpsms"
	"doverie/internal/notify/smpp"
	"doverie/internal/notify/smtp"
	"doverie/internal/notify/webpush"
	"doverie/internal/store"
)

// Carriers are the accounts at carriers through which messages leave. The ledger, the clock and the reports of
// each are filled in here. Names are unique.
type Carriers struct {
	SMPP []smpp.Config
	HTTP []Gateway
	SMTP []smtp.Config
	Push *webpush.Config // notices in browsers; nil: they are not offered

	SMS   []string                 // names of carriers of SMS, in the order in which they are asked
	Email []string                 // and of e-mail
	Kinds map[notify.Kind][]string // another order for messages of a kind; for a channel it does not name the common one holds
}

// Gateway is one account at an HTTP gateway.
type Gateway struct {
	httpsms.Config

	Reports *httpsms.ReportConfig // its delivery reports, taken at ReportsPath(Name); nil: it sends none
}

// ReportsPath is where a gateway of that name posts its delivery reports.
func ReportsPath(name string) string { return "/messages/reports/" + name }

// carriers is what was built of Carriers.
type carriers struct {
	channels map[effect.Channel]notify.Channel
	smpp     []*smpp.Channel
	reports  map[string]http.Handler // by the name of the carrier
}

// connect keeps every SMPP session up until ctx ends.
func (c carriers) connect(ctx context.Context) {
	var all sync.WaitGroup
	for _, channel := range c.smpp {
		all.Go(func() { channel.Run(ctx) })
	}
	all.Wait()
}

// onLine gives a letter to an SMPP channel only while its line is up, or comes up soon: otherwise every worker would wait
// for it, the next carrier would be asked late, and e-mail would wait behind SMS.
type onLine struct{ channel *smpp.Channel }

const (
	lineSoon = 2 * time.Second
	lineLook = 20 * time.Millisecond
)

var errLineDown = errors.New("app: the line to the carrier is down")

// Deliver implements notify.Channel.
func (o onLine) Deliver(ctx context.Context, l notify.Letter) (notify.Outcome, error) {
	soon := time.NewTimer(lineSoon)
	defer soon.Stop()
	look := time.NewTicker(lineLook)
	defer look.Stop()
	for !o.channel.Bound() {
		select {
		case <-look.C:
		case <-soon.C:
			return notify.Postponed, errLineDown
		case <-ctx.Done():
			return notify.Postponed, ctx.Err()
		}
	}
	return o.channel.Deliver(ctx, l)
}

// tools is what every carrier needs of the server.
type tools struct {
	ledger  notify.Ledger
	now     func() time.Time
	metrics *metrics
	log     *slog.Logger
}

// event is what an operator should see of a carrier. It holds no number and no text.
func (t tools) event(carrier, what string, err error) {
	t.metrics.carrierEvents.WithLabelValues(carrier, what).Inc()
	if what == "bound" {
		t.log.Info("carrier", "carrier", carrier, "what", what)
		return
	}
	t.log.Warn("carrier", "carrier", carrier, "what", what, "error", err)
}

var errNames = errors.New("app: Carriers")

// build makes the channels. prefixes are the beginnings of numbers that SMS may go to (T18).
func (c Carriers) build(t tools, prefixes []string) (carriers, error) {
	out := carriers{channels: map[effect.Channel]notify.Channel{}, reports: map[string]http.Handler{}}
	known := map[effect.Channel]map[string]notify.Channel{effect.SMS: {}, effect.Email: {}}
	add := func(via effect.Channel, name string, channel notify.Channel) error {
		if name == "" || known[effect.SMS][name] != nil || known[effect.Email][name] != nil {
			return fmt.Errorf("%w: a carrier is called %q, like another or not at all", errNames, name)
		}
		known[via][name] = measured{carrier: name, channel: channel, outcomes: t.metrics.carrierOutcomes}
		return nil
	}
	for _, conf := range c.SMPP {
		conf.Ledger, conf.Now = t.ledger, t.now
		conf.Report = func(e smpp.Event) { t.event(e.Carrier, e.What, e.Err) }
		channel, err := smpp.New(conf)
		if err != nil {
			return out, err
		}
		if err := add(effect.SMS, conf.Name, onLine{channel}); err != nil {
			return out, err
		}
		out.smpp = append(out.smpp, channel)
		t.metrics.watchUp(conf.Name, channel.Bound)
	}
	for _, g := range c.HTTP {
		if err := g.build(t, add, out.reports); err != nil {
			return out, err
		}
	}
	for _, conf := range c.SMTP {
		conf.Ledger, conf.Now = t.ledger, t.now
		conf.Report = func(e smtp.Event) { t.event(e.Carrier, e.What, e.Err) }
		channel, err := smtp.New(conf)
		if err != nil {
			return out, err
		}
		if err := add(effect.Email, conf.Name, channel); err != nil {
			return out, err
		}
	}
	for via, order := range map[effect.Channel][]string{effect.SMS: c.SMS, effect.Email: c.Email} {
		if len(order) == 0 {
			continue
		}
		channel, err := c.route(via, order, known[via])
		if err != nil {
			return out, err
		}
		if via == effect.SMS {
			if channel, err = notify.OnlyTo(channel, prefixes...); err != nil {
				return out, err
			}
		}
		out.channels[via] = channel
	}
	return out, nil
}

func (g Gateway) build(t tools, add func(effect.Channel, string, notify.Channel) error, reports map[string]http.Handler) error {
	conf := g.Config
	conf.Ledger, conf.Now = t.ledger, t.now
	conf.Report = func(e httpsms.Event) { t.event(e.Carrier, e.What, e.Err) }
	channel, err := httpsms.New(conf)
	if err == nil {
		err = add(effect.SMS, conf.Name, channel)
	}
	if err != nil || g.Reports == nil {
		return err
	}
	rc := *g.Reports
	rc.Carrier, rc.Ledger, rc.Now, rc.Report = conf.Name, t.ledger, t.now, conf.Report
	handler, err := httpsms.NewReports(rc)
	reports[conf.Name] = handler
	return err
}

// route is the common order of a channel, and the orders of kinds that have their own.
func (c Carriers) route(via effect.Channel, order []string, known map[string]notify.Channel) (notify.Channel, error) {
	inOrder := func(names []string) (notify.Channel, error) {
		var line []notify.Channel
		for _, name := range names {
			channel, ok := known[name]
			if !ok {
				return nil, fmt.Errorf("%w: %q is no carrier of %s", errNames, name, via)
			}
			line = append(line, channel)
		}
		return notify.InOrder(line...)
	}
	otherwise, err := inOrder(order)
	if err != nil {
		return nil, err
	}
	own := map[notify.Kind]notify.Channel{}
	for kind, names := range c.Kinds {
		spec, ok := notify.Lookup(kind)
		if !ok {
			return nil, fmt.Errorf("%w: %q is no kind of message", errNames, kind)
		}
		names = slices.DeleteFunc(slices.Clone(names), func(n string) bool { return known[n] == nil })
		if len(names) == 0 || !spec.Allows(via) {
			continue
		}
		if own[kind], err = inOrder(names); err != nil {
			return nil, err
		}
	}
	return notify.ByKind(otherwise, own)
}

// prefixesOf are the beginnings of numbers of a policy.
func prefixesOf(list string) []string {
	var out []string
	for p := range strings.SplitSeq(list, ",") {
		out = append(out, strings.TrimSpace(p))
	}
	return out
}

// ledger lets carriers write into the store.
type ledger struct {
	store   *store.Store
	metrics *metrics
}

// Submitted implements notify.Ledger.
func (l ledger) Submitted(ctx context.Context, s notify.Submission) error {
	return l.store.Submitted(ctx, store.Submission{
		Message: s.Letter, Carrier: s.Carrier, CarrierID: s.CarrierID, Part: s.Part, Parts: s.Parts, At: s.At,
	})
}

// Reported implements notify.Ledger.
func (l ledger) Reported(ctx context.Context, r notify.Receipt) error {
	err := l.store.Reported(ctx, store.Receipt{
		Carrier: r.Carrier, CarrierIDs: r.CarrierIDs, Phone: r.Phone, State: store.PartState(r.State), Code: r.Code, At: r.At,
	})
	if err == nil {
		l.metrics.receipts.WithLabelValues(r.Carrier, string(r.State)).Inc()
	}
	return err
}
