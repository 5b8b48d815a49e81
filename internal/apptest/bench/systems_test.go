package bench

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"doverie/internal/account"
	"doverie/internal/apptest"
	"doverie/internal/oidc"
	"doverie/internal/secret"
	"doverie/internal/store/storetest"
)

// The acts of another system that are measured, in the order of the table.
const (
	actExchange   = "system: code for tokens"
	actRefresh    = "system: refresh"
	actIntrospect = "system: introspection"
	actUserInfo   = "system: userinfo"
)

// A verifier and its S256 challenge (RFC 7636, appendix B).
const (
	pkceVerifier  = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
	pkceChallenge = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
)

// relying is another system and one person who is signed in and has agreed.
type relying struct {
	w       *apptest.World
	client  oidc.Client
	secret  string
	person  account.Account
	browser *apptest.Client
	http    *http.Client
}

func newRelying(w *apptest.World) *relying {
	w.T.Helper()
	r := &relying{w: w, http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}, Timeout: time.Minute}}
	r.client, r.secret = w.System(oidc.Client{})
	r.person = w.Add(storetest.Person{Given: "Вера", Phone: "+79135000001"})
	r.browser = w.Client()
	if _, err := r.exchange(context.Background(), r.code()); err != nil { // the very first use makes the keys
		w.T.Fatal(err)
	}
	return r
}

func (r *relying) request() string {
	return "/oidc/authorize?" + url.Values{
		"client_id": {r.client.ID}, "redirect_uri": {r.client.Redirects[0]}, "response_type": {"code"}, "scope": {"openid profile"},
		"code_challenge": {pkceChallenge}, "code_challenge_method": {"S256"},
	}.Encode()
}

func (r *relying) code() string {
	return r.browser.Through(r.request(), r.person, apptest.Password).Query().Get("code")
}

type tokens struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	Active  bool   `json:"active"`
	Subject string `json:"sub"`
}

// ask posts a form, or with a bearer token asks for userinfo.
func (r *relying) ask(ctx context.Context, path, bearer string, fields ...string) (out tokens, err error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.w.URL+path, strings.NewReader(apptest.Form(fields...).Encode()))
	if err != nil {
		return out, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if bearer != "" {
		request.Header.Set("Authorization", "Bearer "+bearer)
	} else {
		request.SetBasicAuth(r.client.ID, r.secret)
	}
	answer, err := r.http.Do(request)
	if err != nil {
		return out, err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return out, err
	}
	if answer.StatusCode != http.StatusOK {
		return out, fmt.Errorf("%s: %d %s", path, answer.StatusCode, text)
	}
	return out, json.Unmarshal(text, &out)
}

func (r *relying) exchange(ctx context.Context, code string) (tokens, error) {
	return r.ask(ctx, "/oidc/token", "", "grant_type", "authorization_code", "code", code, "redirect_uri", r.client.Redirects[0], "code_verifier", pkceVerifier)
}

// act does one act with what it needs; an answer that does not mean success is an error.
func (r *relying) act(ctx context.Context, name, code string, t tokens) error {
	var err error
	switch name {
	case actExchange:
		_, err = r.exchange(ctx, code)
	case actRefresh:
		_, err = r.ask(ctx, "/oidc/token", "", "grant_type", "refresh_token", "refresh_token", t.Refresh)
	case actIntrospect:
		if t, err = r.ask(ctx, "/oidc/introspect", "", "token", t.Access); err == nil && !t.Active {
			err = fmt.Errorf("%s: not active", name)
		}
	case actUserInfo:
		if t, err = r.ask(ctx, "/oidc/userinfo", t.Access, "x", "y"); err == nil && t.Subject == "" {
			err = fmt.Errorf("%s: nobody", name)
		}
	}
	return err
}

func acts() []string { return []string{actExchange, actRefresh, actIntrospect, actUserInfo} }

// What another system asks for costs no more of the database than docs/performance.md says, on both engines. "make
// bench" measures it anew, and how many of each go a second.
func TestSystems(t *testing.T) {
	budget := readBudget(t)
	var steps []stepCost
	var rates strings.Builder
	fmt.Fprintf(&rates, "```text\n%d cores; server, clients and database on one machine; RS256 id tokens\n\nengine     together  exchanges/s  refreshes/s  introspections/s  userinfos/s\n", secret.Room())
	for _, engine := range []string{"sqlite", "postgres"} {
		w := world(t, engine)
		r := newRelying(w)
		stats := w.Store.Stats()
		read := func() cost { return cost{stats.Statements(), stats.RoundTrips(), stats.Commits(), stats.RowsWritten()} }
		for _, name := range acts() {
			code := r.code()
			var own tokens
			var err error
			if name != actExchange {
				own, err = r.exchange(t.Context(), code)
			}
			before := read()
			if err == nil {
				err = r.act(t.Context(), name, code, own)
			}
			if err != nil {
				t.Fatal(err)
			}
			spent := stepCost{name, read().minus(before)}
			if engine == "postgres" {
				steps = append(steps, spent)
			} else {
				spent.trips = 0 // a function call is no journey
			}
			limit, known := budget[name]
			switch {
			case *table:
			case !known:
				t.Errorf("%s: %q is not in docs/performance.md: %+v", engine, name, spent.cost)
			case spent.over(limit):
				t.Errorf("%s: %s costs %+v, its budget is %+v", engine, name, spent.cost, limit)
			}
		}
		if !*table {
			continue
		}
		for _, together := range []int{1, 8, 32} {
			fmt.Fprintf(&rates, "%-10s %8d", engine, together)
			for i, name := range acts() {
				fmt.Fprintf(&rates, []string{"  %11.0f", "  %11.0f", "  %16.0f", "  %11.0f"}[i], r.rate(name, together))
			}
			rates.WriteByte('\n')
		}
	}
	if *table {
		keep(t, "system steps", tableOf(steps))
		keep(t, "systems", rates.String()+"```\n")
	}
}

// rate is how many of the act go a second with so many at work together.
func (r *relying) rate(name string, together int) float64 {
	r.w.T.Helper()
	const each = 320
	codes, own := make([]string, each), make([]tokens, each)
	for i := range codes {
		codes[i] = r.code()
		if name == actExchange {
			continue
		}
		var err error
		if own[i], err = r.exchange(r.w.T.Context(), codes[i]); err != nil {
			r.w.T.Fatal(err)
		}
	}
	var next atomic.Int64
	start := time.Now()
	for _, err := range storetest.Parallel(together, func(int) error {
		for {
			i := int(next.Add(1)) - 1
			if i >= each {
				return nil
			}
			if err := r.act(r.w.T.Context(), name, codes[i], own[i]); err != nil {
				return err
			}
		}
	}) {
		if err != nil {
			r.w.T.Fatal(err)
		}
	}
	return each / time.Since(start).Seconds()
}
