package httpx_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"
	"testing/synctest"
	"time"

	"doverie/internal/httpx"
)

// Whatever an answer costs, it comes at a whole step: what was done cannot be told from how long it took.
func TestPacedAnswersComeAtWholeSteps(t *testing.T) {
	const step = 50 * time.Millisecond
	house := open(t, "http://localhost", func(c *httpx.Config) { c.Pace = step })
	for _, c := range []struct{ work, answered time.Duration }{
		{0, step}, {3 * time.Millisecond, step}, {3*time.Millisecond + 100*time.Microsecond, step}, {49 * time.Millisecond, step},
		{51 * time.Millisecond, 2 * step}, {99 * time.Millisecond, 2 * step}, {260 * time.Millisecond, 6 * step},
	} {
		for name, end := range map[string]func(http.ResponseWriter, *http.Request){
			"a page":     func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("so it is")) },
			"a redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/on", http.StatusSeeOther) },
		} {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				answer := httptest.NewRecorder()
				house.kit.Paced(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					time.Sleep(c.work)
					end(w, r)
				})).ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil))
				if took := time.Since(began); took != c.answered || answer.Body.Len() == 0 && answer.Header().Get("Location") == "" {
					t.Errorf("%s after %v of work came after %v (%d), want %v", name, c.work, took, answer.Code, c.answered)
				}
			})
		}
	}
}

// Who has gone holds nothing.
func TestPacedWaitsForNobodyWhoHasGone(t *testing.T) {
	house := open(t, "http://localhost", func(c *httpx.Config) { c.Pace = time.Hour })
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		house.kit.Paced(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) })).
			ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(ctx, http.MethodPost, "/", nil))
		if took := time.Since(began); took != time.Second {
			t.Errorf("let go after %v, want 1 s", took)
		}
	})
}
