package journeys

import (
	"regexp"
	"testing"
	"time"

	"doverie/internal/account"
	"doverie/internal/apptest"
	"doverie/internal/notify"
	"doverie/internal/recovery"
)

var (
	stopCodes = regexp.MustCompile(`\d{4}-\d{4}`)
	addresses = regexp.MustCompile(`(?i)https?:|www\.|[a-z0-9-]+\.(ru|com|test|org)\b|127\.0\.0\.1|localhost`)
)

// stopCode reads the stop code of the newest SMS of a kind, which leads to no address.
func (s *stage) stopCode(phone string, kind notify.Kind) string {
	s.t.Helper()
	text := s.Newest(phone, kind).Text.Body
	if at := addresses.FindString(text); at != "" {
		s.t.Errorf("the SMS leads to %q: %s", at, text)
	}
	code := stopCodes.FindString(text)
	if code == "" {
		s.t.Fatalf("no stop code in %q", text)
	}
	return code
}

// notMe types a stop code on the page that the SMS names, found from the front page as a reader of the SMS would.
func (a *actor) notMe(code, do string) {
	a.s.t.Helper()
	a.Go("/recovery")
	a.Press(`main a[href="/safety/not-me"]`)
	a.Fill("identifier", a.who.Phone)
	a.Fill("stop_code", code)
	a.Press(`main form[action="/safety/not-me"] button[value="` + do + `"]`)
	a.At("/safety/not-me/done")
	a.See(a.s.T("safety.stopped.code.title"), a.s.T("safety.after.hang_up"))
}

// TestNotMeByTheStopCodeOfAnSMS: Vera reads an SMS, opens the page it names, types the code in it. The stranger is stopped,
// his page says so, her contact is told. With the same code she freezes everything.
func TestNotMeByTheStopCodeOfAnSMS(t *testing.T) {
	twice(t, func(s *stage) {
		s.linked()
		criminal, vera, alexey := s.enter("criminal", s.Vera), s.enter("vera", s.Vera), s.enter("alexey", s.Alexey)
		criminal.startRecovery()
		criminal.At("/recovery/wait")
		code := s.stopCode(s.Vera.Phone, notify.RecoveryAttempt)

		// A six-digit code typed here by mistake is not taken, and a wrong stop code gets the same answer as a right one.
		vera.Go("/safety/not-me")
		vera.Fill("identifier", s.Vera.Phone)
		vera.Fill("stop_code", "123456")
		vera.Press(`main button[value="stop"]`)
		vera.See(s.T("safety.not_me.code.wrong"))
		vera.notMe("0000-0001", "stop")
		if got := s.state(); got != recovery.Awaiting {
			t.Fatalf("a wrong stop code left it %s", got)
		}

		vera.notMe(code, "stop")
		if got := s.state(); got != recovery.Disowned {
			t.Fatalf("state %s", got)
		}
		s.told(notify.RecoveryDisowned, 1, s.Vera.Phone, s.Vera.Email, s.Alexey.Phone, s.Alexey.Email)
		criminal.Go("/recovery")
		criminal.See(s.T("recovery.end.disowned.title"), s.T("recovery.end.kept"))
		alexey.signIn(apptest.Password)
		alexey.Go("/approvals")
		alexey.Press(`main .rows a[href^="/approvals/"], main li a[href^="/approvals/"]`)
		alexey.See(s.T("approvals.result.closed.disowned"))

		vera.notMe(code, "freeze")
		s.told(notify.AccountFrozen, 1, s.Vera.Phone, s.Vera.Email)
		if got := s.accountState(s.Vera.ID); got != account.Frozen {
			t.Fatalf("the account is %s", got)
		}
		vera.signIn(apptest.Password)
		vera.At("/safety/frozen")
		vera.See(s.T("safety.frozen.title"), s.T("safety.frozen.pressed"))
	})
}

// TestNotMeByTheLinkOfALetter: the link in the letter does nothing by being opened; one button stops the stranger.
func TestNotMeByTheLinkOfALetter(t *testing.T) {
	twice(t, func(s *stage) {
		s.linked()
		criminal, vera := s.enter("criminal", s.Vera), s.enter("vera", s.Vera)
		criminal.startRecovery()
		vera.Go(s.LinkPath(s.Vera.Email, notify.RecoveryAttempt))
		vera.See(s.T("safety.link.title"), s.T("safety.link.which.stop"), s.T("safety.link.which.freeze"))
		if got := s.state(); got != recovery.Awaiting {
			t.Fatalf("opening the link left it %s", got)
		}
		vera.Press(`main button[value="stop"]`)
		vera.At("/safety/stopped")
		vera.See(s.T("safety.stopped.title"), s.T("safety.stopped"))
		if got := s.state(); got != recovery.Disowned {
			t.Fatalf("state %s", got)
		}
		criminal.Go("/recovery")
		criminal.See(s.T("recovery.end.disowned.title"))
		// Locked for a day: another start proves itself and gets nowhere.
		criminal.Go("/recovery?new=1")
		criminal.Fill("identifier", s.Vera.Phone)
		criminal.submit()
		s.Advance(s.Policy.CodeResend)
		criminal.Fill("code", s.Code(s.Vera.Phone, notify.RecoveryCode))
		criminal.submit()
		criminal.See(s.T("recovery.end.locked.title"))
		// The link of a letter four days old is over, and the page says so.
		link := s.LinkPath(s.Vera.Email, notify.RecoveryAttempt)
		s.Advance(s.Policy.NoticeLinkTTL)
		vera.Go(link)
		vera.See(s.T("fault.recovery.link_expired"))
	})
}

// recovered recovers Vera's access with Alexey's approval, without a browser: where a journey is about what comes after.
func (s *stage) recovered() {
	s.t.Helper()
	applicant, contact := s.Client(), s.Client()
	contact.SignIn(s.Alexey, apptest.Password)
	applicant.Want(applicant.Get(applicant.StartRecovery(s.Vera)), "/recovery/wait")
	contact.Approve(s.Alexey, contact.Request(), applicant.Match())
	applicant.FinishRecovery(s.Vera, apptest.NewPassword)
	if got := s.state(); got != recovery.Completed {
		s.t.Fatalf("state %s", got)
	}
}

// TestOneTapFreezesAfterACompletedRecovery: a deceived contact said yes, and a stranger has the new password. The letter of
// the owner and the cabinet of the contact each freeze with one tap, and no page says that the password is the old one.
func TestOneTapFreezesAfterACompletedRecovery(t *testing.T) {
	twice(t, func(s *stage) {
		s.linked()
		s.recovered()
		thief, vera, alexey := s.enter("thief", s.Vera), s.enter("vera", s.Vera), s.enter("alexey", s.Alexey)
		thief.signIn(apptest.NewPassword)
		thief.At("/settings/account")

		vera.Go(s.LinkPath(s.Vera.Email, notify.RecoveryCompleted))
		vera.See(s.T("safety.link.done.title"), s.T("safety.link.done.you"))
		vera.SeeNot(s.T("safety.stopped"))
		if vera.Exists(`main button[value="stop"]`) {
			t.Error("it offers to stop what is over")
		}
		vera.Press(`main button[value="freeze"]`)
		vera.At("/safety/stopped/frozen")
		vera.See(s.T("safety.stopped.frozen.title"))
		thief.Go("/settings/account")
		thief.At("/sign-in")
		s.told(notify.AccountFrozen, 1, s.Vera.Phone, s.Vera.Email)

		// The desk lifts it; nothing but «stop» with the code of the SMS freezes again, because nothing less would help.
		s.thawed()
		vera.notMe(s.stopCode(s.Vera.Phone, notify.RecoveryCompleted), "stop")
		if got := s.accountState(s.Vera.ID); got != account.Frozen {
			t.Errorf("after the stop code the account is %s", got)
		}

		// And the contact, who calls her again and hears the truth, finds the button where his message says.
		s.thawed()
		alexey.signIn(apptest.Password)
		alexey.Go("/approvals")
		alexey.Press(`main .rows a[href^="/approvals/"], main li a[href^="/approvals/"]`)
		alexey.See(s.T("approvals.result.approved"))
		alexey.Press(`main a[href$="/freeze"]`)
		alexey.See(s.T("approvals.freeze.sign_in"), s.T("approvals.freeze.kept"))
		alexey.Press(`main form[method=post] button`)
		alexey.See(s.T("approvals.result.frozen"))
		if got := s.accountState(s.Vera.ID); got != account.Frozen {
			t.Errorf("after the contact's tap the account is %s", got)
		}

		s.thawed()
		s.Advance(s.Policy.Hold) // the danger is over: what happened then is no reason any more
		alexey.home("/approvals")
		alexey.Press(`main .rows a[href^="/approvals/"], main li a[href^="/approvals/"]`)
		if alexey.Exists(`main a[href$="/freeze"]`) {
			t.Error("after the hold the contact may still freeze")
		}
	})
}

// thawed lifts Vera's freeze at a desk.
func (s *stage) thawed() {
	s.t.Helper()
	s.Clock.Advance(time.Minute)
	if err := s.Protect.ThawInPerson(s.t.Context(), actOfTests, s.Vera.ID); err != nil {
		s.t.Fatal(err)
	}
}

// TestAFreezeIsLiftedAlone: Vera has no contact. She freezes her account herself, signs in, and reads from when she can
// lift it; not before. Each channel is told of both.
func TestAFreezeIsLiftedAlone(t *testing.T) {
	twice(t, func(s *stage) {
		vera := s.enter("vera", s.Vera)
		vera.signIn(apptest.Password)
		vera.Go("/settings/safety/login")
		vera.Press(`main a[href="/safety/freeze"]`)
		vera.See(s.T("safety.freeze.lead"), s.T("safety.freeze.lift.person"), s.T("safety.freeze.lift.alone", "Alone", s.Policy.UnfreezeAlone))
		vera.Press(`main form[action="/safety/freeze"] button`)
		vera.At("/safety/stopped/frozen")
		since := s.Clock.Now()
		s.told(notify.AccountFrozen, 1, s.Vera.Phone, s.Vera.Email)

		vera.Click(s.T("safety.stopped.frozen.sign_in"))
		vera.prove(apptest.Password)
		vera.At("/safety/frozen")
		vera.See(s.T("safety.frozen.kept"), s.T("safety.frozen.person"), s.T("safety.frozen.pressed"),
			s.T("safety.frozen.lift.later", "From", s.words.DateTimeZone(since.Add(s.Policy.UnfreezeAlone))))
		vera.look("alone")
		if vera.Exists(`form[action="/safety/unfreeze"]`) {
			t.Error("lifting is offered before its time")
		}
		s.Advance(s.Policy.UnfreezeAlone - time.Hour)
		vera.signIn(apptest.Password)
		vera.At("/safety/frozen")
		if vera.Exists(`form[action="/safety/unfreeze"]`) {
			t.Error("lifting is offered an hour before its time")
		}
		// Whoever sends the form all the same is refused in plain words.
		forger := s.Client()
		forger.SignIn(s.Vera, apptest.Password)
		forger.Want(forger.Post("/step-up", "password", apptest.Password, "next", "/safety/frozen"), "/step-up/code")
		s.Clock.Advance(s.Policy.CodeResend)
		forger.Want(forger.Post("/step-up/code", "code", s.Code(s.Vera.Phone, notify.StepUpCode), "next", "/safety/frozen"), "/safety/frozen")
		if a := forger.Post("/safety/unfreeze"); a.Status != 422 {
			t.Errorf("an hour early: %d", a.Status)
		}
		if got := s.accountState(s.Vera.ID); got != account.Frozen {
			t.Fatalf("the account is %s", got)
		}
		s.told(notify.AccountThawed, 0, s.Vera.Phone, s.Vera.Email)

		s.Advance(time.Hour)
		vera.signIn(apptest.Password)
		vera.At("/safety/frozen")
		vera.See(s.T("safety.frozen.lift.now"))
		vera.look("ready")
		vera.Press(`main form[action="/safety/unfreeze"] button`)
		vera.At("/step-up") // password and code once more
		vera.stepUp()
		vera.At("/safety/frozen")
		vera.See(s.T("safety.frozen.proved"))
		vera.Press(`main form[action="/safety/unfreeze"] button`)
		vera.See(s.T("safety.thawed.title"))
		s.told(notify.AccountThawed, 1, s.Vera.Phone, s.Vera.Email)
		vera.Press(`main form[action="/sign-out"] button`)
		vera.signIn(apptest.Password)
		vera.At("/settings/account")
	})
}
