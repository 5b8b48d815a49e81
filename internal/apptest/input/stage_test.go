// Package input posts bad input to every form of the running server and writes docs/input.md of what it
// answers: what is refused, with which words, what is kept and what to do next.
package input

import (
	"crypto/sha256"
	"database/sql"
	"fmt"
	"html"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"doverie/internal/app"
	"doverie/internal/apptest"
	"doverie/internal/apptest/pgtest"
	"doverie/internal/effect"
	"doverie/internal/i18n"
	"doverie/internal/notify/webpush"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// Who may post a form.
const (
	anybody = ""
	session = "session"
	stepUp  = "step-up"
	fresh   = "fresh" // a sign-in or a repeated check of just now

	operators = "operators" // whoever works at the service desk
)

// absent as a value leaves the field out.
const absent = "\x00absent"

// form is one form of the site: one POST route.
type form struct {
	route  string   // as it is mounted
	what   string   // for people
	gate   string   // who may post it
	good   []string // name, value, name, value …: what the tries change
	file   string   // name of the field that is a file: the form is sent in parts (RFC 7578)
	button bool     // nothing but a button: what comes in the body is not read
	scene  scene
	tries  []try
}

// scene brings a client to the form and says where it posts to.
type scene func(p *play) (c *apptest.Client, path string)

// try is one input and what the server must answer.
type try struct {
	typed  string   // for people
	with   []string // changes of the good fields
	path   string   // instead of the form's own
	status int      // 422 when it is left out
	to     string   // of a redirect
	says   []say    // on the answer, or on the page the redirect leads to
	kept   []string // fields that are shown again as they were typed
	counts []string // tables that may change; none else does
	first  func(p *play, c *apptest.Client)
	stored func(p *play) string // for accepted input: what was made of it
	as     string               // what stored must give
}

// say is words of the locale files.
type say struct {
	key  string
	args []any
}

func words(key string, args ...any) say { return say{key, args} }

// play is one running server with people in it.
type play struct {
	*apptest.World
	apptest.Family

	t    *testing.T
	file *sql.DB
	note map[string]string // what a scene remembers for its tries
}

var actOfTests = effect.Act{Actor: effect.Person, Area: "127.0.0.0/16", Device: "Chrome, Linux"}

func newPlay(t *testing.T) *play {
	t.Helper()
	w := apptest.New(t, "sqlite", apptest.Options{Localhost: true, Carriers: app.Carriers{Push: &webpush.Config{Contact: "mailto:push@doverie.example"}}})
	file, err := sql.Open("sqlite", w.DB.DSN)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return &play{World: w, Family: w.AddFamily(), t: t, file: file, note: map[string]string{}}
}

func (p *play) text(lang string, s say) string {
	return flat(p.Texts.Printer(lang, p.Policy.Location()).T(s.key, s.args...))
}

var spaces = strings.NewReplacer("\u00a0", " ", "\u202f", " ", "\u2011", "-")

// flat is a text as it is compared: without markup, line ends and special spaces.
func flat(text string) string {
	return strings.Join(strings.Fields(spaces.Replace(html.UnescapeString(apptest.Words(text)))), " ")
}

// tables is a fingerprint of every table.
func (p *play) tables() map[string]string {
	p.t.Helper()
	names, err := p.file.Query(`SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name`)
	if err != nil {
		p.t.Fatal(err)
	}
	defer names.Close()
	var all []string
	for names.Next() {
		var name string
		if err := names.Scan(&name); err != nil {
			p.t.Fatal(err)
		}
		all = append(all, name)
	}
	if err := names.Err(); err != nil {
		p.t.Fatal(err)
	}
	out := map[string]string{}
	for _, name := range all {
		out[name] = p.fingerprint(name)
	}
	return out
}

func (p *play) fingerprint(table string) string {
	p.t.Helper()
	rows, err := p.file.Query(`SELECT * FROM "` + table + `"`) //nolint:unqueryvet // every column is what is compared
	if err != nil {
		p.t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		p.t.Fatal(err)
	}
	var lines []string
	for rows.Next() {
		values := make([]any, len(columns))
		into := make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			p.t.Fatal(err)
		}
		lines = append(lines, fmt.Sprint(values))
	}
	if err := rows.Err(); err != nil {
		p.t.Fatal(err)
	}
	slices.Sort(lines)
	return fmt.Sprintf("%x", sha256.Sum256([]byte(strings.Join(lines, "\n"))))
}

// changed names the tables that differ.
func changed(before, after map[string]string) []string {
	var out []string
	for name := range after {
		if before[name] != after[name] {
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// fields changes the good fields of a form.
func fields(good, with []string) url.Values {
	values := apptest.Form(good...)
	for i := 0; i+1 < len(with); i += 2 {
		if with[i+1] == absent {
			values.Del(with[i])
			continue
		}
		values.Set(with[i], with[i+1])
	}
	return values
}

func inLanguage(lang string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Accept-Language", lang) }
}

// encode sends a form with a file in parts; other forms stay as they are.
func (f form) encode(sent url.Values) func(*http.Request) {
	return func(r *http.Request) {
		if f.file == "" {
			return
		}
		text, kind := inParts(sent, f.file)
		body(r, text)
		r.Header.Set("Content-Type", kind)
	}
}

// inParts writes the fields as parts; the field of that name is a file.
func inParts(sent url.Values, file string) (text, kind string) {
	var b strings.Builder
	w := multipart.NewWriter(&b)
	for name, values := range sent {
		for _, value := range values {
			part, err := w.CreateFormField(name)
			if name == file {
				part, err = w.CreateFormFile(name, "C:\\secret\\../../etc/passwd")
			}
			if err == nil {
				_, err = io.WriteString(part, value)
			}
			if err != nil {
				panic(err) // a strings.Builder takes everything
			}
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.String(), w.FormDataContentType()
}

// post does the try in one language and checks everything but the words.
func (p *play) post(f form, c *apptest.Client, path string, v try, lang string) (page string) {
	p.t.Helper()
	sent := fields(f.good, v.with)
	before := p.tables()
	a := c.Do(http.MethodPost, path, sent, inLanguage(lang), f.encode(sent))
	after := p.tables()
	want := v.status
	if want == 0 {
		want = http.StatusUnprocessableEntity
	}
	if a.Status != want || v.to != "" && a.Location != v.to {
		p.t.Errorf("%s: %d to %q, want %d to %q; %s", lang, a.Status, a.Location, want, v.to, apptest.Words(a.Body))
	}
	if got := changed(before, after); !slices.Equal(got, sorted(v.counts)) {
		p.t.Errorf("%s: the tables %v changed, want %v", lang, got, v.counts)
	}
	p.leaks(f, sent, a)
	if a.Status == http.StatusSeeOther {
		if len(v.says) == 0 {
			return ""
		}
		next := c.Do(http.MethodGet, a.Location, nil, inLanguage(lang))
		for n := 0; next.Status == http.StatusSeeOther && n < 5; n++ {
			next = c.Do(http.MethodGet, next.Location, nil, inLanguage(lang))
		}
		p.leaks(f, sent, next)
		return next.Body
	}
	for _, name := range v.kept {
		if !shown(a.Body, name, sent.Get(name)) {
			p.t.Errorf("%s: %s: %q is not on the form again", lang, name, sent.Get(name))
		}
	}
	if a.Status == http.StatusUnprocessableEntity {
		p.switches(f, c, a.Body, sent, v, lang)
	}
	return a.Body
}

var languageForm = regexp.MustCompile(`(?s)<form method="post" action="((?:/operator)?/language)">(.*?)</form>`)

// switches changes the language on a form that was refused: the same form must be there in the other one, with what was
// typed and what is wrong.
func (p *play) switches(f form, c *apptest.Client, page string, sent url.Values, v try, lang string) {
	p.t.Helper()
	other := map[string]string{i18n.Russian: i18n.English, i18n.English: i18n.Russian}[lang]
	parts := languageForm.FindStringSubmatch(page)
	if parts == nil {
		p.t.Fatalf("%s: no switch of the language on %s", f.route, apptest.Words(page))
	}
	press := url.Values{"lang": {other}}
	for _, tag := range regexp.MustCompile(`(?s)<input type="hidden"[^>]*>`).FindAllString(parts[2], -1) {
		press.Set(attribute(tag, "name"), attribute(tag, "value"))
	}
	before := p.tables()
	a := c.Do(http.MethodPost, parts[1], press)
	c.SetCookie("lang", "")
	if got := changed(before, p.tables()); len(got) > 0 {
		p.t.Errorf("the switch to %s changed the tables %v", other, got)
	}
	if a.Status != http.StatusUnprocessableEntity {
		p.t.Errorf("the switch to %s: %d to %q: %s", other, a.Status, a.Location, apptest.Words(a.Body))
		return
	}
	if bare := regexp.MustCompile(`<form method="post"(?: (?:novalidate|id="[a-z]+"))*>`).FindString(a.Body); bare != "" {
		p.t.Errorf("%s: a form without an address would post to the switch of the language", f.route)
	}
	p.leaks(f, sent, a)
	p.hears(other, a.Body, v.says)
	for _, name := range v.kept {
		if !shown(a.Body, name, sent.Get(name)) {
			p.t.Errorf("the switch to %s: %s: %q is not on the form again", other, name, sent.Get(name))
		}
	}
}

func sorted(names []string) []string {
	out := slices.Clone(names)
	slices.Sort(out)
	return out
}

var (
	internal = regexp.MustCompile(`(?i)\bsql|sqlite|goroutine|panic:|runtime error|\.go:\d|doverie/internal|%!|<no value>|\bfault\.[a-z_]+|pgx|stack trace|unexpected|context canceled`)
	tagged   = regexp.MustCompile(`(?i)<script[^>]*>\s*alert|<img[^>]*src="?x|<b>(вера|билет|pigeon|never|maybe|бес)`)
	hidden   = regexp.MustCompile(`^(password|old|new|code)$`)
)

// leaks looks for what must be on no page: the inside of the program, secrets just typed, and markup that was typed.
func (p *play) leaks(f form, sent url.Values, a apptest.Answer) {
	p.t.Helper()
	if a.Status >= http.StatusInternalServerError {
		p.t.Errorf("%s: status %d: %s", f.route, a.Status, p.Logs)
	}
	if m := internal.FindString(apptest.Words(a.Body)); m != "" {
		p.t.Errorf("the page says %q: %s", m, apptest.Words(a.Body))
	}
	if m := tagged.FindString(a.Body); m != "" {
		p.t.Errorf("what was typed became markup: %q", m)
	}
	for name, values := range sent {
		for _, value := range values {
			if hidden.MatchString(name) && len(value) > 5 && strings.Contains(html.UnescapeString(a.Body), `"`+value+`"`) {
				p.t.Errorf("the page repeats the field %s", name)
			}
		}
	}
}

// shown tells whether a field of the page holds the value: typed, chosen or ticked.
func shown(page, name, value string) bool {
	for _, tag := range regexp.MustCompile(`(?s)<(?:input|option)[^>]*>`).FindAllString(page, -1) {
		isOption := strings.HasPrefix(tag, "<option")
		if !isOption && attribute(tag, "name") != name || attribute(tag, "value") != value {
			continue
		}
		switch kind := attribute(tag, "type"); {
		case isOption:
			if strings.Contains(tag, " selected") {
				return true
			}
		case kind == "radio" || kind == "checkbox":
			if strings.Contains(tag, " checked") {
				return true
			}
		default:
			return true
		}
	}
	return false
}

func attribute(tag, name string) string {
	m := regexp.MustCompile(`(?s)\s` + name + `="([^"]*)"`).FindStringSubmatch(tag)
	if m == nil {
		return ""
	}
	return html.UnescapeString(m[1])
}

// hears checks that the page says the words.
func (p *play) hears(lang, page string, says []say) {
	p.t.Helper()
	for _, s := range says {
		if !strings.Contains(flat(page), p.text(lang, s)) {
			p.t.Errorf("%s: the page does not say %q but: %s", lang, p.text(lang, s), flat(page))
		}
	}
}

// languages in which a try is made: what is counted is posted once only, or the second would count on.
func (v try) languages() []string {
	if len(v.counts) > 0 || v.first != nil {
		return []string{i18n.Default}
	}
	return []string{i18n.Default, i18n.English}
}
