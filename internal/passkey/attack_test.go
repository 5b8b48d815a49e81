package passkey_test

import (
	"testing"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/session"
	"doverie/internal/store/storetest"
)

func TestAnAnswerWorksOnceInItsBrowserForItsPurpose(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx, act := t.Context(), storetest.Act()
		auth, d := w.signedUp(t, "Вера", phone)
		me := storetest.ActOf(auth.Account.ID)
		options, token, err := w.Keys.BeginSignIn(ctx, act)
		ok(t, err)
		answer := d.answers(t, options)
		_, otherBrowser, err := w.Keys.BeginSignIn(ctx, act)
		ok(t, err)
		for name, stolen := range map[string]string{"in another browser": otherBrowser, "in a browser that never asked": "", "with a made-up secret": "AAAA"} {
			if _, err := w.Keys.SignIn(ctx, act, session.KeyInput{Token: stolen, Answer: answer}); err == nil {
				t.Errorf("an answer worked %s", name)
			}
		}
		// The answer of a sign-in is none to a step-up, though the key and the person are right, and the other way round.
		stepUp, err := w.Keys.BeginStepUp(ctx, me, auth)
		ok(t, err)
		_, _, err = w.Keys.StepUp(ctx, me, auth, answer)
		want(t, err, fault.Refused, "fault.passkey.wrong")
		_, err = w.Keys.SignIn(ctx, act, session.KeyInput{Token: token, Answer: d.says(t, stepUp)})
		want(t, err, fault.Refused, "fault.passkey.wrong")
		// Once, and never again.
		_, err = w.Keys.SignIn(ctx, act, session.KeyInput{Token: token, Answer: answer})
		ok(t, err)
		_, err = w.Keys.SignIn(ctx, act, session.KeyInput{Token: token, Answer: answer})
		want(t, err, fault.Refused, "fault.passkey.over")
		// In time, or not at all; and a newer question ends the older one.
		options, token, err = w.Keys.BeginSignIn(ctx, act)
		ok(t, err)
		w.Clock.Advance(w.Policy.CodeTTL)
		_, err = w.Keys.SignIn(ctx, act, session.KeyInput{Token: token, Answer: d.answers(t, options)})
		want(t, err, fault.Refused, "fault.passkey.over")
		older, err := w.Keys.BeginStepUp(ctx, me, auth)
		ok(t, err)
		_, err = w.Keys.BeginStepUp(ctx, me, auth)
		ok(t, err)
		_, _, err = w.Keys.StepUp(ctx, me, auth, d.answers(t, older))
		want(t, err, fault.Refused, "fault.passkey.wrong")
	})
}

func TestWrongAnswersAreOneAnswer(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx, act := t.Context(), storetest.Act()
		auth, d := w.signedUp(t, "Вера", phone)
		lying := func(change func(d *device)) *device {
			copied := *d
			change(&copied)
			return &copied
		}
		for name, liar := range map[string]*device{
			"a page that looks like ours":     lying(func(d *device) { d.rp.Origin = "https://id.example.test.evil.test" }),
			"our name without TLS":            lying(func(d *device) { d.rp.Origin = "http://id.example.test" }),
			"another port":                    lying(func(d *device) { d.rp.Origin = "https://id.example.test:8443" }),
			"the key of another site":         lying(func(d *device) { d.rp.ID = "evil.test" }),
			"an owner the device did not see": lying(func(d *device) { d.auth.Options.UserNotVerified = true }),
			"nobody at the device":            lying(func(d *device) { d.auth.Options.UserNotPresent = true }),
			"another person's name":           lying(func(d *device) { d.auth.Options.UserHandle = []byte("somebody") }),
			"no name":                         lying(func(d *device) { d.auth.Options.UserHandle = nil }),
			"another key under this name":     lying(func(d *device) { d.key.Key = newDevice().key.Key }),
			"a key nobody added":              newDevice(),
		} {
			_, err := w.signIn(t, liar)
			if !fault.Is(err, fault.Refused) || !fault.HasKey(err, "fault.passkey.wrong") {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, garbage := range []string{"", "{}", "null", `{"id":"AA","rawId":"AA","type":"public-key","response":{}}`, "\x00"} {
			_, token, err := w.Keys.BeginSignIn(ctx, act)
			ok(t, err)
			_, err = w.Keys.SignIn(ctx, act, session.KeyInput{Token: token, Answer: []byte(garbage)})
			want(t, err, fault.Refused, "fault.passkey.wrong")
			options, err := w.Keys.BeginAdd(ctx, act, auth)
			ok(t, err)
			_ = options
			_, err = w.Keys.Add(ctx, act, auth, "ключ", []byte(garbage))
			want(t, err, fault.Refused, "fault.passkey.wrong")
		}
		if n := w.Recorded("session.started"); n != 1 {
			t.Errorf("%d sessions were started", n)
		}
		// The owner's account may be closed: the same answer.
		w.Exec(t, `UPDATE accounts SET state = 'closed' WHERE id = $1`, auth.Account.ID)
		_, err := w.signIn(t, d)
		want(t, err, fault.Refused, "fault.passkey.wrong")
	})
}

func TestAnotherPersonsKey(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		vera, _ := w.signedUp(t, "Вера", phone)
		alexey, his := w.signedUp(t, "Алексей", other)
		me := storetest.ActOf(vera.Account.ID)
		options, err := w.Keys.BeginStepUp(ctx, me, vera)
		ok(t, err)
		_, _, err = w.Keys.StepUp(ctx, me, vera, his.answers(t, options))
		want(t, err, fault.Refused, "fault.passkey.wrong")
		his.auth.Options.UserHandle = []byte(vera.Account.ID) // a device that lies of its owner
		_, _, err = w.Keys.StepUp(ctx, me, vera, his.answers(t, options))
		want(t, err, fault.Refused, "fault.passkey.wrong")
		begun, err := w.Sessions.Begin(ctx, storetest.Act(), session.BeginInput{Identifier: phone, Password: storetest.Password})
		ok(t, err)
		options, err = w.Keys.BeginSecond(ctx, storetest.Act(), begun.Token)
		ok(t, err)
		_, err = w.Keys.Second(ctx, storetest.Act(), session.KeyInput{Token: begun.Token, Answer: his.answers(t, options)})
		want(t, err, fault.Refused, "fault.passkey.wrong")
		// A registration answers its own session only.
		options, err = w.Keys.BeginAdd(ctx, me, vera)
		ok(t, err)
		_, err = w.Keys.Add(ctx, storetest.ActOf(alexey.Account.ID), alexey, "", newDevice().makes(t, options))
		want(t, err, fault.Refused, "fault.passkey.over")
	})
}

// Fifty answers to one challenge at once, of a key that counts, of one that does not, and as many new keys.
func TestFiftyAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		const many = 50
		ctx, act := t.Context(), storetest.Act()
		auth, d := w.signedUp(t, "Вера", phone)
		me := storetest.ActOf(auth.Account.ID)
		lost := []string{"fault.passkey.used", "fault.passkey.over", "fault.conflict", "fault.passkey.copied"}
		uncounted := newDevice()
		w.add(t, auth, uncounted, "без счёта")
		for _, one := range []struct {
			device *device
			counts bool
		}{{uncounted, false}, {d, true}} {
			if one.counts {
				one.device.key.Counter++
			}
			options, token, err := w.Keys.BeginSignIn(ctx, act)
			ok(t, err)
			answer, before := one.device.says(t, options), w.Recorded("session.started")
			oneOf(t, storetest.Parallel(many, func(int) error {
				_, err := w.Keys.SignIn(ctx, act, session.KeyInput{Token: token, Answer: answer})
				return err
			}), lost...)
			if n := w.Recorded("session.started") - before; n != 1 {
				t.Errorf("%d sessions of one answer", n)
			}
		}
		auth = w.Reload(t, auth)
		options, err := w.Keys.BeginStepUp(ctx, me, auth)
		ok(t, err)
		answer := uncounted.says(t, options)
		won := make(chan session.Auth, many)
		oneOf(t, storetest.Parallel(many, func(int) error {
			fresh, _, err := w.Keys.StepUp(ctx, me, auth, answer)
			if err == nil {
				won <- fresh
			}
			return err
		}), lost...)
		auth = w.Reload(t, <-won)
		options, err = w.Keys.BeginAdd(ctx, me, auth)
		ok(t, err)
		devices := make([][]byte, many)
		for i := range devices {
			devices[i] = newDevice().makes(t, options)
		}
		before := w.Count(t, `SELECT COUNT(id) FROM passkeys`)
		oneOf(t, storetest.Parallel(many, func(i int) error {
			_, err := w.Keys.Add(ctx, me, auth, "ключ", devices[i])
			return err
		}), lost...)
		if n := w.Count(t, `SELECT COUNT(id) FROM passkeys`) - before; n != 1 {
			t.Errorf("%d keys of one challenge", n)
		}
	})
}

func TestTheLastFactorsCannotGoAtOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		auth, _ := w.signedUp(t, "Вера", phone)
		me := storetest.ActOf(auth.Account.ID)
		second := w.add(t, auth, newDevice(), "второй")
		w.Exec(t, `UPDATE accounts SET phone_current = FALSE, phone_lost_at = $1, version = version + 1 WHERE id = $2`, w.Clock.Now().UnixMicro(), auth.Account.ID)
		keys, err := w.Keys.List(t.Context(), auth.Account.ID)
		ok(t, err)
		if keys[1].ID != second.ID {
			t.Errorf("keys %+v", keys)
		}
		oneOf(t, storetest.Parallel(2, func(i int) error { return w.Keys.Remove(t.Context(), me, auth, keys[i].ID) }),
			"fault.conflict", "fault.passkey.last")
		w.one(t, auth)
	})
}

func TestACopyEndsTheKey(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		auth, d := w.signedUp(t, "Вера", phone)
		stolen := *d
		for range 3 {
			_, err := w.signIn(t, d)
			ok(t, err)
		}
		w.Forget()
		_, err := w.signIn(t, &stolen)
		want(t, err, fault.Refused, "fault.passkey.copied")
		if w.Recorded("account.passkey_copied") != 1 || len(w.Sent("factor.changed")) != 1 || w.Recorded("session.started") != 0 {
			t.Error("a copy was used and nobody was told, or somebody came in")
		}
		_, err = w.signIn(t, d)
		want(t, err, fault.Refused, "fault.passkey.wrong")
		if keys, err := w.Keys.List(t.Context(), auth.Account.ID); err != nil || len(keys) != 0 {
			t.Errorf("keys %+v %v", keys, err)
		}
	})
}

// The backup-eligible flag of a key may not change, and some makers change it: nobody is locked out, and its owner is told.
func TestAKeyThatBecomesSyncedLetsItsOwnerIn(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		auth, d := w.signedUp(t, "Вера", phone)
		w.Clock.Advance(time.Hour)
		w.Forget()
		d.auth.Options.BackupEligible, d.auth.Options.BackupState = true, true
		_, err := w.signIn(t, d)
		ok(t, err)
		k := w.one(t, auth)
		a, err := w.Account(t.Context(), auth.Account.ID)
		ok(t, err)
		if !k.Synced || w.Recorded("account.passkey_changed") != 1 || len(w.Sent("factor.changed")) != 1 || !a.FactorChangedAt.Equal(w.Clock.Now()) {
			t.Errorf("key %+v", k)
		}
		_, err = w.signIn(t, d)
		ok(t, err)
		if w.Recorded("account.passkey_changed") != 1 {
			t.Error("told twice of one change")
		}
		// Somebody else's account is at stake in an approval: there a changed key does not do.
		d.auth.Options.BackupEligible, d.auth.Options.BackupState = false, false
		options, err := w.Keys.BeginApproval(t.Context(), storetest.ActOf(a.ID), a.ID, "request:session")
		ok(t, err)
		_, err = w.Keys.ProveApproval(t.Context(), storetest.ActOf(a.ID), a.ID, "request:session", d.answers(t, options))
		want(t, err, fault.Refused, "fault.passkey.changed")
	})
}

// What was planted before a recovery opens nothing after it (I4): the key waits for its owner's word.
func TestAKeyFromBeforeARecovery(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		auth, d := w.signedUp(t, "Вера", phone)
		id, me := auth.Account.ID, storetest.ActOf(auth.Account.ID)
		options, token, err := w.Keys.BeginSignIn(ctx, storetest.Act())
		ok(t, err)
		now := w.Clock.Advance(time.Minute)
		w.system(t, effect.BeginHold{Account: id, At: now, Until: now.Add(w.Policy.Hold)}, effect.EndSessions{Account: id, Why: "recovery", Devices: true})
		_, err = w.Keys.SignIn(ctx, storetest.Act(), session.KeyInput{Token: token, Answer: d.answers(t, options)})
		want(t, err, fault.Refused, "fault.passkey.stale")
		in := w.SignIn(t, phone)
		_, err = w.Keys.BeginStepUp(ctx, me, in.Auth)
		want(t, err, fault.Refused, "fault.passkey.stale")
		_, err = w.Keys.BeginApproval(ctx, me, id, "request:session")
		want(t, err, fault.Refused, "fault.passkey.stale")
		// After the password it is the second factor it was.
		begun, err := w.Sessions.Begin(ctx, storetest.Act(), session.BeginInput{Identifier: phone, Password: storetest.Password})
		ok(t, err)
		options, err = w.Keys.BeginSecond(ctx, storetest.Act(), begun.Token)
		ok(t, err)
		in, err = w.Keys.Second(ctx, storetest.Act(), session.KeyInput{Token: begun.Token, Answer: d.answers(t, options)})
		ok(t, err)
		key := w.one(t, auth)
		stepped, _ := w.StepUp(t, in.Auth)
		want(t, w.Keys.Keep(ctx, me, stepped, key.ID), fault.Refused, "fault.account.hold")
		w.Clock.Advance(w.Policy.Hold)
		in = w.SignIn(t, phone)
		stepped, _ = w.StepUp(t, in.Auth)
		ok(t, w.Keys.Keep(ctx, me, stepped, key.ID))
		_, err = w.signIn(t, d)
		ok(t, err)
	})
}

// A recovery that ends between the check of an answer and its commit wins (I4).
func TestARecoveryInBetween(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx, act := t.Context(), storetest.Act()
		auth, d := w.signedUp(t, "Вера", phone)
		options, token, err := w.Keys.BeginSignIn(ctx, act)
		ok(t, err)
		slow := *w.Keys
		inner := *w.Sessions
		inner.Store = between{Store: w.Sessions.Store, do: func() {
			now := w.Clock.Advance(time.Second)
			w.system(t, effect.BeginHold{Account: auth.Account.ID, At: now, Until: now.Add(time.Hour)})
		}}
		slow.Sessions = &inner
		_, err = slow.SignIn(ctx, act, session.KeyInput{Token: token, Answer: d.answers(t, options)})
		if !fault.Is(err, fault.Conflict) {
			t.Errorf("a stale key signed in: %v", err)
		}
	})
}

func TestAskingIsLimited(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		auth, _ := w.signedUp(t, "Вера", phone)
		var err error
		asked := 1 // when the key was added
		for ; err == nil && asked < 1000; asked++ {
			_, err = w.Keys.BeginStepUp(t.Context(), storetest.ActOf(auth.Account.ID), auth)
		}
		if !fault.Is(err, fault.Limited) || asked > w.Policy.SignInCodesDay+2 {
			t.Errorf("asked %d times, then %v", asked, err)
		}
	})
}
