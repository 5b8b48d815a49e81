package i18n

import (
	"strings"
	"unicode"
)

// NameCases are the forms of a Russian name that sentences need: «Вера Петровна», «учётная запись Веры
// Петровны», «позвоните Вере Петровне», «поговорите с Верой Петровной». English texts use Nominative only.
type NameCases struct{ Nominative, Genitive, Dative, Instrumental string }

type gender int

const (
	unknownGender gender = iota
	female
	male
)

// Cases declines a given name with its patronymic (which may be empty). Gender is read from the patronymic;
// without one it is guessed from the ending. What cannot be declined safely stays as it is: «позвоните Кармен».
func Cases(given, patronymic string) NameCases {
	g := genderOf(patronymic)
	out := NameCases{Nominative: given, Genitive: given, Dative: given, Instrumental: given}
	if isCyrillic(given) {
		out = declineHyphened(given, g)
	}
	if patronymic == "" {
		return out
	}
	p := declinePatronymic(patronymic)
	return NameCases{
		out.Nominative + " " + p.Nominative, out.Genitive + " " + p.Genitive,
		out.Dative + " " + p.Dative, out.Instrumental + " " + p.Instrumental,
	}
}

func genderOf(patronymic string) gender {
	p := strings.ToLower(patronymic)
	switch {
	case strings.HasSuffix(p, "на"), strings.HasSuffix(p, "кызы"), strings.HasSuffix(p, "гызы"):
		return female
	case strings.HasSuffix(p, "ич"), strings.HasSuffix(p, "оглы"), strings.HasSuffix(p, "улы"):
		return male
	}
	return unknownGender
}

func isCyrillic(s string) bool {
	for _, r := range s {
		if r != '-' && r != ' ' && !unicode.Is(unicode.Cyrillic, r) {
			return false
		}
	}
	return s != ""
}

// declineHyphened declines each part of «Анна-Мария».
func declineHyphened(name string, g gender) NameCases {
	var out NameCases
	for i, part := range strings.Split(name, "-") {
		c := declineGiven(part, g)
		if i > 0 {
			c = NameCases{"-" + c.Nominative, "-" + c.Genitive, "-" + c.Dative, "-" + c.Instrumental}
		}
		out.Nominative += c.Nominative
		out.Genitive += c.Genitive
		out.Dative += c.Dative
		out.Instrumental += c.Instrumental
	}
	return out
}

// irregular are names whose stem changes.
var irregular = map[string]NameCases{
	"Павел": {"Павел", "Павла", "Павлу", "Павлом"},
	"Лев":   {"Лев", "Льва", "Льву", "Львом"},
	"Пётр":  {"Пётр", "Петра", "Петру", "Петром"},
	"Петр":  {"Петр", "Петра", "Петру", "Петром"},
	"Илья":  {"Илья", "Ильи", "Илье", "Ильёй"},
	"Игорь": {"Игорь", "Игоря", "Игорю", "Игорем"},
}

func declineGiven(name string, g gender) NameCases {
	if c, ok := irregular[name]; ok {
		return c
	}
	runes := []rune(name)
	if len(runes) < 2 {
		return same(name)
	}
	last, before, stem := runes[len(runes)-1], runes[len(runes)-2], string(runes[:len(runes)-1])
	with := func(genitive, dative, instrumental string) NameCases {
		return NameCases{name, stem + genitive, stem + dative, stem + instrumental}
	}
	hushing := strings.ContainsRune("жчшщц", before)
	switch {
	case last == 'я' && before == 'и':
		return with("и", "и", "ей")
	case last == 'я':
		return with("и", "е", "ей")
	case last == 'а' && hushing && before == 'ц':
		return with("ы", "е", "ей")
	case last == 'а' && hushing:
		return with("и", "е", "ей")
	case last == 'а' && strings.ContainsRune("гкх", before):
		return with("и", "е", "ой")
	case last == 'а':
		return with("ы", "е", "ой")
	case last == 'й' && g != female:
		return with("я", "ю", "ем")
	case last == 'ь' && g == male:
		return with("я", "ю", "ем")
	case last == 'ь' && g == female:
		return with("и", "и", "ью")
	case strings.ContainsRune("бвгдзклмнпрстфх", last) && g != female:
		return NameCases{name, name + "а", name + "у", name + "ом"}
	case strings.ContainsRune("жчшщц", last) && g != female:
		return NameCases{name, name + "а", name + "у", name + "ем"}
	}
	return same(name)
}

func declinePatronymic(name string) NameCases {
	switch {
	case strings.HasSuffix(name, "вич"), name == "Никитич":
		return NameCases{name, name + "а", name + "у", name + "ем"}
	case strings.HasSuffix(name, "ич"): // stressed: «Ильичом», «Кузьмичом»
		return NameCases{name, name + "а", name + "у", name + "ом"}
	case strings.HasSuffix(name, "на"):
		stem := strings.TrimSuffix(name, "а")
		return NameCases{name, stem + "ы", stem + "е", stem + "ой"}
	}
	return same(name) // «оглы», «кызы» and foreign ones do not change
}

func same(name string) NameCases { return NameCases{name, name, name, name} }
