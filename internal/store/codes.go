package store

import (
	"context"
	"database/sql"
	"errors"
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
// whoever waits for it sees, in the next statement, what the winner has committed.
func issueCode(ctx context.Context, tx *Tx, now time.Time, c effect.IssueCode, later *batch, effects []effect.Effect) error {
	var phoneHash []byte
	if c.Phone != "" {
		muted, err := takeSlot(ctx, tx, now, c, later.early(tx, effects))
		if err != nil {
			return err
		}
		if muted {
			c = c.Muted(secret.HashToken(secret.Token()))
			later.mute(c.ID)
		}
		phoneHash = tx.s.keys.Lookup(lookupPhone, c.Phone)
	}
	if err := tx.ExecAny(ctx, `UPDATE codes SET state = 'dropped', ended_at = $3 WHERE purpose = $1 AND bound = $2 AND state = 'live'`,
		c.Purpose, c.Bound, Micros(now)); err != nil {
		return err
	}
	return tx.ExecOne(ctx, `INSERT INTO codes (id, purpose, bound, account_id, phone_hash, hash, recovers, state, tries, issued_at, expires_at)
		VALUES ($1, $2, $3, $4, $5, $6, $7, 'live', 0, $8, $9)`,
		c.ID, c.Purpose, c.Bound, NullText(c.Account), phoneHash, c.Hash, recovers(c.Purpose), Micros(now), Micros(c.ExpiresAt))
}

// takeSlot makes the code the one that lives on the phone, or refuses it; a quiet or hidden code it mutes instead. That a muted
// one has the slot then is no harm: only the slot of an approval code keeps others out, and that one it does not take.
//
// A live approval code gives way only to a new one for the same approval. An approval code is
// refused while a code that gives the account away lives on the phone, even when a harmless code
// has taken the slot from it since: therefore the second question.
func takeSlot(ctx context.Context, tx *Tx, now time.Time, c effect.IssueCode, early []read) (muted bool, err error) {
	approval, phoneHash := string(secret.Approval), tx.s.keys.Lookup(lookupPhone, c.Phone)
	taken := int64(0)
	// The slot is asked together with the questions behind it: which see what the winner of the slot has committed.
	slot := sent{query: `INSERT INTO phone_slots (phone_hash, code_id, purpose, bound, until) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (phone_hash) DO UPDATE SET code_id = excluded.code_id, purpose = excluded.purpose, bound = excluded.bound, until = excluded.until
		WHERE phone_slots.until <= $6 OR phone_slots.purpose <> $7
			OR (excluded.purpose = $7 AND excluded.bound = phone_slots.bound)`,
		args: []any{phoneHash, c.ID, c.Purpose, c.Bound, Micros(c.ExpiresAt), Micros(now), approval}, changed: func(n int64) { taken = n }}
	if !c.Quiet && !c.Hidden {
		slot.lost = otherLive()
	}
	if err := tx.send(ctx, slot); err != nil {
		return false, err
	}
	var rivals, sent int
	var oldest, last sql.NullInt64
	reads := []read{one(func(row func(...any) error) error { return row(&rivals, &sent, &oldest, &last) }, `SELECT
			COUNT(CASE WHEN recovers = TRUE AND state = 'live' AND expires_at > $2 THEN 1 END),
			COUNT(CASE WHEN purpose = $3 THEN 1 END),
			MIN(CASE WHEN purpose = $3 THEN issued_at END),
			(SELECT MAX(issued_at) FROM codes WHERE bound = $5 AND purpose = $3)
		FROM codes WHERE phone_hash = $1 AND issued_at > $4`,
		phoneHash, Micros(now), c.Purpose, Micros(now.Add(-countedSpan)), c.Bound)}
	within := true
	if c.Share.Most > 0 {
		within = false
		reads = append(reads, tx.shareRead(ctx, c.Share, now, &within))
	}
	if err := readAll(ctx, tx, append(reads, early...)...); err != nil {
		return false, err
	}
	wait := FromNullMicros(last).Add(c.Pause).Sub(now)
	over := c.DayLimit > 0 && sent >= c.DayLimit
	switch {
	case c.Purpose == approval && rivals > 0:
		return false, otherLive()
	case last.Valid && wait > 0:
		return false, fault.New(fault.Limited, "fault.code.too_soon", fault.Args{"After": wait})
	case c.Quiet:
		return taken != 1 || over || !within && !c.Share.CountOnly, nil
	case over:
		return false, fault.New(fault.Limited, "fault.code.too_many", fault.Args{"After": FromNullMicros(oldest).Add(countedSpan).Sub(now)})
	}
	return c.Hidden && taken != 1, nil
}

// shareRead counts one code of a share; within stays as it is when the share is used up.
func (t *Tx) shareRead(ctx context.Context, share effect.Share, now time.Time, within *bool) read {
	query, args := countAct(Check{
		Key: ratelimit.Key(t.s.keys, share.Name, share.Subject), Limit: ratelimit.Limit{Burst: share.Most, Per: share.Per},
	}, now)
	return t.s.counted(ctx, func(row func(...any) error) error {
		*within = true
		var tat int64
		return row(&tat)
	}, query+` RETURNING tat`, args...)
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
