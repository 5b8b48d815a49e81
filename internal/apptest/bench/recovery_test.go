// Package bench measures whole guarded recoveries over HTTP, both people together, on both engines, beside
// bare Argon2id on the same cores in the same run. It runs only when asked: make bench.
package bench

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"runtime/pprof"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/pprof/profile"

	"doverie/internal/account"
	"doverie/internal/apptest"
	"doverie/internal/effect"
	"doverie/internal/notify"
	"doverie/internal/policy"
	"doverie/internal/secret"
	"doverie/internal/store/storetest"
)

var (
	table = flag.Bool("table", false, "print the tables: without it only one recovery a engine is walked, to keep the walk working")
	each  = flag.Int("each", 48, "recoveries measured for each engine and number at a time")
)

// pair is one principal and his settled contact, ready for a recovery.
type pair struct{ principal, contact account.Account }

func pairs(w *apptest.World, n, from int) []pair {
	w.T.Helper()
	act := effect.Act{Actor: effect.System}
	all := make([]pair, 0, n)
	for i := from; i < from+n; i++ {
		p := pair{
			w.Add(storetest.Person{Given: "Вера", Patronymic: "Петровна", Phone: fmt.Sprintf("+7913%07d", 2000000+2*i)}),
			w.Add(storetest.Person{Given: "Алексей", Phone: fmt.Sprintf("+7913%07d", 2000001+2*i)}),
		}
		id, err := w.Links.Invite(context.Background(), act, p.principal.ID, p.contact.Given, p.contact.Phone)
		if err == nil {
			err = w.Links.Accept(context.Background(), act, p.contact.ID, id)
		}
		if err != nil {
			w.T.Fatal(err)
		}
		all = append(all, p)
	}
	w.Advance(w.Policy.Settling)
	return all
}

// messages is the step in which jobs delivers what the step before has written into the outbox.
const messages = "messages delivered"

// recover walks both people through one recovery; step is told after each request of it.
func (p pair) recover(w *apptest.World, step func(name string)) {
	applicant, contact := w.Client(), w.Client()
	do := func(name string, c *apptest.Client, want, path string, form ...string) {
		step(messages) // a code that the form needs was delivered just now
		c.Want(c.Post(path, form...), want)
		step(name)
	}
	do("start", applicant, "/recovery/code", "/recovery", "identifier", p.principal.Phone)
	do("first code", applicant, "/recovery", "/recovery/code", "code", code(w, p.principal.Phone, notify.RecoveryCode))
	match := applicant.Match()
	step("waiting page")
	do("contact: password", contact, "/sign-in/code", "/sign-in", "identifier", p.contact.Phone, "password", apptest.Password)
	do("contact: sign-in code", contact, "/", "/sign-in/code", "code", code(w, p.contact.Phone, notify.SignInCode))
	request := contact.Request()
	step("contact: list")
	do("contact: answers", contact, request, request+"/questions", apptest.Answers(0)...)
	do("contact: match number", contact, request, request+"/match", "number", match)
	do("contact: send the code", contact, request, request+"/confirm")
	do("contact: approve", contact, request, request+"/code", "code", code(w, p.contact.Phone, notify.ApprovalCode))
	do("send the second code", applicant, "/recovery", "/recovery/finish/send")
	do("second code", applicant, "/recovery", "/recovery/finish", "code", code(w, p.principal.Phone, notify.RecoveryFinishCode))
	do("new password", applicant, "/recovery", "/recovery/password", "password", apptest.NewPassword)
}

// code waits for the code: when many recover at once, another one's delivery may have it in hand.
func code(w *apptest.World, address string, kind notify.Kind) string {
	for end := time.Now().Add(time.Minute); w.Count(address, kind) == 0 && time.Now().Before(end); {
		time.Sleep(2 * time.Millisecond)
	}
	return w.Code(address, kind)
}

func world(t testing.TB, engine string) *apptest.World {
	t.Helper()
	boundless := func(p *policy.Policy) { p.SMSCodesArea, p.SMSCodesRange = 1_000_000, 1_000_000 } // budgets are not what is measured
	return apptest.New(t, engine, apptest.Options{Quiet: true, Policy: boundless, Hashing: secret.HasherOptions{
		Params: secret.DefaultParams(), Queue: 256, Wait: time.Minute,
	}})
}

// measured is one row of the table.
type measured struct {
	engine           string
	together         int
	perSecond        float64
	cpu              time.Duration // of this process, a recovery
	argon, sql, rest float64       // shares of it
}

func TestRecoveriesASecond(t *testing.T) {
	if !*table {
		t.Log("run by make bench; the walk itself is TestStepsOfARecovery")
		return
	}
	bare, hash := bareArgon(t)
	var rows []measured
	for _, engine := range []string{"sqlite", "postgres"} {
		w := world(t, engine)
		from := 0
		for _, together := range []int{1, 8, 32} {
			all := pairs(w, *each, from)
			from += *each
			rows = append(rows, measure(t, w, engine, together, all))
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "```text\nbare Argon2id (19 MiB, t=2, p=1), %d cores: %.1f hashes/s, %s CPU a hash\n", secret.Room(), bare, hash.Round(100*time.Microsecond))
	fmt.Fprintf(&b, "\n%-9s %9s %13s %18s %14s %9s %6s %6s\n", "engine", "together", "recoveries/s", "of Argon2id bound", "CPU/recovery", "Argon2id", "SQL", "rest")
	for _, r := range rows {
		// Three hashes a recovery: the contact's password twice, the new password once.
		fmt.Fprintf(&b, "%-9s %9d %13.2f %17.0f%% %14s %8.0f%% %5.0f%% %5.0f%%\n", r.engine, r.together, r.perSecond,
			100*r.perSecond*3/bare, r.cpu.Round(100*time.Microsecond), 100*r.argon, 100*r.sql, 100*r.rest)
	}
	b.WriteString("\nCPU is of the process that runs server, clients and SQLite; the PostgreSQL server's own is not in it.\nSQL is database/sql, drivers and SQLite.\n```\n")
	keep(t, "recoveries", b.String())
}

func measure(t *testing.T, w *apptest.World, engine string, together int, all []pair) measured {
	t.Helper()
	var samples bytes.Buffer
	if err := pprof.StartCPUProfile(&samples); err != nil {
		t.Fatal(err)
	}
	cpu, start := processCPU(t), time.Now()
	var next atomic.Int64
	var wg sync.WaitGroup
	for range together {
		wg.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(all) {
					return
				}
				all[i].recover(w, func(string) {})
			}
		})
	}
	wg.Wait()
	took, spent := time.Since(start), processCPU(t)-cpu
	pprof.StopCPUProfile()
	m := measured{engine: engine, together: together, perSecond: float64(len(all)) / took.Seconds(), cpu: spent / time.Duration(len(all))}
	m.argon, m.sql = shares(t, &samples)
	m.rest = 1 - m.argon - m.sql
	return m
}

// shares splits the CPU samples by what is on their stacks.
func shares(t *testing.T, samples *bytes.Buffer) (argon, sql float64) {
	t.Helper()
	p, err := profile.Parse(samples)
	if err != nil {
		t.Fatal(err)
	}
	var all, inArgon, inSQL int64
	for _, s := range p.Sample {
		n := s.Value[len(s.Value)-1]
		all += n
		switch stack := functions(s); {
		case strings.Contains(stack, "crypto/argon2"):
			inArgon += n
		case strings.Contains(stack, "database/sql."), strings.Contains(stack, "modernc.org/"), strings.Contains(stack, "jackc/pgx"):
			inSQL += n
		}
	}
	if all == 0 {
		t.Fatal("the profile is empty")
	}
	return float64(inArgon) / float64(all), float64(inSQL) / float64(all)
}

func functions(s *profile.Sample) string {
	var b strings.Builder
	for _, l := range s.Location {
		for _, line := range l.Line {
			if line.Function != nil {
				b.WriteString(line.Function.Name)
				b.WriteByte('\n')
			}
		}
	}
	return b.String()
}

// bareArgon hashes on every core and nothing else.
func bareArgon(t *testing.T) (perSecond float64, cpu time.Duration) {
	t.Helper()
	h := secret.NewHasher(secret.HasherOptions{Params: secret.DefaultParams(), Queue: 256, Wait: time.Minute})
	const hashes = 60
	var next atomic.Int64
	var wg sync.WaitGroup
	before, start := processCPU(t), time.Now()
	for range secret.Room() {
		wg.Go(func() {
			for next.Add(1) <= hashes {
				if _, err := h.Hash(context.Background(), apptest.Password); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	wg.Wait()
	return hashes / time.Since(start).Seconds(), (processCPU(t) - before) / hashes
}

// processCPU is the user and system time of this process so far.
func processCPU(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(m.Run())
}
