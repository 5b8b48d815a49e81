package oidc

import (
	"context"
	"slices"
	"strings"
	"time"
)

// The scopes of a token that a system gets for itself (RFC 6749 §4.4): they open its own stream of signals and nothing
// about a person. Their names are those of the CAEP interoperability profile.
const (
	ScopeSignalsRead   = "ssf.read"
	ScopeSignalsManage = "ssf.manage"
)

// MachineScopes lists them.
func MachineScopes() []string { return []string{ScopeSignalsRead, ScopeSignalsManage} }

// MachineTokens is the answer to a system that asks for itself.
type MachineTokens struct {
	Access    string `json:"access_token"`
	Type      string `json:"token_type"`
	ExpiresIn int    `json:"expires_in"` // seconds
	Scope     string `json:"scope"`
}

const (
	machineName = "oidc machine token"
	machineLife = 10 * time.Minute
)

// ForItself gives an authenticated system a token for itself. The token is not stored: it is signed, short-lived, and
// worth no more than the system's own proof; jkt binds it to a key of the system. Codes: invalid_scope, invalid_request.
func (p *Provider) ForItself(c Client, scope, jkt string) (MachineTokens, *Error) {
	if c.DPoPRequired && jkt == "" {
		return MachineTokens{}, refuse(InvalidDPoP, "this client's tokens are bound to a key: a DPoP proof is missing")
	}
	scopes := strings.Fields(scope)
	if len(scopes) == 0 {
		scopes = MachineScopes()
	}
	for _, s := range scopes {
		if !slices.Contains(MachineScopes(), s) {
			return MachineTokens{}, refuse(InvalidScope, "a system gets for itself "+strings.Join(MachineScopes(), " and "))
		}
	}
	slices.Sort(scopes)
	scope = strings.Join(slices.Compact(scopes), " ")
	payload := c.ID + "\n" + jkt + "\n" + scope
	out := MachineTokens{
		Access: p.Secret.Sign(machineName, []byte(payload), p.Now().Add(machineLife)), Type: "Bearer",
		ExpiresIn: int(machineLife / time.Second), Scope: scope,
	}
	if jkt != "" {
		out.Type = "DPoP"
	}
	return out, nil
}

// Machine reads a token of ForItself: the system, if it is still served, and the scopes. scheme is the Authorization
// header's first word. Codes: invalid_token, invalid_dpop_proof, use_dpop_nonce.
func (p *Provider) Machine(ctx context.Context, scheme, token string, proof Proof) (Client, []string, *Error) {
	bad := refuse(InvalidToken, "the token is not valid, or has expired")
	payload, err := p.Secret.Verify(machineName, token, p.Now())
	if err != nil {
		return Client{}, nil, bad
	}
	parts := strings.Split(string(payload), "\n")
	if len(parts) != 3 {
		return Client{}, nil, bad
	}
	jkt, wrong := p.CheckProof(ctx, proof, token)
	switch {
	case wrong != nil:
		return Client{}, nil, wrong
	case jkt != parts[1], strings.EqualFold(scheme, "DPoP") != (parts[1] != ""):
		return Client{}, nil, refuse(InvalidDPoP, "the token is bound to another key, or to none")
	}
	c, wrong := p.client(ctx, parts[0])
	if wrong != nil && wrong.Code == InvalidClient {
		return Client{}, nil, bad
	}
	return c, strings.Fields(parts[2]), wrong
}
