// Package pgtest gives tests a PostgreSQL of their own.
//
// Where DOVERIE_TEST_POSTGRES holds a connection string (of a role that may create databases), that
// server is used. Otherwise the newest installed PostgreSQL is started from a temporary folder, on a
// free port of 127.0.0.1, as the user "postgres" when the tests run as root, and it is stopped and
// its folder removed when the test process ends, however it ends: kill -9 included.
//
// A test asks for a database with DB or Migrated and gets a connection string; the database is
// dropped after the test. A machine without PostgreSQL fails the test and says how to install it:
// SQLite hides the races that matter here, so nothing is ever skipped.
package pgtest

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Env is the variable that names a PostgreSQL to use instead of a private one.
const Env = "DOVERIE_TEST_POSTGRES"

// Cluster is a PostgreSQL server in which tests make databases. It is safe for concurrent use.
type Cluster struct {
	admin string // connection string of a database that always exists
	own   *server

	mu        sync.Mutex
	templates map[string]*template
}

type template struct {
	once sync.Once
	name string
	err  error
}

// Start connects to the server that Env names, or starts a private one. Stop it when done.
func Start(ctx context.Context, options ...Option) (*Cluster, error) {
	c := &Cluster{admin: os.Getenv(Env), templates: map[string]*template{}}
	if c.admin != "" {
		if err := c.exec(ctx, "SELECT 1"); err != nil {
			return nil, fmt.Errorf("pgtest: the server of %s: %w", Env, err)
		}
		return c, nil
	}
	own, err := startServer(ctx, options...)
	if err != nil {
		return nil, err
	}
	c.own, c.admin = own, own.dsn()
	return c, nil
}

// NewDB makes an empty database for the test, dropped when the test ends, and returns its
// connection string.
func (c *Cluster) NewDB(t testing.TB) (dsn string) {
	t.Helper()
	return c.FromTemplate(t, "template0")
}

// FromTemplate makes a copy of the named database for the test, dropped when the test ends, and
// returns its connection string. Nobody may be connected to the named one meanwhile.
func (c *Cluster) FromTemplate(t testing.TB, template string) (dsn string) {
	t.Helper()
	name := newName()
	if err := c.exec(t.Context(), "CREATE DATABASE "+quote(name)+" TEMPLATE "+quote(template)); err != nil {
		t.Fatalf("pgtest: making a database: %v", err)
	}
	t.Cleanup(func() {
		if err := c.drop(name); err != nil {
			t.Errorf("pgtest: dropping the test's database: %v", err)
		}
	})
	return withDatabase(c.admin, name)
}

// Migrated makes, for the test, a copy of a template database that fill has filled (for example with
// the migrations). fill runs once for each key in the life of the cluster, and must close every
// connection it opens.
func (c *Cluster) Migrated(t testing.TB, key string, fill func(dsn string) error) (dsn string) {
	t.Helper()
	c.mu.Lock()
	tpl := c.templates[key]
	if tpl == nil {
		tpl = &template{name: newName()}
		c.templates[key] = tpl
	}
	c.mu.Unlock()
	tpl.once.Do(func() {
		if tpl.err = c.exec(context.WithoutCancel(t.Context()), "CREATE DATABASE "+quote(tpl.name)+" TEMPLATE template0"); tpl.err == nil {
			tpl.err = fill(withDatabase(c.admin, tpl.name))
		}
	})
	if tpl.err != nil {
		t.Fatalf("pgtest: filling the template %q: %v", key, tpl.err)
	}
	return c.FromTemplate(t, tpl.name)
}

// Stop drops the templates, and stops the server if it is ours.
func (c *Cluster) Stop() error {
	if c.own != nil {
		return c.own.stop()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, tpl := range c.templates {
		if err := c.drop(tpl.name); err != nil {
			return fmt.Errorf("pgtest: dropping the template %q: %w", key, err)
		}
	}
	return nil
}

func (c *Cluster) drop(name string) error {
	return c.exec(context.Background(), "DROP DATABASE IF EXISTS "+quote(name)+" WITH (FORCE)")
}

func (c *Cluster) exec(ctx context.Context, sql string) error {
	conn, err := pgx.Connect(ctx, c.admin)
	if err != nil {
		return fmt.Errorf("connecting: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }() // nothing is lost: the statement has been answered
	if _, err = conn.Exec(ctx, sql); err != nil {
		return fmt.Errorf("%.40s: %w", sql, err)
	}
	return nil
}

func newName() string { return "doverie_test_" + strings.ToLower(rand.Text()[:16]) }

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }

// withDatabase returns the connection string (an address or key=value words) with another database.
func withDatabase(dsn, name string) string {
	if u, err := url.Parse(dsn); err == nil && (u.Scheme == "postgres" || u.Scheme == "postgresql") {
		u.Path = "/" + name
		q := u.Query()
		q.Del("dbname")
		q.Del("database")
		u.RawQuery = q.Encode()
		return u.String()
	}
	return dsn + " dbname=" + name // the last word of a name counts
}

// The one cluster of a test process, started when first asked for.
var shared struct {
	once    sync.Once
	cluster *Cluster
	err     error
}

func sharedCluster(t testing.TB) *Cluster {
	t.Helper()
	shared.once.Do(func() { shared.cluster, shared.err = Start(context.WithoutCancel(t.Context())) })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.cluster
}

// DB is NewDB of the test process's own cluster.
func DB(t testing.TB) (dsn string) {
	t.Helper()
	return sharedCluster(t).NewDB(t)
}

// Migrated is Cluster.Migrated of the test process's own cluster.
func Migrated(t testing.TB, key string, fill func(dsn string) error) (dsn string) {
	t.Helper()
	return sharedCluster(t).Migrated(t, key, fill)
}

// Main runs the tests of a package, stops the cluster if one was started, and ends the process:
//
//	func TestMain(m *testing.M) { pgtest.Main(m) }
//
// A private server ends with its test process even without Main; a server named by Env would keep
// the templates.
func Main(m *testing.M) {
	code := m.Run()
	if shared.cluster != nil {
		if err := shared.cluster.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	os.Exit(code)
}
