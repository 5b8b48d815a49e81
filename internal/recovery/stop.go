package recovery

import (
	"context"
	"encoding/hex"
	"errors"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/policy"
	"doverie/internal/secret"
	"doverie/internal/trust"
)

// notMe is the purpose of the signed link in an e-mail notice.
const notMe = "not_me"

// NotMePath is where the e-mail link of a notice leads; the signed text follows.
const NotMePath = "/safety/not-me/"

// NotMeLink makes the path of the "this was not me" link for a notice to the account's own e-mail.
// It can only stop things, and lives policy.NoticeLinkTTL.
func NotMeLink(keys *secret.Keyring, account string, now time.Time, p policy.Policy) string {
	return NotMePath + keys.Sign(notMe, []byte(account), now.Add(p.NoticeLinkTTL))
}

// Freezer freezes an account; trust.Protect has it.
type Freezer interface {
	Freeze(ctx context.Context, act effect.Act, account, reason string) error
}

// Stops is the owner's "this was not me" without signing in: by the stop code of a notice, or by its link.
//
// Whoever holds a stop code or a link can only stop things, so a stolen one costs its owner some
// comfort and gives the thief nothing. Guessing a code (one of 10^8, four of which are good) is
// bounded for one account from one network area, and for one account from everywhere; the first
// bound is the low one, so that a stranger elsewhere cannot use up the owner's tries (T21).
type Stops struct {
	Recoveries *Service
	Freezes    Freezer
}

// Stop ends an open recovery of the account that the identifier names, and freezes the account when
// asked to, or when a recovery has just been completed: then nothing less stops the thief. All this if the stop code is right. The result never tells a stranger whether such an account
// exists, whether the code was right, or whether anything was open (I6): it is nil in all these cases.
// Faults: Invalid for an identifier nobody could have; Limited.
func (s *Stops) Stop(ctx context.Context, act effect.Act, identifier, stopCode string, freeze bool) error {
	r := s.Recoveries
	if err := r.Limits.Allow(ctx, "stop_area", act.Area, r.Policy.SignInsPerArea, time.Hour); err != nil {
		return err
	}
	owner, err := r.Owners.ByIdentifier(ctx, identifier)
	if err != nil {
		return err
	}
	subject := owner.Account
	if subject == "" { // a stranger's guess is counted like any other
		subject = hex.EncodeToString(r.Keys.Lookup("stop identifier", identifier))
	}
	if err := r.Limits.Allow(ctx, "stop_here", subject+" "+act.Area, r.Policy.SignInsPerAccount, time.Hour); err != nil {
		return err
	}
	if err := r.Limits.Allow(ctx, "stop_account", subject, r.Policy.SignInsPerArea, time.Hour); err != nil {
		return err
	}
	right := r.Keys.SameStopCode(owner.Account, stopCode, r.Now())
	if !right || owner.Account == "" {
		return nil
	}
	_, err = s.stop(ctx, act, owner.Account, freeze)
	return err
}

// StopByLink does the same for whoever holds the link of a notice, and tells him whether his account was frozen.
// Faults: NotFound "fault.recovery.link_forged", Refused "fault.recovery.link_expired", Limited.
func (s *Stops) StopByLink(ctx context.Context, act effect.Act, signed string, freeze bool) (frozen bool, err error) {
	r := s.Recoveries
	if err := r.Limits.Allow(ctx, "stop_area", act.Area, r.Policy.SignInsPerArea, time.Hour); err != nil {
		return false, err
	}
	account, err := s.read(signed)
	if err != nil {
		return false, err
	}
	return s.stop(ctx, act, account, freeze)
}

// LinkLeads tells what the link of a notice can still do; faults as StopByLink.
func (s *Stops) LinkLeads(ctx context.Context, signed string) (Leads, error) {
	account, err := s.read(signed)
	if err != nil {
		return Leads{}, err
	}
	c, err := s.Recoveries.Circles.Look(ctx, trust.Around{Principal: account})
	if err != nil {
		return Leads{}, err
	}
	return Leads{Frozen: !c.FrozenAt.IsZero(), Recovered: lately(c)}, nil
}

// Leads is what the holder of a notice's link should know before he presses anything.
type Leads struct {
	Frozen    bool      // it is closed to everybody already
	Recovered time.Time // the new password was set then, and its hold runs; zero: none was
}

// lately is when the account was recovered, while the hold of that recovery runs; zero otherwise.
func lately(c trust.Circle) time.Time {
	if c.Now.Before(c.HoldUntil) {
		return c.RecoveredAt
	}
	return time.Time{}
}

func (s *Stops) read(signed string) (account string, err error) {
	payload, err := s.Recoveries.Keys.Verify(notMe, signed, s.Recoveries.Now())
	switch {
	case err == nil:
		return string(payload), nil
	case errors.Is(err, secret.ErrExpired):
		return "", fault.New(fault.Refused, "fault.recovery.link_expired", nil).Because(err)
	}
	return "", fault.New(fault.NotFound, "fault.recovery.link_forged", nil).Because(err)
}

// stop disowns first: a freeze would end the recovery too, but without telling the contacts. Where nothing is open any
// more because the thief has his new password, a stop that only stops would leave the owner with a kind word and the
// thief inside: it freezes.
func (s *Stops) stop(ctx context.Context, act effect.Act, account string, freeze bool) (frozen bool, err error) {
	err = s.Recoveries.Disown(ctx, act, account)
	if err != nil && !fault.Is(err, fault.Conflict) { // a Conflict: nothing is open, or it ended just now
		return false, err
	}
	if err != nil && !freeze {
		c, err := s.Recoveries.Circles.Look(ctx, trust.Around{Principal: account})
		if err != nil {
			return false, err
		}
		freeze = !lately(c).IsZero()
	}
	if !freeze {
		return false, nil
	}
	return true, s.Freezes.Freeze(ctx, act, account, trust.FrozenByNotice)
}
