package journeys

import (
	"net/http"
	"testing"
	"time"

	"doverie/internal/apptest"
	"doverie/internal/i18n"
	"doverie/internal/notify"
)

const (
	contactsHome = "/settings/safety/trusted-contacts"
	askedPhone   = "8 (913) 987-65-43" // Alexey's, as Vera types it
)

// link is where the newest invitation or link of Vera stands.
func (s *stage) link() (id, state string) {
	s.t.Helper()
	const newest = ` FROM links WHERE principal_id = $1 ORDER BY id DESC LIMIT 1`
	return s.one(`SELECT id`+newest, s.Vera.ID), s.one(`SELECT state`+newest, s.Vera.ID)
}

// stands fails unless Vera's newest invitation or link is in that state.
func (s *stage) stands(want string) {
	s.t.Helper()
	if _, state := s.link(); state != want {
		s.t.Errorf("the link is %s, want %s", state, want)
	}
}

// forgotten fails if anything that was typed of an invited person is still kept.
func (s *stage) forgotten() {
	s.t.Helper()
	s.Settle()
	if n := s.DB.Count(s.t, `SELECT COUNT(id) FROM links WHERE label <> '' OR name_hash IS NOT NULL OR phone_hash IS NOT NULL`); n != 0 {
		s.t.Errorf("of %d invitations that are over the name or the phone is kept", n)
	}
}

// gone fails unless the address of an invitation says no more than that of one that never was.
func (a *actor) gone(invitation string) {
	a.s.t.Helper()
	if status := a.Go(invitation); status != http.StatusNotFound {
		a.s.t.Errorf("%s: status %d", invitation, status)
	}
	a.See(a.s.T("fault.not_found.title"))
}

// Vera takes an invitation back; of another she hears nothing for three days. Both times Alexey's cabinet is empty again,
// Vera may choose anew, and what she typed of him is kept nowhere.
func TestInvitationTakenBackAndLapsed(t *testing.T) {
	twice(t, func(s *stage) {
		vera, alexey := s.enter("vera", s.Vera), s.enter("alexey", s.Alexey)
		vera.signIn(apptest.Password)
		vera.appoint("Алексей", askedPhone)
		s.told(notify.TrustInvited, 1, reach(s.Alexey)...)
		vera.Go(contactsHome)
		vera.See("Алексей", i18n.MaskPhone(s.Alexey.Phone), s.T("contacts.badge.invited"),
			s.T("contacts.card.invited_until", "Until", s.Clock.Now().Add(s.Policy.InvitationTTL)))
		vera.SeeNot(s.T("contacts.home.rehearse")) // nobody guards her yet
		vera.look("an invitation waits")

		invited := s.T("contacts.home.invited", "Name", "Вера Петровна")
		alexey.signIn(apptest.Password)
		alexey.Go(contactsHome)
		alexey.See(invited)
		alexey.look("invited")
		alexey.Press(`main a[href^="/invitations/"]`)
		alexey.See(s.T("invitations.show.lead", "Until", s.words.DateTimeZone(s.Clock.Now().Add(s.Policy.InvitationTTL))))
		invitation := alexey.Path()

		vera.Press(`main a[href$="/withdraw"]`)
		vera.See(s.T("contacts.withdraw.title"), s.T("contacts.withdraw.then"))
		vera.Press(`main form[method=post] button.danger`)
		vera.See(s.T("contacts.done.withdrawn"), s.T("contacts.home.empty"))
		vera.former("contacts.former.withdrawn")
		s.stands("withdrawn")
		s.forgotten()
		alexey.Press(`main a[href$="/accept"]`) // from the page that he still has open
		alexey.stepUp()
		alexey.See(s.T("fault.not_found.title"))
		alexey.gone(invitation)
		alexey.Go(contactsHome)
		alexey.SeeNot(invited)

		vera.appoint("Алексей", askedPhone)
		s.told(notify.TrustInvited, 2, reach(s.Alexey)...)
		s.Advance(s.Policy.InvitationTTL - time.Minute)
		alexey.home(contactsHome)
		alexey.See(invited)
		alexey.Press(`main a[href^="/invitations/"]`)
		invitation = alexey.Path()
		s.Clock.Advance(time.Minute) // the end itself, a moment before its timer
		alexey.Go(invitation)
		alexey.See(s.T("fault.trust.state_expired"))
		s.Settle()
		s.stands("expired")
		s.forgotten()
		alexey.gone(invitation)
		alexey.home(contactsHome)
		alexey.SeeNot(invited)
		s.told(notify.TrustExpired, 1, reach(s.Vera)...)
		vera.home(contactsHome)
		vera.See(s.T("contacts.home.empty"))
		vera.former("contacts.former.expired")
	})
}

// former opens the list of what is over, and finds there what became of the newest, without a name or a number.
func (a *actor) former(key string) {
	a.s.t.Helper()
	a.Touch(`details summary`)
	a.See(a.s.T(key), a.s.T("contacts.card.nameless"))
	a.SeeNot(i18n.MaskPhone(a.s.Alexey.Phone))
	a.look(key)
}

// Maria does not want to be asked by Vera ever again. Vera never learns it: her next invitation waits for an answer as the
// first did and lapses as any other, and Maria hears nothing of it.
func TestInvitationDeclinedAndBlocked(t *testing.T) {
	twice(t, func(s *stage) {
		vera, maria := s.enter("vera", s.Vera), s.enter("maria", s.Maria)
		vera.signIn(apptest.Password)
		vera.appoint("Мария", s.Maria.Phone)
		vera.Go(contactsHome)
		waits := vera.TextOf("article.person")
		maria.signIn(apptest.Password)
		maria.Go(contactsHome)
		maria.Press(`main a[href^="/invitations/"]`)
		maria.Press(`main a[href$="/decline"]`)
		maria.See(s.T("invitations.decline.lead"), s.T("invitations.decline.block_hint"))
		maria.Choose("block", "yes")
		maria.submit()
		maria.See(s.T("contacts.done.declined"))
		s.told(notify.TrustDeclined, 1, reach(s.Vera)...)
		s.stands("declined")
		s.forgotten()
		vera.Go(contactsHome)
		vera.See(s.T("contacts.home.empty"))

		vera.appoint("Мария", s.Maria.Phone)
		vera.See(s.T("contacts.sent.title"))
		vera.Go(contactsHome)
		if again := vera.TextOf("article.person"); again != waits {
			t.Errorf("after the block her card says\n%s\nand before it\n%s", again, waits)
		}
		s.told(notify.TrustInvited, 1, reach(s.Maria)...)
		maria.Go(contactsHome)
		maria.SeeNot("Вера Петровна")
		id, _ := s.link()
		maria.gone("/invitations/" + id)
		s.Advance(s.Policy.InvitationTTL)
		s.told(notify.TrustInvited, 1, reach(s.Maria)...)
		s.told(notify.TrustExpired, 1, reach(s.Vera)...)
		s.told(notify.TrustDeclined, 1, reach(s.Vera)...)
		s.stands("expired")
		s.forgotten()
	})
}
