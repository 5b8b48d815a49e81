package ui

import "time"

// GuardSwitch is one thing that contacts guard, or not.
type GuardSwitch struct {
	Name   string // part of the addresses of its forms
	Title  Text
	Text   Text
	Badge  Badge
	On     bool      // in force, falling included
	OffAt  time.Time // falling until then; zero: it stays
	Closed bool      // cannot be switched on now
}

// GuardsHome is «Что защищает контакт».
type GuardsHome struct {
	News     Notice
	Hold     time.Time // switching off is closed until then; zero: open
	Alone    bool      // nobody guards the person
	Switches []GuardSwitch
}

// Template is the page's file.
func (GuardsHome) Template() string { return "guards_home.html" }

// Title is the page's title.
func (GuardsHome) Title() Text { return K("guards.title") }

// GuardsOff asks whether a guard is to be switched off, and says when it would be.
type GuardsOff struct {
	Name  string
	What  Text
	Delay Delayed
}

// Template is the page's file.
func (GuardsOff) Template() string { return "guards_off.html" }

// Title is the page's title.
func (GuardsOff) Title() Text { return K("guards.off.title") }

// ActionWaiting is a guarded action of the person's own that waits for the contacts.
type ActionWaiting struct {
	Kind     string
	Until    time.Time
	Match    MatchNumber // empty in every browser but the one that started it
	Contacts string      // first names
	Cancel   string      // address that ends it
	Self     string      // address of this page
}

// Template is the page's file.
func (ActionWaiting) Template() string { return "guards_waiting.html" }

// Title is the page's title.
func (ActionWaiting) Title() Text { return K("guards.waiting.title") }

// RemovalAsk offers to ask the contacts for a removal.
type RemovalAsk struct{ Kind string }

// Template is the page's file.
func (RemovalAsk) Template() string { return "guards_ask.html" }

// Title is the page's title.
func (p RemovalAsk) Title() Text { return K("guards.ask." + p.Kind + ".title") }

// RemovalFinish completes the approved removal of a contact.
type RemovalFinish struct {
	Name  string // empty: the link ended meanwhile
	Until time.Time
}

// Template is the page's file.
func (RemovalFinish) Template() string { return "guards_finish.html" }

// Title is the page's title.
func (RemovalFinish) Title() Text { return K("guards.finish.title") }

// RemovalOver says that no removal waits.
type RemovalOver struct{}

// Template is the page's file.
func (RemovalOver) Template() string { return "guards_over.html" }

// Title is the page's title.
func (RemovalOver) Title() Text { return K("guards.over.title") }

// PhoneForm asks for the new number.
type PhoneForm struct {
	Errors   Errors
	Hold     time.Time // closed until then; zero: open
	Old      string    // masked; empty: none
	Contacts string    // who has to approve; empty: nobody
	Phone    TextField
}

// Template is the page's file.
func (PhoneForm) Template() string { return "phone_form.html" }

// Title is the page's title.
func (PhoneForm) Title() Text { return K("phone_change.title") }

// PhoneCode is the last step of a change of phone: the code that goes to the new number.
type PhoneCode struct {
	Errors   Errors
	Approved bool   // a contact approved it
	SentTo   string // masked
	Sent     bool   // a code is on its way
	Until    time.Time
	Code     CodeField
}

// Template is the page's file.
func (PhoneCode) Template() string { return "phone_code.html" }

// Title is the page's title.
func (PhoneCode) Title() Text { return K("phone_change.title") }

// PhoneOver says that the phone was changed, or that no change is under way.
type PhoneOver struct{ Done bool }

// Template is the page's file.
func (PhoneOver) Template() string { return "phone_over.html" }

// Title is the page's title.
func (p PhoneOver) Title() Text {
	if p.Done {
		return K("phone_change.done.title")
	}
	return K("phone_change.over.title")
}

// AccountClose asks whether the account is to be closed for good, or says why that is not possible now.
type AccountClose struct {
	Errors     Errors
	Hold       time.Time     // zero: no hold
	Guarded    bool          // somebody guards the account: he leaves first
	Leaves     []Text        // who leaves when
	AllLeave   bool          // nobody else guards
	Leaving    time.Duration // how long a removal takes
	Recovering bool          // somebody recovers the account just now
	Sure       Checkbox
}

// Template is the page's file.
func (AccountClose) Template() string { return "account_close.html" }

// Title is the page's title.
func (AccountClose) Title() Text { return K("account_close.title") }

// AccountClosed is the last page an account sees.
type AccountClosed struct{}

// Template is the page's file.
func (AccountClosed) Template() string { return "account_closed.html" }

// Title is the page's title.
func (AccountClosed) Title() Text { return K("account_close.done.title") }

// AccountExport offers the download of one's own data.
type AccountExport struct{}

// Template is the page's file.
func (AccountExport) Template() string { return "account_export.html" }

// Title is the page's title.
func (AccountExport) Title() Text { return K("account_export.title") }
