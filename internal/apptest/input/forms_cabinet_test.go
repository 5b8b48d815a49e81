package input

import (
	"time"

	"doverie/internal/apptest"
)

var document = []string{"birth_date", "05.05.1990", "citizenship", "RUS", "snils", "112-233-445 95", "kind", "passport_rus", "document", "5004 123456"}

var documentNames = []string{"birth_date", "citizenship", "snils", "kind", "document"}

func cabinetForms() []form {
	wrong := func(typed, field, value string, s say) try {
		return try{typed: typed, with: []string{field, value}, says: []say{s, words("errors.kept")}, kept: documentNames}
	}
	return []form{
		{
			route: "POST /step-up", what: "The repeated check: password", gate: session, good: []string{"password", apptest.Password, "next", "/settings/account"},
			scene: signedIn("/step-up"),
			tries: []try{
				{typed: "no password", with: []string{"password", ""}, says: []say{words("sign_in.password.missing")}},
				{typed: "a wrong password", with: []string{"password", "не тот пароль вовсе"}, says: []say{words("fault.step_up.password")}, counts: []string{"rate_limits"}},
			},
		},
		gated(codeForm("POST /step-up/code", "The repeated check: code", steppingUp("/step-up/code"), "/step-up?why=failed", "fault.step_up.failed",
			codeTables{own: "sessions", end: []string{"codes", "phone_slots", "sessions", "events", "event_subjects", "audit_head"}})),
		{
			route: "POST /step-up/resend", what: "Another code of the repeated check", gate: session, good: []string{"next", ""}, scene: steppingUp("/step-up/resend"),
			tries: []try{{typed: "pressed too soon", says: []say{words("fault.code.resend", "After", time.Minute)}}},
		},
		{
			route: "POST /step-up/method", what: "Another way of the repeated check", gate: session, good: []string{"method", "sms"}, scene: steppingUp("/step-up/method"),
			tries: []try{{typed: "a way the account does not have", with: []string{"method", "totp"}, says: []say{words("fault.sign_in.method")}}},
		},
		{
			route: "POST /settings/account/document", what: "The document", gate: session, good: document, scene: newcomer("/settings/account/document"),
			tries: []try{
				{
					typed: "every field empty", with: []string{"birth_date", "", "citizenship", "", "snils", "", "kind", "", "document", ""},
					says: []say{words("fault.birth.missing"), words("fault.citizenship.missing"), words("fault.snils.missing"), words("fault.document.kind"), words("fault.document.missing")},
				},
				wrong("31 February", "birth_date", "31.02.1990", words("fault.birth.invalid")),
				wrong("a date to come", "birth_date", "01.01.2050", words("fault.birth.future")),
				wrong("a date of 1850", "birth_date", "01.01.1850", words("fault.birth.old")),
				wrong("words for a date", "birth_date", "пятое мая", words("fault.birth.invalid")),
				wrong("a SNILS whose check digits are wrong", "snils", "112-233-445 96", words("fault.snils.check")),
				wrong("a SNILS of ten digits", "snils", "112-233-445 9", words("fault.snils.length")),
				wrong("letters in a SNILS", "snils", "112-233-445 9О", words("fault.snils.characters")),
				wrong("a passport of nine digits", "document", "5004 12345", words("fault.document.passport")),
				{
					typed: "no kind of document, and letters that no number has", with: []string{"kind", "", "document", "50/04"},
					says: []say{words("fault.document.kind"), words("fault.document.number")}, kept: []string{"birth_date", "citizenship", "snils", "document"},
				},
				{
					typed: "a country that is not on the list", with: []string{"citizenship", "XXX"}, says: []say{words("fault.citizenship.unknown")},
					kept: []string{"birth_date", "snils", "kind", "document"},
				},
				{
					typed: "a kind of document that is not on the list", with: []string{"kind", "<b>билет"}, says: []say{words("fault.document.kind")},
					kept: []string{"birth_date", "citizenship", "snils", "document"},
				},
				{
					typed: "the SNILS of somebody else", with: []string{"snils", takenSNILS}, status: 422, says: []say{words("fault.snils.taken")}, counts: []string{"rate_limits"},
					kept: []string{"birth_date", "citizenship", "kind", "document"},
				},
			},
		},
		{
			route: "POST /settings/account/email", what: "The e-mail address", gate: stepUp, good: []string{"email", "new@example.test"}, scene: steppedUp("/settings/account/email"),
			tries: []try{
				{typed: "nothing", with: []string{"email", ""}, says: []say{words("fault.email.missing")}},
				{typed: "an address without @", with: []string{"email", "vera.example.test"}, says: []say{words("fault.email.invalid")}, kept: []string{"email"}},
				{typed: "Russian letters in the address", with: []string{"email", "вера@example.test"}, says: []say{words("fault.email.cyrillic")}, kept: []string{"email"}},
				{typed: "the address one has already, in capital letters", with: []string{"email", "VERA@EXAMPLE.TEST"}, says: []say{words("fault.email.same")}, kept: []string{"email"}},
			},
		},
		{
			route: "POST /settings/safety/password", what: "A new password", gate: session, good: []string{"old", apptest.Password, "new", apptest.NewPassword},
			scene: steppedUp("/settings/safety/password"),
			tries: []try{
				{typed: "a wrong old password", with: []string{"old", "не тот пароль вовсе"}, says: []say{words("fault.password.old")}, counts: []string{"rate_limits"}},
				{typed: "a common new password", with: []string{"new", "йцукенгшщз"}, says: []say{words("password.common")}, counts: []string{"rate_limits"}},
				{typed: "one's own phone as the new password", with: []string{"new", "89131234567"}, says: []say{words("password.personal")}, counts: []string{"rate_limits"}},
				{typed: "the old password again", with: []string{"new", apptest.Password}, says: []say{words("fault.password.same")}, counts: []string{"rate_limits"}},
				{typed: "a wrong old password, and a new one too short", with: []string{"old", "не тот пароль вовсе", "new", "abc"}, says: []say{words("fault.password.old"), words("password.too_short", "Min", 8)}, counts: []string{"rate_limits"}},
				{typed: "no new password", with: []string{"new", ""}, says: []say{words("password.too_short", "Min", 8)}, counts: []string{"rate_limits"}},
			},
		},
		{
			route: "POST /settings/safety/totp", what: "A code generator", gate: stepUp, button: true, scene: steppedUp("/settings/safety/totp"),
		},
		{
			route: "POST /settings/safety/totp/confirm", what: "The first code of a code generator", gate: stepUp, good: []string{"code", "000000"},
			scene: func(p *play) (*apptest.Client, string) {
				c, path := steppedUp("/settings/safety/totp/confirm")(p)
				if a := c.Post("/settings/safety/totp"); a.Status != 200 {
					p.t.Fatalf("enrolment: %d", a.Status)
				}
				return c, path
			},
			tries: []try{
				{typed: "nothing", with: []string{"code", ""}, says: []say{words("field.code")}},
				{typed: "letters", with: []string{"code", "шесть цифр"}, says: []say{words("fault.totp.wrong")}, counts: []string{"rate_limits"}},
			},
		},
		{route: "POST /settings/safety/totp/remove", what: "Removing a code generator", gate: stepUp, button: true, scene: steppedUp("/settings/safety/totp/remove"), tries: []try{
			{typed: "there is none", status: 403, says: []say{words("fault.totp.none")}},
		}},
		{route: "POST /settings/safety/sessions/{id}/end", what: "Ending one sign-in", gate: session, button: true, scene: signedIn("/settings/safety/sessions/0/end"), tries: []try{
			{typed: "an id of nobody's or of somebody else's", status: 404, says: []say{words("fault.not_found")}},
		}},
		{
			route: "POST /settings/safety/sessions/stop-asked", what: "Keeping out whoever signs in from a new device", gate: session, button: true,
			scene: signedIn("/settings/safety/sessions/stop-asked"),
			tries: []try{{typed: "nobody does", status: 303, to: "/settings/safety/sessions?done=stopped", says: []say{words("sessions.done.stopped")}}},
		},
		{route: "POST /settings/safety/sessions/end-others", what: "Ending every other sign-in", gate: session, button: true, scene: signedIn("/settings/safety/sessions/end-others")},
		{route: "POST /settings/safety/devices/{id}/forget", what: "Forgetting a device", gate: session, button: true, scene: signedIn("/settings/safety/devices/0/forget"), tries: []try{
			{typed: "an id of nobody's or of somebody else's", status: 404, says: []say{words("fault.not_found")}},
		}},
		{
			route: "POST /safety/disown", what: "«It was not me», from the cabinet", gate: session, button: true, scene: signedIn("/safety/disown"),
			tries: []try{{typed: "nobody recovers the account", status: 303, to: "/safety/alarm", says: []say{words("safety.alarm.none.title")}}},
		},
		{
			route: "POST /safety/was-me", what: "«It was me»", gate: session, button: true, scene: signedIn("/safety/was-me"),
			tries: []try{{typed: "nobody recovers the account", status: 303, to: "/safety/alarm", says: []say{words("safety.alarm.none.title")}}},
		},
		{route: "POST /safety/freeze", what: "Freezing one's own account", gate: session, button: true, scene: signedIn("/safety/freeze")},
		{
			route: "POST /safety/unfreeze", what: "Lifting the freeze", gate: session, button: true, scene: frozen("/safety/unfreeze"),
			tries: []try{
				{typed: "without the repeated check", status: 303, to: "/step-up?next=%2Fsafety%2Funfreeze"},
				{
					typed: "nobody guards the account, and three days are not over", says: []say{words("safety.frozen.title")},
					first: func(p *play, c *apptest.Client) { c.StepUp(p.Vera, apptest.Password) },
				},
			},
		},
		{route: "POST /safety/unfreeze/cancel", what: "Taking back the wish to lift the freeze", gate: session, button: true, scene: frozen("/safety/unfreeze/cancel"), tries: []try{
			{typed: "nothing was asked for", status: 303, to: "/safety/frozen", says: []say{words("safety.frozen.title")}},
		}},
	}
}

func gated(f form) form {
	f.gate = session
	return f
}
