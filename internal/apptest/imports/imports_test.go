// Package imports holds the law of the rooms: who may import whom, and why. docs/architecture.md says the same in a table.
package imports

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// domain packages decide; they know nothing of the web, of SQL or of logs.
var domain = []string{"account", "session", "trust", "recovery", "desk", "audit", "ratelimit", "oidc", "signals"}

// law lists what a package may import of ours. A package that is not listed may import everything but cmd.
var law = map[string]struct {
	may []string
	why string
}{
	"fault":     {nil, "the vocabulary of errors stands on nothing"},
	"policy":    {nil, "the numbers stand on nothing"},
	"effect":    {nil, "data only: a machine that returns effects must not reach what carries them out"},
	"secret":    {[]string{"fault"}, "cryptography is judged on its own"},
	"audit":     {[]string{"effect", "fault"}, "a verifier must run without the server; effects are data"},
	"ratelimit": {[]string{"fault"}, "pure decision"},
	"numbers":   {nil, "a question to a provider knows nothing of accounts"},
	"i18n":      {nil, "words only"},
	"account":   {[]string{"effect", "fault", "policy", "secret"}, "a person's record knows no session and no contact"},
	"session":   {[]string{"account", "effect", "fault", "policy", "secret"}, "a session is of an account, and of nothing else"},
	"passkey":   {[]string{"session"}, "a protocol: it answers the domain, and only it may use the WebAuthn library, which reaches net/http"},
	"trust":     {[]string{"effect", "fault", "policy", "secret"}, "the approval must not know what it guards"},
	"recovery":  {[]string{"effect", "fault", "policy", "secret", "trust"}, "the heart knows the approval, and no HTTP, SQL or account"},
	"desk": {[]string{"account", "audit", "effect", "fault", "policy", "recovery", "secret", "session", "trust"},
		"the service desk decides who may; what an act does is decided by those who own the account, the link and the recovery"},
	"console": {[]string{"account", "audit", "desk", "effect", "fault", "httpx", "i18n", "outreach", "policy", "ui"},
		"pages call services; the printed page is drawn by the sheet of package outreach"},
	"oidc": {[]string{"account", "effect", "fault", "policy", "secret", "session"}, "the provider decides about sessions and accounts, and knows no HTTP"},
	"oidc/endpoint": {[]string{
		"account", "effect", "fault", "httpx", "i18n", "oidc", "policy", "session", "ui",
	}, "the provider's addresses and pages: they call it, and never the store"},
	"signals": {[]string{"effect", "fault", "jobs", "secret"}, "what other systems are told and in which order; jobs carries it, and it knows no HTTP"},
	"signals/transmit": {[]string{
		"fault", "httpx", "signals",
	}, "the transmitter's addresses and its way out: bounded HTTP, no rule of its own"},
	"jobs":     {[]string{"effect", "fault"}, "the loop knows nothing of what it carries"},
	"notify":   {[]string{"effect", "fault", "i18n", "secret"}, "a text must be renderable without a database"},
	"notary":   {[]string{"audit", "effect", "policy"}, "checkpoints and proofs are checked without the server, and know no SQL"},
	"store":    {[]string{"account", "audit", "campaign", "desk", "effect", "fault", "jobs", "notary", "oidc", "outreach", "policy", "ratelimit", "recovery", "secret", "session", "signals", "trust"}, "the only SQL; it serves the domain"},
	"outreach": {[]string{"fault"}, "the campaign's text and sheets know nothing of accounts"},
	"campaign": {[]string{"effect", "fault", "outreach", "policy", "secret"}, "the campaign at work knows its staff by account id only"},
	"ui":       {[]string{"fault", "i18n"}, "a page is data: it cannot ask a service"},
	"httpx":    {[]string{"effect", "fault", "i18n", "ui"}, "the edge knows no rule of the domain"},
	"web": {[]string{
		"account", "audit", "campaign", "effect", "fault", "httpx", "i18n", "notary", "outreach", "policy", "recovery", "secret", "session", "trust", "ui",
	}, "pages call services; a page that could reach the store would pass by the rules"},
}

// forbidden to the domain.
var forbidden = []string{"net/http", "database/sql", "html/template", "log", "log/slog", "os"}

type pkg struct {
	ImportPath string
	Imports    []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Imports", "doverie/...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		err := d.Decode(&p)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

const ours = "doverie/internal/"

// room is the first folder of a package of ours.
func room(path string) string {
	path = strings.TrimPrefix(path, ours)
	for inner := range law { // a room within a room has a law of its own
		if strings.Contains(inner, "/") && (path == inner || strings.HasPrefix(path, inner+"/")) {
			return inner
		}
	}
	r, _, _ := strings.Cut(path, "/")
	return r
}

func TestEveryRoomKeepsTheLaw(t *testing.T) {
	seen := map[string]bool{}
	for _, p := range packages(t) {
		if !strings.HasPrefix(p.ImportPath, ours) || strings.HasPrefix(p.ImportPath, ours+"apptest") || strings.HasPrefix(p.ImportPath, ours+"store/storetest") {
			continue
		}
		from := room(p.ImportPath)
		seen[from] = true
		rule, ruled := law[from]
		for _, i := range p.Imports {
			switch {
			case strings.HasPrefix(i, "doverie/cmd"):
				t.Errorf("%s imports %s: nothing imports the program", p.ImportPath, i)
			case strings.HasPrefix(i, ours+"apptest"), strings.HasPrefix(i, ours+"store/storetest"):
				t.Errorf("%s imports %s: test kits are for tests", p.ImportPath, i)
			case !strings.HasPrefix(i, ours):
				if slices.Contains(domain, from) && slices.Contains(forbidden, i) {
					t.Errorf("%s imports %s: the domain decides, and touches nothing", p.ImportPath, i)
				}
				if i == "database/sql" && from != "store" && from != "apptest" {
					t.Errorf("%s imports %s: all SQL is in store", p.ImportPath, i)
				}
			case ruled && room(i) != from && !slices.Contains(rule.may, room(i)):
				t.Errorf("%s imports %s: %s", p.ImportPath, i, rule.why)
			}
		}
	}
	for name := range law {
		if !seen[name] {
			t.Errorf("the law names %s, and there is no such room", name)
		}
	}
}
