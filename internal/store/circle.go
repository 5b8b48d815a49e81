package store

import (
	"context"
	"database/sql"
	"slices"
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

// whose names the principal of a circle, as SQL that finds him from $1: the id of the account, or what
// is known of his circle. Whose a link, a request or a recovery is never changes, so that every
// statement may ask for itself; nothing has to be read before the lock.
type whose struct {
	principal string
	id        any
}

func whoseCircle(around trust.Around) (whose, error) {
	switch {
	case around.Principal != "":
		return whose{`CAST($1 AS TEXT)`, around.Principal}, nil
	case around.Link != "":
		return whose{`(SELECT principal_id FROM links WHERE id = $1)`, around.Link}, nil
	case around.Approval != "":
		return whose{`(SELECT principal_id FROM approvals WHERE id = $1)`, around.Approval}, nil
	case around.Recovery != "":
		return whose{`(SELECT account_id FROM recoveries WHERE id = $1)`, around.Recovery}, nil // NULL: a decoy, a circle of nobody
	case len(around.Browser) > 0:
		return whose{`(SELECT account_id FROM recoveries WHERE browser_hash = $1)`, around.Browser}, nil
	case around.Action != "":
		return whose{`(SELECT account_id FROM guarded_actions WHERE id = $1)`, around.Action}, nil
	}
	return whose{}, notFound()
}

// circle reads everything around one principal, after it has run first: the lock, or nothing. All of it
// goes to PostgreSQL together. A recovery of nobody is a decoy, whose circle asks the same questions of the
// database as anybody's.
func (t *Trust) circle(ctx context.Context, q Querier, now time.Time, of whose, around trust.Around, first ...read) (trust.Circle, error) {
	c := trust.Circle{Now: now}
	var found gathered
	reads := append(slices.Clone(first), t.principalRead(of, &c, &found))
	reads = append(reads, t.linkReads(of, around.Link, &c, &found)...)
	reads = append(reads, pendingReads(of, around, &found)...)
	if around.Guards {
		reads = append(reads, guardsRead(of, &c))
	}
	if around.Newcomer != "" {
		reads = append(reads, t.newcomerRead(of, around.Newcomer, &c))
	}
	if err := readAll(ctx, q, reads...); err != nil {
		return c, err
	}
	found.links(around.Link, &c)
	found.pending(around, &c)
	c.Known = found.device != "" && found.device == c.Principal.Account
	switch {
	case around.Principal != "" && !found.principal,
		around.Link != "" && c.Link.ID == "",
		around.Approval != "" && c.Approval.ID == "",
		(around.Recovery != "" || around.Action != "" || len(around.Browser) > 0) && c.Subject == nil,
		around.Newcomer != "" && c.Newcomer.Facts.Account == "":
		return c, notFound()
	}
	return c, nil
}

// gathered is what the reads of a circle found, before it is put together.
type gathered struct {
	principal  bool
	allLinks   []trust.Link
	contacts   []trust.Facts
	approvals  []trust.Approval
	recoveries []recovery.Recovery
	actions    []trust.Action
	wanted     []string // id of the recovery that the browser started
	device     string   // account of the remembered browser
}

// one makes a read of at most one row.
func one(scan func(row func(...any) error) error, query string, args ...any) read {
	return read{query, args, func(rows Rows) error {
		if !rows.Next() {
			return rows.Err()
		}
		return scan(rows.Scan)
	}}
}

func (t *Trust) principalRead(of whose, c *trust.Circle, found *gathered) read {
	day, week := Micros(c.Now.Add(-24*time.Hour)), Micros(c.Now.Add(-7*24*time.Hour))
	return one(func(row func(...any) error) error {
		var r factRow
		var locked, hold, frozen, contactAt sql.NullInt64
		var email sql.NullString
		err := row(append(r.targets(), &c.Quorum, &locked, &hold, &frozen, &email, &c.Asks, &c.Attempts, &contactAt)...)
		if err != nil {
			return err
		}
		found.principal = true
		c.LockedUntil, c.HoldUntil = FromNullMicros(locked), FromNullMicros(hold)
		c.Email, c.ContactChangedAt = email.String, FromNullMicros(contactAt)
		c.PhoneChangedAt, c.PasswordChangedAt = FromNullMicros(r.phoneAt), r.passwordChanged()
		c.FactorChangedAt, c.RecoveredAt = FromNullMicros(r.factorAt), FromNullMicros(r.recAt)
		if account.State(r.state) == account.Frozen {
			c.FrozenAt = FromNullMicros(frozen)
		}
		c.Principal, err = t.facts(r, c.Now)
		return err
	}, `SELECT `+factColumns+`, a.quorum, a.recovery_locked_until, a.hold_until, a.frozen_at,
			CASE WHEN a.email_verified_at IS NOT NULL THEN a.email END,
			(SELECT COUNT(DISTINCT p.object_id) FROM approvals p WHERE p.principal_id = a.id AND p.action = 'recovery' AND p.asked_at > $2),
			(SELECT COUNT(r.id) FROM recoveries r WHERE r.account_id = a.id AND r.proven_at > $3),
			(SELECT MAX(CASE WHEN l.ended_at IS NOT NULL THEN l.ended_at ELSE l.accepted_at END) FROM links l
				WHERE l.principal_id = a.id AND l.accepted_at IS NOT NULL)
		FROM accounts a WHERE a.id = `+of.principal, of.id, day, week)
}

// linkReads read the principal's guarding links and unanswered invitations, and the one asked for
// whatever its state, with the contact's facts where there is a contact.
func (t *Trust) linkReads(of whose, wanted string, c *trust.Circle, found *gathered) []read {
	return []read{
		into(&found.allLinks, scanLink, `SELECT `+linkColumns+` FROM links l WHERE l.id = $2
				OR (l.principal_id = `+of.principal+` AND l.state IN ('invited', 'active', 'suspended', 'leaving'))
			ORDER BY l.accepted_at, l.id`, of.id, wanted),
		into(&found.contacts, func(row func(...any) error) (trust.Facts, error) {
			var r factRow
			if err := row(r.targets()...); err != nil {
				return trust.Facts{}, err
			}
			return t.facts(r, c.Now)
		}, `SELECT `+factColumns+` FROM accounts a WHERE a.id IN
			(SELECT contact_id FROM links WHERE principal_id = `+of.principal+` AND state IN ('active', 'suspended', 'leaving'))`, of.id),
	}
}

func (g *gathered) links(wanted string, c *trust.Circle) {
	of := make(map[string]trust.Facts, len(g.contacts))
	for _, f := range g.contacts {
		of[f.Account] = f
	}
	for _, l := range g.allLinks {
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
}

// pendingReads read the open recoveries and actions of the principal with their approvals, and the
// one asked for whatever its state: by its own id or its browser ($2), or by the request about it ($3).
func pendingReads(of whose, around trust.Around, found *gathered) []read {
	own, wanted := `SELECT CAST($2 AS TEXT)`, any(around.Recovery+around.Action)
	var reads []read
	if len(around.Browser) > 0 {
		own, wanted = `SELECT id FROM recoveries WHERE browser_hash = $2`, around.Browser
		reads = append(reads, deviceRead(&found.device, around.Device), into(&found.wanted, func(row func(...any) error) (id string, err error) { err = row(&id); return id, err },
			`SELECT id FROM recoveries WHERE browser_hash = $1`, wanted))
	}
	return append(reads,
		into(&found.approvals, scanApproval, `SELECT `+approvalColumns+` FROM approvals p WHERE p.object_id IN (`+own+`
				UNION ALL SELECT object_id FROM approvals WHERE id = $3
				UNION ALL SELECT id FROM recoveries WHERE account_id = `+of.principal+` AND state IN ('awaiting_contact', 'approved', 'verified')
				UNION ALL SELECT id FROM guarded_actions WHERE account_id = `+of.principal+` AND state IN ('waiting', 'approved'))
			ORDER BY p.id`, of.id, wanted, around.Approval),
		into(&found.recoveries, scanRecovery, `SELECT `+recoveryColumns+` FROM recoveries WHERE id IN (`+own+`
				UNION ALL SELECT object_id FROM approvals WHERE id = $3
				UNION ALL SELECT id FROM recoveries WHERE account_id = `+of.principal+` AND state IN ('awaiting_contact', 'approved', 'verified'))
			ORDER BY id`, of.id, wanted, around.Approval),
		into(&found.actions, scanAction, `SELECT `+actionColumns+` FROM guarded_actions WHERE id IN (`+own+`
				UNION ALL SELECT object_id FROM approvals WHERE id = $3
				UNION ALL SELECT id FROM guarded_actions WHERE account_id = `+of.principal+` AND state IN ('waiting', 'approved'))
			ORDER BY id`, of.id, wanted, around.Approval),
	)
}

func (g *gathered) pending(around trust.Around, c *trust.Circle) {
	wanted := around.Recovery + around.Action
	for _, id := range g.wanted {
		wanted = id
	}
	for _, a := range g.approvals {
		if a.ID == around.Approval {
			c.Approval, wanted = a, a.Object
		}
	}
	add := func(p trust.Parent, open bool) {
		if p.ActionID() == wanted {
			c.Subject = p
		}
		if !open {
			return
		}
		pending := trust.Pending{Action: p}
		for _, a := range g.approvals {
			if a.Object == p.ActionID() {
				pending.Approvals = append(pending.Approvals, a)
			}
		}
		c.Pending = append(c.Pending, pending)
	}
	for _, r := range g.recoveries {
		add(r, r.Open())
	}
	for _, a := range g.actions {
		add(a, a.State == trust.Waiting || a.State == trust.ActionApproved)
	}
}

// newcomerRead reads the facts of the person who answers an invitation.
func (t *Trust) newcomerRead(of whose, newcomer string, c *trust.Circle) read {
	return one(func(row func(...any) error) error {
		var r factRow
		n := &c.Newcomer
		err := row(append(r.targets(), &n.NameHash, &n.PhoneHash, &n.Principals, &n.Blocked)...)
		if err != nil {
			return err
		}
		n.Facts, err = t.facts(r, c.Now)
		return err
	}, `SELECT `+factColumns+`, a.name_hash, CASE WHEN a.phone_current THEN a.phone_hash END,
			(SELECT COUNT(l.id) FROM links l WHERE l.contact_id = a.id AND l.state IN ('active', 'suspended', 'leaving')),
			EXISTS (SELECT 1 FROM invitation_blocks b WHERE b.contact_id = a.id AND b.principal_id = `+of.principal+`)
		FROM accounts a WHERE a.id = $2`, of.id, newcomer)
}

// Both kinds of parents are known here.
var (
	_ trust.Parent = recovery.Recovery{}
	_ trust.Parent = trust.Action{}
)
