package journeys

import (
	"strings"
	"testing"
	"time"

	"doverie/internal/apptest"
	"doverie/internal/notify"
)

// again proves password and code once more with the new password, where the page asks for it.
func (a *actor) again() {
	a.s.t.Helper()
	if !strings.HasPrefix(a.Path(), "/step-up") {
		return
	}
	a.Fill("password", apptest.NewPassword)
	a.submit()
	a.At("/step-up/code")
	a.Fill("code", a.s.Code(a.who.Phone, notify.StepUpCode))
	a.submit()
}

// opens goes to a page of the cabinet, through the repeated check.
func (a *actor) opens(path string) {
	a.s.t.Helper()
	a.Go(path)
	a.again()
	a.At(path)
}

// TestNothingPlantedSurvivesARecovery: a thief sits in Vera's account. He has signed in on two devices, is remembered,
// waits for another phone and another e-mail, and has invited an accomplice. A completed recovery takes all of it away.
func TestNothingPlantedSurvivesARecovery(t *testing.T) {
	twice(t, func(s *stage) {
		s.linked()
		thief, accomplice := s.enter("thief", s.Vera), s.enter("maria", s.Maria)
		thief.Go("/sign-in")
		thief.Fill("identifier", s.Vera.Phone)
		thief.Fill("password", apptest.Password)
		thief.submit()
		thief.Fill("code", s.Code(s.Vera.Phone, notify.SignInCode))
		thief.Choose("remember", "yes")
		thief.submit()
		thief.home("/settings/account/phone")
		thief.Fill("phone", "8 (913) 000-00-66")
		thief.submit()
		thief.See(s.T("guards.waiting.title"))
		thief.home("/settings/account/email")
		thief.Fill("email", "thief@example.test")
		thief.submit()
		letter := s.LinkPath("thief@example.test", notify.EmailVerifyLink)
		thief.home(contactsHome + "/add")
		thief.Fill("name", s.Maria.Given)
		thief.Fill("phone", s.Maria.Phone)
		thief.submit()
		accomplice.signIn(apptest.Password)
		accomplice.Go(contactsHome)
		accomplice.Press(`main a[href^="/invitations/"]`)
		invitation := accomplice.Path()
		tablet := s.Client()
		s.Advance(s.Policy.CodeResend)
		tablet.SignIn(s.Vera, apptest.Password)

		s.recovered()

		if s.way.script { // a page that was open notices nothing by itself; the next step does
			thief.See(s.T("contacts.sent.title"))
		}
		thief.Go("/settings/account")
		thief.At("/sign-in")
		if a := tablet.Get("/settings/account"); !strings.HasPrefix(a.Location, "/sign-in") {
			t.Errorf("the second device is led to %q (%d)", a.Location, a.Status)
		}
		thief.Go(letter)
		if thief.Exists(`main form button`) && !thief.Exists(`main form[action="/recovery"]`) {
			t.Errorf("the letter to the thief's address still offers to confirm it: %s", thief.TextOf("h1"))
		}
		accomplice.Go(invitation)
		if accomplice.Exists(`main a[href$="/accept"]`) {
			t.Error("the invitation can still be accepted")
		}
		accomplice.Go(contactsHome)
		accomplice.SeeNot(s.T("contacts.home.invited_open"))
		for what, n := range map[string]int{
			"live sessions":      s.number(`SELECT COUNT(id) FROM sessions WHERE account_id = $1 AND ended_at IS NULL`, s.Vera.ID),
			"remembered devices": s.number(`SELECT COUNT(id) FROM devices WHERE account_id = $1 AND ended_at IS NULL`, s.Vera.ID),
			"open actions":       s.number(`SELECT COUNT(id) FROM guarded_actions WHERE account_id = $1 AND ended_at IS NULL`, s.Vera.ID),
			"invitations":        s.number(`SELECT COUNT(id) FROM links WHERE principal_id = $1 AND state = 'invited'`, s.Vera.ID),
		} {
			if n != 0 {
				t.Errorf("%s: %d", what, n)
			}
		}
		if email := s.one(`SELECT email FROM accounts WHERE id = $1`, s.Vera.ID); email != s.Vera.Email {
			t.Errorf("the e-mail is %q", email)
		}
		vera := s.enter("vera", s.Vera)
		vera.signIn(apptest.NewPassword)
		vera.At("/settings/account")
		vera.Go("/settings/account/phone/change")
		vera.SeeNot(s.T("guards.waiting.title"))
		vera.Go(contactsHome)
		vera.See("Алексей", s.T("contacts.badge.active")) // the one who guards her is still there
		vera.SeeNot(s.T("contacts.badge.invited"))
	})
}

// TestTheHoldClosesAndOpens: for 72 hours after a recovery phone, e-mail, contacts and second factor stay as they are. Each
// page says so, and until when; then all of it is open again.
func TestTheHoldClosesAndOpens(t *testing.T) {
	twice(t, func(s *stage) {
		s.linked()
		s.recovered()
		until := s.Clock.Now().Add(s.Policy.Hold)
		closed := s.T("fault.hold", "Until", s.words.DateTime(until))
		vera := s.enter("vera", s.Vera)
		vera.signIn(apptest.NewPassword)
		vera.opens("/settings/account/phone")
		vera.See(s.words.DateTime(until))
		if vera.Exists(`main input[name=phone]`) {
			t.Error("the phone can be changed")
		}
		vera.look("held")
		vera.opens("/settings/account/email")
		vera.See(s.words.DateTime(until))
		vera.look("held")
		if vera.Exists(`main input[name=email]`) {
			t.Error("the e-mail can be changed")
		}
		vera.opens(contactsHome)
		vera.See(closed)
		vera.look("held")
		if vera.Exists(`main a[href$="/add"]`) {
			t.Error("a contact can be added")
		}
		vera.opens(contactsHome + "/add") // by its address
		vera.See(closed)
		vera.opens(contactsHome)
		if vera.Exists(`main a[href$="/remove"]`) {
			t.Error("a removal is offered")
		}
		vera.opens(contactsHome + "/" + s.one(`SELECT id FROM links WHERE state = 'active'`) + "/remove")
		vera.See(closed)
		if vera.Exists(`main form`) {
			t.Error("a contact can be removed by the address of the page")
		}
		vera.opens("/settings/safety/login")
		vera.See(s.words.DateTime(until))
		if n := s.number(`SELECT COUNT(id) FROM links WHERE state = 'active'`); n != 1 {
			t.Errorf("%d links guard", n)
		}

		s.Advance(s.Policy.Hold - time.Minute)
		vera.signIn(apptest.NewPassword)
		vera.opens(contactsHome)
		vera.See(closed)

		s.Advance(time.Minute)
		vera.opens(contactsHome)
		vera.SeeNot(closed)
		vera.opens(contactsHome + "/add")
		if !vera.Exists(`main input[name=phone]`) {
			t.Error("no contact can be added after the hold")
		}
		vera.opens("/settings/account/phone")
		if !vera.Exists(`main input[name=phone]`) {
			t.Error("the phone cannot be changed after the hold")
		}
		vera.opens("/settings/account/email")
		vera.Fill("email", "other@example.test")
		vera.submit()
		vera.At("/settings/account/email/sent")
		vera.opens("/settings/safety/totp")
		vera.SeeNot(closed)
	})
}
