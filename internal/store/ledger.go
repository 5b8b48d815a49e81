package store

import (
	"context"
	"database/sql"
	"slices"
	"strconv"
	"strings"
	"time"

	"doverie/internal/effect"
)

// Submission says under which name a carrier took a message, or one part of it.
type Submission struct {
	Message   string // outbox row
	Carrier   string // name in the configuration
	CarrierID string // the carrier's own name of it
	Part      int    // from 1
	Parts     int
	At        time.Time
}

// PartState is what a carrier says has become of a submission.
type PartState string

// The states; "submitted" is ours.
const (
	partSubmitted PartState = "submitted"
	PartUnderway  PartState = "underway"
	PartArrived   PartState = "arrived"
	PartTimedOut  PartState = "timed_out"
	PartLost      PartState = "lost"
	PartUncertain PartState = "uncertain"
)

// Receipt is a carrier's later report on a submission.
type Receipt struct {
	Carrier    string
	CarrierIDs []string // names it may mean, likeliest first
	Phone      string   // E.164, or empty
	State      PartState
	Code       string // of the carrier's error, cleaned
	At         time.Time
}

// strayBefore is how much earlier than the line of the ledger its receipt may have been stored: clocks of two
// machines differ a little. A carrier that begins to count anew does not do so within this time.
const strayBefore = 5 * time.Minute

// Submitted writes a line of the ledger. Writing it again changes nothing. A receipt that was quicker is joined with it.
func (s *Store) Submitted(ctx context.Context, b Submission) error {
	err := s.InTx(ctx, func(ctx context.Context, tx *Tx) error {
		return tx.ExecAny(ctx, `INSERT INTO message_parts (carrier, carrier_id, message_id, part, parts, submitted_at, state, code)
			VALUES ($1, $2, $3, $4, $5, $6, 'submitted', '') ON CONFLICT (carrier, carrier_id, message_id) DO NOTHING`,
			b.Carrier, clean(b.CarrierID), b.Message, b.Part, b.Parts, Micros(b.At))
	})
	if err != nil {
		return err
	}
	// The line is committed before strays are looked for, and Reported stores a stray before it looks for the line
	// again: whichever is second sees the other.
	type stray struct {
		state PartState
		code  string
		at    int64
	}
	var strays []stray
	err = s.Read(ctx, func(ctx context.Context, q Querier) (err error) {
		strays, err = Collect(func(row func(...any) error) (x stray, err error) {
			err = row(&x.state, &x.code, &x.at)
			return x, err
		})(q.Query(ctx, `SELECT r.state, r.code, r.at FROM stray_receipts r WHERE r.carrier = $1 AND r.carrier_id = $2 AND r.at >= $3
				AND (r.address_hash IS NULL OR r.address_hash = (SELECT o.address_hash FROM outbox o WHERE o.id = $4))
			ORDER BY r.at`, b.Carrier, clean(b.CarrierID), Micros(b.At.Add(-strayBefore)), b.Message))
		return err
	})
	if err != nil || len(strays) == 0 {
		return err
	}
	return s.InTx(ctx, func(ctx context.Context, tx *Tx) error {
		for _, x := range strays {
			if err := reportPart(ctx, tx, partName{b.Carrier, clean(b.CarrierID), b.Message}, x.state, x.code, FromMicros(x.at)); err != nil {
				return err
			}
		}
		return tx.ExecAny(ctx, `DELETE FROM stray_receipts WHERE carrier = $1 AND carrier_id = $2 AND at >= $3`,
			b.Carrier, clean(b.CarrierID), Micros(b.At.Add(-strayBefore)))
	})
}

type partName struct{ carrier, id, message string }

// reportPart writes what a carrier says; the first final word counts, and a late "underway" changes nothing.
func reportPart(ctx context.Context, tx *Tx, p partName, state PartState, code string, at time.Time) error {
	return tx.ExecAny(ctx, `UPDATE message_parts SET state = $1, code = $2, reported_at = $3
		WHERE carrier = $4 AND carrier_id = $5 AND message_id = $6 AND state IN ('submitted', 'underway')`,
		string(state), clean(code), Micros(at), p.carrier, p.id, p.message)
}

// Reported writes down a receipt. What belongs to no line yet is kept until the line comes.
func (s *Store) Reported(ctx context.Context, r Receipt) error {
	known, err := s.joinReceipt(ctx, r)
	if err != nil || known {
		return err
	}
	var hash []byte
	if r.Phone != "" {
		hash = s.phoneAddress(r.Phone)
	}
	err = s.InTx(ctx, func(ctx context.Context, tx *Tx) error {
		for _, id := range r.CarrierIDs {
			if err := tx.ExecAny(ctx, `INSERT INTO stray_receipts (carrier, carrier_id, state, address_hash, code, at) VALUES ($1, $2, $3, $4, $5, $6)
				ON CONFLICT (carrier, carrier_id, state) DO UPDATE SET address_hash = excluded.address_hash, code = excluded.code, at = excluded.at`,
				r.Carrier, clean(id), string(r.State), hash, clean(r.Code), Micros(r.At)); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		_, err = s.joinReceipt(ctx, r)
	}
	return err
}

// joinReceipt finds the newest line that the receipt may mean: of that phone when it names one, by the likeliest name.
func (s *Store) joinReceipt(ctx context.Context, r Receipt) (known bool, err error) {
	if len(r.CarrierIDs) == 0 {
		return true, nil
	}
	args := []any{r.Carrier}
	names := make([]string, len(r.CarrierIDs))
	for i, id := range r.CarrierIDs {
		args = append(args, clean(id))
		names[i] = "$" + strconv.Itoa(len(args))
	}
	query := `SELECT p.carrier_id, p.message_id FROM message_parts p JOIN outbox o ON o.id = p.message_id
		WHERE p.carrier = $1 AND p.carrier_id IN (` + strings.Join(names, ", ") + `)`
	if r.Phone != "" {
		args = append(args, s.phoneAddress(r.Phone))
		query += ` AND o.address_hash = $` + strconv.Itoa(len(args))
	}
	query += ` ORDER BY p.submitted_at DESC`
	err = s.InTx(ctx, func(ctx context.Context, tx *Tx) error {
		found, err := Collect(func(row func(...any) error) (p partName, err error) {
			p.carrier = r.Carrier
			err = row(&p.id, &p.message)
			return p, err
		})(tx.Query(ctx, query, args...))
		known = len(found) > 0
		if err != nil || !known {
			return err
		}
		for _, id := range r.CarrierIDs {
			if i := slices.IndexFunc(found, func(p partName) bool { return p.id == clean(id) }); i >= 0 {
				return reportPart(ctx, tx, found[i], r.State, r.Code, r.At)
			}
		}
		return nil
	})
	return known, err
}

// phoneAddress is the keyed hash under which the outbox knows a phone.
func (s *Store) phoneAddress(phone string) []byte {
	return s.keys.Lookup(lookupAddress, string(effect.SMS)+":"+phone)
}

// deliveryColumns are read by scanDelivery: a message and, when there is one, a line of its ledger.
const deliveryColumns = `o.id, o.kind, o.channel, o.state, o.created_at, o.done_at, o.delivered_at, o.not_after, o.attempt, o.repeated, o.problem,
	p.part, p.parts, p.carrier, p.state, p.reported_at`

type deliveryRow struct {
	effect.Delivery

	state                          string
	done, delivered, notAfter      sql.NullInt64
	problem, carrier, reportedWord sql.NullString
	part, parts, reportedAt        sql.NullInt64
}

func scanDelivery(row func(...any) error) (deliveryRow, error) {
	var r deliveryRow
	var created int64
	err := row(&r.ID, &r.Kind, &r.Channel, &r.state, &created, &r.done, &r.delivered, &r.notAfter, &r.Attempts, &r.Repeated, &r.problem,
		&r.part, &r.parts, &r.carrier, &r.reportedWord, &r.reportedAt)
	r.CreatedAt, r.Problem = FromMicros(created), r.problem.String
	return r, err
}

// CodeDelivery tells what has become of the message with the newest code of the purpose for the object. The zero
// Delivery: there is none, or it is not kept any more.
func (s *Store) CodeDelivery(ctx context.Context, purpose, bound string, now time.Time) (effect.Delivery, error) {
	all, err := s.deliveries(ctx, now, `SELECT `+deliveryColumns+` FROM outbox o LEFT JOIN message_parts p ON p.message_id = o.id
		WHERE o.key IN (SELECT 'code:' || id FROM (SELECT id FROM codes WHERE purpose = $1 AND bound = $2 ORDER BY issued_at DESC LIMIT 1) AS newest
			UNION ALL SELECT id FROM (SELECT id FROM codes WHERE purpose = $1 AND bound = $2 ORDER BY issued_at DESC LIMIT 1) AS newest)
		ORDER BY o.id, p.part`, purpose, bound)
	if err != nil || len(all) == 0 {
		return effect.Delivery{}, err
	}
	d := all[len(all)-1]
	if d.State == effect.TooLate && d.Attempts == 0 && d.At.Equal(d.CreatedAt) {
		// It went to nobody, and was over as soon as it was written. Whoever asked for the code must not see the difference.
		d.State = effect.Underway
	}
	return d, nil
}

// MessagesOf lists the newest messages to an account, newest first, for an operator's view.
func (s *Store) MessagesOf(ctx context.Context, account string, n int, now time.Time) ([]effect.Delivery, error) {
	all, err := s.deliveries(ctx, now, `SELECT `+deliveryColumns+` FROM outbox o LEFT JOIN message_parts p ON p.message_id = o.id
		WHERE o.id IN (SELECT id FROM outbox WHERE account_id = $1 ORDER BY id DESC LIMIT $2)
		ORDER BY o.id, p.part`, account, n)
	slices.Reverse(all)
	return all, err
}

func (s *Store) deliveries(ctx context.Context, now time.Time, query string, args ...any) ([]effect.Delivery, error) {
	var rows []deliveryRow
	err := s.Read(ctx, func(ctx context.Context, q Querier) (err error) {
		rows, err = Collect(scanDelivery)(q.Query(ctx, query, args...))
		return err
	})
	var out []effect.Delivery
	for len(rows) > 0 {
		n := 1
		for n < len(rows) && rows[n].ID == rows[0].ID {
			n++
		}
		out = append(out, judgeDelivery(rows[:n], now))
		rows = rows[n:]
	}
	return out, err
}

// judgeDelivery joins what we know of a message with what carriers said of its parts.
func judgeDelivery(rows []deliveryRow, now time.Time) effect.Delivery {
	d := rows[0].Delivery
	first := rows[0]
	for _, r := range rows {
		if r.carrier.Valid && !slices.Contains(d.Carriers, r.carrier.String) {
			d.Carriers = append(d.Carriers, r.carrier.String)
		}
	}
	d.At = FromNullMicros(first.done)
	said, at := partsSay(rows)
	switch {
	case first.delivered.Valid:
		d.State, d.At = effect.Arrived, FromNullMicros(first.delivered)
	case said == PartArrived: // also when our own answer was lost
		d.State, d.At = effect.Arrived, at
	case first.state == "expired", !first.done.Valid && first.notAfter.Valid && first.notAfter.Int64 < Micros(now):
		d.State = effect.TooLate
	case first.state == "failed", said == PartLost:
		d.State = effect.Undone
	case said == PartTimedOut:
		d.State = effect.TooLate
	case first.state == "unknown", said == PartUncertain:
		d.State = effect.Uncertain
	case first.state == "sent":
		d.State = effect.Underway
	default:
		d.State, d.At = effect.Waiting, d.CreatedAt
	}
	if d.State != effect.Arrived && !at.IsZero() {
		d.At = at
	}
	return d
}

// partsSay is the one word for all parts: the worst part decides, and of two copies of one part the better.
func partsSay(rows []deliveryRow) (say PartState, at time.Time) {
	rank := []PartState{PartLost, PartTimedOut, PartUncertain, partSubmitted, PartUnderway, PartArrived} // from worst to best
	best := map[int64]int{}
	when := map[int64]time.Time{}
	var parts int64
	for _, r := range rows {
		if !r.part.Valid {
			continue
		}
		parts = max(parts, r.parts.Int64)
		n := slices.Index(rank, PartState(r.reportedWord.String))
		if known, ok := best[r.part.Int64]; !ok || n > known {
			best[r.part.Int64], when[r.part.Int64] = n, FromNullMicros(r.reportedAt)
		}
	}
	if len(best) == 0 {
		return "", time.Time{}
	}
	worst := len(rank) - 1
	for part, n := range best {
		worst = min(worst, n)
		if when[part].After(at) {
			at = when[part]
		}
	}
	if int64(len(best)) < parts && rank[worst] == PartArrived {
		return partSubmitted, time.Time{} // a part is not in the ledger yet
	}
	return rank[worst], at
}

// MessageQueue is what waits in one channel.
type MessageQueue struct {
	Channel effect.Channel
	Waiting int           // not handed over
	Claimed int           // in the hands of a process
	Late    time.Duration // how long the message that is due longest has been due
}

// MessageFigures are the numbers of all processes together, read from what they share.
type MessageFigures struct {
	Queues []MessageQueue
	// Codes of an hour whose life is over: sent by SMS, and of them entered.
	CodesSent, CodesEntered int
	// Codes by SMS of the last minutes: how many went out, and how many wait too long or ended unsent.
	RecentSent, RecentLate int
}

// The spans that MessageFigures looks at.
const (
	conversionSpan = time.Hour
	recentSpan     = 10 * time.Minute
	lateAfter      = time.Minute
)

// MessageFigures counts. codeLife is how long a code lives.
func (s *Store) MessageFigures(ctx context.Context, now time.Time, codeLife time.Duration) (MessageFigures, error) {
	var f MessageFigures
	err := s.Read(ctx, func(ctx context.Context, q Querier) (err error) {
		f = MessageFigures{}
		if f.Queues, err = Collect(func(row func(...any) error) (x MessageQueue, err error) {
			var oldest sql.NullInt64
			err = row(&x.Channel, &x.Waiting, &x.Claimed, &oldest)
			if oldest.Valid {
				x.Late = max(now.Sub(FromMicros(oldest.Int64)), 0)
			}
			return x, err
		})(q.Query(ctx, `SELECT channel, COUNT(CASE WHEN state = 'pending' THEN 1 END), COUNT(CASE WHEN state = 'leased' THEN 1 END), MIN(due_at)
			FROM outbox WHERE done_at IS NULL GROUP BY channel ORDER BY channel`)); err != nil {
			return err
		}
		end := now.Add(-codeLife)
		if err = q.QueryRow(ctx, `SELECT COUNT(*), COUNT(CASE WHEN c.state = 'used' THEN 1 END) FROM codes c
				JOIN outbox o ON o.key IN (c.id, 'code:' || c.id)
			WHERE c.issued_at > $1 AND c.issued_at <= $2 AND o.channel = 'sms' AND o.state IN ('sent', 'unknown')`,
			Micros(end.Add(-conversionSpan)), Micros(end)).Scan(&f.CodesSent, &f.CodesEntered); err != nil {
			return err
		}
		err = q.QueryRow(ctx, `SELECT COUNT(CASE WHEN state = 'sent' THEN 1 END),
				COUNT(CASE WHEN state = 'expired' AND done_at > created_at OR done_at IS NULL AND created_at <= $2 THEN 1 END)
			FROM outbox WHERE created_at > $1 AND channel = 'sms' AND carries_code = TRUE`,
			Micros(now.Add(-recentSpan)), Micros(now.Add(-lateAfter))).Scan(&f.RecentSent, &f.RecentLate)
		return err
	})
	return f, err
}
