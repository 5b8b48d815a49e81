package input

import (
	"slices"
	"strings"

	"doverie/internal/apptest"
)

func trustForms() []form {
	link := func(end string, prepare func(p *play) (c *apptest.Client, link string)) scene {
		return func(p *play) (*apptest.Client, string) {
			c, id := prepare(p)
			p.note["link"] = id
			return c, contacts + "/" + id + end
		}
	}
	vera := func(p *play) (*apptest.Client, string) {
		id := p.linked()
		c, _ := steppedUp("")(p)
		return c, id
	}
	inviting := func(p *play) (*apptest.Client, string) {
		id := p.invited()
		c, _ := signedIn("")(p)
		return c, id
	}
	invitedTo := func(end string) scene {
		return func(p *play) (*apptest.Client, string) {
			id := p.invited()
			return p.alexeySignedIn(), "/invitations/" + id + end
		}
	}
	names := []string{"name", "phone"}
	refused := func(typed, field, value string, s say) try {
		return try{typed: typed, with: []string{field, value}, says: []say{s}, kept: names}
	}
	sent := []string{"links", "timers", "rate_limits", "events", "event_subjects", "audit_head"}
	taken := func(typed, field, value string) try {
		return try{typed: typed, with: []string{field, value}, status: 303, to: contacts + "/sent", counts: sent}
	}
	return []form{
		{
			route: "POST " + contacts + "/add", what: "Inviting a trusted contact", gate: stepUp, good: []string{"name", "Алексей", "phone", "8 (913) 987-65-43"},
			scene: steppedUp(contacts + "/add"),
			tries: []try{
				{typed: "nothing", with: []string{"name", "", "phone", ""}, says: []say{words("fault.name.missing"), words("fault.phone.missing")}},
				refused("HTML in the name", "name", "<img src=x onerror=alert(1)>", words("fault.name.characters")),
				refused("a Latin letter in a Russian name", "name", "Aлексей", words("fault.name.mixed")),
				refused("a right-to-left mark in the name", "name", "Алексей\u202e", words("fault.name.invisible")),
				refused("an emoji for a name", "name", "😀", words("fault.name.characters")),
				refused("a landline", "phone", "8 (495) 123-45-67", words("fault.phone.not_mobile")),
				refused("words for a phone", "phone", "спросите у сына", words("fault.phone.characters")),
				refused("one's own phone", "phone", "8 (913) 123-45-67", words("reason.self")),
				taken("Ё for е, other case", "name", "АЛЕКСЁЙ"),
				taken("a phone of a stranger: the answer is the same", "phone", "8 916 000 00 01"),
			},
		},
		{
			route: "POST " + contacts + "/{id}/remove", what: "Removing a contact", gate: stepUp, good: []string{"tell", "now"}, scene: link("/remove", vera),
			tries: []try{
				{typed: "nothing chosen", with: []string{"tell", absent}, says: []say{words("field.choose")}},
				{typed: "an answer that was not offered", with: []string{"tell", "<b>never"}, says: []say{words("field.choose")}},
			},
		},
		{route: "POST " + contacts + "/{id}/withdraw", what: "Withdrawing an invitation", gate: session, scene: link("/withdraw", inviting), tries: []try{
			{
				typed: "it was answered meanwhile", status: 409, says: []say{words("fault.trust.state_active")},
				first: func(p *play, _ *apptest.Client) {
					p.must(p.Links.Accept(p.t.Context(), actOfTests, p.Alexey.ID, p.note["link"]))
				},
			},
		}},
		{route: "POST " + contacts + "/{id}/stay", what: "Stopping a removal", gate: session, scene: link("/stay", vera), tries: []try{
			{typed: "nothing is being removed", status: 409, says: []say{words("fault.trust.state_active")}},
		}},
		{route: "POST " + contacts + "/{id}/resign", what: "Ceasing to be a contact", gate: stepUp, scene: link("/resign", vera), tries: []try{
			{typed: "asked by the principal, not by the contact", status: 404, says: []say{words("fault.not_found")}},
		}},
		{route: "POST " + contacts + "/rehearsal", what: "Starting a rehearsal", gate: session, scene: signedIn(contacts + "/rehearsal"), tries: []try{
			{typed: "nobody guards the account", status: 403, says: []say{words("fault.action.no_contact")}},
		}},
		{route: "POST " + contacts + "/rehearsal/end", what: "Ending a rehearsal", gate: session, scene: signedIn(contacts + "/rehearsal/end"), tries: []try{
			{typed: "there is none", status: 303, to: contacts},
		}},
		{route: "POST /invitations/{id}/accept", what: "Accepting an invitation", gate: stepUp, scene: invitedTo("/accept"), tries: []try{
			{
				typed: "it was withdrawn meanwhile", status: 404, says: []say{words("fault.not_found")},
				first: func(p *play, _ *apptest.Client) {
					p.must(p.Links.Withdraw(p.t.Context(), actOfTests, p.Vera.ID, p.one(`SELECT id FROM links`)))
				},
			},
		}},
		{route: "POST /invitations/{id}/decline", what: "Declining an invitation", gate: session, good: []string{"block", ""}, scene: invitedTo("/decline"), tries: []try{
			{
				typed: "it was withdrawn meanwhile", status: 404, says: []say{words("fault.not_found")},
				first: func(p *play, _ *apptest.Client) {
					p.must(p.Links.Withdraw(p.t.Context(), actOfTests, p.Vera.ID, p.one(`SELECT id FROM links`)))
				},
			},
		}},
		{
			route: "POST /approvals/{id}/questions", what: "The five questions", gate: session, good: apptest.Answers(0), scene: asked(0, "/questions"),
			tries: []try{
				{
					typed: "one question unanswered", with: []string{"q3", absent}, says: []say{words("approvals.questions.unanswered", "Number", "3")},
					kept: []string{"q1", "q2", "q4", "q5"},
				},
				{
					typed: "an answer that was not offered", with: []string{"q1", "<b>maybe"}, says: []say{words("approvals.questions.unanswered", "Number", "1")},
					kept: []string{"q2", "q3", "q4", "q5"},
				},
			},
		},
		{
			route: "POST /approvals/{id}/match", what: "The match number", gate: session, good: []string{"number", "00"}, scene: asked(1, "/match"),
			tries: []try{
				{typed: "nothing", with: []string{"number", ""}, says: []say{words("approvals.match.two_digits")}},
				{typed: "three digits", with: []string{"number", "123"}, says: []say{words("approvals.match.two_digits")}, kept: []string{"number"}},
				{typed: "words", with: []string{"number", "сорок"}, says: []say{words("approvals.match.two_digits")}, kept: []string{"number"}},
				{
					typed: "another number", with: []string{"number", badNumber}, says: []say{words("fault.approval.mismatch", "Left", 1)}, kept: []string{"number"},
					counts: []string{"approvals", "events", "event_subjects", "audit_head"},
				},
				{
					typed: "another number a second time", with: []string{"number", badNumber}, status: 303, to: "", says: []say{words("approvals.result.rejected")},
					counts: []string{"accounts", "approvals", "recoveries", "timers", "outbox", "events", "event_subjects", "audit_head"},
					first:  func(p *play, c *apptest.Client) { c.Post(p.note["path"], "number", other(p.note["match"])) },
				},
			},
		},
		{route: "POST /approvals/{id}/confirm", what: "Sending the contact's own code", gate: fresh, scene: asked(2, "/confirm"), tries: []try{
			{
				typed: "the applicant gave up meanwhile", status: 303, says: []say{words("approvals.notice.moved")},
				first: func(p *play, _ *apptest.Client) { p.must(p.Recoveries.WasMe(p.t.Context(), actOfTests, p.Vera.ID)) },
			},
		}},
		{
			route: "POST /approvals/{id}/code", what: "The contact's own code", gate: session, good: []string{"code", "000000"}, scene: asked(3, "/code"),
			tries: []try{
				{typed: "nothing", with: []string{"code", " "}, says: []say{words("field.code")}},
				{typed: "a wrong code", with: []string{"code", badCode}, says: []say{words("fault.code.wrong", "Left", 4)}, counts: []string{"codes"}},
				{typed: "letters", with: []string{"code", "код"}, says: []say{words("fault.code.wrong", "Left", 4)}, counts: []string{"codes"}},
			},
		},
		{
			route: "POST /approvals/{id}/reject", what: "Saying no", gate: session, good: []string{"reason", "other"}, scene: asked(0, "/reject"),
			tries: []try{
				{typed: "no reason", with: []string{"reason", absent}, says: []say{words("fault.approval.reason")}},
				{typed: "a reason that was not offered", with: []string{"reason", "<b>бес попутал"}, says: []say{words("fault.approval.reason")}},
			},
		},
		{route: "POST /approvals/{id}/freeze", what: "Freezing the principal's account", gate: session, button: true, scene: asked(0, "/freeze"), tries: []try{
			{typed: "without having said «these are swindlers»", status: 403, says: []say{words("fault.freeze.not_offered")}},
		}},
	}
}

// badNumber stands for a match number that is not the right one.
const badNumber = "\x00number"

func other(match string) string {
	if strings.HasSuffix(match, "1") {
		return match[:1] + "2"
	}
	return match[:1] + "1"
}

func forms() []form {
	return slices.Concat(openForms(), cabinetForms(), keyForms(), guardForms(), trustForms(), campaignForms(), systemForms(), deskForms())
}
