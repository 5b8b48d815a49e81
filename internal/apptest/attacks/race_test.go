package attacks

import (
	"context"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"doverie/internal/apptest"
	"doverie/internal/notify"
	"doverie/internal/recovery"
	"doverie/internal/store"
	"doverie/internal/store/storetest"
)

var rounds = flag.Int("rounds", 6, "rounds of the race of T23; each is 50 requests at once on PostgreSQL")

// recorded is one request that somebody sent, to be sent again.
type recorded struct {
	c    *apptest.Client
	path string
	form url.Values
}

// T22: every request of a whole recovery is sent again, by the same browsers with the same cookies and codes.
func TestT22_Replay(t *testing.T) {
	s := guarded(t)
	var tape []recorded
	do := func(c *apptest.Client, want, path string, fields ...string) {
		form := apptest.Form(fields...)
		tape = append(tape, recorded{c, path, form})
		c.Want(c.Do(http.MethodPost, path, form), want)
	}
	applicant, alexey := s.Client(), s.Client()
	do(applicant, "/recovery/code", "/recovery", "identifier", s.Vera.Phone)
	tape = tape[:0] // a start may be repeated by anybody
	do(applicant, "/recovery", "/recovery/code", "code", s.Code(s.Vera.Phone, notify.RecoveryCode))
	do(alexey, "/sign-in/code", "/sign-in", "identifier", s.Alexey.Phone, "password", apptest.Password)
	tape = tape[:len(tape)-1] // so may a sign-in with the right password
	do(alexey, "/settings", "/sign-in/code", "code", s.Code(s.Alexey.Phone, notify.SignInCode))
	alexey.StepUp(s.Alexey, apptest.Password)
	request := alexey.Request()
	do(alexey, request, request+"/questions", apptest.Answers(0)...)
	do(alexey, request, request+"/match", "number", applicant.Match())
	do(alexey, request+"/code", request+"/confirm")
	do(alexey, request, request+"/code", "code", s.Code(s.Alexey.Phone, notify.ApprovalCode))
	do(applicant, "/recovery/finish", "/recovery/finish/send")
	do(applicant, "/recovery", "/recovery/finish", "code", s.Code(s.Vera.Phone, notify.RecoveryFinishCode))
	do(applicant, "/recovery", "/recovery/password", "password", apptest.NewPassword)
	s.wantState(s.Vera, recovery.Completed)
	hash, events := s.text(`SELECT password_hash FROM accounts WHERE id = $1`, s.Vera.ID), s.count(`SELECT COUNT(seq) FROM events`)
	for _, r := range tape {
		again := url.Values{}
		maps.Copy(again, r.form)
		if strings.HasSuffix(r.path, "/password") {
			again.Set("password", "ещё один пароль на полке")
		}
		a := r.c.Do(http.MethodPost, r.path, again)
		if a.Status == http.StatusOK || a.Status >= http.StatusInternalServerError {
			t.Errorf("%s again: %d %s", r.path, a.Status, a.Location)
		}
	}
	if n := s.count(`SELECT COUNT(seq) FROM events`); n != events {
		t.Errorf("the replay wrote %d events: %v", n-events, s.texts(`SELECT kind FROM events WHERE seq > $1`, events))
	}
	if s.text(`SELECT password_hash FROM accounts WHERE id = $1`, s.Vera.ID) != hash {
		t.Error("the replay changed the password")
	}
	// The cookies taken to another place, after the end: nothing either.
	thief := s.cookie(applicant, "recovery")
	thief.Want(thief.Post("/recovery/password", "password", "ещё один пароль на полке"), "/recovery/done")
	s.password(s.Vera, apptest.NewPassword)
}

// T23: everybody decides at the same moment, fifty requests at once, on PostgreSQL: one outcome, the losers told so.
func TestT23_ConfirmAgainstReject(t *testing.T) {
	s := on(t, "postgres", apptest.Options{Quiet: true})
	outcomes := map[recovery.State]int{}
	for round := range *rounds {
		vera := s.Add(storetest.Person{Given: "Вера", Phone: fmt.Sprintf("+7918%07d", 2*round), Email: fmt.Sprintf("vera%d@example.test", round)})
		alexey := s.Add(storetest.Person{Given: "Алексей", Phone: fmt.Sprintf("+7918%07d", 2*round+1)})
		s.link(vera, alexey)
		s.Advance(s.Policy.Settling)
		owner := s.signedIn(vera)
		applicant, contact := s.recovering(vera), s.steppedUp(alexey)
		request := contact.Request()
		s.atCode(contact, request, applicant.Match())
		code := s.Code(alexey.Phone, notify.ApprovalCode)
		mixed := []recorded{
			{contact, request + "/code", apptest.Form("code", code)}, {contact, request + "/code", apptest.Form("code", code)},
			{applicant, "/recovery/finish/send", url.Values{}}, {contact, request + "/match", apptest.Form("number", "00")},
			{contact, request + "/reject", apptest.Form("reason", "fraud")}, {applicant, "/recovery/cancel", url.Values{}},
			{owner, "/safety/disown", url.Values{}},
		}[:5+round%3] // the quickest no would always win: each round knows one more
		var mu sync.Mutex
		errs := storetest.Parallel(50, func(i int) error {
			r := mixed[(i+round)%len(mixed)]
			a, err := r.c.Try(context.Background(), http.MethodPost, r.path, r.form)
			mu.Lock()
			defer mu.Unlock()
			if err == nil && a.Status >= http.StatusInternalServerError {
				err = fmt.Errorf("%s: %d %s", r.path, a.Status, apptest.Words(a.Body))
			}
			return err
		})
		for _, err := range errs {
			if err != nil {
				t.Error(err)
			}
		}
		state := s.state(vera)
		outcomes[state]++
		id := s.text(`SELECT id FROM recoveries WHERE account_id = $1`, vera.ID)
		ends := s.texts(`SELECT kind FROM events WHERE object = $1 AND kind IN ('recovery.rejected', 'recovery.cancelled', 'recovery.disowned',
			'recovery.expired', 'recovery.completed', 'recovery.locked_out', 'recovery.superseded')`, "recovery:"+id)
		approvals := s.count(`SELECT COUNT(seq) FROM events WHERE object = $1 AND kind = 'recovery.approved'`, "recovery:"+id)
		open := recovery.Recovery{State: state}.Open()
		if len(ends) > 1 || open != (len(ends) == 0) || len(ends) == 1 && ends[0] != "recovery."+string(state) {
			t.Errorf("round %d: %s with the ends %v", round, state, ends)
		}
		if approvals > 1 || s.count(`SELECT COUNT(id) FROM codes WHERE purpose = 'approval' AND account_id = $1 AND state = 'used'`, alexey.ID) != approvals {
			t.Errorf("round %d: %d approvals", round, approvals)
		}
		// Deny wins: whatever stood at first, a no that was accepted is never followed by a new password.
		if !open {
			applicant.Post("/recovery/password", "password", apptest.NewPassword)
			s.password(vera, apptest.Password)
		}
	}
	t.Logf("%d rounds: %v", *rounds, outcomes)
	s.intact()
}

// T24: Alexey is eligible when the page looks, and is not when the transaction decides.
func TestT24_EligibilityChangesInBetween(t *testing.T) {
	s := on(t, "postgres", apptest.Options{})
	s.link(s.Vera, s.Alexey)
	s.Advance(s.Policy.Settling)
	applicant, alexey := s.recovering(s.Vera), s.steppedUp(s.Alexey)
	request := alexey.Request()
	s.atCode(alexey, request, applicant.Match())
	code := s.Code(s.Alexey.Phone, notify.ApprovalCode)
	// Another process holds Alexey's row and is about to commit that he lost his confirmation.
	held, answered := make(chan struct{}), make(chan apptest.Answer, 1)
	err := s.Store.InTx(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		// Exec, because its answer is read at once: only then is the row held.
		if _, err := tx.Exec(ctx, `UPDATE accounts SET citizenship = 'BLR' WHERE id = $1`, s.Alexey.ID); err != nil {
			return err
		}
		go func() {
			close(held)
			a, err := alexey.Try(context.WithoutCancel(ctx), http.MethodPost, request+"/code", apptest.Form("code", code))
			if err != nil {
				t.Error(err)
			}
			answered <- a
		}()
		<-held
		for range 100 { // until his request waits for the row
			if s.count(`SELECT COUNT(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'`) > 0 {
				return nil
			}
			time.Sleep(20 * time.Millisecond)
		}
		t.Error("the approval did not wait for the row: it decides by what it read before")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if a := <-answered; a.Location != request+"?why=unable" {
		t.Errorf("approved by somebody who was not eligible any more: %d %s", a.Status, a.Location)
	}
	s.wantState(s.Vera, recovery.Awaiting)
}

// T25: the last microsecond of a life belongs to it, its end does not; the timer's lateness changes nothing.
func TestT25_TheEdgesOfTime(t *testing.T) {
	for _, c := range []struct {
		name string
		left time.Duration // of the life when it is tried
		ok   bool
	}{{"a microsecond before", time.Microsecond, true}, {"at the end", 0, false}, {"a microsecond after", -time.Microsecond, false}} {
		t.Run("a code, "+c.name, func(t *testing.T) {
			s := guarded(t)
			applicant := s.Client()
			applicant.Want(applicant.Post("/recovery", "identifier", s.Vera.Phone), "/recovery/code")
			code := s.Code(s.Vera.Phone, notify.RecoveryCode)
			s.Clock.Advance(s.Policy.CodeTTL - c.left)
			if a := applicant.Post("/recovery/code", "code", code); (a.Status == http.StatusSeeOther) != c.ok {
				t.Errorf("%d %s", a.Status, a.Location)
			}
		})
		t.Run("a request, "+c.name, func(t *testing.T) {
			s := guarded(t)
			applicant := s.recovering(s.Vera)
			match := applicant.Match()
			s.Clock.Advance(s.Policy.RecoveryWait - s.Policy.CodeTTL - c.left)
			alexey := s.steppedUp(s.Alexey)
			request := alexey.Request()
			alexey.Want(alexey.Post(request+"/questions", apptest.Answers(0)...), request)
			s.Clock.Advance(s.Policy.CodeTTL)
			a := alexey.Post(request+"/match", "number", match)
			if (a.Location == request+"/confirm") != c.ok {
				t.Errorf("%d %s", a.Status, a.Location)
			}
		})
		t.Run("settling, "+c.name, func(t *testing.T) {
			s := begin(t)
			s.link(s.Vera, s.Alexey)
			s.Clock.Advance(s.Policy.Settling - s.Policy.CodeTTL - c.left)
			applicant, alexey := s.recovering(s.Vera), s.steppedUp(s.Alexey)
			request := alexey.Request()
			s.Clock.Advance(s.Policy.CodeTTL)
			able := c.left <= 0 // here the end is where it begins
			if a := alexey.Post(request+"/questions", apptest.Answers(0)...); (a.Location == request+"/match") != able {
				t.Errorf("%d %s", a.Status, a.Location)
			}
			_ = applicant
		})
	}
	t.Run("clocks may change: a life is a length", func(t *testing.T) {
		s := guarded(t) // no rule but ages looks at a calendar; 72 hours over the end of summer time are 72 hours
		s.recovering(s.Vera)
		want := s.Clock.Now().Add(s.Policy.RecoveryWait).UnixMicro()
		if got := s.text(`SELECT CAST(expires_at AS TEXT) FROM recoveries WHERE account_id = $1`, s.Vera.ID); got != fmt.Sprint(want) {
			t.Errorf("ends at %s, want %d", got, want)
		}
	})
}

// T26: each thing that made Alexey eligible is lost in the middle of a request: he cannot approve, Vera is told.
func TestT26_EligibilityIsLost(t *testing.T) {
	for name, change := range map[string]string{
		"confirmation": `UPDATE accounts SET level = 'standard', confirmed_at = NULL WHERE id = $1`,
		"citizenship":  `UPDATE accounts SET citizenship = 'KAZ' WHERE id = $1`,
		"phone":        `UPDATE accounts SET phone_current = FALSE, phone_lost_at = 1 WHERE id = $1`,
		"old phone":    `UPDATE accounts SET phone_confirmed_at = 1, phone_verified_at = 1 WHERE id = $1`,
		"SIM":          `UPDATE accounts SET sim_changed_at = phone_confirmed_at + 86400000000 * 301 WHERE id = $1`,
		"age":          `UPDATE accounts SET birth_date = '2015-01-01' WHERE id = $1`,
		"closed":       `UPDATE accounts SET state = 'closed' WHERE id = $1`,
		"own recovery": `INSERT INTO recoveries (id, account_id, browser_hash, state, channel, device, area, guarded, needed, started_at, proven_at, expires_at, end_reason, version)
			VALUES ('r', $1, '\x00', 'approved', 'sms', '', '', FALSE, 1, 1, 1, 9000000000000000, '', 1)`,
		"password": `UPDATE accounts SET password_changed_at = phone_confirmed_at + 86400000000 * 301 WHERE id = $1`,
	} {
		t.Run(name, func(t *testing.T) {
			s := guarded(t)
			applicant, alexey := s.recovering(s.Vera), s.steppedUp(s.Alexey)
			request := alexey.Request()
			s.atCode(alexey, request, applicant.Match())
			code := s.Code(s.Alexey.Phone, notify.ApprovalCode)
			s.DB.Exec(t, change, s.Alexey.ID)
			s.refused("the approval", redirectUnless(alexey.Post(request+"/code", "code", code), request))
			s.wantState(s.Vera, recovery.Awaiting)
			applicant.Want(applicant.Post("/recovery/password", "password", apptest.NewPassword), "/recovery/wait")
			s.Advance(s.Policy.LinkReview)
			if name == "SIM" || name == "own recovery" || name == "password" {
				return // these pass by themselves; the link is not suspended for them
			}
			if state := s.text(`SELECT state FROM links WHERE principal_id = $1`, s.Vera.ID); state == "active" {
				t.Errorf("the link is %s", state)
			}
			if s.Count(s.Vera.Email, notify.TrustSuspended)+s.Count(s.Vera.Email, notify.TrustEnded) == 0 {
				t.Error("Vera was not told")
			}
		})
	}
}

// redirectUnless makes a refusal of every redirect but the one that means success.
func redirectUnless(a apptest.Answer, success string) apptest.Answer {
	if a.Status == http.StatusSeeOther && a.Location != success {
		a.Status = http.StatusConflict
	}
	return a
}
