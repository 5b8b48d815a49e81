package trust

import (
	"context"
	"slices"
	"strings"
	"time"
)

// Views reads the lists of a person's cabinet. The store loads rows and lets LinkViews, InvitationViews
// and ApprovalViews decide what of them may be seen, so that no query has to know the rules (I9).
type Views interface {
	// LinksOf lists the person's links of both sides, those that ended included.
	LinksOf(ctx context.Context, account string) ([]LinkView, error)
	// InvitationsFor lists the unanswered invitations that were meant for the person: those whose keyed
	// hashes are of his own given name and current phone.
	InvitationsFor(ctx context.Context, account string) ([]InvitationView, error)
	// ApprovalsOf lists the requests for the contact's decision: the undecided, and those asked in the
	// last ApprovalHistory; newest first.
	ApprovalsOf(ctx context.Context, contact string) ([]ApprovalView, error)
}

// ApprovalHistory is how long a decided request stays in the contact's list.
const ApprovalHistory = 30 * 24 * time.Hour

// Names is what linked people may read of each other's name, and nothing else of the account.
type Names struct {
	Given      string
	Patronymic string // may be empty
}

// Names gives the part of the facts that the other side of a link may read.
func (f Facts) Names() Names { return Names{Given: f.Given, Patronymic: f.Patronymic} }

// Polite is given name and patronymic, where there is one.
func (n Names) Polite() string { return Facts{Given: n.Given, Patronymic: n.Patronymic}.PoliteName() }

// LinkRow is one stored link with the facts of the other side: the zero Facts while nobody accepted it.
type LinkRow struct {
	Link  Link
	Other Facts
}

// LinkView is one link as one of its two sides may see it.
type LinkView struct {
	Side   Side // whose eyes: PrincipalSide means "he guards me"
	Link   Link // without keyed hashes; a quiet exit is hidden from the contact
	Other  Names
	Mutual bool // the two guard each other
}

// LinkViews shows the account's links to the account: what goes on first, then what ended; newest first
// in both. Rows of other people's links are left out.
func LinkViews(account string, rows []LinkRow) []LinkView {
	out := make([]LinkView, 0, len(rows))
	for _, row := range rows {
		v := LinkView{Link: row.Link, Other: row.Other.Names()}
		v.Link.NameHash, v.Link.PhoneHash = nil, nil
		switch account {
		case row.Link.Principal:
			v.Side = PrincipalSide
			if row.Link.Contact == "" {
				v.Other = Names{}
			}
		case row.Link.Contact:
			v.Side = ContactSide
			v.Link = v.Link.ForContact()
			v.Link.Label = "" // what the sender typed is the sender's
		default:
			continue
		}
		out = append(out, v)
	}
	for i, v := range out {
		out[i].Mutual = v.Link.Guards() && slices.ContainsFunc(out, func(w LinkView) bool {
			return w.Side != v.Side && w.Link.Guards() && other(w) == other(v)
		})
	}
	slices.SortStableFunc(out, func(a, b LinkView) int {
		if a.Link.Over() != b.Link.Over() {
			if a.Link.Over() {
				return 1
			}
			return -1
		}
		return strings.Compare(b.Link.ID, a.Link.ID) // ids are in the order of time
	})
	return out
}

func other(v LinkView) string {
	if v.Side == PrincipalSide {
		return v.Link.Contact
	}
	return v.Link.Principal
}

// GuardedBy tells whether that person guards the one whose links these are: whoever accepts an invitation
// from his own contact is warned that both could be locked out (DOMAIN §3).
func GuardedBy(links []LinkView, account string) bool {
	return slices.ContainsFunc(links, func(v LinkView) bool {
		return v.Side == PrincipalSide && v.Link.Guards() && v.Link.Contact == account
	})
}

// InvitationRow is one stored invitation with the facts of its sender.
type InvitationRow struct {
	Link      Link
	Principal Facts
	Blocked   bool // the newcomer blocked this sender
}

// InvitationView is one unanswered invitation as the invited person sees it.
type InvitationView struct {
	ID        string
	Principal Names
	InvitedAt time.Time
	ExpiresAt time.Time
}

// InvitationViews shows the invitations that are meant for the newcomer and still wait; newest first.
func InvitationViews(now time.Time, newcomer Newcomer, rows []InvitationRow) []InvitationView {
	var out []InvitationView
	for _, row := range rows {
		n := newcomer
		n.Blocked = row.Blocked
		if meant(Circle{Link: row.Link, Newcomer: n}) != nil || !now.Before(row.Link.ExpiresAt) {
			continue
		}
		out = append(out, InvitationView{
			ID: row.Link.ID, Principal: row.Principal.Names(), InvitedAt: row.Link.InvitedAt, ExpiresAt: row.Link.ExpiresAt,
		})
	}
	slices.SortStableFunc(out, func(a, b InvitationView) int { return strings.Compare(b.ID, a.ID) })
	return out
}

// ApprovalRow is one stored approval with the facts of its principal.
type ApprovalRow struct {
	Approval  Approval
	Principal Facts
}

// ApprovalView is one request for a decision as its contact sees it in a list.
type ApprovalView struct {
	ID           string
	Action       ActionKind
	State        ApprovalState
	Reason       string // why it was rejected or closed
	Principal    Names
	AskedAt      time.Time
	ExpiresAt    time.Time
	DecidedAt    time.Time // zero: undecided
	SecondDevice bool
	Open         bool // it is the contact's move
}

// ApprovalViews shows the contact his requests; newest first.
func ApprovalViews(now time.Time, rows []ApprovalRow) []ApprovalView {
	out := make([]ApprovalView, 0, len(rows))
	for _, row := range rows {
		a := row.Approval
		if !a.Undecided() && a.AskedAt.Before(now.Add(-ApprovalHistory)) {
			continue
		}
		out = append(out, ApprovalView{
			ID: a.ID, Action: a.Action, State: a.State, Reason: a.Reason, Principal: row.Principal.Names(),
			AskedAt: a.AskedAt, ExpiresAt: a.ExpiresAt, DecidedAt: a.DecidedAt, SecondDevice: a.SecondAsked,
			Open: a.Undecided() && now.Before(a.ExpiresAt),
		})
	}
	slices.SortStableFunc(out, func(a, b ApprovalView) int { return strings.Compare(b.ID, a.ID) })
	return out
}

// InvitationPage is one invitation in full, for the invited person alone.
type InvitationPage struct {
	InvitationView

	Now     time.Time
	From    string   // the sender's account, for GuardedBy; never shown
	Reasons []Reason // what keeps the invited person from accepting now: his own affairs only
}

// Invitation returns the invitation to the person it was meant for, and NotFound to everybody else. An
// invitation the person accepted already is a Conflict ("fault.trust.state_active" and so on).
func (s *Links) Invitation(ctx context.Context, contact, linkID string) (InvitationPage, error) {
	c, err := s.Circles.Look(ctx, Around{Link: linkID, Newcomer: contact})
	if err != nil {
		return InvitationPage{}, err
	}
	if err := meant(c); err != nil {
		return InvitationPage{}, err
	}
	return InvitationPage{
		InvitationView: InvitationView{
			ID: c.Link.ID, Principal: c.Principal.Names(), InvitedAt: c.Link.InvitedAt, ExpiresAt: c.Link.ExpiresAt,
		},
		Now: c.Now, From: c.Link.Principal, Reasons: s.NewcomerReasons(c),
	}, nil
}

// Standing is whether a person may invite a contact now, for himself to see.
type Standing struct {
	Now       time.Time
	Reasons   []Reason  // every rule that forbids it
	HoldUntil time.Time // after a recovery contacts may not be changed until then; zero: no hold
}

// MayInvite tells whether an invitation would be sent.
func (s Standing) MayInvite() bool { return len(s.Reasons) == 0 && s.HoldUntil.IsZero() }

// Standing asks the rules that Invite will ask, so that nobody fills in a form in vain.
func (s *Links) Standing(ctx context.Context, principal string) (Standing, error) {
	c, err := s.Circles.Look(ctx, Around{Principal: principal})
	if err != nil {
		return Standing{}, err
	}
	out := Standing{Now: c.Now, Reasons: PrincipalReasons(c.Principal, s.Policy)}
	if len(c.Guardians)+len(c.Invitations) >= s.Policy.MaxContacts {
		out.Reasons = append(out.Reasons, ContactsFull)
	}
	if c.Now.Before(c.HoldUntil) {
		out.HoldUntil = c.HoldUntil
	}
	return out, nil
}
