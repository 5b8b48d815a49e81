package attacks

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"doverie/internal/apptest"
	"doverie/internal/oidc"
)

// T46: no token is taken for another kind, and no trick with algorithms or keys makes one (RFC 8725, RFC 9700 §4.9).
func TestT46_TokenConfusion(t *testing.T) {
	s := begin(t)
	p := s.party(oidc.Client{PostLogout: []string{"https://water.example.test/bye"}})
	other := s.party(oidc.Client{Name: "Другая"})
	browser := s.Client()
	tokens := p.tokens(browser, s.Vera)
	access, refresh, id := tokens.text("access_token"), tokens.text("refresh_token"), tokens.text("id_token")
	now := s.Clock.Now()
	claims := map[string]any{"iss": s.URL, "aud": p.client.ID, "sub": "x", "iat": now.Unix(), "exp": now.Add(time.Hour).Unix(), "sid": "x", "jti": "x"}
	of := func(typ string, changes ...any) string {
		token, err := s.Systems.Keys.Sign(t.Context(), "RS256", typ, with(claims, changes...))
		if err != nil {
			t.Fatal(err)
		}
		return token
	}
	// Where an access token belongs.
	for what, token := range map[string]string{
		"a refresh token": refresh, "an id token": id, "a signed access token": of("at+jwt"), "a logout token": of("logout+jwt"), "a security event": of("secevent+jwt"),
		"nothing": "", "very much": strings.Repeat("A", 5000), "a NUL": access + "%00", "a code": p.code(browser, s.Vera), "another letter": "A" + access[1:],
	} {
		if a := p.userInfo(token); a.status != http.StatusUnauthorized || a.body["sub"] != nil {
			t.Errorf("userinfo takes %s: %d %v", what, a.status, a.body)
		}
		if token != refresh && p.active(token) {
			t.Errorf("introspection takes %s", what)
		}
	}
	for what, change := range map[string]func(*http.Request){
		"in the address": func(r *http.Request) { r.URL.RawQuery = "access_token=" + access },
		"twice":          func(r *http.Request) { r.Header["Authorization"] = []string{"Bearer " + access, "Bearer " + access} },
		"as DPoP":        func(r *http.Request) { r.Header.Set("Authorization", "DPoP "+access) },
		"as Basic":       func(r *http.Request) { r.SetBasicAuth(p.client.ID, access) },
	} {
		if a := s.send(http.MethodGet, "/oidc/userinfo", nil, change); a.status != http.StatusUnauthorized {
			t.Errorf("userinfo takes the token %s: %d", what, a.status)
		}
	}
	// Where a refresh token or a code belongs.
	for what, token := range map[string]string{"an access token": access, "an id token": id, "a logout token": of("logout+jwt")} {
		p.refused(what+" for a refresh token", p.refresh(token), "invalid_grant")
		p.refused(what+" for a code", p.exchange(token), "invalid_grant")
	}
	other.refused("a refresh token of another system", other.refresh(refresh), "invalid_grant")
	if other.active(access) || other.active(refresh) {
		t.Error("another system learns of tokens that are not its own")
	}
	if r := other.post("/oidc/revoke", "token", refresh); r.status != http.StatusOK || !p.active(refresh) {
		t.Errorf("another system's revocation: %d, still active %t", r.status, p.active(refresh))
	}
	p.refused("a refresh that asks for more", p.post("/oidc/token", "grant_type", "refresh_token", "refresh_token", refresh, "scope", "openid profile snils"), "invalid_scope")
	// Where an id token belongs: a hint. The hidden variants are each for one reason wrong.
	set, err := s.Systems.Keys.Public(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, _ := set.Keys[0].Key.(*rsa.PublicKey)
	kid := set.Keys[0].KeyID
	if rsaKey == nil {
		t.Fatalf("the first published key is %T", set.Keys[0].Key)
	}
	text, err := json.Marshal(set.Keys[0])
	if err != nil {
		t.Fatal(err)
	}
	own := newKey(t)
	for what, hint := range map[string]string{
		"a logout token": of("logout+jwt"), "a security event": of("secevent+jwt"), "without typ": of(""), "another issuer": of("JWT", "iss", "https://evil.test"),
		"two audiences": of("JWT", "aud", []string{p.client.ID, other.client.ID}), "no audience": of("JWT", "aud", nil), "an access token": access,
		"alg none": unsigned(t, map[string]any{"alg": "none", "typ": "JWT", "kid": kid}, claims), "alg None": unsigned(t, map[string]any{"alg": "None", "typ": "JWT"}, claims),
		"the public key as a secret":    signed(t, jose.HS256, text, map[jose.HeaderKey]any{"typ": "JWT", "kid": kid}, claims),
		"somebody's key under our name": signed(t, jose.ES256, own.Key, map[jose.HeaderKey]any{"typ": "JWT", "kid": kid}, claims),
		"somebody's key, embedded":      signed(t, jose.ES256, own.Key, map[jose.HeaderKey]any{"typ": "JWT", "jwk": own.Public()}, claims),
		"somebody's key, by address":    signed(t, jose.ES256, own.Key, map[jose.HeaderKey]any{"typ": "JWT", "jku": "https://evil.test/keys", "kid": kid}, claims),
		"cut":                           id[:len(id)-5], "another payload": strings.Split(id, ".")[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"iss":"x"}`)) + "." + strings.Split(id, ".")[2],
		"five parts": id + ".x.y", "very long": id + strings.Repeat("A", 9000), "JSON": `{"payload":"x"}`,
	} {
		a := browser.Get(p.request("prompt", "none", "id_token_hint", hint))
		if a.Status != http.StatusSeeOther || !strings.Contains(a.Location, "error=invalid_request") {
			t.Errorf("a hint, %s: %d %s", what, a.Status, a.Location)
		}
		s.goesNowhere("signing out by a hint, "+what, browser.Get("/oidc/logout?id_token_hint="+hint))
	}
	if a := browser.Get(other.request("prompt", "none", "id_token_hint", id)); !strings.Contains(a.Location, "error=invalid_request") {
		t.Errorf("the id token of one system as a hint of another: %s", a.Location)
	}
	// And the right one is taken, also when it has lapsed.
	s.Clock.Advance(30 * time.Minute)
	if back := browser.Through(p.request("prompt", "none", "id_token_hint", id), s.Vera, apptest.Password); !back.Query().Has("code") {
		t.Errorf("her own hint: %s", back)
	}
}

// T46: a client assertion is for us, of that client, once and for a short time (RFC 7523, RFC 7523bis).
func TestT46_ClientAssertions(t *testing.T) {
	s := begin(t)
	key, foreign := newKey(t), newKey(t)
	p := s.party(oidc.Client{Auth: oidc.PrivateKeyJWT, JWKS: publicSet(t, key)})
	other := s.party(oidc.Client{Name: "Другая", Auth: oidc.PrivateKeyJWT, JWKS: publicSet(t, foreign)})
	basic := s.party(oidc.Client{Name: "С паролем"})
	n := 0
	claims := func(changes ...any) map[string]any {
		n++
		now := s.Clock.Now()
		return with(map[string]any{
			"iss": p.client.ID, "sub": p.client.ID, "aud": s.URL, "iat": now.Unix(), "exp": now.Add(time.Minute).Unix(), "jti": strings.Repeat("j", n),
		}, changes...)
	}
	assertion := func(changes ...any) string { return signed(t, jose.ES256, key, nil, claims(changes...)) }
	post := func(token string, more ...string) reply {
		return s.send(http.MethodPost, "/oidc/introspect", apptest.Form(append([]string{
			"token", "x", "client_assertion", token, "client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
		}, more...)...), nil)
	}
	good := assertion()
	if r := post(good); r.status != http.StatusOK {
		t.Fatalf("an honest assertion: %d %v", r.status, r.body)
	}
	weak, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	now := s.Clock.Now()
	for what, token := range map[string]string{
		"a second time": good, "for the token endpoint": assertion("aud", s.URL+"/oidc/token"), "for us and another": assertion("aud", []string{s.URL, "https://evil.test"}),
		"for us, in a list": assertion("aud", []string{s.URL}), "for another": assertion("aud", "https://evil.test"), "for nobody": assertion("aud", nil),
		"lapsed": assertion("exp", now.Unix()), "without end": assertion("exp", nil), "for a year": assertion("exp", now.Add(365*24*time.Hour).Unix()),
		"of tomorrow": assertion("iat", now.Add(24*time.Hour).Unix()), "not yet": assertion("nbf", now.Add(time.Hour).Unix()), "without jti": assertion("jti", nil),
		"a long jti": assertion("jti", strings.Repeat("x", 300)), "sub of another": assertion("sub", other.client.ID), "iss of another": assertion("iss", other.client.ID),
		"another's name": assertion("iss", other.client.ID, "sub", other.client.ID), "a client with a secret": assertion("iss", basic.client.ID, "sub", basic.client.ID),
		"nobody's name": assertion("iss", "x", "sub", "x"), "by another's key": signed(t, jose.ES256, foreign, nil, claims()),
		"by another algorithm": signed(t, jose.RS256, weak, nil, claims()), "alg none": unsigned(t, map[string]any{"alg": "none"}, claims()),
		"with the public key as a secret": signed(t, jose.HS256, []byte(p.client.JWKS), nil, claims()),
		"of another kind":                 signed(t, jose.ES256, key, map[jose.HeaderKey]any{"typ": "dpop+jwt"}, claims()),
		"embedded key":                    signed(t, jose.ES256, foreign.Key, map[jose.HeaderKey]any{"jwk": foreign.Public()}, claims()),
		"exp that is no number":           assertion("exp", "soon"), "too long": good + strings.Repeat("A", 7000), "nothing": "",
	} {
		p.refused(what, post(token), "invalid_client")
	}
	p.refused("with another client_id beside it", post(assertion(), "client_id", other.client.ID), "invalid_client")
	p.refused("with a secret beside it", s.send(http.MethodPost, "/oidc/introspect", apptest.Form("token", "x", "client_assertion", assertion(), "client_assertion_type",
		"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"), func(r *http.Request) { r.SetBasicAuth(basic.client.ID, basic.secret) }), "invalid_request")
	p.refused("twice in a form", post(assertion(), "client_assertion", assertion()), "invalid_request")
	if r := post(assertion()); r.status != http.StatusOK {
		t.Errorf("an honest assertion afterwards: %d %v", r.status, r.body)
	}
	if _, err := s.Systems.Disable(t.Context(), byPerson, p.client.ID); err != nil {
		t.Fatal(err)
	}
	p.refused("of a disabled client", post(assertion()), "invalid_client")
}

// T46: a token bound to a key is nothing without the key: proofs are for one request, once, fresh, with our nonce.
func TestT46_BoundTokens(t *testing.T) {
	s := begin(t)
	p := s.party(oidc.Client{DPoPRequired: true})
	key, thief := newKey(t), newKey(t)
	n := 0
	nonce := ""
	proof := func(by jose.JSONWebKey, method, path string, changes ...any) string {
		n++
		claims := with(map[string]any{
			"jti": strings.Repeat("p", n), "htm": method, "htu": s.URL + path, "iat": s.Clock.Now().Unix(), "nonce": nonce,
		}, changes...)
		return signed(t, jose.ES256, by.Key, map[jose.HeaderKey]any{"typ": "dpop+jwt", "jwk": by.Public()}, claims)
	}
	ask := func(proofs []string, fields ...string) reply {
		return s.send(http.MethodPost, "/oidc/token", apptest.Form(fields...), func(r *http.Request) {
			r.SetBasicAuth(p.client.ID, p.secret)
			r.Header["Dpop"] = proofs
		})
	}
	browser := s.Client()
	code := p.code(browser, s.Vera)
	form := []string{"grant_type", "authorization_code", "code", code, "redirect_uri", p.client.Redirects[0], "code_verifier", verifier}
	p.refused("no proof", ask(nil, form...), "invalid_dpop_proof")
	first := ask([]string{proof(key, "POST", "/oidc/token")}, form...)
	p.refused("no nonce", first, "use_dpop_nonce")
	p.refused("a made-up nonce", ask([]string{proof(key, "POST", "/oidc/token", "nonce", "AAAA")}, form...), "use_dpop_nonce")
	if nonce = first.header.Get("DPoP-Nonce"); nonce == "" {
		t.Fatal("no nonce to use")
	}
	private := signed(t, jose.ES256, key.Key, map[jose.HeaderKey]any{"typ": "dpop+jwt", "jwk": key}, map[string]any{
		"jti": "private", "htm": "POST", "htu": s.URL + "/oidc/token", "iat": s.Clock.Now().Unix(), "nonce": nonce})
	for what, bad := range map[string][]string{
		"two proofs": {proof(key, "POST", "/oidc/token"), proof(key, "POST", "/oidc/token")}, "another method": {proof(key, "GET", "/oidc/token")},
		"another address": {proof(key, "POST", "/oidc/userinfo")}, "another server": {proof(key, "POST", "/oidc/token", "htu", "https://evil.test/oidc/token")},
		"an old one":    {proof(key, "POST", "/oidc/token", "iat", s.Clock.Now().Add(-s.Policy.SystemProof-time.Second).Unix())},
		"of the future": {proof(key, "POST", "/oidc/token", "iat", s.Clock.Now().Add(time.Hour).Unix())},
		"without jti":   {proof(key, "POST", "/oidc/token", "jti", nil)}, "without iat": {proof(key, "POST", "/oidc/token", "iat", nil)},
		"typ of another kind": {signed(t, jose.ES256, key.Key, map[jose.HeaderKey]any{"typ": "JWT", "jwk": key.Public()}, map[string]any{"jti": "t"})},
		"no jwk":              {signed(t, jose.ES256, key.Key, map[jose.HeaderKey]any{"typ": "dpop+jwt"}, map[string]any{"jti": "t"})},
		"another's jwk":       {signed(t, jose.ES256, key.Key, map[jose.HeaderKey]any{"typ": "dpop+jwt", "jwk": thief.Public()}, map[string]any{"jti": "t"})},
		"a private jwk":       {private}, "alg none": {unsigned(t, map[string]any{"alg": "none", "typ": "dpop+jwt"}, map[string]any{"jti": "t"})},
		"a symmetric key": {signed(t, jose.HS256, []byte(strings.Repeat("k", 32)), map[jose.HeaderKey]any{"typ": "dpop+jwt"}, map[string]any{"jti": "t"})},
		"very long":       {strings.Repeat("A", 9000)}, "an empty one": {""},
	} {
		p.refused(what, ask(bad, form...), "invalid_dpop_proof")
	}
	used := proof(key, "POST", "/oidc/token")
	tokens := ask([]string{used}, form...)
	if tokens.status != http.StatusOK || tokens.text("token_type") != "DPoP" {
		t.Fatalf("an honest proof: %d %v", tokens.status, tokens.body)
	}
	access := tokens.text("access_token")
	refresh := []string{"grant_type", "refresh_token", "refresh_token", tokens.text("refresh_token")}
	p.refused("the proof a second time", ask([]string{used}, refresh...), "invalid_dpop_proof")
	p.refused("a refresh without a proof", ask(nil, refresh...), "invalid_dpop_proof")
	sum := sha256.Sum256([]byte(access))
	ath := base64.RawURLEncoding.EncodeToString(sum[:])
	see := func(scheme string, proofs ...string) int {
		return s.send(http.MethodGet, "/oidc/userinfo", nil, func(r *http.Request) {
			r.Header.Set("Authorization", scheme+" "+access)
			r.Header["Dpop"] = proofs
		}).status
	}
	honest := proof(key, "GET", "/oidc/userinfo", "ath", ath)
	if got := see("DPoP", honest); got != http.StatusOK {
		t.Errorf("userinfo with the key: %d", got)
	}
	for what, got := range map[string]int{
		"as a bearer token": see("Bearer"), "as a bearer token with a proof": see("Bearer", proof(key, "GET", "/oidc/userinfo", "ath", ath)),
		"without a proof": see("DPoP"), "with the same proof": see("DPoP", honest), "with another's proof": see("DPoP", proof(thief, "GET", "/oidc/userinfo", "ath", ath)),
		"without ath": see("DPoP", proof(key, "GET", "/oidc/userinfo")), "with another's ath": see("DPoP", proof(key, "GET", "/oidc/userinfo", "ath", ath[1:]+"A")),
		"with a proof for POST": see("DPoP", proof(key, "POST", "/oidc/userinfo", "ath", ath)), "without our nonce": see("DPoP", proof(key, "GET", "/oidc/userinfo", "ath", ath, "nonce", "")),
	} {
		if got != http.StatusUnauthorized {
			t.Errorf("userinfo %s: %d", what, got)
		}
	}
	// A code that was asked for with a key is for that key only (RFC 9449 §10).
	jkt, err := key.Thumbprint(crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	code = p.code(browser, s.Vera, "dpop_jkt", base64.RawURLEncoding.EncodeToString(jkt))
	form[3] = code
	p.refused("a stolen code with the thief's key", ask([]string{proof(thief, "POST", "/oidc/token")}, form...), "invalid_dpop_proof")
	if r := ask([]string{proof(key, "POST", "/oidc/token")}, form...); r.status != http.StatusOK {
		t.Errorf("the code with its own key: %d %v", r.status, r.body)
	}
	// A nonce does not live for ever.
	s.Clock.Advance(s.Policy.SystemProof)
	if got := see("DPoP", proof(key, "GET", "/oidc/userinfo", "ath", ath)); got != http.StatusUnauthorized {
		t.Errorf("an old nonce: %d", got)
	}
}
