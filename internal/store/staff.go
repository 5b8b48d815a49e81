package store

import (
	"context"
	"database/sql"
	"time"

	"doverie/internal/desk"
	"doverie/internal/effect"
	"doverie/internal/fault"
)

const operatorColumns = `o.id, o.login, o.name, o.office_id, f.name, f.closed_at, o.role, o.state, o.password_hash, o.totp, o.totp_last_step,
	o.enrol_hash, o.enrol_until, (SELECT COUNT(k.id) FROM operator_keys k WHERE k.operator_id = o.id AND k.ended_at IS NULL), o.created_at,
	COALESCE(o.enrolled_at, o.created_at), o.version`

const operatorFrom = ` FROM operators o JOIN offices f ON f.id = o.office_id `

func scanOperator(row func(...any) error) (desk.Operator, error) {
	var o desk.Operator
	var closed, until sql.NullInt64
	var password sql.NullString
	var created, enrolled int64
	err := row(&o.ID, &o.Login, &o.Name, &o.Office, &o.OfficeName, &closed, &o.Role, &o.State, &password, &o.TOTP, &o.TOTPLastStep,
		&o.EnrolHash, &until, &o.Keys, &created, &enrolled, &o.Version)
	o.EnrolledAt = FromMicros(enrolled)
	o.OfficeClosed, o.PasswordHash, o.EnrolUntil, o.CreatedAt = closed.Valid, password.String, FromNullMicros(until), FromMicros(created)
	return o, err
}

// Operator reads one operator; fault.NotFound.
func (s *Store) Operator(ctx context.Context, id string) (desk.Operator, error) {
	return readOne(ctx, s, scanOperator, `SELECT `+operatorColumns+operatorFrom+`WHERE o.id = $1`, id)
}

// OperatorByLogin reads one operator; fault.NotFound.
func (s *Store) OperatorByLogin(ctx context.Context, login string) (desk.Operator, error) {
	return readOne(ctx, s, scanOperator, `SELECT `+operatorColumns+operatorFrom+`WHERE o.login = $1`, login)
}

// OperatorByEnrolment reads the operator who holds a one-time code; fault.NotFound.
func (s *Store) OperatorByEnrolment(ctx context.Context, hash []byte) (desk.Operator, error) {
	return readOne(ctx, s, scanOperator, `SELECT `+operatorColumns+operatorFrom+`WHERE o.enrol_hash = $1`, hash)
}

// Operators lists everybody by name.
func (s *Store) Operators(ctx context.Context) (all []desk.Operator, err error) {
	err = s.Read(ctx, func(ctx context.Context, q Querier) (err error) {
		all, err = Collect(scanOperator)(q.Query(ctx, `SELECT `+operatorColumns+operatorFrom+`ORDER BY o.name, o.id`))
		return err
	})
	return all, err
}

func scanOffice(row func(...any) error) (desk.Office, error) {
	var o desk.Office
	var created int64
	var closed sql.NullInt64
	err := row(&o.ID, &o.Name, &o.Address, &created, &closed, &o.Version)
	o.CreatedAt, o.ClosedAt = FromMicros(created), FromNullMicros(closed)
	return o, err
}

// Offices lists every office by name.
func (s *Store) Offices(ctx context.Context) (all []desk.Office, err error) {
	err = s.Read(ctx, func(ctx context.Context, q Querier) (err error) {
		all, err = Collect(scanOffice)(q.Query(ctx, `SELECT id, name, address, created_at, closed_at, version FROM offices ORDER BY name, id`))
		return err
	})
	return all, err
}

// OperatorSession reads a session by its token's hash; fault.NotFound.
func (s *Store) OperatorSession(ctx context.Context, tokenHash []byte) (desk.Session, error) {
	return readOne(ctx, s, func(row func(...any) error) (desk.Session, error) {
		var x desk.Session
		var created, seen, expires int64
		var ended sql.NullInt64
		err := row(&x.ID, &x.TokenHash, &x.Operator, &x.Way, &x.Device, &x.Area, &created, &seen, &expires, &ended)
		x.CreatedAt, x.SeenAt, x.ExpiresAt, x.EndedAt = FromMicros(created), FromMicros(seen), FromMicros(expires), FromNullMicros(ended)
		return x, err
	}, `SELECT id, token_hash, operator_id, way, device, area, created_at, seen_at, expires_at, ended_at
		FROM operator_sessions WHERE token_hash = $1`, tokenHash)
}

// OperatorKey reads a live key; fault.NotFound.
func (s *Store) OperatorKey(ctx context.Context, credential []byte) (desk.Key, error) {
	return readOne(ctx, s, func(row func(...any) error) (desk.Key, error) {
		var k desk.Key
		var created int64
		var used sql.NullInt64
		err := row(&k.ID, &k.Operator, &k.Credential, &k.Sealed, &k.SignCount, &created, &used)
		k.CreatedAt, k.UsedAt = FromMicros(created), FromNullMicros(used)
		return k, err
	}, `SELECT id, operator_id, credential_id, sealed, sign_count, created_at, used_at
		FROM operator_keys WHERE credential_id = $1 AND ended_at IS NULL`, credential)
}

// OperatorChallenge reads a challenge that was neither answered nor is over; fault.NotFound.
func (s *Store) OperatorChallenge(ctx context.Context, purpose, bound string, now time.Time) (desk.Challenge, error) {
	return readOne(ctx, s, func(row func(...any) error) (desk.Challenge, error) {
		c := desk.Challenge{Purpose: purpose, Bound: bound}
		var expires int64
		err := row(&c.ID, &c.Sealed, &expires)
		c.ExpiresAt = FromMicros(expires)
		return c, err
	}, `SELECT id, sealed, expires_at FROM operator_challenges WHERE purpose = $1 AND bound = $2 AND used_at IS NULL AND expires_at > $3`,
		purpose, bound, Micros(now))
}

// TouchOperatorSession notes a use of a live session. It never makes a session live again.
func (s *Store) TouchOperatorSession(ctx context.Context, id string, now time.Time) error {
	return s.InTx(ctx, func(ctx context.Context, tx *Tx) error {
		return tx.ExecAny(ctx, `UPDATE operator_sessions SET seen_at = $1 WHERE id = $2 AND ended_at IS NULL AND seen_at < $1`, Micros(now), id)
	})
}

// CommitStaff applies a change about operators, and its effects, in one transaction. Fault Conflict when a guard did
// not hold, or a name, login or credential is taken.
func (s *Store) CommitStaff(ctx context.Context, act effect.Act, now time.Time, c desk.StaffChange, effects []effect.Effect) error {
	err := s.InTx(ctx, func(ctx context.Context, tx *Tx) error {
		for _, write := range []func(context.Context, *Tx, time.Time, desk.StaffChange) error{
			writeOffices, writeOperators, writeOperatorKeys, writeOperatorChallenges, writeOperatorSessions,
		} {
			if err := write(ctx, tx, now, c); err != nil {
				return err
			}
		}
		return applyEffects(ctx, tx, act, now, c.Rules, effects)
	})
	return uniqueIsConflict(err)
}

func writeOffices(ctx context.Context, tx *Tx, _ time.Time, c desk.StaffChange) error {
	if o := c.NewOffice; o != nil {
		if err := tx.ExecOne(ctx, `INSERT INTO offices (id, name, address, created_at, version) VALUES ($1, $2, $3, $4, $5)`,
			o.ID, clean(o.Name), clean(o.Address), Micros(o.CreatedAt), o.Version); err != nil {
			return err
		}
	}
	if c.OfficeBefore == nil || c.OfficeAfter == nil {
		return nil
	}
	o := c.OfficeAfter
	return tx.ExecOne(ctx, `UPDATE offices SET name = $1, address = $2, closed_at = $3, version = version + 1 WHERE id = $4 AND version = $5`,
		clean(o.Name), clean(o.Address), NullMicros(o.ClosedAt), c.OfficeBefore.ID, c.OfficeBefore.Version)
}

func writeOperators(ctx context.Context, tx *Tx, _ time.Time, c desk.StaffChange) error {
	if o := c.NewOperator; o != nil {
		if err := tx.ExecOne(ctx, `INSERT INTO operators (id, login, name, office_id, role, state, password_hash, totp, totp_last_step, enrol_hash, enrol_until, created_at, enrolled_at, version)
			VALUES `+places(1, 14), o.ID, clean(o.Login), clean(o.Name), o.Office, o.Role, o.State, NullText(o.PasswordHash), o.TOTP, o.TOTPLastStep,
			o.EnrolHash, NullMicros(o.EnrolUntil), Micros(o.CreatedAt), Micros(o.EnrolledAt), o.Version); err != nil {
			return err
		}
	}
	if c.Before == nil || c.After == nil {
		return nil
	}
	o := c.After
	return tx.ExecOne(ctx, `UPDATE operators SET state = $1, password_hash = $2, totp = $3, totp_last_step = $4, enrol_hash = $5, enrol_until = $6, enrolled_at = $7, version = version + 1
		WHERE id = $8 AND version = $9`,
		o.State, NullText(o.PasswordHash), o.TOTP, o.TOTPLastStep, o.EnrolHash, NullMicros(o.EnrolUntil), Micros(o.EnrolledAt), c.Before.ID, c.Before.Version)
}

func writeOperatorKeys(ctx context.Context, tx *Tx, now time.Time, c desk.StaffChange) error {
	if c.EndKeysOf != "" {
		if err := tx.ExecAny(ctx, `UPDATE operator_keys SET ended_at = $1 WHERE operator_id = $2 AND ended_at IS NULL`, Micros(now), c.EndKeysOf); err != nil {
			return err
		}
	}
	if k := c.NewKey; k != nil {
		if err := tx.ExecOne(ctx, `INSERT INTO operator_keys (id, operator_id, credential_id, sealed, sign_count, created_at) VALUES ($1, $2, $3, $4, $5, $6)`,
			k.ID, k.Operator, k.Credential, k.Sealed, k.SignCount, Micros(k.CreatedAt)); err != nil {
			return err
		}
	}
	if k := c.UsedKey; k != nil {
		return tx.ExecOne(ctx, `UPDATE operator_keys SET sign_count = $1, sealed = $2, used_at = $3
			WHERE id = $4 AND operator_id = $5 AND ended_at IS NULL AND (sign_count < $1 OR (sign_count = 0 AND $1 = CAST(0 AS BIGINT)))`,
			k.SignCount, k.Sealed, Micros(now), k.ID, k.Operator)
	}
	return nil
}

func writeOperatorChallenges(ctx context.Context, tx *Tx, now time.Time, c desk.StaffChange) error {
	if a := c.Ask; a != nil {
		if err := tx.ExecOne(ctx, `INSERT INTO operator_challenges (purpose, bound, id, sealed, expires_at) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (purpose, bound) DO UPDATE SET id = excluded.id, sealed = excluded.sealed, expires_at = excluded.expires_at, used_at = NULL`,
			a.Purpose, a.Bound, a.ID, a.Sealed, Micros(a.ExpiresAt)); err != nil {
			return err
		}
	}
	if a := c.Answered; a != nil {
		return tx.execOneOr(ctx, fault.New(fault.Conflict, "fault.passkey.used", nil).Because(ErrGuard),
			`UPDATE operator_challenges SET used_at = $1 WHERE purpose = $2 AND bound = $3 AND id = $4 AND used_at IS NULL AND expires_at > $1`,
			Micros(now), a.Purpose, a.Bound, a.ID)
	}
	return nil
}

// writeOperatorSessions opens a session only for somebody who works at this moment: the guard sees a suspension that
// was committed meanwhile.
func writeOperatorSessions(ctx context.Context, tx *Tx, now time.Time, c desk.StaffChange) error {
	if c.EndSessionsOf != "" {
		if err := tx.ExecAny(ctx, `UPDATE operator_sessions SET ended_at = $1 WHERE operator_id = $2 AND ended_at IS NULL`, Micros(now), c.EndSessionsOf); err != nil {
			return err
		}
	}
	if c.EndSession != "" {
		if err := tx.ExecAny(ctx, `UPDATE operator_sessions SET ended_at = $1 WHERE id = $2 AND ended_at IS NULL`, Micros(now), c.EndSession); err != nil {
			return err
		}
	}
	x := c.NewSession
	if x == nil {
		return nil
	}
	if err := tx.ExecOne(ctx, `UPDATE operators SET login = login WHERE id = $1 AND state = 'active'`, x.Operator); err != nil {
		return err
	}
	return tx.ExecOne(ctx, `INSERT INTO operator_sessions (id, token_hash, operator_id, way, device, area, created_at, seen_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		x.ID, x.TokenHash, x.Operator, x.Way, clean(x.Device), clean(x.Area), Micros(x.CreatedAt), Micros(x.SeenAt), Micros(x.ExpiresAt))
}
