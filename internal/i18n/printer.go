package i18n

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	goi18n "github.com/nicksnyder/go-i18n/v2/i18n"
	"github.com/nicksnyder/go-i18n/v2/i18n/template"
)

// Printer prints messages in one language and one time zone.
type Printer struct {
	catalogue *Catalogue
	lang      string
	zone      *time.Location
}

// parser refuses a message whose argument was not given, instead of printing "<no value>".
var parser = &template.TextParser{Option: "missingkey=error"}

var errOddArgs = errors.New("arguments must be pairs of a name and a value")

// Lang is the printer's language code.
func (p *Printer) Lang() string { return p.lang }

// Zone is where the printer's clock hangs.
func (p *Printer) Zone() *time.Location { return p.zone }

// T prints the message with named arguments in pairs: T("layout.person", "Name", "Вера П.").
// An argument called "Count" with a whole number also chooses the plural form. A time.Time is printed as
// DateTime, a time.Duration in words.
func (p *Printer) T(key string, args ...any) string {
	named, err := pairs(args)
	if err != nil {
		return p.miss(key, err)
	}
	return p.Named(key, named)
}

// N prints the plural form for count; the message may use {{.Count}}.
func (p *Printer) N(key string, count int, args ...any) string {
	named, err := pairs(args)
	if err != nil {
		return p.miss(key, err)
	}
	named["Count"] = count
	return p.Named(key, named)
}

// Named is T with the arguments of a map, such as fault.Args.
func (p *Printer) Named(key string, args map[string]any) string {
	data := make(map[string]any, len(args))
	var plural any
	for name, value := range args {
		switch v := value.(type) {
		case time.Time:
			data[name] = p.DateTime(v)
		case time.Duration:
			data[name] = p.Duration(v)
		default:
			data[name] = value
		}
		if name == "Count" {
			if n := reflect.ValueOf(value); n.CanInt() {
				plural = n.Int()
			}
		}
	}
	src := p.catalogue.sources[p.lang][key]
	if !src.Plural {
		plural = nil // a message without forms may show a count as it is
	}
	for _, name := range src.optional {
		if _, given := data[name]; !given {
			data[name] = "" // the sentence that needs it is left out
		}
	}
	s, err := p.catalogue.localizers[p.lang].Localize(&goi18n.LocalizeConfig{
		MessageID: key, TemplateData: data, PluralCount: plural, TemplateParser: parser,
	})
	if err != nil {
		return p.miss(key, err)
	}
	return s
}

// Has reports whether the message exists in the printer's language.
func (p *Printer) Has(key string) bool { return p.catalogue.Has(p.lang, key) }

func (p *Printer) miss(key string, why error) string {
	if p.catalogue.Missing != nil {
		p.catalogue.Missing(p.lang, key, why)
	}
	return "⟦" + key + "⟧"
}

func pairs(args []any) (map[string]any, error) {
	named := make(map[string]any, len(args)/2+1)
	if len(args)%2 != 0 {
		return nil, errOddArgs
	}
	for i := 0; i < len(args); i += 2 {
		name, ok := args[i].(string)
		if !ok {
			return nil, fmt.Errorf("%w: argument %d is no name", errOddArgs, i)
		}
		named[name] = args[i+1]
	}
	return named, nil
}

// MaskPhone shows of an E.164 number only what its owner recognises: «+7 ••• •••-45-67».
func MaskPhone(e164 string) string {
	d := digits(e164)
	if len(d) < 7 {
		return "•••"
	}
	end := d[len(d)-4:]
	if len(d) == 11 && d[0] == '7' {
		return "+7\u00a0•••\u00a0•••-" + end[:2] + "-" + end[2:]
	}
	return "+•••\u00a0•••-" + end[:2] + "-" + end[2:]
}

// Phone groups an E.164 number for reading: «+7 916 123-45-67». A foreign number stays in its plain form.
func Phone(e164 string) string {
	d := digits(e164)
	if len(d) == 11 && d[0] == '7' {
		return "+7\u00a0" + d[1:4] + "\u00a0" + d[4:7] + "-" + d[7:9] + "-" + d[9:]
	}
	if d == "" {
		return ""
	}
	return "+" + d
}

func digits(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, s)
}
