package web

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"doverie/internal/fault"
	"doverie/internal/httpx"
)

// What a script posts is JSON of a known form or an Invalid fault, and never leads to another site.
func FuzzScriptBody(f *testing.F) {
	for _, body := range []string{
		`{"answer":{"id":"AA"},"name":"мой телефон","next":"/home","remember":true}`, `{"next":"//evil.test"}`, `{"next":"/\\evil.test"}`, `{"next":"javascript:alert(1)"}`, `{"answer":null}`, `null`, `[]`, `{"name":1}`, `{"name":"\ud800"}`, "",
		`{"NEXT":"https://evil.test"}`, strings.Repeat("[", 10_000),
	} {
		f.Add(body, "application/json")
	}
	f.Add(`{}`, "application/json; charset=utf-8")
	f.Add(`{}`, "text/plain")
	base := &url.URL{Scheme: "https", Host: "id.test", Path: "/"}
	f.Fuzz(func(t *testing.T, body, kind string) {
		r := httptest.NewRequest(http.MethodPost, "/passkeys", strings.NewReader(body))
		r.Header.Set("Content-Type", kind)
		reached := false
		err := fromScript(nil, func(_ http.ResponseWriter, _ *http.Request, in asked) (any, error) {
			reached = true
			if u, err := base.Parse(in.Next); err != nil || u.Host != "id.test" || u.Scheme != "https" {
				t.Errorf("%q leads to %v (%v)", body, u, err)
			}
			return told{}, nil
		})(httptest.NewRecorder(), r)
		if reached == (err != nil) || err != nil && !fault.Is(err, fault.Invalid) {
			t.Errorf("%q as %q: reached %t, %v", body, kind, reached, err)
		}
		if u, err := base.Parse(withNext(SignInPath, httpx.SafeNext(body, ""))); err != nil || u.Host != "id.test" || u.Path != SignInPath {
			t.Errorf("%q leads to %v (%v)", body, u, err)
		}
	})
}

func FuzzCursors(f *testing.F) {
	for _, way := range []string{"", "30", "30,20,10", "10,20", "0", "-1", "9223372036854775808", "a", "1,1", strings.Repeat("1,", 300)} {
		f.Add(way)
	}
	f.Fuzz(func(t *testing.T, text string) {
		typed := strings.Split(text, ",")
		way := cursors(typed)
		if len(way) != 0 && len(way) != len(typed) || len(way) > deepestPage {
			t.Fatalf("%q became %v", text, way)
		}
		for i, n := range way {
			if again, err := strconv.ParseInt(typed[i], 10, 64); err != nil || again != n || n <= 0 || i > 0 && n >= way[i-1] {
				t.Fatalf("%q became %v", text, way)
			}
		}
	})
}
