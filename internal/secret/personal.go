package secret

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	minDatum    = 3 // characters of a personal datum that counts
	fewLetters  = 4 // a password with fewer letters of its own, beside the person's data, is made of that data
	fewDigits   = 6 // and fewer digits of its own, where only digits of the person were found
	phoneTail   = 7 // the subscriber's part of a phone
	phoneNation = 10
)

// madeOf reports whether a folded password is little more than the person's own data: one or several
// of the data in any order, forwards or reversed, in either alphabet or layout, with digits between.
func madeOf(word string, personal []string) bool {
	data := personalForms(personal)
	return littleElse(word, data) || littleElse(reverse(word), data)
}

// littleElse takes every datum out of the word and looks at what is left.
func littleElse(word string, data []string) bool {
	var letters, found bool
	for _, d := range data { // the longest first
		if strings.Contains(word, d) {
			word = strings.ReplaceAll(word, d, " ")
			found = true
			letters = letters || strings.ContainsFunc(d, unicode.IsLetter)
		}
	}
	if !found {
		return false
	}
	ownLetters, ownDigits := 0, 0
	for _, r := range word {
		switch {
		case unicode.IsLetter(r):
			ownLetters++
		case unicode.IsDigit(r):
			ownDigits++
		}
	}
	return ownLetters < fewLetters && (letters || ownDigits < fewDigits)
}

// personalForms lists the forms in which a person's data may stand in a password, the longest first.
func personalForms(personal []string) []string {
	var forms []string
	add := func(s string) {
		for _, f := range []string{s, transliterate(s), onLayout(s, ruKeys, enKeys), onLayout(s, enKeys, ruKeys)} {
			if utf8.RuneCountInString(f) >= minDatum {
				forms = append(forms, f)
			}
		}
	}
	for _, datum := range personal {
		datum = foldWord(datum)
		local, _, mail := strings.Cut(datum, "@")
		if mail {
			add(local)
			datum = local
		}
		for _, w := range strings.FieldsFunc(datum, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			add(w)
		}
		for _, n := range numberForms(datum, mail) {
			add(n)
		}
	}
	slices.SortFunc(forms, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	return slices.Compact(forms)
}

// numberForms reads a datum as a birth date (YYYY-MM-DD) or as a long number (phone, SNILS).
func numberForms(datum string, mail bool) []string {
	digits := strings.Map(func(r rune) rune {
		if '0' <= r && r <= '9' {
			return r
		}
		return -1
	}, datum)
	if y, m, d, ok := civilDate(datum); ok {
		yy := y[2:]
		return []string{y + m + d, d + m + y, m + d + y, d + m + yy, yy + m + d, y}
	}
	if mail || len(digits) < phoneTail {
		return nil
	}
	forms := []string{digits, digits[len(digits)-phoneTail:]}
	if len(digits) > phoneNation {
		national := digits[len(digits)-phoneNation:]
		forms = append(forms, national, "8"+national)
	}
	return forms
}

func civilDate(datum string) (year, month, day string, ok bool) {
	f := strings.Split(datum, "-")
	if len(f) != 3 || len(f[0]) != 4 || len(f[1]) != 2 || len(f[2]) != 2 {
		return "", "", "", false
	}
	for _, part := range f {
		if strings.Trim(part, "0123456789") != "" {
			return "", "", "", false
		}
	}
	return f[0], f[1], f[2], true
}
