package desk

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"doverie/internal/account"
	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/policy"
	"doverie/internal/secret"
	"doverie/internal/trust"
)

// Reason says why a person came.
type Reason string

// The reasons of a case.
const (
	LostPhone    Reason = "lost_phone"
	LostPassword Reason = "lost_password"
	LostContact  Reason = "lost_contact"
	DeadContact  Reason = "dead_contact"
	FearsContact Reason = "fears_contact"
	FrozenReason Reason = "frozen"
	Locked       Reason = "locked"
	NewName      Reason = "new_name"
	Identity     Reason = "identity"
)

// Reasons lists them in the order of the form.
func Reasons() []Reason {
	return []Reason{LostPassword, LostPhone, DeadContact, LostContact, FearsContact, FrozenReason, Locked, Identity, NewName}
}

// Case is one visit of one person.
type Case struct {
	ID, Account, Operator, Office string
	Reason                        Reason
	Document                      account.DocumentKind
	Last4                         string
	Phone                         []byte // sealed: a new number whose code is on its way
	OpenedAt, ClosesAt, ClosedAt  time.Time
	Version                       int64
}

// Live tells whether the case may still be worked on.
func (c Case) Live(now time.Time) bool { return c.ClosedAt.IsZero() && now.Before(c.ClosesAt) }

// Outcome is what one decision at the desk changed: the circle's part, and the desk's own rows.
type Outcome struct {
	trust.Outcome

	Act  *Act  // guarded by its version; a new one has version 0
	Case *Case // guarded by its version
}

// Seen is what a decision at the desk is made on, all read under one lock.
type Seen struct {
	Circle trust.Circle // of the case's account; Newcomer is the person as somebody else's contact
	Act    Act          // asked for by id; zero otherwise
	Case   Case
}

// Asked says what to load: an act by its id, or a case by its id.
type Asked struct{ Act, Case string }

// Cases is what the desk needs of the store.
type Cases interface {
	// OpenCase writes a new case and its effects.
	OpenCase(ctx context.Context, act effect.Act, now time.Time, c Case, effects []effect.Effect) error
	// Note writes effects that go with no row.
	Note(ctx context.Context, act effect.Act, now time.Time, effects []effect.Effect) error
	// DecideAtDesk locks the circle, reads it with the desk's rows, and commits what decide chose, in one transaction.
	// Who acts is asked there again: an operator who is suspended, or whose office is closed, decides nothing
	// (Refused "fault.desk.suspended"). decide may run again, so it must be pure.
	DecideAtDesk(ctx context.Context, act effect.Act, asked Asked, decide func(Seen) (Outcome, error)) error
	// LookAtDesk reads the same without locks.
	LookAtDesk(ctx context.Context, asked Asked) (Seen, error)
	// ActsOf lists the acts of a case, oldest first.
	ActsOf(ctx context.Context, caseID string) ([]Act, error)
	// Queue lists the acts that wait for a second operator now, the most urgent first; an empty office means every office.
	Queue(ctx context.Context, office string, now time.Time) ([]Act, error)
	// OpenCases lists the operator's live cases, newest first.
	OpenCases(ctx context.Context, operator string, now time.Time) ([]Case, error)
}

// Limits is the durable rate limit; see package account.
type Limits interface {
	Take(ctx context.Context, key string, limit int, per time.Duration, now time.Time) (wait time.Duration, err error)
}

// Accounts reads accounts.
type Accounts interface {
	Account(ctx context.Context, id string) (account.Account, error)
	FindAccount(ctx context.Context, id account.Identifier) (account.Account, error)
}

// Service holds the acts of operators, one method a human act.
type Service struct {
	Cases     Cases
	Accounts  Accounts
	Limits    Limits
	Codes     trust.Codes
	Owners    trust.PhoneOwners
	Passwords account.Passwords
	Deeds     Deeds
	Keys      *secret.Keyring
	Policy    policy.Policy
	Now       func() time.Time
}

// OpenInput is what an operator types before he sees anything.
type OpenInput struct {
	Identifier string
	Reason     Reason
	Document   account.DocumentKind
	Last4      string
}

// Open finds one account and opens a case. Every look is counted and written down, found or not; the person is told
// on every channel. Faults: Invalid with every wrong field; Limited; NotFound "fault.desk.nobody".
func (s *Service) Open(ctx context.Context, act effect.Act, who Operator, in OpenInput) (Case, error) {
	if !who.Works() || !who.Role.Serves() {
		return Case{}, fault.New(fault.Refused, "fault.desk.role", nil)
	}
	now := s.Now()
	id, last4, bad := in.parse()
	if len(bad) > 0 {
		return Case{}, fault.BadFields(bad...)
	}
	wait, err := s.Limits.Take(ctx, "desk_look:"+who.ID, s.Policy.OperatorLooks, time.Hour, now)
	switch {
	case err != nil:
		return Case{}, err
	case wait > 0:
		return Case{}, fault.New(fault.Limited, "fault.desk.looks", fault.Args{"After": wait})
	}
	a, err := s.Accounts.FindAccount(ctx, id)
	if fault.Is(err, fault.NotFound) {
		err = s.Cases.Note(ctx, act, now, []effect.Effect{effect.Record{
			Kind: "desk.looked", Object: "operator:" + who.ID, Facts: map[string]string{"by": string(id.Kind), "found": "no", "reason": string(in.Reason)},
		}})
		if err == nil {
			err = fault.New(fault.NotFound, "fault.desk.nobody", nil)
		}
		return Case{}, err
	}
	if err != nil {
		return Case{}, err
	}
	c := Case{
		ID: account.NewID(), Account: a.ID, Operator: who.ID, Office: who.Office, Reason: in.Reason, Document: in.Document, Last4: last4,
		OpenedAt: now, ClosesAt: now.Add(s.Policy.OperatorCase), Version: 1,
	}
	return c, s.Cases.OpenCase(ctx, act, now, c, []effect.Effect{
		effect.Record{
			Kind: "desk.case_opened", Object: "case:" + c.ID, Subjects: []string{a.ID},
			Facts: map[string]string{"by": string(id.Kind), "reason": string(in.Reason), "document": string(in.Document)},
		},
		effect.Send{
			Kind: "desk.case_opened", To: a.ID, Via: effect.All(), Key: "case:" + c.ID,
			Args: map[string]string{"at": rfc(now), "stop_code": s.Keys.StopCode(a.ID, now)},
		},
	})
}

func (in OpenInput) parse() (id account.Identifier, last4 string, bad []fault.Field) {
	id, wrong := account.ParseIdentifier(in.Identifier)
	if wrong != "" {
		bad = append(bad, fault.Field{Name: "identifier", Key: wrong})
	}
	if !slices.Contains(Reasons(), in.Reason) {
		bad = append(bad, fault.Field{Name: "reason", Key: "fault.desk.reason"})
	}
	if !slices.Contains(account.DocumentKinds(), in.Document) {
		bad = append(bad, fault.Field{Name: "document", Key: "fault.document.kind"})
	}
	last4 = strings.ToUpper(strings.TrimSpace(in.Last4))
	if utf8.RuneCountInString(last4) != 4 || strings.ContainsFunc(last4, func(r rune) bool { return !unicode.IsLetter(r) && (r < '0' || r > '9') }) {
		bad = append(bad, fault.Field{Name: "last4", Key: "fault.desk.last4"})
	}
	return id, last4, bad
}

// View is a case as its page shows it.
type View struct {
	Case    Case
	Account account.Account
	Circle  trust.Circle
	Acts    []Act
	Now     time.Time
}

// DocumentFits tells whether the document that was seen is the one on record; known is false when none is.
func (v View) DocumentFits() (fits, known bool) {
	d := v.Account.Document
	return d.Kind == v.Case.Document && d.Last4 == v.Case.Last4, d.Kind != ""
}

// View reads a case for the operator who opened it; for anybody else, and when it is over, it does not exist.
func (s *Service) View(ctx context.Context, who Operator, caseID string) (View, error) {
	seen, err := s.Cases.LookAtDesk(ctx, Asked{Case: caseID})
	if err != nil {
		return View{}, err
	}
	if err := s.own(who, seen.Case); err != nil {
		return View{}, err
	}
	return s.view(ctx, seen)
}

func (s *Service) view(ctx context.Context, seen Seen) (View, error) {
	a, err := s.Accounts.Account(ctx, seen.Case.Account)
	if err != nil {
		return View{}, err
	}
	acts, err := s.Cases.ActsOf(ctx, seen.Case.ID)
	return View{Case: seen.Case, Account: a, Circle: seen.Circle, Acts: acts, Now: s.Now()}, err
}

// own refuses, as if there were no such case, whoever did not open it. A case that is over says so to its own operator.
func (s *Service) own(who Operator, c Case) error {
	switch {
	case c.ID == "" || c.Operator != who.ID || !who.Role.Serves():
		return fault.New(fault.NotFound, "fault.not_found", nil)
	case !c.Live(s.Now()):
		return fault.New(fault.Conflict, "fault.desk.case_over", nil)
	}
	return nil
}

// OpenCases lists the operator's own live cases.
func (s *Service) OpenCases(ctx context.Context, who Operator) ([]Case, error) {
	if !who.Role.Serves() {
		return nil, nil
	}
	return s.Cases.OpenCases(ctx, who.ID, s.Now())
}

// Close ends a case: the person has left. Open proposals stay for the second operator.
func (s *Service) Close(ctx context.Context, act effect.Act, who Operator, caseID string) error {
	return s.Cases.DecideAtDesk(ctx, act, Asked{Case: caseID}, func(seen Seen) (Outcome, error) {
		if err := s.own(who, seen.Case); err != nil {
			return Outcome{}, err
		}
		c := seen.Case
		c.ClosedAt, c.Phone = seen.Circle.Now, nil
		return Outcome{Case: &c, Outcome: trust.Outcome{Effects: []effect.Effect{
			effect.DropCodes{Bound: c.ID},
			effect.Record{Kind: "desk.case_closed", Object: "case:" + c.ID, Subjects: []string{c.Account}},
		}}}, nil
	})
}
