package attacks

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"doverie/internal/apptest"
	"doverie/internal/oidc"
)

// T42: nothing is ever sent to an address that the system did not register, character by character (RFC 9700 §4.1).
func TestT42_RedirectTricks(t *testing.T) {
	s := begin(t)
	p := s.party(oidc.Client{Redirects: []string{"https://water.example.test/callback", "https://water.example.test/other?x=1"}, PostLogout: []string{"https://water.example.test/bye"}})
	strangers, vera := s.Client(), s.signedIn(s.Vera)
	ours := p.client.Redirects[0]
	for _, trick := range []string{
		"https://evil.test/callback", "https://water.example.test/callback/", "https://water.example.test/callback/..", "https://water.example.test/callback?",
		"https://water.example.test/callback?next=https://evil.test", "https://water.example.test/callback#", "https://water.example.test/callback#x",
		"https://water.example.test/callback/../open?to=evil.test", "https://water.example.test/%63allback", "https://water.example.test/callback%00",
		"https://water.example.test/callback%0d%0aLocation:%20https://evil.test", "https://water.example.test/callback\r\nX: y", "https://WATER.example.test/callback",
		"https://water.example.test:443/callback", "https://water.example.test@evil.test/callback", "https://user@water.example.test/callback",
		"https://evil.test\\@water.example.test/callback", "https://water.example.test.evil.test/callback", "https://evil.test/https://water.example.test/callback",
		"http://water.example.test/callback", "//water.example.test/callback", "/callback", "javascript:alert(1)", "data:text/html,x", "water.example.test/callback",
		"https://water.example.test/callback ", " https://water.example.test/callback", "https://water.example.test/other", "https://water.example.test/other?x=2",
		"https://water.example.test/", "https://*.example.test/callback", "https://xn--water-4ve.example.test/callback", "http://localhost/callback", "",
	} {
		for who, c := range map[string]*apptest.Client{"a stranger": strangers, "Vera": vera} {
			for _, more := range [][]string{nil, {"response_mode", "form_post"}, {"response_type", "token"}, {"prompt", "none"}, {"scope", ""}, {"code_challenge", ""}} {
				s.goesNowhere(who+": "+trick, c.Get(p.request(append([]string{"redirect_uri", trick}, more...)...)))
			}
		}
	}
	// The address twice: the right one and another, in both orders.
	for _, q := range []string{"&redirect_uri=https://evil.test/", "&client_id=" + p.client.ID, "&client_id=other"} {
		s.goesNowhere(q, strangers.Get(p.request()+q))
		s.goesNowhere(q+" in front", strangers.Get(strings.Replace(p.request(), "?", "?"+q[1:]+"&", 1)))
	}
	s.goesNowhere("a client that is not there", strangers.Get(p.request("client_id", "0198c0de-0000-7000-8000-000000000000")))
	s.goesNowhere("another's client", strangers.Get(p.request("client_id", s.party(oidc.Client{Redirects: []string{"https://other.example.test/cb"}}).client.ID)))
	for _, ref := range []string{"https://evil.test/request", "urn:ietf:params:oauth:request_uri:AAAA", "urn:ietf:params:oauth:request_uri:" + strings.Repeat("A", 5000), "file:///etc/passwd"} {
		s.goesNowhere(ref, strangers.Get(p.request("request_uri", ref)))
	}
	// The same by POST, from another site, and over the back channel.
	a := strangers.Do(http.MethodPost, "/oidc/authorize", apptest.Form("client_id", p.client.ID, "redirect_uri", "https://evil.test/", "response_type", "code"), func(r *http.Request) {
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		r.Header.Set("Origin", "https://evil.test")
	})
	s.goesNowhere("posted from another site", a)
	p.refused("pushed", p.post("/oidc/par", "redirect_uri", "https://evil.test/", "response_type", "code", "scope", "openid", "code_challenge", challenge, "code_challenge_method", "S256"), "invalid_request")
	// An error of the rest goes to the registered address, with the state and our name, and with nothing else.
	for code, change := range map[string][]string{
		"unsupported_response_type": {"response_type", "code token"}, "invalid_scope": {"scope", "profile"}, "invalid_request": {"prompt", "none login"},
		"request_not_supported": {"request", "eyJ"}, "login_required": {"prompt", "none"},
	} {
		c := s.Client()
		back := c.Get(p.request(change...))
		for strings.HasPrefix(back.Location, "/oidc/") {
			back = c.Get(back.Location)
		}
		u, err := url.Parse(back.Location)
		if err != nil || back.Status != http.StatusSeeOther || !strings.HasPrefix(back.Location, ours+"?") || u.Query().Get("error") != code ||
			u.Query().Get("state") != "the state" || u.Query().Get("iss") != s.URL || u.Query().Has("code") {
			t.Errorf("%s: %d to %q", code, back.Status, back.Location)
		}
	}
	// Signing out is no open redirect either.
	for _, to := range []string{"https://evil.test/", "https://water.example.test/bye/", "https://water.example.test/bye?x", "//evil.test", "/\\evil.test"} {
		for _, who := range []string{"", p.client.ID} {
			s.goesNowhere("after signing out to "+to, vera.Get("/oidc/logout?"+url.Values{"client_id": {who}, "post_logout_redirect_uri": {to}}.Encode()))
		}
	}
	page := vera.Get("/oidc/logout?" + url.Values{"client_id": {p.client.ID}, "post_logout_redirect_uri": {p.client.PostLogout[0]}}.Encode())
	s.goesNowhere("a changed step", vera.Post("/oidc/logout/confirm", "at", apptest.Step(page.Body)+"A", "leave", "yes"))
	vera.Get("/settings/account") // nobody was signed out
	if a := vera.Get("/settings/account"); a.Status != http.StatusOK {
		t.Errorf("she was signed out by an address: %d", a.Status)
	}
	// A continuation is ours, for its own step, and for nothing else.
	step := strangers.Get(p.request()).Location
	for _, path := range []string{strings.Replace(step, "/oidc/continue", "/oidc/consent", 1), step + "A", "/oidc/continue", "/oidc/continue?at=" + strings.Repeat("A", 5000)} {
		s.goesNowhere(path, vera.Get(path))
	}
	if a := vera.Get("/oidc/onward?at=https://evil.test"); !strings.Contains(a.Body, "/oidc/continue?at=https%3A%2F%2Fevil.test") || strings.Contains(a.Body, `url=https`) {
		t.Errorf("the page onward leads to %s", a.Body)
	}
}

// T43: two honest servers behind one system. Each answer names its server, a code of one is nothing to the other, and
// the metadata is of the address it was asked at.
func TestT43_MixUp(t *testing.T) {
	one, two := begin(t), begin(t)
	p, q := one.party(oidc.Client{}), two.party(oidc.Client{})
	for _, s := range []*scene{one, two} {
		for _, path := range []string{"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"} {
			meta := s.send(http.MethodGet, path, nil, func(r *http.Request) { r.Host = "evil.test" })
			if meta.text("issuer") != s.URL || meta.body["authorization_response_iss_parameter_supported"] != true {
				t.Errorf("%s: issuer %q", path, meta.text("issuer"))
			}
			for name, value := range meta.body {
				if address, ok := value.(string); ok && !strings.HasPrefix(address, s.URL) {
					t.Errorf("%s is %q, elsewhere", name, address)
				}
			}
		}
	}
	back := one.Client().Through(p.request(), one.Vera, apptest.Password)
	if back.Query().Get("iss") != one.URL {
		t.Errorf("the answer names %q", back.Query().Get("iss"))
	}
	refused := two.Client().Get(q.request("scope", "profile"))
	if u, err := url.Parse(refused.Location); err != nil || u.Query().Get("iss") != two.URL {
		t.Errorf("an error names %q", refused.Location)
	}
	q.refused("a code of the other server", q.exchange(back.Query().Get("code")), "invalid_grant")
	tokens := p.exchange(back.Query().Get("code"))
	if a := q.userInfo(tokens.text("access_token")); a.status != http.StatusUnauthorized {
		t.Errorf("a token of the other server: %d", a.status)
	}
	if q.active(tokens.text("access_token")) {
		t.Error("a token of the other server is active")
	}
	two.goesNowhere("a hint of the other server", two.Client().Get("/oidc/logout?id_token_hint="+tokens.text("id_token")))
}
