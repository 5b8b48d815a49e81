package store

import (
	"context"
	"database/sql"
	"time"

	"doverie/internal/account"
	"doverie/internal/desk"
	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/policy"
	"doverie/internal/trust"
)

// Desk is the store as the service desk sees it: circles, with the desk's own rows.
type Desk struct{ *Trust }

// NewDesk gives the service desk its store.
func NewDesk(t *Trust) *Desk { return &Desk{t} }

var (
	_ desk.Cases      = (*Desk)(nil)
	_ desk.StaffStore = (*Store)(nil)
)

const caseColumns = `id, account_id, operator_id, office_id, reason, document_kind, document_last4, phone, opened_at, closes_at, closed_at, version`

func scanCase(row func(...any) error) (desk.Case, error) {
	var c desk.Case
	var opened, closes int64
	var closed sql.NullInt64
	err := row(&c.ID, &c.Account, &c.Operator, &c.Office, &c.Reason, &c.Document, &c.Last4, &c.Phone, &opened, &closes, &closed, &c.Version)
	c.OpenedAt, c.ClosesAt, c.ClosedAt = FromMicros(opened), FromMicros(closes), FromNullMicros(closed)
	return c, err
}

const actColumns = `id, case_id, account_id, kind, state, two, proposer_id, office_id, second_id, link_id, payload, facts, paper, paper_until,
	printed_at, why, proposed_at, expires_at, decided_at, version`

func scanDeskAct(row func(...any) error) (desk.Act, error) {
	var a desk.Act
	var second, link sql.NullString
	var paper, printed, decided sql.NullInt64
	var proposed, expires int64
	err := row(&a.ID, &a.Case, &a.Account, &a.Kind, &a.State, &a.Two, &a.Proposer, &a.Office, &second, &link, &a.Payload, &a.Facts, &a.Paper, &paper,
		&printed, &a.Why, &proposed, &expires, &decided, &a.Version)
	a.Second, a.Link = second.String, link.String
	a.PaperUntil, a.PrintedAt, a.DecidedAt = FromNullMicros(paper), FromNullMicros(printed), FromNullMicros(decided)
	a.ProposedAt, a.ExpiresAt = FromMicros(proposed), FromMicros(expires)
	return a, err
}

// OpenCase implements desk.Cases.
func (d *Desk) OpenCase(ctx context.Context, act effect.Act, now time.Time, c desk.Case, effects []effect.Effect) error {
	return d.s.InTx(ctx, func(ctx context.Context, tx *Tx) error {
		if err := working(ctx, tx, act); err != nil {
			return err
		}
		if err := tx.ExecOne(ctx, `INSERT INTO desk_cases (`+caseColumns+`) VALUES `+places(1, 12),
			c.ID, c.Account, c.Operator, c.Office, string(c.Reason), string(c.Document), clean(c.Last4), c.Phone, Micros(c.OpenedAt), Micros(c.ClosesAt),
			NullMicros(c.ClosedAt), c.Version); err != nil {
			return err
		}
		return applyEffects(ctx, tx, act, now, d.p.Version, effects)
	})
}

// working refuses whoever is suspended by now, or has never been an operator. The row is held until the commit, so
// that a suspension comes before the act or after it.
func working(ctx context.Context, tx *Tx, act effect.Act) error {
	if act.Actor != effect.Operator {
		return nil // a timer
	}
	return tx.execOneOr(ctx, fault.New(fault.Refused, "fault.desk.suspended", nil).Because(ErrGuard),
		`UPDATE operators SET login = login WHERE id = $1 AND state = 'active' AND role IN ('operator', 'senior')
			AND EXISTS (SELECT 1 FROM offices f WHERE f.id = operators.office_id AND f.closed_at IS NULL)`, act.ID)
}

// settled refuses, in an act that needs two operators, whoever was given his access lately: an administrator could have
// made both of them for himself (T33). The row is held by working already.
func settled(ctx context.Context, tx *Tx, act effect.Act, out desk.Outcome, p policy.Policy) error {
	if act.Actor != effect.Operator || out.Act == nil || !out.Act.Two {
		return nil
	}
	return tx.execOneOr(ctx, fault.New(fault.Refused, "fault.desk.settling", nil).Because(ErrGuard),
		`UPDATE operators SET login = login WHERE id = $1 AND COALESCE(enrolled_at, created_at) <= $2`, act.ID, Micros(tx.Now().Add(-p.OperatorSettling)))
}

// Note implements desk.Cases.
func (d *Desk) Note(ctx context.Context, act effect.Act, now time.Time, effects []effect.Effect) error {
	return d.s.Apply(ctx, act, now, d.p.Version, effects)
}

func whoseDesk(asked desk.Asked) whose {
	if asked.Act != "" {
		return whose{`(SELECT account_id FROM desk_acts WHERE id = $1)`, asked.Act}
	}
	return whose{`(SELECT account_id FROM desk_cases WHERE id = $1)`, asked.Case}
}

// seen reads the desk's rows and the circle around their account.
func (d *Desk) seen(ctx context.Context, q Querier, now time.Time, asked desk.Asked, lock func(account string) []read) (desk.Seen, error) {
	var seen desk.Seen
	var account string
	of := whoseDesk(asked)
	// Whose a case or an act is never changes: it may be read before the lock.
	if err := q.QueryRow(ctx, `SELECT a.id FROM accounts a WHERE a.id = `+of.principal, of.id).Scan(&account); err != nil {
		return seen, missing(err)
	}
	var reads []read
	if lock != nil {
		reads = lock(account)
	}
	var acts []desk.Act
	var cases []desk.Case
	reads = append(reads,
		into(&acts, scanDeskAct, `SELECT `+actColumns+` FROM desk_acts WHERE id = $1`, asked.Act),
		into(&cases, scanCase, `SELECT `+caseColumns+` FROM desk_cases WHERE id = $1 OR id = (SELECT case_id FROM desk_acts WHERE id = $2)`, asked.Case, asked.Act),
	)
	around := trust.Around{Principal: account, Newcomer: account}
	mine, err := whoseCircle(around)
	if err != nil {
		return seen, err
	}
	if seen.Circle, err = d.circle(ctx, q, now, mine, around, reads...); err != nil {
		return seen, err
	}
	if len(acts) == 1 {
		seen.Act = acts[0]
	}
	if len(cases) != 1 {
		return seen, notFound()
	}
	seen.Case = cases[0]
	return seen, nil
}

// DecideAtDesk implements desk.Cases: lock, read, decide, write, in one transaction.
func (d *Desk) DecideAtDesk(ctx context.Context, act effect.Act, asked desk.Asked, decide func(desk.Seen) (desk.Outcome, error)) error {
	err := d.s.InTx(ctx, func(ctx context.Context, tx *Tx) error {
		seen, err := d.seen(ctx, tx, tx.Now(), asked, func(account string) []read {
			return []read{lockCircle(tx, whose{`CAST($1 AS TEXT)`, account}, account)}
		})
		if err != nil {
			return err
		}
		out, err := decide(seen)
		if err != nil {
			return err
		}
		if err := working(ctx, tx, act); err != nil {
			return err
		}
		if err := settled(ctx, tx, act, out, d.p); err != nil {
			return err
		}
		if err := writeDesk(ctx, tx, out); err != nil {
			return err
		}
		return d.write(ctx, tx, act, out.Outcome)
	})
	if err != nil && IsUnique(err) && !fault.Is(err, fault.Conflict) { // a Conflict says already what was taken
		return fault.New(fault.Conflict, "fault.desk.already_proposed", nil).Because(err)
	}
	return err
}

// LookAtDesk implements desk.Cases.
func (d *Desk) LookAtDesk(ctx context.Context, asked desk.Asked) (seen desk.Seen, err error) {
	err = d.s.Read(ctx, func(ctx context.Context, q Querier) (err error) {
		seen, err = d.seen(ctx, q, d.s.now(), asked, nil)
		return err
	})
	return seen, err
}

func writeDesk(ctx context.Context, tx *Tx, out desk.Outcome) error {
	if c := out.Case; c != nil {
		if err := tx.ExecOne(ctx, `UPDATE desk_cases SET phone = $1, closed_at = $2, version = version + 1 WHERE id = $3 AND version = $4 AND closed_at IS NULL`,
			c.Phone, NullMicros(c.ClosedAt), c.ID, c.Version); err != nil {
			return err
		}
	}
	a := out.Act
	if a == nil {
		return nil
	}
	if a.Version == 0 {
		return tx.ExecOne(ctx, `INSERT INTO desk_acts (`+actColumns+`) VALUES `+places(1, 20),
			a.ID, a.Case, a.Account, string(a.Kind), string(a.State), a.Two, a.Proposer, a.Office, NullText(a.Second), NullText(a.Link), a.Payload, a.Facts,
			a.Paper, NullMicros(a.PaperUntil), NullMicros(a.PrintedAt), a.Why, Micros(a.ProposedAt), Micros(a.ExpiresAt), NullMicros(a.DecidedAt), 1)
	}
	// The guard of two operators: the second is somebody else, and nobody decided yet. The paper of an approved act
	// moves by its version alone.
	return tx.ExecOne(ctx, `UPDATE desk_acts SET state = $1, second_id = $2, payload = $3, paper = $4, paper_until = $5, printed_at = $6, why = $7,
			decided_at = $8, version = version + 1
		WHERE id = $9 AND version = $10 AND (state = 'proposed' OR (state = 'approved' AND $1 = CAST('approved' AS TEXT)))
			AND (CAST($2 AS TEXT) IS NULL OR proposer_id <> $2)`,
		string(a.State), NullText(a.Second), a.Payload, a.Paper, NullMicros(a.PaperUntil), NullMicros(a.PrintedAt), a.Why, NullMicros(a.DecidedAt),
		a.ID, a.Version)
}

// ActsOf implements desk.Cases.
func (d *Desk) ActsOf(ctx context.Context, caseID string) ([]desk.Act, error) {
	return d.acts(ctx, `SELECT `+actColumns+` FROM desk_acts WHERE case_id = $1 ORDER BY proposed_at, id`, caseID)
}

// Queue implements desk.Cases.
func (d *Desk) Queue(ctx context.Context, office string, now time.Time) ([]desk.Act, error) {
	return d.acts(ctx, `SELECT `+actColumns+` FROM desk_acts
		WHERE state = 'proposed' AND expires_at > $1 AND (CAST($2 AS TEXT) = '' OR office_id = $2) ORDER BY expires_at, id`, Micros(now), office)
}

func (d *Desk) acts(ctx context.Context, query string, args ...any) (all []desk.Act, err error) {
	err = d.s.Read(ctx, func(ctx context.Context, q Querier) (err error) {
		all, err = Collect(scanDeskAct)(q.Query(ctx, query, args...))
		return err
	})
	return all, err
}

// OpenCases implements desk.Cases.
func (d *Desk) OpenCases(ctx context.Context, operator string, now time.Time) (all []desk.Case, err error) {
	err = d.s.Read(ctx, func(ctx context.Context, q Querier) (err error) {
		all, err = Collect(scanCase)(q.Query(ctx, `SELECT `+caseColumns+` FROM desk_cases
			WHERE operator_id = $1 AND closed_at IS NULL AND closes_at > $2 ORDER BY opened_at DESC, id DESC`, operator, Micros(now)))
		return err
	})
	return all, err
}

// confirmAnew confirms a simplified account with the data of the document that was seen.
func confirmAnew(ctx context.Context, tx *Tx, now time.Time, e effect.ConfirmPerson) error {
	return uniqueIsConflict(judgedBy(ctx, tx, now, e.Account, `UPDATE accounts SET level = 'confirmed', confirmed_at = $1, birth_date = $2,
			citizenship = $3, snils = $4, document_kind = $5, document_last4 = $6, document_hash = NULL, version = version + 1
		WHERE id = $7 AND state = 'open' AND level = 'simplified'`,
		Micros(now), e.Birth, e.Citizenship, e.SNILS, e.Document, clean(e.Last4), e.Account))
}

// applyDeskEffect does what only a service desk does to an account.
func applyDeskEffect(ctx context.Context, tx *Tx, now time.Time, e effect.Effect) error {
	switch e := e.(type) {
	case effect.ConfirmPerson:
		if e.SNILS != "" {
			return confirmAnew(ctx, tx, now, e)
		}
		return judgedBy(ctx, tx, now, e.Account, `UPDATE accounts SET level = 'confirmed', confirmed_at = $1, version = version + 1
			WHERE id = $2 AND state = 'open' AND level = 'standard'`, Micros(now), e.Account)
	case effect.LoseSNILS:
		return loseSNILS(ctx, tx, now, account.GaveWay{Account: e.Account, SNILS: e.SNILS})
	case effect.CorrectName:
		return tx.ExecOne(ctx, `UPDATE accounts SET family = $1, given = $2, patronymic = $3, name_hash = $4, version = version + 1
			WHERE id = $5 AND state <> 'closed'`, clean(e.Family), clean(e.Given), clean(e.Patronymic), tx.nameHash(e.Given), e.Account)
	case effect.UnlockRecovery:
		return tx.ExecOne(ctx, `UPDATE accounts SET recovery_locked_until = NULL, version = version + 1
			WHERE id = $1 AND state <> 'closed' AND recovery_locked_until > $2`, e.Account, Micros(now))
	}
	return applyAccountEffect(ctx, tx, now, e)
}
