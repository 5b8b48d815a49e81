package sheet

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"html"
	"image"
	"image/color"
	"image/png"
	"math"
	"strconv"
	"strings"
	"time"

	"codeberg.org/go-pdf/fpdf"
	"golang.org/x/image/draw"
	"golang.org/x/image/vector"
)

// SVG writes the sheet as a picture that reads itself out: its title, and its text as the description.
func (s *Sheet) SVG() []byte {
	var b bytes.Buffer
	var words []string
	for _, line := range s.Written() {
		words = append(words, line.Text)
	}
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %s %s" width="%s" height="%s" role="img" aria-labelledby="t d">`,
		number(s.W), number(s.H), number(s.W), number(s.H))
	fmt.Fprintf(&b, "\n<title id=\"t\">%s</title>\n<desc id=\"d\">%s</desc>\n", html.EscapeString(s.Title), html.EscapeString(strings.Join(words, " ")))
	s.defs(&b)
	for _, o := range s.ops {
		switch {
		case o.picture != nil:
			fmt.Fprintf(&b, `<image x="%s" y="%s" width="%s" height="%s" href="data:image/png;base64,%s"/>`+"\n",
				number(o.x), number(o.y), number(o.w), number(o.h), base64.StdEncoding.EncodeToString(o.picture.PNG))
		case o.text != "":
			fmt.Fprintf(&b, `<g fill="%s" transform="translate(%s %s) scale(%s)">`, o.color.hex(), number(o.x), number(o.y), strconv.FormatFloat(o.size/perEm, 'f', 5, 64))
			x := 0.0
			for _, r := range o.text {
				g := faces()[o.weight].glyph(r)
				if len(g.outline) > 0 {
					fmt.Fprintf(&b, `<use href="#%s" x="%.0f"/>`, glyphID(r, o.weight), x*perEm)
				}
				x += g.advance
			}
			b.WriteString("</g>\n")
		case o.path != nil:
			fmt.Fprintf(&b, `<path fill="%s" d="%s"/>`+"\n", o.color.hex(), o.path.data(1))
		}
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// perEm is how many units a letter's outline has in an SVG.
const perEm = 1000

func glyphID(r rune, w Weight) string { return string("rb"[w]) + strconv.FormatInt(int64(r), 36) }

// defs writes the outline of every letter once.
func (s *Sheet) defs(b *bytes.Buffer) {
	b.WriteString("<defs>\n")
	done := map[string]bool{}
	for _, o := range s.ops {
		for _, r := range o.text {
			id, g := glyphID(r, o.weight), faces()[o.weight].glyph(r)
			if done[id] || len(g.outline) == 0 {
				continue
			}
			done[id] = true
			fmt.Fprintf(b, `<path id="%s" d="%s"/>`+"\n", id, g.outline.data(perEm))
		}
	}
	b.WriteString("</defs>\n")
}

// data is the shape in SVG's words, enlarged.
func (p Path) data(k float64) string {
	var b strings.Builder
	format := number
	if k > 1 {
		format = func(v float64) string { return strconv.FormatFloat(math.Round(v), 'f', -1, 64) }
	}
	for _, s := range p {
		b.WriteByte(s.kind)
		for i, q := range s.p[:pointsOf(s.kind)] {
			if i > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(format(q.x*k) + " " + format(q.y*k))
		}
	}
	return b.String()
}

func pointsOf(kind byte) int {
	switch kind {
	case 'Z':
		return 0
	case 'C':
		return 3
	}
	return 1
}

func number(v float64) string {
	return strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64)
}

// PNG draws the sheet, one pixel a unit.
func (s *Sheet) PNG() ([]byte, error) { return s.PNGOver(s.Raster(), len(s.ops)) }

// Raster draws what there is so far, one pixel a unit.
func (s *Sheet) Raster() *image.RGBA {
	dst := image.NewRGBA(image.Rect(0, 0, int(s.W), int(s.H)))
	for i := range dst.Pix {
		dst.Pix[i] = 0xff
	}
	s.paint(dst, 0)
	return dst
}

// Drawn is how much was drawn so far, for PNGOver.
func (s *Sheet) Drawn() int { return len(s.ops) }

// PNGOver draws only what follows the first of what was drawn, over a copy of their raster: sheets that differ in little share
// the rest.
func (s *Sheet) PNGOver(base *image.RGBA, first int) ([]byte, error) {
	dst := base
	if first < len(s.ops) {
		dst = &image.RGBA{Pix: bytes.Clone(base.Pix), Stride: base.Stride, Rect: base.Rect}
		s.paint(dst, first)
	}
	var b bytes.Buffer
	err := png.Encode(&b, dst)
	return b.Bytes(), err
}

func (s *Sheet) paint(dst *image.RGBA, first int) {
	for _, o := range s.ops[first:] {
		switch {
		case o.picture != nil:
			box := image.Rect(int(o.x), int(o.y), int(o.x+o.w), int(o.y+o.h))
			draw.CatmullRom.Scale(dst, box, o.picture.Image, o.picture.Image.Bounds(), draw.Over, nil)
		case o.text != "":
			fill(dst, outlineOf(o), o.color)
		case o.path != nil:
			fill(dst, o.path, o.color)
		}
	}
}

// fill draws a shape inside the smallest box that holds it.
func fill(dst *image.RGBA, p Path, c Color) {
	x0, y0, x1, y1 := p.bounds()
	box := image.Rect(int(math.Floor(x0)), int(math.Floor(y0)), int(math.Ceil(x1)), int(math.Ceil(y1))).Intersect(dst.Bounds())
	if box.Empty() {
		return
	}
	z := vector.NewRasterizer(box.Dx(), box.Dy())
	at := func(q point) (x, y float32) {
		return float32(q.x - float64(box.Min.X)), float32(q.y - float64(box.Min.Y))
	}
	for _, s := range p {
		x, y := at(s.p[0])
		switch s.kind {
		case 'M':
			z.MoveTo(x, y)
		case 'L':
			z.LineTo(x, y)
		case 'C':
			bx, by := at(s.p[1])
			cx, cy := at(s.p[2])
			z.CubeTo(x, y, bx, by, cx, cy)
		default:
			z.ClosePath()
		}
	}
	r, g, b := c.rgb()
	z.Draw(dst, box, image.NewUniform(color.RGBA{r, g, b, 0xff}), image.Point{})
}

// Print says how a PDF is made.
type Print struct {
	Title, Author string
	Lang          string    // for example ru-RU
	Date          time.Time // written into the file instead of the clock's
	Scale         float64   // 1, or more to enlarge; 0 means 1
	Bleed         bool      // 3 mm more on each side, and crop marks
}

// What a printer needs around a page, in millimetres.
const (
	bleed    = 3.0
	markGap  = 1.0
	markLong = 5.0
	margin   = bleed + markGap + markLong
)

const pointsPerMM = 72 / 25.4

// PDF writes the sheets, in millimetres, as pages. The letters stay text; the font is embedded with the letters used.
func PDF(sheets []*Sheet, o Print) ([]byte, error) {
	if o.Scale == 0 {
		o.Scale = 1
	}
	f := fpdf.NewCustom(&fpdf.InitType{UnitStr: "mm", Size: fpdf.SizeType{Wd: 210, Ht: 297}})
	f.SetCatalogSort(true)
	f.SetCreationDate(o.Date)
	f.SetModificationDate(o.Date)
	f.SetProducer("Doverie", false)
	f.SetTitle(o.Title, true)
	f.SetAuthor(o.Author, true)
	f.SetLang(o.Lang)
	f.SetAutoPageBreak(false, 0)
	f.SetMargins(0, 0, 0)
	f.AddUTF8FontFromBytes("golos", "", regularTTF)
	f.AddUTF8FontFromBytes("golos", "B", boldTTF)
	pictures := map[*Picture]string{}
	for _, s := range sheets {
		w, h, around := s.W*o.Scale, s.H*o.Scale, 0.0
		if o.Bleed {
			around = margin
		}
		f.AddPageFormat("P", fpdf.SizeType{Wd: w + 2*around, Ht: h + 2*around})
		if o.Bleed {
			f.SetPageBox("trim", around, around, w, h)
			f.SetPageBox("bleed", around-bleed, around-bleed, w+2*bleed, h+2*bleed)
			f.ClipRect(around-bleed, around-bleed, w+2*bleed, h+2*bleed, false)
		}
		for _, op := range s.ops {
			pdfOp(f, op, around, o.Scale, pictures)
		}
		if o.Bleed {
			f.ClipEnd()
			marks(f, w, h, s.Folds, o.Scale)
		}
	}
	var b bytes.Buffer
	err := f.Output(&b)
	return b.Bytes(), err
}

func pdfOp(f *fpdf.Fpdf, o op, around, k float64, pictures map[*Picture]string) {
	x, y := around+o.x*k, around+o.y*k
	r, g, b := o.color.rgb()
	switch {
	case o.picture != nil:
		name, ok := pictures[o.picture]
		if !ok {
			name = "picture" + strconv.Itoa(len(pictures))
			pictures[o.picture] = name
			f.RegisterImageOptionsReader(name, fpdf.ImageOptions{ImageType: "PNG"}, bytes.NewReader(o.picture.PNG))
		}
		f.ImageOptions(name, x, y, o.w*k, o.h*k, false, fpdf.ImageOptions{ImageType: "PNG"}, 0, "")
	case o.text != "":
		style := ""
		if o.weight == Bold {
			style = "B"
		}
		f.SetFont("golos", style, o.size*k*pointsPerMM)
		f.SetTextColor(int(r), int(g), int(b))
		f.Text(x, y, o.text)
	case o.link != "":
		f.LinkString(x, y, o.w*k, o.h*k, o.link)
	case o.path != nil:
		f.SetFillColor(int(r), int(g), int(b))
		for _, s := range o.path {
			p := s.p
			for i := range p {
				p[i] = point{around + p[i].x*k, around + p[i].y*k}
			}
			switch s.kind {
			case 'M':
				f.MoveTo(p[0].x, p[0].y)
			case 'L':
				f.LineTo(p[0].x, p[0].y)
			case 'C':
				f.CurveBezierCubicTo(p[0].x, p[0].y, p[1].x, p[1].y, p[2].x, p[2].y)
			default:
				f.ClosePath()
			}
		}
		f.DrawPath("F")
	}
}

// marks draws where to cut and where to fold, outside the bleed.
func marks(f *fpdf.Fpdf, w, h float64, folds []float64, k float64) {
	f.SetDrawColor(0, 0, 0)
	f.SetLineWidth(0.1)
	left, top, right, bottom := margin, margin, margin+w, margin+h
	for _, x := range []float64{left, right} {
		f.Line(x, 0, x, markLong)
		f.Line(x, bottom+bleed+markGap, x, bottom+margin)
	}
	for _, y := range []float64{top, bottom} {
		f.Line(0, y, markLong, y)
		f.Line(right+bleed+markGap, y, right+margin, y)
	}
	f.SetDashPattern([]float64{1, 0.7}, 0)
	for _, x := range folds {
		x = left + x*k
		f.Line(x, 0, x, markLong)
		f.Line(x, bottom+bleed+markGap, x, bottom+margin)
	}
	f.SetDashPattern(nil, 0)
}
