package web

import (
	"context"
	"net/http"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/httpx"
	"doverie/internal/trust"
	"doverie/internal/ui"
)

const pathRemovals = "/settings/safety/removals"

// RemovalService asks contacts to approve a removal; trust.Protect has it.
type RemovalService interface {
	GivesUp
	AskFactorRemoval(ctx context.Context, act effect.Act, account, session string) (actionID string, err error)
	AskContactRemoval(ctx context.Context, act effect.Act, account, session, linkID string) (actionID string, err error)
	RemovedContact(ctx context.Context, w trust.WaitingAction) (string, error)
	RemoveNow(ctx context.Context, act effect.Act, account, actionID string) error
	Waiting(ctx context.Context, account, session string, kind trust.ActionKind) (w trust.WaitingAction, ok bool, err error)
}

// Removals are the principal's pages of removals that a contact approves: of the code generator, and of a
// contact at once.
type Removals struct {
	kit *httpx.Kit
	of  RemovalService
}

// NewRemovals prepares the pages.
func NewRemovals(kit *httpx.Kit, of RemovalService) *Removals { return &Removals{kit: kit, of: of} }

// Mount adds the pages.
func (p *Removals) Mount(mux *http.ServeMux, citizens *httpx.Gate) {
	session := func(h httpx.Handler) http.Handler { return p.kit.Handle(citizens.RequireSession(h)) }
	stepUp := func(h httpx.Handler) http.Handler { return p.kit.Handle(citizens.RequireStepUp(h)) }
	mux.Handle("GET "+pathRemovals+"/factor", stepUp(p.askForm(trust.ActionRemoveFactor)))
	mux.Handle("POST "+pathRemovals+"/factor", stepUp(p.ask(trust.ActionRemoveFactor)))
	mux.Handle("GET "+pathRemovals+"/contact/ask/{link}", stepUp(p.askForm(trust.ActionRemoveContact)))
	mux.Handle("POST "+pathRemovals+"/contact/ask/{link}", stepUp(p.ask(trust.ActionRemoveContact)))
	mux.Handle("GET "+pathRemovals+"/{kind}/state", session(p.show))
	mux.Handle("POST "+pathRemovals+"/{kind}/cancel", session(p.cancel))
	mux.Handle("POST "+pathRemovals+"/contact/finish", stepUp(p.finish))
	mux.Handle("GET "+pathRemovals+"/contact/finish", session(p.back))
}

func statePath(kind trust.ActionKind) string {
	if kind == trust.ActionRemoveFactor {
		return pathRemovals + "/factor/state"
	}
	return pathRemovals + "/contact/state"
}

func (p *Removals) back(w http.ResponseWriter, r *http.Request) error {
	return httpx.Redirect(w, r, statePath(trust.ActionRemoveContact))
}

func (p *Removals) askForm(kind trust.ActionKind) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		v := httpx.VisitorOf(r)
		if _, ok, err := p.of.Waiting(r.Context(), v.Account, v.Session, kind); err != nil || ok {
			if err != nil {
				return err
			}
			return httpx.Redirect(w, r, statePath(kind))
		}
		return p.kit.Page(w, r, ui.RemovalAsk{Kind: string(kind)}, httpx.Section(pathSecurity))
	}
}

func (p *Removals) ask(kind trust.ActionKind) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if _, err := httpx.Form(r); err != nil {
			return err
		}
		v := httpx.VisitorOf(r)
		var err error
		if kind == trust.ActionRemoveFactor {
			_, err = p.of.AskFactorRemoval(r.Context(), p.kit.Act(r), v.Account, v.Session)
		} else {
			_, err = p.of.AskContactRemoval(r.Context(), p.kit.Act(r), v.Account, v.Session, r.PathValue("link"))
		}
		if err != nil && !fault.HasKey(err, "fault.action.already_asked") {
			return err
		}
		return httpx.Redirect(w, r, statePath(kind))
	}
}

// named is the action that the path names.
func (p *Removals) named(r *http.Request) (w trust.WaitingAction, ok bool, err error) {
	kind := trust.ActionRemoveContact
	switch r.PathValue("kind") {
	case "factor":
		kind = trust.ActionRemoveFactor
	case "contact", "":
	default:
		return w, false, fault.New(fault.NotFound, "fault.not_found", nil)
	}
	v := httpx.VisitorOf(r)
	return p.of.Waiting(r.Context(), v.Account, v.Session, kind)
}

func (p *Removals) show(w http.ResponseWriter, r *http.Request) error {
	waiting, ok, err := p.named(r)
	switch {
	case err != nil:
		return err
	case !ok: // answered, lapsed or given up: the history says which
		return p.kit.Page(w, r, ui.RemovalOver{}, httpx.Section(pathSecurity))
	case waiting.Action.State == trust.Waiting:
		cancel := pathRemovals + "/" + r.PathValue("kind") + "/cancel"
		return p.kit.Page(w, r, waitingPage(waiting, cancel, r.URL.Path), httpx.Section(pathSecurity))
	}
	name, err := p.of.RemovedContact(r.Context(), waiting)
	if err != nil {
		return err
	}
	return p.kit.Page(w, r, ui.RemovalFinish{Name: name, Until: waiting.Action.ExpiresAt}, httpx.Section(pathSecurity))
}

func (p *Removals) finish(w http.ResponseWriter, r *http.Request) error {
	if _, err := httpx.Form(r); err != nil {
		return err
	}
	waiting, ok, err := p.named(r)
	if err != nil {
		return err
	}
	if ok {
		if err := p.of.RemoveNow(r.Context(), p.kit.Act(r), httpx.VisitorOf(r).Account, waiting.Action.ID); err != nil {
			return err
		}
	}
	return httpx.Redirect(w, r, contactsHome)
}

func (p *Removals) cancel(w http.ResponseWriter, r *http.Request) error {
	if _, err := httpx.Form(r); err != nil {
		return err
	}
	waiting, ok, err := p.named(r)
	if err != nil {
		return err
	}
	if ok {
		if err := p.of.GiveUp(r.Context(), p.kit.Act(r), httpx.VisitorOf(r).Account, waiting.Action.ID); err != nil {
			return err
		}
	}
	return httpx.Redirect(w, r, pathSecurity)
}
