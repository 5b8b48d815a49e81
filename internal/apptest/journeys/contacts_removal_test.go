package journeys

import (
	"net/http"
	"testing"
	"time"

	"doverie/internal/apptest"
	"doverie/internal/notify"
	"doverie/internal/recovery"
)

// remove asks for the removal of the one contact; tell is when he hears of it: "now" or "later".
func (a *actor) remove(tell string) {
	a.s.t.Helper()
	a.home(contactsHome)
	a.Press(`main a[href$="/remove"]`)
	a.stepUp()
	a.See(a.s.T("contacts.remove.pressed"), a.s.T("contacts.remove.now_hint"), a.s.T("contacts.remove.later_hint"))
	a.Choose("tell", tell)
	a.Press(`main form[method=post] button.danger`)
	a.See(a.s.T("contacts.done.removed"))
}

// A contact whose removal was asked guards for three days more, and both sides may stop it: Alexey because it seems
// strange to him, Vera because she has thought better of it. The third time nobody does, and it runs to its end.
func TestSlowRemoval(t *testing.T) {
	twice(t, func(s *stage) {
		s.linked()
		vera, alexey := s.enter("vera", s.Vera), s.enter("alexey", s.Alexey)
		vera.signIn(apptest.Password)
		vera.Go(contactsHome)
		vera.See(s.T("contacts.badge.active"), s.T("contacts.card.active"))
		vera.look("one contact guards")
		vera.Press(`main a[href$="/remove"]`)
		vera.stepUp()
		vera.Press(`main form[method=post] button.danger`) // nothing is chosen for her
		vera.See(s.T("field.choose"))
		s.stands("active")
		vera.remove("now")
		leaves := s.Clock.Now().Add(s.Policy.Leaving)
		vera.See(s.T("contacts.badge.leaving"), s.T("contacts.card.leaves", "Until", leaves))
		vera.SeeNot(s.T("contacts.card.quiet"))
		vera.look("a contact leaves")
		s.told(notify.TrustLeaving, 1, reach(s.Vera)...)
		s.told(notify.TrustLeaving, 1, reach(s.Alexey)...)

		// He finds it strange.
		alexey.signIn(apptest.Password)
		alexey.Go(contactsHome)
		alexey.See(s.T("contacts.badge.removing"), s.T("contacts.card.removing", "Until", leaves))
		alexey.look("he is being removed")
		alexey.Press(`main a[href$="/stay"]`)
		alexey.See(s.T("contacts.stay.suspicious_title"), s.T("contacts.stay.freeze"))
		alexey.submit()
		alexey.See(s.T("contacts.done.stays"), s.T("contacts.badge.guarding"))
		s.stands("active")
		s.told(notify.TrustDoubted, 1, reach(s.Vera)...)
		s.told(notify.TrustLeavingStopped, 1, reach(s.Alexey)...)
		// The alarm lets her freeze at once, without a sign-in: the way is in the letter, and it asks before it does anything.
		alarmed := s.enter("alarmed", s.Vera)
		alarmed.Go(s.LinkPath(s.Vera.Email, notify.TrustDoubted))
		alarmed.See(s.T("safety.stop_freeze"), s.T("safety.link.which.freeze"))

		// She thinks better of it.
		s.Clock.Advance(time.Minute)
		vera.remove("now")
		vera.Press(`main a[href$="/stay"]`)
		vera.See(s.T("contacts.stay.then"))
		vera.submit()
		vera.See(s.T("contacts.done.stays"), s.T("contacts.badge.active"))
		s.stands("active")
		s.told(notify.TrustLeavingStopped, 1, reach(s.Vera)...)
		s.told(notify.TrustLeavingStopped, 2, reach(s.Alexey)...)

		// Nobody stops it; in its last hour a recovery still waits for him.
		s.Clock.Advance(time.Minute)
		vera.remove("now")
		s.told(notify.TrustLeaving, 3, reach(s.Alexey)...)
		s.Advance(s.Policy.Leaving - time.Hour)
		applicant := s.enter("applicant", s.Vera)
		applicant.startRecovery()
		applicant.At("/recovery/wait")
		applicant.See("Алексей")
		s.told(notify.RecoveryAsked, 1, reach(s.Alexey)...)
		applicant.Go("/recovery/password")
		applicant.At("/recovery/wait")
		s.stands("leaving")

		// It is over. Whoever was waited for is no contact any more, so what waited for him ends; nobody was let through.
		s.Advance(time.Hour)
		s.stands("ended")
		s.told(notify.TrustEnded, 1, reach(s.Vera)...)
		s.told(notify.TrustEnded, 1, reach(s.Alexey)...)
		if got := s.state(); got != recovery.LockedOut {
			t.Errorf("the recovery that waited for him is %s", got)
		}
		applicant.Go("/recovery")
		applicant.See(s.T("recovery.end.left.title"), s.T("recovery.end.left.next"))
		vera.home(contactsHome)
		vera.See(s.T("contacts.home.empty"))
		vera.Touch(`details summary`)
		vera.See("Алексей Иванович", s.T("contacts.former.ended_removed"))
		alexey.home(contactsHome)
		alexey.SeeNot(s.T("contacts.home.guarding"))
		alexey.Touch(`details summary`)
		alexey.See("Вера Петровна", s.T("contacts.former.ended_removed"))
		alexey.look("no contact any more")
		later := s.enter("later", s.Vera)
		later.startRecovery()
		later.At("/recovery/finish") // nobody guards her now
		s.told(notify.RecoveryAsked, 1, reach(s.Alexey)...)
	})
}

// Vera is afraid of her contact. For three days neither a page nor a message of his shows that he leaves, and he cannot
// stop it; and though he approves a recovery meanwhile, the new password has to wait until he is out, and then his yes is gone.
func TestQuietExit(t *testing.T) {
	twice(t, func(s *stage) {
		s.linked()
		vera, alexey := s.enter("vera", s.Vera), s.enter("alexey", s.Alexey)
		alexey.signIn(apptest.Password)
		alexey.Go(contactsHome)
		cabinet := alexey.TextOf("main")
		vera.signIn(apptest.Password)
		vera.remove("later")
		begun := s.Clock.Now()
		vera.See(s.T("contacts.card.leaves", "Until", begun.Add(s.Policy.Leaving)), s.T("contacts.card.quiet"))
		vera.look("a quiet exit")
		s.told(notify.TrustLeaving, 1, reach(s.Vera)...)
		s.told(notify.TrustLeaving, 0, reach(s.Alexey)...)

		alexey.Go(contactsHome)
		if now := alexey.TextOf("main"); now != cabinet {
			t.Errorf("his page was\n%s\nand is\n%s", cabinet, now)
		}
		id, _ := s.link()
		if status := alexey.Go(contactsHome + "/" + id + "/stay"); status != http.StatusConflict {
			t.Errorf("what he cannot know of answers %d", status)
		}
		alexey.See(s.T("fault.trust.state_active"))
		alexey.Go("/settings/safety/events")
		alexey.SeeNot(s.T("event.trust.leaving"))

		// A recovery begins. To him it is a request like any other; for the password it waits.
		s.Advance(time.Hour)
		applicant := s.enter("applicant", s.Vera)
		applicant.startRecovery()
		applicant.At("/recovery/wait")
		applicant.See(s.T("recovery.wait.until", "Until", s.words.DateTimeZone(s.Clock.Now().Add(s.Policy.RecoveryQuietWait))))
		alexey.home("/approvals")
		alexey.openRequest()
		alexey.See(s.T("approvals.until", "Until", s.Clock.Now().Add(s.Policy.RecoveryWait), "Time", s.Policy.RecoveryWait))
		alexey.approve(applicant.match())
		applicant.Go("/recovery")
		applicant.At("/recovery/finish")
		applicant.submit()
		applicant.Fill("code", s.Code(s.Vera.Phone, notify.RecoveryFinishCode))
		applicant.submit()
		applicant.At("/recovery/password")
		early := s.T("recovery.password.early", "From", s.words.DateTimeZone(s.Clock.Now().Add(s.Policy.RecoveryQuietWait)))
		waits := func() {
			applicant.See(early, s.T("recovery.password.early.again"))
			if applicant.Exists(`input[name=password]`) {
				t.Error("a password is asked for that cannot be set yet")
			}
		}
		waits()
		s.Advance(s.Policy.Leaving - time.Hour - time.Minute)
		applicant.Go("/recovery/password")
		waits()
		if got := s.state(); got != recovery.Verified {
			t.Errorf("the recovery is %s", got)
		}
		s.told(notify.TrustLeaving, 0, reach(s.Alexey)...)
		s.stands("leaving")

		// The 72 hours are over: he is out and learns it; so does she.
		s.Advance(time.Minute)
		s.stands("ended")
		s.told(notify.TrustEnded, 1, reach(s.Vera)...)
		s.told(notify.TrustEnded, 1, reach(s.Alexey)...)
		s.told(notify.TrustLeaving, 0, reach(s.Alexey)...)
		alexey.home(contactsHome)
		alexey.SeeNot(s.T("contacts.home.guarding"))
		// What he alone approved falls with him: it opens nothing at that hour.
		applicant.Go("/recovery")
		applicant.See(s.T("recovery.end.left.title"))
		vera.home(contactsHome)
		vera.See(s.T("contacts.home.empty"))
	})
}

// A contact leaves at once, after the repeated check and a word of warning. Vera is told on every channel, and what waited for him ends.
func TestContactResigns(t *testing.T) {
	twice(t, func(s *stage) {
		s.linked()
		vera, alexey, applicant := s.enter("vera", s.Vera), s.enter("alexey", s.Alexey), s.enter("applicant", s.Vera)
		applicant.startRecovery()
		applicant.At("/recovery/wait")
		alexey.signIn(apptest.Password)
		alexey.Go(contactsHome)
		alexey.Press(`main a[href$="/resign"]`)
		alexey.stepUp()
		alexey.See(s.T("contacts.resign.now"), s.T("contacts.resign.pressed"))
		alexey.Press(`main form[method=post] a.button`) // the safe button keeps him
		alexey.At(contactsHome)
		s.stands("active")
		alexey.Press(`main a[href$="/resign"]`)
		alexey.Press(`main form[method=post] button.danger`)
		alexey.See(s.T("contacts.done.resigned"))
		s.stands("ended")
		s.told(notify.TrustResigned, 1, reach(s.Vera)...)
		s.told(notify.TrustResigned, 1, reach(s.Alexey)...)
		if s.way.script {
			applicant.WaitFor(s.T("recovery.end.left.title"))
		}
		applicant.Go("/recovery")
		applicant.See(s.T("recovery.end.left.title"))
		vera.signIn(apptest.Password)
		vera.Go(contactsHome)
		vera.See(s.T("contacts.home.empty"))
		vera.Touch(`details summary`)
		vera.See("Алексей Иванович", s.T("contacts.former.ended_resigned"))
		vera.Go("/settings/safety/events")
		vera.See(s.T("event.trust.ended"))
	})
}
