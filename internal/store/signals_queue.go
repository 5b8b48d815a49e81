package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"doverie/internal/fault"
	"doverie/internal/jobs"
	"doverie/internal/signals"
)

// SignalQueue is the tokens on their way to systems, as package jobs works on a queue. Before every claim it fans
// out what was decided meanwhile. It has no timers.
type SignalQueue struct {
	Store *Store
	Ring  func(stream string) // wakes those who poll the stream; may be nil
}

var _ jobs.Queue = SignalQueue{}

// Woken implements jobs.Queue.
func (q SignalQueue) Woken() <-chan struct{} { return q.Store.tells }

// ClaimMessages implements jobs.Queue: the first unfinished token of each lane that is due. What a receiver polls
// is not claimed.
func (q SignalQueue) ClaimMessages(ctx context.Context, now time.Time, owner string, n int, lease time.Duration) ([]jobs.Message, error) {
	streams, err := q.Store.fanOut(ctx, now)
	if q.Ring != nil {
		for _, stream := range streams {
			q.Ring(stream)
		}
	}
	if err != nil && !fault.Is(err, fault.Conflict) { // a conflict: another process was first, and what it wrote can be claimed
		return nil, err
	}
	due, err := q.Store.dueSignals(ctx, now)
	if err != nil || !due {
		return nil, err
	}
	var claimed []signals.Delivery
	err = q.Store.InTx(ctx, func(ctx context.Context, tx *Tx) (err error) {
		// The guard stands in the outer WHERE too, and MATERIALIZED, as in ClaimMessages of the outbox.
		claimed, err = Collect(scanSignal)(tx.Query(ctx, `WITH due AS MATERIALIZED (SELECT d.id FROM signal_deliveries d
				WHERE d.done_at IS NULL AND d.due_at <= $3 AND (d.state = 'pending' OR d.lease_until <= $3)
					AND (d.kind = 'logout' OR EXISTS (SELECT 1 FROM signal_streams s WHERE s.id = d.stream_id AND s.method = 'push' AND s.status = 'enabled'))
					AND NOT EXISTS (SELECT 1 FROM signal_deliveries e WHERE e.lane = d.lane AND e.done_at IS NULL AND e.seq < d.seq)
				ORDER BY d.due_at, d.seq LIMIT $4`+tx.s.d.claimLock+`)
			UPDATE signal_deliveries SET state = 'leased', owner = $1, lease_until = $2, attempt = attempt + 1
			WHERE id IN (SELECT id FROM due) AND done_at IS NULL AND due_at <= $3 AND (state = 'pending' OR lease_until <= $3)
			RETURNING `+signalColumns, owner, Micros(now.Add(lease)), Micros(now), n))
		return err
	})
	if err != nil {
		return nil, err
	}
	all := make([]jobs.Message, 0, len(claimed))
	for _, d := range claimed {
		all = append(all, d.Message())
	}
	return all, nil
}

// dueSignals looks, without a transaction, whether a claim can find anything: most of the time nothing waits.
func (s *Store) dueSignals(ctx context.Context, now time.Time) (bool, error) {
	var found int
	err := s.Read(ctx, func(ctx context.Context, q Querier) error {
		return q.QueryRow(ctx, `SELECT 1 FROM signal_deliveries d WHERE d.done_at IS NULL AND d.due_at <= $1 AND (d.state = 'pending' OR d.lease_until <= $1)
			AND (d.kind = 'logout' OR EXISTS (SELECT 1 FROM signal_streams s WHERE s.id = d.stream_id AND s.method = 'push' AND s.status = 'enabled')) LIMIT 1`,
			Micros(now)).Scan(&found)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

// SettleMessage implements jobs.Queue. Whoever lost the lease, or whose stream was deleted meanwhile, settles nothing.
func (q SignalQueue) SettleMessage(ctx context.Context, now time.Time, owner string, m jobs.Message, end jobs.Settlement) error {
	state, done := "", NullMicros(now)
	switch end.Outcome {
	case jobs.Retry:
		return q.Store.InTx(ctx, func(ctx context.Context, tx *Tx) error {
			return tx.ExecOne(ctx, `UPDATE signal_deliveries SET state = 'pending', owner = NULL, lease_until = NULL, due_at = $4, problem = $5
				WHERE id = $1 AND state = 'leased' AND attempt = $2 AND owner = $3`, m.ID, m.Attempt, owner, Micros(end.RetryAt), NullText(end.Problem))
		})
	case jobs.Sent:
		state = "delivered"
	case jobs.Failed, jobs.Unknown, jobs.Expired:
		state = "failed"
	default:
		return fmt.Errorf("store: delivery settled with an unknown outcome %q", end.Outcome)
	}
	return q.Store.InTx(ctx, func(ctx context.Context, tx *Tx) error {
		tx.tell = true // the next one of the lane
		return tx.ExecOne(ctx, `UPDATE signal_deliveries SET state = $4, owner = NULL, lease_until = NULL, done_at = $5, problem = $6
			WHERE id = $1 AND state = 'leased' AND attempt = $2 AND owner = $3`, m.ID, m.Attempt, owner, state, done, NullText(end.Problem))
	})
}

// ClaimTimers implements jobs.Queue.
func (SignalQueue) ClaimTimers(context.Context, time.Time, string, int, time.Duration) ([]jobs.Timer, error) {
	return nil, nil
}

// TimerDone implements jobs.Queue.
func (SignalQueue) TimerDone(context.Context, string, jobs.Timer) error { return nil }

// TimerFailed implements jobs.Queue.
func (SignalQueue) TimerFailed(context.Context, string, jobs.Timer, time.Time, string) error {
	return nil
}

// SignalLane is how one lane stands, for operators.
type SignalLane struct {
	Client  string
	Kind    signals.Kind
	Waiting int
	Failed  int       // given up
	Oldest  time.Time // of what waits; zero: nothing does
	Attempt int       // the most tries that anything waiting has had
	Problem string    // of the newest one of them, or of what was given up
}

// SignalLanes lists the lanes in which something waits or was given up.
func (s *Store) SignalLanes(ctx context.Context) (all []SignalLane, err error) {
	err = s.Read(ctx, func(ctx context.Context, q Querier) (err error) {
		all, err = Collect(func(row func(...any) error) (l SignalLane, err error) {
			var oldest, attempt sql.NullInt64
			var problem sql.NullString
			err = row(&l.Client, &l.Kind, &l.Waiting, &l.Failed, &oldest, &attempt, &problem)
			l.Oldest, l.Attempt, l.Problem = FromNullMicros(oldest), int(attempt.Int64), problem.String
			return l, err
		})(q.Query(ctx, `SELECT client_id, kind, SUM(CASE WHEN done_at IS NULL THEN 1 ELSE 0 END), SUM(CASE WHEN state = 'failed' THEN 1 ELSE 0 END),
				MIN(CASE WHEN done_at IS NULL THEN at END), MAX(CASE WHEN done_at IS NULL THEN attempt END), MAX(problem)
			FROM signal_deliveries WHERE done_at IS NULL OR state = 'failed' GROUP BY client_id, kind ORDER BY client_id, kind`))
		return err
	})
	return all, err
}

// RetrySignals lets everything of a client that waits, or was given up, be sent now, in its order. It returns how many.
func (s *Store) RetrySignals(ctx context.Context, now time.Time, client string) (n int64, err error) {
	err = s.InTx(ctx, func(ctx context.Context, tx *Tx) (err error) {
		tx.tell = true
		n, err = tx.Exec(ctx, `UPDATE signal_deliveries SET state = 'pending', attempt = 0, due_at = $1, done_at = NULL
			WHERE client_id = $2 AND (state = 'pending' OR state = 'failed' AND (stream_id IS NULL OR EXISTS
				(SELECT 1 FROM signal_streams s WHERE s.id = signal_deliveries.stream_id AND s.status <> 'disabled')))`, Micros(now), client)
		return err
	})
	return n, err
}
