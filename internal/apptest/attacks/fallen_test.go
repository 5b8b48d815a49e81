package attacks

import (
	"testing"

	"doverie/internal/account"
	"doverie/internal/apptest"
	"doverie/internal/notify"
	"doverie/internal/recovery"
	"doverie/internal/store/storetest"
)

// T12, T13, T24: a yes rests on its link and on the account it came from. Whoever leaves takes it with him: a stranger
// who answered in a contact's name opens nothing once the contact stopped him, and of two who had to agree one is not enough.
func TestT24_AYesFallsWithItsContact(t *testing.T) {
	resigns := func(s *scene, contact *apptest.Client, who account.Account) {
		link := s.text(`SELECT id FROM links WHERE contact_id = $1`, who.ID)
		contact.Want(contact.Post(contactsHome+"/"+link+"/resign"), contactsHome)
	}
	freezes := func(_ *scene, contact *apptest.Client, _ account.Account) {
		contact.Want(contact.Post("/safety/freeze"), "/safety/stopped/frozen")
	}
	for _, c := range []struct {
		name   string
		quorum int
		before []int // who approves, in this order: 0 Alexey, 1 Maria, 2 Oleg
		falls  func(*scene, *apptest.Client, account.Account)
		then   recovery.State
		after  []int // who approves then
		want   recovery.State
	}{
		{"he leaves before the second yes", 2, []int{0}, resigns, recovery.Awaiting, []int{1}, recovery.Awaiting},
		{"the two who stay agree", 2, []int{0}, resigns, recovery.Awaiting, []int{1, 2}, recovery.Approved},
		{"he is frozen before the second yes", 2, []int{0}, freezes, recovery.Awaiting, []int{1}, recovery.Awaiting},
		{"he leaves after his yes opened it", 1, []int{0}, resigns, recovery.LockedOut, nil, recovery.LockedOut},
		{"he is frozen after his yes opened it", 1, []int{0}, freezes, recovery.LockedOut, nil, recovery.LockedOut},
		{"one of the two who opened it leaves", 2, []int{0, 1}, resigns, recovery.LockedOut, nil, recovery.LockedOut},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := begin(t)
			people := []account.Account{s.Alexey, s.Maria, s.Add(storetest.Person{Given: "Олег", Phone: "+79165554433"})}
			for _, p := range people {
				s.link(s.Vera, p)
			}
			s.DB.Exec(t, `UPDATE accounts SET quorum = $1 WHERE id = $2`, c.quorum, s.Vera.ID)
			s.Advance(s.Policy.Settling)
			applicant, alexey := s.recovering(s.Vera), s.steppedUp(s.Alexey)
			match := applicant.Match()
			alexey.Approve(s.Alexey, alexey.Request(), match)
			approve := func(all []int) {
				for _, i := range all {
					contact := s.steppedUp(people[i])
					contact.Approve(people[i], contact.Request(), match)
				}
			}
			approve(c.before[1:])
			c.falls(s, alexey, s.Alexey)
			s.Settle()
			s.wantState(s.Vera, c.then)
			approve(c.after)
			s.wantState(s.Vera, c.want)
			if c.want == recovery.Approved {
				s.finish(applicant, s.Vera)
				return
			}
			where := "/recovery/wait"
			if c.want == recovery.LockedOut {
				where = "/recovery/end"
				s.shows(applicant.Get(where), s.T("recovery.end.left"))
			}
			applicant.Want(applicant.Post("/recovery/password", "password", apptest.NewPassword), where)
			s.password(s.Vera, apptest.Password)
			s.intact()
		})
	}
}

// The timers may be late: the password asks for itself whether the yes it rests on still stands.
func TestT24_ThePasswordAsksAgainWhoStands(t *testing.T) {
	s := guarded(t)
	applicant, alexey := s.recovering(s.Vera), s.steppedUp(s.Alexey)
	alexey.Approve(s.Alexey, alexey.Request(), applicant.Match())
	applicant.Want(applicant.Post("/recovery/finish/send"), "/recovery/finish")
	applicant.Want(applicant.Post("/recovery/finish", "code", s.Code(s.Vera.Phone, notify.RecoveryFinishCode)), "/recovery")
	s.wantState(s.Vera, recovery.Verified)
	s.DB.Exec(t, `UPDATE accounts SET state = 'frozen', frozen_at = 1, freeze_reason = 'self' WHERE id = $1`, s.Alexey.ID) // no timer knows of it
	applicant.Want(applicant.Post("/recovery/password", "password", apptest.NewPassword), "/recovery/end")
	s.wantState(s.Vera, recovery.LockedOut)
	s.password(s.Vera, apptest.Password)
	s.intact()
}
