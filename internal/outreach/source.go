package outreach

import (
	_ "embed"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"sync"
	"time"

	"github.com/BurntSushi/toml"
)

// The languages of the source text.
const (
	Russian = "ru"
	English = "en"
)

// Words are one thing said in each language.
type Words map[string]string

// Source is the one source text of the campaign. It is read only.
type Source struct {
	Version    string              `toml:"version"`
	Day        time.Time           `toml:"date"`    // of this version
	Landing    string              `toml:"landing"` // the official address in full
	Hosts      []string            `toml:"hosts"`   // official host names, without www
	Letter     []string            `toml:"letter"`  // paragraphs of the covering letter
	Reply      Reply               `toml:"reply"`
	Statements []Statement         `toml:"statement"`
	Dangers    []Danger            `toml:"danger"`
	Labels     map[string]Labels   `toml:"labels"` // by language
	Forms      map[string][]string `toml:"forms"`  // kind of published text → statements it must contain

	sharedOnce sync.Once
	large      largePrint
	shared     []File // pictures that are the same for every organisation
	sharedQR   []File // those with a QR code, without a placement code
	sharedBase sheetBase
	sharedErr  error
}

// Reply holds the words of the letters that close a campaign.
type Reply struct {
	Subject  string   `toml:"subject"`
	Summary  []string `toml:"summary"`
	Own      []string `toml:"own"`
	List     string   `toml:"list"`
	None     string   `toml:"none"`
	Photo    string   `toml:"photo"`
	Position string   `toml:"position"`
	Blank    string   `toml:"blank"`
}

// Statement is one thing that the campaign says.
type Statement struct {
	ID        string              `toml:"id"`
	Name      Words               `toml:"name"`
	Text      Words               `toml:"text"`
	Short     Words               `toml:"short"`
	Accept    map[string][]string `toml:"accept"`    // other words that say the same, by language
	Addresses []string            `toml:"addresses"` // must stand beside it
	Facts     []Fact              `toml:"facts"`

	variants map[string][][]string // by language: its texts as folded words
}

// Fact is what makes a statement true: a text that lost it has drifted in substance, not in wording.
type Fact struct {
	Name Words  `toml:"name"`
	RU   string `toml:"ru"`
	EN   string `toml:"en"`

	patterns map[string]*regexp.Regexp
}

// Danger is what must never be published.
type Danger struct {
	ID      string   `toml:"id"`
	Why     Words    `toml:"why"`
	Find    []string `toml:"find"`
	Unless  []string `toml:"unless"`
	Negated bool     `toml:"negated"` // harmless after "not"

	find, unless []*regexp.Regexp
}

// Labels stand on the sheets beside the statements.
type Labels struct {
	Title    string `toml:"title"`
	Slogan   string `toml:"slogan"`
	Call     string `toml:"call"`
	Who      string `toml:"who"`
	How      string `toml:"how"`
	Recovery string `toml:"recovery"`
	Never    string `toml:"never"`
	Official string `toml:"official"`
	Scan     string `toml:"scan"`
	Type     string `toml:"type"`
	From     string `toml:"from"`
	Steps    string `toml:"steps"`
	Cut      string `toml:"cut"`
}

//go:embed source.toml
var sourceFile string

var loadSource = sync.OnceValues(func() (*Source, error) { return readSource(sourceFile) })

// LoadSource returns the source text that this program was built with.
func LoadSource() (*Source, error) { return loadSource() }

// readSource reads and checks a source text: unknown keys, missing languages and broken patterns are errors.
func readSource(text string) (*Source, error) {
	var s Source
	meta, err := toml.Decode(text, &s)
	if err != nil {
		return nil, fmt.Errorf("source text: %w", err)
	}
	if unknown := meta.Undecoded(); len(unknown) > 0 {
		return nil, fmt.Errorf("source text: unknown keys %v", unknown)
	}
	if _, err := url.Parse(s.Landing); err != nil {
		return nil, fmt.Errorf("source text: %w", err)
	}
	s.Day = time.Date(s.Day.Year(), s.Day.Month(), s.Day.Day(), 0, 0, 0, 0, time.UTC)
	var wrong []error
	for i := range s.Statements {
		wrong = append(wrong, s.Statements[i].prepare())
	}
	for i := range s.Dangers {
		wrong = append(wrong, s.Dangers[i].prepare())
	}
	for form, ids := range s.Forms {
		for _, id := range ids {
			if _, ok := s.Statement(id); !ok {
				wrong = append(wrong, fmt.Errorf("source text: form %s: no statement %q", form, id))
			}
		}
	}
	return &s, errors.Join(wrong...)
}

// Statement returns the statement with that id.
func (s *Source) Statement(id string) (Statement, bool) {
	i := slices.IndexFunc(s.Statements, func(st Statement) bool { return st.ID == id })
	if i < 0 {
		return Statement{}, false
	}
	return s.Statements[i], true
}

// say returns the words of a statement; the id is one of the source text's own.
func (s *Source) say(lang, id string) string {
	st, ok := s.Statement(id)
	if !ok {
		panic("outreach: no statement " + id) // a kit's layout names it: every layout is made by tests
	}
	return st.Text[lang]
}

func (s *Source) sayShort(lang, id string) string {
	st, ok := s.Statement(id)
	if !ok {
		panic("outreach: no statement " + id) // see say
	}
	return st.Short[lang]
}

func (st *Statement) prepare() error {
	st.variants = map[string][][]string{}
	for _, lang := range []string{Russian, English} {
		for _, w := range []Words{st.Name, st.Text, st.Short} {
			if w[lang] == "" {
				return fmt.Errorf("source text: statement %s: words in %s are missing", st.ID, lang)
			}
		}
		for _, text := range append([]string{st.Text[lang], st.Short[lang]}, st.Accept[lang]...) {
			st.variants[lang] = append(st.variants[lang], foldedWords(text))
		}
	}
	for i := range st.Facts {
		f := &st.Facts[i]
		f.patterns = map[string]*regexp.Regexp{}
		for lang, p := range map[string]string{Russian: f.RU, English: f.EN} {
			re, err := regexp.Compile(p)
			if err != nil {
				return fmt.Errorf("source text: statement %s: %w", st.ID, err)
			}
			f.patterns[lang] = re
		}
	}
	return nil
}

func (d *Danger) prepare() error {
	var err error
	if d.find, err = compileAll(d.Find); err != nil {
		return fmt.Errorf("source text: danger %s: %w", d.ID, err)
	}
	if d.unless, err = compileAll(d.Unless); err != nil {
		return fmt.Errorf("source text: danger %s: %w", d.ID, err)
	}
	return nil
}

func compileAll(patterns []string) ([]*regexp.Regexp, error) {
	out := make([]*regexp.Regexp, 0, len(patterns))
	for _, p := range patterns {
		re, err := regexp.Compile(p)
		if err != nil {
			return nil, err
		}
		out = append(out, re)
	}
	return out, nil
}
