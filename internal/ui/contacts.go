package ui

import "time"

// ContactCard is one link: the other person, what it means now, and what can be done.
type ContactCard struct {
	Name  Text
	Badge Badge
	Note  Text   // what the state means
	Why   []Text // reasons of a suspension
	Since Text   // may be empty
	More  Text   // may be empty
	Links []NavLink
}

// Initial is the letter on the card.
func (c ContactCard) Initial() string { return PersonCard{Name: c.Name.plain}.Initial() }

// ContactsHome is «Доверенный контакт»: requests first, then invitations, who guards me and whom I guard.
type ContactsHome struct {
	Done        Notice
	Requests    []Notice
	Invitations []Notice
	Guards      []ContactCard
	Empty       EmptyState // instead of Guards
	Guarded     bool       // somebody accepted: there is whom to rehearse with
	CanAdd      bool
	Why         []Text    // why nobody can be added now
	Ways        []NavLink // what to do about it
	Guarding    []ContactCard
	Former      Rows
}

// Template is the page's file.
func (ContactsHome) Template() string { return "contacts_home.html" }

// Title is the page's title.
func (ContactsHome) Title() Text { return K("contacts.home.title") }

// ContactAdd asks whom to invite.
type ContactAdd struct {
	Errors Errors
	Why    []Text // every rule that refused the invitation
	Name   TextField
	Phone  TextField
	Life   time.Duration // of the invitation
}

// Template is the page's file.
func (ContactAdd) Template() string { return "contacts_add.html" }

// Title is the page's title.
func (ContactAdd) Title() Text { return K("contacts.add.title") }

// ContactCannot says why nobody can be invited now, before a form is filled in for nothing.
type ContactCannot struct {
	Why  []Text
	Ways []NavLink // what to do about it
}

// Template is the page's file.
func (ContactCannot) Template() string { return "contacts_cannot.html" }

// Title is the page's title.
func (ContactCannot) Title() Text { return K("contacts.cannot.title") }

// ContactSent follows every invitation, whoever it names.
type ContactSent struct {
	Life     time.Duration // of the invitation
	Settling time.Duration // of a fresh link
}

// Template is the page's file.
func (ContactSent) Template() string { return "contacts_sent.html" }

// Title is the page's title.
func (ContactSent) Title() Text { return K("contacts.sent.title") }

// ContactConfirm is one act on one link that needs no choice: withdraw, stop a removal, resign.
type ContactConfirm struct {
	Heading Text
	Words   []Text
	Warning Notice
	Button  Text
	Danger  bool // the button takes protection away
	Keep    Text // words of the link that changes nothing
}

// Template is the page's file.
func (ContactConfirm) Template() string { return "contacts_confirm.html" }

// Title is the page's title.
func (p ContactConfirm) Title() Text { return p.Heading }

// ContactRemove asks how to remove a contact.
type ContactRemove struct {
	Errors Errors
	Name   Text
	Delay  Delayed
	Tell   Radios
	Path   string // address of this page
	AtOnce string // address of the removal that a contact approves; empty: not offered
}

// Template is the page's file.
func (ContactRemove) Template() string { return "contacts_remove.html" }

// Title is the page's title.
func (p ContactRemove) Title() Text { return K("contacts.remove.title", "Name", p.Name) }

// ContactRehearsal offers a rehearsal, or shows the one that waits for the contact.
type ContactRehearsal struct {
	Wait    time.Duration // how long a request waits
	Waiting bool
	Until   time.Time
	Match   MatchNumber // empty in every browser but the one that started it
	Last    Notice      // how the newest one went; empty: nothing to say
}

// Template is the page's file.
func (ContactRehearsal) Template() string { return "contacts_rehearsal.html" }

// Title is the page's title.
func (ContactRehearsal) Title() Text { return K("contacts.rehearsal.title") }
