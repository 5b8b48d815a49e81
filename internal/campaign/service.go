package campaign

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/outreach"
	"doverie/internal/policy"
	"doverie/internal/secret"
)

// Store keeps campaigns. Every method that writes is one transaction and, unless it says otherwise, writes the effects
// in it. Errors: fault.NotFound, and fault.Conflict when somebody was first.
type Store interface { //nolint:interfacebloat // one store of one room, in one file; the tests use the real one
	// Staff tells whether the account may work on campaigns.
	Staff(ctx context.Context, account string) (bool, error)
	// SetStaff gives or takes the right; the effects are written only when it changes.
	SetStaff(ctx context.Context, act effect.Act, account string, granted bool, effects []effect.Effect) (changed bool, err error)

	Campaigns(ctx context.Context) ([]Campaign, error)
	Campaign(ctx context.Context, id string) (Campaign, error)
	CreateCampaign(ctx context.Context, act effect.Act, c Campaign, effects []effect.Effect) error
	// ChangeCampaign writes how far work was asked for, under the version it was read at.
	ChangeCampaign(ctx context.Context, act effect.Act, c Campaign, effects []effect.Effect) error

	// OrganisationIDs are those that a campaign has already.
	OrganisationIDs(ctx context.Context, campaign string) (map[string]bool, error)
	// AddRecipients adds organisations with consecutive numbers from c.LastN, under the campaign's version.
	AddRecipients(ctx context.Context, act effect.Act, c Campaign, add []Recipient, effects []effect.Effect) error
	Recipient(ctx context.Context, id string) (Recipient, error)
	// Recipients reads at most limit organisations of a campaign whose number is from or more, by number.
	Recipients(ctx context.Context, campaign string, f Filter, from, limit int) ([]Recipient, error)
	Count(ctx context.Context, campaign string, f Filter) (int, error)
	// ChangeRecipients writes organisations under the versions they were read at.
	ChangeRecipients(ctx context.Context, act effect.Act, changed []Recipient, effects []effect.Effect) error
	// SetKits notes what became of kits; it is no change of state and has no event.
	SetKits(ctx context.Context, made []Recipient, effects []effect.Effect) error
	// WithoutKit reads at most limit organisations with a number below to that have neither a kit nor a problem.
	WithoutKit(ctx context.Context, campaign string, to, limit int) ([]Recipient, error)
	Areas(ctx context.Context, campaign string) ([]Area, error)
	Progress(ctx context.Context, c Campaign) (Progress, error)

	Logo(ctx context.Context, recipient string) ([]byte, error) // nil: none
	SetLogo(ctx context.Context, act effect.Act, r Recipient, png []byte, effects []effect.Effect) error

	// Report adds a placement, with its photo as JPEG or nil, and writes the recipient; at most limit a recipient.
	Report(ctx context.Context, act effect.Act, r Recipient, p Placement, photo []byte, limit int, effects []effect.Effect) error
	// Placements reads those of one recipient, or of a whole campaign, newest first.
	Placements(ctx context.Context, campaign, recipient string) ([]Placement, error)
	Photo(ctx context.Context, id string) ([]byte, error)

	// CountVisit counts one visit of the landing by a code in a week; an unknown code counts nothing.
	CountVisit(ctx context.Context, code string, week time.Time) error
	VisitsOf(ctx context.Context, campaign string, weeks []time.Time) ([]Visits, error)
	// Appointments counts the links accepted in each week.
	Appointments(ctx context.Context, weeks []time.Time) ([]Week, error)
}

// Service is what staff and recipients do.
type Service struct {
	Store  Store
	Source *outreach.Source
	Shelf  outreach.Shelf
	Keys   *secret.Keyring
	Policy policy.Policy
	Now    func() time.Time

	photos chan struct{} // one picture is decoded at a time
	kits   chan struct{} // one kit is made at a time
}

// New prepares the service.
func New(store Store, source *outreach.Source, shelf outreach.Shelf, keys *secret.Keyring, p policy.Policy, now func() time.Time) *Service {
	return &Service{Store: store, Source: source, Shelf: shelf, Keys: keys, Policy: p, Now: now, photos: make(chan struct{}, 1), kits: make(chan struct{}, 1)}
}

// now is the moment of an act, to the microsecond as it is stored.
func (s *Service) now() time.Time { return s.Now().UTC().Truncate(time.Microsecond) }

func newID() (string, error) {
	id, err := uuid.NewV7()
	return id.String(), err
}

// Allowed refuses whoever may not work on campaigns, as if the page did not exist.
func (s *Service) Allowed(ctx context.Context, account string) error {
	ok, err := s.Store.Staff(ctx, account)
	if err == nil && !ok {
		err = fault.New(fault.NotFound, "fault.not_found", nil)
	}
	return err
}

// SetStaff gives an account the right to work on campaigns, or takes it; it reports whether anything changed.
func (s *Service) SetStaff(ctx context.Context, act effect.Act, account string, granted bool) (bool, error) {
	kind := "campaign.staff_granted"
	if !granted {
		kind = "campaign.staff_revoked"
	}
	return s.Store.SetStaff(ctx, act, account, granted, []effect.Effect{
		effect.Record{Kind: kind, Object: "account:" + account, Subjects: []string{account}},
	})
}

const (
	nameMost  = 120       // letters of a campaign's name
	firstMost = 1_000_000 // the number of a campaign's first letter
)

// Create begins a campaign with the letter's common part.
func (s *Service) Create(ctx context.Context, act effect.Act, name string, l outreach.Letter, counted bool) (Campaign, error) {
	var wrong []fault.Field
	if name = strings.TrimSpace(name); name == "" {
		wrong = append(wrong, fault.Field{Name: "name", Key: "outreach.field.missing"})
	} else if utf8.RuneCountInString(name) > nameMost {
		wrong = append(wrong, fault.Field{Name: "name", Key: "outreach.field.long", Args: fault.Args{"Limit": nameMost}})
	}
	if l.First < 0 || l.First > firstMost {
		wrong = append(wrong, fault.Field{Name: "first", Key: "campaign.field.first_wrong"})
	}
	l, err := s.Source.PrepareLetter(l)
	if err != nil {
		var f *fault.Error
		if !errors.As(err, &f) || f.Kind != fault.Invalid {
			return Campaign{}, err
		}
		wrong = append(wrong, f.Fields...)
	}
	if len(wrong) > 0 {
		return Campaign{}, fault.BadFields(wrong...)
	}
	id, err := newID()
	if err != nil {
		return Campaign{}, err
	}
	c := Campaign{ID: id, Name: name, Letter: l, Counted: counted, CreatedBy: act.ID, CreatedAt: s.now(), Version: 1}
	return c, s.Store.CreateCampaign(ctx, act, c, []effect.Effect{
		effect.Record{Kind: "campaign.created", Object: "campaign:" + id, Subjects: []string{act.ID}},
	})
}

// Imported is what an import made of a register.
type Imported struct {
	Added   int
	Refused []outreach.Row // rows with their faults
	Logos   int            // good rows that name a logo, which an import cannot read
}

// Import adds every good row of a register to the campaign, all or none of them at once, and tells why each other row is
// none. Rows of organisations that the campaign has are refused, so the same file may be imported again.
func (s *Service) Import(ctx context.Context, act effect.Act, id string, register []byte) (Imported, error) {
	c, err := s.Store.Campaign(ctx, id)
	if err != nil {
		return Imported{}, err
	}
	rows, err := outreach.ReadRegister(strings.NewReader(string(register)), true)
	if err != nil {
		return Imported{}, err
	}
	known, err := s.Store.OrganisationIDs(ctx, id)
	if err != nil {
		return Imported{}, err
	}
	var out Imported
	var add []Recipient
	for _, row := range rows {
		if row.Err == nil && known[row.Org.ID] {
			row.Err = fault.BadFields(fault.Field{Name: "id", Key: "outreach.field.known"})
		}
		if row.Err != nil {
			out.Refused = append(out.Refused, row)
			continue
		}
		if row.Org.Logo != "" {
			out.Logos++
			row.Org.Logo = ""
		}
		r, err := s.recipient(c, c.LastN+len(add), row.Org)
		if err != nil {
			return Imported{}, err
		}
		add = append(add, r)
	}
	out.Added = len(add)
	if len(add) == 0 {
		return out, nil
	}
	return out, s.Store.AddRecipients(ctx, act, c, add, []effect.Effect{
		effect.Record{Kind: "campaign.imported", Object: "campaign:" + id, Subjects: []string{act.ID}, Facts: countFact(len(add))},
	})
}

func (s *Service) recipient(c Campaign, n int, o outreach.Organisation) (Recipient, error) {
	id, err := newID()
	if err != nil {
		return Recipient{}, err
	}
	const codeLetters = 7 // 32^7: no two of a campaign meet by accident
	code := strings.ToLower(rand.Text()[:codeLetters])
	return Recipient{ID: id, Campaign: c.ID, N: n, Org: o, Code: code, State: Listed, Version: 1}, nil
}

// AskKits has kits made for every organisation of the campaign that has none.
func (s *Service) AskKits(ctx context.Context, act effect.Act, id string) error {
	c, err := s.Store.Campaign(ctx, id)
	if err != nil {
		return err
	}
	if c.LastN == 0 {
		return fault.New(fault.Refused, "fault.campaign.empty", nil)
	}
	c.KitsTo = c.LastN
	return s.Store.ChangeCampaign(ctx, act, c, []effect.Effect{
		effect.Arm{Timer: TimerKits, Object: id, At: s.now()},
		effect.Record{Kind: "campaign.kits_asked", Object: "campaign:" + id, Subjects: []string{act.ID}},
	})
}

// AskSend has the letter sent to every organisation of the campaign that has not got it.
func (s *Service) AskSend(ctx context.Context, act effect.Act, id string) error {
	c, err := s.Store.Campaign(ctx, id)
	if err != nil {
		return err
	}
	waiting, err := s.Store.Count(ctx, id, Filter{State: Listed})
	if err != nil {
		return err
	}
	if waiting == 0 {
		return fault.New(fault.Refused, "fault.campaign.nobody", nil)
	}
	c.SendTo = c.LastN
	return s.Store.ChangeCampaign(ctx, act, c, []effect.Effect{
		effect.Arm{Timer: TimerSend, Object: id, At: s.now()},
		effect.Record{Kind: "campaign.send_asked", Object: "campaign:" + id, Subjects: []string{act.ID}, Facts: countFact(waiting)},
	})
}
