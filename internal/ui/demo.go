package ui

import "time"

// DemoStart is the first page of a demonstration: the story in numbered steps, the people, the clock.
type DemoStart struct {
	Principal, Contact DemoPerson
	People             []DemoPerson
	Password           string // everybody's
	Waterworks         string // address of the other system; empty: it is not there
	Employees          []DemoEmployee

	Settling, Leaving, Wait, Hold, Idle time.Duration
}

// Template names the page's file.
func (DemoStart) Template() string { return "demo_start.html" }

// Title is the page's name.
func (DemoStart) Title() Text { return K("demo.start.title") }

// DemoPerson is one of the demonstration's people.
type DemoPerson struct {
	Key, Name, Given    string
	Age                 int
	Role                Text
	Phone, SNILS, Email string // as they are shown
	Href                string // the person's phone
}

// DemoEmployee is somebody who works at the service desk, with what he signs in by.
type DemoEmployee struct {
	Name, Login string
	Role        Text
	Code        string // of his code generator at this moment
}

// DemoPhones is every phone and mailbox on one page.
type DemoPhones struct {
	Phones []DemoPhone
	Clock  bool // time can be set forward from here
}

// Template names the page's file.
func (DemoPhones) Template() string { return "demo_phones.html" }

// Title is the page's name.
func (DemoPhones) Title() Text { return K("demo.phones.title") }

// DemoPhonePage is one person's phone and mailbox.
type DemoPhonePage struct {
	Phone DemoPhone
}

// Template names the page's file.
func (DemoPhonePage) Template() string { return "demo_phone.html" }

// Title is the page's name.
func (p DemoPhonePage) Title() Text { return K("demo.phone.title", "Name", p.Phone.Name) }

// DemoPhone is a phone with its messages, newest first. Template "demo-phone".
type DemoPhone struct {
	Name, Number, Email string // Number and Email may be empty
	Href                string
	Messages            []DemoMessage
	More                int // older messages, shown on the phone's own page
}

// DemoMessage is one SMS, push message or e-mail.
type DemoMessage struct {
	Mail          bool
	From, Subject string
	Lines         []DemoLine
	At            time.Time
}

// DemoLine is one line of a message; Link is a path of this site, or empty.
type DemoLine struct{ Text, Link string }
