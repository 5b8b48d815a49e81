package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"doverie/internal/account"
	"doverie/internal/desk"
	"doverie/internal/fault"
	"doverie/internal/httpx"
	"doverie/internal/i18n"
	"doverie/internal/ui"
)

// wills is how many sentences say what an act does; the words stand in the locale files.
var wills = map[desk.Kind]int{
	desk.Confirm: 2, desk.Name: 2, desk.Phone: 4, desk.Thaw: 2, desk.Unlock: 2, desk.EndLink: 4, desk.Recover: 5,
}

func (c *Console) will(kind desk.Kind) []ui.Text {
	var out []ui.Text
	for n := range wills[kind] {
		out = append(out, ui.K("operator.will."+string(kind)+"."+string(rune('1'+n)), "Life", c.Policy.TempPassword, "Hold", c.Policy.Hold))
	}
	return out
}

func (c *Console) actForm(w http.ResponseWriter, r *http.Request, who desk.Operator) error {
	v, kind, err := c.wanted(r, who)
	if err != nil {
		return err
	}
	return c.actPage(w, r, who, v, kind, nil, nil)
}

func (c *Console) wanted(r *http.Request, who desk.Operator) (desk.View, desk.Kind, error) {
	v, err := c.Desk.View(r.Context(), who, r.PathValue("id"))
	if err != nil {
		return v, "", err
	}
	kind := desk.Kind(r.PathValue("kind"))
	if !slices.Contains(desk.Kinds(), kind) {
		return v, "", fault.New(fault.NotFound, "fault.not_found", nil)
	}
	if !possible(kind, v) {
		return v, "", fault.New(fault.Conflict, "fault.desk.not_now", nil)
	}
	return v, kind, nil
}

func (c *Console) actPage(w http.ResponseWriter, r *http.Request, who desk.Operator, v desk.View, kind desk.Kind, typed url.Values, errs ui.Errors) error {
	path := casePath(v.Case.ID)
	page := ui.Desk{
		Heading: ui.K("operator.act." + string(kind)), Lead: ui.K("operator.act.for", "Name", v.Account.FullName()), Errors: errs,
		Back:   ui.NavLink{Text: ui.Plain(v.Account.FullName()), Href: path},
		Blocks: []ui.DeskBlock{{Heading: ui.K("operator.act.will"), Will: c.will(kind)}},
	}
	own := httpx.From(path + "/acts/" + string(kind))
	form := ui.DeskForm{Action: path + "/acts/" + string(kind), Button: ui.K("operator.act." + string(kind) + ".do"), Cancel: ui.NavLink{Text: ui.K("common.cancel"), Href: path}}
	if desk.Needs(kind, v.Circle) {
		page.Blocks = append(page.Blocks, ui.DeskBlock{Notice: ui.Notice{Tone: ui.Warning, Title: ui.K("operator.two"), Text: ui.K("operator.two.text", "Queue", c.Policy.OperatorQueue)}})
		form.Button = ui.K("operator.act.propose")
	}
	if desk.Needs(kind, v.Circle) && !who.Settled(v.Now, c.Policy) { // said before anything is typed
		page.Blocks = append(page.Blocks, ui.DeskBlock{Notice: c.settling(who)})
		return c.page(w, r, who, Home, page, own)
	}
	switch kind {
	case desk.Name:
		for _, one := range []struct{ name, now string }{{"family", v.Account.Family}, {"given", v.Account.Given}, {"patronymic", v.Account.Patronymic}} {
			value := one.now
			if typed != nil {
				value = typed.Get(one.name)
			}
			form.Fields = append(form.Fields, text(ui.TextField{Name: one.name, Label: ui.K("operator.field." + one.name), Value: value, Autocomplete: "off", Optional: one.name == "patronymic"}, errs))
		}
	case desk.Phone:
		pending, err := c.Desk.PendingPhone(v.Case)
		if err != nil {
			return err
		}
		page.Blocks = append(page.Blocks, ui.DeskBlock{Heading: ui.K("operator.phone.step1"), Form: ui.DeskForm{
			Action: path + "/phone", Button: ui.K("operator.phone.send"), Look: secondaryIf(pending != ""),
			Fields: []ui.DeskField{text(ui.TextField{Name: "phone", Label: ui.K("operator.phone.new"), Value: typed.Get("phone"), Type: "tel", InputMode: "tel", Autocomplete: "off"}, errs)},
		}})
		if pending == "" {
			return c.page(w, r, who, Home, page, own)
		}
		code := ui.CodeField{Name: "code", SentTo: account.MaskPhone(pending), Does: ui.K("operator.phone.does")}.Check(errs)
		form.Fields = []ui.DeskField{{Code: &code}}
		page.Blocks = append(page.Blocks, ui.DeskBlock{Heading: ui.K("operator.phone.step2"), Text: ui.K("operator.phone.self")})
	case desk.EndLink:
		list := ui.Radios{Name: "link", Legend: ui.K("operator.link.which"), Chosen: typed.Get("link")}
		for _, g := range v.Circle.Guardians {
			list.Options = append(list.Options, ui.Option{Value: g.Link.ID, Label: ui.Plain(g.Contact.ShortName()), Hint: ui.K("operator.link." + string(g.Link.State))})
		}
		form.Fields = []ui.DeskField{radios(list, errs)}
	case desk.Confirm:
		if v.Account.Level == account.Simplified {
			page.Blocks = append(page.Blocks, ui.DeskBlock{Notice: ui.Notice{Tone: ui.Info, Text: ui.K("operator.confirm.fill")}})
			form.Fields = identityFields(r, typed, errs)
		}
	case desk.Thaw, desk.Unlock, desk.Recover:
	}
	form.Fields = append(form.Fields, seen(errs))
	if kind == desk.Recover || kind == desk.EndLink {
		form.Look = "danger"
	}
	page.Blocks = append(page.Blocks, ui.DeskBlock{Form: form})
	return c.page(w, r, who, Home, page, own)
}

// identityFields ask for what the document says of a person who has not typed it herself.
func identityFields(r *http.Request, typed url.Values, errs ui.Errors) []ui.DeskField {
	const dateMax, snilsMax = 10, 20
	countries := ui.Select{Name: "citizenship", Label: ui.K("account.document.citizenship"), Chosen: typed.Get("citizenship")}
	countries.Options = append(countries.Options, ui.Option{Label: ui.K("account.document.choose")})
	for _, c := range i18n.Countries(httpx.Lang(r), "RUS", account.Country) {
		countries.Options = append(countries.Options, ui.Option{Value: c.Code, Label: ui.Plain(c.Name)})
	}
	return []ui.DeskField{
		text(ui.TextField{
			Name: "birth_date", Label: ui.K("account.document.birth"), Hint: ui.K("account.document.birth.hint"), Value: typed.Get("birth_date"),
			Autocomplete: "off", MaxLength: dateMax, Short: true,
		}, errs),
		choice(countries, errs),
		text(ui.TextField{
			Name: "snils", Label: ui.K("account.document.snils"), Hint: ui.K("account.document.snils.hint"), Value: typed.Get("snils"),
			Autocomplete: "off", InputMode: "numeric", MaxLength: snilsMax, Short: true,
		}, errs),
	}
}

// settling says to whoever was given his access lately from when on he takes part in acts of two.
func (c *Console) settling(who desk.Operator) ui.Notice {
	return ui.Notice{Tone: ui.Warning, Title: ui.K("operator.settling"), Text: ui.K("operator.settling.text", "From", who.SettlesAt(c.Policy), "Time", c.Policy.OperatorSettling)}
}

// seen is the statement under every act: a person is here, and the document is his.
func seen(errs ui.Errors) ui.DeskField {
	return checkbox(ui.Checkbox{Name: "seen", Label: ui.K("operator.seen"), Hint: ui.K("operator.seen.hint"), Error: errs.Of("seen")}, errs)
}

func secondaryIf(yes bool) string {
	if yes {
		return "secondary"
	}
	return ""
}

func unseen(form url.Values) ui.Errors {
	if form.Get("seen") == "yes" {
		return nil
	}
	return ui.Errors{{Field: "seen", Text: ui.K("fault.desk.seen")}}
}

// incomplete tells everything that was left out, in the order of the form: only a whole form is worth a decision.
func incomplete(kind desk.Kind, form url.Values) ui.Errors {
	var errs ui.Errors
	switch kind {
	case desk.Name:
		for _, one := range []struct{ field, key string }{{"family", "fault.family.missing"}, {"given", "fault.name.missing"}} {
			if strings.TrimSpace(form.Get(one.field)) == "" {
				errs = append(errs, ui.FieldError{Field: one.field, Text: ui.K(one.key)})
			}
		}
	case desk.Phone:
		if strings.TrimSpace(form.Get("code")) == "" {
			errs = append(errs, ui.FieldError{Field: "code", Text: ui.K("field.code")})
		}
	case desk.EndLink:
		if form.Get("link") == "" {
			errs = append(errs, ui.FieldError{Field: "link", Text: ui.K("fault.desk.which_link")})
		}
	case desk.Confirm, desk.Thaw, desk.Unlock, desk.Recover:
	}
	return append(errs, unseen(form)...)
}

func (c *Console) act(w http.ResponseWriter, r *http.Request, who desk.Operator) error {
	form, err := httpx.Form(r)
	if err != nil {
		return err
	}
	v, kind, err := c.wanted(r, who)
	if err != nil {
		return err
	}
	if errs := incomplete(kind, form); errs != nil {
		return c.actPage(w, r, who, v, kind, form, errs)
	}
	done, err := c.Desk.Act(r.Context(), c.Kit.Act(r), who, v.Case.ID, desk.Wish{
		Kind: kind, Link: form.Get("link"), Family: form.Get("family"), Given: form.Get("given"), Patronymic: form.Get("patronymic"), Code: form.Get("code"),
		Birth: strings.TrimSpace(form.Get("birth_date")), Citizenship: form.Get("citizenship"), SNILS: form.Get("snils"),
	})
	if err == nil {
		return httpx.Redirect(w, r, actPath(done.ID))
	}
	field := "seen"
	if kind == desk.Phone {
		field = "code"
	}
	if errs, ok := httpx.FormErrors(err, field); ok && !fault.Is(err, fault.NotFound) {
		return c.actPage(w, r, who, v, kind, form, errs)
	}
	return err
}

func (c *Console) sendCode(w http.ResponseWriter, r *http.Request, who desk.Operator) error {
	form, err := httpx.Form(r)
	if err != nil {
		return err
	}
	id := r.PathValue("id")
	err = c.Desk.SendPhoneCode(r.Context(), c.Kit.Act(r), who, id, form.Get("phone"))
	if err == nil {
		return httpx.Redirect(w, r, casePath(id)+"/acts/"+string(desk.Phone))
	}
	if errs, ok := httpx.FormErrors(err, "phone"); ok && !fault.Is(err, fault.NotFound) {
		v, again := c.Desk.View(r.Context(), who, id)
		if again != nil {
			return again
		}
		return c.actPage(w, r, who, v, desk.Phone, form, errs)
	}
	return err
}

func (c *Console) queue(w http.ResponseWriter, r *http.Request, who desk.Operator) error {
	acts, err := c.Desk.Queue(r.Context(), who)
	if err != nil {
		return err
	}
	page := ui.Desk{Heading: ui.K("operator.nav.queue"), Lead: ui.K("operator.queue.lead", "Queue", c.Policy.OperatorQueue)}
	if !who.Settled(c.Desk.Now(), c.Policy) {
		page.News = c.settling(who)
	}
	block := ui.DeskBlock{}
	for _, a := range acts {
		row := actRow(a)
		row.Note = ui.K("operator.queue.until", "At", a.ExpiresAt)
		if a.Proposer == who.ID {
			row.Badge = ui.Badge{Text: ui.K("operator.queue.mine")}
		}
		block.Rows = append(block.Rows, row)
	}
	if len(acts) == 0 {
		block.Empty = ui.EmptyState{Icon: "circle-check", Title: ui.K("operator.queue.empty"), Text: ui.K("operator.queue.empty.text")}
	}
	page.Blocks = []ui.DeskBlock{block}
	return c.page(w, r, who, "/operator/acts", page)
}

func (c *Console) showAct(w http.ResponseWriter, r *http.Request, who desk.Operator) error {
	return c.proposalPage(w, r, who, nil)
}

func (c *Console) proposalPage(w http.ResponseWriter, r *http.Request, who desk.Operator, errs ui.Errors) error {
	p, err := c.Desk.Proposal(r.Context(), who, r.PathValue("id"))
	if err != nil {
		return err
	}
	first, err := c.Staff.Named(r.Context(), p.Act.Proposer)
	if err != nil {
		return err
	}
	mine := p.Act.Proposer == who.ID
	status := ui.Facts{
		{Label: ui.K("operator.fact.state"), Value: ui.K("operator.state." + string(p.Act.State)), Tone: stateTone(p.Act.State)},
		facts("operator.fact.first", ui.K("operator.first", "Name", first.Name, "Office", first.OfficeName, "At", p.Act.ProposedAt)),
		facts("operator.fact.reason", ui.K("operator.reason."+string(p.Case.Reason))),
	}
	if p.Act.Second != "" {
		second, err := c.Staff.Named(r.Context(), p.Act.Second)
		if err != nil {
			return err
		}
		status = append(status, facts("operator.fact.second", ui.K("operator.first", "Name", second.Name, "Office", second.OfficeName, "At", p.Act.DecidedAt)))
	}
	if p.Act.Why != "" && p.Act.State != desk.Approved {
		status = append(status, facts("operator.fact.why", ui.K("operator.why."+p.Act.Why)))
	}
	status = append(status, wished(p)...)
	page := ui.Desk{
		Heading: ui.K("operator.act." + string(p.Act.Kind)), Lead: ui.K("operator.act.for", "Name", p.Account.FullName()), Errors: errs,
		Back: ui.NavLink{Text: ui.K("operator.nav.queue"), Href: "/operator/acts"}, Blocks: []ui.DeskBlock{{Facts: status}},
	}
	if p.Act.State == desk.Approved && p.Act.Why != "" {
		page.Blocks = append(page.Blocks, ui.DeskBlock{Notice: ui.Notice{Tone: ui.Info, Text: ui.K("operator.also." + p.Act.Why)}})
	}
	if mine {
		page.Back = ui.NavLink{Text: ui.Plain(p.Account.FullName()), Href: casePath(p.Case.ID)}
	}
	if p.Act.State == desk.Proposed {
		page.Blocks = append(page.Blocks, ui.DeskBlock{Heading: ui.K("operator.act.will"), Will: c.will(p.Act.Kind)})
		page.Blocks = append(page.Blocks, c.person(p.View)...)
	}
	if p.Act.Two && moving(p, mine) && !who.Settled(p.Now, c.Policy) {
		page.Blocks = append(page.Blocks, ui.DeskBlock{Notice: c.settling(who)})
		return c.page(w, r, who, "/operator/acts", page)
	}
	page.Blocks = append(page.Blocks, c.moves(p, mine, errs)...)
	return c.page(w, r, who, "/operator/acts", page)
}

func stateTone(s desk.State) ui.Tone {
	if s == desk.Proposed || s == desk.Refused {
		return ui.Warning
	}
	return ""
}

// wished is what exactly is proposed.
func wished(p desk.Proposal) ui.Facts {
	var out ui.Facts
	if p.Kept.Phone != "" {
		out = append(out, facts("operator.phone.new", ui.Plain(account.MaskPhone(p.Kept.Phone))))
	}
	if p.Kept.Family != "" {
		out = append(out, facts("operator.fact.newname", ui.Plain(p.Kept.Family+" "+p.Kept.Given+" "+p.Kept.Patronymic)))
	}
	for _, g := range p.Circle.Guardians {
		if g.Link.ID == p.Act.Link {
			out = append(out, facts("operator.link.which", ui.Plain(g.Contact.ShortName())))
		}
	}
	return out
}

// moving tells whether the act still waits for something that this operator would do.
func moving(p desk.Proposal, mine bool) bool {
	return p.Act.State == desk.Proposed || p.Act.State == desk.Approved && mine && len(p.Act.Paper) > 0
}

// moves are what this operator can do with the act now.
func (c *Console) moves(p desk.Proposal, mine bool, errs ui.Errors) []ui.DeskBlock {
	path := actPath(p.Act.ID)
	switch {
	case p.Act.State == desk.Proposed && mine:
		return []ui.DeskBlock{{
			Notice: ui.Notice{Tone: ui.Info, Title: ui.K("operator.wait"), Text: ui.K("operator.wait.text", "Until", p.Act.ExpiresAt)},
			Links:  []ui.NavLink{{Text: ui.K("operator.refresh"), Href: path}},
			Form:   ui.DeskForm{Action: path + "/withdraw", Button: ui.K("operator.withdraw"), Look: "secondary"},
		}}
	case p.Act.State == desk.Proposed && p.Changed:
		return []ui.DeskBlock{{Notice: ui.Notice{Tone: ui.Danger, Title: ui.K("operator.changed"), Text: ui.K("fault.desk.facts_changed")}}}
	case p.Act.State == desk.Proposed:
		why := ui.Radios{Name: "why", Legend: ui.K("operator.decline.why")}
		for _, one := range desk.Whys() {
			why.Options = append(why.Options, ui.Option{Value: string(one), Label: ui.K("operator.why." + string(one))})
		}
		return []ui.DeskBlock{{
			Heading: ui.K("operator.decide"), Text: ui.K("operator.decide.text", "Until", p.Act.ExpiresAt),
			Form: ui.DeskForm{Action: path + "/decline", Button: ui.K("operator.decline"), Fields: []ui.DeskField{radios(why, errs)}},
			More: []ui.DeskForm{{Action: path + "/agree", Button: ui.K("operator.agree." + string(p.Act.Kind)), Look: "danger", Fields: []ui.DeskField{seen(errs)}}},
		}}
	case p.Act.State == desk.Approved && mine && len(p.Act.Paper) > 0:
		return []ui.DeskBlock{{
			Notice: ui.Notice{Tone: ui.Warning, Title: ui.K("operator.paper"), Text: ui.K("operator.paper.text", "Until", p.Act.PaperUntil)},
			Form:   ui.DeskForm{Action: path + "/paper", Button: ui.K("operator.paper.button")},
		}}
	case p.Act.State == desk.Approved:
		return []ui.DeskBlock{{Notice: ui.Notice{Tone: ui.Success, Text: ui.K("operator.done")}}}
	}
	return nil
}

func (c *Console) agree(w http.ResponseWriter, r *http.Request, who desk.Operator) error {
	form, err := httpx.Form(r)
	if err != nil {
		return err
	}
	if errs := unseen(form); errs != nil {
		return c.proposalPage(w, r, who, errs)
	}
	return c.moved(w, r, c.Desk.Agree(r.Context(), c.Kit.Act(r), who, r.PathValue("id")))
}

func (c *Console) moved(w http.ResponseWriter, r *http.Request, err error) error {
	if err != nil {
		return err
	}
	return httpx.Redirect(w, r, actPath(r.PathValue("id")))
}

func (c *Console) decline(w http.ResponseWriter, r *http.Request, who desk.Operator) error {
	form, err := httpx.Form(r)
	if err != nil {
		return err
	}
	err = c.Desk.Decline(r.Context(), c.Kit.Act(r), who, r.PathValue("id"), desk.Why(form.Get("why")))
	if errs, ok := httpx.FormErrors(err, "why"); ok && fault.Is(err, fault.Invalid) {
		return c.proposalPage(w, r, who, errs)
	}
	return c.moved(w, r, err)
}

func (c *Console) withdraw(w http.ResponseWriter, r *http.Request, who desk.Operator) error {
	if _, err := httpx.Form(r); err != nil {
		return err
	}
	return c.moved(w, r, c.Desk.TakeBack(r.Context(), c.Kit.Act(r), who, r.PathValue("id")))
}
