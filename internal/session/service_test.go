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
		if b.Method != session.SMS || b.Phone != "+7\u00a0•••\u00a0•••-45-67" || !b.ResendAt.Equal(later.Add(p.Policy.CodeResend)) {
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
		// The attacker's own remembered browser gives him no bucket of its own for somebody else's account.
		p.Register(t, "Олег", "+79131234570")
		b, err = p.Sessions.Begin(ctx, act, session.BeginInput{Identifier: "+79131234570", Password: storetest.Password})
		ok(t, err)
		his, err := p.Sessions.Enter(ctx, act, session.EnterInput{Token: b.Token, Code: p.Code(t, "sign_in.code"), Remember: true})
		ok(t, err)
		_, err = p.Sessions.Begin(ctx, act, session.BeginInput{Identifier: phone, Password: "угадаю однажды", DeviceToken: his.DeviceToken})
		want(t, err, fault.Limited, "fault.limited.after")
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
					effect.EndSessions{Account: a.ID, Why: "recovery", Devices: true}, effect.SetPassword{Account: a.ID, Hash: "another"},
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
