package web

import (
	"context"
	"net/http"

	"doverie/internal/effect"
	"doverie/internal/httpx"
	"doverie/internal/policy"
	"doverie/internal/trust"
	"doverie/internal/ui"
)

const rehearsalPath = contactsHome + "/rehearsal"

// RehearsalService starts and ends a rehearsal: an approval walked through by both that changes nothing.
type RehearsalService interface {
	Rehearse(ctx context.Context, act effect.Act, account, session string) (actionID string, err error)
	Waiting(ctx context.Context, account, session string, kind trust.ActionKind) (w trust.WaitingAction, ok bool, err error)
	GiveUp(ctx context.Context, act effect.Act, account, actionID string) error
}

// Rehearsals are the principal's pages of a rehearsal (DOMAIN §4.9); the contact walks through Approvals.
type Rehearsals struct {
	Kit     *httpx.Kit
	Protect RehearsalService
	Policy  policy.Policy
}

// Mount puts the pages on the mux.
func (h Rehearsals) Mount(mux *http.ServeMux, citizens *httpx.Gate) {
	mux.Handle("GET "+rehearsalPath, h.Kit.Handle(citizens.RequireSession(h.show)))
	mux.Handle("POST "+rehearsalPath, h.Kit.Handle(citizens.RequireSession(h.start)))
	mux.Handle("POST "+rehearsalPath+"/end", h.Kit.Handle(citizens.RequireSession(h.end)))
}

func (h Rehearsals) waiting(r *http.Request) (trust.WaitingAction, bool, error) {
	v := httpx.VisitorOf(r)
	return h.Protect.Waiting(r.Context(), v.Account, v.Session, trust.ActionRehearsal)
}

func (h Rehearsals) show(w http.ResponseWriter, r *http.Request) error {
	waiting, ok, err := h.waiting(r)
	if err != nil {
		return err
	}
	page := ui.ContactRehearsal{Wait: h.Policy.RecoveryWait}
	if ok {
		page.Waiting, page.Until = true, waiting.Action.ExpiresAt
		if waiting.Match != "" { // only where it was started
			page.Match = ui.MatchNumber{Number: waiting.Match, Hint: ui.K("contacts.rehearsal.read")}
		}
	}
	return h.Kit.Page(w, r, page, httpx.Section(contactsHome))
}

func (h Rehearsals) start(w http.ResponseWriter, r *http.Request) error {
	if _, err := httpx.Form(r); err != nil {
		return err
	}
	v := httpx.VisitorOf(r)
	if _, err := h.Protect.Rehearse(r.Context(), h.Kit.Act(r), v.Account, v.Session); err != nil {
		return err
	}
	return httpx.Redirect(w, r, rehearsalPath)
}

// end stops the visitor's own open rehearsal; there is at most one, so nothing of the form names it.
func (h Rehearsals) end(w http.ResponseWriter, r *http.Request) error {
	if _, err := httpx.Form(r); err != nil {
		return err
	}
	waiting, ok, err := h.waiting(r)
	if err != nil {
		return err
	}
	if ok {
		if err := h.Protect.GiveUp(r.Context(), h.Kit.Act(r), httpx.VisitorOf(r).Account, waiting.Action.ID); err != nil {
			return err
		}
	}
	return httpx.Redirect(w, r, contactsHome)
}
