package session_test

import (
	"slices"
	"testing"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/secret"
	"doverie/internal/session"
	"doverie/internal/store/storetest"
)

func TestSessionsEndByTimeAndByIdleness(t *testing.T) {
	each(t, func(t *testing.T, p *storetest.People) {
		ctx := t.Context()
		p.Register(t, "Вера", phone)
		in := p.SignIn(t, phone)
		start := p.Clock.Now()
		for p.Clock.Now().Before(start.Add(p.Policy.SessionTTL - p.Policy.SessionIdle/2)) {
			p.Clock.Advance(p.Policy.SessionIdle / 2)
			if p.Clock.Now().Before(start.Add(p.Policy.SessionTTL)) {
				_, err := p.Sessions.Authenticate(ctx, in.Token)
				ok(t, err)
			}
		}
		p.Clock.Advance(start.Add(p.Policy.SessionTTL).Sub(p.Clock.Now()))
		_, err := p.Sessions.Authenticate(ctx, in.Token)
		want(t, err, fault.SignIn, "fault.sign_in")

		in = p.SignIn(t, phone)
		p.Clock.Advance(p.Policy.SessionIdle - time.Microsecond)
		_, err = p.Sessions.Authenticate(ctx, in.Token)
		ok(t, err)
		p.Clock.Advance(p.Policy.SessionIdle)
		_, err = p.Sessions.Authenticate(ctx, in.Token)
		want(t, err, fault.SignIn, "fault.sign_in")
		_, err = p.Sessions.Authenticate(ctx, "")
		want(t, err, fault.SignIn, "fault.sign_in")
	})
}

func TestStepUp(t *testing.T) {
	each(t, func(t *testing.T, p *storetest.People) {
		ctx := t.Context()
		a := p.Register(t, "Вера", phone)
		in := p.SignIn(t, phone)
		act, auth := storetest.ActOf(a.ID), in.Auth
		_, _, err := p.Sessions.EnterStepUp(ctx, act, auth, "123456")
		want(t, err, fault.NotFound, "fault.step_up.over")
		_, err = p.Sessions.BeginStepUp(ctx, act, auth, "не тот пароль", session.NoMethod)
		want(t, err, fault.Refused, "fault.step_up.password")
		_, err = p.Sessions.BeginStepUp(ctx, act, auth, storetest.Password, session.TOTP)
		want(t, err, fault.Refused, "fault.sign_in.method")
		st, err := p.Sessions.BeginStepUp(ctx, act, auth, storetest.Password, session.NoMethod)
		ok(t, err)
		if st.Method != session.SMS {
			t.Errorf("asks for %q", st.Method)
		}
		auth = p.Reload(t, auth)
		// T03: the code of another purpose, and of another session, does not fit.
		_, _, err = p.Sessions.EnterStepUp(ctx, act, auth, p.Code(t, "sign_in.code"))
		want(t, err, fault.Refused, "fault.code.wrong")
		other := p.SignIn(t, phone)
		_, err = p.Sessions.BeginStepUp(ctx, act, other.Auth, storetest.Password, session.SMS)
		ok(t, err)
		_, _, err = p.Sessions.EnterStepUp(ctx, act, auth, p.Code(t, "step_up.code"))
		want(t, err, fault.Refused, "fault.code.wrong")
		p.Clock.Advance(p.Policy.CodeResend)
		_, err = p.Sessions.ResendStepUp(ctx, act, p.Reload(t, auth))
		ok(t, err)
		done, token, err := p.Sessions.EnterStepUp(ctx, act, p.Reload(t, auth), p.Code(t, "step_up.code"))
		ok(t, err)
		if !done.SteppedUp(p.Clock.Now(), p.Policy) || done.Session.ID != in.Session.ID {
			t.Errorf("stepped up: %+v", done.Session)
		}
		if _, err = p.Sessions.Authenticate(ctx, in.Token); !fault.Is(err, fault.SignIn) {
			t.Errorf("the old secret still opens pages: %v", err)
		}
		fresh, err := p.Sessions.Authenticate(ctx, token)
		ok(t, err)
		if fresh.Session.Version != done.Session.Version || !fresh.SteppedUp(p.Clock.Now(), p.Policy) {
			t.Errorf("stored %+v, returned %+v", fresh.Session, done.Session)
		}
		p.Clock.Advance(p.Policy.StepUpTTL)
		if fresh.SteppedUp(p.Clock.Now(), p.Policy) {
			t.Error("a step-up is good at its last moment")
		}
	})
}

func TestFiveWrongCodesEndAStepUp(t *testing.T) {
	each(t, func(t *testing.T, p *storetest.People) {
		ctx := t.Context()
		a := p.Register(t, "Вера", phone)
		auth := p.SignIn(t, phone).Auth
		act := storetest.ActOf(a.ID)
		_, err := p.Sessions.BeginStepUp(ctx, act, auth, storetest.Password, session.SMS)
		ok(t, err)
		for left := p.Policy.CodeTries - 1; left > 0; left-- {
			if left == 2 { // a new code does not give new tries
				p.Clock.Advance(p.Policy.CodeResend)
				_, err = p.Sessions.ResendStepUp(ctx, act, p.Reload(t, auth))
				ok(t, err)
			}
			_, _, err = p.Sessions.EnterStepUp(ctx, act, p.Reload(t, auth), "x")
			want(t, err, fault.Refused, "fault.code.wrong")
		}
		_, _, err = p.Sessions.EnterStepUp(ctx, act, p.Reload(t, auth), "x")
		want(t, err, fault.Refused, "fault.step_up.failed")
		_, _, err = p.Sessions.EnterStepUp(ctx, act, p.Reload(t, auth), p.Code(t, "step_up.code"))
		want(t, err, fault.NotFound, "fault.step_up.over")
		p.Clock.Advance(time.Hour / 2)
		p.StepUp(t, p.Reload(t, auth)) // the password again gives a new chance
	})
}

func TestCodeGenerator(t *testing.T) {
	each(t, func(t *testing.T, p *storetest.People) {
		ctx, act := t.Context(), storetest.Act()
		a := p.Register(t, "Вера", phone)
		auth, _ := p.StepUp(t, p.SignIn(t, phone).Auth)
		_, err := p.Accounts.EnrolTOTP(ctx, act, auth.Caller())
		ok(t, err)
		stored, err := p.Account(ctx, a.ID)
		ok(t, err)
		key, err := p.Keys.Open("totp", []byte(a.ID), stored.TOTP.Key)
		ok(t, err)
		ok(t, p.Accounts.ConfirmTOTP(ctx, act, auth.Caller(), secret.TOTPCode(key, p.Clock.Now())))

		b := begin(t, p)
		if b.Method != session.TOTP || !slices.Equal(b.Methods, []session.Method{session.TOTP, session.SMS}) || b.Phone != "" {
			t.Errorf("begun %+v", b)
		}
		_, err = p.Sessions.Enter(ctx, act, session.EnterInput{Token: b.Token, Code: secret.TOTPCode(key, p.Clock.Now())})
		want(t, err, fault.Refused, "fault.code.wrong") // the step was burnt by the confirmation
		p.Clock.Advance(time.Minute)
		twin := begin(t, p)
		code := secret.TOTPCode(key, p.Clock.Now())
		errs := storetest.Parallel(2, func(i int) error {
			_, err := p.Sessions.Enter(ctx, act, session.EnterInput{Token: []string{b.Token, twin.Token}[i], Code: code})
			return err
		})
		if (errs[0] == nil) == (errs[1] == nil) {
			t.Errorf("one code of the generator: %v", errs)
		}
		used := session.StepUse{Account: a.ID, Step: p.Clock.Now().Unix() / 30}
		err = p.CommitSession(ctx, act, p.Clock.Now(), session.Change{UsedStep: &used}, nil)
		want(t, err, fault.Conflict, "fault.conflict") // even for whoever read the account before it was burnt
		b = begin(t, p)
		sms := len(p.Sent("sign_in.code"))
		st, err := p.Sessions.Choose(ctx, act, b.Token, session.SMS)
		ok(t, err)
		if st.Method != session.SMS || len(p.Sent("sign_in.code")) != sms+1 {
			t.Errorf("chosen %+v", st)
		}
		in, err := p.Sessions.Enter(ctx, act, session.EnterInput{Token: b.Token, Code: p.Code(t, "sign_in.code")})
		ok(t, err)
		if !slices.Equal(in.Session.AMR, []string{"pwd", "sms"}) {
			t.Errorf("amr %v", in.Session.AMR)
		}
	})
}

func TestATemporaryPasswordMustBeChanged(t *testing.T) {
	each(t, func(t *testing.T, p *storetest.People) {
		ctx := t.Context()
		a := p.Register(t, "Вера", phone)
		apply(t, p, effect.SetPassword{Account: a.ID, Hash: a.PasswordHash, MustChange: true})
		in := p.SignIn(t, phone)
		if in.Gate != session.MustChangeGate {
			t.Fatalf("gate %q", in.Gate)
		}
		_, err := p.Sessions.BeginStepUp(ctx, storetest.ActOf(a.ID), in.Auth, storetest.Password, session.SMS)
		want(t, err, fault.Refused, "fault.sign_in.must_change")
		ok(t, p.Accounts.ChangePassword(ctx, storetest.ActOf(a.ID), in.Caller(), storetest.Password, "лампа над круглым столом"))
		auth, err := p.Sessions.Authenticate(ctx, in.Token)
		ok(t, err)
		if auth.Gate != session.NoGate {
			t.Errorf("gate %q after the change", auth.Gate)
		}
	})
}

func TestWhereOneIsSignedIn(t *testing.T) {
	each(t, func(t *testing.T, p *storetest.People) {
		ctx := t.Context()
		a := p.Register(t, "Вера", phone)
		p.Register(t, "Анна", "+79131234568")
		first, second, third := p.SignIn(t, phone), p.SignIn(t, phone), p.SignIn(t, phone)
		stranger := p.SignIn(t, "+79131234568")
		act := storetest.ActOf(a.ID)
		live := func() []string {
			sessions, _, err := p.Sessions.List(ctx, first.Auth)
			ok(t, err)
			var ids []string
			for _, s := range sessions {
				ids = append(ids, s.ID)
			}
			return ids
		}
		if ids := live(); len(ids) != 3 || slices.Contains(ids, stranger.Session.ID) {
			t.Errorf("listed %v", ids)
		}
		if err := p.Sessions.End(ctx, act, first.Auth, stranger.Session.ID); !fault.Is(err, fault.NotFound) {
			t.Errorf("another person's session: %v (T28)", err)
		}
		ok(t, p.Sessions.End(ctx, act, first.Auth, second.Session.ID))
		if _, err := p.Sessions.Authenticate(ctx, second.Token); !fault.Is(err, fault.SignIn) {
			t.Errorf("an ended session opens pages: %v", err)
		}
		ok(t, p.Sessions.SignOut(ctx, act, third.Auth))
		ok(t, p.Sessions.SignOut(ctx, act, third.Auth)) // twice is no fault
		if ids := live(); !slices.Equal(ids, []string{first.Session.ID}) {
			t.Errorf("listed %v", ids)
		}
		p.SignIn(t, phone)
		ok(t, p.Sessions.SignOutEverywhere(ctx, act, first.Auth, true))
		if ids := live(); !slices.Equal(ids, []string{first.Session.ID}) {
			t.Errorf("listed %v", ids)
		}
		ok(t, p.Sessions.SignOutEverywhere(ctx, act, first.Auth, false))
		if ids := live(); len(ids) != 0 {
			t.Errorf("listed %v", ids)
		}
		if _, err := p.Sessions.Authenticate(ctx, stranger.Token); err != nil {
			t.Errorf("another person was signed out: %v", err)
		}
	})
}

func TestForgettingABrowser(t *testing.T) {
	each(t, func(t *testing.T, p *storetest.People) {
		ctx, act := t.Context(), storetest.Act()
		p.Register(t, "Вера", phone)
		b := begin(t, p)
		in, err := p.Sessions.Enter(ctx, act, session.EnterInput{Token: b.Token, Code: p.Code(t, "sign_in.code"), Remember: true})
		ok(t, err)
		_, devices, err := p.Sessions.List(ctx, in.Auth)
		ok(t, err)
		if len(devices) != 1 || devices[0].Words != act.Device {
			t.Fatalf("devices %+v", devices)
		}
		ok(t, p.Sessions.ForgetDevice(ctx, act, in.Auth, devices[0].ID))
		err = p.Sessions.ForgetDevice(ctx, act, in.Auth, devices[0].ID)
		want(t, err, fault.NotFound, "fault.not_found")
		b = begin(t, p)
		in, err = p.Sessions.Enter(ctx, act, session.EnterInput{Token: b.Token, Code: p.Code(t, "sign_in.code"), DeviceToken: in.DeviceToken})
		ok(t, err)
		if !in.NewDevice {
			t.Error("a forgotten browser is still known")
		}
	})
}
