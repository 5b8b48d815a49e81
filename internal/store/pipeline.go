package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// Rows is the answer to a query. Close it before the next statement of the transaction (Collect does).
type Rows interface {
	Next() bool
	Scan(dest ...any) error
	Err() error
	Close() error
}

// Row is the answer to a query that gives one row: sql.ErrNoRows when there is none.
type Row interface{ Scan(dest ...any) error }

// read is one question among several that are asked together; take reads every row of the answer.
type read struct {
	query string
	args  []any
	take  func(Rows) error
}

// into makes a read that collects every row into all.
func into[T any](all *[]T, scan func(row func(...any) error) (T, error), query string, args ...any) read {
	return read{query, args, func(rows Rows) (err error) {
		*all, err = Collect(scan)(rows, nil)
		return err
	}}
}

// counted makes a read of a statement that writes at most one row and answers with it.
func (s *Store) counted(ctx context.Context, scan func(row func(...any) error) error, query string, args ...any) read {
	return one(func(row func(...any) error) error {
		s.countRows(ctx, 1)
		return scan(row)
	}, query, args...)
}

// ahead is a small transaction that goes in front of another one, on PostgreSQL in the same round trip, and is
// committed before the other begins: an attempt that is counted whatever becomes of what it is for.
type ahead struct {
	asks []read // statements of it, each with its answer
	done bool   // committed: it is not done again when the other transaction is
}

// optional makes a read of at most one row, whose absence leaves to as it is.
func optional[T any](to *T, scan func(row func(...any) error) (T, error), query string, args ...any) read {
	return one(func(row func(...any) error) (err error) {
		*to, err = scan(row)
		return err
	}, query, args...)
}

// sent is a statement whose answer is only how many rows it changed.
type sent struct {
	query   string
	args    []any
	changed func(n int64)
	lost    error // a guard's: what whoever lost is told when it did not change exactly one row; nil: any number will do
}

// done takes the answer.
func (s sent) done(n int64) error {
	s.changed(n)
	if s.lost != nil && n != 1 {
		return s.lost
	}
	return nil
}

// carrier is one transaction as an engine runs it.
type carrier interface {
	// exec runs a statement, now or together with the next one that has to be answered.
	exec(ctx context.Context, s sent) error
	// flush runs what waits, and asks all the reads.
	flush(ctx context.Context, reads ...read) error
	// query runs what waits and asks one question, whose rows the caller reads.
	query(ctx context.Context, query string, args []any) (Rows, error)
	// commit runs what waits, asks the last questions and commits. refused: certainly nothing was committed, because
	// a guard did not hold or the database said so, and the transaction must still be rolled back.
	commit(ctx context.Context, last ...read) (refused bool, err error)
	rollback(ctx context.Context) error
	// backTo undoes what was done since the savepoint, a failure included.
	backTo(ctx context.Context, savepoint string) error
}

// direct is a transaction that runs each statement at once: SQLite, which is no journey away.
type direct struct {
	s  *Store
	tx *sql.Tx
}

func (d direct) exec(ctx context.Context, s sent) error {
	d.s.countTrip(ctx, s.query)
	res, err := d.tx.ExecContext(ctx, s.query, s.args...)
	if err != nil {
		return err
	}
	n, err := res.RowsAffected()
	if err != nil {
		return err
	}
	return s.done(n)
}

func (d direct) flush(ctx context.Context, reads ...read) error {
	for _, r := range reads {
		rows, err := d.query(ctx, r.query, r.args)
		if err != nil {
			return err
		}
		if err = errors.Join(r.take(rows), rows.Close()); err != nil {
			return err
		}
	}
	return nil
}

func (d direct) query(ctx context.Context, query string, args []any) (Rows, error) {
	d.s.countTrip(ctx, query)
	return d.tx.QueryContext(ctx, query, args...)
}

func (d direct) commit(ctx context.Context, last ...read) (refused bool, err error) {
	if err = d.flush(ctx, last...); err != nil {
		return true, err
	}
	d.s.countTrip(ctx, "commit")
	return false, d.tx.Commit()
}

func (d direct) rollback(ctx context.Context) error {
	d.s.countTrip(ctx, "rollback")
	return d.tx.Rollback()
}

func (d direct) backTo(ctx context.Context, savepoint string) error {
	d.s.countTrip(ctx, "rollback to savepoint")
	_, err := d.tx.ExecContext(ctx, "rollback to savepoint "+savepoint)
	return err
}

// pipeline is a transaction of PostgreSQL in few round trips: a statement that only has to hold waits for
// the next one that has to be answered, and all go together, BEGIN with the first and COMMIT with the last.
// The order is kept, and each statement sees what was committed before it began, as ever (READ COMMITTED).
// An error shows when the statements go: what do returned nil for may fail a little later, and the
// transaction with it.
//
// Nothing is committed unless every guard held. Nobody is there to read the answers of the last statements
// before COMMIT, so the database does: exactlyOne makes a guard that did not hold an error, and after an
// error PostgreSQL does nothing more of what came with it.
type pipeline struct {
	s       *Store
	conn    *pgx.Conn
	waiting []sent
	begun   bool
	ahead   *ahead // nil: nothing
}

// raw is pgx's connection under a connection of database/sql, which its holder has to himself.
func raw(conn *sql.Conn) (pg *pgx.Conn, err error) {
	err = conn.Raw(func(driver any) error {
		std, ok := driver.(*stdlib.Conn)
		if !ok {
			return fmt.Errorf("store: a connection of type %T", driver)
		}
		pg = std.Conn()
		return nil
	})
	return pg, err
}

func (p *pipeline) exec(_ context.Context, s sent) error {
	p.waiting = append(p.waiting, s)
	return nil
}

// begin puts BEGIN in front of a transaction's first statements, and in front of that what is committed ahead of it.
// begun reads the answers.
func (p *pipeline) begin(batch *pgx.Batch) (begun func(context.Context, pgx.BatchResults) error) {
	if p.begun {
		return func(context.Context, pgx.BatchResults) error { return nil }
	}
	p.begun = true
	first := p.ahead
	if first != nil && first.done {
		first = nil
	}
	if first != nil {
		batch.Queue("begin")
		for _, ask := range first.asks {
			batch.Queue(ask.query, ask.args...)
		}
		batch.Queue("commit")
	}
	batch.Queue("begin")
	return func(ctx context.Context, answers pgx.BatchResults) error {
		if first != nil {
			if err := p.wentAhead(ctx, answers, first); err != nil {
				return err
			}
		}
		_, err := answers.Exec()
		if err != nil {
			err = fmt.Errorf("store: begin: %w", err)
		}
		return err
	}
}

// wentAhead reads the answers of what was to be committed ahead. Without an answer nobody knows whether it was,
// and it is not done again: an attempt is not counted twice.
func (p *pipeline) wentAhead(ctx context.Context, answers pgx.BatchResults, first *ahead) error {
	_, err := answers.Exec() // BEGIN
	for i := 0; err == nil && i < len(first.asks); i++ {
		err = takeFrom(answers, first.asks[i])
	}
	if err == nil {
		err = committed(answers)
	}
	switch {
	case err == nil:
		first.done = true
		p.s.each(ctx, func(c *Stats) { c.commits.Add(1) })
	case !answered(err):
		return unknownOutcome(err)
	}
	return err
}

// committed reads the answer of a COMMIT.
func committed(answers pgx.BatchResults) error {
	tag, err := answers.Exec()
	if err == nil && tag.String() != "COMMIT" {
		err = fmt.Errorf("store: the database answered a commit with %q", tag)
	}
	return err
}

// send sends everything that waits, and the queries behind it, and reads the answers up to the queries'.
func (p *pipeline) send(ctx context.Context, queries ...read) (pgx.BatchResults, error) {
	var batch pgx.Batch
	begun := p.begin(&batch)
	for _, s := range p.waiting {
		batch.Queue(s.query, s.args...)
	}
	for _, q := range queries {
		batch.Queue(q.query, q.args...)
	}
	waiting := p.waiting
	p.waiting = nil
	p.s.countTrip(ctx, queued(&batch)...)
	answers := p.conn.SendBatch(ctx, &batch)
	err := begun(ctx, answers)
	for i := 0; err == nil && i < len(waiting); i++ {
		tag, failed := answers.Exec()
		if err = failed; err == nil {
			err = waiting[i].done(tag.RowsAffected())
		}
	}
	if err != nil {
		_ = answers.Close() // the rest of the answers; the first error is the one that counts
		return nil, err
	}
	return answers, nil
}

// queued are the texts of a batch.
func queued(batch *pgx.Batch) []string {
	texts := make([]string, len(batch.QueuedQueries))
	for i, q := range batch.QueuedQueries {
		texts[i] = q.SQL
	}
	return texts
}

func (p *pipeline) flush(ctx context.Context, reads ...read) error {
	if len(p.waiting)+len(reads) == 0 {
		return nil
	}
	answers, err := p.send(ctx, reads...)
	if err != nil {
		return err
	}
	for _, r := range reads {
		if err = takeFrom(answers, r); err != nil {
			break
		}
	}
	if closed := answers.Close(); err == nil {
		err = closed
	}
	return err
}

func takeFrom(answers pgx.BatchResults, r read) error {
	rows, err := answers.Query()
	if err != nil {
		return err
	}
	defer rows.Close()
	if err = r.take(pgRows{rows, nil}); err != nil {
		return err
	}
	rows.Close()
	return rows.Err()
}

func (p *pipeline) query(ctx context.Context, query string, args []any) (Rows, error) {
	answers, err := p.send(ctx, read{query: query, args: args})
	if err != nil {
		return nil, err
	}
	rows, err := answers.Query()
	if err != nil {
		_ = answers.Close() // it would say the same
		return nil, err
	}
	return pgRows{rows, answers}, nil
}

// exactlyOne makes PostgreSQL refuse to go on (22012, division by zero) unless the statement changed exactly
// one row. SQLite has no use for it: there every answer is read before the next statement.
func exactlyOne(query string) string {
	return "WITH changed AS (" + query + " RETURNING 1) SELECT 1 / CASE WHEN COUNT(*) = 1 THEN 1 ELSE 0 END FROM changed"
}

func (p *pipeline) commit(ctx context.Context, last ...read) (refused bool, err error) {
	if !p.begun && len(p.waiting)+len(last) == 0 {
		return false, nil // nothing was asked of the database
	}
	var batch pgx.Batch
	begun := p.begin(&batch)
	for _, s := range p.waiting {
		if s.lost != nil {
			s.query = exactlyOne(s.query)
		}
		batch.Queue(s.query, s.args...)
	}
	for _, q := range last {
		batch.Queue(q.query, q.args...)
	}
	batch.Queue("commit")
	waiting := p.waiting
	p.waiting = nil
	p.s.countTrip(ctx, queued(&batch)...)
	answers := p.conn.SendBatch(ctx, &batch)
	if err = begun(ctx, answers); err == nil {
		refused, err = lastAnswers(answers, waiting, last)
	} else {
		refused = answered(err) || errors.Is(err, ErrUnknownOutcome)
	}
	if closed := answers.Close(); err == nil {
		err = closed
	}
	return refused, err
}

// lastAnswers reads the answers of the last statements, of the last questions and of COMMIT, which come in the order
// they were asked: an answer that is an error means that the COMMIT behind it was not done.
func lastAnswers(answers pgx.BatchResults, waiting []sent, last []read) (refused bool, err error) {
	for _, s := range waiting {
		tag, err := answers.Exec()
		switch {
		case err == nil:
			s.changed(tag.RowsAffected()) // of a guard: the one row of exactlyOne
		case s.lost != nil && classify(err) == classGuard:
			return true, s.done(0)
		default:
			return answered(err), err
		}
	}
	for _, q := range last {
		if err = takeFrom(answers, q); err != nil {
			return answered(err), err
		}
	}
	return false, committed(answers)
}

func (p *pipeline) rollback(ctx context.Context) error {
	if !p.begun {
		return nil
	}
	p.s.countTrip(ctx, "rollback")
	_, err := p.conn.Exec(ctx, "rollback", pgx.QueryExecModeSimpleProtocol)
	return err
}

// backTo goes alone, and not as a prepared statement: in a transaction that has failed nothing can be prepared, neither it
// nor what would go with it.
func (p *pipeline) backTo(ctx context.Context, savepoint string) error {
	p.s.countTrip(ctx, "rollback to savepoint")
	_, err := p.conn.Exec(ctx, "rollback to savepoint "+savepoint, pgx.QueryExecModeSimpleProtocol)
	return err
}

// pgRows are the rows of one query of a batch; with the batch closes, when they are its last.
type pgRows struct {
	pgx.Rows

	batch pgx.BatchResults
}

// Close gives the connection back to the transaction.
func (r pgRows) Close() error {
	r.Rows.Close()
	if r.batch == nil {
		return r.Rows.Err() //nolint:staticcheck // the rows themselves are asked, not their wrapper
	}
	return r.batch.Close()
}

// oneRow is the first row of a query, or why there is none.
type oneRow struct {
	rows Rows
	err  error
}

// Scan reads the row and closes the query.
func (o oneRow) Scan(dest ...any) error {
	if o.err != nil {
		return o.err
	}
	defer o.rows.Close() //nolint:errcheck // after an error it would say the same, after success it is closed already
	if !o.rows.Next() {
		if err := o.rows.Err(); err != nil {
			return err
		}
		return sql.ErrNoRows
	}
	if err := o.rows.Scan(dest...); err != nil {
		return err
	}
	return o.rows.Close()
}

// readAll asks several questions: of PostgreSQL in one round trip.
func readAll(ctx context.Context, q Querier, reads ...read) error {
	return q.readAll(ctx, reads)
}
