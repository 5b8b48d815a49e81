package app

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"doverie/internal/fault"
	"doverie/internal/jobs"
	"doverie/internal/oidc"
	"doverie/internal/oidc/endpoint"
	"doverie/internal/signals"
	"doverie/internal/signals/transmit"
	"doverie/internal/store"
)

// systems tells package signals what it must know of registered systems.
type systems struct{ clients oidc.Store }

// SignalClient implements signals.Clients. A push goes to a host that stands in the registration, and to none other.
func (s systems) SignalClient(ctx context.Context, id string) (signals.Client, error) {
	c, err := s.clients.OIDCClient(ctx, id)
	if err == nil && c.State != oidc.Active {
		err = fault.New(fault.NotFound, "fault.not_found", nil)
	}
	if err != nil {
		return signals.Client{}, err
	}
	out := signals.Client{ID: c.ID, LogoutURI: c.BackchannelLogout}
	for _, address := range append([]string{c.BackchannelLogout}, c.Redirects...) {
		if origin, ok := signals.Origin(address, true); ok {
			out.Origins = append(out.Origins, origin)
		}
	}
	return out, nil
}

// receivers proves systems for the transmitter's addresses.
type receivers struct{ provider *endpoint.Endpoints }

// Receiver implements transmit.Receivers.
func (x receivers) Receiver(r *http.Request) (string, []string, error) {
	c, scopes, wrong := x.provider.Caller(r)
	if wrong == nil {
		return c.ID, scopes, nil
	}
	kind := fault.SignIn
	switch wrong.Code {
	case "server_error":
		kind = fault.Internal
	case "temporarily_unavailable":
		kind = fault.Busy
	}
	return "", nil, fault.New(kind, "fault.sign_in", nil).Because(wrong)
}

// Bounds of telling systems. A receiver that is down is asked for about two weeks; then an operator sees what was given up.
const (
	signalAttempts = 1400
	signalLease    = 40 * time.Second
)

// signals builds what tells other systems: the streams, and the loop that delivers.
func (a *App) signals(c Config) error {
	issuer := strings.TrimSuffix(c.BaseURL.String(), "/")
	arrivals, known := &signals.Bell{}, systems{clients: a.Store}
	a.Signals = &signals.Streams{
		Store: a.Store, Clients: known, Signer: a.Systems.Keys, Limits: a.Store, Issuer: issuer, Rules: c.Policy.Version,
		Plain: c.Outward.Development, Now: c.Now, Arrivals: arrivals,
	}
	var err error
	a.telling, err = jobs.New(jobs.Config{
		Queue: store.SignalQueue{Store: a.Store, Ring: arrivals.Ring},
		Deliverer: signals.Courier{
			Receivers: a.Store, Clients: known, Signer: a.Systems.Keys, Post: transmit.NewSender(c.Outward, c.OutwardTLS), Issuer: issuer, Now: c.Now,
			Observe: a.metrics.told,
		},
		Now: c.Now, MaxAttempts: signalAttempts, Lease: signalLease,
		Report: func(i jobs.Incident) {
			c.Log.Warn("signal", "what", i.What, "event", i.Kind, "jti", i.ID, "attempt", i.Attempt, "outcome", string(i.Outcome), "error", i.Err)
		},
	})
	return err
}

func (m *metrics) told(kind signals.Kind, outcome jobs.Outcome) {
	m.signals.WithLabelValues(string(kind), string(outcome)).Inc()
}

// lanesWithin bounds the question behind the gauges: a scrape must not hang on a database that is down.
const lanesWithin = 2 * time.Second

// lanes are gauges of what waits for systems and of what was given up. No label names a system: the command
// "doverie admin signal list" does.
type lanes struct {
	store           *store.Store
	now             func() time.Time
	waiting, failed *prometheus.Desc
	oldest          *prometheus.Desc
}

func newLanes(db *store.Store, now func() time.Time) lanes {
	desc := func(name, help string) *prometheus.Desc {
		return prometheus.NewDesc(name, help, []string{"kind"}, nil)
	}
	return lanes{
		store: db, now: now,
		waiting: desc("doverie_signals_waiting", "Tokens that wait for their system."),
		failed:  desc("doverie_signals_failed", "Tokens that were given up in the last 30 days."),
		oldest:  desc("doverie_signals_oldest_seconds", "Age of the oldest token that waits."),
	}
}

// Describe implements prometheus.Collector.
func (l lanes) Describe(to chan<- *prometheus.Desc) {
	to <- l.waiting
	to <- l.failed
	to <- l.oldest
}

// Collect implements prometheus.Collector.
func (l lanes) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), lanesWithin)
	defer cancel()
	all, err := l.store.SignalLanes(ctx)
	if err != nil {
		to <- prometheus.NewInvalidMetric(l.waiting, err)
		return
	}
	now := l.now()
	for _, kind := range []signals.Kind{signals.SET, signals.LogoutToken} {
		var waiting, failed int
		var oldest time.Duration
		for _, lane := range all {
			if lane.Kind != kind {
				continue
			}
			waiting, failed = waiting+lane.Waiting, failed+lane.Failed
			if !lane.Oldest.IsZero() {
				oldest = max(oldest, now.Sub(lane.Oldest))
			}
		}
		for desc, value := range map[*prometheus.Desc]float64{l.waiting: float64(waiting), l.failed: float64(failed), l.oldest: oldest.Seconds()} {
			to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, string(kind))
		}
	}
}
