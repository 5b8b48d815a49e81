package web

import (
	"context"
	"net/http"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/httpx"
	"doverie/internal/policy"
	"doverie/internal/trust"
	"doverie/internal/ui"
)

const pathGuards = "/settings/safety/guards"

// SwitchService reads and turns the switches; trust.Guards has it.
type SwitchService interface {
	OwnSwitches
	SwitchOn(ctx context.Context, act effect.Act, account string, name trust.GuardName) error
	SwitchOff(ctx context.Context, act effect.Act, account string, name trust.GuardName) error
	Keep(ctx context.Context, act effect.Act, account string, name trust.GuardName) error
}

// Switches is «Что защищает контакт»: what contacts guard besides the recovery of access.
type Switches struct {
	kit    *httpx.Kit
	of     SwitchService
	policy policy.Policy
}

// NewSwitches prepares the pages.
func NewSwitches(kit *httpx.Kit, of SwitchService, p policy.Policy) *Switches {
	return &Switches{kit: kit, of: of, policy: p}
}

// Mount adds the pages. Keeping a guard takes nothing away, so it needs no repeated check.
func (p *Switches) Mount(mux *http.ServeMux, citizens *httpx.Gate) {
	session := func(h httpx.Handler) http.Handler { return p.kit.Handle(citizens.RequireSession(h)) }
	stepUp := func(h httpx.Handler) http.Handler { return p.kit.Handle(citizens.RequireStepUp(h)) }
	mux.Handle("GET "+pathGuards, session(p.home))
	mux.Handle("POST "+pathGuards+"/{name}/on", stepUp(p.turn(p.of.SwitchOn)))
	mux.Handle("GET "+pathGuards+"/{name}/on", session(p.back))
	mux.Handle("GET "+pathGuards+"/{name}/off", stepUp(p.offForm))
	mux.Handle("POST "+pathGuards+"/{name}/off", stepUp(p.turn(p.of.SwitchOff)))
	mux.Handle("POST "+pathGuards+"/{name}/keep", session(p.turn(p.of.Keep)))
}

func (p *Switches) back(w http.ResponseWriter, r *http.Request) error {
	return httpx.Redirect(w, r, pathGuards)
}

func (p *Switches) home(w http.ResponseWriter, r *http.Request) error {
	s, err := p.of.Switches(r.Context(), httpx.VisitorOf(r).Account)
	if err != nil {
		return err
	}
	page := ui.GuardsHome{Hold: s.HoldUntil, Alone: len(s.Contacts) == 0}
	for _, g := range s.Guards {
		one := ui.GuardSwitch{
			Name: string(g.Name), Title: ui.K("guards." + string(g.Name)), Text: ui.K("guards." + string(g.Name) + ".text"),
			On: g.Guards(), OffAt: g.OffAt, Badge: ui.Badge{Text: ui.K("guards.is.off")},
			Closed: g.Name == trust.GuardQuorum && !g.Guards() && len(s.Contacts) < 2,
		}
		switch g.State {
		case trust.GuardOn:
			one.Badge = ui.Badge{Tone: ui.Success, Text: ui.K("guards.is.on")}
		case trust.GuardFalling:
			one.Badge = ui.Badge{Tone: ui.Warning, Text: ui.K("guards.is.falling")}
		case trust.GuardOff:
		}
		page.Switches = append(page.Switches, one)
	}
	if r.URL.Query().Get("done") == "yes" {
		page.News = ui.Notice{Tone: ui.Success, Text: ui.K("guards.done")}
	}
	return p.kit.Page(w, r, page, httpx.Section(pathSecurity))
}

func (p *Switches) offForm(w http.ResponseWriter, r *http.Request) error {
	s, err := p.of.Switches(r.Context(), httpx.VisitorOf(r).Account)
	if err != nil {
		return err
	}
	g := guardOf(s, trust.GuardName(r.PathValue("name")))
	switch {
	case g.Name == "":
		return fault.New(fault.NotFound, "fault.not_found", nil)
	case g.State != trust.GuardOn:
		return httpx.Redirect(w, r, pathGuards)
	}
	return p.kit.Page(w, r, ui.GuardsOff{
		Name: string(g.Name), What: ui.K("guards." + string(g.Name)),
		Delay: ui.Delayed{What: ui.K("guards.off.what"), In: p.policy.GuardOff, At: s.Now.Add(p.policy.GuardOff)},
	}, httpx.Section(pathSecurity))
}

// turn does one act on the switch that the path names.
func (p *Switches) turn(act func(ctx context.Context, act effect.Act, account string, name trust.GuardName) error) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if _, err := httpx.Form(r); err != nil {
			return err
		}
		if err := act(r.Context(), p.kit.Act(r), httpx.VisitorOf(r).Account, trust.GuardName(r.PathValue("name"))); err != nil {
			return err
		}
		return httpx.Redirect(w, r, pathGuards+"?done=yes")
	}
}
