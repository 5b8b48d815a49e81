package attacks

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"doverie/internal/apptest"
	"doverie/internal/notify"
	"doverie/internal/recovery"
)

// A hundred attempts, first by a stranger, then by somebody who reads Vera's SMS: Alexey is not worn down.
func TestT19_ContactIsNotBombed(t *testing.T) {
	s := guarded(t)
	for i := range 100 {
		c := s.Client().From(fmt.Sprintf("10.%d.0.1", i))
		c.Want(c.Post("/recovery", "identifier", s.Vera.Phone), "/recovery/code")
		c.Post("/recovery/code", "code", "000000")
	}
	s.Settle()
	if n := s.Count(s.Alexey.Phone, notify.RecoveryAsked); n != 0 {
		t.Errorf("a stranger's starts asked the contact %d times", n)
	}
	s.Advance(24 * time.Hour)
	for i := range 100 {
		c := s.Client().From(fmt.Sprintf("10.%d.0.1", i))
		c.Want(c.Post("/recovery", "identifier", s.Vera.Phone), "/recovery/code")
		s.Settle()
		for _, m := range s.Phones.Messages(s.Vera.Phone) {
			if m.Kind == notify.RecoveryCode && m.Seq > 0 {
				c.Post("/recovery/code", "code", s.Code(s.Vera.Phone, notify.RecoveryCode))
				break
			}
		}
		s.Advance(time.Minute)
	}
	asked := s.Count(s.Alexey.Phone, notify.RecoveryAsked) + s.Count(s.Alexey.Phone, notify.RecoverySecondDevice)
	if asked == 0 || asked > s.Policy.AsksPerDay {
		t.Errorf("the contact was asked %d times, want 1 to %d", asked, s.Policy.AsksPerDay)
	}
	if n := s.count(`SELECT COUNT(id) FROM approvals WHERE contact_id = $1 AND state IN ('asked', 'checked', 'matched', 'flagged')`, s.Alexey.ID); n > 1 {
		t.Errorf("%d requests are open at once", n)
	}
	if n := s.count(`SELECT COUNT(id) FROM recoveries WHERE account_id = $1 AND state IN ('awaiting_contact', 'approved', 'verified')`, s.Vera.ID); n > 1 {
		t.Errorf("%d recoveries are open at once", n)
	}
	// Nothing is ever approved by a tap: the notice leads to five steps, and has no link in the SMS.
	if text := s.Newest(s.Alexey.Phone, notify.RecoveryAsked).Text.Body; strings.Contains(text, "http") {
		t.Errorf("the SMS has a link: %q", text)
	}
}

// A hostile or lazy contact keeps Vera out for a while, never for good: every stuck state has a way on.
func TestT20_EveryStuckStateHasAWayOn(t *testing.T) {
	t.Run("silence ends by itself", func(t *testing.T) {
		s := guarded(t)
		applicant := s.recovering(s.Vera)
		s.Advance(s.Policy.RecoveryWait)
		s.wantState(s.Vera, recovery.Expired)
		s.shows(applicant.Get("/recovery/end"), "центр обслуживания")
		if s.Count(s.Vera.Email, notify.RecoveryExpired) != 1 {
			t.Error("Vera was not told by e-mail")
		}
	})
	t.Run("a no locks for a day", func(t *testing.T) {
		s := guarded(t)
		applicant := s.recovering(s.Vera)
		alexey := s.signedIn(s.Alexey)
		request := alexey.Request()
		alexey.Want(alexey.Post(request+"/reject", "reason", "other"), request)
		s.shows(applicant.Get("/recovery/end"), "центр обслуживания")
		again := s.recovering(s.Vera)
		s.wantState(s.Vera, recovery.LockedOut)
		s.shows(again.Get("/recovery/end"), "центр обслуживания")
		s.Advance(s.Policy.RecoveryLock)
		s.recovering(s.Vera)
		s.wantState(s.Vera, recovery.Awaiting)
	})
	t.Run("a hostile contact is replaced", func(t *testing.T) {
		s := guarded(t)
		vera := s.steppedUp(s.Vera)
		link := s.text(`SELECT id FROM links WHERE principal_id = $1`, s.Vera.ID)
		vera.Want(vera.Post(contactsHome+"/"+link+"/remove", "tell", "later"), contactsHome)
		s.Advance(s.Policy.Leaving)
		applicant := s.recovering(s.Vera)
		s.wantState(s.Vera, recovery.Approved)
		s.finish(applicant, s.Vera)
	})
	t.Run("a contact who cannot", func(t *testing.T) {
		s := guarded(t)
		s.DB.Exec(t, `UPDATE accounts SET citizenship = 'BLR' WHERE id = $1`, s.Alexey.ID)
		applicant := s.recovering(s.Vera)
		s.wantState(s.Vera, recovery.LockedOut)
		s.shows(applicant.Get("/recovery/end"), "центр обслуживания")
		s.DB.Exec(t, `UPDATE accounts SET citizenship = 'RUS' WHERE id = $1`, s.Alexey.ID)
		s.recovering(s.Vera)
		s.wantState(s.Vera, recovery.Awaiting)
	})
	t.Run("a contact who left", func(t *testing.T) {
		s := guarded(t)
		applicant := s.recovering(s.Vera)
		alexey := s.steppedUp(s.Alexey)
		link := s.text(`SELECT id FROM links WHERE principal_id = $1`, s.Vera.ID)
		alexey.Want(alexey.Post(contactsHome+"/"+link+"/resign"), contactsHome)
		s.wantState(s.Vera, recovery.LockedOut)
		s.shows(applicant.Get("/recovery/end"), s.T("recovery.end.left.title"))
		if s.Count(s.Vera.Phone, notify.RecoveryCancelled) != 1 {
			t.Error("Vera was not told that the recovery is over")
		}
	})
	t.Run("a freeze", func(t *testing.T) {
		s := guarded(t)
		vera := s.signedIn(s.Vera)
		vera.Want(vera.Post("/safety/freeze"), "/safety/")
		again := s.Client()
		again.Want(again.Post("/sign-in", "identifier", s.Vera.Phone, "password", apptest.Password), "/sign-in/code")
		again.Want(again.Post("/sign-in/code", "code", s.Code(s.Vera.Phone, notify.SignInCode)), "/safety/frozen")
		s.shows(again.Get("/safety/frozen"), "Как снять заморозку")
	})
}

// A whole day of strangers' starts from everywhere: Vera signs in, and recovers from her own browser.
func TestT21_OwnerIsNotLockedOut(t *testing.T) {
	s := guarded(t)
	home := s.Client().From("95.31.1.1")
	home.Want(home.Post("/sign-in", "identifier", s.Vera.Phone, "password", apptest.Password), "/sign-in/code")
	home.Want(home.Post("/sign-in/code", "code", s.Code(s.Vera.Phone, notify.SignInCode), "remember", "1"), "/settings")
	sent := s.Count(s.Vera.Phone, notify.RecoveryCode)
	for i := range 96 { // every quarter of an hour, and as many wrong passwords
		c := s.Client().From(fmt.Sprintf("10.%d.%d.1", i%7, i))
		c.Want(c.Post("/recovery", "identifier", []string{s.Vera.Phone, s.Vera.Email, s.Vera.SNILS}[i%3]), "/recovery/code")
		for range 5 {
			c.Post("/recovery/code", "code", "000000")
		}
		c.Post("/sign-in", "identifier", s.Vera.Phone, "password", "не тот пароль")
		s.Advance(15 * time.Minute)
	}
	if n := s.Count(s.Vera.Phone, notify.RecoveryCode) - sent; n > s.Policy.CodesPerPhoneDay+1 { // the day's edge
		t.Errorf("strangers made %d codes go to Vera's phone in a day", n)
	}
	for range 30 { // the last burst, just now
		c := s.Client().From("10.200.0.1")
		c.Post("/recovery", "identifier", s.Vera.Phone)
		c.Post("/sign-in", "identifier", s.Vera.Phone, "password", "не тот пароль")
	}
	s.Settle()
	// She signs in from the browser that knows her …
	home.Want(home.Post("/sign-out"), "/sign-in")
	s.Advance(pause)
	home.Want(home.Post("/sign-in", "identifier", s.Vera.Phone, "password", apptest.Password), "/sign-in/code")
	home.Want(home.Post("/sign-in/code", "code", s.Code(s.Vera.Phone, notify.SignInCode)), "/settings")
	// … and recovers from it: a code comes to her phone though the strangers used up theirs.
	before := s.Count(s.Vera.Phone, notify.RecoveryCode)
	home.Want(home.Post("/recovery", "identifier", s.Vera.Phone), "/recovery/code")
	if n := s.Count(s.Vera.Phone, notify.RecoveryCode) - before; n != 1 {
		t.Fatalf("%d codes came to the owner's own browser", n)
	}
	s.Advance(pause)
	home.Want(home.Post("/recovery/code/resend"), "/recovery/code")
	home.Want(home.Post("/recovery/code", "code", s.Code(s.Vera.Phone, notify.RecoveryCode)), "/recovery")
	alexey := s.steppedUp(s.Alexey)
	alexey.Approve(s.Alexey, alexey.Request(), home.Match())
	s.finish(home, s.Vera)
}

// One network area cannot use up the codes of the day: an honest applicant elsewhere still gets one.
func TestT21_OneAreaCannotUseUpTheDay(t *testing.T) {
	s := guarded(t)
	for range 50 {
		c := s.Client().From("10.7.0.1")
		c.Want(c.Post("/recovery", "identifier", s.Vera.Phone), "/recovery/code")
	}
	s.Settle()
	before := s.Count(s.Vera.Phone, notify.RecoveryCode)
	if before != s.Policy.RecoveryCodesHere {
		t.Errorf("one area made %d codes go out, want %d", before, s.Policy.RecoveryCodesHere)
	}
	honest := s.Client().From("95.31.1.1")
	honest.Want(honest.Post("/recovery", "identifier", s.Vera.Phone), "/recovery/code")
	honest.Want(honest.Post("/recovery/code", "code", s.Code(s.Vera.Phone, notify.RecoveryCode)), "/recovery")
	s.wantState(s.Vera, recovery.Awaiting)
}

// Guessing: the tries are counted before anything is compared, and nothing that was muted can be guessed.
func TestT27_GuessingTheCode(t *testing.T) {
	s := guarded(t)
	c := s.Client()
	c.Want(c.Post("/recovery", "identifier", s.Vera.Phone), "/recovery/code")
	code := s.Code(s.Vera.Phone, notify.RecoveryCode)
	for i := range s.Policy.CodeTries {
		a := c.Post("/recovery/code", "code", wrong(code))
		if last := i == s.Policy.CodeTries-1; last != (a.Status == http.StatusSeeOther) {
			t.Errorf("try %d: %d %s", i+1, a.Status, a.Location)
		}
	}
	s.wantState(s.Vera, recovery.LockedOut)
	c.Want(c.Post("/recovery/code", "code", code), "/recovery/end") // the right one comes too late
	s.password(s.Vera, apptest.Password)

	// A hundred starts from everywhere: how many real codes can be tried in all?
	for i := range 100 {
		one := s.Client().From(fmt.Sprintf("10.%d.0.1", i%250))
		one.Want(one.Post("/recovery", "identifier", s.Vera.Phone), "/recovery/code")
	}
	s.Settle()
	sent := s.Count(s.Vera.Phone, notify.RecoveryCode)
	if sent > s.Policy.CodesPerPhoneDay {
		t.Errorf("%d codes were sent in a day", sent)
	}
	// Codes that were never sent are no guess at all: their stored hash belongs to no six digits.
	live := s.count(`SELECT COUNT(id) FROM codes WHERE account_id = $1 AND state = 'live' AND purpose = 'recovery_prove'`, s.Vera.ID)
	guessable := 0
	rows := s.texts(`SELECT bound FROM codes WHERE account_id = $1 AND state = 'live' AND purpose = 'recovery_prove' ORDER BY id LIMIT 7`, s.Vera.ID)
	for _, bound := range rows {
		if s.digitsOf(bound) {
			guessable++
		}
	}
	if guessable > s.Policy.CodesPerPhoneDay-1 {
		t.Errorf("%d of the first %d live codes of %d have six digits that open them", guessable, len(rows), live)
	}
	tries := 2 * s.Policy.CodesPerPhoneDay * s.Policy.CodeTries // strangers' and the owner's own browser's, at most
	t.Logf("%d starts sent %d codes; at most %d guesses a day among 1,000,000: one in %d", 100, sent, tries, 1_000_000/tries)
	if tries > 100 {
		t.Errorf("%d guesses a day", tries)
	}
}
