package main

import (
	"regexp"
	"strings"
	"testing"
)

var oneTimeCode = regexp.MustCompile(`([A-Z2-7]{4}-){6}[A-Z2-7]{2}`)

// The first administrator comes from the command line, with an office; a second of the name is refused.
func TestOperatorAdd(t *testing.T) {
	tr := newTrial(t)
	add := []string{"admin", "operator", "add", "-config", tr.config, "--name", "Галина Павловна", "--office", "МФЦ Заречный", "galina"}
	tr.must(t, exitDone, add...)
	if out := tr.out.String(); !oneTimeCode.MatchString(out) || !strings.Contains(out, "administrator") || !strings.Contains(out, "/operator/enrol") {
		t.Errorf("add says %q", out)
	}
	tr.must(t, exitFailed, add...)
	tr.must(t, exitFailed, "admin", "operator", "add", "-config", tr.config, "--name", "Никто", "--office", "МФЦ Заречный", "Имя с пробелом")
	tr.must(t, exitUsage, "admin", "operator", "add", "-config", tr.config, "--name", "Никто", "--office", "МФЦ Заречный", "--role", "king", "boris")
	tr.must(t, exitDone, "admin", "operator", "add", "-config", tr.config, "--name", "Борис", "--office", "МФЦ Заречный", "--role", "operator", "boris")
	tr.must(t, exitDone, "admin", "operator", "list", "-config", tr.config)
	for _, line := range []string{"galina\tadministrator\tinvited\tМФЦ Заречный", "boris\toperator\tinvited\tМФЦ Заречный"} {
		if !strings.Contains(tr.out.String(), line) {
			t.Errorf("list does not say %q: %q", line, &tr.out)
		}
	}
}
