package web

import (
	"context"
	"net/http"
	"net/url"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/httpx"
	"doverie/internal/policy"
	"doverie/internal/trust"
	"doverie/internal/ui"
)

// DecisionService is the contact's side of a guarded action: one method a step.
type DecisionService interface {
	Request(ctx context.Context, contact, approvalID string) (trust.Request, error)
	Answer(ctx context.Context, act effect.Act, contact, approvalID string, answers [trust.Questions]trust.Answer) error
	TypeMatch(ctx context.Context, act effect.Act, contact, approvalID, typed string) error
	SendCode(ctx context.Context, act effect.Act, contact, session, approvalID string) error
	Approve(ctx context.Context, act effect.Act, contact, session, approvalID, typed string) error
	Reject(ctx context.Context, act effect.Act, contact, approvalID string, why trust.RejectReason) error
}

// PrincipalFreezer freezes the account of a principal whose contact has just called it fraud.
type PrincipalFreezer interface {
	FreezeOffered(r trust.Request) bool
	FreezeForPrincipal(ctx context.Context, act effect.Act, contact, approvalID string) error
}

// OwnApprovals lists a contact's requests.
type OwnApprovals interface {
	// ApprovalsAlong lets the door in front of the list read it together with who is at the browser.
	ApprovalsAlong(ctx context.Context) context.Context
	ApprovalsOf(ctx context.Context, contact string) ([]trust.ApprovalView, error)
}

// Approvals are the pages of the contact's decision, in the order of DOMAIN §5.5:
//
//	/approvals/{id}            facts and "call yourself"   asked
//	/approvals/{id}/questions  five questions              asked → checked | flagged
//	/approvals/{id}/match      the match number            checked → matched | rejected
//	/approvals/{id}/confirm    what a yes does; the code is sent (a fresh sign-in or repeated check before it, T51)
//	/approvals/{id}/code       the contact's own code      matched → approved
//	/approvals/{id}/reject, /wait, and after a fraud /freeze
//
// The state decides which page is shown: whoever asks for another step is sent to the request with a word why (T29).
type Approvals struct {
	Kit       *httpx.Kit
	Decisions DecisionService
	Protect   PrincipalFreezer
	Views     OwnApprovals
	Keys      ContactKeys // nil: passkeys are not offered
	Policy    policy.Policy

	Deliveries Deliveries // nil: pages do not say whether a code has arrived
}

// Mount puts the pages on the mux.
//
// Before the code is sent, the contact must have proved himself just now: by the repeated check, or by signing in,
// so that whoever comes for this alone types one code to get in and one to approve. Where the code is typed a session
// is enough: the code is itself a fresh proof, bound to this session, and a second check by SMS could not even be sent
// while it lives (T04).
func (a Approvals) Mount(mux *http.ServeMux, citizens *httpx.Gate) {
	session := func(h httpx.Handler) http.Handler { return a.Kit.Handle(citizens.RequireSession(h)) }
	fresh := func(h httpx.Handler) http.Handler { return a.Kit.Handle(citizens.RequireFresh(h)) }
	list := citizens.RequireSession(a.list)
	mux.Handle("GET /approvals", a.Kit.Handle(func(w http.ResponseWriter, r *http.Request) error {
		return list(w, r.WithContext(a.Views.ApprovalsAlong(r.Context())))
	}))
	mux.Handle("GET /approvals/{id}", session(a.show))
	mux.Handle("GET /approvals/{id}/wait", session(a.wait))
	mux.Handle("GET /approvals/{id}/questions", session(a.questionsForm))
	mux.Handle("POST /approvals/{id}/questions", session(a.questions))
	mux.Handle("GET /approvals/{id}/match", session(a.matchForm))
	mux.Handle("POST /approvals/{id}/match", session(a.match))
	mux.Handle("GET /approvals/{id}/confirm", fresh(a.confirmForm))
	mux.Handle("POST /approvals/{id}/confirm", fresh(a.confirm))
	mux.Handle("GET /approvals/{id}/code", session(a.codeForm))
	mux.Handle("POST /approvals/{id}/code", session(a.code))
	mux.Handle("GET /approvals/{id}/reject", session(a.rejectForm))
	mux.Handle("POST /approvals/{id}/reject", session(a.reject))
	mux.Handle("GET /approvals/{id}/freeze", session(a.freezeForm))
	mux.Handle("POST /approvals/{id}/freeze", session(a.freeze))
}

func approvalPath(id string) string { return "/approvals/" + url.PathEscape(id) }

// request reads the request for its contact; for everybody else it does not exist.
func (a Approvals) request(r *http.Request) (trust.Request, error) {
	return a.Decisions.Request(r.Context(), httpx.VisitorOf(r).Account, r.PathValue("id"))
}

// undecided tells whether the contact may still move towards a decision.
func undecided(q trust.Request) bool {
	return q.Approval.Undecided() && q.Decidable && q.Now.Before(q.Approval.ExpiresAt)
}

// at reads the request when it stands at the step; otherwise it sends the reader to where it does, and ok is false.
func (a Approvals) at(w http.ResponseWriter, r *http.Request, step trust.ApprovalState) (q trust.Request, ok bool, err error) {
	if q, err = a.request(r); err != nil {
		return q, false, err
	}
	if undecided(q) && q.Approval.State == step && len(q.Unable) == 0 {
		return q, true, nil
	}
	return q, false, a.back(w, r, "moved")
}

// again shows the form of the step once more, if it is still its turn. What a form posts is not looked up first:
// the service knows whose turn it is.
func (a Approvals) again(w http.ResponseWriter, r *http.Request, step trust.ApprovalState, page func(q trust.Request) (ui.Page, error)) error {
	q, ok, err := a.at(w, r, step)
	if !ok {
		return err
	}
	p, err := page(q)
	if err != nil {
		return err
	}
	return a.Kit.FormAgain(w, r, p, httpx.Section(contactsHome))
}

// back leads to the request itself, with a fixed sentence that says why.
func (a Approvals) back(w http.ResponseWriter, r *http.Request, why string) error {
	return httpx.Redirect(w, r, approvalPath(r.PathValue("id"))+"?why="+why)
}

// settle turns what the service refused into a page: what has moved on or must not be now leads back to the
// request, which shows where it stands; everything else is for the fault page.
func (a Approvals) settle(w http.ResponseWriter, r *http.Request, err error) error {
	switch {
	case fault.Is(err, fault.Conflict):
		return a.back(w, r, "moved")
	case fault.HasKey(err, "fault.trust.not_eligible"):
		return a.back(w, r, "unable")
	}
	return err
}

// whyNotice is the sentence the address asks for; an unknown one says nothing.
func whyNotice(r *http.Request) ui.Notice {
	switch why := r.URL.Query().Get("why"); why {
	case "moved", "unable", "code_over", "code_soon", "frozen":
		return ui.Notice{Tone: ui.Info, Text: ui.K("approvals.notice." + why)}
	}
	return ui.Notice{}
}

func (a Approvals) list(w http.ResponseWriter, r *http.Request) error {
	views, err := a.Views.ApprovalsOf(r.Context(), httpx.VisitorOf(r).Account)
	if err != nil {
		return err
	}
	page := ui.ApprovalsList{
		Open:  openRequests(views),
		Empty: ui.EmptyState{Icon: "shield-check", Title: ui.K("approvals.list.empty"), Text: ui.K("approvals.list.empty_text")},
	}
	for _, v := range views {
		if !v.Open {
			page.Past = append(page.Past, pastRow(v))
		}
	}
	return a.Kit.Page(w, r, page, httpx.Section(contactsHome))
}

func (a Approvals) show(w http.ResponseWriter, r *http.Request) error {
	q, err := a.request(r)
	if err != nil {
		return err
	}
	frame := frameOf(q)
	frame.Notice = whyNotice(r)
	var page ui.Page
	switch {
	case !undecided(q):
		page = resultPage(frame, q, a.Policy, a.Protect.FreezeOffered(q))
	case q.Approval.State == trust.Flagged:
		page = ui.ApprovalFlagged{ApprovalFrame: frame, Flags: redFlags(q.Approval), Until: untilText(q)}
	default:
		page = askPage(frame, q, a.Policy)
	}
	return a.Kit.Page(w, r, page, httpx.Section(contactsHome))
}

func (a Approvals) wait(w http.ResponseWriter, r *http.Request) error {
	q, err := a.request(r)
	if err != nil {
		return err
	}
	if !undecided(q) {
		return a.back(w, r, "moved")
	}
	return a.Kit.Page(w, r, ui.ApprovalWait{ApprovalFrame: frameOf(q), Until: untilText(q)}, httpx.Section(contactsHome))
}
