package web

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/httpx"
	"doverie/internal/i18n"
	"doverie/internal/policy"
	"doverie/internal/recovery"
	"doverie/internal/ui"
)

var noon = time.Date(2026, time.November, 21, 16, 5, 0, 0, time.UTC)

// fakeRecoveries is one recovery in a given state; every act returns err and is written down.
type fakeRecoveries struct {
	view  recovery.View
	err   error
	calls []string
}

func (f *fakeRecoveries) act(words ...string) error {
	f.calls = append(f.calls, strings.Join(words, " "))
	return f.err
}

func (f *fakeRecoveries) Start(_ context.Context, _ effect.Act, identifier, _ string) (string, error) {
	return "new-secret", f.act("start", identifier)
}

func (f *fakeRecoveries) View(context.Context, string) (recovery.View, error) {
	if f.view.State == recovery.None {
		return recovery.View{}, fault.New(fault.NotFound, "fault.not_found", nil)
	}
	return f.view, nil
}

// turn refuses what is not the recovery's turn, as the service does.
func (f *fakeRecoveries) turn(words []string, its ...recovery.State) error {
	if f.view.State == recovery.None {
		return fault.New(fault.NotFound, "fault.not_found", nil)
	}
	if !slices.Contains(its, f.view.State) {
		return fault.New(fault.Conflict, "fault.recovery.state_"+string(f.view.State), nil)
	}
	return f.act(words...)
}

func (f *fakeRecoveries) SendCode(context.Context, effect.Act, string, string) error {
	return f.turn([]string{"send"}, recovery.Proving, recovery.Approved)
}

func (f *fakeRecoveries) Prove(_ context.Context, _ effect.Act, _, typed, snils string) error {
	return f.turn([]string{"prove", typed, snils}, recovery.Proving)
}

func (f *fakeRecoveries) Verify(_ context.Context, _ effect.Act, _, typed string) error {
	return f.turn([]string{"verify", typed}, recovery.Approved)
}

func (f *fakeRecoveries) Complete(_ context.Context, _ effect.Act, _, password string) error {
	return f.turn([]string{"complete", password}, recovery.Verified)
}
func (f *fakeRecoveries) Cancel(context.Context, effect.Act, string) error { return f.act("cancel") }

// visitors knows one session.
type visitors struct{ visitor httpx.Visitor }

func (v visitors) Visitor(_ context.Context, secret string) (httpx.Visitor, error) {
	if secret != "signed-in" {
		return httpx.Visitor{}, nil
	}
	return v.visitor, nil
}

// renderer parses every page once. A message that cannot be printed shows between ⟦ and ⟧, see broken.
var renderer = sync.OnceValues(func() (*ui.Renderer, error) {
	cat, err := i18n.Load()
	if err != nil {
		return nil, err
	}
	moscow, err := time.LoadLocation("Europe/Moscow")
	if err != nil {
		return nil, err
	}
	assets, err := ui.LoadAssets()
	if err != nil {
		return nil, err
	}
	return ui.New(assets, cat.Printer(i18n.Russian, moscow), cat.Printer(i18n.English, moscow))
})

// site is the edge with the pages of this package.
type site struct {
	t       *testing.T
	handler http.Handler
	mux     *http.ServeMux
	kit     *httpx.Kit
	gate    *httpx.Gate
}

func newSite(t *testing.T, who httpx.Visitor) *site {
	t.Helper()
	pages, err := renderer()
	if err != nil {
		t.Fatal(err)
	}
	kit, err := httpx.New(httpx.Config{
		BaseURL: &url.URL{Scheme: "http", Host: "doverie.test"}, Now: func() time.Time { return noon },
		Log: slog.New(slog.DiscardHandler),
	}, pages)
	if err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, mux: http.NewServeMux(), kit: kit}
	s.gate = kit.Gate(httpx.Gate{Cookie: "session", SignIn: "/login", StepUp: "/step-up", Look: visitors{who}})
	s.mux.Handle("GET "+ui.AssetPrefix, pages.Assets())
	s.handler = kit.Wrap(s.mux)
	return s
}

func newRecoverySite(t *testing.T, f *fakeRecoveries) *site {
	t.Helper()
	s := newSite(t, httpx.Visitor{})
	p := NewRecovery(s.kit, f, policy.Default())
	p.every = time.Millisecond
	p.Mount(s.mux, s.gate)
	return s
}

// ask sends a request; a form makes it a POST. lang may be empty.
func (s *site) ask(path, lang string, form url.Values) *httptest.ResponseRecorder {
	s.t.Helper()
	method, body := http.MethodGet, io.Reader(http.NoBody)
	if form != nil {
		method, body = http.MethodPost, strings.NewReader(form.Encode())
	}
	r := httptest.NewRequest(method, path, body)
	if form != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if lang != "" {
		r.Header.Set("Accept-Language", lang)
	}
	r.AddCookie(&http.Cookie{Name: recoveryCookie, Value: "browser-secret"})
	r.AddCookie(&http.Cookie{Name: "session", Value: "signed-in"})
	w := httptest.NewRecorder()
	s.handler.ServeHTTP(w, r)
	return w
}

var broken = regexp.MustCompile(`⟦|<no value>|ZgotmplZ|%!`)

// whole checks that a page came out whole in its language: one h1, nothing unprinted.
func (s *site) whole(name string, w *httptest.ResponseRecorder, status int) string {
	s.t.Helper()
	html := w.Body.String()
	if w.Code != status {
		s.t.Errorf("%s: status %d, want %d (to %q)", name, w.Code, status, w.Header().Get("Location"))
	}
	if bad := broken.FindString(html); bad != "" {
		s.t.Errorf("%s: the page contains %q", name, bad)
	}
	if n := strings.Count(html, "<h1"); n != 1 {
		s.t.Errorf("%s: %d headings of the first level", name, n)
	}
	return html
}

// viewIn is what the service tells of a recovery in the state.
func viewIn(s recovery.State, reason string) recovery.View {
	v := recovery.View{
		Now: noon, State: s, Channel: effect.SMS, Guarded: true, Needed: 1, StartedAt: noon.Add(-2 * time.Minute),
		ExpiresAt: noon.Add(12 * time.Hour), EndReason: reason,
	}
	if s == recovery.Awaiting || s == recovery.Approved || s == recovery.Verified {
		v.Match, v.Contacts = "47", []string{"Алексей"}
	}
	if (recovery.Recovery{State: s}).Over() {
		v.EndedAt, v.ExpiresAt = noon, time.Time{}
	}
	return v
}

// endings lists every way in which a recovery can end without a new password.
func endings() map[recovery.State][]string {
	return map[recovery.State][]string{
		recovery.Rejected:   {"fraud", "unreachable", "other", "mismatch"},
		recovery.Disowned:   {"owner"},
		recovery.Expired:    {string(recovery.Proving), string(recovery.Awaiting), string(recovery.Approved), string(recovery.Verified)},
		recovery.Cancelled:  {"applicant", "signed_in", recovery.WhyFrozen},
		recovery.Superseded: {"second_device"},
		recovery.LockedOut: {
			recovery.WhyCodes, recovery.WhyAsks, recovery.WhyLocked, recovery.WhyFrozen, recovery.WhyNobodyAble,
			recovery.WhyContactLeft, recovery.WhyGuarded,
		},
	}
}

func TestRecoveryStepsCannotBeSkipped(t *testing.T) {
	paths := []string{
		pathRecovery, pathRecoveryCode, pathRecoveryWait, pathRecoveryFinish, pathRecoveryPassword, pathRecoveryDone, pathRecoveryEnd,
	}
	// Either way of asking for a code sends the one that the present step waits for.
	posts := map[string][]string{
		"/recovery/code": {pathRecoveryCode}, "/recovery/code/resend": {pathRecoveryCode, pathRecoveryFinish}, "/recovery/finish": {pathRecoveryFinish},
		"/recovery/finish/send": {pathRecoveryCode, pathRecoveryFinish}, "/recovery/password": {pathRecoveryPassword},
	}
	for _, state := range recovery.States() {
		f := &fakeRecoveries{view: viewIn(state, "")}
		s := newRecoverySite(t, f)
		for _, path := range paths {
			w := s.ask(path, "", nil)
			if path == turn(state) {
				s.whole(string(state)+" "+path, w, http.StatusOK)
				continue
			}
			if w.Code != http.StatusSeeOther || w.Header().Get("Location") != turn(state) {
				t.Errorf("%q, GET %s: %d to %q, want a redirect to %s", state, path, w.Code, w.Header().Get("Location"), turn(state))
			}
		}
		for path, step := range posts {
			f.calls = nil
			w := s.ask(path, "", url.Values{"code": {"123456"}, "password": {"long enough words"}})
			if acted := len(f.calls) > 0; acted != slices.Contains(step, turn(state)) {
				t.Errorf("%q, POST %s: calls %v", state, path, f.calls)
			}
			if w.Code != http.StatusSeeOther {
				t.Errorf("%q, POST %s: %d", state, path, w.Code)
			}
		}
	}
}

func TestEveryRecoveryPageInBothLanguages(t *testing.T) {
	for _, lang := range i18n.Languages() {
		for state, reasons := range endings() {
			for _, reason := range reasons {
				s := newRecoverySite(t, &fakeRecoveries{view: viewIn(state, reason)})
				html := s.whole(lang+" "+string(state)+" "+reason, s.ask(pathRecoveryEnd, lang, nil), http.StatusOK)
				heading := NewRecovery(s.kit, nil, policy.Default()).endPage(viewIn(state, reason)).Heading
				if heading.Key() == "recovery.end.over.title" {
					t.Errorf("%s %s has no words of its own", state, reason)
				}
				_, shown, _ := strings.Cut(html, "<main") // the head says what the service is for
				if state == recovery.Rejected && strings.Contains(shown, "мошенник") {
					t.Errorf("%s: the end page repeats the contact's suspicion to the applicant", reason)
				}
			}
		}
		for _, unknown := range []recovery.State{recovery.Cancelled, recovery.LockedOut, recovery.Expired} {
			s := newRecoverySite(t, &fakeRecoveries{view: viewIn(unknown, "a reason of tomorrow")})
			s.whole(lang+" unknown reason", s.ask(pathRecoveryEnd, lang, nil), http.StatusOK)
		}
		for name, change := range map[string]func(*recovery.View){
			"one contact": func(*recovery.View) {}, "nobody named": func(v *recovery.View) { v.Contacts = nil },
			"two": func(v *recovery.View) { v.Contacts = []string{"Алексей", "Марина"} },
			"three": func(v *recovery.View) {
				v.Contacts, v.Needed, v.Approved = []string{"Алексей", "Марина", "Пётр"}, 2, 1
			},
			"later": func(v *recovery.View) { v.AbleFrom = noon.Add(time.Hour) },
		} {
			v := viewIn(recovery.Awaiting, "")
			change(&v)
			s := newRecoverySite(t, &fakeRecoveries{view: v})
			html := s.whole(lang+" wait "+name, s.ask(pathRecoveryWait, lang, nil), http.StatusOK)
			for _, want := range []string{`data-live="/recovery/events"`, `<noscript><form class="actions" action="/recovery/wait">`, ">47<", `action="/recovery/cancel"`} {
				if !strings.Contains(html, want) {
					t.Errorf("%s wait %s: no %q", lang, name, want)
				}
			}
		}
		for _, path := range []string{"/recovery/finish", "/recovery/finish?sent", "/recovery/finish?sent=again"} {
			for _, channel := range []effect.Channel{effect.SMS, effect.Email} {
				v := viewIn(recovery.Approved, "")
				v.Channel = channel
				s := newRecoverySite(t, &fakeRecoveries{view: v})
				s.whole(lang+" "+path, s.ask(path, lang, nil), http.StatusOK)
			}
		}
		s := newRecoverySite(t, &fakeRecoveries{view: viewIn(recovery.Proving, "")})
		s.whole(lang+" resent", s.ask("/recovery/code?sent", lang, nil), http.StatusOK)
		s.whole(lang+" new", s.ask("/recovery?new=1", lang, nil), http.StatusOK)
	}
}

// TestAStrangerLearnsNothing: the page of the first code is the same whatever the identifier names (I6).
func TestAStrangerLearnsNothing(t *testing.T) {
	byPhone, byMail := viewIn(recovery.Proving, ""), viewIn(recovery.Proving, "")
	byMail.Channel, byMail.Guarded = effect.Email, false
	one := newRecoverySite(t, &fakeRecoveries{view: byPhone}).ask(pathRecoveryCode, "", nil).Body.String()
	other := newRecoverySite(t, &fakeRecoveries{view: byMail}).ask(pathRecoveryCode, "", nil).Body.String()
	if one != other {
		t.Error("the page tells how the account is reached")
	}
}

func TestAnOpenRecoveryIsNotLostByStartingAgain(t *testing.T) {
	for _, state := range recovery.States() {
		s := newRecoverySite(t, &fakeRecoveries{view: viewIn(state, "")})
		got := s.ask("/recovery?new=1", "", nil).Code == http.StatusOK
		if open := (recovery.Recovery{State: state}).Open(); got == open {
			t.Errorf("%q: the start page is shown: %v", state, got)
		}
	}
}

func TestALapsedRecoveryIsShownAsExpired(t *testing.T) {
	for _, state := range []recovery.State{recovery.Proving, recovery.Awaiting, recovery.Approved, recovery.Verified} {
		for _, left := range []time.Duration{time.Nanosecond, 0, -time.Second} {
			v := viewIn(state, "")
			v.ExpiresAt = noon.Add(left)
			w := newRecoverySite(t, &fakeRecoveries{view: v}).ask(pathRecovery, "", nil)
			want := turn(state)
			if left <= 0 {
				want = pathRecoveryEnd
			}
			if got := w.Header().Get("Location"); got != want {
				t.Errorf("%s with %v left: to %s, want %s", state, left, got, want)
			}
		}
	}
}

func TestRecoveryFaults(t *testing.T) {
	form := url.Values{"identifier": {"+7 916 1"}, "code": {"123456"}, "snils": {"112-233-445 95"}, "password": {"my own words here"}}
	wrong := fault.New(fault.Refused, "fault.code.wrong", fault.Args{"Left": 3})
	for _, c := range []struct {
		state  recovery.State
		path   string
		err    error
		status int
		says   string
		keeps  string
	}{
		{recovery.None, "/recovery", fault.BadFields(fault.Field{Name: "phone", Key: "fault.phone.invalid"}), 422, `href="#identifier"`, "+7 916 1"},
		{recovery.None, "/recovery", fault.New(fault.Limited, "fault.limited.recovery_area", fault.Args{"After": time.Hour}), 422, "1 час", "+7 916 1"},
		{recovery.None, "/recovery", fault.New(fault.Internal, "fault.internal", nil), 500, "Что-то сломалось", ""},
		{recovery.Proving, "/recovery/code", wrong, 422, "Осталось попыток: 3", "112-233-445 95"},
		{recovery.Proving, "/recovery/code", fault.BadFields(fault.Field{Name: "snils", Key: "fault.recovery.snils"}), 422, `<details open>`, "112-233-445 95"},
		{recovery.Proving, "/recovery/code", fault.New(fault.Refused, "fault.code.dead", nil), 422, "Запросите новый", ""},
		{recovery.Proving, "/recovery/code", fault.New(fault.Refused, "fault.recovery.codes_used_up", nil), 303, "", ""},
		{recovery.Proving, "/recovery/code", fault.New(fault.Conflict, "fault.recovery.state_expired", nil), 303, "", ""},
		{recovery.Proving, "/recovery/code/resend", fault.New(fault.Limited, "fault.code.too_soon", fault.Args{"After": 40 * time.Second}), 422, "40 секунд", ""},
		{recovery.Proving, "/recovery/code", fault.New(fault.Busy, "fault.busy", nil), 503, "много обращений", ""},
		{recovery.Approved, "/recovery/finish", wrong, 422, "Осталось попыток: 3", ""},
		{recovery.Approved, "/recovery/finish", fault.New(fault.Conflict, "fault.recovery.state_rejected", nil), 303, "", ""},
		{recovery.Approved, "/recovery/finish/send", fault.New(fault.Limited, "fault.code.too_soon", fault.Args{"After": 40 * time.Second}), 422, `name="code"`, ""},
		{recovery.Verified, "/recovery/password", fault.BadFields(fault.Field{Name: "new", Key: "fault.password.same"}), 422, `href="#password"`, ""},
		{recovery.Verified, "/recovery/password", fault.New(fault.Refused, "fault.recovery.guarded_now", nil), 303, "", ""},
	} {
		f := &fakeRecoveries{view: viewIn(c.state, ""), err: c.err}
		w := newRecoverySite(t, f).ask(c.path, "ru", form)
		html := strings.ReplaceAll(w.Body.String(), "\u00a0", " ")
		name := c.path + " " + c.err.Error()
		if w.Code != c.status || !strings.Contains(html, c.says) {
			t.Errorf("%s: %d (want %d), says %q: %v", name, w.Code, c.status, c.says, strings.Contains(html, c.says))
		}
		if c.keeps != "" && !strings.Contains(html, `value="`+c.keeps+`"`) && !strings.Contains(html, `value="`+strings.ReplaceAll(c.keeps, "+", "&#43;")+`"`) {
			t.Errorf("%s: what was typed is lost", name)
		}
		if c.status == http.StatusSeeOther && w.Header().Get("Location") != pathRecovery {
			t.Errorf("%s: to %q", name, w.Header().Get("Location"))
		}
		if strings.Contains(html, "my own words here") || strings.Contains(html, `value="123456"`) {
			t.Errorf("%s: a secret comes back in the page", name)
		}
		if len(f.calls) != 1 {
			t.Errorf("%s: calls %v", name, f.calls)
		}
	}
}

func TestAnEmptyCodeIsNoAttempt(t *testing.T) {
	for state, path := range map[recovery.State]string{recovery.Proving: "/recovery/code", recovery.Approved: "/recovery/finish"} {
		f := &fakeRecoveries{view: viewIn(state, "")}
		w := newRecoverySite(t, f).ask(path, "", url.Values{"code": {"  "}})
		if w.Code != http.StatusUnprocessableEntity || len(f.calls) != 0 {
			t.Errorf("%s: %d, calls %v", path, w.Code, f.calls)
		}
	}
}

func TestStartGivesTheBrowserItsSecret(t *testing.T) {
	s := newRecoverySite(t, &fakeRecoveries{})
	w := s.ask("/recovery", "", url.Values{"identifier": {"+79161234567"}})
	cookies := w.Result().Cookies()
	if w.Header().Get("Location") != pathRecoveryCode || len(cookies) != 1 {
		t.Fatalf("to %q with %v", w.Header().Get("Location"), cookies)
	}
	c := cookies[0]
	if c.Value != "new-secret" || !c.HttpOnly || c.SameSite != http.SameSiteLaxMode || c.Path != "/" {
		t.Errorf("cookie %+v", c)
	}
	p := policy.Default()
	if longest := p.RecoveryProving + p.RecoveryQuietWait + p.RecoveryFinish; time.Duration(c.MaxAge)*time.Second < longest {
		t.Errorf("the cookie lives %d s, a recovery may take %v", c.MaxAge, longest)
	}
}

func TestCancelEndsAtTheDispatcher(t *testing.T) {
	for _, err := range []error{nil, fault.New(fault.Conflict, "fault.recovery.state_completed", nil)} {
		f := &fakeRecoveries{view: viewIn(recovery.Awaiting, ""), err: err}
		w := newRecoverySite(t, f).ask("/recovery/cancel", "", url.Values{})
		if w.Code != http.StatusSeeOther || len(f.calls) != 1 {
			t.Errorf("%v: %d, %v", err, w.Code, f.calls)
		}
	}
}
