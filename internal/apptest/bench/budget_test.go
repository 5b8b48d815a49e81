package bench

import (
	"bytes"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// cost is what one step asks of the database.
type cost struct{ statements, trips, commits, rows int64 }

func (c cost) minus(o cost) cost {
	return cost{c.statements - o.statements, c.trips - o.trips, c.commits - o.commits, c.rows - o.rows}
}

func (c cost) plus(o cost) cost {
	return cost{c.statements + o.statements, c.trips + o.trips, c.commits + o.commits, c.rows + o.rows}
}

// over reports whether c is more than the budget in anything.
func (c cost) over(budget cost) bool {
	return c.statements > budget.statements || c.trips > budget.trips || c.commits > budget.commits || c.rows > budget.rows
}

// stepCost is one line of the table.
type stepCost struct {
	name string
	cost
}

// whole is the line of all steps together, without the delivery of messages, which nobody waits for.
const whole = "both people, whole recovery"

// A guarded recovery of both people costs no more than docs/performance.md says, step by step, on both
// engines: the table there is the budget. "make bench" measures it anew.
func TestStepsOfARecovery(t *testing.T) {
	budget := readBudget(t)
	for _, engine := range []string{"sqlite", "postgres"} {
		steps := walkOnce(t, engine)
		for _, s := range steps {
			limit, known := budget[s.name]
			if engine == "sqlite" {
				s.trips = 0 // a function call is no journey
			}
			if !known && !*table {
				t.Errorf("%s: step %q is not in docs/performance.md", engine, s.name)
			}
			if s.name != messages && known && !*table && s.over(limit) {
				t.Errorf("%s: %s costs %+v, its budget is %+v", engine, s.name, s.cost, limit)
			}
		}
		if *table && engine == "postgres" {
			keep(t, "steps", tableOf(steps))
		}
	}
}

// walkOnce counts one recovery.
func walkOnce(t *testing.T, engine string) []stepCost {
	t.Helper()
	w := world(t, engine)
	p := pairs(w, 1, 0)[0]
	stats := w.Store.Stats()
	read := func() cost {
		return cost{stats.Statements(), stats.RoundTrips(), stats.Commits(), stats.RowsWritten()}
	}
	var trips []string // of the step under way, for -v
	stats.Watch(func(statements []string) { trips = append(trips, trip(statements)) })
	var steps []stepCost
	sum, delivered, before := stepCost{name: whole}, stepCost{name: messages}, read()
	p.recover(w, func(name string) {
		now := read()
		spent := now.minus(before)
		before = now
		if testing.Verbose() && engine == "postgres" && name != messages {
			t.Logf("%s: %d round trips\n%s", name, len(trips), strings.Join(trips, "\n"))
		}
		trips = nil
		if name == messages {
			delivered.cost = delivered.plus(spent)
			return
		}
		steps = append(steps, stepCost{name, spent})
		sum.cost = sum.plus(spent)
	})
	if sum.statements == 0 || sum.rows == 0 {
		t.Fatal("nothing was counted")
	}
	return append(steps, sum, delivered)
}

var (
	spaces = regexp.MustCompile(`\s+`)
	about  = regexp.MustCompile(`^(WITH changed AS \()?(SELECT|INSERT INTO|UPDATE|DELETE FROM) (\S+)|FROM (\w+)|FOR UPDATE$`)
)

// trip is one round trip in a line: what each of its statements does, and to which tables.
func trip(statements []string) string {
	short := make([]string, 0, len(statements))
	for _, s := range statements {
		s = spaces.ReplaceAllString(s, " ")
		words := about.FindAllString(s, 3) //nolint:mnd // enough to tell it from others
		if len(words) == 0 {
			words = []string{s}
		}
		short = append(short, strings.Join(words, " … "))
	}
	return "\t· " + strings.Join(short, "; ")
}

func tableOf(steps []stepCost) string {
	var b strings.Builder
	b.WriteString("| step | statements | round trips | commits | rows written |\n|---|---:|---:|---:|---:|\n")
	for _, s := range steps {
		fmt.Fprintf(&b, "| %s | %d | %d | %d | %d |\n", s.name, s.statements, s.trips, s.commits, s.rows)
	}
	return b.String()
}

// document is where the figures stand.
const document = "../../../docs/performance.md"

var budgetLine = regexp.MustCompile(`(?m)^\| ([^|]+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$`)

func readBudget(t *testing.T) map[string]cost {
	t.Helper()
	text, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	budget := map[string]cost{}
	for _, m := range budgetLine.FindAllStringSubmatch(string(text), -1) {
		var n [4]int64
		for i := range n {
			if n[i], err = strconv.ParseInt(m[i+2], 10, 64); err != nil {
				t.Fatal(err)
			}
		}
		budget[m[1]] = cost{n[0], n[1], n[2], n[3]}
	}
	return budget
}

// keep writes the figures of one section of the document, between its two comments, and prints them.
func keep(t *testing.T, section, text string) {
	t.Helper()
	fmt.Println(text)
	old, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	begin, end := []byte("<!-- "+section+": written by make bench -->\n"), []byte("<!-- end of "+section+" -->")
	from, to := bytes.Index(old, begin), bytes.Index(old, end)
	if from < 0 || to < from {
		t.Fatalf("docs/performance.md has no section %s", section)
	}
	updated := append(append(bytes.Clone(old[:from+len(begin)]), text...), old[to:]...)
	if err := os.WriteFile(document, updated, 0o644); err != nil {
		t.Fatal(err)
	}
}
