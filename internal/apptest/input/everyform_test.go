package input

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/http"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"doverie/internal/apptest"
	"doverie/internal/apptest/browser"
)

// spoilt is a request that no form takes, whatever it is for.
type spoilt struct {
	what   string
	change func(r *http.Request, good string)
	status int
	says   say
}

func body(r *http.Request, text string) {
	fresh, err := http.NewRequestWithContext(r.Context(), r.Method, r.URL.String(), strings.NewReader(text))
	if err != nil {
		panic(err)
	}
	r.Body, r.ContentLength, r.GetBody = fresh.Body, fresh.ContentLength, fresh.GetBody
}

func kind(k string) func(*http.Request, string) {
	return func(r *http.Request, _ string) { r.Header.Set("Content-Type", k) }
}

func added(more string) func(*http.Request, string) {
	return func(r *http.Request, good string) { body(r, strings.TrimPrefix(good+"&"+more, "&")) }
}

// spoilts are refused by every form with fields, before anything of it is looked at.
var spoilts = []spoilt{
	{"a content type other than a form's: JSON", kind("application/json"), 400, words("fault.bad_form")},
	{"a content type other than a form's: parts with files", kind("multipart/form-data; boundary=x"), 400, words("fault.bad_form")},
	{"no content type, or one that cannot be read", kind(";;"), 400, words("fault.bad_form")},
	{"a NUL byte or another control character", added("more=%00"), 400, words("fault.bad_form")},
	{"bytes that are not UTF-8", added("more=%ff%fe"), 400, words("fault.bad_form")},
	{"an escape that is none (`%zz`)", added("more=%zz"), 400, words("fault.bad_form")},
	{"a body of more than 64 KiB (tried: 10 MB)", added("more=" + strings.Repeat("a", 10<<20)), 413, words("fault.too_large")},
	{"more than 100 fields", added(strings.Repeat("more=a&", 100) + "more=a"), 413, words("fault.too_large")},
	{"a value of more than 8 KiB", added("more=" + strings.Repeat("a", 8<<10+1)), 413, words("fault.too_large")},
}

// spoiltParts are what no form with a file takes.
func spoiltParts(file string) []spoilt {
	parts := func(more url.Values) func(*http.Request, string) {
		return func(r *http.Request, _ string) {
			text, kind := inParts(more, file)
			body(r, text)
			r.Header.Set("Content-Type", kind)
		}
	}
	return []spoilt{
		{"a form with a file that is not sent in parts", func(*http.Request, string) {}, 400, words("fault.bad_form")},
		{"parts that end in the middle", func(r *http.Request, good string) {
			parts(url.Values{"more": {"a"}})(r, good)
			body(r, "--x\r\nContent-Disposition: form-data; name=\"more\"\r\n\r\nhalf")
			r.Header.Set("Content-Type", "multipart/form-data; boundary=x")
		}, 400, words("fault.bad_form")},
		{"a NUL byte in a part that is no file", parts(url.Values{"more": {"\x00"}}), 400, words("fault.bad_form")},
		{"bytes that are not UTF-8 in a part that is no file", parts(url.Values{"more": {"\xff\xfe"}}), 400, words("fault.bad_form")},
		{"a part of more than 8 KiB that is no file", parts(url.Values{"more": {strings.Repeat("a", 8<<10+1)}}), 413, words("fault.too_large")},
		{"a file beyond the form's bound (tried: 17 MB)", parts(url.Values{file: {strings.Repeat("a", 17<<20)}}), 413, words("fault.too_large")},
	}
}

// strange requests are refused by every form and every button.
var strange = []spoilt{
	{"sent from a page of another site", func(r *http.Request, _ string) {
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		r.Header.Set("Origin", "https://evil.test")
	}, 403, words("fault.cross_origin")},
	{"a method the address does not know (PUT)", func(r *http.Request, _ string) { r.Method = http.MethodPut }, 405, words("fault.method")},
}

// unknownIDs stand where an address holds an id: another's, none, or nonsense.
var unknownIDs = []string{"0198c0de-0000-7000-8000-000000000000", "1", "%27%20OR%201=1", "%00", "%F0%9F%98%80", "%3Cscript%3Ealert(1)", strings.Repeat("9", 3000)}

func (p *play) everyForm(f form, c *apptest.Client, path string) {
	p.t.Helper()
	all := strange
	switch {
	case f.file != "":
		all = append(slices.Clone(spoiltParts(f.file)), strange...)
	case !f.button:
		all = append(slices.Clone(spoilts), strange...)
	}
	good := apptest.Form(f.good...)
	for _, s := range all {
		for _, lang := range []string{"ru", "en"} {
			before := p.tables()
			a := c.Do(http.MethodPost, path, good, inLanguage(lang), func(r *http.Request) { s.change(r, good.Encode()) })
			if got := changed(before, p.tables()); len(got) > 0 {
				p.t.Errorf("%s: the tables %v changed", s.what, got)
			}
			if a.Status != s.status {
				p.t.Errorf("%s: %s: status %d, want %d: %s", lang, s.what, a.Status, s.status, apptest.Words(a.Body))
			}
			p.leaks(f, good, a)
			p.hears(lang, a.Body, []say{s.says})
		}
	}
	switch f.gate {
	case anybody:
	case operators:
		p.mustBeOperator(f, path)
	default:
		p.mustSignIn(f, path)
	}
	if strings.Contains(f.route, "{") {
		p.unknown(f, c)
	}
}

// mustSignIn posts the good form without a session, and where it is asked for without the repeated check.
func (p *play) mustSignIn(f form, path string) {
	p.t.Helper()
	stranger := p.Client()
	before := p.tables()
	a := stranger.Do(http.MethodPost, path, apptest.Form(f.good...))
	if a.Status != http.StatusSeeOther || !strings.HasPrefix(a.Location, "/sign-in?next=") {
		p.t.Errorf("nobody is signed in: %d to %q", a.Status, a.Location)
	}
	if got := changed(before, p.tables()); len(got) > 0 {
		p.t.Errorf("nobody is signed in: the tables %v changed", got)
	}
	p.hears("ru", stranger.Get(a.Location).Body, []say{words("fault.sign_in")})
	if f.gate != stepUp && f.gate != fresh {
		return
	}
	careless := p.Client()
	careless.SignIn(p.Maria, apptest.Password)
	if f.gate == fresh {
		p.Clock.Advance(p.Policy.StepUpTTL)
		defer p.Clock.Advance(-p.Policy.StepUpTTL)
		careless.Get("/settings/account") // notes that the session is used
	}
	before = p.tables()
	a = careless.Do(http.MethodPost, path, apptest.Form(f.good...))
	if a.Status != http.StatusSeeOther || !strings.HasPrefix(a.Location, "/step-up?next=") {
		p.t.Errorf("without the repeated check: %d to %q", a.Status, a.Location)
	}
	if got := changed(before, p.tables()); len(got) > 0 {
		p.t.Errorf("without the repeated check: the tables %v changed", got)
	}
}

var inBraces = regexp.MustCompile(`\{[a-z]+\}`)

// unknown asks for what there is not, or what is somebody else's: one answer for both.
func (p *play) unknown(f form, c *apptest.Client) {
	p.t.Helper()
	_, pattern, _ := strings.Cut(f.route, " ")
	for _, id := range unknownIDs {
		before := p.tables()
		a := c.Do(http.MethodPost, inBraces.ReplaceAllLiteralString(pattern, id), apptest.Form(f.good...))
		if a.Status != http.StatusNotFound {
			p.t.Errorf("id %.40q: status %d to %q: %s", id, a.Status, a.Location, apptest.Words(a.Body))
			continue
		}
		p.leaks(f, nil, a)
		if got := changed(before, p.tables()); len(got) > 0 && !slices.Equal(got, []string{"rate_limits"}) {
			p.t.Errorf("id %.40q: the tables %v changed", id, got)
		}
	}
}

// mounted reads every POST route from the source: what nobody described here fails.
func mounted(t *testing.T) []string {
	t.Helper()
	root := browser.Root(t)
	constants := map[string]string{}
	var found []string
	var calls []ast.Expr
	err := filepath.WalkDir(filepath.Join(root, "internal"), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.ValueSpec:
				for i, name := range n.Names {
					if i < len(n.Values) {
						if text := evaluate(n.Values[i], constants); text != "" {
							constants[name.Name] = text
						}
					}
				}
			case *ast.BasicLit: // the console lists its routes in one place
				if text := strings.Trim(n.Value, `"`); strings.HasPrefix(text, "POST /operator") {
					calls = append(calls, n)
				}
			case *ast.CallExpr:
				if s, ok := n.Fun.(*ast.SelectorExpr); ok && (s.Sel.Name == "Handle" || s.Sel.Name == "HandleFunc") && len(n.Args) == 2 {
					calls = append(calls, n.Args[0])
				}
			}
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range calls {
		if route := evaluate(c, constants); strings.HasPrefix(route, "POST /") {
			found = append(found, route)
		}
	}
	slices.Sort(found)
	return slices.Compact(found) // the other site of the demonstration, and a test kit, have addresses of the same names
}

// evaluate joins constant texts.
func evaluate(e ast.Expr, constants map[string]string) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		return strings.Trim(e.Value, `"`)
	case *ast.Ident:
		return constants[e.Name]
	case *ast.SelectorExpr:
		return constants[e.Sel.Name]
	case *ast.BinaryExpr:
		left, right := evaluate(e.X, constants), evaluate(e.Y, constants)
		if left == "" || right == "" {
			return ""
		}
		return left + right
	}
	return ""
}

// TestEveryFormIsHere compares what is mounted with what is described.
func TestEveryFormIsHere(t *testing.T) {
	described := map[string]bool{}
	for _, f := range forms() {
		if described[f.route] {
			t.Errorf("%s is described twice", f.route)
		}
		described[f.route] = true
	}
	for _, s := range scripts() {
		described[s.route] = true
	}
	for route := range elsewhere {
		described[route] = true
	}
	routes := mounted(t)
	if len(routes) < 40 {
		t.Fatalf("only %d routes were found in the source", len(routes))
	}
	for _, route := range routes {
		if !described[route] {
			t.Errorf("%s is mounted and not described", route)
		}
		delete(described, route)
	}
	for route := range described {
		t.Errorf("%s is described and not mounted", route)
	}
}

// elsewhere are forms that only the demonstration has, or that are tested with scripts.
var elsewhere = map[string]string{
	"POST /messages/reports/{carrier}": "signed delivery reports of an SMS gateway, called by machines: see docs/operations.md",

	"POST /logout":  "of the demonstration's other system: its client library judges the token",
	"POST /signals": "of the demonstration's other system: package waterworks",

	"POST /ssf/streams":         "for programs, JSON; packages attacks and signals",
	"POST /ssf/status":          "for programs, JSON; packages attacks and signals",
	"POST /ssf/subjects/add":    "for programs, JSON; packages attacks and signals",
	"POST /ssf/subjects/remove": "for programs, JSON; packages attacks and signals",
	"POST /ssf/verify":          "for programs, JSON; packages attacks and signals",
	"POST /ssf/poll/{stream}":   "for programs, JSON; packages attacks and signals",

	"POST /demo/clock": "only in the demonstration; an hour it does not offer answers 400",

	"POST /oidc/authorize":  "brought from other sites; package attacks tries it (T42 to T47), and package oidc fuzzes it",
	"POST /oidc/logout":     "brought from other sites; package attacks tries it (T42)",
	"POST /oidc/par":        "for programs; packages attacks and systems",
	"POST /oidc/token":      "for programs; packages attacks and systems",
	"POST /oidc/userinfo":   "for programs; packages attacks and systems",
	"POST /oidc/introspect": "for programs; packages attacks and systems",
	"POST /oidc/revoke":     "for programs; packages attacks and systems",
}

func describe(status int) string {
	return fmt.Sprintf("%d %s", status, strings.ToLower(http.StatusText(status)))
}
