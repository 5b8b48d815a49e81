package recovery

import (
	"cmp"
	"context"
	"encoding/hex"
	"slices"
	"time"

	"github.com/google/uuid"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/policy"
	"doverie/internal/secret"
	"doverie/internal/trust"
)

// Owner is what a recovery needs to know of the account an identifier names. The zero Owner is
// nobody: its recovery is a decoy that nobody can prove.
type Owner struct {
	Account      string
	Phone        string // E.164
	PhoneCurrent bool
	Email        string   // verified, or empty
	Known        bool     // the browser at hand is one that he signed in from before
	Words        []string // his own, of which no password may be made
	Seen         any      // what the store read with him for Begin, which asks for it when it is nil
}

// Owners finds accounts by what an applicant typed, and applies the account's own rules to a new password.
type Owners interface {
	// ByIdentifier finds by phone, e-mail or SNILS. An unknown one is the zero Owner and no error; an
	// unreadable one is an Invalid fault, the same whoever exists.
	ByIdentifier(ctx context.Context, typed string) (Owner, error)
	// Arrive counts a start from the area (Limited when there were too many), and finds as ByIdentifier does, and
	// whether the browser is the owner's: the same statements whoever is found. device is the hash of the secret of a
	// remembered browser, or nil.
	Arrive(ctx context.Context, area, typed string, device []byte) (Owner, error)
	// SNILS reads a typed SNILS as accounts keep it, for the way by e-mail; empty when it is none.
	SNILS(typed string) string
	// HashNew checks a new password by the account's rules (an Invalid fault names the field) and hashes it.
	HashNew(ctx context.Context, of Owner, password string) (hash string, err error)
}

// Attempts stores recoveries under the secret cookie of the browser that started them.
type Attempts interface {
	// Begin writes a new recovery of the owner who has just arrived, its code and its effects: the same statements for a decoy.
	Begin(ctx context.Context, act effect.Act, r Recovery, owner Owner, browser []byte, effects []effect.Effect) error
	// WithOwner finds the recovery a browser started, and its owner: the zero Owner of a decoy. A NotFound fault when there
	// is no such recovery.
	WithOwner(ctx context.Context, browser []byte) (Recovery, Owner, error)
	// OpenOf returns the id of the account's open recovery, or "".
	OpenOf(ctx context.Context, account string) (string, error)
}

// Service has one method for each human act of the applicant, of the principal, and for the timer.
// The contact's acts are trust.Decisions.
type Service struct {
	Circles  trust.Circles
	Owners   Owners
	Attempts Attempts
	Limits   trust.Limiter
	Keys     *secret.Keyring
	Policy   policy.Policy
	Now      func() time.Time
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }

// Start begins a recovery. The answer, the rows and the time do not depend on what the identifier
// names (I6). browser is the new secret for the applicant's cookie: only its holder is the applicant.
// remembered is the secret of a browser that somebody signed in from before, or empty.
//
// What is over a limit of the account is muted, not refused: nobody is told, and no code goes out. One network
// area gets only some of the account's codes of the day, and a browser of the owner's own has as many again
// that no stranger can use up (T21).
func (s *Service) Start(ctx context.Context, act effect.Act, identifier, remembered string) (browser string, err error) {
	owner, err := s.Owners.Arrive(ctx, act.Area, identifier, deviceHash(remembered))
	if err != nil {
		return "", err
	}
	now := s.Now()
	channel, _ := reach(owner)
	r, effs, err := Recovery{}.Apply(now, s.Policy, Started{
		ID: newID(), Account: owner.Account, Device: act.Device, Area: act.Area, Channel: channel,
	})
	if err != nil {
		return "", err
	}
	whose := cmp.Or(owner.Account, hex.EncodeToString(s.Keys.Lookup("recovery identifier", identifier)))
	asker := s.Keys.Lookup("recovery asker", whose+" "+act.Area)
	sent, err := s.makeCode(now, r, owner, s.here(asker, owner.Known))
	if err != nil {
		return "", err
	}
	browser = s.browserOf(asker)
	return browser, s.Attempts.Begin(ctx, act, r, owner, secret.HashToken(browser), append(effs, sent...))
}

// SendCode sends the code of the present step: the first one again, or the second one. remembered as in Start.
func (s *Service) SendCode(ctx context.Context, act effect.Act, browser, remembered string) error {
	around := trust.Around{Browser: secret.HashToken(browser), Device: deviceHash(remembered)}
	return s.Circles.Decide(ctx, act, around, func(c trust.Circle) (trust.Outcome, error) {
		live, ok := c.Subject.(Recovery)
		if !ok {
			return trust.Outcome{}, fault.New(fault.NotFound, "fault.not_found", nil)
		}
		if _, ok := purposeNow(live); !ok {
			return trust.Outcome{}, live.conflict()
		}
		if !c.Now.Before(live.ExpiresAt) {
			return trust.Outcome{}, fault.New(fault.Conflict, "fault.recovery.state_expired", nil)
		}
		share := effect.Share{}
		if live.State == Proving {
			share = s.here(s.askerOf(browser), c.Known)
		}
		effs, err := s.makeCode(c.Now, live, Owner{
			Account: live.Account, Phone: c.Principal.Phone, PhoneCurrent: c.Principal.PhoneCurrent, Email: c.Email, Known: c.Known,
		}, share)
		return trust.Outcome{Effects: effs}, err
	})
}

// tried is what follows from a typed code of the step. The attempt is counted before it is compared; what the right
// code leads to, and the end that the last miss is, is decided in one transaction with the lock on the account.
func (s *Service) tried(
	ctx context.Context, act effect.Act, browser string, purpose secret.Purpose, typed string,
	right func(c trust.Circle, live Recovery, codeID string) (trust.Outcome, error),
) error {
	usedUp := false
	around := trust.Around{Browser: secret.HashToken(browser), Try: &trust.Attempt{Purpose: string(purpose), Most: s.Policy.CodeTries}}
	err := s.Circles.Decide(ctx, act, around, func(c trust.Circle) (trust.Outcome, error) {
		usedUp = false
		live, ok := c.Subject.(Recovery)
		if !ok {
			return trust.Outcome{}, fault.New(fault.NotFound, "fault.not_found", nil)
		}
		now, _ := purposeNow(live)
		same := s.Keys.SameCode(purpose, live.ID, typed, c.Try.Hash)
		switch {
		case now != purpose:
			return trust.Outcome{}, live.conflict()
		case c.Try.Missing() != nil:
			return trust.Outcome{}, c.Try.Missing()
		case same && live.Account != "": // a decoy's code was never sent: a lucky guess is a miss like any other (I6)
			return right(c, live, c.Try.CodeID)
		case c.Try.Left > 0:
			return trust.Outcome{}, fault.New(fault.Refused, "fault.code.wrong", fault.Args{"Left": c.Try.Left})
		}
		// This recovery ends; the account is not touched, so a stranger locks nobody out (T21).
		usedUp = true
		var out trust.Outcome
		pending, _ := c.PendingOf(live.ID)
		err := s.end(c, pending, live, CodeMissed{}, "codes", &out)
		return out, err
	})
	if usedUp && (err == nil || fault.Is(err, fault.Conflict)) {
		return fault.New(fault.Refused, "fault.recovery.codes_used_up", nil)
	}
	return err
}

// Prove takes the first code, and the SNILS when the account is reached by e-mail. What follows
// depends on who guards the account at this moment, read and locked in the same transaction.
func (s *Service) Prove(ctx context.Context, act effect.Act, browser, typed, snils string) error {
	digits := s.Owners.SNILS(snils)
	return s.tried(ctx, act, browser, secret.RecoveryProve, typed, func(c trust.Circle, live Recovery, codeID string) (trust.Outcome, error) {
		return s.prove(c, live, codeID, digits != "" && digits == c.Principal.SNILS)
	})
}

func (s *Service) prove(c trust.Circle, live Recovery, codeID string, sameSNILS bool) (trust.Outcome, error) {
	deadline := c.Now.Add(s.Policy.RecoveryWait)
	guard := Guard{
		LockedUntil: c.LockedUntil, Frozen: !c.FrozenAt.IsZero(), Guarding: len(c.Guardians),
		Able: c.Able(deadline, s.Policy), Quorum: c.Quorum, Asks: c.Asks,
		RecoveredAt: c.RecoveredAt,
		SimChanged:  !c.Principal.SimChangedAt.IsZero() && c.Now.Before(c.Principal.SimChangedAt.Add(s.Policy.SimChangeQuiet)),
	}
	if quietExit(c) {
		guard.WaitUntil = c.Now.Add(s.Policy.RecoveryQuietWait)
	}
	cast := c.Cast(s.Keys.StopCode(c.Principal.Account, c.Now))
	next, effs, err := live.Apply(c.Now, s.Policy, Proven{CodeID: codeID, SNILS: sameSNILS, Guard: guard, Cast: cast})
	if err != nil {
		return trust.Outcome{}, err
	}
	out := trust.Outcome{Actions: []trust.Parent{next}, Effects: effs}
	if !next.Open() {
		return out, nil
	}
	// It has proved itself: an older one ends, and the contacts hear of a second device (DOMAIN §5.1).
	second := false
	for _, p := range c.Pending {
		older, ok := p.Action.(Recovery)
		if !ok || older.ID == next.ID || !older.Open() {
			continue
		}
		var e Event = Overtaken{By: next.ID}
		closing := "superseded"
		if older.late(c.Now) { // its timer is on the way; the new one must not fail because of that
			e, closing = Due{Cast: cast}, "expired"
		} else {
			second = true
		}
		if err := s.end(c, p, older, e, closing, &out); err != nil {
			return trust.Outcome{}, err
		}
	}
	if next.State == Awaiting {
		asked, more, err := c.Ask(s.Policy, next, next.ExpiresAt, second, newID)
		if err != nil {
			return trust.Outcome{}, err
		}
		out.Approvals = append(out.Approvals, asked...)
		out.Effects = append(out.Effects, more...)
	}
	return out, nil
}

// quietExit tells whether a contact who is feared is on his way out (DOMAIN §4.10).
func quietExit(c trust.Circle) bool {
	return slices.ContainsFunc(c.Guardians, func(g trust.Guardian) bool { return g.Link.State == trust.Leaving && g.Link.Quiet })
}

// Verify takes the second code, sent after the contact's approval to the principal's own phone.
func (s *Service) Verify(ctx context.Context, act effect.Act, browser, typed string) error {
	return s.tried(ctx, act, browser, secret.RecoveryFinish, typed, func(c trust.Circle, live Recovery, codeID string) (trust.Outcome, error) {
		var out trust.Outcome
		pending, _ := c.PendingOf(live.ID)
		err := s.end(c, pending, live, SecondCode{CodeID: codeID}, "", &out)
		return out, err
	})
}

// Complete sets the new password, and with it ends everything that was issued before (I4).
func (s *Service) Complete(ctx context.Context, act effect.Act, browser, password string) error {
	r, owner, err := s.Attempts.WithOwner(ctx, secret.HashToken(browser))
	if err != nil {
		return err
	}
	if r.State != Verified {
		return r.conflict()
	}
	hash, err := s.Owners.HashNew(ctx, owner, password)
	if err != nil {
		return err
	}
	refused := "" // by which fault, once it has ended for that
	err = s.Circles.Decide(ctx, act, trust.Around{Recovery: r.ID}, func(c trust.Circle) (trust.Outcome, error) {
		live, ok := c.Subject.(Recovery)
		if !ok {
			return trust.Outcome{}, fault.New(fault.NotFound, "fault.not_found", nil)
		}
		var out trust.Outcome
		pending, _ := c.PendingOf(r.ID)
		standing := c.Standing(pending.Approvals)
		switch refused = ""; {
		case !live.Guarded && len(c.Guardians) > 0:
			refused = "fault.recovery.guarded_now"
		case live.Guarded && standing < live.Needed:
			refused = "fault.recovery.contact_gone"
		}
		cast := c.Cast(s.Keys.StopCode(live.Account, c.Now))
		if err := s.end(c, pending, live, PasswordSet{
			Hash: hash, Guarding: len(c.Guardians), Standing: standing, Quiet: quietExit(c), Cast: cast,
		}, "completed", &out); err != nil {
			return trust.Outcome{}, err
		}
		if refused != "" {
			return out, nil
		}
		err := s.purge(c, &out)
		return out, err
	})
	if err == nil && refused != "" {
		return fault.New(fault.Refused, refused, nil)
	}
	return err
}

// purge ends what may have been planted before the recovery: unanswered invitations and open actions (T11).
func (s *Service) purge(c trust.Circle, out *trust.Outcome) error {
	for _, l := range c.Invitations {
		gone, effs, err := l.Apply(c.Now, s.Policy, trust.InvitationWithdrawn{})
		if err != nil {
			return err
		}
		out.Links, out.Effects = append(out.Links, gone), append(out.Effects, effs...)
	}
	for _, p := range c.Pending {
		a, ok := p.Action.(trust.Action)
		if !ok {
			continue
		}
		gone, effs, err := a.Apply(c.Now, s.Policy, trust.ActionGivenUp{Reason: "recovered"})
		if err != nil {
			return err
		}
		closed, more, err := trust.CloseApprovals(c.Now, s.Policy, p.Approvals, "recovered")
		if err != nil {
			return err
		}
		out.Actions, out.Approvals = append(out.Actions, gone), append(out.Approvals, closed...)
		out.Effects = append(append(out.Effects, effs...), more...)
	}
	return nil
}

// Cancel is the applicant's own end.
func (s *Service) Cancel(ctx context.Context, act effect.Act, browser string) error {
	return s.change(ctx, act, trust.Around{Browser: secret.HashToken(browser)}, "cancelled", func(trust.Circle, Recovery) (Event, error) {
		return GivenUp{Reason: "applicant"}, nil
	})
}

// Disown is the principal's "this is not me": from a live session or a notice. A Conflict when no
// recovery is open.
func (s *Service) Disown(ctx context.Context, act effect.Act, account string) error {
	id, err := s.openOf(ctx, account)
	if err != nil {
		return err
	}
	return s.change(ctx, act, trust.Around{Recovery: id}, "disowned", func(c trust.Circle, live Recovery) (Event, error) {
		return DisownedByOwner{Cast: c.Cast(s.Keys.StopCode(account, c.Now))}, nil
	})
}

// WasMe cancels the open recovery after its owner has signed in normally and said that it was he (DOMAIN §5.10).
func (s *Service) WasMe(ctx context.Context, act effect.Act, account string) error {
	id, err := s.openOf(ctx, account)
	if err != nil {
		return err
	}
	return s.change(ctx, act, trust.Around{Recovery: id}, "cancelled", func(trust.Circle, Recovery) (Event, error) {
		return GivenUp{Reason: "signed_in"}, nil
	})
}

func (s *Service) openOf(ctx context.Context, account string) (string, error) {
	id, err := s.Attempts.OpenOf(ctx, account)
	if err == nil && id == "" {
		err = fault.New(fault.Conflict, "fault.recovery.none_open", nil)
	}
	return id, err
}

// Expire is the timer's road: it only ever ends a recovery (I10).
func (s *Service) Expire(ctx context.Context, id string) error {
	act := effect.Act{Actor: effect.System}
	err := s.change(ctx, act, trust.Around{Recovery: id}, "expired", func(c trust.Circle, live Recovery) (Event, error) {
		return Due{Cast: c.Cast(s.Keys.StopCode(c.Principal.Account, c.Now))}, nil
	})
	if fault.Is(err, fault.Conflict) || fault.Is(err, fault.NotFound) {
		return nil
	}
	return err
}

// change applies one event to a recovery in one commit; when it ends, its open approvals close.
func (s *Service) change(ctx context.Context, act effect.Act, around trust.Around, closing string, event func(trust.Circle, Recovery) (Event, error)) error {
	return s.Circles.Decide(ctx, act, around, func(c trust.Circle) (trust.Outcome, error) {
		live, ok := c.Subject.(Recovery)
		if !ok {
			return trust.Outcome{}, fault.New(fault.NotFound, "fault.not_found", nil)
		}
		e, err := event(c, live)
		if err != nil {
			return trust.Outcome{}, err
		}
		var out trust.Outcome
		pending, _ := c.PendingOf(live.ID)
		err = s.end(c, pending, live, e, closing, &out)
		return out, err
	})
}

// end applies the event and, if the recovery is over by it, closes its approvals.
func (s *Service) end(c trust.Circle, p trust.Pending, live Recovery, e Event, closing string, out *trust.Outcome) error {
	next, effs, err := live.Apply(c.Now, s.Policy, e)
	if err != nil {
		return err
	}
	out.Actions = append(out.Actions, next)
	out.Effects = append(out.Effects, effs...)
	if !next.Over() {
		return nil
	}
	closed, more, err := trust.CloseApprovals(c.Now, s.Policy, p.Approvals, closing)
	out.Approvals = append(out.Approvals, closed...)
	out.Effects = append(out.Effects, more...)
	return err
}
