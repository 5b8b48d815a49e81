package storetest_test

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/jpeg"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"doverie/internal/campaign"
	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/outreach"
	"doverie/internal/policy"
	"doverie/internal/store"
	"doverie/internal/store/storetest"
)

// mailing is a campaign on a real store.
type mailing struct {
	*campaign.Service

	t   *testing.T
	db  *storetest.DB
	act effect.Act
	id  string
}

func newMailing(t *testing.T, db *storetest.DB, organisations int) *mailing {
	t.Helper()
	source, err := outreach.LoadSource()
	if err != nil {
		t.Fatal(err)
	}
	clerk := db.Add(t, 1, storetest.Person{Given: "Мария"})
	rules := policy.Default()
	m := &mailing{
		Service: campaign.New(store.NewCampaigns(db.Store, rules), source, outreach.Shelf{Dir: t.TempDir()}, db.Keys, rules, db.Clock.Now),
		t:       t, db: db, act: effect.Act{Actor: effect.Person, ID: clerk.ID},
	}
	c, err := m.Create(t.Context(), m.act, "Декабрь", outreach.Letter{
		Letterhead: []string{"МИНИСТЕРСТВО"}, Number: "1/{n}", Date: "04.12.2025", Subject: "О сервисе", Position: "Министр", Signer: "И.И. Иванов",
	}, true)
	m.must(err)
	m.id = c.ID
	_, err = m.Import(t.Context(), m.act, m.id, registerOf(0, organisations))
	m.must(err)
	return m
}

func (m *mailing) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

func registerOf(from, to int) []byte {
	var b strings.Builder
	b.WriteString("id,name,region,municipality,position,head,salutation,email\n")
	for i := from; i < to; i++ {
		fmt.Fprintf(&b, "org-%d,МУП № %d,Область,Город %d,Директору,И.И. Иванову,Уважаемый Иван Иванович!,office%d@example.org\n", i, i, i%3, i)
	}
	return []byte(b.String())
}

func (m *mailing) number(query string, args ...any) (n int) {
	m.t.Helper()
	m.must(m.db.Read(m.t.Context(), func(ctx context.Context, q store.Querier) error { return q.QueryRow(ctx, query, args...).Scan(&n) }))
	return n
}

// TestCampaignLettersGoOnce: several processes send the same campaign at the same time; every organisation has one letter, one
// event and one message.
func TestCampaignLettersGoOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		const organisations = 60
		m := newMailing(t, db, organisations)
		m.must(m.AskSend(t.Context(), m.act, m.id))
		var hands sync.WaitGroup
		for range 6 {
			hands.Go(func() {
				for range 10 {
					if err := m.SendSome(context.Background(), m.id); err != nil && !fault.Is(err, fault.Conflict) {
						t.Error(err)
					}
				}
			})
		}
		hands.Wait()
		for m.number(`SELECT COUNT(*) FROM campaign_recipients WHERE state = 'listed'`) > 0 {
			m.must(m.SendSome(t.Context(), m.id))
		}
		for _, query := range []string{
			`SELECT COUNT(*) FROM outbox WHERE kind = 'outreach.letter'`,
			`SELECT COUNT(*) FROM events WHERE kind = 'campaign.letter_sent'`,
			`SELECT COUNT(*) FROM campaign_recipients WHERE state = 'sent' AND letters = 1`,
		} {
			if n := m.number(query); n != organisations {
				t.Errorf("%d, want %d: %s", n, organisations, query)
			}
		}
		if err := m.AskSend(t.Context(), m.act, m.id); !fault.HasKey(err, "fault.campaign.nobody") {
			t.Errorf("a second sending: %v", err)
		}
		report, err := db.VerifyEvents(t.Context())
		if err != nil || !report.Intact() {
			t.Errorf("events: %+v %v", report, err)
		}
	})
}

// TestCampaignImportsAtOnce: of two imports at the same moment the numbers never meet, and the loser is told so.
func TestCampaignImportsAtOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		m := newMailing(t, db, 0)
		var won atomic.Int64
		var hands sync.WaitGroup
		for i := range 6 {
			hands.Go(func() {
				_, err := m.Import(context.Background(), m.act, m.id, registerOf(10*i, 10*i+10))
				switch {
				case err == nil:
					won.Add(10)
				case !fault.Is(err, fault.Conflict):
					t.Error(err)
				}
			})
		}
		hands.Wait()
		if n := m.number(`SELECT COUNT(*) FROM campaign_recipients`); won.Load() == 0 || int64(n) != won.Load() {
			t.Errorf("%d organisations, %d were promised", n, won.Load())
		}
		if n, last := m.number(`SELECT MAX(n) + 1 FROM campaign_recipients`), m.number(`SELECT last_n FROM campaigns`); n != last {
			t.Errorf("%d numbers, the campaign counts %d", n, last)
		}
		again, err := m.Import(t.Context(), m.act, m.id, registerOf(0, 60))
		m.must(err)
		if again.Added+len(again.Refused) != 60 || int64(len(again.Refused)) != won.Load() {
			t.Errorf("again: %d added, %d refused", again.Added, len(again.Refused))
		}
	})
}

// TestCampaignAnswers walks one organisation from the letter to its placements, and reads everything that the staff read.
func TestCampaignAnswers(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		ctx := t.Context()
		m := newMailing(t, db, 4)
		some, err := m.Store.Recipients(ctx, m.id, campaign.Filter{}, 0, 10)
		m.must(err)
		if err := m.MarkOpened(ctx, m.act, some[0]); !fault.Is(err, fault.Conflict) {
			t.Errorf("opened before it was sent: %v", err)
		}
		m.must(m.AskSend(ctx, m.act, m.id))
		m.must(m.SendSome(ctx, m.id))
		sent, err := m.Store.Recipient(ctx, some[0].ID)
		m.must(err)
		token := strings.TrimPrefix(m.Link(sent), campaign.LinkPath)
		_, r, err := m.Open(ctx, token)
		m.must(err)
		m.must(m.MarkOpened(ctx, m.act, r))
		for n := range 41 { // one more than an organisation may report
			_, r, err = m.Open(ctx, token)
			m.must(err)
			err = m.Answer(ctx, effect.Act{Actor: effect.Applicant}, r, campaign.Answer{Place: fmt.Sprintf("Зал %d", n), Day: "2026-11-20", Link: "https://example.org/1"})
			if n < 40 {
				m.must(err)
			} else if !fault.HasKey(err, "fault.campaign.placements") {
				t.Errorf("the 41st placement: %v", err)
			}
		}
		for range 3 {
			m.must(m.Visit(ctx, r.Code))
		}
		m.must(m.Visit(ctx, "nobody1"))
		counts, err := m.Counters(ctx, m.id)
		m.must(err)
		if len(counts.Visits) != 4 || counts.Visits[0].Weeks[11].Count != 3 || m.number(`SELECT COUNT(*) FROM placement_visits`) != 1 {
			t.Errorf("visits %+v", counts.Visits)
		}
		if _, told := m.Shown(9); told {
			t.Error("a count of nine is told")
		}
		areas, err := m.Store.Areas(ctx, m.id)
		m.must(err)
		if len(areas) != 3 || areas[0].Count[campaign.Answered] != 1 || areas[0].Total() != 2 {
			t.Errorf("areas %+v", areas)
		}
		m.must(m.AskKits(ctx, m.act, m.id))
		m.must(m.MakeSome(ctx, m.id))
		c, err := m.Store.Campaign(ctx, m.id)
		m.must(err)
		progress, err := m.Store.Progress(ctx, c)
		m.must(err)
		if progress.Kits != 4 || progress.KitBytes == 0 || progress.Letters != 4 {
			t.Errorf("progress %+v", progress)
		}
		table, err := m.Export(ctx, m.id)
		m.must(err)
		if n := bytes.Count(table, []byte("\n")); n != 1+40+3 {
			t.Errorf("%d lines of CSV", n)
		}
		pdf, err := m.Summary(ctx, m.id, outreach.ReplyTo{Name: "Минцифры России", TheirNumber: "7", TheirDate: "01.12.2025"})
		if err != nil || !bytes.HasPrefix(pdf, []byte("%PDF-")) {
			t.Errorf("summary: %v", err)
		}
		if err := m.Allowed(ctx, m.act.ID); !fault.Is(err, fault.NotFound) {
			t.Errorf("without the right: %v", err)
		}
		for _, granted := range []bool{true, false} {
			for n := range 2 {
				changed, err := m.SetStaff(ctx, m.act, m.act.ID, granted)
				if err != nil || changed != (n == 0) {
					t.Errorf("staff %v, time %d: %v %v", granted, n+1, changed, err)
				}
			}
		}
		db.Clock.Advance(m.Policy.CampaignLinkTTL)
		if _, _, err := m.Open(ctx, token); !fault.HasKey(err, "fault.campaign.link_over") {
			t.Errorf("an expired link: %v", err)
		}
	})
}

// TestCampaignPhotosAndLogos: what comes back is our own drawing, and a new logo makes the kit anew.
func TestCampaignPhotosAndLogos(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		ctx := t.Context()
		m := newMailing(t, db, 1)
		m.must(m.AskSend(ctx, m.act, m.id))
		m.must(m.SendSome(ctx, m.id))
		some, err := m.Store.Recipients(ctx, m.id, campaign.Filter{State: campaign.Sent}, 0, 1)
		m.must(err)
		var file bytes.Buffer
		m.must(jpeg.Encode(&file, image.NewGray(image.Rect(0, 0, 40, 20)), nil))
		hidden := append([]byte("\xff\xd8\xff\xfe\x00\x14<script>alert(1)</"), file.Bytes()[2:]...)
		m.must(m.Answer(ctx, m.act, some[0], campaign.Answer{Place: "Зал", Day: "2026-11-20", Photo: hidden}))
		placed, err := m.Store.Placements(ctx, m.id, some[0].ID)
		m.must(err)
		photo, err := m.Store.Photo(ctx, placed[0].Photo)
		m.must(err)
		if bytes.Contains(photo, []byte("script")) || !bytes.HasPrefix(photo, []byte("\xff\xd8")) {
			t.Error("the photo is not drawn anew")
		}
		m.must(m.AskKits(ctx, m.act, m.id))
		m.must(m.MakeSome(ctx, m.id))
		m.must(m.SetLogo(ctx, m.act, m.id, some[0].ID, file.Bytes()))
		with, err := m.Store.Recipient(ctx, some[0].ID)
		m.must(err)
		if !with.HasLogo || !with.KitAt.IsZero() {
			t.Errorf("after a new logo: %+v", with)
		}
	})
}

// TestCampaignWeeks: weeks begin on Monday in the zone of the rules.
func TestCampaignWeeks(t *testing.T) {
	m := &campaign.Service{Policy: policy.Default()}
	moscow := m.Policy.Location()
	for _, at := range []time.Time{
		time.Date(2026, 11, 16, 0, 0, 0, 0, moscow), time.Date(2026, 11, 22, 23, 59, 59, 0, moscow), time.Date(2026, 11, 15, 21, 0, 0, 0, time.UTC),
	} {
		if got := m.Monday(at); !got.Equal(time.Date(2026, 11, 16, 0, 0, 0, 0, moscow)) {
			t.Errorf("%s begins the week of %s", got, at)
		}
	}
}
