package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"doverie/internal/audit"
	"doverie/internal/effect"
)

const sealHead = "audit head"

// errHeadMoved ends an attempt to write events behind a head that was read and not locked.
var errHeadMoved = errors.New("store: somebody else wrote events meanwhile")

// crowd tells how likely it is that somebody else writes events before a decision under way does. Measured: decisions that
// do nothing but overtake each other are half as many a second as those that wait for the lock.
type crowd struct {
	deciding atomic.Int32 // decisions of this process under way
	wary     atomic.Int32 // decisions that lock the log because one was overtaken lately, by another process perhaps
}

// waryFor is for how many decisions an overtaken one makes the process wary: then no more than one in so many is overtaken.
const waryFor = 64

// alone reports whether a decision may expect to come first without the lock.
func (c *crowd) alone() bool {
	if c.deciding.Load() > 1 {
		return false
	}
	if c.wary.Load() > 0 {
		c.wary.Add(-1)
		return false
	}
	return true
}

// appendEvents writes the events of a transaction to the end of the chain, behind the given head: one that headRead has
// locked, or one that was only read, and then errHeadMoved says that it is the end no longer.
func appendEvents(ctx context.Context, tx *Tx, act effect.Act, now time.Time, policyVersion string, records []effect.Record, head audit.Head) error {
	if len(records) == 0 {
		return nil
	}
	before := head.Seq
	var events, subjects []any
	for _, r := range records {
		e := head.Append(audit.Event{
			At: now, Kind: r.Kind, Object: r.Object, Act: cleanAct(act), Policy: policyVersion,
			Subjects: subjectsOnce(r.Subjects), Facts: cleanFacts(r.Facts),
		})
		facts, err := json.Marshal(e.Facts)
		if err != nil {
			return fmt.Errorf("store: facts of event %s: %w", r.Kind, err)
		}
		events = append(events, e.Seq, Micros(e.At), e.Kind, e.Object, string(e.Act.Actor), e.Act.ID, e.Act.Office, e.Act.Area,
			e.Act.Device, e.Act.RequestID, e.Policy, string(facts), e.Hash[:])
		for pos, subject := range e.Subjects {
			subjects = append(subjects, e.Seq, pos, subject)
		}
	}
	// The head first: whoever comes second stops here, before he writes a number that is taken.
	if err := tx.execOneOr(ctx, errHeadMoved, `UPDATE audit_head SET seq = $1, hash = $2, seal = $3 WHERE id = 1 AND seq = $4`,
		head.Seq, head.Hash[:], tx.s.keys.Seal(sealHead, head.SealText(), nil), before); err != nil {
		return err
	}
	if err := tx.ExecAny(ctx, `INSERT INTO events (`+eventColumns+`) VALUES `+places(len(records), 13), events...); err != nil {
		return err
	}
	if len(subjects) == 0 {
		return nil
	}
	return tx.ExecAny(ctx, `INSERT INTO event_subjects (seq, pos, account_id) VALUES `+places(len(subjects)/3, 3), subjects...)
}

func cleanAct(a effect.Act) effect.Act {
	a.ID, a.Office, a.Area, a.Device, a.RequestID = clean(a.ID), clean(a.Office), clean(a.Area), clean(a.Device), clean(a.RequestID)
	return a
}

// subjectsOnce keeps the order and drops repetitions and empty ids.
func subjectsOnce(ids []string) []string {
	var once []string
	for _, id := range ids {
		if id != "" && !slices.Contains(once, id) {
			once = append(once, id)
		}
	}
	return once
}

func cleanFacts(facts map[string]string) map[string]string {
	cleaned := make(map[string]string, len(facts))
	for name, value := range facts {
		cleaned[clean(name)] = clean(value)
	}
	return cleaned
}

// headRead reads the head of the chain. With the suffix of Tx.ForUpdate it locks it as well. Its row is the lock: whoever
// writes events next waits for our commit, so ask that last.
func headRead(lock string, head *audit.Head) read {
	return read{`SELECT seq, hash FROM audit_head WHERE id = 1` + lock, nil, func(rows Rows) error {
		if !rows.Next() {
			return cmp.Or(rows.Err(), sql.ErrNoRows)
		}
		var hash []byte
		err := rows.Scan(&head.Seq, &hash)
		copy(head.Hash[:], hash)
		return err
	}}
}

const eventColumns = `seq, at, kind, object, actor, actor_id, office, area, device, request_id, policy, facts, hash`

func scanEvent(row func(...any) error) (audit.Event, error) {
	var e audit.Event
	var at int64
	var actor, facts string
	var hash []byte
	err := row(&e.Seq, &at, &e.Kind, &e.Object, &actor, &e.Act.ID, &e.Act.Office, &e.Act.Area,
		&e.Act.Device, &e.Act.RequestID, &e.Policy, &facts, &hash)
	if err != nil {
		return e, err
	}
	e.At, e.Act.Actor = FromMicros(at), effect.ActorKind(actor)
	copy(e.Hash[:], hash)
	if json.Unmarshal([]byte(facts), &e.Facts) != nil {
		// Somebody wrote here by hand. The history still shows the rest; verification names the record.
		e.Facts = map[string]string{"": facts}
	}
	return e, nil
}

// History returns an account's events, newest first: those with a number below before (0: from the
// newest), at most limit. Subjects are left out: a person does not see whom else an event concerned.
func (s *Store) History(ctx context.Context, account string, before int64, limit int) ([]audit.Event, error) {
	var found []audit.Event
	err := s.Read(ctx, func(ctx context.Context, q Querier) (err error) {
		found, err = Collect(scanEvent)(q.Query(ctx, `SELECT `+eventColumns+` FROM events
			WHERE seq IN (SELECT seq FROM event_subjects WHERE account_id = $1 AND (CAST($2 AS BIGINT) = 0 OR seq < $2)
				ORDER BY seq DESC LIMIT $3)
			ORDER BY seq DESC`, account, before, limit))
		return err
	})
	return found, err
}

// verifyPage is how many events are read at once; memory stays flat however long the log is.
const verifyPage = 500

// VerifyEvents walks the whole chain and reports the first broken record. Events that are written
// meanwhile do not disturb it. An error means that the check could not be made.
func (s *Store) VerifyEvents(ctx context.Context) (audit.Report, error) {
	var report audit.Report
	err := s.Read(ctx, func(ctx context.Context, q Querier) error {
		// The end is read before the head: what is committed between the two moves the head only.
		var end sql.NullInt64
		if err := q.QueryRow(ctx, `SELECT MAX(seq) FROM events`).Scan(&end); err != nil {
			return err
		}
		head, seal, err := readHead(ctx, q)
		if err != nil {
			return err
		}
		_, badSeal := s.keys.Open(sealHead, head.SealText(), seal)
		var v audit.Verifier
		if err = walk(ctx, q, max(end.Int64, head.Seq), &v); err != nil {
			return err
		}
		report = v.Done(head, badSeal == nil || (head == audit.Head{} && seal == nil))
		return nil
	})
	return report, err
}

func readHead(ctx context.Context, q Querier) (head audit.Head, seal []byte, err error) {
	var hash []byte
	err = q.QueryRow(ctx, `SELECT seq, hash, seal FROM audit_head WHERE id = 1`).Scan(&head.Seq, &hash, &seal)
	copy(head.Hash[:], hash)
	return head, seal, err
}

// walk feeds the events up to the number last to the verifier, page by page.
func walk(ctx context.Context, q Querier, last int64, v *audit.Verifier) error {
	for from := int64(-1); from < last; {
		page, err := Collect(scanEvent)(q.Query(ctx, `SELECT `+eventColumns+` FROM events WHERE seq > $1 AND seq <= $2 ORDER BY seq LIMIT $3`,
			from, last, verifyPage))
		if err != nil || len(page) == 0 {
			return err
		}
		from = page[len(page)-1].Seq
		subjects, err := subjectsOf(ctx, q, page[0].Seq, from)
		if err != nil {
			return err
		}
		for _, e := range page {
			e.Subjects = subjects[e.Seq]
			delete(subjects, e.Seq)
			if !v.Next(e) {
				return nil
			}
		}
	}
	return nil
}

type subject struct {
	seq     int64
	account string
}

func subjectsOf(ctx context.Context, q Querier, from, to int64) (map[int64][]string, error) {
	rows, err := Collect(func(row func(...any) error) (s subject, err error) {
		err = row(&s.seq, &s.account)
		return s, err
	})(q.Query(ctx, `SELECT seq, account_id FROM event_subjects WHERE seq >= $1 AND seq <= $2 ORDER BY seq, pos`, from, to))
	bySeq := make(map[int64][]string)
	for _, r := range rows {
		bySeq[r.seq] = append(bySeq[r.seq], r.account)
	}
	return bySeq, err
}
