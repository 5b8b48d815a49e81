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

// RehearsalPast remembers how the person's newest rehearsal ended; the store has it.
type RehearsalPast interface {
	// LastRehearsal returns the account's newest rehearsal; ok is false when there was none.
	LastRehearsal(ctx context.Context, account string) (a trust.Action, ok bool, err error)
}

// Rehearsals are the principal's pages of a rehearsal (DOMAIN §4.9); the contact walks through Approvals.
type Rehearsals struct {
	Kit     *httpx.Kit
	Protect RehearsalService
	Past    RehearsalPast
	Policy  policy.Policy
}

// Mount puts the pages on the mux.
func (h Rehearsals) Mount(mux *http.ServeMux, citizens *httpx.Gate) {
	mux.Handle("GET "+rehearsalPath, h.Kit.Handle(citizens.RequireSession(h.show)))
	mux.Handle("GET "+rehearsalPath+"/events", h.Kit.Handle(citizens.RequireSession(h.events)))
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
		return h.Kit.Page(w, r, page, httpx.Section(contactsHome), httpx.Live(rehearsalPath+"/events", noRefresh))
	}
	last, ok, err := h.Past.LastRehearsal(r.Context(), httpx.VisitorOf(r).Account)
	if err != nil {
		return err
	}
	if ok {
		page.Last = rehearsed(last, h.Policy)
	}
	return h.Kit.Page(w, r, page, httpx.Section(contactsHome))
}

// rehearsed says how the newest rehearsal went: both should know that it is over, and whether the road to the contact works.
func rehearsed(a trust.Action, p policy.Policy) ui.Notice {
	switch a.State {
	case trust.ActionDone:
		return ui.Notice{Tone: ui.Success, Title: ui.K("contacts.rehearsal.done.title"), Text: ui.K("contacts.rehearsal.done", "At", a.EndedAt)}
	case trust.ActionRejected:
		return ui.Notice{Tone: ui.Warning, Title: ui.K("contacts.rehearsal.rejected.title"), Text: ui.K("contacts.rehearsal.rejected", "At", a.EndedAt)}
	case trust.ActionExpired:
		return ui.Notice{Tone: ui.Warning, Title: ui.K("contacts.rehearsal.expired.title"), Text: ui.K("contacts.rehearsal.expired", "Time", p.RecoveryWait, "At", a.EndedAt)}
	case trust.NoAction, trust.Waiting, trust.ActionApproved, trust.ActionCancelled:
	}
	return ui.Notice{} // ended by its own principal, or with the link: nothing was learnt
}

// events tells the waiting page that a contact answered, or that time did.
func (h Rehearsals) events(w http.ResponseWriter, r *http.Request) error {
	return watch(w, r, lookEvery, func() (string, bool, error) {
		waiting, ok, err := h.waiting(r)
		return string(waiting.Action.State), !ok, err
	})
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
