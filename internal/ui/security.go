package ui

import (
	"html/template"
	"time"
)

// SecurityHome is «Безопасность»: everything that guards the account, on one page.
type SecurityHome struct {
	News  Notice
	Hold  time.Time // dangerous actions are closed until then; zero: open
	Guard SectionCard
	Cards []SectionCard
}

// Template is the page's file.
func (SecurityHome) Template() string { return "security_home.html" }

// Title is the page's title.
func (SecurityHome) Title() Text { return K("security.title") }

// SecurityPassword changes the password.
type SecurityPassword struct {
	Errors Errors
	Must   bool // a temporary password from paper must be replaced
	Old    PasswordField
	New    PasswordField
}

// Template is the page's file.
func (SecurityPassword) Template() string { return "security_password.html" }

// Title is the page's title.
func (p SecurityPassword) Title() Text {
	if p.Must {
		return K("security.password.must.title")
	}
	return K("security.password.title")
}

// TOTPKey is the key of a code generator as it is shown once.
type TOTPKey struct {
	Text string       // base 32 in groups of four
	URI  template.URL // otpauth://
	Size int          // modules of the picture's side
	Path string       // the dark modules as an SVG path
}

// SecurityTOTP connects an application that shows codes, or disconnects it.
type SecurityTOTP struct {
	Errors  Errors
	On      time.Time // connected since; zero: not connected
	Key     TOTPKey   // of a connection that has just begun
	Waiting bool      // the key was shown, its first code is awaited
	Life    time.Duration
	Code    CodeField
}

// Template is the page's file.
func (SecurityTOTP) Template() string { return "security_totp.html" }

// Title is the page's title.
func (SecurityTOTP) Title() Text { return K("security.totp.title") }

// SignedIn is one browser that is signed in, or is remembered.
type SignedIn struct {
	ID      string
	Icon    string
	Device  Text
	Current bool
	Facts   Facts
}

// SessionsList shows where the person is signed in.
type SessionsList struct {
	News     Notice
	Sessions []SignedIn
	Devices  []SignedIn
	Others   bool   // there is more than this browser
	Asked    Notice // of a sign-in that waits for the contacts; empty: none does
}

// Template is the page's file.
func (SessionsList) Template() string { return "sessions_list.html" }

// Title is the page's title.
func (SessionsList) Title() Text { return K("sessions.title") }
