package pgtest_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"doverie/internal/apptest/pgtest"
)

func TestMain(m *testing.M) {
	if os.Getenv("PGTEST_VICTIM") != "" {
		victim()
	}
	pgtest.Main(m)
}

// victim starts a server, prints where it is, and waits to be killed.
func victim() {
	_ = os.Unsetenv(pgtest.Env)
	c, err := pgtest.Start(context.Background())
	if err != nil {
		panic(err)
	}
	t := &fakeTB{}
	println("dsn " + c.NewDB(t)) // the parent reads it
	time.Sleep(time.Hour)
}

// fakeTB is a test that never ends: NewDB's clean-up must not run.
type fakeTB struct{ testing.TB }

func (*fakeTB) Helper()                   {}
func (*fakeTB) Cleanup(func())            {}
func (*fakeTB) Context() context.Context  { return context.Background() }
func (*fakeTB) Fatalf(f string, _ ...any) { panic(f) }

func connect(t *testing.T, dsn string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func exec1(t *testing.T, dsn, sql string) {
	t.Helper()
	if _, err := connect(t, dsn).Exec(t.Context(), sql); err != nil {
		t.Fatal(err)
	}
}

func one[T any](t *testing.T, dsn, sql string) (value T) {
	t.Helper()
	if err := connect(t, dsn).QueryRow(t.Context(), sql).Scan(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

func TestEachTestHasItsOwnDatabase(t *testing.T) {
	var dsn string
	t.Run("first", func(t *testing.T) {
		dsn = pgtest.DB(t)
		exec1(t, dsn, "CREATE TABLE mine (x BIGINT)")
		if enc := one[string](t, dsn, "SHOW server_encoding"); enc != "UTF8" {
			t.Errorf("encoding %s", enc)
		}
		if n := one[string](t, dsn, "SHOW max_connections"); os.Getenv(pgtest.Env) == "" && n != "200" {
			t.Errorf("max_connections %s", n)
		}
		// Left open: the database is dropped all the same.
		conn, err := pgx.Connect(t.Context(), dsn)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn }()
	})
	t.Run("second", func(t *testing.T) {
		if found := one[bool](t, pgtest.DB(t), "SELECT to_regclass('mine') IS NOT NULL"); found {
			t.Error("the other test's table is here")
		}
	})
	if conn, err := pgx.Connect(t.Context(), dsn); err == nil {
		_ = conn.Close(t.Context())
		t.Error("the database outlived its test")
	}
}

func TestMigratedIsFilledOnceAndCopied(t *testing.T) {
	fills, key := 0, rand.Text() // a key of its own in each run of -count
	fill := func(dsn string) error {
		fills++
		conn, err := pgx.Connect(context.Background(), dsn)
		if err != nil {
			return err
		}
		_, err = conn.Exec(context.Background(), "CREATE TABLE people (name TEXT); INSERT INTO people VALUES ('Алексей')")
		return errors.Join(err, conn.Close(context.Background()))
	}
	a, b := pgtest.Migrated(t, key, fill), pgtest.Migrated(t, key, fill)
	exec1(t, a, "DELETE FROM people")
	if name := one[string](t, b, "SELECT name FROM people"); name != "Алексей" || fills != 1 || a == b {
		t.Errorf("%q after %d fills", name, fills)
	}
}

func TestStopLeavesNothing(t *testing.T) {
	t.Setenv(pgtest.Env, "")
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "")) // below /tmp, but closed to other users when root
	c, err := pgtest.Start(t.Context(), pgtest.Durable())
	if err != nil {
		t.Fatal(err)
	}
	var dsn, dir string
	t.Run("use", func(t *testing.T) {
		dsn = c.NewDB(t)
		dir = one[string](t, dsn, "SHOW data_directory")
		if fsync := one[string](t, dsn, "SHOW fsync"); fsync != "on" {
			t.Errorf("fsync %s", fsync)
		}
	})
	if err := c.Stop(); err != nil {
		t.Fatal(err)
	}
	gone(t, dsn, dir)
}

func TestAServerDiesWithItsTest(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "PGTEST_VICTIM=1")
	out, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	dsn, found := strings.CutPrefix(strings.TrimSpace(line), "dsn ")
	if err != nil || !found {
		t.Fatalf("the victim says %q, %v", line, err)
	}
	dir := one[string](t, dsn, "SHOW data_directory")
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed, as asked
	gone(t, dsn, dir)
}

// gone waits until the server neither answers nor has a folder.
func gone(t *testing.T, dsn, dir string) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		conn, err := pgx.Connect(t.Context(), dsn)
		if err == nil {
			_ = conn.Close(t.Context())
		}
		_, errDir := os.Stat(filepath.Dir(dir))
		if err != nil && errors.Is(errDir, os.ErrNotExist) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("still there: server %v, folder %v", err == nil, errDir == nil)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func TestTheEnvironmentNamesAServer(t *testing.T) {
	base := pgtest.DB(t)
	for name, dsn := range map[string]string{
		"address": base,
		"words":   words(t, base),
	} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(pgtest.Env, dsn)
			c, err := pgtest.Start(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			a, b := c.NewDB(t), c.Migrated(t, "k", func(string) error { return nil })
			if one[string](t, a, "SELECT current_database()") == one[string](t, b, "SELECT current_database()") {
				t.Error("one database for two")
			}
			before := one[int64](t, base, "SELECT count(*) FROM pg_database")
			if err := c.Stop(); err != nil {
				t.Fatal(err)
			}
			if after := one[int64](t, base, "SELECT count(*) FROM pg_database"); after != before-1 {
				t.Errorf("Stop dropped %d templates", before-after)
			}
		})
	}
	t.Setenv(pgtest.Env, "postgres://nobody@127.0.0.1:1/x?connect_timeout=2")
	if _, err := pgtest.Start(t.Context()); err == nil || !strings.Contains(err.Error(), pgtest.Env) {
		t.Errorf("a server that does not answer: %v", err)
	}
}

func words(t *testing.T, dsn string) string {
	t.Helper()
	c, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	return "host=" + c.Host + " port=" + strconv.Itoa(int(c.Port)) + " user=" + c.User + " password='" + c.Password + "' sslmode=disable dbname=postgres"
}

// A server that is killed comes back with everything that was committed.
func TestACrashKeepsWhatWasCommitted(t *testing.T) {
	t.Setenv(pgtest.Env, "")
	c, err := pgtest.Start(t.Context(), pgtest.Durable())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Stop(); err != nil {
			t.Error(err)
		}
	})
	dsn := c.NewDB(t)
	if _, err := connect(t, dsn).Exec(t.Context(), "CREATE TABLE kept (n INT)"); err != nil {
		t.Fatal(err)
	}
	for n, crash := range []func(context.Context) error{c.Crash, c.CrashBackend, c.Crash} {
		open := connect(t, dsn)
		if _, err := open.Exec(t.Context(), "INSERT INTO kept VALUES (1)"); err != nil {
			t.Fatal(err)
		}
		if err := crash(t.Context()); err != nil {
			t.Fatal(err)
		}
		var rows int
		if err := connect(t, dsn).QueryRow(t.Context(), "SELECT COUNT(n) FROM kept").Scan(&rows); err != nil || rows != n+1 {
			t.Fatalf("after crash %d: %d rows, %v", n+1, rows, err)
		}
		if err := open.Ping(t.Context()); err == nil {
			t.Fatalf("crash %d: a connection from before lives", n+1)
		}
	}
}
