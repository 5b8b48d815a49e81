package store

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/signals"
)

// sealSignals is the purpose under which a stream's Authorization header is sealed; lookupSignals hashes the names
// that a stream does not want to hear of.
const (
	sealSignals   = "signal stream authorization"
	lookupSignals = "signal subject"
)

const streamColumns = `id, client_id, status, reason, method, endpoint, authorization_sealed, events, description, verified_at,
	created_at, changed_at, version`

var methodNames = map[signals.Method]string{signals.Push: "push", signals.Poll: "poll"}

func (s *Store) scanStream(row func(...any) error) (signals.Stream, error) {
	var x signals.Stream
	var method, events string
	var endpoint sql.NullString
	var sealed []byte
	var verified sql.NullInt64
	var created, changed int64
	err := row(&x.ID, &x.Client, &x.Status, &x.Reason, &method, &endpoint, &sealed, &events, &x.Description, &verified, &created, &changed, &x.Version)
	if err != nil {
		return x, err
	}
	x.Method, x.Endpoint = signals.Poll, endpoint.String
	if method == methodNames[signals.Push] {
		x.Method = signals.Push
	}
	x.Requested = eventsOf(events)
	x.VerifiedAt, x.CreatedAt, x.ChangedAt = FromNullMicros(verified), FromMicros(created), FromMicros(changed)
	if len(sealed) > 0 {
		plain, err := s.keys.Open(sealSignals, []byte(x.ID), sealed)
		if err != nil {
			return x, err
		}
		x.Authorization = string(plain)
	}
	return x, nil
}

// StreamOf implements signals.Store.
func (s *Store) StreamOf(ctx context.Context, client string) (signals.Stream, error) {
	return readOne(ctx, s, s.scanStream, `SELECT `+streamColumns+` FROM signal_streams WHERE client_id = $1`, client)
}

// SignalStreams lists every stream, for operators.
func (s *Store) SignalStreams(ctx context.Context) (all []signals.Stream, err error) {
	err = s.Read(ctx, func(ctx context.Context, q Querier) (err error) {
		all, err = Collect(s.scanStream)(q.Query(ctx, `SELECT `+streamColumns+` FROM signal_streams ORDER BY client_id`))
		return err
	})
	return all, err
}

// CommitStream implements signals.Store.
func (s *Store) CommitStream(ctx context.Context, act effect.Act, now time.Time, c signals.StreamChange, effects []effect.Effect) error {
	err := s.InTx(ctx, func(ctx context.Context, tx *Tx) error {
		if err := writeStream(ctx, tx, now, c); err != nil {
			return err
		}
		if c.Verify != nil {
			id, err := newID()
			if err != nil {
				return err
			}
			first, err := numbers(ctx, tx, 1)
			if err != nil {
				return err
			}
			d := *c.Verify
			d.ID, d.Seq = id, first
			if err := putDeliveries(ctx, tx, now, []caused{{id, d}}); err != nil {
				return err
			}
			tx.tell = true
		}
		return applyEffects(ctx, tx, act, now, c.Rules, effects)
	})
	return uniqueIsConflict(err)
}

func writeStream(ctx context.Context, tx *Tx, now time.Time, c signals.StreamChange) error {
	switch {
	case c.Before == nil:
		x := c.After
		return tx.ExecOne(ctx, `INSERT INTO signal_streams (`+streamColumns+`) VALUES `+places(1, 13), x.ID, x.Client, x.Status, clean(x.Reason),
			methodNames[x.Method], NullText(x.Endpoint), tx.s.sealed(*x), eventNames(x.Requested), clean(x.Description), NullMicros(x.VerifiedAt),
			Micros(x.CreatedAt), Micros(x.ChangedAt), x.Version)
	case c.After == nil:
		if err := dropWaiting(ctx, tx, now, c.Before.ID); err != nil {
			return err
		}
		if err := tx.ExecAny(ctx, `DELETE FROM signal_removed WHERE stream_id = $1`, c.Before.ID); err != nil {
			return err
		}
		return tx.ExecOne(ctx, `DELETE FROM signal_streams WHERE id = $1 AND version = $2`, c.Before.ID, c.Before.Version)
	}
	x := c.After
	if x.Status == signals.Disabled {
		if err := dropWaiting(ctx, tx, now, x.ID); err != nil {
			return err
		}
	}
	tx.tell = true // what was kept while it was paused, or what another address can take
	if c.Before.Status != x.Status || c.Before.Method != x.Method || c.Before.Endpoint != x.Endpoint || c.Before.Authorization != x.Authorization {
		if err := tx.ExecAny(ctx, `UPDATE signal_deliveries SET due_at = $1 WHERE stream_id = $2 AND state = 'pending' AND due_at > $1`, Micros(now), x.ID); err != nil {
			return err
		}
	}
	return tx.ExecOne(ctx, `UPDATE signal_streams SET status = $1, reason = $2, method = $3, endpoint = $4, authorization_sealed = $5, events = $6,
			description = $7, verified_at = $8, changed_at = $9, version = version + 1
		WHERE id = $10 AND version = $11`, x.Status, clean(x.Reason), methodNames[x.Method], NullText(x.Endpoint), tx.s.sealed(*x), eventNames(x.Requested),
		clean(x.Description), NullMicros(x.VerifiedAt), Micros(x.ChangedAt), x.ID, c.Before.Version)
}

func (s *Store) sealed(x signals.Stream) []byte {
	if x.Authorization == "" {
		return nil
	}
	return s.keys.Seal(sealSignals, []byte(x.ID), []byte(x.Authorization))
}

func eventNames(events []signals.Event) string {
	names := make([]string, 0, len(events))
	for _, e := range events {
		names = append(names, string(e))
	}
	return strings.Join(names, " ")
}

// dropWaiting ends what waits in a stream that wants it no more. What is being sent just now settles itself.
func dropWaiting(ctx context.Context, tx *Tx, now time.Time, stream string) error {
	return tx.ExecAny(ctx, `UPDATE signal_deliveries SET state = 'dropped', owner = NULL, lease_until = NULL, done_at = $1
		WHERE stream_id = $2 AND done_at IS NULL`, Micros(now), stream)
}

// SetSubject implements signals.Store. It asks and writes the same for everybody.
func (s *Store) SetSubject(ctx context.Context, now time.Time, stream, subject string, removed bool, most int) error {
	hash := s.keys.Lasting(lookupSignals, stream+"\x00"+subject)
	return s.InTx(ctx, func(ctx context.Context, tx *Tx) error {
		var there int
		if err := tx.QueryRow(ctx, `SELECT COUNT(stream_id) FROM signal_removed WHERE stream_id = $1`, stream).Scan(&there); err != nil {
			return err
		}
		if !removed {
			return tx.ExecAny(ctx, `DELETE FROM signal_removed WHERE stream_id = $1 AND subject_hash = $2`, stream, hash)
		}
		if there >= most {
			return fault.New(fault.Limited, "fault.limited.after", fault.Args{"After": time.Hour})
		}
		return tx.ExecAny(ctx, `INSERT INTO signal_removed (stream_id, subject_hash, at) VALUES ($1, $2, $3)
			ON CONFLICT (stream_id, subject_hash) DO NOTHING`, stream, hash, Micros(now))
	})
}

// WaitingFor implements signals.Store.
func (s *Store) WaitingFor(ctx context.Context, stream string, most int) (waiting []signals.Delivery, more bool, err error) {
	err = s.Read(ctx, func(ctx context.Context, q Querier) (err error) {
		waiting, err = Collect(scanSignal)(q.Query(ctx, `SELECT `+signalColumns+` FROM signal_deliveries WHERE stream_id = $1 AND done_at IS NULL
				AND EXISTS (SELECT 1 FROM signal_streams s WHERE s.id = $1 AND s.status = 'enabled' AND s.method = 'poll')
			ORDER BY seq LIMIT $2`, stream, most+1))
		return err
	})
	if len(waiting) > most {
		return waiting[:most], true, err
	}
	return waiting, false, err
}

// Acknowledge implements signals.Store.
func (s *Store) Acknowledge(ctx context.Context, now time.Time, stream string, taken []string, refused map[string]string) error {
	const end = `UPDATE signal_deliveries SET state = $1, problem = $2, owner = NULL, lease_until = NULL, done_at = $3
		WHERE id = $4 AND stream_id = $5 AND done_at IS NULL`
	return s.InTx(ctx, func(ctx context.Context, tx *Tx) error {
		for _, id := range taken {
			if err := tx.ExecAny(ctx, end, "delivered", nil, Micros(now), clean(id), stream); err != nil {
				return err
			}
		}
		for id, code := range refused {
			if err := tx.ExecAny(ctx, end, "failed", "fault.signals.refused: "+code, Micros(now), clean(id), stream); err != nil {
				return err
			}
		}
		return nil
	})
}

// untold says whether there is something to fan out.
func (s *Store) untold(ctx context.Context) (bool, error) {
	var found int
	err := s.Read(ctx, func(ctx context.Context, q Querier) error {
		return q.QueryRow(ctx, `SELECT 1 WHERE EXISTS (SELECT 1 FROM system_notices WHERE drained_at IS NULL)
			OR EXISTS (SELECT 1 FROM oidc_sessions WHERE ended_at IS NOT NULL AND told_at IS NULL)`).Scan(&found)
	})
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, err
}

func eventsOf(names string) []signals.Event {
	var all []signals.Event
	for e := range strings.FieldsSeq(names) {
		all = append(all, signals.Event(e))
	}
	return all
}
