package ui

import "time"

// SignInWaiting is a sign-in from a new browser that waits for the contacts.
type SignInWaiting struct {
	Next             string // where to go afterwards
	Names            Text   // of whom any one will do
	Match            MatchNumber
	Needed, Approved int
	Until            time.Time // silence is refusal
}

// Template is the page's file.
func (SignInWaiting) Template() string { return "sign_in_waiting.html" }

// Title is the page's title.
func (p SignInWaiting) Title() Text { return K("sign_in.waiting.title", "Names", p.Names) }

// SignInReady lets the person in: the contacts approved.
type SignInReady struct {
	Next  string
	Names Text
	Until time.Time
}

// Template is the page's file.
func (SignInReady) Template() string { return "sign_in_ready.html" }

// Title is the page's title.
func (SignInReady) Title() Text { return K("sign_in.ready.title") }

// SignInStopped says why a sign-in from a new browser does not go on.
type SignInStopped struct {
	Icon     string
	Heading  Text
	What     Text
	Next     []Text // what to do now
	InPerson bool   // the service desk is offered
	Again    bool   // beginning anew is offered
}

// Template is the page's file.
func (SignInStopped) Template() string { return "sign_in_stopped.html" }

// Title is the page's title.
func (p SignInStopped) Title() Text { return p.Heading }
