package store

import (
	"context"
	"errors"
	"time"

	"database/sql"

	"doverie/internal/audit"
	"doverie/internal/desk"
)

var _ desk.RecordStore = (*Store)(nil)

// OperatorEvents lists what operators did, newest first. A case has the events of its own and of its acts, those that a
// timer caused, and what else its operators' requests wrote.
func (s *Store) OperatorEvents(ctx context.Context, q desk.Query) (found []audit.Event, err error) {
	from, to := int64(0), int64(0)
	if !q.From.IsZero() {
		from = Micros(q.From)
	}
	if !q.To.IsZero() {
		to = Micros(q.To)
	}
	narrow := ` AND (CAST($1 AS TEXT) = '' OR actor_id = $1) AND (CAST($2 AS TEXT) = '' OR office = $2)
		AND (CAST($3 AS BIGINT) = 0 OR at >= $3) AND (CAST($4 AS BIGINT) = 0 OR at < $4) AND (CAST($5 AS BIGINT) = 0 OR seq < $5)
		ORDER BY seq DESC LIMIT $6`
	args := []any{q.Operator, q.Office, from, to, q.Before, q.Limit}
	query := `SELECT ` + eventColumns + ` FROM events WHERE actor = 'operator'` + narrow
	if q.Case != "" {
		const objects = `(SELECT 'case:' || c.id FROM desk_cases c WHERE c.id = $7 UNION ALL SELECT 'act:' || a.id FROM desk_acts a WHERE a.case_id = $7)`
		query = `SELECT ` + eventColumns + ` FROM events WHERE (object IN ` + objects + `
				OR (actor = 'operator' AND request_id IN (SELECT e.request_id FROM events e WHERE e.actor = 'operator' AND e.object IN ` + objects + `)))` + narrow
		args = append(args, q.Case)
	}
	err = s.Read(ctx, func(ctx context.Context, r Querier) (err error) {
		found, err = Collect(scanEvent)(r.Query(ctx, query, args...))
		return err
	})
	return found, err
}

// AccessEvents implements desk.RecordStore, by an index of its own.
func (s *Store) AccessEvents(ctx context.Context, since time.Time, limit int) (found []audit.Event, err error) {
	err = s.Read(ctx, func(ctx context.Context, q Querier) (err error) {
		found, err = Collect(scanEvent)(q.Query(ctx, `SELECT `+eventColumns+` FROM events
			WHERE kind IN ('operator.added', 'operator.renewed') AND at >= $1 ORDER BY seq DESC LIMIT $2`, Micros(since), limit))
		return err
	})
	return found, err
}

// RawFigures counts for the service's own eyes; package desk leaves out what is about too few people.
func (s *Store) RawFigures(ctx context.Context, since, now time.Time, late time.Duration) (raw desk.Raw, err error) {
	err = s.Read(ctx, func(ctx context.Context, q Querier) error {
		raw = desk.Raw{Outcomes: map[string]int{}}
		type count struct {
			name string
			n    int
		}
		ended, err := Collect(func(row func(...any) error) (c count, err error) {
			err = row(&c.name, &c.n)
			return c, err
		})(q.Query(ctx, `SELECT state, COUNT(id) FROM recoveries WHERE account_id IS NOT NULL AND proven_at IS NOT NULL AND ended_at >= $1 GROUP BY state`, Micros(since)))
		if err != nil {
			return err
		}
		for _, c := range ended {
			raw.Outcomes[c.name] = c.n
		}
		inPerson := 0
		for _, one := range []struct {
			into  *int
			query string
			args  []any
		}{
			{&inPerson, `SELECT COUNT(id) FROM desk_acts WHERE kind = 'recover' AND state = 'approved' AND decided_at >= $1`, []any{Micros(since)}},
			{&raw.Decided, `SELECT COUNT(id) FROM approvals WHERE action = 'recovery' AND state IN ('approved', 'rejected') AND decided_at >= $1`, []any{Micros(since)}},
			{&raw.Fraud, `SELECT COUNT(id) FROM approvals WHERE action = 'recovery' AND state = 'rejected' AND reason = 'fraud' AND decided_at >= $1`, []any{Micros(since)}},
			{&raw.Unreachable, `SELECT COUNT(id) FROM approvals WHERE action = 'recovery' AND state = 'rejected' AND reason = 'unreachable' AND decided_at >= $1`, []any{Micros(since)}},
			{&raw.Suspended, `SELECT COUNT(id) FROM links WHERE state = 'suspended'`, nil},
			{&raw.Messages, `SELECT COUNT(id) FROM outbox WHERE done_at >= $1`, []any{Micros(since)}},
			{&raw.Late, `SELECT COUNT(id) FROM outbox WHERE done_at >= $1 AND (state IN ('failed', 'expired', 'unknown') OR done_at > due_at + $2)`,
				[]any{Micros(since), late.Microseconds()}},
		} {
			if err := q.QueryRow(ctx, one.query, one.args...).Scan(one.into); err != nil {
				return err
			}
		}
		if inPerson > 0 {
			raw.Outcomes["in_person"] = inPerson
		}
		var middle int64
		err = q.QueryRow(ctx, `SELECT decided_at - asked_at FROM approvals
			WHERE action = 'recovery' AND state IN ('approved', 'rejected') AND decided_at >= $1
			ORDER BY decided_at - asked_at LIMIT 1 OFFSET $2`, Micros(since), raw.Decided/2).Scan(&middle)
		raw.Median = time.Duration(middle) * time.Microsecond
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		return err
	})
	return raw, err
}
