package sheet

import (
	"strings"
	"unicode/utf8"
)

// Style is how a paragraph looks.
type Style struct {
	Size   float64
	Lead   float64 // distance of lines, in sizes; 0 means 1.4
	Weight Weight
	Color  Color
	Center bool
}

func (st Style) lead() float64 {
	if st.Lead == 0 {
		return 1.4 * st.Size
	}
	return st.Lead * st.Size
}

// Paragraph writes a text into a column of width w whose top is y, and returns where the next thing begins.
func (s *Sheet) Paragraph(x, y, w float64, st Style, text string) float64 {
	for _, line := range Lines(text, w, st) {
		at := x
		if st.Center {
			at += (w - Width(line, st.Size, st.Weight)) / 2
		}
		// the letters stand in the middle of their line: capitals are 0.7 em high
		s.Text(at, y+(st.lead()+0.7*st.Size)/2, st.Size, st.Weight, st.Color, line)
		y += st.lead()
	}
	return y
}

// Height is how high a paragraph becomes.
func Height(text string, w float64, st Style) float64 {
	return float64(len(Lines(text, w, st))) * st.lead()
}

// Shrink makes a style smaller until the text fits a box.
func Shrink(text string, w, h float64, st Style) Style {
	for Height(text, w, st) > h {
		st.Size *= 0.97
	}
	return st
}

// Lines breaks a text into lines no wider than w. Short words stay with what follows them, a dash with what precedes
// it; an address that is too long breaks after a stroke, and gets no hyphen, which would become part of it.
func Lines(text string, w float64, st Style) []string {
	var lines []string
	for part := range strings.SplitSeq(text, "\n") {
		line := ""
		for _, word := range words(part) {
			candidate := word
			if line != "" {
				candidate = line + " " + word
			}
			if Width(candidate, st.Size, st.Weight) <= w {
				line = candidate
				continue
			}
			if line != "" {
				lines = append(lines, line)
			}
			for Width(word, st.Size, st.Weight) > w {
				cut := cutAt(word, w, st)
				lines = append(lines, word[:cut])
				word = word[cut:]
			}
			line = word
		}
		lines = append(lines, line)
	}
	return lines
}

// words splits at spaces and binds what must not be torn apart with no-break spaces.
func words(text string) []string {
	var out []string
	bind := false
	const bound = "\ue000" // stands for a no-break space, which Fields would split at
	for w := range strings.FieldsSeq(strings.ReplaceAll(text, "\u00a0", bound)) {
		w = strings.ReplaceAll(w, bound, "\u00a0")
		if len(out) > 0 && (bind || w == "—" || w == "–" || w == "→") {
			out[len(out)-1] += "\u00a0" + w
		} else {
			out = append(out, w)
		}
		n := utf8.RuneCountInString(strings.TrimLeft(w, "«(“"))
		bind = n <= 2 && !strings.ContainsAny(w, ".,:;!?—–→")
	}
	return out
}

// cutAt is the byte at which a word too wide for a line is cut.
func cutAt(word string, w float64, st Style) int {
	fits, stroke := 0, 0
	for i, r := range word {
		end := i + utf8.RuneLen(r)
		if Width(word[:end], st.Size, st.Weight) > w {
			break
		}
		fits = end
		if r == '/' || r == '\u00a0' || r == '-' {
			stroke = end
		}
	}
	if stroke > 0 {
		return stroke
	}
	if fits == 0 {
		_, fits = utf8.DecodeRuneInString(word)
	}
	return fits
}
