package account

import (
	"strings"
	"unicode"
)

// ParseEmail checks an address as people type it and returns it with a lower-case domain.
// The key says what is wrong, or is "". Only the ASCII form is taken: a Cyrillic letter in an
// address is nearly always a keyboard left in the wrong layout.
func ParseEmail(text string) (address, wrong string) {
	text = bare(text)
	if text == "" {
		return "", "fault.email.missing"
	}
	for _, r := range text {
		if r > unicode.MaxASCII && unicode.IsLetter(r) {
			return "", "fault.email.cyrillic"
		}
		if r > unicode.MaxASCII || r <= ' ' || r == 0x7f {
			return "", "fault.email.invalid"
		}
	}
	local, domain, found := strings.Cut(text, "@")
	if !found || len(text) > 254 || len(local) > 64 || !goodLocal(local) {
		return "", "fault.email.invalid"
	}
	domain = strings.ToLower(domain)
	if !goodDomain(domain) {
		return "", "fault.email.invalid"
	}
	return local + "@" + domain, ""
}

// goodLocal takes the unquoted form of RFC 5322 §3.2.3 (dot-atom), which is all that people have.
func goodLocal(local string) bool {
	if local == "" || local[0] == '.' || local[len(local)-1] == '.' || strings.Contains(local, "..") {
		return false
	}
	for _, r := range local {
		if !isAlnum(r) && !strings.ContainsRune("!#$%&'*+/=?^_`{|}~-.", r) {
			return false
		}
	}
	return true
}

func goodDomain(domain string) bool {
	labels := strings.Split(domain, ".")
	if len(labels) < 2 || len(domain) > 253 {
		return false
	}
	for _, label := range labels {
		if label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' {
			return false
		}
		for _, r := range label {
			if !isAlnum(r) && r != '-' {
				return false
			}
		}
	}
	return strings.ContainsFunc(labels[len(labels)-1], unicode.IsLetter)
}

func isAlnum(r rune) bool {
	return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
}

// EmailKey is the comparison key of a parsed address: all of it in lower case.
// (The local part is case sensitive in theory and nowhere in practice.)
func EmailKey(address string) string { return strings.ToLower(address) }

// MaskEmail shows only what its owner needs to recognise it: «v•••@example.org».
func MaskEmail(address string) string {
	local, domain, found := strings.Cut(address, "@")
	if !found || local == "" {
		return "•••"
	}
	return local[:1] + "•••@" + domain
}
