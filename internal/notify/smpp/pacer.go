package smpp

import (
	"context"
	"sync/atomic"
	"time"
)

// pacer hands out permissions to submit, at most so many a second, and none while the centre wants rest.
type pacer struct {
	permits chan struct{}
	rest    chan time.Duration
	resting atomic.Bool
}

func newPacer() *pacer {
	return &pacer{permits: make(chan struct{}), rest: make(chan time.Duration, 1)}
}

// fineTick is the shortest pause that is worth a timer; faster rates hand out several permits a tick.
const fineTick = 10 * time.Millisecond

func (p *pacer) run(ctx context.Context, rate float64) {
	tick, batch := time.Duration(float64(time.Second)/rate), 1
	if tick < fineTick {
		tick, batch = fineTick, max(int(rate*fineTick.Seconds()), 1)
	}
	for {
		for range batch {
			if !p.permit(ctx) {
				return
			}
		}
		if !sleep(ctx, tick) {
			return
		}
	}
}

// permit gives one permission, after whatever rest was asked for; false when ctx ended first. Rest is looked at
// first and alone: a select that finds both ready picks either, and would let a message through to a centre that
// has just refused one for speed.
func (p *pacer) permit(ctx context.Context) bool {
	for {
		select {
		case d := <-p.rest:
			if !p.sleep(ctx, d) {
				return false
			}
		default:
		}
		select {
		case <-ctx.Done():
			return false
		case d := <-p.rest:
			if !p.sleep(ctx, d) {
				return false
			}
		case p.permits <- struct{}{}:
			return true
		}
	}
}

func (p *pacer) sleep(ctx context.Context, d time.Duration) bool {
	defer p.resting.Store(false)
	return sleep(ctx, d)
}

// hold lets nobody submit for a while; false when it rests already.
func (p *pacer) hold(d time.Duration) bool {
	if !p.resting.CompareAndSwap(false, true) {
		return false
	}
	p.rest <- d // has room: only one may be resting
	return true
}

// sleep reports false when ctx ended first.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
