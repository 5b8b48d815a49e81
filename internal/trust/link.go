package trust

import (
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/policy"
)

// LinkState is where an invitation or a link stands.
type LinkState string

// The states of a link. The zero value is "no link yet".
const (
	NoLink    LinkState = ""
	Invited   LinkState = "invited"   // the contact's move, until ExpiresAt
	Active    LinkState = "active"    // guards; approves once settled
	Suspended LinkState = "suspended" // guards, but this contact cannot approve: he is not eligible now
	Leaving   LinkState = "leaving"   // the principal asked for removal; still guards until LeavesAt
	Declined  LinkState = "declined"
	Withdrawn LinkState = "withdrawn"
	Lapsed    LinkState = "expired"
	Ended     LinkState = "ended"
)

// LinkStates lists every state, for tables and tests.
func LinkStates() []LinkState {
	return []LinkState{NoLink, Invited, Active, Suspended, Leaving, Declined, Withdrawn, Lapsed, Ended}
}

// Timers of a link.
const (
	TimerInvitationTell  = "trust.invitation_tell"  // sends the SMS, if the phone belongs to somebody eligible
	TimerInvitationLapse = "trust.invitation_lapse" // 72 h of silence
	TimerLinkLeave       = "trust.link_leave"       // 72 h of leaving are over
	TimerLinkReview      = "trust.link_review"      // is the contact still eligible?
	TimerHealth          = "trust.health"           // once a year: who guards you
)

// Link is one invitation and, after acceptance, one relation.
type Link struct {
	ID        string
	Principal string
	Contact   string // empty until accepted
	State     LinkState
	Label     string // what the sender typed, masked: «Алексей, +7 ••• •••-45-67»; empty once declined or lapsed
	NameHash  []byte // keyed hashes of what the sender typed; empty once answered
	PhoneHash []byte
	InvitedAt time.Time
	ExpiresAt time.Time // of the invitation
	// Set by acceptance.
	AcceptedAt time.Time
	SettlesAt  time.Time // from then the contact may approve
	// Set by a request for removal.
	LeavingSince time.Time
	LeavesAt     time.Time
	Quiet        bool // the contact is not told before LeavesAt (he is feared)
	// Set by loss of eligibility.
	Why []Reason
	// Set by any end.
	EndedAt   time.Time
	EndReason string
	Version   int64
}

// Guards tells whether a recovery of the principal must wait for this link.
func (l Link) Guards() bool {
	return l.State == Active || l.State == Suspended || l.State == Leaving
}

// ForContact is the link as its contact may see it: a quiet exit does not show before it takes
// effect (DOMAIN §4.10).
func (l Link) ForContact() Link {
	if l.State != Leaving || !l.Quiet {
		return l
	}
	l.State, l.Quiet, l.LeavingSince, l.LeavesAt = Active, false, time.Time{}, time.Time{}
	if len(l.Why) > 0 {
		l.State = Suspended
	}
	return l
}

// Over tells whether nothing can happen to the link any more.
func (l Link) Over() bool {
	switch l.State {
	case Declined, Withdrawn, Lapsed, Ended:
		return true
	}
	return false
}

// Side names one of the two people of a link.
type Side string

// The sides.
const (
	PrincipalSide Side = "principal"
	ContactSide   Side = "contact"
)

// LinkEvent is something that happens to a link.
type LinkEvent interface{ linkEvent() string }

// The events of a link.
type (
	// InvitationSent creates the link. Eligibility of the principal and the limits have been asked
	// inside the same transaction.
	InvitationSent struct {
		ID, Principal, PrincipalName, Label string
		NameHash, PhoneHash                 []byte
	}
	// InvitationAccepted names the contact; Reasons are every rule that fails under lock.
	InvitationAccepted struct {
		Contact, ContactName string
		Reasons              []Reason
	}
	// InvitationDeclined is the contact's no.
	InvitationDeclined struct{ Contact string }
	// InvitationWithdrawn is the principal's change of mind.
	InvitationWithdrawn struct{}
	// InvitationLapsed is the timer.
	InvitationLapsed struct{}
	// RemovalAsked is the principal's wish; Quiet keeps it from the contact until it takes effect.
	RemovalAsked struct {
		Quiet         bool
		PrincipalName string
		ContactName   string
	}
	// RemovalStopped keeps the link: by the principal, or by the contact who finds it suspicious.
	RemovalStopped struct {
		By            Side
		PrincipalName string
		ContactName   string
		StopCode      string // of the principal; only when the contact stops it
	}
	// RemovalDue is the timer.
	RemovalDue struct{ PrincipalName, ContactName string }
	// Resigned is the contact's own exit, at once.
	Resigned struct{ ContactName, PrincipalName string }
	// EligibilityLost comes from a review of the contact's facts.
	EligibilityLost struct {
		Reasons                    []Reason
		PrincipalName, ContactName string
	}
	// EligibilityBack comes from a later review.
	EligibilityBack struct{ PrincipalName, ContactName string }
	// EndedInPerson is the act of two operators, or of an approved immediate removal.
	EndedInPerson struct{ PrincipalName, ContactName string }
	// PartyClosed ends an invitation because its principal's account closed, or a link because its contact's did. A
	// principal who is guarded cannot close his account.
	PartyClosed struct {
		Side                       Side
		PrincipalName, ContactName string
	}
)

func (InvitationSent) linkEvent() string      { return "invitation_sent" }
func (InvitationAccepted) linkEvent() string  { return "invitation_accepted" }
func (InvitationDeclined) linkEvent() string  { return "invitation_declined" }
func (InvitationWithdrawn) linkEvent() string { return "invitation_withdrawn" }
func (InvitationLapsed) linkEvent() string    { return "invitation_lapsed" }
func (RemovalAsked) linkEvent() string        { return "removal_asked" }
func (RemovalStopped) linkEvent() string      { return "removal_stopped" }
func (RemovalDue) linkEvent() string          { return "removal_due" }
func (Resigned) linkEvent() string            { return "resigned" }
func (EligibilityLost) linkEvent() string     { return "eligibility_lost" }
func (EligibilityBack) linkEvent() string     { return "eligibility_back" }
func (EndedInPerson) linkEvent() string       { return "ended_in_person" }
func (PartyClosed) linkEvent() string         { return "party_closed" }

// Apply decides what the event does to the link. It reads no clock and calls nothing.
// An event that the state does not know is a Conflict: somebody or a timer was first.
func (l Link) Apply(now time.Time, p policy.Policy, e LinkEvent) (Link, []effect.Effect, error) {
	switch e := e.(type) {
	case InvitationSent:
		if l.State == NoLink {
			return l.invite(now, p, e)
		}
	case InvitationAccepted:
		if l.State == Invited {
			return l.accept(now, p, e)
		}
	case InvitationDeclined:
		if l.State == Invited {
			return l.forget(now, Declined, "declined", l.subjects(e.Contact), "trust.declined")
		}
	case InvitationWithdrawn:
		if l.State == Invited {
			return l.forget(now, Withdrawn, "withdrawn", l.subjects(), "")
		}
	case InvitationLapsed:
		if l.State == Invited && !now.Before(l.ExpiresAt) {
			return l.forget(now, Lapsed, "expired", l.subjects(), "trust.expired")
		}
	case RemovalAsked:
		if l.State == Active || l.State == Suspended {
			return l.leave(now, p, e)
		}
	case RemovalStopped:
		if l.State == Leaving {
			return l.stay(e)
		}
	case RemovalDue:
		if l.State == Leaving && !now.Before(l.LeavesAt) {
			return l.end(now, "removed", "trust.ended", e.PrincipalName, e.ContactName)
		}
	case Resigned:
		if l.Guards() {
			return l.end(now, "resigned", "trust.resigned", e.PrincipalName, e.ContactName)
		}
	case EligibilityLost:
		if l.State == Active {
			return l.suspend(e)
		}
	case EligibilityBack:
		if l.State == Suspended {
			return l.resume(e)
		}
	case EndedInPerson:
		if l.Guards() {
			return l.end(now, "in_person", "trust.ended", e.PrincipalName, e.ContactName)
		}
	case PartyClosed:
		if l.State == Invited {
			return l.forget(now, Withdrawn, "account_closed", l.subjects(), "")
		}
		if l.Guards() && e.Side == ContactSide {
			return l.end(now, "account_closed", "trust.ended", e.PrincipalName, e.ContactName)
		}
	}
	return l, nil, fault.New(fault.Conflict, "fault.trust.state_"+stateKey(l.State), nil)
}

func stateKey(s LinkState) string {
	if s == NoLink {
		return "none"
	}
	return string(s)
}

func (l Link) object() string { return "link:" + l.ID }

// subjects are the people whose history shows an event of this link.
func (l Link) subjects(more ...string) []string {
	out := []string{l.Principal}
	if l.Contact != "" {
		out = append(out, l.Contact)
	}
	return append(out, more...)
}

func (l Link) record(kind string, facts map[string]string) effect.Record {
	return effect.Record{Kind: kind, Object: l.object(), Subjects: l.subjects(), Facts: facts}
}

// tellSystems says that the ways to recover the principal's account changed: not how, and not by whom.
func (l Link) tellSystems() effect.TellSystems {
	return effect.TellSystems{Account: l.Principal, What: "recovery-information-changed", Why: "contacts"}
}

func (l Link) invite(now time.Time, p policy.Policy, e InvitationSent) (Link, []effect.Effect, error) {
	n := Link{
		ID: e.ID, Principal: e.Principal, State: Invited, Label: e.Label,
		NameHash: e.NameHash, PhoneHash: e.PhoneHash,
		InvitedAt: now, ExpiresAt: now.Add(p.InvitationTTL),
	}
	return n, []effect.Effect{
		n.record("trust.invited", nil),
		// Whether anybody is told is decided later and elsewhere: this transaction knows nothing of the invited person (T16).
		effect.Arm{Timer: TimerInvitationTell, Object: n.ID, At: now},
		effect.Arm{Timer: TimerInvitationLapse, Object: n.ID, At: n.ExpiresAt},
	}, nil
}

func (l Link) accept(now time.Time, p policy.Policy, e InvitationAccepted) (Link, []effect.Effect, error) {
	if !now.Before(l.ExpiresAt) {
		return l, nil, fault.New(fault.Conflict, "fault.trust.state_expired", nil)
	}
	if len(e.Reasons) > 0 {
		return l, nil, NotEligible(e.Reasons)
	}
	n := l
	n.State, n.Contact = Active, e.Contact
	n.AcceptedAt, n.SettlesAt = now, now.Add(p.Settling)
	n.NameHash, n.PhoneHash = nil, nil
	return n, []effect.Effect{
		n.record("trust.accepted", nil),
		n.tellSystems(),
		effect.Disarm{Timer: TimerInvitationTell, Object: n.ID},
		effect.Disarm{Timer: TimerInvitationLapse, Object: n.ID},
		effect.Arm{Timer: TimerLinkReview, Object: n.ID, At: now.Add(p.LinkReview)},
		effect.Arm{Timer: TimerHealth, Object: n.Principal, At: now.Add(p.HealthReminder)},
		effect.Send{
			Kind: "trust.accepted", To: n.Principal, Via: effect.All(),
			Args: map[string]string{"first_name": e.ContactName, "until": rfc(n.SettlesAt)}, Key: n.ID + ":accepted",
		},
	}, nil
}

// forget ends an unanswered invitation and what was kept about the invited person (DOMAIN §4.3).
func (l Link) forget(now time.Time, to LinkState, reason string, subjects []string, tell string) (Link, []effect.Effect, error) {
	n := l
	n.State, n.EndedAt, n.EndReason = to, now, reason
	n.NameHash, n.PhoneHash, n.Label = nil, nil, ""
	out := []effect.Effect{
		effect.Record{Kind: "trust." + string(to), Object: l.object(), Subjects: subjects},
		effect.Disarm{Timer: TimerInvitationTell, Object: n.ID},
		effect.Disarm{Timer: TimerInvitationLapse, Object: n.ID},
	}
	if tell != "" {
		out = append(out, effect.Send{
			Kind: tell, To: n.Principal, Via: []effect.Channel{effect.SMS, effect.Email},
			Args: map[string]string{"first_name": l.Label}, Key: n.ID + ":" + string(to),
		})
	}
	return n, out, nil
}

func (l Link) leave(now time.Time, p policy.Policy, e RemovalAsked) (Link, []effect.Effect, error) {
	n := l
	n.State, n.LeavingSince, n.LeavesAt, n.Quiet = Leaving, now, now.Add(p.Leaving), e.Quiet
	rec := n.record("trust.leaving", map[string]string{"until": rfc(n.LeavesAt)})
	out := []effect.Effect{
		rec,
		effect.Arm{Timer: TimerLinkLeave, Object: n.ID, At: n.LeavesAt},
		effect.Send{
			Kind: "trust.leaving", To: n.Principal, Via: effect.All(),
			Args: map[string]string{"first_name": e.ContactName, "until": rfc(n.LeavesAt), "role": string(PrincipalSide)},
			Key:  n.ID + ":leaving:" + rfc(now) + ":p",
		},
	}
	if e.Quiet { // DOMAIN §4.10: a contact who is feared learns nothing before it takes effect
		rec.Subjects = []string{n.Principal}
		out[0] = rec
		return n, out, nil
	}
	return n, append(out, effect.Send{
		Kind: "trust.leaving", To: n.Contact, Via: effect.All(),
		Args: map[string]string{"first_name": e.PrincipalName, "until": rfc(n.LeavesAt), "role": string(ContactSide)},
		Key:  n.ID + ":leaving:" + rfc(now) + ":c",
	}), nil
}

func (l Link) stay(e RemovalStopped) (Link, []effect.Effect, error) {
	if e.By == ContactSide && l.Quiet {
		// The contact knows nothing of a quiet exit; an answer that it cannot be stopped would tell him.
		return l, nil, fault.New(fault.Conflict, "fault.trust.state_active", nil)
	}
	n := l
	since := rfc(l.LeavingSince)
	n.State, n.LeavingSince, n.LeavesAt, n.Quiet = Active, time.Time{}, time.Time{}, false
	if len(n.Why) > 0 { // it was suspended when the removal was asked; the next review knows whether it still is
		n.State = Suspended
	}
	rec := n.record("trust.leaving_stopped", map[string]string{"by": string(e.By)})
	tell := effect.Send{
		Kind: "trust.leaving_stopped", To: n.Principal, Via: effect.All(),
		Args: map[string]string{"first_name": e.ContactName, "by": string(e.By), "role": string(PrincipalSide)}, Key: n.ID + ":stay:" + since + ":p",
	}
	if e.By == ContactSide { // he finds it suspicious: the principal is alarmed, and can freeze from the message itself (DOMAIN §4.7)
		tell.Kind, tell.Args = "trust.doubted", map[string]string{"first_name": e.ContactName, "stop_code": e.StopCode}
	}
	out := []effect.Effect{rec, effect.Disarm{Timer: TimerLinkLeave, Object: n.ID}, tell}
	if l.Quiet {
		rec.Subjects = []string{n.Principal}
		out[0] = rec
		return n, out, nil
	}
	return n, append(out, effect.Send{
		Kind: "trust.leaving_stopped", To: n.Contact, Via: effect.All(),
		Args: map[string]string{"first_name": e.PrincipalName, "by": string(e.By), "role": string(ContactSide)}, Key: n.ID + ":stay:" + since + ":c",
	}), nil
}

func (l Link) end(now time.Time, reason, tell, principalName, contactName string) (Link, []effect.Effect, error) {
	n := l
	n.State, n.EndedAt, n.EndReason, n.Label = Ended, now, reason, ""
	args := func(name string, side Side) map[string]string {
		return map[string]string{"first_name": name, "reason": reason, "role": string(side)}
	}
	return n, []effect.Effect{
		n.record("trust.ended", map[string]string{"reason": reason}),
		n.tellSystems(),
		effect.Disarm{Timer: TimerLinkLeave, Object: n.ID},
		effect.Disarm{Timer: TimerLinkReview, Object: n.ID},
		effect.Send{Kind: tell, To: n.Principal, Via: effect.All(), Args: args(contactName, PrincipalSide), Key: n.ID + ":ended:p"},
		effect.Send{Kind: tell, To: n.Contact, Via: effect.All(), Args: args(principalName, ContactSide), Key: n.ID + ":ended:c"},
	}, nil
}

func (l Link) suspend(e EligibilityLost) (Link, []effect.Effect, error) {
	if len(e.Reasons) == 0 {
		return l, nil, fault.New(fault.Conflict, "fault.trust.state_active", nil)
	}
	n := l
	n.State, n.Why = Suspended, e.Reasons
	return n, []effect.Effect{
		n.record("trust.suspended", nil),
		effect.Send{
			Kind: "trust.suspended", To: n.Principal, Via: effect.All(),
			Args: map[string]string{"first_name": e.ContactName, "role": string(PrincipalSide)}, Key: n.ID + ":suspended:" + itoa(n.Version),
		},
		effect.Send{
			Kind: "trust.suspended", To: n.Contact, Via: effect.All(),
			Args: map[string]string{"first_name": e.PrincipalName, "role": string(ContactSide)}, Key: n.ID + ":suspended:" + itoa(n.Version) + ":c",
		},
	}, nil
}

func (l Link) resume(e EligibilityBack) (Link, []effect.Effect, error) {
	n := l
	n.State, n.Why = Active, nil
	return n, []effect.Effect{
		n.record("trust.resumed", nil),
		effect.Send{
			Kind: "trust.resumed", To: n.Principal, Via: effect.All(),
			Args: map[string]string{"first_name": e.ContactName, "role": string(PrincipalSide)}, Key: n.ID + ":resumed:" + itoa(n.Version),
		},
		effect.Send{
			Kind: "trust.resumed", To: n.Contact, Via: effect.All(),
			Args: map[string]string{"first_name": e.PrincipalName, "role": string(ContactSide)}, Key: n.ID + ":resumed:" + itoa(n.Version) + ":c",
		},
	}, nil
}
