package systems

import (
	"encoding/json"
	"html"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"doverie/internal/account"
	"doverie/internal/apptest"
	"doverie/internal/apptest/browser"
	"doverie/internal/oidc"
)

// site is a plain relying party on x/oauth2, for the items of the conformance plans.
type site struct {
	*apptest.World

	t        *testing.T
	vera     account.Account
	system   oidc.Client
	config   oauth2.Config
	provider *gooidc.Provider
	browser  *apptest.Client
}

func newSite(t *testing.T) *site {
	t.Helper()
	w := apptest.New(t, "sqlite", apptest.Options{})
	w.RealTime()
	s := &site{World: w, t: t, vera: w.AddFamily().Vera, browser: w.Client()}
	var secret string
	s.system, secret = w.System(oidc.Client{})
	var err error
	if s.provider, err = gooidc.NewProvider(t.Context(), w.URL); err != nil {
		t.Fatal(err)
	}
	s.config = oauth2.Config{ClientID: s.system.ID, ClientSecret: secret, Endpoint: s.provider.Endpoint(), RedirectURL: s.system.Redirects[0], Scopes: []string{"openid", "profile"}}
	s.config.Endpoint.AuthStyle = oauth2.AuthStyleInHeader
	return s
}

const verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"

// address is a request with more parameters: name, value, name, value ….
func (s *site) address(more ...string) string {
	options := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(verifier)}
	for i := 0; i+1 < len(more); i += 2 {
		options = append(options, oauth2.SetAuthURLParam(more[i], more[i+1]))
	}
	return strings.TrimPrefix(s.config.AuthCodeURL("the state", options...), s.URL)
}

// step follows the provider's own redirects from an address to where the person has to do something, or away.
func (s *site) step(more ...string) apptest.Answer {
	s.t.Helper()
	a := s.browser.Get(s.address(more...))
	for strings.HasPrefix(a.Location, "/oidc/continue") {
		a = s.browser.Get(a.Location)
	}
	return a
}

// enter signs Vera in and gives the claims of her id token.
func (s *site) enter(more ...string) (claims map[string]any, token *oauth2.Token) {
	s.t.Helper()
	back := s.browser.Through(s.address(more...), s.vera, apptest.Password)
	token, err := s.config.Exchange(s.t.Context(), back.Query().Get("code"), oauth2.VerifierOption(verifier))
	if err != nil {
		s.t.Fatalf("%v: %s", err, back)
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := s.provider.Verifier(&gooidc.Config{ClientID: s.system.ID}).Verify(s.t.Context(), raw)
	if err == nil {
		err = id.Claims(&claims)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return claims, token
}

// TestMetadata: the metadata promises what is there, and the key set holds public keys and nothing else.
func TestMetadata(t *testing.T) {
	s := newSite(t)
	for _, path := range []string{"/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"} {
		a := s.browser.Get(path)
		var meta map[string]any
		if err := json.Unmarshal([]byte(a.Body), &meta); err != nil || a.Status != http.StatusOK || a.Header.Get("Content-Type") != "application/json" {
			t.Fatalf("%s: %d %s %v", path, a.Status, a.Header.Get("Content-Type"), err)
		}
		for name, value := range meta {
			address, ok := value.(string)
			if !ok || !strings.HasSuffix(name, "_endpoint") && name != "jwks_uri" {
				continue
			}
			if got := s.browser.Do(http.MethodPost, strings.TrimPrefix(address, s.URL), url.Values{}); name != "jwks_uri" && got.Status == http.StatusNotFound {
				t.Errorf("%s is promised at %s, and nothing is there", name, address)
			}
		}
		for name, want := range map[string][]any{
			"response_types_supported": {"code"}, "code_challenge_methods_supported": {"S256"}, "id_token_signing_alg_values_supported": {"RS256", "ES256"},
			"response_modes_supported": {"query", "form_post"}, "token_endpoint_auth_methods_supported": {"client_secret_basic", "private_key_jwt"},
		} {
			if got, _ := meta[name].([]any); !slices.Equal(got, want) {
				t.Errorf("%s: %v", name, meta[name])
			}
		}
		text := strings.ToLower(a.Body)
		for _, never := range []string{`"none"`, `"plain"`, "hs256", "implicit", `"token"`, "client_secret_post"} {
			if strings.Contains(strings.ReplaceAll(text, `"none","login","consent"`, ""), never) {
				t.Errorf("the metadata promises %s", never)
			}
		}
	}
	a := s.browser.Get("/oidc/jwks")
	var set struct{ Keys []map[string]any }
	if err := json.Unmarshal([]byte(a.Body), &set); err != nil || len(set.Keys) != 2 || !strings.Contains(a.Header.Get("Cache-Control"), "max-age=300") {
		t.Fatalf("the key set: %v %s", err, a.Body)
	}
	for _, key := range set.Keys {
		if key["kid"] == "" || key["use"] != "sig" || key["alg"] == "" {
			t.Errorf("a key without its name or use: %v", key)
		}
		for _, private := range []string{"d", "p", "q", "dp", "dq", "qi", "k"} {
			if key[private] != nil {
				t.Errorf("the private part %q is published", private)
			}
		}
	}
}

// TestKeyRotation: a key is announced, signs when its time has come, and the old one is served until what it signed has lapsed.
func TestKeyRotation(t *testing.T) {
	w := apptest.New(t, "sqlite", apptest.Options{})
	ctx, keys := t.Context(), w.Systems.Keys
	states := func() (announced, signing, retired int) {
		t.Helper()
		if err := keys.Tend(ctx); err != nil {
			t.Fatal(err)
		}
		all, err := keys.List(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, k := range all {
			switch k.State {
			case oidc.Announced:
				announced++
			case oidc.Signing:
				signing++
			case oidc.Retired:
				retired++
				if len(k.Sealed) > 0 {
					t.Error("a retired key keeps its private part")
				}
			}
		}
		return announced, signing, retired
	}
	want := func(what string, announced, signing, retired int) {
		t.Helper()
		if a, s, r := states(); a != announced || s != signing || r != retired {
			t.Errorf("%s: %d announced, %d signing, %d retired", what, a, s, r)
		}
	}
	want("at first", 0, 2, 0)
	w.Clock.Advance(w.Policy.SystemKeyLife - w.Policy.SystemKeyAnnounce - time.Second)
	want("before the announcement", 0, 2, 0)
	w.Clock.Advance(time.Second)
	want("announced", 2, 2, 0)
	w.Clock.Advance(w.Policy.SystemKeyAnnounce - time.Second)
	want("before they sign", 2, 2, 0)
	old, err := keys.Sign(ctx, oidc.RS256, "JWT", map[string]any{"a": 1})
	if err != nil {
		t.Fatal(err)
	}
	w.Clock.Advance(time.Second)
	want("they sign", 0, 2, 2)
	fresh, err := keys.Sign(ctx, oidc.RS256, "JWT", map[string]any{"a": 1})
	if err != nil || strings.Split(fresh, ".")[0] == strings.Split(old, ".")[0] {
		t.Errorf("the old key signs still (%v)", err)
	}
	w.Clock.Advance(w.Policy.SystemAccess + 25*time.Hour)
	want("the old ones are gone", 0, 2, 0)
	if n := w.DB.Count(t, `SELECT COUNT(*) FROM events WHERE kind LIKE 'system.key_%'`); n != 8 {
		t.Errorf("%d events of keys", n)
	}
}

// TestUserInfoByPost: userinfo by GET and POST, by the Authorization header.
func TestUserInfoByPost(t *testing.T) {
	s := newSite(t)
	_, token := s.enter()
	for _, method := range []string{http.MethodGet, http.MethodPost} {
		a := s.browser.Do(method, "/oidc/userinfo", nil, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+token.AccessToken) })
		if a.Status != http.StatusOK || !strings.Contains(a.Body, "Вера") {
			t.Errorf("%s: %d %s", method, a.Status, a.Body)
		}
	}
	a := s.browser.Get("/oidc/userinfo")
	if a.Status != http.StatusUnauthorized || !strings.HasPrefix(a.Header.Get("WWW-Authenticate"), "Bearer") {
		t.Errorf("without a token: %d %q", a.Status, a.Header.Get("WWW-Authenticate"))
	}
}

// TestRequestByPost: a request that a site posts, without our cookies as browsers do it, goes on as one by GET.
func TestRequestByPost(t *testing.T) {
	s := newSite(t)
	u, err := url.Parse(s.address())
	if err != nil {
		t.Fatal(err)
	}
	a := s.Client().Do(http.MethodPost, u.Path, u.Query(), func(r *http.Request) {
		r.Header.Set("Origin", "https://water.example.test")
		r.Header.Set("Sec-Fetch-Site", "cross-site")
	})
	if !strings.HasPrefix(a.Location, "/oidc/continue?at=") {
		t.Fatalf("%d %s", a.Status, a.Location)
	}
	s.browser.SignIn(s.vera, apptest.Password)
	if back := s.browser.Through(a.Location, s.vera, apptest.Password); !back.Query().Has("code") {
		t.Errorf("came back to %s", back)
	}
}

// TestPromptAndMaxAge: who is asked for what, and who is not.
func TestPromptAndMaxAge(t *testing.T) {
	s := newSite(t)
	failed := func(a apptest.Answer) string {
		u, err := url.Parse(a.Location)
		if err != nil || u.Host == "" {
			return a.Location
		}
		return u.Query().Get("error")
	}
	if got := failed(s.step("prompt", "none")); got != "login_required" {
		t.Errorf("prompt=none, nobody signed in: %s", got)
	}
	s.browser.SignIn(s.vera, apptest.Password)
	if got := failed(s.step("prompt", "none")); got != "consent_required" {
		t.Errorf("prompt=none, not agreed: %s", got)
	}
	first, _ := s.enter()
	if a := s.step("prompt", "none"); !strings.Contains(a.Location, "code=") {
		t.Errorf("prompt=none, agreed: %s", a.Location)
	}
	if got := failed(s.step("prompt", "none", "scope", "openid email")); got != "consent_required" {
		t.Errorf("prompt=none, more than agreed: %s", got)
	}
	s.Clock.Advance(2 * time.Second)
	for what, more := range map[string][]string{"prompt=login": {"prompt", "login"}, "max_age=1": {"max_age", "1"}, "max_age=0": {"max_age", "0"}} {
		if a := s.step(more...); !strings.HasPrefix(a.Location, "/step-up?next=%2Foidc%2Fonward") {
			t.Errorf("%s: %s", what, a.Location)
		}
	}
	if got := failed(s.step("prompt", "none", "max_age", "1")); got != "login_required" {
		t.Errorf("prompt=none and too long ago: %s", got)
	}
	if a := s.step("prompt", "consent"); !strings.HasPrefix(a.Location, "/oidc/consent") {
		t.Errorf("prompt=consent: %s", a.Location)
	}
	same, _ := s.enter("max_age", "10000")
	if same["auth_time"] != first["auth_time"] {
		t.Errorf("max_age=10000: auth_time %v, before %v", same["auth_time"], first["auth_time"])
	}
	again, _ := s.enter("max_age", "1")
	before, _ := first["auth_time"].(float64)
	if after, _ := again["auth_time"].(float64); after <= before {
		t.Errorf("max_age=1: auth_time %v, before %v", after, before)
	}
	// "No" is an answer too.
	page := s.browser.Get(s.step("prompt", "consent").Location)
	a := s.browser.Post("/oidc/consent", "at", apptest.Step(page.Body), "agree", "no")
	if failed(a) != "access_denied" || !strings.Contains(a.Location, "state=the+state") {
		t.Errorf("no: %s", a.Location)
	}
}

// TestClaimsAndHints: single claims, hints of who is meant, contexts; what is not known is passed over.
func TestClaimsAndHints(t *testing.T) {
	s := newSite(t)
	claims, token := s.enter("claims", `{"id_token":{"birthdate":null,"favourite_colour":{"essential":true}},"userinfo":{"phone_number":{"essential":true}}}`,
		"display", "popup", "ui_locales", "fr", "login_hint", "someone", "unheard_of", "x", "acr_values", "phr aal2")
	if claims["birthdate"] != "1954-03-08" || claims["favourite_colour"] != nil || claims["phone_number"] != nil || claims["acr"] != oidc.ACRTwoFactors {
		t.Errorf("the id token: %v", claims)
	}
	info, err := s.provider.UserInfo(t.Context(), oauth2.StaticTokenSource(token))
	if err != nil {
		t.Fatal(err)
	}
	var person map[string]any
	if err = info.Claims(&person); err != nil || person["phone_number"] != s.vera.Phone || person["birthdate"] != nil {
		t.Errorf("userinfo: %v %v", person, err)
	}
	raw, _ := token.Extra("id_token").(string)
	if a := s.step("prompt", "none", "id_token_hint", raw); !strings.Contains(a.Location, "code=") {
		t.Errorf("her own hint: %s", a.Location)
	}
	for what, text := range map[string]string{"another subject": `{"id_token":{"sub":{"value":"somebody"}}}`} {
		if a := s.step("prompt", "none", "claims", text); !strings.Contains(a.Location, "error=login_required") {
			t.Errorf("%s: %s", what, a.Location)
		}
	}
	if a := s.step("claims", `{"id_token":{"acr":{"essential":true,"values":["phr"]}}}`); !strings.Contains(a.Location, "error=unmet_authentication_requirements") {
		t.Errorf("an essential context that she does not have: %s", a.Location)
	}
	if a := s.step("claims", `{"id_token":{"acr":{"essential":true,"values":["phr","aal2"]}}}`); !strings.Contains(a.Location, "code=") {
		t.Errorf("an essential context that she has: %s", a.Location)
	}
}

// TestFormPost: an error by form_post too; what a site sent is escaped; the page has a button and no inline script.
func TestFormPost(t *testing.T) {
	s := newSite(t)
	s.config.Scopes = []string{"openid"}
	evil := `"><script>alert(1)</script>`
	a := s.browser.Get(strings.Replace(s.address("response_mode", "form_post", "prompt", "none"), "state=the+state", "state="+url.QueryEscape(evil), 1))
	a = s.browser.Get(a.Location)
	if a.Status != http.StatusOK || strings.Contains(a.Body, "<script>") || !strings.Contains(a.Body, `name="error" value="login_required"`) ||
		!strings.Contains(a.Body, `name="state" value="`+html.EscapeString(evil)) && !strings.Contains(a.Body, "&lt;script&gt;") || !strings.Contains(a.Body, `name="iss"`) {
		t.Errorf("%d %s", a.Status, a.Body)
	}
	policy := a.Header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "form-action 'self' https://water.example.test;") || !strings.Contains(policy, "script-src 'self'") || !strings.Contains(a.Body, `<button class="button">`) {
		t.Errorf("the policy is %q", policy)
	}
}

var testName = regexp.MustCompile("`(Test[A-Z][A-Za-z0-9_]+)`")

// TestDocument: every test that docs/oidc.md names exists.
func TestDocument(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(browser.Root(t), "docs", "oidc.md"))
	if err != nil {
		t.Fatal(err)
	}
	named := testName.FindAllStringSubmatch(string(text), -1)
	if len(named) < 20 {
		t.Fatalf("only %d tests are named", len(named))
	}
	var source strings.Builder
	err = filepath.WalkDir(filepath.Join(browser.Root(t), "internal"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		code, err := os.ReadFile(path)
		source.Write(code)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range named {
		if !strings.Contains(source.String(), "func "+one[1]+"(") {
			t.Errorf("docs/oidc.md names %s, and there is no such test", one[1])
		}
	}
}
