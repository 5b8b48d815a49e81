package campaign

import (
	"bytes"
	"context"
	"encoding/csv"
	"slices"
	"strconv"
	"strings"
	"time"

	"doverie/internal/outreach"
)

// pageOfAll is how many organisations are read at once where all are needed.
const pageOfAll = 500

// all walks through every organisation of a campaign.
func (s *Service) all(ctx context.Context, id string, f Filter, do func(Recipient) error) error {
	for from := 0; ; {
		some, err := s.Store.Recipients(ctx, id, f, from, pageOfAll)
		if err != nil {
			return err
		}
		for _, r := range some {
			if err := do(r); err != nil {
				return err
			}
			from = r.N + 1
		}
		if len(some) < pageOfAll {
			return nil
		}
	}
}

// Each walks through every organisation of a campaign in the order of the register.
func (s *Service) Each(ctx context.Context, id string, do func(Recipient) error) error {
	return s.all(ctx, id, Filter{}, do)
}

// placed are the reports of a campaign in the order of the register, each organisation's oldest first.
func (s *Service) placed(ctx context.Context, id string) (map[string][]Placement, error) {
	list, err := s.Store.Placements(ctx, id, "")
	if err != nil {
		return nil, err
	}
	slices.Reverse(list)
	by := map[string][]Placement{}
	for _, p := range list {
		by[p.Recipient] = append(by[p.Recipient], p)
	}
	return by, nil
}

// Export is the campaign as CSV (UTF-8 with its mark, semicolons, as spreadsheets here open it): a line for each placement,
// and one for each organisation without. Cells that a spreadsheet would run as a formula are defused.
func (s *Service) Export(ctx context.Context, id string) ([]byte, error) {
	by, err := s.placed(ctx, id)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.WriteString("\ufeff")
	w := csv.NewWriter(&b)
	w.Comma = ';'
	write := func(cells ...string) error {
		for i, c := range cells {
			cells[i] = defused(c)
		}
		return w.Write(cells)
	}
	if err := write("number", "id", "name", "region", "municipality", "email", "state", "delivery", "sent_at", "opened_at", "answered_at",
		"placement_code", "placed_on", "place", "link", "photo"); err != nil {
		return nil, err
	}
	err = s.Each(ctx, id, func(r Recipient) error {
		line := []string{
			strconv.Itoa(r.N + 1), r.Org.ID, r.Org.Name, r.Org.Region, r.Org.Municipality, r.Org.Email, string(r.State), string(r.Delivery),
			s.moment(r.SentAt), s.moment(r.OpenedAt), s.moment(r.AnsweredAt), r.Code,
		}
		if len(by[r.ID]) == 0 {
			return write(append(line, "", "", "", "")...)
		}
		for _, p := range by[r.ID] {
			photo := ""
			if p.Photo != "" {
				photo = "yes"
			}
			if err := write(append(slices.Clone(line), p.Day.Format(time.DateOnly), p.Place, p.Link, photo)...); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	w.Flush()
	return b.Bytes(), w.Error()
}

func (s *Service) moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(s.Policy.Location()).Format("2006-01-02 15:04")
}

// defused keeps a spreadsheet from running what somebody typed (OWASP: CSV injection).
func defused(cell string) string {
	if cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])) {
		return "'" + cell
	}
	return cell
}

// Summary is the ministry's reply as PDF.
func (s *Service) Summary(ctx context.Context, id string, to outreach.ReplyTo) ([]byte, error) {
	c, err := s.Store.Campaign(ctx, id)
	if err != nil {
		return nil, err
	}
	by, err := s.placed(ctx, id)
	if err != nil {
		return nil, err
	}
	var st outreach.Standing
	err = s.Each(ctx, id, func(r Recipient) error {
		switch r.State {
		case Answered:
			st.Answered++
			fallthrough
		case Opened:
			st.Opened++
			fallthrough
		case Sent:
			st.Sent++
		case Listed:
		}
		st.Placed = append(st.Placed, asPlaced(r.Org.Name, by[r.ID])...)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return s.Source.MakeSummary(c.Letter, to, st, s.Now().In(s.Policy.Location()))
}

// OwnReply is an organisation's reply to the ministry as PDF.
func (s *Service) OwnReply(ctx context.Context, c Campaign, r Recipient) ([]byte, error) {
	list, err := s.Store.Placements(ctx, c.ID, r.ID)
	if err != nil {
		return nil, err
	}
	slices.Reverse(list)
	return s.Source.MakeOwnReply(c.Letter, r.N, r.Org, asPlaced("", list), s.Now().In(s.Policy.Location()))
}

func asPlaced(organisation string, list []Placement) []outreach.Placed {
	out := make([]outreach.Placed, 0, len(list))
	for _, p := range list {
		out = append(out, outreach.Placed{Organisation: organisation, Place: p.Place, Day: p.Day, Link: p.Link, Photo: p.Photo != ""})
	}
	return out
}
