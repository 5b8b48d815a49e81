package httpx

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"

	"doverie/internal/fault"
	"doverie/internal/ui"
)

type contextKey int

const (
	requestKey contextKey = iota
	visitorKey
)

// asked is what Wrap finds out about a request once.
type asked struct {
	id   string
	lang string
	mux  *http.ServeMux
	kept ui.Kept // of a form that was refused, where the language was switched on it
}

// RequestID is the short number a person can read out to support: "K3PQ-7WZD-MA2F".
func RequestID(r *http.Request) string { return askedOf(r).id }

// Lang is the language to answer in.
func Lang(r *http.Request) string { return askedOf(r).lang }

func askedOf(r *http.Request) asked {
	if a, ok := r.Context().Value(requestKey).(asked); ok {
		return a
	}
	return asked{lang: languageFor(r)}
}

func newRequestID() string {
	s := rand.Text()
	return s[:4] + "-" + s[4:8] + "-" + s[8:12]
}

// written remembers whether and with what status an answer has begun.
type written struct {
	http.ResponseWriter

	status int
}

func (w *written) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *written) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b) //nolint:wrapcheck // a writer passes errors through
}

// Unwrap lets http.ResponseController reach Flush and deadlines.
func (w *written) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// Wrap stands outermost, around everything that is mounted.
func (k *Kit) Wrap(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		began := k.cfg.Now()
		w := &written{ResponseWriter: out}
		r = r.WithContext(context.WithValue(r.Context(), requestKey, asked{id: newRequestID(), lang: languageFor(r), mux: mux}))
		defer func() { //nolint:contextcheck // the request carries it
			if v := recover(); v != nil {
				k.panicked(w, r, v)
			}
			took := k.cfg.Now().Sub(began)
			if k.cfg.Observe != nil {
				k.cfg.Observe(r.Pattern, w.status, took)
			}
			// The pattern and never the address: an address may hold the secret of a notice's link.
			k.cfg.Log.LogAttrs(r.Context(), slog.LevelInfo, "request", slog.String("request_id", RequestID(r)),
				slog.String("method", r.Method), slog.String("pattern", r.Pattern), slog.Int("status", w.status), slog.Duration("took", took))
		}()
		k.secure(w.Header())
		if err := k.cross.Check(r); err != nil {
			k.Fail(w, r, fault.New(fault.Refused, "fault.cross_origin", nil).Because(err))
			return
		}
		_, pattern := mux.Handler(r)
		if r.Body != nil {
			r.Body = http.MaxBytesReader(w, r.Body, cmp.Or(k.large[pattern], k.cfg.MaxBody))
		}
		if pattern == "" {
			k.nowhere(w, r, mux)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// nowhere answers what the mux knows no handler for: it asks the mux whether the method or the address is wrong.
func (k *Kit) nowhere(w http.ResponseWriter, r *http.Request, mux *http.ServeMux) {
	probe := &probeWriter{header: http.Header{}}
	mux.ServeHTTP(probe, r)
	if probe.status == http.StatusMethodNotAllowed {
		w.Header().Set("Allow", probe.header.Get("Allow"))
		k.failStatus(w, r, http.StatusMethodNotAllowed, fault.New(fault.Refused, "fault.method", nil))
		return
	}
	k.Fail(w, r, fault.New(fault.NotFound, "fault.not_found", nil))
}

type probeWriter struct {
	header http.Header
	status int
}

func (p *probeWriter) Header() http.Header         { return p.header }
func (p *probeWriter) Write(b []byte) (int, error) { return len(b), nil }
func (p *probeWriter) WriteHeader(status int)      { p.status = status }

func (k *Kit) panicked(w *written, r *http.Request, v any) {
	if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(v) // net/http's own way to drop a connection
	}
	k.cfg.Log.ErrorContext(r.Context(), "panic", "request_id", RequestID(r), "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
	if w.status == 0 {
		k.Fail(w, r, fault.New(fault.Internal, "fault.internal", nil))
	}
}

// ContentPolicy is the Content-Security-Policy of every page: nothing inline, nobody else's.
const ContentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
	"connect-src 'self'; manifest-src 'self'; worker-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

func (k *Kit) secure(h http.Header) {
	h.Set("Content-Security-Policy", ContentPolicy)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=(), publickey-credentials-get=(self), publickey-credentials-create=(self)")
	h.Set("Cache-Control", "no-store")
	if k.Secure() {
		h.Set("Strict-Transport-Security", "max-age=63072000; includeSubDomains")
	}
}

// AllowFormTo lets the forms of this answer lead to one more origin. Browsers apply form-action to the
// redirect that follows a form, so consent for another system needs it.
func AllowFormTo(w http.ResponseWriter, origin string) {
	if strings.ContainsAny(origin, " ;,'\"*\r\n") {
		return // not an origin: the strict policy stays
	}
	w.Header().Set("Content-Security-Policy", strings.Replace(ContentPolicy, "form-action 'self'", "form-action 'self' "+origin, 1))
}

// send writes a finished body, compressed where the reader takes it.
func send(w http.ResponseWriter, r *http.Request, status int, contentType string, body []byte) error {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Add("Vary", "Accept-Encoding, Accept-Language, Cookie")
	if len(body) > 1000 && strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
		var buf bytes.Buffer
		z := gzip.NewWriter(&buf)
		if _, err := z.Write(body); err != nil {
			return fmt.Errorf("compress a page: %w", err)
		}
		if err := z.Close(); err != nil {
			return fmt.Errorf("compress a page: %w", err)
		}
		h.Set("Content-Encoding", "gzip")
		body = buf.Bytes()
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	if r.Method != http.MethodHead {
		_, _ = w.Write(body)
	}
	return nil
}
