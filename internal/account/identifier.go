package account

import (
	"regexp"
	"strings"
	"unicode"
)

// IdentifierKind says what a person typed to say who he is.
type IdentifierKind string

// The kinds of identifiers.
const (
	ByPhone IdentifierKind = "phone"
	ByEmail IdentifierKind = "email"
	BySNILS IdentifierKind = "snils"
)

// Identifier is a parsed identifier: E.164, an e-mail key, or 11 digits.
type Identifier struct {
	Kind  IdentifierKind
	Value string
}

// String is a stable form for keyed hashes and rate limits; it never goes into a log.
func (i Identifier) String() string { return string(i.Kind) + ":" + i.Value }

var snilsForm = regexp.MustCompile(`^\d{3}-\d{3}-\d{3}[ -]?\d{2}$`)

// ParseIdentifier reads a phone, an e-mail or a SNILS from one field. The key says what is wrong, or is "".
//
// Eleven bare digits may be either number; a mobile phone wins when it is one, because no SNILS
// that begins with 79 or 89 has been issued yet, and phones are what people type.
func ParseIdentifier(text string) (id Identifier, wrong string) {
	text = bare(text)
	switch {
	case text == "":
		return Identifier{}, "fault.identifier.missing"
	case len(text) > identifierMax:
		return Identifier{}, "fault.identifier.unreadable"
	case strings.Contains(text, "@"):
		address, wrong := ParseEmail(text)
		if wrong != "" {
			return Identifier{}, wrong
		}
		return Identifier{ByEmail, EmailKey(address)}, ""
	case strings.HasPrefix(text, "+"):
		return phoneIdentifier(text)
	case snilsForm.MatchString(text):
		return snilsIdentifier(text)
	}
	if id, wrong := phoneIdentifier(text); wrong == "" {
		return id, ""
	}
	if id, wrong := snilsIdentifier(text); wrong == "" {
		return id, ""
	}
	digits := 0
	for _, r := range text {
		if r >= '0' && r <= '9' {
			digits++
		}
	}
	switch {
	case digits == 11 && (text[0] == '8' || text[0] == '7'), digits == 10:
		_, wrong = phoneIdentifier(text)
	case digits == 11:
		_, wrong = snilsIdentifier(text)
	default:
		wrong = "fault.identifier.unreadable"
	}
	return Identifier{}, wrong
}

// bare trims an identifier and drops the invisible direction marks that telephones and messengers
// put around a copied number. What is left is checked sign by sign, so nothing can hide behind them.
func bare(text string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.Is(unicode.Cf, r) {
			return -1
		}
		return r
	}, text))
}

func phoneIdentifier(text string) (Identifier, string) {
	phone, wrong := ParsePhone(text)
	if wrong != "" {
		return Identifier{}, wrong
	}
	return Identifier{ByPhone, phone}, ""
}

func snilsIdentifier(text string) (Identifier, string) {
	digits, wrong := ParseSNILS(text)
	if wrong != "" {
		return Identifier{}, wrong
	}
	return Identifier{BySNILS, digits}, ""
}
