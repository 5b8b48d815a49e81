package main

import (
	"os"
	"strings"
	"testing"

	"doverie/internal/secret"
)

// The steps of docs/operations.md, with the program itself: each wrong order is refused in plain words.
func TestTheMasterKeyIsChanged(t *testing.T) {
	tr := newTrial(t)
	people, _ := sampleFile(t, 20, 0)
	tr.must(t, exitDone, "admin", "import", "-config", tr.config, people)
	text, err := os.ReadFile(tr.config)
	if err != nil {
		t.Fatal(err)
	}
	first := strings.TrimSuffix(string(text[strings.Index(string(text), `secret_key_file = "`)+len(`secret_key_file = "`):]), "\"\n")
	second := write(t, "secret-2.key", secret.NewMaster(), 0o600)
	config := func(current string, former ...string) {
		t.Helper()
		content := strings.Replace(string(text), first, current, 1)
		if len(former) > 0 {
			content += `former_key_files = ["` + strings.Join(former, `", "`) + "\"]\n"
		}
		if err := os.WriteFile(tr.config, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	says := func(words string) {
		t.Helper()
		if said := tr.out.String() + tr.err.String(); !strings.Contains(said, words) {
			t.Errorf("said %q, not %q", said, words)
		}
	}
	tr.must(t, exitUsage, "admin", "rekey", "-config", tr.config)
	says("former_key_files")
	tr.must(t, exitDone, "audit", "key", "-config", tr.config)
	key := tr.out.String()
	config(second)
	tr.must(t, exitFailed, "audit", "verify", "-config", tr.config)
	says("is under the master key")
	config(second, second)
	tr.must(t, exitUsage, "audit", "verify", "-config", tr.config)
	says("former_key_files: secret: the same master key was given twice")
	config(second, first)
	tr.must(t, exitFailed, "audit", "verify", "-config", tr.config)
	tr.must(t, exitDone, "admin", "rekey", "-config", tr.config)
	says("20 hashed anew")
	tr.must(t, exitDone, "admin", "rekey", "-config", tr.config)
	says("already")
	config(second)
	tr.must(t, exitDone, "audit", "verify", "-config", tr.config)
	says("intact")
	tr.must(t, exitDone, "audit", "key", "-config", tr.config)
	if tr.out.String() != key {
		t.Error("the checkpoint key has changed with the master key")
	}
	config(first)
	tr.must(t, exitFailed, "audit", "verify", "-config", tr.config)
	says("secret_key_file holds")
}
