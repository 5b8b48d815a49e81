package web

import (
	"net/http"
	"time"

	"doverie/internal/httpx"
)

const (
	lookEvery = 2 * time.Second  // how often a live page looks for something new
	aliveEach = 15 * time.Second // how often a quiet stream shows that it lives
	streamFor = 10 * time.Minute // then the browser connects again, so that a server can be stopped
)

// watch streams to a live page that something changed: look gives a mark that differs when the page
// would, and over when nothing more will come. It never returns an error once the stream has begun: a
// stream that breaks is asked for again by the browser.
func watch(w http.ResponseWriter, r *http.Request, every time.Duration, look func() (mark string, over bool, err error)) error {
	shown, over, err := look()
	if err != nil {
		return err
	}
	stream, err := httpx.Events(w, r)
	if err != nil {
		return err
	}
	if over {
		_ = stream.End()
		return nil
	}
	// The page may be older than this stream: it renews itself once, so that no change falls between them.
	if stream.Change() != nil {
		return nil
	}
	ticker := time.NewTicker(every)
	defer ticker.Stop()
	quiet := time.Duration(0)
	for lived := time.Duration(0); lived < streamFor; lived += every {
		select {
		case <-r.Context().Done():
			return nil
		case <-ticker.C:
		}
		mark, over, err := look()
		switch {
		case err != nil:
			return nil
		case over:
			_ = stream.End()
			return nil
		case mark != shown:
			shown, quiet = mark, 0
			if stream.Change() != nil {
				return nil
			}
		default:
			if quiet += every; quiet >= aliveEach {
				quiet = 0
				if stream.Alive() != nil {
					return nil
				}
			}
		}
	}
	return nil
}
