package attacks

import (
	"strings"
	"testing"
	"time"

	"doverie/internal/apptest"
	"doverie/internal/notify"
	"doverie/internal/recovery"
	"doverie/internal/trust"
)

// T09, T51: whoever finds the contact's cabinet open, and holds the principal's phone, must not free the account of its
// contact by one press: leaving takes protection away like a removal, and asks for the same proof.
func TestT51_OpenComputerResignsNobody(t *testing.T) {
	s := guarded(t)
	link := s.text(`SELECT id FROM links WHERE principal_id = $1`, s.Vera.ID)
	alexey := s.signedIn(s.Alexey)
	s.Advance(s.Policy.StepUpTTL)
	resign := contactsHome + "/" + link + "/resign"
	for what, a := range map[string]apptest.Answer{"the page": alexey.Get(resign), "the press": alexey.Post(resign)} {
		if !strings.HasPrefix(a.Location, "/step-up?next=") {
			t.Errorf("%s: %d %s", what, a.Status, a.Location)
		}
	}
	if state := s.text(`SELECT state FROM links WHERE id = $1`, link); state != "active" {
		t.Fatalf("a found session made the link %s", state)
	}
	s.recovering(s.Vera)
	s.wantState(s.Vera, recovery.Awaiting)
	// He himself leaves at once.
	alexey.StepUp(s.Alexey, apptest.Password)
	alexey.Want(alexey.Post(resign), contactsHome)
	if state := s.text(`SELECT state FROM links WHERE id = $1`, link); state != "ended" {
		t.Errorf("after his own proof the link is %s", state)
	}
}

// T09: a thief in a stolen session begins to remove the contact; the owner sees it and freezes the account. A freeze shuts
// the owner out of the cabinet too, so nothing of its protection may run out behind the closed door: else the thief
// waits for three days, and lifts the freeze alone.
func TestT09_AFreezeKeepsTheContact(t *testing.T) {
	for _, tell := range []string{"now", "later"} {
		t.Run(tell, func(t *testing.T) {
			s := guarded(t)
			link := s.text(`SELECT id FROM links WHERE principal_id = $1`, s.Vera.ID)
			thief := s.steppedUp(s.Vera)
			thief.Want(thief.Post(contactsHome+"/"+link+"/remove", "tell", tell), contactsHome)
			s.Advance(time.Hour)
			vera := s.signedIn(s.Vera)
			vera.Want(vera.Post("/safety/freeze"), "/safety/stopped/frozen")
			s.Advance(s.Policy.Leaving + s.Policy.UnfreezeAlone)
			if state := s.text(`SELECT state FROM links WHERE id = $1`, link); state != "active" {
				t.Errorf("while the account was frozen its contact's link became %s", state)
			}
			again := s.Client()
			again.Want(again.Post("/sign-in", "identifier", s.Vera.Phone, "password", apptest.Password), "/sign-in/code")
			again.Want(again.Post("/sign-in/code", "code", s.Code(s.Vera.Phone, notify.SignInCode)), "/safety/frozen")
			again.Want(again.Post("/step-up", "password", apptest.Password, "next", "/safety/frozen"), "/step-up/code")
			again.Want(again.Post("/step-up/code", "code", s.Code(s.Vera.Phone, notify.StepUpCode), "next", "/safety/frozen"), "/safety/frozen")
			again.Post("/safety/unfreeze")
			if state := s.text(`SELECT state FROM accounts WHERE id = $1`, s.Vera.ID); state != "frozen" {
				t.Error("whoever has password and phone lifted the freeze without the contact")
			}
			// Vera is told that the contact stays; whoever was never told of the removal is not told of its end either.
			if s.Count(s.Vera.Phone, notify.TrustLeavingStopped) != 1 {
				t.Error("Vera was not told that the removal was stopped")
			}
			if told := s.Count(s.Alexey.Phone, notify.TrustLeavingStopped); (told == 1) != (tell == "now") {
				t.Errorf("Alexey was told %d times", told)
			}
		})
	}
}

// T52: whoever is a contact no more reads nothing of the account's present state from the requests he once had.
func TestT52_AFormerContactReadsNothing(t *testing.T) {
	s := guarded(t)
	s.recovering(s.Vera)
	alexey := s.steppedUp(s.Alexey)
	request := alexey.Request()
	alexey.Want(alexey.Post(request+"/reject", "reason", "other"), request)
	alexey.Want(alexey.Post(contactsHome+"/"+s.text(`SELECT id FROM links WHERE principal_id = $1`, s.Vera.ID)+"/resign"), contactsHome)
	before := alexey.Get(request).Body
	s.Advance(s.Policy.Settling)
	vera := s.signedIn(s.Vera)
	vera.Want(vera.Post("/safety/freeze"), "/safety/stopped/frozen")
	alexey.SignIn(s.Alexey, apptest.Password)
	if after := alexey.Get(request).Body; strings.Contains(after, s.T("approvals.result.frozen")) && !strings.Contains(before, s.T("approvals.result.frozen")) {
		t.Error("a former contact reads that the account is frozen now")
	}
	q, err := s.Decisions.Request(t.Context(), s.Alexey.ID, strings.TrimPrefix(request, "/approvals/"))
	if err != nil || q.Protection != (trust.Protection{}) {
		t.Errorf("he gets %+v, %v", q.Protection, err)
	}
}
