package attacks

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"doverie/internal/account"
	"doverie/internal/apptest"
	"doverie/internal/notify"
	"doverie/internal/recovery"
	"doverie/internal/secret"
	"doverie/internal/store/storetest"
)

// T51: somebody sits at Alexey's unlocked computer. Without his password and phone he cannot send the code, let alone confirm.
func TestT51_ContactsOpenComputer(t *testing.T) {
	s := guarded(t)
	applicant := s.recovering(s.Vera)
	alexey := s.signedIn(s.Alexey)
	s.Advance(s.Policy.StepUpTTL) // signed in, and went away
	request := alexey.Request()
	alexey.Want(alexey.Post(request+"/questions", apptest.Answers(0)...), request)
	alexey.Want(alexey.Post(request+"/match", "number", applicant.Match()), request)
	for _, a := range []apptest.Answer{alexey.Get(request + "/confirm"), alexey.Post(request + "/confirm")} {
		if !strings.HasPrefix(a.Location, "/step-up") {
			t.Errorf("the code was sent without a fresh proof: %d %s", a.Status, a.Location)
		}
	}
	alexey.Want(alexey.Post(request+"/code", "code", "000000"), request+"/confirm")
	if n := s.Count(s.Alexey.Phone, notify.ApprovalCode); n != 0 {
		t.Errorf("%d codes were sent", n)
	}
	// A proof that is older than five minutes is none.
	s.Advance(pause)
	alexey.StepUp(s.Alexey, apptest.Password)
	s.Clock.Advance(s.Policy.StepUpTTL)
	if a := alexey.Post(request + "/confirm"); !strings.HasPrefix(a.Location, "/step-up") {
		t.Errorf("an old proof is taken: %d %s", a.Status, a.Location)
	}
	s.wantState(s.Vera, recovery.Awaiting)
	// Alexey sees where he is signed in, and ends what is not his.
	phone := s.Client().From("95.31.1.1")
	phone.SignIn(s.Alexey, apptest.Password)
	page := phone.Get("/settings/safety/sessions")
	s.shows(page, "95.31.•.•")
	s.shows(page, s.T("approvals.area.here"))
	phone.Want(phone.Post("/settings/safety/sessions/end-others"), "/")
	alexey.Want(alexey.Get("/approvals"), "/sign-in")
}

// T52: what each side of a link may know about the other, word by word and page by page.
func TestT52_WhatEachSideSees(t *testing.T) {
	s := guarded(t)
	applicant, alexey, vera := s.recovering(s.Vera), s.steppedUp(s.Alexey), s.signedIn(s.Vera)
	request := alexey.Request()
	ofVera := []string{s.Vera.Phone, account.ShowPhone(s.Vera.Phone), account.MaskPhone(s.Vera.Phone), s.Vera.Email, "v***", s.Vera.SNILS, "1954", "Смирновой В", s.Vera.ID}
	ofAlexey := []string{s.Alexey.Phone, account.ShowPhone(s.Alexey.Phone), s.Alexey.Email, s.Alexey.SNILS, "1981", "Иванович С", s.Alexey.ID}
	for _, path := range []string{request, request + "/questions", request + "/wait", request + "/reject", "/approvals", contactsHome, "/settings/safety/events"} {
		s.hides("the contact at "+path, alexey.Get(path), ofVera...)
	}
	// The applicant, perhaps a criminal, learns a first name, and nothing else of anybody.
	page := applicant.Get("/recovery/wait")
	s.shows(page, "Алексе")
	s.hides("the applicant", page, append(append(ofVera, ofAlexey...), "Смирнов", "Вера", "Петровна", "Иванович")...)
	// The principal is not told how far her contact is, or that he looked: only his decision.
	events := vera.Get("/settings/safety/events")
	alexey.Want(alexey.Post(request+"/questions", apptest.Answers(0)...), request)
	if a, b := apptest.Words(events.Body), apptest.Words(vera.Get("/settings/safety/events").Body); a != b {
		t.Errorf("the principal's history follows her contact's steps:\n%s\n%s", a, b)
	}
	for _, path := range []string{contactsHome, "/settings/safety/events", "/safety/alarm"} {
		s.hides("the principal at "+path, vera.Get(path), ofAlexey...)
	}
	// Once it is over the request says how it ended and shows no facts any more.
	alexey.Want(alexey.Post(request+"/reject", "reason", "unreachable"), request)
	over := alexey.Get(request)
	s.hides("a finished request", over, append(ofVera, "127.0.•.•")...)
	// The messages: a name and what to do.
	for _, kind := range []notify.Kind{notify.RecoveryAsked} {
		m := s.Newest(s.Alexey.Phone, kind)
		for _, private := range ofVera {
			if strings.Contains(m.Text.Body, private) {
				t.Errorf("%s shows %q", kind, private)
			}
		}
	}
	// He may leave whenever he likes, and then nothing of hers is left in his cabinet but that it was.
	link := s.text(`SELECT id FROM links WHERE principal_id = $1`, s.Vera.ID)
	alexey.Want(alexey.Post(contactsHome+"/"+link+"/resign"), contactsHome)
	if s.text(`SELECT state FROM links WHERE id = $1`, link) != "ended" {
		t.Error("he could not leave")
	}
	s.hides("a former contact", alexey.Get(contactsHome), ofVera...)
}

// T53: one day too young, and the very birthday; born on 29 February; the zone in which days begin.
func TestT53_Birthdays(t *testing.T) {
	// The clock of every scene begins on 21 November 2026, 12:00 in Moscow.
	for _, c := range []struct {
		name, principal, contact string
		later                    time.Duration
		invited, accepted        bool
	}{
		{"fourteen tomorrow", "2012-11-22", "1981-01-01", 0, false, false},
		{"fourteen today", "2012-11-21", "1981-01-01", 0, true, true},
		{"fourteen yesterday", "2012-11-20", "1981-01-01", 0, true, true},
		{"a contact of eighteen tomorrow", "1954-01-01", "2008-11-22", 0, true, false},
		{"a contact of eighteen today", "1954-01-01", "2008-11-21", 0, true, true},
		{"eighteen an hour after midnight in Moscow, still yesterday in London", "1954-01-01", "2008-11-22", 12*time.Hour + time.Minute, true, true},
		{"eighteen a minute before midnight in Moscow", "1954-01-01", "2008-11-22", 12*time.Hour - time.Minute, true, false},
		{"born on 29 February 2008, 18 in 2026 since 1 March", "1954-01-01", "2008-02-29", 0, true, true},
		{"born on 29 February 2012, 14 in 2026 since 1 March", "2012-02-29", "1981-01-01", 0, true, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := begin(t)
			young := s.Add(storetest.Person{Given: "Лев", Born: c.principal, Phone: "+79135550001"})
			guard := s.Add(storetest.Person{Given: "Анна", Born: c.contact, Phone: "+79135550002"})
			s.Clock.Advance(c.later)
			principal := s.steppedUp(young)
			a := principal.Post(contactsHome+"/add", "name", "Анна", "phone", guard.Phone)
			if (a.Status == http.StatusSeeOther) != c.invited {
				t.Fatalf("the invitation: %d %s", a.Status, a.Location)
			}
			if !c.invited {
				return
			}
			link := s.text(`SELECT id FROM links WHERE principal_id = $1`, young.ID)
			contact := s.steppedUp(guard)
			a = contact.Post("/invitations/" + link + "/accept")
			if (a.Location == contactsHome+"?done=accepted") != c.accepted || (s.text(`SELECT state FROM links WHERE id = $1`, link) == "active") != c.accepted {
				t.Errorf("the acceptance: %d %s", a.Status, a.Location)
			}
		})
	}
}

// T54: floods of passwords cost hashing no more than its queue holds; everybody else is served meanwhile.
func TestT54_Exhaustion(t *testing.T) {
	// One hash at a time, and a slow one: however slowly this machine's disk lets the crowd through the limits before
	// hashing, hashing is what they queue for.
	costs := secret.DefaultParams()
	costs.Time = 16
	s := on(t, "sqlite", apptest.Options{Quiet: true, Hashing: secret.HasherOptions{Params: costs, Slots: 1, Queue: 4, Wait: 300 * time.Millisecond}})
	// Too long to be a password, a body or a form: refused before anything is hashed.
	for what, form := range map[string][]string{
		"a password of a megabyte":  {"identifier", s.Vera.Phone, "password", strings.Repeat("п", 500_000)},
		"a hundred thousand fields": slices.Repeat([]string{"password", "x"}, 50_000),
	} {
		began := time.Now()
		if a := s.Client().Post("/sign-in", form...); a.Status == http.StatusSeeOther || a.Status >= http.StatusInternalServerError {
			t.Errorf("%s: %d", what, a.Status)
		}
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("%s took %s", what, took)
		}
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	const crowd = 60
	statuses := make([]int, crowd)
	peak, stop, watched := uint64(0), make(chan struct{}), make(chan struct{})
	go func() {
		defer close(watched)
		for {
			select {
			case <-stop:
				return
			case <-time.After(5 * time.Millisecond):
				runtime.ReadMemStats(&after)
				peak = max(peak, after.HeapInuse)
			}
		}
	}()
	clients := make([]*apptest.Client, crowd)
	for i := range clients {
		clients[i] = s.Client()
	}
	visitor, slowest := s.Client(), time.Duration(0)
	pages := make(chan struct{})
	go func() {
		defer close(pages)
		for range 30 {
			began := time.Now()
			if a, err := visitor.Try(context.Background(), http.MethodGet, "/help", nil); err != nil || a.Status != http.StatusOK {
				t.Errorf("a cheap page during the flood: %d %v", a.Status, err)
			}
			slowest = max(slowest, time.Since(began))
		}
	}()
	storetest.Parallel(crowd, func(i int) error {
		a, err := clients[i].Try(context.Background(), http.MethodPost, "/sign-in", apptest.Form("identifier", fmt.Sprintf("+7999000%04d", i), "password", "не тот пароль"))
		statuses[i] = a.Status
		return err
	})
	<-pages
	close(stop)
	<-watched
	busy := 0
	for _, status := range statuses {
		switch status {
		case http.StatusServiceUnavailable, http.StatusTooManyRequests:
			busy++
		case http.StatusUnprocessableEntity:
		default:
			t.Errorf("an answer of %d", status)
		}
	}
	grown := int64(peak-before.HeapInuse) >> 20
	t.Logf("%d at once: %d told to come back, the heap grew by %d MiB, the slowest cheap page took %s", crowd, busy, grown, slowest)
	// A hash takes 19 MiB: the crowd's would take 1140.
	if grown > 400 {
		t.Errorf("the heap grew by %d MiB", grown)
	}
	if busy == 0 {
		t.Error("nobody was turned away: the queue has no end")
	}
	if a := s.Client().Get("/sign-in"); a.Status != http.StatusOK {
		t.Errorf("after the flood: %d", a.Status)
	}
}
