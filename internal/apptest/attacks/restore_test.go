package attacks

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"testing"

	"golang.org/x/mod/sumdb/tlog"

	"doverie/internal/app"
	"doverie/internal/apptest"
	"doverie/internal/apptest/pgtest"
	"doverie/internal/effect"
	"doverie/internal/notary"
	"doverie/internal/notify"
	"doverie/internal/recovery"
	"doverie/internal/secret"
)

// growth asks the server for the proof that one tree grew out of the other, and checks it.
func growth(t *testing.T, c *apptest.Client, first, second notary.Signed) {
	t.Helper()
	a := c.Get(fmt.Sprintf("/audit/consistency/%d/%d", first.Size, second.Size))
	var answer struct {
		Proof tlog.TreeProof `json:"proof"`
	}
	if err := json.Unmarshal([]byte(a.Body), &answer); err != nil {
		t.Fatalf("%d %q: %v", a.Status, a.Body, err)
	}
	if err := tlog.CheckTree(answer.Proof, second.Size, second.Root, first.Size, first.Root); err != nil {
		t.Error(err)
	}
}

// T55: a backup is put back in which a recovery is approved and its code unused, sessions live, an invitation is open and
// a temporary password good. All of that was used up, ended or withdrawn since. A server does not start on such a
// database; behind the fence nothing of it works, and people sign in anew.
func TestT55_RestoredBackup(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			s := on(t, engine, apptest.Options{Notary: app.Notary{Folder: folder}})
			link := s.link(s.Vera, s.Alexey)
			s.Advance(s.Policy.Settling)
			contact := s.steppedUp(s.Alexey)
			applicant := s.recovering(s.Vera)
			contact.Approve(s.Alexey, contact.Request(), applicant.Match())
			s.wantState(s.Vera, recovery.Approved)
			if _, err := s.Links.Invite(t.Context(), byPerson, s.Alexey.ID, s.Maria.Given, s.Maria.Phone); err != nil {
				t.Fatal(err)
			}
			s.DB.Exec(t, `UPDATE accounts SET must_change_password = TRUE WHERE id = $1`, s.Maria.ID)
			if _, err := s.Notary.Seal(t.Context()); err != nil {
				t.Fatal(err)
			}

			begun := s.Client() // a sign-in whose code is on its way
			begun.Want(begun.Post("/sign-in", "identifier", s.Alexey.Phone, "password", apptest.Password), "/sign-in/code")
			code, cookies := s.Code(s.Alexey.Phone, notify.SignInCode), begun.Cookies()
			letter := secret.Token() // and a letter that asks whether an address is his
			s.DB.Exec(t, `INSERT INTO email_links (id, account_id, email, token_hash, created_at, expires_at) VALUES ('letter', $1, 'new@example.test', $2, $3, $4)`,
				s.Alexey.ID, secret.HashToken(letter), s.Now().UnixMicro(), s.Now().Add(s.Policy.EmailLinkTTL).UnixMicro())

			r := s.backAgain(engine, folder, func() { // what the copy does not know
				s.finish(applicant, s.Vera)
				begun.Want(begun.Post("/sign-in/code", "code", code), "/")
				s.DB.Exec(t, `UPDATE email_links SET ended_at = $1 WHERE id = 'letter'`, s.Now().UnixMicro())
				contact.Post("/sign-out")
			})
			if n := r.count(`SELECT COUNT(*) FROM codes WHERE state = 'live'`); n == 0 {
				t.Error("the copy holds no live code: there is nothing to prove")
			}
			outside, err := s.Notary.Outside(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			done, err := r.Store.Fence(t.Context(), effect.Act{Actor: effect.System}, r.Now(), r.Policy, outside)
			if err != nil || done.Epoch != 2 || done.Ended < 5 {
				t.Fatalf("%+v, %v", done, err)
			}

			again := r.Client()
			for name, value := range cookies {
				again.SetCookie(name, value)
			}
			if a := again.Post("/sign-in/code", "code", code); a.Status == http.StatusSeeOther && a.Location == "/" {
				t.Error("a code that was used after the copy opens the account again")
			}
			if link, err := r.Store.EmailLink(t.Context(), secret.HashToken(letter)); err != nil || link.EndedAt.IsZero() {
				t.Error("a letter's link that was used after the copy works again")
			}
			r.refused("a session of before", r.as(contact).Get("/settings/safety"))
			r.wantState(r.Vera, recovery.Expired)
			stolen := r.as(applicant)
			if a := stolen.Get("/recovery"); a.Location == "/recovery/finish" || a.Location == "/recovery/password" {
				t.Errorf("the recovery of before goes on to %s", a.Location)
			}
			r.password(r.Vera, apptest.Password)
			for what, query := range map[string]string{
				"codes":               `SELECT COUNT(*) FROM codes WHERE state = 'live'`,
				"sessions":            `SELECT COUNT(*) FROM sessions WHERE ended_at IS NULL`,
				"remembered browsers": `SELECT COUNT(*) FROM devices WHERE ended_at IS NULL`,
				"sign-ins":            `SELECT COUNT(*) FROM sign_ins WHERE state IN ('pending', 'waiting')`,
				"approvals":           `SELECT COUNT(*) FROM approvals WHERE state IN ('asked', 'checked', 'matched', 'approved')`,
				"recoveries":          `SELECT COUNT(*) FROM recoveries WHERE ended_at IS NULL`,
				"invitations":         `SELECT COUNT(*) FROM links WHERE state = 'invited'`,
				"messages":            `SELECT COUNT(*) FROM outbox WHERE done_at IS NULL`,
				"temporary passwords": `SELECT COUNT(*) FROM accounts WHERE must_change_password`,
				"e-mail links":        `SELECT COUNT(*) FROM email_links WHERE ended_at IS NULL`,
			} {
				if n := r.count(query); n != 0 {
					t.Errorf("%d %s of before are alive", n, what)
				}
			}
			if n := r.count(`SELECT COUNT(*) FROM accounts WHERE id = $1 AND password_hash IS NULL`, r.Maria.ID); n != 1 {
				t.Error("the temporary password is good")
			}
			// The old relation guards, and its contact cannot approve before he has settled again.
			if n := r.count(`SELECT COUNT(*) FROM links WHERE id = $1 AND state = 'active' AND settles_at > $2`, link, r.Now().UnixMicro()); n != 1 {
				t.Error("the relation of before can approve at once, or guards no more")
			}
			if n := r.count(`SELECT COUNT(*) FROM accounts WHERE hold_until > $1`, r.Now().UnixMicro()); n < 3 {
				t.Errorf("%d accounts are on hold", n)
			}

			// Life goes on: who knows his password signs in, and the log is whole, both epochs told.
			r.signedIn(r.Alexey)
			report, err := r.Store.VerifyLog(t.Context(), outside)
			if err != nil || !report.Intact() {
				t.Errorf("%+v, %v", report, err)
			}
			if again, err := r.Store.Fence(t.Context(), effect.Act{Actor: effect.System}, r.Now(), r.Policy, outside); err != nil || again.Epoch != done.Epoch+1 {
				t.Errorf("a second fence: %+v, %v", again, err)
			}
		})
	}
}

// backAgain takes a copy, lets everybody go on, and opens the copy as another server would. PostgreSQL's is a dump, restored by its
// own tools into an empty database.
func (s *scene) backAgain(engine, folder string, goOn func()) *scene {
	s.t.Helper()
	path := filepath.Join(s.t.TempDir(), "backup.db")
	if engine == "postgres" {
		pgtest.Dump(s.t, s.DB.DSN, path)
	} else if err := s.Store.CopyTo(s.t.Context(), path); err != nil {
		s.t.Fatal(err)
	}
	goOn()
	if engine == "postgres" {
		dump := path
		path = pgtest.DB(s.t)
		pgtest.Restore(s.t, dump, path)
	}
	if _, err := s.Notary.Seal(s.t.Context()); err != nil {
		s.t.Fatal(err)
	}
	w := apptest.New(s.t, engine, apptest.Options{Database: path})
	w.Clock.Advance(s.Clock.Now().Sub(w.Clock.Now()))
	base, err := url.Parse(s.URL)
	if err != nil {
		s.t.Fatal(err)
	}
	restored, err := app.NewNotary(app.Config{Keys: s.DB.Keys, Policy: s.Policy, BaseURL: base, Now: w.Clock.Now, Notary: app.Notary{Folder: folder}}, w.Store)
	if err != nil {
		s.t.Fatal(err)
	}
	var behind *notary.BehindError
	if _, err := restored.Check(s.t.Context()); !errors.As(err, &behind) || behind.Events >= behind.Outside.Size {
		s.t.Errorf("a server starts on a database that was set back: %v", err)
	}
	if err := restored.Tend(s.t.Context(), notary.TheLog); !errors.As(err, &behind) {
		s.t.Errorf("a log that was set back is signed: %v", err)
	}
	return &scene{World: w, Family: s.Family, t: s.t}
}

// as gives the client's cookies to a client of this server.
func (s *scene) as(c *apptest.Client) *apptest.Client {
	s.t.Helper()
	stolen := s.Client()
	for name, value := range c.Cookies() {
		stolen.SetCookie(name, value)
	}
	return stolen
}
