package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"doverie/internal/account"
	"doverie/internal/audit"
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
	var try trust.Try
	decideTx := func(ctx context.Context, tx *Tx) error {
		c, err := t.circle(ctx, tx, tx.Now(), of, around, append([]read{lockCircle(tx, of, around.Newcomer)}, tx.nearReads(of, around.Newcomer)...)...)
		if err != nil {
			return err
		}
		c.Try = try
		out, err := decide(c)
		if err != nil {
			return err
		}
		return t.write(ctx, tx, act, out)
	}
	if around.Try == nil {
		return t.s.InTx(ctx, decideTx)
	}
	return t.s.inTxBehind(ctx, t.tryReads(ctx, around, &try), decideTx)
}

// accounts are those of a circle, as SQL: the principal ($1), the newcomer ($2) and the contacts.
func (of whose) accounts() string {
	return `SELECT ` + of.principal + ` UNION ALL SELECT CAST($2 AS TEXT)
		UNION ALL SELECT contact_id FROM links WHERE principal_id = ` + of.principal + ` AND state IN ('active', 'suspended', 'leaving')`
}

// nearReads ask, behind the lock, what the end of the decision will need if it needs no more: the addresses of everybody
// in the circle, and where the event log ends.
func (t *Tx) nearReads(of whose, newcomer string) []read {
	t.near, t.peek = map[string]addresses{}, nil
	reads := []read{intoAddresses(t.near, everyAddress+`a.id IN (`+of.accounts()+`)`, of.id, newcomer)}
	if t.s.d.pipelines { // elsewhere nothing is saved by it
		t.peek = new(audit.Head)
		t.s.crowd.deciding.Add(1)
		reads = append(reads, headRead("", t.peek))
	}
	return reads
}

// seen is what the end of a transaction will need, read before it began. The addresses may be one trip old, as those are that
// a transaction reads without a lock; the end of the log is only tried.
type seen struct {
	near map[string]addresses
	peek *audit.Head // nil: not read
}

// reads ask for the addresses of one account, and where the log ends.
func (s *seen) reads(d dialect, where string, key any) []read {
	s.near = map[string]addresses{}
	reads := []read{intoAddresses(s.near, addressesFrom+where, key)}
	if d.pipelines { // as in nearReads
		s.peek = new(audit.Head)
		reads = append(reads, headRead("", s.peek))
	}
	return reads
}

// recall takes over what was read before the transaction began.
func (t *Tx) recall(s *seen) {
	t.near = s.near
	if s.peek != nil {
		head := *s.peek
		t.peek = &head
		t.s.crowd.deciding.Add(1)
	}
}

// tryReads count the attempt that goes ahead of a decision.
func (t *Trust) tryReads(ctx context.Context, around trust.Around, try *trust.Try) []read {
	bound, object := `CAST($2 AS TEXT)`, any(around.Try.Bound)
	if around.Try.Bound == "" {
		bound, object = `(SELECT id FROM recoveries WHERE browser_hash = $2)`, around.Browser
	}
	return t.s.tryReads(ctx, bound, object, around.Try.Purpose, around.Try.Most, t.s.now(), func(c CodeRow, why *fault.Error) {
		if why != nil {
			*try = trust.Try{Why: why}
			return
		}
		*try = trust.Try{CodeID: c.ID, Hash: c.Hash, Left: around.Try.Most - c.Tries}
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
	return read{`SELECT id FROM accounts WHERE id IN (` + of.accounts() + `) ORDER BY id` + tx.ForUpdate(), []any{of.id, newcomer}, func(rows Rows) error {
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
func (t *Trust) Begin(ctx context.Context, act effect.Act, r recovery.Recovery, owner recovery.Owner, browser []byte, effects []effect.Effect) error {
	return t.s.InTx(ctx, func(ctx context.Context, tx *Tx) error {
		if seen, ok := owner.Seen.(*seen); ok {
			tx.recall(seen)
		}
		if err := insertRecovery(ctx, tx, r, browser); err != nil {
			return err
		}
		return applyEffects(ctx, tx, act, tx.Now(), t.p.Version, effects)
	})
}

// WithOwner implements recovery.Attempts. Nobody, the owner of a decoy, is looked for like anybody.
func (t *Trust) WithOwner(ctx context.Context, browser []byte) (recovery.Recovery, recovery.Owner, error) {
	var rows []recovery.Recovery
	var found arrival
	err := t.s.Read(ctx, func(ctx context.Context, q Querier) error {
		found = arrival{}
		return readAll(ctx, q, append(found.reads(`WHERE a.id = (SELECT account_id FROM recoveries WHERE browser_hash = $1)`, browser, nil),
			into(&rows, scanRecovery, `SELECT `+recoveryColumns+` FROM recoveries WHERE browser_hash = $1`, browser))...)
	})
	if err == nil && len(rows) == 0 {
		err = notFound()
	}
	if err != nil {
		return recovery.Recovery{}, recovery.Owner{}, err
	}
	return rows[0], found.owner(t.now(), t.p), nil
}

// Arrive implements recovery.Attempts.
func (t *Trust) Arrive(ctx context.Context, area string, id account.Identifier, device []byte) (recovery.Owner, error) {
	var found arrival
	var also seen
	name, limit, where := "recovery_area", ratelimit.Limit{Burst: t.p.RecoveriesPerArea, Per: time.Hour}, identified(id.Kind)
	refused, after, err := t.s.allow(ctx, []Check{{Key: ratelimit.Key(t.s.keys, name, area), Limit: limit}}, t.s.now(),
		append(found.reads(where, id.Value, device), also.reads(t.s.d, where, id.Value)...)...)
	if err == nil && refused.Key != nil {
		err = fault.New(fault.Limited, "fault.limited."+name, fault.Args{"After": after})
	}
	if err != nil {
		return recovery.Owner{}, err
	}
	owner := found.owner(t.now(), t.p)
	owner.Seen = &also
	return owner, nil
}

// arrival is what is found of somebody who starts: the account, and whether his browser is one that its owner
// signed in from before.
type arrival struct {
	account account.Account
	device  string // account of the remembered browser
}

// reads ask for both, always: nobody costs what anybody costs (I6).
func (f *arrival) reads(where string, key any, device []byte) []read {
	return []read{
		optional(&f.account, scanAccount, `SELECT `+accountColumns+accountFrom+where, key),
		deviceRead(&f.device, device),
	}
}

// deviceRead reads whose a remembered browser is; without one it asks all the same.
func deviceRead(account *string, tokenHash []byte) read {
	return one(func(row func(...any) error) error { return row(account) }, `SELECT account_id FROM devices WHERE token_hash = $1 AND ended_at IS NULL`, tokenHash)
}

func (f *arrival) owner(now time.Time, p policy.Policy) recovery.Owner {
	a := f.account
	o := recovery.Owner{
		Account: a.ID, Phone: a.Phone, PhoneCurrent: a.PhoneCurrent(now, p), Words: a.OwnWords(), Known: a.ID != "" && f.device == a.ID,
	}
	if a.EmailVerified() {
		o.Email = a.Email
	}
	return o
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
