package store

import (
	"context"
	"time"

	"doverie/internal/trust"
)

var _ trust.Views = (*Trust)(nil)

// LinksOf implements trust.Views.
func (t *Trust) LinksOf(ctx context.Context, accountID string) ([]trust.LinkView, error) {
	var rows []trust.LinkRow
	err := t.s.Read(ctx, func(ctx context.Context, q Querier) error {
		var links []trust.Link
		var people map[string]trust.Facts
		err := readAll(ctx, q,
			into(&links, scanLink, `SELECT `+linkColumns+` FROM links l WHERE l.principal_id = $1 OR l.contact_id = $1`, accountID),
			t.peopleRead(&people, t.now(), `SELECT contact_id FROM links WHERE principal_id = $1 UNION SELECT principal_id FROM links WHERE contact_id = $1`, accountID),
		)
		if err != nil {
			return err
		}
		rows = make([]trust.LinkRow, 0, len(links))
		for _, l := range links {
			other := l.Contact
			if l.Contact == accountID {
				other = l.Principal
			}
			rows = append(rows, trust.LinkRow{Link: l, Other: people[other]})
		}
		return nil
	})
	return trust.LinkViews(accountID, rows), err
}

// peopleRead reads the facts of the accounts whose ids the query gives.
func (t *Trust) peopleRead(of *map[string]trust.Facts, now time.Time, ids string, args ...any) read {
	return read{`SELECT ` + factColumns + ` FROM accounts a WHERE a.id IN (` + ids + `)`, args, func(rows Rows) error {
		all, err := Collect(func(row func(...any) error) (trust.Facts, error) {
			var r factRow
			if err := row(r.targets()...); err != nil {
				return trust.Facts{}, err
			}
			return t.facts(r, now)
		})(rows, nil)
		*of = make(map[string]trust.Facts, len(all))
		for _, f := range all {
			(*of)[f.Account] = f
		}
		return err
	}}
}

func (t *Trust) now() time.Time { return t.s.now().Truncate(time.Microsecond) }

// InvitationsFor implements trust.Views.
func (t *Trust) InvitationsFor(ctx context.Context, accountID string) (views []trust.InvitationView, err error) {
	err = t.s.Read(ctx, func(ctx context.Context, q Querier) error {
		c := trust.Circle{Now: t.now()}
		var links []trust.Link
		var senders map[string]trust.Facts
		var blocked []string
		const meant = `phone_hash = (SELECT CASE WHEN phone_current THEN phone_hash END FROM accounts WHERE id = $1) AND state = 'invited'`
		err := readAll(ctx, q,
			t.newcomerRead(whose{`CAST($1 AS TEXT)`, ""}, accountID, &c),
			into(&links, scanLink, `SELECT `+linkColumns+` FROM links l WHERE `+meant, accountID),
			t.peopleRead(&senders, c.Now, `SELECT principal_id FROM links WHERE `+meant, accountID),
			into(&blocked, func(row func(...any) error) (id string, err error) { err = row(&id); return id, err },
				`SELECT principal_id FROM invitation_blocks WHERE contact_id = $1`, accountID),
		)
		if err == nil && c.Newcomer.Facts.Account == "" {
			err = notFound()
		}
		if err != nil || len(links) == 0 {
			return err
		}
		no := make(map[string]bool, len(blocked))
		for _, id := range blocked {
			no[id] = true
		}
		rows := make([]trust.InvitationRow, 0, len(links))
		for _, l := range links {
			rows = append(rows, trust.InvitationRow{Link: l, Principal: senders[l.Principal], Blocked: no[l.Principal]})
		}
		views = trust.InvitationViews(c.Now, c.Newcomer, rows)
		return nil
	})
	return views, err
}

// ApprovalsOf implements trust.Views.
func (t *Trust) ApprovalsOf(ctx context.Context, contact string) ([]trust.ApprovalView, error) {
	if brought, ok := ctx.Value(alongKey{}).(*along); ok && brought.of == contact {
		return brought.list.views(), nil
	}
	var list approvalList
	err := t.s.Read(ctx, func(ctx context.Context, q Querier) error {
		return readAll(ctx, q, t.approvalReads(whose{`CAST($1 AS TEXT)`, contact}, &list)...)
	})
	return list.views(), err
}

// approvalList is what is read of a contact's requests.
type approvalList struct {
	now    time.Time
	all    []trust.Approval
	people map[string]trust.Facts
}

func (t *Trust) approvalReads(contact whose, list *approvalList) []read {
	list.now = t.now()
	since, mine := Micros(list.now.Add(-trust.ApprovalHistory)), `FROM approvals p WHERE p.contact_id = `+contact.principal+` AND (p.decided_at IS NULL OR p.asked_at > $2)`
	return []read{
		into(&list.all, scanApproval, `SELECT `+approvalColumns+` `+mine, contact.id, since),
		t.peopleRead(&list.people, list.now, `SELECT p.principal_id `+mine, contact.id, since),
	}
}

func (l approvalList) views() []trust.ApprovalView {
	rows := make([]trust.ApprovalRow, 0, len(l.all))
	for _, a := range l.all {
		rows = append(rows, trust.ApprovalRow{Approval: a, Principal: l.people[a.Principal]})
	}
	return trust.ApprovalViews(l.now, rows)
}

type alongKey struct{}

// along is what the question who is at a browser brings along for the page behind the door.
type along struct {
	of   string // account it was read for; empty: nothing was
	t    *Trust
	list approvalList
}

// ApprovalsAlong returns a context in which Authenticated reads the list of whoever's session it is asked for in the same trip,
// and ApprovalsOf has it then. It opens nothing: what a door that says no has brought along nobody asks for, and who asks
// for another account's gets that one's.
func (t *Trust) ApprovalsAlong(ctx context.Context) context.Context {
	return context.WithValue(ctx, alongKey{}, &along{t: t})
}

func (a *along) reads(of whose) []read {
	a.of, a.list = "", approvalList{}
	return a.t.approvalReads(of, &a.list)
}

// LastRehearsal returns the account's newest rehearsal; ok is false when there was none in the last ApprovalHistory.
func (t *Trust) LastRehearsal(ctx context.Context, accountID string) (a trust.Action, ok bool, err error) {
	err = t.s.Read(ctx, func(ctx context.Context, q Querier) error {
		var found []trust.Action
		// Every rehearsal asked somebody, and the requests are indexed by their principal.
		err := readAll(ctx, q, into(&found, scanAction, `SELECT `+actionColumns+` FROM guarded_actions WHERE id = (SELECT object_id
			FROM approvals WHERE principal_id = $1 AND asked_at > $2 AND action = $3 ORDER BY asked_at DESC LIMIT 1)`,
			accountID, Micros(t.now().Add(-trust.ApprovalHistory)), string(trust.ActionRehearsal)))
		if err == nil && len(found) > 0 {
			a, ok = found[0], true
		}
		return err
	})
	return a, ok, err
}
