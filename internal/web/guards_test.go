package web_test

import (
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"doverie/internal/account"
	"doverie/internal/apptest"
	"doverie/internal/effect"
	"doverie/internal/notify"
	"doverie/internal/trust"
)

var shownMatch = regexp.MustCompile(`(?s)class="match-number[^"]*".*?(\d\d)`)

// guardedBy makes the contact guard the principal, settled.
func guardedBy(t *testing.T, w *apptest.World, principal, contact account.Account) (link string) {
	t.Helper()
	act := effect.Act{Actor: effect.Person, ID: principal.ID}
	link, err := w.Links.Invite(t.Context(), act, principal.ID, contact.Given, contact.Phone)
	if err == nil {
		err = w.Links.Accept(t.Context(), act, contact.ID, link)
	}
	if err != nil {
		t.Fatal(err)
	}
	w.Advance(w.Policy.Settling)
	return link
}

// answersYes lets the contact approve what the principal's page at the path waits for.
func answersYes(t *testing.T, w *apptest.World, principal citizen, path string, contact account.Account) {
	t.Helper()
	m := shownMatch.FindStringSubmatch(principal.Get(path).Body)
	if m == nil {
		t.Fatalf("no match number on %s: %s", path, apptest.Words(principal.Get(path).Body))
	}
	c := newCitizen(t, w)
	c.SignIn(contact, apptest.Password)
	c.StepUp(contact, apptest.Password)
	c.Approve(contact, c.Request(), m[1])
}

func TestChangeOfPhoneFromPageToPage(t *testing.T) {
	t.Parallel()
	w := apptest.New(t, "sqlite", apptest.Options{})
	family := w.AddFamily()
	c, other := newCitizen(t, w), newCitizen(t, w)
	c.SignIn(family.Vera, apptest.Password)
	other.SignIn(family.Vera, apptest.Password)
	c.sees("/settings/account", `href="/settings/account/phone"`, `href="/settings/account/export"`, `href="/settings/account/close"`)
	c.Want(c.Get("/settings/account/phone"), "/step-up?next=%2Fsettings%2Faccount%2Fphone")
	c.sees("/settings/account/phone/change", "Номер сейчас не меняют")
	c.StepUp(family.Vera, apptest.Password)
	c.sees("/settings/account/phone", "Положите трубку", "Мы пошлём код на новый номер", "-45-67")
	a := c.again("/settings/account/phone", apptest.Form("phone", "12345"), "Такого номера нет")
	if !strings.Contains(a.Body, `value="12345"`) {
		t.Error("what was typed is lost")
	}
	c.again("/settings/account/phone", apptest.Form("phone", family.Vera.Phone), "уже указан")

	guardedBy(t, w, family.Vera, family.Alexey)
	c.SignIn(family.Vera, apptest.Password)
	other.SignIn(family.Vera, apptest.Password)
	c.StepUp(family.Vera, apptest.Password)
	c.sees("/settings/account/phone", "Сначала мы спросим: Алексей")
	c.Want(c.Post("/settings/account/phone", "phone", "8 913 000-00-77"), "/settings/account/phone/change")
	c.Want(c.Get("/settings/account/phone"), "/settings/account/phone/change")
	c.sees("/settings/account/phone/change", "Ждём ответа контакта", "Мы спросили: Алексей")
	if shownMatch.MatchString(other.Get("/settings/account/phone/change").Body) {
		t.Error("the number is shown in another browser")
	}
	answersYes(t, w, c, "/settings/account/phone/change", family.Alexey)
	c.sees("/settings/account/phone/change", "Контакт ответил «да»", "Послать код", "-00-77")
	c.Want(c.Post("/settings/account/phone/change/code"), "/settings/account/phone/change")
	c.sees("/settings/account/phone/change", "Сменить номер", "Никому не говорите")
	const fresh = "+79130000077"
	code := w.Code(fresh, notify.ChangePhoneCode)
	c.again("/settings/account/phone/change/enter", apptest.Form("code", ""), "код")
	c.again("/settings/account/phone/change/enter", apptest.Form("code", wrong(code)), "не подошёл")
	c.Want(c.Post("/settings/account/phone/change/enter", "code", code), "/settings/account/phone/change?done=phone")
	c.sees("/settings/account/phone/change?done=phone", "Номер сменён")
	c.sees("/settings/account", "-00-77")
	other.Want(other.Get("/settings/account"), "/sign-in")
	if w.Count(family.Vera.Phone, notify.PhoneChanged) != 1 || w.Count(family.Alexey.Phone, notify.PhoneChanged) != 1 || w.Count(fresh, notify.PhoneChanged) != 0 {
		t.Error("the old number and the contact are told, the new number is not")
	}
	text := w.Newest(family.Alexey.Phone, notify.PhoneChanged).Text.Body
	if strings.Contains(text, "00-77") || !strings.Contains(text, "Вера Петровна") {
		t.Errorf("the contact reads %q", text)
	}
	c.Want(c.Post("/settings/account/phone", "phone", "8 913 000-00-78"), "/settings/account/phone/change")
	c.Want(c.Post("/settings/account/phone/change/cancel"), "/settings/account")
	c.sees("/settings/account/phone/change", "Номер сейчас не меняют")
}

func TestSwitchesFromPageToPage(t *testing.T) {
	t.Parallel()
	w := apptest.New(t, "sqlite", apptest.Options{})
	family := w.AddFamily()
	c := newCitizen(t, w)
	c.SignIn(family.Vera, apptest.Password)
	c.sees("/settings/safety/login", `href="/settings/safety/guards"`)
	c.sees("/settings/safety/guards", "Доверенного контакта у вас пока нет", "нужны два доверенных контакта")
	guardedBy(t, w, family.Vera, family.Alexey)
	link := guardedBy(t, w, family.Vera, family.Maria)
	c.SignIn(family.Vera, apptest.Password)
	c.Want(c.Post("/settings/safety/guards/quorum/on"), "/step-up")
	c.Want(c.Get("/settings/safety/guards/quorum/on"), "/settings/safety/guards")
	c.StepUp(family.Vera, apptest.Password)
	if a := c.Post("/settings/safety/guards/nothing/on"); a.Status != http.StatusNotFound {
		t.Errorf("an unknown switch: status %d", a.Status)
	}
	c.Want(c.Post("/settings/safety/guards/quorum/on"), "/settings/safety/guards?done=yes")
	c.sees("/settings/safety/guards?done=yes", "Готово", "Нужны два ответа")
	if a := c.Get("/settings/safety/guards/nothing/off"); a.Status != http.StatusNotFound {
		t.Errorf("an unknown switch: status %d", a.Status)
	}
	c.sees("/settings/safety/guards/change_phone/off", "Выключить эту защиту?", "Положите трубку", "через 72 часа")
	c.Want(c.Post("/settings/safety/guards/change_phone/off"), "/settings/safety/guards?done=yes")
	c.Want(c.Get("/settings/safety/guards/change_phone/off"), "/settings/safety/guards")
	c.sees("/settings/safety/guards", "Скоро выключится", "Оставить")
	if w.Count(family.Alexey.Phone, notify.GuardFalling) != 1 || w.Count(family.Maria.Phone, notify.GuardFalling) != 1 {
		t.Error("a contact was not told")
	}
	c.Want(c.Post("/settings/safety/guards/change_phone/keep"), "/settings/safety/guards?done=yes")
	if a := c.Post("/settings/safety/guards/change_phone/keep"); a.Status != http.StatusConflict {
		t.Errorf("keep what does not fall: status %d", a.Status)
	}
	c.Want(c.Post("/settings/safety/guards/quorum/off"), "/settings/safety/guards?done=yes")
	w.Advance(w.Policy.GuardOff)
	if a, err := w.DB.Account(t.Context(), family.Vera.ID); err != nil || a.Quorum != 1 {
		t.Errorf("the timer left the quorum at %d, %v", a.Quorum, err)
	}

	// With the switch on, a contact goes at once when another says yes.
	c.SignIn(family.Vera, apptest.Password)
	c.StepUp(family.Vera, apptest.Password)
	ask := "/settings/safety/removals/contact/ask/" + link
	if a := c.Post(ask); a.Status != http.StatusForbidden {
		t.Errorf("not switched on: status %d", a.Status)
	}
	c.Want(c.Post("/settings/safety/guards/remove_contact/on"), "/settings/safety/guards?done=yes")
	c.sees("/settings/safety/trusted-contacts/"+link+"/remove", `href="`+ask+`"`)
	c.sees(ask, "Удалить контакт сразу?")
	c.Want(c.Post(ask), "/settings/safety/removals/contact/state")
	c.Want(c.Get(ask), "/settings/safety/removals/contact/state")
	c.sees("/settings/safety/removals/contact/state", "Вы хотите сразу удалить контакт")
	answersYes(t, w, c, "/settings/safety/removals/contact/state", family.Alexey)
	c.sees("/settings/safety/removals/contact/state", "Теперь можно удалить контакт: Мария")
	c.Want(c.Post("/settings/safety/removals/contact/finish"), "/settings/safety/trusted-contacts")
	c.sees("/settings/safety/removals/contact/state", "Просьбы сейчас нет")
	if w.Count(family.Maria.Phone, notify.TrustEnded) != 1 {
		t.Error("the removed contact was not told")
	}
	if a := c.Get("/settings/safety/removals/nothing/state"); a.Status != http.StatusNotFound {
		t.Errorf("an unknown kind: status %d", a.Status)
	}
}

func TestTheCodeAppGoesWithAContact(t *testing.T) {
	t.Parallel()
	w := apptest.New(t, "sqlite", apptest.Options{})
	family := w.AddFamily()
	guardedBy(t, w, family.Vera, family.Alexey)
	c := newCitizen(t, w)
	c.SignIn(family.Vera, apptest.Password)
	c.StepUp(family.Vera, apptest.Password)
	c.Want(c.Post("/settings/safety/guards/remove_factor/on"), "/settings/safety/guards?done=yes")
	w.DB.Exec(t, `INSERT INTO totp (account_id, sealed, created_at, confirmed_at, last_step) VALUES ($1, $2, $3, $3, 0)`,
		family.Vera.ID, []byte("key"), w.Clock.Now().UnixMicro())
	c.Want(c.Post("/settings/safety/totp/remove"), "/settings/safety/removals/factor")
	c.sees("/settings/safety/removals/factor", "Отключить приложение с кодами?")
	c.Want(c.Post("/settings/safety/removals/factor"), "/settings/safety/removals/factor/state")
	c.Want(c.Post("/settings/safety/removals/factor/cancel"), "/settings/safety/login")
	c.Want(c.Post("/settings/safety/removals/factor"), "/settings/safety/removals/factor/state")
	answersYes(t, w, c, "/settings/safety/removals/factor/state", family.Alexey)
	c.sees("/settings/safety/removals/factor/state", "Просьбы сейчас нет")
	c.sees("/settings/safety/login", "Коды без СМС")
	if w.Count(family.Vera.Phone, notify.FactorChanged) != 1 {
		t.Error("the owner was not told")
	}
}

func TestOnesOwnDataAndNobodyElses(t *testing.T) {
	t.Parallel()
	w := apptest.New(t, "sqlite", apptest.Options{})
	family := w.AddFamily()
	guardedBy(t, w, family.Vera, family.Alexey)
	guardedBy(t, w, family.Maria, family.Vera)
	c := newCitizen(t, w)
	c.SignIn(family.Vera, apptest.Password)
	c.Want(c.Post("/settings/account/export"), "/step-up")
	c.StepUp(family.Vera, apptest.Password)
	c.sees("/settings/account/export", "Скачать файл")
	a := c.Post("/settings/account/export")
	if a.Status != http.StatusOK || !strings.HasPrefix(a.Header.Get("Content-Disposition"), "attachment;") || a.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("status %d, %v", a.Status, a.Header)
	}
	var got struct {
		Profile struct {
			SNILS, Phone string
			Family       string `json:"family_name"`
		}
		Links []struct {
			Side  string `json:"your_side"`
			Other string `json:"other_name"`
			Typed string `json:"you_typed"`
		}
		Switches, Sessions, History []any
	}
	if err := json.Unmarshal([]byte(a.Body), &got); err != nil {
		t.Fatal(err)
	}
	if got.Profile.Family != "Смирнова" || got.Profile.SNILS != family.Vera.SNILS || got.Profile.Phone != family.Vera.Phone ||
		len(got.Links) != 2 || len(got.Switches) != len(trust.GuardNames()) || len(got.Sessions) == 0 || len(got.History) < 3 {
		t.Errorf("exported: %+v", got)
	}
	for _, l := range got.Links {
		if l.Side == "contact" && (l.Other != "Мария Ивановна" || l.Typed != "") {
			t.Errorf("of the link in which she guards: %+v", l)
		}
	}
	secrets := []string{family.Alexey.Phone, family.Alexey.SNILS, family.Alexey.ID, family.Maria.Phone, family.Maria.SNILS, family.Maria.ID, "Орлова", "argon2", "hash", "token"}
	for _, secret := range secrets {
		if strings.Contains(a.Body, secret) {
			t.Errorf("the file holds %q", secret)
		}
	}
}

func TestClosingFromPageToPage(t *testing.T) {
	t.Parallel()
	w := apptest.New(t, "sqlite", apptest.Options{})
	family := w.AddFamily()
	link := guardedBy(t, w, family.Vera, family.Alexey)
	guardedBy(t, w, family.Maria, family.Vera)
	c := newCitizen(t, w)
	c.SignIn(family.Vera, apptest.Password)
	c.Want(c.Get("/settings/account/close"), "/step-up?next=%2Fsettings%2Faccount%2Fclose")
	c.StepUp(family.Vera, apptest.Password)
	c.sees("/settings/account/close", "Пока вас защищает доверенный контакт", "Сначала удалите контакт", "72 часа", "Положите трубку", `href="/settings/safety/trusted-contacts"`)
	c.Want(c.Post("/settings/safety/trusted-contacts/"+link+"/remove", "tell", "now"), "/settings/safety/trusted-contacts")
	c.sees("/settings/account/close", "Алексей защищает вас до", "Потом вернитесь сюда")
	w.Advance(w.Policy.Leaving)
	c.SignIn(family.Vera, apptest.Password)
	c.StepUp(family.Vera, apptest.Password)
	c.sees("/settings/account/close", "навсегда", "Положите трубку", "Сначала скачать")
	c.again("/settings/account/close", apptest.Form(), "Отметьте")
	c.Want(c.Post("/settings/account/close", "sure", "yes"), "/closed")
	c.sees("/closed", "Учётная запись закрыта")
	c.Want(c.Get("/settings/account"), "/sign-in")
	w.Settle()
	for who, phone := range map[string]string{"her contact": family.Alexey.Phone, "whom she guarded": family.Maria.Phone} {
		if w.Count(phone, notify.TrustEnded) != 1 {
			t.Errorf("%s was not told", who)
		}
	}
	if w.Count(family.Vera.Phone, notify.AccountClosed) != 1 {
		t.Error("the owner was not told")
	}
	if a := newCitizen(t, w).Post("/sign-in", "identifier", family.Vera.Phone, "password", apptest.Password); a.Location == "/sign-in/code" {
		t.Error("a closed account signs in")
	}
}
