package web

import (
	"cmp"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"doverie/internal/campaign"
	"doverie/internal/fault"
	"doverie/internal/httpx"
	"doverie/internal/outreach"
	"doverie/internal/ui"
)

func (p Campaigns) newForm(w http.ResponseWriter, r *http.Request) error {
	first := url.Values{"first": {"1"}, "number": {"{n}"}, "counted": {"yes"}}
	return p.Kit.Page(w, r, newPage(first, nil))
}

func newPage(v url.Values, errs ui.Errors) ui.CampaignNew {
	line := func(name string, most int) ui.TextField {
		return ui.TextField{
			Name: name, Label: ui.K("campaign.field." + name), Hint: hintOf(name), Value: v.Get(name), Autocomplete: "off", MaxLength: most,
		}.Check(errs)
	}
	area := func(name string, rows int, optional bool) ui.TextArea {
		return ui.TextArea{
			Name: name, Label: ui.K("campaign.field." + name), Hint: hintOf(name), Value: v.Get(name), Rows: rows, Optional: optional,
		}.Check(errs)
	}
	const long, short, body = 160, 40, 8
	page := ui.CampaignNew{
		Errors: errs, Name: line("name", long), Letterhead: area("letterhead", 0, false), Contacts: area("contacts", 0, true),
		Number: line("number", long), First: line("first", short), Date: line("date", short), Subject: line("subject", long),
		Position: line("position", long), Signer: line("signer", long), Executor: area("executor", 0, true), Body: area("body", body, true),
		Counted: ui.Checkbox{Name: "counted", Label: ui.K("campaign.field.counted"), Hint: ui.K("campaign.hint.counted"), Checked: v.Get("counted") == "yes"},
	}
	page.First.InputMode, page.First.Short, page.Date.Short = "numeric", true, true
	return page
}

// newFields and replyFields are the order of the fields of a new campaign and of a reply.
var (
	newFields   = []string{"name", "letterhead", "contacts", "number", "first", "date", "subject", "position", "signer", "executor", "body"}
	replyFields = []string{"to_name", "to_position", "to_head", "to_salutation", "their_number", "their_date", "number", "date"}
)

// named puts the errors in the order of the fields. The faults of a letter begin with a small letter, because rows of a register
// name the column before them: here the label of the field does it, or a list of "must be filled in" would say nothing.
func named(errs ui.Errors, order []string, label string) ui.Errors {
	place := func(e ui.FieldError) int { return slices.Index(order, e.Field) }
	out := slices.Clone(errs)
	slices.SortStableFunc(out, func(a, b ui.FieldError) int { return cmp.Compare(place(a), place(b)) })
	for i, e := range out {
		if strings.HasPrefix(e.Text.Key(), "outreach.field.") && place(e) >= 0 {
			out[i].Text = ui.K("campaign.field.wrong", "Field", ui.K(label+e.Field), "What", e.Text)
		}
	}
	return out
}

// hinted are the fields with a hint below their label.
var hinted = map[string]ui.Text{
	"name": ui.K("campaign.hint.name"), "letterhead": ui.K("campaign.hint.letterhead"), "contacts": ui.K("campaign.hint.contacts"),
	"number": ui.K("campaign.hint.number"), "first": ui.K("campaign.hint.first"), "date": ui.K("campaign.hint.date"),
	"executor": ui.K("campaign.hint.executor"), "body": ui.K("campaign.hint.body"),
}

func hintOf(name string) ui.Text { return hinted[name] }

func (p Campaigns) create(w http.ResponseWriter, r *http.Request) error {
	form, err := httpx.Form(r)
	if err != nil {
		return err
	}
	letter := outreach.Letter{
		Letterhead: lines(form.Get("letterhead")), Contacts: lines(form.Get("contacts")), Number: strings.TrimSpace(form.Get("number")),
		Date: strings.TrimSpace(form.Get("date")), Subject: strings.TrimSpace(form.Get("subject")), Body: lines(form.Get("body")),
		Position: strings.TrimSpace(form.Get("position")), Signer: strings.TrimSpace(form.Get("signer")), Executor: lines(form.Get("executor")),
	}
	if letter.First, err = strconv.Atoi(strings.TrimSpace(form.Get("first"))); err != nil || letter.First == 0 {
		letter.First = -1 // refused with all the rest
	}
	c, err := p.Of.Create(r.Context(), p.Kit.Act(r), form.Get("name"), letter, form.Get("counted") == "yes")
	if errs, ok := httpx.FormErrors(err, "body"); ok {
		return p.Kit.FormAgain(w, r, newPage(form, named(errs, newFields, "campaign.field.")))
	}
	if err != nil {
		return err
	}
	return httpx.Redirect(w, r, campaignPath(c.ID)+"?done=created")
}

func importPage(c campaign.Campaign, errs ui.Errors) ui.CampaignImport {
	return ui.CampaignImport{Name: c.Name, Path: campaignPath(c.ID), Errors: errs, File: ui.FileField{
		Name: "register", Label: ui.K("campaign.import.file"), Hint: ui.K("campaign.import.hint"), Accept: ".csv,text/csv",
	}.Check(errs)}
}

func (p Campaigns) importForm(w http.ResponseWriter, r *http.Request) error {
	c, err := p.campaign(r)
	if err != nil {
		return err
	}
	return p.Kit.Page(w, r, importPage(c, nil))
}

// refusedShown is how many refused rows the page lists: whoever has more mends these first.
const refusedShown = 100

func (p Campaigns) imported(w http.ResponseWriter, r *http.Request) error {
	c, err := p.campaign(r)
	if err != nil {
		return err
	}
	_, register, err := httpx.FileForm(w, r, "register")
	if err != nil {
		return err
	}
	if register == nil {
		return p.Kit.FormAgain(w, r, importPage(c, ui.Errors{{Field: "register", Text: ui.K("campaign.import.no_file")}}))
	}
	result, err := p.Of.Import(r.Context(), p.Kit.Act(r), c.ID, register)
	if errs, ok := httpx.FormErrors(err, "register"); ok && !fault.Is(err, fault.Conflict) {
		return p.Kit.FormAgain(w, r, importPage(c, errs))
	}
	if err != nil {
		return err
	}
	page := importPage(c, nil)
	page.Read, page.Added, page.Logos = true, result.Added, result.Logos
	page.More = max(0, len(result.Refused)-refusedShown)
	for _, row := range result.Refused[:min(len(result.Refused), refusedShown)] {
		page.Lines = append(page.Lines, ui.CampaignLine{Line: row.Line, Name: row.Org.Name, Reasons: reasonsOf(row.Err)})
	}
	return p.Kit.Page(w, r, page)
}

// reasonsOf says in words why a row of a register was refused: the column, and what is wrong with it.
func reasonsOf(err error) []ui.Text {
	var f *fault.Error
	if !errors.As(err, &f) {
		return []ui.Text{ui.K("outreach.fault.row")}
	}
	if len(f.Fields) == 0 {
		return []ui.Text{ui.Named(f.Key, f.Args)}
	}
	out := make([]ui.Text, 0, len(f.Fields))
	for _, field := range f.Fields {
		out = append(out, ui.K("campaign.import.reason", "Column", field.Name, "Why", ui.Named(field.Key, field.Args)))
	}
	return out
}

func replyPage(c campaign.Campaign, v url.Values, errs ui.Errors) ui.CampaignReply {
	line := func(name string) ui.TextField {
		const long = 160
		return ui.TextField{
			Name: name, Label: ui.K("campaign.reply." + name), Value: v.Get(name), Autocomplete: "off", MaxLength: long, Optional: name != "to_name",
		}.Check(errs)
	}
	return ui.CampaignReply{
		Name: c.Name, Path: campaignPath(c.ID), Errors: errs, To: line("to_name"), Position: line("to_position"), Head: line("to_head"),
		Salutation: line("to_salutation"), TheirNumber: line("their_number"), TheirDate: line("their_date"), Number: line("number"), ReplyDay: line("date"),
	}
}

func (p Campaigns) replyForm(w http.ResponseWriter, r *http.Request) error {
	c, err := p.campaign(r)
	if err != nil {
		return err
	}
	return p.Kit.Page(w, r, replyPage(c, nil, nil))
}

func (p Campaigns) reply(w http.ResponseWriter, r *http.Request) error {
	form, err := httpx.Form(r)
	if err != nil {
		return err
	}
	c, err := p.campaign(r)
	if err != nil {
		return err
	}
	field := func(name string) string { return strings.Join(strings.Fields(form.Get(name)), " ") }
	pdf, err := p.Of.Summary(r.Context(), c.ID, outreach.ReplyTo{
		Name: field("to_name"), Position: field("to_position"), Head: field("to_head"), Salutation: field("to_salutation"),
		TheirNumber: field("their_number"), TheirDate: field("their_date"), Number: field("number"), Date: field("date"),
	})
	if errs, ok := httpx.FormErrors(err, "to_name"); ok {
		return p.Kit.FormAgain(w, r, replyPage(c, form, named(errs, replyFields, "campaign.reply.")))
	}
	if err != nil {
		return err
	}
	return download(w, "reply.pdf", "application/pdf", pdf)
}
