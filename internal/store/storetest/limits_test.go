package storetest_test

import (
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"doverie/internal/ratelimit"
	"doverie/internal/store"
	"doverie/internal/store/storetest"
)

func TestAllowIsExactUnderARace(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		key := ratelimit.Key(db.Keys, "sign_in", "учётная запись")
		limit := ratelimit.Limit{Burst: 10, Per: time.Hour}
		var passed atomic.Int64
		errs := storetest.Parallel(16, func(int) error {
			for range 20 {
				ok, after, err := db.Allow(t.Context(), key, limit, db.Clock.Now())
				if err != nil {
					return err
				}
				if ok {
					passed.Add(1)
				} else if after != 6*time.Minute {
					t.Errorf("told to wait %s, want 6m", after)
				}
			}
			return nil
		})
		for _, err := range errs {
			if err != nil {
				t.Fatal(err)
			}
		}
		if passed.Load() != 10 {
			t.Errorf("%d of 320 passed, want 10", passed.Load())
		}
	})
}

// The SQL and the pure decision are the same function.
func TestAllowDecidesLikeTheModel(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		ctx := t.Context()
		run := 0
		rapid.Check(t, func(r *rapid.T) {
			run++
			key := ratelimit.Key(db.Keys, "model", time.Duration(run).String())
			limit := ratelimit.Limit{Burst: rapid.IntRange(1, 6).Draw(r, "burst"), Per: time.Duration(rapid.Int64Range(1, 1e15).Draw(r, "per"))}
			now, tat := storetest.Start, time.Time{}
			for range rapid.IntRange(1, 12).Draw(r, "acts") {
				now = now.Add(time.Duration(rapid.Int64Range(0, int64(limit.Per)/2).Draw(r, "pause"))).Truncate(time.Microsecond)
				wantOK, next, wantAfter := limit.Decide(tat, now)
				tat = next
				ok, after, err := db.Allow(ctx, key, limit, now)
				if err != nil || ok != wantOK || after != wantAfter {
					r.Fatalf("store: %t, wait %s, %v; model: %t, wait %s", ok, after, err, wantOK, wantAfter)
				}
			}
		})
	})
}

func TestAllowAllOrNothing(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		wide := store.Check{Key: ratelimit.Key(db.Keys, "area", "91.221.0.0/16"), Limit: ratelimit.Limit{Burst: 3, Per: time.Hour}}
		narrow := store.Check{Key: ratelimit.Key(db.Keys, "account", "1"), Limit: ratelimit.Limit{Burst: 1, Per: time.Hour}}
		ask := func(checks ...store.Check) bool {
			t.Helper()
			ok, _, err := db.AllowAll(t.Context(), checks, db.Clock.Now())
			if err != nil {
				t.Fatal(err)
			}
			return ok
		}
		if !ask(wide, narrow) {
			t.Fatal("the first act was refused")
		}
		for range 5 {
			if ask(wide, narrow) {
				t.Fatal("the narrow limit did not refuse")
			}
		}
		if !ask(wide) || !ask(wide) || ask(wide) { //nolint:staticcheck // each call counts one more act
			t.Error("refused acts were counted against the wide limit")
		}
		rows := db.Count(t, `SELECT COUNT(key) FROM rate_limits`)
		if removed, err := db.Sweep(t.Context(), db.Clock.Advance(2*time.Hour)); err != nil || removed != int64(rows) {
			t.Errorf("swept %d of %d rested rows, %v", removed, rows, err)
		}
		if !ask(narrow) {
			t.Error("refused after a rest and a sweep")
		}
	})
}

// A database that does not answer refuses nobody: the act is told that something failed, not that it came too often.
func TestAFailureIsNoRefusal(t *testing.T) {
	t.Parallel()
	direct := storetest.Postgres(t)
	limit := ratelimit.Limit{Burst: 10, Per: time.Hour}
	one := []store.Check{{Key: ratelimit.Key(direct.Keys, "a", "x"), Limit: limit}}
	two := append(one, store.Check{Key: ratelimit.Key(direct.Keys, "b", "x"), Limit: limit})
	for _, checks := range [][]store.Check{one, two} {
		wire, through := newWire(t, direct.DSN)
		db := storetest.Open(t, through)
		if ok, _, err := db.AllowAll(t.Context(), checks, db.Clock.Now()); !ok || err != nil { // so that the connection knows the statements
			t.Fatalf("%d limits: %v %v", len(checks), ok, err)
		}
		wire.mode.Store(loseCommit)
		if ok, after, err := db.AllowAll(t.Context(), checks, db.Clock.Now()); ok || after != 0 || !errors.Is(err, store.ErrUnknownOutcome) {
			t.Errorf("%d limits: %v, wait %s, %v", len(checks), ok, after, err)
		}
	}
}
