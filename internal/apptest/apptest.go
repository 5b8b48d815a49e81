// Package apptest runs the whole server in process for tests: the real handlers, services, store and
// jobs, with a clock set by hand, cheap password hashing, and the development phone.
package apptest

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"doverie/internal/account"
	"doverie/internal/app"
	"doverie/internal/effect"
	"doverie/internal/notify"
	"doverie/internal/policy"
	"doverie/internal/secret"
	"doverie/internal/signals/transmit"
	"doverie/internal/store/storetest"
)

// Password is the old password of every person a test adds.
const Password = "белый пароход идёт домой"

// NewPassword is what people choose after a recovery.
const NewPassword = "семь синих чашек на полке"

// World is the running server of one test.
type World struct {
	*app.App

	T      testing.TB
	URL    string
	DB     *storetest.DB
	Clock  *storetest.Clock
	Phones *notify.DevPhone
	Logs   *Log

	hash   string
	n      int
	server *httptest.Server
	build  func(keys *secret.Keyring) (*app.App, error)
	front  atomic.Pointer[http.Handler]
}

// Log keeps what the server logs, so that a test can search it for secrets.
type Log struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements io.Writer.
func (l *Log) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

// String is everything logged so far.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Options change the world before it starts.
type Options struct {
	Proxies []netip.Prefix        // whose X-Forwarded-For is believed
	TLS     bool                  // people reach the server by https
	Metrics prometheus.Registerer // nil: nothing is measured
	Policy  func(*policy.Policy)
	Front   app.Front
	Hashing secret.HasherOptions // zero: cheap hashes
	Quiet   bool                 // log warnings only
	Pace    time.Duration        // step to which answers to strangers are rounded up; 0: a millisecond

	Carriers app.Carriers // real ones; a channel of theirs takes the place of the development phone
	Numbers  app.Numbers  // tells of changed SIMs; nil: nobody is asked

	OperatorURL *url.URL // address of the operators' console when it has a listener of its own

	Notary   app.Notary // how the event log is signed
	Database string     // a database that is there already, such as a restored one; empty: a new one

	Localhost bool // people reach it as http://localhost, where browsers allow passkeys, and not by its IP address
}

// New starts the server on an empty database of either engine ("sqlite" or "postgres").
func New(t testing.TB, engine string, o Options) *World {
	t.Helper()
	var db *storetest.DB
	switch {
	case o.Database != "":
		db = storetest.Open(t, o.Database)
	case engine == "sqlite":
		db = storetest.SQLite(t)
	case engine == "postgres":
		db = storetest.Postgres(t)
	default:
		t.Fatalf("no engine %q", engine)
	}
	p := policy.Default()
	if o.Policy != nil {
		o.Policy(&p)
	}
	w := &World{T: t, DB: db, Clock: db.Clock, Logs: &Log{}}
	w.Phones = notify.NewDevPhone(w.Clock.Now)
	if o.Hashing == (secret.HasherOptions{}) {
		o.Hashing.Params = secret.CheapParams()
	}
	level := slog.LevelDebug
	if o.Quiet {
		level = slog.LevelWarn
	}
	server := httptest.NewUnstartedServer(nil)
	base := &url.URL{Scheme: "http", Host: server.Listener.Addr().String()}
	if o.Localhost {
		base.Host = "localhost:" + base.Port()
	}
	if o.TLS {
		base.Scheme = "https"
	}
	w.build = func(keys *secret.Keyring) (*app.App, error) {
		return app.New(t.Context(), app.Config{
			Database: db.DSN, Keys: keys, Policy: p, BaseURL: base, Now: w.Clock.Now,
			Log:     slog.New(slog.NewTextHandler(w.Logs, &slog.HandlerOptions{Level: level})),
			Hashing: o.Hashing, Pace: cmp.Or(o.Pace, time.Millisecond),
			Channels: map[effect.Channel]notify.Channel{
				effect.SMS: w.Phones.On(effect.SMS), effect.Email: w.Phones.On(effect.Email), effect.Push: w.Phones.On(effect.Push),
			},
			Front: o.Front, TrustedProxies: o.Proxies, Metrics: o.Metrics, OperatorURL: o.OperatorURL, Carriers: o.Carriers, Numbers: o.Numbers, Outward: transmit.Outward{Development: true},
			Notary: o.Notary,
		})
	}
	if err := w.start(db.Keys); err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { (*w.front.Load()).ServeHTTP(rw, r) })
	if o.TLS {
		server.StartTLS()
	} else {
		server.Start()
	}
	w.URL, w.server = base.String(), server
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
		if err := w.Close(); err != nil {
			t.Error(err)
		}
		// A parallel test keeps what its ended subtests registered until it ends itself; hundreds of servers are too many.
		w.App, w.build, server.Config.Handler = nil, nil, nil
		w.front.Store(nil)
	})
	var err error
	if w.hash, err = w.Passwords.Hash(context.Background(), Password); err != nil {
		t.Fatal(err)
	}
	return w
}

func (w *World) start(keys *secret.Keyring) error {
	a, err := w.build(keys)
	if err != nil {
		return err
	}
	a.Texts.Missing = func(lang, key string, why error) { w.T.Errorf("text %s %s: %v", lang, key, why) }
	w.App = a
	handler := a.Handler()
	w.front.Store(&handler)
	return nil
}

// Stop ends the server's hold on the database, as when its process ends. Nobody may ask it anything until Restart.
func (w *World) Stop() {
	w.T.Helper()
	if err := w.Close(); err != nil {
		w.T.Fatal(err)
	}
}

// Restart starts it again on the same database and address, with a keyring of its own. After an error it is stopped.
func (w *World) Restart(keys *secret.Keyring) error {
	w.T.Helper()
	w.DB.Reopen(w.T, keys)
	return w.start(keys)
}

// Add puts a person into the database; without a password hash he gets Password.
func (w *World) Add(p storetest.Person) account.Account {
	w.T.Helper()
	w.n++
	if p.PasswordHash == "" {
		p.PasswordHash = w.hash
	}
	return w.DB.Add(w.T, w.n, p)
}

// Family is the cast of the story: Vera, 72, her son Alexey and her daughter Maria.
type Family struct{ Vera, Alexey, Maria account.Account }

// AddFamily puts the cast into the database.
func (w *World) AddFamily() Family {
	w.T.Helper()
	return Family{
		Vera: w.Add(storetest.Person{
			Given: "Вера", Patronymic: "Петровна", Family: "Смирнова", Born: "1954-03-08", Phone: "+79131234567", Email: "vera@example.test",
		}),
		Alexey: w.Add(storetest.Person{
			Given: "Алексей", Patronymic: "Иванович", Family: "Смирнов", Born: "1981-06-17", Phone: "+79139876543", Email: "alexey@example.test",
		}),
		Maria: w.Add(storetest.Person{
			Given: "Мария", Patronymic: "Ивановна", Family: "Орлова", Born: "1984-10-02", Phone: "+79137778899",
		}),
	}
}

// Logger writes where the server logs, so that a test can search what others log beside it.
func (w *World) Logger() *slog.Logger { return slog.New(slog.NewTextHandler(w.Logs, nil)) }

// Settle does everything that is due: messages arrive, timers run.
func (w *World) Settle() {
	w.T.Helper()
	if _, err := w.RunDue(context.Background()); err != nil {
		w.T.Fatal(err)
	}
}

// Advance sets the clock forward and does what became due by it.
func (w *World) Advance(d time.Duration) {
	w.T.Helper()
	w.Clock.Advance(d)
	w.Settle()
}

// Newest returns the newest message of a kind on a phone or in a mailbox, after everything due was sent.
func (w *World) Newest(address string, kind notify.Kind) notify.Received {
	w.T.Helper()
	w.Settle()
	all := w.Phones.Messages(address)
	newest := notify.Received{}
	for _, m := range all {
		if m.Kind == kind && m.Seq > newest.Seq {
			newest = m
		}
	}
	if newest.Seq == 0 {
		var kinds []string
		for _, m := range all {
			kinds = append(kinds, string(m.Kind))
		}
		w.T.Fatalf("no %s came to %s, only %v", kind, address, kinds)
	}
	return newest
}

// Count tells how many messages of a kind are on a phone or in a mailbox.
func (w *World) Count(address string, kind notify.Kind) int {
	w.T.Helper()
	w.Settle()
	n := 0
	for _, m := range w.Phones.Messages(address) {
		if m.Kind == kind {
			n++
		}
	}
	return n
}

var codeForm = regexp.MustCompile(`\d{2}[ -]?\d[ -]?\d[ -]?\d{2}`)

// Code returns the six digits of the newest code of a kind, as a person would type them.
func (w *World) Code(address string, kind notify.Kind) string {
	w.T.Helper()
	text := w.Newest(address, kind).Text.Body
	code := codeForm.FindString(text)
	if code == "" {
		w.T.Fatalf("no code in %q", text)
	}
	return secret.NormalizeCode(code)
}

// LinkPath returns the path of the first link into the site in the newest letter of a kind.
func (w *World) LinkPath(address string, kind notify.Kind) string {
	w.T.Helper()
	text := w.Newest(address, kind).Text.Body
	_, rest, found := strings.Cut(text, w.URL)
	if !found {
		w.T.Fatalf("no link to %s in %q", w.URL, text)
	}
	return strings.TrimRight(strings.Fields(rest)[0], ".,;)»")
}
