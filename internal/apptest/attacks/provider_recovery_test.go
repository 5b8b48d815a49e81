package attacks

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"doverie/internal/account"
	"doverie/internal/apptest"
	"doverie/internal/effect"
	"doverie/internal/oidc"
)

// recovered walks Vera's recovery to its end, by somebody who has her phone and her contact's word.
func (s *scene) recovered() *apptest.Client {
	s.t.Helper()
	applicant, alexey := s.recovering(s.Vera), s.steppedUp(s.Alexey)
	alexey.Approve(s.Alexey, alexey.Request(), applicant.Match())
	applicant.FinishRecovery(s.Vera, apptest.NewPassword)
	return applicant
}

// T47: while a recovery runs, its cookie lets nobody into another system: whoever comes is asked to sign in, and the
// page of consent is for a full session of an open account only, the one it was made for.
func TestT47_NoConsentByARecovery(t *testing.T) {
	s := guarded(t)
	p := s.party(oidc.Client{})
	applicant := s.recovering(s.Vera)
	follow := func(c *apptest.Client, address string) apptest.Answer {
		a := c.Get(address)
		for strings.HasPrefix(a.Location, "/oidc/") {
			a = c.Get(a.Location)
		}
		return a
	}
	for what, change := range map[string][]string{"plainly": nil, "with a form": {"response_mode", "form_post"}, "asking for consent": {"prompt", "consent"}} {
		if a := follow(applicant, p.request(change...)); !strings.HasPrefix(a.Location, "/sign-in?next=") {
			t.Errorf("%s: %d %s", what, a.Status, a.Location)
		}
	}
	if a := follow(applicant, p.request("prompt", "none")); !strings.Contains(a.Location, "error=login_required") {
		t.Errorf("quietly: %d %s", a.Status, a.Location)
	}
	// The secret of a recovery, or of a sign-in whose code is awaited, in the place of a session's.
	pending := s.Client()
	pending.Want(pending.Post("/sign-in", "identifier", s.Vera.Phone, "password", apptest.Password), "/sign-in/code")
	for _, c := range []*apptest.Client{applicant, pending} {
		for name, value := range c.Cookies() {
			thief := s.Client()
			thief.SetCookie("session", value)
			if a := follow(thief, p.request()); !strings.HasPrefix(a.Location, "/sign-in?next=") {
				t.Errorf("the cookie %s as a session: %d %s", name, a.Status, a.Location)
			}
		}
	}
	// A step that was made for Vera's session is nothing in another's hands, and neither is her continuation.
	s.Advance(pause)
	vera, maria := s.signedIn(s.Vera), s.signedIn(s.Maria)
	ask := vera.Get(vera.Get(p.request()).Location).Location
	step := apptest.Step(vera.Get(ask).Body)
	s.goesNowhere("her question in another's browser", maria.Get(ask))
	s.goesNowhere("her answer in another's browser", maria.Post("/oidc/consent", "at", step, "agree", "yes"))
	s.refused("her answer by nobody", s.Client().Post("/oidc/consent", "at", step, "agree", "yes"))
	a := vera.Do(http.MethodPost, "/oidc/consent", apptest.Form("at", step, "agree", "yes"), func(r *http.Request) {
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		r.Header.Set("Origin", "https://water.example.test")
	})
	if a.Status != http.StatusForbidden {
		t.Errorf("her answer, sent from another site: %d %s", a.Status, a.Location)
	}
	if n := s.count(`SELECT COUNT(*) FROM oidc_families`); n != 0 {
		t.Errorf("%d codes were issued", n)
	}
	// Whatever was asked before the end of everything is not answered after it.
	s.apply(effect.Freeze{Account: s.Vera.ID, Reason: "self"}, effect.EndSessions{Account: s.Vera.ID, Why: "freeze", Devices: true})
	s.refused("after a freeze", vera.Post("/oidc/consent", "at", step, "agree", "yes"))
	frozen := s.Client()
	frozen.Want(frozen.Post("/sign-in", "identifier", s.Vera.Phone, "password", apptest.Password), "/sign-in/code")
	s.Advance(pause)
	frozen = s.Client()
	frozen.SignIn(s.Vera, apptest.Password)
	if a := follow(frozen, p.request()); a.Location != "/safety/frozen" {
		t.Errorf("a frozen account: %d %s", a.Status, a.Location)
	}
	if a := follow(frozen, p.request("prompt", "none")); !strings.Contains(a.Location, "error=interaction_required") {
		t.Errorf("a frozen account, quietly: %d %s", a.Status, a.Location)
	}
	if n := s.count(`SELECT COUNT(*) FROM oidc_families`); n != 0 {
		t.Errorf("%d codes were issued", n)
	}
}

// apply does effects as a decision of the server would.
func (s *scene) apply(effects ...effect.Effect) {
	s.t.Helper()
	if err := s.Store.Apply(s.t.Context(), byPerson, s.Clock.Now(), "test", effects); err != nil {
		s.t.Fatal(err)
	}
}

// T30, T32: a recovery ends every code, token, visit and consent in its own commit; the next sign-in asks for both
// factors and for the consent, says recovered_at, and hands over nothing of high risk until the hold is over.
func TestT32_TokensEndWithARecovery(t *testing.T) {
	s := guarded(t)
	p := s.party(oidc.Client{})
	browser := s.Client()
	scope := []string{"scope", "openid profile snils account_level recovery"}
	old := p.tokens(browser, s.Vera, scope...)
	if info := p.userInfo(old.text("access_token")); info.text("snils") != s.Vera.SNILS || info.body["recovered_at"] != nil {
		t.Fatalf("before: %v", info.body)
	}
	code := p.code(browser, s.Vera, scope...)
	s.Advance(pause)
	applicant := s.recovered()
	p.dead("after a recovery", old)
	p.refused("a code from before", p.exchange(code), "invalid_grant")
	for _, table := range []string{"oidc_families", "oidc_sessions", "oidc_grants"} {
		if n := s.count(`SELECT COUNT(*) FROM ` + table + ` WHERE ended_at IS NULL`); n != 0 {
			t.Errorf("%d rows of %s live on", n, table)
		}
	}
	// The one who recovered is signed in nowhere (T30).
	if a := applicant.Get(applicant.Get(p.request(scope...)).Location); !strings.HasPrefix(a.Location, "/sign-in?next=") {
		t.Fatalf("after a recovery a system is entered without a sign-in: %d %s", a.Status, a.Location)
	}
	s.Advance(pause)
	fresh := s.Client()
	fresh.SignIn(s.Vera, apptest.NewPassword)
	a := fresh.Get(fresh.Get(p.request(scope...)).Location)
	if !strings.HasPrefix(a.Location, "/oidc/consent") {
		t.Fatalf("the old consent lives on: %d %s", a.Status, a.Location)
	}
	page := fresh.Get(a.Location)
	s.shows(page, s.T("systems.consent.closed"))
	s.hides("the question during the hold", page, s.T("systems.hand.snils"))
	back := fresh.Through(p.request(scope...), s.Vera, apptest.NewPassword)
	now := p.exchange(back.Query().Get("code"))
	info := p.userInfo(now.text("access_token"))
	if now.text("scope") != "openid profile recovery" || info.body["snils"] != nil || info.body["account_level"] != nil || info.text("name") == "" {
		t.Errorf("during the hold: scope %q, %v", now.text("scope"), info.body)
	}
	if at, _ := info.body["recovered_at"].(float64); int64(at) < s.Clock.Now().Add(-pause-pause).Unix() {
		t.Errorf("recovered_at is %v", info.body["recovered_at"])
	}
	if a := fresh.Through(p.request("claims", `{"userinfo":{"snils":{"essential":true}},"id_token":{"snils":null}}`), s.Vera, apptest.NewPassword); a.Query().Has("code") {
		got := p.exchange(a.Query().Get("code"))
		if i := p.userInfo(got.text("access_token")); i.body["snils"] != nil {
			t.Error("a single claim opens what the hold closes")
		}
	}
	// After the hold everything is open again, once it is asked for and agreed to.
	s.Advance(s.Policy.Hold)
	later := s.Client()
	later.SignIn(s.Vera, apptest.NewPassword)
	back = later.Through(p.request(scope...), s.Vera, apptest.NewPassword)
	if info := p.userInfo(p.exchange(back.Query().Get("code")).text("access_token")); info.text("snils") != s.Vera.SNILS {
		t.Errorf("after the hold: %v", info.body)
	}
}

// T32: whatever ends the sign-in ends the tokens with it, at once: signing out, a freeze, disowning, a new password, a
// withdrawn consent, a disabled system. What is another's or of another browser stays where it should.
func TestT32_TokensEndAtOnce(t *testing.T) {
	for what, end := range map[string]struct {
		act   func(s *scene, p *party, browser *apptest.Client, who account.Account)
		other bool // the tokens of another browser of hers live on
	}{
		"signing out": {func(_ *scene, _ *party, b *apptest.Client, _ account.Account) { b.Post("/sign-out") }, true},
		"signing out the rest": {func(s *scene, _ *party, _ *apptest.Client, who account.Account) {
			s.signedIn(who).Post("/settings/safety/sessions/end-others")
		}, false},
		"a freeze": {func(s *scene, _ *party, _ *apptest.Client, who account.Account) {
			s.apply(effect.Freeze{Account: who.ID, Reason: "self"}, effect.EndSessions{Account: who.ID, Why: "freeze"})
		}, false},
		"disowning": {func(s *scene, _ *party, _ *apptest.Client, who account.Account) {
			s.apply(effect.TellSystems{Account: who.ID, What: "recovery-disowned"})
		}, false},
		"an account that is not open": {func(s *scene, _ *party, _ *apptest.Client, who account.Account) {
			s.apply(effect.Freeze{Account: who.ID, Reason: "self"})
		}, false},
		"a withdrawn consent": {func(s *scene, p *party, b *apptest.Client, who account.Account) {
			id := s.text(`SELECT id FROM oidc_grants WHERE client_id = $1 AND account_id = $2`, p.client.ID, who.ID)
			b.Want(b.Post("/settings/safety/consents/"+id+"/withdraw"), "/settings/safety/consents?done=withdrawn")
		}, false},
		"a disabled system": {func(s *scene, p *party, _ *apptest.Client, _ account.Account) {
			if _, err := s.Systems.Disable(s.t.Context(), byPerson, p.client.ID); err != nil {
				s.t.Fatal(err)
			}
		}, false},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			s := begin(t)
			s.t = t
			p := s.party(oidc.Client{})
			hers, second := s.Client(), s.Client()
			tokens := p.tokens(hers, s.Vera)
			s.Advance(pause)
			elsewhere, foreign := p.tokens(second, s.Vera), p.tokens(s.Client(), s.Alexey)
			s.Advance(pause)
			tokens, elsewhere, foreign = p.renewed(tokens), p.renewed(elsewhere), p.renewed(foreign)
			end.act(s, p, hers, s.Vera)
			if what == "a disabled system" {
				p.refused("the system itself", p.refresh(tokens.text("refresh_token")), "invalid_client")
				if a := p.userInfo(tokens.text("access_token")); a.status != http.StatusUnauthorized {
					t.Errorf("userinfo answers %d", a.status)
				}
				return
			}
			p.dead("hers", tokens)
			if got := p.userInfo(elsewhere.text("access_token")).status == http.StatusOK; got != end.other {
				t.Errorf("her tokens of another browser work: %t", got)
			}
			if p.userInfo(foreign.text("access_token")).status != http.StatusOK {
				t.Error("Alexey's tokens ended too")
			}
		})
	}
}

// renewed refreshes tokens.
func (p *party) renewed(tokens reply) reply {
	p.s.t.Helper()
	r := p.refresh(tokens.text("refresh_token"))
	if r.status != http.StatusOK {
		p.s.t.Fatalf("a refresh: %d %v", r.status, r.body)
	}
	return r
}

// T48: two systems cannot compare whom they know; what each gets is what the person agreed to, and no more.
func TestT48_SubjectsCannotBeCompared(t *testing.T) {
	s := begin(t)
	water := s.party(oidc.Client{})
	power := s.party(oidc.Client{Name: "Энергосбыт", Redirects: []string{"https://power.example.test/cb"}})
	sister := s.party(oidc.Client{Name: "Водоканал: счета", Redirects: []string{"https://water.example.test/bills"}})
	open := s.party(oidc.Client{Name: "Архив", Subjects: oidc.Public})
	archive := s.party(oidc.Client{Name: "Данные", Kind: oidc.Resource, Redirects: nil, Sector: "data.example.test"})
	browser := s.Client()
	subjects := map[string]string{}
	var first reply
	for name, p := range map[string]*party{"water": water, "power": power, "sister": sister, "open": open} {
		tokens := p.tokens(browser, s.Vera)
		info := p.userInfo(tokens.text("access_token"))
		subjects[name] = info.text("sub")
		for claim := range info.body {
			if !slices.Contains([]string{"sub", "name", "family_name", "given_name", "middle_name", "locale"}, claim) {
				t.Errorf("%s was not agreed to, and %s gets it", claim, name)
			}
		}
		if strings.Contains(tokens.text("id_token"), s.Vera.ID) || len(info.text("sub")) < 40 {
			t.Errorf("%s knows her by %q", name, info.text("sub"))
		}
		if name == "water" {
			first = tokens
		}
	}
	if subjects["water"] == subjects["power"] || subjects["water"] == subjects["open"] || subjects["water"] != subjects["sister"] {
		t.Errorf("subjects: %v", subjects)
	}
	// A server of data may ask about a token of another system, and gets a name of its own for the person.
	r := archive.post("/oidc/introspect", "token", first.text("access_token"))
	if r.body["active"] != true || r.text("sub") == subjects["water"] || r.text("client_id") != water.client.ID {
		t.Errorf("a server of data learns %v", r.body)
	}
	if archive.active(first.text("refresh_token")) {
		t.Error("a server of data learns of refresh tokens")
	}
	s.goesNowhere("a server of data signs people in", browser.Get("/oidc/authorize?"+url.Values{"client_id": {archive.client.ID}, "redirect_uri": {"https://x.test"}}.Encode()))
}

// T48, DOMAIN §5.8: a claim that the hold keeps closed is not in the question a person answers then; so it is not handed over
// when the hold is over either, by tokens that are renewed for weeks.
func TestT48_TheHoldsClaimsAreNotAgreedTo(t *testing.T) {
	s := guarded(t)
	p := s.party(oidc.Client{})
	s.recovered()
	s.Advance(pause)
	vera := s.Client()
	vera.SignIn(s.Vera, apptest.NewPassword)
	ask := []string{"scope", "openid profile", "claims", `{"userinfo":{"snils":{"essential":true}},"id_token":{"snils":null,"account_level":null}}`}
	page := vera.Get(vera.Get(vera.Get(p.request(ask...)).Location).Location)
	s.hides("the question during the hold", page, s.T("systems.claim.snils"))
	back := vera.Through(p.request(ask...), s.Vera, apptest.NewPassword)
	tokens := p.exchange(back.Query().Get("code"))
	s.Advance(s.Policy.Hold)
	renewed := p.refresh(tokens.text("refresh_token"))
	if info := p.userInfo(renewed.text("access_token")); info.body["snils"] != nil {
		t.Errorf("after the hold the system reads what nobody agreed to: %v", info.body)
	}
	if id := claimsOf(t, renewed.text("id_token")); id["snils"] != nil || id["account_level"] != nil {
		t.Errorf("after the hold the id token says what nobody agreed to: %v", id)
	}
}

// claimsOf reads what an id token says, and proves nothing.
func claimsOf(t *testing.T, token string) (claims map[string]any) {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("%q is no JWT", token)
	}
	body, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err == nil {
		err = json.Unmarshal(body, &claims)
	}
	if err != nil {
		t.Fatal(err)
	}
	return claims
}
