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

// BeginStepUp checks the password once more and asks for the second factor, in this session.
// method may be NoMethod: then as in Begin.
// Faults: Refused "fault.step_up.password", "fault.sign_in.method", "fault.sign_in.no_factor",
// "fault.code.other_live"; Limited; Busy; Conflict.
func (s *Service) BeginStepUp(ctx context.Context, act effect.Act, auth Auth, password string, method Method) (Step, error) {
	now := s.Now()
	before, a := auth.Session, auth.Account
	if auth.Gate == MustChangeGate {
		return Step{}, fault.New(fault.Refused, "fault.sign_in.must_change", nil)
	}
	if err := s.limit(ctx, "password:session:"+before.ID, s.Policy.SignInsPerAccount, time.Hour, now); err != nil {
		return Step{}, err
	}
	methods := Methods(a)
	switch {
	case len(methods) == 0:
		return Step{}, fault.New(fault.Refused, "fault.sign_in.no_factor", nil)
	case method == NoMethod:
		method = methods[0]
	case !slices.Contains(methods, method):
		return Step{}, fault.New(fault.Refused, "fault.sign_in.method", nil)
	}
	ok, stale, err := s.Passwords.Verify(ctx, a.PasswordHash, password)
	switch {
	case err != nil:
		return Step{}, busy(err)
	case !ok:
		return Step{}, fault.New(fault.Refused, "fault.step_up.password", nil)
	}
	after := before
	after.Proof = Proof{Method: method, BegunAt: now}
	c := Change{Before: &before, After: &after}
	if stale {
		c.Rehash = s.rehash(ctx, a, password)
	}
	return s.askStepUp(ctx, act, now, c, a, "session.step_up_begun")
}

// askStepUp sends the code, or counts the generator, and commits.
func (s *Service) askStepUp(ctx context.Context, act effect.Act, now time.Time, c Change, a account.Account, kind string) (Step, error) {
	after := c.After
	var effects []effect.Effect
	var err error
	if after.Proof.Method == SMS {
		effects, err = s.issue(secret.StepUp, after.ID, a, now)
		after.Proof.CodeAt = now
	} else {
		err = s.limitTOTP(ctx, a, now)
	}
	if err != nil {
		return Step{}, err
	}
	effects = append(effects, record(kind, "session:"+after.ID, map[string]string{"method": string(after.Proof.Method)}, a.ID))
	err = s.commit(ctx, act, now, c, effects...)
	return s.stepUp(*after, a), err
}

func (s *Service) stepUp(ses Session, a account.Account) Step {
	st := Step{Method: ses.Proof.Method, Methods: Methods(a), Until: ses.Proof.BegunAt.Add(s.Policy.SignInTTL), Bound: ses.ID}
	if st.Method == SMS {
		st.Phone, st.ResendAt = account.MaskPhone(a.Phone), ses.Proof.CodeAt.Add(s.Policy.CodeResend)
	}
	return st
}

// PendingStepUp reads the step-up under way; fault NotFound "fault.step_up.over" when there is none.
func (s *Service) PendingStepUp(auth Auth) (Step, error) {
	p := auth.Session.Proof
	if p.Method == NoMethod || !s.Now().Before(p.BegunAt.Add(s.Policy.SignInTTL)) || p.Tries >= s.Policy.CodeTries {
		return Step{}, fault.New(fault.NotFound, "fault.step_up.over", nil)
	}
	return s.stepUp(auth.Session, auth.Account), nil
}

// ChooseStepUp takes the other second factor for the step-up under way. Faults as Choose.
func (s *Service) ChooseStepUp(ctx context.Context, act effect.Act, auth Auth, m Method) (Step, error) {
	now := s.Now()
	st, err := s.PendingStepUp(auth)
	switch {
	case err != nil:
		return Step{}, err
	case !slices.Contains(st.Methods, m):
		return Step{}, fault.New(fault.Refused, "fault.sign_in.method", nil)
	case st.Method == m:
		return st, nil
	}
	after := auth.Session
	after.Proof.Method = m
	if wait := after.Proof.CodeAt.Add(s.Policy.CodeResend).Sub(now); m == SMS && wait > 0 {
		// The code sent a moment ago is still good: only the choice changes.
		err = s.commit(ctx, act, now, Change{Before: &auth.Session, After: &after},
			record("session.step_up_method_chosen", "session:"+after.ID, map[string]string{"method": string(m)}, auth.Account.ID))
		return s.stepUp(after, auth.Account), err
	}
	return s.askStepUp(ctx, act, now, Change{Before: &auth.Session, After: &after}, auth.Account, "session.step_up_method_chosen")
}

// ResendStepUp sends a new code; the older one ends. Faults as Resend.
func (s *Service) ResendStepUp(ctx context.Context, act effect.Act, auth Auth) (Step, error) {
	now := s.Now()
	st, err := s.PendingStepUp(auth)
	if err != nil {
		return Step{}, err
	}
	if st.Method != SMS || !auth.Account.PhoneOwned() {
		return Step{}, fault.New(fault.Refused, "fault.sign_in.method", nil)
	}
	if wait := st.ResendAt.Sub(now); wait > 0 {
		return Step{}, fault.New(fault.Limited, "fault.code.resend", fault.Args{"After": wait})
	}
	after := auth.Session
	return s.askStepUp(ctx, act, now, Change{Before: &auth.Session, After: &after}, auth.Account, "session.step_up_code_resent")
}

// EnterStepUp completes the step-up when the code is right, and returns the session's new secret:
// the older one is dead.
// Faults: NotFound "fault.step_up.over"; Refused "fault.code.wrong" with {"Left": tries},
// "fault.code.expired", "fault.step_up.failed" after the last try (then the password again); Conflict.
func (s *Service) EnterStepUp(ctx context.Context, act effect.Act, auth Auth, typed string) (Auth, string, error) {
	now := s.Now()
	if _, err := s.PendingStepUp(auth); err != nil {
		return Auth{}, "", err
	}
	before := auth.Session
	left, err := s.Store.CountStepUpTry(ctx, before.ID, s.Policy.CodeTries)
	switch {
	case fault.Is(err, fault.NotFound):
		return Auth{}, "", fault.New(fault.NotFound, "fault.step_up.over", nil)
	case err != nil:
		return Auth{}, "", err
	}
	c := Change{Before: &before}
	code := func() (string, []byte, error) {
		id, hash, _, err := s.Codes.TryCode(ctx, string(secret.StepUp), before.ID, s.Policy.CodeTries, now)
		return id, hash, err
	}
	effects, wrong, err := s.compare(secret.StepUp, before.ID, before.Proof.Method, auth.Account, typed, now, code, &c)
	if err != nil {
		return Auth{}, "", err
	}
	after := before
	after.Proof = Proof{}
	c.After = &after
	if wrong != nil {
		if left > 0 {
			return Auth{}, "", withLeft(wrong, left)
		}
		err := s.commit(ctx, act, now, c, effect.DropCodes{Bound: before.ID},
			record("session.step_up_failed", "session:"+before.ID, nil, before.Account))
		if err != nil {
			return Auth{}, "", err
		}
		return Auth{}, "", fault.New(fault.Refused, "fault.step_up.failed", nil)
	}
	token := secret.Token()
	after.StepUpAt, after.TokenHash = now, secret.HashToken(token)
	effects = append(effects, record("session.stepped_up", "session:"+before.ID, nil, before.Account))
	if err := s.commit(ctx, act, now, c, effects...); err != nil {
		return Auth{}, "", err
	}
	after.Version++
	auth.Session = after
	return auth, token, nil
}
