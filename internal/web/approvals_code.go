package web

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"doverie/internal/fault"
	"doverie/internal/httpx"
	"doverie/internal/i18n"
	"doverie/internal/secret"
	"doverie/internal/trust"
	"doverie/internal/ui"
)

// codeCookie remembers in this browser for which request a code was sent and until when it lives. It only
// decides whether the field is shown; whether a code is good is for the service to know.
const codeCookie = "approval-code"

func (a Approvals) rememberCode(w http.ResponseWriter, id string, until time.Time) {
	a.Kit.SetCookie(w, codeCookie, id+"."+strconv.FormatInt(until.Unix(), 10), a.Policy.CodeTTL)
}

// codeLeft is how long the code of this request still lives; none was sent when ok is false.
func (a Approvals) codeLeft(r *http.Request, q trust.Request) (left time.Duration, ok bool) {
	id, seconds, _ := strings.Cut(a.Kit.Cookie(r, codeCookie), ".")
	unix, err := strconv.ParseInt(seconds, 10, 64)
	if id != q.Approval.ID || err != nil {
		return 0, false
	}
	left = time.Unix(unix, 0).Sub(q.Now)
	return left, left > 0 && left <= a.Policy.CodeTTL
}

// codeForm shows the field only after the code was sent: no page before this one ever has it.
func (a Approvals) codeForm(w http.ResponseWriter, r *http.Request) error {
	q, ok, err := a.at(w, r, trust.Matched)
	if !ok {
		return err
	}
	left, ok := a.codeLeft(r, q)
	if !ok {
		return httpx.Redirect(w, r, approvalPath(q.Approval.ID)+"/confirm")
	}
	page := a.codePage(r, q, left, nil)
	page.Notice = whyNotice(r)
	if page.Key, err = a.key(r, q); err != nil {
		return err
	}
	return a.Kit.Page(w, r, page, httpx.Section(contactsHome))
}

func (a Approvals) code(w http.ResponseWriter, r *http.Request) error {
	form, err := httpx.Form(r)
	if err != nil {
		return err
	}
	typed := strings.TrimSpace(form.Get("code"))
	if typed == "" { // nothing typed is no try
		return a.codeAgain(w, r, ui.K("field.code"))
	}
	v, id := httpx.VisitorOf(r), r.PathValue("id")
	err = a.Decisions.Approve(r.Context(), a.Kit.Act(r), v.Account, v.Session, id, typed)
	switch {
	case err == nil:
		a.Kit.ClearCookie(w, codeCookie)
		return httpx.Redirect(w, r, approvalPath(id))
	case fault.HasKey(err, "fault.code.wrong"):
		f := fault.Of(err)
		return a.codeAgain(w, r, ui.Named(f.Key, f.Args))
	case fault.HasKey(err, "fault.code.dead"), fault.HasKey(err, "fault.code.used"), fault.HasKey(err, "fault.code.spent"), fault.HasKey(err, "fault.code.expired"):
		a.Kit.ClearCookie(w, codeCookie)
		return httpx.Redirect(w, r, approvalPath(id)+"/confirm?why=code_over")
	}
	return a.settle(w, r, err)
}

func (a Approvals) codeAgain(w http.ResponseWriter, r *http.Request, wrong ui.Text) error {
	return a.again(w, r, trust.Matched, func(q trust.Request) (ui.Page, error) {
		left, _ := a.codeLeft(r, q)
		page := a.codePage(r, q, left, ui.Errors{{Field: "code", Text: wrong}})
		var err error
		page.Key, err = a.key(r, q)
		return page, err
	})
}

func (a Approvals) codePage(r *http.Request, q trust.Request, left time.Duration, errs ui.Errors) ui.ApprovalCode {
	frame := frameOf(q)
	delivery := deliveryOf(r.Context(), a.Deliveries, secret.Approval, trust.CodeBound(q.Approval.ID, httpx.VisitorOf(r).Session))
	return ui.ApprovalCode{ApprovalFrame: frame, Errors: errs, Code: ui.CodeField{
		Name: "code", SentTo: i18n.MaskPhone(q.OwnPhone), Timed: left > 0, Left: left, Delivery: delivery,
		Does: ui.K("approvals.code.does."+string(q.Approval.Action), "To", frame.Call),
	}.Check(errs)}
}

func (a Approvals) rejectForm(w http.ResponseWriter, r *http.Request) error {
	q, ok, err := a.rejectable(w, r)
	if !ok {
		return err
	}
	return a.Kit.Page(w, r, a.rejectPage(q, nil), httpx.Section(contactsHome))
}

// rejectable reads the request while a no still means something: at any step, and after a yes until the action is done.
func (a Approvals) rejectable(w http.ResponseWriter, r *http.Request) (trust.Request, bool, error) {
	q, err := a.request(r)
	if err != nil {
		return q, false, err
	}
	if undecided(q) || q.Approval.State == trust.Approved && q.Decidable {
		return q, true, nil
	}
	return q, false, a.back(w, r, "moved")
}

func (a Approvals) reject(w http.ResponseWriter, r *http.Request) error {
	form, err := httpx.Form(r)
	if err != nil {
		return err
	}
	q, ok, err := a.rejectable(w, r)
	if !ok {
		return err
	}
	why := trust.RejectReason(form.Get("reason"))
	switch why {
	case trust.ReasonFraud, trust.ReasonUnreachable, trust.ReasonOther:
	default:
		errs := ui.Errors{{Field: "reason", Text: ui.K("fault.approval.reason")}}
		return a.Kit.FormAgain(w, r, a.rejectPage(q, errs), httpx.Section(contactsHome))
	}
	if err := a.Decisions.Reject(r.Context(), a.Kit.Act(r), httpx.VisitorOf(r).Account, q.Approval.ID, why); err != nil {
		return a.settle(w, r, err)
	}
	return httpx.Redirect(w, r, approvalPath(q.Approval.ID))
}

func (a Approvals) rejectPage(q trust.Request, errs ui.Errors) ui.ApprovalReject {
	return ui.ApprovalReject{
		ApprovalFrame: frameOf(q), Errors: errs, Undo: q.Approval.State == trust.Approved,
		What: stoppedText(q.Approval.Action, a.Policy),
		Reasons: ui.Radios{Name: "reason", Legend: ui.K("approvals.reject.why"), Options: []ui.Option{
			{Value: string(trust.ReasonFraud), Label: ui.K("approvals.reject.fraud"), Hint: ui.K("approvals.reject.fraud_hint")},
			{Value: string(trust.ReasonUnreachable), Label: ui.K("approvals.reject.unreachable"), Hint: ui.K("approvals.reject.unreachable_hint")},
			{Value: string(trust.ReasonOther), Label: ui.K("approvals.reject.other"), Hint: ui.K("approvals.reject.other_hint")},
		}}.Check(errs),
	}
}
