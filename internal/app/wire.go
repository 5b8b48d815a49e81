package app

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"net/http"
	"strings"

	"doverie/internal/account"
	"doverie/internal/campaign"
	"doverie/internal/desk"
	"doverie/internal/effect"
	"doverie/internal/httpx"
	"doverie/internal/i18n"
	"doverie/internal/jobs"
	"doverie/internal/notary"
	"doverie/internal/notify"
	"doverie/internal/oidc"
	"doverie/internal/oidc/endpoint"
	"doverie/internal/passkey"
	"doverie/internal/recovery"
	"doverie/internal/secret"
	"doverie/internal/session"
	"doverie/internal/signals/transmit"
	"doverie/internal/store"
	"doverie/internal/trust"
	"doverie/internal/ui"
	"doverie/internal/web"
)

// New opens the database and builds the server. Nothing runs yet: see Handler, Run and RunDue.
// Errors: a wrong Config, a database that does not answer, store.OlderSchemaError, store.NewerSchemaError,
// store.WrongKeyError.
func New(ctx context.Context, c Config) (*App, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	db, err := store.Open(ctx, c.Database, store.Options{Keys: c.Keys, Now: c.Now, Conns: c.DatabaseConns})
	if err != nil {
		return nil, err
	}
	a, err := build(ctx, c, db)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return a, nil
}

func build(ctx context.Context, c Config, db *store.Store) (*App, error) {
	schema := db.CheckSchema
	if c.Migrate {
		schema = db.Migrate
	}
	if err := schema(ctx); err != nil {
		return nil, err
	}
	if err := db.TakeKeys(ctx, c.Keys); err != nil {
		return nil, err
	}
	texts, err := i18n.Load()
	if err != nil {
		return nil, err
	}
	texts.Missing = func(lang, key string, why error) {
		c.Log.Error("text", "lang", lang, "key", key, "error", why)
	}
	a := &App{Store: db, Keys: c.Keys, Policy: c.Policy, Texts: texts, now: c.Now, log: c.Log}
	if a.metrics, err = newMetrics(c.Metrics, db, c.Now); err != nil {
		return nil, err
	}
	if err := a.services(c); err != nil {
		return nil, err
	}
	if err := a.notary(ctx, c); err != nil {
		return nil, err
	}
	if err := a.signals(c); err != nil {
		return nil, err
	}
	if err := a.background(c); err != nil {
		return nil, err
	}
	if err := a.edge(c); err != nil {
		return nil, err
	}
	if err := a.mount(c); err != nil {
		return nil, err
	}
	if err := a.ownDesks(c); err != nil {
		return nil, err
	}
	return a, nil
}

// services builds the domain.
func (a *App) services(c Config) error {
	name := cmp.Or(c.ServiceName, "Доверие")
	keys, err := passkey.New(c.BaseURL, name)
	if err != nil {
		return err
	}
	a.Passwords = secret.NewHasher(c.Hashing)
	a.Accounts = &account.Service{
		Store: a.Store, Codes: a.Store, Limits: a.Store, Passwords: a.Passwords, Keys: c.Keys, Policy: c.Policy, Now: c.Now,
		Issuer: name,
	}
	a.Sessions = &session.Service{
		Store: a.Store, Codes: a.Store, Limits: a.Store, Passwords: a.Passwords, Keys: c.Keys, Policy: c.Policy, Now: c.Now,
	}
	circles := store.NewTrust(a.Store, c.Policy)
	a.Links = &trust.Links{
		Circles: circles, Newcomers: circles, Limits: circles, Keys: c.Keys, Policy: c.Policy, ParseInvited: parseInvited,
	}
	a.Passkeys = &session.Passkeys{Sessions: a.Sessions, Store: a.Store, Ceremonies: keys}
	if err := a.pushService(c.Carriers.Push); err != nil {
		return err
	}
	a.Decisions = &trust.Decisions{Circles: circles, Passkeys: a.Passkeys, Keys: c.Keys, Policy: c.Policy}
	a.Protect = &trust.Protect{Circles: circles, Limits: circles, Keys: c.Keys, Policy: c.Policy}
	a.Sessions.Contacts = a.Protect
	a.Passkeys.FactorGuarded = a.Protect.FactorGuarded
	a.Accounts.FactorGuarded = a.Protect.FactorGuarded
	a.Guards = &trust.Guards{Circles: circles, Limits: circles, Keys: c.Keys, Policy: c.Policy}
	a.Phones = &trust.Phones{
		Circles: circles, Codes: circles, Owners: circles, Limits: circles, Keys: c.Keys, Policy: c.Policy, Parse: account.ParsePhone,
	}
	a.Recoveries = &recovery.Service{
		Circles: circles, Owners: owners{accounts: a.Accounts, arrivals: circles}, Attempts: circles, Limits: circles,
		Keys: c.Keys, Policy: c.Policy, Now: c.Now,
	}
	a.Systems = &oidc.Provider{
		Issuer: strings.TrimSuffix(c.BaseURL.String(), "/"), Store: a.Store, Secret: c.Keys, Policy: c.Policy, Now: c.Now,
		Keys: &oidc.Keys{Store: a.Store, Secret: c.Keys, Policy: c.Policy, Now: c.Now}, Subjects: oidc.Subjects{Keys: c.Keys}, Limits: a.Store,
	}
	a.Stops = &recovery.Stops{Recoveries: a.Recoveries, Freezes: a.Protect}
	if err := a.deskServices(c, circles, name); err != nil {
		return err
	}
	return a.campaigns(c)
}

// background builds what happens without a click: messages and timers.
func (a *App) background(c Config) error {
	letters, err := notify.NewTexts(a.Texts, c.BaseURL.String(), c.Policy.Location())
	if err != nil {
		return err
	}
	a.letters = letters
	tools := tools{ledger: ledger{store: a.Store, metrics: a.metrics}, now: c.Now, metrics: a.metrics, log: c.Log}
	if a.carriers, err = c.Carriers.build(tools, prefixesOf(c.Policy.SMSPrefixes)); err != nil {
		return err
	}
	channels := maps.Clone(c.Channels)
	if channels == nil {
		channels = map[effect.Channel]notify.Channel{}
	}
	maps.Copy(channels, a.carriers.channels)
	push, err := a.pushChannel(c, tools)
	if err != nil {
		return err
	}
	if push != nil {
		channels[effect.Push] = push
	}
	router, err := notify.NewRouter(letters, channels, c.Now)
	if err != nil {
		return err
	}
	a.jobs, err = jobs.New(jobs.Config{
		Queue: a.Store, Now: c.Now, Lease: c.Lease,
		Deliverer: courier{
			router: router, keys: c.Keys, policy: c.Policy, metrics: a.metrics, now: c.Now,
			budgets: budgets{store: a.Store, keys: c.Keys, policy: c.Policy, now: c.Now, over: func(budget string) {
				a.metrics.overBudget.WithLabelValues(budget).Inc()
			}},
			numbers: numberGuard{provider: c.Numbers, accounts: a.Accounts, asked: func(answer string) {
				a.metrics.numbers.WithLabelValues(answer).Inc()
			}},
		},
		Report: func(i jobs.Incident) {
			a.metrics.incident(i)
			c.Log.Warn("job", "what", i.What, "kind", i.Kind, "id", i.ID, "attempt", i.Attempt, "outcome", string(i.Outcome), "error", i.Err)
		},
	})
	if err != nil {
		return err
	}
	for kind, handler := range map[string]jobs.Handler{
		trust.TimerInvitationTell:  a.Links.TellInvited,
		trust.TimerInvitationLapse: a.Links.LapseInvitation,
		trust.TimerLinkLeave:       a.Links.Leave,
		trust.TimerLinkReview:      a.Links.Review,
		trust.TimerActionExpire:    a.Protect.Expire,
		trust.TimerGuardOff:        a.Guards.Fall,
		trust.TimerHealth:          a.Links.Remind,
		recovery.TimerExpire:       a.Recoveries.Expire,
		campaign.TimerSend:         a.Campaigns.SendSome,
		campaign.TimerKits:         a.Campaigns.MakeSome,
		desk.TimerExpire:           a.Desk.Expire,
		desk.TimerPaper:            a.Desk.WipePaper,
		notary.TimerTend:           a.Notary.Tend,
	} {
		a.jobs.Register(kind, handler)
	}
	return nil
}

// edge builds what every page needs.
func (a *App) edge(c Config) error {
	assets, err := ui.LoadAssets()
	if err != nil {
		return err
	}
	zone := c.Policy.Location()
	var printers []*i18n.Printer
	for _, lang := range i18n.Languages() {
		printers = append(printers, a.Texts.Printer(lang, zone))
	}
	pages, err := ui.New(assets, printers...)
	if err != nil {
		return err
	}
	a.pages = pages
	a.Kit, err = httpx.New(httpx.Config{
		BaseURL: c.BaseURL, TrustedProxies: c.TrustedProxies, Log: c.Log, Now: c.Now, Pace: max(cmp.Or(c.Pace, pace), 0), Demo: c.ShowClock, Observe: a.metrics.observe,
		Banners:     a.news,
		CrossOrigin: append(endpoint.CrossOrigin(), reportsPattern),
	}, pages)
	if err != nil {
		return err
	}
	a.assets = assets
	return nil
}

// family is one family of pages: it mounts itself and is told where citizens sign in.
type family interface {
	Mount(mux *http.ServeMux, citizens *httpx.Gate)
}

// mount lists everything that is served.
func (a *App) mount(c Config) error {
	gate := a.Kit.Gate(httpx.Gate{
		Cookie: sessionCookie, SignIn: web.SignInPath, StepUp: web.StepUpPath, Look: citizens{sessions: a.Sessions, policy: c.Policy},
	})
	mux, views := http.NewServeMux(), store.NewTrust(a.Store, c.Policy)
	signIn := web.NewSignIn(a.Kit, a.Sessions, a.Protect, c.Policy, c.Now)
	stepUp := web.NewStepUp(a.Kit, a.Sessions, c.Policy, c.Now)
	security := web.NewSecurity(a.Kit, a.Accounts, a.Sessions, views, a.Protect, c.Policy, c.Now)
	landing := web.NewLanding(a.Kit, c.Policy, c.BaseURL.String(), a.Campaigns, a.Campaigns.Source, c.Log)
	provider := &endpoint.Endpoints{
		Kit: a.Kit, Provider: a.Systems, Sessions: a.Sessions, Log: c.Log, SignIn: web.SignInPath, StepUp: web.StepUpPath, Backchannel: true,
	}
	push, err := a.pushPages(security)
	if err != nil {
		return err
	}
	for _, pages := range []family{
		landing,
		web.NewRegistration(a.Kit, a.Accounts, a.Sessions, c.Policy, c.Now),
		signIn,
		stepUp,
		web.NewPasskeys(a.Kit, a.Passkeys, a.Decisions, signIn, stepUp, security, c.Policy, c.Now),
		web.NewAccount(a.Kit, a.Accounts, a.Sessions, views, c.Policy, c.Now),
		security,
		push,
		web.NewHistory(a.Kit, a.Store),
		web.NewMessages(a.Kit, told{a, c.Policy}, c.Policy),
		web.NewProofs(a.Kit, a.Store, a.Notary.Signer.Key(), c.Now),
		web.NewPhoneChange(a.Kit, a.Phones, a.Protect, a.Guards, a.Accounts),
		web.NewSwitches(a.Kit, a.Guards, c.Policy),
		web.NewRemovals(a.Kit, a.Protect),
		web.NewAccountClose(a.Kit, a.Links, c.Policy),
		web.NewExport(a.Kit, a.Sessions, views, a.Store, a.Guards, a.Passkeys, c.Now),
		web.NewRecovery(a.Kit, a.Recoveries, c.Policy),
		web.Contacts{Kit: a.Kit, Links: a.Links, Views: views, Policy: c.Policy, Switches: a.Guards},
		web.Rehearsals{Kit: a.Kit, Protect: a.Protect, Past: views, Policy: c.Policy},
		web.Invitations{Kit: a.Kit, Links: a.Links, Views: views, Policy: c.Policy},
		web.Approvals{Kit: a.Kit, Decisions: a.Decisions, Protect: a.Protect, Views: views, Keys: a.Passkeys, Policy: c.Policy, Deliveries: deliveries{a}},
		web.Campaigns{Kit: a.Kit, Of: a.Campaigns},
		web.CampaignLetters{Kit: a.Kit, Of: a.Campaigns},
		web.NewSafety(a.Kit, a.Recoveries, a.Stops, a.Protect, c.Policy, c.Log),
		provider,
	} {
		if telling, ok := pages.(interface{ ShowDeliveries(d web.Deliveries) }); ok {
			telling.ShowDeliveries(deliveries{a})
		}
		pages.Mount(mux, gate)
	}
	mux.Handle("POST /language", a.Kit.Handle(gate.Maybe(a.Kit.ChooseLanguage)))
	mux.Handle("GET "+ui.AssetPrefix, a.assets)
	transmit.Endpoints{
		Issuer: a.Systems.Issuer, JWKS: a.Systems.Issuer + endpoint.KeysPath, Streams: a.Signals, Receivers: receivers{provider: provider}, Log: c.Log,
	}.Mount(mux)
	a.mountDesk(c, mux)
	a.mountHealth(mux)
	a.mountNotary(mux)
	a.mountReports(mux)
	if !c.OwnHome {
		landing.MountHome(mux, gate)
	}
	if c.Front != nil {
		c.Front(a, mux, gate)
	}
	a.handler = a.Kit.Wrap(mux)
	return nil
}
