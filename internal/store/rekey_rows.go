package store

import (
	"context"
	"database/sql"
	"encoding/json"

	"doverie/internal/account"
	"doverie/internal/secret"
)

// write is one guarded update of a page. counted is where it counts when it changed its row.
type write struct {
	query string
	args  []any
	count *int64 // nil: it goes along with another one
}

// pages reads a table page by page, and commits what take wants written of each page in one transaction.
func pages[T any](ctx context.Context, r *rekeying, table, query string, scan func(row func(...any) error) (T, error), id func(T) string, take func(T) []write) error {
	looked := int64(0)
	for after := ""; ; {
		var page []T
		err := r.s.Read(ctx, func(ctx context.Context, q Querier) (err error) {
			page, err = Collect(scan)(q.Query(ctx, query, after, r.o.Page))
			return err
		})
		if err != nil || len(page) == 0 {
			return err
		}
		after = id(page[len(page)-1])
		var writes []write
		for _, row := range page {
			writes = append(writes, take(row)...)
		}
		if err := r.commit(ctx, writes); err != nil {
			return err
		}
		if looked += int64(len(page)); r.o.Progress != nil {
			r.o.Progress(table, looked)
		}
	}
}

func (r *rekeying) commit(ctx context.Context, writes []write) error {
	if len(writes) == 0 {
		return nil
	}
	changed := map[*int64]int64{}
	err := r.s.InTx(ctx, func(ctx context.Context, tx *Tx) error {
		clear(changed)
		for _, w := range writes {
			n, err := tx.Exec(ctx, w.query, w.args...)
			if err != nil {
				return err
			}
			if w.count != nil {
				changed[w.count] += n
			}
		}
		return nil
	})
	if err == nil {
		for count, n := range changed {
			*count += n
		}
	}
	return err
}

// renew seals a text anew; nil when nothing has to be done with it.
func (r *rekeying) renew(table, purpose string, aad, sealed []byte) []byte {
	fresh, err := r.keys.Reseal(purpose, aad, sealed)
	if err != nil {
		r.done.Unreadable[table]++
	}
	return fresh
}

// fresher is the hash of the value under the current key, when this hash of it was made under a former one.
func (r *rekeying) fresher(domain, value string, hash []byte) []byte {
	if by := r.keys.MadeBy(domain, value, hash); by == nil || by.ID() == r.keys.ID() {
		return nil
	}
	return r.keys.Lookup(domain, value)
}

func (r *rekeying) reseal(ctx context.Context, c sealedColumn) error {
	type row struct {
		id, owner string
		sealed    []byte
	}
	return pages(ctx, r, c.name, c.read, func(scan func(...any) error) (x row, err error) {
		err = scan(&x.id, &x.owner, &x.sealed)
		return x, err
	}, func(x row) string { return x.id }, func(x row) []write {
		fresh := r.renew(c.name, c.purpose, []byte(x.id+x.owner), x.sealed)
		if fresh == nil {
			return nil
		}
		return []write{{c.write, []any{fresh, x.id, x.sealed}, &r.done.Resealed}}
	})
}

// messages seals what waits in the outbox, and names its address anew. Of messages that were sent the address is gone: they
// keep the name it had.
func (r *rekeying) messages(ctx context.Context) error {
	type row struct {
		id, channel   string
		address, args []byte
	}
	return pages(ctx, r, "outbox", `SELECT id, channel, address, args FROM outbox WHERE id > $1 AND address IS NOT NULL AND args IS NOT NULL ORDER BY id LIMIT $2`,
		func(scan func(...any) error) (x row, err error) {
			err = scan(&x.id, &x.channel, &x.address, &x.args)
			return x, err
		}, func(x row) string { return x.id }, func(x row) []write {
			address, args := r.renew("outbox", sealAddress, []byte(x.id), x.address), r.renew("outbox", sealArgs, []byte(x.id), x.args)
			if address == nil || args == nil {
				return nil
			}
			plain, err := r.keys.Open(sealAddress, []byte(x.id), address)
			if err != nil {
				return nil // it was sealed a moment ago
			}
			return []write{{
				`UPDATE outbox SET address = $1, args = $2, address_hash = $3 WHERE id = $4 AND address = $5 AND args = $6`,
				[]any{address, args, r.keys.Lookup(lookupAddress, x.channel+":"+string(plain)), x.id, x.address, x.args}, &r.done.Resealed,
			}}
		})
}

// browsers seals the subscriptions of browsers, and names their endpoints anew.
func (r *rekeying) browsers(ctx context.Context) error {
	type row struct {
		id, owner string
		sealed    []byte
	}
	return pages(ctx, r, "push_browsers", `SELECT id, account_id, sealed FROM push_browsers WHERE id > $1 AND ended_at IS NULL ORDER BY id LIMIT $2`,
		func(scan func(...any) error) (x row, err error) {
			err = scan(&x.id, &x.owner, &x.sealed)
			return x, err
		}, func(x row) string { return x.id }, func(x row) []write {
			aad := []byte(x.id + x.owner)
			fresh := r.renew("push_browsers", "push subscription", aad, x.sealed)
			if fresh == nil {
				return nil
			}
			var told struct {
				Endpoint string `json:"endpoint"`
			}
			plain, err := r.keys.Open("push subscription", aad, fresh)
			if err != nil || json.Unmarshal(plain, &told) != nil || told.Endpoint == "" {
				r.done.Unreadable["push_browsers"]++
				return nil
			}
			return []write{{
				`UPDATE push_browsers SET sealed = $1, endpoint_hash = $2 WHERE id = $3 AND sealed = $4`,
				[]any{fresh, r.keys.Lookup("push endpoint", told.Endpoint), x.id, x.sealed}, &r.done.Resealed,
			}}
		})
}

// accounts names phones and given names anew, and the unanswered invitations that mean these people. The hash of a
// document's number cannot be made anew, and nothing reads it: it goes.
func (r *rekeying) accounts(ctx context.Context) error {
	type row struct {
		id, given           string
		phone               sql.NullString
		nameHash, phoneHash []byte
	}
	return pages(ctx, r, "accounts", `SELECT id, given, phone, name_hash, phone_hash FROM accounts WHERE id > $1 ORDER BY id LIMIT $2`,
		func(scan func(...any) error) (x row, err error) {
			err = scan(&x.id, &x.given, &x.phone, &x.nameHash, &x.phoneHash)
			return x, err
		}, func(x row) string { return x.id }, func(x row) []write {
			name, phone := r.fresher(lookupGivenName, account.FoldName(x.given), x.nameHash), x.phoneHash
			if name == nil {
				if r.keys.MadeBy(lookupGivenName, account.FoldName(x.given), x.nameHash) == nil {
					r.done.Unreadable["accounts"]++
				}
				return nil
			}
			if x.phone.Valid {
				phone = r.keys.Lookup(lookupAccountPhone, x.phone.String)
			}
			return []write{
				{
					`UPDATE accounts SET name_hash = $1, phone_hash = $2, document_hash = NULL WHERE id = $3 AND name_hash = $4 AND (phone_hash IS NULL OR phone_hash = $5)`,
					[]any{name, phone, x.id, x.nameHash, x.phoneHash}, &r.done.Rehashed,
				},
				{
					`UPDATE links SET name_hash = $1, phone_hash = $2 WHERE state = 'invited' AND name_hash = $3 AND phone_hash = $4`,
					[]any{name, phone, x.nameHash, x.phoneHash}, nil,
				},
			}
		})
}

// codes names the phones of codes anew, as far as they are phones of accounts or registrations: so that a day's codes
// are still counted, and a code that gives an account away still waits while an approval's code lives.
func (r *rekeying) codes(ctx context.Context) error {
	type row struct {
		id, phone string
		hash      []byte
	}
	return pages(ctx, r, "codes", `SELECT c.id, COALESCE(a.phone, r.phone, ''), c.phone_hash
			FROM codes c LEFT JOIN accounts a ON a.id = c.account_id LEFT JOIN registrations r ON r.id = c.bound
			WHERE c.id > $1 AND c.phone_hash IS NOT NULL ORDER BY c.id LIMIT $2`,
		func(scan func(...any) error) (x row, err error) {
			err = scan(&x.id, &x.phone, &x.hash)
			return x, err
		}, func(x row) string { return x.id }, func(x row) []write {
			fresh := r.fresher(lookupPhone, x.phone, x.hash)
			if fresh == nil {
				return nil
			}
			return []write{
				{`UPDATE codes SET phone_hash = $1 WHERE id = $2 AND phone_hash = $3`, []any{fresh, x.id, x.hash}, &r.done.Rehashed},
				{`UPDATE phone_slots SET phone_hash = $1 WHERE phone_hash = $2`, []any{fresh, x.hash}, nil},
			}
		})
}

var _ Keys = (*secret.Keyring)(nil)
