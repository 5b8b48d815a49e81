package store

import (
	"context"
	"database/sql"
	"time"

	"doverie/internal/effect"
	"doverie/internal/session"
)

const pushColumns = `id, account_id, session_id, endpoint_hash, sealed, device, created_at, seen_at, ended_at, ended_why`

func scanPush(row func(...any) error) (session.PushBrowser, error) {
	var b session.PushBrowser
	var created, seen int64
	var ended sql.NullInt64
	var why sql.NullString
	err := row(&b.ID, &b.Account, &b.Session, &b.EndpointHash, &b.Sealed, &b.Device, &created, &seen, &ended, &why)
	b.CreatedAt, b.SeenAt, b.EndedAt, b.EndedWhy = FromMicros(created), FromMicros(seen), FromNullMicros(ended), why.String
	return b, err
}

// PushBrowsers lists the account's live browsers with notices, oldest first.
func (s *Store) PushBrowsers(ctx context.Context, accountID string) (all []session.PushBrowser, err error) {
	err = s.Read(ctx, func(ctx context.Context, q Querier) (err error) {
		all, err = Collect(scanPush)(q.Query(ctx, `SELECT `+pushColumns+` FROM push_browsers
			WHERE account_id = $1 AND ended_at IS NULL ORDER BY created_at, id`, accountID))
		return err
	})
	return all, err
}

// PushBrowser reads one, live or ended; fault.NotFound.
func (s *Store) PushBrowser(ctx context.Context, id string) (session.PushBrowser, error) {
	return readOne(ctx, s, scanPush, `SELECT `+pushColumns+` FROM push_browsers WHERE id = $1`, id)
}

// PushBrowserAt reads the live one of an endpoint; fault.NotFound.
func (s *Store) PushBrowserAt(ctx context.Context, endpointHash []byte) (session.PushBrowser, error) {
	return readOne(ctx, s, scanPush, `SELECT `+pushColumns+` FROM push_browsers WHERE endpoint_hash = $1 AND ended_at IS NULL`, endpointHash)
}

// lockPush locks the account first, as endSessions does, and then asks for the live session: a browser that begins
// and the end of everything see each other (I4).
func lockPush(ctx context.Context, tx *Tx, now time.Time, b session.PushBrowser) error {
	if err := tx.ExecOne(ctx, `UPDATE accounts SET locale = locale WHERE id = $1 AND state = 'open'`, b.Account); err != nil {
		return err
	}
	return tx.ExecOne(ctx, `UPDATE sessions SET seen_at = seen_at WHERE id = $1 AND account_id = $2 AND ended_at IS NULL AND expires_at > $3`,
		b.Session, b.Account, Micros(now))
}

// SeePushBrowser notes in which live session a live browser was seen. Fault Conflict when one of the two is not live.
func (s *Store) SeePushBrowser(ctx context.Context, b session.PushBrowser, now time.Time) error {
	return s.InTx(ctx, func(ctx context.Context, tx *Tx) error {
		if err := lockPush(ctx, tx, now, b); err != nil {
			return err
		}
		return tx.ExecOne(ctx, `UPDATE push_browsers SET session_id = $1, seen_at = $2 WHERE id = $3 AND account_id = $4 AND ended_at IS NULL`,
			b.Session, Micros(now), b.ID, b.Account)
	})
}

// CommitPush applies a change of browsers with notices, and its effects, in one transaction.
// Faults: Conflict when a guard did not hold, or the endpoint got a live browser meanwhile.
func (s *Store) CommitPush(ctx context.Context, act effect.Act, now time.Time, c session.PushChange, effects []effect.Effect) error {
	err := s.InTx(ctx, func(ctx context.Context, tx *Tx) error {
		if b := c.New; b != nil {
			if err := lockPush(ctx, tx, now, *b); err != nil {
				return err
			}
		}
		for _, b := range c.End {
			if err := tx.ExecOne(ctx, `UPDATE push_browsers SET ended_at = $1, ended_why = $2, sealed = NULL
				WHERE id = $3 AND account_id = $4 AND ended_at IS NULL`, Micros(now), b.EndedWhy, b.ID, b.Account); err != nil {
				return err
			}
		}
		if b := c.New; b != nil {
			if err := tx.ExecOne(ctx, `INSERT INTO push_browsers (`+pushColumns+`) VALUES `+places(1, 10),
				b.ID, b.Account, b.Session, b.EndpointHash, b.Sealed, clean(b.Device), Micros(b.CreatedAt), Micros(b.SeenAt), nil, nil); err != nil {
				return err
			}
		}
		return applyEffects(ctx, tx, act, now, c.Rules, effects)
	})
	return uniqueIsConflict(err)
}

// endPushOf ends the notices of the browser in which a session ends.
func endPushOf(ctx context.Context, tx *Tx, now time.Time, sessionID, why string) error {
	return tx.ExecAny(ctx, `UPDATE push_browsers SET ended_at = $1, ended_why = $2, sealed = NULL
		WHERE session_id = $3 AND ended_at IS NULL`, Micros(now), why, sessionID)
}

// endPush ends the notices of all browsers of an account, but of the one that is used in the session except.
func endPush(ctx context.Context, tx *Tx, now time.Time, accountID, except, why string) error {
	return tx.ExecAny(ctx, `UPDATE push_browsers SET ended_at = $1, ended_why = $2, sealed = NULL
		WHERE account_id = $3 AND session_id <> $4 AND ended_at IS NULL`, Micros(now), why, accountID, except)
}
