package main

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"doverie/internal/secret"
)

// badCommand is a command line or a configuration that is refused.
type badCommand struct {
	what   string
	args   []string // CONFIG stands for a complete configuration, FOLDER for an empty folder
	config string   // lines after the complete configuration
	env    []string
	code   int
	says   []string // parts of what is said on standard error, in their order
}

var badCommands = []badCommand{
	{what: "no command", code: exitUsage, says: []string{`expected one of "serve", "demo", "migrate"`}},
	{what: "a command there is not", args: []string{"dance"}, code: exitUsage, says: []string{`unexpected argument dance`}},
	{what: "a flag there is not", args: []string{"serve", "-confg", "x"}, code: exitUsage, says: []string{`unknown flag --confg`}},
	{what: "an argument too many", args: []string{"policy", "extra"}, code: exitUsage, says: []string{`unexpected argument extra`}},
	{what: "no account named", args: []string{"admin", "confirm"}, code: exitUsage, says: []string{`expected "<who>"`}},
	{what: "a file that is not there", args: []string{"admin", "import", "-config", "CONFIG", "FOLDER/people.jsonl"}, code: exitUsage, says: []string{"people.jsonl: no such file or directory"}},
	{what: "a language there is not", args: []string{"admin", "import", "-config", "CONFIG", "-lang", "fr", "CONFIG"}, code: exitUsage, says: []string{`--lang must be one of "en","ru" but got "fr"`}},
	{what: "a sample with more faults than people", args: []string{"admin", "sample", "-people", "5", "-faults", "9"}, code: exitUsage, says: []string{"people: 1 to 10000000, and fewer faults than people"}},
	{what: "words for a number", args: []string{"admin", "sample", "-people", "many"}, code: exitUsage, says: []string{`--people: expected a valid 64 bit int but got "many"`}},
	{what: "a demonstration for the whole network", args: []string{"demo", "-listen", "0.0.0.0:0", "-data", "FOLDER"}, code: exitUsage, says: []string{`listen: "0.0.0.0:0" is not a loopback address, and a demonstration shows everybody's codes`}},
	{what: "an address without a port", args: []string{"demo", "-listen", "localhost", "-data", "FOLDER"}, code: exitUsage, says: []string{`listen: "localhost" is not an address and a port such as 127.0.0.1:8080`}},
	{what: "a configuration that is not there", args: []string{"migrate", "-config", "FOLDER/doverie.toml"}, code: exitUsage, says: []string{"configuration: ", "doverie.toml: no such file or directory"}},
	{what: "no configuration at all", args: []string{"migrate"}, code: exitUsage, says: []string{"base_url: is missing", "database: is missing", "secret_key_file: is missing"}},
	{what: "a configuration that is no TOML", config: "listen = ", code: exitUsage, says: []string{"doverie.toml: toml: line 4"}},
	{what: "a misspelt key", config: "listne = \"127.0.0.1:1\"", code: exitUsage, says: []string{"listne: no such key"}},
	{what: "a misspelt variable", env: []string{"DOVERIE_LISTNE=x"}, code: exitUsage, says: []string{"DOVERIE_LISTNE: no such variable"}},
	{what: "a value of another kind", config: "listen = 8080", code: exitUsage, says: []string{"incompatible types: TOML value has type int64; destination has type string"}},
	{what: "a port without an address", env: []string{"DOVERIE_LISTEN=8080"}, code: exitUsage, says: []string{`listen: "8080" is not an address and a port such as 127.0.0.1:8080`}},
	{what: "a public address without https", env: []string{"DOVERIE_BASE_URL=http://id.example.org"}, code: exitUsage, says: []string{`base_url: "http://id.example.org" is not https`}},
	{what: "a public address with a path", env: []string{"DOVERIE_BASE_URL=https://id.example.org/app"}, code: exitUsage, says: []string{`base_url: "https://id.example.org/app" has more than a host: leave the rest out`}},
	{what: "two databases", env: []string{"DOVERIE_DATABASE_FILE=/dev/null"}, code: exitUsage, says: []string{"database: give database or database_file, not both"}},
	{what: "fewer connections than none", env: []string{"DOVERIE_DATABASE_CONNECTIONS=-1"}, code: exitUsage, says: []string{"database_connections: -1 is less than 0"}},
	{what: "a master key that others may read", env: []string{"DOVERIE_SECRET_KEY_FILE=OPENKEY"}, code: exitUsage, says: []string{"secret_key_file: ", "may be read by others (-rw-r--r--): chmod 600 it"}},
	{what: "a master key that is too short", env: []string{"DOVERIE_SECRET_KEY_FILE=SHORTKEY"}, code: exitUsage, says: []string{"secret_key_file: "}},
	{what: "a proxy that is no network", env: []string{"DOVERIE_TRUSTED_PROXIES=proxy"}, code: exitUsage, says: []string{`trusted_proxies: "proxy" is not a network such as 10.0.0.0/8`}},
	{what: "a level of the log there is not", env: []string{"DOVERIE_LOG_LEVEL=loud"}, code: exitUsage, says: []string{`log_level: "loud" is none of debug, info, warn, error`}},
	{what: "a rule there is not", config: "[policy]\nrecovery_wiat = \"1h\"", code: exitUsage, says: []string{"policy.recovery_wiat: no such key"}},
	{what: "a rule without a unit", config: "[policy]\nrecovery_wait = \"12\"", code: exitUsage, says: []string{`policy.recovery_wait: "12" is not a duration`}},
	{what: "a rule out of its bounds", config: "[policy]\nmax_contacts = 7", code: exitUsage, says: []string{"policy.max_contacts: 7 is outside 1–3"}},
	{what: "a time zone there is not", config: "[policy]\ntime_zone = \"Mars/Olympus\"", code: exitUsage, says: []string{"policy.time_zone: "}},
}

// complain runs a refused command and returns what it said, with the test's own paths taken out.
func complain(t *testing.T, c badCommand) (said string) {
	t.Helper()
	folder := t.TempDir()
	database := filepath.Join(folder, "doverie.db")
	key := write(t, "secret.key", secret.NewMaster()+"\n", 0o600)
	open := write(t, "open.key", secret.NewMaster(), 0o600)
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	short := write(t, "short.key", "c2hvcnQ=", 0o600)
	config := write(t, "doverie.toml", fmt.Sprintf("base_url = \"http://127.0.0.1:8080\"\ndatabase = %q\nsecret_key_file = %q\n%s\n", database, key, c.config), 0o600)
	places := strings.NewReplacer("CONFIG", config, "FOLDER", folder, "OPENKEY", open, "SHORTKEY", short)
	args := append([]string(nil), c.args...)
	if c.config != "" || c.env != nil {
		args = []string{"migrate", "-config", config}
	}
	for i := range args {
		args[i] = places.Replace(args[i])
	}
	env := append([]string(nil), c.env...)
	for i := range env {
		env[i] = places.Replace(env[i])
	}
	var out, errs bytes.Buffer
	code := run(args, console{ctx: t.Context(), out: &out, err: &errs, environ: env, now: time.Now})
	said = errs.String()
	if code != c.code {
		t.Errorf("%s: exit code %d, want %d: %s", c.what, code, c.code, said)
	}
	rest := said
	for _, part := range c.says {
		_, after, found := strings.Cut(rest, part)
		if !found {
			t.Errorf("%s: %q does not say %q", c.what, said, part)
		}
		rest = after
	}
	if _, err := os.Stat(database); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s: the database was begun", c.what)
	}
	for _, inside := range []string{"goroutine", "panic", ".go:", "c2hvcnQ", "%!"} {
		if strings.Contains(said, inside) {
			t.Errorf("%s: %q shows the inside", c.what, said)
		}
	}
	said = strings.NewReplacer(config, "doverie.toml", open, "secret.key", short, "secret.key", folder+"/", "").Replace(said)
	return strings.TrimSpace(strings.ReplaceAll(said, "doverie: see doverie -help\n", ""))
}

// badLine is one line of an import file.
type badLine struct{ what, line, field string }

const goodLine = `{"family":"Петров","given":"Иван","birth_date":"1980-01-02","citizenship":"RUS","snils":"112-233-445 95","phone":"8 (913) 123-45-67"}`

// with changes the good line.
func with(old, fresh string) string { return strings.Replace(goodLine, old, fresh, 1) }

var badLines = []badLine{
	{"an empty line", ``, "line"},
	{"words", `Иван Петров`, "line"},
	{"an array", `[1,2]`, "line"},
	{"an object that is not closed", `{"family":"Петров"`, "line"},
	{"bytes that are not UTF-8", "{\"family\":\"\xff\xfe\"}", "line"},
	{"a NUL byte in a name", with("Петров", `Пет\u0000ров`), "family"},
	{"10 MB in one line", `{"family":"` + strings.Repeat("а", 5<<20) + `"}`, "line"},
	{"a field there is not", with(`"family"`, `"surname":"Петров","family"`), "surname"},
	{"a number for a text", with(`"Петров"`, `5`), "family"},
	{"a required field is missing", with(`"given":"Иван",`, ``), "given"},
	{"HTML in a name", with("Иван", "<b>Иван</b>"), "given"},
	{"an emoji in a name", with("Иван", "Иван 😀"), "given"},
	{"a homoglyph: one Latin letter in a Russian name", with("Иван", "Ивaн"), "given"},
	{"a right-to-left mark in a name", with("Иван", `Иван\u202e`), "given"},
	{"a date that is none", with("1980-01-02", "1980-02-31"), "birth_date"},
	{"a date to come", with("1980-01-02", "2980-01-02"), "birth_date"},
	{"a country there is not", with("RUS", "XXX"), "citizenship"},
	{"a SNILS whose check digits are wrong", with("445 95", "445 96"), "snils"},
	{"a phone of a landline", with("8 (913) 123-45-67", "8 (495) 123-45-67"), "phone"},
	{"an e-mail with Russian letters", with(`"phone"`, `"email":"иван@example.test","phone"`), "email"},
	{"a language there is not", with(`"phone"`, `"locale":"fr","phone"`), "locale"},
	{"a password hash that is none", with(`"phone"`, `"password_hash":"qwerty","phone"`), "password_hash"},
}

// goodLines are forms of real life that go in.
var goodLines = []badLine{
	{"a phone as people write it: «8 (913) 123-45-67»", goodLine, ""},
	{"Ё, a double surname, no patronymic", `{"family":"Ёлкина-Палкина","given":"Алёна","birth_date":"1980-01-02","citizenship":"RUS","snils":"087-654-303 00","phone":"+7 916 111-22-33"}`, ""},
	{"a name in Latin letters with an apostrophe", `{"family":"O'Brien","given":"Mary-Jane","birth_date":"1980-01-02","citizenship":"RUS","snils":"11223344696","phone":"89161112244"}`, ""},
}

// refusals imports every bad line, and the good ones between them, in one language.
func refusals(t *testing.T, lang string) []string {
	t.Helper()
	tr := newTrial(t)
	var file strings.Builder
	for _, l := range append(append([]badLine(nil), badLines...), goodLines...) {
		file.WriteString(l.line + "\n")
	}
	tr.must(t, exitFindings, "admin", "import", "-config", tr.config, "-lang", lang, write(t, "people.jsonl", file.String(), 0o600))
	said := map[string]string{}
	for line := range strings.Lines(tr.out.String()) {
		if number, words, found := strings.Cut(strings.TrimRight(line, "\n"), ": "); found && strings.HasPrefix(number, "line ") {
			said[number] += words + "\n"
		}
	}
	out := make([]string, len(badLines))
	for i, l := range badLines {
		out[i] = strings.TrimSpace(said[fmt.Sprintf("line %d", i+1)])
		if !strings.HasPrefix(out[i], l.field+": ") || strings.Contains(out[i], "\n") {
			t.Errorf("%s: said %q, want one fault of %s", l.what, out[i], l.field)
		}
		_, out[i], _ = strings.Cut(out[i], ": ")
	}
	if want := fmt.Sprintf("%d imported, %d refused", len(goodLines), len(badLines)); !strings.Contains(tr.out.String(), want) {
		t.Errorf("not %q but %s", want, &tr.out)
	}
	return out
}

// TestInputDocument compares the commands' part of docs/input.md with what the program says.
func TestInputDocument(t *testing.T) {
	const begin, end = "<!-- commands: begin -->\n", "<!-- commands: end -->\n"
	path := filepath.Join("..", "..", "docs", "input.md")
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(old), begin)
	_, after, foundEnd := strings.Cut(rest, end)
	if !found || !foundEnd {
		t.Fatalf("%s has lost its marks", path)
	}
	cell := strings.NewReplacer("|", `\|`, "\n", "<br>", "<", "&lt;")
	var b strings.Builder
	b.WriteString("\n## Commands\n\nA wrong command line or configuration ends with exit code 2 before anything is begun: no file is made and no database is\n" +
		"opened. Every wrong key is named at once. Correct it and run the command again.\n\n| given | says on standard error |\n|---|---|\n")
	for _, c := range badCommands {
		fmt.Fprintf(&b, "| %s | %s |\n", c.what, cell.Replace(complain(t, c)))
	}
	b.WriteString("\n## Lines of an import\n\nA refused line is named by its number, field and reason, and the others go in; the exit code is then 3. Correct the refused\n" +
		"lines and import them as a file of their own: what is in already is refused by SNILS, phone and e-mail and cannot be in twice.\n\n" +
		"| line | field | in Russian | in English |\n|---|---|---|---|\n")
	russian, english := refusals(t, "ru"), refusals(t, "en")
	for i, l := range badLines {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", l.what, l.field, cell.Replace(russian[i]), cell.Replace(english[i]))
	}
	for _, l := range goodLines {
		fmt.Fprintf(&b, "| %s | – | accepted | accepted |\n", l.what)
	}
	b.WriteString("\n")
	fresh := before + begin + b.String() + end + after
	switch {
	case fresh == string(old):
	case *update:
		if err := os.WriteFile(path, []byte(fresh), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s is not what the program says; go test ./cmd/doverie -run TestInputDocument -update", path)
	}
}
