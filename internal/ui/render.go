package ui

import (
	"bytes"
	"embed"
	"fmt"
	"html/template"
	"io/fs"
	"path"
	"strings"
	"time"

	"doverie/internal/i18n"
)

//go:embed templates icons
var pageFiles embed.FS

// Renderer holds every page of every language, parsed once at start.
type Renderer struct {
	voices map[string]voice
	assets *Assets
}

// voice is one language: its printer and its pages by template name.
type voice struct {
	printer *i18n.Printer
	pages   map[string]*template.Template
}

// New parses every page for every printer (one a language; the first is the default). An error names the
// template that cannot be parsed.
func New(assets *Assets, printers ...*i18n.Printer) (*Renderer, error) {
	icons, err := readIcons()
	if err != nil {
		return nil, err
	}
	r := &Renderer{voices: map[string]voice{}, assets: assets}
	for _, p := range printers {
		pages, err := parsePages(functions(p, assets, icons))
		if err != nil {
			return nil, err
		}
		r.voices[p.Lang()] = voice{printer: p, pages: pages}
	}
	if _, ok := r.voices[i18n.Default]; !ok {
		return nil, fmt.Errorf("ui: no printer for the default language %q", i18n.Default)
	}
	return r, nil
}

func parsePages(funcs template.FuncMap) (map[string]*template.Template, error) {
	base, err := template.New("layout.html").Funcs(funcs).Option("missingkey=error").
		ParseFS(pageFiles, "templates/layout.html", "templates/parts/*.html")
	if err != nil {
		return nil, fmt.Errorf("ui: %w", err)
	}
	names, err := fs.Glob(pageFiles, "templates/*_*.html")
	if err != nil {
		return nil, fmt.Errorf("ui: %w", err)
	}
	pages := make(map[string]*template.Template, len(names))
	for _, name := range names {
		page, err := base.Clone()
		if err != nil {
			return nil, fmt.Errorf("ui: %w", err)
		}
		if page, err = page.ParseFS(pageFiles, name); err != nil {
			return nil, fmt.Errorf("ui: %s: %w", name, err)
		}
		if page.Lookup("main") == nil {
			return nil, fmt.Errorf("ui: %s defines no \"main\"", name)
		}
		pages[path.Base(name)] = page
	}
	return pages, nil
}

// Printer is the voice for the language, the default's when it is unknown.
func (r *Renderer) Printer(lang string) *i18n.Printer { return r.voice(lang).printer }

// Assets are the style, script, fonts and pictures.
func (r *Renderer) Assets() *Assets { return r.assets }

func (r *Renderer) voice(lang string) voice {
	if v, ok := r.voices[lang]; ok {
		return v
	}
	return r.voices[i18n.Default]
}

// frame is what layout.html sees.
type frame struct {
	Layout

	Title Text
	Page  Page
}

// Render writes the whole page into buf. A page that fails leaves buf in an unknown state: nobody sees half
// a page, because the caller sends the buffer only afterwards.
func (r *Renderer) Render(buf *bytes.Buffer, lang string, l Layout, page Page) error {
	v := r.voice(lang)
	t, ok := v.pages[page.Template()]
	if !ok {
		return fmt.Errorf("ui: there is no template %q", page.Template())
	}
	l.Lang = v.printer.Lang()
	if l.Nav == nil && l.Person != "" {
		l.Nav = CabinetNav()
	}
	if l.Home == "" {
		l.Home = "/"
	}
	if l.SignOut == "" {
		l.SignOut = "/sign-out"
	}
	if err := t.Execute(buf, frame{Layout: l, Title: page.Title(), Page: page}); err != nil {
		return fmt.Errorf("ui: %s: %w", page.Template(), err)
	}
	return nil
}

// RenderPart writes one component alone, by its template's name: for the gallery, and for pages' tests.
func (r *Renderer) RenderPart(buf *bytes.Buffer, lang, part string, data any) error {
	for _, t := range r.voice(lang).pages {
		if err := t.ExecuteTemplate(buf, part, data); err != nil {
			return fmt.Errorf("ui: part %s: %w", part, err)
		}
		return nil
	}
	return fmt.Errorf("ui: no page holds the part %s", part)
}

func functions(p *i18n.Printer, assets *Assets, icons map[string]template.HTML) template.FuncMap {
	return template.FuncMap{
		"t": p.T, "n": p.N,
		"say":          func(t Text) string { return t.Say(p) },
		"k":            K,
		"plain":        Plain,
		"date":         p.Date,
		"day":          p.Day,
		"clock":        p.Clock,
		"datetime":     p.DateTime,
		"fulldatetime": p.FullDateTime,
		"datetimezone": p.DateTimeZone,
		"duration":     p.Duration,
		"in":           p.In,
		"for":          p.For,
		"within":       p.Within,
		"ago":          p.Ago,
		"phone":        i18n.Phone,
		"iso":          func(t time.Time) string { return t.UTC().Format(time.RFC3339) },
		"asset":        assets.URL,
		"screen":       func(name, alt string) (Screen, error) { return assets.Screen(name, p.Lang(), K(alt)) },
		"otherlang":    otherLanguage,
		"notice":       func(tone Tone, text Text) Notice { return Notice{Tone: tone, Text: text} },
		"badge":        func(tone Tone, text Text) Badge { return Badge{Tone: tone, Text: text} },
		"step":         func(step, of int) Step { return Step{Step: step, Of: of} },
		"link":         func(text Text, href string) NavLink { return NavLink{Text: text, Href: href} },
		"toneicon":     toneIcon,
		"icon": func(name string) (template.HTML, error) {
			if svg, ok := icons[name]; ok {
				return svg, nil
			}
			return "", fmt.Errorf("there is no icon %q", name)
		},
	}
}

func otherLanguage(lang string) string {
	if lang == i18n.Russian {
		return i18n.English
	}
	return i18n.Russian
}

func toneIcon(t Tone) string {
	switch t {
	case Success:
		return "circle-check"
	case Warning:
		return "triangle-alert"
	case Danger:
		return "octagon-alert"
	case Info:
	}
	return "info"
}

// readIcons wraps the embedded drawings. They are part of the program, never data: the one place where
// ready markup enters a page.
func readIcons() (map[string]template.HTML, error) {
	files, err := pageFiles.ReadDir("icons")
	if err != nil {
		return nil, fmt.Errorf("ui: %w", err)
	}
	icons := make(map[string]template.HTML, len(files))
	for _, f := range files {
		inner, err := pageFiles.ReadFile("icons/" + f.Name())
		if err != nil {
			return nil, fmt.Errorf("ui: %w", err)
		}
		icons[strings.TrimSuffix(f.Name(), ".svg")] = template.HTML( //nolint:gosec // embedded file, no data in it
			`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">` + strings.TrimSpace(string(inner)) + `</svg>`)
	}
	return icons, nil
}
