package store

import (
	"context"
	"fmt"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
)

// applyAccountEffect does what a decision wants done to an account: password, sessions, lock,
// freeze, hold, pending changes, confirmed phone. An effect nobody knows is our own failure, and
// the whole commit is refused.
func applyAccountEffect(ctx context.Context, tx *Tx, now time.Time, e effect.Effect) error {
	switch e := e.(type) {
	case effect.SetPassword:
		return tx.ExecOne(ctx, `UPDATE accounts SET password_hash = $1, password_changed_at = $2, must_change_password = $3, version = version + 1
			WHERE id = $4 AND state <> 'closed'`, e.Hash, Micros(now), e.MustChange, e.Account)
	case effect.EndSessions:
		return endSessions(ctx, tx, now, e)
	case effect.LockRecovery:
		// A lock never moves earlier; the row must exist all the same.
		return tx.ExecOne(ctx, `UPDATE accounts SET recovery_locked_until =
				CASE WHEN recovery_locked_until > $1 THEN recovery_locked_until ELSE CAST($1 AS BIGINT) END
			WHERE id = $2`, Micros(e.Until), e.Account)
	case effect.Freeze:
		// Freezing what is frozen keeps the first moment and reason: whoever is second wanted the same.
		return judgedBy(ctx, tx, now, e.Account, `UPDATE accounts SET state = 'frozen', version = version + 1,
				frozen_at = CASE WHEN state = 'frozen' THEN frozen_at ELSE CAST($1 AS BIGINT) END,
				freeze_reason = CASE WHEN state = 'frozen' THEN freeze_reason ELSE CAST($2 AS TEXT) END
			WHERE id = $3 AND state IN ('open', 'frozen')`, Micros(now), e.Reason, e.Account)
	case effect.Thaw:
		return judgedBy(ctx, tx, now, e.Account, `UPDATE accounts SET state = 'open', frozen_at = NULL, freeze_reason = NULL, version = version + 1
			WHERE id = $1 AND state = 'frozen'`, e.Account)
	case effect.BeginHold:
		return tx.ExecOne(ctx, `UPDATE accounts SET recovered_at = $1, version = version + 1,
				hold_until = CASE WHEN hold_until > $2 THEN hold_until ELSE CAST($2 AS BIGINT) END
			WHERE id = $3 AND state <> 'closed'`, Micros(e.At), Micros(e.Until), e.Account)
	case effect.PurgePending:
		return purgePendingAccount(ctx, tx, now, e.Account)
	case effect.ConfirmPhone:
		// Only a phone that is still the account's own is confirmed; another one is nobody's mistake.
		err := tx.ExecAny(ctx, `UPDATE accounts SET phone_confirmed_at = $1
			WHERE id = $2 AND phone_current AND (phone_confirmed_at IS NULL OR phone_confirmed_at < $1)`, Micros(e.At), e.Account)
		if err != nil || !e.Lapsed {
			return err
		}
		return reviewSoon(ctx, tx, now, e.Account)
	case effect.ChangePhone:
		return changePhone(ctx, tx, now, e)
	case effect.LosePhone:
		return judgedBy(ctx, tx, now, e.Account, `UPDATE accounts SET phone_current = FALSE, phone_lost_at = $1, version = version + 1
			WHERE id = $2 AND phone = $3 AND phone_current`, Micros(now), e.Account, e.Phone)
	case effect.NoteSIM:
		return judgedBy(ctx, tx, now, e.Account, `UPDATE accounts SET sim_changed_at = $1, version = version + 1
			WHERE id = $2 AND phone = $3 AND phone_current AND (sim_changed_at IS NULL OR sim_changed_at < $1)`, Micros(e.At), e.Account, e.Phone)
	case effect.RemoveFactor:
		return removeFactor(ctx, tx, now, e.Account)
	case effect.SetQuorum:
		return tx.ExecOne(ctx, `UPDATE accounts SET quorum = $1, version = version + 1 WHERE id = $2 AND state <> 'closed'`, e.Quorum, e.Account)
	case effect.CloseAccount:
		return closeAccount(ctx, tx, now, e.Account)
	}
	return fault.New(fault.Internal, "fault.internal", nil).Because(fmt.Errorf("store: effect %T has no implementation", e))
}

// purgePendingAccount ends what may have been planted in the account itself: wishes for another e-mail
// address or for fewer guards, and a code generator that was offered and not confirmed yet.
func purgePendingAccount(ctx context.Context, tx *Tx, now time.Time, accountID string) error {
	if err := endEmailLinks(ctx, tx, now, accountID); err != nil {
		return err
	}
	if err := keepGuards(ctx, tx, accountID); err != nil {
		return err
	}
	return tx.ExecAny(ctx, `DELETE FROM totp WHERE account_id = $1 AND confirmed_at IS NULL`, accountID)
}

// endSessions locks the account first, as every new sign-in and session does: whatever began before
// this commit is seen and ended, and whatever begins after it sees what ended the others (I4).
func endSessions(ctx context.Context, tx *Tx, now time.Time, e effect.EndSessions) error {
	if err := tx.ExecOne(ctx, `UPDATE accounts SET locale = locale WHERE id = $1`, e.Account); err != nil {
		return err
	}
	// The codes on their way to what ends here end with it.
	if err := tx.ExecAny(ctx, `UPDATE codes SET state = 'dropped', ended_at = $1 WHERE state = 'live' AND bound IN
		(SELECT id FROM sessions WHERE account_id = $2 AND ended_at IS NULL AND id <> $3
		UNION ALL SELECT id FROM sign_ins WHERE account_id = $2 AND state = 'pending')`, Micros(now), e.Account, e.Except); err != nil {
		return err
	}
	if err := tx.ExecAny(ctx, `UPDATE sessions SET ended_at = $1, ended_why = $2, version = version + 1
		WHERE account_id = $3 AND ended_at IS NULL AND id <> $4`, Micros(now), e.Why, e.Account, e.Except); err != nil {
		return err
	}
	if err := endPush(ctx, tx, now, e.Account, e.Except, e.Why); err != nil {
		return err
	}
	if err := tx.ExecAny(ctx, `UPDATE sign_ins SET state = 'ended', version = version + 1
		WHERE account_id = $1 AND state IN ('pending', 'waiting')`, e.Account); err != nil {
		return err
	}
	// Signing out everywhere keeps the consents; a recovery, a freeze and a closing end them too (DOMAIN §5.7).
	forget := e.Why == "recovery" || e.Why == "freeze" || e.Why == "account_closed"
	if err := leaveSystems(ctx, tx, now, e.Account, e.Except, e.Why, forget); err != nil {
		return err
	}
	if e.Asked {
		if err := endWaiting(ctx, tx, now, e.Account); err != nil {
			return err
		}
	}
	if !e.Devices {
		return nil
	}
	return tx.ExecAny(ctx, `UPDATE devices SET ended_at = $1 WHERE account_id = $2 AND ended_at IS NULL`, Micros(now), e.Account)
}
