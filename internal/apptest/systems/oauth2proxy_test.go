package systems

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"doverie/internal/account"
	"doverie/internal/apptest"
	"doverie/internal/apptest/browser"
	"doverie/internal/oidc"
)

// proxy is oauth2-proxy in front of a site that knows nothing of OpenID Connect: it sees headers only.
type proxy struct {
	otherSite

	w      *apptest.World
	system oidc.Client
}

// refreshAfter is the age at which the proxy refreshes what it holds; it counts whole seconds.
const refreshAfter = time.Second

// told is what the site behind the proxy is told of its visitor.
type told struct{ User, Email, Access string }

// lines collects what the program says, until the test reads it.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func startProxy(t *testing.T, w *apptest.World) *proxy {
	t.Helper()
	behind := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		h := r.Header
		if err := json.NewEncoder(out).Encode(told{h.Get("X-Forwarded-User"), h.Get("X-Forwarded-Email"), h.Get("X-Forwarded-Access-Token")}); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(behind.Close)
	port := freePort(t)
	p := &proxy{otherSite: otherSite{t, fmt.Sprintf("http://127.0.0.1:%d", port)}, w: w}
	var secret string
	p.system, secret = w.System(oidc.Client{Redirects: []string{p.base + "/oauth2/callback"}, PostLogout: []string{p.base + "/bye"}})
	cmd := exec.CommandContext(context.WithoutCancel(t.Context()), filepath.Join(browser.Root(t), "test", "oauth2proxy", "bin", "oauth2-proxy"),
		"--provider=oidc", "--oidc-issuer-url="+w.URL, "--client-id="+p.system.ID, "--client-secret="+secret, "--redirect-url="+p.system.Redirects[0],
		"--scope=openid email", "--code-challenge-method=S256", "--insecure-oidc-skip-nonce=false", "--skip-provider-button",
		"--email-domain=*", "--pass-access-token", "--upstream="+behind.URL, "--http-address="+strings.TrimPrefix(p.base, "http://"),
		"--cookie-secret=sixteen-for-test", "--cookie-secure=false", "--cookie-refresh="+refreshAfter.String(),
		"--whitelist-domain="+strings.TrimPrefix(w.URL, "http://"))
	says := &lines{}
	cmd.Stdout, cmd.Stderr = says, says
	if err := cmd.Start(); err != nil {
		t.Fatalf("oauth2-proxy is missing (scripts/needs builds it): %v", err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait() // told to end: it says so
		if t.Failed() {
			t.Logf("oauth2-proxy says:\n%s", says)
		}
	})
	p.listens()
	return p
}

// enter signs a person in at the site and gives what it is told of him.
func (p *proxy) enter(at *http.Client, here *apptest.Client, who account.Account) told {
	p.t.Helper()
	sent := p.get(at, "/cabinet")
	if !p.away(sent) {
		p.t.Fatalf("the proxy sends nobody to us: %d %s", sent.status, sent.location)
	}
	back := p.get(at, here.Through(sent.location, who, apptest.Password).String())
	if back.status != http.StatusFound || back.location != "/cabinet" {
		p.t.Fatalf("back at the proxy: %d %s %s", back.status, back.location, back.body)
	}
	return p.shown(p.get(at, back.location))
}

// away tells whether the proxy sent the browser to us to sign in, by all that is asked of a good client.
func (p *proxy) away(a page) bool {
	u, err := url.Parse(a.location)
	if err != nil || a.status != http.StatusFound || !strings.HasPrefix(a.location, p.w.URL+"/oidc/authorize?") {
		return false
	}
	q := u.Query()
	return q.Get("code_challenge_method") == "S256" && q.Get("nonce") != "" && q.Get("state") != ""
}

func (p *proxy) shown(a page) told {
	p.t.Helper()
	var t told
	if err := json.Unmarshal([]byte(a.body), &t); err != nil || a.status != http.StatusOK {
		p.t.Fatalf("the site shows %d to %q %s", a.status, a.location, a.body)
	}
	return t
}

// until asks for the page again until it is as wished: a refresh comes with the first request after its time.
func (p *proxy) until(what string, at *http.Client, done func(page) bool) page {
	p.t.Helper()
	var a page
	for end := time.Now().Add(20 * refreshAfter); time.Now().Before(end); time.Sleep(refreshAfter / 10) {
		if a = p.get(at, "/cabinet"); done(a) {
			return a
		}
	}
	p.t.Fatalf("%s: still %d to %q %s", what, a.status, a.location, a.body)
	return a
}

// refreshed waits until the site is told of another access token.
func (p *proxy) refreshed(at *http.Client, old told) told {
	p.t.Helper()
	return p.shown(p.until("a refresh", at, func(a page) bool { return a.status != http.StatusOK || p.shown(a).Access != old.Access }))
}

// lives asks us whether an access token opens anything.
func (p *proxy) lives(access string) bool {
	p.t.Helper()
	a := p.w.Client().Do(http.MethodGet, "/oidc/userinfo", nil, func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+access) })
	return a.Status == http.StatusOK
}

// TestOAuth2Proxy: oauth2-proxy signs people in, asks userinfo for the address, refreshes, meets a new key in
// mid-session, ends its session when we refuse a refresh, be it after a sign-out here or because a stolen cookie was
// used, and signs out itself.
func TestOAuth2Proxy(t *testing.T) {
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			w := apptest.New(t, engine, apptest.Options{})
			w.RealTime()
			oauth2Proxy(t, w, startProxy(t, w))
		})
	}
}

func oauth2Proxy(t *testing.T, w *apptest.World, p *proxy) {
	family := w.AddFamily()
	vera, hers := w.Client(), p.visitor()
	first := p.enter(hers, vera, family.Vera)
	if first.Email != family.Vera.Email || first.User == "" || first.User == family.Vera.ID || !p.lives(first.Access) {
		t.Fatalf("of Vera the site is told %+v", first)
	}
	base, err := url.Parse(p.base)
	if err != nil {
		t.Fatal(err)
	}
	thief := p.visitor() // has a copy of her cookies, as they are now
	thief.Jar.SetCookies(base, hers.Jar.Cookies(base))

	// A new key in mid-session: the session goes on, a refresh works, and somebody else signs in by the new key.
	if err := w.Systems.Keys.Rotate(t.Context(), byOperator, oidc.RS256, true); err != nil {
		t.Fatal(err)
	}
	second := p.refreshed(hers, first)
	if second.User != first.User || second.Email != first.Email || !p.lives(second.Access) {
		t.Errorf("after a refresh the site is told %+v, before %+v", second, first)
	}
	alexey, his := w.Client(), p.visitor()
	other := p.enter(his, alexey, family.Alexey)
	if other.Email != family.Alexey.Email || other.User == first.User {
		t.Errorf("of Alexey the site is told %+v", other)
	}

	// Alexey signs out here: what the site holds is dead at once, and the proxy learns it by its next refresh.
	alexey.Want(alexey.Post("/sign-out"), "/sign-in")
	if p.lives(other.Access) {
		t.Error("his access token lives after the sign-out")
	}
	p.until("his session after the sign-out", his, p.away)

	// The thief's copy makes the proxy use a refresh token that was used before: nobody goes on by that family.
	last := p.refreshed(hers, second)
	if a := p.get(thief, "/cabinet"); !p.away(a) {
		t.Fatalf("a stolen cookie with a used refresh token shows %d %s", a.status, a.body)
	}
	if p.lives(last.Access) {
		t.Error("her access token lives, though its family was used twice")
	}
	p.until("her session after the theft", hers, p.away)

	// She comes back, and signs out at the site: she is asked here, and led back.
	again := p.enter(hers, vera, family.Vera)
	if again.User != first.User || !p.lives(again.Access) {
		t.Errorf("the second time the site is told %+v, the first time %+v", again, first)
	}
	end := w.URL + "/oidc/logout?" + url.Values{"client_id": {p.system.ID}, "post_logout_redirect_uri": {p.system.PostLogout[0]}}.Encode()
	out := p.get(hers, "/oauth2/sign_out?rd="+url.QueryEscape(end))
	if out.status != http.StatusFound || out.location != end {
		t.Fatalf("signing out at the proxy: %d %s", out.status, out.location)
	}
	asked := vera.Get(strings.TrimPrefix(end, w.URL))
	if asked.Status != http.StatusOK {
		t.Fatalf("the question whether to sign out: %d %s", asked.Status, apptest.Words(asked.Body))
	}
	if gone := vera.Post("/oidc/logout/confirm", "at", apptest.Step(asked.Body), "leave", "yes"); gone.Location != p.system.PostLogout[0] {
		t.Errorf("after the sign-out: %d %s", gone.Status, gone.Location)
	}
	if a := p.get(hers, "/cabinet"); !p.away(a) {
		t.Errorf("after the sign-out the site shows %d %s", a.status, a.body)
	}
	if p.lives(again.Access) {
		t.Error("her access token lives after the sign-out")
	}
	vera.Want(vera.Get("/settings/account"), "/sign-in")
}
