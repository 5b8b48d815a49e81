package recovery_test

import (
	"strings"
	"time"

	"doverie/internal/apptest/invariants"
	"doverie/internal/recovery"
	"doverie/internal/trust"
)

// judge is the judge of package invariants over the model.
type judge struct {
	*invariants.Judge

	broken []string
	last   commit
	seen   map[string]int
}

func newJudge(m *model) *judge {
	j := &judge{Judge: invariants.NewJudge(truth{m})}
	j.seen = j.Seen
	m.watch = func(c commit) {
		j.last = c
		done := invariants.Commit{Act: c.act, Effects: c.effects}
		for _, row := range c.rows {
			done.Rows = append(done.Rows, invariants.Row{Object: row.object, Before: row.before, After: row.after})
		}
		j.Commit(done)
		j.broken = append(j.broken, j.Broken...)
		j.Broken = nil
	}
	return j
}

func (j *judge) fault(invariant, format string, args ...any) {
	j.Faultf(invariant, format, args...)
	j.broken = append(j.broken, j.Broken...)
	j.Broken = nil
}

func (j *judge) has(invariant string) bool {
	for _, b := range j.broken {
		if strings.HasPrefix(b, invariant+":") {
			return true
		}
	}
	return false
}

// forgive drops what was said about an error the test itself has made.
func (j *judge) forgive(err error) {
	kept := j.broken[:0]
	for _, b := range j.broken {
		if !strings.HasPrefix(b, "I3: ") || !strings.HasSuffix(b, err.Error()) {
			kept = append(kept, b)
		}
	}
	j.broken = kept
}

// truth is what the model holds, as the judge reads it.
type truth struct{ m *model }

func (t truth) Person(id string) invariants.Person {
	h := t.m.person(id)
	if h == nil {
		return invariants.Person{}
	}
	return invariants.Person{
		Citizenship: h.citizenship, Confirmed: h.confirmed, Current: h.current, Age: h.age, Frozen: !h.frozenAt.IsZero(), Quorum: h.quorum,
		ChangedAt: latest(h.passwordAt, h.recoveredAt), SimAt: h.simAt, LockedUntil: h.lockedUntil,
	}
}

func (t truth) Now() time.Time              { return t.m.now }
func (t truth) Links() []trust.Link         { return t.m.links }
func (t truth) Approvals() []trust.Approval { return t.m.approvals }
func (t truth) Actions() []trust.Action     { return t.m.actions }
func (t truth) Secrets() []string           { return t.m.secrets }

func (t truth) Recoveries() []recovery.Recovery {
	out := make([]recovery.Recovery, len(t.m.recoveries))
	for i, r := range t.m.recoveries {
		out[i] = r.Recovery
	}
	return out
}
