package apptest

import (
	"context"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"doverie/internal/account"
	"doverie/internal/effect"
	"doverie/internal/oidc"
)

// System registers another information system; what is left empty gets a plain value. The second result is its secret.
func (w *World) System(c oidc.Client) (oidc.Client, string) {
	w.T.Helper()
	if c.Name == "" {
		c.Name = "Водоканал"
	}
	if c.Kind == "" {
		c.Kind = oidc.Web
	}
	if c.Auth == "" {
		c.Auth = oidc.SecretBasic
	}
	if c.Subjects == "" {
		c.Subjects = oidc.Pairwise
	}
	if c.IDTokenAlg == "" {
		c.IDTokenAlg = oidc.RS256
	}
	if len(c.Redirects) == 0 && c.Kind == oidc.Web {
		c.Redirects = []string{"https://water.example.test/callback"}
	}
	if len(c.Scopes) == 0 {
		c.Scopes = oidc.Scopes()
	}
	c, secret, err := w.Systems.Add(context.Background(), effect.Act{Actor: effect.System}, c)
	if err != nil {
		w.T.Fatal(err)
	}
	return c, secret
}

// RealTime sets the clock to that of the machine: clients that nobody here wrote look at their own.
func (w *World) RealTime() {
	w.T.Helper()
	w.Advance(time.Since(w.Clock.Now()).Truncate(time.Second))
}

var stepField = regexp.MustCompile(`name="at" value="([^"]+)"`)

// Step reads the signed step of a form of the provider.
func Step(page string) string {
	m := stepField.FindStringSubmatch(page)
	if m == nil {
		return ""
	}
	return m[1]
}

// Through opens an address of the provider as a person would, signs in, proves himself again and agrees where he is
// asked to, and returns the address of the other system that the browser is sent to.
func (c *Client) Through(address string, who account.Account, password string) *url.URL {
	c.t.Helper()
	next := strings.TrimPrefix(address, c.w.URL)
	for range 12 {
		if !strings.HasPrefix(next, "/") {
			u, err := url.Parse(next)
			if err != nil {
				c.t.Fatal(err)
			}
			return u
		}
		u, err := url.Parse(next)
		if err != nil {
			c.t.Fatal(err)
		}
		switch u.Path {
		case "/sign-in":
			c.SignIn(who, password)
			next = u.Query().Get("next")
			continue
		case "/step-up":
			c.StepUp(who, password)
			next = u.Query().Get("next")
			continue
		case "/oidc/onward":
			next = "/oidc/continue?" + u.RawQuery
			continue
		}
		a := c.Get(next)
		if u.Path == "/oidc/consent" && a.Status == http.StatusOK {
			a = c.Post("/oidc/consent", "at", Step(a.Body), "agree", "yes")
		}
		if a.Status != http.StatusSeeOther {
			c.t.Fatalf("%s: %d %s", next, a.Status, Words(a.Body))
		}
		next = a.Location
	}
	c.t.Fatalf("the way to another system goes round: %s", next)
	return nil
}
