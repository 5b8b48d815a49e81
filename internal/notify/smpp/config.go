package smpp

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"regexp"
	"strings"
	"time"

	"doverie/internal/notify"
)

// Config is one account at one SMS centre. Address, SystemID, Sender and Now are required; the rest has defaults.
type Config struct {
	Name       string // of this carrier in reports and metrics; "": "smpp"
	Address    string // host:port of the centre
	SystemID   string // at most 15 characters
	Password   string // at most 8 characters: the protocol has room for no more
	SystemType string // as the carrier says, usually empty

	TLS        bool   // SMPP inside TLS 1.2 or later
	ServerName string // name in the centre's certificate; "": the host of Address
	CAFile     []byte // PEM certificates that are trusted instead of the system's; nil: the system's

	TransmitterOnly bool // bind as transmitter: no receipts on this session; false: as transceiver

	Sender       string   // source address: up to 11 Latin letters, digits and spaces, or a number (digits only)
	NoReceipts   bool     // do not ask for delivery receipts
	ReceiptIDs   IDForm   // how receipts write message ids
	Validity     Validity // how the end of a code's life is told to the centre
	UCS2Only     bool     // never use the default alphabet, for centres whose default is not GSM 03.38
	BusyStatuses []uint32 // further command_status values that mean "surely not sent, try later"

	Window         int           // submits that may be unanswered; 0: 10
	Rate           float64       // submits a second; 0: 10
	ConnectTimeout time.Duration // for dialling and binding, and for a letter to wait for a session; 0: 10 s
	ReplyTimeout   time.Duration // for an answer; 0: 10 s
	EnquireEvery   time.Duration // silence after which enquire_link asks; 0: 30 s
	FirstPause     time.Duration // before the second attempt to connect, and when throttled; doubled each time; 0: 500 ms
	LongPause      time.Duration // the longest of these pauses; 0: 30 s

	Ledger notify.Ledger // learns ids and receipts; nil: nobody does
	Report func(Event)   // what an operator should see; may be nil; must not block
	Now    func() time.Time
}

// Validity is the form of validity_period (§7.1.1).
type Validity string

// The forms.
const (
	RelativeValidity Validity = "" // so much time from when the centre takes it
	AbsoluteValidity Validity = "absolute"
	NoValidity       Validity = "none" // the centre does not know it: late codes then rest on our own clock alone
)

// Event is something an operator should see. It holds no phone number and no text.
type Event struct {
	Carrier string
	What    string // "bound", "broken", "throttled", "late answer", "no answer", "ledger", "stray message"
	Err     error
}

const (
	tonInternational = 1
	tonAlphanumeric  = 5
	tonNetwork       = 3 // short numbers
	npiISDN          = 1
	npiUnknown       = 0
)

var (
	phoneDigits = regexp.MustCompile(`^[1-9][0-9]{6,14}$`)
	numberOnly  = regexp.MustCompile(`^[0-9]{3,15}$`)
	senderName  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9 ._-]{0,10}$`)
)

// New checks the configuration. The Channel sends nothing until Run runs. Errors name the field.
func New(c Config) (*Channel, error) {
	if c.Name == "" {
		c.Name = "smpp"
	}
	host, port, err := net.SplitHostPort(c.Address)
	switch {
	case err != nil || host == "" || port == "":
		return nil, fmt.Errorf("smpp: Address: %q is not host:port", c.Address)
	case c.SystemID == "" || !fits(c.SystemID, 15):
		return nil, errors.New("smpp: SystemID: 1 to 15 ASCII characters")
	case !fits(c.Password, 8):
		return nil, errors.New("smpp: Password: at most 8 ASCII characters")
	case !fits(c.SystemType, 12):
		return nil, errors.New("smpp: SystemType: at most 12 ASCII characters")
	case !senderName.MatchString(c.Sender) && !numberOnly.MatchString(c.Sender):
		return nil, errors.New("smpp: Sender: 1 to 11 Latin letters, digits and spaces, or a number of 3 to 15 digits")
	case c.ReceiptIDs != AnyID && c.ReceiptIDs != SameID && c.ReceiptIDs != HexID && c.ReceiptIDs != DecimalID:
		return nil, fmt.Errorf("smpp: ReceiptIDs: %q is none of \"\", same, hex, decimal", c.ReceiptIDs)
	case c.Validity != RelativeValidity && c.Validity != AbsoluteValidity && c.Validity != NoValidity:
		return nil, fmt.Errorf("smpp: Validity: %q is none of \"\", absolute, none", c.Validity)
	case c.Window < 0 || c.Window > 1000:
		return nil, errors.New("smpp: Window: 1 to 1000")
	case c.Rate < 0 || c.Rate > 10000:
		return nil, errors.New("smpp: Rate: at most 10000 a second")
	case c.Now == nil:
		return nil, errors.New("smpp: Now: a clock is required")
	}
	for name, d := range map[string]time.Duration{
		"ConnectTimeout": c.ConnectTimeout, "ReplyTimeout": c.ReplyTimeout, "EnquireEvery": c.EnquireEvery,
		"FirstPause": c.FirstPause, "LongPause": c.LongPause,
	} {
		if d < 0 {
			return nil, fmt.Errorf("smpp: %s: is negative", name)
		}
	}
	c.Window = orElse(c.Window, 10)
	c.Rate = orElse(c.Rate, 10)
	c.ConnectTimeout = orElse(c.ConnectTimeout, 10*time.Second)
	c.ReplyTimeout = orElse(c.ReplyTimeout, 10*time.Second)
	c.EnquireEvery = orElse(c.EnquireEvery, 30*time.Second)
	c.FirstPause = orElse(c.FirstPause, 500*time.Millisecond)
	c.LongPause = max(orElse(c.LongPause, 30*time.Second), c.FirstPause)
	if c.Report == nil {
		c.Report = func(Event) {}
	}
	ch := &Channel{c: c, source: sourceAddress(c.Sender), pace: newPacer(), changed: make(chan struct{}), taken: notify.NewTaken()}
	if c.TLS {
		ch.tls = &tls.Config{MinVersion: tls.VersionTLS12, ServerName: orElse(c.ServerName, host)}
		if c.CAFile != nil {
			ch.tls.RootCAs = x509.NewCertPool()
			if !ch.tls.RootCAs.AppendCertsFromPEM(c.CAFile) {
				return nil, errors.New("smpp: CAFile: no PEM certificate in it")
			}
		}
	}
	return ch, nil
}

func orElse[T int | float64 | time.Duration | string](given, otherwise T) T {
	var zero T
	if given != zero {
		return given
	}
	return otherwise
}

// fits reports whether a field of the protocol holds the text.
func fits(s string, limit int) bool {
	return len(s) <= limit && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' })
}

func sourceAddress(sender string) address {
	switch {
	case phoneDigits.MatchString(sender):
		return address{ton: tonInternational, npi: npiISDN, value: sender}
	case numberOnly.MatchString(sender):
		return address{ton: tonNetwork, npi: npiUnknown, value: sender}
	default:
		return address{ton: tonAlphanumeric, npi: npiUnknown, value: sender}
	}
}
