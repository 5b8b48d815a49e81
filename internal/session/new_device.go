package session

import (
	"context"
	"slices"
	"time"

	"doverie/internal/account"
	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/secret"
)

// askContacts makes a sign-in wait: both factors were right, its browser is new, and its owner wants the contacts
// asked (DOMAIN §7). Nobody but whoever holds both factors can trouble them, and he only AsksPerDay times a day.
func (s *Service) askContacts(ctx context.Context, act effect.Act, now time.Time, a account.Account, amr []string, o opening) (Entered, error) {
	if err := s.limit(ctx, "sign_in:asked:"+a.ID, s.Policy.AsksPerDay, 24*time.Hour, now); err != nil {
		return Entered{}, err
	}
	waits := effect.SignInWaits{Account: a.ID, AMR: amr, Remember: o.remember}
	if before := o.change.SignInBefore; before != nil {
		waits.ID = before.ID
	} else {
		o.token = secret.Token()
		waits.ID, waits.TokenHash, waits.Device, waits.Area, waits.At = account.NewID(), secret.HashToken(o.token), act.Device, act.Area, now
	}
	proven := slices.Clone(o.effects)
	if step := o.change.UsedStep; step != nil {
		proven = append(proven, effect.UseStep{Account: step.Account, Step: step.Step})
	}
	where := map[string]string{"device": act.Device, "area": act.Area}
	until, err := s.Contacts.AskSignIn(ctx, act, a.ID, waits.ID, func(action string, until time.Time) []effect.Effect {
		waits.Action, waits.Until = action, until
		return append(slices.Clone(proven), waits, record("sign_in.waiting", "sign_in:"+waits.ID, where, a.ID))
	})
	switch {
	case fault.HasKey(err, "fault.action.nobody_able"):
		return Entered{}, s.refuseSignIn(ctx, act, now, a, o, proven)
	case fault.HasKey(err, "fault.guard.not_guarded"):
		return Entered{}, fault.New(fault.Conflict, "fault.conflict", nil).Because(err) // the next try needs nobody
	case err != nil:
		return Entered{}, err
	}
	return Entered{Token: o.token, Waits: until, NewDevice: true}, nil
}

// refuseSignIn ends a sign-in that no contact could approve in time. There is no way around them: the owner has
// his remembered browsers and the service desk. He is told, because his password and second factor were right.
func (s *Service) refuseSignIn(ctx context.Context, act effect.Act, now time.Time, a account.Account, o opening, proven []effect.Effect) error {
	c, object := Change{}, "account:"+a.ID
	if before := o.change.SignInBefore; before != nil {
		after := *before
		after.State = SignInEnded
		c.SignInBefore, c.SignInAfter, object = before, &after, "sign_in:"+before.ID
	}
	where := map[string]string{"device": act.Device, "area": act.Area}
	err := s.commit(ctx, act, now, c, append(proven, record("sign_in.refused", object, where, a.ID), effect.Send{
		Kind: "sign_in.refused", To: a.ID, Via: effect.All(),
		Args: map[string]string{"at": now.Format(time.RFC3339), "device": act.Device, "area": act.Area}, Key: "refused:" + object + ":" + now.Format(time.RFC3339Nano),
	})...)
	if err != nil {
		return err
	}
	return fault.New(fault.Refused, "fault.sign_in.nobody_able", nil)
}

// Waiting is a sign-in that the contacts were asked about.
type Waiting struct {
	SignIn string
	Action string // what they are asked to approve; package trust tells how that stands
	Over   bool   // it was ended meanwhile, whatever the contacts say
}

// Waiting reads the sign-in of this browser that the contacts were asked about, also when it was ended before they
// answered; fault NotFound "fault.sign_in.over" when there is none.
func (s *Service) Waiting(ctx context.Context, token string) (Waiting, error) {
	si, _, err := s.Store.SignIn(ctx, secret.HashToken(token))
	switch {
	case err != nil && !fault.Is(err, fault.NotFound):
		return Waiting{}, err
	case err != nil, si.Action == "", si.State == SignInDone:
		return Waiting{}, fault.New(fault.NotFound, "fault.sign_in.over", nil)
	}
	return Waiting{SignIn: si.ID, Action: si.Action, Over: si.State != SignInWaiting}, nil
}

func (s *Service) waiting(ctx context.Context, token string) (SignIn, error) {
	si, _, err := s.Store.SignIn(ctx, secret.HashToken(token))
	switch {
	case err != nil && !fault.Is(err, fault.NotFound):
		return SignIn{}, err
	case err != nil, si.State != SignInWaiting, si.Action == "":
		return SignIn{}, fault.New(fault.NotFound, "fault.sign_in.over", nil)
	}
	return si, nil
}

// EnterApproved makes the session of a sign-in that the contacts approved, in the browser that waited for them.
// The question ends in the same commit: one approval is one session (I2), and a contact may stop it until then.
// Faults: NotFound "fault.sign_in.over"; Conflict unless it is approved now.
func (s *Service) EnterApproved(ctx context.Context, act effect.Act, token string) (Entered, error) {
	now := s.Now()
	si, err := s.waiting(ctx, token)
	if err != nil {
		return Entered{}, err
	}
	a, err := s.Store.Account(ctx, si.Account)
	if err != nil {
		return Entered{}, err
	}
	out := Entered{Token: secret.Token(), NewDevice: true}
	ses := Session{
		ID: account.NewID(), TokenHash: secret.HashToken(out.Token), Account: a.ID, Kind: Full, AMR: si.AMR,
		Device: act.Device, Area: act.Area, CreatedAt: now, SeenAt: now, ExpiresAt: now.Add(s.Policy.SessionTTL), Version: 1,
	}
	opens := effect.OpenSession{
		SignIn: si.ID, Action: si.Action, ID: ses.ID, Account: a.ID, TokenHash: ses.TokenHash, AMR: ses.AMR,
		Device: ses.Device, Area: ses.Area, At: now, Until: ses.ExpiresAt,
	}
	if si.Remember {
		out.DeviceToken, ses.DeviceID = secret.Token(), account.NewID()
		opens.DeviceID, opens.DeviceHash = ses.DeviceID, secret.HashToken(out.DeviceToken)
	}
	err = s.Contacts.FinishSignIn(ctx, act, si.Action, si.ID, []effect.Effect{
		opens,
		effect.Send{
			Kind: "session.new_device", To: a.ID, Via: effect.All(),
			Args: map[string]string{"at": now.Format(time.RFC3339), "device": act.Device, "area": act.Area}, Key: "new_device:" + ses.ID,
		},
		record("session.started", "session:"+ses.ID,
			map[string]string{"device": act.Device, "area": act.Area, "kind": string(Full), "new_device": yesNo(true)}, a.ID),
	})
	out.Auth = Auth{Session: ses, Account: a, Gate: gateOf(ses, a)}
	return out, err
}

// LeaveWaiting ends the waiting sign-in of this browser. Faults: NotFound "fault.sign_in.over"; Conflict.
func (s *Service) LeaveWaiting(ctx context.Context, act effect.Act, token string) error {
	si, err := s.waiting(ctx, token)
	if err != nil {
		return err
	}
	return s.Contacts.GiveUpSignIn(ctx, act, si.Action, si.ID, []effect.Effect{
		effect.EndSignIn{ID: si.ID}, record("sign_in.ended", "sign_in:"+si.ID, nil, si.Account),
	})
}
