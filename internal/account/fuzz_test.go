package account_test

import (
	"encoding/json"
	"net/mail"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"doverie/internal/account"
	"doverie/internal/policy"
	"doverie/internal/secret"
)

// Forms that people really type, and those that somebody types to deceive.
var (
	livedPhones = []string{
		"8 (913) 123-45-67", "+7 913 123 45 67", "89131234567", "9131234567", "7 913 123-45-67", "+7(913)1234567", "8-913-123-45-67",
		"8\u00a0913\u00a0123\u00a045\u00a067", "+7\u2011913\u2011123\u201145\u201167", "\u202a+7 913 123-45-67\u202c", "\u200e89131234567", "+375 29 123-45-67",
		"8 (383) 123-45-67", "+7 913 123-45-67 доб. 2", "тел. 89131234567", "+7 9I3 I23-45-67", "+7 913 123-45-б7", "\u0669\u0661\u0663\u0661\u0662\u0663\u0664\u0665\u0666\u0667",
		"++79131234567", "+7913123456", "+791312345678", "112", "8 800 555-35-35", "79131234567;ext=2", "tel:+79131234567", "+",
	}
	livedNames = []string{
		"Вера", "Фёдор", "Федор", "АЛЁНА", "алёна", "Анна-Мария", "Анна Мария", "Анна – Мария", "Римский-Корсаков", "Мамин-Сибиряк", "Соловьёв-Седой",
		"Оглы", "Мамед оглы", "Ибн Сина", "О\u2019Коннор", "О'Коннор", "д'Артаньян", "Наталья", "Ё", "Ия", "Zoë", "Jean-Luc", "Ван дер Ваальс",
		"Bера", "Веpа", "Ве\u202eра", "Ве\u200bра", "\ufeffВера", "\u200fВера", "Е\u0308лка", "Ёлка", "Ѣ", "Ⅳ", "Вера1", "Вера\x00", "-", "Вера-", "а--б", "’", "",
	}
	livedEmails = []string{
		"vera@example.org", "Vera.Petrova+gosuslugi@Example.ORG", " vera@example.org ", "vera@example", "vera@@example.org", "вера@пример.рф", "verа@example.org",
		"vera@example..org", ".vera@example.org", "vera@-example.org", "\"vera petrova\"@example.org", "vera@[127.0.0.1]", "vera@example.org\nBcc: all@example.org",
		"v@xn--e1afmkfd.xn--p1ai", "\u202evera@example.org", "vera\u200b@example.org", "<vera@example.org>", "vera@example.org.", "a@b.c1",
	}
	livedSNILS = []string{
		"112-233-445 95", "11223344595", "112 233 445 95", "112-233-445-95", "112\u2013233\u2013445 95", "112-233-445 96", "001-001-998 64", "000-000-000 00",
		"\u202d112-233-445 95\u202c", "СНИЛС 112-233-445 95", "l12-233-445 95", "112-233-445 9", "٣12-233-445 95", "087-654-303 00",
	}
	livedDates = []string{
		"1954-03-01", "01.03.1954", "1.3.1954", "29.02.2000", "29.02.1900", "2026-02-29", "31.04.1980", "1954/03/01", "01-03-1954", "0001-01-01", "9999-12-31", "-001-01-01",
		"1954-03-01T00:00:00Z", "01.03.54", " 1954-03-01", "٢٠٢٦-٠١-٠١", "1954‑03‑01", "00.00.0000",
	}
)

func seed(f *testing.F, forms ...[]string) {
	f.Helper()
	for _, some := range forms {
		for _, one := range some {
			f.Add(one)
		}
	}
}

var e164 = regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)

func digitsOf(text string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, text)
}

// refusal says whether a parser kept its promise: a value, or the key of a fault, and never both.
func refusal(t *testing.T, text, value, wrong string) (refused bool) {
	t.Helper()
	if (value == "") != (wrong != "") || wrong != "" && !strings.HasPrefix(wrong, "fault.") {
		t.Fatalf("%q gave %q and the fault %q", text, value, wrong)
	}
	return wrong != ""
}

func FuzzParsePhone(f *testing.F) {
	seed(f, livedPhones)
	f.Fuzz(func(t *testing.T, text string) {
		phone, wrong := account.ParsePhone(text)
		if refusal(t, text, phone, wrong) {
			if account.MaskPhone(text) == text && text != "•••" {
				t.Fatalf("%q is not masked", text)
			}
			return
		}
		if !e164.MatchString(phone) {
			t.Fatalf("%q became %q, which is not E.164", text, phone)
		}
		if again, wrong := account.ParsePhone(phone); again != phone {
			t.Fatalf("%q became %q, and that %q (%s)", text, phone, again, wrong)
		}
		if again, wrong := account.ParsePhone(account.ShowPhone(phone)); again != phone {
			t.Fatalf("%q is shown as %q, which is read as %q (%s)", phone, account.ShowPhone(phone), again, wrong)
		}
		// Nobody's number becomes another's: what was typed ends as the number ends.
		if typed := digitsOf(text); len(typed) >= 7 && !strings.HasSuffix(phone, typed[len(typed)-7:]) {
			t.Fatalf("%q became %q", text, phone)
		}
		const country, shown = 3, 4
		if n := len(digitsOf(account.MaskPhone(phone))); n > country+shown {
			t.Fatalf("the mask of %q shows %d digits: %s", phone, n, account.MaskPhone(phone))
		}
	})
}

func FuzzParseEmail(f *testing.F) {
	seed(f, livedEmails)
	f.Fuzz(func(t *testing.T, text string) {
		address, wrong := account.ParseEmail(text)
		if refusal(t, text, address, wrong) {
			return
		}
		if again, _ := account.ParseEmail(address); again != address {
			t.Fatalf("%q became %q, and that %q", text, address, again)
		}
		// The letter goes to exactly this mailbox: the library of mail reads the same, and nothing beside it.
		if parsed, err := mail.ParseAddress(address); err != nil || parsed.Address != address || parsed.Name != "" {
			t.Fatalf("%q became %q, which mail reads as %v (%v)", text, address, parsed, err)
		}
		if key := account.EmailKey(address); account.EmailKey(key) != key || !strings.EqualFold(key, address) {
			t.Fatalf("%q has the key %q", address, key)
		}
		local, domain, _ := strings.Cut(address, "@")
		if mask := account.MaskEmail(address); mask != local[:1]+"•••@"+domain {
			t.Fatalf("%q is masked as %q", address, mask)
		}
	})
}

func FuzzParseSNILS(f *testing.F) {
	seed(f, livedSNILS, livedPhones[:3])
	f.Fuzz(func(t *testing.T, text string) {
		digits, wrong := account.ParseSNILS(text)
		if refusal(t, text, digits, wrong) {
			return
		}
		if len(digits) != 11 || digitsOf(digits) != digits || digits != digitsOf(text) {
			t.Fatalf("%q became %q", text, digits)
		}
		// The rule as the pension fund words it: subtract 101 until it is below, 100 and 101 are 00.
		sum := 0
		for i := range 9 {
			sum += int(digits[i]-'0') * (9 - i)
		}
		for sum > 101 {
			sum -= 101
		}
		if sum == 100 || sum == 101 {
			sum = 0
		}
		if want := string([]byte{byte('0' + sum/10), byte('0' + sum%10)}); digits[9:] != want {
			t.Fatalf("%q has the check digits %s, want %s", digits, digits[9:], want)
		}
		if again, wrong := account.ParseSNILS(account.ShowSNILS(digits)); again != digits {
			t.Fatalf("%q is shown as %q, which is read as %q (%s)", digits, account.ShowSNILS(digits), again, wrong)
		}
		if len(digitsOf(account.MaskSNILS(digits))) != 3 {
			t.Fatalf("the mask %q shows too much", account.MaskSNILS(digits))
		}
	})
}

func FuzzParseDate(f *testing.F) {
	seed(f, livedDates)
	moscow, err := time.LoadLocation("Europe/Moscow")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := account.ParseDate(text)
		if err != nil {
			if !d.IsZero() {
				t.Fatalf("%q is refused and gave %v", text, d)
			}
			return
		}
		midnight := time.Date(d.Year, d.Month, d.Day, 0, 0, 0, 0, time.UTC)
		if account.DateOf(midnight) != d {
			t.Fatalf("%q became %v, a day that does not exist", text, d)
		}
		if again, err := account.ParseDate(d.String()); err != nil || again != d {
			t.Fatalf("%q became %v, and that %v (%v)", text, d, again, err)
		}
		// One is a year older on the birthday itself and not a moment before, in the zone of the rules.
		for _, years := range []int{14, 18} {
			turns := time.Date(d.Year+years, d.Month, d.Day, 0, 0, 0, 0, moscow) // 29 February: 1 March
			if got := account.Age(d, turns, moscow); got != years {
				t.Fatalf("born %v, %d on %v: %d", d, years, turns, got)
			}
			if got := account.Age(d, turns.Add(-time.Nanosecond), moscow); got != years-1 {
				t.Fatalf("born %v, a moment before %v: %d", d, turns, got)
			}
		}
	})
}

func FuzzParseCitizenship(f *testing.F) {
	seed(f, []string{"RUS", "rus", " Rus ", "BLR", "ZZZ", "RU", "643", "РУС", "RUЅ", "XKX", "EUU", "SUN", "AAA", "rſs", ""})
	f.Fuzz(func(t *testing.T, text string) {
		code, wrong := account.ParseCitizenship(text)
		if refusal(t, text, code, wrong) {
			return
		}
		if len(code) != 3 || strings.Trim(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" || !strings.EqualFold(code, strings.TrimSpace(text)) {
			t.Fatalf("%q became %q", text, code)
		}
		if again, _ := account.ParseCitizenship(strings.ToLower(code)); again != code {
			t.Fatalf("%q in lower case is %q", code, again)
		}
	})
}

func FuzzParseDocument(f *testing.F) {
	kinds := account.DocumentKinds()
	for i, number := range []string{"45 03 123456", "4503123456", "4503 № 123456", "IV-МЮ № 123456", "iv-мю 123456", "AB1234567", "45\u202e03123456", "4503l23456", "ё-12345", "ß1234", "ŉ1234", "ſ1234"} {
		f.Add(byte(i), number)
	}
	f.Fuzz(func(t *testing.T, which byte, text string) {
		kind := kinds[int(which)%len(kinds)]
		number, wrong := account.ParseDocument(kind, text)
		if refusal(t, text, number, wrong) {
			return
		}
		if n := utf8.RuneCountInString(number); n < 5 || n > 20 || kind == account.PassportRUS && (n != 10 || digitsOf(number) != number) {
			t.Fatalf("%s %q became %q", kind, text, number)
		}
		for _, r := range number {
			if !unicode.IsLetter(r) && (r < '0' || r > '9') || unicode.ToUpper(r) != r {
				t.Fatalf("%s %q became %q", kind, text, number)
			}
		}
		if again, _ := account.ParseDocument(kind, number); again != number {
			t.Fatalf("%s %q became %q, and that %q", kind, text, number, again)
		}
		if again, _ := account.ParseDocument(kind, strings.ToLower(number)); again != number {
			t.Fatalf("%s %q in lower case is %q", kind, number, again)
		}
	})
}

// A password hash that an import takes must be one that a sign-in can verify: nobody finds out a year later.
func FuzzImportedHash(f *testing.F) {
	const salt, key = "c29tZXNhbHRzb21lc2FsdA", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
	for _, hash := range []string{
		"$argon2id$v=19$m=19456,t=2,p=1$" + salt + "$" + key, "$argon2id$v=19$m=999999,t=99,p=99$" + salt + "$" + key, "$argon2id$v=19$m=7,t=1,p=1$" + salt + "$" + key,
		"$argon2i$v=19$m=19456,t=2,p=1$" + salt + "$" + key, "$argon2id$v=16$m=19456,t=2,p=1$" + salt + "$" + key, "$2b$12$abcdefghijklmnopqrstuv",
		"$argon2id$v=19$m=19456,t=2,p=1$" + salt + "B$" + key + "\n", "$argon2id$v=19$m=64,t=1,p=1$////////////$" + key,
	} {
		f.Add(hash)
	}
	now := time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)
	f.Fuzz(func(t *testing.T, hash string) {
		if hash == "" || !utf8.ValidString(hash) {
			return
		}
		line, err := json.Marshal(account.ImportPerson{
			Family: "Петрова", Given: "Вера", BirthDate: "1954-03-01", Citizenship: "RUS", SNILS: "112-233-445 95", Phone: "+79131234567", PasswordHash: hash,
		})
		if err != nil {
			t.Fatal(err)
		}
		a, bad := account.ParseImportLine(line, now, policy.Default())
		if taken := len(bad) == 0; taken != secret.IsHash(hash) || taken && a.PasswordHash != hash {
			t.Fatalf("%q: %v, %q", hash, bad, a.PasswordHash)
		}
	})
}
