package pgtest

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// Dump writes the database into a file as an administrator does (docs/operations.md): pg_dump in its own format.
func Dump(t testing.TB, dsn, file string) {
	t.Helper()
	tool(t, "pg_dump", "--format=custom", "--file="+file, "--dbname="+dsn)
}

// Restore puts a dump into an empty database with pg_restore.
func Restore(t testing.TB, file, dsn string) {
	t.Helper()
	tool(t, "pg_restore", "--exit-on-error", "--no-owner", "--dbname="+dsn, file)
}

// tool runs a program of PostgreSQL: of the version of the private server, or on PATH.
func tool(t testing.TB, name string, args ...string) {
	t.Helper()
	path := name
	if bin, err := binaries(); err == nil && isProgram(bin, name) {
		path = filepath.Join(bin, name)
	}
	if said, err := exec.CommandContext(t.Context(), path, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, said)
	}
}
