package trust

import (
	"context"
	"slices"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/policy"
	"doverie/internal/secret"
)

// Decisions is the contact's side of every guarded action: one method a human act. The web never
// offers a step that is not its turn, and the machine refuses it if someone asks all the same (T29).
type Decisions struct {
	Circles  Circles
	Passkeys ApprovalKeys
	Keys     *secret.Keyring
	Policy   policy.Policy
}

// ApprovalKeys lets a contact prove himself by his passkey; session.Passkeys has it. bound is CodeBound.
type ApprovalKeys interface {
	// BeginApproval makes the options for the contact's browser.
	BeginApproval(ctx context.Context, act effect.Act, contact, bound string) (options []byte, err error)
	// ProveApproval checks the answer and returns what must be used up in the commit of the approval. It may be
	// called again with the same answer; only one commit can use it up.
	ProveApproval(ctx context.Context, act effect.Act, contact, bound string, answer []byte) ([]effect.Effect, error)
}

// Request is what a contact sees of one guarded action: never more (I9, T52).
type Request struct {
	Now       time.Time
	Approval  Approval
	Link      Link
	Principal Facts // names and a late SIM change only (I9)
	Beginning Beginning
	Protection
	Decidable bool      // a yes or no still means something
	Unable    []Reason  // why this contact cannot approve at the moment
	AbleFrom  time.Time // when waiting helps: from then; zero when it does not
	OwnPhone  string    // the contact's own, where his code goes; the page masks it
}

// Request returns the request with that id, to its contact only.
func (s *Decisions) Request(ctx context.Context, contact, approvalID string) (Request, error) {
	c, err := s.Circles.Look(ctx, Around{Approval: approvalID})
	if err != nil {
		return Request{}, err
	}
	if err := only(c.Approval.Contact, contact); err != nil {
		return Request{}, err
	}
	r := Request{Now: c.Now, Approval: c.Approval}
	r.Principal = Facts{
		Account: c.Principal.Account, Given: c.Principal.Given, Patronymic: c.Principal.Patronymic, FamilyLetter: c.Principal.FamilyLetter,
	}
	if c.Subject != nil {
		r.Beginning = c.Subject.Beginning()
		r.Decidable = c.Subject.Decidable(c.Now)
	}
	if g, ok := c.GuardianOf(contact); ok { // whoever is a contact no more reads what was, and nothing of what is
		r.Protection, r.Email = c.Protection, ""
		r.Principal.SimChangedAt = c.Principal.SimChangedAt
		r.Link = g.Link.ForContact()
		r.OwnPhone = g.Contact.Phone
		r.AbleFrom, r.Unable = AbleFrom(g.Link, g.Contact, c.Now, s.Policy)
	}
	return r, nil
}

// Answer takes the answers to the five questions.
func (s *Decisions) Answer(ctx context.Context, act effect.Act, contact, approvalID string, answers [Questions]Answer) error {
	_, err := s.decide(ctx, act, contact, approvalID, func(c Circle) (ApprovalEvent, error) {
		return QuestionsAnswered{Answers: answers}, s.able(c, contact)
	})
	return err
}

// TypeMatch compares the two digits that the principal reads from his own screen. A miss is a fault
// (Refused, "fault.approval.mismatch") after it has been written; the last miss rejects.
func (s *Decisions) TypeMatch(ctx context.Context, act effect.Act, contact, approvalID, typed string) error {
	right := false
	after, err := s.decide(ctx, act, contact, approvalID, func(c Circle) (ApprovalEvent, error) {
		right = s.Keys.SameMatchNumber(c.Approval.Object, typed)
		return MatchTyped{Right: right}, s.able(c, contact)
	})
	if err != nil || right {
		return err
	}
	if after.State == Rejected {
		return fault.New(fault.Refused, "fault.approval.mismatch_rejected", nil)
	}
	return fault.New(fault.Refused, "fault.approval.mismatch", fault.Args{"Left": s.Policy.MatchTries - after.Misses})
}

// SendCode sends the contact's own code to his own phone: only at the last step, good only in this
// session and for this request (T03). Whether it may be sent so soon, and so often, is judged in the commit.
func (s *Decisions) SendCode(ctx context.Context, act effect.Act, contact, session, approvalID string) error {
	bound := CodeBound(approvalID, session)
	code, err := secret.Code(secret.Approval)
	if err != nil {
		return err
	}
	id := newID()
	_, err = s.decide(ctx, act, contact, approvalID, func(c Circle) (ApprovalEvent, error) {
		if err := s.able(c, contact); err != nil {
			return nil, err
		}
		g, _ := c.GuardianOf(contact)
		return CodeSent{
			ID: id, Session: session, Phone: g.Contact.Phone, Code: code,
			Hash: s.Keys.HashCode(secret.Approval, bound, code), PrincipalName: c.Principal.ShortName(),
		}, nil
	})
	if fault.HasKey(err, "fault.code.too_many") { // the contact sees his own limit: he is signed in, and it is his phone
		return fault.New(fault.Limited, "fault.code.phone_day", fault.Args{"After": 24 * time.Hour}).Because(err)
	}
	return err
}

// able refuses a step towards a yes to a contact who could not say it now; rejecting is open to him all the same.
func (s *Decisions) able(c Circle, contact string) error {
	g, ok := c.GuardianOf(contact)
	if !ok {
		return NotEligible([]Reason{LinkNotGuarding})
	}
	if from, why := AbleFrom(g.Link, g.Contact, c.Now, s.Policy); len(why) > 0 || from.After(c.Now) {
		return NotEligible(why)
	}
	return nil
}

// Approve is the contact's yes with the code from his own phone. The attempt is counted before the
// code is compared; eligibility is read in the transaction that approves (T24).
func (s *Decisions) Approve(ctx context.Context, act effect.Act, contact, session, approvalID, typed string) error {
	// Only this contact's last step ever makes a code for this request and this session: before it, after it, and
	// for everybody else there is none to try.
	bound := CodeBound(approvalID, session)
	around := Around{Approval: approvalID, Try: &Attempt{Purpose: string(secret.Approval), Bound: bound, Most: s.Policy.CodeTries}}
	_, err := s.decideAround(ctx, act, contact, around, func(c Circle) (ApprovalEvent, error) {
		switch {
		case c.Try.Missing() != nil && c.Approval.State != Matched:
			return nil, fault.New(fault.Conflict, "fault.approval.state_"+c.Approval.stateKey(), nil)
		case c.Try.Missing() != nil:
			return nil, c.Try.Missing()
		case !s.Keys.SameCode(secret.Approval, bound, typed, c.Try.Hash):
			return nil, fault.New(fault.Refused, "fault.code.wrong", fault.Args{"Left": c.Try.Left})
		}
		return s.confirmed(c, contact, Confirmed{CodeID: c.Try.CodeID, Session: session}), nil
	})
	return err
}

// confirmed is the yes of a contact who has proven himself: whether he may say it is read in this transaction (T24).
func (s *Decisions) confirmed(c Circle, contact string, e Confirmed) Confirmed {
	e.Unable = []Reason{LinkNotGuarding}
	if g, ok := c.GuardianOf(contact); ok {
		_, e.Unable = AbleFrom(g.Link, g.Contact, c.Now, s.Policy)
	}
	return e
}

// matched reads the request for a proof by passkey: it must be the contact's own, and his last step.
func (s *Decisions) matched(ctx context.Context, contact, approvalID string) (Circle, error) {
	c, err := s.Circles.Look(ctx, Around{Approval: approvalID})
	switch {
	case err != nil:
		return c, err
	case c.Approval.Contact != contact:
		return c, only(c.Approval.Contact, contact)
	case c.Approval.State != Matched || c.Subject == nil || !c.Subject.Decidable(c.Now):
		return c, fault.New(fault.Conflict, "fault.approval.state_"+c.Approval.stateKey(), nil)
	}
	return c, nil
}

// BeginPasskey makes the options with which the contact's browser asks for his key: only at the last step, good
// only in this session and for this request, and only for a contact who may approve now.
func (s *Decisions) BeginPasskey(ctx context.Context, act effect.Act, contact, session, approvalID string) ([]byte, error) {
	c, err := s.matched(ctx, contact, approvalID)
	if err == nil {
		err = s.able(c, contact)
	}
	if err != nil {
		return nil, err
	}
	return s.Passkeys.BeginApproval(ctx, act, contact, CodeBound(approvalID, session))
}

// ApproveWithPasskey is the contact's yes with his passkey in place of the code. The key's answer is to a
// challenge of this request and this session; it is used up in the commit of the approval, so that one answer
// is one approval (I2), and eligibility is read in that transaction (T24).
func (s *Decisions) ApproveWithPasskey(ctx context.Context, act effect.Act, contact, session, approvalID string, answer []byte) error {
	if _, err := s.matched(ctx, contact, approvalID); err != nil {
		return err
	}
	burn, err := s.Passkeys.ProveApproval(ctx, act, contact, CodeBound(approvalID, session), answer)
	if err != nil {
		return err
	}
	_, err = s.decide(ctx, act, contact, approvalID, func(c Circle) (ApprovalEvent, error) {
		return s.confirmed(c, contact, Confirmed{Session: session, Passkey: true, Burn: burn}), nil
	})
	return err
}

// Reject is the contact's no: allowed at any step, and even after a yes, until the action is completed.
func (s *Decisions) Reject(ctx context.Context, act effect.Act, contact, approvalID string, why RejectReason) error {
	_, err := s.decide(ctx, act, contact, approvalID, func(Circle) (ApprovalEvent, error) {
		if why == ReasonMismatch {
			return nil, fault.BadFields(fault.Field{Name: "reason", Key: "fault.approval.reason"})
		}
		return RejectedByContact{Reason: why}, nil
	})
	return err
}

// decide applies one event to one approval, and what follows from it to the guarded action, in one commit.
func (s *Decisions) decide(ctx context.Context, act effect.Act, contact, approvalID string, event func(Circle) (ApprovalEvent, error)) (after Approval, err error) {
	return s.decideAround(ctx, act, contact, Around{Approval: approvalID}, event)
}

func (s *Decisions) decideAround(ctx context.Context, act effect.Act, contact string, around Around, event func(Circle) (ApprovalEvent, error)) (after Approval, err error) {
	err = s.Circles.Decide(ctx, act, around, func(c Circle) (Outcome, error) {
		if err := only(c.Approval.Contact, contact); err != nil {
			return Outcome{}, err
		}
		if c.Subject == nil || !c.Subject.Decidable(c.Now) {
			return Outcome{}, fault.New(fault.Conflict, "fault.approval.over", nil)
		}
		e, err := event(c)
		if err != nil {
			return Outcome{}, err
		}
		next, effs, err := c.Approval.Apply(c.Now, s.Policy, e)
		if err != nil {
			return Outcome{}, err
		}
		after = next
		out := Outcome{Approvals: []Approval{next}, Effects: effs}
		if next.State == c.Approval.State || (next.State != Approved && next.State != Rejected) {
			return out, nil
		}
		err = s.carry(c, next, &out)
		return out, err
	})
	return after, err
}

// carry moves the guarded action after a decision, and closes what is left to decide once it is over.
func (s *Decisions) carry(c Circle, decided Approval, out *Outcome) error {
	pending, _ := c.PendingOf(decided.Object)
	vote := Vote{By: decided, Cast: c.Cast(s.Keys.StopCode(c.Principal.Account, c.Now))}
	now := Pending{Action: c.Subject, Approvals: slices.Clone(pending.Approvals)}
	var others []Approval
	for i, a := range now.Approvals {
		if a.ID == decided.ID {
			now.Approvals[i] = decided
			continue
		}
		others = append(others, a)
	}
	vote.Approved = c.Counted(now.Approvals, s.Policy)
	reason, move := "decided", c.Subject.WhenRejected
	if decided.State == Approved {
		move = c.Subject.WhenApproved
	}
	action, effs, err := move(c.Now, s.Policy, vote)
	needed := c.Subject.NeededApprovals()
	if err == nil && decided.State == Approved && vote.Approved < needed && c.ableFor(now, "", s.Policy) < needed {
		// An earlier yes counts no more, and nobody is left to give another: the principal must not wait in vain.
		reason = WhyContactLeft
		action, effs, err = c.Subject.WhenContactLost(c.Now, s.Policy, c.left(now, "", s.Policy))
	}
	if err != nil {
		return err
	}
	out.Actions = append(out.Actions, action)
	out.Effects = append(out.Effects, effs...)
	if action.Decidable(c.Now) {
		return nil // the others may still stop it (any one rejection does)
	}
	closed, effs, err := CloseApprovals(c.Now, s.Policy, others, reason)
	out.Approvals = append(out.Approvals, closed...)
	out.Effects = append(out.Effects, effs...)
	return err
}
