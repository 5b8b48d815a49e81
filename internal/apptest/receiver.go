package apptest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"github.com/go-jose/go-jose/v4"
	"golang.org/x/oauth2"

	"doverie/internal/account"
	"doverie/internal/oidc"
	"doverie/internal/signals"
)

// Relying is another information system that signs people in: it keeps tokens, takes logout tokens and security
// event tokens, and believes nothing that is not signed for it.
type Relying struct {
	Client oidc.Client
	Secret string
	URL    string
	Stream string

	t      testing.TB
	w      *World
	config oauth2.Config
	issuer *gooidc.Provider

	mu     sync.Mutex
	down   int // what it answers instead of taking anything; 0: it takes
	heard  []Told
	wrong  []string
	silent bool
}

// Told is one token that a system took, after it was verified.
type Told struct {
	Kind   string // "logout+jwt" or "secevent+jwt"
	ID     string
	Event  string // the last word of the event's URI
	Claims map[string]any
	At     time.Time // when it came, by the machine's clock
}

// PushSecret is what the transmitter must say of itself to a Relying.
const PushSecret = "Bearer the receiver's own secret"

// Relying registers a system at an address of its own. host is 127.0.0.1 or localhost: systems of different hosts know
// people by different names.
func (w *World) Relying(name, host string) *Relying {
	w.T.Helper()
	x := &Relying{t: w.T, w: w}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /logout", x.logout)
	mux.HandleFunc("POST /signals", x.signal)
	server := httptest.NewServer(mux)
	w.T.Cleanup(server.Close)
	x.URL = strings.Replace(server.URL, "127.0.0.1", host, 1)
	x.Client, x.Secret = w.System(oidc.Client{
		Name: name, Redirects: []string{x.URL + "/callback"}, BackchannelLogout: x.URL + "/logout",
	})
	var err error
	if x.issuer, err = gooidc.NewProvider(context.Background(), w.URL); err != nil {
		w.T.Fatal(err)
	}
	x.config = oauth2.Config{
		ClientID: x.Client.ID, ClientSecret: x.Secret, Endpoint: x.issuer.Endpoint(), RedirectURL: x.Client.Redirects[0],
		Scopes: []string{gooidc.ScopeOpenID, "profile"},
	}
	x.config.Endpoint.AuthStyle = oauth2.AuthStyleInHeader
	return x
}

// Down makes the system answer with that status; 0: it takes what comes again.
func (x *Relying) Down(status int) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.down = status
}

// Silent makes the system take what comes and break the connection before it answers; or stop that.
func (x *Relying) Silent(on bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.silent = on
}

// Heard lists what the system took, of one kind of token, in order.
func (x *Relying) Heard(kind string) (all []Told) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, one := range x.heard {
		if one.Kind == kind {
			all = append(all, one)
		}
	}
	return all
}

// Wrong lists what the system could not believe.
func (x *Relying) Wrong() []string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.wrong
}

// answer takes a token, or does as Down and Silent say.
func (x *Relying) answer(ctx context.Context, w http.ResponseWriter, taken int, token, typ string) {
	x.mu.Lock()
	down, silent := x.down, x.silent
	x.mu.Unlock()
	if down != 0 {
		w.WriteHeader(down)
		return
	}
	told, err := x.verify(ctx, token, typ)
	x.mu.Lock()
	if err != nil {
		x.wrong = append(x.wrong, err.Error())
	} else {
		x.heard = append(x.heard, told)
	}
	x.mu.Unlock()
	switch {
	case silent:
		panic(http.ErrAbortHandler)
	case err != nil:
		w.WriteHeader(http.StatusBadRequest)
	default:
		w.WriteHeader(taken)
	}
}

func (x *Relying) logout(w http.ResponseWriter, r *http.Request) {
	x.answer(r.Context(), w, http.StatusOK, r.PostFormValue("logout_token"), signals.TypeLogout)
}

func (x *Relying) signal(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != PushSecret || r.Header.Get("Content-Type") != "application/secevent+jwt" {
		x.mu.Lock()
		x.wrong = append(x.wrong, "a push without the secret, or of type "+r.Header.Get("Content-Type"))
		x.mu.Unlock()
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	text, _ := io.ReadAll(r.Body)
	x.answer(r.Context(), w, http.StatusAccepted, string(text), signals.TypeSET)
}

// Verify believes a token of that type only if a published key signed it for this system with RS256.
func (x *Relying) Verify(token, typ string) (Told, error) {
	return x.verify(context.Background(), token, typ)
}

func (x *Relying) verify(ctx context.Context, token, typ string) (Told, error) {
	jws, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return Told{}, err
	}
	if got, _ := jws.Signatures[0].Protected.ExtraHeaders[jose.HeaderType].(string); got != typ {
		return Told{}, fmt.Errorf("typ is %q, want %q", got, typ)
	}
	body, err := gooidc.NewRemoteKeySet(ctx, x.w.URL+"/oidc/jwks").VerifySignature(ctx, token)
	if err != nil {
		return Told{}, err
	}
	told := Told{Kind: typ, At: time.Now()}
	if err := json.Unmarshal(body, &told.Claims); err != nil {
		return told, err
	}
	c := told.Claims
	told.ID, _ = c["jti"].(string)
	events, _ := c["events"].(map[string]any)
	for uri := range events {
		told.Event = uri[strings.LastIndex(uri, "/")+1:]
	}
	_, nonce := c["nonce"]
	switch {
	case c["iss"] != x.w.URL, c["aud"] != x.Client.ID:
		return told, fmt.Errorf("of %v for %v", c["iss"], c["aud"])
	case told.ID == "" || c["iat"] == nil || len(events) != 1:
		return told, fmt.Errorf("jti, iat or events: %v", c)
	case nonce:
		return told, errors.New("a nonce: it could pass for an id token")
	case typ == signals.TypeLogout && (c["sid"] == nil || c["sub"] == nil || c["exp"] == nil || events[string(signals.Logout)] == nil):
		return told, fmt.Errorf("no logout token: %v", c)
	case typ == signals.TypeSET && (c["sub_id"] == nil || c["sub"] != nil || c["exp"] != nil):
		return told, fmt.Errorf("no security event token: %v", c)
	}
	return told, nil
}

// SignIn lets a person sign in to the system; the browser may be signed in to the service already.
func (x *Relying) SignIn(browser *Client, who account.Account) *oauth2.Token {
	x.t.Helper()
	pkce := oauth2.GenerateVerifier()
	back := browser.Through(x.config.AuthCodeURL("state", oauth2.S256ChallengeOption(pkce)), who, Password)
	token, err := x.config.Exchange(context.Background(), back.Query().Get("code"), oauth2.VerifierOption(pkce))
	if err != nil {
		x.t.Fatalf("%s: %v (came back to %s)", x.Client.Name, err, back)
	}
	return token
}

// Subject is the name the system knows the person of a token by.
func (x *Relying) Subject(token *oauth2.Token) string {
	x.t.Helper()
	info, err := x.issuer.UserInfo(context.Background(), oauth2.StaticTokenSource(token))
	if err != nil {
		x.t.Fatal(err)
	}
	return info.Subject
}

// Works tells which uses of a token still work: userinfo, introspection, refresh (which is used up by asking).
func (x *Relying) Works(token *oauth2.Token) (uses []string) {
	x.t.Helper()
	if _, err := x.issuer.UserInfo(context.Background(), oauth2.StaticTokenSource(token)); err == nil {
		uses = append(uses, "userinfo")
	}
	a := x.Call(http.MethodPost, "/oidc/introspect", "application/x-www-form-urlencoded", url.Values{"token": {token.AccessToken}}.Encode())
	var said struct {
		Active bool `json:"active"`
	}
	if err := json.Unmarshal([]byte(a.Body), &said); err != nil || a.Status != http.StatusOK {
		x.t.Fatalf("introspection: %d %s", a.Status, a.Body)
	}
	if said.Active {
		uses = append(uses, "introspection")
	}
	old := *token
	old.Expiry = time.Now().Add(-time.Minute)
	if _, err := x.config.TokenSource(context.Background(), &old).Token(); err == nil {
		uses = append(uses, "refresh")
	}
	return uses
}

// Call asks the service as this system, with its secret in the Authorization header.
func (x *Relying) Call(method, path, kind, body string) Answer {
	x.t.Helper()
	return x.CallWith(func(r *http.Request) { r.SetBasicAuth(url.QueryEscape(x.Client.ID), url.QueryEscape(x.Secret)) }, method, path, kind, body)
}

// CallWith asks the service with a proof of one's own.
func (x *Relying) CallWith(proof func(*http.Request), method, path, kind, body string) Answer {
	x.t.Helper()
	r, err := http.NewRequest(method, x.w.URL+path, strings.NewReader(body))
	if err != nil {
		x.t.Fatal(err)
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	proof(r)
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		x.t.Fatal(err)
	}
	defer response.Body.Close()
	text, _ := io.ReadAll(response.Body)
	return Answer{Status: response.StatusCode, Body: string(text), Header: response.Header}
}

// JSON asks one of the transmitter's addresses and reads the answer into out, which may be nil. It fails unless the
// status is the wanted one.
func (x *Relying) JSON(method, path string, in, out any, want int) {
	x.t.Helper()
	text := ""
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			x.t.Fatal(err)
		}
		text = string(b)
	}
	a := x.Call(method, path, "application/json", text)
	if a.Status != want {
		x.t.Fatalf("%s %s %s: %d %s, want %d", method, path, text, a.Status, a.Body, want)
	}
	if out == nil {
		return
	}
	if err := json.Unmarshal([]byte(a.Body), out); err != nil {
		x.t.Fatalf("%s %s: %v in %s", method, path, err, a.Body)
	}
}

// Listen makes the system's stream: pushed to its own address, or polled.
func (x *Relying) Listen(push bool) {
	x.t.Helper()
	in := map[string]any{"description": "events for " + x.Client.Name}
	if push {
		in["delivery"] = map[string]string{"method": string(signals.Push), "endpoint_url": x.URL + "/signals", "authorization_header": PushSecret}
	}
	var made struct {
		ID string `json:"stream_id"`
	}
	x.JSON(http.MethodPost, "/ssf/streams", in, &made, http.StatusCreated)
	x.Stream = made.ID
}

// Poll asks for what waits, acknowledges what it was given before, and believes what is signed for it.
func (x *Relying) Poll(acks []string, wait bool) []Told {
	x.t.Helper()
	var got struct {
		Sets map[string]string `json:"sets"`
	}
	x.JSON(http.MethodPost, "/ssf/poll/"+x.Stream, map[string]any{"ack": acks, "returnImmediately": !wait}, &got, http.StatusOK)
	var all []Told
	for id, token := range got.Sets {
		told, err := x.Verify(token, signals.TypeSET)
		if err != nil || told.ID != id {
			x.t.Fatalf("polled %s: %v", id, err)
		}
		all = append(all, told)
	}
	// An object has no order of its own: the ids grow with time.
	for i := range all {
		for j := i + 1; j < len(all); j++ {
			if all[j].ID < all[i].ID {
				all[i], all[j] = all[j], all[i]
			}
		}
	}
	return all
}
