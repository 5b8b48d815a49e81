package journeys

import (
	"context"
	"testing"
	"time"

	"doverie/internal/account"
	"doverie/internal/apptest"
	"doverie/internal/apptest/browser"
	"doverie/internal/effect"
	"doverie/internal/notify"
	"doverie/internal/recovery"
	"doverie/internal/store"
)

func TestMain(m *testing.M) { browser.Main(m) }

var actOfTests = effect.Act{Actor: effect.Person, Area: "127.0.0.0/16", Device: "Chrome, Linux"}

// one returns the one text a query gives.
func (s *stage) one(query string, args ...any) (text string) {
	s.t.Helper()
	err := s.Store.Read(s.t.Context(), func(ctx context.Context, q store.Querier) error {
		return q.QueryRow(ctx, query, args...).Scan(&text)
	})
	if err != nil {
		s.t.Fatalf("%s: %v", query, err)
	}
	return text
}

// The letter's story, in the letter's order, by the letter's addresses.
func TestStory(t *testing.T) {
	each(t, func(s *stage) {
		vera, alexey := s.enter("vera", s.Vera), s.enter("alexey", s.Alexey)
		vera.signIn(apptest.Password)
		vera.picture("profile")
		vera.appoint("Алексей", "8 (913) 987-65-43")
		s.Settle()
		if s.Count(s.Alexey.Phone, notify.TrustInvited) != 1 {
			t.Error("the invited person was not told")
		}
		alexey.signIn(apptest.Password)
		alexey.accept()
		vera.Go("/settings/safety/trusted-contacts")
		vera.See("Алексей")
		vera.picture("contacts")

		// The password is forgotten a day later; another browser.
		s.Advance(s.Policy.Settling + time.Minute)
		applicant := s.enter("applicant", s.Vera)
		applicant.Go("/recovery")
		applicant.picture("recovery-start")
		applicant.startRecovery()
		applicant.At("/recovery/wait")
		applicant.See("Алексе")
		applicant.picture("waiting")
		if got := s.state(); got != recovery.Awaiting {
			t.Fatalf("state %s", got)
		}
		s.Settle()
		if s.Count(s.Alexey.Phone, notify.RecoveryAsked) != 1 || s.Count(s.Vera.Email, notify.RecoveryAttempt) != 1 {
			t.Error("the contact or the principal was not told")
		}
		// Before the contact's word nothing leads to a new password.
		applicant.Go("/recovery/password")
		applicant.At("/recovery/wait")

		alexey.signIn(apptest.Password) // a day has passed: his session is over
		alexey.approve(applicant.match())
		applicant.finish()
		applicant.See(s.T("recovery.done.title"))
		if got := s.state(); got != recovery.Completed {
			t.Fatalf("state %s", got)
		}
		// Nobody is signed in by a recovery; the old password is dead, the new one works, the second factor stayed.
		applicant.Go("/settings/account")
		applicant.At("/sign-in")
		applicant.Fill("identifier", s.Vera.Phone)
		applicant.Fill("password", apptest.Password)
		applicant.submit()
		applicant.At("/sign-in")
		applicant.See(s.T("fault.sign_in.wrong"))
		applicant.prove(apptest.NewPassword)
		applicant.At("/settings/account")
		// The hold keeps contacts as they are.
		applicant.Go("/settings/safety/trusted-contacts")
		if applicant.Exists(`a[href$="/add"]`) {
			t.Error("contacts can be added during the hold")
		}
		applicant.Go("/settings/safety/events")
		applicant.picture("history")
		if s.Count(s.Alexey.Phone, notify.RecoveryCompleted) != 1 || s.Count(s.Vera.Email, notify.RecoveryCompleted) != 1 {
			t.Error("the completion was not told to both")
		}
	})
}

func TestDecline(t *testing.T) {
	each(t, func(s *stage) {
		vera, alexey := s.enter("vera", s.Vera), s.enter("alexey", s.Alexey)
		vera.signIn(apptest.Password)
		vera.appoint("Алексей", s.Alexey.Phone)
		alexey.signIn(apptest.Password)
		alexey.Go("/settings/safety/trusted-contacts")
		alexey.Press(`main a[href^="/invitations/"]`)
		alexey.Press(`main a[href$="/decline"]`)
		alexey.Press(`main form[method=post] button`)
		vera.Go("/settings/safety/trusted-contacts")
		vera.See(s.T("contacts.home.empty"))
		if kept := s.one(`SELECT label FROM links WHERE principal_id = $1`, s.Vera.ID); kept != "" {
			t.Errorf("after the decline %q is kept of the invited person", kept)
		}
	})
}

func TestFraudFreezeLifted(t *testing.T) {
	each(t, func(s *stage) {
		s.linked()
		criminal, alexey := s.enter("criminal", s.Vera), s.enter("alexey", s.Alexey)
		criminal.startRecovery()
		criminal.At("/recovery/wait")
		alexey.signIn(apptest.Password)
		alexey.openRequest()
		alexey.Press(`main a[href$="/reject"]`)
		alexey.Choose("reason", "fraud")
		alexey.Press(`main form[method=post] button`)
		alexey.See(s.T("approvals.result.rejected"))
		alexey.picture("rejected")
		alexey.Press(`main a[href$="/freeze"]`)
		alexey.Press(`main form[method=post] button`)
		alexey.See(s.T("approvals.result.frozen"))
		criminal.Go("/recovery")
		criminal.At("/recovery/end")
		criminal.See(s.T("recovery.end.rejected.title"))
		if s.Count(s.Vera.Phone, notify.AccountFrozen) != 1 || s.Count(s.Vera.Phone, notify.RecoveryFraud) != 1 {
			t.Error("the principal was not told")
		}

		// Vera comes home: she signs in, sees only the page that says so, and asks to lift it.
		vera := s.enter("vera", s.Vera)
		vera.signIn(apptest.Password)
		vera.At("/safety/frozen")
		vera.picture("frozen")
		vera.Go("/settings/safety/trusted-contacts")
		vera.At("/safety/frozen")
		vera.Press(`main form[action="/safety/unfreeze"] button`)
		if vera.stepUp(); vera.Exists(`main form[action="/safety/unfreeze"] button`) {
			vera.Press(`main form[action="/safety/unfreeze"] button`)
		}
		alexey.approve(vera.match())
		s.Settle()
		if got := s.accountState(s.Vera.ID); got != account.Open {
			t.Fatalf("the account is %s", got)
		}
		vera.Go("/safety/frozen")
		vera.Press(`main form[action="/sign-out"] button`)
		vera.signIn(apptest.Password)
		vera.At("/settings/account")
	})
}

func (s *stage) accountState(id string) account.State {
	s.t.Helper()
	a, err := s.Store.Account(s.t.Context(), id)
	if err != nil {
		s.t.Fatal(err)
	}
	return a.State
}

func TestSilenceExpires(t *testing.T) {
	each(t, func(s *stage) {
		s.linked()
		applicant, alexey := s.enter("applicant", s.Vera), s.enter("alexey", s.Alexey)
		applicant.startRecovery()
		s.Advance(s.Policy.RecoveryWait)
		if s.way.script {
			applicant.WaitFor(s.T("recovery.end.expired.title"))
		}
		applicant.Go("/recovery")
		applicant.At("/recovery/end")
		applicant.See(s.T("recovery.end.expired.title"), s.T("recovery.end.expired.contact"))
		alexey.signIn(apptest.Password)
		alexey.Go("/approvals")
		alexey.See(s.T("approvals.list.none_open"))
		if got := s.state(); got != recovery.Expired {
			t.Fatalf("state %s", got)
		}
	})
}

func TestDisownFromALiveSession(t *testing.T) {
	each(t, func(s *stage) {
		s.linked()
		vera, criminal := s.enter("vera", s.Vera), s.enter("criminal", s.Vera)
		vera.signIn(apptest.Password)
		criminal.startRecovery()
		vera.Go("/settings/account")
		vera.See(s.T("safety.banner.title"))
		vera.Press(`a[href="/safety/alarm"]`)
		vera.picture("alarm")
		vera.Press(`main form[action="/safety/disown"] button`)
		vera.See(s.T("safety.alarm.stopped.title"))
		criminal.Go("/recovery")
		criminal.See(s.T("recovery.end.disowned.title"))
		if s.Count(s.Alexey.Phone, notify.RecoveryDisowned) != 1 {
			t.Error("the contact was not told")
		}
		// Locked for a day: the criminal proves the code again and gets nowhere.
		criminal.Go("/recovery/end")
		again := s.enter("again", s.Vera)
		again.startRecovery()
		again.See(s.T("recovery.end.locked.title"))
	})
}

func TestWrongCodesToTheLimit(t *testing.T) {
	each(t, func(s *stage) {
		s.linked()
		criminal := s.enter("criminal", s.Vera)
		criminal.Go("/recovery")
		criminal.Fill("identifier", s.Vera.Phone)
		criminal.submit()
		right := s.Code(s.Vera.Phone, notify.RecoveryCode)
		wrong := "000000"
		if right == wrong {
			wrong = "000001"
		}
		for range s.Policy.CodeTries {
			criminal.At("/recovery/code")
			criminal.Fill("code", wrong)
			criminal.submit()
		}
		criminal.At("/recovery/end")
		criminal.See(s.T("recovery.end.codes.title"))
		// The owner is not locked out by a stranger's misses.
		vera := s.enter("vera", s.Vera)
		vera.signIn(apptest.Password)
		vera.At("/settings/account")
	})
}

func TestRedFlagClosesApproving(t *testing.T) {
	each(t, func(s *stage) {
		s.linked()
		applicant, alexey := s.enter("applicant", s.Vera), s.enter("alexey", s.Alexey)
		applicant.startRecovery()
		alexey.signIn(apptest.Password)
		alexey.openRequest()
		request := alexey.Path()
		alexey.answer(3)
		alexey.See(s.T("approvals.flagged.title"))
		alexey.picture("flagged")
		for _, later := range []string{"/match", "/confirm", "/code", "/questions"} {
			alexey.Go(request + later)
			alexey.stepUp()
			if alexey.Exists(`input[name=code], input[name=number], input[name=q1]`) {
				t.Errorf("after a red flag %s still offers a step", later)
			}
			alexey.See(s.T("approvals.flagged.title"))
		}
		alexey.Press(`main a[href$="/reject"]`)
		alexey.Choose("reason", "unreachable")
		alexey.Press(`main form[method=post] button`)
		applicant.Go("/recovery")
		applicant.See(s.T("recovery.end.rejected.title"))
	})
}
