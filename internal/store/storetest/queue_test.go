package storetest_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/jobs"
	"doverie/internal/store"
	"doverie/internal/store/storetest"
)

const lease = time.Minute

func sms(kind, to string, args map[string]string) effect.Send {
	return effect.Send{Kind: kind, Via: []effect.Channel{effect.SMS}, Address: to, Locale: "ru", Args: args}
}

func claim(t *testing.T, db *storetest.DB, owner string, n int) []jobs.Message {
	t.Helper()
	got, err := db.ClaimMessages(t.Context(), db.Clock.Now(), owner, n, lease)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func settle(t *testing.T, db *storetest.DB, owner string, m jobs.Message, s jobs.Settlement) {
	t.Helper()
	if err := db.SettleMessage(t.Context(), db.Clock.Now(), owner, m, s); err != nil {
		t.Fatalf("%s as %s: %v", m, s.Outcome, err)
	}
}

func state(t *testing.T, db *storetest.DB, id string) (state string, wiped bool) {
	t.Helper()
	var address, args []byte
	err := db.Read(t.Context(), func(ctx context.Context, q store.Querier) error {
		return q.QueryRow(ctx, `SELECT state, address, args FROM outbox WHERE id = $1`, id).Scan(&state, &address, &args)
	})
	if err != nil {
		t.Fatal(err)
	}
	return state, address == nil && args == nil
}

func TestNoMessageIsClaimedTwice(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		const messages, workers = 300, 6
		var sends []effect.Effect
		for n := range messages {
			sends = append(sends, sms("notice", fmt.Sprintf("+7916%07d", n), nil))
		}
		mustApply(t, db, sends...)
		var mu sync.Mutex
		seen := map[string]int{}
		errs := storetest.Parallel(workers, func(w int) error {
			owner := fmt.Sprint("worker ", w)
			for {
				got, err := db.ClaimMessages(t.Context(), db.Clock.Now(), owner, 7, lease)
				if err != nil {
					return err
				}
				if len(got) > 7 {
					return fmt.Errorf("asked for 7, got %d", len(got))
				}
				mu.Lock()
				for _, m := range got {
					seen[m.Address]++
				}
				left := messages - len(seen)
				mu.Unlock()
				for _, m := range got {
					if err := db.SettleMessage(t.Context(), db.Clock.Now(), owner, m, jobs.Settlement{Outcome: jobs.Sent}); err != nil {
						return err
					}
				}
				if len(got) == 0 && left == 0 {
					return nil
				}
			}
		})
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		for address, times := range seen {
			if times != 1 {
				t.Errorf("the message to %s was claimed %d times", address, times)
			}
		}
		if n := db.Count(t, `SELECT COUNT(id) FROM outbox WHERE state = 'sent' AND args IS NULL AND address IS NULL`); n != messages {
			t.Errorf("%d sent and wiped, want %d", n, messages)
		}
	})
}

func TestNoTimerIsClaimedTwice(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		const timers, workers = 200, 6
		var arms []effect.Effect
		for n := range timers {
			arms = append(arms, effect.Arm{Timer: "recovery.expire", Object: fmt.Sprint("объект ", n), At: db.Clock.Now()})
		}
		mustApply(t, db, arms...)
		var mu sync.Mutex
		seen := map[string]int{}
		errs := storetest.Parallel(workers, func(w int) error {
			for {
				got, err := db.ClaimTimers(t.Context(), db.Clock.Now(), fmt.Sprint(w), 7, lease)
				if err != nil {
					return err
				}
				if len(got) > 7 {
					return fmt.Errorf("asked for 7, got %d", len(got))
				}
				mu.Lock()
				for _, timer := range got {
					seen[timer.Object]++
				}
				left := timers - len(seen)
				mu.Unlock()
				for _, timer := range got {
					if err := db.TimerDone(t.Context(), fmt.Sprint(w), timer); err != nil {
						return err
					}
				}
				if len(got) == 0 && left == 0 {
					return nil
				}
			}
		})
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		for object, times := range seen {
			if times != 1 {
				t.Errorf("%s was claimed %d times", object, times)
			}
		}
		if n := db.Count(t, `SELECT COUNT(kind) FROM timers`); n != 0 {
			t.Errorf("%d timers stayed", n)
		}
	})
}

func TestOrderOfOneAddress(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		mustApply(t, db, sms("first", phone, nil), sms("second", phone, nil),
			effect.Send{Kind: "mail", Via: []effect.Channel{effect.Email}, Address: phone, Locale: "en"}, sms("elsewhere", "+79160000000", nil))
		kinds := func(got []jobs.Message) (k []string) {
			for _, m := range got {
				k = append(k, m.Kind)
			}
			slices.Sort(k)
			return k
		}
		got := claim(t, db, "w", 10)
		if want := []string{"elsewhere", "first", "mail"}; !slices.Equal(kinds(got), want) {
			t.Fatalf("claimed %v, want %v", kinds(got), want)
		}
		if more := claim(t, db, "w", 10); len(more) != 0 {
			t.Fatalf("%v passed the leased one", more)
		}
		first := got[slices.IndexFunc(got, func(m jobs.Message) bool { return m.Kind == "first" })]
		settle(t, db, "w", first, jobs.Settlement{Outcome: jobs.Retry, RetryAt: db.Clock.Now().Add(time.Hour), Problem: "fault.busy"})
		if more := claim(t, db, "w", 10); len(more) != 0 {
			t.Fatalf("%v passed the one that waits for a retry", more)
		}
		mustApply(t, db, sms("code", phone, map[string]string{"code": "123456"}))
		if more := kinds(claim(t, db, "w", 10)); !slices.Equal(more, []string{"code"}) {
			t.Fatalf("claimed %v, want the code only: it lives for minutes", more)
		}
		db.Clock.Advance(time.Hour)
		again := claim(t, db, "w", 10)
		i := slices.IndexFunc(again, func(m jobs.Message) bool { return m.ID == first.ID })
		if i < 0 || again[i].Attempt != 2 {
			t.Fatalf("after the pause: %v", again)
		}
		settle(t, db, "w", again[i], jobs.Settlement{Outcome: jobs.Sent})
		if more := kinds(claim(t, db, "w", 10)); !slices.Equal(more, []string{"second"}) {
			t.Errorf("then %v, want the second", more)
		}
	})
}

func TestLeaseThatRanOut(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		mustApply(t, db, sms("notice", "+79160000001", nil), sms("code", "+79160000002", map[string]string{"code": "654321"}))
		lost := claim(t, db, "dead", 10)
		if len(lost) != 2 {
			t.Fatalf("claimed %v", lost)
		}
		db.Clock.Advance(lease - time.Microsecond)
		if early := claim(t, db, "alive", 10); len(early) != 0 {
			t.Fatalf("%v was taken over too early", early)
		}
		db.Clock.Advance(time.Microsecond)
		got := claim(t, db, "alive", 10)
		if len(got) != 1 || got[0].Kind != "notice" || got[0].Attempt != 2 {
			t.Fatalf("taken over: %v", got)
		}
		for _, m := range lost {
			err := db.SettleMessage(t.Context(), db.Clock.Now(), "dead", m, jobs.Settlement{Outcome: jobs.Sent})
			if !fault.Is(err, fault.Conflict) {
				t.Errorf("%s was settled by who lost it: %v", m, err)
			}
			if m.Kind == "code" {
				if s, wiped := state(t, db, m.ID); s != "unknown" || !wiped {
					t.Errorf("the code that may have been sent is %s, wiped %t", s, wiped)
				}
			}
		}
		settle(t, db, "alive", got[0], jobs.Settlement{Outcome: jobs.Failed, Problem: "fault.internal"})
		if s, wiped := state(t, db, got[0].ID); s != "failed" || !wiped {
			t.Errorf("failed: %s, wiped %t", s, wiped)
		}
	})
}

func TestNeverAfterNotAfter(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		late := sms("code", phone, map[string]string{"code": "111111"})
		late.NotAfter = db.Clock.Now().Add(codeLives)
		mustApply(t, db, late)
		got := claim(t, db, "w", 1)
		if len(got) != 1 || !got[0].NotAfter.Equal(late.NotAfter) || !got[0].CarriesCode || got[0].Args["code"] != "111111" || got[0].Address != phone {
			t.Fatalf("claimed %#v", got)
		}
		settle(t, db, "w", got[0], jobs.Settlement{Outcome: jobs.Retry, RetryAt: late.NotAfter.Add(time.Microsecond)})
		if s, wiped := state(t, db, got[0].ID); s != "expired" || !wiped {
			t.Errorf("a retry past the end: %s, wiped %t", s, wiped)
		}
		mustApply(t, db, late)
		db.Clock.Advance(codeLives + time.Microsecond)
		if got = claim(t, db, "w", 1); len(got) != 0 {
			t.Errorf("%v was handed out too late", got)
		}
		if n := db.Count(t, `SELECT COUNT(id) FROM outbox WHERE state = 'expired' AND args IS NULL`); n != 2 {
			t.Errorf("%d expired, want 2", n)
		}
	})
}

func TestOneKeyOneMessage(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		m := sms("notice", phone, nil)
		m.Key = "recovery 1, approved"
		if err := errors.Join(storetest.Parallel(10, func(int) error { return apply(t, db, m) })...); err != nil {
			t.Fatal(err)
		}
		other := m
		other.Via = []effect.Channel{effect.Email}
		mustApply(t, db, other, m)
		if n := db.Count(t, `SELECT COUNT(id) FROM outbox`); n != 2 {
			t.Errorf("%d messages, want one a channel", n)
		}
	})
}

// What goes out lies sealed: neither the code nor the address is in the database's bytes, and a row
// sealed under another key fails alone.
func TestMessagesLieSealed(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		mustApply(t, db, sms("code", "+79165550123", map[string]string{"code": "864209753"}))
		if db.Engine() == "sqlite" {
			for _, suffix := range []string{"", "-wal"} {
				raw, err := os.ReadFile(db.DSN + suffix)
				if err != nil {
					t.Fatal(err)
				}
				if bytes.Contains(raw, []byte("864209753")) || bytes.Contains(raw, []byte("79165550123")) {
					t.Errorf("the file%s holds a code or a phone", suffix)
				}
			}
		}
		var address, args []byte
		err := db.Read(t.Context(), func(ctx context.Context, q store.Querier) error {
			return q.QueryRow(ctx, `SELECT address, args FROM outbox`).Scan(&address, &args)
		})
		if err != nil || len(address) == 0 || bytes.Contains(address, []byte("79165550123")) || bytes.Contains(args, []byte("864209753")) {
			t.Errorf("row: %v", err)
		}
		db.Exec(t, `UPDATE outbox SET args = $1 WHERE done_at IS NULL`, []byte("sealed under another key"))
		mustApply(t, db, sms("notice", "+79160000000", nil))
		if got := claim(t, db, "w", 10); len(got) != 1 || got[0].Kind != "notice" {
			t.Errorf("claimed %v", got)
		}
		if n := db.Count(t, `SELECT COUNT(id) FROM outbox WHERE state = 'failed' AND kind = 'code'`); n != 1 {
			t.Error("the row that cannot be opened has not failed")
		}
	})
}

func TestTimers(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		claim := func(owner string) []jobs.Timer {
			t.Helper()
			got, err := db.ClaimTimers(t.Context(), db.Clock.Now(), owner, 10, lease)
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		arm := func(after time.Duration) effect.Arm {
			return effect.Arm{Timer: "recovery.expire", Object: "1", At: db.Clock.Now().Add(after)}
		}
		mustApply(t, db, arm(time.Minute), effect.Disarm{Timer: "recovery.expire", Object: "1"}, arm(time.Hour))
		mustApply(t, db, effect.Disarm{Timer: "recovery.expire", Object: "none"})
		db.Clock.Advance(time.Hour - time.Microsecond)
		if got := claim("w"); len(got) != 0 {
			t.Fatalf("too early: %v", got)
		}
		db.Clock.Advance(time.Microsecond)
		got := claim("w")
		if len(got) != 1 || got[0].Object != "1" || got[0].Attempt != 1 {
			t.Fatalf("claimed %v", got)
		}
		// The handler sets its timer anew: neither done nor failed may touch the new one.
		mustApply(t, db, arm(0))
		if err := errors.Join(db.TimerDone(t.Context(), "w", got[0]), db.TimerFailed(t.Context(), "w", got[0], db.Clock.Now().Add(time.Hour), "fault.busy")); err != nil {
			t.Fatal(err)
		}
		anew := claim("w")
		if len(anew) != 1 || anew[0].Generation <= got[0].Generation {
			t.Fatalf("the timer set anew: %v", anew)
		}
		// A worker dies; another takes over, and the first one's late word counts nothing.
		db.Clock.Advance(lease)
		over := claim("v")
		if len(over) != 1 || over[0].Attempt != 2 {
			t.Fatalf("taken over: %v", over)
		}
		if err := db.TimerDone(t.Context(), "w", anew[0]); err != nil {
			t.Fatal(err)
		}
		if err := db.TimerFailed(t.Context(), "v", over[0], db.Clock.Now().Add(time.Minute), "fault.busy"); err != nil {
			t.Fatal(err)
		}
		if got = claim("v"); len(got) != 0 {
			t.Fatalf("before the retry: %v", got)
		}
		db.Clock.Advance(time.Minute)
		got = claim("v")
		if len(got) != 1 || got[0].Attempt != 3 {
			t.Fatalf("the retry: %v", got)
		}
		if err := db.TimerDone(t.Context(), "v", got[0]); err != nil {
			t.Fatal(err)
		}
		if n := db.Count(t, `SELECT COUNT(kind) FROM timers`); n != 0 {
			t.Errorf("%d timers stayed", n)
		}
	})
}

// A commit wakes the loop; a refused one leaves neither message nor timer nor event.
func TestAllEffectsOrNone(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		all := []effect.Effect{
			sms("notice", phone, nil), effect.Arm{Timer: "t", Object: "o", At: db.Clock.Now()}, record(1, "а"),
			effect.TellSystems{Account: "а", What: "recovery-activated"}, code(db, "c", "sign_in", "s", phone),
		}
		if err := apply(t, db, append(all, effect.UseCode{ID: "none"})...); !fault.HasKey(err, "fault.code.used") {
			t.Fatalf("%v", err)
		}
		tables := []string{"outbox", "timers", "events", "event_subjects", "system_notices", "codes", "phone_slots"}
		for _, table := range tables {
			if n := db.Count(t, `SELECT COUNT(1) FROM `+table); n != 0 {
				t.Errorf("%s: %d rows of a refused commit", table, n)
			}
		}
		select {
		case <-db.Woken():
			t.Error("woken by nothing")
		default:
		}
		mustApply(t, db, all...)
		for _, table := range tables {
			if n := db.Count(t, `SELECT COUNT(1) FROM `+table); n != 1 {
				t.Errorf("%s: %d rows, want 1", table, n)
			}
		}
		select {
		case <-db.Woken():
		default:
			t.Error("a commit does not wake")
		}
		var drained sql.NullInt64
		err := db.Read(t.Context(), func(ctx context.Context, q store.Querier) error {
			return q.QueryRow(ctx, `SELECT drained_at FROM system_notices WHERE account_id = 'а' AND what = 'recovery-activated'`).Scan(&drained)
		})
		if err != nil || drained.Valid {
			t.Errorf("notice: %v, %v", drained, err)
		}
	})
}
