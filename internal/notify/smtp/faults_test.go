package smtp

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"doverie/internal/notify"
)

// simulator is a mail server that does one thing wrong when it is told to. What a right one does, mailserver knows.
type simulator struct {
	address string

	mu    sync.Mutex
	ln    net.Listener
	conns map[net.Conn]bool
	fault string // of the next letter; empty: none
	taken map[string]int
	over  bool
	wg    sync.WaitGroup
}

const (
	pauseOfServer = 200 * time.Millisecond // how long the channel waits
	tooLong       = 3 * pauseOfServer
)

func simulate(t *testing.T) *simulator {
	t.Helper()
	s := &simulator{conns: map[net.Conn]bool{}, taken: map[string]int{}}
	if err := s.listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.mu.Lock()
		s.over = true
		s.mu.Unlock()
		s.hangUp()
		s.wg.Wait()
	})
	return s
}

func (s *simulator) listen(address string) error {
	ln, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.ln, s.address = ln, ln.Addr().String()
	s.mu.Unlock()
	s.wg.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			s.conns[conn] = true
			s.mu.Unlock()
			s.wg.Go(func() {
				s.talk(conn)
				conn.Close()
				s.mu.Lock()
				delete(s.conns, conn)
				s.mu.Unlock()
			})
		}
	})
	return nil
}

func (s *simulator) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ln.Close()
	for c := range s.conns {
		c.Close()
	}
}

func (s *simulator) arm(fault string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = fault
}

// due takes the armed fault when its name begins so.
func (s *simulator) due(when string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, ok := strings.CutPrefix(s.fault, when+": ")
	if !ok {
		return ""
	}
	s.fault = ""
	return f
}

func (s *simulator) copies(recipient string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.taken[recipient]
}

func (s *simulator) armed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fault != ""
}

// act does what a fault wants; false ends the connection.
func (s *simulator) act(conn net.Conn, fault, answer string) bool {
	switch fault {
	case "drops":
		return false
	case "hangs":
		_, _ = io.Copy(io.Discard, conn)
		return false
	case "answers late":
		time.Sleep(tooLong)
	case "answers twice":
		fmt.Fprint(conn, answer)
	case "half an answer":
		fmt.Fprint(conn, answer[:2])
		return false
	case "throttles":
		answer = "421 4.7.0 too fast\r\n"
	case "says later":
		answer = "451 4.3.2 later\r\n"
	case "says no":
		answer = "554 5.7.1 no\r\n"
	case "restarts":
		s.wg.Go(func() {
			s.hangUp()
			time.Sleep(10 * time.Millisecond)
			for {
				s.mu.Lock()
				over := s.over
				s.mu.Unlock()
				if over || s.listen(s.address) == nil {
					return
				}
				time.Sleep(time.Millisecond)
			}
		})
		return false
	}
	_, err := fmt.Fprint(conn, answer)
	return err == nil
}

func (s *simulator) talk(conn net.Conn) {
	if !s.act(conn, s.due("greeting"), "220 sim\r\n") {
		return
	}
	var recipient string
	lines := bufio.NewReader(conn)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			return
		}
		word, _, _ := strings.Cut(strings.ToUpper(strings.TrimSpace(line)), " ")
		var ok bool
		switch word {
		case "EHLO":
			ok = s.act(conn, "", "250-sim\r\n250 8BITMIME\r\n")
		case "MAIL":
			ok = s.act(conn, s.due("mail"), "250 ok\r\n")
		case "RCPT":
			recipient = strings.TrimSpace(line)
			ok = s.act(conn, s.due("rcpt"), "250 ok\r\n")
		case "DATA":
			if !s.act(conn, s.due("data"), "354 go\r\n") {
				return
			}
			middle := s.due("middle")
			for n := 0; ; n++ {
				if line, err = lines.ReadString('\n'); err != nil || n == 3 && middle == "drops" {
					return
				}
				if line == ".\r\n" {
					break
				}
			}
			if before := s.due("end, not taken"); before != "" {
				ok = s.act(conn, before, "250 ok\r\n")
				break
			}
			s.mu.Lock()
			s.taken[recipient]++
			s.mu.Unlock()
			ok = s.act(conn, s.due("end, taken"), "250 ok\r\n")
		case "QUIT":
			s.act(conn, "", "221 bye\r\n")
			return
		default:
			ok = s.act(conn, "", "250 ok\r\n")
		}
		if !ok {
			return
		}
	}
}

// TestFaults: each fault 50 times. Nothing is lost; a letter that surely was not sent was not taken; copies are no more
// than unknown outcomes force.
func TestFaults(t *testing.T) {
	const rounds = 50
	var wg sync.WaitGroup
	for fault, want := range map[string]notify.Outcome{
		"greeting: drops": notify.Postponed, "greeting: hangs": notify.Postponed, "greeting: throttles": notify.Postponed, "greeting: restarts": notify.Postponed,
		"mail: drops": notify.Postponed, "mail: throttles": notify.Postponed, "rcpt: hangs": notify.Postponed, "rcpt: says later": notify.Postponed,
		"data: drops": notify.Postponed, "data: says later": notify.Postponed, "middle: drops": notify.Unknown,
		"end, not taken: drops": notify.Unknown, "end, not taken: hangs": notify.Unknown, "end, not taken: restarts": notify.Unknown,
		"end, not taken: says later": notify.Postponed, "end, not taken: throttles": notify.Postponed,
		"end, taken: drops": notify.Unknown, "end, taken: hangs": notify.Unknown, "end, taken: answers late": notify.Unknown,
		"end, taken: half an answer": notify.Unknown, "end, taken: restarts": notify.Unknown, "end, taken: answers twice": notify.Accepted,
	} {
		s := simulate(t)
		patience := 10 * time.Second // a busy machine must not make time-outs of its own
		if strings.HasSuffix(fault, "hangs") || strings.HasSuffix(fault, "late") {
			patience = pauseOfServer
		}
		channel, err := New(Config{Address: s.address, Security: NoTLS, From: "a@b.example", Timeout: patience, Now: time.Now})
		if err != nil {
			t.Fatal(err)
		}
		wg.Go(func() {
			for i := range rounds {
				if err := meet(t.Context(), s, channel, fault, want, fmt.Sprintf("r%d", i)); err != nil {
					t.Errorf("%s, round %d: %v", fault, i, err)
					return
				}
			}
		})
	}
	wg.Wait()
}

func meet(ctx context.Context, s *simulator, channel *Channel, fault string, want notify.Outcome, name string) error {
	l := letter(name+"@example.org", name)
	recipient := "RCPT TO:<" + l.Address + ">"
	s.arm(fault)
	first, err := channel.Deliver(ctx, l)
	unknown, disturbed := 0, false
	for n := 0; s.armed() && first != notify.Accepted && n < 20; n++ { // a busy machine made a time-out of its own before the fault
		disturbed = true
		if first == notify.Unknown {
			unknown++
		}
		first, err = channel.Deliver(ctx, l)
	}
	if !disturbed && first != want || (err == nil) != (first == notify.Accepted) {
		return fmt.Errorf("%s, %w", first, err)
	}
	taken := s.copies(recipient)
	if should := strings.HasPrefix(fault, "end, taken"); !disturbed && (should != (taken == 1) || taken > 1) {
		return fmt.Errorf("%d copies taken: %w", taken, err)
	}
	outcome := first
	for range 5000 {
		if outcome == notify.Accepted {
			break
		}
		if outcome == notify.Unknown {
			unknown++
		}
		if outcome, err = channel.Deliver(ctx, l); outcome == notify.Refused {
			return err
		}
		if outcome == notify.Postponed {
			time.Sleep(time.Millisecond) // a server that restarts needs a moment
		}
	}
	others := unknown // unknown outcomes that the fault did not make, and a busy machine did
	if first == notify.Unknown {
		others--
	}
	if got := s.copies(recipient); outcome != notify.Accepted || got < 1 || got > 1+unknown || !disturbed && got > taken+1+others {
		return fmt.Errorf("%s; %d copies after %d unknown outcomes; %w", outcome, got, unknown, err)
	}
	return nil
}

func TestWindow(t *testing.T) {
	s := simulate(t)
	channel, err := New(Config{Address: s.address, Security: NoTLS, From: "a@b.example", Timeout: time.Minute, Window: 1, Now: time.Now})
	if err != nil {
		t.Fatal(err)
	}
	s.arm("mail: hangs")
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	var wg sync.WaitGroup
	for i := range 2 { // one hangs, the other waits for its turn; both end with ctx
		wg.Go(func() {
			if outcome, err := channel.Deliver(ctx, letter("a@b.example", fmt.Sprint(i))); outcome != notify.Postponed || err == nil {
				t.Error(outcome, err)
			}
		})
	}
	wg.Wait()
	if err := ctx.Err(); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	if outcome, err := channel.Deliver(t.Context(), letter("a@b.example", "after")); outcome != notify.Accepted {
		t.Error(outcome, err)
	}
}
