package ui

import "time"

// AccountHome is «Профиль»: who the person is, and the ways to the sections.
type AccountHome struct {
	News     Notice // what was just done; may be empty
	Warning  Notice // what should be done soon; may be empty
	Person   string
	Level    Badge
	Means    Text // what the level means, in plain words
	HasEmail bool
	Facts    Facts
	Invite   bool // nobody guards the account, and the person may appoint somebody
	Raise    NavLink
	Cards    []SectionCard
}

// Template is the page's file.
func (AccountHome) Template() string { return "account_home.html" }

// Title is the page's title.
func (AccountHome) Title() Text { return K("account.title") }

// AccountDocument asks for the data that raise an account to the standard level.
type AccountDocument struct {
	Errors      Errors
	Birth       TextField
	Citizenship Select // of ISO 3166 alpha-3 codes
	SNILS       TextField
	Kind        Radios
	Number      TextField
}

// Template is the page's file.
func (AccountDocument) Template() string { return "account_document.html" }

// Title is the page's title.
func (AccountDocument) Title() Text { return K("account.document.title") }

// AccountLevel explains the levels and how to reach the highest.
type AccountLevel struct {
	Steps Timeline
	Next  NavLink // what to do now; may be empty
	At    bool    // the account is confirmed
}

// Template is the page's file.
func (AccountLevel) Template() string { return "account_level.html" }

// Title is the page's title.
func (AccountLevel) Title() Text { return K("account.level.title") }

// AccountEmail asks for an e-mail address.
type AccountEmail struct {
	Errors Errors
	Hold   time.Time // closed until then; zero: open
	Old    string    // masked; empty: none
	Email  TextField
}

// Template is the page's file.
func (AccountEmail) Template() string { return "account_email.html" }

// Title is the page's title.
func (AccountEmail) Title() Text { return K("account.email.title") }

// AccountEmailSent tells that the letter is on its way.
type AccountEmailSent struct {
	Life time.Duration
}

// Template is the page's file.
func (AccountEmailSent) Template() string { return "account_email_sent.html" }

// Title is the page's title.
func (AccountEmailSent) Title() Text { return K("account.email.sent.title") }

// AccountEmailVerify is where the link of the letter leads: nothing happens until a button is pressed.
type AccountEmailVerify struct {
	Email string // masked
	Token string // of the link, for the form
	Done  bool
	Home  string
}

// Template is the page's file.
func (AccountEmailVerify) Template() string { return "account_email_verify.html" }

// Title is the page's title.
func (p AccountEmailVerify) Title() Text {
	if p.Done {
		return K("account.email.done.title")
	}
	return K("account.email.verify.title")
}
