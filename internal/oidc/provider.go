package oidc

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"net/url"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/policy"
	"doverie/internal/secret"
)

// Provider holds the acts of this package, one method an act of a person or of a system.
type Provider struct {
	Issuer   string // the address of the service, without a slash at its end
	Store    Store
	Keys     *Keys
	Secret   *secret.Keyring
	Subjects Subjects
	Limits   Limits
	Policy   policy.Policy
	Now      func() time.Time
}

// Limits is the durable rate limit; see package account.
type Limits interface {
	Take(ctx context.Context, key string, limit int, per time.Duration, now time.Time) (wait time.Duration, err error)
}

func (p *Provider) commit(ctx context.Context, act effect.Act, now time.Time, c Change, effects ...effect.Effect) error {
	c.Rules = p.Policy.Version
	return p.Store.CommitOIDC(ctx, act, now, c, effects)
}

func newID() string {
	id, err := uuid.NewV7()
	if err != nil {
		panic("oidc: the system gives no random numbers: " + err.Error()) // crypto/rand never fails
	}
	return id.String()
}

func record(kind, object, system string, subjects ...string) effect.Record {
	return effect.Record{Kind: "system." + kind, Object: object, Subjects: subjects, Facts: map[string]string{"system": system}}
}

// client reads an active client.
func (p *Provider) client(ctx context.Context, id string) (Client, *Error) {
	unknown := refuse(InvalidClient, "there is no such client")
	if id == "" || len(id) > maxID {
		return Client{}, unknown
	}
	c, err := p.Store.OIDCClient(ctx, id)
	switch {
	case fault.Is(err, fault.NotFound):
		return Client{}, unknown
	case err != nil:
		return Client{}, serverError(err)
	case c.State != Active:
		return Client{}, unknown
	}
	return c, nil
}

// serverError is our own failure in the protocol's words.
func serverError(err error) *Error {
	code, text := "server_error", "the server failed; nothing was done"
	if fault.Is(err, fault.Busy) {
		code, text = "temporarily_unavailable", "try again in a minute"
	}
	return &Error{Code: code, Text: text, cause: err}
}

// Credentials are how a system proves itself, as they came.
type Credentials struct {
	Basic         bool // an Authorization header of the kind Basic came
	ID, Password  string
	AssertionType string
	Assertion     string
	FormID        string // client_id of the form
	FormSecret    string // client_secret of the form: never taken
}

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// Authenticate finds the system and checks its proof. Every refusal is invalid_client.
func (p *Provider) Authenticate(ctx context.Context, cr Credentials) (Client, *Error) {
	now := p.Now()
	switch {
	case cr.FormSecret != "":
		return Client{}, refuse(InvalidClient, "client_secret in the form is not served: use the Authorization header")
	case cr.Basic && (cr.Assertion != "" || cr.AssertionType != ""):
		return Client{}, refuse(InvalidRequest, "more than one way of client authentication")
	case cr.Assertion != "" || cr.AssertionType != "":
		return p.byAssertion(ctx, cr, now)
	case !cr.Basic:
		return Client{}, refuse(InvalidClient, "client authentication is missing")
	}
	c, wrong := p.client(ctx, cr.ID)
	if wrong != nil && wrong.Code != InvalidClient {
		return c, wrong
	}
	same := subtle.ConstantTimeCompare(c.SecretHash, secret.HashToken(cr.Password)) == 1
	if wrong != nil || c.Auth != SecretBasic || !same || cr.FormID != "" && cr.FormID != c.ID {
		return Client{}, refuse(InvalidClient, "the client is unknown or its secret is wrong")
	}
	return c, nil
}

func (p *Provider) byAssertion(ctx context.Context, cr Credentials, now time.Time) (Client, *Error) {
	id, ok := assertionClient(cr.Assertion)
	if cr.AssertionType != assertionType || !ok || cr.FormID != "" && cr.FormID != id {
		return Client{}, refuse(InvalidClient, "client_assertion is not understood")
	}
	c, wrong := p.client(ctx, id)
	switch {
	case wrong != nil:
		return Client{}, wrong
	case c.Auth != PrivateKeyJWT:
		return Client{}, refuse(InvalidClient, "the client does not authenticate in this way")
	}
	jti, until, wrong := checkAssertion(cr.Assertion, c, p.Issuer, now, p.Policy.SystemProof)
	if wrong != nil {
		return Client{}, wrong
	}
	fresh, err := p.Store.OIDCSeen(ctx, "assertion", p.Secret.Lasting("oidc assertion", c.ID+"\x00"+jti), until)
	switch {
	case err != nil:
		return Client{}, serverError(err)
	case !fresh:
		return Client{}, refuse(InvalidClient, "client_assertion: its jti was used before")
	}
	return c, nil
}

const nonceName = "oidc dpop nonce"

// Nonce is a fresh DPoP nonce: it says when it ends, signed, so that no server has to keep it (RFC 9449 §8).
func (p *Provider) Nonce() string {
	return p.Secret.Sign(nonceName, nil, p.Now().Add(p.Policy.SystemProof))
}

// CheckProof checks a DPoP proof of a request, with a nonce of ours, and lets it work once. No proof is an empty
// thumbprint. access is the access token that came with it, or empty.
func (p *Provider) CheckProof(ctx context.Context, proof Proof, access string) (jkt string, wrong *Error) {
	if len(proof.Headers) == 0 {
		return "", nil
	}
	now := p.Now()
	jkt, nonce, jti, wrong := parseProof(proof, access, now, p.Policy.SystemProof)
	if wrong != nil {
		return "", wrong
	}
	if _, err := p.Secret.Verify(nonceName, nonce, now); err != nil {
		return "", &Error{Code: UseNonce, Text: "the proof needs a nonce of ours", Nonce: p.Nonce()}
	}
	fresh, err := p.Store.OIDCSeen(ctx, "dpop", p.Secret.Lasting("oidc dpop", jkt+"\x00"+jti), now.Add(p.Policy.SystemProof+skew))
	switch {
	case err != nil:
		return "", serverError(err)
	case !fresh:
		return "", refuse(InvalidDPoP, "DPoP: its jti was used before")
	}
	return jkt, nil
}

// hinted reads an id token of ours that a client gives back: its audience must be the client (or any, when c is
// empty); that it has expired does not matter.
func (p *Provider) hinted(ctx context.Context, token string, c Client) (claims hintClaims, ok bool) {
	jws, ok := parseJWT(token, []jose.SignatureAlgorithm{jose.RS256, jose.ES256})
	if !ok {
		return claims, false
	}
	set, err := p.Keys.Public(ctx)
	if err != nil {
		return claims, false
	}
	head := jws.Signatures[0].Protected
	if typ, _ := head.ExtraHeaders[jose.HeaderType].(string); typ != typeID || head.KeyID == "" {
		return claims, false
	}
	payload := verifyWith(jws, set, head.KeyID)
	if payload == nil || json.Unmarshal(payload, &claims) != nil {
		return hintClaims{}, false
	}
	return claims, claims.Issuer == p.Issuer && claims.Audience != "" && (c.ID == "" || claims.Audience == c.ID)
}

type hintClaims struct {
	Issuer   string `json:"iss"`
	Audience string `json:"aud"`
	Subject  string `json:"sub"`
}

// answer makes the answer to a request: our name is always in it (RFC 9207, T43).
func (p *Provider) answer(r Request, params url.Values) Answer {
	params.Set("iss", p.Issuer)
	if r.State != "" {
		params.Set("state", r.State)
	}
	return Answer{Redirect: r.Redirect, Mode: r.Mode, Params: params}
}

func (p *Provider) refusal(r Request, e *Error) Answer {
	return p.answer(r, url.Values{"error": {e.Code}, "error_description": {e.Text}})
}
