package ui

import (
	"time"

	"doverie/internal/i18n"
)

// Text is something to be read: the key of a message with its arguments, or, for what people typed or are
// called, plain words that need no translation. The zero Text says nothing.
type Text struct {
	key   string
	args  map[string]any
	plain string
	ru    string    // an inflected form of plain, for Russian sentences
	day   time.Time // a civil date with its year
}

// K is the message of a key with named arguments in pairs: K("layout.person", "Name", "Вера П.").
// An argument may be a Text itself; it is printed first.
func K(key string, args ...any) Text {
	named := make(map[string]any, len(args)/2)
	for i := 0; i+1 < len(args); i += 2 {
		if name, ok := args[i].(string); ok {
			named[name] = args[i+1]
		}
	}
	return Text{key: key, args: named}
}

// Named is K with the arguments of a map, such as those of a fault.
func Named(key string, args map[string]any) Text { return Text{key: key, args: args} }

// Plain is data shown as it is: a name, a device, a code of a region.
func Plain(words string) Text { return Text{plain: words} }

// Inflected is data that Russian sentences bend: the plain form in every other language.
func Inflected(plain, russian string) Text { return Text{plain: plain, ru: russian} }

// DateOf is the day of a moment with its year: «3 марта 2026». A bare time.Time as an argument prints
// day and clock without the year.
func DateOf(t time.Time) Text { return Text{day: t} }

// Empty reports whether there is nothing to say.
func (t Text) Empty() bool { return t.key == "" && t.plain == "" && t.day.IsZero() }

// Key gives the message key, empty for plain words: tests look at it instead of at a translation.
func (t Text) Key() string { return t.key }

// Say prints the text in the printer's language.
func (t Text) Say(p *i18n.Printer) string {
	if !t.day.IsZero() {
		return p.Date(t.day)
	}
	if t.key == "" {
		if t.ru != "" && p.Lang() == i18n.Russian {
			return t.ru
		}
		return t.plain
	}
	args := make(map[string]any, len(t.args))
	for name, value := range t.args {
		if inner, ok := value.(Text); ok {
			value = inner.Say(p)
		}
		args[name] = value
	}
	return p.Named(t.key, args)
}

// DeviceText is the device in plain words, or that it is unknown.
func DeviceText(device string) Text {
	if device == "" {
		return K("device.unknown")
	}
	return Plain(device)
}
