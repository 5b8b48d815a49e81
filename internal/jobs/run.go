package jobs

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"doverie/internal/fault"
)

// settleTime is the time for writing down what became of a piece of work, also when the process stops.
const settleTime = 10 * time.Second

var errNoHandler = errors.New("jobs: no handler for this kind of timer")

// jitter spreads retries. It is no secret: no crypto needed.
func jitter(below int64) int64 {
	if below <= 0 {
		return 0
	}
	return rand.Int64N(below) //nolint:gosec // spreads load, protects nothing
}

func (e *Engine) claimMessages(ctx context.Context, n int) ([]work, error) {
	claimed, err := e.c.Queue.ClaimMessages(ctx, e.c.Now(), e.c.Owner, n, e.c.Lease)
	all := make([]work, 0, len(claimed))
	for _, m := range claimed {
		all = append(all, func(ctx context.Context) { e.message(ctx, m) })
	}
	return all, err
}

func (e *Engine) claimTimers(ctx context.Context, n int) ([]work, error) {
	claimed, err := e.c.Queue.ClaimTimers(ctx, e.c.Now(), e.c.Owner, n, e.c.Lease)
	all := make([]work, 0, len(claimed))
	for _, t := range claimed {
		all = append(all, func(ctx context.Context) { e.timer(ctx, t) })
	}
	return all, err
}

// message delivers one message and writes down the outcome.
func (e *Engine) message(ctx context.Context, m Message) {
	end := Settlement{Outcome: Expired}
	var err error
	if m.NotAfter.IsZero() || !e.c.Now().After(m.NotAfter) {
		end.Outcome, err = e.deliver(ctx, m)
		end = e.judge(m, end.Outcome, err)
	}
	if err != nil || end.Outcome != Sent {
		e.c.Report(Incident{What: "deliver", Kind: m.Kind, ID: m.ID, Attempt: m.Attempt, Outcome: end.Outcome, Err: err})
	}
	e.settle(ctx, m.Kind, m.ID, m.Attempt, func(ctx context.Context) error {
		return e.c.Queue.SettleMessage(ctx, e.c.Now(), e.c.Owner, m, end)
	})
}

// judge turns what the deliverer said into what happens to the row.
func (e *Engine) judge(m Message, outcome Outcome, err error) Settlement {
	end := Settlement{Outcome: outcome}
	if err != nil {
		end.Problem = fault.Of(err).Key
	}
	switch outcome {
	case Arrived:
		end.Outcome, end.Arrived = Sent, true
		return end
	case Sent, Failed, Expired:
		return end
	case Retry:
	case Unknown:
		if m.CarriesCode {
			return end // two codes confuse; its reader asks for another himself
		}
		end.Outcome, end.Unsure = Retry, true // at least once: the key lets the channel recognise the second one
	default:
		end.Outcome, end.Problem = Failed, "fault.internal"
		return end
	}
	if m.Attempt >= e.c.MaxAttempts {
		if end.Outcome = Failed; end.Unsure || m.Repeated {
			end.Outcome = Unknown
		}
		return end
	}
	end.RetryAt = e.retryAt(m.Attempt)
	return end
}

// deliver bounds the attempt so that it ends before its lease, and takes a panic for an unknown outcome.
func (e *Engine) deliver(ctx context.Context, m Message) (outcome Outcome, err error) {
	ctx, cancel := context.WithTimeout(ctx, e.c.Lease*3/4)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			outcome, err = Unknown, fmt.Errorf("jobs: delivering panicked: %v", p)
		}
	}()
	return e.c.Deliverer.Deliver(ctx, m)
}

// timer runs the handler of one timer and writes down what became of it.
func (e *Engine) timer(ctx context.Context, t Timer) {
	err := e.handle(ctx, t)
	if err == nil {
		e.settle(ctx, t.Kind, t.Object, t.Attempt, func(ctx context.Context) error {
			return e.c.Queue.TimerDone(ctx, e.c.Owner, t)
		})
		return
	}
	e.c.Report(Incident{What: "timer", Kind: t.Kind, ID: t.Object, Attempt: t.Attempt, Err: err})
	e.settle(ctx, t.Kind, t.Object, t.Attempt, func(ctx context.Context) error {
		return e.c.Queue.TimerFailed(ctx, e.c.Owner, t, e.retryAt(t.Attempt), fault.Of(err).Key)
	})
}

func (e *Engine) handle(ctx context.Context, t Timer) (err error) {
	handler, ok := e.handlers[t.Kind]
	if !ok {
		return errNoHandler // perhaps a newer process knows it
	}
	ctx, cancel := context.WithTimeout(ctx, e.c.Lease*3/4)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("jobs: a timer's handler panicked: %v", p)
		}
	}()
	return handler(ctx, t.Object)
}

// settle writes down an outcome even while the process is being stopped. When it fails, the lease
// runs out and the row is taken over.
func (e *Engine) settle(ctx context.Context, kind, id string, attempt int, write func(context.Context) error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleTime)
	defer cancel()
	if err := write(ctx); err != nil {
		e.c.Report(Incident{What: "settle", Kind: kind, ID: id, Attempt: attempt, Err: err})
	}
}
