package attacks

import (
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"doverie/internal/app"
	"doverie/internal/apptest"
	"doverie/internal/effect"
	"doverie/internal/notify"
	"doverie/internal/notify/httpsms"
	"doverie/internal/numbers"
	"doverie/internal/policy"
	"doverie/internal/recovery"
)

var pumped = flag.Int("pumped", 1000, "numbers that an attacker asks codes for (T18)")

// operator is the provider that tells what happened to numbers, over HTTP.
type operator struct {
	mu    sync.Mutex
	says  map[string]numbers.Report
	asked map[string]int
}

func (o *operator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var question struct{ Phone string }
	if err := json.NewDecoder(r.Body).Decode(&question); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.asked[question.Phone]++
	answer := map[string]string{}
	if at := o.says[question.Phone].SIMChangedAt; !at.IsZero() {
		answer["sim_changed_at"] = at.Format(time.RFC3339)
	}
	if at := o.says[question.Phone].ReassignedAt; !at.IsZero() {
		answer["reassigned_at"] = at.Format(time.RFC3339)
	}
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		w.WriteHeader(http.StatusInternalServerError)
	}
}

func (o *operator) report(phone string, r numbers.Report) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.says[phone] = r
}

// withOperator opens the scene with a provider, Alexey guarding Vera, settled.
func withOperator(t *testing.T) (*scene, *operator) {
	t.Helper()
	o := &operator{says: map[string]numbers.Report{}, asked: map[string]int{}}
	server := httptest.NewServer(o)
	t.Cleanup(server.Close)
	provider, err := numbers.New(numbers.Config{URL: server.URL, Now: func() time.Time { return time.Now().AddDate(10, 0, 0) }})
	if err != nil {
		t.Fatal(err)
	}
	s := on(t, "sqlite", apptest.Options{Numbers: provider})
	s.link(s.Vera, s.Alexey)
	s.Advance(s.Policy.Settling)
	return s, o
}

// T06: the provider is asked before the code goes out. A new SIM: the phone alone proves nothing, and Vera hears of it
// where the thief does not read.
func TestT06_TheProviderReportsASIMSwap(t *testing.T) {
	s, o := withOperator(t)
	o.report(s.Vera.Phone, numbers.Report{SIMChangedAt: s.Clock.Now().Add(-time.Hour)})
	thief := s.Client()
	thief.Want(thief.Post("/recovery", "identifier", s.Vera.Phone), "/recovery/code")
	code := s.Code(s.Vera.Phone, notify.RecoveryCode)
	if o.asked[s.Vera.Phone] == 0 {
		t.Fatal("nobody asked the provider")
	}
	if a := thief.Post("/recovery/code", "code", code); a.Status != http.StatusUnprocessableEntity {
		t.Errorf("the phone alone was enough: %d %s", a.Status, a.Location)
	}
	s.wantState(s.Vera, recovery.Proving)
	if s.Count(s.Vera.Email, notify.AccountSIMChanged) != 1 || s.Count(s.Vera.Phone, notify.AccountSIMChanged) != 0 {
		t.Error("Vera is told once, by e-mail, and not on the phone that the thief holds")
	}
	if n := s.count(`SELECT COUNT(*) FROM events WHERE kind = 'account.sim_changed'`); n != 1 {
		t.Errorf("%d events", n)
	}
	// The same report again changes nothing more.
	s.Advance(pause)
	thief.Post("/recovery/code/resend")
	s.Settle()
	if s.Count(s.Vera.Email, notify.AccountSIMChanged) != 1 || s.count(`SELECT COUNT(*) FROM events WHERE kind = 'account.sim_changed'`) != 1 {
		t.Error("one change was told twice")
	}
	s.intact()
}

// T07: the contact's SIM was changed. His code is not given to whoever holds the new SIM, and he cannot approve.
func TestT07_SIMSwapOfTheContact(t *testing.T) {
	s, o := withOperator(t)
	applicant, thief := s.recovering(s.Vera), s.steppedUp(s.Alexey)
	request := thief.Request()
	o.report(s.Alexey.Phone, numbers.Report{SIMChangedAt: s.Clock.Now()})
	s.atCode(thief, request, applicant.Match())
	if n := s.Count(s.Alexey.Phone, notify.ApprovalCode); n != 0 {
		t.Errorf("%d codes went to the new SIM", n)
	}
	if a := thief.Get(request + "/code"); a.Status == http.StatusOK {
		t.Errorf("he is still asked for the code: %s", apptest.Words(a.Body))
	}
	for n := range 3 {
		s.refused("the approval", redirectUnless(thief.Post(request+"/code", "code", fmt.Sprintf("%06d", n)), request))
	}
	s.wantState(s.Vera, recovery.Awaiting)
	if s.Count(s.Alexey.Email, notify.AccountSIMChanged) != 1 {
		t.Error("Alexey was not told")
	}
	s.Advance(s.Policy.SimChangeQuiet) // three days later he guards and approves again
	later := s.recovering(s.Vera)
	alexey := s.steppedUp(s.Alexey)
	alexey.Approve(s.Alexey, alexey.Request(), later.Match())
	s.wantState(s.Vera, recovery.Approved)
}

// T08: a number has a new owner. Nothing that opens the account goes there, the link is suspended, and both old owners
// are told by other ways. The same by an import, and by a year of silence.
func TestT08_ReassignedNumber(t *testing.T) {
	suspended := func(t *testing.T, s *scene) {
		t.Helper()
		s.Advance(s.Policy.LinkReview)
		if state := s.text(`SELECT state FROM links WHERE principal_id = $1`, s.Vera.ID); state != "suspended" {
			t.Errorf("the link is %s", state)
		}
		if s.Count(s.Vera.Email, notify.TrustSuspended) != 1 {
			t.Error("Vera was not told")
		}
	}
	t.Run("the principal's, by the provider", func(t *testing.T) {
		s, o := withOperator(t)
		o.report(s.Vera.Phone, numbers.Report{ReassignedAt: s.Clock.Now()})
		s.Client().Post("/recovery", "identifier", s.Vera.Phone)
		s.Settle()
		if n := s.Count(s.Vera.Phone, notify.RecoveryCode); n != 0 {
			t.Errorf("%d codes went to the new owner of the number", n)
		}
		if s.Count(s.Vera.Email, notify.AccountReassigned) != 1 {
			t.Error("Vera was not told")
		}
		// The way by e-mail and SNILS is open to her.
		vera := s.Client()
		vera.Want(vera.Post("/recovery", "identifier", s.Vera.SNILS), "/recovery/code")
		vera.Want(vera.Post("/recovery/code", "code", s.Code(s.Vera.Email, notify.RecoveryCode), "snils", s.Vera.SNILS), "/recovery")
		s.wantState(s.Vera, recovery.Awaiting)
	})
	t.Run("the contact's, by an import", func(t *testing.T) {
		s := guarded(t)
		news, err := s.Accounts.NumberReported(t.Context(), effect.Act{Actor: effect.System}, s.Alexey.Phone, time.Time{}, s.Clock.Now())
		if err != nil || news == "" {
			t.Fatalf("the report: %q, %v", news, err)
		}
		suspended(t, s)
		if s.Count(s.Alexey.Email, notify.AccountReassigned) != 1 {
			t.Error("Alexey was not told")
		}
	})
	t.Run("what was reported before the owner confirmed it", func(t *testing.T) {
		s := guarded(t)
		news, err := s.Accounts.NumberReported(t.Context(), effect.Act{Actor: effect.System}, s.Alexey.Phone, time.Time{}, s.Alexey.PhoneVerifiedAt.Add(-time.Hour))
		if err != nil || news != "" {
			t.Errorf("an old report took the number away: %q, %v", news, err)
		}
	})
	t.Run("a year of silence", func(t *testing.T) {
		s := guarded(t)
		s.Advance(s.Policy.PhoneFresh)
		suspended(t, s)
	})
}

// T17: somebody sends invitations for the sake of the SMS. Few go out, none to who cannot accept, and a block stays unseen.
func TestT17_InvitationSpam(t *testing.T) {
	s := begin(t)
	sender := s.steppedUp(s.Vera)
	tried := 0
	invite := func(name, phone string) apptest.Answer {
		if tried++; tried%4 == 0 { // the repeated check lives for five minutes
			sender.StepUp(s.Vera, apptest.Password)
		}
		answer := sender.Post(contactsHome+"/add", "name", name, "phone", phone)
		s.Advance(pause) // whoever is meant is told a little later
		return answer
	}
	withdraw := func() {
		for _, id := range s.texts(`SELECT id FROM links WHERE principal_id = $1 AND state = 'invited'`, s.Vera.ID) {
			sender.Post(contactsHome + "/" + id + "/withdraw")
		}
	}
	for n := range 6 {
		invite(s.Alexey.Given, s.Alexey.Phone)
		withdraw()
		if got, most := s.Count(s.Alexey.Phone, notify.TrustInvited), s.Policy.InvitationsPhoneWeek; got > most {
			t.Fatalf("after %d invitations %d SMS came to one phone, at most %d may", n+1, got, most)
		}
	}
	if s.Count(s.Alexey.Phone, notify.TrustInvited) == 0 {
		t.Error("not even the first invitation came: nothing is proved")
	}
	// Somebody whose account is nobody's yet gets no SMS at all.
	before := s.count(`SELECT COUNT(*) FROM outbox WHERE channel = 'sms' AND kind = 'trust.invited'`)
	for n := range 10 {
		invite("Пётр", fmt.Sprintf("+7916555%04d", n))
		withdraw()
		if got := s.sent(fmt.Sprintf("+7916555%04d", n)); got != 0 {
			t.Errorf("an SMS went to a number without an account")
		}
	}
	if after := s.count(`SELECT COUNT(*) FROM outbox WHERE channel = 'sms' AND kind = 'trust.invited'`); after != before {
		t.Errorf("%d messages were written for nobody", after-before)
	}
	if n := s.count(`SELECT COUNT(*) FROM links WHERE principal_id = $1`, s.Vera.ID); n > s.Policy.InvitationsPerDay {
		t.Errorf("%d invitations in a day, at most %d may be", n, s.Policy.InvitationsPerDay)
	}
}

// gauge reads one number of the metrics; labels are name and value.
func gauge(t *testing.T, from *prometheus.Registry, name string, labels ...string) float64 {
	t.Helper()
	families, err := from.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
	metrics:
		for _, m := range f.GetMetric() {
			for i := 0; i+1 < len(labels); i += 2 {
				found := false
				for _, l := range m.GetLabel() {
					found = found || l.GetName() == labels[i] && l.GetValue() == labels[i+1]
				}
				if !found {
					continue metrics
				}
			}
			return m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	return 0
}

// T18: codes are asked for neighbouring numbers, from many networks, for the money of the last hop.
func TestT18_SMSPumping(t *testing.T) {
	registry := prometheus.NewRegistry()
	s := on(t, "sqlite", apptest.Options{Metrics: registry, Quiet: true})
	pump := func(from, phone string) apptest.Answer {
		return s.Client().From(from).Post("/register", "family", "Иванов", "given", "Иван", "phone", phone, "password", apptest.NewPassword)
	}
	first, last := pump("10.0.0.1", "+79161230000"), apptest.Answer{}
	for n := 1; n < *pumped; n++ {
		last = pump(fmt.Sprintf("10.%d.0.1", n/50%250), fmt.Sprintf("+7916123%04d", n))
	}
	if first.Status != last.Status || first.Location != last.Location {
		t.Errorf("the answers differ: %d %s, %d %s", first.Status, first.Location, last.Status, last.Location)
	}
	s.Settle()
	got := 0
	for n := range *pumped {
		got += len(s.Phones.Messages(fmt.Sprintf("+7916123%04d", n)))
	}
	if got != min(s.Policy.SMSCodesRange, *pumped) {
		t.Errorf("%d of %d codes went to one range of numbers, its budget is %d", got, *pumped, s.Policy.SMSCodesRange)
	}
	if over := gauge(t, registry, "doverie_messages_over_budget_total", "budget", "range"); int(over) != *pumped-got {
		t.Errorf("%v messages were held back by the budget of the range, want %d", over, *pumped-got)
	}
	// Numbers of another country cost most: none is written to, whatever is asked.
	for n, phone := range []string{"+88213123456", "+5355512345", "+79161239"} {
		pump(fmt.Sprintf("10.251.0.%d", n), phone)
		s.Settle()
		if len(s.Phones.Messages(phone)) != 0 {
			t.Errorf("an SMS went to %s", phone)
		}
	}
	// Whoever lives elsewhere is not touched.
	pump("95.31.1.1", "+79219990000")
	s.Settle()
	if len(s.Phones.Messages("+79219990000")) != 1 {
		t.Error("an honest newcomer got no code")
	}
	// Nobody enters these codes: the alarm.
	s.Clock.Advance(s.Policy.CodeTTL + time.Second)
	if err := s.LookAtMessages(t.Context()); err != nil {
		t.Fatal(err)
	}
	if gauge(t, registry, "doverie_code_conversion_alarm") != 1 || gauge(t, registry, "doverie_codes_sent_hour") < float64(got) {
		t.Error("no alarm, though nobody enters the codes")
	}
}

// One network area, and one phone, have budgets of their own; what tells of a recovery is never held back (T19, T49).
func TestT18_BudgetsOfPhoneAndArea(t *testing.T) {
	registry := prometheus.NewRegistry()
	const area, asked = 20, 40
	s := on(t, "postgres", apptest.Options{Metrics: registry, Policy: func(p *policy.Policy) { p.SMSCodesArea = area }})
	for n := range asked {
		s.Client().From("91.221.7.7").Post("/register", "family", "Иванов", "given", "Иван", "phone", fmt.Sprintf("+79%03d000000", n), "password", apptest.NewPassword)
	}
	s.Settle()
	sent := s.count(`SELECT COUNT(*) FROM outbox WHERE kind = 'register.code' AND state = 'sent'`)
	if over := gauge(t, registry, "doverie_messages_over_budget_total", "budget", "area"); sent != area || int(over) != asked-area {
		t.Errorf("%d codes for one area, %v held back; its budget is %d of %d", sent, over, area, asked)
	}
	// A flood of notices to one phone ends; the warning that stops a recovery comes all the same.
	act := effect.Act{Actor: effect.System}
	for range s.Policy.SMSNoticesPhone + 20 {
		if err := s.Store.Apply(t.Context(), act, s.Clock.Now(), "", []effect.Effect{
			effect.Send{Kind: "password.changed", To: s.Vera.ID, Via: []effect.Channel{effect.SMS}},
		}); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.Count(s.Vera.Phone, notify.PasswordChanged); n != s.Policy.SMSNoticesKind {
		t.Errorf("%d notices of one kind came to one phone, its budget is %d", n, s.Policy.SMSNoticesKind)
	}
	s.link(s.Vera, s.Alexey)
	s.recovering(s.Vera)
	if s.Count(s.Vera.Phone, notify.RecoveryAttempt) != 1 {
		t.Error("the warning of a recovery was held back")
	}
}

// T50: what our messages look like is always the same, so that others can be told: no address, one sender, two parts.
func TestT50_MessagesCannotBeImitatedByHalves(t *testing.T) {
	s := guarded(t)
	applicant, alexey := s.recovering(s.Vera), s.steppedUp(s.Alexey)
	alexey.Approve(s.Alexey, alexey.Request(), applicant.Match())
	s.finish(applicant, s.Vera)
	s.Client().Post("/register", "family", "Новикова", "given", "www.evil.example", "phone", "+79161110000", "password", apptest.NewPassword)
	s.Settle()
	address := regexp.MustCompile(`(?i)https?:|www\.|\p{L}[\p{L}\d-]*\.\p{L}{2,}`)
	read := 0
	for _, m := range s.Phones.Since(0) {
		if m.Channel != effect.SMS {
			continue
		}
		read++
		body := m.Text.Body
		if parts, _ := notify.Segments(body); parts > 2 || address.MatchString(body) || !strings.HasPrefix(body, m.Sender+": ") || m.Sender != "Доверие" {
			t.Errorf("%s: %d parts, sender %q: %q", m.Kind, parts, m.Sender, body)
		}
		if spec, _ := notify.Lookup(m.Kind); spec.HasCode() && !strings.Contains(body, "Никому не сообщайте") {
			t.Errorf("%s does not say that nobody may ask: %q", m.Kind, body)
		}
	}
	if read < 10 {
		t.Errorf("only %d SMS were read", read)
	}
}

// A code that can no longer arrive is not sent, and the page of who may know says so. A stranger's page is the same for
// somebody and for nobody; that SMS are late at all is told to everybody (I6).
func TestLateCodesAreTold(t *testing.T) {
	var mu sync.Mutex
	busy, got := true, 0
	gateway := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if busy {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		got++
	}))
	t.Cleanup(gateway.Close)
	s := on(t, "sqlite", apptest.Options{Carriers: app.Carriers{
		HTTP: []app.Gateway{{Config: httpsms.Config{Name: "sink", URL: gateway.URL, Body: `{"to":"{to}","text":"{text}"}`, Sender: "Doverie"}}},
		SMS:  []string{"sink"},
	}})
	vera, known, nobody := s.Client(), s.Client(), s.Client()
	vera.Want(vera.Post("/sign-in", "identifier", s.Vera.Phone, "password", apptest.Password), "/sign-in/code")
	known.Want(known.Post("/recovery", "identifier", s.Alexey.Phone), "/recovery/code")
	nobody.Want(nobody.Post("/recovery", "identifier", "+79990000000"), "/recovery/code")
	for _, phone := range []string{"+79161110001", "+79161110002", "+79161110003"} {
		s.Client().Post("/register", "family", "Иванов", "given", "Иван", "phone", phone, "password", apptest.NewPassword)
	}
	alike := func(when string) string {
		t.Helper()
		a, b := known.Get("/recovery/code"), nobody.Get("/recovery/code")
		if a.Body != b.Body {
			t.Errorf("%s: the pages differ", when)
		}
		return a.Body
	}
	s.Settle()
	alike("at first")
	s.shows(vera.Get("/sign-in/code"), s.T("delivery.waiting"))
	s.Advance(2 * time.Minute)
	if err := s.LookAtMessages(t.Context()); err != nil {
		t.Fatal(err)
	}
	if page := alike("while SMS are late"); !strings.Contains(page, s.T("delivery.delayed.title")) {
		t.Error("nobody is told that SMS are late")
	}
	s.Advance(s.Policy.CodeTTL)
	mu.Lock()
	busy = false
	mu.Unlock()
	s.Advance(time.Minute)
	s.shows(vera.Get("/sign-in/code"), s.T("delivery.late"))
	alike("after their life")
	if got != 0 {
		t.Errorf("%d codes went out after their life", got)
	}
	s.Clock.Advance(20 * time.Minute)
	if err := s.LookAtMessages(t.Context()); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(s.Client().Get("/recovery").Body, s.T("delivery.delayed.title")) {
		t.Error("the news stay when SMS are well again")
	}
}
