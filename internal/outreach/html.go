package outreach

import (
	"html"
	"strings"
)

// blocks are the elements that begin a paragraph of their own.
var blocks = map[string]bool{
	"p": true, "div": true, "li": true, "ul": true, "ol": true, "dl": true, "dt": true, "dd": true, "br": false, "hr": true,
	"h1": true, "h2": true, "h3": true, "h4": true, "h5": true, "h6": true, "section": true, "article": true, "header": true,
	"footer": true, "main": true, "nav": true, "aside": true, "table": true, "tr": true, "td": true, "th": true, "title": true,
	"blockquote": true, "figure": true, "figcaption": true, "form": true, "fieldset": true, "legend": true, "option": true,
	"details": true, "summary": true, "body": true, "html": true, "head": true, "address": true, "pre": true,
}

// unread are the elements whose content nobody reads.
var unread = map[string]bool{"script": true, "style": true, "template": true, "noscript": false, "svg": false}

// LooksLikeHTML reports whether a text has to be read as a page.
func LooksLikeHTML(text string) bool {
	head := strings.ToLower(strings.TrimSpace(text[:min(len(text), 4096)]))
	for _, mark := range []string{"<!doctype", "<html", "<body", "<p>", "<p ", "<div", "<br", "<li>", "<ul", "<ol", "<a ", "<h1", "<h2", "<section", "<article", "<main"} {
		if strings.Contains(head, mark) {
			return true
		}
	}
	return false
}

// frames are the elements around a page's text; their links lead where every page of the site leads.
var frames = map[string]bool{"nav": true, "footer": true, "header": true, "aside": true}

// reader turns a page into paragraphs and links.
type reader struct {
	p       published
	buffer  strings.Builder
	block   int
	href    string // of the link being read
	anchor  strings.Builder
	skipped string // the element whose content is skipped
	frame   int    // open elements around the text: menus and feet
}

// readHTML reads a page as a person would: text and the words of pictures, and where its links lead.
func readHTML(page string) published {
	var r reader
	for page != "" {
		at := strings.IndexByte(page, '<')
		if at < 0 {
			r.text(page)
			break
		}
		r.text(page[:at])
		page = r.tag(page[at:])
	}
	r.flush()
	return r.p
}

func (r *reader) text(s string) {
	if r.skipped != "" || s == "" {
		return
	}
	s = clean(html.UnescapeString(s))
	s = strings.ReplaceAll(s, "\n", " ")
	r.buffer.WriteString(s)
	if r.href != "" {
		r.anchor.WriteString(s)
	}
}

func (r *reader) flush() {
	text := r.buffer.String()
	r.buffer.Reset()
	if strings.TrimSpace(text) != "" {
		r.p.add(listMark.ReplaceAllString(text, ""), r.block)
		r.block++
	}
}

// tag reads one tag or comment at the beginning of s and returns what follows it.
func (r *reader) tag(s string) string {
	if strings.HasPrefix(s, "<!--") {
		_, rest, _ := strings.Cut(s[4:], "-->")
		return rest
	}
	body, rest, closed := cutTag(s[1:])
	if !closed {
		return ""
	}
	closing := strings.HasPrefix(body, "/")
	name, attributes := tagName(strings.TrimPrefix(body, "/"))
	if name == "" {
		if !strings.HasPrefix(body, "!") && !strings.HasPrefix(body, "?") {
			r.text("<") // a sign, not a tag
			return s[1:]
		}
		return rest
	}
	if r.skipped != "" {
		if closing && name == r.skipped {
			r.skipped = ""
		}
		return rest
	}
	if frames[name] {
		if closing {
			r.frame = max(0, r.frame-1)
		} else {
			r.frame++
		}
	}
	switch {
	case unread[name] && !closing && !strings.HasSuffix(body, "/"):
		r.skipped = name
	case name == "br":
		r.buffer.WriteByte(' ')
	case name == "a" && !closing:
		r.href = attribute(attributes, "href")
		r.anchor.Reset()
	case name == "a" && closing:
		r.link()
	case name == "img" && !closing:
		r.text(" " + attribute(attributes, "alt") + " ")
	case blocks[name]:
		r.flush()
	}
	return rest
}

func (r *reader) link() {
	if strings.Contains(r.href, "://") || strings.HasPrefix(r.href, "//") {
		shown := strings.TrimSpace(r.anchor.String())
		r.p.addresses = append(r.p.addresses, address{written: strings.TrimPrefix(r.href, "//"), shown: shown, block: r.block, at: len(r.p.words), frame: r.frame > 0})
	}
	r.href = ""
}

// cutTag cuts at the end of a tag; a > inside quotes does not end it.
func cutTag(s string) (body, rest string, closed bool) {
	quote := byte(0)
	for i := range len(s) {
		switch c := s[i]; {
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case (c == '"' || c == '\'') && i > 0 && strings.ContainsAny(s[i-1:i], "= \t\n"):
			quote = c
		case c == '>':
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

func tagName(s string) (name, attributes string) {
	i := 0
	for i < len(s) && (s[i] >= 'a' && s[i] <= 'z' || s[i] >= 'A' && s[i] <= 'Z' || i > 0 && s[i] >= '0' && s[i] <= '9') {
		i++
	}
	return strings.ToLower(s[:i]), s[i:]
}

// attribute returns the value of an attribute, unescaped.
func attribute(s, name string) string {
	for s != "" {
		s = strings.TrimLeft(s, " \t\r\n/")
		end := strings.IndexAny(s, "= \t\r\n/")
		if end < 0 {
			return ""
		}
		key := strings.ToLower(s[:end])
		s = strings.TrimLeft(s[end:], " \t\r\n")
		if !strings.HasPrefix(s, "=") {
			if end == 0 && s != "" {
				s = s[1:]
			}
			continue
		}
		s = strings.TrimLeft(s[1:], " \t\r\n")
		var value string
		if s != "" && (s[0] == '"' || s[0] == '\'') {
			value, s, _ = strings.Cut(s[1:], s[:1])
		} else {
			end := strings.IndexAny(s, " \t\r\n")
			if end < 0 {
				end = len(s)
			}
			value, s = s[:end], s[end:]
		}
		if key == name {
			return strings.TrimSpace(html.UnescapeString(value))
		}
	}
	return ""
}
