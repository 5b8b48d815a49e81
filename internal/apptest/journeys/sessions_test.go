package journeys

import (
	"testing"
	"time"

	"doverie/internal/apptest"
	"doverie/internal/notify"
)

// newestSession is the id of the session that Vera opened last.
func (s *stage) newestSession() string {
	s.t.Helper()
	return s.one(`SELECT id FROM sessions WHERE account_id = $1 ORDER BY created_at DESC LIMIT 1`, s.Vera.ID)
}

// TestWhereOneIsSignedIn: Vera reads where she is signed in, ends one place, forgets a browser, and then ends every place but
// this: whoever is there is out at his next step.
func TestWhereOneIsSignedIn(t *testing.T) {
	twice(t, func(s *stage) {
		vera, tablet, library := s.enter("vera", s.Vera), s.enter("tablet", s.Vera), s.enter("library", s.Vera)
		vera.begin(s.Vera.Phone, apptest.Password)
		vera.Choose("remember", "yes")
		vera.enterCode()
		s.Advance(time.Minute)
		tablet.begin(s.Vera.Phone, apptest.Password)
		tablet.Choose("remember", "yes")
		tablet.enterCode()
		s.Advance(time.Minute)
		library.signIn(apptest.Password)
		atLibrary := s.newestSession()
		s.told(notify.SessionNewDevice, 3, s.Vera.Phone, s.Vera.Email)

		vera.Go("/settings/safety/login")
		vera.See(s.T("security.card.sessions.text", "Sessions", 3, "Devices", 2))
		vera.Press(`main a[href="/settings/safety/sessions"]`)
		vera.See(s.T("sessions.lead"), s.T("sessions.this"))
		vera.look("three places")
		if vera.Count(`form[action$="/end"]`) != 2 || vera.Count(`form[action$="/forget"]`) != 2 {
			t.Errorf("the page offers to end %d and to forget %d", vera.Count(`form[action$="/end"]`), vera.Count(`form[action$="/forget"]`))
		}
		vera.Press(`form[action$="/sessions/` + atLibrary + `/end"] button`)
		vera.See(s.T("sessions.done.ended"))
		library.Go("/settings/safety/events")
		library.At("/sign-in")
		tablet.Go("/settings/account")
		tablet.At("/settings/account")

		// The tablet is sold: its browser is forgotten, and a sign-in there is one from a new place again.
		sold := s.one(`SELECT id FROM devices WHERE account_id = $1 ORDER BY first_seen_at DESC LIMIT 1`, s.Vera.ID)
		vera.Press(`form[action$="/devices/` + sold + `/forget"] button`)
		vera.See(s.T("sessions.done.forgotten"))
		tablet.leave()
		tablet.signIn(apptest.Password)
		s.told(notify.SessionNewDevice, 4, s.Vera.Phone, s.Vera.Email)

		library.signIn(apptest.Password)
		vera.Go("/settings/safety/sessions")
		vera.Press(`form[action$="/end-others"] button`)
		vera.See(s.T("sessions.done.others"), s.T("sessions.devices.none"))
		if vera.Exists(`form[action$="/end"]`) {
			t.Error("another place is still open")
		}
		for _, other := range []*actor{tablet, library} {
			other.Go("/settings/account")
			other.At("/sign-in")
		}
		vera.Go("/settings/safety/events")
		vera.See(s.T("event.session.ended_everywhere"), s.T("event.session.ended"), s.T("event.device.forgotten"))
	})
}
