package web

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"doverie/internal/httpx"
	"doverie/internal/outreach"
	"doverie/internal/policy"
	"doverie/internal/ui"
)

// Landing is the pages for people who know nothing yet.
type Landing struct {
	kit    *httpx.Kit
	policy policy.Policy
	site   string
	visits Visits
	text   *outreach.Source
	log    *slog.Logger
	gate   *httpx.Gate
}

// Visits counts visits by placement code; campaign.Service does it.
type Visits interface {
	Visit(ctx context.Context, code string) error
}

// NewLanding prepares the pages. site is the address people type, such as "https://doverie.example".
func NewLanding(kit *httpx.Kit, p policy.Policy, site string, visits Visits, text *outreach.Source, log *slog.Logger) *Landing {
	return &Landing{kit: kit, policy: p, site: strings.TrimRight(site, "/"), visits: visits, text: text, log: log}
}

// Mount adds the pages that every installation has.
func (p *Landing) Mount(mux *http.ServeMux, citizens *httpx.Gate) {
	p.gate = citizens
	mux.Handle("GET /landing/trusted_contact", p.kit.Handle(citizens.Maybe(p.contact)))
	mux.Handle("GET /landing/trusted_contact/large-print.pdf", p.kit.Handle(citizens.Maybe(p.largePrint)))
	mux.Handle("GET /help", p.kit.Handle(citizens.Maybe(p.help)))
}

// MountHome adds the first page; a demonstration has one of its own instead.
func (p *Landing) MountHome(mux *http.ServeMux, citizens *httpx.Gate) {
	p.gate = citizens
	mux.Handle("GET /{$}", p.kit.Handle(citizens.Maybe(p.home)))
}

func (p *Landing) home(w http.ResponseWriter, r *http.Request) error {
	return p.kit.Page(w, r, ui.Home{Person: httpx.VisitorOf(r).Name, SignIn: p.gate.SignIn, Register: RegisterPath})
}

func (p *Landing) help(w http.ResponseWriter, r *http.Request) error {
	return p.kit.Page(w, r, ui.Help{})
}

// contact shows the page and counts the visit for the placement whose code stands in the address. Nothing of the visitor is
// kept, and a count that cannot be written keeps nobody from reading.
func (p *Landing) contact(w http.ResponseWriter, r *http.Request) error {
	if code := r.URL.Query().Get("p"); code != "" && r.Method == http.MethodGet {
		if err := p.visits.Visit(r.Context(), code); err != nil {
			p.log.WarnContext(r.Context(), "visit", "request_id", httpx.RequestID(r), "error", err)
		}
	}
	page := p.contactPage()
	page.Parts = p.parts(httpx.Lang(r))
	page.Large = r.URL.Query().Get("size") == "large"
	return p.kit.Page(w, r, page, func(l *ui.Layout) {
		if page.Large {
			l.BodyClass = "large"
		}
	})
}

// parts is the campaign's checked text. Where this installation has another address than the official one, the text names
// this one: nobody is led to a site that does not know him.
func (p *Landing) parts(lang string) []ui.LandingPart {
	official, err := url.Parse(p.text.Landing)
	if err != nil {
		return nil // LoadSource has parsed it
	}
	own := strings.NewReplacer()
	if site, err := url.Parse(p.site); err == nil && site.Host != official.Host {
		var pairs []string
		for _, host := range append([]string{official.Host}, p.text.Hosts...) {
			pairs = append(pairs, "https://"+host, p.site)
		}
		own = strings.NewReplacer(pairs...)
	}
	var out []ui.LandingPart
	for _, part := range p.text.Parts(lang) {
		one := ui.LandingPart{Title: ui.Plain(part.Title), Steps: part.Steps}
		for _, s := range part.Statements {
			one.Statements = append(one.Statements, ui.Plain(own.Replace(s)))
		}
		out = append(out, one)
	}
	return out
}

func (p *Landing) largePrint(w http.ResponseWriter, _ *http.Request) error {
	pdf, err := p.text.LargePrint()
	if err != nil {
		return err
	}
	return download(w, "trusted-contact-large-print.pdf", "application/pdf", pdf)
}

func (p *Landing) contactPage() ui.LandingContact {
	return ui.LandingContact{
		Site: p.site, PrincipalAge: p.policy.PrincipalMinAge, ContactAge: p.policy.ContactMinAge, MaxContacts: p.policy.MaxContacts,
		Invitation: p.policy.InvitationTTL, Settling: p.policy.Settling, Wait: p.policy.RecoveryWait, Lock: p.policy.RecoveryLock,
		Leaving: p.policy.Leaving, Hold: p.policy.Hold,
	}
}
