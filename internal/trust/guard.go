package trust

import (
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/policy"
)

// GuardName names one switch of a principal (DOMAIN §7).
type GuardName string

// The switches.
const (
	GuardChangePhone   GuardName = "change_phone"   // contacts approve a change of phone
	GuardRemoveFactor  GuardName = "remove_factor"  // contacts approve the removal of the last strong second factor
	GuardRemoveContact GuardName = "remove_contact" // a contact may be removed at once, with an approval
	GuardTellSignIn    GuardName = "tell_sign_in"   // contacts are told of a sign-in from a new device
	GuardAskSignIn     GuardName = "ask_sign_in"    // contacts approve a sign-in from a new device
	GuardQuorum        GuardName = "quorum"         // two contacts must approve
)

// GuardNames lists every switch in the order of its page.
func GuardNames() []GuardName {
	return []GuardName{GuardChangePhone, GuardTellSignIn, GuardAskSignIn, GuardRemoveFactor, GuardRemoveContact, GuardQuorum}
}

// GuardState is where a switch stands.
type GuardState string

// The states of a switch. A falling one still guards.
const (
	GuardOff     GuardState = "off"
	GuardOn      GuardState = "on"
	GuardFalling GuardState = "falling" // off at OffAt, unless the principal keeps it
)

// GuardStates lists every state, for tables and tests.
func GuardStates() []GuardState { return []GuardState{GuardOff, GuardOn, GuardFalling} }

// TimerGuardOff switches a falling guard off.
const TimerGuardOff = "trust.guard_off"

// Guard is one switch of one principal. Whoever sits on the phone with a victim cannot wait until it
// is off: switching on is immediate, switching off takes policy.GuardOff and is told to the contacts.
type Guard struct {
	Account string
	Name    GuardName
	State   GuardState
	OffAt   time.Time // only while falling
	Version int64     // 0: nobody touched it yet
}

// NewGuard is the switch as the rules set it, before anybody touched it.
func NewGuard(account string, name GuardName) Guard {
	g := Guard{Account: account, Name: name, State: GuardOff}
	if name == GuardChangePhone || name == GuardTellSignIn {
		g.State = GuardOn
	}
	return g
}

// Guards tells whether the switch is in force.
func (g Guard) Guards() bool { return g.State == GuardOn || g.State == GuardFalling }

// Object is the switch's name for its timer and its events.
func (g Guard) Object() string { return g.Account + ":" + string(g.Name) }

// GuardEvent is something that happens to a switch.
type GuardEvent interface{ guardEvent() string }

// The events of a switch.
type (
	// GuardSwitchedOn takes effect at once. Guarding is how many contacts guard the principal.
	GuardSwitchedOn struct{ Guarding int }
	// GuardSwitchedOff begins the fall.
	GuardSwitchedOff struct{ Cast Cast }
	// GuardKept stops the fall.
	GuardKept struct{}
	// GuardDue is the timer.
	GuardDue struct{}
)

func (GuardSwitchedOn) guardEvent() string  { return "switched_on" }
func (GuardSwitchedOff) guardEvent() string { return "switched_off" }
func (GuardKept) guardEvent() string        { return "kept" }
func (GuardDue) guardEvent() string         { return "due" }

// Apply decides what the event does to the switch. It reads no clock and calls nothing.
func (g Guard) Apply(now time.Time, p policy.Policy, e GuardEvent) (Guard, []effect.Effect, error) {
	n := g
	switch e := e.(type) {
	case GuardSwitchedOn:
		if g.State != GuardOff {
			break
		}
		if g.Name == GuardQuorum && e.Guarding < 2 {
			return g, nil, fault.New(fault.Refused, "fault.guard.two_contacts", nil)
		}
		n.State = GuardOn
		return n, n.quorum(n.record("guard.switched_on"), 2), nil
	case GuardSwitchedOff:
		if g.State != GuardOn {
			break
		}
		n.State, n.OffAt = GuardFalling, now.Add(p.GuardOff)
		return n, n.fall(now, e.Cast), nil
	case GuardKept:
		if g.State != GuardFalling {
			break
		}
		n.State, n.OffAt = GuardOn, time.Time{}
		return n, []effect.Effect{n.record("guard.kept"), effect.Disarm{Timer: TimerGuardOff, Object: n.Object()}}, nil
	case GuardDue:
		if g.State != GuardFalling || now.Before(g.OffAt) {
			break
		}
		n.State, n.OffAt = GuardOff, time.Time{}
		return n, n.quorum(n.record("guard.off"), 1), nil
	}
	return g, nil, fault.New(fault.Conflict, "fault.guard.state_"+string(g.State), nil)
}

func (g Guard) record(kind string) effect.Record {
	return effect.Record{
		Kind: kind, Object: "guard:" + g.Object(), Subjects: []string{g.Account}, Facts: map[string]string{"guard": string(g.Name)},
	}
}

// quorum adds the number itself when the switch is the quorum's.
func (g Guard) quorum(rec effect.Record, needed int) []effect.Effect {
	if g.Name != GuardQuorum {
		return []effect.Effect{rec}
	}
	return []effect.Effect{rec, effect.SetQuorum{Account: g.Account, Quorum: needed}}
}

func (g Guard) fall(now time.Time, cast Cast) []effect.Effect {
	key := "guard:" + g.Object() + ":" + rfc(now)
	out := []effect.Effect{
		g.record("guard.switched_off"),
		effect.Arm{Timer: TimerGuardOff, Object: g.Object(), At: g.OffAt},
		effect.Send{
			Kind: "guard.falling", To: g.Account, Via: effect.All(), Key: key,
			Args: map[string]string{"action": "guard_" + string(g.Name), "until": rfc(g.OffAt), "stop_code": cast.StopCode},
		},
	}
	for _, contact := range cast.ContactsOrder {
		out = append(out, effect.Send{
			Kind: "guard.falling", To: contact, Via: effect.All(), Key: key + ":" + contact,
			Args: map[string]string{
				"action": "guard_" + string(g.Name), "until": rfc(g.OffAt), "first_name": cast.Principal, "role": string(ContactSide),
			},
		})
	}
	return out
}
