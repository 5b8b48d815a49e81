package trust_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/secret"
	"doverie/internal/trust"
)

func TestCloseApprovals(t *testing.T) {
	var all []trust.Approval
	undecided, matched := 0, 0
	for _, s := range approvalSamples() {
		if s.Value.State == trust.NoApproval {
			continue
		}
		all = append(all, s.Value)
		if s.Value.Undecided() {
			undecided++
		}
		if s.Value.State == trust.Matched {
			matched++ // his code may be on its way, and is dropped
		}
	}
	for _, late := range []time.Duration{time.Minute, rules.RecoveryWait, 100 * time.Hour} {
		closed, effs, err := trust.CloseApprovals(start.Add(late), rules, all, "expired")
		if err != nil || len(closed) != undecided || len(effs) != undecided+matched {
			t.Fatalf("closed %d with %d effects, want %d and %d: %v", len(closed), len(effs), undecided, matched, err)
		}
		records := slices.DeleteFunc(slices.Clone(effs), func(e effect.Effect) bool {
			drop, ok := e.(effect.DropApprovalCodes)
			return ok && drop.Approval == "approval"
		})
		if len(records) != undecided {
			t.Fatalf("%d events", len(records))
		}
		for i, a := range closed {
			rec, ok := records[i].(effect.Record)
			if a.State != trust.Closed || a.Reason != "expired" || !ok || rec.Kind != "approval.closed" {
				t.Errorf("%+v with %+v", a, records[i])
			}
			if len(rec.Subjects) != 1 || rec.Subjects[0] != "contact" {
				t.Errorf("the history of %v shows it", rec.Subjects)
			}
		}
	}
}

// anytime limits nothing.
type anytime struct{}

func (anytime) Allow(context.Context, string, string, int, time.Duration) error { return nil }

// stage is one circle that a decision is made about; it holds what was decided.
type stage struct {
	circle trust.Circle
	out    trust.Outcome
}

func (s *stage) Decide(_ context.Context, _ effect.Act, _ trust.Around, decide func(trust.Circle) (trust.Outcome, error)) error {
	out, err := decide(s.circle)
	s.out = out
	return err
}

func (s *stage) Look(context.Context, trust.Around) (trust.Circle, error) { return s.circle, nil }

// guardedBy is a principal with n able contacts, each asked for one action that needs that many approvals.
func guardedBy(n, needed int, states ...trust.ApprovalState) *stage {
	c := trust.Circle{Now: start, Principal: trust.Facts{Account: "principal"}}
	action := must(trust.Action{}.Apply, start.Add(-time.Hour), trust.ActionEvent(actionStarted(trust.ActionChangePhone, n, needed)))
	pending := trust.Pending{Action: action}
	for i := range n {
		id := string(rune('a' + i))
		l := trust.Link{
			ID: "link-" + id, Principal: "principal", Contact: "contact-" + id, State: trust.Active, Version: 1,
			AcceptedAt: start.Add(-100 * time.Hour), SettlesAt: start.Add(-76 * time.Hour),
		}
		f := good()
		f.Account = l.Contact
		c.Guardians = append(c.Guardians, trust.Guardian{Link: l, Contact: f})
		pending.Approvals = append(pending.Approvals, trust.Approval{
			ID: "approval-" + id, Object: action.ID, Link: l.ID, Contact: l.Contact, State: states[i], ExpiresAt: start.Add(time.Hour),
		})
	}
	c.Pending = []trust.Pending{pending}
	c.Link = c.Guardians[0].Link
	return &stage{circle: c}
}

// When a contact leaves, his open request closes; the action ends when too few are left to approve it.
func TestContactLost(t *testing.T) {
	asked, approved, flagged := trust.Asked, trust.Approved, trust.Flagged
	for _, c := range []struct {
		name   string
		stage  *stage
		change func(*trust.Circle)
		closed []string
		over   bool
	}{
		{name: "the only one", stage: guardedBy(1, 1, asked), closed: []string{"approval-a"}, over: true},
		{name: "one of two, one needed", stage: guardedBy(2, 1, asked, asked), closed: []string{"approval-a"}},
		{name: "one of two, both needed", stage: guardedBy(2, 2, asked, flagged), closed: []string{"approval-a", "approval-b"}, over: true},
		{name: "one of three, two needed", stage: guardedBy(3, 2, asked, asked, asked), closed: []string{"approval-a"}},
		{name: "who has approved, two needed of two", stage: guardedBy(2, 2, approved, asked), closed: []string{"approval-a", "approval-b"}, over: true},
		{name: "who has approved, two needed of three", stage: guardedBy(3, 2, approved, asked, asked), closed: []string{"approval-a"}},
		{name: "who has approved, and another who may not now", stage: guardedBy(3, 2, approved, approved, asked), closed: []string{"approval-a", "approval-c"}, over: true,
			change: func(c *trust.Circle) { c.Guardians[1].Contact.ChangedAt = start.Add(-time.Minute) }},
		{name: "whose yes alone approved it", stage: held(guardedBy(2, 1, approved, asked)), closed: []string{"approval-a", "approval-b"}, over: true},
		{name: "who was not asked for what another approved", stage: held(guardedBy(2, 1, asked, approved)), closed: []string{"approval-a"}},
		{name: "one of the two who approved it", stage: held(guardedBy(2, 2, approved, approved)), closed: []string{"approval-a"}, over: true},
		{name: "the other is not eligible", stage: guardedBy(2, 1, asked, asked), closed: []string{"approval-a", "approval-b"}, over: true,
			change: func(c *trust.Circle) { c.Guardians[1].Contact.Confirmed = false }},
		{name: "the other settles too late", stage: guardedBy(2, 1, asked, asked), closed: []string{"approval-a", "approval-b"}, over: true,
			change: func(c *trust.Circle) { c.Guardians[1].Link.SettlesAt = start.Add(time.Hour) }},
		{name: "the other settles just in time", stage: guardedBy(2, 1, asked, asked), closed: []string{"approval-a"},
			change: func(c *trust.Circle) { c.Guardians[1].Link.SettlesAt = start.Add(time.Hour - 1) }},
		{name: "the other raised a red flag", stage: guardedBy(2, 1, asked, flagged), closed: []string{"approval-a", "approval-b"}, over: true},
	} {
		if c.change != nil {
			c.change(&c.stage.circle)
		}
		links := &trust.Links{Circles: c.stage, Policy: rules}
		if err := links.Resign(context.Background(), effect.Act{}, "contact-a", "link-a"); err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		out := c.stage.out
		if len(out.Links) != 1 || out.Links[0].State != trust.Ended {
			t.Errorf("%s: links %+v", c.name, out.Links)
		}
		if over := len(out.Actions) == 1; over != c.over {
			t.Errorf("%s: action over %v, want %v", c.name, over, c.over)
		} else if over && out.Actions[0].(trust.Action).EndReason != "contact_left" {
			t.Errorf("%s: %+v", c.name, out.Actions[0])
		}
		var closed []string
		for _, a := range out.Approvals {
			want := "contact_left"
			if a.Link == "link-a" {
				want = trust.ReasonLinkOver
			}
			if a.State != trust.Closed || a.Reason != want {
				t.Errorf("%s: %+v", c.name, a)
			}
			closed = append(closed, a.ID)
		}
		if !slices.Equal(closed, c.closed) {
			t.Errorf("%s: closed %v, want %v", c.name, closed, c.closed)
		}
	}
}

// held is the stage on which the action was approved.
func held(s *stage) *stage {
	a := s.circle.Pending[0].Action.(trust.Action)
	a.State = trust.ActionApproved
	s.circle.Pending[0].Action = a
	return s
}

// What was approved ends when an account whose yes holds it is frozen, on its way out or not; for any other change it stands:
// eligibility is not asked again of a complete approval.
func TestAFrozenContactsYesFalls(t *testing.T) {
	frozen := func(f *trust.Facts) { f.Open, f.Frozen = false, true }
	for name, c := range map[string]struct {
		stage  *stage
		change func(*trust.Facts)
		state  trust.LinkState
		over   bool
	}{
		"frozen":              {held(guardedBy(1, 1, trust.Approved)), frozen, trust.Active, true},
		"frozen, leaving":     {held(guardedBy(1, 1, trust.Approved)), frozen, trust.Leaving, true},
		"another approved it": {held(guardedBy(2, 1, trust.Asked, trust.Approved)), frozen, trust.Active, false},
		"a lost phone":        {held(guardedBy(1, 1, trust.Approved)), func(f *trust.Facts) { f.PhoneCurrent = false }, trust.Active, false},
	} {
		g := &c.stage.circle.Guardians[0]
		g.Link.State = c.state
		c.change(&g.Contact)
		c.stage.circle.Link = g.Link
		links := &trust.Links{Circles: c.stage, Policy: rules}
		if err := links.Review(context.Background(), "link-a"); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if over := len(c.stage.out.Actions) == 1; over != c.over {
			t.Errorf("%s: the action is over: %v, want %v", name, over, c.over)
		} else if over && c.stage.out.Actions[0].(trust.Action).EndReason != trust.WhyContactLeft {
			t.Errorf("%s: %+v", name, c.stage.out.Actions[0])
		}
	}
}

// When a contact cannot approve for now, what nobody else could approve in time ends; what goes on keeps his request,
// which he may still reject.
func TestContactSuspended(t *testing.T) {
	asked, approved, flagged := trust.Asked, trust.Approved, trust.Flagged
	for _, c := range []struct {
		name   string
		stage  *stage
		closed int
	}{
		{"the only one", guardedBy(1, 1, asked), 1},
		{"one of two, one needed", guardedBy(2, 1, asked, asked), 0},
		{"the other raised a red flag", guardedBy(2, 1, asked, flagged), 2},
		{"one of two, both needed", guardedBy(2, 2, asked, approved), 1},
		{"one of three, two needed", guardedBy(3, 2, approved, asked, asked), 0},
	} {
		c.stage.circle.Guardians[0].Contact.PhoneCurrent = false
		links := &trust.Links{Circles: c.stage, Policy: rules}
		if err := links.Review(context.Background(), "link-a"); err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		out := c.stage.out
		if len(out.Links) != 1 || out.Links[0].State != trust.Suspended || len(out.Approvals) != c.closed || (len(out.Actions) == 1) != (c.closed > 0) {
			t.Errorf("%s: links %+v, %d requests closed, %d actions over", c.name, out.Links, len(out.Approvals), len(out.Actions))
		}
	}
}

// Of two votes that are needed the first counts only while its contact could still give it (DOMAIN §3). Where a third can
// give another, the action waits for him; where nobody can, it ends, and the principal does not wait in vain.
func TestAnEarlierVoteIsCountedAgain(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*trust.Circle)
		want   trust.ActionState
	}{
		"as he was":          {func(*trust.Circle) {}, trust.ActionApproved},
		"he left":            {func(c *trust.Circle) { c.Guardians = c.Guardians[1:] }, trust.Waiting},
		"he was suspended":   {func(c *trust.Circle) { c.Guardians[0].Link.State = trust.Suspended }, trust.Waiting},
		"his phone is lost":  {func(c *trust.Circle) { c.Guardians[0].Contact.PhoneCurrent = false }, trust.Waiting},
		"he changed a thing": {func(c *trust.Circle) { c.Guardians[0].Contact.ChangedAt = start.Add(-time.Hour) }, trust.Waiting},
		"he came anew":       {func(c *trust.Circle) { c.Guardians[0].Link.ID = "another" }, trust.Waiting},
	} {
		for _, third := range []bool{true, false} {
			states := []trust.ApprovalState{trust.Approved, trust.Matched, trust.Asked}
			want := c.want
			if !third {
				states = states[:2]
				if want == trust.Waiting {
					want = trust.ActionCancelled
				}
			}
			s := guardedBy(len(states), 2, states...)
			c.change(&s.circle)
			if got := votedBy(t, s, "contact-b", 1); got != want {
				t.Errorf("%s, a third %v: %s, want %s", name, third, got, want)
			}
		}
	}
}

// votedBy is where the action stands after that contact's yes.
func votedBy(t *testing.T, s *stage, contact string, n int) trust.ActionState {
	t.Helper()
	s.circle.Approval = s.circle.Pending[0].Approvals[n]
	s.circle.Subject = s.circle.Pending[0].Action
	keys, err := secret.NewKeyring([]byte("a master key for tests of the machines, 32+ bytes"))
	if err != nil {
		t.Fatal(err)
	}
	id := s.circle.Approval.ID
	s.circle.Try = trust.Try{CodeID: "code", Hash: keys.HashCode(secret.Approval, trust.CodeBound(id, "session"), "123456"), Left: 4}
	decisions := &trust.Decisions{Circles: s, Keys: keys, Policy: rules}
	if err := decisions.Approve(context.Background(), effect.Act{}, contact, "session", id, "123456"); err != nil {
		t.Fatal(err)
	}
	if len(s.out.Actions) != 1 {
		t.Fatalf("%d actions changed", len(s.out.Actions))
	}
	return s.out.Actions[0].(trust.Action).State
}

// Each link act belongs to one person; for everybody else there is no such link (T28).
func TestLinkActsAreTheirOwners(t *testing.T) {
	ctx, act := context.Background(), effect.Act{}
	for name, do := range map[string]func(*trust.Links, string) error{
		"resign":   func(s *trust.Links, who string) error { return s.Resign(ctx, act, who, "link-a") },
		"remove":   func(s *trust.Links, who string) error { return s.Remove(ctx, act, who, "link-a", false) },
		"withdraw": func(s *trust.Links, who string) error { return s.Withdraw(ctx, act, who, "link-a") },
		"stay":     func(s *trust.Links, who string) error { return s.Stay(ctx, act, who, "link-a") },
	} {
		for _, who := range []string{"stranger", "contact-b", ""} {
			s := &trust.Links{Circles: guardedBy(2, 1, trust.Asked, trust.Asked), Limits: anytime{}, Policy: rules}
			if err := do(s, who); !fault.Is(err, fault.NotFound) {
				t.Errorf("%s by %q: %v", name, who, err)
			}
		}
	}
}

// In a hold nobody removes or adds a contact (DOMAIN §5.8).
func TestHoldClosesContacts(t *testing.T) {
	for _, c := range []struct {
		until time.Duration
		want  bool
	}{{1, true}, {0, false}, {-time.Hour, false}} {
		s := guardedBy(1, 1, trust.Asked)
		s.circle.HoldUntil, s.circle.Principal.Open = start.Add(c.until), true
		links := &trust.Links{Circles: s, Limits: anytime{}, Policy: rules}
		err := links.Remove(context.Background(), effect.Act{}, "principal", "link-a", false)
		if held := fault.HasKey(err, "fault.hold"); held != c.want {
			t.Errorf("hold until %s: %v", c.until, err)
		}
	}
}

// A recovery that waits longer because of a quiet exit must not show it: to the contact who leaves, the request lives as
// long as any other. To the rest it lives as long as the recovery, also when they are counted again.
func TestAskKeepsAQuietExitQuiet(t *testing.T) {
	s := guardedBy(2, 1, trust.Asked, trust.Asked)
	s.circle.Guardians[0].Link.State, s.circle.Guardians[0].Link.Quiet = trust.Leaving, true
	n := 0
	asked, _, err := s.circle.Ask(rules, s.circle.Pending[0].Action, start.Add(rules.RecoveryQuietWait), false, func() string { n++; return string(rune('a' + n)) })
	if err != nil || len(asked) != 2 {
		t.Fatalf("%d requests, %v", len(asked), err)
	}
	for i, lives := range []time.Duration{rules.RecoveryWait, rules.RecoveryQuietWait} {
		if got := asked[i].ExpiresAt.Sub(start); got != lives {
			t.Errorf("request %d lives %v, want %v", i, got, lives)
		}
	}
	s.circle.Guardians[0].Link.Quiet = false // told of it, he may know how long the recovery waits
	if asked, _, _ = s.circle.Ask(rules, s.circle.Pending[0].Action, start.Add(rules.RecoveryQuietWait), false, func() string { return "x" }); asked[0].ExpiresAt.Sub(start) != rules.RecoveryQuietWait {
		t.Errorf("the request of a contact who was told lives until %v", asked[0].ExpiresAt)
	}
}
