package store

import (
	"context"
	"database/sql"
	"time"

	"doverie/internal/account"
	"doverie/internal/secret"
)

const registrationColumns = `id, token_hash, state, family, given, patronymic, phone, email, password_hash, locale, account_id,
	created_at, expires_at, code_sent_at, version`

func scanRegistration(row func(...any) error) (account.Registration, error) {
	var r account.Registration
	var email, password, id sql.NullString
	var created, expires, sent int64
	err := row(&r.ID, &r.TokenHash, &r.State, &r.Family, &r.Given, &r.Patronymic, &r.Phone, &email, &password, &r.Locale, &id,
		&created, &expires, &sent, &r.Version)
	r.Email, r.PasswordHash, r.Account = email.String, password.String, id.String
	r.CreatedAt, r.ExpiresAt, r.CodeSentAt = FromMicros(created), FromMicros(expires), FromMicros(sent)
	return r, err
}

// Registration reads a registration by its token's hash; fault.NotFound.
func (s *Store) Registration(ctx context.Context, tokenHash []byte) (account.Registration, error) {
	return readOne(ctx, s, scanRegistration, `SELECT `+registrationColumns+` FROM registrations WHERE token_hash = $1`, tokenHash)
}

func writeRegistrations(ctx context.Context, tx *Tx, c account.Change) error {
	if r := c.NewRegistration; r != nil {
		if err := tx.ExecOne(ctx, `INSERT INTO registrations (`+registrationColumns+`) VALUES `+places(1, 15),
			r.ID, r.TokenHash, r.State, r.Family, r.Given, r.Patronymic, r.Phone, NullText(r.Email), NullText(r.PasswordHash), r.Locale,
			NullText(r.Account), Micros(r.CreatedAt), Micros(r.ExpiresAt), Micros(r.CodeSentAt), r.Version); err != nil {
			return err
		}
	}
	if c.Registration == nil || c.Registered == nil {
		return nil
	}
	password := c.Registered.PasswordHash
	if c.Registered.State != account.RegistrationPending {
		password = "" // an ended registration keeps no password
	}
	if err := tx.ExecOne(ctx, `UPDATE registrations SET state = $1, account_id = $2, password_hash = $3, code_sent_at = $4, version = version + 1
		WHERE id = $5 AND version = $6 AND state = 'pending'`,
		c.Registered.State, NullText(c.Registered.Account), NullText(password), Micros(c.Registered.CodeSentAt),
		c.Registration.ID, c.Registration.Version); err != nil || c.Registered.Account == "" {
		return err
	}
	// The codes that went out before there was an account are among what its person was sent (Told).
	return tx.ExecAny(ctx, `UPDATE outbox SET account_id = $1 WHERE key IN (SELECT 'code:' || id FROM codes WHERE bound = $2 AND purpose = $3)`,
		c.Registered.Account, c.Registration.ID, string(secret.RegisterPhone))
}

const emailLinkColumns = `id, account_id, email, token_hash, created_at, expires_at, ended_at`

func scanEmailLink(row func(...any) error) (account.EmailLink, error) {
	var l account.EmailLink
	var created, expires int64
	var ended sql.NullInt64
	err := row(&l.ID, &l.Account, &l.Email, &l.TokenHash, &created, &expires, &ended)
	l.CreatedAt, l.ExpiresAt, l.EndedAt = FromMicros(created), FromMicros(expires), FromNullMicros(ended)
	return l, err
}

// EmailLink reads a link by its token's hash; fault.NotFound.
func (s *Store) EmailLink(ctx context.Context, tokenHash []byte) (account.EmailLink, error) {
	return readOne(ctx, s, scanEmailLink, `SELECT `+emailLinkColumns+` FROM email_links WHERE token_hash = $1`, tokenHash)
}

func writeLinks(ctx context.Context, tx *Tx, now time.Time, c account.Change) error {
	if l := c.NewLink; l != nil {
		if err := endEmailLinks(ctx, tx, now, l.Account); err != nil {
			return err
		}
		if err := tx.ExecOne(ctx, `INSERT INTO email_links (`+emailLinkColumns+`) VALUES `+places(1, 7),
			l.ID, l.Account, l.Email, l.TokenHash, Micros(l.CreatedAt), Micros(l.ExpiresAt), NullMicros(l.EndedAt)); err != nil {
			return err
		}
	}
	if c.UsedLink == nil {
		return nil
	}
	return tx.ExecOne(ctx, `UPDATE email_links SET ended_at = $1 WHERE id = $2 AND ended_at IS NULL AND expires_at > $1`,
		Micros(now), c.UsedLink.ID)
}

func endEmailLinks(ctx context.Context, tx *Tx, now time.Time, accountID string) error {
	return tx.ExecAny(ctx, `UPDATE email_links SET ended_at = $1 WHERE account_id = $2 AND ended_at IS NULL`, Micros(now), accountID)
}

const importColumns = `file_hash, name, last_line, accepted, rejected, started_at, updated_at, done_at, version`

func scanImport(row func(...any) error) (account.ImportRun, error) {
	var r account.ImportRun
	var started, updated int64
	var done sql.NullInt64
	err := row(&r.FileHash, &r.Name, &r.LastLine, &r.Accepted, &r.Rejected, &started, &updated, &done, &r.Version)
	r.StartedAt, r.UpdatedAt, r.DoneAt = FromMicros(started), FromMicros(updated), FromNullMicros(done)
	return r, err
}

// ImportRun reads the checkpoint of a file by its hash; fault.NotFound.
func (s *Store) ImportRun(ctx context.Context, fileHash string) (account.ImportRun, error) {
	return readOne(ctx, s, scanImport, `SELECT `+importColumns+` FROM imports WHERE file_hash = $1`, fileHash)
}

func writeImport(ctx context.Context, tx *Tx, c account.Change) error {
	r := c.ImportAfter
	if r == nil {
		return nil
	}
	if c.ImportBefore == nil {
		return tx.ExecOne(ctx, `INSERT INTO imports (`+importColumns+`) VALUES `+places(1, 9),
			r.FileHash, clean(r.Name), r.LastLine, r.Accepted, r.Rejected, Micros(r.StartedAt), Micros(r.UpdatedAt), NullMicros(r.DoneAt), r.Version)
	}
	return tx.ExecOne(ctx, `UPDATE imports SET last_line = $1, accepted = $2, rejected = $3, updated_at = $4, done_at = $5, version = version + 1
		WHERE file_hash = $6 AND version = $7 AND done_at IS NULL`,
		r.LastLine, r.Accepted, r.Rejected, Micros(r.UpdatedAt), NullMicros(r.DoneAt), r.FileHash, c.ImportBefore.Version)
}
