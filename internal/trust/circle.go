package trust

import (
	"context"
	"slices"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/policy"
)

// Guardian is one link that guards a principal, with its contact's facts.
type Guardian struct {
	Link    Link
	Contact Facts
}

// Pending is one guarded action that has not ended, with the approvals asked for it.
type Pending struct {
	Action    Parent
	Approvals []Approval
}

// Protection is the state of a principal's account that trust decisions look at.
type Protection struct {
	Quorum      int       // 1 or 2, the principal's choice
	LockedUntil time.Time // online recovery is locked until then; zero: not locked
	HoldUntil   time.Time // dangerous actions are closed until then; zero: no hold
	FrozenAt    time.Time // zero: not frozen
	Asks        int       // times contacts were asked for a recovery of this principal in the last 24 h
	Email       string    // verified e-mail, or empty
	// The newest changes, for the contact to judge by (DOMAIN §5.5a); zero: never.
	PhoneChangedAt    time.Time
	PasswordChangedAt time.Time
	FactorChangedAt   time.Time
	ContactChangedAt  time.Time // newest link accepted or ended
	RecoveredAt       time.Time
	Attempts          int // recoveries of this account that proved themselves in the last 7 days
}

// Newcomer is the person who answers an invitation.
type Newcomer struct {
	Facts      Facts
	NameHash   []byte // of his own given name and current phone, to compare with the invitation's
	PhoneHash  []byte
	Principals int  // people he guards now
	Blocked    bool // he blocked further invitations from this principal
}

// Circle is one principal with everything around his account that a decision may look at. The
// store reads it inside the deciding transaction and locks it there: two decisions about one
// principal never see the same version (I3, T24).
type Circle struct {
	Now       time.Time
	Principal Facts
	Protection
	Guardians   []Guardian // guarding links only, oldest first
	Invitations []Link     // unanswered ones
	Pending     []Pending  // open guarded actions, recoveries included
	Link        Link       // what Around asked for, whatever its state
	Approval    Approval
	Subject     Parent // the action of that approval, or the recovery or action asked for; nil when none
	Newcomer    Newcomer
	Guards      []Guard // switches somebody touched; only with Around.Guards
	Known       bool    // Around.Device is a browser that the principal signed in from before
	Try         Try     // what Around.Try counted; the zero Try: there is no code to try
}

// Around says whose circle to load, by the one thing the caller has of it. Exactly one of the first six is set.
type Around struct {
	Principal string
	Link      string
	Approval  string
	Recovery  string
	Action    string
	Browser   []byte // hash of the secret of the browser that started a recovery
	Newcomer  string // account that answers an invitation; only with Link
	Guards    bool   // the principal's switches too
	Device    []byte // hash of the secret of a remembered browser, or nil; only with Browser

	// Try, for Decide, counts an attempt at a code. It is committed before the decision begins, and so before anybody
	// compares anything: it stands whatever the decision comes to, and is not counted again when the decision is retried.
	Try *Attempt
}

// Attempt names the live code that somebody is trying.
type Attempt struct {
	Purpose string
	Bound   string // the object of the code; empty: the recovery of Around.Browser
	Most    int    // tries of one code
}

// Outcome is what a decision changed. Every row in it is written under the version it was read at:
// if one is no longer there, the whole commit is refused as a Conflict.
type Outcome struct {
	Links     []Link
	Approvals []Approval
	Actions   []Parent
	Guards    []Guard
	Effects   []effect.Effect
}

// Circles is what the trust and recovery services need of the store.
type Circles interface {
	// Decide loads the circle under lock, lets decide choose, and commits the outcome, all in one
	// transaction. decide may run again when the engine asks for a retry, so it must be pure. A
	// missing id is a NotFound fault; a decoy recovery has a circle of nobody; decide's own error comes back unchanged and nothing is written.
	Decide(ctx context.Context, act effect.Act, around Around, decide func(Circle) (Outcome, error)) error
	// Look loads the circle without locks, for pages.
	Look(ctx context.Context, around Around) (Circle, error)
}

// Try is one counted attempt at a one-time code. The attempt was counted before the caller may compare.
type Try struct {
	CodeID string
	Hash   []byte
	Left   int   // attempts left after this one
	Why    error // when there was no code to try: a Refused fault that says why
}

// Missing is why there is no code to compare with; nil when there is one.
func (t Try) Missing() error {
	switch {
	case t.CodeID != "":
		return nil
	case t.Why != nil:
		return t.Why
	}
	return fault.New(fault.Refused, "fault.code.dead", nil)
}

// Codes counts attempts at one-time codes.
type Codes interface {
	// CountTry takes one attempt at the live code of that purpose and object, in a transaction of its
	// own. Faults: "fault.code.dead" (Refused) when there is no live code, it lapsed or its tries are used up.
	CountTry(ctx context.Context, purpose, bound string, p policy.Policy) (Try, error)
	// MaySend refuses with a Limited fault ("After" says how long to wait) when a code of that purpose went to that
	// object too lately or too often.
	MaySend(ctx context.Context, purpose, bound string, p policy.Policy) error
}

// Able counts the guardians who could approve before the deadline.
func (c Circle) Able(deadline time.Time, p policy.Policy) int {
	n := 0
	for _, g := range c.Guardians {
		if from, _ := AbleFrom(g.Link, g.Contact, c.Now, p); !from.IsZero() && from.Before(deadline) {
			n++
		}
	}
	return n
}

// ableFor counts the guardians who could still approve that action before its requests lapse: whoever raised a red flag
// may only reject, whoever is suspended from this moment on, or became a contact since, may not at all, and whoever has said yes cannot say it
// again, so that he is one of them only while his yes counts.
func (c Circle) ableFor(pending Pending, suspended string, p policy.Policy) int {
	n, his := 0, map[string]Approval{}
	for _, a := range pending.Approvals {
		his[a.Link] = a
	}
	for _, g := range c.Guardians {
		a, asked := his[g.Link.ID]
		if g.Link.ID == suspended || !asked || a.State == Flagged {
			continue
		}
		if a.State == Approved {
			if c.counts(a, p) {
				n++
			}
			continue
		}
		if from, _ := AbleFrom(g.Link, g.Contact, c.Now, p); !from.IsZero() && from.Before(a.ExpiresAt) { // his own may lapse earlier than the others'
			n++
		}
	}
	return n
}

// counts tells whether a yes given earlier still counts: its contact still guards and would be able to give it now.
// Eligibility is asked again whenever votes are counted (DOMAIN §3).
func (c Circle) counts(a Approval, p policy.Policy) bool {
	g, ok := c.giver(a)
	if !ok {
		return false
	}
	_, reasons := AbleFrom(g.Link, g.Contact, c.Now, p)
	return len(reasons) == 0
}

// giver is who gave a yes, as long as the link under which he gave it guards.
func (c Circle) giver(a Approval) (Guardian, bool) {
	i := slices.IndexFunc(c.Guardians, func(g Guardian) bool { return g.Link.ID == a.Link && g.Contact.Account == a.Contact })
	if i < 0 || a.State != Approved {
		return Guardian{}, false
	}
	return c.Guardians[i], true
}

// Counted is how many yeses for an action that waits would count now.
func (c Circle) Counted(approvals []Approval, p policy.Policy) int {
	n := 0
	for _, a := range approvals {
		if c.counts(a, p) {
			n++
		}
	}
	return n
}

// Standing is how many yeses hold an action that was approved. Whether their contacts could give them now is not asked
// again; but a yes rests on its link and on its contact's own account, and falls with either (ADR 0012): whoever finds
// that a stranger answered in his name freezes his account, or is taken off at a desk.
func (c Circle) Standing(approvals []Approval) int {
	n := 0
	for _, a := range approvals {
		if g, ok := c.giver(a); ok && g.Contact.Open {
			n++
		}
	}
	return n
}

// left is what is left of the contacts of an action; gone is the link that ended or was suspended just now.
func (c Circle) left(pending Pending, gone string, p policy.Policy) Left {
	return Left{Able: c.ableFor(pending, gone, p), Standing: c.Standing(pending.Approvals)}
}

// Ask creates the approvals of a new guarded action: one for each guardian, those included who
// cannot approve (they may still reject).
func (c Circle) Ask(p policy.Policy, action Parent, deadline time.Time, second bool, newID func() string) ([]Approval, []effect.Effect, error) {
	var (
		out  []Approval
		effs []effect.Effect
		at   = action.Beginning()
	)
	for _, g := range c.Guardians {
		until := deadline
		if usual := c.Now.Add(p.RecoveryWait); g.Link.State == Leaving && g.Link.Quiet && usual.Before(until) {
			until = usual // a request that waits longer than he was once told would give the quiet exit away (DOMAIN §4.10)
		}
		a, e, err := Approval{}.Apply(c.Now, p, ApprovalAsked{
			ID: newID(), Object: action.ActionID(), Action: action.ActionKind(), Principal: c.Principal.Account,
			Contact: g.Contact.Account, Link: g.Link.ID, ExpiresAt: until, SecondDevice: second,
			PrincipalName: c.Principal.PoliteName(), Device: at.Device, Area: at.Area,
		})
		if err != nil {
			return nil, nil, err
		}
		out, effs = append(out, a), append(effs, e...)
	}
	return out, effs, nil
}

// CloseApprovals closes what is still undecided among the approvals of an action that ended.
func CloseApprovals(now time.Time, p policy.Policy, approvals []Approval, reason string) ([]Approval, []effect.Effect, error) {
	var (
		out  []Approval
		effs []effect.Effect
	)
	for _, a := range approvals {
		if !a.Undecided() {
			continue
		}
		n, e, err := a.Apply(now, p, ActionOver{Reason: reason})
		if err != nil {
			return nil, nil, err
		}
		out, effs = append(out, n), append(effs, e...)
	}
	return out, effs, nil
}

// Cast gathers names and the stop code for messages.
func (c Circle) Cast(stopCode string) Cast {
	cast := Cast{Principal: c.Principal.PoliteName(), StopCode: stopCode, Contacts: map[string]string{}}
	for _, g := range c.Guardians {
		cast.Contacts[g.Contact.Account] = g.Contact.Given
		cast.ContactsOrder = append(cast.ContactsOrder, g.Contact.Account)
	}
	return cast
}

// PendingOf returns the open action with that id and its approvals.
func (c Circle) PendingOf(actionID string) (Pending, bool) {
	i := slices.IndexFunc(c.Pending, func(p Pending) bool { return p.Action.ActionID() == actionID })
	if i < 0 {
		return Pending{}, false
	}
	return c.Pending[i], true
}

// GuardianOf returns the guarding link of that contact.
func (c Circle) GuardianOf(contact string) (Guardian, bool) {
	i := slices.IndexFunc(c.Guardians, func(g Guardian) bool { return g.Contact.Account == contact })
	if i < 0 {
		return Guardian{}, false
	}
	return c.Guardians[i], true
}
