package desk

import (
	"context"
	"strings"
	"time"

	"doverie/internal/audit"
	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/policy"
)

// Query is what an auditor searches by; what is empty matches everything. Times are half open: From ≤ at < To.
type Query struct {
	Case     string // id
	Operator string // login
	Office   string // name
	From, To time.Time
	Before   int64 // events with a lower number only; 0: from the newest
	Limit    int
}

// Empty tells whether nothing was asked for.
func (q Query) Empty() bool {
	return q.Case == "" && q.Operator == "" && q.Office == "" && q.From.IsZero() && q.To.IsZero()
}

// Raw are counts as the database has them, for the last span.
type Raw struct {
	Outcomes    map[string]int // recoveries that ended, by state; "in_person" too
	Decided     int            // requests that contacts decided
	Median      time.Duration  // from the request to the decision
	Fraud       int            // of them refused as fraud
	Unreachable int            // of them: the contact could not reach the person
	Suspended   int            // links whose contact cannot help now
	Messages    int            // messages that ended
	Late        int            // of them later than the policy's resend pause, or never
}

// RecordStore is what Records needs of the database.
type RecordStore interface {
	// OperatorEvents lists what operators did, newest first; operator is an id here.
	OperatorEvents(ctx context.Context, q Query) ([]audit.Event, error)
	VerifyEvents(ctx context.Context) (audit.Report, error)
	RawFigures(ctx context.Context, since, now time.Time, late time.Duration) (Raw, error)
	OperatorByLogin(ctx context.Context, login string) (Operator, error)
	Operator(ctx context.Context, id string) (Operator, error)
	// AccessEvents lists since then whose access was given or given anew, newest first.
	AccessEvents(ctx context.Context, since time.Time, limit int) ([]audit.Event, error)
}

// Notes writes an event of its own; Cases has it.
type Notes interface {
	Note(ctx context.Context, act effect.Act, now time.Time, effects []effect.Effect) error
}

// Records is what auditors read, and the figures of the service.
type Records struct {
	Store  RecordStore
	Notes  Notes
	Policy policy.Policy
	Now    func() time.Time
}

// PageOf is how many events one page shows, exportOf how many one export holds at most.
const (
	PageOf   = 50
	exportOf = 10000
)

// Search lists what operators did. The search itself is written down. Faults: Refused (role).
func (s *Records) Search(ctx context.Context, act effect.Act, who Operator, q Query) ([]audit.Event, error) {
	q.Limit = PageOf
	return s.find(ctx, act, who, q, "audit.searched")
}

// Export lists the same for a file, up to ten thousand events.
func (s *Records) Export(ctx context.Context, act effect.Act, who Operator, q Query) ([]audit.Event, error) {
	q.Limit, q.Before = exportOf, 0
	return s.find(ctx, act, who, q, "audit.exported")
}

func (s *Records) find(ctx context.Context, act effect.Act, who Operator, q Query, kind string) ([]audit.Event, error) {
	if !who.Works() || who.Role != Auditor {
		return nil, notYours()
	}
	asked := q
	if q.Operator != "" {
		o, err := s.Store.OperatorByLogin(ctx, q.Operator)
		if fault.Is(err, fault.NotFound) {
			return nil, fault.BadFields(fault.Field{Name: "operator", Key: "fault.desk.no_operator"})
		}
		if err != nil {
			return nil, err
		}
		asked.Operator = o.ID
	}
	found, err := s.Store.OperatorEvents(ctx, asked)
	if err != nil {
		return nil, err
	}
	return found, s.Notes.Note(ctx, act, s.Now(), []effect.Effect{about(who, kind, map[string]string{
		"case": q.Case, "operator": q.Operator, "office": q.Office, "from": stamp(q.From), "to": stamp(q.To),
	})})
}

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return rfc(t)
}

// Verify walks the whole log.
func (s *Records) Verify(ctx context.Context, act effect.Act, who Operator) (audit.Report, error) {
	if !who.Works() || who.Role != Auditor {
		return audit.Report{}, notYours()
	}
	report, err := s.Store.VerifyEvents(ctx)
	if err != nil {
		return audit.Report{}, err
	}
	return report, s.Notes.Note(ctx, act, s.Now(), []effect.Effect{about(who, "audit.verified", map[string]string{"intact": yes(report.Intact())})})
}

// Access is one operator who was given access, or was given it anew.
type Access struct {
	Operator Operator
	By       string // name of the administrator; empty: from the command line
	At       time.Time
	Anew     bool
}

// AccessGiven lists whose access was given in the last 30 days, by whom and when, newest first, for the first page of
// those who look after operators: one administrator who makes two operators for himself is seen (T33). Faults: Refused (role).
func (s *Records) AccessGiven(ctx context.Context, who Operator) ([]Access, error) {
	if !who.Works() || !who.Is(Senior, Auditor) {
		return nil, notYours()
	}
	events, err := s.Store.AccessEvents(ctx, s.Now().Add(-span), 2*PageOf)
	if err != nil {
		return nil, err
	}
	out := make([]Access, 0, len(events))
	for _, e := range events {
		a := Access{At: e.At, Anew: e.Kind == "operator.renewed"}
		if a.Operator, err = s.Store.Operator(ctx, strings.TrimPrefix(e.Object, "operator:")); err != nil {
			return nil, err
		}
		if e.Act.Actor == effect.Operator {
			by, err := s.Store.Operator(ctx, e.Act.ID)
			if err != nil {
				return nil, err
			}
			a.By = by.Name
		}
		out = append(out, a)
	}
	return out, nil
}

// Figure is one number that may be shown: Few when it is about too few people.
type Figure struct {
	Name string
	N    int
	Few  bool
}

// Share is a part in per cent.
type Share struct {
	Percent int
	Few     bool
}

// Figures are the counts of the last Span days. Nothing in them is about fewer people than policy.FiguresLeast.
type Figures struct {
	Since       time.Time
	Outcomes    []Figure
	Median      time.Duration
	MedianFew   bool
	Fraud       Share
	Unreachable Figure
	Suspended   Figure
	Late        Share
}

// span is how far figures look back.
const span = 30 * 24 * time.Hour

// Outcomes lists how a recovery ends, in the order of the page.
func Outcomes() []string {
	return []string{"completed", "in_person", "rejected", "disowned", "expired", "cancelled", "superseded", "locked_out"}
}

// Figures reads the counts. Faults: Refused (role).
func (s *Records) Figures(ctx context.Context, who Operator) (Figures, error) {
	if !who.Works() || !who.Is(Senior, Auditor, Administrator) {
		return Figures{}, notYours()
	}
	now := s.Now()
	raw, err := s.Store.RawFigures(ctx, now.Add(-span), now, s.Policy.CodeResend)
	return Publish(raw, s.Policy.FiguresLeast, now.Add(-span)), err
}

// Publish leaves out whatever is about fewer than least people: a count below it, and a share of which either part is
// below it. A zero is left out like any other small number.
func Publish(raw Raw, least int, since time.Time) Figures {
	figure := func(name string, n int) Figure {
		if n < least {
			return Figure{Name: name, Few: true}
		}
		return Figure{Name: name, N: n}
	}
	share := func(part, whole int) Share {
		if part < least || whole-part < least {
			return Share{Few: true}
		}
		return Share{Percent: (100*part + whole/2) / whole}
	}
	f := Figures{
		Since: since, Fraud: share(raw.Fraud, raw.Decided), Unreachable: figure("unreachable", raw.Unreachable),
		Suspended: figure("suspended", raw.Suspended), Late: share(raw.Late, raw.Messages), MedianFew: raw.Decided < least,
	}
	if !f.MedianFew {
		f.Median = raw.Median.Round(time.Minute)
	}
	for _, name := range Outcomes() {
		f.Outcomes = append(f.Outcomes, figure(name, raw.Outcomes[name]))
	}
	return f
}
