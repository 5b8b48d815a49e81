package flowtable

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the tables in docs/flow.md")

// Compare compares the table with the section of that name in the document, between the lines
// "<!-- table:NAME -->" and "<!-- /table -->", or rewrites the section when the flag -update is given.
func Compare(t *testing.T, document, name, table string) {
	t.Helper()
	raw, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw)
	open, shut := "<!-- table:"+name+" -->\n", "<!-- /table -->"
	start := strings.Index(text, open)
	if start < 0 {
		t.Fatalf("%s has no section %q", document, name)
	}
	start += len(open)
	length := strings.Index(text[start:], shut)
	if length < 0 {
		t.Fatalf("%s: the section %q has no end", document, name)
	}
	want := "\n" + table + "\n"
	got := text[start : start+length]
	if got == want {
		return
	}
	if *update {
		if err := os.WriteFile(document, []byte(text[:start]+want+text[start+length:]), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Errorf("%s, table %q is not what the machine does; look at the difference, then run the test with -update if it is right\n%s",
		document, name, firstDifference(got, want))
}

func firstDifference(document, machine string) string {
	a, b := strings.Split(document, "\n"), strings.Split(machine, "\n")
	for i := range max(len(a), len(b)) {
		var x, y string
		if i < len(a) {
			x = a[i]
		}
		if i < len(b) {
			y = b[i]
		}
		if x != y {
			return "document: " + x + "\nmachine:  " + y
		}
	}
	return ""
}
