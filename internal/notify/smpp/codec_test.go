package smpp

import (
	"bytes"
	"encoding/hex"
	"errors"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"doverie/internal/notify"
)

// TestSubmitOctetByOctet holds the layout to §4.4.1, written by hand.
func TestSubmitOctetByOctet(t *testing.T) {
	text, err := encode("Да", 7, false)
	if err != nil {
		t.Fatal(err)
	}
	m := message{
		source: sourceAddress("Doverie"), dest: address{ton: tonInternational, npi: npiISDN, value: "79160000001"},
		validity: "000000000500000R", registered: wantReceipt, coding: text.coding, text: text.parts[0],
	}
	got := hex.EncodeToString(pdu{command: submitSM, seq: 2, body: m.bytes()}.bytes())
	want := strings.Join([]string{
		"00000047", "00000004", "00000000", "00000002", // length, submit_sm, status, sequence
		"00",                   // service_type
		"0500446f766572696500", // source: alphanumeric, unknown plan, "Doverie"
		"0101" + hex.EncodeToString([]byte("79160000001")) + "00",
		"000000", "00", // esm_class, protocol_id, priority_flag, schedule_delivery_time
		hex.EncodeToString([]byte("000000000500000R")) + "00",
		"01", "00", "08", "00", // registered_delivery, replace_if_present_flag, data_coding, sm_default_msg_id
		"04", "04140430",
	}, "")
	if got != want {
		t.Errorf("\n%s\n%s", got, want)
	}
}

func TestFramingIsBounded(t *testing.T) {
	for _, length := range []string{"00000000", "0000000f", "00012001", "ffffffff"} {
		b, _ := hex.DecodeString(length + "000000150000000000000001")
		if _, err := readPDU(bytes.NewReader(b)); !errors.Is(err, errFraming) {
			t.Errorf("%s: %v", length, err)
		}
	}
}

// TestPartsAreThoseThatWereCounted: what the texts were counted with is what goes out (DOMAIN §11).
func TestPartsAreThoseThatWereCounted(t *testing.T) {
	alphabets := []string{gsmTable + "^{}[]~|€", "Привет, мир! ёЁ№«»—😀", "abc Я😀€"}
	random := rand.New(rand.NewPCG(1, 2))
	for range 3000 {
		letters := []rune(strings.ReplaceAll(alphabets[random.IntN(3)], "\x1b", ""))
		var b strings.Builder
		for range 1 + random.IntN(400) {
			b.WriteRune(letters[random.IntN(len(letters))])
		}
		text := b.String()
		e, err := encode(text, 1, false)
		if err != nil {
			t.Fatal(err)
		}
		if n, ucs2 := notify.Segments(text); n != len(e.parts) || ucs2 != (e.coding == codingUCS2) {
			t.Fatalf("%q: %d parts (UCS-2 %v) counted, %d parts of coding %d written", text, n, ucs2, len(e.parts), e.coding)
		}
	}
}

func TestNewNamesTheField(t *testing.T) {
	good := Config{Address: "127.0.0.1:2775", SystemID: "a", Password: "b", Sender: "Doverie", Now: time.Now}
	if _, err := New(good); err != nil {
		t.Fatal(err)
	}
	for field, spoil := range map[string]func(*Config){
		"Address":      func(c *Config) { c.Address = "smsc" },
		"SystemID":     func(c *Config) { c.SystemID = "" },
		"Password":     func(c *Config) { c.Password = "123456789" },
		"SystemType":   func(c *Config) { c.SystemType = "больше" },
		"Sender":       func(c *Config) { c.Sender = "Доверие" },
		"ReceiptIDs":   func(c *Config) { c.ReceiptIDs = "octal" },
		"Validity":     func(c *Config) { c.Validity = "soon" },
		"Window":       func(c *Config) { c.Window = -1 },
		"Rate":         func(c *Config) { c.Rate = -1 },
		"ReplyTimeout": func(c *Config) { c.ReplyTimeout = -1 },
		"CAFile":       func(c *Config) { c.TLS, c.CAFile = true, []byte("no PEM") },
		"Now":          func(c *Config) { c.Now = nil },
	} {
		c := good
		spoil(&c)
		if _, err := New(c); err == nil || !strings.HasPrefix(err.Error(), "smpp: "+field+": ") {
			t.Errorf("%s: %v", field, err)
		}
	}
}

func TestReceipts(t *testing.T) {
	const appendixB = "id:00123 sub:001 dlvrd:001 submit date:2611211200 done date:2611211201 stat:UNDELIV err:0e7 text:id:9 stat:DELIVRD"
	for name, c := range map[string]struct {
		m    message
		form IDForm
		want notify.Receipt
		ok   bool
	}{
		"appendix B, any id":  {message{esmClass: 4, text: []byte(appendixB)}, AnyID, notify.Receipt{CarrierIDs: []string{"123", "7b", "291"}, State: notify.Lost, Code: "0e7"}, true},
		"as it stands":        {message{esmClass: 4, text: []byte(appendixB)}, SameID, notify.Receipt{CarrierIDs: []string{"123"}, State: notify.Lost, Code: "0e7"}, true},
		"decimal of hex":      {message{esmClass: 4, text: []byte(appendixB)}, DecimalID, notify.Receipt{CarrierIDs: []string{"7b"}, State: notify.Lost, Code: "0e7"}, true},
		"hex of decimal":      {message{esmClass: 4, text: []byte(appendixB)}, HexID, notify.Receipt{CarrierIDs: []string{"291"}, State: notify.Lost, Code: "0e7"}, true},
		"no number":           {message{esmClass: 4, text: []byte("id:c4-x_1 stat:delivrd")}, AnyID, notify.Receipt{CarrierIDs: []string{"c4-x_1"}, State: notify.Arrived}, true},
		"no number, as hex":   {message{esmClass: 4, text: []byte("id:c4-x_1 stat:delivrd")}, HexID, notify.Receipt{State: notify.Arrived}, false},
		"TLVs win":            {message{esmClass: 4, text: []byte(appendixB), optional: []tlv{{tagReceiptedMessageID, []byte("0A1\x00")}, {tagMessageState, []byte{3}}}}, DecimalID, notify.Receipt{CarrierIDs: []string{"a1"}, State: notify.TimedOut, Code: "0e7"}, true},
		"TLVs without class":  {message{optional: []tlv{{tagReceiptedMessageID, []byte("5")}, {tagMessageState, []byte{1}}}}, AnyID, notify.Receipt{CarrierIDs: []string{"5"}, State: notify.Underway}, true},
		"a phone":             {message{esmClass: 4, source: address{1, 1, "79160000001"}, text: []byte("id:1 stat:EXPIRED")}, SameID, notify.Receipt{CarrierIDs: []string{"1"}, Phone: "+79160000001", State: notify.TimedOut}, true},
		"a state from beyond": {message{esmClass: 4, text: []byte("id:1"), optional: []tlv{{tagMessageState, []byte{9}}}}, SameID, notify.Receipt{CarrierIDs: []string{"1"}}, false},
		"no state":            {message{esmClass: 4, text: []byte("id:1 text:stat:DELIVRD")}, SameID, notify.Receipt{CarrierIDs: []string{"1"}}, false},
		"in the payload":      {message{esmClass: 4, optional: []tlv{{tagMessagePayload, []byte("id:1 stat:ACCEPTD")}}}, SameID, notify.Receipt{CarrierIDs: []string{"1"}, State: notify.Arrived}, true},
		"in UCS-2":            {message{esmClass: 4, coding: 8, text: join(ucs2Units("id:1 stat:REJECTD"))}, SameID, notify.Receipt{CarrierIDs: []string{"1"}, State: notify.Lost}, true},
	} {
		if got, ok := receipt(c.m, c.form); ok != c.ok || !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: %#v %q %v, want %v", name, got, got.CarrierIDs, ok, c.ok)
		}
	}
	if isReceipt(message{text: []byte(appendixB)}) {
		t.Error("a person's message was taken for a receipt")
	}
}

func TestValidity(t *testing.T) {
	end := time.Date(2026, 11, 21, 12, 5, 0, 0, time.FixedZone("MSK", 3*3600))
	for form, want := range map[Validity]string{RelativeValidity: "000001020304000R", AbsoluteValidity: "261121090500000+", NoValidity: ""} {
		c := &Channel{c: Config{Validity: form}}
		if got := c.validity(26*time.Hour+3*time.Minute+4*time.Second, end); got != want {
			t.Errorf("%q: %s, want %s", form, got, want)
		}
	}
}

func FuzzReadPDU(f *testing.F) {
	f.Add(pdu{command: enquireLink, seq: 1}.bytes())
	f.Add(pdu{command: deliverSM, seq: 2, body: message{esmClass: 4, text: []byte("id:1 stat:DELIVRD")}.bytes()}.bytes())
	f.Add(pdu{command: submitSMResp, seq: 3, body: []byte("1f\x00")}.bytes())
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := readPDU(bytes.NewReader(b))
		if err != nil {
			return
		}
		if got := p.bytes(); !bytes.Equal(got, b[:len(got)]) {
			t.Errorf("%x became %x", b, got)
		}
		if id, err := parseMessageID(p.body); err == nil && len(id) >= messageIDSize {
			t.Errorf("an id of %d octets", len(id))
		}
		m, err := parseMessage(p.body)
		if err != nil {
			return
		}
		again, err := parseMessage(m.bytes())
		if err != nil || !bytes.Equal(again.bytes(), p.body) {
			t.Errorf("%x became %x (%v)", p.body, m.bytes(), err)
		}
		if r, ok := receipt(m, AnyID); ok && (len(r.CarrierIDs) == 0 || len(r.CarrierIDs) > 3 || r.State == "" || slices.Contains(r.CarrierIDs, "")) {
			t.Errorf("%#v", r)
		}
	})
}

func FuzzReceiptText(f *testing.F) {
	f.Add("id:123 stat:DELIVRD err:000 text:", byte(0))
	f.Add("ID:0x1 Stat:EXPIRED Err:a", byte(8))
	f.Fuzz(func(t *testing.T, text string, coding byte) {
		for _, form := range []IDForm{AnyID, SameID, HexID, DecimalID} {
			r, ok := receipt(message{esmClass: esmReceipt, coding: coding, text: []byte(text)}, form)
			if !ok {
				continue
			}
			for _, id := range r.CarrierIDs {
				if id != canonicalID(id) || id == "" || len(id) > 80 {
					t.Errorf("%q gave the id %q", text, id)
				}
			}
			if len(r.Code) > 32 {
				t.Errorf("%q gave the code %q", text, r.Code)
			}
		}
	})
}

func FuzzEncode(f *testing.F) {
	f.Add("Доверие: вход. Код 271828.", byte(1), false)
	f.Add(strings.Repeat("€", 90), byte(255), false)
	f.Add(strings.Repeat("😀", 90), byte(0), true)
	f.Fuzz(func(t *testing.T, text string, ref byte, ucs2Only bool) {
		e, err := encode(text, ref, ucs2Only)
		if err != nil {
			if text != "" && utf8.ValidString(text) && len(text) < 10000 {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		var back strings.Builder
		for i, part := range e.parts {
			if len(part) > gsmSingle || (e.coding == codingUCS2 && len(part) > ucs2Single) {
				t.Fatalf("part %d has %d octets", i, len(part))
			}
			if e.header {
				if !bytes.Equal(part[:6], []byte{5, 0, 3, ref, byte(len(e.parts)), byte(i + 1)}) {
					t.Fatalf("header %x", part[:6])
				}
				part = part[6:]
			}
			if e.coding == codingUCS2 {
				back.WriteString(decodeUCS2(part))
			} else {
				back.WriteString(decodeGSM(part))
			}
		}
		if back.String() != text {
			t.Errorf("%q became %q", text, back.String())
		}
	})
}
