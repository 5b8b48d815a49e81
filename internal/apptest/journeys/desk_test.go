package journeys

import (
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
	"doverie/internal/apptest/browser"
	"doverie/internal/desk"
	"doverie/internal/effect"
	"doverie/internal/notify"
	"doverie/internal/recovery"
	"doverie/internal/secret"
	"doverie/internal/trust"
)

const office = "МФЦ Заречный"

// employee is an operator at his own browser: with a key where scripts run, else with a code generator.
type employee struct {
	*actor

	login string
	totp  []byte
}

// employ adds an operator and lets him come in with his one-time code from paper. He has been there long enough to take
// part in acts of two.
func (s *stage) employ(login string, role desk.Role) *employee {
	s.t.Helper()
	e := s.newcomer(login, role)
	s.Settled(login)
	return e
}

// newcomer is an operator on his first day.
func (s *stage) newcomer(login string, role desk.Role) *employee {
	s.t.Helper()
	_, code, err := s.Staff.InviteFirst(s.t.Context(), effect.Act{Actor: effect.System}, desk.NewOperator{Login: login, Name: "Оператор " + login, Role: role}, office, "Новосибирск")
	if err != nil {
		s.t.Fatal(err)
	}
	e := &employee{actor: s.enter(login, account.Account{}), login: login}
	e.Go("/operator")
	e.At("/operator/sign-in")
	e.See(s.T("operator.place"))
	e.Press(`main a[href="/operator/enrol"]`)
	e.Fill("code", "ABCD-EFGH")
	e.submit()
	e.See(s.T("fault.desk.enrol"))
	e.Fill("code", strings.ToLower(code))
	e.submit()
	e.At("/operator/enrol/key")
	if s.way.script {
		e.Authenticator()
		e.key()
	} else {
		if e.totp, err = secret.ParseTOTPText(e.TextOf(".once")); err != nil {
			s.t.Fatal(err)
		}
		e.Fill("password", apptest.OperatorPassword)
		e.Fill("code", secret.TOTPCode(e.totp, s.Clock.Now()))
		e.Press(`form[action="/operator/enrol/password"] button.button`)
	}
	e.At("/operator")
	e.See(s.T("operator.home."+string(role)), office)
	return e
}

// shift signs the operator in again: his session is short.
func (e *employee) shift() {
	e.s.t.Helper()
	e.Go("/operator")
	if !strings.HasPrefix(e.Path(), "/operator/sign-in") {
		return
	}
	if e.s.way.script {
		e.key()
	} else {
		e.s.Clock.Advance(30 * time.Second)
		e.Fill("login", e.login)
		e.Fill("password", apptest.OperatorPassword)
		e.Fill("code", secret.TOTPCode(e.totp, e.s.Clock.Now()))
		e.submit()
	}
	e.At("/operator")
}

// visit opens a case of whoever stands at the desk.
func (e *employee) visit(identifier string, reason desk.Reason) {
	e.s.t.Helper()
	e.shift()
	e.Fill("identifier", identifier)
	e.Choose("reason", string(reason))
	e.pick("document", "passport_rus")
	e.Fill("last4", "3456")
	e.submit()
	e.At("/operator/cases/")
}

// pick chooses from a list by the keyboard, as its user would.
func (a *actor) pick(name, value string) {
	a.s.t.Helper()
	a.Select(name, value)
}

// do opens an act of the case and reads what it will do.
func (e *employee) do(kind desk.Kind) {
	e.s.t.Helper()
	e.Press(`main a[href$="/acts/` + string(kind) + `"]`)
	e.See(e.s.T("operator.act.will"), e.s.T("operator.will."+string(kind)+".1"), e.s.T("operator.will."+string(kind)+".2"))
}

// sure states that the person and his document are here, and presses the form's own button.
func (e *employee) sure(action string) {
	e.s.t.Helper()
	e.Choose("seen", "yes")
	e.Press(`form[action$="` + action + `"] button.button`)
}

// second opens what waits in the queue.
func (e *employee) second() {
	e.s.t.Helper()
	e.shift()
	e.Press(`nav a[href="/operator/acts"]`)
	e.Press(`main .rows a[href^="/operator/acts/"]`)
	e.See(e.s.T("operator.decide"), e.s.T("operator.fact.born"))
}

func atDesk(t *testing.T, w way) *stage {
	t.Helper()
	s := atLocalhost(t, w)
	s.linked()
	return s
}

// The ways out of every dead end, at one service desk: a freeze lifted, a lost phone, recovery on paper with its forced
// change, a dead contact; a second operator who refuses, and one operator who tries to be two.
func TestServiceDesk(t *testing.T) {
	for _, w := range []way{{"ru", true, "postgres"}, {"en", true, "sqlite"}, {"ru", false, "sqlite"}} {
		t.Run(w.String(), func(t *testing.T) {
			s := atDesk(t, w)
			anna, boris := s.employ("anna", desk.Clerk), s.employ("boris", desk.Clerk)
			s.frozen(anna)
			s.newPhone(anna)
			s.onPaper(anna, boris)
			s.deadContact(anna, boris)
			if report, err := s.Store.VerifyEvents(t.Context()); err != nil || !report.Intact() {
				t.Errorf("events: %+v %v", report, err)
			}
			for _, secret := range []string{apptest.Password, apptest.OperatorPassword, apptest.NewPassword} {
				if strings.Contains(s.Logs.String(), secret) {
					t.Error("a password is in the log")
				}
			}
		})
	}
}

// TestFirstDays: an operator who was given access today reads, before he does anything, that he takes no part in what two
// operators do, and from when on he will; a senior one reads who was given access, by whom and when.
func TestFirstDays(t *testing.T) {
	for _, w := range []way{{"en", true, "postgres"}, {"ru", false, "sqlite"}} {
		t.Run(w.String(), func(t *testing.T) {
			s := atDesk(t, w)
			ivan, senior := s.newcomer("ivan", desk.Clerk), s.employ("olga", desk.Senior)
			made, err := s.Store.OperatorByLogin(t.Context(), "ivan")
			if err != nil {
				t.Fatal(err)
			}
			from := s.T("operator.settling.text", "From", made.SettlesAt(s.Policy), "Time", s.Policy.OperatorSettling)
			ivan.Go("/operator/acts")
			ivan.See(s.T("operator.settling"), from)
			ivan.look("the queue on the first day")
			ivan.visit(s.Vera.Phone, desk.LostPassword)
			ivan.Press(`main a[href$="/acts/recover"]`)
			ivan.See(s.T("operator.settling"), from)
			ivan.look("an act of two on the first day")
			if ivan.Exists(`main form[action$="/acts/recover"]`) {
				t.Error("the form is offered all the same")
			}
			senior.visit(s.Vera.Phone, desk.LostPassword)
			senior.do(desk.Recover)
			senior.sure("/acts/recover")
			ivan.shift()
			ivan.Go("/operator/acts")
			ivan.Press(`main .rows a[href^="/operator/acts/"]`)
			ivan.See(from)
			ivan.look("what waits for a second, on the first day")
			senior.shift()
			senior.See(s.T("operator.access"), "ivan", s.T("operator.access.given", "By", s.T("operator.access.command"), "At", made.CreatedAt))
			senior.look("who was given access")
		})
	}
}

func (s *stage) frozen(anna *employee) {
	s.t.Helper()
	if err := s.Protect.Freeze(s.t.Context(), effect.Act{Actor: effect.Person, ID: s.Vera.ID}, s.Vera.ID, trust.FrozenBySelf); err != nil {
		s.t.Fatal(err)
	}
	anna.shift()
	anna.Fill("identifier", "+7999") // nobody is found by a part
	anna.submit()
	anna.See(s.T("fault.desk.reason"))
	anna.visit(s.Vera.SNILS, desk.FrozenReason)
	anna.See(s.T("operator.frozen.self"))
	if s.Count(s.Vera.Phone, notify.DeskCaseOpened) != 1 || s.Count(s.Vera.Email, notify.DeskCaseOpened) != 1 {
		s.t.Error("Vera was not told that her account was opened")
	}
	anna.do(desk.Thaw)
	anna.Press(`form[action$="/acts/thaw"] button.button`)
	anna.See(s.T("fault.desk.seen"))
	anna.sure("/acts/thaw")
	anna.See(s.T("operator.state.approved"))
	vera := s.enter("vera", s.Vera)
	vera.signIn(apptest.Password)
	vera.At("/settings/account")
	vera.Go("/settings/safety/events")
	vera.See(office, s.T("event.account.thawed"), s.T("event.desk.case_opened"))
}

func (s *stage) newPhone(anna *employee) {
	s.t.Helper()
	s.Advance(24 * time.Hour)
	s.DB.Exec(s.t, `UPDATE accounts SET phone_current = FALSE, phone_lost_at = $1, version = version + 1 WHERE id = $2`, s.Clock.Now().UnixMicro(), s.Vera.ID)
	anna.visit(s.Vera.SNILS, desk.LostPhone)
	anna.do(desk.Phone)
	anna.Fill("phone", "+7 913 000-11-22")
	anna.Press(`form[action$="/phone"] button.button`)
	anna.See(s.T("operator.phone.self"))
	s.Vera.Phone = "+79130001122"
	anna.Fill("code", "000000")
	anna.sure("/acts/phone")
	anna.See(s.T("errors.title"))
	anna.Fill("code", s.Code(s.Vera.Phone, notify.ChangePhoneCode))
	anna.sure("/acts/phone")
	anna.See(s.T("operator.state.approved"))
	if s.Count(s.Alexey.Phone, notify.PhoneChanged) != 1 {
		s.t.Error("the contact was not told of the new phone")
	}
	// With her new phone and her contact Vera gets her access back by herself.
	applicant := s.enter("applicant", s.Vera)
	applicant.startRecovery()
	applicant.At("/recovery/wait")
	alexey := s.enter("alexey", s.Alexey)
	alexey.signIn(apptest.Password)
	alexey.openRequest()
	alexey.approve(applicant.match())
	applicant.finish()
	applicant.See(s.T("recovery.done.title"))
}

var password = regexp.MustCompile(`[a-z2-9]{5}-[a-z2-9]{5}-[a-z2-9]{5}`)

// printed reads the paper as its owner would, and leaves a picture of it where the run wants one.
func (s *stage) printed(pdf []byte) string {
	s.t.Helper()
	file := filepath.Join(s.t.TempDir(), "paper.pdf")
	if err := os.WriteFile(file, pdf, 0o600); err != nil {
		s.t.Fatal(err)
	}
	words, err := exec.CommandContext(s.t.Context(), "pdftotext", "-layout", file, "-").Output()
	if err != nil {
		s.t.Fatalf("pdftotext: %v", err)
	}
	text := strings.Join(strings.Fields(string(words)), " ")
	for _, key := range []string{"operator.pdf.title", "operator.pdf.step.1", "operator.pdf.step.3", "operator.pdf.step.5"} {
		if !strings.Contains(text, strings.ReplaceAll(s.T(key), "\u00a0", " ")) {
			s.t.Errorf("the paper does not say %q: %s", s.T(key), text)
		}
	}
	if *shots != "" {
		picture := filepath.Join(*shots, "paper-"+s.way.lang)
		if out, err := exec.CommandContext(s.t.Context(), "pdftoppm", "-r", "90", "-png", "-singlefile", file, picture).CombinedOutput(); err != nil {
			s.t.Errorf("pdftoppm: %v: %s", err, out)
		}
	}
	return password.FindString(text)
}

func (s *stage) onPaper(anna, boris *employee) {
	s.t.Helper()
	s.Advance(24 * time.Hour)
	anna.visit(s.Vera.Phone, desk.LostPassword)
	anna.do(desk.Recover)
	anna.See(s.T("operator.two"))
	anna.sure("/acts/recover")
	anna.See(s.T("operator.wait"))
	anna.SeeNot(s.T("operator.agree.recover"))
	act := anna.Path()
	// One operator tries both roles: by the address of the other's button.
	if status, _ := anna.Fetch(act+"/agree", ""); status != http.StatusUnprocessableEntity { // the form comes back: nothing was stated
		s.t.Errorf("an empty agreement of the first: %d", status)
	}
	if status, _ := anna.Fetch(act+"/agree", "seen=yes"); status != http.StatusForbidden {
		s.t.Errorf("one operator was two: %d", status)
	}
	if got := s.one(`SELECT state FROM desk_acts WHERE kind = 'recover'`); got != string(desk.Proposed) {
		s.t.Errorf("the act is %s", got)
	}
	boris.second()
	boris.sure("/agree")
	boris.See(s.T("operator.state.approved"))
	if status, _ := boris.Fetch(act+"/paper", ""); status != http.StatusNotFound {
		s.t.Errorf("the second operator got the paper: %d", status)
	}
	anna.Go(act)
	anna.See(s.T("operator.paper"))
	status, pdf := anna.Fetch(act+"/paper", "")
	temporary := ""
	if status == http.StatusOK {
		temporary = s.printed(pdf)
	}
	if temporary == "" {
		s.t.Fatalf("no password on the paper (%d)", status)
	}
	if status, _ = anna.Fetch(act+"/paper", ""); status != http.StatusConflict {
		s.t.Errorf("the paper was printed twice: %d", status)
	}
	if s.Count(s.Alexey.Phone, notify.RecoveryCompleted) < 2 || s.Count(s.Vera.Email, notify.RecoveryCompleted) < 2 {
		s.t.Error("principal and contact were not told of the recovery in person")
	}
	vera := s.enter("vera with paper", s.Vera)
	vera.signIn(temporary)
	vera.At("/settings/safety/password")
	for _, elsewhere := range []string{"/settings/account", "/settings/safety/trusted-contacts", "/step-up", "/approvals"} {
		vera.Go(elsewhere)
		vera.At("/settings/safety/password")
	}
	vera.Fill("old", temporary)
	vera.Fill("new", "девять серых котов у реки")
	vera.submit()
	vera.At("/settings/safety/login")
	again := s.enter("somebody with the paper", s.Vera)
	again.Go("/sign-in")
	again.Fill("identifier", s.Vera.Phone)
	again.Fill("password", temporary)
	again.submit()
	again.At("/sign-in")
	again.SeeNot(s.T("sign_in.code.title"))
}

func (s *stage) deadContact(anna, boris *employee) {
	s.t.Helper()
	s.Advance(24 * time.Hour)
	anna.visit(s.Vera.Phone, desk.DeadContact)
	propose := func() {
		anna.do(desk.EndLink)
		anna.sure("/acts/end_link")
		anna.See(s.T("fault.desk.which_link"))
		anna.Choose("link", s.one(`SELECT id FROM links WHERE state = 'active'`))
		anna.sure("/acts/end_link")
		anna.See(s.T("operator.wait"))
	}
	propose()
	boris.second()
	boris.Press(`form[action$="/decline"] button.button`)
	boris.See(s.T("fault.desk.why"))
	boris.Choose("why", string(desk.WhyDoubt))
	boris.Press(`form[action$="/decline"] button.button`)
	boris.See(s.T("operator.state.refused"))
	anna.Press(`main a[href$="` + strings.TrimPrefix(anna.Path(), "") + `"]`)
	anna.See(s.T("operator.state.refused"), s.T("operator.why.doubt"))
	if got := s.one(`SELECT state FROM links`); got != string(trust.Active) {
		s.t.Errorf("after a refusal the link is %s", got)
	}
	anna.Press(`main a.back`)
	propose()
	boris.second()
	boris.sure("/agree")
	boris.See(s.T("operator.state.approved"))
	if got := s.one(`SELECT state FROM links`); got != string(trust.Ended) {
		s.t.Errorf("the link is %s", got)
	}
	for _, to := range []string{s.Vera.Phone, s.Vera.Email, s.Alexey.Phone, s.Alexey.Email} {
		if s.Count(to, notify.TrustEnded) != 1 {
			s.t.Errorf("%s was not told of the end of the link", to)
		}
	}
	applicant := s.enter("applicant alone", s.Vera)
	applicant.startRecovery()
	applicant.At("/recovery/finish")
	if got := s.state(); got != recovery.Approved {
		s.t.Errorf("recovery without a contact: %s", got)
	}
}

// Everything of an operator's day by the keyboard alone: Tab and Enter, no mouse.
func TestServiceDeskByKeyboard(t *testing.T) {
	s := atDesk(t, way{"ru", true, "sqlite"})
	anna := s.employ("anna", desk.Clerk)
	anna.Go("/operator")
	anna.Keys("identifier", s.Vera.Phone)
	anna.Keys("last4", "3456")
	anna.TabTo(`[name=reason]`)
	anna.Type(" ")
	anna.TabTo(`[name=document]`)
	anna.Type("П")
	anna.TabTo(`form[action="/operator/cases"] button`)
	anna.Enter()
	anna.At("/operator/cases/")
	anna.TabTo(`main a[href$="/acts/end_link"]`)
	anna.Enter()
	anna.At("/operator/cases/")
	anna.TabTo(`[name=link]`)
	anna.Type(" ")
	anna.TabTo(`[name=seen]`)
	anna.Type(" ")
	anna.TabTo(`form[action$="/acts/end_link"] button`)
	anna.Enter()
	anna.At("/operator/acts/")
	anna.See(s.T("operator.wait"))
	_ = browser.Stop
}

// The auditor's and the administrator's pages.
func TestAuditorAndAdministrator(t *testing.T) {
	for _, w := range []way{{"ru", true, "postgres"}, {"en", false, "sqlite"}} {
		t.Run(w.String(), func(t *testing.T) {
			s := atDesk(t, w)
			anna := s.employ("anna", desk.Clerk)
			anna.visit(s.Vera.Phone, desk.LostContact)
			id := s.one(`SELECT id FROM desk_cases`)
			vladimir, galina := s.employ("vladimir", desk.Auditor), s.employ("galina", desk.Administrator)

			vladimir.Press(`nav a[href="/operator/audit"]`)
			vladimir.Fill("case", id)
			vladimir.Press(`form[action="/operator/audit"] button.button`)
			vladimir.See("desk.case_opened", office)
			vladimir.Fill("case", "")
			vladimir.Fill("operator", "nobody")
			vladimir.Press(`form[action="/operator/audit"] button.button`)
			vladimir.See(s.T("fault.desk.no_operator"))
			vladimir.Fill("operator", "anna")
			vladimir.Select("office", office)
			vladimir.Press(`form[action="/operator/audit"] button.button`)
			vladimir.See("desk.case_opened", "operator.signed_in")
			vladimir.Press(`nav a[href="/operator/audit/verify"]`)
			vladimir.submit()
			vladimir.See(s.T("operator.verify.head"))
			vladimir.Exists(".notice.success")
			vladimir.Press(`nav a[href="/operator/figures"]`)
			vladimir.See(s.T("operator.outcome.completed"), s.T("operator.figures.few", "Least", s.Policy.FiguresLeast))

			galina.Press(`nav a[href="/operator/offices"]`)
			galina.Fill("name", office)
			galina.Fill("address", "Бердск, Ленина, 1")
			galina.submit()
			galina.See(s.T("fault.desk.office_taken"))
			galina.Fill("name", "МФЦ Бердск")
			galina.submit()
			galina.See("МФЦ Бердск")
			galina.Press(`nav a[href="/operator/staff"]`)
			galina.Fill("name", "Дмитрий Новиков")
			galina.Fill("login", "dmitry")
			galina.Choose("role", "operator")
			galina.Press(`form[action="/operator/staff"] button.button`)
			galina.See(s.T("operator.once.warning"))
			if !regexp.MustCompile(`^([A-Z2-7]{4}-){6}[A-Z2-7]{2}$`).MatchString(galina.TextOf("#once")) {
				t.Errorf("one-time code %q", galina.TextOf("#once"))
			}
			galina.Press(`nav a[href="/operator/rules"]`)
			galina.See("operator_queue", "30m0s")
			galina.Press(`nav a[href="/operator/messages"]`)
			galina.See("desk.case_opened", "sms")
			galina.Press(`nav a[href="/operator/clients"]`)
			galina.See(s.T("operator.nav.clients"))
			galina.Press(`nav a[href="/operator/staff"]`)
			galina.Press(`form[action$="` + s.one(`SELECT id FROM operators WHERE login = 'anna'`) + `/suspend"] button`)
			anna.Go("/operator")
			anna.At("/operator/sign-in")
			if got := galina.Go("/operator/audit"); got != http.StatusForbidden {
				t.Errorf("an administrator audits: %d", got)
			}
			galina.See(s.T("fault.desk.role"))
		})
	}
}
