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

	"doverie/internal/audit"
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
	Query(ctx context.Context, query string, args ...any) (Rows, error)
	QueryRow(ctx context.Context, query string, args ...any) Row
	readAll(ctx context.Context, reads []read) error
}

// Tx is one transaction. It belongs to one goroutine.
type Tx struct {
	s    *Store
	run  carrier
	now  time.Time
	last []read // asked together with the commit

	near   map[string]addresses   // of the people of the circle that is locked; nil: not read
	told   map[string][]told      // whom the switches of its principal tell, by switch, as far as that was read
	peek   *audit.Head            // where the event log ended a moment ago; nil: not read
	events func(audit.Head) error // writes the events of the transaction behind that head; nil: they are written

	wake bool // a message or a timer was written
	tell bool // there is something to tell other systems
}

type inTxKey struct{}

// Now is the one moment of this transaction, to the microsecond.
func (t *Tx) Now() time.Time { return t.now }

// Exec runs a statement and returns how many rows it changed.
func (t *Tx) Exec(ctx context.Context, query string, args ...any) (n int64, err error) {
	err = t.send(ctx, sent{query: query, args: args, changed: func(changed int64) { n = changed }})
	if err == nil {
		err = t.run.flush(ctx)
	}
	return n, err
}

// ExecAny runs a statement that may change any number of rows. On PostgreSQL it goes with the next
// statement that has to be answered, and its error shows there, or at the commit.
func (t *Tx) ExecAny(ctx context.Context, query string, args ...any) error {
	return t.send(ctx, sent{query: query, args: args, changed: func(int64) {}})
}

// ExecOne runs a guarded statement, which must not have a RETURNING of its own. Unless exactly one row
// changed, the transaction ends in a Conflict fault with ErrGuard inside: here, or on PostgreSQL where the
// next answer is read, at the latest by the commit, which then does not happen.
func (t *Tx) ExecOne(ctx context.Context, query string, args ...any) error {
	return t.execOneOr(ctx, conflict(), query, args...)
}

// execOneOr is ExecOne with another word for whoever lost.
func (t *Tx) execOneOr(ctx context.Context, lost error, query string, args ...any) error {
	return t.send(ctx, sent{query: query, args: args, changed: func(int64) {}, lost: lost})
}

func (t *Tx) send(ctx context.Context, s sent) error {
	t.s.countStatement(ctx)
	tell := s.changed
	s.changed = func(n int64) {
		t.s.countRows(ctx, n)
		tell(n)
	}
	return t.run.exec(ctx, s)
}

// Query reads inside the transaction. Close the rows before the next statement.
func (t *Tx) Query(ctx context.Context, query string, args ...any) (Rows, error) {
	t.s.countStatement(ctx)
	return t.run.query(ctx, query, args)
}

// QueryRow reads one row inside the transaction.
func (t *Tx) QueryRow(ctx context.Context, query string, args ...any) Row {
	if !strings.HasPrefix(query, "SELECT") { // it writes its one row and answers
		t.s.countRows(ctx, 1)
	}
	rows, err := t.Query(ctx, query, args...)
	return oneRow{rows, err}
}

func (t *Tx) readAll(ctx context.Context, reads []read) error {
	for range reads {
		t.s.countStatement(ctx)
	}
	return t.run.flush(ctx, reads...)
}

// with asks one more question together with the commit: on PostgreSQL in its round trip. A statement that writes and
// answers may be one. When the transaction is run again, so is the reading of the answer.
func (t *Tx) with(ctx context.Context, questions ...read) {
	for range questions {
		t.s.countStatement(ctx)
	}
	t.last = append(t.last, questions...)
}

// ForUpdate is the suffix of a SELECT whose rows must not change before the commit.
func (t *Tx) ForUpdate() string { return t.s.d.forUpdate }

type pool struct{ s *Store }

func (p pool) Query(ctx context.Context, query string, args ...any) (Rows, error) {
	p.s.countStatement(ctx)
	p.s.countTrip(ctx, query)
	return p.s.read.QueryContext(ctx, query, args...)
}

func (p pool) QueryRow(ctx context.Context, query string, args ...any) Row {
	p.s.countStatement(ctx)
	p.s.countTrip(ctx, query)
	return p.s.read.QueryRowContext(ctx, query, args...)
}

func (p pool) readAll(ctx context.Context, reads []read) error {
	if !p.s.d.pipelines {
		for _, r := range reads {
			rows, err := p.Query(ctx, r.query, r.args...)
			if err != nil {
				return err
			}
			if err = errors.Join(r.take(rows), rows.Close()); err != nil {
				return err
			}
		}
		return nil
	}
	conn, err := p.s.read.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close() //nolint:errcheck // returns it to the pool
	pg, err := raw(conn)
	if err != nil {
		return err
	}
	for range reads {
		p.s.countStatement(ctx)
	}
	return (&pipeline{s: p.s, conn: pg, begun: true}).flush(ctx, reads...) // begun: no transaction is wanted
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
	return s.whyNoCode(ctx, s.again(ctx, func() (error, bool) { return s.once(ctx, nil, do) }))
}

// inTxBehind is InTx behind another transaction, which consists of the given statements and is committed before this one
// begins: on PostgreSQL both go in one round trip. What went ahead stands whatever becomes of the rest, and is
// never done twice.
//
// Errors: as InTx; ErrUnknownOutcome also when the answer to the first of the two was lost.
func (s *Store) inTxBehind(ctx context.Context, asks []read, do func(ctx context.Context, tx *Tx) error) error {
	if ctx.Value(inTxKey{}) != nil {
		return errNested
	}
	for range asks {
		s.countStatement(ctx)
	}
	if !s.d.pipelines {
		err := s.InTx(ctx, func(_ context.Context, tx *Tx) error {
			tx.last = asks
			return nil
		})
		if err != nil {
			return err
		}
		return s.InTx(ctx, do)
	}
	first := &ahead{asks: asks}
	return s.whyNoCode(ctx, s.again(ctx, func() (error, bool) { return s.once(ctx, first, do) }))
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
func (s *Store) once(ctx context.Context, first *ahead, do func(ctx context.Context, tx *Tx) error) (err error, passing bool) {
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

	run, err := s.begin(ctx, steady, conn, first)
	if err != nil {
		c := classify(err)
		broken = c == classNewConn || c == classLost
		return fmt.Errorf("store: begin: %w", err), c != classOther
	}
	tx := &Tx{s: s, run: run, now: s.now().UTC().Truncate(time.Microsecond)}
	defer func() {
		if tx.peek != nil {
			s.crowd.deciding.Add(-1)
		}
	}()
	err = do(context.WithValue(ctx, inTxKey{}, true), tx)
	if err == nil {
		err = ctx.Err()
	}
	refused := err != nil
	if !refused {
		refused, err = tx.commit(steady)
	}
	switch {
	case refused:
		rollback := run.rollback(steady)
		c := classify(err)
		broken = c == classNewConn || c == classLost || (rollback != nil && !errors.Is(rollback, sql.ErrTxDone))
		return err, (c == classAgain || c == classNewConn || c == classLost) && !errors.Is(err, ErrUnknownOutcome)
	case err != nil:
		return s.commitFailed(err, &broken)
	}
	s.each(ctx, func(c *Stats) { c.commits.Add(1) })
	if tx.wake {
		ring(s.wake)
	}
	if tx.tell {
		ring(s.tells)
	}
	return nil, false
}

// eventLog is the savepoint in front of a transaction's events.
const eventLog = "event_log"

// commit commits, and before that writes the events that were left for it because nobody else seemed to decide anything:
// behind the end of the log as it was read at the beginning, in one trip and without a lock that anybody would wait for
// while our answer travels. When somebody else has written events meanwhile, all the rest is there still, in front of a savepoint; the log is locked then, as it
// always is where something else has to be asked, and nobody can come first a second time.
func (t *Tx) commit(ctx context.Context) (refused bool, err error) {
	if t.events == nil {
		return t.run.commit(ctx, t.last...)
	}
	mark := sent{query: "savepoint " + eventLog, changed: func(int64) {}}
	if err = errors.Join(t.run.exec(ctx, mark), t.events(*t.peek)); err != nil {
		return true, err
	}
	if refused, err = t.run.commit(ctx, t.last...); !errors.Is(err, errHeadMoved) {
		return refused, err
	}
	var head audit.Head
	t.s.crowd.wary.Store(waryFor)
	if err = t.run.backTo(ctx, eventLog); err == nil {
		err = readAll(ctx, t, headRead(t.ForUpdate(), &head))
	}
	if err == nil {
		err = t.events(head)
	}
	if err != nil {
		return true, err
	}
	return t.run.commit(ctx, t.last...)
}

// begin begins a transaction, or on PostgreSQL makes the first statement do it.
func (s *Store) begin(ctx, steady context.Context, conn *sql.Conn, first *ahead) (carrier, error) {
	if s.d.pipelines {
		pg, err := raw(conn)
		return &pipeline{s: s, conn: pg, ahead: first}, err
	}
	s.countTrip(ctx, "begin")
	tx, err := conn.BeginTx(steady, nil)
	return direct{s, tx}, err
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

func ring(bell chan struct{}) {
	select {
	case bell <- struct{}{}:
	default: // a wake is waiting already
	}
}

// Collect reads every row with scan and closes the rows. It takes the results of Query as they are:
//
//	links, err := Collect(scanLink)(tx.Query(ctx, `SELECT …`, id))
func Collect[T any](scan func(row func(...any) error) (T, error)) func(Rows, error) ([]T, error) {
	return func(rows Rows, err error) ([]T, error) {
		if err != nil {
			return nil, err
		}
		defer rows.Close() //nolint:errcheck // rows.Err is asked below
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
