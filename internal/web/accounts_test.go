package web_test

import (
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"doverie/internal/account"
	"doverie/internal/apptest"
	"doverie/internal/i18n"
	"doverie/internal/notify"
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
		"смешаны русские и латинские", "Введите имя", "русские буквы", "списках воров", `value="Петрoва"`)
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
