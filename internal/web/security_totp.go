package web

import (
	"net/http"
	"strings"

	"doverie/internal/fault"
	"doverie/internal/httpx"
	"doverie/internal/ui"
)

const pathTOTP = "/settings/safety/totp"

func (p *Security) totpForm(w http.ResponseWriter, r *http.Request) error {
	a, err := p.of.Profile(r.Context(), httpx.VisitorOf(r).Account)
	if err != nil {
		return err
	}
	page := ui.SecurityTOTP{}
	if a.TOTP.Enrolled() {
		page.On = a.TOTP.ConfirmedAt
	}
	return p.kit.Page(w, r, page, httpx.Section(pathSecurity))
}

// enrol makes a key and shows it, once: it is kept sealed and never leaves again.
func (p *Security) enrol(w http.ResponseWriter, r *http.Request) error {
	who, err := caller(r, p.sessions)
	if err != nil {
		return err
	}
	offer, err := p.of.EnrolTOTP(r.Context(), p.kit.Act(r), who)
	if err != nil {
		return err
	}
	page := p.awaitingTOTP(nil)
	if page.Key, err = ui.TOTPKeyOf(offer.Text, offer.URI); err != nil {
		return err
	}
	return p.kit.Page(w, r, page, httpx.Section(pathSecurity), httpx.From(pathTOTP+"/confirm"))
}

func (p *Security) awaitingTOTP(errs ui.Errors) ui.SecurityTOTP {
	return ui.SecurityTOTP{
		Errors: errs, Waiting: true, Life: p.policy.RegistrationTTL,
		Code: ui.CodeField{Name: "code", Way: ui.ByApp, Does: ui.K("security.totp.code.does")}.Check(errs),
	}
}

// confirmForm is where a lost form comes back to, after a repeated check or in another language: the key that was shown
// may be in the application already, and then only its code is needed.
func (p *Security) confirmForm(w http.ResponseWriter, r *http.Request) error {
	a, err := p.of.Profile(r.Context(), httpx.VisitorOf(r).Account)
	if err != nil {
		return err
	}
	if len(a.TOTP.Key) == 0 || a.TOTP.Enrolled() || !p.kit.Now().Before(a.TOTP.CreatedAt.Add(p.policy.RegistrationTTL)) {
		return httpx.Redirect(w, r, pathTOTP)
	}
	return p.kit.Page(w, r, p.awaitingTOTP(nil), httpx.Section(pathSecurity))
}

func (p *Security) confirm(w http.ResponseWriter, r *http.Request) error {
	form, err := httpx.Form(r)
	if err != nil {
		return err
	}
	if strings.TrimSpace(form.Get("code")) == "" {
		return p.kit.FormAgain(w, r, p.awaitingTOTP(emptyCode()), httpx.Section(pathSecurity))
	}
	who, err := caller(r, p.sessions)
	if err != nil {
		return err
	}
	err = p.of.ConfirmTOTP(r.Context(), p.kit.Act(r), who, form.Get("code"))
	switch f := fault.Of(err); {
	case err == nil:
		return httpx.Redirect(w, r, pathSecurity+"?done=totp-on")
	case f.Key == "fault.totp.wrong" || f.Kind == fault.Limited || f.Kind == fault.Conflict:
		// The key is already in the application: another code of it is all that is needed.
		errs, _ := httpx.FormErrors(err, "code")
		return p.kit.FormAgain(w, r, p.awaitingTOTP(errs), httpx.Section(pathSecurity))
	}
	return err
}

func (p *Security) removeTOTP(w http.ResponseWriter, r *http.Request) error {
	who, err := caller(r, p.sessions)
	if err != nil {
		return err
	}
	err = p.of.RemoveTOTP(r.Context(), p.kit.Act(r), who)
	if fault.HasKey(err, "fault.guard.factor") { // the contacts have to approve it
		return httpx.Redirect(w, r, pathRemovals+"/factor")
	}
	if err != nil {
		return err
	}
	return httpx.Redirect(w, r, pathSecurity+"?done=totp-off")
}
