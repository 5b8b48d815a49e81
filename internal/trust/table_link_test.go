package trust_test

import (
	"testing"
	"time"

	"doverie/internal/effect"
	"doverie/internal/flowtable"
	"doverie/internal/policy"
	"doverie/internal/trust"
)

const flow = "../../docs/flow.md"

var (
	rules = policy.Default()
	start = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
)

// must applies an event that has to be possible: samples are made by the machine itself.
func must[S, E any](apply func(time.Time, policy.Policy, E) (S, []effect.Effect, error), now time.Time, e E) S {
	next, _, err := apply(now, rules, e)
	if err != nil {
		panic(err)
	}
	return next
}

func invitation() trust.InvitationSent {
	return trust.InvitationSent{
		ID: "link", Principal: "principal", PrincipalName: "Вера", Label: "Алексей, +7 ••• •••-45-67",
		NameHash: []byte("name"), PhoneHash: []byte("phone"),
	}
}

func linkSamples() []flowtable.Sample[trust.Link] {
	step := func(l trust.Link, after time.Duration, e trust.LinkEvent) trust.Link {
		return must(l.Apply, start.Add(after), e)
	}
	invited := step(trust.Link{}, 0, invitation())
	active := step(invited, time.Hour, trust.InvitationAccepted{Contact: "contact", ContactName: "Алексей"})
	suspended := step(active, 48*time.Hour, trust.EligibilityLost{Reasons: []trust.Reason{trust.PhoneNotCurrent}})
	return []flowtable.Sample[trust.Link]{
		{Name: "none"},
		{Name: "invited", Value: invited},
		{Name: "active", Value: active},
		{Name: "suspended", Value: suspended},
		{Name: "leaving", Value: step(active, 48*time.Hour, trust.RemovalAsked{})},
		{Name: "leaving, quiet", Value: step(active, 48*time.Hour, trust.RemovalAsked{Quiet: true})},
		{Name: "leaving, was suspended", Value: step(suspended, 49*time.Hour, trust.RemovalAsked{})},
		{Name: "declined", Value: step(invited, time.Hour, trust.InvitationDeclined{Contact: "contact"})},
		{Name: "withdrawn", Value: step(invited, time.Hour, trust.InvitationWithdrawn{})},
		{Name: "expired", Value: step(invited, rules.InvitationTTL, trust.InvitationLapsed{})},
		{Name: "ended", Value: step(active, 2*time.Hour, trust.Resigned{})},
	}
}

// linkDeadline is the moment the state of the link waits for.
func linkDeadline(l trust.Link) time.Time {
	if l.State == trust.Leaving {
		return l.LeavesAt
	}
	return l.ExpiresAt
}

func linkMachine() flowtable.Machine[trust.Link, trust.LinkEvent] {
	atDeadline := linkDeadline
	justBefore := func(l trust.Link) time.Time { return linkDeadline(l).Add(-time.Microsecond) }
	return flowtable.Machine[trust.Link, trust.LinkEvent]{
		Dir: ".", State: "LinkState", Marker: "linkEvent", Refusal: "fault.trust.state_",
		Samples: linkSamples(),
		At:      func(trust.Link) time.Time { return start.Add(50 * time.Hour) },
		StateOf: func(l trust.Link) string { return string(l.State) },
		NameOf:  trust.LinkEventName,
		Apply: func(l trust.Link, now time.Time, e trust.LinkEvent) (trust.Link, []effect.Effect, error) {
			return l.Apply(now, rules, e)
		},
		Variants: []flowtable.Variant[trust.Link, trust.LinkEvent]{
			{Event: invitation()},
			{Name: "eligible, in time", Event: trust.InvitationAccepted{Contact: "contact", ContactName: "Алексей"}, At: justBefore},
			{Name: "a rule fails", Event: trust.InvitationAccepted{Contact: "contact", Reasons: []trust.Reason{trust.TooYoung, trust.Self}}, At: justBefore},
			{Name: "at its end", Event: trust.InvitationAccepted{Contact: "contact"}, At: atDeadline},
			{Event: trust.InvitationDeclined{Contact: "contact"}},
			{Event: trust.InvitationWithdrawn{}},
			{Name: "too early", Event: trust.InvitationLapsed{}, At: justBefore},
			{Name: "at its end", Event: trust.InvitationLapsed{}, At: atDeadline},
			{Event: trust.RemovalAsked{}},
			{Name: "quiet", Event: trust.RemovalAsked{Quiet: true}},
			{Name: "by the principal", Event: trust.RemovalStopped{By: trust.PrincipalSide}},
			{Name: "by the contact", Event: trust.RemovalStopped{By: trust.ContactSide}},
			{Name: "too early", Event: trust.RemovalDue{}, At: justBefore},
			{Name: "at its end", Event: trust.RemovalDue{}, At: atDeadline},
			{Event: trust.Resigned{}},
			{Name: "for a reason", Event: trust.EligibilityLost{Reasons: []trust.Reason{trust.PhoneNotCurrent}}},
			{Name: "for none", Event: trust.EligibilityLost{}},
			{Event: trust.EligibilityBack{}},
			{Event: trust.EndedInPerson{}},
			{Name: "of the principal", Event: trust.PartyClosed{Side: trust.PrincipalSide}},
			{Name: "of the contact", Event: trust.PartyClosed{Side: trust.ContactSide}},
		},
	}
}

func TestLinkTable(t *testing.T) {
	flowtable.Compare(t, flow, "link", linkMachine().Walk(t))
}

// A link that is over stays over, whatever happens.
func TestLinkOverIsOver(t *testing.T) {
	m := linkMachine()
	for _, s := range m.Samples {
		if !s.Value.Over() {
			continue
		}
		for _, v := range m.Variants {
			for _, now := range []time.Time{start, s.Value.EndedAt, start.Add(1000 * time.Hour)} {
				if _, _, err := s.Value.Apply(now, rules, v.Event); err == nil {
					t.Errorf("%s × %T was accepted", s.Name, v.Event)
				}
			}
		}
	}
}

// What was kept about an invited person goes with the answer (DOMAIN §4.3).
func TestLinkForgetsTheInvited(t *testing.T) {
	for _, s := range linkSamples() {
		l := s.Value
		if l.State != trust.Invited && (len(l.NameHash) > 0 || len(l.PhoneHash) > 0) {
			t.Errorf("%s: keyed hashes are kept", s.Name)
		}
		if l.Over() && l.Label != "" {
			t.Errorf("%s: the label is kept", s.Name)
		}
	}
}

// A quiet exit leaves no trace with the contact before it takes effect (DOMAIN §4.10).
func TestQuietExitIsQuiet(t *testing.T) {
	active := linkSamples()[2].Value
	left, effs, err := active.Apply(start.Add(48*time.Hour), rules, trust.RemovalAsked{Quiet: true})
	if err != nil {
		t.Fatal(err)
	}
	_, more, err := left.Apply(start.Add(49*time.Hour), rules, trust.RemovalStopped{By: trust.PrincipalSide})
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range append(effs, more...) {
		switch e := e.(type) {
		case effect.Send:
			if e.To == "contact" {
				t.Errorf("the contact is sent %s", e.Kind)
			}
		case effect.Record:
			for _, s := range e.Subjects {
				if s == "contact" {
					t.Errorf("the contact's history shows %s", e.Kind)
				}
			}
		}
	}
	seen := left.ForContact()
	if seen.State != trust.Active || seen.Quiet || !seen.LeavesAt.IsZero() || !seen.LeavingSince.IsZero() {
		t.Errorf("the contact sees %+v", seen)
	}
	if open := must(active.Apply, start.Add(48*time.Hour), trust.LinkEvent(trust.RemovalAsked{})); open.ForContact().State != trust.Leaving {
		t.Error("an open exit must show")
	}
}
