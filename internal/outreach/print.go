package outreach

import (
	"doverie/internal/outreach/sheet"
)

// maker makes one organisation's things. Sizes are in millimetres for print and pixels for screens.
type maker struct {
	source *Source
	labels Labels
	org    Organisation
	code   string // of the placement; may be empty
	logo   *sheet.Picture
	err    error // of a QR code; drawing goes on
}

// address is where QR codes and links lead, and what is printed beside them: the official address in full, with the
// placement code behind it where there is one.
func (m *maker) address() string {
	if m.code == "" {
		return m.source.Landing
	}
	return m.source.Landing + "?p=" + m.code
}

func (m *maker) say(id string) string   { return m.source.say(Russian, id) }
func (m *maker) short(id string) string { return m.source.sayShort(Russian, id) }

// official draws the QR code and, beside it, the same address in full with what to do when in doubt. The code is worth
// nothing without the words: a pasted-over one is found out by whoever reads.
func (m *maker) official(s *sheet.Sheet, x, y, w, side float64, level sheet.Level, snap bool, c sheet.Color) {
	if err := s.QR(x, y, side, m.address(), level, snap); err != nil {
		m.err = err
	}
	s.Link(x, y, side, side, m.address())
	tx, tw := x+side+0.12*side, w-1.12*side
	at := y + 0.06*side
	at = s.Paragraph(tx, at, tw, sheet.Style{Size: 0.115 * side, Weight: sheet.Regular, Color: c}, m.labels.Official)
	size := sheet.Fit(m.address(), tw, 0.15*side, sheet.Bold)
	s.Link(tx, at, tw, 1.5*size, m.address())
	at = s.Paragraph(tx, at, tw+0.1, sheet.Style{Size: size, Lead: 1.5, Weight: sheet.Bold, Color: c}, m.address())
	at += 0.06 * side
	at = s.Paragraph(tx, at, tw, sheet.Style{Size: 0.115 * side, Color: c}, m.labels.Type+".")
	s.Paragraph(tx, at, tw, sheet.Style{Size: 0.115 * side, Color: c}, m.labels.Scan+".")
}

// officialBelow is official for a narrow column: the address stands under the code, as large as the column allows.
func (m *maker) officialBelow(s *sheet.Sheet, x, y, w, side float64) {
	zone := side * 4 / 45 // the quiet zone hangs over the margin, so that the code stands flush with the text
	if err := s.QR(x-zone, y, side, m.address(), sheet.High, false); err != nil {
		m.err = err
	}
	s.Link(x, y, side, side, m.address())
	st := sheet.Style{Size: 4.6, Color: ink}
	at := s.Paragraph(x+side, y+0.3*side, w-side, st, m.labels.Official)
	s.Paragraph(x+side, at, w-side, sheet.Style{Size: 4.3, Color: quiet}, m.labels.Scan)
	at = y + side
	size := sheet.Fit(m.address(), w, 6, sheet.Bold)
	s.Link(x, at, w, 1.6*size, m.address())
	at = s.Paragraph(x, at, w+0.1, sheet.Style{Size: size, Lead: 1.6, Weight: sheet.Bold, Color: ink}, m.address())
	s.Paragraph(x, at+1, w, st, m.labels.Type+".")
}

// sender draws logo and name of the organisation between x and x+w, in a strip of some height.
func (m *maker) sender(s *sheet.Sheet, x, y, w, h float64, c sheet.Color) {
	if m.logo != nil {
		took := s.Picture(m.logo, x, y, w/3, h) + 0.3*h
		x, w = x+took, w-took
	}
	text := m.labels.From + " " + m.org.Name
	st := sheet.Style{Size: 0.36 * h, Lead: 1.3, Color: c}
	st = sheet.Shrink(text, w, h, st)
	s.Paragraph(x, y+(h-sheet.Height(text, w, st))/2, w, st, text)
}

// poster is drawn once for A4; A3 is the same, enlarged.
func (m *maker) poster() *sheet.Sheet {
	s := sheet.New(210, 297, m.labels.Title)
	const left, wide = 14.0, 182.0
	s.Fill(sheet.Rect(-4, -4, 218, 305), white)
	s.Fill(sheet.Rect(-4, -4, 218, 88), blue)
	guardians(s, 162, 84.4, 54)
	s.Fill(sheet.Rect(-4, 84, 218, 6), white) // over the figures' lower edge, so that no hair line shows
	s.Paragraph(left, 10, 140, sheet.Style{Size: 21, Lead: 1.12, Weight: sheet.Bold, Color: white}, m.twoLines())
	s.Paragraph(left, 60, 108, sheet.Style{Size: 7.4, Lead: 1.28, Color: sky}, m.labels.Slogan)

	y := s.Paragraph(left, 88, wide, sheet.Style{Size: 5.3, Lead: 1.34, Color: ink}, m.say("what")) + 3
	m.roles(s, left, y, wide, 40)
	y += 40 + 5
	columns := []string{m.short("open"), m.short("add"), m.short("accept")}
	for i, text := range columns {
		x := left + float64(i)*62.5
		numberMark(s, x+4.2, y+4.2, 4.2, string(rune('1'+i)))
		s.Paragraph(x+11, y, 46, sheet.Shrink(text, 46, 24, sheet.Style{Size: 3.9, Lead: 1.32, Color: ink}), text)
	}
	m.warning(s, left, 193, wide, 40, 3.9)
	m.official(s, left-1, 236, wide+1, 41, sheet.High, false, ink)
	s.Fill(sheet.Rect(left, 280, wide, 0.3), sky)
	m.sender(s, left, 282, wide-30, 9, quiet)
	s.Text(left+wide-sheet.Width(m.source.Version, 2.4, sheet.Regular), 288, 2.4, sheet.Regular, quiet, m.source.Version)
	return s
}

// roles are the two cards of who may be what.
func (m *maker) roles(s *sheet.Sheet, x, y, w, h float64) {
	card := (w - 6) / 2
	for i, id := range []string{"principal", "contact"} {
		cx := x + float64(i)*(card+6)
		s.Fill(sheet.RoundRect(cx, y, card, h, 4), paper)
		age := []string{"14+", "18+"}[i]
		s.Text(cx+4, y+h/2+3.7, 10.5, sheet.Bold, blue, age)
		tw := card - 32
		st := sheet.Shrink(m.say(id), tw, h-6, sheet.Style{Size: 3.8, Lead: 1.32, Color: ink})
		s.Paragraph(cx+28.5, y+(h-sheet.Height(m.say(id), tw, st))/2, tw, st, m.say(id))
	}
}

// warning is the block of what nobody will ever ask.
func (m *maker) warning(s *sheet.Sheet, x, y, w, h, size float64) {
	s.Fill(sheet.RoundRect(x, y, w, h, 4), ground)
	caution(s, x+11, y+h/2, 6)
	bold := sheet.Style{Size: size * 1.16, Lead: 1.34, Weight: sheet.Bold, Color: ink}
	plain := sheet.Style{Size: size, Lead: 1.36, Color: ink}
	tx, tw := x+22, w-28
	gap := size * 0.4
	total := sheet.Height(m.say("never_code"), tw, bold) + gap + sheet.Height(m.say("never_ask"), tw, plain)
	at := s.Paragraph(tx, y+(h-total)/2, tw, bold, m.say("never_code")) + gap
	s.Paragraph(tx, at, tw, plain, m.say("never_ask"))
}

// leaflet is an A4 sheet folded once: outside the cover and the back, inside two pages of text.
func (m *maker) leaflet() []*sheet.Sheet {
	const half, in = 148.5, 13.0
	wide := half - 2*in
	body := sheet.Style{Size: 4.3, Lead: 1.42, Color: ink}
	head := sheet.Style{Size: 6.4, Lead: 1.3, Weight: sheet.Bold, Color: blue}

	outside := sheet.New(297, 210, m.labels.Title)
	outside.Folds = []float64{half}
	outside.Fill(sheet.Rect(-4, -4, 305, 218), white)
	outside.Fill(sheet.Rect(half, -4, half+4, 218), blue)
	outside.Paragraph(half+in, 16, wide, sheet.Style{Size: 18, Lead: 1.14, Weight: sheet.Bold, Color: white}, m.twoLines())
	outside.Paragraph(half+in, 62, wide-14, sheet.Style{Size: 6.6, Lead: 1.3, Color: sky}, m.labels.Slogan)
	guardians(outside, half+half/2, 178.4, 80)
	outside.Fill(sheet.Rect(half, 178, half+4, 36), white)
	m.sender(outside, half+in, 184, wide, 16, ink)

	y := outside.Paragraph(in, 18, wide, head, m.labels.Never) + 3
	for _, id := range []string{"never_code", "never_ask"} {
		h := sheet.Height(m.say(id), wide-22, body) + 10
		outside.Fill(sheet.RoundRect(in, y, wide, h, 4), ground)
		caution(outside, in+8.5, y+h/2, 4.4)
		outside.Paragraph(in+17, y+5, wide-22, body, m.say(id))
		y += h + 5
	}
	m.officialBelow(outside, in, 121, wide, 48)
	outside.Text(in, 200, 2.4, sheet.Regular, quiet, m.source.Version)

	inside := sheet.New(297, 210, m.labels.Title)
	inside.Folds = []float64{half}
	inside.Fill(sheet.Rect(-4, -4, 305, 218), white)
	y = inside.Paragraph(in, 15, wide, head, m.labels.Title) + 2
	y = inside.Paragraph(in, y, wide, body, m.say("what")) + 6
	y = inside.Paragraph(in, y, wide, head, m.labels.Who) + 3
	for i, id := range []string{"principal", "contact"} {
		h := max(26, sheet.Height(m.say(id), wide-42, body)+8)
		inside.Fill(sheet.RoundRect(in, y, wide, h, 4), paper)
		inside.Text(in+6, y+h/2+4, 11.5, sheet.Bold, blue, []string{"14+", "18+"}[i])
		inside.Paragraph(in+36, y+(h-sheet.Height(m.say(id), wide-42, body))/2, wide-42, body, m.say(id))
		y += h + 5
	}
	inside.Fill(sheet.RoundRect(in, 166, wide, 28, 4), blue)
	shield(inside, in+17, 180, 18, warm, deep)
	call := sheet.Shrink(m.labels.Call, wide-42, 22, sheet.Style{Size: 6, Lead: 1.3, Weight: sheet.Bold, Color: white})
	inside.Paragraph(in+36, 180-sheet.Height(m.labels.Call, wide-42, call)/2, wide-42, call, m.labels.Call)
	right := half + in
	y = inside.Paragraph(right, 15, wide, head, m.labels.How) + 3
	for i, id := range []string{"open", "add", "accept"} {
		numberMark(inside, right+4, y+4, 4, string(rune('1'+i)))
		y = inside.Paragraph(right+13, y+0.8, wide-13, body, m.say(id)) + 3.5
	}
	y = inside.Paragraph(right, y+4, wide, head, m.labels.Recovery) + 3
	for _, id := range []string{"request", "code"} {
		shield(inside, right+4, y+5, 8.4, green, white)
		y = inside.Paragraph(right+13, y, wide-13, body, m.say(id)) + 3.5
	}
	return []*sheet.Sheet{outside, inside}
}

// largePrint is the whole text in 24 points for people who see badly.
func (m *maker) largePrint() []*sheet.Sheet {
	f := newFlow(m.labels.Title, 18, 18)
	const size = 24 * 25.4 / 72
	f.paragraph(sheet.Style{Size: size * 1.5, Lead: 1.2, Weight: sheet.Bold, Color: ink}, m.labels.Title, 6)
	for _, part := range m.parts() {
		f.heading(sheet.Style{Size: size * 1.12, Lead: 1.25, Weight: sheet.Bold, Color: blue}, part.title, 3, 4*size)
		for _, id := range part.ids {
			f.paragraph(sheet.Style{Size: size, Lead: 1.4, Color: ink}, m.say(id), 5)
		}
	}
	if m.org.Name != "" {
		f.paragraph(sheet.Style{Size: size * 0.8, Lead: 1.4, Color: quiet}, m.labels.From+" "+m.org.Name, 0)
	}
	return f.sheets
}

// part is a heading with its statements.
type part struct {
	title string
	ids   []string
}

// parts are all statements in the order in which they are told.
func (m *maker) parts() []part {
	return []part{
		{m.labels.Slogan, []string{"what"}},
		{m.labels.Who, []string{"principal", "contact"}},
		{m.labels.How, []string{"open", "add", "accept"}},
		{m.labels.Recovery, []string{"request", "code"}},
		{m.labels.Never, []string{"never_code", "never_ask"}},
		{m.labels.Official, []string{"landing"}},
	}
}

// flow fills A4 pages one after another.
type flow struct {
	title       string
	left, right float64
	sheets      []*sheet.Sheet
	y           float64
}

const pageTop, pageBottom = 18.0, 277.0

func newFlow(title string, left, right float64) *flow {
	f := &flow{title: title, left: left, right: right}
	f.page()
	return f
}

func (f *flow) page() {
	f.sheets = append(f.sheets, sheet.New(210, 297, f.title))
	f.y = pageTop
}

func (f *flow) sheet() *sheet.Sheet { return f.sheets[len(f.sheets)-1] }

func (f *flow) width() float64 { return 210 - f.left - f.right }

// paragraph writes a text, onto the next page where it does not fit, and leaves a gap after it.
func (f *flow) paragraph(st sheet.Style, text string, gap float64) {
	for _, line := range sheet.Lines(text, f.width(), st) {
		if f.y+sheet.Height("х", f.width(), st) > pageBottom {
			f.page()
		}
		f.y = f.sheet().Paragraph(f.left, f.y, f.width()+1, st, line)
	}
	f.y += gap
}

// heading keeps some room for what follows on its page.
func (f *flow) heading(st sheet.Style, text string, gap, room float64) {
	if f.y+sheet.Height(text, f.width(), st)+room > pageBottom {
		f.page()
	}
	f.paragraph(st, text, gap)
}
