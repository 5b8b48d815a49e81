package numbers_test

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"doverie/internal/numbers"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func now() time.Time { return noon }

const phone = "+79131234567"

func provider(t *testing.T, answer http.HandlerFunc) *numbers.Provider {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	p, err := numbers.New(numbers.Config{URL: server.URL + "/numbers", Authorization: "Bearer abc", Timeout: time.Second, Now: now})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestAsk(t *testing.T) {
	p := provider(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Method != http.MethodPost || string(body) != `{"phone":"`+phone+`"}` || r.Header.Get("Authorization") != "Bearer abc" ||
			strings.Contains(r.URL.String(), "9131234567") {
			t.Errorf("asked %s %s %s", r.Method, r.URL, body)
		}
		_, _ = io.WriteString(w, `{"sim_changed_at": "2026-11-21T12:00:00+03:00", "reassigned_at": null}`)
	})
	r, err := p.Ask(t.Context(), phone)
	if err != nil || !r.SIMChangedAt.Equal(noon.Add(-3*time.Hour)) || !r.ReassignedAt.IsZero() {
		t.Errorf("answered %+v, %v", r, err)
	}
}

func TestAnswersThatCannotBeUsed(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{
		"an error": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"no JSON":  func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, phone) },
		"a time in the future": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"sim_changed_at":"2027-01-01T00:00:00Z"}`)
		},
		"a time that is none": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"sim_changed_at":"yesterday"}`)
		},
		"a redirect": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "https://evil.test/", http.StatusTemporaryRedirect)
		},
		"an answer without end": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"phone":"`+strings.Repeat("9", 1<<20))
		},
		"silence": func(_ http.ResponseWriter, r *http.Request) {
			_, _ = io.Copy(io.Discard, r.Body) // a server sees that its caller has gone only after this
			<-r.Context().Done()
		},
	} {
		r, err := provider(t, answer).Ask(t.Context(), phone)
		if err == nil || r != (numbers.Report{}) || strings.Contains(err.Error(), "9131234567") {
			t.Errorf("%s: %+v, %v", name, r, err)
		}
	}
	r, err := provider(t, http.NotFound).Ask(t.Context(), phone)
	if err != nil || r != (numbers.Report{}) {
		t.Errorf("a number the provider does not know: %+v, %v", r, err)
	}
}

func TestConfigIsChecked(t *testing.T) {
	for _, c := range []struct {
		conf numbers.Config
		want string
	}{
		{numbers.Config{Now: now}, "URL"},
		{numbers.Config{URL: "http://numbers.example", Now: now}, "URL"},
		{numbers.Config{URL: ":", Now: now}, "URL"},
		{numbers.Config{URL: "https://user@numbers.example", Now: now}, "URL"},
		{numbers.Config{URL: "https://numbers.example", Timeout: time.Hour, Now: now}, "Timeout"},
		{numbers.Config{URL: "https://numbers.example", CAFile: []byte("none"), Now: now}, "CAFile"},
		{numbers.Config{URL: "https://numbers.example"}, "Now"},
	} {
		if _, err := numbers.New(c.conf); err == nil || !strings.Contains(err.Error(), c.want+": ") {
			t.Errorf("%+v: %v", c.conf, err)
		}
	}
}

func TestLines(t *testing.T) {
	file := `{"phone": "+79131234567", "sim_changed_at": "2026-11-21T09:00:00Z"}

{"phone": "+79131234568", "reassigned_at": "2026-11-20T00:00:00Z"}
{"phone": "+79131234569"}
{"reassigned_at": "2026-11-20T00:00:00Z"}
{"phone": "+79131234570", "reassigned_at": "2030-01-01T00:00:00Z"}
{"phone": "+79131234571", "colour": "red", "reassigned_at": "2026-11-20T00:00:00Z"}
nonsense +79131234572
`
	good, bad := map[string]numbers.Report{}, []int{}
	for line := range numbers.Lines(strings.NewReader(file), noon) {
		if line.Err != nil {
			bad = append(bad, line.Number)
			if strings.Contains(line.Err.Error(), "7913") {
				t.Errorf("the error repeats the line: %v", line.Err)
			}
			continue
		}
		good[line.Phone] = line.Report
	}
	if len(good) != 2 || good["+79131234567"].SIMChangedAt.IsZero() || good["+79131234568"].ReassignedAt.IsZero() {
		t.Errorf("read %+v", good)
	}
	if len(bad) != 5 || bad[0] != 4 || bad[4] != 8 {
		t.Errorf("refused lines %v", bad)
	}
	last := error(nil)
	for line := range numbers.Lines(io.MultiReader(strings.NewReader(strings.Repeat("x", 10<<10))), noon) {
		last = line.Err
	}
	if last == nil || errors.Unwrap(last) == nil {
		t.Errorf("a line that is too long: %v", last)
	}
}

func FuzzLines(f *testing.F) {
	f.Add(`{"phone": "+79131234567", "sim_changed_at": "2026-11-21T09:00:00Z"}`)
	f.Add("{}\n\n[]")
	f.Fuzz(func(t *testing.T, text string) {
		for line := range numbers.Lines(strings.NewReader(text), noon) {
			r := line.Report
			if line.Err == nil && (line.Phone == "" || r.SIMChangedAt.IsZero() && r.ReassignedAt.IsZero() || r.SIMChangedAt.After(noon.Add(time.Hour))) {
				t.Fatalf("%q gave %+v", text, line)
			}
		}
	})
}
