package httpx

import (
	"net/http"
	"time"
)

// Paced answers only at whole steps of Config.Pace after the request came. For pages that a stranger can ask about somebody:
// what is done costs the same statements and rows whoever is meant (I6), but not the same microseconds: a row that is
// there takes longer to read than one that is not, and a reference longer to check than none. Rounded up to a step that is
// much longer than the work, they cannot be told apart, however often somebody asks.
//
// Nothing is held while it waits: no lock, no place in the queue for hashing. A reader who has gone is not waited for.
func (k *Kit) Paced(h http.Handler) http.Handler {
	if k.cfg.Pace <= 0 {
		return h
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		steps := time.NewTicker(k.cfg.Pace)
		defer steps.Stop()
		h.ServeHTTP(&pacedWriter{ResponseWriter: w, steps: steps.C, gone: r.Context().Done()}, r)
	})
}

// pacedWriter holds the head of an answer until the next step. Pages are finished before their head is sent (see send),
// so that nothing is worked on after it.
type pacedWriter struct {
	http.ResponseWriter

	steps <-chan time.Time
	gone  <-chan struct{}
	begun bool
}

func (w *pacedWriter) WriteHeader(status int) {
	w.begin()
	w.ResponseWriter.WriteHeader(status)
}

func (w *pacedWriter) Write(b []byte) (int, error) {
	w.begin()
	return w.ResponseWriter.Write(b) //nolint:wrapcheck // a writer passes errors through
}

// Unwrap lets http.ResponseController reach Flush and deadlines.
func (w *pacedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *pacedWriter) begin() {
	if w.begun {
		return
	}
	w.begun = true
	select {
	case <-w.steps: // one that passed while it was worked
	default:
	}
	select {
	case <-w.steps:
	case <-w.gone:
	}
}
