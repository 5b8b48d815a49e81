package web

import (
	"context"
	"net/http"
	"slices"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/httpx"
	"doverie/internal/policy"
	"doverie/internal/trust"
	"doverie/internal/ui"
)

// InvitationService is the invited person's side of an invitation.
type InvitationService interface {
	Invitation(ctx context.Context, contact, linkID string) (trust.InvitationPage, error)
	Accept(ctx context.Context, act effect.Act, contact, linkID string) error
	Decline(ctx context.Context, act effect.Act, contact, linkID string, block bool) error
}

// OwnLinks lists a person's links, to warn two people who would guard each other.
type OwnLinks interface {
	LinksOf(ctx context.Context, account string) ([]trust.LinkView, error)
}

// Invitations are the pages of whoever is asked to become a trusted contact.
type Invitations struct {
	Kit    *httpx.Kit
	Links  InvitationService
	Views  OwnLinks
	Policy policy.Policy
}

// Mount puts the pages on the mux. A yes needs the repeated check; a no never does.
func (i Invitations) Mount(mux *http.ServeMux, citizens *httpx.Gate) {
	mux.Handle("GET /invitations/{id}", i.Kit.Handle(citizens.RequireSession(i.show)))
	mux.Handle("GET /invitations/{id}/accept", i.Kit.Handle(citizens.RequireStepUp(i.acceptForm)))
	mux.Handle("POST /invitations/{id}/accept", i.Kit.Handle(citizens.RequireStepUp(i.accept)))
	mux.Handle("GET /invitations/{id}/decline", i.Kit.Handle(citizens.RequireSession(i.declineForm)))
	mux.Handle("POST /invitations/{id}/decline", i.Kit.Handle(citizens.RequireSession(i.decline)))
}

// load reads the invitation and whether its sender guards the visitor already.
func (i Invitations) load(r *http.Request) (inv trust.InvitationPage, mutual bool, err error) {
	me := httpx.VisitorOf(r).Account
	if inv, err = i.Links.Invitation(r.Context(), me, r.PathValue("id")); err != nil {
		return inv, false, err
	}
	if !inv.Now.Before(inv.ExpiresAt) { // the timer is about to say so
		return inv, false, fault.New(fault.Conflict, "fault.trust.state_expired", nil)
	}
	links, err := i.Views.LinksOf(r.Context(), me)
	return inv, trust.GuardedBy(links, inv.From), err
}

func (i Invitations) show(w http.ResponseWriter, r *http.Request) error {
	inv, mutual, err := i.load(r)
	if fault.HasKey(err, "fault.trust.state_active") { // accepted already: a reload, or a second tab
		return httpx.Redirect(w, r, contactsHome)
	}
	if err != nil {
		return err
	}
	return i.Kit.Page(w, r, ui.InvitationShow{
		ID: inv.ID, From: nominative(inv.Principal), With: instrumental(inv.Principal), Call: dative(inv.Principal),
		Until: inv.ExpiresAt, Wait: i.Policy.RecoveryWait, Mutual: mutual, Why: ownReasons(inv.Reasons, i.Policy.ContactMinAge), Ways: invitedWays(inv.Reasons),
	}, httpx.Section(contactsHome))
}

// invitedWays leads an invited person on: his identity he can have confirmed, and what protects his own account is beside the point.
func invitedWays(reasons []trust.Reason) []ui.NavLink {
	if !slices.Contains(reasons, trust.NotConfirmed) {
		return nil
	}
	return waysOut(reasons)
}

func (i Invitations) acceptForm(w http.ResponseWriter, r *http.Request) error {
	inv, mutual, err := i.load(r)
	if err != nil {
		return err
	}
	if len(inv.Reasons) > 0 {
		return httpx.Redirect(w, r, "/invitations/"+inv.ID) // where every reason stands
	}
	return i.Kit.Page(w, r, ui.InvitationAccept{
		ID: inv.ID, From: nominative(inv.Principal), Settling: i.Policy.Settling, Mutual: mutual,
	}, httpx.Section(contactsHome))
}

func (i Invitations) accept(w http.ResponseWriter, r *http.Request) error {
	if _, err := httpx.Form(r); err != nil {
		return err
	}
	id := r.PathValue("id")
	err := i.Links.Accept(r.Context(), i.Kit.Act(r), httpx.VisitorOf(r).Account, id)
	switch {
	case err == nil, fault.HasKey(err, "fault.trust.state_active"):
		return httpx.Redirect(w, r, contactsHome+"?done=accepted")
	case fault.HasKey(err, "fault.trust.not_eligible"):
		return httpx.Redirect(w, r, "/invitations/"+id)
	}
	return err
}

func (i Invitations) declineForm(w http.ResponseWriter, r *http.Request) error {
	inv, _, err := i.load(r)
	if err != nil {
		return err
	}
	return i.Kit.Page(w, r, ui.InvitationDecline{
		ID: inv.ID, From: nominative(inv.Principal),
		Block: ui.Checkbox{Name: "block", Label: ui.K("invitations.decline.block"), Hint: ui.K("invitations.decline.block_hint")},
	}, httpx.Section(contactsHome))
}

func (i Invitations) decline(w http.ResponseWriter, r *http.Request) error {
	form, err := httpx.Form(r)
	if err != nil {
		return err
	}
	if err := i.Links.Decline(r.Context(), i.Kit.Act(r), httpx.VisitorOf(r).Account, r.PathValue("id"), form.Get("block") == "yes"); err != nil {
		return err
	}
	return httpx.Redirect(w, r, contactsHome+"?done=declined")
}
