package trust

import (
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/policy"
)

// ApprovalState is where one contact's decision on one guarded action stands.
type ApprovalState string

// The states of an approval. It is the contact's move in asked, checked and matched; in flagged he
// may only reject or wait.
const (
	NoApproval ApprovalState = ""
	Asked      ApprovalState = "asked"    // the facts are shown, the questions wait
	Checked    ApprovalState = "checked"  // five times yes; the match number waits
	Matched    ApprovalState = "matched"  // the right match number; the code waits
	Flagged    ApprovalState = "flagged"  // a red flag: approving is no longer offered
	Approved   ApprovalState = "approved" //
	Rejected   ApprovalState = "rejected" //
	Closed     ApprovalState = "closed"   // the action ended otherwise; Reason says how
)

// ApprovalStates lists every state, for tables and tests.
func ApprovalStates() []ApprovalState {
	return []ApprovalState{NoApproval, Asked, Checked, Matched, Flagged, Approved, Rejected, Closed}
}

// ActionKind names what is guarded.
type ActionKind string

// The guarded actions (DOMAIN §7). Recovery lives in its own package.
const (
	ActionRecovery      ActionKind = "recovery"
	ActionUnfreeze      ActionKind = "unfreeze"
	ActionChangePhone   ActionKind = "change_phone"
	ActionRemoveFactor  ActionKind = "remove_factor"
	ActionRemoveContact ActionKind = "remove_contact"
	ActionSignIn        ActionKind = "sign_in"
	ActionRehearsal     ActionKind = "rehearsal"
)

// Answer is the reply to one of the five questions.
type Answer string

// The answers. Anything but yes is a red flag.
const (
	Yes    Answer = "yes"
	No     Answer = "no"
	Unsure Answer = "unsure"
)

// Questions is how many questions a contact answers (DOMAIN §6); their texts are the locale keys
// question.1 … question.5.
const Questions = 5

// RejectReason is why a contact says no.
type RejectReason string

// The reasons to reject. The last two are the machine's own.
const (
	ReasonFraud       RejectReason = "fraud"       // «это мошенники»
	ReasonUnreachable RejectReason = "unreachable" // «не смог дозвониться»
	ReasonOther       RejectReason = "other"       // «другое»
	ReasonMismatch    RejectReason = "mismatch"    // the match number was wrong too often
)

// ReasonLinkOver is why an approval of a contact closed who is a contact no more.
const ReasonLinkOver = "link_over"

// Approval is one contact's decision on one guarded action.
type Approval struct {
	ID          string
	Action      ActionKind
	Object      string // the recovery or action it belongs to
	Principal   string
	Contact     string
	Link        string
	State       ApprovalState
	Answers     [Questions]Answer
	Misses      int // wrong match numbers so far
	Reason      string
	AskedAt     time.Time
	ExpiresAt   time.Time
	DecidedAt   time.Time
	SecondAsked bool // a second device appeared: an earlier recovery was superseded by this one
	Version     int64
}

// Undecided tells whether the contact may still move towards a decision.
func (a Approval) Undecided() bool {
	switch a.State {
	case Asked, Checked, Matched, Flagged:
		return true
	}
	return false
}

// RecoveryCompleted tells whether it was asked for a recovery, and the account was recovered after that. recovered is
// the account's newest recovery; zero: never.
func (a Approval) RecoveryCompleted(recovered time.Time) bool {
	return a.Action == ActionRecovery && (a.State == Approved || a.State == Closed) && !recovered.Before(a.AskedAt)
}

// ApprovalEvent is something that happens to an approval.
type ApprovalEvent interface{ approvalEvent() string }

// The events of an approval.
type (
	// ApprovalAsked creates it.
	ApprovalAsked struct {
		ID, Object, Principal, Contact, Link string
		Action                               ActionKind
		ExpiresAt                            time.Time
		SecondDevice                         bool
		PrincipalName                        string // polite name, for the message
		Device, Area                         string // of whoever started the action
	}
	// QuestionsAnswered carries the five answers.
	QuestionsAnswered struct{ Answers [Questions]Answer }
	// MatchTyped says whether the two digits were right.
	MatchTyped struct{ Right bool }
	// CodeSent issues the contact's own code: only at the last step, for this session only.
	CodeSent struct {
		ID, Session, Phone, Code string
		Hash                     []byte
		PrincipalName            string
	}
	// Confirmed is the contact's yes with a burnt code (or a passkey, then CodeID is empty, Passkey set, and
	// Burn is what the key's answer uses up).
	// Unable are the reasons why he may not approve now, read in this transaction (T24).
	Confirmed struct {
		CodeID, Session string
		Passkey         bool
		Burn            []effect.Effect
		Unable          []Reason
	}
	// RejectedByContact is the contact's no, allowed even after his yes until the action is completed.
	RejectedByContact struct{ Reason RejectReason }
	// ActionOver closes the approval because its action ended: expired, disowned, superseded, ...
	ActionOver struct{ Reason string }
	// LinkOver closes the approval because its contact is a contact no more: a yes he gave is taken from the count (ADR 0012).
	LinkOver struct{}
)

func (ApprovalAsked) approvalEvent() string     { return "asked" }
func (QuestionsAnswered) approvalEvent() string { return "questions_answered" }
func (MatchTyped) approvalEvent() string        { return "match_typed" }
func (CodeSent) approvalEvent() string          { return "code_sent" }
func (Confirmed) approvalEvent() string         { return "confirmed" }
func (RejectedByContact) approvalEvent() string { return "rejected_by_contact" }
func (ActionOver) approvalEvent() string        { return "action_over" }
func (LinkOver) approvalEvent() string          { return "link_over" }

// CodeBound is what an approval code is bound to: this request and this session of the contact (T03).
func CodeBound(approvalID, sessionID string) string { return approvalID + ":" + sessionID }

// Apply decides what the event does to the approval. It reads no clock and calls nothing.
// The effects of the guarded action itself (approved, rejected) are its own machine's.
func (a Approval) Apply(now time.Time, p policy.Policy, e ApprovalEvent) (Approval, []effect.Effect, error) {
	if e, ok := e.(ApprovalAsked); ok && a.State == NoApproval {
		return a.ask(now, e)
	}
	if e, ok := e.(ActionOver); ok && (a.Undecided() || a.State == Approved) {
		if a.State == Approved {
			return a, nil, nil // a decision that was taken stays as it was
		}
		return a.close(now, e.Reason)
	}
	if _, ok := e.(LinkOver); ok && (a.Undecided() || a.State == Approved) {
		return a.close(now, ReasonLinkOver)
	}
	if e, ok := e.(RejectedByContact); ok && (a.Undecided() || a.State == Approved) {
		return a.reject(now, e.Reason) // as long as the action itself can still be stopped: its own machine decides
	}
	if a.Undecided() && !now.Before(a.ExpiresAt) {
		return a, nil, fault.New(fault.Conflict, "fault.approval.state_expired", nil)
	}
	switch e := e.(type) {
	case QuestionsAnswered:
		if a.State == Asked {
			return a.answer(e)
		}
	case MatchTyped:
		if a.State == Checked {
			return a.match(now, p, e)
		}
	case CodeSent:
		if a.State == Matched {
			return a.send(now, p, e)
		}
	case Confirmed:
		if a.State == Matched {
			return a.confirm(now, e)
		}
	}
	return a, nil, fault.New(fault.Conflict, "fault.approval.state_"+a.stateKey(), nil)
}

func (a Approval) stateKey() string {
	if a.State == NoApproval {
		return "none"
	}
	return string(a.State)
}

// event goes into the contact's own history only: what the principal may see of a decision is
// recorded by the guarded action (T52).
func (a Approval) event(kind string, facts map[string]string) effect.Record {
	if facts == nil {
		facts = map[string]string{}
	}
	facts["action"] = string(a.Action)
	return effect.Record{Kind: kind, Object: "approval:" + a.ID, Subjects: []string{a.Contact}, Facts: facts}
}

func (a Approval) ask(now time.Time, e ApprovalAsked) (Approval, []effect.Effect, error) {
	n := Approval{
		ID: e.ID, Action: e.Action, Object: e.Object, Principal: e.Principal, Contact: e.Contact, Link: e.Link,
		State: Asked, AskedAt: now, ExpiresAt: e.ExpiresAt, SecondAsked: e.SecondDevice,
	}
	kind := "approval.asked"
	switch {
	case e.Action == ActionRecovery && e.SecondDevice:
		kind = "recovery.second_device"
	case e.Action == ActionRecovery:
		kind = "recovery.asked"
	}
	return n, []effect.Effect{
		n.event("approval.asked", nil),
		effect.Send{
			Kind: kind, To: n.Contact, Via: effect.All(), NotAfter: n.ExpiresAt, Key: n.ID + ":asked",
			Args: map[string]string{
				"first_name": e.PrincipalName, "device": e.Device, "area": e.Area,
				"until": rfc(n.ExpiresAt), "at": rfc(now), "action": string(e.Action),
			},
		},
	}, nil
}

func (a Approval) answer(e QuestionsAnswered) (Approval, []effect.Effect, error) {
	n := a
	n.Answers, n.State = e.Answers, Checked
	for i, x := range e.Answers {
		switch x {
		case Yes:
		case No, Unsure:
			n.State = Flagged
		default:
			return a, nil, fault.BadFields(fault.Field{Name: "q" + itoa(int64(i+1)), Key: "fault.approval.unanswered"})
		}
	}
	return n, []effect.Effect{n.event("approval."+string(n.State), nil)}, nil
}

func (a Approval) match(now time.Time, p policy.Policy, e MatchTyped) (Approval, []effect.Effect, error) {
	n := a
	if e.Right {
		n.State = Matched
		return n, []effect.Effect{n.event("approval.matched", nil)}, nil
	}
	n.Misses++
	if n.Misses >= p.MatchTries {
		return n.reject(now, ReasonMismatch)
	}
	return n, []effect.Effect{n.event("approval.mismatched", nil)}, nil
}

func (a Approval) send(now time.Time, p policy.Policy, e CodeSent) (Approval, []effect.Effect, error) {
	until := now.Add(p.CodeTTL)
	return a, []effect.Effect{
		a.event("approval.code_sent", nil),
		effect.IssueCode{
			ID: e.ID, Purpose: "approval", Bound: CodeBound(a.ID, e.Session), Account: a.Contact,
			Phone: e.Phone, Hash: e.Hash, ExpiresAt: until, Pause: p.CodeResend, DayLimit: p.CodesPerPhoneDay,
		},
		effect.Send{
			Kind: "approval.code", To: a.Contact, Via: []effect.Channel{effect.SMS}, NotAfter: until, Key: e.ID,
			Args: map[string]string{"code": e.Code, "first_name": e.PrincipalName, "action": string(a.Action)},
		},
	}, nil
}

func (a Approval) confirm(now time.Time, e Confirmed) (Approval, []effect.Effect, error) {
	if len(e.Unable) > 0 {
		return a, nil, NotEligible(e.Unable)
	}
	if e.CodeID == "" && (!e.Passkey || len(e.Burn) == 0) {
		return a, nil, fault.New(fault.Refused, "fault.approval.no_proof", nil)
	}
	n := a
	n.State, n.DecidedAt = Approved, now
	out := []effect.Effect{n.event("approval.approved", nil)}
	if e.CodeID != "" {
		out = append(out, effect.UseCode{ID: e.CodeID}, effect.ConfirmPhone{Account: a.Contact, At: now})
	}
	if e.Passkey { // a code that went out before, in whichever of his sessions, is not needed any more
		out = append(append(out, e.Burn...), effect.DropApprovalCodes{Approval: a.ID})
	}
	return n, out, nil
}

func (a Approval) reject(now time.Time, why RejectReason) (Approval, []effect.Effect, error) {
	switch why {
	case ReasonFraud, ReasonUnreachable, ReasonOther, ReasonMismatch:
	default:
		return a, nil, fault.BadFields(fault.Field{Name: "reason", Key: "fault.approval.reason"})
	}
	n := a
	n.State, n.Reason, n.DecidedAt = Rejected, string(why), now
	return n, append([]effect.Effect{n.event("approval.rejected", map[string]string{"reason": string(why)})}, a.unmuted()...), nil
}

func (a Approval) close(now time.Time, reason string) (Approval, []effect.Effect, error) {
	n := a
	n.State, n.Reason, n.DecidedAt = Closed, reason, now
	return n, append([]effect.Effect{a.event("approval.closed", map[string]string{"reason": reason})}, a.unmuted()...), nil
}

// unmuted gives the contact's phone back to other codes: one of this request may be on its way (T04).
func (a Approval) unmuted() []effect.Effect {
	if a.State != Matched {
		return nil
	}
	return []effect.Effect{effect.DropApprovalCodes{Approval: a.ID}}
}
