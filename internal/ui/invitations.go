package ui

import "time"

// InvitationShow tells the invited person what it means to be a trusted contact.
type InvitationShow struct {
	ID     string
	From   Text // polite name of the sender
	With   Text // the same: «поговорите с …»
	Call   Text // the same: «позвоните …»
	Until  time.Time
	Wait   time.Duration // how long a request waits for a decision
	Mutual bool          // the sender guards the invited person
	Why    []Text        // what keeps him from accepting
	Ways   []NavLink     // what to do about it
}

// Template is the page's file.
func (InvitationShow) Template() string { return "invitations_show.html" }

// Title is the page's title.
func (p InvitationShow) Title() Text { return K("invitations.show.title", "From", p.From) }

// InvitationAccept asks for the last yes, after the repeated check.
type InvitationAccept struct {
	ID       string
	From     Text
	Settling time.Duration
	Mutual   bool
}

// Template is the page's file.
func (InvitationAccept) Template() string { return "invitations_accept.html" }

// Title is the page's title.
func (p InvitationAccept) Title() Text { return K("invitations.accept.title", "From", p.From) }

// InvitationDecline asks for the no.
type InvitationDecline struct {
	ID    string
	From  Text
	Block Checkbox
}

// Template is the page's file.
func (InvitationDecline) Template() string { return "invitations_decline.html" }

// Title is the page's title.
func (p InvitationDecline) Title() Text { return K("invitations.decline.title", "From", p.From) }
