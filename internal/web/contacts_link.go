package web

import (
	"context"
	"net/http"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/httpx"
	"doverie/internal/trust"
	"doverie/internal/ui"
)

// confirmation makes the page of one act on a link, or tells that this side or state has no such act.
type confirmation func(v trust.LinkView) (page ui.ContactConfirm, offered bool)

// confirmForm asks before the act. A link whose state has moved on is a Conflict that names the state.
func (c Contacts) confirmForm(build confirmation) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		v, err := c.link(r)
		if err != nil {
			return err
		}
		page, offered := build(v)
		if !offered {
			return wrongState(v)
		}
		return c.Kit.Page(w, r, page, httpx.Section(contactsHome))
	}
}

// confirmed does the act. The service itself asks whose link it is and whether its state allows the act.
func (c Contacts) confirmed(do func(ctx context.Context, act effect.Act, who, linkID string) error, done string) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		if _, err := httpx.Form(r); err != nil {
			return err
		}
		if err := do(r.Context(), c.Kit.Act(r), httpx.VisitorOf(r).Account, r.PathValue("id")); err != nil {
			return err
		}
		return httpx.Redirect(w, r, contactsHome+"?done="+done)
	}
}

func wrongState(v trust.LinkView) error {
	if v.Link.State == trust.NoLink {
		return fault.New(fault.NotFound, "fault.not_found", nil)
	}
	return fault.New(fault.Conflict, "fault.trust.state_"+string(v.Link.State), nil)
}

func withdrawing(v trust.LinkView) (ui.ContactConfirm, bool) {
	return ui.ContactConfirm{
		Heading: ui.K("contacts.withdraw.title"),
		Words:   []ui.Text{ui.K("contacts.withdraw.who", "Name", linkName(v)), ui.K("contacts.withdraw.then")},
		Button:  ui.K("contacts.withdraw.button"), Keep: ui.K("contacts.withdraw.keep"), Danger: true,
	}, v.Side == trust.PrincipalSide && v.Link.State == trust.Invited
}

func staying(v trust.LinkView) (ui.ContactConfirm, bool) {
	offered := v.Link.State == trust.Leaving
	if v.Side == trust.ContactSide {
		return ui.ContactConfirm{
			Heading: ui.K("contacts.stay.suspicious_title"),
			Words: []ui.Text{
				ui.K("contacts.stay.suspicious", "Name", linkName(v)), ui.K("contacts.stay.call", "To", dative(v.Other)),
				ui.K("contacts.stay.freeze"),
			},
			Button: ui.K("contacts.stay.suspicious_button"), Keep: ui.K("common.back"),
		}, offered
	}
	return ui.ContactConfirm{
		Heading: ui.K("contacts.stay.title", "Name", linkName(v)), Words: []ui.Text{ui.K("contacts.stay.then")},
		Button: ui.K("contacts.stay.button"), Keep: ui.K("common.back"),
	}, offered
}

func resigning(v trust.LinkView) (ui.ContactConfirm, bool) {
	return ui.ContactConfirm{
		Heading: ui.K("contacts.resign.title"),
		Words: []ui.Text{
			ui.K("contacts.resign.now"), ui.K("contacts.resign.told", "Name", linkName(v)), ui.K("contacts.resign.again"),
		},
		Warning: ui.Notice{Tone: ui.Warning, Text: ui.K("contacts.resign.pressed")},
		Button:  ui.K("contacts.resign.button"), Keep: ui.K("contacts.resign.keep"), Danger: true,
	}, v.Side == trust.ContactSide && v.Link.Guards()
}

// The two ways to remove a contact, in neutral words: someone may look over the shoulder (DOMAIN §4.10).
const (
	tellNow   = "now"
	tellLater = "later"
)

func (c Contacts) removeForm(w http.ResponseWriter, r *http.Request) error {
	v, standing, err := c.removable(r)
	if err != nil {
		return err
	}
	page := c.removePage(v, standing, nil)
	if c.Switches != nil {
		s, err := c.Switches.Switches(r.Context(), httpx.VisitorOf(r).Account)
		if err != nil {
			return err
		}
		if guardOf(s, trust.GuardRemoveContact).Guards() {
			page.AtOnce = pathRemovals + "/contact/ask/" + v.Link.ID
		}
	}
	return c.Kit.Page(w, r, page, httpx.Section(contactsHome))
}

// removable finds the link and refuses where a removal would be refused, before anything is asked.
func (c Contacts) removable(r *http.Request) (trust.LinkView, trust.Standing, error) {
	v, err := c.link(r)
	if err != nil {
		return v, trust.Standing{}, err
	}
	if v.Side != trust.PrincipalSide || v.Link.State != trust.Active && v.Link.State != trust.Suspended {
		return v, trust.Standing{}, wrongState(v)
	}
	standing, err := c.Links.Standing(r.Context(), httpx.VisitorOf(r).Account)
	if err == nil && !standing.HoldUntil.IsZero() {
		err = fault.New(fault.Refused, "fault.hold", fault.Args{"Until": standing.HoldUntil})
	}
	return v, standing, err
}

func (c Contacts) remove(w http.ResponseWriter, r *http.Request) error {
	form, err := httpx.Form(r)
	if err != nil {
		return err
	}
	tell := form.Get("tell")
	if tell != tellNow && tell != tellLater {
		v, standing, err := c.removable(r)
		if err != nil {
			return err
		}
		errs := ui.Errors{{Field: "tell", Text: ui.K("field.choose")}}
		return c.Kit.FormAgain(w, r, c.removePage(v, standing, errs), httpx.Section(contactsHome))
	}
	if err := c.Links.Remove(r.Context(), c.Kit.Act(r), httpx.VisitorOf(r).Account, r.PathValue("id"), tell == tellLater); err != nil {
		return err
	}
	return httpx.Redirect(w, r, contactsHome+"?done=removed")
}

func (c Contacts) removePage(v trust.LinkView, standing trust.Standing, errs ui.Errors) ui.ContactRemove {
	name := linkName(v)
	return ui.ContactRemove{
		Errors: errs, Name: name, Path: contactsHome + "/" + v.Link.ID + "/remove",
		Delay: ui.Delayed{What: ui.K("contacts.remove.what", "Name", name), In: c.Policy.Leaving, At: standing.Now.Add(c.Policy.Leaving)},
		Tell: ui.Radios{Name: "tell", Legend: ui.K("contacts.remove.tell"), Options: []ui.Option{
			{Value: tellNow, Label: ui.K("contacts.remove.now"), Hint: ui.K("contacts.remove.now_hint")},
			{Value: tellLater, Label: ui.K("contacts.remove.later"), Hint: ui.K("contacts.remove.later_hint")},
		}}.Check(errs),
	}
}
