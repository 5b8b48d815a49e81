package store

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"doverie/internal/oidc"
)

const grantColumns = `id, account_id, client_id, subject, scopes, claims, given_at, changed_at, expires_at, ended_at, ended_why, version`

func scanGrant(row func(...any) error) (oidc.Grant, error) {
	var g oidc.Grant
	var scopes, claims string
	var given, changed, expires int64
	var ended sql.NullInt64
	var why sql.NullString
	err := row(&g.ID, &g.Account, &g.Client, &g.Subject, &scopes, &claims, &given, &changed, &expires, &ended, &why, &g.Version)
	g.Scopes, g.Claims, g.EndedWhy = strings.Fields(scopes), strings.Fields(claims), why.String
	g.GivenAt, g.ChangedAt, g.ExpiresAt, g.EndedAt = FromMicros(given), FromMicros(changed), FromMicros(expires), FromNullMicros(ended)
	return g, err
}

// OIDCGrant reads the live grant of an account to a client; fault.NotFound.
func (s *Store) OIDCGrant(ctx context.Context, account, client string) (oidc.Grant, error) {
	return readOne(ctx, s, scanGrant, `SELECT `+grantColumns+` FROM oidc_grants WHERE account_id = $1 AND client_id = $2 AND ended_at IS NULL`, account, client)
}

// OIDCGrants lists the live grants of an account, newest first.
func (s *Store) OIDCGrants(ctx context.Context, account string) (all []oidc.Grant, err error) {
	err = s.Read(ctx, func(ctx context.Context, q Querier) (err error) {
		all, err = Collect(scanGrant)(q.Query(ctx, `SELECT `+grantColumns+` FROM oidc_grants
			WHERE account_id = $1 AND ended_at IS NULL ORDER BY changed_at DESC, id DESC`, account))
		return err
	})
	return all, err
}

const visitColumns = `id, client_id, account_id, session_id, subject, started_at, ended_at, ended_why, told_at`

func scanVisit(row func(...any) error) (oidc.Visit, error) {
	var v oidc.Visit
	var started int64
	var ended, told sql.NullInt64
	var why sql.NullString
	err := row(&v.ID, &v.Client, &v.Account, &v.Session, &v.Subject, &started, &ended, &why, &told)
	v.StartedAt, v.EndedAt, v.ToldAt, v.EndedWhy = FromMicros(started), FromNullMicros(ended), FromNullMicros(told), why.String
	return v, err
}

// OIDCVisit reads the live visit of a browser session to a client; fault.NotFound.
func (s *Store) OIDCVisit(ctx context.Context, session, client string) (oidc.Visit, error) {
	return readOne(ctx, s, scanVisit, `SELECT `+visitColumns+` FROM oidc_sessions WHERE session_id = $1 AND client_id = $2 AND ended_at IS NULL`, session, client)
}

// OIDCVisitByID reads a visit, live or ended; fault.NotFound.
func (s *Store) OIDCVisitByID(ctx context.Context, sid string) (oidc.Visit, error) {
	return readOne(ctx, s, scanVisit, `SELECT `+visitColumns+` FROM oidc_sessions WHERE id = $1`, sid)
}

// OIDCVisitsOf lists the live visits of an account, of all its browsers, oldest first.
func (s *Store) OIDCVisitsOf(ctx context.Context, account string) ([]oidc.Visit, error) {
	return s.visits(ctx, `SELECT `+visitColumns+` FROM oidc_sessions WHERE account_id = $1 AND ended_at IS NULL ORDER BY id`, account)
}

// OIDCUntold lists ended visits whose systems were not told yet, oldest end first, at most limit.
func (s *Store) OIDCUntold(ctx context.Context, limit int) ([]oidc.Visit, error) {
	return s.visits(ctx, `SELECT `+visitColumns+` FROM oidc_sessions WHERE ended_at IS NOT NULL AND told_at IS NULL ORDER BY ended_at, id LIMIT $1`, limit)
}

func (s *Store) visits(ctx context.Context, query string, args ...any) (all []oidc.Visit, err error) {
	err = s.Read(ctx, func(ctx context.Context, q Querier) (err error) {
		all, err = Collect(scanVisit)(q.Query(ctx, query, args...))
		return err
	})
	return all, err
}

// OIDCTold notes that a system was told of the end of a visit; a second note changes nothing.
func (s *Store) OIDCTold(ctx context.Context, sid string, now time.Time) error {
	return s.InTx(ctx, func(ctx context.Context, tx *Tx) error {
		return tx.ExecAny(ctx, `UPDATE oidc_sessions SET told_at = $1 WHERE id = $2 AND ended_at IS NOT NULL AND told_at IS NULL`, Micros(now), sid)
	})
}

// OIDCAccountOf is the account that a client knows by that subject; fault.NotFound.
func (s *Store) OIDCAccountOf(ctx context.Context, client, subject string) (account string, err error) {
	return readOne(ctx, s, func(row func(...any) error) (id string, err error) {
		err = row(&id)
		return id, err
	}, `SELECT account_id FROM oidc_grants WHERE client_id = $1 AND subject = $2 ORDER BY id DESC LIMIT 1`, client, clean(subject))
}

// OIDCClientsOf lists the clients that know the account: those it ever agreed to sign in at.
func (s *Store) OIDCClientsOf(ctx context.Context, account string) (all []oidc.Client, err error) {
	err = s.Read(ctx, func(ctx context.Context, q Querier) (err error) {
		all, err = Collect(scanClient)(q.Query(ctx, `SELECT `+clientColumns+` FROM oidc_clients
			WHERE id IN (SELECT client_id FROM oidc_grants WHERE account_id = $1) ORDER BY id`, account))
		return err
	})
	return all, err
}

func writeGrant(ctx context.Context, tx *Tx, now time.Time, c oidc.Change) error {
	if g := c.NewGrant; g != nil {
		if err := tx.ExecOne(ctx, `INSERT INTO oidc_grants (`+grantColumns+`) VALUES `+places(1, 12), g.ID, g.Account, g.Client, g.Subject,
			strings.Join(g.Scopes, " "), strings.Join(g.Claims, " "), Micros(g.GivenAt), Micros(g.ChangedAt), Micros(g.ExpiresAt),
			NullMicros(g.EndedAt), NullText(g.EndedWhy), g.Version); err != nil {
			return err
		}
	}
	g := c.GrantAfter
	if g == nil {
		return nil
	}
	if err := tx.ExecOne(ctx, `UPDATE oidc_grants SET scopes = $1, claims = $2, changed_at = $3, expires_at = $4, ended_at = $5, ended_why = $6,
			version = version + 1
		WHERE id = $7 AND version = $8 AND account_id = $9 AND ended_at IS NULL`,
		strings.Join(g.Scopes, " "), strings.Join(g.Claims, " "), Micros(g.ChangedAt), Micros(g.ExpiresAt), NullMicros(g.EndedAt), NullText(g.EndedWhy),
		c.GrantBefore.ID, c.GrantBefore.Version, c.GrantBefore.Account); err != nil {
		return err
	}
	if g.EndedAt.IsZero() {
		return nil
	}
	if err := tx.ExecAny(ctx, `UPDATE oidc_families SET ended_at = $1, ended_why = $2, version = version + 1
		WHERE account_id = $3 AND client_id = $4 AND ended_at IS NULL`, Micros(now), g.EndedWhy, g.Account, g.Client); err != nil {
		return err
	}
	return tx.ExecAny(ctx, `UPDATE oidc_sessions SET ended_at = $1, ended_why = $2
		WHERE account_id = $3 AND client_id = $4 AND ended_at IS NULL`, Micros(now), g.EndedWhy, g.Account, g.Client)
}

// leaveSystems ends what other systems hold of the account, in the transaction that ends the rest of it: codes,
// tokens and visits, but those of the browser session that stays; and every consent where forget is set (I4).
func leaveSystems(ctx context.Context, tx *Tx, now time.Time, account, except, why string, forget bool) error {
	tx.tell = true
	if err := tx.ExecAny(ctx, `UPDATE oidc_families SET ended_at = $1, ended_why = $2, version = version + 1
		WHERE account_id = $3 AND ended_at IS NULL AND sid NOT IN (SELECT v.id FROM oidc_sessions v WHERE v.account_id = $3 AND v.session_id = $4)`,
		Micros(now), why, account, except); err != nil {
		return err
	}
	if err := tx.ExecAny(ctx, `UPDATE oidc_sessions SET ended_at = $1, ended_why = $2
		WHERE account_id = $3 AND ended_at IS NULL AND session_id <> $4`, Micros(now), why, account, except); err != nil {
		return err
	}
	if !forget {
		return nil
	}
	return tx.ExecAny(ctx, `UPDATE oidc_grants SET ended_at = $1, ended_why = $2, version = version + 1
		WHERE account_id = $3 AND ended_at IS NULL`, Micros(now), why, account)
}

// leaveSystemsOf ends what other systems hold of one browser session.
func leaveSystemsOf(ctx context.Context, tx *Tx, now time.Time, session, why string) error {
	tx.tell = true
	if err := tx.ExecAny(ctx, `UPDATE oidc_families SET ended_at = $1, ended_why = $2, version = version + 1
		WHERE ended_at IS NULL AND sid IN (SELECT v.id FROM oidc_sessions v WHERE v.session_id = $3)`, Micros(now), why, session); err != nil {
		return err
	}
	return tx.ExecAny(ctx, `UPDATE oidc_sessions SET ended_at = $1, ended_why = $2 WHERE session_id = $3 AND ended_at IS NULL`, Micros(now), why, session)
}
