package trust

import (
	"context"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/policy"
	"doverie/internal/secret"
)

// PhoneOwners finds whose own a number is now.
type PhoneOwners interface {
	// OwnerOf returns the account that owns the number; "" when none does.
	OwnerOf(ctx context.Context, phone string) (account string, err error)
}

// Phones is the change of an account's phone: asked for after a step-up, approved by the contacts where
// there are any, proven by a code sent to the new number (DOMAIN §7).
type Phones struct {
	Circles Circles
	Codes   Codes
	Owners  PhoneOwners
	Limits  Limiter
	Keys    *secret.Keyring
	Policy  policy.Policy
	// Parse normalises a typed number to E.164, or names what is wrong with it.
	Parse func(typed string) (e164, wrong string)
}

// sealPayload is the purpose under which details of an action are sealed.
const sealPayload = "guarded action"

func (s *Phones) protect() *Protect {
	return &Protect{Circles: s.Circles, Limits: s.Limits, Keys: s.Keys, Policy: s.Policy}
}

// Start asks for the change. Whether anybody else has that number is neither looked at nor told.
// Faults: Invalid (field "phone"); Refused "fault.hold", "fault.account.frozen",
// "fault.action.nobody_able"; Conflict "fault.action.already_asked"; Limited.
func (s *Phones) Start(ctx context.Context, act effect.Act, account, session, typed string) (actionID string, err error) {
	phone, wrong := s.Parse(typed)
	if wrong != "" {
		return "", fault.BadFields(fault.Field{Name: "phone", Key: wrong})
	}
	if err := s.Limits.Allow(ctx, "change_phone", account, s.Policy.CodesPerPhoneDay, 24*time.Hour); err != nil {
		return "", err
	}
	id := newID()
	sealed := s.Keys.Seal(sealPayload, []byte(id), []byte(phone))
	err = s.Circles.Decide(ctx, act, Around{Principal: account, Guards: true}, func(c Circle) (Outcome, error) {
		if err := may(c); err != nil {
			return Outcome{}, err
		}
		if phone == c.Principal.Phone && c.Principal.PhoneCurrent {
			return Outcome{}, fault.BadFields(fault.Field{Name: "phone", Key: "fault.phone.same"})
		}
		return s.protect().start(c, act, wish{
			id: id, session: session, kind: ActionChangePhone, payload: sealed, unguarded: !c.asks(GuardChangePhone),
		})
	})
	if err != nil {
		return "", err
	}
	return id, nil
}

// PhoneWaiting is what the principal sees of his own open change of phone.
type PhoneWaiting struct {
	WaitingAction

	Phone    string    // the new number; the page masks it
	CodeSent bool      // a code was sent and may still be entered
	ResendAt time.Time // when a code may be sent (again); not after Now: at once
}

// Waiting returns the open change of phone of the account; ok is false when there is none.
func (s *Phones) Waiting(ctx context.Context, account, session string) (w PhoneWaiting, ok bool, err error) {
	w.WaitingAction, ok, err = s.protect().Waiting(ctx, account, session, ActionChangePhone)
	if err != nil || !ok {
		return PhoneWaiting{}, false, err
	}
	if w.Phone, err = s.phoneOf(w.Action); err != nil {
		return PhoneWaiting{}, false, err
	}
	w.ResendAt = w.Now
	err = s.Codes.MaySend(ctx, string(secret.ChangePhone), w.Action.ID, s.Policy)
	if f := fault.Of(err); f != nil && f.Kind == fault.Limited {
		w.CodeSent, err = true, nil
		if after, is := f.Args["After"].(time.Duration); is {
			w.ResendAt = w.Now.Add(after)
		}
	}
	return w, true, err
}

func (s *Phones) phoneOf(a Action) (string, error) {
	phone, err := s.Keys.Open(sealPayload, []byte(a.ID), a.Payload)
	return string(phone), err
}

// own returns the account's change of phone as the circle has it.
func own(c Circle, account string) (Action, error) {
	a, ok := c.Subject.(Action)
	if !ok || a.Kind != ActionChangePhone {
		return Action{}, fault.New(fault.NotFound, "fault.not_found", nil)
	}
	return a, only(a.Account, account)
}

// SendCode sends a code to the new number, once the change is approved. Any session of the account that
// proved itself again may go on: the one that began may have lapsed while the contact was thinking.
// Faults: Conflict "fault.action.state_…"; Limited; Refused "fault.hold".
func (s *Phones) SendCode(ctx context.Context, act effect.Act, account, actionID string) error {
	if err := s.Codes.MaySend(ctx, string(secret.ChangePhone), actionID, s.Policy); err != nil {
		return err
	}
	code, err := secret.Code(secret.ChangePhone)
	if err != nil {
		return err
	}
	id := newID()
	return s.Circles.Decide(ctx, act, Around{Action: actionID}, func(c Circle) (Outcome, error) {
		a, err := own(c, account)
		if err != nil {
			return Outcome{}, err
		}
		if err := may(c); err != nil {
			return Outcome{}, err
		}
		if a.State != ActionApproved { // the sealed number is gone once it ended
			_, _, err := a.Apply(c.Now, s.Policy, ActionCodeSent{})
			return Outcome{}, err
		}
		phone, err := s.phoneOf(a)
		if err != nil {
			return Outcome{}, err
		}
		n, effs, err := a.Apply(c.Now, s.Policy, ActionCodeSent{
			ID: id, Phone: phone, Code: code, Hash: s.Keys.HashCode(secret.ChangePhone, a.ID, code),
		})
		return Outcome{Actions: []Parent{n}, Effects: effs}, err
	})
}

// Enter changes the phone when the code is right: one commit ends the action, burns the code, takes the
// number from whoever owned it, and signs out every other browser. The attempt is counted before the code
// is compared. Faults: Refused "fault.code.wrong" with {"Left": tries}, "fault.code.dead", "fault.hold",
// "fault.action.guarded_now"; Conflict.
func (s *Phones) Enter(ctx context.Context, act effect.Act, account, session, actionID, typed string) error {
	c, err := s.Circles.Look(ctx, Around{Action: actionID})
	if err != nil {
		return err
	}
	a, err := own(c, account)
	if err != nil {
		return err
	}
	if a.State != ActionApproved || !a.Decidable(c.Now) { // no attempt is spent on a step whose turn it is not
		_, _, err := a.Apply(c.Now, s.Policy, ActionCodeSent{})
		return err
	}
	try, err := s.Codes.CountTry(ctx, string(secret.ChangePhone), actionID, s.Policy)
	if err != nil {
		return err
	}
	if !s.Keys.SameCode(secret.ChangePhone, actionID, typed, try.Hash) {
		return fault.New(fault.Refused, "fault.code.wrong", fault.Args{"Left": try.Left})
	}
	phone, err := s.phoneOf(a)
	if err != nil {
		return err
	}
	loser, err := s.Owners.OwnerOf(ctx, phone)
	if err != nil {
		return err
	}
	if loser == account {
		loser = ""
	}
	var refused error
	err = s.Circles.Decide(ctx, act, Around{Action: actionID, Guards: true}, func(c Circle) (Outcome, error) {
		a, err := own(c, account)
		if err != nil {
			return Outcome{}, err
		}
		if err := may(c); err != nil {
			return Outcome{}, err
		}
		change := &PhoneChange{CodeID: try.CodeID, Session: session, Phone: phone, Loser: loser}
		if c.Principal.PhoneOwned {
			change.Old = c.Principal.Phone
		}
		out, err := s.protect().endAction(c, a, ActionFinished{
			Guarded: c.asks(GuardChangePhone), Change: change, Cast: c.Cast(s.Keys.StopCode(account, c.Now)),
		}, "finished")
		refused = nil
		switch {
		case err != nil || out.done():
		case a.Needed == 0:
			refused = fault.New(fault.Refused, "fault.action.guarded_now", nil)
		default:
			refused = contactGone()
		}
		return out, err
	})
	if err == nil {
		err = refused
	}
	return err
}
