package secret

import (
	"bytes"
	"compress/gzip"
	_ "embed"
	"io"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// What CheckPassword answers: locale keys, or the empty text for a password that may be used.
const (
	PasswordFine     = ""
	PasswordShort    = "password.too_short"
	PasswordLong     = "password.too_long"
	PasswordText     = "password.not_text"
	PasswordCommon   = "password.common"
	PasswordPersonal = "password.personal"
)

// CheckPassword applies the password rules of NIST SP 800-63B-4 §3.1.1.2: length in characters
// (lo to hi, after normalisation), no rules of composition, and a refusal of what an attacker tries
// first: common passwords (also on the other keyboard layout, transliterated, with look-alike digits,
// reversed, or with a short tail), one character or a run repeated, and the person's own data.
//
// personal holds that data as it is written: names, phone, e-mail address, birth date as YYYY-MM-DD,
// SNILS. The result is a locale key, or PasswordFine.
func CheckPassword(password string, lo, hi int, personal []string) (key string) {
	plain, err := foldPassword(password)
	if err != nil {
		if utf8.ValidString(password) {
			return PasswordLong
		}
		return PasswordText
	}
	length := utf8.RuneCount(plain)
	switch {
	case length < lo:
		return PasswordShort
	case length > hi:
		return PasswordLong
	case bytes.ContainsFunc(plain, unicode.IsControl):
		return PasswordText
	}
	folded := foldWord(string(plain))
	switch {
	case madeOf(folded, personal): // first: it is the more helpful answer where both are true
		return PasswordPersonal
	case common(folded) || repeated(folded) || sequence(folded):
		return PasswordCommon
	}
	return PasswordFine
}

// foldWord brings a word to the form of the lists: lower case, ё as е.
func foldWord(s string) string {
	return strings.ReplaceAll(strings.ToLower(s), "ё", "е")
}

//go:embed blocklist/passwords.txt.gz
var passwordsGZ []byte

//go:embed blocklist/russian.txt
var russianWords string

// blocklist unpacks the list once, sorted by bytes: under 2 MB of memory.
var blocklist = sync.OnceValue(func() []string {
	z, err := gzip.NewReader(bytes.NewReader(passwordsGZ))
	if err != nil {
		panic("secret: the embedded password list is damaged: " + err.Error())
	}
	text, err := io.ReadAll(z)
	if err != nil {
		panic("secret: the embedded password list is damaged: " + err.Error())
	}
	list := strings.Split(strings.TrimSpace(string(text)+russianWords+transliterate(russianWords)), "\n")
	slices.Sort(list)
	return slices.Compact(list)
})

const (
	minBase = 5 // characters of a common word that count when a tail was cut off
	maxTail = 4 // digits and signs cut off at the ends: "password2026", "!qwerty1"
)

// common reports whether the word, in any of the disguises people know, is on the list.
func common(word string) bool {
	for _, v := range []string{word, reverse(word)} {
		for _, form := range disguises(v) {
			if listed(form) {
				return true
			}
			base := trimEnds(form)
			if base != form && utf8.RuneCountInString(base) >= minBase && listed(base) {
				return true
			}
			if half, twice := halved(form); twice && listed(half) { // "passwordpassword"
				return true
			}
		}
	}
	return false
}

func listed(word string) bool {
	_, found := slices.BinarySearch(blocklist(), word)
	return found
}

// trimEnds cuts at most maxTail characters that are not letters off the ends, the tail first.
func trimEnds(word string) string {
	runes := []rune(word)
	cut := 0
	for cut < maxTail && len(runes) > 0 && !unicode.IsLetter(runes[len(runes)-1]) {
		runes = runes[:len(runes)-1]
		cut++
	}
	for cut < maxTail && len(runes) > 0 && !unicode.IsLetter(runes[0]) {
		runes = runes[1:]
		cut++
	}
	return string(runes)
}

func halved(word string) (half string, twice bool) {
	h := len(word) / 2
	return word[:h], h > 0 && len(word)%2 == 0 && word[:h] == word[h:]
}

// repeated reports whether the word is one or two characters again and again.
func repeated(word string) bool {
	seen := map[rune]bool{}
	for _, r := range word {
		seen[r] = true
	}
	return len(seen) <= 2
}

// sequence reports whether every character follows the one before by the same step of one:
// "12345678", "hgfedcba", «абвгдежз».
func sequence(word string) bool {
	runes := []rune(word)
	if len(runes) < 3 {
		return false
	}
	step := runes[1] - runes[0]
	for i := 2; i < len(runes); i++ {
		if runes[i]-runes[i-1] != step {
			return false
		}
	}
	return step == 1 || step == -1
}

func reverse(word string) string {
	runes := []rune(word)
	slices.Reverse(runes)
	return string(runes)
}

// disguises returns the word as typed, on the other keyboard layout, transliterated, and each with
// look-alike digits and signs read as letters.
func disguises(word string) []string {
	forms := []string{word, onLayout(word, ruKeys, enKeys), onLayout(word, enKeys, ruKeys), transliterate(word)}
	for _, f := range forms {
		if l := lookalikes.Replace(f); l != f {
			forms = append(forms, l)
		}
	}
	return forms
}

var lookalikes = strings.NewReplacer("0", "o", "1", "i", "3", "e", "4", "a", "5", "s", "7", "t", "@", "a", "$", "s", "!", "i")

// The same keys on the two layouts of a Russian keyboard, lower case.
var (
	enKeys = []rune("qwertyuiop[]asdfghjkl;'zxcvbnm,.`")
	ruKeys = []rune("йцукенгшщзхъфывапролджэячсмитьбюе") // the last key is ё, folded to е
)

// onLayout rewrites what was typed on the keys `from` as the same keys give it on `to`.
func onLayout(word string, from, to []rune) string {
	return strings.Map(func(r rune) rune {
		if i := slices.Index(from, r); i >= 0 {
			return to[i]
		}
		return r
	}, word)
}

// latin is the transliteration people use in addresses and passwords (close to ICAO Doc 9303).
var latin = strings.NewReplacer(
	"а", "a", "б", "b", "в", "v", "г", "g", "д", "d", "е", "e", "ж", "zh", "з", "z", "и", "i", "й", "y", "к", "k",
	"л", "l", "м", "m", "н", "n", "о", "o", "п", "p", "р", "r", "с", "s", "т", "t", "у", "u", "ф", "f", "х", "kh",
	"ц", "ts", "ч", "ch", "ш", "sh", "щ", "shch", "ъ", "", "ы", "y", "ь", "", "э", "e", "ю", "yu", "я", "ya",
)

func transliterate(word string) string { return latin.Replace(word) }
