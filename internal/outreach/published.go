package outreach

import (
	"net/url"
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// published is a text as the check sees it.
type published struct {
	words     []word
	addresses []address
	sentences []span // of words
}

// word is one word: as it was written and as it is compared.
type word struct {
	written string
	folded  string
	block   int // number of the paragraph
}

// span is a half-open range of words.
type span struct{ from, to int }

// address is a web address in the text or behind a link.
type address struct {
	written string
	shown   string // what the link reads as; empty for an address in the text
	block   int
	at      int  // index of the word it stands before
	frame   bool // in the page's menu or foot, not in its text
}

var (
	addressPattern = regexp.MustCompile(`(?i)(?:https?://[^\s<>«»"“”()\[\]]+|\b(?:www\.)?[a-z0-9][a-z0-9.-]*\.(?:ru|su|com|net|org|info|me|cc|ly|link|site|online|top|xyz|gov|рф|io|click|shop|app)\b(?:/[^\s<>«»"“”()\[\]]*)?)`)
	emailPattern   = regexp.MustCompile(`https?://\S+|[\p{L}\d._%+-]+@[\p{L}\d.-]+\.\p{L}{2,}`)
	listMark       = regexp.MustCompile(`^\s*(?:[-–—•*·▪◦✓✔→]|\d{1,2}[.)])\s+`)
	brokenWord     = regexp.MustCompile(`(\p{L})[-‐]\n[ \t]*(\p{Ll})`)
)

// readPlain reads a text without marks.
func readPlain(text string) published {
	var p published
	for i, paragraph := range paragraphs(clean(text)) {
		p.add(paragraph, i)
	}
	return p
}

// clean makes spaces and line ends plain and drops what is not seen.
func clean(text string) string {
	text = norm.NFC.String(strings.ToValidUTF8(text, " "))
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\u00ad', r == '\ufeff', r >= '\u200b' && r <= '\u200f', r == '\u2060', r >= '\u202a' && r <= '\u202e':
			return -1
		case r == '\r':
			return -1
		case r == '\n', r == '\t':
			return r
		case r == '\u2028', r == '\u2029', r == '\f', r == '\v':
			return '\n'
		case unicode.IsSpace(r):
			return ' '
		}
		return r
	}, text)
	return brokenWord.ReplaceAllString(text, "$1$2")
}

// paragraphs splits at empty lines and before list marks, which it drops.
func paragraphs(text string) []string {
	var out []string
	var current []string
	flush := func() {
		if len(current) > 0 {
			out = append(out, strings.Join(current, " "))
			current = nil
		}
	}
	for line := range strings.SplitSeq(text, "\n") {
		if mark := listMark.FindString(line); mark != "" {
			flush()
			line = line[len(mark):]
		}
		if strings.TrimSpace(line) == "" {
			flush()
			continue
		}
		current = append(current, line)
	}
	flush()
	return out
}

// add takes in one paragraph.
func (p *published) add(text string, block int) {
	begin := len(p.words)
	closeSentence := func() {
		if len(p.words) > begin {
			p.sentences = append(p.sentences, span{begin, len(p.words)})
			begin = len(p.words)
		}
	}
	text = emailPattern.ReplaceAllStringFunc(text, func(found string) string {
		if strings.Contains(found, "://") {
			return found // an address with a name in it: judged, not dropped
		}
		return " "
	})
	last := 0
	for _, at := range addressPattern.FindAllStringIndex(text, -1) {
		p.addWords(text[last:at[0]], block, closeSentence)
		found := strings.TrimRight(text[at[0]:at[1]], ".,;:!?…'")
		p.addresses = append(p.addresses, address{written: found, block: block, at: len(p.words)})
		last = at[0] + len(found)
	}
	p.addWords(text[last:], block, closeSentence)
	closeSentence()
}

func (p *published) addWords(text string, block int, closeSentence func()) {
	begin := -1
	end := func(i int) {
		if begin >= 0 {
			if f := foldWord(text[begin:i]); f != "" {
				p.words = append(p.words, word{written: text[begin:i], folded: f, block: block})
			}
			begin = -1
		}
	}
	for i, r := range text {
		switch {
		case unicode.IsLetter(r), unicode.IsDigit(r), unicode.Is(unicode.Mn, r):
			if begin < 0 {
				begin = i
			}
		case (r == '-' || r == '‐' || r == '‑' || r == '\'' || r == '’') && begin >= 0:
			// inside a word or at its end: foldWord drops it
		default:
			end(i)
			if strings.ContainsRune(".!?…;", r) {
				closeSentence()
			}
		}
	}
	end(len(text))
}

// lookalikes are Latin letters that hide in Russian words.
var lookalikes = strings.NewReplacer("a", "а", "b", "в", "c", "с", "e", "е", "h", "н", "k", "к", "m", "м", "o", "о", "p", "р", "t", "т", "x", "х", "y", "у")

var numerals = map[string]string{
	"четырнадцать": "14", "четырнадцати": "14", "четырнадцатилетия": "14", "четырнадцатилетнего": "14",
	"шестнадцать": "16", "шестнадцати": "16", "восемнадцать": "18", "восемнадцати": "18", "восемнадцатилетия": "18",
	"восемнадцатилетнего": "18", "двадцать": "20", "двадцати": "20",
}

// foldWord makes words that read the same equal: case, ё, hyphens, marks of stress, Latin letters in a Russian word.
func foldWord(w string) string {
	var b strings.Builder
	cyrillic := false
	for _, r := range w {
		switch {
		case unicode.IsLetter(r), unicode.IsDigit(r):
			r = unicode.ToLower(r)
			if r == 'ё' {
				r = 'е'
			}
			cyrillic = cyrillic || unicode.Is(unicode.Cyrillic, r)
			b.WriteRune(r)
		}
	}
	f := b.String()
	if cyrillic {
		f = lookalikes.Replace(f)
	}
	if n, ok := numerals[f]; ok {
		return n
	}
	return f
}

// foldedWords are the words of a text of our own, without its addresses.
func foldedWords(text string) []string {
	p := readPlain(text)
	out := make([]string, 0, len(p.words))
	for _, w := range p.words {
		out = append(out, w.folded)
	}
	return out
}

// sentence is a span as patterns see it: folded words between single spaces.
func (p *published) sentence(s span) string {
	var b strings.Builder
	b.WriteByte(' ')
	for _, w := range p.words[s.from:s.to] {
		b.WriteString(w.folded)
		b.WriteByte(' ')
	}
	return b.String()
}

// quote is a span as it was written, shortened in the middle of nothing: at most 40 words.
func (p *published) quote(s span) string {
	const most = 40
	var b strings.Builder
	for i, w := range p.words[s.from:min(s.to, s.from+most)] {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(w.written)
	}
	if s.to-s.from > most {
		b.WriteString(" …")
	}
	return b.String()
}

// host returns the host name of an address without www, and whether it is read as an address at all.
func host(written string) (name string, u *url.URL, ok bool) {
	if !strings.Contains(written, "://") {
		written = "https://" + written
	}
	u, err := url.Parse(written)
	if err != nil || u.Hostname() == "" {
		return "", nil, false
	}
	return strings.TrimPrefix(strings.ToLower(u.Hostname()), "www."), u, true
}
