package journeys

import (
	"testing"

	"doverie/internal/apptest"
	"doverie/internal/notify"
	"doverie/internal/trust"
)

// atLocalhost builds a stage where browsers allow passkeys.
func atLocalhost(t *testing.T, w way) *stage {
	t.Helper()
	world := apptest.New(t, w.engine, apptest.Options{Localhost: true})
	s := &stage{World: world, t: t, way: w, words: world.Texts.Printer(w.lang, world.Policy.Location())}
	s.Family = world.AddFamily()
	return s
}

// key presses the button of a passkey and waits for the page that it leads to.
func (a *actor) key() {
	a.s.t.Helper()
	a.Press(`[data-passkey] button`)
}

// A contact adds a passkey, signs in with it, steps up with it, and says his last word with it: no code is sent anywhere.
func TestPasskeys(t *testing.T) {
	for _, w := range []way{{"ru", true, "postgres"}, {"en", true, "sqlite"}} {
		t.Run(w.String(), func(t *testing.T) {
			s := atLocalhost(t, w)
			s.linked()
			alexey := s.enter("alexey", s.Alexey)
			device := alexey.Authenticator()
			alexey.signIn(apptest.Password)
			alexey.Go("/settings/safety/login")
			alexey.Press(`main a[href="/settings/safety/passkeys"]`)
			alexey.See(s.T("passkeys.empty"))
			alexey.Press(`main a[href="/settings/safety/passkeys/add"]`)
			alexey.stepUp()
			alexey.At("/settings/safety/passkeys/add")
			alexey.SeeNot(s.T("passkeys.none"))
			alexey.Fill("name", "мой телефон")
			// A device that does not know its owner makes no key, and the page says what happened.
			device.Know(false)
			alexey.Touch(`[data-passkey] button`)
			alexey.WaitFor(s.T("passkeys.script.cancelled"))
			device.Know(true)
			alexey.key()
			alexey.At("/settings/safety/passkeys?done=added")
			alexey.See(s.T("passkeys.done.added"), "мой телефон")
			if device.Keys() != 1 || s.Count(s.Alexey.Email, notify.FactorChanged) != 1 {
				t.Error("no key in the device, or its owner was not told")
			}
			// The device that has a key makes no second one.
			alexey.Go("/settings/safety/passkeys/add")
			alexey.stepUp()
			alexey.Touch(`[data-passkey] button`)
			alexey.WaitFor(s.T("passkeys.script.known"))

			// Three days later he may approve again. Vera recovers; nothing goes to his phone but the request.
			s.Advance(s.Policy.NoCascade)
			applicant := s.enter("applicant", s.Vera)
			applicant.startRecovery()
			applicant.At("/recovery/wait")
			s.Settle()
			codes := s.Count(s.Alexey.Phone, notify.SignInCode) + s.Count(s.Alexey.Phone, notify.StepUpCode) + s.Count(s.Alexey.Phone, notify.ApprovalCode)
			alexey.Go("/sign-in?next=/approvals")
			alexey.key()
			alexey.At("/approvals")
			alexey.openRequest()
			s.Advance(s.Policy.StepUpTTL) // a while ago he signed in: the key proves it once more
			alexey.answer(0)
			alexey.Fill("number", applicant.match())
			alexey.submit()
			alexey.At("/step-up")
			alexey.key()
			alexey.At("/approvals/")
			alexey.key()
			alexey.See(s.T("approvals.result.approved"))
			if now := s.Count(s.Alexey.Phone, notify.SignInCode) + s.Count(s.Alexey.Phone, notify.StepUpCode) + s.Count(s.Alexey.Phone, notify.ApprovalCode); now != codes {
				t.Errorf("%d codes were sent to somebody with a passkey", now-codes)
			}
			if got := s.one(`SELECT state FROM approvals`); got != string(trust.Approved) {
				t.Errorf("approval %s", got)
			}
			applicant.finish()
			applicant.See(s.T("recovery.done.title"))

			// Another name, and away with it.
			alexey.Go("/settings/safety/passkeys")
			alexey.Press(`main a[href^="/settings/safety/passkeys/"].more`)
			alexey.Fill("name", "")
			alexey.submit()
			alexey.See(s.T("fault.passkey.name_missing"))
			alexey.Fill("name", "телефон сына")
			alexey.submit()
			alexey.See(s.T("passkeys.done.renamed"), "телефон сына")
			alexey.Press(`main a[href^="/settings/safety/passkeys/"].more`)
			alexey.Press(`main form button.danger`)
			alexey.stepUp()
			if !alexey.Exists(`.notice.success`) { // after a repeated check the button is pressed again
				alexey.Press(`main form button.danger`)
			}
			alexey.See(s.T("passkeys.done.removed"), s.T("passkeys.empty"))
			stranger := s.enter("stranger", s.Alexey)
			stranger.Go("/sign-in")
			stranger.Authenticator()
			stranger.Touch(`[data-passkey] button`)
			stranger.WaitFor(s.T("passkeys.script.cancelled")) // no key in this device
			if report, err := s.Store.VerifyEvents(t.Context()); err != nil || !report.Intact() {
				t.Errorf("events: %+v %v", report, err)
			}
		})
	}
}

// After the password a passkey stands in for the code.
func TestPasskeyAfterThePassword(t *testing.T) {
	s := atLocalhost(t, way{"ru", true, "sqlite"})
	vera := s.enter("vera", s.Vera)
	vera.Authenticator()
	vera.signIn(apptest.Password)
	vera.Go("/settings/safety/passkeys/add")
	vera.stepUp()
	vera.key()
	vera.At("/settings/safety/passkeys")
	vera.Press(`header form[action="/sign-out"] button`)
	vera.Go("/sign-in?next=/settings/safety/passkeys")
	vera.Fill("identifier", s.Vera.Phone)
	vera.Fill("password", apptest.Password)
	vera.submit()
	vera.At("/sign-in/code")
	vera.Choose("remember", "yes")
	vera.key()
	vera.At("/settings/safety/passkeys")
	vera.Go("/settings/safety/sessions")
	vera.SeeNot(s.T("sessions.devices.none")) // the browser is remembered, as was asked beside the code
}

// Without scripts nothing is offered that cannot work, and everything else works as before.
func TestPasskeysWithoutScripts(t *testing.T) {
	s := atLocalhost(t, way{"ru", false, "sqlite"})
	vera := s.enter("vera", s.Vera)
	vera.Go("/sign-in")
	vera.SeeNot(s.T("passkeys.sign_in.button"))
	vera.prove(apptest.Password)
	vera.Go("/settings/safety/passkeys")
	vera.See(s.T("passkeys.empty"), s.T("passkeys.what.title"))
	vera.Press(`main a[href="/settings/safety/passkeys/add"]`)
	vera.stepUp()
	vera.See(s.T("passkeys.none"))
	vera.SeeNot(s.T("passkeys.add.button"))
}
