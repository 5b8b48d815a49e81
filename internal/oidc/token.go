package oidc

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"doverie/internal/account"
	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/secret"
)

// The "typ" of an id token's header.
const typeID = "JWT"

// Bounds of a PKCE verifier (RFC 7636 §4.1).
const (
	minVerifier = 43
	maxVerifier = 128
)

// CodeInput is a code with what proves that it came to the right system.
type CodeInput struct {
	Code, Redirect, Verifier string
	JKT                      string // of the DPoP proof that came along, or empty
}

// Tokens is the answer of the token endpoint (RFC 6749 §5.1).
type Tokens struct {
	Access  string `json:"access_token"`
	Type    string `json:"token_type"`
	Expires int    `json:"expires_in"` // seconds
	Refresh string `json:"refresh_token"`
	Scope   string `json:"scope"`
	ID      string `json:"id_token"`
}

// bySystem is how the event log names an act of another system.
func bySystem(c Client) effect.Act { return effect.Act{Actor: effect.System, Device: c.Name} }

// Exchange gives tokens for a code, once. A code that comes a second time ends what came of the first (RFC 6749
// §4.1.2, T44). Every refusal is invalid_grant and says the same of an unknown, a late and another's code.
func (p *Provider) Exchange(ctx context.Context, c Client, in CodeInput) (Tokens, *Error) {
	now := p.Now()
	unknown := refuse(InvalidGrant, "the code is unknown, over or used")
	switch {
	case in.Code == "" || len(in.Code) > maxID:
		return Tokens{}, unknown
	case len(in.Verifier) < minVerifier || len(in.Verifier) > maxVerifier:
		return Tokens{}, refuse(InvalidGrant, "code_verifier is missing or of a wrong length")
	case c.DPoPRequired && in.JKT == "":
		return Tokens{}, refuse(InvalidDPoP, "this client proves a key with every request (DPoP)")
	}
	f, err := p.Store.OIDCCode(ctx, secret.HashToken(in.Code))
	switch {
	case fault.Is(err, fault.NotFound):
		return Tokens{}, unknown
	case err != nil:
		return Tokens{}, serverError(err)
	case f.Client != c.ID:
		return Tokens{}, unknown
	case !f.UsedAt.IsZero():
		return Tokens{}, p.reused(ctx, c, f, "code_reused", unknown)
	case !now.Before(f.CodeUntil) || !f.EndedAt.IsZero():
		return Tokens{}, unknown
	case f.Redirect != in.Redirect:
		return Tokens{}, refuse(InvalidGrant, "redirect_uri is not that of the request")
	case subtle.ConstantTimeCompare([]byte(f.Challenge), []byte(hashText(in.Verifier))) != 1:
		return Tokens{}, refuse(InvalidGrant, "code_verifier is not that of the request")
	case f.JKT != "" && f.JKT != in.JKT:
		return Tokens{}, refuse(InvalidDPoP, "the code is bound to another key")
	}
	tokens, wrong := p.mint(ctx, c, f, f.Scopes, in.JKT, now, func(fresh []Token) Change {
		return Change{UseCode: &f, NewTokens: fresh}
	})
	if wrong != nil && fault.Is(wrong.cause, fault.Conflict) {
		// Two came at once, and the other was first: that is a second use like any other.
		if again, err := p.Store.OIDCCode(ctx, f.CodeHash); err == nil && !again.UsedAt.IsZero() {
			return Tokens{}, p.reused(ctx, c, again, "code_reused", unknown)
		}
		return Tokens{}, unknown
	}
	return tokens, wrong
}

// reused ends a family whose code or refresh token came twice. That it has ended already is no error.
func (p *Provider) reused(ctx context.Context, c Client, f Family, kind string, say *Error) *Error {
	if !f.EndedAt.IsZero() {
		return say
	}
	err := p.commit(ctx, bySystem(c), p.Now(), Change{EndFamily: f.ID, Why: kind}, record(kind, "oidc_client:"+c.ID, c.Name, f.Account))
	if err != nil && !fault.Is(err, fault.Conflict) {
		return serverError(err)
	}
	return say
}

// RefreshInput is a refresh token with what came along.
type RefreshInput struct {
	Token string
	Scope string // fewer scopes than before, or empty
	JKT   string
}

// RefreshTokens gives new tokens for a refresh token, once. One that comes a second time was stolen from one of the
// two who used it: the whole family ends (RFC 9700 §4.14.2). Of two at once one wins.
func (p *Provider) RefreshTokens(ctx context.Context, c Client, in RefreshInput) (Tokens, *Error) {
	now := p.Now()
	unknown := refuse(InvalidGrant, "the refresh token is unknown, over or used")
	if in.Token == "" || len(in.Token) > maxID {
		return Tokens{}, unknown
	}
	live, err := p.Store.OIDCToken(ctx, Refresh, secret.HashToken(in.Token), now)
	switch {
	case fault.Is(err, fault.NotFound):
		return Tokens{}, unknown
	case err != nil:
		return Tokens{}, serverError(err)
	case live.Family.Client != c.ID:
		return Tokens{}, unknown
	case !live.Token.UsedAt.IsZero():
		return Tokens{}, p.reused(ctx, c, live.Family, "token_reused", unknown)
	case !live.Works:
		return Tokens{}, unknown
	case live.Token.JKT != "" && in.JKT == "", c.DPoPRequired && in.JKT == "":
		return Tokens{}, refuse(InvalidDPoP, "this family of tokens is bound to a key: a DPoP proof is needed")
	}
	scopes := live.Token.Scopes
	if in.Scope != "" {
		scopes = nil
		for s := range strings.FieldsSeq(in.Scope) {
			if !slices.Contains(live.Token.Scopes, s) {
				return Tokens{}, refuse(InvalidScope, "a refresh cannot widen the scope")
			}
			scopes = append(scopes, s)
		}
		if !slices.Contains(scopes, ScopeOpenID) {
			return Tokens{}, refuse(InvalidScope, "the scope openid is missing")
		}
	}
	tokens, wrong := p.mint(ctx, c, live.Family, scopes, in.JKT, now, func(fresh []Token) Change {
		return Change{UseRefresh: &live.Token, NewTokens: fresh}
	})
	if wrong != nil && fault.Is(wrong.cause, fault.Conflict) {
		again, err := p.Store.OIDCToken(ctx, Refresh, live.Token.Hash, now)
		if err == nil && !again.Token.UsedAt.IsZero() {
			return Tokens{}, p.reused(ctx, c, again.Family, "token_reused", unknown)
		}
		return Tokens{}, unknown
	}
	return tokens, wrong
}

// mint makes the tokens of a family and commits what they are made of. No event goes with it: the person's sign-in at
// the system has one, and a renewal changes nothing of his.
func (p *Provider) mint(ctx context.Context, c Client, f Family, scopes []string, jkt string, now time.Time, change func([]Token) Change) (Tokens, *Error) {
	a, err := p.Store.Account(ctx, f.Account)
	if err != nil {
		return Tokens{}, serverError(err)
	}
	if a.State != account.Open {
		return Tokens{}, refuse(InvalidGrant, "the grant has ended")
	}
	access, refresh := secret.Token()+secret.Token(), secret.Token()+secret.Token()
	until := now.Add(p.Policy.SystemAccess)
	if f.ExpiresAt.Before(until) {
		until = f.ExpiresAt
	}
	fresh := []Token{
		{Hash: secret.HashToken(access), Kind: Access, Family: f.ID, Scopes: scopes, JKT: jkt, IssuedAt: now, ExpiresAt: until},
		{Hash: secret.HashToken(refresh), Kind: Refresh, Family: f.ID, Scopes: scopes, JKT: jkt, IssuedAt: now, ExpiresAt: f.ExpiresAt},
	}
	id, err := p.idToken(ctx, c, f, scopes, a, access, now)
	if err != nil {
		return Tokens{}, serverError(err)
	}
	if err := p.commit(ctx, bySystem(c), now, change(fresh)); err != nil {
		return Tokens{}, serverError(err)
	}
	kind := "Bearer"
	if jkt != "" {
		kind = "DPoP"
	}
	return Tokens{
		Access: access, Type: kind, Expires: int(until.Sub(now) / time.Second), Refresh: refresh, ID: id,
		Scope: strings.Join(open(scopes, a, now), " "),
	}, nil
}

// idToken says who signed in, when and how (OpenID Connect Core §2). Claims go into it only when asked for there.
func (p *Provider) idToken(ctx context.Context, c Client, f Family, scopes []string, a account.Account, access string, now time.Time) (string, error) {
	sum := sha256.Sum256([]byte(access))
	claims := map[string]any{
		"iss": p.Issuer, "sub": p.Subjects.Subject(c, a.ID), "aud": c.ID, "iat": now.Unix(), "exp": now.Add(p.Policy.SystemAccess).Unix(),
		"auth_time": f.AuthTime.Unix(), "acr": f.ACR, "amr": f.AMR, "sid": f.Visit,
		"at_hash": base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2]),
	}
	if f.Nonce != "" {
		claims["nonce"] = f.Nonce
	}
	var wishes Wishes
	if err := json.Unmarshal([]byte(f.Claims), &wishes); err != nil {
		return "", err
	}
	names := namesOf(nil, keysOf(wishes.IDToken), a, now)
	if slices.Contains(scopes, ScopeRecovery) { // a system that asks for it learns it at every sign-in
		names = append(names, "recovered_at")
	}
	fill(claims, names, a)
	return p.Keys.Sign(ctx, c.IDTokenAlg, typeID, claims)
}

func keysOf(m map[string]Wish) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
