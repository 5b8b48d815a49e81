// Package numbers asks what happened to a phone number since it was confirmed: was its SIM changed, was it given to
// somebody else. Operators of networks and their brokers answer that, each in a way of its own; here it is one question
// over HTTP, and one file for whoever gets lists instead.
//
// The question is POST {"phone": "+79131234567"} with the header Authorization that is configured. The answer is 200 and
// {"sim_changed_at": "2026-11-21T09:00:00Z", "reassigned_at": null}: RFC 3339 times, either of them null or absent when
// it never happened or is not known. 404 says that the provider does not know the number.
//
// A file holds the same, one object a line, each with its phone.
//
// What an attacker would try, and what stands against it: an answer without an end (cut); a redirect that carries
// numbers elsewhere (none is followed); a time in the future that would keep an owner out for years (refused).
package numbers

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"net/url"
	"time"
)

// Report is what is known of a number. Zero times: never, or not known.
type Report struct {
	SIMChangedAt time.Time // the number works in another SIM since
	ReassignedAt time.Time // the number belongs to somebody else since
}

// Config describes the provider. URL and Now are required.
type Config struct {
	URL           string // https (http to the loopback only)
	Authorization string // value of the header; "": none
	CAFile        []byte // PEM certificates that are trusted instead of the system's; nil: the system's
	Timeout       time.Duration
	Now           func() time.Time
}

// Provider asks over HTTP. It is safe for concurrent use.
type Provider struct {
	c      Config
	client *http.Client
}

const (
	defaultTimeout = 3 * time.Second
	longest        = 30 * time.Second
	maxAnswer      = 16 << 10
	clocksDiffer   = 10 * time.Minute // how far a time may lie in our future
)

var (
	errAnswer = errors.New("numbers: the answer cannot be understood")
	errFuture = errors.New("numbers: a time lies in the future")
)

// New checks the configuration. Errors name the field.
func New(c Config) (*Provider, error) {
	u, err := url.Parse(c.URL)
	if err != nil {
		return nil, errors.New("numbers: URL: an https address is needed") // its words would repeat the address
	}
	ip := net.ParseIP(u.Hostname())
	switch {
	case u.Host == "" || u.User != nil || u.Fragment != "":
		return nil, errors.New("numbers: URL: an https address is needed")
	case u.Scheme != "https" && (u.Scheme != "http" || u.Hostname() != "localhost" && (ip == nil || !ip.IsLoopback())):
		return nil, errors.New("numbers: URL: an https address is needed (http to the loopback only)")
	case c.Timeout < 0 || c.Timeout > longest:
		return nil, fmt.Errorf("numbers: Timeout: at most %s", longest)
	case c.Now == nil:
		return nil, errors.New("numbers: Now: a clock is required")
	}
	if c.Timeout == 0 {
		c.Timeout = defaultTimeout
	}
	secure := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.CAFile != nil {
		secure.RootCAs = x509.NewCertPool()
		if !secure.RootCAs.AppendCertsFromPEM(c.CAFile) {
			return nil, errors.New("numbers: CAFile: no PEM certificate in it")
		}
	}
	return &Provider{c: c, client: &http.Client{
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: secure, MaxIdleConnsPerHost: 8, IdleConnTimeout: time.Minute},
		Timeout:       c.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// wire is a report as it is written.
type wire struct {
	Phone        string     `json:"phone,omitempty"`
	SIMChangedAt *time.Time `json:"sim_changed_at,omitempty"`
	ReassignedAt *time.Time `json:"reassigned_at,omitempty"`
}

func (w wire) report(now time.Time) (Report, error) {
	var r Report
	for _, f := range []struct {
		from *time.Time
		into *time.Time
	}{{w.SIMChangedAt, &r.SIMChangedAt}, {w.ReassignedAt, &r.ReassignedAt}} {
		if f.from == nil || f.from.IsZero() {
			continue
		}
		if f.from.After(now.Add(clocksDiffer)) {
			return Report{}, errFuture
		}
		*f.into = f.from.UTC()
	}
	return r, nil
}

// Ask asks about one number (E.164). The error never repeats it.
func (p *Provider) Ask(ctx context.Context, phone string) (Report, error) {
	body, err := json.Marshal(wire{Phone: phone})
	if err != nil {
		return Report{}, fmt.Errorf("numbers: %w", err)
	}
	ask, err := http.NewRequestWithContext(ctx, http.MethodPost, p.c.URL, bytes.NewReader(body))
	if err != nil {
		return Report{}, fmt.Errorf("numbers: %w", err)
	}
	ask.Header.Set("Content-Type", "application/json")
	ask.Header.Set("Accept", "application/json")
	if p.c.Authorization != "" {
		ask.Header.Set("Authorization", p.c.Authorization)
	}
	answer, err := p.client.Do(ask)
	if err != nil {
		return Report{}, fmt.Errorf("numbers: %w", err)
	}
	defer func() { _ = answer.Body.Close() }() // what was needed was read
	switch answer.StatusCode {
	case http.StatusOK:
	case http.StatusNotFound:
		return Report{}, nil
	default:
		return Report{}, fmt.Errorf("%w: status %d", errAnswer, answer.StatusCode)
	}
	var w wire
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxAnswer)).Decode(&w); err != nil {
		return Report{}, errAnswer // its words are not ours to repeat
	}
	return w.report(p.c.Now())
}

// Line is one line of a file.
type Line struct {
	Number int // from 1
	Phone  string
	Report Report
	Err    error // the line cannot be used; it does not repeat the line
}

const longestLine = 4 << 10

// Lines reads a file. Empty lines are passed over; a line that cannot be used does not stop the rest.
func Lines(from io.Reader, now time.Time) iter.Seq[Line] {
	return func(yield func(Line) bool) {
		lines := bufio.NewScanner(from)
		lines.Buffer(make([]byte, longestLine), longestLine)
		n := 0
		for lines.Scan() {
			n++
			if len(bytes.TrimSpace(lines.Bytes())) == 0 {
				continue
			}
			line := Line{Number: n}
			var w wire
			d := json.NewDecoder(bytes.NewReader(lines.Bytes()))
			d.DisallowUnknownFields()
			switch err := d.Decode(&w); {
			case err != nil:
				line.Err = errors.New("numbers: no object with phone, sim_changed_at and reassigned_at (RFC 3339)")
			case w.Phone == "":
				line.Err = errors.New("numbers: no phone")
			case w.SIMChangedAt == nil && w.ReassignedAt == nil:
				line.Err = errors.New("numbers: neither sim_changed_at nor reassigned_at")
			default:
				line.Phone = w.Phone
				line.Report, line.Err = w.report(now)
			}
			if !yield(line) {
				return
			}
		}
		if err := lines.Err(); err != nil {
			yield(Line{Number: n + 1, Err: fmt.Errorf("numbers: %w", err)})
		}
	}
}
