package journeys

import (
	"testing"
	"time"

	"doverie/internal/apptest"
	"doverie/internal/notify"
	"doverie/internal/recovery"
)

// TestASecondDeviceAndTheOwnersSignIn: a second device proves itself, and the first one reads that it is over there. The
// contact reads of both. Then the owner remembers her password after all, signs in and answers «was it you?».
func TestASecondDeviceAndTheOwnersSignIn(t *testing.T) {
	twice(t, func(s *stage) {
		s.linked()
		first, second, alexey, vera := s.enter("first", s.Vera), s.enter("second", s.Vera), s.enter("alexey", s.Alexey), s.enter("vera", s.Vera)
		first.startRecovery()
		first.At("/recovery/wait")
		alexey.signIn(apptest.Password)
		alexey.openRequest()
		older := alexey.Path()

		s.Advance(s.Policy.CodeResend)
		second.Go("/recovery")
		second.Fill("identifier", s.Vera.Phone)
		second.submit()
		if got := s.number(`SELECT COUNT(id) FROM recoveries WHERE state = 'awaiting_contact'`); got != 1 {
			t.Errorf("%d wait before the second proved itself", got)
		}
		first.Go("/recovery")
		first.At("/recovery/wait") // a start alone disturbs nobody
		second.Fill("code", s.Code(s.Vera.Phone, notify.RecoveryCode))
		second.submit()
		second.At("/recovery/wait")
		if s.way.script {
			first.WaitFor(s.T("recovery.end.superseded.title"))
		}
		first.Go("/recovery")
		first.At("/recovery/end")
		first.See(s.T("recovery.end.superseded.title"), s.T("recovery.end.superseded"), s.T("recovery.end.superseded.alarm"), s.T("safety.not_me.link"))
		s.told(notify.RecoverySecondDevice, 1, s.Alexey.Phone, s.Alexey.Email)
		alexey.Go(older)
		alexey.See(s.T("approvals.result.closed.superseded"))
		alexey.openRequest()
		alexey.See(s.T("approvals.ask.second_title"), s.T("approvals.ask.second"))
		alexey.look("second device")
		if alexey.Path() == older {
			t.Error("the new request is the old one")
		}

		vera.signIn(apptest.Password)
		vera.At("/safety/alarm")
		vera.See(s.T("safety.alarm.question"), s.T("safety.state.awaiting"), s.T("safety.alarm.both", "Lock", s.words.Duration(s.Policy.RecoveryLock)))
		if got := s.state(); got != recovery.Awaiting {
			t.Fatalf("the sign-in alone left it %s", got)
		}
		vera.Press(`main form[action="/safety/was-me"] button`)
		vera.See(s.T("safety.alarm.was_me.done"))
		if got := s.state(); got != recovery.Cancelled {
			t.Fatalf("state %s", got)
		}
		second.Go("/recovery")
		second.See(s.T("recovery.end.signed_in.title"), s.T("recovery.end.signed_in"), s.T("safety.not_me.link"))
		alexey.Go("/approvals")
		alexey.See(s.T("approvals.list.none_open"))
		// It was she, so nothing is locked.
		s.Advance(s.Policy.CodeResend)
		third := s.enter("third", s.Vera)
		third.startRecovery()
		third.At("/recovery/wait")
	})
}

// TestNoCascade: whoever takes over the contact must not take over his principal the next minute. While Alexey's own access
// is freshly recovered he cannot approve: Vera is led to a desk at first, later she waits and both read from when he can.
func TestNoCascade(t *testing.T) {
	twice(t, func(s *stage) {
		s.linked()
		own := s.Client()
		own.StartRecovery(s.Alexey) // nobody guards him: his code is enough
		own.FinishRecovery(s.Alexey, apptest.NewPassword)
		able := s.Clock.Now().Add(s.Policy.NoCascade)

		applicant, alexey := s.enter("applicant", s.Vera), s.enter("alexey", s.Alexey)
		applicant.startRecovery()
		applicant.At("/recovery/end")
		applicant.See(s.T("recovery.end.nobody.title"), s.T("recovery.end.nobody"), s.T("recovery.person.title"), s.T("recovery.person.bring"))
		if n := s.number(`SELECT COUNT(id) FROM approvals`); n != 0 {
			t.Errorf("%d requests to a contact who cannot approve", n)
		}
		alexey.signIn(apptest.NewPassword)
		alexey.Go("/approvals")
		alexey.See(s.T("approvals.list.empty"))

		s.Advance(s.Policy.NoCascade - s.Policy.RecoveryWait/2)
		again := s.enter("again", s.Vera)
		again.startRecovery()
		again.At("/recovery/wait")
		again.See(s.T("recovery.wait.able", "From", s.words.DateTimeZone(able)))
		again.look("later")
		match := again.match()
		alexey.signIn(apptest.NewPassword)
		alexey.openRequest()
		request := alexey.Path()
		alexey.See(s.T("approvals.ask.unable"), s.T("reason.recent_change"), s.T("approvals.ask.able_from", "From", s.words.DateTime(able)), s.T("approvals.ask.unable_then"))
		alexey.look("unable")
		for _, step := range []string{"/questions", "/match", "/confirm"} {
			alexey.Go(request + step)
			alexey.again()
			alexey.See(s.T("approvals.ask.unable"))
			if alexey.Exists(`input[name=q1], input[name=number], input[name=code]`) {
				t.Errorf("%s is open to a contact who cannot approve", step)
			}
		}
		if got := s.state(); got != recovery.Awaiting {
			t.Fatalf("state %s", got)
		}

		s.Advance(able.Sub(s.Clock.Now()) + time.Minute)
		alexey.signIn(apptest.NewPassword)
		alexey.approve(match)
		again.finish()
	})
}

// TestRecoveryByMail: nobody has confirmed Vera's number for a year, so it proves nothing. The code comes by e-mail, and her
// SNILS is asked for as well; her contact decides as always, and the second code comes by e-mail too.
func TestRecoveryByMail(t *testing.T) {
	twice(t, func(s *stage) {
		s.linked()
		alexey, applicant := s.enter("alexey", s.Alexey), s.enter("applicant", s.Vera)
		alexey.signIn(apptest.Password) // his own number is confirmed
		s.Advance(66 * 24 * time.Hour)
		sms := s.Count(s.Vera.Phone, notify.RecoveryCode)

		applicant.Go("/recovery")
		applicant.Fill("identifier", s.Vera.Email)
		applicant.submit()
		applicant.At("/recovery/code")
		applicant.See(s.T("recovery.code.lead"))
		code := s.Code(s.Vera.Email, notify.RecoveryCode)
		if got := s.Count(s.Vera.Phone, notify.RecoveryCode); got != sms {
			t.Error("a code went to a number that is nobody's any more, perhaps")
		}
		applicant.Fill("code", code)
		applicant.submit() // without the SNILS: the page opens the place for it
		applicant.At("/recovery/code")
		applicant.See(s.T("recovery.code.by_mail.why"))
		applicant.look("by mail")
		applicant.Fill("code", code)
		applicant.Fill("snils", s.Alexey.SNILS)
		applicant.submit()
		applicant.At("/recovery/code") // somebody else's
		applicant.Fill("code", code)
		applicant.Fill("snils", s.Vera.SNILS)
		applicant.submit()
		applicant.At("/recovery/wait")
		s.told(notify.RecoveryAsked, 1, s.Alexey.Phone)

		alexey.signIn(apptest.Password)
		alexey.approve(applicant.match())
		applicant.Go("/recovery")
		applicant.At("/recovery/finish")
		applicant.submit()
		applicant.See(s.T("recovery.finish.does_email"))
		applicant.Fill("code", s.Code(s.Vera.Email, notify.RecoveryFinishCode))
		applicant.submit()
		applicant.At("/recovery/password")
		applicant.Fill("password", apptest.NewPassword)
		applicant.submit()
		applicant.See(s.T("recovery.done.title"))
		if got := s.state(); got != recovery.Completed {
			t.Fatalf("state %s", got)
		}
		s.told(notify.RecoveryCompleted, 1, s.Vera.Email, s.Alexey.Phone)
	})
}
