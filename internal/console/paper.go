package console

import (
	"net/http"
	"strconv"
	"strings"

	"doverie/internal/desk"
	"doverie/internal/httpx"
	"doverie/internal/i18n"
	"doverie/internal/outreach/sheet"
)

// The page is A5, which fits twice on what every office prints on. Millimetres.
const (
	paperW, paperH = 148, 210
	margin         = 14
)

const ink, accent, quiet sheet.Color = 0x14213d, 0x0b3d91, 0x44506b

// paper prints the temporary password. The commit that hands it out forgets it, so a second press finds nothing.
func (c *Console) paper(w http.ResponseWriter, r *http.Request, who desk.Operator) error {
	if _, err := httpx.Form(r); err != nil {
		return err
	}
	p, err := c.Desk.Print(r.Context(), c.Kit.Act(r), who, r.PathValue("id"))
	if err != nil {
		return err
	}
	file, err := Paper(c.Kit.Printer(r), p)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/pdf")
	h.Set("Content-Disposition", `attachment; filename="doverie.pdf"`)
	h.Set("Content-Length", strconv.Itoa(len(file)))
	_, _ = w.Write(file) //nolint:gosec // a file to be saved, of a type that no browser takes for a page (nosniff)
	return nil
}

// Paper draws the sheet in the printer's language.
func Paper(words *i18n.Printer, p desk.Paper) ([]byte, error) {
	s := sheet.New(paperW, paperH, words.T("operator.pdf.title"))
	body := sheet.Style{Size: 4.2, Color: ink}
	y := 22.0
	s.Fill(sheet.Rect(0, 0, paperW, 6), accent)
	s.Text(margin, y, 5, sheet.Bold, accent, words.T("brand.name"))
	y += 14
	y = s.Paragraph(margin, y, paperW-2*margin, sheet.Style{Size: 7.4, Weight: sheet.Bold, Color: ink}, words.T("operator.pdf.title")) + 6
	y = s.Paragraph(margin, y, paperW-2*margin, body, words.T("operator.pdf.for", "Name", printable(p.Name))) + 4
	s.Fill(sheet.RoundRect(margin, y, paperW-2*margin, 24, 4), 0xeaf0fb)
	size := sheet.Fit(p.Password, paperW-2*margin-12, 10, sheet.Bold)
	s.Text(margin+(paperW-2*margin-sheet.Width(p.Password, size, sheet.Bold))/2, y+15, size, sheet.Bold, ink, p.Password)
	y += 34
	for n := 1; n <= 5; n++ {
		s.Paragraph(margin, y, 7, sheet.Style{Size: 4.2, Weight: sheet.Bold, Color: accent}, strconv.Itoa(n)+".")
		y = s.Paragraph(margin+7, y, paperW-2*margin-7, body, words.T("operator.pdf.step."+strconv.Itoa(n), "Until", words.DateTimeZone(p.Until))) + 3.5
	}
	y += 4
	s.Paragraph(margin, y, paperW-2*margin, sheet.Style{Size: 3.6, Color: quiet}, words.T("operator.pdf.office", "Office", printable(p.Office)))
	return sheet.PDF([]*sheet.Sheet{s}, sheet.Print{Title: words.T("operator.pdf.title"), Lang: words.Lang(), Date: p.Until})
}

// printable leaves out letters that the font does not have: a paper with a gap in a name is better than none.
func printable(text string) string {
	missing := sheet.Unprintable(text)
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(missing, r) {
			return -1
		}
		return r
	}, text)
}
