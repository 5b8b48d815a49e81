package storetest_test

import (
	"testing"
	"time"

	"doverie/internal/effect"
	"doverie/internal/jobs"
	"doverie/internal/store/storetest"
)

// What a person may read of his messages: his own only, with a mask of where each went, and only what left the house.
func TestTold(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		vera := db.Add(t, 1, storetest.Person{Given: "Вера", Email: "vera@example.ru"})
		alexey := db.Add(t, 2, storetest.Person{Given: "Алексей"})
		begun := db.Clock.Now().Add(-time.Hour)
		both := []effect.Channel{effect.SMS, effect.Email}
		mustApply(t, db,
			effect.Send{Kind: "password.changed", To: vera.ID, Via: both, Key: "a"},
			effect.Send{Kind: "recovery.completed", To: alexey.ID, Via: both, Key: "b", Args: map[string]string{"role": "contact"}})
		told := func(account string, since time.Time, skip, limit int) []effect.Told {
			t.Helper()
			all, err := db.Told(t.Context(), account, since, db.Clock.Now(), skip, limit)
			if err != nil {
				t.Fatal(err)
			}
			return all
		}
		mine := told(vera.ID, begun, 0, 10)
		if len(mine) != 2 || mine[0].Channel != effect.Email || mine[0].Masked != "v•••@example.ru" || mine[1].Masked == "" || mine[1].Masked == vera.Phone {
			t.Fatalf("hers: %+v", mine)
		}
		his := told(alexey.ID, begun, 0, 10)
		if len(his) != 1 || !his[0].AsContact || mine[0].AsContact { // he has no mailbox
			t.Errorf("his: %+v", his)
		}
		// It stays when address and arguments are wiped, and says when it arrived; what was held back is not among them.
		mustApply(t, db, effect.Send{Kind: "account.frozen", To: vera.ID, Via: []effect.Channel{effect.SMS}, Key: "held"})
		for _, m := range claim(t, db, "w", 10) {
			end := jobs.Settlement{Outcome: jobs.Sent, Arrived: true}
			if m.Key == "held" {
				end = jobs.Settlement{Outcome: jobs.Failed, Problem: "fault.message.budget"}
			}
			settle(t, db, "w", m, end)
		}
		for m := claim(t, db, "w", 1); len(m) > 0; m = claim(t, db, "w", 1) { // the second of one phone waits for the first
			settle(t, db, "w", m[0], jobs.Settlement{Outcome: jobs.Failed, Problem: "fault.message.budget"})
		}
		if n := db.Count(t, `SELECT COUNT(id) FROM outbox WHERE address IS NOT NULL OR args IS NOT NULL`); n != 0 {
			t.Fatalf("%d messages are not over", n)
		}
		mine = told(vera.ID, begun, 0, 10)
		if len(mine) != 2 || mine[0].State != effect.Arrived || mine[0].At.IsZero() || mine[0].Masked == "" {
			t.Errorf("after delivery: %+v", mine)
		}
		if page := told(vera.ID, begun, 1, 1); len(page) != 1 || page[0].ID != mine[1].ID {
			t.Errorf("the second page: %+v", page)
		}
		// A code that came too late was never sent.
		db.Clock.Advance(time.Minute)
		late := effect.Send{
			Kind: "sign_in.code", To: vera.ID, Via: []effect.Channel{effect.SMS}, Key: "late", NotAfter: db.Clock.Now().Add(time.Minute),
			Args: map[string]string{"code": "123456"},
		}
		mustApply(t, db, late)
		if n := len(told(vera.ID, begun, 0, 10)); n != 3 {
			t.Errorf("%d while it waits", n)
		}
		db.Clock.Advance(2 * time.Minute)
		if n := len(told(vera.ID, begun, 0, 10)); n != 2 {
			t.Errorf("%d after its life", n)
		}
		if n := len(told(vera.ID, db.Clock.Now(), 0, 10)); n != 0 {
			t.Errorf("%d since now", n)
		}
		db.Clock.Advance(31 * 24 * time.Hour)
		claim(t, db, "w", 1) // ends the late one
		if _, err := db.Sweep(t.Context(), db.Clock.Advance(31*24*time.Hour)); err != nil {
			t.Fatal(err)
		}
		if n := db.Count(t, `SELECT COUNT(id) FROM outbox WHERE masked IS NOT NULL`); n != 0 {
			t.Errorf("%d masks outlive their time", n)
		}
	})
}
