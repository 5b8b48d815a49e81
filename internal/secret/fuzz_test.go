package secret_test

import (
	"strings"
	"testing"
	"time"

	"doverie/internal/secret"
)

// A stop code works for its own account on its own days, however it is typed, and nothing else does.
func FuzzStopCode(f *testing.F) {
	keys := keyring(f)
	const day = 24 * time.Hour
	start := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	own := keys.StopCode("vera", start)
	for _, typed := range []string{own, strings.ReplaceAll(own, "-", ""), " " + strings.ReplaceAll(own, "-", " – ") + " ", keys.StopCode("alexey", start), keys.StopCode("vera", start.Add(-day)), "1234-5678", "123456", "", "\u202e" + own} {
		f.Add(typed, 0)
		f.Add(typed, 4)
	}
	f.Fuzz(func(t *testing.T, typed string, days int) {
		now := start.Add(time.Duration(days%30) * day)
		want := false
		for back := range 4 {
			want = want || secret.NormalizeCode(typed) == secret.NormalizeCode(keys.StopCode("vera", now.Add(-time.Duration(back)*day)))
		}
		if got := keys.SameStopCode("vera", typed, now); got != want {
			t.Fatalf("%q on day %d: %t, want %t", typed, days%30, got, want)
		}
	})
}
