package account

import (
	"context"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
)

// What others report of a number (DOMAIN §2).

// NumberNews is what became of a report about a number.
type NumberNews string

// What becomes of a report.
const (
	NumberSame       NumberNews = ""           // nobody's number, or nothing that was not known
	NumberSIMChanged NumberNews = "sim"        // for policy.SimChangeQuiet the phone alone proves nothing (T06, T07)
	NumberReassigned NumberNews = "reassigned" // the account has no phone any more (T08)
)

// NumberReported takes a report that the SIM of a number was changed, or that the number belongs to somebody else, since
// those times (zero: not). What was known already, and what happened before a code sent to the number was last entered,
// changes nothing. Whoever owned the number is told by e-mail: what is sent to the number itself may be read by whoever
// holds it now.
func (s *Service) NumberReported(ctx context.Context, act effect.Act, phone string, simChanged, reassigned time.Time) (NumberNews, error) {
	a, err := s.Store.FindAccount(ctx, Identifier{ByPhone, phone})
	if fault.Is(err, fault.NotFound) {
		return NumberSame, nil
	}
	if err != nil {
		return NumberSame, err
	}
	now, object := s.Now(), "account:"+a.ID
	confirmed := a.PhoneVerifiedAt
	if a.PhoneConfirmedAt.After(confirmed) {
		confirmed = a.PhoneConfirmedAt
	}
	told := []effect.Channel{effect.Email, effect.Push}
	switch {
	case reassigned.After(confirmed):
		err = s.commit(ctx, act, now, Change{},
			effect.LosePhone{Account: a.ID, Phone: phone},
			effect.Send{Kind: "account.phone_reassigned", To: a.ID, Via: told},
			record("account.phone_reassigned", object, nil, a.ID))
		return NumberReassigned, unlessKnown(err)
	case simChanged.After(a.SimChangedAt) && now.Before(simChanged.Add(s.Policy.SimChangeQuiet)):
		err = s.commit(ctx, act, now, Change{},
			effect.NoteSIM{Account: a.ID, Phone: phone, At: simChanged},
			effect.Send{Kind: "account.sim_changed", To: a.ID, Via: told, Args: at(simChanged)},
			record("account.sim_changed", object, nil, a.ID))
		return NumberSIMChanged, unlessKnown(err)
	case a.SimFresh(now, s.Policy):
		return NumberSIMChanged, nil
	}
	return NumberSame, nil
}

// unlessKnown forgets that somebody else wrote the same report down first.
func unlessKnown(err error) error {
	if fault.Is(err, fault.Conflict) {
		return nil
	}
	return err
}
