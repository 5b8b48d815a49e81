package oidc

import (
	"context"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"time"

	"doverie/internal/account"
	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/secret"
	"doverie/internal/session"
)

// The authentication contexts ("acr"): every sign-in takes two factors; one by passkey cannot be phished away
// (OpenID EAP ACR values).
const (
	ACRTwoFactors = "aal2"
	ACRPasskey    = "phr"
)

const (
	sealedRequest = "oidc request"
	stepContinue  = "oidc step continue"
	stepConsent   = "oidc step consent"
	refPrefix     = "urn:ietf:params:oauth:request_uri:"
)

// Push takes a request over the back channel (RFC 9126) and gives its reference. jkt is of the DPoP proof that came
// along, or empty.
func (p *Provider) Push(ctx context.Context, act effect.Act, c Client, params url.Values, jkt string) (ref string, wrong *Error) {
	if c.Kind != Web {
		return "", refuse(UnauthorizedClient, "this client signs nobody in")
	}
	if params.Has("request_uri") {
		return "", refuse(InvalidRequest, "request_uri cannot be pushed")
	}
	if id, wrong := once(params, "client_id"); wrong != nil || id != "" && id != c.ID {
		return "", refuse(InvalidRequest, "client_id is of another client")
	}
	if _, _, _, wrong = target(params, c); wrong != nil {
		return "", wrong
	}
	r, wrong := p.parse(ctx, params, c)
	if wrong != nil {
		return "", wrong
	}
	if r.JKT != "" && jkt != "" && r.JKT != jkt {
		return "", refuse(InvalidDPoP, "dpop_jkt is not the thumbprint of the proof's key")
	}
	if jkt != "" {
		r.JKT = jkt
	}
	token := secret.Token()
	if _, err := p.keep(ctx, act, r, secret.HashToken(token)); err != nil {
		return "", serverError(err)
	}
	return refPrefix + token, nil
}

func (p *Provider) parse(ctx context.Context, params url.Values, c Client) (Request, *Error) {
	return parseRequest(params, c, p.Now(), func(token string) (string, bool) {
		claims, ok := p.hinted(ctx, token, c)
		return claims.Subject, ok
	})
}

// keep stores a checked request: pushed when it has a reference, else open.
func (p *Provider) keep(ctx context.Context, act effect.Act, r Request, ref []byte) (id string, err error) {
	now := p.Now()
	text, err := json.Marshal(r)
	if err != nil {
		return "", err
	}
	s := Stored{ID: newID(), Client: r.Client, RefHash: ref, State: RequestOpen, CreatedAt: now, ExpiresAt: now.Add(p.Policy.SystemRequest)}
	if ref != nil {
		s.State, s.ExpiresAt = RequestPushed, now.Add(p.Policy.SystemPushed)
	}
	s.Sealed = p.Secret.Seal(sealedRequest, []byte(s.ID), text)
	// No event: nothing of anybody changes by a request.
	return s.ID, p.commit(ctx, act, now, Change{NewRequest: &s})
}

// Begun is what a request leads to: a signed step, or at once an answer with an error.
type Begun struct {
	Step   string
	Answer *Answer
}

// Begin takes a request that a browser brings. An error is for the person: nothing may be sent to the system (T42).
func (p *Provider) Begin(ctx context.Context, act effect.Act, params url.Values) (Begun, *Error) {
	id, wrong := once(params, "client_id")
	if wrong != nil {
		return Begun{}, wrong
	}
	c, wrong := p.client(ctx, id)
	switch {
	case wrong != nil:
		return Begun{}, wrong
	case c.Kind != Web:
		return Begun{}, refuse(UnauthorizedClient, "this client signs nobody in")
	}
	ref, wrong := once(params, "request_uri")
	if wrong != nil {
		return Begun{}, wrong
	}
	if ref != "" {
		return p.fetch(ctx, act, c, ref)
	}
	redirect, mode, state, wrong := target(params, c)
	if wrong != nil {
		return Begun{}, wrong
	}
	r, wrong := p.parse(ctx, params, c)
	if wrong == nil && c.RequirePAR {
		wrong = refuse(InvalidRequest, "this client pushes its requests (PAR)")
	}
	if wrong != nil {
		a := p.refusal(Request{Redirect: redirect, Mode: mode, State: state}, wrong)
		return Begun{Answer: &a}, nil
	}
	// Anybody can bring requests, and each is kept for a while (T54).
	wait, err := p.Limits.Take(ctx, "system:area:"+act.Area, p.Policy.SystemArea, time.Hour, p.Now())
	if err == nil && wait > 0 {
		err = fault.New(fault.Limited, "fault.limited.after", fault.Args{"After": wait})
	}
	var stored string
	if err == nil {
		stored, err = p.keep(ctx, act, r, nil)
	}
	if err != nil {
		return Begun{}, serverError(err)
	}
	return Begun{Step: p.step(stepContinue, stored, "")}, nil
}

// fetch opens a pushed request, once (RFC 9126 §4).
func (p *Provider) fetch(ctx context.Context, act effect.Act, c Client, ref string) (Begun, *Error) {
	unknown := refuse("invalid_request_uri", "the request is unknown, over or used")
	token, ours := strings.CutPrefix(ref, refPrefix)
	if !ours || len(token) > maxID {
		return Begun{}, unknown
	}
	now := p.Now()
	s, err := p.Store.OIDCPushed(ctx, secret.HashToken(token))
	switch {
	case fault.Is(err, fault.NotFound):
		return Begun{}, unknown
	case err != nil:
		return Begun{}, serverError(err)
	case s.Client != c.ID || s.State != RequestPushed || !now.Before(s.ExpiresAt):
		return Begun{}, unknown
	}
	err = p.commit(ctx, act, now, Change{OpenRequest: s.ID, OpenUntil: now.Add(p.Policy.SystemRequest)})
	switch {
	case fault.Is(err, fault.Conflict):
		return Begun{}, unknown
	case err != nil:
		return Begun{}, serverError(err)
	}
	return Begun{Step: p.step(stepContinue, s.ID, "")}, nil
}

// step names where a browser goes on, signed for that one step; bound is the session it was made for, or empty.
func (p *Provider) step(name, request, bound string) string {
	return p.Secret.Sign(name, []byte(request+"\n"+bound), p.Now().Add(p.Policy.SystemRequest))
}

// over is what people are told when a request cannot go on.
func over() error { return fault.New(fault.NotFound, "fault.system.over", nil) }

// request reads the open request of a step.
func (p *Provider) request(ctx context.Context, name, step string, now time.Time) (s Stored, r Request, bound string, err error) {
	payload, err := p.Secret.Verify(name, step, now)
	if err != nil {
		return s, r, "", over()
	}
	id, bound, _ := strings.Cut(string(payload), "\n")
	s, err = p.Store.OIDCRequest(ctx, id)
	switch {
	case fault.Is(err, fault.NotFound):
		return s, r, "", over()
	case err != nil:
		return s, r, "", err
	case s.State != RequestOpen || !now.Before(s.ExpiresAt):
		return s, r, "", over()
	}
	text, err := p.Secret.Open(sealedRequest, []byte(s.ID), s.Sealed)
	if err != nil {
		return s, r, "", err
	}
	return s, r, bound, json.Unmarshal(text, &r)
}

// StepKind is what a browser has to do next.
type StepKind string

// The steps.
const (
	GoSignIn  StepKind = "sign_in"
	GoStepUp  StepKind = "step_up" // prove password and second factor again, in the same session
	GoConsent StepKind = "consent"
	GoAnswer  StepKind = "answer"
)

// Step is where a request stands for the person at the browser.
type Step struct {
	Kind   StepKind
	Answer Answer // of GoAnswer
	Ask    string // signed step of GoConsent
}

// Consent is what a person is asked.
type Consent struct {
	Client Client
	Host   string   // where the browser goes afterwards
	Scopes []string // without openid, in the order people read them; those closed now are left out
	Claims []string // single claims beyond the scopes
	Closed bool     // something is closed until the hold is over
	Until  time.Time
	Known  bool // agreed before, and more is asked for now
}

// Continue says what the person at the browser has to do next; nobody is signed in when auth is nil. The session must
// have no gate: whoever is frozen or must change his password is elsewhere (DOMAIN §7).
// Faults: NotFound "fault.system.over"; Refused "fault.system.closed".
func (p *Provider) Continue(ctx context.Context, act effect.Act, step string, auth *session.Auth) (Step, error) {
	now := p.Now()
	s, r, _, err := p.request(ctx, stepContinue, step, now)
	if err != nil {
		return Step{}, err
	}
	c, wrong := p.client(ctx, s.Client)
	if wrong != nil {
		return Step{}, over()
	}
	quiet := func(code, text string, otherwise StepKind) (Step, error) {
		if r.has(PromptNone) {
			return p.close(ctx, act, s, r, refuse(code, text))
		}
		return Step{Kind: otherwise}, nil
	}
	switch {
	case auth == nil:
		return quiet(LoginRequired, "nobody is signed in", GoSignIn)
	case (auth.Gate != session.NoGate || auth.Account.State != account.Open) && r.has(PromptNone):
		return p.close(ctx, act, s, r, refuse(InteractionNeeded, "the account is closed to other systems now"))
	case auth.Gate != session.NoGate || auth.Account.State != account.Open:
		return Step{}, fault.New(fault.Refused, "fault.system.closed", nil)
	case r.tooLongAgo(*auth, now):
		return quiet(LoginRequired, "the sign-in is too long ago", GoStepUp)
	case !p.isWanted(r, c, auth.Account.ID):
		return p.close(ctx, act, s, r, refuse(LoginRequired, "another person is signed in"))
	case !r.acrMet(acrOf(auth.Session)):
		return p.close(ctx, act, s, r, refuse("unmet_authentication_requirements", "this person did not sign in that way"))
	}
	grant, err := p.grant(ctx, auth.Account.ID, c.ID)
	if err != nil {
		return Step{}, err
	}
	if r.has(PromptConsent) || !covers(grant, r, auth.Account, now) {
		next, err := quiet(ConsentRequired, "the person has not agreed yet", GoConsent)
		next.Ask = p.step(stepConsent, s.ID, auth.Session.ID)
		return next, err
	}
	return p.issue(ctx, act, s, r, c, *auth, grant, now)
}

// none is the grant of whoever has not been asked yet.
var none *Grant

// grant reads the live grant, or none.
func (p *Provider) grant(ctx context.Context, account, client string) (*Grant, error) {
	g, err := p.Store.OIDCGrant(ctx, account, client)
	if fault.Is(err, fault.NotFound) {
		return none, nil
	}
	return &g, err
}

// tooLongAgo: the system wants a fresh proof. What was proven since the request came is fresh enough, or a request
// would go round for ever.
func (r Request) tooLongAgo(auth session.Auth, now time.Time) bool {
	at := AuthTime(auth.Session)
	if !at.Before(r.At) {
		return false
	}
	return r.has(PromptLogin) || r.MaxAge != noMaxAge && now.Sub(at) > time.Duration(r.MaxAge)*time.Second
}

// AuthTime is when the person proved himself last, with every factor.
func AuthTime(s session.Session) time.Time {
	if s.StepUpAt.After(s.CreatedAt) {
		return s.StepUpAt
	}
	return s.CreatedAt
}

func acrOf(s session.Session) string {
	if slices.Contains(s.AMR, "pop") {
		return ACRPasskey
	}
	return ACRTwoFactors
}

// acrMet: only what is essential refuses (OpenID Connect Core §5.5.1.1); a passkey is at least two factors.
func (r Request) acrMet(have string) bool {
	w, asked := r.Wishes.IDToken["acr"]
	if !asked || !w.Essential {
		return true
	}
	wanted := w.Values
	if w.Value != "" {
		wanted = append(wanted, w.Value)
	}
	return len(wanted) == 0 || slices.Contains(wanted, have) || have == ACRPasskey && slices.Contains(wanted, ACRTwoFactors)
}

// isWanted compares the signed-in person with the one the system means (id_token_hint, or a value of "sub").
func (p *Provider) isWanted(r Request, c Client, account string) bool {
	subject := p.Subjects.Subject(c, account)
	if r.Hint != "" && r.Hint != subject {
		return false
	}
	w := r.Wishes.IDToken["sub"]
	return w.Value == "" || w.Value == subject
}

// covers reports whether a grant has everything that would be handed over.
func covers(g *Grant, r Request, a account.Account, now time.Time) bool {
	if g == nil || !now.Before(g.ExpiresAt) {
		return false
	}
	agreed := namesOf(g.Scopes, g.Claims, account.Account{}, now)
	for _, name := range namesOf(r.Scopes, r.single(), a, now) {
		if !slices.Contains(agreed, name) {
			return false
		}
	}
	return true
}

// Ask is what the page of consent shows. Only the session for which the step was made may ask.
// Faults: NotFound "fault.system.over".
func (p *Provider) Ask(ctx context.Context, step string, auth session.Auth) (Consent, error) {
	now := p.Now()
	s, r, bound, err := p.request(ctx, stepConsent, step, now)
	if err != nil {
		return Consent{}, err
	}
	if bound != auth.Session.ID || auth.Gate != session.NoGate {
		return Consent{}, over()
	}
	c, wrong := p.client(ctx, s.Client)
	if wrong != nil {
		return Consent{}, over()
	}
	grant, err := p.grant(ctx, auth.Account.ID, c.ID)
	if err != nil {
		return Consent{}, err
	}
	scopes := open(r.Scopes, auth.Account, now)
	covered := namesOf(scopes, nil, account.Account{}, now)
	out := Consent{
		Client: c, Host: hostOf(r.Redirect), Scopes: ordered(scopes), Until: now.Add(p.Policy.SystemConsent), Known: grant != nil,
		Closed: len(scopes) < len(r.Scopes),
	}
	for _, name := range namesOf(nil, r.single(), auth.Account, now) {
		if !slices.Contains(covered, name) {
			out.Claims = append(out.Claims, name)
		}
	}
	return out, nil
}

func ordered(scopes []string) []string {
	var out []string
	for _, s := range Scopes() {
		if s != ScopeOpenID && slices.Contains(scopes, s) {
			out = append(out, s)
		}
	}
	return out
}

// Decide is the person's answer on the page of consent.
// Faults: NotFound "fault.system.over"; Conflict when it was answered already, or the session has ended.
func (p *Provider) Decide(ctx context.Context, act effect.Act, step string, auth session.Auth, agreed bool) (Answer, error) {
	now := p.Now()
	s, r, bound, err := p.request(ctx, stepConsent, step, now)
	if err != nil {
		return Answer{}, err
	}
	c, wrong := p.client(ctx, s.Client)
	if wrong != nil || bound != auth.Session.ID || auth.Gate != session.NoGate {
		return Answer{}, over()
	}
	if !agreed {
		next, err := p.close(ctx, act, s, r, refuse(AccessDenied, "the person does not agree"))
		return next.Answer, err
	}
	grant, err := p.grant(ctx, auth.Account.ID, c.ID)
	if err != nil {
		return Answer{}, err
	}
	next, err := p.agree(ctx, act, s, r, c, auth, grant, now)
	return next.Answer, err
}

// close answers a request with an error, once.
func (p *Provider) close(ctx context.Context, act effect.Act, s Stored, r Request, e *Error) (Step, error) {
	if err := p.commit(ctx, act, p.Now(), Change{DoneRequest: s.ID}); err != nil {
		return Step{}, err
	}
	return Step{Kind: GoAnswer, Answer: p.refusal(r, e)}, nil
}
