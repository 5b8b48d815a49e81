package demo_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"doverie/internal/demo"
)

// The file of the demonstration's clock: what it holds is a duration forward, or an error.
func FuzzClockFile(f *testing.F) {
	for _, text := range []string{"24h0m0s\n", "0", "", "-1h", "1e9h", "87600h", "87601h", "9223372036854775807ns", "24ч", "\ufeff24h", "24h\x00"} {
		f.Add(text)
	}
	start := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	path := filepath.Join(f.TempDir(), "clock")
	f.Fuzz(func(t *testing.T, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		clock, err := demo.OpenClock(path, func() time.Time { return start })
		if err != nil {
			return
		}
		if now := clock.Now(); now.Before(start) || now.After(start.AddDate(11, 0, 0)) {
			t.Fatalf("%q: the clock shows %s", text, now)
		}
		if clock.Forward(time.Hour) == nil {
			if again, err := demo.OpenClock(path, func() time.Time { return start }); err != nil || !again.Now().Equal(clock.Now()) {
				t.Fatalf("%q: the clock is not kept (%v)", text, err)
			}
		}
	})
}
