package ui

import "time"

// RecoveryStart asks whose access is to be recovered. It says the same whoever is named.
type RecoveryStart struct {
	Errors     Errors
	Identifier TextField
	SignIn     string // address of the sign-in
}

// Template is the page's file.
func (RecoveryStart) Template() string { return "recovery_start.html" }

// Title is the page's title.
func (RecoveryStart) Title() Text { return K("recovery.start.title") }

// RecoveryCode asks for the first code. Nothing on it depends on whom the identifier names, not even
// the channel: therefore the SNILS field is always there, folded away.
type RecoveryCode struct {
	Errors Errors
	Code   CodeField
	SNILS  TextField
	Open   bool // the SNILS field is in use
	Resent bool
	Life   time.Duration // of a code
	Pause  time.Duration // before a code is sent again
	Until  time.Time     // end of this step
}

// Template is the page's file.
func (RecoveryCode) Template() string { return "recovery_code.html" }

// Title is the page's title.
func (RecoveryCode) Title() Text { return K("recovery.code.title") }

// RecoveryWait shows the applicant that the contacts were asked.
type RecoveryWait struct {
	Names    Text // "Алексей или Марина"
	Match    MatchNumber
	AbleFrom time.Time // zero: a contact can answer at once
	Approved int
	Needed   int
	Steps    Timeline
	Until    time.Time
}

// Template is the page's file.
func (RecoveryWait) Template() string { return "recovery_wait.html" }

// Title is the page's title.
func (p RecoveryWait) Title() Text { return K("recovery.wait.title", "Names", p.Names) }

// RecoveryFinish asks for the second code.
type RecoveryFinish struct {
	Errors  Errors
	Guarded bool // a contact has said yes
	Sent    bool // the code was asked for: it can be typed now
	Resent  bool
	Code    CodeField
	Life    time.Duration
	Pause   time.Duration
	Until   time.Time
}

// Template is the page's file.
func (RecoveryFinish) Template() string { return "recovery_finish.html" }

// Title is the page's title.
func (RecoveryFinish) Title() Text { return K("recovery.finish.title") }

// RecoveryPassword asks for the new password.
type RecoveryPassword struct {
	Errors   Errors
	Early    time.Time // the password can be set from then on; zero: now
	Password PasswordField
	Until    time.Time
}

// Template is the page's file.
func (RecoveryPassword) Template() string { return "recovery_password.html" }

// Title is the page's title.
func (p RecoveryPassword) Title() Text {
	if !p.Early.IsZero() {
		return K("recovery.password.early.title")
	}
	return K("recovery.password.title")
}

// RecoveryDone tells that the password is new, and what stays closed for a while.
type RecoveryDone struct {
	Guarded bool
	Hold    time.Duration
	Until   time.Time // of the hold
	SignIn  string
}

// Template is the page's file.
func (RecoveryDone) Template() string { return "recovery_done.html" }

// Title is the page's title.
func (RecoveryDone) Title() Text { return K("recovery.done.title") }

// RecoveryEnd tells why a recovery ended without a new password, and what to do now.
type RecoveryEnd struct {
	Icon     string
	Heading  Text
	What     Text
	Next     []Text  // what to do now, first things first
	Again    bool    // a new recovery may be begun at once
	Action   NavLink // the best way on; may be empty
	InPerson bool    // the service centre helps
}

// Template is the page's file.
func (RecoveryEnd) Template() string { return "recovery_end.html" }

// Title is the page's title.
func (p RecoveryEnd) Title() Text { return p.Heading }
