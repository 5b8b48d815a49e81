package web_test

import (
	"bufio"
	"context"
	"net/http"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"doverie/internal/account"
	"doverie/internal/apptest"
	"doverie/internal/apptest/pgtest"
	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/notify"
	"doverie/internal/secret"
	"doverie/internal/session"
	"doverie/internal/trust"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const waitingPath = "/sign-in/waiting"

// asking is the server with Alexey guarding Vera, who wants to be asked about new devices.
type asking struct {
	*apptest.World
	apptest.Family

	t    *testing.T
	link string // of Alexey
}

var requestOf = regexp.MustCompile(`/approvals/[0-9a-f-]{36}`)

func newAsking(t *testing.T, engine string) *asking {
	t.Helper()
	w := apptest.New(t, engine, apptest.Options{})
	s := &asking{World: w, Family: w.AddFamily(), t: t}
	s.link = guardedBy(t, w, s.Vera, s.Alexey)
	s.must(w.Guards.SwitchOn(t.Context(), effect.Act{Actor: effect.Person, ID: s.Vera.ID}, s.Vera.ID, trust.GuardAskSignIn))
	return s
}

func (s *asking) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

// both proves password and second factor in a fresh browser, and returns it at the waiting page.
func (s *asking) both(more ...string) citizen {
	s.t.Helper()
	c := newCitizen(s.t, s.World)
	c.Want(c.Post("/sign-in", "identifier", s.Vera.Phone, "password", apptest.Password), "/sign-in/code")
	c.Want(c.Post("/sign-in/code", append([]string{"code", s.Code(s.Vera.Phone, notify.SignInCode)}, more...)...), waitingPath)
	return c
}

func (s *asking) count(query string, args ...any) int { return s.DB.Count(s.t, query, args...) }

func (s *asking) open() int {
	return s.count(`SELECT COUNT(id) FROM guarded_actions WHERE kind = 'sign_in' AND ended_at IS NULL`)
}

func (s *asking) sessions() int {
	return s.count(`SELECT COUNT(id) FROM sessions WHERE account_id = $1 AND ended_at IS NULL`, s.Vera.ID)
}

func (s *asking) requests() int {
	return s.count(`SELECT COUNT(id) FROM approvals WHERE state IN ('asked', 'checked', 'matched', 'flagged')`)
}

func eachAsking(t *testing.T, run func(t *testing.T, s *asking)) {
	t.Helper()
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			run(t, newAsking(t, engine))
		})
	}
}

// A sign-in from a new browser waits for the contact; from a remembered one it does not.
func TestANewDeviceWaitsForTheContact(t *testing.T) {
	t.Parallel()
	eachAsking(t, func(t *testing.T, s *asking) {
		c := s.both("remember", "yes")
		c.sees(waitingPath, "Ждите звонка: Алексей", "Назовите это число", "Не входить")
		c.Want(c.Get("/sign-in/code"), waitingPath)
		c.Want(c.Get("/settings/account"), "/sign-in")
		c.Want(c.Post(waitingPath), waitingPath) // not approved: nothing opens
		if n := s.sessions(); n != 0 {
			t.Fatalf("%d sessions before the contact's answer", n)
		}
		stranger := newCitizen(t, s.World)
		stranger.Want(stranger.Get(waitingPath), "/sign-in?why=over")
		stranger.Want(stranger.Post(waitingPath), "/sign-in?why=over")
		if s.Count(s.Vera.Phone, notify.SignInAsked) != 1 || s.Count(s.Vera.Email, notify.SignInAsked) != 1 || s.Count(s.Alexey.Phone, notify.ApprovalAsked) != 1 {
			t.Error("somebody was not told")
		}
		answersYes(t, s.World, c, waitingPath, s.Alexey)
		c.sees(waitingPath, "Контакт ответил «да»")
		c.Want(c.Post(waitingPath), "/settings/account")
		c.sees("/settings/account", "Вера")
		c.Want(c.Post(waitingPath), "/sign-in?why=over") // one approval, one session
		if n := s.sessions(); n != 1 {
			t.Errorf("%d sessions", n)
		}
		c.Post("/sign-out")
		c.SignIn(s.Vera, apptest.Password) // the browser is remembered now: nobody is asked
		if n := s.count(`SELECT COUNT(id) FROM guarded_actions WHERE kind = 'sign_in'`); n != 1 {
			t.Errorf("asked %d times", n)
		}
		report, err := s.Store.VerifyEvents(t.Context())
		if err != nil || !report.Intact() {
			t.Errorf("events: %+v %v", report, err)
		}
	})
}

// The contact answers after the waiting page was made and before it opened its stream: the page is told at once to look.
func TestTheWaitingPageMissesNoAnswer(t *testing.T) {
	t.Parallel()
	s := newAsking(t, "sqlite")
	c := s.both()
	c.sees(waitingPath, "Ждите звонка: Алексей")
	answersYes(t, s.World, c, waitingPath, s.Alexey)
	if told := firstEvent(t, s.World, c, waitingPath+"/events"); told != "change" {
		t.Errorf("the stream begins with %q", told)
	}
	c.sees(waitingPath, "Контакт ответил «да»")
}

// firstEvent opens a stream as the page of that browser does and returns its first event: what is told later than at
// once is not waited for.
func firstEvent(t *testing.T, w *apptest.World, c citizen, path string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, w.URL+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for name, value := range c.Cookies() {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	for lines := bufio.NewScanner(answer.Body); lines.Scan(); {
		switch name, is := strings.CutPrefix(lines.Text(), "event: "); {
		case is:
			return name
		case strings.HasPrefix(lines.Text(), ":"):
			return "nothing yet"
		}
	}
	return "nothing"
}

// Whoever lacks the right password or the right code troubles nobody, and can end nothing.
func TestNobodyIsAskedBeforeBothFactors(t *testing.T) {
	t.Parallel()
	s := newAsking(t, "sqlite")
	waits := s.both()
	c := newCitizen(t, s.World)
	c.Post("/sign-in", "identifier", s.Vera.Phone, "password", "не тот пароль вовсе")
	c.Want(c.Post("/sign-in", "identifier", s.Vera.Phone, "password", apptest.Password), "/sign-in/code")
	for range s.Policy.CodeTries {
		c.Post("/sign-in/code", "code", wrong(s.Code(s.Vera.Phone, notify.SignInCode)))
	}
	if n := s.count(`SELECT COUNT(id) FROM guarded_actions WHERE kind = 'sign_in'`); n != 1 || s.open() != 1 {
		t.Errorf("asked %d times, %d open", n, s.open())
	}
	waits.sees(waitingPath, "Ждите звонка")
}

// Everything that ends the waiting: each leaves no session, no open question and no open request.
func TestEveryEndOfTheWaiting(t *testing.T) {
	t.Parallel()
	no := func(s *asking, why string) {
		c := newCitizen(s.t, s.World)
		c.SignIn(s.Alexey, apptest.Password)
		c.Want(c.Post(c.Request()+"/reject", "reason", why), "/approvals/")
	}
	for name, end := range map[string]struct {
		do   func(s *asking, c citizen)
		says string
	}{
		"rejected": {func(s *asking, _ citizen) { no(s, "other") }, "Контакт ответил «нет»"},
		"fraud":    {func(s *asking, _ citizen) { no(s, "fraud") }, "Контакт ответил «нет»"},
		"rejected after a yes": {func(s *asking, c citizen) {
			answersYes(s.t, s.World, c, waitingPath, s.Alexey)
			a := newCitizen(s.t, s.World)
			a.SignIn(s.Alexey, apptest.Password)
			past := requestOf.FindString(a.Get("/approvals").Body)
			a.Want(a.Post(past+"/reject", "reason", "fraud"), past)
		}, "Контакт ответил «нет»"},
		"silence":      {func(s *asking, _ citizen) { s.Advance(s.Policy.RecoveryWait) }, "Ответа не было"},
		"a late timer": {func(s *asking, _ citizen) { s.Clock.Advance(s.Policy.RecoveryWait) }, "Ответа не было"},
		"another": {func(s *asking, _ citizen) {
			next := s.both()
			next.sees(waitingPath, "Ждите звонка")
			a := newCitizen(s.t, s.World)
			a.SignIn(s.Alexey, apptest.Password)
			a.says("request", a.Get(a.Request()), "Появилось второе устройство", "Войти начали ещё раз")
			a.Want(a.Post(a.Request()+"/reject", "reason", "other"), "/approvals/")
		}, "Вход начали на другом устройстве"},
		"a contact who leaves": {func(s *asking, _ citizen) {
			s.must(s.Links.Resign(s.t.Context(), effect.Act{Actor: effect.Person, ID: s.Alexey.ID}, s.Alexey.ID, s.link))
		}, "Контакт больше не может ответить"},
		"a freeze": {func(s *asking, _ citizen) {
			s.must(s.Protect.Freeze(s.t.Context(), effect.Act{Actor: effect.Person}, s.Vera.ID, trust.FrozenBySelf))
		}, "Учётная запись заморожена"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newAsking(t, "sqlite")
			c := s.both()
			end.do(s, c)
			c.sees(waitingPath, end.says)
			if a := c.Post(waitingPath); a.Status != 303 || !strings.HasPrefix(a.Location, "/sign-in") {
				t.Errorf("entered after the end: %d to %q", a.Status, a.Location)
			}
			s.Settle()
			if s.sessions() != 0 || s.open() != 0 || s.requests() != 0 {
				t.Errorf("%d sessions, %d questions, %d requests are left", s.sessions(), s.open(), s.requests())
			}
		})
	}
}

// From a browser where she is signed in, the owner keeps the stranger out: by the button, by signing out
// everywhere, or by another password. The contact's request closes each time.
func TestTheOwnerKeepsTheStrangerOut(t *testing.T) {
	t.Parallel()
	for name, act := range map[string]func(s *asking, owner citizen){
		"button": func(s *asking, owner citizen) {
			owner.sees("/settings/safety/sessions", "Кто-то входит с нового устройства", "Это не я, не впускать")
			owner.Want(owner.Post("/settings/safety/sessions/stop-asked"), "/settings/safety/sessions?done=stopped")
			owner.sees("/settings/safety/sessions?done=stopped", "Мы не впустили")
		},
		"everywhere": func(s *asking, owner citizen) {
			owner.Want(owner.Post("/settings/safety/sessions/end-others"), "/settings/safety/sessions?done=others")
		},
		"password": func(s *asking, owner citizen) {
			owner.Want(owner.Post("/settings/safety/password", "old", apptest.Password, "new", apptest.NewPassword), "/settings/safety/")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newAsking(t, "sqlite")
			owner := s.both("remember", "yes")
			answersYes(t, s.World, owner, waitingPath, s.Alexey)
			owner.Want(owner.Post(waitingPath), "/settings/account")
			owner.StepUp(s.Vera, apptest.Password)
			s.Advance(time.Minute)
			thief := s.both()
			act(s, owner)
			s.Settle()
			if s.sessions() != 1 || s.open() != 0 || s.requests() != 0 {
				t.Errorf("%d sessions, %d questions, %d requests are left", s.sessions(), s.open(), s.requests())
			}
			if a := thief.Post(waitingPath); a.Status != 303 || !strings.HasPrefix(a.Location, "/sign-in") {
				t.Errorf("the thief is in: %d to %q", a.Status, a.Location)
			}
		})
	}
}

// Whoever waits may give up.
func TestLeavingTheWaiting(t *testing.T) {
	t.Parallel()
	s := newAsking(t, "sqlite")
	c := s.both()
	c.Want(c.Post(waitingPath+"/cancel"), "/sign-in?why=left")
	c.sees("/sign-in?why=left", "Мы всё отменили")
	c.Want(c.Get(waitingPath), "/sign-in?why=over")
	if s.open() != 0 || s.requests() != 0 {
		t.Errorf("%d questions, %d requests are left", s.open(), s.requests())
	}
}

// With a contact who cannot answer nobody is let in from a new browser, and the owner is told; there is no way around
// him. A frozen account's sign-in asks nobody: it only leads to the page that says so. Switched off, the guard falls.
func TestNobodyAbleToAnswer(t *testing.T) {
	t.Parallel()
	eachAsking(t, func(t *testing.T, s *asking) {
		s.must(s.Protect.Freeze(t.Context(), effect.Act{Actor: effect.Person}, s.Alexey.ID, trust.FrozenBySelf))
		c := newCitizen(t, s.World)
		c.Want(c.Post("/sign-in", "identifier", s.Vera.Phone, "password", apptest.Password), "/sign-in/code")
		c.Want(c.Post("/sign-in/code", "code", s.Code(s.Vera.Phone, notify.SignInCode)), waitingPath+"?why=nobody")
		c.sees(waitingPath+"?why=nobody", "Спросить сейчас некого", "Вам помогут лично")
		if s.sessions() != 0 || s.open() != 0 || s.Count(s.Vera.Phone, notify.SignInRefused) != 1 {
			t.Errorf("%d sessions, %d questions, told %d times", s.sessions(), s.open(), s.Count(s.Vera.Phone, notify.SignInRefused))
		}
		s.must(s.Protect.Freeze(t.Context(), effect.Act{Actor: effect.Person}, s.Vera.ID, trust.FrozenBySelf))
		c.SignIn(s.Vera, apptest.Password)
		c.Want(c.Get("/settings/account"), "/safety/frozen")
		s.must(s.Protect.ThawInPerson(t.Context(), effect.Act{Actor: effect.Operator, ID: "operator"}, s.Vera.ID))
		s.must(s.Guards.SwitchOff(t.Context(), effect.Act{Actor: effect.Person, ID: s.Vera.ID}, s.Vera.ID, trust.GuardAskSignIn))
		s.Advance(s.Policy.GuardOff - time.Minute)
		c = newCitizen(t, s.World)
		c.Want(c.Post("/sign-in", "identifier", s.Vera.Phone, "password", apptest.Password), "/sign-in/code")
		c.Want(c.Post("/sign-in/code", "code", s.Code(s.Vera.Phone, notify.SignInCode)), waitingPath+"?why=nobody")
		s.Advance(time.Minute)
		newCitizen(t, s.World).SignIn(s.Vera, apptest.Password)
	})
}

// A thief of both factors troubles the contact no oftener than the rules allow.
func TestAskingIsLimited(t *testing.T) {
	t.Parallel()
	s := newAsking(t, "sqlite")
	for range s.Policy.AsksPerDay {
		s.both()
		s.Advance(2 * time.Minute)
	}
	c := newCitizen(t, s.World)
	c.Want(c.Post("/sign-in", "identifier", s.Vera.Phone, "password", apptest.Password), "/sign-in/code")
	c.again("/sign-in/code", apptest.Form("code", s.Code(s.Vera.Phone, notify.SignInCode)), "Подождите")
	if n := s.count(`SELECT COUNT(id) FROM guarded_actions WHERE kind = 'sign_in'`); n != s.Policy.AsksPerDay {
		t.Errorf("asked %d times", n)
	}
}

// Of many clicks at once on an approved sign-in one makes a session, and one rejection may win instead of them (I3).
func TestOneSessionOfOneApproval(t *testing.T) {
	t.Parallel()
	eachAsking(t, func(t *testing.T, s *asking) {
		c := s.both()
		answersYes(t, s.World, c, waitingPath, s.Alexey)
		token := c.Cookies()["sign_in"]
		var wins atomic.Int64
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				_, err := s.Sessions.EnterApproved(t.Context(), effect.Act{Actor: effect.Person, ID: s.Vera.ID}, token)
				switch {
				case err == nil:
					wins.Add(1)
				case !fault.Is(err, fault.Conflict) && !fault.Is(err, fault.NotFound):
					t.Errorf("a loser is told %v", err)
				}
			})
		}
		all.Wait()
		if wins.Load() != 1 || s.sessions() != 1 {
			t.Errorf("%d winners, %d sessions", wins.Load(), s.sessions())
		}
	})
}

// The store itself refuses a session on a new browser that nobody was asked about: the guard was switched on between
// the look and the commit.
func TestTheGuardIsReadInTheCommit(t *testing.T) {
	t.Parallel()
	eachAsking(t, func(t *testing.T, s *asking) {
		for unasked, want := range map[bool]int{true: 0, false: 1} {
			ses := session.Session{
				ID: account.NewID(), TokenHash: secret.HashToken(secret.Token()), Account: s.Vera.ID, Kind: session.Full, AMR: []string{"pwd", "sms"},
				CreatedAt: s.Clock.Now(), SeenAt: s.Clock.Now(), ExpiresAt: s.Clock.Now().Add(time.Hour), Version: 1,
			}
			err := s.Store.CommitSession(t.Context(), effect.Act{Actor: effect.Person}, s.Clock.Now(), session.Change{Rules: "test", NewSession: &ses, Unasked: unasked},
				[]effect.Effect{effect.Record{Kind: "session.started", Object: "session:" + ses.ID, Subjects: []string{s.Vera.ID}}})
			if unasked != fault.Is(err, fault.Conflict) || s.sessions() != want {
				t.Errorf("unasked %v: %v, %d sessions", unasked, err, s.sessions())
			}
			s.must(s.Sessions.SignOutEverywhere(t.Context(), effect.Act{Actor: effect.Person}, session.Auth{Account: s.Vera}, false))
		}
	})
}
