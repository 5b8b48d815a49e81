package ui

// Desk is a page of the operator's place. Its pages are worked through all day by the same people, so they share one
// shape: a heading, and blocks from top to bottom.
type Desk struct {
	Heading Text
	Back    NavLink // may be empty
	Lead    Text
	News    Notice
	Errors  Errors
	Blocks  []DeskBlock
}

// Template is the page's file.
func (Desk) Template() string { return "desk_page.html" }

// Title is the page's title.
func (d Desk) Title() Text { return d.Heading }

// DeskBlock is one part of a page; what is empty is not shown. The order within a block is the order of the fields.
type DeskBlock struct {
	Heading Text
	Text    Text
	Notice  Notice
	Once    string // a one-time code, large; shown once
	Facts   Facts
	Will    []Text // what an act will do, point by point
	Rows    Rows
	Table   Table
	Cards   []SectionCard
	QR      TOTPKey
	Key     KeyButton
	Form    DeskForm
	More    []DeskForm // further forms, one after another
	Links   []NavLink
	Empty   EmptyState
	Pages   Pages
	Pre     string // lines to be read as they are
}

// DeskForm is one form.
type DeskForm struct {
	Action string
	Get    bool
	Fields []DeskField
	Hidden map[string]string
	Button Text
	Look   string // "", "secondary", "danger" or "approve"
	Cancel NavLink
}

// DeskField is one field of a form: exactly one of its parts is set.
type DeskField struct {
	Text     *TextField
	Password *PasswordField
	Radios   *Radios
	Checkbox *Checkbox
	Code     *CodeField
	Select   *Select
}

// Table is a wide table. Template "table" (prints nothing without columns).
type Table struct {
	Caption Text
	Head    []Text
	Rows    [][]Cell
}

// Cell is one cell of a table.
type Cell struct {
	Text Text
	Href string // may be empty
}
