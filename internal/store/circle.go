package store

import (
	"context"
	"database/sql"
	"errors"
	"time"
	"unicode/utf8"

	"doverie/internal/account"
	"doverie/internal/recovery"
	"doverie/internal/trust"
)

// factColumns are the columns of accounts (as a) that eligibility is judged by.
const factColumns = `a.id, a.family, a.given, a.patronymic, a.citizenship, a.level, a.state, a.birth_date, a.snils,
	a.phone, a.phone_verified_at, a.phone_confirmed_at, a.phone_lost_at, a.sim_changed_at, a.created_at,
	a.phone_changed_at, a.password_changed_at, a.factor_changed_at, a.recovered_at,
	EXISTS (SELECT 1 FROM recoveries r WHERE r.account_id = a.id AND r.state IN ('awaiting_contact', 'approved', 'verified'))`

// factRow is what factColumns are scanned into.
type factRow struct {
	id, family, given, patronymic, level, state                                   string
	citizenship, birth, snils, phone                                              sql.NullString
	verified, confirmed, lost, sim, created, phoneAt, passwordAt, factorAt, recAt sql.NullInt64
	recovering                                                                    bool
}

func (r *factRow) targets() []any {
	return []any{
		&r.id, &r.family, &r.given, &r.patronymic, &r.citizenship, &r.level, &r.state, &r.birth, &r.snils,
		&r.phone, &r.verified, &r.confirmed, &r.lost, &r.sim, &r.created,
		&r.phoneAt, &r.passwordAt, &r.factorAt, &r.recAt, &r.recovering,
	}
}

// passwordChanged is when the password was changed; one that came with the account is no change.
func (r *factRow) passwordChanged() time.Time {
	if r.passwordAt.Int64 <= r.created.Int64 {
		return time.Time{}
	}
	return FromNullMicros(r.passwordAt)
}

func (t *Trust) facts(r factRow, now time.Time) (trust.Facts, error) {
	birth := account.Date{}
	if r.birth.Valid {
		var err error
		if birth, err = account.ParseDate(r.birth.String); err != nil {
			return trust.Facts{}, err
		}
	}
	phone := account.Account{
		Phone: r.phone.String, PhoneVerifiedAt: FromNullMicros(r.verified),
		PhoneConfirmedAt: FromNullMicros(r.confirmed), PhoneLostAt: FromNullMicros(r.lost),
	}
	letter, _ := utf8.DecodeRuneInString(r.family)
	f := trust.Facts{
		Account: r.id, Given: r.given, Patronymic: r.patronymic,
		Citizenship: r.citizenship.String, Confirmed: account.Level(r.level) == account.Confirmed,
		Open: account.State(r.state) == account.Open, Frozen: account.State(r.state) == account.Frozen,
		Age: age(birth, now, t.p), Phone: r.phone.String, PhoneCurrent: phone.PhoneCurrent(now, t.p), PhoneOwned: phone.PhoneOwned(), SNILS: r.snils.String,
		SimChangedAt: FromNullMicros(r.sim), Recovering: r.recovering,
	}
	if r.family != "" {
		f.FamilyLetter = string(letter)
	}
	for _, at := range []time.Time{FromNullMicros(r.phoneAt), r.passwordChanged(), FromNullMicros(r.factorAt), FromNullMicros(r.recAt)} {
		if at.After(f.ChangedAt) {
			f.ChangedAt = at
		}
	}
	return f, nil
}

// circle reads everything around one principal. An empty principal is nobody: a decoy's circle, which
// asks the same questions of the database as anybody's.
func (t *Trust) circle(ctx context.Context, q Querier, now time.Time, principal string, around trust.Around) (trust.Circle, error) {
	c := trust.Circle{Now: now}
	if err := t.readPrincipal(ctx, q, principal, &c); err != nil {
		return c, err
	}
	if err := t.readLinks(ctx, q, principal, around.Link, &c); err != nil {
		return c, err
	}
	if err := t.readPending(ctx, q, principal, around, &c); err != nil {
		return c, err
	}
	switch {
	case around.Link != "" && c.Link.ID == "",
		around.Approval != "" && c.Approval.ID == "",
		(around.Recovery != "" || around.Action != "") && c.Subject == nil:
		return c, notFound()
	}
	if around.Guards {
		if err := readGuards(ctx, q, principal, &c); err != nil {
			return c, err
		}
	}
	if around.Newcomer != "" {
		return c, t.readNewcomer(ctx, q, principal, around.Newcomer, &c)
	}
	return c, nil
}

func (t *Trust) readPrincipal(ctx context.Context, q Querier, principal string, c *trust.Circle) error {
	var r factRow
	var locked, hold, frozen, contactAt sql.NullInt64
	var email sql.NullString
	day, week := Micros(c.Now.Add(-24*time.Hour)), Micros(c.Now.Add(-7*24*time.Hour))
	err := q.QueryRow(ctx, `SELECT `+factColumns+`, a.quorum, a.recovery_locked_until, a.hold_until, a.frozen_at,
			CASE WHEN a.email_verified_at IS NOT NULL THEN a.email END,
			(SELECT COUNT(DISTINCT p.object_id) FROM approvals p WHERE p.principal_id = a.id AND p.action = 'recovery' AND p.asked_at > $2),
			(SELECT COUNT(r.id) FROM recoveries r WHERE r.account_id = a.id AND r.proven_at > $3),
			(SELECT MAX(CASE WHEN l.ended_at IS NOT NULL THEN l.ended_at ELSE l.accepted_at END) FROM links l
				WHERE l.principal_id = a.id AND l.accepted_at IS NOT NULL)
		FROM accounts a WHERE a.id = $1`, principal, day, week).
		Scan(append(r.targets(), &c.Quorum, &locked, &hold, &frozen, &email, &c.Asks, &c.Attempts, &contactAt)...)
	if errors.Is(err, sql.ErrNoRows) {
		if principal == "" {
			return nil
		}
		return notFound()
	}
	if err != nil {
		return err
	}
	c.LockedUntil, c.HoldUntil = FromNullMicros(locked), FromNullMicros(hold)
	c.Email, c.ContactChangedAt = email.String, FromNullMicros(contactAt)
	c.PhoneChangedAt, c.PasswordChangedAt = FromNullMicros(r.phoneAt), r.passwordChanged()
	c.FactorChangedAt, c.RecoveredAt = FromNullMicros(r.factorAt), FromNullMicros(r.recAt)
	if account.State(r.state) == account.Frozen {
		c.FrozenAt = FromNullMicros(frozen)
	}
	c.Principal, err = t.facts(r, c.Now)
	return err
}

// readLinks reads the principal's guarding links and unanswered invitations, and the one asked for
// whatever its state, with the contact's facts where there is a contact.
func (t *Trust) readLinks(ctx context.Context, q Querier, principal, wanted string, c *trust.Circle) error {
	links, err := Collect(scanLink)(q.Query(ctx, `SELECT `+linkColumns+` FROM links l WHERE l.id = $2
			OR (l.principal_id = $1 AND l.state IN ('invited', 'active', 'suspended', 'leaving'))
		ORDER BY l.accepted_at, l.id`, principal, wanted))
	if err != nil {
		return err
	}
	contacts, err := Collect(func(row func(...any) error) (trust.Facts, error) {
		var r factRow
		if err := row(r.targets()...); err != nil {
			return trust.Facts{}, err
		}
		return t.facts(r, c.Now)
	})(q.Query(ctx, `SELECT `+factColumns+` FROM accounts a WHERE a.id IN
		(SELECT contact_id FROM links WHERE principal_id = $1 AND state IN ('active', 'suspended', 'leaving'))`, principal))
	if err != nil {
		return err
	}
	of := make(map[string]trust.Facts, len(contacts))
	for _, f := range contacts {
		of[f.Account] = f
	}
	for _, l := range links {
		if l.ID == wanted {
			c.Link = l
		}
		switch {
		case l.State == trust.Invited:
			c.Invitations = append(c.Invitations, l)
		case l.Guards():
			c.Guardians = append(c.Guardians, trust.Guardian{Link: l, Contact: of[l.Contact]})
		}
	}
	return nil
}

// readPending reads the open recoveries and actions of the principal with their approvals, and the
// one asked for whatever its state.
func (t *Trust) readPending(ctx context.Context, q Querier, principal string, around trust.Around, c *trust.Circle) error {
	wanted := around.Recovery + around.Action
	approvals, err := Collect(scanApproval)(q.Query(ctx, `SELECT `+approvalColumns+` FROM approvals p WHERE p.id = $2 OR p.object_id = $3 OR p.object_id IN
		(SELECT id FROM recoveries WHERE account_id = $1 AND state IN ('awaiting_contact', 'approved', 'verified')
		UNION ALL SELECT id FROM guarded_actions WHERE account_id = $1 AND state IN ('waiting', 'approved')) ORDER BY p.id`,
		principal, around.Approval, wanted))
	if err != nil {
		return err
	}
	for _, a := range approvals {
		if a.ID == around.Approval {
			c.Approval = a
			wanted = a.Object
		}
	}
	recoveries, err := Collect(scanRecovery)(q.Query(ctx, `SELECT `+recoveryColumns+` FROM recoveries WHERE id = $2
		OR (account_id = $1 AND state IN ('awaiting_contact', 'approved', 'verified')) ORDER BY id`, principal, wanted))
	if err != nil {
		return err
	}
	actions, err := Collect(scanAction)(q.Query(ctx, `SELECT `+actionColumns+` FROM guarded_actions WHERE id = $2
		OR (account_id = $1 AND state IN ('waiting', 'approved')) ORDER BY id`, principal, wanted))
	if err != nil {
		return err
	}
	add := func(p trust.Parent, open bool) {
		if p.ActionID() == wanted {
			c.Subject = p
		}
		if !open && p.ActionID() != wanted {
			return
		}
		pending := trust.Pending{Action: p}
		for _, a := range approvals {
			if a.Object == p.ActionID() {
				pending.Approvals = append(pending.Approvals, a)
			}
		}
		if open {
			c.Pending = append(c.Pending, pending)
		}
	}
	for _, r := range recoveries {
		add(r, r.Open())
	}
	for _, a := range actions {
		add(a, a.State == trust.Waiting || a.State == trust.ActionApproved)
	}
	return nil
}

// readNewcomer reads the facts of the person who answers an invitation.
func (t *Trust) readNewcomer(ctx context.Context, q Querier, principal, newcomer string, c *trust.Circle) error {
	var r factRow
	n := &c.Newcomer
	err := q.QueryRow(ctx, `SELECT `+factColumns+`, a.name_hash, CASE WHEN a.phone_current THEN a.phone_hash END,
			(SELECT COUNT(l.id) FROM links l WHERE l.contact_id = a.id AND l.state IN ('active', 'suspended', 'leaving')),
			EXISTS (SELECT 1 FROM invitation_blocks b WHERE b.contact_id = a.id AND b.principal_id = $2)
		FROM accounts a WHERE a.id = $1`, newcomer, principal).
		Scan(append(r.targets(), &n.NameHash, &n.PhoneHash, &n.Principals, &n.Blocked)...)
	if errors.Is(err, sql.ErrNoRows) {
		return notFound()
	}
	if err != nil {
		return err
	}
	n.Facts, err = t.facts(r, c.Now)
	return err
}

// Both kinds of parents are known here.
var (
	_ trust.Parent = recovery.Recovery{}
	_ trust.Parent = trust.Action{}
)
