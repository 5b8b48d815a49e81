package web

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/httpx"
	"doverie/internal/policy"
	"doverie/internal/session"
	"doverie/internal/ui"
)

// Where citizens sign in, prove themselves again, and are held until a temporary password is changed.
const (
	SignInPath     = "/sign-in"
	StepUpPath     = "/step-up"
	MustChangePath = "/settings/safety/password"
	FrozenPath     = pathFrozen
)

const (
	pathSignInCode = "/sign-in/code"
	pathProfile    = "/settings/account"
)

// The cookies of the sign-in. The session's own cookie is the gate's.
const (
	signInCookie = "sign_in" // a sign-in whose password was right
	deviceCookie = "device"  // a remembered browser
)

// deviceLife is how long a browser stays remembered without being used; every sign-in begins it anew.
const deviceLife = 365 * 24 * time.Hour

// SignIns is how a person signs in and out; session.Service has it.
type SignIns interface {
	Authenticator
	Begin(ctx context.Context, act effect.Act, in session.BeginInput) (session.Begun, error)
	Pending(ctx context.Context, token string) (session.Step, error)
	Choose(ctx context.Context, act effect.Act, token string, m session.Method) (session.Step, error)
	Resend(ctx context.Context, act effect.Act, token string) (session.Step, error)
	Enter(ctx context.Context, act effect.Act, in session.EnterInput) (session.Entered, error)
	SignOut(ctx context.Context, act effect.Act, auth session.Auth) error
	WaitingSignIns
}

// Authenticator reads the whole session of a browser, for the services that ask for it.
type Authenticator interface {
	Authenticate(ctx context.Context, token string) (session.Auth, error)
}

// SignIn is the pages of the sign-in.
type SignIn struct {
	arrivals

	kit      *httpx.Kit
	of       SignIns
	contacts AskedContacts
	policy   policy.Policy
	now      func() time.Time
	cookie   string // of the session
	keys     bool   // passkeys are offered; NewPasskeys says so
}

// NewSignIn prepares the pages.
func NewSignIn(kit *httpx.Kit, of SignIns, contacts AskedContacts, p policy.Policy, now func() time.Time) *SignIn {
	return &SignIn{kit: kit, of: of, contacts: contacts, policy: p, now: now}
}

// Mount adds the pages.
func (p *SignIn) Mount(mux *http.ServeMux, citizens *httpx.Gate) {
	p.cookie = citizens.Cookie
	mux.Handle("GET /sign-in", p.kit.Handle(citizens.Maybe(p.form)))
	mux.Handle("POST /sign-in", p.kit.Paced(p.kit.Handle(p.begin)))
	mux.Handle("GET /sign-in/code", p.kit.Handle(p.codeForm))
	mux.Handle("POST /sign-in/code", p.kit.Handle(p.enter))
	mux.Handle("POST /sign-in/resend", p.kit.Handle(p.resend))
	mux.Handle("POST /sign-in/method", p.kit.Handle(p.choose))
	mux.Handle("POST /sign-out", p.kit.Handle(citizens.Maybe(p.signOut)))
	p.mountWaiting(mux)
}

func (p *SignIn) form(w http.ResponseWriter, r *http.Request) error {
	next := httpx.SafeNext(r.URL.Query().Get("next"), "")
	if v := httpx.VisitorOf(r); v.Account != "" {
		return httpx.Redirect(w, r, orProfile(next))
	}
	return p.kit.Page(w, r, p.keyed(signInPage("", next, signInNews(r.URL.Query()), nil)))
}

// signInNews says why the reader is here (again). The address chooses among fixed sentences.
func signInNews(query url.Values) ui.Notice {
	switch query.Get("why") {
	case "over":
		return ui.Notice{Tone: ui.Warning, Text: ui.K("fault.sign_in.over")}
	case "failed":
		return ui.Notice{Tone: ui.Warning, Text: ui.K("fault.sign_in.failed")}
	case "late":
		return ui.Notice{Tone: ui.Info, Text: ui.K("sign_in.news.late")}
	case "left":
		return ui.Notice{Tone: ui.Info, Text: ui.K("sign_in.news.left")}
	case "out":
		return ui.Notice{Tone: ui.Success, Text: ui.K("sign_in.news.out")}
	}
	if query.Get("next") != "" {
		return ui.Notice{Tone: ui.Info, Text: ui.K("fault.sign_in")}
	}
	return ui.Notice{}
}

func signInPage(typed, next string, news ui.Notice, errs ui.Errors) ui.SignInForm {
	const longestEmail = 254
	return ui.SignInForm{
		Errors: errs, News: news, Next: next,
		Identifier: ui.TextField{
			Name: "identifier", Label: ui.K("sign_in.identifier"), Hint: ui.K("sign_in.identifier.hint"), Value: typed,
			Autocomplete: "username", MaxLength: longestEmail,
		}.Check(errs),
		Password: ui.PasswordField{Name: "password", Label: ui.K("sign_in.password")}.Check(errs),
	}
}

func (p *SignIn) begin(w http.ResponseWriter, r *http.Request) error {
	form, err := httpx.Form(r)
	if err != nil {
		return err
	}
	typed, next := form.Get("identifier"), httpx.SafeNext(form.Get("next"), "")
	if form.Get("password") == "" { // no attempt: nothing is counted
		var errs ui.Errors
		if strings.TrimSpace(typed) == "" {
			errs = ui.Errors{{Field: "identifier", Text: ui.K("fault.identifier.missing")}}
		}
		errs = append(errs, ui.FieldError{Field: "password", Text: ui.K("sign_in.password.missing")})
		return p.kit.FormAgain(w, r, p.keyed(signInPage(typed, next, ui.Notice{}, errs)))
	}
	begun, err := p.of.Begin(r.Context(), p.kit.Act(r), session.BeginInput{
		Identifier: typed, Password: form.Get("password"), DeviceToken: p.kit.Cookie(r, deviceCookie),
	})
	if err != nil {
		if errs, ok := httpx.FormErrors(err, "identifier"); ok {
			return p.kit.FormAgain(w, r, p.keyed(signInPage(typed, next, ui.Notice{}, errs)))
		}
		return err
	}
	p.kit.SetCookie(w, signInCookie, begun.Token, p.policy.SignInTTL)
	return httpx.Redirect(w, r, withNext(pathSignInCode, next))
}

func (p *SignIn) signOut(w http.ResponseWriter, r *http.Request) error {
	v := httpx.VisitorOf(r)
	if v.Account != "" {
		auth, err := p.of.Authenticate(r.Context(), v.Secret)
		if err == nil {
			err = p.of.SignOut(r.Context(), p.kit.Act(r), auth)
		}
		if err != nil && !fault.Is(err, fault.SignIn) { // ended meanwhile: that is what was wanted
			return err
		}
	}
	p.kit.ClearCookie(w, p.cookie)
	return httpx.Redirect(w, r, SignInPath+"?why=out")
}

// withNext carries the way onward along.
func withNext(path, next string) string {
	if next == "" {
		return path
	}
	return path + "?next=" + url.QueryEscape(next)
}

func orProfile(next string) string {
	if next == "" {
		return pathProfile
	}
	return next
}
