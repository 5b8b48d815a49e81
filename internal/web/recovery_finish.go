package web

import (
	"net/http"
	"strings"

	"doverie/internal/effect"
	"doverie/internal/httpx"
	"doverie/internal/secret"
	"doverie/internal/ui"
)

// finishForm waits for a press before it sends the second code: the person must be at the screen and
// ready, or the code is read out to whoever calls.
func (p *Recovery) finishForm(w http.ResponseWriter, r *http.Request, h here) error {
	page := p.finishPage(r, h, nil)
	page.Sent, page.Resent = r.URL.Query().Has("sent"), r.URL.Query().Get("sent") == "again"
	return p.kit.Page(w, r, page)
}

func (p *Recovery) sendSecond(w http.ResponseWriter, r *http.Request, browser string) error {
	form, err := httpx.Form(r)
	if err != nil {
		return err
	}
	if err := p.of.SendCode(r.Context(), p.kit.Act(r), browser, p.kit.Cookie(r, deviceCookie)); err != nil {
		if to := p.onward(w, r, err); to == nil {
			return nil
		}
		if errs, ok := httpx.FormErrors(err, "code"); ok { // too soon: a code is on its way already
			return p.again(w, r, pathRecoveryFinish, func(h here) ui.Page { return p.finishPage(r, h, errs) })
		}
		return err
	}
	if form.Get("again") != "" {
		return httpx.Redirect(w, r, pathRecoveryFinish+"?sent=again")
	}
	return httpx.Redirect(w, r, pathRecoveryFinish+"?sent")
}

func (p *Recovery) verify(w http.ResponseWriter, r *http.Request, browser string) error {
	form, err := httpx.Form(r)
	if err != nil {
		return err
	}
	code := form.Get("code")
	if strings.TrimSpace(code) == "" {
		return p.again(w, r, pathRecoveryFinish, func(h here) ui.Page { return p.finishPage(r, h, emptyCode()) })
	}
	if err := p.of.Verify(r.Context(), p.kit.Act(r), browser, code); err != nil {
		if to := p.onward(w, r, err); to == nil {
			return nil
		}
		if errs, ok := httpx.FormErrors(err, "code"); ok {
			return p.again(w, r, pathRecoveryFinish, func(h here) ui.Page { return p.finishPage(r, h, errs) })
		}
		return err
	}
	return httpx.Redirect(w, r, pathRecovery)
}

func (p *Recovery) finishPage(r *http.Request, h here, errs ui.Errors) ui.RecoveryFinish {
	way, does := ui.BySMS, ui.K("recovery.finish.does")
	if h.view.Channel == effect.Email {
		way, does = ui.ByEmail, ui.K("recovery.finish.does_email")
	}
	// Whoever is here has entered a code of this account before, and a contact has said yes: he may know.
	delivery := p.delivery(r.Context(), secret.RecoveryFinish, h.view.ID)
	return ui.RecoveryFinish{
		Errors: errs, Guarded: h.view.Guarded, Sent: true, Life: p.policy.CodeTTL, Pause: p.policy.CodeResend, Until: h.view.ExpiresAt,
		Code: ui.CodeField{Name: "code", Way: way, Does: does, Delivery: delivery}.Check(errs),
	}
}

func (p *Recovery) passwordForm(w http.ResponseWriter, r *http.Request, h here) error {
	return p.kit.Page(w, r, p.passwordPage(h, nil))
}

func (p *Recovery) complete(w http.ResponseWriter, r *http.Request, browser string) error {
	form, err := httpx.Form(r)
	if err != nil {
		return err
	}
	if err := p.of.Complete(r.Context(), p.kit.Act(r), browser, form.Get("password")); err != nil {
		if to := p.onward(w, r, err); to == nil {
			return nil
		}
		if errs, ok := httpx.FormErrors(err, "password"); ok {
			return p.again(w, r, pathRecoveryPassword, func(h here) ui.Page { return p.passwordPage(h, asField(errs, "password")) })
		}
		return err
	}
	return httpx.Redirect(w, r, pathRecovery)
}

func (p *Recovery) passwordPage(h here, errs ui.Errors) ui.RecoveryPassword {
	if !h.view.NotBefore.IsZero() {
		return ui.RecoveryPassword{Early: h.view.NotBefore, Until: h.view.ExpiresAt}
	}
	return ui.RecoveryPassword{
		Errors: errs, Until: h.view.ExpiresAt,
		Password: ui.PasswordField{
			Name: "password", New: true, Label: ui.K("recovery.password.label"),
			Hint: ui.K("recovery.password.hint", "Min", p.policy.PasswordMin),
		}.Check(errs),
	}
}
