package journeys

import (
	"testing"

	"doverie/internal/apptest"
)

// A person finds the history that can be checked: before anything is signed the page says when to come back, and then
// offers the file.
func TestHistoryThatCanBeChecked(t *testing.T) {
	each(t, func(s *stage) {
		vera := s.enter("vera", s.Vera)
		vera.signIn(apptest.Password)
		vera.Go("/settings/safety/events")
		vera.Click(s.T("proofs.link"))
		vera.stepUp()
		vera.At("/settings/safety/events/proofs")
		vera.See(s.T("proofs.title"), s.T("proofs.not_yet"))
		if _, err := s.Notary.Seal(t.Context()); err != nil {
			t.Fatal(err)
		}
		vera.Go("/settings/safety/events/proofs")
		vera.See(s.T("proofs.button"), s.T("proofs.check"), s.Notary.Signer.Key())
		inspected.Delete(s.way.lang + "/settings/safety/events/proofs " + s.T("proofs.title") + "false") // the same address and heading, and another page
		vera.Go("/settings/safety/events/proofs")
		vera.Go("/settings/safety/events")
		vera.See(s.T("proofs.link"))
	})
}
