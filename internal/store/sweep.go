package store

import (
	"context"
	"time"
)

// How long finished rows are kept: long enough for every count that looks back (codes: 24 h) and for
// an operator to see what happened to a message.
const (
	keepCodes    = 7 * 24 * time.Hour
	keepMessages = 30 * 24 * time.Hour
	keepStrays   = 24 * time.Hour      // receipts that no line of the ledger was found for
	keepSignIns  = 90 * 24 * time.Hour // ended sessions and sign-ins: "when did that end, and why"
)

// Sweep removes rows that no rule looks at any more: rested rate limits, old codes and slots,
// finished messages, drained notices, what people began and never finished. It returns how many. Events are never removed.
func (s *Store) Sweep(ctx context.Context, now time.Time) (removed int64, err error) {
	for _, step := range []struct {
		query  string
		before time.Time
	}{
		{`DELETE FROM rate_limits WHERE tat < $1`, now},
		{`DELETE FROM phone_slots WHERE until < $1`, now},
		{`DELETE FROM codes WHERE issued_at < $1`, now.Add(-keepCodes)},
		{`DELETE FROM outbox WHERE done_at < $1`, now.Add(-keepMessages)},
		{`DELETE FROM message_parts WHERE submitted_at < $1`, now.Add(-keepMessages)},
		{`DELETE FROM stray_receipts WHERE at < $1`, now.Add(-keepStrays)},
		{`DELETE FROM system_notices WHERE drained_at < $1`, now.Add(-keepMessages)},
		{`DELETE FROM signal_deliveries WHERE done_at < $1`, now.Add(-keepMessages)},
		{`UPDATE signal_deliveries SET state = 'failed', owner = NULL, lease_until = NULL, done_at = at, problem = 'fault.signals.too_old'
			WHERE done_at IS NULL AND at < $1`, now.Add(-keepMessages)}, // nobody came for it
		{`DELETE FROM registrations WHERE expires_at < $1`, now}, // names and phones of people who never became accounts
		{`DELETE FROM passkey_challenges WHERE expires_at < $1`, now},
		{`DELETE FROM operator_challenges WHERE expires_at < $1`, now},
		{`DELETE FROM operator_sessions WHERE expires_at < $1`, now.Add(-keepSignIns)},
		{`UPDATE desk_cases SET phone = NULL WHERE phone IS NOT NULL AND closes_at < $1`, now}, // a number whose code nobody typed
		{`DELETE FROM email_links WHERE expires_at < $1`, now},
		{`DELETE FROM oidc_replays WHERE expires_at < $1`, now},
		{`DELETE FROM oidc_requests WHERE expires_at < $1`, now},
		{`DELETE FROM oidc_tokens WHERE family_id IN (SELECT id FROM oidc_families WHERE expires_at < $1)`, now.Add(-keepSignIns)},
		{`DELETE FROM oidc_families WHERE expires_at < $1`, now.Add(-keepSignIns)},
		{`DELETE FROM push_browsers WHERE ended_at < $1`, now.Add(-keepSignIns)},
		{`DELETE FROM sign_ins WHERE expires_at < $1`, now.Add(-keepSignIns)},
		{`DELETE FROM sessions WHERE expires_at < $1`, now.Add(-keepSignIns)},
	} {
		// A transaction each: a long one would hold the writer of SQLite.
		var n int64
		if err = s.InTx(ctx, func(ctx context.Context, tx *Tx) (err error) {
			n, err = tx.Exec(ctx, step.query, Micros(step.before))
			return err
		}); err != nil {
			return removed, err
		}
		removed += n
	}
	return removed, nil
}
