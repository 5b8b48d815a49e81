package recovery

import (
	"context"
	"slices"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/secret"
	"doverie/internal/trust"
)

// View is what the applicant's browser sees of its own recovery: what an honest person needs and a
// criminal cannot use. Nothing in it tells a decoy from a real one before it is proven.
type View struct {
	ID        string // what its codes are bound to; no secret, and of no use to anybody else
	Now       time.Time
	State     State
	Channel   effect.Channel // empty before it is proven: that an e-mail was chosen would tell of an account (I6)
	Guarded   bool
	Match     string   // two digits, only while a contact may be asked for them
	Contacts  []string // first names of who was asked
	AbleFrom  time.Time
	Approved  int
	Needed    int
	NotBefore time.Time // the new password has to wait until then; zero: it need not
	StartedAt time.Time
	ExpiresAt time.Time
	EndedAt   time.Time
	EndReason string
}

// View returns the recovery that this browser started; a NotFound fault when there is none.
func (s *Service) View(ctx context.Context, browser string) (View, error) {
	c, err := s.Circles.Look(ctx, trust.Around{Browser: secret.HashToken(browser)})
	if err != nil {
		return View{}, err
	}
	r, ok := c.Subject.(Recovery)
	if !ok {
		return View{}, fault.New(fault.NotFound, "fault.not_found", nil)
	}
	v := View{
		ID: r.ID, Now: s.Now(), State: r.State, Guarded: r.Guarded, Needed: r.Needed,
		StartedAt: r.StartedAt, ExpiresAt: r.ExpiresAt, EndedAt: r.EndedAt, EndReason: r.EndReason,
	}
	if !r.ProvenAt.IsZero() {
		v.Channel = r.Channel
	}
	if r.Account == "" || r.State == Proving || !r.Guarded || r.Over() {
		return v, nil
	}
	v.Match = s.Keys.MatchNumber(r.ID)
	if from := r.ProvenAt.Add(s.Policy.RecoveryQuietWait); r.State == Verified && quietExit(c) && v.Now.Before(from) {
		v.NotBefore = from // told before a password is thought up, and no more than the refusal itself would tell
	}
	asked, _ := c.PendingOf(r.ID)
	for _, g := range c.Guardians {
		if !slices.ContainsFunc(asked.Approvals, func(a trust.Approval) bool { return a.Contact == g.Contact.Account }) {
			continue // became a contact after the request: nobody asked him
		}
		v.Contacts = append(v.Contacts, g.Contact.Given)
		from, _ := trust.AbleFrom(g.Link, g.Contact, c.Now, s.Policy)
		if !from.IsZero() && (v.AbleFrom.IsZero() || from.Before(v.AbleFrom)) {
			v.AbleFrom = from
		}
	}
	v.Approved = c.Counted(asked.Approvals, s.Policy)
	return v, nil
}

// Alarm is what the principal's own live sessions are warned of.
type Alarm struct {
	ID     string
	State  State
	At     time.Time
	Device string
	Area   string
}

// AlarmFor returns the account's open recovery for the banner of its live sessions; ok is false when none is open.
func (s *Service) AlarmFor(ctx context.Context, account string) (a Alarm, ok bool, err error) {
	id, err := s.Attempts.OpenOf(ctx, account)
	if err != nil || id == "" {
		return Alarm{}, false, err
	}
	c, err := s.Circles.Look(ctx, trust.Around{Recovery: id})
	if err != nil {
		return Alarm{}, false, err
	}
	r, isRecovery := c.Subject.(Recovery)
	if !isRecovery || !r.Open() {
		return Alarm{}, false, nil
	}
	return Alarm{ID: r.ID, State: r.State, At: r.StartedAt, Device: r.Device, Area: r.Area}, true, nil
}
