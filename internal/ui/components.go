package ui

import (
	"strings"
	"time"
	"unicode/utf8"
)

// Tone is what a notice, a badge or a card wants to say before it is read. Never by colour alone: each
// tone has its icon and its word.
type Tone string

// The tones.
const (
	Info    Tone = "info"
	Success Tone = "success"
	Warning Tone = "warning"
	Danger  Tone = "danger"
)

// Notice is a framed message. Template "notice".
type Notice struct {
	Tone  Tone
	Title Text // may be empty
	Text  Text
	Link  NavLink // may be empty
}

// FieldError is what is wrong with one field.
type FieldError struct {
	Field string // the field's name, which is also the id of its input
	Text  Text
}

// Errors is the error summary, in the order of the fields. Template "errors" (prints nothing when empty).
type Errors []FieldError

// Of returns what is wrong with the field, or an empty Text.
func (e Errors) Of(field string) Text {
	for _, one := range e {
		if one.Field == field {
			return one.Text
		}
	}
	return Text{}
}

// TextField is one line to type. Template "text-field".
type TextField struct {
	Name         string
	Label        Text
	Hint         Text
	Error        Text
	Value        string // what was typed before: nothing typed is lost
	Type         string // "text" when empty; "tel", "email", "date", "search"
	Autocomplete string // "tel", "given-name", "off" ...
	InputMode    string // "numeric", "tel", "email"
	MaxLength    int    // characters; 0: no bound here
	Optional     bool
	Short        bool // a narrow box for a short answer
}

// Check puts the field's error in place.
func (f TextField) Check(errs Errors) TextField { f.Error = errs.Of(f.Name); return f }

// PasswordField is a password. It never keeps its value. Template "password-field".
type PasswordField struct {
	Name  string
	Label Text
	Hint  Text
	Error Text
	New   bool // a new password is being chosen, so that password stores offer one
}

// Check puts the field's error in place. When something else was wrong, the page says that the rest is kept: a password is not,
// and its empty field says so.
func (f PasswordField) Check(errs Errors) PasswordField {
	f.Error = errs.Of(f.Name)
	if len(errs) > 0 && f.Error.Empty() {
		f.Hint = K("errors.password")
	}
	return f
}

// Option is one answer of a Radios.
type Option struct {
	Value string
	Label Text
	Hint  Text
}

// Radios is one question with large rows to choose from. Template "radios".
type Radios struct {
	Name    string
	Legend  Text
	Heading bool // the question is the heading of its page
	Hint    Text
	Error   Text
	Options []Option
	Chosen  string // empty: nothing is chosen beforehand, which is the rule for questions of safety
}

// Check puts the field's error in place.
func (f Radios) Check(errs Errors) Radios { f.Error = errs.Of(f.Name); return f }

// Select is a choice from a list too long for rows. Template "select".
type Select struct {
	Name         string
	Label        Text
	Error        Text
	Options      []Option
	Chosen       string
	Autocomplete string // "country"; may be empty
}

// Check puts the field's error in place.
func (f Select) Check(errs Errors) Select { f.Error = errs.Of(f.Name); return f }

// Checkbox is one statement to agree with. Template "checkbox".
type Checkbox struct {
	Name    string
	Label   Text
	Hint    Text
	Error   Text
	Checked bool
}

// Check puts the field's error in place.
func (f Checkbox) Check(errs Errors) Checkbox { f.Error = errs.Of(f.Name); return f }

// CodeWay is how a one-time code came to the person.
type CodeWay string

// The ways. They choose the label of the field.
const (
	BySMS   CodeWay = ""
	ByEmail CodeWay = "email"
	ByApp   CodeWay = "app"
	// BySMSOrEmail: the page must not tell which, because it would tell a stranger something of the account.
	BySMSOrEmail CodeWay = "either"
)

// CodeField is where a one-time code is typed. It says to whom the code went, what it does, and that it is
// told to nobody. Template "code-field".
type CodeField struct {
	Name   string
	Way    CodeWay       // how the code came; empty: by SMS
	SentTo string        // masked phone or address; empty: no code was sent by us (an app shows it)
	Does   Text          // what the code does, in one sentence
	Left   time.Duration // how long the code still lives; 0 or less with HasLife: it is over
	Timed  bool          // Left means something
	Digits int           // 6 when 0
	Error  Text

	Delivery Delivery // what has become of the message; zero: it is not told
}

// Delivery is what is known of the message with a code. State is one of effect's words.
type Delivery struct {
	State string
	At    time.Time
}

// Shown reports whether there is something to say.
func (d Delivery) Shown() bool { return d.State != "" }

// Trouble reports whether the code of this message cannot be waited for any more.
func (d Delivery) Trouble() bool { return d.State == "late" || d.State == "failed" }

// Words says it. The time is shown by the template.
func (d Delivery) Words() Text {
	switch d.State {
	case "delivered":
		return K("delivery.delivered")
	case "sent":
		return K("delivery.sent")
	case "waiting":
		return K("delivery.waiting")
	case "late":
		return K("delivery.late")
	case "failed":
		return K("delivery.failed")
	}
	return K("delivery.unknown")
}

// Timed reports whether the words are followed by a time.
func (d Delivery) Timed() bool {
	return (d.State == "delivered" || d.State == "sent") && !d.At.IsZero()
}

// Check puts the field's error in place.
func (f CodeField) Check(errs Errors) CodeField { f.Error = errs.Of(f.Name); return f }

// Label names the field after the way the code came.
func (f CodeField) Label() Text {
	switch f.Way {
	case ByEmail:
		return K("code.label_email")
	case ByApp:
		return K("code.label_app")
	case BySMSOrEmail:
		return K("recovery.code.label")
	case BySMS:
	}
	return K("code.label")
}

// Length is how many digits the code has.
func (f CodeField) Length() int {
	if f.Digits == 0 {
		return 6
	}
	return f.Digits
}

// LeftSeconds is Left for the script that counts down.
func (f CodeField) LeftSeconds() int { return int(f.Left / time.Second) }

// MatchNumber is the number the applicant reads to the contact. Template "match-number".
type MatchNumber struct {
	Number string
	Hint   Text
}

// Spoken gives the digits apart, as a screen reader should say them: "4, 7".
func (m MatchNumber) Spoken() string { return strings.Join(strings.Split(m.Number, ""), ", ") }

// Fact is one line of a fact list.
type Fact struct {
	Icon  string // may be empty
	Label Text
	Value Text
	Note  Text // smaller words below the value
	Tone  Tone // empty: plain
}

// Facts is a list of what is known. Template "facts".
type Facts []Fact

// Badge is a state in a word or two. Template "badge" (prints nothing when empty).
type Badge struct {
	Tone Tone // empty: neutral
	Text Text
}

// PersonCard is one other person. Template "person-card".
type PersonCard struct {
	Name  string
	Badge Badge
	Note  Text // since when, until when
	More  Text // the reason of the state
	Href  string
	Link  Text // words of the link to Href
}

// Initial is the letter on the card.
func (c PersonCard) Initial() string {
	r, _ := utf8.DecodeRuneInString(strings.TrimSpace(c.Name))
	if r == utf8.RuneError {
		return "•"
	}
	return strings.ToUpper(string(r))
}

// The states of a step in a timeline.
const (
	StepDone    = "done"
	StepNow     = "now"
	StepNext    = "next"
	StepStopped = "stopped"
)

// TimelineStep is one station of a recovery.
type TimelineStep struct {
	State string // StepDone, StepNow, StepNext or StepStopped
	Text  Text
	Note  Text
}

// Timeline is the way of a recovery. Template "timeline".
type Timeline []TimelineStep

// EmptyState is a list with nothing in it yet, and what to do about it. Template "empty-state".
type EmptyState struct {
	Icon   string
	Title  Text
	Text   Text
	Action NavLink // may be empty
}

// Delayed is an act that takes effect later. Template "delayed".
type Delayed struct {
	What Text          // what will happen
	In   time.Duration // how long until
	At   time.Time
}

// SectionCard leads from one page of the cabinet to another. Template "section-card".
type SectionCard struct {
	Icon  string
	Title Text
	Text  Text
	Href  string
	Badge Badge
}

// Step is the step line. Template "step".
type Step struct {
	Step, Of int
}

// Row is one line of a Rows list.
type Row struct {
	Icon  string
	Title Text
	Note  Text
	Badge Badge
	Href  string // may be empty
	Facts Facts  // may be empty: folded away until asked for
}

// Rows is a list that reads well at 320 px, used where others use a table. Template "rows".
type Rows []Row

// Pages leads through a long list. Template "pages" (prints nothing when there is one page).
type Pages struct {
	Page         int
	Newer, Older string // addresses, empty: none
}
