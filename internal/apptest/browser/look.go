package browser

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"github.com/chromedp/chromedp"
)

// Violation is one thing that axe-core finds wrong.
type Violation struct {
	ID, Impact, Help string
	Nodes            []string
}

// Axe checks the page with axe-core: WCAG 2.2 A and AA and best practices.
func (p *Page) Axe() []Violation {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if !p.o.Script { // the checker needs what the page does without
		p.run("scripts for the checker", scripts(true))
		defer p.run("no scripts again", scripts(false))
	}
	if err := chromedp.Do(ctx, chromedp.Evaluate[chromedp.Void](axe(p.t)+"\n;undefined")); err != nil {
		p.failf("load axe-core: %v", err)
	}
	found, err := chromedp.Run(ctx, chromedp.Evaluate[[]Violation](`axe.run(document, {resultTypes: ["violations"]}).then(r =>
		r.violations.map(v => ({ID: v.id, Impact: v.impact || "", Help: v.help, Nodes: v.nodes.map(n => n.html.slice(0, 200) + " | " + (n.failureSummary || "").slice(0, 300))})))`,
		chromedp.EvalAwaitPromise))
	if err != nil {
		p.failf("axe-core: %v", err)
	}
	return found
}

// axe reads the axe-core script that scripts/needs fetched.
func axe(t testing.TB) string {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.axe == "" {
		text, err := os.ReadFile(filepath.Join(Root(t), "test", "browser", "node_modules", "axe-core", "axe.min.js"))
		if err != nil {
			t.Fatalf("axe-core is missing (run scripts/needs): %v", err)
		}
		shared.axe = string(text)
	}
	return shared.axe
}

// Root is the folder of go.mod.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above the test")
		}
		dir = up
	}
}

func (p *Page) shot(width int64) []byte {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, 800)); err != nil {
		p.t.Logf("viewport %d: %v", width, err)
		return nil
	}
	picture, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		p.t.Logf("screenshot: %v", err)
		return nil
	}
	return picture
}

// Crop saves the upper part of an element, at most so many pixels high, as a PNG of few colours; the window is width wide.
func (p *Page) Crop(file, selector string, width, most int64) {
	p.t.Helper()
	picture := p.shot(width)
	box := value[[]float64](p, fmt.Sprintf(`(() => { const r = document.querySelector(%q).getBoundingClientRect();
		return [r.left + scrollX, r.top + scrollY, r.width, r.height] })()`, selector))
	p.run("viewport", chromedp.EmulateViewport(p.o.Width, 900))
	whole, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		p.failf("screenshot: %v", err)
	}
	x, y := int(box[0]), int(box[1])
	part := image.NewRGBA(image.Rect(0, 0, int(box[2]), int(min(box[3], float64(most)))))
	for py := range part.Rect.Dy() {
		for px := range part.Rect.Dx() {
			part.Set(px, py, whole.At(x+px, y+py))
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, part); err != nil {
		p.t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(file, flat(b.Bytes()), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// Shot saves the page as a PNG of that width. A page that is wider than its window is a failure.
func (p *Page) Shot(file string, width int64) {
	p.t.Helper()
	picture := p.shot(width)
	if len(picture) == 0 {
		p.failf("no screenshot for %s", file)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o750); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(file, flat(picture), 0o600); err != nil {
		p.t.Fatal(err)
	}
	p.run("viewport", chromedp.EmulateViewport(p.o.Width, 900))
}

// Overflow returns how many CSS pixels the page is wider than a window of that width: 0 is right.
func (p *Page) Overflow(width int64) int {
	p.t.Helper()
	p.run("viewport", chromedp.EmulateViewport(width, 800))
	over := value[int](p, `Math.max(0, document.documentElement.scrollWidth - document.documentElement.clientWidth)`)
	p.run("viewport", chromedp.EmulateViewport(p.o.Width, 900))
	return over
}

// flat stores a picture with a palette of 256 colours: pages are flat, and pictures in a repository should be small.
func flat(picture []byte) []byte {
	img, err := png.Decode(bytes.NewReader(picture))
	if err != nil {
		return picture
	}
	palette := make(color.Palette, 0, 256)
	seen := map[color.RGBA]int{}
	b := img.Bounds()
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			c, _ := color.RGBAModel.Convert(img.At(x, y)).(color.RGBA)
			c.R, c.G, c.B = c.R&0xf8|c.R>>5, c.G&0xf8|c.G>>5, c.B&0xf8|c.B>>5
			seen[c]++
		}
	}
	for len(palette) < 256 && len(seen) > 0 {
		var best color.RGBA
		most := 0
		for c, n := range seen {
			if n > most {
				best, most = c, n
			}
		}
		palette = append(palette, best)
		delete(seen, best)
	}
	out := image.NewPaletted(b, palette)
	near := map[color.RGBA]uint8{}
	for y := b.Min.Y; y < b.Max.Y; y++ {
		for x := b.Min.X; x < b.Max.X; x++ {
			c, _ := color.RGBAModel.Convert(img.At(x, y)).(color.RGBA)
			i, ok := near[c]
			if !ok {
				i = uint8(palette.Index(c))
				near[c] = i
			}
			out.SetColorIndex(x, y, i)
		}
	}
	var buffer bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if encoder.Encode(&buffer, out) != nil {
		return picture
	}
	return buffer.Bytes()
}
