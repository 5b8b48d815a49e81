package secret

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"strings"
	"time"

	"golang.org/x/crypto/chacha20poly1305"
)

// What Verify and Open refuse with. Neither says more: an attacker learns nothing, a person is told
// by the page what to do next.
var (
	ErrForged  = errors.New("secret: not made by this server for this purpose")
	ErrExpired = errors.New("secret: signed text has expired")
)

const (
	maxSigned   = 4096 // characters; longer text is refused before any work is done on it
	signedHead  = sha256.Size + 8
	maxSignable = maxSigned/4*3 - signedHead
)

var signedText = base64.RawURLEncoding.Strict() // strict: exactly one text for one content

// Sign returns a URL-safe text that carries the payload (readable by anyone, at most 3,032 bytes)
// and proves until expires (to the microsecond, exclusive) that this server made it for this purpose.
// A longer payload gives the empty text, which Verify refuses.
func (k *Keyring) Sign(purpose string, payload []byte, expires time.Time) string {
	if len(payload) > maxSignable {
		return ""
	}
	raw := make([]byte, signedHead, signedHead+len(payload))
	binary.BigEndian.PutUint64(raw[sha256.Size:], uint64(expires.UnixMicro()))
	raw = append(raw, payload...)
	copy(raw, mac(k.key("sign:"+purpose), raw[sha256.Size:]))
	return signedText.EncodeToString(raw)
}

// Verify returns the payload of a text made by Sign for the same purpose, if now is before its
// expiry. Errors: ErrForged, ErrExpired.
func (k *Keyring) Verify(purpose, text string, now time.Time) ([]byte, error) {
	if len(text) > maxSigned || strings.ContainsAny(text, "\r\n") { // the decoder would skip line ends
		return nil, ErrForged
	}
	raw, err := signedText.DecodeString(text)
	if err != nil || len(raw) < signedHead {
		return nil, ErrForged
	}
	made := func(one *Keyring) bool {
		return hmac.Equal(raw[:sha256.Size], mac(one.key("sign:"+purpose), raw[sha256.Size:]))
	}
	if !k.any(made) {
		return nil, ErrForged
	}
	expires := time.UnixMicro(int64(binary.BigEndian.Uint64(raw[sha256.Size:]))) //nolint:gosec // the same bits that Sign wrote
	if !now.Before(expires) {
		return nil, ErrExpired
	}
	return raw[signedHead:], nil
}

// Seal encrypts plain (XChaCha20-Poly1305, random nonce, 40 bytes longer) so that only Open with the
// same purpose and the same aad reads it. aad names where the text lies, for example the id of its
// row, so that a sealed text moved to another row does not open.
func (k *Keyring) Seal(purpose string, aad, plain []byte) []byte {
	aead, err := chacha20poly1305.NewX(k.key("seal:" + purpose))
	if err != nil {
		panic("secret: a 32-byte key was refused: " + err.Error()) // impossible: key always returns 32 bytes
	}
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(plain)+aead.Overhead())
	copy(nonce, random(aead.NonceSize()))
	return aead.Seal(nonce, nonce, plain, aad)
}

// Open returns what Seal encrypted for the same purpose and aad, under this master key or a former one. The only error
// is ErrForged.
func (k *Keyring) Open(purpose string, aad, sealed []byte) ([]byte, error) {
	plain, err := k.open(purpose, aad, sealed)
	for i := 0; err != nil && i < len(k.former); i++ {
		plain, err = k.former[i].open(purpose, aad, sealed)
	}
	return plain, err
}

func (k *Keyring) open(purpose string, aad, sealed []byte) ([]byte, error) {
	aead, err := chacha20poly1305.NewX(k.key("seal:" + purpose))
	if err != nil {
		panic("secret: a 32-byte key was refused: " + err.Error()) // impossible: key always returns 32 bytes
	}
	if len(sealed) < aead.NonceSize() {
		return nil, ErrForged
	}
	plain, err := aead.Open(nil, sealed[:aead.NonceSize()], sealed[aead.NonceSize():], aad)
	if err != nil {
		return nil, ErrForged
	}
	return plain, nil
}
