package desk

import (
	"slices"
	"time"

	"doverie/internal/policy"
)

// Role says what an operator may do.
type Role string

// The roles.
const (
	Clerk         Role = "operator"
	Senior        Role = "senior"
	Auditor       Role = "auditor"
	Administrator Role = "administrator"
)

// Roles lists them in the order of a form.
func Roles() []Role { return []Role{Clerk, Senior, Auditor, Administrator} }

// Serves tells whether the role sees people and acts on their accounts.
func (r Role) Serves() bool { return r == Clerk || r == Senior }

// StaffState is where an operator's own record stands.
type StaffState string

// The states of an operator.
const (
	Invited   StaffState = "invited" // has a one-time code, and no key yet
	Active    StaffState = "active"
	Suspended StaffState = "suspended"
)

// Office is a place where people are seen.
type Office struct {
	ID, Name, Address string
	CreatedAt         time.Time
	ClosedAt          time.Time
	Version           int64
}

// Operator is one employee. Zero times mean "never".
type Operator struct {
	ID, Login, Name string
	Office          string // id
	OfficeName      string // read along, never written here
	OfficeClosed    bool   // read along
	Role            Role
	State           StaffState
	PasswordHash    string // only with TOTP: the second way in
	TOTP            []byte // sealed
	TOTPLastStep    int64
	EnrolHash       []byte
	EnrolUntil      time.Time
	Keys            int // live ones; read along
	CreatedAt       time.Time
	EnrolledAt      time.Time // when access was given, or given anew, for the last time
	Version         int64
}

// SettlesAt is from when on the operator may take part in an act of two operators. One administrator could make two
// operators for himself: until then others see them (Records.AccessGiven), and neither proposes, decides or prints.
func (o Operator) SettlesAt(p policy.Policy) time.Time { return o.EnrolledAt.Add(p.OperatorSettling) }

// Settled tells whether that time has come.
func (o Operator) Settled(now time.Time, p policy.Policy) bool { return !now.Before(o.SettlesAt(p)) }

// Works tells whether the operator may act at all.
func (o Operator) Works() bool { return o.State == Active && !o.OfficeClosed }

// Is tells whether the operator has one of the roles.
func (o Operator) Is(roles ...Role) bool { return slices.Contains(roles, o.Role) }

// Key is one key of an operator.
type Key struct {
	ID, Operator string
	Credential   []byte
	Sealed       []byte
	SignCount    int64
	CreatedAt    time.Time
	UsedAt       time.Time
	EndedAt      time.Time
}

// How an operator signed in.
const (
	ByPasskey = "passkey"
	ByTOTP    = "totp"
)

// Session is one signed-in browser of an operator.
type Session struct {
	ID        string
	TokenHash []byte
	Operator  string
	Way       string
	Device    string
	Area      string
	CreatedAt time.Time
	SeenAt    time.Time
	ExpiresAt time.Time
	EndedAt   time.Time
}

// Live tells whether the session works at that time.
func (s Session) Live(now time.Time, p policy.Policy) bool {
	return s.EndedAt.IsZero() && now.Before(s.ExpiresAt) && now.Before(s.SeenAt.Add(p.OperatorIdle))
}
