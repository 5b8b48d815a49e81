package storetest_test

import (
	"slices"
	"testing"

	"doverie/internal/fault"
	"doverie/internal/store/storetest"
	"doverie/internal/trust"
)

// A second invitation to a number that has not answered the first is refused with words; after an answer, or
// to another number, one may invite again. The sender learns nothing about whoever has the number.
func TestOneUnansweredInvitationForOneNumber(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		w := newWorld(t, db)
		vera := db.Add(t, 1, storetest.Person{Given: "Вера"})
		for _, number := range []string{db.Add(t, 2, storetest.Person{Given: "Алексей"}).Phone, "+79990001122"} {
			id, err := w.links.Invite(t.Context(), person, vera.ID, "Алексей", number)
			w.must(err)
			_, err = w.links.Invite(t.Context(), person, vera.ID, "Алексей", number)
			w.refused(err, "fault.trust.not_eligible")
			if f := fault.Of(err); !slices.ContainsFunc(f.Fields, func(one fault.Field) bool { return one.Key == "reason."+string(trust.AlreadyInvited) }) {
				t.Errorf("told %v", f.Fields)
			}
			w.must(w.links.Withdraw(t.Context(), person, vera.ID, id))
			id, err = w.links.Invite(t.Context(), person, vera.ID, "Алексей", number)
			w.must(err)
			w.must(w.links.Withdraw(t.Context(), person, vera.ID, id))
		}
	})
}
