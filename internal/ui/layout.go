package ui

import "time"

// Page is one typed page of the service. Template names its file under templates/, Title says what the
// browser's tab and the reader's first heading are about.
type Page interface {
	Template() string
	Title() Text
}

// Layout is what surrounds a page. httpx fills it from the request; a handler may add to it.
type Layout struct {
	Lang      string    // the reader's language; Render sets it
	Path      string    // address of this page, where a switch of language comes back to
	Person    string    // short name of whoever is signed in; empty: nobody
	SignOut   string    // address the sign-out button posts to; empty: /sign-out
	Nav       []NavLink // sections; nil with a Person: the cabinet's own
	Section   string    // Href of the section in view
	Banners   []Notice  // pinned above the page: security news that must not be missed
	Clock     time.Time // set only in a demonstration with a clock of its own
	Refresh   int       // seconds after which a page without JavaScript asks again; 0: never
	Onward    string    // own address that the page leads to by itself, with or without scripts; empty: nowhere
	Live      string    // address of the event stream that tells the page to refresh; empty: none
	Failed    bool      // the form came back with errors: the tab's title says so
	BodyClass string    // "wide" for the operator's console and tables
	Place     Text      // set only where employees work: what this place is, above everything
	Home      string    // where the name of the service leads; empty: /
	Kept      Kept      // what a refused form showed: the switch of the language carries it
}

// NavLink is one section of the cabinet or of a console.
type NavLink struct {
	Text Text
	Href string
}

// CabinetNav lists the citizen's sections.
func CabinetNav() []NavLink {
	return []NavLink{
		{K("layout.nav.account"), "/settings/account"},
		{K("layout.nav.security"), "/settings/safety/login"},
		{K("layout.nav.contacts"), "/settings/safety/trusted-contacts"},
		{K("layout.nav.events"), "/settings/safety/events"},
	}
}
