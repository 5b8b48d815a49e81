package web

import (
	"net/http"

	"doverie/internal/httpx"
	"doverie/internal/recovery"
	"doverie/internal/ui"
)

// startForm is the first step, and the door to every other: whoever has a recovery under way goes to
// the step whose turn it is. "?new" begins another one, when there is nothing open to be lost.
func (p *Recovery) startForm(w http.ResponseWriter, r *http.Request) error {
	h, err := p.here(r)
	if err != nil {
		return err
	}
	open := recovery.Recovery{State: h.view.State}.Open()
	if h.view.State != recovery.None && (open || !r.URL.Query().Has("new")) {
		return httpx.Redirect(w, r, turn(h.view.State))
	}
	return p.kit.Page(w, r, p.startPage("", nil))
}

func (p *Recovery) start(w http.ResponseWriter, r *http.Request) error {
	form, err := httpx.Form(r)
	if err != nil {
		return err
	}
	typed := form.Get("identifier")
	browser, err := p.of.Start(r.Context(), p.kit.Act(r), typed, p.kit.Cookie(r, deviceCookie))
	if err != nil {
		if errs, ok := httpx.FormErrors(err, "identifier"); ok {
			return p.kit.FormAgain(w, r, p.startPage(typed, asField(errs, "identifier")))
		}
		return err
	}
	p.kit.SetCookie(w, recoveryCookie, browser, p.cookieLife())
	return httpx.Redirect(w, r, pathRecoveryCode)
}

func (p *Recovery) startPage(typed string, errs ui.Errors) ui.Page {
	return ui.RecoveryStart{Errors: errs, SignIn: p.signIn, Identifier: identifierField(typed).Check(errs)}
}

// identifierField asks for a phone, an e-mail or a SNILS.
func identifierField(typed string) ui.TextField {
	return ui.TextField{
		Name: "identifier", Label: ui.K("recovery.identifier"), Hint: ui.K("recovery.identifier.hint"),
		Value: typed, Autocomplete: "username", MaxLength: 254, // the longest e-mail address
	}
}

// asField puts every error at the one field of the form that can be wrong.
func asField(errs ui.Errors, name string) ui.Errors {
	out := make(ui.Errors, 0, len(errs))
	for _, e := range errs {
		out = append(out, ui.FieldError{Field: name, Text: e.Text})
	}
	return out
}
