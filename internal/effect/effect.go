// Package effect says, as plain data, what a decision wants done. The pure machines (account,
// session, trust, recovery) return effects; the store applies them in the one transaction that
// also writes the changed state, so that nothing is done which was not decided, and nothing
// decided is left undone. Effects are never calls: a test reads them.
package effect

import "time"

// ActorKind says who moved.
type ActorKind string

// Who may move.
const (
	Person    ActorKind = "person"    // a signed-in person; ID is the account
	Applicant ActorKind = "applicant" // whoever sits at the browser that started a recovery or a registration; no ID
	Operator  ActorKind = "operator"  // ID is the operator; Office is set
	System    ActorKind = "system"    // a timer, an import, a command
)

// Act describes who acts, from where, and on whose request: it goes into every event.
type Act struct {
	Actor     ActorKind
	ID        string // account or operator id, empty for Applicant and System
	Office    string // operator's office
	Area      string // network address area, for example "91.221.0.0/16": never a full address
	Device    string // plain words such as "Chrome, Android"
	RequestID string
}

// Effect is one thing to be done in the deciding transaction.
type Effect interface{ effect() }

// Record writes one event. Exactly one Record goes with each change of state (I7).
type Record struct {
	Kind     string            // "recovery.approved": noun.past-participle; the locale key is "event."+Kind
	Object   string            // "recovery:<id>"
	Subjects []string          // accounts whose history shows it, the first is the one concerned
	Facts    map[string]string // safe to show to every subject: no codes, no phones
}

// Channel is a way to reach a person.
type Channel string

// The channels. All means every channel the account has.
const (
	SMS   Channel = "sms"
	Email Channel = "email"
	Push  Channel = "push"
)

// All is every channel: the list for security notices.
func All() []Channel { return []Channel{SMS, Email, Push} }

// Send puts messages into the outbox: one row per channel that the account really has.
// Args may hold a secret (a code): the whole of Args is sealed at rest and wiped after delivery.
type Send struct {
	Kind     string            // message kind, see package notify
	To       string            // account id; its current address of each channel is taken inside the transaction
	Via      []Channel         //
	Address  string            // when set: this address instead of the account's (one channel only)
	Nobody   bool              // costs the database what a message costs, and goes to nobody: strangers must not see the difference
	Locale   string            // only with Address and no To: "ru" or "en"
	Args     map[string]string //
	NotAfter time.Time         // zero: no bound; otherwise never delivered later than this
	Key      string            // idempotency key, unique per (Key, channel); empty: a new random one
}

// Arm sets (or moves) the one timer of that kind for the object. It comes back as an ordinary event.
type Arm struct {
	Timer  string // "recovery.expire"
	Object string // bare id
	At     time.Time
}

// Disarm removes that timer; a timer that does not exist is no error.
type Disarm struct {
	Timer  string
	Object string
}

// IssueCode stores a one-time code's keyed hash. Older live codes of the same Purpose and Bound end.
// Only one code lives on one phone while an approval code lives there (the reverse attack, T04):
// the store refuses with fault key "fault.code.other_live".
type IssueCode struct {
	ID        string
	Purpose   string // a secret.Purpose
	Bound     string // the object the code is for: a recovery, a session, an approval
	Account   string // empty for a registration
	Phone     string // E.164 the code goes to, or another name of whatever codes are counted for; only its keyed hash is stored
	Hash      []byte
	ExpiresAt time.Time
	Pause     time.Duration // least time since the last code of this purpose for this object, exact under a race ("fault.code.too_soon"); 0: none
	DayLimit  int           // codes of this purpose this phone may get in 24 h, exact under a race ("fault.code.too_many"); 0: not counted

	// Quiet: another code that lives on the phone, the day's limit and the share refuse nobody. The same rows are written,
	// but as of Muted, and the Send whose Key is ID, or "code:" and ID, goes to nobody. Strangers must not see the difference.
	Quiet bool
	Share Share // only with Quiet

	// Hidden: an approval code that lives on the phone refuses nobody either, and the code is Muted instead: whoever asks for it may
	// be a stranger to the phone, and must not learn that its owner is approving something just now. The day's limit is told,
	// because it counts nothing but what was asked for in this way.
	Hidden bool
}

// Share bounds how many quiet codes one asker gets of what everybody together may have. The zero Share bounds nothing.
type Share struct {
	Name, Subject string // of the limit that is counted
	Most          int
	Per           time.Duration
	CountOnly     bool // it is counted, and mutes nothing
}

// Muted is the code in all that the database sees of it, and good for nothing: it is counted for no phone, and hash is
// of something that nobody knows. Codes that were never sent must not give more guesses than those that were (T27).
func (c IssueCode) Muted(hash []byte) IssueCode {
	c.Phone, c.DayLimit, c.Hash = "nobody:"+c.Bound, 0, hash
	return c
}

// UseCode burns a live code: exactly one row, or the whole commit is refused (fault key "fault.code.used").
type UseCode struct{ ID string }

// DropCodes ends every live code bound to the object.
type DropCodes struct{ Bound string }

// DropApprovalCodes ends every live code of one request to a contact, whichever session it was for: while one lives,
// no other code may go to his phone.
type DropApprovalCodes struct{ Approval string }

// SetPassword replaces the password hash and marks the change; nothing else may change it.
type SetPassword struct {
	Account    string
	Hash       string
	MustChange bool // a temporary password on paper
}

// EndSessions ends every session, pending sign-in and refresh token of the account, but Except.
type EndSessions struct {
	Account string
	Except  string // session id to keep, or empty
	Why     string // "recovery", "freeze", "sign_out_everywhere", ...
	Devices bool   // remembered devices too
	Asked   bool   // a sign-in among them may wait for the contacts, and nothing else of this decision ends their question
}

// LockRecovery closes online recovery until the time (never moves it earlier).
type LockRecovery struct {
	Account string
	Until   time.Time
}

// Freeze closes sign-in, recovery and other systems for the account until Thaw.
type Freeze struct {
	Account string
	Reason  string // "contact_fraud", "self", "notice", "operator"
}

// Thaw lifts a freeze.
type Thaw struct{ Account string }

// BeginHold opens the period after a recovery in which dangerous actions are closed,
// and marks the account as recovered.
type BeginHold struct {
	Account string
	At      time.Time
	Until   time.Time
}

// PurgePending ends what may have been planted before a recovery: pending changes, unanswered invitations.
type PurgePending struct{ Account string }

// ConfirmPhone notes that a code sent to the account's current phone was entered at that time.
type ConfirmPhone struct {
	Account string
	At      time.Time
	Lapsed  bool // it was not current any more: whomever he guards is told at once that he can answer again
}

// TellSystems tells every relying party of the account (other information systems).
type TellSystems struct {
	Account string
	What    string // "recovery-activated", "session-revoked", "account-disabled", ...
	Why     string // what brought it about, one word: "recovery", "password", "contact_fraud", ...; may be empty
}

// ChangePhone makes the number the account's own, verified at this moment by a code sent to it.
// Exactly one open account, or the whole commit is refused; so it is when somebody else owns the number.
type ChangePhone struct {
	Account string
	Phone   string // E.164
}

// LosePhone takes the number from the account that owned it: another one verified it.
type LosePhone struct {
	Account string
	Phone   string // E.164; the commit is refused when it is the account's own no longer
}

// NoteSIM notes that the SIM of the account's number was changed at that time; never an earlier one than is known.
type NoteSIM struct {
	Account string
	Phone   string // E.164; the commit is refused when it is the account's own no longer
	At      time.Time
}

// RemoveFactor switches the account's code generator off.
type RemoveFactor struct{ Account string }

// SetQuorum sets how many contacts must approve: 1 or 2.
type SetQuorum struct {
	Account string
	Quorum  int
}

// CloseAccount closes an open account for good: its identifiers are free for others, and of its data
// only the events stay, with the given name where another person's list of contacts shows it.
type CloseAccount struct{ Account string }

// TellGuardians sends a notice to every contact who guards the account, in the role of the contact,
// unless the account's switch of that name is off. The contact reads the principal's polite name.
type TellGuardians struct {
	Account string
	Guard   string            // a trust.GuardName
	Kind    string            // message kind with a text for the contact
	Args    map[string]string // the name and the role are added
	Key     string
}

func (Record) effect()            {}
func (Send) effect()              {}
func (Arm) effect()               {}
func (Disarm) effect()            {}
func (IssueCode) effect()         {}
func (UseCode) effect()           {}
func (DropCodes) effect()         {}
func (SetPassword) effect()       {}
func (EndSessions) effect()       {}
func (LockRecovery) effect()      {}
func (Freeze) effect()            {}
func (Thaw) effect()              {}
func (BeginHold) effect()         {}
func (PurgePending) effect()      {}
func (ConfirmPhone) effect()      {}
func (TellSystems) effect()       {}
func (ChangePhone) effect()       {}
func (LosePhone) effect()         {}
func (NoteSIM) effect()           {}
func (RemoveFactor) effect()      {}
func (SetQuorum) effect()         {}
func (CloseAccount) effect()      {}
func (TellGuardians) effect()     {}
func (DropApprovalCodes) effect() {}
