package ratelimit_test

import (
	"slices"
	"testing"

	"doverie/internal/ratelimit"
)

type plain struct{}

func (plain) Lookup(domain, value string) []byte { return []byte(domain + "\x00" + value) }

// Two subjects never share a limit, wherever the borders of their parts lie.
func FuzzKey(f *testing.F) {
	f.Add("ab", "c", "a", "bc")
	f.Add("1:a", "", "", "1:a")
	f.Add("", "", "", "")
	f.Add("91.221.0.0/16", "вера", "91.221.0.0/16вера", "")
	f.Fuzz(func(t *testing.T, a, b, c, d string) {
		one, other := []string{a, b}, []string{c, d}
		same := slices.Equal(ratelimit.Key(plain{}, "sign_in", one...), ratelimit.Key(plain{}, "sign_in", other...))
		if same != slices.Equal(one, other) {
			t.Fatalf("%q and %q share a key: %t", one, other, same)
		}
		if slices.Equal(ratelimit.Key(plain{}, "x", a+b), ratelimit.Key(plain{}, "x", a, b)) {
			t.Fatalf("%q and %q are one subject", a+b, one)
		}
	})
}
