package session

import (
	"context"
	"errors"
	"time"

	"doverie/internal/account"
	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/secret"
)

// EnterInput is the code of a pending sign-in.
type EnterInput struct {
	Token       string // of the sign-in
	Code        string
	DeviceToken string // cookie of a remembered browser, or empty
	Remember    bool   // remember this browser
}

// Entered is a fresh session and its secrets.
type Entered struct {
	Auth
	Token       string    // for a cookie; never stored
	DeviceToken string    // for a long-lived cookie; empty: leave the browser's cookie as it is
	Waits       time.Time // the contacts are asked, and there is no session before they approve; until then. Token is the sign-in's
	NewDevice   bool      // the browser was not remembered before; the person was told on every channel
}

// Enter makes a session when the second factor is right: new id, new secret (T38). On a frozen
// account it is a Restricted one. From a new browser of a person who wants the contacts asked, the sign-in
// waits for them instead: see Entered.Waits.
// Faults: NotFound "fault.sign_in.over"; Refused "fault.code.wrong" with {"Left": tries},
// "fault.code.expired", "fault.sign_in.failed" after the last try, "fault.sign_in.nobody_able"; Limited; Conflict.
func (s *Service) Enter(ctx context.Context, act effect.Act, in EnterInput) (Entered, error) {
	now := s.Now()
	var d entering
	err := s.Store.DecideSignIn(ctx, act, secret.HashToken(in.Token), deviceHash(in.DeviceToken), s.Policy.CodeTries, now,
		func(try SignInTry) (c Change, effects []effect.Effect, err error) {
			d, err = s.entering(act, now, in, try)
			c = d.change
			c.Rules = s.Policy.Version
			return c, d.effects, err
		})
	switch {
	case errors.Is(err, errAskFirst):
		return s.askContacts(ctx, act, now, d.account, d.amr, d.opening)
	case fault.Is(err, fault.NotFound):
		return Entered{}, fault.New(fault.NotFound, "fault.sign_in.over", nil)
	case err != nil:
		return Entered{}, err
	case d.failed:
		return Entered{}, fault.New(fault.Refused, "fault.sign_in.failed", nil)
	}
	return d.out, nil
}

// deviceHash is what a remembered browser is found by; nil: none.
func deviceHash(token string) []byte {
	if token == "" {
		return nil
	}
	return secret.HashToken(token)
}

// errAskFirst ends a decision that opens no session: the contacts are asked, in a decision of their own.
var errAskFirst = errors.New("session: the contacts are asked first")

// entering is what a typed code leads to.
type entering struct {
	opening

	account account.Account
	out     Entered
	failed  bool // the last try was wrong, and the sign-in ends
}

func (s *Service) entering(act effect.Act, now time.Time, in EnterInput, try SignInTry) (entering, error) {
	si, a := try.SignIn, try.Account
	d := entering{account: a, opening: opening{
		change: Change{SignInBefore: &si}, method: si.Method, token: in.Token, remember: in.Remember,
	}}
	if err := stillPending(si, a, now, nil); err != nil {
		return d, err
	}
	if !try.Counted {
		return d, fault.New(fault.NotFound, "fault.sign_in.over", nil)
	}
	code := func() (string, []byte, error) {
		if try.CodeID == "" {
			return "", nil, fault.New(fault.NotFound, "fault.code.expired", nil)
		}
		return try.CodeID, try.Hash, nil
	}
	proven, wrong, err := s.compare(secret.SignIn, si.ID, si.Method, a, in.Code, now, code, &d.change)
	if err != nil {
		return d, err
	}
	after := si
	d.effects, d.change.SignInAfter = proven, &after
	if wrong != nil && try.Left > 0 {
		return d, withLeft(wrong, try.Left)
	}
	if wrong == nil {
		after.State = SignInDone
		d.opening, d.out, err = s.opened(act, now, a, try.Device, d.opening)
		return d, err
	}
	after.State, d.failed = SignInFailed, true
	d.effects = []effect.Effect{
		effect.DropCodes{Bound: si.ID},
		record("sign_in.failed", "sign_in:"+si.ID, map[string]string{"device": si.Device, "area": si.Area}, si.Account),
	}
	return d, nil
}

// compare compares one typed code. wrong is what to say when it does not fit; what must be burnt with a fitting one
// goes into the change and the effects. code gives the counted code by SMS; fault NotFound when there is none to try.
func (s *Service) compare(
	purpose secret.Purpose, bound string, m Method, a account.Account, typed string, now time.Time,
	code func() (id string, hash []byte, err error), c *Change,
) (effects []effect.Effect, wrong *fault.Error, err error) {
	if m == TOTP {
		if !a.TOTP.Enrolled() {
			return nil, fault.New(fault.Refused, "fault.code.wrong", nil), nil
		}
		step, ok, err := account.CheckTOTP(s.Keys, a, typed, now)
		if err != nil || !ok {
			return nil, fault.New(fault.Refused, "fault.code.wrong", nil), err
		}
		c.UsedStep = &StepUse{Account: a.ID, Step: step}
		return nil, nil, nil
	}
	id, hash, err := code()
	switch {
	case fault.Is(err, fault.NotFound):
		return nil, fault.New(fault.Refused, "fault.code.expired", nil), nil
	case err != nil:
		return nil, nil, err
	case !s.Keys.SameCode(purpose, bound, typed, hash):
		return nil, fault.New(fault.Refused, "fault.code.wrong", nil), nil
	}
	return []effect.Effect{effect.UseCode{ID: id}, effect.ConfirmPhone{Account: a.ID, At: now, Lapsed: !a.PhoneCurrent(now, s.Policy)}}, nil, nil
}

func withLeft(f *fault.Error, left int) error {
	return fault.New(f.Kind, f.Key, fault.Args{"Left": left})
}

// opening is what a new session comes from.
type opening struct {
	change      Change
	effects     []effect.Effect
	method      Method
	amr         []string // what was proven; nil: password and method
	token       string   // of the sign-in; empty: a key alone, which has none
	deviceToken string
	remember    bool
	quiet       bool // the account is brand new: nobody to warn of a new browser
}

// open makes a session outside a decision about a sign-in: of a key alone, and of an account that is brand new.
func (s *Service) open(ctx context.Context, act effect.Act, now time.Time, a account.Account, o opening) (Entered, error) {
	var d Device
	if o.deviceToken != "" {
		found, err := s.Store.Device(ctx, secret.HashToken(o.deviceToken))
		if err != nil && !fault.Is(err, fault.NotFound) {
			return Entered{}, err
		}
		d = found
	}
	o, out, err := s.opened(act, now, a, d, o)
	if errors.Is(err, errAskFirst) {
		return s.askContacts(ctx, act, now, a, o.amr, o)
	}
	if err != nil {
		return Entered{}, err
	}
	if err := s.commit(ctx, act, now, o.change, o.effects...); err != nil {
		return Entered{}, err
	}
	return out, nil
}

// opened is the session that begins in the browser that is remembered as d, or in a new one when d is not the account's, and
// what has to be committed for it; errAskFirst when that is for the contacts to say.
func (s *Service) opened(act effect.Act, now time.Time, a account.Account, d Device, o opening) (opening, Entered, error) {
	token := secret.Token()
	if o.amr == nil {
		o.amr = amr(o.method)
	}
	ses := Session{
		ID: account.NewID(), TokenHash: secret.HashToken(token), Account: a.ID, Kind: Full, AMR: o.amr,
		Device: act.Device, Area: act.Area, CreatedAt: now, SeenAt: now, ExpiresAt: now.Add(s.Policy.SessionTTL), Version: 1,
	}
	if a.State != account.Open {
		ses.Kind = Restricted
	}
	out := Entered{Token: token, NewDevice: d.ID == "" || d.Account != a.ID}
	if !out.NewDevice {
		d.Words, d.Area, d.LastSeenAt = act.Device, act.Area, now
		o.change.SeenDevice, ses.DeviceID = &d, d.ID
	}
	// A frozen account's session only tells of the freeze; a temporary password was given in person.
	if out.NewDevice && ses.Kind == Full && !a.MustChangePassword {
		if a.AsksSignIn {
			return o, out, errAskFirst
		}
		o.change.Unasked = true
	}
	if out.NewDevice && o.remember {
		out.DeviceToken = secret.Token()
		d := Device{
			ID: account.NewID(), Account: a.ID, TokenHash: secret.HashToken(out.DeviceToken),
			Words: act.Device, Area: act.Area, FirstSeenAt: now, LastSeenAt: now,
		}
		o.change.NewDevice, ses.DeviceID = &d, d.ID
	}
	if out.NewDevice && !o.quiet {
		o.effects = append(o.effects, effect.Send{
			Kind: "session.new_device", To: a.ID, Via: effect.All(),
			Args: map[string]string{"at": now.Format(time.RFC3339), "device": act.Device, "area": act.Area}, Key: "new_device:" + ses.ID,
		}, effect.TellGuardians{ // DOMAIN §7: the contact is told, unless the person switched that off
			Account: a.ID, Guard: "tell_sign_in", Kind: "session.new_device",
			Args: map[string]string{"at": now.Format(time.RFC3339)}, Key: "new_device:" + ses.ID,
		})
	}
	o.change.NewSession = &ses
	o.effects = append(o.effects, record("session.started", "session:"+ses.ID,
		map[string]string{"device": act.Device, "area": act.Area, "kind": string(ses.Kind), "new_device": yesNo(out.NewDevice)}, a.ID))
	out.Auth = Auth{Session: ses, Account: a, Gate: gateOf(ses, a)}
	return o, out, nil
}

func yesNo(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// OpenRegistered opens the first session of an account that was created in this very request: its
// password and phone code were proven a moment ago. Nothing else may call it.
func (s *Service) OpenRegistered(ctx context.Context, act effect.Act, a account.Account, remember bool) (Entered, error) {
	return s.open(ctx, act, s.Now(), a, opening{method: SMS, remember: remember, quiet: true})
}
