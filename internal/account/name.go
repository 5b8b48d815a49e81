package account

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"doverie/internal/fault"
)

// NameMax is the longest single name, in characters; the longest real ones are about half of it.
const NameMax = 60

type script int

const (
	noScript script = iota
	cyrillic
	latin
)

// CleanName checks one name (family, given or patronymic) as a person types it, and returns it
// composed (NFC), trimmed, with single spaces and plain hyphens. It is never re-cased.
// The returned fault field is nil when the name is good; an empty name is good only when optional.
//
// One name has one script, Cyrillic or Latin: a Latin "a" in a Cyrillic name looks the same and
// compares differently. Control, invisible and direction marks are refused, not dropped:
// they do not come from a keyboard.
func CleanName(field, text string, optional bool) (string, *fault.Field) {
	bad := func(key string) (string, *fault.Field) { return "", &fault.Field{Name: field, Key: key} }
	if !utf8.ValidString(text) {
		return bad("fault.name.characters")
	}
	if len(text) > 8*NameMax {
		return "", &fault.Field{Name: field, Key: "fault.name.long", Args: fault.Args{"Max": NameMax}}
	}
	var b strings.Builder
	seen, gap := noScript, false
	for _, r := range norm.NFC.String(text) {
		switch {
		case r == ' ' || r == '\u00a0' || r == '\u202f':
			gap = b.Len() > 0
			continue
		case isHyphen(r):
			r, gap = '-', false
		case r == '\'' || r == '\u2019' || r == '\u02bc':
			r = '\u2019'
		case isLetterOf(r, cyrillic):
			if seen == latin {
				return bad("fault.name.mixed")
			}
			seen = cyrillic
		case isLetterOf(r, latin):
			if seen == cyrillic {
				return bad("fault.name.mixed")
			}
			seen = latin
		case unicode.Is(unicode.Cf, r) || unicode.IsControl(r):
			return bad("fault.name.invisible")
		default:
			return bad("fault.name.characters")
		}
		if gap && !strings.HasSuffix(b.String(), "-") {
			b.WriteByte(' ')
		}
		gap = false
		b.WriteRune(r)
	}
	name := b.String()
	switch {
	case name == "" && optional:
		return "", nil
	case name == "" && field == "family": // named: in a summary of several empty fields «this field» leads nowhere
		return bad("fault.family.missing")
	case name == "":
		return bad("fault.name.missing")
	case utf8.RuneCountInString(name) > NameMax:
		return "", &fault.Field{Name: field, Key: "fault.name.long", Args: fault.Args{"Max": NameMax}}
	case seen == noScript, strings.HasPrefix(name, "-"), strings.HasSuffix(name, "-"), strings.Contains(name, "--"):
		return bad("fault.name.characters")
	}
	return name, nil
}

func isHyphen(r rune) bool {
	return r == '-' || r == '\u2010' || r == '\u2011' || r == '\u2012' || r == '\u2013' || r == '\u2014' || r == '\u2212'
}

// isLetterOf limits both scripts to blocks that real names use, which leaves out look-alikes
// such as full-width and mathematical letters.
func isLetterOf(r rune, s script) bool {
	if !unicode.IsLetter(r) {
		return false
	}
	switch s {
	case cyrillic:
		return r >= 0x0400 && r <= 0x052f
	case latin:
		return r < 0x0250 && unicode.Is(unicode.Latin, r) || r >= 0x1e00 && r <= 0x1eff
	case noScript:
	}
	return false
}

// FoldName is the comparison key of a name: composed, lower case, ё as е, without spaces,
// hyphens and apostrophes. «Анна-Мария», «анна мария» and «АННА МАРИЯ» are one key.
func FoldName(name string) string {
	var b strings.Builder
	for _, r := range norm.NFC.String(name) {
		switch {
		case unicode.IsSpace(r), isHyphen(r), r == '\'', r == '\u2019', r == '\u02bc':
			continue
		case r == 'ё' || r == 'Ё':
			b.WriteRune('е')
		default:
			b.WriteRune(unicode.ToLower(r))
		}
	}
	return b.String()
}

// FullName is «Петрова Вера Ивановна», without gaps where a part is missing.
func (a Account) FullName() string {
	return strings.Join(strings.Fields(a.Family+" "+a.Given+" "+a.Patronymic), " ")
}

// PoliteName is how to speak to the person: «Вера Петровна», or «Вера» without a patronymic.
func (a Account) PoliteName() string {
	return strings.TrimSpace(a.Given + " " + a.Patronymic)
}

// InitialName is how a second person may see this one: «Вера П.», the letter being the family name's.
func (a Account) InitialName() string {
	r, size := utf8.DecodeRuneInString(a.Family)
	if size == 0 || r == utf8.RuneError {
		return a.Given
	}
	return a.Given + " " + string(unicode.ToUpper(r)) + "."
}
