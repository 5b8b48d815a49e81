package journeys

import (
	"strings"
	"testing"

	"doverie/internal/apptest"
	"doverie/internal/notify"
)

// TestANewDeviceIsAsked: Vera wants her contact asked about new devices. Hers waits for his yes, live; a thief's is kept
// out by her own button.
func TestANewDeviceIsAsked(t *testing.T) {
	each(t, func(s *stage) {
		s.linked()
		vera, alexey := s.enter("vera", s.Vera), s.enter("alexey", s.Alexey)
		vera.signIn(apptest.Password)
		vera.home("/settings/safety/guards")
		vera.Press(`main form[action$="/ask_sign_in/on"] button`)
		if vera.stepUp(); vera.Exists(`main form[action$="/ask_sign_in/on"] button`) {
			vera.Press(`main form[action$="/ask_sign_in/on"] button`)
		}
		vera.See(s.T("guards.done"))

		fresh := s.enter("fresh", s.Vera)
		fresh.Go("/sign-in")
		fresh.prove(apptest.Password)
		fresh.At("/sign-in/waiting")
		fresh.See("Алексей", s.T("sign_in.waiting.never"))
		match := fresh.match()
		fresh.Go("/settings/account")
		fresh.At("/sign-in")
		fresh.Go("/sign-in/waiting")
		alexey.signIn(apptest.Password)
		alexey.approve(match)
		if s.way.script {
			fresh.WaitFor(s.T("sign_in.ready.title"))
		}
		fresh.Go("/sign-in/waiting")
		fresh.See(s.T("sign_in.ready.title"))
		fresh.submit()
		fresh.At("/settings/account")

		thief := s.enter("thief", s.Vera)
		thief.Go("/sign-in")
		thief.prove(apptest.Password)
		thief.At("/sign-in/waiting")
		if s.Count(s.Vera.Phone, notify.SignInAsked) != 2 {
			t.Error("the owner was not told of both")
		}
		fresh.Go("/settings/safety/sessions")
		fresh.See(s.T("sessions.asked.title"))
		fresh.Press(`main form[action$="/stop-asked"] button`)
		fresh.See(s.T("sessions.done.stopped"))
		if s.way.script {
			thief.WaitFor(s.T("sign_in.stopped.over.title"))
		}
		thief.Go("/sign-in/waiting")
		thief.See(s.T("sign_in.stopped.over.title"))
	})
}

// home leads to a page of the cabinet, through the sign-in and the repeated check where they are asked for.
func (a *actor) home(path string) {
	a.s.t.Helper()
	a.Go(path)
	if strings.HasPrefix(a.Path(), "/sign-in") {
		a.prove(apptest.Password)
		a.Go(path)
	}
	a.stepUp()
	a.At(path)
}
