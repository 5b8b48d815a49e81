package app

import (
	"context"
	"io"
	"net/http"
	"time"
)

// readyWithin bounds the question to the database: a balancer asks every few seconds.
const readyWithin = 2 * time.Second

// mountHealth adds /healthz (the process lives) and /readyz (it can serve: the database answers and its
// schema fits). Both are for machines on the inside and say nothing about people.
func (a *App) mountHealth(mux *http.ServeMux) {
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { plain(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), readyWithin)
		defer cancel()
		if err := a.Store.Ping(ctx); err != nil {
			a.log.WarnContext(ctx, "not ready", "error", err)
			plain(w, http.StatusServiceUnavailable, "the database does not answer")
			return
		}
		plain(w, http.StatusOK, "ok")
	})
}

func plain(w http.ResponseWriter, status int, words string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, words+"\n") // a reader who went away is no failure of ours
}
