package session_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"doverie/internal/account"
	"doverie/internal/apptest/pgtest"
	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/secret"
	"doverie/internal/session"
	"doverie/internal/store/storetest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

func each(t *testing.T, run func(t *testing.T, p *storetest.People)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) { run(t, storetest.NewPeople(t, db)) })
}

func want(t *testing.T, err error, kind fault.Kind, key string) {
	t.Helper()
	if !fault.Is(err, kind) || !fault.HasKey(err, key) {
		t.Fatalf("got %v, want %s %s", err, kind, key)
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func apply(t *testing.T, p *storetest.People, effects ...effect.Effect) {
	t.Helper()
	ok(t, p.CommitAccount(t.Context(), effect.Act{Actor: effect.System}, p.Clock.Now(), account.Change{Rules: "test"}, effects))
}

const phone = "+79131234567"

func begin(t *testing.T, p *storetest.People) session.Begun {
	t.Helper()
	b, err := p.Sessions.Begin(t.Context(), storetest.Act(), session.BeginInput{Identifier: phone, Password: storetest.Password})
	ok(t, err)
	return b
}

func TestSignIn(t *testing.T) {
	each(t, func(t *testing.T, p *storetest.People) {
		ctx, act := t.Context(), storetest.Act()
		a := p.Register(t, "Вера", phone)
		later := p.Clock.Advance(time.Hour)
		b := begin(t, p)
		if b.Method != session.SMS || b.Phone != "+7 ••• •••-45-67" || !b.ResendAt.Equal(later.Add(p.Policy.CodeResend)) {
			t.Errorf("begun %+v", b)
		}
		_, err := p.Sessions.Enter(ctx, act, session.EnterInput{Token: b.Token, Code: "12345x"})
		want(t, err, fault.Refused, "fault.code.wrong")
		in, err := p.Sessions.Enter(ctx, act, session.EnterInput{Token: b.Token, Code: p.Code(t, "sign_in.code"), Remember: true})
		ok(t, err)
		if in.Session.Kind != session.Full || in.Gate != session.NoGate || !in.NewDevice || in.DeviceToken == "" ||
			!slices.Equal(in.Session.AMR, []string{"pwd", "sms"}) || in.SteppedUp(p.Clock.Now(), p.Policy) {
			t.Errorf("entered %+v", in)
		}
		if in.Token == b.Token || in.Session.ID == "" {
			t.Error("the secret of the sign-in became the session's (T38)")
		}
		if _, err = p.Sessions.Authenticate(ctx, b.Token); !fault.Is(err, fault.SignIn) {
			t.Errorf("the sign-in's secret opens pages: %v", err)
		}
		_, err = p.Sessions.Enter(ctx, act, session.EnterInput{Token: b.Token, Code: p.Code(t, "sign_in.code")})
		want(t, err, fault.NotFound, "fault.sign_in.over")
		stored, err := p.Account(ctx, a.ID)
		ok(t, err)
		if !stored.PhoneConfirmedAt.Equal(later) {
			t.Error("an entered code did not confirm the phone")
		}
		if told := p.Sent("session.new_device"); len(told) != 1 || len(told[0].Via) != 3 {
			t.Errorf("told %+v", told)
		}
		// The same browser again: not new any more.
		b, err = p.Sessions.Begin(ctx, act, session.BeginInput{Identifier: "8 913 123 45 67", Password: storetest.Password, DeviceToken: in.DeviceToken})
		ok(t, err)
		again, err := p.Sessions.Enter(ctx, act, session.EnterInput{Token: b.Token, Code: p.Code(t, "sign_in.code"), DeviceToken: in.DeviceToken, Remember: true})
		ok(t, err)
		if again.NewDevice || again.DeviceToken != "" || again.Session.DeviceID == "" || len(p.Sent("session.new_device")) != 1 {
			t.Errorf("a remembered browser is new: %+v", again)
		}
		if p.Recorded("session.started") != 2 || p.Recorded("sign_in.begun") != 2 {
			t.Error("not one event for each change of state (I7)")
		}
		// Somebody else's browser cookie remembers nothing.
		p.Register(t, "Анна", "+79131234568")
		b, err = p.Sessions.Begin(ctx, act, session.BeginInput{Identifier: "+79131234568", Password: storetest.Password, DeviceToken: in.DeviceToken})
		ok(t, err)
		other, err := p.Sessions.Enter(ctx, act, session.EnterInput{Token: b.Token, Code: p.Code(t, "sign_in.code"), DeviceToken: in.DeviceToken})
		ok(t, err)
		if !other.NewDevice || other.Session.DeviceID != "" {
			t.Errorf("another person's cookie: %+v", other)
		}
	})
}

// I6, T16: every way to be wrong before the right password is one and the same answer.
func TestStrangersLearnNothing(t *testing.T) {
	each(t, func(t *testing.T, p *storetest.People) {
		ctx, act := t.Context(), storetest.Act()
		p.Register(t, "Вера", phone)
		frozen := p.Register(t, "Анна", "+79131234568")
		apply(t, p, effect.Freeze{Account: frozen.ID, Reason: "self"})
		paper := p.Register(t, "Олег", "+79131234569")
		apply(t, p, effect.SetPassword{Account: paper.ID, Hash: paper.PasswordHash, MustChange: true})
		p.Clock.Advance(p.Policy.TempPassword) // the paper's last moment
		work := &counted{Passwords: p.Sessions.Passwords}
		p.Sessions.Passwords = work
		for i, in := range []session.BeginInput{
			{Identifier: phone, Password: "не тот пароль"},
			{Identifier: "+79139999999", Password: storetest.Password},
			{Identifier: "nobody@example.org", Password: storetest.Password},
			{Identifier: "112-233-445 95", Password: ""},
			{Identifier: "+79131234568", Password: "не тот пароль"},
			{Identifier: "+79131234569", Password: storetest.Password},
			{Identifier: phone, Password: strings.Repeat("я", 5000)},
			{Identifier: phone, Password: "\xff"},
		} {
			_, err := p.Sessions.Begin(ctx, act, in)
			want(t, err, fault.Refused, "fault.sign_in.wrong")
			if work.calls != i+1 {
				t.Errorf("%+v: %d password checks for %d answers: the work tells who has an account", in, work.calls, i+1)
			}
			if f := fault.Of(err); len(f.Args) != 0 || len(f.Fields) != 0 || f.Cause != nil {
				t.Errorf("%+v: the answer says more: %+v", in, f)
			}
		}
		if len(p.Sent("sign_in.code")) != 0 {
			t.Error("a code was sent without a right password (T18)")
		}
	})
}

// counted counts the slow checks, real and dummy.
type counted struct {
	session.Passwords
	calls int
}

func (c *counted) Verify(ctx context.Context, hash, password string) (ok, needsRehash bool, err error) {
	c.calls++
	return c.Passwords.Verify(ctx, hash, password)
}

func (c *counted) VerifyDummy(ctx context.Context, password string) error {
	c.calls++
	return c.Passwords.VerifyDummy(ctx, password)
}

func TestFiveWrongCodesEndASignIn(t *testing.T) {
	each(t, func(t *testing.T, p *storetest.People) {
		ctx, act := t.Context(), storetest.Act()
		p.Register(t, "Вера", phone)
		b := begin(t, p)
		for left := p.Policy.CodeTries - 1; left > 0; left-- {
			if left == 2 { // a new code does not give new tries
				p.Clock.Advance(p.Policy.CodeResend)
				_, err := p.Sessions.Resend(ctx, act, b.Token)
				ok(t, err)
			}
			_, err := p.Sessions.Enter(ctx, act, session.EnterInput{Token: b.Token, Code: "x"})
			want(t, err, fault.Refused, "fault.code.wrong")
			if got := fault.Of(err).Args["Left"]; got != left {
				t.Errorf("%v left, want %d", got, left)
			}
		}
		_, err := p.Sessions.Enter(ctx, act, session.EnterInput{Token: b.Token, Code: "x"})
		want(t, err, fault.Refused, "fault.sign_in.failed")
		_, err = p.Sessions.Enter(ctx, act, session.EnterInput{Token: b.Token, Code: p.Code(t, "sign_in.code")})
		want(t, err, fault.NotFound, "fault.sign_in.over")
	})
}

// T27, T23: however many guess at once, no more than five are compared, and one right one wins.
func TestGuessingAtOnce(t *testing.T) {
	each(t, func(t *testing.T, p *storetest.People) {
		ctx, act := t.Context(), storetest.Act()
		p.Register(t, "Вера", phone)
		b := begin(t, p)
		code := p.Code(t, "sign_in.code")
		const guesses = 12
		errs := storetest.Parallel(guesses, func(i int) error {
			typed := "wrong"
			if i < 3 {
				typed = code
			}
			_, err := p.Sessions.Enter(ctx, act, session.EnterInput{Token: b.Token, Code: typed})
			return err
		})
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			}
		}
		tries := p.Count(t, `SELECT tries FROM sign_ins`)
		if sessions := p.Count(t, `SELECT COUNT(id) FROM sessions`); won > 1 || sessions != won || tries > p.Policy.CodeTries {
			t.Errorf("%d won, %d sessions, %d tries: %v", won, sessions, tries, errs)
		}
	})
}

func TestResendAndExpiry(t *testing.T) {
	each(t, func(t *testing.T, p *storetest.People) {
		ctx, act := t.Context(), storetest.Act()
		p.Register(t, "Вера", phone)
		b := begin(t, p)
		old := p.Code(t, "sign_in.code")
		p.Clock.Advance(p.Policy.CodeResend - time.Microsecond)
		_, err := p.Sessions.Resend(ctx, act, b.Token)
		want(t, err, fault.Limited, "fault.code.resend")
		p.Clock.Advance(time.Microsecond)
		_, err = p.Sessions.Resend(ctx, act, b.Token)
		ok(t, err)
		if old != p.Code(t, "sign_in.code") { // one time in a million they are equal
			_, err = p.Sessions.Enter(ctx, act, session.EnterInput{Token: b.Token, Code: old})
			want(t, err, fault.Refused, "fault.code.wrong")
		}
		p.Clock.Advance(p.Policy.CodeTTL)
		_, err = p.Sessions.Enter(ctx, act, session.EnterInput{Token: b.Token, Code: p.Code(t, "sign_in.code")})
		want(t, err, fault.Refused, "fault.code.expired")
		p.Clock.Advance(p.Policy.SignInTTL - p.Policy.CodeTTL - p.Policy.CodeResend)
		_, err = p.Sessions.Pending(ctx, b.Token)
		want(t, err, fault.NotFound, "fault.sign_in.over")
	})
}

// T21: an attacker who guesses all day locks the identifier for strange browsers, never the owner's own.
func TestAnAttackerCannotLockTheOwnerOut(t *testing.T) {
	each(t, func(t *testing.T, p *storetest.People) {
		ctx, act := t.Context(), storetest.Act()
		p.Register(t, "Вера", phone)
		b := begin(t, p)
		home, err := p.Sessions.Enter(ctx, act, session.EnterInput{Token: b.Token, Code: p.Code(t, "sign_in.code"), Remember: true})
		ok(t, err)
		guess := func() error {
			_, err := p.Sessions.Begin(ctx, act, session.BeginInput{Identifier: phone, Password: "угадаю однажды"})
			return err
		}
		for n := 1; n < p.Policy.SignInsPerAccount; n++ {
			want(t, guess(), fault.Refused, "fault.sign_in.wrong")
		}
		want(t, guess(), fault.Limited, "fault.limited.after")
		_, err = p.Sessions.Begin(ctx, act, session.BeginInput{Identifier: phone, Password: storetest.Password})
		want(t, err, fault.Limited, "fault.limited.after") // a right password from a strange browser waits too
		_, err = p.Sessions.Begin(ctx, act, session.BeginInput{Identifier: phone, Password: storetest.Password, DeviceToken: home.DeviceToken})
		ok(t, err)
		// An unknown identifier is limited in the same way: the limit tells nothing (I6).
		for n := 0; ; n++ {
			_, err := p.Sessions.Begin(ctx, act, session.BeginInput{Identifier: "+79139999999", Password: "x"})
			if fault.Is(err, fault.Limited) {
				if n != p.Policy.SignInsPerAccount {
					t.Errorf("an unknown identifier had %d tries", n)
				}
				break
			}
			want(t, err, fault.Refused, "fault.sign_in.wrong")
		}
	})
}

func TestAFrozenAccountLeadsToOnePage(t *testing.T) {
	each(t, func(t *testing.T, p *storetest.People) {
		ctx := t.Context()
		a := p.Register(t, "Вера", phone)
		before := p.SignIn(t, phone)
		pending := begin(t, p)
		code := p.Code(t, "sign_in.code")
		apply(t, p, effect.Freeze{Account: a.ID, Reason: "contact_fraud"}, effect.EndSessions{Account: a.ID, Why: "freeze", Devices: true})
		if _, err := p.Sessions.Authenticate(ctx, before.Token); !fault.Is(err, fault.SignIn) {
			t.Errorf("a session survived: %v", err)
		}
		_, err := p.Sessions.Enter(ctx, storetest.Act(), session.EnterInput{Token: pending.Token, Code: code})
		want(t, err, fault.NotFound, "fault.sign_in.over")

		in := p.SignIn(t, phone)
		if in.Session.Kind != session.Restricted || in.Gate != session.FrozenGate {
			t.Errorf("entered %+v", in)
		}
		apply(t, p, effect.Thaw{Account: a.ID})
		auth, err := p.Sessions.Authenticate(ctx, in.Token)
		ok(t, err)
		if auth.Gate != session.FrozenGate {
			t.Error("a session begun on a frozen account became a full one")
		}
	})
}

// I4: a password replaced between the right password and the commit of the sign-in ends that sign-in.
func TestASignInNeverOutlivesItsPassword(t *testing.T) {
	each(t, func(t *testing.T, p *storetest.People) {
		ctx := t.Context()
		a := p.Register(t, "Вера", phone)
		p.Clock.Advance(time.Minute)
		apply(t, p, effect.SetPassword{Account: a.ID, Hash: "another"}, effect.EndSessions{Account: a.ID, Why: "recovery"})
		si := session.SignIn{
			ID: account.NewID(), TokenHash: secret.HashToken("x"), Account: a.ID, State: session.SignInPending, Method: session.SMS,
			CreatedAt: p.Clock.Now(), ExpiresAt: p.Clock.Now().Add(time.Minute), Version: 1,
		}
		err := p.CommitSession(ctx, storetest.Act(), p.Clock.Now(), session.Change{NewSignIn: &si, PasswordAt: a.PasswordChangedAt}, nil)
		want(t, err, fault.Conflict, "fault.conflict")
	})
}

// I4 under a race: whatever the order, nothing that began with the old password is alive after the end of everything.
func TestEndOfEverythingAgainstSignIns(t *testing.T) {
	each(t, func(t *testing.T, p *storetest.People) {
		ctx := t.Context()
		a := p.Register(t, "Вера", phone)
		const browsers = 6
		var pending []session.Begun
		var codes []string
		for range browsers {
			pending = append(pending, begin(t, p))
			codes = append(codes, p.Code(t, "sign_in.code"))
		}
		storetest.Parallel(browsers+1, func(i int) error {
			if i == browsers/2 {
				return p.CommitAccount(ctx, effect.Act{Actor: effect.System}, p.Clock.Now(), account.Change{Rules: "test"}, []effect.Effect{
					effect.SetPassword{Account: a.ID, Hash: "another"}, effect.EndSessions{Account: a.ID, Why: "recovery", Devices: true},
				})
			}
			i %= browsers
			_, err := p.Sessions.Enter(ctx, storetest.Act(), session.EnterInput{Token: pending[i].Token, Code: codes[i], Remember: true})
			return err
		})
		if n := p.Count(t, `SELECT COUNT(id) FROM sessions WHERE ended_at IS NULL`); n != 0 {
			t.Errorf("%d sessions outlived the end of everything", n)
		}
		if n := p.Count(t, `SELECT COUNT(id) FROM devices WHERE ended_at IS NULL`); n != 0 {
			t.Errorf("%d remembered browsers did", n)
		}
		if n := p.Count(t, `SELECT COUNT(id) FROM sign_ins WHERE state = 'pending'`); n != 0 {
			t.Errorf("%d pending sign-ins did", n)
		}
	})
}

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
		for range p.Policy.CodeTries - 1 {
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

// A phone that went to a new owner is never sent the old owner's codes.
func TestNoCodeToALostPhone(t *testing.T) {
	each(t, func(t *testing.T, p *storetest.People) {
		a := p.Confirmed(t, "Вера", phone, "112-233-445 95", "1954-03-01")
		p.Register(t, "Анна", phone)
		p.Forget()
		_, err := p.Sessions.Begin(t.Context(), storetest.Act(), session.BeginInput{Identifier: "112-233-445 95", Password: storetest.Password})
		want(t, err, fault.Refused, "fault.sign_in.no_factor")
		for _, m := range p.Sent("sign_in.code") {
			if m.To == a.ID {
				t.Error("a code was sent")
			}
		}
	})
}
