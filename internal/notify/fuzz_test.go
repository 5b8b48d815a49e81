package notify_test

import (
	"strings"
	"testing"

	"doverie/internal/notify"
)

// An error code of a carrier is shown to operators and logged: it is short, plain, and clean already.
func FuzzCleanCode(f *testing.F) {
	for _, code := range []string{"000", "ESME_RTHROTTLED", "5.1.1", "<b>", "\x1b[31m", "\u202e", "a b", strings.Repeat("9", 100), ""} {
		f.Add(code)
	}
	f.Fuzz(func(t *testing.T, code string) {
		clean := notify.CleanCode(code)
		if len(clean) > 32 || notify.CleanCode(clean) != clean || strings.Trim(clean, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_.:") != "" {
			t.Fatalf("%q became %q", code, clean)
		}
	})
}
