package console

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"doverie/internal/account"
	"doverie/internal/app"
	"doverie/internal/apptest"
	"doverie/internal/desk"
	"doverie/internal/httpx"
)

// expected is what every role may do, written down here once more: the server's own table is not believed. "own" is
// for what belongs to one operator (his case, his act): another of the same role finds nothing there.
var expected = map[string]struct {
	roles string // o: operator, s: senior, a: auditor, d: administrator; "*": open to all
	own   bool
}{
	"GET /operator/sign-in": {"*", false}, "POST /operator/sign-in": {"*", false}, "POST /operator/sign-out": {"*", false}, "POST /operator/language": {"*", false},
	"POST /operator/sign-in/passkey/options": {"*", false}, "POST /operator/sign-in/passkey": {"*", false},
	"GET /operator/enrol": {"*", false}, "POST /operator/enrol": {"*", false}, "GET /operator/enrol/key": {"*", false},
	"POST /operator/enrol/passkey/options": {"*", false}, "POST /operator/enrol/passkey": {"*", false}, "POST /operator/enrol/password": {"*", false},
	"GET /operator": {"osad", false},

	"POST /operator/cases": {"os", false}, "GET /operator/cases/{id}": {"os", true}, "POST /operator/cases/{id}/close": {"os", true},
	"GET /operator/cases/{id}/acts/{kind}": {"os", true}, "POST /operator/cases/{id}/acts/{kind}": {"os", true}, "POST /operator/cases/{id}/phone": {"os", true},
	"GET /operator/acts": {"os", false}, "GET /operator/acts/{id}": {"os", false}, "POST /operator/acts/{id}/agree": {"os", false},
	"POST /operator/acts/{id}/decline": {"os", false}, "POST /operator/acts/{id}/withdraw": {"os", true}, "POST /operator/acts/{id}/paper": {"os", true},

	"GET /operator/audit": {"a", false}, "GET /operator/audit/export": {"a", false}, "GET /operator/audit/verify": {"a", false}, "POST /operator/audit/verify": {"a", false},
	"GET /operator/figures": {"sad", false},
	"GET /operator/offices": {"d", false}, "POST /operator/offices": {"d", false}, "POST /operator/offices/{id}/close": {"d", false},
	"GET /operator/staff": {"d", false}, "POST /operator/staff": {"d", false}, "POST /operator/staff/{id}/renew": {"d", false}, "POST /operator/staff/{id}/suspend": {"d", false},
	"GET /operator/rules": {"d", false}, "GET /operator/messages": {"d", false}, "GET /operator/clients": {"d", false},
}

// letters are the roles as expected names them.
var letters = map[desk.Role]string{desk.Clerk: "o", desk.Senior: "s", desk.Auditor: "a", desk.Administrator: "d"}

// who is one visitor of the matrix.
type who struct {
	name   string
	role   desk.Role // empty: no operator
	client *apptest.Client
	owner  bool // opened the case and proposed the act
}

// greedy is one form with every field the console knows, filled with what an attacker would like.
func greedy(s *office, ids ...string) url.Values {
	form := apptest.Form("identifier", s.Vera.Phone, "reason", "lost_password", "document", "passport_rus", "last4", "3456", "seen", "yes", "link", ids[0],
		"family", "Чужая", "given", "Имя", "patronymic", "", "phone", "+79130009988", "code", "000000", "why", "doubt", "login", "mallory", "name", "Мэллори",
		"role", "administrator", "office", s.Anna.Office, "address", "Нигде", "password", "x", "offer", "x", "lang", "ru")
	for _, name := range []string{"id", "case", "act", "account", "operator", "proposer", "second", "session"} {
		form[name] = ids
	}
	return form
}

// D3: every route of the console × every role and no role × one's own and another's case, act, office and operator; none is left out.
func TestEveryRouteEveryRole(t *testing.T) {
	var mux *http.ServeMux
	s := open(t, "sqlite", apptest.Options{Front: func(_ *app.App, m *http.ServeMux, _ *httpx.Gate) { mux = m }})
	s.guard()
	var all []string
	for _, pattern := range apptest.Routes(mux) {
		if _, path, _ := strings.Cut(pattern, " "); strings.HasPrefix(path, "/operator") {
			all = append(all, pattern)
		}
	}
	for _, pattern := range all {
		if _, ok := expected[pattern]; !ok {
			t.Errorf("%s is mounted, and nobody said who may use it", pattern)
		}
	}
	for pattern := range expected {
		if !slices.Contains(all, pattern) {
			t.Errorf("%s is expected and not mounted", pattern)
		}
	}
	for _, r := range s.Console.Routes() {
		said := "*"
		if len(r.Roles) > 0 {
			said = ""
			for _, role := range r.Roles {
				said += letters[role]
			}
		}
		if want := expected[r.Pattern].roles; want != said {
			t.Errorf("%s is for %q, expected %q", r.Pattern, said, want)
		}
	}

	far := "МФЦ Дальний"
	hire := map[string]apptest.Employee{
		"another operator of the office": s.Boris, "an operator of another office": s.Hire("dalia", desk.Clerk, far), "a senior operator": s.Hire("sergey", desk.Senior, far),
		"an auditor": s.Hire("vladimir", desk.Auditor, zarechny), "an administrator": s.Hire("galina", desk.Administrator, zarechny), "the operator": s.Anna,
	}
	tried := 0
	for i, pattern := range all {
		want := expected[pattern]
		method, path, _ := strings.Cut(pattern, " ")
		// A fresh scene for every route, so that what one row did is nothing to the next.
		s.shift()
		caseID := strings.TrimPrefix(s.anna.OpenCase(s.Vera.Phone, "lost_password"), "/operator/cases/")
		actID := strings.TrimPrefix(s.anna.Act("/operator/cases/"+caseID, "recover"), "/operator/acts/")
		if strings.HasSuffix(path, "/paper") { // there is something to print
			s.boris.Want(s.boris.Post("/operator/acts/"+actID+"/agree", "seen", "yes"), "/operator/acts/")
		}
		citizen := s.Client()
		citizen.SignIn([]account.Account{s.Maria, s.Alexey}[i%2], apptest.Password)
		ids := []string{caseID, actID, s.Vera.ID, s.Anna.ID, s.Anna.Office}
		target := caseID
		switch {
		case strings.Contains(path, "/acts/{id}"):
			target = actID
		case strings.Contains(path, "/staff/{id}"):
			target = hire["an operator of another office"].ID
		case strings.Contains(path, "/offices/{id}"):
			target = hire["an operator of another office"].Office
		}
		at := strings.ReplaceAll(strings.ReplaceAll(path, "{kind}", "recover"), "{id}", target)
		people := []who{{"nobody", "", s.Client(), false}, {"a citizen", "", citizen, false}}
		for _, name := range []string{
			"another operator of the office", "an operator of another office", "an auditor", "a senior operator", "the operator", "an administrator",
		} {
			e := hire[name]
			c := s.anna
			if e.ID != s.Anna.ID {
				c = s.Operator(e)
			}
			people = append(people, who{name, e.Role, c, e.ID == s.Anna.ID})
		}
		for _, one := range people {
			tried++
			var form url.Values
			if method == http.MethodPost {
				form = greedy(s, ids...)
			}
			before := s.fingerprint()
			a := one.client.Do(method, at, form)
			allowed := want.roles == "*" || one.role != "" && strings.Contains(want.roles, letters[one.role])
			s.judge(pattern, one, want.own, allowed, a)
			if after := s.fingerprint(); !allowed && after != before {
				t.Errorf("%s by %s was refused, and changed something:\n%s\n%s", pattern, one.name, before, after)
			}
			if !allowed || one.role == "" {
				s.silent(pattern+" by "+one.name, a)
			}
		}
		s.reset(t, hire["an operator of another office"], caseID)
	}
	t.Logf("%d requests on %d routes", tried, len(all))
}

// judge looks at one answer.
func (s *office) judge(pattern string, one who, own, allowed bool, a apptest.Answer) {
	s.t.Helper()
	_, path, _ := strings.Cut(pattern, " ")
	switch {
	case a.Status >= http.StatusInternalServerError:
		s.t.Errorf("%s by %s: %d", pattern, one.name, a.Status)
	case expected[pattern].roles == "*":
		return
	case one.role == "":
		if a.Status != http.StatusSeeOther || !strings.HasPrefix(a.Location, "/operator/sign-in") {
			s.t.Errorf("%s by %s: %d to %q, want the operators' sign-in", pattern, one.name, a.Status, a.Location)
		}
	case !allowed:
		if a.Status != http.StatusForbidden {
			s.t.Errorf("%s by %s: %d, want 403", pattern, one.name, a.Status)
		}
	case own && !one.owner:
		if a.Status != http.StatusNotFound {
			s.t.Errorf("%s by %s: %d to %q, want 404: it is another's", pattern, one.name, a.Status, a.Location)
		}
	case strings.Contains(path, "/acts/{id}") && one.name == "an operator of another office":
		if a.Status != http.StatusNotFound {
			s.t.Errorf("%s by %s: %d, want 404: it is another office's", pattern, one.name, a.Status)
		}
	case a.Status == http.StatusForbidden && !strings.Contains(path, "agree") && !strings.Contains(path, "decline"), a.Status == http.StatusNotFound && !strings.Contains(path, "cases"):
		s.t.Errorf("%s by %s: %d, and the role may: %s", pattern, one.name, a.Status, apptest.Words(a.Body))
	}
}

// silent fails when an answer to somebody without the right names a person.
func (s *office) silent(what string, a apptest.Answer) {
	s.t.Helper()
	for _, private := range []string{"Смирнова", "Вера Петровна", s.Vera.Phone, s.Vera.Email, "Алексей С."} {
		if strings.Contains(a.Body, private) {
			s.t.Errorf("%s shows %q", what, private)
		}
	}
}

// fingerprint is everything an operator could move.
func (s *office) fingerprint() string {
	s.t.Helper()
	return s.text(`SELECT (SELECT COUNT(id) FROM desk_cases) || ' ' || (SELECT COUNT(id) FROM desk_acts WHERE state = 'proposed') || ' ' || (SELECT COUNT(id) FROM desk_acts WHERE state <> 'proposed')
		|| ' ' || (SELECT COUNT(id) FROM offices WHERE closed_at IS NULL) || ' ' || (SELECT COUNT(id) FROM operators WHERE state = 'active') || ' ' || (SELECT COUNT(id) FROM operators)
		|| ' ' || (SELECT SUM(version) FROM accounts) || ' ' || (SELECT SUM(version) FROM links) || ' ' || (SELECT COUNT(id) FROM desk_cases WHERE closed_at IS NOT NULL)`)
}

// reset puts the scene back for the next route.
func (s *office) reset(t *testing.T, far apptest.Employee, caseID string) {
	t.Helper()
	s.Advance(s.Policy.OperatorQueue) // what was proposed lapses
	s.DB.Exec(t, `UPDATE offices SET closed_at = NULL WHERE closed_at IS NOT NULL`)
	s.DB.Exec(t, `UPDATE operators SET state = 'active', password_hash = $1, totp = $2, enrol_hash = NULL, enrol_until = NULL WHERE id = $3`, far.PasswordHash, far.Operator.TOTP, far.ID)
	s.DB.Exec(t, `DELETE FROM rate_limits WHERE tat > $1`, 0)
	s.DB.Exec(t, `UPDATE operators SET name = name WHERE id <> $1`, caseID)
}

// Every form refuses what no form takes, before anything of it is looked at; nothing is written.
func TestEveryFormRefusesNonsense(t *testing.T) {
	s := open(t, "sqlite", apptest.Options{})
	s.guard()
	hire := map[string]*apptest.Client{
		"a": s.Operator(s.Hire("vladimir", desk.Auditor, zarechny)), "d": s.Operator(s.Hire("galina", desk.Administrator, zarechny)), "*": s.Client(), "o": s.anna,
	}
	caseID := strings.TrimPrefix(s.anna.OpenCase(s.Vera.Phone, "lost_password"), "/operator/cases/")
	actID := strings.TrimPrefix(s.anna.Act("/operator/cases/"+caseID, "recover"), "/operator/acts/")
	for _, r := range s.Console.Routes() {
		method, path, _ := strings.Cut(r.Pattern, " ")
		if method != http.MethodPost || path == "/operator/sign-out" {
			continue
		}
		target := caseID
		if strings.Contains(path, "/acts/{id}") {
			target = actID
		}
		path = strings.ReplaceAll(strings.ReplaceAll(path, "{kind}", "thaw"), "{id}", target)
		client := hire[expected[r.Pattern].roles[:1]]
		script := strings.Contains(path, "passkey")
		for what, try := range map[string]struct {
			kind, body string
			change     func(*http.Request)
			status     int
		}{
			"another type": {"application/pdf", "a=b", nil, http.StatusBadRequest},
			"no type":      {";;", "a=b", nil, http.StatusBadRequest},
			"a NUL":        {"application/x-www-form-urlencoded", "more=%00", nil, http.StatusBadRequest},
			"no UTF-8":     {"application/x-www-form-urlencoded", "more=%ff", nil, http.StatusBadRequest},
			"10 MB":        {"application/x-www-form-urlencoded", "more=" + strings.Repeat("a", 10<<20), nil, http.StatusRequestEntityTooLarge},
			"another site's": {"application/x-www-form-urlencoded", "a=b", func(q *http.Request) {
				q.Header.Set("Sec-Fetch-Site", "cross-site")
				q.Header.Set("Origin", "https://evil.test")
			}, http.StatusForbidden},
			"an unknown method":   {"application/x-www-form-urlencoded", "a=b", func(q *http.Request) { q.Method = http.MethodPut }, http.StatusMethodNotAllowed},
			"a script's nonsense": {"application/json", "[", nil, http.StatusBadRequest},
		} {
			want := try.status
			if script && want == http.StatusRequestEntityTooLarge {
				want = http.StatusBadRequest // its type is looked at first
			}
			before := s.fingerprint()
			a := client.Do(http.MethodPost, path, url.Values{}, func(q *http.Request) {
				q.Header.Set("Content-Type", try.kind)
				fresh, err := http.NewRequestWithContext(q.Context(), q.Method, q.URL.String(), strings.NewReader(try.body))
				if err != nil {
					t.Fatal(err)
				}
				q.Body, q.ContentLength, q.GetBody = fresh.Body, fresh.ContentLength, fresh.GetBody
				if try.change != nil {
					try.change(q)
				}
			})
			if a.Status != want {
				t.Errorf("%s, %s: %d, want %d", r.Pattern, what, a.Status, want)
			}
			if s.fingerprint() != before {
				t.Errorf("%s, %s: something changed", r.Pattern, what)
			}
		}
	}
}
