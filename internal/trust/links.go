package trust

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/policy"
	"doverie/internal/secret"
)

// Limiter counts acts durably, for all processes together.
type Limiter interface {
	// Allow takes one act of that name by that subject; a Limited fault with argument "After" when
	// more than burst were taken within per.
	Allow(ctx context.Context, name, subject string, burst int, per time.Duration) error
}

// Newcomers finds who an invitation was meant for.
type Newcomers interface {
	// Matching returns the account whose current phone and given name have those keyed hashes; "" when none.
	Matching(ctx context.Context, nameHash, phoneHash []byte) (account string, err error)
	// Block keeps further invitations of the principal from the contact.
	Block(ctx context.Context, contact, principal string) error
}

// Links is what people do with invitations and links: one method a human act or timer.
type Links struct {
	Circles   Circles
	Newcomers Newcomers
	Limits    Limiter
	Keys      *secret.Keyring
	Policy    policy.Policy
	// ParseInvited checks and normalises what the sender typed: the folded key of the given name, the
	// E.164 phone and the masked label, or an Invalid fault that names the fields.
	ParseInvited func(name, phone string) (nameKey, e164, label string, err error)
}

// Look-up domains of the keyed hashes an invitation is matched by.
const (
	LookupPhone = "phone"
	LookupName  = "given_name"
)

func newID() string { return uuid.Must(uuid.NewV7()).String() }

// Invite offers the person with that given name and phone to become a contact. It reads nothing
// about that person: the answer is the same whoever they are, or whether they exist (DOMAIN §4.2).
func (s *Links) Invite(ctx context.Context, act effect.Act, principal, name, phone string) (linkID string, err error) {
	nameKey, e164, label, err := s.ParseInvited(name, phone)
	if err != nil {
		return "", err
	}
	// The principal's own rules come first: an invitation that is refused must not use up the day's few.
	c, err := s.Circles.Look(ctx, Around{Principal: principal})
	if err != nil {
		return "", err
	}
	if err := s.mayInvite(c, e164); err != nil {
		return "", err
	}
	if err := s.Limits.Allow(ctx, "invite", principal, s.Policy.InvitationsPerDay, 24*time.Hour); err != nil {
		return "", err
	}
	if err := s.Limits.Allow(ctx, "invite_phone", principal+"|"+e164, s.Policy.InvitationsPhoneWeek, 7*24*time.Hour); err != nil {
		return "", err
	}
	id := newID()
	err = s.Circles.Decide(ctx, act, Around{Principal: principal}, func(c Circle) (Outcome, error) {
		if err := s.mayInvite(c, e164); err != nil {
			return Outcome{}, err
		}
		l, effs, err := Link{}.Apply(c.Now, s.Policy, InvitationSent{
			ID: id, Principal: principal, PrincipalName: c.Principal.PoliteName(), Label: label,
			NameHash: s.Keys.Lookup(LookupName, nameKey), PhoneHash: s.Keys.Lookup(LookupPhone, e164),
		})
		return Outcome{Links: []Link{l}, Effects: effs}, err
	})
	return id, err
}

// mayInvite asks every rule of the principal himself.
func (s *Links) mayInvite(c Circle, e164 string) error {
	if c.Now.Before(c.HoldUntil) {
		return fault.New(fault.Refused, "fault.hold", fault.Args{"Until": c.HoldUntil})
	}
	reasons := PrincipalReasons(c.Principal, s.Policy)
	if len(c.Guardians)+len(c.Invitations) >= s.Policy.MaxContacts {
		reasons = append(reasons, ContactsFull)
	}
	if e164 == c.Principal.Phone {
		reasons = append(reasons, Self)
	}
	// One unanswered invitation for one number: the sender's own list says so, and nothing of anybody else's.
	if hash := s.Keys.Lookup(LookupPhone, e164); slices.ContainsFunc(c.Invitations, func(l Link) bool { return bytes.Equal(l.PhoneHash, hash) }) {
		reasons = append(reasons, AlreadyInvited)
	}
	if len(reasons) > 0 {
		return NotEligible(reasons)
	}
	return nil
}

// Withdraw takes an unanswered invitation back.
func (s *Links) Withdraw(ctx context.Context, act effect.Act, principal, linkID string) error {
	return s.decide(ctx, act, linkID, func(c Circle) (LinkEvent, error) {
		return InvitationWithdrawn{}, only(c.Link.Principal, principal)
	})
}

// Accept makes the invited person a contact. Every rule is asked again under lock; every reason is
// told to the person himself only.
func (s *Links) Accept(ctx context.Context, act effect.Act, contact, linkID string) error {
	return s.Circles.Decide(ctx, act, Around{Link: linkID, Newcomer: contact}, func(c Circle) (Outcome, error) {
		if err := meant(c); err != nil {
			return Outcome{}, err
		}
		if len(PrincipalReasons(c.Principal, s.Policy)) > 0 || len(c.Guardians) >= s.Policy.MaxContacts || c.Now.Before(c.HoldUntil) {
			// Why is the principal's own matter.
			return Outcome{}, fault.New(fault.Refused, "fault.trust.not_now", nil)
		}
		l, effs, err := c.Link.Apply(c.Now, s.Policy, InvitationAccepted{
			Contact: contact, ContactName: c.Newcomer.Facts.Given, Reasons: s.NewcomerReasons(c),
		})
		return Outcome{Links: []Link{l}, Effects: effs}, err
	})
}

// NewcomerReasons lists what keeps the invited person from accepting, for him alone to see.
func (s *Links) NewcomerReasons(c Circle) []Reason {
	n := c.Newcomer
	reasons := ContactReasons(n.Facts, s.Policy)
	reasons = append(reasons, PairReasons(c.Principal, n.Facts)...)
	if n.Principals >= s.Policy.MaxPrincipals {
		reasons = append(reasons, PrincipalsFull)
	}
	if _, ok := c.GuardianOf(n.Facts.Account); ok {
		reasons = append(reasons, AlreadyLinked)
	}
	return reasons
}

// meant refuses, as if there were no such invitation, whoever it was not meant for.
func meant(c Circle) error {
	if c.Link.State != Invited {
		if c.Link.Contact == c.Newcomer.Facts.Account && c.Link.Contact != "" {
			return fault.New(fault.Conflict, "fault.trust.state_"+stateKey(c.Link.State), nil)
		}
		return fault.New(fault.NotFound, "fault.not_found", nil)
	}
	if c.Newcomer.Blocked || len(c.Link.PhoneHash) == 0 ||
		!bytes.Equal(c.Link.PhoneHash, c.Newcomer.PhoneHash) || !bytes.Equal(c.Link.NameHash, c.Newcomer.NameHash) {
		return fault.New(fault.NotFound, "fault.not_found", nil)
	}
	return nil
}

// Decline is the invited person's no; block keeps further invitations of that principal away, which he never learns.
func (s *Links) Decline(ctx context.Context, act effect.Act, contact, linkID string, block bool) error {
	principal := ""
	err := s.Circles.Decide(ctx, act, Around{Link: linkID, Newcomer: contact}, func(c Circle) (Outcome, error) {
		if err := meant(c); err != nil {
			return Outcome{}, err
		}
		principal = c.Link.Principal
		l, effs, err := c.Link.Apply(c.Now, s.Policy, InvitationDeclined{Contact: contact})
		return Outcome{Links: []Link{l}, Effects: effs}, err
	})
	if err != nil || !block {
		return err
	}
	return s.Newcomers.Block(ctx, contact, principal)
}

// Remove starts the removal of a contact: he still guards for the policy's leaving time. Quiet keeps
// it from a contact who is feared until it takes effect. Beginning it too often is Limited: both are told each time (T49).
func (s *Links) Remove(ctx context.Context, act effect.Act, principal, linkID string, quiet bool) error {
	c, err := s.Circles.Look(ctx, Around{Link: linkID})
	if err != nil {
		return err
	}
	// What is refused anyway, by the decision below, is not counted.
	if l := c.Link; l.Principal == principal && (l.State == Active || l.State == Suspended) && !c.Now.Before(c.HoldUntil) {
		if err := s.Limits.Allow(ctx, "remove", principal+"|"+linkID, s.Policy.ToldActsDay, 24*time.Hour); err != nil {
			return err
		}
	}
	return s.decide(ctx, act, linkID, func(c Circle) (LinkEvent, error) {
		if err := only(c.Link.Principal, principal); err != nil {
			return nil, err
		}
		if err := may(c); err != nil {
			return nil, err
		}
		return RemovalAsked{Quiet: quiet, PrincipalName: c.Principal.PoliteName(), ContactName: contactName(c)}, nil
	})
}

// Stay stops a removal: either side may.
func (s *Links) Stay(ctx context.Context, act effect.Act, who, linkID string) error {
	return s.decide(ctx, act, linkID, func(c Circle) (LinkEvent, error) {
		e := RemovalStopped{By: PrincipalSide, PrincipalName: c.Principal.PoliteName(), ContactName: contactName(c)}
		if who == c.Link.Contact {
			e.By, e.StopCode = ContactSide, s.Keys.StopCode(c.Link.Principal, c.Now)
			return e, nil
		}
		return e, only(c.Link.Principal, who)
	})
}

// Resign is the contact's exit, at once; the principal is told on every channel.
func (s *Links) Resign(ctx context.Context, act effect.Act, contact, linkID string) error {
	return s.decide(ctx, act, linkID, func(c Circle) (LinkEvent, error) {
		return Resigned{ContactName: contactName(c), PrincipalName: c.Principal.PoliteName()}, only(c.Link.Contact, contact)
	})
}

// EndInPerson ends a link at once: the act of two operators.
func (s *Links) EndInPerson(ctx context.Context, act effect.Act, linkID string) error {
	return s.decide(ctx, act, linkID, func(c Circle) (LinkEvent, error) {
		return EndedInPerson{PrincipalName: c.Principal.PoliteName(), ContactName: contactName(c)}, nil
	})
}

// decide applies one event to one link; when the link stops guarding, what it was asked for moves too.
func (s *Links) decide(ctx context.Context, act effect.Act, linkID string, event func(Circle) (LinkEvent, error)) error {
	return s.Circles.Decide(ctx, act, Around{Link: linkID}, func(c Circle) (Outcome, error) {
		e, err := event(c)
		if err != nil {
			return Outcome{}, err
		}
		return s.apply(c, c.Link, e, Outcome{})
	})
}

// apply adds one event of one link, and what follows from it, to the outcome.
func (s *Links) apply(c Circle, before Link, e LinkEvent, out Outcome) (Outcome, error) {
	l, effs, err := before.Apply(c.Now, s.Policy, e)
	if err != nil {
		return Outcome{}, err
	}
	out.Links, out.Effects = append(out.Links, l), append(out.Effects, effs...)
	if before.Guards() && !l.Guards() {
		err = s.contactLost(c, l, &out)
	}
	if before.State == Active && l.State == Suspended {
		err = s.contactSuspended(c, l, &out)
	}
	return out, err
}

// contactLost closes the leaving contact's approvals, a yes too, and lets each open action see who is left.
// Silence and absence never approve (I10): an action with too few contacts, or too few yeses, left ends.
func (s *Links) contactLost(c Circle, gone Link, out *Outcome) error {
	rest := c
	rest.Guardians = nil
	for _, g := range c.Guardians {
		if g.Link.ID != gone.ID {
			rest.Guardians = append(rest.Guardians, g)
		}
	}
	for _, p := range c.Pending {
		if slices.ContainsFunc(out.Actions, func(a Parent) bool { return a.ActionID() == p.Action.ActionID() }) {
			continue // this very commit ends it
		}
		var his, others []Approval
		for _, a := range p.Approvals {
			if a.Link == gone.ID {
				his = append(his, a)
			} else {
				others = append(others, a)
			}
		}
		closed, effs, err := linkOver(c.Now, s.Policy, his)
		if err != nil {
			return err
		}
		next, more, err := p.Action.WhenContactLost(c.Now, s.Policy, rest.left(p, gone.ID, s.Policy))
		if err != nil {
			return err
		}
		if len(more) > 0 {
			also, e, err := CloseApprovals(c.Now, s.Policy, others, "contact_left")
			if err != nil {
				return err
			}
			closed, effs = append(closed, also...), append(effs, e...)
			out.Actions = append(out.Actions, next)
		}
		out.Approvals = append(out.Approvals, closed...)
		out.Effects = append(append(out.Effects, effs...), more...)
	}
	return nil
}

// linkOver closes what a contact who left was asked, and a yes he gave.
func linkOver(now time.Time, p policy.Policy, his []Approval) (out []Approval, effs []effect.Effect, err error) {
	for _, a := range his {
		n, more, err := a.Apply(now, p, LinkOver{})
		switch {
		case fault.Is(err, fault.Conflict): // he said no, or it was closed before
			continue
		case err != nil:
			return nil, nil, err
		}
		out, effs = append(out, n), append(effs, more...)
	}
	return out, effs, nil
}

// contactSuspended lets each open action see that one contact cannot approve for now: what nobody else could approve in
// time ends, and so does what rested on the yes of an account that was frozen since; its principal is told instead of
// waiting in vain. The suspended contact may still reject what goes on.
func (s *Links) contactSuspended(c Circle, suspended Link, out *Outcome) error {
	for _, p := range c.Pending {
		next, effs, err := p.Action.WhenContactLost(c.Now, s.Policy, c.left(p, suspended.ID, s.Policy))
		if err != nil {
			return err
		}
		if len(effs) == 0 {
			continue
		}
		closed, more, err := CloseApprovals(c.Now, s.Policy, p.Approvals, "contact_suspended")
		if err != nil {
			return err
		}
		out.Actions, out.Approvals = append(out.Actions, next), append(out.Approvals, closed...)
		out.Effects = append(append(out.Effects, effs...), more...)
	}
	return nil
}

func contactName(c Circle) string {
	if g, ok := c.GuardianOf(c.Link.Contact); ok {
		return g.Contact.PoliteName()
	}
	return ""
}

// only refuses, as if there were no such thing, whoever is not the one it belongs to (T28).
func only(owner, who string) error {
	if owner == "" || owner != who {
		return fault.New(fault.NotFound, "fault.not_found", nil)
	}
	return nil
}
