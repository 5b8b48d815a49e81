package web

import (
	"net/http"

	"doverie/internal/fault"
	"doverie/internal/httpx"
	"doverie/internal/ui"
)

// freezeForm says what a freeze does before a contact freezes his principal's account. It is offered only
// after a request was rejected as fraud (DOMAIN §5.5f).
func (a Approvals) freezeForm(w http.ResponseWriter, r *http.Request) error {
	q, err := a.request(r)
	if err != nil {
		return err
	}
	if !a.Protect.FreezeOffered(q) {
		return fault.New(fault.Refused, "fault.freeze.not_offered", nil)
	}
	return a.Kit.Page(w, r, ui.ApprovalFreeze{ApprovalFrame: frameOf(q)}, httpx.Section(contactsHome))
}

func (a Approvals) freeze(w http.ResponseWriter, r *http.Request) error {
	if _, err := httpx.Form(r); err != nil {
		return err
	}
	if err := a.Protect.FreezeForPrincipal(r.Context(), a.Kit.Act(r), httpx.VisitorOf(r).Account, r.PathValue("id")); err != nil {
		return err
	}
	return a.back(w, r, "frozen")
}
