package httpsms

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	"doverie/internal/notify"
)

// ReportConfig describes the delivery reports a gateway sends. Carrier, Secrets, IDPath, StatePath, States, Ledger and Now
// are required.
//
// A report is a POST whose signature header is the HMAC-SHA-256, in hexadecimal, of the timestamp header (Unix
// seconds), a full stop, and the raw body. Its body is JSON or a form.
type ReportConfig struct {
	Carrier         string   // Config.Name of the gateway that reports
	Secrets         [][]byte // each at least 16 octets; more than one while a secret is being replaced
	SignatureHeader string   // "": "X-Signature"; a value "sha256=…" is understood too
	TimestampHeader string   // "": "X-Timestamp"

	ListPath  string                  // place of a list of reports in the body; "": the body is one report, or a list
	IDPath    string                  // place of the message id in a report
	StatePath string                  // place of the state
	States    map[string]notify.State // what the gateway's words for states mean
	CodePath  string                  // place of an error code; "": none
	PhonePath string                  // place of the phone number; "": none

	Window time.Duration // how far a timestamp may be from our clock; 0: 5 min
	Ledger notify.Ledger
	Report func(Event) // what an operator should see; may be nil; must not block
	Now    func() time.Time
}

const (
	minSecret  = 16
	maxReport  = 256 << 10
	maxReports = 1000 // in one body
	maxSeen    = 100_000
)

// Reports takes signed delivery reports. Mount it outside any check of browsers' origins: its callers are machines, and
// the signature is what counts.
type Reports struct {
	c ReportConfig

	mu   sync.Mutex
	seen map[[sha256.Size]byte]time.Time // signatures whose reports are written down, until their window is over
}

var _ http.Handler = (*Reports)(nil)

// NewReports checks the configuration. Errors name the field.
func NewReports(c ReportConfig) (*Reports, error) {
	c.SignatureHeader, c.TimestampHeader = orElse(c.SignatureHeader, "X-Signature"), orElse(c.TimestampHeader, "X-Timestamp")
	c.Window = orElse(c.Window, 5*time.Minute)
	if c.Report == nil {
		c.Report = func(Event) {}
	}
	for _, s := range c.Secrets {
		if len(s) < minSecret {
			return nil, fmt.Errorf("httpsms: Secrets: each needs at least %d octets", minSecret)
		}
	}
	for word, state := range c.States {
		switch state {
		case notify.Underway, notify.Arrived, notify.TimedOut, notify.Lost, notify.Uncertain:
		default:
			return nil, fmt.Errorf("httpsms: States: %q means %q, which is no state", word, state)
		}
	}
	switch {
	case c.Carrier == "":
		return nil, errors.New("httpsms: Carrier: is empty")
	case len(c.Secrets) == 0:
		return nil, errors.New("httpsms: Secrets: there is none")
	case !headerName.MatchString(c.SignatureHeader):
		return nil, errors.New("httpsms: SignatureHeader: is no header name")
	case !headerName.MatchString(c.TimestampHeader):
		return nil, errors.New("httpsms: TimestampHeader: is no header name")
	case c.IDPath == "":
		return nil, errors.New("httpsms: IDPath: is empty")
	case c.StatePath == "":
		return nil, errors.New("httpsms: StatePath: is empty")
	case len(c.States) == 0:
		return nil, errors.New("httpsms: States: is empty")
	case c.Window < time.Second || c.Window > time.Hour:
		return nil, errors.New("httpsms: Window: from a second to an hour")
	case c.Ledger == nil:
		return nil, errors.New("httpsms: Ledger: reports need a place")
	case c.Now == nil:
		return nil, errors.New("httpsms: Now: a clock is required")
	}
	return &Reports{c: c, seen: map[[sha256.Size]byte]time.Time{}}, nil
}

// Sign is the signature of a body at a time (Unix seconds): what a gateway does, for tests and adapters.
func Sign(secret []byte, timestamp string, body []byte) []byte {
	mac := hmac.New(sha256.New, secret)
	_, _ = io.WriteString(mac, timestamp+".") // a hash takes everything
	_, _ = mac.Write(body)
	return mac.Sum(nil)
}

// ServeHTTP answers 204 when every report is written down (also when it was before), 401 to what is not signed or not
// fresh, and 503 when the Ledger cannot write, so that the gateway tries again. It says nothing else.
func (h *Reports) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxReport))
	if err != nil {
		w.WriteHeader(http.StatusRequestEntityTooLarge)
		return
	}
	now := h.c.Now()
	timestamp := r.Header.Get(h.c.TimestampHeader)
	signature, ok := h.verify(timestamp, r.Header.Get(h.c.SignatureHeader), body)
	if !ok {
		h.report("forged", nil)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	at, err := strconv.ParseInt(timestamp, 10, 64)
	if age := now.Sub(time.Unix(at, 0)); err != nil || age > h.c.Window || age < -h.c.Window {
		h.report("stale", err)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if h.known(signature, now) {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	receipts, err := h.parse(body, r.Header.Get("Content-Type"))
	if err != nil {
		h.report("unreadable", err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	for _, receipt := range receipts {
		receipt.At = now
		if err := h.c.Ledger.Reported(r.Context(), receipt); err != nil {
			h.report("ledger", err)
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
	}
	h.remember(signature, now)
	w.WriteHeader(http.StatusNoContent)
}

// verify compares in constant time; the signature is that of the secret that fits.
func (h *Reports) verify(timestamp, given string, body []byte) (signature [sha256.Size]byte, ok bool) {
	if len(given) > 7 && given[:7] == "sha256=" {
		given = given[7:]
	}
	claimed, err := hex.DecodeString(given)
	if err != nil || len(claimed) != sha256.Size || timestamp == "" {
		return signature, false
	}
	for _, secret := range h.c.Secrets {
		if hmac.Equal(claimed, Sign(secret, timestamp, body)) {
			return [sha256.Size]byte(claimed), true
		}
	}
	return signature, false
}

func (h *Reports) known(signature [sha256.Size]byte, now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	end, ok := h.seen[signature]
	return ok && now.Before(end)
}

// remember keeps a signature as long as its timestamp could be valid. When too many come, the memory starts anew: a
// report that is then taken twice changes nothing in the Ledger.
func (h *Reports) remember(signature [sha256.Size]byte, now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.seen) >= maxSeen {
		for s, end := range h.seen {
			if !now.Before(end) {
				delete(h.seen, s)
			}
		}
		if len(h.seen) >= maxSeen {
			clear(h.seen)
		}
	}
	h.seen[signature] = now.Add(2 * h.c.Window)
}

func (h *Reports) parse(body []byte, contentType string) ([]notify.Receipt, error) {
	var whole any
	kind, _, _ := mime.ParseMediaType(contentType) // an unreadable type is read as JSON
	if kind == "application/x-www-form-urlencoded" {
		values, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, fmt.Errorf("the form: %w", err)
		}
		fields := map[string]any{}
		for name, v := range values {
			fields[name] = v[0]
		}
		whole = fields
	} else {
		var err error
		if whole, err = readJSON(body); err != nil {
			return nil, err
		}
	}
	found, ok := at(whole, h.c.ListPath)
	if !ok {
		return nil, errors.New("no list of reports in it")
	}
	list, ok := found.([]any)
	if !ok {
		list = []any{found}
	}
	if len(list) > maxReports {
		return nil, fmt.Errorf("more than %d reports at once", maxReports)
	}
	out := make([]notify.Receipt, 0, len(list))
	for _, one := range list {
		id, word := textAt(one, h.c.IDPath), textAt(one, h.c.StatePath)
		if id == "" || len(id) > maxID || word == "" {
			return nil, errors.New("a report without an id or a state")
		}
		state, ok := h.c.States[word]
		if !ok { // a gateway that learned a new word must not be asked to repeat it for ever
			h.report("unknown state", fmt.Errorf("httpsms: state %q", notify.CleanCode(word)))
			continue
		}
		receipt := notify.Receipt{Carrier: h.c.Carrier, CarrierIDs: []string{id}, State: state}
		if h.c.CodePath != "" {
			receipt.Code = notify.CleanCode(textAt(one, h.c.CodePath))
		}
		if number := textAt(one, h.c.PhonePath); h.c.PhonePath != "" && phone.MatchString("+"+trimPlus(number)) {
			receipt.Phone = "+" + trimPlus(number)
		}
		out = append(out, receipt)
	}
	return out, nil
}

func trimPlus(number string) string {
	if len(number) > 0 && number[0] == '+' {
		return number[1:]
	}
	return number
}

func (h *Reports) report(what string, err error) {
	h.c.Report(Event{Carrier: h.c.Carrier, What: what, Err: err})
}
