package input

import (
	"strings"
	"time"

	"doverie/internal/apptest"
)

const newPhone = "+79161112233"

// newPerson is a registration without a fault.
var newPerson = []string{
	"family", "Римская-Корсакова", "given", "Алёна", "patronymic", "Юрьевна", "phone", newPhone, "email", "alena@example.test",
	"password", "тихий лес у озера 19",
}

var registeredNames = []string{"family", "given", "patronymic", "phone", "email"}

func openForms() []form {
	registered := func(column string) func(*play) string {
		return func(p *play) string { return p.one(`SELECT ` + column + ` FROM registrations`) }
	}
	begun := []string{"phone_slots", "registrations", "codes", "outbox", "events", "audit_head", "rate_limits"}
	taken := func(typed, field, value, as string) try {
		return try{
			typed: typed, with: []string{field, value}, status: 303, to: "/register/code", counts: begun, stored: registered(field), as: as,
		}
	}
	refused := func(typed, field, value string, s say) try {
		return try{typed: typed, with: []string{field, value}, says: []say{s, words("errors.kept")}, kept: registeredNames}
	}
	return []form{
		{
			route: "POST /register", what: "Registration", good: newPerson, scene: at("/register"),
			tries: []try{
				{
					typed: "every field empty",
					with:  []string{"family", "", "given", "", "patronymic", "", "phone", "", "email", "", "password", ""},
					says:  []say{words("fault.family.missing"), words("fault.name.missing"), words("fault.phone.missing"), words("password.too_short", "Min", 8)}, kept: registeredNames,
				},
				{
					typed: "every field missing",
					with:  []string{"family", absent, "given", absent, "patronymic", absent, "phone", absent, "email", absent, "password", absent},
					says:  []say{words("fault.family.missing"), words("fault.name.missing"), words("fault.phone.missing"), words("password.too_short", "Min", 8)},
				},
				refused("HTML in a name (`<script>alert(1)</script>`)", "given", "<script>alert(1)</script>", words("fault.name.characters")),
				refused("an emoji in a name", "given", "Алёна 😀", words("fault.name.characters")),
				refused("digits in a name", "family", "Иванова2", words("fault.name.characters")),
				refused("a homoglyph: one Latin letter in a Russian name (`Aлёна`)", "given", "Aлёна", words("fault.name.mixed")),
				refused("a right-to-left mark in a name (U+202E)", "given", "Алёна\u202e", words("fault.name.invisible")),
				refused("a zero-width space in a name", "given", "Алё\u200bна", words("fault.name.invisible")),
				refused("only a hyphen as a name", "given", "-", words("fault.name.characters")),
				refused("a name of 61 letters", "family", strings.Repeat("а", 61), words("fault.name.long", "Max", 60)),
				refused("a phone of a landline (`8 (495) 123-45-67`)", "phone", "8 (495) 123-45-67", words("fault.phone.not_mobile")),
				refused("letters in a phone", "phone", "8 913 звоните", words("fault.phone.characters")),
				refused("a phone with a digit too few", "phone", "8 913 123 45 6", words("fault.phone.invalid")),
				refused("an e-mail without @", "email", "alena.example.test", words("fault.email.invalid")),
				refused("Russian letters in an e-mail (`аlena@example.test`)", "email", "аlena@example.test", words("fault.email.cyrillic")),
				refused("HTML in an e-mail", "email", `"><img src=x onerror=alert(1)>@example.test`, words("fault.email.invalid")),
				refused("a password of seven characters", "password", "лес у 1", words("password.too_short", "Min", 8)),
				refused("a password of 129 characters", "password", strings.Repeat("слово и ", 16)+"1", words("password.too_long", "Max", 128)),
				refused("a common password (`password123`)", "password", "password123", words("password.common")),
				refused("a common password on the other layout (`пароль` typed as `gfhjkm`)", "password", "gfhjkm12", words("password.common")),
				refused("one's own name and year as a password", "password", "алёна1954", words("password.personal")),
				taken("a phone as people write it: «8 (913) 123-45-67»", "phone", "8 (913) 123-45-67", "+79131234567"),
				taken("a phone without country code and with spaces", "phone", " 913 123 45 67 ", "+79131234567"),
				taken("a phone that was pasted with direction marks around it", "phone", "\u202a+7 913 123-45-67\u202c", "+79131234567"),
				taken("a right-to-left mark in the middle of a phone: it is left out", "phone", "+7913\u202e1234567", "+79131234567"),
				taken("Ё in a name", "given", "Ёлка", "Ёлка"),
				taken("a double surname with a dash and spaces", "family", "Римская – Корсакова", "Римская-Корсакова"),
				taken("no patronymic", "patronymic", "", ""),
				taken("a name in Latin letters", "given", "Jean-Luc", "Jean-Luc"),
				taken("an apostrophe in a name", "family", "Д'Артаньян", "Д’Артаньян"),
				taken("an e-mail with capital letters and spaces around", "email", "  Alena@Example.TEST ", "Alena@example.test"),
			},
		},
		codeForm("POST /register/code", "The code of a registration", registering("/register/code"), "/register?why=failed", "fault.registration.failed",
			codeTables{end: []string{"codes", "phone_slots", "registrations", "events", "audit_head"}}),
		{
			route: "POST /register/resend", what: "Another code of a registration", button: true, scene: registering("/register/resend"),
			tries: []try{
				{typed: "pressed too soon", says: []say{words("fault.code.resend", "After", time.Minute)}},
				{
					typed: "no registration in this browser", status: 303, to: "/register", says: []say{words("register.title")},
					first: func(_ *play, c *apptest.Client) { c.SetCookie("registration", "nonsense") },
				},
			},
		},
		{
			route: "POST /sign-in", what: "Sign-in", good: []string{"identifier", "+79131234567", "password", apptest.Password}, scene: at("/sign-in"),
			tries: []try{
				{typed: "every field empty", with: []string{"identifier", "", "password", ""}, says: []say{words("fault.identifier.missing"), words("sign_in.password.missing")}},
				{typed: "no password", with: []string{"password", ""}, says: []say{words("sign_in.password.missing")}, kept: []string{"identifier"}},
				{typed: "nothing but a password", with: []string{"identifier", ""}, says: []say{words("fault.identifier.missing")}},
				{typed: "something that is no phone, e-mail or SNILS", with: []string{"identifier", "<b>вера</b> 😀"}, says: []say{words("fault.identifier.unreadable")}, kept: []string{"identifier"}},
				{typed: "a SNILS whose check digits are wrong", with: []string{"identifier", "112-233-445 96"}, says: []say{words("fault.snils.check")}, kept: []string{"identifier"}},
				{typed: "a wrong password", with: []string{"password", "не тот пароль вовсе"}, says: []say{words("fault.sign_in.wrong")}, kept: []string{"identifier"}, counts: []string{"rate_limits"}},
				{typed: "a phone nobody has (the same answer)", with: []string{"identifier", "+79160000001"}, says: []say{words("fault.sign_in.wrong")}, kept: []string{"identifier"}, counts: []string{"rate_limits"}},
				{
					typed: "the eleventh try in an hour", with: []string{"password", "не тот пароль вовсе"}, status: 422, kept: []string{"identifier"},
					says: []say{words("fault.limited.after", "After", 6*time.Minute)},
					first: func(p *play, c *apptest.Client) {
						for range p.Policy.SignInsPerAccount {
							c.Post("/sign-in", "identifier", p.Vera.Phone, "password", "не тот пароль вовсе")
						}
					},
				},
				{typed: "a phone as people write it: «8 (913) 123-45-67»", with: []string{"identifier", "8 (913) 123-45-67"}, status: 303, to: "/sign-in/code", counts: signInBegun},
				{typed: "a next page on another site (`//evil.test`): it is left out", with: []string{"next", "//evil.test/"}, status: 303, to: "/sign-in/code", counts: signInBegun},
			},
		},
		codeForm("POST /sign-in/code", "The code of a sign-in", signingIn("/sign-in/code"), "/sign-in?why=failed", "fault.sign_in.failed",
			codeTables{own: "sign_ins", end: []string{"codes", "phone_slots", "sign_ins", "events", "event_subjects", "audit_head"}}),
		{
			route: "POST /sign-in/waiting", what: "Entering from a new device once the contact said yes", good: []string{"next", ""}, scene: waiting("/sign-in/waiting"),
			tries: []try{
				{typed: "before the contact answered: nothing opens", status: 303, to: "/sign-in/waiting", says: []say{words("sign_in.waiting.never")}},
				{
					typed: "no sign-in waits in this browser", status: 303, to: "/sign-in?why=over", says: []say{words("fault.sign_in.over")},
					first: func(_ *play, c *apptest.Client) { c.SetCookie("sign_in", "nonsense") },
				},
			},
		},
		{
			route: "POST /sign-in/waiting/cancel", what: "Giving a sign-in from a new device up", button: true, scene: waiting("/sign-in/waiting/cancel"),
			tries: []try{{
				typed: "no sign-in waits in this browser", status: 303, to: "/sign-in?why=left", says: []say{words("sign_in.news.left")},
				first: func(_ *play, c *apptest.Client) { c.SetCookie("sign_in", "nonsense") },
			}},
		},
		{
			route: "POST /sign-in/resend", what: "Another code of a sign-in", good: []string{"next", ""}, scene: signingIn("/sign-in/resend"),
			tries: []try{{typed: "pressed too soon", says: []say{words("fault.code.resend", "After", time.Minute)}}},
		},
		{
			route: "POST /sign-in/method", what: "Another way to give the second factor", good: []string{"method", "sms"}, scene: signingIn("/sign-in/method"),
			tries: []try{
				{typed: "a way the account does not have", with: []string{"method", "totp"}, says: []say{words("fault.sign_in.method")}},
				{typed: "a way that does not exist", with: []string{"method", "<b>pigeon"}, says: []say{words("fault.sign_in.method")}},
			},
		},
		{route: "POST /sign-out", what: "Sign-out", button: true, scene: at("/sign-out"), tries: []try{
			{typed: "nobody is signed in: nothing is wrong with that", status: 303, to: "/sign-in?why=out", says: []say{words("sign_in.news.out")}},
		}},
		{route: "POST /language", what: "The language", good: []string{"lang", "xx", "return", "/"}, scene: at("/language"), tries: []try{
			{typed: "a language there is not: the old one stays", status: 303, to: "/"},
			{typed: "a way back to another site: the first page instead", with: []string{"return", "https://evil.test/"}, status: 303, to: "/"},
		}},
		{
			route: "POST /recovery", what: "The start of a recovery", good: []string{"identifier", "+79131234567"}, scene: at("/recovery"),
			tries: []try{
				{typed: "nothing", with: []string{"identifier", ""}, says: []say{words("fault.identifier.missing")}, counts: []string{"rate_limits"}},
				{typed: "something that is no phone, e-mail or SNILS", with: []string{"identifier", `"><script>alert(1)</script>`}, says: []say{words("fault.identifier.unreadable")}, kept: []string{"identifier"}, counts: []string{"rate_limits"}},
				{typed: "full-width digits mixed with letters", with: []string{"identifier", "８９１３ abc"}, says: []say{words("fault.identifier.unreadable")}, kept: []string{"identifier"}, counts: []string{"rate_limits"}},
				{typed: "a phone as people write it: «8 (913) 123-45-67»", with: []string{"identifier", "8 (913) 123-45-67"}, status: 303, to: "/recovery/code", counts: recoveryBegun},
				{typed: "a phone nobody has (the same answer, and as much is written)", with: []string{"identifier", "+79160000001"}, status: 303, to: "/recovery/code", counts: recoveryBegun},
			},
		},
		recoveryCode(),
		{
			route: "POST /recovery/code/resend", what: "Another first code", button: true, scene: proving("/recovery/code/resend"),
			tries: []try{
				{typed: "pressed too soon", says: []say{words("fault.code.too_soon", "After", time.Minute)}},
				{
					typed: "no recovery in this browser", status: 303, to: "/recovery", says: []say{words("recovery.start.title")},
					first: func(_ *play, c *apptest.Client) { c.SetCookie("recovery", "nonsense") },
				},
			},
		},
		{route: "POST /recovery/cancel", what: "Giving a recovery up", button: true, scene: at("/recovery/cancel"), tries: []try{
			{typed: "no recovery in this browser", status: 303, to: "/recovery", says: []say{words("recovery.start.title")}},
		}},
		{
			route: "POST /recovery/finish/send", what: "Sending the second code", good: []string{"again", ""}, scene: secondCode("/recovery/finish/send"),
			tries: []try{{typed: "pressed too soon", says: []say{words("fault.code.too_soon", "After", time.Minute)}}},
		},
		codeForm("POST /recovery/finish", "The second code", secondCode("/recovery/finish"), "/recovery/end", "recovery.end.codes.title",
			codeTables{end: []string{"codes", "phone_slots", "recoveries", "timers", "events", "event_subjects", "audit_head"}}),
		{
			route: "POST /recovery/password", what: "The new password of a recovery", good: []string{"password", apptest.NewPassword}, scene: choosing("/recovery/password"),
			tries: []try{
				{typed: "nothing", with: []string{"password", ""}, says: []say{words("password.too_short", "Min", 8)}},
				{typed: "a common password", with: []string{"password", "qwerty123"}, says: []say{words("password.common")}},
				{typed: "one's own name and year", with: []string{"password", "Вера1954"}, says: []say{words("password.personal")}},
				{typed: "129 characters", with: []string{"password", strings.Repeat("слово и ", 16) + "1"}, says: []say{words("password.too_long", "Max", 128)}},
				{
					typed: "a step that is not reached yet", status: 303, to: "/recovery/code", path: "/recovery/password",
					first: func(p *play, c *apptest.Client) {
						c.SetCookie("recovery", "")
						c.Want(c.Post("/recovery", "identifier", p.Maria.Phone), "/recovery/code")
					},
				},
			},
		},
		{
			route: "POST /safety/not-me", what: "«It was not me», with a stop code", good: []string{"identifier", "+79131234567", "stop_code", "1234-5678", "do", "stop"},
			scene: at("/safety/not-me"),
			tries: []try{
				{typed: "no stop code", with: []string{"stop_code", ""}, says: []say{words("safety.not_me.code.wrong")}, kept: []string{"identifier"}},
				{typed: "a six-digit code", with: []string{"stop_code", "123456"}, says: []say{words("safety.not_me.code.wrong")}, kept: []string{"identifier", "stop_code"}},
				{typed: "letters in the stop code", with: []string{"stop_code", "1234abcd"}, says: []say{words("safety.not_me.code.wrong")}, kept: []string{"identifier", "stop_code"}},
				{typed: "no identifier", with: []string{"identifier", ""}, says: []say{words("fault.identifier.missing")}, kept: []string{"stop_code"}, counts: []string{"rate_limits"}},
				{typed: "an identifier that is none", with: []string{"identifier", "вера"}, says: []say{words("fault.identifier.unreadable")}, kept: []string{"identifier", "stop_code"}, counts: []string{"rate_limits"}},
				{typed: "a wrong stop code (the same answer as a right one)", status: 303, to: "/safety/not-me/done", counts: []string{"rate_limits"}},
			},
		},
		{
			route: "POST /safety/not-me/{signed}", what: "«It was not me», by the link of a letter", good: []string{"do", "stop"}, scene: at("/safety/not-me/forged"),
			tries: []try{{typed: "a link that is not ours or was damaged", status: 404, says: []say{words("fault.recovery.link_forged")}, counts: []string{"rate_limits"}}},
		},
		{
			route: "POST /email/verify", what: "The button behind the link of a letter", good: []string{"t", "nonsense"}, scene: at("/email/verify"),
			tries: []try{{typed: "a link that is over, used or made up", status: 404, says: []say{words("fault.email.link")}}},
		},
	}
}

var (
	signInBegun   = []string{"phone_slots", "rate_limits", "sign_ins", "codes", "outbox", "events", "event_subjects", "audit_head"}
	recoveryBegun = []string{"phone_slots", "rate_limits", "recoveries", "codes", "outbox", "timers", "events", "event_subjects", "audit_head"}
)

// codeTables are the tables that tries of a code change.
type codeTables struct {
	own string   // what the code belongs to, where it counts tries itself
	end []string // with the last try
}

// codeForm is a form of one six-digit code: the same refusals everywhere.
func codeForm(route, what string, s scene, over, overKey string, tables codeTables) form {
	one, late := []string{"codes"}, []string(nil)
	if tables.own != "" {
		one, late = append(one, tables.own), []string{tables.own}
	}
	path := strings.TrimPrefix(route, "POST ")
	return form{
		route: route, what: what, good: []string{"code", "000000"}, scene: s,
		tries: []try{
			{typed: "nothing, or spaces", with: []string{"code", "  "}, says: []say{words("field.code")}},
			{typed: "a wrong code", with: []string{"code", badCode}, says: []say{words("fault.code.wrong", "Left", 4)}, counts: one},
			{typed: "letters or an emoji instead of a code", with: []string{"code", "код 😀"}, says: []say{words("fault.code.wrong", "Left", 4)}, counts: one},
			{
				typed: "the fifth wrong code", with: []string{"code", badCode}, status: 303, to: over, says: []say{words(overKey)}, counts: tables.end,
				first: spend(path, 4),
			},
			{
				typed: "the right code, five minutes later", with: []string{"code", rightCode}, says: []say{words("fault.code.expired")}, counts: late,
				first: func(p *play, _ *apptest.Client) { p.Clock.Advance(p.Policy.CodeTTL) },
			},
		},
	}
}

func recoveryCode() form {
	f := codeForm("POST /recovery/code", "The first code of a recovery", proving("/recovery/code"), "/recovery/end", "recovery.end.codes.title",
		codeTables{end: []string{"codes", "phone_slots", "recoveries", "timers", "events", "event_subjects", "audit_head"}})
	f.good = append(f.good, "snils", "")
	f.tries = append(f.tries, try{
		typed: "no code, but a SNILS", with: []string{"code", "", "snils", "112-233-445 95"}, says: []say{words("field.code")}, kept: []string{"snils"},
	})
	return f
}
