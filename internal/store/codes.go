package store

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/ratelimit"
	"doverie/internal/secret"
	"doverie/internal/trust"
)

// lookupPhone is the domain of the keyed hash under which a phone is known to codes and slots.
const lookupPhone = "code phone"

// countedSpan is the span in which codes of one purpose to one phone are counted (DOMAIN §5.2).
const countedSpan = 24 * time.Hour

// recovers reports whether a code of the purpose gives control of the account whose phone it goes
// to. Such a code and an approval code never live on one phone: "read me the code" must not be
// able to get the contact's own account (DOMAIN §5.5e, the reverse attack).
func recovers(purpose string) bool {
	switch secret.Purpose(purpose) {
	case secret.RecoveryProve, secret.RecoveryFinish, secret.ChangePhone:
		return true
	}
	return false
}

// issueCode stores a code and ends the older live one of the same purpose and object.
//
// The phone's slot comes first: its row is the lock under which the rules of one phone hold, because
// whoever waits for it sees, in the next statement, what the winner has committed. The rules are judged by the
// database, in the insert itself, so that nobody waits for an answer with the slot held; whom they refuse, InTx tells why
// (whyNoCode). A live approval code gives way only to a new one for the same approval. An approval code is refused while
// a code that gives the account away lives on the phone, even when a harmless code has taken the slot from it since.
func issueCode(ctx context.Context, tx *Tx, now time.Time, c effect.IssueCode, later *batch) error {
	if c.Phone != "" {
		if err := takeSlot(ctx, tx, now, c); err != nil {
			return err
		}
	}
	if err := tx.ExecAny(ctx, `UPDATE codes SET state = 'dropped', ended_at = $3 WHERE purpose = $1 AND bound = $2 AND state = 'live'`,
		c.Purpose, c.Bound, Micros(now)); err != nil {
		return err
	}
	if c.Phone == "" {
		return tx.ExecOne(ctx, `INSERT INTO codes (id, purpose, bound, account_id, hash, recovers, state, tries, issued_at, expires_at)
			VALUES ($1, $2, $3, $4, $5, $6, 'live', 0, $7, $8)`,
			c.ID, c.Purpose, c.Bound, NullText(c.Account), c.Hash, recovers(c.Purpose), Micros(now), Micros(c.ExpiresAt))
	}
	if c.Quiet || c.Hidden {
		phone := tx.s.keys.Lookup(lookupPhone, c.Phone)
		for _, key := range []string{c.ID, "code:" + c.ID} { // as its message may be called
			later.quiet[key] = quietCode{c.ID, phone}
		}
	}
	return insertJudged(ctx, tx, now, c)
}

// takeSlot makes the code the one that lives on the phone, or refuses it. A quiet or hidden code that does not get the slot is muted;
// that a muted one may have it is no harm: only the slot of an approval code keeps others out, and that one it does not take.
func takeSlot(ctx context.Context, tx *Tx, now time.Time, c effect.IssueCode) error {
	const query = `INSERT INTO phone_slots (phone_hash, code_id, purpose, bound, until) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (phone_hash) DO UPDATE SET code_id = excluded.code_id, purpose = excluded.purpose, bound = excluded.bound, until = excluded.until
		WHERE phone_slots.until <= $6 OR phone_slots.purpose <> $7
			OR (excluded.purpose = $7 AND excluded.bound = phone_slots.bound)`
	args := []any{tx.s.keys.Lookup(lookupPhone, c.Phone), c.ID, c.Purpose, c.Bound, Micros(c.ExpiresAt), Micros(now), string(secret.Approval)}
	if c.Quiet || c.Hidden {
		return tx.ExecAny(ctx, query, args...)
	}
	return tx.execOneOr(ctx, otherLive(), query, args...)
}

// insertJudged stores the code behind its slot, if the rules of the phone allow it. A quiet code is stored all the same, and
// is worth nothing when they do not: then it is c.Muted. So is a hidden one that did not get the slot. The share is judged
// first and counted then: of one account all go through one slot.
func insertJudged(ctx context.Context, tx *Tx, now time.Time, c effect.IssueCode) error {
	limit := int64(math.MaxInt64)
	if c.DayLimit > 0 {
		limit = int64(c.DayLimit)
	}
	muted := c.Muted(secret.HashToken(secret.Token()))
	args := []any{
		c.ID, c.Purpose, c.Bound, NullText(c.Account), tx.s.keys.Lookup(lookupPhone, c.Phone), c.Hash, recovers(c.Purpose), Micros(now), Micros(c.ExpiresAt),
		tx.s.keys.Lookup(lookupPhone, muted.Phone), muted.Hash, Micros(now.Add(-countedSpan)), limit, Micros(now.Add(-c.Pause)), string(secret.Approval),
		c.Quiet || c.Hidden, c.Quiet,
	}
	share, within := Check{Key: ratelimit.Key(tx.s.keys, c.Share.Name, c.Share.Subject), Limit: ratelimit.Limit{Burst: c.Share.Most, Per: c.Share.Per}}, "TRUE"
	if c.Share.Most > 0 && !c.Share.CountOnly {
		var more []any
		within, more = mayAct(share, now, len(args))
		args = append(args, more...)
	}
	// The middle branch of the second CASE is never taken: it tells PostgreSQL what kind of values the others are.
	err := tx.execOneOr(ctx, refusedCodeError{c, now}, `INSERT INTO codes (id, purpose, bound, account_id, phone_hash, hash, recovers, state, tries, issued_at, expires_at)
		SELECT $1, $2, $3, $4, CASE WHEN v.free AND v.within THEN v.phone_hash ELSE $10 END,
			CASE WHEN v.free AND v.within THEN $6 WHEN v.free IS NULL THEN v.phone_hash ELSE $11 END, $7, 'live', 0, $8, $9
		FROM (SELECT s.phone_hash AS phone_hash, s.code_id = $1 AS free,
				(SELECT COUNT(id) FROM codes WHERE phone_hash = $5 AND purpose = $2 AND issued_at > $12) < $13 AND `+within+` AS within
			FROM phone_slots s WHERE s.phone_hash = $5) v
		WHERE (v.free OR $16) AND (v.within OR $17)
			AND NOT EXISTS (SELECT 1 FROM codes WHERE bound = $3 AND purpose = $2 AND issued_at > $14)
			AND NOT ($2 = $15 AND EXISTS (SELECT 1 FROM codes WHERE phone_hash = $5 AND recovers = TRUE AND state = 'live' AND expires_at > $8))`, args...)
	if err != nil || c.Share.Most == 0 {
		return err
	}
	query, args := countAct(share, now)
	return tx.ExecAny(ctx, query, args...)
}

// refusedCodeError is a code that the rules of its phone did not allow.
type refusedCodeError struct {
	c   effect.IssueCode
	now time.Time
}

// Error implements error.
func (refusedCodeError) Error() string { return "store: the rules of the phone refuse the code" }

// whyNoCode puts in place of a refusedCodeError what the person is told. It looks after the refusal, for nobody else has
// to wait for the answer.
func (s *Store) whyNoCode(ctx context.Context, err error) error {
	var refused refusedCodeError
	if !errors.As(err, &refused) {
		return err
	}
	c, now := refused.c, refused.now
	var rivals, sent int
	var oldest, last sql.NullInt64
	err = s.Read(ctx, func(ctx context.Context, q Querier) error {
		return q.QueryRow(ctx, `SELECT
				COUNT(CASE WHEN recovers = TRUE AND state = 'live' AND expires_at > $2 THEN 1 END),
				COUNT(CASE WHEN purpose = $3 THEN 1 END),
				MIN(CASE WHEN purpose = $3 THEN issued_at END),
				(SELECT MAX(issued_at) FROM codes WHERE bound = $5 AND purpose = $3)
			FROM codes WHERE phone_hash = $1 AND issued_at > $4`,
			s.keys.Lookup(lookupPhone, c.Phone), Micros(now), c.Purpose, Micros(now.Add(-countedSpan)), c.Bound).Scan(&rivals, &sent, &oldest, &last)
	})
	if err != nil {
		return err
	}
	wait := FromNullMicros(last).Add(c.Pause).Sub(now)
	switch {
	case c.Purpose == string(secret.Approval) && rivals > 0:
		return otherLive()
	case last.Valid && wait > 0:
		return fault.New(fault.Limited, "fault.code.too_soon", fault.Args{"After": wait})
	case !c.Quiet && c.DayLimit > 0 && sent >= c.DayLimit:
		return fault.New(fault.Limited, "fault.code.too_many", fault.Args{"After": FromNullMicros(oldest).Add(countedSpan).Sub(now)})
	}
	return conflict() // what refused it is over by now
}

func otherLive() error {
	return fault.New(fault.Conflict, "fault.code.other_live", nil).Because(ErrGuard)
}

// useCode burns a live code, once. The slot goes first: the same order as in issueCode, so that the
// two cannot wait for each other.
func useCode(ctx context.Context, tx *Tx, now time.Time, id string) error {
	if err := tx.ExecAny(ctx, `DELETE FROM phone_slots WHERE code_id = $1`, id); err != nil {
		return err
	}
	return tx.execOneOr(ctx, fault.New(fault.Conflict, "fault.code.used", nil).Because(ErrGuard),
		`UPDATE codes SET state = 'used', ended_at = $2 WHERE id = $1 AND state = 'live' AND expires_at > $2`, id, Micros(now))
}

// dropCodes ends every live code of the object.
func dropCodes(ctx context.Context, tx *Tx, now time.Time, bound string) error {
	if err := tx.ExecAny(ctx, `DELETE FROM phone_slots WHERE code_id IN (SELECT id FROM codes WHERE bound = $1 AND state = 'live')`, bound); err != nil {
		return err
	}
	return tx.ExecAny(ctx, `UPDATE codes SET state = 'dropped', ended_at = $2 WHERE bound = $1 AND state = 'live'`, bound, Micros(now))
}

// dropApprovalCodes ends the live codes of a request to a contact, in whichever of his sessions: trust.CodeBound puts
// the request in front.
func dropApprovalCodes(ctx context.Context, tx *Tx, now time.Time, approval string) error {
	front := trust.CodeBound(approval, "")
	if err := tx.ExecAny(ctx, `DELETE FROM phone_slots WHERE code_id IN (SELECT id FROM codes
			WHERE purpose = 'approval' AND SUBSTR(bound, 1, CAST($2 AS INTEGER)) = $1 AND state = 'live')`, front, len(front)); err != nil {
		return err
	}
	return tx.ExecAny(ctx, `UPDATE codes SET state = 'dropped', ended_at = $3
		WHERE purpose = 'approval' AND SUBSTR(bound, 1, CAST($2 AS INTEGER)) = $1 AND state = 'live'`, front, len(front), Micros(now))
}

// CodeRow is a stored one-time code.
type CodeRow struct {
	ID        string
	Purpose   string
	Bound     string
	Account   string // empty for a registration
	Hash      []byte
	Tries     int // counted so far, this one included
	IssuedAt  time.Time
	ExpiresAt time.Time
}

const codeColumns = `id, purpose, bound, account_id, hash, tries, issued_at, expires_at`

// codeRow is what codeColumns are scanned into.
type codeRow struct {
	c               CodeRow
	account         sql.NullString
	issued, expires int64
}

func (r *codeRow) targets() []any {
	return []any{&r.c.ID, &r.c.Purpose, &r.c.Bound, &r.account, &r.c.Hash, &r.c.Tries, &r.issued, &r.expires}
}

func (r *codeRow) code() CodeRow {
	c := r.c
	c.Account, c.IssuedAt, c.ExpiresAt = r.account.String, FromMicros(r.issued), FromMicros(r.expires)
	return c
}

func scanCode(row func(...any) error) (CodeRow, error) {
	var r codeRow
	err := row(r.targets()...)
	return r.code(), err
}

// CountTry counts one try at the live code of the purpose for the object, in a transaction of its own, before
// anybody compares anything, and returns what to compare with. However many try at once, at most maxTries ever
// get a hash.
//
// Errors: fault.NotFound "fault.code.unknown" (never sent, used, or dropped); fault.Refused with
// "fault.code.expired" or "fault.code.spent" (no try left).
func (s *Store) CountTry(ctx context.Context, purpose, bound string, maxTries int, now time.Time) (CodeRow, error) {
	var code CodeRow
	why := fault.New(fault.NotFound, "fault.code.unknown", nil)
	err := s.InTx(ctx, func(ctx context.Context, tx *Tx) error {
		tx.with(ctx, s.tryReads(ctx, `CAST($2 AS TEXT)`, bound, purpose, maxTries, now, func(c CodeRow, none *fault.Error) { code, why = c, none })...)
		return nil
	})
	if err == nil && why != nil {
		return CodeRow{}, why
	}
	return code, err
}

// tryReads count a try at the live code of the purpose for an object, which bound finds as SQL from $2. take gets the
// code to compare with, or why there is none to try; it is not called when there is no live code at all.
func (s *Store) tryReads(
	ctx context.Context, bound string, object any, purpose string, maxTries int, now time.Time, take func(c CodeRow, why *fault.Error),
) []read {
	live := `purpose = $1 AND bound = ` + bound + ` AND state = 'live'`
	counted := false
	return []read{
		s.counted(ctx, func(row func(...any) error) error {
			c, err := scanCode(row)
			if counted = err == nil; counted {
				take(c, nil)
			}
			return err
		}, `UPDATE codes SET tries = tries + 1 WHERE `+live+` AND tries < $3 AND expires_at > $4 RETURNING `+codeColumns, purpose, object, maxTries, Micros(now)),
		one(func(row func(...any) error) error {
			c, err := scanCode(row)
			switch {
			case err != nil || counted:
			case !now.Before(c.ExpiresAt):
				take(CodeRow{}, fault.New(fault.Refused, "fault.code.expired", nil))
			default:
				take(CodeRow{}, fault.New(fault.Refused, "fault.code.spent", nil))
			}
			return err
		}, `SELECT `+codeColumns+` FROM codes WHERE `+live, purpose, object),
	}
}

// LiveCode returns the newest code of the purpose for the object that is neither used nor dropped;
// it may be past ExpiresAt, so that a page can say so. fault.NotFound "fault.code.unknown" if none.
func (s *Store) LiveCode(ctx context.Context, purpose, bound string) (CodeRow, error) {
	var code CodeRow
	err := s.Read(ctx, func(ctx context.Context, q Querier) (err error) {
		code, err = scanCode(q.QueryRow(ctx, `SELECT `+codeColumns+` FROM codes
			WHERE purpose = $1 AND bound = $2 AND state = 'live'`, purpose, bound).Scan)
		return err
	})
	if errors.Is(err, sql.ErrNoRows) {
		return CodeRow{}, fault.New(fault.NotFound, "fault.code.unknown", nil)
	}
	return code, err
}

// LastCodeAt returns when a code of the purpose was last issued for the object, whatever became of
// it; the zero time if never. The pause before sending again counts from it.
func (s *Store) LastCodeAt(ctx context.Context, purpose, bound string) (time.Time, error) {
	var at sql.NullInt64
	err := s.Read(ctx, func(ctx context.Context, q Querier) error {
		return q.QueryRow(ctx, `SELECT MAX(issued_at) FROM codes WHERE purpose = $1 AND bound = $2`, purpose, bound).Scan(&at)
	})
	return FromNullMicros(at), err
}

// CodesSent counts the codes of the purpose issued to the phone after since. It is for showing and
// for refusing early; the limit itself is IssueCode.DayLimit.
func (s *Store) CodesSent(ctx context.Context, phone, purpose string, since time.Time) (int, error) {
	var n int
	err := s.Read(ctx, func(ctx context.Context, q Querier) error {
		return q.QueryRow(ctx, `SELECT COUNT(id) FROM codes WHERE phone_hash = $1 AND purpose = $2 AND issued_at > $3`,
			s.keys.Lookup(lookupPhone, phone), purpose, Micros(since)).Scan(&n)
	})
	return n, err
}
