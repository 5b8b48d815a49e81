package oidc

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/policy"
	"doverie/internal/secret"
)

// The signature algorithms. Security event tokens are always RS256 (T32); a client chooses for its id tokens.
const (
	RS256 = "RS256"
	ES256 = "ES256"
)

// Algs lists the algorithms we sign with.
func Algs() []string { return []string{RS256, ES256} }

// KeyState says where a signing key stands.
type KeyState string

// The states: a key is published before it signs, so that nobody meets a signature whose key he cannot have.
const (
	Announced KeyState = "announced"
	Signing   KeyState = "signing"
	Retired   KeyState = "retired"
)

// Key is one signing key. Zero times mean "not yet".
type Key struct {
	ID          string // kid
	Alg         string
	State       KeyState
	Public      string // a JSON Web Key
	Sealed      []byte // PKCS #8 of the private part, sealed; empty when retired
	AnnouncedAt time.Time
	SigningAt   time.Time
	RetiredAt   time.Time
	ServedUntil time.Time
}

// KeyChange is what one commit does to the keys. Every guarded row must change exactly once (fault Conflict).
type KeyChange struct {
	Rules   string
	New     []Key    // announced
	Retire  []string // ids that must be signing
	Promote []string // ids that must be announced
	Served  time.Time
}

// KeyStore is what Keys needs of the database.
type KeyStore interface {
	// OIDCKeys lists the keys that are published at that time, the signing ones first.
	OIDCKeys(ctx context.Context, now time.Time) ([]Key, error)
	// CommitOIDCKeys applies the change and the effects in one transaction.
	CommitOIDCKeys(ctx context.Context, act effect.Act, now time.Time, c KeyChange, effects []effect.Effect) error
}

// Signer signs claims. Keys is one.
type Signer interface {
	// Sign makes a compact JWS over the claims with that "typ" ("JWT", "logout+jwt", "secevent+jwt", …), by the
	// signing key of the algorithm (RS256 or ES256).
	Sign(ctx context.Context, alg, typ string, claims map[string]any) (string, error)
}

// Keys are the server's signing keys. It is safe for concurrent use.
type Keys struct {
	Store  KeyStore
	Secret *secret.Keyring
	Policy policy.Policy
	Now    func() time.Time

	mu     sync.Mutex
	read   time.Time
	known  []Key
	opened map[string]crypto.Signer // by kid
}

var _ Signer = (*Keys)(nil)

// rereadKeys bounds how long a process goes on with the keys it has read: another process may have rotated them.
// A retired key is published far longer than that.
const rereadKeys = 5 * time.Second

const sealedKey = "oidc key"

// Sign implements Signer.
func (k *Keys) Sign(ctx context.Context, alg, typ string, claims map[string]any) (string, error) {
	key, private, err := k.signing(ctx, alg)
	if err != nil {
		return "", err
	}
	signer, err := jose.NewSigner(jose.SigningKey{
		Algorithm: jose.SignatureAlgorithm(alg), Key: jose.JSONWebKey{Key: private, KeyID: key.ID, Algorithm: alg, Use: "sig"},
	}, (&jose.SignerOptions{}).WithType(jose.ContentType(typ)))
	if err != nil {
		return "", fmt.Errorf("oidc: signer: %w", err)
	}
	body, err := json.Marshal(claims)
	if err != nil {
		return "", fmt.Errorf("oidc: claims: %w", err)
	}
	signed, err := signer.Sign(body)
	if err != nil {
		return "", fmt.Errorf("oidc: sign: %w", err)
	}
	return signed.CompactSerialize()
}

var errNoKey = errors.New("oidc: no key signs with this algorithm")

func (k *Keys) signing(ctx context.Context, alg string) (Key, crypto.Signer, error) {
	keys, err := k.list(ctx)
	if err != nil {
		return Key{}, nil, err
	}
	key := find(keys, alg, Signing)
	if key == nil {
		return Key{}, nil, errNoKey
	}
	private, err := k.open(*key)
	return *key, private, err
}

func (k *Keys) open(key Key) (crypto.Signer, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if private := k.opened[key.ID]; private != nil {
		return private, nil
	}
	plain, err := k.Secret.Open(sealedKey, []byte(key.ID), key.Sealed)
	if err != nil {
		return nil, fmt.Errorf("oidc: key %s: %w", key.ID, err)
	}
	parsed, err := x509.ParsePKCS8PrivateKey(plain)
	if err != nil {
		return nil, fmt.Errorf("oidc: key %s: %w", key.ID, err)
	}
	private, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("oidc: key %s does not sign", key.ID)
	}
	if k.opened == nil {
		k.opened = map[string]crypto.Signer{}
	}
	k.opened[key.ID] = private
	return private, nil
}

func (k *Keys) list(ctx context.Context) ([]Key, error) {
	now := k.Now()
	k.mu.Lock()
	known, age := k.known, now.Sub(k.read)
	k.mu.Unlock()
	if len(known) > 0 && age >= 0 && age < rereadKeys {
		return known, nil
	}
	known, err := k.Store.OIDCKeys(ctx, now)
	if err == nil && (find(known, RS256, Signing) == nil || find(known, ES256, Signing) == nil) { // the very first use
		if err = k.Tend(ctx); err == nil {
			known, err = k.Store.OIDCKeys(ctx, now)
		}
	}
	if err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.known, k.read = known, now
	for id := range k.opened { // a private key outlives its use nowhere
		if !slices.ContainsFunc(known, func(x Key) bool { return x.ID == id && x.State != Retired }) {
			delete(k.opened, id)
		}
	}
	return known, nil
}

func (k *Keys) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.known = nil
}

// List reads every published key from the database.
func (k *Keys) List(ctx context.Context) ([]Key, error) { return k.Store.OIDCKeys(ctx, k.Now()) }

// Public is the published set: keys that will sign, sign, and have signed what still lives.
func (k *Keys) Public(ctx context.Context) (jose.JSONWebKeySet, error) {
	keys, err := k.list(ctx)
	if err != nil {
		return jose.JSONWebKeySet{}, err
	}
	return publicSet(keys)
}

func publicSet(keys []Key) (jose.JSONWebKeySet, error) {
	set := jose.JSONWebKeySet{Keys: make([]jose.JSONWebKey, 0, len(keys))}
	for _, key := range keys {
		var one jose.JSONWebKey
		if err := json.Unmarshal([]byte(key.Public), &one); err != nil {
			return set, fmt.Errorf("oidc: public key %s: %w", key.ID, err)
		}
		set.Keys = append(set.Keys, one)
	}
	return set, nil
}

// Tend moves the keys on with time; the first use of a key does it too: the first keys sign at once; a successor is announced policy.SystemKeyAnnounce
// before the signing key is policy.SystemKeyLife old, and then takes over. Any process may call it at any time.
func (k *Keys) Tend(ctx context.Context) error {
	now := k.Now()
	keys, err := k.Store.OIDCKeys(ctx, now)
	if err != nil {
		return err
	}
	for _, alg := range Algs() {
		signing, announced := find(keys, alg, Signing), find(keys, alg, Announced)
		due := signing != nil && !now.Before(signing.SigningAt.Add(k.Policy.SystemKeyLife-k.Policy.SystemKeyAnnounce))
		switch {
		case signing == nil && announced == nil:
			err = k.announce(ctx, byItself, alg, now)
			if err == nil {
				err = k.promote(ctx, byItself, alg, now)
			}
		case signing == nil:
			err = k.promote(ctx, byItself, alg, now)
		case announced == nil && due:
			err = k.announce(ctx, byItself, alg, now)
		case announced != nil && !now.Before(announced.AnnouncedAt.Add(k.Policy.SystemKeyAnnounce)):
			err = k.promote(ctx, byItself, alg, now)
		}
		if err != nil && !fault.Is(err, fault.Conflict) { // another process did it
			return err
		}
	}
	return nil
}

var byItself = effect.Act{Actor: effect.System}

func find(keys []Key, alg string, state KeyState) *Key {
	for i := range keys {
		if keys[i].Alg == alg && keys[i].State == state {
			return &keys[i]
		}
	}
	return nil
}

// Rotate announces a new key of the algorithm; Tend lets it sign after policy.SystemKeyAnnounce. With atOnce it signs
// now: for a key that may have leaked, and systems then read the new set when they meet its name.
func (k *Keys) Rotate(ctx context.Context, act effect.Act, alg string, atOnce bool) error {
	now := k.Now()
	if !slices.Contains(Algs(), alg) {
		return fault.New(fault.Invalid, "fault.client.alg", nil)
	}
	keys, err := k.Store.OIDCKeys(ctx, now)
	if err != nil {
		return err
	}
	if find(keys, alg, Announced) == nil {
		if err := k.announce(ctx, act, alg, now); err != nil {
			return err
		}
	}
	if !atOnce {
		return nil
	}
	return k.promote(ctx, act, alg, now)
}

func (k *Keys) announce(ctx context.Context, act effect.Act, alg string, now time.Time) error {
	defer k.forget()
	key, err := k.generate(alg, now)
	if err != nil {
		return err
	}
	return k.Store.CommitOIDCKeys(ctx, act, now, KeyChange{Rules: k.Policy.Version, New: []Key{key}},
		[]effect.Effect{effect.Record{Kind: "system.key_announced", Object: "oidc_key:" + key.ID, Facts: map[string]string{"alg": alg}}})
}

// promote lets the announced key sign. The old one is published until every token it signed has lapsed.
func (k *Keys) promote(ctx context.Context, act effect.Act, alg string, now time.Time) error {
	defer k.forget()
	keys, err := k.Store.OIDCKeys(ctx, now)
	if err != nil {
		return err
	}
	next := find(keys, alg, Announced)
	if next == nil {
		return fault.New(fault.Conflict, "fault.conflict", nil)
	}
	c := KeyChange{Rules: k.Policy.Version, Promote: []string{next.ID}, Served: now.Add(k.Policy.SystemAccess + signedSlack)}
	facts := map[string]string{"alg": alg}
	if old := find(keys, alg, Signing); old != nil {
		c.Retire, facts["retired"] = []string{old.ID}, old.ID
	}
	return k.Store.CommitOIDCKeys(ctx, act, now, c,
		[]effect.Effect{effect.Record{Kind: "system.key_signing", Object: "oidc_key:" + next.ID, Facts: facts}})
}

// signedSlack is added to the life of what a key signs: clocks differ, and security event tokens are delivered late.
const signedSlack = 24 * time.Hour

const rsaBits = 2048

func (k *Keys) generate(alg string, now time.Time) (Key, error) {
	var private crypto.Signer
	var err error
	if alg == ES256 {
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	} else {
		private, err = rsa.GenerateKey(rand.Reader, rsaBits)
	}
	if err != nil {
		return Key{}, fmt.Errorf("oidc: new key: %w", err)
	}
	public := jose.JSONWebKey{Key: private.Public(), Algorithm: alg, Use: "sig"}
	sum, err := public.Thumbprint(crypto.SHA256)
	if err != nil {
		return Key{}, fmt.Errorf("oidc: new key: %w", err)
	}
	public.KeyID = base64.RawURLEncoding.EncodeToString(sum)
	text, err := json.Marshal(public)
	if err != nil {
		return Key{}, fmt.Errorf("oidc: new key: %w", err)
	}
	plain, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return Key{}, fmt.Errorf("oidc: new key: %w", err)
	}
	return Key{
		ID: public.KeyID, Alg: alg, State: Announced, Public: string(text), AnnouncedAt: now,
		Sealed: k.Secret.Seal(sealedKey, []byte(public.KeyID), plain),
	}, nil
}

// strongKey reports whether a public key is of a kind and strength we accept.
func strongKey(key any) bool {
	switch key := key.(type) {
	case *rsa.PublicKey:
		return key.Size() >= minRSABytes
	case *ecdsa.PublicKey:
		return key.Curve == elliptic.P256()
	}
	return false
}
