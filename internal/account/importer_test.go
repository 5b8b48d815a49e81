package account_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"doverie/internal/account"
	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/store/storetest"
)

// snilsOf makes the n-th number with right check digits.
func snilsOf(n int) string {
	digits := fmt.Sprintf("%09d", 112_000_000+n)
	for check := range 100 {
		text := fmt.Sprintf("%s%02d", digits, check)
		if _, wrong := account.ParseSNILS(text); wrong == "" {
			return text
		}
	}
	panic("no check digits for " + digits)
}

func person(n int) string {
	return fmt.Sprintf(`{"family":"Иванова","given":"Анна","birth_date":"1980-01-02","citizenship":"RUS","snils":"%s","phone":"+7913%07d","email":"p%d@example.org"}`,
		snilsOf(n), n, n)
}

// run imports the lines from the beginning, as the command does, and stops before the line stopAt (0: never).
func run(t *testing.T, p *storetest.People, lines []string, stopAt int) (account.ImportRun, []account.ImportFault) {
	t.Helper()
	im, err := p.Accounts.StartImport(t.Context(), effect.Act{Actor: effect.System}, "f00d", "people.jsonl")
	ok(t, err)
	var faults []account.ImportFault
	for i, line := range lines {
		if i+1 == stopAt {
			return im.Run(), faults // the process dies: what was not flushed is gone
		}
		faults = append(faults, im.Add([]byte(line))...)
		if im.Full() {
			more, err := im.Flush(t.Context())
			ok(t, err)
			faults = append(faults, more...)
		}
	}
	more, err := im.Finish(t.Context())
	ok(t, err)
	return im.Run(), append(faults, more...)
}

func reasons(faults []account.ImportFault) []string {
	var out []string
	for _, f := range faults {
		out = append(out, fmt.Sprintf("%d %s %s %d", f.Line, f.Field.Name, f.Field.Key, f.Other))
	}
	slices.Sort(out)
	return out
}

func TestImport(t *testing.T) {
	each(t, func(t *testing.T, p *storetest.People) {
		p.Register(t, "Вера", "+79130000007") // has the phone of line 7 already
		var lines []string
		for n := 1; n <= 600; n++ {
			lines = append(lines, person(n))
		}
		lines[9] = strings.Replace(lines[9], "RUS", "RSU", 1)
		lines[300] = strings.Replace(lines[300], snilsOf(301), snilsOf(20), 1)              // line 301 has line 20's SNILS
		lines[400] = strings.Replace(lines[400], "p401@example.org", "P250@EXAMPLE.org", 1) // line 401 has line 250's e-mail
		lines[500] = "{"
		wantFaults := []string{
			"10 citizenship fault.citizenship.unknown 0", "301 snils fault.import.twice 20", "401 email fault.import.twice 250",
			"501 line fault.import.json 0", "7 phone fault.import.taken 0",
		}

		// The process dies at line 400, after the first batch; the second run goes on and names everything once.
		first, found := run(t, p, lines, 400)
		if first.LastLine != account.ImportBatch || first.Accepted+first.Rejected != account.ImportBatch {
			t.Errorf("after the first batch: %+v", first)
		}
		if n := p.Count(t, `SELECT COUNT(id) FROM accounts`); n != first.Accepted+1 {
			t.Errorf("%d accounts, %d accepted: half imported", n, first.Accepted)
		}
		found = slices.DeleteFunc(found, func(f account.ImportFault) bool { return f.Line > first.LastLine }) // named again by the second run
		second, more := run(t, p, lines, 0)
		if got := reasons(append(found, more...)); !slices.Equal(got, wantFaults) {
			t.Errorf("faults:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(wantFaults, "\n"))
		}
		if second.Accepted != 595 || second.Rejected != 5 || second.LastLine != 600 || second.DoneAt.IsZero() {
			t.Errorf("at the end: %+v", second)
		}
		if n := p.Count(t, `SELECT COUNT(id) FROM accounts WHERE level = 'confirmed'`); n != 595 {
			t.Errorf("%d imported accounts", n)
		}
		if n := p.Count(t, `SELECT COUNT(seq) FROM events WHERE kind = 'account.imported'`); n != 595 {
			t.Errorf("%d events (I7)", n)
		}
		_, err := p.Accounts.StartImport(t.Context(), effect.Act{Actor: effect.System}, "f00d", "people.jsonl")
		want(t, err, fault.Conflict, "fault.import.done")
		a, err := p.FindAccount(t.Context(), account.Identifier{Kind: account.BySNILS, Value: snilsOf(600)})
		ok(t, err)
		if !a.PhoneCurrent(p.Clock.Now(), p.Policy) || !a.EmailVerified() || a.PasswordHash != "" || a.PasswordUsable(p.Clock.Now(), p.Policy) {
			t.Errorf("imported %+v", a)
		}
	})
}

// Two runs of one file at once: nobody is imported twice, one of them is told.
func TestOneFileTwiceAtOnce(t *testing.T) {
	each(t, func(t *testing.T, p *storetest.People) {
		const people = 20
		errs := storetest.Parallel(2, func(int) error {
			im, err := p.Accounts.StartImport(t.Context(), effect.Act{Actor: effect.System}, "f00d", "people.jsonl")
			if err != nil {
				return err
			}
			for n := 1; n <= people; n++ {
				im.Add([]byte(person(n)))
			}
			_, err = im.Finish(t.Context())
			return err
		})
		if n := p.Count(t, `SELECT COUNT(id) FROM accounts`); n != people {
			t.Errorf("%d accounts: %v", n, errs)
		}
		if (errs[0] == nil) == (errs[1] == nil) {
			t.Errorf("both or none: %v", errs)
		}
	})
}
