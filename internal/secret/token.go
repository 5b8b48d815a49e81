package secret

import (
	"crypto/rand"
	"crypto/sha256"
)

// Token returns a fresh random text of at least 128 bits (26 letters and digits of base 32) for
// cookies, links and one-time secrets.
func Token() string { return rand.Text() }

// HashToken returns the 32 bytes under which a token is stored. One SHA-256 without key or salt is
// enough, because a token has 128 random bits: there is no dictionary to try, and equal tokens do
// not occur. Never use it for what a person chose or for a short code.
func HashToken(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}
