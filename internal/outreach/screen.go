package outreach

import (
	"fmt"
	"html"
	"strings"

	"doverie/internal/outreach/sheet"
)

// screen is for a hall, with the organisation's name.
func (m *maker) screen() *sheet.Sheet {
	s := m.screenBase()
	m.sender(s, 96, 976, 1728, 88, ink)
	return s
}

// screenBase is the same for everybody: read from three metres.
func (m *maker) screenBase() *sheet.Sheet {
	s := sheet.New(1920, 1080, m.labels.Title)
	s.Fill(sheet.Rect(0, 0, 1920, 1080), blue)
	s.Paragraph(96, 64, 1200, sheet.Style{Size: 128, Lead: 1.12, Weight: sheet.Bold, Color: white}, m.twoLines())
	y := s.Paragraph(96, 376, 1080, sheet.Style{Size: 45, Lead: 1.34, Color: white}, m.say("what")) + 24
	high := 920 - y
	s.Fill(sheet.RoundRect(96, y, 1080, high, 24), ground)
	caution(s, 166, y+high/2, 38)
	st := sheet.Shrink(m.say("never_code"), 910, high-36, sheet.Style{Size: 40, Lead: 1.3, Weight: sheet.Bold, Color: ink})
	s.Paragraph(232, y+(high-sheet.Height(m.say("never_code"), 910, st))/2, 910, st, m.say("never_code"))

	s.Fill(sheet.Rect(1264, 0, 656, 960), deep)
	guardians(s, 1592, 330, 250)
	s.Fill(sheet.Rect(1264, 330, 656, 750), white)
	if err := s.QR(1346, 334, 492, m.address(), sheet.Medium, true); err != nil {
		m.err = err
	}
	wide := 576.0
	at := s.Paragraph(1304, 826, wide, sheet.Style{Size: 25, Lead: 1.3, Color: ink, Center: true}, m.labels.Official)
	at = s.Paragraph(1304, at, wide, sheet.Style{Size: sheet.Fit(m.address(), wide-2, 30, sheet.Bold), Lead: 1.6, Weight: sheet.Bold, Color: ink, Center: true}, m.address())
	s.Paragraph(1304, at, wide, sheet.Style{Size: 25, Lead: 1.3, Color: ink, Center: true}, m.labels.Type)
	s.Fill(sheet.Rect(0, 960, 1920, 120), white)
	return s
}

// bannerSizes are those that sites of offices and town halls keep room for.
var bannerSizes = [][2]float64{{970, 250}, {728, 90}, {300, 250}, {240, 400}, {1080, 1080}}

func bannerName(size [2]float64) string { return fmt.Sprintf("banner-%.0fx%.0f", size[0], size[1]) }

// bearsQR tells which banner has the QR code, and so depends on the placement.
func bearsQR(size [2]float64) bool { return size[0] == size[1] }

// banner fits the title, one sentence and the address into a size. Those without a QR code print the plain official
// address: what a picture links to is set where it is placed.
func (m *maker) banner(size [2]float64) *sheet.Sheet {
	w, h := size[0], size[1]
	s := sheet.New(w, h, m.labels.Title)
	s.Fill(sheet.Rect(0, 0, w, h), blue)
	switch {
	case h < 120: // a strip
		guardians(s, 58, h, 74)
		s.Text(118, 37, 27, sheet.Bold, white, m.labels.Title)
		s.Text(118, 60, sheet.Fit(m.short("what"), w-136, 15, sheet.Regular), sheet.Regular, white, m.short("what"))
		s.Text(118, 80, 14, sheet.Bold, white, m.source.Landing)
	case w > 2*h: // wide
		guardians(s, 160, h, 190)
		at := s.Paragraph(330, 26, w-350, sheet.Style{Size: 52, Lead: 1.2, Weight: sheet.Bold, Color: white}, m.labels.Title)
		at = s.Paragraph(330, at+2, w-370, sheet.Style{Size: 24, Lead: 1.3, Color: white}, m.short("what"))
		at = s.Paragraph(330, at+6, w-370, sheet.Style{Size: 20, Lead: 1.3, Weight: sheet.Bold, Color: warm}, m.short("never_code"))
		s.Paragraph(330, at+4, w-350, sheet.Style{Size: 20, Lead: 1.4, Weight: sheet.Bold, Color: white}, m.source.Landing)
	case w > 1000: // a post's picture
		guardians(s, 760, 560, 420)
		s.Fill(sheet.Rect(0, 560, w, h-560), white)
		s.Paragraph(64, 64, 700, sheet.Style{Size: 92, Lead: 1.12, Weight: sheet.Bold, Color: white}, m.twoLines())
		s.Paragraph(64, 300, 420, sheet.Style{Size: 40, Lead: 1.3, Color: sky}, m.labels.Slogan)
		at := s.Paragraph(64, 590, w-128, sheet.Style{Size: 36, Lead: 1.35, Color: ink}, m.short("what"))
		s.Paragraph(64, at+6, w-128, sheet.Style{Size: 36, Lead: 1.35, Weight: sheet.Bold, Color: ink}, m.short("never_code"))
		m.official(s, 48, 776, w-112, 260, sheet.Medium, true, ink)
	default: // a narrow column
		at := s.Paragraph(16, 14, w-32, sheet.Style{Size: 30, Lead: 1.15, Weight: sheet.Bold, Color: white}, m.twoLines())
		at = s.Paragraph(16, at+5, w-32, sheet.Style{Size: 15.5, Lead: 1.3, Color: white}, m.short("what"))
		at = s.Paragraph(16, at+5, w-32, sheet.Style{Size: 15.5, Lead: 1.3, Weight: sheet.Bold, Color: warm}, m.short("never_code"))
		s.Paragraph(16, h-46, w-32, sheet.Style{Size: 14, Lead: 1.25, Weight: sheet.Bold, Color: white}, m.source.Landing)
		if h-46-at > 110 {
			guardians(s, w/2, h-56, min(130, h-46-at-24))
		}
	}
	return s
}

// snippet is a banner that reads itself out, and needs no script, no picture and no other site.
func (m *maker) snippet() string {
	e := html.EscapeString
	var b strings.Builder
	fmt.Fprintf(&b, "<!-- %s, %s -->\n", e(m.labels.Title), e(m.source.Version))
	fmt.Fprintf(&b, `<section lang="ru" aria-label="%s" style="max-width:640px;padding:24px;border-radius:12px;background:#0b3d91;color:#fff;font:18px/1.5 sans-serif">`+"\n", e(m.labels.Title))
	fmt.Fprintf(&b, `<p style="margin:0 0 8px;font-size:28px;font-weight:bold;line-height:1.2">%s</p>`+"\n", e(m.labels.Title))
	fmt.Fprintf(&b, `<p style="margin:0 0 8px">%s</p>`+"\n", e(m.say("what")))
	fmt.Fprintf(&b, `<p style="margin:0 0 8px;font-weight:bold">%s</p>`+"\n", e(m.short("never_code")))
	fmt.Fprintf(&b, `<p style="margin:0">%s: <a href="%s" style="color:#fff;overflow-wrap:anywhere">%s</a>. %s</p>`+"\n",
		e(m.labels.Official), e(m.address()), e(m.address()), e(m.short("landing")))
	b.WriteString("</section>\n")
	return b.String()
}
