package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/session"
)

const passkeyColumns = `id, account_id, credential_id, name, sealed, synced, sign_count, created_at, trusted_at, used_at, ended_at, ended_why, version`

func scanPasskey(row func(...any) error) (session.Passkey, error) {
	var k session.Passkey
	var created, trusted int64
	var used, ended sql.NullInt64
	var why sql.NullString
	err := row(&k.ID, &k.Account, &k.Credential, &k.Name, &k.Sealed, &k.Synced, &k.SignCount, &created, &trusted, &used, &ended, &why, &k.Version)
	k.CreatedAt, k.TrustedAt, k.EndedWhy = FromMicros(created), FromMicros(trusted), why.String
	k.UsedAt, k.EndedAt = FromNullMicros(used), FromNullMicros(ended)
	return k, err
}

// Passkeys lists the account's live keys, oldest first.
func (s *Store) Passkeys(ctx context.Context, accountID string) (all []session.Passkey, err error) {
	err = s.Read(ctx, func(ctx context.Context, q Querier) (err error) {
		all, err = Collect(scanPasskey)(q.Query(ctx, `SELECT `+passkeyColumns+` FROM passkeys
			WHERE account_id = $1 AND ended_at IS NULL ORDER BY created_at, id`, accountID))
		return err
	})
	return all, err
}

// PasskeyByCredential reads a live key; fault.NotFound.
func (s *Store) PasskeyByCredential(ctx context.Context, credential []byte) (session.Passkey, error) {
	return readOne(ctx, s, scanPasskey, `SELECT `+passkeyColumns+` FROM passkeys WHERE credential_id = $1 AND ended_at IS NULL`, credential)
}

// PasskeyChallenge reads the challenge that was neither answered nor is over; fault.NotFound.
func (s *Store) PasskeyChallenge(ctx context.Context, purpose, bound string, now time.Time) (id string, sealed []byte, err error) {
	err = s.Read(ctx, func(ctx context.Context, q Querier) error {
		return q.QueryRow(ctx, `SELECT id, sealed FROM passkey_challenges
			WHERE purpose = $1 AND bound = $2 AND used_at IS NULL AND expires_at > $3`, purpose, bound, Micros(now)).Scan(&id, &sealed)
	})
	return id, sealed, missing(err)
}

// CommitPasskey applies a change of keys, and its effects, in one transaction.
// Faults: Conflict when a guard did not hold, or the credential is registered already.
func (s *Store) CommitPasskey(ctx context.Context, act effect.Act, now time.Time, c session.PasskeyChange, effects []effect.Effect) error {
	err := s.InTx(ctx, func(ctx context.Context, tx *Tx) error {
		if err := writePasskey(ctx, tx, now, c); err != nil {
			return err
		}
		return applyEffects(ctx, tx, act, now, c.Rules, effects)
	})
	return uniqueIsConflict(err)
}

func writePasskey(ctx context.Context, tx *Tx, now time.Time, c session.PasskeyChange) error {
	if a := c.Factor; a != nil {
		if err := tx.ExecOne(ctx, `UPDATE accounts SET factor_changed_at = $1, version = version + 1
			WHERE id = $2 AND version = $3 AND state = 'open'`, Micros(now), a.ID, a.Version); err != nil {
			return err
		}
	}
	if k := c.New; k != nil {
		if err := tx.ExecOne(ctx, `INSERT INTO passkeys (`+passkeyColumns+`) VALUES `+places(1, 13),
			k.ID, k.Account, k.Credential, clean(k.Name), k.Sealed, k.Synced, k.SignCount, Micros(k.CreatedAt), Micros(k.TrustedAt),
			NullMicros(k.UsedAt), NullMicros(k.EndedAt), NullText(k.EndedWhy), k.Version); err != nil {
			return err
		}
	}
	if c.Before == nil || c.After == nil {
		return nil
	}
	return tx.ExecOne(ctx, `UPDATE passkeys SET name = $1, trusted_at = $2, ended_at = $3, ended_why = $4, version = version + 1
		WHERE id = $5 AND version = $6 AND account_id = $7 AND ended_at IS NULL`,
		clean(c.After.Name), Micros(c.After.TrustedAt), NullMicros(c.After.EndedAt), NullText(c.After.EndedWhy),
		c.Before.ID, c.Before.Version, c.Before.Account)
}

func applyPasskeyEffect(ctx context.Context, tx *Tx, now time.Time, e effect.Effect) error {
	switch e := e.(type) {
	case effect.IssueChallenge:
		return tx.ExecOne(ctx, `INSERT INTO passkey_challenges (purpose, bound, id, account_id, sealed, issued_at, expires_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7)
			ON CONFLICT (purpose, bound) DO UPDATE SET id = excluded.id, account_id = excluded.account_id, sealed = excluded.sealed,
				issued_at = excluded.issued_at, expires_at = excluded.expires_at, used_at = NULL`,
			e.Purpose, e.Bound, e.ID, NullText(e.Account), e.Sealed, Micros(now), Micros(e.ExpiresAt))
	case effect.UseChallenge:
		n, err := tx.Exec(ctx, `UPDATE passkey_challenges SET used_at = $1
			WHERE purpose = $2 AND bound = $3 AND id = $4 AND used_at IS NULL AND expires_at > $1`, Micros(now), e.Purpose, e.Bound, e.ID)
		if err == nil && n != 1 {
			return fault.New(fault.Conflict, "fault.passkey.used", nil).Because(ErrGuard)
		}
		return err
	case effect.UsePasskey:
		return usePasskey(ctx, tx, now, e)
	case effect.MarkFactorChanged:
		return tx.ExecOne(ctx, `UPDATE accounts SET factor_changed_at = $1, version = version + 1
			WHERE id = $2 AND state <> 'closed'`, Micros(now), e.Account)
	}
	return fault.New(fault.Internal, "fault.internal", nil).Because(fmt.Errorf("store: effect %T has no implementation", e))
}

// usePasskey looks at the count and, where the key is to open something alone, at the newest recovery in the
// statement that writes: of two answers with one count one wins, and a recovery in between makes the key stale (I4).
func usePasskey(ctx context.Context, tx *Tx, now time.Time, e effect.UsePasskey) error {
	alone := int64(0)
	if e.Alone {
		alone = 1
	}
	return tx.ExecOne(ctx, `UPDATE passkeys SET sign_count = $1, sealed = $2, synced = $3, used_at = $4, version = version + 1
		WHERE id = $5 AND account_id = $6 AND ended_at IS NULL
			AND (sign_count < $1 OR (sign_count = 0 AND $1 = CAST(0 AS BIGINT)))
			AND NOT EXISTS (SELECT 1 FROM accounts a WHERE a.id = passkeys.account_id AND CAST($7 AS BIGINT) = 1 AND a.recovered_at > passkeys.trusted_at)`,
		e.SignCount, e.Sealed, e.Synced, Micros(now), e.ID, e.Account, alone)
}
