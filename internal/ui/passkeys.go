package ui

import "time"

// KeyButton asks the browser for a passkey. It is hidden until a script finds that the browser can do it; the
// zero KeyButton prints nothing. Template "key-button".
type KeyButton struct {
	Options  string // address that makes the options
	Finish   string // address that takes the key's answer
	Next     string // where to go afterwards; may be empty
	Make     bool   // a new key is made; otherwise one is used
	Lead     Text   // a sentence before the button
	Label    Text
	Name     TextField // of a new key
	Remember Checkbox  // of a sign-in; nameless: not asked
}

// PasskeyCard is one key in the list.
type PasskeyCard struct {
	Name  string
	Href  string
	Stale bool // older than the newest recovery: opens nothing alone
	Facts Facts
}

// PasskeysList shows the person's keys.
type PasskeysList struct {
	News  Notice
	Hold  time.Time // keys cannot be added or removed until then; zero: they can
	Keys  []PasskeyCard
	Empty EmptyState
}

// Template is the page's file.
func (PasskeysList) Template() string { return "passkeys_list.html" }

// Title is the page's title.
func (PasskeysList) Title() Text { return K("passkeys.title") }

// PasskeyAdd makes a new key.
type PasskeyAdd struct {
	Button KeyButton
	Quiet  time.Duration // in which the person cannot approve for others afterwards
}

// Template is the page's file.
func (PasskeyAdd) Template() string { return "passkeys_add.html" }

// Title is the page's title.
func (PasskeyAdd) Title() Text { return K("passkeys.add.title") }

// PasskeyOne renames, keeps or removes one key.
type PasskeyOne struct {
	Errors Errors
	Path   string
	Card   PasskeyCard
	Name   TextField
	Only   bool      // the last second factor: it stays
	Hold   time.Time // nothing dangerous until then; zero: open
}

// Template is the page's file.
func (PasskeyOne) Template() string { return "passkeys_one.html" }

// Title is the page's title.
func (p PasskeyOne) Title() Text { return K("passkeys.one.title", "Name", p.Card.Name) }
