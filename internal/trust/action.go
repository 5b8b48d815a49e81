package trust

import (
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/policy"
)

// Parent is a guarded action as the approval mechanism sees it. recovery.Recovery and Action
// implement it; both stay pure.
type Parent interface {
	ActionKind() ActionKind
	ActionID() string
	// Decidable tells whether a contact's yes or no still means something.
	Decidable(now time.Time) bool
	// Needed is how many contacts must approve.
	NeededApprovals() int
	// Beginning says when and from what the action was started: facts the victim cannot spin (T02).
	Beginning() Beginning
	// WhenApproved and WhenRejected move the action in the same commit as the contact's decision.
	WhenApproved(now time.Time, p policy.Policy, v Vote) (Parent, []effect.Effect, error)
	WhenRejected(now time.Time, p policy.Policy, v Vote) (Parent, []effect.Effect, error)
	// WhenContactLost lets the action see what is left of its contacts after one left, or may not approve for now.
	WhenContactLost(now time.Time, p policy.Policy, left Left) (Parent, []effect.Effect, error)
	// WhenFrozen ends the action when the account is frozen; lifting the freeze itself goes on.
	WhenFrozen(now time.Time, p policy.Policy) (Parent, []effect.Effect, error)
	// WhenClosed ends the action because its account closes for good.
	WhenClosed(now time.Time, p policy.Policy) (Parent, []effect.Effect, error)
}

// Beginning is how a guarded action was started.
type Beginning struct {
	At     time.Time
	Device string
	Area   string
}

// Left is what is left of the contacts of an action.
type Left struct {
	Able     int // who can still approve in time; a yes that counts now is one of them
	Standing int // yeses that hold what was approved (Circle.Standing)
}

// Vote is a contact's decision together with what the action needs to know to act on it.
type Vote struct {
	By       Approval // as decided
	Approved int      // contacts who approved so far, this one included
	Cast     Cast
}

// Cast are the names and the stop code that messages about a guarded action carry. The service
// fills it from facts read in the same transaction; the machines only pass it on.
type Cast struct {
	Principal     string            // polite name of the principal, for his contacts
	Contacts      map[string]string // contact account → first name, for the principal
	StopCode      string            // only ever stops things; for the principal's own notices
	ContactsOrder []string          // contact accounts in a stable order
}

// ActionState is where a guarded action other than a recovery stands.
type ActionState string

// The states of an action.
const (
	NoAction        ActionState = ""
	Waiting         ActionState = "waiting"  // the contacts' move
	ActionApproved  ActionState = "approved" // the principal's move: finish it
	ActionDone      ActionState = "done"
	ActionRejected  ActionState = "rejected"
	ActionExpired   ActionState = "expired"
	ActionCancelled ActionState = "cancelled"
)

// ActionStates lists every state, for tables and tests.
func ActionStates() []ActionState {
	return []ActionState{NoAction, Waiting, ActionApproved, ActionDone, ActionRejected, ActionExpired, ActionCancelled}
}

// Why an action was given up, where a page tells it.
const (
	WhySuperseded  = "superseded"   // a newer one of its kind began
	WhySignInOver  = "sign_in_over" // the sign-in that waited was ended from elsewhere
	WhyContactLeft = "contact_left" // too few contacts are left to approve it
	WhyFrozen      = "frozen"
	WhyOwner       = "owner" // stopped by the principal
)

// TimerActionExpire ends an action nobody decided or finished.
const TimerActionExpire = "trust.action_expire"

// Action is one guarded action: lifting a freeze, a rehearsal, a change of phone, ...
type Action struct {
	ID        string
	Kind      ActionKind
	Account   string // the principal
	Session   string // the session that started it; the match number is shown there only
	State     ActionState
	Needed    int
	Device    string
	Area      string
	Payload   []byte // sealed details of the action, empty where the kind says all
	StartedAt time.Time
	ExpiresAt time.Time
	EndedAt   time.Time
	EndReason string
	Version   int64
}

// ActionEvent is something that happens to an action.
type ActionEvent interface{ actionEvent() string }

// The events of an action.
type (
	// ActionStarted creates it; Able is how many contacts could approve before it expires. Unguarded: no
	// contact is asked, because nobody guards the account or the principal's switch is off.
	ActionStarted struct {
		ID, Account, Session, Device, Area string
		Kind                               ActionKind
		Payload                            []byte
		Able, Needed                       int
		Unguarded                          bool
		StopCode                           string // for the principal's notice of a sign-in that waits
	}
	// ActionVotedFor is a contact's yes.
	ActionVotedFor struct{ Vote Vote }
	// ActionVotedAgainst is a contact's no.
	ActionVotedAgainst struct{ Vote Vote }
	// ActionCodeSent sends a code to the new phone of a change: only after the approval.
	ActionCodeSent struct {
		ID, Phone, Code string
		Hash            []byte
	}
	// ActionFinished is the principal completing what was approved. Guarded tells whether the action
	// needs an approval at this moment, Standing how many of those it had still hold. For a change of phone there is
	// also the burnt code and whom it concerns.
	ActionFinished struct {
		Guarded  bool
		Standing int
		Change   *PhoneChange
		Cast     Cast
	}
	// ActionDue is the timer.
	ActionDue struct{}
	// ActionGivenUp is the principal's change of mind, or an account closed or purged.
	ActionGivenUp struct{ Reason string }
)

func (ActionStarted) actionEvent() string      { return "started" }
func (ActionVotedFor) actionEvent() string     { return "voted_for" }
func (ActionVotedAgainst) actionEvent() string { return "voted_against" }
func (ActionCodeSent) actionEvent() string     { return "code_sent" }
func (ActionFinished) actionEvent() string     { return "finished" }
func (ActionDue) actionEvent() string          { return "due" }
func (ActionGivenUp) actionEvent() string      { return "given_up" }

// Apply decides what the event does to the action. It reads no clock and calls nothing.
func (a Action) Apply(now time.Time, p policy.Policy, e ActionEvent) (Action, []effect.Effect, error) {
	switch e := e.(type) {
	case ActionStarted:
		if a.State == NoAction {
			return a.start(now, p, e)
		}
	case ActionVotedFor:
		if a.State == Waiting && now.Before(a.ExpiresAt) {
			return a.votedFor(now, e.Vote)
		}
	case ActionVotedAgainst:
		if (a.State == Waiting || a.State == ActionApproved) && now.Before(a.ExpiresAt) {
			return a.end(now, ActionRejected, e.Vote.By.Reason, effect.Send{
				Kind: "action.rejected", To: a.Account, Via: effect.All(), Key: a.ID + ":rejected",
				Args: map[string]string{
					"action": string(a.Kind), "reason": e.Vote.By.Reason, "stop_code": e.Vote.Cast.StopCode,
					"first_name": e.Vote.Cast.Contacts[e.Vote.By.Contact],
				},
			})
		}
	case ActionCodeSent:
		if a.State == ActionApproved && a.Kind == ActionChangePhone && now.Before(a.ExpiresAt) {
			return a.sendCode(now, p, e)
		}
	case ActionFinished:
		if a.State == ActionApproved && now.Before(a.ExpiresAt) {
			return a.finish(now, e)
		}
	case ActionDue:
		if (a.State == Waiting || a.State == ActionApproved) && !now.Before(a.ExpiresAt) {
			return a.end(now, ActionExpired, "expired") // I10: silence never approves
		}
	case ActionGivenUp:
		if a.State == Waiting || a.State == ActionApproved {
			return a.end(now, ActionCancelled, e.Reason)
		}
	}
	key := string(a.State)
	switch {
	case a.State == NoAction:
		key = "none"
	case (a.State == Waiting || a.State == ActionApproved) && !now.Before(a.ExpiresAt):
		key = string(ActionExpired) // the timer is on the way
	}
	return a, nil, fault.New(fault.Conflict, "fault.action.state_"+key, nil)
}

func (a Action) event(kind string, facts map[string]string) effect.Record {
	if facts == nil {
		facts = map[string]string{}
	}
	facts["action"] = string(a.Kind)
	return effect.Record{Kind: kind, Object: "action:" + a.ID, Subjects: []string{a.Account}, Facts: facts}
}

func (a Action) start(now time.Time, p policy.Policy, e ActionStarted) (Action, []effect.Effect, error) {
	state, needed := Waiting, max(e.Needed, 1)
	switch {
	case e.Unguarded:
		state, needed = ActionApproved, 0
	case e.Able < needed:
		return a, nil, fault.New(fault.Refused, "fault.action.nobody_able", nil)
	}
	n := Action{
		ID: e.ID, Kind: e.Kind, Account: e.Account, Session: e.Session, State: state, Needed: needed,
		Device: e.Device, Area: e.Area, Payload: e.Payload, StartedAt: now, ExpiresAt: now.Add(p.RecoveryWait),
	}
	out := []effect.Effect{
		n.event("action.started", nil),
		effect.Arm{Timer: TimerActionExpire, Object: n.ID, At: n.ExpiresAt},
	}
	if n.Kind == ActionSignIn { // whoever holds password and second factor may be a thief of both
		out = append(out, effect.Send{
			Kind: "sign_in.asked", To: n.Account, Via: effect.All(), NotAfter: n.ExpiresAt, Key: n.ID + ":asked",
			Args: map[string]string{"stop_code": e.StopCode, "at": rfc(now), "device": n.Device, "area": n.Area},
		})
	}
	return n, out, nil
}

func (a Action) votedFor(now time.Time, v Vote) (Action, []effect.Effect, error) {
	n := a
	if v.Approved < a.Needed {
		return n, []effect.Effect{n.event("action.approval_counted", nil)}, nil
	}
	switch a.Kind {
	case ActionUnfreeze:
		return a.end(now, ActionDone, "approved",
			effect.Record{Kind: "account.thawed", Object: "account:" + a.Account, Subjects: []string{a.Account}},
			effect.Thaw{Account: a.Account}, effect.TellSystems{Account: a.Account, What: "account-enabled"}, effect.Send{
				Kind: "account.thawed", To: a.Account, Via: effect.All(), Key: a.ID + ":thawed",
				Args: map[string]string{"stop_code": v.Cast.StopCode, "at": rfc(now)},
			})
	case ActionRehearsal:
		return a.end(now, ActionDone, "approved")
	case ActionRemoveFactor:
		return a.end(now, ActionDone, "approved", factorRemoved(now, a.Account, a.ID, v.Cast.StopCode)...)
	default:
		n.State = ActionApproved
		return n, []effect.Effect{n.event("action.approved", nil)}, nil
	}
}

func (a Action) end(now time.Time, to ActionState, reason string, more ...effect.Effect) (Action, []effect.Effect, error) {
	n := a
	n.State, n.EndedAt, n.EndReason, n.Payload = to, now, reason, nil
	out := []effect.Effect{
		n.event("action."+string(to), map[string]string{"reason": reason}),
		effect.Disarm{Timer: TimerActionExpire, Object: n.ID},
	}
	if a.Kind == ActionChangePhone && to != ActionDone {
		out = append(out, effect.DropCodes{Bound: n.ID})
	}
	return n, append(out, more...), nil
}

// ActionKind, ActionID, Decidable, NeededApprovals, Beginning, WhenApproved and WhenRejected make an Action a Parent.

// ActionKind names what is guarded.
func (a Action) ActionKind() ActionKind { return a.Kind }

// ActionID is the action's id.
func (a Action) ActionID() string { return a.ID }

// Decidable tells whether a decision still means something.
func (a Action) Decidable(now time.Time) bool {
	return (a.State == Waiting || a.State == ActionApproved) && now.Before(a.ExpiresAt)
}

// NeededApprovals is how many contacts must approve.
func (a Action) NeededApprovals() int { return a.Needed }

// Beginning says when and from what the action was started.
func (a Action) Beginning() Beginning {
	return Beginning{At: a.StartedAt, Device: a.Device, Area: a.Area}
}

// WhenApproved applies a contact's yes.
func (a Action) WhenApproved(now time.Time, p policy.Policy, v Vote) (Parent, []effect.Effect, error) {
	return parent(a.Apply(now, p, ActionVotedFor{Vote: v}))
}

// WhenRejected applies a contact's no.
func (a Action) WhenRejected(now time.Time, p policy.Policy, v Vote) (Parent, []effect.Effect, error) {
	return parent(a.Apply(now, p, ActionVotedAgainst{Vote: v}))
}

// WhenContactLost ends the action when too few contacts are left to approve it, or too few yeses hold what they approved.
func (a Action) WhenContactLost(now time.Time, p policy.Policy, left Left) (Parent, []effect.Effect, error) {
	have := left.Able
	if a.State == ActionApproved {
		have = left.Standing
	}
	if have >= a.Needed {
		return a, nil, nil
	}
	return parent(a.Apply(now, p, ActionGivenUp{Reason: WhyContactLeft}))
}

// WhenFrozen ends every action but the lifting of a freeze.
func (a Action) WhenFrozen(now time.Time, p policy.Policy) (Parent, []effect.Effect, error) {
	if a.Kind == ActionUnfreeze {
		return a, nil, nil
	}
	return parent(a.Apply(now, p, ActionGivenUp{Reason: WhyFrozen}))
}

// WhenClosed ends every action.
func (a Action) WhenClosed(now time.Time, p policy.Policy) (Parent, []effect.Effect, error) {
	return parent(a.Apply(now, p, ActionGivenUp{Reason: "account_closed"}))
}

func parent(a Action, out []effect.Effect, err error) (Parent, []effect.Effect, error) {
	return a, out, err
}
