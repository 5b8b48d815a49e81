package invariants_test

import (
	"flag"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"doverie/internal/store/storetest"
)

// The invariants I1 … I10 as properties of the services on the real stores: a city of people, a clock
// with jumps, right and wrong acts of applicants, contacts, owners and strangers, sign-ins and changes of
// passwords beside them, timers that come late, commits that are lost, and, on PostgreSQL, many hands at
// once. Every commit is judged; after every step and at checkpoints the tables are judged themselves.

var (
	steps = flag.Int("steps", 2000, "steps of each walk, on each engine")
	first = flag.Uint64("seed", 1, "seed of the first city")
)

// An epoch is one city from its founding: a fresh database, so that a long walk stays as quick as a short one.
const (
	epoch           = 2000
	checkpointEvery = 250
)

// step lets one random thing happen.
func (a *actor) step(alone bool) {
	type op struct {
		weight int
		do     func()
	}
	ops := []op{
		{52, a.push}, {5, a.applicantActs}, {9, a.contactActs}, {6, a.linkActs}, {4, a.ownerActs}, {6, a.sessionActs}, {3, a.factsChange}, {4, a.timersRun},
	}
	if alone { // these compare before with after, so nobody else may act meanwhile
		ops = append(ops, op{4, a.loss}, op{3, a.twins}, op{4, a.race}, op{7, a.clockJumps})
	}
	ops = append(ops, op{4, a.look})
	total := 0
	for _, o := range ops {
		total += o.weight
	}
	n := a.dice.IntN(total)
	for _, o := range ops {
		if n < o.weight {
			o.do()
			return
		}
		n -= o.weight
	}
}

// walkAlone judges every step as it happens.
func (c *city) walkAlone(seed uint64, length int) (done int) {
	a := c.actor(seed)
	passwords := c.passwordsJudged(nil)
	for done = 1; done <= length; done++ {
		a.step(true)
		passwords = c.passwordsJudged(passwords)
		c.nothingOldWorks()
		if done%checkpointEvery == 0 || done == length {
			c.checkpoint()
		}
		if len(c.ledger.broken()) > 0 || c.t.Failed() {
			return done
		}
	}
	return done - 1
}

// walkTogether lets eight hands act at once, a few steps each, and judges their commits in the order of their
// locks. The clock ticks under their hands, and jumps when they pause: no act lasts for hours.
func (c *city) walkTogether(seed uint64, length int) {
	const hands, shift = 8, 4
	c.ledger.mu.Lock()
	c.ledger.truth = nil
	c.ledger.mu.Unlock()
	passwords := c.passwordsJudged(nil)
	clock := c.actor(seed)
	for done := hands * shift; ; done += hands * shift {
		var all sync.WaitGroup
		for hand := range hands {
			a := c.actor(seed*1_000_000 + uint64(done+hand))
			all.Go(func() {
				for range shift {
					a.Clock.Advance(time.Duration(a.dice.IntN(500)) * time.Millisecond)
					a.step(false)
				}
			})
		}
		all.Wait()
		clock.clockJumps()
		passwords = c.passwordsAfterMany(passwords)
		c.nothingOldWorks()
		last := done >= length || len(c.ledger.broken()) > 0 || c.t.Failed()
		if last || done/checkpointEvery != (done-hands*shift)/checkpointEvery {
			c.checkpoint()
		}
		if last {
			return
		}
	}
}

// report fails with what was broken and what happened before it.
func (c *city) report(seed uint64) {
	c.t.Helper()
	if broken := c.ledger.broken(); len(broken) > 0 {
		c.t.Errorf("seed %d:\n%s\n\nbefore it:\n%s", seed, strings.Join(broken[:min(5, len(broken))], "\n"), strings.Join(c.log[max(0, len(c.log)-25):], "\n"))
	}
}

// A walk that met nothing proves nothing.
func met(t *testing.T, seen map[string]int, what ...string) {
	t.Helper()
	for _, one := range what {
		if least := 3; seen[one] < least && *steps/slowed >= 1000 {
			t.Errorf("the walk met %q only %d times: it proves nothing about it", one, seen[one])
		}
	}
}

func TestInvariantsOnTheStores(t *testing.T) {
	t.Parallel()
	began := time.Now()
	for engine, open := range map[string]func(testing.TB) *storetest.DB{"sqlite": storetest.SQLite, "postgres": storetest.Postgres} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			seen := map[string]int{}
			left := max(1, *steps/slowed)
			for seed := *first; left > 0 && !t.Failed(); seed++ {
				length := min(epoch, left)
				left -= length
				t.Run(fmt.Sprint(seed), func(t *testing.T) {
					c := newCity(t, open(t), bend{})
					c.walkAlone(seed, length)
					c.report(seed)
					c.tally(seen)
				})
			}
			met(t, seen, "guarded password", "approved", "opened", "completed", "outcome", "twin", "change", "lost", "race", "looked", "timer", "session", "code sent", "secrets looked for", "old cookie")
			t.Logf("%d steps in %s; met: %v", *steps/slowed, time.Since(began).Round(time.Second), seen)
		})
	}
}

func TestInvariantsWithManyHands(t *testing.T) { //nolint:tparallel // one city after another: a long walk would hold hundreds of databases at once
	t.Parallel()
	began := time.Now()
	seen := map[string]int{}
	left := max(1, *steps/slowed)
	for seed := *first; left > 0 && !t.Failed(); seed++ {
		length := min(epoch, left)
		left -= length
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			c := newCity(t, storetest.Postgres(t), bend{})
			c.walkTogether(seed, length)
			c.report(seed)
			c.tally(seen)
		})
	}
	met(t, seen, "approved", "completed", "outcome", "change", "timer", "session", "code sent")
	t.Logf("%d steps of 8 hands in %s; met: %v", *steps/slowed, time.Since(began).Round(time.Second), seen)
}

func (c *city) tally(seen map[string]int) {
	c.ledger.mu.Lock()
	defer c.ledger.mu.Unlock()
	for what, n := range c.ledger.judge.Seen {
		seen[what] += n
	}
}
