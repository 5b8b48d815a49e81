package web

import (
	"context"
	"net/http"
	"time"

	"doverie/internal/account"
	"doverie/internal/effect"
	"doverie/internal/httpx"
	"doverie/internal/i18n"
	"doverie/internal/policy"
	"doverie/internal/trust"
	"doverie/internal/ui"
)

const (
	pathSecurity = "/settings/safety/login"
	pathEvents   = "/settings/safety/events"
)

// Profiles is a person's own record; account.Service has it.
type Profiles interface {
	Profile(ctx context.Context, account string) (account.Account, error)
	EnterDocument(ctx context.Context, act effect.Act, c account.Caller, in account.DocumentInput) (account.Account, error)
	RequestEmail(ctx context.Context, act effect.Act, c account.Caller, text string) error
	PendingEmail(ctx context.Context, token string) (account.EmailLink, error)
	VerifyEmail(ctx context.Context, act effect.Act, token string) error
}

// Account is «Профиль»: who the person is, how sure we are of it, and the ways to the other sections.
type Account struct {
	kit      *httpx.Kit
	of       Profiles
	sessions Authenticator
	guards   OwnLinks
	policy   policy.Policy
	now      func() time.Time
}

// NewAccount prepares the pages.
func NewAccount(kit *httpx.Kit, of Profiles, sessions Authenticator, guards OwnLinks, p policy.Policy, now func() time.Time) *Account {
	return &Account{kit: kit, of: of, sessions: sessions, guards: guards, policy: p, now: now}
}

// Mount adds the pages.
func (p *Account) Mount(mux *http.ServeMux, citizens *httpx.Gate) {
	session := func(h httpx.Handler) http.Handler { return p.kit.Handle(citizens.RequireSession(h)) }
	stepUp := func(h httpx.Handler) http.Handler { return p.kit.Handle(citizens.RequireStepUp(h)) }
	mux.Handle("GET /settings/account", session(p.home))
	mux.Handle("GET /settings/account/level", session(p.level))
	mux.Handle("GET /settings/account/document", session(p.documentForm))
	mux.Handle("POST /settings/account/document", session(p.document))
	mux.Handle("GET /settings/account/email", stepUp(p.emailForm))
	mux.Handle("POST /settings/account/email", stepUp(p.email))
	mux.Handle("GET /settings/account/email/sent", session(p.emailSent))
	mux.Handle("GET /email/verify", p.kit.Handle(citizens.Maybe(p.verifyForm)))
	mux.Handle("POST /email/verify", p.kit.Handle(citizens.Maybe(p.verify)))
	mux.Handle("GET /email/verified", p.kit.Handle(citizens.Maybe(p.verified)))
}

// caller is the signed-in person as package account wants to know him.
func caller(r *http.Request, sessions Authenticator) (account.Caller, error) {
	auth, err := sessions.Authenticate(r.Context(), httpx.VisitorOf(r).Secret)
	if err != nil {
		return account.Caller{}, err
	}
	return auth.Caller(), nil
}

func (p *Account) home(w http.ResponseWriter, r *http.Request) error {
	a, err := p.of.Profile(r.Context(), httpx.VisitorOf(r).Account)
	if err != nil {
		return err
	}
	links, err := p.guards.LinksOf(r.Context(), a.ID)
	if err != nil {
		return err
	}
	page := p.homePage(r, a, guarding(links))
	switch done := r.URL.Query().Get("done"); done {
	case "registered", "document":
		page.News = ui.Notice{Tone: ui.Success, Title: ui.K("account.done." + done), Text: ui.K("account.done." + done + ".text")}
	}
	return p.kit.Page(w, r, page, httpx.Section(pathProfile))
}

// guarding counts the contacts who guard the person now.
func guarding(links []trust.LinkView) int {
	n := 0
	for _, v := range links {
		if v.Side == trust.PrincipalSide && v.Link.Guards() {
			n++
		}
	}
	return n
}

func (p *Account) homePage(r *http.Request, a account.Account, guards int) ui.AccountHome {
	page := ui.AccountHome{
		Person: a.FullName(), Level: levelBadge(a.Level), Means: ui.K("account.means." + string(a.Level)), Facts: p.facts(r, a),
		HasEmail: a.EmailVerified(),
		Invite:   guards == 0 && a.Level == account.Confirmed && a.Citizenship == p.policy.Citizenship, // whoever may not is not led to a closed door
		Cards: []ui.SectionCard{
			{Icon: "lock", Title: ui.K("layout.nav.security"), Text: ui.K("account.card.security"), Href: pathSecurity},
			guardCardOf(guards),
			{Icon: "history", Title: ui.K("layout.nav.events"), Text: ui.K("account.card.events"), Href: pathEvents},
			{Icon: "smartphone", Title: ui.K("phone_change.title"), Text: ui.K("account.card.phone"), Href: pathPhone},
			{Icon: "download", Title: ui.K("account_export.title"), Text: ui.K("account.card.export"), Href: pathExport},
			{Icon: "ban", Title: ui.K("account_close.title"), Text: ui.K("account.card.close"), Href: pathClose},
		},
	}
	switch a.Level {
	case account.Simplified:
		page.Raise = ui.NavLink{Text: ui.K("account.raise.document"), Href: "/settings/account/document"}
	case account.Standard:
		page.Raise = ui.NavLink{Text: ui.K("account.raise.confirm"), Href: "/settings/account/level"}
	case account.Confirmed:
	}
	if a.OnHold(p.now()) {
		page.Warning = ui.Notice{Tone: ui.Warning, Text: ui.K("security.hold", "Until", p.kit.Printer(r).DateTimeZone(a.HoldUntil))}
	}
	return page
}

// guardCardOf leads to «Доверенный контакт» and says how many guard the account.
func guardCardOf(guards int) ui.SectionCard {
	card := ui.SectionCard{Icon: "users", Title: ui.K("layout.nav.contacts"), Text: ui.K("account.card.contacts"), Href: contactsHome}
	if guards == 0 {
		card.Badge = ui.Badge{Tone: ui.Warning, Text: ui.K("security.guard.none")}
		return card
	}
	card.Badge = ui.Badge{Tone: ui.Success, Text: ui.K("security.guard.count", "Count", guards)}
	return card
}

func levelBadge(l account.Level) ui.Badge {
	b := ui.Badge{Text: ui.K("account.badge." + string(l))}
	switch l {
	case account.Confirmed:
		b.Tone = ui.Success
	case account.Standard, account.Simplified:
		b.Tone = ui.Info
	}
	return b
}

// facts are the person's own data: enough to recognise them, not enough to be copied over a shoulder.
func (p *Account) facts(r *http.Request, a account.Account) ui.Facts {
	none := ui.K("account.fact.none")
	phone := ui.Fact{Icon: "smartphone", Label: ui.K("account.fact.phone"), Value: none}
	switch now := p.now(); {
	case a.Phone == "":
	case !a.PhoneOwned():
		phone.Value, phone.Tone, phone.Note = ui.Plain(account.MaskPhone(a.Phone)), ui.Danger, ui.K("account.fact.phone.lost")
	case !a.PhoneCurrent(now, p.policy):
		phone.Value, phone.Tone, phone.Note = ui.Plain(account.MaskPhone(a.Phone)), ui.Warning, ui.K("account.fact.phone.old")
	default:
		phone.Value, phone.Note = ui.Plain(account.MaskPhone(a.Phone)), ui.K("account.fact.phone.good")
	}
	email := ui.Fact{Icon: "mail", Label: ui.K("account.fact.email"), Value: none, Note: ui.K("account.fact.email.why")}
	if a.EmailVerified() {
		email.Value, email.Note = ui.Plain(account.MaskEmail(a.Email)), ui.Text{}
	}
	facts := ui.Facts{phone, email}
	if a.Level == account.Simplified {
		return facts
	}
	voice := p.kit.Printer(r)
	snils := ui.Fact{Icon: "id-card", Label: ui.K("account.fact.snils"), Value: none}
	if a.SNILS != "" {
		snils.Value = ui.Plain(account.MaskSNILS(a.SNILS))
	}
	facts = append(facts,
		ui.Fact{Icon: "user", Label: ui.K("account.fact.birth"), Value: ui.Plain(voice.Civil(a.BirthDate.Year, a.BirthDate.Month, a.BirthDate.Day))},
		ui.Fact{Icon: "globe", Label: ui.K("account.fact.citizenship"), Value: ui.Plain(i18n.CountryName(voice.Lang(), a.Citizenship))},
		snils)
	if a.Document.Kind != "" {
		facts = append(facts, ui.Fact{
			Icon: "id-card", Label: ui.K("account.fact.document"), Value: ui.K("account.document.kind." + string(a.Document.Kind)),
			Note: ui.K("account.fact.document.last", "Last", a.Document.Last4),
		})
	}
	return facts
}

func (p *Account) level(w http.ResponseWriter, r *http.Request) error {
	a, err := p.of.Profile(r.Context(), httpx.VisitorOf(r).Account)
	if err != nil {
		return err
	}
	return p.kit.Page(w, r, levelPage(a.Level), httpx.Section(pathProfile))
}

func levelPage(at account.Level) ui.AccountLevel {
	page := ui.AccountLevel{At: at == account.Confirmed}
	state := ui.StepDone
	for _, l := range []account.Level{account.Simplified, account.Standard, account.Confirmed} {
		step := ui.TimelineStep{State: state, Text: ui.K("account.badge." + string(l)), Note: ui.K("account.level." + string(l))}
		if l == at {
			state = ui.StepNext
			if l != account.Confirmed {
				step.State = ui.StepNow
			}
		}
		page.Steps = append(page.Steps, step)
	}
	switch at {
	case account.Simplified:
		page.Next = ui.NavLink{Text: ui.K("account.raise.document"), Href: "/settings/account/document"}
	case account.Confirmed:
		page.Next = ui.NavLink{Text: ui.K("layout.nav.contacts"), Href: contactsHome}
	case account.Standard:
	}
	return page
}
