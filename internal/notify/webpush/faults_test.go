package webpush_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"doverie/internal/apptest/pushservice"
	"doverie/internal/notify"
	"doverie/internal/notify/webpush"
)

// people is who has subscribed, by id.
type people struct {
	mu   sync.Mutex
	text map[string]string
	gone map[string]int
	fail error
}

func (p *people) Subscription(_ context.Context, id string) ([]byte, bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	text, ok := p.text[id]
	return []byte(text), ok, p.fail
}

func (p *people) Gone(_ context.Context, id string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.text, id)
	p.gone[id]++
	return nil
}

// book is a ledger.
type book struct {
	mu   sync.Mutex
	rows []notify.Submission
}

func (b *book) Submitted(_ context.Context, s notify.Submission) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.rows = append(b.rows, s)
	return nil
}

func (*book) Reported(context.Context, notify.Receipt) error { return nil }

type stand struct {
	*pushservice.Service

	people  *people
	book    *book
	now     time.Time
	channel *webpush.Channel
	mu      sync.Mutex
	heard   []string
}

func newStand(t *testing.T, change func(*webpush.Config)) *stand {
	t.Helper()
	s := &stand{
		Service: pushservice.New(t), people: &people{text: map[string]string{}, gone: map[string]int{}}, book: &book{},
		now: time.Date(2026, time.November, 21, 16, 5, 0, 0, time.UTC),
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := webpush.Config{
		Contact: "mailto:push@doverie.example", Services: []string{s.Host()}, CAFile: s.CA(), Timeout: 5 * time.Second, AnyPort: true,
		Key: key, Subscriptions: s.people, Reachable: netip.Addr.IsLoopback, Ledger: s.book, Now: func() time.Time { return s.now },
		Report: func(e webpush.Event) {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.heard = append(s.heard, fmt.Sprint(e.What, " ", e.Err))
		},
	}
	if change != nil {
		change(&c)
	}
	if s.channel, err = webpush.New(c); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *stand) letter(key string) notify.Letter {
	return notify.Letter{
		ID: "letter-" + key, Key: key, Kind: notify.RecoveryAsked, Address: "alexey", Sender: "Доверие", Locale: "ru",
		Text: notify.Text{Subject: "Вас просят подтвердить", Body: "Вера П. просит помочь. Позвоните сами."}, NotAfter: s.now.Add(12 * time.Hour),
	}
}

func TestBrowserReadsTheNote(t *testing.T) {
	t.Parallel()
	s := newStand(t, nil)
	b := s.Subscribe(t)
	s.people.text["alexey"] = b.JSON()
	for _, body := range []string{"Коротко.", strings.Repeat("Длинный текст. ", 50)} {
		l := s.letter(rand.Text())
		l.Text.Body = body
		if outcome, err := s.channel.Deliver(t.Context(), l); outcome != notify.Accepted || err != nil {
			t.Fatalf("%s: %v; %v", outcome, err, s.Problems())
		}
	}
	got := b.Got()
	if len(got) != 2 || got[0].Octets != got[1].Octets {
		t.Fatalf("%d pushes; their lengths must not differ", len(got))
	}
	var n webpush.Note
	if err := json.Unmarshal(got[0].Plain, &n); err != nil {
		t.Fatal(err)
	}
	if n.Title != "Вас просят подтвердить" || n.Body != "Коротко." || n.Path != "/approvals" || n.Lang != "ru" || n.Key != got[0].Topic {
		t.Errorf("the browser shows %+v", n)
	}
	if got[0].TTL != "43200" || got[0].Urgency != "high" || got[0].Contact != "mailto:push@doverie.example" || got[0].Topic == got[1].Topic {
		t.Errorf("the service was told %+v", got[0])
	}
	if len(s.book.rows) != 2 || s.book.rows[0].Carrier != "push" || s.book.rows[0].Letter == "" {
		t.Errorf("the ledger holds %+v", s.book.rows)
	}
	long := s.letter("long")
	long.Text.Body = strings.Repeat("я", 2000)
	if outcome, err := s.channel.Deliver(t.Context(), long); outcome != notify.Refused || err == nil {
		t.Errorf("a text that fits no push: %s %v", outcome, err)
	}
}

// TestFaults plays each fault fifty times. After each, what surely was not sent is postponed, what may have been is unknown,
// and what never will be is refused; when the service is well again, the same letter arrives, and a copy is made only where
// the outcome was unknown.
func TestFaults(t *testing.T) {
	t.Parallel()
	const times = 50
	status := func(code int, headers ...string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool {
			for i := 0; i+1 < len(headers); i += 2 {
				w.Header().Set(headers[i], headers[i+1])
			}
			w.WriteHeader(code)
			_, _ = w.Write([]byte(strings.Repeat("words of the service ", 1000)))
			return true
		}
	}
	cases := map[string]struct {
		fault   func(http.ResponseWriter, *http.Request) bool
		outcome notify.Outcome
		gone    bool
		rests   time.Duration // nothing reaches the service for so long
	}{
		"404":                       {fault: status(404), outcome: notify.Refused, gone: true},
		"410":                       {fault: status(410), outcome: notify.Refused, gone: true},
		"429":                       {fault: status(429, "Retry-After", "60"), outcome: notify.Postponed, rests: time.Minute},
		"429 without a time":        {fault: status(429), outcome: notify.Postponed, rests: 10 * time.Second},
		"429 for a year":            {fault: status(429, "Retry-After", "31536000"), outcome: notify.Postponed, rests: 15 * time.Minute},
		"503":                       {fault: status(503, "Retry-After", "5"), outcome: notify.Postponed, rests: 5 * time.Second},
		"500":                       {fault: status(500), outcome: notify.Unknown},
		"502":                       {fault: status(502), outcome: notify.Unknown},
		"400":                       {fault: status(400), outcome: notify.Refused},
		"403: not our subscription": {fault: status(403), outcome: notify.Refused},
		"413":                       {fault: status(413), outcome: notify.Refused},
		"a redirect":                {fault: status(307, "Location", "https://127.0.0.1:1/inside"), outcome: notify.Refused},
		"dropped in the middle": {fault: func(http.ResponseWriter, *http.Request) bool {
			panic(http.ErrAbortHandler)
		}, outcome: notify.Unknown},
		"hangs": {fault: func(_ http.ResponseWriter, r *http.Request) bool {
			_, _ = io.Copy(io.Discard, r.Body) // a server notices that its caller went away only when the body was read
			<-r.Context().Done()
			panic(http.ErrAbortHandler) // returning would answer 200, which a caller that is just hanging up may still read
		}, outcome: notify.Unknown},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStand(t, func(conf *webpush.Config) {
				if name == "hangs" {
					conf.Timeout = 300 * time.Millisecond
				}
			})
			for i := range times {
				b := s.Subscribe(t)
				s.people.text["alexey"] = b.JSON()
				l := s.letter(fmt.Sprint("key ", i))
				s.Before(c.fault)
				outcome, err := s.channel.Deliver(t.Context(), l)
				if outcome != c.outcome || err == nil {
					t.Fatalf("time %d: %s, want %s; %v", i, outcome, c.outcome, err)
				}
				for _, secret := range []string{b.Path, "Вера", "words of the service"} {
					if strings.Contains(err.Error(), secret) {
						t.Fatalf("the error repeats %q: %v", secret, err)
					}
				}
				s.Before(nil)
				if c.rests > 0 {
					s.now = s.now.Add(c.rests - time.Second)
					l.NotAfter = s.now.Add(time.Hour)
					if outcome, _ := s.channel.Deliver(t.Context(), l); outcome != notify.Postponed || len(b.Got()) != 0 {
						t.Fatalf("time %d: the service was not left alone: %s", i, outcome)
					}
					s.now = s.now.Add(time.Second)
				}
				again, err := s.channel.Deliver(t.Context(), l)
				switch {
				case c.gone:
					if again != notify.Refused || s.people.gone["alexey"] != i+1 || len(b.Got()) != 0 {
						t.Fatalf("time %d: a browser that is gone: %s, ended %d times", i, again, s.people.gone["alexey"])
					}
				case again != notify.Accepted || len(b.Got()) != 1:
					t.Fatalf("time %d: well again: %s %v, %d came; %v", i, again, err, len(b.Got()), s.Problems())
				}
				if c.gone {
					continue
				}
				// Its settling was lost, and the queue gives it again: it is taken already.
				if third, err := s.channel.Deliver(t.Context(), l); third != notify.Accepted || err != nil || len(b.Got()) != 1 {
					t.Fatalf("time %d: a third time: %s %v, %d came", i, third, err, len(b.Got()))
				}
			}
			s.mu.Lock()
			defer s.mu.Unlock()
			for _, said := range s.heard {
				if strings.Contains(said, "/send/") {
					t.Fatalf("an operator reads an endpoint: %s", said)
				}
			}
		})
	}
}

// TestCopyIsRecognised: the service took the letter and its answer was lost. The second copy has the topic and the key of
// the first, so that the service and the browser show one.
func TestCopyIsRecognised(t *testing.T) {
	t.Parallel()
	for i := range 50 {
		s := newStand(t, func(c *webpush.Config) { c.Timeout = 200 * time.Millisecond })
		b := s.Subscribe(t)
		s.people.text["alexey"] = b.JSON()
		copies := 0
		service := s.Config.Handler
		s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			service.ServeHTTP(w, r)
			if copies++; copies == 1 {
				panic(http.ErrAbortHandler) // taken, and the answer is lost
			}
		})
		l := s.letter("one")
		if outcome, _ := s.channel.Deliver(t.Context(), l); outcome != notify.Unknown {
			t.Fatalf("%d: %s", i, outcome)
		}
		if outcome, err := s.channel.Deliver(t.Context(), l); outcome != notify.Accepted || err != nil {
			t.Fatalf("%d: %s %v", i, outcome, err)
		}
		got := b.Got()
		if len(got) != 2 || got[0].Topic != got[1].Topic || string(got[0].Plain) != string(got[1].Plain) {
			t.Fatalf("%d: %d copies that do not look like one", i, len(got))
		}
	}
}

func TestNothingReachesInside(t *testing.T) {
	t.Parallel()
	s := newStand(t, func(c *webpush.Config) { c.Reachable = func(netip.Addr) bool { return false } })
	b := s.Subscribe(t)
	s.people.text["alexey"] = b.JSON()
	if outcome, err := s.channel.Deliver(t.Context(), s.letter("a")); outcome != notify.Postponed || !strings.Contains(err.Error(), "not public") {
		t.Errorf("%s %v", outcome, err)
	}
	if len(b.Got()) != 0 {
		t.Error("a push reached an address inside")
	}
	other := newStand(t, func(c *webpush.Config) { c.Services = []string{"push.example"} })
	other.people.text["alexey"] = other.Subscribe(t).JSON()
	if outcome, err := other.channel.Deliver(t.Context(), other.letter("a")); outcome != notify.Refused || !errors.Is(err, webpush.ErrBadSubscription) {
		t.Errorf("a service that is not configured any more: %s %v", outcome, err)
	}
}

func TestNotSent(t *testing.T) {
	t.Parallel()
	s := newStand(t, nil)
	if outcome, err := s.channel.Deliver(t.Context(), s.letter("nobody")); outcome != notify.Refused || err == nil {
		t.Errorf("to a browser that was signed out of: %s %v", outcome, err)
	}
	b := s.Subscribe(t)
	s.people.text["alexey"] = b.JSON()
	late := s.letter("late")
	late.NotAfter = s.now
	if outcome, err := s.channel.Deliver(t.Context(), late); outcome != notify.Refused || !errors.Is(err, notify.ErrTooLate) {
		t.Errorf("too late: %s %v", outcome, err)
	}
	s.people.fail = errors.New("the database is down")
	if outcome, err := s.channel.Deliver(t.Context(), s.letter("down")); outcome != notify.Postponed || err == nil {
		t.Errorf("nobody knows the browser just now: %s %v", outcome, err)
	}
	s.people.fail = nil
	s.Close()
	if outcome, err := s.channel.Deliver(t.Context(), s.letter("refused")); outcome != notify.Postponed || err == nil {
		t.Errorf("a service that cannot be reached: %s %v", outcome, err)
	}
	if len(b.Got()) != 0 {
		t.Error("something was sent")
	}
}
