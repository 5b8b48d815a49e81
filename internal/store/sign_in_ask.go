package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/session"
	"doverie/internal/trust"
)

// asksSignIn tells of the account a whether its owner wants the contacts asked about a sign-in from a new device,
// and has contacts. DOMAIN §7.
const asksSignIn = `(EXISTS (SELECT 1 FROM guards g WHERE g.account_id = a.id AND g.name = 'ask_sign_in' AND g.state <> 'off')
	AND EXISTS (SELECT 1 FROM links l WHERE l.principal_id = a.id AND l.state IN ('active', 'suspended', 'leaving')))`

// applySignInEffect does what a decision about a sign-in that waits for the contacts wants done.
func applySignInEffect(ctx context.Context, tx *Tx, now time.Time, e effect.Effect) error {
	switch e := e.(type) {
	case effect.SignInWaits:
		return waitSignIn(ctx, tx, now, e)
	case effect.OpenSession:
		return openWaited(ctx, tx, now, e)
	case effect.EndSignIn:
		return tx.ExecOne(ctx, `UPDATE sign_ins SET state = 'ended', version = version + 1 WHERE id = $1 AND state = 'waiting'`, e.ID)
	case effect.UseStep:
		return useStep(ctx, tx, now, session.Change{UsedStep: &session.StepUse{Account: e.Account, Step: e.Step}})
	}
	return fault.New(fault.Internal, "fault.internal", nil).Because(fmt.Errorf("store: effect %T has no implementation", e))
}

func waitSignIn(ctx context.Context, tx *Tx, now time.Time, e effect.SignInWaits) error {
	if e.TokenHash != nil {
		return tx.ExecOne(ctx, `INSERT INTO sign_ins (id, token_hash, account_id, state, method, tries, device, area, created_at, expires_at, version,
				action_id, amr, remember)
			VALUES ($1, $2, $3, 'waiting', '', 0, $4, $5, $6, $7, 1, $8, $9, $10)`,
			e.ID, e.TokenHash, e.Account, clean(e.Device), clean(e.Area), Micros(e.At), Micros(e.Until), e.Action, strings.Join(e.AMR, " "), e.Remember)
	}
	return tx.ExecOne(ctx, `UPDATE sign_ins SET state = 'waiting', action_id = $1, amr = $2, remember = $3, expires_at = $4, version = version + 1
		WHERE id = $5 AND account_id = $6 AND state = 'pending' AND expires_at > $7`,
		e.Action, strings.Join(e.AMR, " "), e.Remember, Micros(e.Until), e.ID, e.Account, Micros(now))
}

// openWaited is guarded by the waiting sign-in: whatever ended it (another password, a sign-out everywhere, a
// freeze) in between refuses the commit. The decision has locked and read the account.
func openWaited(ctx context.Context, tx *Tx, now time.Time, e effect.OpenSession) error {
	if err := tx.ExecOne(ctx, `UPDATE sign_ins SET state = 'done', version = version + 1
		WHERE id = $1 AND account_id = $2 AND action_id = $3 AND state = 'waiting' AND expires_at > $4`,
		e.SignIn, e.Account, e.Action, Micros(now)); err != nil {
		return err
	}
	if e.DeviceID != "" {
		if err := tx.ExecOne(ctx, `INSERT INTO devices (`+deviceColumns+`) VALUES `+places(1, 8),
			e.DeviceID, e.Account, e.DeviceHash, clean(e.Device), clean(e.Area), Micros(e.At), Micros(e.At), nil); err != nil {
			return err
		}
	}
	return tx.ExecOne(ctx, `INSERT INTO sessions (id, token_hash, account_id, kind, amr, device_id, device, area, created_at, seen_at, expires_at,
			proof_method, proof_tries, version)
		VALUES ($1, $2, $3, 'full', $4, $5, $6, $7, $8, $8, $9, '', 0, 1)`,
		e.ID, e.TokenHash, e.Account, strings.Join(e.AMR, " "), NullText(e.DeviceID), clean(e.Device), clean(e.Area), Micros(e.At), Micros(e.Until))
}

// endWaiting makes the questions due whose sign-ins have just been ended: the timer closes them, and the requests
// to the contacts with them.
func endWaiting(ctx context.Context, tx *Tx, now time.Time, accountID string) error {
	tx.wake = true
	return tx.ExecAny(ctx, `UPDATE timers SET due_at = $1, generation = generation + 1, state = 'pending', attempt = 0,
			owner = NULL, lease_until = NULL, problem = NULL
		WHERE kind = $2 AND due_at > $1 AND object IN (SELECT id FROM guarded_actions
			WHERE account_id = $3 AND kind = 'sign_in' AND state IN ('waiting', 'approved'))`,
		Micros(now), trust.TimerActionExpire, accountID)
}
