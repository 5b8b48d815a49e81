package webpush

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"time"
)

const (
	saltOctets = 16
	recordSize = 4096 // RFC 8188: one record holds everything
	tagOctets  = 16   // of AES-GCM

	// plainOctets is the length of every plaintext with its padding: what passes by tells nobody how long it is. Some
	// services take no more than 3 KiB.
	plainOctets = 2048
)

var errTooLong = errors.New("webpush: a text that is too long for a push")

// seal encrypts for the browser (RFC 8291 §3.4), padded to length octets, as the body of a request.
func seal(plain []byte, to Subscription, sender *ecdh.PrivateKey, salt []byte, length int) ([]byte, error) {
	if len(plain) > length {
		return nil, errTooLong
	}
	shared, err := sender.ECDH(to.Public)
	if err != nil {
		return nil, err
	}
	ours := sender.PublicKey().Bytes()
	material, err := hkdf.Key(sha256.New, shared, to.Auth, "WebPush: info\x00"+string(to.Public.Bytes())+string(ours), sha256.Size)
	if err != nil {
		return nil, err
	}
	key, err := hkdf.Key(sha256.New, material, salt, "Content-Encoding: aes128gcm\x00", 16)
	if err != nil {
		return nil, err
	}
	nonce, err := hkdf.Key(sha256.New, material, salt, "Content-Encoding: nonce\x00", 12)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	padded := make([]byte, length+1)
	copy(padded, plain)
	padded[len(plain)] = 2 // the delimiter of the last record (RFC 8188 §2)
	body := make([]byte, 0, saltOctets+4+1+len(ours)+len(padded)+tagOctets)
	body = append(body, salt...)
	body = binary.BigEndian.AppendUint32(body, recordSize)
	body = append(body, publicOctets)
	body = append(body, ours...)
	return gcm.Seal(body, nonce, padded, nil), nil
}

// sealed encrypts with a key and a salt that are used once.
func sealed(plain []byte, to Subscription) ([]byte, error) {
	sender, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	salt := make([]byte, saltOctets)
	_, _ = rand.Read(salt) // documented never to return an error
	return seal(plain, to, sender, salt, plainOctets)
}

// tokenLife is below the 24 hours that RFC 8292 §2 allows, with room for clocks that differ.
const tokenLife = 12 * time.Hour

// authorization names the server to the push service (RFC 8292 §3): a JWT signed with ES256, and its key.
func authorization(key *ecdsa.PrivateKey, endpoint *url.URL, contact string, now time.Time) (string, error) {
	claims, err := json.Marshal(struct {
		Audience string `json:"aud"`
		Expires  int64  `json:"exp"`
		Subject  string `json:"sub"`
	}{endpoint.Scheme + "://" + endpoint.Host, now.Add(tokenLife).Unix(), contact})
	if err != nil {
		return "", err
	}
	signed := encode([]byte(`{"typ":"JWT","alg":"ES256"}`)) + "." + encode(claims)
	sum := sha256.Sum256([]byte(signed))
	r, s, err := ecdsa.Sign(rand.Reader, key, sum[:])
	if err != nil {
		return "", err
	}
	var signature [64]byte
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	public, err := key.PublicKey.Bytes()
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("vapid t=%s.%s, k=%s", signed, encode(signature[:]), encode(public)), nil
}
