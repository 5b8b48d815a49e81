package web

import (
	"context"
	"net/http"
	"strings"
	"time"

	"doverie/internal/account"
	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/httpx"
	"doverie/internal/policy"
	"doverie/internal/secret"
	"doverie/internal/session"
	"doverie/internal/ui"
)

// RegisterPath is the first page of a registration.
const RegisterPath = "/register"

const (
	pathRegisterCode   = "/register/code"
	registrationCookie = "registration"
)

// Registrations makes accounts; account.Service has it.
type Registrations interface {
	Register(ctx context.Context, act effect.Act, in account.RegisterInput) (account.RegistrationOpened, error)
	RegistrationOf(ctx context.Context, token string) (account.Registration, error)
	ResendRegistrationCode(ctx context.Context, act effect.Act, token string) (resendAt time.Time, err error)
	EnterRegistrationCode(ctx context.Context, act effect.Act, token, typed string) (account.Account, error)
}

// FirstSession signs a person in who registered in this very request; session.Service has it.
type FirstSession interface {
	OpenRegistered(ctx context.Context, act effect.Act, a account.Account, remember bool) (session.Entered, error)
}

// Registration is the pages of whoever has no account yet. They are the same, word for word, whoever has
// the phone already (I6).
type Registration struct {
	arrivals

	kit      *httpx.Kit
	of       Registrations
	sessions FirstSession
	policy   policy.Policy
	now      func() time.Time
	cookie   string // of the session
	signIn   string
}

// NewRegistration prepares the pages.
func NewRegistration(kit *httpx.Kit, of Registrations, sessions FirstSession, p policy.Policy, now func() time.Time) *Registration {
	return &Registration{kit: kit, of: of, sessions: sessions, policy: p, now: now}
}

// Mount adds the pages.
func (p *Registration) Mount(mux *http.ServeMux, citizens *httpx.Gate) {
	p.cookie, p.signIn = citizens.Cookie, citizens.SignIn
	mux.Handle("GET /register", p.kit.Handle(citizens.Maybe(p.form)))
	mux.Handle("POST /register", p.kit.Paced(p.kit.Handle(p.register)))
	mux.Handle("GET /register/code", p.kit.Paced(p.kit.Handle(p.codeForm)))
	mux.Handle("POST /register/code", p.kit.Paced(p.kit.Handle(p.enter)))
	mux.Handle("POST /register/resend", p.kit.Paced(p.kit.Handle(p.resend)))
}

func (p *Registration) form(w http.ResponseWriter, r *http.Request) error {
	if httpx.VisitorOf(r).Account != "" {
		return httpx.Redirect(w, r, pathProfile)
	}
	var in account.RegisterInput
	if r.URL.Query().Has("again") { // back from the code, to correct something: nothing typed is lost
		if reg, err := p.of.RegistrationOf(r.Context(), p.kit.Cookie(r, registrationCookie)); err == nil {
			in = account.RegisterInput{
				Family: reg.Family, Given: reg.Given, Patronymic: reg.Patronymic, Phone: account.ShowPhone(reg.Phone), Email: reg.Email,
			}
		}
	}
	page := p.formPage(in, nil)
	switch r.URL.Query().Get("why") {
	case "over":
		page.Over = ui.K("fault.registration.over")
	case "failed":
		page.Over = ui.K("fault.registration.failed")
	}
	return p.kit.Page(w, r, page)
}

func (p *Registration) formPage(in account.RegisterInput, errs ui.Errors) ui.RegisterForm {
	const phoneMax, emailMax = 30, 254
	name := func(field, autocomplete, typed string, optional bool) ui.TextField {
		return ui.TextField{
			Name: field, Label: ui.K("register." + field), Value: typed, Autocomplete: autocomplete, MaxLength: account.NameMax, Optional: optional,
		}.Check(errs)
	}
	return ui.RegisterForm{
		Errors: errs, SignIn: p.signIn,
		Family:     name("family", "family-name", in.Family, false),
		Given:      name("given", "given-name", in.Given, false),
		Patronymic: name("patronymic", "additional-name", in.Patronymic, true),
		Phone: ui.TextField{
			Name: "phone", Label: ui.K("register.phone"), Hint: ui.K("register.phone.hint"), Value: in.Phone,
			Type: "tel", InputMode: "tel", Autocomplete: "tel", MaxLength: phoneMax,
		}.Check(errs),
		Email: ui.TextField{
			Name: "email", Label: ui.K("register.email"), Hint: ui.K("register.email.hint"), Value: in.Email,
			Type: "email", InputMode: "email", Autocomplete: "email", MaxLength: emailMax, Optional: true,
		}.Check(errs),
		Password: newPassword("password", ui.K("register.password"), p.policy).Check(errs),
	}
}

// newPassword asks for a password that does not exist yet.
func newPassword(name string, label ui.Text, p policy.Policy) ui.PasswordField {
	return ui.PasswordField{Name: name, Label: label, New: true, Hint: ui.K("security.password.hint", "Min", p.PasswordMin)}
}

func (p *Registration) register(w http.ResponseWriter, r *http.Request) error {
	form, err := httpx.Form(r)
	if err != nil {
		return err
	}
	in := account.RegisterInput{
		Family: form.Get("family"), Given: form.Get("given"), Patronymic: form.Get("patronymic"),
		Phone: form.Get("phone"), Email: form.Get("email"), Password: form.Get("password"), Locale: httpx.Lang(r),
	}
	opened, err := p.of.Register(r.Context(), p.kit.Act(r), in)
	if err != nil {
		if errs, ok := httpx.FormErrors(err, "phone"); ok {
			return p.kit.FormAgain(w, r, p.formPage(in, errs))
		}
		return err
	}
	p.kit.SetCookie(w, registrationCookie, opened.Token, p.policy.RegistrationTTL)
	return httpx.Redirect(w, r, pathRegisterCode)
}

func (p *Registration) codeForm(w http.ResponseWriter, r *http.Request) error {
	reg, err := p.of.RegistrationOf(r.Context(), p.kit.Cookie(r, registrationCookie))
	if err != nil {
		return p.over(w, r, err)
	}
	page := p.codePage(r.Context(), reg, nil)
	page.Resent = r.URL.Query().Has("sent")
	return p.kit.Page(w, r, page)
}

// over begins the registration anew when it is over, and returns every other error.
func (p *Registration) over(w http.ResponseWriter, r *http.Request, err error) error {
	to := RegisterPath
	switch f := fault.Of(err); {
	case f.Key == "fault.registration.failed":
		to += "?why=failed"
	case f.Key == "fault.registration.over":
		to += "?why=over"
	case f.Kind != fault.NotFound: // no such registration: the first page
		return err
	}
	p.kit.ClearCookie(w, registrationCookie)
	return httpx.Redirect(w, r, to)
}

func (p *Registration) codePage(ctx context.Context, reg account.Registration, errs ui.Errors) ui.RegisterCode {
	return ui.RegisterCode{
		Errors: errs, Phone: reg.Phone, Pause: p.policy.CodeResend,
		Code: ui.CodeField{
			Name: "code", SentTo: unbroken(account.ShowPhone(reg.Phone)), Does: ui.K("register.code.does"), Timed: true,
			Left: reg.CodeSentAt.Add(p.policy.CodeTTL).Sub(p.now()), Delivery: p.delivery(ctx, secret.RegisterPhone, reg.ID),
		}.Check(errs),
	}
}

func (p *Registration) codeAgain(w http.ResponseWriter, r *http.Request, errs ui.Errors) error {
	reg, err := p.of.RegistrationOf(r.Context(), p.kit.Cookie(r, registrationCookie))
	if err != nil {
		return p.over(w, r, err)
	}
	return p.kit.FormAgain(w, r, p.codePage(r.Context(), reg, errs))
}

func (p *Registration) enter(w http.ResponseWriter, r *http.Request) error {
	form, err := httpx.Form(r)
	if err != nil {
		return err
	}
	if strings.TrimSpace(form.Get("code")) == "" { // an empty field is no attempt
		return p.codeAgain(w, r, emptyCode())
	}
	a, err := p.of.EnterRegistrationCode(r.Context(), p.kit.Act(r), p.kit.Cookie(r, registrationCookie), form.Get("code"))
	if err != nil {
		if fault.Of(err).Key == "fault.registration.failed" {
			return p.over(w, r, err)
		}
		if errs, ok := httpx.FormErrors(err, "code"); ok {
			return p.codeAgain(w, r, errs)
		}
		return p.over(w, r, err)
	}
	p.kit.ClearCookie(w, registrationCookie)
	in, err := p.sessions.OpenRegistered(r.Context(), p.kit.Act(r), a, false)
	if err != nil {
		return err
	}
	p.kit.SetCookie(w, p.cookie, in.Token, p.policy.SessionTTL)
	return httpx.Redirect(w, r, pathProfile+"?done=registered")
}

func (p *Registration) resend(w http.ResponseWriter, r *http.Request) error {
	if _, err := p.of.ResendRegistrationCode(r.Context(), p.kit.Act(r), p.kit.Cookie(r, registrationCookie)); err != nil {
		if fault.Of(err).Key == "fault.registration.failed" {
			return p.over(w, r, err)
		}
		if errs, ok := httpx.FormErrors(err, "code"); ok {
			return p.codeAgain(w, r, errs)
		}
		return p.over(w, r, err)
	}
	return httpx.Redirect(w, r, pathRegisterCode+"?sent")
}
