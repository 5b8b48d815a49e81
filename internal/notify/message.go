package notify

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"doverie/internal/effect"
)

// Message is one outbox row on its way out. It is plain data; Args may hold a code, so a Message prints and
// logs without them and without its address.
type Message struct {
	ID       string // outbox row
	Kind     Kind
	Channel  effect.Channel
	Address  string // E.164 phone, e-mail address, or push subscription
	Locale   string // "ru" or "en"
	Args     map[string]string
	At       time.Time // when it was decided: the argument "at" of a message that has none
	NotAfter time.Time // zero: no bound; otherwise it is refused from this moment on
	Attempt  int       // 1 for the first
	Key      string    // idempotency key: the same for every attempt
}

// String is the message without its secrets.
func (m Message) String() string {
	return fmt.Sprintf("message %s %s by %s, attempt %d", m.ID, m.Kind, m.Channel, m.Attempt)
}

// GoString keeps %#v as silent as %v.
func (m Message) GoString() string { return m.String() }

// LogValue keeps structured logs silent too.
func (m Message) LogValue() slog.Value { return slog.StringValue(m.String()) }

// Letter is a rendered message as a Channel carries it.
type Letter struct {
	ID, Key  string
	Kind     Kind
	Address  string
	Sender   string // the fixed name of the service, in the reader's language
	Locale   string
	Text     Text
	NotAfter time.Time
}

// String is the letter without its text and its address.
func (l Letter) String() string { return fmt.Sprintf("letter %s %s", l.ID, l.Kind) }

// GoString keeps %#v as silent as %v.
func (l Letter) GoString() string { return l.String() }

// LogValue keeps structured logs silent too.
func (l Letter) LogValue() slog.Value { return slog.StringValue(l.String()) }

// Outcome says how an attempt ended. The zero Outcome is Unknown: what nobody reported may have happened.
type Outcome int

// The outcomes.
const (
	Unknown   Outcome = iota // it may or may not have gone out: try again with the same Key
	Delivered                // it is in the reader's hands (or mailbox)
	Accepted                 // the carrier took it and promises to deliver
	Refused                  // it will never go out in this form: do not try again
	Postponed                // it surely has not gone out, and later it may: try again with the same Key
)

// String is the stable name of the outcome, for logs and metrics.
func (o Outcome) String() string {
	switch o {
	case Delivered:
		return "delivered"
	case Accepted:
		return "accepted"
	case Refused:
		return "refused"
	case Postponed:
		return "postponed"
	case Unknown:
		return "unknown"
	default:
		return fmt.Sprintf("outcome(%d)", int(o))
	}
}

// Channel is one way to reach people: an SMS gateway, a mail server, a push service, the development phone.
//
// With Delivered and Accepted the error is nil; with Refused and Postponed it says why; with Unknown it may say
// what was seen. A Channel must treat two letters of one Key as one where its carrier lets it, and must never log a text.
type Channel interface {
	Deliver(ctx context.Context, letter Letter) (Outcome, error)
}
