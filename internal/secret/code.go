package secret

import (
	"crypto/hmac"
	"crypto/rand"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"unicode"
)

// Purpose says what a one-time code is for. A code of one purpose is worthless for any other.
type Purpose string

// The purposes of one-time codes.
const (
	RegisterPhone  Purpose = "register_phone"
	SignIn         Purpose = "sign_in"
	StepUp         Purpose = "step_up"
	RecoveryProve  Purpose = "recovery_prove"
	RecoveryFinish Purpose = "recovery_finish"
	Approval       Purpose = "approval"
	ChangePhone    Purpose = "change_phone"
	VerifyEmail    Purpose = "verify_email"
)

// Purposes lists every purpose, in the order above.
func Purposes() []Purpose {
	return []Purpose{RegisterPhone, SignIn, StepUp, RecoveryProve, RecoveryFinish, Approval, ChangePhone, VerifyEmail}
}

// Valid reports whether the purpose is one of Purposes.
func (p Purpose) Valid() bool {
	return slices.Contains(Purposes(), p)
}

const (
	codeDigits  = 6
	codeCount   = 1_000_000
	typedCapped = 64 // bytes of typed text that are looked at; six full-width digits with dashes take 35
)

// Code returns a fresh six-digit code for the purpose, every one of 000000–999999 equally likely.
// An unknown purpose is an error: a code that nothing accepts must not be sent.
func Code(purpose Purpose) (string, error) {
	if !purpose.Valid() {
		return "", fmt.Errorf("secret: no such code purpose: %q", string(purpose))
	}
	n, err := rand.Int(rand.Reader, big.NewInt(codeCount)) // rejection sampling: no bias
	if err != nil {
		return "", fmt.Errorf("secret: drawing a code: %w", err)
	}
	return fmt.Sprintf("%0*d", codeDigits, n.Int64()), nil
}

// HashCode returns the 32-byte keyed hash under which a code is stored, bound to its purpose and to
// the one object it is for (the id of a recovery, a session, an approval).
func (k *Keyring) HashCode(purpose Purpose, bound, code string) []byte {
	return mac(k.codes, []byte(purpose), []byte(bound), []byte(code))
}

// SameCode reports, in constant time, whether what a person typed is the code with that hash, for
// that purpose and object. Count the attempt before asking (DOMAIN 5.2).
func (k *Keyring) SameCode(purpose Purpose, bound, typed string, hash []byte) bool {
	code := NormalizeCode(typed)
	return k.any(func(one *Keyring) bool { return hmac.Equal(one.HashCode(purpose, bound, code), hash) })
}

// NormalizeCode folds what a person typed or pasted into plain ASCII digits: full-width and Arabic
// digits become ASCII; spaces, dashes and invisible characters go. Anything else stays and so cannot
// match. Text over 64 bytes gives the empty string.
func NormalizeCode(typed string) string {
	if len(typed) > typedCapped {
		return ""
	}
	return strings.Map(func(r rune) rune {
		switch {
		case '０' <= r && r <= '９': // full width
			return r - '０' + '0'
		case 0x0660 <= r && r <= 0x0669: // Arabic-Indic
			return r - 0x0660 + '0'
		case 0x06F0 <= r && r <= 0x06F9: // extended Arabic-Indic (Persian, Urdu)
			return r - 0x06F0 + '0'
		case unicode.IsSpace(r), unicode.Is(unicode.Pd, r), unicode.Is(unicode.Cf, r), r == '\u2212':
			return -1
		}
		return r
	}, typed)
}
