package httpsms

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"doverie/internal/notify"
)

var noon = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)

// cruel is a text that tries to break out of everything.
const cruel = "Доверие: вход.\n\"Код\" 271828 & {key} %7B \\ </script> €ё😀"

type book struct {
	mu        sync.Mutex
	submitted []notify.Submission
	reported  []notify.Receipt
	err       error
}

func (b *book) Submitted(_ context.Context, s notify.Submission) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.submitted = append(b.submitted, s)
	return b.err
}

func (b *book) Reported(_ context.Context, r notify.Receipt) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.err == nil {
		b.reported = append(b.reported, r)
	}
	return b.err
}

const jsonBody = `{"messages":[{"to":"{to}","from":"{sender}","text":"{text}","ref":"{key}","ttl":"{ttl}","flash":false,"n":1.50}]}`

func gateway(t *testing.T, answer http.HandlerFunc, change func(*Config)) *Channel {
	t.Helper()
	server := httptest.NewServer(answer)
	t.Cleanup(server.Close)
	return channelTo(t, server.URL, change)
}

func channelTo(t *testing.T, address string, change func(*Config)) *Channel {
	t.Helper()
	c := Config{URL: address + "/send?channel=sms", Body: jsonBody, Sender: "Doverie", Now: func() time.Time { return noon }, Timeout: 5 * time.Second}
	if change != nil {
		change(&c)
	}
	channel, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return channel
}

func letter(key, text string) notify.Letter {
	return notify.Letter{ID: "id1", Key: key, Address: "+79160000001", Text: notify.Text{Body: text}, NotAfter: noon.Add(5 * time.Minute)}
}

func TestJSONGateway(t *testing.T) {
	var got struct {
		Messages []map[string]any `json:"messages"`
	}
	b := &book{}
	channel := gateway(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.Header.Get("Authorization") != "Bearer x" || r.Header.Get("Content-Type") != "application/json" ||
			r.Header.Get("Idempotency-Key") != "k1" || r.URL.RawQuery != "channel=sms" {
			t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
		}
		if err := json.NewDecoder(r.Body).Decode(&got); err != nil {
			t.Error(err)
		}
		io.WriteString(w, `{"messages":[{"status":"ok","id":1234567890123456789}]}`)
	}, func(c *Config) {
		c.Headers, c.KeyHeader = map[string]string{"Authorization": "Bearer x"}, "Idempotency-Key"
		c.SuccessPath, c.SuccessPattern, c.IDPath, c.Ledger, c.Name = "messages.0.status", "^ok$", "messages.0.id", b, "main"
	})
	for range 2 { // the second time nothing is sent: see the length of the book
		if outcome, err := channel.Deliver(t.Context(), letter("k1", cruel)); outcome != notify.Accepted || err != nil {
			t.Fatal(outcome, err)
		}
	}
	want := map[string]any{"to": "+79160000001", "from": "Doverie", "text": cruel, "ref": "k1", "ttl": 300.0, "flash": false, "n": 1.5}
	if len(got.Messages) != 1 || fmt.Sprint(got.Messages[0]) != fmt.Sprint(want) {
		t.Errorf("%v", got)
	}
	if len(b.submitted) != 1 || b.submitted[0] != (notify.Submission{Carrier: "main", CarrierID: "1234567890123456789", Letter: "id1", Key: "k1", Part: 1, Parts: 1, At: noon}) {
		t.Errorf("%+v", b.submitted)
	}
}

func TestFormAndQueryGateways(t *testing.T) {
	for name, change := range map[string]func(*Config){
		"form": func(c *Config) { c.Format, c.Body = Form, "phone={digits}&mes={text}&s={sender}&t={ttl}" },
		"query": func(c *Config) {
			c.Method, c.Body, c.URL = http.MethodGet, "", c.URL+"&phone={digits}&mes={text}&s={sender}&t={ttl}"
		},
	} {
		t.Run(name, func(t *testing.T) {
			var got url.Values
			b := &book{}
			channel := gateway(t, func(w http.ResponseWriter, r *http.Request) {
				r.ParseForm()
				got = r.Form
				io.WriteString(w, "OK - 1 SMS, ID - 77aF")
			}, func(c *Config) {
				change(c)
				c.SuccessPattern, c.IDPattern, c.Ledger = "^OK", `ID - (\w+)`, b
			})
			if outcome, err := channel.Deliver(t.Context(), letter("k1", cruel)); outcome != notify.Accepted || err != nil {
				t.Fatal(outcome, err)
			}
			want := url.Values{"channel": {"sms"}, "phone": {"79160000001"}, "mes": {cruel}, "s": {"Doverie"}, "t": {"300"}}
			if got.Encode() != want.Encode() || len(b.submitted) != 1 || b.submitted[0].CarrierID != "77aF" {
				t.Errorf("%v, %+v", got, b.submitted)
			}
		})
	}
}

func TestAnswers(t *testing.T) {
	status := 200
	body := "{}"
	requests := 0
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
	defer elsewhere.Close()
	channel := gateway(t, func(w http.ResponseWriter, _ *http.Request) {
		requests++
		w.Header().Set("Location", elsewhere.URL)
		w.WriteHeader(status)
		io.WriteString(w, body)
	}, func(c *Config) {
		c.SuccessPath, c.SuccessPattern, c.TryLater = "error.code", "^0$", "^(9|busy)$"
	})
	for i, c := range []struct {
		status int
		body   string
		want   notify.Outcome
	}{
		{200, `{"error":{"code":0}}`, notify.Accepted},
		{201, `{"error":{"code":"0"}}`, notify.Accepted},
		{200, `{"error":{"code":9}}`, notify.Postponed},
		{400, `{"error":{"code":"busy"}}`, notify.Postponed},
		{200, `{"error":{"code":7}}`, notify.Refused},
		{200, `{"error":{"code":{"0":0}}}`, notify.Refused},
		{200, `0`, notify.Refused},
		{200, strings.Repeat("x", 1<<20), notify.Refused},
		{302, `{"error":{"code":0}}`, notify.Refused},
		{401, ``, notify.Refused},
		{500, `{"error":{"code":0}}`, notify.Unknown},
		{502, ``, notify.Unknown},
		{503, ``, notify.Postponed},
	} {
		status, body = c.status, c.body
		outcome, err := channel.Deliver(t.Context(), letter(fmt.Sprint(i), "x"))
		if outcome != c.want || (err == nil) != (c.want == notify.Accepted) {
			t.Errorf("%d %.40s: %s, %v", c.status, c.body, outcome, err)
		}
	}
	sent := requests // after the 503 the channel rests
	if outcome, err := channel.Deliver(t.Context(), letter("rest", "x")); outcome != notify.Postponed || !errors.Is(err, errResting) || requests != sent {
		t.Error(outcome, err)
	}
	for name, l := range map[string]notify.Letter{
		"no phone": {Address: "8916", Text: notify.Text{Body: "x"}},
		"too late": {Address: "+79160000001", NotAfter: noon},
	} {
		channel.until = time.Time{}
		if outcome, err := channel.Deliver(t.Context(), l); outcome != notify.Refused || err == nil {
			t.Errorf("%s: %s, %v", name, outcome, err)
		}
	}
}

func TestRetryAfterIsHonouredWithinReason(t *testing.T) {
	now := noon
	header := ""
	channel := gateway(t, func(w http.ResponseWriter, _ *http.Request) {
		if header != "" {
			w.Header().Set("Retry-After", header)
			w.WriteHeader(http.StatusTooManyRequests)
		}
	}, func(c *Config) { c.Now = func() time.Time { return now } })
	for value, pause := range map[string]time.Duration{"7": 7 * time.Second, "999999": maxRest, "soon": firstRest, "-3": firstRest} {
		header = value
		if outcome, _ := channel.Deliver(t.Context(), notify.Letter{Key: value, Address: "+79160000001"}); outcome != notify.Postponed {
			t.Fatal(outcome)
		}
		header = ""
		now = now.Add(pause - time.Nanosecond)
		if outcome, err := channel.Deliver(t.Context(), notify.Letter{Key: value, Address: "+79160000001"}); outcome != notify.Postponed {
			t.Errorf("%s: sent while resting: %s, %v", value, outcome, err)
		}
		now = now.Add(time.Nanosecond)
		if outcome, err := channel.Deliver(t.Context(), notify.Letter{Key: value, Address: "+79160000001"}); outcome != notify.Accepted {
			t.Errorf("%s: %s, %v", value, outcome, err)
		}
	}
}

// TestFaults: 50 letters a fault. Nothing is lost, nothing that surely was not sent was, and copies are no more than
// unknown outcomes force.
func TestFaults(t *testing.T) {
	t.Parallel()
	const hangTime = 250 * time.Millisecond
	for _, c := range []struct {
		fault  string
		want   notify.Outcome
		copies int
	}{
		{"hangs", notify.Unknown, 0}, {"answers late", notify.Unknown, 1}, {"drops before", notify.Unknown, 0}, {"drops after", notify.Unknown, 1},
		{"throttles", notify.Postponed, 0}, {"fails", notify.Unknown, 0}, {"restarts", notify.Unknown, 0}, {"cuts its answer", notify.Unknown, 1},
	} {
		t.Run(c.fault, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			copies, armed := map[string]int{}, false
			take := func(text string) { mu.Lock(); defer mu.Unlock(); copies[text]++ }
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body, _ := io.ReadAll(r.Body)
				text := string(body)
				mu.Lock()
				now := armed
				armed = false
				mu.Unlock()
				if !now {
					take(text)
					return
				}
				switch c.fault {
				case "hangs":
					time.Sleep(2 * hangTime)
					panic(http.ErrAbortHandler)
				case "answers late":
					take(text)
					time.Sleep(2 * hangTime)
				case "drops after":
					take(text)
					panic(http.ErrAbortHandler)
				case "drops before":
					panic(http.ErrAbortHandler)
				case "cuts its answer":
					take(text)
					w.Header().Set("Content-Length", "100")
					io.WriteString(w, "short")
					panic(http.ErrAbortHandler)
				case "throttles":
					w.Header().Set("Retry-After", "0")
					w.WriteHeader(http.StatusTooManyRequests)
				case "fails":
					w.WriteHeader(http.StatusBadGateway)
				}
			}))
			gate := &doorman{Listener: server.Listener}
			server.Listener = gate
			server.Start()
			defer server.Close()
			patience := 10 * time.Second // a busy machine must not make time-outs of its own
			if c.fault == "hangs" || c.fault == "answers late" {
				patience = hangTime
			}
			channel := channelTo(t, server.URL, func(c *Config) { c.Timeout, c.Body, c.Format = patience, "t={text}&p={to}", Form })
			missed := 0
			for i := range 50 {
				text := fmt.Sprintf("t%d", i)
				l := letter(text, text)
				mu.Lock()
				armed = c.fault != "restarts"
				mu.Unlock()
				gate.close(c.fault == "restarts")
				first, err := channel.Deliver(t.Context(), l)
				wire := "p=%2B79160000001&t=" + text
				mu.Lock()
				taken, met := copies[wire], !armed
				mu.Unlock()
				if !met && patience == hangTime {
					if missed++; missed > 25 {
						t.Fatal("the fault is hardly ever met")
					}
					continue // a busy machine made a time-out of its own before the fault
				}
				if first != c.want || err == nil || taken != c.copies {
					t.Fatalf("round %d: %s, %v, %d copies", i, first, err, taken)
				}
				gate.close(false)
				unknown, outcome := 0, first
				for n := 0; n < 100 && outcome != notify.Accepted; n++ {
					if outcome == notify.Unknown {
						unknown++
					}
					outcome, _ = channel.Deliver(t.Context(), l)
				}
				mu.Lock()
				if got := copies[wire]; outcome != notify.Accepted || got < 1 || got > 1+unknown {
					t.Fatalf("round %d: %s, %d copies after %d unknown outcomes", i, outcome, got, unknown)
				}
				mu.Unlock()
			}
		})
	}
}

// doorman closes connections at once while he is told to.
type doorman struct {
	net.Listener
	mu   sync.Mutex
	shut bool
}

func (d *doorman) close(shut bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.shut = shut
}

func (d *doorman) Accept() (net.Conn, error) {
	for {
		conn, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		d.mu.Lock()
		shut := d.shut
		d.mu.Unlock()
		if !shut {
			return conn, nil
		}
		conn.Close()
	}
}

func TestNobodyListens(t *testing.T) {
	server := httptest.NewServer(nil)
	server.Close()
	channel := channelTo(t, server.URL, nil)
	for range 50 {
		outcome, err := channel.Deliver(t.Context(), letter("k", cruel))
		if outcome != notify.Postponed || err == nil || strings.Contains(err.Error(), "channel=sms") {
			t.Fatal(outcome, err)
		}
	}
	secure := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("an unknown authority was trusted") }))
	secure.Config.ErrorLog = nil
	defer secure.Close()
	if outcome, err := channelTo(t, secure.URL, nil).Deliver(t.Context(), letter("k", cruel)); outcome != notify.Postponed {
		t.Error(outcome, err)
	}
}

func TestNewNamesTheField(t *testing.T) {
	good := Config{URL: "https://gateway.example/send", Body: jsonBody, Sender: "Doverie", Now: time.Now}
	if _, err := New(good); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Config){
		"URL plain":          func(c *Config) { c.URL = "http://gateway.example/" },
		"URL user":           func(c *Config) { c.URL = "https://a:b@gateway.example/" },
		"URL path":           func(c *Config) { c.URL = "https://gateway.example/{to}" },
		"URL place":          func(c *Config) { c.URL = "https://gateway.example/?a={txt}" },
		"URL of a GET":       func(c *Config) { c.Method, c.Body = http.MethodGet, "" },
		"Method":             func(c *Config) { c.Method = "DELETE" },
		"Headers":            func(c *Config) { c.Headers = map[string]string{"A": "b\r\nC: d"} },
		"Body not JSON":      func(c *Config) { c.Body = `{"a":` },
		"Body two":           func(c *Config) { c.Body = `{} {}` },
		"Body place":         func(c *Config) { c.Body = `{"a":"{phone}"}` },
		"Body without text":  func(c *Config) { c.Body = `{"a":"{to}"}` },
		"Body form":          func(c *Config) { c.Format, c.Body = Form, "a={to}&b=%zz" },
		"Body of a GET":      func(c *Config) { c.Method = http.MethodGet },
		"Format":             func(c *Config) { c.Format = "xml" },
		"KeyHeader":          func(c *Config) { c.KeyHeader = "Key: x" },
		"Sender":             func(c *Config) { c.Sender = "" },
		"CAFile":             func(c *Config) { c.CAFile = []byte("x") },
		"SuccessPattern":     func(c *Config) { c.SuccessPattern = "(" },
		"TryLater":           func(c *Config) { c.TryLater = "(" },
		"IDPattern no group": func(c *Config) { c.IDPattern = "x" },
		"IDPattern and path": func(c *Config) { c.IDPattern, c.IDPath = "(x)", "x" },
		"Timeout":            func(c *Config) { c.Timeout = time.Hour },
		"Window":             func(c *Config) { c.Window = -1 },
		"Now":                func(c *Config) { c.Now = nil },
	} {
		c := good
		spoil(&c)
		field, _, _ := strings.Cut(name, " ")
		if _, err := New(c); err == nil || !strings.HasPrefix(err.Error(), "httpsms: "+field+": ") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzFill: whatever a text holds, the body stays one JSON value with the same text in the same place.
func FuzzFill(f *testing.F) {
	f.Add(cruel)
	f.Add(`{ttl}`)
	f.Add("\x00\u2028{to}\"}")
	template, err := jsonTemplate(jsonBody)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		b, err := json.Marshal(fillJSON(template, map[string]string{"text": text, "to": "+7", "ttl": "9"}))
		if err != nil {
			t.Fatal(err)
		}
		var back struct {
			Messages []map[string]any `json:"messages"`
		}
		if err := json.Unmarshal(b, &back); err != nil {
			t.Fatal(err)
		}
		if got := back.Messages[0]["text"]; got != strings.ToValidUTF8(text, "\ufffd") && got != string([]rune(text)) || len(back.Messages[0]) != 7 {
			t.Errorf("%q became %q", text, got)
		}
	})
}
