package web

import (
	"net/http"

	"doverie/internal/recovery"
	"doverie/internal/trust"
	"doverie/internal/ui"
)

func (p *Recovery) done(w http.ResponseWriter, r *http.Request, h here) error {
	return p.kit.Page(w, r, ui.RecoveryDone{
		Guarded: h.view.Guarded, Hold: p.policy.Hold, Until: h.view.EndedAt.Add(p.policy.Hold), SignIn: p.signIn,
	})
}

func (p *Recovery) end(w http.ResponseWriter, r *http.Request, h here) error {
	return p.kit.Page(w, r, p.endPage(h.view))
}

// endPage says what happened, what is kept and what to do now. It never repeats a contact's suspicion
// of fraud: the owner hears of it on every channel of his own, and a criminal need not.
func (p *Recovery) endPage(v recovery.View) ui.RecoveryEnd {
	unlocked := v.EndedAt.Add(p.policy.RecoveryLock)
	switch v.State {
	case recovery.Rejected:
		return p.rejected(v)
	case recovery.Disowned:
		return ui.RecoveryEnd{
			Icon: "ban", Heading: ui.K("recovery.end.disowned.title"), What: ui.K("recovery.end.disowned"), InPerson: true,
			Next: []ui.Text{ui.K("recovery.end.disowned.next"), ui.K("recovery.end.after", "Until", unlocked)},
		}
	case recovery.Expired:
		return expired(v)
	case recovery.Cancelled:
		return p.cancelled(v)
	case recovery.Superseded:
		return ui.RecoveryEnd{
			Icon: "laptop", Heading: ui.K("recovery.end.superseded.title"), What: ui.K("recovery.end.superseded"),
			Next:   []ui.Text{ui.K("recovery.end.superseded.next"), ui.K("recovery.end.superseded.alarm")},
			Action: ui.NavLink{Text: ui.K("safety.not_me.link"), Href: pathNotMe},
		}
	case recovery.LockedOut:
		return p.lockedOut(v)
	case recovery.None, recovery.Proving, recovery.Awaiting, recovery.Approved, recovery.Verified, recovery.Completed:
	}
	return ui.RecoveryEnd{Icon: "info", Heading: ui.K("recovery.end.over.title"), What: ui.K("recovery.end.over"), Again: true}
}

func (p *Recovery) rejected(v recovery.View) ui.RecoveryEnd {
	what := ui.K("recovery.end.rejected")
	switch trust.RejectReason(v.EndReason) {
	case trust.ReasonUnreachable:
		what = ui.K("recovery.end.rejected.unreachable")
	case trust.ReasonMismatch:
		what = ui.K("recovery.end.rejected.mismatch")
	case trust.ReasonFraud, trust.ReasonOther:
	}
	return ui.RecoveryEnd{
		Icon: "ban", Heading: ui.K("recovery.end.rejected.title"), What: what, InPerson: true,
		Next: []ui.Text{
			ui.K("recovery.end.rejected.next"),
			ui.K("recovery.end.after", "Until", v.EndedAt.Add(p.policy.RecoveryLock)),
		},
	}
}

func expired(v recovery.View) ui.RecoveryEnd {
	page := ui.RecoveryEnd{Icon: "hourglass", Heading: ui.K("recovery.end.expired.title"), Again: true}
	switch recovery.State(v.EndReason) {
	case recovery.Proving:
		page.What, page.Next = ui.K("recovery.end.expired.proving"), []ui.Text{ui.K("recovery.end.expired.proving.next")}
	case recovery.Awaiting:
		page.What, page.InPerson = ui.K("recovery.end.expired.contact"), true
		page.Next = []ui.Text{ui.K("recovery.end.expired.contact.next"), ui.K("recovery.end.expired.contact.again")}
	default:
		page.What, page.Next = ui.K("recovery.end.expired.finish"), []ui.Text{ui.K("recovery.end.expired.finish.next")}
	}
	return page
}

func (p *Recovery) cancelled(v recovery.View) ui.RecoveryEnd {
	switch v.EndReason {
	case "signed_in":
		return ui.RecoveryEnd{
			Icon: "circle-check", Heading: ui.K("recovery.end.signed_in.title"), What: ui.K("recovery.end.signed_in"), Action: ui.NavLink{Text: ui.K("safety.not_me.link"), Href: pathNotMe},
			Next: []ui.Text{ui.K("recovery.end.signed_in.next")},
		}
	case recovery.WhyFrozen:
		return frozenEnd()
	}
	return ui.RecoveryEnd{
		Icon: "circle-check", Heading: ui.K("recovery.end.cancelled.title"), What: ui.K("recovery.end.cancelled"), Again: true,
		Next: []ui.Text{ui.K("recovery.end.cancelled.next")},
	}
}

func frozenEnd() ui.RecoveryEnd {
	return ui.RecoveryEnd{
		Icon: "snowflake", Heading: ui.K("recovery.end.frozen.title"), What: ui.K("recovery.end.frozen"), InPerson: true,
		Next: []ui.Text{ui.K("recovery.end.frozen.next"), ui.K("recovery.end.frozen.person")},
	}
}

func (p *Recovery) lockedOut(v recovery.View) ui.RecoveryEnd {
	unlocked := v.EndedAt.Add(p.policy.RecoveryLock)
	page := ui.RecoveryEnd{Icon: "lock", InPerson: true}
	switch v.EndReason {
	case recovery.WhyCodes:
		page.Heading, page.What = ui.K("recovery.end.codes.title"), ui.K("recovery.end.codes")
		page.Next, page.Again, page.InPerson = []ui.Text{ui.K("recovery.end.codes.next")}, true, false
	case recovery.WhyAsks:
		page.Heading, page.What = ui.K("recovery.end.asks.title"), ui.K("recovery.end.asks", "Times", p.policy.AsksPerDay)
		page.Next = []ui.Text{ui.K("recovery.end.asks.next"), ui.K("recovery.end.after", "Until", unlocked)}
	case recovery.WhyLocked:
		page.Heading, page.What = ui.K("recovery.end.locked.title"), ui.K("recovery.end.locked")
		page.Next = []ui.Text{ui.K("recovery.end.locked.next", "Until", unlocked)}
	case recovery.WhyFrozen:
		return frozenEnd()
	case recovery.WhyNobodyAble:
		page.Icon, page.Heading, page.What = "users", ui.K("recovery.end.nobody.title"), ui.K("recovery.end.nobody")
		page.Next = []ui.Text{ui.K("recovery.end.nobody.next"), ui.K("recovery.end.nobody.contact")}
	case recovery.WhyContactLeft:
		page.Icon, page.Heading, page.What = "users", ui.K("recovery.end.left.title"), ui.K("recovery.end.left")
		page.Next, page.Again = []ui.Text{ui.K("recovery.end.left.next")}, true
	case recovery.WhyGuarded:
		page.Icon, page.Heading, page.What = "shield-check", ui.K("recovery.end.guarded.title"), ui.K("recovery.end.guarded")
		page.Next, page.Again = []ui.Text{ui.K("recovery.end.guarded.next")}, true
	default:
		page.Heading, page.What, page.Again = ui.K("recovery.end.over.title"), ui.K("recovery.end.over"), true
	}
	return page
}
