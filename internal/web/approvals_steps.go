package web

import (
	"net/http"
	"strconv"
	"strings"

	"doverie/internal/fault"
	"doverie/internal/httpx"
	"doverie/internal/i18n"
	"doverie/internal/trust"
	"doverie/internal/ui"
)

func (a Approvals) questionsForm(w http.ResponseWriter, r *http.Request) error {
	q, ok, err := a.at(w, r, trust.Asked)
	if !ok {
		return err
	}
	return a.Kit.Page(w, r, questionsPage(frameOf(q), [trust.Questions]trust.Answer{}, nil), httpx.Section(contactsHome))
}

func (a Approvals) questions(w http.ResponseWriter, r *http.Request) error {
	form, err := httpx.Form(r)
	if err != nil {
		return err
	}
	var answers [trust.Questions]trust.Answer
	for i := range answers {
		answers[i] = trust.Answer(form.Get("q" + strconv.Itoa(i+1)))
	}
	if errs := unanswered(answers); len(errs) > 0 { // all of them at once, and what was answered is kept
		return a.again(w, r, trust.Asked, func(q trust.Request) (ui.Page, error) { return questionsPage(frameOf(q), answers, errs), nil })
	}
	id := r.PathValue("id")
	if err := a.Decisions.Answer(r.Context(), a.Kit.Act(r), httpx.VisitorOf(r).Account, id, answers); err != nil {
		return a.settle(w, r, err)
	}
	for _, one := range answers {
		if one != trust.Yes {
			return httpx.Redirect(w, r, approvalPath(id)) // flagged: the request itself says so
		}
	}
	return httpx.Redirect(w, r, approvalPath(id)+"/match")
}

func unanswered(answers [trust.Questions]trust.Answer) ui.Errors {
	var errs ui.Errors
	for i, one := range answers {
		switch one {
		case trust.Yes, trust.No, trust.Unsure:
		default:
			n := strconv.Itoa(i + 1)
			errs = append(errs, ui.FieldError{Field: "q" + n, Text: ui.K("approvals.questions.unanswered", "Number", n)})
		}
	}
	return errs
}

func questionsPage(frame ui.ApprovalFrame, chosen [trust.Questions]trust.Answer, errs ui.Errors) ui.ApprovalQuestions {
	page := ui.ApprovalQuestions{ApprovalFrame: frame, Errors: errs}
	for i := range trust.Questions {
		n := strconv.Itoa(i + 1)
		page.Questions = append(page.Questions, ui.Radios{
			Name: "q" + n, Chosen: string(chosen[i]), Hint: ui.K("question." + n + ".hint"),
			Legend: ui.K("approvals.questions.legend", "Number", n, "Question", ui.K("question."+n)),
			Options: []ui.Option{
				{Value: string(trust.Yes), Label: ui.K("common.yes")},
				{Value: string(trust.No), Label: ui.K("common.no")},
				{Value: string(trust.Unsure), Label: ui.K("approvals.questions.unsure")},
			},
		}.Check(errs))
	}
	return page
}

func (a Approvals) matchForm(w http.ResponseWriter, r *http.Request) error {
	q, ok, err := a.at(w, r, trust.Checked)
	if !ok {
		return err
	}
	return a.Kit.Page(w, r, a.matchPage(frameOf(q), "", nil), httpx.Section(contactsHome))
}

func (a Approvals) match(w http.ResponseWriter, r *http.Request) error {
	form, err := httpx.Form(r)
	if err != nil {
		return err
	}
	id, typed := r.PathValue("id"), form.Get("number")
	again := func(text ui.Text) error {
		errs := ui.Errors{{Field: "number", Text: text}}
		return a.again(w, r, trust.Checked, func(q trust.Request) (ui.Page, error) { return a.matchPage(frameOf(q), typed, errs), nil })
	}
	if !twoDigits(typed) { // a slip of the finger must not cost one of the two tries
		return again(ui.K("approvals.match.two_digits"))
	}
	err = a.Decisions.TypeMatch(r.Context(), a.Kit.Act(r), httpx.VisitorOf(r).Account, id, typed)
	switch {
	case err == nil:
		return httpx.Redirect(w, r, approvalPath(id)+"/confirm")
	case fault.HasKey(err, "fault.approval.mismatch_rejected"):
		return httpx.Redirect(w, r, approvalPath(id))
	case fault.HasKey(err, "fault.approval.mismatch"):
		f := fault.Of(err)
		return again(ui.Named(f.Key, f.Args))
	}
	return a.settle(w, r, err)
}

func twoDigits(typed string) bool {
	digits := 0
	for _, c := range strings.TrimSpace(typed) {
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c != ' ' && c != '-' && c != '\u00a0':
			return false
		}
	}
	return digits == 2
}

func (a Approvals) matchPage(frame ui.ApprovalFrame, typed string, errs ui.Errors) ui.ApprovalMatch {
	const room = 8 // two digits and whatever stands between them
	return ui.ApprovalMatch{ApprovalFrame: frame, Errors: errs, Field: ui.TextField{
		Name: "number", Label: ui.K("approvals.match.field"), Hint: ui.K("approvals.match.hint", "Tries", a.Policy.MatchTries), Value: typed,
		InputMode: "numeric", Autocomplete: "off", MaxLength: room, Short: true,
	}.Check(errs)}
}

func (a Approvals) confirmForm(w http.ResponseWriter, r *http.Request) error {
	q, ok, err := a.at(w, r, trust.Matched)
	if !ok {
		return err
	}
	page := confirmPage(q, whyNotice(r), nil)
	if page.Key, err = a.key(r, q); err != nil {
		return err
	}
	return a.Kit.Page(w, r, page, httpx.Section(contactsHome))
}

// confirm sends the contact's own code: the first moment at which one exists.
func (a Approvals) confirm(w http.ResponseWriter, r *http.Request) error {
	if _, err := httpx.Form(r); err != nil {
		return err
	}
	v, id := httpx.VisitorOf(r), r.PathValue("id")
	err := a.Decisions.SendCode(r.Context(), a.Kit.Act(r), v.Account, v.Session, id)
	switch {
	case err == nil:
		a.rememberCode(w, id, a.Kit.Now().Add(a.Policy.CodeTTL))
		return httpx.Redirect(w, r, approvalPath(id)+"/code")
	case fault.Is(err, fault.Conflict), fault.HasKey(err, "fault.trust.not_eligible"):
		return a.settle(w, r, err)
	}
	soon := fault.HasKey(err, "fault.code.too_soon")
	errs, ok := httpx.FormErrors(err, "send")
	if !ok {
		return err
	}
	q, ok, err := a.at(w, r, trust.Matched)
	if !ok {
		return err
	}
	if _, live := a.codeLeft(r, q); live && soon { // the code he has is still good
		return httpx.Redirect(w, r, approvalPath(id)+"/code?why=code_soon")
	}
	page := confirmPage(q, ui.Notice{}, errs)
	if page.Key, err = a.key(r, q); err != nil {
		return err
	}
	return a.Kit.FormAgain(w, r, page, httpx.Section(contactsHome))
}

func confirmPage(q trust.Request, notice ui.Notice, errs ui.Errors) ui.ApprovalConfirm {
	frame := frameOf(q)
	frame.Notice = notice
	return ui.ApprovalConfirm{
		ApprovalFrame: frame, Errors: errs, Phone: i18n.MaskPhone(q.OwnPhone),
		What: ui.K("approvals.confirm.what."+string(q.Approval.Action), "Name", frame.Name),
	}
}
