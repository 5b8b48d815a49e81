package ui

import "time"

// Home is the first page of the service.
type Home struct {
	Person   string // whoever is signed in; empty: nobody
	SignIn   string
	Register string
}

// Template is the page's file.
func (Home) Template() string { return "home_start.html" }

// Title is the page's title.
func (Home) Title() Text { return K("home.title") }

// Cards lead to what people come for.
func (p Home) Cards() []SectionCard {
	cards := []SectionCard{
		{Icon: "key-round", Title: K("home.card.recovery"), Text: K("home.card.recovery.text"), Href: "/recovery"},
		{Icon: "users", Title: K("home.card.contact"), Text: K("home.card.contact.text"), Href: "/settings/safety/trusted-contacts"},
		{Icon: "shield-alert", Title: K("home.card.not_me"), Text: K("home.card.not_me.text"), Href: "/safety/not-me"},
	}
	if p.Person == "" {
		cards = append(cards, SectionCard{Icon: "user-plus", Title: K("home.card.register"), Text: K("home.card.register.text"), Href: p.Register})
	}
	return cards
}

// Help is the short page of help.
type Help struct{}

// Template is the page's file.
func (Help) Template() string { return "home_help.html" }

// Title is the page's title.
func (Help) Title() Text { return K("home.help.title") }

// LandingContact explains the trusted contact: to whom, how, and what nobody will ever ask.
type LandingContact struct {
	Site         string // "https://…", without a slash at the end
	Parts        []LandingPart
	Large        bool // shown in large letters
	PrincipalAge int  // full years
	ContactAge   int
	MaxContacts  int
	Invitation   time.Duration
	Settling     time.Duration
	Wait         time.Duration
	Lock         time.Duration
	Leaving      time.Duration
	Hold         time.Duration
}

// LandingPart is a heading of the campaign's checked text with its statements.
type LandingPart struct {
	Title      Text
	Statements []Text
	Steps      bool
}

// Template is the page's file.
func (LandingContact) Template() string { return "landing_contact.html" }

// Title is the page's title.
func (LandingContact) Title() Text { return K("landing.contact.title") }
