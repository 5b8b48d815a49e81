package store

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"doverie/internal/campaign"
	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/jobs"
	"doverie/internal/trust"
)

// Purposes under which parts of an outbox row are sealed, and the domain of the hash that finds the
// rows of one address.
const (
	sealArgs      = "outbox args"
	sealAddress   = "outbox address"
	lookupAddress = "outbox address"
	lookupArea    = "outbox area"
)

// codeArg is the argument that makes a message one that carries a code.
const codeArg = "code"

// roleArg is the argument that makes a message the contact's own text.
const roleArg = "role"

// addressees are the accounts that messages go to.
func addressees(sends []effect.Send) (accounts []string) {
	for _, m := range sends {
		if m.To != "" || m.Nobody { // nobody's address is looked for like anybody's
			accounts = append(accounts, cmp.Or(m.To, m.Key))
		}
	}
	return accounts
}

// putMessages writes one row for each channel that the addressee really has. A row with the same key
// and channel stays as it is: the message was asked for already.
func putMessages(ctx context.Context, tx *Tx, now time.Time, area string, b *batch) error {
	var rows []any
	var from []byte // what is sent in a network area's name is counted for it (T18)
	if area != "" {
		from = tx.s.keys.Lookup(lookupArea, area)
	}
	for _, m := range b.sends {
		own, ok := b.known[m.To]
		if m.To != "" && !ok {
			return fault.New(fault.Internal, "fault.internal", nil).Because(fmt.Errorf("store: message %s for an account that does not exist", m.Kind))
		}
		one, err := messageRows(tx.s.keys, now, from, m, own, nil)
		if err != nil {
			return err
		}
		code, quiet := b.quiet[m.Key]
		if !quiet {
			rows = append(rows, one...)
			continue
		}
		tx.wake = true
		m.To, m.Nobody = "", true
		nobodys, err := messageRows(tx.s.keys, now, from, m, addresses{}, nil)
		if err != nil {
			return err
		}
		if err = putQuiet(ctx, tx, code, one, nobodys); err != nil {
			return err
		}
	}
	if len(rows) == 0 {
		return nil
	}
	tx.wake = true
	return tx.ExecAny(ctx, insertMessages+`VALUES `+places(len(rows)/messageColumns, messageColumns)+unlessAsked, rows...)
}

const (
	messageColumns = 19
	insertMessages = `INSERT INTO outbox (id, key, channel, kind, account_id, locale, address_hash, address, args, carries_code,
			created_at, due_at, not_after, state, attempt, done_at, asked_from, masked, as_contact) `
	unlessAsked = ` ON CONFLICT (key, channel) DO NOTHING`
)

// putQuiet writes the rows of a message with a quiet code, or the row of nobody's message if the code was muted. Which of them
// is for the database to know: both are sent to it, always.
func putQuiet(ctx context.Context, tx *Tx, code quietCode, sends, nobodys []any) error {
	for i, rows := range [][]any{sends, nobodys} {
		condition := []string{` WHERE EXISTS`, ` WHERE NOT EXISTS`}[i] + ` (SELECT 1 FROM codes WHERE id = $20 AND phone_hash = $21)`
		for row := range slices.Chunk(rows, messageColumns) {
			if err := tx.ExecAny(ctx, insertMessages+`SELECT `+strings.Trim(places(1, messageColumns), "()")+condition+unlessAsked,
				append(slices.Clone(row), code.id, code.phone)...); err != nil {
				return err
			}
		}
	}
	return nil
}

// messageRows appends the columns of each row that m becomes.
func messageRows(keys Keys, now time.Time, from []byte, m effect.Send, own addresses, rows []any) ([]any, error) {
	if m.Address != "" && len(m.Via) != 1 {
		return nil, fmt.Errorf("store: message %s names an address and %d channels", m.Kind, len(m.Via))
	}
	args, err := json.Marshal(m.Args)
	if err != nil {
		return nil, fmt.Errorf("store: arguments of message %s: %w", m.Kind, err)
	}
	key := m.Key
	if key == "" {
		if key, err = newID(); err != nil {
			return nil, err
		}
	}
	locale := m.Locale
	if m.To != "" {
		locale = own.locale
	}
	_, carriesCode := m.Args[codeArg]
	if m.Nobody {
		return nobodysRow(keys, now, from, m, key, args, rows)
	}
	for _, to := range recipients(m, own, key) {
		id, err := newID()
		if err != nil {
			return nil, err
		}
		via, address := to.via, to.address
		rows = append(rows, id, to.key, string(via), m.Kind, NullText(m.To), locale,
			keys.Lookup(lookupAddress, string(via)+":"+address),
			keys.Seal(sealAddress, []byte(id), []byte(address)), keys.Seal(sealArgs, []byte(id), args), carriesCode,
			Micros(now), Micros(now), NullMicros(m.NotAfter), "pending", 0, nil, from,
			masked(via, address), m.Args[roleArg] == string(trust.ContactSide))
	}
	return rows, nil
}

// recipient is one row to be written: a channel that the account really has.
type recipient struct {
	via          effect.Channel
	address, key string
}

// recipients are whom m goes to. An account has one phone and one mailbox, but several browsers: each gets a row of its
// own, whose key names it.
func recipients(m effect.Send, own addresses, key string) (all []recipient) {
	for _, via := range m.Via {
		switch {
		case m.Address != "":
			all = append(all, recipient{via, m.Address, key})
		case via == effect.Push:
			for _, browser := range own.on(via) {
				all = append(all, recipient{via, browser, key + ":" + browser})
			}
		default:
			for _, address := range own.on(via) {
				all = append(all, recipient{via, address, key})
			}
		}
	}
	return all
}

// nobodysRow is a message that is over as soon as it is written. It is sealed like any other, and nothing of it is kept.
func nobodysRow(keys Keys, now time.Time, from []byte, m effect.Send, key string, args []byte, rows []any) ([]any, error) {
	id, err := newID()
	if err != nil {
		return nil, err
	}
	keys.Seal(sealAddress, []byte(id), []byte(key))
	keys.Seal(sealArgs, []byte(id), args)
	return append(rows, id, key, string(m.Via[0]), m.Kind, nil, "ru", keys.Lookup(lookupAddress, key), nil, nil, true,
		Micros(now), Micros(now), NullMicros(m.NotAfter), string(jobs.Expired), 0, Micros(now), from, nil, false), nil
}

// ClaimMessages implements jobs.Queue.
func (s *Store) ClaimMessages(ctx context.Context, now time.Time, owner string, n int, lease time.Duration) ([]jobs.Message, error) {
	var claimed []jobs.Message
	err := s.InTx(ctx, func(ctx context.Context, tx *Tx) error {
		if err := endHopeless(ctx, tx, now); err != nil {
			return err
		}
		// The guard stands in the outer WHERE too: with it in the subquery alone, two workers of
		// PostgreSQL claim one row. Ids grow with time, so a smaller id is an earlier message of the
		// address and goes first; only a code, which lives for minutes, waits for nothing but codes.
		// MATERIALIZED, because a subquery that PostgreSQL runs again for each row claims more than n.
		rows, err := Collect(scanMessage)(tx.Query(ctx, `WITH due AS MATERIALIZED (SELECT o.id FROM outbox o
				WHERE o.done_at IS NULL AND o.due_at <= $3 AND (o.state = 'pending' OR o.lease_until <= $3)
					AND NOT EXISTS (SELECT 1 FROM outbox e WHERE e.address_hash = o.address_hash AND e.channel = o.channel
						AND e.done_at IS NULL AND e.id < o.id AND (o.carries_code = FALSE OR e.carries_code = TRUE))
				ORDER BY o.due_at, o.id LIMIT $4`+s.d.claimLock+`)
			UPDATE outbox SET repeated = CASE WHEN state = 'leased' THEN TRUE ELSE repeated END,
				state = 'leased', owner = $1, lease_until = $2, attempt = attempt + 1
			WHERE id IN (SELECT id FROM due) AND done_at IS NULL AND due_at <= $3 AND (state = 'pending' OR lease_until <= $3)
			RETURNING id, key, channel, kind, account_id, locale, address, args, carries_code, created_at, not_after, attempt,
				asked_from, repeated`,
			owner, Micros(now.Add(lease)), Micros(now), n))
		if err != nil {
			return err
		}
		claimed = make([]jobs.Message, 0, len(rows))
		for _, row := range rows {
			m, err := row.open(s.keys)
			if err != nil {
				if err = endMessage(ctx, tx, now, owner, m, jobs.Settlement{Outcome: jobs.Failed, Problem: "fault.internal"}); err != nil {
					return err
				}
				continue // sealed under another key: it can never be delivered, and must not stop the others
			}
			claimed = append(claimed, m)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return claimed, nil
}

// endHopeless ends, without delivering, what came too late, and what carries a code and may have
// been delivered by a worker that died.
func endHopeless(ctx context.Context, tx *Tx, now time.Time) error {
	// The subquery finds the few rows by their own indexes: a long queue is not walked with every claim. The guard is the outer one.
	return tx.ExecAny(ctx, `UPDATE outbox SET state = CASE WHEN state = 'leased' THEN 'unknown' ELSE 'expired' END,
			owner = NULL, lease_until = NULL, done_at = $1, address = NULL, args = NULL
		WHERE id IN (SELECT id FROM outbox WHERE done_at IS NULL AND not_after < $1 AND state = 'pending'
				UNION ALL SELECT id FROM outbox WHERE lease_until <= $1 AND (carries_code = TRUE OR not_after < $1))
			AND done_at IS NULL AND ((state = 'pending' AND not_after < $1)
				OR (state = 'leased' AND lease_until <= $1 AND (carries_code = TRUE OR not_after < $1)))`, Micros(now))
}

type messageRow struct {
	m             jobs.Message
	address, args []byte
}

func scanMessage(row func(...any) error) (messageRow, error) {
	var r messageRow
	var account sql.NullString
	var created int64
	var notAfter sql.NullInt64
	err := row(&r.m.ID, &r.m.Key, &r.m.Channel, &r.m.Kind, &account, &r.m.Locale, &r.address, &r.args,
		&r.m.CarriesCode, &created, &notAfter, &r.m.Attempt, &r.m.AskedFrom, &r.m.Repeated)
	r.m.Account, r.m.CreatedAt, r.m.NotAfter = account.String, FromMicros(created), FromNullMicros(notAfter)
	return r, err
}

// open unseals the row. On an error the message still has its id and attempt.
func (r messageRow) open(keys Keys) (jobs.Message, error) {
	address, err := keys.Open(sealAddress, []byte(r.m.ID), r.address)
	if err != nil {
		return r.m, err
	}
	args, err := keys.Open(sealArgs, []byte(r.m.ID), r.args)
	if err != nil {
		return r.m, err
	}
	m := r.m
	if err = json.Unmarshal(args, &m.Args); err != nil {
		return r.m, err
	}
	m.Address = string(address)
	return m, nil
}

// SettleMessage implements jobs.Queue. A retry that would come after NotAfter ends the message as
// expired; every end wipes address and arguments.
func (s *Store) SettleMessage(ctx context.Context, now time.Time, owner string, m jobs.Message, end jobs.Settlement) error {
	return s.InTx(ctx, func(ctx context.Context, tx *Tx) error {
		switch end.Outcome {
		case jobs.Retry:
			if !m.NotAfter.IsZero() && end.RetryAt.After(m.NotAfter) {
				outcome := jobs.Expired
				if m.Repeated || end.Unsure { // it may have gone out, only not surely
					outcome = jobs.Unknown
				}
				return endMessage(ctx, tx, now, owner, m, jobs.Settlement{Outcome: outcome, Problem: end.Problem})
			}
			return tx.ExecOne(ctx, `UPDATE outbox SET state = 'pending', owner = NULL, lease_until = NULL, due_at = $4, problem = $5, repeated = $6
				WHERE id = $1 AND state = 'leased' AND attempt = $2 AND owner = $3`,
				m.ID, m.Attempt, owner, Micros(end.RetryAt), NullText(end.Problem), m.Repeated || end.Unsure)
		case jobs.Sent, jobs.Failed, jobs.Unknown, jobs.Expired:
			return endMessage(ctx, tx, now, owner, m, end)
		}
		return fmt.Errorf("store: message settled with an unknown outcome %q", end.Outcome)
	})
}

func endMessage(ctx context.Context, tx *Tx, now time.Time, owner string, m jobs.Message, end jobs.Settlement) error {
	var delivered sql.NullInt64
	if end.Arrived {
		delivered = NullMicros(now)
	}
	if m.Kind == campaign.MessageLetter {
		if err := settleLetter(ctx, tx, now, m, end.Outcome); err != nil {
			return err
		}
	}
	return tx.ExecOne(ctx, `UPDATE outbox SET state = $4, owner = NULL, lease_until = NULL, done_at = $5, problem = $6, delivered_at = $7,
			address = NULL, args = NULL
		WHERE id = $1 AND state = 'leased' AND attempt = $2 AND owner = $3`,
		m.ID, m.Attempt, owner, string(end.Outcome), Micros(now), NullText(end.Problem), delivered)
}
