package attacks

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"doverie/internal/account"
	"doverie/internal/app"
	"doverie/internal/apptest"
	"doverie/internal/httpx"
	"doverie/internal/notify"
	"doverie/internal/recovery"
)

// routes opens a scene and returns every pattern its server has mounted: read out of the mux itself, so that a
// page added tomorrow is attacked tomorrow.
func routes(t *testing.T, o apptest.Options) (*scene, []string) {
	t.Helper()
	var mux *http.ServeMux
	o.Front = func(_ *app.App, m *http.ServeMux, _ *httpx.Gate) { mux = m }
	s := on(t, "sqlite", o)
	all := apptest.Routes(mux)
	if len(all) < 90 || !slices.Contains(all, "POST /recovery/password") {
		t.Fatalf("only %d routes were found: %v", len(all), all)
	}
	return s, all
}

var wildcard = regexp.MustCompile(`\{[^}]*\}`)

// at is the method and a path of a pattern, with the id in the place of its wildcard.
func at(pattern, id string) (method, path string) {
	method, path, found := strings.Cut(pattern, " ")
	if !found {
		method, path = http.MethodGet, pattern
	}
	return method, wildcard.ReplaceAllString(strings.ReplaceAll(path, "{$}", ""), id)
}

// greedy is one form with every field any page knows, filled with what an attacker would like.
func greedy(s *scene, ids ...string) url.Values {
	form := apptest.Form(append(apptest.Answers(0), "number", "11", "code", "000000", "reason", "fraud", "tell", "now", "name", "Мария",
		"phone", s.Maria.Phone, "password", apptest.NewPassword, "old", apptest.Password, "email", "thief@example.test",
		"identifier", s.Vera.Phone, "stop_code", "12345678", "do", "freeze", "quorum", "1", "method", "sms", "lang", "ru", "on", "0")...)
	for _, name := range []string{"id", "account", "account_id", "user", "user_id", "principal", "contact", "request", "recovery", "session", "link", "owner", "sub"} {
		form[name] = ids
	}
	return form
}

// fingerprint is everything that belongs to Vera and Alexey, to see whether somebody else moved it.
func (s *scene) fingerprint() string {
	s.t.Helper()
	var b strings.Builder
	for _, q := range []string{
		`SELECT id || state || version || quiet FROM links ORDER BY id`, `SELECT id || state || version FROM approvals ORDER BY id`,
		`SELECT id || state || version FROM recoveries WHERE account_id IS NOT NULL ORDER BY id`, `SELECT id || state FROM guarded_actions ORDER BY id`,
		`SELECT id || COALESCE(ended_why, '') FROM sessions WHERE account_id = '` + s.Vera.ID + `' OR account_id = '` + s.Alexey.ID + `' ORDER BY id`,
		`SELECT id || state || COALESCE(phone, '') || COALESCE(email, '') || quorum || password_hash FROM accounts WHERE id = '` + s.Vera.ID + `' OR id = '` + s.Alexey.ID + `' ORDER BY id`,
	} {
		b.WriteString(strings.Join(s.texts(q), "\n") + "\n")
	}
	return b.String()
}

// T28: Mallory, signed in and stepped up, calls every route with everybody's ids in the path and in every field.
func TestT28_OthersIdsInEveryPlace(t *testing.T) {
	s, all := routes(t, apptest.Options{})
	s.link(s.Vera, s.Alexey)
	s.Advance(s.Policy.Settling)
	vera := s.steppedUp(s.Vera)
	vera.Want(vera.Post(contactsHome+"/add", "name", "Пётр", "phone", "+79160000001"), contactsHome)
	applicant, alexey := s.recovering(s.Vera), s.steppedUp(s.Alexey)
	request := alexey.Request()
	alexey.Want(alexey.Post(request+"/questions", apptest.Answers(0)...), request)
	mallory, stranger := s.steppedUp(s.Maria), s.Client()
	ids := append(s.texts(`SELECT id FROM links UNION ALL SELECT id FROM approvals UNION ALL SELECT id FROM recoveries WHERE account_id IS NOT NULL`),
		s.texts(`SELECT id FROM sessions WHERE account_id <> $1 UNION ALL SELECT id FROM devices`, s.Maria.ID)...)
	ids = append(ids, s.Vera.ID, s.Alexey.ID)
	// What is said to the wrong person about a real id is what is said about one that does not exist.
	nothing := "01900000-0000-7000-8000-000000000000"
	private := []string{s.Vera.Phone, account.ShowPhone(s.Vera.Phone), s.Vera.Email, s.Alexey.Phone, account.ShowPhone(s.Alexey.Phone), s.Alexey.Email, "Вера Петровна", "Смирнов"}
	before := s.fingerprint()
	tried := 0
	for _, pattern := range all {
		if !wildcard.MatchString(strings.ReplaceAll(pattern, "{$}", "")) || strings.Contains(pattern, "/not-me/{signed}") {
			continue
		}
		for who, c := range map[string]*apptest.Client{"Mallory": mallory, "a stranger": stranger} {
			method, free := at(pattern, nothing)
			var form url.Values
			if method == http.MethodPost {
				form = greedy(s, ids...)
			}
			want := c.Do(method, free, form)
			for _, id := range ids {
				_, path := at(pattern, id)
				a := c.Do(method, path, form)
				tried++
				if a.Status != want.Status || strings.ReplaceAll(a.Location, id, nothing) != want.Location {
					t.Errorf("%s %s %s: %d %s, and for an id of nobody %d %s", who, method, path, a.Status, a.Location, want.Status, want.Location)
				}
				s.hides(who+" "+path, a, private...)
			}
		}
	}
	if a := mallory.Get(contactsHome + "/add"); a.Status != http.StatusOK {
		t.Fatalf("Mallory lost her session on the way (%d): the rest proves nothing", a.Status)
	}
	// Fields that no form has, everywhere else.
	for _, pattern := range all {
		method, path := at(pattern, nothing)
		if method != http.MethodPost || strings.HasPrefix(path, "/safety/freeze") || path == "/sign-out" || strings.HasPrefix(path, "/recovery") ||
			strings.HasPrefix(path, "/sign-in") || strings.HasPrefix(path, "/settings/account/close") {
			continue // Mallory may do these to herself; the recovery's own are below
		}
		mallory.Do(method, path, greedy(s, ids...))
		tried++
	}
	if after := s.fingerprint(); strings.ReplaceAll(after, s.Maria.ID, "") != before && !ownInvitationOnly(s, before, after) {
		t.Errorf("something of Vera's or Alexey's has moved:\n%s\n%s", before, after)
	}
	thief := s.Client() // somebody with a recovery of his own swaps ids
	thief.Want(thief.Post("/recovery", "identifier", s.Maria.Phone), "/recovery/code")
	form := greedy(s, ids...)
	for _, path := range []string{"/recovery/code", "/recovery/finish", "/recovery/password", "/recovery/cancel"} {
		thief.Do(http.MethodPost, path+"?id="+ids[0]+"&recovery="+ids[0]+"&account="+s.Vera.ID, form)
	}
	s.wantState(s.Vera, recovery.Awaiting)
	s.password(s.Vera, apptest.Password)
	applicant.Match()
	t.Logf("%d requests on %d routes", tried, len(all))
}

// ownInvitationOnly tells whether nothing but rows of Maria's own were added.
func ownInvitationOnly(s *scene, before, after string) bool {
	kept := map[string]bool{}
	for line := range strings.SplitSeq(after, "\n") {
		kept[line] = true
	}
	for line := range strings.SplitSeq(before, "\n") {
		if !kept[line] {
			return false
		}
	}
	return s.count(`SELECT COUNT(id) FROM links WHERE principal_id <> $1 AND principal_id <> $2`, s.Vera.ID, s.Maria.ID) == 0
}

// T29: in every state of a recovery each step that is not its turn is called, with the right codes where there are any.
func TestT29_SkippingSteps(t *testing.T) {
	steps := []string{"/recovery/code", "/recovery/finish/send", "/recovery/finish", "/recovery/password", "/recovery/done", "/recovery/wait", "/recovery/end"}
	mine := map[recovery.State][]string{ // whose turn it is
		recovery.Proving: {"/recovery/code"}, recovery.Awaiting: {"/recovery/wait"}, recovery.Approved: {"/recovery/finish/send", "/recovery/finish"},
		recovery.Verified: {"/recovery/password"}, recovery.Completed: {"/recovery/done"}, recovery.Rejected: {"/recovery/end"},
		recovery.Disowned: {"/recovery/end"}, recovery.Expired: {"/recovery/end"}, recovery.Cancelled: {"/recovery/end"},
	}
	for want, turn := range mine {
		t.Run(string(want), func(t *testing.T) {
			s := guarded(t)
			c := s.Client()
			c.Want(c.Post("/recovery", "identifier", s.Vera.Phone), "/recovery/code")
			vera := s.signedIn(s.Vera)
			alexey := s.steppedUp(s.Alexey)
			if want != recovery.Proving {
				c.Post("/recovery/code", "code", s.Code(s.Vera.Phone, notify.RecoveryCode))
			}
			request := ""
			if want != recovery.Proving {
				request = alexey.Request()
			}
			if slices.Contains([]recovery.State{recovery.Approved, recovery.Verified, recovery.Completed}, want) {
				alexey.Approve(s.Alexey, request, c.Match())
			}
			switch want {
			case recovery.Verified:
				c.Want(c.Post("/recovery/finish/send"), "/recovery/finish")
				c.Want(c.Post("/recovery/finish", "code", s.Code(s.Vera.Phone, notify.RecoveryFinishCode)), "/recovery")
			case recovery.Completed:
				c.FinishRecovery(s.Vera, apptest.NewPassword)
			case recovery.Rejected:
				alexey.Want(alexey.Post(request+"/reject", "reason", "other"), request)
			case recovery.Disowned:
				vera.Want(vera.Post("/safety/disown"), "/safety")
			case recovery.Expired:
				s.Advance(s.Policy.RecoveryWait)
			case recovery.Cancelled:
				c.Want(c.Post("/recovery/cancel"), "/recovery")
			default:
			}
			s.wantState(s.Vera, want)
			before, hash := s.count(`SELECT COUNT(seq) FROM events`), s.text(`SELECT password_hash FROM accounts WHERE id = $1`, s.Vera.ID)
			for _, path := range steps {
				for _, method := range []string{http.MethodGet, http.MethodPost} {
					if slices.Contains(turn, path) {
						continue
					}
					var form url.Values
					if method == http.MethodPost {
						form = apptest.Form("code", "000000", "password", "чужой пароль на полке", "state", "verified", "step", "password")
					}
					a := c.Do(method, path, form)
					if a.Status == http.StatusOK || a.Status >= http.StatusInternalServerError {
						t.Errorf("%s %s: %d", method, path, a.Status)
					}
				}
			}
			s.wantState(s.Vera, want)
			if s.text(`SELECT password_hash FROM accounts WHERE id = $1`, s.Vera.ID) != hash || s.count(`SELECT COUNT(seq) FROM events`) != before {
				t.Error("a step that was not its turn did something")
			}
		})
	}
}

// T30: Vera has a code generator. Whoever recovers her password still needs it, and is signed in nowhere.
func TestT30_SecondFactorSurvives(t *testing.T) {
	s := guarded(t)
	step := s.Clock.Now().Add(-time.Hour).UnixMicro()
	s.DB.Exec(t, `INSERT INTO totp (account_id, sealed, created_at, confirmed_at, last_step) VALUES ($1, $2, $3, $3, 0)`,
		s.Vera.ID, s.Keys.Seal("totp", []byte(s.Vera.ID), []byte("01234567890123456789")), step)
	applicant, alexey := s.recovering(s.Vera), s.steppedUp(s.Alexey)
	alexey.Approve(s.Alexey, alexey.Request(), applicant.Match())
	s.finish(applicant, s.Vera)
	if _, in := applicant.Cookies()["session"]; in {
		t.Error("the recovery signed somebody in")
	}
	applicant.Want(applicant.Get("/settings/account"), "/sign-in")
	applicant.Want(applicant.Post("/sign-in", "identifier", s.Vera.Phone, "password", apptest.NewPassword), "/sign-in/code")
	s.Settle()
	if n := s.Count(s.Vera.Phone, notify.SignInCode); n != 0 {
		t.Errorf("after the recovery an SMS (%d) is enough where the generator was asked for before", n)
	}
	for _, guess := range []string{"000000", "123456"} {
		if a := applicant.Post("/sign-in/code", "code", guess); a.Status == http.StatusSeeOther && strings.HasPrefix(a.Location, "/settings") {
			t.Error("signed in without the second factor")
		}
	}
	if s.count(`SELECT COUNT(account_id) FROM totp WHERE account_id = $1 AND confirmed_at = $2`, s.Vera.ID, step) != 1 {
		t.Error("the recovery changed the second factor")
	}
}
