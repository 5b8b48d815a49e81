package invariants_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/recovery"
	"doverie/internal/store/storetest"
	"doverie/internal/trust"
)

// mutant is one guard and the double that takes it away.
type mutant struct {
	invariant, guard string
	bend             func() bend
}

// mutants has one for each invariant; docs/invariants.md holds the table.
func mutants() []mutant {
	return []mutant{
		{"I1", "the contacts who guard an account are read when its recovery proves itself", in(func(around trust.Around, c *trust.Circle) {
			if around.Recovery != "" || len(around.Browser) > 0 {
				c.Guardians = nil
			}
		})},
		{"I2", "only approvals of this recovery are counted for it", in(func(around trust.Around, c *trust.Circle) {
			if around.Link != "" {
				return // who leaves takes his own yes with him only
			}
			c.Pending = slices.Clone(c.Pending)
			for i := range c.Pending {
				c.Pending[i].Approvals = slices.Clone(c.Pending[i].Approvals)
				for _, g := range c.Guardians { // each said yes to something else
					c.Pending[i].Approvals = append(c.Pending[i].Approvals,
						trust.Approval{ID: "another's", Link: g.Link.ID, Contact: g.Contact.Account, State: trust.Approved})
				}
			}
		})},
		{"I3", "a decision sees the recovery as it is, not as it was", stale},
		{"I4", "completing ends every session and device", out(func(_ effect.Act, o *trust.Outcome) {
			o.Effects = slices.DeleteFunc(slices.Clone(o.Effects), func(e effect.Effect) bool { _, ends := e.(effect.EndSessions); return ends })
		})},
		{"I5", "a code is in its message and nowhere else", out(func(_ effect.Act, o *trust.Outcome) {
			for _, e := range o.Effects {
				if send, ok := e.(effect.Send); ok && send.Args["code"] != "" {
					o.Effects = append(slices.Clone(o.Effects), effect.Record{
						Kind: "approval.code_sent", Object: "approval:" + send.Key, Subjects: []string{send.To}, Facts: map[string]string{"code": send.Args["code"]},
					})
				}
			}
		})},
		{"I6", "an identifier that names nobody is answered like any other", func() bend {
			return bend{owners: func(o recovery.Owners) recovery.Owners { return telltale{o} }}
		}},
		{"I7", "a change is written with its event", out(func(_ effect.Act, o *trust.Outcome) {
			once := true
			o.Effects = slices.DeleteFunc(slices.Clone(o.Effects), func(e effect.Effect) bool {
				_, is := e.(effect.Record)
				drop := is && once
				once = once && !drop
				return drop
			})
		})},
		{"I8", "an act is acknowledged after its commit only", func() bend {
			return bend{circles: func(c trust.Circles) trust.Circles { return bent{Circles: c, swallow: true} }}
		}},
		{"I9", "a contact reads the principal's name and no number of his", in(func(_ trust.Around, c *trust.Circle) {
			c.Principal.Patronymic = c.Principal.Phone
		})},
		{"I10", "what time ends is refused", out(func(act effect.Act, o *trust.Outcome) {
			o.Actions = slices.Clone(o.Actions)
			for i, p := range o.Actions {
				if r, ok := p.(recovery.Recovery); ok && act.Actor == effect.System && r.State == recovery.Expired && r.Account != "" && !r.ProvenAt.IsZero() {
					r.State, r.EndedAt, r.ExpiresAt = recovery.Approved, time.Time{}, r.EndedAt.Add(time.Hour)
					o.Actions[i] = r
				}
			}
		})},
	}
}

// A property that cannot fail proves nothing. Each mutant takes one guard away, by a double between the
// services and the real store, and the walk must name the invariant that breaks.
func TestEveryInvariantCatchesItsMutant(t *testing.T) {
	t.Parallel()
	for _, m := range mutants() {
		t.Run(m.invariant+"_"+strings.ReplaceAll(m.guard, " ", "_"), func(t *testing.T) {
			t.Parallel()
			storeCatches(t, m.invariant, m.guard, m.bend)
		})
	}
}

// storeCatches walks until the invariant is seen broken.
func storeCatches(t *testing.T, invariant, guard string, lie func() bend) {
	t.Helper()
	const cities, length = 12, 700
	open := storetest.SQLite
	if slowed > 1 { // the driver of SQLite is Go code and slow under the race detector; PostgreSQL is not
		open = storetest.Postgres
	}
	for seed := range uint64(cities) {
		c := newCity(t, open(t), lie())
		a := c.actor(seed + 300)
		passwords := c.passwordsJudged(nil)
		for n := range length {
			a.step(true)
			passwords = c.passwordsJudged(passwords)
			c.nothingOldWorks()
			for _, broken := range c.ledger.broken() {
				if strings.HasPrefix(broken, invariant+":") {
					t.Logf("without %q: caught in city %d after %d steps: %.200s", guard, seed+1, n+1, broken)
					return
				}
			}
		}
	}
	t.Errorf("nobody noticed that %q is gone: %s is not guarded by its property", guard, invariant)
}

// bent is a store that lies: in what it shows, in what it writes, or in what it says afterwards.
type bent struct {
	trust.Circles

	in      func(trust.Around, *trust.Circle)
	out     func(effect.Act, *trust.Outcome)
	swallow bool
}

func in(f func(trust.Around, *trust.Circle)) func() bend {
	return func() bend {
		return bend{circles: func(c trust.Circles) trust.Circles { return bent{Circles: c, in: f} }}
	}
}

func out(f func(effect.Act, *trust.Outcome)) func() bend {
	return func() bend {
		return bend{circles: func(c trust.Circles) trust.Circles { return bent{Circles: c, out: f} }}
	}
}

// Decide implements trust.Circles.
func (b bent) Decide(ctx context.Context, act effect.Act, around trust.Around, decide func(trust.Circle) (trust.Outcome, error)) error {
	err := b.Circles.Decide(ctx, act, around, func(c trust.Circle) (trust.Outcome, error) {
		if b.in != nil {
			b.in(around, &c)
		}
		o, err := decide(c)
		if err == nil && b.out != nil {
			b.out(act, &o)
		}
		return o, err
	})
	if b.swallow && errors.Is(err, errLost) {
		return nil
	}
	return err
}

// Look implements trust.Circles.
func (b bent) Look(ctx context.Context, around trust.Around) (trust.Circle, error) {
	c, err := b.Circles.Look(ctx, around)
	if err == nil && b.in != nil {
		b.in(around, &c)
	}
	return c, err
}

// stale shows each recovery as it was when it was first seen open, under the version it has now: the store cannot notice.
func stale() bend {
	var mu sync.Mutex
	seen := map[string]recovery.Recovery{}
	return in(func(_ trust.Around, c *trust.Circle) {
		mu.Lock()
		defer mu.Unlock()
		r, ok := c.Subject.(recovery.Recovery)
		if !ok {
			return
		}
		first, known := seen[r.ID]
		if !known {
			if r.Open() {
				seen[r.ID] = r
			}
			return
		}
		first.Version = r.Version
		c.Subject = first
	})()
}

// telltale says that an identifier names nobody.
type telltale struct{ recovery.Owners }

// Arrive implements recovery.Owners.
func (t telltale) Arrive(ctx context.Context, area, typed string, device []byte) (recovery.Owner, error) {
	o, err := t.Owners.Arrive(ctx, area, typed, device)
	if err == nil && o.Account == "" {
		return o, fault.New(fault.NotFound, "fault.not_found", nil)
	}
	return o, err
}

// The table in the documentation names every mutant, and no other.
func TestTheDocumentNamesEveryMutant(t *testing.T) {
	text, err := os.ReadFile("../../../docs/invariants.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "guard taken away")
	for _, m := range mutants() {
		if !strings.Contains(table, "| "+m.invariant+" | "+m.guard+" | ") {
			t.Errorf("docs/invariants.md does not name %s: %s", m.invariant, m.guard)
		}
	}
	if rows := strings.Count(table, "\n| I"); rows != len(mutants()) {
		t.Errorf("docs/invariants.md names %d mutants, there are %d", rows, len(mutants()))
	}
}
