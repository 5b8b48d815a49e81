package smpp

import (
	"context"
	"crypto/sha256"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"doverie/internal/notify"
)

var (
	errNotBound   = errors.New("smpp: not connected to the SMS centre")
	errBadPhone   = errors.New("smpp: the address is no E.164 number")
	errLedgerFull = errors.New("smpp: too many reports wait to be written down")
	errInParts    = errors.New("smpp: a part of it went out")
)

// Channel sends SMS through one session with an SMS centre. It is safe for concurrent use.
type Channel struct {
	c      Config
	tls    *tls.Config
	source address
	pace   *pacer
	taken  *notify.Taken

	mu        sync.Mutex
	current   *session
	changed   chan struct{} // closed when current changes
	throttled int           // refusals for speed in a row
}

var _ notify.Channel = (*Channel)(nil)

// Bound reports whether letters can go out now.
func (c *Channel) Bound() bool { return c.session() != nil }

// Run keeps the channel connected until ctx ends; then it waits for the answers that are due and unbinds. Stop
// whoever calls Deliver first: without Run every letter is Postponed.
func (c *Channel) Run(ctx context.Context) {
	pacing, stop := context.WithCancel(context.WithoutCancel(ctx))
	var running sync.WaitGroup
	running.Go(func() { c.pace.run(pacing, c.c.Rate) })
	defer running.Wait()
	defer stop()
	pause := c.c.FirstPause
	for ctx.Err() == nil {
		s, err := c.connect(ctx)
		if err == nil {
			err = c.serve(ctx, s)
			if s.took() {
				pause = c.c.FirstPause
			}
		}
		if ctx.Err() != nil {
			return
		}
		c.report("broken", err)
		// Half of the pause is chance, so that many processes do not come back together.
		if !sleep(ctx, pause/2+time.Duration(rand.Int64N(int64(pause/2)+1))) { //nolint:gosec // spreads load, protects nothing
			return
		}
		pause = min(2*pause, c.c.LongPause)
	}
}

// serve works with one session until it ends.
func (c *Channel) serve(ctx context.Context, s *session) error {
	var loops sync.WaitGroup
	loops.Go(s.read)
	loops.Go(func() { s.watch(ctx) })
	loops.Go(func() { s.record(context.WithoutCancel(ctx)) })
	c.publish(s)
	c.report("bound", nil)
	<-s.done
	c.withdraw(s)
	loops.Wait()
	return s.cause()
}

func (s *session) took() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.carried
}

func (c *Channel) publish(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.current = s
	close(c.changed)
	c.changed = make(chan struct{})
}

// withdraw lets no new letter take that session.
func (c *Channel) withdraw(s *session) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.current == s {
		c.current = nil
	}
}

func (c *Channel) session() *session {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.current
}

// bound waits for a session.
func (c *Channel) bound(ctx context.Context) (*session, error) {
	for {
		c.mu.Lock()
		s, changed := c.current, c.changed
		c.mu.Unlock()
		if s != nil {
			return s, nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w", errNotBound, ctx.Err())
		}
	}
}

func (c *Channel) report(what string, err error) {
	c.c.Report(Event{Carrier: c.c.Name, What: what, Err: err})
}

// ledgerTime bounds one call of the Ledger.
const ledgerTime = 10 * time.Second

func (c *Channel) ledger(ctx context.Context, write func(context.Context, notify.Ledger) error) error {
	if c.c.Ledger == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, ledgerTime)
	defer cancel()
	err := write(ctx, c.c.Ledger)
	if err != nil {
		c.report("ledger", err)
	}
	return err
}

// Deliver implements notify.Channel. Accepted: the centre took every part.
func (c *Channel) Deliver(ctx context.Context, l notify.Letter) (notify.Outcome, error) {
	phone, plus := strings.CutPrefix(l.Address, "+")
	if !plus || !phoneDigits.MatchString(phone) {
		return notify.Refused, errBadPhone
	}
	text, err := encode(l.Text.Body, reference(l), c.c.UCS2Only)
	if err != nil {
		return notify.Refused, err
	}
	for done := c.taken.Parts(l.Key); ; { // what an earlier attempt has sent is not sent again
		if done >= len(text.parts) {
			return notify.Accepted, nil
		}
		outcome, err := c.part(ctx, l, phone, text, done)
		switch {
		case outcome == notify.Accepted:
			done++
		case done == 0 || outcome == notify.Unknown:
			return outcome, err
		case outcome == notify.Postponed && sleep(ctx, c.c.FirstPause):
			// half a message helps nobody: stay with it while there is time
		default:
			return notify.Unknown, fmt.Errorf("%w: %w", errInParts, err)
		}
	}
}

// reference joins the parts of one letter on the phone. The same Key gives the same one.
func reference(l notify.Letter) byte {
	sum := sha256.Sum256([]byte(l.Key + "\x00" + l.ID))
	return sum[0]
}

// turn waits for a session with room in its window, and for the rate. The caller gives the room back with free.
func (c *Channel) turn(ctx context.Context) (s *session, free func(), err error) {
	waiting, cancel := context.WithTimeout(ctx, c.c.ConnectTimeout)
	defer cancel()
	for {
		if s, err = c.bound(waiting); err != nil {
			return nil, nil, err
		}
		select {
		case s.window <- struct{}{}:
		case <-s.done:
			continue
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
		free = func() { <-s.window }
		select {
		case <-c.pace.permits:
			return s, free, nil
		case <-s.done:
			free()
		case <-ctx.Done():
			free()
			return nil, nil, ctx.Err()
		}
	}
}

// part submits part n (from 0), once: a session that ends before anything is written is no attempt.
func (c *Channel) part(ctx context.Context, l notify.Letter, phone string, text encoded, n int) (notify.Outcome, error) {
	for {
		s, free, err := c.turn(ctx)
		if err != nil {
			return notify.Postponed, err
		}
		outcome, err := c.submit(ctx, s, l, phone, text, n)
		free()
		if !errors.Is(err, errNotWritten) {
			return outcome, err
		}
	}
}

func (c *Channel) submit(ctx context.Context, s *session, l notify.Letter, phone string, text encoded, n int) (notify.Outcome, error) {
	m := message{
		source: c.source, dest: address{ton: tonInternational, npi: npiISDN, value: phone},
		coding: text.coding, text: text.parts[n],
	}
	if text.header {
		m.esmClass = esmUDH
	}
	if !c.c.NoReceipts {
		m.registered = wantReceipt
	}
	if !l.NotAfter.IsZero() {
		left := l.NotAfter.Sub(c.c.Now())
		if left < time.Second { // the centre counts whole seconds
			return notify.Refused, notify.ErrTooLate
		}
		m.validity = c.validity(left, l.NotAfter)
	}
	if err := ctx.Err(); err != nil {
		return notify.Postponed, err
	}
	p, err := s.ask(ctx, submitSM, m.bytes(), s.submitted(l, n+1, len(text.parts)))
	switch {
	case errors.Is(err, errNotWritten):
		return notify.Postponed, err
	case err != nil:
		c.report("no answer", err)
		return notify.Unknown, err
	}
	return c.judge(s, p)
}

// judge reads an answer to a submit_sm.
func (c *Channel) judge(s *session, p pdu) (notify.Outcome, error) {
	if p.command != submitSMResp && p.command != genericNack {
		return notify.Unknown, fmt.Errorf("%w: an answer to something else", errNoAnswer)
	}
	if p.command == submitSMResp && p.status == OK {
		c.mu.Lock()
		c.throttled = 0
		c.mu.Unlock()
		s.mu.Lock()
		s.carried = true
		s.mu.Unlock()
		return notify.Accepted, nil
	}
	if p.status.slows() {
		c.slow()
	}
	if p.status.temporary() || slices.Contains(c.c.BusyStatuses, uint32(p.status)) {
		if p.status == WrongBindState {
			s.end(p.status)
		}
		return notify.Postponed, p.status
	}
	return notify.Refused, p.status
}

// slow lets the whole channel rest, longer each time in a row. Refusals that come while it rests count as one.
func (c *Channel) slow() {
	c.mu.Lock()
	pause := min(c.c.FirstPause<<min(c.throttled, 16), c.c.LongPause)
	c.mu.Unlock()
	if !c.pace.hold(pause) {
		return
	}
	c.mu.Lock()
	c.throttled++
	c.mu.Unlock()
	c.report("throttled", nil)
}

// validity writes the end of a letter's life (§7.1.1); left is at least a second and is cut to whole ones.
func (c *Channel) validity(left time.Duration, end time.Time) string {
	switch c.c.Validity {
	case AbsoluteValidity:
		return end.UTC().Format("060102150405") + "000+"
	case NoValidity:
		return ""
	default:
		seconds := min(int64(left/time.Second), 30*24*3600)
		return fmt.Sprintf("0000%02d%02d%02d%02d000R", seconds/86400, seconds/3600%24, seconds/60%60, seconds%60)
	}
}
