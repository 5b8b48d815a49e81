package jobs

import (
	"context"
	"time"

	"doverie/internal/effect"
)

// Message is one claimed row of the outbox, opened for delivery. It holds secrets: never log it.
type Message struct {
	ID          string
	Key         string // idempotency key, for gateways that know such a thing
	Channel     effect.Channel
	Kind        string
	Account     string // empty when the message goes to somebody without an account
	Locale      string // "ru" or "en"
	Address     string
	Args        map[string]string
	CarriesCode bool
	CreatedAt   time.Time
	NotAfter    time.Time // zero: no bound
	Attempt     int       // 1 for the first
	AskedFrom   []byte    // keyed hash of the network area it was caused from; nil: nobody asked
	Repeated    bool      // an earlier attempt may have gone out: the reader may get it twice
}

// String hides the address and the arguments from logs.
func (m Message) String() string {
	return "message " + m.ID + " (" + m.Kind + ", " + string(m.Channel) + ")"
}

// GoString hides the address and the arguments from %#v.
func (m Message) GoString() string { return m.String() }

// Outcome is what became of one attempt to deliver.
type Outcome string

// The outcomes of an attempt.
const (
	Sent    Outcome = "sent"    // the next system took it
	Arrived Outcome = "arrived" // it is in the reader's hands: kept as sent, with its time
	Retry   Outcome = "pending" // surely not delivered; later it may be
	Failed  Outcome = "failed"  // surely not delivered, and never will be
	Unknown Outcome = "unknown" // perhaps delivered: the reply was lost
	Expired Outcome = "expired" // too late to deliver
)

// Deliverer hands one message to its channel. The error explains Retry, Failed and Unknown, and must
// not repeat the message's address or arguments.
type Deliverer interface {
	Deliver(ctx context.Context, m Message) (Outcome, error)
}

// Timer is one claimed timer.
type Timer struct {
	Kind       string
	Object     string
	DueAt      time.Time
	Attempt    int // 1 for the first
	Generation int64
}

// Handler does what a timer of its kind is for. It is called at least once for a due timer.
type Handler func(ctx context.Context, object string) error

// Settlement is the end of a message's attempt. RetryAt and Unsure count only with Retry, Arrived only with Sent.
type Settlement struct {
	Outcome Outcome
	RetryAt time.Time
	Problem string // a fault key, never text from outside
	Unsure  bool   // the attempt may have gone out: the next one may make a second copy
	Arrived bool   // the reader has it
}

// Queue is the durable side; package store implements it for both engines.
type Queue interface {
	// ClaimMessages leases up to n due messages to owner until now+lease, after it has ended those
	// that are too late or that nobody may repeat.
	ClaimMessages(ctx context.Context, now time.Time, owner string, n int, lease time.Duration) ([]Message, error)
	// SettleMessage ends the attempt of m. fault.Conflict: the lease was lost, nothing was changed.
	SettleMessage(ctx context.Context, now time.Time, owner string, m Message, s Settlement) error
	// ClaimTimers leases up to n due timers to owner until now+lease.
	ClaimTimers(ctx context.Context, now time.Time, owner string, n int, lease time.Duration) ([]Timer, error)
	// TimerDone removes a timer that has been handled, unless it was set anew meanwhile.
	TimerDone(ctx context.Context, owner string, t Timer) error
	// TimerFailed gives the timer back until retryAt, unless it was set anew meanwhile.
	TimerFailed(ctx context.Context, owner string, t Timer, retryAt time.Time, problem string) error
	// Woken gives a value soon after this process put something into the queue.
	Woken() <-chan struct{}
}
