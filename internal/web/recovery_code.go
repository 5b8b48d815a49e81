package web

import (
	"net/http"
	"strings"

	"doverie/internal/httpx"
	"doverie/internal/ui"
)

func (p *Recovery) codeForm(w http.ResponseWriter, r *http.Request, h here) error {
	page := p.codePage(h, "", nil)
	page.Resent = r.URL.Query().Has("sent")
	return p.kit.Page(w, r, page)
}

func (p *Recovery) prove(w http.ResponseWriter, r *http.Request, browser string) error {
	form, err := httpx.Form(r)
	if err != nil {
		return err
	}
	code, snils := form.Get("code"), strings.TrimSpace(form.Get("snils"))
	if strings.TrimSpace(code) == "" { // an empty field is no attempt
		return p.again(w, r, pathRecoveryCode, func(h here) ui.Page { return p.codePage(h, snils, emptyCode()) })
	}
	if err := p.of.Prove(r.Context(), p.kit.Act(r), browser, code, snils); err != nil {
		if to := p.onward(w, r, err); to == nil {
			return nil
		}
		if errs, ok := httpx.FormErrors(err, "code"); ok {
			return p.again(w, r, pathRecoveryCode, func(h here) ui.Page { return p.codePage(h, snils, errs) })
		}
		return err
	}
	return httpx.Redirect(w, r, pathRecovery)
}

func (p *Recovery) resend(w http.ResponseWriter, r *http.Request, browser string) error {
	if err := p.of.SendCode(r.Context(), p.kit.Act(r), browser, p.kit.Cookie(r, deviceCookie)); err != nil {
		if to := p.onward(w, r, err); to == nil {
			return nil
		}
		if errs, ok := httpx.FormErrors(err, "code"); ok {
			return p.again(w, r, pathRecoveryCode, func(h here) ui.Page { return p.codePage(h, "", errs) })
		}
		return err
	}
	return httpx.Redirect(w, r, pathRecoveryCode+"?sent")
}

func (p *Recovery) codePage(h here, snils string, errs ui.Errors) ui.RecoveryCode {
	byMail := snils != "" || !errs.Of("snils").Empty() // then it is needed, and the page must not call it optional
	return ui.RecoveryCode{
		Errors: errs, Life: p.policy.CodeTTL, Pause: p.policy.CodeResend, Until: h.view.ExpiresAt,
		Open: byMail,
		Code: ui.CodeField{Name: "code", Way: ui.BySMSOrEmail, Does: ui.K("recovery.code.does")}.Check(errs),
		SNILS: ui.TextField{
			Name: "snils", Label: ui.K("recovery.snils"), Hint: ui.K("recovery.snils.hint"), Value: snils,
			Autocomplete: "off", InputMode: "numeric", MaxLength: 20, Short: true, Optional: !byMail,
		}.Check(errs),
	}
}

func emptyCode() ui.Errors { return ui.Errors{{Field: "code", Text: ui.K("field.code")}} }
