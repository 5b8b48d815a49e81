package attacks

import (
	"strings"
	"testing"

	"doverie/internal/apptest"
	"doverie/internal/effect"
	"doverie/internal/notify"
	"doverie/internal/recovery"
)

// T49: whoever has stolen a session of Vera's, password and codes included, makes the service say whatever a press of a
// button can make it say, over and over, to her and to her contact: to hide what matters, or to wear them down (T19). Each
// of these has its bound, none uses up the room of another, and the one that matters comes.
func TestT49_AThiefsFloodIsBounded(t *testing.T) {
	s := guarded(t)
	thief, alexey := s.steppedUp(s.Vera), s.signedIn(s.Alexey)
	link := s.text(`SELECT id FROM links WHERE principal_id = $1`, s.Vera.ID)
	s.Settle()
	before := len(s.Phones.Messages(s.Alexey.Phone))
	const presses = 12
	for range presses {
		thief.Post(contactsHome+"/"+link+"/remove", "tell", "now")
		thief.Post(contactsHome + "/" + link + "/stay")
		thief.Post("/settings/safety/guards/change_phone/off")
		thief.Post("/settings/safety/guards/change_phone/keep")
		thief.Post(contactsHome + "/rehearsal")
		thief.Post(contactsHome + "/rehearsal/end")
	}
	s.Settle()
	for _, c := range []struct {
		kind notify.Kind
		most int
	}{
		{notify.TrustLeaving, s.Policy.ToldActsDay}, {notify.TrustLeavingStopped, s.Policy.ToldActsDay},
		{notify.GuardFalling, s.Policy.ToldActsDay}, {notify.ApprovalAsked, s.Policy.ToldActsDay},
	} {
		if n := s.Count(s.Alexey.Phone, c.kind); n == 0 || n > c.most {
			t.Errorf("%s came %d times to the contact, want 1 to %d of %d", c.kind, n, c.most, presses)
		}
	}
	if n := len(s.Phones.Messages(s.Alexey.Phone)) - before; n > 4*s.Policy.ToldActsDay {
		t.Errorf("%d messages to the contact", n)
	}

	// Even a flood of another origin leaves the room of what a quick answer stops.
	for range s.Policy.SMSNoticesPhone + 5 {
		for _, to := range []string{s.Vera.ID, s.Alexey.ID} {
			if err := s.Store.Apply(t.Context(), effect.Act{Actor: effect.System}, s.Clock.Now(), "", []effect.Effect{
				effect.Send{Kind: "trust.declined", To: to, Via: []effect.Channel{effect.SMS}, Args: map[string]string{"first_name": "Анна, +7 ••• •••-00-00"}},
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	s.Settle()
	if n := s.Count(s.Vera.Phone, notify.TrustDeclined); n == 0 || n > s.Policy.SMSNoticesPhone {
		t.Errorf("%d of the flood came to one phone, its budget is %d", n, s.Policy.SMSNoticesPhone)
	}
	thief.Post("/settings/safety/sessions/end-others")
	s.Advance(pause)
	vera := s.signedIn(s.Vera)
	criminal := s.recovering(s.Vera)
	for _, want := range []struct {
		address string
		kind    notify.Kind
	}{{s.Vera.Phone, notify.SessionNewDevice}, {s.Vera.Phone, notify.RecoveryAttempt}, {s.Alexey.Phone, notify.RecoveryAsked}} {
		if s.Count(want.address, want.kind) == 0 {
			t.Errorf("%s did not come to %s", want.kind, want.address)
		}
	}
	banner := s.T("safety.banner.title")
	for _, path := range []string{"/settings/account", messagesPage, "/settings/safety/events"} {
		a := vera.Get(path)
		if i, j := strings.Index(a.Body, banner), strings.Index(a.Body, "<h1"); i < 0 || i > j {
			t.Errorf("%s: the alarm is not above everything", path)
		}
	}
	request := alexey.Request()
	alexey.Want(alexey.Post(request+"/reject", "reason", "fraud"), request)
	s.wantState(s.Vera, recovery.Rejected)
	criminal.Want(criminal.Post("/recovery/password", "password", apptest.NewPassword), "/recovery/end")
}
