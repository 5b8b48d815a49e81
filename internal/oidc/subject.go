package oidc

import (
	"encoding/base64"

	"doverie/internal/secret"
)

// Subjects names people to systems. The name is derived from a secret that outlives the master key, so it stays the same for ever, tells
// nothing of the account, and two systems of different sectors cannot compare theirs (OpenID Connect Core §8.1, T48).
type Subjects struct{ Keys *secret.Keyring }

// Subject is the account's "sub" for the client, 43 characters.
func (s Subjects) Subject(c Client, account string) string {
	domain, value := "oidc subject public", account
	if c.Subjects == Pairwise {
		domain, value = "oidc subject pairwise", c.Sector+"\x00"+account
	}
	return base64.RawURLEncoding.EncodeToString(s.Keys.Lasting(domain, value))
}
