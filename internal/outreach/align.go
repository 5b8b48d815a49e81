package outreach

import (
	"slices"
	"strings"
)

// Costs of an alignment, in halves of a word.
const (
	costWord  = 2 // a word more, a word less, another word
	costForm  = 1 // another form of the same word
	formStem  = 4 // letters two forms of one word share at least
	claimedBy = "\x00"
)

// match is where a text comes nearest to a statement.
type match struct {
	at   span
	cost int // 0: word for word
	size int // the most it could cost
}

// likeness is 1 for word for word, 0 for nothing in common.
func (m match) likeness() float64 {
	if m.size == 0 {
		return 0
	}
	return 1 - float64(m.cost)/float64(m.size)
}

// kept is how many of the wanted words are there.
func (m match) kept() int { return (m.size - m.cost) / costWord }

// nearest finds the place of text where the wanted words stand with the least changes.
func nearest(wanted, text []string) match {
	best := match{cost: costWord * len(wanted), size: costWord * len(wanted)}
	cost := make([]int, len(text)+1)
	start := make([]int, len(text)+1)
	for j := range start {
		start[j] = j
	}
	for i, w := range wanted {
		diagonal, diagonalStart := cost[0], start[0]
		cost[0] = costWord * (i + 1)
		for j, t := range text {
			c, s := diagonal+wordCost(w, t), diagonalStart
			if d := cost[j+1] + costWord; d < c { // the wanted word is left out
				c, s = d, start[j+1]
			}
			if d := cost[j] + costWord; d < c { // a word was put in
				c, s = d, start[j]
			}
			diagonal, diagonalStart = cost[j+1], start[j+1]
			cost[j+1], start[j+1] = c, s
		}
	}
	for j := 1; j <= len(text); j++ {
		if cost[j] < best.cost {
			best.cost, best.at = cost[j], span{start[j], j}
		}
	}
	return best
}

func wordCost(a, b string) int {
	if a == b {
		return 0
	}
	if b == claimedBy {
		return costWord
	}
	x, y := []rune(a), []rune(b)
	n := min(len(x), len(y))
	for i := range n {
		if x[i] != y[i] {
			n = i
			break
		}
	}
	if n >= formStem && n*2 >= max(len(x), len(y)) {
		return costForm
	}
	return costWord
}

// difference writes the changes that make wanted into found: [-left out-] and {+put in+}.
func difference(wanted, found []string) string {
	n, m := len(wanted), len(found)
	cost := make([][]int, n+1)
	for i := range cost {
		cost[i] = make([]int, m+1)
		for j := range cost[i] {
			switch {
			case i == 0:
				cost[i][j] = j * costWord
			case j == 0:
				cost[i][j] = i * costWord
			default:
				cost[i][j] = min(cost[i-1][j-1]+wordCost(wanted[i-1], found[j-1]), cost[i-1][j]+costWord, cost[i][j-1]+costWord)
			}
		}
	}
	type change struct{ out, in []string }
	var changes []change
	open := false
	for i, j := n, m; i > 0 || j > 0; {
		if i > 0 && j > 0 && wanted[i-1] == found[j-1] && cost[i][j] == cost[i-1][j-1] {
			i, j, open = i-1, j-1, false
			continue
		}
		if !open {
			changes, open = append(changes, change{}), true
		}
		c := &changes[len(changes)-1]
		switch {
		case i > 0 && j > 0 && cost[i][j] == cost[i-1][j-1]+wordCost(wanted[i-1], found[j-1]):
			c.out, c.in = append([]string{wanted[i-1]}, c.out...), append([]string{found[j-1]}, c.in...)
			i, j = i-1, j-1
		case i > 0 && cost[i][j] == cost[i-1][j]+costWord:
			c.out = append([]string{wanted[i-1]}, c.out...)
			i--
		default:
			c.in = append([]string{found[j-1]}, c.in...)
			j--
		}
	}
	var parts []string
	for _, c := range slices.Backward(changes) {
		if out := c.out; len(out) > 0 {
			parts = append(parts, "[-"+strings.Join(out, " ")+"-]")
		}
		if in := c.in; len(in) > 0 {
			parts = append(parts, "{+"+strings.Join(in, " ")+"+}")
		}
	}
	return strings.Join(parts, " ")
}
