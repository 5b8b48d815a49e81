package web

import (
	"net/http"

	"doverie/internal/fault"
	"doverie/internal/httpx"
	"doverie/internal/session"
)

func (p *Passkeys) signInOptions(w http.ResponseWriter, r *http.Request, _ asked) (any, error) {
	made, token, err := p.of.BeginSignIn(r.Context(), p.kit.Act(r))
	if err != nil {
		return nil, err
	}
	p.kit.SetCookie(w, keyCookie, token, p.policy.CodeTTL)
	return options(made, nil)
}

func (p *Passkeys) signedIn(w http.ResponseWriter, r *http.Request, in asked) (any, error) {
	entered, err := p.of.SignIn(r.Context(), p.kit.Act(r), p.input(r, keyCookie, in))
	if err != nil {
		return nil, err
	}
	p.kit.ClearCookie(w, keyCookie)
	return p.welcome(w, r, entered, in), nil
}

func (p *Passkeys) input(r *http.Request, cookie string, in asked) session.KeyInput {
	return session.KeyInput{
		Token: p.kit.Cookie(r, cookie), Answer: in.Answer, DeviceToken: p.kit.Cookie(r, deviceCookie), Remember: in.Remember,
	}
}

func (p *Passkeys) welcome(w http.ResponseWriter, r *http.Request, entered session.Entered, in asked) told {
	return told{Next: p.signIn.welcome(w, entered, p.kit.Cookie(r, deviceCookie), in.Next)}
}

func (p *Passkeys) secondOptions(_ http.ResponseWriter, r *http.Request, _ asked) (any, error) {
	return options(p.of.BeginSecond(r.Context(), p.kit.Act(r), p.kit.Cookie(r, signInCookie)))
}

func (p *Passkeys) second(w http.ResponseWriter, r *http.Request, in asked) (any, error) {
	entered, err := p.of.Second(r.Context(), p.kit.Act(r), p.input(r, signInCookie, in))
	if err != nil {
		return nil, err
	}
	return p.welcome(w, r, entered, in), nil
}

func (p *Passkeys) stepUpOptions(_ http.ResponseWriter, r *http.Request, auth session.Auth, _ asked) (any, error) {
	return options(p.of.BeginStepUp(r.Context(), p.kit.Act(r), auth))
}

func (p *Passkeys) stepUp(w http.ResponseWriter, r *http.Request, auth session.Auth, in asked) (any, error) {
	_, token, err := p.of.StepUp(r.Context(), p.kit.Act(r), auth, in.Answer)
	if err != nil {
		return nil, err
	}
	p.kit.SetCookie(w, p.cookie, token, p.policy.SessionTTL)
	return told{Next: orProfile(in.Next)}, nil
}

// approvalOptions needs a proof of just now, as sending the code does (T51).
func (p *Passkeys) approvalOptions(_ http.ResponseWriter, r *http.Request, auth session.Auth, _ asked) (any, error) {
	if !httpx.VisitorOf(r).Fresh {
		return nil, fault.New(fault.StepUp, "fault.step_up", nil)
	}
	made, err := p.decisions.BeginPasskey(r.Context(), p.kit.Act(r), auth.Account.ID, auth.Session.ID, r.PathValue("id"))
	return p.settled(r, made, err)
}

func (p *Passkeys) approve(w http.ResponseWriter, r *http.Request, auth session.Auth, in asked) (any, error) {
	id := r.PathValue("id")
	err := p.decisions.ApproveWithPasskey(r.Context(), p.kit.Act(r), auth.Account.ID, auth.Session.ID, id, in.Answer)
	if err != nil {
		return p.settled(r, nil, err)
	}
	p.kit.ClearCookie(w, codeCookie)
	return told{Next: approvalPath(id)}, nil
}

// settled leads back to the request when it moved on or the contact may not approve now: the page says why.
func (p *Passkeys) settled(r *http.Request, made []byte, err error) (any, error) {
	switch {
	case fault.HasKey(err, "fault.trust.not_eligible"):
		return told{Next: approvalPath(r.PathValue("id")) + "?why=unable"}, nil
	case fault.Is(err, fault.Conflict) && !fault.HasKey(err, "fault.passkey.used"):
		return told{Next: approvalPath(r.PathValue("id")) + "?why=moved"}, nil
	}
	return options(made, err)
}
