package account

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/policy"
	"doverie/internal/secret"
)

// Change is what one commit of this package writes. Every part is optional; together they are one
// transaction, and each guarded row must change exactly once or nothing is done (fault Conflict).
type Change struct {
	Rules string // version of the policy, for the events

	Before, After   *Account      // Before nil: After is a new account. The password is written only for a new one
	LostPhone       *Account      // loses the claim that its phone is its own
	NewRegistration *Registration //
	Registration    *Registration // before
	Registered      *Registration // after
	NewLink         *EmailLink    // ends an older live one
	UsedLink        *EmailLink    // must be live
	ImportBefore    *ImportRun    // nil: ImportAfter is a new one
	ImportAfter     *ImportRun
	Imported        []Account // new accounts of one batch
	GaveWay         []GaveWay // accounts that lose to them a SNILS which was only typed
}

// GaveWay is an account that is not confirmed, with the SNILS that it loses to whoever proved it: the account is
// simplified again. What was only typed gives way to what was proven.
type GaveWay struct{ Account, SNILS string }

// LostSNILS is what the owner of such an account is told, and reads in his history. key tells one such loss from another.
func LostSNILS(account, key string, now time.Time) []effect.Effect {
	return []effect.Effect{
		record("account.snils_lost", "account:"+account, nil, account),
		effect.Send{Kind: "account.snils_lost", To: account, Via: effect.All(), Key: key + ":snils_lost", Args: at(now)},
	}
}

// Taken is what of a new account another one has already.
type Taken struct {
	Fields []string // that cannot be had
	Typed  string   // the account, not confirmed, that has the SNILS; empty: none
}

// Store is what this package needs of the database.
type Store interface {
	// Account reads one account; fault NotFound.
	Account(ctx context.Context, id string) (Account, error)
	// FindAccount reads the account that an identifier names: an owned phone, a verified e-mail, a SNILS; fault NotFound.
	FindAccount(ctx context.Context, id Identifier) (Account, error)
	// Registration reads a registration by its token's hash; fault NotFound.
	Registration(ctx context.Context, tokenHash []byte) (Registration, error)
	// EmailLink reads a link by its token's hash; fault NotFound.
	EmailLink(ctx context.Context, tokenHash []byte) (EmailLink, error)
	// ImportRun reads the checkpoint of a file; fault NotFound.
	ImportRun(ctx context.Context, fileHash string) (ImportRun, error)
	// Taken names, for each account by its index, the fields ("snils", "phone", "email") that another open account has.
	Taken(ctx context.Context, accounts []Account) (map[int]Taken, error)
	// CommitAccount applies the change and the effects in one transaction.
	CommitAccount(ctx context.Context, act effect.Act, now time.Time, c Change, effects []effect.Effect) error
}

// Codes counts the tries of one-time codes.
type Codes interface {
	// TryCode counts one try, of maxTries, of the live code for the purpose and object, in a transaction
	// of its own, and then returns the code's id and hash and how many tries are left after this one.
	// Fault NotFound when there is no live code, or no try was left.
	TryCode(ctx context.Context, purpose, bound string, maxTries int, now time.Time) (id string, hash []byte, left int, err error)
}

// Limits is the durable rate limit.
type Limits interface {
	// Take counts one more of the key and says how long to wait; zero: go on.
	Take(ctx context.Context, key string, limit int, per time.Duration, now time.Time) (wait time.Duration, err error)
}

// Passwords is the slow hash; package secret has it.
type Passwords interface {
	Hash(ctx context.Context, password string) (string, error)
	Verify(ctx context.Context, hash, password string) (ok, needsRehash bool, err error)
}

// Service holds the acts of this package, one method a human act.
type Service struct {
	Store     Store
	Codes     Codes
	Limits    Limits
	Passwords Passwords
	Keys      *secret.Keyring
	Policy    policy.Policy
	Now       func() time.Time
	Issuer    string // name of the service in a code generator, for example "Доверие"
	// FactorGuarded tells whether contacts must approve that the last second factor but the SMS code goes;
	// nil: they never must.
	FactorGuarded func(ctx context.Context, account string) (bool, error)
}

// Caller is a signed-in person as package session vouches for him.
type Caller struct {
	Account    string
	Session    string
	SignedInAt time.Time
	StepUpAt   time.Time // zero: never in this session
}

// SteppedUp reports whether the caller proved password and second factor again just now.
func (c Caller) SteppedUp(now time.Time, p policy.Policy) bool {
	return !c.StepUpAt.IsZero() && now.Before(c.StepUpAt.Add(p.StepUpTTL))
}

// Profile reads the caller's own account.
func (s *Service) Profile(ctx context.Context, account string) (Account, error) {
	return s.Store.Account(ctx, account)
}

func (s *Service) requireStepUp(c Caller, now time.Time) error {
	if !c.SteppedUp(now, s.Policy) {
		return fault.New(fault.StepUp, "fault.step_up", nil)
	}
	return nil
}

// dangerous loads the caller's account for an act that needs a step-up and is closed during the hold and a freeze.
func (s *Service) dangerous(ctx context.Context, c Caller, now time.Time) (Account, error) {
	if err := s.requireStepUp(c, now); err != nil {
		return Account{}, err
	}
	a, err := s.open(ctx, c.Account)
	if err != nil {
		return Account{}, err
	}
	if a.OnHold(now) {
		return Account{}, fault.New(fault.Refused, "fault.account.hold", fault.Args{"Until": a.HoldUntil})
	}
	return a, nil
}

// open loads an account that is neither frozen nor closed.
func (s *Service) open(ctx context.Context, id string) (Account, error) {
	a, err := s.Store.Account(ctx, id)
	if err != nil {
		return Account{}, err
	}
	switch a.State {
	case Open:
		return a, nil
	case Frozen:
		return Account{}, fault.New(fault.Refused, "fault.account.frozen", nil)
	default:
		return Account{}, fault.New(fault.NotFound, "fault.not_found", nil)
	}
}

func (s *Service) commit(ctx context.Context, act effect.Act, now time.Time, c Change, effects ...effect.Effect) error {
	c.Rules = s.Policy.Version
	return s.Store.CommitAccount(ctx, act, now, c, effects)
}

// passwordFault applies the rules for new passwords; nil when it is good.
func (s *Service) passwordFault(field, password string, own Account) *fault.Field {
	key := secret.CheckPassword(password, s.Policy.PasswordMin, s.Policy.PasswordMax, own.OwnWords())
	if key == secret.PasswordFine {
		return nil
	}
	return &fault.Field{Name: field, Key: key, Args: fault.Args{"Min": s.Policy.PasswordMin, "Max": s.Policy.PasswordMax}}
}

// limit turns a spent limit into a fault.
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

// busy tells people that too many passwords are being hashed.
func busy(err error) error {
	if errors.Is(err, secret.ErrBusy) {
		return fault.New(fault.Busy, "fault.busy", nil).Because(err)
	}
	return err
}

// NewID returns a fresh time-ordered id (RFC 9562 UUIDv7).
func NewID() string { return uuid.Must(uuid.NewV7()).String() }

// at is the moment as messages take it.
func at(now time.Time) map[string]string { return map[string]string{"at": now.Format(time.RFC3339)} }

func record(kind, object string, facts map[string]string, subjects ...string) effect.Record {
	return effect.Record{Kind: kind, Object: object, Subjects: subjects, Facts: facts}
}
