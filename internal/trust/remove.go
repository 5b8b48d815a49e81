package trust

import (
	"context"

	"doverie/internal/effect"
	"doverie/internal/fault"
)

// FactorGuarded tells whether the removal of the last strong second factor needs a contact's approval.
func (s *Protect) FactorGuarded(ctx context.Context, account string) (bool, error) {
	c, err := s.Circles.Look(ctx, Around{Principal: account, Guards: true})
	return err == nil && c.asks(GuardRemoveFactor), err
}

// AskFactorRemoval asks the contacts to approve the removal of the code generator, after a step-up; their
// approval removes it. Faults: Refused "fault.guard.not_guarded" (remove it without asking), "fault.hold",
// "fault.account.frozen", "fault.action.nobody_able"; Conflict "fault.action.already_asked"; Limited.
func (s *Protect) AskFactorRemoval(ctx context.Context, act effect.Act, account, session string) (actionID string, err error) {
	return s.ask(ctx, act, account, GuardRemoveFactor, ActionRemoveFactor, func(c Circle, id string) (wish, error) {
		return wish{id: id, session: session, kind: ActionRemoveFactor}, nil
	})
}

// AskContactRemoval asks the contacts to approve that one of them is removed at once. It is offered only
// to whoever switched it on: otherwise a contact goes slowly, or in person. Faults as AskFactorRemoval;
// NotFound when the link does not guard this principal.
func (s *Protect) AskContactRemoval(ctx context.Context, act effect.Act, account, session, linkID string) (actionID string, err error) {
	return s.ask(ctx, act, account, GuardRemoveContact, ActionRemoveContact, func(c Circle, id string) (wish, error) {
		if _, ok := c.guardianBy(linkID); !ok {
			return wish{}, fault.New(fault.NotFound, "fault.not_found", nil)
		}
		return wish{
			id: id, session: session, kind: ActionRemoveContact, payload: s.Keys.Seal(sealPayload, []byte(id), []byte(linkID)),
		}, nil
	})
}

func (s *Protect) ask(
	ctx context.Context, act effect.Act, account string, guard GuardName, kind ActionKind, begin func(c Circle, id string) (wish, error),
) (actionID string, err error) {
	id := newID()
	wanted := func(c Circle) (wish, error) {
		if err := may(c); err != nil {
			return wish{}, err
		}
		if !c.asks(guard) {
			return wish{}, fault.New(fault.Refused, "fault.guard.not_guarded", nil)
		}
		return begin(c, id)
	}
	if err := s.mayAsk(ctx, account, kind, func(c Circle) bool { _, err := wanted(c); return err == nil }); err != nil {
		return "", err
	}
	err = s.Circles.Decide(ctx, act, Around{Principal: account, Guards: true}, func(c Circle) (Outcome, error) {
		w, err := wanted(c)
		if err != nil {
			return Outcome{}, err
		}
		return s.start(c, act, w)
	})
	if err != nil {
		return "", err
	}
	return id, nil
}

func (c Circle) guardianBy(linkID string) (Guardian, bool) {
	for _, g := range c.Guardians {
		if g.Link.ID == linkID {
			return g, true
		}
	}
	return Guardian{}, false
}

// RemovedContact names the contact whose immediate removal the action is about; "" once the link ended.
func (s *Protect) RemovedContact(ctx context.Context, w WaitingAction) (string, error) {
	c, err := s.Circles.Look(ctx, Around{Action: w.Action.ID})
	if err != nil {
		return "", err
	}
	link, err := s.Keys.Open(sealPayload, []byte(w.Action.ID), w.Action.Payload)
	if err != nil {
		return "", err
	}
	g, _ := c.guardianBy(string(link))
	return g.Contact.Given, nil
}

// RemoveNow ends the link whose immediate removal was approved, after a step-up: the link, the action and
// everything that waited for that contact in one commit. Faults: NotFound; Conflict "fault.action.state_…",
// "fault.action.contact_gone"; Refused "fault.hold".
func (s *Protect) RemoveNow(ctx context.Context, act effect.Act, account, actionID string) error {
	links := &Links{Circles: s.Circles, Keys: s.Keys, Policy: s.Policy}
	finished := false
	err := s.Circles.Decide(ctx, act, Around{Action: actionID}, func(c Circle) (Outcome, error) {
		a, ok := c.Subject.(Action)
		if !ok || a.Kind != ActionRemoveContact || a.Account != account {
			return Outcome{}, fault.New(fault.NotFound, "fault.not_found", nil)
		}
		if err := may(c); err != nil {
			return Outcome{}, err
		}
		out, err := s.endAction(c, a, ActionFinished{Guarded: true}, "finished")
		if err != nil {
			return Outcome{}, err
		}
		if finished = out.done(); !finished {
			return out, nil
		}
		link, err := s.Keys.Open(sealPayload, []byte(a.ID), a.Payload)
		if err != nil {
			return Outcome{}, err
		}
		g, ok := c.guardianBy(string(link))
		if !ok { // gone meanwhile: the wish is fulfilled
			return out, nil
		}
		return links.apply(c, g.Link, EndedInPerson{
			PrincipalName: c.Principal.PoliteName(), ContactName: g.Contact.PoliteName(),
		}, out)
	})
	if err == nil && !finished {
		return contactGone()
	}
	return err
}
