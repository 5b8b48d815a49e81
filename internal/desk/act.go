package desk

import (
	"bytes"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/policy"
)

// Kind names an act.
type Kind string

// The acts of DOMAIN §8.
const (
	Confirm Kind = "confirm"  // identity proven by a document
	Name    Kind = "name"     // names corrected after a document
	Phone   Kind = "phone"    // a new phone, proven by a code that the person types himself
	Thaw    Kind = "thaw"     // a freeze lifted
	Unlock  Kind = "unlock"   // online recovery opened before its lock is over
	EndLink Kind = "end_link" // a link with a dead or lost contact ended
	Recover Kind = "recover"  // a temporary password on paper
)

// Kinds lists every act in the order of a case's page.
func Kinds() []Kind { return []Kind{Confirm, Name, Phone, Thaw, Unlock, EndLink, Recover} }

// State is where an act stands.
type State string

// The states of an act.
const (
	NoAct     State = ""
	Proposed  State = "proposed"  // the second operator's move
	Approved  State = "approved"  // done
	Refused   State = "refused"   // by a second operator
	Expired   State = "expired"   // nobody decided in time
	Withdrawn State = "withdrawn" // by the one who proposed it
)

// States lists every state, for tables and tests.
func States() []State { return []State{NoAct, Proposed, Approved, Refused, Expired, Withdrawn} }

// The timers of an act.
const (
	TimerExpire = "desk.act_expire" // nobody decided
	TimerPaper  = "desk.paper_wipe" // a temporary password that was not printed
)

// Act is one act of a case: done by one operator, or proposed by one and decided by another.
type Act struct {
	ID, Case, Account string
	Kind              Kind
	State             State
	Two               bool   // needs a second operator
	Proposer          string // operator
	Office            string // the proposer's
	Second            string // operator
	Link              string // only EndLink
	Payload           []byte // sealed: the new phone, the new names
	Facts             []byte // hash of what the proposer saw
	Paper             []byte // sealed temporary password, until it is printed
	PaperUntil        time.Time
	PrintedAt         time.Time
	Why               string // why it was refused; or what else an act did when it was done
	ProposedAt        time.Time
	ExpiresAt         time.Time
	DecidedAt         time.Time
	Version           int64
}

// Event is something that happens to an act.
type Event interface{ actEvent() string }

// The events of an act.
type (
	// Begun is the first operator's decision. Two says whether a second one is needed, as read under lock.
	Begun struct {
		ID, Case, Account, Operator, Office, Link string
		Kind                                      Kind
		Two                                       bool
		Payload, Facts, Paper                     []byte
		Also                                      string // what else it does, to be shown when it is done
	}
	// Agreed is the second operator's yes; Facts is what he saw.
	Agreed struct {
		By           string
		Facts, Paper []byte
	}
	// Declined is the second operator's no.
	Declined struct{ By, Why string }
	// TakenBack is the first operator's change of mind.
	TakenBack struct{ By string }
	// Due is the timer.
	Due struct{}
	// Printed hands the paper over, once.
	Printed struct{ By string }
	// PaperDue is the timer of a paper that nobody printed.
	PaperDue struct{}
)

func (Begun) actEvent() string     { return "begun" }
func (Agreed) actEvent() string    { return "agreed" }
func (Declined) actEvent() string  { return "declined" }
func (TakenBack) actEvent() string { return "taken_back" }
func (Due) actEvent() string       { return "due" }
func (Printed) actEvent() string   { return "printed" }
func (PaperDue) actEvent() string  { return "paper_due" }

// EventName names an event, for tables.
func EventName(e Event) string { return e.actEvent() }

// Apply decides what the event does to the act. It reads no clock and calls nothing. What an approved act does to
// the account is added by Deeds in the same commit.
func (a Act) Apply(now time.Time, p policy.Policy, e Event) (Act, []effect.Effect, error) {
	switch e := e.(type) {
	case Begun:
		if a.State == NoAct {
			return begin(now, p, e)
		}
	case Agreed:
		if a.State == Proposed && now.Before(a.ExpiresAt) {
			return a.agree(now, p, e)
		}
	case Declined:
		if a.State == Proposed && now.Before(a.ExpiresAt) {
			if e.By == a.Proposer || e.By == "" {
				return a, nil, sameOperator()
			}
			n, effs := a.end(now, Refused, "desk.refused", map[string]string{"why": e.Why})
			n.Second, n.Why = e.By, e.Why
			return n, effs, nil
		}
	case TakenBack:
		if a.State == Proposed && now.Before(a.ExpiresAt) {
			if e.By != a.Proposer {
				return a, nil, fault.New(fault.NotFound, "fault.not_found", nil)
			}
			n, effs := a.end(now, Withdrawn, "desk.withdrawn", nil)
			return n, effs, nil
		}
	case Due:
		if a.State == Proposed && !now.Before(a.ExpiresAt) {
			n, effs := a.end(now, Expired, "desk.expired", nil) // I10: silence never approves
			return n, effs, nil
		}
	case Printed:
		if a.State == Approved && len(a.Paper) > 0 && now.Before(a.PaperUntil) {
			if e.By != a.Proposer {
				return a, nil, fault.New(fault.NotFound, "fault.not_found", nil)
			}
			n := a
			n.Paper, n.PrintedAt = nil, now
			return n, []effect.Effect{n.record("desk.paper_printed", nil), effect.Disarm{Timer: TimerPaper, Object: n.ID}}, nil
		}
	case PaperDue:
		if a.State == Approved && len(a.Paper) > 0 && !now.Before(a.PaperUntil) {
			n := a
			n.Paper = nil
			return n, []effect.Effect{n.record("desk.paper_wiped", nil)}, nil
		}
	}
	key := string(a.State)
	switch {
	case a.State == NoAct:
		key = "none"
	case a.State == Proposed && !now.Before(a.ExpiresAt):
		key = string(Expired) // the timer is on the way
	}
	return a, nil, fault.New(fault.Conflict, "fault.desk.state_"+key, nil)
}

func sameOperator() error { return fault.New(fault.Refused, "fault.desk.same_operator", nil) }

func begin(now time.Time, p policy.Policy, e Begun) (Act, []effect.Effect, error) {
	n := Act{
		ID: e.ID, Case: e.Case, Account: e.Account, Kind: e.Kind, State: Proposed, Two: e.Two, Proposer: e.Operator, Office: e.Office,
		Link: e.Link, Payload: e.Payload, Facts: e.Facts, ProposedAt: now, ExpiresAt: now.Add(p.OperatorQueue),
	}
	if e.Two {
		return n, []effect.Effect{n.record("desk.proposed", nil), effect.Arm{Timer: TimerExpire, Object: n.ID, At: n.ExpiresAt}}, nil
	}
	if e.Kind == EndLink { // whatever was read: a link is never ended by one
		return Act{}, nil, fault.New(fault.Refused, "fault.desk.needs_two", nil)
	}
	n.State, n.DecidedAt, n.Payload, n.Why = Approved, now, nil, e.Also
	n, more := n.withPaper(now, p, e.Paper)
	return n, append([]effect.Effect{n.record("desk.done", nil)}, more...), nil
}

func (a Act) agree(now time.Time, p policy.Policy, e Agreed) (Act, []effect.Effect, error) {
	switch {
	case e.By == a.Proposer || e.By == "":
		return a, nil, sameOperator()
	case !bytes.Equal(e.Facts, a.Facts):
		return a, nil, fault.New(fault.Conflict, "fault.desk.facts_changed", nil)
	}
	n, effs := a.end(now, Approved, "desk.approved", nil)
	n.Second = e.By
	n, more := n.withPaper(now, p, e.Paper)
	return n, append(effs, more...), nil
}

func (a Act) withPaper(now time.Time, p policy.Policy, paper []byte) (Act, []effect.Effect) {
	if a.Kind != Recover {
		return a, nil
	}
	a.Paper, a.PaperUntil = paper, now.Add(p.TempPassword)
	return a, []effect.Effect{effect.Arm{Timer: TimerPaper, Object: a.ID, At: a.PaperUntil}}
}

func (a Act) end(now time.Time, to State, event string, facts map[string]string) (Act, []effect.Effect) {
	n := a
	n.State, n.DecidedAt, n.Payload = to, now, nil
	return n, []effect.Effect{n.record(event, facts), effect.Disarm{Timer: TimerExpire, Object: n.ID}}
}

func (a Act) record(kind string, facts map[string]string) effect.Record {
	if facts == nil {
		facts = map[string]string{}
	}
	facts["act"], facts["case"] = string(a.Kind), a.Case
	return effect.Record{Kind: kind, Object: "act:" + a.ID, Subjects: []string{a.Account}, Facts: facts}
}
