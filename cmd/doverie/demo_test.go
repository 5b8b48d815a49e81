package main

import (
	"bytes"
	"context"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"doverie/internal/account"
	"doverie/internal/app"
	"doverie/internal/demo"
	"doverie/internal/policy"
	"doverie/internal/store"
	"doverie/internal/trust"
)

// stage is a running demonstration.
type stage struct {
	t    *testing.T
	app  *app.App
	site string
	data string
}

func newStage(t *testing.T) *stage {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	site := &url.URL{Scheme: "http", Host: server.Listener.Addr().String()}
	data := t.TempDir()
	a, err := demoCommand{Data: data}.build(console{ctx: t.Context(), now: time.Now}, site, "", slog.New(slog.NewTextHandler(t.Output(), nil)))
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = a.Handler()
	server.Start()
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() { a.Run(ctx); close(ended) }()
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		stop()
		<-ended
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	})
	return &stage{t: t, app: a, site: site.String(), data: data}
}

// browser is one window: cookies, and the last page.
type browser struct {
	*stage

	http *http.Client
	path string
	page string
}

func (s *stage) browser() *browser {
	jar, err := cookiejar.New(nil)
	if err != nil {
		s.t.Fatal(err)
	}
	return &browser{stage: s, http: &http.Client{Jar: jar, Timeout: time.Minute}}
}

func (b *browser) do(method, path string, form url.Values) {
	b.t.Helper()
	r, err := http.NewRequestWithContext(b.t.Context(), method, b.site+path, strings.NewReader(form.Encode()))
	if err != nil {
		b.t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", b.site)
	}
	answer, err := b.http.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	b.path, b.page = answer.Request.URL.RequestURI(), html.UnescapeString(string(body))
	if answer.StatusCode != http.StatusOK {
		b.t.Fatalf("%s %s: status %d at %s\n%s", method, path, answer.StatusCode, b.path, plainText(b.page))
	}
	if unwritten := unwrittenWords.FindAllString(b.page, 3); unwritten != nil {
		b.t.Errorf("%s: words nobody wrote: %v", b.path, unwritten)
	}
}

var (
	markup = regexp.MustCompile(`(?s)<svg.*?</svg>|<[^>]*>`)
	spaces = regexp.MustCompile(`\s+`)
	code   = regexp.MustCompile(`\b(\d{6}|\d{3}[ \x{a0}-]\d{3}|\d\d-\d\d-\d\d)\b`)
	number = regexp.MustCompile(`class="match-number"><span aria-hidden="true">(\d\d)<`)
	first  = regexp.MustCompile(`(?s)<li class="(?:sms|mail)">(.*?)</li>`)
)

// plainText is the text of a page.
func plainText(page string) string {
	return spaces.ReplaceAllString(markup.ReplaceAllString(page, " "), " ")
}

func (b *browser) get(path string) { b.t.Helper(); b.do(http.MethodGet, path, nil) }

func (b *browser) post(path string, fields ...string) {
	b.t.Helper()
	form := url.Values{}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	b.do(http.MethodPost, path, form)
}

// code waits for a message that an act sends, and takes the code out of it as a person does: from the phone's page.
func (s *stage) code(key string, act func()) string {
	s.t.Helper()
	phone := s.browser()
	newest := func() string {
		phone.get(demo.PhonesPath + "/" + key)
		if m := first.FindStringSubmatch(phone.page); m != nil {
			return plainText(m[1])
		}
		return ""
	}
	before := newest()
	act()
	for range 1200 { // a minute: the machine may be busy
		if now := newest(); now != before {
			if m := code.FindStringSubmatch(now); m != nil {
				return strings.NewReplacer(" ", "", "\u00a0", "", "-", "").Replace(m[1])
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	s.t.Fatalf("no code came to %s", key)
	return ""
}

func (b *browser) signIn(key, phone string) {
	b.t.Helper()
	c := b.code(key, func() { b.post("/sign-in", "identifier", phone, "password", demo.Password) })
	b.post("/sign-in/code", "code", c)
	b.get("/settings/account")
	if b.path != "/settings/account" {
		b.t.Fatalf("%s is not signed in but at %s: %s", key, b.path, plainText(b.page))
	}
}

// stepUp opens a page that asks for password and code again.
func (b *browser) stepUp(key, path string) {
	b.t.Helper()
	b.get(path)
	c := b.code(key, func() { b.post("/step-up", "password", demo.Password, "next", path) })
	b.post("/step-up/code", "code", c, "next", path)
	if b.path != path {
		b.t.Fatalf("the repeated check leads to %s instead of %s: %s", b.path, path, plainText(b.page))
	}
}

// TestTheStartPageTellsTheTruth does what the first page of the demonstration says, with the people, the
// password, the phones and the clock it names.
func TestTheStartPageTellsTheTruth(t *testing.T) {
	s := newStage(t)
	people := demo.People()
	vera, alexey := people[0], people[1]
	w := s.browser()
	w.get("/")
	for _, promised := range []string{demo.Password, account.ShowPhone(vera.Phone), account.ShowPhone(alexey.Phone), alexey.Given} {
		if !strings.Contains(w.page, promised) {
			t.Errorf("the first page does not show %q", promised)
		}
	}
	w.signIn("vera", account.ShowPhone(vera.Phone))
	w.stepUp("vera", "/settings/safety/trusted-contacts/add")
	w.post("/settings/safety/trusted-contacts/add", "name", alexey.Given, "phone", account.ShowPhone(alexey.Phone))

	son := s.browser()
	son.signIn("alexey", account.ShowPhone(alexey.Phone))
	son.get("/settings/safety/trusted-contacts")
	invitation := regexp.MustCompile(`/invitations/[0-9a-f-]{36}`).FindString(son.page)
	if invitation == "" {
		t.Fatalf("no invitation: %s", plainText(son.page))
	}
	son.stepUp("alexey", invitation+"/accept")
	son.post(invitation+"/accept", "understood", "yes", "agree", "yes")

	before := s.app.Now()
	w.post("/demo/clock", "hours", "24", "return", "/#story")
	if passed := s.app.Now().Sub(before); passed < 24*time.Hour || passed > 24*time.Hour+time.Minute {
		t.Fatalf("%s passed", passed)
	}
	w.get("/settings/account")
	if !strings.HasPrefix(w.path, "/sign-in") {
		t.Errorf("after a day the window is at %s", w.path)
	}

	lost := s.browser()
	c := s.code("vera", func() { lost.post("/recovery", "identifier", vera.Phone) })
	lost.post("/recovery/code", "code", c)
	if lost.path != "/recovery/wait" || number.FindString(lost.page) == "" || !strings.Contains(lost.page, alexey.Given) {
		t.Fatalf("the recovery is at %s: %s", lost.path, plainText(lost.page))
	}
	son.signIn("alexey", alexey.Phone)
	son.get("/approvals")
	if !regexp.MustCompile(`/approvals/[0-9a-f-]{36}`).MatchString(son.page) {
		t.Errorf("the contact sees no request: %s", plainText(son.page))
	}
}

// TestDemoPeopleAreWhatTheStoryNeeds asks the real rules about each of them.
func TestDemoPeopleAreWhatTheStoryNeeds(t *testing.T) {
	s := newStage(t)
	rules := policy.Default()
	circles := store.NewTrust(s.app.Store, rules)
	for _, p := range demo.People() {
		if _, wrong := account.ParseSNILS(p.SNILS); wrong != "" {
			t.Errorf("%s: SNILS: %s", p.Key, wrong)
		}
		if e164, wrong := account.ParsePhone(p.Phone); wrong != "" || e164 != p.Phone {
			t.Errorf("%s: phone: %s %s", p.Key, e164, wrong)
		}
		a, err := s.app.Accounts.Find(t.Context(), p.SNILS)
		if err != nil {
			t.Fatalf("%s: %v", p.Key, err)
		}
		if age := a.Age(s.app.Now(), rules); age != p.Age {
			t.Errorf("%s is %d years old, not %d", p.Key, age, p.Age)
		}
		c, err := circles.Look(t.Context(), trust.Around{Principal: a.ID})
		if err != nil {
			t.Fatal(err)
		}
		if lately := c.Principal.ChangedAt; s.app.Now().Sub(lately) < rules.NoCascade {
			t.Errorf("%s changed something at %s", p.Key, lately)
		}
		principal, contact := trust.PrincipalReasons(c.Principal, rules), trust.ContactReasons(c.Principal, rules)
		want := map[string][2][]trust.Reason{
			"darya": {nil, {trust.TooYoung}}, "timofey": {nil, {trust.TooYoung}},
			"aigul": {{trust.NotCitizen}, {trust.NotCitizen}}, "oleg": {{trust.NotConfirmed}, {trust.NotConfirmed}},
		}[p.Key]
		if !slices.Equal(principal, want[0]) || !slices.Equal(contact, want[1]) {
			t.Errorf("%s: as principal %v, as contact %v; wanted %v", p.Key, principal, contact, want)
		}
	}
}

func TestClockGoesForwardOnly(t *testing.T) {
	path := t.TempDir() + "/clock"
	zero := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	c, err := demo.OpenClock(path, func() time.Time { return zero })
	if err != nil {
		t.Fatal(err)
	}
	for _, step := range []struct {
		by   time.Duration
		good bool
	}{{24 * time.Hour, true}, {-time.Hour, false}, {72 * time.Hour, true}, {20 * 365 * 24 * time.Hour, false}} {
		if err := c.Forward(step.by); (err == nil) != step.good {
			t.Errorf("forward by %s: %v", step.by, err)
		}
	}
	again, err := demo.OpenClock(path, func() time.Time { return zero })
	if err != nil || !again.Now().Equal(zero.Add(96*time.Hour)) || !again.Now().Equal(c.Now()) {
		t.Errorf("after a restart it is %s, %v", again.Now(), err)
	}
	if _, err := demo.OpenClock(write(t, "clock", "tomorrow", 0o600), time.Now); err == nil {
		t.Error("a clock that says nothing was accepted")
	}
}

// A visitor downloads his history and checks it with the program, against the checkpoint that lies in the folder beside the database.
func TestTheDemonstrationProvesItsHistory(t *testing.T) {
	s := newStage(t)
	vera := demo.People()[0]
	b := s.browser()
	b.signIn(vera.Key, account.ShowPhone(vera.Phone))
	b.stepUp(vera.Key, "/settings/safety/events/proofs")
	if _, err := s.app.Notary.Seal(t.Context()); err != nil {
		t.Fatal(err)
	}
	b.get("/settings/safety/events/proofs/file")
	outside, err := filepath.Glob(filepath.Join(s.data, "checkpoints", "epoch-1", "*.checkpoint"))
	if err != nil || len(outside) == 0 {
		t.Fatalf("outside: %v, %v", outside, err)
	}
	var out, errs bytes.Buffer
	code := run([]string{
		"audit", "prove", "-key", s.app.Notary.Signer.Key(), "-checkpoint", outside[len(outside)-1], write(t, "history.json", b.page, 0o600),
	}, console{ctx: t.Context(), out: &out, err: &errs, now: time.Now})
	if code != exitDone || !strings.Contains(out.String(), "proved: ") {
		t.Errorf("exit code %d: %s%s", code, &out, &errs)
	}
}
