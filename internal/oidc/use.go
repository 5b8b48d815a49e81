package oidc

import (
	"context"
	"encoding/json"
	"strings"

	"doverie/internal/account"
	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/secret"
)

// UserInfo gives the claims about the person of an access token (OpenID Connect Core §5.3). scheme is that of the
// Authorization header, "Bearer" or "DPoP"; a token bound to a key needs its proof.
func (p *Provider) UserInfo(ctx context.Context, scheme, token string, proof Proof) (map[string]any, *Error) {
	now := p.Now()
	dead := refuse(InvalidToken, "the access token is unknown or over")
	if token == "" || len(token) > maxID {
		return nil, dead
	}
	live, err := p.Store.OIDCToken(ctx, Access, secret.HashToken(token), now)
	switch {
	case fault.Is(err, fault.NotFound):
		return nil, dead
	case err != nil:
		return nil, serverError(err)
	case !live.Works:
		return nil, dead
	case (live.Token.JKT != "") != strings.EqualFold(scheme, "DPoP"):
		return nil, refuse(InvalidToken, "the access token does not go with this scheme")
	}
	if live.Token.JKT != "" {
		if len(proof.Headers) == 0 {
			return nil, refuse(InvalidDPoP, "DPoP: exactly one proof is needed")
		}
		jkt, wrong := p.CheckProof(ctx, proof, token)
		switch {
		case wrong != nil:
			return nil, wrong
		case jkt != live.Token.JKT:
			return nil, refuse(InvalidToken, "the access token is bound to another key")
		}
	}
	a, err := p.Store.Account(ctx, live.Family.Account)
	if err != nil {
		return nil, serverError(err)
	}
	if a.State != account.Open {
		return nil, dead
	}
	var wishes Wishes
	if err := json.Unmarshal([]byte(live.Family.Claims), &wishes); err != nil {
		return nil, serverError(err)
	}
	out := map[string]any{"sub": live.Subject}
	fill(out, namesOf(live.Token.Scopes, keysOf(wishes.UserInfo), a, now), a)
	return out, nil
}

// Introspect says what a token is good for (RFC 7662). A client asks about its own tokens; a Resource about access
// tokens of every client. All else is "not active", without a word why.
func (p *Provider) Introspect(ctx context.Context, c Client, token string) (map[string]any, *Error) {
	now := p.Now()
	nothing := map[string]any{"active": false}
	if token == "" || len(token) > maxID {
		return nothing, nil
	}
	hash := secret.HashToken(token)
	for _, kind := range []TokenKind{Access, Refresh} {
		live, err := p.Store.OIDCToken(ctx, kind, hash, now)
		switch {
		case fault.Is(err, fault.NotFound):
			continue
		case err != nil:
			return nil, serverError(err)
		case !live.Works, live.Family.Client != c.ID && (c.Kind != Resource || kind != Access):
			return nothing, nil
		}
		subject := live.Subject
		if live.Family.Client != c.ID { // whom the other system knows by that name is not for this one
			subject = p.Subjects.Subject(c, live.Family.Account)
		}
		a, err := p.Store.Account(ctx, live.Family.Account)
		if err != nil {
			return nil, serverError(err)
		}
		out := map[string]any{
			"active": true, "client_id": live.Family.Client, "sub": subject, "iss": p.Issuer, "scope": strings.Join(open(live.Token.Scopes, a, now), " "),
			"iat": live.Token.IssuedAt.Unix(), "exp": live.Token.ExpiresAt.Unix(), "auth_time": live.Family.AuthTime.Unix(), "acr": live.Family.ACR,
		}
		if kind == Access {
			out["token_type"] = "Bearer"
			if live.Token.JKT != "" {
				out["token_type"], out["cnf"] = "DPoP", map[string]string{"jkt": live.Token.JKT}
			}
		}
		return out, nil
	}
	return nothing, nil
}

// Revoke ends a token of the client's own: an access token alone, a refresh token with its whole family (RFC 7009).
// One that is unknown, over or another's is no error.
func (p *Provider) Revoke(ctx context.Context, c Client, token string) *Error {
	if token == "" || len(token) > maxID {
		return nil
	}
	now, hash := p.Now(), secret.HashToken(token)
	for _, kind := range []TokenKind{Refresh, Access} {
		live, err := p.Store.OIDCToken(ctx, kind, hash, now)
		switch {
		case fault.Is(err, fault.NotFound):
			continue
		case err != nil:
			return serverError(err)
		case live.Family.Client != c.ID || !live.Family.EndedAt.IsZero() || !live.Token.EndedAt.IsZero():
			return nil
		}
		change := Change{EndFamily: live.Family.ID, Why: "revoked"}
		if kind == Access {
			change = Change{EndToken: hash}
		}
		err = p.commit(ctx, bySystem(c), now, change, record("revoked", "oidc_client:"+c.ID, c.Name, live.Family.Account))
		if err != nil && !fault.Is(err, fault.Conflict) {
			return serverError(err)
		}
		return nil
	}
	return nil
}

// Logout is a system's wish that the person be signed out (OpenID Connect RP-Initiated Logout §2).
type Logout struct {
	Hint     string // id_token_hint
	ClientID string
	Redirect string // post_logout_redirect_uri
	State    string
}

// LogoutPlan is what comes of it: whom it concerns, and where the browser may go afterwards.
type LogoutPlan struct {
	Client   Client // empty: nobody in particular asks
	Redirect string // checked: registered by that client, with the state; empty: nowhere
}

// PlanLogout checks a wish to sign out. Nothing is ended by it. A redirect that is not registered is an error for the
// person; nothing is sent there (T42).
func (p *Provider) PlanLogout(ctx context.Context, in Logout) (LogoutPlan, *Error) {
	var plan LogoutPlan
	if len(in.State) > maxState || len(in.Redirect) > maxState {
		return plan, refuse(InvalidRequest, "a parameter is too long")
	}
	id := in.ClientID
	if in.Hint != "" {
		claims, ok := p.hinted(ctx, in.Hint, Client{})
		if !ok || id != "" && id != claims.Audience {
			return plan, refuse(InvalidRequest, "id_token_hint is not an id token of ours for this client")
		}
		id = claims.Audience
	}
	if id != "" {
		c, wrong := p.client(ctx, id)
		if wrong != nil {
			return plan, wrong
		}
		plan.Client = c
	}
	if in.Redirect == "" {
		return plan, nil
	}
	for _, u := range plan.Client.PostLogout {
		if u == in.Redirect {
			a := Answer{Redirect: u, Params: map[string][]string{}}
			if in.State != "" {
				a.Params.Set("state", in.State)
			}
			plan.Redirect = a.URL()
			return plan, nil
		}
	}
	return plan, refuse(InvalidRequest, "post_logout_redirect_uri is not one of those registered")
}

// Agreed is one consent as its person sees it.
type Agreed struct {
	Grant  Grant
	Client Client
	Scopes []string // without openid, in the order people read them
}

// Consents lists what the person agreed to, newest first.
func (p *Provider) Consents(ctx context.Context, account string) ([]Agreed, error) {
	grants, err := p.Store.OIDCGrants(ctx, account)
	if err != nil {
		return nil, err
	}
	now := p.Now()
	out := make([]Agreed, 0, len(grants))
	for _, g := range grants {
		if !now.Before(g.ExpiresAt) {
			continue
		}
		c, err := p.Store.OIDCClient(ctx, g.Client)
		if err != nil {
			return nil, err
		}
		out = append(out, Agreed{Grant: g, Client: c, Scopes: ordered(g.Scopes)})
	}
	return out, nil
}

// Withdraw ends a consent of the person with everything that stands on it; the system is told.
// Faults: NotFound also for a consent of somebody else; Conflict.
func (p *Provider) Withdraw(ctx context.Context, act effect.Act, account, grantID string) error {
	grants, err := p.Store.OIDCGrants(ctx, account)
	if err != nil {
		return err
	}
	for _, g := range grants {
		if g.ID != grantID {
			continue
		}
		c, err := p.Store.OIDCClient(ctx, g.Client)
		if err != nil {
			return err
		}
		now := p.Now()
		after := g
		after.EndedAt, after.EndedWhy = now, "withdrawn"
		return p.commit(ctx, act, now, Change{GrantBefore: &g, GrantAfter: &after}, record("withdrawn", "oidc_client:"+c.ID, c.Name, account))
	}
	return fault.New(fault.NotFound, "fault.not_found", nil)
}

const stepLogout = "oidc step logout"

// SignLogout names the step after the question whether to sign out.
func (p *Provider) SignLogout(plan LogoutPlan) string {
	return p.Secret.Sign(stepLogout, []byte(plan.Redirect), p.Now().Add(p.Policy.SystemRequest))
}

// SignedLogout is where the browser goes after it; empty: nowhere else. Fault NotFound "fault.system.over".
func (p *Provider) SignedLogout(step string) (redirect string, err error) {
	payload, err := p.Secret.Verify(stepLogout, step, p.Now())
	if err != nil {
		return "", over()
	}
	return string(payload), nil
}
