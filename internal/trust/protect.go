package trust

import (
	"context"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/policy"
	"doverie/internal/secret"
)

// Protect freezes and thaws accounts and starts guarded actions other than a recovery.
type Protect struct {
	Circles Circles
	Limits  Limiter
	Keys    *secret.Keyring
	Policy  policy.Policy
}

// Freeze reasons.
const (
	FrozenBySelf     = "self"
	FrozenByNotice   = "notice"        // stop code or e-mail link
	FrozenByContact  = "contact_fraud" // after a rejection as fraud
	FrozenByOperator = "operator"
)

// Freeze closes sign-in, recovery and other systems for the account: the owner's own act, by a live
// session, a notice's link or its stop code. Freezing what is frozen changes nothing.
func (s *Protect) Freeze(ctx context.Context, act effect.Act, account, reason string) error {
	return s.Circles.Decide(ctx, act, Around{Principal: account}, func(c Circle) (Outcome, error) {
		return s.freeze(c, reason, "")
	})
}

// FreezeForPrincipal is offered to a contact who has just rejected a request as fraud (DOMAIN §5.5f), and to every
// contact whom a recovery asked, once it is completed and until its hold is over (§5.7).
func (s *Protect) FreezeForPrincipal(ctx context.Context, act effect.Act, contact, approvalID string) error {
	return s.Circles.Decide(ctx, act, Around{Approval: approvalID}, func(c Circle) (Outcome, error) {
		if err := only(c.Approval.Contact, contact); err != nil {
			return Outcome{}, err
		}
		g, ok := c.GuardianOf(contact)
		if !ok || !s.freezable(c.Now, c.Approval, c.RecoveredAt) {
			return Outcome{}, fault.New(fault.Refused, "fault.freeze.not_offered", nil)
		}
		return s.freeze(c, FrozenByContact, g.Contact.Given)
	})
}

// FreezeOffered tells whether FreezeForPrincipal would be accepted for the request.
func (s *Protect) FreezeOffered(r Request) bool {
	return r.Link.Guards() && r.FrozenAt.IsZero() && s.freezable(r.Now, r.Approval, r.RecoveredAt)
}

// freezable tells whether this request, as it ended, lets its contact freeze the account: he saw fraud in it a moment
// ago, or it was about a recovery that went through, perhaps by deceiving him, and the hold still keeps the thief's hands tied.
func (s *Protect) freezable(now time.Time, a Approval, recovered time.Time) bool {
	switch {
	case a.Undecided() || a.Action == ActionRehearsal:
		return false
	case a.State == Rejected:
		return a.Reason == string(ReasonFraud) && now.Before(a.DecidedAt.Add(s.Policy.RecoveryLock))
	}
	return a.RecoveryCompleted(recovered) && now.Before(recovered.Add(s.Policy.Hold))
}

func (s *Protect) freeze(c Circle, reason, byContact string) (Outcome, error) {
	if !c.FrozenAt.IsZero() {
		return Outcome{}, nil
	}
	account := c.Principal.Account
	subjects := []string{account}
	if byContact != "" {
		subjects = append(subjects, c.Approval.Contact)
	}
	out := Outcome{Effects: []effect.Effect{
		effect.Record{Kind: "account.frozen", Object: "account:" + account, Subjects: subjects, Facts: map[string]string{"reason": reason}},
		effect.Freeze{Account: account, Reason: reason},
		effect.EndSessions{Account: account, Why: "freeze", Devices: true},
		effect.TellSystems{Account: account, What: "account-disabled", Why: reason},
		effect.Send{
			Kind: "account.frozen", To: account, Via: effect.All(), Key: "frozen:" + account + ":" + rfc(c.Now),
			Args: map[string]string{"reason": reason, "first_name": byContact, "at": rfc(c.Now)},
		},
	}}
	for _, p := range c.Pending {
		next, effs, err := p.Action.WhenFrozen(c.Now, s.Policy)
		if err != nil {
			return Outcome{}, err
		}
		if len(effs) == 0 {
			continue
		}
		closed, more, err := CloseApprovals(c.Now, s.Policy, p.Approvals, "frozen")
		if err != nil {
			return Outcome{}, err
		}
		out.Actions = append(out.Actions, next)
		out.Approvals = append(out.Approvals, closed...)
		out.Effects = append(append(out.Effects, effs...), more...)
	}
	return out, nil
}

// ThawInPerson lifts a freeze at a service desk or by command.
func (s *Protect) ThawInPerson(ctx context.Context, act effect.Act, account string) error {
	return s.Circles.Decide(ctx, act, Around{Principal: account}, s.ThawedInPerson)
}

func (s *Protect) thaw(c Circle) (Outcome, error) {
	account := c.Principal.Account
	out := Outcome{Effects: []effect.Effect{
		effect.Record{Kind: "account.thawed", Object: "account:" + account, Subjects: []string{account}},
		effect.Thaw{Account: account},
		effect.TellSystems{Account: account, What: "account-enabled"},
		effect.Send{
			Kind: "account.thawed", To: account, Via: effect.All(), Key: "thawed:" + account + ":" + rfc(c.Now),
			Args: map[string]string{"at": rfc(c.Now), "stop_code": s.Keys.StopCode(account, c.Now)},
		},
	}}
	// A request to lift this freeze must not live on to lift the next one.
	for _, p := range c.Pending {
		a, ok := p.Action.(Action)
		if !ok || a.Kind != ActionUnfreeze {
			continue
		}
		ended, err := s.endAction(c, a, ActionGivenUp{Reason: "thawed"}, "thawed")
		if err != nil {
			return Outcome{}, err
		}
		out.Actions = append(out.Actions, ended.Actions...)
		out.Approvals = append(out.Approvals, ended.Approvals...)
		out.Effects = append(out.Effects, ended.Effects...)
	}
	return out, nil
}

// Unfreeze asks to lift a freeze online, after a step-up of the restricted session: with a contact,
// his approval is asked; without one, it is done at once when the policy's time is over, and refused
// with that time before (DOMAIN §7). The returned action id is empty when it was done at once. Asking too often is Limited.
func (s *Protect) Unfreeze(ctx context.Context, act effect.Act, account, session string) (actionID string, err error) {
	if err := s.mayAsk(ctx, account, ActionUnfreeze, always); err != nil {
		return "", err
	}
	id := newID()
	err = s.Circles.Decide(ctx, act, Around{Principal: account}, func(c Circle) (Outcome, error) {
		if c.FrozenAt.IsZero() {
			return Outcome{}, fault.New(fault.Conflict, "fault.freeze.not_frozen", nil)
		}
		if len(c.Guardians) == 0 {
			id = ""
			if free := c.FrozenAt.Add(s.Policy.UnfreezeAlone); c.Now.Before(free) {
				return Outcome{}, fault.New(fault.Refused, "fault.freeze.alone_later", fault.Args{"Until": free})
			}
			return s.thaw(c)
		}
		return s.start(c, act, wish{id: id, session: session, kind: ActionUnfreeze})
	})
	if err != nil {
		return "", err
	}
	return id, nil
}

// mayAsk bounds how often the contacts are asked for one thing: whoever holds the principal's session could otherwise ask and
// give up, and ask again, until the request that matters is one SMS of a hundred (T19, T49). What could not begin anyway, by
// what could says of the circle as it is, is not counted.
func (s *Protect) mayAsk(ctx context.Context, account string, kind ActionKind, could func(Circle) bool) error {
	c, err := s.Circles.Look(ctx, Around{Principal: account, Guards: true})
	if err != nil {
		return err
	}
	if len(c.Guardians) == 0 || !could(c) { // the deciding transaction says why
		return nil
	}
	return s.Limits.Allow(ctx, "ask", account+"|"+string(kind), s.Policy.ToldActsDay, 24*time.Hour)
}

func always(Circle) bool { return true }

// Rehearse walks both people through an approval that changes nothing (DOMAIN §4.9). Asking too often is Limited.
func (s *Protect) Rehearse(ctx context.Context, act effect.Act, account, session string) (actionID string, err error) {
	if err := s.mayAsk(ctx, account, ActionRehearsal, always); err != nil {
		return "", err
	}
	id := newID()
	err = s.Circles.Decide(ctx, act, Around{Principal: account}, func(c Circle) (Outcome, error) {
		if len(c.Guardians) == 0 {
			return Outcome{}, fault.New(fault.Refused, "fault.action.no_contact", nil)
		}
		return s.start(c, act, wish{id: id, session: session, kind: ActionRehearsal})
	})
	if err != nil {
		return "", err
	}
	return id, nil
}

// wish is a guarded action about to begin.
type wish struct {
	id, session string
	kind        ActionKind
	payload     []byte
	unguarded   bool
	second      bool // another one of its kind was open a moment ago
}

func (s *Protect) start(c Circle, act effect.Act, w wish) (Outcome, error) {
	for _, p := range c.Pending {
		if p.Action.ActionKind() == w.kind {
			return Outcome{}, fault.New(fault.Conflict, "fault.action.already_asked", nil)
		}
	}
	return s.begin(c, act, w)
}

func (s *Protect) begin(c Circle, act effect.Act, w wish) (Outcome, error) {
	deadline := c.Now.Add(s.Policy.RecoveryWait)
	a, effs, err := Action{}.Apply(c.Now, s.Policy, ActionStarted{
		ID: w.id, Kind: w.kind, Account: c.Principal.Account, Session: w.session, Device: act.Device, Area: act.Area, Payload: w.payload,
		Able: c.Able(deadline, s.Policy), Needed: max(1, min(c.Quorum, len(c.Guardians))), Unguarded: w.unguarded,
		StopCode: s.Keys.StopCode(c.Principal.Account, c.Now),
	})
	if err != nil || w.unguarded {
		return Outcome{Actions: []Parent{a}, Effects: effs}, err
	}
	asked, more, err := c.Ask(s.Policy, a, deadline, w.second, newID)
	return Outcome{Approvals: asked, Actions: []Parent{a}, Effects: append(effs, more...)}, err
}

// Waiting returns the account's open action of that kind for its own page, with the match number to
// read to the contact: only in the session that started it. ok is false when there is none.
func (s *Protect) Waiting(ctx context.Context, account, session string, kind ActionKind) (w WaitingAction, ok bool, err error) {
	c, err := s.Circles.Look(ctx, Around{Principal: account})
	if err != nil {
		return WaitingAction{}, false, err
	}
	for _, p := range c.Pending {
		a, isAction := p.Action.(Action)
		if !isAction || a.Kind != kind || !a.Decidable(c.Now) {
			continue
		}
		w = WaitingAction{Now: c.Now, Action: a}
		if a.Session == session {
			w.Match = s.Keys.MatchNumber(a.ID)
		}
		for _, g := range c.Guardians {
			w.Contacts = append(w.Contacts, g.Contact.Given)
		}
		return w, true, nil
	}
	return WaitingAction{}, false, nil
}

// WaitingAction is what the principal sees of his own open action.
type WaitingAction struct {
	Now      time.Time
	Action   Action
	Match    string // empty in every session but the one that started it
	Contacts []string
}

// Expire ends an action whose time is over: the timer's road.
func (s *Protect) Expire(ctx context.Context, actionID string) error {
	return settled(s.Circles.Decide(ctx, bySystem, Around{Action: actionID}, func(c Circle) (Outcome, error) {
		a, ok := c.Subject.(Action)
		if !ok {
			return Outcome{}, fault.New(fault.NotFound, "fault.not_found", nil)
		}
		if a.Kind == ActionSignIn && c.Now.Before(a.ExpiresAt) {
			// The timer comes before its time when the sign-in that waited was ended from elsewhere: signed out
			// everywhere, another password, another phone.
			return s.endAction(c, a, ActionGivenUp{Reason: WhySignInOver}, "cancelled")
		}
		return s.endAction(c, a, ActionDue{}, "expired")
	}))
}

// GiveUp ends an action the principal no longer wants.
func (s *Protect) GiveUp(ctx context.Context, act effect.Act, account, actionID string) error {
	return s.Circles.Decide(ctx, act, Around{Action: actionID}, func(c Circle) (Outcome, error) {
		a, ok := c.Subject.(Action)
		if !ok || a.Account != account {
			return Outcome{}, fault.New(fault.NotFound, "fault.not_found", nil)
		}
		return s.endAction(c, a, ActionGivenUp{Reason: WhyOwner}, "cancelled")
	})
}

func (s *Protect) endAction(c Circle, a Action, e ActionEvent, reason string) (Outcome, error) {
	pending, _ := c.PendingOf(a.ID)
	if f, ok := e.(ActionFinished); ok {
		f.Standing = c.Standing(pending.Approvals)
		e = f
	}
	n, effs, err := a.Apply(c.Now, s.Policy, e)
	if err != nil {
		return Outcome{}, err
	}
	closed, more, err := CloseApprovals(c.Now, s.Policy, pending.Approvals, reason)
	return Outcome{Actions: []Parent{n}, Approvals: closed, Effects: append(effs, more...)}, err
}

// done tells whether the action of the outcome was finished; otherwise it ended, and whoever finished it has to be told.
func (o Outcome) done() bool {
	a, ok := o.Actions[0].(Action)
	return ok && a.State == ActionDone
}

// contactGone is the answer to whoever finishes what was approved by contacts of whom too few are left.
func contactGone() error { return fault.New(fault.Conflict, "fault.action.contact_gone", nil) }
