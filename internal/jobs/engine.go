package jobs

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Config is what an Engine needs. Queue, Deliverer and Now are required; the rest has defaults.
type Config struct {
	Queue     Queue
	Deliverer Deliverer
	Now       func() time.Time

	Owner       string        // name of this process in leases; empty: a random one
	Workers     int           // messages, and timers, in work at the same time; 0: 8 each
	Poll        time.Duration // how often the queue is looked at without being woken; 0: 1 s
	Lease       time.Duration // time for one piece of work before others may take it over; 0: 1 min
	Grace       time.Duration // time that work in progress gets when Run is stopped; 0: 5 s
	MaxAttempts int           // after these a message fails; 0: 100, about a day
	FirstPause  time.Duration // pause after the first failed attempt, doubled each time; 0: 2 s
	LongPause   time.Duration // longest pause; 0: 15 min
	Report      func(Incident)
}

// Incident is something an operator should see in the log. It never holds an address or a code.
type Incident struct {
	What    string // "claim", "deliver", "timer", "settle"
	Kind    string // kind of message or timer
	ID      string // message id or the timer's object
	Attempt int
	Outcome Outcome // of a message, otherwise empty
	Err     error
}

// Engine is the claim–run–settle loop of one process. Any number of processes may run one each.
type Engine struct {
	c        Config
	handlers map[string]Handler
}

// New checks the configuration and fills in the defaults.
func New(c Config) (*Engine, error) {
	if c.Queue == nil || c.Deliverer == nil || c.Now == nil {
		return nil, errors.New("jobs: Config.Queue, Deliverer and Now are required")
	}
	if c.Owner == "" {
		c.Owner = rand.Text()
	}
	c.Workers = orElse(c.Workers, 8)
	c.MaxAttempts = orElse(c.MaxAttempts, 100)
	c.Poll = orElse(c.Poll, time.Second)
	c.Lease = orElse(c.Lease, time.Minute)
	c.Grace = orElse(c.Grace, 5*time.Second)
	c.FirstPause = orElse(c.FirstPause, 2*time.Second)
	c.LongPause = orElse(c.LongPause, 15*time.Minute)
	if c.Report == nil {
		c.Report = func(Incident) {}
	}
	return &Engine{c: c, handlers: make(map[string]Handler)}, nil
}

func orElse[T int | time.Duration](given, otherwise T) T {
	if given > 0 {
		return given
	}
	return otherwise
}

// Register names the handler of a kind of timer. It is for the composition root, before Run; two
// handlers of one kind are a mistake there and panic.
func (e *Engine) Register(kind string, h Handler) {
	if _, twice := e.handlers[kind]; twice || h == nil {
		panic(fmt.Sprintf("jobs: timer kind %q registered twice, or without a handler", kind))
	}
	e.handlers[kind] = h
}

// work is one claimed row: call it once.
type work func(ctx context.Context)

// RunDue does everything that is due now, and what becomes due by it, and returns how many rows it
// worked on. It is for tests and for a clock that is set forward by hand. Rows that fail are given
// back for later and reported; the error means that the queue could not be read.
func (e *Engine) RunDue(ctx context.Context) (done int, err error) {
	for {
		timers, err := e.claimTimers(ctx, e.c.Workers)
		if err != nil {
			return done, err
		}
		messages, err := e.claimMessages(ctx, e.c.Workers)
		all := slices.Concat(timers, messages)
		var wg sync.WaitGroup
		for _, w := range all {
			wg.Go(func() { w(ctx) })
		}
		wg.Wait()
		done += len(all)
		if err != nil || len(all) == 0 {
			return done, err
		}
	}
}

// Run works until ctx ends, then waits for what is in progress, at most Grace.
func (e *Engine) Run(ctx context.Context) {
	// Work outlives ctx by Grace: a delivery that is cut off has an unknown outcome.
	inner, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	cut := context.AfterFunc(ctx, func() {
		t := time.NewTimer(e.c.Grace)
		defer t.Stop()
		select {
		case <-t.C:
			stop()
		case <-inner.Done():
		}
	})
	defer cut()

	wakeMessages, wakeTimers := make(chan struct{}, 1), make(chan struct{}, 1)
	var loops sync.WaitGroup
	loops.Go(func() { e.loop(ctx, inner, wakeMessages, e.claimMessages) })
	loops.Go(func() { e.loop(ctx, inner, wakeTimers, e.claimTimers) })
	loops.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case <-e.c.Queue.Woken():
				poke(wakeMessages)
				poke(wakeTimers)
			}
		}
	})
	loops.Wait()
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// loop claims as many rows as it has free workers, so that one slow row delays no other.
func (e *Engine) loop(ctx, inner context.Context, wake <-chan struct{}, claim func(context.Context, int) ([]work, error)) {
	busy := make(chan struct{}, e.c.Workers)
	var running sync.WaitGroup
	defer running.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case busy <- struct{}{}:
		}
		free := 1
		for more := true; more && free < e.c.Workers; {
			select {
			case busy <- struct{}{}:
				free++
			default:
				more = false
			}
		}
		claimed, err := claim(ctx, free)
		if err != nil && ctx.Err() == nil {
			e.c.Report(Incident{What: "claim", Err: err})
		}
		for i, w := range claimed {
			if i >= free {
				busy <- struct{}{} // a queue that gives more than asked for does not get more workers
			}
			running.Go(func() {
				defer func() { <-busy }()
				w(inner)
			})
		}
		for range max(free-len(claimed), 0) {
			<-busy
		}
		if len(claimed) == 0 && !e.pause(ctx, wake) {
			return
		}
	}
}

// pause waits for a wake or the next poll; false when ctx ended.
func (e *Engine) pause(ctx context.Context, wake <-chan struct{}) bool {
	t := time.NewTimer(e.c.Poll)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-wake:
	case <-t.C:
	}
	return true
}

// retryAt is when a failed attempt may be repeated: the pause doubles from FirstPause to LongPause,
// and up to a quarter is added so that rows that failed together do not come back together.
func (e *Engine) retryAt(attempt int) time.Time {
	pause := e.c.FirstPause
	for n := 1; n < attempt && pause < e.c.LongPause; n++ {
		pause *= 2
	}
	pause = min(pause, e.c.LongPause)
	return e.c.Now().Add(pause + time.Duration(jitter(int64(pause/4))))
}
