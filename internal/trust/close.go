package trust

import (
	"context"
	"slices"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
)

// Close closes the account for good, after a step-up. While anybody guards it, it is not closed online at all: a
// contact is taken off at once only in person, and closing would do just that, whoever sits in the session (DOMAIN
// §4.7). In one commit: unanswered invitations and what else was begun end, every browser is signed out, other systems
// are told, and phone, e-mail and SNILS are free for others. The links in which it guards somebody end by their
// review, which comes at once: until then a closed account cannot approve.
// Faults: Refused "fault.hold", "fault.account.frozen", "fault.close.guarded", "fault.close.recovering"; NotFound when
// it is closed already.
func (s *Links) Close(ctx context.Context, act effect.Act, account string) error {
	return s.Circles.Decide(ctx, act, Around{Principal: account}, func(c Circle) (Outcome, error) {
		if err := may(c); err != nil {
			return Outcome{}, err
		}
		if err := s.closable(c); err != nil {
			return Outcome{}, err
		}
		var out Outcome
		for _, p := range c.Pending {
			if err := s.giveUp(c, p, &out); err != nil {
				return Outcome{}, err
			}
		}
		var err error
		for _, l := range c.Invitations {
			if out, err = s.apply(c, l, PartyClosed{Side: PrincipalSide}, out); err != nil {
				return Outcome{}, err
			}
		}
		out.Effects = append(out.Effects, s.closing(c)...)
		return out, nil
	})
}

// closable refuses while somebody guards the account, or somebody recovers it: whose move that is, is settled first.
func (s *Links) closable(c Circle) error {
	if len(c.Guardians) > 0 {
		return fault.New(fault.Refused, "fault.close.guarded", nil)
	}
	if c.underWay() {
		return fault.New(fault.Refused, "fault.close.recovering", nil)
	}
	return nil
}

// underWay tells whether a recovery that proved itself, or an action that contacts decide, has not ended. One whose
// time is over is no hindrance, though its timer has not come yet.
func (c Circle) underWay() bool {
	return slices.ContainsFunc(c.Pending, func(p Pending) bool {
		a := p.Action
		return (a.ActionKind() == ActionRecovery || a.NeededApprovals() > 0) && a.Decidable(c.Now)
	})
}

// Closing is what the page of closing needs to know. The decision asks all of it again.
type Closing struct {
	Now        time.Time
	HoldUntil  time.Time // zero: no hold
	Contacts   []Leaver  // who guards; none: nobody hinders it
	Recovering bool      // a recovery is under way
}

// Leaver is one contact who has to be removed before.
type Leaver struct {
	Given    string
	LeavesAt time.Time // zero: nobody asked for his removal
}

// Closing reads whether the account could be closed, for its own page.
func (s *Links) Closing(ctx context.Context, account string) (Closing, error) {
	c, err := s.Circles.Look(ctx, Around{Principal: account})
	if err != nil {
		return Closing{}, err
	}
	out := Closing{Now: c.Now, Recovering: c.underWay()}
	if c.Now.Before(c.HoldUntil) {
		out.HoldUntil = c.HoldUntil
	}
	for _, g := range c.Guardians {
		out.Contacts = append(out.Contacts, Leaver{Given: g.Contact.Given, LeavesAt: g.Link.LeavesAt})
	}
	return out, nil
}

// giveUp ends an open action or recovery because its account closes.
func (s *Links) giveUp(c Circle, p Pending, out *Outcome) error {
	next, effs, err := p.Action.WhenClosed(c.Now, s.Policy)
	if err != nil || len(effs) == 0 { // nothing: its time is over, and its timer on the way
		return err
	}
	closed, more, err := CloseApprovals(c.Now, s.Policy, p.Approvals, "account_closed")
	if err != nil {
		return err
	}
	out.Actions, out.Approvals = append(out.Actions, next), append(out.Approvals, closed...)
	out.Effects = append(append(out.Effects, effs...), more...)
	return nil
}

func (s *Links) closing(c Circle) []effect.Effect {
	account := c.Principal.Account
	args := map[string]string{"at": rfc(c.Now)}
	out := []effect.Effect{
		effect.Record{Kind: "account.closed", Object: "account:" + account, Subjects: []string{account}},
		effect.EndSessions{Account: account, Why: "account_closed", Devices: true},
		effect.Disarm{Timer: TimerHealth, Object: account},
		effect.TellSystems{Account: account, What: "account-purged"},
	}
	// The addresses are gone with this commit, so the last message names them itself.
	if c.Principal.PhoneOwned {
		out = append(out, effect.Send{
			Kind: "account.closed", To: account, Address: c.Principal.Phone, Via: []effect.Channel{effect.SMS}, Key: account + ":closed", Args: args,
		})
	}
	if c.Email != "" {
		out = append(out, effect.Send{
			Kind: "account.closed", To: account, Address: c.Email, Via: []effect.Channel{effect.Email}, Key: account + ":closed", Args: args,
		})
	}
	return append(out, effect.CloseAccount{Account: account})
}
