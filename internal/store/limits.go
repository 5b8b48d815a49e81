package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"

	"doverie/internal/ratelimit"
)

// Allow counts one act against a limit and says whether it may happen; if not, how long to wait.
// One guarded statement decides, so that no number of processes passes more than the limit.
func (s *Store) Allow(ctx context.Context, key []byte, limit ratelimit.Limit, now time.Time) (ok bool, retryAfter time.Duration, err error) {
	return s.AllowAll(ctx, []Check{{key, limit}}, now)
}

// Check is one limit of an act that is under several.
type Check struct {
	Key   []byte
	Limit ratelimit.Limit
}

var errTooOften = errors.New("store: too often")

// AllowAll counts one act against several limits, all or none: an act refused by one limit costs
// nothing of the others. retryAfter is the wait of the limit that refused.
func (s *Store) AllowAll(ctx context.Context, checks []Check, now time.Time) (ok bool, retryAfter time.Duration, err error) {
	// One order for everybody, so that two acts cannot wait for each other.
	checks = slices.Clone(checks)
	slices.SortFunc(checks, func(a, b Check) int { return bytes.Compare(a.Key, b.Key) })
	err = s.InTx(ctx, func(ctx context.Context, tx *Tx) error {
		retryAfter = 0
		for _, c := range checks {
			after, err := tx.countAct(ctx, c, now)
			if err != nil {
				return err
			}
			if after > 0 {
				retryAfter = after
				return errTooOften
			}
		}
		return nil
	})
	if errors.Is(err, errTooOften) {
		return false, retryAfter, nil
	}
	return err == nil, 0, err
}

// countAct is ratelimit.Limit.Decide in SQL; TestAllowDecidesLikeTheModel holds the two together.
// It returns how long to wait, or zero when the act was counted.
func (t *Tx) countAct(ctx context.Context, c Check, now time.Time) (time.Duration, error) {
	step, at := c.Limit.Step().Microseconds(), Micros(now)
	window := c.Limit.Window().Microseconds()
	var tat int64
	err := t.QueryRow(ctx, `INSERT INTO rate_limits (key, tat) VALUES ($1, $2)
		ON CONFLICT (key) DO UPDATE
			SET tat = CASE WHEN rate_limits.tat > $3 THEN rate_limits.tat ELSE CAST($3 AS BIGINT) END + $4
			WHERE CASE WHEN rate_limits.tat > $3 THEN rate_limits.tat ELSE CAST($3 AS BIGINT) END + $4 <= $5
		RETURNING tat`, c.Key, at+step, at, step, at+window).Scan(&tat)
	if !errors.Is(err, sql.ErrNoRows) {
		return 0, err
	}
	err = t.QueryRow(ctx, `SELECT tat FROM rate_limits WHERE key = $1`, c.Key).Scan(&tat)
	if err != nil {
		return 0, err
	}
	wait := max(tat, at) + step - at - window
	return time.Duration(max(wait, 1)) * time.Microsecond, nil
}
