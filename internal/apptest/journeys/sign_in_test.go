package journeys

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"doverie/internal/apptest"
	"doverie/internal/apptest/browser"
	"doverie/internal/notify"
)

// begin types a name and a password into the sign-in page.
func (a *actor) begin(identifier, password string) {
	a.s.t.Helper()
	a.Go("/sign-in")
	a.fill("identifier", identifier, "password", password)
	a.submit()
}

// enterCode types the newest code of the sign-in.
func (a *actor) enterCode() {
	a.s.t.Helper()
	a.At("/sign-in/code")
	a.Fill("code", a.s.Code(a.who.Phone, notify.SignInCode))
	a.submit()
}

// TestSignInByAnyName: phone, e-mail and SNILS, each as people write it; and what is said of a wrong password does not tell
// whether anybody of that name is here.
func TestSignInByAnyName(t *testing.T) {
	twice(t, func(s *stage) {
		vera := s.enter("vera", s.Vera)
		snils := s.Vera.SNILS
		for _, name := range []string{"8 (913) 123-45-67", " VERA@example.test", snils[:3] + "-" + snils[3:6] + "-" + snils[6:9] + " " + snils[9:]} {
			vera.begin(name, apptest.Password)
			vera.enterCode()
			vera.At("/settings/account")
			vera.See("Вера Петровна")
			vera.leave()
			vera.Go("/settings/account")
			vera.At("/sign-in")
		}
		s.told(notify.SignInCode, 3, s.Vera.Phone)
		s.told(notify.SessionNewDevice, 3, s.Vera.Phone, s.Vera.Email) // nobody asked to remember the browser

		vera.begin("", apptest.Password)
		vera.See(s.T("fault.identifier.missing"))
		vera.begin("Вера", apptest.Password)
		vera.See(s.T("fault.identifier.unreadable"), s.T("errors.password"))
		vera.kept("identifier", "Вера", "password", "")
		vera.begin(s.Vera.Phone, "")
		vera.See(s.T("sign_in.password.missing"))
		vera.begin(s.Vera.Phone, apptest.NewPassword)
		vera.See(s.T("fault.sign_in.wrong"))
		vera.kept("identifier", s.Vera.Phone, "password", "")
		known := vera.Text()
		vera.begin("+79990001122", apptest.NewPassword)
		if unknown := vera.Text(); unknown != known {
			t.Errorf("a stranger learns whether somebody is here:\n%s\n%s", known, unknown)
		}
		s.told(notify.SignInCode, 3, s.Vera.Phone)
	})
}

// TestCodesOfTheSignIn: a code that does not come, that comes late, that is mistyped; and a sign-in left on the table.
func TestCodesOfTheSignIn(t *testing.T) {
	twice(t, func(s *stage) {
		vera := s.enter("vera", s.Vera)
		vera.begin(s.Vera.Phone, apptest.Password)
		first := s.Code(s.Vera.Phone, notify.SignInCode)
		vera.submit()
		vera.See(s.T("field.code")) // an empty field is no attempt
		vera.Press(`form[action="/sign-in/resend"] button`)
		vera.See(s.T("fault.code.resend", "After", s.Policy.CodeResend))
		s.told(notify.SignInCode, 1, s.Vera.Phone)
		s.Advance(s.Policy.CodeResend)
		vera.Press(`form[action="/sign-in/resend"] button`)
		vera.See(s.T("sign_in.code.resent"))
		s.told(notify.SignInCode, 2, s.Vera.Phone)
		left := s.Policy.CodeTries
		if second := s.Code(s.Vera.Phone, notify.SignInCode); first != second {
			vera.Fill("code", first)
			vera.submit()
			left--
			vera.See(s.T("fault.code.wrong", "Left", left))
		}
		s.Advance(s.Policy.CodeTTL)
		vera.Fill("code", s.Code(s.Vera.Phone, notify.SignInCode))
		vera.submit()
		left--
		vera.See(s.T("fault.code.expired"))
		vera.Press(`form[action="/sign-in/resend"] button`)
		wrong := another(s.Code(s.Vera.Phone, notify.SignInCode))
		for ; left > 0; left-- {
			vera.At("/sign-in/code")
			vera.Fill("code", wrong)
			vera.submit()
		}
		vera.At("/sign-in?why=failed")
		vera.See(s.T("fault.sign_in.failed"))
		vera.Go("/sign-in/code")
		vera.At("/sign-in")
		if n := s.one(`SELECT COUNT(*) FROM sessions WHERE account_id = $1`, s.Vera.ID); n != "0" {
			t.Errorf("%s sessions came of wrong codes", n)
		}

		vera.begin(s.Vera.Phone, apptest.Password)
		late := s.Code(s.Vera.Phone, notify.SignInCode)
		s.Advance(s.Policy.SignInTTL)
		vera.Fill("code", late)
		vera.submit()
		vera.See(s.T("fault.sign_in.over"))
		vera.begin(s.Vera.Phone, apptest.Password)
		vera.enterCode()
		vera.At("/settings/account")
	})
}

// TestRememberedBrowser: from it Vera signs in without a letter about a new place, and no stranger's misses keep her out.
func TestRememberedBrowser(t *testing.T) {
	twice(t, func(s *stage) {
		vera, stranger := s.enter("vera", s.Vera), s.enter("stranger", s.Vera)
		vera.begin(s.Vera.Phone, apptest.Password)
		vera.Choose("remember", "yes")
		vera.enterCode()
		s.told(notify.SessionNewDevice, 1, s.Vera.Phone, s.Vera.Email)
		vera.leave()

		guesses := s.Client()
		for range s.Policy.SignInsPerAccount - 1 { // one was Vera's own
			if a := guesses.Post("/sign-in", "identifier", s.Vera.Phone, "password", apptest.NewPassword); a.Status != http.StatusUnprocessableEntity {
				t.Fatalf("status %d", a.Status)
			}
		}
		stranger.begin(s.Vera.Phone, apptest.Password) // even the right one
		stranger.At("/sign-in")
		stranger.See(s.T("fault.limited.after", "After", time.Hour/time.Duration(s.Policy.SignInsPerAccount)))
		stranger.kept("identifier", s.Vera.Phone)
		vera.begin(s.Vera.Phone, apptest.Password)
		vera.enterCode()
		vera.At("/settings/account")
		s.told(notify.SessionNewDevice, 1, s.Vera.Phone, s.Vera.Email)
		s.Advance(time.Hour)
		stranger.begin(s.Vera.Phone, apptest.Password)
		stranger.At("/sign-in/code")
	})
}

// TestSignInByKeyboardAlone: Tab, letters and Enter are enough, and whoever presses Tab sees where he is. A switch of the
// language leaves him where he was, in the middle of the sign-in too.
func TestSignInByKeyboardAlone(t *testing.T) {
	twice(t, func(s *stage) {
		vera := s.enter("vera", s.Vera)
		vera.Go("/sign-in?next=/settings/safety/events")
		vera.seesFocus()
		vera.switchLanguage("sign_in.title")
		vera.Keys("identifier", s.Vera.Phone)
		vera.Keys("password", apptest.Password)
		vera.Enter()
		vera.At("/sign-in/code")
		vera.seesFocus()
		vera.switchLanguage("sign_in.code.title")
		vera.Keys("code", another(s.Code(s.Vera.Phone, notify.SignInCode)))
		vera.Enter()
		vera.See(s.T("fault.code.wrong", "Left", s.Policy.CodeTries-1))
		vera.Keys("code", s.Code(s.Vera.Phone, notify.SignInCode))
		vera.TabTo(`[name=remember]`)
		vera.Type(" ")
		vera.TabTo(`main button.button`)
		vera.Enter()
		vera.At("/settings/safety/events")
		vera.See(s.T("event.session.started"))
		if n := s.one(`SELECT COUNT(*) FROM devices WHERE account_id = $1`, s.Vera.ID); n != "1" {
			t.Errorf("%s browsers are remembered", n)
		}
		vera.TabTo(`header form[action="/sign-out"] button`)
		vera.Enter()
		vera.See(s.T("sign_in.news.out"))
	})
}

// seesFocus presses Tab through the whole page: everything that takes the focus shows it, and the way past the head comes first.
func (a *actor) seesFocus() {
	a.s.t.Helper()
	const most = 60
	var stops []string
	for range most {
		a.Type("\t")
		at := browser.Await[string](a.Page, `(() => {
			const e = document.activeElement;
			if (!e || e === document.body) return "";
			const shows = (e) => { const c = getComputedStyle(e); return c.outlineStyle !== "none" && parseFloat(c.outlineWidth) >= 2 };
			const box = e.getBoundingClientRect(), row = e.closest(".row-choice");
			const seen = box.width > 0 && box.bottom > 0 && box.right > 0 && (shows(e) || row && shows(row));
			return (seen ? "" : "UNSEEN ") + e.tagName + " " + (e.name || e.getAttribute("href") || e.innerText) + (e.matches("a.skip") ? " skip" : "");
		})()`)
		if at == "" || len(stops) > 0 && at == stops[0] {
			break // the end of the page
		}
		stops = append(stops, at)
		if strings.HasPrefix(at, "UNSEEN") {
			a.s.t.Errorf("%s: the focus is not seen on %s", a.Path(), at)
		}
	}
	if len(stops) < 8 || !strings.HasSuffix(stops[0], " skip") {
		a.s.t.Errorf("%s: Tab leads to %s", a.Path(), strconv.Quote(strings.Join(stops, ", ")))
	}
}

// switchLanguage goes to the other language and back: the page is the same, and says that key.
func (a *actor) switchLanguage(says string) {
	a.s.t.Helper()
	here, other := a.Path(), "en"
	if a.s.way.lang == "en" {
		other = "ru"
	}
	for _, lang := range []string{other, a.s.way.lang} {
		a.Press(`header form[action="/language"] button`)
		if a.Path() != here {
			a.s.t.Errorf("the switch of the language leads from %s to %s", here, a.Path())
		}
		a.See(a.s.Texts.Printer(lang, a.s.Policy.Location()).T(says))
		if got := browser.Await[string](a.Page, `document.documentElement.lang`); got != lang {
			a.s.t.Errorf("the page is in %s, want %s", got, lang)
		}
	}
}
