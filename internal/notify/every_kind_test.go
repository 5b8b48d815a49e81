package notify

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestEveryKindIsSent reads the program: a text that nothing sends promises people a notice that never comes.
func TestEveryKindIsSent(t *testing.T) {
	var program strings.Builder
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.HasPrefix(path, "../notify/") {
			return err
		}
		text, err := os.ReadFile(path)
		program.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, kind := range Kinds() {
		spec, _ := Lookup(kind)
		if spec.HasCode() && strings.HasSuffix(string(kind), ".code") {
			continue // sent by the name of its purpose; each is read from a phone by the journeys
		}
		if !strings.Contains(program.String(), `"`+string(kind)+`"`) {
			t.Errorf("%s has texts, and nothing sends it", kind)
		}
	}
}
