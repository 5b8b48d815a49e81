package store

import (
	"context"
	"sync/atomic"
)

// Stats counts what a piece of work cost in SQL. Tests hold budgets with it and `bench` prints it.
type Stats struct {
	statements atomic.Int64
	trips      atomic.Int64
	commits    atomic.Int64
	retries    atomic.Int64
	rows       atomic.Int64
	watch      atomic.Pointer[func(statements []string)]
}

// Statements is the number of SQL statements sent, without BEGIN and COMMIT.
func (s *Stats) Statements() int64 { return s.statements.Load() }

// RoundTrips is how often an answer of the database was waited for, BEGIN, COMMIT and ROLLBACK included.
// On PostgreSQL several statements go together; on SQLite each is one.
func (s *Stats) RoundTrips() int64 { return s.trips.Load() }

// Commits is the number of committed transactions.
func (s *Stats) Commits() int64 { return s.commits.Load() }

// RowsWritten is the number of rows that statements inserted, changed or deleted. A statement that
// writes and answers (a counted act, a counted try) counts as one.
func (s *Stats) RowsWritten() int64 { return s.rows.Load() }

// Retries is the number of times a transaction or a read was run again.
func (s *Stats) Retries() int64 { return s.retries.Load() }

// Watch calls f with what goes in each round trip from now on. A test prints it, to see where the trips of a page go.
func (s *Stats) Watch(f func(statements []string)) { s.watch.Store(&f) }

type statsKey struct{}

// Measured returns a context whose SQL is counted in the returned Stats as well as in the store's own.
func Measured(ctx context.Context) (context.Context, *Stats) {
	s := new(Stats)
	return context.WithValue(ctx, statsKey{}, s), s
}

// each calls count for the store's counters and for those of the context.
func (s *Store) each(ctx context.Context, count func(*Stats)) {
	count(&s.total)
	if own, ok := ctx.Value(statsKey{}).(*Stats); ok {
		count(own)
	}
}

func (s *Store) countStatement(ctx context.Context) {
	s.each(ctx, func(c *Stats) { c.statements.Add(1) })
}

func (s *Store) countRows(ctx context.Context, n int64) {
	s.each(ctx, func(c *Stats) { c.rows.Add(n) })
}

// countTrip counts one wait for an answer of the database, to these statements.
func (s *Store) countTrip(ctx context.Context, statements ...string) {
	s.each(ctx, func(c *Stats) {
		c.trips.Add(1)
		if f := c.watch.Load(); f != nil {
			(*f)(statements)
		}
	})
}
