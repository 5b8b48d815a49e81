package web

import (
	"net/http"

	"doverie/internal/account"
	"doverie/internal/httpx"
	"doverie/internal/ui"
)

const pathVerified = "/email/verified"

func (p *Account) emailForm(w http.ResponseWriter, r *http.Request) error {
	page, err := p.emailPage(r, "", nil)
	if err != nil {
		return err
	}
	return p.kit.Page(w, r, page, httpx.Section(pathProfile))
}

func (p *Account) emailPage(r *http.Request, typed string, errs ui.Errors) (ui.AccountEmail, error) {
	const emailMax = 254
	a, err := p.of.Profile(r.Context(), httpx.VisitorOf(r).Account)
	if err != nil {
		return ui.AccountEmail{}, err
	}
	page := ui.AccountEmail{Errors: errs, Email: ui.TextField{
		Name: "email", Label: ui.K("account.email.label"), Hint: ui.K("account.email.hint"), Value: typed,
		Type: "email", InputMode: "email", Autocomplete: "email", MaxLength: emailMax,
	}.Check(errs)}
	if p.kit.Now().Before(a.HoldUntil) {
		page.Hold, page.Errors = a.HoldUntil, nil // nothing typed here would help
	}
	if a.EmailVerified() {
		page.Old = account.MaskEmail(a.Email)
	}
	return page, nil
}

func (p *Account) email(w http.ResponseWriter, r *http.Request) error {
	form, err := httpx.Form(r)
	if err != nil {
		return err
	}
	who, err := caller(r, p.sessions)
	if err != nil {
		return err
	}
	err = p.of.RequestEmail(r.Context(), p.kit.Act(r), who, form.Get("email"))
	if err == nil {
		return httpx.Redirect(w, r, "/settings/account/email/sent")
	}
	errs, ok := httpx.FormErrors(err, "email")
	if !ok {
		return err
	}
	page, err := p.emailPage(r, form.Get("email"), errs)
	if err != nil {
		return err
	}
	return p.kit.FormAgain(w, r, page, httpx.Section(pathProfile))
}

func (p *Account) emailSent(w http.ResponseWriter, r *http.Request) error {
	return p.kit.Page(w, r, ui.AccountEmailSent{Life: p.policy.EmailLinkTTL}, httpx.Section(pathProfile))
}

// verifyForm is where the letter's link leads. It changes nothing: programs that look for malicious
// letters open links too, and only people press buttons.
func (p *Account) verifyForm(w http.ResponseWriter, r *http.Request) error {
	token := r.URL.Query().Get("t")
	link, err := p.of.PendingEmail(r.Context(), token)
	if err != nil {
		return err
	}
	return p.kit.Page(w, r, ui.AccountEmailVerify{Email: account.MaskEmail(link.Email), Token: token})
}

func (p *Account) verify(w http.ResponseWriter, r *http.Request) error {
	form, err := httpx.Form(r)
	if err != nil {
		return err
	}
	if err := p.of.VerifyEmail(r.Context(), p.kit.Act(r), form.Get("t")); err != nil {
		return err
	}
	return httpx.Redirect(w, r, pathVerified)
}

func (p *Account) verified(w http.ResponseWriter, r *http.Request) error {
	return p.kit.Page(w, r, ui.AccountEmailVerify{Done: true, Home: pathProfile})
}
