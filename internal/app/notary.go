package app

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"doverie/internal/notary"
	"doverie/internal/secret"
)

// Notary says how the event log is signed.
type Notary struct {
	Folder string          // where checkpoints are kept outside the database; empty: nowhere
	Keys   *secret.Keyring // whose key signs; nil: Config.Keys
	Log    string          // name of the log; empty: of the host people type
}

// LogName is the name of the event log of a server: the host people type, and "/audit".
func LogName(host string) string { return host + "/audit" }

// NewSigner builds a signer of the server's log from 32 secret bytes.
func NewSigner(c Config, seed []byte) (*notary.Signer, error) {
	return notary.NewSigner(cmp.Or(c.Notary.Log, LogName(c.BaseURL.Host)), seed)
}

// NewNotary builds the notary alone, for commands that do not serve.
func NewNotary(c Config, db notary.Store) (*notary.Service, error) {
	keys := c.Notary.Keys
	if keys == nil {
		keys = c.Keys
	}
	signer, err := NewSigner(c, keys.Seed("audit checkpoint"))
	if err != nil {
		return nil, err
	}
	s := &notary.Service{Store: db, Signer: signer, Policy: c.Policy, Now: c.Now}
	if c.Notary.Folder != "" {
		s.Folder = &notary.Folder{Path: c.Notary.Folder, Key: signer.Key()}
	}
	return s, nil
}

// notary builds it and refuses a database that is older than what lies outside (T55).
func (a *App) notary(ctx context.Context, c Config) (err error) {
	if a.Notary, err = NewNotary(c, a.Store); err != nil {
		return err
	}
	a.logSeen = a.now()
	_, err = a.Notary.Check(ctx)
	return err
}

// notarise arms the notary's timer, and keeps this process's folder up to date: another process may be the one that
// signs.
func (a *App) notarise(ctx context.Context) {
	if err := a.Notary.Start(ctx); err != nil && ctx.Err() == nil {
		a.log.ErrorContext(ctx, "notary", "error", err)
	}
	tick := time.NewTicker(a.Policy.CheckpointLook)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		a.WatchLog(ctx)
	}
}

// WatchLog brings this process's folder up to date, and raises the alarm when events wait too long for a checkpoint, or for one
// outside. Run does it by itself.
func (a *App) WatchLog(ctx context.Context) {
	if err := a.Notary.Publish(ctx); err != nil && ctx.Err() == nil {
		a.log.ErrorContext(ctx, "checkpoints outside", "error", err)
	}
	signed, outside, err := a.Notary.Lag(ctx)
	if ctx.Err() != nil {
		return
	}
	if err != nil { // a folder or database that cannot be read: nobody knows, so time runs from when it last could
		outside = max(outside, a.now().Sub(a.logSeen))
	} else {
		a.logSeen = a.now()
	}
	for what, waits := range map[string]time.Duration{"signed": signed, "outside": outside} {
		over := waits > a.Policy.CheckpointAlarm
		a.metrics.logWaits(what, waits, over)
		if over {
			a.log.ErrorContext(ctx, "checkpoints overdue", "what", what, "waits", waits.Round(time.Second), "error", err)
		}
	}
}

// mountNotary adds what anybody may read of the event log: the newest checkpoint, and the proof that one tree grew out
// of another. Both are about hashes and say nothing of people.
func (a *App) mountNotary(mux *http.ServeMux) {
	mux.HandleFunc("GET /audit/checkpoint", func(w http.ResponseWriter, r *http.Request) {
		standing, err := a.Store.Standing(r.Context())
		switch {
		case err != nil:
			a.log.WarnContext(r.Context(), "checkpoint", "error", err)
			plain(w, http.StatusServiceUnavailable, "the database does not answer")
		case standing.Signed == 0:
			plain(w, http.StatusNotFound, "nothing is signed yet")
		default:
			w.Header().Set("Content-Type", "text/plain; charset=utf-8")
			w.Header().Set("Cache-Control", "no-cache")
			_, _ = w.Write(standing.Note) // a reader who went away is no failure of ours
		}
	})
	mux.HandleFunc("GET /audit/consistency/{from}/{to}", func(w http.ResponseWriter, r *http.Request) {
		from, wrong := strconv.ParseInt(r.PathValue("from"), 10, 64)
		to, err := strconv.ParseInt(r.PathValue("to"), 10, 64)
		standing, failed := a.Store.Standing(r.Context())
		if failed != nil {
			a.log.WarnContext(r.Context(), "consistency", "error", failed)
			plain(w, http.StatusServiceUnavailable, "the database does not answer")
			return
		}
		if err != nil || wrong != nil || from < 1 || from > to || to > standing.Signed {
			plain(w, http.StatusNotFound, "give two sizes, the smaller first, neither above that of the newest checkpoint")
			return
		}
		proof, err := a.Store.ProveGrowth(r.Context(), from, to)
		if err != nil {
			a.log.WarnContext(r.Context(), "consistency", "error", err)
			plain(w, http.StatusServiceUnavailable, "no proof can be made now")
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"from": from, "to": to, "proof": proof}) // as above
	})
}
