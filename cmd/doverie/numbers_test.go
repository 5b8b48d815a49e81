package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// TestNumbersAreImported imports reports twice: the second time nothing is new. Lines that cannot be used are named.
func TestNumbersAreImported(t *testing.T) {
	tr := newTrial(t)
	people, _ := sampleFile(t, 10, 0)
	tr.must(t, exitDone, "admin", "import", "-config", tr.config, people)
	file, err := os.Open(people)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	var phones []string
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var one struct{ Phone string }
		if err := json.Unmarshal(lines.Bytes(), &one); err != nil {
			t.Fatal(err)
		}
		phones = append(phones, one.Phone)
	}
	now := time.Now().UTC().Add(time.Minute).Format(time.RFC3339)
	reports := write(t, "numbers.jsonl", strings.Join([]string{
		fmt.Sprintf(`{"phone": %q, "sim_changed_at": %q}`, phones[0], now),
		fmt.Sprintf(`{"phone": %q, "sim_changed_at": %q}`, phones[1], now),
		fmt.Sprintf(`{"phone": %q, "reassigned_at": %q}`, phones[2], now),
		fmt.Sprintf(`{"phone": "+79990000000", "reassigned_at": %q}`, now), // nobody's here
	}, "\n"), 0o600)
	for _, want := range []string{
		"2 SIM changes, 1 reassigned numbers, 1 reports of nothing new, 0 lines refused",
		"2 SIM changes, 0 reassigned numbers, 2 reports of nothing new, 0 lines refused", // a fresh SIM stays one
	} {
		tr.must(t, exitDone, "admin", "numbers", "-config", tr.config, reports)
		if got := strings.TrimSpace(tr.out.String()); got != want {
			t.Errorf("said %q, want %q", got, want)
		}
	}
	bad := write(t, "bad.jsonl", "nonsense\n"+fmt.Sprintf(`{"phone": "12", "sim_changed_at": %q}`, now)+"\n", 0o600)
	tr.must(t, exitFindings, "admin", "numbers", "-config", tr.config, bad)
	if words := tr.err.String(); !strings.Contains(words, "line 1: ") || !strings.Contains(words, "line 2: no phone number") {
		t.Errorf("said %q", words)
	}
}
