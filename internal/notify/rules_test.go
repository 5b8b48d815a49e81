package notify

import (
	"regexp"
	"strings"
	"testing"
	"unicode"

	"doverie/internal/effect"
	"doverie/internal/i18n"
)

var (
	address  = regexp.MustCompile(`(?i)https?:|www\.\S|\p{L}[\p{L}\d-]*\.\p{L}{2,}`)
	codeLike = regexp.MustCompile(`\d[\d -]{4,}\d`)
)

// TestSMSRules is T50 and DOMAIN §11: length, no address, the fixed sender first, the purpose before the code.
func TestSMSRules(t *testing.T) {
	for _, args := range []func(Spec) map[string]string{plausible, longest} {
		for _, r := range everyText(t, args) {
			if r.channel != effect.SMS {
				continue
			}
			body := r.text.Body
			if n, _ := Segments(body); n > maxSegments {
				t.Errorf("%s takes %d parts", r.name(), n)
			}
			if n := len([]rune(body)); n > maxSegments*ucs2Part {
				t.Errorf("%s has %d characters: a Cyrillic name makes it too long", r.name(), n)
			}
			if address.MatchString(body) {
				t.Errorf("%s holds an address: %s", r.name(), body)
			}
			if !strings.HasPrefix(body, "Доверие: ") && !strings.HasPrefix(body, "Doverie: ") {
				t.Errorf("%s does not begin with the service's name: %s", r.name(), body)
			}
			if spec, _ := Lookup(r.kind); spec.HasCode() {
				checkCodeSMS(t, r, spec)
			}
		}
	}
}

func checkCodeSMS(t *testing.T, r rendering, spec Spec) {
	t.Helper()
	secrecy := map[string]string{i18n.Russian: "Никому не сообщайте", i18n.English: "Tell nobody"}[r.lang]
	if !strings.Contains(r.text.Body, secrecy) {
		t.Errorf("%s does not say %q: %s", r.name(), secrecy, r.text.Body)
	}
	code, err := shape("123456", codeShapes[spec.Purpose])
	if err != nil {
		t.Fatal(err)
	}
	at := strings.Index(r.text.Body, code)
	if at < len("Доверие: вход") {
		t.Errorf("%s: the purpose does not stand before the code: %s", r.name(), r.text.Body)
	}
	if strings.Count(r.text.Body, code) != 1 {
		t.Errorf("%s: the code must stand there once: %s", r.name(), r.text.Body)
	}
}

// TestT04_PurposesNeverShareAPrefix: whoever hears the beginning of a code message read out knows what it is for.
func TestT04_PurposesNeverShareAPrefix(t *testing.T) {
	texts := newTexts(t)
	for _, lang := range i18n.Languages() {
		first := map[string]Kind{}
		for _, kind := range Kinds() {
			spec, _ := Lookup(kind)
			if !spec.HasCode() || !spec.Allows(effect.SMS) {
				continue
			}
			text, err := texts.Render(kind, effect.SMS, lang, plausible(spec))
			if err != nil {
				t.Fatal(err)
			}
			_, rest, _ := strings.Cut(text.Body, ": ")
			word, _, _ := strings.Cut(strings.Map(func(r rune) rune {
				if unicode.IsLetter(r) || r == '-' {
					return r
				}
				return ' '
			}, rest), " ")
			if other, taken := first[word]; taken {
				t.Errorf("%s: %s and %s both begin with %q", lang, kind, other, word)
			}
			first[word] = kind
		}
	}
	// The codes that are dangerous together look different.
	unlike := []string{codeShapes["approval"], codeShapes["recovery_prove"], codeShapes["recovery_finish"], codeShapes["sign_in"], stopShape}
	for i, a := range unlike {
		for _, b := range unlike[i+1:] {
			if a == b {
				t.Errorf("two dangerous codes are written alike: %s", a)
			}
		}
	}
}

// TestNoticesNeverCarryTheMatchNumber: it lives on the applicant's own screen only (DOMAIN §5.4).
func TestNoticesNeverCarryTheMatchNumber(t *testing.T) {
	texts := newTexts(t)
	for _, kind := range Kinds() {
		spec, _ := Lookup(kind)
		args := plausible(spec)
		args["match"] = "42"
		if _, err := texts.Render(kind, spec.Channels[0], "ru", args); err == nil {
			t.Errorf("%s takes a match number", kind)
		}
	}
}

func TestEmailsLinkToTheSiteOnly(t *testing.T) {
	href := regexp.MustCompile(`(?:href="|https?://)[^"\s<]*`)
	for _, r := range everyText(t, plausible) {
		if r.channel == effect.Push && address.MatchString(r.text.Subject+" "+r.text.Body) {
			t.Errorf("%s holds an address", r.name())
		}
		if r.channel != effect.Email {
			continue
		}
		for _, link := range href.FindAllString(r.text.Body+r.text.HTML, -1) {
			if link = strings.TrimPrefix(link, `href="`); link != site && link != site+"." && !strings.HasPrefix(link, site+"/") {
				t.Errorf("%s leads to %s", r.name(), link)
			}
		}
		for _, promise := range []string{"никогда не", "never ask"} {
			if (r.lang == i18n.Russian) == (promise == "никогда не") && !strings.Contains(r.text.Body, promise) {
				t.Errorf("%s does not say what nobody will ever ask", r.name())
			}
		}
		if code := codeLike.FindString(r.text.Subject); code != "" {
			t.Errorf("%s shows a code in its subject, where a locked screen shows it too", r.name())
		}
	}
}

// readability is the Flesch score with Oborneva's coefficients for Russian: 60 and more is plain language.
func readability(text string) float64 {
	words, syllables, sentences := 0, 0, 0
	for line := range strings.SplitSeq(text, "\n") {
		ended := true
		for word := range strings.FieldsSeq(line) {
			letters := false
			for _, r := range word {
				letters = letters || unicode.IsLetter(r)
				if strings.ContainsRune("аеёиоуыэюяАЕЁИОУЫЭЮЯ", r) {
					syllables++
				}
			}
			if letters {
				words++
				ended = false
			}
			if strings.ContainsAny(word[len(word)-1:], ".!?:") && !ended {
				sentences++
				ended = true
			}
		}
		if !ended {
			sentences++
		}
	}
	if words == 0 {
		return 0
	}
	return 206.835 - 1.3*float64(words)/float64(sentences) - 60.1*float64(syllables)/float64(words)
}

func TestRussianNoticesArePlain(t *testing.T) {
	for _, r := range everyText(t, plausible) {
		if r.lang != i18n.Russian || r.channel != effect.Email {
			continue
		}
		body := strings.Map(func(c rune) rune {
			if c == '—' {
				return ' '
			}
			return c
		}, r.text.Body)
		if score := readability(body); score < 60 {
			t.Errorf("%s: Flesch–Oborneva %.1f:\n%s", r.name(), score, body)
		}
	}
	if hard := readability("Осуществление восстановления работоспособности учётной записи производится уполномоченными представителями."); hard >= 60 {
		t.Errorf("officialese scores %.1f: the measure is broken", hard)
	}
}
