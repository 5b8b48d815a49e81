package attacks

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"doverie/internal/account"
	"doverie/internal/apptest"
	"doverie/internal/notify"
	"doverie/internal/recovery"
	"doverie/internal/store/storetest"
)

const contactsHome = "/settings/safety/trusted-contacts"

// cookie steals a cookie of a browser into a fresh one.
func (s *scene) cookie(from *apptest.Client, name string) *apptest.Client {
	s.t.Helper()
	value := from.Cookies()[name]
	if value == "" {
		s.t.Fatalf("there is no cookie %q: %v", name, from.Cookies())
	}
	c := s.Client()
	c.SetCookie(name, value)
	return c
}

// Somebody has copied Vera's session cookie. It removes no contact and adds none.
func TestT09_StolenSessionReplacesTheContact(t *testing.T) {
	s := guarded(t)
	vera := s.signedIn(s.Vera)
	thief := s.cookie(vera, "session")
	link := s.text(`SELECT id FROM links WHERE principal_id = $1`, s.Vera.ID)
	for _, try := range [][]string{
		{contactsHome + "/" + link + "/remove", "tell", "now"}, {contactsHome + "/" + link + "/remove", "tell", "later"},
		{contactsHome + "/add", "name", "Мария", "phone", s.Maria.Phone},
	} {
		s.refused(try[0], thief.Post(try[0], try[1:]...))
	}
	if s.text(`SELECT state FROM links WHERE id = $1`, link) != "active" {
		t.Fatal("the link has changed")
	}
	// Vera proves herself in her own browser: the copied cookie is dead from then on.
	vera.StepUp(s.Vera, apptest.Password)
	thief.Want(thief.Get("/settings/account"), "/sign-in")
	// Even with everything (here: her own browser), the outgoing contact guards for 72 hours, and both are told.
	vera.Want(vera.Post(contactsHome+"/"+link+"/remove", "tell", "now"), contactsHome)
	for _, phone := range []string{s.Vera.Phone, s.Alexey.Phone, s.Vera.Email, s.Alexey.Email} {
		if s.Count(phone, notify.TrustLeaving) != 1 {
			t.Errorf("%s was not told of the removal", phone)
		}
	}
	s.Advance(s.Policy.Leaving - time.Minute)
	applicant := s.recovering(s.Vera)
	s.wantState(s.Vera, recovery.Awaiting)
	s.refused("the password without the outgoing contact", redirectIsRefusal(applicant.Post("/recovery/password", "password", apptest.NewPassword)))
	// He may still stop it: "this is suspicious".
	alexey := s.signedIn(s.Alexey)
	alexey.Want(alexey.Post(contactsHome+"/"+link+"/stay"), contactsHome)
	s.Advance(s.Policy.Leaving)
	if s.text(`SELECT state FROM links WHERE id = $1`, link) != "active" {
		t.Error("the removal that was stopped took effect")
	}
	s.password(s.Vera, apptest.Password)
}

// redirectIsRefusal reads a redirect to the step whose turn it is as the refusal it is.
func redirectIsRefusal(a apptest.Answer) apptest.Answer {
	if a.Status == http.StatusSeeOther {
		a.Status = http.StatusConflict
	}
	return a
}

// A thief with Vera's password and phone appoints his own man and recovers at once.
func TestT10_AttackerAppointsHimself(t *testing.T) {
	s := begin(t)
	mallory := s.Add(storetest.Person{Given: "Максим", Phone: "+79161234567"})
	thief, accomplice := s.steppedUp(s.Vera), s.steppedUp(mallory)
	thief.Want(thief.Post(contactsHome+"/add", "name", "Максим", "phone", mallory.Phone), contactsHome)
	s.Settle()
	link := s.text(`SELECT id FROM links WHERE principal_id = $1`, s.Vera.ID)
	accomplice.Want(accomplice.Post("/invitations/"+link+"/accept"), contactsHome)
	if s.Count(s.Vera.Phone, notify.TrustAccepted) != 1 || s.Count(s.Vera.Email, notify.TrustAccepted) != 1 {
		t.Error("Vera was not told on every channel that somebody guards her now")
	}
	applicant := s.Client()
	if led := applicant.StartRecovery(s.Vera); led != "/recovery" {
		t.Fatalf("led to %s", led)
	}
	s.wantState(s.Vera, recovery.LockedOut) // guarded, and nobody is able yet: in person only
	s.shows(applicant.Get("/recovery/end"), s.T("recovery.end.nobody.title"))
	if len(requests(accomplice)) != 0 {
		t.Error("the unsettled contact was asked")
	}
	s.password(s.Vera, apptest.Password)
	// He is still refused just before he settles, when the request would outlive the settling.
	s.Advance(s.Policy.Settling - time.Minute)
	second := s.recovering(s.Vera)
	accomplice = s.steppedUp(mallory)
	request := accomplice.Request()
	for _, step := range []string{"/questions", "/match", "/confirm", "/code"} {
		accomplice.Want(accomplice.Post(request+step, append(apptest.Answers(0), "number", second.Match())...), request+"?why=")
	}
	s.wantState(s.Vera, recovery.Awaiting)
}

// Whatever somebody planted in the account before a recovery is gone after it.
func TestT11_NothingPlantedSurvives(t *testing.T) {
	s := guarded(t)
	planter := s.steppedUp(s.Vera)
	planter.Want(planter.Post(contactsHome+"/add", "name", "Мария", "phone", s.Maria.Phone), contactsHome)
	invitation := s.text(`SELECT id FROM links WHERE principal_id = $1 AND state = 'invited'`, s.Vera.ID)
	planter.Post("/settings/account/email", "email", "thief@example.test")
	letter := s.LinkPath("thief@example.test", notify.EmailVerifyLink)
	if a := planter.Post(contactsHome+"/rehearsal", "start", "1"); a.Status >= http.StatusInternalServerError {
		t.Fatalf("rehearsal: %d", a.Status)
	}
	s.Advance(pause)
	remembered := s.Client() // a remembered browser
	remembered.Want(remembered.Post("/sign-in", "identifier", s.Vera.Phone, "password", apptest.Password), "/sign-in/code")
	remembered.Want(remembered.Post("/sign-in/code", "code", s.Code(s.Vera.Phone, notify.SignInCode), "remember", "1"), "/")
	s.Advance(pause)
	halfway := s.Client() // the password is entered, the code is on its way
	halfway.Want(halfway.Post("/sign-in", "identifier", s.Vera.Phone, "password", apptest.Password), "/sign-in/code")
	code := s.Code(s.Vera.Phone, notify.SignInCode)
	older := s.recovering(s.Vera) // an older attempt

	applicant := s.recovering(s.Vera)
	alexey := s.steppedUp(s.Alexey)
	request := "/approvals/" + s.text(`SELECT p.id FROM approvals p JOIN recoveries r ON r.id = p.object_id WHERE r.account_id = $1 AND r.state = 'awaiting_contact'`, s.Vera.ID)
	alexey.Approve(s.Alexey, request, applicant.Match())
	s.finish(applicant, s.Vera)

	planter.Want(planter.Get("/settings/account"), "/sign-in")
	remembered.Want(remembered.Get("/settings/account"), "/sign-in")
	if a := halfway.Post("/sign-in/code", "code", code); a.Status == http.StatusSeeOther && !strings.HasPrefix(a.Location, "/sign-in") {
		t.Errorf("a sign-in begun before lives on: %d %s", a.Status, a.Location)
	}
	older.Want(older.Get("/recovery/wait"), "/recovery/end")
	for what, n := range map[string]int{
		"invitations":      s.count(`SELECT COUNT(id) FROM links WHERE id = $1 AND state = 'invited'`, invitation),
		"sessions":         s.count(`SELECT COUNT(id) FROM sessions WHERE account_id = $1 AND ended_at IS NULL`, s.Vera.ID),
		"devices":          s.count(`SELECT COUNT(id) FROM devices WHERE account_id = $1 AND ended_at IS NULL`, s.Vera.ID),
		"sign-ins":         s.count(`SELECT COUNT(id) FROM sign_ins WHERE account_id = $1 AND state = 'pending'`, s.Vera.ID),
		"guarded actions":  s.count(`SELECT COUNT(id) FROM guarded_actions WHERE account_id = $1 AND state IN ('waiting', 'approved')`, s.Vera.ID),
		"wishes of e-mail": s.count(`SELECT COUNT(id) FROM email_links WHERE account_id = $1 AND ended_at IS NULL`, s.Vera.ID),
		"live codes":       s.count(`SELECT COUNT(id) FROM codes WHERE account_id = $1 AND state = 'live'`, s.Vera.ID),
		"open recoveries":  s.count(`SELECT COUNT(id) FROM recoveries WHERE account_id = $1 AND state IN ('proving', 'awaiting_contact', 'approved', 'verified')`, s.Vera.ID),
	} {
		if n != 0 {
			t.Errorf("%d %s survive the recovery", n, what)
		}
	}
	maria := s.steppedUp(s.Maria)
	s.refused("the planted invitation", maria.Post("/invitations/"+invitation+"/accept"))
	s.refused("the planted letter", s.Client().Post("/email/verify", "t", letter[strings.LastIndex(letter, "=")+1:]))
	if s.text(`SELECT email FROM accounts WHERE id = $1`, s.Vera.ID) != s.Vera.Email {
		t.Error("the planted e-mail was confirmed")
	}
}

// Alexey himself is the attacker. He can say yes or no when asked; he reads nothing and starts nothing.
func TestT12_TheContactIsTheAttacker(t *testing.T) {
	s := guarded(t)
	vera := s.steppedUp(s.Vera)
	// He reads nothing of hers, on any page, with or without a request.
	private := []string{s.Vera.Phone, account.ShowPhone(s.Vera.Phone), s.Vera.Email, s.Vera.SNILS, "Смирнова В", "08.03.1954", "1954", s.Vera.ID}
	alexey := s.steppedUp(s.Alexey)
	pages := []string{
		"/settings/account", "/settings/safety/login", "/settings/safety/sessions", "/settings/safety/events", contactsHome, "/approvals", "/safety/alarm",
	}
	look := func(more ...string) {
		for _, path := range append(pages, more...) {
			s.hides(path, alexey.Get(path), private...)
		}
	}
	look()
	// He starts nothing: without her phone a start of his is worth nothing, and asks nobody.
	own := s.Client()
	own.Want(own.Post("/recovery", "identifier", s.Vera.Phone), "/recovery/code")
	own.Post("/recovery/code", "code", "000000")
	own.Want(own.Get("/recovery/wait"), "/recovery/code")
	if len(requests(alexey)) != 0 {
		t.Error("his own start asked him")
	}
	link := s.text(`SELECT id FROM links WHERE principal_id = $1`, s.Vera.ID)
	for _, path := range []string{contactsHome + "/" + link + "/remove", contactsHome + "/" + link + "/withdraw"} {
		s.refused(path, alexey.Post(path, "tell", "later"))
	}
	applicant := s.recovering(s.Vera)
	request := alexey.Request()
	look(request, request+"/questions", request+"/wait", request+"/reject")
	alexey.Approve(s.Alexey, request, applicant.Match())
	look(request)
	// His yes alone gives him nothing: the rest needs the browser that began it and her phone.
	for _, path := range []string{"/recovery/finish", "/recovery/password"} {
		alexey.Want(alexey.Post(path, "code", "000000", "password", apptest.NewPassword), "/recovery")
	}
	s.password(s.Vera, apptest.Password)
	vera.Want(vera.Post("/safety/disown"), "/safety/alarm")

	// Quiet exit: he learns nothing for 72 hours, from no message and no page, and cannot stop it.
	vera = s.signedIn(s.Vera)
	s.Advance(pause)
	vera.StepUp(s.Vera, apptest.Password)
	before, pageBefore := s.sent(s.Alexey.Phone)+s.sent(s.Alexey.Email), apptest.Words(alexey.Get(contactsHome).Body)
	vera.Want(vera.Post(contactsHome+"/"+link+"/remove", "tell", "later"), contactsHome)
	if now := s.sent(s.Alexey.Phone) + s.sent(s.Alexey.Email); now != before {
		t.Errorf("%d messages tell of the quiet exit", now-before)
	}
	if after := apptest.Words(alexey.Get(contactsHome).Body); after != pageBefore {
		t.Errorf("his page tells of the quiet exit:\n%s\n%s", pageBefore, after)
	}
	s.refused("stopping what he cannot know", alexey.Post(contactsHome+"/"+link+"/stay"))
	s.hides("his history", alexey.Get("/settings/safety/events"), "leaving")

	// Meanwhile he gets hold of her phone and approves himself: the password waits until the exit is over.
	s.Advance(s.Policy.RecoveryLock)
	applicant, alexey = s.recovering(s.Vera), s.steppedUp(s.Alexey)
	alexey.Approve(s.Alexey, alexey.Request(), applicant.Match())
	applicant.Want(applicant.Post("/recovery/finish/send"), "/recovery/finish")
	applicant.Want(applicant.Post("/recovery/finish", "code", s.Code(s.Vera.Phone, notify.RecoveryFinishCode)), "/recovery")
	if a := applicant.Post("/recovery/password", "password", apptest.NewPassword); a.Status != http.StatusUnprocessableEntity {
		t.Errorf("during a quiet exit the password was taken: %d %s", a.Status, a.Location)
	}
	s.password(s.Vera, apptest.Password)
	s.Advance(s.Policy.Leaving)
	if s.text(`SELECT state FROM links WHERE id = $1`, link) != "ended" {
		t.Error("the quiet exit did not take effect")
	}
}

// Two relatives collude: with a quorum of two, or one honest veto, they get nowhere.
func TestT13_ColludingRelatives(t *testing.T) {
	for _, c := range []struct {
		name           string
		quorum         int
		yes            []int // who approves, in this order: 0 Alexey, 1 Maria, 2 Oleg
		no             int   // who rejects after them; −1: nobody
		want           recovery.State
		wantAfterVetos recovery.State
	}{
		{"one of one", 1, []int{0}, -1, recovery.Approved, ""},
		{"one of two needed", 2, []int{0}, -1, recovery.Awaiting, ""},
		{"two of two needed", 2, []int{0, 1}, -1, recovery.Approved, ""},
		{"one yes and a veto", 1, []int{0}, 2, recovery.Approved, recovery.Rejected},
		{"two yes and a veto", 2, []int{0, 1}, 2, recovery.Approved, recovery.Rejected},
		{"a veto first", 2, nil, 2, recovery.Awaiting, recovery.Rejected},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := begin(t)
			oleg := s.Add(storetest.Person{Given: "Олег", Phone: "+79165554433"})
			people := []account.Account{s.Alexey, s.Maria, oleg}
			for _, p := range people {
				s.link(s.Vera, p)
			}
			s.DB.Exec(t, `UPDATE accounts SET quorum = $1 WHERE id = $2`, c.quorum, s.Vera.ID)
			s.Advance(s.Policy.Settling)
			applicant := s.recovering(s.Vera)
			match := applicant.Match()
			for _, i := range c.yes {
				contact := s.steppedUp(people[i])
				contact.Approve(people[i], contact.Request(), match)
				if i == 0 && c.quorum == 2 { // his yes counts once, however often he says it
					s.wantState(s.Vera, recovery.Awaiting)
				}
			}
			s.wantState(s.Vera, c.want)
			if c.no < 0 {
				return
			}
			honest := s.signedIn(people[c.no])
			request := "/approvals/" + s.text(`SELECT id FROM approvals WHERE contact_id = $1`, people[c.no].ID)
			honest.Want(honest.Post(request+"/reject", "reason", "fraud"), request)
			s.wantState(s.Vera, c.wantAfterVetos)
			applicant.Want(applicant.Post("/recovery/password", "password", apptest.NewPassword), "/recovery/end")
			s.password(s.Vera, apptest.Password)
		})
	}
}

// One per cent of a hundred thousand people is taken over; the attacker then recovers whomever these people guard.
func TestT14_ForestFire(t *testing.T) {
	table, with, without := forestFire(100_000, 1)
	t.Log("\n" + table)
	if with >= 1.1 {
		t.Errorf("with the rules the fire grows %.2f times", with)
	}
	if without <= 2 {
		t.Errorf("without them it grows only %.2f times: the test shows nothing", without)
	}
}

// Two people who guard each other can both be locked out: they are warned before, and after.
func TestT15_MutualPairIsWarned(t *testing.T) {
	s := begin(t)
	s.link(s.Vera, s.Alexey)
	alexey := s.steppedUp(s.Alexey)
	alexey.Want(alexey.Post(contactsHome+"/add", "name", "Вера", "phone", s.Vera.Phone), contactsHome)
	invitation := s.text(`SELECT id FROM links WHERE principal_id = $1`, s.Alexey.ID)
	vera := s.steppedUp(s.Vera)
	warning := "Если вы оба потеряете доступ"
	s.shows(vera.Get("/invitations/"+invitation), warning)
	s.shows(vera.Get("/invitations/"+invitation+"/accept"), warning)
	vera.Want(vera.Post("/invitations/"+invitation+"/accept"), contactsHome) // allowed, with plain words
	s.shows(vera.Get(contactsHome), warning)
	s.shows(alexey.Get(contactsHome), warning)
	// Both are locked out at the same moment: neither can open the door for the other, and neither is told wrongly.
	s.Advance(s.Policy.Settling)
	one, two := s.recovering(s.Vera), s.Client()
	two.StartRecovery(s.Alexey)
	s.wantState(s.Vera, recovery.Awaiting)
	s.wantState(s.Alexey, recovery.LockedOut) // Vera's own account has an open recovery: she guards nobody meanwhile
	s.shows(two.Get("/recovery/end"), s.T("recovery.end.nobody.title"))
	one.Want(one.Post("/recovery/cancel"), "/recovery")
	maria := s.signedIn(s.Maria)
	s.hides("a pair of others", maria.Get(contactsHome), "оба потеряете")
}
