package sheet

import (
	_ "embed"
	"strings"
	"sync"
	"unicode/utf8"

	"golang.org/x/image/font"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
)

// Golos Text, SIL Open Font License 1.1: fonts/OFL.txt.
//
//go:embed fonts/golos-regular.ttf
var regularTTF []byte

//go:embed fonts/golos-bold.ttf
var boldTTF []byte

// FontLicense is the licence of the embedded font; it goes with every kit.
//
//go:embed fonts/OFL.txt
var FontLicense string

// face is a font with what was read of it.
type face struct {
	mu     sync.Mutex
	font   *sfnt.Font
	buffer sfnt.Buffer
	glyphs map[rune]glyph
}

// glyph is one letter in ems.
type glyph struct {
	advance float64
	outline Path
	known   bool // the font has it
}

var faces = sync.OnceValue(func() [2]*face {
	var out [2]*face
	for i, data := range [][]byte{regularTTF, boldTTF} {
		f, err := sfnt.Parse(data)
		if err != nil {
			panic("sheet: the embedded font does not parse: " + err.Error()) // found by every test
		}
		out[i] = &face{font: f, glyphs: map[rune]glyph{}}
	}
	return out
})

func (f *face) glyph(r rune) glyph {
	f.mu.Lock()
	defer f.mu.Unlock()
	if g, ok := f.glyphs[r]; ok {
		return g
	}
	var g glyph
	upem := f.font.UnitsPerEm()
	em := fixed.I(int(upem))
	scale := func(v fixed.Int26_6) float64 { return float64(v) / 64 / float64(upem) }
	index, err := f.font.GlyphIndex(&f.buffer, r)
	g.known = err == nil && index != 0
	if advance, err := f.font.GlyphAdvance(&f.buffer, index, em, font.HintingNone); err == nil {
		g.advance = scale(advance)
	}
	if segments, err := f.font.LoadGlyph(&f.buffer, index, em, nil); err == nil {
		g.outline = outline(segments, scale)
	}
	f.glyphs[r] = g
	return g
}

// outline turns the font's segments into ours; quadratic edges become cubic.
func outline(segments sfnt.Segments, scale func(fixed.Int26_6) float64) Path {
	var p Path
	var at point
	open := false
	xy := func(q fixed.Point26_6) point { return point{scale(q.X), scale(q.Y)} }
	for _, s := range segments {
		switch s.Op {
		case sfnt.SegmentOpMoveTo:
			if open {
				p = p.Close()
			}
			at, open = xy(s.Args[0]), true
			p = p.Move(at.x, at.y)
		case sfnt.SegmentOpLineTo:
			at = xy(s.Args[0])
			p = p.Line(at.x, at.y)
		case sfnt.SegmentOpQuadTo:
			c, to := xy(s.Args[0]), xy(s.Args[1])
			p = p.Curve(at.x+(c.x-at.x)*2/3, at.y+(c.y-at.y)*2/3, to.x+(c.x-to.x)*2/3, to.y+(c.y-to.y)*2/3, to.x, to.y)
			at = to
		case sfnt.SegmentOpCubeTo:
			a, b, to := xy(s.Args[0]), xy(s.Args[1]), xy(s.Args[2])
			p = p.Curve(a.x, a.y, b.x, b.y, to.x, to.y)
			at = to
		}
	}
	if open {
		p = p.Close()
	}
	return p
}

// Width is how wide a text is at a size.
func Width(text string, size float64, w Weight) float64 {
	f, width := faces()[w], 0.0
	for _, r := range text {
		width += f.glyph(r).advance
	}
	return width * size
}

// Unprintable returns the letters of a text that the font does not have, each once.
func Unprintable(text string) string {
	var out strings.Builder
	for _, r := range text {
		if r == '\n' || r == '\u00a0' || strings.ContainsRune(out.String(), r) {
			continue
		}
		if r == utf8.RuneError || !faces()[Regular].glyph(r).known || !faces()[Bold].glyph(r).known {
			out.WriteRune(r)
		}
	}
	return out.String()
}

// Fit is the largest size not above most at which a text is no wider than width.
func Fit(text string, width, most float64, w Weight) float64 {
	if one := Width(text, 1, w); one*most > width {
		return width / one
	}
	return most
}

// outlineOf is a line of text as one shape.
func outlineOf(o op) Path {
	f := faces()[o.weight]
	var p Path
	x := o.x
	for _, r := range o.text {
		g := f.glyph(r)
		for _, s := range g.outline {
			for i := range s.p {
				s.p[i] = point{x + s.p[i].x*o.size, o.y + s.p[i].y*o.size}
			}
			p = append(p, s)
		}
		x += g.advance * o.size
	}
	return p
}
