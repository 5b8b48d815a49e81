package effect

import "time"

// IssueChallenge stores what a passkey has to sign, in place of an older challenge of the same Purpose and Bound.
type IssueChallenge struct {
	ID        string
	Purpose   string // "register", "sign_in", "second", "step_up", "approval"
	Bound     string // the object the answer is for: a browser, a sign-in, a session, a request in a session
	Account   string // empty when the key itself names its owner
	Sealed    []byte // state of the ceremony
	ExpiresAt time.Time
}

// UseChallenge burns a live challenge: exactly one row, or the whole commit is refused (fault key "fault.passkey.used").
type UseChallenge struct{ ID, Purpose, Bound string }

// UsePasskey notes a use of a live passkey: exactly one row, or the whole commit is refused. Its count must go up,
// unless the key does not count. Alone: it must not be older than the newest recovery of the account.
type UsePasskey struct {
	ID, Account string
	SignCount   int64
	Sealed      []byte // replaces the record
	Synced      bool
	Alone       bool
}

// MarkFactorChanged notes that the account's second factor changed.
type MarkFactorChanged struct{ Account string }

func (IssueChallenge) effect()    {}
func (UseChallenge) effect()      {}
func (UsePasskey) effect()        {}
func (MarkFactorChanged) effect() {}
