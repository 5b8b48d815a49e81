package ui

import "time"

// TextArea is several lines to type. Template "text-area".
type TextArea struct {
	Name     string
	Label    Text
	Hint     Text
	Error    Text
	Value    string
	Rows     int
	Optional bool
}

// Check puts the field's error in place.
func (f TextArea) Check(errs Errors) TextArea { f.Error = errs.Of(f.Name); return f }

// FileField is a file to choose. Template "file-field".
type FileField struct {
	Name     string
	Label    Text
	Hint     Text
	Error    Text
	Accept   string // what the browser offers: "image/jpeg,image/png"
	Optional bool
}

// Check puts the field's error in place.
func (f FileField) Check(errs Errors) FileField { f.Error = errs.Of(f.Name); return f }

// CampaignList is the first page of the campaign's staff.
type CampaignList struct {
	Campaigns Rows
	Empty     EmptyState
}

// Template is the page's file.
func (CampaignList) Template() string { return "campaign_list.html" }

// Title is the page's title.
func (CampaignList) Title() Text { return K("campaign.list.title") }

// CampaignNew asks for a campaign's name and the common part of its letter.
type CampaignNew struct {
	Errors                                         Errors
	Name                                           TextField
	Letterhead, Contacts                           TextArea
	Number, First, Date, Subject, Position, Signer TextField
	Executor, Body                                 TextArea
	Counted                                        Checkbox
}

// Template is the page's file.
func (CampaignNew) Template() string { return "campaign_new.html" }

// Title is the page's title.
func (CampaignNew) Title() Text { return K("campaign.new.title") }

// CampaignStage is how many organisations stand at a state.
type CampaignStage struct {
	Name  Text
	Count int
	Href  string
}

// CampaignWork is one long piece of work and how far it has come.
type CampaignWork struct {
	ID       string
	Name     Text
	Done, Of int
	Note     Text // may be empty
}

// Running reports whether the work goes on.
func (w CampaignWork) Running() bool { return w.Done < w.Of }

// CampaignArea is one tile of the map.
type CampaignArea struct {
	Name                       Text
	Href                       string
	Total, Answered, Opened    int
	AnsweredWidth, OpenedWidth int // percent of the bar
}

// CampaignRegion is a part of the map.
type CampaignRegion struct {
	Name  Text
	Areas []CampaignArea
}

// CampaignHome is one campaign: how far it is, what can be done, and where.
type CampaignHome struct {
	Name    string
	Path    string
	Done    Notice
	Stages  []CampaignStage
	Works   []CampaignWork
	Regions []CampaignRegion
	Total   int
	Waiting int // organisations that have no letter yet
	Kits    bool
}

// Template is the page's file.
func (CampaignHome) Template() string { return "campaign_home.html" }

// Title is the page's title.
func (p CampaignHome) Title() Text { return Plain(p.Name) }

// CampaignLine is a row of a register that was refused.
type CampaignLine struct {
	Line    int
	Name    string // may be empty
	Reasons []Text
}

// CampaignImport takes a register and tells what became of its rows.
type CampaignImport struct {
	Name, Path string
	Errors     Errors
	File       FileField
	Read       bool // a register was read: Added and Lines count
	Added      int
	Logos      int
	Lines      []CampaignLine
	More       int // refused rows that are not listed
}

// Template is the page's file.
func (CampaignImport) Template() string { return "campaign_import.html" }

// Title is the page's title.
func (CampaignImport) Title() Text { return K("campaign.import.title") }

// CampaignOrganisations lists the organisations of a campaign.
type CampaignOrganisations struct {
	Name, Path string
	Of         Text // what the list is limited to; may be empty
	Filters    []NavLink
	Rows       Rows
	Count      int
	Pages      Pages
}

// Template is the page's file.
func (CampaignOrganisations) Template() string { return "campaign_organisations.html" }

// Title is the page's title.
func (CampaignOrganisations) Title() Text { return K("campaign.organisations.title") }

// CampaignPlacement is one reported placement.
type CampaignPlacement struct {
	Place string
	Day   time.Time
	Link  string // may be empty
	Photo string // address of the picture; may be empty
	Shot  bool   // a photo was sent, and is not shown here
}

// CampaignOrganisation is one organisation: its letter, kit and placements.
type CampaignOrganisation struct {
	Name, Campaign, Path, Back string
	Done                       Notice
	Badge                      Badge
	Facts                      Facts
	Placements                 []CampaignPlacement
	Errors                     Errors
	Logo                       FileField
	HasLogo                    bool
	Sent                       bool
}

// Template is the page's file.
func (CampaignOrganisation) Template() string { return "campaign_organisation.html" }

// Title is the page's title.
func (p CampaignOrganisation) Title() Text { return Plain(p.Name) }

// CampaignSend asks before letters go out.
type CampaignSend struct {
	Name, Path string
	Count      int
	Life       time.Duration
	Subject    string
	From       string
}

// Template is the page's file.
func (CampaignSend) Template() string { return "campaign_send.html" }

// Title is the page's title.
func (CampaignSend) Title() Text { return K("campaign.send.title") }

// CampaignReply asks whom the ministry answers.
type CampaignReply struct {
	Name, Path                               string
	Errors                                   Errors
	To, Position, Head, Salutation           TextField
	TheirNumber, TheirDate, Number, ReplyDay TextField
}

// Template is the page's file.
func (CampaignReply) Template() string { return "campaign_reply.html" }

// Title is the page's title.
func (CampaignReply) Title() Text { return K("campaign.reply.title") }

// CampaignCount is a line of a table of counts.
type CampaignCount struct {
	Name   Text
	Code   string
	Counts []Text
}

// CampaignCounts are the counters: small counts are not told.
type CampaignCounts struct {
	Name, Path   string
	Counted      bool
	Floor        int
	Weeks        []Text
	Visits       []CampaignCount
	Appointments []CampaignCount // a line a week
}

// Template is the page's file.
func (CampaignCounts) Template() string { return "campaign_counts.html" }

// Title is the page's title.
func (CampaignCounts) Title() Text { return K("campaign.counts.title") }

// CampaignLetter is the recipient's page.
type CampaignLetter struct {
	Done         Notice
	Organisation string
	From         string
	Number       string
	Date         string
	Path         string
	Opened       bool // the recipient pressed the button: everything is shown
	Until        time.Time
	Landing      string // the official address, with the placement code where there is one
	Errors       Errors
	Place        TextField
	Day          TextField
	Link         TextField
	Photo        FileField
	Placements   []CampaignPlacement
}

// Template is the page's file.
func (CampaignLetter) Template() string { return "campaign_letter.html" }

// Title is the page's title.
func (CampaignLetter) Title() Text { return K("campaign.letter.title") }
