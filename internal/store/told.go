package store

import (
	"context"
	"database/sql"
	"slices"
	"time"

	"doverie/internal/account"
	"doverie/internal/effect"
)

// masked is what is kept of an address when the message is over: what its owner recognises, and nobody else could write to.
// A browser has no address that anybody knows.
func masked(via effect.Channel, address string) sql.NullString {
	switch via {
	case effect.SMS:
		return NullText(account.MaskPhone(address))
	case effect.Email:
		return NullText(account.MaskEmail(address))
	}
	return sql.NullString{}
}

// Told lists what was sent to an account after since, newest first: limit messages after the first skip. What never left
// (held back, or too late) is not among them: whoever compares a message in his hand with this list must not find there
// what we did not send.
func (s *Store) Told(ctx context.Context, accountID string, since, now time.Time, skip, limit int) ([]effect.Told, error) {
	type row struct {
		deliveryRow
		masked    sql.NullString
		asContact bool
	}
	var rows []row
	err := s.Read(ctx, func(ctx context.Context, q Querier) (err error) {
		rows, err = Collect(func(scan func(...any) error) (r row, err error) {
			r.deliveryRow, err = scanDelivery(func(to ...any) error { return scan(append(to, &r.masked, &r.asContact)...) })
			return r, err
		})(q.Query(ctx, `SELECT `+deliveryColumns+`, o.masked, o.as_contact FROM outbox o LEFT JOIN message_parts p ON p.message_id = o.id
			WHERE o.id IN (SELECT t.id FROM outbox t WHERE t.account_id = $1 AND t.created_at > $2
					AND (t.state IN ('leased', 'sent', 'unknown') OR (t.state = 'pending' AND (t.not_after IS NULL OR t.not_after >= $3))
						OR EXISTS (SELECT 1 FROM message_parts m WHERE m.message_id = t.id))
				ORDER BY t.id DESC LIMIT $4 OFFSET $5)
			ORDER BY o.id, p.part`, accountID, Micros(since), Micros(now), limit, skip))
		return err
	})
	var out []effect.Told
	for len(rows) > 0 {
		n := 1
		for n < len(rows) && rows[n].ID == rows[0].ID {
			n++
		}
		parts := make([]deliveryRow, n)
		for i, r := range rows[:n] {
			parts[i] = r.deliveryRow
		}
		out = append(out, effect.Told{Delivery: judgeDelivery(parts, now), Masked: rows[0].masked.String, AsContact: rows[0].asContact})
		rows = rows[n:]
	}
	slices.Reverse(out)
	return out, err
}
