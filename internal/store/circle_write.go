package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"doverie/internal/effect"
	"doverie/internal/recovery"
	"doverie/internal/trust"
)

// write stores the outcome of a decision. Each changed row is guarded by the version it was read at:
// if one is gone, the whole commit is a Conflict (I3). The effects come last, and with them the events.
func (t *Trust) write(ctx context.Context, tx *Tx, act effect.Act, out trust.Outcome) error {
	for _, l := range out.Links {
		if err := writeLink(ctx, tx, l); err != nil {
			return err
		}
	}
	// What ends goes before what begins: of one account only one recovery may be open.
	for _, ended := range []bool{true, false} {
		for _, a := range out.Actions {
			if a.Decidable(tx.Now()) == ended {
				continue
			}
			if err := writeParent(ctx, tx, a); err != nil {
				return err
			}
		}
	}
	for _, a := range out.Approvals {
		if err := writeApproval(ctx, tx, a); err != nil {
			return err
		}
	}
	for _, g := range out.Guards {
		if err := writeGuard(ctx, tx, g); err != nil {
			return err
		}
	}
	if len(out.Effects) == 0 {
		return nil
	}
	return applyEffects(ctx, tx, act, tx.Now(), t.p.Version, out.Effects)
}

func writeParent(ctx context.Context, tx *Tx, p trust.Parent) error {
	switch p := p.(type) {
	case recovery.Recovery:
		return updateRecovery(ctx, tx, p)
	case trust.Action:
		return writeAction(ctx, tx, p)
	}
	return fmt.Errorf("store: no table for a guarded action of type %T", p)
}

const linkColumns = `l.id, l.principal_id, l.contact_id, l.state, l.label, l.name_hash, l.phone_hash, l.invited_at, l.expires_at,
	l.accepted_at, l.settles_at, l.leaving_since, l.leaves_at, l.quiet, l.why, l.ended_at, l.end_reason, l.version`

func scanLink(row func(...any) error) (trust.Link, error) {
	var l trust.Link
	var contact sql.NullString
	var why string
	var invited, expires int64
	var accepted, settles, since, leaves, ended sql.NullInt64
	err := row(&l.ID, &l.Principal, &contact, &l.State, &l.Label, &l.NameHash, &l.PhoneHash, &invited, &expires,
		&accepted, &settles, &since, &leaves, &l.Quiet, &why, &ended, &l.EndReason, &l.Version)
	l.Contact = contact.String
	l.InvitedAt, l.ExpiresAt = FromMicros(invited), FromMicros(expires)
	l.AcceptedAt, l.SettlesAt = FromNullMicros(accepted), FromNullMicros(settles)
	l.LeavingSince, l.LeavesAt, l.EndedAt = FromNullMicros(since), FromNullMicros(leaves), FromNullMicros(ended)
	for reason := range strings.SplitSeq(why, ",") {
		if reason != "" {
			l.Why = append(l.Why, trust.Reason(reason))
		}
	}
	return l, err
}

func writeLink(ctx context.Context, tx *Tx, l trust.Link) error {
	why := make([]string, len(l.Why))
	for i, r := range l.Why {
		why[i] = string(r)
	}
	values := []any{
		l.ID, l.Version, NullText(l.Contact), string(l.State), l.Label, l.NameHash, l.PhoneHash,
		NullMicros(l.AcceptedAt), NullMicros(l.SettlesAt), NullMicros(l.LeavingSince), NullMicros(l.LeavesAt), l.Quiet,
		strings.Join(why, ","), NullMicros(l.EndedAt), l.EndReason,
	}
	if l.Version == 0 {
		return tx.ExecOne(ctx, `INSERT INTO links (id, version, contact_id, state, label, name_hash, phone_hash,
				accepted_at, settles_at, leaving_since, leaves_at, quiet, why, ended_at, end_reason, principal_id, invited_at, expires_at)
			VALUES ($1, $2 + 1, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)`,
			append(values, l.Principal, Micros(l.InvitedAt), Micros(l.ExpiresAt))...)
	}
	return tx.ExecOne(ctx, `UPDATE links SET version = version + 1, contact_id = $3, state = $4, label = $5, name_hash = $6, phone_hash = $7,
			accepted_at = $8, settles_at = $9, leaving_since = $10, leaves_at = $11, quiet = $12, why = $13, ended_at = $14, end_reason = $15
		WHERE id = $1 AND version = $2`, values...)
}

const approvalColumns = `p.id, p.action, p.object_id, p.principal_id, p.contact_id, p.link_id, p.state, p.answers, p.misses, p.reason,
	p.asked_at, p.expires_at, p.decided_at, p.second_asked, p.version`

func scanApproval(row func(...any) error) (trust.Approval, error) {
	var a trust.Approval
	var answers string
	var asked, expires int64
	var decided sql.NullInt64
	err := row(&a.ID, &a.Action, &a.Object, &a.Principal, &a.Contact, &a.Link, &a.State, &answers, &a.Misses, &a.Reason,
		&asked, &expires, &decided, &a.SecondAsked, &a.Version)
	a.AskedAt, a.ExpiresAt, a.DecidedAt = FromMicros(asked), FromMicros(expires), FromNullMicros(decided)
	for i, one := range strings.SplitN(answers, ",", trust.Questions) {
		a.Answers[i] = trust.Answer(one)
	}
	return a, err
}

func writeApproval(ctx context.Context, tx *Tx, a trust.Approval) error {
	answers := make([]string, 0, trust.Questions)
	for _, one := range a.Answers {
		if one != "" {
			answers = append(answers, string(one))
		}
	}
	values := []any{
		a.ID, a.Version, string(a.State), strings.Join(answers, ","), a.Misses, a.Reason, NullMicros(a.DecidedAt),
	}
	if a.Version == 0 {
		return tx.ExecOne(ctx, `INSERT INTO approvals (id, version, state, answers, misses, reason, decided_at,
				action, object_id, principal_id, contact_id, link_id, asked_at, expires_at, second_asked)
			VALUES ($1, $2 + 1, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)`,
			append(values, string(a.Action), a.Object, a.Principal, a.Contact, a.Link, Micros(a.AskedAt), Micros(a.ExpiresAt), a.SecondAsked)...)
	}
	return tx.ExecOne(ctx, `UPDATE approvals SET version = version + 1, state = $3, answers = $4, misses = $5, reason = $6, decided_at = $7
		WHERE id = $1 AND version = $2`, values...)
}

const recoveryColumns = `id, account_id, state, channel, device, area, guarded, needed, started_at, proven_at, expires_at, ended_at, end_reason, version`

func scanRecovery(row func(...any) error) (recovery.Recovery, error) {
	var r recovery.Recovery
	var account sql.NullString
	var started, expires int64
	var proven, ended sql.NullInt64
	err := row(&r.ID, &account, &r.State, &r.Channel, &r.Device, &r.Area, &r.Guarded, &r.Needed, &started, &proven, &expires, &ended, &r.EndReason, &r.Version)
	r.Account = account.String
	r.StartedAt, r.ProvenAt, r.ExpiresAt, r.EndedAt = FromMicros(started), FromNullMicros(proven), FromMicros(expires), FromNullMicros(ended)
	return r, err
}

func insertRecovery(ctx context.Context, tx *Tx, r recovery.Recovery, browser []byte) error {
	return tx.ExecOne(ctx, `INSERT INTO recoveries (id, account_id, browser_hash, state, channel, device, area, guarded, needed,
			started_at, proven_at, expires_at, ended_at, end_reason, version)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, 1)`,
		r.ID, NullText(r.Account), browser, string(r.State), string(r.Channel), clean(r.Device), clean(r.Area), r.Guarded, r.Needed,
		Micros(r.StartedAt), NullMicros(r.ProvenAt), Micros(r.ExpiresAt), NullMicros(r.EndedAt), r.EndReason)
}

func updateRecovery(ctx context.Context, tx *Tx, r recovery.Recovery) error {
	return tx.ExecOne(ctx, `UPDATE recoveries SET version = version + 1, state = $3, guarded = $4, needed = $5, proven_at = $6,
			expires_at = $7, ended_at = $8, end_reason = $9
		WHERE id = $1 AND version = $2`,
		r.ID, r.Version, string(r.State), r.Guarded, r.Needed, NullMicros(r.ProvenAt), Micros(r.ExpiresAt), NullMicros(r.EndedAt), r.EndReason)
}

const actionColumns = `id, kind, account_id, session_id, state, needed, device, area, payload, started_at, expires_at, ended_at, end_reason, version`

func scanAction(row func(...any) error) (trust.Action, error) {
	var a trust.Action
	var started, expires int64
	var ended sql.NullInt64
	err := row(&a.ID, &a.Kind, &a.Account, &a.Session, &a.State, &a.Needed, &a.Device, &a.Area, &a.Payload, &started, &expires, &ended, &a.EndReason, &a.Version)
	a.StartedAt, a.ExpiresAt, a.EndedAt = FromMicros(started), FromMicros(expires), FromNullMicros(ended)
	return a, err
}

func writeAction(ctx context.Context, tx *Tx, a trust.Action) error {
	values := []any{a.ID, a.Version, string(a.State), a.Needed, a.Payload, NullMicros(a.EndedAt), a.EndReason}
	if a.Version == 0 {
		return tx.ExecOne(ctx, `INSERT INTO guarded_actions (id, version, state, needed, payload, ended_at, end_reason,
				kind, account_id, session_id, device, area, started_at, expires_at)
			VALUES ($1, $2 + 1, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
			append(values, string(a.Kind), a.Account, a.Session, clean(a.Device), clean(a.Area), Micros(a.StartedAt), Micros(a.ExpiresAt))...)
	}
	return tx.ExecOne(ctx, `UPDATE guarded_actions SET version = version + 1, state = $3, needed = $4, payload = $5, ended_at = $6, end_reason = $7
		WHERE id = $1 AND version = $2`, values...)
}
