package web

import (
	"context"
	"net/http"
	"slices"
	"time"

	"doverie/internal/account"
	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/httpx"
	"doverie/internal/policy"
	"doverie/internal/session"
	"doverie/internal/ui"
)

// Credentials is what a person signs in with; account.Service has it.
type Credentials interface {
	Profile(ctx context.Context, account string) (account.Account, error)
	ChangePassword(ctx context.Context, act effect.Act, c account.Caller, oldPassword, newPassword string) error
	EnrolTOTP(ctx context.Context, act effect.Act, c account.Caller) (account.TOTPOffer, error)
	ConfirmTOTP(ctx context.Context, act effect.Act, c account.Caller, typed string) error
	RemoveTOTP(ctx context.Context, act effect.Act, c account.Caller) error
}

// SessionLists shows and ends what is signed in; session.Service has it.
type SessionLists interface {
	Authenticator
	List(ctx context.Context, auth session.Auth) ([]session.Session, []session.Device, error)
	End(ctx context.Context, act effect.Act, auth session.Auth, sessionID string) error
	SignOut(ctx context.Context, act effect.Act, auth session.Auth) error
	SignOutEverywhere(ctx context.Context, act effect.Act, auth session.Auth, keepThis bool) error
	ForgetDevice(ctx context.Context, act effect.Act, auth session.Auth, deviceID string) error
}

// Security is «Безопасность»: password, second factor, sessions and devices.
type Security struct {
	kit      *httpx.Kit
	of       Credentials
	sessions SessionLists
	guards   OwnLinks
	asked    OwnActions
	policy   policy.Policy
	now      func() time.Time
	cookie   string // of the session
	keys     bool   // passkeys are offered; NewPasskeys says so
	push     bool   // notices in browsers are offered; NewPush says so
}

// NewSecurity prepares the pages.
func NewSecurity(kit *httpx.Kit, of Credentials, sessions SessionLists, guards OwnLinks, asked OwnActions, p policy.Policy, now func() time.Time) *Security {
	return &Security{kit: kit, of: of, sessions: sessions, guards: guards, asked: asked, policy: p, now: now}
}

// Mount adds the pages. What takes a protection away needs the repeated check; ending a session does not:
// whoever sees a stranger there must be quick.
func (p *Security) Mount(mux *http.ServeMux, citizens *httpx.Gate) {
	p.cookie = citizens.Cookie
	session := func(h httpx.Handler) http.Handler { return p.kit.Handle(citizens.RequireSession(h)) }
	stepUp := func(h httpx.Handler) http.Handler { return p.kit.Handle(citizens.RequireStepUp(h)) }
	mux.Handle("GET /settings/safety/login", session(p.home))
	mux.Handle("GET /settings/safety/password", session(p.passwordForm))
	mux.Handle("POST /settings/safety/password", session(p.password))
	mux.Handle("GET /settings/safety/totp", stepUp(p.totpForm))
	mux.Handle("POST /settings/safety/totp", stepUp(p.enrol))
	mux.Handle("GET /settings/safety/totp/confirm", stepUp(p.confirmForm))
	mux.Handle("POST /settings/safety/totp/confirm", stepUp(p.confirm))
	mux.Handle("POST /settings/safety/totp/remove", stepUp(p.removeTOTP))
	mux.Handle("GET /settings/safety/sessions", session(p.list))
	mux.Handle("POST /settings/safety/sessions/stop-asked", session(p.stopAsked))
	mux.Handle("POST /settings/safety/sessions/{id}/end", session(p.end))
	mux.Handle("POST /settings/safety/sessions/end-others", session(p.endOthers))
	mux.Handle("POST /settings/safety/devices/{id}/forget", session(p.forget))
}

func (p *Security) home(w http.ResponseWriter, r *http.Request) error {
	auth, err := p.sessions.Authenticate(r.Context(), httpx.VisitorOf(r).Secret)
	if err != nil {
		return err
	}
	sessions, devices, err := p.sessions.List(r.Context(), auth)
	if err != nil {
		return err
	}
	links, err := p.guards.LinksOf(r.Context(), auth.Account.ID)
	if err != nil {
		return err
	}
	page := p.homePage(r, auth.Account, guarding(links), len(sessions), len(devices))
	if p.keys {
		page.Cards = slices.Insert(page.Cards, 1, passkeyCard(auth.Account))
	}
	if p.push {
		page.Cards = append(page.Cards, pushCard())
	}
	switch done := r.URL.Query().Get("done"); done {
	case "password", "totp-on", "totp-off":
		page.News = ui.Notice{Tone: ui.Success, Text: ui.K("security.done." + done)}
	}
	return p.kit.Page(w, r, page, httpx.Section(pathSecurity))
}

func (p *Security) homePage(r *http.Request, a account.Account, guards, sessions, devices int) ui.SecurityHome {
	app := ui.SectionCard{
		Icon: "smartphone", Title: ui.K("security.card.totp"), Text: ui.K("security.card.totp.off"), Href: pathTOTP,
	}
	if a.TOTP.Enrolled() {
		app.Text, app.Badge = ui.K("security.card.totp.on"), ui.Badge{Tone: ui.Success, Text: ui.K("security.card.totp.badge")}
	}
	page := ui.SecurityHome{
		Guard: guardCardOf(guards),
		Cards: []ui.SectionCard{
			{Icon: "key-round", Title: ui.K("security.card.password"), Text: ui.K("security.card.password.text", "At", p.kit.Printer(r).Date(a.PasswordChangedAt)), Href: MustChangePath},
			app,
			{Icon: "laptop", Title: ui.K("security.card.sessions"), Text: ui.K("security.card.sessions.text", "Sessions", sessions, "Devices", devices), Href: pathSessions},
			{Icon: "shield-check", Title: ui.K("guards.title"), Text: ui.K("security.card.guards"), Href: pathGuards},
			{Icon: "globe", Title: ui.K("systems.card.title"), Text: ui.K("systems.card.text"), Href: "/settings/safety/consents"},
			{Icon: "history", Title: ui.K("layout.nav.events"), Text: ui.K("account.card.events"), Href: pathEvents},
			{Icon: "mail", Title: ui.K("messages.title"), Text: ui.K("messages.card"), Href: pathMessages},
		},
	}
	if a.OnHold(p.now()) {
		page.Hold = a.HoldUntil
	}
	return page
}

func (p *Security) passwordForm(w http.ResponseWriter, r *http.Request) error {
	v := httpx.VisitorOf(r)
	if v.OnlyPath == "" && !v.SteppedUp {
		return fault.New(fault.StepUp, "fault.step_up", nil)
	}
	return p.kit.Page(w, r, p.passwordPage(v.OnlyPath != "", nil), httpx.Section(pathSecurity))
}

func (p *Security) passwordPage(must bool, errs ui.Errors) ui.SecurityPassword {
	old := ui.PasswordField{Name: "old", Label: ui.K("security.password.old")}
	if must {
		old.Label, old.Hint = ui.K("security.password.temporary"), ui.K("security.password.temporary.hint")
	}
	return ui.SecurityPassword{
		Errors: errs, Must: must, Old: old.Check(errs), New: newPassword("new", ui.K("security.password.new"), p.policy).Check(errs),
	}
}

func (p *Security) password(w http.ResponseWriter, r *http.Request) error {
	form, err := httpx.Form(r)
	if err != nil {
		return err
	}
	auth, err := p.sessions.Authenticate(r.Context(), httpx.VisitorOf(r).Secret)
	if err != nil {
		return err
	}
	must := auth.Gate == session.MustChangeGate
	err = p.of.ChangePassword(r.Context(), p.kit.Act(r), auth.Caller(), form.Get("old"), form.Get("new"))
	switch {
	case err == nil:
		return httpx.Redirect(w, r, pathSecurity+"?done=password")
	case must && fault.Is(err, fault.StepUp):
		// The sign-in itself stood for the check, and was too long ago: it is done again.
		if err := p.sessions.SignOut(r.Context(), p.kit.Act(r), auth); err != nil {
			return err
		}
		p.kit.ClearCookie(w, p.cookie)
		return httpx.Redirect(w, r, SignInPath+"?why=late")
	}
	if errs, ok := httpx.FormErrors(err, "old"); ok {
		return p.kit.FormAgain(w, r, p.passwordPage(must, errs), httpx.Section(pathSecurity))
	}
	return err
}
