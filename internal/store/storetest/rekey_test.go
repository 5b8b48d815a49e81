package storetest_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"doverie/internal/account"
	"doverie/internal/effect"
	"doverie/internal/secret"
	"doverie/internal/store"
	"doverie/internal/store/storetest"
)

// Every column of bytes, and what a change of the master key does with it. A new column has to be added here, and to
// store.Rekey when it is sealed or hashed with a key.
var bytesRules = map[string]string{
	"outbox.address_hash": "anew", "outbox.address": "anew", "outbox.args": "anew",
	"outbox.asked_from":           "lapses: a budget of an area begins anew",
	"stray_receipts.address_hash": "lapses: a day",
	"codes.phone_hash":            "anew", "phone_slots.phone_hash": "anew",
	"codes.hash":         "lapses: five minutes, and good under a former key that is given",
	"rate_limits.key":    "lapses: limits begin anew",
	"accounts.name_hash": "anew", "accounts.phone_hash": "anew", "accounts.document_hash": "goes: nothing reads it",
	"links.name_hash": "anew, of people who have an account; the rest lapses within the invitation's life", "links.phone_hash": "likewise",
	"totp.sealed": "anew", "passkeys.sealed": "anew", "passkey_challenges.sealed": "goes: five minutes",
	"oidc_keys.sealed": "anew", "oidc_requests.sealed": "anew", "signal_streams.authorization_sealed": "anew",
	"oidc_replays.hash": "lasting", "signal_removed.subject_hash": "lasting",
	"guarded_actions.payload": "anew", "operators.totp": "anew", "operator_keys.sealed": "anew", "operator_challenges.sealed": "goes: five minutes",
	"desk_cases.phone": "anew", "desk_acts.payload": "anew", "desk_acts.paper": "anew",
	"push_browsers.endpoint_hash": "anew", "push_browsers.sealed": "anew",
	"audit_head.seal": "anew",

	"events.hash": plain, "audit_head.hash": plain, "audit_salts.salt": plain, "audit_hashes.hash": plain, "desk_acts.facts": plain,
	"registrations.token_hash": keyless, "email_links.token_hash": keyless, "devices.token_hash": keyless, "sign_ins.token_hash": keyless,
	"sessions.token_hash": keyless, "recoveries.browser_hash": keyless, "oidc_clients.secret_hash": keyless, "oidc_requests.ref_hash": keyless,
	"oidc_families.code_hash": keyless, "oidc_tokens.hash": keyless, "operators.enrol_hash": keyless, "operator_sessions.token_hash": keyless,
	"passkeys.credential_id": plain, "operator_keys.credential_id": plain,
	"campaign_logos.png": plain, "placement_photos.jpeg": plain,
}

const (
	plain   = "no key"
	keyless = "no key: SHA-256 of a random token"
)

func TestEveryColumnOfBytesHasItsRuleForAnotherMasterKey(t *testing.T) {
	t.Parallel()
	db := storetest.SQLite(t)
	var found []string
	err := db.Read(t.Context(), func(ctx context.Context, q store.Querier) (err error) {
		found, err = store.Collect(func(row func(...any) error) (name string, err error) {
			err = row(&name)
			return name, err
		})(q.Query(ctx, `SELECT m.name || '.' || c.name FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND c.type = 'BYTEA'`))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range found {
		if bytesRules[name] == "" {
			t.Errorf("%s: what becomes of it when the master key changes?", name)
		}
	}
	for name := range bytesRules {
		if !slices.Contains(found, name) {
			t.Errorf("%s: there is no such column", name)
		}
	}
}

// begin makes the event log begin: from then on the database says which key it is under.
func begin(t *testing.T, db *storetest.DB) account.Account {
	t.Helper()
	a := db.Add(t, 1, storetest.Person{})
	err := db.Apply(t.Context(), effect.Act{Actor: effect.System}, db.Clock.Now(), "test", []effect.Effect{effect.Record{Kind: "test", Object: "account:" + a.ID}})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func another(t *testing.T, former ...*secret.Keyring) *secret.Keyring {
	t.Helper()
	keys, err := secret.ParseMaster(secret.NewMaster())
	if err == nil {
		keys, err = keys.WithFormer(former...)
	}
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

// The rows that a short story cannot have, each sealed as its owner seals it.
func TestRekeySealsEveryColumn(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		a := begin(t, db)
		id := a.ID
		seal := func(purpose, aad string) []byte { return db.Keys.Seal(purpose, []byte(aad), []byte("secret")) }
		for _, row := range []struct {
			query string
			args  []any
		}{
			{`INSERT INTO passkeys (id, account_id, credential_id, name, sealed, synced, sign_count, created_at, trusted_at, version)
				VALUES ('p', $1, $2, 'n', $3, FALSE, 0, 1, 1, 1)`, []any{id, []byte("c"), seal("passkey", "p"+id)}},
			{`INSERT INTO passkey_challenges (purpose, bound, id, sealed, issued_at, expires_at) VALUES ('sign_in', 'b', 'i', $1, 1, 2)`, []any{seal("passkey.challenge", "i")}},
			{`INSERT INTO guarded_actions (id, kind, account_id, session_id, state, needed, device, area, payload, started_at, expires_at, end_reason, version)
				VALUES ('g', 'change_phone', $1, 's', 'waiting', 1, '', '', $2, 1, 2, '', 1)`, []any{id, seal("guarded action", "g")}},
			{`INSERT INTO oidc_clients (id, name, kind, state, auth_method, secret_hash, redirect_uris, post_logout_uris, subject_type, sector, scopes, id_token_alg,
				dpop_required, require_par, created_at, changed_at, version)
				VALUES ('x', 'n', 'web', 'active', 'client_secret_basic', $1, '', '', 'pairwise', '', '', 'ES256', FALSE, FALSE, 1, 1, 1)`, []any{[]byte("h")}},
			{`INSERT INTO oidc_requests (id, client_id, state, sealed, created_at, expires_at) VALUES ('r', 'x', 'open', $1, 1, 2)`, []any{seal("oidc request", "r")}},
			{`INSERT INTO signal_streams (id, client_id, status, reason, method, endpoint, authorization_sealed, events, description, created_at, changed_at, version)
				VALUES ('t', 'x', 'enabled', '', 'push', 'https://x', $1, '', '', 1, 1, 1)`, []any{seal("signal stream authorization", "t")}},
			{`INSERT INTO offices (id, name, address, created_at, version) VALUES ('o', 'n', '', 1, 1)`, nil},
			{`INSERT INTO operators (id, login, name, office_id, role, state, totp_last_step, created_at, version) VALUES ('w', 'l', 'n', 'o', 'operator', 'active', 0, 1, 1)`, nil},
			{`INSERT INTO operator_keys (id, operator_id, credential_id, sealed, sign_count, created_at) VALUES ('k', 'w', $1, $2, 0, 1)`, []any{[]byte("c"), seal("operator key", "kw")}},
			{`INSERT INTO desk_cases (id, account_id, operator_id, office_id, reason, document_kind, document_last4, phone, opened_at, closes_at, version)
				VALUES ('c', $1, 'w', 'o', '', '', '1234', $2, 1, 2, 1)`, []any{id, seal("desk phone", "c")}},
			{`INSERT INTO desk_acts (id, case_id, account_id, kind, state, two, proposer_id, office_id, payload, facts, why, proposed_at, expires_at, version)
				VALUES ('d', 'c', $1, 'phone', 'proposed', TRUE, 'w', 'o', $2, $3, '', 1, 2, 1)`, []any{id, seal("desk payload", "d"), []byte("f")}},
			{`INSERT INTO desk_acts (id, case_id, account_id, kind, state, two, proposer_id, office_id, facts, paper, paper_until, why, proposed_at, expires_at, decided_at, version)
				VALUES ('e', 'c', $1, 'recover', 'approved', FALSE, 'w', 'o', $2, $3, 9, '', 1, 2, 2, 1)`, []any{id, []byte("f"), seal("desk paper", "e")}},
			{`INSERT INTO codes (id, purpose, bound, account_id, phone_hash, hash, recovers, state, tries, issued_at, expires_at)
				VALUES ('m', 'approval', 'b', $1, $2, $3, FALSE, 'live', 0, 1, 2)`, []any{id, db.Keys.Lookup("code phone", a.Phone), []byte("h")}},
			{`INSERT INTO phone_slots (phone_hash, code_id, purpose, bound, until) VALUES ($1, 'm', 'approval', 'b', 2)`, []any{db.Keys.Lookup("code phone", a.Phone)}},
			{`UPDATE accounts SET document_hash = $1 WHERE id = $2`, []any{db.Keys.Lookup("document", "x"), id}},
			{`INSERT INTO totp (account_id, sealed, created_at, last_step) VALUES ($1, $2, 1, 0)`, []any{id, []byte("of a key that nobody has any more")}},
		} {
			db.Exec(t, row.query, row.args...)
		}
		old := db.Keys.WithoutFormer()
		keys := another(t, old)
		db.Reopen(t, keys)
		done, err := db.Rekey(t.Context(), keys, db.Clock.Now(), store.RekeyOptions{Act: effect.Act{Actor: effect.System}, Rules: "test"})
		if err != nil || done.Resealed != 8 || done.Rehashed != 2 || done.Ended != 1 || done.Unreadable["totp.sealed"] != 1 || len(done.Unreadable) != 1 {
			t.Fatalf("%+v, %v", done, err)
		}
		for _, c := range []struct{ purpose, aad, query string }{
			{"passkey", "p" + id, `SELECT sealed FROM passkeys`},
			{"guarded action", "g", `SELECT payload FROM guarded_actions`},
			{"oidc request", "r", `SELECT sealed FROM oidc_requests`},
			{"signal stream authorization", "t", `SELECT authorization_sealed FROM signal_streams`},
			{"operator key", "kw", `SELECT sealed FROM operator_keys`},
			{"desk phone", "c", `SELECT phone FROM desk_cases`},
			{"desk payload", "d", `SELECT payload FROM desk_acts WHERE id = 'd'`},
			{"desk paper", "e", `SELECT paper FROM desk_acts WHERE id = 'e'`},
		} {
			var sealed []byte
			if err := db.Read(t.Context(), func(ctx context.Context, q store.Querier) error { return q.QueryRow(ctx, c.query).Scan(&sealed) }); err != nil {
				t.Fatal(err)
			}
			if plain, err := keys.WithoutFormer().Open(c.purpose, []byte(c.aad), sealed); err != nil || string(plain) != "secret" {
				t.Errorf("%s: %v", c.purpose, err)
			}
			if _, err := old.Open(c.purpose, []byte(c.aad), sealed); err == nil {
				t.Errorf("%s: the former key opens it", c.purpose)
			}
		}
		for _, query := range []string{`SELECT COUNT(id) FROM codes WHERE phone_hash = $1`, `SELECT COUNT(code_id) FROM phone_slots WHERE phone_hash = $1`} {
			if db.Count(t, query, keys.Lookup("code phone", a.Phone)) != 1 {
				t.Error(query)
			}
		}
		if n := db.Count(t, `SELECT COUNT(id) FROM accounts WHERE document_hash IS NOT NULL`); n != 0 {
			t.Error("the hash of a document made with the former key is there")
		}
		if n := db.Count(t, `SELECT COUNT(seq) FROM events WHERE kind = 'server.rekeyed'`); n != 1 {
			t.Errorf("%d events", n)
		}
		// A second change takes what outlived the first along.
		third := another(t, keys.WithoutFormer())
		name := func(k *secret.Keyring) string {
			return string(k.Lasting("oidc subject", "x")) + string(k.Seed("audit checkpoint")) + k.PushKey().X.String()
		}
		db.Reopen(t, third)
		if _, err := db.Rekey(t.Context(), third, db.Clock.Now(), store.RekeyOptions{Act: effect.Act{Actor: effect.System}, Rules: "test"}); err != nil {
			t.Fatal(err)
		}
		if err := db.TakeKeys(t.Context(), third); err != nil || name(third) != name(old) {
			t.Errorf("what others know us by has changed (%v)", err)
		}
	})
}

func TestRekeyRefusesWhatIsNotUnderAGivenKey(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		begin(t, db)
		var wrong *store.WrongKeyError
		stranger := another(t)
		if err := db.TakeKeys(t.Context(), stranger); !errors.As(err, &wrong) {
			t.Errorf("a database of another key is taken: %v", err)
		}
		if err := db.TakeKeys(t.Context(), db.Keys); err != nil {
			t.Fatal(err)
		}
		keys := another(t, stranger)
		db.Reopen(t, keys)
		if _, err := db.Rekey(t.Context(), keys, db.Clock.Now(), store.RekeyOptions{Rules: "test"}); !errors.As(err, &wrong) || !strings.Contains(err.Error(), "secret_key_file") {
			t.Errorf("rekeyed without the key it is under: %v", err)
		}
		beside, err := store.Open(t.Context(), db.DSN, store.Options{Keys: keys, Now: db.Clock.Now, Conns: 1})
		if err != nil {
			t.Fatal(err)
		}
		defer beside.Close()
		if n, err := beside.Others(t.Context()); err != nil || (n > 0) != (db.Engine() == "postgres") {
			t.Errorf("%d others, %v", n, err)
		}
	})
}
