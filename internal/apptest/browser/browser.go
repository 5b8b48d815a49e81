// Package browser drives a real headless Chromium for journeys: one browser a test process, one
// incognito context a person. It looks at pages as people do: by the words on links and buttons.
package browser

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto"
	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/serviceworker"
	"github.com/chromedp/chromedp"
)

// patience bounds every step: a stuck browser must fail the step, not hang the run.
const patience = 30 * time.Second

var shared struct {
	sync.Mutex
	ctx  context.Context //nolint:containedctx // the one browser of this process, stopped by Stop
	stop func()
	axe  string
}

// Main runs the tests of a package and stops the browser after them: call it from TestMain.
func Main(m *testing.M) {
	code := m.Run()
	Stop()
	os.Exit(code)
}

// Stop ends the shared browser, if it was started.
func Stop() {
	shared.Lock()
	defer shared.Unlock()
	if shared.stop != nil {
		shared.stop()
		shared.stop = nil
	}
}

// program finds Chromium: CHROMIUM, or Debian's.
func program(t testing.TB) string {
	t.Helper()
	if p := os.Getenv("CHROMIUM"); p != "" {
		return p
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if p, err := exec.LookPath(name); err == nil {
			return p
		}
	}
	t.Fatal("no Chromium: install it (Debian: apt-get install chromium) or set CHROMIUM")
	return ""
}

// Program is the Chromium that the tests use.
func Program(t testing.TB) string {
	t.Helper()
	return program(t)
}

// browserContext returns the shared browser, started on first use.
func browserContext(t testing.TB) context.Context {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.stop != nil {
		return shared.ctx
	}
	profile, err := os.MkdirTemp("", "doverie-browser-*") //nolint:usetesting // it outlives the test that started it
	if err != nil {
		t.Fatal(err)
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(program(t)), chromedp.UserDataDir(profile), chromedp.NoSandbox,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-gpu", true), chromedp.Flag("lang", "ru"), chromedp.Flag("hide-scrollbars", true),
		chromedp.Flag("font-render-hinting", "none"))
	allocator, stopAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, cancel := chromedp.NewContext(allocator)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("start Chromium: %v", err)
	}
	shared.ctx = ctx //nolint:fatcontext // one browser serves the whole process
	shared.stop = func() {
		cancel()
		stopAllocator()
		_ = os.RemoveAll(profile) // a leftover profile in the temporary folder is nobody's loss
	}
	return ctx
}

// Options say how a person's browser is set up.
type Options struct {
	Script bool   // JavaScript on
	Lang   string // Accept-Language: "ru" or "en"
	Width  int64  // CSS pixels; 0: 1280
}

// Page is one person's browser: his own cookies, one tab.
type Page struct {
	t    testing.TB
	ctx  context.Context //nolint:containedctx // the tab's own context, ended by the test
	base string
	o    Options
	name string

	worker serviceworker.RegistrationID // of the site, once it was pushed to

	mu       sync.Mutex
	weight   int64
	problems []string

	// Seen is called after every page that came, with the page's address: accessibility checks hang here.
	Seen func(p *Page)
}

// Open gives a person a fresh browser on the site.
func Open(t testing.TB, base, name string, o Options) *Page {
	t.Helper()
	if o.Width == 0 {
		o.Width = 1280
	}
	ctx, cancel := chromedp.NewContext(browserContext(t), chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil { // the tab lives as long as the context of its first use
		t.Fatalf("open a tab for %s: %v", name, err)
	}
	p := &Page{t: t, ctx: ctx, base: strings.TrimSuffix(base, "/"), o: o, name: name}
	p.run("set up", chromedp.EmulateViewport(o.Width, 900), chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		if _, err := cdp.Call(ctx, target, network.Enable, network.EnableParams{}); err != nil {
			return err
		}
		headers := network.Headers{"Accept-Language": o.Lang}
		_, err := cdp.Call(ctx, target, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: headers})
		return err
	}), scripts(o.Script))
	if err := chromedp.Listen(ctx, p.heard); err != nil {
		t.Fatal(err)
	}
	return p
}

// scripts switches JavaScript on or off.
func scripts(on bool) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, target *chromedp.Target) error {
		_, err := cdp.Call(ctx, target, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: !on})
		return err
	})
}

// heard notes what was transferred and what went wrong in the page.
func (p *Page) heard(ev any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch ev := ev.(type) {
	case *network.EventLoadingFinished:
		p.weight += int64(ev.EncodedDataLength)
	case *network.EventLoadingFailed:
		if ev.BlockedReason != "" {
			p.problems = append(p.problems, "blocked: "+string(ev.BlockedReason))
		}
	}
}

// run does steps within patience; the failure names the person, the step and the page.
func (p *Page) run(what string, steps ...chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		p.failf("%s: %v", what, err)
	}
}

func (p *Page) failf(format string, args ...any) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, 5*time.Second)
	defer cancel()
	where, _ := chromedp.Run(ctx, chromedp.Location()) // what cannot be read is left out of the message
	text, _ := chromedp.Run(ctx, chromedp.Evaluate[string](bodyText))
	if dir := os.Getenv("DOVERIE_SHOTS"); dir != "" {
		_ = os.WriteFile(filepath.Join(dir, "failure-"+p.name+".png"), p.shot(p.o.Width), 0o600)
	}
	p.t.Fatalf("%s: %s\n  at %s\n  page: %s", p.name, fmt.Sprintf(format, args...), where, strings.ReplaceAll(text, "\n", "\n    "))
}

// leaving tells that a page went away while it was asked: Chromium has one code for that and the like.
func leaving(err error) bool {
	const serverError = -32000
	var told *cdproto.Error
	return errors.As(err, &told) && told.Code == serverError
}

// value evaluates an expression in the page. A page that leads on by itself may go just then: the next one is asked.
func value[T any](p *Page, expression string) T {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	for leaving(err) && ctx.Err() == nil {
		time.Sleep(50 * time.Millisecond)
		v, err = chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	}
	if err != nil {
		p.failf("%s: %v", expression, err)
	}
	return v
}

// navigate does what leads to another page and waits until that page has come.
func (p *Page) navigate(what string, steps ...chromedp.Action[chromedp.Void]) int64 {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	response, err := chromedp.RunResponse(ctx, steps...)
	for err != nil && strings.Contains(err.Error(), "net::ERR_ABORTED") && ctx.Err() == nil {
		time.Sleep(50 * time.Millisecond) // a live page went to its next one by itself just then
		response, err = chromedp.RunResponse(ctx, steps...)
	}
	if err != nil {
		p.failf("%s: %v", what, err)
	}
	if p.Seen != nil {
		p.Seen(p)
	}
	if response == nil {
		return 0
	}
	return response.Status
}

// Go opens an address of the site and returns the status.
func (p *Page) Go(path string) int64 {
	p.t.Helper()
	return p.navigate("open "+path, chromedp.Navigate(p.base+path))
}

// Click presses the link or button with those words and waits for the page it leads to.
func (p *Page) Click(words string) int64 {
	p.t.Helper()
	selector := p.find(`a, button, summary`, words)
	return p.navigate("press «"+words+"»", chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

// Press clicks the first visible element of that CSS selector and waits for the page it leads to.
func (p *Page) Press(selector string) int64 {
	p.t.Helper()
	if !p.Exists(selector) {
		p.failf("nothing to press at %s", selector)
	}
	return p.navigate("press "+selector, chromedp.Click(chromedp.CSS(selector), chromedp.NodeVisible))
}

// mark is the attribute that find leaves on the element it found.
const mark = "data-test-found"

// find marks the one visible element whose own words match and returns a selector of it.
func (p *Page) find(kind, words string) string {
	p.t.Helper()
	n := value[int](p, fmt.Sprintf(`(() => {
		const fold = s => s.replace(/[\s\u00a0]+/g, " ").trim();
		document.querySelectorAll("[%[1]s]").forEach(e => e.removeAttribute("%[1]s"));
		const all = [...document.querySelectorAll(%[2]q)].filter(e => e.offsetParent !== null || e.getClientRects().length);
		let hits = all.filter(e => fold(e.innerText || e.value || "") === fold(%[3]q));
		if (!hits.length) hits = all.filter(e => fold(e.innerText || "").startsWith(fold(%[3]q)));
		if (!hits.length) hits = all.filter(e => fold(e.innerText || "").includes(fold(%[3]q)));
		if (hits.length) hits[0].setAttribute("%[1]s", "");
		return hits.length;
	})()`, mark, kind, words))
	if n == 0 {
		p.failf("nothing to press says «%s»", words)
	}
	return "[" + mark + "]"
}

// Has tells whether something to press has those words.
func (p *Page) Has(words string) bool {
	p.t.Helper()
	return value[bool](p, fmt.Sprintf(`[...document.querySelectorAll("a, button, summary")].some(e =>
		(e.innerText || "").replace(/[\s\u00a0]+/g, " ").includes(%q))`, words))
}

// Exists tells whether the page has an element of that selector.
func (p *Page) Exists(selector string) bool {
	p.t.Helper()
	return value[bool](p, fmt.Sprintf(`document.querySelector(%q) !== null`, selector))
}

// Count tells how many elements of that selector the page has.
func (p *Page) Count(selector string) int {
	p.t.Helper()
	return value[int](p, fmt.Sprintf(`document.querySelectorAll(%q).length`, selector))
}

// TextOf is the text of the first element of that selector; "" when there is none.
func (p *Page) TextOf(selector string) string {
	p.t.Helper()
	return strings.TrimSpace(value[string](p, fmt.Sprintf(`(document.querySelector(%q) || {innerText: ""}).innerText`, selector)))
}

// ValueOf is what stands in the field of that name.
func (p *Page) ValueOf(name string) string {
	p.t.Helper()
	if !p.Exists(fmt.Sprintf(`[name=%q]`, name)) {
		p.failf("no field %s", name)
	}
	return value[string](p, fmt.Sprintf(`document.querySelector('[name=%q]').value`, name))
}

// Text is the whole text of the page as a person reads it, spaces folded.
func (p *Page) Text() string {
	p.t.Helper()
	return strings.Join(strings.Fields(value[string](p, `document.body.innerText`)), " ")
}

// See fails unless the page says all of that.
func (p *Page) See(words ...string) {
	p.t.Helper()
	text := fold(p.Text())
	for _, w := range words {
		if !strings.Contains(text, fold(w)) {
			p.failf("the page does not say «%s»", w)
		}
	}
}

// SeeNot fails if the page says any of that.
func (p *Page) SeeNot(words ...string) {
	p.t.Helper()
	text := fold(p.Text())
	for _, w := range words {
		if strings.Contains(text, fold(w)) {
			p.failf("the page must not say «%s»", w)
		}
	}
}

// fold makes text comparable: one space for any, no case.
func fold(s string) string { return strings.ToLower(strings.Join(strings.Fields(s), " ")) }

// WaitFor waits until the page, without being touched, says that: live updates, or a page that reloads itself.
func (p *Page) WaitFor(words string) {
	p.t.Helper()
	deadline := time.Now().Add(patience)
	for time.Now().Before(deadline) {
		if strings.Contains(fold(p.peek()), fold(words)) {
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
	p.failf("in %s the page did not come to say «%s»", patience, words)
}

// bodyText is the expression of a page's whole text.
const bodyText = `document.body ? document.body.innerText : ""`

// peek reads the text of a page that may be reloading just now.
func (p *Page) peek() string {
	ctx, cancel := context.WithTimeout(p.ctx, time.Second)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](bodyText))
	if err != nil {
		return ""
	}
	return strings.Join(strings.Fields(text), " ")
}

// Path is the address of the page within the site.
func (p *Page) Path() string {
	p.t.Helper()
	return strings.TrimPrefix(value[string](p, `location.href`), p.base)
}

// At fails unless the page's address begins with path.
func (p *Page) At(path string) {
	p.t.Helper()
	if got := p.Path(); !strings.HasPrefix(got, path) {
		p.failf("at %s, want %s", got, path)
	}
}

// Weight returns the bytes transferred since the last call, headers included.
func (p *Page) Weight() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := p.weight
	p.weight = 0
	return w
}

// Problems returns what was blocked in pages so far.
func (p *Page) Problems() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.problems
}
