package web

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"doverie/internal/account"
	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/httpx"
	"doverie/internal/policy"
	"doverie/internal/session"
	"doverie/internal/ui"
)

const pathPasskeys = "/settings/safety/passkeys"

// keyCookie binds a sign-in by passkey to the browser that asked for it.
const keyCookie = "passkey"

// PasskeyService is what a person does with his keys; session.Passkeys has it.
type PasskeyService interface {
	ContactKeys
	BeginAdd(ctx context.Context, act effect.Act, auth session.Auth) ([]byte, error)
	Add(ctx context.Context, act effect.Act, auth session.Auth, name string, answer []byte) (session.Passkey, error)
	Rename(ctx context.Context, act effect.Act, auth session.Auth, keyID, name string) error
	Remove(ctx context.Context, act effect.Act, auth session.Auth, keyID string) error
	Keep(ctx context.Context, act effect.Act, auth session.Auth, keyID string) error
	BeginSignIn(ctx context.Context, act effect.Act) (options []byte, token string, err error)
	SignIn(ctx context.Context, act effect.Act, in session.KeyInput) (session.Entered, error)
	BeginSecond(ctx context.Context, act effect.Act, token string) ([]byte, error)
	Second(ctx context.Context, act effect.Act, in session.KeyInput) (session.Entered, error)
	BeginStepUp(ctx context.Context, act effect.Act, auth session.Auth) ([]byte, error)
	StepUp(ctx context.Context, act effect.Act, auth session.Auth, answer []byte) (session.Auth, string, error)
}

// ContactKeys tells whether somebody has a key; session.Passkeys has it.
type ContactKeys interface {
	Offered() bool
	List(ctx context.Context, accountID string) ([]session.Passkey, error)
}

// KeyDecisions is the contact's last word by passkey; trust.Decisions has it.
type KeyDecisions interface {
	BeginPasskey(ctx context.Context, act effect.Act, contact, session, approvalID string) ([]byte, error)
	ApproveWithPasskey(ctx context.Context, act effect.Act, contact, session, approvalID string, answer []byte) error
}

// Passkeys is the section «Ключ доступа», and what passkey.js asks for on the pages of others: each purpose
// has an address for the options and one for the key's answer.
type Passkeys struct {
	kit       *httpx.Kit
	of        PasskeyService
	who       Authenticator
	decisions KeyDecisions
	signIn    *SignIn
	policy    policy.Policy
	now       func() time.Time
	cookie    string // of the session
}

// NewPasskeys prepares the pages, and tells the pages beside which a key may answer that keys are offered.
// Where the service's address allows none, Mount adds nothing and no page speaks of keys.
func NewPasskeys(
	kit *httpx.Kit, of PasskeyService, decisions KeyDecisions, signIn *SignIn, stepUp *StepUp, security *Security, p policy.Policy, now func() time.Time,
) *Passkeys {
	signIn.keys, stepUp.keys, security.keys = of.Offered(), of.Offered(), of.Offered()
	return &Passkeys{kit: kit, of: of, who: stepUp.of, decisions: decisions, signIn: signIn, policy: p, now: now}
}

// Mount adds the pages.
func (p *Passkeys) Mount(mux *http.ServeMux, citizens *httpx.Gate) {
	if !p.of.Offered() {
		return
	}
	p.cookie = citizens.Cookie
	page := func(h authed) http.Handler { return p.kit.Handle(citizens.RequireSession(p.authed(h))) }
	stepUp := func(h authed) http.Handler { return p.kit.Handle(citizens.RequireStepUp(p.authed(h))) }
	open := func(h func(http.ResponseWriter, *http.Request, asked) (any, error)) http.Handler {
		return p.kit.Handle(fromScript(p.kit, h))
	}
	known := func(h scripted, only string) http.Handler {
		return p.kit.Handle(citizens.Maybe(fromScript(p.kit, p.known(h, only))))
	}
	mux.Handle("GET "+pathPasskeys, page(p.list))
	mux.Handle("GET "+pathPasskeys+"/add", stepUp(p.addForm))
	mux.Handle("GET "+pathPasskeys+"/{id}", page(p.one))
	mux.Handle("POST "+pathPasskeys+"/{id}", page(p.rename))
	mux.Handle("POST "+pathPasskeys+"/{id}/remove", stepUp(p.remove))
	mux.Handle("POST "+pathPasskeys+"/{id}/keep", stepUp(p.keep))
	mux.Handle("GET "+pathPasskeys+"/{id}/{act}", page(p.lost))
	mux.Handle("POST "+pathPasskeys+"/add/options", known(p.addOptions, ""))
	mux.Handle("POST "+pathPasskeys+"/add", known(p.add, ""))
	mux.Handle("POST /sign-in/passkey/options", open(p.signInOptions))
	mux.Handle("POST /sign-in/passkey", open(p.signedIn))
	mux.Handle("POST /sign-in/code/passkey/options", open(p.secondOptions))
	mux.Handle("POST /sign-in/code/passkey", open(p.second))
	mux.Handle("POST /step-up/passkey/options", known(p.stepUpOptions, FrozenPath))
	mux.Handle("POST /step-up/passkey", known(p.stepUp, FrozenPath))
	mux.Handle("POST /approvals/{id}/passkey/options", known(p.approvalOptions, ""))
	mux.Handle("POST /approvals/{id}/passkey", known(p.approve, ""))
}

// authed gives a page the whole session.
func (p *Passkeys) authed(h authed) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		auth, err := p.who.Authenticate(r.Context(), httpx.VisitorOf(r).Secret)
		if err != nil {
			return err
		}
		return h(w, r, auth)
	}
}

// scripted answers passkey.js for a signed-in person.
type scripted func(w http.ResponseWriter, r *http.Request, auth session.Auth, in asked) (any, error)

// known lets signed-in people through. Who may open one page only is sent there, unless it is the named one:
// lifting a freeze begins with a step-up.
func (p *Passkeys) known(h scripted, only string) func(http.ResponseWriter, *http.Request, asked) (any, error) {
	return func(w http.ResponseWriter, r *http.Request, in asked) (any, error) {
		v := httpx.VisitorOf(r)
		if v.OnlyPath != "" && v.OnlyPath != only {
			return told{Next: v.OnlyPath}, nil
		}
		auth, err := p.who.Authenticate(r.Context(), v.Secret)
		if err != nil {
			return nil, err
		}
		return h(w, r, auth, in)
	}
}

func (p *Passkeys) list(w http.ResponseWriter, r *http.Request, auth session.Auth) error {
	keys, err := p.of.List(r.Context(), auth.Account.ID)
	if err != nil {
		return err
	}
	page := ui.PasskeysList{Hold: p.hold(auth.Account), Empty: ui.EmptyState{
		Icon: "key-round", Title: ui.K("passkeys.empty"), Text: ui.K("passkeys.empty.text"),
	}}
	if page.Hold.IsZero() {
		page.Empty.Action = ui.NavLink{Text: ui.K("passkeys.add"), Href: pathPasskeys + "/add"}
	}
	for _, k := range keys {
		page.Keys = append(page.Keys, cardOf(k, auth.Account))
	}
	switch done := r.URL.Query().Get("done"); done {
	case "added", "renamed", "removed", "kept":
		page.News = ui.Notice{Tone: ui.Success, Text: ui.K("passkeys.done." + done)}
	}
	return p.kit.Page(w, r, page, httpx.Section(pathSecurity))
}

// hold is until when second factors cannot be changed; zero: they can.
func (p *Passkeys) hold(a account.Account) time.Time {
	if a.OnHold(p.now()) {
		return a.HoldUntil
	}
	return time.Time{}
}

func cardOf(k session.Passkey, a account.Account) ui.PasskeyCard {
	used, where := ui.K("passkeys.fact.never"), ui.K("passkeys.fact.single")
	if !k.UsedAt.IsZero() {
		used = ui.K("sessions.at", "At", k.UsedAt)
	}
	if k.Synced {
		where = ui.K("passkeys.fact.synced")
	}
	return ui.PasskeyCard{Name: k.Name, Href: keyPath(k), Stale: k.Stale(a), Facts: ui.Facts{
		{Icon: "clock", Label: ui.K("passkeys.fact.added"), Value: ui.DateOf(k.CreatedAt)},
		{Icon: "history", Label: ui.K("passkeys.fact.used"), Value: used},
		{Icon: "smartphone", Label: ui.K("passkeys.fact.where"), Value: where},
	}}
}

// passkeyCard is the section on the page «Безопасность».
func passkeyCard(a account.Account) ui.SectionCard {
	c := ui.SectionCard{Icon: "key-round", Title: ui.K("passkeys.title"), Text: ui.K("passkeys.card.text.none"), Href: pathPasskeys}
	if a.Passkeys > 0 {
		c.Text, c.Badge = ui.K("passkeys.card.text", "Keys", strconv.Itoa(a.Passkeys)), ui.Badge{Tone: ui.Success, Text: ui.K("passkeys.card.badge")}
	}
	return c
}

func (p *Passkeys) addForm(w http.ResponseWriter, r *http.Request, auth session.Auth) error {
	if !p.hold(auth.Account).IsZero() {
		return httpx.Redirect(w, r, pathPasskeys)
	}
	const longest = 40
	return p.kit.Page(w, r, ui.PasskeyAdd{Quiet: p.policy.NoCascade, Button: ui.KeyButton{
		Make: true, Options: pathPasskeys + "/add/options", Finish: pathPasskeys + "/add", Next: pathPasskeys + "/add", Label: ui.K("passkeys.add.button"),
		Name: ui.TextField{
			Name: "name", Label: ui.K("passkeys.add.name"), Hint: ui.K("passkeys.add.name.hint"), Autocomplete: "off", MaxLength: longest, Optional: true,
		},
	}}, httpx.Section(pathSecurity))
}

func (p *Passkeys) addOptions(_ http.ResponseWriter, r *http.Request, auth session.Auth, _ asked) (any, error) {
	return options(p.of.BeginAdd(r.Context(), p.kit.Act(r), auth))
}

func (p *Passkeys) add(_ http.ResponseWriter, r *http.Request, auth session.Auth, in asked) (any, error) {
	if _, err := p.of.Add(r.Context(), p.kit.Act(r), auth, in.Name, in.Answer); err != nil {
		return nil, err
	}
	return told{Next: pathPasskeys + "?done=added"}, nil
}

// find reads one key of the person; for everybody else it does not exist.
func (p *Passkeys) find(r *http.Request, auth session.Auth) (key session.Passkey, only bool, err error) {
	keys, err := p.of.List(r.Context(), auth.Account.ID)
	if err != nil {
		return key, false, err
	}
	for _, k := range keys {
		if k.ID == r.PathValue("id") {
			return k, len(keys) == 1 && len(session.Methods(auth.Account)) == 0, nil
		}
	}
	return key, false, fault.New(fault.NotFound, "fault.not_found", nil)
}

func (p *Passkeys) onePage(k session.Passkey, auth session.Auth, only bool, typed string, errs ui.Errors) ui.PasskeyOne {
	const longest = 40
	return ui.PasskeyOne{
		Errors: errs, Path: keyPath(k), Card: cardOf(k, auth.Account), Only: only, Hold: p.hold(auth.Account),
		Name: ui.TextField{Name: "name", Label: ui.K("passkeys.rename.name"), Value: typed, Autocomplete: "off", MaxLength: longest}.Check(errs),
	}
}

func (p *Passkeys) one(w http.ResponseWriter, r *http.Request, auth session.Auth) error {
	k, only, err := p.find(r, auth)
	if err != nil {
		return err
	}
	return p.kit.Page(w, r, p.onePage(k, auth, only, k.Name, nil), httpx.Section(pathSecurity))
}

func (p *Passkeys) rename(w http.ResponseWriter, r *http.Request, auth session.Auth) error {
	form, err := httpx.Form(r)
	if err != nil {
		return err
	}
	k, only, err := p.find(r, auth)
	if err != nil {
		return err
	}
	if err := p.of.Rename(r.Context(), p.kit.Act(r), auth, k.ID, form.Get("name")); err != nil {
		if errs, ok := httpx.FormErrors(err, "name"); ok {
			return p.kit.FormAgain(w, r, p.onePage(k, auth, only, form.Get("name"), errs), httpx.Section(pathSecurity))
		}
		return err
	}
	return httpx.Redirect(w, r, pathPasskeys+"?done=renamed")
}

func (p *Passkeys) remove(w http.ResponseWriter, r *http.Request, auth session.Auth) error {
	if err := p.of.Remove(r.Context(), p.kit.Act(r), auth, r.PathValue("id")); err != nil {
		return err
	}
	return httpx.Redirect(w, r, pathPasskeys+"?done=removed")
}

func (p *Passkeys) keep(w http.ResponseWriter, r *http.Request, auth session.Auth) error {
	if err := p.of.Keep(r.Context(), p.kit.Act(r), auth, r.PathValue("id")); err != nil {
		return err
	}
	return httpx.Redirect(w, r, pathPasskeys+"?done=kept")
}

// lost is where a button comes back to after a repeated check: the key's own page, to be pressed again.
func (p *Passkeys) lost(w http.ResponseWriter, r *http.Request, auth session.Auth) error {
	k, _, err := p.find(r, auth)
	if err != nil {
		return err
	}
	return httpx.Redirect(w, r, keyPath(k))
}
