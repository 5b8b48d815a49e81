package web

import (
	"context"
	"net/http"

	"doverie/internal/effect"
	"doverie/internal/httpx"
	"doverie/internal/policy"
	"doverie/internal/trust"
	"doverie/internal/ui"
)

const (
	pathClose  = "/settings/account/close"
	pathClosed = "/closed"
)

// Closer closes an account for good, and says what keeps it from that; trust.Links has it.
type Closer interface {
	Close(ctx context.Context, act effect.Act, account string) error
	Closing(ctx context.Context, account string) (trust.Closing, error)
}

// AccountClose is the pages of closing one's account.
type AccountClose struct {
	kit    *httpx.Kit
	of     Closer
	policy policy.Policy
	cookie string // of the session
}

// NewAccountClose prepares the pages.
func NewAccountClose(kit *httpx.Kit, of Closer, p policy.Policy) *AccountClose {
	return &AccountClose{kit: kit, of: of, policy: p}
}

// Mount adds the pages.
func (p *AccountClose) Mount(mux *http.ServeMux, citizens *httpx.Gate) {
	p.cookie = citizens.Cookie
	stepUp := func(h httpx.Handler) http.Handler { return p.kit.Handle(citizens.RequireStepUp(h)) }
	mux.Handle("GET "+pathClose, stepUp(p.form))
	mux.Handle("POST "+pathClose, stepUp(p.close))
	mux.Handle("GET "+pathClosed, p.kit.Handle(citizens.Maybe(p.closed)))
}

func (p *AccountClose) page(r *http.Request, errs ui.Errors) (ui.AccountClose, error) {
	c, err := p.of.Closing(r.Context(), httpx.VisitorOf(r).Account)
	page := ui.AccountClose{
		Errors: errs, Hold: c.HoldUntil, Recovering: c.Recovering, Guarded: len(c.Contacts) > 0, Leaving: p.policy.Leaving,
		Sure: ui.Checkbox{Name: "sure", Label: ui.K("account_close.sure")}.Check(errs),
	}
	leave := 0
	for _, one := range c.Contacts {
		if one.LeavesAt.IsZero() {
			continue
		}
		leave++
		page.Leaves = append(page.Leaves, ui.K("account_close.leaves", "Name", ui.Plain(one.Given), "Until", one.LeavesAt))
	}
	page.AllLeave = page.Guarded && leave == len(c.Contacts)
	return page, err
}

func (p *AccountClose) form(w http.ResponseWriter, r *http.Request) error {
	page, err := p.page(r, nil)
	if err != nil {
		return err
	}
	return p.kit.Page(w, r, page, httpx.Section(pathProfile))
}

func (p *AccountClose) close(w http.ResponseWriter, r *http.Request) error {
	form, err := httpx.Form(r)
	if err != nil {
		return err
	}
	if form.Get("sure") == "" {
		page, err := p.page(r, ui.Errors{{Field: "sure", Text: ui.K("account_close.sure.missing")}})
		if err != nil {
			return err
		}
		return p.kit.FormAgain(w, r, page, httpx.Section(pathProfile))
	}
	if err := p.of.Close(r.Context(), p.kit.Act(r), httpx.VisitorOf(r).Account); err != nil {
		return err
	}
	p.kit.ClearCookie(w, p.cookie)
	return httpx.Redirect(w, r, pathClosed)
}

func (p *AccountClose) closed(w http.ResponseWriter, r *http.Request) error {
	return p.kit.Page(w, r, ui.AccountClosed{})
}
