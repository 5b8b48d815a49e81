package systems

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"doverie/internal/apptest"
	"doverie/internal/oidc"
)

// apache is Debian's Apache with mod_auth_openidc in front of a page.
type apache struct {
	otherSite

	logs string
}

const modules = "/usr/lib/apache2/modules"

const apacheConfig = `
ServerRoot %[1]q
ServerName 127.0.0.1
Listen 127.0.0.1:%[2]d
PidFile %[1]s/pid
ErrorLog %[1]s/error.log
LogLevel warn auth_openidc:info
Mutex file:%[1]s default
%[3]s
LoadModule mpm_event_module %[4]s/mod_mpm_event.so
LoadModule authn_core_module %[4]s/mod_authn_core.so
LoadModule authz_core_module %[4]s/mod_authz_core.so
LoadModule authz_user_module %[4]s/mod_authz_user.so
LoadModule headers_module %[4]s/mod_headers.so
LoadModule auth_openidc_module %[4]s/mod_auth_openidc.so
StartServers 1
DocumentRoot %[1]s/pages
OIDCProviderMetadataURL %[5]s/.well-known/openid-configuration
OIDCClientID %[6]s
OIDCClientSecret %[7]s
OIDCProviderTokenEndpointAuth client_secret_basic
OIDCRedirectURI http://127.0.0.1:%[2]d/cabinet/back
OIDCCryptoPassphrase only-for-a-test
OIDCScope "openid profile email recovery"
OIDCPKCEMethod S256
OIDCSessionType server-cache
OIDCResponseMode query

<Location /cabinet/>
  AuthType openid-connect
  Require valid-user
  Header always set X-Name "expr=%%{reqenv:OIDC_CLAIM_name}"
  Header always set X-Sub "expr=%%{reqenv:OIDC_CLAIM_sub}"
  Header always set X-Access "expr=%%{reqenv:OIDC_access_token}"
</Location>
`

func (a *apache) start(provider string, port int, system oidc.Client, secret string) {
	a.t.Helper()
	dir := filepath.Dir(a.logs)
	as := ""
	if os.Geteuid() == 0 {
		who, err := user.Lookup("www-data")
		if err != nil {
			a.t.Fatal(err)
		}
		group, err := user.LookupGroupId(who.Gid)
		if err != nil {
			a.t.Fatal(err)
		}
		as = "User " + who.Username + "\nGroup " + group.Name
	}
	if err := os.MkdirAll(filepath.Join(dir, "pages", "cabinet"), 0o755); err != nil {
		a.t.Fatal(err)
	}
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) { // its workers are another user
		if err := os.Chmod(d, 0o755); err != nil {
			a.t.Fatal(err)
		}
	}
	for name, text := range map[string]string{
		"pages/cabinet/index.html": "the cabinet", "pages/bye.html": "bye",
		"apache.conf": fmt.Sprintf(apacheConfig, dir, port, as, modules, provider, system.ID, secret),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			a.t.Fatal(err)
		}
	}
	program := "/usr/sbin/apache2"
	if _, err := os.Stat(modules + "/mod_auth_openidc.so"); err != nil {
		a.t.Fatalf("Apache with mod_auth_openidc is missing (scripts/needs installs it): %v", err)
	}
	cmd := exec.CommandContext(context.WithoutCancel(a.t.Context()), program, "-D", "FOREGROUND", "-f", filepath.Join(dir, "apache.conf"))
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		a.t.Fatal(err)
	}
	a.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait() // told to end: it says so
		if a.t.Failed() {
			text, _ := os.ReadFile(a.logs)
			a.t.Logf("Apache says:\n%s", text)
		}
	})
	a.listens()
}

// TestApache: mod_auth_openidc signs people in, reads userinfo, refreshes, meets a new key in mid-session, is told by
// the back channel that somebody signed out, and signs out itself.
func TestApache(t *testing.T) {
	w := apptest.New(t, "sqlite", apptest.Options{})
	w.RealTime()
	family := w.AddFamily()
	port := freePort(t)
	a := &apache{otherSite: otherSite{t, fmt.Sprintf("http://127.0.0.1:%d", port)}, logs: filepath.Join(t.TempDir(), "error.log")}
	system, secret := w.System(oidc.Client{
		Redirects: []string{a.base + "/cabinet/back"}, PostLogout: []string{a.base + "/bye.html"}, BackchannelLogout: a.base + "/cabinet/back?logout=backchannel",
	})
	a.start(w.URL, port, system, secret)

	// in signs a person in at the site and gives his page.
	in := func(c *http.Client, person *apptest.Client, who int) page {
		t.Helper()
		one := family.Vera
		if who == 1 {
			one = family.Alexey
		}
		sent := a.get(c, "/cabinet/index.html")
		if sent.status != http.StatusFound || !strings.HasPrefix(sent.location, w.URL+"/oidc/authorize?") {
			t.Fatalf("the site sends nobody to us: %d %s", sent.status, sent.location)
		}
		back := a.get(c, person.Through(sent.location, one, apptest.Password).String())
		if back.status != http.StatusFound {
			t.Fatalf("back at the site: %d %s", back.status, back.body)
		}
		return a.get(c, back.location)
	}
	vera, site := w.Client(), a.visitor()
	shown := in(site, vera, 0)
	if shown.status != http.StatusOK || shown.body != "the cabinet" || shown.header.Get("X-Name") != `Смирнова Вера Петровна` {
		t.Fatalf("Vera's page: %d %q %v", shown.status, shown.body, shown.header)
	}
	subject, access := shown.header.Get("X-Sub"), shown.header.Get("X-Access")
	if subject == "" || access == "" {
		t.Fatalf("no subject or access token: %v", shown.header)
	}

	// A new key in mid-session: the session goes on, a refresh works, and somebody else signs in by the new key.
	if err := w.Systems.Keys.Rotate(t.Context(), byOperator, oidc.RS256, true); err != nil {
		t.Fatal(err)
	}
	refreshed := a.get(site, "/cabinet/back?"+url.Values{"refresh": {a.base + "/cabinet/index.html"}, "access_token": {access}}.Encode())
	if refreshed.status != http.StatusFound || strings.Contains(refreshed.location, "error") {
		t.Fatalf("a refresh: %d %s %s", refreshed.status, refreshed.location, refreshed.body)
	}
	shown = a.get(site, "/cabinet/index.html")
	if shown.status != http.StatusOK || shown.header.Get("X-Access") == access || shown.header.Get("X-Sub") != subject {
		t.Errorf("after a refresh: %d %v", shown.status, shown.header)
	}
	other := a.visitor()
	if second := in(other, w.Client(), 1); second.status != http.StatusOK || second.header.Get("X-Sub") == subject {
		t.Errorf("Alexey's page, by the new key: %d %v", second.status, second.header)
	}

	// Vera signs out here: the site is told, and Alexey stays.
	vera.Want(vera.Post("/sign-out"), "/sign-in")
	w.Settle()
	if after := a.get(site, "/cabinet/index.html"); after.status != http.StatusFound {
		t.Errorf("the site was not told that she signed out: %d", after.status)
	}
	if after := a.get(other, "/cabinet/index.html"); after.status != http.StatusOK {
		t.Errorf("Alexey was signed out too: %d", after.status)
	}

	// Alexey signs out there: he is asked here, and comes back to the site.
	alexey := w.Client()
	own := a.visitor()
	in(own, alexey, 1)
	out := a.get(own, "/cabinet/back?logout="+url.QueryEscape(a.base+"/bye.html"))
	if out.status != http.StatusFound || !strings.HasPrefix(out.location, w.URL+"/oidc/logout?") {
		t.Fatalf("signing out at the site: %d %s", out.status, out.location)
	}
	asked := alexey.Get(strings.TrimPrefix(out.location, w.URL))
	if asked.Status != http.StatusOK {
		t.Fatalf("the question whether to sign out: %d %s", asked.Status, apptest.Words(asked.Body))
	}
	if gone := alexey.Post("/oidc/logout/confirm", "at", apptest.Step(asked.Body), "leave", "yes"); !strings.HasPrefix(gone.Location, a.base+"/bye.html") {
		t.Errorf("after the sign-out: %d %s", gone.Status, gone.Location)
	}
	if after := a.get(own, "/cabinet/index.html"); after.status != http.StatusFound {
		t.Errorf("after the sign-out the site shows %d", after.status)
	}
}
