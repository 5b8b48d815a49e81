package journeys

import (
	"testing"

	"doverie/internal/apptest"
)

// A person holds a message in his hand and does not know whose it is: he finds what we sent, and what to do when it is not
// there.
func TestIsItFromUs(t *testing.T) {
	each(t, func(s *stage) {
		vera := s.enter("vera", s.Vera)
		vera.signIn(apptest.Password)
		vera.Go("/settings/safety/login")
		vera.Click(s.T("messages.title"))
		vera.At("/settings/safety/messages")
		vera.See(s.T("messages.about.sign_in.code"), s.T("messages.never.link"), s.T("messages.fake"))
		vera.Click(s.T("messages.fake.sessions.link"))
		vera.At("/settings/safety/sessions")
		vera.Go("/settings/safety/events")
		vera.Click(s.T("messages.link"))
		vera.At("/settings/safety/messages")
		vera.Click(s.T("security.freeze.button"))
		vera.At("/safety/freeze")
	})
}
