package storetest_test

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"doverie/internal/account"
	"doverie/internal/fault"
	"doverie/internal/store/storetest"
	"doverie/internal/trust"
)

var rounds = flag.Int("rounds", 40, "rounds of TestOneOutcomeWins, in each of which eight processes race")

// contender is one of the acts that are fired at once, and the one event it leaves if it wins.
type contender struct {
	name          string
	event, object string
	reason        string // in the event's facts, where others leave an event of that kind too
	act           func(w *world) error
}

// scene is a recovery of Vera's, ready for the race.
type scene struct {
	vera, alexey            account.Account
	link, browser, approval string
	code, recovery          string // code is the contact's own
}

func (w *world) scene(n int) scene {
	s := scene{
		vera:   w.Add(w.t, 2*n+1, storetest.Person{Given: "Вера", PasswordHash: "old"}),
		alexey: w.Add(w.t, 2*n+2, storetest.Person{Given: "Алексей"}),
	}
	s.link = w.linked(s.vera, s.alexey)
	s.browser, s.approval = w.asked(s.vera, s.alexey)
	s.code = w.walked(s.browser, s.alexey, s.approval)
	s.recovery = w.only(`SELECT id FROM recoveries WHERE account_id = $1`, s.vera.ID)
	return s
}

// verified takes the scene past the contact's yes and the second code, to the new password.
func (w *world) verified(s scene) {
	ctx := w.t.Context()
	w.must(w.decisions.Approve(ctx, person, s.alexey.ID, "session-1", s.approval, s.code))
	w.must(w.recovery.SendCode(ctx, person, s.browser, ""))
	w.must(w.recovery.Verify(ctx, person, s.browser, w.code(s.vera.ID, "recovery.finish_code")))
}

// contenders are everything that can happen to the scene at one moment. The first is the contact's
// yes, or the new password when that is said already; the second is the timer.
func (w *world) contenders(s scene, verified bool) []contender {
	ctx := w.t.Context()
	all := []contender{
		{"approve", "approval.approved", "approval:" + s.approval, "", func(w *world) error {
			return w.decisions.Approve(ctx, person, s.alexey.ID, "session-1", s.approval, s.code)
		}},
		{"expire", "recovery.expired", "recovery:" + s.recovery, "", func(w *world) error { return w.recovery.Expire(ctx, s.recovery) }},
		{"reject", "approval.rejected", "approval:" + s.approval, "", func(w *world) error {
			return w.decisions.Reject(ctx, person, s.alexey.ID, s.approval, trust.ReasonFraud)
		}},
		{"disown", "recovery.disowned", "recovery:" + s.recovery, "", func(w *world) error { return w.recovery.Disown(ctx, person, s.vera.ID) }},
		{"cancel", "recovery.cancelled", "recovery:" + s.recovery, "applicant", func(w *world) error { return w.recovery.Cancel(ctx, person, s.browser) }},
		{"freeze", "account.frozen", "account:" + s.vera.ID, "", func(w *world) error {
			return w.protect.Freeze(ctx, person, s.vera.ID, trust.FrozenBySelf)
		}},
		{"resign", "trust.ended", "link:" + s.link, "", func(w *world) error { return w.links.Resign(ctx, person, s.alexey.ID, s.link) }},
		{"remove", "trust.leaving", "link:" + s.link, "", func(w *world) error { return w.links.Remove(ctx, person, s.vera.ID, s.link, false) }},
	}
	if verified {
		all[0] = contender{"complete", "recovery.completed", "recovery:" + s.recovery, "", func(w *world) error {
			return w.recovery.Complete(ctx, person, s.browser, "new password")
		}}
	}
	return all
}

// told says whether a loser was told that he lost, and not that something broke.
func told(err error) bool {
	// A contact cannot be removed after a recovery, nor from a frozen account: that is how the removal learns that it lost to them.
	return fault.Is(err, fault.Conflict) || fault.HasKey(err, "fault.hold") || fault.HasKey(err, "fault.account.frozen")
}

// Approve or complete, reject, expire, disown, cancel, freeze, resign and remove at once, each in a
// process of its own with a connection of its own; the timer's process sees the deadline passed, the
// others do not yet. Exactly one outcome ends the recovery, with exactly one event; every act that
// succeeded left its one event, and whoever lost was told so and left none (I2, I3, I7, T23).
func TestOneOutcomeWins(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.Postgres(t))
	nodes := make([]*world, 8)
	for i := range nodes {
		nodes[i] = newWorld(t, storetest.Open(t, w.DSN))
	}
	ends, succeeded := map[string]int{}, map[string]int{}
	for n := range *rounds {
		verified := n%2 == 1
		s := w.scene(n)
		if verified {
			w.verified(s)
		}
		all := w.contenders(s, verified)
		// Some acts have a longer way to the lock than others; a head start of random length gives each its chance.
		head := make([]time.Duration, len(all))
		for i := range all {
			now := w.Clock.Now()
			if all[i].name == "expire" {
				now = now.Add(w.p.RecoveryWait)
			}
			nodes[i].Clock.Advance(now.Sub(nodes[i].Clock.Now()))
			if i > 0 { // the yes and the new password have the longest way to the lock
				head[i] = rand.N(12 * time.Millisecond)
			}
		}
		errs := storetest.Parallel(len(all), func(i int) error {
			time.Sleep(head[i])
			return all[i].act(nodes[i])
		})
		for i, c := range all {
			left := w.Count(t, `SELECT COUNT(seq) FROM events WHERE kind = $1 AND object = $2 AND facts LIKE $3`,
				c.event, c.object, "%"+c.reason+"%")
			switch {
			case errs[i] == nil && left == 1:
				succeeded[c.name]++
			case errs[i] == nil && left == 0 && c.name == "expire": // a timer that comes too late is done, and no fault
			case errs[i] != nil && left == 0 && told(errs[i]):
			default:
				t.Errorf("round %d: %s left %d events and was told %v", n, c.name, left, errs[i])
			}
		}
		ends[w.oneEnd(s)]++
		if t.Failed() {
			t.Fatalf("round %d (verified: %t): %v", n, verified, errs)
		}
	}
	t.Logf("%d rounds; ended by %s; succeeded: %s", *rounds, tally(ends), tally(succeeded))
	if *rounds >= 40 && len(ends) < 3 {
		t.Errorf("one act always wins: %v; this is no race", ends)
	}
	w.auditClean()
}

// oneEnd checks that the recovery ended once, in the state of its one event, and that only a completed
// one changed the password. It returns how it ended.
func (w *world) oneEnd(s scene) string {
	w.t.Helper()
	state := w.only(`SELECT state FROM recoveries WHERE id = $1`, s.recovery)
	var found []string
	for _, end := range []string{"rejected", "disowned", "cancelled", "locked_out", "expired", "superseded", "completed"} {
		n := w.Count(w.t, `SELECT COUNT(seq) FROM events WHERE object = $1 AND kind = $2`, "recovery:"+s.recovery, "recovery."+end)
		found = append(found, slices.Repeat([]string{end}, n)...)
	}
	if !slices.Equal(found, []string{state}) {
		w.t.Errorf("the recovery is %s, its ends are %v", state, found)
	}
	after, err := w.Account(w.t.Context(), s.vera.ID)
	w.must(err)
	if changed := after.PasswordHash != "old"; changed != (state == "completed") {
		w.t.Errorf("the recovery is %s, the password's hash is %q", state, after.PasswordHash)
	}
	if live := w.Count(w.t, `SELECT COUNT(id) FROM approvals WHERE object_id = $1 AND state IN ('asked', 'checked', 'matched')`, s.recovery); live != 0 {
		w.t.Errorf("the recovery is %s, and %d requests are still open", state, live)
	}
	return state
}

func tally(counts map[string]int) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		fmt.Fprintf(&b, " %s %d", name, counts[name])
	}
	return strings.TrimSpace(b.String())
}
