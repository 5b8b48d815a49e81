package journeys

import (
	"testing"
	"time"

	"doverie/internal/apptest"
	"doverie/internal/effect"
	"doverie/internal/notify"
	"doverie/internal/recovery"
)

// refuse says no to the open request, for a reason that offers no freeze.
func (a *actor) refuse() {
	a.s.t.Helper()
	a.openRequest()
	a.Press(`main a[href$="/reject"]`)
	a.Choose("reason", "other")
	a.Press(`main form[method=post] button`)
	a.See(a.s.T("approvals.result.rejected"))
}

// Two contacts guard Vera. The no of one ends what the other has approved. Then she wants both asked: one yes is not
// enough, and the second completes it.
func TestTwoContacts(t *testing.T) {
	twice(t, func(s *stage) {
		s.guards(s.Maria, s.Vera)
		s.linked()
		alexey, maria := s.enter("alexey", s.Alexey), s.enter("maria", s.Maria)
		first := s.enter("first", s.Vera)
		first.startRecovery()
		first.At("/recovery/wait")
		first.See("Алексей", "Мария")
		s.told(notify.RecoveryAsked, 1, reach(s.Alexey)...)
		s.told(notify.RecoveryAsked, 1, reach(s.Maria)...)
		alexey.signIn(apptest.Password)
		alexey.approve(first.match())
		alexey.See(s.T("approvals.result.may_undo"))
		if got := s.state(); got != recovery.Approved {
			t.Fatalf("after one yes it is %s", got)
		}
		first.Go("/recovery")
		first.At("/recovery/finish")
		maria.signIn(apptest.Password)
		maria.refuse()
		if got := s.state(); got != recovery.Rejected {
			t.Errorf("after the no it is %s", got)
		}
		first.Go("/recovery")
		first.See(s.T("recovery.end.rejected.title"))
		s.told(notify.RecoveryRejected, 1, reach(s.Vera)...)
		alexey.Go("/approvals")
		alexey.See(s.T("approvals.list.none_open"))

		s.Advance(s.Policy.RecoveryLock)
		vera := s.enter("vera", s.Vera)
		vera.home("/settings/safety/guards")
		vera.See(s.T("guards.quorum"), s.T("guards.quorum.text"))
		vera.Press(`main form[action$="/quorum/on"] button`)
		if vera.stepUp(); vera.Exists(`main form[action$="/quorum/on"] button`) {
			vera.Press(`main form[action$="/quorum/on"] button`)
		}
		vera.See(s.T("guards.done"))
		second := s.enter("second", s.Vera)
		second.startRecovery()
		second.See(s.T("recovery.wait.quorum", "Needed", 2, "Approved", 0))
		alexey.home("/approvals")
		alexey.approve(second.match())
		alexey.See(s.T("approvals.result.quorum"))
		if got := s.state(); got != recovery.Awaiting {
			t.Fatalf("after one yes of two it is %s", got)
		}
		second.Go("/recovery/password")
		second.At("/recovery/wait")
		second.See(s.T("recovery.wait.quorum", "Needed", 2, "Approved", 1))
		second.look("one yes of two")
		maria.home("/approvals")
		maria.approve(second.match())
		second.finish()
		if got := s.state(); got != recovery.Completed {
			t.Errorf("after both it is %s", got)
		}
		s.told(notify.RecoveryCompleted, 1, reach(s.Maria)...)
	})
}

// Alexey's number is somebody else's now: he is suspended, and both are told and read why. The door stays shut meanwhile.
// Once he has a number of his own again it works by itself, and both are told of that too.
func TestContactSuspendedAndBack(t *testing.T) {
	twice(t, func(s *stage) {
		s.linked()
		vera, alexey := s.enter("vera", s.Vera), s.enter("alexey", s.Alexey)
		vera.signIn(apptest.Password)
		alexey.signIn(apptest.Password)
		alexey.home("/settings/account/phone") // he has just proved himself, and has the new number in his hand
		s.Clock.Advance(time.Minute)
		news, err := s.Accounts.NumberReported(t.Context(), effect.Act{Actor: effect.System}, s.Alexey.Phone, time.Time{}, s.Clock.Now())
		if err != nil || news == "" {
			t.Fatalf("the report: %q, %v", news, err)
		}
		s.Settle()
		s.stands("suspended")
		s.told(notify.TrustSuspended, 1, reach(s.Vera)...)
		if mail, sms := s.Count(s.Alexey.Email, notify.TrustSuspended), s.Count(s.Alexey.Phone, notify.TrustSuspended); mail != 1 || sms != 0 {
			t.Errorf("he was told by %d letters, and %d messages went to whoever has his number now", mail, sms)
		}
		vera.Go(contactsHome)
		vera.See(s.T("contacts.badge.suspended"), s.T("contacts.card.suspended"), s.T("contacts.card.his_phone"))
		vera.look("suspended")
		alexey.Go(contactsHome)
		alexey.See(s.T("contacts.badge.suspended"), s.T("contacts.card.you_suspended"), s.T("reason.phone_not_current"))
		alexey.look("he is suspended")

		applicant := s.enter("applicant", s.Vera)
		applicant.startRecovery()
		applicant.See(s.T("recovery.end.nobody.title"), s.T("recovery.end.nobody.contact"))
		if got := s.state(); got != recovery.LockedOut {
			t.Errorf("without a contact who can answer the recovery is %s", got)
		}

		const fresh = "+79130000077"
		alexey.Go("/settings/account/phone")
		alexey.Fill("phone", fresh)
		alexey.submit()
		alexey.Press(`main form[action$="/code"] button`)
		alexey.Fill("code", s.Code(fresh, notify.ChangePhoneCode))
		alexey.Press(`main form[action$="/enter"] button`)
		alexey.See(s.T("phone_change.done.title"))
		s.Settle()
		s.stands("active")
		s.told(notify.TrustResumed, 1, reach(s.Vera)...)
		if mail, sms := s.Count(s.Alexey.Email, notify.TrustResumed), s.Count(fresh, notify.TrustResumed); mail != 1 || sms != 1 {
			t.Errorf("he was told by %d letters and %d messages", mail, sms)
		}
		vera.Go(contactsHome)
		vera.See(s.T("contacts.badge.active"))
		alexey.home(contactsHome)
		alexey.See(s.T("contacts.badge.guarding"))
	})
}

// Vera is asked to guard the man who guards her. She is warned before she agrees, and both read it as long as it lasts.
func TestTwoWhoGuardEachOther(t *testing.T) {
	twice(t, func(s *stage) {
		s.linked()
		vera, alexey := s.enter("vera", s.Vera), s.enter("alexey", s.Alexey)
		alexey.signIn(apptest.Password)
		alexey.appoint("Вера", s.Vera.Phone)
		vera.signIn(apptest.Password)
		vera.Go(contactsHome)
		vera.Press(`main a[href^="/invitations/"]`)
		warned := s.T("invitations.show.mutual", "From", "Алексей Иванович")
		vera.See(warned)
		vera.look("who guards her asks her")
		vera.Press(`main a[href$="/accept"]`)
		vera.stepUp()
		vera.See(warned)
		vera.look("who guards her asks her")
		vera.submit()
		vera.See(s.T("contacts.done.accepted"), s.T("contacts.card.mutual"))
		vera.look("they guard each other")
		alexey.Go(contactsHome)
		alexey.See(s.T("contacts.card.mutual"))
		if n := s.DB.Count(t, `SELECT COUNT(id) FROM links WHERE state = 'active'`); n != 2 {
			t.Errorf("%d links guard", n)
		}
	})
}
