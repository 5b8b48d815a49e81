package signals

import (
	"slices"
	"strings"
	"time"

	"doverie/internal/fault"
)

// Status is whether a stream flows (SSF 1.0, section 8.1.2).
type Status string

// The statuses.
const (
	Enabled  Status = "enabled"
	Paused   Status = "paused"   // events are kept and sent when it is enabled again
	Disabled Status = "disabled" // events are neither sent nor kept
)

// Method is how events reach the receiver: the URIs of RFC 8935 and RFC 8936.
type Method string

// The methods.
const (
	Push Method = "urn:ietf:rfc:8935"
	Poll Method = "urn:ietf:rfc:8936"
)

// Stream is how one system wants to be told.
type Stream struct {
	ID            string
	Client        string
	Status        Status
	Reason        string // of the status, in the receiver's or the operator's words
	Method        Method
	Endpoint      string // where a push goes; empty for poll
	Authorization string // what a push says in its Authorization header: a secret, stored sealed, never shown
	Requested     []Event
	Description   string
	VerifiedAt    time.Time // of the newest verification asked for
	CreatedAt     time.Time
	ChangedAt     time.Time
	Version       int64
}

// Delivered lists the events that really come: what is asked for and what we know.
func (s Stream) Delivered() []Event {
	var out []Event
	for _, e := range Supported() {
		if slices.Contains(s.Requested, e) {
			out = append(out, e)
		}
	}
	return out
}

// Wants reports whether an event of the stream's system goes into it now.
func (s Stream) Wants(e Event) bool {
	return s.Status != Disabled && slices.Contains(s.Requested, e) && slices.Contains(Supported(), e)
}

// Client is what must be known of the system that a stream belongs to.
type Client struct {
	ID        string
	LogoutURI string   // where logout tokens go; empty: nowhere
	Origins   []string // "https://host" of every address that the system registered: a push goes to none other
}

// The bounds of a stream.
const (
	maxDescription   = 250
	maxEndpoint      = 1000
	maxAuthorization = 1000
	maxReason        = 250
)

// Change is what a receiver asks of its stream; nil leaves it as it is.
type Change struct {
	Method        *Method
	Endpoint      *string
	Authorization *string
	Requested     []Event // nil: as it is
	Description   *string
}

// Apply changes the stream by the rules; it is created with the same.
//
// Errors: Invalid with the name of the member that is wrong.
func (s Stream) Apply(now time.Time, c Client, allowPlain bool, x Change) (Stream, error) {
	n := s
	if x.Method != nil {
		n.Method = *x.Method
	}
	if x.Endpoint != nil {
		n.Endpoint = *x.Endpoint
	}
	if x.Authorization != nil {
		n.Authorization = *x.Authorization
	}
	if x.Requested != nil {
		n.Requested = slices.Clone(x.Requested)
	}
	if x.Description != nil {
		n.Description = *x.Description
	}
	n.ChangedAt = now
	switch n.Method {
	case Poll:
		n.Endpoint, n.Authorization = "", "" // the address is ours
	case Push:
		origin, ok := Origin(n.Endpoint, allowPlain)
		if !ok || len(n.Endpoint) > maxEndpoint {
			return s, wrong("delivery.endpoint_url")
		}
		if !slices.Contains(c.Origins, origin) {
			return s, wrong("delivery.endpoint_url")
		}
		if len(n.Authorization) > maxAuthorization || strings.ContainsFunc(n.Authorization, notVisible) {
			return s, wrong("delivery.authorization_header")
		}
	default:
		return s, wrong("delivery.method")
	}
	if len([]rune(n.Description)) > maxDescription || strings.ContainsFunc(n.Description, control) {
		return s, wrong("description")
	}
	return n, nil
}

// Set changes the status. Errors: Invalid.
func (s Stream) Set(now time.Time, to Status, why string) (Stream, error) {
	switch to {
	case Enabled, Paused, Disabled:
	default:
		return s, wrong("status")
	}
	if len([]rune(why)) > maxReason || strings.ContainsFunc(why, control) {
		return s, wrong("reason")
	}
	n := s
	n.Status, n.Reason, n.ChangedAt = to, why, now
	return n, nil
}

func control(r rune) bool    { return r < ' ' || r == 0x7f }
func notVisible(r rune) bool { return r < ' ' || r > 0x7e }

func wrong(member string) error {
	return fault.BadFields(fault.Field{Name: member, Key: "fault.signals.member"})
}
