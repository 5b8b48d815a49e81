package input

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"doverie/internal/apptest"
	"doverie/internal/i18n"
)

const passkeys = "/settings/safety/passkeys"

// scripted is an address that only the script of a page asks, in JSON: for passkeys and notices in browsers.
type scripted struct {
	route, what, gate string
	scene             scene
	tries             []line
}

// line is one body and its answer.
type line struct {
	typed, body string
	status      int
	says        []say
}

// keyed is Vera with a passkey, in her cabinet, after the repeated check.
func keyed(end string) scene {
	return func(p *play) (*apptest.Client, string) {
		const id = "0198c0de-1111-7000-8000-000000000001"
		at := p.Clock.Now().UnixMicro()
		p.DB.Exec(p.t, `INSERT INTO passkeys (id, account_id, credential_id, name, sealed, synced, sign_count, created_at, trusted_at, version)
			VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $7, 1)`, id, p.Vera.ID, []byte("credential"), "Телефон", []byte("sealed"), true, at)
		c, _ := steppedUp("")(p)
		return c, passkeys + "/" + id + end
	}
}

// pushing is Vera in her cabinet, with a browser that gets notices.
func pushing(end string) scene {
	return func(p *play) (*apptest.Client, string) {
		const id = "0198c0de-1111-7000-8000-000000000002"
		p.DB.Exec(p.t, `INSERT INTO push_browsers (id, account_id, session_id, endpoint_hash, sealed, device, created_at, seen_at)
			VALUES ($1, $2, $3, $4, $5, $6, $7, $7)`, id, p.Vera.ID, "over", []byte("endpoint"), []byte("sealed"), "Chrome, Android", p.Clock.Now().UnixMicro())
		c, _ := signedIn("")(p)
		return c, "/settings/safety/push/" + id + end
	}
}

func keyForms() []form {
	return []form{
		{
			route: "POST " + passkeys + "/{id}", what: "The name of a passkey", gate: session, good: []string{"name", "Телефон Веры"}, scene: keyed(""),
			tries: []try{
				{typed: "nothing", with: []string{"name", "  "}, says: []say{words("fault.passkey.name_missing")}},
				{typed: "41 letters", with: []string{"name", strings.Repeat("я", 41)}, says: []say{words("fault.name.long", "Max", 40)}, kept: []string{"name"}},
				{typed: "a right-to-left mark", with: []string{"name", "ключ\u202e"}, says: []say{words("fault.name.invisible")}, kept: []string{"name"}},
				{
					typed: "HTML and an emoji: shown as they are", with: []string{"name", "<script>alert(1)</script> 😀"}, status: 303, to: passkeys + "?done=renamed",
					counts: []string{"passkeys", "events", "event_subjects", "audit_head"},
					stored: func(p *play) string { return p.one(`SELECT name FROM passkeys`) }, as: "<script>alert(1)</script> 😀",
				},
			},
		},
		{route: "POST " + passkeys + "/{id}/remove", what: "Removing a passkey", gate: stepUp, button: true, scene: keyed("/remove")},
		{route: "POST /settings/safety/push/{id}/remove", what: "Switching notices in a browser off", gate: session, button: true, scene: pushing("/remove")},
		{route: "POST " + passkeys + "/{id}/keep", what: "Keeping a passkey after a recovery", gate: stepUp, button: true, scene: keyed("/keep")},
	}
}

// browserKeys are those of the example of RFC 8291.
const browserKeys = `"keys":{"p256dh":"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4","auth":"BTBZMqHH6r4Tts7J_aSIgg"}`

const nonsense = `{"answer":{"id":"AAAA","rawId":"AAAA","type":"public-key","response":{"clientDataJSON":"e30","authenticatorData":"AA","signature":"AA"}}}`

func scripts() []scripted {
	answers := func(key string) []line {
		return []line{
			{"no answer of a key", `{}`, 403, []say{words(key)}},
			{"an answer that is none", `{"answer":"<script>alert(1)</script>"}`, 403, []say{words(key)}},
			{"an answer made up", nonsense, 403, []say{words(key)}},
		}
	}
	begun := func(options, end string, s scene) scene {
		return func(p *play) (*apptest.Client, string) {
			c, path := s(p)
			if a := p.json(c, path+options, `{}`, i18n.Default); a.Status != http.StatusOK {
				p.t.Fatalf("options: %d %s", a.Status, a.Body)
			}
			return c, path + end
		}
	}
	keyAt := func(path string) scene {
		return func(p *play) (*apptest.Client, string) {
			c, _ := keyed("")(p)
			return c, path
		}
	}
	return append(deskScripts(), []scripted{
		{route: "POST " + passkeys + "/add/options", what: "What a new passkey is made of", gate: session, scene: steppedUp(passkeys + "/add/options")},
		{
			route: "POST " + passkeys + "/add", what: "A new passkey", gate: session, scene: begun("/options", "", steppedUp(passkeys+"/add")),
			tries: append(answers("fault.passkey.wrong"), line{"a name of 41 letters", `{"name":"` + strings.Repeat("я", 41) + `"}`, 422, []say{words("fault.name.long", "Max", 40)}}),
		},
		{route: "POST /sign-in/passkey/options", what: "What a passkey signs to sign in", scene: at("/sign-in/passkey/options")},
		{route: "POST /sign-in/passkey", what: "Sign-in with a passkey", scene: begun("/options", "", at("/sign-in/passkey")), tries: answers("fault.passkey.wrong")},
		{
			route: "POST /sign-in/code/passkey/options", what: "What a passkey signs as a second factor", scene: signingIn("/sign-in/code/passkey/options"),
			tries: []line{{"the account has no key", `{}`, 403, []say{words("fault.passkey.none")}}},
		},
		{
			route: "POST /sign-in/code/passkey", what: "A passkey as a second factor", scene: signingIn("/sign-in/code/passkey"),
			tries: answers("fault.passkey.over"),
		},
		{
			route: "POST /step-up/passkey/options", what: "What a passkey signs in the repeated check", gate: session, scene: signedIn("/step-up/passkey/options"),
			tries: []line{{"the account has no key", `{}`, 403, []say{words("fault.passkey.none")}}},
		},
		{route: "POST /step-up/passkey", what: "A passkey in the repeated check", gate: session, scene: keyAt("/step-up/passkey"), tries: answers("fault.passkey.over")},
		{
			route: "POST /approvals/{id}/passkey/options", what: "What a contact's passkey signs", gate: session, scene: asked(2, "/passkey/options"),
			tries: []line{{"the contact has no key", `{}`, 403, []say{words("fault.passkey.none")}}},
		},
		{
			route: "POST /settings/safety/push", what: "Notices in this browser", gate: session, scene: signedIn("/settings/safety/push"),
			tries: []line{
				{"no subscription", `{}`, 403, []say{words("fault.push.bad")}},
				{"an address inside a network", `{"answer":{"endpoint":"https://10.0.0.1/a",` + browserKeys + `}}`, 403, []say{words("fault.push.bad")}},
				{"a service nobody knows", `{"answer":{"endpoint":"https://push.example/a",` + browserKeys + `}}`, 403, []say{words("fault.push.bad")}},
				{"a known service without TLS", `{"answer":{"endpoint":"http://fcm.googleapis.com/a",` + browserKeys + `}}`, 403, []say{words("fault.push.bad")}},
				{"no keys", `{"answer":{"endpoint":"https://fcm.googleapis.com/a","keys":{}}}`, 403, []say{words("fault.push.bad")}},
				{"a key that is none", `{"answer":{"endpoint":"https://fcm.googleapis.com/a","keys":{"p256dh":"<script>","auth":"AAAA"}}}`, 403, []say{words("fault.push.bad")}},
			},
		},
		{
			route: "POST /settings/safety/push/here", what: "Who is signed in at a browser with notices", gate: session, scene: signedIn("/settings/safety/push/here"),
			tries: []line{
				{"no endpoint", `{}`, 422, []say{words("fault.bad_form")}},
				{"another shape", `{"answer":{"endpoint":1}}`, 422, []say{words("fault.bad_form")}},
				{"an endpoint nobody knows", `{"answer":"https://push.example/a"}`, 200, nil},
			},
		},
		{route: "POST /approvals/{id}/passkey", what: "A contact's last word with a passkey", gate: session, scene: asked(2, "/passkey"), tries: answers("fault.passkey.over")},
	}...)
}

func (p *play) json(c *apptest.Client, path, text, lang string) apptest.Answer {
	p.t.Helper()
	return c.Do(http.MethodPost, path, nil, inLanguage(lang), func(r *http.Request) {
		body(r, text)
		r.Header.Set("Content-Type", "application/json")
		r.Header.Set("Origin", p.URL)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	})
}

// spoiltScripts are refused by every address that takes JSON.
var spoiltScripts = []spoilt{
	{"another content type than JSON", func(r *http.Request, _ string) { r.Header.Set("Content-Type", "text/plain") }, 400, words("fault.bad_form")},
	{"a body that is no JSON, or none", func(r *http.Request, _ string) { body(r, "{") }, 400, words("fault.bad_form")},
	{"JSON of another shape", func(r *http.Request, _ string) { body(r, `[1,{"next":2}]`) }, 400, words("fault.bad_form")},
	{"bytes that are not UTF-8", func(r *http.Request, _ string) { body(r, "\xff\xfe\x00") }, 400, words("fault.bad_form")},
	{"a body of more than 64 KiB (tried: 10 MB)", func(r *http.Request, _ string) { body(r, `{"name":"`+strings.Repeat("a", 10<<20)+`"}`) }, 413, words("fault.too_large")},
}

// TestScripts asks every address of passkeys with bad bodies.
func TestScripts(t *testing.T) {
	t.Parallel()
	for _, s := range scripts() {
		t.Run(strings.TrimPrefix(s.route, "POST "), func(t *testing.T) {
			t.Parallel()
			p := newPlay(t)
			c, path := s.scene(p)
			p.Settle()
			for _, bad := range append(slices.Clone(spoiltScripts), strange...) {
				for _, lang := range i18n.Languages() {
					p.expect(bad.what, []say{bad.says}, bad.status, lang, func() apptest.Answer {
						return c.Do(http.MethodPost, path, nil, inLanguage(lang), func(r *http.Request) {
							body(r, `{}`)
							r.Header.Set("Content-Type", "application/json")
							r.Header.Set("Sec-Fetch-Site", "same-origin")
							bad.change(r, "")
						})
					})
				}
			}
			if s.gate != anybody {
				p.expect("nobody is signed in", []say{}, 401, i18n.Default, func() apptest.Answer { return p.json(p.Client(), path, `{}`, i18n.Default) })
			}
			for _, v := range s.tries {
				for _, lang := range i18n.Languages() {
					p.expect(v.typed, v.says, v.status, lang, func() apptest.Answer { return p.json(c, path, v.body, lang) })
				}
			}
		})
	}
}

func (p *play) expect(what string, says []say, status int, lang string, ask func() apptest.Answer) {
	p.t.Helper()
	before := p.tables()
	a := ask()
	if got := changed(before, p.tables()); len(got) > 0 {
		p.t.Errorf("%s: the tables %v changed", what, got)
	}
	if a.Status != status {
		p.t.Errorf("%s: %s: status %d, want %d: %s", lang, what, a.Status, status, apptest.Words(a.Body))
	}
	p.leaks(form{route: what}, nil, a)
	p.hears(lang, a.Body, says)
}

// scriptTables is the part of the document about them.
func scriptTables(b *strings.Builder, said func(lang string, says []say) string) {
	b.WriteString("\n## Passkeys and notices in browsers\n\nThe script of a page asks these addresses in JSON and shows the words beside its button; without it, the code by SMS is there, and so are notices by SMS and e-mail. Refused by each:\n\n")
	b.WriteString("| sent | answer | in Russian | in English |\n|---|---|---|---|\n")
	for _, s := range spoiltScripts {
		one := []say{s.says}
		fmt.Fprintf(b, "| %s | %s | %s | %s |\n", cell(s.what), describe(s.status), said(i18n.Russian, one), said(i18n.English, one))
	}
	b.WriteString("| nobody is signed in, and the address needs it | 401 unauthorized, and the way to the sign-in | – | – |\n")
	b.WriteString("\nNothing is written by any of these:\n\n| address | what for | sent | answer | in Russian | in English |\n|---|---|---|---|---|---|\n")
	for _, s := range scripts() {
		if len(s.tries) == 0 {
			fmt.Fprintf(b, "| `%s` | %s | nothing is read but an empty object | – | – | – |\n", s.route, s.what)
		}
		for _, v := range s.tries {
			fmt.Fprintf(b, "| `%s` | %s | %s | %s | %s | %s |\n", s.route, s.what, cell(v.typed), describe(v.status), said(i18n.Russian, v.says), said(i18n.English, v.says))
		}
	}
}
