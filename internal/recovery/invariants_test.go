package recovery_test

import (
	"flag"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// DOMAIN §12, I1…I10, as properties of the pure machines together with the services that drive them:
// six people, a clock with jumps, right and wrong acts of applicants, contacts, owners and strangers,
// timers that come late or early, acts that race, and commits that are lost. Every walk checks every
// invariant after every step; each test also shows that its walk met what it judges.
//
// I8 has a part that cannot be tested here: that a commit survives the loss of a process or of a
// database node is a promise of the stores, and tested with them. What belongs here is that nobody is
// told "done" before the commit, and that a lost commit leaves nothing behind.

var steps = flag.Int("steps", 120_000, "random steps of the property tests, all together")

const (
	properties = 10  // tests that share the steps
	checks     = 100 // walks of one test: rapid's own default
)

func walk(t *testing.T, met ...string) {
	t.Helper()
	seen := map[string]int{}
	length := max(1, *steps/properties/checks)
	rapid.Check(t, func(rt *rapid.T) {
		n := uint64(0)
		w := newWorld(func(below int, what string) int {
			// rapid prefers small numbers; mixing in a counter makes every choice equally likely.
			n++
			return int(mix(rapid.Uint64().Draw(rt, what)+n) % uint64(below))
		}, bends{})
		for range length {
			w.step()
			if len(w.judge.broken) > 0 {
				rt.Fatalf("%s\n\nbefore it:\n%s", strings.Join(w.judge.broken, "\n"), strings.Join(w.log[max(0, len(w.log)-25):], "\n"))
			}
		}
		for what, times := range w.judge.seen {
			seen[what] += times
		}
	})
	for _, what := range met {
		if seen[what] < 10 {
			t.Errorf("the walk met %q only %d times: it proves nothing about it", what, seen[what])
		}
	}
	t.Logf("met: %v", seen)
}

// mix is the finaliser of SplitMix64.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

func TestI1_PasswordNeedsEligibleSettledContact(t *testing.T) {
	walk(t, "guarded password", "approved", "a yes fell")
}
func TestI2_OneApprovalServesOneRecovery(t *testing.T)      { walk(t, "opened", "approved") }
func TestI3_ExactlyOneOutcome(t *testing.T)                 { walk(t, "outcome") }
func TestI4_NothingIssuedBeforeCompletedWorks(t *testing.T) { walk(t, "completed") }
func TestI5_NoSecretInRowsOrEvents(t *testing.T)            { walk(t, "code sent", "completed") }
func TestI6_StrangersLearnNothing(t *testing.T)             { walk(t, "twin") }
func TestI7_OneEventForEachChange(t *testing.T)             { walk(t, "change") }
func TestI8_AcknowledgedIsCommitted(t *testing.T)           { walk(t, "lost") }
func TestI9_NobodySeesAnothersData(t *testing.T)            { walk(t, "looked", "quiet") }
func TestI10_SilenceNeverApproves(t *testing.T)             { walk(t, "timer") }
