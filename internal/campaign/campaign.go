package campaign

import (
	"time"

	"doverie/internal/outreach"
)

// Campaign is one mailing with its letter and its organisations.
type Campaign struct {
	ID        string
	Name      string
	Letter    outreach.Letter
	Counted   bool // kits bear placement codes, which the landing counts
	CreatedBy string
	CreatedAt time.Time

	LastN  int // organisations are numbered from 0 in the order of import; this is how many there are
	SendTo int // letters are asked for the organisations with a smaller number
	KitsTo int // kits are asked for the organisations with a smaller number

	Version int64
}

// State is how far an organisation has come.
type State string

// The states, in their order.
const (
	Listed   State = "listed"
	Sent     State = "sent"
	Opened   State = "opened"
	Answered State = "answered"
)

// States lists every state in the order in which an organisation goes through them.
func States() []State { return []State{Listed, Sent, Opened, Answered} }

// Delivery is what became of the newest letter's message.
type Delivery string

// The fates of a message. NotYet is that of one that waits.
const (
	NotYet      Delivery = ""
	Taken       Delivery = "sent"    // the mail server took it
	Undelivered Delivery = "failed"  // it surely did not arrive
	Uncertain   Delivery = "unknown" // nobody can say
)

// Recipient is one organisation of a campaign.
type Recipient struct {
	ID       string
	Campaign string
	N        int // counts the letters of the campaign, from 0
	Org      outreach.Organisation
	Code     string // placement code
	HasLogo  bool

	State      State
	Letters    int // how many times the letter was sent
	SentAt     time.Time
	ExpiresAt  time.Time // of the newest link
	OpenedAt   time.Time
	AnsweredAt time.Time
	Delivery   Delivery
	SettledAt  time.Time // when Delivery became known

	KitAt      time.Time
	KitBytes   int64
	KitProblem string // locale key of why no kit can be made

	Version int64
}

// Placement is what a recipient reports.
type Placement struct {
	ID        string
	Recipient string
	Place     string // in the recipient's words
	Day       time.Time
	Link      string // may be empty
	Photo     string // id; may be empty
	CreatedAt time.Time
}

// Area is a part of the map: how many organisations of a place stand in each state.
type Area struct {
	Region, Municipality string
	Count                map[State]int
}

// Total is how many organisations the area has.
func (a Area) Total() int {
	n := 0
	for _, c := range a.Count {
		n += c
	}
	return n
}

// Progress is how far a campaign's work has come.
type Progress struct {
	Kits, Letters     int // done
	KitsOf, LettersOf int // asked for
	KitBytes          int64
	KitProblems       int
}

// Week is a count of one week that begins on Monday.
type Week struct {
	From  time.Time
	Count int
}

// Visits are the visits of the landing by one placement.
type Visits struct {
	Code, Name string
	Weeks      []Week
}

// Filter chooses organisations of a campaign. Empty fields choose all.
type Filter struct {
	State                State
	Region, Municipality string
	InArea               bool // Region and Municipality count even when empty
}
