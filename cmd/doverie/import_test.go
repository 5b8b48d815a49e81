package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"doverie/internal/i18n"
	"doverie/internal/policy"
)

// trial is a migrated database with its configuration.
type trial struct {
	config string
	out    bytes.Buffer
	err    bytes.Buffer
}

func newTrial(t *testing.T) *trial {
	t.Helper()
	tr := &trial{config: write(t, "doverie.toml", complete(t), 0o600)}
	tr.must(t, exitDone, "migrate", "-config", tr.config)
	return tr
}

// run runs a command with fresh outputs and returns the exit code.
func (tr *trial) run(ctx context.Context, args ...string) int {
	tr.out.Reset()
	tr.err.Reset()
	return run(args, console{ctx: ctx, out: &tr.out, err: &tr.err, now: time.Now})
}

func (tr *trial) must(t *testing.T, code int, args ...string) {
	t.Helper()
	if got := tr.run(t.Context(), args...); got != code {
		t.Fatalf("doverie %s: exit code %d instead of %d\n%s%s", strings.Join(args, " "), got, code, &tr.out, &tr.err)
	}
}

// sampleFile writes a sample and says what is wrong in it.
func sampleFile(t *testing.T, people, faults int) (path string, seeded []seededFault) {
	t.Helper()
	var b bytes.Buffer
	seeded, err := writeSample(&b, people, faults, 7)
	if err != nil {
		t.Fatal(err)
	}
	if len(seeded) != faults {
		t.Fatalf("%d faults seeded instead of %d", len(seeded), faults)
	}
	return write(t, "people.jsonl", b.String(), 0o600), seeded
}

var (
	faultLine = regexp.MustCompile(`^line (\d+): (\w+): (.+)$`)
	lastLine  = regexp.MustCompile(`(\d+) lines: (\d+) imported, (\d+) refused; (\S+), at most (\d+) MiB`)
)

// TestImportNamesEveryFault imports 10,000 people with 100 seeded faults: every fault is named by its line,
// field and reason, nothing else is refused, and the rest is in.
func TestImportNamesEveryFault(t *testing.T) {
	const people, faults = 10_000, 100
	tr := newTrial(t)
	file, seeded := sampleFile(t, people, faults)
	tr.must(t, exitFindings, "admin", "import", "-config", tr.config, file)
	catalogue, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	english := catalogue.Printer(i18n.English, policy.Default().Location())
	want := map[string]bool{}
	for _, f := range seeded {
		args := map[string]any{}
		if f.Key == "fault.import.twice" {
			args["Line"] = 1
		}
		want[fmt.Sprintf("line %d: %s: %s", f.Line, f.Field, english.Named(f.Key, args))] = true
	}
	var summary string
	for line := range strings.Lines(tr.out.String()) {
		line = strings.TrimRight(line, "\n")
		if !faultLine.MatchString(line) {
			summary = line
			continue
		}
		if !want[line] {
			t.Errorf("said without need: %q", line)
		}
		delete(want, line)
	}
	for line := range want {
		t.Errorf("never said: %q", line)
	}
	m := lastLine.FindStringSubmatch(summary)
	if m == nil {
		t.Fatalf("summary %q", summary)
	}
	if m[1] != strconv.Itoa(people) || m[2] != strconv.Itoa(people-faults) || m[3] != strconv.Itoa(faults) {
		t.Errorf("summary %q", summary)
	}
	t.Log(summary)
	if !strings.Contains(tr.err.String(), "100 %  10000 lines, 100 refused") {
		t.Errorf("progress: %q", &tr.err)
	}
	tr.must(t, exitFailed, "admin", "import", "-config", tr.config, file)
	if !strings.Contains(tr.err.String(), "already") {
		t.Errorf("a second import of the same file says %q", &tr.err)
	}
	tr.must(t, exitDone, "audit", "verify", "-config", tr.config)
	if !strings.Contains(tr.out.String(), "intact: ") {
		t.Errorf("audit verify says %q", &tr.out)
	}
}

// stopper ends the context when enough lines were reported.
type stopper struct {
	bytes.Buffer

	after string
	stop  context.CancelFunc
}

func (s *stopper) Write(b []byte) (int, error) {
	n, err := s.Buffer.Write(b)
	if strings.Contains(s.String(), s.after) {
		s.stop()
	}
	return n, err
}

// TestImportGoesOn breaks an import off and starts it again: nothing is lost and nothing is in twice.
func TestImportGoesOn(t *testing.T) {
	const people, faults = 2000, 20
	tr := newTrial(t)
	file, _ := sampleFile(t, people, faults)
	ctx, cancel := context.WithCancel(t.Context())
	progress := &stopper{after: "1250 lines", stop: cancel}
	code := run([]string{"admin", "import", "-config", tr.config, file}, console{ctx: ctx, out: &tr.out, err: progress, now: time.Now})
	if code != exitFailed || ctx.Err() == nil {
		t.Fatalf("the first run ended with %d: %s", code, progress)
	}
	told := strings.Count("\n"+tr.out.String(), "\nline ")
	if told == 0 || told >= faults {
		t.Fatalf("the first run named %d faults", told)
	}
	tr.must(t, exitFindings, "admin", "import", "-config", tr.config, file)
	again := strings.Count("\n"+tr.out.String(), "\nline ")
	m := lastLine.FindStringSubmatch(tr.out.String())
	if m == nil || m[2] != strconv.Itoa(people-faults) || m[3] != strconv.Itoa(faults) {
		t.Errorf("after both runs: %q", &tr.out)
	}
	if !strings.Contains(tr.out.String(), "went on after line ") {
		t.Errorf("the second run began from the start: %q", &tr.out)
	}
	if told+again < faults {
		t.Errorf("%d + %d of %d faults were named", told, again, faults)
	}
}

func TestImportInRussian(t *testing.T) {
	tr := newTrial(t)
	file := write(t, "people.jsonl", "{\"age\":1}\n", 0o600)
	tr.must(t, exitFindings, "admin", "import", "-config", tr.config, "-lang", "ru", file)
	if !strings.Contains(tr.out.String(), "line 1: age: Такого поля нет.") {
		t.Errorf("said %q", &tr.out)
	}
}

func TestProgressOnATerminal(t *testing.T) {
	tr := newTrial(t)
	file, _ := sampleFile(t, 600, 3)
	var out, err bytes.Buffer
	code := run([]string{"admin", "import", "-config", tr.config, file}, console{ctx: t.Context(), out: &out, err: &err, now: time.Now, terminal: true})
	if code != exitFindings || !strings.Contains(err.String(), "\r[##") || !strings.Contains(err.String(), "100 %  600 lines, 3 refused") {
		t.Errorf("exit code %d, drawn %q", code, &err)
	}
}

func TestConfirmAndThaw(t *testing.T) {
	tr := newTrial(t)
	file, _ := sampleFile(t, 3, 0)
	tr.must(t, exitDone, "admin", "import", "-config", tr.config, file)
	tr.must(t, exitFailed, "admin", "confirm", "-config", tr.config, "+79130000002")
	if !strings.Contains(tr.err.String(), "already confirmed") {
		t.Errorf("confirming twice says %q", &tr.err)
	}
	tr.must(t, exitFailed, "admin", "thaw", "-config", tr.config, sampleSNILS(100_000_002))
	if !strings.Contains(tr.err.String(), "not frozen") {
		t.Errorf("thawing what is not frozen says %q", &tr.err)
	}
	tr.must(t, exitFailed, "admin", "confirm", "-config", tr.config, "+79139999999")
	tr.must(t, exitFailed, "admin", "confirm", "-config", tr.config, "nobody")
}

func TestLinesOfAnyLength(t *testing.T) {
	long := strings.Repeat("x", 200_000)
	path := write(t, "lines", "a\r\n\n"+long+"\nlast", 0o600)
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := lineReader{in: bufio.NewReader(f)}
	var lengths []int
	for {
		line, err := r.next()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				t.Fatal(err)
			}
			break
		}
		lengths = append(lengths, len(line))
	}
	if len(lengths) != 4 || lengths[0] != 1 || lengths[1] != 0 || lengths[2] > 20_000 || lengths[2] < 16_385 || lengths[3] != 4 {
		t.Errorf("lengths %v", lengths)
	}
	if r.read != int64(3+1+200_001+4) {
		t.Errorf("read %d bytes", r.read)
	}
}
