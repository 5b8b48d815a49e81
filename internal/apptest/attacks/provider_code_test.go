package attacks

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"doverie/internal/apptest"
	"doverie/internal/oidc"
	"doverie/internal/store/storetest"
)

// T44: whoever has a stolen code has nothing: it is for one system, one address, the holder of the verifier, one
// minute and one use; a second use ends what came of the first (RFC 9700 §4.5).
func TestT44_StolenCode(t *testing.T) {
	s := begin(t)
	p := s.party(oidc.Client{Redirects: []string{"https://water.example.test/callback", "https://water.example.test/two"}})
	thief := s.party(oidc.Client{Name: "Вор", Redirects: p.client.Redirects})
	browser := s.Client()
	code := p.code(browser, s.Vera)
	thief.refused("by another system", thief.exchange(code), "invalid_grant")
	p.refused("with another address of the same system", p.exchange(code, "redirect_uri", p.client.Redirects[1]), "invalid_grant")
	p.refused("without an address", p.exchange(code, "redirect_uri", ""), "invalid_grant")
	for _, bad := range []string{"", "x", strings.Repeat("a", 43), challenge, verifier + "A", strings.Repeat("a", 129), verifier[:42]} {
		p.refused("with the verifier "+bad, p.exchange(code, "code_verifier", bad), "invalid_grant")
	}
	p.refused("by nobody", s.send(http.MethodPost, "/oidc/token", apptest.Form("grant_type", "authorization_code", "code", code, "client_id", p.client.ID, "code_verifier", verifier), nil), "invalid_client")
	p.refused("with a guessed secret", s.send(http.MethodPost, "/oidc/token", apptest.Form("grant_type", "authorization_code", "code", code), func(r *http.Request) { r.SetBasicAuth(p.client.ID, "guess") }), "invalid_client")
	p.refused("with the secret in the form", s.send(http.MethodPost, "/oidc/token", apptest.Form("grant_type", "authorization_code", "code", code, "client_id", p.client.ID, "client_secret", p.secret), nil), "invalid_client")
	if r := s.send(http.MethodPost, "/oidc/token?grant_type=authorization_code&code="+code, apptest.Form("x", "y"), func(r *http.Request) { r.SetBasicAuth(p.client.ID, p.secret) }); r.text("error") != "invalid_request" {
		t.Errorf("a code in the address: %d %v", r.status, r.body)
	}
	tokens := p.exchange(code) // none of that used it up
	if tokens.status != http.StatusOK {
		t.Fatalf("the honest system: %d %v", tokens.status, tokens.body)
	}
	if tokens.header.Get("Cache-Control") != "no-store" {
		t.Errorf("tokens may be kept by caches: %q", tokens.header.Get("Cache-Control"))
	}
	fresh := p.refresh(tokens.text("refresh_token"))
	p.refused("a second time", p.exchange(code), "invalid_grant")
	p.dead("after the code came twice", fresh)
	if n := s.count(`SELECT COUNT(*) FROM events WHERE kind = 'system.code_reused'`); n != 1 {
		t.Errorf("%d events of the reuse", n)
	}
	// The last moment of a code.
	for _, c := range []struct {
		later time.Duration
		ok    bool
	}{{s.Policy.SystemCode - time.Microsecond, true}, {s.Policy.SystemCode, false}} {
		code = p.code(browser, s.Vera)
		s.Clock.Advance(c.later)
		if r := p.exchange(code); (r.status == http.StatusOK) != c.ok {
			t.Errorf("after %s: %d %v", c.later, r.status, r.body)
		}
	}
	// The nonce of the request comes back in the id token and nowhere else.
	if s.Policy.SystemCode > time.Minute {
		t.Errorf("a code lives %s", s.Policy.SystemCode)
	}
	// A request is answered once: the same step again gives no second code.
	step := browser.Get(p.request()).Location
	if a := browser.Get(step); !strings.HasPrefix(a.Location, p.client.Redirects[0]) {
		t.Fatalf("the first answer: %d %s", a.Status, a.Location)
	}
	s.goesNowhere("the step a second time", browser.Get(step))
}

// T44: one code, one refresh token and many hands at once: one wins, and then nothing of it works.
func TestT44_CodeAndRefreshRaces(t *testing.T) {
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			s := on(t, engine, apptest.Options{Quiet: true})
			p := s.party(oidc.Client{})
			browser := s.Client()
			race := func(what string, try func() reply) {
				var mu sync.Mutex
				var won []reply
				storetest.Parallel(8, func(int) error {
					r := try()
					mu.Lock()
					defer mu.Unlock()
					if r.status == http.StatusOK {
						won = append(won, r)
					}
					return nil
				})
				if len(won) != 1 {
					t.Errorf("%s: %d won", what, len(won))
				}
				for _, w := range won {
					p.dead(what, w)
				}
			}
			code := p.code(browser, s.Vera)
			race("a code", func() reply { return p.exchange(code) })
			tokens := p.tokens(browser, s.Vera)
			race("a refresh token", func() reply { return p.refresh(tokens.text("refresh_token")) })
			p.dead("the first tokens after the race", tokens)
		})
	}
}

// T45: nobody gets around PKCE: a request without it, or with "plain", is refused, and so is an exchange without it.
func TestT45_Downgrade(t *testing.T) {
	s := begin(t)
	p := s.party(oidc.Client{})
	vera := s.signedIn(s.Vera)
	for what, change := range map[string][]string{
		"no challenge": {"code_challenge", "", "code_challenge_method", ""}, "a challenge without its method": {"code_challenge_method", ""},
		"plain": {"code_challenge_method", "plain", "code_challenge", verifier}, "S512": {"code_challenge_method", "S512"}, "s256": {"code_challenge_method", "s256"},
		"a short challenge": {"code_challenge", challenge[:42]}, "a long challenge": {"code_challenge", challenge + "A"}, "an empty method": {"code_challenge_method", " "},
		"a challenge of other letters": {"code_challenge", strings.Repeat("=", 43)}, "only the method": {"code_challenge", ""},
	} {
		a := vera.Get(p.request(change...))
		if a.Status != http.StatusSeeOther || !strings.Contains(a.Location, "error=invalid_request") || strings.Contains(a.Location, "code=") {
			t.Errorf("%s: %d %s", what, a.Status, a.Location)
		}
		fields := []string{"redirect_uri", p.client.Redirects[0], "response_type", "code", "scope", "openid"}
		for i := 0; i+1 < len(change); i += 2 {
			if change[i+1] != "" {
				fields = append(fields, change[i], change[i+1])
			}
		}
		p.refused(what+", pushed", p.post("/oidc/par", fields...), "invalid_request")
	}
	code := p.code(vera, s.Vera)
	p.refused("the challenge for a verifier", p.exchange(code, "code_verifier", challenge), "invalid_grant")
	p.refused("no verifier", p.exchange(code, "code_verifier", ""), "invalid_grant")
	// Whoever must push cannot be made to ask in the open.
	strict := s.party(oidc.Client{RequirePAR: true})
	if a := vera.Get(strict.request()); !strings.Contains(a.Location, "error=invalid_request") {
		t.Errorf("a request in the open of a client that pushes: %d %s", a.Status, a.Location)
	}
	pushed := strict.post("/oidc/par", "redirect_uri", strict.client.Redirects[0], "response_type", "code", "scope", "openid", "code_challenge", challenge, "code_challenge_method", "S256")
	ref := pushed.text("request_uri")
	if pushed.status != http.StatusCreated || ref == "" {
		t.Fatalf("pushed: %d %v", pushed.status, pushed.body)
	}
	// What is pushed stands: the browser adds nothing to it, another client cannot bring it, and it works once.
	s.goesNowhere("another client brings it", vera.Get(p.request("request_uri", ref)))
	back := vera.Through("/oidc/authorize?client_id="+strict.client.ID+"&request_uri="+ref+"&scope=openid+snils&redirect_uri=https://evil.test/&code_challenge=x", s.Vera, apptest.Password)
	if back.Host != "water.example.test" {
		t.Fatalf("it went to %s", back)
	}
	if tokens := strict.exchange(back.Query().Get("code")); tokens.text("scope") != "openid" {
		t.Errorf("the scope became %q", tokens.text("scope"))
	}
	s.goesNowhere("a second time", vera.Get("/oidc/authorize?client_id="+strict.client.ID+"&request_uri="+ref))
	late := strict.post("/oidc/par", "redirect_uri", strict.client.Redirects[0], "response_type", "code", "scope", "openid", "code_challenge", challenge, "code_challenge_method", "S256")
	s.Clock.Advance(s.Policy.SystemPushed)
	s.goesNowhere("too late", vera.Get("/oidc/authorize?client_id="+strict.client.ID+"&request_uri="+late.text("request_uri")))
}
