package web

import (
	"context"
	"log/slog"
	"net/http"
	"strings"

	"doverie/internal/httpx"
	"doverie/internal/policy"
	"doverie/internal/ui"
)

// Landing is the pages for people who know nothing yet.
type Landing struct {
	kit    *httpx.Kit
	policy policy.Policy
	site   string
	visits Visits
	log    *slog.Logger
	gate   *httpx.Gate
}

// Visits counts visits by placement code; campaign.Service does it.
type Visits interface {
	Visit(ctx context.Context, code string) error
}

// NewLanding prepares the pages. site is the address people type, such as "https://doverie.example".
func NewLanding(kit *httpx.Kit, p policy.Policy, site string, visits Visits, log *slog.Logger) *Landing {
	return &Landing{kit: kit, policy: p, site: strings.TrimRight(site, "/"), visits: visits, log: log}
}

// Mount adds the pages that every installation has.
func (p *Landing) Mount(mux *http.ServeMux, citizens *httpx.Gate) {
	p.gate = citizens
	mux.Handle("GET /landing/trusted_contact", p.kit.Handle(citizens.Maybe(p.contact)))
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
	return p.kit.Page(w, r, p.contactPage())
}

func (p *Landing) contactPage() ui.LandingContact {
	return ui.LandingContact{
		Site: p.site, PrincipalAge: p.policy.PrincipalMinAge, ContactAge: p.policy.ContactMinAge, MaxContacts: p.policy.MaxContacts,
		Invitation: p.policy.InvitationTTL, Settling: p.policy.Settling, Wait: p.policy.RecoveryWait, Lock: p.policy.RecoveryLock,
		Leaving: p.policy.Leaving, Hold: p.policy.Hold,
	}
}
