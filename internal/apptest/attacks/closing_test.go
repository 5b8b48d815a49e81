package attacks

import (
	"net/http"
	"testing"

	"doverie/internal/apptest"
	"doverie/internal/notify"
	"doverie/internal/recovery"
)

const closing = "/settings/account/close"

// T09, T20: somebody sits in a stolen session with everything proved again, or talks a frightened person into it. What her
// contact would have to be removed from first, in three days that both are told of, must not be torn down at once.
func TestT09_AStolenSessionClosesNothing(t *testing.T) {
	asked := func(tell string) func(*scene, *apptest.Client, string) {
		return func(_ *scene, thief *apptest.Client, link string) {
			thief.Want(thief.Post(contactsHome+"/"+link+"/remove", "tell", tell), contactsHome)
		}
	}
	for _, c := range []struct {
		name, state string
		before      func(s *scene, thief *apptest.Client, link string)
	}{
		{"her contact guards", "active", func(*scene, *apptest.Client, string) {}},
		{"her contact cannot help for now", "suspended", func(s *scene, _ *apptest.Client, _ string) {
			alexey := s.signedIn(s.Alexey)
			alexey.Want(alexey.Post("/safety/freeze"), "/safety/stopped/frozen")
			s.Settle()
		}},
		{"he is on his way out", "leaving", asked("now")},
		{"he is on a quiet way out", "leaving", asked("later")},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := guarded(t)
			link := s.text(`SELECT id FROM links WHERE principal_id = $1`, s.Vera.ID)
			thief := s.steppedUp(s.Vera)
			c.before(s, thief, link)
			page := thief.Get(closing)
			s.shows(page, s.T("account_close.guarded"))
			s.hides("the page that cannot close", page, `action="`+closing+`"`)
			a := thief.Post(closing, "sure", "yes")
			s.refused("closing", a)
			s.shows(a, s.T("fault.close.guarded"))
			if state := s.text(`SELECT state FROM links WHERE id = $1`, link); state != c.state {
				t.Errorf("the link is %s", state)
			}
			if state := s.text(`SELECT state FROM accounts WHERE id = $1`, s.Vera.ID); state != "open" {
				t.Fatalf("the account is %s", state)
			}
			if n := s.Count(s.Vera.Phone, notify.AccountClosed); n != 0 {
				t.Errorf("%d messages that it is closed", n)
			}
			if a := thief.Get("/settings/account"); a.Status != http.StatusOK {
				t.Errorf("the session ended: %d %s", a.Status, a.Location)
			}
		})
	}
}

// The page was open while nobody guarded; a contact accepted since. The decision asks again.
func TestT24_AContactWhoCameMeanwhileKeepsTheAccount(t *testing.T) {
	s := begin(t)
	thief := s.steppedUp(s.Vera)
	if a := thief.Get(closing); a.Status != http.StatusOK {
		t.Fatal(a.Status)
	}
	s.link(s.Vera, s.Alexey)
	s.refused("closing", thief.Post(closing, "sure", "yes"))
	if state := s.text(`SELECT state FROM accounts WHERE id = $1`, s.Vera.ID); state != "open" {
		t.Errorf("the account is %s", state)
	}
}

// Nobody guards her; she has lost her session to somebody and is about to get her password back. He must not pull the
// account from under the recovery: she, or he if it is not hers, stops that first.
func TestT21_ClosingDoesNotEndARecovery(t *testing.T) {
	s := begin(t)
	thief := s.steppedUp(s.Vera)
	s.recovering(s.Vera)
	s.shows(thief.Get(closing), s.T("account_close.recovering"))
	a := thief.Post(closing, "sure", "yes")
	s.refused("closing", a)
	s.shows(a, s.T("fault.close.recovering"))
	s.wantState(s.Vera, recovery.Approved)
	// A stranger who only typed her number proves nothing, and hinders nobody.
	s.recoveryOver()
	stranger := s.Client()
	stranger.Want(stranger.Post("/recovery", "identifier", s.Vera.Phone), "/recovery/code")
	vera := s.steppedUp(s.Vera)
	vera.Want(vera.Post(closing, "sure", "yes"), "/closed")
}

func (s *scene) recoveryOver() {
	s.t.Helper()
	s.Advance(s.Policy.RecoveryFinish)
	if n := s.count(`SELECT COUNT(id) FROM recoveries WHERE account_id = $1 AND state <> 'expired'`, s.Vera.ID); n != 0 {
		s.t.Fatalf("%d recoveries go on", n)
	}
}
