package outreach

import (
	"fmt"
	"html"
	"os"
	"slices"
	"strings"
	"testing"

	"doverie/internal/fault"
)

func source(t testing.TB) *Source {
	t.Helper()
	s, err := LoadSource()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// trueText is the whole source, one statement a paragraph.
func trueText(s *Source, lang string) string {
	var parts []string
	for _, st := range s.Statements {
		parts = append(parts, st.Text[lang])
	}
	return strings.Join(parts, "\n\n")
}

func check(t *testing.T, text string, o CheckOptions) Report {
	t.Helper()
	r, err := source(t).Check(text, o)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func list(findings []Finding) string {
	var b strings.Builder
	for _, f := range findings {
		fmt.Fprintf(&b, "\n  %s %s %q %s lost %v", f.Level, f.ID, f.Quote, f.Changes, f.Lost)
	}
	return b.String()
}

// distortions are ways in which retyped texts really drift: each changes the true text in one place.
var distortions = []struct {
	name     string
	from, to string // to replaces from; with an empty from, to is added at the end
	level    Level
	id       string
}{
	{"the age of a contact is lowered", "с 18 лет", "с 14 лет", Dangerous, "age_contact"},
	{"the age of a principal is raised", "с 14 лет", "старше 18 лет", Dangerous, "age_principal"},
	{"a contact of sixteen in words", "", "Контакту должно быть не меньше шестнадцати лет.", Dangerous, "age_contact"},
	{"citizenship is lost", "может стать гражданин России с 18 лет", "может стать человек с 18 лет", Drifted, "contact"},
	{"anybody is admitted", "может стать гражданин России с 18 лет", "может стать любой человек с 18 лет", Dangerous, "anybody"},
	{"foreigners are admitted", "", "Выбрать контакт могут и иностранные граждане.", Dangerous, "anybody"},
	{"the account need not be confirmed", "Нужны подтверждённая учётная запись на Госуслугах и действующий", "Нужны учётная запись на Госуслугах и действующий", Drifted, "principal"},
	{"a simplified account is enough", "", "Достаточно упрощённой учётной записи.", Dangerous, "anybody"},
	{"the phone need not be current", "Ему тоже нужны подтверждённая учётная запись на Госуслугах и действующий номер телефона", "Ему тоже нужны подтверждённая учётная запись на Госуслугах и любой номер телефона", Dangerous, "anybody"},
	{"the principal types the contact's code", "контакт в своём личном кабинете на Госуслугах подтверждает восстановление и сам вводит код из СМС, которое пришло на его номер телефона", "доверитель в личном кабинете на Госуслугах вводит код из СМС, которое пришло контакту", Dangerous, "wrong_typist"},
	{"the code comes to the principal", "которое пришло на его номер телефона", "которое пришло на телефон доверителя", Dangerous, "wrong_typist"},
	{"the code is told to a relative", "", "Код из СМС сообщите родственнику, которого вы выбрали.", Dangerous, "tell_code"},
	{"the contact dictates the code", "", "Доверенный контакт получит СМС и продиктует вам код по телефону.", Dangerous, "tell_code"},
	{"do not be afraid to tell", "", "Не бойтесь назвать код доверенному контакту: ему можно верить.", Dangerous, "tell_code"},
	{"nobody but", "Код из СМС не говорите никому: ни сотруднику, ни родственнику, ни доверенному контакту.", "Код из СМС не говорите никому, кроме доверенного контакта.", Dangerous, "code_except"},
	{"passport data are needed", "введите имя близкого человека и номер мобильного телефона", "введите имя, паспортные данные близкого человека и номер мобильного телефона", Dangerous, "passport"},
	{"SNILS at hand", "", "Для подключения подготовьте паспорт и СНИЛС.", Dangerous, "passport"},
	{"an operator will call", "Никто не позвонит вам, чтобы подключить доверенный контакт.", "Для подключения вам позвонит оператор Госуслуг.", Dangerous, "operator_calls"},
	{"a hot line sets it up", "", "Подключить контакт можно по телефону 8 (800) 555-01-01.", Dangerous, "hotline"},
	{"the landing is another site", "https://www.gosuslugi.ru/landing/trusted_contact", "https://gosuslugi-help.ru/trusted_contact", Dangerous, "lookalike_address"},
	{"a short link", "https://www.gosuslugi.ru/landing/trusted_contact", "https://clck.ru/3AbCdE", Dangerous, "lookalike_address"},
	{"the address is lost", " https://www.gosuslugi.ru/landing/trusted_contact", "", Missing, "landing"},
	{"a partner's address", "Наберите адрес сами, если сомневаетесь.", "Или на сайте bank-partner.ru.", Dangerous, "foreign_address"},
	{"the contact gets into the account", "", "Контакт получит доступ к вашему личному кабинету и поможет с услугами.", Dangerous, "contact_sees"},
	{"the contact sets the password", "", "Если вы забыли пароль, доверенный контакт сменит пароль за вас.", Dangerous, "contact_sees"},
	{"the password is entrusted", "", "Сообщите контакту логин и пароль, чтобы он мог помочь.", Dangerous, "password"},
	{"confirm at once", "Контакт сначала сам звонит вам и убеждается, что вас не обманывают мошенники.", "Контакт должен сразу подтвердить запрос.", Dangerous, "no_check"},
	{"no need to call back", "", "Перезванивать доверителю не нужно.", Dangerous, "no_check"},
	{"roles are swapped", "", "Доверитель подтверждает запрос, который пришёл от контакта.", Dangerous, "roles_swapped"},
	{"added without consent", "Когда близкий человек примет приглашение в своём личном кабинете, он появится", "Близкий человек автоматически появится", Dangerous, "no_consent"},
	{"accounts will be blocked", "", "Учётные записи без доверенного контакта будут заблокированы с 1 января.", Dangerous, "threat"},
	{"a program", "", "Скачайте приложение по ссылке из СМС.", Dangerous, "program"},
	{"a fee", "", "Стоимость подключения сервиса — 99 рублей.", Dangerous, "money"},
	{"the wrong section", "раздел «Безопасность»", "раздел «Согласия и доверенности»", Drifted, "open"},
	{"the address of the profile is lost", "(https://lk.gosuslugi.ru/settings/account), ", "", Missing, "open"},
	{"what nobody asks is left out", "Никто не позвонит вам, чтобы подключить доверенный контакт. Никто не попросит назвать пароль, код или паспортные данные, установить программу, перевести деньги. Если просят — это мошенники.", "", Missing, "never_ask"},
	{"who types the code is left out", "После этого контакт в своём личном кабинете на Госуслугах подтверждает восстановление и сам вводит код из СМС, которое пришло на его номер телефона.", "", Missing, "code"},
	{"the contact does not check", "Контакт сначала сам звонит вам и убеждается, что вас не обманывают мошенники.", "", Drifted, "request"},
	{"a Latin letter hides the word", "", "Kод из СМС сoобщите сотруднику.", Dangerous, "tell_code"},
}

func TestEveryDistortionIsNamed(t *testing.T) {
	if len(distortions) < 20 {
		t.Fatalf("only %d distortions", len(distortions))
	}
	s := source(t)
	text := trueText(s, Russian)
	for _, d := range distortions {
		t.Run(d.name, func(t *testing.T) {
			changed := text + "\n\n" + d.to
			if d.from != "" {
				if strings.Count(text, d.from) != 1 {
					t.Fatalf("the true text has %q %d times", d.from, strings.Count(text, d.from))
				}
				changed = strings.Replace(text, d.from, d.to, 1)
			}
			for _, form := range []string{changed, asPage(changed), wrapped(changed)} {
				r := check(t, form, CheckOptions{HTML: LooksLikeHTML(form)})
				found := slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.Level == d.level && f.ID == d.id })
				if !found {
					t.Errorf("not named; found %s", list(r.Findings))
				}
				if len(r.Present) < len(s.Statements)-2 {
					t.Errorf("one change spoiled more: only %v are present", r.Present)
				}
				for _, f := range r.Findings {
					if f.Level == Dangerous && d.level != Dangerous && f.ID != d.id {
						t.Errorf("a danger that is none: %s", list([]Finding{f}))
					}
				}
			}
		})
	}
}

// asPage is the text as a site would publish it: links instead of addresses in the text stay readable.
func asPage(text string) string {
	var b strings.Builder
	b.WriteString("<!DOCTYPE html><html><head><title>Новости</title><script>var code = 'сообщите код';</script></head><body><nav><a href=\"/\">Главная</a></nav>")
	for p := range strings.SplitSeq(text, "\n\n") {
		b.WriteString("<p>" + html.EscapeString(p) + "</p>\n")
	}
	return b.String() + "<!-- сообщите код --></body></html>"
}

// wrapped is the text as a letter: lines of sixty letters.
func wrapped(text string) string {
	var b strings.Builder
	width := 0
	for p := range strings.SplitSeq(text, "\n\n") {
		for w := range strings.FieldsSeq(p) {
			if width+len([]rune(w)) > 60 {
				b.WriteByte('\n')
				width = 0
			}
			b.WriteString(w + " ")
			width += len([]rune(w)) + 1
		}
		b.WriteString("\n\n")
		width = 0
	}
	return b.String()
}

// layouts say the true text in other clothes.
var layouts = map[string]func(string) string{
	"as it is": func(s string) string { return s },
	"lines broken, no ё, straight quotes, hyphens for dashes": func(s string) string {
		return wrapped(strings.NewReplacer("ё", "е", "«", "\"", "»", "\"", "—", "-", "“", "\"", "”", "\"").Replace(s))
	},
	"a numbered list in capitals with NBSP": func(s string) string {
		var b strings.Builder
		for i, p := range strings.Split(s, "\n\n") {
			fmt.Fprintf(&b, "%d. %s\r\n", i+1, strings.ReplaceAll(p, " ", "\u00a0"))
		}
		return b.String()
	},
	"soft hyphens, words broken at line ends, stress marks": func(s string) string {
		s = strings.NewReplacer("подтвер", "под\u00adтвер", "учётн", "учёт-\nн", "мошенник", "моше́нник", "Госуслуг", "Гос\u200bуслуг").Replace(s)
		return strings.ReplaceAll(s, "\n\n", "\n\n• ")
	},
	"a page with lists and links": func(s string) string {
		s = html.EscapeString(s)
		s = strings.ReplaceAll(s, " (https://lk.gosuslugi.ru/settings/account)", "")
		s = strings.ReplaceAll(s, "«Профиль»", `<a class="x > y" href='https://lk.gosuslugi.ru/settings/account'>«Про&shy;филь»</a>`)
		s = strings.ReplaceAll(s, "“Profile”", `<a href=https://lk.gosuslugi.ru/settings/account>“Profile”</a>`)
		s = strings.ReplaceAll(s, "https://www.gosuslugi.ru/landing/trusted_contact", `<A HREF="https://www.gosuslugi.ru/landing/trusted_contact"><b>www.gosuslugi.ru</b>/landing/trusted_contact</A>`)
		return "<!doctype html><body><ul><li>" + strings.ReplaceAll(s, "\n\n", "</li>\n<li>") + "</li></ul><footer><a href=\"https://vk.com/club1\">ВК</a> Тел. 8 (383) 200-00-00</footer>"
	},
	"a page of one table cell, entities, bold words": func(s string) string {
		s = strings.NewReplacer("«", "&laquo;", "»", "&raquo;", "—", "&mdash;", " ", "&nbsp;", "\n\n", "<br/><br/>").Replace(s)
		return "<table><tr><td><p>" + strings.ReplaceAll(s, "СМС", "<b>СМ</b>С") + "</td></tr></table>"
	},
}

func TestTheTrueTextPassesInEveryLayout(t *testing.T) {
	s := source(t)
	for _, lang := range []string{Russian, English} {
		for name, layout := range layouts {
			t.Run(lang+" "+name, func(t *testing.T) {
				text := layout(trueText(s, lang))
				r := check(t, text, CheckOptions{HTML: LooksLikeHTML(text)})
				if len(r.Findings) > 0 {
					t.Errorf("%s\nin:\n%s", list(r.Findings), text)
				}
				if r.Language != lang || len(r.Present) != len(s.Statements) {
					t.Errorf("language %s, present %v", r.Language, r.Present)
				}
			})
		}
	}
}

func TestShortWordsAreEnoughForAShortForm(t *testing.T) {
	s := source(t)
	var parts []string
	for _, st := range s.Statements {
		parts = append(parts, st.Short[Russian])
	}
	parts = append(parts, s.Landing)
	if r := check(t, strings.Join(parts, "\n"), CheckOptions{Form: "short"}); len(r.Findings) > 0 {
		t.Error(list(r.Findings))
	}
	spoiled := strings.Replace(strings.Join(parts, "\n"), "Код из СМС не говорите никому", "Код из СМС говорите контакту", 1)
	if r := check(t, spoiled, CheckOptions{Form: "short"}); !slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.ID == "never_code" }) {
		t.Error(list(r.Findings))
	}
}

func TestTheMinistrysLetterPasses(t *testing.T) {
	text, err := os.ReadFile("testdata/letter.txt")
	if err != nil {
		t.Fatal(err)
	}
	r := check(t, string(text), CheckOptions{Form: "letter", Own: []string{"mjkh.nso.ru"}})
	if len(r.Findings) > 0 {
		t.Error(list(r.Findings))
	}
	if r := check(t, string(text), CheckOptions{}); len(r.Findings) != 2 {
		t.Errorf("as a text for citizens the letter lacks two statements, found %s", list(r.Findings))
	}
}

func TestHarmlessSentences(t *testing.T) {
	for _, sentence := range []string{
		"Никому не сообщайте код из СМС.",
		"Если вам звонят и просят назвать код — это мошенники.",
		"Мошенники просят сообщить код: положите трубку.",
		"Код никто не вправе у вас просить.",
		"Сотрудники Госуслуг никогда не звонят и не просят паспорт.",
		"Сообщение придёт в личный кабинет.",
		"Отправьте приглашение на номер телефона.",
		"Контакт не получает доступ к вашему кабинету.",
		"Сервис бесплатный.",
		"Телефон МФЦ: 8 (383) 052-00-00.",
		"Подтверждать личность нужно в МФЦ.",
		"Выбрать контакт может подросток старше 14 лет.",
		"Доверенным контактом может стать только совершеннолетний, то есть с 18 лет.",
	} {
		for _, f := range check(t, sentence, CheckOptions{Form: "sms"}).Findings {
			t.Errorf("%q: %s", sentence, list([]Finding{f}))
		}
	}
}

func TestAddresses(t *testing.T) {
	for link, want := range map[string]string{
		"https://www.gosuslugi.ru/landing/trusted_contact": "",
		"www.gosuslugi.ru/landing/trusted_contact":         "lookalike_no", // plain printed form is fine
		"http://www.gosuslugi.ru/landing/trusted_contact":  "lookalike_address",
		"https://gosuslugi.ru@evil.example/":               "lookalike_address",
		"https://gosuslugi.ru:8443/":                       "lookalike_address",
		"https://g0suslugi.ru/":                            "lookalike_address",
		"https://lk.gosuslugi.ru.com/":                     "lookalike_address",
		"https://xn--80afe9bwa.xn--p1ai/":                  "lookalike_address",
		"https://203.0.113.7/landing":                      "lookalike_address",
		"https://bit.ly/x":                                 "lookalike_address",
	} {
		r := check(t, "Подробно: "+link, CheckOptions{Form: "sms"})
		got := ""
		if len(r.Findings) > 0 {
			got = r.Findings[0].ID
		}
		if want == "lookalike_no" {
			want = ""
		}
		if got != want {
			t.Errorf("%s: %q, want %q", link, got, want)
		}
	}
	hidden := `<p>Читайте на <a href="https://phish.example/x">www.gosuslugi.ru/landing/trusted_contact</a></p>`
	if r := check(t, hidden, CheckOptions{Form: "sms", HTML: true}); !slices.ContainsFunc(r.Findings, func(f Finding) bool { return f.ID == "hidden_link" }) {
		t.Errorf("a hidden link passed: %s", list(r.Findings))
	}
}

func TestWhatCannotBeChecked(t *testing.T) {
	s := source(t)
	for key, c := range map[string]struct {
		text string
		o    CheckOptions
	}{
		"outreach.fault.form":       {"текст", CheckOptions{Form: "poem"}},
		"outreach.fault.text_empty": {" \n<>", CheckOptions{}},
		"outreach.fault.text_long":  {strings.Repeat("а", TextMost/2+1), CheckOptions{}},
	} {
		if _, err := s.Check(c.text, c.o); !fault.HasKey(err, key) {
			t.Errorf("%s: %v", key, err)
		}
	}
}

func TestABrokenSourceIsRefused(t *testing.T) {
	for name, change := range map[string][2]string{
		"unknown key":        {"version = ", "verzion = \"x\"\nversion = "},
		"missing language":   {`name = { ru = "что это", en = "what it is" }`, `name = { ru = "что это" }`},
		"broken pattern":     {`' штраф\S* '`, `' штраф( '`},
		"unknown statement":  {`short = ["what"`, `short = ["wat"`},
		"broken fact":        {`' профиль '`, `' профиль( '`},
		"not TOML":           {"version = ", "version == "},
		"address that fails": {`landing = "https://www`, `landing = "https://%zz`},
	} {
		if !strings.Contains(sourceFile, change[0]) {
			t.Fatalf("%s: the source has no %q", name, change[0])
		}
		if _, err := readSource(strings.Replace(sourceFile, change[0], change[1], 1)); err == nil {
			t.Errorf("%s passed", name)
		}
	}
}

func FuzzCheck(f *testing.F) {
	s := source(f)
	f.Add(trueText(s, Russian), false)
	f.Add(asPage(trueText(s, Russian)), true)
	f.Add("<a href=x", true)
	f.Add("<a =b='c", true)
	f.Add("https://\x00 <\"'>", true)
	f.Fuzz(func(t *testing.T, text string, page bool) {
		r, err := s.Check(text, CheckOptions{HTML: page})
		if err == nil && len(r.Present)+len(r.Findings) == 0 {
			t.Error("nothing present and nothing found")
		}
	})
}
