package web

import (
	"net/netip"
	"strconv"
	"strings"
	"time"

	"doverie/internal/policy"
	"doverie/internal/trust"
	"doverie/internal/ui"
)

// changeShown is how far back a change of the account is worth a contact's attention.
const changeShown = 30 * 24 * time.Hour

func frameOf(q trust.Request) ui.ApprovalFrame {
	n := q.Principal.Names()
	return ui.ApprovalFrame{
		Path: approvalPath(q.Approval.ID), Name: nominative(n), Call: dative(n), With: instrumental(n), Of: genitive(n),
		Rehearsal: q.Approval.Action == trust.ActionRehearsal,
	}
}

func untilText(q trust.Request) ui.Text {
	return ui.K("approvals.until", "Until", q.Approval.ExpiresAt, "Time", q.Approval.ExpiresAt.Sub(q.Now))
}

// actionText names what is asked, as a heading of a list would.
func actionText(kind trust.ActionKind) ui.Text { return ui.K("approvals.action." + string(kind)) }

// askPage is the opening page of an open request, whichever step it stands at.
func askPage(frame ui.ApprovalFrame, q trust.Request, p policy.Policy) ui.ApprovalAsk {
	page := ui.ApprovalAsk{
		ApprovalFrame: frame, What: ui.K("approvals.ask.what."+string(q.Approval.Action), "Of", frame.Of),
		Facts: requestFacts(q, p), Until: untilText(q), Unable: reasonTexts(q.Unable),
	}
	if q.Approval.SecondAsked {
		page.Alarm = ui.Notice{Tone: ui.Danger, Title: ui.K("approvals.ask.second_title"), Text: ui.K("approvals.ask.second")}
		if q.Approval.Action == trust.ActionSignIn {
			page.Alarm.Text = ui.K("approvals.ask.second.sign_in")
		}
	}
	if len(q.Unable) > 0 {
		if !q.AbleFrom.IsZero() && q.AbleFrom.Before(q.Approval.ExpiresAt) {
			page.Later = ui.K("approvals.ask.able_from", "From", q.AbleFrom)
		}
		return page
	}
	switch q.Approval.State {
	case trust.Checked:
		page.Go = ui.NavLink{Text: ui.K("approvals.do.match"), Href: frame.Path + "/match"}
	case trust.Matched:
		page.Go = ui.NavLink{Text: ui.K("approvals.do.confirm"), Href: frame.Path + "/confirm"}
	default:
		page.Go = ui.NavLink{Text: ui.K("approvals.do.talked"), Href: frame.Path + "/questions"}
	}
	return page
}

// requestFacts are what a deceived person on the phone cannot talk away (T02): when, from where, how often,
// and the account's newest changes. Who and what stand in the heading and the first sentence.
func requestFacts(q trust.Request, p policy.Policy) ui.Facts {
	facts := ui.Facts{
		{Icon: "clock", Label: ui.K("approvals.fact.when"), Value: ui.K("approvals.fact.moment", "At", q.Beginning.At), Note: requestAge(q.Now, q.Beginning.At)},
		{Icon: "smartphone", Label: ui.K("approvals.fact.device"), Value: ui.DeviceText(q.Beginning.Device), Note: ui.K("approvals.fact.device_note")},
		{Icon: "globe", Label: ui.K("approvals.fact.network"), Value: areaText(q.Beginning.Area), Note: ui.K("approvals.fact.network_note")},
	}
	if q.Approval.Action == trust.ActionRecovery {
		attempts := ui.Fact{Icon: "history", Label: ui.K("approvals.fact.attempts"), Value: ui.K("approvals.fact.attempts_value", "Count", max(q.Attempts, 1))}
		if q.Attempts > 1 {
			attempts.Tone, attempts.Note = ui.Warning, ui.K("approvals.fact.attempts_note")
		}
		facts = append(facts, attempts)
	}
	if !q.FrozenAt.IsZero() {
		facts = append(facts, ui.Fact{Icon: "snowflake", Label: ui.K("approvals.fact.frozen"), Value: ui.K("approvals.fact.moment", "At", q.FrozenAt), Note: requestAge(q.Now, q.FrozenAt)})
	}
	return append(facts, changeFacts(q, p)...)
}

// changeFacts shows what lately changed in the account, the dangerous first; nothing is one quiet line.
func changeFacts(q trust.Request, p policy.Policy) ui.Facts {
	var out ui.Facts
	for _, c := range []struct {
		icon, what string
		at         time.Time
		quiet      time.Duration // a change younger than this is a danger sign
	}{
		{"smartphone", "sim", q.Principal.SimChangedAt, p.SimChangeQuiet},
		{"phone-call", "phone", q.PhoneChangedAt, p.Hold},
		{"key-round", "password", q.PasswordChangedAt, p.Hold},
		{"shield-check", "factor", q.FactorChangedAt, p.Hold},
		{"users", "contact", q.ContactChangedAt, p.Hold},
		{"history", "recovered", q.RecoveredAt, p.Hold},
	} {
		age := q.Now.Sub(c.at)
		if c.at.IsZero() || age > changeShown {
			continue
		}
		fact := ui.Fact{Icon: c.icon, Label: ui.K("approvals.change." + c.what), Value: requestAge(q.Now, c.at), Note: ui.K("approvals.fact.moment", "At", c.at)}
		if age < c.quiet {
			fact.Tone = ui.Warning
		}
		out = append(out, fact)
	}
	if len(out) == 0 {
		return ui.Facts{{Icon: "check", Label: ui.K("approvals.change.label"), Value: ui.K("approvals.change.none")}}
	}
	return out
}

// requestAge says how long ago in the reader's words.
func requestAge(now, at time.Time) ui.Text {
	age := now.Sub(at)
	switch {
	case age < time.Minute:
		return ui.K("approvals.ago.now")
	case age < time.Hour:
		return ui.K("approvals.ago.minutes", "Count", int(age/time.Minute))
	case age < 48*time.Hour:
		return ui.K("approvals.ago.hours", "Count", int(age/time.Hour))
	}
	return ui.K("approvals.ago.days", "Count", int(age/(24*time.Hour)))
}

// areaText puts a network area into words: "91.221.0.0/16" is the network 91.221.•.•, and says no more.
func areaText(area string) ui.Text {
	prefix, err := netip.ParsePrefix(area)
	if err != nil {
		return ui.K("approvals.area.unknown")
	}
	switch addr := prefix.Addr(); {
	case addr.IsLoopback():
		return ui.K("approvals.area.here")
	case addr.IsPrivate(), addr.IsLinkLocalUnicast():
		return ui.K("approvals.area.inside")
	case addr.Is4():
		b := addr.As4()
		return ui.K("approvals.area.network", "Network", strconv.Itoa(int(b[0]))+"."+strconv.Itoa(int(b[1]))+".•.•")
	default:
		return ui.K("approvals.area.network", "Network", strings.TrimSuffix(addr.String(), "::")+":•")
	}
}

// openRequests makes the loudest line of the cabinet of every request that waits for a decision.
func openRequests(views []trust.ApprovalView) []ui.Notice {
	var out []ui.Notice
	for _, v := range views {
		if !v.Open {
			continue
		}
		n := ui.Notice{
			Tone: ui.Danger, Title: ui.K("approvals.list.asks", "Name", nominative(v.Principal), "What", actionText(v.Action)),
			Text: ui.K("approvals.list.call", "To", dative(v.Principal), "Until", v.ExpiresAt),
			Link: ui.NavLink{Text: ui.K("approvals.list.open"), Href: approvalPath(v.ID)},
		}
		switch {
		case v.Action == trust.ActionRehearsal:
			n.Tone = ui.Info
		case v.State == trust.Flagged:
			n.Tone = ui.Warning
		}
		out = append(out, n)
	}
	return out
}

func pastRow(v trust.ApprovalView) ui.Row {
	row := ui.Row{
		Icon: "history", Title: ui.K("approvals.list.row", "Name", nominative(v.Principal), "What", actionText(v.Action)),
		Note: ui.K("approvals.list.asked", "At", v.AskedAt), Href: approvalPath(v.ID), Badge: ui.Badge{Text: ui.K("approvals.state.closed")},
	}
	switch v.State {
	case trust.Approved:
		row.Badge = ui.Badge{Tone: ui.Success, Text: ui.K("approvals.state.approved")}
	case trust.Rejected:
		row.Badge = ui.Badge{Tone: ui.Warning, Text: ui.K("approvals.state.rejected")}
	}
	return row
}

// redFlags repeats the questions that were not answered with yes.
func redFlags(a trust.Approval) []ui.Text {
	var out []ui.Text
	for i, answer := range a.Answers {
		if answer == trust.No || answer == trust.Unsure {
			out = append(out, ui.K("approvals.flag."+strconv.Itoa(i+1)))
		}
	}
	return out
}
