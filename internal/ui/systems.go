package ui

import "time"

// SystemConsent asks whether another information system may have what it asks for.
type SystemConsent struct {
	Name   string // of the system
	Host   string // where the browser goes
	Known  bool   // agreed before, and more is asked for now
	Closed bool   // something is closed until the hold is over
	Hands  []Text // what is handed over, a line each
	Until  time.Time
	Step   string // signed
}

// Template is the page's file.
func (SystemConsent) Template() string { return "systems_consent.html" }

// Title is the page's title.
func (p SystemConsent) Title() Text { return K("systems.consent.title", "System", p.Name) }

// SystemOnward leads on by itself: a page between a form and the way to another system.
type SystemOnward struct{ To string }

// Template is the page's file.
func (SystemOnward) Template() string { return "systems_onward.html" }

// Title is the page's title.
func (SystemOnward) Title() Text { return K("systems.onward.title") }

// Hidden is one field of a form that people do not see.
type Hidden struct{ Name, Value string }

// SystemPost carries an answer to another system by a form, with a button for whoever has no scripts.
type SystemPost struct {
	Action string
	Host   string
	Fields []Hidden
}

// Template is the page's file.
func (SystemPost) Template() string { return "systems_post.html" }

// Title is the page's title.
func (SystemPost) Title() Text { return K("systems.onward.title") }

// SystemSignOut asks whether to sign out here too.
type SystemSignOut struct {
	Name string // of the system that sent the reader; empty: nobody in particular
	Step string // signed
}

// Template is the page's file.
func (SystemSignOut) Template() string { return "systems_sign_out.html" }

// Title is the page's title.
func (SystemSignOut) Title() Text { return K("systems.sign_out.title") }

// SystemAgreed is one consent of the list.
type SystemAgreed struct {
	ID    string
	Name  string
	Since time.Time
	Until time.Time
	Hands []Text
}

// SystemConsents lists what was agreed to.
type SystemConsents struct {
	News   Notice
	Agreed []SystemAgreed
	Empty  EmptyState
}

// Template is the page's file.
func (SystemConsents) Template() string { return "systems_consents.html" }

// Title is the page's title.
func (SystemConsents) Title() Text { return K("systems.consents.title") }
