package httpx_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"doverie/internal/fault"
	"doverie/internal/httpx"
	"doverie/internal/ui"
)

// signInPages are a form with a secret in it, as pages of the service are built.
func signInPages(h house) {
	page := func(typed, next string, errs ui.Errors) ui.SignInForm {
		return ui.SignInForm{
			Errors: errs, Next: next,
			Identifier: ui.TextField{Name: "identifier", Label: ui.K("sign_in.identifier"), Value: typed}.Check(errs),
			Password:   ui.PasswordField{Name: "password", Label: ui.K("sign_in.password")}.Check(errs),
		}
	}
	h.handle("GET /sign-in", func(w http.ResponseWriter, r *http.Request) error {
		return h.kit.Page(w, r, page("", r.URL.Query().Get("next"), nil))
	})
	h.handle("POST /sign-in", func(w http.ResponseWriter, r *http.Request) error {
		form, err := httpx.Form(r)
		if err != nil {
			return err
		}
		return h.kit.FormAgain(w, r, page(form.Get("identifier"), form.Get("next"), ui.Errors{
			{Field: "identifier", Text: ui.K("fault.sign_in.wrong")}, {Field: "password", Text: ui.K("password.too_short", "Min", 8)},
		}))
	})
}

// switchOn presses the switch of the language on a page.
func (h house) switchOn(t *testing.T, page, lang string) *http.Response {
	t.Helper()
	form := regexp.MustCompile(`(?s)action="/language">(.*?)</form>`).FindStringSubmatch(page)
	if form == nil {
		t.Fatalf("no switch of the language in %.400s", page)
	}
	press := url.Values{"lang": {lang}}
	for _, one := range regexp.MustCompile(`type="hidden" name="([^"]*)" value="([^"]*)"`).FindAllStringSubmatch(form[1], -1) {
		press.Set(html.UnescapeString(one[1]), html.UnescapeString(one[2]))
	}
	return h.do(post("/language", press.Encode()))
}

func TestLanguageOfARefusedForm(t *testing.T) {
	h := open(t, "http://x.test")
	signInPages(h)
	russian := text(t, h.do(post("/sign-in", "identifier=vera%22%3E%40x&password=%D1%81%D0%B5%D0%BA%D1%80%D0%B5%D1%82%D0%BD%D0%BE&next=%2Fsettings%2Faccount%3Fa%3D1")))
	res := h.switchOn(t, russian, "en")
	english := text(t, res)
	if res.StatusCode != http.StatusUnprocessableEntity || !strings.HasPrefix(res.Header.Get("Set-Cookie"), "lang=en;") {
		t.Errorf("%d %q", res.StatusCode, res.Header.Get("Set-Cookie"))
	}
	for _, want := range []string{
		`<html lang="en">`, `name="identifier" type="text" value="vera&#34;&gt;@x"`, "Sign-in failed.", "It needs 8 characters or more.",
		`name="next" value="/settings/account?a=1"`, "<title>Error",
	} {
		if !strings.Contains(english, want) {
			t.Errorf("the page in English has no %s", want)
		}
	}
	if strings.Contains(russian, "секретно") || strings.Contains(english, "секретно") {
		t.Error("the password is on the page")
	}
	// And back: nothing has worn off.
	if again := text(t, h.switchOn(t, english, "ru")); !strings.Contains(again, `value="vera&#34;&gt;@x"`) || !strings.Contains(again, "Вход не удался.") {
		t.Errorf("the way back lost something: %.300s", again)
	}
	// Words and addresses that are not ours are nobody's to bring along.
	res = h.do(post("/language", "lang=en&return=https%3A%2F%2Fevil.test&kept.a=b&errors=%5B%7B%22field%22%3A%22identifier%22%2C%22key%22%3A%22no.such%22%7D%5D"))
	if body := text(t, res); res.StatusCode != http.StatusNotFound || strings.Contains(body, "no.such") || strings.Contains(body, "evil") {
		t.Errorf("%d %.300s", res.StatusCode, body)
	}
}

// A form may post to an address that is no page: the switch leads to the nearest page above it.
func TestLanguageWhereNoPageIs(t *testing.T) {
	h := open(t, "http://x.test")
	signInPages(h)
	h.handle("POST /sign-in/far/away", func(http.ResponseWriter, *http.Request) error {
		return fault.New(fault.Refused, "fault.refused", nil)
	})
	refused := text(t, h.do(post("/sign-in/far/away", "a=b")))
	if got := h.switchOn(t, refused, "en").Header.Get("Location"); got != "/sign-in" {
		t.Errorf("to %q", got)
	}
	nowhere := text(t, h.do(get("/nowhere/at/all")))
	if got := h.switchOn(t, nowhere, "en").Header.Get("Location"); got != "/nowhere/at/all" {
		t.Errorf("what is not there is to be told in the other language, not at %q", got)
	}
}

// Whoever is signed in keeps his sections and his way out on every page that tells of a fault.
func TestFaultsKnowTheirReader(t *testing.T) {
	h := open(t, "http://x.test")
	refuse := func(http.ResponseWriter, *http.Request) error { return fault.New(fault.Refused, "fault.refused", nil) }
	h.handle("GET /a", h.gate.RequireSession(refuse))
	h.handle("GET /operator/a", h.gate.Maybe(refuse))
	signedIn := get("/a")
	signedIn.AddCookie(&http.Cookie{Name: "sid", Value: "vera"})
	if body := text(t, h.do(signedIn)); !strings.Contains(body, "Вера П.") || !strings.Contains(body, `action="/sign-out"`) {
		t.Errorf("a person lost his sections: %.900s", body)
	}
	const place, citizens = "Рабочее место оператора", `href="/recovery"`
	foreign := post("/operator/a", "a=b", "Sec-Fetch-Site", "cross-site")
	for name, r := range map[string]*http.Request{
		"refused": get("/operator/a"), "no such page": get("/operator/nowhere"), "another method": post("/operator/a", "a=b"), "another site": foreign,
	} {
		body := text(t, h.do(r))
		if !strings.Contains(body, place) || strings.Contains(body, citizens) || !strings.Contains(body, `<a class="button secondary" href="/operator">`) {
			t.Errorf("%s: not the operators' place: %.1500s", name, body)
		}
	}
	if body := text(t, h.do(get("/operators"))); strings.Contains(body, place) {
		t.Error("another address that begins alike is not the operators'")
	}
	own := open(t, "http://desk.test", func(c *httpx.Config) { c.Operators = true })
	if body := text(t, own.do(get("/nowhere"))); !strings.Contains(body, place) || strings.Contains(body, citizens) {
		t.Errorf("on a listener of their own: %.900s", body)
	}
}
