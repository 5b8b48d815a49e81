package signals

import (
	"fmt"
	"strconv"
	"time"

	"doverie/internal/jobs"
)

// Kind is what a delivery carries.
type Kind string

// The kinds.
const (
	SET         Kind = "set"    // a security event token of a stream
	LogoutToken Kind = "logout" // a token for the back-channel logout address
)

// Lane is the order that a delivery stands in: one lane a system and kind. Nothing of a lane overtakes.
func Lane(client string, kind Kind) string { return client + ":" + string(kind) }

// Delivery is one token that one system has to get. Its claims follow from these fields alone, so that
// every attempt, by whichever process, sends the same jti and the same event.
type Delivery struct {
	ID      string // the token's jti
	Kind    Kind
	Client  string
	Stream  string // of a SET
	Subject string // the name the system knows the person by; empty in events about the stream
	SID     string // of a logout token: the system's session
	Event   Event
	Why     string // of the decision, machine-readable; see reasons
	Txn     string // what belongs to one transaction has one
	Detail  string // of a verification: the receiver's state
	At      time.Time
	Seq     int64 // order within the lane
	Attempt int   // 1 for the first
}

// Notice is one thing that was decided about an account and that systems have not been told yet.
type Notice struct {
	ID, Account, What, Why, Txn string
	At                          time.Time
}

// names of a delivery's fields in a message of package jobs.
const (
	argKind, argClient, argStream, argSubject, argSID = "kind", "client", "stream", "subject", "sid"
	argWhy, argTxn, argDetail, argSeq                 = "why", "txn", "detail", "seq"
)

// Message is the delivery as package jobs carries it: that loop knows leases, retries and pauses.
func (d Delivery) Message() jobs.Message {
	return jobs.Message{
		ID: d.ID, Key: d.ID, Kind: string(d.Event), CreatedAt: d.At, Attempt: d.Attempt,
		Args: map[string]string{
			argKind: string(d.Kind), argClient: d.Client, argStream: d.Stream, argSubject: d.Subject, argSID: d.SID,
			argWhy: d.Why, argTxn: d.Txn, argDetail: d.Detail, argSeq: strconv.FormatInt(d.Seq, 10),
		},
	}
}

// DeliveryOf is the reverse of Message.
func DeliveryOf(m jobs.Message) (Delivery, error) {
	seq, err := strconv.ParseInt(m.Args[argSeq], 10, 64)
	if err != nil {
		return Delivery{}, fmt.Errorf("signals: message %s is no delivery: %w", m.ID, err)
	}
	return Delivery{
		ID: m.ID, Kind: Kind(m.Args[argKind]), Client: m.Args[argClient], Stream: m.Args[argStream], Subject: m.Args[argSubject],
		SID: m.Args[argSID], Event: Event(m.Kind), Why: m.Args[argWhy], Txn: m.Args[argTxn], Detail: m.Args[argDetail],
		At: m.CreatedAt, Seq: seq, Attempt: m.Attempt,
	}, nil
}
