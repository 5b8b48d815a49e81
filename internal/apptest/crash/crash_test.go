// Package crash kills the real program, and the real PostgreSQL, at random moments under a load of whole
// recoveries, starts them again, and looks for whatever was acknowledged and lost (I8). Two flags make
// it long: -kills and -pgkills.
package crash

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"doverie/internal/account"
	"doverie/internal/apptest"
	"doverie/internal/apptest/pgtest"
	"doverie/internal/effect"
	"doverie/internal/policy"
	"doverie/internal/secret"
	"doverie/internal/store"
	"doverie/internal/store/storetest"
	"doverie/internal/trust"
)

var (
	kills   = flag.Int("kills", 5, "how often the program is killed on each engine")
	pgKills = flag.Int("pgkills", 2, "how often PostgreSQL is killed under the program")
)

const (
	walkers   = 8                       // stories under way at once
	perKill   = 10                      // pairs made ready for each crash: more than can be walked in its time
	killAfter = 1200 * time.Millisecond // a crash comes at a random moment of this time after the start
	aged      = 25 * time.Hour          // how old the links are: settled
)

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	apptest.RemoveProgram()
	os.Exit(code)
}

func TestTheProgramIsKilled(t *testing.T) {
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			dsn := ""
			if engine == "postgres" {
				dsn = durable(t).NewDB(t)
			}
			n := newNode(t, dsn)
			run(t, n, *kills, func() {
				_ = n.kill() // "signal: killed" is what was asked for
				n.start()
			})
		})
	}
}

// Every second time it is one process of PostgreSQL, every other time all of it.
func TestPostgreSQLIsKilled(t *testing.T) {
	cluster := durable(t)
	n := newNode(t, cluster.NewDB(t))
	times := 0
	run(t, n, *pgKills, func() {
		crash := cluster.Crash
		if times++; times%2 == 0 {
			crash = cluster.CrashBackend
		}
		if err := crash(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
}

func durable(t *testing.T) *pgtest.Cluster {
	t.Helper()
	t.Setenv(pgtest.Env, "") // only a server of our own may be killed
	cluster, err := pgtest.Start(t.Context(), pgtest.Durable())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := cluster.Stop(); err != nil {
			t.Error(err)
		}
	})
	return cluster
}

// run walks stories while crash happens, and checks what is left.
func run(t *testing.T, n *node, crashes int, crash func()) {
	t.Helper()
	db := storetest.Open(t, n.dsn)
	db.Clock.Advance(time.Now().Add(-aged).Sub(db.Clock.Now()))
	oldHash, pairs := people(t, db, 4*walkers+perKill*crashes)
	n.start()
	heard := newAcknowledged()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var walking sync.WaitGroup
	for range walkers {
		walking.Go(func() {
			for p := range pairs {
				err := (&story{pair: p, node: n, heard: heard, ctx: ctx}).walk()
				switch {
				case err == nil:
					heard.count(&heard.finished)
				case !errors.Is(err, errGivenUp):
					t.Errorf("pair %d: %v", p.number, err)
				}
			}
		})
	}
	for range crashes {
		time.Sleep(rand.N(killAfter))
		if len(pairs) == 0 {
			t.Error("nobody was left to walk when the crash came")
		}
		crash()
	}
	for len(pairs) > walkers { // those who have begun come to their end, and so do some who begin after the last crash
		select {
		case <-pairs:
		default:
		}
	}
	walking.Wait()
	n.stop()
	t.Logf("%d crashes; %s", crashes, heard)
	if heard.finished == 0 {
		t.Error("no story came to its end: this was no load")
	}
	db.Clock.Advance(time.Since(db.Clock.Now()))
	check(t, db, heard, oldHash)
	n.verify()
}

// people fills the database with settled pairs, as if they had been there for a day.
func people(t *testing.T, db *storetest.DB, count int) (passwordHash string, pairs chan pair) {
	t.Helper()
	p := policy.Default()
	hash, err := secret.NewHasher(secret.HasherOptions{}).Hash(t.Context(), apptest.Password)
	if err != nil {
		t.Fatal(err)
	}
	s := store.NewTrust(db.Store, p)
	links := trust.Links{
		Circles: s, Newcomers: s, Limits: s, Keys: db.Keys, Policy: p,
		ParseInvited: func(name, phone string) (string, string, string, error) {
			return account.FoldName(name), phone, name, nil
		},
	}
	pairs = make(chan pair, count)
	for i := range count {
		one := pair{
			number:    i,
			principal: db.Add(t, 2*i+1, storetest.Person{Given: "Вера", Phone: fmt.Sprintf("+7913%07d", 2000000+2*i), PasswordHash: hash}),
			contact:   db.Add(t, 2*i+2, storetest.Person{Given: "Алексей", Phone: fmt.Sprintf("+7913%07d", 2000001+2*i), PasswordHash: hash}),
		}
		act := effect.Act{Actor: effect.System}
		id, err := links.Invite(t.Context(), act, one.principal.ID, one.contact.Given, one.contact.Phone)
		if err == nil {
			err = links.Accept(t.Context(), act, one.contact.ID, id)
		}
		if err != nil {
			t.Fatal(err)
		}
		pairs <- one
	}
	close(pairs)
	return hash, pairs
}
