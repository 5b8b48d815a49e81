package secret

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // RFC 6238's default; authenticator applications know nothing else, and HMAC does not need collision resistance
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/url"
	"strings"
	"time"
)

const (
	totpPeriod   = 30 // seconds, RFC 6238 §4.1
	totpKeyBytes = 20 // RFC 4226 §4 R6
	totpSkew     = 1  // steps of a clock that is slow or fast, RFC 6238 §5.2
)

var totpText = base32.StdEncoding.WithPadding(base32.NoPadding)

// TOTPKey returns a fresh 20-byte key for an authenticator application. Seal it at rest.
func TOTPKey() []byte { return random(totpKeyBytes) }

// TOTPText returns the key as people type it: base 32 in groups of four.
func TOTPText(key []byte) string {
	var groups []string
	for text := totpText.EncodeToString(key); text != ""; {
		n := min(4, len(text))
		groups = append(groups, text[:n])
		text = text[n:]
	}
	return strings.Join(groups, " ")
}

// ParseTOTPText reads a key that TOTPText wrote: spaces and case do not matter.
func ParseTOTPText(text string) ([]byte, error) {
	key, err := totpText.DecodeString(strings.ToUpper(strings.Join(strings.Fields(text), "")))
	if err != nil {
		return nil, fmt.Errorf("secret: no key of a code generator: %w", err)
	}
	return key, nil
}

// TOTPURI returns the otpauth:// address that a QR code carries (the key URI format that
// authenticator applications read). account is what the application shows beside the issuer.
func TOTPURI(issuer, account string, key []byte) string {
	return "otpauth://totp/" + escapeLabel(strings.ReplaceAll(issuer, ":", " ")) + ":" + escapeLabel(account) +
		"?secret=" + totpText.EncodeToString(key) + "&issuer=" + escapeLabel(issuer) + "&algorithm=SHA1&digits=6&period=30"
}

// escapeLabel escapes every sign: applications do not read "+" as a space, and some read it as one.
func escapeLabel(s string) string {
	return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
}

// TOTPCode returns the six digits an authenticator application shows at that time.
func TOTPCode(key []byte, at time.Time) string { return totpCode(key, at.Unix()/totpPeriod) }

// TOTPStep reports whether the typed digits are the code of now's step, of the one before or of the
// one after, and which step that was. A step at or before lastStep (0: none used yet) is refused: each
// code works once (RFC 6238 §5.2), so store the step in the same guarded update that accepts it.
func TOTPStep(key []byte, typed string, now time.Time, lastStep int64) (step int64, ok bool) {
	digits := []byte(NormalizeCode(typed))
	current := now.Unix() / totpPeriod
	for s := current - totpSkew; s <= current+totpSkew; s++ {
		same := subtle.ConstantTimeCompare([]byte(totpCode(key, s)), digits) == 1
		if same && s > lastStep {
			step, ok = s, true
		}
	}
	return step, ok
}

// totpCode is HOTP (RFC 4226 §5.3) of the step.
func totpCode(key []byte, step int64) string {
	var counter [8]byte
	binary.BigEndian.PutUint64(counter[:], uint64(step)) //nolint:gosec // a counter of bits, RFC 4226 §5.1
	h := hmac.New(sha1.New, key)
	h.Write(counter[:])
	sum := h.Sum(nil)
	at := sum[len(sum)-1] & 0x0f
	n := binary.BigEndian.Uint32(sum[at:]) & 0x7fffffff
	return fmt.Sprintf("%0*d", codeDigits, n%codeCount)
}

// TOTPNewestStep is the newest step whose code could have been accepted by now: noted as the last one used, it refuses
// every code seen so far.
func TOTPNewestStep(now time.Time) int64 { return now.Unix()/totpPeriod + totpSkew }
