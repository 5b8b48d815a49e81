package ui

// ApprovalFrame is what every page of one request shares.
type ApprovalFrame struct {
	Path      string // address of the request: "/approvals/…"
	Name      Text   // polite name of the principal
	Call      Text   // the same: «позвоните …»
	With      Text   // the same: «поговорите с …»
	Of        Text   // the same: «учётная запись …»
	Rehearsal bool   // marked on every page
	Notice    Notice // why the reader is here and not where he wanted to be; may be empty
}

// ApprovalsList is every request for this contact's decision.
type ApprovalsList struct {
	Open  []Notice
	Past  Rows
	Empty EmptyState // when there was never one
}

// Template is the page's file.
func (ApprovalsList) Template() string { return "approvals_list.html" }

// Title is the page's title.
func (ApprovalsList) Title() Text { return K("approvals.list.title") }

// ApprovalAsk opens a request: one sentence that decides everything, then the facts, then the choices.
type ApprovalAsk struct {
	ApprovalFrame

	What   Text
	Alarm  Notice // a second device
	Facts  Facts
	Unable []Text // why this contact cannot approve now; then Go is empty
	Later  Text   // from when he can; may be empty
	Go     NavLink
	Until  Text
}

// Template is the page's file.
func (ApprovalAsk) Template() string { return "approvals_ask.html" }

// Title is the page's title.
func (p ApprovalAsk) Title() Text { return K("approvals.ask.title", "Name", p.Name) }

// ApprovalQuestions are the five questions. Nothing is chosen beforehand.
type ApprovalQuestions struct {
	ApprovalFrame

	Errors    Errors
	Questions []Radios
}

// Template is the page's file.
func (ApprovalQuestions) Template() string { return "approvals_questions.html" }

// Title is the page's title.
func (ApprovalQuestions) Title() Text { return K("approvals.questions.title") }

// ApprovalMatch asks for the two digits that the principal reads from his own screen.
type ApprovalMatch struct {
	ApprovalFrame

	Errors Errors
	Field  TextField
}

// Template is the page's file.
func (ApprovalMatch) Template() string { return "approvals_match.html" }

// Title is the page's title.
func (ApprovalMatch) Title() Text { return K("approvals.match.title") }

// ApprovalConfirm says what a yes will do, and sends the contact's own code.
type ApprovalConfirm struct {
	ApprovalFrame

	Errors Errors
	What   Text
	Phone  string    // masked, the contact's own
	Key    KeyButton // zero: the contact has no passkey
}

// Template is the page's file.
func (ApprovalConfirm) Template() string { return "approvals_confirm.html" }

// Title is the page's title.
func (ApprovalConfirm) Title() Text { return K("approvals.confirm.title") }

// ApprovalCode is where the contact types the code from his own phone.
type ApprovalCode struct {
	ApprovalFrame

	Errors Errors
	Code   CodeField
	Key    KeyButton // zero: the contact has no passkey
}

// Template is the page's file.
func (ApprovalCode) Template() string { return "approvals_code.html" }

// Title is the page's title.
func (ApprovalCode) Title() Text { return K("approvals.code.title") }

// ApprovalWait says what waiting means.
type ApprovalWait struct {
	ApprovalFrame

	Until Text
}

// Template is the page's file.
func (ApprovalWait) Template() string { return "approvals_wait.html" }

// Title is the page's title.
func (ApprovalWait) Title() Text { return K("approvals.wait.title") }

// ApprovalFlagged says that something is wrong: approving is no longer offered, and why.
type ApprovalFlagged struct {
	ApprovalFrame

	Flags []Text
	Until Text
}

// Template is the page's file.
func (ApprovalFlagged) Template() string { return "approvals_flagged.html" }

// Title is the page's title.
func (ApprovalFlagged) Title() Text { return K("approvals.flagged.title") }

// ApprovalReject asks why.
type ApprovalReject struct {
	ApprovalFrame

	Errors  Errors
	What    Text
	Reasons Radios
	Undo    bool // the contact said yes before
}

// Template is the page's file.
func (ApprovalReject) Template() string { return "approvals_reject.html" }

// Title is the page's title.
func (p ApprovalReject) Title() Text {
	if p.Undo {
		return K("approvals.reject.undo_title")
	}
	return K("approvals.reject.title")
}

// ApprovalResult is a request that needs nothing more: approved, rejected, closed or out of time.
type ApprovalResult struct {
	ApprovalFrame

	Icon    string
	Heading Text
	Words   []Text
	Freeze  bool // the principal's account may be frozen from here
	Undo    bool // a yes may still be taken back
}

// Template is the page's file.
func (ApprovalResult) Template() string { return "approvals_result.html" }

// Title is the page's title.
func (p ApprovalResult) Title() Text { return p.Heading }

// ApprovalFreeze asks whether to freeze the principal's account.
type ApprovalFreeze struct {
	ApprovalFrame
}

// Template is the page's file.
func (ApprovalFreeze) Template() string { return "approvals_freeze.html" }

// Title is the page's title.
func (p ApprovalFreeze) Title() Text { return K("approvals.freeze.title", "Of", p.Of) }
