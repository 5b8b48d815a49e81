package storetest_test

import (
	"context"
	"database/sql"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"doverie/internal/store"
	"doverie/internal/store/storetest"
)

// Both engines have the same tables, columns, types, keys, indexes and constraints: what one engine
// refuses the other refuses too.
func TestSchemaParity(t *testing.T) {
	t.Parallel()
	lite, pg := schemaOfSQLite(t, storetest.SQLite(t)), schemaOfPostgres(t, storetest.Postgres(t))
	if len(lite) < 60 {
		t.Errorf("only %d things found in the schema: the test does not see it", len(lite))
	}
	for _, kind := range []string{"column ", "key ", "index ", "check ", "reference "} {
		if !slices.ContainsFunc(slices.Collect(maps.Keys(lite)), func(thing string) bool { return strings.HasPrefix(thing, kind) }) {
			t.Errorf("no %sfound: the test does not see them", kind)
		}
	}
	for thing := range lite {
		if !pg[thing] {
			t.Errorf("only SQLite has   %s", thing)
		}
	}
	for thing := range pg {
		if !lite[thing] {
			t.Errorf("only PostgreSQL has %s", thing)
		}
	}
}

const gooseTable = "schema_versions"

// lines reads rows of texts.
func lines(t *testing.T, db *storetest.DB, columns int, query string, args ...any) (all [][]string) {
	t.Helper()
	err := db.Read(t.Context(), func(ctx context.Context, q store.Querier) (err error) {
		all, err = store.Collect(func(row func(...any) error) ([]string, error) {
			cells, into := make([]sql.NullString, columns), make([]any, columns)
			for i := range cells {
				into[i] = &cells[i]
			}
			err := row(into...)
			line := make([]string, columns)
			for i, cell := range cells {
				line[i] = cell.String
			}
			return line, err
		})(q.Query(ctx, query, args...))
		return err
	})
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return all
}

var checkName = regexp.MustCompile(`CONSTRAINT (\w+) CHECK`)

func schemaOfSQLite(t *testing.T, db *storetest.DB) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for _, table := range lines(t, db, 2, `SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> $1`, gooseTable) {
		name := table[0]
		for _, c := range lines(t, db, 3, `SELECT name, type, "notnull" FROM pragma_table_info($1)`, name) {
			found[fmt.Sprintf("column %s.%s %s required=%t", name, c[0], strings.ToLower(c[1]), c[2] == "1")] = true
		}
		for _, m := range checkName.FindAllStringSubmatch(table[1], -1) {
			found["check "+name+" "+m[1]] = true
		}
		if strings.Count(table[1], "CHECK (") != len(checkName.FindAllString(table[1], -1)) {
			t.Errorf("%s has a check without a name", name)
		}
		for _, f := range lines(t, db, 3, `SELECT "from", "table", "to" FROM pragma_foreign_key_list($1)`, name) {
			found[fmt.Sprintf("reference %s.%s to %s.%s", name, f[0], f[1], f[2])] = true
		}
		for _, i := range lines(t, db, 4, `SELECT name, "unique", origin, partial FROM pragma_index_list($1)`, name) {
			var columns []string
			for _, c := range lines(t, db, 1, `SELECT name FROM pragma_index_info($1) ORDER BY seqno`, i[0]) {
				columns = append(columns, c[0])
			}
			found[indexLine(name, i[0], i[2] == "pk", i[2] == "c", i[1] == "1", i[3] == "1", columns)] = true
		}
	}
	return found
}

// indexLine names an index; those that belong to a key or to UNIQUE have no name of ours on SQLite.
func indexLine(table, name string, primary, named, unique, partial bool, columns []string) string {
	switch {
	case primary:
		return fmt.Sprintf("key %s (%s)", table, strings.Join(columns, ", "))
	case !named:
		return fmt.Sprintf("unique %s (%s)", table, strings.Join(columns, ", "))
	}
	return fmt.Sprintf("index %s on %s (%s) unique=%t partial=%t", name, table, strings.Join(columns, ", "), unique, partial)
}

func schemaOfPostgres(t *testing.T, db *storetest.DB) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	for _, c := range lines(t, db, 4, `SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns
			WHERE table_schema = 'public' AND table_name <> $1`, gooseTable) {
		found[fmt.Sprintf("column %s.%s %s required=%t", c[0], c[1], c[2], c[3] == "NO")] = true
	}
	for _, c := range lines(t, db, 2, `SELECT r.relname, c.conname FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid
			JOIN pg_namespace n ON n.oid = r.relnamespace WHERE c.contype = 'c' AND n.nspname = 'public' AND r.relname <> $1`, gooseTable) {
		found["check "+c[0]+" "+c[1]] = true
	}
	for _, f := range lines(t, db, 4, `SELECT r.relname, a.attname, fr.relname, fa.attname FROM pg_constraint c
			JOIN pg_class r ON r.oid = c.conrelid JOIN pg_class fr ON fr.oid = c.confrelid
			JOIN LATERAL unnest(c.conkey, c.confkey) AS k (here, there) ON TRUE
			JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum = k.here JOIN pg_attribute fa ON fa.attrelid = fr.oid AND fa.attnum = k.there
			WHERE c.contype = 'f'`) {
		found[fmt.Sprintf("reference %s.%s to %s.%s", f[0], f[1], f[2], f[3])] = true
	}
	for _, i := range lines(t, db, 7, `SELECT r.relname, x.relname, i.indisprimary, c.oid IS NULL, i.indisunique, i.indpred IS NOT NULL,
				(SELECT string_agg(a.attname, ', ' ORDER BY k.n) FROM unnest(i.indkey) WITH ORDINALITY AS k (num, n) JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum = k.num)
			FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_class r ON r.oid = i.indrelid JOIN pg_namespace n ON n.oid = r.relnamespace
			LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid AND c.contype IN ('p', 'u')
			WHERE n.nspname = 'public' AND r.relname <> $1`, gooseTable) {
		found[indexLine(i[0], i[1], i[2] == "true", i[3] == "true", i[4] == "true", i[5] == "true", []string{i[6]})] = true
	}
	return found
}
