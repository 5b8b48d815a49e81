package smpp

import (
	"encoding/binary"
	"errors"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// data_coding (§5.2.19).
const (
	codingDefault byte = 0 // the centre's default alphabet: GSM 03.38, one septet an octet
	codingUCS2    byte = 8
)

// gsmTable is the GSM 03.38 default alphabet in the order of its codes (3GPP TS 23.038 §6.2.1); 0x1B is the escape.
const gsmTable = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ" +
	" !\"#¤%&'()*+,-./0123456789:;<=>?" +
	"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§" +
	"¿abcdefghijklmnopqrstuvwxyzäöñüà"

const gsmEscape = 0x1B

// gsmExtension is the extension table (§6.2.1.1), reached by the escape.
var gsmExtension = map[rune]byte{
	'\f': 0x0A, '^': 0x14, '{': 0x28, '}': 0x29, '\\': 0x2F, '[': 0x3C, '~': 0x3D, ']': 0x3E, '|': 0x40, '€': 0x65,
}

var gsmCodes = func() map[rune]byte {
	codes := make(map[rune]byte, 128)
	var code byte
	for _, r := range gsmTable {
		if code != gsmEscape {
			codes[r] = code
		}
		code++
	}
	return codes
}()

// Octets of short_message without and beside a user data header of six octets: 160 and 153 septets, which
// travel as octets, and 70 and 67 UTF-16 units.
const (
	gsmSingle, gsmPart   = 160, 153
	ucs2Single, ucs2Part = 140, 134
	maxParts             = 255
)

var (
	errNotText  = errors.New("smpp: the text is empty or is not UTF-8")
	errAllParts = errors.New("smpp: the text is too long for one concatenated SMS")
)

// encoded is a text on its way: one short_message a part, with its header when there are several.
type encoded struct {
	coding byte
	header bool // every part begins with a user data header
	parts  [][]byte
}

// encode writes the text in GSM 03.38 when that can hold it (and ucs2Only is false), otherwise in UCS-2, and cuts it
// into parts that share the reference number. No character is torn.
func encode(text string, ref byte, ucs2Only bool) (encoded, error) {
	if text == "" || !utf8.ValidString(text) {
		return encoded{}, errNotText
	}
	e := encoded{coding: codingDefault}
	units, ok := gsmUnits(text)
	single, part := gsmSingle, gsmPart
	if !ok || ucs2Only {
		e.coding, units = codingUCS2, ucs2Units(text)
		single, part = ucs2Single, ucs2Part
	}
	total := 0
	for _, u := range units {
		total += len(u)
	}
	if total <= single {
		e.parts = [][]byte{join(units)}
		return e, nil
	}
	e.header = true
	for len(units) > 0 {
		n, size := 0, 0
		for n < len(units) && size+len(units[n]) <= part {
			size += len(units[n])
			n++
		}
		e.parts = append(e.parts, join(units[:n]))
		units = units[n:]
	}
	if len(e.parts) > maxParts {
		return encoded{}, errAllParts
	}
	for i, p := range e.parts {
		// 3GPP TS 23.040 §9.2.3.24.1: header length, element 0, its length, reference, parts, this part.
		e.parts[i] = append([]byte{5, 0, 3, ref, byte(len(e.parts)), byte(i + 1)}, p...) //nolint:gosec // at most maxParts
	}
	return e, nil
}

func join(units [][]byte) []byte {
	var b []byte
	for _, u := range units {
		b = append(b, u...)
	}
	return b
}

func gsmUnits(text string) ([][]byte, bool) {
	var out [][]byte
	for _, r := range text {
		if code, ok := gsmCodes[r]; ok {
			out = append(out, []byte{code})
		} else if code, ok := gsmExtension[r]; ok {
			out = append(out, []byte{gsmEscape, code})
		} else {
			return nil, false
		}
	}
	return out, true
}

func ucs2Units(text string) [][]byte {
	var out [][]byte
	for _, r := range text {
		var b []byte
		for _, u := range utf16.AppendRune(nil, r) {
			b = binary.BigEndian.AppendUint16(b, u)
		}
		out = append(out, b)
	}
	return out
}

// decodeGSM is the way back, for texts of receipts; an unknown code becomes U+FFFD.
func decodeGSM(b []byte) string {
	table := []rune(gsmTable)
	var out strings.Builder
	for i := 0; i < len(b); i++ {
		switch {
		case b[i] == gsmEscape && i+1 < len(b):
			i++
			found := utf8.RuneError
			for r, code := range gsmExtension {
				if code == b[i] {
					found = r
				}
			}
			out.WriteRune(found)
		case b[i] < 128 && b[i] != gsmEscape:
			out.WriteRune(table[b[i]])
		default:
			out.WriteRune(utf8.RuneError)
		}
	}
	return out.String()
}

func decodeUCS2(b []byte) string {
	units := make([]uint16, 0, len(b)/2)
	for ; len(b) >= 2; b = b[2:] {
		units = append(units, binary.BigEndian.Uint16(b))
	}
	return string(utf16.Decode(units))
}
