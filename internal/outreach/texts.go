package outreach

import (
	_ "embed"
	"fmt"
	"html"
	"strings"
	"text/template"
	"unicode/utf16"

	"doverie/internal/outreach/sheet"
)

// Bounds of the texts, in letters. They are ours, below what each place cuts off or charges for.
const (
	shortNewsMost = 700
	postMost      = 2000
	briefPostMost = 1000 // a picture's caption in Telegram ends at 1024
	billMost      = 400
)

// An SMS in Russian goes as UCS-2: 70 units alone, 67 a part when joined (3GPP TS 23.040, 9.2.3.24.1).
const (
	smsOne = 70
	smsTwo = 134
)

// Segments is how many SMS a Russian text takes.
func Segments(text string) int {
	units := len(utf16.Encode([]rune(text)))
	if units <= smsOne {
		return 1
	}
	return (units + smsTwo/2 - 1) / (smsTwo / 2)
}

func (m *maker) twoLines() string { return strings.Replace(m.labels.Title, " ", "\n", 1) }

// landingLine is the official address on a line of its own, and what to do when in doubt.
func (m *maker) landingLine() string {
	return m.labels.Official + ": " + m.address() + "\n" + m.short("landing")
}

// lines joins paragraphs.
func lines(parts ...string) string { return strings.Join(parts, "\n\n") + "\n" }

func numbered(items ...string) string {
	var b strings.Builder
	for i, item := range items {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintf(&b, "%d. %s", i+1, item)
	}
	return b.String()
}

func (m *maker) shortNews() string {
	return lines(m.labels.Title+": "+strings.ToLower(m.labels.Slogan[:2])+m.labels.Slogan[2:], m.say("what"), m.say("never_code"), m.say("landing"))
}

// longNews is the whole text; so are the plain text and, in other clothes, the large print.
func (m *maker) longNews() string {
	parts := []string{m.labels.Title}
	for _, p := range m.parts() {
		parts = append(parts, p.title)
		var said []string
		for _, id := range p.ids {
			said = append(said, m.say(id))
		}
		if len(said) > 2 {
			parts = append(parts, numbered(said...))
		} else {
			parts = append(parts, said...)
		}
	}
	return lines(parts...)
}

func (m *maker) plain(lang string) string {
	labels := m.source.Labels[lang]
	parts := []string{labels.Title}
	for _, s := range m.source.Statements {
		parts = append(parts, s.Text[lang])
	}
	return lines(parts...)
}

func (m *maker) postVK() string {
	return lines(m.labels.Title+". "+m.labels.Slogan+".", m.say("what"), m.say("principal"), m.say("contact"),
		m.labels.How+":\n"+numbered(m.short("open"), m.short("add"), m.short("accept")),
		m.say("request"), m.say("code"), m.say("never_code"), m.say("never_ask"), m.landingLine())
}

func (m *maker) postOK() string {
	return lines(m.labels.Title+". "+m.labels.Slogan+".", m.say("what"), m.say("request"), m.short("code"), m.say("never_code"), m.short("never_ask"), m.landingLine())
}

func (m *maker) postMax() string {
	return lines(m.labels.Title, m.say("what"), m.short("principal")+" "+m.short("contact"),
		m.labels.How+":\n"+numbered(m.short("open"), m.short("add"), m.short("accept")), m.say("never_code"), m.landingLine())
}

func (m *maker) postTelegram() string {
	return lines(m.labels.Title, m.say("what"), m.short("request"), m.short("code"), m.say("never_code"), m.landingLine())
}

func (m *maker) smsShort() string { return m.labels.Title + ": " + m.source.Landing + "\n" }

func (m *maker) smsLong() string {
	return m.short("never_code") + " " + m.labels.Title + ": " + m.source.Landing + "\n"
}

func (m *maker) bill() string {
	return m.labels.Title + ". " + m.short("what") + "\n" + m.short("principal") + " " + m.short("contact") + "\n" + m.short("never_code") + "\n" + m.landingLine() + "\n"
}

// asHTML is a text as a fragment of a page: the first paragraph is its heading, short ones without an end are headings of parts.
func (m *maker) asHTML(text string) string {
	var b strings.Builder
	link := fmt.Sprintf(`<a href="%s">%s</a>`, m.address(), m.source.Landing)
	for i, p := range strings.Split(strings.TrimSpace(text), "\n\n") {
		e := strings.ReplaceAll(html.EscapeString(p), html.EscapeString(m.source.Landing), link)
		switch {
		case i == 0:
			fmt.Fprintf(&b, "<h2>%s</h2>\n", e)
		case strings.HasPrefix(p, "1. "):
			b.WriteString("<ol>\n")
			for item := range strings.SplitSeq(e, "\n") {
				_, item, _ = strings.Cut(item, ". ")
				fmt.Fprintf(&b, "<li>%s</li>\n", item)
			}
			b.WriteString("</ol>\n")
		case !strings.HasSuffix(p, "."):
			fmt.Fprintf(&b, "<h3>%s</h3>\n", e)
		default:
			fmt.Fprintf(&b, "<p>%s</p>\n", strings.ReplaceAll(e, "\n", "<br>"))
		}
	}
	return b.String()
}

//go:embed instruction.ru.txt
var instructionText string

var instructionTemplate = template.Must(template.New("instruction").Parse(instructionText))

func (m *maker) instruction() (string, error) {
	var b strings.Builder
	err := instructionTemplate.Execute(&b, map[string]string{
		"Name": m.org.Name, "Version": m.source.Version, "Landing": m.address(), "Title": m.labels.Title, "What": m.short("what"),
	})
	return b.String(), err
}

// instructionSheets is the instruction for print.
func (m *maker) instructionSheets(text string) []*sheet.Sheet {
	f := newFlow(m.labels.Title, 24, 20)
	for i, line := range strings.Split(strings.TrimSpace(text), "\n") {
		head, isHead := strings.CutPrefix(line, "# ")
		switch {
		case i == 0:
			f.paragraph(sheet.Style{Size: 7.4, Lead: 1.25, Weight: sheet.Bold, Color: blue}, line, 3)
		case line == "":
			f.y += 1.5
		case isHead:
			f.heading(sheet.Style{Size: 5, Lead: 1.3, Weight: sheet.Bold, Color: blue}, head, 1, 12)
		default:
			f.paragraph(sheet.Style{Size: 3.9, Lead: 1.4, Color: ink}, line, 1.6)
		}
	}
	return f.sheets
}
