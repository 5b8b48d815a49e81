// Package sheet draws one picture for three uses: a PDF for print (vector, its letters as text in an embedded font), an SVG
// (vector, its letters as outlines, so that it looks alike everywhere) and a PNG. A picture is a list of filled shapes, lines
// of text and images; what draws it is decided last, so the three cannot differ in content.
//
// Lengths are in the sheet's own unit: millimetres for print, pixels for the screen. Y grows downwards.
package sheet

import (
	"fmt"
	"image"
	"math"
	"strings"
)

// Color is 0xRRGGBB.
type Color uint32

func (c Color) rgb() (r, g, b uint8) { return uint8(c >> 16), uint8(c >> 8), uint8(c) } //nolint:gosec // the bytes are what is wanted

func (c Color) hex() string { return fmt.Sprintf("#%06x", uint32(c)) }

// Weight is a cut of the font.
type Weight int

// The cuts.
const (
	Regular Weight = iota
	Bold
)

// Sheet is one picture or one printed page.
type Sheet struct {
	W, H  float64
	Title string // what a screen reader says
	Folds []float64

	ops []op
}

// New returns an empty sheet.
func New(w, h float64, title string) *Sheet { return &Sheet{W: w, H: h, Title: title} }

// op is one of: fill, line of text, picture, link.
type op struct {
	path  Path
	color Color

	text   string
	x, y   float64
	size   float64
	weight Weight

	picture *Picture
	w, h    float64

	link string
}

// Picture is a logo, decoded and encoded anew as PNG.
type Picture struct {
	Image image.Image
	PNG   []byte
}

// Fill fills a shape.
func (s *Sheet) Fill(p Path, c Color) { s.ops = append(s.ops, op{path: p, color: c}) }

// Text writes one line whose baseline begins at x, y. size is the font's em in the sheet's unit.
func (s *Sheet) Text(x, y, size float64, w Weight, c Color, text string) {
	if text == "" {
		return
	}
	text = strings.ReplaceAll(text, "\u00a0", " ")
	s.ops = append(s.ops, op{text: text, x: x, y: y, size: size, weight: w, color: c})
}

// Picture draws a picture into a box, keeping its proportions, at the box's left and vertical middle.
// It returns the width it took.
func (s *Sheet) Picture(p *Picture, x, y, w, h float64) float64 {
	b := p.Image.Bounds()
	k := math.Min(w/float64(b.Dx()), h/float64(b.Dy()))
	pw, ph := k*float64(b.Dx()), k*float64(b.Dy())
	s.ops = append(s.ops, op{picture: p, x: x, y: y + (h-ph)/2, w: pw, h: ph})
	return pw
}

// Link makes a box lead to an address; in a PDF only.
func (s *Sheet) Link(x, y, w, h float64, address string) {
	s.ops = append(s.ops, op{link: address, x: x, y: y, w: w, h: h})
}

// Line is a line of text where it stands.
type Line struct {
	Text       string
	X, Y, W, H float64 // its box: from the height of capitals to the baseline
}

// Written are the lines of text in the order they were written.
func (s *Sheet) Written() []Line {
	var out []Line
	for _, o := range s.ops {
		if o.text != "" {
			out = append(out, Line{Text: o.text, X: o.x, Y: o.y - 0.7*o.size, W: Width(o.text, o.size, o.weight), H: 0.7 * o.size})
		}
	}
	return out
}

// Path is a shape of closed outlines.
type Path []segment

type segment struct {
	kind byte // M, L, C or Z
	p    [3]point
}

type point struct{ x, y float64 }

// Move begins an outline.
func (p Path) Move(x, y float64) Path { return append(p, segment{kind: 'M', p: [3]point{{x, y}}}) }

// Line draws a straight edge.
func (p Path) Line(x, y float64) Path { return append(p, segment{kind: 'L', p: [3]point{{x, y}}}) }

// Curve draws a cubic edge.
func (p Path) Curve(x1, y1, x2, y2, x, y float64) Path {
	return append(p, segment{kind: 'C', p: [3]point{{x1, y1}, {x2, y2}, {x, y}}})
}

// Close ends an outline.
func (p Path) Close() Path { return append(p, segment{kind: 'Z'}) }

// Rect is a rectangle.
func Rect(x, y, w, h float64) Path {
	return Path{}.Move(x, y).Line(x+w, y).Line(x+w, y+h).Line(x, y+h).Close()
}

// round is how far the handles of a quarter circle reach, in radii.
const round = 0.5522847498

// RoundRect is a rectangle with round corners.
func RoundRect(x, y, w, h, r float64) Path {
	r = min(r, w/2, h/2)
	k := r * (1 - round)
	return Path{}.Move(x+r, y).
		Line(x+w-r, y).Curve(x+w-k, y, x+w, y+k, x+w, y+r).
		Line(x+w, y+h-r).Curve(x+w, y+h-k, x+w-k, y+h, x+w-r, y+h).
		Line(x+r, y+h).Curve(x+k, y+h, x, y+h-k, x, y+h-r).
		Line(x, y+r).Curve(x, y+k, x+k, y, x+r, y).Close()
}

// Circle is a circle around a centre.
func Circle(x, y, r float64) Path { return RoundRect(x-r, y-r, 2*r, 2*r, r) }

// Stroke is a broken line of some width with round ends and joints, as shapes.
func Stroke(width float64, points ...[2]float64) Path {
	var p Path
	for i, at := range points {
		p = append(p, Circle(at[0], at[1], width/2)...)
		if i == 0 {
			continue
		}
		from := points[i-1]
		length := math.Hypot(at[0]-from[0], at[1]-from[1])
		dx, dy := (at[0]-from[0])/length*width/2, (at[1]-from[1])/length*width/2
		p = p.Move(from[0]+dy, from[1]-dx).Line(at[0]+dy, at[1]-dx).Line(at[0]-dy, at[1]+dx).Line(from[0]-dy, from[1]+dx).Close()
	}
	return p
}

// bounds of all points; outlines never leave it.
func (p Path) bounds() (x0, y0, x1, y1 float64) {
	x0, y0, x1, y1 = math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)
	for _, s := range p {
		n := map[byte]int{'M': 1, 'L': 1, 'C': 3}[s.kind]
		for _, q := range s.p[:n] {
			x0, y0, x1, y1 = min(x0, q.x), min(y0, q.y), max(x1, q.x), max(y1, q.y)
		}
	}
	return x0, y0, x1, y1
}
