package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"

	"github.com/jackc/pgx/v5/pgconn"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"doverie/internal/fault"
)

// ErrGuard is the cause inside the Conflict fault that a guarded statement gives when it did not
// change exactly one row.
var ErrGuard = errors.New("store: the guard of a statement did not hold")

// ErrUnknownOutcome is the cause inside the fault of a commit whose reply was lost: it happened or
// it did not. See the package comment for why repeating the act is safe.
var ErrUnknownOutcome = errors.New("store: the reply to a commit was lost")

func conflict() error {
	return fault.New(fault.Conflict, "fault.conflict", nil).Because(ErrGuard)
}

func unknownOutcome(cause error) error {
	return fault.New(fault.Internal, "fault.commit_unknown", nil).Because(errors.Join(ErrUnknownOutcome, cause))
}

func busy(cause error) error {
	return fault.New(fault.Busy, "fault.busy", nil).Because(cause)
}

// class says what may be done about a database error. This is the only place that looks at what
// the drivers return, and it looks at codes, never at text.
type class int

const (
	classOther   class = iota // our bug, or a broken rule of the schema: not repeated
	classAgain                // nothing was done, the same connection can try again
	classNewConn              // nothing was done, and this connection is of no more use
	classUnique               // a row with this key exists already
	classLost                 // the connection broke: before a commit nothing was done, during one nobody knows
	classGuard                // exactlyOne did not find one row
)

// SQLSTATE codes, PostgreSQL manual, appendix A.
const (
	pgSerialization   = "40001"
	pgDeadlock        = "40P01"
	pgReadOnly        = "25006" // we still talk to a former primary
	pgUnique          = "23505"
	pgAdminShutdown   = "57P01"
	pgCrashShutdown   = "57P02"
	pgCannotConnect   = "57P03"
	pgIdleTransaction = "25P03"
	pgTooManyConns    = "53300"
	pgConnectionClass = "08"
	pgDivisionByZero  = "22012" // exactlyOne
)

// answered reports whether the database itself said the error, so that nothing behind it was done.
func answered(err error) bool {
	pg, ok := errors.AsType[*pgconn.PgError](err)
	return ok && classifyPostgres(pg.Code) != classLost
}

func classify(err error) class {
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		return classifyPostgres(pg.Code)
	}
	if lite, ok := errors.AsType[*sqlite.Error](err); ok {
		return classifySQLite(lite.Code())
	}
	var connect *pgconn.ConnectError
	var network net.Error
	switch {
	case errors.As(err, &connect):
		return classNewConn
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return classOther // the caller gave up; it looks like a net.Error and is none
	case errors.Is(err, driver.ErrBadConn), errors.Is(err, sql.ErrConnDone), errors.Is(err, io.EOF),
		errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed), errors.As(err, &network), pgconn.SafeToRetry(err):
		return classLost
	}
	return classOther
}

func classifyPostgres(code string) class {
	switch code {
	case pgSerialization, pgDeadlock:
		return classAgain
	case pgReadOnly, pgAdminShutdown, pgCrashShutdown, pgCannotConnect, pgIdleTransaction, pgTooManyConns:
		return classNewConn
	case pgUnique:
		return classUnique
	case pgDivisionByZero:
		return classGuard
	}
	if len(code) == 5 && code[:2] == pgConnectionClass {
		return classLost
	}
	return classOther
}

func classifySQLite(code int) class {
	switch code {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		return classUnique
	}
	switch code & 0xff { // the low byte is the primary code, the rest says where it happened
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return classAgain
	}
	return classOther
}

// IsUnique reports whether err says that a row with the same key exists already. On PostgreSQL the
// transaction has ended with it; prefer ON CONFLICT where the case is expected.
func IsUnique(err error) bool { return classify(err) == classUnique }
