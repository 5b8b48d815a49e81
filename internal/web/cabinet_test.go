package web_test

import (
	"net/http"
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
	a := c.again("/settings/safety/password", apptest.Form("old", "не тот пароль", "new", "vera1954"), "Пароль, который у вас сейчас, не подошёл", "В пароле ваше имя")
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
	if lost := c.sees("/settings/safety/totp/confirm", "Ключ уже в вашем приложении"); strings.Contains(lost, key) {
		t.Error("the key is shown a second time")
	}
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

// TestProfileAfterABadDay: the hold after a recovery, and a number that somebody else has now.
func TestProfileAfterABadDay(t *testing.T) {
	t.Parallel()
	w := apptest.New(t, "sqlite", apptest.Options{})
	vera := w.AddFamily().Vera
	applicant := w.Client()
	applicant.StartRecovery(vera)
	applicant.FinishRecovery(vera, apptest.NewPassword)
	c := newCitizen(t, w)
	c.SignIn(vera, apptest.NewPassword)
	c.sees("/settings/account", "Доступ недавно восстановили", "24 ноября")
	c.sees("/settings/safety/login", "Доступ недавно восстановили")
	c.sees("/settings/safety/events", "Доступ вернули, теперь пароль новый", "Это были вы?")
	c.StepUp(vera, apptest.NewPassword)
	c.sees("/settings/account/email", "нельзя менять телефон, почту, контакты и коды")
	c.again("/settings/account/email", apptest.Form("email", "new@example.test"), "нельзя менять телефон, почту, контакты и коды")
	for _, lang := range i18n.Languages() {
		c.whole("a key during the hold", c.Do(http.MethodPost, "/settings/safety/totp", apptest.Form(), in(lang)), http.StatusForbidden)
	}

	heir := newCitizen(t, w)
	heir.Post("/register", "family", "Зимин", "given", "Олег", "phone", vera.Phone, "password", apptest.Password)
	heir.Want(heir.Post("/register/code", "code", w.Code(vera.Phone, notify.RegisterCode)), "/settings/account")
	c.sees("/settings/account", "Этот номер теперь у другого человека")
}
