package httpx

import (
	"context"
	"net/http"

	"doverie/internal/fault"
)

// Visitor is who is signed in at this browser. The zero Visitor is nobody.
type Visitor struct {
	Account   string // account id, or operator id when Office is set
	Session   string
	Name      string // short, for the header: «Вера П.»
	Office    string // set only for an operator
	SteppedUp bool   // password and second factor were proved again within the policy's step_up_ttl
	Fresh     bool   // SteppedUp, or signed in within that time
	Alarm     bool   // somebody is recovering this account
	OnlyPath  string // when set: the only page open to this session (frozen, must change the password)
	Secret    string // the cookie's value, for services that end or renew the session
}

// Visitors looks up the session of a cookie's value. No such session is the zero Visitor and no error.
type Visitors interface {
	Visitor(ctx context.Context, secret string) (Visitor, error)
}

// Gate is one kind of sign-in: citizens have one, operators another, and neither cookie opens the other's pages.
type Gate struct {
	Cookie string // name of the cookie, without prefix
	SignIn string // page to sign in
	StepUp string // page of the repeated check
	Look   Visitors

	kit *Kit
}

// Gate prepares a kind of sign-in.
func (k *Kit) Gate(g Gate) *Gate {
	g.kit = k
	return &g
}

type gated struct {
	visitor Visitor
	gate    *Gate
}

// VisitorOf is who is signed in, as found by the gate the request came through.
func VisitorOf(r *http.Request) Visitor {
	g, _ := r.Context().Value(visitorKey).(gated)
	return g.visitor
}

func gateOf(r *http.Request) *Gate {
	g, _ := r.Context().Value(visitorKey).(gated)
	return g.gate
}

// Maybe looks up who is signed in and lets everybody through: for pages open to all. A fault is told here, where it is
// known who reads it: he keeps his sections and his way out.
func (g *Gate) Maybe(h Handler) Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		var v Visitor
		if secret := g.kit.Cookie(r, g.Cookie); secret != "" {
			var err error
			if v, err = g.Look.Visitor(r.Context(), secret); err != nil {
				return err //nolint:wrapcheck // the service's fault is what the reader must see
			}
		}
		known := r.WithContext(context.WithValue(r.Context(), visitorKey, gated{visitor: v, gate: g}))
		if err := h(w, known); err != nil {
			g.kit.Fail(w, known, err)
		}
		return nil
	}
}

// RequireSession lets only signed-in people through. A session with an OnlyPath is sent there.
func (g *Gate) RequireSession(h Handler) Handler {
	return g.Maybe(func(w http.ResponseWriter, r *http.Request) error {
		v := VisitorOf(r)
		switch {
		case v.Account == "":
			g.kit.Fail(w, r, fault.New(fault.SignIn, "fault.sign_in", nil))
			return nil
		case v.OnlyPath != "" && r.URL.Path != v.OnlyPath:
			return Redirect(w, r, v.OnlyPath)
		}
		return h(w, r)
	})
}

// RequireStepUp lets only people through who proved password and second factor again just now.
// Put it on the page with the form as well as on what the form posts to: then nothing typed is lost.
func (g *Gate) RequireStepUp(h Handler) Handler {
	return g.RequireSession(func(w http.ResponseWriter, r *http.Request) error {
		if !VisitorOf(r).SteppedUp {
			g.kit.Fail(w, r, fault.New(fault.StepUp, "fault.step_up", nil))
			return nil
		}
		return h(w, r)
	})
}

// RequireFresh lets people through who proved themselves just now, by the repeated check or by the sign-in itself:
// for acts that ask for a proof of their own besides, so that nobody has to type three codes in three minutes.
func (g *Gate) RequireFresh(h Handler) Handler {
	return g.RequireSession(func(w http.ResponseWriter, r *http.Request) error {
		if !VisitorOf(r).Fresh {
			g.kit.Fail(w, r, fault.New(fault.StepUp, "fault.step_up", nil))
			return nil
		}
		return h(w, r)
	})
}
