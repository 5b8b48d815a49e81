package main

import (
	"fmt"
	"os"
	"strings"
	"time"

	"doverie/internal/app"
	"doverie/internal/oidc"
)

// adminClientCommand keeps the register of other information systems.
type adminClientCommand struct {
	Add          clientAddCommand     `cmd:"" help:"Register a system; its id and secret are printed, the secret this once."`
	List         clientListCommand    `cmd:"" help:"List every system."`
	Show         clientShowCommand    `cmd:"" help:"Show one system."`
	RotateSecret clientSecretCommand  `cmd:"" name:"rotate-secret" help:"Give a system a new secret; the old one stops at once."`
	Disable      clientDisableCommand `cmd:"" help:"Disable a system: every token and sign-in of it ends."`
}

type clientAddCommand struct {
	configFlag

	Name       string   `arg:"" help:"Name that people see."`
	Kind       string   `enum:"web,resource" default:"web" help:"web signs people in; resource only asks what an access token is good for."`
	Redirect   []string `sep:"none" help:"Address people come back to, exactly; may be repeated." placeholder:"URL"`
	PostLogout []string `sep:"none" help:"Address people may be sent to after signing out, exactly; may be repeated." placeholder:"URL"`
	Logout     string   `help:"Address that logout tokens are posted to." placeholder:"URL"`
	Scope      []string `default:"openid,profile" help:"Scopes the system may ask for."`
	Subject    string   `enum:"pairwise,public" default:"pairwise" help:"How people are named to it."`
	Sector     string   `help:"Host whose systems share pairwise names; needed when the addresses have several hosts."`
	Jwks       string   `type:"existingfile" help:"File with its public keys: it then signs (private_key_jwt) and has no secret." placeholder:"FILE"`
	Alg        string   `enum:"RS256,ES256" default:"RS256" help:"Algorithm of its id tokens."`
	Dpop       bool     `help:"Demand DPoP: every token is bound to a key of the system."`
	Par        bool     `help:"Demand pushed requests (PAR)."`
}

// Run registers one system.
func (cmd clientAddCommand) Run(c console) error {
	return admin(c, cmd.configFlag, func(a *app.App) error {
		client := oidc.Client{
			Name: cmd.Name, Kind: oidc.ClientKind(cmd.Kind), Auth: oidc.SecretBasic, Redirects: cmd.Redirect, PostLogout: cmd.PostLogout,
			BackchannelLogout: cmd.Logout, Subjects: oidc.SubjectType(cmd.Subject), Sector: cmd.Sector, Scopes: cmd.Scope,
			IDTokenAlg: cmd.Alg, DPoPRequired: cmd.Dpop, RequirePAR: cmd.Par,
		}
		if cmd.Jwks != "" {
			keys, err := os.ReadFile(cmd.Jwks)
			if err != nil {
				return err
			}
			client.Auth, client.JWKS = oidc.PrivateKeyJWT, string(keys)
		}
		if client.Kind == oidc.Resource {
			client.Scopes = nil
		}
		client, secret, err := a.Systems.Add(c.ctx, byCommand, client)
		if err != nil {
			return err
		}
		c.sayf("client_id: %s", client.ID)
		if secret != "" {
			c.sayf("client_secret: %s", secret)
		}
		return nil
	})
}

type clientListCommand struct {
	configFlag
}

// Run lists every system, a line each.
func (cmd clientListCommand) Run(c console) error {
	return admin(c, cmd.configFlag, func(a *app.App) error {
		all, err := a.Systems.Clients(c.ctx)
		if err != nil {
			return err
		}
		for _, client := range all {
			c.sayf("%s  %-8s  %-8s  %s", client.ID, client.State, client.Kind, client.Name)
		}
		if len(all) == 0 {
			c.sayf("no systems are registered; doverie admin client add registers one")
		}
		return nil
	})
}

// clientFlag names one system.
type clientFlag struct {
	ID string `arg:"" help:"The client_id."`
}

type clientShowCommand struct {
	configFlag
	clientFlag
}

// Run shows one system. Its secret is kept nowhere and cannot be shown.
func (cmd clientShowCommand) Run(c console) error {
	return admin(c, cmd.configFlag, func(a *app.App) error {
		client, err := a.Systems.Client(c.ctx, cmd.ID)
		if err != nil {
			return err
		}
		for _, line := range [][2]string{
			{"client_id", client.ID}, {"name", client.Name}, {"kind", string(client.Kind)}, {"state", string(client.State)},
			{"authentication", string(client.Auth)}, {"redirect", strings.Join(client.Redirects, " ")},
			{"after sign-out", strings.Join(client.PostLogout, " ")}, {"logout tokens", client.BackchannelLogout},
			{"subjects", string(client.Subjects) + " " + client.Sector}, {"scopes", strings.Join(client.Scopes, " ")},
			{"id tokens", client.IDTokenAlg}, {"DPoP demanded", fmt.Sprint(client.DPoPRequired)}, {"PAR demanded", fmt.Sprint(client.RequirePAR)},
			{"registered", client.CreatedAt.Format(time.RFC3339)}, {"changed", client.ChangedAt.Format(time.RFC3339)},
		} {
			c.sayf("%-15s %s", line[0], strings.TrimSpace(line[1]))
		}
		return nil
	})
}

type clientSecretCommand struct {
	configFlag
	clientFlag
}

// Run gives a system a new secret.
func (cmd clientSecretCommand) Run(c console) error {
	return admin(c, cmd.configFlag, func(a *app.App) error {
		secret, err := a.Systems.RotateSecret(c.ctx, byCommand, cmd.ID)
		if err != nil {
			return err
		}
		c.sayf("client_secret: %s", secret)
		return nil
	})
}

type clientDisableCommand struct {
	configFlag
	clientFlag
}

// Run disables a system.
func (cmd clientDisableCommand) Run(c console) error {
	return admin(c, cmd.configFlag, func(a *app.App) error {
		client, err := a.Systems.Disable(c.ctx, byCommand, cmd.ID)
		if err != nil {
			return err
		}
		c.sayf("disabled: %s", client.Name)
		return nil
	})
}

// adminKeysCommand keeps the keys that id tokens and other signed tokens are signed with.
type adminKeysCommand struct {
	List   keysListCommand   `cmd:"" help:"List the published keys."`
	Rotate keysRotateCommand `cmd:"" help:"Announce a new key; it signs after the policy's system_key_announce."`
}

type keysListCommand struct {
	configFlag
}

// Run lists the keys, a line each.
func (cmd keysListCommand) Run(c console) error {
	return admin(c, cmd.configFlag, func(a *app.App) error { return listKeys(c, a) })
}

func listKeys(c console, a *app.App) error {
	if err := a.Systems.Keys.Tend(c.ctx); err != nil { // the very first keys, or those that are due
		return err
	}
	keys, err := a.Systems.Keys.List(c.ctx)
	if err != nil {
		return err
	}
	for _, k := range keys {
		since, until := k.AnnouncedAt, ""
		switch k.State {
		case oidc.Signing:
			since = k.SigningAt
		case oidc.Retired:
			since, until = k.RetiredAt, ", published until "+k.ServedUntil.Format(time.RFC3339)
		case oidc.Announced:
		}
		c.sayf("%s  %s  %-9s since %s%s", k.ID, k.Alg, k.State, since.Format(time.RFC3339), until)
	}
	return nil
}

type keysRotateCommand struct {
	configFlag

	Alg string `enum:"RS256,ES256" default:"RS256" help:"Algorithm of the key to replace."`
	Now bool   `help:"Let the new key sign at once: for a key that may have leaked."`
}

// Run rotates one key and lists them all.
func (cmd keysRotateCommand) Run(c console) error {
	return admin(c, cmd.configFlag, func(a *app.App) error {
		if err := a.Systems.Keys.Tend(c.ctx); err != nil {
			return err
		}
		if err := a.Systems.Keys.Rotate(c.ctx, byCommand, cmd.Alg, cmd.Now); err != nil {
			return err
		}
		return listKeys(c, a)
	})
}
