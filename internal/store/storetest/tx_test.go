package storetest_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"doverie/internal/apptest/pgtest"
	"doverie/internal/fault"
	"doverie/internal/store"
	"doverie/internal/store/storetest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const insertMeta = `INSERT INTO meta (name, value) VALUES ($1, $2)`

func TestGuardedCommit(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		db.Exec(t, insertMeta, "версия", "1")
		errs := storetest.Parallel(30, func(int) error {
			return db.InTx(t.Context(), func(ctx context.Context, tx *store.Tx) error {
				return tx.ExecOne(ctx, `UPDATE meta SET value = '2' WHERE name = $1 AND value = '1'`, "версия")
			})
		})
		won := 0
		for _, err := range errs {
			switch {
			case err == nil:
				won++
			case !fault.Is(err, fault.Conflict) || !errors.Is(err, store.ErrGuard) || !fault.HasKey(err, "fault.conflict"):
				t.Errorf("a loser was told %v", err)
			}
		}
		if won != 1 {
			t.Errorf("%d of 30 won", won)
		}
	})
}

func TestRollback(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		own := errors.New("the caller's own error")
		for name, fail := range map[string]func(ctx context.Context, tx *store.Tx) error{
			"own error": func(context.Context, *store.Tx) error { return own },
			"guard": func(ctx context.Context, tx *store.Tx) error {
				return tx.ExecOne(ctx, `DELETE FROM meta WHERE name = 'нет'`)
			},
			"bad statement": func(ctx context.Context, tx *store.Tx) error {
				_, err := tx.Exec(ctx, `UPDATE nowhere SET nothing = 1 WHERE 1 = 1`)
				return err
			},
			"same key": func(ctx context.Context, tx *store.Tx) error {
				_, err := tx.Exec(ctx, insertMeta, name0, "second")
				if !store.IsUnique(err) {
					t.Errorf("a second row with one key gave %v", err)
				}
				return err
			},
		} {
			err := db.InTx(t.Context(), func(ctx context.Context, tx *store.Tx) error {
				if _, err := tx.Exec(ctx, insertMeta, name0, "first"); err != nil {
					return err
				}
				return fail(ctx, tx)
			})
			if err == nil {
				t.Errorf("%s: committed", name)
			}
			if n := db.Count(t, `SELECT COUNT(name) FROM meta WHERE name = $1`, name0); n != 0 {
				t.Errorf("%s: %d rows stayed", name, n)
			}
		}
	})
}

const name0 = "Ёлка, ёлка ЁЛКА"

func TestCyrillicAndCaseAreKept(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		names := []string{"Алексей", "алексей", "АЛЕКСЕЙ", "Семён", "Семен", "e\u0301", "é", "ь'\"\\%_", " ", "👩‍👩‍👧"}
		for _, name := range names {
			db.Exec(t, insertMeta, name, name)
		}
		for _, name := range names {
			var got string
			err := db.Read(t.Context(), func(ctx context.Context, q store.Querier) error {
				return q.QueryRow(ctx, `SELECT value FROM meta WHERE name = $1`, name).Scan(&got)
			})
			if err != nil || got != name {
				t.Errorf("%q came back as %q, %v", name, got, err)
			}
		}
	})
}

func TestOneMomentATransaction(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		moscow := time.FixedZone("MSK", 3*3600)
		at := time.Date(2028, 2, 29, 23, 59, 59, 999999999, moscow)
		db.Clock.Advance(at.Sub(db.Clock.Now()))
		err := db.InTx(t.Context(), func(ctx context.Context, tx *store.Tx) error {
			first := tx.Now()
			db.Clock.Advance(time.Hour)
			if second := tx.Now(); second != first {
				t.Errorf("the moment moved from %s to %s", first, second)
			}
			if want := at.UTC().Truncate(time.Microsecond); !first.Equal(want) || first.Location() != time.UTC {
				t.Errorf("now is %s, want %s", first, want)
			}
			if _, err := tx.Exec(ctx, `INSERT INTO phone_slots (phone_hash, code_id, purpose, bound, until) VALUES ($1, 'c', 'p', 'b', $2)`, []byte{1}, store.Micros(first)); err != nil {
				return err
			}
			var micros int64
			if err := tx.QueryRow(ctx, `SELECT until FROM phone_slots WHERE phone_hash = $1`, []byte{1}).Scan(&micros); err != nil {
				return err
			}
			if got := store.FromMicros(micros); !got.Equal(first) {
				t.Errorf("%s came back as %s", first, got)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestCancelled(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		ran := false
		if err := db.InTx(gone, func(context.Context, *store.Tx) error { ran = true; return nil }); !errors.Is(err, context.Canceled) || ran {
			t.Errorf("cancelled before: ran %t, %v", ran, err)
		}

		midway, cancel := context.WithCancel(t.Context())
		err := db.InTx(midway, func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Exec(ctx, insertMeta, "a", "b")
			cancel()
			return err
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("cancelled before the commit: %v", err)
		}
		if n := db.Count(t, `SELECT COUNT(name) FROM meta WHERE name <> 'schema floor'`); n != 0 {
			t.Errorf("a cancelled transaction left %d rows", n)
		}

		// Waiting for somebody else's transaction ends with the context, and harms nobody.
		db.Exec(t, insertMeta, "строка", "1")
		held, release := make(chan struct{}), make(chan struct{})
		done := make(chan error, 1)
		const touch = `UPDATE meta SET value = '2' WHERE name = 'строка'`
		go func() {
			done <- db.InTx(t.Context(), func(ctx context.Context, tx *store.Tx) error {
				_, err := tx.Exec(ctx, touch) // a guarded one would go with the commit, which ends with no context
				close(held)
				<-release
				return err
			})
		}()
		<-held
		short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		if err := db.InTx(short, func(ctx context.Context, tx *store.Tx) error { _, err := tx.Exec(ctx, touch); return err }); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("waiting: %v", err)
		}
		close(release)
		if err := <-done; err != nil {
			t.Errorf("the holder: %v", err)
		}
		db.Exec(t, touch)
	})
}

func TestNestingIsRefused(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		err := db.InTx(t.Context(), func(ctx context.Context, _ *store.Tx) error {
			if err := db.Read(ctx, func(context.Context, store.Querier) error { return nil }); err == nil {
				t.Error("Read inside InTx was allowed")
			}
			return db.InTx(ctx, func(context.Context, *store.Tx) error { return nil })
		})
		if err == nil {
			t.Error("InTx inside InTx was allowed")
		}
	})
}

// Two transactions that take two rows in opposite order: PostgreSQL ends one of them with a deadlock,
// which is tried again; SQLite runs them one after the other. Both must succeed on both.
func TestDeadlockIsTriedAgain(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		db.Exec(t, insertMeta, "a", "")
		db.Exec(t, insertMeta, "b", "")
		var bothHoldOne sync.WaitGroup
		if db.Engine() == "postgres" { // on SQLite only one of them writes at a time
			bothHoldOne.Add(2)
		}
		errs := storetest.Parallel(2, func(i int) error {
			order := [][]string{{"a", "b"}, {"b", "a"}}[i]
			meet := sync.OnceFunc(func() {
				if db.Engine() == "postgres" {
					bothHoldOne.Done()
				}
				bothHoldOne.Wait()
			})
			return db.InTx(t.Context(), func(ctx context.Context, tx *store.Tx) error {
				for _, name := range order {
					if _, err := tx.Exec(ctx, `UPDATE meta SET value = value || 'x' WHERE name = $1`, name); err != nil {
						return err
					}
					meet()
				}
				return nil
			})
		})
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		if n := db.Count(t, `SELECT COUNT(name) FROM meta WHERE value = 'xx'`); n != 2 {
			t.Errorf("%d rows got both changes, want 2", n)
		}
		if db.Engine() == "postgres" && db.Stats().Retries() == 0 {
			t.Error("no deadlock happened: the test does not test")
		}
	})
}

func TestStatsCount(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		ctx, stats := store.Measured(t.Context())
		err := db.InTx(ctx, func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Exec(ctx, insertMeta, "a", "b")
			return errors.Join(err, tx.ExecOne(ctx, `UPDATE meta SET value = 'c' WHERE name = 'a'`))
		})
		if err != nil {
			t.Fatal(err)
		}
		// PostgreSQL: BEGIN goes with the first statement, and the guarded one goes with COMMIT.
		trips := map[string]int64{"sqlite": 4, "postgres": 2}[db.Engine()]
		if stats.Statements() != 2 || stats.RowsWritten() != 2 || stats.RoundTrips() != trips || stats.Commits() != 1 || stats.Retries() != 0 {
			t.Errorf("%d statements, %d trips, %d commits, %d retries", stats.Statements(), stats.RoundTrips(), stats.Commits(), stats.Retries())
		}
	})
}

// A guard that does not hold is told and nothing is committed, whatever was asked after it: on PostgreSQL
// the statements go together, and the guard answers later than it was asked.
func TestAGuardEndsTheTransaction(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		const miss = `UPDATE meta SET value = 'x' WHERE name = 'nobody'`
		for name, after := range map[string]func(ctx context.Context, tx *store.Tx) error{
			"nothing":     func(context.Context, *store.Tx) error { return nil },
			"a guard":     func(ctx context.Context, tx *store.Tx) error { return tx.ExecOne(ctx, insertMeta, "a", "b") },
			"a statement": func(ctx context.Context, tx *store.Tx) error { return tx.ExecAny(ctx, insertMeta, "a", "b") },
			"a count": func(ctx context.Context, tx *store.Tx) error {
				_, err := tx.Exec(ctx, insertMeta, "a", "b")
				return err
			},
			"a question": func(ctx context.Context, tx *store.Tx) error {
				var n int
				return tx.QueryRow(ctx, `SELECT COUNT(name) FROM meta WHERE name <> 'schema floor'`).Scan(&n)
			},
		} {
			err := db.InTx(t.Context(), func(ctx context.Context, tx *store.Tx) error {
				if err := tx.ExecOne(ctx, miss); err != nil {
					return err
				}
				return after(ctx, tx)
			})
			if !errors.Is(err, store.ErrGuard) || !fault.Is(err, fault.Conflict) {
				t.Errorf("a missed guard, then %s: %v", name, err)
			}
			if n := db.Count(t, `SELECT COUNT(name) FROM meta WHERE name <> 'schema floor'`); n != 0 {
				t.Errorf("a missed guard, then %s: %d rows stayed", name, n)
			}
		}
		// A statement that fails outright ends it too.
		db.Exec(t, insertMeta, "a", "b")
		err := db.InTx(t.Context(), func(ctx context.Context, tx *store.Tx) error { return tx.ExecAny(ctx, insertMeta, "a", "c") })
		if !store.IsUnique(err) {
			t.Errorf("the same key twice: %v", err)
		}
		db.Exec(t, `UPDATE meta SET value = 'd' WHERE name = 'a'`) // the connection is as good as before
	})
}
