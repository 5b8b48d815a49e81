package app

import (
	"strings"
	"testing"
	"unicode"

	"doverie/internal/account"
	"doverie/internal/fault"
)

// An invitation keeps of what was typed a key, a number to be hashed and a label; the label gives nobody away.
func FuzzParseInvited(f *testing.F) {
	for _, pair := range [][2]string{
		{"Алексей", "8 (913) 123-45-67"}, {"алёна", "+7 913 123-45-67"}, {"Алена", "9131234567"}, {"Анна-Мария", "89131234567"}, {"Aлексей", "89131234567"}, {"Але\u202eксей", "89131234567"}, {"", ""}, {"+79131234567", "Алексей"},
		{"Алексей Петрович", "\u202a+7 913 123-45-67\u202c"}, {"Алексей", "+7 9l3 123-45-67"},
	} {
		f.Add(pair[0], pair[1])
	}
	f.Fuzz(func(t *testing.T, name, phone string) {
		key, e164, label, err := parseInvited(name, phone)
		if err != nil {
			if !fault.Is(err, fault.Invalid) || len(fault.Of(err).Fields) == 0 || key+e164+label != "" {
				t.Fatalf("%q, %q: %v", name, phone, err)
			}
			return
		}
		if key == "" || account.FoldName(key) != key || strings.ContainsAny(key, "ёЁ -") {
			t.Fatalf("%q has the key %q", name, key)
		}
		if number, _ := account.ParsePhone(phone); number != e164 || strings.Contains(label, e164[2:]) {
			t.Fatalf("%q became %q with the label %q", phone, e164, label)
		}
		for _, r := range label {
			if unicode.Is(unicode.Cf, r) || unicode.IsControl(r) {
				t.Fatalf("%q, %q: label %q", name, phone, label)
			}
		}
		// Whoever types the same name otherwise means the same person.
		for _, other := range []string{strings.ToUpper(name), strings.ToLower(name), " " + name + " "} {
			if again, _, _, err := parseInvited(other, e164); err == nil && again != key {
				t.Fatalf("%q has the key %q, and %q has %q", name, key, other, again)
			}
		}
	})
}
