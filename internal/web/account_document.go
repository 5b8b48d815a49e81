package web

import (
	"net/http"
	"strings"

	"doverie/internal/account"
	"doverie/internal/fault"
	"doverie/internal/httpx"
	"doverie/internal/i18n"
	"doverie/internal/ui"
)

func (p *Account) documentForm(w http.ResponseWriter, r *http.Request) error {
	a, err := p.of.Profile(r.Context(), httpx.VisitorOf(r).Account)
	if err != nil {
		return err
	}
	if a.Level == account.Confirmed {
		return fault.New(fault.Refused, "fault.account.confirmed", nil)
	}
	in := account.DocumentInput{Citizenship: a.Citizenship, Kind: a.Document.Kind}
	return p.kit.Page(w, r, p.documentPage(r, in, nil), httpx.Section(pathProfile))
}

func (p *Account) document(w http.ResponseWriter, r *http.Request) error {
	form, err := httpx.Form(r)
	if err != nil {
		return err
	}
	who, err := caller(r, p.sessions)
	if err != nil {
		return err
	}
	in := account.DocumentInput{
		BirthDate: strings.TrimSpace(form.Get("birth_date")), Citizenship: form.Get("citizenship"), SNILS: form.Get("snils"),
		Kind: account.DocumentKind(form.Get("kind")), Number: form.Get("document"),
	}
	if _, err := p.of.EnterDocument(r.Context(), p.kit.Act(r), who, in); err != nil {
		if errs, ok := httpx.FormErrors(err, "snils"); ok {
			return p.kit.FormAgain(w, r, p.documentPage(r, in, errs), httpx.Section(pathProfile))
		}
		return err
	}
	return httpx.Redirect(w, r, pathProfile+"?done=document")
}

func (p *Account) documentPage(r *http.Request, in account.DocumentInput, errs ui.Errors) ui.AccountDocument {
	const dateMax, snilsMax, numberMax = 10, 20, 30
	kinds := ui.Radios{Name: "kind", Legend: ui.K("account.document.kind"), Chosen: string(in.Kind)}
	for _, k := range account.DocumentKinds() {
		kinds.Options = append(kinds.Options, ui.Option{Value: string(k), Label: ui.K("account.document.kind." + string(k))})
	}
	return ui.AccountDocument{
		Errors: errs,
		Citizenship: ui.Select{
			Name: "citizenship", Label: ui.K("account.document.citizenship"), Options: countries(httpx.Lang(r)), Chosen: in.Citizenship, Autocomplete: "country",
		}.Check(errs),
		Birth: ui.TextField{
			Name: "birth_date", Label: ui.K("account.document.birth"), Hint: ui.K("account.document.birth.hint"), Value: in.BirthDate,
			Autocomplete: "bday", MaxLength: dateMax, Short: true,
		}.Check(errs),
		SNILS: ui.TextField{
			Name: "snils", Label: ui.K("account.document.snils"), Hint: ui.K("account.document.snils.hint"), Value: in.SNILS,
			Autocomplete: "off", InputMode: "numeric", MaxLength: snilsMax, Short: true,
		}.Check(errs),
		Kind: kinds.Check(errs),
		Number: ui.TextField{
			Name: "document", Label: ui.K("account.document.number"), Hint: ui.K("account.document.number.hint"), Value: in.Number,
			Autocomplete: "off", MaxLength: numberMax, Short: true,
		}.Check(errs),
	}
}

// countries lists every country in the reader's language, Russia first, after the wish to choose.
func countries(lang string) []ui.Option {
	out := []ui.Option{{Label: ui.K("account.document.choose")}}
	for _, c := range i18n.Countries(lang, "RUS", account.Country) {
		out = append(out, ui.Option{Value: c.Code, Label: ui.Plain(c.Name)})
	}
	return out
}
