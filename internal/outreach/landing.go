package outreach

import (
	"sync"

	"doverie/internal/outreach/sheet"
)

// Part is a heading of the source text with its statements, in the order in which they are told.
type Part struct {
	Title      string
	Statements []string
	Steps      bool // the statements are steps, one after the other
}

// Parts is the whole source text in one language, for the landing page.
func (s *Source) Parts(lang string) []Part {
	m := &maker{source: s, labels: s.Labels[lang]}
	var out []Part
	for _, p := range m.parts() {
		one := Part{Title: p.title, Steps: len(p.ids) > 2}
		for _, id := range p.ids {
			one.Statements = append(one.Statements, s.say(lang, id))
		}
		out = append(out, one)
	}
	return out
}

// largePrint is the text in 24 points without an organisation's name, made once.
type largePrint struct {
	once sync.Once
	pdf  []byte
	err  error
}

// LargePrint is the whole text in 24 points as PDF, for everybody.
func (s *Source) LargePrint() ([]byte, error) {
	s.large.once.Do(func() {
		m := &maker{source: s, labels: s.Labels[Russian]}
		s.large.pdf, s.large.err = sheet.PDF(m.largePrint(), sheet.Print{Title: m.labels.Title, Author: m.labels.Title, Lang: "ru-RU", Date: s.Day})
	})
	return s.large.pdf, s.large.err
}
