package journeys

import (
	"context"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"doverie/internal/apptest"
	"doverie/internal/apptest/browser"
	"doverie/internal/demo/waterworks"
)

// going lets the clock of the stage go as fast as the machine's until ctx ends: servers that run by themselves repeat
// what failed after a pause, and a clock that stands still has no after.
func (s *stage) going(ctx context.Context) {
	const tick = 250 * time.Millisecond
	each := time.NewTicker(tick)
	defer each.Stop()
	for before := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case now := <-each.C:
			s.Clock.Advance(now.Sub(before))
			before = now
		}
	}
}

// other builds the other site of the demonstration beside the service, as the program does, and lets both run.
func (s *stage) other() (address string) {
	s.t.Helper()
	server := httptest.NewUnstartedServer(nil)
	address = "http://" + server.Listener.Addr().String()
	id, secret, err := waterworks.Register(s.t.Context(), s.Systems, address, s.T("waterworks.title"), filepath.Join(s.t.TempDir(), "waterworks.json"))
	if err != nil {
		s.t.Fatal(err)
	}
	site, err := waterworks.New(waterworks.Config{
		Address: address, Issuer: s.URL, ClientID: id, Secret: secret, Texts: s.Texts, Zone: s.Policy.Location(), Now: s.Now, Log: s.Logger(),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	server.Config.Handler = site.Handler()
	server.Start()
	ctx, cancel := context.WithCancel(s.t.Context())
	var running sync.WaitGroup
	running.Go(func() { s.going(ctx) })
	running.Go(func() { s.Run(ctx) })
	s.t.Cleanup(func() {
		cancel()
		running.Wait()
		server.CloseClientConnections()
		server.Close()
	})
	site.Run(ctx)
	return address
}

// visitor opens a browser at the other site.
func (s *stage) visitor(name, address string) *actor {
	s.t.Helper()
	p := browser.Open(s.t, address, name, browser.Options{Script: s.way.script, Lang: s.way.lang})
	a := &actor{Page: p, s: s, who: s.Vera}
	p.Seen = a.inspect
	return a
}

// ledOn is how long a page may take to lead on by itself, on a busy machine.
const ledOn = 20 * time.Second

// enterOther signs Vera in to the other site through the service.
func (a *actor) enterOther(password string) {
	a.s.t.Helper()
	a.Go("/")
	a.Press(`main a[href="/sign-in"]`)
	for range 8 {
		switch path := a.where(); {
		case strings.HasPrefix(path, "/sign-in/code"):
			a.Fill("code", a.s.Code(a.who.Phone, "sign_in.code"))
			a.submit()
		case strings.HasPrefix(path, "/sign-in"):
			a.Fill("identifier", a.who.Phone)
			a.Fill("password", password)
			a.submit()
		case strings.HasPrefix(path, "/oidc/consent"):
			a.See(a.s.T("waterworks.title"))
			a.Press(`main button[value=yes]`)
		case strings.HasPrefix(path, "/oidc/"): // the page that leads on by itself: a press of its link would meet that
			for end := time.Now().Add(ledOn); a.where() == path && time.Now().Before(end); {
				time.Sleep(50 * time.Millisecond)
			}
		case path == "/":
			return
		default:
			a.s.t.Fatalf("on the way into the other site: %s: %s", path, a.Text())
		}
	}
	a.s.t.Fatalf("the way into the other site does not end: %s", a.where())
}

// where is the path of the page, on whichever site it is.
func (a *actor) where() string {
	a.s.t.Helper()
	path := a.Path()
	return strings.TrimPrefix(path, a.s.URL)
}

// TestSignedOutLive: Vera is at another site when she recovers access. The open page there signs her out by itself, says
// why, and knows the date when she is back. With scripts it is told at once; without them the page asks again.
func TestSignedOutLive(t *testing.T) {
	each(t, func(s *stage) {
		s.linked()
		address := s.other()
		vera := s.visitor("vera at the waterworks", address)
		vera.Go("/")
		vera.See(s.T("waterworks.lead"))
		vera.enterOther(apptest.Password)
		vera.See(s.T("waterworks.told.title"), s.T("waterworks.level.confirmed"), s.T("waterworks.never"), s.Vera.Family)
		vera.SeeNot(s.Vera.SNILS, s.Vera.ID)

		applicant, alexey := s.enter("applicant", s.Vera), s.enter("alexey", s.Alexey)
		applicant.startRecovery()
		vera.WaitFor(s.T("waterworks.event.recovery-activated"))
		match := applicant.match()
		alexey.signIn(apptest.Password)
		alexey.approve(match)
		applicant.finish()
		done := time.Now()
		vera.WaitFor(s.T("waterworks.ended.title"))
		t.Logf("signed out %s after the new password's page was shown", time.Since(done).Round(time.Millisecond))
		words := map[string]string{"ru": "доступ к учётной записи восстановили, пароль новый", "en": "access to the account was recovered with a new password"}[s.way.lang]
		vera.WaitFor(s.T("waterworks.ended.said", "Words", words))
		vera.Go("/")
		vera.See(s.T("waterworks.ended.title"))
		vera.inspect(vera.Page)

		// Back with the new password: the site sees when access was recovered, and is careful.
		vera.enterOther(apptest.NewPassword)
		vera.See(s.T("waterworks.recovered.title"))
		vera.SeeNot(s.T("waterworks.never"))
		vera.inspect(vera.Page)
		vera.Press(`main form[action="/sign-out"] button`)
		if !strings.HasPrefix(vera.where(), "/oidc/logout") {
			t.Fatalf("signing out leads to %s", vera.where())
		}
		vera.submit()
		vera.Go("/")
		vera.See(s.T("waterworks.lead"))
		vera.Press(`header form[action="/language"] button`)
		other := map[string]string{"ru": "en", "en": "ru"}[s.way.lang]
		vera.See(s.Texts.Printer(other, s.Policy.Location()).T("waterworks.lead"))
	})
}
