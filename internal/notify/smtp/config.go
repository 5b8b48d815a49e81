package smtp

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"doverie/internal/notify"
)

// Config is one account at one mail server. Address, From and Now are required; the rest has defaults.
type Config struct {
	Name     string   // of this carrier in reports and metrics; "": "smtp"
	Address  string   // host:port: 587 is usual with STARTTLS, 465 with TLS from the first octet
	Security Security // "": STARTTLS, without which nothing is sent
	Username string   // "": no authentication
	Password string

	ServerName string // name in the server's certificate; "": the host of Address
	CAFile     []byte // PEM certificates that are trusted instead of the system's; nil: the system's
	Hello      string // name we call ourselves in EHLO; "": the domain of From

	From        string // the address of the service; its name is the letter's Sender
	Bounces     string // where failures are returned to (the envelope sender); "": From
	ReplyTo     string // where people's answers go; "": no Reply-To
	Unsubscribe string // https page (or mailto:) where messages are switched off, told for the kinds that can be; "": none

	Timeout time.Duration // for connecting, and then for each pause of the server; 0: 15 s
	Window  int           // letters at the same time; 0: 4
	Ledger  notify.Ledger // learns Message-IDs; nil: nobody does
	Report  func(Event)   // what an operator should see; may be nil; must not block
	Now     func() time.Time
}

// Security is how the line to the server is encrypted.
type Security string

// The kinds of security.
const (
	STARTTLS Security = ""
	TLS      Security = "tls"
	NoTLS    Security = "none" // to the loopback only
)

// New checks the configuration. Errors name the field.
func New(c Config) (*Channel, error) {
	c.Name, c.Bounces = orElse(c.Name, "smtp"), orElse(c.Bounces, c.From)
	c.Timeout, c.Window = orElse(c.Timeout, 15*time.Second), orElse(c.Window, 4)
	if c.Report == nil {
		c.Report = func(Event) {}
	}
	host, portText, err := net.SplitHostPort(c.Address)
	port, notNumber := strconv.Atoi(portText)
	for _, a := range []struct {
		field, address string
		required       bool
	}{{"From", c.From, true}, {"Bounces", c.Bounces, true}, {"ReplyTo", c.ReplyTo, false}} {
		if (a.required || a.address != "") && !plainMailbox(a.address) {
			return nil, fmt.Errorf("smtp: %s: %q is no plain mailbox", a.field, a.address)
		}
	}
	switch {
	case err != nil || notNumber != nil || host == "" || port < 1 || port > 65535:
		return nil, fmt.Errorf("smtp: Address: %q is not host:port", c.Address)
	case c.Security != STARTTLS && c.Security != TLS && c.Security != NoTLS:
		return nil, fmt.Errorf("smtp: Security: %q is none of \"\" (STARTTLS), tls, none", c.Security)
	case c.Security == NoTLS && !loopback(host):
		return nil, errors.New("smtp: Security: without encryption only to the loopback")
	case c.Username == "" && c.Password != "":
		return nil, errors.New("smtp: Username: is empty, and there is a Password")
	case c.Username != "" && c.Security == NoTLS:
		return nil, errors.New("smtp: Security: a password travels encrypted only")
	case strings.ContainsFunc(c.Hello, func(r rune) bool { return r <= ' ' || r > '~' }):
		return nil, errors.New("smtp: Hello: is no host name")
	case c.Unsubscribe != "" && !unsubscribable(c.Unsubscribe):
		return nil, errors.New("smtp: Unsubscribe: an https address or mailto: is needed")
	case c.Timeout < 0 || c.Timeout > longest:
		return nil, fmt.Errorf("smtp: Timeout: at most %s", longest)
	case c.Window < 0 || c.Window > 1000:
		return nil, errors.New("smtp: Window: 1 to 1000")
	case c.Now == nil:
		return nil, errors.New("smtp: Now: a clock is required")
	}
	_, domain, _ := strings.Cut(c.From, "@")
	ch := &Channel{c: c, host: host, port: port, domain: domain, taken: notify.NewTaken(), room: make(chan struct{}, c.Window)}
	secure := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: orElse(c.ServerName, host)}
	if c.CAFile != nil {
		secure.RootCAs = x509.NewCertPool()
		if !secure.RootCAs.AppendCertsFromPEM(c.CAFile) {
			return nil, errors.New("smtp: CAFile: no PEM certificate in it")
		}
	}
	ch.tls = secure
	ch.options = []gomail.Option{
		gomail.WithPort(port), gomail.WithTimeout(c.Timeout), gomail.WithHELO(orElse(c.Hello, domain)), gomail.WithTLSConfig(secure),
		gomail.WithoutNoop(),
	}
	switch c.Security {
	case STARTTLS:
		ch.options = append(ch.options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	case TLS:
		ch.options = append(ch.options, gomail.WithSSL())
	case NoTLS:
		ch.options = append(ch.options, gomail.WithTLSPolicy(gomail.NoTLS))
	}
	if _, err := gomail.NewClient(host, ch.options...); err != nil {
		return nil, fmt.Errorf("smtp: the configuration: %w", err)
	}
	return ch, nil
}

// dial connects, with TLS from the first octet when that is configured.
func (c *Channel) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if c.c.Security == TLS {
		return (&tls.Dialer{Config: c.tls}).DialContext(ctx, network, address)
	}
	return (&net.Dialer{}).DialContext(ctx, network, address)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func unsubscribable(address string) bool {
	u, err := url.Parse(address)
	return err == nil && !strings.ContainsAny(address, "<> \r\n,") && (u.Scheme == "https" && u.Host != "" || u.Scheme == "mailto" && plainMailbox(u.Opaque))
}

func orElse[T comparable](given, otherwise T) T {
	var zero T
	if given != zero {
		return given
	}
	return otherwise
}
