package console

import (
	"encoding/csv"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"doverie/internal/apptest"
	"doverie/internal/audit"
	"doverie/internal/console"
	"doverie/internal/desk"
	"doverie/internal/effect"
	"doverie/internal/store/storetest"
)

// With a listener of its own the console is nowhere else, and its address is the only one its forms may come from.
func TestOwnListener(t *testing.T) {
	at, err := url.Parse("https://desk.example.test")
	if err != nil {
		t.Fatal(err)
	}
	w := apptest.New(t, "sqlite", apptest.Options{OperatorURL: at})
	for _, path := range []string{"/operator", "/operator/sign-in", "/operator/enrol"} {
		if a := w.Client().Get(path); a.Status != http.StatusNotFound {
			t.Errorf("%s is public: %d", path, a.Status)
		}
	}
	ask := func(method, path, origin string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), method, at.String()+path, strings.NewReader("login=anna"))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Origin", origin)
		answer := httptest.NewRecorder()
		w.OperatorHandler().ServeHTTP(answer, r)
		return answer
	}
	if a := ask(http.MethodGet, "/operator/sign-in", ""); a.Code != http.StatusOK || a.Header().Get("Strict-Transport-Security") == "" {
		t.Errorf("its own address: %d %v", a.Code, a.Header())
	}
	if a := ask(http.MethodPost, "/operator/sign-in", at.String()); a.Code != http.StatusUnprocessableEntity {
		t.Errorf("a form of its own: %d", a.Code)
	}
	if a := ask(http.MethodPost, "/operator/sign-in", w.URL); a.Code != http.StatusForbidden {
		t.Errorf("a form of the public site: %d", a.Code)
	}
	for _, path := range []string{"/sign-in", "/recovery", "/settings/account"} {
		if a := ask(http.MethodGet, path, ""); a.Code != http.StatusNotFound {
			t.Errorf("%s is served to operators: %d", path, a.Code)
		}
	}
}

// A session ends by itself, with its office, and by a sign-out; neither cookie opens the other's pages.
func TestOperatorSessions(t *testing.T) {
	s := open(t, "sqlite", apptest.Options{})
	if a := s.anna.Get("/operator"); a.Status != http.StatusOK {
		t.Fatalf("%d", a.Status)
	}
	citizen, thief := s.Client(), s.Client()
	citizen.SignIn(s.Maria, apptest.Password)
	thief.SetCookie("operator", citizen.Cookies()["session"])
	thief.SetCookie("session", s.anna.Cookies()["operator"])
	thief.Want(thief.Get("/operator"), "/operator/sign-in")
	thief.Want(thief.Get("/settings/account"), "/sign-in")
	wrong := s.Client()
	for _, fields := range [][]string{
		{"login", "anna", "password", apptest.OperatorPassword, "code", "000000"}, {"login", "anna", "password", "x", "code", s.Reenter(s.Anna)},
		{"login", "nobody", "password", apptest.OperatorPassword, "code", "000000"},
	} {
		a := wrong.Post("/operator/sign-in", fields...)
		if a.Status != http.StatusUnprocessableEntity || !strings.Contains(a.Body, "Имя, пароль или код не подошли") {
			t.Errorf("%v: %d", fields, a.Status)
		}
	}
	code := s.Reenter(s.Anna)
	first, second := s.Client(), s.Client()
	first.Want(first.Post("/operator/sign-in", "login", "anna", "password", apptest.OperatorPassword, "code", code), "/operator")
	if a := second.Post("/operator/sign-in", "login", "anna", "password", apptest.OperatorPassword, "code", code); a.Status == http.StatusSeeOther {
		t.Error("one code signed in twice")
	}
	first.Want(first.Post("/operator/sign-out"), "/operator/sign-in")
	first.Want(first.Get("/operator"), "/operator/sign-in")
	s.Clock.Advance(s.Policy.OperatorIdle)
	s.anna.Want(s.anna.Get("/operator"), "/operator/sign-in")
	s.shift()
	for range int(s.Policy.OperatorSession/s.Policy.OperatorIdle) * 2 { // never idle, and over all the same
		s.Clock.Advance(s.Policy.OperatorIdle / 2)
		s.anna.Get("/operator")
	}
	s.anna.Want(s.anna.Get("/operator"), "/operator/sign-in")
}

// What a spreadsheet would take for a formula stays text, and every record keeps its hash.
func TestExport(t *testing.T) {
	file, err := console.CSV([]audit.Event{
		{Seq: 1, At: storetest.Start, Kind: "desk.case_opened", Object: "=HYPERLINK(\"x\")", Act: effect.Act{Actor: effect.Operator, ID: "-1", Office: "@office, \"quoted\"", Device: "+7"}, Facts: map[string]string{"a": "b"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(string(file))).ReadAll()
	if err != nil || len(rows) != 2 || len(rows[1]) != len(rows[0]) {
		t.Fatalf("%v %v", rows, err)
	}
	for i, cell := range rows[1] {
		if cell != "" && strings.ContainsRune("=+-@", rune(cell[0])) {
			t.Errorf("%s: %q is a formula", rows[0][i], cell)
		}
	}
	s := open(t, "sqlite", apptest.Options{})
	s.anna.OpenCase(s.Vera.Phone, "identity")
	auditor := s.Operator(s.Hire("vladimir", desk.Auditor, zarechny))
	a := auditor.Get("/operator/audit/export?operator=anna")
	if a.Status != http.StatusOK || !strings.HasPrefix(a.Header.Get("Content-Type"), "text/csv") || !strings.Contains(a.Body, "desk.case_opened") {
		t.Errorf("export: %d %s", a.Status, a.Body)
	}
	if s.text(`SELECT COUNT(seq) || '' FROM events WHERE kind = 'audit.exported'`) != "1" {
		t.Error("the export was not written down")
	}
	if a := auditor.Get("/operator/audit?from=2026-11-20&to=2026-11-30&office=" + url.QueryEscape(zarechny)); !strings.Contains(a.Body, "desk.case_opened") {
		t.Error("the search by days and office found nothing")
	}
	if a := auditor.Get("/operator/audit?to=2026-11-20"); strings.Contains(a.Body, "desk.case_opened") {
		t.Error("the search found what was later")
	}
}

// Verification through the console names the first record that somebody changed.
func TestVerifyNamesTheBrokenRecord(t *testing.T) {
	s := open(t, "sqlite", apptest.Options{})
	s.anna.OpenCase(s.Vera.Phone, "identity")
	auditor := s.Operator(s.Hire("vladimir", desk.Auditor, zarechny))
	if a := auditor.Post("/operator/audit/verify"); !strings.Contains(apptest.Words(a.Body), "Журнал цел") {
		t.Fatalf("an intact log: %s", apptest.Words(a.Body))
	}
	s.DB.Exec(t, `UPDATE events SET office = 'другой' WHERE seq = (SELECT MIN(seq) FROM events WHERE kind = 'desk.case_opened')`)
	if a := auditor.Post("/operator/audit/verify"); !strings.Contains(apptest.Words(a.Body), "Журнал испорчен") ||
		!strings.Contains(a.Body, s.text(`SELECT MIN(seq) || '' FROM events WHERE kind = 'desk.case_opened'`)) {
		t.Errorf("a changed record: %s", apptest.Words(a.Body))
	}
}

// A case is closed by its operator or by its time; what was proposed in it goes on waiting.
func TestCaseIsOver(t *testing.T) {
	s := open(t, "sqlite", apptest.Options{})
	s.guard()
	visit := s.anna.OpenCase(s.Vera.Phone, "lost_password")
	act := s.anna.Act(visit, "recover")
	s.anna.Want(s.anna.Post(visit+"/close"), "/operator")
	if a := s.anna.Get(visit); a.Status != http.StatusConflict {
		t.Errorf("a closed case: %d", a.Status)
	}
	if a := s.anna.Post(visit+"/acts/thaw", "seen", "yes"); a.Status != http.StatusConflict {
		t.Errorf("an act in a closed case: %d", a.Status)
	}
	s.boris.Want(s.boris.Post(act+"/agree", "seen", "yes"), act)
	other := s.anna.OpenCase(s.Vera.Phone, "locked")
	closes := s.Clock.Now().Add(s.Policy.OperatorCase)
	s.Clock.Advance(s.Policy.OperatorCase - 3*time.Minute)
	s.shift() // takes a minute: new codes of the generators
	s.Clock.Advance(closes.Sub(s.Clock.Now()) - time.Microsecond)
	if a := s.anna.Get(other); a.Status != http.StatusOK {
		t.Errorf("before its end: %d", a.Status)
	}
	s.Clock.Advance(time.Microsecond)
	if a := s.anna.Get(other); a.Status != http.StatusConflict {
		t.Errorf("after its end: %d", a.Status)
	}
	// The paper that nobody printed is forgotten after a day.
	s.Advance(s.Policy.TempPassword)
	if s.text(`SELECT COUNT(id) || '' FROM desk_acts WHERE paper IS NOT NULL`) != "0" {
		t.Error("a paper outlived its password")
	}
	if report, err := s.Store.VerifyEvents(t.Context()); err != nil || !report.Intact() {
		t.Errorf("events: %+v %v", report, err)
	}
}

// A case shows whether what the service sent reached the person, and neither what it was about nor where it went.
func TestCaseShowsWhatReachedThePerson(t *testing.T) {
	s := open(t, "sqlite", apptest.Options{})
	visit := s.anna.OpenCase(s.Vera.Phone, "lost_password") // which is told to her
	s.Settle()
	page := s.anna.Get(visit).Body
	for _, want := range []string{"Последние сообщения человеку", "СМС", "доставлено"} {
		if !strings.Contains(apptest.Words(page), want) {
			t.Errorf("the case does not say %q", want)
		}
	}
	if strings.Contains(page, "desk.case_opened") || strings.Contains(page, s.Vera.Phone) {
		t.Error("the case says what the message is about, or where it went")
	}
}
