package console

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"doverie/internal/desk"
	"doverie/internal/httpx"
	"doverie/internal/ui"
)

func (c *Console) offices(w http.ResponseWriter, r *http.Request, who desk.Operator) error {
	return c.officesPage(w, r, who, nil, nil)
}

func (c *Console) officesPage(w http.ResponseWriter, r *http.Request, who desk.Operator, typed url.Values, errs ui.Errors) error {
	all, err := c.Staff.Offices(r.Context())
	if err != nil {
		return err
	}
	page := ui.Desk{Heading: ui.K("operator.nav.offices"), Lead: ui.K("operator.offices.lead"), Errors: errs}
	for _, o := range all {
		block := ui.DeskBlock{Heading: ui.Plain(o.Name), Facts: ui.Facts{facts("operator.offices.address", ui.Plain(o.Address)), facts("operator.offices.since", ui.DateOf(o.CreatedAt))}}
		switch {
		case !o.ClosedAt.IsZero():
			block.Facts = append(block.Facts, facts("operator.offices.closed", ui.DateOf(o.ClosedAt)))
		case o.ID != who.Office:
			block.Form = ui.DeskForm{Action: "/operator/offices/" + o.ID + "/close", Button: ui.K("operator.offices.close", "Name", o.Name), Look: "danger"}
		}
		page.Blocks = append(page.Blocks, block)
	}
	page.Blocks = append(page.Blocks, ui.DeskBlock{Heading: ui.K("operator.offices.add"), Form: ui.DeskForm{
		Action: "/operator/offices", Button: ui.K("operator.offices.add.button"), Fields: []ui.DeskField{
			text(ui.TextField{Name: "name", Label: ui.K("operator.offices.name"), Hint: ui.K("operator.offices.name.hint"), Value: typed.Get("name"), Autocomplete: "off"}, errs),
			text(ui.TextField{Name: "address", Label: ui.K("operator.offices.address"), Value: typed.Get("address"), Autocomplete: "off"}, errs),
		},
	}})
	return c.page(w, r, who, "/operator/offices", page)
}

func (c *Console) addOffice(w http.ResponseWriter, r *http.Request, who desk.Operator) error {
	form, err := httpx.Form(r)
	if err != nil {
		return err
	}
	if _, err := c.Staff.AddOffice(r.Context(), c.Kit.Act(r), who, form.Get("name"), form.Get("address")); err != nil {
		if errs, ok := httpx.FormErrors(err, "name"); ok {
			return c.officesPage(w, r, who, form, errs)
		}
		return err
	}
	return httpx.Redirect(w, r, "/operator/offices")
}

func (c *Console) closeOffice(w http.ResponseWriter, r *http.Request, who desk.Operator) error {
	if _, err := httpx.Form(r); err != nil {
		return err
	}
	if err := c.Staff.CloseOffice(r.Context(), c.Kit.Act(r), who, r.PathValue("id")); err != nil {
		return err
	}
	return httpx.Redirect(w, r, "/operator/offices")
}

func (c *Console) staff(w http.ResponseWriter, r *http.Request, who desk.Operator) error {
	return c.staffPage(w, r, who, nil, nil)
}

func (c *Console) staffPage(w http.ResponseWriter, r *http.Request, who desk.Operator, typed url.Values, errs ui.Errors) error {
	all, err := c.Staff.Everybody(r.Context(), who)
	if err != nil {
		return err
	}
	offices, err := c.Staff.Offices(r.Context())
	if err != nil {
		return err
	}
	page := ui.Desk{Heading: ui.K("operator.nav.staff"), Lead: ui.K("operator.staff.lead"), Errors: errs}
	for _, o := range all {
		block := ui.DeskBlock{Heading: ui.Plain(o.Name), Facts: ui.Facts{
			facts("operator.login", ui.Plain(o.Login)), facts("operator.staff.role", ui.K("operator.role."+string(o.Role))), facts("operator.staff.office", ui.Plain(o.OfficeName)),
			facts("operator.fact.state", ui.K("operator.staff.state."+string(o.State))), facts("operator.staff.ways", ways(o)),
		}}
		if o.ID != who.ID {
			block.More = []ui.DeskForm{{Action: "/operator/staff/" + o.ID + "/renew", Button: ui.K("operator.staff.renew", "Name", o.Name), Look: "secondary"}}
			if o.State != desk.Suspended {
				block.More = append(block.More, ui.DeskForm{Action: "/operator/staff/" + o.ID + "/suspend", Button: ui.K("operator.staff.suspend", "Name", o.Name), Look: "danger"})
			}
		}
		page.Blocks = append(page.Blocks, block)
	}
	roles := ui.Radios{Name: "role", Legend: ui.K("operator.staff.role"), Chosen: typed.Get("role")}
	for _, one := range desk.Roles() {
		roles.Options = append(roles.Options, ui.Option{Value: string(one), Label: ui.K("operator.role." + string(one)), Hint: ui.K("operator.role." + string(one) + ".may")})
	}
	list := ui.Select{Name: "office", Label: ui.K("operator.staff.office"), Chosen: typed.Get("office")}
	for _, o := range offices {
		if o.ClosedAt.IsZero() {
			list.Options = append(list.Options, ui.Option{Value: o.ID, Label: ui.Plain(o.Name)})
		}
	}
	page.Blocks = append(page.Blocks, ui.DeskBlock{Heading: ui.K("operator.staff.add"), Form: ui.DeskForm{
		Action: "/operator/staff", Button: ui.K("operator.staff.add.button"), Fields: []ui.DeskField{
			text(ui.TextField{Name: "name", Label: ui.K("operator.staff.name"), Value: typed.Get("name"), Autocomplete: "off"}, errs),
			text(ui.TextField{Name: "login", Label: ui.K("operator.login"), Hint: ui.K("operator.login.hint"), Value: typed.Get("login"), Autocomplete: "off"}, errs),
			choice(list, errs), radios(roles, errs),
		},
	}})
	return c.page(w, r, who, "/operator/staff", page)
}

func ways(o desk.Operator) ui.Text {
	switch {
	case o.Keys > 0:
		return ui.K("operator.staff.way.passkey")
	case o.PasswordHash != "":
		return ui.K("operator.staff.way.totp")
	}
	return ui.K("operator.staff.way.none")
}

// once shows a one-time code: on this answer only.
func (c *Console) once(w http.ResponseWriter, r *http.Request, who, made desk.Operator, code string) error {
	return c.page(w, r, who, "/operator/staff", ui.Desk{
		Heading: ui.K("operator.once.title", "Name", made.Name), Lead: ui.K("operator.once.lead"), Back: ui.NavLink{Text: ui.K("operator.nav.staff"), Href: "/operator/staff"},
		Blocks: []ui.DeskBlock{
			{Once: code, Facts: ui.Facts{
				facts("operator.once.where", ui.Plain(c.Kit.Site()+enrolPath)), facts("operator.login", ui.Plain(made.Login)), facts("operator.once.until", ui.K("operator.until", "At", made.EnrolUntil)),
			}},
			{Notice: ui.Notice{Tone: ui.Warning, Text: ui.K("operator.once.warning")}},
		},
	})
}

func (c *Console) invite(w http.ResponseWriter, r *http.Request, who desk.Operator) error {
	form, err := httpx.Form(r)
	if err != nil {
		return err
	}
	made, code, err := c.Staff.Invite(r.Context(), c.Kit.Act(r), who, desk.NewOperator{
		Login: form.Get("login"), Name: form.Get("name"), Office: form.Get("office"), Role: desk.Role(form.Get("role")),
	})
	if err != nil {
		if errs, ok := httpx.FormErrors(err, "login"); ok {
			return c.staffPage(w, r, who, form, errs)
		}
		return err
	}
	return c.once(w, r, who, made, code)
}

func (c *Console) renew(w http.ResponseWriter, r *http.Request, who desk.Operator) error {
	if _, err := httpx.Form(r); err != nil {
		return err
	}
	made, code, err := c.Staff.Renew(r.Context(), c.Kit.Act(r), who, r.PathValue("id"))
	if err != nil {
		return err
	}
	return c.once(w, r, who, made, code)
}

func (c *Console) suspend(w http.ResponseWriter, r *http.Request, who desk.Operator) error {
	if _, err := httpx.Form(r); err != nil {
		return err
	}
	if err := c.Staff.Suspend(r.Context(), c.Kit.Act(r), who, r.PathValue("id")); err != nil {
		return err
	}
	return httpx.Redirect(w, r, "/operator/staff")
}

func (c *Console) rules(w http.ResponseWriter, r *http.Request, who desk.Operator) error {
	table := ui.Table{Caption: ui.K("operator.nav.rules"), Head: []ui.Text{ui.K("operator.rules.key"), ui.K("operator.rules.value"), ui.K("operator.rules.bounds"), ui.K("operator.rules.doc")}}
	for _, e := range c.Policy.Entries() {
		bounds := ""
		if e.Min != "" {
			bounds = e.Min + " – " + e.Max
		}
		table.Rows = append(table.Rows, []ui.Cell{{Text: ui.Plain(e.Key)}, {Text: ui.Plain(e.Value)}, {Text: ui.Plain(bounds)}, {Text: ui.Plain(e.Doc)}})
	}
	return c.page(w, r, who, "/operator/rules", ui.Desk{Heading: ui.K("operator.nav.rules"), Lead: ui.K("operator.rules.lead", "Version", c.Policy.Version), Blocks: []ui.DeskBlock{{Table: table}}})
}

func (c *Console) messages(w http.ResponseWriter, r *http.Request, who desk.Operator) error {
	lang := r.URL.Query().Get("texts")
	page := ui.Desk{Heading: ui.K("operator.nav.messages"), Lead: ui.K("operator.messages.lead")}
	var links []ui.NavLink
	for _, one := range languages() {
		links = append(links, ui.NavLink{Text: ui.K("operator.messages." + one), Href: "/operator/messages?texts=" + one})
		if lang == "" {
			lang = one
		}
	}
	table := ui.Table{Caption: ui.K("operator.nav.messages"), Head: []ui.Text{ui.K("operator.messages.kind"), ui.K("operator.messages.channel"), ui.K("operator.messages.text")}}
	for _, m := range c.Messages(lang) {
		table.Rows = append(table.Rows, []ui.Cell{{Text: ui.Plain(m.Kind)}, {Text: ui.Plain(m.Channel)}, {Text: ui.Plain(m.Text)}})
	}
	page.Blocks = []ui.DeskBlock{{Links: links}, {Table: table}}
	return c.page(w, r, who, "/operator/messages", page)
}

func (c *Console) clients(w http.ResponseWriter, r *http.Request, who desk.Operator) error {
	page := ui.Desk{Heading: ui.K("operator.nav.clients"), Lead: ui.K("operator.clients.lead")}
	var all []Client
	if c.Clients != nil {
		var err error
		if all, err = c.Clients(r.Context()); err != nil {
			return err
		}
	}
	if len(all) == 0 {
		page.Blocks = []ui.DeskBlock{{Empty: ui.EmptyState{Icon: "globe", Title: ui.K("operator.clients.none"), Text: ui.K("operator.clients.none.text")}}}
		return c.page(w, r, who, "/operator/clients", page)
	}
	table := ui.Table{Caption: ui.K("operator.nav.clients"), Head: []ui.Text{ui.K("operator.clients.id"), ui.K("operator.clients.name"), ui.K("operator.clients.state"), ui.K("operator.clients.redirects")}}
	for _, one := range all {
		table.Rows = append(table.Rows, []ui.Cell{{Text: ui.Plain(one.ID)}, {Text: ui.Plain(one.Name)}, {Text: ui.Plain(one.State)}, {Text: ui.Plain(strings.TrimSpace(one.Redirects))}})
	}
	page.Blocks = []ui.DeskBlock{{Table: table}}
	return c.page(w, r, who, "/operator/clients", page)
}

func (c *Console) figures(w http.ResponseWriter, r *http.Request, who desk.Operator) error {
	f, err := c.Records.Figures(r.Context(), who)
	if err != nil {
		return err
	}
	few := ui.K("operator.figures.few", "Least", c.Policy.FiguresLeast)
	number := func(one desk.Figure) ui.Text {
		if one.Few {
			return few
		}
		return ui.Plain(strconv.Itoa(one.N))
	}
	share := func(one desk.Share) ui.Text {
		if one.Few {
			return few
		}
		return ui.K("operator.figures.percent", "Percent", one.Percent)
	}
	outcomes := ui.DeskBlock{Heading: ui.K("operator.figures.outcomes")}
	for _, one := range f.Outcomes {
		outcomes.Facts = append(outcomes.Facts, facts("operator.outcome."+one.Name, number(one)))
	}
	median := few
	if !f.MedianFew {
		median = ui.K("operator.figures.for", "For", max(f.Median, time.Minute))
	}
	return c.page(w, r, who, "/operator/figures", ui.Desk{
		Heading: ui.K("operator.nav.figures"), Lead: ui.K("operator.figures.lead", "Since", ui.DateOf(f.Since), "Least", c.Policy.FiguresLeast),
		Blocks: []ui.DeskBlock{outcomes, {Heading: ui.K("operator.figures.contacts"), Facts: ui.Facts{
			facts("operator.figures.median", median), facts("operator.figures.fraud", share(f.Fraud)), facts("operator.figures.unreachable", number(f.Unreachable)),
			facts("operator.figures.suspended", number(f.Suspended)),
		}}, {Heading: ui.K("operator.figures.messages"), Facts: ui.Facts{facts("operator.figures.late", share(f.Late))}}},
	})
}
