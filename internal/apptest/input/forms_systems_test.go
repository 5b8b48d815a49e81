package input

import (
	"net/url"

	"doverie/internal/apptest"
	"doverie/internal/oidc"
)

const consents = "/settings/safety/consents"

// asked is Vera, signed in, before the question whether another system may have what it asks for.
func askedBySystem(p *play) (*apptest.Client, string) {
	system, _ := p.System(oidc.Client{})
	c := p.Client()
	c.SignIn(p.Vera, apptest.Password)
	a := c.Get("/oidc/authorize?" + url.Values{
		"client_id": {system.ID}, "redirect_uri": {system.Redirects[0]}, "response_type": {"code"}, "scope": {"openid profile"},
		"code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"},
	}.Encode())
	c.Want(c.Get(a.Location), "/oidc/consent?at=")
	return c, "/oidc/consent"
}

// leaving is Vera before the question whether to sign out.
func leavingSystem(p *play) (*apptest.Client, string) {
	c := p.Client()
	c.SignIn(p.Vera, apptest.Password)
	return c, "/oidc/logout/confirm"
}

func systemForms() []form {
	over := func(typed, value string) try {
		return try{typed: typed, with: []string{"at", value}, status: 404, says: []say{words("fault.system.over")}}
	}
	return []form{
		{
			route: "POST /oidc/consent", what: "May another system have what it asks for", gate: session, good: []string{"at", "", "agree", "no"}, scene: askedBySystem,
			tries: []try{over("no signed step", absent), over("a step that nobody signed", "AAAA")},
		},
		{
			route: "POST /oidc/logout/confirm", what: "Signing out, as another system wishes", good: []string{"at", "", "leave", "no"}, scene: leavingSystem,
			tries: []try{over("no signed step", absent), over("a step that nobody signed", "AAAA")},
		},
		{
			route: "POST " + consents + "/{id}/withdraw", what: "Withdrawing a consent", gate: session, button: true, scene: signedIn(consents + "/0198c0de-0000-7000-8000-000000000000/withdraw"),
			tries: []try{{typed: "somebody else's consent, or none", status: 404, says: []say{words("fault.not_found")}}},
		},
	}
}
