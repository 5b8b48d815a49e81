package web_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"doverie/internal/account"
	"doverie/internal/app"
	"doverie/internal/apptest"
	"doverie/internal/apptest/pushservice"
	"doverie/internal/effect"
	"doverie/internal/notify"
	"doverie/internal/notify/webpush"
)

// pushed is a world whose notices go to a stand-in of a push service, which decrypts them as a browser does.
type pushed struct {
	*apptest.World
	apptest.Family

	service *pushservice.Service
	t       *testing.T
}

func newPushed(t *testing.T, engine string) *pushed {
	t.Helper()
	s := pushservice.New(t)
	w := apptest.New(t, engine, apptest.Options{Carriers: app.Carriers{Push: &webpush.Config{
		Contact: "mailto:push@doverie.example", Services: []string{s.Host()}, CAFile: s.CA(), AnyPort: true, Timeout: 5 * time.Second,
	}}})
	return &pushed{World: w, Family: w.AddFamily(), service: s, t: t}
}

// linked makes Alexey guard Vera, settled.
func (p *pushed) linked() {
	p.t.Helper()
	act := effect.Act{Actor: effect.Person}
	id, err := p.Links.Invite(p.t.Context(), act, p.Vera.ID, p.Alexey.Given, p.Alexey.Phone)
	if err == nil {
		err = p.Links.Accept(p.t.Context(), act, p.Alexey.ID, id)
	}
	if err != nil {
		p.t.Fatal(err)
	}
	p.Advance(p.Policy.Settling)
}

// in signs somebody in at a new browser.
func (p *pushed) in(who account.Account) *apptest.Client {
	p.t.Helper()
	c := p.Client()
	c.SignIn(who, apptest.Password)
	return c
}

// script posts what push.js or app.js sends.
func (p *pushed) script(c *apptest.Client, path string, answer any) apptest.Answer {
	p.t.Helper()
	text, err := json.Marshal(map[string]any{"answer": answer, "next": path})
	if err != nil {
		p.t.Fatal(err)
	}
	return c.Do(http.MethodPost, path, nil, func(r *http.Request) {
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Origin", p.URL)
	})
}

// on switches notices on in the client's browser.
func (p *pushed) on(c *apptest.Client, b *pushservice.Browser) {
	p.t.Helper()
	if a := p.script(c, "/settings/safety/push", json.RawMessage(b.JSON())); a.Status != http.StatusOK || !strings.Contains(a.Body, "?done=on") {
		p.t.Fatalf("switching on: %d %s", a.Status, a.Body)
	}
}

func (p *pushed) here(c *apptest.Client, b *pushservice.Browser) {
	p.t.Helper()
	if a := p.script(c, "/settings/safety/push/here", b.Endpoint()); a.Status != http.StatusOK {
		p.t.Fatalf("telling of a browser: %d %s", a.Status, a.Body)
	}
}

// notes are what a browser shows.
func (p *pushed) notes(b *pushservice.Browser) (all []webpush.Note) {
	p.t.Helper()
	p.Settle()
	for _, got := range b.Got() {
		var n webpush.Note
		if err := json.Unmarshal(got.Plain, &n); err != nil {
			p.t.Fatal(err)
		}
		all = append(all, n)
	}
	if wrong := p.service.Problems(); len(wrong) > 0 {
		p.t.Fatalf("a push service would refuse: %v", wrong)
	}
	return all
}

func (p *pushed) live() int {
	p.t.Helper()
	return p.DB.Count(p.t, `SELECT COUNT(id) FROM push_browsers WHERE ended_at IS NULL`)
}

func (p *pushed) ended(why string) int {
	p.t.Helper()
	return p.DB.Count(p.t, `SELECT COUNT(id) FROM push_browsers WHERE ended_why = $1 AND sealed IS NULL`, why)
}

func (p *pushed) events(kind string) int {
	p.t.Helper()
	return p.DB.Count(p.t, `SELECT COUNT(seq) FROM events WHERE kind = $1`, kind)
}

func onBothEngines(t *testing.T, run func(t *testing.T, p *pushed)) {
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			run(t, newPushed(t, engine))
		})
	}
}

func TestContactIsAskedInHisBrowsers(t *testing.T) {
	t.Parallel()
	onBothEngines(t, func(t *testing.T, p *pushed) {
		p.linked()
		home, phone, hers := p.service.Subscribe(t), p.service.Subscribe(t), p.service.Subscribe(t)
		alexey := p.in(p.Alexey)
		p.on(alexey, home)
		p.on(p.in(p.Alexey), phone)
		p.on(p.in(p.Vera), hers)
		before := len(p.notes(home))
		p.Client().StartRecovery(p.Vera)
		for _, b := range []*pushservice.Browser{home, phone} {
			all := p.notes(b)
			if len(all) == 0 {
				t.Fatal("the contact's browser shows nothing")
			}
			n := all[len(all)-1]
			sms := p.Newest(p.Alexey.Phone, notify.RecoveryAsked)
			if n.Path != "/approvals" || !strings.Contains(n.Body, "Вера") || sms.Seq == 0 || n.Lang != "ru" {
				t.Errorf("shown: %+v", n)
			}
		}
		if len(p.notes(home)) != before+1 {
			t.Error("one request, and not one notice")
		}
		warned := p.notes(hers)
		if len(warned) == 0 || warned[len(warned)-1].Path != "/safety/alarm" {
			t.Errorf("the owner's browser shows %+v", warned)
		}
		for _, b := range []*pushservice.Browser{home, phone, hers} {
			for _, n := range p.notes(b) {
				if codeLike.MatchString(n.Title+n.Body) || strings.Contains(n.Title+n.Body, p.URL) {
					t.Errorf("a notice with a code or an address: %+v", n)
				}
			}
		}
		// What is accepted is in the ledger, under our own name of it.
		if n := p.DB.Count(t, `SELECT COUNT(*) FROM message_parts WHERE carrier = 'push'`); n != len(home.Got())+len(phone.Got())+len(hers.Got()) {
			t.Errorf("the ledger holds %d pushes", n)
		}
		// Pressing leads to the list of requests, and for somebody who is not signed in to the sign-in.
		if a := alexey.Get("/approvals"); a.Status != http.StatusOK {
			t.Errorf("the page that the notice opens: %d", a.Status)
		}
		if a := p.Client().Get("/approvals"); a.Status != http.StatusSeeOther || !strings.HasPrefix(a.Location, "/sign-in") {
			t.Errorf("for a stranger: %d %s", a.Status, a.Location)
		}
		// Endpoints and keys are kept sealed, and are in no log.
		auth := func(b *pushservice.Browser) string { _, secret := b.Keys(); return secret }
		for _, secret := range []string{home.Path, auth(home), phone.Path} {
			if strings.Contains(p.Logs.String(), secret) {
				t.Error("an endpoint or a key is in the log")
			}
			if n := p.DB.Count(t, `SELECT COUNT(id) FROM push_browsers WHERE CAST(endpoint_hash AS TEXT) = $1 OR CAST(sealed AS TEXT) = $1 OR device = $1`, secret); n != 0 {
				t.Error("an endpoint or a key is in the clear")
			}
		}
	})
}

var (
	codeLike   = regexp.MustCompile(`\d{2}[ -]?\d[ -]?\d[ -]?\d{2}`)
	pushRemove = regexp.MustCompile(`/settings/safety/push/([0-9a-f-]{36})/remove`)
)

func TestNoticesEndWithTheSession(t *testing.T) {
	t.Parallel()
	onBothEngines(t, func(t *testing.T, p *pushed) {
		p.linked()
		b, other := p.service.Subscribe(t), p.service.Subscribe(t)
		// Signing out.
		c := p.in(p.Alexey)
		p.on(c, b)
		c.Post("/sign-out")
		if p.live() != 0 || p.ended("sign_out") != 1 {
			t.Error("signing out leaves the notices")
		}
		// Signing out everywhere else keeps those of this browser.
		one, two := p.in(p.Alexey), p.in(p.Alexey)
		p.on(one, b)
		p.on(two, other)
		one.Post("/settings/safety/sessions/end-others")
		if p.live() != 1 || p.DB.Count(t, `SELECT COUNT(id) FROM push_browsers WHERE ended_at IS NULL AND endpoint_hash = $1`, p.Keys.Lookup("push endpoint", b.Endpoint())) != 1 {
			t.Error("signing out elsewhere ends the wrong notices")
		}
		// The session lapses: a contact who was not here for a week is told all the same.
		p.Advance(7 * 24 * time.Hour)
		seen := len(p.notes(b))
		p.Client().StartRecovery(p.Vera)
		if got := p.notes(b); len(got) != seen+1 || got[len(got)-1].Path != "/approvals" {
			t.Errorf("a week later %d notices came", len(got)-seen)
		}
		// He signs in there again: the browser says so, and now the end of the new session ends them.
		again := p.in(p.Alexey)
		p.here(again, b)
		p.here(again, b)
		again.Post("/sign-out")
		if p.live() != 0 {
			t.Error("the end of a later session leaves the notices")
		}
		// Of two letters one waits while he signs out: it is not sent.
		third := p.in(p.Alexey)
		p.on(third, b)
		p.Settle()
		count := len(b.Got())
		if err := p.Store.Apply(t.Context(), effect.Act{Actor: effect.System}, p.Clock.Now(), "test", []effect.Effect{
			effect.Send{Kind: string(notify.AccountThawed), To: p.Alexey.ID, Via: []effect.Channel{effect.Push}},
		}); err != nil {
			t.Fatal(err)
		}
		third.Post("/sign-out")
		if got := p.notes(b); len(got) != count {
			t.Error("a notice reached a browser that was signed out of")
		}
		// Freezing ends them too.
		fourth := p.in(p.Alexey)
		p.on(fourth, b)
		if err := p.Protect.Freeze(t.Context(), effect.Act{Actor: effect.Person, ID: p.Alexey.ID}, p.Alexey.ID, "self"); err != nil {
			t.Fatal(err)
		}
		if p.live() != 0 || p.ended("freeze") != 1 {
			t.Error("a freeze leaves the notices")
		}
	})
}

// I4: whatever was switched on before a recovery says nothing after it.
func TestNoticesEndWithARecovery(t *testing.T) {
	t.Parallel()
	onBothEngines(t, func(t *testing.T, p *pushed) {
		p.linked()
		planted := p.service.Subscribe(t)
		p.on(p.in(p.Vera), planted)
		applicant, contact := p.Client(), p.in(p.Alexey)
		applicant.StartRecovery(p.Vera)
		p.Settle()
		contact.StepUp(p.Alexey, apptest.Password)
		contact.Approve(p.Alexey, contact.Request(), applicant.Match())
		applicant.FinishRecovery(p.Vera, apptest.NewPassword)
		p.Settle()
		if p.live() != 0 || p.ended("recovery") != 1 {
			t.Error("notices live on after a recovery")
		}
		for _, n := range p.notes(planted) {
			if n.Title == p.Texts.Printer("ru", p.Policy.Location()).T("message.recovery.completed.title") {
				t.Errorf("a planted browser learns of the end: %+v", n)
			}
		}
		after := len(planted.Got())
		p.Advance(p.Policy.Hold + time.Hour)
		if len(planted.Got()) != after {
			t.Error("a planted browser is still told")
		}
	})
}

func TestBrowsersComeAndGo(t *testing.T) {
	t.Parallel()
	onBothEngines(t, func(t *testing.T, p *pushed) {
		b := p.service.Subscribe(t)
		alexey := p.in(p.Alexey)
		page := alexey.Get("/settings/safety/push")
		if page.Status != http.StatusOK || !strings.Contains(page.Body, "data-push") || !strings.Contains(page.Body, "data-push-none") {
			t.Fatalf("the page: %d", page.Status)
		}
		p.on(alexey, b)
		p.on(alexey, b) // again: renewed, and not doubled
		if p.live() != 1 || p.ended("renewed") != 1 || p.events("push.switched_on") != 2 || p.events("push.switched_off") != 0 {
			t.Error("switching on twice")
		}
		if page := alexey.Get("/settings/safety/push"); strings.Contains(page.Body, "data-push=") || !strings.Contains(page.Body, "/remove") {
			t.Error("the page does not know that it is on here")
		}
		// Maria signs in at the same browser: Alexey's notices are none of hers.
		maria := p.in(p.Maria)
		p.here(maria, b)
		if p.live() != 0 || p.ended("other_account") != 1 || p.events("push.switched_off") != 1 {
			t.Error("the notices of one person stay with another")
		}
		p.on(alexey, b)
		p.on(maria, b)
		if p.live() != 1 || p.ended("other_account") != 2 || p.events("push.switched_off") != 2 {
			t.Error("an endpoint belongs to two people")
		}
		// Nobody switches another's browser off.
		found := pushRemove.FindStringSubmatch(maria.Get("/settings/safety/push").Body)
		if found == nil {
			t.Fatal("the browser is not on the list")
		}
		id := found[1]
		if a := alexey.Post("/settings/safety/push/" + id + "/remove"); a.Status != http.StatusNotFound || p.live() != 1 {
			t.Errorf("another's browser: %d", a.Status)
		}
		maria.Want(maria.Post("/settings/safety/push/"+id+"/remove"), "/settings/safety/push?done=off")
		if p.live() != 0 || p.ended("switched_off") != 1 {
			t.Error("switching off")
		}
		// The browser gave its subscription up: the service says so, and it ends.
		p.on(alexey, b)
		b.Forget()
		if err := p.Store.Apply(t.Context(), effect.Act{Actor: effect.System}, p.Clock.Now(), "test", []effect.Effect{
			effect.Send{Kind: string(notify.AccountThawed), To: p.Alexey.ID, Via: effect.All()},
		}); err != nil {
			t.Fatal(err)
		}
		p.Settle()
		if p.live() != 0 || p.ended("gone") != 1 || p.Count(p.Alexey.Phone, notify.AccountThawed) != 1 {
			t.Error("a subscription that is gone stays, or the SMS did not come")
		}
		// Five, and no more; nothing that is no subscription.
		for range 5 {
			p.on(alexey, p.service.Subscribe(t))
		}
		if a := p.script(alexey, "/settings/safety/push", json.RawMessage(p.service.Subscribe(t).JSON())); a.Status != http.StatusForbidden || p.live() != 5 {
			t.Errorf("a sixth: %d", a.Status)
		}
		for _, bad := range []string{`{"endpoint":"https://10.0.0.1/x","keys":{"p256dh":"","auth":""}}`, `{}`, `"text"`} {
			if a := p.script(maria, "/settings/safety/push", json.RawMessage(bad)); a.Status != http.StatusForbidden {
				t.Errorf("%s: %d", bad, a.Status)
			}
		}
		report, err := p.Store.VerifyEvents(t.Context())
		if err != nil || !report.Intact() {
			t.Errorf("events: %+v %v", report, err)
		}
	})
}

// T19: notices add nothing to what a contact is asked: as many as SMS, however often somebody begins.
func TestT19_NoticesAreNoMoreThanSMS(t *testing.T) {
	t.Parallel()
	onBothEngines(t, func(t *testing.T, p *pushed) {
		p.linked()
		b := p.service.Subscribe(t)
		p.on(p.in(p.Alexey), b)
		for range 12 {
			c := p.Client()
			if a := c.Post("/recovery", "identifier", p.Vera.Phone); a.Status != http.StatusSeeOther {
				continue
			}
			p.Settle()
			codes := slices.DeleteFunc(p.Phones.Messages(p.Vera.Phone), func(m notify.Received) bool { return m.Kind != notify.RecoveryCode })
			if len(codes) > 0 {
				c.Post("/recovery/code", "code", p.Code(p.Vera.Phone, notify.RecoveryCode))
			}
			p.Advance(10 * time.Minute)
		}
		asked := 0
		tags := map[string]bool{}
		for _, n := range p.notes(b) {
			if n.Path == "/approvals" {
				asked++
				tags[n.Tag] = true
			}
		}
		sms := p.Count(p.Alexey.Phone, notify.RecoveryAsked) + p.Count(p.Alexey.Phone, notify.RecoverySecondDevice)
		if asked == 0 || asked != sms || asked > p.Policy.AsksPerDay {
			t.Errorf("%d notices and %d SMS ask for a decision; the policy allows %d", asked, sms, p.Policy.AsksPerDay)
		}
		if len(tags) != 1 {
			t.Errorf("requests lie beside each other on the screen: %v", tags)
		}
	})
}

func TestServiceWorkerIsServed(t *testing.T) {
	t.Parallel()
	p := newPushed(t, "sqlite")
	a := p.Client().Get("/sw.js")
	if a.Status != http.StatusOK || a.Header.Get("Content-Type") != "text/javascript; charset=utf-8" || a.Header.Get("Cache-Control") != "no-cache" ||
		!strings.Contains(a.Header.Get("Content-Security-Policy"), "worker-src 'self'") || !strings.Contains(a.Body, "notificationclick") {
		t.Errorf("the service worker: %d %v", a.Status, a.Header)
	}
	// Where notices are not configured, nothing speaks of them.
	w := apptest.New(t, "sqlite", apptest.Options{})
	vera := w.AddFamily().Vera
	c := w.Client()
	c.SignIn(vera, apptest.Password)
	for _, path := range []string{"/sw.js", "/settings/safety/push"} {
		if a := c.Get(path); a.Status != http.StatusNotFound {
			t.Errorf("%s: %d", path, a.Status)
		}
	}
	if strings.Contains(c.Get("/settings/safety/login").Body, "/settings/safety/push") {
		t.Error("the page speaks of notices that are not offered")
	}
}
