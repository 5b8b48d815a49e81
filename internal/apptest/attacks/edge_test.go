package attacks

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"doverie/internal/apptest"
	"doverie/internal/notify"
	"doverie/internal/oidc/endpoint"
	"doverie/internal/recovery"
	"doverie/internal/secret"
	"doverie/internal/store/storetest"
)

// T36: the letter's story with its slips is told; then every output is searched for every secret of it.
func TestT36_SecretsInEveryOutput(t *testing.T) {
	registry := prometheus.NewRegistry()
	s := on(t, "sqlite", apptest.Options{Metrics: registry})
	s.link(s.Vera, s.Alexey)
	s.Advance(s.Policy.Settling)
	secrets := map[string]string{"Vera's password": apptest.Password, "her new password": apptest.NewPassword, "a wrong password": "не тот пароль 719"}
	keep := func(who string, c *apptest.Client) {
		for name, value := range c.Cookies() {
			if len(value) > 20 && name != "approval-code" && name != "lang" { // the first is an id and a time, no secret
				secrets[who+"'s cookie "+name] = value
			}
		}
	}
	applicant, alexey := s.Client(), s.Client()
	applicant.Post("/sign-in", "identifier", s.Vera.Phone, "password", "не тот пароль 719")
	applicant.Want(applicant.Post("/recovery", "identifier", s.Vera.Phone), "/recovery/code")
	applicant.Post("/recovery/code", "code", wrong(s.Code(s.Vera.Phone, notify.RecoveryCode)))
	applicant.Want(applicant.Post("/recovery/code", "code", s.Code(s.Vera.Phone, notify.RecoveryCode)), "/recovery")
	keep("the applicant", applicant)
	alexey.Post("/sign-in", "identifier", s.Alexey.Phone, "password", apptest.Password)
	keep("Alexey", alexey)
	alexey.Want(alexey.Post("/sign-in/code", "code", s.Code(s.Alexey.Phone, notify.SignInCode), "remember", "1"), "/settings")
	keep("Alexey signed in", alexey)
	alexey.StepUp(s.Alexey, apptest.Password)
	keep("Alexey stepped up", alexey)
	request := alexey.Request()
	match := applicant.Match()
	toAlexey := []string{alexey.Get(request).Body}
	alexey.Approve(s.Alexey, request, match)
	toAlexey = append(toAlexey, alexey.Get(request).Body, alexey.Get(contactsHome).Body, alexey.Get("/settings/safety/events").Body)
	s.finish(applicant, s.Vera)
	newcomer := s.Client()
	newcomer.Want(newcomer.Post("/register", "family", "Новикова", "given", "Ольга", "phone", "+79161110000", "email", "olga@example.test", "password", apptest.NewPassword), "/register/code")
	newcomer.Want(newcomer.Post("/register/code", "code", s.Code("+79161110000", notify.RegisterCode)), "/settings")
	keep("Olga", newcomer)
	letter := s.LinkPath("olga@example.test", notify.EmailVerifyLink)
	secrets["Olga's e-mail link"] = letter[strings.LastIndex(letter, "=")+1:]
	notice := s.LinkPath(s.Vera.Email, notify.RecoveryCompleted)
	secrets["Vera's notice link"] = notice[strings.LastIndex(notice, "/")+1:]
	s.Client().Get(notice)
	s.Client().Get("/no/such/page?code=424242&phone=" + url.QueryEscape(s.Vera.Phone))
	s.Client().Do(http.MethodPost, "/recovery", url.Values{"identifier": {strings.Repeat("8", 70000)}})
	for _, at := range []string{s.Vera.Phone, s.Vera.Email, s.Alexey.Phone, s.Alexey.Email, "+79161110000"} {
		for _, m := range s.Phones.Messages(at) {
			if code := regexp.MustCompile(`\d{2}[ -]?\d[ -]?\d[ -]?\d{2}`).FindString(m.Text.Body); slices.Contains(codeKinds, m.Kind) {
				secrets["the code of "+string(m.Kind)+" "+code] = secret.NormalizeCode(code)
			}
		}
	}
	if len(secrets) < 15 {
		t.Fatalf("only %d secrets were gathered: %v", len(secrets), secrets)
	}
	s.intact() // and with it everything is in the files

	outputs := map[string]string{"the log": s.Logs.String()}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		outputs["metrics"] += f.String() + "\n"
	}
	files, err := filepath.Glob(s.DB.DSN + "*")
	if err != nil || len(files) == 0 {
		t.Fatalf("no database files: %v", err)
	}
	for _, name := range files {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		outputs["the file "+filepath.Base(name)] = string(content)
	}
	for i, page := range toAlexey {
		outputs["Alexey's page "+string(rune('1'+i))] = page
	}
	for place, text := range outputs {
		for what, value := range secrets {
			bare := regexp.MustCompile(`(^|\D)` + regexp.QuoteMeta(value) + `(\D|$)`) // six digits inside a longer number are no code
			if len(value) > 6 && strings.Contains(text, value) || len(value) == 6 && place != "metrics" && !strings.HasPrefix(place, "the file") && bare.MatchString(text) {
				t.Errorf("%s is in %s", what, place)
			}
		}
	}
	// Codes in the database, looked for as values of every column: bytes of a file hold any six digits by chance.
	for table, columns := range s.columns() {
		for _, column := range columns {
			for _, value := range s.texts(`SELECT COALESCE(CAST(` + column + ` AS TEXT), '') FROM ` + table) {
				for what, one := range secrets {
					if len(one) == 6 && regexp.MustCompile(`(^|\D)`+one+`(\D|$)`).MatchString(value) {
						t.Errorf("%s is in %s.%s", what, table, column)
					}
				}
				for _, phone := range []string{s.Vera.Phone, s.Alexey.Phone, "+79161110000"} {
					own := (table == "accounts" || table == "registrations") && column == "phone"
					if strings.Contains(value, phone[2:]) && !own {
						t.Errorf("the phone %s is in %s.%s", phone, table, column)
					}
				}
			}
		}
	}
	for _, phone := range []string{s.Vera.Phone, s.Alexey.Phone, s.Vera.Email, s.Alexey.Email, "Смирнов"} {
		for _, place := range []string{"the log", "metrics"} {
			if strings.Contains(outputs[place], strings.TrimPrefix(phone, "+")) {
				t.Errorf("%s is in %s", phone, place)
			}
		}
		if phone == s.Vera.Phone || phone == s.Vera.Email {
			for i, page := range toAlexey {
				if strings.Contains(page, phone) {
					t.Errorf("Alexey's page %d shows %s", i+1, phone)
				}
			}
		}
	}
}

// columns are the text columns of every table.
func (s *scene) columns() map[string][]string {
	all := map[string][]string{}
	for _, table := range s.texts(`SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'goose%'`) {
		all[table] = s.texts(`SELECT name FROM pragma_table_info($1) WHERE type = 'TEXT'`, table)
	}
	return all
}

// crowd is one signed-in and stepped-up person with something of every kind, for tests over all routes.
func crowd(t *testing.T, o apptest.Options) (s *scene, all []string, person *apptest.Client) {
	t.Helper()
	s, all = routes(t, o)
	s.link(s.Vera, s.Alexey)
	s.Advance(s.Policy.Settling)
	applicant := s.recovering(s.Vera)
	person = s.steppedUp(s.Alexey)
	person.SetCookie("recovery", applicant.Cookies()["recovery"])
	return s, all, person
}

// T37: every route that changes something is posted to from another site: by a form, a frame, an image, an old browser.
func TestT37_CrossSiteRequests(t *testing.T) {
	s, all, victim := crowd(t, apptest.Options{})
	ids := s.texts(`SELECT id FROM links UNION ALL SELECT id FROM approvals`)
	evil := map[string]func(*http.Request){
		"a form of another site": func(r *http.Request) {
			r.Header.Set("Origin", "https://evil.example")
			r.Header.Set("Sec-Fetch-Site", "cross-site")
		},
		"a sibling subdomain": func(r *http.Request) {
			r.Header.Set("Origin", "https://other.127.0.0.1.nip.io")
			r.Header.Set("Sec-Fetch-Site", "same-site")
		},
		"an old browser": func(r *http.Request) {
			r.Header.Del("Sec-Fetch-Site")
			r.Header.Set("Origin", "https://evil.example")
		},
		"a sandboxed frame": func(r *http.Request) {
			r.Header.Del("Sec-Fetch-Site")
			r.Header.Set("Origin", "null")
		},
	}
	before, n := s.fingerprint(), 0
	for _, pattern := range all {
		method, _ := at(pattern, "x")
		if method == http.MethodGet || strings.Contains(pattern, "/messages/reports/") { // for machines: signed, without cookies
			continue
		}
		for _, id := range ids {
			_, path := at(pattern, id)
			for what, change := range evil {
				n++
				// The provider's addresses are there for other sites: no cookie proves anything there, and nothing moves.
				open := slices.Contains(endpoint.CrossOrigin(), pattern)
				if a := victim.Do(method, path, greedy(s, ids...), change); a.Status != http.StatusForbidden && !open {
					t.Errorf("%s, %s: %d %s", path, what, a.Status, a.Location)
				}
			}
			for _, verb := range []string{http.MethodGet, http.MethodPut, http.MethodDelete, http.MethodPatch} { // GET changes nothing, other verbs do not exist
				victim.Do(verb, path, nil)
			}
			if !strings.Contains(pattern, "{") {
				break
			}
		}
	}
	if n < 100 {
		t.Errorf("only %d requests", n)
	}
	if after := s.fingerprint(); after != before {
		t.Errorf("something moved:\n%s\n%s", before, after)
	}
	for _, c := range victim.Get("/sign-in?x").Header["Set-Cookie"] {
		t.Errorf("a page sets %s", c)
	}
}

// T38: a session planted before the sign-in is not the session after it, and each proof makes a new one.
func TestT38_SessionFixation(t *testing.T) {
	s := on(t, "sqlite", apptest.Options{TLS: true})
	mallory := s.steppedUp(s.Maria)
	planted := mallory.Cookies()["__Host-session"]
	if planted == "" {
		t.Fatalf("no __Host- cookie over https: %v", mallory.Cookies())
	}
	vera := s.Client()
	for _, name := range []string{"session", "__Host-session", "sign_in", "__Host-sign_in", "__Host-device"} {
		vera.SetCookie(name, "planted-by-mallory-0123456789")
	}
	vera.SignIn(s.Vera, apptest.Password)
	signedIn := vera.Cookies()["__Host-session"]
	s.Advance(pause)
	vera.StepUp(s.Vera, apptest.Password)
	steppedUp := vera.Cookies()["__Host-session"]
	if signedIn == "planted-by-mallory-0123456789" || signedIn == "" || steppedUp == signedIn || len(signedIn) < 22 {
		t.Errorf("the session was %q, then %q", signedIn, steppedUp)
	}
	old := s.Client()
	old.SetCookie("__Host-session", signedIn)
	old.Want(old.Get("/settings/account"), "/sign-in")
	plain := s.Client() // a cookie without the prefix, as a neighbour's subdomain could plant it, is no session
	plain.SetCookie("session", steppedUp)
	plain.Want(plain.Get("/settings/account"), "/sign-in")
	// Login CSRF: whoever is led to sign in as Mallory is stopped at the form of another site.
	a := s.Client().Do(http.MethodPost, "/sign-in", apptest.Form("identifier", s.Maria.Phone, "password", apptest.Password), func(r *http.Request) {
		r.Header.Set("Sec-Fetch-Site", "cross-site")
		r.Header.Set("Origin", "https://evil.example")
	})
	if a.Status != http.StatusForbidden {
		t.Errorf("login CSRF: %d", a.Status)
	}
	for _, header := range vera.Post("/sign-in", "identifier", s.Vera.Phone, "password", apptest.Password).Header["Set-Cookie"] {
		for _, needs := range []string{"__Host-", "Secure", "HttpOnly", "SameSite=Lax", "Path=/"} {
			if !strings.Contains(header, needs) {
				t.Errorf("%s lacks %s", header, needs)
			}
		}
		if strings.Contains(header, "Domain=") {
			t.Errorf("%s names a domain", header)
		}
	}
	vera.Want(vera.Post("/sign-out"), "/sign-in")
	after := s.Client()
	after.SetCookie("__Host-session", steppedUp)
	after.Want(after.Get("/settings/account"), "/sign-in")
}

// T39: no answer of any route, whatever its status, may be framed or loaded by another site.
func TestT39_Clickjacking(t *testing.T) {
	s, all, person := crowd(t, apptest.Options{})
	ids := s.texts(`SELECT id FROM links UNION ALL SELECT id FROM approvals`)
	stranger, n := s.Client(), 0
	check := func(a apptest.Answer, what string) {
		n++
		policy := a.Header.Get("Content-Security-Policy")
		switch {
		case !strings.Contains(policy, "frame-ancestors 'none'"), !strings.Contains(policy, "default-src 'none'"), strings.Contains(policy, "unsafe"),
			!strings.Contains(policy, "base-uri 'none'"), a.Header.Get("X-Frame-Options") != "DENY",
			a.Header.Get("Cross-Origin-Opener-Policy") != "same-origin", a.Header.Get("X-Content-Type-Options") != "nosniff",
			a.Header.Get("Referrer-Policy") != "no-referrer", strings.Contains(a.Header.Get("Content-Type"), "html") && a.Header.Get("Cache-Control") != "no-store":
			t.Errorf("%s (%d): %v", what, a.Status, a.Header)
		}
		if strings.Contains(a.Header.Get("Access-Control-Allow-Origin"), "*") {
			t.Errorf("%s is open to scripts of every site", what)
		}
	}
	for _, pattern := range all {
		method, path := at(pattern, ids[0])
		if method != http.MethodGet || strings.HasSuffix(path, "/events") && path != "/settings/safety/events" {
			if method == http.MethodGet {
				continue // a live stream does not end
			}
			check(person.Do(method, path, url.Values{}, func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }), pattern)
			continue
		}
		for _, id := range ids {
			_, path := at(pattern, id)
			check(person.Get(path), "signed in "+path)
			check(stranger.Get(path), "a stranger "+path)
		}
	}
	check(stranger.Get("/no/such/page"), "nothing")
	check(stranger.Do(http.MethodDelete, "/recovery", nil), "a wrong verb")
	if n < 150 {
		t.Errorf("only %d answers", n)
	}
}

// T40: names, devices and phones that are markup, scripts, formulas or log lines come out as the text they are.
func TestT40_MarkupInNames(t *testing.T) {
	s := begin(t)
	payloads := []string{
		`<script>alert(1)</script>`, `"><img src=x onerror=alert(1)>`, `</title><svg onload=alert(1)>`, `javascript:alert(1)`, `{{.}}{{printf "%s" "x"}}`,
		`'; DROP TABLE accounts; --`, `%0d%0aSet-Cookie: a=b`, "\r\nlevel=ERROR msg=forged", `=HYPERLINK("http://evil")`, `&lt;b&gt;`, "\u202eтекст\u202c", `${7*7}`,
	}
	for _, payload := range payloads {
		// Names: refused by their letters, and what is shown again is escaped.
		c := s.Client()
		a := c.Post("/register", "family", payload, "given", payload, "patronymic", payload, "phone", payload, "email", payload, "password", "short")
		if a.Status != http.StatusUnprocessableEntity && a.Status != http.StatusBadRequest {
			t.Errorf("registration of %q: %d", payload, a.Status)
		}
		raw(t, "the form again", a, payload)
		raw(t, "sign-in again", c.Post("/sign-in", "identifier", payload, "password", "x"), payload)
		raw(t, "recovery again", c.Post("/recovery", "identifier", payload), payload)
		raw(t, "not found", c.Get("/"+url.PathEscape(payload)+"?next="+url.QueryEscape(payload)), payload)
		raw(t, "next", c.Get("/sign-in?next="+url.QueryEscape(payload)+"&why="+url.QueryEscape(payload)), payload)
	}
	// A name that the import of a confirming body brought in, and a browser that calls itself markup.
	evil := `Вера<img src=x onerror=alert(1)>`
	vera := s.Add(storetest.Person{Given: evil, Patronymic: `"><script>`, Family: "Ы", Phone: "+79135550001"})
	s.link(vera, s.Alexey)
	s.Advance(s.Policy.Settling)
	applicant := s.Client()
	applicant.Do(http.MethodPost, "/recovery", apptest.Form("identifier", vera.Phone), agent(`Mozilla/5.0 <script>alert(2)</script> Firefox/1`+"\t"))
	applicant.Want(applicant.Post("/recovery/code", "code", s.Code(vera.Phone, notify.RecoveryCode)), "/recovery")
	alexey := s.steppedUp(s.Alexey)
	request := alexey.Request()
	for _, path := range []string{request, "/approvals", contactsHome, request + "/questions", request + "/reject", "/settings/safety/events"} {
		a := alexey.Get(path)
		raw(t, path, a, `<img src=x`, `"><script>`, `<script>alert(2)`)
		if !strings.Contains(a.Header.Get("Content-Security-Policy"), "script-src 'self'") || strings.Contains(a.Body, "<script>") {
			t.Errorf("%s: inline script or a weak policy", path)
		}
	}
	raw(t, "the applicant's page", applicant.Get("/recovery/wait"), `<img src=x`, `<script>alert`)
	mail := s.Newest(s.Alexey.Email, notify.RecoveryAsked)
	if strings.Contains(mail.Text.HTML, "<img src=x") || strings.Contains(mail.Text.HTML, "<script>") {
		t.Error("the letter carries the markup")
	}
	for line := range strings.SplitSeq(s.Logs.String(), "\n") {
		if strings.HasPrefix(line, "level=ERROR msg=forged") {
			t.Error("a line of the log was forged")
		}
	}
}

// raw fails when the page holds the markup as markup.
func raw(t *testing.T, what string, a apptest.Answer, payloads ...string) {
	t.Helper()
	for _, p := range payloads {
		if strings.ContainsAny(p, "<>\"") && strings.Contains(a.Body, p) {
			t.Errorf("%s holds %q unescaped", what, p)
		}
	}
	for name := range a.Header {
		if strings.EqualFold(name, "A") || strings.Contains(strings.Join(a.Header["Set-Cookie"], ""), "a=b") {
			t.Errorf("%s: a header was injected: %s", what, name)
		}
	}
	if a.Status >= http.StatusInternalServerError {
		t.Errorf("%s: %d", what, a.Status)
	}
}

// T41: whatever Host and X-Forwarded-* say, no answer and no letter leads anywhere but to the service's own address.
func TestT41_PoisonedHost(t *testing.T) {
	s, all, person := crowd(t, apptest.Options{})
	ids := s.texts(`SELECT id FROM links UNION ALL SELECT id FROM approvals`)
	poison := func(r *http.Request) {
		r.Host = "evil.example"
		for _, name := range []string{"X-Forwarded-Host", "X-Host", "X-Original-Host", "Forwarded", "X-Forwarded-Server", "X-Original-URL", "X-Rewrite-URL"} {
			r.Header.Set(name, "evil.example")
		}
		r.Header.Set("Forwarded", "host=evil.example;proto=https")
		r.Header.Set("X-Forwarded-Proto", "https")
		r.Header.Set("Referer", "https://evil.example/")
	}
	n := 0
	for _, pattern := range all {
		method, path := at(pattern, ids[0])
		if method != http.MethodGet || strings.HasSuffix(path, "/events") && path != "/settings/safety/events" {
			continue
		}
		for _, id := range append(ids, url.PathEscape("//evil.example"), "..%2f..%2fevil.example") {
			_, path = at(pattern, id)
			for _, query := range []string{"", "?next=" + url.QueryEscape("https://evil.example/"), "?next=//evil.example", "?next=/%5Cevil.example", "?return=//evil.example"} {
				a := person.Do(method, path+query, nil, poison)
				n++
				if strings.Contains(a.Header.Get("Location"), "evil.example") && !strings.HasPrefix(a.Header.Get("Location"), "/") || strings.HasPrefix(a.Header.Get("Location"), "//") {
					t.Errorf("%s%s leads to %s", path, query, a.Header.Get("Location"))
				}
				for _, attribute := range []string{`href="https://evil`, `href="http://evil`, `href="//evil`, `action="https://evil`, `action="//evil`, `src="https://evil`, `content="https://evil`} {
					if strings.Contains(a.Body, attribute) {
						t.Errorf("%s%s: %s", path, query, attribute)
					}
				}
			}
		}
	}
	// The letter that a poisoned request causes.
	maria := s.Client()
	maria.Want(maria.Do(http.MethodPost, "/recovery", apptest.Form("identifier", s.Vera.Phone), poison), "/recovery/code")
	maria.Want(maria.Do(http.MethodPost, "/recovery/code", apptest.Form("code", s.Code(s.Vera.Phone, notify.RecoveryCode)), poison), "/recovery")
	s.Settle()
	for _, at := range []string{s.Vera.Email, s.Alexey.Email, s.Vera.Phone} {
		for _, m := range s.Phones.Messages(at) {
			if strings.Contains(m.Text.Body+m.Text.HTML+m.Text.Subject, "evil") {
				t.Errorf("%s to %s leads to the attacker", m.Kind, at)
			}
		}
	}
	if n < 300 {
		t.Errorf("only %d requests", n)
	}
}

// T47: a browser with nothing but a recovery authorizes nobody: it opens no page that needs a session, at no step.
func TestT47_RecoveryIsNoSession(t *testing.T) {
	s, all := routes(t, apptest.Options{})
	s.link(s.Vera, s.Alexey)
	s.Advance(s.Policy.Settling)
	applicant := s.recovering(s.Vera)
	open := func() (private []string) {
		for _, pattern := range all {
			method, path := at(pattern, s.Vera.ID)
			if method != http.MethodGet || !strings.HasPrefix(path, "/settings") && !strings.HasPrefix(path, "/approvals") && !strings.HasPrefix(path, "/safety/freeze") && !strings.HasPrefix(path, "/step-up") {
				continue
			}
			private = append(private, path)
			applicant.Want(applicant.Get(path), "/sign-in")
		}
		for _, path := range []string{"/authorize", "/oauth2/authorize", "/token", "/userinfo"} { // other systems are not connected yet
			if a := applicant.Get(path + "?response_type=code&client_id=x"); a.Status != http.StatusNotFound && !strings.HasPrefix(a.Location, "/sign-in") {
				t.Errorf("%s: %d %s", path, a.Status, a.Location)
			}
		}
		return private
	}
	open()
	alexey := s.steppedUp(s.Alexey)
	alexey.Approve(s.Alexey, alexey.Request(), applicant.Match())
	open()
	s.finish(applicant, s.Vera)
	if n := len(open()); n < 15 {
		t.Errorf("only %d pages were tried", n)
	}
	applicant.SetCookie("session", applicant.Cookies()["recovery"])
	applicant.SetCookie("sign_in", applicant.Cookies()["recovery"])
	open()
	applicant.Want(applicant.Post("/sign-in/code", "code", "000000"), "/sign-in")
}

// T49: a flood of notices hides nothing: the alarm stands above every page, once, and is gone when the danger is.
func TestT49_FloodHidesNothing(t *testing.T) {
	s := guarded(t)
	vera := s.signedIn(s.Vera)
	link := s.text(`SELECT id FROM links WHERE principal_id = $1`, s.Vera.ID)
	for range 3 { // whatever an attacker with a stolen session can make the service say
		s.Advance(pause)
		vera.StepUp(s.Vera, apptest.Password)
		vera.Post(contactsHome+"/"+link+"/remove", "tell", "now")
		vera.Post(contactsHome + "/" + link + "/stay")
		vera.Post("/settings/account/email", "email", "flood@example.test")
	}
	s.Settle()
	for range 40 {
		s.Client().Post("/recovery", "identifier", s.Vera.Phone)
	}
	s.Advance(pause)
	criminal := s.Client().From("95.31.1.1")
	criminal.Want(criminal.Post("/recovery", "identifier", s.Vera.Phone), "/recovery/code")
	criminal.Want(criminal.Post("/recovery/code", "code", s.Code(s.Vera.Phone, notify.RecoveryCode)), "/recovery")
	banner := s.T("safety.banner.title")
	for _, path := range []string{"/settings/account", "/settings/safety/login", "/settings/safety/sessions", "/settings/safety/events", contactsHome, "/approvals", "/help"} {
		a := vera.Get(path)
		if strings.Count(apptest.Words(a.Body), banner) != 1 {
			t.Errorf("%s (%d) shows the alarm %d times", path, a.Status, strings.Count(apptest.Words(a.Body), banner))
		}
		if i, j := strings.Index(a.Body, banner), strings.Index(a.Body, "<h1"); i < 0 || i > j {
			t.Errorf("%s: the alarm is not above everything", path)
		}
	}
	if s.Count(s.Vera.Phone, notify.RecoveryAttempt) != 1 || s.Count(s.Vera.Email, notify.RecoveryAttempt) != 1 {
		t.Error("the one notice that matters did not come, or came more than once")
	}
	vera.Want(vera.Post("/safety/disown"), "/safety/alarm")
	s.hides("after it is stopped", vera.Get("/settings/account"), banner)
	s.wantState(s.Vera, recovery.Disowned)
}
