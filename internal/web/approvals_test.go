package web_test

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/policy"
	"doverie/internal/trust"
)

// decisions answers for trust.Decisions: the request it was given, and one error for every act.
type decisions struct {
	q     trust.Request
	err   error
	calls []string
}

func (d *decisions) did(words ...string) error {
	d.calls = append(d.calls, strings.Join(words, " "))
	return d.err
}

// turn refuses who is not asked, and what is not its turn, as the service does.
func (d *decisions) turn(who, id string, its trust.ApprovalState, words ...string) error {
	switch {
	case who != "me" || id != d.q.Approval.ID:
		return fault.New(fault.NotFound, "fault.not_found", nil)
	case d.q.Approval.State != its || !d.q.Decidable || !d.q.Now.Before(d.q.Approval.ExpiresAt):
		return fault.New(fault.Conflict, "fault.approval.over", nil)
	}
	return d.did(words...)
}

func (d *decisions) Request(_ context.Context, contact, id string) (trust.Request, error) {
	if contact != "me" || id != d.q.Approval.ID {
		return trust.Request{}, fault.New(fault.NotFound, "fault.not_found", nil)
	}
	return d.q, nil
}

func (d *decisions) Answer(_ context.Context, _ effect.Act, who, id string, answers [trust.Questions]trust.Answer) error {
	words := []string{"answer", who, id}
	for _, a := range answers {
		words = append(words, string(a))
	}
	return d.turn(who, id, trust.Asked, words...)
}

func (d *decisions) TypeMatch(_ context.Context, _ effect.Act, who, id, typed string) error {
	return d.turn(who, id, trust.Checked, "match", who, id, typed)
}

func (d *decisions) SendCode(_ context.Context, _ effect.Act, who, session, id string) error {
	return d.turn(who, id, trust.Matched, "send", who, session, id)
}

func (d *decisions) Approve(_ context.Context, _ effect.Act, who, session, id, typed string) error {
	return d.turn(who, id, trust.Matched, "approve", who, session, id, typed)
}

func (d *decisions) Reject(_ context.Context, _ effect.Act, who, id string, why trust.RejectReason) error {
	return d.did("reject", who, id, string(why))
}

type freezer struct {
	offered bool
	err     error
	calls   []string
}

func (f *freezer) FreezeOffered(trust.Request) bool { return f.offered }
func (f *freezer) FreezeForPrincipal(_ context.Context, _ effect.Act, who, id string) error {
	f.calls = append(f.calls, who+" "+id)
	return f.err
}

func kinds() []trust.ActionKind {
	return []trust.ActionKind{
		trust.ActionRecovery, trust.ActionUnfreeze, trust.ActionChangePhone, trust.ActionRemoveFactor,
		trust.ActionRemoveContact, trust.ActionSignIn, trust.ActionRehearsal,
	}
}

// request is one request in the state, twenty minutes old, with nearly twelve hours to go.
func request(state trust.ApprovalState, kind trust.ActionKind) trust.Request {
	q := trust.Request{
		Now: now, Decidable: true, OwnPhone: "+79161234567",
		Approval: trust.Approval{
			ID: "a1", Action: kind, Contact: "me", State: state, AskedAt: now.Add(-20 * time.Minute), ExpiresAt: now.Add(11*time.Hour + 40*time.Minute),
		},
		Principal:  trust.Facts{Given: "Вера", Patronymic: "Петровна"},
		Beginning:  trust.Beginning{At: now.Add(-20 * time.Minute), Device: "Chrome, Android", Area: "91.221.0.0/16"},
		Protection: trust.Protection{Quorum: 1, Attempts: 1},
	}
	if state == trust.Flagged {
		q.Approval.Answers = [trust.Questions]trust.Answer{trust.No, trust.Unsure, trust.No, trust.Unsure, trust.No}
	}
	return q
}

func everyApproval() []trust.ApprovalView {
	var out []trust.ApprovalView
	for i, state := range trust.ApprovalStates()[1:] {
		kind := kinds()[i%len(kinds())]
		out = append(out, trust.ApprovalView{
			ID: string(state), Action: kind, State: state, Principal: vera, AskedAt: now.Add(-time.Hour), ExpiresAt: now.Add(11 * time.Hour),
			Open: state == trust.Asked || state == trust.Checked || state == trust.Matched || state == trust.Flagged,
		})
	}
	return append(out, trust.ApprovalView{ID: "r", Action: trust.ActionRehearsal, State: trust.Asked, Principal: vera, ExpiresAt: now.Add(time.Hour), Open: true})
}

func TestApprovalsList(t *testing.T) {
	c := open(t)
	c.looks("approvals-empty", "/approvals", nil, http.StatusOK)
	c.lists.approvals = everyApproval()
	html := c.looks("approvals-list", "/approvals", nil, http.StatusOK)
	if strings.Count(html, "notice danger") != 3 || !strings.Contains(html, "notice warning") || !strings.Contains(html, "Вы отказали") {
		t.Error("open requests must be loud, a flagged one quieter, decided ones in the list below")
	}
	c.lists.approvals = c.lists.approvals[5:7]
	c.looks("approvals-past", "/approvals", nil, http.StatusOK)
}

// TestEveryStepOfEveryKind renders every page of a request for every guarded action: no text is missing, every
// page of a rehearsal is marked, and the field for the code is on one page only.
func TestEveryStepOfEveryKind(t *testing.T) {
	c := open(t)
	until := strconv.FormatInt(now.Add(5*time.Minute).Unix(), 10)
	for _, kind := range kinds() {
		for _, one := range []struct {
			page  string
			state trust.ApprovalState
		}{
			{"", trust.Asked}, {"", trust.Checked}, {"", trust.Matched}, {"", trust.Flagged}, {"", trust.Approved}, {"", trust.Rejected}, {"", trust.Closed},
			{"/questions", trust.Asked}, {"/match", trust.Checked}, {"/confirm", trust.Matched}, {"/code", trust.Matched},
			{"/wait", trust.Asked}, {"/reject", trust.Flagged}, {"/reject", trust.Approved},
		} {
			c.says.q = request(one.state, kind)
			name := strings.ReplaceAll("approvals-"+string(kind)+one.page+"-"+string(one.state), "/", "-")
			html := c.looks(name, "/approvals/a1"+one.page, nil, http.StatusOK, "__Host-approval-code=a1."+until)
			if marked := strings.Contains(html, "Это тренировка. Она ничего не меняет"); marked != (kind == trust.ActionRehearsal) {
				t.Errorf("%s: marked as a rehearsal: %v", name, marked)
			}
			if field := strings.Contains(html, "one-time-code"); field != (one.page == "/code") {
				t.Errorf("%s: a field for a code: %v", name, field)
			}
			if strings.Contains(html, "checked>") || strings.Contains(html, " checked ") {
				t.Errorf("%s: an answer is chosen beforehand", name)
			}
			if strings.Contains(html, "79161234567") {
				t.Errorf("%s: a whole phone number is shown", name)
			}
		}
	}
}

func TestTheRequestOpensWithTheSentenceThatDecides(t *testing.T) {
	c := open(t)
	q := request(trust.Asked, trust.ActionRecovery)
	q.Approval.SecondAsked = true
	q.Attempts, q.PhoneChangedAt, q.PasswordChangedAt = 3, now.Add(-2*time.Hour), now.Add(-10*24*time.Hour)
	q.FactorChangedAt, q.ContactChangedAt, q.RecoveredAt = now.Add(-30*time.Second), now.Add(-50*time.Hour), now.Add(-31*24*time.Hour)
	q.Principal.SimChangedAt, q.FrozenAt = now.Add(-5*time.Minute), now.Add(-time.Hour)
	c.says.q = q
	html := c.looks("approvals-alarm", "/approvals/a1", nil, http.StatusOK)
	order := []string{
		"Позвоните Вере Петровне сами. Не отвечайте на входящий звонок.", "Появилось второе устройство", "Chrome, Android", "91.221.•.•",
		"3 попытки", "Сменили СИМ-карту", "5 минут назад", "Сменили номер телефона", "2 часа назад", "Сменили пароль", "10 дней назад",
		"Сменили второй способ", "Только что", "Менялись контакты", "2 дня назад", "Разговор был", "Подождать", "Отказать",
	}
	at := 0
	for _, want := range order {
		i := strings.Index(html[at:], want)
		if i < 0 {
			t.Fatalf("%q is missing or stands too early", want)
		}
		at += i
	}
	if strings.Contains(html, "Восстановили доступ") {
		t.Error("a change of more than a month ago is noise")
	}
	for area, want := range map[string]string{"": "Сеть неизвестна", "127.0.0.0/16": "Тот же компьютер", "10.1.0.0/16": "Внутренняя сеть", "2a02:6b8::/32": "2a02:6b8:•"} {
		c.says.q.Beginning.Area, c.says.q.Beginning.Device = area, ""
		if html := c.looks("approvals-area", "/approvals/a1", nil, http.StatusOK); !strings.Contains(html, want) || !strings.Contains(html, "Неизвестное устройство") {
			t.Errorf("%q: no %q", area, want)
		}
	}
}

func TestWhoCannotApproveIsToldWhyAndMayReject(t *testing.T) {
	c := open(t)
	c.says.q = request(trust.Asked, trust.ActionRecovery)
	c.says.q.Unable, c.says.q.AbleFrom = []trust.Reason{trust.Settling, trust.RecentChange}, now.Add(2*time.Hour)
	html := c.looks("approvals-unable", "/approvals/a1", nil, http.StatusOK)
	if strings.Contains(html, "/questions") || !strings.Contains(html, "Вы сможете подтвердить с 21 ноября, 21:05") || !strings.Contains(html, "/approvals/a1/reject") {
		t.Error("no questions, but the reasons, the time and the way to say no")
	}
	c.leads(c.ask("/approvals/a1/questions", nil), "/approvals/a1?why=moved")
	c.says.q.AbleFrom = now.Add(24 * time.Hour) // after the request has lapsed
	if html := c.looks("approvals-unable-late", "/approvals/a1", nil, http.StatusOK); strings.Contains(html, "Вы сможете подтвердить") {
		t.Error("a time after the end of the request helps nobody")
	}
}

// TestForcedBrowsing asks for every step in every state: only the step whose turn it is opens (T29).
func TestForcedBrowsing(t *testing.T) {
	c := open(t)
	turn := map[string]trust.ApprovalState{"/questions": trust.Asked, "/match": trust.Checked, "/confirm": trust.Matched, "/code": trust.Matched}
	forms := map[string]url.Values{
		"/questions": {"q1": {"yes"}, "q2": {"yes"}, "q3": {"yes"}, "q4": {"yes"}, "q5": {"yes"}}, "/match": {"number": {"47"}}, "/confirm": {}, "/code": {"code": {"123456"}},
	}
	for _, state := range trust.ApprovalStates()[1:] {
		for step, its := range turn {
			c.says.q = request(state, trust.ActionRecovery)
			for _, over := range []bool{false, true} {
				if over {
					c.says.q.Approval.ExpiresAt = now
				} else if state == its {
					continue
				}
				c.leads(c.ask("/approvals/a1"+step, nil), "/approvals/a1?why=moved")
				c.leads(c.ask("/approvals/a1"+step, forms[step]), "/approvals/a1?why=moved")
			}
		}
	}
	if len(c.says.calls) != 0 {
		t.Errorf("something was done: %v", c.says.calls)
	}
	c.says.q = request(trust.Asked, trust.ActionRecovery)
	if w := c.ask("/approvals/another/questions", forms["/questions"]); w.Code != http.StatusNotFound {
		t.Errorf("another's request: status %d", w.Code)
	}
	c.looks("approvals-moved", "/approvals/a1?why=moved", nil, http.StatusOK)
}

func TestQuestions(t *testing.T) {
	c := open(t)
	c.says.q = request(trust.Asked, trust.ActionRecovery)
	html := c.looks("approvals-questions-half", "/approvals/a1/questions", url.Values{"q1": {"yes"}, "q3": {"maybe"}, "q5": {"no"}}, http.StatusUnprocessableEntity)
	if strings.Count(html, " checked") != 2 || strings.Count(html, `href="#q`) != 3 || len(c.says.calls) != 0 {
		t.Error("what was answered is kept, every missing answer is named, and nothing is sent")
	}
	yes := url.Values{"q1": {"yes"}, "q2": {"yes"}, "q3": {"yes"}, "q4": {"yes"}, "q5": {"yes"}}
	c.leads(c.ask("/approvals/a1/questions", yes), "/approvals/a1/match")
	yes["q4"] = []string{"unsure"}
	c.leads(c.ask("/approvals/a1/questions", yes), "/approvals/a1")
	if got := strings.Join(c.says.calls, ";"); got != "answer me a1 yes yes yes yes yes;answer me a1 yes yes yes unsure yes" {
		t.Errorf("asked %q", got)
	}
	c.says.err = fault.New(fault.Conflict, "fault.approval.over", nil)
	c.leads(c.ask("/approvals/a1/questions", yes), "/approvals/a1?why=moved")
}

func TestMatchNumber(t *testing.T) {
	c := open(t)
	c.says.q = request(trust.Checked, trust.ActionRecovery)
	for _, typed := range []string{"", "4", "475", "ab", "4a7"} {
		c.looks("approvals-match-digits", "/approvals/a1/match", url.Values{"number": {typed}}, http.StatusUnprocessableEntity)
	}
	if len(c.says.calls) != 0 {
		t.Error("a slip of the finger must not cost a try")
	}
	c.leads(c.ask("/approvals/a1/match", url.Values{"number": {" 4 7 "}}), "/approvals/a1/confirm")
	c.says.err = fault.New(fault.Refused, "fault.approval.mismatch", fault.Args{"Left": 1})
	if html := c.looks("approvals-match-wrong", "/approvals/a1/match", url.Values{"number": {"48"}}, http.StatusUnprocessableEntity); !strings.Contains(html, "Осталось попыток: 1") {
		t.Error("the page must say how many tries are left")
	}
	c.says.err = fault.New(fault.Refused, "fault.approval.mismatch_rejected", nil)
	c.leads(c.ask("/approvals/a1/match", url.Values{"number": {"48"}}), "/approvals/a1")
}

func TestCode(t *testing.T) {
	c := open(t)
	c.says.q = request(trust.Matched, trust.ActionRecovery)
	c.leads(c.ask("/approvals/a1/code", nil), "/approvals/a1/confirm") // no code was sent yet
	w := c.ask("/approvals/a1/confirm", url.Values{})
	c.leads(w, "/approvals/a1/code")
	cookie, _, _ := strings.Cut(w.Header().Get("Set-Cookie"), ";")
	if html := c.looks("approvals-code", "/approvals/a1/code", nil, http.StatusOK, cookie); !strings.Contains(html, "5 минут") || !strings.Contains(html, "•••-45-67") {
		t.Error("the page must say where the code went and how long it lives")
	}
	c.leads(c.ask("/approvals/a1/code", nil, strings.Replace(cookie, "a1.", "a2.", 1)), "/approvals/a1/confirm")
	c.says.calls = nil
	c.looks("approvals-code-empty", "/approvals/a1/code", url.Values{"code": {" "}}, http.StatusUnprocessableEntity, cookie)
	if len(c.says.calls) != 0 {
		t.Error("an empty field is no try")
	}
	c.leads(c.ask("/approvals/a1/code", url.Values{"code": {"123456"}}, cookie), "/approvals/a1")
	if got := strings.Join(c.says.calls, ";"); got != "approve me s1 a1 123456" {
		t.Errorf("asked %q", got)
	}
	c.says.err = fault.New(fault.Refused, "fault.code.wrong", fault.Args{"Left": 4})
	c.looks("approvals-code-wrong", "/approvals/a1/code", url.Values{"code": {"1"}}, http.StatusUnprocessableEntity, cookie)
	c.says.err = fault.New(fault.Refused, "fault.code.dead", nil)
	c.leads(c.ask("/approvals/a1/code", url.Values{"code": {"1"}}, cookie), "/approvals/a1/confirm?why=code_over")
	c.looks("approvals-confirm-again", "/approvals/a1/confirm?why=code_over", nil, http.StatusOK)
	c.says.err = trust.NotEligible([]trust.Reason{trust.SimChanged})
	c.leads(c.ask("/approvals/a1/code", url.Values{"code": {"1"}}, cookie), "/approvals/a1?why=unable")
	c.leads(c.ask("/approvals/a1/confirm", url.Values{}), "/approvals/a1?why=unable")
	c.says.err = fault.New(fault.Limited, "fault.code.too_soon", fault.Args{"After": 40 * time.Second})
	c.leads(c.ask("/approvals/a1/confirm", url.Values{}, cookie), "/approvals/a1/code?why=code_soon")
	c.looks("approvals-code-soon", "/approvals/a1/code?why=code_soon", nil, http.StatusOK, cookie)
	c.looks("approvals-confirm-soon", "/approvals/a1/confirm", url.Values{}, http.StatusUnprocessableEntity)
	c.says.err = fault.New(fault.Refused, "fault.code.other_live", nil)
	c.looks("approvals-confirm-other", "/approvals/a1/confirm", url.Values{}, http.StatusUnprocessableEntity)
}

func TestRejectAndFreeze(t *testing.T) {
	c := open(t)
	c.says.q = request(trust.Asked, trust.ActionRecovery)
	for _, reason := range []string{"", "mismatch", "because"} {
		c.looks("approvals-reject-nothing", "/approvals/a1/reject", url.Values{"reason": {reason}}, http.StatusUnprocessableEntity)
	}
	if len(c.says.calls) != 0 {
		t.Error("a no needs one of the three reasons")
	}
	for _, state := range []trust.ApprovalState{trust.Asked, trust.Checked, trust.Matched, trust.Flagged, trust.Approved} {
		c.says.q = request(state, trust.ActionRecovery)
		c.leads(c.ask("/approvals/a1/reject", url.Values{"reason": {"fraud"}}), "/approvals/a1")
	}
	if len(c.says.calls) != 5 || c.says.calls[0] != "reject me a1 fraud" {
		t.Errorf("asked %v", c.says.calls)
	}
	c.says.q.Decidable = false // completed meanwhile: a yes can no longer be taken back
	c.leads(c.ask("/approvals/a1/reject", nil), "/approvals/a1?why=moved")
	if html := c.looks("approvals-approved-over", "/approvals/a1", nil, http.StatusOK); strings.Contains(html, "/reject") {
		t.Error("nothing is left to take back")
	}

	c.says.q = request(trust.Rejected, trust.ActionRecovery)
	for _, reason := range []trust.RejectReason{trust.ReasonFraud, trust.ReasonUnreachable, trust.ReasonOther, trust.ReasonMismatch} {
		c.says.q.Approval.Reason, c.freezer.offered = string(reason), reason == trust.ReasonFraud
		html := c.looks("approvals-rejected-"+string(reason), "/approvals/a1", nil, http.StatusOK)
		if strings.Contains(html, "/approvals/a1/freeze") != c.freezer.offered {
			t.Errorf("%s: freeze offered wrongly", reason)
		}
	}
	c.freezer.offered = true
	c.looks("approvals-freeze", "/approvals/a1/freeze", nil, http.StatusOK)
	c.leads(c.ask("/approvals/a1/freeze", url.Values{}), "/approvals/a1?why=frozen")
	if strings.Join(c.freezer.calls, ";") != "me a1" {
		t.Errorf("asked %v", c.freezer.calls)
	}
	c.freezer.offered, c.says.q.FrozenAt = false, now
	c.looks("approvals-frozen", "/approvals/a1?why=frozen", nil, http.StatusOK)
	c.looks("approvals-freeze-refused", "/approvals/a1/freeze", nil, http.StatusForbidden)
	c.freezer.err = fault.New(fault.Refused, "fault.freeze.not_offered", nil)
	c.looks("approvals-freeze-refused", "/approvals/a1/freeze", url.Values{}, http.StatusForbidden)
}

func TestEveryEndOfARequest(t *testing.T) {
	c := open(t)
	for _, reason := range []string{"expired", "disowned", "superseded", "decided", "frozen", "contact_left", trust.ReasonLinkOver, "cancelled", "recovered", "thawed"} {
		c.says.q = request(trust.Closed, trust.ActionRecovery)
		c.says.q.Approval.Reason = reason
		html := c.looks("approvals-closed-"+reason, "/approvals/a1", nil, http.StatusOK)
		if strings.Contains(html, "Chrome, Android") || strings.Contains(html, "91.221") {
			t.Errorf("%s: a closed request shows facts of the account", reason)
		}
	}
	c.says.q = request(trust.Asked, trust.ActionRecovery)
	c.says.q.Approval.ExpiresAt = now // the timer has not come yet
	c.looks("approvals-lapsed", "/approvals/a1", nil, http.StatusOK)
	c.leads(c.ask("/approvals/a1/wait", nil), "/approvals/a1?why=moved")
	c.says.q = request(trust.Approved, trust.ActionRecovery)
	c.says.q.Quorum = 2
	if html := c.looks("approvals-approved-two", "/approvals/a1", nil, http.StatusOK); !strings.Contains(html, "ещё одного контакта") {
		t.Error("with a quorum of two one yes is not the end")
	}
	if p := policy.Default(); !strings.Contains(c.looks("approvals-stop", "/approvals/a1/reject", nil, http.StatusOK), "24 часа") || p.RecoveryLock != 24*time.Hour {
		t.Error("the page must name the policy's own time")
	}
}
