package effect

import "time"

// SignInWaits makes a sign-in whose password and second factor were right wait for the contacts: exactly one
// row, or the whole commit is refused.
type SignInWaits struct {
	ID, Account string
	TokenHash   []byte // only of a sign-in by a key alone, which has no row yet; nil: it is pending
	Device      string // with TokenHash, as Area and At
	Area        string
	At          time.Time
	Action      string // the guarded action that it waits for
	AMR         []string
	Remember    bool // the browser, once it is in
	Until       time.Time
}

// OpenSession begins the session of a sign-in that waited, and ends the waiting: exactly one row, or the whole
// commit is refused.
type OpenSession struct {
	SignIn, Action string
	ID, Account    string
	TokenHash      []byte
	AMR            []string
	Device, Area   string
	At, Until      time.Time
	DeviceID       string // the browser is remembered from now on; empty: it is not
	DeviceHash     []byte
}

// UseStep burns one step of the account's code generator: exactly one row, and newer than the last one, or the whole
// commit is refused.
type UseStep struct {
	Account string
	Step    int64
}

// EndSignIn ends a sign-in that waits: exactly one row, or the whole commit is refused.
type EndSignIn struct{ ID string }

func (SignInWaits) effect() {}
func (OpenSession) effect() {}
func (EndSignIn) effect()   {}
func (UseStep) effect()     {}
