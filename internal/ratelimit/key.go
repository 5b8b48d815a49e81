package ratelimit

import (
	"fmt"
	"strings"
)

// Hasher makes keyed hashes; the keyring of package secret is one.
type Hasher interface {
	Lookup(domain, value string) []byte
}

// Key names what is limited: the act ("sign_in") and whom it is counted for (an account, a phone, a
// network area …). Only the keyed hash is stored, so the table tells nobody who did what. The parts
// keep their borders: ("ab", "c") and ("a", "bc") are different keys.
func Key(h Hasher, act string, parts ...string) []byte {
	var b strings.Builder
	for _, part := range parts {
		fmt.Fprintf(&b, "%d:%s", len(part), part)
	}
	return h.Lookup("rate:"+act, b.String())
}
