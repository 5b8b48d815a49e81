package oidc

import (
	"context"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/secret"
)

// Add registers a client and gives its secret, which is shown this once (empty for PrivateKeyJWT). ID, state, dates
// and hash are set here; an empty Sector becomes the host of the only redirect address.
// Faults: Invalid naming each wrong field.
func (p *Provider) Add(ctx context.Context, act effect.Act, c Client) (Client, string, error) {
	now := p.Now()
	c.ID, c.State, c.CreatedAt, c.ChangedAt, c.Version = newID(), Active, now, now, 1
	c.SecretHash = nil
	if c.Sector == "" {
		c.Sector = commonHost(c.Redirects)
	}
	if err := c.Check(); err != nil {
		return c, "", err
	}
	shown := ""
	if c.Auth == SecretBasic {
		shown = secret.Token() + secret.Token()
		c.SecretHash = secret.HashToken(shown)
	}
	return c, shown, p.commit(ctx, act, now, Change{NewClient: &c}, record("client_added", "oidc_client:"+c.ID, c.Name))
}

// commonHost is the host of all addresses, or empty when they differ.
func commonHost(uris []string) string {
	host := ""
	for _, u := range uris {
		h := hostOf(u)
		if host != "" && h != host {
			return ""
		}
		host = h
	}
	return host
}

// Clients lists every client, by name.
func (p *Provider) Clients(ctx context.Context) ([]Client, error) { return p.Store.OIDCClients(ctx) }

// Client reads one; fault NotFound.
func (p *Provider) Client(ctx context.Context, id string) (Client, error) {
	return p.Store.OIDCClient(ctx, id)
}

// RotateSecret gives a client a new secret; the old one stops at once. Faults: NotFound; Refused for a client that has none.
func (p *Provider) RotateSecret(ctx context.Context, act effect.Act, id string) (string, error) {
	before, err := p.Store.OIDCClient(ctx, id)
	if err != nil {
		return "", err
	}
	if before.Auth != SecretBasic {
		return "", fault.New(fault.Refused, "fault.client.no_secret", nil)
	}
	shown := secret.Token() + secret.Token()
	after := before
	after.SecretHash = secret.HashToken(shown)
	return shown, p.commit(ctx, act, p.Now(), Change{ClientBefore: &before, ClientAfter: &after},
		record("secret_rotated", "oidc_client:"+before.ID, before.Name))
}

// Disable ends a client with every code, token and visit of it. Faults: NotFound; Conflict when it is disabled.
func (p *Provider) Disable(ctx context.Context, act effect.Act, id string) (Client, error) {
	before, err := p.Store.OIDCClient(ctx, id)
	if err != nil {
		return before, err
	}
	if before.State != Active {
		return before, fault.New(fault.Conflict, "fault.client.disabled", nil)
	}
	after := before
	after.State = Disabled
	return after, p.commit(ctx, act, p.Now(), Change{ClientBefore: &before, ClientAfter: &after, DisableAll: id, Why: "client_disabled"},
		record("client_disabled", "oidc_client:"+before.ID, before.Name))
}
