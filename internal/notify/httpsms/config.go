package httpsms

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"doverie/internal/notify"
)

// Config describes one gateway. URL, Sender and Now are required, and Body unless the method is GET.
type Config struct {
	Name    string            // of this carrier in reports and metrics; "": "http"
	URL     string            // https (http to the loopback only); its query may hold placeholders
	Method  string            // "": POST
	Headers map[string]string // sent as they are, such as Authorization
	Body    string            // with placeholders: JSON, or a form as in a URL's query
	Format  Format            // of Body; "": JSON

	KeyHeader string // header that carries the key, such as "Idempotency-Key"; "": none
	Sender    string // what {sender} stands for
	CAFile    []byte // PEM certificates that are trusted instead of the system's; nil: the system's

	SuccessPath    string // place in a JSON answer, such as "messages.0.status"; "": the whole body
	SuccessPattern string // regular expression that what is there must match; "": a 2xx status is enough
	TryLater       string // regular expression for what is there of a letter that surely was not sent and may be later
	IDPath         string // place of the message id in a JSON answer; "": see IDPattern
	IDPattern      string // regular expression over the body whose first group is the message id; "": no id

	Timeout time.Duration // for a whole request; 0: 15 s
	Window  int           // requests at the same time; 0: 8
	Ledger  notify.Ledger // learns ids; nil: nobody does
	Report  func(Event)   // what an operator should see; may be nil; must not block
	Now     func() time.Time
}

// Format is the form of a body.
type Format string

// The formats.
const (
	JSON Format = "json"
	Form Format = "form"
)

// Event is something an operator should see. It holds no phone number and no text.
type Event struct {
	Carrier string
	What    string // "throttled", "no answer", "ledger"; of reports: "forged", "stale", "unreadable", "unknown state"
	Err     error
}

// longest bounds every configured time; defaultTTL is {ttl} of a letter without an end.
const (
	longest    = 10 * time.Minute
	defaultTTL = 24 * time.Hour
)

// New checks the configuration. Errors name the field.
func New(c Config) (*Channel, error) {
	c.Name, c.Method, c.Format = orElse(c.Name, "http"), orElse(c.Method, http.MethodPost), orElse(c.Format, JSON)
	c.Timeout, c.Window = orElse(c.Timeout, 15*time.Second), orElse(c.Window, 8)
	if c.Report == nil {
		c.Report = func(Event) {}
	}
	ch := &Channel{c: c, taken: notify.NewTaken(), room: make(chan struct{}, max(c.Window, 1))}
	if err := ch.readTarget(); err != nil {
		return nil, err
	}
	for name, value := range c.Headers {
		if !headerName.MatchString(name) || strings.ContainsAny(value, "\r\n\x00") {
			return nil, fmt.Errorf("httpsms: Headers: %q cannot be sent", name)
		}
	}
	switch {
	case c.KeyHeader != "" && !headerName.MatchString(c.KeyHeader):
		return nil, errors.New("httpsms: KeyHeader: is no header name")
	case c.Sender == "":
		return nil, errors.New("httpsms: Sender: is empty")
	case c.IDPath != "" && c.IDPattern != "":
		return nil, errors.New("httpsms: IDPattern: there is an IDPath already")
	case c.Timeout < 0 || c.Timeout > longest:
		return nil, fmt.Errorf("httpsms: Timeout: at most %s", longest)
	case c.Window < 0 || c.Window > 1000:
		return nil, errors.New("httpsms: Window: 1 to 1000")
	case c.Now == nil:
		return nil, errors.New("httpsms: Now: a clock is required")
	}
	for _, p := range []struct {
		name, text string
		groups     int
		into       **regexp.Regexp
	}{{"SuccessPattern", c.SuccessPattern, 0, &ch.success}, {"TryLater", c.TryLater, 0, &ch.tryLater}, {"IDPattern", c.IDPattern, 1, &ch.id}} {
		if p.text == "" {
			continue
		}
		re, err := regexp.Compile(p.text)
		if err != nil || re.NumSubexp() < p.groups {
			return nil, fmt.Errorf("httpsms: %s: a regular expression with %d groups or more is needed (%w)", p.name, p.groups, err)
		}
		*p.into = re
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: c.Timeout}).DialContext,
		TLSHandshakeTimeout: c.Timeout, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
		// A kept connection that turns out to be closed leaves open whether the request arrived, and the library may
		// then send it again by itself: every letter gets its own.
		DisableKeepAlives: true,
	}
	if c.CAFile != nil {
		transport.TLSClientConfig.RootCAs = x509.NewCertPool()
		if !transport.TLSClientConfig.RootCAs.AppendCertsFromPEM(c.CAFile) {
			return nil, errors.New("httpsms: CAFile: no PEM certificate in it")
		}
	}
	ch.client = &http.Client{
		Transport: transport, Timeout: c.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return ch, nil
}

var headerName = regexp.MustCompile(`^[A-Za-z0-9-]{1,64}$`)

// readTarget parses the URL and the body.
func (c *Channel) readTarget() error {
	u, err := url.Parse(c.c.URL)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || !secure(u) {
		return errors.New("httpsms: URL: an https address is needed (http to the loopback only), without a user")
	}
	c.target = u
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return fmt.Errorf("httpsms: URL: its query cannot be read: %w", err)
	}
	if c.query, err = formTemplate(query); err != nil {
		return fmt.Errorf("httpsms: URL: %w", err)
	}
	if strings.ContainsAny(u.Path+u.Host, "{}") {
		return errors.New("httpsms: URL: placeholders may stand in its query only")
	}
	switch {
	case !slices.Contains([]string{http.MethodGet, http.MethodPost, http.MethodPut}, c.c.Method):
		return errors.New("httpsms: Method: GET, POST or PUT")
	case c.c.Method == http.MethodGet && c.c.Body != "":
		return errors.New("httpsms: Body: a GET has none")
	case c.c.Method == http.MethodGet:
		return needs("URL", c.query.places())
	case c.c.Format == Form:
		values, err := url.ParseQuery(c.c.Body)
		if err == nil {
			c.form, err = formTemplate(values)
		}
		if err != nil {
			return fmt.Errorf("httpsms: Body: %w", err)
		}
		return needs("Body", append(c.query.places(), c.form.places()...))
	case c.c.Format == JSON:
		if c.json, err = jsonTemplate(c.c.Body); err != nil {
			return fmt.Errorf("httpsms: Body: %w", err)
		}
		return needs("Body", append(c.query.places(), places(c.json)...))
	default:
		return fmt.Errorf("httpsms: Format: %q is none of json, form", c.c.Format)
	}
}

// needs reports a request that forgets whom to write to, or what.
func needs(field string, found []string) error {
	if !slices.Contains(found, "text") || (!slices.Contains(found, "to") && !slices.Contains(found, "digits")) {
		return fmt.Errorf("httpsms: %s: {text}, and {to} or {digits}, must stand somewhere", field)
	}
	return nil
}

func secure(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback())
}

func orElse[T comparable](given, otherwise T) T {
	var zero T
	if given != zero {
		return given
	}
	return otherwise
}
