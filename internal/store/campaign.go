package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"doverie/internal/campaign"
	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/outreach"
	"doverie/internal/policy"
)

// Campaigns keeps campaigns; it implements campaign.Store.
type Campaigns struct {
	s       *Store
	version string // of the rules, written into every event
}

// NewCampaigns serves the rules of that policy.
func NewCampaigns(s *Store, p policy.Policy) *Campaigns { return &Campaigns{s: s, version: p.Version} }

var _ campaign.Store = (*Campaigns)(nil)

// write runs do and then the effects in one transaction.
func (c *Campaigns) write(ctx context.Context, act effect.Act, effects []effect.Effect, do func(ctx context.Context, tx *Tx) error) error {
	return c.s.InTx(ctx, func(ctx context.Context, tx *Tx) error {
		if err := do(ctx, tx); err != nil {
			return err
		}
		return applyEffects(ctx, tx, act, tx.Now(), c.version, effects)
	})
}

// Staff implements campaign.Store.
func (c *Campaigns) Staff(ctx context.Context, account string) (bool, error) {
	n, err := readOne(ctx, c.s, scanCount, `SELECT COUNT(*) FROM campaign_staff WHERE account_id = $1`, account)
	return n > 0, err
}

func scanCount(row func(...any) error) (n int, err error) {
	err = row(&n)
	return n, err
}

// SetStaff implements campaign.Store.
func (c *Campaigns) SetStaff(ctx context.Context, act effect.Act, account string, granted bool, effects []effect.Effect) (changed bool, err error) {
	err = c.s.InTx(ctx, func(ctx context.Context, tx *Tx) error {
		var n int64
		var err error
		if granted {
			n, err = tx.Exec(ctx, `INSERT INTO campaign_staff (account_id, granted_at) VALUES ($1, $2) ON CONFLICT (account_id) DO NOTHING`, account, Micros(tx.Now()))
		} else {
			n, err = tx.Exec(ctx, `DELETE FROM campaign_staff WHERE account_id = $1`, account)
		}
		changed = n > 0
		if err != nil || !changed {
			return err
		}
		return applyEffects(ctx, tx, act, tx.Now(), c.version, effects)
	})
	return changed, err
}

const campaignColumns = `id, name, letter, counted, created_by, created_at, last_n, send_to, kits_to, version`

func scanCampaign(row func(...any) error) (campaign.Campaign, error) {
	var c campaign.Campaign
	var letter string
	var created int64
	if err := row(&c.ID, &c.Name, &letter, &c.Counted, &c.CreatedBy, &created, &c.LastN, &c.SendTo, &c.KitsTo, &c.Version); err != nil {
		return c, err
	}
	c.CreatedAt = FromMicros(created)
	var l outreach.Letter
	if err := json.Unmarshal([]byte(letter), &l); err != nil { //nolint:musttag // the field names are the format, as written below
		return c, fmt.Errorf("store: letter of campaign %s: %w", c.ID, err)
	}
	c.Letter = l
	return c, nil
}

// Campaigns implements campaign.Store: newest first.
func (c *Campaigns) Campaigns(ctx context.Context) (all []campaign.Campaign, err error) {
	err = c.s.Read(ctx, func(ctx context.Context, q Querier) (err error) {
		all, err = Collect(scanCampaign)(q.Query(ctx, `SELECT `+campaignColumns+` FROM campaigns ORDER BY created_at DESC, id DESC`))
		return err
	})
	return all, err
}

// Campaign implements campaign.Store.
func (c *Campaigns) Campaign(ctx context.Context, id string) (campaign.Campaign, error) {
	return readOne(ctx, c.s, scanCampaign, `SELECT `+campaignColumns+` FROM campaigns WHERE id = $1`, id)
}

// CreateCampaign implements campaign.Store.
func (c *Campaigns) CreateCampaign(ctx context.Context, act effect.Act, one campaign.Campaign, effects []effect.Effect) error {
	letter, err := json.Marshal(one.Letter) //nolint:musttag // the domain's types carry no tags: the field names are the format
	if err != nil {
		return fmt.Errorf("store: letter of a campaign: %w", err)
	}
	return c.write(ctx, act, effects, func(ctx context.Context, tx *Tx) error {
		return tx.ExecOne(ctx, `INSERT INTO campaigns (`+campaignColumns+`) VALUES `+places(1, 10),
			one.ID, clean(one.Name), clean(string(letter)), one.Counted, one.CreatedBy, Micros(one.CreatedAt), one.LastN, one.SendTo, one.KitsTo, one.Version)
	})
}

// ChangeCampaign implements campaign.Store.
func (c *Campaigns) ChangeCampaign(ctx context.Context, act effect.Act, one campaign.Campaign, effects []effect.Effect) error {
	return c.write(ctx, act, effects, func(ctx context.Context, tx *Tx) error {
		return tx.ExecOne(ctx, `UPDATE campaigns SET send_to = $1, kits_to = $2, version = version + 1 WHERE id = $3 AND version = $4`,
			one.SendTo, one.KitsTo, one.ID, one.Version)
	})
}

// CountVisit implements campaign.Store. The code is looked up by the insert itself, so a made-up one writes nothing.
func (c *Campaigns) CountVisit(ctx context.Context, code string, week time.Time) error {
	return c.s.InTx(ctx, func(ctx context.Context, tx *Tx) error {
		return tx.ExecAny(ctx, `INSERT INTO placement_visits (code, week, visits)
			SELECT r.code, CAST($2 AS BIGINT), 1 FROM campaign_recipients r WHERE r.code = $1
			ON CONFLICT (code, week) DO UPDATE SET visits = placement_visits.visits + 1`, code, Micros(week))
	})
}

// VisitsOf implements campaign.Store: every organisation of the campaign, with a count for each of the weeks.
func (c *Campaigns) VisitsOf(ctx context.Context, id string, weeks []time.Time) ([]campaign.Visits, error) {
	if len(weeks) == 0 {
		return nil, nil
	}
	type row struct {
		code, name string
		week       int64
		n          int
	}
	var rows []row
	err := c.s.Read(ctx, func(ctx context.Context, q Querier) (err error) {
		rows, err = Collect(func(scan func(...any) error) (r row, err error) {
			err = scan(&r.code, &r.name, &r.week, &r.n)
			return r, err
		})(q.Query(ctx, `SELECT r.code, r.name, COALESCE(v.week, 0), COALESCE(v.visits, 0)
			FROM campaign_recipients r LEFT JOIN placement_visits v ON v.code = r.code AND v.week >= $2
			WHERE r.campaign_id = $1 ORDER BY r.n, v.week`, id, Micros(weeks[0])))
		return err
	})
	if err != nil {
		return nil, err
	}
	var out []campaign.Visits
	for _, r := range rows {
		if len(out) == 0 || out[len(out)-1].Code != r.code {
			one := campaign.Visits{Code: r.code, Name: r.name}
			for _, w := range weeks {
				one.Weeks = append(one.Weeks, campaign.Week{From: w})
			}
			out = append(out, one)
		}
		for i, w := range out[len(out)-1].Weeks {
			if Micros(w.From) == r.week {
				out[len(out)-1].Weeks[i].Count = r.n
			}
		}
	}
	return out, nil
}

// Appointments implements campaign.Store.
func (c *Campaigns) Appointments(ctx context.Context, weeks []time.Time) ([]campaign.Week, error) {
	out := make([]campaign.Week, len(weeks))
	for i, from := range weeks {
		n, err := readOne(ctx, c.s, scanCount, `SELECT COUNT(*) FROM links WHERE accepted_at >= $1 AND accepted_at < $2`,
			Micros(from), Micros(from.AddDate(0, 0, 7)))
		if err != nil {
			return nil, err
		}
		out[i] = campaign.Week{From: from, Count: n}
	}
	return out, nil
}

// errTooMany refuses a further placement of one organisation.
var errTooMany = fault.New(fault.Refused, "fault.campaign.placements", nil)

// Report implements campaign.Store.
func (c *Campaigns) Report(ctx context.Context, act effect.Act, r campaign.Recipient, p campaign.Placement, photo []byte, limit int, effects []effect.Effect) error {
	return c.write(ctx, act, effects, func(ctx context.Context, tx *Tx) error {
		// The recipient's row is changed first: of two reports at once one waits, and the count below is right.
		if err := changeRecipient(ctx, tx, r); err != nil {
			return err
		}
		var n int
		if err := tx.QueryRow(ctx, `SELECT COUNT(*) FROM placements WHERE recipient_id = $1`, r.ID).Scan(&n); err != nil {
			return err
		}
		if n >= limit {
			return errTooMany
		}
		if photo != nil {
			if err := tx.ExecOne(ctx, `INSERT INTO placement_photos (id, jpeg) VALUES ($1, $2)`, p.Photo, photo); err != nil {
				return err
			}
		}
		return tx.ExecOne(ctx, `INSERT INTO placements (id, recipient_id, place, day, link, photo_id, created_at) VALUES `+places(1, 7),
			p.ID, p.Recipient, clean(p.Place), p.Day.Format(time.DateOnly), clean(p.Link), NullText(p.Photo), Micros(p.CreatedAt))
	})
}

// Placements implements campaign.Store.
func (c *Campaigns) Placements(ctx context.Context, id, recipient string) (all []campaign.Placement, err error) {
	const columns = `SELECT p.id, p.recipient_id, p.place, p.day, p.link, COALESCE(p.photo_id, ''), p.created_at FROM placements p
		JOIN campaign_recipients r ON r.id = p.recipient_id WHERE r.campaign_id = $1 `
	query, args := columns+`ORDER BY p.id DESC`, []any{id}
	if recipient != "" {
		query, args = columns+`AND p.recipient_id = $2 ORDER BY p.id DESC`, []any{id, recipient}
	}
	err = c.s.Read(ctx, func(ctx context.Context, q Querier) (err error) {
		all, err = Collect(scanPlacement)(q.Query(ctx, query, args...))
		return err
	})
	return all, err
}

func scanPlacement(row func(...any) error) (campaign.Placement, error) {
	var p campaign.Placement
	var day string
	var created int64
	err := row(&p.ID, &p.Recipient, &p.Place, &day, &p.Link, &p.Photo, &created)
	if err != nil {
		return p, err
	}
	p.CreatedAt = FromMicros(created)
	p.Day, err = time.Parse(time.DateOnly, day)
	return p, err
}

// Photo implements campaign.Store.
func (c *Campaigns) Photo(ctx context.Context, id string) ([]byte, error) {
	return readOne(ctx, c.s, scanBytes, `SELECT jpeg FROM placement_photos WHERE id = $1`, id)
}

// Logo implements campaign.Store.
func (c *Campaigns) Logo(ctx context.Context, recipient string) ([]byte, error) {
	png, err := readOne(ctx, c.s, scanBytes, `SELECT png FROM campaign_logos WHERE recipient_id = $1`, recipient)
	if fault.Is(err, fault.NotFound) {
		return nil, nil
	}
	return png, err
}

func scanBytes(row func(...any) error) (b []byte, err error) {
	err = row(&b)
	return b, err
}

// SetLogo implements campaign.Store.
func (c *Campaigns) SetLogo(ctx context.Context, act effect.Act, r campaign.Recipient, png []byte, effects []effect.Effect) error {
	if len(png) == 0 {
		return errors.New("store: an empty logo")
	}
	return c.write(ctx, act, effects, func(ctx context.Context, tx *Tx) error {
		if err := tx.ExecOne(ctx, `UPDATE campaign_recipients SET has_logo = TRUE, kit_at = NULL, kit_bytes = 0, kit_problem = NULL, version = version + 1
			WHERE id = $1 AND version = $2`, r.ID, r.Version); err != nil {
			return err
		}
		return tx.ExecOne(ctx, `INSERT INTO campaign_logos (recipient_id, png) VALUES ($1, $2)
			ON CONFLICT (recipient_id) DO UPDATE SET png = excluded.png`, r.ID, png)
	})
}
