package smpp

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"doverie/internal/notify"
)

// memo is a Ledger that counts.
type memo struct{ submitted atomic.Int64 }

func (m *memo) Submitted(context.Context, notify.Submission) error { m.submitted.Add(1); return nil }
func (m *memo) Reported(context.Context, notify.Receipt) error     { return nil }

func connected(t *testing.T, s *simulator, change func(*Config)) *Channel {
	t.Helper()
	c := Config{
		Address: s.address, SystemID: simulatorID, Password: simulatorWord, Sender: simulatedName, Now: time.Now, Rate: 10000,
		ConnectTimeout: 2 * shortReply, ReplyTimeout: shortReply, EnquireEvery: time.Second, FirstPause: firstPause, LongPause: longPause,
	}
	if change != nil {
		change(&c)
	}
	channel, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); channel.Run(ctx) }()
	t.Cleanup(func() { stop(); <-done })
	return channel
}

const rounds = 50

// patience is short only where a time-out is what is tested: a busy machine must not make others of its own.
func patience(f fault) func(*Config) {
	return func(c *Config) {
		switch f {
		case hangsAtBind, hangs, hangsAfter, answersLate, answersWrong:
		default:
			c.ConnectTimeout, c.ReplyTimeout = 10*time.Second, 10*time.Second
		}
	}
}

// TestFaults: each fault 50 times, with a letter that may be repeated (a notice) and one that may not (a code).
// Nothing is lost; a letter of which the channel says "surely not sent" was not taken; a letter goes out twice only
// where an outcome was unknown; and an unknown letter with a code is not sent again.
func TestFaults(t *testing.T) {
	t.Parallel()
	var wg sync.WaitGroup
	for _, c := range []meeting{
		{refuses, []notify.Outcome{notify.Accepted, notify.Postponed, notify.Unknown}, -1, false},
		{refusesBind, []notify.Outcome{notify.Accepted, notify.Postponed, notify.Unknown}, -1, false},
		{hangsAtBind, []notify.Outcome{notify.Accepted, notify.Postponed, notify.Unknown}, -1, false},
		{dropsBefore, []notify.Outcome{notify.Unknown}, 0, false},
		{dropsAfter, []notify.Outcome{notify.Unknown}, 1, true},
		{halfAnswer, []notify.Outcome{notify.Unknown}, 1, true},
		{hangs, []notify.Outcome{notify.Unknown}, 0, false},
		{hangsAfter, []notify.Outcome{notify.Unknown}, 1, true},
		{answersLate, []notify.Outcome{notify.Unknown}, 1, false}, // the late answer tells, and the repeat knows
		{answersTwice, []notify.Outcome{notify.Accepted}, 1, false},
		{throttles, []notify.Outcome{notify.Postponed}, 0, false},
		{fullQueue, []notify.Outcome{notify.Postponed}, 0, false},
		{nacks, []notify.Outcome{notify.Postponed}, 0, false},
		{restarts, []notify.Outcome{notify.Unknown}, 0, false},
		{unbinds, []notify.Outcome{notify.Accepted}, 1, false},
		{answersWrong, []notify.Outcome{notify.Unknown}, 1, true},
		{babbles, []notify.Outcome{notify.Unknown}, 1, true},
	} {
		s := simulate(t)
		channel := connected(t, s, patience(c.fault))
		wg.Go(func() { // all at once: they wait more than they work
			met := 0
			for i := 0; met < rounds && i < 4*rounds; i++ {
				ok, err := c.round(t.Context(), s, channel, fmt.Sprintf("notice %d", i))
				if err != nil {
					t.Errorf("%s, round %d: %v", c.fault, i, err)
					return
				}
				if ok {
					met++
				}
			}
			if met < rounds {
				t.Errorf("%s: met %d times only", c.fault, met)
			}
		})
	}
	wg.Wait()
}

// meeting is what may happen when a letter meets a fault.
type meeting struct {
	fault    fault
	outcomes []notify.Outcome // of the attempt that meets the fault
	copies   int              // taken in that attempt; -1: depends on the moment
	resent   bool             // a repeat makes a second copy, because the outcome can never be known
}

// round reports false when the fault was not met, because a busy machine made a time-out of its own before it.
func (c meeting) round(ctx context.Context, s *simulator, channel *Channel, text string) (met bool, err error) {
	l := notify.Letter{ID: "n", Key: text, Address: "+79160000001", Text: notify.Text{Body: text}}
	s.arm(c.fault, 1)
	first, err := channel.Deliver(ctx, l)
	if !slices.Contains(c.outcomes, first) || (first == notify.Accepted) != (err == nil) {
		return false, fmt.Errorf("%s, %w", first, err)
	}
	taken, met := s.copies(text), c.copies < 0 || !s.waitsFor("")
	if !met {
		s.arm(faultless, 0)
	}
	if first == notify.Accepted && taken != 1 || first == notify.Postponed && taken != 0 || c.copies >= 0 && met && taken != c.copies {
		return false, fmt.Errorf("%s, and %d copies were taken", first, taken)
	}
	for n := 0; c.fault == answersLate && channel.taken.Parts(text) == 0 && n < 1000; n++ {
		time.Sleep(5 * time.Millisecond)
	}
	unknown, err := repeat(ctx, channel, l, first)
	if err != nil {
		return false, err
	}
	most := max(1, unknown) // the fault's own unknown outcome forces no copy
	if c.resent || c.copies < 0 {
		most = 1 + unknown
	}
	if got := s.copies(text); got < 1 || got > most {
		return false, fmt.Errorf("%d copies after %d unknown outcomes", got, unknown)
	}
	return met, nil
}

// repeat does what the queue does with a notice, and counts unknown outcomes.
func repeat(ctx context.Context, channel *Channel, l notify.Letter, outcome notify.Outcome) (unknown int, err error) {
	for range 100 {
		if outcome == notify.Unknown {
			unknown++
		}
		if outcome == notify.Accepted {
			return unknown, nil
		}
		if outcome, err = channel.Deliver(ctx, l); outcome == notify.Refused {
			return unknown, err
		}
	}
	return unknown, errors.New("never taken")
}

// TestLongLettersSurvive: a fault at the second part repeats at most that part.
func TestLongLettersSurvive(t *testing.T) {
	t.Parallel()
	var wg sync.WaitGroup
	for _, f := range []fault{dropsBefore, dropsAfter, throttles, answersLate, restarts, hangs} {
		s := simulate(t)
		channel := connected(t, s, patience(f))
		wg.Go(func() {
			for i := range rounds {
				text := fmt.Sprintf("%03d", i) + strings.Repeat("x", 150) + strings.Repeat("y", 20) + fmt.Sprintf("%03d", i)
				l := notify.Letter{ID: "n", Key: text, Address: "+79160000001", Text: notify.Text{Body: text}}
				first, second := "1/2 "+text[:153], "2/2 "+text[153:]
				s.armFor(second, f)
				outcome, err := channel.Deliver(t.Context(), l)
				met := !s.waitsFor(second)
				if met && outcome == notify.Accepted != (f == throttles) {
					t.Errorf("%s, round %d: %s, %v", f, i, outcome, err)
					return
				}
				for n := 0; met && f == answersLate && channel.taken.Parts(text) < 2 && n < 1000; n++ {
					time.Sleep(5 * time.Millisecond)
				}
				unknown, err := repeat(t.Context(), channel, l, outcome)
				a, b := s.copies(first), s.copies(second)
				most := max(1, unknown)
				if f == dropsAfter {
					most = 1 + unknown
				}
				if err != nil || a < 1 || b < 1 || a+b > 1+most {
					t.Errorf("%s, round %d: %d and %d copies after %d unknown outcomes, %v", f, i, a, b, unknown, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

// TestSilentCentreIsLeft: enquire_link finds out that nobody is there any more.
func TestSilentCentreIsLeft(t *testing.T) {
	s := simulate(t)
	channel := connected(t, s, func(c *Config) { c.EnquireEvery = 20 * time.Millisecond })
	if outcome, err := channel.Deliver(t.Context(), notify.Letter{Key: "1", Address: "+79160000001", Text: notify.Text{Body: "1"}}); outcome != notify.Accepted {
		t.Fatal(outcome, err)
	}
	s.arm(hangs, 1)
	_, _ = channel.Deliver(t.Context(), notify.Letter{Key: "2", Address: "+79160000001", Text: notify.Text{Body: "2"}})
	for range 500 {
		s.mu.Lock()
		binds := s.binds
		s.mu.Unlock()
		if binds > 1 {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("it never connected again")
}

// TestWindowAndRate: no more submits unanswered than the window, and no more a second than the rate.
func TestWindowAndRate(t *testing.T) {
	s := simulate(t)
	book := &memo{}
	channel := connected(t, s, func(c *Config) {
		c.Rate, c.Window, c.Ledger, c.ReplyTimeout, c.ConnectTimeout = 200, 4, book, 10*time.Second, 10*time.Second
	})
	begin := time.Now()
	var wg sync.WaitGroup
	for i := range 101 {
		wg.Go(func() {
			text := fmt.Sprint(i)
			if outcome, err := channel.Deliver(t.Context(), notify.Letter{Key: text, Address: "+79160000001", Text: notify.Text{Body: text}}); outcome != notify.Accepted {
				t.Error(outcome, err)
			}
		})
	}
	wg.Wait()
	if took := time.Since(begin); took < 450*time.Millisecond {
		t.Errorf("101 messages at 200 a second took %s", took)
	}
	for range 500 {
		if book.submitted.Load() == 101 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Errorf("the ledger knows %d", book.submitted.Load())
}

// TestAnswersOvertake: every answer finds its own question.
func TestAnswersOvertake(t *testing.T) {
	s := simulate(t)
	channel := connected(t, s, patience(disorderly))
	s.arm(disorderly, 2*rounds)
	for i := range rounds {
		var wg sync.WaitGroup
		for j := range 2 {
			wg.Go(func() {
				text := fmt.Sprintf("%d %d", i, j)
				if outcome, err := channel.Deliver(t.Context(), notify.Letter{Key: text, Address: "+79160000001", Text: notify.Text{Body: text}}); outcome != notify.Accepted {
					t.Error(outcome, err)
				}
			})
		}
		wg.Wait()
	}
}

func TestThrottlingSlowsTheChannel(t *testing.T) {
	s := simulate(t)
	var rests atomic.Int64
	channel := connected(t, s, func(c *Config) {
		c.ReplyTimeout, c.ConnectTimeout = 10*time.Second, 10*time.Second
		c.FirstPause, c.LongPause = 50*time.Millisecond, 100*time.Millisecond
		c.Report = func(e Event) {
			if e.What == "throttled" {
				rests.Add(1)
			}
		}
	})
	send := func(key string) notify.Outcome {
		outcome, _ := channel.Deliver(t.Context(), notify.Letter{Key: key, Address: "+79160000001", Text: notify.Text{Body: key}})
		return outcome
	}
	s.arm(throttles, 3)
	begin := time.Now()
	for i := range 3 {
		if outcome := send("a"); outcome != notify.Postponed {
			t.Fatal(i, outcome)
		}
	}
	if outcome := send("b"); outcome != notify.Accepted {
		t.Fatal(outcome)
	}
	if took := time.Since(begin); took < 250*time.Millisecond || rests.Load() != 3 { // 50 + 100 + 100
		t.Errorf("%s, %d rests", took, rests.Load())
	}
}

func TestLettersThatCannotGo(t *testing.T) {
	s := simulate(t)
	channel := connected(t, s, func(c *Config) { c.BusyStatuses = []uint32{0x400} })
	for name, c := range map[string]struct {
		l    notify.Letter
		want error
	}{
		"no plus":   {notify.Letter{Address: "79160000001", Text: notify.Text{Body: "x"}}, errBadPhone},
		"a name":    {notify.Letter{Address: "+7916abc0001", Text: notify.Text{Body: "x"}}, errBadPhone},
		"no text":   {notify.Letter{Address: "+79160000001"}, errNotText},
		"too late":  {notify.Letter{Address: "+79160000001", Text: notify.Text{Body: "x"}, NotAfter: time.Now().Add(-time.Second)}, notify.ErrTooLate},
		"a novel":   {notify.Letter{Address: "+79160000001", Text: notify.Text{Body: strings.Repeat("я", 67*256)}}, errAllParts},
		"not UTF-8": {notify.Letter{Address: "+79160000001", Text: notify.Text{Body: "\xff"}}, errNotText},
	} {
		if outcome, err := channel.Deliver(t.Context(), c.l); outcome != notify.Refused || !errors.Is(err, c.want) {
			t.Errorf("%s: %s, %v", name, outcome, err)
		}
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if outcome, _ := channel.Deliver(gone, notify.Letter{Key: "k", Address: "+79160000001", Text: notify.Text{Body: "x"}}); outcome != notify.Postponed {
		t.Errorf("a cancelled delivery: %s", outcome)
	}
	if len(s.order) != 0 {
		t.Errorf("the centre got %q", s.order)
	}
	for status, want := range map[Status]notify.Outcome{
		Throttled: notify.Postponed, QueueFull: notify.Postponed, SystemError: notify.Postponed, 0x400: notify.Postponed,
		0x401: notify.Refused, 0x0B: notify.Refused, InvalidPassword: notify.Refused,
	} {
		if outcome, err := channel.judge(channel.newSession(nil), pdu{command: submitSMResp, status: status}); outcome != want || !errors.Is(err, status) {
			t.Errorf("%x: %s, %v", uint32(status), outcome, err)
		}
	}
}
