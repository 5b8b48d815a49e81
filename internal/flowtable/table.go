package flowtable

import (
	"fmt"
	"slices"
	"strings"
)

type row struct {
	label string
	cells []string
}

// notes are the lists of effects below a table, numbered from 1.
type notes struct{ texts []string }

func (n *notes) number(text string) string {
	i := slices.Index(n.texts, text)
	if i < 0 {
		i = len(n.texts)
		n.texts = append(n.texts, text)
	}
	return fmt.Sprintf("[%d]", i+1)
}

func (n *notes) String() string {
	var b strings.Builder
	b.WriteString("\n")
	for i, text := range n.texts {
		fmt.Fprintf(&b, "%d. %s\n", i+1, text)
	}
	return b.String()
}

// render prints rows as a Markdown table. Neighbours that say the same are merged, rows with rows and
// columns with columns, so that what differs is seen.
func render(columns []string, rows []row) string {
	columns, rows = mergeColumns(columns, rows)
	rows = mergeRows(rows)
	var b strings.Builder
	b.WriteString("| event | " + strings.Join(columns, " | ") + " |\n")
	b.WriteString("|---|" + strings.Repeat("---|", len(columns)) + "\n")
	for _, r := range rows {
		b.WriteString("| " + r.label + " | " + strings.Join(r.cells, " | ") + " |\n")
	}
	return b.String()
}

func mergeRows(rows []row) []row {
	var out []row
	for _, r := range rows {
		if n := len(out); n > 0 && slices.Equal(out[n-1].cells, r.cells) {
			out[n-1].label += "<br>" + r.label
			continue
		}
		out = append(out, r)
	}
	return out
}

func mergeColumns(columns []string, rows []row) ([]string, []row) {
	var kept []int
	var names []string
	same := func(a, b int) bool {
		return !slices.ContainsFunc(rows, func(r row) bool { return r.cells[a] != r.cells[b] })
	}
	for i, name := range columns {
		if n := len(kept); n > 0 && same(kept[n-1], i) {
			names[n-1] += "<br>" + name
			continue
		}
		kept, names = append(kept, i), append(names, name)
	}
	out := make([]row, len(rows))
	for i, r := range rows {
		out[i].label = r.label
		for _, k := range kept {
			out[i].cells = append(out[i].cells, r.cells[k])
		}
	}
	return names, out
}
