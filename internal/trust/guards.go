package trust

import (
	"context"
	"slices"
	"strings"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/policy"
	"doverie/internal/secret"
)

// Guards is what a principal does with his switches: one method a human act or timer.
type Guards struct {
	Circles Circles
	Limits  Limiter
	Keys    *secret.Keyring
	Policy  policy.Policy
}

// Guard returns the principal's switch of that name; Around.Guards must have been set.
func (c Circle) Guard(name GuardName) Guard {
	if i := slices.IndexFunc(c.Guards, func(g Guard) bool { return g.Name == name }); i >= 0 {
		return c.Guards[i]
	}
	return NewGuard(c.Principal.Account, name)
}

// asks tells whether contacts have to approve that kind of action now.
func (c Circle) asks(name GuardName) bool { return len(c.Guardians) > 0 && c.Guard(name).Guards() }

// Switches is what the principal sees of his switches.
type Switches struct {
	Now       time.Time
	Guards    []Guard  // every one, in the order of GuardNames
	Contacts  []string // first names of who guards him
	HoldUntil time.Time
}

// Switches reads all switches of the principal, for his own page.
func (s *Guards) Switches(ctx context.Context, account string) (Switches, error) {
	c, err := s.Circles.Look(ctx, Around{Principal: account, Guards: true})
	if err != nil {
		return Switches{}, err
	}
	out := Switches{Now: c.Now}
	for _, name := range GuardNames() {
		out.Guards = append(out.Guards, c.Guard(name))
	}
	for _, g := range c.Guardians {
		out.Contacts = append(out.Contacts, g.Contact.Given)
	}
	if c.Now.Before(c.HoldUntil) {
		out.HoldUntil = c.HoldUntil
	}
	return out, nil
}

// SwitchOn puts a switch on at once, after a step-up. Faults: Conflict "fault.guard.state_on",
// "fault.guard.state_falling" (Keep it instead); Refused "fault.guard.two_contacts".
func (s *Guards) SwitchOn(ctx context.Context, act effect.Act, account string, name GuardName) error {
	return s.decide(ctx, act, account, name, func(c Circle) (GuardEvent, error) {
		return GuardSwitchedOn{Guarding: len(c.Guardians)}, nil
	})
}

// SwitchOff begins to switch a guard off, after a step-up: it guards on for policy.GuardOff, and every
// contact is told. Faults: Conflict; Refused "fault.hold"; Limited: everybody is told each time (T49).
func (s *Guards) SwitchOff(ctx context.Context, act effect.Act, account string, name GuardName) error {
	c, err := s.Circles.Look(ctx, Around{Principal: account, Guards: true})
	if err != nil {
		return err
	}
	if slices.Contains(GuardNames(), name) && c.Guard(name).State == GuardOn && !c.Now.Before(c.HoldUntil) { // else the decision says why not
		if err := s.Limits.Allow(ctx, "guard_off", account+"|"+string(name), s.Policy.ToldActsDay, 24*time.Hour); err != nil {
			return err
		}
	}
	return s.decide(ctx, act, account, name, func(c Circle) (GuardEvent, error) {
		if c.Now.Before(c.HoldUntil) {
			return nil, fault.New(fault.Refused, "fault.hold", fault.Args{"Until": c.HoldUntil})
		}
		return GuardSwitchedOff{Cast: c.Cast(s.Keys.StopCode(account, c.Now))}, nil
	})
}

// Keep stops a guard from falling. Fault Conflict when it does not fall.
func (s *Guards) Keep(ctx context.Context, act effect.Act, account string, name GuardName) error {
	return s.decide(ctx, act, account, name, func(Circle) (GuardEvent, error) { return GuardKept{}, nil })
}

// Fall is the timer's road; object is Guard.Object.
func (s *Guards) Fall(ctx context.Context, object string) error {
	account, name, _ := strings.Cut(object, ":")
	return settled(s.decide(ctx, bySystem, account, GuardName(name), func(c Circle) (GuardEvent, error) {
		if c.Principal.Frozen {
			return GuardKept{}, nil // a frozen account loses no guard: its owner may not know who asked for it
		}
		return GuardDue{}, nil
	}))
}

func (s *Guards) decide(ctx context.Context, act effect.Act, account string, name GuardName, event func(Circle) (GuardEvent, error)) error {
	if account == "" || !slices.Contains(GuardNames(), name) {
		return fault.New(fault.NotFound, "fault.not_found", nil)
	}
	return s.Circles.Decide(ctx, act, Around{Principal: account, Guards: true}, func(c Circle) (Outcome, error) {
		if !c.Principal.Open && act.Actor != effect.System {
			return Outcome{}, notOpen(c)
		}
		e, err := event(c)
		if err != nil {
			return Outcome{}, err
		}
		g, effs, err := c.Guard(name).Apply(c.Now, s.Policy, e)
		return Outcome{Guards: []Guard{g}, Effects: effs}, err
	})
}

// notOpen is the refusal of whatever an account that is frozen or closed may not do.
func notOpen(c Circle) error {
	if !c.FrozenAt.IsZero() {
		return fault.New(fault.Refused, "fault.account.frozen", nil)
	}
	return fault.New(fault.NotFound, "fault.not_found", nil)
}

// may refuses a dangerous act on an account that is not open or on hold.
func may(c Circle) error {
	switch {
	case !c.Principal.Open:
		return notOpen(c)
	case c.Now.Before(c.HoldUntil):
		return fault.New(fault.Refused, "fault.hold", fault.Args{"Until": c.HoldUntil})
	}
	return nil
}
