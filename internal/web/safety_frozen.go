package web

import (
	"fmt"
	"net/http"

	"doverie/internal/fault"
	"doverie/internal/httpx"
	"doverie/internal/trust"
	"doverie/internal/ui"
)

// frozenOnly lets signed-in people through whose session is open for the freeze: a session that has
// another only page (a password to change) goes there.
func (p *Safety) frozenOnly(h httpx.Handler) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		v := httpx.VisitorOf(r)
		switch {
		case v.Account == "":
			return fault.New(fault.SignIn, "fault.sign_in", nil)
		case v.OnlyPath != "" && v.OnlyPath != pathFrozen:
			return httpx.Redirect(w, r, v.OnlyPath)
		}
		return h(w, r)
	}
}

func toFrozen(w http.ResponseWriter, r *http.Request) error { return httpx.Redirect(w, r, pathFrozen) }

func (p *Safety) frozen(w http.ResponseWriter, r *http.Request) error {
	page, err := p.frozenPage(r, nil)
	if err != nil {
		return err
	}
	if page.Waiting {
		return p.kit.Page(w, r, page, httpx.Live("/safety/frozen/events", noRefresh))
	}
	return p.kit.Page(w, r, page)
}

func (p *Safety) frozenPage(r *http.Request, errs ui.Errors) (ui.SafetyFrozen, error) {
	v := httpx.VisitorOf(r)
	f, err := p.freezes.Freezing(r.Context(), v.Account)
	if err != nil {
		return ui.SafetyFrozen{}, err
	}
	page := ui.SafetyFrozen{Errors: errs, Since: f.Since, SteppedUp: v.SteppedUp, SignOut: "/sign-out"}
	if f.Since.IsZero() {
		return page, nil
	}
	if len(f.Contacts) == 0 {
		page.Alone, page.Ready = f.Alone, !f.Now.Before(f.Alone)
		return page, nil
	}
	page.Names, page.Ready = anyOf(f.Contacts), true
	w, ok, err := p.freezes.Waiting(r.Context(), v.Account, v.Session, trust.ActionUnfreeze)
	if err != nil || !ok {
		return page, err
	}
	page.Waiting, page.Until = true, w.Action.ExpiresAt
	page.Match = ui.MatchNumber{Number: w.Match, Hint: ui.K("recovery.wait.match")}
	return page, nil
}

// frozenEvents tells the waiting page that the contact has decided.
func (p *Safety) frozenEvents(w http.ResponseWriter, r *http.Request) error {
	return watch(w, r, p.every, func() (string, bool, error) {
		page, err := p.frozenPage(r, nil)
		return fmt.Sprint(page.Waiting, page.Since.IsZero(), page.Until), !page.Waiting, err
	})
}

// unfreeze needs password and second factor once more; who has not just proved them comes back to the
// frozen page afterwards and presses again.
func (p *Safety) unfreeze(w http.ResponseWriter, r *http.Request) error {
	v := httpx.VisitorOf(r)
	if !v.SteppedUp {
		return fault.New(fault.StepUp, "fault.step_up", nil)
	}
	_, err := p.freezes.Unfreeze(r.Context(), p.kit.Act(r), v.Account, v.Session)
	if fault.Is(err, fault.Conflict) { // thawed or asked already: the page says which
		return httpx.Redirect(w, r, pathFrozen)
	}
	if err != nil {
		errs, ok := httpx.FormErrors(err, "unfreeze")
		if !ok {
			return err
		}
		page, err := p.frozenPage(r, errs)
		if err != nil {
			return err
		}
		return p.kit.FormAgain(w, r, page, httpx.From(pathFrozen))
	}
	return httpx.Redirect(w, r, pathFrozen)
}

func (p *Safety) giveUp(w http.ResponseWriter, r *http.Request) error {
	v := httpx.VisitorOf(r)
	a, ok, err := p.freezes.Waiting(r.Context(), v.Account, v.Session, trust.ActionUnfreeze)
	if err != nil {
		return err
	}
	if ok {
		err = p.freezes.GiveUp(r.Context(), p.kit.Act(r), v.Account, a.Action.ID)
		if err != nil && !fault.Is(err, fault.Conflict) {
			return err
		}
	}
	return httpx.Redirect(w, r, pathFrozen)
}
