package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"doverie/internal/account"
	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/policy"
	"doverie/internal/ratelimit"
	"doverie/internal/recovery"
	"doverie/internal/trust"
)

// Trust is the store as the trust and recovery services see it. It carries the policy because
// whether a phone is current, and how old somebody is, are questions to the policy.
type Trust struct {
	s *Store
	p policy.Policy
}

// NewTrust gives the trust and recovery services their store.
func NewTrust(s *Store, p policy.Policy) *Trust { return &Trust{s: s, p: p} }

var (
	_ trust.Circles     = (*Trust)(nil)
	_ trust.Codes       = (*Trust)(nil)
	_ trust.Newcomers   = (*Trust)(nil)
	_ trust.Limiter     = (*Trust)(nil)
	_ trust.PhoneOwners = (*Trust)(nil)
	_ recovery.Attempts = (*Trust)(nil)
)

func notFound() error { return fault.New(fault.NotFound, "fault.not_found", nil) }

// Decide implements trust.Circles: lock, read, decide, write, in one transaction.
func (t *Trust) Decide(ctx context.Context, act effect.Act, around trust.Around, decide func(trust.Circle) (trust.Outcome, error)) error {
	of, err := whoseCircle(around)
	if err != nil {
		return err
	}
	return t.s.InTx(ctx, func(ctx context.Context, tx *Tx) error {
		c, err := t.circle(ctx, tx, tx.Now(), of, around, lockCircle(tx, of, around.Newcomer))
		if err != nil {
			return err
		}
		out, err := decide(c)
		if err != nil {
			return err
		}
		return t.write(ctx, tx, act, out)
	})
}

// Look implements trust.Circles.
func (t *Trust) Look(ctx context.Context, around trust.Around) (c trust.Circle, err error) {
	of, err := whoseCircle(around)
	if err != nil {
		return trust.Circle{}, err
	}
	err = t.s.Read(ctx, func(ctx context.Context, q Querier) (err error) {
		c, err = t.circle(ctx, q, t.now(), of, around)
		return err
	})
	return c, err
}

// lockCircle locks the accounts a decision looks at, in one order for everybody. It is a statement of
// its own: what is read after it is what the winner before us has committed. A decision that joins
// what it locks would read the other tables as they were before it waited.
func lockCircle(tx *Tx, of whose, newcomer string) read {
	return read{`SELECT id FROM accounts WHERE id IN (SELECT ` + of.principal + ` UNION ALL SELECT CAST($2 AS TEXT)
			UNION ALL SELECT contact_id FROM links WHERE principal_id = ` + of.principal + ` AND state IN ('active', 'suspended', 'leaving'))
		ORDER BY id` + tx.ForUpdate(), []any{of.id, newcomer}, func(rows Rows) error {
		for rows.Next() {
		}
		return rows.Err()
	}}
}

// CountTry implements trust.Codes.
func (t *Trust) CountTry(ctx context.Context, purpose, bound string, p policy.Policy) (trust.Try, error) {
	code, err := t.s.CountTry(ctx, purpose, bound, p.CodeTries, t.s.now())
	if fault.Is(err, fault.NotFound) {
		return trust.Try{}, fault.New(fault.Refused, "fault.code.dead", nil)
	}
	if err != nil {
		return trust.Try{}, err
	}
	return trust.Try{CodeID: code.ID, Hash: code.Hash, Left: p.CodeTries - code.Tries}, nil
}

// MaySend implements trust.Codes.
func (t *Trust) MaySend(ctx context.Context, purpose, bound string, p policy.Policy) error {
	last, err := t.s.LastCodeAt(ctx, purpose, bound)
	if err != nil || last.IsZero() {
		return err
	}
	if wait := last.Add(p.CodeResend).Sub(t.s.now()); wait > 0 {
		return fault.New(fault.Limited, "fault.code.too_soon", fault.Args{"After": wait})
	}
	return nil
}

// PhoneAllows implements trust.Codes.
func (t *Trust) PhoneAllows(ctx context.Context, purpose, phone string, p policy.Policy) (bool, error) {
	sent, busy, err := t.s.codesOn(ctx, phone, purpose, t.s.now())
	return sent < p.CodesPerPhoneDay && (!busy || !recovers(purpose)), err
}

// Allow implements trust.Limiter.
func (t *Trust) Allow(ctx context.Context, name, subject string, burst int, per time.Duration) error {
	ok, after, err := t.s.Allow(ctx, ratelimit.Key(t.s.keys, name, subject), ratelimit.Limit{Burst: burst, Per: per}, t.s.now())
	if err == nil && !ok {
		return fault.New(fault.Limited, "fault.limited."+name, fault.Args{"After": after})
	}
	return err
}

// Matching implements trust.Newcomers.
func (t *Trust) Matching(ctx context.Context, nameHash, phoneHash []byte) (id string, err error) {
	err = t.s.Read(ctx, func(ctx context.Context, q Querier) error {
		return q.QueryRow(ctx, `SELECT id FROM accounts WHERE phone_hash = $1 AND name_hash = $2 AND phone_current`, phoneHash, nameHash).Scan(&id)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return id, err
}

// OwnerOf implements trust.PhoneOwners.
func (t *Trust) OwnerOf(ctx context.Context, phone string) (id string, err error) {
	err = t.s.Read(ctx, func(ctx context.Context, q Querier) error {
		return q.QueryRow(ctx, `SELECT id FROM accounts WHERE phone = $1 AND phone_current`, phone).Scan(&id)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return id, err
}

// Block implements trust.Newcomers.
func (t *Trust) Block(ctx context.Context, contact, principal string) error {
	return t.s.InTx(ctx, func(ctx context.Context, tx *Tx) error {
		_, err := tx.Exec(ctx, `INSERT INTO invitation_blocks (contact_id, principal_id, at) VALUES ($1, $2, $3)
			ON CONFLICT (contact_id, principal_id) DO NOTHING`, contact, principal, Micros(tx.Now()))
		return err
	})
}

// Begin implements recovery.Attempts.
func (t *Trust) Begin(ctx context.Context, act effect.Act, r recovery.Recovery, browser []byte, effects []effect.Effect) error {
	return t.s.InTx(ctx, func(ctx context.Context, tx *Tx) error {
		if err := insertRecovery(ctx, tx, r, browser); err != nil {
			return err
		}
		return applyEffects(ctx, tx, act, tx.Now(), t.p.Version, effects)
	})
}

// Of implements recovery.Attempts.
func (t *Trust) Of(ctx context.Context, browser []byte) (r recovery.Recovery, err error) {
	err = t.s.Read(ctx, func(ctx context.Context, q Querier) (err error) {
		r, err = scanRecovery(q.QueryRow(ctx, `SELECT `+recoveryColumns+` FROM recoveries WHERE browser_hash = $1`, browser).Scan)
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return recovery.Recovery{}, notFound()
	}
	return r, err
}

// OpenOf implements recovery.Attempts.
func (t *Trust) OpenOf(ctx context.Context, accountID string) (id string, err error) {
	err = t.s.Read(ctx, func(ctx context.Context, q Querier) error {
		return q.QueryRow(ctx, `SELECT id FROM recoveries WHERE account_id = $1 AND state IN ('awaiting_contact', 'approved', 'verified')`, accountID).Scan(&id)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return id, err
}

// age counts full years on the civil date of asking, or −1 without a birth date.
func age(birth account.Date, now time.Time, p policy.Policy) int {
	if birth.IsZero() {
		return -1
	}
	return account.Age(birth, now, p.Location())
}
