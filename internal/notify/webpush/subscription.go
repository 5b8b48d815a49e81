package webpush

import (
	"crypto/ecdh"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
)

// ErrBadSubscription says that a browser's subscription cannot be used; its text holds nothing of it.
var ErrBadSubscription = errors.New("webpush: a subscription that cannot be used")

// KnownServices are the push services of the browsers in use: Chrome and its kin, Firefox, Safari, Edge on Windows.
func KnownServices() []string {
	return []string{"fcm.googleapis.com", "updates.push.services.mozilla.com", "*.push.apple.com", "*.notify.windows.com"}
}

const (
	maxEndpoint   = 1024 // octets
	authOctets    = 16   // RFC 8291 §3.2
	publicOctets  = 65   // an uncompressed point of P-256
	maxWritten    = 4 << 10
	wildcardLabel = "*."
)

// Subscription is where and how one browser is written to.
type Subscription struct {
	Endpoint *url.URL
	Public   *ecdh.PublicKey // the browser's key
	Auth     []byte          // its secret
}

// written is PushSubscription.toJSON (Push API); "expirationTime" is not looked at: a service says 410 when it is over.
type written struct {
	Endpoint string `json:"endpoint"`
	Keys     struct {
		Public string `json:"p256dh"`
		Auth   string `json:"auth"`
	} `json:"keys"`
}

// Parse reads what a browser says of its subscription. The endpoint must be an https address, without a port of its own,
// of one of the services ("*." before a name takes every name under it). The only error is ErrBadSubscription.
func Parse(text []byte, services []string) (Subscription, error) {
	return parse(text, services, false)
}

func parse(text []byte, services []string, anyPort bool) (Subscription, error) {
	var w written
	if len(text) > maxWritten || json.Unmarshal(text, &w) != nil || len(w.Endpoint) > maxEndpoint {
		return Subscription{}, ErrBadSubscription
	}
	u, err := url.Parse(w.Endpoint)
	if err != nil || u.Scheme != "https" || u.User != nil || u.Fragment != "" || u.Opaque != "" || (u.Port() != "" && !anyPort) ||
		!served(strings.ToLower(u.Hostname()), services) {
		return Subscription{}, ErrBadSubscription
	}
	s := Subscription{Endpoint: u}
	public, errPublic := decode(w.Keys.Public)
	auth, errAuth := decode(w.Keys.Auth)
	if errPublic != nil || errAuth != nil || len(public) != publicOctets || len(auth) != authOctets {
		return Subscription{}, ErrBadSubscription
	}
	if s.Public, err = ecdh.P256().NewPublicKey(public); err != nil { // not a point of the curve
		return Subscription{}, ErrBadSubscription
	}
	s.Auth = auth
	return s, nil
}

// Text writes the subscription as Parse reads it, with nothing else that the browser may have sent.
func (s Subscription) Text() []byte {
	w := written{Endpoint: s.Endpoint.String()}
	w.Keys.Public, w.Keys.Auth = encode(s.Public.Bytes()), encode(s.Auth)
	text, err := json.Marshal(w)
	if err != nil {
		panic("webpush: strings cannot be written as JSON: " + err.Error())
	}
	return text
}

// String keeps the endpoint and the keys out of logs.
func (s Subscription) String() string { return "subscription at " + s.Endpoint.Hostname() }

// GoString keeps %#v as silent as %v.
func (s Subscription) GoString() string { return s.String() }

func served(host string, services []string) bool {
	for _, name := range services {
		name = strings.ToLower(name)
		if suffix, wild := strings.CutPrefix(name, wildcardLabel); wild {
			if label, ok := strings.CutSuffix(host, "."+suffix); ok && label != "" {
				return true
			}
		} else if host == name {
			return true
		}
	}
	return false
}

func encode(b []byte) string { return base64.RawURLEncoding.EncodeToString(b) }

// decode reads base64url with or without padding: browsers differ.
func decode(text string) ([]byte, error) {
	return base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
}
