package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"

	"doverie/internal/account"
	"doverie/internal/effect"
	"doverie/internal/policy"
)

// Person describes an account of a test; Add fills in what is left out so that he is eligible for everything.
type Person struct {
	Given, Patronymic, Family string
	Born                      string // 1981-03-01 when empty
	Citizenship               string // RUS when empty
	Level                     account.Level
	Phone                     string // a number of its own when empty
	Email                     string
	PasswordHash              string
}

// Add puts a confirmed adult into the database, created a year before the clock, and returns the account as stored.
func (db *DB) Add(t testing.TB, n int, p Person) account.Account {
	t.Helper()
	fill := func(s *string, otherwise string) {
		if *s == "" {
			*s = otherwise
		}
	}
	fill(&p.Given, "Иван")
	fill(&p.Family, "Петров")
	fill(&p.Born, "1981-03-01")
	fill(&p.Citizenship, "RUS")
	fill(&p.Phone, fmt.Sprintf("+7916%07d", 1000000+n))
	fill((*string)(&p.Level), string(account.Confirmed))
	born, err := account.ParseDate(p.Born)
	if err != nil {
		t.Fatal(err)
	}
	made := db.Clock.Now().Add(-300 * 24 * time.Hour)
	a := account.Account{
		ID: uuid.Must(uuid.NewV7()).String(), Level: p.Level, State: account.Open,
		Family: p.Family, Given: p.Given, Patronymic: p.Patronymic, BirthDate: born, Citizenship: p.Citizenship,
		SNILS: SNILS(n), Phone: p.Phone, PhoneVerifiedAt: made, PhoneConfirmedAt: made,
		Quorum: 1, Locale: "ru", CreatedAt: made, Version: 1,
	}
	if p.Level == account.Confirmed {
		a.ConfirmedAt = made
	}
	if p.Email != "" {
		a.Email, a.EmailVerifiedAt = p.Email, made
	}
	if p.PasswordHash != "" {
		a.PasswordHash, a.PasswordChangedAt = p.PasswordHash, made
	}
	err = db.CommitAccount(t.Context(), effect.Act{Actor: effect.System}, db.Clock.Now(),
		account.Change{Rules: policy.Default().Version, After: &a}, nil)
	if err != nil {
		t.Fatalf("add %s: %v", p.Given, err)
	}
	return a
}

// SNILS returns the n-th valid SNILS: nine digits and their check digits.
func SNILS(n int) string {
	body := fmt.Sprintf("%09d", 112_233_000+n)
	sum := 0
	for i, c := range body {
		sum += (9 - i) * int(c-'0')
	}
	check := sum % 101
	if check == 100 {
		check = 0
	}
	return fmt.Sprintf("%s%02d", body, check)
}
