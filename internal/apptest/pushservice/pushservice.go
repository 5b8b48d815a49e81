// Package pushservice is a stand-in of a push service and of the browser behind it, for tests: no real service is reached.
// It speaks RFC 8030 over TLS on the loopback, asks for VAPID (RFC 8292), and decrypts as a browser does (RFC 8291). It is
// written from the standards alone, and shares no code with what it tests.
package pushservice

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Service is a running stand-in.
type Service struct {
	*httptest.Server

	mu       sync.Mutex
	browsers map[string]*Browser // by path
	before   func(w http.ResponseWriter, r *http.Request) bool
	problems []string
}

// Browser is one subscription.
type Browser struct {
	Path string

	service *Service
	key     *ecdh.PrivateKey
	auth    []byte
	got     []Push
}

// Push is one message as the browser has it.
type Push struct {
	Plain              []byte
	Octets             int // of the body
	TTL, Urgency       string
	Topic, Contact     string
	ServerKey, Address string
}

// New starts the service.
func New(t testing.TB) *Service {
	t.Helper()
	s := &Service{browsers: map[string]*Browser{}}
	s.Server = httptest.NewTLSServer(http.HandlerFunc(s.take))
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s
}

// Host is what the configuration calls the service.
func (*Service) Host() string { return "127.0.0.1" }

// CA is its certificate in PEM.
func (s *Service) CA() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
}

// Before lets a fault answer first; it returns true when it has answered. nil: no fault.
func (s *Service) Before(f func(w http.ResponseWriter, r *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = f
}

// Problems are what a push service would refuse.
func (s *Service) Problems() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.problems...)
}

// Subscribe makes a browser.
func (s *Service) Subscribe(t testing.TB) *Browser {
	t.Helper()
	key, err := ecdh.P256().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	b := &Browser{Path: "/send/" + rand.Text(), service: s, key: key, auth: []byte(rand.Text())[:16]}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.browsers[b.Path] = b
	return b
}

// Endpoint is the address of the browser at the service.
func (b *Browser) Endpoint() string { return b.service.URL + b.Path }

// Keys are the browser's public key and its secret, base64url.
func (b *Browser) Keys() (public, auth string) {
	return base64.RawURLEncoding.EncodeToString(b.key.PublicKey().Bytes()), base64.RawURLEncoding.EncodeToString(b.auth)
}

// JSON is PushSubscription.toJSON.
func (b *Browser) JSON() string {
	public, auth := b.Keys()
	text, err := json.Marshal(map[string]any{
		"endpoint": b.Endpoint(), "expirationTime": nil, "keys": map[string]string{"p256dh": public, "auth": auth},
	})
	if err != nil {
		panic(err)
	}
	return string(text)
}

// Got is what the browser has received so far, oldest first. Of two pushes of one topic it has both: the service of this
// test hands over at once.
func (b *Browser) Got() []Push {
	b.service.mu.Lock()
	defer b.service.mu.Unlock()
	return append([]Push(nil), b.got...)
}

// Forget makes the service answer 404 from now on.
func (b *Browser) Forget() {
	b.service.mu.Lock()
	defer b.service.mu.Unlock()
	delete(b.service.browsers, b.Path)
}

func (s *Service) take(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	before, browser := s.before, s.browsers[r.URL.Path]
	s.mu.Unlock()
	if before != nil && before(w, r) {
		return
	}
	if browser == nil {
		w.WriteHeader(http.StatusNotFound)
		return
	}
	push, err := browser.read(r)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.problems = append(s.problems, err.Error())
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	browser.got = append(browser.got, push)
	w.Header().Set("Location", s.URL+"/message/"+rand.Text())
	w.WriteHeader(http.StatusCreated)
}

var errWrong = errors.New("pushservice: refused")

func (b *Browser) read(r *http.Request) (Push, error) {
	h := r.Header
	p := Push{TTL: h.Get("TTL"), Urgency: h.Get("Urgency"), Topic: h.Get("Topic"), Address: r.URL.Path}
	if r.Method != http.MethodPost || h.Get("Content-Encoding") != "aes128gcm" || p.TTL == "" || len(p.Topic) > 32 {
		return p, fmt.Errorf("%w: %s %v", errWrong, r.Method, h)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return p, err
	}
	p.Octets = len(body)
	if p.Octets > 4096 {
		return p, fmt.Errorf("%w: %d octets", errWrong, p.Octets)
	}
	token, key, _ := strings.Cut(strings.TrimPrefix(h.Get("Authorization"), "vapid t="), ", k=")
	raw, err := base64.RawURLEncoding.DecodeString(key)
	if err != nil {
		return p, err
	}
	public, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), raw)
	if err != nil {
		return p, err
	}
	read, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return p, err
	}
	var claims jwt.Claims
	if err := read.Claims(public, &claims); err != nil {
		return p, err
	}
	if len(claims.Audience) != 1 || claims.Audience[0] != b.service.URL || claims.Subject == "" || claims.Expiry == nil {
		return p, fmt.Errorf("%w: claims %+v", errWrong, claims)
	}
	p.Contact, p.ServerKey = claims.Subject, key
	p.Plain, err = b.open(body)
	return p, err
}

func sum(key []byte, parts ...[]byte) []byte {
	m := hmac.New(sha256.New, key)
	for _, part := range parts {
		m.Write(part)
	}
	return m.Sum(nil)
}

// open follows RFC 8291 §3.4 and RFC 8188 §2 with nothing but HMAC.
func (b *Browser) open(body []byte) ([]byte, error) {
	const header = 16 + 4 + 1 + 65
	if len(body) < header || body[20] != 65 || binary.BigEndian.Uint32(body[16:20]) < uint32(len(body)-header) {
		return nil, fmt.Errorf("%w: a header of another shape", errWrong)
	}
	salt, theirs := body[:16], body[21:header]
	public, err := ecdh.P256().NewPublicKey(theirs)
	if err != nil {
		return nil, err
	}
	shared, err := b.key.ECDH(public)
	if err != nil {
		return nil, err
	}
	one := []byte{1}
	material := sum(sum(b.auth, shared), []byte("WebPush: info\x00"), b.key.PublicKey().Bytes(), theirs, one)
	pseudo := sum(salt, material)
	block, err := aes.NewCipher(sum(pseudo, []byte("Content-Encoding: aes128gcm\x00"), one)[:16])
	if err != nil {
		return nil, err
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	plain, err := gcm.Open(nil, sum(pseudo, []byte("Content-Encoding: nonce\x00"), one)[:12], body[header:], nil)
	if err != nil {
		return nil, err
	}
	plain = []byte(strings.TrimRight(string(plain), "\x00"))
	if len(plain) == 0 || plain[len(plain)-1] != 2 {
		return nil, fmt.Errorf("%w: no end of the last record", errWrong)
	}
	return plain[:len(plain)-1], nil
}
