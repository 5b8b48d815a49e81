package smpp

import (
	"net"
	"strconv"
	"sync"
	"testing"
	"time"
)

// fault is what the centre does wrong, once.
type fault string

const (
	refuses       fault = "refuses"           // closes the next connections at once
	refusesBind   fault = "refuses to bind"   // the next binds get ESME_RBINDFAIL
	hangsAtBind   fault = "hangs at bind"     // the next bind gets no answer
	dropsBefore   fault = "drops mid-submit"  // hangs up on the submit, and has not taken it
	dropsAfter    fault = "drops after it"    // has taken it, and hangs up without an answer
	halfAnswer    fault = "half an answer"    // has taken it, and hangs up in the middle of the answer
	hangs         fault = "hangs"             // has not taken it, and says nothing any more on this connection
	hangsAfter    fault = "hangs after it"    // has taken it, and says nothing any more
	answersLate   fault = "answers late"      // has taken it, and answers after the time-out
	answersTwice  fault = "answers twice"     // has taken it once
	throttles     fault = "throttles"         // ESME_RTHROTTLED
	fullQueue     fault = "has a full queue"  // ESME_RMSGQFUL
	restarts      fault = "restarts"          // all connections end, and nobody listens for a moment
	unbinds       fault = "unbinds"           // takes it, answers, and says goodbye
	nacks         fault = "nacks"             // generic_nack of the submit: ESME_RTHROTTLED
	answersWrong  fault = "answers the wrong" // has taken it, and answers a question nobody asked
	babbles       fault = "babbles"           // sends a length that cannot be
	disorderly    fault = "disorderly"        // every other answer overtakes the one before (see TestAnswersOvertake)
	faultless     fault = ""
	simulatorID         = "esme"
	simulatorWord       = "secret"
	lateBy              = 2 * shortReply
	shortReply          = 200 * time.Millisecond
	downFor             = 15 * time.Millisecond
	simulatedName       = "Doverie"
	firstPause          = 2 * time.Millisecond
	longPause           = 20 * time.Millisecond
)

// simulator is an SMS centre that does one thing wrong when it is told to. It is built of this package's codec, which
// peer_test.go holds to other people's code.
type simulator struct {
	address string

	mu     sync.Mutex
	ln     net.Listener
	conns  map[net.Conn]bool
	next   fault
	times  int
	text   string         // the fault waits for this one; empty: for none in particular
	taken  map[string]int // copies by text
	order  []string
	binds  int
	asked  int // enquire_links
	held   []pdu
	closed bool
	wg     sync.WaitGroup
}

func simulate(t *testing.T) *simulator {
	t.Helper()
	s := &simulator{conns: map[net.Conn]bool{}, taken: map[string]int{}}
	if err := s.listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		s.mu.Lock()
		s.closed = true
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
			s.wg.Go(func() { s.talk(conn) })
		}
	})
	return nil
}

// hangUp ends every connection and stops listening.
func (s *simulator) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ln.Close()
	for c := range s.conns {
		c.Close()
	}
}

// arm lets the next that many fitting moments go wrong. A fault of connecting ends what is connected.
func (s *simulator) arm(f fault, times int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next, s.times = f, times
	if f == refuses || f == refusesBind || f == hangsAtBind {
		for c := range s.conns {
			c.Close()
		}
	}
}

// armFor lets the next submit of that text (as take writes it) go wrong.
func (s *simulator) armFor(text string, f fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next, s.times, s.text = f, 1, text
}

// waitsFor reports whether the fault, armed for that text, has not happened yet.
func (s *simulator) waitsFor(text string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.times > 0 && s.text == text
}

// due takes the armed fault when it is one of these and waits for that text.
func (s *simulator) due(text string, of ...fault) fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.text != "" && s.text != text {
		return faultless
	}
	for _, f := range of {
		if s.times > 0 && s.next == f {
			s.times--
			return f
		}
	}
	return faultless
}

// label is the text, with the number of the part before it when there are several.
func label(m message) string {
	if m.esmClass&esmUDH != 0 {
		return strconv.Itoa(int(m.text[5])) + "/" + strconv.Itoa(int(m.text[4])) + " " + string(m.text[6:])
	}
	return string(m.text)
}

func (s *simulator) take(m message) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := label(m)
	s.taken[text]++
	s.order = append(s.order, text)
	return appendCString(nil, strconv.FormatInt(int64(len(s.order)), 16))
}

func (s *simulator) copies(text string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.taken[text]
}

func (s *simulator) talk(conn net.Conn) {
	defer func() {
		conn.Close()
		s.mu.Lock()
		delete(s.conns, conn)
		s.mu.Unlock()
	}()
	if s.due("", refuses) == refuses {
		return
	}
	deaf := false
	for {
		p, err := readPDU(conn)
		if err != nil {
			return
		}
		if deaf {
			continue
		}
		switch p.command {
		case bindTransceiver, bindTransmitter:
			s.mu.Lock()
			s.binds++
			s.mu.Unlock()
			switch s.due("", refusesBind, hangsAtBind) {
			case refusesBind:
				conn.Write(p.answer(BindFailed, nil).bytes())
				return
			case hangsAtBind:
				deaf = true
			default:
				conn.Write(p.answer(OK, appendCString(nil, "sim")).bytes())
			}
		case enquireLink:
			s.mu.Lock()
			s.asked++
			s.mu.Unlock()
			conn.Write(p.answer(OK, nil).bytes())
		case unbind:
			conn.Write(p.answer(OK, nil).bytes())
			return
		case submitSM:
			stay, nowDeaf := s.submit(conn, p)
			if deaf = nowDeaf; !stay {
				return
			}
		}
	}
}

// submit answers a submit_sm, or does what is armed.
func (s *simulator) submit(conn net.Conn, p pdu) (stay, deaf bool) {
	m, err := parseMessage(p.body)
	if err != nil {
		conn.Write(p.answer(InvalidLength, nil).bytes())
		return true, false
	}
	f := s.due(label(m), dropsBefore, dropsAfter, halfAnswer, hangs, hangsAfter, answersLate, answersTwice, throttles, fullQueue, restarts,
		unbinds, nacks, answersWrong, babbles, disorderly)
	switch f {
	case dropsBefore:
		return false, false
	case hangs:
		return true, true
	case throttles:
		conn.Write(p.answer(Throttled, nil).bytes())
		return true, false
	case fullQueue:
		conn.Write(p.answer(QueueFull, nil).bytes())
		return true, false
	case nacks:
		conn.Write(pdu{command: genericNack, status: Throttled, seq: p.seq}.bytes())
		return true, false
	case restarts:
		s.hangUp()
		s.wg.Go(func() {
			time.Sleep(downFor)
			for {
				s.mu.Lock()
				over := s.closed
				s.mu.Unlock()
				if over || s.listen(s.address) == nil {
					return
				}
				time.Sleep(time.Millisecond)
			}
		})
		return false, false
	}
	answer := p.answer(OK, s.take(m)).bytes()
	switch f {
	case dropsAfter:
		return false, false
	case hangsAfter:
		return true, true
	case halfAnswer:
		conn.Write(answer[:len(answer)/2])
		return false, false
	case answersLate:
		s.wg.Go(func() {
			time.Sleep(lateBy)
			conn.Write(answer)
		})
		return true, false
	case answersTwice:
		conn.Write(append(answer, answer...))
	case answersWrong:
		conn.Write(pdu{command: submitSMResp, seq: p.seq + 1000, body: []byte("x\x00")}.bytes())
		conn.Write(pdu{command: genericNack, status: InvalidCommand, seq: p.seq + 1001}.bytes())
	case babbles:
		conn.Write([]byte{0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	case unbinds:
		conn.Write(answer)
		conn.Write(pdu{command: unbind, seq: 77}.bytes())
	case disorderly:
		s.mu.Lock()
		s.held = append(s.held, pdu{body: answer})
		held := s.held
		if len(held) == 2 {
			s.held = nil
		}
		s.mu.Unlock()
		if len(held) == 2 {
			conn.Write(append(held[1].body, held[0].body...))
		}
	default:
		conn.Write(answer)
	}
	return true, false
}
