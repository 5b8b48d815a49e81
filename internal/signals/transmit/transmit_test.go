package transmit

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"doverie/internal/signals"
)

// Addresses of private, special and wrapped networks are reached only where the configuration says so.
func TestReachable(t *testing.T) {
	t.Parallel()
	inside := Outward{Networks: []netip.Prefix{netip.MustParsePrefix("10.20.0.0/16"), netip.MustParsePrefix("fd00:1::/32")}}
	for address, want := range map[string][3]bool{ // closed, with networks, in development
		"93.184.216.34": {true, true, true}, "2606:2800:220:1::1": {true, true, true},
		"127.0.0.1": {false, false, true}, "127.9.9.9": {false, false, true}, "::1": {false, false, true}, "::ffff:127.0.0.1": {false, false, true},
		"10.20.3.4": {false, true, false}, "10.21.3.4": {false, false, false}, "::ffff:10.20.3.4": {false, true, false}, "fd00:1::5": {false, true, false},
		"192.168.1.1": {}, "172.16.0.1": {}, "172.31.255.255": {}, "100.64.0.1": {}, "169.254.169.254": {}, "0.0.0.0": {}, "255.255.255.255": {}, "224.0.0.1": {},
		"198.18.0.1": {}, "192.0.2.1": {}, "fe80::1": {}, "fc00::1": {}, "ff02::1": {}, "::": {}, "64:ff9b::a9fe:a9fe": {}, "2002:7f00:1::": {}, "2001::1": {}, "2001:db8::1": {},
		"fe80::1%lo": {}, "::ffff:169.254.169.254": {}, "::127.0.0.1": {},
	} {
		ip := netip.MustParseAddr(address)
		for i, o := range []Outward{{}, inside, {Development: true}} {
			if got := o.Reachable(ip); got != want[i] {
				t.Errorf("%s with %+v: %t", address, o, got)
			}
		}
	}
	if (Outward{Development: true}).Reachable(netip.Addr{}) {
		t.Error("no address at all is reachable")
	}
}

// receiver is a server with a certificate that the sender believes, or a plain one.
func receiver(t *testing.T, secure bool, h http.HandlerFunc) (*httptest.Server, *tls.Config) {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	if !secure {
		s.Start()
		t.Cleanup(s.Close)
		return s, nil
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return s, &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
}

func TestSendsByHTTPS(t *testing.T) {
	t.Parallel()
	s, roots := receiver(t, true, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Method != http.MethodPost || string(body) != "the token" || r.Header.Get("Authorization") != "Bearer x" || r.Header.Get("Content-Type") != "application/secevent+jwt" {
			w.WriteHeader(http.StatusTeapot)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	})
	p := signals.Parcel{Address: s.URL + "/signals", Type: "application/secevent+jwt", Authorization: "Bearer x", Body: "the token"}
	allowed := Outward{Networks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}
	if got, err := NewSender(allowed, roots).Send(t.Context(), p); err != nil || got.Status != http.StatusAccepted {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := NewSender(allowed, nil).Send(t.Context(), p); err == nil || errors.Is(err, ErrAddress) {
		t.Errorf("a certificate that nobody knows: %v", err)
	}
	if _, err := NewSender(Outward{}, roots).Send(t.Context(), p); !errors.Is(err, ErrAddress) {
		t.Errorf("a loopback address without leave: %v", err)
	}
}

// A name is judged by what it leads to when the connection is made.
func TestNamesOfTheInside(t *testing.T) {
	t.Parallel()
	hits := 0
	s, _ := receiver(t, false, func(w http.ResponseWriter, _ *http.Request) { hits++ })
	port := s.URL[strings.LastIndex(s.URL, ":"):]
	for _, address := range []string{"https://localhost" + port + "/", "https://127.0.0.1" + port + "/", "https://[::ffff:127.0.0.1]" + port + "/", "https://0.0.0.0" + port + "/"} {
		if _, err := NewSender(Outward{}, nil).Send(t.Context(), signals.Parcel{Address: address}); !errors.Is(err, ErrAddress) {
			t.Errorf("%s: %v", address, err)
		}
	}
	for _, address := range []string{"http://127.0.0.1" + port + "/", "http://localhost" + port + "/", "ftp://localhost" + port + "/", "localhost" + port, ""} {
		if _, err := NewSender(Outward{}, nil).Send(t.Context(), signals.Parcel{Address: address}); !errors.Is(err, ErrAddress) {
			t.Errorf("%s: %v", address, err)
		}
	}
	if hits != 0 {
		t.Errorf("%d requests came through", hits)
	}
}

// Redirects are not followed, answers are read to a bound, and a receiver that never ends is left.
func TestBoundsOfTheWayOut(t *testing.T) {
	t.Parallel()
	followed := false
	never := make(chan struct{})
	var s *httptest.Server
	s, _ = receiver(t, false, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/redirect":
			http.Redirect(w, r, s.URL+"/inside", http.StatusTemporaryRedirect)
		case "/inside":
			followed = true
		case "/endless":
			w.WriteHeader(http.StatusAccepted)
			for range 1 << 20 {
				if _, err := io.WriteString(w, strings.Repeat("a", 1024)); err != nil {
					return
				}
			}
		case "/silent":
			<-never
		case "/refuses":
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"err":"invalid_audience","description":"<script>"}`)
		case "/complains":
			w.WriteHeader(http.StatusBadRequest)
			fmt.Fprint(w, `{"err":"`+strings.Repeat("x", 3000)+`"}`)
		}
	})
	t.Cleanup(func() { close(never) }) // before the server's own clean-up, which waits for its requests
	sender := NewSender(Outward{Development: true}, nil)
	send := func(path string, within time.Duration) (signals.Reply, error) {
		ctx, cancel := context.WithTimeout(t.Context(), within)
		defer cancel()
		return sender.Send(ctx, signals.Parcel{Address: s.URL + path, Type: "text/plain", Body: "x"})
	}
	if got, err := send("/redirect", time.Minute); err != nil || got.Status != http.StatusTemporaryRedirect || followed {
		t.Errorf("a redirect: %+v, %v, followed %t", got, err, followed)
	}
	if got, err := send("/endless", time.Minute); err != nil || got.Status != http.StatusAccepted {
		t.Errorf("an endless answer: %+v, %v", got, err)
	}
	if _, err := send("/silent", 200*time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a silent receiver: %v", err)
	}
	if got, err := send("/refuses", time.Minute); err != nil || got.Code != "invalid_audience" {
		t.Errorf("a refusal: %+v, %v", got, err)
	}
	if got, err := send("/complains", time.Minute); err != nil || got.Code != "other" {
		t.Errorf("a refusal in words of its own: %+v, %v", got, err)
	}
}

// FuzzAnswer: whatever a receiver answers, what is kept of it is a known code.
func FuzzAnswer(f *testing.F) {
	for _, body := range []string{``, `{}`, `{"err":"jws"}`, `{"error":"invalid_request"}`, `{"err":7}`, `[]`, `{"err":"\u0000"}`, `{"err":"jws"`, `null`} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if code := codeOf(body); code != "" && code != "other" && signals.Problem(code) != code {
			t.Fatalf("%q gives %q", body, code)
		}
	})
}
