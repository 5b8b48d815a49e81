package web

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/httpx"
	"doverie/internal/policy"
	"doverie/internal/recovery"
	"doverie/internal/trust"
	"doverie/internal/ui"
)

// Alarms is the owner's side of a recovery that runs; recovery.Service has it.
type Alarms interface {
	AlarmFor(ctx context.Context, account string) (a recovery.Alarm, ok bool, err error)
	Disown(ctx context.Context, act effect.Act, account string) error
	WasMe(ctx context.Context, act effect.Act, account string) error
}

// StopNotices stops things for whoever holds a notice; recovery.Stops has it.
type StopNotices interface {
	Stop(ctx context.Context, act effect.Act, identifier, stopCode string, freeze bool) error
	StopByLink(ctx context.Context, act effect.Act, signed string, freeze bool) (frozen bool, err error)
	LinkLeads(ctx context.Context, signed string) (recovery.Leads, error)
}

// Freezes freezes and thaws; trust.Protect has it.
type Freezes interface {
	Freeze(ctx context.Context, act effect.Act, account, reason string) error
	Freezing(ctx context.Context, account string) (trust.Freezing, error)
	Unfreeze(ctx context.Context, act effect.Act, account, session string) (actionID string, err error)
	Waiting(ctx context.Context, account, session string, kind trust.ActionKind) (w trust.WaitingAction, ok bool, err error)
	GiveUp(ctx context.Context, act effect.Act, account, actionID string) error
}

// Safety is the pages on which an owner stops what is not his own doing.
type Safety struct {
	kit     *httpx.Kit
	alarms  Alarms
	stops   StopNotices
	freezes Freezes
	policy  policy.Policy
	log     *slog.Logger
	signIn  string
	every   time.Duration
}

// NewSafety prepares the pages.
func NewSafety(kit *httpx.Kit, alarms Alarms, stops StopNotices, freezes Freezes, p policy.Policy, log *slog.Logger) *Safety {
	return &Safety{kit: kit, alarms: alarms, stops: stops, freezes: freezes, policy: p, log: log, every: lookEvery}
}

// The addresses.
const (
	pathNotMe     = "/safety/not-me"
	pathNotMeDone = "/safety/not-me/done"
	pathStopped   = "/safety/stopped"
	pathFroze     = "/safety/stopped/frozen"
	pathAlarm     = "/safety/alarm"
	pathFrozen    = "/safety/frozen"
)

// Mount adds the pages and the alarm above every page of a signed-in citizen.
func (p *Safety) Mount(mux *http.ServeMux, citizens *httpx.Gate) {
	p.signIn = citizens.SignIn
	p.kit.Alarm(p.Banner)

	mux.Handle("GET /safety/not-me", p.kit.Handle(p.notMeForm))
	mux.Handle("POST /safety/not-me", p.kit.Handle(p.notMe))
	mux.Handle("GET /safety/not-me/done", p.kit.Handle(p.stopped(ui.SafetyStopped{ByCode: true})))
	mux.Handle("GET /safety/not-me/{signed}", p.kit.Handle(p.linkForm))
	mux.Handle("POST /safety/not-me/{signed}", p.kit.Handle(p.link))
	mux.Handle("GET /safety/stopped", p.kit.Handle(p.stopped(ui.SafetyStopped{})))
	mux.Handle("GET /safety/stopped/frozen", p.kit.Handle(p.stopped(ui.SafetyStopped{Frozen: true})))

	mux.Handle("GET /safety/alarm", p.kit.Handle(citizens.RequireSession(p.alarm)))
	mux.Handle("POST /safety/disown", p.kit.Handle(citizens.RequireSession(p.disown)))
	mux.Handle("POST /safety/was-me", p.kit.Handle(citizens.RequireSession(p.wasMe)))
	mux.Handle("GET /safety/freeze", p.kit.Handle(citizens.RequireSession(p.freezeForm)))
	mux.Handle("POST /safety/freeze", p.kit.Handle(citizens.RequireSession(p.freeze)))

	mux.Handle("GET /safety/frozen", p.kit.Handle(citizens.Maybe(p.frozenOnly(p.frozen))))
	mux.Handle("GET /safety/frozen/events", p.kit.Handle(citizens.Maybe(p.frozenOnly(p.frozenEvents))))
	mux.Handle("GET /safety/unfreeze", p.kit.Handle(citizens.Maybe(p.frozenOnly(toFrozen))))
	mux.Handle("POST /safety/unfreeze", p.kit.Handle(citizens.Maybe(p.frozenOnly(p.unfreeze))))
	mux.Handle("POST /safety/unfreeze/cancel", p.kit.Handle(citizens.Maybe(p.frozenOnly(p.giveUp))))
}

// Banner is what every page of a signed-in person begins with while somebody recovers his access. A
// failure to look is logged and leaves the page as it is: the notices went out on every channel.
func (p *Safety) Banner(r *http.Request) []ui.Notice {
	v := httpx.VisitorOf(r)
	if v.Account == "" || !v.Alarm || v.Office != "" || v.OnlyPath != "" || r.URL.Path == pathAlarm {
		return nil
	}
	a, ok, err := p.alarms.AlarmFor(r.Context(), v.Account)
	if err != nil {
		p.log.ErrorContext(r.Context(), "alarm banner", "request_id", httpx.RequestID(r), "error", err)
		return nil
	}
	if !ok {
		return nil
	}
	return []ui.Notice{{
		Tone: ui.Danger, Title: ui.K("safety.banner.title"), Text: ui.K("safety.banner", "At", a.At),
		Link: ui.NavLink{Text: ui.K("safety.banner.link"), Href: pathAlarm},
	}}
}

func (p *Safety) alarm(w http.ResponseWriter, r *http.Request) error {
	a, ok, err := p.alarms.AlarmFor(r.Context(), httpx.VisitorOf(r).Account)
	if err != nil {
		return err
	}
	page := ui.SafetyAlarm{Open: ok, Lock: p.policy.RecoveryLock}
	if done := r.URL.Query().Get("done"); !ok && (done == "stopped" || done == "was-me") {
		page.Done = done
	}
	if ok {
		page.Facts = alarmFacts(a)
		page.Proved = a.State != recovery.Awaiting
	}
	return p.kit.Page(w, r, page)
}

func alarmFacts(a recovery.Alarm) ui.Facts {
	device := ui.Plain(a.Device)
	if a.Device == "" {
		device = ui.K("device.unknown")
	}
	facts := ui.Facts{
		{Icon: "clock", Label: ui.K("safety.fact.at"), Value: ui.K("safety.fact.when", "At", a.At)},
		{Icon: "smartphone", Label: ui.K("safety.fact.device"), Value: device},
	}
	if a.Area != "" {
		facts = append(facts, ui.Fact{Icon: "globe", Label: ui.K("safety.fact.area"), Value: areaText(a.Area), Note: ui.K("safety.fact.area.note")})
	}
	return append(facts, ui.Fact{Icon: "hourglass", Label: ui.K("safety.fact.state"), Value: alarmState(a.State)})
}

func alarmState(s recovery.State) ui.Text {
	switch s {
	case recovery.Approved:
		return ui.K("safety.state.approved")
	case recovery.Verified:
		return ui.K("safety.state.verified")
	default:
		return ui.K("safety.state.awaiting")
	}
}

func (p *Safety) disown(w http.ResponseWriter, r *http.Request) error {
	if err := p.alarms.Disown(r.Context(), p.kit.Act(r), httpx.VisitorOf(r).Account); err != nil {
		return overAlready(w, r, err)
	}
	return httpx.Redirect(w, r, pathAlarm+"?done=stopped")
}

func (p *Safety) wasMe(w http.ResponseWriter, r *http.Request) error {
	if err := p.alarms.WasMe(r.Context(), p.kit.Act(r), httpx.VisitorOf(r).Account); err != nil {
		return overAlready(w, r, err)
	}
	return httpx.Redirect(w, r, pathAlarm+"?done=was-me")
}

// overAlready: nothing is open any more, and the page of the alarm says so.
func overAlready(w http.ResponseWriter, r *http.Request, err error) error {
	if fault.Is(err, fault.Conflict) {
		return httpx.Redirect(w, r, pathAlarm)
	}
	return err
}

func (p *Safety) freezeForm(w http.ResponseWriter, r *http.Request) error {
	f, err := p.freezes.Freezing(r.Context(), httpx.VisitorOf(r).Account)
	if err != nil {
		return err
	}
	page := ui.SafetyFreeze{Alone: p.policy.UnfreezeAlone}
	if len(f.Contacts) > 0 {
		page.Names = anyOf(f.Contacts)
	}
	return p.kit.Page(w, r, page, httpx.Section("/settings/safety/login"))
}

// freeze ends every session of the account, this one too: the next page is open to all.
func (p *Safety) freeze(w http.ResponseWriter, r *http.Request) error {
	if err := p.freezes.Freeze(r.Context(), p.kit.Act(r), httpx.VisitorOf(r).Account, trust.FrozenBySelf); err != nil {
		return err
	}
	return httpx.Redirect(w, r, pathFroze)
}

// stopped is a page that only says what happened.
func (p *Safety) stopped(page ui.SafetyStopped) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		page := page
		page.SignIn = p.signIn
		return p.kit.Page(w, r, page)
	}
}
