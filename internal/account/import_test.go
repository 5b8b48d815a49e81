package account_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"doverie/internal/account"
	"doverie/internal/policy"
)

const goodLine = `{"family":"Петрова","given":"Вера","patronymic":"Ивановна","birth_date":"1954-03-01","citizenship":"RUS",` +
	`"snils":"112-233-445 95","phone":"8 913 123-45-67","email":"vera@example.org"}`

func TestImportLines(t *testing.T) {
	now := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	swap := func(old, fresh string) string {
		if !strings.Contains(goodLine, old) {
			t.Fatalf("the good line has no %q", old)
		}
		return strings.Replace(goodLine, old, fresh, 1)
	}
	phc := "$argon2id$v=19$m=19456,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY"
	for _, c := range []struct{ name, line, want string }{
		{"good", goodLine, ""},
		{"without patronymic", swap(`"patronymic":"Ивановна",`, ``), ""},
		{"without e-mail", swap(`,"email":"vera@example.org"`, ``), ""},
		{"with a password", swap(`"family"`, `"password_hash":"`+phc+`","family"`), ""},
		{"not Argon2id", swap(`"family"`, `"password_hash":"$2a$10$abc","family"`), "password_hash fault.import.password_hash"},
		{"no name", swap(`"Вера"`, `""`), "given fault.name.missing"},
		{"two faults", strings.Replace(swap(`"Вера"`, `"Вeра"`), "445 95", "445 94", 1), "given fault.name.mixed, snils fault.snils.check"},
		{"a day that does not exist", swap("1954-03-01", "1953-02-29"), "birth_date fault.birth.invalid"},
		{"born tomorrow", swap("1954-03-01", "2026-11-22"), "birth_date fault.birth.future"},
		{"too old to live", swap("1954-03-01", "1854-03-01"), "birth_date fault.birth.old"},
		{"no such country", swap("RUS", "RSU"), "citizenship fault.citizenship.unknown"},
		{"a city phone", swap("8 913", "8 495"), "phone fault.phone.not_mobile"},
		{"a broken e-mail", swap("vera@", "vera"), "email fault.email.invalid"},
		{"an unknown language", swap(`"family"`, `"locale":"de","family"`), "locale fault.locale.unknown"},
		{"an unknown field", swap(`"family"`, `"role":"x","family"`), "role fault.import.unknown"},
		{"a number for a text", swap(`"Вера"`, `7`), "given fault.import.type"},
		{"cut short", goodLine[:40], "line fault.import.json"},
		{"two on a line", goodLine + goodLine, "line fault.import.json"},
		{"an array", "[]", "line fault.import.json"},
		{"empty", " ", "line fault.import.empty"},
		{"not UTF-8", "\xff", "line fault.import.encoding"},
		{"endless", strings.Repeat(" ", account.ImportLineMax+1), "line fault.import.long"},
	} {
		a, bad := account.ParseImportLine([]byte(c.line), now, policy.Default())
		var got []string
		for _, f := range bad {
			got = append(got, f.Name+" "+f.Key)
		}
		slices.Sort(got)
		if text := strings.Join(got, ", "); text != c.want {
			t.Errorf("%s: %q, want %q", c.name, text, c.want)
		}
		if c.want == "" && (a.Level != account.Confirmed || a.Phone != "+79131234567" || a.SNILS != "11223344595" || !a.PhoneCurrent(now, policy.Default())) {
			t.Errorf("%s: %+v", c.name, a)
		}
	}
}
