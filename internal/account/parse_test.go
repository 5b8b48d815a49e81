package account_test

import (
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"doverie/internal/account"
	"doverie/internal/policy"
)

func TestPhonesAsPeopleWriteThem(t *testing.T) {
	for _, c := range []struct{ typed, want, wrong string }{
		{"8 (913) 123-45-67", "+79131234567", ""},
		{"+7 913 123 45 67", "+79131234567", ""},
		{"7-913-123-45-67", "+79131234567", ""},
		{"9131234567", "+79131234567", ""},
		{" 89131234567\n", "+79131234567", ""},
		{"+7\u00a0913\u00a0123\u201145\u201167", "+79131234567", ""},
		{"+375 29 123-45-67", "+375291234567", ""},
		{"", "", "fault.phone.missing"},
		{"   ", "", "fault.phone.missing"},
		{"8 913 123", "", "fault.phone.invalid"},
		{"+7 913 123-45-678", "", "fault.phone.invalid"},
		{"8 800 FLOWERS", "", "fault.phone.characters"},
		{"+7 913 123-45-67 доб. 2", "", "fault.phone.characters"},
		{"\u202a+7 913 123-45-67\u202c", "+79131234567", ""}, // as copied from a telephone,
		{"8 (495) 123-45-67", "", "fault.phone.not_mobile"},
		{strings.Repeat("9", 400), "", "fault.phone.invalid"},
	} {
		if got, wrong := account.ParsePhone(c.typed); got != c.want || wrong != c.wrong {
			t.Errorf("ParsePhone(%q) = %q, %q; want %q, %q", c.typed, got, wrong, c.want, c.wrong)
		}
	}
}

func TestMasks(t *testing.T) {
	for got, want := range map[string]string{
		account.MaskPhone("+79131234567"):     "+7\u00a0•••\u00a0•••-45-67",
		account.MaskPhone("+375291234567"):    "+375\u00a0•••\u00a0•••-45-67",
		account.MaskPhone("no phone"):         "•••",
		account.MaskPhone(""):                 "•••",
		account.ShowPhone("+79131234567"):     "+7 913 123-45-67",
		account.MaskEmail("vera@example.org"): "v•••@example.org",
		account.MaskEmail("@"):                "•••",
		account.MaskSNILS("11223344595"):      "•••-•••-••5 95",
		account.ShowSNILS("11223344595"):      "112-233-445 95",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestSNILSCheckDigits(t *testing.T) {
	for _, c := range []struct{ typed, want, wrong string }{
		{"112-233-445 95", "11223344595", ""},                // 95: the sum is below 100
		{"087-654-303 00", "08765430300", ""},                // the sum is 202: 202 mod 101 is 0
		{"112 233 445 95", "11223344595", ""},                //
		{"112\u2011233\u2011445\u00a095", "11223344595", ""}, //
		{"112-233-445 96", "", "fault.snils.check"},          //
		{"001-001-998 75", "", "fault.snils.check"},          // no check digits up to here
		{"000-000-000 00", "", "fault.snils.check"},
		{"112-233-445", "", "fault.snils.length"},
		{"112-233-445 955", "", "fault.snils.length"},
		{"", "", "fault.snils.missing"},
		{"112-2З3-445 95", "", "fault.snils.characters"}, // a Cyrillic З for a 3
	} {
		if got, wrong := account.ParseSNILS(c.typed); got != c.want || wrong != c.wrong {
			t.Errorf("ParseSNILS(%q) = %q, %q; want %q, %q", c.typed, got, wrong, c.want, c.wrong)
		}
	}
}

// Every number has exactly one pair of check digits; sums of 100 and 101 both give 00.
func TestSNILSOneCheckForEachNumber(t *testing.T) {
	sums := map[int]string{}
	for n := 2_000_000; n < 2_400_000; n += 7 {
		digits := itoa(n, 9)
		sum, found := 0, ""
		for i := range 9 {
			sum += int(digits[i]-'0') * (9 - i)
		}
		for check := range 100 {
			if _, wrong := account.ParseSNILS(digits + itoa(check, 2)); wrong == "" {
				if found != "" {
					t.Fatalf("%s has two check pairs: %s and %02d", digits, found, check)
				}
				found = itoa(check, 2)
			}
		}
		if found == "" {
			t.Fatalf("%s has no check pair", digits)
		}
		sums[sum] = found
	}
	for sum, want := range map[int]string{99: "99", 100: "00", 101: "00", 102: "01"} {
		if sums[sum] != want {
			t.Errorf("sum %d: check %q, want %q", sum, sums[sum], want)
		}
	}
}

func itoa(n, width int) string {
	s := ""
	for range width {
		s = string(rune('0'+n%10)) + s
		n /= 10
	}
	return s
}

func TestIdentifiers(t *testing.T) {
	for _, c := range []struct {
		typed string
		kind  account.IdentifierKind
		value string
		wrong string
	}{
		{"8 (913) 123-45-67", account.ByPhone, "+79131234567", ""},
		{"Vera.Petrova@Example.ORG ", account.ByEmail, "vera.petrova@example.org", ""},
		{"112-233-445 95", account.BySNILS, "11223344595", ""},
		{"11223344595", account.BySNILS, "11223344595", ""},
		{"89131234567", account.ByPhone, "+79131234567", ""},
		{"112-233-445 96", "", "", "fault.snils.check"},
		{"11223344596", "", "", "fault.snils.check"},
		{"8 913 123-45-6", "", "", "fault.phone.invalid"},
		{"вера@почта.рф", "", "", "fault.email.cyrillic"},
		{"vera@", "", "", "fault.email.invalid"},
		{"vera@localhost", "", "", "fault.email.invalid"},
		{"a..b@example.org", "", "", "fault.email.invalid"},
		{"vera petrova@example.org", "", "", "fault.email.invalid"},
		{"Вера", "", "", "fault.identifier.unreadable"},
		{"12345", "", "", "fault.identifier.unreadable"},
		{"", "", "", "fault.identifier.missing"},
		{"\u200f89131234567", account.ByPhone, "+79131234567", ""},
		{"8913123\u00004567", "", "", "fault.phone.characters"},
	} {
		got, wrong := account.ParseIdentifier(c.typed)
		if got.Kind != c.kind || got.Value != c.value || wrong != c.wrong {
			t.Errorf("ParseIdentifier(%q) = %v, %q; want %s %q, %q", c.typed, got, wrong, c.kind, c.value, c.wrong)
		}
	}
}

func TestNames(t *testing.T) {
	for _, c := range []struct{ typed, want, wrong string }{
		{"  Вера ", "Вера", ""},
		{"Алёна", "Алёна", ""},
		{"Але\u0308на", "Алёна", ""}, // decomposed
		{"Римский \u2013 Корсаков", "Римский-Корсаков", ""},
		{"Анна\u00a0\u00a0Мария", "Анна Мария", ""},
		{"О'Коннор", "О’Коннор", ""},
		{"Zoë", "Zoë", ""},
		{"Nguyễn", "Nguyễn", ""},
		{"Ә", "Ә", ""},
		{"", "", "fault.name.missing"},
		{" \u00a0", "", "fault.name.missing"},
		{"Вeра", "", "fault.name.mixed"}, // a Latin e
		{"Anя", "", "fault.name.mixed"},
		{"Вера\u202e", "", "fault.name.invisible"},
		{"\u200fВера", "", "fault.name.invisible"},
		{"Ве\u00adра", "", "fault.name.invisible"},
		{"Ве\u200dра", "", "fault.name.invisible"},
		{"Вера\x00", "", "fault.name.invisible"},
		{"Вера\n", "", "fault.name.invisible"},
		{"Вера2", "", "fault.name.characters"},
		{"<b>", "", "fault.name.characters"},
		{"Ｖｅｒａ", "", "fault.name.characters"}, // full width
		{"ვერა", "", "fault.name.characters"},
		{"-", "", "fault.name.characters"},
		{"-Вера", "", "fault.name.characters"},
		{"Ве\xff", "", "fault.name.characters"},
		{"Ве\u0301ра", "", "fault.name.characters"}, // a stress mark
		{strings.Repeat("я", account.NameMax), strings.Repeat("я", account.NameMax), ""},
		{strings.Repeat("я", account.NameMax+1), "", "fault.name.long"},
	} {
		got, wrong := account.CleanName("given", c.typed, false)
		key := ""
		if wrong != nil {
			key = wrong.Key
		}
		if got != c.want || key != c.wrong {
			t.Errorf("CleanName(%q) = %q, %q; want %q, %q", c.typed, got, key, c.want, c.wrong)
		}
	}
	if got, wrong := account.CleanName("patronymic", " ", true); got != "" || wrong != nil {
		t.Errorf("an empty patronymic: %q, %v", got, wrong)
	}
}

func TestFoldedNamesMeet(t *testing.T) {
	for _, same := range [][]string{
		{"Алёна", "АЛЕНА", "алена", "Але\u0308на"},
		{"Анна-Мария", "Анна Мария", "АннаМария", "анна \u2013 мария"},
		{"О’Коннор", "О'КОННОР"},
		{"Андрей", "Андреи\u0306"},
	} {
		for _, name := range same {
			if account.FoldName(name) != account.FoldName(same[0]) {
				t.Errorf("%q and %q differ", name, same[0])
			}
		}
	}
	for _, c := range [][2]string{{"Вера", "Bepa"}, {"Андрей", "Андреи"}, {"Анна", "Инна"}} {
		if account.FoldName(c[0]) == account.FoldName(c[1]) {
			t.Errorf("%q and %q are one", c[0], c[1])
		}
	}
}

func TestHowPeopleAreNamed(t *testing.T) {
	vera := account.Account{Family: "Петрова", Given: "Вера", Patronymic: "Петровна"}
	smith := account.Account{Family: "ёлкин", Given: "Джон"}
	for got, want := range map[string]string{
		vera.FullName(): "Петрова Вера Петровна", vera.PoliteName(): "Вера Петровна", vera.InitialName(): "Вера П.",
		smith.FullName(): "ёлкин Джон", smith.PoliteName(): "Джон", smith.InitialName(): "Джон Ё.",
		account.Account{Given: "Вера"}.InitialName(): "Вера",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// T53: the birthday −1/0/+1 day, in the policy's zone and not in UTC; 29 February.
func TestAges(t *testing.T) {
	p := policy.Default()
	for _, c := range []struct {
		birth, at string
		want      int
	}{
		{"2012-11-21", "2026-11-20T20:59:59Z", 13}, // 23:59:59 in Moscow
		{"2012-11-21", "2026-11-20T21:00:00Z", 14}, // midnight in Moscow
		{"2012-11-21", "2026-11-21T12:00:00Z", 14},
		{"2012-11-21", "2026-11-22T12:00:00Z", 14},
		{"2008-11-22", "2026-11-21T12:00:00Z", 17},
		{"2008-11-21", "2026-11-21T00:00:00Z", 18},
		{"2008-02-29", "2026-02-28T12:00:00Z", 17}, // a common year: 1 March
		{"2008-02-29", "2026-02-28T21:00:00Z", 18}, // which began in Moscow
		{"2008-02-29", "2026-03-01T12:00:00Z", 18},
		{"2008-02-29", "2028-02-28T12:00:00Z", 19}, // a leap year: the day itself
		{"2008-02-29", "2028-02-29T12:00:00Z", 20},
		{"2026-11-21", "2026-11-21T12:00:00Z", 0},
		{"2026-11-22", "2026-11-21T12:00:00Z", -1},
		{"", "2026-11-21T12:00:00Z", -1},
	} {
		var birth account.Date
		if c.birth != "" {
			birth = mustDate(t, c.birth)
		}
		now, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		if got := account.Age(birth, now, p.Location()); got != c.want {
			t.Errorf("born %s, at %s: %d, want %d", c.birth, c.at, got, c.want)
		}
	}
}

func mustDate(t *testing.T, text string) account.Date {
	t.Helper()
	d, err := account.ParseDate(text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDates(t *testing.T) {
	if mustDate(t, "21.11.2026") != mustDate(t, "2026-11-21") || mustDate(t, "2026-11-21").String() != "2026-11-21" {
		t.Error("the two forms of a date differ")
	}
	for _, bad := range []string{"", "2026-02-29", "31.04.2026", "2026-1-1", "21.11.26", "2026-11-21T00:00:00Z"} {
		if d, err := account.ParseDate(bad); err == nil {
			t.Errorf("%q is %v", bad, d)
		}
	}
}

func TestPhoneCurrent(t *testing.T) {
	p := policy.Default()
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	a := account.Account{Phone: "+79131234567", PhoneVerifiedAt: start}
	confirmed := a
	confirmed.PhoneConfirmedAt = start.Add(24 * time.Hour)
	lost := a
	lost.PhoneLostAt = start.Add(time.Hour)
	unverified := a
	unverified.PhoneVerifiedAt = time.Time{}
	for _, c := range []struct {
		name string
		a    account.Account
		at   time.Time
		want bool
	}{
		{"the last moment", a, start.Add(p.PhoneFresh - 1), true},
		{"a year later", a, start.Add(p.PhoneFresh), false},
		{"confirmed since", confirmed, start.Add(p.PhoneFresh), true},
		{"lost", lost, start.Add(2 * time.Hour), false},
		{"never verified", unverified, start, false},
		{"no phone", account.Account{PhoneVerifiedAt: start}, start, false},
	} {
		if got := c.a.PhoneCurrent(c.at, p); got != c.want {
			t.Errorf("%s: %t", c.name, got)
		}
	}
	if a.SimChangedAt = start; !a.SimFresh(start.Add(p.SimChangeQuiet-1), p) || a.SimFresh(start.Add(p.SimChangeQuiet), p) {
		t.Error("the quiet time after a SIM change is not half open")
	}
}

func TestCitizenship(t *testing.T) {
	for typed, want := range map[string]string{"rus": "RUS", " BLR ": "BLR", "KAZ": "KAZ", "RU": "", "XXX": "", "ZZZ": "", "Рос": "", "": "", "EUE": ""} {
		if got, wrong := account.ParseCitizenship(typed); got != want || (wrong == "") != (want != "") {
			t.Errorf("%q: %q, %q", typed, got, wrong)
		}
	}
}

func TestDocuments(t *testing.T) {
	for _, c := range []struct {
		kind        account.DocumentKind
		typed, want string
	}{
		{account.PassportRUS, "45 03 № 123456", "4503123456"},
		{account.PassportRUS, "45 03 12345", ""},
		{account.PassportRUS, "45 03 12345A", ""},
		{account.BirthRecordRUS, "iv-МЮ 123456", "IVМЮ123456"},
		{account.ForeignPassport, "ab 1", ""},
		{account.ForeignPassport, "ab1234567", "AB1234567"},
		{"driving_licence", "1234567890", ""},
		{account.ResidencePermit, "82\u202e1234567", ""},
	} {
		if got, wrong := account.ParseDocument(c.kind, c.typed); got != c.want || (wrong == "") != (c.want != "") {
			t.Errorf("%s %q: %q, %q", c.kind, c.typed, got, wrong)
		}
	}
}

func FuzzParseIdentifier(f *testing.F) {
	seed(f, livedPhones, livedEmails, livedSNILS, []string{"\u202e", "+7", strings.Repeat("1", 500)})
	f.Fuzz(func(t *testing.T, text string) {
		id, wrong := account.ParseIdentifier(text)
		if (wrong == "") != (id.Value != "") || !strings.HasPrefix(wrong, "fault.") && wrong != "" {
			t.Fatalf("%q: %v, %q", text, id, wrong)
		}
		if wrong != "" {
			return
		}
		for _, r := range id.Value {
			if r > unicode.MaxASCII || r <= ' ' {
				t.Fatalf("%q became %q", text, id.Value)
			}
		}
		if again, wrong := account.ParseIdentifier(id.Value); wrong != "" || again != id {
			t.Fatalf("%q became %v, and that %v (%s)", text, id, again, wrong)
		}
	})
}

func FuzzCleanName(f *testing.F) {
	seed(f, livedNames, []string{"а-б  в", "\xff"})
	f.Fuzz(func(t *testing.T, text string) {
		name, wrong := account.CleanName("n", text, true)
		if wrong != nil {
			return
		}
		if !utf8.ValidString(name) || utf8.RuneCountInString(name) > account.NameMax || name != strings.TrimSpace(name) {
			t.Fatalf("%q became %q", text, name)
		}
		if again, wrong := account.CleanName("n", name, true); wrong != nil || again != name {
			t.Fatalf("%q became %q, and that %q", text, name, again)
		}
		if account.FoldName(name) != account.FoldName(text) {
			t.Fatalf("%q and its clean form %q fold differently", text, name)
		}
		if folded := account.FoldName(name); account.FoldName(folded) != folded {
			t.Fatalf("folding %q twice differs", name)
		}
	})
}

func FuzzParseImportLine(f *testing.F) {
	f.Add([]byte(`{"family":"Петрова","given":"Вера","birth_date":"1954-03-01","citizenship":"RUS","snils":"112-233-445 95","phone":"+79131234567"}`))
	f.Add([]byte(`{"family":"Римский-Корсаков","given":"Фёдор","patronymic":"","birth_date":"29.02.2004","citizenship":"rus","snils":"11223344595","phone":"8 (913) 123-45-67","email":"n@example.org","locale":"en"}`))
	f.Add([]byte(`{"family":"Пе\u202eтрова","given":"Bера","birth_date":"1954-03-01","citizenship":"RUS","snils":"112-233-445 95","phone":"+79131234567","GIVEN":"Иван"}`))
	f.Add([]byte(`{"family":1}`))
	f.Add([]byte(`[]{}`))
	now := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, line []byte) {
		a, bad := account.ParseImportLine(line, now, policy.Default())
		if (len(bad) == 0) != (a.SNILS != "") {
			t.Fatalf("%q: %v, %v", line, a, bad)
		}
	})
}
