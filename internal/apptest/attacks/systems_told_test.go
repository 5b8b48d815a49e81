package attacks

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/oauth2"

	"doverie/internal/account"
	"doverie/internal/apptest"
	"doverie/internal/notify"
	"doverie/internal/signals"
)

// soon is how long after the commit nothing may work any more, and everybody must know (T32).
const soon = time.Second

// running lets the server's own loops work, as they do in production, until the returned function is called.
func (s *scene) running() (stop func()) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	var all sync.WaitGroup
	all.Go(func() { s.Run(ctx) })
	return sync.OnceFunc(func() { cancel(); all.Wait() })
}

// within waits until the condition holds, and tells how long it took.
func within(limit time.Duration, holds func() bool) (took time.Duration, ok bool) {
	began := time.Now()
	for {
		if holds() {
			return time.Since(began), true
		}
		if time.Since(began) > limit {
			return time.Since(began), false
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// visiting is Vera at two systems: one is pushed to, the other polls.
type visiting struct {
	*scene

	push, poll           *apptest.Relying
	pushToken, pollToken *oauth2.Token
	browser              *apptest.Client
}

func (s *scene) visiting() *visiting {
	s.t.Helper()
	v := &visiting{scene: s, push: s.Relying("Водоканал", "127.0.0.1"), poll: s.Relying("Энергосбыт", "localhost")}
	v.push.Listen(true)
	v.poll.Listen(false)
	v.browser = s.signedIn(s.Vera)
	v.pushToken, v.pollToken = v.push.SignIn(v.browser, s.Vera), v.poll.SignIn(v.browser, s.Vera)
	if a, b := v.push.Subject(v.pushToken), v.poll.Subject(v.pollToken); a == b || a == s.Vera.ID {
		s.t.Errorf("the systems know her as %q and %q", a, b)
	}
	return v
}

// ways are the three ways in which what systems hold of an account ends, and the events that tell of it.
var ways = []struct {
	name   string
	act    func(v *visiting) (commit func())
	events []string
}{
	{"recovery completed", func(v *visiting) func() {
		applicant, alexey := v.recovering(v.Vera), v.steppedUp(v.Alexey)
		request := alexey.Request()
		alexey.Approve(v.Alexey, request, applicant.Match())
		applicant.Want(applicant.Post("/recovery/finish/send"), "/recovery/finish")
		applicant.Want(applicant.Post("/recovery/finish", "code", v.Code(v.Vera.Phone, notify.RecoveryFinishCode)), "/recovery")
		return func() {
			applicant.Want(applicant.Post("/recovery/password", "password", apptest.NewPassword), "/recovery")
		}
	}, []string{"recovery-activated", "credential-change", "session-revoked"}},
	{"freeze", func(v *visiting) func() {
		v.browser.StepUp(v.Vera, apptest.Password)
		return func() { v.browser.Want(v.browser.Post("/safety/freeze"), "/safety/") }
	}, []string{"account-disabled", "session-revoked"}},
	{"disown", func(v *visiting) func() {
		v.recovering(v.Vera)
		return func() { v.browser.Want(v.browser.Post("/safety/disown"), "/safety/alarm") }
	}, []string{"recovery-activated", "risk-level-change", "session-revoked"}},
}

func names(all []apptest.Told) (events []string) {
	for _, one := range all {
		events = append(events, one.Event)
	}
	return events
}

// T32: within a second of the commit nothing that two systems hold works any more, and both know: by a verified logout
// token, and by verified security event tokens, pushed and polled.
func TestT32_SystemsLearnWithinASecond(t *testing.T) {
	for _, engine := range []string{"sqlite", "postgres"} {
		for _, way := range ways {
			t.Run(engine+" "+way.name, func(t *testing.T) {
				s := on(t, engine, apptest.Options{})
				s.link(s.Vera, s.Alexey)
				s.Advance(s.Policy.Settling)
				v := s.visiting()
				if works := v.push.Works(v.push.SignIn(v.browser, s.Vera)); len(works) != 3 {
					t.Fatalf("before it only %v work", works)
				}
				commit := way.act(v)
				s.Settle()
				stop := s.running()
				defer stop()
				commit()
				committed := time.Now()
				for _, x := range []struct {
					system *apptest.Relying
					token  *oauth2.Token
				}{{v.push, v.pushToken}, {v.poll, v.pollToken}} {
					if works := x.system.Works(x.token); len(works) > 0 {
						t.Errorf("%s: %v still work", x.system.Client.Name, works)
					}
				}
				if took := time.Since(committed); took > soon {
					t.Errorf("it took %s to ask", took)
				}
				var polled []apptest.Told
				took, ok := within(soon-time.Since(committed), func() bool {
					if len(polled) < len(way.events) {
						polled = append(polled, v.poll.Poll(ids(polled), false)...)
					}
					return len(v.push.Heard(signals.TypeLogout)) >= 1 && len(v.poll.Heard(signals.TypeLogout)) >= 1 &&
						len(v.push.Heard(signals.TypeSET)) >= len(way.events) && len(polled) >= len(way.events)
				})
				t.Logf("told %s after the last refusal", took)
				if pushed := names(v.push.Heard(signals.TypeSET)); !ok || !slices.Equal(pushed, way.events) || !slices.Equal(names(polled), way.events) {
					t.Errorf("after %s: pushed %v, polled %v, want %v; logouts %d and %d", took, pushed, names(polled), way.events,
						len(v.push.Heard(signals.TypeLogout)), len(v.poll.Heard(signals.TypeLogout)))
				}
				stop()
				v.exactly(way.events, polled)
			})
		}
	}
}

func ids(all []apptest.Told) (out []string) {
	for _, one := range all {
		out = append(out, one.ID)
	}
	return out
}

// exactly checks that each token names Vera as the system knows her, came once, and that nothing was unbelievable.
func (v *visiting) exactly(events []string, polled []apptest.Told) {
	v.t.Helper()
	for _, x := range []*apptest.Relying{v.push, v.poll} {
		for _, wrong := range x.Wrong() {
			v.t.Errorf("%s: %s", x.Client.Name, wrong)
		}
		sub := v.text(`SELECT subject FROM oidc_grants WHERE client_id = $1 AND account_id = $2`, x.Client.ID, v.Vera.ID)
		logouts, told := x.Heard(signals.TypeLogout), x.Heard(signals.TypeSET)
		if x == v.poll {
			told = polled
		}
		seen := map[string]bool{}
		for _, one := range append(slices.Clone(logouts), told...) {
			if seen[one.ID] {
				v.t.Errorf("%s: jti %s came twice", x.Client.Name, one.ID)
			}
			seen[one.ID] = true
		}
		for _, one := range logouts {
			sid := v.text(`SELECT id FROM oidc_sessions WHERE id = $1 AND client_id = $2`, one.Claims["sid"], x.Client.ID)
			if one.Claims["sub"] != sub || sid != one.Claims["sid"] {
				v.t.Errorf("%s: a logout of %v, %v", x.Client.Name, one.Claims["sub"], one.Claims["sid"])
			}
		}
		for _, one := range told {
			id, _ := one.Claims["sub_id"].(map[string]any)
			if id["format"] != "iss_sub" || id["iss"] != v.URL || id["sub"] != sub {
				v.t.Errorf("%s: an event of %v", x.Client.Name, id)
			}
			if text := encode(v.t, one.Claims); v.leaks(text) {
				v.t.Errorf("%s: a token says who she is: %s", x.Client.Name, text)
			}
		}
		if len(told) != len(events) {
			v.t.Errorf("%s: %v, want %v", x.Client.Name, names(told), events)
		}
	}
}

// leaks tells whether a text says more of the people than the system needs.
func (s *scene) leaks(text string) bool {
	for _, who := range []account.Account{s.Vera, s.Alexey} {
		for _, fact := range []string{who.ID, who.Phone, who.Phone[2:], who.Email, who.Given, who.Family, who.SNILS} {
			if fact != "" && strings.Contains(text, fact) {
				return true
			}
		}
	}
	return false
}

// T32: systems that were down hear everything when they are back: in order, and once each by jti, also when they took a
// token and the connection broke before they could say so.
func TestT32_SystemsThatWereDown(t *testing.T) {
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			s := on(t, engine, apptest.Options{})
			s.link(s.Vera, s.Alexey)
			s.Advance(s.Policy.Settling)
			v := s.visiting()
			v.push.Down(http.StatusServiceUnavailable)
			v.poll.Down(http.StatusBadGateway)
			way := ways[0]
			commit := way.act(v)
			commit()
			for range 12 {
				s.Advance(time.Minute)
			}
			if n := len(v.push.Heard(signals.TypeSET)) + len(v.push.Heard(signals.TypeLogout)); n != 0 {
				t.Fatalf("%d were heard while it was down", n)
			}
			v.push.Down(0)
			v.poll.Down(0)
			v.push.Silent(true) // it takes each token, and we never learn it
			s.Advance(20 * time.Minute)
			v.push.Silent(false)
			for range 10 {
				s.Advance(20 * time.Minute)
			}
			var order []string
			again := 0
			for _, one := range v.push.Heard(signals.TypeSET) {
				if slices.Contains(order, one.ID) {
					again++
					continue
				}
				order = append(order, one.ID)
			}
			if len(order) != len(way.events) || again != 1 || !slices.IsSorted(order) {
				t.Errorf("heard %v (%d again), want %v in order", names(v.push.Heard(signals.TypeSET)), again, way.events)
			}
			logouts := map[string]bool{}
			for _, one := range v.push.Heard(signals.TypeLogout) {
				logouts[one.ID] = true
			}
			if len(logouts) != 1 || len(v.poll.Heard(signals.TypeLogout)) != 1 {
				t.Errorf("%d and %d logouts", len(logouts), len(v.poll.Heard(signals.TypeLogout)))
			}
			first := v.poll.Poll(nil, false)
			if second := v.poll.Poll(nil, false); !slices.Equal(ids(first), ids(second)) || !slices.Equal(names(first), way.events) {
				t.Errorf("polled %v and then %v, want %v until they are acknowledged", names(first), names(second), way.events)
			}
			if rest := v.poll.Poll(ids(first), false); len(rest) != 0 {
				t.Errorf("acknowledged, and polled again: %v", names(rest))
			}
			if wait := s.count(`SELECT COUNT(id) FROM signal_deliveries WHERE done_at IS NULL`); wait != 0 {
				t.Errorf("%d still wait", wait)
			}
			for _, wrong := range append(v.push.Wrong(), v.poll.Wrong()...) {
				t.Error(wrong)
			}
		})
	}
}

// Signing out tells the systems of that browser, and of no other; signing out everywhere else tells all others.
func TestT32_SignOut(t *testing.T) {
	s := begin(t)
	v := s.visiting()
	other := s.signedIn(s.Vera)
	v.push.SignIn(other, s.Vera)
	v.browser.Want(v.browser.Post("/sign-out"), "/")
	s.Settle()
	if len(v.push.Heard(signals.TypeLogout)) != 1 || len(v.poll.Heard(signals.TypeLogout)) != 1 || len(v.push.Heard(signals.TypeSET)) != 0 {
		t.Errorf("after one browser signed out: %d and %d logouts, %v", len(v.push.Heard(signals.TypeLogout)), len(v.poll.Heard(signals.TypeLogout)),
			names(v.push.Heard(signals.TypeSET)))
	}
	third := s.signedIn(s.Vera)
	stays := v.push.SignIn(third, s.Vera)
	a := third.Post("/settings/safety/sessions/end-others")
	s.Settle()
	if len(v.push.Heard(signals.TypeLogout)) != 2 || !slices.Equal(names(v.push.Heard(signals.TypeSET)), []string{"session-revoked"}) {
		t.Errorf("after signing out everywhere else (%d): %d logouts, %v", a.Status, len(v.push.Heard(signals.TypeLogout)), names(v.push.Heard(signals.TypeSET)))
	}
	if works := v.push.Works(stays); len(works) != 3 {
		t.Errorf("in the browser that stays only %v work", works)
	}
}
