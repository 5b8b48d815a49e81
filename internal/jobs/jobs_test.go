package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"doverie/internal/apptest/pgtest"
	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/jobs"
	"doverie/internal/store/storetest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// phone is a deliverer that does as it is told and remembers what arrived.
type phone struct {
	mu      sync.Mutex
	arrived []string
	say     func(m jobs.Message) (jobs.Outcome, error)
}

func (p *phone) Deliver(_ context.Context, m jobs.Message) (jobs.Outcome, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.arrived = append(p.arrived, m.Kind)
	if p.say == nil {
		return jobs.Sent, nil
	}
	return p.say(m)
}

func (p *phone) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.arrived)
}

func engine(t *testing.T, db *storetest.DB, p *phone, change func(*jobs.Config)) *jobs.Engine {
	t.Helper()
	c := jobs.Config{Queue: db, Deliverer: p, Now: db.Clock.Now, Workers: 3, Poll: 20 * time.Millisecond}
	if change != nil {
		change(&c)
	}
	e, err := jobs.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func apply(t *testing.T, db *storetest.DB, effects ...effect.Effect) {
	t.Helper()
	if err := db.Apply(t.Context(), effect.Act{Actor: effect.System}, db.Clock.Now(), "2026-11", effects); err != nil {
		t.Fatal(err)
	}
}

func sms(kind, to string, args map[string]string) effect.Send {
	return effect.Send{Kind: kind, Via: []effect.Channel{effect.SMS}, Address: to, Locale: "ru", Args: args}
}

func due(t *testing.T, e *jobs.Engine, want int) {
	t.Helper()
	if n, err := e.RunDue(t.Context()); err != nil || n != want {
		t.Fatalf("%d rows were worked on, want %d; %v", n, want, err)
	}
}

func TestOutcomes(t *testing.T) {
	t.Parallel()
	lost := errors.New("the reply was lost")
	cases := map[string]struct {
		code    bool
		say     func(jobs.Message) (jobs.Outcome, error)
		arrives int // within a minute
		state   string
	}{
		"sent":                 {false, nil, 1, "sent"},
		"refused for ever":     {false, func(jobs.Message) (jobs.Outcome, error) { return jobs.Failed, lost }, 1, "failed"},
		"unknown, a notice":    {false, unknownOnce, 2, "sent"},
		"unknown, a code":      {true, unknownOnce, 1, "unknown"},
		"not delivered, again": {true, retryTwice, 3, "sent"},
		"panic with a code":    {true, func(jobs.Message) (jobs.Outcome, error) { panic("broken channel") }, 1, "unknown"},
		"an outcome of no use": {false, func(jobs.Message) (jobs.Outcome, error) { return "maybe", nil }, 1, "failed"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Each(t, func(t *testing.T, db *storetest.DB) {
				p := &phone{say: c.say}
				e := engine(t, db, p, nil)
				args := map[string]string{"name": "Алексей"}
				if c.code {
					args["code"] = "123456"
				}
				apply(t, db, sms("kind", "+79161234567", args))
				for range 60 {
					if _, err := e.RunDue(t.Context()); err != nil {
						t.Fatal(err)
					}
					db.Clock.Advance(time.Second)
				}
				if p.count() != c.arrives {
					t.Errorf("delivered %d times, want %d", p.count(), c.arrives)
				}
				if n := db.Count(t, `SELECT COUNT(id) FROM outbox WHERE state = $1 AND args IS NULL`, c.state); n != 1 {
					t.Errorf("not %s and wiped in the end", c.state)
				}
			})
		})
	}
}

func unknownOnce(m jobs.Message) (jobs.Outcome, error) {
	if m.Attempt == 1 {
		return jobs.Unknown, errors.New("no reply")
	}
	return jobs.Sent, nil
}

func retryTwice(m jobs.Message) (jobs.Outcome, error) {
	if m.Attempt <= 2 {
		return jobs.Retry, fault.New(fault.Busy, "fault.busy", nil)
	}
	return jobs.Sent, nil
}

// A code whose gateway is down for longer than it lives is never delivered, and a message is given
// up after its last attempt.
func TestTooLateAndGivenUp(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		down := true
		p := &phone{say: func(jobs.Message) (jobs.Outcome, error) {
			if down {
				return jobs.Retry, errors.New("gateway down")
			}
			return jobs.Sent, nil
		}}
		e := engine(t, db, p, func(c *jobs.Config) { c.MaxAttempts = 3 })
		code := sms("code", "+79161234567", map[string]string{"code": "123456"})
		code.NotAfter = db.Clock.Now().Add(5 * time.Second)
		apply(t, db, code, sms("notice", "+79160000000", nil))
		for range 60 {
			if _, err := e.RunDue(t.Context()); err != nil {
				t.Fatal(err)
			}
			db.Clock.Advance(time.Second)
		}
		down = false
		before := p.count()
		due(t, e, 0)
		if p.count() != before || before < 4 {
			t.Errorf("delivered %d times while down, then %d", before, p.count())
		}
		if n := db.Count(t, `SELECT COUNT(id) FROM outbox WHERE (kind = 'code' AND state = 'expired') OR (kind = 'notice' AND state = 'failed' AND attempt = 3)`); n != 2 {
			t.Error("not expired and failed")
		}
	})
}

func TestTimersRunWhenDue(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		var mu sync.Mutex
		var handled []string
		fail := 2
		e := engine(t, db, &phone{}, nil)
		e.Register("recovery.expire", func(ctx context.Context, object string) error {
			mu.Lock()
			defer mu.Unlock()
			handled = append(handled, object)
			if object == "unlucky" && fail > 0 {
				fail--
				if fail == 0 {
					panic("handler")
				}
				return errors.New("database gone")
			}
			if object == "chain" { // what a handler commits is worked on in the same run
				return db.Apply(ctx, effect.Act{Actor: effect.System}, db.Clock.Now(), "2026-11",
					[]effect.Effect{effect.Arm{Timer: "recovery.expire", Object: "next", At: db.Clock.Now()}, sms("notice", "+79160000000", nil)})
			}
			return nil
		})
		at := db.Clock.Now().Add(12 * time.Hour)
		apply(t, db, effect.Arm{Timer: "recovery.expire", Object: "chain", At: at}, effect.Arm{Timer: "recovery.expire", Object: "unlucky", At: at.Add(time.Hour)},
			effect.Arm{Timer: "nobody's", Object: "1", At: at.Add(2 * time.Hour)})
		due(t, e, 0)
		db.Clock.Advance(12 * time.Hour)
		due(t, e, 3)
		db.Clock.Advance(time.Hour)
		due(t, e, 1)
		for range 10 {
			db.Clock.Advance(time.Second)
			if _, err := e.RunDue(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if fmt.Sprint(handled) != "[chain next unlucky unlucky unlucky]" {
			t.Errorf("handled %v", handled)
		}
		db.Clock.Advance(time.Hour)
		due(t, e, 1)
		if n := db.Count(t, `SELECT COUNT(kind) FROM timers WHERE problem IS NOT NULL AND state = 'pending'`); n != 1 {
			t.Errorf("%d timers wait for a handler, want 1", n)
		}
	})
}

// Two engines on one queue, woken by commits: everything is delivered once, and both stop in time.
func TestRunAndStop(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		ctx, cancel := context.WithCancel(t.Context())
		p := &phone{}
		var running sync.WaitGroup
		for range 2 {
			e := engine(t, db, p, func(c *jobs.Config) {
				c.Report = func(i jobs.Incident) { t.Errorf("incident %+v", i) }
			})
			running.Go(func() { e.Run(ctx) })
		}
		const n = 60
		for i := range n {
			apply(t, db, sms("notice", fmt.Sprintf("+7916%07d", i), nil))
		}
		for range 500 {
			if p.count() >= n {
				break
			}
			time.Sleep(10 * time.Millisecond)
		}
		cancel()
		running.Wait()
		if p.count() != n {
			t.Errorf("%d deliveries, want %d", p.count(), n)
		}
		if sent := db.Count(t, `SELECT COUNT(id) FROM outbox WHERE state = 'sent'`); sent != n {
			t.Errorf("%d settled, want %d: work in progress must be finished when stopping", sent, n)
		}
	})
}

func TestConfigurationMistakes(t *testing.T) {
	t.Parallel()
	if _, err := jobs.New(jobs.Config{}); err == nil {
		t.Error("an engine without a queue")
	}
	db := storetest.SQLite(t)
	e := engine(t, db, &phone{}, nil)
	e.Register("a", func(context.Context, string) error { return nil })
	defer func() {
		if recover() == nil {
			t.Error("two handlers of one kind")
		}
	}()
	e.Register("a", func(context.Context, string) error { return nil })
}
