// Package storetest runs one suite over both engines, none excused: a machine without PostgreSQL
// fails it. Other packages use Each to run their own tests on a real store.
package storetest

import (
	"bytes"
	"context"
	"encoding/base64"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"doverie/internal/apptest/pgtest"
	"doverie/internal/secret"
	"doverie/internal/store"
)

// Start is the moment at which every Clock begins.
var Start = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)

// Clock is a clock set by hand. It is safe for concurrent use.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// Now is the moment the clock shows.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance sets the clock forward and returns what it shows then.
func (c *Clock) Advance(d time.Duration) time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	return c.now
}

// DB is one migrated, empty database of a test.
type DB struct {
	*store.Store
	DSN   string
	Clock *Clock
	Keys  *secret.Keyring
}

// Each runs the case on SQLite and on PostgreSQL, side by side.
func Each(t *testing.T, run func(t *testing.T, db *DB)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		run(t, SQLite(t))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		run(t, Postgres(t))
	})
}

var master = append(bytes.Repeat([]byte{7}, 31), 8)

// Master is the master key of Keyring as a key file holds it, for tests of the real program.
func Master() string { return base64.StdEncoding.EncodeToString(master) }

// Keyring is the fixed keyring of tests.
func Keyring(t testing.TB) *secret.Keyring {
	t.Helper()
	keys, err := secret.NewKeyring(master)
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// SQLite makes a migrated database in a folder of the test.
func SQLite(t testing.TB) *DB {
	t.Helper()
	db := Open(t, filepath.Join(t.TempDir(), "store.db"))
	if err := db.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return db
}

// Postgres makes a migrated database on the test process's own cluster.
func Postgres(t testing.TB) *DB {
	t.Helper()
	return Open(t, pgtest.Migrated(t, "store", func(dsn string) error {
		s, err := store.Open(context.Background(), dsn, store.Options{Keys: Keyring(t), Now: time.Now})
		if err != nil {
			return err
		}
		if err = s.Migrate(context.Background()); err != nil {
			return err
		}
		return s.Close()
	}))
}

// Open opens a database as it is, migrated or not; it is closed when the test ends.
func Open(t testing.TB, dsn string) *DB {
	t.Helper()
	db := &DB{DSN: dsn, Clock: &Clock{now: Start}, Keys: Keyring(t)}
	var err error
	if db.Store, err = store.Open(t.Context(), dsn, store.Options{Keys: db.Keys, Now: db.Clock.Now}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// Reopen opens the same database with another keyring.
func (db *DB) Reopen(t testing.TB, keys *secret.Keyring) {
	t.Helper()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := store.Open(t.Context(), db.DSN, store.Options{Keys: keys, Now: db.Clock.Now})
	if err != nil {
		t.Fatal(err)
	}
	db.Store, db.Keys = again, keys
}

// Exec runs one statement in a transaction of its own, for preparing and for tampering.
func (db *DB) Exec(t testing.TB, query string, args ...any) {
	t.Helper()
	err := db.InTx(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, query, args...)
		return err
	})
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// Count returns the one number a query gives.
func (db *DB) Count(t testing.TB, query string, args ...any) (n int) {
	t.Helper()
	err := db.Read(t.Context(), func(ctx context.Context, q store.Querier) error {
		return q.QueryRow(ctx, query, args...).Scan(&n)
	})
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return n
}

// Parallel runs n calls at once, released together, and returns their errors in order.
func Parallel(n int, call func(i int) error) []error {
	errs := make([]error, n)
	gate := make(chan struct{})
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() {
			<-gate
			errs[i] = call(i)
		})
	}
	close(gate)
	wg.Wait()
	return errs
}
