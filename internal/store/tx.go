package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"doverie/internal/fault"
)

// Bounds of trying again. Twelve attempts take about five seconds, longer than a restart of a
// database and shorter than anybody waits for a page; after that the person is told that nothing was done.
const (
	attempts   = 12
	firstPause = 5 * time.Millisecond
	longPause  = time.Second
	txLimit    = 30 * time.Second // a transaction that hangs longer is rolled back
)

// Querier reads: a transaction, or the reader pool.
type Querier interface {
	Query(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRow(ctx context.Context, query string, args ...any) *sql.Row
}

// Tx is one transaction. It belongs to one goroutine.
type Tx struct {
	s    *Store
	tx   *sql.Tx
	now  time.Time
	wake bool // a message or a timer was written
}

type inTxKey struct{}

// Now is the one moment of this transaction, to the microsecond.
func (t *Tx) Now() time.Time { return t.now }

// Exec runs a statement and returns how many rows it changed.
func (t *Tx) Exec(ctx context.Context, query string, args ...any) (int64, error) {
	t.s.countStatement(ctx)
	res, err := t.tx.ExecContext(ctx, query, args...)
	if err != nil {
		return 0, err
	}
	n, err := res.RowsAffected()
	t.s.countRows(ctx, n)
	return n, err
}

// ExecOne runs a guarded statement. Unless exactly one row changed it returns a Conflict fault with
// ErrGuard inside, and the transaction must be given up.
func (t *Tx) ExecOne(ctx context.Context, query string, args ...any) error {
	n, err := t.Exec(ctx, query, args...)
	if err == nil && n != 1 {
		return conflict()
	}
	return err
}

// Query reads inside the transaction. Close the rows before the next statement.
func (t *Tx) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	t.s.countStatement(ctx)
	return t.tx.QueryContext(ctx, query, args...)
}

// QueryRow reads one row inside the transaction.
func (t *Tx) QueryRow(ctx context.Context, query string, args ...any) *sql.Row {
	t.s.countStatement(ctx)
	if !strings.HasPrefix(query, "SELECT") { // it writes its one row and answers
		t.s.countRows(ctx, 1)
	}
	return t.tx.QueryRowContext(ctx, query, args...)
}

// ForUpdate is the suffix of a SELECT whose rows must not change before the commit.
func (t *Tx) ForUpdate() string { return t.s.d.forUpdate }

type pool struct{ s *Store }

func (p pool) Query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	p.s.countStatement(ctx)
	return p.s.read.QueryContext(ctx, query, args...)
}

func (p pool) QueryRow(ctx context.Context, query string, args ...any) *sql.Row {
	p.s.countStatement(ctx)
	return p.s.read.QueryRowContext(ctx, query, args...)
}

// Read runs do outside a transaction. It may run several times when a connection breaks.
func (s *Store) Read(ctx context.Context, do func(ctx context.Context, q Querier) error) error {
	if ctx.Value(inTxKey{}) != nil {
		return errNested
	}
	return s.again(ctx, func() (error, bool) {
		err := do(ctx, pool{s})
		switch classify(err) {
		case classAgain, classNewConn, classLost:
			return err, true
		}
		return err, false
	})
}

var errNested = errors.New("store: InTx or Read inside InTx; use the transaction")

// InTx runs do in one transaction and commits it when do returns nil. See the package comment for
// what do may and may not do, and for what is retried.
//
// Errors: what do returned; fault.Busy when the database could not take the work (nothing was
// done); ErrUnknownOutcome inside a fault when the reply to COMMIT was lost.
func (s *Store) InTx(ctx context.Context, do func(ctx context.Context, tx *Tx) error) error {
	if ctx.Value(inTxKey{}) != nil {
		return errNested
	}
	return s.again(ctx, func() (error, bool) { return s.once(ctx, do) })
}

// again repeats work that failed for a passing reason, with growing pauses.
func (s *Store) again(ctx context.Context, work func() (err error, passing bool)) error {
	pause := firstPause
	for n := 1; ; n++ {
		err, passing := work()
		if err == nil || !passing {
			return err
		}
		if ctx.Err() != nil {
			return errors.Join(ctx.Err(), err)
		}
		if n == attempts {
			return busy(err)
		}
		s.each(ctx, func(c *Stats) { c.retries.Add(1) })
		// Jitter, so that two losers of a deadlock do not meet again. Not a secret: no crypto needed.
		if err := wait(ctx, pause/2+rand.N(pause)); err != nil { //nolint:gosec // jitter, no secret
			return err
		}
		pause = min(2*pause, longPause)
	}
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// once runs one attempt. passing is true when nothing was done and another attempt may succeed.
//
// The transaction is begun in a context that does not end with the request: otherwise a browser
// that goes away during COMMIT would make the outcome unknown. Every statement still obeys ctx,
// and ctx is looked at once more before COMMIT.
func (s *Store) once(ctx context.Context, do func(ctx context.Context, tx *Tx) error) (err error, passing bool) {
	conn, err := s.write.Conn(ctx)
	if err != nil {
		c := classify(err)
		return fmt.Errorf("store: connect: %w", err), ctx.Err() == nil && c != classOther
	}
	broken := false
	defer func() {
		if broken { // the pool drops a connection that says this
			_ = conn.Raw(func(any) error { return driver.ErrBadConn })
		}
		_ = conn.Close() // returns the connection to the pool; an error means it is closed already
	}()
	steady, cancel := context.WithTimeout(context.WithoutCancel(ctx), txLimit)
	defer cancel()

	s.countTrip(ctx)
	sqlTx, err := conn.BeginTx(steady, nil)
	if err != nil {
		c := classify(err)
		broken = c == classNewConn || c == classLost
		return fmt.Errorf("store: begin: %w", err), c != classOther
	}
	tx := &Tx{s: s, tx: sqlTx, now: s.now().UTC().Truncate(time.Microsecond)}
	err = do(context.WithValue(ctx, inTxKey{}, true), tx)
	if err == nil {
		err = ctx.Err()
	}
	s.countTrip(ctx)
	if err != nil {
		rollback := sqlTx.Rollback()
		c := classify(err)
		broken = c == classNewConn || c == classLost || (rollback != nil && !errors.Is(rollback, sql.ErrTxDone))
		return err, c == classAgain || c == classNewConn || c == classLost
	}
	if err = sqlTx.Commit(); err != nil {
		return s.commitFailed(err, &broken)
	}
	s.each(ctx, func(c *Stats) { c.commits.Add(1) })
	if tx.wake {
		s.wakeUp()
	}
	return nil, false
}

// commitFailed sorts a failed COMMIT. An answer of the database is certain: it was not committed.
// No answer is not.
func (s *Store) commitFailed(err error, broken *bool) (error, bool) {
	switch classify(err) {
	case classAgain:
		return err, true
	case classLost:
		*broken = true
		return unknownOutcome(err), false
	case classNewConn:
		// The server is going down. It may say so after it has committed.
		*broken = true
		return unknownOutcome(err), false
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		*broken = true
		return unknownOutcome(err), false
	}
	return fault.New(fault.Internal, "fault.internal", nil).Because(fmt.Errorf("store: commit: %w", err)), false
}

func (s *Store) wakeUp() {
	select {
	case s.wake <- struct{}{}:
	default: // a wake is waiting already
	}
}

// Collect reads every row with scan and closes the rows. It takes the results of Query as they are:
//
//	links, err := Collect(scanLink)(tx.Query(ctx, `SELECT …`, id))
func Collect[T any](scan func(row func(...any) error) (T, error)) func(*sql.Rows, error) ([]T, error) {
	return func(rows *sql.Rows, err error) ([]T, error) {
		if err != nil {
			return nil, err
		}
		defer rows.Close()
		var all []T
		for rows.Next() {
			one, err := scan(rows.Scan)
			if err != nil {
				return nil, err
			}
			all = append(all, one)
		}
		return all, rows.Err()
	}
}

// places writes the VALUES of an insert of several rows: places(2, 3) is "($1,$2,$3),($4,$5,$6)".
func places(rows, columns int) string {
	var b strings.Builder
	for r := range rows {
		for c := range columns {
			switch {
			case c > 0:
				b.WriteByte(',')
			case r > 0:
				b.WriteString(",(")
			default:
				b.WriteByte('(')
			}
			b.WriteByte('$')
			b.WriteString(strconv.Itoa(r*columns + c + 1))
		}
		b.WriteByte(')')
	}
	return b.String()
}
