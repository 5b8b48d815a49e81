package session

import (
	"context"
	"errors"
	"slices"
	"time"

	"doverie/internal/account"
	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/policy"
	"doverie/internal/secret"
)

// StepUse burns one step of the account's code generator: it must be newer than the last one.
type StepUse struct {
	Account string
	Step    int64
}

// Rehash replaces the hash of a password that was just proven by one of the same password with today's costs. It is no
// change of the password: no event, no session ended, and nothing at all when another hash is stored by now.
type Rehash struct {
	Account  string
	Old, New string
}

// Change is what one commit of this package writes. Every part is optional; together they are one
// transaction, and each guarded row must change exactly once or nothing is done (fault Conflict).
type Change struct {
	Rules string // version of the policy, for the events

	NewSignIn    *SignIn
	PasswordAt   time.Time // with NewSignIn: when the verified password was set; a newer one refuses the commit
	SignInBefore *SignIn
	SignInAfter  *SignIn
	NewDevice    *Device
	SeenDevice   *Device // must be live; its words, area and last use are written
	EndDevice    *Device // must be live
	NewSession   *Session
	Unasked      bool     // with NewSession: its browser is new and no contact was asked; refused when one must be
	Before       *Session // must be live
	After        *Session
	UsedStep     *StepUse
	Rehash       *Rehash
}

// Store is what this package needs of the database.
type Store interface {
	// Account reads one account; fault NotFound.
	Account(ctx context.Context, id string) (account.Account, error)
	// Arrive counts the acts, all or none, and reads the account that an identifier names and the live device of a token's
	// hash (nil: none). Who is not there is the zero value after the same statements.
	Arrive(ctx context.Context, acts []Count, id account.Identifier, device []byte, now time.Time) (Arrival, error)
	// SignIn reads a sign-in by its token's hash, and its account; fault NotFound.
	SignIn(ctx context.Context, tokenHash []byte) (SignIn, account.Account, error)
	// Authenticated reads a session by its token's hash, and its account; fault NotFound.
	Authenticated(ctx context.Context, tokenHash []byte) (Session, account.Account, error)
	// Device reads a live device by its token's hash; fault NotFound.
	Device(ctx context.Context, tokenHash []byte) (Device, error)
	// Sessions lists the account's sessions that have not ended, newest first.
	Sessions(ctx context.Context, account string) ([]Session, error)
	// Devices lists the account's live devices, newest first.
	Devices(ctx context.Context, account string) ([]Device, error)
	// DecideSignIn counts one try of the pending sign-in of a token's hash, and one of its live code by SMS, in a transaction
	// of its own, which stands whatever comes of it. Then, with the account locked, it lets decide choose and commits that as
	// CommitSession does. decide may run again, so it must be pure; its error comes back unchanged and nothing is written.
	// device is the hash of the secret of a remembered browser, or nil. Fault NotFound when there is no such sign-in.
	DecideSignIn(ctx context.Context, act effect.Act, tokenHash, device []byte, limit int, now time.Time,
		decide func(SignInTry) (Change, []effect.Effect, error)) error
	// CountStepUpTry counts one try of the step-up under way in a live session and says how many are left; fault NotFound
	// when none was.
	CountStepUpTry(ctx context.Context, session string, limit int) (left int, err error)
	// TouchSession notes a use of a live session; no event, and no error when it ended meanwhile.
	TouchSession(ctx context.Context, id string, now time.Time) error
	// CommitSession applies the change and the effects in one transaction.
	CommitSession(ctx context.Context, act effect.Act, now time.Time, c Change, effects []effect.Effect) error
}

// Count is one act under one limit.
type Count struct {
	Key   string
	Limit int
	Per   time.Duration
}

// Arrival is who a sign-in is for.
type Arrival struct {
	Account account.Account // the zero Account: nobody
	Device  Device          // the zero Device: no browser that is remembered
	Wait    time.Duration   // not zero: a limit refused the act, and for how long; nothing was counted
}

// SignInTry is one counted try of a sign-in.
type SignInTry struct {
	SignIn  SignIn
	Account account.Account
	Device  Device // the live one that was asked for; the zero Device: there is none
	Counted bool   // false: the sign-in is over, or its tries are
	Left    int
	CodeID  string // of its live code by SMS; empty: there is none to try
	Hash    []byte
}

// Contacts are asked about a sign-in from a new browser when its owner wants that; package trust has them.
type Contacts interface {
	// AskSignIn asks them; with makes what is committed together with the question.
	// Faults: Refused "fault.action.nobody_able"; Conflict when nobody has to be asked any more.
	AskSignIn(ctx context.Context, act effect.Act, account, signIn string, with func(action string, until time.Time) []effect.Effect) (until time.Time, err error)
	// FinishSignIn uses their approval up in one commit with the session that begins. Fault Conflict unless they approved.
	FinishSignIn(ctx context.Context, act effect.Act, action, signIn string, with []effect.Effect) error
	// GiveUpSignIn ends the question in one commit with the sign-in. Fault Conflict when it is over.
	GiveUpSignIn(ctx context.Context, act effect.Act, action, signIn string, with []effect.Effect) error
}

// Codes counts the tries of one-time codes; see package account.
type Codes interface {
	TryCode(ctx context.Context, purpose, bound string, maxTries int, now time.Time) (id string, hash []byte, left int, err error)
}

// Limits is the durable rate limit; see package account.
type Limits interface {
	Take(ctx context.Context, key string, limit int, per time.Duration, now time.Time) (wait time.Duration, err error)
}

// Passwords is the slow check; package secret has it.
type Passwords interface {
	Hash(ctx context.Context, password string) (string, error)
	Verify(ctx context.Context, hash, password string) (ok, needsRehash bool, err error)
	VerifyDummy(ctx context.Context, password string) error
}

// Service holds the acts of this package, one method a human act.
type Service struct {
	Store     Store
	Codes     Codes
	Limits    Limits
	Passwords Passwords
	Contacts  Contacts
	Keys      *secret.Keyring
	Policy    policy.Policy
	Now       func() time.Time
}

func (s *Service) commit(ctx context.Context, act effect.Act, now time.Time, c Change, effects ...effect.Effect) error {
	c.Rules = s.Policy.Version
	return s.Store.CommitSession(ctx, act, now, c, effects)
}

// rehash makes the hash with today's costs of the password that was just proven (an imported hash, or one of another year, has
// others). Where there is no room to make it now, the next sign-in does: nobody waits or fails for it.
func (s *Service) rehash(ctx context.Context, a account.Account, password string) *Rehash {
	hash, err := s.Passwords.Hash(ctx, password)
	if err != nil {
		return nil
	}
	return &Rehash{Account: a.ID, Old: a.PasswordHash, New: hash}
}

func (s *Service) limit(ctx context.Context, key string, limit int, per time.Duration, now time.Time) error {
	wait, err := s.Limits.Take(ctx, key, limit, per, now)
	if err != nil {
		return err
	}
	if wait > 0 {
		return fault.New(fault.Limited, "fault.limited.after", fault.Args{"After": wait})
	}
	return nil
}

// Authenticate reads the session of a browser. Fault SignIn when it is unknown, ended or lapsed.
// The last use is written at most once a minute.
func (s *Service) Authenticate(ctx context.Context, token string) (Auth, error) {
	now := s.Now()
	refused := fault.New(fault.SignIn, "fault.sign_in", nil)
	if token == "" {
		return Auth{}, refused
	}
	ses, a, err := s.Store.Authenticated(ctx, secret.HashToken(token))
	switch {
	case fault.Is(err, fault.NotFound):
		return Auth{}, refused
	case err != nil:
		return Auth{}, err
	case !ses.Live(now, s.Policy), a.State == account.Closed:
		return Auth{}, refused
	}
	if now.Sub(ses.SeenAt) >= touchEvery(s.Policy) {
		if err := s.Store.TouchSession(ctx, ses.ID, now); err != nil {
			return Auth{}, err
		}
		ses.SeenAt = now
	}
	return Auth{Session: ses, Account: a, Gate: gateOf(ses, a)}, nil
}

// List reads where the person is signed in, and the browsers remembered.
func (s *Service) List(ctx context.Context, auth Auth) ([]Session, []Device, error) {
	now := s.Now()
	sessions, err := s.Store.Sessions(ctx, auth.Account.ID)
	if err != nil {
		return nil, nil, err
	}
	sessions = slices.DeleteFunc(sessions, func(x Session) bool { return !x.Live(now, s.Policy) })
	devices, err := s.Store.Devices(ctx, auth.Account.ID)
	return sessions, devices, err
}

// SignOut ends the session itself. A session that ended meanwhile is no fault.
func (s *Service) SignOut(ctx context.Context, act effect.Act, auth Auth) error {
	err := s.end(ctx, act, auth.Session, WhySignOut)
	if fault.Is(err, fault.Conflict) {
		return nil
	}
	return err
}

// End ends another session of the same person. Fault NotFound also for a session of somebody else.
func (s *Service) End(ctx context.Context, act effect.Act, auth Auth, sessionID string) error {
	sessions, _, err := s.List(ctx, auth)
	if err != nil {
		return err
	}
	for _, x := range sessions {
		if x.ID == sessionID {
			return s.end(ctx, act, x, WhyEnded)
		}
	}
	return fault.New(fault.NotFound, "fault.not_found", nil)
}

func (s *Service) end(ctx context.Context, act effect.Act, before Session, why string) error {
	now := s.Now()
	after := before
	after.EndedAt, after.EndedWhy = now, why
	return s.commit(ctx, act, now, Change{Before: &before, After: &after},
		effect.DropCodes{Bound: before.ID},
		record("session.ended", "session:"+before.ID, map[string]string{"why": why, "device": before.Device}, before.Account),
	)
}

// SignOutEverywhere ends every session, pending sign-in and remembered browser of the person;
// keepThis leaves the session it was asked from. Other systems are told.
func (s *Service) SignOutEverywhere(ctx context.Context, act effect.Act, auth Auth, keepThis bool) error {
	now := s.Now()
	except := ""
	if keepThis {
		except = auth.Session.ID
	}
	id := auth.Account.ID
	return s.commit(ctx, act, now, Change{},
		effect.EndSessions{Account: id, Except: except, Why: WhyEverywhere, Devices: true, Asked: true},
		effect.TellSystems{Account: id, What: "session-revoked", Why: WhyEverywhere},
		record("session.ended_everywhere", "account:"+id, nil, id),
		effect.Send{Kind: "session.ended_everywhere", To: id, Via: effect.All(), Args: map[string]string{"at": now.UTC().Format(time.RFC3339)}},
	)
}

// ForgetDevice makes a remembered browser a new one again. Fault NotFound also for somebody else's.
func (s *Service) ForgetDevice(ctx context.Context, act effect.Act, auth Auth, deviceID string) error {
	devices, err := s.Store.Devices(ctx, auth.Account.ID)
	if err != nil {
		return err
	}
	for _, d := range devices {
		if d.ID == deviceID {
			return s.commit(ctx, act, s.Now(), Change{EndDevice: &d},
				record("device.forgotten", "device:"+d.ID, map[string]string{"device": d.Words}, d.Account))
		}
	}
	return fault.New(fault.NotFound, "fault.not_found", nil)
}

// issue makes a code for the account's own phone: the purpose and the object are in its hash.
func (s *Service) issue(purpose secret.Purpose, bound string, a account.Account, now time.Time) ([]effect.Effect, error) {
	code, err := secret.Code(purpose)
	if err != nil {
		return nil, err
	}
	id, until := account.NewID(), now.Add(s.Policy.CodeTTL)
	return []effect.Effect{
		effect.IssueCode{
			ID: id, Purpose: string(purpose), Bound: bound, Account: a.ID, Phone: a.Phone,
			Hash: s.Keys.HashCode(purpose, bound, code), ExpiresAt: until, DayLimit: s.Policy.SignInCodesDay,
		},
		effect.Send{
			Kind: string(purpose) + ".code", To: a.ID, Via: []effect.Channel{effect.SMS},
			Args: map[string]string{"code": code}, NotAfter: until, Key: "code:" + id,
		},
	}, nil
}

// limitTOTP bounds how often the code generator may be asked for, all sign-ins and step-ups together.
func (s *Service) limitTOTP(ctx context.Context, a account.Account, now time.Time) error {
	return s.limit(ctx, "totp:second:"+a.ID, s.Policy.SignInCodesDay, 24*time.Hour, now)
}

func busy(err error) error {
	if errors.Is(err, secret.ErrBusy) {
		return fault.New(fault.Busy, "fault.busy", nil).Because(err)
	}
	return err
}

func record(kind, object string, facts map[string]string, subjects ...string) effect.Record {
	return effect.Record{Kind: kind, Object: object, Subjects: subjects, Facts: facts}
}
