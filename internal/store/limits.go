package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
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

// tooOftenError is the limit that refused an act.
type tooOftenError struct{ limit Check }

// Error implements error.
func (tooOftenError) Error() string { return "store: too often" }

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

func (s *Store) allow(ctx context.Context, checks []Check, now time.Time, along ...read) (refused Check, retryAfter time.Duration, err error) {
	// One order for everybody, so that two acts cannot wait for each other.
	checks = slices.Clone(checks)
	slices.SortFunc(checks, func(a, b Check) int {
		if a.Hot != b.Hot {
			return map[bool]int{true: 1, false: -1}[a.Hot]
		}
		return bytes.Compare(a.Key, b.Key)
	})
	over := tooOftenError{}
	err = s.InTx(ctx, func(ctx context.Context, tx *Tx) error {
		if len(checks) == 1 { // nothing else has to be undone when it refuses
			over.limit = checks[0]
			query, args := countAct(over.limit, now)
			tx.with(ctx, s.counted(ctx, func(row func(...any) error) error {
				var tat int64
				over = tooOftenError{}
				return row(&tat)
			}, query+` RETURNING tat`, args...))
		} else {
			for _, c := range checks {
				query, args := countAct(c, now)
				if err := tx.execOneOr(ctx, tooOftenError{c}, query, args...); err != nil {
					return err
				}
			}
		}
		tx.with(ctx, along...)
		return nil
	})
	if !errors.As(err, &over) && (err != nil || over.limit.Key == nil) { // a database that does not answer refuses nothing
		return Check{}, 0, err
	}
	err = s.Read(ctx, func(ctx context.Context, q Querier) (err error) {
		retryAfter, err = waitFor(ctx, q, over.limit, now)
		return err
	})
	return over.limit, retryAfter, err
}

// countAct is ratelimit.Limit.Decide in SQL; TestAllowDecidesLikeTheModel holds the two together.
// It changes no row when the act may not happen.
func countAct(c Check, now time.Time) (query string, args []any) {
	step, at := c.Limit.Step().Microseconds(), Micros(now)
	return `INSERT INTO rate_limits (key, tat) VALUES ($1, $2)
		ON CONFLICT (key) DO UPDATE
			SET tat = CASE WHEN rate_limits.tat > $3 THEN rate_limits.tat ELSE CAST($3 AS BIGINT) END + $4
			WHERE CASE WHEN rate_limits.tat > $3 THEN rate_limits.tat ELSE CAST($3 AS BIGINT) END + $4 <= $5`, []any{c.Key, at + step, at, step, at + c.Limit.Window().Microseconds()}
}

// mayAct is the condition of countAct on its own, with its placeholders behind the first ones: whether the act would be counted.
func mayAct(c Check, now time.Time, first int) (condition string, args []any) {
	step, at := c.Limit.Step().Microseconds(), Micros(now)
	return fmt.Sprintf(`NOT EXISTS (SELECT 1 FROM rate_limits
		WHERE key = $%d AND CASE WHEN tat > $%d THEN tat ELSE CAST($%[2]d AS BIGINT) END + $%d > $%d)`, first+1, first+2, first+3, first+4),
		[]any{c.Key, at, step, at + c.Limit.Window().Microseconds()}
}

// waitFor is how long an act that may not happen now has to wait.
func waitFor(ctx context.Context, q Querier, c Check, now time.Time) (time.Duration, error) {
	var tat int64
	at := Micros(now)
	err := q.QueryRow(ctx, `SELECT tat FROM rate_limits WHERE key = $1`, c.Key).Scan(&tat)
	if err != nil && !errors.Is(err, sql.ErrNoRows) { // swept away just now: the shortest wait
		return 0, err
	}
	wait := max(tat, at) + c.Limit.Step().Microseconds() - at - c.Limit.Window().Microseconds()
	return time.Duration(max(wait, 1)) * time.Microsecond, nil
}
