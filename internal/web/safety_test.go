package web

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/httpx"
	"doverie/internal/i18n"
	"doverie/internal/outreach"
	"doverie/internal/policy"
	"doverie/internal/recovery"
	"doverie/internal/trust"
)

// fakeSafety is every service the safety pages ask.
type fakeSafety struct {
	alarm    recovery.Alarm
	open     bool
	alarmErr error
	freezing trust.Freezing
	waiting  trust.WaitingAction
	waits    bool
	linkErr  error
	leads    recovery.Leads
	err      error
	calls    []string
}

func (f *fakeSafety) act(words ...string) error {
	f.calls = append(f.calls, strings.Join(words, " "))
	return f.err
}

func (f *fakeSafety) AlarmFor(context.Context, string) (recovery.Alarm, bool, error) {
	return f.alarm, f.open, f.alarmErr
}

func (f *fakeSafety) Disown(_ context.Context, act effect.Act, account string) error {
	return f.act("disown", account, string(act.Actor))
}
func (f *fakeSafety) WasMe(_ context.Context, _ effect.Act, account string) error {
	return f.act("was me", account)
}

func (f *fakeSafety) Stop(_ context.Context, _ effect.Act, identifier, code string, freeze bool) error {
	return f.act("stop", identifier, code, yesNo(freeze))
}

func (f *fakeSafety) StopByLink(_ context.Context, _ effect.Act, signed string, freeze bool) (bool, error) {
	return freeze || !f.leads.Recovered.IsZero(), f.act("link", signed, yesNo(freeze))
}

func (f *fakeSafety) LinkLeads(context.Context, string) (recovery.Leads, error) {
	return f.leads, f.linkErr
}

func (f *fakeSafety) Freeze(_ context.Context, _ effect.Act, account, reason string) error {
	return f.act("freeze", account, reason)
}

func (f *fakeSafety) Freezing(context.Context, string) (trust.Freezing, error) {
	return f.freezing, nil
}

func (f *fakeSafety) Unfreeze(_ context.Context, _ effect.Act, account, session string) (string, error) {
	return "", f.act("unfreeze", account, session)
}

func (f *fakeSafety) Waiting(context.Context, string, string, trust.ActionKind) (trust.WaitingAction, bool, error) {
	return f.waiting, f.waits, nil
}

func (f *fakeSafety) GiveUp(_ context.Context, _ effect.Act, account, action string) error {
	return f.act("give up", account, action)
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

var (
	vera       = httpx.Visitor{Account: "vera", Session: "s1", Name: "Вера П."}
	frozenVera = httpx.Visitor{Account: "vera", Session: "s1", Name: "Вера П.", OnlyPath: pathFrozen}
	anAlarm    = recovery.Alarm{ID: "r1", State: recovery.Awaiting, At: noon.Add(-time.Minute), Device: "Chrome, Android", Area: "91.221.0.0/16"}
)

// nobodyCounts fails at counting: the page must come all the same.
type nobodyCounts struct{}

func (nobodyCounts) Visit(context.Context, string) error { return errors.New("no database") }

func checkedText(t *testing.T) *outreach.Source {
	t.Helper()
	text, err := outreach.LoadSource()
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func newSafetySite(t *testing.T, f *fakeSafety, who httpx.Visitor) *site {
	t.Helper()
	s := newSite(t, who)
	p := NewSafety(s.kit, f, f, f, policy.Default(), slog.New(slog.DiscardHandler))
	p.every = time.Millisecond
	p.Mount(s.mux, s.gate)
	landing := NewLanding(s.kit, policy.Default(), "https://doverie.test/", nobodyCounts{}, checkedText(t), slog.New(slog.DiscardHandler))
	landing.Mount(s.mux, s.gate)
	landing.MountHome(s.mux, s.gate)
	return s
}

func TestEverySafetyPageInBothLanguages(t *testing.T) {
	alone := trust.Freezing{Now: noon, Since: noon.Add(-time.Hour), Alone: noon.Add(71 * time.Hour)}
	ready := trust.Freezing{Now: noon, Since: noon.Add(-73 * time.Hour), Alone: noon.Add(-time.Hour)}
	guarded := trust.Freezing{Now: noon, Since: noon.Add(-time.Hour), Contacts: []string{"Алексей", "Марина"}}
	here := trust.WaitingAction{Now: noon, Match: "47", Contacts: guarded.Contacts, Action: trust.Action{ID: "a1", ExpiresAt: noon.Add(12 * time.Hour)}}
	elsewhere := here
	elsewhere.Match = ""
	stepped := frozenVera
	stepped.SteppedUp = true
	approved, verified, unknown := anAlarm, anAlarm, anAlarm
	approved.State, verified.State, unknown.Device, unknown.Area = recovery.Approved, recovery.Verified, "", ""
	for _, lang := range i18n.Languages() {
		for _, c := range []struct {
			name, path string
			fake       fakeSafety
			who        httpx.Visitor
			has        string
		}{
			{"not me", "/safety/not-me", fakeSafety{}, httpx.Visitor{}, `name="stop_code"`},
			{"not me done", "/safety/not-me/done", fakeSafety{}, httpx.Visitor{}, `href="/safety/not-me"`},
			{"link", "/safety/not-me/abc", fakeSafety{}, httpx.Visitor{}, `value="freeze"`},
			{"link, recovered", "/safety/not-me/abc", fakeSafety{leads: recovery.Leads{Recovered: noon}}, httpx.Visitor{}, `value="freeze"`},
			{"stopped", "/safety/stopped", fakeSafety{}, httpx.Visitor{}, `href="/login"`},
			{"stopped, frozen", "/safety/stopped/frozen", fakeSafety{}, httpx.Visitor{}, `href="/login"`},
			{"alarm", "/safety/alarm", fakeSafety{open: true, alarm: anAlarm}, vera, `action="/safety/disown"`},
			{"alarm approved", "/safety/alarm", fakeSafety{open: true, alarm: approved}, vera, `action="/safety/was-me"`},
			{"alarm verified", "/safety/alarm", fakeSafety{open: true, alarm: verified}, vera, `action="/safety/was-me"`},
			{"alarm unknown", "/safety/alarm", fakeSafety{open: true, alarm: unknown}, vera, `action="/safety/was-me"`},
			{"alarm over", "/safety/alarm", fakeSafety{}, vera, "/settings/safety/login"},
			{"alarm stopped", "/safety/alarm?done=stopped", fakeSafety{}, vera, `href="/safety/freeze"`},
			{"alarm was me", "/safety/alarm?done=was-me", fakeSafety{}, vera, "/settings/safety/login"},
			{"freeze, contacts", "/safety/freeze", fakeSafety{freezing: trust.Freezing{Now: noon, Contacts: guarded.Contacts}}, vera, "Марина"},
			{"freeze, alone", "/safety/freeze", fakeSafety{}, vera, "72"},
			{"frozen, alone", pathFrozen, fakeSafety{freezing: alone}, frozenVera, "24"},
			{"frozen, ready", pathFrozen, fakeSafety{freezing: ready}, frozenVera, `action="/safety/unfreeze"`},
			{"frozen, contacts", pathFrozen, fakeSafety{freezing: guarded}, stepped, `action="/safety/unfreeze"`},
			{"frozen, waiting", pathFrozen, fakeSafety{freezing: guarded, waits: true, waiting: here}, frozenVera, ">47<"},
			{"frozen, elsewhere", pathFrozen, fakeSafety{freezing: guarded, waits: true, waiting: elsewhere}, frozenVera, `action="/safety/unfreeze/cancel"`},
			{"thawed", pathFrozen, fakeSafety{freezing: trust.Freezing{Now: noon}}, frozenVera, `action="/sign-out"`},
			{"home", "/", fakeSafety{}, httpx.Visitor{}, `href="/register"`},
			{"home, signed in", "/", fakeSafety{}, vera, `href="/settings/account"`},
			{"help", "/help", fakeSafety{}, httpx.Visitor{}, `href="/recovery"`},
			{"landing", "/landing/trusted_contact", fakeSafety{}, httpx.Visitor{}, "https://doverie.test/settings/safety/trusted-contacts"},
		} {
			html := newSafetySite(t, &c.fake, c.who).whole(lang+" "+c.name, newSafetySite(t, &c.fake, c.who).ask(c.path, lang, nil), http.StatusOK)
			if !strings.Contains(html, c.has) {
				t.Errorf("%s, %s: no %q", lang, c.name, c.has)
			}
			if len(c.fake.calls) > 0 {
				t.Errorf("%s: a GET did %v", c.name, c.fake.calls)
			}
		}
	}
}

// TestLandingSaysWhatTheLettersSay: who, how, and what the contact does, with the policy's own numbers.
func TestLandingSaysWhatTheLettersSay(t *testing.T) {
	html := strings.ReplaceAll(newSafetySite(t, &fakeSafety{}, httpx.Visitor{}).ask("/landing/trusted_contact", "ru", nil).Body.String(), "\u00a0", " ")
	for _, want := range []string{
		"14 лет или больше", "18 лет или больше", "Гражданин России", "подтверждена", "«Профиль»", "«Безопасность»", "«Доверенный контакт»",
		"«Добавить»", "имя и номер мобильного телефона", "/settings/account", "/settings/safety/login", "72 часа", "12 часов",
		"код, который пришёл на его собственный телефон",
	} {
		if !strings.Contains(html, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
}

func TestNotMe(t *testing.T) {
	form := url.Values{"identifier": {"vera@example.ru"}, "stop_code": {"1234-5678"}, "do": {"stop"}}
	for _, c := range []struct {
		name   string
		change map[string]string
		err    error
		status int
		calls  string
	}{
		{"stop", nil, nil, 303, "stop vera@example.ru 1234-5678 no"},
		{"freeze", map[string]string{"do": "freeze"}, nil, 303, "stop vera@example.ru 1234-5678 yes"},
		{"spaces and a long dash", map[string]string{"stop_code": " 1234 — 5678"}, nil, 303, "stop vera@example.ru  1234 — 5678 no"},
		{"six digits", map[string]string{"stop_code": "123456"}, nil, 422, ""},
		{"letters", map[string]string{"stop_code": "1234-567x"}, nil, 422, ""},
		{"nothing", map[string]string{"stop_code": ""}, nil, 422, ""},
		{"unreadable", nil, fault.BadFields(fault.Field{Name: "identifier", Key: "fault.identifier.unreadable"}), 422, "stop vera@example.ru 1234-5678 no"},
		{"too often", nil, fault.New(fault.Limited, "fault.limited.stop_here", fault.Args{"After": time.Hour}), 422, "stop vera@example.ru 1234-5678 no"},
		{"broken", nil, fault.New(fault.Internal, "fault.internal", nil), 500, "stop vera@example.ru 1234-5678 no"},
	} {
		sent := url.Values{}
		maps.Copy(sent, form)
		for k, v := range c.change {
			sent.Set(k, v)
		}
		f := &fakeSafety{err: c.err}
		w := newSafetySite(t, f, httpx.Visitor{}).ask("/safety/not-me", "ru", sent)
		if got := strings.Join(f.calls, ";"); w.Code != c.status || got != c.calls {
			t.Errorf("%s: %d, calls %q", c.name, w.Code, got)
		}
		if w.Code == http.StatusSeeOther && w.Header().Get("Location") != pathNotMeDone {
			t.Errorf("%s: to %q", c.name, w.Header().Get("Location"))
		}
		if w.Code == http.StatusUnprocessableEntity && !strings.Contains(w.Body.String(), "vera@example.ru") {
			t.Errorf("%s: what was typed is lost", c.name)
		}
	}
}

func TestNoticeLink(t *testing.T) {
	f := &fakeSafety{linkErr: fault.New(fault.Refused, "fault.recovery.link_expired", nil)}
	if w := newSafetySite(t, f, httpx.Visitor{}).ask("/safety/not-me/abc", "", nil); w.Code != http.StatusForbidden {
		t.Errorf("an old link: %d", w.Code)
	}
	// Whoever was robbed a moment ago is not offered to stop what is over, and whoever froze reads that it is done.
	f = &fakeSafety{leads: recovery.Leads{Recovered: noon}}
	s := newSafetySite(t, f, httpx.Visitor{})
	if page := s.ask("/safety/not-me/abc", "", nil).Body.String(); strings.Contains(page, `value="stop"`) {
		t.Error("after a completed recovery the page offers to stop it")
	}
	if w := s.ask("/safety/not-me/abc", "", url.Values{"do": {"stop"}}); w.Header().Get("Location") != pathFroze {
		t.Errorf("a stop after a completed recovery leads to %q", w.Header().Get("Location"))
	}
	f = &fakeSafety{leads: recovery.Leads{Frozen: true}}
	if w := newSafetySite(t, f, httpx.Visitor{}).ask("/safety/not-me/abc", "", nil); w.Header().Get("Location") != pathFroze {
		t.Errorf("the link of a frozen account leads to %q", w.Header().Get("Location"))
	}
	for do, to := range map[string]string{"stop": pathStopped, "freeze": pathFroze} {
		f := &fakeSafety{}
		w := newSafetySite(t, f, httpx.Visitor{}).ask("/safety/not-me/abc", "", url.Values{"do": {do}})
		if w.Header().Get("Location") != to || len(f.calls) != 1 || f.calls[0] != "link abc "+yesNo(do == "freeze") {
			t.Errorf("%s: to %q, calls %v", do, w.Header().Get("Location"), f.calls)
		}
	}
}

func TestOwnersButtons(t *testing.T) {
	conflict := fault.New(fault.Conflict, "fault.recovery.none_open", nil)
	for _, c := range []struct {
		path, calls string
		err         error
		to          string
	}{
		{"/safety/disown", "disown vera person", nil, "/safety/alarm?done=stopped"},
		{"/safety/disown", "disown vera person", conflict, "/safety/alarm"},
		{"/safety/was-me", "was me vera", nil, "/safety/alarm?done=was-me"},
		{"/safety/was-me", "was me vera", conflict, "/safety/alarm"},
		{"/safety/freeze", "freeze vera self", nil, pathFroze},
	} {
		f := &fakeSafety{err: c.err}
		w := newSafetySite(t, f, vera).ask(c.path, "", url.Values{})
		if got := strings.Join(f.calls, ";"); got != c.calls || w.Header().Get("Location") != c.to {
			t.Errorf("%s, %v: calls %q, to %q", c.path, c.err, got, w.Header().Get("Location"))
		}
		f = &fakeSafety{}
		w = newSafetySite(t, f, httpx.Visitor{}).ask(c.path, "", url.Values{})
		if len(f.calls) != 0 || !strings.HasPrefix(w.Header().Get("Location"), "/login?next=") {
			t.Errorf("%s by a stranger: calls %v, to %q", c.path, f.calls, w.Header().Get("Location"))
		}
	}
}

func TestUnfreeze(t *testing.T) {
	stepped := frozenVera
	stepped.SteppedUp = true
	mustChange := httpx.Visitor{Account: "vera", Session: "s1", OnlyPath: "/password"}
	guarded := trust.Freezing{Now: noon, Since: noon.Add(-time.Hour), Contacts: []string{"Алексей"}}
	later := fault.New(fault.Refused, "fault.freeze.alone_later", fault.Args{"Until": noon})
	for _, c := range []struct {
		name   string
		who    httpx.Visitor
		err    error
		status int
		to     string
		calls  string
	}{
		{"a stranger", httpx.Visitor{}, nil, 303, "/login?next=%2Fsafety%2Funfreeze", ""},
		{"without a step-up", frozenVera, nil, 303, "/step-up?next=%2Fsafety%2Funfreeze", ""},
		{"another only page", mustChange, nil, 303, "/password", ""},
		{"with a step-up", stepped, nil, 303, pathFrozen, "unfreeze vera s1"},
		{"thawed already", stepped, fault.New(fault.Conflict, "fault.freeze.not_frozen", nil), 303, pathFrozen, "unfreeze vera s1"},
		{"too early", stepped, later, 422, "", "unfreeze vera s1"},
		{"broken", stepped, fault.New(fault.Internal, "fault.internal", nil), 500, "", "unfreeze vera s1"},
	} {
		f := &fakeSafety{err: c.err, freezing: guarded}
		w := newSafetySite(t, f, c.who).ask("/safety/unfreeze", "", url.Values{})
		if got := strings.Join(f.calls, ";"); w.Code != c.status || w.Header().Get("Location") != c.to || got != c.calls {
			t.Errorf("%s: %d to %q, calls %q", c.name, w.Code, w.Header().Get("Location"), got)
		}
	}
	f := &fakeSafety{freezing: guarded, waits: true, waiting: trust.WaitingAction{Action: trust.Action{ID: "a1"}}}
	newSafetySite(t, f, frozenVera).ask("/safety/unfreeze/cancel", "", url.Values{})
	if len(f.calls) != 1 || f.calls[0] != "give up vera a1" {
		t.Errorf("calls %v", f.calls)
	}
}

func TestBanner(t *testing.T) {
	alarmed := vera
	alarmed.Alarm = true
	for _, c := range []struct {
		name, path string
		fake       fakeSafety
		who        httpx.Visitor
		shown      bool
	}{
		{"signed in", "/help", fakeSafety{open: true, alarm: anAlarm}, alarmed, true},
		{"nothing open", "/help", fakeSafety{open: true, alarm: anAlarm}, vera, false},
		{"it ended just now", "/help", fakeSafety{}, alarmed, false},
		{"a stranger", "/help", fakeSafety{open: true, alarm: anAlarm}, httpx.Visitor{}, false},
		{"an operator", "/help", fakeSafety{open: true, alarm: anAlarm}, httpx.Visitor{Account: "o", Office: "1"}, false},
		{"its own page", "/safety/alarm", fakeSafety{open: true, alarm: anAlarm}, alarmed, false},
		{"frozen", pathFrozen, fakeSafety{open: true, alarm: anAlarm}, frozenVera, false},
		{"the database is away", "/help", fakeSafety{alarmErr: fault.New(fault.Busy, "fault.busy", nil)}, alarmed, false},
	} {
		w := newSafetySite(t, &c.fake, c.who).ask(c.path, "ru", nil)
		if got := strings.Contains(w.Body.String(), `<a href="/safety/alarm">`); got != c.shown || w.Code != http.StatusOK {
			t.Errorf("%s: %d, the banner is shown: %v", c.name, w.Code, got)
		}
	}
}

// TestLiveStream: a change is told, the end is told and the stream ends; a stranger gets the end at once.
func TestLiveStream(t *testing.T) {
	views := []recovery.View{viewIn(recovery.Awaiting, ""), viewIn(recovery.Awaiting, ""), viewIn(recovery.Awaiting, ""), viewIn(recovery.Approved, "")}
	views[2].Approved = 1
	f := &script{views: views}
	s := newSite(t, httpx.Visitor{})
	p := NewRecovery(s.kit, f, policy.Default())
	p.every = time.Millisecond
	p.Mount(s.mux, s.gate)
	server := httptest.NewServer(s.handler)
	defer server.Close()
	if got, want := stream(t, server.URL, "browser-secret"), "change change end"; got != want {
		t.Errorf("streamed %q, want %q", got, want)
	}
	if got := stream(t, server.URL, ""); got != "end" {
		t.Errorf("a stranger is streamed %q", got)
	}
}

func stream(t *testing.T, server, secret string) string {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server+"/recovery/events", http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.AddCookie(&http.Cookie{Name: recoveryCookie, Value: secret})
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%v, %q", err, resp.Header.Get("Content-Type"))
	}
	var events []string
	for line := range strings.Lines(string(body)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "event: "); ok {
			events = append(events, name)
		}
	}
	return strings.Join(events, " ")
}

// script is a recovery that is elsewhere at each look.
type script struct {
	fakeRecoveries

	views []recovery.View
}

func (s *script) View(context.Context, string) (recovery.View, error) {
	v := s.views[0]
	if len(s.views) > 1 {
		s.views = s.views[1:]
	}
	return v, nil
}
