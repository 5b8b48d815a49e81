package notify

import (
	"context"
	"fmt"
	"log/slog"
	"time"
)

// Submission says under which name a carrier took a letter, or one part of a long SMS.
type Submission struct {
	Carrier   string // name of the channel's configuration, such as "sms-main"
	CarrierID string // the carrier's own name of it, as later receipts call it
	Letter    string // Letter.ID
	Key       string // Letter.Key
	Part      int    // from 1
	Parts     int    // of the whole letter
	At        time.Time
}

// State is what a carrier says has become of a submission.
type State string

// The states. Only Underway is followed by another one.
const (
	Underway  State = "underway"  // on its way, or waiting for the phone
	Arrived   State = "arrived"   // in the phone or mailbox
	TimedOut  State = "timed_out" // its life ended before it arrived
	Lost      State = "lost"      // rejected, deleted, or it cannot be delivered
	Uncertain State = "uncertain" // the carrier does not know
)

// Receipt is a carrier's later report. It prints without the phone number.
type Receipt struct {
	Carrier string
	// CarrierIDs are the names the carrier may mean, likeliest first: carriers write one number now in
	// hexadecimal and now in decimal.
	CarrierIDs []string
	Phone      string // E.164, when the report names it: it tells two candidates apart
	State      State
	Code       string // the carrier's error code: at most 32 letters, digits, and "-_.:"
	At         time.Time
}

// String is the receipt without the phone number.
func (r Receipt) String() string {
	return fmt.Sprintf("receipt %s %q %s %s", r.Carrier, r.CarrierIDs, r.State, r.Code)
}

// GoString keeps %#v as silent as %v.
func (r Receipt) GoString() string { return r.String() }

// LogValue keeps structured logs silent too.
func (r Receipt) LogValue() slog.Value { return slog.StringValue(r.String()) }

// Ledger remembers what carriers say. Both methods may be called at once and more than once for the same thing.
// An error of Reported makes the carrier report again later; an error of Submitted loses only that line of
// the delivery state, never the letter.
type Ledger interface {
	Submitted(ctx context.Context, s Submission) error
	Reported(ctx context.Context, r Receipt) error
}

// CleanCode keeps what a carrier's error code may hold, so that it can be logged and shown.
func CleanCode(code string) string {
	out := make([]byte, 0, len(code))
	for i := 0; i < len(code) && len(out) < 32; i++ {
		switch c := code[i]; {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '-', c == '_', c == '.', c == ':':
			out = append(out, c)
		}
	}
	return string(out)
}
