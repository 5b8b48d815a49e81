package journeys

import (
	"strings"
	"testing"
	"time"

	"doverie/internal/account"
	"doverie/internal/apptest"
	"doverie/internal/notify"
	"doverie/internal/secret"
)

// codeApp is an application with codes on somebody's telephone.
type codeApp struct {
	s   *stage
	key []byte
}

// code waits for the next code of the application: each works once.
func (c codeApp) code() string {
	c.s.Clock.Advance(30 * time.Second)
	return secret.TOTPCode(c.key, c.s.Clock.Now())
}

// stepUpBy answers the repeated check with the application, if the page asks for it.
func (a *actor) stepUpBy(app codeApp) {
	a.s.t.Helper()
	if !strings.HasPrefix(a.Path(), "/step-up") {
		return
	}
	a.Fill("password", apptest.Password)
	a.submit()
	a.At("/step-up/code")
	a.See(a.s.T("sign_in.code.from_app"))
	a.Fill("code", app.code())
	a.submit()
}

// takesKey shows the key of an application with codes, by picture and by letters, and puts it into one.
func (a *actor) takesKey() codeApp {
	s := a.s
	s.t.Helper()
	a.Press(`main form[action="/settings/safety/totp"] button`)
	a.See(s.T("security.totp.key.lead"), s.T("security.totp.code.does"))
	if !a.Exists(`.qr svg[role=img][aria-label] path[d]`) {
		s.t.Error("no picture of the key")
	}
	a.SeeNot(s.T("security.totp.key.by_hand.how")) // letters only for whoever wants them
	a.Touch(`main details summary`)
	a.See(s.T("security.totp.key.by_hand.how"), s.T("security.totp.key.secret"))
	a.look("the key by hand")
	text := a.TextOf(`#totp-key`)
	key, err := secret.ParseTOTPText(text)
	if err != nil {
		s.t.Fatal(err)
	}
	if letters := strings.Join(strings.Fields(text), ""); !a.Exists(`a[href^="otpauth://totp/"][href*="secret=` + letters + `"]`) {
		s.t.Error("the link for an application on this telephone has another key than the letters")
	}
	return codeApp{s: s, key: key}
}

// TestCodeApp: Vera connects an application with codes, signs in by it and, once, without it, and takes it away again: first
// on her own, and then, with Alexey guarding it, after his yes.
func TestCodeApp(t *testing.T) {
	twice(t, func(s *stage) {
		s.linked()
		vera := s.enter("vera", s.Vera)
		vera.signIn(apptest.Password)
		app := vera.connectsApp()
		vera.signsInBy(app)

		vera.Go("/settings/safety/totp")
		vera.stepUpBy(app)
		vera.See(s.T("security.totp.remove.text"))
		vera.Press(`main form[action$="/totp/remove"] button`)
		vera.At("/settings/safety/login")
		vera.See(s.T("security.done.totp-off"), s.T("security.card.totp.off"))
		s.told(notify.FactorChanged, 2, s.Vera.Phone, s.Vera.Email)
		vera.leave()
		vera.signIn(apptest.Password) // by SMS again
		vera.At("/settings/account")

		vera.guardedApp()
	})
}

// connectsApp walks from «Безопасность» to the application that works.
func (a *actor) connectsApp() codeApp {
	s := a.s
	s.t.Helper()
	a.Go("/settings/safety/login")
	a.See(s.T("security.card.totp.off"))
	a.Press(`main a[href="/settings/safety/totp"]`)
	a.stepUp()
	a.At("/settings/safety/totp")
	app := a.takesKey()
	a.Fill("code", another(app.code()))
	a.submit()
	a.See(s.T("fault.totp.wrong"), s.T("security.totp.again"))
	a.SeeNot(s.T("security.totp.key.lead")) // the key is shown once
	app = a.takesKey()                      // it was not in the application: another one
	a.Fill("code", app.code())
	a.submit()
	a.At("/settings/safety/login")
	a.See(s.T("security.done.totp-on"), s.T("security.card.totp.badge"))
	return app
}

// signsInBy signs in with the application: a wrong code, a code used before, the right one; and then without the telephone.
func (a *actor) signsInBy(app codeApp) {
	s := a.s
	s.t.Helper()
	s.told(notify.FactorChanged, 1, s.Vera.Phone, s.Vera.Email)
	codes := s.Count(s.Vera.Phone, notify.SignInCode)
	a.leave()
	a.begin(s.Vera.Phone, apptest.Password)
	a.At("/sign-in/code")
	a.See(s.T("sign_in.code.title_app"), s.T("sign_in.code.from_app"))
	a.Fill("code", secret.TOTPCode(app.key, s.Clock.Now())) // the one that connected it
	a.submit()
	a.See(s.T("fault.code.wrong", "Left", s.Policy.CodeTries-1))
	a.Fill("code", another(app.code()))
	a.submit()
	a.See(s.T("fault.code.wrong", "Left", s.Policy.CodeTries-2))
	a.Fill("code", app.code())
	a.submit()
	a.At("/settings/account")
	s.told(notify.SignInCode, codes, s.Vera.Phone)

	a.leave()
	a.begin(s.Vera.Phone, apptest.Password)
	a.Press(`form[action="/sign-in/method"] button[value=sms]`)
	a.See(s.T("sign_in.code.title"))
	a.enterCode()
	a.At("/settings/account")
	s.told(notify.SignInCode, codes+1, s.Vera.Phone)
}

// connectedApp gives Vera an application with codes without a browser.
func (s *stage) connectedApp() codeApp {
	s.t.Helper()
	now := s.Clock.Now()
	vera := account.Caller{Account: s.Vera.ID, Session: s.Vera.ID, SignedInAt: now, StepUpAt: now}
	offer, err := s.Accounts.EnrolTOTP(s.t.Context(), actOfTests, vera)
	if err != nil {
		s.t.Fatal(err)
	}
	app := codeApp{s: s}
	if app.key, err = secret.ParseTOTPText(offer.Text); err == nil {
		err = s.Accounts.ConfirmTOTP(s.t.Context(), actOfTests, vera, app.code())
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return app
}

// guardedApp connects an application anew, lets Alexey guard it, and asks him before it goes.
func (a *actor) guardedApp() {
	s := a.s
	s.t.Helper()
	app := s.connectedApp()
	a.Go("/settings/safety/guards")
	a.Press(`main form[action$="/remove_factor/on"] button`)
	if a.stepUpBy(app); a.Exists(`main form[action$="/remove_factor/on"] button`) {
		a.Press(`main form[action$="/remove_factor/on"] button`)
	}
	a.See(s.T("guards.done"))
	a.Go("/settings/safety/totp")
	a.stepUpBy(app)
	a.Press(`main form[action$="/totp/remove"] button`)
	a.At("/settings/safety/removals/factor")
	a.See(s.T("guards.ask.remove_factor.title"), s.T("guards.ask.how"))
	a.Press(`main form button.danger`)
	a.At("/settings/safety/removals/factor/state")
	a.See(s.T("guards.waiting.remove_factor"), "Алексей")
	s.told(notify.ApprovalAsked, 1, s.Alexey.Phone, s.Alexey.Email)
	match := a.match()
	if s.one(`SELECT COUNT(*) FROM events WHERE kind = 'account.totp_removed'`) != "1" {
		s.t.Error("the application went without a word of the contact")
	}
	alexey := s.enter("alexey", s.Alexey)
	alexey.signIn(apptest.Password)
	alexey.approve(match)
	a.Press(`main .actions a.button`) // look again
	a.See(s.T("guards.over.title"))
	a.Go("/settings/safety/login")
	a.See(s.T("security.card.totp.off"))
	s.told(notify.FactorChanged, 4, s.Vera.Phone, s.Vera.Email)
}
