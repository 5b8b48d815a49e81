package ratelimit_test

import (
	"bytes"
	"testing"
	"time"

	"pgregory.net/rapid"

	"doverie/internal/ratelimit"
)

var start = time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)

func TestBurstThenEvenly(t *testing.T) {
	l := ratelimit.Limit{Burst: 5, Per: 24 * time.Hour}
	var tat time.Time
	for n := range 5 {
		ok, next, _ := l.Decide(tat, start)
		if !ok {
			t.Fatalf("act %d of the burst was refused", n+1)
		}
		tat = next
	}
	ok, next, after := l.Decide(tat, start)
	if ok || next != tat {
		t.Fatal("the sixth act passed")
	}
	if want := 24 * time.Hour / 5; after != want {
		t.Errorf("wait %s, want %s", after, want)
	}
	if ok, _, _ = l.Decide(tat, start.Add(after-time.Microsecond)); ok {
		t.Error("passed a microsecond too early")
	}
	if ok, _, _ = l.Decide(tat, start.Add(after)); !ok {
		t.Error("refused after the announced wait")
	}
}

// In any span of Per from its first act, at most 2·Burst-1 acts pass (the bucket and what flows in
// meanwhile), waiting as long as told always helps, and a rested key gets its whole burst.
func TestNeverMoreThanTheLimit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := ratelimit.Limit{
			Burst: rapid.IntRange(1, 20).Draw(t, "burst"),
			Per:   time.Duration(rapid.Int64Range(int64(time.Millisecond), int64(48*time.Hour)).Draw(t, "per")),
		}
		now, tat := start, time.Time{}
		var passed []time.Time
		for range rapid.IntRange(1, 120).Draw(t, "acts") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(l.Per)/4).Draw(t, "pause")))
			ok, next, after := l.Decide(tat, now)
			if !ok {
				if after <= 0 || after > l.Step() {
					t.Fatalf("told to wait %s, a step is %s", after, l.Step())
				}
				if again, _, _ := l.Decide(tat, now.Add(after)); !again {
					t.Fatal("waiting as told did not help")
				}
				continue
			}
			tat = next
			passed = append(passed, now)
		}
		for i := range passed {
			n := 0
			for _, at := range passed[i:] {
				if at.Sub(passed[i]) < l.Per {
					n++
				}
			}
			if n > 2*l.Burst {
				t.Fatalf("%d acts within %s, burst %d", n, l.Per, l.Burst)
			}
		}
		rested := now.Add(2 * l.Window())
		for n := range l.Burst {
			ok, next, _ := l.Decide(tat, rested)
			if !ok {
				t.Fatalf("a rested key got %d of %d", n, l.Burst)
			}
			tat = next
		}
		if ok, _, _ := l.Decide(tat, rested); ok {
			t.Fatal("a rested key got more than its burst")
		}
	})
}

type plainHasher struct{}

func (plainHasher) Lookup(domain, value string) []byte { return []byte(domain + "|" + value) }

func TestKeysKeepTheirBorders(t *testing.T) {
	a := ratelimit.Key(plainHasher{}, "sign_in", "ab", "c")
	for _, b := range [][]byte{
		ratelimit.Key(plainHasher{}, "sign_in", "a", "bc"), ratelimit.Key(plainHasher{}, "sign_in", "abc"),
		ratelimit.Key(plainHasher{}, "step_up", "ab", "c"), ratelimit.Key(plainHasher{}, "sign_in", "ab", "c", ""),
	} {
		if bytes.Equal(a, b) {
			t.Errorf("two keys are one: %s", b)
		}
	}
	if !bytes.Equal(a, ratelimit.Key(plainHasher{}, "sign_in", "ab", "c")) {
		t.Error("one key is two")
	}
}
