package i18n_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"doverie/internal/i18n"
)

// A name is never lost in a sentence: each case is a name, and the nominative is the person's own.
func FuzzCases(f *testing.F) {
	for _, pair := range [][2]string{
		{"Вера", "Петровна"}, {"Пётр", "Ильич"}, {"Петр", "Лукич"}, {"Алёна", ""}, {"Анна-Мария", "Фёдоровна"}, {"Лев", "Львович"}, {"Илья", ""}, {"Кармен", ""}, {"Мамед", "Гасан оглы"}, {"Айгуль", "Ахмет кызы"},
		{"Ия", ""}, {"ь", "ич"}, {"-", "-"}, {"Zoë", ""}, {"Фёкла", "Кузьминична"}, {"ЛЮБОВЬ", "НИКИТИЧНА"}, {"Ё", ""}, {"", ""}, {"Ве\u202eра", ""},
	} {
		f.Add(pair[0], pair[1])
	}
	f.Fuzz(func(t *testing.T, given, patronymic string) {
		if !utf8.ValidString(given) || !utf8.ValidString(patronymic) {
			return // names were cleaned before they come here
		}
		whole := given
		if patronymic != "" {
			whole += " " + patronymic
		}
		c := i18n.Cases(given, patronymic)
		if c.Nominative != whole {
			t.Fatalf("%q is called %q", whole, c.Nominative)
		}
		for _, one := range []string{c.Genitive, c.Dative, c.Instrumental} {
			first, _ := utf8.DecodeRuneInString(whole)
			if begins, _ := utf8.DecodeRuneInString(one); !utf8.ValidString(one) || begins != first && first != 'П' || (one == "") != (whole == "") {
				t.Fatalf("%q is declined as %q", whole, one)
			}
			if strings.Count(one, "-") != strings.Count(whole, "-") || strings.Count(one, " ") != strings.Count(whole, " ") {
				t.Fatalf("%q is declined as %q", whole, one)
			}
		}
	})
}

// A phone on a page shows its owner's digits, and masked no more than country and the last four.
func FuzzPhones(f *testing.F) {
	for _, phone := range []string{"+79161234567", "+375291234567", "+1", "", "8 (913) 123-45-67", "+7916123456\u0667", "\u202e+79161234567"} {
		f.Add(phone)
	}
	f.Fuzz(func(t *testing.T, phone string) {
		digits := func(s string) string {
			return strings.Map(func(r rune) rune {
				if r < '0' || r > '9' {
					return -1
				}
				return r
			}, s)
		}
		own := digits(phone)
		if got := digits(i18n.Phone(phone)); got != own {
			t.Fatalf("%q is shown as %q", phone, i18n.Phone(phone))
		}
		mask := i18n.MaskPhone(phone)
		shown := strings.TrimPrefix(digits(mask), "7")
		if len(shown) > 4 && digits(mask) != "7"+own[len(own)-4:] || len(own) < 7 && digits(mask) != "" || !strings.HasSuffix(own, digits(mask)[max(0, len(digits(mask))-4):]) {
			t.Fatalf("%q is masked as %q", phone, mask)
		}
	})
}
