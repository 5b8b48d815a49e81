package secret_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"doverie/internal/secret"
)

func TestStopCode(t *testing.T) {
	k, other := keyring(t), keyring(t)
	code := k.StopCode("account-1", noon)
	if !regexp.MustCompile(`^[0-9]{4}-[0-9]{4}$`).MatchString(code) {
		t.Fatalf("StopCode = %q", code)
	}
	midnight := noon.Truncate(24 * time.Hour)
	for name, c := range map[string]struct {
		account, typed string
		now            time.Time
		want           bool
	}{
		"at once":             {"account-1", code, noon, true},
		"without the dash":    {"account-1", strings.ReplaceAll(code, "-", ""), noon, true},
		"the last moment":     {"account-1", code, midnight.Add(4*24*time.Hour - time.Microsecond), true},
		"a moment too late":   {"account-1", code, midnight.Add(4 * 24 * time.Hour), false},
		"before its day":      {"account-1", code, midnight.Add(-time.Microsecond), false},
		"for another account": {"account-2", code, noon, false},
		"half of it":          {"account-1", code[:4], noon, false},
		"nothing":             {"account-1", "", noon, false},
		"one digit more":      {"account-1", code + "0", noon, false},
	} {
		if got := k.SameStopCode(c.account, c.typed, c.now); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	if other.SameStopCode("account-1", code, noon) {
		t.Error("another master accepts the code")
	}
	// Of another form than any one-time code: eight digits never pass where six are asked.
	if k.SameCode(secret.Approval, "account-1", code, k.HashCode(secret.Approval, "account-1", code[:4]+code[5:7])) {
		t.Error("a stop code passed as a one-time code")
	}
}
