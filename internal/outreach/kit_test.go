package outreach

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"doverie/internal/fault"
	"doverie/internal/outreach/sheet"
)

var vodokanal = Organisation{ID: "gorvodokanal", Name: "МУП г. Новосибирска «Горводоканал»", Site: "https://www.gorvodokanal.com"}

// longest is the worst that an organisation may give: the longest name.
var longest = Organisation{ID: "long", Name: strings.TrimSpace(strings.Repeat("Муниципальное учреждение ", 8))[:2*150]}

func logo(t testing.TB, w, h int) []byte {
	t.Helper()
	img := image.NewNRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			img.Set(x, y, color.NRGBA{20, uint8(x * 255 / w), uint8(y * 255 / h), uint8(255 - x%2*80)})
		}
	}
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func kit(t testing.TB, o Organisation, logo []byte, options KitOptions) map[string][]byte {
	t.Helper()
	files, err := source(t).MakeKit(o, logo, options)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]byte{}
	for _, f := range files {
		out[f.Name] = f.Data
	}
	return out
}

// tool runs a program of the tests; scripts/needs installs it. A test without it fails: nothing else proves the files.
func tool(t testing.TB, name string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %v: %v %s (run scripts/needs)", name, args, err, errs.String())
	}
	return out.String()
}

func save(t testing.TB, files map[string][]byte) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// dense drops what a page's layout decides: spaces and line ends.
func dense(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) {
			return -1
		}
		return r
	}, s)
}

func TestPrintsHoldTheSourceTextInAnEmbeddedFont(t *testing.T) {
	s := source(t)
	all := []string{"what", "principal", "contact", "open", "add", "accept", "request", "code", "never_code", "never_ask"}
	for _, bleed := range []bool{false, true} {
		dir := save(t, kit(t, vodokanal, logo(t, 300, 120), KitOptions{Bleed: bleed}))
		for name, ids := range map[string][]string{
			"poster-a4.pdf": {"what", "principal", "contact", "never_code", "never_ask"}, "poster-a3.pdf": {"what", "principal", "contact", "never_code", "never_ask"},
			"leaflet-a4.pdf": all, "large-print.pdf": append(slices.Clone(all), "landing"), "instruction.pdf": nil,
		} {
			file := filepath.Join(dir, name)
			text := dense(tool(t, "pdftotext", "-raw", file, "-"))
			want := []string{s.Landing, vodokanal.Name}
			for _, id := range ids {
				want = append(want, s.say(Russian, id))
			}
			if ids != nil && name != "large-print.pdf" {
				want = append(want, s.Labels[Russian].Type)
			}
			for _, w := range want {
				if !strings.Contains(text, dense(w)) {
					t.Errorf("%s does not hold %q", name, w)
				}
			}
			fonts := strings.Split(strings.TrimSpace(tool(t, "pdffonts", file)), "\n")[2:]
			if len(fonts) == 0 {
				t.Errorf("%s: no fonts", name)
			}
			for _, f := range fonts {
				if !strings.Contains(strings.ToLower(f), "golos") || !regexp.MustCompile(`Identity-H +yes +`).MatchString(f) {
					t.Errorf("%s: font not embedded: %s", name, f)
				}
			}
		}
	}
}

func TestPagesHaveTheirPaperSizes(t *testing.T) {
	for _, bleed := range []bool{false, true} {
		dir := save(t, kit(t, vodokanal, nil, KitOptions{Bleed: bleed}))
		for name, size := range map[string][2]float64{"poster-a4.pdf": {210, 297}, "poster-a3.pdf": {297, 420}, "leaflet-a4.pdf": {297, 210}} {
			info := tool(t, "pdfinfo", "-box", filepath.Join(dir, name))
			box := func(kind string) (w, h float64) {
				var x0, y0, x1, y1 float64
				_, rest, _ := strings.Cut(info, kind+":")
				if _, err := fmt.Sscan(rest, &x0, &y0, &x1, &y1); err != nil {
					t.Fatalf("%s: %s: %v in %s", name, kind, err, info)
				}
				return (x1 - x0) / 72 * 25.4, (y1 - y0) / 72 * 25.4
			}
			near := func(kind string, add float64) {
				if w, h := box(kind); w < size[0]+add-0.2 || w > size[0]+add+0.2 || h < size[1]+add-0.2 || h > size[1]+add+0.2 {
					t.Errorf("%s: %s is %.1f x %.1f mm", name, kind, w, h)
				}
			}
			near("TrimBox", 0)
			if bleed {
				near("BleedBox", 6)
				near("MediaBox", 18)
			} else {
				near("MediaBox", 0)
			}
		}
	}
}

// TestEveryCodeLeadsToThePrintedAddress: the plain official address, or with a placement code the same address with the code
// behind it; the code hides nothing.
func TestEveryCodeLeadsToThePrintedAddress(t *testing.T) {
	for _, placement := range []string{"", "abc2def"} {
		t.Run("code "+placement, func(t *testing.T) { everyCode(t, placement) })
	}
}

func everyCode(t *testing.T, placement string) {
	t.Helper()
	landing := source(t).Landing
	if placement != "" {
		landing += "?p=" + placement
	}
	files := kit(t, longest, logo(t, 80, 80), KitOptions{Code: placement})
	dir := save(t, files)
	for _, name := range []string{"poster-a4.pdf", "poster-a3.pdf", "leaflet-a4.pdf"} {
		if text := tool(t, "pdftotext", filepath.Join(dir, name), "-"); !slices.Contains(strings.Fields(text), landing) {
			t.Errorf("%s does not print %s in one piece", name, landing)
		}
	}
	decode := func(file string, want int) {
		t.Helper()
		found := strings.Fields(tool(t, "zbarimg", "--quiet", "--raw", "-Sdisable", "-Sqrcode.enable", file))
		if len(found) != want {
			t.Errorf("%s: %d codes, want %d", file, len(found), want)
		}
		for _, f := range found {
			if f != landing {
				t.Errorf("%s leads to %q", file, f)
			}
		}
	}
	for _, name := range []string{"screen-1920x1080.png", "banner-1080x1080.png", "qr.png"} {
		decode(filepath.Join(dir, name), 1)
	}
	for _, p := range []struct{ name, dpi string }{{"poster-a4.pdf", "72"}, {"poster-a4.pdf", "150"}, {"poster-a3.pdf", "300"}, {"leaflet-a4.pdf", "150"}} {
		page := filepath.Join(dir, p.name+p.dpi)
		tool(t, "pdftoppm", "-r", p.dpi, "-f", "1", "-l", "1", "-singlefile", "-png", filepath.Join(dir, p.name), page)
		decode(page+".png", 1)
	}
	// SVG: drawn by a browser, all three codes on one picture.
	page := `<body style="margin:0;background:#888"><img src="qr.svg"><br><img src="screen-1920x1080.svg"><br><img src="banner-1080x1080.svg">`
	if err := os.WriteFile(filepath.Join(dir, "svg.html"), []byte(page), 0o600); err != nil {
		t.Fatal(err)
	}
	shot := filepath.Join(dir, "svg.png")
	tool(t, chromium(t), "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1930,2800", "--user-data-dir="+filepath.Join(dir, "browser"),
		"--screenshot="+shot, "file://"+filepath.Join(dir, "svg.html"))
	decode(shot, 3)
}

func chromium(t testing.TB) string {
	t.Helper()
	if c := os.Getenv("CHROMIUM"); c != "" {
		return c
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("no Chromium (run scripts/needs)")
	return ""
}

// Vectors only: without a logo nothing on a print is a picture of dots, so A3 is sharp at any number of dots.
func TestPrintsAreVectors(t *testing.T) {
	dir := save(t, kit(t, vodokanal, nil, KitOptions{}))
	for _, name := range []string{"poster-a3.pdf", "poster-a4.pdf", "leaflet-a4.pdf"} {
		if list := strings.Split(strings.TrimSpace(tool(t, "pdfimages", "-list", filepath.Join(dir, name))), "\n"); len(list) != 2 {
			t.Errorf("%s holds images: %v", name, list)
		}
	}
}

// sheets of every layout by name.
func sheets(t *testing.T, o Organisation, picture []byte) map[string][]*sheet.Sheet {
	t.Helper()
	s := source(t)
	m := &maker{source: s, labels: s.Labels[Russian], org: o}
	if picture != nil {
		var err error
		if m.logo, err = readLogo(picture); err != nil {
			t.Fatal(err)
		}
	}
	instruction, err := m.instruction()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][]*sheet.Sheet{
		"poster": {m.poster()}, "leaflet": m.leaflet(), "large print": m.largePrint(), "screen": {m.screen()}, "instruction": m.instructionSheets(instruction),
	}
	for _, size := range bannerSizes {
		out[bannerName(size)] = []*sheet.Sheet{m.banner(size)}
	}
	return out
}

func TestNoLineLeavesItsPageOrMeetsAnother(t *testing.T) {
	for _, o := range []Organisation{vodokanal, longest} {
		for _, picture := range [][]byte{nil, logo(t, 600, 40), logo(t, 30, 300)} {
			for name, all := range sheets(t, o, picture) {
				for page, s := range all {
					lines := s.Written()
					for i, a := range lines {
						if a.X < 0 || a.Y < 0 || a.X+a.W > s.W-0.01*s.W+1 || a.Y+a.H > s.H-0.01*s.H {
							t.Errorf("%s, page %d: %q leaves the page", name, page+1, a.Text)
						}
						for _, b := range lines[i+1:] {
							if a.X < b.X+b.W && b.X < a.X+a.W && a.Y < b.Y+b.H && b.Y < a.Y+a.H {
								t.Errorf("%s, page %d: %q meets %q", name, page+1, a.Text, b.Text)
							}
						}
					}
				}
			}
		}
	}
}

func TestTextsFitTheirPlacesAndPassTheCheck(t *testing.T) {
	for _, placement := range []string{"", "abc2def"} {
		t.Run("code "+placement, func(t *testing.T) { textsFit(t, placement) })
	}
	if _, err := source(t).MakeKit(vodokanal, nil, KitOptions{Code: "../x"}); !fault.Is(err, fault.Invalid) {
		t.Errorf("a code that is none: %v", err)
	}
}

func textsFit(t *testing.T, placement string) {
	t.Helper()
	files := kit(t, vodokanal, nil, KitOptions{Code: placement})
	for name, c := range map[string]struct {
		most int
		form string
	}{
		"site-news-short.txt": {shortNewsMost, "short"}, "site-news-short.html": {0, "short"}, "site-news-long.txt": {0, "full"}, "site-news-long.html": {0, "full"},
		"post-vk.txt": {postMost, "short"}, "post-ok.txt": {briefPostMost, "short"}, "post-max.txt": {briefPostMost, "short"}, "post-telegram.txt": {briefPostMost, "short"},
		"bill.txt": {billMost, "short"}, "sms-1.txt": {smsOne, "sms"}, "sms-2.txt": {smsTwo, "sms"}, "banner.html": {0, "short"}, "text-ru.txt": {0, "full"}, "text-en.txt": {0, "full"},
		"instruction.txt": {0, "sms"},
	} {
		text := string(files[name])
		if n := utf8.RuneCountInString(text); n == 0 || c.most > 0 && n > c.most {
			t.Errorf("%s: %d letters, at most %d", name, n, c.most)
		}
		for _, f := range check(t, text, CheckOptions{Form: c.form, HTML: strings.HasSuffix(name, ".html")}).Findings {
			if name == "instruction.txt" && f.Level != Dangerous {
				continue // it speaks of the text; it is not the text
			}
			t.Errorf("%s: %s", name, list([]Finding{f}))
		}
		if name != "text-en.txt" && !strings.Contains(text, source(t).Landing) {
			t.Errorf("%s: no official address", name)
		}
		if code := "?p=" + placement; placement != "" && name != "bill.txt" && strings.HasPrefix(name, "post-") && !strings.Contains(text, code) {
			t.Errorf("%s: no placement code", name)
		}
		if strings.Contains(text, "<script") || strings.Contains(text, " on") && strings.Contains(text, "=\"javascript") {
			t.Errorf("%s: a script", name)
		}
	}
	for name, parts := range map[string]int{"sms-1.txt": 1, "sms-2.txt": 2} {
		text := strings.TrimSpace(string(files[name]))
		if n := Segments(text); n != parts {
			t.Errorf("%s takes %d parts (%d units)", name, n, len(utf16.Encode([]rune(text))))
		}
	}
}

func TestSegments(t *testing.T) {
	for units, parts := range map[int]int{1: 1, 70: 1, 71: 2, 134: 2, 135: 3, 201: 3, 202: 4} {
		if n := Segments(strings.Repeat("я", units)); n != parts {
			t.Errorf("%d units: %d parts, want %d", units, n, parts)
		}
	}
	if n := Segments(strings.Repeat("😀", 36)); n != 2 {
		t.Errorf("36 signs of two units: %d parts", n)
	}
}

func TestTheSameInputMakesTheSameBytes(t *testing.T) {
	a, b := kit(t, vodokanal, logo(t, 50, 50), KitOptions{}), kit(t, vodokanal, logo(t, 50, 50), KitOptions{})
	for name := range a {
		if !bytes.Equal(a[name], b[name]) {
			t.Errorf("%s differs", name)
		}
	}
	var sums strings.Builder
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for n := range a {
			if n != sumsName && !yield(n) {
				return
			}
		}
	}) {
		fmt.Fprintf(&sums, "%x  %s\n", sha256.Sum256(a[name]), name)
	}
	if sums.String() != string(a[sumsName]) {
		t.Error("the sums are not those of the files")
	}
	other := kit(t, Organisation{ID: "x", Name: "Другая"}, nil, KitOptions{})
	if bytes.Equal(other["poster-a4.pdf"], a["poster-a4.pdf"]) {
		t.Error("another organisation has the same poster")
	}
}

func TestWhatAnOrganisationMayNotGive(t *testing.T) {
	s := source(t)
	for name, c := range map[string]struct {
		o    Organisation
		logo []byte
		want string
	}{
		"id":            {Organisation{ID: "../up", Name: "x"}, nil, "outreach.field.id"},
		"no name":       {Organisation{ID: "x"}, nil, "outreach.field.missing"},
		"long name":     {Organisation{ID: "x", Name: strings.Repeat("я", nameMost+1)}, nil, "outreach.field.long"},
		"lines in name": {Organisation{ID: "x", Name: "a\nb"}, nil, "outreach.field.lines"},
		"letters":       {Organisation{ID: "x", Name: "Ψ 😀"}, nil, "outreach.field.letters"},
		"site":          {Organisation{ID: "x", Name: "x", Site: "javascript:alert(1)"}, nil, "outreach.field.site"},
		"logo":          {Organisation{ID: "x", Name: "x"}, []byte("<svg/>"), "outreach.field.logo"},
		"huge logo":     {Organisation{ID: "x", Name: "x"}, logo(t, logoSideMost+1, 1), "outreach.field.logo"},
		"long logo":     {Organisation{ID: "x", Name: "x"}, make([]byte, logoBytesMost+1), "outreach.field.logo"},
	} {
		_, err := s.MakeKit(c.o, c.logo, KitOptions{})
		var f *fault.Error
		if !errors.As(err, &f) || len(f.Fields) != 1 || f.Fields[0].Key != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestAKitIsWrittenWholeOrNotAtAll(t *testing.T) {
	s := source(t)
	files, err := s.MakeKit(vodokanal, nil, KitOptions{})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "kits", "one")
	for range 2 { // the second replaces the first
		if err := WriteKit(dir, files); err != nil {
			t.Fatal(err)
		}
		if !s.KitDone(dir, vodokanal, nil, KitOptions{}) || s.KitDone(dir, vodokanal, nil, KitOptions{Bleed: true}) || s.KitDone(dir, longest, nil, KitOptions{}) {
			t.Error("a kit does not know what it was made from")
		}
	}
	left, err := os.ReadDir(filepath.Dir(dir))
	if err != nil || len(left) != 1 {
		t.Errorf("left behind: %v %v", left, err)
	}
	cmd := exec.CommandContext(context.Background(), "sha256sum", "-c", "--quiet", sumsName)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("sha256sum: %v %s", err, out)
	}
	home := t.TempDir()
	if err := os.WriteFile(filepath.Join(home, "thesis.txt"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := WriteKit(home, files); !fault.HasKey(err, "outreach.fault.not_a_kit") {
		t.Errorf("a folder of somebody was replaced: %v", err)
	}
	if _, err := os.Stat(filepath.Join(home, "thesis.txt")); errors.Is(err, fs.ErrNotExist) {
		t.Error("a file of somebody is gone")
	}
}
