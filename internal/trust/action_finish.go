package trust

import (
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/policy"
	"doverie/internal/secret"
)

// What the principal does with an action that was approved.

// PhoneChange is what the last step of a change of phone needs to know, read in the same transaction.
type PhoneChange struct {
	CodeID  string // the burnt code that went to the new number
	Session string // stays; every other one ends
	Phone   string // the new number, E.164
	Old     string // the number the account owned until now; empty: none
	Loser   string // account that owned the new number until now; empty: nobody else did
}

func (a Action) sendCode(now time.Time, p policy.Policy, e ActionCodeSent) (Action, []effect.Effect, error) {
	until := now.Add(p.CodeTTL)
	return a, []effect.Effect{
		a.event("action.code_sent", nil),
		effect.IssueCode{
			ID: e.ID, Purpose: string(secret.ChangePhone), Bound: a.ID, Account: a.Account, Phone: e.Phone, Hash: e.Hash,
			ExpiresAt: until, DayLimit: p.CodesPerPhoneDay, Hidden: true, // the number may be a stranger's
		},
		effect.Send{
			Kind: "change_phone.code", To: a.Account, Address: e.Phone, Via: []effect.Channel{effect.SMS}, NotAfter: until, Key: e.ID,
			Args: map[string]string{"code": e.Code},
		},
	}, nil
}

func (a Action) finish(now time.Time, e ActionFinished) (Action, []effect.Effect, error) {
	if a.Needed == 0 && e.Guarded {
		// A link, or a switch, that appeared after an unguarded start guards from its first second.
		return a.end(now, ActionCancelled, "guarded")
	}
	if e.Standing < a.Needed {
		// Whoever approved it is no contact any more, or his account was frozen since: nothing rests on his yes (ADR 0012).
		return a.end(now, ActionCancelled, WhyContactLeft)
	}
	if a.Kind != ActionChangePhone {
		return a.end(now, ActionDone, "finished")
	}
	c := e.Change
	if c == nil || c.CodeID == "" || c.Phone == "" {
		return a, nil, fault.New(fault.Refused, "fault.approval.no_proof", nil)
	}
	more := append([]effect.Effect{effect.UseCode{ID: c.CodeID}}, phoneChanged(now, a.Account, a.ID, *c, e.Cast)...)
	return a.end(now, ActionDone, "finished", more...)
}

// phoneChanged is everything a change of phone does, but for the code that proved the number. key makes its messages unique.
func phoneChanged(now time.Time, account, key string, c PhoneChange, cast Cast) []effect.Effect {
	var more []effect.Effect
	if c.Loser != "" { // before the change: one number has one owner at a time
		more = append(more,
			effect.LosePhone{Account: c.Loser, Phone: c.Phone},
			effect.Record{Kind: "account.phone_lost", Object: "account:" + c.Loser, Subjects: []string{c.Loser}},
			effect.Send{Kind: "account.phone_taken", To: c.Loser, Via: []effect.Channel{effect.Email}, Key: key + ":taken"},
		)
	}
	more = append(more,
		effect.Record{Kind: "account.phone_changed", Object: "account:" + account, Subjects: []string{account}},
		effect.ChangePhone{Account: account, Phone: c.Phone},
		effect.EndSessions{Account: account, Except: c.Session, Why: "phone_changed", Asked: true},
		effect.TellSystems{Account: account, What: "identifier-changed", Why: "phone"},
	)
	args := map[string]string{"at": rfc(now), "stop_code": cast.StopCode}
	if c.Old != "" && c.Old != c.Phone {
		more = append(more, effect.Send{
			Kind: "phone.changed", To: account, Address: c.Old, Via: []effect.Channel{effect.SMS}, Key: key + ":old", Args: args,
		})
	}
	more = append(more, effect.Send{
		Kind: "phone.changed", To: account, Via: []effect.Channel{effect.Email, effect.Push}, Key: key + ":changed", Args: args,
	})
	for _, contact := range cast.ContactsOrder {
		more = append(more, effect.Send{
			Kind: "phone.changed", To: contact, Via: effect.All(), Key: key + ":changed:" + contact,
			Args: map[string]string{"first_name": cast.Principal, "at": rfc(now), "role": string(ContactSide)},
		})
	}
	return more
}

// factorRemoved is everything the removal of the code generator does.
func factorRemoved(now time.Time, account, key, stopCode string) []effect.Effect {
	return []effect.Effect{
		effect.Record{Kind: "account.totp_removed", Object: "account:" + account, Subjects: []string{account}},
		effect.RemoveFactor{Account: account},
		effect.TellSystems{Account: account, What: "credential-change", Why: "totp_removed"},
		effect.Send{
			Kind: "factor.changed", To: account, Via: effect.All(), Key: key + ":factor",
			Args: map[string]string{"at": rfc(now), "stop_code": stopCode},
		},
	}
}
