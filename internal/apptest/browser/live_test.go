package browser_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"doverie/internal/apptest/browser"
	"doverie/internal/httpx"
	"doverie/internal/ui"
)

// slowly is how long an answer is on its way: a stream's word overtakes it.
const slowly = 500 * time.Millisecond

// TestALivePageMissesNothing: something changes before the page opens its stream, and again while the page, told of
// that, is on its way. It comes to show the last state without being touched.
func TestALivePageMissesNothing(t *testing.T) {
	assets, err := ui.LoadAssets()
	if err != nil {
		t.Fatal(err)
	}
	script, err := assets.URL("app.js")
	if err != nil {
		t.Fatal(err)
	}
	var state, asked atomic.Int64
	bell := make(chan struct{}, 1)
	mux := http.NewServeMux()
	mux.Handle("GET "+ui.AssetPrefix, assets)
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		n := asked.Add(1)
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		text := fmt.Sprintf(`<!doctype html><html lang="ru"><head><title>Проба</title><script src="%s" defer></script></head><body><main>
			<div id="live" data-live="/stream" data-refresh="600" data-lost="связи нет" data-connected="связь есть">состояние %d</div></main></body></html>`, script, state.Load())
		switch n {
		case 1: // what happens now is older than the stream
			state.Store(1)
		case 2: // and this while the answer is on its way: the page is told before it has it
			state.Store(2)
			bell <- struct{}{}
			time.Sleep(slowly)
		}
		_, _ = w.Write([]byte(text))
	})
	mux.HandleFunc("GET /stream", func(w http.ResponseWriter, r *http.Request) {
		if err := httpx.Ring(w, r, bell); err != nil {
			t.Error(err)
		}
	})
	server := httptest.NewServer(mux)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	p := browser.Open(t, server.URL, "tester", browser.Options{Script: true, Lang: "ru"})
	p.Go("/")
	p.WaitFor("состояние 2")
	if n := asked.Load(); n != 3 {
		t.Errorf("the page was asked for %d times, want once and after each change", n)
	}
}
