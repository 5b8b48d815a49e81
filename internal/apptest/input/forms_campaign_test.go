package input

import (
	"bytes"
	"image"
	"image/jpeg"
	"strings"
	"time"

	"doverie/internal/apptest"
	"doverie/internal/campaign"
	"doverie/internal/notify"
	"doverie/internal/outreach"
)

const campaigns = "/outreach/campaigns/"

const registerHead = "id,name,position,head,salutation,email\n"

// goodRow is one organisation that may be imported.
const goodRow = "vodokanal,МУП «Водоканал»,Директору,И.И. Иванову,Уважаемый Иван Иванович!,office@example.org\n"

// staffed is Vera as the campaign's staff, with one campaign; end is the form's address below the campaign's.
func staffed(end string) scene {
	return func(p *play) (*apptest.Client, string) {
		_, err := p.Campaigns.SetStaff(p.t.Context(), actOfTests, p.Vera.ID, true)
		p.must(err)
		act := actOfTests
		act.ID = p.Vera.ID
		c, err := p.Campaigns.Create(p.t.Context(), act, "Декабрь", outreach.Letter{
			Letterhead: []string{"МИНИСТЕРСТВО"}, Number: "1/{n}", Date: "04.12.2025", Subject: "О направлении", Position: "Министр", Signer: "И.И. Иванов",
		}, true)
		p.must(err)
		p.note["campaign"] = c.ID
		client, _ := signedIn("")(p)
		client.StepUp(p.Vera, apptest.Password)
		return client, campaigns + c.ID + end
	}
}

// listed is staffed with one organisation; sent says whether it has its letter.
func listed(end string, sent bool) scene {
	return func(p *play) (*apptest.Client, string) {
		client, _ := staffed("")(p)
		act := actOfTests
		act.ID = p.Vera.ID
		id := p.note["campaign"]
		_, err := p.Campaigns.Import(p.t.Context(), act, id, []byte(registerHead+goodRow))
		p.must(err)
		if sent {
			p.must(p.Campaigns.AskSend(p.t.Context(), act, id))
			p.Settle()
		}
		return client, campaigns + id + strings.ReplaceAll(end, "ORG", p.one(`SELECT id FROM campaign_recipients`))
	}
}

// addressed is whoever got the letter, at the page of its link.
func addressed(end string) scene {
	return func(p *play) (*apptest.Client, string) {
		listed("", true)(p)
		return p.Client(), p.LinkPath("office@example.org", notify.OutreachLetter) + end
	}
}

func smallPhoto() string {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, image.NewGray(image.Rect(0, 0, 8, 8)), nil); err != nil {
		panic(err) // a buffer takes everything
	}
	return b.String()
}

// hugePhoto says in its head that it has more pixels than anybody decodes.
func hugePhoto() string {
	return "\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\xff\xff\x00\x00\xff\xff\x08\x02\x00\x00\x00\x05\xa5\xb0\x01"
}

func campaignForms() []form {
	missing := words("outreach.field.missing")
	yesterday := time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
	letter := []string{
		"name", "Январь", "letterhead", "МИНИСТЕРСТВО", "contacts", "", "number", "1/{n}", "first", "1", "date", "04.12.2025", "subject", "О сервисе",
		"position", "Министр", "signer", "И.И. Иванов", "executor", "", "body", "",
	}
	photoWrong := words("campaign.field.photo", "Bytes", campaign.PhotoBytesMost>>20)
	written := []string{"events", "event_subjects", "audit_head"}
	row := func(typed, rows string, says ...say) try {
		return try{typed: typed, with: []string{"register", registerHead + rows}, status: 200, says: says}
	}
	return []form{
		{
			route: "POST /outreach/new", what: "Beginning a campaign", gate: session, good: letter,
			scene: func(p *play) (*apptest.Client, string) {
				c, _ := staffed("")(p)
				return c, "/outreach/new"
			},
			tries: []try{
				{typed: "no name", with: []string{"name", " "}, says: []say{missing}, kept: []string{"number", "subject"}},
				{typed: "a date that is none", with: []string{"date", "31.02"}, says: []say{words("outreach.field.date")}, kept: []string{"date", "name"}},
				{typed: "a count that is none", with: []string{"first", "-1"}, says: []say{words("campaign.field.first_wrong")}, kept: []string{"first", "name"}},
				{typed: "a count that is none, and no name", with: []string{"first", "много", "name", ""}, says: []say{words("campaign.field.first_wrong"), missing}, kept: []string{"first", "subject"}},
				{typed: "letters the font lacks", with: []string{"subject", "О сервисе 😀"}, says: []say{words("outreach.field.letters", "Letters", "😀")}, kept: []string{"subject"}},
				{
					typed: "a body that teaches to tell codes", with: []string{"body", "Код из СМС сообщите родственнику."},
					says: []say{words("errors.kept")}, kept: []string{"name"},
				},
				{typed: "everything needed", with: nil, status: 303, to: "", counts: append([]string{"campaigns"}, written...)},
			},
		},
		{
			route: "POST " + campaigns + "{id}/import", what: "Importing organisations", gate: session, file: "register", good: []string{"register", registerHead},
			scene: staffed("/import"),
			tries: []try{
				{typed: "no file", with: []string{"register", absent}, says: []say{words("campaign.import.no_file")}},
				{typed: "an empty file", with: []string{"register", ""}, says: []say{words("campaign.import.no_file")}},
				{typed: "a file that is no register", with: []string{"register", "\x89PNG\r\n"}, says: []say{words("outreach.fault.register_encoding")}},
				{typed: "a column nobody knows", with: []string{"register", "id,name,password\n"}, says: []say{words("outreach.fault.register")}},
				row("a row without an address", "a,Имя,Директору,И.И. Иванову,Уважаемый!,\n", words("campaign.import.line", "Line", 2), words("outreach.field.email")),
				row("an id that leads out of its folder", "../up,Имя,Директору,И.И. Иванову,Уважаемый!,a@b.ru\n", words("outreach.field.id")),
				row("HTML for a name, and no e-mail", "b,<b>never</b>,Директору,И.И. Иванову,Уважаемый!,x\n", words("outreach.field.email")),
				row("too few columns", "c,Имя\n", words("outreach.fault.row_fields", "Have", 2, "Want", 6)),
				{
					typed: "a good row beside a bad one: the good one is kept", with: []string{"register", registerHead + goodRow + "vodokanal,Снова,Д,И,У!,a@b.ru\n"},
					status: 200, says: []say{words("outreach.field.twice", "Line", 2)}, counts: append([]string{"campaigns", "campaign_recipients"}, written...),
				},
			},
		},
		{
			route: "POST " + campaigns + "{id}/kits", what: "Having kits made", gate: session, button: true, scene: staffed("/kits"),
			tries: []try{{typed: "no organisation yet", status: 403, says: []say{words("fault.campaign.empty")}}},
		},
		{
			route: "POST " + campaigns + "{id}/send", what: "Sending the letters", gate: stepUp, button: true, scene: staffed("/send"),
			tries: []try{{typed: "nobody without a letter", status: 403, says: []say{words("fault.campaign.nobody")}}},
		},
		{
			route: "POST " + campaigns + "{id}/reply", what: "The reply letter", gate: session, good: []string{"to_name", "Минцифры России"}, scene: staffed("/reply"),
			tries: []try{
				{typed: "no addressee", with: []string{"to_name", ""}, says: []say{missing}},
				{typed: "a number without its date", with: []string{"their_number", "7"}, says: []say{words("outreach.field.date")}, kept: []string{"to_name", "their_number"}},
				{typed: "letters the font lacks", with: []string{"to_head", "И.И. 😀"}, says: []say{words("outreach.field.letters", "Letters", "😀")}, kept: []string{"to_head"}},
			},
		},
		{
			route: "POST " + campaigns + "{id}/organisations/{org}/logo", what: "A logo", gate: session, file: "logo", good: []string{"logo", ""},
			scene: listed("/organisations/ORG/logo", false),
			tries: []try{
				{typed: "no file", says: []say{words("campaign.import.no_file")}},
				{typed: "no picture", with: []string{"logo", "<svg onload=alert(1)>"}, says: []say{words("outreach.field.logo", "Bytes", 2, "Side", 4000)}},
				{typed: "a picture of billions of pixels", with: []string{"logo", hugePhoto()}, says: []say{words("outreach.field.logo", "Bytes", 2, "Side", 4000)}},
				{
					typed: "a small picture", with: []string{"logo", smallPhoto()}, status: 303,
					counts: append([]string{"campaign_recipients", "campaign_logos"}, written...),
				},
			},
		},
		{
			route: "POST " + campaigns + "{id}/organisations/{org}/again", what: "Sending a letter once more", gate: session, button: true,
			scene: listed("/organisations/ORG/again", false),
			tries: []try{{typed: "it was never sent", status: 409, says: []say{words("fault.campaign.state")}}},
		},
		{
			route: "POST /outreach/letters/{token}/open", what: "Opening a covering letter", button: true, scene: addressed("/open"),
			tries: []try{
				{typed: "after its time", status: 403, says: []say{words("fault.campaign.link_over")}, first: func(p *play, _ *apptest.Client) {
					p.Advance(p.Policy.CampaignLinkTTL)
				}},
			},
		},
		{
			route: "POST /outreach/letters/{token}/answer", what: "Telling where materials hang", file: "photo",
			good: []string{"place", "Зал", "day", yesterday, "link", "https://example.org/news"}, scene: addressed("/answer"),
			tries: []try{
				{typed: "nothing", with: []string{"place", "", "day", "", "link", ""}, says: []say{missing, words("campaign.field.proof")}},
				{typed: "a day that has not come", with: []string{"day", "2027-01-01"}, says: []say{words("campaign.field.future")}, kept: []string{"place", "day", "link"}},
				{typed: "a day that is none", with: []string{"day", "2026-02-30"}, says: []say{words("campaign.field.day")}, kept: []string{"place", "link"}},
				{typed: "a link that runs a script", with: []string{"link", "javascript:alert(1)"}, says: []say{words("campaign.field.link", "Limit", 500)}, kept: []string{"place"}},
				{typed: "a file that is no photo", with: []string{"photo", "<html>"}, says: []say{photoWrong}, kept: []string{"place", "link"}},
				{typed: "a photo of billions of pixels", with: []string{"photo", hugePhoto()}, says: []say{photoWrong}, kept: []string{"place", "link"}},
				{
					typed: "a photo without a link", with: []string{"link", "", "photo", smallPhoto()}, status: 303,
					counts: []string{"campaign_recipients", "placements", "placement_photos", "events", "audit_head"},
				},
			},
		},
	}
}
