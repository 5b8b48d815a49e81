package i18n

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"sort"
	"time"

	goi18n "github.com/nicksnyder/go-i18n/v2/i18n"
	"golang.org/x/text/language"
)

//go:embed locales
var localeFiles embed.FS

// The languages of the service. Default is what a reader gets who asked for neither.
const (
	Russian = "ru"
	English = "en"
	Default = Russian
)

// Languages lists every language, the default first.
func Languages() []string { return []string{Russian, English} }

// Known reports whether lang is one of Languages.
func Known(lang string) bool { return lang == Russian || lang == English }

// Catalogue is every message of every language, parsed once.
type Catalogue struct {
	localizers map[string]*goi18n.Localizer
	sources    map[string]map[string]Source

	// Missing is told about a message that could not be printed, with the reason. It may be called from
	// many goroutines. Nil means: nobody wants to know.
	Missing func(lang, key string, why error)
}

// Source is where a message was written and what it says, by plural form ("other" when it has none).
type Source struct {
	File   string
	Forms  map[string]string
	Plural bool

	optional []string // arguments that only a condition asks for: {{if .Until}} ... {{end}}
}

var conditional = regexp.MustCompile(`\{\{if \.(\w+)\}\}`)

// Load reads the embedded messages. An error names the file and the key that cannot be used.
func Load() (*Catalogue, error) { return load(localeFiles) }

func load(files fs.FS) (*Catalogue, error) {
	c := &Catalogue{localizers: map[string]*goi18n.Localizer{}, sources: map[string]map[string]Source{}}
	for _, lang := range Languages() {
		// One bundle a language: a key that one language lacks must not silently speak the other.
		tag := language.MustParse(lang)
		bundle := goi18n.NewBundle(tag)
		bundle.RegisterUnmarshalFunc("json", json.Unmarshal)
		names, err := fs.Glob(files, path.Join("locales", lang, "*.json"))
		if err != nil {
			return nil, fmt.Errorf("i18n: list %s: %w", lang, err)
		}
		sort.Strings(names)
		c.sources[lang] = map[string]Source{}
		for _, name := range names {
			if err := c.add(bundle, tag, files, name); err != nil {
				return nil, err
			}
		}
		c.localizers[lang] = goi18n.NewLocalizer(bundle, lang)
	}
	return c, nil
}

// add reads one file. The flat form is law here (no nesting but plural forms), so that a key can be searched for.
func (c *Catalogue) add(bundle *goi18n.Bundle, tag language.Tag, files fs.FS, name string) error {
	data, err := fs.ReadFile(files, name)
	if err != nil {
		return fmt.Errorf("i18n: %w", err)
	}
	var raw map[string]any
	if err := json.Unmarshal(data, &raw); err != nil {
		return fmt.Errorf("i18n: %s: %w", name, err)
	}
	known := c.sources[tag.String()]
	messages := make([]*goi18n.Message, 0, len(raw))
	for key, value := range raw {
		if other, twice := known[key]; twice {
			return fmt.Errorf("i18n: %s: key %q is already in %s", name, key, other.File)
		}
		src := Source{File: name, Forms: map[string]string{}}
		switch v := value.(type) {
		case string:
			src.Forms["other"] = v
		case map[string]any:
			src.Plural = true
			for form, text := range v {
				s, ok := text.(string)
				if !ok || !slices.Contains([]string{"one", "few", "many", "other"}, form) {
					return fmt.Errorf("i18n: %s: key %q: %q is not a plural form with a text", name, key, form)
				}
				src.Forms[form] = s
			}
		default:
			return fmt.Errorf("i18n: %s: key %q is neither a text nor plural forms", name, key)
		}
		for _, text := range src.Forms {
			for _, m := range conditional.FindAllStringSubmatch(text, -1) {
				src.optional = append(src.optional, m[1])
			}
		}
		known[key] = src
		messages = append(messages, &goi18n.Message{
			ID: key, One: src.Forms["one"], Few: src.Forms["few"], Many: src.Forms["many"], Other: src.Forms["other"],
		})
	}
	if err := bundle.AddMessages(tag, messages...); err != nil {
		return fmt.Errorf("i18n: %s: %w", name, err)
	}
	return nil
}

// Has reports whether the language has that key.
func (c *Catalogue) Has(lang, key string) bool {
	_, ok := c.sources[lang][key]
	return ok
}

// Sources gives every message of the language as it was written, for tests and for checks of readability.
func (c *Catalogue) Sources(lang string) map[string]Source { return c.sources[lang] }

// Printer returns the voice for one language, showing times in the zone. An unknown language speaks Default;
// a nil zone is UTC. Printers are safe for concurrent use and cheap to keep.
func (c *Catalogue) Printer(lang string, zone *time.Location) *Printer {
	if !Known(lang) {
		lang = Default
	}
	if zone == nil {
		zone = time.UTC
	}
	return &Printer{catalogue: c, lang: lang, zone: zone}
}
