// Package rekey tests that the master key can be changed in the middle of everybody's lives.
package rekey

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"doverie/internal/account"
	"doverie/internal/app"
	"doverie/internal/apptest"
	"doverie/internal/apptest/pgtest"
	"doverie/internal/apptest/pushservice"
	"doverie/internal/desk"
	"doverie/internal/effect"
	"doverie/internal/notify"
	"doverie/internal/notify/webpush"
	"doverie/internal/secret"
	"doverie/internal/store"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

var byPerson = effect.Act{Actor: effect.Person, Area: "127.0.0.0/16", Device: "Chrome, Linux"}

func ring(t *testing.T, of byte, former ...*secret.Keyring) *secret.Keyring {
	t.Helper()
	keys, err := secret.NewKeyring(append(bytes.Repeat([]byte{of}, 31), of+1))
	if err == nil {
		keys, err = keys.WithFormer(former...)
	}
	must(t, err)
	return keys
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// story is a server in whose database everything that hangs on the master key lies.
type story struct {
	*apptest.World
	apptest.Family

	t         *testing.T
	first     *secret.Keyring
	push      *pushservice.Service
	browser   *pushservice.Browser
	relying   *apptest.Relying
	subject   string
	employee  apptest.Employee
	generator []byte          // Alexey's
	contact   *apptest.Client // Alexey's, stepped up
	applicant *apptest.Client // at Vera's recovery, which waits
	match     string          // read before the change
	notMe     string          // path of the link in Vera's notice
	waiting   *apptest.Client // Maria's: her code is in the outbox
	invited   string          // Alexey's invitation of Maria
	stranger  string          // Alexey's invitation of somebody without an account
}

const strangersPhone = "+79130000001"

func tell(t *testing.T, engine string) *story {
	t.Helper()
	s := &story{t: t, push: pushservice.New(t)}
	s.World = apptest.New(t, engine, apptest.Options{Notary: app.Notary{Folder: t.TempDir()}, Carriers: app.Carriers{Push: &webpush.Config{
		Contact: "mailto:push@doverie.example", Services: []string{s.push.Host()}, CAFile: s.push.CA(), AnyPort: true, Timeout: 5 * time.Second,
	}}})
	s.Family, s.first = s.AddFamily(), s.DB.Keys
	s.employee = s.Hire("anna", desk.Clerk, "Заречный")
	link, err := s.Links.Invite(t.Context(), byPerson, s.Vera.ID, s.Alexey.Given, s.Alexey.Phone)
	must(t, err)
	must(t, s.Links.Accept(t.Context(), byPerson, s.Alexey.ID, link))
	s.Advance(s.Policy.Settling)
	s.invited, err = s.Links.Invite(t.Context(), byPerson, s.Alexey.ID, s.Maria.Given, s.Maria.Phone)
	must(t, err)
	s.stranger, err = s.Links.Invite(t.Context(), byPerson, s.Alexey.ID, "Пётр", strangersPhone)
	must(t, err)

	s.relying = s.Relying("Водоканал", "127.0.0.1")
	s.subject = s.relying.Subject(s.relying.SignIn(s.Client(), s.Maria))
	s.contact = s.Client()
	s.contact.SignIn(s.Alexey, apptest.Password)
	s.browser = s.push.Subscribe(t)
	text, err := json.Marshal(map[string]any{"answer": json.RawMessage(s.browser.JSON()), "next": "/settings/safety/push"})
	must(t, err)
	if a := s.contact.Do(http.MethodPost, "/settings/safety/push", nil, func(r *http.Request) {
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Origin", s.URL)
	}); a.Status != http.StatusOK {
		t.Fatalf("switching on: %d %s", a.Status, a.Body)
	}
	s.applicant = s.Client()
	s.applicant.StartRecovery(s.Vera)
	s.match = s.applicant.Match()
	s.notMe = s.LinkPath(s.Vera.Email, notify.RecoveryAttempt)

	s.generator = secret.TOTPKey()
	s.DB.Exec(t, `INSERT INTO totp (account_id, sealed, created_at, confirmed_at, last_step) VALUES ($1, $2, 1, 1, 0)`,
		s.Maria.ID, s.first.Seal("totp", []byte(s.Maria.ID), s.generator))
	s.contact.StepUp(s.Alexey, apptest.Password)
	s.waiting = s.Client() // last: what waits in the outbox must still wait
	s.waiting.Want(s.waiting.Post("/sign-in", "identifier", s.Alexey.Phone, "password", apptest.Password), "/sign-in/code")
	if n := s.DB.Count(t, `SELECT COUNT(id) FROM outbox WHERE done_at IS NULL AND carries_code`); n != 1 {
		t.Fatalf("%d codes wait", n)
	}
	return s
}

// rekey changes the key and is killed after every so many pages, until nothing is left to do.
func (s *story) rekey(keys *secret.Keyring, leaked bool) (done store.Rekeyed, kills int) {
	s.t.Helper()
	for {
		db, err := store.Open(s.t.Context(), s.DB.DSN, store.Options{Keys: keys, Now: s.Clock.Now, Conns: 1})
		must(s.t, err)
		ctx, kill := context.WithCancel(s.t.Context())
		pages := 0
		done, err = db.Rekey(ctx, keys, s.Clock.Now(), store.RekeyOptions{
			Act: effect.Act{Actor: effect.System, Device: "test"}, Rules: s.Policy.Version, Leaked: leaked, Page: 2,
			Progress: func(string, int64) {
				if pages++; pages > 3*kills+1 {
					kill()
				}
			},
		})
		if err != nil && errors.Is(err, context.Canceled) {
			kills++
			var unfinished *store.RekeyUnfinishedError
			if err := db.TakeKeys(s.t.Context(), keys); !errors.As(err, &unfinished) {
				s.t.Fatalf("a server would start in the middle: %v", err)
			}
		}
		kill()
		must(s.t, db.Close())
		if err == nil {
			return done, kills
		}
		if !errors.Is(err, context.Canceled) {
			s.t.Fatal(err)
		}
	}
}

// opened counts what the keyring alone opens or finds.
func (s *story) opened(keys *secret.Keyring) map[string]int {
	s.t.Helper()
	found := map[string]int{}
	type row struct {
		id, more string
		sealed   []byte
	}
	for purpose, query := range map[string]string{
		"totp":              `SELECT account_id, '', sealed FROM totp`,
		"oidc key":          `SELECT id, '', sealed FROM oidc_keys WHERE sealed IS NOT NULL`,
		"outbox address":    `SELECT id, '', address FROM outbox WHERE address IS NOT NULL`,
		"outbox args":       `SELECT id, '', args FROM outbox WHERE args IS NOT NULL`,
		"push subscription": `SELECT id, account_id, sealed FROM push_browsers WHERE sealed IS NOT NULL`,
		"operator totp":     `SELECT id, '', totp FROM operators WHERE totp IS NOT NULL`,
	} {
		rows := all(s, query, func(scan func(...any) error) (x row, err error) { err = scan(&x.id, &x.more, &x.sealed); return x, err })
		for _, x := range rows {
			if _, err := keys.Open(purpose, []byte(x.id+x.more), x.sealed); err == nil {
				found[purpose]++
			}
		}
		found["all "+purpose] += len(rows)
	}
	type person struct {
		given, phone string
		name, number []byte
	}
	for _, p := range all(s, `SELECT given, phone, name_hash, phone_hash FROM accounts`, func(scan func(...any) error) (p person, err error) {
		err = scan(&p.given, &p.phone, &p.name, &p.number)
		return p, err
	}) {
		if bytes.Equal(p.name, keys.Lookup("given_name", account.FoldName(p.given))) || bytes.Equal(p.number, keys.Lookup("phone", p.phone)) {
			found["accounts"]++
		}
	}
	for _, phone := range []string{s.Maria.Phone, strangersPhone} {
		if s.DB.Count(s.t, `SELECT COUNT(id) FROM links WHERE phone_hash = $1`, keys.Lookup("phone", phone)) > 0 {
			found["invitation of "+phone]++
		}
	}
	return found
}

// only leaves what was opened or found.
func only(found map[string]int) map[string]int {
	maps.DeleteFunc(found, func(what string, _ int) bool { return strings.HasPrefix(what, "all ") })
	return found
}

func all[T any](s *story, query string, scan func(scan func(...any) error) (T, error)) (rows []T) {
	s.t.Helper()
	must(s.t, s.DB.Read(s.t.Context(), func(ctx context.Context, q store.Querier) (err error) {
		rows, err = store.Collect(scan)(q.Query(ctx, query))
		return err
	}))
	return rows
}

func TestTheMasterKeyIsChangedInTheMiddleOfAStory(t *testing.T) {
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			s := tell(t, engine)
			second := ring(t, 40, s.first.WithoutFormer())
			s.Stop()

			var wrong *store.WrongKeyError
			if err := s.DB.TakeKeys(t.Context(), second); !errors.As(err, &wrong) || wrong.Database != s.first.ID() {
				t.Fatalf("a server starts with another key: %v", err)
			}
			must(t, s.DB.Close())
			done, kills := s.rekey(second, false)
			if kills < 3 || len(done.Unreadable) != 0 {
				t.Errorf("%d kills, %+v", kills, done)
			}
			must(t, s.Restart(second))
			if again, _ := s.rekey(second, false); again.From != again.To || again.Resealed+again.Rehashed != 0 {
				t.Errorf("once more: %+v", again)
			}
			alone := s.first.WithoutFormer()
			if err := s.DB.TakeKeys(t.Context(), alone); !errors.As(err, &wrong) {
				t.Errorf("the former key still opens the database: %v", err)
			}
			// The former key finds the invitation of somebody without an account, and nothing else.
			for _, purpose := range []string{"totp", "oidc key", "outbox address", "outbox args", "push subscription", "operator totp"} {
				if s.opened(alone)["all "+purpose] == 0 {
					t.Errorf("%s: the story has none", purpose)
				}
			}
			if found := only(s.opened(alone)); len(found) != 1 || found["invitation of "+strangersPhone] != 1 {
				t.Errorf("the former key opens %v", found)
			}
			if found := s.opened(ring(t, 40)); found["accounts"] != 3 || found["totp"] != 1 || found["invitation of "+s.Maria.Phone] != 1 {
				t.Errorf("the new key opens %v only", found)
			}
			s.goesOn()
			s.lapses()
		})
	}
}

// goesOn is everybody's life after the change.
func (s *story) goesOn() {
	t := s.t
	// The code that waited comes, and is right.
	s.waiting.Want(s.waiting.Post("/sign-in/code", "code", s.Code(s.Alexey.Phone, notify.SignInCode)), "/")
	// The contact's request waits in his session; the number read before the change is right; the recovery is finished.
	request := s.contact.Request()
	s.contact.Want(s.contact.Post(request+"/questions", apptest.Answers(0)...), request)
	s.contact.Want(s.contact.Post(request+"/match", "number", s.match), request)
	s.contact.Want(s.contact.Post(request+"/confirm"), request+"/code")
	s.contact.Want(s.contact.Post(request+"/code", "code", s.Code(s.Alexey.Phone, notify.ApprovalCode)), request)
	before := len(s.browser.Got())
	s.applicant.FinishRecovery(s.Vera, apptest.NewPassword)
	s.Settle()
	if len(s.browser.Got()) == before || len(s.push.Problems()) > 0 {
		t.Errorf("no notice in the contact's browser: %v", s.push.Problems())
	}
	// The invitation is where it was.
	must(t, s.Links.Accept(t.Context(), byPerson, s.Maria.ID, s.invited))
	// A code generator, a person's and an operator's.
	step := s.Client()
	step.Want(step.Post("/sign-in", "identifier", s.Maria.Phone, "password", apptest.Password), "/sign-in/code")
	step.Want(step.Post("/sign-in/code", "code", secret.TOTPCode(s.generator, s.Now())), "/")
	s.Operator(s.employee)
	// Other systems know the same person, and the same keys.
	if now := s.relying.Subject(s.relying.SignIn(step, s.Maria)); now != s.subject {
		t.Errorf("another system knows Maria as %s, and knew her as %s", now, s.subject)
	}
	// The log is whole, and signed by the key that is known.
	report, err := s.Store.VerifyLog(t.Context(), nil)
	if err != nil || !report.Intact() {
		t.Errorf("%+v %v", report, err)
	}
	if _, err := s.Notary.Seal(t.Context()); err != nil {
		t.Error(err)
	}
	if a := s.Client().Get(s.notMe); a.Status != http.StatusOK {
		t.Errorf("the link of a notice: %d %q", a.Status, a.Location)
	}
}

// lapses is what ends with the former key, and with time.
func (s *story) lapses() {
	t := s.t
	s.Stop()
	must(t, s.Restart(ring(t, 40)))
	if a := s.Client().Get(s.notMe); a.Status != http.StatusNotFound {
		t.Errorf("a link of the former key still works without it: %d", a.Status)
	}
	if a := s.waiting.Get("/approvals"); a.Status != http.StatusOK {
		t.Errorf("a session ended with the former key: %d", a.Status)
	}
	s.Advance(s.Policy.InvitationTTL)
	if n := s.DB.Count(t, `SELECT COUNT(id) FROM links WHERE id = $1 AND state = 'expired' AND phone_hash IS NULL`, s.stranger); n != 1 {
		t.Error("the invitation of a stranger did not lapse")
	}
	if found := only(s.opened(s.first.WithoutFormer())); len(found) != 0 {
		t.Errorf("the former key opens %v", found)
	}
}

// With a key that leaked, whoever has it must not be able to write to browsers.
func TestAfterALeakNoticesInBrowsersEnd(t *testing.T) {
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			s := tell(t, engine)
			old := s.Pushes.Key
			events := s.DB.Count(t, `SELECT COUNT(seq) FROM events WHERE kind = 'push.switched_off'`)
			s.Stop()
			must(t, s.DB.Close())
			s.rekey(ring(t, 60, s.first.WithoutFormer()), true)
			must(t, s.Restart(ring(t, 60)))
			if bytes.Equal(s.Pushes.Key, old) {
				t.Error("push services know the server by the key that leaked")
			}
			if n := s.DB.Count(t, `SELECT COUNT(id) FROM push_browsers WHERE ended_at IS NULL OR sealed IS NOT NULL`); n != 0 {
				t.Errorf("%d browsers of before may be written to", n)
			}
			if n := s.DB.Count(t, `SELECT COUNT(seq) FROM events WHERE kind = 'push.switched_off'`); n != events+1 {
				t.Errorf("%d events", n-events)
			}
			if a := s.contact.Get("/approvals"); a.Status != http.StatusOK {
				t.Errorf("the contact's session: %d", a.Status)
			}
		})
	}
}
