package web

import (
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
	gate   *httpx.Gate
}

// NewLanding prepares the pages. site is the address people type, such as "https://doverie.example".
func NewLanding(kit *httpx.Kit, p policy.Policy, site string) *Landing {
	return &Landing{kit: kit, policy: p, site: strings.TrimRight(site, "/")}
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

func (p *Landing) contact(w http.ResponseWriter, r *http.Request) error {
	return p.kit.Page(w, r, p.contactPage())
}

func (p *Landing) contactPage() ui.LandingContact {
	return ui.LandingContact{
		Site: p.site, PrincipalAge: p.policy.PrincipalMinAge, ContactAge: p.policy.ContactMinAge, MaxContacts: p.policy.MaxContacts,
		Invitation: p.policy.InvitationTTL, Settling: p.policy.Settling, Wait: p.policy.RecoveryWait, Lock: p.policy.RecoveryLock,
		Leaving: p.policy.Leaving, Hold: p.policy.Hold,
	}
}
