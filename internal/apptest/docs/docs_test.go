// Package docs proves what the documents say: commands of the README run, tests that are named exist.
package docs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	_ "modernc.org/sqlite" // the copy is taken beside the program, as by the tool sqlite3

	"doverie/internal/apptest/browser"
	"doverie/internal/secret"
)

// blocks are the commands of the fenced sh blocks of a document, without their remarks.
func blocks(t *testing.T, document string) (commands []string) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(browser.Root(t), document))
	if err != nil {
		t.Fatal(err)
	}
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		for line := range strings.Lines(block[1]) {
			if command, _, _ := strings.Cut(strings.TrimSpace(line), "#"); strings.TrimSpace(command) != "" {
				commands = append(commands, strings.TrimSpace(command))
			}
		}
	}
	return commands
}

// TestCommandsOfTheREADME runs every command of both READMEs: those of the program as they stand, in a folder
// with the files they name; make is asked whether it knows the target and what it would do.
func TestCommandsOfTheREADME(t *testing.T) {
	t.Parallel()
	folder := workplace(t)
	english, russian := blocks(t, "README.md"), blocks(t, "README.ru.md")
	if strings.Join(english, "\n") != strings.Join(russian, "\n") {
		t.Errorf("the two READMEs name different commands:\n%s\n--\n%s", strings.Join(english, "\n"), strings.Join(russian, "\n"))
	}
	if len(english) < 6 {
		t.Fatalf("only %d commands found", len(english))
	}
	ran := 0
	for _, command := range english {
		words := strings.Fields(command)
		switch {
		case words[0] == "make":
			out, err := run(t, browser.Root(t), append([]string{"make", "-n"}, words[1:]...)...)
			if err != nil || strings.TrimSpace(out) == "" {
				t.Errorf("%s: %v\n%s", command, err, out)
			}
		case words[0] == "bin/doverie" && words[1] == "serve":
			serves(t, folder, words)
			ran++
		case words[0] == "bin/doverie":
			if out, err := run(t, folder, words...); err != nil {
				t.Errorf("%s: %v\n%s", command, err, out)
			}
			ran++
		default:
			t.Errorf("%q is run by nobody here", command)
		}
	}
	if ran < 4 {
		t.Errorf("only %d commands of the program were run", ran)
	}
}

// workplace is a folder with the program, a configuration and a file of people.
func workplace(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	if out, err := run(t, browser.Root(t), "go", "build", "-o", filepath.Join(folder, "bin", "doverie"), "./cmd/doverie"); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	people, err := run(t, folder, "bin/doverie", "admin", "sample", "-people", "20")
	if err != nil {
		t.Fatalf("sample: %v", err)
	}
	for name, text := range map[string]string{
		"people.jsonl": people,
		"secret.key":   secret.NewMaster() + "\n",
		"doverie.toml": fmt.Sprintf("listen = %q\nbase_url = \"http://%s\"\ndatabase = \"doverie.db\"\nsecret_key_file = \"secret.key\"\n[messages]\ndevelopment = true\n", address, address),
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

func run(t *testing.T, folder string, words ...string) (string, error) {
	t.Helper()
	cmd := command(t.Context(), folder, words)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	if err != nil {
		return out.String() + errs.String(), err
	}
	return out.String(), nil
}

func command(ctx context.Context, folder string, words []string) *exec.Cmd {
	name := words[0]
	if strings.Contains(name, "/") {
		name = filepath.Join(folder, name)
	}
	cmd := exec.CommandContext(ctx, name, words[1:]...)
	cmd.Dir = folder
	return cmd
}

// serves starts the server, waits until it is ready, and stops it as an operator would.
func serves(t *testing.T, folder string, words []string) {
	t.Helper()
	config, err := os.ReadFile(filepath.Join(folder, "doverie.toml"))
	if err != nil {
		t.Fatal(err)
	}
	site := regexp.MustCompile(`base_url = "(.*)"`).FindStringSubmatch(string(config))[1]
	cmd := command(t.Context(), folder, words)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready := false
	for range 300 {
		if answer, err := http.Get(site + "/readyz"); err == nil {
			_, _ = io.Copy(io.Discard, answer.Body) // only the status counts
			answer.Body.Close()
			if ready = answer.StatusCode == http.StatusOK; ready {
				break
			}
		}
		time.Sleep(100 * time.Millisecond)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Error(err)
	}
	if err := cmd.Wait(); err != nil || !ready {
		t.Errorf("%s: ready %t, ended with %v\n%s", strings.Join(words, " "), ready, err, &errs)
	}
}

// TestCopyOfARunningDatabase takes a backup as docs/operations.md says, while the server runs, and puts it back.
func TestCopyOfARunningDatabase(t *testing.T) {
	t.Parallel()
	folder := workplace(t)
	must := func(says string, words ...string) {
		t.Helper()
		out, err := run(t, folder, words...)
		if err != nil || !strings.Contains(out, says) {
			t.Fatalf("%s: %v, and not %q\n%s", strings.Join(words, " "), err, says, out)
		}
	}
	must("schema", "bin/doverie", "migrate", "-config", "doverie.toml")
	server := command(t.Context(), folder, []string{"bin/doverie", "serve", "-config", "doverie.toml"})
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	must("", "bin/doverie", "admin", "import", "-config", "doverie.toml", "people.jsonl")
	must("all intact, epoch 1", "bin/doverie", "backup", "-config", "doverie.toml", "copy.db")
	if out, err := run(t, folder, "bin/doverie", "backup", "-config", "doverie.toml", "copy.db"); err == nil {
		t.Errorf("a backup is written over: %s", out)
	}
	if err := errors.Join(server.Process.Signal(os.Interrupt), server.Wait()); err != nil {
		t.Error(err)
	}
	must("intact: ", "bin/doverie", "audit", "verify", "-config", "doverie.toml")
	if out, err := run(t, folder, "bin/doverie", "restore", "-config", "doverie.toml", "copy.db"); err == nil {
		t.Errorf("a database is written over without being asked: %s", out)
	}
	must("fenced: epoch 2", "bin/doverie", "restore", "-config", "doverie.toml", "-replace", "copy.db")
	must("tree: ", "bin/doverie", "audit", "verify", "-config", "doverie.toml")
	must("fenced: epoch 3", "bin/doverie", "fence", "-config", "doverie.toml")
	must("checkpoint", "bin/doverie", "audit", "export", "-config", "doverie.toml", "log.jsonl")
	must("intact: ", "bin/doverie", "audit", "verify", "-export", "log.jsonl")
	log, err := os.ReadFile(filepath.Join(folder, "log.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	spoilt := strings.Replace(string(log), `"kind":"audit.fenced"`, `"kind":"audit.fenceD"`, 1)
	if err := os.WriteFile(filepath.Join(folder, "spoilt.jsonl"), []byte(spoilt), 0o600); err != nil || spoilt == string(log) {
		t.Fatal(err)
	}
	if out, err := run(t, folder, "bin/doverie", "audit", "verify", "-export", "spoilt.jsonl"); err == nil || !strings.Contains(out, "BROKEN: event ") {
		t.Errorf("%v: %s", err, out)
	}
}

// asvs lists the requirements of levels 1 and 2 of ASVS 5.0.0: for each section, the last number at those levels.
const asvs = `1.1.2 1.2.9 1.3.11 1.4.3 1.5.2 2.1.3 2.2.3 2.3.4 2.4.1 3.2.2 3.3.4 3.4.6 3.5.5 3.7.2 4.1.3 4.2.1 4.3.2 4.4.4
5.1.1 5.2.3 5.3.2 5.4.3 6.1.3 6.2.12 6.3.4 6.4.4 6.5.5 6.6.3 6.8.4 7.1.3 7.2.4 7.3.2 7.4.5 7.5.2 7.6.2 8.1.2 8.2.3 8.3.1 8.4.1
9.1.3 9.2.4 10.1.2 10.2.2 10.3.4 10.4.11 10.5.5 10.6.2 10.7.3 11.1.2 11.2.3 11.3.3 11.4.4 11.5.1 11.6.1 12.1.3 12.2.2 12.3.4
13.1.1 13.2.5 13.3.2 13.4.5 14.1.2 14.2.4 14.3.3 15.1.3 15.2.3 15.3.7 16.1.1 16.2.5 16.3.4 16.4.3 16.5.3 17.1.1 17.2.4 17.3.2`

// TestASVS checks that docs/asvs.md has every requirement once, with a state, and names tests that exist.
func TestASVS(t *testing.T) {
	t.Parallel()
	root := browser.Root(t)
	text, err := os.ReadFile(filepath.Join(root, "docs", "asvs.md"))
	if err != nil {
		t.Fatal(err)
	}
	states := map[string]int{}
	seen := map[string]int{}
	row := regexp.MustCompile(`(?m)^\| ((?:\d+\.\d+\.\d+ \([12]\)(?:, )?)+) \| ([a-z ]+) \| (.+) \| (.*) \|$`)
	for _, m := range row.FindAllStringSubmatch(string(text), -1) {
		for _, id := range regexp.MustCompile(`\d+\.\d+\.\d+`).FindAllString(m[1], -1) {
			seen[id]++
			states[m[2]]++
		}
	}
	total := 0
	for last := range strings.FieldsSeq(asvs) {
		var chapter, section, number int
		if _, err := fmt.Sscanf(last, "%d.%d.%d", &chapter, &section, &number); err != nil {
			t.Fatal(err)
		}
		for n := 1; n <= number; n++ {
			total++
			if id := fmt.Sprintf("%d.%d.%d", chapter, section, n); seen[id] != 1 {
				t.Errorf("%s is there %d times", id, seen[id])
			}
		}
	}
	if len(seen) != total {
		t.Errorf("%d requirements, want %d", len(seen), total)
	}
	for state, n := range states {
		if !strings.Contains(string(text), fmt.Sprintf("%d %s", n, state)) {
			t.Errorf("the head does not say that %d are %q", n, state)
		}
	}
	tests := testsOf(t, root)
	for _, name := range regexp.MustCompile("`((?:Test|Fuzz)[A-Za-z0-9_]+)`").FindAllStringSubmatch(string(text), -1) {
		if !tests[name[1]] {
			t.Errorf("there is no %s", name[1])
		}
	}
	for _, path := range regexp.MustCompile("`((?:docs|internal)/[a-z0-9_/.-]+)`").FindAllStringSubmatch(string(text), -1) {
		if _, err := os.Stat(filepath.Join(root, path[1])); err != nil {
			t.Error(err)
		}
	}
}

// testsOf names every test of the project.
func testsOf(t *testing.T, root string) map[string]bool {
	t.Helper()
	found := map[string]bool{}
	declared := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)[A-Za-z0-9_]+)\(`)
	for _, part := range []string{"internal", "cmd"} {
		err := filepath.WalkDir(filepath.Join(root, part), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, "_test.go") {
				return err
			}
			text, err := os.ReadFile(path)
			if errors.Is(err, fs.ErrNotExist) {
				return nil
			}
			for _, m := range declared.FindAllStringSubmatch(string(text), -1) {
				found[m[1]] = true
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return found
}
