package journeys

import (
	"net/http"
	"testing"

	"doverie/internal/account"
	"doverie/internal/apptest"
	"doverie/internal/notify"
)

// TestChangeOfPassword: with the repeated check; what is easy to guess is refused in plain words; whoever is signed in
// elsewhere is out at once, and Vera is told on every channel.
func TestChangeOfPassword(t *testing.T) {
	twice(t, func(s *stage) {
		vera, library := s.enter("vera", s.Vera), s.enter("library", s.Vera)
		library.signIn(apptest.Password)
		vera.signIn(apptest.Password)
		vera.Go("/settings/safety/login")
		vera.Press(`main a[href="/settings/safety/password"]`)
		vera.At("/step-up")
		vera.See(s.T("step_up.asked"))
		vera.Fill("password", apptest.NewPassword)
		vera.submit()
		vera.See(s.T("fault.step_up.password"))
		vera.stepUp()
		vera.At("/settings/safety/password")
		vera.See(s.T("security.password.lead"), s.T("security.password.asked"))
		for _, try := range []struct{ old, fresh, why string }{
			{apptest.NewPassword, apptest.NewPassword, s.T("fault.password.old")},
			{apptest.Password, "qwerty123", s.T("password.common")},
			{apptest.Password, "Смирнова 1954", s.T("password.personal")},
			{apptest.Password, "79131234567", s.T("password.personal")},
			{apptest.Password, "окно", s.T("password.too_short", "Min", s.Policy.PasswordMin)},
			{apptest.Password, apptest.Password, s.T("fault.password.same")},
		} {
			vera.fill("old", try.old, "new", try.fresh)
			vera.submit()
			vera.At("/settings/safety/password")
			vera.See(try.why)
		}
		s.told(notify.PasswordChanged, 0, s.Vera.Phone)
		library.Go("/settings/account")
		library.At("/settings/account") // nothing has changed yet

		vera.fill("old", apptest.Password, "new", apptest.NewPassword)
		vera.submit()
		vera.At("/settings/safety/login")
		vera.See(s.T("security.done.password"))
		s.told(notify.PasswordChanged, 1, s.Vera.Phone, s.Vera.Email)
		library.Go("/settings/account")
		library.At("/sign-in")
		if n := s.one(`SELECT COUNT(*) FROM sessions WHERE account_id = $1 AND ended_at IS NULL`, s.Vera.ID); n != "1" {
			t.Errorf("%s sessions live", n)
		}
		library.begin(s.Vera.Phone, apptest.Password)
		library.See(s.T("fault.sign_in.wrong"))
		library.begin(s.Vera.Phone, apptest.NewPassword)
		library.enterCode()
		library.At("/settings/account")
	})
}

const freshEmail = "vera.petrovna@example.test"

// TestChangeOfEmail: the old address is Vera's until the link in the letter to the new one is opened, in whatever browser, and
// its button pressed; then the old address is told too. A link works once, and for a day.
func TestChangeOfEmail(t *testing.T) {
	twice(t, func(s *stage) {
		vera, tablet := s.enter("vera", s.Vera), s.enter("tablet", account.Account{})
		vera.signIn(apptest.Password)
		vera.Press(`main a[href="/settings/account/email"]`)
		vera.stepUp()
		vera.At("/settings/account/email")
		vera.See(account.MaskEmail(s.Vera.Email))
		for typed, why := range map[string]string{"вера@example.test": "fault.email.cyrillic", "vera.example.test": "fault.email.invalid", "Vera@example.test": "fault.email.same"} {
			vera.Fill("email", typed)
			vera.submit()
			vera.See(s.T(why))
			vera.kept("email", typed)
		}
		vera.Fill("email", "vera.petrovna@example.tset") // mistyped, and corrected
		vera.submit()
		vera.See(s.T("account.email.sent.title"))
		mistyped := s.LinkPath("vera.petrovna@example.tset", notify.EmailVerifyLink)
		link := vera.asksFor(freshEmail)
		tablet.dead(mistyped)
		s.told(notify.EmailChanged, 0, s.Vera.Email, s.Vera.Phone)

		tablet.Go(link)
		tablet.See(account.MaskEmail(freshEmail), s.T("account.email.verify.not_you"))
		tablet.SeeNot(freshEmail, "Вера")
		if got := s.one(`SELECT email FROM accounts WHERE id = $1`, s.Vera.ID); got != s.Vera.Email {
			t.Errorf("opening a link, as programs do, made %s the address", got)
		}
		tablet.submit()
		tablet.See(s.T("account.email.done.title"))
		if got := s.one(`SELECT email FROM accounts WHERE id = $1`, s.Vera.ID); got != freshEmail {
			t.Errorf("the address is %s", got)
		}
		s.told(notify.EmailChanged, 1, s.Vera.Email, freshEmail, s.Vera.Phone)
		tablet.dead(link)
		tablet.Press(`main a.button`) // and the page leads on
		tablet.At("/")
		vera.Go("/settings/account")
		vera.See(account.MaskEmail(freshEmail))
		tablet.begin(s.Vera.Email, apptest.Password) // no longer hers
		tablet.See(s.T("fault.sign_in.wrong"))

		late := vera.asksFor("vera.late@example.test")
		s.Advance(s.Policy.EmailLinkTTL)
		tablet.dead(late)
		vera.signIn(apptest.Password)
		taken := vera.asksFor(s.Alexey.Email) // said only to whoever holds that mailbox
		tablet.Go(taken)
		tablet.submit()
		tablet.See(s.T("fault.email.taken.title"), s.T("fault.email.taken"))
		s.told(notify.EmailChanged, 1, s.Vera.Email, freshEmail, s.Vera.Phone)
	})
}

// asksFor wishes for an address and returns the link in its letter.
func (a *actor) asksFor(email string) (link string) {
	a.s.t.Helper()
	a.home("/settings/account/email")
	a.Fill("email", email)
	a.submit()
	a.At("/settings/account/email/sent")
	a.See(a.s.T("account.email.sent.title"))
	return a.s.LinkPath(email, notify.EmailVerifyLink)
}

// dead opens a link of a letter that works no longer, and reads what to do.
func (a *actor) dead(link string) {
	a.s.t.Helper()
	if status := a.Go(link); status != http.StatusNotFound {
		a.s.t.Errorf("status %d", status)
	}
	a.See(a.s.T("fault.email.link.title"), a.s.T("fault.email.link"))
	if a.Exists(`main form`) {
		a.s.t.Error("a dead link still has a button")
	}
}
