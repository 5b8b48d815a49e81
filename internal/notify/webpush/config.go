package webpush

import (
	"context"
	"crypto/ecdsa"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/mail"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"time"

	"doverie/internal/notify"
)

// Name is what this carrier is called in reports, metrics and the ledger.
const Name = "push"

// Config is how browsers are written to. Contact, Key, Subscriptions, Reachable and Now are required.
type Config struct {
	Contact  string        // whom a push service asks when something is wrong: "mailto:" and an address, or an https page
	Services []string      // hosts of push services that may be written to, "*." for every name under one; nil: KnownServices
	CAFile   []byte        // PEM certificates that are trusted instead of the system's; nil: the system's
	Timeout  time.Duration // for a whole request; 0: 10 s
	Window   int           // requests at the same time; 0: 16

	Key           *ecdsa.PrivateKey // P-256: secret.Keyring.PushKey
	Subscriptions Subscriptions
	Reachable     func(netip.Addr) bool // whether an address may be connected to: only public ones
	AnyPort       bool                  // endpoints may name a port: for a stand-in of a service in tests
	Ledger        notify.Ledger         // learns what was taken; nil: nobody does
	Report        func(Event)           // what an operator should see; may be nil; must not block
	Now           func() time.Time
}

// Subscriptions knows people's browsers.
type Subscriptions interface {
	// Subscription is what the browser said of itself, as Parse reads it; not live: it may not be written to any more.
	Subscription(ctx context.Context, id string) (text []byte, live bool, err error)
	// Gone ends one whose service says that it is no more.
	Gone(ctx context.Context, id string) error
}

// Event is what an operator should see. It names no endpoint.
type Event struct {
	What string // "no answer", "refused", "gone", "ledger"
	Err  error
}

const (
	defaultTimeout = 10 * time.Second
	defaultWindow  = 16
	dialTime       = 5 * time.Second
)

var errRequired = errors.New("is missing")

// Check tells what is wrong with what people configure: Contact, Services, CAFile. Errors name the field.
func (c Config) Check() error {
	if err := checkContact(c.Contact); err != nil {
		return fmt.Errorf("webpush: Contact: %w", err)
	}
	for _, name := range c.Services {
		host := strings.TrimPrefix(name, wildcardLabel)
		u, err := url.Parse("https://" + host)
		if err != nil || u.Hostname() != host || !strings.Contains(host, ".") && host != "localhost" || strings.Contains(host, "*") {
			return fmt.Errorf("webpush: Services: %q is not the name of a host", name)
		}
	}
	if len(c.CAFile) > 0 && !x509.NewCertPool().AppendCertsFromPEM(c.CAFile) {
		return errors.New("webpush: CAFile: holds no certificate")
	}
	return nil
}

var errContact = errors.New(`is neither "mailto:" with one address nor an https page`)

func checkContact(contact string) error {
	if contact == "" {
		return errRequired
	}
	u, err := url.Parse(contact)
	if err != nil {
		return errContact
	}
	if u.Scheme == "https" && u.Host != "" {
		return nil
	}
	if address, ok := strings.CutPrefix(contact, "mailto:"); ok {
		if read, err := mail.ParseAddress(address); err == nil && read.Address == address {
			return nil
		}
	}
	return errContact
}

// Parse reads what a browser says of its subscription, for the services of this configuration.
func (c Config) Parse(text []byte) (Subscription, error) {
	services := c.Services
	if len(services) == 0 {
		services = KnownServices()
	}
	return parse(text, services, c.AnyPort)
}

// New checks the configuration. Errors name the field.
func New(c Config) (*Channel, error) {
	if err := c.Check(); err != nil {
		return nil, err
	}
	for field, missing := range map[string]bool{
		"Key": c.Key == nil, "Subscriptions": c.Subscriptions == nil, "Reachable": c.Reachable == nil, "Now": c.Now == nil,
	} {
		if missing {
			return nil, fmt.Errorf("webpush: %s: %w", field, errRequired)
		}
	}
	c.Services = slices.Clone(c.Services)
	if c.Timeout <= 0 {
		c.Timeout = defaultTimeout
	}
	if c.Window <= 0 {
		c.Window = defaultWindow
	}
	if c.Report == nil {
		c.Report = func(Event) {}
	}
	return &Channel{
		c: c, client: c.client(), taken: notify.NewTaken(), room: make(chan struct{}, c.Window), rest: map[string]time.Time{},
	}, nil
}

var errInside = errors.New("webpush: an address that is not public")

// client follows no redirect, asks no proxy, and connects to addresses that are Reachable only: that is asked of the
// address itself, after the name was resolved, so that a name cannot change its mind in between.
func (c Config) client() *http.Client {
	secure := &tls.Config{MinVersion: tls.VersionTLS12}
	if len(c.CAFile) > 0 {
		secure.RootCAs = x509.NewCertPool()
		secure.RootCAs.AppendCertsFromPEM(c.CAFile)
	}
	dialer := &net.Dialer{Timeout: min(dialTime, c.Timeout), Control: func(_, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil || !c.Reachable(to.Addr()) {
			return errInside
		}
		return nil
	}}
	return &http.Client{
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSClientConfig: secure, ForceAttemptHTTP2: true, TLSHandshakeTimeout: min(dialTime, c.Timeout),
			MaxIdleConnsPerHost: c.Window, IdleConnTimeout: time.Minute, MaxResponseHeaderBytes: 16 << 10, DisableCompression: true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
