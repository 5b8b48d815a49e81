package desk_test

import (
	"testing"
	"time"

	"doverie/internal/desk"
	"doverie/internal/effect"
	"doverie/internal/flowtable"
	"doverie/internal/policy"
)

const flow = "../../docs/flow.md"

var (
	rules = policy.Default()
	start = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	seen  = []byte("what both saw")
)

func begun(kind desk.Kind, two bool) desk.Begun {
	return desk.Begun{
		ID: "act", Case: "case", Account: "person", Kind: kind, Operator: "first", Office: "office", Two: two, Facts: seen, Payload: []byte("sealed"),
		Paper: []byte("paper"),
	}
}

func step(t *testing.T, a desk.Act, e desk.Event) desk.Act {
	t.Helper()
	n, _, err := a.Apply(start, rules, e)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func machine(t *testing.T) flowtable.Machine[desk.Act, desk.Event] {
	t.Helper()
	end := step(t, desk.Act{}, begun(desk.EndLink, true))
	onPaper := step(t, desk.Act{}, begun(desk.Recover, true))
	agreed := desk.Agreed{By: "second", Facts: seen, Paper: []byte("paper")}
	paper := step(t, onPaper, agreed)
	expired, _, err := end.Apply(end.ExpiresAt, rules, desk.Due{})
	if err != nil {
		t.Fatal(err)
	}
	late := func(a desk.Act) time.Time {
		if a.State == desk.Approved && !a.PaperUntil.IsZero() {
			return a.PaperUntil
		}
		return start.Add(rules.OperatorQueue)
	}
	return flowtable.Machine[desk.Act, desk.Event]{
		Dir: ".", State: "State", Marker: "actEvent", Refusal: "fault.desk.state_",
		Samples: []flowtable.Sample[desk.Act]{
			{Name: "none", Value: desk.Act{}}, {Name: "proposed", Value: end}, {Name: "proposed, recovery", Value: onPaper},
			{Name: "approved", Value: step(t, end, agreed)}, {Name: "approved, paper", Value: paper},
			{Name: "approved, printed", Value: step(t, paper, desk.Printed{By: "first"})},
			{Name: "refused", Value: step(t, end, desk.Declined{By: "second", Why: "doubt"})},
			{Name: "expired", Value: expired}, {Name: "withdrawn", Value: step(t, end, desk.TakenBack{By: "first"})},
		},
		At:      func(desk.Act) time.Time { return start.Add(rules.OperatorQueue - time.Microsecond) },
		StateOf: func(a desk.Act) string { return string(a.State) },
		NameOf:  desk.EventName,
		Apply: func(a desk.Act, now time.Time, e desk.Event) (desk.Act, []effect.Effect, error) {
			return a.Apply(now, rules, e)
		},
		Variants: []flowtable.Variant[desk.Act, desk.Event]{
			{Name: "one operator is enough", Event: begun(desk.Thaw, false)},
			{Name: "one is enough, recovery", Event: begun(desk.Recover, false)},
			{Name: "one would be enough, end of a link", Event: begun(desk.EndLink, false)},
			{Name: "two are needed", Event: begun(desk.Recover, true)},
			{Name: "by another", Event: agreed},
			{Name: "by the first", Event: desk.Agreed{By: "first", Facts: seen}},
			{Name: "by nobody", Event: desk.Agreed{Facts: seen}},
			{Name: "other facts", Event: desk.Agreed{By: "second", Facts: []byte("others")}},
			{Name: "late", Event: agreed, At: late},
			{Name: "by another", Event: desk.Declined{By: "second", Why: "doubt"}},
			{Name: "by the first", Event: desk.Declined{By: "first", Why: "doubt"}},
			{Name: "late", Event: desk.Declined{By: "second", Why: "doubt"}, At: late},
			{Name: "by the first", Event: desk.TakenBack{By: "first"}},
			{Name: "by another", Event: desk.TakenBack{By: "second"}},
			{Name: "too early", Event: desk.Due{}},
			{Name: "in time", Event: desk.Due{}, At: late},
			{Name: "by the first", Event: desk.Printed{By: "first"}},
			{Name: "by another", Event: desk.Printed{By: "second"}},
			{Name: "late", Event: desk.Printed{By: "first"}, At: late},
			{Name: "too early", Event: desk.PaperDue{}},
			{Name: "in time", Event: desk.PaperDue{}, At: late},
		},
	}
}

func TestActTable(t *testing.T) { flowtable.Compare(t, flow, "desk", machine(t).Walk(t)) }

// No event moves an act that two operators must decide to "approved" without a second operator who is somebody else.
func TestOneOperatorIsNeverTwo(t *testing.T) {
	m := machine(t)
	for _, s := range m.Samples {
		for _, v := range m.Variants {
			now := m.At(s.Value)
			if v.At != nil {
				now = v.At(s.Value)
			}
			n, _, err := m.Apply(s.Value, now, v.Event)
			if err != nil || n.State != desk.Approved {
				continue
			}
			if n.Two && (n.Second == "" || n.Second == n.Proposer) {
				t.Errorf("%s × %s: approved by %q after %q", s.Name, m.NameOf(v.Event), n.Second, n.Proposer)
			}
			if n.Kind == desk.EndLink && n.Second == "" {
				t.Errorf("%s × %s: one operator ended a link", s.Name, m.NameOf(v.Event))
			}
		}
	}
}

func TestFiguresNameNobody(t *testing.T) {
	for _, c := range []struct {
		fraud, decided int
		few            bool
		percent        int
	}{
		{0, 0, true, 0}, {9, 100, true, 0}, {10, 19, true, 0}, {10, 20, false, 50}, {50, 200, false, 25}, {195, 200, true, 0},
	} {
		f := desk.Publish(desk.Raw{Fraud: c.fraud, Decided: c.decided, Median: time.Hour}, 10, start)
		if f.Fraud.Few != c.few || f.Fraud.Percent != c.percent {
			t.Errorf("%d of %d: %+v", c.fraud, c.decided, f.Fraud)
		}
		if f.MedianFew != (c.decided < 10) || f.MedianFew && f.Median != 0 {
			t.Errorf("%d decided: median %s, few %t", c.decided, f.Median, f.MedianFew)
		}
	}
	f := desk.Publish(desk.Raw{Outcomes: map[string]int{"completed": 9, "rejected": 10}, Suspended: 3}, 10, start)
	for _, one := range append(f.Outcomes, f.Suspended, f.Unreachable) {
		if one.N != 0 && one.N < 10 || one.Few && one.N != 0 {
			t.Errorf("shown: %+v", one)
		}
	}
}
