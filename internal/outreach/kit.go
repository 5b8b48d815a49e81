package outreach

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"image"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"doverie/internal/fault"
	"doverie/internal/outreach/sheet"
)

// File is one file of a kit.
type File struct {
	Name string
	Data []byte
}

// KitOptions say how a kit is made.
type KitOptions struct {
	Bleed bool   // with 3 mm of bleed and crop marks, for a printing house
	Code  string // placement code, counted on the landing; it stands after the official address and never instead of it
}

// The files that tell what a kit is.
const (
	manifestName = "kit.json"
	sumsName     = "SHA256SUMS"
)

// manifest says what a kit was made from; a kit whose manifest has the same fingerprint need not be made again.
type manifest struct {
	Version      string `json:"version"` // of the source text
	Organisation string `json:"organisation"`
	Fingerprint  string `json:"fingerprint"`
}

// codePattern is what a placement code may look like.
var codePattern = regexp.MustCompile(`^[a-z0-9]{4,12}$`)

// recipe changes when what is made from the same input changes.
const recipe = "2"

// fingerprint names everything a kit depends on.
func (s *Source) fingerprint(o Organisation, logo []byte, options KitOptions) string {
	sum := sha256.New()
	for _, part := range []string{recipe, s.Version, sourceFile, o.ID, o.Name, o.Site, string(logo), fmt.Sprint(options.Bleed), options.Code} {
		fmt.Fprintf(sum, "%d:%s", len(part), part)
	}
	return hex.EncodeToString(sum.Sum(nil))
}

// MakeKit makes everything an organisation needs. logo is the content of its file, or nil. The same input makes the same bytes.
func (s *Source) MakeKit(o Organisation, logo []byte, options KitOptions) ([]File, error) {
	if err := o.check(false); err != nil {
		return nil, err
	}
	if options.Code != "" && !codePattern.MatchString(options.Code) {
		return nil, fault.BadFields(fault.Field{Name: "code", Key: "outreach.field.code"})
	}
	m := &maker{source: s, labels: s.Labels[Russian], org: o, code: options.Code}
	if logo != nil {
		var err error
		if m.logo, err = readLogo(logo); err != nil {
			return nil, err
		}
	}
	files := m.texts()
	pictures, err := m.pictures()
	if err != nil {
		return nil, err
	}
	prints, err := m.prints(options)
	if err != nil {
		return nil, err
	}
	files = slices.Concat(files, pictures, prints)
	if m.err != nil {
		return nil, m.err
	}
	about, err := json.MarshalIndent(manifest{Version: s.Version, Organisation: o.Name, Fingerprint: s.fingerprint(o, logo, options)}, "", "  ")
	if err != nil {
		return nil, err
	}
	files = append(files, File{manifestName, append(about, '\n')})
	slices.SortFunc(files, func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	return append(files, File{sumsName, sums(files)}), nil
}

func sums(files []File) []byte {
	var b strings.Builder
	for _, f := range files {
		fmt.Fprintf(&b, "%x  %s\n", sha256.Sum256(f.Data), f.Name)
	}
	return []byte(b.String())
}

func (m *maker) texts() []File {
	text := func(name, content string) File { return File{name, []byte(content)} }
	return []File{
		text("site-news-short.txt", m.shortNews()),
		text("site-news-short.html", m.asHTML(m.shortNews())),
		text("site-news-long.txt", m.longNews()),
		text("site-news-long.html", m.asHTML(m.longNews())),
		text("post-vk.txt", m.postVK()),
		text("post-ok.txt", m.postOK()),
		text("post-max.txt", m.postMax()),
		text("post-telegram.txt", m.postTelegram()),
		text("sms-1.txt", m.smsShort()),
		text("sms-2.txt", m.smsLong()),
		text("bill.txt", m.bill()),
		text("banner.html", m.snippet()),
		text("text-ru.txt", m.plain(Russian)),
		text("text-en.txt", m.plain(English)),
		text("font-license.txt", sheet.FontLicense),
	}
}

// pictures are the screen, which bears the organisation's name, and what is the same for all.
func (m *maker) pictures() ([]File, error) {
	m.source.sharedOnce.Do(func() {
		m.source.shared, m.source.sharedErr = (&maker{source: m.source, labels: m.labels}).sharedPictures()
	})
	if m.source.sharedErr != nil {
		return nil, m.source.sharedErr
	}
	screen, base := m.screen(), m.source.sharedBase
	if m.code != "" { // its QR code differs: it is drawn from the beginning
		own, err := m.withQR()
		if err != nil {
			return nil, err
		}
		files, err := drawn("screen-1920x1080", screen)
		return slices.Concat(files, own, m.source.shared), err
	}
	png, err := screen.PNGOver(base.raster, base.drawn)
	files := []File{{"screen-1920x1080.png", png}, {"screen-1920x1080.svg", screen.SVG()}}
	return slices.Concat(files, m.source.sharedQR, m.source.shared), err
}

// sheetBase is the part of the screen that does not bear a name, drawn once.
type sheetBase struct {
	raster *image.RGBA
	drawn  int
}

// sharedPictures are the same for everybody without a placement code; m has none.
func (m *maker) sharedPictures() (files []File, err error) {
	screen := m.screenBase()
	m.source.sharedBase = sheetBase{screen.Raster(), screen.Drawn()}
	if m.source.sharedQR, err = m.withQR(); err != nil {
		return nil, err
	}
	for _, size := range bannerSizes {
		if bearsQR(size) {
			continue
		}
		banner, err := drawn(bannerName(size), m.banner(size))
		if err != nil {
			return nil, err
		}
		files = append(files, banner...)
	}
	return files, m.err
}

// withQR are the pictures that bear the QR code and no name.
func (m *maker) withQR() ([]File, error) {
	code := sheet.New(600, 600, m.address())
	if err := code.QR(0, 0, 600, m.address(), sheet.High, true); err != nil {
		return nil, err
	}
	files, err := drawn("qr", code)
	if err != nil {
		return nil, err
	}
	for _, size := range bannerSizes {
		if !bearsQR(size) {
			continue
		}
		banner, err := drawn(bannerName(size), m.banner(size))
		if err != nil {
			return nil, err
		}
		files = append(files, banner...)
	}
	return files, m.err
}

func drawn(name string, s *sheet.Sheet) ([]File, error) {
	png, err := s.PNG()
	return []File{{name + ".png", png}, {name + ".svg", s.SVG()}}, err
}

// enlarged is A3 to A4: the square root of two, by the sizes of the paper.
const enlarged = 297.0 / 210

func (m *maker) prints(options KitOptions) ([]File, error) {
	instruction, err := m.instruction()
	if err != nil {
		return nil, err
	}
	files := []File{{"instruction.txt", []byte(strings.ReplaceAll(instruction, "\n# ", "\n\n"))}}
	for _, p := range []struct {
		name   string
		sheets []*sheet.Sheet
		scale  float64
		bleed  bool
	}{
		{"poster-a4.pdf", []*sheet.Sheet{m.poster()}, 1, options.Bleed},
		{"poster-a3.pdf", []*sheet.Sheet{m.poster()}, enlarged, options.Bleed},
		{"leaflet-a4.pdf", m.leaflet(), 1, options.Bleed},
		{"large-print.pdf", m.largePrint(), 1, false},
		{"instruction.pdf", m.instructionSheets(instruction), 1, false},
	} {
		pdf, err := sheet.PDF(p.sheets, sheet.Print{
			Title: m.labels.Title, Author: m.org.Name, Lang: "ru-RU", Date: m.source.Day, Scale: p.scale, Bleed: p.bleed,
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", p.name, err)
		}
		files = append(files, File{p.name, pdf})
	}
	return files, nil
}

// WriteKit puts a kit into a folder, whole or not at all. A folder that holds something else than a kit is left alone.
func WriteKit(dir string, files []File) error {
	return replaceFolder(dir, manifestName, files)
}

// replaceFolder writes the files beside dir and gives them its name when all are there. marker is the file by which a
// folder of ours is known.
func replaceFolder(dir, marker string, files []File) error {
	entries, err := os.ReadDir(dir)
	exists := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if exists && len(entries) > 0 {
		if _, err := os.Stat(filepath.Join(dir, marker)); err != nil {
			return fault.New(fault.Conflict, "outreach.fault.not_a_kit", fault.Args{"Folder": dir})
		}
	}
	parent, base := filepath.Split(filepath.Clean(dir))
	if parent == "" {
		parent = "."
	}
	if err := os.MkdirAll(parent, 0o755); err != nil { //nolint:gosec // kits are for everybody to read
		return err
	}
	fresh, err := os.MkdirTemp(parent, partial+base+"-")
	if err != nil {
		return err
	}
	for _, f := range files {
		if err := writeFile(filepath.Join(fresh, f.Name), f.Data); err != nil {
			return errors.Join(err, os.RemoveAll(fresh))
		}
	}
	if err := os.Chmod(fresh, 0o755); err != nil { //nolint:gosec // see above
		return errors.Join(err, os.RemoveAll(fresh))
	}
	if exists {
		old := fresh + "-old"
		if err := os.Rename(dir, old); err != nil {
			return errors.Join(err, os.RemoveAll(fresh))
		}
		if err := os.Rename(fresh, dir); err != nil {
			return errors.Join(err, os.Rename(old, dir), os.RemoveAll(fresh))
		}
		return os.RemoveAll(old)
	}
	return os.Rename(fresh, dir)
}

// partial begins the names of folders that are being made; a later run removes what a killed one left.
const partial = ".partial-"

func writeFile(name string, data []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644) //nolint:gosec // kits are for everybody to read
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// KitDone reports whether a folder holds the whole kit that this input would make.
func (s *Source) KitDone(dir string, o Organisation, logo []byte, options KitOptions) bool {
	data, err := os.ReadFile(filepath.Join(dir, manifestName))
	if err != nil {
		return false
	}
	var m manifest
	return json.Unmarshal(data, &m) == nil && m.Fingerprint == s.fingerprint(o, logo, options)
}
