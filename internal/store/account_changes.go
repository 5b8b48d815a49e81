package store

import (
	"context"
	"time"

	"doverie/internal/account"
	"doverie/internal/effect"
	"doverie/internal/trust"
)

// reviewSoon makes the reviews of all links in which the account is the contact due now: what he is
// judged by has just changed. Each guarding link has its one review timer, so moving it is enough.
func reviewSoon(ctx context.Context, tx *Tx, now time.Time, contact string) error {
	n, err := tx.Exec(ctx, `UPDATE timers SET due_at = $1, generation = generation + 1, state = 'pending', attempt = 0,
			owner = NULL, lease_until = NULL, problem = NULL
		WHERE kind = $2 AND object IN (SELECT id FROM links WHERE contact_id = $3 AND state IN ('active', 'suspended', 'leaving'))`,
		Micros(now), trust.TimerLinkReview, contact)
	tx.wake = tx.wake || n > 0
	return err
}

// judgedBy runs a guarded change of what the account is judged by as a contact, and makes the reviews of
// its links due.
func judgedBy(ctx context.Context, tx *Tx, now time.Time, id, change string, args ...any) error {
	if err := tx.ExecOne(ctx, change, args...); err != nil {
		return err
	}
	return reviewSoon(ctx, tx, now, id)
}

// judgedAnew tells whether the change touches what eligibility is judged by.
func judgedAnew(before, after account.Account) bool {
	return before.Level != after.Level || before.PhoneOwned() != after.PhoneOwned() || before.Phone != after.Phone ||
		before.Citizenship != after.Citizenship || before.BirthDate != after.BirthDate
}

// changePhone gives the account its new, just verified phone. Of two accounts that verify one number at
// once the second is refused as a Conflict: the unique index decides.
func changePhone(ctx context.Context, tx *Tx, now time.Time, e effect.ChangePhone) error {
	return uniqueIsConflict(judgedBy(ctx, tx, now, e.Account, `UPDATE accounts SET phone = $1, phone_hash = $2, phone_current = TRUE,
			phone_verified_at = $3, phone_confirmed_at = $3, phone_changed_at = $3, phone_lost_at = NULL, sim_changed_at = NULL,
			version = version + 1
		WHERE id = $4 AND state = 'open'`, e.Phone, tx.phoneHash(e.Phone), Micros(now), e.Account))
}

// removeFactor switches the code generator off. Without a phone of one's own it is the last second
// factor, and stays: the commit is refused.
func removeFactor(ctx context.Context, tx *Tx, now time.Time, id string) error {
	if err := tx.ExecOne(ctx, `UPDATE accounts SET factor_changed_at = $1, version = version + 1
		WHERE id = $2 AND state = 'open' AND phone_current`, Micros(now), id); err != nil {
		return err
	}
	return tx.ExecOne(ctx, `DELETE FROM totp WHERE account_id = $1 AND confirmed_at IS NOT NULL`, id)
}

// closeAccount closes the account and forgets its data. The given name stays where somebody else's list
// of links shows it; everything else is gone but the events.
func closeAccount(ctx context.Context, tx *Tx, now time.Time, id string) error {
	if err := judgedBy(ctx, tx, now, id, `UPDATE accounts SET state = 'closed', level = 'simplified', family = '', patronymic = '',
			given = CASE WHEN EXISTS (SELECT 1 FROM links l WHERE l.accepted_at IS NOT NULL AND (l.contact_id = accounts.id OR l.principal_id = accounts.id))
				THEN given ELSE '' END,
			name_hash = $1, birth_date = NULL, citizenship = NULL, snils = NULL, document_kind = NULL, document_last4 = NULL, document_hash = NULL,
			phone = NULL, phone_hash = NULL, phone_current = FALSE, email = NULL, email_key = NULL, email_verified_at = NULL,
			password_hash = NULL, password_changed_at = NULL, must_change_password = FALSE, confirmed_at = NULL, quorum = 1,
			version = version + 1
		WHERE id = $2 AND state = 'open'`, tx.nameHash(""), id); err != nil {
		return err
	}
	for _, forget := range []string{
		`DELETE FROM totp WHERE account_id = $1`,
		`DELETE FROM email_links WHERE account_id = $1`,
		`DELETE FROM guards WHERE account_id = $1`,
		`DELETE FROM invitation_blocks WHERE contact_id = $1 OR principal_id = $1`,
		`DELETE FROM registrations WHERE account_id = $1`,
		`DELETE FROM passkeys WHERE account_id = $1`,
		`DELETE FROM passkey_challenges WHERE account_id = $1`,
		`DELETE FROM push_browsers WHERE account_id = $1`,
		// Rows that others may name stay, without what they tell of the person.
		`UPDATE outbox SET masked = NULL WHERE account_id = $1`,
		`UPDATE sessions SET device = '', area = '' WHERE account_id = $1`,
		`UPDATE sign_ins SET device = '', area = '' WHERE account_id = $1`,
		`UPDATE devices SET device = '', area = '' WHERE account_id = $1`,
		`UPDATE recoveries SET device = '', area = '' WHERE account_id = $1`,
		`UPDATE guarded_actions SET device = '', area = '' WHERE account_id = $1`,
		`DELETE FROM phone_slots WHERE code_id IN (SELECT id FROM codes WHERE account_id = $1 AND state = 'live')`,
	} {
		if err := tx.ExecAny(ctx, forget, id); err != nil {
			return err
		}
	}
	return tx.ExecAny(ctx, `UPDATE codes SET state = 'dropped', ended_at = $2 WHERE account_id = $1 AND state = 'live'`, id, Micros(now))
}
