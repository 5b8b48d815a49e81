package httpx

import (
	"fmt"
	"net/http"
	"time"
)

// Stream sends a live page the word that something changed. The page then asks for itself, so that a stream
// never carries anything worth stealing.
type Stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

// Events begins an event stream ("text/event-stream"). The handler must end when r.Context() does, and should
// call Alive every 15 s or so.
func Events(w http.ResponseWriter, _ *http.Request) (*Stream, error) {
	s := &Stream{w: w, control: http.NewResponseController(w)}
	if err := s.control.SetWriteDeadline(time.Time{}); err != nil {
		return nil, fmt.Errorf("event stream: %w", err)
	}
	h := w.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // a proxy must not collect what should arrive now
	w.WriteHeader(http.StatusOK)
	return s, s.write("retry: 3000\n\n")
}

// aliveEvery is how often a quiet stream shows that it lives.
const aliveEvery = 15 * time.Second

// Ring is the whole handler of a stream that tells a live page of each ring of the bell, until the reader goes away.
// Listen to the bell before the call. The page is told at once, too: it may be older than its stream, and nothing
// that happened between them may be missed.
func Ring(w http.ResponseWriter, r *http.Request, bell <-chan struct{}) error {
	s, err := Events(w, r)
	if err != nil {
		return err
	}
	alive := time.NewTicker(aliveEvery)
	defer alive.Stop()
	for err = s.Change(); err == nil; {
		select {
		case <-r.Context().Done():
			return nil
		case <-bell:
			err = s.Change()
		case <-alive.C:
			err = s.Alive()
		}
	}
	return nil // the reader went away
}

// Change tells the page to renew itself.
func (s *Stream) Change() error { return s.write("event: change\ndata: .\n\n") }

// End tells the page to renew itself a last time: nothing more will come.
func (s *Stream) End() error { return s.write("event: end\ndata: .\n\n") }

// Alive keeps the connection open through proxies.
func (s *Stream) Alive() error { return s.write(": .\n\n") }

func (s *Stream) write(text string) error {
	if _, err := s.w.Write([]byte(text)); err != nil {
		return fmt.Errorf("event stream: %w", err)
	}
	if err := s.control.Flush(); err != nil {
		return fmt.Errorf("event stream: %w", err)
	}
	return nil
}
