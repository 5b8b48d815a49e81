package journeys

import (
	"archive/zip"
	"bytes"
	"image"
	"image/color"
	"image/jpeg"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"doverie/internal/apptest"
	"doverie/internal/notify"
)

// register is what the ministry's clerk uploads: three organisations of the letter, and two rows that are none.
const register = `id,name,region,municipality,position,head,salutation,email,their_number,their_date
gorvodokanal,МУП г. Новосибирска «Горводоканал»,Новосибирская область,Новосибирск,Директору,Ю.Н. Похилу,Уважаемый Юрий Николаевич!,ask@example.org,28220/2,01.12.2025
Плохой номер,МУП «Без адреса»,Новосибирская область,Бердск,Директору,И.И. Иванову,Уважаемый Иван Иванович!,нет,,
iskitim,ООО «Водоканал» г. Искитима,Новосибирская область,Искитим,Директору,Д.Б. Старченко,Уважаемый Денис Борисович!,igvk@example.org,,
gorvodokanal,Ещё раз,Новосибирская область,Новосибирск,Директору,Ю.Н. Похилу,Уважаемый Юрий Николаевич!,ask@example.org,,
kbu,МУП «Комбинат Бытовых Услуг»,Новосибирская область,Кольцово,Директору,О.А. Громыко,Уважаемая Оксана Анатольевна!,kbu@example.org,,
`

// photograph is a JPEG as a phone makes it: with a place in its Exif block, and held sideways.
func photograph(t *testing.T) []byte {
	t.Helper()
	img := image.NewRGBA(image.Rect(0, 0, 640, 480))
	for y := range 480 {
		for x := range 640 {
			img.Set(x, y, color.RGBA{uint8(x / 3), uint8(y / 2), 120, 255})
		}
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, nil); err != nil {
		t.Fatal(err)
	}
	exif := "\xff\xe1\x00\x32Exif\x00\x00MM\x00\x2a\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00GPS 55.03N 82.92E"
	return append([]byte("\xff\xd8"+exif), b.Bytes()[2:]...)
}

// file writes something to upload.
func file(t *testing.T, name string, data []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// newCampaign walks the clerk from the empty list to the campaign with its three organisations.
func (a *actor) newCampaign() (path string) {
	a.s.t.Helper()
	a.Go("/outreach")
	a.See(a.s.T("campaign.list.none"))
	a.Press(`main a[href="/outreach/new"]`)
	a.Fill("date", "вчера")
	a.submit()
	a.See(a.s.T("outreach.field.date"), a.s.T("campaign.field.wrong", "Field", a.s.T("campaign.field.letterhead"), "What", a.s.T("outreach.field.missing")))
	for name, text := range map[string]string{
		"name": "Декабрь: водоканалы", "letterhead": "МИНИСТЕРСТВО\nЖИЛИЩНО-КОММУНАЛЬНОГО\nХОЗЯЙСТВА", "contacts": "ул. Фрунзе, д. 5",
		"number": "10458-05-02-10/{n}", "first": "21", "date": "04.12.2025", "subject": "О направлении информации", "position": "Заместитель министра", "signer": "Д.Л. Яковлев",
	} {
		a.Fill(name, text)
	}
	a.submit()
	a.At("/outreach/campaigns/")
	a.See(a.s.T("campaign.done.created"), a.s.T("campaign.home.empty"))
	path, _, _ = strings.Cut(a.Path(), "?")
	a.Press(`main a[href$="/import"]`)
	a.submit()
	a.See(a.s.T("campaign.import.no_file"))
	a.Upload("register", file(a.s.t, "register.csv", []byte(register)))
	a.submit()
	a.See(a.s.words.N("campaign.import.added", 3), a.s.T("campaign.import.line", "Line", 3), a.s.T("campaign.import.line", "Line", 5), a.s.T("outreach.field.id"),
		a.s.T("outreach.field.email"), a.s.T("outreach.field.twice", "Line", 2))
	a.picture("campaign-import")
	a.Press(`main a.button[href^="/outreach/campaigns/"]`)
	a.At(path)
	return path
}

// TestCampaign: the clerk creates a campaign, imports organisations with two bad rows, has kits made and sends; a recipient
// opens the link, downloads the kit, reports a placement with a photo; the clerk sees it; a wrong link is refused.
func TestCampaign(t *testing.T) {
	each(t, func(s *stage) {
		clerk := s.enter("clerk", s.Maria)
		clerk.signIn(apptest.Password)
		if status := clerk.Go("/outreach"); status != http.StatusNotFound {
			t.Errorf("without the right: status %d", status)
		}
		if _, err := s.Campaigns.SetStaff(t.Context(), actOfTests, s.Maria.ID, true); err != nil {
			t.Fatal(err)
		}
		path := clerk.newCampaign()
		clerk.Press(`main form[action$="/kits"] button`)
		clerk.See(s.T("campaign.done.kits"), s.T("campaign.home.of", "Done", 0, "Of", 3))
		s.Settle()
		clerk.Go(path)
		clerk.See(s.T("campaign.home.of", "Done", 3, "Of", 3), "Новосибирск", "Кольцово")
		clerk.Press(`main a[href$="/send"]`)
		clerk.stepUp()
		clerk.Go(path + "/send")
		clerk.See(s.words.N("campaign.send.count", 3))
		clerk.submit()
		clerk.See(s.T("campaign.done.sending"))
		s.Settle()
		for _, mailbox := range []string{"ask@example.org", "igvk@example.org", "kbu@example.org"} {
			if n := s.Count(mailbox, notify.OutreachLetter); n != 1 {
				t.Errorf("%d letters came to %s", n, mailbox)
			}
		}
		clerk.Go(path)
		clerk.See(s.T("campaign.home.of", "Done", 3, "Of", 3))

		link := s.LinkPath("ask@example.org", notify.OutreachLetter)
		s.answer(link)

		clerk.Go(path)
		clerk.See(s.T("campaign.map.of", "Answered", 1, "Total", 1))
		clerk.picture("campaign")
		clerk.Press(`main .map a[href*="` + "%D0%9D%D0%BE%D0%B2%D0%BE%D1%81%D0%B8%D0%B1%D0%B8%D1%80%D1%81%D0%BA" + `&"], main .map li:last-child a`)
		clerk.Go(path + "/organisations?state=answered")
		clerk.See("Горводоканал", s.words.N("campaign.organisations.count", 1))
		clerk.Press(`main .rows a`)
		clerk.See("Плакат в зале на Фрунзе", s.T("campaign.delivery.sent"))
		if !clerk.Exists(`main img[src^="/outreach/photos/"]`) {
			t.Error("the photo is not shown")
		}
		for _, page := range []string{"/counts", "/reply", "/import", "/organisations"} {
			clerk.Go(path + page)
		}

		stranger := s.enter("stranger", s.Vera)
		if status := stranger.Go(link[:len(link)-1] + map[bool]string{true: "B", false: "A"}[strings.HasSuffix(link, "A")]); status != http.StatusNotFound {
			t.Errorf("an altered link: status %d", status)
		}
		stranger.See(s.T("fault.campaign.link"))
		s.Advance(s.Policy.CampaignLinkTTL)
		if status := stranger.Go(link); status != http.StatusForbidden {
			t.Errorf("an expired link: status %d", status)
		}
		stranger.See(s.T("fault.campaign.link_over"))
	})
}

// answer is the recipient: he opens the link, takes the kit, and tells where the poster hangs.
func (s *stage) answer(link string) {
	s.t.Helper()
	recipient := s.enter("recipient", s.Vera)
	recipient.Go(link)
	recipient.See("Горводоканал", "10458-05-02-10/21")
	if recipient.Exists(`a[href$="kit.zip"]`) {
		s.t.Error("everything is shown before the letter is opened")
	}
	recipient.submit()
	recipient.At(link)
	kit := s.Client().Get(link + "/kit.zip")
	files, err := zip.NewReader(strings.NewReader(kit.Body), int64(len(kit.Body)))
	if err != nil || len(files.File) < 30 {
		s.t.Fatalf("the kit: %d, %v", kit.Status, err)
	}
	recipient.submit()
	recipient.See(s.T("outreach.field.missing"), s.T("campaign.field.proof"))
	recipient.Fill("place", "Плакат в зале на Фрунзе, 5")
	recipient.SetValue("day", s.Clock.Now().In(s.Policy.Location()).Format("2006-01-02"))
	recipient.Upload("photo", file(s.t, "photo.jpg", photograph(s.t)))
	recipient.picture("campaign-answer")
	recipient.submit()
	recipient.See(s.T("campaign.done.answered"), "Плакат в зале на Фрунзе", s.T("campaign.placements.shot"))
}
