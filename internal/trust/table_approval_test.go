package trust_test

import (
	"testing"
	"time"

	"doverie/internal/effect"
	"doverie/internal/flowtable"
	"doverie/internal/trust"
)

var fiveYes = [trust.Questions]trust.Answer{trust.Yes, trust.Yes, trust.Yes, trust.Yes, trust.Yes}

func answers(at int, a trust.Answer) [trust.Questions]trust.Answer {
	out := fiveYes
	out[at] = a
	return out
}

func asked(kind trust.ActionKind, second bool) trust.ApprovalAsked {
	return trust.ApprovalAsked{
		ID: "approval", Object: "object", Principal: "principal", Contact: "contact", Link: "link", Action: kind,
		ExpiresAt: start.Add(rules.RecoveryWait), SecondDevice: second, PrincipalName: "Вера Петровна", Device: "Chrome", Area: "91.221.0.0/16",
	}
}

func approvalSamples() []flowtable.Sample[trust.Approval] {
	step := func(a trust.Approval, e trust.ApprovalEvent) trust.Approval {
		return must(a.Apply, start.Add(time.Minute), e)
	}
	first := must(trust.Approval{}.Apply, start, trust.ApprovalEvent(asked(trust.ActionRecovery, false)))
	checked := step(first, trust.QuestionsAnswered{Answers: fiveYes})
	matched := step(checked, trust.MatchTyped{Right: true})
	return []flowtable.Sample[trust.Approval]{
		{Name: "none"},
		{Name: "asked", Value: first},
		{Name: "checked", Value: checked},
		{Name: "checked, one miss", Value: step(checked, trust.MatchTyped{})},
		{Name: "matched", Value: matched},
		{Name: "flagged", Value: step(first, trust.QuestionsAnswered{Answers: answers(2, trust.Unsure)})},
		{Name: "approved", Value: step(matched, trust.Confirmed{CodeID: "code"})},
		{Name: "rejected", Value: step(first, trust.RejectedByContact{Reason: trust.ReasonFraud})},
		{Name: "closed", Value: step(first, trust.ActionOver{Reason: "expired"})},
		{Name: "closed, was approved", Value: step(step(matched, trust.Confirmed{CodeID: "code"}), trust.LinkOver{})},
	}
}

func approvalMachine() flowtable.Machine[trust.Approval, trust.ApprovalEvent] {
	late := func(trust.Approval) time.Time { return start.Add(rules.RecoveryWait) }
	code := trust.CodeSent{ID: "code", Session: "session", Phone: "+79160000000", Code: "123456", Hash: []byte("hash")}
	used := []effect.Effect{effect.UseChallenge{ID: "challenge"}, effect.UsePasskey{ID: "key"}}
	return flowtable.Machine[trust.Approval, trust.ApprovalEvent]{
		Dir: ".", State: "ApprovalState", Marker: "approvalEvent", Refusal: "fault.approval.state_",
		Samples: approvalSamples(),
		At:      func(trust.Approval) time.Time { return start.Add(rules.RecoveryWait - time.Microsecond) },
		StateOf: func(a trust.Approval) string { return string(a.State) },
		NameOf:  trust.ApprovalEventName,
		Apply: func(a trust.Approval, now time.Time, e trust.ApprovalEvent) (trust.Approval, []effect.Effect, error) {
			return a.Apply(now, rules, e)
		},
		Variants: []flowtable.Variant[trust.Approval, trust.ApprovalEvent]{
			{Name: "recovery", Event: asked(trust.ActionRecovery, false)},
			{Name: "recovery, second device", Event: asked(trust.ActionRecovery, true)},
			{Name: "another action", Event: asked(trust.ActionUnfreeze, false)},
			{Name: "five times yes", Event: trust.QuestionsAnswered{Answers: fiveYes}},
			{Name: "one no", Event: trust.QuestionsAnswered{Answers: answers(0, trust.No)}},
			{Name: "one unsure", Event: trust.QuestionsAnswered{Answers: answers(4, trust.Unsure)}},
			{Name: "one missing", Event: trust.QuestionsAnswered{Answers: answers(3, "")}},
			{Name: "late", Event: trust.QuestionsAnswered{Answers: fiveYes}, At: late},
			{Name: "right", Event: trust.MatchTyped{Right: true}},
			{Name: "wrong", Event: trust.MatchTyped{}},
			{Name: "late", Event: trust.MatchTyped{Right: true}, At: late},
			{Event: code},
			{Name: "late", Event: code, At: late},
			{Name: "by code", Event: trust.Confirmed{CodeID: "code", Session: "session"}},
			{Name: "by passkey", Event: trust.Confirmed{Passkey: true, Session: "session", Burn: used}},
			{Name: "by passkey, nothing used up", Event: trust.Confirmed{Passkey: true, Session: "session"}},
			{Name: "by nothing", Event: trust.Confirmed{Session: "session"}},
			{Name: "not eligible now", Event: trust.Confirmed{CodeID: "code", Unable: []trust.Reason{trust.Settling, trust.SimChanged}}},
			{Name: "late", Event: trust.Confirmed{CodeID: "code"}, At: late},
			{Name: "fraud", Event: trust.RejectedByContact{Reason: trust.ReasonFraud}},
			{Name: "unreachable", Event: trust.RejectedByContact{Reason: trust.ReasonUnreachable}},
			{Name: "other", Event: trust.RejectedByContact{Reason: trust.ReasonOther}},
			{Name: "no reason", Event: trust.RejectedByContact{}},
			{Name: "after the request's own end", Event: trust.RejectedByContact{Reason: trust.ReasonFraud}, At: late},
			{Event: trust.ActionOver{Reason: "expired"}},
			{Name: "late", Event: trust.ActionOver{Reason: "expired"}, At: late},
			{Event: trust.LinkOver{}},
			{Name: "late", Event: trust.LinkOver{}, At: late},
		},
	}
}

func TestApprovalTable(t *testing.T) {
	flowtable.Compare(t, flow, "approval", approvalMachine().Walk(t))
}

// The only event that leads to approved is the contact's own confirmation, and only from matched (I10).
func TestApprovalNeedsEveryStep(t *testing.T) {
	m := approvalMachine()
	for _, s := range m.Samples {
		for _, v := range m.Variants {
			next, _, err := s.Value.Apply(start.Add(2*time.Minute), rules, v.Event)
			if err != nil || next.State != trust.Approved || s.Value.State == trust.Approved {
				continue
			}
			if _, ok := v.Event.(trust.Confirmed); !ok || s.Value.State != trust.Matched {
				t.Errorf("%s × %T leads to approved", s.Name, v.Event)
			}
		}
	}
}

// Any answer but five times yes flags, whichever question it is.
func TestEveryQuestionCanFlag(t *testing.T) {
	first := approvalSamples()[1].Value
	for i := range trust.Questions {
		for _, a := range []trust.Answer{trust.No, trust.Unsure} {
			next := must(first.Apply, start, trust.ApprovalEvent(trust.QuestionsAnswered{Answers: answers(i, a)}))
			if next.State != trust.Flagged {
				t.Errorf("question %d answered %s: %s", i+1, a, next.State)
			}
		}
		if _, _, err := first.Apply(start, rules, trust.QuestionsAnswered{Answers: answers(i, "maybe")}); err == nil {
			t.Errorf("question %d: an unknown answer was taken", i+1)
		}
	}
}
