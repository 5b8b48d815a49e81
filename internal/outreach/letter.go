package outreach

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"doverie/internal/fault"
	"doverie/internal/outreach/sheet"
)

// Letter is what all covering letters of a mailing have in common.
type Letter struct {
	Letterhead []string `toml:"letterhead"` // lines of the sender's name
	Contacts   []string `toml:"contacts"`   // lines of address, telephone, site
	Number     string   `toml:"number"`     // outgoing; {n} counts the letters
	First      int      `toml:"first"`      // the first n; 0 means 1
	Date       string   `toml:"date"`       // 04.12.2025
	Subject    string   `toml:"subject"`
	Body       []string `toml:"body"` // paragraphs; empty means those of the source text
	Position   string   `toml:"position"`
	Signer     string   `toml:"signer"`
	Executor   []string `toml:"executor"` // lines at the foot of the last page; may be empty
}

// addresseesMost is how many a letter may name (GOST R 7.0.97-2016, 5.15); to more, each gets a letter of its own.
const addresseesMost = 4

// ReadLetter reads a letter's common part from a TOML file and checks it.
func (s *Source) ReadLetter(file string) (Letter, error) {
	var l Letter
	meta, err := toml.DecodeFile(file, &l)
	if err == nil {
		if unknown := meta.Undecoded(); len(unknown) > 0 {
			err = fmt.Errorf("unknown keys %v", unknown)
		}
	}
	if err != nil {
		return l, fault.New(fault.Invalid, "outreach.fault.letter", nil).Because(err)
	}
	return s.PrepareLetter(l)
}

// PrepareLetter completes a letter's common part with the body of the source text and checks it: empty or unprintable
// parts are named field by field, and a body that teaches what criminals need is refused.
func (s *Source) PrepareLetter(l Letter) (Letter, error) {
	if l.First == 0 {
		l.First = 1
	}
	if len(l.Body) == 0 {
		l.Body = s.Letter
	}
	return l, s.checkLetter(l)
}

// NumberOf is the outgoing number of the letter that counts as n, from 0.
func (l Letter) NumberOf(n int) string {
	return strings.ReplaceAll(l.Number, "{n}", strconv.Itoa(l.First+n))
}

// checkLetter refuses a letter with empty or unprintable parts, and one that teaches what criminals need.
func (s *Source) checkLetter(l Letter) error {
	var wrong []fault.Field
	for name, lines := range map[string][]string{
		"letterhead": l.Letterhead, "number": {l.Number}, "date": {l.Date}, "subject": {l.Subject}, "position": {l.Position}, "signer": {l.Signer}, "body": l.Body,
		"contacts": l.Contacts, "executor": l.Executor,
	} {
		text := strings.Join(lines, "")
		switch {
		case strings.TrimSpace(text) == "" && name != "contacts" && name != "executor":
			wrong = append(wrong, fault.Field{Name: name, Key: "outreach.field.missing"})
		case sheet.Unprintable(text) != "":
			wrong = append(wrong, fault.Field{Name: name, Key: "outreach.field.letters", Args: fault.Args{"Letters": sheet.Unprintable(text)}})
		}
	}
	if l.Date != "" && !datePattern.MatchString(l.Date) {
		wrong = append(wrong, fault.Field{Name: "date", Key: "outreach.field.date"})
	}
	if len(wrong) > 0 {
		slices.SortFunc(wrong, func(a, b fault.Field) int { return strings.Compare(a.Name, b.Name) })
		return fault.BadFields(wrong...)
	}
	report, err := s.Check(strings.Join(l.Body, "\n\n"), CheckOptions{Form: "letter"})
	if err != nil {
		return err
	}
	for _, f := range report.Findings {
		if f.Level == Dangerous {
			return fault.New(fault.Refused, "outreach.fault.letter_danger", fault.Args{"Why": f.Name, "Quote": f.Quote})
		}
	}
	return nil
}

// MakeLetter makes one letter to one or several organisations, as a PDF. n counts from 0 and is put into the number.
func (s *Source) MakeLetter(l Letter, n int, to []Organisation) ([]byte, error) {
	if len(to) == 0 || len(to) > addresseesMost {
		return nil, fault.New(fault.Invalid, "outreach.fault.addressees", fault.Args{"Limit": addresseesMost})
	}
	for _, o := range to {
		if err := o.check(true); err != nil {
			return nil, err
		}
	}
	date, err := time.Parse("02.01.2006", l.Date)
	if err != nil {
		return nil, fault.BadFields(fault.Field{Name: "date", Key: "outreach.field.date"}).Because(err)
	}
	p := letterPages{flow: newFlow(l.Subject, 28, 15)}
	p.heads(l, l.NumberOf(n), to)
	p.body(l, to)
	p.signature(l)
	return sheet.PDF(p.flow.sheets, sheet.Print{Title: l.Subject, Author: strings.Join(l.Letterhead, " "), Lang: "ru-RU", Date: date})
}

// letterPages lays a letter out in the form of a ministry's: sender at the left, addressees at the right.
type letterPages struct {
	flow *flow
}

const letterSize = 4.4 // 12.5 points

func (p letterPages) heads(l Letter, number string, to []Organisation) {
	s := p.flow.sheet()
	const left, leftWide, right, rightWide = 24.0, 84.0, 118.0, 78.0
	y := pageTop
	for _, line := range l.Letterhead {
		y = s.Paragraph(left, y, leftWide, sheet.Style{Size: 4.2, Lead: 1.3, Weight: sheet.Bold, Color: ink, Center: true}, line)
	}
	y += 3
	for _, line := range l.Contacts {
		y = s.Paragraph(left, y, leftWide, sheet.Style{Size: 3.3, Lead: 1.35, Color: ink, Center: true}, line)
	}
	y += 5
	plain := sheet.Style{Size: 4, Lead: 1.4, Color: ink, Center: true}
	y = s.Paragraph(left, y, leftWide, plain, l.Date+" № "+number)
	var answered []string
	for _, o := range to {
		if o.TheirNumber == "" {
			continue
		}
		if line := "На № " + o.TheirNumber + " от " + o.TheirDate; !slices.Contains(answered, line) {
			answered = append(answered, line)
			y = s.Paragraph(left, y, leftWide, plain, line)
		}
	}
	at := pageTop
	for _, o := range to {
		for _, line := range []struct {
			text string
			size float64
			gap  float64
		}{{o.Position, letterSize, 0}, {o.Name, letterSize, 2.5}, {o.Head, letterSize, 2.5}, {o.Email, 3.8, 6}} {
			if line.text != "" { // a reply may name the office alone
				at = s.Paragraph(right, at, rightWide, sheet.Style{Size: line.size, Lead: 1.3, Color: ink}, line.text) + line.gap
			}
		}
	}
	p.flow.y = max(y+8, at+2)
}

func (p letterPages) body(l Letter, to []Organisation) {
	f := p.flow
	f.paragraph(sheet.Style{Size: letterSize, Lead: 1.3, Color: ink}, l.Subject, 6)
	for _, o := range to {
		if o.Salutation != "" {
			f.paragraph(sheet.Style{Size: letterSize, Lead: 1.35, Color: ink, Center: true}, o.Salutation, 0)
		}
	}
	f.y += 4
	for _, text := range l.Body {
		f.paragraph(sheet.Style{Size: letterSize, Lead: 1.4, Color: ink}, strings.Repeat("\u00a0", 9)+text, 1.2)
	}
}

// signature stands with at least the end of the text: it never opens a page alone unless the text filled the one before.
func (p letterPages) signature(l Letter) {
	f := p.flow
	st := sheet.Style{Size: letterSize, Lead: 1.4, Color: ink}
	high := sheet.Height(l.Position, 90, st)
	if f.y+12+high > pageBottom {
		f.page()
	}
	f.y += 12
	s := f.sheet()
	s.Paragraph(f.left, f.y, 90, st, l.Position)
	width := sheet.Width(l.Signer, st.Size, st.Weight)
	s.Paragraph(210-f.right-width, f.y+high-st.Size*1.4, width+1, st, l.Signer)
	small := sheet.Style{Size: 3.2, Lead: 1.3, Color: ink}
	at := 285 - float64(len(l.Executor))*small.Size*small.Lead
	for _, line := range l.Executor {
		at = s.Paragraph(f.left, at, 120, small, line)
	}
	for i, page := range f.sheets[1:] {
		number := strconv.Itoa(i + 2)
		page.Text(105-sheet.Width(number, 3.6, sheet.Regular)/2, 12, 3.6, sheet.Regular, ink, number)
	}
}
