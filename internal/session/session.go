package session

import (
	"time"

	"doverie/internal/account"
	"doverie/internal/policy"
)

// Kind says what a session is good for.
type Kind string

// The kinds.
const (
	Full       Kind = "full"
	Restricted Kind = "restricted" // begun on a frozen account; stays so when the freeze is lifted
)

// Method is a second factor.
type Method string

// The methods. NoMethod: none asked for yet.
const (
	NoMethod Method = ""
	SMS      Method = "sms"
	TOTP     Method = "totp"

	// ByPasskey is never chosen from a list: a key answers beside whatever else is asked for.
	ByPasskey Method = "passkey"
)

// Why a session ended.
const (
	WhySignOut    = "sign_out"
	WhyEnded      = "ended_by_owner" // from another session's list
	WhyEverywhere = "sign_out_everywhere"
)

// Proof is a step-up under way: the password was right at BegunAt.
type Proof struct {
	Method  Method
	BegunAt time.Time
	CodeAt  time.Time // when the last SMS code was sent
	Tries   int
}

// Session is one signed-in browser. Zero times mean "never".
type Session struct {
	ID        string
	TokenHash []byte
	Account   string
	Kind      Kind
	AMR       []string // RFC 8176 names of what was proven: "pwd" and "sms", "otp" or "pop"; "pop", "user" and "mfa" of a passkey alone
	DeviceID  string   // remembered device, or empty
	Device    string   // plain words
	Area      string
	CreatedAt time.Time
	SeenAt    time.Time
	ExpiresAt time.Time
	StepUpAt  time.Time
	Proof     Proof
	EndedAt   time.Time
	EndedWhy  string
	Version   int64
}

// Live reports whether the session works at that time.
func (s Session) Live(now time.Time, p policy.Policy) bool {
	return s.EndedAt.IsZero() && now.Before(s.ExpiresAt) && now.Before(s.SeenAt.Add(p.SessionIdle))
}

// EndsAt is the moment at which the session ends if nobody uses it again.
func (s Session) EndsAt(p policy.Policy) time.Time {
	if idle := s.SeenAt.Add(p.SessionIdle); idle.Before(s.ExpiresAt) {
		return idle
	}
	return s.ExpiresAt
}

// touchEvery bounds how often the last use is written: once a minute, or oftener when idle
// sessions end sooner than in four minutes.
func touchEvery(p policy.Policy) time.Duration { return min(time.Minute, p.SessionIdle/4) }

// SignInState is where a sign-in stands.
type SignInState string

// The states of a sign-in.
const (
	SignInPending SignInState = "pending"
	SignInWaiting SignInState = "waiting" // both factors were right, and the contacts are asked
	SignInDone    SignInState = "done"
	SignInFailed  SignInState = "failed" // too many wrong codes
	SignInEnded   SignInState = "ended"  // by a freeze, a recovery, a new password
)

// SignIn is a sign-in whose password was right, or whose key was. It belongs to the browser that holds its token.
type SignIn struct {
	ID         string
	TokenHash  []byte
	Account    string
	State      SignInState
	Method     Method
	Tries      int
	DeviceID   string // remembered device whose cookie came along, or empty
	Device     string
	Area       string
	CreatedAt  time.Time
	ExpiresAt  time.Time
	CodeSentAt time.Time // zero: no SMS code yet
	Action     string    // of a waiting one: what the contacts are asked to approve
	AMR        []string  // of a waiting one: what was proven
	Remember   bool      // of a waiting one: remember the browser once it is in
	Version    int64
}

// Device is a browser that the person signed in from before.
type Device struct {
	ID          string
	Account     string
	TokenHash   []byte
	Words       string
	Area        string
	FirstSeenAt time.Time
	LastSeenAt  time.Time
	EndedAt     time.Time
}

// Gate is what a session must pass before anything else.
type Gate string

// The gates.
const (
	NoGate         Gate = ""
	FrozenGate     Gate = "frozen"
	MustChangeGate Gate = "must_change_password"
)

// Auth is a live session with its account.
type Auth struct {
	Session Session
	Account account.Account
	Gate    Gate
}

// Caller is what package account needs to know of the session.
func (a Auth) Caller() account.Caller {
	return account.Caller{Account: a.Account.ID, Session: a.Session.ID, SignedInAt: a.Session.CreatedAt, StepUpAt: a.Session.StepUpAt}
}

// SteppedUp reports whether password and second factor were proven again just now.
func (a Auth) SteppedUp(now time.Time, p policy.Policy) bool { return a.Caller().SteppedUp(now, p) }

// Fresh reports whether that, or the sign-in of this session itself, which proves the same, was just now.
func (a Auth) Fresh(now time.Time, p policy.Policy) bool {
	return a.SteppedUp(now, p) || now.Before(a.Session.CreatedAt.Add(p.StepUpTTL))
}

func gateOf(s Session, a account.Account) Gate {
	switch {
	case s.Kind != Full || a.State == account.Frozen:
		return FrozenGate
	case a.MustChangePassword:
		return MustChangeGate
	}
	return NoGate
}

// Methods lists the second factors by code the account has, the one to offer first in front.
// Passkeys are not among them: see account.Account.Passkeys.
func Methods(a account.Account) []Method {
	var m []Method
	if a.TOTP.Enrolled() {
		m = append(m, TOTP)
	}
	if a.PhoneOwned() {
		m = append(m, SMS)
	}
	return m
}

func amr(m Method) []string {
	if m == TOTP {
		return []string{"pwd", "otp"}
	}
	return []string{"pwd", "sms"}
}

// amrKeyAlone: a key held, its owner present and verified by the device.
func amrKeyAlone() []string { return []string{"pop", "user", "mfa"} }
