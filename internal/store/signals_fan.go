package store

import (
	"context"
	"database/sql"
	"strconv"
	"time"

	"doverie/internal/signals"
)

// caused is a delivery with the notice or visit it tells of.
type caused struct {
	cause string
	signals.Delivery
}

const signalColumns = `id, kind, client_id, stream_id, subject, sid, event, why, txn, detail, at, seq, attempt`

func scanSignal(row func(...any) error) (signals.Delivery, error) {
	var d signals.Delivery
	var stream sql.NullString
	var at int64
	err := row(&d.ID, &d.Kind, &d.Client, &stream, &d.Subject, &d.SID, &d.Event, &d.Why, &d.Txn, &d.Detail, &at, &d.Seq, &d.Attempt)
	d.Stream, d.At = stream.String, FromMicros(at)
	return d, err
}

// numbers takes the next n numbers of the order of all tokens and returns the first. Whoever takes numbers
// holds the row until the commit: two fan-outs stand one behind the other.
func numbers(ctx context.Context, tx *Tx, n int) (first int64, err error) {
	var last int64
	err = tx.QueryRow(ctx, `UPDATE signal_head SET seq = seq + $1 WHERE id = 1 RETURNING seq`, n).Scan(&last)
	return last - int64(n) + 1, err
}

// putDeliveries writes the tokens. One that was written before (the same cause, lane and event) stays as it is.
func putDeliveries(ctx context.Context, tx *Tx, now time.Time, all []caused) error {
	const columns = 17
	var rows []any
	for _, d := range all {
		rows = append(rows, d.ID, signals.Lane(d.Client, d.Kind), d.Seq, string(d.Kind), d.Client, NullText(d.Stream), d.cause, d.Subject, d.SID,
			string(d.Event), d.Why, d.Txn, d.Detail, Micros(d.At), Micros(now), "pending", 0)
	}
	if len(rows) == 0 {
		return nil
	}
	return tx.ExecAny(ctx, `INSERT INTO signal_deliveries (id, lane, seq, kind, client_id, stream_id, cause, subject, sid,
			event, why, txn, detail, at, due_at, state, attempt) VALUES `+places(len(rows)/columns, columns)+`
		ON CONFLICT (cause, lane, event) DO NOTHING`, rows...)
}

// How much one fan-out takes on: a transaction must stay short.
const (
	noticesAtOnce = 50
	visitsAtOnce  = 200
	numbersAtOnce = 100_000 // more than the tokens of one fan-out; what is left over is a gap
)

// fanOut gives every notice to every system concerned, and the end of every visit to its system, in the order in
// which they were decided; it returns the streams that got something.
func (s *Store) fanOut(ctx context.Context, now time.Time) (streams []string, err error) {
	for {
		there, err := s.untold(ctx)
		if err != nil || !there {
			return streams, err
		}
		full := false
		var got []string
		if err = s.InTx(ctx, func(ctx context.Context, tx *Tx) error {
			f := fan{tx: tx, now: now}
			if err := f.run(ctx); err != nil {
				return err
			}
			full, got = f.full, f.streams
			return nil
		}); err != nil {
			return streams, err
		}
		streams = append(streams, got...)
		if !full {
			return streams, nil
		}
	}
}

// fan is one fan-out under way.
type fan struct {
	tx      *Tx
	now     time.Time
	next    int64
	out     []caused
	streams []string
	full    bool // there may be more
}

func (f *fan) run(ctx context.Context) (err error) {
	if f.next, err = numbers(ctx, f.tx, numbersAtOnce); err != nil {
		return err
	}
	if err = f.notices(ctx); err != nil {
		return err
	}
	if err = f.visits(ctx); err != nil {
		return err
	}
	return putDeliveries(ctx, f.tx, f.now, f.out)
}

func (f *fan) add(cause string, d signals.Delivery) error {
	id, err := newID()
	if err != nil {
		return err
	}
	d.ID, d.Seq = id, f.next
	f.next++
	f.out = append(f.out, caused{cause, d})
	return nil
}

// notices reads what was decided, oldest first, and plans a token for each stream that wants it.
func (f *fan) notices(ctx context.Context) error {
	open, err := Collect(scanNotice)(f.tx.Query(ctx, `SELECT id, account_id, what, why, txn, at FROM system_notices
		WHERE drained_at IS NULL ORDER BY id LIMIT $1`, noticesAtOnce))
	if err != nil || len(open) == 0 {
		return err
	}
	f.full = f.full || len(open) == noticesAtOnce
	var ids, accounts []any
	for _, n := range open {
		ids, accounts = append(ids, n.ID), append(accounts, n.Account)
	}
	all, err := Collect(scanListener)(f.tx.Query(ctx, `SELECT g.account_id, g.subject, g.expires_at, g.ended_at, g.ended_why,
			s.id, s.client_id, s.status, s.events,
			CASE WHEN EXISTS (SELECT 1 FROM signal_removed r WHERE r.stream_id = s.id) THEN 1 ELSE 0 END
		FROM oidc_grants g JOIN signal_streams s ON s.client_id = g.client_id JOIN oidc_clients c ON c.id = g.client_id
		WHERE c.state = 'active' AND g.account_id IN (`+list(1, len(accounts))+`)
			AND NOT EXISTS (SELECT 1 FROM oidc_grants newer WHERE newer.account_id = g.account_id AND newer.client_id = g.client_id AND newer.id > g.id)
		ORDER BY s.client_id`, accounts...))
	if err != nil {
		return err
	}
	for _, n := range open {
		for _, l := range all {
			if err := f.tell(ctx, n, l); err != nil {
				return err
			}
		}
	}
	return f.exactly(ctx, len(ids), `UPDATE system_notices SET drained_at = CASE WHEN at > $1 THEN at ELSE CAST($1 AS BIGINT) END
		WHERE drained_at IS NULL AND id IN (`+list(2, len(ids))+`)`, append([]any{Micros(f.now)}, ids...)...)
}

// exactly marks rows that this transaction has read under the lock of the numbers.
func (f *fan) exactly(ctx context.Context, want int, query string, args ...any) error {
	n, err := f.tx.Exec(ctx, query, args...)
	if err == nil && n != int64(want) {
		return conflict()
	}
	return err
}

// listener is a stream that knows an account, by the newest consent.
type listener struct {
	account, subject string
	expires          time.Time
	ended            time.Time
	endedWhy         string
	stream           signals.Stream
	removals         bool // it does not want to hear of some
}

func scanListener(row func(...any) error) (listener, error) {
	var l listener
	var expires int64
	var ended sql.NullInt64
	var why sql.NullString
	var events string
	var removals int
	err := row(&l.account, &l.subject, &expires, &ended, &why, &l.stream.ID, &l.stream.Client, &l.stream.Status, &events, &removals)
	l.expires, l.ended, l.endedWhy, l.removals = FromMicros(expires), FromNullMicros(ended), why.String, removals == 1
	l.stream.Requested = eventsOf(events)
	return l, err
}

// hears says whether the system is told of what happened then: as long as the consent lasts, and a consent
// that a recovery or a freeze ended counts on, because its system must learn how that goes on. One that the
// person withdrew does not.
func (l listener) hears(at time.Time) bool {
	cut := l.endedWhy == "recovery" || l.endedWhy == "freeze"
	return at.Before(l.expires) && (l.ended.IsZero() || cut || !at.After(l.ended))
}

func (f *fan) tell(ctx context.Context, n signals.Notice, l listener) error {
	if n.Account != l.account || !l.hears(n.At) {
		return nil
	}
	if l.removals {
		var there int
		if err := f.tx.QueryRow(ctx, `SELECT COUNT(stream_id) FROM signal_removed WHERE stream_id = $1 AND subject_hash = $2`,
			l.stream.ID, f.tx.s.keys.Lasting(lookupSignals, l.stream.ID+"\x00"+l.subject)).Scan(&there); err != nil || there > 0 {
			return err
		}
	}
	for _, e := range signals.EventsOf(n.What) {
		if !l.stream.Wants(e) {
			continue
		}
		if err := f.add(n.ID, signals.Delivery{
			Kind: signals.SET, Client: l.stream.Client, Stream: l.stream.ID, Subject: l.subject, Event: e, Why: n.Why, Txn: n.Txn, At: n.At,
		}); err != nil {
			return err
		}
		f.streams = append(f.streams, l.stream.ID)
	}
	return nil
}

// visits reads the ended visits whose systems were not told, oldest end first. A system without an address for that,
// or one that is not served any more, is done with.
func (f *fan) visits(ctx context.Context) error {
	type visit struct {
		id, client, subject, why string
		ended                    int64
		told                     bool
	}
	ended, err := Collect(func(row func(...any) error) (v visit, err error) {
		var uri sql.NullString
		err = row(&v.id, &v.client, &v.subject, &v.why, &v.ended, &uri)
		v.told = uri.Valid
		return v, err
	})(f.tx.Query(ctx, `SELECT v.id, v.client_id, v.subject, v.ended_why, v.ended_at, CASE WHEN c.state = 'active' THEN c.backchannel_logout_uri END
		FROM oidc_sessions v JOIN oidc_clients c ON c.id = v.client_id
		WHERE v.ended_at IS NOT NULL AND v.told_at IS NULL ORDER BY v.ended_at, v.id LIMIT $1`, visitsAtOnce))
	if err != nil || len(ended) == 0 {
		return err
	}
	f.full = f.full || len(ended) == visitsAtOnce
	var ids []any
	for _, v := range ended {
		ids = append(ids, v.id)
		if !v.told {
			continue
		}
		if err := f.add(v.id, signals.Delivery{
			Kind: signals.LogoutToken, Client: v.client, Subject: v.subject, SID: v.id, Event: signals.Logout, Why: v.why, At: FromMicros(v.ended),
		}); err != nil {
			return err
		}
	}
	return f.exactly(ctx, len(ids), `UPDATE oidc_sessions SET told_at = $1 WHERE ended_at IS NOT NULL AND told_at IS NULL AND id IN (`+list(2, len(ids))+`)`,
		append([]any{Micros(f.now)}, ids...)...)
}

func scanNotice(row func(...any) error) (signals.Notice, error) {
	var n signals.Notice
	var at int64
	err := row(&n.ID, &n.Account, &n.What, &n.Why, &n.Txn, &at)
	n.At = FromMicros(at)
	return n, err
}

// list is the inside of an IN: list(2, 3) is "$2,$3,$4".
func list(from, n int) string {
	text := ""
	for i := range n {
		if i > 0 {
			text += ","
		}
		text += "$" + strconv.Itoa(from+i)
	}
	return text
}
