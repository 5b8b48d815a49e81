package console

import (
	"net/http"
	"path"
	"time"

	"doverie/internal/account"
	"doverie/internal/desk"
	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/httpx"
	"doverie/internal/ui"
)

// sectionIcons are the drawings of the sections on the first page of whoever serves nobody.
var sectionIcons = map[string]string{
	"/operator/audit": "history", "/operator/audit/verify": "shield-check", "/operator/figures": "info", "/operator/offices": "building-2",
	"/operator/staff": "users", "/operator/rules": "lock", "/operator/messages": "mail", "/operator/clients": "globe",
}

func (c *Console) home(w http.ResponseWriter, r *http.Request, who desk.Operator) error {
	return c.homePage(w, r, who, desk.OpenInput{}, nil)
}

// homePage is the first page of every role; whoever serves people begins here.
func (c *Console) homePage(w http.ResponseWriter, r *http.Request, who desk.Operator, in desk.OpenInput, errs ui.Errors) error {
	page := ui.Desk{Heading: ui.K("operator.home." + string(who.Role)), Lead: ui.K("operator.home.lead." + string(who.Role)), Errors: errs}
	if !who.Role.Serves() {
		var cards []ui.SectionCard
		for _, link := range nav(who)[1:] {
			cards = append(cards, ui.SectionCard{Icon: sectionIcons[link.Href], Title: link.Text, Text: ui.K("operator.card." + path.Base(link.Href)), Href: link.Href})
		}
		page.Blocks = []ui.DeskBlock{{Cards: cards}}
		if err := c.accessGiven(r, who, &page); err != nil {
			return err
		}
		return c.page(w, r, who, Home, page)
	}
	waiting, err := c.Desk.Queue(r.Context(), who)
	if err != nil {
		return err
	}
	if n := others(waiting, who); n > 0 {
		page.News = ui.Notice{Tone: ui.Warning, Text: ui.K("operator.home.waiting", "Acts", n), Link: ui.NavLink{Text: ui.K("operator.nav.queue"), Href: "/operator/acts"}}
	}
	reasons := ui.Radios{Name: "reason", Legend: ui.K("operator.find.reason"), Chosen: string(in.Reason)}
	for _, one := range desk.Reasons() {
		reasons.Options = append(reasons.Options, ui.Option{Value: string(one), Label: ui.K("operator.reason." + string(one))})
	}
	page.Blocks = append(page.Blocks, ui.DeskBlock{
		Notice: ui.Notice{Tone: ui.Info, Text: ui.K("operator.find.rule")},
		Form: ui.DeskForm{Action: "/operator/cases", Button: ui.K("operator.find.button"), Fields: []ui.DeskField{
			text(ui.TextField{Name: "identifier", Label: ui.K("operator.find.identifier"), Hint: ui.K("operator.find.identifier.hint"), Value: in.Identifier, Autocomplete: "off"}, errs),
			radios(reasons, errs),
			choice(ui.Select{Name: "document", Label: ui.K("operator.find.document"), Options: documents(), Chosen: string(in.Document)}, errs),
			text(ui.TextField{Name: "last4", Label: ui.K("operator.find.last4"), Hint: ui.K("operator.find.last4.hint"), Value: in.Last4, Autocomplete: "off", MaxLength: 4, Short: true}, errs),
		}},
	})
	open, err := c.Desk.OpenCases(r.Context(), who)
	if err != nil {
		return err
	}
	if len(open) > 0 {
		block := ui.DeskBlock{Heading: ui.K("operator.home.open")}
		for _, one := range open {
			block.Rows = append(block.Rows, ui.Row{
				Icon: "id-card", Title: ui.K("operator.reason." + string(one.Reason)), Note: ui.K("operator.case.until", "At", one.ClosesAt), Href: casePath(one.ID),
			})
		}
		page.Blocks = append(page.Blocks, block)
	}
	if err := c.accessGiven(r, who, &page); err != nil {
		return err
	}
	return c.page(w, r, who, Home, page)
}

// accessGiven shows to senior operators and auditors who was given access lately, and by whom: they would notice an
// operator whom nobody knows.
func (c *Console) accessGiven(r *http.Request, who desk.Operator, page *ui.Desk) error {
	if !who.Is(desk.Senior, desk.Auditor) {
		return nil
	}
	given, err := c.Records.AccessGiven(r.Context(), who)
	if err != nil {
		return err
	}
	block := ui.DeskBlock{Heading: ui.K("operator.access"), Text: ui.K("operator.access.text")}
	for _, a := range given {
		key := "operator.access.given"
		if a.Anew {
			key = "operator.access.anew"
		}
		by := ui.K("operator.access.command")
		if a.By != "" {
			by = ui.Plain(a.By)
		}
		block.Rows = append(block.Rows, ui.Row{
			Icon: "user", Title: ui.K("operator.access.who", "Name", a.Operator.Name, "Login", a.Operator.Login, "Office", a.Operator.OfficeName),
			Note: ui.K(key, "By", by, "At", a.At), Badge: ui.Badge{Text: ui.K("operator.role." + string(a.Operator.Role))},
		})
	}
	if len(given) == 0 {
		block.Text = ui.K("operator.access.none")
	}
	page.Blocks = append(page.Blocks, block)
	return nil
}

func others(acts []desk.Act, who desk.Operator) int {
	n := 0
	for _, a := range acts {
		if a.Proposer != who.ID {
			n++
		}
	}
	return n
}

func documents() []ui.Option {
	out := []ui.Option{{Value: "", Label: ui.K("operator.find.document.none")}}
	for _, kind := range account.DocumentKinds() {
		out = append(out, ui.Option{Value: string(kind), Label: ui.K("operator.document." + string(kind))})
	}
	return out
}

func casePath(id string) string { return "/operator/cases/" + id }
func actPath(id string) string  { return "/operator/acts/" + id }

func (c *Console) openCase(w http.ResponseWriter, r *http.Request, who desk.Operator) error {
	form, err := httpx.Form(r)
	if err != nil {
		return err
	}
	in := desk.OpenInput{
		Identifier: form.Get("identifier"), Reason: desk.Reason(form.Get("reason")), Document: account.DocumentKind(form.Get("document")), Last4: form.Get("last4"),
	}
	made, err := c.Desk.Open(r.Context(), c.Kit.Act(r), who, in)
	if err == nil {
		return httpx.Redirect(w, r, casePath(made.ID))
	}
	errs, ok := httpx.FormErrors(err, "identifier")
	if fault.HasKey(err, "fault.desk.nobody") {
		errs, ok = ui.Errors{{Field: "identifier", Text: ui.K("fault.desk.nobody")}}, true
	}
	if !ok {
		return err
	}
	return c.homePage(w, r, who, in, errs)
}

func (c *Console) showCase(w http.ResponseWriter, r *http.Request, who desk.Operator) error {
	v, err := c.Desk.View(r.Context(), who, r.PathValue("id"))
	if err != nil {
		return err
	}
	page := ui.Desk{
		Heading: ui.Plain(v.Account.FullName()), Back: ui.NavLink{Text: ui.K("operator.nav.home"), Href: Home},
		Lead:   ui.K("operator.case.lead", "Reason", ui.K("operator.reason."+string(v.Case.Reason)), "Until", v.Case.ClosesAt),
		Blocks: append(c.person(v), c.offered(v)),
	}
	if len(v.Acts) > 0 {
		block := ui.DeskBlock{Heading: ui.K("operator.case.acts")}
		for _, a := range v.Acts {
			block.Rows = append(block.Rows, actRow(a))
		}
		page.Blocks = append(page.Blocks, block)
	}
	messages, err := c.reached(r, v.Account.ID)
	if err != nil {
		return err
	}
	page.Blocks = append(page.Blocks, messages, ui.DeskBlock{Heading: ui.K("operator.case.close"), Text: ui.K("operator.case.close.text"), Form: ui.DeskForm{
		Action: casePath(v.Case.ID) + "/close", Button: ui.K("operator.case.close.button"), Look: "secondary",
	}})
	return c.page(w, r, who, Home, page)
}

// reached says whether what the service sent reached the person: a dead phone shows here before it is asked about.
// Neither what a message is about nor where it went is the desk's business.
func (c *Console) reached(r *http.Request, account string) (ui.DeskBlock, error) {
	all, err := c.Deliveries(r.Context(), account)
	block := ui.DeskBlock{Heading: ui.K("operator.messages")}
	for _, d := range all {
		at := d.At
		if at.IsZero() {
			at = d.CreatedAt
		}
		block.Rows = append(block.Rows, ui.Row{
			Icon: "mail", Title: ui.K("operator.message." + string(d.Channel)), Note: ui.K("operator.at", "At", at),
			Badge: ui.Badge{Tone: deliveryTone(d.State), Text: ui.K("operator.delivery." + string(d.State))},
		})
	}
	if len(all) == 0 {
		block.Text = ui.K("operator.messages.none")
	}
	return block, err
}

func deliveryTone(s effect.DeliveryState) ui.Tone {
	switch s {
	case effect.Arrived:
		return ui.Success
	case effect.Undone, effect.TooLate:
		return ui.Danger
	case effect.Uncertain:
		return ui.Warning
	case effect.NoDelivery, effect.Waiting, effect.Underway:
	}
	return ui.Info
}

func actRow(a desk.Act) ui.Row {
	return ui.Row{
		Icon: "history", Title: ui.K("operator.act." + string(a.Kind)), Note: ui.K("operator.at", "At", a.ProposedAt), Href: actPath(a.ID),
		Badge: ui.Badge{Tone: tone(a.State), Text: ui.K("operator.state." + string(a.State))},
	}
}

func tone(s desk.State) ui.Tone {
	switch s {
	case desk.Approved:
		return ui.Success
	case desk.Refused:
		return ui.Danger
	case desk.Proposed:
		return ui.Warning
	case desk.NoAct, desk.Expired, desk.Withdrawn:
	}
	return ui.Info
}

// person is what both operators see of the person: enough to compare with the document, and nothing more.
func (c *Console) person(v desk.View) []ui.DeskBlock {
	a := v.Account
	born := ui.K("operator.unknown")
	if !a.BirthDate.IsZero() {
		born = ui.DateOf(time.Date(a.BirthDate.Year, a.BirthDate.Month, a.BirthDate.Day, 12, 0, 0, 0, time.UTC)) // noon: the same day in every zone of the rules
	}
	snils := ui.K("operator.unknown")
	if a.SNILS != "" {
		snils = ui.Plain(account.MaskSNILS(a.SNILS))
	}
	phone := ui.K("operator.phone.none")
	if a.Phone != "" {
		phone = ui.Plain(account.MaskPhone(a.Phone))
	}
	list := ui.Facts{
		facts("operator.fact.born", born), {Label: ui.K("operator.fact.snils"), Value: snils, Note: snilsNote(a)},
		{Label: ui.K("operator.fact.phone"), Value: phone, Note: phoneNote(a, c.Policy.PhoneFresh > 0 && a.PhoneCurrent(v.Now, c.Policy))},
		facts("operator.fact.level", ui.K("operator.level."+string(a.Level))),
		{
			Label: ui.K("operator.fact.seen"), Value: ui.K("operator.document.seen", "Kind", ui.K("operator.document."+string(v.Case.Document)), "Last4", v.Case.Last4),
			Note: documentNote(v), Tone: documentTone(v),
		},
	}
	if a.State == account.Frozen {
		list = append(list, ui.Fact{Label: ui.K("operator.fact.frozen"), Value: ui.K("operator.since", "At", a.FrozenAt), Note: ui.K("operator.frozen." + a.FreezeReason), Tone: ui.Warning})
	}
	if until := v.Circle.LockedNow(); !until.IsZero() {
		list = append(list, ui.Fact{Label: ui.K("operator.fact.locked"), Value: ui.K("operator.until", "At", until), Tone: ui.Warning})
	}
	if a.OnHold(v.Now) {
		list = append(list, facts("operator.fact.hold", ui.K("operator.until", "At", a.HoldUntil)))
	}
	if a.MustChangePassword {
		list = append(list, ui.Fact{Label: ui.K("operator.fact.temporary"), Value: ui.K("operator.temporary"), Tone: ui.Warning})
	}
	if len(v.Circle.Pending) > 0 {
		list = append(list, facts("operator.fact.pending", ui.K("operator.pending")))
	}
	if n := v.Circle.Newcomer.Principals; n > 0 {
		list = append(list, facts("operator.fact.guards", ui.K("operator.guards", "People", n)))
	}
	contacts := ui.DeskBlock{Heading: ui.K("operator.contacts")}
	for _, g := range v.Circle.Guardians {
		contacts.Rows = append(contacts.Rows, ui.Row{
			Icon: "user", Title: ui.Plain(g.Contact.ShortName()), Note: ui.K("operator.contact.since", "At", ui.DateOf(g.Link.AcceptedAt)),
			Badge: ui.Badge{Text: ui.K("operator.link." + string(g.Link.State))},
		})
	}
	if len(v.Circle.Guardians) == 0 {
		contacts.Text = ui.K("operator.contacts.none")
	}
	return []ui.DeskBlock{{Facts: list}, contacts}
}

// snilsNote warns that whoever looks by a SNILS may have come to the wrong account: anybody can type anybody's.
func snilsNote(a account.Account) ui.Text {
	if a.SNILS == "" || a.Level == account.Confirmed {
		return ui.Text{}
	}
	return ui.K("operator.snils.typed")
}

func phoneNote(a account.Account, current bool) ui.Text {
	switch {
	case a.Phone == "":
		return ui.Text{}
	case current:
		return ui.K("operator.phone.current")
	}
	return ui.K("operator.phone.stale")
}

func documentNote(v desk.View) ui.Text {
	switch fits, known := v.DocumentFits(); {
	case !known:
		return ui.K("operator.document.unknown")
	case fits:
		return ui.K("operator.document.fits")
	}
	return ui.K("operator.document.differs")
}

func documentTone(v desk.View) ui.Tone {
	if fits, known := v.DocumentFits(); known && !fits {
		return ui.Danger
	}
	return ""
}

// offered are the acts that can be done for this account now.
func (c *Console) offered(v desk.View) ui.DeskBlock {
	block := ui.DeskBlock{Heading: ui.K("operator.case.can")}
	for _, kind := range desk.Kinds() {
		if !possible(kind, v) {
			continue
		}
		card := ui.SectionCard{Icon: icons[kind], Title: ui.K("operator.act." + string(kind)), Text: ui.K("operator.act."+string(kind)+".short", "Life", c.Policy.TempPassword), Href: casePath(v.Case.ID) + "/acts/" + string(kind)}
		if desk.Needs(kind, v.Circle) {
			card.Badge = ui.Badge{Tone: ui.Warning, Text: ui.K("operator.two")}
		}
		block.Cards = append(block.Cards, card)
	}
	return block
}

var icons = map[desk.Kind]string{
	desk.Confirm: "id-card", desk.Name: "user", desk.Phone: "smartphone", desk.Thaw: "snowflake", desk.Unlock: "lock", desk.EndLink: "users", desk.Recover: "key-round",
}

func possible(kind desk.Kind, v desk.View) bool {
	switch kind {
	case desk.Confirm:
		return v.Account.Level != account.Confirmed && v.Account.State == account.Open
	case desk.Thaw:
		return v.Account.State == account.Frozen
	case desk.Unlock:
		return !v.Circle.LockedNow().IsZero()
	case desk.EndLink:
		return len(v.Circle.Guardians) > 0
	case desk.Phone:
		return v.Account.State == account.Open
	case desk.Name, desk.Recover:
		return v.Account.State != account.Closed
	}
	return false
}

func (c *Console) closeCase(w http.ResponseWriter, r *http.Request, who desk.Operator) error {
	if _, err := httpx.Form(r); err != nil {
		return err
	}
	if err := c.Desk.Close(r.Context(), c.Kit.Act(r), who, r.PathValue("id")); err != nil {
		return err
	}
	return httpx.Redirect(w, r, Home)
}
