package account

import (
	"context"
	"strings"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/secret"
)

const totpSeal = "totp"

// TOTPOffer is what the person's code generator needs. It is shown once.
type TOTPOffer struct {
	Text string // base 32 in groups of four
	URI  string // otpauth://, for a QR code
}

// EnrolTOTP makes a new key, which works only after ConfirmTOTP. An older unconfirmed key is replaced.
// Faults: StepUp, Refused (hold, freeze, already enrolled), Conflict.
func (s *Service) EnrolTOTP(ctx context.Context, act effect.Act, c Caller) (TOTPOffer, error) {
	now := s.Now()
	before, err := s.dangerous(ctx, c, now)
	if err != nil {
		return TOTPOffer{}, err
	}
	if before.TOTP.Enrolled() {
		return TOTPOffer{}, fault.New(fault.Refused, "fault.totp.enrolled", nil)
	}
	key := secret.TOTPKey()
	after := before
	after.TOTP = TOTP{Key: s.Keys.Seal(totpSeal, []byte(before.ID), key), CreatedAt: now}
	err = s.commit(ctx, act, now, Change{Before: &before, After: &after},
		record("account.totp_offered", "account:"+before.ID, nil, before.ID),
	)
	if err != nil {
		return TOTPOffer{}, err
	}
	return TOTPOffer{Text: secret.TOTPText(key), URI: secret.TOTPURI(s.Issuer, MaskPhone(before.Phone), key)}, nil
}

// ConfirmTOTP switches the generator on when its first code is right.
// Faults: StepUp, Refused ("fault.totp.none", "fault.totp.wrong", hold, freeze), Limited, Conflict.
func (s *Service) ConfirmTOTP(ctx context.Context, act effect.Act, c Caller, typed string) error {
	now := s.Now()
	before, err := s.dangerous(ctx, c, now)
	if err != nil {
		return err
	}
	if len(before.TOTP.Key) == 0 || before.TOTP.Enrolled() || !now.Before(before.TOTP.CreatedAt.Add(s.Policy.RegistrationTTL)) {
		return fault.New(fault.Refused, "fault.totp.none", nil)
	}
	if err := s.limit(ctx, "totp:"+c.Session, s.Policy.SignInsPerAccount, time.Hour, now); err != nil {
		return err
	}
	step, ok, err := s.CheckTOTP(before, typed, now)
	if err != nil {
		return err
	}
	if !ok {
		return fault.New(fault.Refused, "fault.totp.wrong", nil)
	}
	after := before
	after.TOTP.ConfirmedAt, after.TOTP.LastStep, after.FactorChangedAt = now, step, now
	return s.commit(ctx, act, now, Change{Before: &before, After: &after}, factorChanged(before.ID, "account.totp_enrolled", now)...)
}

// RemoveTOTP switches the generator off; SMS codes and passkeys stay. Without a phone of one's own and a
// passkey it is the last second factor, and stays. Faults: StepUp, Refused ("fault.totp.none", "fault.totp.last",
// "fault.guard.factor": the contacts approve it, see trust.Protect.AskFactorRemoval; hold, freeze), Conflict.
func (s *Service) RemoveTOTP(ctx context.Context, act effect.Act, c Caller) error {
	now := s.Now()
	before, err := s.dangerous(ctx, c, now)
	if err != nil {
		return err
	}
	switch {
	case !before.TOTP.Enrolled():
		return fault.New(fault.Refused, "fault.totp.none", nil)
	case !before.PhoneOwned() && before.Passkeys == 0:
		return fault.New(fault.Refused, "fault.totp.last", nil)
	}
	if before.Passkeys == 0 && s.FactorGuarded != nil {
		guarded, err := s.FactorGuarded(ctx, before.ID)
		if err != nil {
			return err
		}
		if guarded {
			return fault.New(fault.Refused, "fault.guard.factor", nil)
		}
	}
	after := before
	after.TOTP, after.FactorChangedAt = TOTP{}, now
	return s.commit(ctx, act, now, Change{Before: &before, After: &after}, factorChanged(before.ID, "account.totp_removed", now)...)
}

func factorChanged(id, kind string, now time.Time) []effect.Effect {
	return []effect.Effect{
		record(kind, "account:"+id, nil, id),
		effect.Send{Kind: "factor.changed", To: id, Via: effect.All(), Args: at(now)},
		effect.TellSystems{Account: id, What: "credential-change", Why: strings.TrimPrefix(kind, "account.")},
	}
}

// CheckTOTP reports whether typed is a fresh code of the account's key, and of which step: store the
// step in the same commit. Count the attempt before asking. The error is a key that does not open.
func (s *Service) CheckTOTP(a Account, typed string, now time.Time) (step int64, ok bool, err error) {
	return CheckTOTP(s.Keys, a, typed, now)
}

// CheckTOTP is the same without a service, for package session.
func CheckTOTP(keys *secret.Keyring, a Account, typed string, now time.Time) (step int64, ok bool, err error) {
	key, err := keys.Open(totpSeal, []byte(a.ID), a.TOTP.Key)
	if err != nil {
		return 0, false, err
	}
	step, ok = secret.TOTPStep(key, typed, now, a.TOTP.LastStep)
	return step, ok, nil
}
