package store

import (
	"database/sql"
	"strconv"
	"strings"

	"doverie/internal/effect"
)

// addresses are the ways an account can be reached now. An empty one does not exist.
type addresses struct {
	phone, email, locale string
	browsers             []string // ids of those that get notices
}

// on are the addresses of a channel, none when the account does not have it.
func (a addresses) on(via effect.Channel) []string {
	switch {
	case via == effect.SMS && a.phone != "":
		return []string{a.phone}
	case via == effect.Email && a.email != "":
		return []string{a.email}
	case via == effect.Push:
		return a.browsers
	}
	return nil
}

// everyAddress reads addresses; what follows says whose, of accounts as a.
const addressesFrom = `SELECT a.id, a.phone, a.phone_current, a.email, a.email_verified_at, a.locale, b.id FROM accounts a
	LEFT JOIN push_browsers b ON b.account_id = a.id AND b.ended_at IS NULL `

const everyAddress = addressesFrom + `WHERE `

// addressesRead reads the current addresses of accounts. A phone that is not current belongs to
// somebody else, an e-mail that is not verified may: neither is ever written to (DOMAIN §2).
// An account that does not exist is not in the result. The contacts who guard an account are asked for with it.
func addressesRead(found map[string]addresses, accountIDs []string, guardiansOf []effect.TellGuardians) read {
	args := make([]any, 0, len(accountIDs)+len(guardiansOf))
	list := func(n int) string {
		var in strings.Builder
		for i := range n {
			if i > 0 {
				in.WriteByte(',')
			}
			in.WriteString("$" + strconv.Itoa(len(args)+i+1))
		}
		return in.String()
	}
	query := everyAddress + `a.id IN (` + list(len(accountIDs)) + `)`
	for _, id := range accountIDs {
		args = append(args, id)
	}
	if len(guardiansOf) > 0 {
		guarding := `a.id IN (SELECT contact_id FROM links WHERE principal_id IN (` + list(len(guardiansOf)) + `) AND state IN ('active', 'suspended', 'leaving'))`
		if query += ` OR ` + guarding; len(accountIDs) == 0 { // PostgreSQL knows no empty list
			query = everyAddress + guarding
		}
		for _, t := range guardiansOf {
			args = append(args, t.Account)
		}
	}
	return intoAddresses(found, query, args...)
}

func intoAddresses(found map[string]addresses, query string, args ...any) read {
	return read{query, args, func(rows Rows) error {
		all, err := Collect(scanAddresses)(rows, nil)
		for _, r := range all { // a row for each browser, or one
			r.browsers = append(r.browsers, found[r.id].browsers...)
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
	var browser sql.NullString
	err := row(&a.id, &phone, &current, &email, &verified, &a.locale, &browser)
	if browser.Valid {
		a.browsers = []string{browser.String}
	}
	if current {
		a.phone = phone.String
	}
	if verified.Valid {
		a.email = email.String
	}
	return a, err
}
