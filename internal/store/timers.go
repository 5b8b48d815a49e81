package store

import (
	"context"
	"strconv"
	"strings"
	"time"

	"doverie/internal/jobs"
)

// changeTimers sets and removes timers, each in one statement.
func changeTimers(ctx context.Context, tx *Tx, changes []timerChange) error {
	var set, remove []any
	for _, c := range changes {
		if c.at.IsZero() {
			remove = append(remove, c.kind, c.object)
		} else {
			set = append(set, c.kind, c.object, Micros(c.at), 1, "pending", 0)
		}
	}
	if len(set) > 0 {
		// The generation moves, so that a worker who has the old timer in his hands cannot remove the new one.
		if err := tx.ExecAny(ctx, `INSERT INTO timers (kind, object, due_at, generation, state, attempt) VALUES `+places(len(set)/6, 6)+`
			ON CONFLICT (kind, object) DO UPDATE SET due_at = excluded.due_at, generation = timers.generation + 1,
				state = 'pending', attempt = 0, owner = NULL, lease_until = NULL, problem = NULL`, set...); err != nil {
			return err
		}
		tx.wake = true
	}
	if len(remove) > 0 {
		var where strings.Builder
		for i := 1; i <= len(remove); i += 2 {
			if i > 1 {
				where.WriteString(` OR `)
			}
			where.WriteString(`(kind = $` + strconv.Itoa(i) + ` AND object = $` + strconv.Itoa(i+1) + `)`)
		}
		if err := tx.ExecAny(ctx, `DELETE FROM timers WHERE `+where.String(), remove...); err != nil {
			return err
		}
	}
	return nil
}

// ClaimTimers implements jobs.Queue. A timer whose lease ran out is claimed like a due one.
func (s *Store) ClaimTimers(ctx context.Context, now time.Time, owner string, n int, lease time.Duration) ([]jobs.Timer, error) {
	var claimed []jobs.Timer
	err := s.InTx(ctx, func(ctx context.Context, tx *Tx) (err error) {
		// The guard stands in the outer WHERE too: with it in the subquery alone, two workers of
		// PostgreSQL claim one row. MATERIALIZED, because a subquery that PostgreSQL runs again for
		// each row claims more than n.
		claimed, err = Collect(scanTimer)(tx.Query(ctx, `WITH due AS MATERIALIZED (SELECT t.kind, t.object FROM timers t
				WHERE t.due_at <= $3 AND (t.state = 'pending' OR t.lease_until <= $3)
				ORDER BY t.due_at LIMIT $4`+s.d.claimLock+`)
			UPDATE timers SET state = 'leased', owner = $1, lease_until = $2, attempt = attempt + 1
			WHERE (kind, object) IN (SELECT kind, object FROM due) AND due_at <= $3 AND (state = 'pending' OR lease_until <= $3)
			RETURNING kind, object, due_at, attempt, generation`, owner, Micros(now.Add(lease)), Micros(now), n))
		return err
	})
	if err != nil {
		return nil, err
	}
	return claimed, nil
}

func scanTimer(row func(...any) error) (jobs.Timer, error) {
	var t jobs.Timer
	var due int64
	err := row(&t.Kind, &t.Object, &due, &t.Attempt, &t.Generation)
	t.DueAt = FromMicros(due)
	return t, err
}

// TimerDone implements jobs.Queue. A timer that the handler set anew, or that another worker took
// over, stays: that is no error.
func (s *Store) TimerDone(ctx context.Context, owner string, t jobs.Timer) error {
	return s.InTx(ctx, func(ctx context.Context, tx *Tx) error {
		_, err := tx.Exec(ctx, `DELETE FROM timers WHERE kind = $1 AND object = $2
			AND state = 'leased' AND owner = $3 AND attempt = $4 AND generation = $5`, t.Kind, t.Object, owner, t.Attempt, t.Generation)
		return err
	})
}

// TimerFailed implements jobs.Queue.
func (s *Store) TimerFailed(ctx context.Context, owner string, t jobs.Timer, retryAt time.Time, problem string) error {
	return s.InTx(ctx, func(ctx context.Context, tx *Tx) error {
		_, err := tx.Exec(ctx, `UPDATE timers SET state = 'pending', owner = NULL, lease_until = NULL, due_at = $6, problem = $7
			WHERE kind = $1 AND object = $2 AND state = 'leased' AND owner = $3 AND attempt = $4 AND generation = $5`,
			t.Kind, t.Object, owner, t.Attempt, t.Generation, Micros(retryAt), problem)
		return err
	})
}
