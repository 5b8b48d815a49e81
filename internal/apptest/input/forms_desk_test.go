package input

import (
	"slices"
	"strings"

	"doverie/internal/apptest"
	"doverie/internal/desk"
)

const (
	consoleSignIn = "/operator/sign-in"
	town          = "МФЦ Заречный"
	offeredKey    = "the sealed key of the page" // the sealed key of the page
)

// serving is a signed-in operator of the role, at an address that path makes.
func serving(role desk.Role, path func(p *play, c *apptest.Client) string) scene {
	return func(p *play) (*apptest.Client, string) {
		c := p.Operator(p.Hire("olga", role, town))
		p.Settle()
		return c, path(p, c)
	}
}

func straight(path string) func(*play, *apptest.Client) string {
	return func(*play, *apptest.Client) string { return path }
}

// inCase is an operator with Vera's case open.
func inCase(end string) scene {
	return serving(desk.Clerk, func(p *play, c *apptest.Client) string {
		return c.OpenCase(p.Vera.Phone, "lost_password") + end
	})
}

// proposed is what one operator proposed for Vera, whom a contact guards; the other one looks at it, or himself.
func proposed(end string, byHimself bool) scene {
	return func(p *play) (*apptest.Client, string) {
		p.linked() // before they sign in: the link settles for a day
		second := p.Operator(p.Hire("olga", desk.Clerk, town))
		first := second
		if !byHimself {
			first = p.Operator(p.Hire("pavel", desk.Clerk, town))
		}
		path := first.Act(first.OpenCase(p.Vera.Phone, "lost_password"), "recover") + end
		p.Settle()
		return second, path
	}
}

// enrolling is a new operator who has typed his one-time code.
func enrolling(path string) scene {
	return func(p *play) (*apptest.Client, string) {
		_, code, err := p.Staff.InviteFirst(p.t.Context(), actOfTests, desk.NewOperator{Login: "nina", Name: "Нина", Role: desk.Clerk}, town, "Заречный")
		p.must(err)
		p.note["code"] = code
		c := p.Client()
		c.Want(c.Post("/operator/enrol", "code", code), "/operator/enrol/key")
		page := c.Get("/operator/enrol/key").Body
		_, rest, _ := strings.Cut(page, `name="offer" value="`)
		p.note["offer"], _, _ = strings.Cut(rest, `"`)
		return c, path
	}
}

// colleague is an administrator, and somebody else of his office at whose address he acts.
func colleague(end string) scene {
	return serving(desk.Administrator, func(p *play, _ *apptest.Client) string {
		return "/operator/staff/" + p.Hire("pavel", desk.Clerk, town).ID + end
	})
}

func deskForms() []form {
	opening := []string{"identifier", "+79131234567", "reason", "lost_password", "document", "passport_rus", "last4", "3456"}
	inviting := []string{"name", "Пётр Иванов", "login", "petr", "role", "operator", "office", "none"}
	counted := []string{"rate_limits"}
	looked := []string{"audit_head", "events", "rate_limits"} // nobody looks for people unseen
	return []form{
		{
			route: "POST " + consoleSignIn, what: "Operators: sign-in with password and code generator", good: []string{"login", "olga", "password", "не тот пароль", "code", "000000"}, scene: at(consoleSignIn),
			tries: []try{
				{typed: "nothing", with: []string{"login", "", "password", "", "code", ""}, says: []say{words("fault.desk.sign_in")}, counts: counted},
				{typed: "a login that nobody has", with: []string{"login", `"><b>never</b>`}, says: []say{words("fault.desk.sign_in")}, kept: []string{"login"}, counts: counted},
				{typed: "a wrong password", says: []say{words("fault.desk.sign_in")}, kept: []string{"login"}, counts: counted},
			},
		},
		{route: "POST /operator/sign-out", what: "Operators: the end of a session", button: true, scene: serving(desk.Clerk, straight("/operator/sign-out"))},
		{
			route: "POST /operator/language", what: "Operators: the language", good: []string{"lang", "xx", "return", "/operator"}, scene: at("/operator/language"),
			tries: []try{{typed: "a language there is not: the old one stays", status: 303, to: "/operator"}},
		},
		{
			route: "POST /operator/enrol", what: "Operators: the one-time code on paper", good: []string{"code", "никакой"}, scene: at("/operator/enrol"),
			tries: []try{
				{typed: "nothing", with: []string{"code", ""}, says: []say{words("fault.desk.enrol")}, counts: counted},
				{typed: "a code that is none, used up or over", says: []say{words("fault.desk.enrol")}, counts: counted},
			},
		},
		{
			route: "POST /operator/enrol/password", what: "Operators: the first password", good: []string{"password", apptest.OperatorPassword, "code", "000000", "offer", offeredKey},
			scene: enrolling("/operator/enrol/password"),
			tries: []try{
				{typed: "a password too short, and a wrong code", with: []string{"password", "abc", "offer", offeredKey}, says: []say{words("password.too_short", "Min", 8), words("fault.totp.wrong")}, counts: counted},
				{typed: "a code that the generator does not show", with: []string{"offer", offeredKey}, says: []say{words("fault.totp.wrong")}, counts: counted},
				{typed: "another key than the one that was shown: from the beginning", with: []string{"offer", "подделка"}, status: 303, to: "/operator/enrol", counts: counted},
			},
		},
		{
			route: "POST /operator/cases", what: "Operators: a person who came", gate: operators, good: opening, scene: serving(desk.Clerk, straight("/operator/cases")),
			tries: []try{
				{
					typed: "every field empty", with: []string{"identifier", "", "reason", "", "document", "", "last4", ""},
					says: []say{words("fault.identifier.missing"), words("fault.desk.reason"), words("fault.document.kind"), words("fault.desk.last4")},
				},
				{typed: "something that is no phone, e-mail or SNILS", with: []string{"identifier", `<img src=x>`}, says: []say{words("fault.identifier.unreadable")}, kept: []string{"identifier", "reason", "document", "last4"}},
				{typed: "the whole number of a document instead of its end", with: []string{"last4", "4510 123456"}, says: []say{words("fault.desk.last4")}, kept: []string{"identifier", "reason", "document", "last4"}},
				{typed: "somebody who is not here", with: []string{"identifier", "+79990000000"}, says: []say{words("fault.desk.nobody")}, kept: []string{"identifier", "reason", "document", "last4"}, counts: looked},
			},
		},
		{route: "POST /operator/cases/{id}/close", what: "Operators: the end of a case", gate: operators, scene: inCase("/close")},
		{
			route: "POST /operator/cases/{id}/acts/{kind}", what: "Operators: an act for the person", gate: operators, good: []string{"seen", "yes", "family", "Смирнова", "given", "Вера"}, scene: inCase("/acts/name"),
			tries: []try{
				{typed: "the box that the document was seen is not ticked", with: []string{"seen", absent}, says: []say{words("fault.desk.seen")}, kept: []string{"family", "given"}},
				{
					typed: "every field empty", with: []string{"seen", absent, "family", "", "given", ""},
					says: []say{words("fault.family.missing"), words("fault.name.missing"), words("fault.desk.seen")},
				},
				{typed: "digits in a name", with: []string{"given", "В3ра"}, says: []say{words("fault.name.characters")}, kept: []string{"family", "given"}},
			},
		},
		{
			route: "POST /operator/cases/{id}/phone", what: "Operators: a code to the person's new phone", gate: operators, good: []string{"phone", "8 (495) 123-45-67"}, scene: inCase("/phone"),
			tries: []try{
				{typed: "nothing", with: []string{"phone", ""}, says: []say{words("fault.phone.missing")}},
				{typed: "a landline", says: []say{words("fault.phone.not_mobile")}, kept: []string{"phone"}},
			},
		},
		{
			route: "POST /operator/acts/{id}/agree", what: "Operators: the second operator agrees", gate: operators, good: []string{"seen", "yes"}, scene: proposed("/agree", false),
			tries: []try{{typed: "the box that the document was seen is not ticked", with: []string{"seen", absent}, says: []say{words("fault.desk.seen")}}},
		},
		{
			route: "POST /operator/acts/{id}/decline", what: "Operators: the second operator declines", gate: operators, good: []string{"why", ""}, scene: proposed("/decline", false),
			tries: []try{
				{typed: "no reason", says: []say{words("fault.desk.why")}},
				{typed: "a reason there is not", with: []string{"why", "так"}, says: []say{words("fault.desk.why")}},
			},
		},
		{route: "POST /operator/acts/{id}/withdraw", what: "Operators: taking a proposal back", gate: operators, scene: proposed("/withdraw", true)},
		{
			route: "POST /operator/acts/{id}/paper", what: "Operators: the temporary password on paper", gate: operators, scene: proposed("/paper", true),
			tries: []try{{typed: "the second operator has not agreed", status: 409, says: []say{words("fault.desk.state_proposed")}}},
		},
		{route: "POST /operator/audit/verify", what: "Auditors: the check of the event log", gate: operators, scene: serving(desk.Auditor, straight("/operator/audit/verify"))},
		{
			route: "POST /operator/offices", what: "Administrators: a new office", gate: operators, good: []string{"name", "", "address", "Лесная, 1"}, scene: serving(desk.Administrator, straight("/operator/offices")),
			tries: []try{
				{typed: "no name", says: []say{words("fault.desk.missing")}, kept: []string{"address"}},
				{typed: "a right-to-left mark in the address", with: []string{"name", "МФЦ Лесной", "address", "Лесная\u202e, 1"}, says: []say{words("fault.name.invisible")}, kept: []string{"name", "address"}},
				{typed: "the name of an office there is", with: []string{"name", town}, says: []say{words("fault.desk.office_taken")}, kept: []string{"name", "address"}},
			},
		},
		{
			route: "POST /operator/offices/{id}/close", what: "Administrators: closing an office", gate: operators,
			scene: serving(desk.Administrator, func(p *play, _ *apptest.Client) string {
				return "/operator/offices/" + p.one(`SELECT id FROM offices WHERE name = '`+town+`'`) + "/close"
			}),
			tries: []try{{typed: "one's own office", status: 403, says: []say{words("fault.desk.own_office")}}},
		},
		{
			route: "POST /operator/staff", what: "Administrators: a new operator", gate: operators, good: inviting, scene: serving(desk.Administrator, straight("/operator/staff")),
			tries: []try{
				{
					typed: "every field empty", with: []string{"name", "", "login", "", "role", "", "office", ""},
					says: []say{words("fault.desk.missing"), words("fault.desk.login", "Max", 32), words("fault.desk.which_role"), words("fault.desk.which_office")},
				},
				{typed: "a login with other signs, and an office there is not", with: []string{"login", "Пётр!"}, says: []say{words("fault.desk.login", "Max", 32), words("fault.desk.which_office")}, kept: []string{"name", "login", "role"}},
			},
		},
		{
			route: "POST /operator/staff/{id}/renew", what: "Administrators: a new one-time code for somebody", gate: operators, scene: colleague("/renew"),
			tries: []try{},
		},
		{route: "POST /operator/staff/{id}/suspend", what: "Administrators: suspending somebody", gate: operators, scene: colleague("/suspend")},
	}
}

func deskScripts() []scripted {
	wrong := []line{{"no answer of a key", `{}`, 403, []say{words("fault.passkey.over")}}, {"an answer of another shape", `{"answer":{"id":"<script>"}}`, 403, []say{words("fault.passkey.over")}}}
	return []scripted{
		{route: "POST /operator/sign-in/passkey/options", what: "What an operator's passkey signs to sign in", scene: at("/operator/sign-in/passkey/options")},
		{route: "POST /operator/sign-in/passkey", what: "An operator's sign-in with a passkey", scene: at("/operator/sign-in/passkey"), tries: wrong},
		{route: "POST /operator/enrol/passkey/options", what: "What an operator's first passkey is made of", scene: enrolling("/operator/enrol/passkey/options")},
		{route: "POST /operator/enrol/passkey", what: "An operator's first passkey", scene: enrolling("/operator/enrol/passkey"), tries: wrong},
	}
}

// mustBeOperator posts the good form without an operator's session.
func (p *play) mustBeOperator(f form, path string) {
	p.t.Helper()
	for what, c := range map[string]*apptest.Client{"nobody": p.Client(), "a citizen": func() *apptest.Client { c, _ := signedIn("")(p); return c }()} {
		p.Settle()
		before := p.tables()
		a := c.Do("POST", path, apptest.Form(f.good...))
		if a.Status != 303 || !strings.HasPrefix(a.Location, consoleSignIn+"?next=") {
			p.t.Errorf("%s: %d to %q", what, a.Status, a.Location)
		}
		if got := changed(before, p.tables()); len(got) > 0 && !slices.Equal(got, []string{"sessions"}) {
			p.t.Errorf("%s: the tables %v changed", what, got)
		}
	}
}
