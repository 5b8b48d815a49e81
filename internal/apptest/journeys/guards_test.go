package journeys

import (
	"testing"

	"doverie/internal/apptest"
	"doverie/internal/notify"
)

// TestChangeOfPhone: Vera has a new number. Alexey is asked, calls her, says yes; the code comes to the new phone.
func TestChangeOfPhone(t *testing.T) {
	each(t, func(s *stage) {
		const fresh = "+79130000077"
		s.linked()
		vera, alexey := s.enter("vera", s.Vera), s.enter("alexey", s.Alexey)
		vera.signIn(apptest.Password)
		vera.Press(`main a[href="/settings/account/phone"]`)
		vera.stepUp()
		vera.At("/settings/account/phone")
		vera.Fill("phone", "12")
		vera.submit()
		vera.See(s.T("fault.phone.invalid"))
		vera.Fill("phone", "8 (913) 000-00-77")
		vera.submit()
		vera.At("/settings/account/phone/change")
		vera.See(s.T("guards.waiting.title"))
		match := vera.match()
		alexey.signIn(apptest.Password)
		alexey.approve(match)
		vera.Go("/settings/account/phone/change")
		vera.See(s.T("phone_change.approved"))
		vera.Press(`main form[action$="/code"] button`)
		vera.Fill("code", s.Code(fresh, notify.ChangePhoneCode))
		vera.Press(`main form[action$="/enter"] button`)
		vera.See(s.T("phone_change.done.title"))
		for _, phone := range []string{s.Vera.Phone, s.Alexey.Phone} {
			if s.Count(phone, notify.PhoneChanged) != 1 {
				t.Errorf("%s was not told", phone)
			}
		}
	})
}

// TestSwitchesAndClosing: what the contact guards, the data to take along, and the end.
func TestSwitchesAndClosing(t *testing.T) {
	each(t, func(s *stage) {
		s.linked()
		vera := s.enter("vera", s.Vera)
		vera.signIn(apptest.Password)
		vera.Go("/settings/safety/login")
		vera.Press(`main a[href="/settings/safety/guards"]`)
		vera.At("/settings/safety/guards")
		vera.Press(`main a[href$="/tell_sign_in/off"]`)
		vera.stepUp()
		vera.At("/settings/safety/guards/tell_sign_in/off")
		vera.Press(`main form[action$="/off"] button`)
		vera.See(s.T("guards.is.falling"))
		if s.Count(s.Alexey.Phone, notify.GuardFalling) != 1 {
			t.Error("the contact was not told")
		}
		vera.Press(`main form[action$="/keep"] button`)
		vera.See(s.T("guards.done"))
		vera.Go("/settings/account/export")
		vera.At("/settings/account/export")
		// Somebody guards her: he leaves first, which takes three days.
		vera.Go("/settings/account/close")
		vera.See(s.T("account_close.guarded"), s.T("account_close.guarded.first", "Time", s.Policy.Leaving))
		vera.look("closing is not possible yet")
		vera.Press(`main a.button[href="/settings/safety/trusted-contacts"]`)
		vera.remove("now")
		leaves := s.Clock.Now().Add(s.Policy.Leaving)
		vera.Go("/settings/account/close")
		vera.See(s.T("account_close.leaves", "Name", s.Alexey.Given, "Until", leaves), s.T("account_close.guarded.then"))
		vera.look("closing waits for the contact to leave")
		s.Advance(s.Policy.Leaving)
		vera.signIn(apptest.Password)
		vera.Go("/settings/account/close")
		vera.stepUp()
		vera.At("/settings/account/close")
		vera.SeeNot(s.T("account_close.guarded"))
		vera.Press(`main form[action$="/close"] button`)
		vera.See(s.T("account_close.sure.missing"))
		vera.Choose("sure", "yes")
		vera.Press(`main form[action$="/close"] button`)
		vera.At("/closed")
		if s.Count(s.Alexey.Phone, notify.TrustEnded) != 1 {
			t.Error("the contact was not told")
		}
	})
}
