package web

import (
	"context"
	"net/http"
	"net/url"
	"slices"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/httpx"
	"doverie/internal/policy"
	"doverie/internal/trust"
	"doverie/internal/ui"
)

// contactsHome is the section «Доверенный контакт» of the cabinet.
const contactsHome = "/settings/safety/trusted-contacts"

// LinkService is what people do with invitations they sent and with links.
type LinkService interface {
	Standing(ctx context.Context, principal string) (trust.Standing, error)
	Invite(ctx context.Context, act effect.Act, principal, name, phone string) (linkID string, err error)
	Withdraw(ctx context.Context, act effect.Act, principal, linkID string) error
	Remove(ctx context.Context, act effect.Act, principal, linkID string, quiet bool) error
	Stay(ctx context.Context, act effect.Act, who, linkID string) error
	Resign(ctx context.Context, act effect.Act, contact, linkID string) error
}

// Contacts are the pages of «Доверенный контакт»: who guards me, whom I guard, and every act on a link.
type Contacts struct {
	Kit      *httpx.Kit
	Links    LinkService
	Views    trust.Views
	Policy   policy.Policy
	Switches OwnSwitches // nil: removal at once is never offered
}

// Mount puts the pages on the mux. What takes protection away needs the repeated check; what keeps it does not.
func (c Contacts) Mount(mux *http.ServeMux, citizens *httpx.Gate) {
	session := func(h httpx.Handler) http.Handler { return c.Kit.Handle(citizens.RequireSession(h)) }
	stepUp := func(h httpx.Handler) http.Handler { return c.Kit.Handle(citizens.RequireStepUp(h)) }
	mux.Handle("GET "+contactsHome, session(c.home))
	mux.Handle("GET "+contactsHome+"/add", stepUp(c.addForm))
	mux.Handle("POST "+contactsHome+"/add", c.Kit.Paced(stepUp(c.add)))
	mux.Handle("GET "+contactsHome+"/sent", session(c.sent))
	mux.Handle("GET "+contactsHome+"/{id}/remove", stepUp(c.removeForm))
	mux.Handle("POST "+contactsHome+"/{id}/remove", stepUp(c.remove))
	mux.Handle("GET "+contactsHome+"/{id}/withdraw", session(c.confirmForm(withdrawing)))
	mux.Handle("POST "+contactsHome+"/{id}/withdraw", session(c.confirmed(c.Links.Withdraw, "withdrawn")))
	mux.Handle("GET "+contactsHome+"/{id}/stay", session(c.confirmForm(staying)))
	mux.Handle("POST "+contactsHome+"/{id}/stay", session(c.confirmed(c.Links.Stay, "stays")))
	mux.Handle("GET "+contactsHome+"/{id}/resign", stepUp(c.confirmForm(resigning)))
	mux.Handle("POST "+contactsHome+"/{id}/resign", stepUp(c.confirmed(c.Links.Resign, "resigned")))
}

func (c Contacts) home(w http.ResponseWriter, r *http.Request) error {
	ctx, me := r.Context(), httpx.VisitorOf(r).Account
	standing, err := c.Links.Standing(ctx, me)
	if err != nil {
		return err
	}
	links, err := c.Views.LinksOf(ctx, me)
	if err != nil {
		return err
	}
	invitations, err := c.Views.InvitationsFor(ctx, me)
	if err != nil {
		return err
	}
	approvals, err := c.Views.ApprovalsOf(ctx, me)
	if err != nil {
		return err
	}
	page := contactsPage(standing, links, invitations, approvals, c.Policy)
	page.Done = contactsDone(r.URL.Query())
	return c.Kit.Page(w, r, page, httpx.Section(contactsHome))
}

// contactsDone thanks for what was just done. The address chooses among fixed sentences and adds nothing to them.
func contactsDone(query url.Values) ui.Notice {
	switch what := query.Get("done"); what {
	case "removed", "withdrawn", "stays", "resigned", "accepted", "declined":
		return ui.Notice{Tone: ui.Success, Text: ui.K("contacts.done." + what)}
	}
	return ui.Notice{}
}

func (c Contacts) addForm(w http.ResponseWriter, r *http.Request) error {
	standing, err := c.Links.Standing(r.Context(), httpx.VisitorOf(r).Account)
	if err != nil {
		return err
	}
	if why := whyNot(standing, c.Policy); len(why) > 0 {
		return c.Kit.Page(w, r, ui.ContactCannot{Why: why, Ways: waysOut(standing.Reasons)}, httpx.Section(contactsHome))
	}
	return c.Kit.Page(w, r, c.addPage("", "", nil), httpx.Section(contactsHome))
}

func (c Contacts) add(w http.ResponseWriter, r *http.Request) error {
	form, err := httpx.Form(r)
	if err != nil {
		return err
	}
	name, phone := form.Get("name"), form.Get("phone")
	_, err = c.Links.Invite(r.Context(), c.Kit.Act(r), httpx.VisitorOf(r).Account, name, phone)
	if err == nil {
		return httpx.Redirect(w, r, contactsHome+"/sent")
	}
	if why := notSent(err); len(why) > 0 {
		page := c.addPage(name, phone, nil) // every reason, to him alone, and nothing typed is lost
		page.Why = why
		return c.Kit.FormAgain(w, r, page, httpx.Section(contactsHome))
	}
	if errs, ok := httpx.FormErrors(err, "phone"); ok {
		return c.Kit.FormAgain(w, r, c.addPage(name, phone, errs), httpx.Section(contactsHome))
	}
	return err
}

// notSent tells what forbids the invitation as a whole, not one of its fields.
func notSent(err error) []ui.Text {
	f := fault.Of(err)
	switch {
	case f.Kind == fault.Refused && len(f.Fields) > 0:
		return fieldTexts(f)
	case f.Kind == fault.Refused, f.Kind == fault.Limited && f.Key != "fault.limited.invite_phone":
		return []ui.Text{ui.Named(f.Key, f.Args)}
	}
	return nil
}

func (c Contacts) addPage(name, phone string, errs ui.Errors) ui.ContactAdd {
	const nameMax, phoneMax = 60, 30
	return ui.ContactAdd{
		Errors: errs, Life: c.Policy.InvitationTTL,
		Name: ui.TextField{
			Name: "name", Label: ui.K("contacts.add.name"), Hint: ui.K("contacts.add.name_hint"), Value: name,
			Autocomplete: "off", MaxLength: nameMax,
		}.Check(errs),
		Phone: ui.TextField{
			Name: "phone", Label: ui.K("contacts.add.phone"), Hint: ui.K("contacts.add.phone_hint"), Value: phone,
			Type: "tel", InputMode: "tel", Autocomplete: "off", MaxLength: phoneMax,
		}.Check(errs),
	}
}

func (c Contacts) sent(w http.ResponseWriter, r *http.Request) error {
	return c.Kit.Page(w, r, ui.ContactSent{Life: c.Policy.InvitationTTL, Settling: c.Policy.Settling}, httpx.Section(contactsHome))
}

// link finds one of the visitor's own links; whose it is not, for him it does not exist.
func (c Contacts) link(r *http.Request) (trust.LinkView, error) {
	links, err := c.Views.LinksOf(r.Context(), httpx.VisitorOf(r).Account)
	if err != nil {
		return trust.LinkView{}, err
	}
	i := slices.IndexFunc(links, func(v trust.LinkView) bool { return v.Link.ID == r.PathValue("id") })
	if i < 0 {
		return trust.LinkView{}, fault.New(fault.NotFound, "fault.not_found", nil)
	}
	return links[i], nil
}
