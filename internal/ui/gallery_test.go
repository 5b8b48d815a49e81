package ui_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"doverie/internal/i18n"
	"doverie/internal/ui"
)

var galleryDir = flag.String("gallery", "", "write the component gallery as HTML files into this folder, for looking at")

var noon = time.Date(2026, time.November, 21, 16, 5, 0, 0, time.UTC)

// specimen is one component in one state.
type specimen struct {
	name string // template name
	of   string // state
	data any
}

// words keeps the gallery out of the locale files: its own words are data.
func words(s string) ui.Text { return ui.Plain(s) }

// specimens lists every component in every state it has. TestGalleryIsComplete proves that none is missing.
func specimens() []specimen {
	errs := ui.Errors{{Field: "phone", Text: ui.K("fault.phone.invalid")}, {Field: "reached", Text: ui.K("field.choose")}}
	phone := ui.TextField{Name: "phone", Label: words("Номер мобильного телефона"), Hint: words("Например, +7 916 123-45-67"), Type: "tel", Autocomplete: "tel", InputMode: "tel"}
	wrong := phone
	wrong.Value = "91612"
	code := ui.CodeField{Name: "code", SentTo: i18n.MaskPhone("+79161234567"), Does: words("Он подтверждает, что телефон у вас в руках."), Left: 5 * time.Minute, Timed: true}
	over, plainCode, badCode := code, code, code
	over.Left = 0
	plainCode.SentTo, plainCode.Timed, plainCode.Way = "", false, ui.ByApp
	byMail := code
	byMail.Way, byMail.SentTo = ui.ByEmail, "v•••@example.ru"
	badCode.Error = ui.K("field.code")
	yesNo := ui.Radios{Name: "reached", Legend: words("Вы сами дозвонились до Веры Петровны?"), Heading: true, Hint: words("По номеру, который знали раньше, или при встрече."), Options: []ui.Option{
		{Value: "yes", Label: ui.K("common.yes")}, {Value: "no", Label: ui.K("common.no")}, {Value: "unsure", Label: words("Не уверен"), Hint: words("Так тоже можно ответить. Мы подскажем, что делать.")}}}
	chosen := yesNo
	chosen.Chosen, chosen.Heading = "unsure", false
	facts := ui.Facts{
		{Icon: "user", Label: words("Кто просит"), Value: words("Вера Петровна К.")},
		{Icon: "clock", Label: words("Когда"), Value: words("21 ноября, 19:05"), Note: words("5 минут назад")},
		{Icon: "smartphone", Label: words("Откуда"), Value: words("Chrome, Android"), Note: words("Сеть 91.221.0.0/16")},
		{Icon: "key-round", Label: words("Недавние изменения"), Value: words("Пароль сменён вчера"), Tone: ui.Warning},
		{Icon: "history", Label: words("Попыток сегодня"), Value: words("3"), Tone: ui.Danger},
	}
	letters := ui.DemoPhone{Name: "Вера Петровна", Messages: []ui.DemoMessage{
		{From: "Доверие", At: noon, Lines: []ui.DemoLine{{Text: "Доверие: вход в вашу учётную запись. Код 123456."}}},
		{Mail: true, From: "Доверие", Subject: "Вход с нового устройства", At: noon, Lines: []ui.DemoLine{{Text: "Это не я:", Link: "/safety/not-me"}}},
	}}
	return []specimen{
		{"step", "first", ui.Step{Step: 1, Of: 5}}, {"step", "second", ui.Step{Step: 2, Of: 5}},
		{"notice", "info", ui.Notice{Tone: ui.Info, Text: words("Приглашение ждёт ответа.")}},
		{"notice", "success", ui.Notice{Tone: ui.Success, Title: words("Пароль изменён"), Text: words("Мы завершили вход на всех устройствах.")}},
		{"notice", "warning", ui.Notice{Tone: ui.Warning, Title: words("Новый контакт пока не подтверждает"), Text: words("Через 24 часа он сможет помогать вам.")}},
		{"notice", "danger", ui.Notice{Tone: ui.Danger, Title: words("Кто-то восстанавливает ваш доступ"), Text: words("Если это не вы, остановите его сейчас."), Link: ui.NavLink{Text: words("Это не я"), Href: "#"}}},
		{"notice", "none", ui.Notice{}},
		{"errors", "two", errs}, {"errors", "none", ui.Errors(nil)},
		{"text-field", "empty", phone}, {"text-field", "wrong", wrong.Check(errs)},
		{"text-field", "optional", ui.TextField{Name: "patronymic", Label: words("Отчество"), Optional: true, Short: true, MaxLength: 40, Value: `"><script>alert(1)</script>`}},
		{"password-field", "current", ui.PasswordField{Name: "password", Label: words("Пароль")}},
		{"password-field", "new and wrong", ui.PasswordField{Name: "new", New: true, Label: words("Новый пароль"), Hint: words("8 знаков или больше. Подойдёт фраза из нескольких слов."), Error: words("Этот пароль слишком простой: его знают все.")}},
		{"radios", "question", yesNo}, {"radios", "wrong", yesNo.Check(errs)}, {"radios", "chosen", chosen},
		{"select", "chosen", ui.Select{Name: "citizenship", Label: words("Гражданство"), Autocomplete: "country", Chosen: "RUS", Options: []ui.Option{{Label: words("Выберите")}, {Value: "RUS", Label: words("Россия")}}}},
		{"select", "wrong", ui.Select{Name: "office", Label: words("Центр"), Error: ui.K("field.choose"), Options: []ui.Option{{Label: words("Выберите")}}}},
		{"checkbox", "empty", ui.Checkbox{Name: "agree", Label: words("Я понимаю, что должен быть на связи"), Hint: words("Решение нужно за 12 часов.")}},
		{"checkbox", "checked and wrong", ui.Checkbox{Name: "agree2", Label: words("Согласен"), Checked: true, Error: ui.K("fault.name.missing")}},
		{"code-field", "sent", code}, {"code-field", "over", over}, {"code-field", "from an app", plainCode}, {"code-field", "by e-mail", byMail}, {"code-field", "wrong", badCode},
		{"delivery", "delivered", ui.Delivery{State: "delivered", At: noon}}, {"delivery", "sent", ui.Delivery{State: "sent", At: noon}},
		{"delivery", "waiting", ui.Delivery{State: "waiting"}}, {"delivery", "too late", ui.Delivery{State: "late"}},
		{"delivery", "failed", ui.Delivery{State: "failed"}}, {"delivery", "unknown", ui.Delivery{State: "unknown"}},
		{"match-number", "two digits", ui.MatchNumber{Number: "47", Hint: words("Назовите его Алексею, когда он сам позвонит вам.")}},
		{"facts", "all tones", facts}, {"facts", "none", ui.Facts(nil)},
		{"person-card", "active", ui.PersonCard{Name: "Алексей", Badge: ui.Badge{Tone: ui.Success, Text: words("Помогает вам")}, Note: words("С 3 марта 2026"), Href: "#", Link: words("Подробнее")}},
		{"person-card", "waits", ui.PersonCard{Name: "Марина", Badge: ui.Badge{Tone: ui.Info, Text: words("Ждёт ответа")}, Note: words("До 24 ноября, 19:05")}},
		{"person-card", "suspended", ui.PersonCard{Name: "", Badge: ui.Badge{Tone: ui.Warning, Text: words("Пока не может помочь")}, More: words("Телефон давно не подтверждали.")}},
		{"badge", "neutral", ui.Badge{Text: words("Это вы")}}, {"badge", "danger", ui.Badge{Tone: ui.Danger, Text: words("Заморожена")}}, {"badge", "none", ui.Badge{}},
		{"timeline", "waiting", ui.Timeline{{State: ui.StepDone, Text: words("Код введён"), Note: words("21 ноября, 19:05")}, {State: ui.StepNow, Text: words("Ждём Алексея"), Note: words("Мы попросили Алексея позвонить вам.")}, {State: ui.StepNext, Text: words("Второй код")}, {State: ui.StepNext, Text: words("Новый пароль")}}},
		{"timeline", "stopped", ui.Timeline{{State: ui.StepDone, Text: words("Код введён")}, {State: ui.StepStopped, Text: words("Алексей отказал"), Note: words("Он не смог дозвониться.")}}},
		{"key-button", "use", ui.KeyButton{Options: "/o", Finish: "/f", Lead: ui.K("passkeys.sign_in.lead"), Label: ui.K("passkeys.sign_in.button"), Remember: ui.Checkbox{Name: "remember", Label: ui.K("sign_in.remember")}}},
		{"key-button", "make", ui.KeyButton{Make: true, Options: "/o", Finish: "/f", Label: ui.K("passkeys.add.button"), Name: ui.TextField{Name: "name", Label: ui.K("passkeys.add.name")}}}, {"key-button", "none", ui.KeyButton{}},
		{"passkey-card", "stale", ui.PasskeyCard{Name: "мой телефон", Href: "#", Stale: true, Facts: facts}}, {"passkey-card", "plain", ui.PasskeyCard{Name: "ноутбук"}},
		{"empty-state", "with an action", ui.EmptyState{Icon: "users", Title: words("У вас пока нет доверенного контакта"), Text: words("Это близкий человек, который поможет вернуть доступ. Мошенник без него пароль не сменит."), Action: ui.NavLink{Text: words("Добавить контакт"), Href: "#"}}},
		{"empty-state", "plain", ui.EmptyState{Title: words("Пока ничего не было"), Text: words("Здесь появятся ваши действия.")}},
		{"delayed", "72 h", ui.Delayed{What: words("Алексей перестанет быть вашим контактом"), In: 72 * time.Hour, At: noon.Add(72 * time.Hour)}},
		{"section-card", "plain", ui.SectionCard{Icon: "lock", Title: words("Вход и пароль"), Text: words("Пароль, код из СМС, устройства"), Href: "#"}},
		{"section-card", "badge", ui.SectionCard{Icon: "users", Title: words("Доверенный контакт"), Text: words("Кто поможет вернуть доступ"), Href: "#", Badge: ui.Badge{Tone: ui.Success, Text: words("Есть")}}},
		{"rows", "some", ui.Rows{{Icon: "smartphone", Title: words("Chrome, Android"), Note: words("Москва, 5 минут назад"), Badge: ui.Badge{Tone: ui.Success, Text: words("Это устройство")}}, {Icon: "laptop", Title: words("Firefox, Windows"), Note: words("3 дня назад"), Href: "#", Facts: facts[:2]}}},
		{"rows", "none", ui.Rows(nil)},
		{"placements", "two", []ui.CampaignPlacement{{Place: "Плакат в холле", Day: noon, Link: "https://example.org/news", Photo: "/outreach/photos/1"}, {Place: "<b>Сайт</b>", Day: noon, Shot: true}}},
		{"text-area", "empty", ui.TextArea{Name: "letterhead", Label: words("Кто пишет"), Hint: words("Каждая строка отдельно.")}},
		{"text-area", "wrong", ui.TextArea{Name: "body", Rows: 8, Label: words("Текст"), Value: "</textarea><script>alert(1)</script>", Optional: true, Error: ui.K("field.choose")}},
		{"file-field", "empty", ui.FileField{Name: "photo", Label: words("Фотография"), Hint: words("До 8 МиБ."), Accept: "image/jpeg", Optional: true}},
		{"file-field", "wrong", ui.FileField{Name: "register", Label: words("Список"), Error: ui.K("field.choose")}},
		{"password-advice", "plain", nil}, {"code-help-words", "plain", ui.SecondFactor{Pause: time.Minute}},
		{"signed-in", "here", ui.SignedIn{Icon: "smartphone", Device: words("Chrome, Android"), Current: true, Facts: facts[1:3]}},
		{"demo-clock", "of a demonstration", "/"},
		{"demo-messages", "an SMS and a mail", letters}, {"demo-lines", "of a mail", letters.Messages[1]},
		{"pages", "middle", ui.Pages{Page: 2, Newer: "?page=1", Older: "?page=3"}}, {"pages", "one", ui.Pages{Page: 1}},
	}
}

// gallery builds on the real layout and the real parts: the same files, the same functions.
func gallery(t *testing.T, lang string) string {
	t.Helper()
	r := renderer(t)
	var body strings.Builder
	body.WriteString(`<section class="sheet"><p class="step-line"></p><h1>Галерея</h1><p class="key-sentence">Позвоните Вере Петровне сами. Не отвечайте на входящий звонок.</p>` +
		`<ol class="steps"><li>Наберите номер, который знаете.</li><li>Спросите, сама ли она начала.</li></ol>` +
		`<div class="actions"><button class="button">Продолжить</button><button class="button secondary">Назад</button><button class="button danger">Отказать</button><button class="button approve">Подтвердить</button><button class="button link">Подождать</button></div></section>`)
	for _, s := range specimens() {
		var buf bytes.Buffer
		if err := r.RenderPart(&buf, lang, s.name, s.data); err != nil {
			t.Errorf("%s, %s, %s: %v", lang, s.name, s.of, err)
		}
		body.WriteString(`<section class="sheet"><p class="note">` + s.name + `: ` + s.of + `</p>` + buf.String() + `</section>`)
	}
	var page bytes.Buffer
	l := ui.Layout{Path: "/gallery", Person: "Вера П.", Section: "/settings/safety/trusted-contacts", Clock: noon,
		Banners: []ui.Notice{{Tone: ui.Warning, Text: words("Мошенники звонят от имени поддержки. Мы никогда не звоним первыми.")}}}
	if err := r.Render(&page, lang, l, ui.FaultPage{Icon: "ban", Heading: ui.K("fault.refused.title"), Words: ui.K("fault.refused"), Action: ui.NavLink{Text: ui.K("common.try_again"), Href: "#"}, RequestID: "K3PQ-7WZD-MA2F"}); err != nil {
		t.Fatal(err)
	}
	return strings.Replace(page.String(), "</main>", body.String()+"</main>", 1)
}

var unsafeMarkup = regexp.MustCompile(`(?i)<script>|javascript:|style="|\son[a-z]+="|<no value>|⟦|ZgotmplZ`)

func TestGallery(t *testing.T) {
	for _, lang := range i18n.Languages() {
		html := gallery(t, lang)
		for _, bad := range unsafeMarkup.FindAllString(html, -1) {
			t.Errorf("%s: the gallery contains %q", lang, bad)
		}
		if n, m := strings.Count(html, "<div"), strings.Count(html, "</div>"); n != m {
			t.Errorf("%s: %d <div> and %d </div>", lang, n, m)
		}
		if *galleryDir != "" {
			writeGallery(t, lang, html)
		}
	}
}

func writeGallery(t *testing.T, lang, html string) {
	t.Helper()
	assets, err := ui.LoadAssets()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"app.css", "app.js", "favicon.svg", "golos-cyrillic.woff2", "golos-latin.woff2"} {
		url, err := assets.URL(name)
		if err != nil {
			t.Fatal(err)
		}
		html = strings.ReplaceAll(html, `"`+url, `"`+strings.TrimPrefix(url, "/"))
		data := assets.Content(url)
		data = bytes.ReplaceAll(data, []byte("url(/assets/"), []byte("url("))
		file := filepath.Join(*galleryDir, strings.TrimPrefix(url, "/"))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(*galleryDir, lang+".html"), []byte(html), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestGalleryIsComplete finds every component that is defined and not shown.
func TestGalleryIsComplete(t *testing.T) {
	inner := map[string]bool{"mark": true, "tone-word": true, "field-error": true, "described": true, "next": true} // pieces of components
	shown := map[string]bool{}
	for _, s := range specimens() {
		shown[s.name] = true
	}
	files, err := filepath.Glob("templates/parts/*.html")
	if err != nil || len(files) == 0 {
		t.Fatalf("no parts: %v", err)
	}
	define := regexp.MustCompile(`{{define "([^"]+)"}}`)
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range define.FindAllStringSubmatch(string(data), -1) {
			if !shown[m[1]] && !inner[m[1]] {
				t.Errorf("%s: component %q is not in the gallery", f, m[1])
			}
		}
	}
}
