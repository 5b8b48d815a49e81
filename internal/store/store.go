package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Keys protects what must not lie open in the database. The keyring of package secret is one.
// A purpose separates keys: what is sealed for one purpose does not open for another.
type Keys interface {
	// Seal encrypts plain; aad is bound to it and must be given again to open it.
	Seal(purpose string, aad, plain []byte) []byte
	// Open is the reverse of Seal; an error means a wrong key, purpose, aad or a changed text.
	Open(purpose string, aad, sealed []byte) ([]byte, error)
	// Lookup is a keyed hash, for finding rows by something that is not stored, such as a phone.
	Lookup(domain, value string) []byte
	// Lasting is the same for what cannot be hashed anew when the master key changes.
	Lasting(domain, value string) []byte
}

// Options are what a Store needs besides its address. Keys and Now are required.
type Options struct {
	Keys  Keys
	Now   func() time.Time
	Conns int // connections for reading (SQLite) or for everything (PostgreSQL); 0 means 8 or 20
}

// Store is an open database of either engine.
type Store struct {
	write *sql.DB
	read  *sql.DB // the same pool as write on PostgreSQL
	d     dialect
	keys  Keys
	now   func() time.Time
	wake  chan struct{}
	tells chan struct{} // the same for what other systems have to be told
	total Stats
	crowd crowd
}

// Open opens the database at dsn: "postgres://…" (several hosts allowed), or the path of a SQLite
// file, with or without "file:". It connects once to prove the address; it does not migrate.
func Open(ctx context.Context, dsn string, o Options) (*Store, error) {
	if o.Keys == nil || o.Now == nil {
		return nil, errors.New("store: Options.Keys and Options.Now are required")
	}
	s := &Store{keys: o.Keys, now: o.Now, wake: make(chan struct{}, 1), tells: make(chan struct{}, 1)}
	var err error
	if isPostgres(dsn) {
		s.d = postgresDialect()
		s.write, err = openPostgres(dsn, orElse(o.Conns, 20))
		s.read = s.write
	} else {
		s.d = sqliteDialect()
		s.write, s.read, err = openSQLite(dsn, orElse(o.Conns, 8))
	}
	if err != nil {
		return nil, err
	}
	if err = s.Ping(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func orElse(n, otherwise int) int {
	if n > 0 {
		return n
	}
	return otherwise
}

// Ping proves that the database can be reached. It is the readiness check.
func (s *Store) Ping(ctx context.Context) error {
	if err := s.write.PingContext(ctx); err != nil {
		return fmt.Errorf("store: the database does not answer: %w", err)
	}
	return nil
}

// Close closes every connection. Work in progress fails.
func (s *Store) Close() error {
	err := s.write.Close()
	if s.read != s.write {
		err = errors.Join(err, s.read.Close())
	}
	return err
}

// Engine is "sqlite" or "postgres", for logs and metrics.
func (s *Store) Engine() string { return s.d.name }

// Stats are the counters since Open.
func (s *Store) Stats() *Stats { return &s.total }

// Woken gives a value soon after this process committed a message or a timer. It is a hint that
// saves waiting for the next poll: another process' commits do not show here.
func (s *Store) Woken() <-chan struct{} { return s.wake }

// Micros turns a time into what is stored: Unix microseconds.
func Micros(t time.Time) int64 { return t.UnixMicro() }

// FromMicros is the reverse of Micros, in UTC.
func FromMicros(n int64) time.Time { return time.UnixMicro(n).UTC() }

// NullMicros stores the zero time as NULL.
func NullMicros(t time.Time) sql.NullInt64 {
	return sql.NullInt64{Int64: t.UnixMicro(), Valid: !t.IsZero()}
}

// FromNullMicros reads NULL as the zero time.
func FromNullMicros(n sql.NullInt64) time.Time {
	if !n.Valid {
		return time.Time{}
	}
	return FromMicros(n.Int64)
}

// NullText stores the empty text as NULL.
func NullText(s string) sql.NullString { return sql.NullString{String: s, Valid: s != ""} }
