package web_test

import (
	"html"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pquerna/otp/totp"

	"doverie/internal/account"
	"doverie/internal/apptest"
	"doverie/internal/effect"
	"doverie/internal/i18n"
	"doverie/internal/notify"
	"doverie/internal/recovery"
	"doverie/internal/store/storetest"
	"doverie/internal/trust"
)

// citizen is a person's browser on the whole server: real services on a real database.
type citizen struct {
	*apptest.Client

	t *testing.T
	w *apptest.World
}

func newCitizen(t *testing.T, w *apptest.World) citizen {
	t.Helper()
	return citizen{Client: w.Client(), t: t, w: w}
}

// in asks for the page in the language.
func in(lang string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set("Accept-Language", lang) }
}

// sees reads a page in both languages, checks what every page must hold, and returns the Russian words.
func (c citizen) sees(path string, words ...string) string {
	c.t.Helper()
	russian := ""
	for _, lang := range i18n.Languages() {
		a := c.Do(http.MethodGet, path, nil, in(lang))
		c.whole(path+" "+lang, a, http.StatusOK)
		if lang == i18n.Russian {
			russian = c.says(path, a, words...)
		}
	}
	return russian
}

func (c citizen) whole(name string, a apptest.Answer, status int) {
	c.t.Helper()
	if a.Status != status {
		c.t.Fatalf("%s: status %d to %q, want %d\n%s", name, a.Status, a.Location, status, apptest.Words(a.Body))
	}
	for _, bad := range badMarkup.FindAllString(a.Body, -1) {
		c.t.Errorf("%s: the page contains %q", name, bad)
	}
	if n := strings.Count(a.Body, "<h1"); n != 1 {
		c.t.Errorf("%s: %d first headings", name, n)
	}
	if missed := c.w.Logs.String(); strings.Contains(missed, "msg=text") {
		c.t.Errorf("%s: messages are missing:\n%s", name, missed)
	}
}

func (c citizen) says(name string, a apptest.Answer, words ...string) string {
	c.t.Helper()
	body := html.UnescapeString(a.Body)
	text := strings.ReplaceAll(html.UnescapeString(apptest.Words(a.Body)), "\u00a0", " ")
	for _, w := range words {
		if !strings.Contains(text, w) && !strings.Contains(body, w) {
			c.t.Errorf("%s: the page does not say %q:\n%s", name, w, text)
		}
	}
	return text
}

// again posts a form that must come back with its errors, in both languages.
func (c citizen) again(path string, form url.Values, words ...string) apptest.Answer {
	c.t.Helper()
	var russian apptest.Answer
	for _, lang := range i18n.Languages() {
		a := c.Do(http.MethodPost, path, form, in(lang))
		c.whole("POST "+path+" "+lang, a, http.StatusUnprocessableEntity)
		if lang == i18n.Russian {
			russian = a
			c.says("POST "+path, a, words...)
		}
	}
	return russian
}

func TestRegistrationFromTheFirstPageToTheProfile(t *testing.T) {
	t.Parallel()
	w := apptest.New(t, "sqlite", apptest.Options{})
	c := newCitizen(t, w)
	c.sees("/register", "Регистрация", "четыре слова подряд")

	a := c.again("/register", apptest.Form("family", "Петрoва", "given", "", "phone", "495", "email", "ва@я", "password", "12345678"),
		"смешаны русские и латинские", "Заполните это поле", "русские буквы", "списках воров", `value="Петрoва"`)
	if strings.Contains(a.Body, "12345678") {
		t.Error("the password came back in the page")
	}
	good := apptest.Form("family", "Петрова", "given", "Анна", "patronymic", "", "phone", "8 (916) 555-44-33",
		"email", "anna@example.test", "password", apptest.Password)
	c.Want(c.Do(http.MethodPost, "/register", good), "/register/code")
	c.sees("/register/code", "+7 916 555-44-33", "Никому не говорите этот код")
	if form := c.sees("/register?again", "Регистрация"); form == "" {
		t.Error("no form")
	}
	if a := c.Get("/register?again"); !strings.Contains(a.Body, `value="Анна"`) || strings.Contains(a.Body, apptest.Password) {
		t.Error("what was typed is lost, or the password is not")
	}
	c.again("/register/code", apptest.Form("code", " "), "Введите цифры кода")
	code := w.Code("+79165554433", notify.RegisterCode)
	c.again("/register/code", apptest.Form("code", wrong(code)), "Код не подошёл", "Осталось попыток")
	c.again("/register/resend", apptest.Form(), "Новый код можно запросить позже")
	w.Advance(w.Policy.CodeResend)
	c.Want(c.Post("/register/resend"), "/register/code?sent")
	c.sees("/register/code?sent", "Мы послали новый код")
	c.Want(c.Post("/register/code", "code", w.Code("+79165554433", notify.RegisterCode)), "/settings/account?done=registered")
	c.sees("/settings/account?done=registered", "Учётная запись готова", "Петрова Анна", "Упрощённая запись", "Добавить данные документа")
	c.Want(c.Get("/register"), "/settings/account")

	// The letter's link changes nothing until its button is pressed, and works without being signed in.
	path := w.LinkPath("anna@example.test", notify.EmailVerifyLink)
	other := newCitizen(t, w)
	other.sees(path, "a•••@example.test", "Да, это мой адрес")
	other.sees(path, "a•••@example.test")
	_, token, _ := strings.Cut(path, "?t=")
	other.Want(other.Post("/email/verify", "t", token), "/email/verified")
	other.sees("/email/verified", "Почта подтверждена")
	for _, lang := range i18n.Languages() {
		other.whole("used link", other.Do(http.MethodGet, path, nil, in(lang)), http.StatusNotFound)
	}
	c.sees("/settings/account", "a•••@example.test")
}

// wrong is another code of the same form.
func wrong(code string) string {
	if code[0] == '9' {
		return "8" + code[1:]
	}
	return string(code[0]+1) + code[1:]
}

// TestARegistrationTellsNothing: the pages for a phone that has an account and for one that has none are the same.
func TestARegistrationTellsNothing(t *testing.T) {
	t.Parallel()
	w := apptest.New(t, "sqlite", apptest.Options{})
	family := w.AddFamily()
	var pages []string
	for _, phone := range []string{family.Vera.Phone, "+79165554433"} {
		c := newCitizen(t, w)
		c.Want(c.Post("/register", "family", "Зимин", "given", "Олег", "phone", phone, "password", apptest.Password), "/register/code")
		body := c.Get("/register/code").Body
		pages = append(pages, strings.NewReplacer(account.ShowPhone(phone), "PHONE", i18n.Phone(phone), "PHONE").Replace(html.UnescapeString(body)))
	}
	if pages[0] != pages[1] {
		t.Error("the page of the code differs for a phone that has an account")
	}
}

func TestARegistrationEnds(t *testing.T) {
	t.Parallel()
	w := apptest.New(t, "sqlite", apptest.Options{})
	form := apptest.Form("family", "Зимин", "given", "Олег", "phone", "+79165554433", "password", apptest.Password)
	guessing := newCitizen(t, w)
	guessing.Want(guessing.Get("/register/code"), "/register")
	guessing.Do(http.MethodPost, "/register", form)
	bad := wrong(w.Code("+79165554433", notify.RegisterCode))
	var last apptest.Answer
	for range w.Policy.CodeTries {
		last = guessing.Post("/register/code", "code", bad)
	}
	guessing.Want(last, "/register?why=failed")
	guessing.sees("/register?why=failed", "Попытки ввести код кончились")
	slow := newCitizen(t, w)
	slow.Do(http.MethodPost, "/register", form)
	w.Advance(w.Policy.RegistrationTTL)
	slow.Want(slow.Get("/register/code"), "/register?why=over")
	slow.sees("/register?why=over", "Время на регистрацию вышло")
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	w := apptest.New(t, "sqlite", apptest.Options{})
	vera := w.AddFamily().Vera
	c := newCitizen(t, w)
	c.sees("/sign-in", "Не помню пароль", "Создать учётную запись", "Мы никогда не звоним")
	c.sees("/sign-in?next=/settings/safety/events", "Эта страница видна только после входа", `value="/settings/safety/events"`)
	c.sees("/sign-in?why=over")
	c.sees("/sign-in?why=failed")
	c.sees("/sign-in?why=late")
	if a := c.Get("/sign-in?next=https://evil.example/"); strings.Contains(a.Body, `name="next"`) {
		t.Error("the way to another site is carried along")
	}
	c.again("/sign-in", apptest.Form("identifier", vera.Phone, "password", ""), "Введите пароль")
	c.again("/sign-in", apptest.Form("identifier", "Вера", "password", "x"), "Не похоже ни на телефон", `value="Вера"`)
	known := c.again("/sign-in", apptest.Form("identifier", vera.Phone, "password", "другой пароль"), "Вход не удался")
	unknown := c.again("/sign-in", apptest.Form("identifier", "+79160000000", "password", "другой пароль"), "Вход не удался")
	if strings.ReplaceAll(html.UnescapeString(known.Body), vera.Phone, "") != strings.ReplaceAll(html.UnescapeString(unknown.Body), "+79160000000", "") {
		t.Error("the answer tells whether there is an account")
	}
	c.Want(c.Get("/sign-in/code"), "/sign-in?why=over")

	const next = "/settings/safety/events"
	c.Want(c.Post("/sign-in", "identifier", vera.Phone, "password", apptest.Password, "next", next), "/sign-in/code?next="+url.QueryEscape(next))
	c.sees("/sign-in/code?next="+next, "+7 ••• •••-45-67", "Запомнить этот браузер", "5 минут", `value="`+next+`"`)
	c.again("/sign-in/code", apptest.Form("code", "", "remember", "yes"), "Введите цифры кода", " checked")
	code := w.Code(vera.Phone, notify.SignInCode)
	c.again("/sign-in/code", apptest.Form("code", wrong(code)), "Код не подошёл")
	c.again("/sign-in/resend", apptest.Form(), "Новый код можно запросить позже")
	c.again("/sign-in/method", apptest.Form("method", "totp"), "Этот способ сейчас не подходит")
	w.Advance(w.Policy.CodeResend)
	c.Want(c.Post("/sign-in/resend", "next", next), "/sign-in/code?next="+url.QueryEscape(next)+"&sent")
	c.sees("/sign-in/code?sent", "Мы послали новый код")
	c.Want(c.Post("/sign-in/code", "code", w.Code(vera.Phone, notify.SignInCode), "next", next, "remember", "yes"), next)
	c.Want(c.Get("/sign-in"), "/settings/account")
	device := c.Cookies()["device"]
	if device == "" {
		t.Fatal("the browser is not remembered")
	}
	c.sees("/settings/safety/sessions", "Chrome, Android", "Это вы, здесь", "Забыть")
	c.Want(c.Post("/sign-out"), "/sign-in?why=out")
	c.sees("/sign-in?why=out", "Вы вышли")
	c.Want(c.Get("/settings/account"), "/sign-in?next=%2Fsettings%2Faccount")
	c.Want(c.Post("/sign-out"), "/sign-in?why=out") // twice harms nothing

	told := w.Count(vera.Phone, notify.SessionNewDevice)
	c.SignIn(vera, apptest.Password)
	if c.Cookies()["device"] != device || w.Count(vera.Phone, notify.SessionNewDevice) != told {
		t.Error("a remembered browser counts as a new one")
	}
}

func TestSignInEndsAfterFiveWrongCodes(t *testing.T) {
	t.Parallel()
	w := apptest.New(t, "sqlite", apptest.Options{})
	vera := w.AddFamily().Vera
	c := newCitizen(t, w)
	c.Post("/sign-in", "identifier", vera.Phone, "password", apptest.Password)
	bad := wrong(w.Code(vera.Phone, notify.SignInCode))
	var last apptest.Answer
	for range w.Policy.CodeTries {
		last = c.Post("/sign-in/code", "code", bad, "next", "/help")
	}
	c.Want(last, "/sign-in?next=%2Fhelp&why=failed")
	if c.Cookies()["session"] != "" {
		t.Error("a session was given")
	}
}

// TestWhereASignInLeads: a freeze, a temporary password and somebody's open recovery come before anything else.
func TestWhereASignInLeads(t *testing.T) {
	t.Parallel()
	w := apptest.New(t, "sqlite", apptest.Options{})
	family := w.AddFamily()
	thief := w.Client()
	thief.StartRecovery(family.Vera)
	c := newCitizen(t, w)
	c.Post("/sign-in", "identifier", family.Vera.Phone, "password", apptest.Password)
	c.Want(c.Post("/sign-in/code", "code", w.Code(family.Vera.Phone, notify.SignInCode), "next", "/help"), "/safety/alarm")

	if err := w.Protect.Freeze(t.Context(), storetest.ActOf(family.Alexey.ID), family.Alexey.ID, trust.FrozenBySelf); err != nil {
		t.Fatal(err)
	}
	f := newCitizen(t, w)
	f.Post("/sign-in", "identifier", family.Alexey.Phone, "password", apptest.Password)
	f.Want(f.Post("/sign-in/code", "code", w.Code(family.Alexey.Phone, notify.SignInCode)), "/safety/frozen")
	f.Want(f.Get("/settings/account"), "/safety/frozen")
	f.sees("/step-up?next=/safety/frozen", "Подтвердите, что это вы") // lifting a freeze begins with it
}

func TestStepUp(t *testing.T) {
	t.Parallel()
	w := apptest.New(t, "sqlite", apptest.Options{})
	vera := w.AddFamily().Vera
	c := newCitizen(t, w)
	c.Want(c.Get("/step-up"), "/sign-in?next=%2Fstep-up")
	c.SignIn(vera, apptest.Password)
	c.Want(c.Get("/settings/account/email"), "/step-up?next=%2Fsettings%2Faccount%2Femail")
	c.Want(c.Get("/step-up/code"), "/step-up?why=over")
	c.sees("/step-up?next=/settings/account/email", "Вас просят это сделать?", "5 минут")
	c.sees("/step-up?why=over")
	c.sees("/step-up?why=failed")
	c.again("/step-up", apptest.Form("password", ""), "Введите пароль")
	c.again("/step-up", apptest.Form("password", "не тот"), "Пароль не подошёл")
	const next = "/settings/account/email"
	c.Want(c.Post("/step-up", "password", apptest.Password, "next", next), "/step-up/code?next="+url.QueryEscape(next))
	c.sees("/step-up/code?next="+next, "Ещё один код", "+7 ••• •••-45-67")
	c.again("/step-up/code", apptest.Form("code", ""), "Введите цифры кода")
	c.again("/step-up/code", apptest.Form("code", wrong(w.Code(vera.Phone, notify.StepUpCode))), "Код не подошёл")
	c.again("/step-up/resend", apptest.Form(), "Новый код можно запросить позже")
	c.again("/step-up/method", apptest.Form("method", "totp"), "Этот способ сейчас не подходит")
	w.Advance(w.Policy.CodeResend)
	c.Want(c.Post("/step-up/resend", "next", next), "/step-up/code?next="+url.QueryEscape(next)+"&sent")
	c.sees("/step-up/code?sent", "Мы послали новый код")
	before := c.Cookies()["session"]
	c.Want(c.Post("/step-up/code", "code", w.Code(vera.Phone, notify.StepUpCode), "next", next), next)
	if c.Cookies()["session"] == before {
		t.Error("the session keeps its old secret (T38)")
	}
	stolen := w.Client()
	stolen.SetCookie("session", before)
	stolen.Want(stolen.Get("/settings/account"), "/sign-in")

	c.sees(next, "v•••@example.test")
	c.again(next, apptest.Form("email", "вера@example.ru"), "русские буквы", `value="вера@example.ru"`)
	c.again(next, apptest.Form("email", "vera@example.test"), "Этот адрес уже ваш")
	c.Want(c.Post(next, "email", "new@example.test"), "/settings/account/email/sent")
	c.sees("/settings/account/email/sent", "Проверьте почту", "24 часа")
	w.Advance(w.Policy.StepUpTTL)
	c.Want(c.Post(next, "email", "new@example.test"), "/step-up?next=") // and the address comes back by itself

	c.Post("/step-up", "password", apptest.Password)
	bad := wrong(w.Code(vera.Phone, notify.StepUpCode))
	var last apptest.Answer
	for range w.Policy.CodeTries {
		last = c.Post("/step-up/code", "code", bad)
	}
	c.Want(last, "/step-up?why=failed")
}

func TestProfileInEveryState(t *testing.T) {
	t.Parallel()
	w := apptest.New(t, "sqlite", apptest.Options{})
	family := w.AddFamily()
	c := newCitizen(t, w)
	c.SignIn(family.Vera, apptest.Password)
	c.sees("/settings/account", "Смирнова Вера Петровна", "Подтверждённая запись", "8 марта 1954", "Россия", "Назначьте доверенный контакт",
		`href="/settings/safety/login"`, `href="/settings/safety/events"`, "v•••@example.test")
	c.sees("/settings/account/level", "Сделано", "Доверенный контакт")
	for _, lang := range i18n.Languages() {
		c.whole("a confirmed person's document", c.Do(http.MethodGet, "/settings/account/document", nil, in(lang)), http.StatusForbidden)
	}

	n := newCitizen(t, w)
	n.Do(http.MethodPost, "/register", apptest.Form("family", "Зимин", "given", "Олег", "phone", "+79165554433", "password", apptest.Password))
	n.Want(n.Post("/register/code", "code", w.Code("+79165554433", notify.RegisterCode)), "/settings/account")
	n.sees("/settings/account/level", "Добавить данные документа", "По телефону личность не подтверждают")
	form := n.sees("/settings/account/document", "Паспорт России", "Казахстан", "Выберите страну")
	if strings.Index(form, "Россия") > strings.Index(form, "Австралия") {
		t.Error("Russia does not stand first")
	}
	a := n.again("/settings/account/document", apptest.Form("birth_date", "31.02.1990", "citizenship", "", "snils", "112-233-445 96", "document", "45"),
		"Такой даты нет", "Выберите гражданство", "не сходятся", "Выберите документ", `value="31.02.1990"`)
	if !strings.Contains(a.Body, `id="kind-error"`) {
		t.Error("the error of the kind does not stand at its question")
	}
	good := apptest.Form("birth_date", "12.04.1990", "citizenship", "KAZ", "snils", "112-233-445 95", "kind", "foreign_passport", "document", "N1234567")
	n.Want(n.Do(http.MethodPost, "/settings/account/document", good), "/settings/account?done=document")
	n.sees("/settings/account?done=document", "Данные сохранены", "Стандартная запись", "Казахстан", "•••-•••-••5 95", "Номер кончается на 4567")
	n.sees("/settings/account/level", "Сейчас")

	w.Advance(w.Policy.PhoneFresh)
	old := newCitizen(t, w)
	old.SignIn(family.Alexey, apptest.Password) // the code makes the phone fresh again
	old.sees("/settings/account", "Подтверждён кодом")
}

func TestSecurity(t *testing.T) {
	t.Parallel()
	w := apptest.New(t, "sqlite", apptest.Options{})
	vera := w.AddFamily().Vera
	c, other := newCitizen(t, w), newCitizen(t, w)
	c.SignIn(vera, apptest.Password)
	other.SignIn(vera, apptest.Password)
	c.sees("/settings/safety/login", "Доверенный контакт", "Пока нет", `href="/settings/safety/trusted-contacts"`, "Заморозить запись", "Открыто сейчас: 2")

	c.Want(c.Get("/settings/safety/password"), "/step-up?next=%2Fsettings%2Fsafety%2Fpassword")
	c.StepUp(vera, apptest.Password)
	c.sees("/settings/safety/password", "Пароль сейчас", "Вам кто-то звонит?")
	a := c.again("/settings/safety/password", apptest.Form("old", "не тот пароль", "new", "vera1954"), "Старый пароль не подошёл")
	if strings.Contains(a.Body, "vera1954") {
		t.Error("a password came back in the page")
	}
	c.again("/settings/safety/password", apptest.Form("old", apptest.Password, "new", "кот"), "слишком короткий")
	c.again("/settings/safety/password", apptest.Form("old", apptest.Password, "new", apptest.Password), "такой же, как старый")
	c.Want(c.Post("/settings/safety/password", "old", apptest.Password, "new", apptest.NewPassword), "/settings/safety/login?done=password")
	c.sees("/settings/safety/login?done=password", "Пароль сменён")
	other.Want(other.Get("/settings/account"), "/sign-in")

	other.SignIn(vera, apptest.NewPassword)
	c.sees("/settings/safety/sessions", "Закрыть вход", "Пока ни одного")
	id := regexp.MustCompile(`/settings/safety/sessions/([0-9a-f-]{36})/end`).FindStringSubmatch(c.Get("/settings/safety/sessions").Body)
	if id == nil {
		t.Fatal("the other session cannot be ended")
	}
	stranger := newCitizen(t, w)
	stranger.SignIn(w.Add(storetest.Person{Given: "Олег"}), apptest.Password)
	if a := stranger.Post(id[0]); a.Status != http.StatusNotFound {
		t.Errorf("somebody else's session: status %d", a.Status)
	}
	c.Want(c.Post(id[0]), "/settings/safety/sessions?done=ended")
	c.sees("/settings/safety/sessions?done=ended", "Вход там закрыт")
	other.Want(other.Get("/settings/account"), "/sign-in")
	c.Want(c.Post("/settings/safety/sessions/end-others"), "/settings/safety/sessions?done=others")
	c.sees("/settings/safety/sessions?done=others", "везде, кроме этого браузера")
	c.sees("/settings/safety/sessions?done=forgotten")
}

func TestTOTP(t *testing.T) {
	t.Parallel()
	w := apptest.New(t, "sqlite", apptest.Options{})
	vera := w.AddFamily().Vera
	c := newCitizen(t, w)
	c.SignIn(vera, apptest.Password)
	c.Want(c.Get("/settings/safety/totp"), "/step-up")
	c.StepUp(vera, apptest.Password)
	c.sees("/settings/safety/totp", "Показать ключ")
	var shown apptest.Answer
	for _, lang := range []string{i18n.English, i18n.Russian} {
		shown = c.Do(http.MethodPost, "/settings/safety/totp", apptest.Form(), in(lang))
		c.whole("the key "+lang, shown, http.StatusOK)
	}
	c.says("the key", shown, "otpauth://totp/", "<path fill")
	key := strings.ReplaceAll(regexp.MustCompile(`id="totp-key">([A-Z2-7 ]+)<`).FindStringSubmatch(shown.Body)[1], " ", "")
	code := func() string {
		made, err := totp.GenerateCode(key, w.Clock.Now())
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	c.again("/settings/safety/totp/confirm", apptest.Form("code", ""), "Ключ уже в вашем приложении")
	again := c.again("/settings/safety/totp/confirm", apptest.Form("code", wrong(code())), "Код из приложения не подошёл")
	if strings.Contains(again.Body, key) {
		t.Error("the key is shown a second time")
	}
	c.Want(c.Get("/settings/safety/totp/confirm"), "/settings/safety/totp")
	c.Want(c.Post("/settings/safety/totp/confirm", "code", code()), "/settings/safety/login?done=totp-on")
	c.sees("/settings/safety/login?done=totp-on", "Подключено")
	c.sees("/settings/safety/totp", "Отключить приложение")

	w.Advance(time.Minute)
	b := newCitizen(t, w)
	b.Want(b.Post("/sign-in", "identifier", vera.Phone, "password", apptest.Password), "/sign-in/code")
	b.sees("/sign-in/code", "Введите код из приложения", "Получить код по СМС")
	b.Want(b.Post("/sign-in/method", "method", "sms"), "/sign-in/code")
	b.sees("/sign-in/code", "Взять код из приложения", "+7 ••• •••-45-67")
	b.Want(b.Post("/sign-in/method", "method", "totp"), "/sign-in/code")
	b.Want(b.Post("/sign-in/code", "code", code()), "/settings/account")
	w.Advance(time.Minute)
	b.Want(b.Post("/step-up", "password", apptest.Password), "/step-up/code")
	b.sees("/step-up/code", "Получить код по СМС")
	b.Want(b.Post("/step-up/method", "method", "sms"), "/step-up/code")
	b.Want(b.Post("/step-up/method", "method", "totp"), "/step-up/code")
	b.Want(b.Post("/step-up/code", "code", code()), "/settings/account")
	b.Want(b.Post("/settings/safety/totp/remove"), "/settings/safety/login?done=totp-off")
	b.sees("/settings/safety/login?done=totp-off", "отключено")
}

func TestHistory(t *testing.T) {
	t.Parallel()
	w := apptest.New(t, "sqlite", apptest.Options{})
	family := w.AddFamily()
	c := newCitizen(t, w)
	c.SignIn(family.Vera, apptest.Password)
	c.sees("/settings/safety/events", "Вход выполнен", "Chrome, Android", "Новый браузер", "Видите это только вы")
	for range 12 {
		c.Post("/sign-out")
		w.Advance(time.Hour)
		c.SignIn(family.Vera, apptest.Password)
	}
	pages, path := 0, "/settings/safety/events"
	seen := 0
	for ; path != "" && pages < 10; pages++ {
		text := c.sees(path, "Страница "+strconv.Itoa(pages+1))
		seen += strings.Count(text, "Вход выполнен")
		next := regexp.MustCompile(`rel="next" href="([^"]+)"`).FindStringSubmatch(c.Get(path).Body)
		path = ""
		if next != nil {
			path = strings.ReplaceAll(next[1], "&amp;", "&")
		}
	}
	if pages < 2 || seen != 13 {
		t.Errorf("%d pages with %d sign-ins", pages, seen)
	}
	for _, odd := range []string{"?b=x", "?b=-1", "?b=5&b=9"} {
		c.sees("/settings/safety/events"+odd, "Страница 1")
	}

	// What another person did shows neither his device nor his network (I9).
	alexey := newCitizen(t, w)
	alexey.SignIn(family.Alexey, apptest.Password)
	id, err := w.Links.Invite(t.Context(), storetest.ActOf(family.Vera.ID), family.Vera.ID, "Алексей", family.Alexey.Phone)
	if err != nil {
		t.Fatal(err)
	}
	w.Settle()
	act := storetest.ActOf(family.Alexey.ID)
	act.Device, act.Area = "Firefox, Windows", "203.0.113.0/16"
	if err := w.Links.Accept(t.Context(), act, family.Alexey.ID, id); err != nil {
		t.Fatal(err)
	}
	if text := c.sees("/settings/safety/events", "Приглашение стать контактом принято", "Это сделал другой человек"); strings.Contains(text, "Windows") {
		t.Error("the contact's device is shown to the principal")
	}
	c.sees("/settings/account", "1 человек бережёт вас")
	c.sees("/settings/safety/login", "1 человек бережёт вас")
}

// TestATemporaryPasswordOpensOnePage: after a day it opens nothing, and after five minutes the sign-in is done again.
func TestATemporaryPasswordOpensOnePage(t *testing.T) {
	t.Parallel()
	w := apptest.New(t, "sqlite", apptest.Options{})
	vera := w.AddFamily().Vera
	c := newCitizen(t, w)
	temporary := effect.SetPassword{Account: vera.ID, Hash: vera.PasswordHash, MustChange: true}
	err := w.Store.CommitAccount(t.Context(), effect.Act{Actor: effect.System}, w.Clock.Now(),
		account.Change{Rules: w.Policy.Version, Before: &vera, After: &vera}, []effect.Effect{temporary})
	if err != nil {
		t.Fatal(err)
	}
	c.Post("/sign-in", "identifier", vera.Phone, "password", apptest.Password)
	c.Want(c.Post("/sign-in/code", "code", w.Code(vera.Phone, notify.SignInCode)), "/settings/safety/password")
	c.Want(c.Get("/settings/account"), "/settings/safety/password")
	c.Want(c.Get("/step-up"), "/settings/safety/password")
	c.sees("/settings/safety/password", "Смените временный пароль", "Временный пароль")
	w.Advance(w.Policy.StepUpTTL)
	c.Want(c.Post("/settings/safety/password", "old", apptest.Password, "new", apptest.NewPassword), "/sign-in?why=late")
	c.SignIn(vera, apptest.Password)
	c.Want(c.Post("/settings/safety/password", "old", apptest.Password, "new", apptest.NewPassword), "/settings/safety/login?done=password")
	c.sees("/settings/account", "Смирнова")
}

// TestEveryEventHasWords reads the source for every kind of event that is recorded, those made of states included.
func TestEveryEventHasWords(t *testing.T) {
	t.Parallel()
	texts, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	kinds := map[string]bool{}
	for _, made := range [][]string{
		{"trust.", string(trust.Declined), string(trust.Withdrawn), string(trust.Lapsed)},
		{"approval.", string(trust.Checked), string(trust.Flagged)},
		{"action.", string(trust.ActionDone), string(trust.ActionRejected), string(trust.ActionExpired), string(trust.ActionCancelled)},
		{"recovery.", string(recovery.Completed), string(recovery.Rejected), string(recovery.Disowned), string(recovery.Expired),
			string(recovery.Cancelled), string(recovery.Superseded), string(recovery.LockedOut)},
	} {
		for _, state := range made[1:] {
			kinds[made[0]+state] = true
		}
	}
	recorded := regexp.MustCompile(`(?:\b(?:record|event)\(|\bRecord\{Kind: |factorChanged\([^"]*|askStepUp\([^"]*)"([a-z_]+\.[a-z_]+)"`)
	for _, room := range []string{"account", "session", "trust", "recovery", "store"} {
		files, err := filepath.Glob("../" + room + "/*.go")
		if err != nil || len(files) == 0 {
			t.Fatalf("no source of %s: %v", room, err)
		}
		for _, file := range files {
			source, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			for _, m := range recorded.FindAllSubmatch(source, -1) {
				kinds[string(m[1])] = true
			}
		}
	}
	if len(kinds) < 60 {
		t.Errorf("only %d kinds of events were found", len(kinds))
	}
	for kind := range kinds {
		for _, lang := range i18n.Languages() {
			if !texts.Has(lang, "event."+kind) {
				t.Errorf("%s: the event %q has no words", lang, kind)
			}
		}
	}
}
