package desk

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"doverie/internal/account"
	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/recovery"
	"doverie/internal/trust"
)

// Needs tells whether the act needs a second operator. The circle is read under lock, with how many people the
// person guards himself (Newcomer.Principals): his phone and his password would speak for him when they recover.
func Needs(k Kind, c trust.Circle) bool {
	switch k {
	case EndLink:
		return true
	case Recover:
		return len(c.Guardians) > 0 || c.Newcomer.Principals > 0
	case Phone:
		return c.Newcomer.Principals > 0
	case Confirm, Name, Thaw, Unlock:
	}
	return false
}

// FactsOf is a hash of what an operator decides by: whoever agrees must have seen what was proposed.
func FactsOf(c trust.Circle) []byte {
	h := sha256.New()
	text := func(s string) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(s)))
		h.Write(n[:])
		h.Write([]byte(s))
	}
	f := c.Principal
	for _, s := range []string{
		f.Account, f.Given, f.Patronymic, f.FamilyLetter, f.Citizenship, f.Phone, f.SNILS, yes(f.Confirmed), yes(f.Open), yes(f.Frozen),
		yes(f.PhoneOwned), yes(!c.LockedNow().IsZero()), yes(c.Newcomer.Principals > 0),
	} {
		text(s)
	}
	for _, g := range c.Guardians {
		text(g.Link.ID)
		text(string(g.Link.State))
	}
	return h.Sum(nil)
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// Details are what an act needs besides the circle.
type Details struct {
	Phone                     string // new number, E.164
	Loser                     string // account that owned it until now, or empty
	Family, Given, Patronymic string // new names
	Hash                      string // of the temporary password
	// Confirm of somebody whose data nobody has typed yet.
	Birth, Citizenship, SNILS string
	Document, Last4           string
	Holder                    string // account, not confirmed, where somebody typed that SNILS, or empty
}

// AlsoTookSNILS is Act.Why of a confirmation to which a SNILS gave way that somebody else had only typed.
const AlsoTookSNILS = "took_snils"

// Deeds decides what acts do to accounts, by the machines of trust and recovery. It holds no state.
type Deeds struct {
	Links      *trust.Links
	Protect    *trust.Protect
	Recoveries *recovery.Service
}

// Of decides what the act does to its account.
func (d Deeds) Of(c trust.Circle, a Act, in Details) (trust.Outcome, error) {
	person := c.Principal.Account
	if c.Principal.Closed() {
		return trust.Outcome{}, fault.New(fault.NotFound, "fault.not_found", nil)
	}
	switch a.Kind {
	case Confirm:
		if c.Principal.Confirmed {
			return trust.Outcome{}, fault.New(fault.Conflict, "fault.account.already_confirmed", nil)
		}
		return trust.Outcome{Effects: confirming(c, a, in)}, nil
	case Name:
		return trust.Outcome{Effects: []effect.Effect{
			effect.Record{Kind: "account.name_corrected", Object: "account:" + person, Subjects: []string{person}},
			effect.CorrectName{Account: person, Family: in.Family, Given: in.Given, Patronymic: in.Patronymic},
			effect.Send{Kind: "account.name_corrected", To: person, Via: effect.All(), Key: a.ID + ":name", Args: map[string]string{"at": rfc(c.Now)}},
		}}, nil
	case Phone:
		return d.Protect.PhoneChangedInPerson(c, a.ID, trust.PhoneChange{Phone: in.Phone, Loser: in.Loser})
	case Thaw:
		return d.Protect.ThawedInPerson(c)
	case Unlock:
		return d.Protect.UnlockedInPerson(c)
	case EndLink:
		return d.Links.EndedInPerson(c, a.Link)
	case Recover:
		return d.Recoveries.RecoveredInPerson(c, a.ID, in.Hash)
	}
	return trust.Outcome{}, fault.New(fault.Invalid, "fault.desk.kind", nil)
}

// confirming confirms the account. A SNILS that somebody else only typed leaves his account first: what was typed gives
// way to what was proven, and he is told.
func confirming(c trust.Circle, a Act, in Details) (out []effect.Effect) {
	person := c.Principal.Account
	if in.Holder != "" {
		out = append(out, effect.LoseSNILS{Account: in.Holder, SNILS: in.SNILS})
		out = append(out, account.LostSNILS(in.Holder, a.ID, c.Now)...)
	}
	return append(
		out,
		effect.Record{Kind: "account.confirmed", Object: "account:" + person, Subjects: []string{person}},
		effect.ConfirmPerson{Account: person, Birth: in.Birth, Citizenship: in.Citizenship, SNILS: in.SNILS, Document: in.Document, Last4: in.Last4},
		effect.Send{Kind: "account.confirmed", To: person, Via: effect.All(), Key: a.ID + ":confirmed", Args: map[string]string{"at": rfc(c.Now)}},
	)
}

func rfc(t time.Time) string { return t.UTC().Format(time.RFC3339) }
