package store

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"doverie/internal/effect"
	"doverie/internal/oidc"
)

const requestColumns = `id, client_id, ref_hash, state, sealed, created_at, expires_at`

func scanRequest(row func(...any) error) (oidc.Stored, error) {
	var r oidc.Stored
	var created, expires int64
	err := row(&r.ID, &r.Client, &r.RefHash, &r.State, &r.Sealed, &created, &expires)
	r.CreatedAt, r.ExpiresAt = FromMicros(created), FromMicros(expires)
	return r, err
}

// OIDCRequest reads a request to sign in; fault.NotFound.
func (s *Store) OIDCRequest(ctx context.Context, id string) (oidc.Stored, error) {
	return readOne(ctx, s, scanRequest, `SELECT `+requestColumns+` FROM oidc_requests WHERE id = $1`, id)
}

// OIDCPushed reads a request by the hash of its reference; fault.NotFound.
func (s *Store) OIDCPushed(ctx context.Context, refHash []byte) (oidc.Stored, error) {
	return readOne(ctx, s, scanRequest, `SELECT `+requestColumns+` FROM oidc_requests WHERE ref_hash = $1`, refHash)
}

const familyColumns = `f.id, f.client_id, f.account_id, f.grant_id, f.sid, f.code_hash, f.code_until, f.used_at, f.redirect_uri, f.challenge, f.nonce,
	f.scopes, f.claims, f.acr, f.amr, f.auth_time, f.jkt, f.started_at, f.expires_at, f.ended_at, f.ended_why, f.version`

// familyRow is a family as it is read.
type familyRow struct {
	f                             oidc.Family
	scopes, amr                   string
	until, auth, started, expires int64
	used, ended                   sql.NullInt64
	why                           sql.NullString
}

func (r *familyRow) into() []any {
	return []any{
		&r.f.ID, &r.f.Client, &r.f.Account, &r.f.Grant, &r.f.Visit, &r.f.CodeHash, &r.until, &r.used, &r.f.Redirect, &r.f.Challenge, &r.f.Nonce,
		&r.scopes, &r.f.Claims, &r.f.ACR, &r.amr, &r.auth, &r.f.JKT, &r.started, &r.expires, &r.ended, &r.why, &r.f.Version,
	}
}

func (r *familyRow) family() oidc.Family {
	f := r.f
	f.Scopes, f.AMR, f.EndedWhy = strings.Fields(r.scopes), strings.Fields(r.amr), r.why.String
	f.CodeUntil, f.AuthTime, f.StartedAt, f.ExpiresAt = FromMicros(r.until), FromMicros(r.auth), FromMicros(r.started), FromMicros(r.expires)
	f.UsedAt, f.EndedAt = FromNullMicros(r.used), FromNullMicros(r.ended)
	return f
}

// OIDCCode reads a family by the hash of its code; fault.NotFound.
func (s *Store) OIDCCode(ctx context.Context, codeHash []byte) (oidc.Family, error) {
	return readOne(ctx, s, func(row func(...any) error) (oidc.Family, error) {
		var r familyRow
		err := row(r.into()...)
		return r.family(), err
	}, `SELECT `+familyColumns+` FROM oidc_families f WHERE f.code_hash = $1`, codeHash)
}

// OIDCToken reads a token of a kind with what it stands on; fault.NotFound. Whether it works is looked up in the one
// statement, so that the answer is of one moment: what a recovery ended is refused from its commit on.
func (s *Store) OIDCToken(ctx context.Context, kind oidc.TokenKind, hash []byte, now time.Time) (oidc.Live, error) {
	return readOne(ctx, s, func(row func(...any) error) (oidc.Live, error) {
		var l oidc.Live
		var r familyRow
		var scopes string
		var issued, expires, works int64
		var used, ended sql.NullInt64
		err := row(append([]any{&l.Token.Hash, &l.Token.Kind, &l.Token.Family, &scopes, &l.Token.JKT, &issued, &expires, &used, &ended, &l.Subject, &works}, r.into()...)...)
		l.Token.Scopes, l.Token.IssuedAt, l.Token.ExpiresAt = strings.Fields(scopes), FromMicros(issued), FromMicros(expires)
		l.Token.UsedAt, l.Token.EndedAt, l.Works, l.Family = FromNullMicros(used), FromNullMicros(ended), works == 1, r.family()
		return l, err
	}, `SELECT t.hash, t.kind, t.family_id, t.scopes, t.jkt, t.issued_at, t.expires_at, t.used_at, t.ended_at, v.subject,
			CASE WHEN t.ended_at IS NULL AND t.used_at IS NULL AND t.expires_at > $3 AND f.ended_at IS NULL AND f.expires_at > $3
				AND a.state = 'open' AND c.state = 'active' THEN 1 ELSE 0 END, `+familyColumns+`
		FROM oidc_tokens t JOIN oidc_families f ON f.id = t.family_id JOIN oidc_sessions v ON v.id = f.sid
			JOIN accounts a ON a.id = f.account_id JOIN oidc_clients c ON c.id = f.client_id
		WHERE t.hash = $1 AND t.kind = $2`, hash, kind, Micros(now))
}

// OIDCSeen notes a proof that works once; false when it was seen before.
func (s *Store) OIDCSeen(ctx context.Context, kind string, hash []byte, until time.Time) (fresh bool, err error) {
	err = s.InTx(ctx, func(ctx context.Context, tx *Tx) error {
		n, err := tx.Exec(ctx, `INSERT INTO oidc_replays (kind, hash, expires_at) VALUES ($1, $2, $3) ON CONFLICT (kind, hash) DO NOTHING`,
			kind, hash, Micros(until))
		fresh = n == 1
		return err
	})
	return fresh, err
}

// CommitOIDC applies a change of the provider, and its effects, in one transaction.
// Faults: Conflict when a guard did not hold.
func (s *Store) CommitOIDC(ctx context.Context, act effect.Act, now time.Time, c oidc.Change, effects []effect.Effect) error {
	err := s.InTx(ctx, func(ctx context.Context, tx *Tx) error {
		for _, write := range []func(context.Context, *Tx, time.Time, oidc.Change) error{
			lockHolder, writeClient, writeRequest, writeGrant, writeVisit, writeFamily, writeTokens, endOIDC,
		} {
			if err := write(ctx, tx, now, c); err != nil {
				return err
			}
		}
		return applyEffects(ctx, tx, act, now, c.Rules, effects)
	})
	return uniqueIsConflict(err)
}

// lockHolder locks the account's row before something is issued for it, so that the end of everything (a recovery, a
// freeze) and this beginning see each other (I4).
func lockHolder(ctx context.Context, tx *Tx, now time.Time, c oidc.Change) error {
	if c.Holder == nil {
		return nil
	}
	if err := tx.ExecOne(ctx, `UPDATE accounts SET locale = locale WHERE id = $1 AND state = 'open' AND NOT must_change_password`, c.Holder.Account); err != nil {
		return err
	}
	return tx.ExecOne(ctx, `UPDATE sessions SET seen_at = seen_at WHERE id = $1 AND account_id = $2 AND ended_at IS NULL AND expires_at > $3 AND kind = 'full'`,
		c.Holder.Session, c.Holder.Account, Micros(now))
}

func writeRequest(ctx context.Context, tx *Tx, now time.Time, c oidc.Change) error {
	if r := c.NewRequest; r != nil {
		if err := tx.ExecOne(ctx, `INSERT INTO oidc_requests (`+requestColumns+`) VALUES `+places(1, 7),
			r.ID, r.Client, r.RefHash, r.State, r.Sealed, Micros(r.CreatedAt), Micros(r.ExpiresAt)); err != nil {
			return err
		}
	}
	if c.OpenRequest != "" {
		if err := tx.ExecOne(ctx, `UPDATE oidc_requests SET state = 'open', expires_at = $1 WHERE id = $2 AND state = 'pushed' AND expires_at > $3`,
			Micros(c.OpenUntil), c.OpenRequest, Micros(now)); err != nil {
			return err
		}
	}
	if c.DoneRequest == "" {
		return nil
	}
	return tx.ExecOne(ctx, `UPDATE oidc_requests SET state = 'done' WHERE id = $1 AND state = 'open' AND expires_at > $2`, c.DoneRequest, Micros(now))
}

func writeVisit(ctx context.Context, tx *Tx, _ time.Time, c oidc.Change) error {
	v := c.NewVisit
	if v == nil {
		return nil
	}
	return tx.ExecOne(ctx, `INSERT INTO oidc_sessions (`+visitColumns+`) VALUES `+places(1, 9), v.ID, v.Client, v.Account, v.Session, v.Subject,
		Micros(v.StartedAt), NullMicros(v.EndedAt), NullText(v.EndedWhy), NullMicros(v.ToldAt))
}

func writeFamily(ctx context.Context, tx *Tx, now time.Time, c oidc.Change) error {
	if f := c.NewFamily; f != nil {
		// Neither the consent nor the visit may have ended in between: the code would live on without it.
		if err := tx.ExecOne(ctx, `UPDATE oidc_grants SET subject = subject WHERE id = $1 AND account_id = $2 AND client_id = $3 AND ended_at IS NULL`,
			f.Grant, f.Account, f.Client); err != nil {
			return err
		}
		if err := tx.ExecOne(ctx, `UPDATE oidc_sessions SET subject = subject WHERE id = $1 AND ended_at IS NULL`, f.Visit); err != nil {
			return err
		}
		if err := tx.ExecOne(ctx, `INSERT INTO oidc_families (id, client_id, account_id, grant_id, sid, code_hash, code_until, used_at, redirect_uri,
				challenge, nonce, scopes, claims, acr, amr, auth_time, jkt, started_at, expires_at, ended_at, ended_why, version) VALUES `+places(1, 22),
			f.ID, f.Client, f.Account, f.Grant, f.Visit, f.CodeHash, Micros(f.CodeUntil), NullMicros(f.UsedAt), f.Redirect, f.Challenge, clean(f.Nonce),
			strings.Join(f.Scopes, " "), f.Claims, f.ACR, strings.Join(f.AMR, " "), Micros(f.AuthTime), f.JKT, Micros(f.StartedAt), Micros(f.ExpiresAt),
			NullMicros(f.EndedAt), NullText(f.EndedWhy), f.Version); err != nil {
			return err
		}
	}
	if f := c.UseCode; f != nil {
		if err := tx.ExecOne(ctx, `UPDATE oidc_families SET used_at = $1, version = version + 1
			WHERE id = $2 AND used_at IS NULL AND code_until > $1 AND ended_at IS NULL
				AND EXISTS (SELECT 1 FROM accounts a WHERE a.id = oidc_families.account_id AND a.state = 'open')`, Micros(now), f.ID); err != nil {
			return err
		}
	}
	r := c.UseRefresh
	if r == nil {
		return nil
	}
	// The family's row is the lock: whoever ends it waits for us, or we see that it has ended.
	if err := tx.ExecOne(ctx, `UPDATE oidc_families SET version = version + 1 WHERE id = $1 AND ended_at IS NULL AND expires_at > $2
			AND EXISTS (SELECT 1 FROM accounts a WHERE a.id = oidc_families.account_id AND a.state = 'open')`, r.Family, Micros(now)); err != nil {
		return err
	}
	return tx.ExecOne(ctx, `UPDATE oidc_tokens SET used_at = $1 WHERE hash = $2 AND kind = 'refresh' AND used_at IS NULL AND ended_at IS NULL AND expires_at > $1`,
		Micros(now), r.Hash)
}

func writeTokens(ctx context.Context, tx *Tx, _ time.Time, c oidc.Change) error {
	if len(c.NewTokens) == 0 {
		return nil
	}
	args := make([]any, 0, 9*len(c.NewTokens))
	for _, t := range c.NewTokens {
		args = append(args, t.Hash, t.Kind, t.Family, strings.Join(t.Scopes, " "), t.JKT, Micros(t.IssuedAt), Micros(t.ExpiresAt), NullMicros(t.UsedAt), NullMicros(t.EndedAt))
	}
	return tx.ExecAny(ctx, `INSERT INTO oidc_tokens (hash, kind, family_id, scopes, jkt, issued_at, expires_at, used_at, ended_at) VALUES `+places(len(c.NewTokens), 9), args...)
}

func endOIDC(ctx context.Context, tx *Tx, now time.Time, c oidc.Change) error {
	if c.EndFamily != "" {
		if err := tx.ExecOne(ctx, `UPDATE oidc_families SET ended_at = $1, ended_why = $2, version = version + 1 WHERE id = $3 AND ended_at IS NULL`,
			Micros(now), c.Why, c.EndFamily); err != nil {
			return err
		}
	}
	if c.EndToken != nil {
		if err := tx.ExecOne(ctx, `UPDATE oidc_tokens SET ended_at = $1 WHERE hash = $2 AND ended_at IS NULL`, Micros(now), c.EndToken); err != nil {
			return err
		}
	}
	if c.EndVisits == nil {
		return nil
	}
	return leaveSystemsOf(ctx, tx, now, c.EndVisits.Session, c.Why)
}
