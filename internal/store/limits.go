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
	return s.AllowAll(ctx, []Check{{Key: key, Limit: limit}}, now)
}

// Check is one limit of an act that is under several.
type Check struct {
	Key   []byte
	Limit ratelimit.Limit
	Name  string // for AllowEach to tell which limit refused
	Hot   bool   // one key for everybody: it is counted last, so that its row is held for the shortest time
}

var errTooOften = errors.New("store: too often")

// AllowAll counts one act against several limits, all or none: an act refused by one limit costs
// nothing of the others. retryAfter is the wait of the limit that refused.
func (s *Store) AllowAll(ctx context.Context, checks []Check, now time.Time) (ok bool, retryAfter time.Duration, err error) {
	_, retryAfter, err = s.allow(ctx, checks, now)
	return err == nil && retryAfter == 0, retryAfter, err
}

// AllowEach is AllowAll for who wants to know which limit refused: its Name, or empty when the act was counted.
func (s *Store) AllowEach(ctx context.Context, checks []Check, now time.Time) (refused string, err error) {
	by, _, err := s.allow(ctx, checks, now)
	return by.Name, err
}

func (s *Store) allow(ctx context.Context, checks []Check, now time.Time) (refused Check, retryAfter time.Duration, err error) {
	// One order for everybody, so that two acts cannot wait for each other.
	checks = slices.Clone(checks)
	slices.SortFunc(checks, func(a, b Check) int {
		if a.Hot != b.Hot {
			return map[bool]int{true: 1, false: -1}[a.Hot]
		}
		return bytes.Compare(a.Key, b.Key)
	})
	err = s.InTx(ctx, func(ctx context.Context, tx *Tx) error {
		refused, retryAfter = Check{}, 0
		for _, c := range checks {
			after, err := tx.countAct(ctx, c, now)
			if err != nil {
				return err
			}
			if after > 0 {
				refused, retryAfter = c, after
				return errTooOften
			}
		}
		return nil
	})
	if errors.Is(err, errTooOften) {
		err = nil
	}
	return refused, retryAfter, err
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
