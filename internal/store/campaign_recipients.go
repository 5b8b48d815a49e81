package store

import (
	"context"
	"database/sql"
	"slices"
	"strconv"
	"time"

	"doverie/internal/campaign"
	"doverie/internal/effect"
	"doverie/internal/jobs"
)

const recipientColumns = `id, campaign_id, n, org_id, name, region, municipality, site, position, head, salutation, email, their_number, their_date,
	code, state, letters, sent_at, expires_at, opened_at, answered_at, message_key, delivery, settled_at, has_logo, kit_at, kit_bytes, kit_problem, version`

const recipientColumnCount = 29

func scanRecipient(row func(...any) error) (campaign.Recipient, error) {
	var r campaign.Recipient
	var sent, expires, opened, answered, settled, kit sql.NullInt64
	var key, delivery, problem sql.NullString
	o := &r.Org
	err := row(&r.ID, &r.Campaign, &r.N, &o.ID, &o.Name, &o.Region, &o.Municipality, &o.Site, &o.Position, &o.Head, &o.Salutation, &o.Email,
		&o.TheirNumber, &o.TheirDate, &r.Code, &r.State, &r.Letters, &sent, &expires, &opened, &answered, &key, &delivery, &settled, &r.HasLogo,
		&kit, &r.KitBytes, &problem, &r.Version)
	r.SentAt, r.ExpiresAt, r.OpenedAt, r.AnsweredAt = FromNullMicros(sent), FromNullMicros(expires), FromNullMicros(opened), FromNullMicros(answered)
	r.Delivery, r.SettledAt, r.KitAt, r.KitProblem = campaign.Delivery(delivery.String), FromNullMicros(settled), FromNullMicros(kit), problem.String
	return r, err
}

// OrganisationIDs implements campaign.Store.
func (c *Campaigns) OrganisationIDs(ctx context.Context, id string) (map[string]bool, error) {
	known := map[string]bool{}
	err := c.s.Read(ctx, func(ctx context.Context, q Querier) error {
		ids, err := Collect(scanText)(q.Query(ctx, `SELECT org_id FROM campaign_recipients WHERE campaign_id = $1`, id))
		for _, one := range ids {
			known[one] = true
		}
		return err
	})
	return known, err
}

func scanText(row func(...any) error) (text string, err error) {
	err = row(&text)
	return text, err
}

// AddRecipients implements campaign.Store. The campaign's row is the lock: of two imports at once one is a Conflict.
func (c *Campaigns) AddRecipients(ctx context.Context, act effect.Act, one campaign.Campaign, add []campaign.Recipient, effects []effect.Effect) error {
	const atOnce = 100
	return c.write(ctx, act, effects, func(ctx context.Context, tx *Tx) error {
		if err := tx.ExecOne(ctx, `UPDATE campaigns SET last_n = last_n + $1, version = version + 1 WHERE id = $2 AND version = $3`,
			len(add), one.ID, one.Version); err != nil {
			return err
		}
		for some := range slices.Chunk(add, atOnce) {
			args := make([]any, 0, recipientColumnCount*len(some))
			for _, r := range some {
				o := r.Org
				args = append(args, r.ID, r.Campaign, r.N, o.ID, o.Name, o.Region, o.Municipality, o.Site, o.Position, o.Head, o.Salutation, o.Email,
					o.TheirNumber, o.TheirDate, r.Code, string(r.State), r.Letters, nil, nil, nil, nil, nil, nil, nil, r.HasLogo, nil, 0, nil, r.Version)
			}
			if _, err := tx.Exec(ctx, `INSERT INTO campaign_recipients (`+recipientColumns+`) VALUES `+places(len(some), recipientColumnCount), args...); err != nil {
				return err
			}
		}
		return nil
	})
}

// Recipient implements campaign.Store.
func (c *Campaigns) Recipient(ctx context.Context, id string) (campaign.Recipient, error) {
	return readOne(ctx, c.s, scanRecipient, `SELECT `+recipientColumns+` FROM campaign_recipients WHERE id = $1`, id)
}

// chosen is the WHERE of a filter.
func chosen(id string, f campaign.Filter) (where string, args []any) {
	where, args = ` FROM campaign_recipients WHERE campaign_id = $1`, []any{id}
	and := func(column string, value any) {
		args = append(args, value)
		where += ` AND ` + column + ` = $` + strconv.Itoa(len(args))
	}
	if f.State != "" {
		and("state", string(f.State))
	}
	if f.InArea {
		and("region", f.Region)
		and("municipality", f.Municipality)
	}
	return where, args
}

// Recipients implements campaign.Store.
func (c *Campaigns) Recipients(ctx context.Context, id string, f campaign.Filter, from, limit int) (some []campaign.Recipient, err error) {
	where, args := chosen(id, f)
	args = append(args, from, limit)
	query := `SELECT ` + recipientColumns + where + ` AND n >= $` + strconv.Itoa(len(args)-1) + ` ORDER BY n LIMIT $` + strconv.Itoa(len(args))
	err = c.s.Read(ctx, func(ctx context.Context, q Querier) (err error) {
		some, err = Collect(scanRecipient)(q.Query(ctx, query, args...))
		return err
	})
	return some, err
}

// Count implements campaign.Store.
func (c *Campaigns) Count(ctx context.Context, id string, f campaign.Filter) (int, error) {
	where, args := chosen(id, f)
	return readOne(ctx, c.s, scanCount, `SELECT COUNT(*)`+where, args...)
}

// ChangeRecipients implements campaign.Store.
func (c *Campaigns) ChangeRecipients(ctx context.Context, act effect.Act, changed []campaign.Recipient, effects []effect.Effect) error {
	return c.write(ctx, act, effects, func(ctx context.Context, tx *Tx) error {
		for _, r := range changed {
			if err := changeRecipient(ctx, tx, r); err != nil {
				return err
			}
		}
		return nil
	})
}

// changeRecipient writes how far an organisation has come, under the version it was read at. What became of its message is
// forgotten only when another letter is sent.
func changeRecipient(ctx context.Context, tx *Tx, r campaign.Recipient) error {
	key := ""
	if r.Letters > 0 {
		key = campaign.MessageKey(r.ID, r.Letters)
	}
	return tx.ExecOne(ctx, `UPDATE campaign_recipients SET state = $1, letters = $2, sent_at = $3, expires_at = $4, opened_at = $5, answered_at = $6,
			delivery = CASE WHEN message_key = $7 THEN delivery ELSE NULL END, settled_at = CASE WHEN message_key = $7 THEN settled_at ELSE NULL END,
			message_key = $7, version = version + 1
		WHERE id = $8 AND version = $9`,
		string(r.State), r.Letters, NullMicros(r.SentAt), NullMicros(r.ExpiresAt), NullMicros(r.OpenedAt), NullMicros(r.AnsweredAt), NullText(key), r.ID, r.Version)
}

// SetKits implements campaign.Store. A logo that came meanwhile wins: its version is another.
func (c *Campaigns) SetKits(ctx context.Context, made []campaign.Recipient, effects []effect.Effect) error {
	return c.write(ctx, effect.Act{Actor: effect.System}, effects, func(ctx context.Context, tx *Tx) error {
		for _, r := range made {
			if err := tx.ExecAny(ctx, `UPDATE campaign_recipients SET kit_at = $1, kit_bytes = $2, kit_problem = $3 WHERE id = $4 AND version = $5`,
				NullMicros(r.KitAt), r.KitBytes, NullText(r.KitProblem), r.ID, r.Version); err != nil {
				return err
			}
		}
		return nil
	})
}

// WithoutKit implements campaign.Store.
func (c *Campaigns) WithoutKit(ctx context.Context, id string, to, limit int) (some []campaign.Recipient, err error) {
	err = c.s.Read(ctx, func(ctx context.Context, q Querier) (err error) {
		some, err = Collect(scanRecipient)(q.Query(ctx, `SELECT `+recipientColumns+` FROM campaign_recipients
			WHERE campaign_id = $1 AND n < $2 AND kit_at IS NULL AND kit_problem IS NULL ORDER BY n LIMIT $3`, id, to, limit))
		return err
	})
	return some, err
}

// Areas implements campaign.Store: by region and municipality, in the order of their names.
func (c *Campaigns) Areas(ctx context.Context, id string) (areas []campaign.Area, err error) {
	type row struct {
		region, municipality string
		state                campaign.State
		n                    int
	}
	var rows []row
	err = c.s.Read(ctx, func(ctx context.Context, q Querier) (err error) {
		rows, err = Collect(func(scan func(...any) error) (r row, err error) {
			err = scan(&r.region, &r.municipality, &r.state, &r.n)
			return r, err
		})(q.Query(ctx, `SELECT region, municipality, state, COUNT(*) FROM campaign_recipients WHERE campaign_id = $1
			GROUP BY region, municipality, state ORDER BY region, municipality, state`, id))
		return err
	})
	for _, r := range rows {
		if n := len(areas); n == 0 || areas[n-1].Region != r.region || areas[n-1].Municipality != r.municipality {
			areas = append(areas, campaign.Area{Region: r.region, Municipality: r.municipality, Count: map[campaign.State]int{}})
		}
		areas[len(areas)-1].Count[r.state] = r.n
	}
	return areas, err
}

// Progress implements campaign.Store.
func (c *Campaigns) Progress(ctx context.Context, one campaign.Campaign) (campaign.Progress, error) {
	p, err := readOne(ctx, c.s, func(row func(...any) error) (p campaign.Progress, err error) {
		err = row(&p.Kits, &p.KitProblems, &p.KitBytes, &p.Letters)
		return p, err
	}, `SELECT COALESCE(SUM(CASE WHEN kit_at IS NOT NULL THEN 1 ELSE 0 END), 0), COALESCE(SUM(CASE WHEN kit_problem IS NOT NULL THEN 1 ELSE 0 END), 0),
			COALESCE(CAST(SUM(kit_bytes) AS BIGINT), 0), COALESCE(SUM(CASE WHEN sent_at IS NOT NULL THEN 1 ELSE 0 END), 0)
		FROM campaign_recipients WHERE campaign_id = $1`, one.ID)
	p.KitsOf, p.LettersOf = one.KitsTo, one.SendTo
	return p, err
}

// settleLetter notes what became of a covering letter's message, in the transaction that ends it.
func settleLetter(ctx context.Context, tx *Tx, now time.Time, m jobs.Message, outcome jobs.Outcome) error {
	delivery := campaign.Uncertain
	switch outcome {
	case jobs.Sent:
		delivery = campaign.Taken
	case jobs.Failed, jobs.Expired:
		delivery = campaign.Undelivered
	case jobs.Unknown, jobs.Retry:
	}
	return tx.ExecAny(ctx, `UPDATE campaign_recipients SET delivery = $1, settled_at = $2 WHERE message_key = $3`, string(delivery), Micros(now), m.Key)
}
