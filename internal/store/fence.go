package store

import (
	"context"
	"strconv"
	"time"

	"doverie/internal/effect"
	"doverie/internal/notary"
	"doverie/internal/policy"
	"doverie/internal/secret"
	"doverie/internal/trust"
)

// Fenced is what a fence did.
type Fenced struct {
	Epoch int64 // the one that begins
	Kept  int64 // events before it
	Ended int64 // rows that are worth nothing any more: sessions, codes, links, approvals and the like
}

// restored is why everything ended that a fence ended.
const restored = "restored"

// fencePage is how many accounts and relations one transaction of a fence changes.
const fencePage = 5000

// Fence makes a restored database safe to serve from. Between the backup and now, things happened that it knows
// nothing of: codes were used, sessions ended, contacts removed (T55). So everything that was issued and not yet used
// up is dead; what was being given up (a contact, a guard) has its full time to be stopped in again; no contact can
// approve before he has settled again; and every account is on hold. Serving must have stopped.
//
// The last transaction writes one event and moves the epoch; before it the database is not fenced, and running Fence again
// is harmless. outside are the checkpoints that were kept outside: the new epoch is above all of theirs.
func (s *Store) Fence(ctx context.Context, act effect.Act, now time.Time, p policy.Policy, outside []notary.Signed) (done Fenced, err error) {
	for _, step := range fenceSteps(now, p) {
		err = s.InTx(ctx, func(ctx context.Context, tx *Tx) error {
			n, err := tx.Exec(ctx, step.query, step.args...)
			done.Ended += n
			return err
		})
		if err != nil {
			return done, err
		}
	}
	for _, table := range []pagedStep{
		{
			`SELECT id FROM accounts WHERE id > $1 ORDER BY id LIMIT $2`,
			`UPDATE accounts SET hold_until = $1, version = version + 1
				WHERE id > $2 AND id <= $3 AND state <> 'closed' AND (hold_until IS NULL OR hold_until < $1)`, now.Add(p.Hold),
		},
		{
			`SELECT id FROM links WHERE id > $1 ORDER BY id LIMIT $2`,
			`UPDATE links SET settles_at = $1, version = version + 1
				WHERE id > $2 AND id <= $3 AND state IN ('active', 'suspended', 'leaving') AND settles_at < $1`, now.Add(p.Settling),
		},
	} {
		if err := s.eachPage(ctx, table); err != nil {
			return done, err
		}
	}
	err = s.InTx(ctx, func(ctx context.Context, tx *Tx) error {
		log, err := lockLog(ctx, tx)
		if err != nil {
			return err
		}
		if err := tx.QueryRow(ctx, `SELECT seq FROM audit_head WHERE id = 1`+tx.ForUpdate()).Scan(&done.Kept); err != nil {
			return err
		}
		done.Epoch = log.epoch + 1
		for _, c := range outside {
			done.Epoch = max(done.Epoch, c.Epoch+1)
		}
		if err := tx.ExecOne(ctx, `UPDATE audit_log SET epoch = $1 WHERE id = 1 AND epoch = $2`, done.Epoch, log.epoch); err != nil {
			return err
		}
		return applyEffects(ctx, tx, act, now, p.Version, []effect.Effect{effect.Record{
			Kind: notary.FenceKind, Object: "log:" + strconv.FormatInt(done.Epoch, 10),
			Facts: map[string]string{"epoch": strconv.FormatInt(done.Epoch, 10), "kept": strconv.FormatInt(done.Kept, 10)},
		}})
	})
	return done, err
}

type fenceStep struct {
	query string
	args  []any
}

// fenceSteps end what was issued before. Each runs in a transaction of its own, and may run twice.
func fenceSteps(now time.Time, p policy.Policy) []fenceStep {
	at, leaves, falls := Micros(now), Micros(now.Add(p.Leaving)), Micros(now.Add(p.GuardOff))
	step := secret.TOTPNewestStep(now)
	return []fenceStep{
		{`UPDATE codes SET state = 'dropped', ended_at = $1 WHERE state = 'live'`, []any{at}},
		{`DELETE FROM phone_slots WHERE until >= 0`, nil},
		{`UPDATE email_links SET ended_at = $1 WHERE ended_at IS NULL`, []any{at}},
		{`DELETE FROM registrations WHERE expires_at >= 0`, nil},
		{`UPDATE sessions SET ended_at = $1, ended_why = $2, version = version + 1 WHERE ended_at IS NULL`, []any{at, restored}},
		{`UPDATE sign_ins SET state = 'ended', version = version + 1 WHERE state IN ('pending', 'waiting')`, nil},
		{`UPDATE devices SET ended_at = $1 WHERE ended_at IS NULL`, []any{at}},
		{`DELETE FROM passkey_challenges WHERE issued_at >= 0`, nil},
		{`UPDATE totp SET last_step = $1 WHERE last_step < $1`, []any{step}},
		{`UPDATE accounts SET password_hash = NULL, password_changed_at = NULL, must_change_password = FALSE, version = version + 1
			WHERE must_change_password`, nil},
		{`UPDATE approvals SET state = 'closed', reason = $1, decided_at = $2, version = version + 1
			WHERE state IN ('asked', 'checked', 'matched', 'flagged')
				OR state = 'approved' AND (object_id IN (SELECT r.id FROM recoveries r WHERE r.ended_at IS NULL)
					OR object_id IN (SELECT g.id FROM guarded_actions g WHERE g.ended_at IS NULL))`, []any{restored, at}},
		{`UPDATE recoveries SET state = 'expired', ended_at = $1, end_reason = $2, version = version + 1 WHERE ended_at IS NULL`, []any{at, restored}},
		{`UPDATE guarded_actions SET state = 'cancelled', ended_at = $1, end_reason = $2, payload = NULL, version = version + 1
			WHERE ended_at IS NULL`, []any{at, restored}},
		{`UPDATE links SET state = 'withdrawn', ended_at = $1, end_reason = $2, label = '', name_hash = NULL, phone_hash = NULL, version = version + 1
			WHERE state = 'invited'`, []any{at, restored}},
		{`UPDATE links SET leaves_at = $1, version = version + 1 WHERE state = 'leaving' AND leaves_at < $1`, []any{leaves}},
		{`UPDATE timers SET due_at = $1, generation = generation + 1, state = 'pending', owner = NULL, lease_until = NULL
			WHERE kind = $2 AND due_at < $1`, []any{leaves, trust.TimerLinkLeave}},
		{`UPDATE guards SET off_at = $1, version = version + 1 WHERE state = 'falling' AND off_at < $1`, []any{falls}},
		{`UPDATE timers SET due_at = $1, generation = generation + 1, state = 'pending', owner = NULL, lease_until = NULL
			WHERE kind = $2 AND due_at < $1`, []any{falls, trust.TimerGuardOff}},
		{`UPDATE outbox SET state = 'unknown', owner = NULL, lease_until = NULL, address = NULL, args = NULL, done_at = $1, problem = 'fault.message.restored'
			WHERE done_at IS NULL`, []any{at}}, // they may have been delivered
		{`UPDATE oidc_families SET ended_at = $1, ended_why = $2, version = version + 1 WHERE ended_at IS NULL`, []any{at, restored}},
		{`UPDATE oidc_tokens SET ended_at = $1 WHERE ended_at IS NULL`, []any{at}},
		{`UPDATE oidc_sessions SET ended_at = $1, ended_why = $2 WHERE ended_at IS NULL`, []any{at, restored}},
		{`UPDATE oidc_grants SET ended_at = $1, ended_why = $2, version = version + 1 WHERE ended_at IS NULL`, []any{at, restored}},
		{`UPDATE oidc_requests SET state = 'done' WHERE state <> 'done'`, nil},
		{`UPDATE operator_sessions SET ended_at = $1 WHERE ended_at IS NULL`, []any{at}},
		{`DELETE FROM operator_challenges WHERE expires_at >= 0`, nil},
		{`UPDATE operators SET enrol_hash = NULL, enrol_until = NULL, version = version + 1 WHERE enrol_hash IS NOT NULL`, nil},
		{`UPDATE operators SET totp_last_step = $1, version = version + 1 WHERE totp_last_step < $1`, []any{step}},
		{`UPDATE desk_acts SET state = 'expired', decided_at = $1, payload = NULL, version = version + 1 WHERE state = 'proposed'`, []any{at}},
		{`UPDATE desk_acts SET paper = NULL, version = version + 1 WHERE paper IS NOT NULL`, nil},
		{`UPDATE desk_cases SET closed_at = $1, phone = NULL, version = version + 1 WHERE closed_at IS NULL`, []any{at}},
	}
}

// pagedStep moves a moment in every row of a large table.
type pagedStep struct {
	ids, change string
	until       time.Time
}

func (s *Store) eachPage(ctx context.Context, step pagedStep) error {
	for from := ""; ; {
		var ids []string
		err := s.InTx(ctx, func(ctx context.Context, tx *Tx) (err error) {
			ids, err = Collect(func(row func(...any) error) (id string, err error) {
				err = row(&id)
				return id, err
			})(tx.Query(ctx, step.ids, from, fencePage))
			if err != nil || len(ids) == 0 {
				return err
			}
			return tx.ExecAny(ctx, step.change, Micros(step.until), from, ids[len(ids)-1])
		})
		if err != nil || len(ids) == 0 {
			return err
		}
		from = ids[len(ids)-1]
	}
}
