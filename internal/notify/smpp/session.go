package smpp

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"doverie/internal/notify"
)

var (
	errNotWritten = errors.New("smpp: nothing was written")
	errNoAnswer   = errors.New("smpp: no answer came")
	errBroken     = errors.New("smpp: the session has ended")
	errDeaf       = errors.New("smpp: too many answers are missing")
	errNacked     = errors.New("smpp: the centre did not understand something")
)

// question is one request on its way. It stays known after its time-out, so that a late answer finds it.
type question struct {
	reply    chan pdu
	answered func(p pdu, late bool) // runs in the reading loop: must not block; may be nil
	late     bool
}

// session is one bound connection.
type session struct {
	c       *Channel
	conn    net.Conn
	in      *bufio.Reader
	window  chan struct{}
	heard   chan struct{} // something came in since the last look
	probe   chan struct{} // ask at once whether the centre is alive
	reports chan report   // for the Ledger, in the order of the wire

	writing sync.Mutex

	mu        sync.Mutex
	seq       uint32
	questions map[uint32]*question
	missing   int // questions whose time ran out
	closing   bool
	err       error
	done      chan struct{}
	carried   bool // it took at least one message
}

// report is one line for the Ledger.
type report struct {
	write  func(context.Context, notify.Ledger) error
	answer pdu // of a receipt: sent when it is written down; the zero pdu: none
}

// reportQueue is how many reports may wait for the Ledger; then the centre is asked to repeat its receipts later.
const reportQueue = 1024

func (c *Channel) newSession(conn net.Conn) *session {
	return &session{
		c: c, conn: conn, in: bufio.NewReader(conn), window: make(chan struct{}, c.c.Window),
		heard: make(chan struct{}, 1), probe: make(chan struct{}, 1), reports: make(chan report, reportQueue),
		questions: map[uint32]*question{}, done: make(chan struct{}),
	}
}

// connect dials and binds, all within ConnectTimeout.
func (c *Channel) connect(ctx context.Context) (*session, error) {
	ctx, cancel := context.WithTimeout(ctx, c.c.ConnectTimeout)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", c.c.Address)
	if err != nil {
		return nil, err
	}
	if c.tls != nil {
		secure := tls.Client(conn, c.tls)
		if err := secure.HandshakeContext(ctx); err != nil {
			_ = conn.Close()
			return nil, err
		}
		conn = secure
	}
	s := c.newSession(conn)
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() }) // its failure changes nothing: the reading ends
	err = s.bind()
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("smpp: bind: %w", err)
	}
	return s, nil
}

// bind is done before anything else is read.
func (s *session) bind() error {
	command := bindTransceiver
	if s.c.c.TransmitterOnly {
		command = bindTransmitter
	}
	s.seq = 1
	ask := pdu{command: command, seq: s.seq, body: bindBody(s.c.c.SystemID, s.c.c.Password, s.c.c.SystemType)}
	if _, err := s.conn.Write(ask.bytes()); err != nil {
		return err
	}
	for {
		p, err := readPDU(s.in)
		switch {
		case err != nil:
			return err
		case p.command == genericNack:
			return errNacked
		case p.command == command|answerBit && p.seq == s.seq:
			if p.status != OK {
				return p.status
			}
			return nil
		}
	}
}

// end breaks the session once; whoever waits for an answer is woken.
func (s *session) end(err error) {
	s.c.withdraw(s)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = err
		close(s.done)
		_ = s.conn.Close() // it is over in any case
	}
}

func (s *session) cause() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// write sends one PDU; a centre that does not read for ReplyTimeout loses the session.
func (s *session) write(p pdu) error {
	s.writing.Lock()
	defer s.writing.Unlock()
	stop := time.AfterFunc(s.c.c.ReplyTimeout, func() { s.end(errDeaf) })
	defer stop.Stop()
	if _, err := s.conn.Write(p.bytes()); err != nil {
		s.end(err)
		return err
	}
	return nil
}

// ask sends a request and waits for its answer: at most ReplyTimeout and until ctx ends. errNotWritten: surely nothing
// went out; errNoAnswer: it was written, and what became of it is not known (yet).
func (s *session) ask(ctx context.Context, c command, body []byte, answered func(pdu, bool)) (pdu, error) {
	q := &question{reply: make(chan pdu, 1), answered: answered}
	s.mu.Lock()
	if s.err != nil || (s.closing && c != unbind) {
		s.mu.Unlock()
		return pdu{}, errNotWritten
	}
	s.seq = s.seq%0x7FFFFFFF + 1
	seq := s.seq
	s.questions[seq] = q
	s.mu.Unlock()
	if err := s.write(pdu{command: c, seq: seq, body: body}); err != nil {
		return pdu{}, fmt.Errorf("%w: %w", errNoAnswer, err) // how much of it got through cannot be known
	}
	t := time.NewTimer(s.c.c.ReplyTimeout)
	defer t.Stop()
	var why error
	select {
	case p := <-q.reply:
		return p, nil
	case <-s.done:
		why = s.cause()
	case <-ctx.Done():
		why = ctx.Err()
	case <-t.C:
		why = errors.New("the time-out")
	}
	if p, ok := s.giveUp(q); ok {
		return p, nil
	}
	return pdu{}, fmt.Errorf("%w: %w", errNoAnswer, why)
}

// giveUp leaves a question to a late answer, unless the answer came in this very moment.
func (s *session) giveUp(q *question) (pdu, bool) {
	s.mu.Lock()
	select {
	case p := <-q.reply:
		s.mu.Unlock()
		return p, true
	default:
	}
	q.late = true
	s.missing++
	deaf := s.missing > 2*s.c.c.Window
	s.mu.Unlock()
	if deaf {
		s.end(errDeaf)
	}
	ring(s.probe)
	return pdu{}, false
}

func ring(bell chan struct{}) {
	select {
	case bell <- struct{}{}:
	default:
	}
}

// settle gives an answer to its question; an answer that nobody asked for is dropped.
func (s *session) settle(p pdu) {
	s.mu.Lock()
	q, ok := s.questions[p.seq]
	if !ok {
		s.mu.Unlock()
		return
	}
	delete(s.questions, p.seq)
	late := q.late
	if late {
		s.missing--
	}
	q.reply <- p // has room for the one answer
	s.mu.Unlock()
	if q.answered != nil {
		q.answered(p, late)
	}
}

// read is the reading loop; it ends with the session.
func (s *session) read() {
	for {
		p, err := readPDU(s.in)
		if err != nil {
			s.end(err)
			return
		}
		ring(s.heard)
		if p.command&answerBit != 0 {
			if p.command == genericNack && p.seq == 0 {
				s.end(errNacked)
				return
			}
			s.settle(p)
			continue
		}
		switch p.command {
		case enquireLink:
			err = s.write(p.answer(OK, nil))
		case deliverSM:
			err = s.receive(p)
		case unbind:
			s.refuse()
			err = s.write(p.answer(OK, nil))
			ring(s.probe)
		case outbind, alertNotification: // have no answer
		default:
			err = s.write(pdu{command: genericNack, status: InvalidCommand, seq: p.seq})
		}
		if err != nil {
			return // write has ended the session
		}
	}
}

// receive takes a deliver_sm. A receipt is answered when the Ledger has written it down; until then, and when it
// cannot, the centre keeps it and sends it again.
func (s *session) receive(p pdu) error {
	m, err := parseMessage(p.body)
	if err != nil {
		return s.write(p.answer(InvalidLength, []byte{0}))
	}
	r, ok := receipt(m, s.c.c.ReceiptIDs)
	if !ok {
		s.c.report("stray message", nil)
		return s.write(p.answer(OK, []byte{0}))
	}
	r.Carrier, r.At = s.c.c.Name, s.c.c.Now()
	line := report{answer: p, write: func(ctx context.Context, l notify.Ledger) error { return l.Reported(ctx, r) }}
	select {
	case s.reports <- line:
		return nil
	default:
		return s.write(p.answer(QueueFull, []byte{0}))
	}
}

// record gives reports to the Ledger in the order of the wire, and after the session's end those that are left.
func (s *session) record(ctx context.Context) {
	for {
		select {
		case r := <-s.reports:
			s.keep(ctx, r)
		case <-s.done:
			select {
			case r := <-s.reports:
				s.keep(ctx, r)
			default:
				return
			}
		}
	}
}

func (s *session) keep(ctx context.Context, r report) {
	status := OK
	if s.c.ledger(ctx, r.write) != nil {
		status = TemporaryError
	}
	if r.answer.command == deliverSM {
		_ = s.write(r.answer.answer(status, []byte{0})) // its failure has ended the session, and the centre repeats the receipt
	}
}

// refuse lets no new question begin, except the unbind.
func (s *session) refuse() {
	s.mu.Lock()
	s.closing = true
	s.mu.Unlock()
	s.c.withdraw(s)
}

func (s *session) idle() (closing, quiet bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closing, len(s.questions) == s.missing
}

// watch keeps the session alive, and ends it when the centre does not answer or wants it ended.
func (s *session) watch(ctx context.Context) {
	t := time.NewTicker(s.c.c.EnquireEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			s.leave(context.WithoutCancel(ctx))
			return
		case <-s.done:
			return
		case <-t.C:
			select {
			case <-s.heard:
				continue
			default:
			}
		case <-s.probe:
		}
		if closing, _ := s.idle(); closing { // the centre's own unbind was answered
			s.finish()
			s.end(errBroken)
			return
		}
		if _, err := s.ask(context.WithoutCancel(ctx), enquireLink, nil, nil); err != nil {
			s.end(err)
			return
		}
	}
}

// finish waits for the answers that are still due, at most ReplyTimeout.
func (s *session) finish() {
	t := time.NewTimer(s.c.c.ReplyTimeout)
	defer t.Stop()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for {
		if _, quiet := s.idle(); quiet {
			return
		}
		select {
		case <-t.C:
			return
		case <-s.done:
			return
		case <-look.C:
		}
	}
}

// leave is our own unbind (§4.2).
func (s *session) leave(ctx context.Context) {
	s.refuse()
	s.finish()
	_, _ = s.ask(ctx, unbind, nil, nil) // we leave with or without an answer
	s.end(errBroken)
}

// submitted is called in the reading loop for every answer to a submit_sm.
func (s *session) submitted(l notify.Letter, part, parts int) func(pdu, bool) {
	return func(p pdu, late bool) {
		if late {
			s.c.report("late answer", nil)
		}
		if p.command != submitSMResp || p.status != OK {
			return
		}
		s.c.taken.Add(l.Key, part)
		id, err := parseMessageID(p.body)
		if id = canonicalID(id); err != nil || id == "" {
			return
		}
		record := notify.Submission{
			Carrier: s.c.c.Name, CarrierID: id, Letter: l.ID, Key: l.Key, Part: part, Parts: parts, At: s.c.c.Now(),
		}
		line := report{write: func(ctx context.Context, l notify.Ledger) error { return l.Submitted(ctx, record) }}
		select {
		case s.reports <- line:
		default:
			s.c.report("ledger", errLedgerFull)
		}
	}
}
