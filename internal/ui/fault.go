package ui

// FaultPage tells what went wrong, what is kept, and what to do now.
type FaultPage struct {
	Icon      string
	Heading   Text
	Words     Text
	Details   []Text
	Action    NavLink // what to do now; may be empty
	Home      string  // where the reader begins
	RequestID string  // for support; empty when it helps nobody
}

// Template is the page's file.
func (FaultPage) Template() string { return "fault_page.html" }

// Title is the page's title.
func (p FaultPage) Title() Text { return p.Heading }
