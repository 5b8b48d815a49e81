package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"doverie/internal/effect"
	"doverie/internal/notary"
	"doverie/internal/secret"
)

// SignerError says that this process would sign the event log with another key than its own.
type SignerError struct{ Log, Process string } // public keys

func (e *SignerError) Error() string {
	return fmt.Sprintf("store: the event log is signed with %s, and this process has %s: if the key was changed, run `doverie audit rotate` "+
		"once, and restart the servers", e.Log, e.Process)
}

// HandOvers reads the statements by which one key of the log followed another, oldest first.
func (s *Store) HandOvers(ctx context.Context) (all []notary.HandOver, err error) {
	err = s.Read(ctx, func(ctx context.Context, q Querier) error {
		texts, err := Collect(func(row func(...any) error) (text string, err error) {
			err = row(&text)
			return text, err
		})(q.Query(ctx, `SELECT hand_over FROM audit_keys WHERE hand_over <> '' ORDER BY n`))
		all = make([]notary.HandOver, 0, len(texts))
		for _, text := range texts {
			h, err := notary.OpenHandOver([]byte(text))
			if err != nil {
				return err
			}
			all = append(all, h)
		}
		return err
	})
	return all, err
}

// logKey reads the newest key of the log; empty when none is noted.
func logKey(ctx context.Context, q Querier) (n int64, key string, err error) {
	err = q.QueryRow(ctx, `SELECT n, key FROM audit_keys ORDER BY n DESC LIMIT 1`).Scan(&n, &key)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, "", nil
	}
	return n, key, err
}

// maySign refuses a signer that is not the log's. The first one that signs is noted, unless what was signed before is another's.
func maySign(ctx context.Context, tx *Tx, now time.Time, signer *notary.Signer) error {
	_, key, err := logKey(ctx, tx)
	switch {
	case err != nil:
		return err
	case key == signer.Key():
		return nil
	case key != "":
		return &SignerError{Log: key, Process: signer.Key()}
	}
	state, err := standing(ctx, tx)
	if err != nil {
		return err
	}
	if state.Note != nil {
		if _, err := notary.Open(state.Note, signer.Key()); err != nil {
			return &SignerError{Log: "another key", Process: signer.Key()}
		}
	}
	return tx.ExecOne(ctx, `INSERT INTO audit_keys (n, key, hand_over, began_at) VALUES (1, $1, '', $2)`, signer.Key(), Micros(now))
}

// Rotation is a change of the key that signs the log.
type Rotation struct {
	Act   effect.Act
	Rules string
	Next  *notary.Signer
	// Former signs the hand-over too, if it is the log's key; nil: it is lost or known to others.
	Former *notary.Signer
	// Kept is the next signer's seed, to be kept under the name secret.KeptCheckpoints; nil: it lies in a file.
	Kept []byte
	Keys *secret.Keyring // with Kept
}

// RotateLog makes another key the log's, in one transaction with the event "audit.key_changed". ok is false when it is the log's
// already. Error: SignerError when the log's key is not known and Former is not given.
func (s *Store) RotateLog(ctx context.Context, now time.Time, r Rotation) (h notary.HandOver, ok bool, err error) {
	err = s.InTx(ctx, func(ctx context.Context, tx *Tx) error {
		h, ok = notary.HandOver{}, false
		log, err := lockLog(ctx, tx)
		if err != nil {
			return err
		}
		n, key, err := logKey(ctx, tx)
		if err != nil || key == r.Next.Key() {
			return err
		}
		if key == "" {
			if r.Former == nil {
				return &SignerError{Log: "a key that is not noted", Process: r.Next.Key()}
			}
			if err := maySign(ctx, tx, now, r.Former); err != nil {
				return err
			}
			n, key = 1, r.Former.Key()
		}
		root := notary.EmptyRoot
		if log.size > 0 {
			if root, err = tlog.TreeHash(log.size, hashReader(ctx, tx)); err != nil {
				return err
			}
		}
		if h, err = r.Next.HandOver(notary.Checkpoint{Epoch: log.epoch, Size: log.size, Root: root}, key, r.Former); err != nil {
			return err
		}
		if err := tx.ExecOne(ctx, `INSERT INTO audit_keys (n, key, hand_over, began_at) VALUES ($1, $2, $3, $4)`,
			n+1, r.Next.Key(), string(h.Note), Micros(now)); err != nil {
			return err
		}
		if r.Kept != nil {
			if err := writeKept(ctx, tx, r.Keys, secret.KeptCheckpoints, r.Kept); err != nil {
				return err
			}
		}
		ok = true
		return applyEffects(ctx, tx, r.Act, now, r.Rules, []effect.Effect{effect.Record{
			Kind: notary.KeyKind, Object: "log:" + strconv.FormatInt(log.epoch, 10),
			Facts: map[string]string{"size": strconv.FormatInt(log.size, 10), "former": key, "next": r.Next.Key(), "by_former": strconv.FormatBool(h.ByFormer)},
		}})
	})
	return h, ok, err
}

// EventAt is when the event of that number was written; the zero time when there is none.
func (s *Store) EventAt(ctx context.Context, seq int64) (at time.Time, err error) {
	err = s.Read(ctx, func(ctx context.Context, q Querier) error {
		var micros int64
		err := q.QueryRow(ctx, `SELECT at FROM events WHERE seq = $1`, seq).Scan(&micros)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		at = FromMicros(micros)
		return err
	})
	return at, err
}
