package trust

import (
	"context"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
)

// AskSignIn asks the contacts about a sign-in from a new device (DOMAIN §7). Whoever calls has seen password and
// second factor: nobody else can trouble the contacts or end what waits. with gives what is committed
// together with the question, from the id of the guarded action and the end of the waiting. An older question of the same account ends: the newest sign-in that proved itself is
// the one that waits, and the contacts read that a second device appeared.
// Faults: Refused "fault.action.nobody_able", "fault.account.frozen"; Conflict "fault.guard.not_guarded" when nobody
// has to be asked any more.
func (s *Protect) AskSignIn(
	ctx context.Context, act effect.Act, account, signIn string, with func(action string, until time.Time) []effect.Effect,
) (until time.Time, err error) {
	id := newID()
	err = s.Circles.Decide(ctx, act, Around{Principal: account, Guards: true}, func(c Circle) (Outcome, error) {
		switch {
		case !c.Principal.Open:
			return Outcome{}, notOpen(c)
		case !c.asks(GuardAskSignIn):
			return Outcome{}, fault.New(fault.Conflict, "fault.guard.not_guarded", nil)
		}
		until = c.Now.Add(s.Policy.RecoveryWait)
		out, second, err := s.supersede(c, ActionSignIn)
		if err != nil {
			return Outcome{}, err
		}
		begun, err := s.begin(c, act, wish{id: id, session: signIn, kind: ActionSignIn, second: second})
		if err != nil {
			return Outcome{}, err
		}
		out.Actions = append(out.Actions, begun.Actions...)
		out.Approvals = append(out.Approvals, begun.Approvals...)
		out.Effects = append(append(out.Effects, begun.Effects...), with(id, until)...)
		return out, nil
	})
	return until, err
}

// supersede ends the open action of that kind; found tells whether there was one.
func (s *Protect) supersede(c Circle, kind ActionKind) (out Outcome, found bool, err error) {
	for _, p := range c.Pending {
		if a, ok := p.Action.(Action); ok && a.Kind == kind {
			out, err = s.endAction(c, a, ActionGivenUp{Reason: WhySuperseded}, WhySuperseded)
			return out, true, err
		}
	}
	return Outcome{}, false, nil
}

// SignInAsked is what the browser that signs in sees while it waits.
type SignInAsked struct {
	Now      time.Time
	Action   Action
	Match    string   // while the contacts' move; to be read to the contact
	Contacts []string // first names of who was asked
	Approved int
}

// SignInAsked reads how the question of that sign-in stands, whatever its state. Fault NotFound also for another
// sign-in's question.
func (s *Protect) SignInAsked(ctx context.Context, actionID, signIn string) (SignInAsked, error) {
	c, err := s.Circles.Look(ctx, Around{Action: actionID})
	if err != nil {
		return SignInAsked{}, err
	}
	a, ok := c.Subject.(Action)
	if !ok || a.Kind != ActionSignIn || a.Session != signIn {
		return SignInAsked{}, fault.New(fault.NotFound, "fault.not_found", nil)
	}
	v := SignInAsked{Now: c.Now, Action: a}
	if !a.Decidable(c.Now) {
		return v, nil
	}
	if a.State == Waiting {
		v.Match = s.Keys.MatchNumber(a.ID)
	}
	pending, _ := c.PendingOf(a.ID)
	for _, one := range pending.Approvals {
		if g, ok := c.GuardianOf(one.Contact); ok {
			v.Contacts = append(v.Contacts, g.Contact.Given)
		}
	}
	v.Approved = c.Counted(pending.Approvals, s.Policy)
	return v, nil
}

// FinishSignIn uses the approval up, once; with is the session that begins, in the same commit.
// Faults: NotFound; Conflict "fault.action.state_…", "fault.action.contact_gone"; Refused "fault.account.frozen".
func (s *Protect) FinishSignIn(ctx context.Context, act effect.Act, actionID, signIn string, with []effect.Effect) error {
	finished := false
	err := s.Circles.Decide(ctx, act, Around{Action: actionID}, func(c Circle) (Outcome, error) {
		a, err := signInOf(c, signIn)
		if err != nil {
			return Outcome{}, err
		}
		if !c.Principal.Open {
			return Outcome{}, notOpen(c)
		}
		out, err := s.endAction(c, a, ActionFinished{Guarded: true}, "finished")
		if err != nil {
			return Outcome{}, err
		}
		if finished = out.done(); finished {
			out.Effects = append(out.Effects, with...)
		}
		return out, nil
	})
	if err == nil && !finished {
		return contactGone()
	}
	return err
}

// GiveUpSignIn ends the question because whoever signed in no longer wants to; with is what ends with it.
// Faults: NotFound; Conflict "fault.action.state_…".
func (s *Protect) GiveUpSignIn(ctx context.Context, act effect.Act, actionID, signIn string, with []effect.Effect) error {
	return s.Circles.Decide(ctx, act, Around{Action: actionID}, func(c Circle) (Outcome, error) {
		a, err := signInOf(c, signIn)
		if err != nil {
			return Outcome{}, err
		}
		out, err := s.endAction(c, a, ActionGivenUp{Reason: "given_up"}, "cancelled")
		out.Effects = append(out.Effects, with...)
		return out, err
	})
}

func signInOf(c Circle, signIn string) (Action, error) {
	a, ok := c.Subject.(Action)
	if !ok || a.Kind != ActionSignIn || a.Session != signIn {
		return Action{}, fault.New(fault.NotFound, "fault.not_found", nil)
	}
	return a, nil
}
