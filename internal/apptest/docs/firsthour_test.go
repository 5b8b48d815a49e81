package docs

import (
	"bufio"
	"bytes"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"doverie/internal/apptest"
	"doverie/internal/apptest/browser"
	"doverie/internal/demo"
)

const demoAddress = "http://127.0.0.1:8080" // of make run

// script is a document's sh blocks as one script.
func script(t *testing.T, document string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(browser.Root(t), document))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		all.WriteString(block[1])
	}
	return all.String()
}

// instead puts one command in the place of another that stands there once.
func instead(t *testing.T, text, old, now string) string {
	t.Helper()
	if strings.Count(text, old) != 1 {
		t.Fatalf("%q is there %d times", old, strings.Count(text, old))
	}
	return strings.Replace(text, old, now, 1)
}

// startDemo runs the demonstration as make run does, on a free port, and returns its address.
func startDemo(t *testing.T, folder string) string {
	t.Helper()
	if out, err := run(t, browser.Root(t), "make", "-n", "run"); err != nil || !strings.Contains(out, "demo -listen "+strings.TrimPrefix(demoAddress, "http://")+" -data ./data") {
		t.Fatalf("make run does something else: %v %s", err, out)
	}
	cmd := command(t.Context(), folder, []string{"bin/doverie", "demo", "-listen", "127.0.0.1:0", "-data", "./data"})
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the demonstration says: %s", &errs)
		}
	})
	says := bufio.NewScanner(out)
	for says.Scan() {
		if m := regexp.MustCompile(`The demonstration is at (http://\S+)`).FindStringSubmatch(says.Text()); m != nil {
			go func() { _, _ = io.Copy(io.Discard, out) }() // it must not stop at a full pipe
			return m[1]
		}
	}
	t.Fatalf("the demonstration ended: %s", &errs)
	return ""
}

// person is Vera of the demonstration at a browser without a screen.
type person struct {
	*apptest.Client

	t    *testing.T
	last string // the code that stood on her phone before
}

var shownCode = regexp.MustCompile(`\b\d{3}[  -]?\d{3}\b`)

// newest is the code that stands on top of her phone's page.
func (p *person) newest() string {
	p.t.Helper()
	page := p.Get("/demo/phones/vera").Body
	_, phone, _ := strings.Cut(page, `class="demo-phone`)
	_, phone, _ = strings.Cut(phone, "</p>") // her number
	return shownCode.FindString(apptest.Words("<p " + phone))
}

// code waits for a code that was not there before, and types it.
func (p *person) code(path string) apptest.Answer {
	p.t.Helper()
	for range 200 {
		if code := p.newest(); code != "" && code != p.last {
			p.last = code
			return p.Post(path, "code", code)
		}
		time.Sleep(100 * time.Millisecond)
	}
	p.t.Fatal("no code comes to her phone")
	return apptest.Answer{}
}

func (p *person) signIn() {
	p.t.Helper()
	p.Want(p.Post("/sign-in", "identifier", demo.People()[0].Phone, "password", demo.Password), "/sign-in/code")
	if a := p.code("/sign-in/code"); a.Status != http.StatusSeeOther || strings.HasPrefix(a.Location, "/sign-in") {
		p.t.Fatalf("signing in: %d to %q: %s", a.Status, a.Location, apptest.Words(a.Body))
	}
}

// through opens an address of the service, signs in and agrees, and returns where the browser is sent to in the end.
func (p *person) through(site, address string) string {
	p.t.Helper()
	next := strings.TrimPrefix(address, site)
	for range 12 {
		if !strings.HasPrefix(next, "/") {
			return next
		}
		u, err := url.Parse(next)
		if err != nil {
			p.t.Fatal(err)
		}
		switch u.Path {
		case "/sign-in":
			p.signIn()
			next = u.Query().Get("next")
			continue
		case "/oidc/onward":
			next = "/oidc/continue?" + u.RawQuery
			continue
		}
		a := p.Get(next)
		if u.Path == "/oidc/consent" && a.Status == http.StatusOK {
			a = p.Post("/oidc/consent", "at", apptest.Step(a.Body), "agree", "yes")
		}
		if a.Status != http.StatusSeeOther {
			p.t.Fatalf("%s: %d %s", next, a.Status, apptest.Words(a.Body))
		}
		next = a.Location
	}
	p.t.Fatalf("the way to the other system goes round: %s", next)
	return ""
}

// TestTheFirstHour runs every command of docs/first-hour.md in one shell, beside the running demonstration, and does in
// browsers what the page asks its reader to do.
func TestTheFirstHour(t *testing.T) {
	t.Parallel()
	folder := workplace(t)
	site := startDemo(t, folder)
	w := &apptest.World{T: t, URL: site}
	vera := &person{Client: w.Client(), t: t}

	text := instead(t, script(t, "docs/first-hour.md"), "ISSUER="+demoAddress+"\n", "ISSUER="+site+"\n")
	text = instead(t, text, "make build\n", "test -x bin/doverie\n")
	if err := os.WriteFile(filepath.Join(folder, "first-hour.sh"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	shell := exec.CommandContext(t.Context(), "bash", "-eu", "-o", "pipefail", "first-hour.sh")
	shell.Dir = folder
	in, err := shell.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := shell.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var errs bytes.Buffer
	shell.Stderr = &errs
	if err := shell.Start(); err != nil {
		t.Fatal(err)
	}
	answer := func(line string) {
		t.Helper()
		if _, err := io.WriteString(in, line+"\n"); err != nil {
			t.Fatal(err)
		}
	}
	var said strings.Builder
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		said.WriteString(line + "\n")
		if address, asks := strings.CutPrefix(line, "Open this in a browser: "); asks {
			answer(vera.through(site, address))
		}
		if strings.Contains(line, "/event-type/verification") { // what comes next is the question whether it is done
			second := &person{Client: w.Client(), t: t, last: vera.last}
			second.signIn()
			second.Want(second.Post("/settings/safety/sessions/end-others"), "/settings/safety/sessions?done=others")
			answer("")
		}
	}
	if err := shell.Wait(); err != nil {
		t.Fatalf("%v\n%s\n%s", err, &said, &errs)
	}
	all := said.String()
	for _, want := range []string{
		`"issuer":"` + site + `"`, `"pushed_authorization_request_endpoint"`, `"request_uri":"urn:`, `"nonce":"`, `"acr":"aal2"`,
		`"given_name":"Вера"`, `"refresh_token":"`, `"state":"hello"`, "/event-type/session-revoked", `"error":"invalid_grant"`, "disabled: My first hour",
	} {
		if !strings.Contains(all, want) {
			t.Errorf("nothing says %s\n%s\n%s", want, all, &errs)
		}
	}
	if strings.Count(all, `"access_token":"`) != 2 {
		t.Errorf("not two answers with tokens:\n%s", all)
	}
}
