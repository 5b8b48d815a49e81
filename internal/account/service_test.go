package account_test

import (
	"bytes"
	"errors"
	"fmt"
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

// each runs the case with the services on both engines.
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

var vera = account.RegisterInput{
	Family: "Петрова", Given: "Вера", Patronymic: "Ивановна", Phone: "8 (913) 123-45-67", Email: "vera@example.org", Password: storetest.Password, Locale: "ru",
}

func TestRegistrationNamesEveryWrongField(t *testing.T) {
	each(t, func(t *testing.T, p *storetest.People) {
		_, err := p.Accounts.Register(t.Context(), storetest.Act(), account.RegisterInput{Given: "Вeра", Phone: "1", Email: "@", Password: "12345678"})
		want(t, err, fault.Invalid, "fault.invalid")
		var fields []string
		for _, f := range fault.Of(err).Fields {
			fields = append(fields, f.Name)
		}
		if !slices.Equal(fields, []string{"family", "given", "phone", "email", "password"}) {
			t.Errorf("wrong fields: %v", fields)
		}
		in := vera
		in.Password = "Вера9131234567"
		_, err = p.Accounts.Register(t.Context(), storetest.Act(), in)
		if f := fault.Of(err).Fields; len(f) != 1 || f[0].Key != secret.PasswordPersonal {
			t.Errorf("a password of one's own data: %v", err)
		}
	})
}

func TestRegistration(t *testing.T) {
	each(t, func(t *testing.T, p *storetest.People) {
		ctx, act := t.Context(), storetest.Act()
		opened, err := p.Accounts.Register(ctx, act, vera)
		ok(t, err)
		sent := p.Sent("register.code")
		if len(sent) != 1 || sent[0].Address != "+79131234567" || sent[0].To != "" {
			t.Fatalf("sent %+v", sent)
		}
		if _, err = p.FindAccount(ctx, account.Identifier{Kind: account.ByPhone, Value: "+79131234567"}); !fault.Is(err, fault.NotFound) {
			t.Fatalf("an account before the phone answered: %v", err)
		}
		_, err = p.Accounts.ResendRegistrationCode(ctx, act, opened.Token)
		want(t, err, fault.Limited, "fault.code.resend")
		p.Clock.Advance(p.Policy.CodeResend)
		_, err = p.Accounts.ResendRegistrationCode(ctx, act, opened.Token)
		ok(t, err)

		_, err = p.Accounts.EnterRegistrationCode(ctx, act, opened.Token, sent[0].Args["code"]+"0")
		want(t, err, fault.Refused, "fault.code.wrong")
		if left := fault.Of(err).Args["Left"]; left != p.Policy.CodeTries-1 {
			t.Errorf("%v tries left", left)
		}
		_, err = p.Accounts.EnterRegistrationCode(ctx, act, "another browser", p.Code(t, "register.code"))
		if !fault.Is(err, fault.NotFound) {
			t.Fatalf("the code works in another browser: %v", err)
		}
		a, err := p.Accounts.EnterRegistrationCode(ctx, act, opened.Token, p.Code(t, "register.code"))
		ok(t, err)
		stored, err := p.Account(ctx, a.ID)
		ok(t, err)
		if stored.Level != account.Simplified || stored.FullName() != "Петрова Вера Ивановна" || !stored.PhoneOwned() || stored.EmailVerified() || stored.Email != "" {
			t.Errorf("stored %+v", stored)
		}
		_, err = p.Accounts.EnterRegistrationCode(ctx, act, opened.Token, p.Code(t, "register.code"))
		want(t, err, fault.NotFound, "fault.registration.over")
		if n := p.Count(t, `SELECT COUNT(id) FROM registrations WHERE password_hash IS NOT NULL`); n != 0 {
			t.Error("an ended registration keeps its password")
		}

		links := p.Sent("email.verify_link")
		if len(links) != 1 || links[0].Address != "vera@example.org" {
			t.Fatalf("links %+v", links)
		}
		token := strings.TrimPrefix(links[0].Args["link"], "/email/verify?t=")
		ok(t, p.Accounts.VerifyEmail(ctx, act, token))
		if err = p.Accounts.VerifyEmail(ctx, act, token); !fault.Is(err, fault.NotFound) {
			t.Errorf("a link works twice: %v", err)
		}
		found, err := p.FindAccount(ctx, account.Identifier{Kind: account.ByEmail, Value: "vera@example.org"})
		ok(t, err)
		if found.ID != a.ID || !found.EmailVerified() {
			t.Errorf("found %+v", found)
		}
	})
}

func TestFiveWrongCodesEndARegistration(t *testing.T) {
	each(t, func(t *testing.T, p *storetest.People) {
		ctx, act := t.Context(), storetest.Act()
		opened, err := p.Accounts.Register(ctx, act, vera)
		ok(t, err)
		for left := p.Policy.CodeTries - 1; left > 0; left-- {
			_, err = p.Accounts.EnterRegistrationCode(ctx, act, opened.Token, "")
			want(t, err, fault.Refused, "fault.code.wrong")
		}
		_, err = p.Accounts.EnterRegistrationCode(ctx, act, opened.Token, "")
		want(t, err, fault.Refused, "fault.registration.failed")
		_, err = p.Accounts.EnterRegistrationCode(ctx, act, opened.Token, p.Code(t, "register.code"))
		want(t, err, fault.Refused, "fault.registration.failed")
	})
}

// A person who never finished leaves no name, no phone and no password behind.
func TestAnUnfinishedRegistrationIsSwept(t *testing.T) {
	each(t, func(t *testing.T, p *storetest.People) {
		_, err := p.Accounts.Register(t.Context(), storetest.Act(), vera)
		ok(t, err)
		for _, c := range []struct {
			after time.Duration
			want  int
		}{{p.Policy.RegistrationTTL, 1}, {time.Microsecond, 0}} {
			if _, err = p.Sweep(t.Context(), p.Clock.Advance(c.after)); err != nil {
				t.Fatal(err)
			}
			if n := p.Count(t, `SELECT COUNT(id) FROM registrations`); n != c.want {
				t.Errorf("%d registrations, want %d", n, c.want)
			}
		}
	})
}

func TestCodesAndRegistrationsExpireAtTheirMoment(t *testing.T) {
	each(t, func(t *testing.T, p *storetest.People) {
		ctx, act := t.Context(), storetest.Act()
		opened, err := p.Accounts.Register(ctx, act, vera)
		ok(t, err)
		p.Clock.Advance(p.Policy.CodeTTL)
		_, err = p.Accounts.EnterRegistrationCode(ctx, act, opened.Token, p.Code(t, "register.code"))
		want(t, err, fault.Refused, "fault.code.expired")
		p.Clock.Advance(p.Policy.RegistrationTTL - p.Policy.CodeTTL)
		_, err = p.Accounts.ResendRegistrationCode(ctx, act, opened.Token)
		want(t, err, fault.NotFound, "fault.registration.over")
	})
}

// The answer does not depend on whether somebody has the phone (I6), and the older account loses it
// only when the new owner proves it.
func TestANewOwnerOfAPhone(t *testing.T) {
	each(t, func(t *testing.T, p *storetest.People) {
		ctx, act := t.Context(), storetest.Act()
		older := p.Register(t, "Анна", vera.Phone)
		p.Clock.Advance(time.Hour)
		opened, err := p.Accounts.Register(ctx, act, vera)
		ok(t, err)
		if a, err := p.Account(ctx, older.ID); err != nil || !a.PhoneOwned() {
			t.Fatalf("the older account lost its phone before the proof: %v", err)
		}
		newer, err := p.Accounts.EnterRegistrationCode(ctx, act, opened.Token, p.Code(t, "register.code"))
		ok(t, err)
		a, err := p.Account(ctx, older.ID)
		ok(t, err)
		if a.PhoneOwned() || a.PhoneCurrent(p.Clock.Now(), p.Policy) || !a.PhoneLostAt.Equal(p.Clock.Now()) {
			t.Errorf("the older account still has the phone: %+v", a)
		}
		found, err := p.FindAccount(ctx, account.Identifier{Kind: account.ByPhone, Value: newer.Phone})
		if err != nil || found.ID != newer.ID {
			t.Errorf("the phone names %s, %v", found.ID, err)
		}
		if told := p.Sent("account.phone_taken"); len(told) != 1 || told[0].To != older.ID || !slices.Equal(told[0].Via, []effect.Channel{effect.Email}) {
			t.Errorf("told %+v", told)
		}
		if p.Recorded("account.phone_lost") != 1 {
			t.Error("no event for the older account")
		}
	})
}

// Of many browsers that register one phone at once, each with its right code, one wins.
func TestRegisteringOnePhoneAtOnce(t *testing.T) {
	each(t, func(t *testing.T, p *storetest.People) {
		const browsers = 4
		ctx, act := t.Context(), storetest.Act()
		opened, err := p.Accounts.Register(ctx, act, vera)
		ok(t, err)
		code := p.Code(t, "register.code")
		errs := storetest.Parallel(browsers, func(int) error {
			_, err := p.Accounts.EnterRegistrationCode(ctx, act, opened.Token, code)
			return err
		})
		won := 0
		for _, err := range errs {
			switch {
			case err == nil:
				won++
			case !fault.Is(err, fault.Conflict) && !fault.Is(err, fault.NotFound) && !fault.HasKey(err, "fault.code.expired"):
				t.Errorf("a loser was told %v", err)
			}
		}
		if n := p.Count(t, `SELECT COUNT(id) FROM accounts`); won != 1 || n != 1 {
			t.Errorf("%d won, %d accounts: %v", won, n, errs)
		}
	})
}

func signedUp(t *testing.T, p *storetest.People, a account.Account) session.Auth {
	t.Helper()
	auth, _ := p.StepUp(t, p.SignIn(t, a.Phone).Auth)
	return auth
}

func TestDocumentData(t *testing.T) {
	each(t, func(t *testing.T, p *storetest.People) {
		ctx := t.Context()
		a, b := p.Register(t, "Вера", "+79131234567"), p.Register(t, "Анна", "+79131234568")
		in := account.DocumentInput{BirthDate: "01.03.1954", Citizenship: "rus", SNILS: "112-233-445 95", Kind: account.PassportRUS, Number: "4503 123456"}
		bad := in
		bad.BirthDate, bad.Citizenship, bad.SNILS, bad.Number = "", "RU", "1", "2"
		_, err := p.Accounts.EnterDocument(ctx, storetest.ActOf(a.ID), account.Caller{Account: a.ID}, bad)
		if f := fault.Of(err).Fields; len(f) != 4 {
			t.Errorf("wrong fields: %v", err)
		}
		err = p.Accounts.Confirm(ctx, effect.Act{Actor: effect.System}, a.ID)
		want(t, err, fault.Refused, "fault.account.incomplete")

		after, err := p.Accounts.EnterDocument(ctx, storetest.ActOf(a.ID), account.Caller{Account: a.ID}, in)
		ok(t, err)
		stored, err := p.Account(ctx, a.ID)
		ok(t, err)
		if stored.Level != account.Standard || stored.SNILS != "11223344595" || stored.BirthDate.String() != "1954-03-01" ||
			stored.Document.Last4 != "3456" || len(stored.Document.Hash) == 0 || stored.Version != after.Version {
			t.Errorf("stored %+v, returned version %d", stored, after.Version)
		}
		_, err = p.Accounts.EnterDocument(ctx, storetest.ActOf(b.ID), account.Caller{Account: b.ID}, in)
		want(t, err, fault.Refused, "fault.snils.taken")
		if text := fmt.Sprint(fault.Of(err).Args); strings.Contains(text, a.ID) || strings.Contains(text, "Вера") {
			t.Errorf("the answer says whose it is: %s", text)
		}

		ok(t, p.Accounts.Confirm(ctx, effect.Act{Actor: effect.System}, a.ID))
		err = p.Accounts.Confirm(ctx, effect.Act{Actor: effect.System}, a.ID)
		want(t, err, fault.Conflict, "fault.account.already_confirmed")
		_, err = p.Accounts.EnterDocument(ctx, storetest.ActOf(a.ID), account.Caller{Account: a.ID}, in)
		want(t, err, fault.Refused, "fault.account.confirmed")
	})
}

// A stale writer never overwrites a newer state (the lost update that SQLite hides).
func TestChangePassword(t *testing.T) {
	each(t, func(t *testing.T, p *storetest.People) {
		ctx := t.Context()
		a := p.Register(t, "Вера", "+79131234567")
		other := p.SignIn(t, a.Phone)
		auth := p.SignIn(t, a.Phone).Auth
		const fresh = "лампа над круглым столом"
		err := p.Accounts.ChangePassword(ctx, storetest.ActOf(a.ID), auth.Caller(), storetest.Password, fresh)
		want(t, err, fault.StepUp, "fault.step_up")
		auth, token := p.StepUp(t, auth)
		for name, c := range map[string]struct{ old, fresh, field string }{
			"wrong old password": {"не тот пароль", fresh, "old"},
			"too short":          {storetest.Password, "короче", "new"},
			"common":             {storetest.Password, "password2026", "new"},
			"the same":           {storetest.Password, storetest.Password, "new"},
		} {
			err = p.Accounts.ChangePassword(ctx, storetest.ActOf(a.ID), auth.Caller(), c.old, c.fresh)
			if f := fault.Of(err).Fields; len(f) != 1 || f[0].Name != c.field {
				t.Errorf("%s: %v", name, err)
			}
		}
		ok(t, p.Accounts.ChangePassword(ctx, storetest.ActOf(a.ID), auth.Caller(), storetest.Password, fresh))
		if _, err = p.Sessions.Authenticate(ctx, other.Token); !fault.Is(err, fault.SignIn) {
			t.Errorf("the other browser is still signed in: %v", err)
		}
		if _, err = p.Sessions.Authenticate(ctx, token); err != nil {
			t.Errorf("this browser was signed out: %v", err)
		}
		_, err = p.Sessions.Begin(ctx, storetest.Act(), session.BeginInput{Identifier: a.Phone, Password: storetest.Password})
		want(t, err, fault.Refused, "fault.sign_in.wrong")
		_, err = p.Sessions.Begin(ctx, storetest.Act(), session.BeginInput{Identifier: a.Phone, Password: fresh})
		ok(t, err)
		if told := p.Sent("password.changed"); len(told) != 1 || len(told[0].Via) != 3 {
			t.Errorf("told %+v", told)
		}
	})
}

func TestTOTPEnrolment(t *testing.T) {
	each(t, func(t *testing.T, p *storetest.People) {
		ctx := t.Context()
		a := p.Register(t, "Вера", "+79131234567")
		auth := signedUp(t, p, a)
		act := storetest.ActOf(a.ID)
		_, err := p.Accounts.EnrolTOTP(ctx, act, account.Caller{Account: a.ID, Session: auth.Session.ID})
		want(t, err, fault.StepUp, "fault.step_up")
		offer, err := p.Accounts.EnrolTOTP(ctx, act, auth.Caller())
		ok(t, err)
		if !strings.HasPrefix(offer.URI, "otpauth://totp/") || strings.Contains(offer.URI, "9131234567") {
			t.Errorf("offer %+v", offer)
		}
		stored, err := p.Account(ctx, a.ID)
		ok(t, err)
		if stored.TOTP.Enrolled() || bytes.Contains(stored.TOTP.Key, []byte(strings.ReplaceAll(offer.Text, " ", ""))) {
			t.Errorf("an unconfirmed key counts, or lies open")
		}
		err = p.Accounts.ConfirmTOTP(ctx, act, auth.Caller(), "000000x")
		want(t, err, fault.Refused, "fault.totp.wrong")
		key, err := p.Keys.Open("totp", []byte(a.ID), stored.TOTP.Key)
		ok(t, err)
		ok(t, p.Accounts.ConfirmTOTP(ctx, act, auth.Caller(), secret.TOTPCode(key, p.Clock.Now())))
		_, err = p.Accounts.EnrolTOTP(ctx, act, auth.Caller())
		want(t, err, fault.Refused, "fault.totp.enrolled")
		if stored, err = p.Account(ctx, a.ID); err != nil || !stored.TOTP.Enrolled() || !stored.FactorChangedAt.Equal(p.Clock.Now()) {
			t.Errorf("after confirming: %+v, %v", stored.TOTP, err)
		}
		ok(t, p.Accounts.RemoveTOTP(ctx, act, auth.Caller()))
		err = p.Accounts.RemoveTOTP(ctx, act, auth.Caller())
		want(t, err, fault.Refused, "fault.totp.none")
		if len(p.Sent("factor.changed")) != 2 {
			t.Error("a change of the second factor was not told")
		}
	})
}

// DOMAIN §5.8: the hold closes dangerous actions; DOMAIN §7: so does a freeze.
// apply commits effects alone, as another package's decision would.
// T11: what was planted before a recovery does not survive it.
func TestAnAddressBelongsToOneAccount(t *testing.T) {
	each(t, func(t *testing.T, p *storetest.People) {
		ctx := t.Context()
		link := func(a account.Account) string {
			p.Forget()
			ok(t, p.Accounts.RequestEmail(ctx, storetest.ActOf(a.ID), account.Caller{Account: a.ID, StepUpAt: p.Clock.Now()}, "Home@example.org"))
			return strings.TrimPrefix(p.Sent("email.verify_link")[0].Args["link"], "/email/verify?t=")
		}
		a, b := p.Register(t, "Вера", "+79131234567"), p.Register(t, "Анна", "+79131234568")
		first, second := link(a), link(b)
		ok(t, p.Accounts.VerifyEmail(ctx, storetest.Act(), first))
		want(t, p.Accounts.VerifyEmail(ctx, storetest.Act(), second), fault.Refused, "fault.email.taken")
		err := p.Accounts.RequestEmail(ctx, storetest.ActOf(a.ID), account.Caller{Account: a.ID, StepUpAt: p.Clock.Now()}, "home@EXAMPLE.org")
		if f := fault.Of(err).Fields; len(f) != 1 || f[0].Key != "fault.email.same" {
			t.Errorf("the same address again: %v", err)
		}
		old := link(b)
		link(b)
		if _, err = p.Accounts.PendingEmail(ctx, old); !errors.As(err, new(*fault.Error)) || !fault.Is(err, fault.NotFound) {
			t.Errorf("a replaced link is alive: %v", err)
		}
	})
}
