package notify

import (
	"errors"
	"strings"
	"testing"

	"doverie/internal/effect"
	"doverie/internal/secret"
)

func TestSegments(t *testing.T) {
	for _, c := range []struct {
		text string
		n    int
		ucs2 bool
	}{
		{"", 1, false},
		{strings.Repeat("a", 160), 1, false},
		{strings.Repeat("a", 161), 2, false},
		{strings.Repeat("a", 306), 2, false},
		{strings.Repeat("a", 307), 3, false},
		{strings.Repeat("€", 80), 1, false},
		{strings.Repeat("€", 81), 2, false},
		{strings.Repeat("a", 152) + "€" + strings.Repeat("a", 152), 3, false}, // the escape is not torn from its letter
		{strings.Repeat("я", 70), 1, true},
		{strings.Repeat("я", 71), 2, true},
		{strings.Repeat("я", 134), 2, true},
		{strings.Repeat("я", 135), 3, true},
		{strings.Repeat("a", 70) + "—", 2, true},
		{strings.Repeat("😀", 35), 1, true},
		{strings.Repeat("😀", 67), 3, true}, // 33 pairs a part: a pair is not torn
		{"Tel. [1]", 1, false},
		{"a\u00a0b", 1, true},
	} {
		if n, ucs2 := Segments(c.text); n != c.n || ucs2 != c.ucs2 {
			t.Errorf("%.20q… (%d bytes): %d, %t; want %d, %t", c.text, len(c.text), n, ucs2, c.n, c.ucs2)
		}
	}
}

func TestNamesAndFactsSmuggleNothing(t *testing.T) {
	for in, want := range map[string]string{
		"Вера П.":    "Вера П.",
		"Вера П.С.":  "Вера П. С.",
		"Анна-Мария": "Анна-Мария",
		"Алексей, +7 ••• •••-45-67": "Алексей",
		"evil.ru":           "evil ru",
		"https://evil.ru/a": "https evil ru a",
		"Вера код 123456":   "Вера код",
		"Вера\r\nBcc: x":    "Вера Bcc x",
		"a.bc":              "a. bc",
		"Нурмухаммед-Александр Иванов": "Нурмухаммед-Але…",
		"Александра Константиновна":    "Александра",
	} {
		if got := cleanName(in, nameInSMS); got != want {
			t.Errorf("name %q: %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{
		"Chrome 131.0, Android":  "Chrome 131.0, Android",
		"91.221.0.0/16":          "91.221.0.0/16",
		"go to http://evil.ru/x": "go to http evil ru x",
		"a\x00b\nc":              "a b c",
	} {
		if got := cleanFact(in); got != want {
			t.Errorf("fact %q: %q, want %q", in, got, want)
		}
	}
}

func FuzzNoAddressInAnSMS(f *testing.F) {
	for _, s := range []string{"Вера П.", "evil.ru", "http://x.yz", "a.b.c", "В.evil", "пример.рф", "1.ru", "ru.1", "́.ru", "WWW"} {
		f.Add(s, s)
	}
	texts := newTexts(f)
	f.Fuzz(func(t *testing.T, name, device string) {
		for _, kind := range []Kind{RecoveryAsked, TrustInvited, SessionNewDevice, ApprovalCode, RecoveryFraud} {
			spec, _ := Lookup(kind)
			args := plausible(spec)
			args["first_name"], args["device"] = name, device
			text, err := texts.Render(kind, effect.SMS, "ru", args)
			if errors.Is(err, ErrBadArgument) || errors.Is(err, ErrMissing) {
				continue // a name without a letter
			}
			if err != nil {
				t.Fatalf("%s: %v", kind, err)
			}
			if address.MatchString(text.Body) || strings.ContainsAny(text.Body, "\r\n\x00") {
				t.Errorf("%s: %q", kind, text.Body)
			}
		}
	})
}

func TestLinksLeadToTheSite(t *testing.T) {
	texts := newTexts(t)
	for link, want := range map[string]string{
		"/safety/stop?t=a-b_c":                    site + "/safety/stop?t=a-b_c",
		site + "/x":                               site + "/x",
		"//evil.ru/x":                             site + "//evil.ru/x",
		"https://evil.ru/x":                       "",
		"http://doverie.example/x":                "",
		"https://doverie.example.evil.ru/":        "",
		"https://doverie.example@evil.ru/":        "",
		"https://user:pw@doverie.example/":        "",
		"javascript:alert(1)":                     "",
		"/x\r\nBcc: a":                            "",
		"/x\" onclick=\"y":                        "",
		"evil.ru":                                 "",
		"https://doverie.example":                 "",
		"https://DOVERIE.example.evil.ru/" + site: "",
	} {
		got, err := texts.safeLink(link)
		if got != want || (err == nil) == (want == "") {
			t.Errorf("%q: %q, %v; want %q", link, got, err, want)
		}
	}
}

// TestCodesSurviveTheirShape: what a message shows, typed as it stands, is the code.
func TestCodesSurviveTheirShape(t *testing.T) {
	for purpose, pattern := range codeShapes {
		shown, err := shape("042917", pattern)
		if err != nil || secret.NormalizeCode(shown) != "042917" {
			t.Errorf("%s: %q, %v", purpose, shown, err)
		}
	}
	if shown, err := shape("01234567", stopShape); err != nil || shown != "0123-4567" {
		t.Errorf("stop code: %q, %v", shown, err)
	}
	for _, bad := range []string{"", "12345", "1234567", "12345a", "１２３４５６"} {
		if shown, err := shape(bad, codeShapes["sign_in"]); !errors.Is(err, ErrBadArgument) {
			t.Errorf("%q became %q", bad, shown)
		} else if bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("the error tells the code: %v", err)
		}
	}
}

func TestTimesAreShownInTheZoneOfTheRules(t *testing.T) {
	texts := newTexts(t)
	for lang, want := range map[string]string{"ru": "1 января, 00:30", "en": "1 January, 00:30"} {
		text, err := texts.Render(PasswordChanged, effect.SMS, lang, map[string]string{"at": "2026-12-31T21:30:00Z"})
		if err != nil || !strings.Contains(text.Body, want) {
			t.Errorf("%s: %q, %v", lang, text.Body, err)
		}
	}
	mail, err := texts.Render(PasswordChanged, effect.Email, "ru", map[string]string{"at": "2026-11-21T16:05:00Z"})
	if err != nil || !strings.Contains(mail.Body, "21\u00a0ноября, 19:05 по московскому времени") {
		t.Errorf("%q, %v", mail.Body, err)
	}
	if _, err := texts.Render(PasswordChanged, effect.SMS, "ru", map[string]string{"at": "вчера"}); !errors.Is(err, ErrBadArgument) {
		t.Errorf("an unreadable time: %v", err)
	}
}

func TestArgumentsAreWrittenForTheirChannel(t *testing.T) {
	texts := newTexts(t)
	mail, err := texts.Render(EmailVerifyLink, effect.Email, "ru", map[string]string{"Token": "a+b/c"})
	if err != nil || !strings.Contains(mail.Body, site+EmailLinkPath+"?t=a%2Bb%2Fc\n") {
		t.Errorf("%v\n%s", err, mail.Body)
	}
	sms, err := texts.Render(SignInCode, effect.SMS, "ru", map[string]string{"Code": "123456"})
	if err != nil || !strings.Contains(sms.Body, "вход в вашу учётную запись. Код 123456.") {
		t.Errorf("%v: %s", err, sms.Body)
	}
	dashed, err := texts.Render(RecoveryAttempt, effect.SMS, "ru", map[string]string{"stop_code": "1234-5678"})
	if err != nil || !strings.Contains(dashed.Body, "стоп-код 1234-5678") {
		t.Errorf("%v: %s", err, dashed.Body)
	}
}

func TestOnlyAMaskedAddressIsShown(t *testing.T) {
	texts := newTexts(t)
	for address, shown := range map[string]bool{"v•••@example.org": true, "vera@example.org": false} {
		mail, err := texts.Render(EmailChanged, effect.Email, "ru", map[string]string{"Email": address})
		if err != nil || strings.Contains(mail.Body, address) != shown {
			t.Errorf("%s: %v\n%s", address, err, mail.Body)
		}
	}
}

func TestAttemptsAreCountedInWords(t *testing.T) {
	texts := newTexts(t)
	for n, want := range map[string]string{"1": "1 раз\n", "2": "2 раза\n", "5": "5 раз\n", "11": "11 раз\n", "21": "21 раз\n"} {
		mail, err := texts.Render(RecoveryAsked, effect.Email, "ru", map[string]string{"first_name": "Вера", "attempts": n})
		if err != nil || !strings.Contains(mail.Body, want) {
			t.Errorf("%s: %v\n%s", n, err, mail.Body)
		}
	}
}

func TestHTMLEscapesWhatPeopleTyped(t *testing.T) {
	texts := newTexts(t)
	mail, err := texts.Render(SessionNewDevice, effect.Email, "ru", map[string]string{
		"at": "2026-11-21T16:05:00Z", "device": `<script>alert("x")</script>`, "link": "/s?a=1&b=2",
	})
	if err != nil || strings.Contains(mail.HTML, "<script") || !strings.Contains(mail.HTML, "/s?a=1&amp;b=2") {
		t.Errorf("%v\n%s", err, mail.HTML)
	}
}

func TestRenderRefuses(t *testing.T) {
	texts := newTexts(t)
	ok := map[string]string{"code": "123456"}
	for _, c := range []struct {
		kind    Kind
		channel effect.Channel
		lang    string
		args    map[string]string
		want    error
	}{
		{"no.such", effect.SMS, "ru", ok, ErrUnknownKind},
		{SignInCode, effect.Email, "ru", ok, ErrBadChannel},
		{SignInCode, "fax", "ru", ok, ErrBadChannel},
		{SignInCode, effect.SMS, "de", ok, ErrBadLocale},
		{SignInCode, effect.SMS, "ru", nil, ErrMissing},
		{SignInCode, effect.SMS, "ru", map[string]string{"code": "12345"}, ErrBadArgument},
		{RecoveryAttempt, effect.SMS, "ru", map[string]string{"link": "/safety/stop"}, ErrMissing}, // an SMS has no link
		{RecoveryAttempt, effect.Email, "ru", nil, ErrMissing},
		{RecoveryAsked, effect.SMS, "ru", map[string]string{"first_name": "123"}, ErrBadArgument},
	} {
		if _, err := texts.Render(c.kind, c.channel, c.lang, c.args); !errors.Is(err, c.want) {
			t.Errorf("%s by %s in %s: %v, want %v", c.kind, c.channel, c.lang, err, c.want)
		}
	}
}

// A push about somebody else's account must not lead its contact to pages about his own.
func TestAPushLeadsEachSideToItsOwnPage(t *testing.T) {
	texts := newTexts(t)
	for _, c := range []struct {
		kind Kind
		role string
		want string
	}{
		{RecoveryCompleted, "", "/safety/alarm"},
		{RecoveryCompleted, RoleContact, "/approvals"},
		{RecoveryDisowned, RoleContact, "/approvals"},
		{TrustLeaving, RoleContact, "/settings/safety/trusted-contacts"},
		{PhoneChanged, RoleContact, "/settings/safety/trusted-contacts"},
		{RecoveryAsked, "", "/approvals"},
	} {
		text, err := texts.Render(c.kind, effect.Push, "ru", map[string]string{
			"role": c.role, "first_name": "Вера П.", "at": "2026-11-21T16:05:00Z", "until": "2026-11-24T16:05:00Z", "stop_code": "12345678",
		})
		if err != nil || text.Opens != c.want {
			t.Errorf("%s %s: leads to %q, want %q; %v", c.kind, c.role, text.Opens, c.want, err)
		}
	}
}
