package signals

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"time"

	"doverie/internal/fault"
	"doverie/internal/jobs"
)

// Parcel is one request to a receiver.
type Parcel struct {
	Address       string
	Type          string // media type of Body
	Authorization string // the header; empty: none
	Body          string
}

// Reply is what a receiver answered.
type Reply struct {
	Status int    // of HTTP
	Code   string // of RFC 8935, section 2.4, when the receiver gave one that is known; otherwise empty
}

// Post carries parcels to receivers: package transmit over HTTP.
type Post interface {
	// Send sends one parcel and reads a bounded answer. An error means that there was none.
	Send(ctx context.Context, p Parcel) (Reply, error)
}

// Receivers finds how a system is reached.
type Receivers interface {
	// StreamOf reads the system's stream; fault.NotFound.
	StreamOf(ctx context.Context, client string) (Stream, error)
}

// Courier hands claimed deliveries to their receivers. It implements jobs.Deliverer.
type Courier struct {
	Receivers Receivers
	Clients   Clients
	Signer    Signer
	Post      Post
	Issuer    string
	Now       func() time.Time
	Observe   func(kind Kind, outcome jobs.Outcome) // metrics; may be nil
}

// logoutTries bounds how often a logout that the receiver refuses (status 400) is repeated: it says that it cannot.
const logoutTries = 5

// The problems of a delivery, as operators see them.
const (
	problemAddress = "fault.signals.address"     // nowhere to send it
	problemSilent  = "fault.signals.unreachable" // no answer
	problemRefused = "fault.signals.refused"     // the receiver does not take it
	problemStatus  = "fault.signals.status"      // an answer that is neither yes nor no
)

// Deliver implements jobs.Deliverer. A receiver that does not answer is asked again, always with the same jti;
// one that says that the token itself is wrong is not.
func (c Courier) Deliver(ctx context.Context, m jobs.Message) (jobs.Outcome, error) {
	d, err := DeliveryOf(m)
	if err != nil {
		return jobs.Failed, err
	}
	outcome, err := c.deliver(ctx, d)
	if c.Observe != nil {
		c.Observe(d.Kind, outcome)
	}
	return outcome, err
}

func (c Courier) deliver(ctx context.Context, d Delivery) (jobs.Outcome, error) {
	p, err := c.parcel(ctx, d)
	if fault.Is(err, fault.NotFound) {
		return jobs.Failed, fault.New(fault.NotFound, problemAddress, nil).Because(err)
	}
	if err != nil {
		return jobs.Retry, err
	}
	reply, err := c.Post.Send(ctx, p)
	if err != nil {
		return jobs.Retry, fault.New(fault.Busy, problemSilent, nil).Because(err)
	}
	return judge(d, reply)
}

// parcel signs the token and addresses it.
func (c Courier) parcel(ctx context.Context, d Delivery) (Parcel, error) {
	client, err := c.Clients.SignalClient(ctx, d.Client)
	if err != nil {
		return Parcel{}, err
	}
	p := Parcel{Address: client.LogoutURI, Type: "application/x-www-form-urlencoded"}
	if d.Kind == SET {
		stream, err := c.Receivers.StreamOf(ctx, d.Client)
		if err != nil {
			return Parcel{}, err
		}
		p = Parcel{Address: stream.Endpoint, Type: "application/secevent+jwt", Authorization: stream.Authorization}
		if stream.ID != d.Stream {
			p.Address = "" // that stream was deleted, and another one made
		}
	}
	if p.Address == "" {
		return Parcel{}, fault.New(fault.NotFound, problemAddress, nil)
	}
	typ, claims := d.Token(c.Issuer, c.Now())
	if p.Body, err = c.Signer.Sign(ctx, sets, typ, claims); err != nil {
		return Parcel{}, err
	}
	if d.Kind == LogoutToken {
		p.Body = url.Values{"logout_token": {p.Body}}.Encode()
	}
	return p, nil
}

var errAnswer = errors.New("signals: answer of the receiver")

// final are the refusals that no repetition changes: the token is not for this receiver. The others may be the
// receiver's own trouble: keys not read again yet, a changed secret.
var final = []string{"invalid_request", "invalid_issuer", "invalid_audience", "setType", "setParse", "setData", "jwtAud", "jwtIss", "jwtParse", "jwtHdr"}

// judge reads the answer: RFC 8935, section 2.2 to 2.4; Back-Channel Logout 1.0, section 2.8.
func judge(d Delivery, r Reply) (jobs.Outcome, error) {
	switch {
	case r.Status == 200 || r.Status == 202 || r.Status == 204:
		return jobs.Sent, nil
	case r.Status == 400 && slices.Contains(final, r.Code) && d.Kind == SET:
		return jobs.Failed, refused(r)
	case r.Status == 400 && d.Kind == LogoutToken && d.Attempt >= logoutTries:
		return jobs.Failed, refused(r)
	case r.Status == 400:
		return jobs.Retry, refused(r)
	}
	return jobs.Retry, fault.New(fault.Busy, problemStatus, nil).Because(fmt.Errorf("%w: status %d", errAnswer, r.Status))
}

func refused(r Reply) error {
	return fault.New(fault.Refused, problemRefused, nil).Because(fmt.Errorf("%w: status %d, code %q", errAnswer, r.Status, r.Code))
}
