package account

import (
	"context"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
)

// ChangePassword replaces the password of a signed-in person who knows the old one (I1). Every
// other browser is signed out and every channel is told.
//
// A person who signed in with a temporary password from paper must change it first; for him the
// sign-in of the last policy.StepUpTTL stands for the step-up.
// Faults: StepUp, Invalid (fields "old", "new"), Refused (freeze), Limited, Busy, Conflict.
func (s *Service) ChangePassword(ctx context.Context, act effect.Act, c Caller, oldPassword, newPassword string) error {
	now := s.Now()
	a, err := s.open(ctx, c.Account)
	if err != nil {
		return err
	}
	fresh := c.SteppedUp(now, s.Policy) || a.MustChangePassword && now.Before(c.SignedInAt.Add(s.Policy.StepUpTTL))
	if !fresh {
		return fault.New(fault.StepUp, "fault.step_up", nil)
	}
	if err := s.limit(ctx, "password:session:"+c.Session, s.Policy.SignInsPerAccount, time.Hour, now); err != nil {
		return err
	}
	ok, _, err := s.Passwords.Verify(ctx, a.PasswordHash, oldPassword)
	if err != nil {
		return busy(err)
	}
	var bad []fault.Field // both are told at once
	if !ok {
		bad = append(bad, fault.Field{Name: "old", Key: "fault.password.old"})
	}
	if wrong := s.passwordFault("new", newPassword, a); wrong != nil {
		bad = append(bad, *wrong)
	}
	if len(bad) > 0 {
		return fault.BadFields(bad...)
	}
	if newPassword == oldPassword {
		return fault.BadFields(fault.Field{Name: "new", Key: "fault.password.same"})
	}
	hash, err := s.Passwords.Hash(ctx, newPassword)
	if err != nil {
		return busy(err)
	}
	// The account's version is taken along: of two changes at once, or of a change and a recovery, one wins.
	after := a
	return s.commit(ctx, act, now, Change{Before: &a, After: &after},
		effect.SetPassword{Account: a.ID, Hash: hash},
		effect.EndSessions{Account: a.ID, Except: c.Session, Why: "password_changed", Asked: true},
		effect.TellSystems{Account: a.ID, What: "credential-change", Why: "password"},
		record("account.password_changed", "account:"+a.ID, nil, a.ID),
		effect.Send{Kind: "password.changed", To: a.ID, Via: effect.All(), Args: at(now)},
	)
}
