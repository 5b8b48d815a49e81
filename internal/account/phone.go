package account

import (
	"strings"
	"unicode"

	"github.com/nyaruka/phonenumbers"
)

// HomeRegion is where a number without a country code belongs (ISO 3166 alpha-2).
const HomeRegion = "RU"

// identifierMax bounds every typed identifier, bytes: no honest one comes near.
const identifierMax = 320

// ParsePhone reads a phone number as people write it («8 (913) 123-45-67», «+7 913 123 45 67»,
// «9131234567») and returns E.164. The key says what is wrong, or is "".
// Only numbers that can receive an SMS are good.
func ParsePhone(text string) (e164, wrong string) {
	if text = bare(text); text == "" {
		return "", "fault.phone.missing"
	}
	if len(text) > identifierMax {
		return "", "fault.phone.invalid"
	}
	for _, r := range text {
		// Letters would be read as a vanity number or an extension, which nobody means here.
		if !unicode.IsDigit(r) && !strings.ContainsRune("+()-. /\u00a0\u202f\u2010\u2011\u2012\u2013\u2014", r) {
			return "", "fault.phone.characters"
		}
	}
	n, err := phonenumbers.Parse(text, HomeRegion)
	if err != nil || !phonenumbers.IsValidNumber(n) {
		return "", "fault.phone.invalid"
	}
	switch phonenumbers.GetNumberType(n) {
	case phonenumbers.MOBILE, phonenumbers.FIXED_LINE_OR_MOBILE:
		return phonenumbers.Format(n, phonenumbers.E164), ""
	default:
		return "", "fault.phone.not_mobile"
	}
}

// MaskPhone shows only what its owner needs to recognise it: «+7 ••• •••-45-67». What is not E.164 is wholly masked.
func MaskPhone(e164 string) string {
	const dots = "•••"
	n, err := phonenumbers.Parse(e164, "ZZ")
	if err != nil || len(e164) < 8 {
		return dots
	}
	country := phonenumbers.Format(n, phonenumbers.E164)
	national := phonenumbers.GetNationalSignificantNumber(n)
	country = strings.TrimSuffix(country, national)
	const space = "\u00a0" // a number stays on one line
	if len(national) < 6 {
		return country + space + dots
	}
	last := national[len(national)-4:]
	return country + space + dots + space + dots + "-" + last[:2] + "-" + last[2:]
}

// ShowPhone is the number for its own owner: «+7 913 123-45-67».
func ShowPhone(e164 string) string {
	n, err := phonenumbers.Parse(e164, "ZZ")
	if err != nil {
		return e164
	}
	return phonenumbers.Format(n, phonenumbers.INTERNATIONAL)
}
