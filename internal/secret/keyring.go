package secret

import (
	"bytes"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// masterBytes is the least length of a master key, and the length of those NewMaster makes.
const masterBytes = 32

// ErrMaster says that a master key cannot be used; the text never repeats the key.
var ErrMaster = errors.New("secret: a master key is base64url text of at least 32 random bytes")

// Keyring derives every key of the server from one master key. It is safe for concurrent use and
// prints nothing of itself.
//
// A master key can be followed by another (see rotate.go). What is made now is always made with the current one; what
// was made before and is still good is recognised under the former ones too, as long as they are given.
type Keyring struct {
	root   []byte // HKDF pseudo-random key; the master itself is not kept
	codes  []byte
	lookup []byte
	match  []byte
	id     string
	former []*Keyring        // newest first; none of them has formers of its own
	kept   map[string][]byte // secrets that outlive a master key, by name: see Keep
}

// NewMaster returns a fresh master key as base64url text without padding (43 characters).
func NewMaster() string {
	return base64.RawURLEncoding.EncodeToString(random(masterBytes))
}

// ParseMaster reads a master key written by NewMaster, or by any tool that writes base64 (standard
// or URL alphabet, padding and surrounding white space allowed). The only error is ErrMaster.
func ParseMaster(text string) (*Keyring, error) {
	text = strings.TrimRight(strings.TrimSpace(text), "=")
	text = strings.NewReplacer("+", "-", "/", "_").Replace(text)
	master, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return nil, ErrMaster // the decoder's error would quote a part of the key
	}
	return NewKeyring(master)
}

// NewKeyring builds a keyring from the master key itself, at least 32 bytes. A key of one repeated
// byte is refused too: it was typed, not generated. The only error is ErrMaster.
func NewKeyring(master []byte) (*Keyring, error) {
	if len(master) < masterBytes || bytes.Count(master, master[:1]) == len(master) {
		return nil, ErrMaster
	}
	root, err := hkdf.Extract(sha256.New, master, []byte("doverie keyring 1"))
	if err != nil {
		return nil, fmt.Errorf("secret: deriving the root key: %w", err)
	}
	k := &Keyring{root: root}
	k.codes = k.key("code")
	k.lookup = k.key("lookup")
	k.match = k.key("match number")
	k.id = hex.EncodeToString(k.key("id")[:idBytes])
	return k, nil
}

// String hides the keys from logs, panics and %v.
func (*Keyring) String() string { return "secret.Keyring" }

// GoString hides the keys from %#v.
func (*Keyring) GoString() string { return "secret.Keyring" }

// key derives the 32-byte key of one use (RFC 5869 expand).
func (k *Keyring) key(label string) []byte {
	key, err := hkdf.Expand(sha256.New, k.root, label, sha256.Size)
	if err != nil {
		panic("secret: HKDF refused 32 bytes: " + err.Error()) // only possible above 8,160 bytes
	}
	return key
}

// Lookup returns the 32-byte keyed hash of a value for a column that is searched: phone_hash,
// name_hash, device, the key of a rate limit. The domain names the column, so equal values in two
// columns do not look alike. Fold the value (case, spaces, E.164) before the call.
func (k *Keyring) Lookup(domain, value string) []byte {
	return mac(k.lookup, []byte(domain), []byte(value))
}

// MatchNumber returns the two digits, "10" to "99", that the applicant's own page shows and the
// contact types (DOMAIN 5.4). They are derived from the recovery's id, so nothing is stored and
// nobody without the key can work them out.
func (k *Keyring) MatchNumber(recoveryID string) string {
	sum := mac(k.match, []byte(recoveryID))
	// 2^64 mod 90 numbers are likelier than the rest by 5e-18: not worth a loop.
	return strconv.FormatUint(binary.BigEndian.Uint64(sum)%90+10, 10)
}

// mac is HMAC-SHA256 over the parts, each with its length before it, so that moving a byte from one
// part to the next changes the result.
func mac(key []byte, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, key)
	var n [8]byte
	for _, p := range parts {
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		h.Write(n[:])
		h.Write(p)
	}
	return h.Sum(nil)
}

// random returns n bytes of the system's generator, which never fails (crypto/rand ends the process).
func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // documented never to return an error
	return b
}

// Seed returns 32 bytes from which a key pair of one purpose is made: the same ones every time, over a change of the
// master key too, because others know the public half (see Kept).
func (k *Keyring) Seed(purpose string) []byte { return k.lasting("seed:" + purpose) }
