package store

import (
	"database/sql"
	"strconv"

	"doverie/internal/effect"
)

// addresses are the ways an account can be reached now. An empty one does not exist.
type addresses struct {
	phone, email, locale string
}

// on is the address of a channel, empty when the account does not have it. Push needs a browser's
// subscription, which no account has as long as the push channel is not offered.
func (a addresses) on(via effect.Channel) string {
	switch via {
	case effect.SMS:
		return a.phone
	case effect.Email:
		return a.email
	}
	return ""
}

// addressesRead reads the current addresses of accounts. A phone that is not current belongs to
// somebody else, an e-mail that is not verified may: neither is ever written to (DOMAIN §2).
// An account that does not exist is not in the result.
func addressesRead(found map[string]addresses, accountIDs []string) read {
	in := ""
	args := make([]any, len(accountIDs))
	for i, id := range accountIDs {
		if i > 0 {
			in += ","
		}
		in += "$" + strconv.Itoa(i+1)
		args[i] = id
	}
	return read{`SELECT id, phone, phone_current, email, email_verified_at, locale FROM accounts WHERE id IN (` + in + `)`, args, func(rows Rows) error {
		all, err := Collect(scanAddresses)(rows, nil)
		for _, r := range all {
			found[r.id] = r.addresses
		}
		return err
	}}
}

type accountAddresses struct {
	id string
	addresses
}

func scanAddresses(row func(...any) error) (accountAddresses, error) {
	var a accountAddresses
	var phone, email sql.NullString
	var current bool
	var verified sql.NullInt64
	err := row(&a.id, &phone, &current, &email, &verified, &a.locale)
	if current {
		a.phone = phone.String
	}
	if verified.Valid {
		a.email = email.String
	}
	return a, err
}
