package passkey_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"doverie/internal/account"
	"doverie/internal/apptest"
	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/notify"
	"doverie/internal/store/storetest"
	"doverie/internal/trust"
)

// story is a request of Vera's that waits for Alexey's last word, and Alexey with a key old enough to be used.
type story struct {
	*apptest.World
	vera, alexey, maria account.Account
	key                 *device
	browser             *apptest.Client
	session             string
	request             string // address of the request
	id                  string
}

func engines(t *testing.T, run func(t *testing.T, s *story)) {
	t.Helper()
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			w := apptest.New(t, engine, apptest.Options{Localhost: true, Quiet: true})
			family := w.AddFamily()
			s := &story{World: w, vera: family.Vera, alexey: family.Alexey, maria: family.Maria, key: newDevice()}
			s.key.rp.ID, s.key.rp.Origin = "localhost", w.URL
			run(t, s)
		})
	}
}

func (s *story) act() effect.Act { return storetest.ActOf(s.alexey.ID) }

// signIn gives Alexey a fresh browser that has just stepped up.
func (s *story) signIn() {
	s.T.Helper()
	s.browser = s.Client()
	s.browser.SignIn(s.alexey, apptest.Password)
	s.browser.StepUp(s.alexey, apptest.Password)
	auth, err := s.Sessions.Authenticate(s.T.Context(), s.browser.Cookies()["session"])
	ok(s.T, err)
	s.session = auth.Session.ID
}

// matched brings a recovery to the contact's last step.
func (s *story) matched() {
	s.T.Helper()
	for _, principal := range []account.Account{s.vera, s.maria} {
		id, err := s.Links.Invite(s.T.Context(), s.act(), principal.ID, s.alexey.Given, s.alexey.Phone)
		ok(s.T, err)
		ok(s.T, s.Links.Accept(s.T.Context(), s.act(), s.alexey.ID, id))
	}
	s.signIn()
	auth, err := s.Sessions.Authenticate(s.T.Context(), s.browser.Cookies()["session"])
	ok(s.T, err)
	options, err := s.Passkeys.BeginAdd(s.T.Context(), s.act(), auth)
	ok(s.T, err)
	_, err = s.Passkeys.Add(s.T.Context(), s.act(), auth, "", s.key.makes(s.T, options))
	ok(s.T, err)
	s.Advance(s.Policy.NoCascade)
	s.signIn()
	s.ask(s.vera)
}

// ask starts a recovery and walks Alexey, in the browser he has, to the last step of it.
func (s *story) ask(principal account.Account) {
	s.T.Helper()
	applicant := s.Client()
	applicant.StartRecovery(principal)
	s.request = s.browser.Request()
	s.id = strings.TrimPrefix(s.request, "/approvals/")
	s.browser.Want(s.browser.Post(s.request+"/questions", apptest.Answers(0)...), s.request)
	s.browser.Want(s.browser.Post(s.request+"/match", "number", applicant.Match()), s.request)
}

func (s *story) begin() []byte {
	s.T.Helper()
	options, err := s.Decisions.BeginPasskey(s.T.Context(), s.act(), s.alexey.ID, s.session, s.id)
	ok(s.T, err)
	return options
}

func (s *story) approve(session, id string, answer []byte) error {
	return s.Decisions.ApproveWithPasskey(s.T.Context(), s.act(), s.alexey.ID, session, id, answer)
}

func (s *story) state() trust.ApprovalState {
	s.T.Helper()
	q, err := s.Decisions.Request(s.T.Context(), s.alexey.ID, s.id)
	ok(s.T, err)
	return q.Approval.State
}

func TestApproveWithPasskey(t *testing.T) {
	engines(t, func(t *testing.T, s *story) {
		s.matched()
		// A code that went out before is worth nothing after the key's word.
		s.browser.Want(s.browser.Post(s.request+"/confirm"), s.request+"/code")
		code := s.Code(s.alexey.Phone, notify.ApprovalCode)
		answer := s.key.answers(t, s.begin())
		errs := storetest.Parallel(50, func(int) error { return s.approve(s.session, s.id, answer) })
		oneOf(t, errs, "fault.passkey.used", "fault.passkey.over", "fault.conflict", "fault.approval.over",
			"fault.approval.state_approved", "fault.passkey.copied")
		if s.state() != trust.Approved {
			t.Errorf("state %s", s.state())
		}
		if n := s.DB.Count(t, `SELECT COUNT(seq) FROM events WHERE kind = 'approval.approved'`); n != 1 {
			t.Errorf("%d events of one approval", n)
		}
		if err := s.Decisions.Approve(t.Context(), s.act(), s.alexey.ID, s.session, s.id, code); !fault.Is(err, fault.Conflict) {
			t.Errorf("the code lives on: %v", err)
		}
		if n := s.DB.Count(t, `SELECT COUNT(id) FROM passkeys WHERE ended_at IS NULL AND sign_count = 1`); n != 1 {
			t.Error("the race took the key for a copy")
		}
	})
}

func TestAnApprovalsAnswerIsOfThisRequestAndThisSession(t *testing.T) {
	engines(t, func(t *testing.T, s *story) {
		s.matched()
		first, id := s.session, s.id
		answer := s.key.answers(t, s.begin())
		s.signIn() // a second browser of his
		want(t, s.approve(s.session, id, answer), fault.Refused, "fault.passkey.over")
		s.begin() // there a challenge of its own waits: the answer to the other is nothing to it
		want(t, s.approve(s.session, id, answer), fault.Refused, "fault.passkey.wrong")
		// An answer to his step-up is no approval.
		auth, err := s.Sessions.Authenticate(t.Context(), s.browser.Cookies()["session"])
		ok(t, err)
		stepUp, err := s.Passkeys.BeginStepUp(t.Context(), s.act(), auth)
		ok(t, err)
		want(t, s.approve(s.session, id, s.key.answers(t, stepUp)), fault.Refused, "fault.passkey.wrong")
		// Nobody else's request: for him it does not exist.
		err = s.Decisions.ApproveWithPasskey(t.Context(), s.act(), s.vera.ID, first, id, answer)
		want(t, err, fault.NotFound, "fault.not_found")
		_, err = s.Decisions.BeginPasskey(t.Context(), s.act(), s.vera.ID, first, id)
		want(t, err, fault.NotFound, "fault.not_found")
		// The request is rejected; an answer that waited approves nothing.
		ok(t, s.Decisions.Reject(t.Context(), s.act(), s.alexey.ID, id, trust.ReasonUnreachable))
		if err := s.approve(first, id, answer); !fault.Is(err, fault.Conflict) {
			t.Errorf("an approval after a rejection: %v", err)
		}
	})
}

// One session, two requests one after the other: the answer that was given for Vera's says nothing of Maria's.
func TestAnAnswerForOnePersonIsNotForAnother(t *testing.T) {
	engines(t, func(t *testing.T, s *story) {
		s.matched()
		session, answer := s.session, s.key.answers(t, s.begin())
		ok(t, s.Decisions.Reject(t.Context(), s.act(), s.alexey.ID, s.id, trust.ReasonUnreachable))
		s.ask(s.maria)
		if s.session != session {
			t.Fatal("another session")
		}
		want(t, s.approve(session, s.id, answer), fault.Refused, "fault.passkey.over")
		if s.state() != trust.Matched {
			t.Errorf("state %s", s.state())
		}
		ok(t, s.approve(session, s.id, s.key.answers(t, s.begin())))
	})
}

func TestEligibilityIsReadWhereTheKeyApproves(t *testing.T) {
	engines(t, func(t *testing.T, s *story) {
		s.matched()
		answer := s.key.answers(t, s.begin())
		ok(t, s.Store.Apply(t.Context(), effect.Act{Actor: effect.System}, s.Clock.Now(), "test", []effect.Effect{effect.MarkFactorChanged{Account: s.alexey.ID}}))
		want(t, s.approve(s.session, s.id, answer), fault.Refused, "fault.trust.not_eligible")
		_, err := s.Decisions.BeginPasskey(t.Context(), s.act(), s.alexey.ID, s.session, s.id)
		want(t, err, fault.Refused, "fault.trust.not_eligible")
		if s.state() != trust.Matched || s.DB.Count(t, `SELECT COUNT(id) FROM passkey_challenges WHERE used_at IS NOT NULL AND purpose = 'approval'`) != 0 {
			t.Error("a refused approval left something behind")
		}
	})
}

// post sends what passkey.js sends.
func (s *story) post(c *apptest.Client, path string, body any, change ...func(*http.Request)) apptest.Answer {
	s.T.Helper()
	text, err := json.Marshal(body)
	ok(s.T, err)
	return c.Do(http.MethodPost, path, nil, append([]func(*http.Request){func(r *http.Request) {
		r.Body = io.NopCloser(bytes.NewReader(text))
		r.ContentLength = int64(len(text))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Origin", s.URL)
	}}, change...)...)
}

func TestOverHTTP(t *testing.T) {
	engines(t, func(t *testing.T, s *story) {
		s.matched()
		paths := []string{
			"/sign-in/passkey/options", "/sign-in/passkey", "/sign-in/code/passkey/options", "/sign-in/code/passkey", "/step-up/passkey/options",
			"/step-up/passkey", s.request + "/passkey/options", s.request + "/passkey", "/settings/safety/passkeys/add/options", "/settings/safety/passkeys/add",
		}
		stranger := s.Client()
		for _, path := range paths {
			for name, change := range map[string]func(*http.Request){
				"from another site":          func(r *http.Request) { r.Header.Set("Origin", "https://evil.test") },
				"from another site's script": func(r *http.Request) { r.Header.Del("Origin"); r.Header.Set("Sec-Fetch-Site", "cross-site") },
				"as a form":                  func(r *http.Request) { r.Header.Set("Content-Type", "text/plain") },
			} {
				if a := s.post(s.browser, path, struct{}{}, change); a.Status < 400 || strings.Contains(a.Body, "challenge") {
					t.Errorf("%s %s: %d %s", path, name, a.Status, a.Body)
				}
			}
			if a := s.browser.Get(path); a.Status == http.StatusOK && strings.Contains(a.Body, "challenge") {
				t.Errorf("GET %s: %d", path, a.Status)
			}
			if strings.HasPrefix(path, "/sign-in") {
				continue
			}
			if a := s.post(stranger, path, struct{}{}); a.Status != http.StatusUnauthorized || !strings.Contains(a.Body, `"/sign-in`) {
				t.Errorf("%s for a stranger: %d %s", path, a.Status, a.Body)
			}
		}
		// The repeated check stands before the question (T51), and a lying way on leads nowhere else.
		s.Clock.Advance(s.Policy.StepUpTTL)
		a := s.post(s.browser, s.request+"/passkey/options", map[string]string{"next": "//evil.test"})
		if a.Status != http.StatusUnauthorized || a.Body != `{"next":"/step-up"}` {
			t.Errorf("%d %s", a.Status, a.Body)
		}
		if page := s.browser.Get("/step-up"); !strings.Contains(page.Body, "/step-up/passkey/options") {
			t.Error("the page of the check does not offer the key")
		}
		a = s.post(s.browser, "/step-up/passkey/options", struct{}{})
		a = s.post(s.browser, "/step-up/passkey", map[string]any{"answer": json.RawMessage(s.key.answers(t, []byte(a.Body))), "next": s.request + "/confirm"})
		if a.Status != http.StatusOK || a.Body != `{"next":"`+s.request+`/confirm"}` {
			t.Fatalf("%d %s", a.Status, a.Body)
		}
		if page := s.browser.Get(s.request + "/confirm"); !strings.Contains(page.Body, s.request+"/passkey/options") {
			t.Error("the last step does not offer the key")
		}
		a = s.post(s.browser, s.request+"/passkey/options", struct{}{})
		answer := json.RawMessage(s.key.answers(t, []byte(a.Body)))
		a = s.post(s.browser, s.request+"/passkey", map[string]any{"answer": answer})
		if a.Status != http.StatusOK || a.Body != `{"next":"`+s.request+`"}` || s.state() != trust.Approved {
			t.Errorf("%d %s, %s", a.Status, a.Body, s.state())
		}
		a = s.post(s.browser, s.request+"/passkey", map[string]any{"answer": answer})
		if a.Body != `{"next":"`+s.request+`?why=moved"}` {
			t.Errorf("a second time: %d %s", a.Status, a.Body)
		}
		// A sign-in from a browser that never asked.
		a = s.post(stranger, "/sign-in/passkey/options", struct{}{})
		signed := json.RawMessage(s.key.answers(t, []byte(a.Body)))
		if a = s.post(s.Client(), "/sign-in/passkey", map[string]any{"answer": signed}); a.Status != http.StatusForbidden {
			t.Errorf("another browser: %d %s", a.Status, a.Body)
		}
		a = s.post(stranger, "/sign-in/passkey", map[string]any{"answer": signed, "next": "/settings/safety/login"})
		if a.Body != `{"next":"/settings/safety/login"}` {
			t.Errorf("sign-in: %d %s", a.Status, a.Body)
		}
		page := stranger.Get("/settings/safety/passkeys")
		if page.Status != http.StatusOK || !strings.Contains(apptest.Words(page.Body), "Ключ доступа") {
			t.Errorf("list: %d", page.Status)
		}
		s.Clock.Advance(time.Second)
		if strings.Contains(s.Logs.String(), "challenge") {
			t.Error("a challenge is in the log")
		}
	})
}

// At an address where browsers refuse keys no page speaks of them, and nothing answers.
func TestNotOffered(t *testing.T) {
	w := apptest.New(t, "sqlite", apptest.Options{Quiet: true})
	family := w.AddFamily()
	c := w.Client()
	if page := c.Get("/sign-in"); strings.Contains(page.Body, "passkey") {
		t.Error("the sign-in page speaks of keys")
	}
	c.SignIn(family.Vera, apptest.Password)
	for _, path := range []string{"/settings/safety/login", "/step-up"} {
		if page := c.Get(path); strings.Contains(page.Body, "passkey") {
			t.Errorf("%s speaks of keys", path)
		}
	}
	if page := c.Get("/settings/safety/passkeys"); page.Status != http.StatusNotFound {
		t.Errorf("the section is there: %d", page.Status)
	}
	for _, path := range []string{"/sign-in/passkey/options", "/step-up/passkey/options"} {
		a := (&story{World: w}).post(c, path, struct{}{})
		if a.Status != http.StatusNotFound {
			t.Errorf("%s: %d", path, a.Status)
		}
	}
}
