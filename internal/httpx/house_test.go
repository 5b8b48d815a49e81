package httpx_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"doverie/internal/httpx"
	"doverie/internal/i18n"
	"doverie/internal/ui"
)

var noon = time.Date(2026, time.November, 21, 12, 0, 0, 0, time.UTC)

type house struct {
	kit  *httpx.Kit
	mux  *http.ServeMux
	log  *bytes.Buffer
	gate *httpx.Gate
}

type visitors map[string]httpx.Visitor

func (v visitors) Visitor(_ context.Context, secret string) (httpx.Visitor, error) {
	if secret == "broken" {
		return httpx.Visitor{}, errors.New("database is away")
	}
	return v[secret], nil
}

func open(t *testing.T, base string, change ...func(*httpx.Config)) house {
	t.Helper()
	cat, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	cat.Missing = func(lang, key string, why error) { t.Errorf("%s %s: %v", lang, key, why) }
	assets, err := ui.LoadAssets()
	if err != nil {
		t.Fatal(err)
	}
	pages, err := ui.New(assets, cat.Printer("ru", nil), cat.Printer("en", nil))
	if err != nil {
		t.Fatal(err)
	}
	u, err := url.Parse(base)
	if err != nil {
		t.Fatal(err)
	}
	h := house{mux: http.NewServeMux(), log: &bytes.Buffer{}}
	cfg := httpx.Config{BaseURL: u, Log: slog.New(slog.NewTextHandler(h.log, nil)), Now: func() time.Time { return noon }}
	for _, f := range change {
		f(&cfg)
	}
	if h.kit, err = httpx.New(cfg, pages); err != nil {
		t.Fatal(err)
	}
	h.gate = h.kit.Gate(httpx.Gate{Cookie: "sid", SignIn: "/sign-in", StepUp: "/step-up", Look: visitors{
		"vera":   {Account: "a1", Session: "s1", Name: "Вера П."},
		"fresh":  {Account: "a1", Session: "s1", Name: "Вера П.", SteppedUp: true},
		"frozen": {Account: "a2", Name: "Иван И.", OnlyPath: "/frozen"},
		"desk":   {Account: "o1", Name: "Оператор", Office: "mfc-7"},
	}})
	h.mux.Handle("POST /language", h.kit.Handle(h.kit.ChooseLanguage))
	return h
}

func (h house) handle(pattern string, f httpx.Handler) { h.mux.Handle(pattern, h.kit.Handle(f)) }

func (h house) do(r *http.Request) *http.Response {
	w := httptest.NewRecorder()
	h.kit.Wrap(h.mux).ServeHTTP(w, r)
	return w.Result()
}

func get(path string, headers ...string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

func post(path, body string, headers ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	return r
}

func text(t *testing.T, res *http.Response) string {
	t.Helper()
	var body io.Reader = res.Body
	if res.Header.Get("Content-Encoding") == "gzip" {
		z, err := gzip.NewReader(body)
		if err != nil {
			t.Fatal(err)
		}
		body = z
	}
	b, err := io.ReadAll(body)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
