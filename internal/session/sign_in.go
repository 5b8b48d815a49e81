package session

import (
	"context"
	"fmt"
	"slices"
	"time"

	"doverie/internal/account"
	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/secret"
)

// BeginInput is what a person types to sign in, and the cookie of a remembered browser.
type BeginInput struct {
	Identifier, Password string
	DeviceToken          string // or empty
}

// Step is where a sign-in or a step-up stands, for the page that asks for a code.
type Step struct {
	Method   Method
	Methods  []Method  // all the person may choose from
	Phone    string    // masked, when the code went by SMS
	ResendAt time.Time // when a new SMS may be asked for; zero with TOTP
	Until    time.Time // the whole step ends
	Passkey  bool      // a passkey may answer instead; with NoMethod nothing else can
	Bound    string    // what an SMS code of this step is bound to
}

// Begun is a pending sign-in and the secret of the browser that began it.
type Begun struct {
	Step
	Token string // for a cookie; never stored
}

// Begin checks identifier and password and asks for the second factor: the code generator if there is
// one, else an SMS to the account's own phone.
// Faults: Invalid (field "identifier"); Refused "fault.sign_in.wrong", one answer for everything a
// stranger could try; Refused "fault.sign_in.no_factor"; "fault.code.other_live" (finish what the
// other code is for first); Limited; Busy; Conflict.
func (s *Service) Begin(ctx context.Context, act effect.Act, in BeginInput) (Begun, error) {
	now := s.Now()
	id, wrong := account.ParseIdentifier(in.Identifier)
	if wrong != "" {
		return Begun{}, fault.BadFields(fault.Field{Name: "identifier", Key: wrong})
	}
	a, deviceID, rehash, err := s.provenPassword(ctx, act, id, in, now)
	if err != nil {
		return Begun{}, err
	}
	methods := Methods(a)
	switch {
	case len(methods) > 0:
	case a.Passkeys > 0:
		methods = []Method{NoMethod} // only a key can answer: no code is asked for
	default:
		return Begun{}, fault.New(fault.Refused, "fault.sign_in.no_factor", nil)
	}
	token := secret.Token()
	si := SignIn{
		ID: account.NewID(), TokenHash: secret.HashToken(token), Account: a.ID, State: SignInPending, Method: methods[0],
		DeviceID: deviceID, Device: act.Device, Area: act.Area,
		CreatedAt: now, ExpiresAt: now.Add(s.Policy.SignInTTL), Version: 1,
	}
	effects, err := s.ask(ctx, &si, a, now)
	if err != nil {
		return Begun{}, err
	}
	effects = append(effects, record("sign_in.begun", "sign_in:"+si.ID, map[string]string{"device": si.Device, "area": si.Area}, a.ID))
	if err := s.commit(ctx, act, now, Change{NewSignIn: &si, PasswordAt: a.PasswordChangedAt, Rehash: rehash}, effects...); err != nil {
		return Begun{}, err
	}
	return Begun{Step: s.step(si, a), Token: token}, nil
}

// provenPassword finds the account and verifies the password. Whatever is wrong, one hash is made
// and one answer given. The attempt is counted first: for the network area, and in the bucket of a browser that the owner
// signed in from before, or in the bucket of the identifier. rehash is nil while the costs of the hash are today's.
func (s *Service) provenPassword(
	ctx context.Context, act effect.Act, id account.Identifier, in BeginInput, now time.Time,
) (a account.Account, deviceID string, rehash *Rehash, err error) {
	area := Count{"sign_in:area:" + act.Area, s.Policy.SignInsPerArea, time.Hour}
	own := Count{fmt.Sprintf("sign_in:who:%x", s.Keys.Lookup("limit.identifier", id.String())), s.Policy.SignInsPerAccount, time.Hour}
	first, device := []Count{area, own}, []byte(nil)
	if in.DeviceToken != "" { // which of the two buckets it is shows when the browser is known
		first, device = []Count{area}, secret.HashToken(in.DeviceToken)
	}
	found, err := s.Store.Arrive(ctx, first, id, device, now)
	if err == nil && found.Wait > 0 {
		err = fault.New(fault.Limited, "fault.limited.after", fault.Args{"After": found.Wait})
	}
	if err != nil {
		return a, "", nil, err
	}
	a = found.Account
	known := a.ID != ""
	if device != nil {
		if known && found.Device.Account == a.ID {
			deviceID, own.Key = found.Device.ID, "sign_in:device:"+found.Device.ID
		}
		if err := s.limit(ctx, own.Key, own.Limit, own.Per, now); err != nil {
			return a, "", nil, err
		}
	}
	ok, stale := false, false
	if known && a.PasswordUsable(now, s.Policy) {
		ok, stale, err = s.Passwords.Verify(ctx, a.PasswordHash, in.Password)
	} else {
		err = s.Passwords.VerifyDummy(ctx, in.Password)
	}
	switch {
	case err != nil:
		return a, "", nil, busy(err)
	case !ok:
		return a, "", nil, fault.New(fault.Refused, "fault.sign_in.wrong", nil)
	}
	if stale {
		rehash = s.rehash(ctx, a, in.Password)
	}
	return a, deviceID, rehash, nil
}

// ask prepares the sign-in's chosen second factor: a code by SMS, or the day's count of the generator.
func (s *Service) ask(ctx context.Context, si *SignIn, a account.Account, now time.Time) ([]effect.Effect, error) {
	switch si.Method {
	case TOTP:
		return nil, s.limitTOTP(ctx, a, now)
	case NoMethod:
		return nil, nil
	}
	effects, err := s.issue(secret.SignIn, si.ID, a, now)
	si.CodeSentAt = now
	return effects, err
}

func (s *Service) step(si SignIn, a account.Account) Step {
	st := Step{Method: si.Method, Methods: Methods(a), Until: si.ExpiresAt, Passkey: a.Passkeys > 0, Bound: si.ID}
	if si.Method == SMS {
		st.Phone, st.ResendAt = account.MaskPhone(a.Phone), si.CodeSentAt.Add(s.Policy.CodeResend)
	}
	return st
}

// pending loads the sign-in of this browser. Faults: NotFound "fault.sign_in.over" when it is not pending any more,
// Conflict "fault.sign_in.waiting" when the contacts are asked.
func (s *Service) pending(ctx context.Context, token string, now time.Time) (SignIn, account.Account, error) {
	si, a, err := s.Store.SignIn(ctx, secret.HashToken(token))
	if err = stillPending(si, a, now, err); err != nil {
		return SignIn{}, account.Account{}, err
	}
	return si, a, nil
}

// stillPending says why a sign-in that was read, or was not found, is not pending; faults as pending.
func stillPending(si SignIn, a account.Account, now time.Time, err error) error {
	switch {
	case err != nil && !fault.Is(err, fault.NotFound):
		return err
	case err == nil && si.State == SignInWaiting && a.State != account.Closed && now.Before(si.ExpiresAt):
		return fault.New(fault.Conflict, "fault.sign_in.waiting", nil)
	case err != nil || a.State == account.Closed || si.State != SignInPending || !now.Before(si.ExpiresAt):
		return fault.New(fault.NotFound, "fault.sign_in.over", nil)
	}
	return nil
}

// Pending reads where the sign-in of this browser stands; fault NotFound.
func (s *Service) Pending(ctx context.Context, token string) (Step, error) {
	si, a, err := s.pending(ctx, token, s.Now())
	if err != nil {
		return Step{}, err
	}
	return s.step(si, a), nil
}

// Choose takes the other second factor. SMS sends a code unless one was just sent.
// Faults: NotFound, Refused (a method the account has not, "fault.code.other_live"), Limited, Conflict.
func (s *Service) Choose(ctx context.Context, act effect.Act, token string, m Method) (Step, error) {
	now := s.Now()
	before, a, err := s.pending(ctx, token, now)
	if err != nil {
		return Step{}, err
	}
	if !slices.Contains(Methods(a), m) {
		return Step{}, fault.New(fault.Refused, "fault.sign_in.method", nil)
	}
	if before.Method == m {
		return s.step(before, a), nil
	}
	after := before
	after.Method = m
	var effects []effect.Effect
	if m == TOTP || !now.Before(before.CodeSentAt.Add(s.Policy.CodeResend)) {
		if effects, err = s.ask(ctx, &after, a, now); err != nil {
			return Step{}, err
		}
	}
	effects = append(effects, record("sign_in.method_chosen", "sign_in:"+after.ID, map[string]string{"method": string(m)}, a.ID))
	err = s.commit(ctx, act, now, Change{SignInBefore: &before, SignInAfter: &after}, effects...)
	return s.step(after, a), err
}

// Resend sends a new code by SMS; the older one ends. Faults: NotFound, Refused, Limited, Conflict.
func (s *Service) Resend(ctx context.Context, act effect.Act, token string) (Step, error) {
	now := s.Now()
	before, a, err := s.pending(ctx, token, now)
	if err != nil {
		return Step{}, err
	}
	if before.Method != SMS || !a.PhoneOwned() {
		return Step{}, fault.New(fault.Refused, "fault.sign_in.method", nil)
	}
	if wait := before.CodeSentAt.Add(s.Policy.CodeResend).Sub(now); wait > 0 {
		return Step{}, fault.New(fault.Limited, "fault.code.resend", fault.Args{"After": wait})
	}
	after := before
	effects, err := s.ask(ctx, &after, a, now)
	if err != nil {
		return Step{}, err
	}
	effects = append(effects, record("sign_in.code_resent", "sign_in:"+after.ID, nil, a.ID))
	err = s.commit(ctx, act, now, Change{SignInBefore: &before, SignInAfter: &after}, effects...)
	return s.step(after, a), err
}
