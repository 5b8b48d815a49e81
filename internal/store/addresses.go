package store

import (
	"context"
	"database/sql"
	"fmt"
)

// addresses are the ways an account can be reached now. An empty one does not exist.
type addresses struct {
	phone, email, locale string
}

// addressesOf reads the account's current addresses. A phone that is not current belongs to
// somebody else, an e-mail that is not verified may: neither is ever written to (DOMAIN §2).
func addressesOf(ctx context.Context, tx *Tx, accountID string) (addresses, error) {
	var phone, email sql.NullString
	var current bool
	var verified sql.NullInt64
	var a addresses
	err := tx.QueryRow(ctx, `SELECT phone, phone_current, email, email_verified_at, locale FROM accounts WHERE id = $1`, accountID).
		Scan(&phone, &current, &email, &verified, &a.locale)
	if err != nil {
		return addresses{}, fmt.Errorf("store: addresses of an account: %w", err)
	}
	if current {
		a.phone = phone.String
	}
	if verified.Valid {
		a.email = email.String
	}
	return a, nil
}
