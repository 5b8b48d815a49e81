package attacks

import (
	"regexp"
	"strings"
	"testing"

	"doverie/internal/account"
	"doverie/internal/apptest"
	"doverie/internal/notify"
)

const messagesPage = "/settings/safety/messages"

// T50: what we did send is never called a fake: the list names every message that came to a person's phones and mailboxes,
// those from before there was an account, and to an address he has left, too.
func TestT50_NothingOfOursIsMissing(t *testing.T) {
	s := begin(t)
	phone, old, next := "+79161110077", "old@example.test", "new@example.test"
	ivan := s.Client()
	ivan.Want(ivan.Post("/register", "family", "Новиков", "given", "Иван", "phone", phone, "email", old, "password", apptest.Password), "/register/code")
	ivan.Want(ivan.Post("/register/code", "code", s.Code(phone, notify.RegisterCode)), "/settings/account")
	confirm := func(address string) {
		t.Helper()
		token := s.LinkPath(address, notify.EmailVerifyLink)
		at, _ := strings.CutPrefix(token, "/email/verify?t=")
		ivan.Post("/email/verify", "t", at)
		s.Settle()
	}
	confirm(old)
	who := account.Account{ID: s.text(`SELECT id FROM accounts WHERE phone = $1`, phone), Phone: phone}
	s.Advance(pause)
	ivan.StepUp(who, apptest.Password)
	ivan.Post("/settings/account/email", "email", next)
	s.Settle()
	confirm(next)
	s.Settle()
	if s.Count(old, notify.EmailChanged) == 0 || s.Count(next, notify.EmailVerifyLink) == 0 {
		t.Fatal("the walk did not change the mailbox")
	}
	page := apptest.Words(ivan.Get(messagesPage).Body)
	for _, m := range s.Phones.Since(0) {
		if about := s.T(notify.About(m.Kind, false)); !strings.Contains(page, about) {
			t.Errorf("%s to %s is not in the list as %q", m.Kind, m.Address, about)
		}
	}
	rows := s.count(`SELECT COUNT(*) FROM outbox WHERE done_at IS NOT NULL`)
	if mine := s.count(`SELECT COUNT(*) FROM outbox WHERE account_id = $1`, who.ID); mine != rows || rows < 6 {
		t.Errorf("%d messages of %d are his: %s", mine, rows, page)
	}
}

// T50: whoever got a message looks into his cabinet whether we sent it. He sees his own and nobody else's, what each was
// about and where it went, and nothing of what stood in it.
func TestT50_WhatWasReallySent(t *testing.T) {
	s := guarded(t)
	applicant, alexey := s.recovering(s.Vera), s.steppedUp(s.Alexey)
	alexey.Approve(s.Alexey, alexey.Request(), applicant.Match())
	s.finish(applicant, s.Vera)
	s.Advance(s.Policy.Hold)
	vera, maria := s.Client(), s.signedIn(s.Maria)
	alexey = s.signedIn(s.Alexey)
	masked := apptest.Words(strings.TrimPrefix(account.MaskPhone(s.Vera.Phone), "+")) // the plus a page writes in its own way
	vera.SignIn(s.Vera, apptest.NewPassword)
	s.Settle()

	hers, his := vera.Get(messagesPage), alexey.Get(messagesPage)
	for _, key := range []string{notify.About(notify.RecoveryAttempt, false), notify.About(notify.RecoveryCompleted, false), notify.About(notify.RecoveryCode, false), notify.About(notify.RecoveryFinishCode, false)} {
		s.shows(hers, s.T(key))
		s.hides("the contact's page", his, s.T(key))
	}
	for _, key := range []string{notify.About(notify.RecoveryAsked, false), notify.About(notify.ApprovalCode, false), notify.About(notify.RecoveryCompleted, true)} {
		s.shows(his, s.T(key))
		s.hides("the principal's page", hers, s.T(key))
	}
	s.hides("a stranger's page", maria.Get(messagesPage), s.T(notify.About(notify.RecoveryAttempt, false)), s.T(notify.About(notify.RecoveryAsked, false)))
	s.shows(hers, masked)
	s.shows(hers, account.MaskEmail(s.Vera.Email))
	for _, words := range []string{"messages.never.call", "messages.never.link", "messages.never.code", "messages.fake"} {
		s.shows(hers, s.T(words))
	}

	// No number, no name of another person, no code and no stop code of any message that ever went out.
	codes := regexp.MustCompile(`\d{6}|\d{4}-\d{4}`)
	read := 0
	for _, m := range s.Phones.Since(0) {
		for _, secret := range codes.FindAllString(m.Text.Body, -1) {
			read++
			for of, page := range map[string]apptest.Answer{"hers": hers, "his": his} {
				if strings.Contains(apptest.Words(page.Body), secret) {
					t.Errorf("%s: %s shows %s of %q", m.Kind, of, secret, m.Text.Body)
				}
			}
		}
	}
	if read < 6 {
		t.Errorf("only %d secrets were looked for", read)
	}
	s.hides("her page", hers, s.Vera.Phone, s.Alexey.Phone, s.Vera.Email, s.Alexey.Given)
	s.hides("his page", his, s.Vera.Phone, s.Alexey.Phone, s.Alexey.Email, s.Vera.Given+" "+s.Vera.Patronymic)

	// Nothing in the address makes the page another person's.
	for _, at := range []string{"?account=" + s.Vera.ID, "?account_id=" + s.Vera.ID, "?p=" + s.Vera.ID, "?p=-1", "?p=2", "/" + s.Vera.ID} {
		s.hides(at, maria.Get(messagesPage+at), masked, account.MaskEmail(s.Vera.Email), s.T(notify.About(notify.RecoveryAttempt, false)))
	}
	s.refused("without a session", s.Client().Get(messagesPage))
	if a := s.Client().Post("/recovery", "identifier", s.Vera.Phone); a.Location == "" {
		t.Fatal("no recovery began")
	}
	s.refused("a recovery's browser", applicant.Get(messagesPage))
}
