package outreach

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"doverie/internal/fault"
)

// TextMost is the longest text that is checked, in bytes.
const TextMost = 2 << 20

// Level says how bad a finding is.
type Level string

// The levels, worst first.
const (
	Dangerous Level = "danger"   // teaches what criminals need
	Missing   Level = "missing"  // a statement or its address is not there
	Drifted   Level = "drifted"  // it is there, and lost what makes it true
	Reworded  Level = "reworded" // it is there in other words, its facts kept
)

var levels = []Level{Dangerous, Missing, Drifted, Reworded}

// Finding is one thing that is wrong with a published text.
type Finding struct {
	Level   Level    `json:"level"`
	ID      string   `json:"id"`                // of the statement or danger
	Name    string   `json:"name"`              // for people, in the language asked for
	Quote   string   `json:"quote,omitempty"`   // what was published
	Changes string   `json:"changes,omitempty"` // [-left out-] {+put in+}
	Lost    []string `json:"lost,omitempty"`    // facts and addresses that are gone
}

// CheckOptions say what to check.
type CheckOptions struct {
	Form     string   // kind of text, a key of Source.Forms; empty means "full"
	Language string   // of the names in findings: Russian (default) or English
	HTML     bool     // the text is a page
	Own      []string // the publisher's own host names, allowed beside the text
}

// Report is what a check found.
type Report struct {
	Version  string    `json:"version"`  // of the source text
	Language string    `json:"language"` // of the published text
	Present  []string  `json:"present"`  // statements found word for word
	Findings []Finding `json:"findings"`
}

// Check compares a published text with the source. The text may be laid out in any way; its words may not drift.
func (s *Source) Check(text string, o CheckOptions) (Report, error) {
	if o.Form == "" {
		o.Form = "full"
	}
	required, ok := s.Forms[o.Form]
	if !ok {
		return Report{}, fault.New(fault.Invalid, "outreach.fault.form", fault.Args{"Form": o.Form})
	}
	if len(text) > TextMost {
		return Report{}, fault.New(fault.Invalid, "outreach.fault.text_long", fault.Args{"Limit": TextMost >> 20})
	}
	if o.Language == "" {
		o.Language = Russian
	}
	p := readPlain(text)
	if o.HTML {
		p = readHTML(text)
	}
	if len(p.words) == 0 {
		return Report{}, fault.New(fault.Invalid, "outreach.fault.text_empty", nil)
	}
	c := checker{source: s, published: p, options: o, language: languageOf(p)}
	c.statements(required)
	c.dangers()
	c.ages()
	c.addresses()
	slices.SortStableFunc(c.findings, func(a, b Finding) int { return slices.Index(levels, a.Level) - slices.Index(levels, b.Level) })
	return Report{Version: s.Version, Language: c.language, Present: c.present, Findings: c.findings}, nil
}

// languageOf is Russian unless most words are Latin.
func languageOf(p published) string {
	latin := 0
	for _, w := range p.words {
		if first, _ := utf8.DecodeRuneInString(w.folded); unicode.Is(unicode.Latin, first) {
			latin++
		}
	}
	if latin*2 > len(p.words) {
		return English
	}
	return Russian
}

type checker struct {
	published

	source   *Source
	options  CheckOptions
	language string
	present  []string
	findings []Finding
	region   span // blocks in which statements were found
	found    bool
}

// How near a place must come to count as the statement at all.
const (
	nearFull  = 0.5
	nearShort = 0.65
)

// candidate is the nearest place of one statement.
type candidate struct {
	statement Statement
	match     match
	wanted    []string
	full      bool // the whole statement, not its short words
	found     bool
}

// statements gives every statement its place: word for word first, then the nearest, each place to one statement.
func (c *checker) statements(required []string) {
	text := make([]string, len(c.words))
	for i, w := range c.words {
		text[i] = w.folded
	}
	left := slices.Clone(c.source.Statements)
	places := map[string]candidate{} // those that no claimed place has spoiled
	for len(left) > 0 {
		var best candidate
		index := -1
		for i, st := range left {
			place, known := places[st.ID]
			if !known {
				place = c.place(st, text)
				places[st.ID] = place
			}
			if place.found && (index < 0 || better(place, best)) {
				best, index = place, i
			}
		}
		if index < 0 {
			break
		}
		left = slices.Delete(left, index, index+1)
		c.judge(best, slices.Contains(required, best.statement.ID))
		claimed := best.match.at
		for i := claimed.from; i < claimed.to; i++ {
			text[i] = claimedBy
		}
		for id, place := range places {
			if place.match.at.from < claimed.to && claimed.from < place.match.at.to {
				delete(places, id)
			}
		}
	}
	for _, st := range left {
		if slices.Contains(required, st.ID) {
			c.report(Finding{Level: Missing, ID: st.ID, Name: st.Name[c.options.Language], Lost: c.lostAddresses(st)})
		}
	}
}

func better(a, b candidate) bool {
	if (a.match.cost == 0) != (b.match.cost == 0) {
		return a.match.cost == 0
	}
	return a.match.likeness() > b.match.likeness()
}

// place finds a statement. Its short words count only where nothing like the whole statement stands: a long form with
// a changed half must not pass for an intact short one.
func (c *checker) place(st Statement, text []string) candidate {
	var best, short candidate
	for i, wanted := range st.variants[c.language] {
		m := nearest(wanted, text)
		found := candidate{statement: st, match: m, wanted: wanted, full: i != 1}
		switch {
		case i == 1:
			short = found
		case i == 0 || better(found, best):
			best = found
		}
	}
	switch {
	case best.match.likeness() >= nearFull && (best.match.cost == 0 || short.match.cost > 0 || best.match.kept() > len(short.wanted)+2):
		best.found = true
		return best
	case short.match.likeness() >= nearShort:
		short.found = true
		return short
	}
	return candidate{}
}

func (c *checker) judge(found candidate, required bool) {
	st, at := found.statement, found.match.at
	from, to := c.words[at.from].block, c.words[at.to-1].block+1
	if !c.found {
		c.region, c.found = span{from, to}, true
	}
	c.region = span{min(c.region.from, from), max(c.region.to, to)}
	f := Finding{ID: st.ID, Name: st.Name[c.options.Language]}
	if found.full && required || st.ID == "landing" && required {
		f.Lost = c.lostAddresses(st)
	}
	if found.match.cost == 0 {
		c.present = append(c.present, st.ID)
		if len(f.Lost) > 0 {
			f.Level = Missing
			c.report(f)
		}
		return
	}
	f.Level, f.Quote = Reworded, c.quote(at)
	words := make([]string, 0, at.to-at.from)
	for _, w := range c.words[at.from:at.to] {
		words = append(words, w.folded)
	}
	f.Changes = difference(found.wanted, words)
	if found.full {
		around := c.sentence(c.wholeSentences(at))
		for _, fact := range st.Facts {
			if !fact.patterns[c.language].MatchString(around) {
				f.Lost = append(f.Lost, fact.Name[c.options.Language])
			}
		}
	}
	if len(f.Lost) > 0 || !found.full {
		f.Level = Drifted
	}
	c.report(f)
}

// wholeSentences widens a place to the sentences it touches.
func (c *checker) wholeSentences(at span) span {
	for _, s := range c.sentences {
		if s.from < at.to && at.from < s.to {
			at = span{min(at.from, s.from), max(at.to, s.to)}
		}
	}
	return at
}

// lostAddresses are the addresses that a statement needs and the text has nowhere.
func (c *checker) lostAddresses(st Statement) []string {
	var lost []string
	for _, wanted := range st.Addresses {
		if !slices.ContainsFunc(c.published.addresses, func(a address) bool { return sameAddress(a.written, wanted) }) {
			lost = append(lost, wanted)
		}
	}
	return lost
}

// sameAddress compares host and path; a printed address may leave out https:// and www.
func sameAddress(a, b string) bool {
	hostA, urlA, okA := host(a)
	hostB, urlB, okB := host(b)
	return okA && okB && hostA == hostB && strings.TrimRight(urlA.Path, "/") == strings.TrimRight(urlB.Path, "/")
}

func (c *checker) report(f Finding) { c.findings = append(c.findings, f) }

// danger reports a danger once for each place.
func (c *checker) danger(id, quote string) {
	for _, d := range c.source.Dangers {
		if d.ID == id && !slices.ContainsFunc(c.findings, func(f Finding) bool { return f.ID == id && f.Quote == quote }) {
			c.report(Finding{Level: Dangerous, ID: id, Name: d.Why[c.options.Language], Quote: quote})
		}
	}
}
