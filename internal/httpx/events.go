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
