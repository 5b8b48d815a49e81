// Package journeys walks whole stories in a real browser, as the people of the letters would, with and
// without JavaScript, in both languages and on both engines.
package journeys

import (
	"flag"
	"fmt"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"

	"doverie/internal/account"
	"doverie/internal/apptest"
	"doverie/internal/apptest/browser"
	"doverie/internal/i18n"
	"doverie/internal/notify"
	"doverie/internal/recovery"
)

var (
	pictures = flag.Bool("pictures", false, "save the pictures of the README and the landing page into docs/pictures")
	shots    = flag.String("shots", "", "save every page at 320 and 1280 px into this folder")
)

// maxPage is what one page may weigh on the wire, everything included (60 KiB).
const maxPage = 60 << 10

// way is how a journey is walked.
type way struct {
	lang   string
	script bool
	engine string
}

func (w way) String() string {
	script := "no-script"
	if w.script {
		script = "script"
	}
	return w.lang + "-" + script + "-" + w.engine
}

// ways are all the ways each journey is walked: Russian with and without scripts on different engines, and English.
func ways() []way {
	return []way{{"ru", true, "postgres"}, {"ru", false, "sqlite"}, {"en", true, "sqlite"}}
}

// stage is one journey on its way.
type stage struct {
	*apptest.World
	apptest.Family

	t     *testing.T
	way   way
	words *i18n.Printer
}

// each walks the journey in every way.
func each(t *testing.T, journey func(s *stage)) {
	t.Helper()
	walk(t, ways(), journey)
}

// walk walks the journey in each of the ways, and after each looks for passwords in the log and at the chain of events.
func walk(t *testing.T, all []way, journey func(s *stage)) {
	t.Helper()
	for _, w := range all {
		t.Run(w.String(), func(t *testing.T) {
			world := apptest.New(t, w.engine, apptest.Options{})
			s := &stage{World: world, t: t, way: w, words: world.Texts.Printer(w.lang, world.Policy.Location())}
			s.Family = world.AddFamily()
			journey(s)
			for _, secret := range []string{apptest.Password, apptest.NewPassword} {
				if strings.Contains(world.Logs.String(), secret) {
					t.Errorf("a password is in the log")
				}
			}
			report, err := world.Store.VerifyEvents(t.Context())
			if err != nil || !report.Intact() {
				t.Errorf("events: %+v %v", report, err)
			}
		})
	}
}

// T is what the page should say, in the language of the journey.
func (s *stage) T(key string, args ...any) string { return s.words.T(key, args...) }

// actor is one person at his own browser.
type actor struct {
	*browser.Page

	s     *stage
	who   account.Account
	scene string // set by look
}

// enter gives somebody a browser; who may be the zero account.
func (s *stage) enter(name string, who account.Account) *actor {
	s.t.Helper()
	p := browser.Open(s.t, s.URL, name, browser.Options{Script: s.way.script, Lang: s.way.lang})
	a := &actor{Page: p, s: s, who: who}
	p.Seen = a.inspect
	return a
}

// inspected remembers which pages were checked in this process: one check a page, state and language.
var inspected sync.Map

var ids = regexp.MustCompile(`/not-me/.+$|[0-9a-f]{8}-[0-9a-f-]{27}|[A-Z2-7]{26}|\?.*$`)

// inspects names the page and its state, for inspected.
func (a *actor) inspects() string {
	a.s.t.Helper()
	return ids.ReplaceAllString(a.Path(), "…") + " " + a.TextOf("h1") + fmt.Sprint(a.Exists(".error-summary, [role=alert]")) + a.scene
}

// inspect checks a page that has come: weight, accessibility, width.
func (a *actor) inspect(p *browser.Page) {
	a.s.t.Helper()
	if w := p.Weight(); w > a.mayWeigh(p.Path()) {
		a.s.t.Errorf("%s weighs %d bytes", p.Path(), w)
	}
	state := a.inspects()
	if _, before := inspected.LoadOrStore(a.s.way.lang+state, true); before {
		return
	}
	for _, v := range p.Axe() {
		a.s.t.Errorf("axe: %s: %s (%s) %s", state, v.ID, v.Help, strings.Join(v.Nodes, "\n   "))
	}
	if over := p.Overflow(320); over > 0 {
		a.s.t.Errorf("%s is %d px wider than a screen of 320 px", state, over)
	}
	if *shots != "" {
		name := regexp.MustCompile(`[^\p{L}\p{N}]+`).ReplaceAllString(state, "-")
		for _, width := range []int64{320, 1280} {
			p.Shot(filepath.Join(*shots, fmt.Sprintf("%s%.80s-%d.png", a.s.way.lang, name, width)), width)
		}
	}
}

// look checks the page once more: its address and heading were seen before, and what it says now was not.
func (a *actor) look(scene string) {
	a.s.t.Helper()
	a.scene = " " + scene
	a.inspect(a.Page)
	a.scene = ""
}

// picture saves a picture for the documents, of a phone's width, from the Russian walk with scripts.
func (a *actor) picture(name string) {
	a.s.t.Helper()
	a.screen(name)
	if !*pictures || !a.s.way.script {
		return
	}
	a.Shot(filepath.Join(browser.Root(a.s.t), "docs", "pictures", name+"-"+a.s.way.lang+".png"), 390)
}

// submit presses the main button of the page's form.
func (a *actor) submit() int64 {
	a.s.t.Helper()
	return a.Press(`main form[method=post] button.button:not(.secondary):not(.danger):not(.link)`)
}

// signIn walks through the sign-in page with password and SMS code.
func (a *actor) signIn(password string) {
	a.s.t.Helper()
	a.Go("/sign-in")
	a.prove(password)
}

func (a *actor) prove(password string) {
	a.s.t.Helper()
	a.At("/sign-in")
	a.Fill("identifier", a.who.Phone)
	a.Fill("password", password)
	a.submit()
	a.At("/sign-in/code")
	a.Fill("code", a.s.Code(a.who.Phone, notify.SignInCode))
	a.submit()
}

// stepUp answers the repeated check if the page asks for it.
func (a *actor) stepUp() {
	a.s.t.Helper()
	if !strings.HasPrefix(a.Path(), "/step-up") {
		return
	}
	a.Fill("password", apptest.Password)
	a.submit()
	a.At("/step-up/code")
	a.Fill("code", a.s.Code(a.who.Phone, notify.StepUpCode))
	a.submit()
}

// appoint is the letter's way, click by click: Profile → Security → Trusted contact → Add.
func (a *actor) appoint(name, phone string) {
	a.s.t.Helper()
	a.Press(`nav a[href="/settings/account"]`)
	a.At("/settings/account")
	a.Press(`main a[href="/settings/safety/login"]`)
	a.At("/settings/safety/login")
	a.Press(`main a[href="/settings/safety/trusted-contacts"]`)
	a.At("/settings/safety/trusted-contacts")
	a.screen("contacts-add")
	a.Press(`main a[href="/settings/safety/trusted-contacts/add"]`)
	a.stepUp()
	a.At("/settings/safety/trusted-contacts/add")
	a.Fill("name", name)
	a.Fill("phone", phone)
	a.picture("add-contact")
	a.submit()
	a.At("/settings/safety/trusted-contacts/sent")
}

// accept takes the invitation from the contact's cabinet.
func (a *actor) accept() {
	a.s.t.Helper()
	a.Go("/settings/safety/trusted-contacts")
	a.Press(`main a[href^="/invitations/"]`)
	a.picture("invitation")
	a.Press(`main a[href$="/accept"]`)
	a.stepUp()
	a.At("/invitations/")
	a.submit()
	a.At("/settings/safety/trusted-contacts")
}

// linked makes Alexey guard Vera, settled, without a browser: where a journey is about what comes after.
func (s *stage) linked() {
	s.t.Helper()
	s.guards(s.Alexey, s.Vera)
	s.Advance(s.Policy.Settling)
}

// guards makes one person the contact of another, without a browser.
func (s *stage) guards(contact, principal account.Account) {
	s.t.Helper()
	act := actOfTests
	id, err := s.Links.Invite(s.t.Context(), act, principal.ID, contact.Given, contact.Phone)
	if err == nil {
		err = s.Links.Accept(s.t.Context(), act, contact.ID, id)
	}
	if err != nil {
		s.t.Fatal(err)
	}
}

// startRecovery walks an applicant from the start page to the waiting page.
func (a *actor) startRecovery() {
	a.s.t.Helper()
	a.Go("/recovery")
	a.Fill("identifier", a.who.Phone)
	a.submit()
	a.At("/recovery/code")
	a.Fill("code", a.s.Code(a.who.Phone, notify.RecoveryCode))
	a.submit()
}

// match reads the two digits from the applicant's screen.
func (a *actor) match() string {
	a.s.t.Helper()
	text := a.TextOf(".match-number")
	digits := regexp.MustCompile(`\d\s*\d`).FindString(text)
	if digits == "" {
		a.s.t.Fatalf("no match number in %q", text)
	}
	return strings.Join(strings.Fields(digits), "")
}

// openRequest leads the contact from his list to the one open request.
func (a *actor) openRequest() {
	a.s.t.Helper()
	a.Go("/approvals")
	a.Press(`main .notice a[href^="/approvals/"]`)
	a.At("/approvals/")
}

// answer gives the five answers; bad is the number of the one that is not yes, or 0.
func (a *actor) answer(bad int) {
	a.s.t.Helper()
	a.Press(`main a[href$="/questions"]`)
	for n := 1; n <= 5; n++ {
		choice := "yes"
		if n == bad {
			choice = "unsure"
		}
		a.Choose(fmt.Sprintf("q%d", n), choice)
	}
	a.submit()
}

// approve walks the contact through all five steps.
func (a *actor) approve(match string) {
	a.s.t.Helper()
	a.openRequest()
	a.picture("request")
	if a.Exists(`main input[name=code]`) {
		a.s.t.Error("the code field is there before its step")
	}
	a.answer(0)
	a.At("/approvals/")
	a.Fill("number", match)
	a.picture("match")
	a.submit()
	a.stepUp()
	a.submit()                         // send the code to my phone
	a.See(i18n.MaskPhone(a.who.Phone)) // his own phone, and not all of it
	a.picture("approval-code")
	a.Fill("code", a.s.Code(a.who.Phone, notify.ApprovalCode))
	a.Press(`main form button.approve`)
	a.See(a.s.T("approvals.result.approved"))
	a.picture("approved")
}

// finish walks the applicant from the approval to the new password. A live page leads him on by itself: only then is
// it ours to lead him, or the two ways would meet.
func (a *actor) finish() {
	a.s.t.Helper()
	if a.s.way.script {
		a.WaitFor(a.s.T("recovery.finish.title"))
	}
	a.Go("/recovery")
	a.At("/recovery/finish")
	a.submit() // send the second code
	a.Fill("code", a.s.Code(a.who.Phone, notify.RecoveryFinishCode))
	a.submit()
	a.At("/recovery/password")
	a.picture("new-password")
	a.Fill("password", apptest.NewPassword)
	a.submit()
	a.At("/recovery/done")
	a.picture("done")
}

// state is where Vera's newest recovery stands.
func (s *stage) state() recovery.State {
	s.t.Helper()
	return recovery.State(s.one(`SELECT state FROM recoveries WHERE account_id = $1 ORDER BY started_at DESC LIMIT 1`, s.Vera.ID))
}
