package trust

import (
	"context"

	"doverie/internal/effect"
)

// Close closes the account for good, after a step-up. In one commit: every link in which somebody guards
// it ends and the contact is told, unanswered invitations and open actions end, every browser is signed
// out, other systems are told, and phone, e-mail and SNILS are free for others. The links in which it
// guards somebody end by their review, which comes at once: until then a closed account cannot approve.
// Faults: Refused "fault.hold", "fault.account.frozen"; NotFound when it is closed already.
func (s *Links) Close(ctx context.Context, act effect.Act, account string) error {
	return s.Circles.Decide(ctx, act, Around{Principal: account}, func(c Circle) (Outcome, error) {
		if err := may(c); err != nil {
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
		for _, g := range c.Guardians {
			e := PartyClosed{Side: PrincipalSide, PrincipalName: c.Principal.PoliteName(), ContactName: g.Contact.PoliteName()}
			if out, err = s.apply(c, g.Link, e, out); err != nil {
				return Outcome{}, err
			}
		}
		out.Effects = append(out.Effects, s.closing(c)...)
		return out, nil
	})
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
