package trust_test

import (
	"testing"
	"time"

	"doverie/internal/effect"
	"doverie/internal/flowtable"
	"doverie/internal/trust"
)

func guardMachine() flowtable.Machine[trust.Guard, trust.GuardEvent] {
	cast := vote(0, "").Cast
	step := func(g trust.Guard, e trust.GuardEvent) trust.Guard { return must(g.Apply, start, e) }
	on := trust.NewGuard("principal", trust.GuardChangePhone)
	quorum := step(trust.NewGuard("principal", trust.GuardQuorum), trust.GuardSwitchedOn{Guarding: 2})
	due := func(trust.Guard) time.Time { return start.Add(rules.GuardOff) }
	return flowtable.Machine[trust.Guard, trust.GuardEvent]{
		Dir: ".", State: "GuardState", Marker: "guardEvent", Refusal: "fault.guard.state_",
		Samples: []flowtable.Sample[trust.Guard]{
			{Name: "off", Value: trust.NewGuard("principal", trust.GuardRemoveFactor)},
			{Name: "off, quorum", Value: trust.NewGuard("principal", trust.GuardQuorum)},
			{Name: "on", Value: on},
			{Name: "on, quorum", Value: quorum},
			{Name: "falling", Value: step(on, trust.GuardSwitchedOff{Cast: cast})},
			{Name: "falling, quorum", Value: step(quorum, trust.GuardSwitchedOff{Cast: cast})},
		},
		At:      func(trust.Guard) time.Time { return start.Add(rules.GuardOff - time.Microsecond) },
		StateOf: func(g trust.Guard) string { return string(g.State) },
		NameOf:  trust.GuardEventName,
		Apply: func(g trust.Guard, now time.Time, e trust.GuardEvent) (trust.Guard, []effect.Effect, error) {
			return g.Apply(now, rules, e)
		},
		Variants: []flowtable.Variant[trust.Guard, trust.GuardEvent]{
			{Name: "two contacts", Event: trust.GuardSwitchedOn{Guarding: 2}},
			{Name: "one contact", Event: trust.GuardSwitchedOn{Guarding: 1}},
			{Event: trust.GuardSwitchedOff{Cast: cast}},
			{Event: trust.GuardKept{}},
			{Name: "too early", Event: trust.GuardDue{}},
			{Name: "in time", Event: trust.GuardDue{}, At: due},
		},
	}
}

func TestGuardTable(t *testing.T) {
	flowtable.Compare(t, flow, "guard", guardMachine().Walk(t))
}

// A falling switch guards to its very end; what nobody touched stands as the rules set it.
func TestGuardsInForce(t *testing.T) {
	for name, want := range map[trust.GuardName]bool{
		trust.GuardChangePhone: true, trust.GuardTellSignIn: true,
		trust.GuardRemoveFactor: false, trust.GuardRemoveContact: false, trust.GuardAskSignIn: false, trust.GuardQuorum: false,
	} {
		if got := trust.NewGuard("principal", name).Guards(); got != want {
			t.Errorf("%s guards from the start: %v", name, got)
		}
	}
	on := trust.NewGuard("principal", trust.GuardChangePhone)
	falling := must(on.Apply, start, trust.GuardEvent(trust.GuardSwitchedOff{}))
	if !falling.Guards() || !falling.OffAt.Equal(start.Add(rules.GuardOff)) {
		t.Errorf("falling: %+v", falling)
	}
	if off := must(falling.Apply, falling.OffAt, trust.GuardEvent(trust.GuardDue{})); off.Guards() {
		t.Errorf("fallen: %+v", off)
	}
}
