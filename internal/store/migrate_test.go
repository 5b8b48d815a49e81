package store

import (
	"errors"
	"io/fs"
	"regexp"
	"strconv"
	"testing"
)

func TestWhichProgramWorksOnWhichSchema(t *testing.T) {
	t.Parallel()
	const same, newer, older = "", "newer", "older"
	for _, c := range []struct {
		database, program int64
		floor             string
		before            bool
		want              string
	}{
		{14, 14, "", false, same},
		{14, 13, "14:13", false, same},  // one ahead, and it may
		{14, 13, "14:14", false, newer}, // one ahead, and it may not
		{14, 13, "", false, newer},      // migrated by a program that did not say
		{14, 13, "13:12", false, newer}, // the note of the migration before
		{15, 13, "15:14", false, newer}, // two ahead
		{14, 13, "14:", false, newer},
		{13, 14, "", true, same},   // one behind, and it works without the step
		{13, 14, "", false, older}, // one behind, and it does not
		{12, 14, "", true, older},
		{0, 14, "", true, older},
	} {
		err := fits(c.database, c.program, c.floor, c.before)
		var n *NewerSchemaError
		var o *OlderSchemaError
		if errors.As(err, &n) != (c.want == newer) || errors.As(err, &o) != (c.want == older) {
			t.Errorf("schema %d, program %d, note %q, before %t: %v, want %q", c.database, c.program, c.floor, c.before, err, c.want)
		}
	}
}

// From the fourteenth on, a migration says whether the former program works on its schema, and whether its own works without it.
func TestEveryMigrationSaysWhoWorksBesideIt(t *testing.T) {
	t.Parallel()
	const released = 13
	files, err := fs.Glob(migrationFiles, "migrations/*.sql")
	if err != nil || len(files) < released {
		t.Fatal(files, err)
	}
	for _, name := range files {
		version, err := strconv.Atoi(name[len("migrations/"):][:4])
		if err != nil {
			t.Fatal(err)
		}
		text, err := migrationFiles.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range []string{`(?m)^-- former program: (yes|no)$`, `(?m)^-- this program before it: (yes|no)$`} {
			if found := regexp.MustCompile(line).Match(text); found != (version > released) {
				t.Errorf("%s: a line %s: %t", name, line, found)
			}
		}
	}
	if !NeedsStop(1, 3) || !NeedsStop(12, 13) || says(99, saysFormer) {
		t.Error("servers may run on while two steps, or one that says nothing, are taken")
	}
}
