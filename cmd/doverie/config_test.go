package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"doverie/internal/policy"
	"doverie/internal/secret"
)

var update = flag.Bool("update", false, "write the tables of docs/operations.md again")

// write puts a file into a fresh folder and returns its path.
func write(t *testing.T, name, content string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// complete is a configuration that nothing is wrong with.
func complete(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf("base_url = \"http://127.0.0.1:8080\"\ndatabase = %q\nsecret_key_file = %q\n",
		filepath.Join(t.TempDir(), "doverie.db"), write(t, "secret.key", secret.NewMaster()+"\n", 0o600))
}

func TestConfigIsRead(t *testing.T) {
	path := write(t, "doverie.toml", complete(t)+`
listen = "127.0.0.1:9999"
trusted_proxies = ["10.0.0.0/8", "fd00::/8"]
log_level = "debug"
[messages]
development = true
[policy]
recovery_wait = "6h"
max_contacts = 1
`, 0o600)
	c, err := readConfig(path, []string{"DOVERIE_LISTEN=127.0.0.1:7777", "DOVERIE_POLICY_MAX_CONTACTS=2", "DOVERIE_TEST_POSTGRES=x", "HOME=/"})
	if err != nil {
		t.Fatal(err)
	}
	if c.listen != "127.0.0.1:7777" || len(c.trustedProxies) != 2 || !c.development || c.log.String() != "DEBUG" {
		t.Errorf("read %+v", c)
	}
	if c.policy.RecoveryWait != 6*time.Hour || c.policy.MaxContacts != 2 {
		t.Errorf("policy: wait %s, contacts %d", c.policy.RecoveryWait, c.policy.MaxContacts)
	}
	if c.policy.Hold != policy.Default().Hold {
		t.Error("a number nobody set has changed")
	}
}

// TestConfigErrorsNameTheirKey gives one wrong value at a time.
func TestConfigErrorsNameTheirKey(t *testing.T) {
	readable := write(t, "open.key", secret.NewMaster(), 0o644)
	short := write(t, "short.key", "c2hvcnQ=", 0o600)
	for _, c := range []struct {
		add  string   // lines after the complete configuration
		env  []string // and variables
		want string   // begins a line of the error
	}{
		{add: "listne = \"127.0.0.1:1\"", want: "listne: no such key"},
		{add: "[messages]\ndevel = true", want: "messages.devel: no such key"},
		{add: "[policy]\nrecovery_wiat = \"1h\"", want: "policy.recovery_wiat: no such key"},
		{add: "[policy]\nrecovery_wait = \"1 hour\"", want: "policy.recovery_wait: \"1 hour\" is not a duration"},
		{add: "[policy]\nrecovery_wait = \"1000h\"", want: "policy.recovery_wait: 1000h0m0s is outside"},
		{add: "[policy]\nmax_contacts = 7", want: "policy.max_contacts: 7 is outside 1–3"},
		{add: "[policy]\nmax_contacts = 1.5", want: "policy.max_contacts: give a text or a whole number"},
		{add: "[policy]\ntime_zone = \"Mars/Olympus\"", want: "policy.time_zone: "},
		{add: "listen = 8080", want: "listen"},
		{env: []string{"DOVERIE_LISTEN=8080"}, want: "listen: \"8080\" is not an address and a port"},
		{env: []string{"DOVERIE_METRICS_LISTEN=9090"}, want: "metrics_listen: \"9090\""},
		{env: []string{"DOVERIE_BASE_URL="}, want: ""},
		{env: []string{"DOVERIE_BASE_URL=id.example.org"}, want: "base_url: \"id.example.org\" is not an address"},
		{env: []string{"DOVERIE_BASE_URL=http://id.example.org"}, want: "base_url: \"http://id.example.org\" is not https"},
		{env: []string{"DOVERIE_BASE_URL=https://id.example.org/app"}, want: "base_url: "},
		{env: []string{"DOVERIE_DATABASE_FILE=/dev/null"}, want: "database: give database or database_file, not both"},
		{env: []string{"DOVERIE_DATABASE_CONNECTIONS=-1"}, want: "database_connections: -1"},
		{env: []string{"DOVERIE_DATABASE_CONNECTIONS=many"}, want: "environment: "},
		{env: []string{"DOVERIE_SECRET_KEY_FILE=" + readable}, want: "secret_key_file: "},
		{env: []string{"DOVERIE_SECRET_KEY_FILE=" + short}, want: "secret_key_file: "},
		{env: []string{"DOVERIE_SECRET_KEY_FILE=/nowhere/key"}, want: "secret_key_file: "},
		{env: []string{"DOVERIE_TRUSTED_PROXIES=10.0.0.0/8,proxy"}, want: "trusted_proxies: \"proxy\" is not a network"},
		{env: []string{"DOVERIE_SERVICE_NAME= "}, want: "service_name: "},
		{env: []string{"DOVERIE_LOG_LEVEL=loud"}, want: "log_level: \"loud\""},
		{env: []string{"DOVERIE_LOG_FORMAT=xml"}, want: "log_format: \"xml\""},
		{env: []string{"DOVERIE_LISTNE=x"}, want: "DOVERIE_LISTNE: no such variable"},
		{env: []string{"DOVERIE_POLICY_HOLD=soon"}, want: "policy.hold: "},
		{env: []string{"DOVERIE_MESSAGES_DEVELOPMENT=true", "DOVERIE_BASE_URL=https://id.example.org"}, want: "messages.development: only with a loopback"},
	} {
		_, err := readConfig(write(t, "doverie.toml", complete(t)+c.add+"\n", 0o600), c.env)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%v: %v", c.env, err)
		case c.want != "" && err == nil:
			t.Errorf("%q %v: accepted", c.add, c.env)
		case c.want != "" && !strings.Contains(err.Error(), c.want):
			t.Errorf("%q %v: the error %q does not say %q", c.add, c.env, err, c.want)
		}
		if err != nil && strings.Contains(err.Error(), "c2hvcnQ") {
			t.Error("an error repeats a key")
		}
	}
}

func TestConfigNamesEverythingThatIsMissing(t *testing.T) {
	_, err := readConfig("", nil)
	if err == nil {
		t.Fatal("an empty configuration was accepted")
	}
	for _, key := range []string{"base_url: is missing", "database: is missing", "secret_key_file: is missing"} {
		if !strings.Contains(err.Error(), key) {
			t.Errorf("%q does not say %q", err, key)
		}
	}
}

const operations = "../../docs/operations.md"

// TestEveryKeyIsDocumented compares the tables of docs/operations.md with the program.
func TestEveryKeyIsDocumented(t *testing.T) {
	content, err := os.ReadFile(operations)
	if err != nil {
		t.Fatal(err)
	}
	text := string(content)
	for name, table := range map[string]string{"configuration": configTable(), "policy": policyTable()} {
		begin, end := "<!-- "+name+": begin -->\n", "<!-- "+name+": end -->"
		from, to := strings.Index(text, begin), strings.Index(text, end)
		if from < 0 || to < from {
			t.Fatalf("%s has no place for the table %q", operations, name)
		}
		from += len(begin)
		if text[from:to] == table {
			continue
		}
		if !*update {
			t.Errorf("the table %q of %s is not the program's: go test ./cmd/doverie -run TestEveryKeyIsDocumented -update", name, operations)
			continue
		}
		text = text[:from] + table + text[to:]
	}
	if *update {
		if err := os.WriteFile(operations, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func configTable() string {
	var b strings.Builder
	b.WriteString("| key | environment | type | default | meaning |\n|---|---|---|---|---|\n")
	for _, e := range configEntries() {
		name := func(s string) string {
			if s == "" {
				return "–"
			}
			return "`" + s + "`"
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s |\n", name(e.Key), name(e.Env), e.Type, e.Default, e.Doc)
	}
	return b.String()
}

func policyTable() string {
	var b strings.Builder
	b.WriteString("| key | default | bounds | meaning |\n|---|---|---|---|\n")
	for _, e := range policy.Default().Entries() {
		bounds := ""
		if e.Min != "" {
			bounds = e.Min + "–" + e.Max
		}
		fmt.Fprintf(&b, "| `policy.%s` | %s | %s | %s |\n", e.Key, e.Value, bounds, e.Doc)
	}
	return b.String()
}

// TestEveryKeyHasItsVariable proves that the tags for the file and for the environment agree.
func TestEveryKeyHasItsVariable(t *testing.T) {
	entries := configEntries()
	if len(entries) < 10 {
		t.Fatalf("only %d keys", len(entries))
	}
	for _, e := range entries {
		if e.Doc == "" {
			t.Errorf("%s has no words", e.Key)
		}
		if e.Env == "" { // a table of texts
			continue
		}
		value := map[string]string{"number": "3", "true or false": "true", "duration": "3s", "list of numbers": "1,2"}[e.Type]
		if value == "" {
			value = "wrong on purpose"
		}
		variable := e.Env
		_, err := readConfig("", []string{variable + "=" + value})
		if err == nil || strings.Contains(err.Error(), variable+": no such variable") {
			t.Errorf("%s is not read from %s: %v", e.Key, variable, err)
		}
	}
}

func TestDoubleDashes(t *testing.T) {
	got := doubleDashes([]string{"demo", "-listen", "127.0.0.1:0", "--data", "x", "-data=y", "-h", "-5", "-", "--", "-listen"})
	want := []string{"demo", "--listen", "127.0.0.1:0", "--data", "x", "--data=y", "-h", "-5", "-", "--", "-listen"}
	if !slices.Equal(got, want) {
		t.Errorf("got %v", got)
	}
}
