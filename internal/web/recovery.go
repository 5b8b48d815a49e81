package web

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/httpx"
	"doverie/internal/policy"
	"doverie/internal/recovery"
	"doverie/internal/ui"
)

// Recoveries is the applicant's side of a recovery; recovery.Service has it.
type Recoveries interface {
	Start(ctx context.Context, act effect.Act, identifier, remembered string) (browser string, err error)
	View(ctx context.Context, browser string) (recovery.View, error)
	SendCode(ctx context.Context, act effect.Act, browser, remembered string) error
	Prove(ctx context.Context, act effect.Act, browser, typed, snils string) error
	Verify(ctx context.Context, act effect.Act, browser, typed string) error
	Complete(ctx context.Context, act effect.Act, browser, password string) error
	Cancel(ctx context.Context, act effect.Act, browser string) error
}

// Recovery is the pages of whoever recovers an access. Nobody is signed in here: the browser holds the
// secret of its own recovery in a cookie, and one dispatcher sends it to the step whose turn it is.
type Recovery struct {
	arrivals

	kit    *httpx.Kit
	of     Recoveries
	policy policy.Policy
	signIn string
	every  time.Duration // how often a live page looks
}

// NewRecovery prepares the pages.
func NewRecovery(kit *httpx.Kit, of Recoveries, p policy.Policy) *Recovery {
	return &Recovery{kit: kit, of: of, policy: p, every: lookEvery}
}

// The addresses of the steps.
const (
	pathRecovery         = "/recovery"
	pathRecoveryCode     = "/recovery/code"
	pathRecoveryWait     = "/recovery/wait"
	pathRecoveryFinish   = "/recovery/finish"
	pathRecoveryPassword = "/recovery/password"
	pathRecoveryDone     = "/recovery/done"
	pathRecoveryEnd      = "/recovery/end"
)

// recoveryCookie holds the secret of the browser that started a recovery.
const recoveryCookie = "recovery"

// Mount adds the pages. citizens only tells where the sign-in is: a recovery is never a signed-in act.
func (p *Recovery) Mount(mux *http.ServeMux, citizens *httpx.Gate) {
	p.signIn = citizens.SignIn
	mux.Handle("GET /recovery", p.kit.Handle(p.startForm))
	mux.Handle("POST /recovery", p.kit.Paced(p.kit.Handle(p.start)))
	mux.Handle("GET /recovery/code", p.kit.Paced(p.kit.Handle(p.step(pathRecoveryCode, p.codeForm))))
	mux.Handle("POST /recovery/code", p.kit.Paced(p.kit.Handle(p.act(p.prove))))
	mux.Handle("POST /recovery/code/resend", p.kit.Paced(p.kit.Handle(p.act(p.resend))))
	mux.Handle("GET /recovery/wait", p.kit.Handle(p.step(pathRecoveryWait, p.wait)))
	mux.Handle("GET /recovery/events", p.kit.Handle(p.events))
	mux.Handle("POST /recovery/cancel", p.kit.Paced(p.kit.Handle(p.cancel)))
	mux.Handle("GET /recovery/finish", p.kit.Handle(p.step(pathRecoveryFinish, p.finishForm)))
	mux.Handle("POST /recovery/finish", p.kit.Handle(p.act(p.verify)))
	mux.Handle("POST /recovery/finish/send", p.kit.Handle(p.act(p.sendSecond)))
	mux.Handle("GET /recovery/password", p.kit.Handle(p.step(pathRecoveryPassword, p.passwordForm)))
	mux.Handle("POST /recovery/password", p.kit.Handle(p.act(p.complete)))
	mux.Handle("GET /recovery/done", p.kit.Handle(p.step(pathRecoveryDone, p.done)))
	mux.Handle("GET /recovery/end", p.kit.Handle(p.step(pathRecoveryEnd, p.end)))
}

// here is the recovery of this browser.
type here struct {
	browser string
	view    recovery.View
}

// here finds the recovery of this browser; the zero state when there is none.
func (p *Recovery) here(r *http.Request) (here, error) {
	h := here{browser: p.kit.Cookie(r, recoveryCookie)}
	if h.browser == "" {
		return h, nil
	}
	v, err := p.of.View(r.Context(), h.browser)
	if fault.Is(err, fault.NotFound) {
		return here{}, nil
	}
	if err != nil {
		return here{}, err
	}
	h.view = lapsed(v)
	return h, nil
}

// lapsed shows a recovery whose time is over as expired, though its timer has not come yet.
func lapsed(v recovery.View) recovery.View {
	if r := (recovery.Recovery{State: v.State}); !r.Open() && v.State != recovery.Proving {
		return v
	}
	if v.Now.Before(v.ExpiresAt) {
		return v
	}
	v.EndReason, v.State, v.EndedAt = string(v.State), recovery.Expired, v.ExpiresAt
	return v
}

// turn is the page of the step whose turn it is.
func turn(s recovery.State) string {
	switch s {
	case recovery.None:
		return pathRecovery
	case recovery.Proving:
		return pathRecoveryCode
	case recovery.Awaiting:
		return pathRecoveryWait
	case recovery.Approved:
		return pathRecoveryFinish
	case recovery.Verified:
		return pathRecoveryPassword
	case recovery.Completed:
		return pathRecoveryDone
	case recovery.Rejected, recovery.Disowned, recovery.Expired, recovery.Cancelled, recovery.Superseded, recovery.LockedOut:
	}
	return pathRecoveryEnd
}

// step shows a page only when it is its turn; whoever skips a step goes to the one whose turn it is.
func (p *Recovery) step(path string, page func(http.ResponseWriter, *http.Request, here) error) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		h, err := p.here(r)
		if err != nil {
			return err
		}
		if to := turn(h.view.State); to != path {
			return httpx.Redirect(w, r, to)
		}
		return page(w, r, h)
	}
}

// act is what a form of a step posts to. Nothing is looked up first: the service knows whose turn it is, and
// refuses whoever is out of turn; where to then, onward and again find out.
func (p *Recovery) act(do func(w http.ResponseWriter, r *http.Request, browser string) error) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		browser := p.kit.Cookie(r, recoveryCookie)
		if browser == "" {
			return httpx.Redirect(w, r, pathRecovery)
		}
		return do(w, r, browser)
	}
}

// again shows the form of a step once more, if it is still its turn.
func (p *Recovery) again(w http.ResponseWriter, r *http.Request, path string, page func(here) ui.Page) error {
	return p.step(path, func(w http.ResponseWriter, r *http.Request, h here) error {
		return p.kit.FormAgain(w, r, page(h))
	})(w, r)
}

// onward sends the reader to the step whose turn it is now, when the error says that the recovery has
// moved or ended meanwhile, or is none of this browser's: its own page tells what happened. Other errors come back.
func (p *Recovery) onward(w http.ResponseWriter, r *http.Request, err error) error {
	key := fault.Of(err).Key
	moved := strings.HasPrefix(key, "fault.recovery.state_") ||
		slices.Contains([]string{"fault.recovery.codes_used_up", "fault.recovery.guarded_now", "fault.recovery.contact_gone"}, key)
	if fault.Is(err, fault.NotFound) || moved {
		h, err := p.here(r)
		if err != nil {
			return err
		}
		to := turn(h.view.State)
		if strings.HasPrefix(r.URL.Path, to) { // it has just moved again: the dispatcher looks once more
			to = pathRecovery
		}
		return httpx.Redirect(w, r, to)
	}
	return err
}

// cookieLife is as long as the longest recovery, and one hour for its last page.
func (p *Recovery) cookieLife() time.Duration {
	return p.policy.RecoveryProving + max(p.policy.RecoveryWait, p.policy.RecoveryQuietWait) + p.policy.RecoveryFinish + time.Hour
}

func (p *Recovery) cancel(w http.ResponseWriter, r *http.Request) error {
	h, err := p.here(r)
	if err != nil {
		return err
	}
	if h.browser == "" {
		return httpx.Redirect(w, r, pathRecovery)
	}
	err = p.of.Cancel(r.Context(), p.kit.Act(r), h.browser)
	if err != nil && !fault.Is(err, fault.Conflict) { // somebody was first: the next page says who
		return err
	}
	return httpx.Redirect(w, r, pathRecovery)
}
