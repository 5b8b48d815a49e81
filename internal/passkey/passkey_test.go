package passkey_test

import (
	"context"
	"net/url"
	"slices"
	"testing"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/passkey"
	"doverie/internal/session"
	"doverie/internal/store/storetest"
)

const phone, other = "+79131234567", "+79139876543"

func TestWhereKeysAreOffered(t *testing.T) {
	for address, offered := range map[string]bool{
		"https://id.example.test": true, "https://id.example.test:8443": true, "http://localhost:8080": true, "https://localhost": true,
		"http://id.example.test": false, "http://127.0.0.1:8080": false, "https://127.0.0.1": false, "https://[::1]:8080": false, "https://intranet": false,
	} {
		base, err := url.Parse(address)
		ok(t, err)
		site, err := passkey.New(base, "Доверие")
		ok(t, err)
		if site.Offered() != offered {
			t.Errorf("%s: offered %v", address, site.Offered())
		}
		if offered {
			continue
		}
		keys := &session.Passkeys{Ceremonies: site, Sessions: &session.Service{Now: time.Now}}
		_, _, err = keys.BeginSignIn(t.Context(), storetest.Act())
		want(t, err, fault.NotFound, "fault.not_found")
	}
}

func TestAddAndSignIn(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		auth, d := w.signedUp(t, "Вера", phone)
		now := w.Clock.Now()
		if !auth.Account.FactorChangedAt.Equal(now) || auth.Account.Passkeys != 1 {
			t.Errorf("account %+v", auth.Account)
		}
		if told := w.Sent("factor.changed"); len(told) != 1 || len(told[0].Via) != 3 || w.Recorded("account.passkey_added") != 1 {
			t.Errorf("told %+v", told)
		}
		// The same device refuses to be added twice: the browser is told of the key it has.
		options, err := w.Keys.BeginAdd(t.Context(), storetest.ActOf(auth.Account.ID), auth)
		ok(t, err)
		_, err = w.Keys.Add(t.Context(), storetest.ActOf(auth.Account.ID), auth, "ещё", d.makes(t, options))
		if !fault.Is(err, fault.Conflict) {
			t.Errorf("one credential twice: %v", err)
		}
		later := w.Clock.Advance(time.Hour)
		in, err := w.signIn(t, d)
		ok(t, err)
		if in.Account.ID != auth.Account.ID || in.Session.Kind != session.Full || in.Gate != session.NoGate || !in.NewDevice ||
			!slices.Equal(in.Session.AMR, []string{"pop", "user", "mfa"}) || in.SteppedUp(later, w.Policy) {
			t.Errorf("entered %+v", in)
		}
		if len(w.Sent("session.new_device")) < 2 { // by password, and by key
			t.Error("a new device by key was told to nobody")
		}
		keys, err := w.Keys.List(t.Context(), auth.Account.ID)
		ok(t, err)
		if len(keys) != 1 || !keys[0].UsedAt.Equal(later) || keys[0].SignCount != 1 || keys[0].Name != "мой телефон" {
			t.Errorf("keys %+v", keys)
		}
		if w.Count(t, `SELECT COUNT(id) FROM passkeys WHERE sealed IS NULL`) != 0 {
			t.Error("a key without its sealed record")
		}
	})
}

func TestGatesOfASignIn(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		auth, d := w.signedUp(t, "Вера", phone)
		id := auth.Account.ID
		w.system(t, effect.Freeze{Account: id, Reason: "self"})
		in, err := w.signIn(t, d)
		ok(t, err)
		if in.Session.Kind != session.Restricted || in.Gate != session.FrozenGate {
			t.Errorf("on a frozen account %+v", in)
		}
		// Lifting a freeze begins with a step-up, also by key.
		options, err := w.Keys.BeginStepUp(t.Context(), storetest.ActOf(id), in.Auth)
		ok(t, err)
		again, _, err := w.Keys.StepUp(t.Context(), storetest.ActOf(id), in.Auth, d.answers(t, options))
		ok(t, err)
		if again.Session.Kind != session.Restricted {
			t.Errorf("a step-up lifted the freeze: %+v", again.Session)
		}
		_, err = w.Keys.BeginAdd(t.Context(), storetest.ActOf(id), w.Reload(t, again))
		want(t, err, fault.Refused, "fault.account.frozen")
		w.system(t, effect.Thaw{Account: id}, effect.SetPassword{Account: id, Hash: auth.Account.PasswordHash, MustChange: true})
		if in, err = w.signIn(t, d); err != nil || in.Gate != session.MustChangeGate {
			t.Errorf("with a temporary password %v %v", in.Gate, err)
		}
		_, err = w.Keys.BeginStepUp(t.Context(), storetest.ActOf(id), in.Auth)
		want(t, err, fault.Refused, "fault.sign_in.must_change")
	})
}

func TestSecondFactorAndStepUp(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx, act := t.Context(), storetest.Act()
		auth, d := w.signedUp(t, "Вера", phone)
		w.Clock.Advance(time.Hour)
		begun, err := w.Sessions.Begin(ctx, act, session.BeginInput{Identifier: phone, Password: storetest.Password})
		ok(t, err)
		if !begun.Passkey {
			t.Error("the page of the code does not know of the key")
		}
		options, err := w.Keys.BeginSecond(ctx, act, begun.Token)
		ok(t, err)
		in, err := w.Keys.Second(ctx, act, session.KeyInput{Token: begun.Token, Answer: d.answers(t, options), Remember: true})
		ok(t, err)
		if !slices.Equal(in.Session.AMR, []string{"pwd", "pop"}) || in.DeviceToken == "" {
			t.Errorf("entered %+v", in)
		}
		_, err = w.Sessions.Enter(ctx, act, session.EnterInput{Token: begun.Token, Code: w.Code(t, "sign_in.code")})
		want(t, err, fault.NotFound, "fault.sign_in.over")

		me := storetest.ActOf(auth.Account.ID)
		options, err = w.Keys.BeginStepUp(ctx, me, in.Auth)
		ok(t, err)
		stepped, token, err := w.Keys.StepUp(ctx, me, in.Auth, d.answers(t, options))
		ok(t, err)
		if !stepped.SteppedUp(w.Clock.Now(), w.Policy) {
			t.Error("no step-up")
		}
		if _, err = w.Sessions.Authenticate(ctx, in.Token); !fault.Is(err, fault.SignIn) {
			t.Errorf("the older secret lives: %v", err)
		}
		fresh, err := w.Sessions.Authenticate(ctx, token)
		ok(t, err)
		if !fresh.SteppedUp(w.Clock.Now(), w.Policy) || fresh.Session.Version != stepped.Session.Version {
			t.Errorf("stored %+v, returned %+v", fresh.Session, stepped.Session)
		}
	})
}

func TestOnlyAKeyIsLeft(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx, act := t.Context(), storetest.Act()
		auth, d := w.signedUp(t, "Вера", phone)
		key := w.one(t, auth)
		w.Exec(t, `UPDATE accounts SET phone_current = FALSE, phone_lost_at = $1, email = 'vera@example.test', email_key = 'vera@example.test',
			email_verified_at = $1, version = version + 1 WHERE id = $2`, w.Clock.Now().UnixMicro(), auth.Account.ID)
		err := w.Keys.Remove(ctx, storetest.ActOf(auth.Account.ID), auth, key.ID)
		want(t, err, fault.Refused, "fault.passkey.last")
		begun, err := w.Sessions.Begin(ctx, act, session.BeginInput{Identifier: "vera@example.test", Password: storetest.Password})
		ok(t, err)
		if begun.Method != session.NoMethod || len(begun.Methods) != 0 {
			t.Errorf("a code is asked for and nobody has it: %+v", begun.Step)
		}
		_, err = w.Sessions.Enter(ctx, act, session.EnterInput{Token: begun.Token, Code: "000000"})
		if err == nil {
			t.Error("a sign-in that only a key completes took a code")
		}
		options, err := w.Keys.BeginSecond(ctx, act, begun.Token)
		ok(t, err)
		_, err = w.Keys.Second(ctx, act, session.KeyInput{Token: begun.Token, Answer: d.answers(t, options)})
		ok(t, err)
	})
}

func (w *world) one(t testing.TB, auth session.Auth) session.Passkey {
	t.Helper()
	keys, err := w.Keys.List(t.Context(), auth.Account.ID)
	ok(t, err)
	if len(keys) != 1 {
		t.Fatalf("keys %+v", keys)
	}
	return keys[0]
}

func TestRenameAndRemove(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		auth, d := w.signedUp(t, "Вера", phone)
		stranger, _ := w.signedUp(t, "Алексей", other)
		me, key := storetest.ActOf(auth.Account.ID), w.one(t, auth)
		for _, bad := range []string{"", "  ", "имя\u202eзадом наперёд", string(make([]byte, 50))} {
			if err := w.Keys.Rename(ctx, me, auth, key.ID, bad); !fault.Is(err, fault.Invalid) {
				t.Errorf("%q: %v", bad, err)
			}
		}
		ok(t, w.Keys.Rename(ctx, me, auth, key.ID, "  телефон  Веры "))
		if got := w.one(t, auth).Name; got != "телефон Веры" {
			t.Errorf("name %q", got)
		}
		for _, err := range []error{
			w.Keys.Rename(ctx, me, stranger, key.ID, "чужой"), w.Keys.Remove(ctx, me, stranger, key.ID), w.Keys.Keep(ctx, me, stranger, key.ID),
		} {
			want(t, err, fault.NotFound, "fault.not_found")
		}
		w.Clock.Advance(w.Policy.StepUpTTL)
		err := w.Keys.Remove(ctx, me, auth, key.ID)
		want(t, err, fault.StepUp, "fault.step_up")
		_, err = w.Keys.BeginAdd(ctx, me, auth)
		want(t, err, fault.StepUp, "fault.step_up")
		auth, _ = w.StepUp(t, auth)
		w.Forget()
		ok(t, w.Keys.Remove(ctx, me, auth, key.ID))
		if len(w.Sent("factor.changed")) != 1 || w.Recorded("account.passkey_removed") != 1 {
			t.Error("a key went and nobody was told")
		}
		_, err = w.signIn(t, d)
		want(t, err, fault.Refused, "fault.passkey.wrong")
	})
}

// Whoever sits on the phone with a victim must not get rid of the strong factors one by one (DOMAIN §7).
func TestTheLastStrongFactorIsGuarded(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		auth, _ := w.signedUp(t, "Вера", phone)
		first, me := w.one(t, auth), storetest.ActOf(auth.Account.ID)
		second := w.add(t, auth, newDevice(), "второй")
		w.Keys.FactorGuarded = func(context.Context, string) (bool, error) { return true, nil }
		ok(t, w.Keys.Remove(t.Context(), me, auth, second.ID))
		want(t, w.Keys.Remove(t.Context(), me, auth, first.ID), fault.Refused, "fault.passkey.guarded")
		w.Keys.FactorGuarded = func(context.Context, string) (bool, error) { return false, nil }
		ok(t, w.Keys.Remove(t.Context(), me, auth, first.ID))
	})
}

func TestAHoldClosesKeys(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		auth, _ := w.signedUp(t, "Вера", phone)
		key, me := w.one(t, auth), storetest.ActOf(auth.Account.ID)
		options, err := w.Keys.BeginAdd(t.Context(), me, auth)
		ok(t, err)
		now := w.Clock.Now()
		w.system(t, effect.BeginHold{Account: auth.Account.ID, At: now, Until: now.Add(w.Policy.Hold)})
		_, err = w.Keys.Add(t.Context(), me, auth, "начатый раньше", newDevice().makes(t, options))
		want(t, err, fault.Refused, "fault.account.hold")
		want(t, w.Keys.Remove(t.Context(), me, auth, key.ID), fault.Refused, "fault.account.hold")
		_, err = w.Keys.BeginAdd(t.Context(), me, auth)
		want(t, err, fault.Refused, "fault.account.hold")
	})
}
