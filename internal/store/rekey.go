package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"doverie/internal/effect"
	"doverie/internal/secret"
)

// RekeyOptions say how the master key is changed.
type RekeyOptions struct {
	Act      effect.Act
	Rules    string                           // version of the policy, for the event
	Leaked   bool                             // somebody else may have the former key
	Progress func(table string, looked int64) // called after every page; may be nil
	Page     int                              // rows of one transaction; 0: rekeyPage
}

// Rekeyed is what a change of the master key did.
type Rekeyed struct {
	From, To   string           // ids; equal when there was nothing to do
	Resealed   int64            // rows
	Rehashed   int64            // rows
	Ended      int64            // what had to end: challenges, and with Leaked browsers with notices
	Unreadable map[string]int64 // rows that no given key opens, by table: they were dead before
}

const (
	rekeyPage   = 500
	rekeyPasses = 10
)

// ErrRekeyDisturbed says that rows under the former key kept coming: a server was running.
var ErrRekeyDisturbed = errors.New("store: somebody writes with the former master key: stop every server, and run `doverie admin rekey` again")

// Rekey puts the database under the current key of the keyring: what is sealed is sealed anew, what can be hashed anew
// is (docs/adr/0010-master-key.md). The store must have been opened with the same keyring, which holds the key the
// database is under among its former ones. Every server must have stopped.
//
// Each page is one transaction with guarded updates, and whatever is under the new key already is passed over. So it may be
// killed at any moment and run again; until it has ended no server starts (TakeKeys). Errors: WrongKeyError, ErrRekeyDisturbed.
func (s *Store) Rekey(ctx context.Context, keys *secret.Keyring, now time.Time, o RekeyOptions) (Rekeyed, error) {
	r := &rekeying{s: s, keys: keys, now: now, o: o, done: Rekeyed{To: keys.ID(), Unreadable: map[string]int64{}}}
	if r.o.Page == 0 {
		r.o.Page = rekeyPage
	}
	finished, err := r.begin(ctx)
	if err != nil || finished {
		return r.done, err
	}
	for pass := 1; ; pass++ {
		changed := r.done.Resealed + r.done.Rehashed
		clear(r.done.Unreadable)
		if err := r.pass(ctx); err != nil {
			return r.done, err
		}
		if r.done.Resealed+r.done.Rehashed == changed {
			break
		}
		if pass == rekeyPasses {
			return r.done, ErrRekeyDisturbed
		}
	}
	return r.done, r.finish(ctx)
}

type rekeying struct {
	s    *Store
	keys *secret.Keyring
	now  time.Time
	o    RekeyOptions
	done Rekeyed
}

// begin notes that the change has begun, and keeps what has to outlive the former key.
func (r *rekeying) begin(ctx context.Context) (finished bool, err error) {
	err = r.s.InTx(ctx, func(ctx context.Context, tx *Tx) error {
		noted, err := readMeta(ctx, tx, metaMaster)
		if err != nil {
			return err
		}
		if noted == "" {
			if noted, err = r.underWhich(ctx, tx); err != nil {
				return err
			}
		}
		to, changing := strings.CutPrefix(noted, changingTo)
		r.done.From = noted
		switch {
		case noted == r.keys.ID():
			finished = true
			return nil
		case changing && to == r.keys.ID():
			r.done.From = ""
			return nil // it goes on
		case changing && r.keys.Former(to) == nil, !changing && r.keys.Former(noted) == nil:
			return &WrongKeyError{Database: to, Given: r.keys.ID()}
		}
		for _, name := range secret.Kept() {
			value, err := readKept(ctx, tx, r.keys, name)
			if err != nil {
				return err
			}
			if value == nil {
				value = r.keys.Former(to).KeptValue(name)
			}
			if name == secret.KeptPush && r.o.Leaked {
				value = secret.FreshSecret()
			}
			if err := writeKept(ctx, tx, r.keys, name, value); err != nil {
				return err
			}
		}
		if r.o.Leaked {
			if err := r.endPush(ctx, tx); err != nil {
				return err
			}
		}
		return writeMeta(ctx, tx, metaMaster, changingTo+r.keys.ID())
	})
	return finished, err
}

// underWhich finds the key of a database that has none noted: the event log is sealed with it.
func (r *rekeying) underWhich(ctx context.Context, tx *Tx) (string, error) {
	head, seal, err := readHead(ctx, tx)
	if err != nil {
		return "", err
	}
	for _, id := range append([]string{r.keys.ID()}, r.keys.FormerIDs()...) {
		one := r.keys.WithoutFormer()
		if former := r.keys.Former(id); former != nil {
			one = former
		}
		if _, err := one.Open(sealHead, head.SealText(), seal); err == nil {
			return id, nil
		}
	}
	return "", &WrongKeyError{Given: r.keys.ID()}
}

// endPush ends the notices in browsers: whoever has their addresses and the former key of push could write to them.
func (r *rekeying) endPush(ctx context.Context, tx *Tx) error {
	type browser struct{ id, account, device string }
	all, err := Collect(func(row func(...any) error) (b browser, err error) {
		err = row(&b.id, &b.account, &b.device)
		return b, err
	})(tx.Query(ctx, `SELECT id, account_id, device FROM push_browsers WHERE ended_at IS NULL ORDER BY id`))
	if err != nil {
		return err
	}
	var records []effect.Effect
	for _, b := range all {
		if err := tx.ExecOne(ctx, `UPDATE push_browsers SET ended_at = $1, ended_why = 'key', sealed = NULL WHERE id = $2 AND ended_at IS NULL`,
			Micros(r.now), b.id); err != nil {
			return err
		}
		records = append(records, effect.Record{
			Kind: "push.switched_off", Object: "push:" + b.id, Subjects: []string{b.account}, Facts: map[string]string{"device": b.device, "why": "key"},
		})
	}
	r.done.Ended += int64(len(all))
	return applyEffects(ctx, tx, r.o.Act, r.now, r.o.Rules, records)
}

// finish seals the end of the event log under the new key, and lets servers start.
func (r *rekeying) finish(ctx context.Context) error {
	return r.s.InTx(ctx, func(ctx context.Context, tx *Tx) error {
		head, seal, err := readHead(ctx, tx)
		if err != nil {
			return err
		}
		if seal != nil { // the event below seals it anew: never an end that somebody else has written
			if _, err := r.keys.Open(sealHead, head.SealText(), seal); err != nil {
				return fmt.Errorf("store: the end of the event log is not sealed by us: run `doverie audit verify`: %w", err)
			}
		}
		if err := tx.ExecOne(ctx, `UPDATE meta SET value = $1 WHERE name = $2 AND value = $3`, r.keys.ID(), metaMaster, changingTo+r.keys.ID()); err != nil {
			return err
		}
		why := "planned"
		if r.o.Leaked {
			why = "leaked"
		}
		return applyEffects(ctx, tx, r.o.Act, r.now, r.o.Rules, []effect.Effect{effect.Record{
			Kind: "server.rekeyed", Object: "key:" + r.keys.ID(), Facts: map[string]string{"why": why},
		}})
	})
}

// pass looks at every row once.
func (r *rekeying) pass(ctx context.Context) error {
	for _, query := range []string{ // a key has to be asked again; they live minutes
		`DELETE FROM passkey_challenges WHERE issued_at >= 0`,
		`DELETE FROM operator_challenges WHERE expires_at >= 0`,
	} {
		err := r.s.InTx(ctx, func(ctx context.Context, tx *Tx) error {
			n, err := tx.Exec(ctx, query)
			r.done.Ended += n
			return err
		})
		if err != nil {
			return err
		}
	}
	for _, column := range sealedColumns {
		if err := r.reseal(ctx, column); err != nil {
			return fmt.Errorf("%s: %w", column.name, err)
		}
	}
	for _, step := range []func(context.Context) error{r.messages, r.browsers, r.accounts, r.codes} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// sealedColumn is a column whose text is sealed with the row's id, and sometimes its owner's, bound to it.
type sealedColumn struct {
	name, purpose string
	read          string // id, owner or '', the text, of the rows after an id
	write         string // the new text, the id, the older text
}

var sealedColumns = []sealedColumn{
	{
		"totp.sealed", "totp", `SELECT account_id, '', sealed FROM totp WHERE account_id > $1 ORDER BY account_id LIMIT $2`,
		`UPDATE totp SET sealed = $1 WHERE account_id = $2 AND sealed = $3`,
	},
	{
		"passkeys.sealed", "passkey", `SELECT id, account_id, sealed FROM passkeys WHERE id > $1 ORDER BY id LIMIT $2`,
		`UPDATE passkeys SET sealed = $1 WHERE id = $2 AND sealed = $3`,
	},
	{
		"oidc_keys.sealed", "oidc key", `SELECT id, '', sealed FROM oidc_keys WHERE id > $1 AND sealed IS NOT NULL ORDER BY id LIMIT $2`,
		`UPDATE oidc_keys SET sealed = $1 WHERE id = $2 AND sealed = $3`,
	},
	{
		"oidc_requests.sealed", "oidc request", `SELECT id, '', sealed FROM oidc_requests WHERE id > $1 ORDER BY id LIMIT $2`,
		`UPDATE oidc_requests SET sealed = $1 WHERE id = $2 AND sealed = $3`,
	},
	{
		"signal_streams.authorization_sealed", sealSignals,
		`SELECT id, '', authorization_sealed FROM signal_streams WHERE id > $1 AND authorization_sealed IS NOT NULL ORDER BY id LIMIT $2`,
		`UPDATE signal_streams SET authorization_sealed = $1 WHERE id = $2 AND authorization_sealed = $3`,
	},
	{
		"guarded_actions.payload", "guarded action", `SELECT id, '', payload FROM guarded_actions WHERE id > $1 AND payload IS NOT NULL ORDER BY id LIMIT $2`,
		`UPDATE guarded_actions SET payload = $1 WHERE id = $2 AND payload = $3`,
	},
	{
		"operators.totp", "operator totp", `SELECT id, '', totp FROM operators WHERE id > $1 AND totp IS NOT NULL ORDER BY id LIMIT $2`,
		`UPDATE operators SET totp = $1 WHERE id = $2 AND totp = $3`,
	},
	{
		"operator_keys.sealed", "operator key", `SELECT id, operator_id, sealed FROM operator_keys WHERE id > $1 ORDER BY id LIMIT $2`,
		`UPDATE operator_keys SET sealed = $1 WHERE id = $2 AND sealed = $3`,
	},
	{
		"desk_cases.phone", "desk phone", `SELECT id, '', phone FROM desk_cases WHERE id > $1 AND phone IS NOT NULL ORDER BY id LIMIT $2`,
		`UPDATE desk_cases SET phone = $1 WHERE id = $2 AND phone = $3`,
	},
	{
		"desk_acts.payload", "desk payload", `SELECT id, '', payload FROM desk_acts WHERE id > $1 AND payload IS NOT NULL ORDER BY id LIMIT $2`,
		`UPDATE desk_acts SET payload = $1 WHERE id = $2 AND payload = $3`,
	},
	{
		"desk_acts.paper", "desk paper", `SELECT id, '', paper FROM desk_acts WHERE id > $1 AND paper IS NOT NULL ORDER BY id LIMIT $2`,
		`UPDATE desk_acts SET paper = $1 WHERE id = $2 AND paper = $3`,
	},
}
