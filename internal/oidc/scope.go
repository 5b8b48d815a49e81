package oidc

import (
	"slices"
	"strings"
	"time"

	"doverie/internal/account"
)

// The scopes. Each hands over the claims that scopeClaims names.
const (
	ScopeOpenID    = "openid"
	ScopeProfile   = "profile"
	ScopeEmail     = "email"
	ScopePhone     = "phone"
	ScopeBirthdate = "birthdate"
	ScopeSNILS     = "snils"
	ScopeLevel     = "account_level"
	ScopeRecovery  = "recovery"
)

// Scopes lists every scope in the order in which people read them.
func Scopes() []string {
	return []string{ScopeOpenID, ScopeProfile, ScopeEmail, ScopePhone, ScopeBirthdate, ScopeSNILS, ScopeLevel, ScopeRecovery}
}

// Known reports whether there is such a scope.
func Known(scope string) bool { return slices.Contains(Scopes(), scope) }

// HighRisk reports whether the scope is closed during the hold after a recovery (DOMAIN §5.8): with the number and
// the proven level somebody acts in the person's name elsewhere, where nobody can stop it any more.
func HighRisk(scope string) bool { return scope == ScopeSNILS || scope == ScopeLevel }

// scopeClaims names the claims of a scope.
func scopeClaims(scope string) []string {
	switch scope {
	case ScopeProfile:
		return []string{"name", "family_name", "given_name", "middle_name", "locale"}
	case ScopeEmail:
		return []string{"email", "email_verified"}
	case ScopePhone:
		return []string{"phone_number", "phone_number_verified"}
	case ScopeBirthdate:
		return []string{"birthdate"}
	case ScopeSNILS:
		return []string{"snils"}
	case ScopeLevel:
		return []string{"account_level", "citizenship"}
	case ScopeRecovery:
		return []string{"recovered_at"}
	}
	return nil
}

// Claims lists every claim about a person that a system can get.
func Claims() []string {
	all := []string{"sub"}
	for _, s := range Scopes() {
		all = append(all, scopeClaims(s)...)
	}
	return all
}

// scopeOf is the scope that carries a claim, or empty.
func scopeOf(claim string) string {
	for _, s := range Scopes() {
		if slices.Contains(scopeClaims(s), claim) {
			return s
		}
	}
	return ""
}

// open drops what is closed to the account now.
func open(scopes []string, a account.Account, now time.Time) []string {
	if !a.OnHold(now) {
		return scopes
	}
	return slices.DeleteFunc(slices.Clone(scopes), HighRisk)
}

// namesOf are the claims of scopes and of single claims asked for, without those whose scope is closed now.
func namesOf(scopes, single []string, a account.Account, now time.Time) []string {
	var names []string
	for _, s := range open(scopes, a, now) {
		names = append(names, scopeClaims(s)...)
	}
	for _, name := range single {
		if s := scopeOf(name); s != "" && (!a.OnHold(now) || !HighRisk(s)) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// fill puts the named claims of the account into out; what is not known is left out (OpenID Connect Core §5.3.2).
func fill(out map[string]any, names []string, a account.Account) {
	for _, name := range names {
		if v := claimOf(name, a); v != nil {
			out[name] = v
		}
	}
}

func claimOf(name string, a account.Account) any {
	text := func(s string) any {
		if s == "" {
			return nil
		}
		return s
	}
	switch name {
	case "name":
		return text(strings.Join(strings.Fields(a.Family+" "+a.Given+" "+a.Patronymic), " "))
	case "family_name":
		return text(a.Family)
	case "given_name":
		return text(a.Given)
	case "middle_name":
		return text(a.Patronymic)
	case "locale":
		return text(a.Locale)
	case "email", "email_verified":
		if !a.EmailVerified() {
			return nil
		}
		if name == "email_verified" {
			return true
		}
		return a.Email
	case "phone_number", "phone_number_verified":
		if !a.PhoneOwned() {
			return nil
		}
		if name == "phone_number_verified" {
			return true
		}
		return a.Phone
	case "birthdate":
		if a.BirthDate == (account.Date{}) {
			return nil
		}
		return a.BirthDate.String()
	case "snils":
		return text(a.SNILS)
	case "account_level":
		return string(a.Level)
	case "citizenship":
		return text(a.Citizenship)
	case "recovered_at":
		if a.RecoveredAt.IsZero() {
			return nil
		}
		return a.RecoveredAt.Unix()
	}
	return nil
}
