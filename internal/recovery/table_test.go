package recovery_test

import (
	"testing"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/flowtable"
	"doverie/internal/policy"
	"doverie/internal/recovery"
	"doverie/internal/trust"
)

const flow = "../../docs/flow.md"

var (
	rules = policy.Default()
	start = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	cast  = trust.Cast{
		Principal: "Вера Петровна", StopCode: "1234-5678",
		Contacts: map[string]string{"contact": "Алексей"}, ContactsOrder: []string{"contact"},
	}
)

func must(r recovery.Recovery, now time.Time, e recovery.Event) recovery.Recovery {
	next, _, err := r.Apply(now, rules, e)
	if err != nil {
		panic(err)
	}
	return next
}

func started(account string, channel effect.Channel) recovery.Started {
	return recovery.Started{ID: "recovery", Account: account, Device: "Chrome", Area: "91.221.0.0/16", Channel: channel}
}

func proven(g recovery.Guard) recovery.Proven {
	return recovery.Proven{CodeID: "code", SNILS: true, Guard: g, Cast: cast}
}

func vote(approved int, why trust.RejectReason) trust.Vote {
	return trust.Vote{By: trust.Approval{ID: "approval", Contact: "contact", Reason: string(why)}, Approved: approved, Cast: cast}
}

// A guard that one able contact opens, and changes to it.
func guard(change func(*recovery.Guard)) recovery.Guard {
	g := recovery.Guard{Guarding: 1, Able: 1, Quorum: 1}
	if change != nil {
		change(&g)
	}
	return g
}

func lost(able, standing int) recovery.ContactLost {
	return recovery.ContactLost{Left: trust.Left{Able: able, Standing: standing}}
}

func samples() []flowtable.Sample[recovery.Recovery] {
	at := start.Add(time.Minute)
	begin := func(account string, channel effect.Channel) recovery.Recovery {
		return must(recovery.Recovery{}, start, started(account, channel))
	}
	sms := begin("principal", effect.SMS)
	awaiting := must(sms, at, proven(guard(nil)))
	two := must(sms, at, proven(recovery.Guard{Guarding: 3, Able: 2, Quorum: 2}))
	approved := must(awaiting, at, recovery.VotedFor{Vote: vote(1, "")})
	alone := must(sms, at, proven(recovery.Guard{Quorum: 1}))
	byMail := must(begin("principal", effect.Email), at, proven(recovery.Guard{Quorum: 1}))
	verified := must(approved, at, recovery.SecondCode{CodeID: "code"})
	return []flowtable.Sample[recovery.Recovery]{
		{Name: "none"},
		{Name: "proving", Value: sms},
		{Name: "proving, by e-mail", Value: begin("principal", effect.Email)},
		{Name: "proving, decoy", Value: begin("", effect.SMS)},
		{Name: "awaiting_contact", Value: awaiting},
		{Name: "awaiting_contact, two needed", Value: two},
		{Name: "approved", Value: approved},
		{Name: "approved, unguarded", Value: alone},
		{Name: "approved, unguarded, by e-mail", Value: byMail},
		{Name: "verified", Value: verified},
		{Name: "verified, unguarded", Value: must(alone, at, recovery.SecondCode{CodeID: "code"})},
		{Name: "completed", Value: must(verified, at, recovery.PasswordSet{Hash: "hash", Guarding: 1, Standing: 1, Cast: cast})},
		{Name: "rejected", Value: must(awaiting, at, recovery.VotedAgainst{Vote: vote(0, trust.ReasonOther)})},
		{Name: "disowned", Value: must(awaiting, at, recovery.DisownedByOwner{Cast: cast})},
		{Name: "expired", Value: must(awaiting, awaiting.ExpiresAt, recovery.Due{Cast: cast})},
		{Name: "cancelled", Value: must(awaiting, at, recovery.GivenUp{Reason: "applicant"})},
		{Name: "superseded", Value: must(awaiting, at, recovery.Overtaken{By: "newer"})},
		{Name: "locked_out", Value: must(sms, at, recovery.CodeMissed{})},
	}
}

type variant = flowtable.Variant[recovery.Recovery, recovery.Event]

func variants() []variant {
	late := func(r recovery.Recovery) time.Time { return r.ExpiresAt }
	out := []variant{
		{Name: "an account", Event: started("principal", effect.SMS)},
		{Name: "a decoy", Event: started("", effect.SMS)},
		{Event: recovery.CodeSent{Code: recovery.Code{ID: "code", Purpose: "recovery", Code: "123456", Hash: []byte("hash"), Phone: "+79160000000"}}},
		{Name: "unguarded", Event: proven(recovery.Guard{Quorum: 1})},
		{Name: "guarded", Event: proven(guard(nil))},
		{Name: "guarded, quiet exit", Event: proven(guard(func(g *recovery.Guard) { g.WaitUntil = start.Add(rules.RecoveryQuietWait) }))},
		{Name: "guarded, nobody able", Event: proven(guard(func(g *recovery.Guard) { g.Able = 0 }))},
		{Name: "guarded, one able of two needed", Event: proven(recovery.Guard{Guarding: 2, Able: 1, Quorum: 2})},
		{Name: "guarded, quorum above contacts", Event: proven(guard(func(g *recovery.Guard) { g.Quorum = 2 }))},
		{Name: "guarded, one ask left", Event: proven(guard(func(g *recovery.Guard) { g.Asks = rules.AsksPerDay - 1 }))},
		{Name: "guarded, asked too often", Event: proven(guard(func(g *recovery.Guard) { g.Asks = rules.AsksPerDay }))},
		{Name: "frozen", Event: proven(guard(func(g *recovery.Guard) { g.Frozen = true }))},
		{Name: "locked", Event: proven(guard(func(g *recovery.Guard) { g.LockedUntil = start.Add(time.Hour) }))},
		{Name: "unguarded, locked", Event: proven(recovery.Guard{Quorum: 1, LockedUntil: start.Add(time.Hour)})},
		{Name: "lock is over", Event: proven(guard(func(g *recovery.Guard) { g.LockedUntil = start.Add(2 * time.Minute) }))},
		{Name: "recovered meanwhile", Event: proven(guard(func(g *recovery.Guard) { g.RecoveredAt = start.Add(time.Second) }))},
		{Name: "recovered before", Event: proven(guard(func(g *recovery.Guard) { g.RecoveredAt = start.Add(-time.Second) }))},
		{Name: "without the SNILS", Event: recovery.Proven{CodeID: "code", Guard: guard(nil), Cast: cast}},
		{Name: "SIM changed, with the SNILS", Event: proven(guard(func(g *recovery.Guard) { g.SimChanged = true }))},
		{Name: "SIM changed, without it", Event: recovery.Proven{CodeID: "code", Guard: guard(func(g *recovery.Guard) { g.SimChanged = true }), Cast: cast}},
		{Name: "the first", Event: recovery.VotedFor{Vote: vote(1, "")}},
		{Name: "the second", Event: recovery.VotedFor{Vote: vote(2, "")}},
		{Name: "fraud", Event: recovery.VotedAgainst{Vote: vote(0, trust.ReasonFraud)}},
		{Name: "unreachable", Event: recovery.VotedAgainst{Vote: vote(0, trust.ReasonUnreachable)}},
		{Name: "nobody left", Event: lost(0, 0)},
		{Name: "one left, he has not approved", Event: lost(1, 0)},
		{Name: "one left, he has approved", Event: lost(1, 1)},
		{Name: "who approved cannot now, but is a contact", Event: lost(0, 1)},
		{Name: "two left", Event: lost(2, 0)},
		{Event: recovery.CodeMissed{}},
		{Event: recovery.SecondCode{CodeID: "code"}},
		{Name: "no link guards", Event: recovery.PasswordSet{Hash: "hash", Cast: trust.Cast{Principal: "Вера"}}},
		{Name: "a link guards", Event: recovery.PasswordSet{Hash: "hash", Guarding: 1, Standing: 1, Cast: cast}},
		{Name: "a link guards, no yes stands", Event: recovery.PasswordSet{Hash: "hash", Guarding: 1, Cast: cast}},
		{Name: "a quiet exit runs", Event: recovery.PasswordSet{Hash: "hash", Guarding: 1, Standing: 1, Quiet: true, Cast: cast}},
		{Event: recovery.DisownedByOwner{Cast: cast}},
		{Event: recovery.GivenUp{Reason: "applicant"}},
		{Event: recovery.Overtaken{By: "newer"}},
		{Event: recovery.Frozen{}},
		{Name: "too early", Event: recovery.Due{Cast: cast}},
	}
	// Every event once more at the very end of the state, before the timer has come: half-open intervals.
	seen := map[string]bool{}
	for _, v := range out {
		name := recovery.EventName(v.Event)
		if !seen[name] && name != "due" {
			seen[name] = true
			out = append(out, variant{Name: "at the end", Event: v.Event, At: late})
		}
	}
	return append(out, variant{Name: "at the end", Event: recovery.Due{Cast: cast}, At: late})
}

func machine() flowtable.Machine[recovery.Recovery, recovery.Event] {
	return flowtable.Machine[recovery.Recovery, recovery.Event]{
		Dir: ".", State: "State", Marker: "event", Refusal: "fault.recovery.state_",
		Samples: samples(), Variants: variants(),
		At:      func(recovery.Recovery) time.Time { return start.Add(2 * time.Minute) },
		StateOf: func(r recovery.Recovery) string { return string(r.State) },
		NameOf:  recovery.EventName,
		Apply: func(r recovery.Recovery, now time.Time, e recovery.Event) (recovery.Recovery, []effect.Effect, error) {
			return r.Apply(now, rules, e)
		},
	}
}

func TestRecoveryTable(t *testing.T) {
	flowtable.Compare(t, flow, "recovery", machine().Walk(t))
}

// A recovery that is over stays over, whatever happens and whenever.
func TestRecoveryOverIsOver(t *testing.T) {
	for _, s := range samples() {
		if !s.Value.Over() {
			continue
		}
		for _, v := range variants() {
			for _, now := range []time.Time{start, s.Value.ExpiresAt, start.Add(1000 * time.Hour)} {
				if _, _, err := s.Value.Apply(now, rules, v.Event); err == nil {
					t.Errorf("%s × %T was accepted", s.Name, v.Event)
				}
			}
		}
	}
}

// States lists exactly the declared ones.
func TestStatesAreComplete(t *testing.T) {
	declared := flowtable.Constants(t, ".", "State")
	listed := recovery.States()
	if len(declared) != len(listed) {
		t.Fatalf("declared %q, listed %q", declared, listed)
	}
	for i, s := range listed {
		if declared[i] != string(s) {
			t.Errorf("declared %q, listed %q", declared[i], s)
		}
	}
}

// A quiet exit makes the request live to its end, and a boundary case of it: never shorter than without.
func TestQuietExitProlongsTheRequest(t *testing.T) {
	sms := must(recovery.Recovery{}, start, started("principal", effect.SMS))
	for wait, want := range map[time.Duration]time.Duration{
		0: rules.RecoveryWait, rules.RecoveryWait - 1: rules.RecoveryWait, 72 * time.Hour: 72 * time.Hour,
	} {
		g := guard(func(g *recovery.Guard) { g.WaitUntil = start.Add(wait) })
		if got := must(sms, start, proven(g)).ExpiresAt.Sub(start); got != want {
			t.Errorf("wait %s: lives %s, want %s", wait, got, want)
		}
	}
}

// What a feared contact has approved waits for the full time, and lives long enough to be finished then.
func TestQuietExitDelaysThePassword(t *testing.T) {
	sms := must(recovery.Recovery{}, start, started("principal", effect.SMS))
	wait := start.Add(rules.RecoveryQuietWait)
	awaiting := must(sms, start, proven(guard(func(g *recovery.Guard) { g.WaitUntil = wait })))
	verified := must(must(awaiting, start.Add(time.Minute), recovery.VotedFor{Vote: vote(1, "")}), start.Add(2*time.Minute), recovery.SecondCode{CodeID: "code"})
	set := recovery.PasswordSet{Hash: "hash", Guarding: 1, Standing: 1, Quiet: true, Cast: cast}
	for _, c := range []struct {
		at   time.Time
		e    recovery.PasswordSet
		want recovery.State
	}{
		{start.Add(3 * time.Minute), set, recovery.Verified},
		{wait.Add(-time.Microsecond), set, recovery.Verified},
		{wait, set, recovery.Completed},
		{wait.Add(rules.RecoveryFinish - time.Microsecond), set, recovery.Completed},
		{start.Add(3 * time.Minute), recovery.PasswordSet{Hash: "hash", Guarding: 1, Standing: 1, Cast: cast}, recovery.Completed}, // the exit was stopped
		{start.Add(3 * time.Minute), recovery.PasswordSet{Hash: "hash", Cast: cast}, recovery.LockedOut},                           // it took effect, and his yes went with him
	} {
		next, effs, err := verified.Apply(c.at, rules, c.e)
		if next.State != c.want || (c.want == recovery.Verified) != fault.HasKey(err, "fault.recovery.too_early") || err != nil && len(effs) > 0 {
			t.Errorf("after %s: %s, %v", c.at.Sub(start), next.State, err)
		}
	}
}

func TestGuardNeeded(t *testing.T) {
	for _, c := range []struct{ quorum, guarding, want int }{
		{0, 0, 1}, {1, 0, 1}, {1, 1, 1}, {1, 3, 1}, {2, 0, 1}, {2, 1, 1}, {2, 2, 2}, {2, 3, 2}, {0, 2, 1},
	} {
		if got := (recovery.Guard{Quorum: c.quorum, Guarding: c.guarding}).Needed(); got != c.want {
			t.Errorf("quorum %d of %d: %d, want %d", c.quorum, c.guarding, got, c.want)
		}
	}
}

// The hooks by which package trust moves a recovery.
func TestRecoveryHooks(t *testing.T) {
	by := map[string]recovery.Recovery{}
	for _, s := range samples() {
		by[s.Name] = s.Value
	}
	now := start.Add(2 * time.Minute)
	lost := func(r recovery.Recovery, now time.Time, able, standing int) func() (trust.Parent, []effect.Effect, error) {
		left := trust.Left{Able: able, Standing: standing}
		return func() (trust.Parent, []effect.Effect, error) { return r.WhenContactLost(now, rules, left) }
	}
	frozen := func(r recovery.Recovery, now time.Time) func() (trust.Parent, []effect.Effect, error) {
		return func() (trust.Parent, []effect.Effect, error) { return r.WhenFrozen(now, rules) }
	}
	for _, c := range []struct {
		name string
		hook func() (trust.Parent, []effect.Effect, error)
		want recovery.State
	}{
		{"awaiting, nobody left", lost(by["awaiting_contact"], now, 0, 0), recovery.LockedOut},
		{"awaiting, one left", lost(by["awaiting_contact"], now, 1, 0), recovery.Awaiting},
		{"two needed, one left", lost(by["awaiting_contact, two needed"], now, 1, 1), recovery.LockedOut},
		{"approved, another left", lost(by["approved"], now, 0, 1), recovery.Approved},
		{"approved, who approved left", lost(by["approved"], now, 1, 0), recovery.LockedOut},
		{"verified, who approved left", lost(by["verified"], now, 1, 0), recovery.LockedOut},
		{"verified, who approved cannot now", lost(by["verified"], now, 0, 1), recovery.Verified},
		{"unguarded, nobody left", lost(by["verified, unguarded"], now, 0, 0), recovery.Verified},
		{"late, nobody left", lost(by["awaiting_contact"], by["awaiting_contact"].ExpiresAt, 0, 0), recovery.Awaiting},
		{"approved, late, nobody left", lost(by["approved"], by["approved"].ExpiresAt, 0, 0), recovery.Approved},
		{"awaiting frozen", frozen(by["awaiting_contact"], now), recovery.Cancelled},
		{"approved frozen", frozen(by["approved"], now), recovery.Cancelled},
		{"verified frozen", frozen(by["verified"], now), recovery.Cancelled},
		{"late frozen", frozen(by["verified"], by["verified"].ExpiresAt), recovery.Verified},
	} {
		next, _, err := c.hook()
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
		} else if got := next.(recovery.Recovery).State; got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}
