package web

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/httpx"
	"doverie/internal/session"
	"doverie/internal/trust"
	"doverie/internal/ui"
)

const (
	pathSignInWaiting = "/sign-in/waiting"
	whyNobody         = "nobody"
)

// WaitingSignIns is how a sign-in from a new browser goes on after the contacts were asked; session.Service has it.
type WaitingSignIns interface {
	Waiting(ctx context.Context, token string) (session.Waiting, error)
	EnterApproved(ctx context.Context, act effect.Act, token string) (session.Entered, error)
	LeaveWaiting(ctx context.Context, act effect.Act, token string) error
}

// AskedContacts tells how the contacts answer; trust.Protect has it.
type AskedContacts interface {
	SignInAsked(ctx context.Context, actionID, signIn string) (trust.SignInAsked, error)
}

// mountWaiting adds the pages of a sign-in that waits for the contacts.
func (p *SignIn) mountWaiting(mux *http.ServeMux) {
	mux.Handle("GET "+pathSignInWaiting, p.kit.Handle(p.waiting))
	mux.Handle("GET "+pathSignInWaiting+"/events", p.kit.Handle(p.waitingEvents))
	mux.Handle("POST "+pathSignInWaiting, p.kit.Handle(p.enterApproved))
	mux.Handle("POST "+pathSignInWaiting+"/cancel", p.kit.Handle(p.leaveWaiting))
}

// asked reads the waiting sign-in of this browser and what the contacts say to it.
func (p *SignIn) asked(r *http.Request) (trust.SignInAsked, error) {
	w, err := p.of.Waiting(r.Context(), p.kit.Cookie(r, signInCookie))
	if err != nil {
		return trust.SignInAsked{}, err
	}
	v, err := p.contacts.SignInAsked(r.Context(), w.Action, w.SignIn)
	if err == nil && w.Over && v.Action.Decidable(v.Now) { // the timer that ends the question is on its way
		err = fault.New(fault.NotFound, "fault.sign_in.over", nil)
	}
	return v, err
}

func (p *SignIn) waiting(w http.ResponseWriter, r *http.Request) error {
	next := httpx.SafeNext(r.URL.Query().Get("next"), "")
	if r.URL.Query().Get("why") == whyNobody {
		return p.kit.Page(w, r, nobodyAble())
	}
	v, err := p.asked(r)
	if err != nil {
		return p.fail(w, r, err, next)
	}
	switch {
	case !v.Action.Decidable(v.Now):
		return p.kit.Page(w, r, stoppedPage(v))
	case v.Action.State == trust.ActionApproved:
		return p.kit.Page(w, r, ui.SignInReady{Next: next, Names: anyOf(v.Contacts), Until: v.Action.ExpiresAt},
			httpx.Live(pathSignInWaiting+"/events", noRefresh))
	}
	return p.kit.Page(w, r, ui.SignInWaiting{
		Next: next, Names: anyOf(v.Contacts), Until: v.Action.ExpiresAt, Needed: v.Action.Needed, Approved: v.Approved,
		Match: ui.MatchNumber{Number: v.Match, Hint: ui.K("sign_in.waiting.match")},
	}, httpx.Live(pathSignInWaiting+"/events", noRefresh))
}

// waitingEvents tells the page that a contact answered, or that time did.
func (p *SignIn) waitingEvents(w http.ResponseWriter, r *http.Request) error {
	return watch(w, r, lookEvery, func() (string, bool, error) {
		v, err := p.asked(r)
		return fmt.Sprint(v.Action.State, v.Approved, len(v.Contacts)), !v.Action.Decidable(v.Now), err
	})
}

func (p *SignIn) enterApproved(w http.ResponseWriter, r *http.Request) error {
	form, err := httpx.Form(r)
	if err != nil {
		return err
	}
	next := httpx.SafeNext(form.Get("next"), "")
	in, err := p.of.EnterApproved(r.Context(), p.kit.Act(r), p.kit.Cookie(r, signInCookie))
	switch {
	case fault.Is(err, fault.Conflict): // not approved yet, or stopped in the last moment: the page says which
		return httpx.Redirect(w, r, withNext(pathSignInWaiting, next))
	case err != nil:
		return p.fail(w, r, err, next)
	}
	return httpx.Redirect(w, r, p.welcome(w, in, "", next))
}

func (p *SignIn) leaveWaiting(w http.ResponseWriter, r *http.Request) error {
	if _, err := httpx.Form(r); err != nil {
		return err
	}
	err := p.of.LeaveWaiting(r.Context(), p.kit.Act(r), p.kit.Cookie(r, signInCookie))
	if err != nil && !fault.Is(err, fault.Conflict) && !fault.Is(err, fault.NotFound) { // over already: that is what was wanted
		return err
	}
	p.kit.ClearCookie(w, signInCookie)
	return httpx.Redirect(w, r, SignInPath+"?why=left")
}

// keepWaiting lets the browser hold the secret of its sign-in for as long as the contacts may think.
func (p *SignIn) keepWaiting(w http.ResponseWriter, in session.Entered, next string) string {
	p.kit.SetCookie(w, signInCookie, in.Token, in.Waits.Sub(p.now())+time.Hour) // an hour more, to tell how it ended
	return withNext(pathSignInWaiting, next)
}

func nobodyAble() ui.SignInStopped {
	return ui.SignInStopped{
		Icon: "users", Heading: ui.K("sign_in.stopped.nobody.title"), What: ui.K("sign_in.stopped.nobody"), InPerson: true,
		Next: []ui.Text{ui.K("sign_in.stopped.nobody.known"), ui.K("sign_in.stopped.nobody.later")},
	}
}

// stoppedPage says how the waiting ended and what to do now. A contact's suspicion is told to the owner on his own
// channels, not here: a criminal need not read it.
func stoppedPage(v trust.SignInAsked) ui.SignInStopped {
	page := ui.SignInStopped{Icon: "ban", Again: true}
	why := "over"
	switch v.Action.State {
	case trust.ActionRejected:
		why, page.InPerson = "rejected", true
		page.Next = []ui.Text{ui.K("sign_in.stopped.rejected.next")}
	case trust.Waiting, trust.ActionApproved, trust.ActionExpired: // the time is over, though the timer may not have come yet
		page.Icon, why, page.InPerson = "hourglass", "expired", true
		page.Next = []ui.Text{ui.K("sign_in.stopped.expired.next")}
	case trust.ActionCancelled:
		switch v.Action.EndReason {
		case trust.WhySuperseded, trust.WhyContactLeft, trust.WhyFrozen:
			why = v.Action.EndReason
			page.Next = []ui.Text{ui.K("sign_in.stopped." + why + ".next")}
		}
	case trust.NoAction, trust.ActionDone:
	}
	page.Heading, page.What = ui.K("sign_in.stopped."+why+".title"), ui.K("sign_in.stopped."+why)
	return page
}
