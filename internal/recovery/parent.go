package recovery

import (
	"time"

	"doverie/internal/effect"
	"doverie/internal/policy"
	"doverie/internal/trust"
)

// ActionKind says that a recovery is what is guarded.
func (r Recovery) ActionKind() trust.ActionKind { return trust.ActionRecovery }

// ActionID is the recovery's id.
func (r Recovery) ActionID() string { return r.ID }

// Decidable tells whether a contact's decision still means something: until completed.
func (r Recovery) Decidable(now time.Time) bool { return r.Open() && now.Before(r.ExpiresAt) }

// NeededApprovals is how many contacts must approve.
func (r Recovery) NeededApprovals() int { return r.Needed }

// Beginning says when and from what it was started.
func (r Recovery) Beginning() trust.Beginning {
	return trust.Beginning{At: r.StartedAt, Device: r.Device, Area: r.Area}
}

// WhenApproved applies a contact's yes.
func (r Recovery) WhenApproved(now time.Time, p policy.Policy, v trust.Vote) (trust.Parent, []effect.Effect, error) {
	return parent(r.Apply(now, p, VotedFor{Vote: v}))
}

// WhenRejected applies a contact's no.
func (r Recovery) WhenRejected(now time.Time, p policy.Policy, v trust.Vote) (trust.Parent, []effect.Effect, error) {
	return parent(r.Apply(now, p, VotedAgainst{Vote: v}))
}

// WhenContactLost ends the recovery when too few contacts are left to approve it, or too few yeses hold what they approved.
func (r Recovery) WhenContactLost(now time.Time, p policy.Policy, left trust.Left) (trust.Parent, []effect.Effect, error) {
	if !r.Open() || !r.Guarded || r.late(now) {
		return r, nil, nil
	}
	return parent(r.Apply(now, p, ContactLost{Left: left}))
}

// WhenFrozen ends the recovery: a frozen account has no online way to a password.
func (r Recovery) WhenFrozen(now time.Time, p policy.Policy) (trust.Parent, []effect.Effect, error) {
	if r.late(now) {
		return r, nil, nil
	}
	return parent(r.Apply(now, p, Frozen{}))
}

// WhenClosed ends the recovery: a closed account has no password to recover.
func (r Recovery) WhenClosed(now time.Time, p policy.Policy) (trust.Parent, []effect.Effect, error) {
	if r.late(now) {
		return r, nil, nil
	}
	return parent(r.Apply(now, p, GivenUp{Reason: "account_closed"}))
}

func parent(r Recovery, out []effect.Effect, err error) (trust.Parent, []effect.Effect, error) {
	return r, out, err
}
