package store

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"doverie/internal/secret"
)

// Which master key the database is under stands in meta: its id, or, while Rekey is at work, "changing to " and the id
// of the new one. Secrets that outlive a master key stand there too, sealed under the current one.
const (
	metaMaster = "master key"
	changingTo = "changing to "
	metaKept   = "kept:"
	sealKept   = "kept secret"
)

// WrongKeyError says that the database is under another master key than the one given.
type WrongKeyError struct{ Database, Given string } // ids; Database is empty when nobody has noted it

func (e *WrongKeyError) Error() string {
	if e.Database == "" {
		return fmt.Sprintf("store: this database was not made with the master key %s", e.Given)
	}
	return fmt.Sprintf("store: the database is under the master key %s, and secret_key_file holds %s: give the right key, "+
		"or change the key with `doverie admin rekey` (docs/operations.md, Keys)", e.Database, e.Given)
}

// RekeyUnfinishedError says that a change of the master key was begun and has to be finished.
type RekeyUnfinishedError struct{ To string } // id of the new key

func (e *RekeyUnfinishedError) Error() string {
	return fmt.Sprintf("store: the change to the master key %s was begun and is not finished: run `doverie admin rekey` again", e.To)
}

// TakeKeys makes sure that the database is under the current master key, and gives the keyring the secrets that outlived
// older ones. A database that no server has used yet becomes one of this key. Call it before anybody else uses the
// keyring. Errors: WrongKeyError, RekeyUnfinishedError.
func (s *Store) TakeKeys(ctx context.Context, keys *secret.Keyring) error {
	noted, err := s.masterNoted(ctx)
	if err == nil && noted == "" {
		noted, err = s.noteMaster(ctx, keys)
	}
	switch to, changing := strings.CutPrefix(noted, changingTo); {
	case err != nil:
		return err
	case changing:
		return &RekeyUnfinishedError{To: to}
	case noted != keys.ID():
		return &WrongKeyError{Database: noted, Given: keys.ID()}
	}
	return s.Read(ctx, func(ctx context.Context, q Querier) error {
		for _, name := range secret.Kept() {
			value, err := readKept(ctx, q, keys, name)
			if err != nil {
				return err
			}
			if value != nil {
				keys.Keep(name, value)
			}
		}
		return nil
	})
}

func (s *Store) masterNoted(ctx context.Context) (noted string, err error) {
	err = s.Read(ctx, func(ctx context.Context, q Querier) error {
		noted, err = readMeta(ctx, q, metaMaster)
		return err
	})
	return noted, err
}

// noteMaster notes the key of a database that has none noted, if its event log does not say otherwise.
func (s *Store) noteMaster(ctx context.Context, keys *secret.Keyring) (noted string, err error) {
	err = s.InTx(ctx, func(ctx context.Context, tx *Tx) error {
		head, seal, err := readHead(ctx, tx)
		if err != nil {
			return err
		}
		if seal != nil {
			if _, err := keys.WithoutFormer().Open(sealHead, head.SealText(), seal); err != nil {
				return &WrongKeyError{Given: keys.ID()}
			}
		}
		if _, err := tx.Exec(ctx, `INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING`, metaMaster, keys.ID()); err != nil {
			return err
		}
		noted, err = readMeta(ctx, tx, metaMaster)
		return err
	})
	return noted, err
}

// readMeta reads a small fact; empty when it is not there.
func readMeta(ctx context.Context, q Querier, name string) (value string, err error) {
	err = q.QueryRow(ctx, `SELECT value FROM meta WHERE name = $1`, name).Scan(&value)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return value, err
}

func writeMeta(ctx context.Context, tx *Tx, name, value string) error {
	return tx.ExecOne(ctx, `INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value`, name, value)
}

// readKept opens a secret that outlived an older master key; nil when there is none of that name.
func readKept(ctx context.Context, q Querier, keys *secret.Keyring, name string) ([]byte, error) {
	text, err := readMeta(ctx, q, metaKept+name)
	if err != nil || text == "" {
		return nil, err
	}
	sealed, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return nil, fmt.Errorf("store: the kept secret %q: %w", name, err)
	}
	value, err := keys.Open(sealKept, []byte(name), sealed)
	if err != nil {
		return nil, fmt.Errorf("store: the kept secret %q: %w", name, err)
	}
	return value, nil
}

func writeKept(ctx context.Context, tx *Tx, keys *secret.Keyring, name string, value []byte) error {
	return writeMeta(ctx, tx, metaKept+name, base64.StdEncoding.EncodeToString(keys.Seal(sealKept, []byte(name), value)))
}

// Others counts the connections of other processes of the program to this database. On SQLite it is always 0: ask InUse
// before the file is opened.
func (s *Store) Others(ctx context.Context) (n int, err error) {
	if s.d.others == "" {
		return 0, nil
	}
	err = s.Read(ctx, func(ctx context.Context, q Querier) error { return q.QueryRow(ctx, s.d.others).Scan(&n) })
	return n, err
}
