package ui

import "time"

// SafetyNotMe takes the stop code of a notice from whoever holds it.
type SafetyNotMe struct {
	Errors     Errors
	Identifier TextField
	StopCode   TextField
}

// Template is the page's file.
func (SafetyNotMe) Template() string { return "safety_notme.html" }

// Title is the page's title.
func (SafetyNotMe) Title() Text { return K("safety.not_me.title") }

// SafetyLink is where the link of a notice leads: nothing happens until a button is pressed.
type SafetyLink struct {
	Alone     time.Duration // how long a freeze without contacts lasts at least
	Recovered time.Time     // a new password was set then, so that only a freeze stops anybody; zero: none was
}

// Template is the page's file.
func (SafetyLink) Template() string { return "safety_link.html" }

// Title is the page's title.
func (p SafetyLink) Title() Text {
	if !p.Recovered.IsZero() {
		return K("safety.link.done.title")
	}
	return K("safety.link.title")
}

// SafetyStopped tells what was stopped. ByCode: it must not tell whether the code was right.
type SafetyStopped struct {
	ByCode bool
	Frozen bool
	SignIn string
}

// Template is the page's file.
func (SafetyStopped) Template() string { return "safety_stopped.html" }

// Title is the page's title.
func (p SafetyStopped) Title() Text {
	switch {
	case p.ByCode:
		return K("safety.stopped.code.title")
	case p.Frozen:
		return K("safety.stopped.frozen.title")
	}
	return K("safety.stopped.title")
}

// SafetyAlarm tells a signed-in person that somebody recovers his access.
type SafetyAlarm struct {
	Open   bool   // a recovery is open now
	Done   string // "stopped" or "was-me": what the reader did a moment ago
	Proved bool   // it waits for the contact or is further: the code from the phone was right
	Facts  Facts
	Lock   time.Duration
}

// Template is the page's file.
func (SafetyAlarm) Template() string { return "safety_alarm.html" }

// Title is the page's title.
func (p SafetyAlarm) Title() Text {
	switch {
	case p.Open:
		return K("safety.alarm.title")
	case p.Done == "stopped":
		return K("safety.alarm.stopped.title")
	}
	return K("safety.alarm.none.title")
}

// SafetyFreeze asks a signed-in person to confirm that the account is to be frozen.
type SafetyFreeze struct {
	Names Text          // contacts who can lift it; empty: none
	Alone time.Duration // without contacts: from when it can be lifted
}

// Template is the page's file.
func (SafetyFreeze) Template() string { return "safety_freeze.html" }

// Title is the page's title.
func (SafetyFreeze) Title() Text { return K("safety.freeze.title") }

// SafetyFrozen is the one page open to who signs in to a frozen account.
type SafetyFrozen struct {
	Errors    Errors
	Since     time.Time // zero: the account is not frozen any more
	Names     Text      // contacts who can lift it; empty: none
	Alone     time.Time // without contacts: from when it can be lifted
	Ready     bool      // it can be asked for now
	SteppedUp bool
	Waiting   bool // a contact was asked
	Match     MatchNumber
	Until     time.Time
	SignOut   string
}

// Template is the page's file.
func (SafetyFrozen) Template() string { return "safety_frozen.html" }

// Title is the page's title.
func (p SafetyFrozen) Title() Text {
	if p.Since.IsZero() {
		return K("safety.thawed.title")
	}
	return K("safety.frozen.title")
}
