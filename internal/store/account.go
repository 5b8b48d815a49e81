package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"doverie/internal/account"
	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/ratelimit"
)

// Domains of the keyed hashes by which invitations find an account.
const (
	lookupAccountPhone = "phone"
	lookupGivenName    = "given_name"
)

const accountColumns = `a.id, a.level, a.state, a.family, a.given, a.patronymic, a.birth_date, a.citizenship, a.snils,
	a.document_kind, a.document_last4, a.document_hash,
	a.phone, a.phone_verified_at, a.phone_confirmed_at, a.phone_lost_at, a.phone_changed_at, a.sim_changed_at,
	a.email, a.email_verified_at, a.password_hash, a.password_changed_at, a.must_change_password, a.factor_changed_at,
	a.recovered_at, a.hold_until, a.recovery_locked_until, a.frozen_at, a.freeze_reason, a.confirmed_at,
	a.quorum, a.locale, a.created_at, a.version, t.sealed, t.created_at, t.confirmed_at, t.last_step,
	(SELECT COUNT(k.id) FROM passkeys k WHERE k.account_id = a.id AND k.ended_at IS NULL), ` + asksSignIn + `,
	EXISTS (SELECT 1 FROM recoveries r WHERE r.account_id = a.id AND r.state IN ('awaiting_contact', 'approved', 'verified'))`

const accountFrom = ` FROM accounts a LEFT JOIN totp t ON t.account_id = a.id `

func scanAccount(row func(...any) error) (account.Account, error) {
	var a account.Account
	var birth, citizenship, snils, docKind, docLast4, phone, email, password, freeze sql.NullString
	var verified, confirmed, lost, phoneChanged, sim, emailVerified, passwordChanged, factor sql.NullInt64
	var recovered, hold, locked, frozen, proven, totpCreated, totpConfirmed, totpStep sql.NullInt64
	var created int64
	err := row(&a.ID, &a.Level, &a.State, &a.Family, &a.Given, &a.Patronymic, &birth, &citizenship, &snils,
		&docKind, &docLast4, &a.Document.Hash,
		&phone, &verified, &confirmed, &lost, &phoneChanged, &sim,
		&email, &emailVerified, &password, &passwordChanged, &a.MustChangePassword, &factor,
		&recovered, &hold, &locked, &frozen, &freeze, &proven,
		&a.Quorum, &a.Locale, &created, &a.Version, &a.TOTP.Key, &totpCreated, &totpConfirmed, &totpStep, &a.Passkeys, &a.AsksSignIn, &a.Recovering)
	if err != nil {
		return account.Account{}, err
	}
	if birth.Valid {
		if a.BirthDate, err = account.ParseDate(birth.String); err != nil {
			return account.Account{}, fmt.Errorf("store: birth date of account %s: %w", a.ID, err)
		}
	}
	a.Citizenship, a.SNILS = citizenship.String, snils.String
	a.Document.Kind, a.Document.Last4 = account.DocumentKind(docKind.String), docLast4.String
	a.Phone, a.Email, a.PasswordHash, a.FreezeReason = phone.String, email.String, password.String, freeze.String
	for _, f := range []struct {
		to   *time.Time
		from sql.NullInt64
	}{
		{&a.PhoneVerifiedAt, verified}, {&a.PhoneConfirmedAt, confirmed}, {&a.PhoneLostAt, lost}, {&a.PhoneChangedAt, phoneChanged},
		{&a.SimChangedAt, sim}, {&a.EmailVerifiedAt, emailVerified}, {&a.PasswordChangedAt, passwordChanged},
		{&a.FactorChangedAt, factor}, {&a.RecoveredAt, recovered}, {&a.HoldUntil, hold}, {&a.RecoveryLockedUntil, locked},
		{&a.FrozenAt, frozen}, {&a.ConfirmedAt, proven}, {&a.TOTP.CreatedAt, totpCreated}, {&a.TOTP.ConfirmedAt, totpConfirmed},
	} {
		*f.to = FromNullMicros(f.from)
	}
	a.CreatedAt, a.TOTP.LastStep = FromMicros(created), totpStep.Int64
	return a, nil
}

func missing(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return fault.New(fault.NotFound, "fault.not_found", nil)
	}
	return err
}

// readOne reads one row, or gives fault.NotFound.
func readOne[T any](ctx context.Context, s *Store, scan func(row func(...any) error) (T, error), query string, args ...any) (T, error) {
	var one T
	err := s.Read(ctx, func(ctx context.Context, q Querier) (err error) {
		one, err = scan(q.QueryRow(ctx, query, args...).Scan)
		return err
	})
	return one, missing(err)
}

// Account reads one account; fault.NotFound.
func (s *Store) Account(ctx context.Context, id string) (account.Account, error) {
	return readOne(ctx, s, scanAccount, `SELECT `+accountColumns+accountFrom+`WHERE a.id = $1`, id)
}

// FindAccount reads the account, not closed, that an identifier names: an owned phone, a verified
// e-mail, a SNILS; fault.NotFound.
func (s *Store) FindAccount(ctx context.Context, id account.Identifier) (account.Account, error) {
	return readOne(ctx, s, scanAccount, `SELECT `+accountColumns+accountFrom+identified(id.Kind), id.Value)
}

// identified finds the account that an identifier names, its value being $1.
func identified(kind account.IdentifierKind) string {
	switch kind {
	case account.ByPhone:
		return `WHERE a.phone = $1 AND a.phone_current AND a.state <> 'closed'`
	case account.ByEmail:
		return `WHERE a.email_key = $1 AND a.email_verified_at IS NOT NULL AND a.state <> 'closed'`
	case account.BySNILS:
		return `WHERE a.snils = $1 AND a.state <> 'closed'`
	}
	return `WHERE a.id IS NULL AND a.id = $1` // a kind there is not names nobody
}

// Taken names, for each account by its index, the fields that another account has already. A SNILS that is only typed
// there, by whoever is not confirmed, is not taken: it will give way.
func (s *Store) Taken(ctx context.Context, accounts []account.Account) (map[int]account.Taken, error) {
	taken := map[int]account.Taken{}
	err := s.Read(ctx, func(ctx context.Context, q Querier) error {
		clear(taken)
		for i, a := range accounts {
			t, err := takenOf(ctx, q, a)
			if err != nil {
				return err
			}
			taken[i] = t
		}
		return nil
	})
	return taken, err
}

func takenOf(ctx context.Context, q Querier, a account.Account) (t account.Taken, err error) {
	var holder, level string
	switch err := q.QueryRow(ctx, `SELECT id, level FROM accounts WHERE snils = $1`, a.SNILS).Scan(&holder, &level); {
	case errors.Is(err, sql.ErrNoRows):
	case err != nil:
		return t, err
	case account.Level(level) == account.Confirmed:
		t.Fields = append(t.Fields, "snils")
	default:
		t.Typed = holder
	}
	for _, check := range []struct{ field, value, query string }{
		{"phone", a.Phone, `SELECT COUNT(id) FROM accounts WHERE phone = $1 AND phone_current`},
		{"email", account.EmailKey(a.Email), `SELECT COUNT(id) FROM accounts WHERE email_key = $1 AND email_verified_at IS NOT NULL`},
	} {
		if check.value == "" {
			continue
		}
		var n int
		if err := q.QueryRow(ctx, check.query, check.value).Scan(&n); err != nil {
			return t, err
		}
		if n > 0 {
			t.Fields = append(t.Fields, check.field)
		}
	}
	return t, nil
}

// Take counts one act against a limit and says how long to wait; zero: go on.
func (s *Store) Take(ctx context.Context, key string, limit int, per time.Duration, now time.Time) (time.Duration, error) {
	act, rest, _ := strings.Cut(key, ":")
	_, wait, err := s.Allow(ctx, ratelimit.Key(s.keys, act, rest), ratelimit.Limit{Burst: limit, Per: per}, now)
	return wait, err
}

// TryCode counts one try of the live code for the purpose and object, and returns what to compare
// with. fault.NotFound when there is no live code, it lapsed, or no try was left.
func (s *Store) TryCode(ctx context.Context, purpose, bound string, maxTries int, now time.Time) (id string, hash []byte, left int, err error) {
	c, err := s.CountTry(ctx, purpose, bound, maxTries, now)
	if fault.Is(err, fault.Refused) {
		return "", nil, 0, fault.New(fault.NotFound, "fault.code.expired", nil).Because(err)
	}
	if err != nil {
		return "", nil, 0, err
	}
	return c.ID, c.Hash, maxTries - c.Tries, nil
}

// CommitAccount applies a change of package account, and its effects, in one transaction.
// Faults: Conflict when a guard did not hold or somebody else has the phone, e-mail or SNILS.
func (s *Store) CommitAccount(ctx context.Context, act effect.Act, now time.Time, c account.Change, effects []effect.Effect) error {
	err := s.InTx(ctx, func(ctx context.Context, tx *Tx) error {
		if err := writeAccounts(ctx, tx, now, c); err != nil {
			return err
		}
		if err := writeRegistrations(ctx, tx, c); err != nil {
			return err
		}
		if err := writeLinks(ctx, tx, now, c); err != nil {
			return err
		}
		if err := writeImport(ctx, tx, c); err != nil {
			return err
		}
		return applyEffects(ctx, tx, act, now, c.Rules, effects)
	})
	return uniqueIsConflict(err)
}

// uniqueIsConflict tells the loser of a race for a phone, an e-mail or a SNILS that somebody was first.
func uniqueIsConflict(err error) error {
	if err != nil && IsUnique(err) {
		return fault.New(fault.Conflict, "fault.conflict", nil).Because(err)
	}
	return err
}

func writeAccounts(ctx context.Context, tx *Tx, now time.Time, c account.Change) error {
	if c.LostPhone != nil { // before the insert: one phone has one owner at a time
		if err := losePhone(ctx, tx, now, *c.LostPhone); err != nil {
			return err
		}
	}
	switch {
	case c.After == nil:
	case c.Before == nil:
		if err := insertAccount(ctx, tx, *c.After); err != nil {
			return err
		}
	default:
		if err := updateAccount(ctx, tx, *c.Before, *c.After); err != nil {
			return err
		}
		if judgedAnew(*c.Before, *c.After) {
			if err := reviewSoon(ctx, tx, now, c.After.ID); err != nil {
				return err
			}
		}
	}
	for _, g := range c.GaveWay { // before the insert: one SNILS has one owner at a time
		if err := loseSNILS(ctx, tx, now, g); err != nil {
			return err
		}
	}
	for _, a := range c.Imported {
		if err := insertAccount(ctx, tx, a); err != nil {
			return err
		}
	}
	return nil
}

func losePhone(ctx context.Context, tx *Tx, now time.Time, a account.Account) error {
	return judgedBy(ctx, tx, now, a.ID, `UPDATE accounts SET phone_current = FALSE, phone_lost_at = $1, version = version + 1
		WHERE id = $2 AND version = $3 AND phone = $4 AND phone_current`, Micros(now), a.ID, a.Version, a.Phone)
}

// loseSNILS takes the SNILS away from an account where it was only typed. A confirmed holder is never touched.
func loseSNILS(ctx context.Context, tx *Tx, now time.Time, g account.GaveWay) error {
	return judgedBy(ctx, tx, now, g.Account, `UPDATE accounts SET snils = NULL, level = 'simplified', version = version + 1
		WHERE id = $1 AND snils = $2 AND level <> 'confirmed'`, g.Account, g.SNILS)
}

func (t *Tx) phoneHash(phone string) []byte {
	if phone == "" {
		return nil
	}
	return t.s.keys.Lookup(lookupAccountPhone, phone)
}

func (t *Tx) nameHash(given string) []byte {
	return t.s.keys.Lookup(lookupGivenName, account.FoldName(given))
}

func insertAccount(ctx context.Context, tx *Tx, a account.Account) error {
	if err := tx.ExecOne(ctx, `INSERT INTO accounts (id, level, state, family, given, patronymic, name_hash, birth_date, citizenship, snils,
			document_kind, document_last4, document_hash, phone, phone_hash, phone_current, phone_verified_at, phone_confirmed_at,
			phone_changed_at, sim_changed_at, email, email_key, email_verified_at, password_hash, password_changed_at,
			must_change_password, factor_changed_at, confirmed_at, quorum, locale, created_at, version)
		VALUES `+places(1, 32),
		a.ID, a.Level, a.State, a.Family, a.Given, a.Patronymic, tx.nameHash(a.Given), NullText(a.BirthDate.String()),
		NullText(a.Citizenship), NullText(a.SNILS), NullText(string(a.Document.Kind)), NullText(a.Document.Last4), a.Document.Hash,
		NullText(a.Phone), tx.phoneHash(a.Phone), a.PhoneOwned(), NullMicros(a.PhoneVerifiedAt), NullMicros(a.PhoneConfirmedAt),
		NullMicros(a.PhoneChangedAt), NullMicros(a.SimChangedAt), NullText(a.Email), NullText(account.EmailKey(a.Email)),
		NullMicros(a.EmailVerifiedAt), NullText(a.PasswordHash), NullMicros(a.PasswordChangedAt), a.MustChangePassword,
		NullMicros(a.FactorChangedAt), NullMicros(a.ConfirmedAt), a.Quorum, a.Locale, Micros(a.CreatedAt), a.Version); err != nil {
		return err
	}
	return writeTOTP(ctx, tx, a.ID, account.TOTP{}, a.TOTP)
}

// updateAccount writes the facts of an account. Password, freeze, hold and locks are not among them:
// only their effects change those.
func updateAccount(ctx context.Context, tx *Tx, before, after account.Account) error {
	if err := tx.ExecOne(ctx, `UPDATE accounts SET level = $1, family = $2, given = $3, patronymic = $4, name_hash = $5, birth_date = $6,
			citizenship = $7, snils = $8, document_kind = $9, document_last4 = $10, document_hash = $11, phone = $12, phone_hash = $13,
			phone_current = $14, phone_verified_at = $15, phone_confirmed_at = $16, phone_lost_at = $17, phone_changed_at = $18,
			sim_changed_at = $19, email = $20, email_key = $21, email_verified_at = $22, factor_changed_at = $23, confirmed_at = $24,
			quorum = $25, locale = $26, version = version + 1
		WHERE id = $27 AND version = $28 AND state = $29`,
		after.Level, after.Family, after.Given, after.Patronymic, tx.nameHash(after.Given), NullText(after.BirthDate.String()),
		NullText(after.Citizenship), NullText(after.SNILS), NullText(string(after.Document.Kind)), NullText(after.Document.Last4),
		after.Document.Hash, NullText(after.Phone), tx.phoneHash(after.Phone), after.PhoneOwned(), NullMicros(after.PhoneVerifiedAt),
		NullMicros(after.PhoneConfirmedAt), NullMicros(after.PhoneLostAt), NullMicros(after.PhoneChangedAt), NullMicros(after.SimChangedAt),
		NullText(after.Email), NullText(account.EmailKey(after.Email)), NullMicros(after.EmailVerifiedAt), NullMicros(after.FactorChangedAt),
		NullMicros(after.ConfirmedAt), after.Quorum, after.Locale, before.ID, before.Version, before.State); err != nil {
		return err
	}
	return writeTOTP(ctx, tx, before.ID, before.TOTP, after.TOTP)
}

// writeTOTP is guarded by the account's version, which changed in the statement before it.
func writeTOTP(ctx context.Context, tx *Tx, id string, before, after account.TOTP) error {
	switch {
	case len(after.Key) == 0 && len(before.Key) == 0:
		return nil
	case len(after.Key) == 0:
		return tx.ExecOne(ctx, `DELETE FROM totp WHERE account_id = $1`, id)
	}
	return tx.ExecOne(ctx, `INSERT INTO totp (account_id, sealed, created_at, confirmed_at, last_step) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (account_id) DO UPDATE SET sealed = excluded.sealed, created_at = excluded.created_at,
			confirmed_at = excluded.confirmed_at,
			last_step = CASE WHEN totp.sealed <> excluded.sealed OR totp.last_step < excluded.last_step THEN excluded.last_step ELSE totp.last_step END`,
		id, after.Key, Micros(after.CreatedAt), NullMicros(after.ConfirmedAt), after.LastStep)
}
