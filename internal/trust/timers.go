package trust

import (
	"context"
	"strings"

	"doverie/internal/effect"
	"doverie/internal/fault"
)

// The timers come back as ordinary events by the same road as a click. A timer that finds its state
// gone is done, not an error.

var bySystem = effect.Act{Actor: effect.System}

func settled(err error) error {
	if fault.Is(err, fault.Conflict) || fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// TellInvited sends the SMS of an invitation, if its phone and name belong to somebody who could
// accept it (T17). Nothing of it is visible to the sender.
func (s *Links) TellInvited(ctx context.Context, linkID string) error {
	c, err := s.Circles.Look(ctx, Around{Link: linkID})
	if err != nil || c.Link.State != Invited {
		return settled(err)
	}
	account, err := s.Newcomers.Matching(ctx, c.Link.NameHash, c.Link.PhoneHash)
	if err != nil || account == "" {
		return err
	}
	return settled(s.Circles.Decide(ctx, bySystem, Around{Link: linkID, Newcomer: account}, func(c Circle) (Outcome, error) {
		if notHis := meant(c); notHis != nil || len(s.NewcomerReasons(c)) > 0 {
			return Outcome{}, nil //nolint:nilerr // an invitation that was not meant for him tells nobody anything
		}
		return Outcome{Effects: []effect.Effect{effect.Send{
			Kind: "trust.invited", To: account, Via: effect.All(), NotAfter: c.Link.ExpiresAt, Key: linkID + ":invited",
			Args: map[string]string{"first_name": c.Principal.PoliteName(), "until": rfc(c.Link.ExpiresAt)},
		}}}, nil
	}))
}

// LapseInvitation ends an invitation nobody answered.
func (s *Links) LapseInvitation(ctx context.Context, linkID string) error {
	return settled(s.decide(ctx, bySystem, linkID, func(Circle) (LinkEvent, error) { return InvitationLapsed{}, nil }))
}

// Leave ends a link whose leaving time is over. A frozen account keeps its contact, as it keeps its guards: its owner may not
// know who asked for the removal, and the freeze has shut the page on which he could stop it. Once nobody guarded it, whoever
// has password and second factor would lift the freeze alone.
func (s *Links) Leave(ctx context.Context, linkID string) error {
	return settled(s.decide(ctx, bySystem, linkID, func(c Circle) (LinkEvent, error) {
		if c.Principal.Frozen && !c.Now.Before(c.Link.LeavesAt) {
			return RemovalStopped{By: PrincipalSide, PrincipalName: c.Principal.PoliteName(), ContactName: contactName(c)}, nil
		}
		return RemovalDue{PrincipalName: c.Principal.PoliteName(), ContactName: contactName(c)}, nil
	}))
}

// Review suspends a link whose contact is no longer eligible, resumes one whose contact is again, and
// ends one whose contact closed his account; it also sets the next review. It comes once a day, and at
// once when the contact's facts change.
func (s *Links) Review(ctx context.Context, linkID string) error {
	return settled(s.Circles.Decide(ctx, bySystem, Around{Link: linkID}, func(c Circle) (Outcome, error) {
		if !c.Link.Guards() {
			return Outcome{}, nil
		}
		if g, ok := c.GuardianOf(c.Link.Contact); ok && g.Contact.Closed() {
			return s.apply(c, c.Link, PartyClosed{
				Side: ContactSide, PrincipalName: c.Principal.PoliteName(), ContactName: g.Contact.PoliteName(),
			}, Outcome{})
		}
		out := Outcome{Effects: []effect.Effect{effect.Arm{Timer: TimerLinkReview, Object: linkID, At: c.Now.Add(s.Policy.LinkReview)}}}
		g, ok := c.GuardianOf(c.Link.Contact)
		if !ok {
			return out, nil
		}
		var e LinkEvent
		switch reasons := ContactReasons(g.Contact, s.Policy); {
		case len(reasons) > 0 && c.Link.State == Active:
			e = EligibilityLost{Reasons: reasons, PrincipalName: c.Principal.PoliteName(), ContactName: g.Contact.Given}
		case len(reasons) == 0 && c.Link.State == Suspended:
			e = EligibilityBack{PrincipalName: c.Principal.PoliteName(), ContactName: g.Contact.Given}
		case !g.Contact.Open: // a link on its way out is not suspended, but nothing rests on a frozen account's yes
			err := s.contactSuspended(c, c.Link, &out)
			return out, err
		default:
			return out, nil
		}
		return s.apply(c, c.Link, e, out)
	}))
}

// Remind tells a principal once a year who guards him (DOMAIN §4.9), and sets the next reminder.
func (s *Links) Remind(ctx context.Context, account string) error {
	return settled(s.Circles.Decide(ctx, bySystem, Around{Principal: account}, func(c Circle) (Outcome, error) {
		if len(c.Guardians) == 0 || c.Principal.Closed() {
			return Outcome{}, nil // the next link sets the timer again
		}
		names := make([]string, len(c.Guardians))
		for i, g := range c.Guardians {
			names[i] = g.Contact.Given
		}
		return Outcome{Effects: []effect.Effect{
			effect.Arm{Timer: TimerHealth, Object: account, At: c.Now.Add(s.Policy.HealthReminder)},
			effect.Send{
				Kind: "trust.health", To: account, Via: effect.All(), Key: account + ":health:" + rfc(c.Now),
				Args: map[string]string{"who": strings.Join(names, ", ")},
			},
		}}, nil
	}))
}
