package journeys

import (
	"strings"
	"testing"
	"time"

	"doverie/internal/apptest"
	"doverie/internal/i18n"
	"doverie/internal/notify"
)

// number is the count a query gives.
func (s *stage) number(query string, args ...any) int {
	s.t.Helper()
	return s.DB.Count(s.t, query, args...)
}

// TestRehearsal: both walk the whole approval in peace. Every page says that it is a rehearsal, nothing changes by it,
// and both read that it is done.
func TestRehearsal(t *testing.T) {
	twice(t, func(s *stage) {
		s.linked()
		before := s.one(`SELECT password_hash FROM accounts WHERE id = $1`, s.Vera.ID)
		vera, alexey := s.enter("vera", s.Vera), s.enter("alexey", s.Alexey)
		vera.signIn(apptest.Password)
		vera.Go(contactsHome)
		vera.Press(`main a[href$="/rehearsal"]`)
		vera.See(s.T("contacts.rehearsal.mark"), s.T("contacts.rehearsal.lead"))
		vera.submit()
		vera.See(s.T("contacts.rehearsal.mark"), s.T("contacts.rehearsal.call"))
		vera.look("waiting")
		match := vera.match()
		s.told(notify.ApprovalAsked, 1, s.Alexey.Phone, s.Alexey.Email)
		if text := s.Newest(s.Alexey.Phone, notify.ApprovalAsked).Text.Body; !strings.Contains(text, s.Texts.Printer("ru", nil).T("message.action.rehearsal")) {
			t.Errorf("the message does not say that it is a rehearsal: %s", text)
		}

		alexey.signIn(apptest.Password)
		alexey.openRequest()
		request, mark := alexey.Path(), s.T("approvals.rehearsal")
		alexey.See(mark, s.T("approvals.action.rehearsal"))
		alexey.Press(`main a[href$="/questions"]`)
		alexey.See(mark)
		for _, q := range []string{"q1", "q2", "q3", "q4", "q5"} {
			alexey.Choose(q, "yes")
		}
		alexey.submit()
		alexey.See(mark)
		alexey.Fill("number", match)
		alexey.submit()
		alexey.See(mark)
		alexey.submit()
		alexey.See(mark, i18n.MaskPhone(s.Alexey.Phone))
		alexey.Fill("code", s.Code(s.Alexey.Phone, notify.ApprovalCode))
		alexey.Press(`main form button.approve`)
		alexey.At(request)
		alexey.See(s.T("approvals.result.approved"), s.T("approvals.result.rehearsal"))

		if s.way.script {
			vera.WaitFor(s.T("contacts.rehearsal.done.title")) // by itself, live
		}
		vera.Go(contactsHome + "/rehearsal")
		vera.See(s.T("contacts.rehearsal.done.title"), s.T("contacts.rehearsal.start"))
		vera.look("done")
		alexey.Go("/approvals")
		alexey.See(s.T("approvals.list.none_open"), s.T("approvals.state.approved"))

		// Nothing changed: the password, the contacts, the account's own state; nobody may recover anything by it.
		if after := s.one(`SELECT password_hash FROM accounts WHERE id = $1`, s.Vera.ID); after != before {
			t.Error("a rehearsal changed the password")
		}
		if n := s.number(`SELECT COUNT(id) FROM recoveries`); n != 0 {
			t.Errorf("%d recoveries", n)
		}
		if n := s.number(`SELECT COUNT(id) FROM accounts WHERE id = $1 AND state = 'open' AND hold_until IS NULL AND recovered_at IS NULL`, s.Vera.ID); n != 1 {
			t.Error("a rehearsal left its mark on the account")
		}
		vera.Go("/settings/account")
		vera.At("/settings/account") // her session goes on

		// The next one is met with silence: that is worth knowing, too.
		vera.Go(contactsHome + "/rehearsal")
		vera.submit()
		s.Advance(s.Policy.RecoveryWait)
		vera.home(contactsHome + "/rehearsal")
		vera.See(s.T("contacts.rehearsal.expired.title"))
		vera.look("unanswered")
	})
}

// TestAYearOfGuarding: a contact whose number nobody confirmed for a year cannot answer, and Vera reads it at once, with the
// reason; he comes back by himself. After a year both of her channels remind her who guards her, and the page says the same.
func TestAYearOfGuarding(t *testing.T) {
	twice(t, func(s *stage) {
		const unconfirmed = 66 * 24 * time.Hour // the people of the tests confirmed their numbers 300 days ago
		s.linked()
		vera, alexey := s.enter("vera", s.Vera), s.enter("alexey", s.Alexey)
		vera.signIn(apptest.Password) // her own number is confirmed anew
		s.Advance(unconfirmed)
		s.told(notify.TrustSuspended, 1, s.Vera.Phone, s.Vera.Email, s.Alexey.Phone, s.Alexey.Email)
		vera.home(contactsHome)
		vera.See("Алексей", s.T("contacts.badge.suspended"), s.T("contacts.card.suspended"), s.T("contacts.card.his_phone"))
		vera.look("suspended")
		// An applicant is led to a desk: a contact who cannot answer never opens the road without him.
		applicant := s.enter("applicant", s.Vera)
		applicant.startRecovery()
		applicant.See(s.T("recovery.end.nobody.title"), s.T("recovery.person.title"))

		alexey.signIn(apptest.Password) // a code to his number confirms it
		s.told(notify.TrustResumed, 1, s.Vera.Phone, s.Vera.Email, s.Alexey.Phone)
		alexey.Go(contactsHome)
		alexey.See(s.T("contacts.badge.guarding"))
		vera.home(contactsHome)
		vera.See(s.T("contacts.badge.active"))
		vera.SeeNot(s.T("contacts.badge.suspended"))

		s.told(notify.TrustHealth, 0, s.Vera.Phone)
		s.Advance(s.Policy.HealthReminder - s.Policy.Settling - unconfirmed)
		s.told(notify.TrustHealth, 1, s.Vera.Phone, s.Vera.Email)
		for _, address := range []string{s.Vera.Phone, s.Vera.Email} {
			if text := s.Newest(address, notify.TrustHealth).Text.Body; !strings.Contains(text, "Алексей") {
				t.Errorf("the reminder to %s does not name the contact: %s", address, text)
			}
		}
		s.told(notify.TrustHealth, 0, s.Alexey.Phone) // it is hers
		vera.home(contactsHome)
		vera.See("Алексей", s.T("contacts.badge.active"), s.T("contacts.home.rehearse"))
		s.Advance(s.Policy.HealthReminder)
		s.told(notify.TrustHealth, 2, s.Vera.Phone)
	})
}
