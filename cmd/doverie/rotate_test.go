package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"doverie/internal/secret"
)

// The key of the checkpoints is changed twice: once for a fresh one in the database, once for one in a file. Verification goes on over
// both, inside and outside, and who trusts the first key can go on to the last.
func TestTheCheckpointKeyIsChanged(t *testing.T) {
	tr := newTrial(t)
	folder := t.TempDir()
	text, err := os.ReadFile(tr.config)
	if err != nil {
		t.Fatal(err)
	}
	config := func(more string) {
		t.Helper()
		if err := os.WriteFile(tr.config, []byte(string(text)+"[audit]\nfolder = \""+folder+"\"\n"+more), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	says := func(words string) {
		t.Helper()
		if said := tr.out.String() + tr.err.String(); !strings.Contains(said, words) {
			t.Errorf("said %q, not %q", said, words)
		}
	}
	key := func() string {
		t.Helper()
		tr.must(t, exitDone, "audit", "key", "-config", tr.config)
		return strings.TrimSpace(tr.out.String())
	}
	config("")
	people, _ := sampleFile(t, 3, 0)
	tr.must(t, exitDone, "admin", "import", "-config", tr.config, people)
	tr.must(t, exitDone, "audit", "checkpoint", "-config", tr.config)
	first := key()
	tr.must(t, exitDone, "audit", "rotate", "-config", tr.config)
	says("Both keys have signed that.")
	second := key()
	if second == first {
		t.Fatal("the key is the same")
	}
	config(`key_file = "` + write(t, "audit.key", secret.NewMaster(), 0o600) + "\"\n")
	tr.must(t, exitFailed, "audit", "checkpoint", "-config", tr.config) // a key in a file that nobody has handed the log over to
	tr.must(t, exitDone, "audit", "rotate", "-config", tr.config)
	says("Both keys have signed that.")
	tr.must(t, exitDone, "audit", "rotate", "-config", tr.config)
	says("already")
	third := key()
	tr.must(t, exitDone, "audit", "verify", "-config", tr.config)
	says("checkpoints outside: 3")
	says("intact")
	if found, err := filepath.Glob(filepath.Join(folder, "*.hand-over")); err != nil || len(found) != 2 {
		t.Errorf("hand-overs outside: %v, %v", found, err)
	}
	export := filepath.Join(t.TempDir(), "log.jsonl")
	tr.must(t, exitDone, "audit", "export", "-config", tr.config, export)
	for _, trusted := range []string{first, second, third} {
		tr.must(t, exitDone, "audit", "verify", "-export", export, "-key", trusted, "-checkpoints", folder)
		says("intact")
	}
	// Leaked: the next key alone signs, and trust in a key before it ends there.
	config("key_file = \"" + write(t, "audit-2.key", secret.NewMaster(), 0o600) + "\"\n")
	tr.must(t, exitDone, "audit", "rotate", "-leaked", "-config", tr.config)
	says("has not signed that")
	fourth := key()
	export = filepath.Join(t.TempDir(), "log.jsonl")
	tr.must(t, exitDone, "audit", "export", "-config", tr.config, export)
	tr.must(t, exitDone, "audit", "verify", "-export", export, "-key", fourth, "-checkpoints", folder)
	tr.must(t, exitFindings, "audit", "verify", "-export", export, "-key", third)
	says("another key")
	tr.must(t, exitDone, "audit", "verify", "-config", tr.config)
}
