package web

import (
	"doverie/internal/policy"
	"doverie/internal/trust"
	"doverie/internal/ui"
)

// resultPage shows a request that needs nothing more from the contact. Nothing of the account is on it but the name.
func resultPage(frame ui.ApprovalFrame, q trust.Request, p policy.Policy, freeze bool) ui.ApprovalResult {
	kind := string(q.Approval.Action)
	page := ui.ApprovalResult{ApprovalFrame: frame, Freeze: freeze}
	switch q.Approval.State {
	case trust.Approved:
		page.Icon, page.Heading = "circle-check", ui.K("approvals.result.approved")
		page.Words = []ui.Text{ui.K("approvals.result.approved."+kind, "To", frame.Call)}
		if q.Quorum > 1 {
			page.Words = append(page.Words, ui.K("approvals.result.quorum"))
		}
		if q.Decidable {
			page.Undo = true
			page.Words = append(page.Words, ui.K("approvals.result.may_undo"))
		}
	case trust.Rejected:
		page.Icon, page.Heading = "ban", ui.K("approvals.result.rejected")
		page.Words = []ui.Text{ui.K("approvals.result.rejected."+rejectedFor(q.Approval.Reason), "To", frame.Call), stoppedText(q.Approval.Action, p)}
		if !q.FrozenAt.IsZero() && q.Approval.Action != trust.ActionUnfreeze {
			page.Words = append(page.Words, ui.K("approvals.result.frozen"))
		}
	case trust.Closed:
		page.Icon, page.Heading = "info", ui.K("approvals.result.closed")
		page.Words = []ui.Text{ui.K("approvals.result.closed." + closedFor(q.Approval.Reason))}
	default: // nobody decided in time; the timer is about to say so
		page.Icon, page.Heading = "hourglass", ui.K("approvals.result.closed")
		page.Words = []ui.Text{ui.K("approvals.result.closed.expired")}
	}
	if q.Approval.RecoveryCompleted(q.RecoveredAt) {
		switch {
		case !q.FrozenAt.IsZero():
			page.Words = append(page.Words, ui.K("approvals.result.frozen"))
		case freeze:
			page.Words = []ui.Text{ui.K("approvals.result.completed", "To", frame.Call)}
		}
	}
	if frame.Rehearsal && q.Approval.State != trust.Closed {
		page.Words = append(page.Words, ui.K("approvals.result.rehearsal"))
	}
	return page
}

// stoppedText says what a no does to the action.
func stoppedText(kind trust.ActionKind, p policy.Policy) ui.Text {
	return ui.K("approvals.result.stopped."+string(kind), "Time", p.RecoveryLock)
}

func rejectedFor(reason string) string {
	switch trust.RejectReason(reason) {
	case trust.ReasonFraud, trust.ReasonUnreachable, trust.ReasonMismatch:
		return reason
	}
	return string(trust.ReasonOther)
}

// closedFor keeps to the ends that mean something to a contact; why else a request ended is the principal's matter.
func closedFor(reason string) string {
	switch reason {
	case "expired", "disowned", "superseded", "decided", "frozen", "contact_left", trust.ReasonLinkOver:
		return reason
	}
	return "over"
}
