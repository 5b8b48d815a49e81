// Package attacks attacks the running server over HTTP as the attackers of docs/threats.md would: one test a
// threat, named after it. A test that finds the attack succeeding fails.
package attacks

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"doverie/internal/account"
	"doverie/internal/apptest"
	"doverie/internal/effect"
	"doverie/internal/notify"
	"doverie/internal/recovery"
	"doverie/internal/secret"
	"doverie/internal/store"
)

// scene is the running server with Vera, her son Alexey and her daughter Maria.
type scene struct {
	*apptest.World
	apptest.Family

	t *testing.T
}

func on(t *testing.T, engine string, o apptest.Options) *scene {
	t.Helper()
	o.Proxies = append(o.Proxies, netip.MustParsePrefix("127.0.0.1/32"))
	w := apptest.New(t, engine, o)
	return &scene{World: w, Family: w.AddFamily(), t: t}
}

// begin opens the scene on SQLite; nobody guards anybody yet.
func begin(t *testing.T) *scene {
	t.Helper()
	return on(t, "sqlite", apptest.Options{})
}

// guarded opens the scene with Alexey guarding Vera, settled.
func guarded(t *testing.T) *scene {
	t.Helper()
	s := begin(t)
	s.link(s.Vera, s.Alexey)
	s.Advance(s.Policy.Settling)
	return s
}

var byPerson = effect.Act{Actor: effect.Person, Area: "127.0.0.0/16", Device: "Chrome, Linux"}

// link makes one person guard another without walking the pages: where a test is about what comes after.
func (s *scene) link(principal, contact account.Account) (id string) {
	s.t.Helper()
	id, err := s.Links.Invite(s.t.Context(), byPerson, principal.ID, contact.Given, contact.Phone)
	if err == nil {
		err = s.Links.Accept(s.t.Context(), byPerson, contact.ID, id)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return id
}

// signedIn gives the person a signed-in browser.
func (s *scene) signedIn(who account.Account) *apptest.Client {
	s.t.Helper()
	c := s.Client()
	c.SignIn(who, apptest.Password)
	return c
}

// steppedUp gives the person a browser in which password and code were proved again just now.
func (s *scene) steppedUp(who account.Account) *apptest.Client {
	s.t.Helper()
	c := s.signedIn(who)
	c.StepUp(who, apptest.Password)
	return c
}

// recovering gives somebody a browser with a recovery of the account that has proved the first code.
func (s *scene) recovering(who account.Account) *apptest.Client {
	s.t.Helper()
	c := s.Client()
	c.Want(apptest.Answer{Status: http.StatusSeeOther, Location: c.StartRecovery(who)}, "/recovery")
	return c
}

// atCode walks the contact to the last step: his code is on his phone.
func (s *scene) atCode(contact *apptest.Client, request, match string) {
	s.t.Helper()
	contact.Want(contact.Post(request+"/questions", apptest.Answers(0)...), request)
	contact.Want(contact.Post(request+"/match", "number", match), request)
	contact.Want(contact.Post(request+"/confirm"), request+"/code")
}

// text is the one text a query gives.
func (s *scene) text(query string, args ...any) (text string) {
	s.t.Helper()
	err := s.Store.Read(s.t.Context(), func(ctx context.Context, q store.Querier) error {
		return q.QueryRow(ctx, query, args...).Scan(&text)
	})
	if err != nil {
		s.t.Fatalf("%s: %v", query, err)
	}
	return text
}

func (s *scene) count(query string, args ...any) int {
	s.t.Helper()
	return s.DB.Count(s.t, query, args...)
}

// state is where the newest recovery of the account stands.
func (s *scene) state(who account.Account) recovery.State {
	s.t.Helper()
	return recovery.State(s.text(`SELECT state FROM recoveries WHERE account_id = $1 ORDER BY id DESC LIMIT 1`, who.ID))
}

func (s *scene) wantState(who account.Account, want recovery.State) {
	s.t.Helper()
	if got := s.state(who); got != want {
		s.t.Errorf("the recovery is %s, want %s", got, want)
	}
}

// password fails unless exactly this password opens the account.
func (s *scene) password(who account.Account, want string) {
	s.t.Helper()
	hash := s.text(`SELECT password_hash FROM accounts WHERE id = $1`, who.ID)
	same, _, err := s.Passwords.Verify(s.t.Context(), hash, want)
	if err != nil || !same {
		s.t.Errorf("the password of %s is not %q (%v)", who.Given, want, err)
	}
}

// sent counts what came to a phone or mailbox, of every kind.
func (s *scene) sent(address string) int {
	s.t.Helper()
	s.Settle()
	return len(s.Phones.Messages(address))
}

// refused fails when the answer let the caller through: a success, or a redirect that does not lead away to a check.
func (s *scene) refused(what string, a apptest.Answer) {
	s.t.Helper()
	switch {
	case a.Status >= http.StatusBadRequest && a.Status < http.StatusInternalServerError:
	case a.Status == http.StatusSeeOther && (strings.HasPrefix(a.Location, "/sign-in") || strings.HasPrefix(a.Location, "/step-up")):
	default:
		s.t.Errorf("%s: %d to %q", what, a.Status, a.Location)
	}
}

// shows fails unless the page has the words.
func (s *scene) shows(a apptest.Answer, words string) {
	s.t.Helper()
	if page := apptest.Words(a.Body); !strings.Contains(page, words) {
		s.t.Errorf("the page (%d) does not say %q: %s", a.Status, words, page)
	}
}

// hides fails when the page has any of the words anywhere, its markup included.
func (s *scene) hides(what string, a apptest.Answer, words ...string) {
	s.t.Helper()
	for _, one := range words {
		if one != "" && strings.Contains(a.Body, one) {
			s.t.Errorf("%s shows %q", what, one)
		}
	}
}

// T is a text of the Russian pages.
func (s *scene) T(key string, args ...any) string {
	return s.Texts.Printer("ru", s.Policy.Location()).T(key, args...)
}

// finish walks the applicant to the new password.
func (s *scene) finish(applicant *apptest.Client, who account.Account) {
	s.t.Helper()
	applicant.FinishRecovery(who, apptest.NewPassword)
	s.wantState(who, recovery.Completed)
	s.password(who, apptest.NewPassword)
}

// intact fails when the chain of events is broken.
func (s *scene) intact() {
	s.t.Helper()
	report, err := s.Store.VerifyEvents(s.t.Context())
	if err != nil || !report.Intact() {
		s.t.Errorf("events: %+v %v", report, err)
	}
}

// agent makes a request look as if it came from another kind of browser.
func agent(name string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("User-Agent", name) }
}

const (
	windowsFirefox = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0"
	pause          = time.Minute + time.Second // longer than the pause between two codes
)

var codeKinds = []notify.Kind{
	notify.SignInCode, notify.StepUpCode, notify.RecoveryCode, notify.RecoveryFinishCode, notify.ApprovalCode, notify.RegisterCode,
}

// texts are the texts a query gives.
func (s *scene) texts(query string, args ...any) (all []string) {
	s.t.Helper()
	err := s.Store.Read(s.t.Context(), func(ctx context.Context, q store.Querier) (err error) {
		all, err = store.Collect(func(row func(...any) error) (text string, err error) { return text, row(&text) })(q.Query(ctx, query, args...))
		return err
	})
	if err != nil {
		s.t.Fatalf("%s: %v", query, err)
	}
	return all
}

// digitsOf tells whether any six digits open the live first code of the recovery: what only somebody with the
// server's own key can try out.
func (s *scene) digitsOf(recoveryID string) bool {
	s.t.Helper()
	code, err := s.Store.LiveCode(s.t.Context(), string(secret.RecoveryProve), recoveryID)
	if err != nil {
		s.t.Fatal(err)
	}
	for n := range 1_000_000 {
		if s.Keys.SameCode(secret.RecoveryProve, recoveryID, fmt.Sprintf("%06d", n), code.Hash) {
			return true
		}
	}
	return false
}
