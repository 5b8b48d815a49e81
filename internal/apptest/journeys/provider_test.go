package journeys

import (
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"doverie/internal/apptest"
	"doverie/internal/oidc"
)

// plain is another site that shows what a browser brought.
func (s *stage) plain() (address string) {
	s.t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		fmt.Fprintf(w, `<!doctype html><html lang="en"><title>The other site</title><main><h1>%s at the other site: a code %t, an error "%s"</h1></main></html>`,
			r.Method, r.Form.Get("code") != "", html.EscapeString(r.Form.Get("error")))
	}))
	s.t.Cleanup(server.Close)
	return server.URL
}

// TestEnteringAnotherSite: the question of consent, the answer by form_post with and without scripts, the list of
// consents, withdrawing one, and signing out at another site's wish, in a real browser under the strict policy.
func TestEnteringAnotherSite(t *testing.T) {
	each(t, func(s *stage) {
		address := s.plain()
		system, _ := s.System(oidc.Client{
			Name: "Энергосбыт: счета", Redirects: []string{address + "/back"}, PostLogout: []string{address + "/bye"},
			Scopes: []string{"openid", "profile", "email", "phone", "snils", "account_level", "recovery"},
		})
		request := func(mode, prompt, scope string) string {
			return "/oidc/authorize?" + url.Values{
				"client_id": {system.ID}, "redirect_uri": {system.Redirects[0]}, "response_type": {"code"}, "scope": {scope}, "response_mode": {mode},
				"prompt": {prompt}, "code_challenge": {"E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"}, "code_challenge_method": {"S256"}, "state": {"s"},
			}.Encode()
		}
		vera := s.enter("vera", s.Vera)
		vera.Go(request("query", "", "openid profile email recovery"))
		vera.prove(apptest.Password)
		if !s.way.script || vera.Exists("main a.button") {
			vera.onward()
		}
		vera.WaitFor("Энергосбыт: счета")
		vera.See(s.T("systems.consent.hands"), s.T("systems.hand.profile"), s.T("systems.hand.recovery"))
		vera.SeeNot(s.T("systems.hand.snils"))
		vera.inspect(vera.Page)
		vera.Press(`main button[value=no]`)
		vera.WaitFor(`an error "access_denied"`)
		vera.Go(request("query", "", "openid profile email recovery"))
		vera.Press(`main button[value=yes]`)
		vera.WaitFor("GET at the other site: a code true")

		// More is asked for, and the answer is a form: it goes by itself, or by its button.
		vera.Go(request("form_post", "", "openid profile email recovery snils"))
		vera.See(s.T("systems.consent.more", "System", "Энергосбыт: счета"), s.T("systems.hand.snils"))
		vera.Press(`main button[value=yes]`)
		vera.posted("POST at the other site: a code true")
		vera.Go(request("form_post", "none", "openid"))
		vera.posted("POST at the other site: a code true")

		vera.Go("/settings/safety/login")
		vera.Press(`a[href="/settings/safety/consents"]`)
		vera.See(s.T("systems.consents.title"), "Энергосбыт: счета", s.T("systems.hand.snils"))
		vera.inspect(vera.Page)
		vera.Press(`form[action$="/withdraw"] button`)
		vera.See(s.T("systems.consents.done"), s.T("systems.consents.empty"))
		vera.inspect(vera.Page)
		vera.Go("/settings/safety/events")
		vera.See("Энергосбыт: счета")

		// An address that is not registered: a page, and no way on.
		vera.Go(strings.Replace(request("query", "", "openid"), "%2Fback", "%2Felsewhere", 1))
		vera.See("invalid_request")
		vera.inspect(vera.Page)

		vera.Go("/oidc/logout?" + url.Values{"client_id": {system.ID}, "post_logout_redirect_uri": {system.PostLogout[0]}}.Encode())
		vera.See(s.T("systems.sign_out.title"))
		vera.inspect(vera.Page)
		vera.Press(`main button[value=yes]`)
		vera.WaitFor("GET at the other site: a code false")
		if wrong := vera.Problems(); len(wrong) > 0 {
			t.Errorf("the policy blocked: %v", wrong)
		}
	})
}

// onward presses the way on where the page has not gone by itself.
func (a *actor) onward() {
	a.s.t.Helper()
	if strings.HasPrefix(a.Path(), "/oidc/onward") && a.Exists("main a.button") {
		a.Press("main a.button")
	}
}

// posted waits for what the other site says to a form; without scripts its button is pressed.
func (a *actor) posted(says string) {
	a.s.t.Helper()
	if !a.s.way.script {
		a.See(a.s.T("systems.onward.title"))
		a.inspect(a.Page)
		a.Press("main form button.button")
	}
	a.WaitFor(says)
}
