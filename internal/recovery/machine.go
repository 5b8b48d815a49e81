package recovery

import (
	"cmp"
	"maps"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/policy"
	"doverie/internal/trust"
)

// State is where a recovery stands.
type State string

// The states. The zero value is "not started".
const (
	None       State = ""
	Proving    State = "proving"
	Awaiting   State = "awaiting_contact"
	Approved   State = "approved"
	Verified   State = "verified"
	Completed  State = "completed"
	Rejected   State = "rejected"
	Disowned   State = "disowned"
	Expired    State = "expired"
	Cancelled  State = "cancelled"
	Superseded State = "superseded"
	LockedOut  State = "locked_out"
)

// States lists every state, for tables and tests.
func States() []State {
	return []State{None, Proving, Awaiting, Approved, Verified, Completed, Rejected, Disowned, Expired, Cancelled, Superseded, LockedOut}
}

// TimerExpire ends a recovery whose time is over, whatever it waits for.
const TimerExpire = "recovery.expire"

// Why a recovery is locked out.
const (
	WhyCodes       = "codes"        // a code was missed too often
	WhyAsks        = "asks"         // the contacts were asked too often today
	WhyLocked      = "locked"       // online recovery is locked after a rejection or a disown
	WhyFrozen      = "frozen"       // the account is frozen
	WhyNobodyAble  = "nobody_able"  // guarded, but no contact can approve: in person only
	WhyContactLeft = "contact_left" // the contacts that were asked are gone
	WhyGuarded     = "guarded"      // a link appeared after an unguarded start
	WhyRecovered   = "recovered"    // another recovery was completed after this one began (I4)
)

// Recovery is one attempt.
type Recovery struct {
	ID        string
	Account   string // empty for a decoy: an identifier that names nobody
	State     State
	Channel   effect.Channel // where the account's own codes go: SMS, or e-mail when the phone is not current
	Device    string
	Area      string
	Guarded   bool // a link guarded the account when it was proven
	Needed    int  // contacts who must approve
	StartedAt time.Time
	ProvenAt  time.Time
	ExpiresAt time.Time // of the present state
	EndedAt   time.Time
	EndReason string
	Version   int64
}

// Open tells whether the recovery has proved itself and has not ended: at most one an account.
func (r Recovery) Open() bool {
	return r.State == Awaiting || r.State == Approved || r.State == Verified
}

// late tells whether its time is over though the timer has not come yet: nothing but the timer may
// move it, and nobody else's act (a freeze, a resignation) may fail because of it.
func (r Recovery) late(now time.Time) bool {
	return (r.Open() || r.State == Proving) && !now.Before(r.ExpiresAt)
}

// Over tells whether nothing can happen to it any more.
func (r Recovery) Over() bool { return !r.Open() && r.State != Proving && r.State != None }

// Guard is what stands between a proven applicant and a new password, read in the same transaction.
type Guard struct {
	LockedUntil time.Time // zero: online recovery is not locked
	Frozen      bool
	Guarding    int       // links that guard
	Able        int       // contacts among them who can approve before the request lapses
	Quorum      int       // the principal's choice
	Asks        int       // times contacts were asked for this principal in the last 24 h
	RecoveredAt time.Time // newest completed recovery of the account; zero: never
	WaitUntil   time.Time // end of the wait while a quiet exit runs, or zero (DOMAIN §4.10)
	SimChanged  bool      // the phone's SIM changed lately: that phone alone proves nothing (T06)
}

// Needed is how many approvals the guard wants: the quorum, but never more than there are links.
func (g Guard) Needed() int { return max(1, min(g.Quorum, g.Guarding)) }

// Apply decides what the event does to the recovery. It reads no clock and calls nothing.
// An event that the state does not know is a Conflict: somebody or a timer was first (I3).
func (r Recovery) Apply(now time.Time, p policy.Policy, e Event) (Recovery, []effect.Effect, error) {
	if e, ok := e.(Due); ok {
		return r.expire(now, e)
	}
	if r.late(now) {
		// The time is over though the timer has not come yet: half-open intervals (T25).
		return r, nil, fault.New(fault.Conflict, "fault.recovery.state_expired", nil)
	}
	switch e := e.(type) {
	case Started:
		if r.State == None {
			return r.start(now, p, e)
		}
	case CodeSent:
		if r.State == Proving || r.State == Approved {
			return r.sendCode(now, p, e.Code)
		}
	case Proven:
		if r.State == Proving && r.Account != "" {
			return r.prove(now, p, e)
		}
	case VotedFor:
		if r.State == Awaiting {
			return r.votedFor(now, p, e.Vote)
		}
	case VotedAgainst:
		if r.Open() && r.Guarded {
			return r.votedAgainst(now, p, e.Vote)
		}
	case ContactLost:
		if r.Open() && r.Guarded {
			return r.contactLost(now, e)
		}
	case CodeMissed:
		if r.State == Proving || r.State == Approved {
			return r.end(now, LockedOut, WhyCodes)
		}
	case SecondCode:
		if r.State == Approved {
			return r.secondCode(now, e)
		}
	case PasswordSet:
		if r.State == Verified {
			return r.complete(now, p, e)
		}
	case DisownedByOwner:
		if r.Open() {
			return r.disown(now, p, e)
		}
	case GivenUp:
		if r.Open() || r.State == Proving {
			return r.end(now, Cancelled, e.Reason)
		}
	case Overtaken:
		if r.Open() {
			return r.end(now, Superseded, "second_device")
		}
	case Frozen:
		if r.Open() || r.State == Proving {
			return r.end(now, Cancelled, WhyFrozen)
		}
	}
	return r, nil, r.conflict()
}

func (r Recovery) conflict() error {
	key := string(r.State)
	if r.State == None {
		key = "none"
	}
	return fault.New(fault.Conflict, "fault.recovery.state_"+key, nil)
}

func (r Recovery) start(now time.Time, p policy.Policy, e Started) (Recovery, []effect.Effect, error) {
	n := Recovery{
		ID: e.ID, Account: e.Account, State: Proving, Channel: e.Channel, Device: e.Device, Area: e.Area,
		StartedAt: now, ExpiresAt: now.Add(p.RecoveryProving),
	}
	return n, []effect.Effect{
		n.record("recovery.started", nil),
		effect.Arm{Timer: TimerExpire, Object: n.ID, At: n.ExpiresAt},
	}, nil
}

func (r Recovery) sendCode(now time.Time, p policy.Policy, c Code) (Recovery, []effect.Effect, error) {
	kind := "recovery.code"
	if r.State == Approved {
		kind = "recovery.finish_code"
	}
	until := now.Add(p.CodeTTL)
	return r, []effect.Effect{
		effect.IssueCode{
			ID: c.ID, Purpose: c.Purpose, Bound: r.ID, Account: r.Account, Phone: c.Phone, Hash: c.Hash, ExpiresAt: until,
			Pause: p.CodeResend, DayLimit: p.CodesPerPhoneDay, Quiet: true, Share: c.Share,
		},
		effect.Send{
			Kind: kind, To: r.Account, Nobody: r.Account == "", Via: []effect.Channel{r.Channel}, NotAfter: until, Key: c.ID,
			Args: map[string]string{"code": c.Code},
		},
	}, nil
}

func (r Recovery) prove(now time.Time, p policy.Policy, e Proven) (Recovery, []effect.Effect, error) {
	if !e.SNILS && (r.Channel == effect.Email || e.Guard.SimChanged) {
		// Neither a mailbox nor a phone whose SIM has just changed proves anything alone (DOMAIN §2, §5.2).
		return r, nil, fault.BadFields(fault.Field{Name: "snils", Key: "fault.recovery.snils"})
	}
	out := []effect.Effect{effect.UseCode{ID: e.CodeID}}
	if r.Channel == effect.SMS {
		out = append(out, effect.ConfirmPhone{Account: r.Account, At: now})
	}
	n := r
	n.ProvenAt = now
	lock := func(why string, more ...effect.Effect) (Recovery, []effect.Effect, error) {
		n, end, err := n.end(now, LockedOut, why)
		return n, append(append(out, end...), more...), err
	}
	g := e.Guard
	n.Guarded = g.Guarding > 0
	n.Needed = g.Needed()
	switch {
	case g.Frozen:
		return lock(WhyFrozen)
	case !g.RecoveredAt.IsZero() && !g.RecoveredAt.Before(r.StartedAt):
		return lock(WhyRecovered, n.tell("recovery.cancelled", n.Account, e.Cast, nil))
	case now.Before(g.LockedUntil):
		return lock(WhyLocked)
	case !n.Guarded:
		n.State, n.ExpiresAt = Approved, now.Add(p.RecoveryFinish)
		out = append(out, n.record("recovery.proven", map[string]string{"guarded": "no"}))
	case g.Asks >= p.AsksPerDay:
		return lock(WhyAsks,
			effect.LockRecovery{Account: r.Account, Until: now.Add(p.RecoveryLock)},
			n.tell("recovery.locked_out", n.Account, e.Cast, map[string]string{"until": now.Add(p.RecoveryLock).UTC().Format(time.RFC3339)}))
	case g.Able < n.Needed:
		// Never a path without its contact (DOMAIN §5.3): in person only.
		return lock(WhyNobodyAble, n.tell("recovery.attempt", n.Account, e.Cast, nil))
	default:
		n.State, n.ExpiresAt = Awaiting, later(now.Add(p.RecoveryWait), g.WaitUntil)
		out = append(out, n.record("recovery.proven", map[string]string{"guarded": "yes"}))
	}
	return n, append(out,
		effect.Arm{Timer: TimerExpire, Object: n.ID, At: n.ExpiresAt},
		n.tell("recovery.attempt", n.Account, e.Cast, nil),
		effect.TellSystems{Account: n.Account, What: "recovery-activated"},
	), nil
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func (r Recovery) votedFor(now time.Time, p policy.Policy, v trust.Vote) (Recovery, []effect.Effect, error) {
	n := r
	if v.Approved < r.Needed {
		return n, []effect.Effect{n.record("recovery.approval_counted", nil)}, nil
	}
	n.State, n.ExpiresAt = Approved, now.Add(p.RecoveryFinish)
	if r.ExpiresAt.After(r.ProvenAt.Add(p.RecoveryWait)) {
		// A quiet exit runs: the password waits for its end (see complete), and so must this state.
		n.ExpiresAt = r.ExpiresAt.Add(p.RecoveryFinish)
	}
	return n, []effect.Effect{
		n.record("recovery.approved", nil),
		effect.Arm{Timer: TimerExpire, Object: n.ID, At: n.ExpiresAt},
		n.tell("recovery.approved", n.Account, v.Cast, map[string]string{"first_name": v.Cast.Contacts[v.By.Contact]}),
	}, nil
}

func (r Recovery) votedAgainst(now time.Time, p policy.Policy, v trust.Vote) (Recovery, []effect.Effect, error) {
	kind := "recovery.rejected"
	if v.By.Reason == string(trust.ReasonFraud) {
		kind = "recovery.fraud"
	}
	n, out, err := r.end(now, Rejected, v.By.Reason)
	if kind == "recovery.fraud" {
		out = append(out, effect.TellSystems{Account: r.Account, What: "recovery-deceived", Why: "deceived"})
	}
	return n, append(out,
		effect.LockRecovery{Account: r.Account, Until: now.Add(p.RecoveryLock)},
		r.tell(kind, r.Account, v.Cast, map[string]string{
			"first_name": v.Cast.Contacts[v.By.Contact], "reason": v.By.Reason, "until": now.Add(p.RecoveryLock).UTC().Format(time.RFC3339),
		}),
	), err
}

// contactLost ends what too few contacts are left for: to approve it, or to stand behind what they approved.
func (r Recovery) contactLost(now time.Time, e ContactLost) (Recovery, []effect.Effect, error) {
	have := e.Standing
	if r.State == Awaiting {
		have = e.Able
	}
	if have >= r.Needed {
		return r, nil, nil
	}
	n, out, err := r.end(now, LockedOut, WhyContactLeft)
	return n, append(out, r.tell("recovery.cancelled", r.Account, trust.Cast{}, nil)), err
}

func (r Recovery) secondCode(now time.Time, e SecondCode) (Recovery, []effect.Effect, error) {
	n := r
	n.State = Verified
	out := []effect.Effect{effect.UseCode{ID: e.CodeID}, n.record("recovery.verified", nil)}
	if r.Channel == effect.SMS {
		out = append(out, effect.ConfirmPhone{Account: r.Account, At: now})
	}
	return n, out, nil
}

func (r Recovery) complete(now time.Time, p policy.Policy, e PasswordSet) (Recovery, []effect.Effect, error) {
	if !r.Guarded && e.Guarding > 0 {
		// I1: a link that appeared meanwhile guards from its first second.
		n, out, err := r.end(now, LockedOut, WhyGuarded)
		return n, append(out, r.tell("recovery.cancelled", r.Account, e.Cast, nil)), err
	}
	if r.Guarded && e.Standing < r.Needed {
		// I1: whoever approved it is no contact any more, or his account was frozen since (ADR 0012).
		n, out, err := r.end(now, LockedOut, WhyContactLeft)
		return n, append(out, r.tell("recovery.cancelled", r.Account, e.Cast, nil)), err
	}
	if from := r.ProvenAt.Add(p.RecoveryQuietWait); e.Quiet && now.Before(from) {
		// Whoever fears a contact must have the time to notice what that contact has approved (DOMAIN §4.10).
		return r, nil, fault.New(fault.Refused, "fault.recovery.too_early", fault.Args{"Until": from})
	}
	until := now.Add(p.Hold)
	n, out, err := r.end(now, Completed, "completed")
	out = append(out,
		effect.SetPassword{Account: r.Account, Hash: e.Hash},
		effect.PurgePending{Account: r.Account},
		effect.EndSessions{Account: r.Account, Why: "recovery", Devices: true},
		effect.BeginHold{Account: r.Account, At: now, Until: until},
		effect.TellSystems{Account: r.Account, What: "credential-change", Why: "recovery"},
		effect.TellSystems{Account: r.Account, What: "session-revoked", Why: "recovery"},
		r.tell("recovery.completed", r.Account, e.Cast, map[string]string{"until": until.UTC().Format(time.RFC3339), "role": string(trust.PrincipalSide)}),
	)
	for _, c := range e.Cast.ContactsOrder {
		out = append(out, effect.Send{
			Kind: "recovery.completed", To: c, Via: effect.All(), Key: r.ID + ":completed:" + c,
			Args: map[string]string{"first_name": e.Cast.Principal, "at": now.UTC().Format(time.RFC3339), "role": string(trust.ContactSide)},
		})
	}
	return n, out, err
}

func (r Recovery) disown(now time.Time, p policy.Policy, e DisownedByOwner) (Recovery, []effect.Effect, error) {
	until := now.Add(p.RecoveryLock)
	n, out, err := r.end(now, Disowned, "owner")
	out = append(out,
		effect.LockRecovery{Account: r.Account, Until: until},
		r.tell("recovery.disowned", r.Account, e.Cast, map[string]string{"until": until.UTC().Format(time.RFC3339), "role": string(trust.PrincipalSide)}),
		effect.TellSystems{Account: r.Account, What: "recovery-disowned", Why: "disowned"},
	)
	if r.Guarded {
		for _, c := range e.Cast.ContactsOrder {
			out = append(out, effect.Send{
				Kind: "recovery.disowned", To: c, Via: effect.All(), Key: r.ID + ":disowned:" + c,
				Args: map[string]string{"first_name": e.Cast.Principal, "at": now.UTC().Format(time.RFC3339), "role": string(trust.ContactSide)},
			})
		}
	}
	return n, out, err
}

func (r Recovery) expire(now time.Time, e Due) (Recovery, []effect.Effect, error) {
	if (!r.Open() && r.State != Proving) || now.Before(r.ExpiresAt) {
		return r, nil, r.conflict()
	}
	was := r.State
	n, out, err := r.end(now, Expired, string(was)) // I10: silence never approves
	if was != Proving {
		out = append(out, r.tell("recovery.expired", r.Account, e.Cast, nil))
	}
	return n, out, err
}

// end closes the recovery with one event, drops its codes and its timer.
func (r Recovery) end(now time.Time, to State, reason string) (Recovery, []effect.Effect, error) {
	n := r
	n.State, n.EndedAt, n.EndReason = to, now, reason
	return n, []effect.Effect{
		n.record("recovery."+string(to), map[string]string{"reason": reason}),
		effect.Disarm{Timer: TimerExpire, Object: n.ID},
		effect.DropCodes{Bound: n.ID},
	}, nil
}

// record writes one event into the principal's history. A decoy is its own subject, so that its event costs
// the database what any other does (I6).
func (r Recovery) record(kind string, facts map[string]string) effect.Record {
	return effect.Record{Kind: kind, Object: "recovery:" + r.ID, Subjects: []string{cmp.Or(r.Account, r.ID)}, Facts: facts}
}

// tell sends a security notice to the principal on every channel; it carries the stop code.
func (r Recovery) tell(kind, to string, cast trust.Cast, more map[string]string) effect.Send {
	args := map[string]string{"stop_code": cast.StopCode, "device": r.Device, "area": r.Area, "at": r.StartedAt.UTC().Format(time.RFC3339)}
	maps.Copy(args, more)
	return effect.Send{Kind: kind, To: to, Via: effect.All(), Args: args, Key: r.ID + ":" + kind}
}

// ActionKind, ActionID, Decidable, NeededApprovals, Beginning, WhenApproved and WhenRejected make a
// Recovery the trust.Parent of its approvals.
