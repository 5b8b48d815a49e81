package effect

import "time"

// DeliveryState says what is known of a message that was asked for.
type DeliveryState string

// The states. Only Waiting, Underway and Uncertain may still become another one.
const (
	NoDelivery DeliveryState = ""          // there is no such message
	Waiting    DeliveryState = "waiting"   // not handed over yet
	Underway   DeliveryState = "sent"      // a carrier took it
	Arrived    DeliveryState = "delivered" // in the phone or mailbox
	Undone     DeliveryState = "failed"    // it will not arrive
	TooLate    DeliveryState = "late"      // it could not be sent within its life, and will not be
	Uncertain  DeliveryState = "unknown"   // perhaps it arrived: an answer was lost
)

// Delivery is what has become of one message. It holds no address and no text.
type Delivery struct {
	ID        string // of the outbox row
	Kind      string
	Channel   Channel
	State     DeliveryState
	At        time.Time // when it came into that state, as far as known
	CreatedAt time.Time
	Attempts  int
	Repeated  bool     // an earlier attempt may have gone out as well
	Carriers  []string // names of the carriers that took it
	Problem   string   // a fault key of the last attempt; empty: none
}

// Hopeless tells whether the message cannot arrive any more in time to be of use.
func (d Delivery) Hopeless() bool { return d.State == TooLate || d.State == Undone }

// Told is a message as its own reader may see it afterwards.
type Told struct {
	Delivery

	Masked    string // where it went: a masked phone or mailbox; empty: a browser, or not kept
	AsContact bool   // it told him, as a contact, of somebody else
}
