package systems

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"doverie/internal/account"
	"doverie/internal/apptest"
	"doverie/internal/apptest/browser"
	"doverie/internal/oidc"
)

// relying is one process of the npm package openid-client.
type relying struct {
	t  *testing.T
	in *json.Encoder
	on *bufio.Scanner
}

type answer map[string]any

// pause lets the clock move between two sign-ins; the other side's clock stays near.
const pause = 2 * time.Second

func startRelying(t *testing.T, options map[string]any) *relying {
	t.Helper()
	dir := filepath.Join(browser.Root(t), "test", "peers")
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "openid-client")); err != nil {
		t.Fatalf("openid-client is missing (scripts/needs fetches it): %v", err)
	}
	text, err := json.Marshal(options)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "node", "--no-warnings", "relying.js", string(text))
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait() // ends with its stdin, or with the test's context
	})
	scanner := bufio.NewScanner(out)
	scanner.Buffer(nil, 1<<20)
	return &relying{t: t, in: json.NewEncoder(in), on: scanner}
}

// try tells it to do something and gives what it says.
func (r *relying) try(order answer) answer {
	r.t.Helper()
	if err := r.in.Encode(order); err != nil {
		r.t.Fatal(err)
	}
	if !r.on.Scan() {
		r.t.Fatalf("openid-client ended: %v", r.on.Err())
	}
	var a answer
	if err := json.Unmarshal(r.on.Bytes(), &a); err != nil {
		r.t.Fatal(err)
	}
	return a
}

func (r *relying) do(order answer) answer {
	r.t.Helper()
	a := r.try(order)
	if a["error"] != nil {
		r.t.Fatalf("%v: %v: %v", order, a["error"], a["text"])
	}
	return a
}

func (r *relying) refused(what string, order answer, code string) {
	r.t.Helper()
	if a := r.try(order); a["error"] != code {
		r.t.Errorf("%s: %v, want %s", what, a, code)
	}
}

func at(a answer, way ...string) any {
	var v any = map[string]any(a)
	for _, name := range way {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	return v
}

var fields = regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)">`)

// TestOpenIDClient: openid-client signs in, refreshes, reads userinfo, introspects, revokes and signs out: with a
// secret, and with everything that FAPI 2.0 asks for (PAR, private_key_jwt, DPoP with nonces).
func TestOpenIDClient(t *testing.T) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	key := jose.JSONWebKey{Key: private, KeyID: "first", Algorithm: oidc.ES256}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key.Public()}})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		client oidc.Client
		key    any
		mode   string
		kind   string
	}{
		{"a secret", oidc.Client{}, nil, "query", "bearer"},
		{"a secret, form_post", oidc.Client{Subjects: oidc.Public}, nil, "form_post", "bearer"},
		{"FAPI 2.0", oidc.Client{Auth: oidc.PrivateKeyJWT, JWKS: string(set), DPoPRequired: true, RequirePAR: true, IDTokenAlg: oidc.ES256}, key, "query", "dpop"},
	} {
		for _, engine := range []string{"sqlite", "postgres"} {
			t.Run(c.name+" "+engine, func(t *testing.T) {
				t.Parallel()
				w := apptest.New(t, engine, apptest.Options{})
				w.RealTime()
				c.client.PostLogout = []string{"https://water.example.test/bye"}
				system, secret := w.System(c.client)
				fapi := c.key != nil
				r := startRelying(t, map[string]any{
					"issuer": w.URL, "client": system.ID, "secret": secret, "key": c.key, "dpop": fapi, "par": fapi, "alg": system.IDTokenAlg,
					"redirect": system.Redirects[0], "after": system.PostLogout[0],
				})
				openIDClient(t, w, r, system, c.mode, c.kind)
			})
		}
	}
}

func openIDClient(t *testing.T, w *apptest.World, r *relying, system oidc.Client, mode, kind string) {
	vera := w.AddFamily().Vera
	c := w.Client()
	enter := func(params map[string]string) answer {
		t.Helper()
		params["response_mode"] = mode
		address, _ := r.do(answer{"do": "begin", "params": params})["url"].(string)
		if mode == "query" {
			return r.do(answer{"do": "finish", "back": c.Through(address, vera, apptest.Password).String()})
		}
		return r.do(answer{"do": "finish", "form": formPost(t, w, c, address, vera, system)})
	}
	if mode == "form_post" {
		c.SignIn(vera, apptest.Password)
	}
	in := enter(map[string]string{"max_age": "3600", "claims": `{"id_token":{"given_name":null}}`})
	if at(in, "userinfo", "name") != "Смирнова Вера Петровна" || at(in, "userinfo", "email") != vera.Email {
		t.Errorf("the first sign-in: %v", in)
	}
	if at(in, "claims", "given_name") != "Вера" || in["token_type"] != kind {
		t.Errorf("a claim asked for in the id token: %v", in)
	}
	subject, _ := at(in, "claims", "sub").(string)
	if a := r.do(answer{"do": "introspect"}); a["active"] != true || a["sub"] != subject || a["client_id"] != system.ID {
		t.Errorf("introspection: %v", a)
	}
	if err := w.Systems.Keys.Rotate(t.Context(), byOperator, system.IDTokenAlg, true); err != nil {
		t.Fatal(err)
	}
	if a := r.do(answer{"do": "refresh"}); at(a, "claims", "sub") != subject {
		t.Errorf("after a refresh: %v", a)
	}
	r.do(answer{"do": "userinfo", "subject": subject})
	// The old refresh token comes again: whoever has it, the family ends.
	r.refused("a refresh token twice", answer{"do": "refresh", "again": true}, "invalid_grant")
	if a := r.do(answer{"do": "introspect"}); a["active"] != false {
		t.Errorf("after a reuse: %v", a)
	}
	r.refused("a refresh after a reuse", answer{"do": "refresh"}, "invalid_grant")

	// Again, without a question this time; then the system ends it itself.
	in = enter(map[string]string{"prompt": "none"})
	if at(in, "claims", "sub") != subject {
		t.Errorf("the second sign-in: %v", in)
	}
	r.do(answer{"do": "revoke"})
	r.refused("a refresh after a revocation", answer{"do": "refresh"}, "invalid_grant")

	// A fresh proof is asked for, and auth_time rises.
	before, _ := at(in, "claims", "auth_time").(float64)
	w.Advance(pause)
	in = enter(map[string]string{"prompt": "login"})
	if after, _ := at(in, "claims", "auth_time").(float64); after <= before {
		t.Errorf("auth_time %v after %v, though a fresh proof was wanted", after, before)
	}

	// The system signs the person out: he is asked, and comes back.
	end, _ := r.do(answer{"do": "end"})["url"].(string)
	page := c.Get(strings.TrimPrefix(end, w.URL))
	if page.Status != http.StatusOK || !strings.Contains(page.Body, "Водоканал") {
		t.Fatalf("the question whether to sign out: %d %s", page.Status, apptest.Words(page.Body))
	}
	a := c.Post("/oidc/logout/confirm", "at", apptest.Step(page.Body), "leave", "yes")
	if a.Status != http.StatusSeeOther || a.Location != system.PostLogout[0]+"?state=bye" {
		t.Errorf("after the sign-out: %d %s", a.Status, a.Location)
	}
	r.refused("userinfo after the sign-out", answer{"do": "userinfo", "subject": subject}, "OAUTH_WWW_AUTHENTICATE_CHALLENGE")
	r.refused("a refresh after the sign-out", answer{"do": "refresh"}, "invalid_grant")
}

// formPost walks a signed-in person who has agreed to the form that carries the answer, and gives its fields.
func formPost(t *testing.T, w *apptest.World, c *apptest.Client, address string, who account.Account, system oidc.Client) map[string]string {
	t.Helper()
	a := c.Get(strings.TrimPrefix(address, w.URL))
	if strings.HasPrefix(a.Location, "/oidc/continue") {
		a = c.Get(a.Location)
	}
	if strings.HasPrefix(a.Location, "/step-up") {
		c.StepUp(who, apptest.Password)
		u, err := url.Parse(a.Location)
		if err != nil {
			t.Fatal(err)
		}
		a = c.Get(strings.Replace(u.Query().Get("next"), "/oidc/onward", "/oidc/continue", 1))
	}
	if strings.HasPrefix(a.Location, "/oidc/consent") {
		page := c.Get(a.Location)
		a = c.Post("/oidc/consent", "at", apptest.Step(page.Body), "agree", "yes")
	}
	policy := a.Header.Get("Content-Security-Policy")
	if a.Status != http.StatusOK || !strings.Contains(a.Body, `action="`+system.Redirects[0]+`"`) || !strings.Contains(policy, "form-action 'self' https://water.example.test;") {
		t.Fatalf("form_post: %d %s %s", a.Status, policy, apptest.Words(a.Body))
	}
	form := map[string]string{}
	for _, m := range fields.FindAllStringSubmatch(a.Body, -1) {
		form[m[1]] = html.UnescapeString(m[2])
	}
	return form
}
