package notify

import (
	"strings"
	"unicode/utf16"
)

// The GSM 03.38 alphabet (3GPP TS 23.038 §6.2.1): one septet each, and the extension table: two septets each.
const (
	gsmBasic = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
		"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	gsmExtended = "\f^{}\\[~]|€"
)

// Room in one SMS, alone and as a part of a longer one (which loses six octets to the concatenation header).
const (
	gsmSingle  = 160 // septets
	gsmPart    = 153
	ucs2Single = 70 // UTF-16 code units
	ucs2Part   = 67
)

// maxSegments is the longest SMS that is sent (DOMAIN §11).
const maxSegments = 2

// Segments counts the parts an SMS of that text is sent in, and reports whether it needs UCS-2 (any letter
// outside the GSM alphabet, so every Russian text). The empty text takes one part. A character that two
// units encode (a surrogate pair, or an escape and its letter) is never torn between two parts.
func Segments(text string) (n int, ucs2 bool) {
	sizes := make([]int, 0, len(text))
	for _, r := range text {
		switch {
		case strings.ContainsRune(gsmBasic, r):
			sizes = append(sizes, 1)
		case strings.ContainsRune(gsmExtended, r):
			sizes = append(sizes, 2)
		default:
			ucs2 = true
		}
	}
	if !ucs2 {
		return parts(sizes, gsmSingle, gsmPart), false
	}
	sizes = sizes[:0]
	for _, r := range text {
		sizes = append(sizes, max(utf16.RuneLen(r), 1))
	}
	return parts(sizes, ucs2Single, ucs2Part), true
}

func parts(sizes []int, single, part int) int {
	total := 0
	for _, s := range sizes {
		total += s
	}
	if total <= single {
		return 1
	}
	n, used := 1, 0
	for _, s := range sizes {
		if used+s > part {
			n, used = n+1, 0
		}
		used += s
	}
	return n
}
