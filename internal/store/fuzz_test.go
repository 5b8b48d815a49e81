package store

import (
	"database/sql"
	"strings"
	"testing"

	"doverie/internal/trust"
)

// Rows are read by these parsers long after they were written, by hands or by an older binary: they never
// fall over, and what is not five times "yes" does not become it.
func FuzzScanApproval(f *testing.F) {
	for _, answers := range []string{"", "yes,yes,yes,yes,yes", "yes,yes,yes,yes", "yes,yes,yes,yes,yes,no", ",,,,", "yes, yes,yes,yes,yes", "YES,yes,yes,yes,yes", "да,yes,yes,yes,yes", "no,unsure"} {
		f.Add(answers)
	}
	all := [trust.Questions]trust.Answer{trust.Yes, trust.Yes, trust.Yes, trust.Yes, trust.Yes}
	f.Fuzz(func(t *testing.T, answers string) {
		a, err := scanApproval(func(into ...any) error {
			for _, p := range into {
				if text, ok := p.(*string); ok && text != nil {
					*text = answers // the answers are the one column that is read into a plain variable of its own
				}
			}
			return nil
		})
		if err != nil || (a.Answers == all) != (answers == "yes,yes,yes,yes,yes") {
			t.Fatalf("%q became %v (%v)", answers, a.Answers, err)
		}
	})
}

func FuzzScanLink(f *testing.F) {
	for _, why := range []string{"", "age", "age,phone_not_current", ",", "age,,", "\xff"} {
		f.Add(why)
	}
	f.Fuzz(func(t *testing.T, why string) {
		l, err := scanLink(func(into ...any) error {
			for _, p := range into {
				switch p := p.(type) {
				case *string:
					*p = why
				case *sql.NullString:
					*p = sql.NullString{}
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range l.Why {
			if r == "" || strings.Contains(string(r), ",") {
				t.Fatalf("%q became %q", why, l.Why)
			}
		}
	})
}

// The address of a database chooses the engine, and its text never chooses what the program must choose.
func FuzzAddress(f *testing.F) {
	for _, dsn := range []string{
		"/var/lib/doverie/store.db", "file:/tmp/a.db", "file:a?mode=ro", "file::memory:", "", "postgres://u:p@h/db", "postgresql://h1,h2/db?sslmode=require", "postgres://%zz", "POSTGRES://h/db", "a?b=c&_pragma=synchronous(OFF)", "доверие.db", "a#b", "a%20b",
		"postgres://u:secret@h:notaport/db", "postgres://u:secret@%zz/db", "postgres://h/db?default_transaction_isolation=serializable",
	} {
		f.Add(dsn)
	}
	f.Fuzz(func(t *testing.T, dsn string) {
		if isPostgres(dsn) {
			if strings.Contains(dsn, "service") || strings.Contains(dsn, "file") || strings.Contains(dsn, "ssl") {
				return // these name files of the machine
			}
			db, err := openPostgres(dsn, 1)
			if err == nil {
				err = db.Close()
			}
			if err != nil && strings.Contains(err.Error(), ":secret@") {
				t.Fatalf("the password is told: %v", err)
			}
			return
		}
		w, r, err := openSQLite(dsn, 1) // opens nothing before it is used
		if err != nil {
			return
		}
		if w.Stats().MaxOpenConnections != 1 || strings.Contains(dsn, "file:") && strings.Contains(dsn[len("file:"):], "?") && strings.HasPrefix(dsn, "file:") {
			t.Fatalf("%q is taken", dsn)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
