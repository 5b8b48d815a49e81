package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
)

// ErrEngine says that a command works on SQLite only; PostgreSQL has tools of its own.
var ErrEngine = errors.New("store: only for SQLite: back PostgreSQL up with its own tools (docs/operations.md)")

// CopyTo writes the database, as it is at one moment, into a new file: whole, without a log beside it. Others go on
// reading and writing meanwhile, when they do so through another Store. Errors: ErrEngine; the file must not exist.
func (s *Store) CopyTo(ctx context.Context, path string) error {
	if s.d.pipelines {
		return ErrEngine
	}
	if _, err := s.write.ExecContext(ctx, `VACUUM INTO $1`, path); err != nil {
		return fmt.Errorf("store: copy: %w", err)
	}
	return nil
}

// CheckFile asks SQLite whether the file is whole. Errors: ErrEngine; what SQLite found.
func (s *Store) CheckFile(ctx context.Context) error {
	if s.d.pipelines {
		return ErrEngine
	}
	var verdict string
	if err := s.read.QueryRowContext(ctx, `PRAGMA integrity_check(1)`).Scan(&verdict); err != nil {
		return fmt.Errorf("store: check: %w", err)
	}
	if verdict != "ok" {
		return fmt.Errorf("store: the file is damaged: %s", verdict)
	}
	return nil
}

// SettleFile moves what lies in the log beside the file into the file, so that the file alone is the database.
func (s *Store) SettleFile(ctx context.Context) error {
	if s.d.pipelines {
		return ErrEngine
	}
	var busy, pages, moved int
	if err := s.write.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &pages, &moved); err != nil {
		return fmt.Errorf("store: settle: %w", err)
	}
	if busy != 0 {
		return errors.New("store: somebody else has the file open")
	}
	return nil
}

// IsFile reports whether the address is that of a SQLite file, and gives its path.
func IsFile(dsn string) (path string, ok bool) {
	if isPostgres(dsn) {
		return "", false
	}
	const scheme = "file:"
	if len(dsn) > len(scheme) && dsn[:len(scheme)] == scheme {
		if plain, err := url.PathUnescape(dsn[len(scheme):]); err == nil {
			return plain, true
		}
	}
	return dsn, true
}

// InUse reports whether somebody else has the SQLite file open.
func InUse(ctx context.Context, path string) (used bool, err error) {
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?_pragma=busy_timeout(0)&_pragma=locking_mode(EXCLUSIVE)")
	if err != nil {
		return false, fmt.Errorf("store: open: %w", err)
	}
	defer db.Close() //nolint:errcheck // nothing was written
	db.SetMaxOpenConns(1)
	if _, err = db.ExecContext(ctx, `BEGIN EXCLUSIVE`); err == nil {
		_, err = db.ExecContext(ctx, `ROLLBACK`)
	}
	if classify(err) == classAgain {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("store: is the file in use: %w", err)
	}
	return false, nil
}
