package flowtable

import (
	"slices"
	"testing"

	"doverie/internal/trust"
)

// A table that leaves out a state or an event is noticed.
func TestMissingIsNoticed(t *testing.T) {
	m := Machine[trust.Link, trust.LinkEvent]{
		Dir: "../trust", State: "LinkState", Marker: "linkEvent", StateOf: func(l trust.Link) string { return string(l.State) },
		Samples:  []Sample[trust.Link]{{Name: "invited", Value: trust.Link{State: trust.Invited}}},
		Variants: []Variant[trust.Link, trust.LinkEvent]{{Event: trust.Resigned{}}},
	}
	missing := m.missing(t)
	for _, want := range []string{`no sample of state "" of LinkState`, `no sample of state "ended" of LinkState`, "no variant of event PartyClosed"} {
		if !slices.Contains(missing, want) {
			t.Errorf("not noticed: %s", want)
		}
	}
	for _, there := range []string{`no sample of state "invited" of LinkState`, "no variant of event Resigned"} {
		if slices.Contains(missing, there) {
			t.Errorf("wrongly missed: %s", there)
		}
	}
}

// What says the same is merged, what differs is not, and nothing gets lost.
func TestRenderMerges(t *testing.T) {
	got := render([]string{"a", "b", "c"}, []row{
		{"x", []string{"1", "1", "–"}},
		{"y", []string{"1", "1", "–"}},
		{"z", []string{"2", "2", "–"}},
	})
	want := "| event | a<br>b | c |\n|---|---|---|\n| x<br>y | 1 | – |\n| z | 2 | – |\n"
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
