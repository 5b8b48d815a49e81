package storetest_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"

	"doverie/internal/apptest/pgtest"
	"doverie/internal/store"
	"doverie/internal/store/storetest"
)

func empty(t *testing.T, run func(t *testing.T, dsn string)) {
	t.Run("sqlite", func(t *testing.T) { t.Parallel(); run(t, filepath.Join(t.TempDir(), "Новая папка?#%20.db")) })
	t.Run("postgres", func(t *testing.T) { t.Parallel(); run(t, pgtest.DB(t)) })
}

func TestMigrateFromEmpty(t *testing.T) {
	t.Parallel()
	empty(t, func(t *testing.T, dsn string) {
		db := storetest.Open(t, dsn)
		var older *store.OlderSchemaError
		if err := db.CheckSchema(t.Context()); !errors.As(err, &older) {
			t.Errorf("an empty database: %v", err)
		}
		for range 2 { // the second time there is nothing to do
			if err := db.Migrate(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.CheckSchema(t.Context()); err != nil {
			t.Error(err)
		}
		database, program, err := db.SchemaVersion(t.Context())
		if err != nil || database != program || program < 1 {
			t.Errorf("schema %d of %d, %v", database, program, err)
		}
	})
}

func TestNewerSchemaIsRefused(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		db.Exec(t, `INSERT INTO schema_versions (version_id, is_applied) VALUES (99999, TRUE)`)
		var newer *store.NewerSchemaError
		if err := db.Migrate(t.Context()); !errors.As(err, &newer) || newer.Database != 99999 {
			t.Errorf("Migrate: %v", err)
		}
		if err := db.CheckSchema(t.Context()); !errors.As(err, &newer) {
			t.Errorf("CheckSchema: %v", err)
		}
	})
}

// Several processes of PostgreSQL start at once: one migrates, the others wait, all succeed.
func TestMigrateAtOnce(t *testing.T) {
	t.Parallel()
	dsn := pgtest.DB(t)
	stores := []*storetest.DB{storetest.Open(t, dsn), storetest.Open(t, dsn), storetest.Open(t, dsn)}
	if err := errors.Join(storetest.Parallel(len(stores), func(i int) error { return stores[i].Migrate(t.Context()) })...); err != nil {
		t.Fatal(err)
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	for name, dsn := range map[string]string{
		"nothing": "", "memory": ":memory:", "options": "file:a.db?_pragma=synchronous(OFF)",
		"a folder": t.TempDir(), "a folder that is not": filepath.Join(t.TempDir(), "no", "a.db"),
		"not an address": "postgres://[", "nobody there": "postgres://app@127.0.0.1:1/x?connect_timeout=2",
	} {
		s, err := store.Open(t.Context(), dsn, store.Options{Keys: storetest.Keyring(t), Now: (&storetest.Clock{}).Now})
		if err == nil {
			t.Errorf("%s: opened", name)
			_ = s.Close() // the failure is reported already
		}
	}
	if _, err := store.Open(t.Context(), filepath.Join(t.TempDir(), "a.db"), store.Options{}); err == nil {
		t.Error("opened without keys and clock")
	}
}

// A program of before works on, and may be started again, on a schema one ahead that says so; on any other it is refused.
func TestANodeOfTheFormerProgramStartsAgain(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		_, program, err := db.SchemaVersion(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		next := program + 1
		db.Exec(t, `INSERT INTO schema_versions (version_id, is_applied) VALUES ($1, TRUE)`, next)
		note := func(text string) {
			db.Exec(t, `DELETE FROM meta WHERE name = 'schema floor'`)
			db.Exec(t, `INSERT INTO meta (name, value) VALUES ('schema floor', $1)`, text)
		}
		var newer *store.NewerSchemaError
		if err := db.CheckSchema(t.Context()); !errors.As(err, &newer) {
			t.Errorf("a schema that does not say: %v", err)
		}
		note(fmt.Sprintf("%d:%d", next, program))
		if err := errors.Join(db.CheckSchema(t.Context()), db.Migrate(t.Context())); err != nil {
			t.Errorf("a schema one ahead that says so: %v", err)
		}
		note(fmt.Sprintf("%d:%d", next, next))
		if err := db.CheckSchema(t.Context()); !errors.As(err, &newer) {
			t.Errorf("a schema one ahead that forbids it: %v", err)
		}
		if err := db.Migrate(t.Context()); !errors.As(err, &newer) {
			t.Errorf("Migrate: %v", err)
		}
	})
}

// What needs every server stopped is refused while one is connected, with nothing done.
func TestMigrateRefusesWhileServersRun(t *testing.T) {
	t.Parallel()
	db := storetest.Postgres(t)
	db.Exec(t, `DELETE FROM schema_versions WHERE version_id > 11`) // as if two steps were missing
	beside, err := store.Open(t.Context(), db.DSN, store.Options{Keys: db.Keys, Now: db.Clock.Now, Conns: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer beside.Close()
	var running *store.RunningError
	if err := beside.MigrateBeside(t.Context(), false); !errors.As(err, &running) {
		t.Errorf("migrated under a running server: %v", err)
	}
	if n := db.Count(t, `SELECT COUNT(version_id) FROM schema_versions WHERE version_id > 11`); n != 0 {
		t.Errorf("%d steps were taken", n)
	}
}
