package journeys

import (
	"testing"

	"doverie/internal/account"
	"doverie/internal/apptest"
	"doverie/internal/notify"
)

// leave signs out by the button of the page's head.
func (a *actor) leave() {
	a.s.t.Helper()
	a.Press(`header form[action="/sign-out"] button`)
	a.See(a.s.T("sign_in.news.out"))
}

// kept fails unless the fields still hold what was typed: name, text, name, text ….
func (a *actor) kept(fields ...string) {
	a.s.t.Helper()
	for i := 0; i < len(fields); i += 2 {
		if got := a.ValueOf(fields[i]); got != fields[i+1] {
			a.s.t.Errorf("%s: of %q in %s there is %q left", a.Path(), fields[i+1], fields[i], got)
		}
	}
}

// fill types into several fields: name, text, name, text ….
func (a *actor) fill(fields ...string) {
	a.s.t.Helper()
	for i := 0; i < len(fields); i += 2 {
		a.Fill(fields[i], fields[i+1])
	}
}

// another is a code that is not the right one.
func another(right string) string {
	if right == "000000" {
		return "000001"
	}
	return "000000"
}

// TestRegistrationToTheFirstContact: Nina has a phone and nothing else. She registers, adds her document, shows her passport,
// and appoints Alexey. Whatever she gets wrong on the way is said plainly, and she types nothing twice.
func TestRegistrationToTheFirstContact(t *testing.T) {
	twice(t, func(s *stage) {
		nina := s.enter("nina", account.Account{Phone: "+79134445566", Email: "nina@example.test"})
		nina.registers()
		nina.cannotAppoint("not_citizen", "not_confirmed", "age_unknown")
		nina.entersDocument()
		nina.cannotAppoint("not_confirmed")

		if err := s.Accounts.Confirm(t.Context(), actOfTests, nina.who.ID); err != nil { // what `doverie admin confirm` calls
			t.Fatal(err)
		}
		s.told(notify.AccountConfirmed, 1, nina.who.Phone, nina.who.Email)
		nina.Go("/settings/account")
		nina.See(s.T("account.badge.confirmed"), s.T("account.guard.title"))
		nina.appoint("Алексей", s.Alexey.Phone)
		s.told(notify.TrustInvited, 1, s.Alexey.Phone)
		alexey := s.enter("alexey", s.Alexey)
		alexey.signIn(apptest.Password)
		alexey.accept()
		nina.Go("/settings/safety/trusted-contacts")
		nina.See("Алексей", s.T("contacts.badge.settling", "Time", s.Policy.Settling))
	})
}

// registers walks the two pages of the registration, with a password that is on every thief's list first.
func (a *actor) registers() {
	s := a.s
	s.t.Helper()
	a.Go("/sign-in")
	a.Press(`main a[href="/register"]`)
	a.At("/register")
	a.submit()
	a.See(s.T("errors.title"), s.T("fault.family.missing"), s.T("fault.name.missing"), s.T("fault.phone.missing"))
	typed := []string{"family", "Новикова", "given", "Нина", "patronymic", "Олеговна", "phone", "8 (913) 444-55-66", "email", a.who.Email}
	a.fill(typed...)
	for password, why := range map[string]string{"qwerty123": s.T("password.common"), "нина новикова": s.T("password.personal"), "семь": s.T("password.too_short", "Min", s.Policy.PasswordMin)} {
		a.Fill("password", password)
		a.submit()
		a.At("/register")
		a.See(why, s.T("errors.kept"))
		a.kept(append(typed, "password", "")...) // a password is never sent back
	}
	a.Fill("password", apptest.Password)
	a.submit()
	a.At("/register/code")
	a.See(account.ShowPhone(a.who.Phone), s.T("code.never"))
	if s.Count(a.who.Phone, notify.AccountRegistered) != 0 {
		s.t.Error("the account is there before its code")
	}

	first := s.Code(a.who.Phone, notify.RegisterCode)
	a.Fill("code", another(first))
	a.submit()
	a.See(s.T("fault.code.wrong", "Left", s.Policy.CodeTries-1))
	a.Press(`form[action="/register/resend"] button`)
	a.See(s.T("fault.code.resend", "After", s.Policy.CodeResend))
	a.Go("/register?again") // the number is looked at once more
	a.kept("family", "Новикова", "given", "Нина", "patronymic", "Олеговна", "phone", account.ShowPhone(a.who.Phone), "email", a.who.Email)
	a.Go("/register/code")
	s.Advance(s.Policy.CodeTTL)
	a.Fill("code", first)
	a.submit()
	a.See(s.T("fault.code.expired"))
	a.Press(`form[action="/register/resend"] button`)
	a.See(s.T("sign_in.code.resent"))
	a.Fill("code", s.Code(a.who.Phone, notify.RegisterCode))
	a.submit()
	a.At("/settings/account")
	a.See(s.T("account.done.registered"), "Новикова Нина Олеговна", s.T("account.badge.simplified"))
	s.told(notify.RegisterCode, 2, a.who.Phone)
	s.told(notify.AccountRegistered, 1, a.who.Phone)

	// The address of the letter is hers only after she pressed its button.
	s.told(notify.AccountRegistered, 0, a.who.Email)
	a.Go(s.LinkPath(a.who.Email, notify.EmailVerifyLink))
	a.submit()
	a.See(s.T("account.email.done.title"))
	var err error
	if a.who, err = s.Accounts.Find(s.t.Context(), a.who.Phone); err != nil {
		s.t.Fatal(err)
	}
	if a.who.Level != account.Simplified || !a.who.EmailVerified() {
		s.t.Errorf("registered as %s, e-mail verified: %v", a.who.Level, a.who.EmailVerified())
	}
}

// cannotAppoint reads on the contacts' page why nobody can be appointed yet: these reasons and no other, and where to go.
func (a *actor) cannotAppoint(reasons ...string) {
	s := a.s
	s.t.Helper()
	a.Go("/settings/safety/trusted-contacts")
	a.See(s.T("contacts.home.cannot"))
	if n := a.Count(`main .panel li`); n != len(reasons) {
		s.t.Errorf("%d reasons stand there, want %v: %s", n, reasons, a.TextOf(`main .panel`))
	}
	for _, r := range reasons {
		a.See(s.T("reason." + r))
	}
	a.look("why not")
	if a.Exists(`main a[href$="/add"]`) {
		s.t.Error("a contact is asked for and would be refused")
	}
}

// entersDocument fills in the page of the document, with a SNILS whose check digits are wrong first.
func (a *actor) entersDocument() {
	s := a.s
	s.t.Helper()
	a.Go("/settings/account")
	a.Press(`main a[href="/settings/account/document"]`)
	a.submit()
	a.See(s.T("fault.birth.missing"), s.T("fault.citizenship.missing"), s.T("fault.snils.missing"), s.T("fault.document.kind"), s.T("fault.document.missing"))
	a.fill("birth_date", "12.04.1954", "snils", "112-233-445 96", "document", "5004 123456")
	a.Select("citizenship", "RUS")
	a.Choose("kind", string(account.PassportRUS))
	a.submit()
	a.At("/settings/account/document")
	a.See(s.T("fault.snils.check"))
	for range 2 { // to the other language and back: nothing is forgotten, and what was wrong is told again
		a.Press(`header form[action="/language"] button`)
		a.kept("birth_date", "12.04.1954", "citizenship", "RUS", "snils", "112-233-445 96", "document", "5004 123456")
	}
	a.See(s.T("fault.snils.check"))
	if !a.Exists(`[name=kind][value=passport_rus]:checked`) {
		s.t.Error("the kind of document is forgotten")
	}
	a.Fill("snils", "112-233-445 95")
	a.submit()
	a.At("/settings/account?done=document")
	a.See(s.T("account.done.document"), s.T("account.badge.standard"), s.T("account.fact.document.last", "Last", "3456"))
	a.SeeNot("123456", "112-233-445 95") // enough to be recognised, not enough to be copied over a shoulder
	a.Press(`main a[href="/settings/account/level"]`)
	a.See(s.T("account.level.how.go"), s.T("account.level.never"))
	if got := s.one(`SELECT level FROM accounts WHERE id = $1`, a.who.ID); got != string(account.Standard) {
		s.t.Errorf("level %s", got)
	}
}
