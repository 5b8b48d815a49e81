package main

import (
	"regexp"
	"strings"
	"testing"
)

var clientID = regexp.MustCompile(`client_id: (\S+)\nclient_secret: (\S+)\n`)

// TestClients walks a system through the register: added, listed, shown without its secret, given a new one, disabled.
func TestClients(t *testing.T) {
	tr := newTrial(t)
	tr.must(t, exitDone, "admin", "client", "list", "-config", tr.config)
	if !strings.Contains(tr.out.String(), "no systems are registered") {
		t.Errorf("an empty list says %q", &tr.out)
	}
	for what, args := range map[string][]string{
		"The name":            {"", "--redirect", "https://a.test/cb"},
		"At least one":        {"Водоканал"},
		"An address must be":  {"Водоканал", "--redirect", "http://a.test/cb"},
		"no such scope":       {"Водоканал", "--redirect", "https://a.test/cb", "--scope", "openid,everything"},
		"are on several":      {"Водоканал", "--redirect", "https://a.test/cb", "--redirect", "https://b.test/cb"},
		"Such a system signs": {"Архив", "--kind", "resource", "--redirect", "https://a.test/cb"},
	} {
		tr.must(t, exitFailed, append([]string{"admin", "client", "add", "-config", tr.config}, args...)...)
		if !strings.Contains(tr.err.String(), what) {
			t.Errorf("%v: %q does not say %q", args, &tr.err, what)
		}
	}
	tr.must(t, exitDone, "admin", "client", "add", "-config", tr.config, "Водоканал: личный кабинет", "--redirect", "https://a.test/cb?x=1,2",
		"--post-logout", "https://a.test/", "--scope", "openid,profile,recovery", "--logout", "https://a.test/logout")
	m := clientID.FindStringSubmatch(tr.out.String())
	if m == nil || len(m[2]) < 40 {
		t.Fatalf("no id and secret: %q", &tr.out)
	}
	tr.must(t, exitDone, "admin", "client", "list", "-config", tr.config)
	if !strings.Contains(tr.out.String(), m[1]) || !strings.Contains(tr.out.String(), "Водоканал: личный кабинет") {
		t.Errorf("the list: %q", &tr.out)
	}
	tr.must(t, exitDone, "admin", "client", "show", "-config", tr.config, m[1])
	for _, want := range []string{"https://a.test/logout", "openid profile recovery", "client_secret_basic", "pairwise a.test"} {
		if !strings.Contains(tr.out.String(), want) {
			t.Errorf("show does not say %q: %q", want, &tr.out)
		}
	}
	if strings.Contains(tr.out.String(), m[2]) {
		t.Error("the secret is shown again")
	}
	tr.must(t, exitDone, "admin", "client", "rotate-secret", "-config", tr.config, m[1])
	if fresh := strings.TrimSpace(strings.TrimPrefix(tr.out.String(), "client_secret: ")); fresh == m[2] || len(fresh) != len(m[2]) {
		t.Errorf("the new secret: %q", &tr.out)
	}
	tr.must(t, exitDone, "admin", "client", "disable", "-config", tr.config, m[1])
	tr.must(t, exitFailed, "admin", "client", "disable", "-config", tr.config, m[1])
	tr.must(t, exitFailed, "admin", "client", "show", "-config", tr.config, "nobody")
}

// TestKeys rotates: a key is announced, then signs, and the old one stays published.
func TestKeys(t *testing.T) {
	tr := newTrial(t)
	tr.must(t, exitDone, "admin", "keys", "list", "-config", tr.config)
	if strings.Count(tr.out.String(), "signing") != 2 {
		t.Errorf("the first keys: %q", &tr.out)
	}
	tr.must(t, exitDone, "admin", "keys", "rotate", "-config", tr.config)
	if strings.Count(tr.out.String(), "signing") != 2 || strings.Count(tr.out.String(), "announced") != 1 {
		t.Errorf("after an announcement: %q", &tr.out)
	}
	tr.must(t, exitDone, "admin", "keys", "rotate", "-config", tr.config, "--now", "--alg", "ES256")
	if out := tr.out.String(); strings.Count(out, "signing") != 2 || strings.Count(out, "retired") != 1 || !strings.Contains(out, "published until") {
		t.Errorf("after a rotation at once: %q", out)
	}
}
