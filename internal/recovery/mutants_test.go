package recovery_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/recovery"
	"doverie/internal/trust"
)

// A property test that cannot fail proves nothing. Each mutant disables one guard by a port that lies;
// the judge must name the invariant it breaks.
func TestMutantsAreCaught(t *testing.T) {
	var cached = map[string]trust.Parent{}
	for _, mutant := range []struct {
		name      string
		invariant string
		bend      bends
	}{
		{"contacts are hidden from a recovery", "I1", in(func(a trust.Around, c *trust.Circle) {
			if a.Recovery != "" || len(a.Browser) > 0 {
				c.Guardians = nil
			}
		})},
		{"a fresh link may approve", "I1", bends{
			circles: in(func(_ trust.Around, c *trust.Circle) {
				guardians(c, func(g *trust.Guardian) { g.Link.SettlesAt = time.Time{} })
			}).circles,
			after: func(w *world) { w.now = w.now.Add(-25 * time.Hour) },
		}},
		{"a contact who changed may approve", "I1", in(func(_ trust.Around, c *trust.Circle) {
			guardians(c, func(g *trust.Guardian) {
				g.Contact.ChangedAt, g.Contact.SimChangedAt, g.Contact.Recovering = time.Time{}, time.Time{}, false
			})
		})},
		{"a contact who is not eligible may approve", "I1", in(func(_ trust.Around, c *trust.Circle) {
			guardians(c, func(g *trust.Guardian) {
				g.Contact.Confirmed, g.Contact.PhoneCurrent, g.Contact.Citizenship, g.Contact.Age = true, true, "RUS", 40
			})
		})},
		{"the yes of an account that was frozen stands", "I1", in(func(around trust.Around, c *trust.Circle) {
			if around.Approval == "" { // wherever it may not be given, but is held against the action
				guardians(c, func(g *trust.Guardian) { g.Contact.Open, g.Contact.Frozen = true, false })
			}
		})},
		{"approvals of something else are counted", "I2", in(func(around trust.Around, c *trust.Circle) {
			for i := range c.Pending {
				if around.Link != "" {
					continue // who leaves takes his own yes with him only
				}
				c.Pending[i].Approvals = slices.Clone(c.Pending[i].Approvals)
				for _, g := range c.Guardians { // each said yes to something else
					c.Pending[i].Approvals = append(c.Pending[i].Approvals,
						trust.Approval{ID: "another", Link: g.Link.ID, Contact: g.Contact.Account, State: trust.Approved})
				}
			}
		})},
		{"decisions see a stale recovery and versions are not compared", "I3", bends{
			circles: in(func(_ trust.Around, c *trust.Circle) {
				if r, ok := c.Subject.(recovery.Recovery); ok && r.Open() && cached[r.ID] == nil {
					cached[r.ID] = r
				}
				if c.Subject != nil && cached[c.Subject.ActionID()] != nil {
					c.Subject = cached[c.Subject.ActionID()]
				}
			}).circles,
			after: func(w *world) { w.careful = false },
		}},
		{"sessions survive a recovery", "I4", out(func(_ effect.Act, o *trust.Outcome) { drop[effect.EndSessions](o, 9) })},
		{"an older attempt survives a recovery", "I4", in(func(_ trust.Around, c *trust.Circle) { c.RecoveredAt = time.Time{} })},
		{"an event repeats a code", "I5", out(func(_ effect.Act, o *trust.Outcome) {
			for _, e := range o.Effects {
				if send, ok := e.(effect.Send); ok && send.Args["code"] != "" {
					o.Effects = append(slices.Clone(o.Effects), effect.Record{Kind: "approval.code_sent", Facts: map[string]string{"code": send.Args["code"]}})
				}
			}
		})},
		{"a code goes to somebody else", "I5", out(func(_ effect.Act, o *trust.Outcome) {
			o.Effects = slices.Clone(o.Effects)
			for i, e := range o.Effects {
				if send, ok := e.(effect.Send); ok && send.Args["code"] != "" {
					send.To = "personF"
					o.Effects[i] = send
				}
			}
		})},
		{"an unknown identifier is told so", "I6", bends{owners: func(o recovery.Owners) recovery.Owners { return telltale{o} }}},
		{"a change without an event", "I7", out(func(_ effect.Act, o *trust.Outcome) { drop[effect.Record](o, 1) })},
		{"an event without a change", "I7", out(func(_ effect.Act, o *trust.Outcome) {
			o.Effects = append(slices.Clone(o.Effects), effect.Record{Kind: "link.imagined", Object: "link:imagined"})
		})},
		{"a lost commit is acknowledged", "I8", bends{circles: func(c trust.Circles) trust.Circles { return bent{Circles: c, swallow: true} }}},
		{"the principal's phone stands in his name", "I9", in(func(_ trust.Around, c *trust.Circle) { c.Principal.Patronymic = c.Principal.Phone })},
		{"anybody is the contact", "I9", bends{circles: func(c trust.Circles) trust.Circles { return openDoor{c} }}},
		{"silence approves", "I10", out(func(act effect.Act, o *trust.Outcome) {
			for i, p := range o.Actions {
				if r, ok := p.(recovery.Recovery); ok && act.Actor == effect.System && r.State == recovery.Expired && r.Account != "" {
					r.State, r.EndedAt, r.ExpiresAt = recovery.Approved, time.Time{}, r.ExpiresAt.Add(time.Hour)
					o.Actions = slices.Clone(o.Actions)
					o.Actions[i] = r
				}
			}
		})},
	} {
		t.Run(strings.ReplaceAll(mutant.name, " ", "_"), func(t *testing.T) {
			for seed := range uint64(60) {
				clear(cached)
				dice := rand.New(rand.NewPCG(seed, 1))
				w := newWorld(func(n int, _ string) int { return dice.IntN(n) }, mutant.bend)
				for n := range 400 {
					w.step()
					if w.judge.has(mutant.invariant) {
						t.Logf("caught in walk %d after %d steps: %s", seed+1, n+1, w.judge.broken[0])
						return
					}
				}
			}
			t.Errorf("nobody noticed: %s is not guarded by its property", mutant.invariant)
		})
	}
}

// bent is a store that lies: in what it shows, in what it writes, or in what it says afterwards.
type bent struct {
	trust.Circles
	in      func(trust.Around, *trust.Circle)
	out     func(effect.Act, *trust.Outcome)
	swallow bool
}

func in(f func(trust.Around, *trust.Circle)) bends {
	return bends{circles: func(c trust.Circles) trust.Circles { return bent{Circles: c, in: f} }}
}

func out(f func(effect.Act, *trust.Outcome)) bends {
	return bends{circles: func(c trust.Circles) trust.Circles { return bent{Circles: c, out: f} }}
}

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
	if b.swallow && isLost(err) {
		return nil
	}
	return err
}

func (b bent) Look(ctx context.Context, around trust.Around) (trust.Circle, error) {
	c, err := b.Circles.Look(ctx, around)
	if err == nil && b.in != nil {
		b.in(around, &c)
	}
	return c, err
}

// openDoor shows every request as if it had been asked of everybody.
type openDoor struct{ trust.Circles }

func (o openDoor) Look(ctx context.Context, around trust.Around) (trust.Circle, error) {
	c, err := o.Circles.Look(ctx, around)
	if around.Approval != "" && len(c.Guardians) > 0 {
		c.Approval.Contact = "personF"
	}
	return c, err
}

// telltale says that an identifier names nobody.
type telltale struct{ recovery.Owners }

func (t telltale) Arrive(ctx context.Context, area, typed string, device []byte) (recovery.Owner, error) {
	o, err := t.Owners.Arrive(ctx, area, typed, device)
	if err == nil && o.Account == "" {
		return o, fault.New(fault.NotFound, "fault.not_found", nil)
	}
	return o, err
}

func guardians(c *trust.Circle, f func(*trust.Guardian)) {
	c.Guardians = slices.Clone(c.Guardians)
	for i := range c.Guardians {
		f(&c.Guardians[i])
	}
}

// drop takes away the first few effects of one type.
func drop[T effect.Effect](o *trust.Outcome, most int) {
	o.Effects = slices.DeleteFunc(slices.Clone(o.Effects), func(e effect.Effect) bool {
		if _, ok := e.(T); ok && most > 0 {
			most--
			return true
		}
		return false
	})
}
