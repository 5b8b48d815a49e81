package smpp

import (
	"math/big"
	"regexp"
	"strings"

	"doverie/internal/notify"
)

// IDForm says how a carrier writes a message id in receipts beside submit_sm_resp.
type IDForm string

// The forms.
const (
	AnyID     IDForm = ""        // not known: every likely reading is a candidate
	SameID    IDForm = "same"    // as in submit_sm_resp
	HexID     IDForm = "hex"     // hexadecimal, while submit_sm_resp has the decimal number
	DecimalID IDForm = "decimal" // decimal, while submit_sm_resp has the hexadecimal number
)

// canonicalID makes two spellings of one id equal: case and leading zeros do not count.
func canonicalID(id string) string {
	id = strings.ToLower(strings.TrimSpace(id))
	if trimmed := strings.TrimLeft(id, "0"); trimmed != "" {
		return trimmed
	}
	return id
}

// reread writes the number in another base; "" when it is none.
func reread(id string, from, to int) string {
	n, ok := new(big.Int).SetString(id, from)
	if !ok || n.Sign() < 0 {
		return ""
	}
	return n.Text(to)
}

// candidates lists the ids of submit_sm_resp that a receipt's text id may mean, likeliest first.
func (f IDForm) candidates(id string) []string {
	id = canonicalID(id)
	hex, decimal := reread(id, 16, 10), reread(id, 10, 16)
	var out []string
	for _, c := range map[IDForm][]string{
		AnyID: {id, decimal, hex}, SameID: {id}, HexID: {hex}, DecimalID: {decimal},
	}[f] {
		if c != "" && (len(out) == 0 || out[0] != c) {
			out = append(out, c)
		}
	}
	return out
}

// isReceipt reports whether a deliver_sm is a report about an earlier message and no message of a person.
func isReceipt(m message) bool {
	switch m.esmClass & esmTypeMask {
	case esmReceipt, esmIntermediate:
		return true
	}
	_, named := m.find(tagReceiptedMessageID)
	return named
}

// states by message_state (§5.2.28), from 1.
var states = [...]notify.State{
	1: notify.Underway, 2: notify.Arrived, 3: notify.TimedOut, 4: notify.Lost, 5: notify.Lost, 6: notify.Arrived, 7: notify.Uncertain, 8: notify.Lost,
}

// words of a receipt's text (appendix B). ACCEPTD means that somebody else has the message now, such as
// a help desk that read it for the person.
var words = map[string]notify.State{
	"ENROUTE": notify.Underway, "DELIVRD": notify.Arrived, "EXPIRED": notify.TimedOut, "DELETED": notify.Lost,
	"UNDELIV": notify.Lost, "ACCEPTD": notify.Arrived, "UNKNOWN": notify.Uncertain, "REJECTD": notify.Lost,
}

var (
	receiptID   = regexp.MustCompile(`(?i)\bid:\s*([0-9a-z._-]{1,64})`)
	receiptStat = regexp.MustCompile(`(?i)\bstat:\s*([a-z]{1,16})`)
	receiptText = regexp.MustCompile(`(?i)\btext:`)
	receiptErr  = regexp.MustCompile(`(?i)\berr:\s*([0-9a-z]{1,16})`)
)

// receipt reads a deliver_sm. Optional parameters win over the text, whose form carriers do not agree on. A report
// without an id or a state it knows is none.
func receipt(m message, form IDForm) (notify.Receipt, bool) {
	text := string(m.text)
	if payload, ok := m.find(tagMessagePayload); ok && text == "" {
		text = string(payload)
	}
	if m.coding == codingUCS2 {
		text = decodeUCS2([]byte(text))
	}
	if at := receiptText.FindStringIndex(text); at != nil {
		text = text[:at[0]] // the words of the message begin here
	}
	var r notify.Receipt
	if value, ok := m.find(tagReceiptedMessageID); ok {
		if id := canonicalID(strings.TrimRight(string(value), "\x00")); id != "" && len(id) < messageIDSize {
			r.CarrierIDs = append(r.CarrierIDs, id) // §5.3.2.12: the same as in submit_sm_resp
		}
	} else if found := receiptID.FindStringSubmatch(text); found != nil {
		r.CarrierIDs = form.candidates(found[1])
	}
	if value, ok := m.find(tagMessageState); ok && len(value) == 1 && value[0] > 0 && int(value[0]) < len(states) {
		r.State = states[value[0]]
	} else if found := receiptStat.FindStringSubmatch(text); found != nil {
		r.State = words[strings.ToUpper(found[1])]
	}
	if found := receiptErr.FindStringSubmatch(text); found != nil {
		r.Code = notify.CleanCode(found[1])
	}
	if m.source.ton == tonInternational && phoneDigits.MatchString(m.source.value) {
		r.Phone = "+" + m.source.value
	}
	return r, len(r.CarrierIDs) > 0 && r.State != ""
}
