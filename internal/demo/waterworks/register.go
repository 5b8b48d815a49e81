package waterworks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/oidc"
)

// Registry registers systems with the service; oidc.Provider is one.
type Registry interface {
	Add(ctx context.Context, act effect.Act, c oidc.Client) (oidc.Client, string, error)
	Client(ctx context.Context, id string) (oidc.Client, error)
}

// registration is what the site keeps of its registration.
type registration struct {
	Address string `json:"address"`
	ID      string `json:"client_id"`
	Secret  string `json:"client_secret"`
}

// Register registers a site at that address once, and keeps its id and secret in the file, which only its owner may
// read. Another address, or another database of the service, is another registration.
func Register(ctx context.Context, registry Registry, address, name, file string) (id, secret string, err error) {
	var kept registration
	text, err := os.ReadFile(file)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return "", "", fmt.Errorf("waterworks: %w", err)
	case json.Unmarshal(text, &kept) != nil:
		return "", "", fmt.Errorf("waterworks: %s is not a registration: remove it", file)
	}
	if kept.Address == address {
		c, err := registry.Client(ctx, kept.ID)
		if err == nil && c.State == oidc.Active {
			return kept.ID, kept.Secret, nil
		}
		if err != nil && !fault.Is(err, fault.NotFound) {
			return "", "", fmt.Errorf("waterworks: %w", err)
		}
	}
	c, shown, err := registry.Add(ctx, effect.Act{Actor: effect.System, Device: "demo"}, Client(address, name))
	if err != nil {
		return "", "", fmt.Errorf("waterworks: %w", err)
	}
	kept = registration{Address: address, ID: c.ID, Secret: shown}
	if text, err = json.Marshal(kept); err != nil { //nolint:gosec // the file is where the secret is kept, for its owner only
		return "", "", fmt.Errorf("waterworks: %w", err)
	}
	if err := os.WriteFile(file, append(text, '\n'), 0o600); err != nil {
		return "", "", fmt.Errorf("waterworks: %w", err)
	}
	return kept.ID, kept.Secret, nil
}

// Client is the site as it has to be registered.
func Client(address, name string) oidc.Client {
	return oidc.Client{
		Name: name, Kind: oidc.Web, Auth: oidc.SecretBasic, Subjects: oidc.Pairwise, IDTokenAlg: oidc.RS256,
		Redirects: []string{Redirect(address)}, PostLogout: []string{PostLogout(address)}, BackchannelLogout: Backchannel(address),
		Scopes: []string{
			oidc.ScopeOpenID, oidc.ScopeProfile, oidc.ScopeEmail, oidc.ScopePhone, oidc.ScopeLevel, oidc.ScopeRecovery,
		},
	}
}
