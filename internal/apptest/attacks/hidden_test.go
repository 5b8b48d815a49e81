package attacks

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"doverie/internal/apptest"
	"doverie/internal/notify"
	"doverie/internal/recovery"
)

// T16, ADR 0005: while a contact is at his last step, nothing else may be sent to his phone. A stranger who registers
// with that number, or wants it for his own account, must not learn of it: it is the very minute to ring him up.
func TestT16_NobodyLearnsThatAContactApproves(t *testing.T) {
	s := guarded(t)
	register := func(c *apptest.Client, phone string) apptest.Answer {
		return c.Post("/register", "family", "Чужой", "given", "Олег", "phone", phone, "password", apptest.NewPassword)
	}
	const nobodys = "+79161110099"
	applicant := s.recovering(s.Vera)
	thief := s.steppedUp(s.Maria)
	thief.Want(thief.Post("/settings/account/phone", "phone", s.Alexey.Phone), "/settings/account/phone/change")
	alexey := s.steppedUp(s.Alexey)
	request := alexey.Request()
	s.atCode(alexey, request, applicant.Match())
	sent := s.sent(s.Alexey.Phone)

	stranger, free := s.Client(), s.Client()
	if a, b := register(stranger, s.Alexey.Phone), register(free, nobodys); a.Status != b.Status || a.Location != b.Location {
		t.Errorf("a registration tells that an approval is under way: %d %s, elsewhere %d %s", a.Status, a.Location, b.Status, b.Location)
	}
	s.Settle()
	s.Advance(time.Second)
	same := func(body, phone string) string {
		for _, one := range []string{phone[2:5], phone[5:8], phone[8:10], phone[10:12]} {
			body = strings.ReplaceAll(body, one, "#")
		}
		return body
	}
	a, b := same(stranger.Get("/register/code").Body, s.Alexey.Phone), same(free.Get("/register/code").Body, nobodys)
	for _, word := range []string{s.T("delivery.late"), s.T("delivery.failed")} {
		if word != "" && strings.Contains(a, word) && !strings.Contains(b, word) {
			t.Errorf("the page says %q", word)
		}
	}
	if got := thief.Post("/settings/account/phone/change/code"); got.Status != http.StatusSeeOther {
		t.Errorf("a change of phone tells that an approval is under way: %d %s", got.Status, got.Location)
	}
	s.Settle()
	if n := s.sent(s.Alexey.Phone) - sent; n != 0 {
		t.Errorf("%d messages went to the contact's phone beside his code", n)
	}
	// What was muted is no guess at all, and his own code still works.
	for i := range 3 {
		s.refused("a guess", stranger.Post("/register/code", "code", fmt.Sprintf("%06d", i)))
	}
	alexey.Want(alexey.Post(request+"/code", "code", s.Code(s.Alexey.Phone, notify.ApprovalCode)), request)
	s.wantState(s.Vera, recovery.Approved)
}

// T21: one start and a code sent again and again is one network area's way to use up the day of the owner's phone.
func TestT21_ResendsAreCountedForTheArea(t *testing.T) {
	s := guarded(t)
	thief := s.Client().From("10.7.0.1")
	thief.Want(thief.Post("/recovery", "identifier", s.Vera.Phone), "/recovery/code")
	for range 10 {
		s.Advance(s.Policy.CodeResend)
		thief.Want(thief.Post("/recovery/code/resend"), "/recovery/code")
	}
	s.Settle()
	if n := s.Count(s.Vera.Phone, notify.RecoveryCode); n != s.Policy.RecoveryCodesHere {
		t.Errorf("one area made %d codes go out, want %d", n, s.Policy.RecoveryCodesHere)
	}
	// By whose share it is counted lies sealed in the applicant's cookie, and says nothing to him, not even by its length.
	nobodys := s.Client().From("10.7.0.1")
	nobodys.Want(nobodys.Post("/recovery", "identifier", "+79990000000"), "/recovery/code")
	if a, b := thief.Cookies()["recovery"], nobodys.Cookies()["recovery"]; a == "" || len(a) != len(b) {
		t.Errorf("the cookie of somebody's recovery has %d signs, of nobody's %d", len(a), len(b))
	}
	honest := s.Client().From("95.31.1.1")
	honest.Want(honest.Post("/recovery", "identifier", s.Vera.Phone), "/recovery/code")
	honest.Want(honest.Post("/recovery/code", "code", s.Code(s.Vera.Phone, notify.RecoveryCode)), "/recovery")
	s.wantState(s.Vera, recovery.Awaiting)
}
