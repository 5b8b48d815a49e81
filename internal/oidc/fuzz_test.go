package oidc

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

var fuzzNow = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)

const fuzzChallenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"

func fuzzClient() Client {
	return Client{
		ID: "client", Name: "Водоканал", Kind: Web, State: Active, Auth: PrivateKeyJWT, Redirects: []string{"https://water.example.test/cb"},
		Subjects: Pairwise, Sector: "water.example.test", Scopes: []string{ScopeOpenID, ScopeProfile, ScopeSNILS}, IDTokenAlg: RS256,
	}
}

// FuzzRequest: whatever a browser brings, an accepted request asks only for what the client may have, with a challenge
// of S256, goes only to a registered address, and survives being stored.
func FuzzRequest(f *testing.F) {
	good := "client_id=client&redirect_uri=https%3A%2F%2Fwater.example.test%2Fcb&response_type=code&scope=openid&code_challenge=" + fuzzChallenge + "&code_challenge_method=S256"
	for _, seed := range []string{
		good, good + "&scope=profile", good + "&state=%00", good + "&claims=%7B%22userinfo%22%3A%7B%22snils%22%3Anull%7D%7D", good + "&max_age=-1", good + "&max_age=99999999999999999999",
		good + "&prompt=none+login", good + "&claims=[]", good + "&id_token_hint=x.y.z", good + "&dpop_jkt=" + fuzzChallenge, strings.Replace(good, "S256", "plain", 1),
		good + "&response_mode=form_post&acr_values=phr+aal2", "redirect_uri=https://evil.test", "%zz", "a=" + strings.Repeat("&a=", 100),
	} {
		f.Add(seed)
	}
	c := fuzzClient()
	f.Fuzz(func(t *testing.T, query string) {
		params, _ := url.ParseQuery(query) // what can be read of it, as net/http does
		redirect, mode, _, wrong := target(params, c)
		if wrong != nil {
			if redirect != "" {
				t.Fatalf("refused, and still an address: %q", redirect)
			}
			return
		}
		if !slices.Contains(c.Redirects, redirect) || mode != ModeQuery && mode != ModeFormPost {
			t.Fatalf("to %q by %q", redirect, mode)
		}
		r, wrong := parseRequest(params, c, fuzzNow, func(string) (string, bool) { return "", false })
		if wrong != nil {
			return
		}
		if r.Redirect != redirect || !isThumbprint(r.Challenge) || !slices.Contains(r.Scopes, ScopeOpenID) || r.Client != c.ID {
			t.Fatalf("accepted: %+v", r)
		}
		for _, s := range r.Scopes {
			if !slices.Contains(c.Scopes, s) {
				t.Fatalf("scope %q is not the client's", s)
			}
		}
		for _, name := range r.single() {
			if !slices.Contains(c.Scopes, scopeOf(name)) {
				t.Fatalf("claim %q is not the client's", name)
			}
		}
		text, err := json.Marshal(r)
		if err != nil {
			t.Fatal(err)
		}
		var again Request
		if err = json.Unmarshal(text, &again); err != nil {
			t.Fatal(err)
		}
		if second, err := json.Marshal(again); err != nil || !bytes.Equal(text, second) {
			t.Fatalf("stored %s, read %s, %v", text, second, err)
		}
	})
}

func fuzzKey(f *testing.F) (jose.JSONWebKey, string) {
	f.Helper()
	// Always the same key: the workers of a fuzz run share the seeds of the first process.
	private, err := ecdsa.ParseRawPrivateKey(elliptic.P256(), bytes.Repeat([]byte{7}, 32))
	if err != nil {
		f.Fatal(err)
	}
	key := jose.JSONWebKey{Key: private, KeyID: "k", Algorithm: ES256}
	set, err := json.Marshal(jose.JSONWebKeySet{Keys: []jose.JSONWebKey{key.Public()}})
	if err != nil {
		f.Fatal(err)
	}
	return key, string(set)
}

func fuzzSign(f testing.TB, key jose.JSONWebKey, o *jose.SignerOptions, claims string) string {
	f.Helper()
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: key.Key}, o)
	if err != nil {
		f.Fatal(err)
	}
	jws, err := signer.Sign([]byte(claims))
	if err != nil {
		f.Fatal(err)
	}
	text, err := jws.CompactSerialize()
	if err != nil {
		f.Fatal(err)
	}
	return text
}

// sameSigned compares what is signed; the last letter of a signature has bits that mean nothing.
func sameSigned(a, b string) bool {
	return a[:strings.LastIndex(a, ".")] == b[:strings.LastIndex(b, ".")]
}

// FuzzAssertion: of all texts only one that the client's own key signed is taken. The second input becomes the claims
// of a token that is signed rightly, so that the reading of claims is reached too.
func FuzzAssertion(f *testing.F) {
	key, set := fuzzKey(f)
	honest := `{"iss":"client","sub":"client","aud":"https://id.test","jti":"x","exp":1795251660,"iat":1795251600}`
	token := fuzzSign(f, key, nil, honest)
	for _, seed := range [][2]string{
		{token, honest}, {"a.b.c", `{"aud":["https://id.test"],"iss":"client","sub":"client","jti":"x","exp":1e99}`}, {token[:50], `{"exp":-1}`},
		{"eyJhbGciOiJub25lIn0..", `{"aud":{"x":1}}`}, {strings.Repeat("A", 9000), "null"}, {"..", `[]`}, {"", `{"exp":"9"}`},
	} {
		f.Add(seed[0], seed[1])
	}
	c := fuzzClient()
	c.JWKS = set
	f.Fuzz(func(t *testing.T, text, claims string) {
		if id, ok := assertionClient(text); ok && (id == "" || len(id) > maxID) {
			t.Fatalf("a client called %q", id)
		}
		if _, _, wrong := checkAssertion(text, c, "https://id.test", fuzzNow, time.Minute); wrong == nil && !sameSigned(text, token) {
			t.Fatalf("taken: %q", text)
		}
		jti, until, wrong := checkAssertion(fuzzSign(t, key, nil, claims), c, "https://id.test", fuzzNow, time.Minute)
		if wrong != nil {
			return
		}
		if jti == "" || len(jti) > maxID || !until.After(fuzzNow) || until.After(fuzzNow.Add(longestAssertion)) {
			t.Fatalf("taken: %q until %s", jti, until)
		}
	})
}

// FuzzProof: no text that somebody made up is a proof, and no claims of a rightly signed one lead elsewhere.
func FuzzProof(f *testing.F) {
	key, _ := fuzzKey(f)
	o := (&jose.SignerOptions{EmbedJWK: true}).WithType("dpop+jwt")
	honest := `{"jti":"x","htm":"POST","htu":"https://id.test/oidc/token","iat":1795251600}`
	token := fuzzSign(f, key, o, honest)
	for _, seed := range [][2]string{
		{token, honest}, {"a.b.c", `{"jti":"x","htm":"POST","htu":"HTTPS://ID.TEST/oidc/token?x#y","iat":1795251600.5}`}, {token + "x", `{"iat":-1}`},
		{"", `{"htu":"https://id.test%2foidc/token"}`}, {strings.Repeat("A", 9000), `{"htu":["x"]}`}, {"..", "null"},
	} {
		f.Add(seed[0], seed[1])
	}
	ours := Proof{Method: "POST", URL: "https://id.test/oidc/token"}
	f.Fuzz(func(t *testing.T, text, claims string) {
		made := ours
		made.Headers = []string{text}
		if _, _, _, wrong := parseProof(made, "", fuzzNow, time.Minute); wrong == nil && !sameSigned(text, token) {
			t.Fatalf("taken: %q", text)
		}
		signed := ours
		signed.Headers = []string{fuzzSign(t, key, o, claims)}
		jkt, _, jti, wrong := parseProof(signed, "", fuzzNow, time.Minute)
		if wrong != nil {
			return
		}
		if !isThumbprint(jkt) || jti == "" || len(jti) > maxID {
			t.Fatalf("taken: %q %q", jkt, jti)
		}
		if _, _, _, wrong = parseProof(signed, "an access token", fuzzNow, time.Minute); wrong == nil && !strings.Contains(claims, hashText("an access token")) {
			t.Fatalf("a proof for another token is taken: %s", claims)
		}
		elsewhere := signed
		elsewhere.URL = "https://id.test/oidc/userinfo"
		if _, _, _, wrong = parseProof(elsewhere, "", fuzzNow, time.Minute); wrong == nil {
			t.Fatalf("a proof for another address is taken: %s", claims)
		}
	})
}

// FuzzURI: an address that may be registered is whole, has one host, and means the same to everybody.
func FuzzURI(f *testing.F) {
	for _, seed := range []string{
		"https://a.test/cb", "http://localhost:1/x", "http://127.0.0.1/x", "http://a.test", "https://a.test/#", "https://u@a.test", "//a.test", "https:a", "https://[::1]/x", "http://[::1]/x",
		"https://a.test\\@b.test/", "javascript:alert(1)", "https://*.a.test", "https://a.test:99999/", "HTTPS://a.test",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if !goodURI(text) {
			return
		}
		u, err := url.Parse(text)
		if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.Scheme != "https" && u.Scheme != "http" || len(strings.Fields(text)) != 1 {
			t.Fatalf("may be registered: %q", text)
		}
		if a := (Answer{Redirect: text, Params: url.Values{"code": {"x"}}}); hostOf(a.URL()) != hostOf(text) {
			t.Fatalf("an answer to %q goes to %q", text, a.URL())
		}
	})
}
