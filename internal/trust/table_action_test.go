package trust_test

import (
	"testing"
	"time"

	"doverie/internal/effect"
	"doverie/internal/flowtable"
	"doverie/internal/trust"
)

func actionStarted(kind trust.ActionKind, able, needed int) trust.ActionStarted {
	return trust.ActionStarted{
		ID: "action", Account: "principal", Session: "session", Device: "Chrome", Area: "91.221.0.0/16",
		Kind: kind, Payload: []byte("sealed"), Able: able, Needed: needed,
	}
}

func unguarded(kind trust.ActionKind) trust.ActionStarted {
	e := actionStarted(kind, 0, 1)
	e.Unguarded = true
	return e
}

func codeSent() trust.ActionCodeSent {
	return trust.ActionCodeSent{ID: "code", Phone: "+79130000001", Code: "123456", Hash: []byte("hash")}
}

func phoneChange(loser string) *trust.PhoneChange {
	return &trust.PhoneChange{CodeID: "code", Session: "session", Phone: "+79130000001", Old: "+79130000000", Loser: loser}
}

func vote(approved int, why trust.RejectReason) trust.Vote {
	return trust.Vote{
		By: trust.Approval{ID: "approval", Contact: "contact", Reason: string(why)}, Approved: approved,
		Cast: trust.Cast{Principal: "Вера Петровна", StopCode: "1234-5678", Contacts: map[string]string{"contact": "Алексей"}, ContactsOrder: []string{"contact"}},
	}
}

func actionSamples() []flowtable.Sample[trust.Action] {
	begin := func(kind trust.ActionKind, needed int) trust.Action {
		return must(trust.Action{}.Apply, start, trust.ActionEvent(actionStarted(kind, 2, needed)))
	}
	step := func(a trust.Action, e trust.ActionEvent) trust.Action {
		return must(a.Apply, start.Add(time.Minute), e)
	}
	waiting := begin(trust.ActionChangePhone, 1)
	approved := step(waiting, trust.ActionVotedFor{Vote: vote(1, "")})
	free := must(trust.Action{}.Apply, start, trust.ActionEvent(unguarded(trust.ActionChangePhone)))
	leaving := step(begin(trust.ActionRemoveContact, 1), trust.ActionVotedFor{Vote: vote(1, "")})
	entering := step(begin(trust.ActionSignIn, 1), trust.ActionVotedFor{Vote: vote(1, "")})
	done := step(approved, trust.ActionFinished{Guarded: true, Standing: 1, Change: phoneChange(""), Cast: vote(0, "").Cast})
	return []flowtable.Sample[trust.Action]{
		{Name: "none"},
		{Name: "waiting", Value: waiting},
		{Name: "waiting, two needed", Value: begin(trust.ActionChangePhone, 2)},
		{Name: "waiting, unfreeze", Value: begin(trust.ActionUnfreeze, 1)},
		{Name: "waiting, rehearsal", Value: begin(trust.ActionRehearsal, 1)},
		{Name: "waiting, remove factor", Value: begin(trust.ActionRemoveFactor, 1)},
		{Name: "waiting, sign-in", Value: begin(trust.ActionSignIn, 1)},
		{Name: "approved", Value: approved},
		{Name: "approved, unguarded", Value: free},
		{Name: "approved, remove contact", Value: leaving},
		{Name: "approved, sign-in", Value: entering},
		{Name: "done", Value: done},
		{Name: "rejected", Value: step(waiting, trust.ActionVotedAgainst{Vote: vote(0, trust.ReasonFraud)})},
		{Name: "expired", Value: must(waiting.Apply, waiting.ExpiresAt, trust.ActionEvent(trust.ActionDue{}))},
		{Name: "cancelled", Value: step(waiting, trust.ActionGivenUp{Reason: "owner"})},
	}
}

func actionMachine() flowtable.Machine[trust.Action, trust.ActionEvent] {
	late := func(trust.Action) time.Time { return start.Add(rules.RecoveryWait) }
	return flowtable.Machine[trust.Action, trust.ActionEvent]{
		Dir: ".", State: "ActionState", Marker: "actionEvent", Refusal: "fault.action.state_",
		Samples: actionSamples(),
		At:      func(trust.Action) time.Time { return start.Add(rules.RecoveryWait - time.Microsecond) },
		StateOf: func(a trust.Action) string { return string(a.State) },
		NameOf:  trust.ActionEventName,
		Apply: func(a trust.Action, now time.Time, e trust.ActionEvent) (trust.Action, []effect.Effect, error) {
			return a.Apply(now, rules, e)
		},
		Variants: []flowtable.Variant[trust.Action, trust.ActionEvent]{
			{Name: "enough contacts are able", Event: actionStarted(trust.ActionUnfreeze, 2, 2)},
			{Name: "a sign-in", Event: actionStarted(trust.ActionSignIn, 1, 1)},
			{Name: "too few are able", Event: actionStarted(trust.ActionUnfreeze, 1, 2)},
			{Name: "nobody is able", Event: actionStarted(trust.ActionUnfreeze, 0, 1)},
			{Name: "the first", Event: trust.ActionVotedFor{Vote: vote(1, "")}},
			{Name: "the second", Event: trust.ActionVotedFor{Vote: vote(2, "")}},
			{Name: "late", Event: trust.ActionVotedFor{Vote: vote(1, "")}, At: late},
			{Event: trust.ActionVotedAgainst{Vote: vote(0, trust.ReasonFraud)}},
			{Name: "late", Event: trust.ActionVotedAgainst{Vote: vote(0, trust.ReasonFraud)}, At: late},
			{Name: "unguarded", Event: unguarded(trust.ActionChangePhone)},
			{Event: codeSent()},
			{Name: "late", Event: codeSent(), At: late},
			{Name: "without a code", Event: trust.ActionFinished{Guarded: true, Standing: 1}},
			{Name: "guarded", Event: trust.ActionFinished{Guarded: true, Standing: 1, Change: phoneChange(""), Cast: vote(0, "").Cast}},
			{Name: "guarded, no yes stands", Event: trust.ActionFinished{Guarded: true, Change: phoneChange(""), Cast: vote(0, "").Cast}},
			{Name: "not guarded", Event: trust.ActionFinished{Standing: 1, Change: phoneChange("")}},
			{Name: "not guarded, somebody else's number", Event: trust.ActionFinished{Standing: 1, Change: phoneChange("stranger")}},
			{Name: "late", Event: trust.ActionFinished{Standing: 1, Change: phoneChange("")}, At: late},
			{Name: "too early", Event: trust.ActionDue{}},
			{Name: "in time", Event: trust.ActionDue{}, At: late},
			{Event: trust.ActionGivenUp{Reason: "owner"}},
		},
	}
}

func TestActionTable(t *testing.T) {
	flowtable.Compare(t, flow, "action", actionMachine().Walk(t))
}

// The hooks of a parent: a lost contact ends what can no longer be approved, a freeze ends all but its lifting.
func TestActionHooks(t *testing.T) {
	two := must(trust.Action{}.Apply, start, trust.ActionEvent(actionStarted(trust.ActionChangePhone, 2, 2)))
	lift := must(trust.Action{}.Apply, start, trust.ActionEvent(actionStarted(trust.ActionUnfreeze, 2, 1)))
	approved := must(must(trust.Action{}.Apply, start, trust.ActionEvent(actionStarted(trust.ActionChangePhone, 2, 1))).Apply, start,
		trust.ActionEvent(trust.ActionVotedFor{Vote: vote(1, "")}))
	free := must(trust.Action{}.Apply, start, trust.ActionEvent(unguarded(trust.ActionChangePhone)))
	lost := func(a trust.Action, left trust.Left) func() (trust.Parent, []effect.Effect, error) {
		return func() (trust.Parent, []effect.Effect, error) { return a.WhenContactLost(start, rules, left) }
	}
	for _, c := range []struct {
		name string
		hook func() (trust.Parent, []effect.Effect, error)
		want trust.ActionState
	}{
		{"one of two left", lost(two, trust.Left{Able: 1}), trust.ActionCancelled},
		{"two left", lost(two, trust.Left{Able: 2}), trust.Waiting},
		{"approved, who approved left", lost(approved, trust.Left{Able: 2}), trust.ActionCancelled},
		{"approved, who approved cannot now", lost(approved, trust.Left{Standing: 1}), trust.ActionApproved},
		{"approved unguarded", lost(free, trust.Left{}), trust.ActionApproved},
		{"frozen", func() (trust.Parent, []effect.Effect, error) { return two.WhenFrozen(start, rules) }, trust.ActionCancelled},
		{"frozen again", func() (trust.Parent, []effect.Effect, error) { return lift.WhenFrozen(start, rules) }, trust.Waiting},
	} {
		next, effs, err := c.hook()
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if got := next.(trust.Action).State; got != c.want || (got != trust.ActionCancelled) != (len(effs) == 0) {
			t.Errorf("%s: %s with %d effects, want %s", c.name, got, len(effs), c.want)
		}
	}
}
