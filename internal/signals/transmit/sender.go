package transmit

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"doverie/internal/signals"
)

// The bounds of one request to a receiver.
const (
	wholeTime   = 10 * time.Second
	dialTime    = 5 * time.Second
	maxAnswer   = 4 << 10 // bytes that are read of an answer
	idleTime    = 30 * time.Second
	maxHeader   = 16 << 10
	connections = 4 // to one receiver
)

// Outward is where tokens may be sent.
type Outward struct {
	Networks    []netip.Prefix // private networks that receivers may live in
	Development bool           // http and loopback addresses are allowed
}

// ErrAddress says that the receiver's address is one that nothing is sent to.
var ErrAddress = errors.New("transmit: nothing is sent to this address")

// Sender carries parcels to receivers. It implements signals.Post and is safe for concurrent use.
type Sender struct {
	allowed Outward
	client  *http.Client
}

// NewSender makes a Sender. roots may be nil: the machine's own certificates.
func NewSender(allowed Outward, roots *tls.Config) *Sender {
	s := &Sender{allowed: allowed}
	dialer := &net.Dialer{Timeout: dialTime, Control: s.control}
	if roots == nil {
		roots = &tls.Config{MinVersion: tls.VersionTLS12}
	}
	s.client = &http.Client{
		Timeout: wholeTime,
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSClientConfig: roots, TLSHandshakeTimeout: dialTime, ResponseHeaderTimeout: wholeTime,
			MaxConnsPerHost: connections, MaxIdleConnsPerHost: 1, IdleConnTimeout: idleTime, MaxResponseHeaderBytes: maxHeader,
			ForceAttemptHTTP2: true, // and no Proxy: the address that was judged is the one that is reached
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return s
}

// control judges the address of a connection that is about to be made.
func (s *Sender) control(_, address string, _ syscall.RawConn) error {
	to, err := netip.ParseAddrPort(address)
	if err != nil || !s.allowed.Reachable(to.Addr()) {
		return ErrAddress
	}
	return nil
}

// special are the networks of the IANA special-purpose registries and their like, which no receiver on the internet
// has: private, shared, documentation, benchmarking, multicast, and those that wrap an IPv4 address.
var special = prefixes("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
	"192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")

var ipv6 = netip.MustParsePrefix("2000::/3") // what is global of it; everything else is special

func prefixes(texts ...string) []netip.Prefix {
	all := make([]netip.Prefix, 0, len(texts))
	for _, t := range texts {
		all = append(all, netip.MustParsePrefix(t))
	}
	return all
}

// Reachable reports whether tokens may go to that address.
func (o Outward) Reachable(ip netip.Addr) bool {
	ip = ip.Unmap().WithZone("")
	if !ip.IsValid() {
		return false
	}
	if o.Development && ip.IsLoopback() {
		return true
	}
	for _, n := range o.Networks {
		if n.Contains(ip) {
			return true
		}
	}
	if ip.Is6() && !ipv6.Contains(ip) {
		return false
	}
	for _, n := range special {
		if n.Contains(ip) {
			return false
		}
	}
	return true
}

// Send implements signals.Post.
func (s *Sender) Send(ctx context.Context, p signals.Parcel) (signals.Reply, error) {
	if _, ok := signals.Origin(p.Address, s.allowed.Development); !ok {
		return signals.Reply{}, ErrAddress
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, p.Address, strings.NewReader(p.Body))
	if err != nil {
		return signals.Reply{}, ErrAddress // the error would repeat the address
	}
	r.Header.Set("Content-Type", p.Type)
	r.Header.Set("Accept", "application/json")
	r.Header.Set("User-Agent", "Doverie")
	if p.Authorization != "" {
		r.Header.Set("Authorization", p.Authorization)
	}
	answer, err := s.client.Do(r)
	if err != nil {
		return signals.Reply{}, fmt.Errorf("transmit: %w", err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil && answer.StatusCode >= http.StatusMultipleChoices {
		return signals.Reply{}, fmt.Errorf("transmit: answer: %w", err)
	}
	return signals.Reply{Status: answer.StatusCode, Code: codeOf(text)}, nil
}

// codeOf is the code of RFC 8935, section 2.4, or of an OAuth error; empty when there is none.
func codeOf(body []byte) string {
	var said struct {
		Err   string `json:"err"`
		Error string `json:"error"`
	}
	if json.Unmarshal(body, &said) != nil {
		return ""
	}
	if said.Err == "" {
		said.Err = said.Error
	}
	if said.Err == "" {
		return ""
	}
	return signals.Problem(said.Err)
}
