package attacks

import (
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"doverie/internal/account"
	"doverie/internal/apptest"
	"doverie/internal/desk"
	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/notify"
	"doverie/internal/recovery"
	"doverie/internal/store"
	"doverie/internal/store/storetest"
	"doverie/internal/trust"
)

// counter is a service desk of two operators, beside the scene of the attacks.
type counter struct {
	*scene

	Anna, Boris apptest.Employee
	anna, boris *apptest.Client
}

func staffed(t *testing.T, engine string) *counter {
	t.Helper()
	s := on(t, engine, apptest.Options{})
	s.link(s.Vera, s.Alexey)
	s.Advance(s.Policy.Settling)
	c := &counter{scene: s, Anna: s.Hire("anna", desk.Clerk, "МФЦ Заречный"), Boris: s.Hire("boris", desk.Clerk, "МФЦ Заречный")}
	c.shift()
	return c
}

// shift signs both operators in.
func (c *counter) shift() { c.anna, c.boris = c.Operator(c.Anna), c.Operator(c.Boris) }

func (c *counter) wait(d time.Duration) {
	c.Advance(d)
	c.shift()
}

var onPaper = regexp.MustCompile(`[a-z2-9]{5}-[a-z2-9]{5}-[a-z2-9]{5}`)

// paper prints the temporary password of an act and reads it.
func (c *counter) paper(who *apptest.Client, act string) string {
	c.t.Helper()
	a := who.Post(act + "/paper")
	if a.Status != http.StatusOK || a.Header.Get("Content-Type") != "application/pdf" {
		c.t.Fatalf("paper: %d %s", a.Status, apptest.Words(a.Body))
	}
	file := filepath.Join(c.t.TempDir(), "paper.pdf")
	if err := os.WriteFile(file, []byte(a.Body), 0o600); err != nil {
		c.t.Fatal(err)
	}
	words, err := exec.CommandContext(c.t.Context(), "pdftotext", file, "-").Output()
	if err != nil {
		c.t.Fatalf("pdftotext: %v", err)
	}
	found := onPaper.FindString(string(words))
	if found == "" {
		c.t.Fatalf("no password on the paper: %s", words)
	}
	return found
}

// recoverInPerson gives the person a temporary password by two operators.
func (c *counter) recoverInPerson(who account.Account) string {
	c.t.Helper()
	act := c.anna.Act(c.anna.OpenCase(who.Phone, "lost_password"), "recover")
	if a := c.boris.Get(act); strings.Contains(a.Body, act+"/agree") {
		c.boris.Want(c.boris.Post(act+"/agree", "seen", "yes"), act)
	}
	return c.paper(c.anna, act)
}

// T31: the temporary password opens one page, once; it dies with its first use, with its day, and with another paper.
func TestT31_TemporaryPassword(t *testing.T) {
	t.Run("one page, then nothing", func(t *testing.T) {
		c := staffed(t, "sqlite")
		old := c.signedIn(c.Vera)
		temporary := c.recoverInPerson(c.Vera)
		old.Want(old.Get("/settings/account"), "/sign-in")
		c.password(c.Vera, temporary)
		vera := c.Client()
		vera.SignIn(c.Vera, temporary)
		for _, path := range []string{"/settings/account", "/settings/safety/trusted-contacts", "/settings/safety/sessions", "/approvals", "/settings/account/email"} {
			vera.Want(vera.Get(path), "/settings/safety/password")
			if a := vera.Post(path, "seen", "yes"); a.Status == http.StatusOK {
				t.Errorf("POST %s with a temporary password: %d", path, a.Status)
			}
		}
		for _, path := range []string{"/step-up", "/settings/safety/totp", "/settings/safety/passkeys/add", "/settings/account/phone"} {
			if a := vera.Get(path); a.Status == http.StatusOK {
				t.Errorf("%s opens with a temporary password", path)
			}
		}
		if a := vera.Post("/settings/safety/password", "old", temporary, "new", temporary); a.Status != http.StatusUnprocessableEntity {
			t.Errorf("the temporary password became the password: %d", a.Status)
		}
		vera.Want(vera.Post("/settings/safety/password", "old", temporary, "new", apptest.NewPassword), "/settings/safety/login")
		thief := c.Client()
		if a := thief.Post("/sign-in", "identifier", c.Vera.Phone, "password", temporary); a.Status == http.StatusSeeOther {
			t.Error("the paper opened the account after it was used")
		}
	})
	t.Run("24 hours", func(t *testing.T) {
		c := staffed(t, "sqlite")
		temporary := c.recoverInPerson(c.Vera)
		c.Advance(c.Policy.TempPassword)
		if a := c.Client().Post("/sign-in", "identifier", c.Vera.Phone, "password", temporary); a.Status == http.StatusSeeOther {
			t.Error("the paper opened the account after its day")
		}
	})
	t.Run("by a passkey too", func(t *testing.T) {
		// A key signs in without any password: the gate stands behind the session, not before the sign-in.
		c := staffed(t, "sqlite")
		c.recoverInPerson(c.Vera)
		a, err := c.Store.Account(t.Context(), c.Vera.ID)
		if err != nil || !a.MustChangePassword {
			t.Fatalf("%+v %v", a.MustChangePassword, err)
		}
		in, err := c.Sessions.OpenRegistered(t.Context(), storetest.Act(), a, false) // a full session of any making
		if err != nil {
			t.Fatal(err)
		}
		thief := c.Client()
		thief.SetCookie("session", in.Token)
		thief.Want(thief.Get("/settings/account"), "/settings/safety/password")
	})
	t.Run("nowhere in the clear", func(t *testing.T) {
		c := staffed(t, "sqlite")
		temporary := c.recoverInPerson(c.Vera)
		for _, place := range []string{
			`SELECT COUNT(id) FROM desk_acts WHERE paper IS NOT NULL`, `SELECT COUNT(seq) FROM events WHERE facts LIKE '%` + temporary + `%'`,
		} {
			if c.count(place) != 0 {
				t.Errorf("after printing: %s", place)
			}
		}
		if strings.Contains(c.Logs.String(), temporary) {
			t.Error("the temporary password is in the log")
		}
	})
}

// T33: one operator, with everything an operator has, does not get a password for an account that somebody guards, and
// takes no guard away. He tries by hand what the exhaustive search of package desk tries by model.
func TestT33_InsiderOperator(t *testing.T) {
	t.Run("both halves himself", func(t *testing.T) {
		c := staffed(t, "sqlite")
		link := c.text(`SELECT id FROM links WHERE principal_id = $1`, c.Vera.ID)
		visit := c.anna.OpenCase(c.Vera.Phone, "lost_password")
		other := c.Operator(c.Anna) // his second browser is still he
		for kind, fields := range map[string][]string{"recover": nil, "end_link": {"link", link}} {
			act := c.anna.Act(visit, kind, fields...)
			for who, browser := range map[string]*apptest.Client{"the same": c.anna, "his other browser": other} {
				a := browser.Post(act+"/agree", "seen", "yes")
				if a.Status != http.StatusForbidden {
					t.Errorf("%s: %s agreed: %d", kind, who, a.Status)
				}
				c.shows(a, c.T("fault.desk.same_operator"))
			}
			if a := c.anna.Post(act + "/paper"); a.Status == http.StatusOK {
				t.Errorf("%s: a paper without a second operator", kind)
			}
		}
		if c.count(`SELECT COUNT(id) FROM desk_acts WHERE state = 'proposed'`) != 2 || c.text(`SELECT state FROM links WHERE id = $1`, link) != "active" {
			t.Error("something was decided")
		}
		c.password(c.Vera, apptest.Password)
		// The statement itself refuses, whatever the program decided.
		err := c.Store.Apply(t.Context(), effect.Act{Actor: effect.System}, c.Clock.Now(), "x", nil)
		if err != nil {
			t.Fatal(err)
		}
		if tried := c.tryExec(`UPDATE desk_acts SET state = 'approved', second_id = proposer_id, decided_at = proposed_at, payload = NULL WHERE kind = 'recover'`); tried == nil {
			t.Error("the table took one operator for two")
		}
		if tried := c.tryExec(`UPDATE desk_acts SET state = 'approved', decided_at = proposed_at, payload = NULL WHERE kind = 'recover'`); tried == nil {
			t.Error("the table took nobody for a second operator")
		}
	})
	t.Run("through the contact", func(t *testing.T) {
		// Alexey has no contact of his own, and guards Vera: his phone and his password need two as well.
		c := staffed(t, "sqlite")
		visit := c.anna.OpenCase(c.Alexey.Phone, "lost_phone")
		c.anna.Act(visit, "recover")
		c.anna.Want(c.anna.Post(visit+"/phone", "phone", "+79130005566"), visit)
		c.anna.Act(visit, "phone", "code", c.Code("+79130005566", notify.ChangePhoneCode))
		if c.count(`SELECT COUNT(id) FROM desk_acts WHERE state = 'proposed' AND two`) != 2 {
			t.Error("one operator became the contact")
		}
		if c.text(`SELECT phone FROM accounts WHERE id = $1`, c.Alexey.ID) != c.Alexey.Phone {
			t.Error("one operator changed the contact's phone")
		}
		c.password(c.Alexey, apptest.Password)
	})
	t.Run("what was agreed is what was seen", func(t *testing.T) {
		c := staffed(t, "sqlite")
		act := c.anna.Act(c.anna.OpenCase(c.Vera.Phone, "lost_password"), "recover")
		if err := c.Protect.Freeze(t.Context(), effect.Act{Actor: effect.Person, ID: c.Vera.ID}, c.Vera.ID, trust.FrozenBySelf); err != nil {
			t.Fatal(err)
		}
		a := c.boris.Post(act+"/agree", "seen", "yes")
		if a.Status != http.StatusConflict {
			t.Errorf("agreed to other facts: %d", a.Status)
		}
		c.shows(a, c.T("fault.desk.facts_changed"))
		c.password(c.Vera, apptest.Password)
	})
	t.Run("too late", func(t *testing.T) {
		c := staffed(t, "sqlite")
		act := c.anna.Act(c.anna.OpenCase(c.Vera.Phone, "lost_password"), "recover")
		c.Clock.Advance(c.Policy.OperatorQueue) // the timer has not come yet
		c.shift()
		if a := c.boris.Post(act+"/agree", "seen", "yes"); a.Status != http.StatusConflict {
			t.Errorf("agreed after the time: %d", a.Status)
		}
		c.Settle()
		if got := c.text(`SELECT state FROM desk_acts`); got != string(desk.Expired) {
			t.Errorf("the act is %s", got)
		}
		c.password(c.Vera, apptest.Password)
	})
	t.Run("suspended meanwhile", func(t *testing.T) {
		c := staffed(t, "sqlite")
		act := c.anna.Act(c.anna.OpenCase(c.Vera.Phone, "lost_password"), "recover")
		galina := c.Operator(c.Hire("galina", desk.Administrator, "МФЦ Заречный"))
		galina.Want(galina.Post("/operator/staff/"+c.Boris.ID+"/suspend"), "/operator/staff")
		c.boris.Want(c.boris.Post(act+"/agree", "seen", "yes"), "/operator/sign-in")
		err := c.Desk.Agree(t.Context(), effect.Act{Actor: effect.Operator, ID: c.Boris.ID, Office: "x"}, c.Boris.Operator, strings.TrimPrefix(act, "/operator/acts/"))
		if !fault.HasKey(err, "fault.desk.suspended") { // a request that was on its way
			t.Errorf("a suspended operator agreed: %v", err)
		}
		c.password(c.Vera, apptest.Password)
	})
	t.Run("told to everybody", func(t *testing.T) {
		c := staffed(t, "sqlite")
		c.recoverInPerson(c.Vera)
		for _, to := range []string{c.Vera.Phone, c.Vera.Email} {
			if c.Count(to, notify.DeskCaseOpened) != 1 || c.Count(to, notify.RecoveryCompleted) != 1 {
				t.Errorf("%s was not told", to)
			}
		}
		for _, to := range []string{c.Alexey.Phone, c.Alexey.Email} {
			if c.Count(to, notify.RecoveryCompleted) != 1 {
				t.Errorf("the contact's %s was not told", to)
			}
		}
		// The message leads to a stop: with its code the account is frozen within a minute.
		if c.count(`SELECT COUNT(seq) FROM events WHERE actor = 'operator' AND office = 'МФЦ Заречный'`) < 5 {
			t.Error("the log does not name the office")
		}
	})
}

// T33: one administrator gives access to two operators who are both himself, or takes over an honest one's access by giving
// it anew, and plays both halves of two operators. For three days neither half is his; meanwhile others see them.
func TestT33_OneAdministratorMakesTwo(t *testing.T) {
	const town = "МФЦ Заречный"
	t.Run("both new", func(t *testing.T) {
		c := staffed(t, "sqlite")
		link := c.text(`SELECT id FROM links WHERE principal_id = $1`, c.Vera.ID)
		first, second := c.HireNow("ivan", desk.Clerk, town), c.HireNow("pyotr", desk.Clerk, town)
		one, two := c.Operator(first), c.Operator(second)
		visit := one.OpenCase(c.Vera.Phone, "lost_password")
		for kind, fields := range map[string][]string{"recover": nil, "end_link": {"link", link}} {
			c.shows(one.Get(visit+"/acts/"+kind), c.T("operator.settling"))
			a := one.Post(visit+"/acts/"+kind, append(fields, "seen", "yes")...)
			if a.Status == http.StatusSeeOther {
				t.Errorf("%s: a new operator proposed it", kind)
			}
		}
		if n := c.count(`SELECT COUNT(id) FROM desk_acts`); n != 0 {
			t.Errorf("%d acts", n)
		}
		// As the second, beside an honest first.
		act := c.anna.Act(c.anna.OpenCase(c.Vera.Phone, "lost_password"), "recover")
		c.shows(two.Get(act), c.T("operator.settling"))
		for _, move := range [][]string{{"/agree", "seen", "yes"}, {"/decline", "why", "doubt"}} {
			if a := two.Post(act+move[0], move[1:]...); a.Status != http.StatusForbidden {
				t.Errorf("%s: %d", move[0], a.Status)
			}
		}
		// What one operator does alone he does from the first day.
		c.shows(one.Get(visit), c.T("operator.act.name"))
		one.Act(visit, "name", "family", "Смирнова", "given", "Вера")
		// Who looks after operators sees both, and who gave them access.
		for _, role := range []desk.Role{desk.Senior, desk.Auditor} {
			page := c.Operator(c.Hire("watch-"+string(role), role, town)).Get("/operator")
			c.shows(page, c.T("operator.access"))
			c.shows(page, "ivan")
			c.shows(page, "pyotr")
		}
		c.hides("an operator's first page", c.anna.Get("/operator"), "pyotr")
		// One moment before it is over, and at it.
		settles := second.SettlesAt(c.Policy)
		c.wait(settles.Sub(c.Clock.Now()) - 5*time.Minute)
		act = c.anna.Act(c.anna.OpenCase(c.Vera.Phone, "lost_password"), "recover")
		two = c.Operator(second)
		c.Clock.Advance(settles.Sub(c.Clock.Now()) - time.Microsecond)
		if a := two.Post(act+"/agree", "seen", "yes"); a.Status != http.StatusForbidden {
			t.Errorf("a microsecond early: %d", a.Status)
		}
		c.password(c.Vera, apptest.Password)
		c.Clock.Advance(time.Microsecond)
		two.Want(two.Post(act+"/agree", "seen", "yes"), act)
	})
	t.Run("given anew", func(t *testing.T) {
		// Anna proposed, Boris agreed, and the paper waits. The administrator gives Anna's access anew, to himself.
		c := staffed(t, "sqlite")
		act := c.anna.Act(c.anna.OpenCase(c.Vera.Phone, "lost_password"), "recover")
		c.boris.Want(c.boris.Post(act+"/agree", "seen", "yes"), act)
		other := c.anna.Act(c.anna.OpenCase(c.Alexey.Phone, "lost_password"), "recover")
		galina := c.Operator(c.Hire("galina", desk.Administrator, town))
		thief := c.Operator(c.Renewed(galina, c.Anna))
		for _, path := range []string{act + "/paper", other + "/withdraw"} {
			if a := thief.Post(path); a.Status != http.StatusForbidden {
				t.Errorf("%s: %d", path, a.Status)
			}
		}
		page := c.Operator(c.Hire("auditor", desk.Auditor, town)).Get("/operator")
		c.shows(page, "anna")
		c.shows(page, c.T("operator.access.anew", "By", "Оператор galina", "At", c.Clock.Now())[:20])
	})
	t.Run("the statement itself", func(t *testing.T) {
		// A request that carries an operator as he was before his access was given anew.
		c := staffed(t, "sqlite")
		act := c.anna.Act(c.anna.OpenCase(c.Vera.Phone, "lost_password"), "recover")
		c.DB.Exec(t, `UPDATE operators SET enrolled_at = $1 WHERE id = $2`, c.Clock.Now().UnixMicro(), c.Boris.ID)
		err := c.Desk.Agree(t.Context(), c.by(c.Boris), c.Boris.Operator, strings.TrimPrefix(act, "/operator/acts/"))
		if !fault.HasKey(err, "fault.desk.settling") {
			t.Errorf("agreed with an old record: %v", err)
		}
		// A row of the former program, which does not know the column, is as old as it is.
		c.DB.Exec(t, `UPDATE operators SET enrolled_at = NULL, created_at = created_at - $1 WHERE id = $2`, c.Policy.OperatorSettling.Microseconds(), c.Boris.ID)
		c.boris.Want(c.boris.Post(act+"/agree", "seen", "yes"), act)
	})
}

// tryExec runs a statement that must fail.
func (s *scene) tryExec(query string) error {
	return s.Store.InTx(s.t.Context(), func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Exec(ctx, query)
		return err
	})
}

// T33 on PostgreSQL: many second operators, refusals, the first's withdrawal and the clock at once. One wins, and the
// account shows it.
func TestT33_SecondOperatorsRace(t *testing.T) {
	c := staffed(t, "postgres")
	var others []*apptest.Client
	for _, login := range []string{"vasily", "dalia", "egor", "zoya"} {
		others = append(others, c.Operator(c.Hire(login, desk.Clerk, "МФЦ Заречный")))
	}
	others = append(others, c.boris)
	won := map[desk.State]int{}
	for round := range 6 {
		act := c.anna.Act(c.anna.OpenCase(c.Vera.Phone, "lost_password"), "recover")
		answers := make([]apptest.Answer, 2*len(others)+2)
		storetest.Parallel(len(answers), func(i int) error {
			var err error
			switch {
			case i < len(others):
				answers[i], err = others[i].Try(t.Context(), http.MethodPost, act+"/agree", apptest.Form("seen", "yes"))
			case i < 2*len(others) && round%2 == 0:
				answers[i], err = others[i-len(others)].Try(t.Context(), http.MethodPost, act+"/decline", apptest.Form("why", "doubt"))
			case i == len(answers)-2 && round%3 != 0:
				answers[i], err = c.anna.Try(t.Context(), http.MethodPost, act+"/withdraw", apptest.Form())
			default:
				answers[i], err = c.anna.Try(t.Context(), http.MethodPost, act+"/agree", apptest.Form("seen", "yes")) // the first is never the second
				if answers[i].Status == http.StatusSeeOther {
					t.Error("the first operator was the second")
				}
			}
			return err
		})
		accepted := 0
		for _, a := range answers {
			if a.Status == http.StatusSeeOther {
				accepted++
			}
		}
		id := strings.TrimPrefix(act, "/operator/acts/")
		state := desk.State(c.text(`SELECT state FROM desk_acts WHERE id = $1`, id))
		won[state]++
		if accepted != 1 {
			t.Errorf("round %d: %d answers were accepted, the act is %s", round, accepted, state)
		}
		set := c.count(`SELECT COUNT(seq) FROM events WHERE kind = 'recovery.in_person'`)
		if set != won[desk.Approved] {
			t.Errorf("round %d: %d passwords for %d approved acts", round, set, won[desk.Approved])
		}
		if events := c.count(`SELECT COUNT(seq) FROM events WHERE object = $1 AND kind <> 'desk.proposed'`, "act:"+id); events != 1 {
			t.Errorf("round %d: %d events of one decision (I7)", round, events)
		}
	}
	t.Logf("won: %v", won)
	c.intact()
}

// T34: a caller talks the desk into it. The desk has nothing to give by phone: nothing is found without a document and a
// reason, every look is told and counted, no page shows a code or a number, and no act sends a password anywhere.
func TestT34_HelpDeskTalkedOver(t *testing.T) {
	c := staffed(t, "sqlite")
	t.Run("nothing is found by a part", func(t *testing.T) {
		for _, part := range []string{"+7913", "9131234", "Смирнова", "Вера", "vera@", "%", "*", "112", "' OR 1=1 --", ""} {
			a := c.anna.Post("/operator/cases", "identifier", part, "reason", "lost_password", "document", "passport_rus", "last4", "3456")
			if a.Status != http.StatusUnprocessableEntity {
				t.Errorf("%q: %d to %q", part, a.Status, a.Location)
			}
			c.hides("a look for "+part, a, "Петровна", "Смирнова Вера", "•••")
		}
	})
	t.Run("nothing without reason and document", func(t *testing.T) {
		for _, fields := range [][]string{
			{"identifier", c.Vera.Phone}, {"identifier", c.Vera.Phone, "reason", "lost_password"},
			{"identifier", c.Vera.Phone, "reason", "lost_password", "document", "passport_rus"},
			{"identifier", c.Vera.Phone, "reason", "friend asked", "document", "passport_rus", "last4", "3456"},
			{"identifier", c.Vera.Phone, "reason", "lost_password", "document", "none", "last4", "3456"},
			{"identifier", c.Vera.Phone, "reason", "lost_password", "document", "passport_rus", "last4", "45 12 345678"},
		} {
			a := c.anna.Post("/operator/cases", fields...)
			if a.Status != http.StatusUnprocessableEntity {
				t.Errorf("%v: %d", fields, a.Status)
			}
			c.hides("an incomplete look", a, "Смирнова", "Вера Петровна")
		}
		if c.count(`SELECT COUNT(id) FROM desk_cases`) != 0 {
			t.Error("a case was opened")
		}
	})
	t.Run("every look is told and written down", func(t *testing.T) {
		visit := c.anna.OpenCase(c.Vera.Phone, "lost_password")
		page := c.anna.Get(visit)
		c.hides("a case", page, c.Vera.Phone, account.ShowPhone(c.Vera.Phone), c.Vera.Email, account.ShowSNILS(c.Vera.SNILS), c.Vera.SNILS, c.Alexey.Phone, "Алексей Иванович")
		if c.Count(c.Vera.Phone, notify.DeskCaseOpened) != 1 || c.Count(c.Vera.Email, notify.DeskCaseOpened) != 1 {
			t.Error("Vera was not told")
		}
		a := c.anna.Post("/operator/cases", "identifier", "+79990000000", "reason", "lost_password", "document", "passport_rus", "last4", "3456")
		c.shows(a, c.T("fault.desk.nobody"))
		if c.count(`SELECT COUNT(seq) FROM events WHERE kind = 'desk.looked' AND actor = 'operator' AND actor_id = $1`, c.Anna.ID) != 1 {
			t.Error("a look that found nobody was not written down")
		}
	})
	t.Run("looks are counted", func(t *testing.T) {
		limited := 0
		for range c.Policy.OperatorLooks + 5 {
			a := c.boris.Post("/operator/cases", "identifier", "+79990000000", "reason", "lost_password", "document", "passport_rus", "last4", "3456")
			if strings.Contains(a.Body, "Подождите") {
				limited++
			}
		}
		if limited != 5 {
			t.Errorf("%d of %d looks were refused", limited, c.Policy.OperatorLooks+5)
		}
	})
	t.Run("no verb that gives by phone", func(t *testing.T) {
		c.wait(time.Hour)
		visit := c.anna.OpenCase(c.Vera.Phone, "lost_password")
		c.Settle()
		before := c.sent(c.Vera.Phone)
		act := c.anna.Act(visit, "recover")
		c.boris.Want(c.boris.Post(act+"/agree", "seen", "yes"), act)
		temporary := c.paper(c.anna, act)
		c.Settle()
		for _, phone := range []string{c.Vera.Phone, c.Vera.Email, c.Alexey.Phone} {
			for _, m := range c.Phones.Messages(phone) {
				if strings.Contains(m.Text.Body, temporary) {
					t.Errorf("the temporary password went to %s", phone)
				}
			}
		}
		if c.sent(c.Vera.Phone) == before {
			t.Error("Vera was not told")
		}
		for _, page := range []string{visit, act, "/operator", "/operator/acts"} {
			c.hides(page, c.anna.Get(page), temporary)
			c.hides(page, c.boris.Get(page), temporary)
		}
	})
}

// T20 at the desk: every end of the online road names the service desk, and the desk leads on.
func TestT20_TheDeskLeadsOn(t *testing.T) {
	t.Run("a contact who blocks", func(t *testing.T) {
		c := staffed(t, "sqlite")
		link := c.text(`SELECT id FROM links WHERE principal_id = $1`, c.Vera.ID)
		applicant := c.recovering(c.Vera)
		alexey := c.signedIn(c.Alexey)
		request := alexey.Request()
		alexey.Want(alexey.Post(request+"/reject", "reason", "other"), request)
		c.shows(applicant.Get("/recovery/end"), "центр обслуживания")
		act := c.anna.Act(c.anna.OpenCase(c.Vera.Phone, "fears_contact"), "end_link", "link", link)
		c.boris.Want(c.boris.Post(act+"/agree", "seen", "yes"), act)
		visit := c.anna.OpenCase(c.Vera.Phone, "locked")
		c.anna.Act(visit, "unlock")
		alone := c.recovering(c.Vera)
		c.wantState(c.Vera, recovery.Approved)
		c.finish(alone, c.Vera)
	})
	t.Run("two who guard each other, both locked out", func(t *testing.T) {
		c := staffed(t, "sqlite")
		c.link(c.Alexey, c.Vera)
		c.wait(c.Policy.Settling)
		temporary := c.recoverInPerson(c.Vera)
		c.password(c.Vera, temporary)
		again := c.recoverInPerson(c.Alexey)
		c.password(c.Alexey, again)
	})
}
