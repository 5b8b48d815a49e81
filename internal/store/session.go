package store

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"doverie/internal/account"
	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/ratelimit"
	"doverie/internal/secret"
	"doverie/internal/session"
	"doverie/internal/trust"
)

const sessionColumns = `id, token_hash, account_id, kind, amr, device_id, device, area, created_at, seen_at, expires_at, step_up_at,
	proof_method, proof_begun_at, proof_code_at, proof_tries, ended_at, ended_why, version`

func scanSession(row func(...any) error) (session.Session, error) {
	var x session.Session
	var amr string
	var device, why sql.NullString
	var created, seen, expires int64
	var stepUp, begun, code, ended sql.NullInt64
	err := row(&x.ID, &x.TokenHash, &x.Account, &x.Kind, &amr, &device, &x.Device, &x.Area, &created, &seen, &expires, &stepUp,
		&x.Proof.Method, &begun, &code, &x.Proof.Tries, &ended, &why, &x.Version)
	x.AMR, x.DeviceID, x.EndedWhy = strings.Fields(amr), device.String, why.String
	x.CreatedAt, x.SeenAt, x.ExpiresAt = FromMicros(created), FromMicros(seen), FromMicros(expires)
	x.StepUpAt, x.Proof.BegunAt, x.Proof.CodeAt, x.EndedAt =
		FromNullMicros(stepUp), FromNullMicros(begun), FromNullMicros(code), FromNullMicros(ended)
	return x, err
}

// Session reads a session by its token's hash; fault.NotFound.
func (s *Store) Session(ctx context.Context, tokenHash []byte) (session.Session, error) {
	return readOne(ctx, s, scanSession, `SELECT `+sessionColumns+` FROM sessions WHERE token_hash = $1`, tokenHash)
}

// Authenticated reads a session by its token's hash, and its account; fault.NotFound. See ApprovalsAlong.
func (s *Store) Authenticated(ctx context.Context, tokenHash []byte) (session.Session, account.Account, error) {
	of := whose{`(SELECT account_id FROM sessions WHERE token_hash = $1)`, tokenHash}
	brought, ok := ctx.Value(alongKey{}).(*along)
	more := func() []read { return nil }
	if ok {
		more = func() []read { return brought.reads(of) }
	}
	x, a, err := withAccount(ctx, s, scanSession, `SELECT `+sessionColumns+` FROM sessions WHERE token_hash = $1`, of, more)
	if ok && err == nil {
		brought.of = a.ID
	}
	return x, a, err
}

// withAccount reads one row and the account it belongs to, together, and what more asks for.
func withAccount[T any](
	ctx context.Context, s *Store, scan func(row func(...any) error) (T, error), query string, of whose, more func() []read,
) (row T, a account.Account, err error) {
	var rows []T
	var accounts []account.Account
	err = s.Read(ctx, func(ctx context.Context, q Querier) error {
		return readAll(ctx, q, append([]read{
			into(&rows, scan, query, of.id), into(&accounts, scanAccount, `SELECT `+accountColumns+accountFrom+`WHERE a.id = `+of.principal, of.id),
		}, more()...)...)
	})
	if err == nil && (len(rows) == 0 || len(accounts) == 0) {
		err = notFound()
	}
	if err != nil {
		return row, a, err
	}
	return rows[0], accounts[0], nil
}

// Sessions lists the account's sessions that have not ended, newest first.
func (s *Store) Sessions(ctx context.Context, accountID string) (all []session.Session, err error) {
	err = s.Read(ctx, func(ctx context.Context, q Querier) (err error) {
		all, err = Collect(scanSession)(q.Query(ctx, `SELECT `+sessionColumns+` FROM sessions
			WHERE account_id = $1 AND ended_at IS NULL ORDER BY created_at DESC, id DESC`, accountID))
		return err
	})
	return all, err
}

const signInColumns = `id, token_hash, account_id, state, method, tries, device_id, device, area, created_at, expires_at, code_sent_at, version,
	action_id, amr, remember`

func scanSignIn(row func(...any) error) (session.SignIn, error) {
	var x session.SignIn
	var device, action sql.NullString
	var amr string
	var created, expires int64
	var sent sql.NullInt64
	err := row(&x.ID, &x.TokenHash, &x.Account, &x.State, &x.Method, &x.Tries, &device, &x.Device, &x.Area, &created, &expires, &sent, &x.Version,
		&action, &amr, &x.Remember)
	x.Action, x.AMR = action.String, strings.Fields(amr)
	x.DeviceID, x.CreatedAt, x.ExpiresAt, x.CodeSentAt = device.String, FromMicros(created), FromMicros(expires), FromNullMicros(sent)
	return x, err
}

// SignIn reads a sign-in by its token's hash, and its account; fault.NotFound.
func (s *Store) SignIn(ctx context.Context, tokenHash []byte) (session.SignIn, account.Account, error) {
	return withAccount(ctx, s, scanSignIn, `SELECT `+signInColumns+` FROM sign_ins WHERE token_hash = $1`,
		whose{`(SELECT account_id FROM sign_ins WHERE token_hash = $1)`, tokenHash}, func() []read { return nil })
}

const deviceColumns = `id, account_id, token_hash, device, area, first_seen_at, last_seen_at, ended_at`

func scanDevice(row func(...any) error) (session.Device, error) {
	var x session.Device
	var first, last int64
	var ended sql.NullInt64
	err := row(&x.ID, &x.Account, &x.TokenHash, &x.Words, &x.Area, &first, &last, &ended)
	x.FirstSeenAt, x.LastSeenAt, x.EndedAt = FromMicros(first), FromMicros(last), FromNullMicros(ended)
	return x, err
}

// Device reads a live remembered device by its token's hash; fault.NotFound.
func (s *Store) Device(ctx context.Context, tokenHash []byte) (session.Device, error) {
	return readOne(ctx, s, scanDevice, `SELECT `+deviceColumns+` FROM devices WHERE token_hash = $1 AND ended_at IS NULL`, tokenHash)
}

// Devices lists the account's live remembered devices, newest use first.
func (s *Store) Devices(ctx context.Context, accountID string) (all []session.Device, err error) {
	err = s.Read(ctx, func(ctx context.Context, q Querier) (err error) {
		all, err = Collect(scanDevice)(q.Query(ctx, `SELECT `+deviceColumns+` FROM devices
			WHERE account_id = $1 AND ended_at IS NULL ORDER BY last_seen_at DESC, id DESC`, accountID))
		return err
	})
	return all, err
}

// Arrive implements session.Store.
func (s *Store) Arrive(ctx context.Context, acts []session.Count, id account.Identifier, device []byte, now time.Time) (session.Arrival, error) {
	checks := make([]Check, 0, len(acts))
	for _, c := range acts {
		act, rest, _ := strings.Cut(c.Key, ":")
		checks = append(checks, Check{Key: ratelimit.Key(s.keys, act, rest), Limit: ratelimit.Limit{Burst: c.Limit, Per: c.Per}})
	}
	var a session.Arrival
	_, wait, err := s.allow(ctx, checks, now,
		optional(&a.Account, scanAccount, `SELECT `+accountColumns+accountFrom+identified(id.Kind), id.Value),
		optional(&a.Device, scanDevice, `SELECT `+deviceColumns+` FROM devices WHERE token_hash = $1 AND ended_at IS NULL`, device))
	a.Wait = wait
	return a, err
}

// DecideSignIn implements session.Store: what is counted goes ahead, and behind the lock on the account everything is read
// that the decision and its messages need.
func (s *Store) DecideSignIn(
	ctx context.Context, act effect.Act, tokenHash, device []byte, limit int, now time.Time, decide func(session.SignInTry) (session.Change, []effect.Effect, error),
) error {
	var counted session.SignInTry
	asks := append([]read{s.counted(ctx, func(row func(...any) error) error {
		var tries int
		err := row(&tries)
		counted.Counted, counted.Left = err == nil, limit-tries
		return err
	}, `UPDATE sign_ins SET tries = tries + 1
		WHERE token_hash = $1 AND state = 'pending' AND expires_at > $2 AND tries < $3 RETURNING tries`, tokenHash, Micros(now), limit)},
		s.tryReads(ctx, `(SELECT id FROM sign_ins WHERE token_hash = $2 AND state = 'pending' AND method = 'sms')`, tokenHash,
			string(secret.SignIn), limit, now, func(c CodeRow, _ *fault.Error) { counted.CodeID, counted.Hash = c.ID, c.Hash })...)
	err := s.inTxBehind(ctx, asks, func(ctx context.Context, tx *Tx) error {
		t, err := tx.readSignIn(ctx, tokenHash, device)
		if err != nil {
			return err
		}
		t.Counted, t.Left, t.CodeID, t.Hash = counted.Counted, counted.Left, counted.CodeID, counted.Hash // answered by now
		c, effects, err := decide(t)
		if err != nil {
			return err
		}
		return writeSession(ctx, tx, act, now, c, effects)
	})
	return uniqueIsConflict(err)
}

// readSignIn locks the account of a sign-in and reads what a decision about it looks at; fault.NotFound.
func (t *Tx) readSignIn(ctx context.Context, tokenHash, device []byte) (try session.SignInTry, err error) {
	const guard = string(trust.GuardTellSignIn)
	of := whose{`(SELECT account_id FROM sign_ins WHERE token_hash = $1)`, tokenHash}
	var all []told
	reads := append([]read{{`SELECT id FROM accounts WHERE id = ` + of.principal + t.ForUpdate(), []any{of.id}, func(Rows) error { return nil }}},
		t.nearReads(of, "")...)
	err = readAll(ctx, t, append(reads, guardiansRead(of, guard, &all),
		optional(&try.SignIn, scanSignIn, `SELECT `+signInColumns+` FROM sign_ins WHERE token_hash = $1`, tokenHash),
		optional(&try.Account, scanAccount, `SELECT `+accountColumns+accountFrom+`WHERE a.id = `+of.principal, of.id),
		optional(&try.Device, scanDevice, `SELECT `+deviceColumns+` FROM devices WHERE token_hash = $1 AND ended_at IS NULL`, device))...)
	t.told = map[string][]told{guard: all}
	if err == nil && try.SignIn.ID == "" {
		err = notFound()
	}
	return try, err
}

// CountStepUpTry counts one try of the step-up under way in a live session, in a transaction of its own, and says how
// many are left; fault.NotFound when none was.
func (s *Store) CountStepUpTry(ctx context.Context, id string, limit int) (left int, err error) {
	tries := 0
	err = s.InTx(ctx, func(ctx context.Context, tx *Tx) error {
		tx.with(ctx, s.counted(ctx, func(row func(...any) error) error { return row(&tries) }, `UPDATE sessions SET proof_tries = proof_tries + 1
			WHERE id = $1 AND ended_at IS NULL AND proof_method <> '' AND proof_tries < $2 RETURNING proof_tries`, id, limit))
		return nil
	})
	if err == nil && tries == 0 {
		return 0, fault.New(fault.NotFound, "fault.code.spent", nil)
	}
	return limit - tries, err
}

// TouchSession notes a use of a live session. It never makes a session live again.
func (s *Store) TouchSession(ctx context.Context, id string, now time.Time) error {
	return s.InTx(ctx, func(ctx context.Context, tx *Tx) error {
		_, err := tx.Exec(ctx, `UPDATE sessions SET seen_at = $1 WHERE id = $2 AND ended_at IS NULL AND seen_at < $1`, Micros(now), id)
		return err
	})
}

// CommitSession applies a change of package session, and its effects, in one transaction.
// Faults: Conflict when a guard did not hold.
func (s *Store) CommitSession(ctx context.Context, act effect.Act, now time.Time, c session.Change, effects []effect.Effect) error {
	err := s.InTx(ctx, func(ctx context.Context, tx *Tx) error { return writeSession(ctx, tx, act, now, c, effects) })
	return uniqueIsConflict(err)
}

func writeSession(ctx context.Context, tx *Tx, act effect.Act, now time.Time, c session.Change, effects []effect.Effect) error {
	for _, write := range []func(context.Context, *Tx, time.Time, session.Change) error{lockSignedIn, writeDevices, writeSignIns, writeSessions, useStep, rehash} {
		if err := write(ctx, tx, now, c); err != nil {
			return err
		}
	}
	return applyEffects(ctx, tx, act, now, c.Rules, effects)
}

func writeSignIns(ctx context.Context, tx *Tx, now time.Time, c session.Change) error {
	if x := c.NewSignIn; x != nil {
		if err := tx.ExecOne(ctx, `INSERT INTO sign_ins (`+signInColumns+`) VALUES `+places(1, 16),
			x.ID, x.TokenHash, x.Account, x.State, x.Method, x.Tries, NullText(x.DeviceID), clean(x.Device), clean(x.Area),
			Micros(x.CreatedAt), Micros(x.ExpiresAt), NullMicros(x.CodeSentAt), x.Version, nil, "", false); err != nil {
			return err
		}
	}
	if c.SignInBefore == nil || c.SignInAfter == nil {
		return nil
	}
	// The tries are not written: TrySignIn alone moves them, and only up.
	return tx.ExecOne(ctx, `UPDATE sign_ins SET state = $1, method = $2, code_sent_at = $3, version = version + 1
		WHERE id = $4 AND version = $5 AND state = 'pending' AND expires_at > $6`,
		c.SignInAfter.State, c.SignInAfter.Method, NullMicros(c.SignInAfter.CodeSentAt), c.SignInBefore.ID, c.SignInBefore.Version, Micros(now))
}

// lockSignedIn locks the account's row before a new sign-in or session of it, so that the end of
// everything (a recovery, a freeze) and this beginning see each other (I4). It refuses when the
// password is no longer the one that was verified, when a freeze since then makes the session one
// of another kind, or when the contacts have to be asked about a new browser and were not.
func lockSignedIn(ctx context.Context, tx *Tx, _ time.Time, c session.Change) error {
	switch {
	case c.NewSignIn != nil:
		return tx.ExecOne(ctx, `UPDATE accounts SET locale = locale WHERE id = $1 AND state <> 'closed' AND password_changed_at = $2`,
			c.NewSignIn.Account, Micros(c.PasswordAt))
	case c.NewSession != nil:
		return tx.ExecOne(ctx, `UPDATE accounts AS a SET locale = locale WHERE id = $1 AND state <> 'closed' AND (state = 'open') = $2
				AND NOT ($3 AND `+asksSignIn+`)`, c.NewSession.Account, c.NewSession.Kind == session.Full, c.Unasked)
	}
	return nil
}

func writeSessions(ctx context.Context, tx *Tx, now time.Time, c session.Change) error {
	if x := c.NewSession; x != nil {
		if err := tx.ExecOne(ctx, `INSERT INTO sessions (`+sessionColumns+`) VALUES `+places(1, 19),
			x.ID, x.TokenHash, x.Account, x.Kind, strings.Join(x.AMR, " "), NullText(x.DeviceID), clean(x.Device), clean(x.Area),
			Micros(x.CreatedAt), Micros(x.SeenAt), Micros(x.ExpiresAt), NullMicros(x.StepUpAt), x.Proof.Method, NullMicros(x.Proof.BegunAt),
			NullMicros(x.Proof.CodeAt), x.Proof.Tries, NullMicros(x.EndedAt), NullText(x.EndedWhy), x.Version); err != nil {
			return err
		}
	}
	if c.Before == nil || c.After == nil {
		return nil
	}
	x := c.After
	// Within one step-up the tries are left as CountStepUpTry counted them; a new one begins at zero.
	if err := tx.ExecOne(ctx, `UPDATE sessions SET token_hash = $1, step_up_at = $2, proof_method = $3,
			proof_tries = CASE WHEN proof_begun_at = $4 THEN proof_tries ELSE 0 END,
			proof_begun_at = $4, proof_code_at = $5, ended_at = $6, ended_why = $7, version = version + 1
		WHERE id = $8 AND version = $9 AND ended_at IS NULL AND expires_at > $10`,
		x.TokenHash, NullMicros(x.StepUpAt), x.Proof.Method, NullMicros(x.Proof.BegunAt), NullMicros(x.Proof.CodeAt),
		NullMicros(x.EndedAt), NullText(x.EndedWhy), c.Before.ID, c.Before.Version, Micros(now)); err != nil {
		return err
	}
	if x.EndedAt.IsZero() {
		return nil
	}
	if err := endPushOf(ctx, tx, now, c.Before.ID, x.EndedWhy); err != nil {
		return err
	}
	return leaveSystemsOf(ctx, tx, now, c.Before.ID, x.EndedWhy)
}

func writeDevices(ctx context.Context, tx *Tx, now time.Time, c session.Change) error {
	if x := c.NewDevice; x != nil {
		if err := tx.ExecOne(ctx, `INSERT INTO devices (`+deviceColumns+`) VALUES `+places(1, 8),
			x.ID, x.Account, x.TokenHash, clean(x.Words), clean(x.Area), Micros(x.FirstSeenAt), Micros(x.LastSeenAt), NullMicros(x.EndedAt)); err != nil {
			return err
		}
	}
	if x := c.SeenDevice; x != nil {
		if err := tx.ExecOne(ctx, `UPDATE devices SET device = $1, area = $2, last_seen_at = $3 WHERE id = $4 AND account_id = $5 AND ended_at IS NULL`,
			clean(x.Words), clean(x.Area), Micros(x.LastSeenAt), x.ID, x.Account); err != nil {
			return err
		}
	}
	if x := c.EndDevice; x != nil {
		return tx.ExecOne(ctx, `UPDATE devices SET ended_at = $1 WHERE id = $2 AND account_id = $3 AND ended_at IS NULL`, Micros(now), x.ID, x.Account)
	}
	return nil
}

// useStep burns a step of the code generator: two browsers with one code, and one of them loses.
func useStep(ctx context.Context, tx *Tx, _ time.Time, c session.Change) error {
	if c.UsedStep == nil {
		return nil
	}
	return tx.ExecOne(ctx, `UPDATE totp SET last_step = $1 WHERE account_id = $2 AND last_step < $1 AND confirmed_at IS NOT NULL`,
		c.UsedStep.Step, c.UsedStep.Account)
}

// rehash changes no version: the password is the same, and nothing that was read before it goes stale by it.
func rehash(ctx context.Context, tx *Tx, _ time.Time, c session.Change) error {
	if c.Rehash == nil {
		return nil
	}
	return tx.ExecAny(ctx, `UPDATE accounts SET password_hash = $1 WHERE id = $2 AND password_hash = $3`, c.Rehash.New, c.Rehash.Account, c.Rehash.Old)
}
