package attacks

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/go-jose/go-jose/v4"

	"doverie/internal/account"
	"doverie/internal/apptest"
	"doverie/internal/oidc"
)

// A verifier and its S256 challenge (RFC 7636, appendix B).
const (
	verifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	challenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

// party is another information system, or whoever has its papers: it sends what it likes.
type party struct {
	s      *scene
	client oidc.Client
	secret string
}

func (s *scene) party(c oidc.Client) *party {
	s.t.Helper()
	client, secret := s.System(c)
	return &party{s: s, client: client, secret: secret}
}

// request is the address of an honest request, with changes of name, value, name, value …; "" takes a parameter out.
func (p *party) request(changes ...string) string {
	q := url.Values{
		"client_id": {p.client.ID}, "redirect_uri": {p.client.Redirects[0]}, "response_type": {"code"}, "scope": {"openid profile"},
		"state": {"the state"}, "nonce": {"the nonce"}, "code_challenge": {challenge}, "code_challenge_method": {"S256"},
	}
	for i := 0; i+1 < len(changes); i += 2 {
		q.Set(changes[i], changes[i+1])
		if changes[i+1] == "" {
			q.Del(changes[i])
		}
	}
	return "/oidc/authorize?" + q.Encode()
}

// reply is what the server answers to a program.
type reply struct {
	status int
	header http.Header
	body   map[string]any
}

func (r reply) text(name string) string {
	s, _ := r.body[name].(string)
	return s
}

// send posts a form as a program does; nothing proves who sends it but what change adds.
func (s *scene) send(method, path string, form url.Values, change func(*http.Request)) reply {
	s.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.URL+path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if change != nil {
		change(r)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	out := reply{status: answer.StatusCode, header: answer.Header}
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	if len(text) > 0 && json.Unmarshal(text, &out.body) != nil {
		s.t.Fatalf("%s %s: %d, not JSON: %s", method, path, answer.StatusCode, text)
	}
	return out
}

// post sends a form with the party's own secret.
func (p *party) post(path string, fields ...string) reply {
	p.s.t.Helper()
	return p.s.send(http.MethodPost, path, apptest.Form(fields...), func(r *http.Request) { r.SetBasicAuth(p.client.ID, p.secret) })
}

// exchange asks for tokens, with changes of an honest form.
func (p *party) exchange(code string, changes ...string) reply {
	p.s.t.Helper()
	form := map[string]string{"grant_type": "authorization_code", "code": code, "redirect_uri": p.client.Redirects[0], "code_verifier": verifier}
	for i := 0; i+1 < len(changes); i += 2 {
		form[changes[i]] = changes[i+1]
	}
	var fields []string
	for name, value := range form {
		if value != "" {
			fields = append(fields, name, value)
		}
	}
	return p.post("/oidc/token", fields...)
}

func (p *party) refresh(token string) reply {
	p.s.t.Helper()
	return p.post("/oidc/token", "grant_type", "refresh_token", "refresh_token", token)
}

func (p *party) userInfo(token string) reply {
	p.s.t.Helper()
	return p.s.send(http.MethodGet, "/oidc/userinfo", nil, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token) })
}

func (p *party) active(token string) bool {
	p.s.t.Helper()
	r := p.post("/oidc/introspect", "token", token)
	active, ok := r.body["active"].(bool)
	if r.status != http.StatusOK || !ok || !active && len(r.body) != 1 {
		p.s.t.Errorf("introspection: %d %v", r.status, r.body)
	}
	return active
}

// code walks the person's browser to a code.
func (p *party) code(browser *apptest.Client, who account.Account, changes ...string) string {
	p.s.t.Helper()
	back := browser.Through(p.request(changes...), who, apptest.Password)
	code := back.Query().Get("code")
	if code == "" {
		p.s.t.Fatalf("no code: %s", back)
	}
	return code
}

// tokens signs the person in.
func (p *party) tokens(browser *apptest.Client, who account.Account, changes ...string) reply {
	p.s.t.Helper()
	r := p.exchange(p.code(browser, who, changes...))
	if r.status != http.StatusOK || r.text("access_token") == "" || r.text("refresh_token") == "" || r.text("id_token") == "" {
		p.s.t.Fatalf("no tokens: %d %v", r.status, r.body)
	}
	return r
}

// dead fails unless nothing of the tokens works.
func (p *party) dead(what string, tokens reply) {
	p.s.t.Helper()
	if a := p.userInfo(tokens.text("access_token")); a.status != http.StatusUnauthorized {
		p.s.t.Errorf("%s: userinfo answers %d", what, a.status)
	}
	if p.active(tokens.text("access_token")) || p.active(tokens.text("refresh_token")) {
		p.s.t.Errorf("%s: introspection says active", what)
	}
	p.refused(what+": refresh", p.refresh(tokens.text("refresh_token")), "invalid_grant")
}

func (p *party) refused(what string, r reply, code string) {
	p.s.t.Helper()
	if r.status < 400 || r.status >= 500 || r.text("error") != code || r.text("access_token") != "" {
		p.s.t.Errorf("%s: %d %v, want %s", what, r.status, r.body, code)
	}
}

// leading is what a browser follows; where a change of language comes back to is a path of ours, checked there.
var leading = regexp.MustCompile(`(href|action|src|content)="[^"]*evil`)

// goesNowhere fails unless the answer is a page for the person: nothing is sent anywhere.
func (s *scene) goesNowhere(what string, a apptest.Answer) {
	s.t.Helper()
	if a.Status != http.StatusUnprocessableEntity && a.Status != http.StatusBadRequest && a.Status != http.StatusNotFound || a.Location != "" || a.Header.Get("Refresh") != "" {
		s.t.Errorf("%s: %d to %q", what, a.Status, a.Location)
	}
	if leading.MatchString(a.Body) || strings.Contains(apptest.Words(a.Body), "evil.test") {
		s.t.Errorf("%s: the page leads to the address, or names it", what)
	}
}

// signer is a key of a party or of a thief.
func newKey(t *testing.T) jose.JSONWebKey {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return jose.JSONWebKey{Key: private, KeyID: "key", Algorithm: "ES256"}
}

func publicSet(t *testing.T, key jose.JSONWebKey) string {
	t.Helper()
	text, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key.Public()}})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// signed makes a compact JWS of claims; head adds to its header.
func signed(t *testing.T, alg jose.SignatureAlgorithm, key any, head map[jose.HeaderKey]any, claims map[string]any) string {
	t.Helper()
	o := &jose.SignerOptions{}
	for name, value := range head {
		o.WithHeader(name, value)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, o)
	if err != nil {
		t.Fatal(err)
	}
	return serialize(t, signer, claims)
}

func serialize(t *testing.T, signer jose.Signer, claims map[string]any) string {
	t.Helper()
	body, err := json.Marshal(claims)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign(body)
	if err != nil {
		t.Fatal(err)
	}
	text, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// unsigned is a token with the algorithm "none".
func unsigned(t *testing.T, head, claims map[string]any) string {
	t.Helper()
	var parts []string
	for _, part := range []map[string]any{head, claims} {
		text, err := json.Marshal(part)
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, base64.RawURLEncoding.EncodeToString(text))
	}
	return strings.Join(parts, ".") + "."
}

// with returns the map with changes; a nil value takes a name out.
func with(m map[string]any, changes ...any) map[string]any {
	out := map[string]any{}
	maps.Copy(out, m)
	for i := 0; i+1 < len(changes); i += 2 {
		name, _ := changes[i].(string)
		if changes[i+1] == nil {
			delete(out, name)
			continue
		}
		out[name] = changes[i+1]
	}
	return out
}
