package web

import (
	"context"
	"net/http"
	"strings"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/httpx"
	"doverie/internal/policy"
	"doverie/internal/secret"
	"doverie/internal/session"
	"doverie/internal/ui"
)

const pathStepUpCode = "/step-up/code"

// StepUps proves password and second factor again; session.Service has it.
type StepUps interface {
	Authenticator
	BeginStepUp(ctx context.Context, act effect.Act, auth session.Auth, password string, method session.Method) (session.Step, error)
	PendingStepUp(auth session.Auth) (session.Step, error)
	ChooseStepUp(ctx context.Context, act effect.Act, auth session.Auth, m session.Method) (session.Step, error)
	ResendStepUp(ctx context.Context, act effect.Act, auth session.Auth) (session.Step, error)
	EnterStepUp(ctx context.Context, act effect.Act, auth session.Auth, typed string) (session.Auth, string, error)
}

// StepUp is the pages of the repeated check. They are open to a session on a frozen account too: lifting
// a freeze begins with the check.
type StepUp struct {
	arrivals

	kit    *httpx.Kit
	of     StepUps
	policy policy.Policy
	now    func() time.Time
	cookie string // of the session
	keys   bool   // passkeys are offered; NewPasskeys says so
}

// NewStepUp prepares the pages.
func NewStepUp(kit *httpx.Kit, of StepUps, p policy.Policy, now func() time.Time) *StepUp {
	return &StepUp{kit: kit, of: of, policy: p, now: now}
}

// Mount adds the pages.
func (p *StepUp) Mount(mux *http.ServeMux, citizens *httpx.Gate) {
	p.cookie = citizens.Cookie
	signedIn := func(h authed) http.Handler { return p.kit.Handle(citizens.Maybe(p.signedIn(h))) }
	mux.Handle("GET /step-up", signedIn(p.form))
	mux.Handle("POST /step-up", signedIn(p.begin))
	mux.Handle("GET /step-up/code", signedIn(p.codeForm))
	mux.Handle("POST /step-up/code", signedIn(p.enter))
	mux.Handle("POST /step-up/resend", signedIn(p.resend))
	mux.Handle("POST /step-up/method", signedIn(p.choose))
}

// authed is a handler that needs the whole session.
type authed func(w http.ResponseWriter, r *http.Request, auth session.Auth) error

// signedIn lets everybody through who is signed in, but for those who must change a password first.
func (p *StepUp) signedIn(h authed) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		v := httpx.VisitorOf(r)
		if v.OnlyPath != "" && v.OnlyPath != FrozenPath {
			return httpx.Redirect(w, r, v.OnlyPath)
		}
		auth, err := p.of.Authenticate(r.Context(), v.Secret)
		if err != nil {
			return err
		}
		return h(w, r, auth)
	}
}

func (p *StepUp) form(w http.ResponseWriter, r *http.Request, auth session.Auth) error {
	page := p.passwordPage(auth, httpx.SafeNext(r.URL.Query().Get("next"), ""), nil)
	switch r.URL.Query().Get("why") {
	case "over":
		page.News = ui.Notice{Tone: ui.Warning, Text: ui.K("fault.step_up.over")}
	case "failed":
		page.News = ui.Notice{Tone: ui.Warning, Text: ui.K("fault.step_up.failed")}
	}
	return p.kit.Page(w, r, page)
}

func (p *StepUp) passwordPage(auth session.Auth, next string, errs ui.Errors) ui.StepUpPassword {
	var key ui.KeyButton
	if p.keys && auth.Account.Passkeys > 0 {
		key = stepUpKey(next)
	}
	return ui.StepUpPassword{
		Key:    key,
		Errors: errs, Next: next, Life: p.policy.StepUpTTL,
		Password: ui.PasswordField{Name: "password", Label: ui.K("sign_in.password")}.Check(errs),
	}
}

func (p *StepUp) begin(w http.ResponseWriter, r *http.Request, auth session.Auth) error {
	form, err := httpx.Form(r)
	if err != nil {
		return err
	}
	next := httpx.SafeNext(form.Get("next"), "")
	if form.Get("password") == "" {
		errs := ui.Errors{{Field: "password", Text: ui.K("sign_in.password.missing")}}
		return p.kit.FormAgain(w, r, p.passwordPage(auth, next, errs))
	}
	if _, err := p.of.BeginStepUp(r.Context(), p.kit.Act(r), auth, form.Get("password"), session.NoMethod); err != nil {
		if errs, ok := httpx.FormErrors(err, "password"); ok {
			return p.kit.FormAgain(w, r, p.passwordPage(auth, next, errs))
		}
		return err
	}
	return httpx.Redirect(w, r, withNext(pathStepUpCode, next))
}

func (p *StepUp) codeForm(w http.ResponseWriter, r *http.Request, auth session.Auth) error {
	next := httpx.SafeNext(r.URL.Query().Get("next"), "")
	st, err := p.of.PendingStepUp(auth)
	if err != nil {
		return overStepUp(w, r, err, next)
	}
	page := p.codePage(r.Context(), st, next, nil)
	page.Resent = r.URL.Query().Has("sent")
	return p.kit.Page(w, r, page)
}

// overStepUp begins with the password again when the check is over, and returns every other error.
func overStepUp(w http.ResponseWriter, r *http.Request, err error, next string) error {
	var why string
	switch fault.Of(err).Key {
	case "fault.step_up.over":
		why = "over"
	case "fault.step_up.failed":
		why = "failed"
	default:
		return err
	}
	to := StepUpPath + "?why=" + why
	if next != "" {
		to = withNext(StepUpPath, next) + "&why=" + why
	}
	return httpx.Redirect(w, r, to)
}

func (p *StepUp) codePage(ctx context.Context, st session.Step, next string, errs ui.Errors) ui.StepUpCode {
	page := ui.StepUpCode{SecondFactor: secondFactor(st, next, ui.K("step_up.code.does"), p.policy, p.now(), errs)}
	if page.BySMS {
		page.Code.Delivery = p.delivery(ctx, secret.StepUp, st.Bound)
	}
	return page
}

func (p *StepUp) codeAgain(w http.ResponseWriter, r *http.Request, auth session.Auth, next string, errs ui.Errors) error {
	st, err := p.of.PendingStepUp(auth)
	if err != nil {
		return overStepUp(w, r, err, next)
	}
	return p.kit.FormAgain(w, r, p.codePage(r.Context(), st, next, errs))
}

func (p *StepUp) enter(w http.ResponseWriter, r *http.Request, auth session.Auth) error {
	form, err := httpx.Form(r)
	if err != nil {
		return err
	}
	next := httpx.SafeNext(form.Get("next"), "")
	if strings.TrimSpace(form.Get("code")) == "" {
		return p.codeAgain(w, r, auth, next, emptyCode())
	}
	_, token, err := p.of.EnterStepUp(r.Context(), p.kit.Act(r), auth, form.Get("code"))
	if err != nil {
		if fault.Of(err).Key == "fault.step_up.failed" {
			return overStepUp(w, r, err, next)
		}
		if errs, ok := httpx.FormErrors(err, "code"); ok {
			return p.codeAgain(w, r, auth, next, errs)
		}
		return overStepUp(w, r, err, next)
	}
	// The session keeps its own end; the cookie of the new secret may outlive it and is then refused.
	p.kit.SetCookie(w, p.cookie, token, p.policy.SessionTTL)
	return httpx.Redirect(w, r, orProfile(next))
}

func (p *StepUp) resend(w http.ResponseWriter, r *http.Request, auth session.Auth) error {
	form, err := httpx.Form(r)
	if err != nil {
		return err
	}
	next := httpx.SafeNext(form.Get("next"), "")
	if _, err := p.of.ResendStepUp(r.Context(), p.kit.Act(r), auth); err != nil {
		if errs, ok := httpx.FormErrors(err, "code"); ok {
			return p.codeAgain(w, r, auth, next, errs)
		}
		return overStepUp(w, r, err, next)
	}
	return httpx.Redirect(w, r, sentAgain(pathStepUpCode, next))
}

func (p *StepUp) choose(w http.ResponseWriter, r *http.Request, auth session.Auth) error {
	form, err := httpx.Form(r)
	if err != nil {
		return err
	}
	next := httpx.SafeNext(form.Get("next"), "")
	if _, err := p.of.ChooseStepUp(r.Context(), p.kit.Act(r), auth, session.Method(form.Get("method"))); err != nil {
		if errs, ok := httpx.FormErrors(err, "code"); ok {
			return p.codeAgain(w, r, auth, next, errs)
		}
		return overStepUp(w, r, err, next)
	}
	return httpx.Redirect(w, r, withNext(pathStepUpCode, next))
}
