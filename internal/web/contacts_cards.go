package web

import (
	"slices"
	"time"

	"doverie/internal/fault"
	"doverie/internal/i18n"
	"doverie/internal/policy"
	"doverie/internal/trust"
	"doverie/internal/ui"
)

// Names in sentences: every language but Russian uses the plain form.

func nominative(n trust.Names) ui.Text { return ui.Plain(n.Polite()) }
func genitive(n trust.Names) ui.Text {
	return ui.Inflected(n.Polite(), i18n.Cases(n.Given, n.Patronymic).Genitive)
}
func dative(n trust.Names) ui.Text {
	return ui.Inflected(n.Polite(), i18n.Cases(n.Given, n.Patronymic).Dative)
}
func instrumental(n trust.Names) ui.Text {
	return ui.Inflected(n.Polite(), i18n.Cases(n.Given, n.Patronymic).Instrumental)
}

// linkName is the other person: by name once the link is accepted, before that what the sender typed, masked.
func linkName(v trust.LinkView) ui.Text {
	if v.Other.Given == "" {
		if v.Link.Label == "" {
			return ui.K("contacts.card.nameless")
		}
		return ui.Plain(v.Link.Label)
	}
	return nominative(v.Other)
}

func reasonTexts(reasons []trust.Reason) []ui.Text {
	out := make([]ui.Text, 0, len(reasons))
	for _, r := range reasons {
		out = append(out, ui.K("reason."+string(r)))
	}
	return out
}

// hisReasons tells the principal what keeps his contact from helping. What the contact has to do is said as his to do.
func hisReasons(reasons []trust.Reason) []ui.Text {
	out := reasonTexts(reasons)
	for i, r := range reasons {
		if r == trust.PhoneNotCurrent {
			out[i] = ui.K("contacts.card.his_phone")
		}
	}
	return out
}

func fieldTexts(f *fault.Error) []ui.Text {
	out := make([]ui.Text, 0, len(f.Fields))
	for _, one := range f.Fields {
		out = append(out, ui.Named(one.Key, one.Args))
	}
	return out
}

// ownReasons are reasons that the person concerned reads himself, for whom the role begins at that age.
func ownReasons(reasons []trust.Reason, age int) []ui.Text {
	out := reasonTexts(reasons)
	for i, r := range reasons {
		if r == trust.TooYoung {
			out[i] = ui.K("reason."+string(r), "Age", age)
		}
	}
	return out
}

// whyNot lists what keeps a person from inviting, a hold after a recovery included.
func whyNot(s trust.Standing, p policy.Policy) []ui.Text {
	why := ownReasons(s.Reasons, p.PrincipalMinAge)
	if !s.HoldUntil.IsZero() {
		why = append(why, ui.K("fault.hold", "Until", s.HoldUntil))
	}
	return why
}

// waysOut leads on from the reasons that a person can do something about. Who has no citizenship of Russia can have no contact,
// and is led to what protects without one.
func waysOut(reasons []trust.Reason) (out []ui.NavLink) {
	switch {
	case slices.Contains(reasons, trust.NotConfirmed):
		out = append(out, ui.NavLink{Text: ui.K("account.raise.confirm"), Href: "/settings/account/level"})
	case slices.Contains(reasons, trust.NotCitizen):
		out = append(out, ui.NavLink{Text: ui.K("contacts.way.alone"), Href: pathSecurity})
	case slices.Contains(reasons, trust.PhoneNotCurrent):
		out = append(out, ui.NavLink{Text: ui.K("contacts.way.phone"), Href: "/step-up?next=" + contactsHome})
	}
	return out
}

func contactsPage(s trust.Standing, links []trust.LinkView, invitations []trust.InvitationView, approvals []trust.ApprovalView, p policy.Policy) ui.ContactsHome {
	page := ui.ContactsHome{CanAdd: s.MayInvite(), Why: whyNot(s, p), Ways: waysOut(s.Reasons), Requests: openRequests(approvals)}
	for _, i := range invitations {
		page.Invitations = append(page.Invitations, ui.Notice{
			Tone: ui.Info, Title: ui.K("contacts.home.invited", "Name", nominative(i.Principal)),
			Text: ui.K("contacts.home.invited_until", "Until", i.ExpiresAt),
			Link: ui.NavLink{Text: ui.K("contacts.home.invited_open"), Href: "/invitations/" + i.ID},
		})
	}
	for _, v := range links {
		switch {
		case v.Link.Over():
			page.Former = append(page.Former, formerRow(v))
		case v.Side == trust.PrincipalSide:
			page.Guards = append(page.Guards, guardCard(v, s, p))
			page.Guarded = page.Guarded || v.Link.Guards()
		case v.Side == trust.ContactSide:
			page.Guarding = append(page.Guarding, guardingCard(v, s.Now))
		}
	}
	if len(page.Guards) == 0 {
		page.Empty = ui.EmptyState{Icon: "users", Title: ui.K("contacts.home.empty"), Text: ui.K("contacts.home.empty_text")}
		if page.CanAdd {
			page.Empty.Action = ui.NavLink{Text: ui.K("common.add"), Href: contactsHome + "/add"}
		}
	}
	return page
}

// guardCard is a contact of mine. While a hold lasts no removal is offered: it would be refused after a repeated check.
func guardCard(v trust.LinkView, s trust.Standing, p policy.Policy) ui.ContactCard {
	l, base := v.Link, contactsHome+"/"+v.Link.ID
	card := ui.ContactCard{Name: linkName(v), Since: ui.K("contacts.card.since", "Day", ui.DateOf(l.AcceptedAt))}
	remove := ui.NavLink{Text: ui.K("contacts.card.remove"), Href: base + "/remove"}
	switch {
	case l.State == trust.Invited:
		card.Badge = ui.Badge{Tone: ui.Info, Text: ui.K("contacts.badge.invited")}
		card.Note, card.Since = ui.K("contacts.card.invited_until", "Until", l.ExpiresAt), ui.Text{}
		card.Links = []ui.NavLink{{Text: ui.K("contacts.card.withdraw"), Href: base + "/withdraw"}}
		return card
	case l.State == trust.Leaving:
		card.Badge = ui.Badge{Tone: ui.Warning, Text: ui.K("contacts.badge.leaving")}
		card.Note = ui.K("contacts.card.leaves", "Until", l.LeavesAt)
		if l.Quiet {
			card.More = ui.K("contacts.card.quiet")
		}
		card.Links = []ui.NavLink{{Text: ui.K("contacts.card.stop"), Href: base + "/stay"}}
		return card
	case l.State == trust.Suspended:
		card.Badge = ui.Badge{Tone: ui.Warning, Text: ui.K("contacts.badge.suspended")}
		card.Note, card.Why = ui.K("contacts.card.suspended"), hisReasons(l.Why)
	case s.Now.Before(l.SettlesAt):
		card.Badge = ui.Badge{Tone: ui.Info, Text: ui.K("contacts.badge.settling", "Time", p.Settling)}
		card.Note = ui.K("contacts.card.settles", "From", l.SettlesAt)
	default:
		card.Badge = ui.Badge{Tone: ui.Success, Text: ui.K("contacts.badge.active")}
		card.Note = ui.K("contacts.card.active")
	}
	if s.HoldUntil.IsZero() {
		card.Links = []ui.NavLink{remove}
	}
	if v.Mutual {
		card.More = ui.K("contacts.card.mutual")
	}
	return card
}

// guardingCard is a person I guard.
func guardingCard(v trust.LinkView, now time.Time) ui.ContactCard {
	l, base := v.Link, contactsHome+"/"+v.Link.ID
	card := ui.ContactCard{Name: linkName(v), Since: ui.K("contacts.card.since", "Day", ui.DateOf(l.AcceptedAt))}
	resign := ui.NavLink{Text: ui.K("contacts.card.resign"), Href: base + "/resign"}
	card.Links = []ui.NavLink{resign}
	if v.Mutual {
		card.More = ui.K("contacts.card.mutual")
	}
	switch {
	case l.State == trust.Leaving:
		card.Badge = ui.Badge{Tone: ui.Warning, Text: ui.K("contacts.badge.removing")}
		card.Note = ui.K("contacts.card.removing", "Until", l.LeavesAt)
		card.Links = []ui.NavLink{{Text: ui.K("contacts.card.suspicious"), Href: base + "/stay"}, resign}
	case l.State == trust.Suspended:
		card.Badge = ui.Badge{Tone: ui.Warning, Text: ui.K("contacts.badge.suspended")}
		card.Note, card.Why = ui.K("contacts.card.you_suspended"), reasonTexts(l.Why)
	case now.Before(l.SettlesAt):
		card.Badge = ui.Badge{Tone: ui.Info, Text: ui.K("contacts.badge.new")}
		card.Note = ui.K("contacts.card.you_settle", "From", l.SettlesAt)
	default:
		card.Badge = ui.Badge{Tone: ui.Success, Text: ui.K("contacts.badge.guarding")}
		card.Note = ui.K("contacts.card.guarding")
	}
	return card
}

func formerRow(v trust.LinkView) ui.Row {
	key := "contacts.former." + string(v.Link.State)
	if v.Link.State == trust.Ended {
		switch v.Link.EndReason {
		case "removed", "resigned", "in_person", "account_closed":
			key += "_" + v.Link.EndReason
		}
	}
	icon := "user"
	if v.Side == trust.ContactSide {
		icon = "shield-check"
	}
	return ui.Row{Icon: icon, Title: linkName(v), Note: ui.K("contacts.former.at", "Day", ui.DateOf(v.Link.EndedAt)), Badge: ui.Badge{Text: ui.K(key)}}
}
