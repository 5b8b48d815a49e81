package oidc

import (
	"crypto"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// maxJWT bounds every token that is parsed, in characters: nothing is done for a longer one (CVE-2025-27144).
const maxJWT = 8 << 10

// maxID bounds a "jti".
const maxID = 256

// skew is how far ahead of us a system's clock may be.
const skew = 30 * time.Second

// assertionAlgs are what systems may sign client assertions with; proofAlgs, DPoP proofs. No symmetric one, no "none".
func assertionAlgs() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.RS256, jose.PS256, jose.ES256}
}

func proofAlgs() []jose.SignatureAlgorithm {
	return []jose.SignatureAlgorithm{jose.ES256, jose.PS256, jose.RS256}
}

// AssertionAlgs and ProofAlgs name the algorithms for the metadata.
func AssertionAlgs() []string { return algNames(assertionAlgs()) }

// ProofAlgs names the algorithms of DPoP proofs.
func ProofAlgs() []string { return algNames(proofAlgs()) }

func algNames(algs []jose.SignatureAlgorithm) []string {
	out := make([]string, 0, len(algs))
	for _, a := range algs {
		out = append(out, string(a))
	}
	return out
}

// seconds is a NumericDate; a fraction is cut off.
type seconds int64

// UnmarshalJSON reads a number of seconds within the years we live in.
func (s *seconds) UnmarshalJSON(b []byte) error {
	var f float64
	if err := json.Unmarshal(b, &f); err != nil {
		return err
	}
	const farAway = 1 << 40
	if f < 0 || f > farAway {
		return errKeys
	}
	*s = seconds(f)
	return nil
}

func (s seconds) time() time.Time { return time.Unix(int64(s), 0) }

// assertionClaims are those of a client assertion (RFC 7523 §3).
type assertionClaims struct {
	Issuer   string          `json:"iss"`
	Subject  string          `json:"sub"`
	Audience json.RawMessage `json:"aud"`
	ID       string          `json:"jti"`
	Expires  *seconds        `json:"exp"`
	Issued   *seconds        `json:"iat"`
	Before   *seconds        `json:"nbf"`
}

// assertionClient reads whom an assertion claims to come from, and proves nothing.
func assertionClient(token string) (string, bool) {
	jws, ok := parseJWT(token, assertionAlgs())
	if !ok {
		return "", false
	}
	var c assertionClaims
	if json.Unmarshal(jws.UnsafePayloadWithoutVerification(), &c) != nil || c.Issuer == "" || c.Issuer != c.Subject || len(c.Subject) > maxID {
		return "", false
	}
	return c.Subject, true
}

func parseJWT(token string, algs []jose.SignatureAlgorithm) (*jose.JSONWebSignature, bool) {
	if len(token) > maxJWT || strings.Count(token, ".") != 2 {
		return nil, false
	}
	jws, err := jose.ParseSignedCompact(token, algs)
	return jws, err == nil && len(jws.Signatures) == 1
}

// checkAssertion verifies a client assertion with the client's registered keys. The audience is our issuer and
// nothing else, as one text: an assertion made for another server is not ours (RFC 7523bis). It returns the jti and
// until when it would be taken.
func checkAssertion(token string, c Client, issuer string, now time.Time, oldest time.Duration) (jti string, until time.Time, wrong *Error) {
	bad := func(text string) (string, time.Time, *Error) {
		return "", time.Time{}, refuse(InvalidClient, "client_assertion: "+text)
	}
	jws, ok := parseJWT(token, assertionAlgs())
	if !ok {
		return bad("not a signed JWT with one of the served algorithms")
	}
	keys, err := parseClientKeys(c.JWKS)
	if err != nil {
		return bad("the client has no keys")
	}
	head := jws.Signatures[0].Protected
	if typ, _ := head.ExtraHeaders[jose.HeaderType].(string); typ != "" && typ != "JWT" && typ != "client-authentication+jwt" {
		return bad("its typ is that of another kind of token")
	}
	payload := verifyWith(jws, keys, head.KeyID)
	if payload == nil {
		return bad("no registered key made this signature")
	}
	var a assertionClaims
	var audience string
	if json.Unmarshal(payload, &a) != nil || json.Unmarshal(a.Audience, &audience) != nil {
		return bad("its claims are not understood; aud is one text")
	}
	switch {
	case a.Issuer != c.ID || a.Subject != c.ID:
		return bad("iss and sub must be the client_id")
	case audience != issuer:
		return bad("aud must be the issuer identifier")
	case a.ID == "" || len(a.ID) > maxID:
		return bad("jti is missing or too long")
	case a.Expires == nil || !now.Before(a.Expires.time()):
		return bad("it has expired, or says no exp")
	case a.Issued != nil && a.Issued.time().After(now.Add(skew)), a.Before != nil && a.Before.time().After(now.Add(skew)):
		return bad("it is of the future")
	case a.Expires.time().After(now.Add(longestAssertion)):
		return bad("it lives too long")
	case a.Issued != nil && a.Issued.time().Before(now.Add(-longestAssertion-oldest)):
		return bad("it is too old")
	}
	return a.ID, a.Expires.time(), nil
}

// longestAssertion bounds exp of a client assertion, and so how long its jti is kept.
const longestAssertion = 10 * time.Minute

// verifyWith tries the keys with that kid, or all of them when none is named.
func verifyWith(jws *jose.JSONWebSignature, set jose.JSONWebKeySet, kid string) []byte {
	for _, k := range set.Keys {
		if kid != "" && k.KeyID != "" && k.KeyID != kid {
			continue
		}
		if k.Algorithm != "" && k.Algorithm != jws.Signatures[0].Protected.Algorithm {
			continue
		}
		if payload, err := jws.Verify(k.Key); err == nil {
			return payload
		}
	}
	return nil
}

// proofClaims are those of a DPoP proof (RFC 9449 §4.2).
type proofClaims struct {
	ID     string   `json:"jti"`
	Method string   `json:"htm"`
	URL    string   `json:"htu"`
	Issued *seconds `json:"iat"`
	Nonce  string   `json:"nonce"`
	Hash   string   `json:"ath"`
}

// Proof is a DPoP proof as it came with a request: what was sent, and what was asked for.
type Proof struct {
	Headers []string // every DPoP header of the request
	Method  string
	URL     string // the address of the endpoint, without query
}

// parseProof checks a proof as far as it proves itself. access is the access token it comes with, or empty.
// It returns the thumbprint of its key, its nonce and its jti.
func parseProof(p Proof, access string, now time.Time, oldest time.Duration) (jkt, nonce, jti string, wrong *Error) {
	bad := func(text string) (string, string, string, *Error) {
		return "", "", "", refuse(InvalidDPoP, "DPoP: "+text)
	}
	if len(p.Headers) != 1 {
		return bad("exactly one proof is needed")
	}
	jws, ok := parseJWT(p.Headers[0], proofAlgs())
	if !ok {
		return bad("not a signed JWT with one of the served algorithms")
	}
	head := jws.Signatures[0].Protected
	if typ, _ := head.ExtraHeaders[jose.HeaderType].(string); typ != "dpop+jwt" {
		return bad("typ must be dpop+jwt")
	}
	key := head.JSONWebKey
	if key == nil || !key.Valid() || !key.IsPublic() || !strongKey(key.Key) {
		return bad("jwk must be a public key, RSA of 2048 bits or P-256")
	}
	payload, err := jws.Verify(key.Key)
	if err != nil {
		return bad("the signature is not of its jwk")
	}
	var c proofClaims
	if json.Unmarshal(payload, &c) != nil {
		return bad("its claims are not understood")
	}
	switch {
	case c.ID == "" || len(c.ID) > maxID:
		return bad("jti is missing or too long")
	case c.Method != p.Method:
		return bad("htm is of another method")
	case !sameURL(c.URL, p.URL):
		return bad("htu is of another address")
	case c.Issued == nil || c.Issued.time().Before(now.Add(-oldest)) || c.Issued.time().After(now.Add(skew)):
		return bad("iat is missing, too old or of the future")
	case access != "" && c.Hash != hashText(access):
		return bad("ath is not of this access token")
	}
	sum, err := key.Thumbprint(crypto.SHA256)
	if err != nil {
		return bad("jwk has no thumbprint")
	}
	return base64.RawURLEncoding.EncodeToString(sum), c.Nonce, c.ID, nil
}

// sameURL compares htu with ours: without query and fragment, scheme and host without case (RFC 9449 §4.3).
func sameURL(htu, ours string) bool {
	if len(htu) > maxURI {
		return false
	}
	a, err := url.Parse(htu)
	if err != nil || a.User != nil || a.Opaque != "" {
		return false
	}
	b, err := url.Parse(ours)
	return err == nil && strings.EqualFold(a.Scheme, b.Scheme) && strings.EqualFold(a.Host, b.Host) && a.EscapedPath() == b.EscapedPath()
}

// hashText is the base64url SHA-256 of a text: PKCE's S256, and "ath".
func hashText(s string) string {
	sum := sha256.Sum256([]byte(s))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
