package demo

import (
	"context"
	"fmt"
	"time"

	"doverie/internal/account"
	"doverie/internal/effect"
	"doverie/internal/fault"
)

// Password is everybody's: a demonstration is no place for a secret.
const Password = "sosna-reka-72"

// Person is one of the demonstration's people. The numbers belong to nobody on purpose: they are the
// first of their ranges.
type Person struct {
	Key                       string // in addresses: "vera"
	Family, Given, Patronymic string
	Age                       int // full years at the first start
	Citizenship               string
	SNILS                     string
	Phone, Email              string
	Level                     account.Level
}

// People lists everybody, the two of the story first.
func People() []Person {
	return []Person{
		{"vera", "Соколова", "Вера", "Петровна", 72, "RUS", "11223301173", "+79000000001", "vera@mail.example", account.Confirmed},
		{"alexey", "Соколов", "Алексей", "Игоревич", 45, "RUS", "11223302276", "+79000000002", "alexey@mail.example", account.Confirmed},
		{"marina", "Орлова", "Марина", "Игоревна", 41, "RUS", "11223303379", "+79000000003", "marina@mail.example", account.Confirmed},
		{"darya", "Соколова", "Дарья", "Алексеевна", 15, "RUS", "11223304482", "+79000000004", "", account.Confirmed},
		{"timofey", "Соколов", "Тимофей", "Алексеевич", 17, "RUS", "11223305585", "+79000000005", "", account.Confirmed},
		{"aigul", "Серикова", "Айгуль", "", 38, "KAZ", "11223306688", "+79000000006", "aigul@mail.example", account.Confirmed},
		{"oleg", "Лебедев", "Олег", "Иванович", 50, "RUS", "11223307791", "+79000000007", "", account.Standard},
	}
}

// Polite is how to speak to the person.
func (p Person) Polite() string {
	return account.Account{Given: p.Given, Patronymic: p.Patronymic}.PoliteName()
}

// How long ago things happened to the demo people: long enough for nothing to be "changed lately".
const (
	day       = 24 * time.Hour
	joined    = 400 * day
	confirmed = 390 * day
	changed   = 200 * day // password
	phoned    = 20 * day  // the newest code sent to the phone that was entered
)

// Seed makes the people, once: when the first of them is there, nothing is done. The password is hashed
// with the costs of the service, so that signing in takes the time it really takes.
func Seed(ctx context.Context, accounts *account.Service) error {
	people := People()
	_, err := accounts.Store.FindAccount(ctx, account.Identifier{Kind: account.BySNILS, Value: people[0].SNILS})
	if err == nil {
		return nil
	}
	if !fault.Is(err, fault.NotFound) {
		return fmt.Errorf("demo: look for the people: %w", err)
	}
	now := accounts.Now()
	change := account.Change{Rules: accounts.Policy.Version}
	var effects []effect.Effect
	for _, p := range people {
		a := p.account(now.In(accounts.Policy.Location()))
		if a.PasswordHash, err = accounts.Passwords.Hash(ctx, Password); err != nil {
			return fmt.Errorf("demo: password: %w", err)
		}
		change.Imported = append(change.Imported, a)
		effects = append(effects, effect.Record{Kind: "account.imported", Object: "account:" + a.ID, Subjects: []string{a.ID}})
	}
	// The events are of the day when the accounts were confirmed: the log of a fresh database begins there.
	if err := accounts.Store.CommitAccount(ctx, effect.Act{Actor: effect.System}, now.Add(-confirmed), change, effects); err != nil {
		return fmt.Errorf("demo: people: %w", err)
	}
	return nil
}

// account is the person's record as it would be after more than a year of quiet use.
func (p Person) account(now time.Time) account.Account {
	born := account.DateOf(now.AddDate(-p.Age, -2, 0)) // the last birthday was two months ago
	a := account.Account{
		ID: account.NewID(), Version: 1, Level: p.Level, State: account.Open, Quorum: 1, Locale: "ru", CreatedAt: now.Add(-joined),
		Family: p.Family, Given: p.Given, Patronymic: p.Patronymic, BirthDate: born, Citizenship: p.Citizenship, SNILS: p.SNILS,
		Phone: p.Phone, PhoneVerifiedAt: now.Add(-joined), PhoneConfirmedAt: now.Add(-phoned), PasswordChangedAt: now.Add(-changed),
	}
	if p.Level == account.Confirmed {
		a.ConfirmedAt = now.Add(-confirmed)
	}
	if p.Email != "" {
		a.Email, a.EmailVerifiedAt = p.Email, now.Add(-joined)
	}
	return a
}
