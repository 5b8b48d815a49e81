package account

import (
	"time"

	"doverie/internal/policy"
)

// Level says how sure we are who the person is.
type Level string

// The levels, weakest first.
const (
	Simplified Level = "simplified" // a name and a phone
	Standard   Level = "standard"   // document data entered, not seen by anybody
	Confirmed  Level = "confirmed"  // proven in person or imported from a body that did so
)

// State says whether the account works at all.
type State string

// The states.
const (
	Open   State = "open"
	Frozen State = "frozen" // sign-in leads only to the page that says so
	Closed State = "closed" // for good
)

// DocumentKind is the kind of identity document whose data was entered.
type DocumentKind string

// The kinds of documents.
const (
	PassportRUS     DocumentKind = "passport_rus"
	BirthRecordRUS  DocumentKind = "birth_record_rus"
	ForeignPassport DocumentKind = "foreign_passport"
	ResidencePermit DocumentKind = "residence_permit"
)

// DocumentKinds lists the kinds in the order of a form.
func DocumentKinds() []DocumentKind {
	return []DocumentKind{PassportRUS, BirthRecordRUS, ForeignPassport, ResidencePermit}
}

// Document is what we keep of a document: enough to recognise it again, not enough to use it.
type Document struct {
	Kind  DocumentKind
	Last4 string // the last four characters of the number
	Hash  []byte // keyed hash of kind and number
}

// TOTP is the person's code generator. Key is sealed; a key that was never confirmed proves nothing.
type TOTP struct {
	Key         []byte
	CreatedAt   time.Time
	ConfirmedAt time.Time
	LastStep    int64 // the last 30-second step whose code was used; older or equal ones are refused
}

// Enrolled reports whether the generator works as a second factor.
func (t TOTP) Enrolled() bool { return len(t.Key) > 0 && !t.ConfirmedAt.IsZero() }

// Account is one person's identity record. Zero times mean "never".
type Account struct {
	ID    string
	Level Level
	State State

	Family, Given, Patronymic string // Patronymic may be empty
	BirthDate                 Date
	Citizenship               string // ISO 3166 alpha-3, or empty
	SNILS                     string // 11 digits, or empty
	Document                  Document

	Phone            string    // E.164
	PhoneVerifiedAt  time.Time // a code sent to it was entered, or the confirming body vouched for it
	PhoneConfirmedAt time.Time // the newest code sent to it that was entered
	PhoneLostAt      time.Time // another owner verified it, or it was reported as reassigned
	PhoneChangedAt   time.Time
	SimChangedAt     time.Time

	Email           string
	EmailVerifiedAt time.Time

	PasswordHash       string // PHC string; empty: a password was never set
	PasswordChangedAt  time.Time
	MustChangePassword bool
	FactorChangedAt    time.Time // second factor
	TOTP               TOTP
	Passkeys           int  // live ones; package session has them
	Recovering         bool // somebody has an open recovery of it
	AsksSignIn         bool // the contacts are asked about a sign-in from a new device, and there are contacts

	RecoveredAt         time.Time
	HoldUntil           time.Time
	RecoveryLockedUntil time.Time
	FrozenAt            time.Time
	FreezeReason        string
	ConfirmedAt         time.Time

	Quorum    int // approvals a guarded action needs
	Locale    string
	CreatedAt time.Time
	Version   int64
}

// PhoneOwned reports whether a code may be sent to the phone as this account's own:
// verified, and neither taken over nor reported as reassigned.
func (a Account) PhoneOwned() bool {
	return a.Phone != "" && !a.PhoneVerifiedAt.IsZero() && a.PhoneLostAt.IsZero()
}

// PhoneCurrent reports whether the phone is this person's own now (DOMAIN §2): owned, and a code
// sent to it was entered less than policy.PhoneFresh ago.
func (a Account) PhoneCurrent(now time.Time, p policy.Policy) bool {
	newest := a.PhoneVerifiedAt
	if a.PhoneConfirmedAt.After(newest) {
		newest = a.PhoneConfirmedAt
	}
	return a.PhoneOwned() && now.Before(newest.Add(p.PhoneFresh))
}

// SimFresh reports whether the SIM changed so lately that the phone alone proves nothing.
func (a Account) SimFresh(now time.Time, p policy.Policy) bool {
	return !a.SimChangedAt.IsZero() && now.Before(a.SimChangedAt.Add(p.SimChangeQuiet))
}

// EmailVerified reports whether the e-mail is this person's own.
func (a Account) EmailVerified() bool { return a.Email != "" && !a.EmailVerifiedAt.IsZero() }

// OnHold reports whether dangerous actions are closed after a recovery.
func (a Account) OnHold(now time.Time) bool { return now.Before(a.HoldUntil) }

// RecoveryLocked reports whether online recovery is closed.
func (a Account) RecoveryLocked(now time.Time) bool { return now.Before(a.RecoveryLockedUntil) }

// Age is the person's age in full years in the policy's zone, or -1 when not known.
func (a Account) Age(now time.Time, p policy.Policy) int { return Age(a.BirthDate, now, p.Location()) }

// PasswordUsable reports whether the password may still be used to sign in: a temporary one,
// given on paper, lives only for policy.TempPassword.
func (a Account) PasswordUsable(now time.Time, p policy.Policy) bool {
	if a.PasswordHash == "" || a.State == Closed {
		return false
	}
	return !a.MustChangePassword || now.Before(a.PasswordChangedAt.Add(p.TempPassword))
}

// OwnWords are the person's own data, which a password must not be made of.
func (a Account) OwnWords() []string {
	words := []string{a.Family, a.Given, a.Patronymic, a.Phone, a.SNILS, a.Email}
	if !a.BirthDate.IsZero() {
		words = append(words, a.BirthDate.String())
	}
	return words
}
