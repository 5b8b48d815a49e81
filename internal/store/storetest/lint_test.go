package storetest_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// What the two engines understand differently, or what hides a rule, stands in no statement.
var forbidden = map[string]*regexp.Regexp{
	"the database's own clock":             regexp.MustCompile(`(?i)\bnow\(|current_timestamp|current_date|datetime\(|strftime\(`),
	"columns nobody named":                 regexp.MustCompile(`(?i)(select|returning)\s+(\w+\.)?\*`),
	"folding that leaves out Cyrillic":     regexp.MustCompile(`(?i)\blower\(|\bupper\(|\bilike\b|\blike\b|\bcollate\b`),
	"a cast only PostgreSQL knows":         regexp.MustCompile(`::\s*[a-z]`),
	"a vendor's insert":                    regexp.MustCompile(`(?i)insert\s+or\s|replace\s+into`),
	"a vendor's type":                      regexp.MustCompile(`(?i)\b(serial|bigserial|autoincrement|timestamp|timestamptz|datetime|jsonb?|uuid|varchar|real|numeric|enum)\b`),
	"a function only one engine has":       regexp.MustCompile(`(?i)\b(greatest|least|string_agg|group_concat|array_agg|unnest|ifnull|iif|random)\(`),
	"JSON inside SQL":                      regexp.MustCompile(`->>?`),
	"a placeholder without a number":       regexp.MustCompile(`(=|\(|,|<|>)\s*\?`),
	"a lock clause outside the dialect":    regexp.MustCompile(`(?i)for\s+update|skip\s+locked`),
	"a value written into the text by fmt": regexp.MustCompile(`%[sdvq]`),
}

var (
	statement = regexp.MustCompile(`(?is)^\s*(select|insert|update|delete|with)\s`)
	change    = regexp.MustCompile(`(?is)^\s*(update|delete)\s`)
)

func lint(t *testing.T, where, text string) {
	t.Helper()
	for what, pattern := range forbidden {
		if found := pattern.FindString(text); found != "" {
			t.Errorf("%s: %s: %q", where, what, found)
		}
	}
}

func TestSQLConstants(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../*.go")
	if err != nil || len(files) < 10 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	count := 0
	for _, name := range files {
		fset := token.NewFileSet()
		file, err := parser.ParseFile(fset, name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			literal, ok := n.(*ast.BasicLit)
			if !ok || literal.Kind != token.STRING {
				return true
			}
			text, err := strconv.Unquote(literal.Value)
			if err != nil || !statement.MatchString(text) {
				return true
			}
			count++
			at := fset.Position(literal.Pos()).String()
			lint(t, at, text)
			if change.MatchString(text) && !strings.Contains(strings.ToUpper(text), "WHERE") {
				t.Errorf("%s: a change without a guard: %q", at, text)
			}
			return true
		})
	}
	if count < 40 {
		t.Errorf("only %d statements found: the test does not see them", count)
	}
}

func TestMigrationTexts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../migrations/*.sql")
	if err != nil || len(files) == 0 {
		t.Fatalf("%d migrations, %v", len(files), err)
	}
	for i, name := range files {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if number := filepath.Base(name)[:4]; i > 0 && number <= filepath.Base(files[i-1])[:4] || strings.Trim(number, "0123456789") != "" {
			t.Errorf("%s: migrations are numbered, and no number is used twice", name)
		}
		var sql strings.Builder
		for line := range strings.Lines(string(raw)) {
			if code, _, _ := strings.Cut(line, "--"); strings.TrimSpace(code) != "" {
				sql.WriteString(code)
			}
			if strings.Contains(line, "+goose Down") {
				t.Errorf("%s: migrations go forward only", name)
			}
		}
		lint(t, name, sql.String())
	}
}

// The net has no holes: every forbidden thing is caught in a sample.
func TestLintCatches(t *testing.T) {
	t.Parallel()
	for what, sample := range map[string]string{
		"the database's own clock": "UPDATE a SET b = now()", "columns nobody named": "SELECT * FROM a", "folding that leaves out Cyrillic": "SELECT LOWER(a) FROM b",
		"a cast only PostgreSQL knows": "SELECT $1::bigint", "a vendor's insert": "INSERT OR IGNORE INTO a", "a vendor's type": "a TIMESTAMP NOT NULL",
		"a function only one engine has": "SELECT greatest(a, b)", "JSON inside SQL": "SELECT a->>'b'", "a placeholder without a number": "WHERE a = ?",
		"a lock clause outside the dialect": "SELECT a FROM b FOR UPDATE", "a value written into the text by fmt": "WHERE a = '%s'",
	} {
		if !forbidden[what].MatchString(sample) {
			t.Errorf("%s is not caught in %q", what, sample)
		}
	}
}
