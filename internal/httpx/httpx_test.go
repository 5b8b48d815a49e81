package httpx_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/httpx"
	"doverie/internal/ui"
)

// TestFaultsBecomePages: every kind has its status and its words in both languages, and a cause stays private.
func TestFaultsBecomePages(t *testing.T) {
	for kind, status := range map[fault.Kind]int{
		fault.Internal: 500, fault.NotFound: 404, fault.Conflict: 409, fault.Refused: 403, fault.Invalid: 422,
		fault.Limited: 429, fault.Busy: 503, fault.SignIn: 401, fault.StepUp: 401,
	} {
		h := open(t, "http://x.test")
		h.handle("GET /f", func(http.ResponseWriter, *http.Request) error {
			return fault.New(kind, "fault.unwritten.key", fault.Args{"After": 90 * time.Second}).Because(errors.New("secret cause"))
		})
		for lang, title := range map[string]string{"ru": "— Доверие</title>", "en": "— Doverie</title>"} {
			res := h.do(get("/f?lang=" + lang))
			body := text(t, res)
			if res.StatusCode != status || !strings.Contains(body, title) || strings.Contains(body, "secret cause") {
				t.Errorf("%s, %s: status %d\n%s", kind, lang, res.StatusCode, body)
			}
			if res.Header.Get("Retry-After") != "90" {
				t.Errorf("%s: Retry-After %q", kind, res.Header.Get("Retry-After"))
			}
		}
		if !strings.Contains(h.log.String(), "secret cause") || !strings.Contains(h.log.String(), "request_id=") {
			t.Errorf("%s: the cause is not in the log: %s", kind, h.log)
		}
	}
}

// A machine that was told "busy" knows when to come back, as a person reads it.
func TestBusySaysWhenToComeBack(t *testing.T) {
	h := open(t, "http://x.test")
	h.handle("GET /busy", func(http.ResponseWriter, *http.Request) error { return fault.New(fault.Busy, "fault.busy", nil) })
	res := h.do(get("/busy?lang=ru"))
	if body := text(t, res); res.StatusCode != 503 || res.Header.Get("Retry-After") != "60" || !strings.Contains(body, "через минуту") {
		t.Errorf("%d, Retry-After %q: %s", res.StatusCode, res.Header.Get("Retry-After"), body)
	}
}

func TestUnclassifiedErrorsAndPanicsAreOurs(t *testing.T) {
	h := open(t, "http://x.test")
	h.handle("GET /e", func(http.ResponseWriter, *http.Request) error { return errors.New("disk on fire") })
	h.handle("GET /p/{token}", func(http.ResponseWriter, *http.Request) error { panic("boom") })
	for _, path := range []string{"/e", "/p/topsecret"} {
		res := h.do(get(path))
		body := text(t, res)
		if res.StatusCode != 500 || !strings.Contains(body, "Номер обращения") || strings.Contains(body, "fire") || strings.Contains(body, "boom") {
			t.Errorf("%s: %d %s", path, res.StatusCode, body)
		}
	}
	if log := h.log.String(); !strings.Contains(log, "boom") || !strings.Contains(log, "disk on fire") || strings.Contains(log, "topsecret") {
		t.Errorf("log: %s", log)
	}
}

func TestNowhereAndWrongMethod(t *testing.T) {
	h := open(t, "http://x.test")
	h.handle("POST /only", func(http.ResponseWriter, *http.Request) error { return nil })
	if res := h.do(get("/none")); res.StatusCode != 404 || !strings.Contains(text(t, res), "Такой страницы нет") {
		t.Errorf("status %d", res.StatusCode)
	}
	if res := h.do(get("/only")); res.StatusCode != 405 || res.Header.Get("Allow") != "POST" || !strings.Contains(text(t, res), "<h1>") {
		t.Errorf("status %d, Allow %q", res.StatusCode, res.Header.Get("Allow"))
	}
}

// TestOtherSitesCannotPost: a browser's post from another site changes nothing and is explained.
func TestOtherSitesCannotPost(t *testing.T) {
	h := open(t, "https://id.test", func(c *httpx.Config) { c.CrossOrigin = []string{"POST /token"} })
	ran := 0
	for _, p := range []string{"POST /act", "POST /token"} {
		h.handle(p, func(w http.ResponseWriter, _ *http.Request) error { ran++; w.WriteHeader(204); return nil })
	}
	for _, c := range []struct {
		path   string
		header [2]string
		status int
	}{
		{"/act", [2]string{"Sec-Fetch-Site", "cross-site"}, 403},
		{"/act", [2]string{"Sec-Fetch-Site", "same-site"}, 403},
		{"/act", [2]string{"Origin", "https://evil.test"}, 403},
		{"/act", [2]string{"Origin", "null"}, 403},
		{"/act", [2]string{"Sec-Fetch-Site", "same-origin"}, 204},
		{"/act", [2]string{"Origin", "https://id.test"}, 204},
		{"/token", [2]string{"Origin", "https://evil.test"}, 204},
	} {
		before := ran
		res := h.do(post(c.path, "", c.header[0], c.header[1]))
		if res.StatusCode != c.status || (ran > before) != (c.status == 204) {
			t.Errorf("%s %v: status %d", c.path, c.header, res.StatusCode)
		}
		if c.status == 403 && !strings.Contains(text(t, res), "чужого сайта") {
			t.Errorf("%v: not explained", c.header)
		}
	}
}

func TestSecurityHeaders(t *testing.T) {
	for base, hsts := range map[string]bool{"http://x.test": false, "https://x.test": true} {
		h := open(t, base)
		res := h.do(get("/none"))
		for name, want := range map[string]string{
			"Content-Security-Policy": httpx.ContentPolicy, "Cross-Origin-Opener-Policy": "same-origin", "X-Content-Type-Options": "nosniff",
			"Referrer-Policy": "no-referrer", "Cache-Control": "no-store", "X-Frame-Options": "DENY",
		} {
			if got := res.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q", base, name, got)
			}
		}
		if (res.Header.Get("Strict-Transport-Security") != "") != hsts {
			t.Errorf("%s: HSTS %q", base, res.Header.Get("Strict-Transport-Security"))
		}
	}
	if strings.Contains(httpx.ContentPolicy, "unsafe") {
		t.Error("the policy allows something unsafe")
	}
	w := httptest.NewRecorder()
	httpx.AllowFormTo(w, "https://rp.test")
	if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "form-action 'self' https://rp.test;") {
		t.Errorf("policy %q", csp)
	}
	w = httptest.NewRecorder()
	httpx.AllowFormTo(w, "https://rp.test; script-src *")
	if csp := w.Header().Get("Content-Security-Policy"); csp != "" {
		t.Errorf("policy %q was injected into", csp)
	}
}

func TestLanguage(t *testing.T) {
	h := open(t, "http://x.test")
	for _, c := range []struct {
		path, cookie, accept, want string
	}{
		{"/x", "", "", "ru"},
		{"/x", "", "en-GB,en;q=0.9", "en"},
		{"/x", "", "de,fr", "ru"},
		{"/x", "", "uk,ru;q=0.5,en;q=0.4", "ru"},
		{"/x", "", strings.Repeat("x", 5000), "ru"},
		{"/x", "en", "ru", "en"},
		{"/x", "tr", "ru", "ru"},
		{"/x?lang=ru", "en", "en", "ru"},
		{"/x?lang=%00", "en", "", "en"},
	} {
		r := get(c.path, "Accept-Language", c.accept)
		if c.cookie != "" {
			r.AddCookie(&http.Cookie{Name: "lang", Value: c.cookie})
		}
		if body := text(t, h.do(r)); !strings.Contains(body, `<html lang="`+c.want+`">`) {
			t.Errorf("%+v: %.60s", c, body)
		}
	}
	res := h.do(post("/language", "lang=en&return=%2Fa%3Flang%3Dru%26b%3D1"))
	if res.StatusCode != 303 || res.Header.Get("Location") != "/a?b=1" || !strings.HasPrefix(res.Header.Get("Set-Cookie"), "lang=en;") {
		t.Errorf("%d %q %q", res.StatusCode, res.Header.Get("Location"), res.Header.Get("Set-Cookie"))
	}
	if res = h.do(post("/language", "lang=xx&return=https://evil.test/")); res.Header.Get("Location") != "/" || res.Header.Get("Set-Cookie") != "" {
		t.Errorf("%q %q", res.Header.Get("Location"), res.Header.Get("Set-Cookie"))
	}
}

func TestForm(t *testing.T) {
	h := open(t, "http://x.test")
	h.handle("POST /f", func(w http.ResponseWriter, r *http.Request) error {
		form, err := httpx.Form(r)
		if err != nil {
			return err
		}
		_, err = w.Write([]byte(form.Get("a")))
		return err
	})
	for name, c := range map[string]struct {
		body, kind string
		status     int
	}{
		"plain":        {"a=%D0%B4%D0%B0", "application/x-www-form-urlencoded; charset=utf-8", 200},
		"json":         {"{}", "application/json", 400},
		"no type":      {"a=b", "", 400},
		"bad escape":   {"a=%zz", "application/x-www-form-urlencoded", 400},
		"broken utf8":  {"a=%ff", "application/x-www-form-urlencoded", 400},
		"nul":          {"a=%00", "application/x-www-form-urlencoded", 400},
		"long value":   {"a=" + strings.Repeat("x", 9000), "application/x-www-form-urlencoded", 413},
		"large body":   {"a=" + strings.Repeat("x", 70000), "application/x-www-form-urlencoded", 413},
		"many fields":  {strings.Repeat("a=b&", 101), "application/x-www-form-urlencoded", 413},
		"lines are ok": {"a=x%0D%0Ay", "application/x-www-form-urlencoded", 200},
	} {
		if res := h.do(post("/f?a=query", c.body, "Content-Type", c.kind)); res.StatusCode != c.status {
			t.Errorf("%s: status %d, want %d: %s", name, res.StatusCode, c.status, text(t, res))
		}
	}
}

// TestGates: who may pass, where the others go, and that a lost database never reads as "nobody is signed in".
func TestGates(t *testing.T) {
	h := open(t, "https://id.test")
	ok := func(w http.ResponseWriter, r *http.Request) error {
		_, err := w.Write([]byte("in:" + httpx.VisitorOf(r).Account))
		return err
	}
	h.handle("GET /open", h.gate.Maybe(ok))
	h.handle("/closed", h.gate.RequireSession(ok))
	h.handle("GET /strong", h.gate.RequireStepUp(ok))
	h.handle("GET /frozen", h.gate.RequireSession(ok))
	for _, c := range []struct {
		method, path, cookie, location, body string
		status                               int
	}{
		{"GET", "/open", "", "", "in:", 200},
		{"GET", "/open", "vera", "", "in:a1", 200},
		{"GET", "/open", "broken", "", "", 500},
		{"GET", "/closed?a=1", "", "/sign-in?next=%2Fclosed%3Fa%3D1", "", 303},
		{"POST", "/closed?a=1", "", "/sign-in?next=%2Fclosed", "", 303},
		{"GET", "/closed", "stranger", "/sign-in?next=%2Fclosed", "", 303},
		{"GET", "/closed", "vera", "", "in:a1", 200},
		{"GET", "/closed", "frozen", "/frozen", "", 303},
		{"GET", "/frozen", "frozen", "", "in:a2", 200},
		{"GET", "/strong", "vera", "/step-up?next=%2Fstrong", "", 303},
		{"GET", "/strong", "fresh", "", "in:a1", 200},
		{"GET", "/strong", "", "/sign-in?next=%2Fstrong", "", 303},
	} {
		r := get(c.path)
		r.Method = c.method
		if c.cookie != "" {
			r.AddCookie(&http.Cookie{Name: "__Host-sid", Value: c.cookie})
		}
		res := h.do(r)
		body := text(t, res)
		if res.StatusCode != c.status || res.Header.Get("Location") != c.location || c.status == 200 && body != c.body {
			t.Errorf("%s %s as %q: %d %q %.80s", c.method, c.path, c.cookie, res.StatusCode, res.Header.Get("Location"), body)
		}
	}
	r := get("/closed")
	r.AddCookie(&http.Cookie{Name: "sid", Value: "vera"}) // without the prefix another host may have planted it
	if res := h.do(r); res.StatusCode != 303 {
		t.Errorf("an unprefixed cookie opens: %d", res.StatusCode)
	}
}

func TestActSaysWhoAndFromWhere(t *testing.T) {
	h := open(t, "http://x.test", func(c *httpx.Config) { c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")} })
	var act effect.Act
	h.handle("GET /a", h.gate.Maybe(func(_ http.ResponseWriter, r *http.Request) error { act = h.kit.Act(r); return nil }))
	for _, c := range []struct {
		remote, forwarded, cookie string
		area                      string
		actor                     effect.ActorKind
		id, office                string
	}{
		{"91.221.7.8:1000", "", "", "91.221.0.0/16", effect.Applicant, "", ""},
		{"91.221.7.8:1000", "1.2.3.4", "vera", "91.221.0.0/16", effect.Person, "a1", ""},
		{"10.1.1.1:1000", "6.6.6.6, 5.18.3.4", "", "5.18.0.0/16", effect.Applicant, "", ""},
		{"10.1.1.1:1000", "6.6.6.6, 5.18.3.4, 10.2.2.2", "desk", "5.18.0.0/16", effect.Operator, "o1", "mfc-7"},
		{"10.1.1.1:1000", "nonsense", "", "10.1.0.0/16", effect.Applicant, "", ""},
		{"[2a02:6b8:1:2::3]:1000", "", "", "2a02:6b8::/32", effect.Applicant, "", ""},
		{"[::ffff:91.221.7.8]:1", "", "", "91.221.0.0/16", effect.Applicant, "", ""},
	} {
		r := get("/a", "User-Agent", "Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Mobile Safari/537.36")
		r.RemoteAddr = c.remote
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		r.AddCookie(&http.Cookie{Name: "sid", Value: c.cookie})
		h.do(r)
		if act.Area != c.area || act.Actor != c.actor || act.ID != c.id || act.Office != c.office || act.Device != "Chrome, Android" || len(act.RequestID) != 14 {
			t.Errorf("%+v: %+v", c, act)
		}
	}
}

func TestCookies(t *testing.T) {
	for base, want := range map[string]string{
		"http://x.test":  "sid=v; Path=/; Max-Age=60; HttpOnly; SameSite=Lax",
		"https://x.test": "__Host-sid=v; Path=/; Max-Age=60; HttpOnly; Secure; SameSite=Lax",
	} {
		h := open(t, base)
		w := httptest.NewRecorder()
		h.kit.SetCookie(w, "sid", "v", time.Minute)
		if got := w.Header().Get("Set-Cookie"); got != want {
			t.Errorf("%s: %q", base, got)
		}
		w = httptest.NewRecorder()
		h.kit.ClearCookie(w, "sid")
		if got := w.Header().Get("Set-Cookie"); !strings.Contains(got, "Max-Age=0") {
			t.Errorf("%s: clearing sends %q", base, got)
		}
	}
}

func TestSafeNext(t *testing.T) {
	for next, want := range map[string]string{
		"/approvals/1?x=1": "/approvals/1?x=1", "/": "/", "": "/home", "//evil.test": "/home", "/\\evil.test": "/home", "https://evil.test": "/home",
		"/a\r\nSet-Cookie: x": "/home", "javascript:alert(1)": "/home", "evil": "/home", "/\tx": "/home", "/a//b": "/a//b", "/%2f/evil.test": "/home", "/" + strings.Repeat("a", 3000): "/home",
	} {
		if got := httpx.SafeNext(next, "/home"); got != want {
			t.Errorf("%.40q: %q", next, got)
		}
	}
}

func FuzzSafeNext(f *testing.F) {
	for _, s := range []string{"/a", "//b", "/\\c", "/%2f%2fd", "/?next=//e", "/\u2028"} {
		f.Add(s)
	}
	base, err := url.Parse("https://id.test/sign-in")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, next string) {
		u, err := base.Parse(httpx.SafeNext(next, "/"))
		if err != nil || u.Host != "id.test" || u.Scheme != "https" || u.User != nil {
			t.Errorf("%q leads to %v (%v)", next, u, err)
		}
	})
}

func TestDevice(t *testing.T) {
	for agent, want := range map[string]string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/128.0.0.0 YaBrowser/24.10 Safari/537.36": "Яндекс Браузер, Windows",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.5 Safari/604.1":       "Safari, iPhone",
		"Mozilla/5.0 (X11; Linux x86_64; rv:131.0) Gecko/20100101 Firefox/131.0":                                                          "Firefox, Linux",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0 Safari/537.36 Edg/130.0":     "Edge, macOS",
		"curl/8.0": "", "": "", strings.Repeat("Chrome/", 1000): "",
	} {
		if got := httpx.Device(agent); got != want {
			t.Errorf("%.50q: %q, want %q", agent, got, want)
		}
	}
}

func TestFormErrors(t *testing.T) {
	both := fault.BadFields(fault.Field{Name: "phone", Key: "fault.phone.invalid"}, fault.Field{Name: "name", Key: "fault.name.missing"})
	if errs, ok := httpx.FormErrors(both, "x"); !ok || len(errs) != 2 || errs.Of("phone").Key() != "fault.phone.invalid" || !errs.Of("x").Empty() {
		t.Errorf("%v %v", errs, ok)
	}
	if errs, ok := httpx.FormErrors(fault.New(fault.Limited, "fault.limited", nil), "code"); !ok || errs.Of("code").Key() != "fault.limited" {
		t.Errorf("%v %v", errs, ok)
	}
	for _, err := range []error{errors.New("x"), fault.New(fault.NotFound, "fault.not_found", nil), fault.New(fault.Internal, "fault.internal", nil)} {
		if _, ok := httpx.FormErrors(err, "x"); ok {
			t.Errorf("%v is shown in a form", err)
		}
	}
}

// TestFirstPageIsLight: one page with everything it loads stays under 60 KiB, compressed as it is sent.
func TestFirstPageIsLight(t *testing.T) {
	h := open(t, "http://x.test", func(c *httpx.Config) { c.Demo = true })
	assets, err := ui.LoadAssets()
	if err != nil {
		t.Fatal(err)
	}
	h.mux.Handle("GET "+ui.AssetPrefix, assets)
	total := 0
	fetch := func(path string) string {
		res := h.do(get(path, "Accept-Encoding", "gzip"))
		raw, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		total += len(raw) + 500 // headers
		res.Body = io.NopCloser(bytes.NewReader(raw))
		return text(t, res)
	}
	if page := fetch("/none"); !strings.Contains(page, "<h1>") {
		t.Fatalf("no page: %s", page)
	}
	for _, name := range []string{"app.css", "app.js", "favicon.svg", "golos-cyrillic.woff2", "golos-latin.woff2"} {
		path, err := assets.URL(name)
		if err != nil {
			t.Fatal(err)
		}
		fetch(path)
	}
	if const60 := 60 << 10; total > const60 {
		t.Errorf("%d bytes", total)
	}
	t.Logf("%d bytes", total)
	res := h.do(get(mustURL(t, assets, "app.css"), "Accept-Encoding", "gzip"))
	if res.Header.Get("Content-Encoding") != "gzip" || !strings.Contains(res.Header.Get("Cache-Control"), "immutable") {
		t.Errorf("headers %v", res.Header)
	}
	if res = h.do(get("/assets/app.css")); res.StatusCode != 404 {
		t.Errorf("an asset without its checksum: %d", res.StatusCode)
	}
}

func mustURL(t *testing.T, a *ui.Assets, name string) string {
	t.Helper()
	u, err := a.URL(name)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// TestEventStream over a real connection: recorders know no deadlines.
func TestEventStream(t *testing.T) {
	h := open(t, "http://x.test")
	h.handle("GET /s", func(w http.ResponseWriter, r *http.Request) error {
		s, err := httpx.Events(w, r)
		if err != nil {
			return err
		}
		return errors.Join(s.Alive(), s.Change(), s.End())
	})
	server := httptest.NewServer(h.kit.Wrap(h.mux))
	defer server.Close()
	res, err := server.Client().Get(server.URL + "/s")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var events []string
	for lines := bufio.NewScanner(res.Body); lines.Scan(); {
		if name, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
			events = append(events, name)
		}
	}
	if res.Header.Get("Content-Type") != "text/event-stream" || strings.Join(events, " ") != "change end" {
		t.Errorf("%q %v", res.Header.Get("Content-Type"), events)
	}
}

// TestRing: whoever opens a stream is told at once, though the bell rang before he came, and again at each ring.
func TestRing(t *testing.T) {
	bell := make(chan struct{}, 1)
	h := open(t, "http://x.test")
	h.handle("GET /s", func(w http.ResponseWriter, r *http.Request) error { return httpx.Ring(w, r, bell) })
	server := httptest.NewServer(h.kit.Wrap(h.mux))
	t.Cleanup(server.Close)
	res, err := server.Client().Get(server.URL + "/s")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	lines := bufio.NewScanner(res.Body)
	for range 3 {
		for lines.Scan() && lines.Text() != "event: change" {
			if name, ok := strings.CutPrefix(lines.Text(), "event: "); ok {
				t.Fatalf("%s instead of a change", name)
			}
		}
		if lines.Err() != nil || lines.Text() != "event: change" {
			t.Fatalf("the stream ended: %v", lines.Err())
		}
		bell <- struct{}{}
	}
}
