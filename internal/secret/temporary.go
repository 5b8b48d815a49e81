package secret

import (
	"crypto/rand"
	"math/big"
	"strings"
)

// What people do not mistake for each other on paper: no 0, 1, i, l, o.
const paperAlphabet = "abcdefghjkmnpqrstuvwxyz23456789"

const (
	paperGroups = 3
	paperGroup  = 5
)

// TemporaryPassword returns a password for paper: three groups of five letters and digits, 74 bits.
func TemporaryPassword() string {
	var b strings.Builder
	for g := range paperGroups {
		if g > 0 {
			b.WriteByte('-')
		}
		for range paperGroup {
			n, err := rand.Int(rand.Reader, big.NewInt(int64(len(paperAlphabet))))
			if err != nil {
				panic("secret: the system's generator failed: " + err.Error()) // documented never to happen
			}
			b.WriteByte(paperAlphabet[n.Int64()])
		}
	}
	return b.String()
}
