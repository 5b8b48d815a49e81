package oidc

import (
	"encoding/json"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"

	"doverie/internal/fault"
)

// ClientKind says what a system does with us.
type ClientKind string

// The kinds. Every system is confidential: it keeps a secret or a private key.
const (
	Web      ClientKind = "web"      // signs people in
	Resource ClientKind = "resource" // serves data and asks what an access token is good for; signs nobody in
)

// ClientState says whether a system is served at all.
type ClientState string

// The states of a client.
const (
	Active   ClientState = "active"
	Disabled ClientState = "disabled"
)

// AuthMethod is how a system proves itself (OpenID Connect Core §9).
type AuthMethod string

// The methods.
const (
	SecretBasic   AuthMethod = "client_secret_basic"
	PrivateKeyJWT AuthMethod = "private_key_jwt"
)

// SubjectType is how a person is named to a system (OpenID Connect Core §8).
type SubjectType string

// The types. Pairwise is the default: two systems cannot compare whom they know (T48).
const (
	Pairwise SubjectType = "pairwise"
	Public   SubjectType = "public"
)

// Client is one registered system.
type Client struct {
	ID                string
	Name              string // shown to people
	Kind              ClientKind
	State             ClientState
	Auth              AuthMethod
	SecretHash        []byte // of SecretBasic
	JWKS              string // public keys of PrivateKeyJWT, a JSON Web Key Set
	Redirects         []string
	PostLogout        []string
	BackchannelLogout string // where logout tokens go; empty: nowhere
	Subjects          SubjectType
	Sector            string // host whose systems share pairwise subjects
	Scopes            []string
	IDTokenAlg        string
	DPoPRequired      bool // every token is bound to a key of the system
	RequirePAR        bool // requests come over the back channel only
	CreatedAt         time.Time
	ChangedAt         time.Time
	Version           int64
}

// Bounds of a registration.
const (
	maxName     = 80
	maxURIs     = 20
	maxURI      = 500
	maxJWKS     = 16 << 10
	minRSABytes = 256 // 2048 bits
)

// Check returns every reason why the client cannot be registered, each naming its field.
func (c Client) Check() error {
	var wrong []fault.Field
	bad := func(field, key string) { wrong = append(wrong, fault.Field{Name: field, Key: key}) }
	if n := len([]rune(c.Name)); n == 0 || n > maxName || strings.TrimSpace(c.Name) != c.Name || strings.ContainsAny(c.Name, "<>\r\n\t\x00") {
		bad("name", "fault.client.name")
	}
	switch c.Kind {
	case Web:
		if len(c.Redirects) == 0 {
			bad("redirect", "fault.client.redirect_missing")
		}
	case Resource:
		if len(c.Redirects)+len(c.PostLogout) > 0 {
			bad("redirect", "fault.client.resource")
		}
	default:
		bad("kind", "fault.client.kind")
	}
	if len(c.Redirects) > maxURIs || slices.ContainsFunc(c.Redirects, func(u string) bool { return !goodURI(u) }) {
		bad("redirect", "fault.client.uri")
	}
	if len(c.PostLogout) > maxURIs || slices.ContainsFunc(c.PostLogout, func(u string) bool { return !goodURI(u) }) {
		bad("post-logout", "fault.client.uri")
	}
	if c.BackchannelLogout != "" && !goodURI(c.BackchannelLogout) {
		bad("backchannel-logout", "fault.client.uri")
	}
	if c.Subjects != Pairwise && c.Subjects != Public {
		bad("subject", "fault.client.subject")
	}
	if c.Kind == Web && !c.goodSector() {
		bad("sector", "fault.client.sector")
	}
	if c.IDTokenAlg != RS256 && c.IDTokenAlg != ES256 {
		bad("alg", "fault.client.alg")
	}
	if c.Kind == Web && !slices.Contains(c.Scopes, ScopeOpenID) || slices.ContainsFunc(c.Scopes, func(s string) bool { return !Known(s) }) {
		bad("scope", "fault.client.scope")
	}
	switch {
	case c.Auth == PrivateKeyJWT:
		if _, err := parseClientKeys(c.JWKS); err != nil {
			bad("jwks", "fault.client.jwks")
		}
	case c.Auth != SecretBasic:
		bad("auth", "fault.client.auth")
	}
	if len(wrong) > 0 {
		return fault.BadFields(wrong...)
	}
	return nil
}

// goodSector: several hosts behind one client must say which name they share, and it must be one of theirs
// (OpenID Connect Core §8.1 asks for a sector identifier then).
func (c Client) goodSector() bool {
	if c.Sector == "" {
		return false
	}
	return slices.ContainsFunc(c.Redirects, func(u string) bool { return hostOf(u) == c.Sector })
}

func hostOf(uri string) string {
	u, err := url.Parse(uri)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Hostname())
}

// goodURI: absolute, https (http only to the own machine), no fragment, no user, no wildcard, nothing to decode twice.
func goodURI(text string) bool {
	if len(text) > maxURI || strings.ContainsAny(text, " *\\\"'<>`;\r\n\t\x00") {
		return false
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || strings.Contains(text, "#") || u.Opaque != "" {
		return false
	}
	switch u.Scheme {
	case "https":
		return true
	case "http":
		ip := net.ParseIP(u.Hostname())
		return u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	}
	return false
}

// parseClientKeys reads the public keys of a system: RSA of 2048 bits or more, or P-256.
func parseClientKeys(text string) (jose.JSONWebKeySet, error) {
	var set jose.JSONWebKeySet
	if len(text) > maxJWKS {
		return set, errKeys
	}
	if err := json.Unmarshal([]byte(text), &set); err != nil {
		return set, errKeys
	}
	if len(set.Keys) == 0 || len(set.Keys) > maxURIs {
		return set, errKeys
	}
	for _, k := range set.Keys {
		if !k.Valid() || !k.IsPublic() || !strongKey(k.Key) || k.Use != "" && k.Use != "sig" {
			return set, errKeys
		}
	}
	return set, nil
}
