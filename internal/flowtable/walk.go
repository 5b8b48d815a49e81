package flowtable

import (
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
)

// Sample is one canonical value of a state.
type Sample[S any] struct {
	Name  string // the column: the state, and what sets this sample apart from others of the same state
	Value S
}

// Variant is one canonical event.
type Variant[S, E any] struct {
	Name  string // what sets this variant apart from others of the same event; may be empty
	Event E
	At    func(S) time.Time // when it happens to a sample; nil: Machine.At
}

// Machine is what Walk needs to know of one pure machine.
type Machine[S, E any] struct {
	Dir      string // folder of the package, to read what is declared
	State    string // name of the state type
	Marker   string // name of the method every event type has
	Refusal  string // prefix of the usual refusal: Refusal + state
	Samples  []Sample[S]
	Variants []Variant[S, E]
	At       func(S) time.Time // the usual moment of an event
	StateOf  func(S) string    // "" for the zero state
	NameOf   func(E) string
	Apply    func(S, time.Time, E) (S, []effect.Effect, error)
}

// Walk applies every variant to every sample and returns the table. It fails the test when a declared
// state has no sample, a declared event type no variant, when a refusal changed something, when a change
// of state has not exactly one event for this object, and when the machine is not pure.
func (m Machine[S, E]) Walk(t *testing.T) string {
	t.Helper()
	for _, what := range m.missing(t) {
		t.Error(what)
	}
	var rows []row
	var n notes
	for _, v := range m.Variants {
		r := row{label: m.NameOf(v.Event)}
		if v.Name != "" {
			r.label += ": " + v.Name
		}
		for _, s := range m.Samples {
			r.cells = append(r.cells, m.cell(t, s, v, &n))
		}
		rows = append(rows, r)
	}
	var columns []string
	for _, s := range m.Samples {
		columns = append(columns, s.Name)
	}
	return render(columns, rows) + n.String()
}

// missing names every declared state without a sample and every declared event type without a variant.
func (m Machine[S, E]) missing(t *testing.T) []string {
	t.Helper()
	var out, states []string
	for _, s := range m.Samples {
		states = append(states, m.StateOf(s.Value))
	}
	for _, declared := range Constants(t, m.Dir, m.State) {
		if !slices.Contains(states, declared) {
			out = append(out, fmt.Sprintf("no sample of state %q of %s", declared, m.State))
		}
	}
	var events []string
	for _, v := range m.Variants {
		events = append(events, reflect.TypeOf(v.Event).Name())
	}
	for _, declared := range Receivers(t, m.Dir, m.Marker) {
		if !slices.Contains(events, declared) {
			out = append(out, "no variant of event "+declared)
		}
	}
	return out
}

func (m Machine[S, E]) cell(t *testing.T, s Sample[S], v Variant[S, E], n *notes) string {
	t.Helper()
	at := m.At
	if v.At != nil {
		at = v.At
	}
	now := at(s.Value)
	before := fmt.Sprintf("%#v", s.Value)
	next, effs, err := m.Apply(s.Value, now, v.Event)
	again, effsAgain, errAgain := m.Apply(s.Value, now, v.Event)
	where := fmt.Sprintf("%s × %s (%s)", s.Name, m.NameOf(v.Event), v.Name)
	if !reflect.DeepEqual(next, again) || !reflect.DeepEqual(effs, effsAgain) || !reflect.DeepEqual(err, errAgain) {
		t.Errorf("%s: asked twice, answered differently", where)
	}
	if fmt.Sprintf("%#v", s.Value) != before {
		t.Errorf("%s: the machine changed what it was given", where)
	}
	from, to := m.StateOf(s.Value), m.StateOf(next)
	if err != nil {
		if !reflect.DeepEqual(next, s.Value) || len(effs) > 0 {
			t.Errorf("%s: refused, but something changed", where)
		}
		return m.refusal(from, err)
	}
	if from != to && records(effs) == 0 {
		t.Errorf("%s: a change of state without an event (I7)", where)
	}
	out := "**" + stateName(to) + "**"
	if from == to {
		out = "stays"
	}
	var done []string
	for _, e := range effs {
		done = append(done, describe(t, e))
	}
	if len(done) > 0 {
		out += " " + n.number(strings.Join(done, "; "))
	}
	return out
}

func (m Machine[S, E]) refusal(state string, err error) string {
	f := fault.Of(err)
	switch f.Key {
	case m.Refusal + stateName(state):
		return "–"
	case m.Refusal + "expired":
		return "late"
	}
	out := f.Kind.String() + " `" + f.Key + "`"
	for _, field := range f.Fields {
		out += " `" + field.Key + "`"
	}
	return out
}

func stateName(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func records(effs []effect.Effect) int {
	n := 0
	for _, e := range effs {
		if _, ok := e.(effect.Record); ok {
			n++
		}
	}
	return n
}

// describe prints one effect in a few words.
func describe(t *testing.T, e effect.Effect) string {
	t.Helper()
	switch e := e.(type) {
	case effect.Record:
		return "event " + e.Kind
	case effect.Send:
		return "message " + e.Kind + " to " + e.To
	case effect.Arm:
		return "timer " + e.Timer
	case effect.Disarm:
		return "no timer " + e.Timer
	case effect.IssueCode:
		return "code " + e.Purpose
	case effect.UseCode:
		return "code burnt"
	case effect.UseChallenge:
		return "challenge burnt"
	case effect.UsePasskey:
		return "passkey used"
	case effect.DropCodes:
		return "codes dropped"
	case effect.DropApprovalCodes:
		return "codes of the request dropped"
	case effect.SetPassword:
		return "password set"
	case effect.EndSessions:
		return "sessions ended"
	case effect.LockRecovery:
		return "recovery locked"
	case effect.Freeze:
		return "account frozen"
	case effect.Thaw:
		return "account thawed"
	case effect.BeginHold:
		return "hold begun"
	case effect.PurgePending:
		return "pending changes purged"
	case effect.ConfirmPhone:
		return "phone of " + e.Account + " confirmed"
	case effect.ChangePhone:
		return "phone of " + e.Account + " changed"
	case effect.LosePhone:
		return "phone of " + e.Account + " lost"
	case effect.RemoveFactor:
		return "code generator off"
	case effect.SetQuorum:
		return "quorum " + strconv.Itoa(e.Quorum)
	case effect.CloseAccount:
		return "account closed"
	case effect.TellGuardians:
		return "message " + e.Kind + " to the guarding contacts"
	case effect.TellSystems:
		return "systems told " + e.What
	}
	t.Errorf("flowtable does not know the effect %T", e)
	return fmt.Sprintf("%T", e)
}
