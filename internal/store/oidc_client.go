package store

import (
	"context"
	"database/sql"
	"strings"
	"time"

	"doverie/internal/effect"
	"doverie/internal/oidc"
)

const clientColumns = `id, name, kind, state, auth_method, secret_hash, jwks, redirect_uris, post_logout_uris, backchannel_logout_uri,
	subject_type, sector, scopes, id_token_alg, dpop_required, require_par, created_at, changed_at, version`

func scanClient(row func(...any) error) (oidc.Client, error) {
	var c oidc.Client
	var jwks, backchannel sql.NullString
	var redirects, logout, scopes string
	var created, changed int64
	err := row(&c.ID, &c.Name, &c.Kind, &c.State, &c.Auth, &c.SecretHash, &jwks, &redirects, &logout, &backchannel,
		&c.Subjects, &c.Sector, &scopes, &c.IDTokenAlg, &c.DPoPRequired, &c.RequirePAR, &created, &changed, &c.Version)
	c.JWKS, c.BackchannelLogout = jwks.String, backchannel.String
	c.Redirects, c.PostLogout, c.Scopes = strings.Fields(redirects), strings.Fields(logout), strings.Fields(scopes)
	c.CreatedAt, c.ChangedAt = FromMicros(created), FromMicros(changed)
	return c, err
}

// OIDCClient reads a client of the provider; fault.NotFound.
func (s *Store) OIDCClient(ctx context.Context, id string) (oidc.Client, error) {
	return readOne(ctx, s, scanClient, `SELECT `+clientColumns+` FROM oidc_clients WHERE id = $1`, clean(id))
}

// OIDCClients lists every client, by name.
func (s *Store) OIDCClients(ctx context.Context) (all []oidc.Client, err error) {
	err = s.Read(ctx, func(ctx context.Context, q Querier) (err error) {
		all, err = Collect(scanClient)(q.Query(ctx, `SELECT `+clientColumns+` FROM oidc_clients ORDER BY name, id`))
		return err
	})
	return all, err
}

func writeClient(ctx context.Context, tx *Tx, now time.Time, c oidc.Change) error {
	if x := c.NewClient; x != nil {
		if err := tx.ExecOne(ctx, `INSERT INTO oidc_clients (`+clientColumns+`) VALUES `+places(1, 19),
			x.ID, clean(x.Name), x.Kind, x.State, x.Auth, x.SecretHash, NullText(x.JWKS), strings.Join(x.Redirects, " "), strings.Join(x.PostLogout, " "),
			NullText(x.BackchannelLogout), x.Subjects, x.Sector, strings.Join(x.Scopes, " "), x.IDTokenAlg, x.DPoPRequired, x.RequirePAR,
			Micros(x.CreatedAt), Micros(x.ChangedAt), x.Version); err != nil {
			return err
		}
	}
	if x := c.ClientAfter; x != nil {
		if err := tx.ExecOne(ctx, `UPDATE oidc_clients SET name = $1, state = $2, auth_method = $3, secret_hash = $4, jwks = $5, redirect_uris = $6,
				post_logout_uris = $7, backchannel_logout_uri = $8, scopes = $9, id_token_alg = $10, dpop_required = $11, require_par = $12,
				changed_at = $13, version = version + 1
			WHERE id = $14 AND version = $15`,
			clean(x.Name), x.State, x.Auth, x.SecretHash, NullText(x.JWKS), strings.Join(x.Redirects, " "), strings.Join(x.PostLogout, " "),
			NullText(x.BackchannelLogout), strings.Join(x.Scopes, " "), x.IDTokenAlg, x.DPoPRequired, x.RequirePAR, Micros(now),
			c.ClientBefore.ID, c.ClientBefore.Version); err != nil {
			return err
		}
	}
	if c.DisableAll == "" {
		return nil
	}
	if err := tx.ExecAny(ctx, `UPDATE oidc_families SET ended_at = $1, ended_why = $2, version = version + 1
		WHERE client_id = $3 AND ended_at IS NULL`, Micros(now), c.Why, c.DisableAll); err != nil {
		return err
	}
	return tx.ExecAny(ctx, `UPDATE oidc_sessions SET ended_at = $1, ended_why = $2 WHERE client_id = $3 AND ended_at IS NULL`,
		Micros(now), c.Why, c.DisableAll)
}

const keyColumns = `id, alg, state, public, sealed, announced_at, signing_at, retired_at, served_until`

func scanOIDCKey(row func(...any) error) (oidc.Key, error) {
	var k oidc.Key
	var announced int64
	var signing, retired, served sql.NullInt64
	err := row(&k.ID, &k.Alg, &k.State, &k.Public, &k.Sealed, &announced, &signing, &retired, &served)
	k.AnnouncedAt = FromMicros(announced)
	k.SigningAt, k.RetiredAt, k.ServedUntil = FromNullMicros(signing), FromNullMicros(retired), FromNullMicros(served)
	return k, err
}

// OIDCKeys lists the signing keys that are published at that time, the signing ones first.
func (s *Store) OIDCKeys(ctx context.Context, now time.Time) (all []oidc.Key, err error) {
	err = s.Read(ctx, func(ctx context.Context, q Querier) (err error) {
		all, err = Collect(scanOIDCKey)(q.Query(ctx, `SELECT `+keyColumns+` FROM oidc_keys WHERE served_until IS NULL OR served_until > $1
			ORDER BY CASE state WHEN 'signing' THEN 1 WHEN 'announced' THEN 2 ELSE 3 END, alg DESC, announced_at DESC`, Micros(now)))
		return err
	})
	return all, err
}

// CommitOIDCKeys applies a change of the signing keys in one transaction.
// Faults: Conflict when a guard did not hold: another process was first.
func (s *Store) CommitOIDCKeys(ctx context.Context, act effect.Act, now time.Time, c oidc.KeyChange, effects []effect.Effect) error {
	err := s.InTx(ctx, func(ctx context.Context, tx *Tx) error {
		for _, k := range c.New {
			if err := tx.ExecOne(ctx, `INSERT INTO oidc_keys (`+keyColumns+`) VALUES `+places(1, 9), k.ID, k.Alg, k.State, k.Public, k.Sealed,
				Micros(k.AnnouncedAt), NullMicros(k.SigningAt), NullMicros(k.RetiredAt), NullMicros(k.ServedUntil)); err != nil {
				return err
			}
		}
		for _, id := range c.Retire { // before the promotion: of each algorithm one key signs
			if err := tx.ExecOne(ctx, `UPDATE oidc_keys SET state = 'retired', sealed = NULL, retired_at = $1, served_until = $2
				WHERE id = $3 AND state = 'signing'`, Micros(now), Micros(c.Served), id); err != nil {
				return err
			}
		}
		for _, id := range c.Promote {
			if err := tx.ExecOne(ctx, `UPDATE oidc_keys SET state = 'signing', signing_at = $1 WHERE id = $2 AND state = 'announced'`, Micros(now), id); err != nil {
				return err
			}
		}
		return applyEffects(ctx, tx, act, now, c.Rules, effects)
	})
	return uniqueIsConflict(err)
}
