package oidc

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"time"

	"doverie/internal/account"
	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/secret"
	"doverie/internal/session"
)

// agree writes what the person agreed to, and issues the code, in one commit.
func (p *Provider) agree(ctx context.Context, act effect.Act, s Stored, r Request, c Client, auth session.Auth, before *Grant, now time.Time) (Step, error) {
	scopes, single := open(r.Scopes, auth.Account, now), namesOf(nil, r.single(), auth.Account, now)
	g := Grant{
		ID: newID(), Account: auth.Account.ID, Client: c.ID, Subject: p.Subjects.Subject(c, auth.Account.ID), Scopes: scopes, Claims: single,
		GivenAt: now, ChangedAt: now, ExpiresAt: now.Add(p.Policy.SystemConsent), Version: 1,
	}
	change := Change{NewGrant: &g}
	if before != nil {
		g = *before
		g.Scopes, g.Claims = union(g.Scopes, scopes), union(g.Claims, single)
		if !now.Before(before.ExpiresAt) { // a lapsed consent adds nothing to a new one
			g.Scopes, g.Claims = scopes, single
		}
		g.ChangedAt, g.ExpiresAt = now, now.Add(p.Policy.SystemConsent)
		change = Change{GrantBefore: before, GrantAfter: &g}
	}
	return p.enter(ctx, act, s, r, c, auth, g, change, now, "consented")
}

func union(a, b []string) []string {
	out := slices.Clone(a)
	for _, x := range b {
		if !slices.Contains(out, x) {
			out = append(out, x)
		}
	}
	return out
}

// issue gives a code on a consent given before.
func (p *Provider) issue(ctx context.Context, act effect.Act, s Stored, r Request, c Client, auth session.Auth, g *Grant, now time.Time) (Step, error) {
	return p.enter(ctx, act, s, r, c, auth, *g, Change{}, now, "entered")
}

// enter issues the code: the account must be open and the session live in the very commit (I4, T47).
func (p *Provider) enter(ctx context.Context, act effect.Act, s Stored, r Request, c Client, auth session.Auth, g Grant, change Change, now time.Time, kind string) (Step, error) {
	visit, err := p.Store.OIDCVisit(ctx, auth.Session.ID, c.ID)
	switch {
	case fault.Is(err, fault.NotFound):
		visit = Visit{ID: newID(), Client: c.ID, Account: auth.Account.ID, Session: auth.Session.ID, Subject: g.Subject, StartedAt: now}
		change.NewVisit = &visit
	case err != nil:
		return Step{}, err
	}
	wishes, err := json.Marshal(r.Wishes.agreed(namesOf(g.Scopes, g.Claims, account.Account{}, now)))
	if err != nil {
		return Step{}, err
	}
	code := secret.Token() + secret.Token()
	f := Family{
		ID: newID(), Client: c.ID, Account: auth.Account.ID, Grant: g.ID, Visit: visit.ID, CodeHash: secret.HashToken(code),
		CodeUntil: now.Add(p.Policy.SystemCode), Redirect: r.Redirect, Challenge: r.Challenge, Nonce: r.Nonce,
		Scopes: open(r.Scopes, auth.Account, now), Claims: string(wishes), ACR: acrOf(auth.Session), AMR: auth.Session.AMR,
		AuthTime: AuthTime(auth.Session), JKT: r.JKT, StartedAt: now, ExpiresAt: now.Add(p.Policy.SystemRefresh), Version: 1,
	}
	if g.ExpiresAt.Before(f.ExpiresAt) { // no token outlives the consent it stands on
		f.ExpiresAt = g.ExpiresAt
	}
	if f.ExpiresAt.Before(f.CodeUntil) {
		f.CodeUntil = f.ExpiresAt
	}
	change.DoneRequest, change.NewFamily = s.ID, &f
	change.Holder = &Holder{Account: auth.Account.ID, Session: auth.Session.ID}
	if err := p.commit(ctx, act, now, change, record(kind, "oidc_client:"+c.ID, c.Name, auth.Account.ID)); err != nil {
		return Step{}, err
	}
	return Step{Kind: GoAnswer, Answer: p.answer(r, url.Values{"code": {code}})}, nil
}
