package journeys

import (
	"testing"
	"time"

	"doverie/internal/account"
	"doverie/internal/apptest"
	"doverie/internal/notify"
	"doverie/internal/store/storetest"
)

// TestTheYoung: Petya is fifteen. He may appoint a contact, and may not be one; Polina is eighteen tomorrow, and may accept
// tomorrow. Why not, each reads for himself alone: Vera, who invited both, sees two people who have not answered yet.
func TestTheYoung(t *testing.T) {
	twice(t, func(s *stage) {
		petya := s.enter("petya", s.Add(storetest.Person{Given: "Пётр", Family: "Смирнов", Born: "2011-05-05", Phone: "+79135550011"}))
		polina := s.enter("polina", s.Add(storetest.Person{Given: "Полина", Family: "Смирнова", Born: "2008-11-22", Phone: "+79135550022"}))
		vera := s.enter("vera", s.Vera)
		petya.signIn(apptest.Password)
		petya.appoint("Алексей", s.Alexey.Phone)
		if err := s.Links.Accept(t.Context(), actOfTests, s.Alexey.ID, s.one(`SELECT id FROM links WHERE principal_id = $1`, petya.who.ID)); err != nil {
			t.Fatal(err)
		}
		if got := s.one(`SELECT state FROM links WHERE principal_id = $1`, petya.who.ID); got != "active" {
			t.Errorf("the link of a fifteen-year-old is %s", got)
		}

		s.invites(petya.who, polina.who)
		vera.signIn(apptest.Password)
		vera.seesTwoUnanswered()
		petya.readsWhyNot("too_young")
		petya.Press(`main a[href$="/decline"]`)
		petya.Press(`main form[method=post] button`)
		petya.See(s.T("contacts.done.declined"))
		polina.signIn(apptest.Password)
		polina.readsWhyNot("too_young")

		s.Advance(24 * time.Hour) // her birthday
		polina.signIn(apptest.Password)
		polina.accept()
		polina.See(s.T("contacts.done.accepted"))
		s.told(notify.TrustAccepted, 1, s.Vera.Phone, s.Vera.Email)
	})
}

// TestNotYetAndNotHere: a foreigner and a person whose identity nobody has confirmed read on their own page what is in the way
// and what to do; whoever invites them reads nothing of it.
func TestNotYetAndNotHere(t *testing.T) {
	twice(t, func(s *stage) {
		aigul := s.enter("aigul", s.Add(storetest.Person{Given: "Айгуль", Citizenship: "KAZ", Phone: "+79135550033"}))
		oleg := s.enter("oleg", s.Add(storetest.Person{Given: "Олег", Level: account.Standard, Phone: "+79135550044"}))
		vera := s.enter("vera", s.Vera)
		s.invites(aigul.who, oleg.who)
		vera.signIn(apptest.Password)
		vera.seesTwoUnanswered()
		for who, reason := range map[*actor]string{aigul: "not_citizen", oleg: "not_confirmed"} {
			who.signIn(apptest.Password)
			if who.Exists(`main a.button[href^="/settings/safety/trusted-contacts"]`) {
				t.Errorf("%s is led to a closed door", who.who.Given)
			}
			who.cannotAppoint(reason)
			who.Go("/settings/safety/trusted-contacts/add")
			who.stepUp()
			who.See(s.T("contacts.cannot.title"), s.T("reason."+reason))
			if who.Exists(`main input`) {
				t.Errorf("%s is asked for a contact", who.who.Given)
			}
			who.readsWhyNot(reason)
		}
		oleg.Go("/settings/safety/trusted-contacts")
		oleg.Press(`main a[href="/settings/account/level"]`)
		oleg.See(s.T("account.level.how.go"))
	})
}

// invites lets Vera invite people, each by name and phone.
func (s *stage) invites(people ...account.Account) {
	s.t.Helper()
	for _, p := range people {
		if _, err := s.Links.Invite(s.t.Context(), actOfTests, s.Vera.ID, p.Given, p.Phone); err != nil {
			s.t.Fatal(err)
		}
		s.told(notify.TrustInvited, 0, p.Phone) // who cannot accept is not called to his phone: it stands in his cabinet
	}
}

// seesTwoUnanswered reads the inviter's page: two invitations that wait, and not a word about anybody's age or papers.
func (a *actor) seesTwoUnanswered() {
	s := a.s
	s.t.Helper()
	a.Go("/settings/safety/trusted-contacts")
	a.See(s.T("contacts.badge.invited"))
	if n := a.Count(`main a[href$="/withdraw"]`); n != 2 {
		s.t.Errorf("%d invitations wait", n)
	}
	a.SeeNot(s.T("reason.too_young"), s.T("reason.not_citizen"), s.T("reason.not_confirmed"))
}

// readsWhyNot opens the one invitation: the reason stands there, for this reader only, and no address leads past it.
func (a *actor) readsWhyNot(reason string) {
	s := a.s
	s.t.Helper()
	a.Go("/settings/safety/trusted-contacts")
	a.Press(`main a[href^="/invitations/"]`)
	invitation := a.Path()
	a.See(s.T("invitations.show.cannot"), s.T("reason."+reason, "Age", s.Policy.ContactMinAge), s.T("invitations.show.private"))
	a.look("why not")
	if a.Exists(`main a[href$="/accept"]`) {
		s.t.Error("a yes is offered that would be refused")
	}
	a.Go(invitation + "/accept")
	a.stepUp()
	a.At(invitation)
	a.See(s.T("reason." + reason))
	if got := s.one(`SELECT state FROM links WHERE id = $1`, invitation[len("/invitations/"):]); got != "invited" {
		s.t.Errorf("the link is %s", got)
	}
}
