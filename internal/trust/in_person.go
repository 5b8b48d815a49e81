package trust

import (
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
)

// What a service desk decides about a circle. These are decisions only: whoever commits them answers for who
// may, and for the second operator (package desk).

// EndedInPerson ends one of the principal's guarding links at once. Fault NotFound when it is none of his.
func (s *Links) EndedInPerson(c Circle, linkID string) (Outcome, error) {
	for _, g := range c.Guardians {
		if g.Link.ID == linkID {
			return s.apply(c, g.Link, EndedInPerson{PrincipalName: c.Principal.PoliteName(), ContactName: g.Contact.PoliteName()}, Outcome{})
		}
	}
	return Outcome{}, fault.New(fault.NotFound, "fault.not_found", nil)
}

// ThawedInPerson lifts a freeze. Fault Conflict when there is none.
func (s *Protect) ThawedInPerson(c Circle) (Outcome, error) {
	if c.FrozenAt.IsZero() {
		return Outcome{}, fault.New(fault.Conflict, "fault.freeze.not_frozen", nil)
	}
	return s.thaw(c)
}

// UnlockedInPerson opens online recovery before its lock is over. Fault Conflict when it is not locked.
func (s *Protect) UnlockedInPerson(c Circle) (Outcome, error) {
	if !c.Now.Before(c.LockedUntil) {
		return Outcome{}, fault.New(fault.Conflict, "fault.desk.not_locked", nil)
	}
	account := c.Principal.Account
	return Outcome{Effects: []effect.Effect{
		effect.Record{Kind: "account.recovery_unlocked", Object: "account:" + account, Subjects: []string{account}},
		effect.UnlockRecovery{Account: account},
		effect.Send{
			Kind: "recovery.unlocked", To: account, Via: effect.All(), Key: "unlocked:" + account + ":" + rfc(c.Now),
			Args: map[string]string{"at": rfc(c.Now), "stop_code": s.Keys.StopCode(account, c.Now)},
		},
	}}, nil
}

// PhoneChangedInPerson gives the account a number whose code the person has typed at the desk: whoever calls has
// burnt that code. An open change of phone of the principal's own ends. Fault Refused "fault.desk.frozen" while the
// account is frozen.
func (s *Protect) PhoneChangedInPerson(c Circle, key string, change PhoneChange) (Outcome, error) {
	switch {
	case change.Phone == "":
		return Outcome{}, fault.New(fault.Refused, "fault.approval.no_proof", nil)
	case !c.Principal.Open:
		return Outcome{}, fault.New(fault.Refused, "fault.desk.frozen", nil)
	}
	var out Outcome
	if c.Principal.PhoneOwned {
		change.Old = c.Principal.Phone
	}
	for _, p := range c.Pending {
		if a, ok := p.Action.(Action); ok && a.Kind == ActionChangePhone {
			ended, err := s.endAction(c, a, ActionGivenUp{Reason: "in_person"}, "in_person")
			if err != nil {
				return Outcome{}, err
			}
			out = ended
		}
	}
	cast := c.Cast(s.Keys.StopCode(c.Principal.Account, c.Now))
	out.Effects = append(out.Effects, phoneChanged(c.Now, c.Principal.Account, key, change, cast)...)
	return out, nil
}

// LockedNow tells until when online recovery is locked; the zero time: it is not.
func (c Circle) LockedNow() (until time.Time) {
	if c.Now.Before(c.LockedUntil) {
		return c.LockedUntil
	}
	return time.Time{}
}
