package store

import (
	"database/sql"
	"fmt"
	"net/url"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	_ "modernc.org/sqlite" // registers the driver "sqlite"
)

// dialect is everything in which the two engines differ. Statements are not forked: the fields
// below are suffixes, at most five.
type dialect struct {
	name  string
	goose goose.Dialect

	// claimLock is appended to the subquery that picks rows of a queue.
	// It differs because PostgreSQL's workers run at the same time and would all wait for the same
	// rows, while SQLite has one writer at a time and no such clause.
	claimLock string

	// forUpdate is appended to a SELECT whose rows must not change before the commit.
	// It differs because a SQLite transaction of ours is alone from its first statement
	// (BEGIN IMMEDIATE) and has no such clause.
	forUpdate string

	// pipelines says that the statements of a transaction go together where they can.
	// It differs because PostgreSQL is a journey away and SQLite is a function call.
	pipelines bool

	// others counts the connections of other processes of the program; empty: there are none to count.
	// It differs because PostgreSQL keeps a list of them, while a SQLite file is asked for its lock (InUse).
	others string
}

func sqliteDialect() dialect {
	return dialect{name: "sqlite", goose: goose.DialectSQLite3}
}

func postgresDialect() dialect {
	return dialect{
		name: "postgres", goose: goose.DialectPostgres,
		claimLock: " FOR UPDATE SKIP LOCKED", forUpdate: " FOR UPDATE",
		pipelines: true,
		others:    `SELECT COUNT(pid) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'doverie' AND pid <> pg_backend_pid()`,
	}
}

// isPostgres tells a PostgreSQL address from a path of a SQLite file.
func isPostgres(dsn string) bool {
	return strings.HasPrefix(dsn, "postgres://") || strings.HasPrefix(dsn, "postgresql://")
}

// openSQLite opens one writer connection and a pool of readers on a file.
//
// Measured: several writers in one pool wait seconds for each other, because SQLite polls; one
// writer connection queues them fairly in Go. synchronous(FULL) because an acknowledged decision
// must survive a power loss, which NORMAL does not promise in WAL mode.
func openSQLite(dsn string, readers int) (writer, reader *sql.DB, err error) {
	path, ok := strings.CutPrefix(dsn, "file:")
	if ok {
		if strings.Contains(path, "?") {
			return nil, nil, fmt.Errorf("store: %q: options after ? are set by the program and cannot be given", dsn)
		}
	} else {
		path = (&url.URL{Path: dsn}).EscapedPath()
	}
	if path == "" || strings.Contains(path, ":memory:") {
		return nil, nil, fmt.Errorf("store: %q is not the path of a file", dsn)
	}
	common := "file:" + path + "?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)" +
		"&_pragma=synchronous(FULL)&_pragma=foreign_keys(1)"
	if writer, err = sql.Open("sqlite", common+"&_txlock=immediate"); err != nil {
		return nil, nil, fmt.Errorf("store: open: %w", err)
	}
	writer.SetMaxOpenConns(1)
	if reader, err = sql.Open("sqlite", common+"&_pragma=query_only(1)"); err != nil {
		return nil, nil, fmt.Errorf("store: open readers: %w", err)
	}
	reader.SetMaxOpenConns(readers)
	reader.SetMaxIdleConns(readers)
	return writer, reader, nil
}

// openPostgres opens one pool, used for both writing and reading: everything read must be as new
// as what was just written. With several hosts in the address only the one that takes writes is used.
func openPostgres(dsn string, conns int) (*sql.DB, error) {
	cfg, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("store: address of PostgreSQL: %w", err) // pgx hides the password in its text
	}
	if len(cfg.Fallbacks) > 0 && cfg.ValidateConnect == nil {
		cfg.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	set := func(name, value string) {
		if _, given := cfg.RuntimeParams[name]; !given {
			cfg.RuntimeParams[name] = value
		}
	}
	set("application_name", "doverie")
	set("default_transaction_isolation", "read committed")
	set("statement_timeout", "20s")
	set("idle_in_transaction_session_timeout", "30s")
	db := stdlib.OpenDB(*cfg)
	db.SetMaxOpenConns(conns)
	db.SetMaxIdleConns(conns)
	return db, nil
}
