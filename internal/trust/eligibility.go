package trust

import (
	"time"

	"doverie/internal/policy"
)

// Reason is one rule that keeps a person from a role. It is shown to the person it concerns, and to
// nobody else; the locale key is "reason."+Reason.
type Reason string

// The reasons.
const (
	NotCitizen      Reason = "not_citizen"
	NotConfirmed    Reason = "not_confirmed"
	PhoneNotCurrent Reason = "phone_not_current"
	TooYoung        Reason = "too_young"
	AgeUnknown      Reason = "age_unknown"
	AccountClosed   Reason = "account_closed"
	AccountFrozen   Reason = "account_frozen"
	ContactsFull    Reason = "contacts_full"   // the principal has as many contacts as allowed
	PrincipalsFull  Reason = "principals_full" // the contact guards as many people as allowed
	Self            Reason = "self"
	SamePhone       Reason = "same_phone"
	SameSNILS       Reason = "same_snils"
	AlreadyLinked   Reason = "already_linked"
	AlreadyInvited  Reason = "already_invited"
	Settling        Reason = "settling"      // the link is younger than the policy's settling time
	RecentChange    Reason = "recent_change" // recovered, or changed phone, password or factor lately
	SimChanged      Reason = "sim_changed"
	LinkSuspended   Reason = "link_suspended"
	LinkNotGuarding Reason = "link_not_guarding"
	RecoveringNow   Reason = "recovering_now" // the contact's own account has an open recovery
)

// Facts are what eligibility is judged by: one person's account on one day. The store reads them
// inside the deciding transaction (T24).
type Facts struct {
	Account      string
	Given        string // given name, as the other side may see it
	Patronymic   string // shown only to the person's own linked contacts and principals
	FamilyLetter string // first letter of the family name
	Citizenship  string // ISO 3166 alpha-3
	Confirmed    bool   // account level is confirmed
	Open         bool   // neither closed nor frozen
	Frozen       bool
	Age          int // full years on the civil date of asking, −1 when no birth date is known
	Phone        string
	PhoneCurrent bool
	PhoneOwned   bool // verified and not lost, however long ago it was confirmed: a code or a notice may go to it
	SNILS        string
	SimChangedAt time.Time // zero: never
	ChangedAt    time.Time // newest of recovery, phone, password and second-factor change; zero: never
	Recovering   bool      // an open recovery of this person's own account awaits its end
}

// Closed tells whether the account is closed for good.
func (f Facts) Closed() bool { return !f.Open && !f.Frozen }

// ShortName is how a linked person names another: "Вера П.".
func (f Facts) ShortName() string {
	if f.FamilyLetter == "" {
		return f.Given
	}
	return f.Given + " " + f.FamilyLetter + "."
}

// PoliteName is given name and patronymic, where there is one.
func (f Facts) PoliteName() string {
	if f.Patronymic == "" {
		return f.Given
	}
	return f.Given + " " + f.Patronymic
}

// common are the rules both roles share.
func common(f Facts, minAge int, p policy.Policy) []Reason {
	var out []Reason
	if f.Citizenship != p.Citizenship {
		out = append(out, NotCitizen)
	}
	if !f.Confirmed {
		out = append(out, NotConfirmed)
	}
	switch {
	case f.Age < 0:
		out = append(out, AgeUnknown)
	case f.Age < minAge:
		out = append(out, TooYoung)
	}
	if !f.PhoneCurrent {
		out = append(out, PhoneNotCurrent)
	}
	if f.Frozen {
		out = append(out, AccountFrozen)
	} else if !f.Open {
		out = append(out, AccountClosed)
	}
	return out
}

// PrincipalReasons lists every rule that keeps f from being a principal; none means eligible.
func PrincipalReasons(f Facts, p policy.Policy) []Reason {
	return common(f, p.PrincipalMinAge, p)
}

// ContactReasons lists every rule that keeps f from being a contact; none means eligible.
func ContactReasons(f Facts, p policy.Policy) []Reason {
	return common(f, p.ContactMinAge, p)
}

// PairReasons lists every rule that keeps these two from being linked.
func PairReasons(principal, contact Facts) []Reason {
	if principal.Account == contact.Account {
		return []Reason{Self}
	}
	var out []Reason
	if principal.Phone != "" && principal.Phone == contact.Phone {
		out = append(out, SamePhone)
	}
	if principal.SNILS != "" && principal.SNILS == contact.SNILS {
		out = append(out, SameSNILS)
	}
	return out
}

// AbleFrom tells from when the contact of a link may approve: now or earlier when he is able, a
// later time when waiting helps (settling, a recent change), and the zero time when only a change
// of facts helps. The reasons name every rule that fails at this moment.
func AbleFrom(l Link, contact Facts, now time.Time, p policy.Policy) (from time.Time, reasons []Reason) {
	from = now
	later := func(t time.Time, r Reason) {
		reasons = append(reasons, r)
		if !from.IsZero() && t.After(from) {
			from = t
		}
	}
	if !l.Guards() {
		reasons = append(reasons, LinkNotGuarding)
		from = time.Time{}
	}
	if hard := ContactReasons(contact, p); len(hard) > 0 {
		reasons = append(reasons, hard...)
		from = time.Time{}
	}
	if l.State == Suspended {
		reasons = append(reasons, LinkSuspended)
		from = time.Time{}
	}
	if contact.Recovering {
		reasons = append(reasons, RecoveringNow)
		from = time.Time{}
	}
	if now.Before(l.SettlesAt) {
		later(l.SettlesAt, Settling)
	}
	if t := contact.ChangedAt.Add(p.NoCascade); !contact.ChangedAt.IsZero() && now.Before(t) {
		later(t, RecentChange)
	}
	if t := contact.SimChangedAt.Add(p.SimChangeQuiet); !contact.SimChangedAt.IsZero() && now.Before(t) {
		later(t, SimChanged)
	}
	return from, reasons
}
