package attacks

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"doverie/internal/apptest"
	"doverie/internal/notify"
	"doverie/internal/recovery"
)

// A scammer has Vera on the phone, reads her first code from her lips and drives the recovery himself.
func TestT01_ScammerDrivesTheRecovery(t *testing.T) {
	s := guarded(t)
	vera := s.signedIn(s.Vera)
	scammer := s.Client().From("91.221.7.8")
	scammer.Want(scammer.Do(http.MethodPost, "/recovery", apptest.Form("identifier", s.Vera.Phone), agent(windowsFirefox)), "/recovery/code")
	scammer.Want(scammer.Post("/recovery/code", "code", s.Code(s.Vera.Phone, notify.RecoveryCode)), "/recovery")
	match := scammer.Match()

	// Vera's own session is alarmed, and never shows the match number: she cannot read it out.
	alarm := vera.Get("/safety/alarm")
	s.shows(alarm, "Firefox")
	if regexp.MustCompile(`class="match-number`).MatchString(alarm.Body + vera.Get("/settings/account").Body) {
		t.Error("the match number shows outside the browser that started the recovery")
	}
	s.shows(vera.Get("/settings/account"), s.T("safety.banner.title"))

	alexey := s.steppedUp(s.Alexey)
	request := alexey.Request()
	// Alexey sees from where and from what it was started.
	facts := alexey.Get(request)
	s.shows(facts, "Firefox")
	s.shows(facts, "91.221.•.•")
	// The check-list is mandatory at the server: no later step exists before the answers.
	for _, step := range []string{"/match", "/confirm", "/code"} {
		page := alexey.Get(request + step)
		s.hides("step "+step+" before the answers", page, `name="code"`, `name="number"`)
		alexey.Want(page, request)
		alexey.Want(alexey.Post(request+step, "code", "123456", "number", match), request)
	}
	if n := s.Count(s.Alexey.Phone, notify.ApprovalCode); n != 0 {
		t.Errorf("%d approval codes were sent before the answers", n)
	}
	// "Somebody is on the line with him": approving is not offered any more.
	alexey.Want(alexey.Post(request+"/questions", apptest.Answers(3)...), request)
	for _, step := range []string{"/questions", "/match", "/confirm", "/code"} {
		alexey.Want(alexey.Post(request+step, append(apptest.Answers(0), "number", match, "code", "123456")...), request+"?why=")
	}
	s.hides("a flagged request", alexey.Get(request), request+"/match", request+"/confirm", request+"/code")
	s.wantState(s.Vera, recovery.Awaiting)
	s.Advance(s.Policy.RecoveryWait)
	s.wantState(s.Vera, recovery.Expired)
	s.password(s.Vera, apptest.Password)
}

// Even where the contact is fooled, nothing dangerous can follow for 72 hours.
func TestT01_HoldAfterADeceivedApproval(t *testing.T) {
	s := guarded(t)
	scammer := s.recovering(s.Vera)
	alexey := s.steppedUp(s.Alexey)
	alexey.Approve(s.Alexey, alexey.Request(), scammer.Match())
	s.finish(scammer, s.Vera)
	vera := s.Client()
	vera.SignIn(s.Vera, apptest.NewPassword)
	s.Advance(pause)
	vera.StepUp(s.Vera, apptest.NewPassword)
	link := s.text(`SELECT id FROM links WHERE principal_id = $1 AND state = 'active'`, s.Vera.ID)
	for _, try := range [][]string{
		{"/settings/safety/trusted-contacts/add", "name", "Мария", "phone", s.Maria.Phone},
		{"/settings/safety/trusted-contacts/" + link + "/remove", "tell", "later"},
		{"/settings/account/email", "email", "thief@example.test"},
		{"/settings/safety/totp", "start", "1"},
	} {
		s.refused("during the hold: "+try[0], vera.Post(try[0], try[1:]...))
	}
	if n := s.count(`SELECT COUNT(id) FROM links WHERE principal_id = $1`, s.Vera.ID); n != 1 {
		t.Errorf("%d links after the hold was tried", n)
	}
}

// Vera is coached to tell stories: what Alexey sees comes from the server's record, not from her or the form.
func TestT02_FactsTheVictimCannotSpin(t *testing.T) {
	s := guarded(t)
	s.DB.Exec(t, `UPDATE accounts SET phone_changed_at = $1 WHERE id = $2`, s.Clock.Now().Add(-time.Hour).UnixMicro(), s.Vera.ID)
	scammer := s.Client().From("91.221.7.8")
	form := apptest.Form("identifier", s.Vera.Phone, "device", "Вера, домашний ноутбук", "area", "Омск, дом", "at", "вчера", "reason", "Я просто забыла")
	scammer.Want(scammer.Do(http.MethodPost, "/recovery", form, agent(windowsFirefox)), "/recovery/code")
	scammer.Want(scammer.Post("/recovery/code", "code", s.Code(s.Vera.Phone, notify.RecoveryCode), "device", "Вера", "area", "Омск"), "/recovery")
	alexey := s.steppedUp(s.Alexey)
	request := alexey.Request()
	page := alexey.Get(request)
	s.shows(page, "Firefox, Windows")
	s.shows(page, "91.221.•.•")
	s.hides("the request", page, "домашний ноутбук", "Омск", "просто забыла")
	s.shows(page, s.T("approvals.change.phone", "At", s.Clock.Now().Add(-time.Hour)))

	// "These are criminals": the no ends the recovery and locks it in the same commit; one tap more freezes the account.
	commits := s.Store.Stats().Commits()
	alexey.Want(alexey.Post(request+"/reject", "reason", "fraud"), request)
	if n := s.Store.Stats().Commits() - commits; n != 1 {
		t.Errorf("the rejection took %d commits", n)
	}
	s.wantState(s.Vera, recovery.Rejected)
	if s.count(`SELECT COUNT(id) FROM accounts WHERE id = $1 AND recovery_locked_until > $2`, s.Vera.ID, s.Clock.Now().UnixMicro()) != 1 {
		t.Error("online recovery is not locked")
	}
	alexey.Want(alexey.Post(request+"/freeze"), request)
	if s.text(`SELECT state FROM accounts WHERE id = $1`, s.Vera.ID) != "frozen" {
		t.Error("the account is not frozen")
	}
}

// Alexey is talked out of his code. It is worthless in every other hand, session and request.
func TestT03_ApprovalCodePhished(t *testing.T) {
	s := guarded(t)
	s.link(s.Maria, s.Alexey) // Alexey guards two
	s.Advance(s.Policy.Settling)
	applicant, other := s.recovering(s.Vera), s.recovering(s.Maria)
	thief, alexey := s.signedIn(s.Alexey), s.steppedUp(s.Alexey) // the same person, two sessions
	var veras, marias string
	for _, id := range requests(alexey) {
		if strings.Contains(alexey.Get(id).Body, "Вера") {
			veras = id
		} else {
			marias = id
		}
	}
	s.atCode(alexey, veras, applicant.Match())
	code := s.Code(s.Alexey.Phone, notify.ApprovalCode)

	alexey.Want(alexey.Post(marias+"/questions", apptest.Answers(0)...), marias)
	alexey.Want(alexey.Post(marias+"/match", "number", other.Match()), marias)
	stranger := s.signedIn(s.Maria)
	for what, try := range map[string]func() apptest.Answer{
		"another request":    func() apptest.Answer { return alexey.Post(marias+"/code", "code", code) },
		"another session":    func() apptest.Answer { return thief.Post(veras+"/code", "code", code) },
		"another person":     func() apptest.Answer { return stranger.Post(veras+"/code", "code", code) },
		"nobody":             func() apptest.Answer { return s.Client().Post(veras+"/code", "code", code) },
		"the applicant":      func() apptest.Answer { return applicant.Post("/recovery/finish", "code", code) },
		"the first code":     func() apptest.Answer { return s.Client().Post("/recovery/code", "code", code) },
		"the sign-in's":      func() apptest.Answer { return s.Client().Post("/sign-in/code", "code", code) },
		"a repeated check's": func() apptest.Answer { return thief.Post("/step-up/code", "code", code) },
	} {
		if a := try(); a.Status == http.StatusOK || a.Location == veras || a.Location == marias {
			t.Errorf("the code opened something for %s: %d %s", what, a.Status, a.Location)
		}
	}
	s.wantState(s.Vera, recovery.Awaiting)
	s.wantState(s.Maria, recovery.Awaiting)
	// Wrong codes in the right place are counted: five, then the code is dead, the right one included.
	for range s.Policy.CodeTries {
		alexey.Post(veras+"/code", "code", wrong(code))
	}
	alexey.Want(alexey.Post(veras+"/code", "code", code), veras+"/confirm")
	s.wantState(s.Vera, recovery.Awaiting)
}

func wrong(code string) string {
	last := code[len(code)-1]
	return code[:len(code)-1] + string('0'+(last-'0'+1)%10)
}

var requestPath = regexp.MustCompile(`href="(/approvals/[0-9a-f-]{36})"`)

// requests are the addresses of the contact's open requests.
func requests(c *apptest.Client) []string {
	var out []string
	for _, m := range requestPath.FindAllStringSubmatch(c.Get("/approvals").Body, -1) {
		out = append(out, m[1])
	}
	return out
}

// The reverse attack of 2017: "I am Vera, read me the code I have sent to you", where the code is really for
// Alexey's own account.
func TestT04_ReverseAttack(t *testing.T) {
	s := guarded(t)
	applicant := s.recovering(s.Vera)
	alexey := s.steppedUp(s.Alexey)
	request := alexey.Request()
	s.atCode(alexey, request, applicant.Match())
	before := s.Count(s.Alexey.Phone, notify.RecoveryCode)
	thief := s.Client()
	free := s.Client()
	start := thief.Post("/recovery", "identifier", s.Alexey.Phone)
	thief.Want(start, "/recovery/code")
	page := thief.Get("/recovery/code")
	s.Settle()
	if n := s.Count(s.Alexey.Phone, notify.RecoveryCode) - before; n != 0 {
		t.Errorf("%d codes for Alexey's own account went out while his approval code lives", n)
	}
	// The thief is told nothing: the same page as for a number that is nobody's.
	free.Want(free.Post("/recovery", "identifier", "+79990000000"), "/recovery/code")
	if a, b := page.Body, free.Get("/recovery/code").Body; a != b {
		t.Error("the page tells that the phone is busy with an approval")
	}
	// And the other way round: while a code that gives his account away lives, no approval code is sent.
	s.Advance(s.Policy.CodeTTL + time.Second)
	second := s.Client()
	second.Want(second.Post("/recovery", "identifier", s.Alexey.Phone), "/recovery/code")
	s.Settle()
	alexey.StepUp(s.Alexey, apptest.Password)
	codes := s.Count(s.Alexey.Phone, notify.ApprovalCode)
	alexey.Post(request + "/confirm")
	if n := s.Count(s.Alexey.Phone, notify.ApprovalCode) - codes; n != 0 {
		t.Error("an approval code went out beside a code that gives Alexey's own account away")
	}
}

// The texts of two purposes never look alike, name their purpose before the code, and never ask to read it out.
func TestT04_EachPurposeHasItsOwnWords(t *testing.T) {
	s := guarded(t)
	applicant := s.recovering(s.Vera)
	alexey := s.steppedUp(s.Alexey)
	alexey.Approve(s.Alexey, alexey.Request(), applicant.Match())
	s.finish(applicant, s.Vera)
	newcomer := s.Client()
	newcomer.Want(newcomer.Post("/register", "family", "Новикова", "given", "Ольга", "phone", "+79161110000", "password", apptest.NewPassword), "/register/code")
	seen := map[string]notify.Kind{}
	for kind, phone := range map[notify.Kind]string{
		notify.SignInCode: s.Alexey.Phone, notify.StepUpCode: s.Alexey.Phone, notify.ApprovalCode: s.Alexey.Phone,
		notify.RecoveryCode: s.Vera.Phone, notify.RecoveryFinishCode: s.Vera.Phone, notify.RegisterCode: "+79161110000",
	} {
		text := s.Newest(phone, kind).Text.Body
		head, _, found := strings.Cut(text, regexp.MustCompile(`\d[\d -]{4,}\d`).FindString(text))
		if !found || len([]rune(strings.TrimSpace(head))) < 10 {
			t.Errorf("%s does not name its purpose before the code: %q", kind, text)
		}
		if !strings.Contains(strings.ToLower(text), "никому") {
			t.Errorf("%s does not warn: %q", kind, text)
		}
		if strings.Contains(text, "http") || strings.Contains(text, ".ru/") {
			t.Errorf("%s has a link: %q", kind, text)
		}
		for _, asks := range []string{"продиктуйте", "сообщите код", "назовите код", "прочитайте код"} {
			if strings.Contains(strings.ToLower(text), asks) {
				t.Errorf("%s asks to read the code out: %q", kind, text)
			}
		}
		if other, twice := seen[head]; twice {
			t.Errorf("%s and %s begin alike: %q", kind, other, head)
		}
		seen[head] = kind
	}
	if len(seen) != len(codeKinds) {
		t.Errorf("%d texts, want %d", len(seen), len(codeKinds))
	}
}

// A perfect imitation of Vera's voice persuades Alexey of everything; it does not know the number on the screen.
func TestT05_VoiceCloneWithoutTheMatchNumber(t *testing.T) {
	s := guarded(t)
	applicant := s.recovering(s.Vera)
	match := applicant.Match()
	alexey := s.steppedUp(s.Alexey)
	request := alexey.Request()
	alexey.Want(alexey.Post(request+"/questions", apptest.Answers(0)...), request)
	for _, path := range []string{"/confirm", "/code"} { // leaving the number out
		alexey.Want(alexey.Post(request+path, "code", "000000"), request+"?why=")
	}
	for _, slip := range []string{"", "7", "777", match + match, "aa"} { // no tries
		if a := alexey.Post(request+"/match", "number", slip); a.Status != http.StatusUnprocessableEntity {
			t.Errorf("the number %q: %d", slip, a.Status)
		}
	}
	bad := wrong(match)
	if a := alexey.Post(request+"/match", "number", bad); a.Status != http.StatusUnprocessableEntity {
		t.Errorf("the first miss: %d to %s", a.Status, a.Location)
	}
	alexey.Want(alexey.Post(request+"/confirm"), request+"?why=")
	alexey.Want(alexey.Post(request+"/match", "number", bad), request)
	s.wantState(s.Vera, recovery.Rejected)
	alexey.Want(alexey.Post(request+"/match", "number", match), request+"?why=")
	if n := s.Count(s.Alexey.Phone, notify.ApprovalCode); n != 0 {
		t.Errorf("%d codes were sent", n)
	}
	if s.Count(s.Vera.Phone, notify.RecoveryRejected) != 1 {
		t.Error("Vera was not told of the rejection")
	}
}

// T06: the thief has Vera's number on a SIM of his own: for three days the phone alone proves nothing.
func TestT06_SIMSwapOfThePrincipal(t *testing.T) {
	for _, contacts := range []bool{true, false} {
		s := begin(t)
		if contacts {
			s.link(s.Vera, s.Alexey)
		}
		s.Advance(s.Policy.Settling)
		s.DB.Exec(t, `UPDATE accounts SET sim_changed_at = $1 WHERE id = $2`, s.Clock.Now().UnixMicro(), s.Vera.ID)
		thief := s.Client()
		thief.Want(thief.Post("/recovery", "identifier", s.Vera.Phone), "/recovery/code")
		for _, guess := range []string{"", "112-233-445 95", s.Alexey.SNILS} {
			if a := thief.Post("/recovery/code", "code", s.Code(s.Vera.Phone, notify.RecoveryCode), "snils", guess); a.Status != http.StatusUnprocessableEntity {
				t.Errorf("the phone alone was enough: %d %s", a.Status, a.Location)
			}
		}
		s.wantState(s.Vera, recovery.Proving)
		thief.Want(thief.Get("/recovery/password"), "/recovery/code")
		// Vera herself, with her new SIM and her SNILS, goes on; her contact is shown the change.
		thief.Want(thief.Post("/recovery/code", "code", s.Code(s.Vera.Phone, notify.RecoveryCode), "snils", s.Vera.SNILS), "/recovery")
		if !contacts {
			continue
		}
		alexey := s.signedIn(s.Alexey)
		s.shows(alexey.Get(alexey.Request()), s.T("approvals.change.sim"))
		s.Advance(s.Policy.SimChangeQuiet)
		s.recovering(s.Vera) // three days later the phone is hers again
		s.wantState(s.Vera, recovery.Awaiting)
	}
}
