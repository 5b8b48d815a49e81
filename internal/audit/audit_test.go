package audit_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"doverie/internal/audit"
	"doverie/internal/effect"
)

var moment = time.Date(2026, 11, 21, 12, 0, 0, 123456000, time.UTC)

func chain(n int) ([]audit.Event, audit.Head) {
	var head audit.Head
	events := make([]audit.Event, 0, n)
	for i := range n {
		events = append(events, head.Append(audit.Event{
			At: moment.Add(time.Duration(i) * time.Second), Kind: "link.accepted", Object: "link:1",
			Act: effect.Act{Actor: effect.Person, ID: "а", Area: "91.221.0.0/16"}, Policy: "2026-11",
			Subjects: []string{"а", "б"}, Facts: map[string]string{"имя": "Алексей", "шаг": "1"},
		}))
	}
	return events, head
}

func verify(events []audit.Event, head audit.Head, sealed bool) audit.Report {
	var v audit.Verifier
	for _, e := range events {
		if !v.Next(e) {
			break
		}
	}
	return v.Done(head, sealed)
}

func TestIntact(t *testing.T) {
	events, head := chain(5)
	if r := verify(events, head, true); !r.Intact() || r.Count != 5 || r.FirstBad != 0 {
		t.Errorf("intact chain: %+v", r)
	}
	if r := verify(nil, audit.Head{}, true); !r.Intact() || r.Count != 0 {
		t.Errorf("empty chain: %+v", r)
	}
}

// The layout is a promise: a log written by an older program must verify with a newer one.
func TestLayoutIsFixed(t *testing.T) {
	events, _ := chain(2)
	// Computed once by a second implementation, written in another language from the comments of Sum.
	const want = "5ad5edf63dc30b003de48305b537ef212fa8f9c02707373b50da89f73d2e34ff"
	if got := hexOf(events[1].Hash); got != want {
		t.Errorf("hash of the second record is %s, want %s: the encoding changed", got[:4], want)
	}
}

func hexOf(h audit.Hash) string {
	const digits = "0123456789abcdef"
	var out []byte
	for _, b := range h {
		out = append(out, digits[b>>4], digits[b&15])
	}
	return string(out)
}

func TestEveryFieldCounts(t *testing.T) {
	changes := map[string]func(*audit.Event){
		"seq": func(e *audit.Event) { e.Seq++ }, "time": func(e *audit.Event) { e.At = e.At.Add(time.Microsecond) },
		"kind": func(e *audit.Event) { e.Kind = "link.ended" }, "object": func(e *audit.Event) { e.Object = "link:2" },
		"actor": func(e *audit.Event) { e.Act.Actor = effect.System }, "actor id": func(e *audit.Event) { e.Act.ID = "в" },
		"office": func(e *audit.Event) { e.Act.Office = "МФЦ" }, "area": func(e *audit.Event) { e.Act.Area = "" },
		"device": func(e *audit.Event) { e.Act.Device = "x" }, "request": func(e *audit.Event) { e.Act.RequestID = "x" },
		"policy": func(e *audit.Event) { e.Policy = "x" }, "subject removed": func(e *audit.Event) { e.Subjects = e.Subjects[:1] },
		"subjects swapped": func(e *audit.Event) { e.Subjects = []string{"б", "а"} },
		"subjects joined":  func(e *audit.Event) { e.Subjects = []string{"аб"} },
		"fact value":       func(e *audit.Event) { e.Facts = map[string]string{"имя": "Олексей", "шаг": "1"} },
		"fact removed":     func(e *audit.Event) { e.Facts = map[string]string{"имя": "Алексей"} },
		"facts shifted":    func(e *audit.Event) { e.Facts = map[string]string{"имяА": "лексей", "шаг": "1"} },
	}
	for name, change := range changes {
		events, head := chain(4)
		change(&events[2])
		r := verify(events, head, true)
		if name == "seq" {
			if r.Fault != audit.Missing || r.FirstBad != 3 {
				t.Errorf("%s: %+v", name, r)
			}
			continue
		}
		if r.Fault != audit.Changed || r.FirstBad != 3 || r.Count != 2 {
			t.Errorf("%s: %+v, want record 3 changed", name, r)
		}
	}
}

func TestFaultsAreNamed(t *testing.T) {
	events, head := chain(5)
	swapped := slices.Clone(events)
	swapped[1], swapped[3] = swapped[3], swapped[1]
	swapped[1].Seq, swapped[3].Seq = 2, 4
	rehashed := slices.Clone(events)
	rehashed[2].Kind = "link.ended"
	var forged audit.Head
	for i := range rehashed {
		rehashed[i] = forged.Append(rehashed[i])
	}
	cases := map[string]struct {
		events []audit.Event
		head   audit.Head
		sealed bool
		fault  audit.Fault
		first  int64
	}{
		"missing in the middle":   {slices.Delete(slices.Clone(events), 2, 3), head, true, audit.Missing, 3},
		"missing at the start":    {events[1:], head, true, audit.Missing, 1},
		"swapped":                 {swapped, head, true, audit.Changed, 2},
		"cut off":                 {events[:3], head, true, audit.Truncated, 4},
		"emptied":                 {nil, head, true, audit.Truncated, 1},
		"head set back":           {events, audit.Head{Seq: 3, Hash: events[2].Hash}, true, audit.Surplus, 4},
		"head with a wrong hash":  {events, audit.Head{Seq: 5, Hash: events[3].Hash}, true, audit.HeadLost, 5},
		"whole chain made afresh": {rehashed, forged, false, audit.Forged, 5},
		"head not re-made":        {rehashed, head, true, audit.HeadLost, 5},
		"repeated":                {append(slices.Clone(events[:3]), events[2]), head, true, audit.Changed, 3},
	}
	for name, c := range cases {
		if r := verify(c.events, c.head, c.sealed); r.Fault != c.fault || r.FirstBad != c.first {
			t.Errorf("%s: got %s at %d, want %s at %d", name, r.Fault, r.FirstBad, c.fault, c.first)
		}
	}
}

// Any single record changed in any text is found, and named.
func TestAnyChangeIsNamed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events, head := chain(rapid.IntRange(1, 12).Draw(t, "length"))
		at := rapid.IntRange(0, len(events)-1).Draw(t, "record")
		text := rapid.String().Draw(t, "text")
		e := &events[at]
		targets := []*string{&e.Kind, &e.Object, &e.Act.ID, &e.Act.Office, &e.Act.Device, &e.Policy}
		target := targets[rapid.IntRange(0, len(targets)-1).Draw(t, "field")]
		if *target == text {
			t.Skip("nothing changed")
		}
		*target = text
		if r := verify(events, head, true); r.Fault != audit.Changed || r.FirstBad != int64(at+1) {
			t.Fatalf("changed record %d, report %+v", at+1, r)
		}
	})
}
