package web

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"time"

	"doverie/internal/fault"
	"doverie/internal/httpx"
	"doverie/internal/policy"
	"doverie/internal/secret"
	"doverie/internal/session"
	"doverie/internal/ui"
)

func (p *SignIn) codeForm(w http.ResponseWriter, r *http.Request) error {
	next := httpx.SafeNext(r.URL.Query().Get("next"), "")
	st, err := p.of.Pending(r.Context(), p.kit.Cookie(r, signInCookie))
	if err != nil {
		return p.fail(w, r, err, next)
	}
	page := p.codePage(r.Context(), st, next, false, nil)
	page.Resent = r.URL.Query().Has("sent")
	return p.kit.Page(w, r, page)
}

// fail sends the reader back to the password when the sign-in is over, and returns every other error.
func (p *SignIn) fail(w http.ResponseWriter, r *http.Request, err error, next string) error {
	var why string
	switch fault.Of(err).Key {
	case "fault.sign_in.waiting":
		return httpx.Redirect(w, r, withNext(pathSignInWaiting, next))
	case "fault.sign_in.nobody_able":
		p.kit.ClearCookie(w, signInCookie)
		return httpx.Redirect(w, r, pathSignInWaiting+"?why="+whyNobody)
	case "fault.sign_in.over":
		why = "over"
	case "fault.sign_in.failed":
		why = "failed"
	default:
		return err
	}
	p.kit.ClearCookie(w, signInCookie)
	to := SignInPath + "?why=" + why
	if next != "" {
		to = withNext(SignInPath, next) + "&why=" + why
	}
	return httpx.Redirect(w, r, to)
}

func (p *SignIn) enter(w http.ResponseWriter, r *http.Request) error {
	form, err := httpx.Form(r)
	if err != nil {
		return err
	}
	next, remember := httpx.SafeNext(form.Get("next"), ""), form.Get("remember") != ""
	if strings.TrimSpace(form.Get("code")) == "" { // an empty field is no attempt
		return p.codeAgain(w, r, next, remember, emptyCode())
	}
	device := p.kit.Cookie(r, deviceCookie)
	in, err := p.of.Enter(r.Context(), p.kit.Act(r), session.EnterInput{
		Token: p.kit.Cookie(r, signInCookie), Code: form.Get("code"), DeviceToken: device, Remember: remember,
	})
	if err != nil {
		if key := fault.Of(err).Key; key == "fault.sign_in.failed" || key == "fault.sign_in.nobody_able" {
			return p.fail(w, r, err, next)
		}
		if errs, ok := httpx.FormErrors(err, "code"); ok {
			return p.codeAgain(w, r, next, remember, errs)
		}
		return p.fail(w, r, err, next)
	}
	return httpx.Redirect(w, r, p.welcome(w, in, device, next))
}

// welcome gives the browser the secrets of a fresh session and says where it goes first. A sign-in that waits for
// the contacts has no session yet.
func (p *SignIn) welcome(w http.ResponseWriter, in session.Entered, device, next string) (to string) {
	if !in.Waits.IsZero() {
		return p.keepWaiting(w, in, next)
	}
	p.kit.ClearCookie(w, signInCookie)
	p.kit.SetCookie(w, p.cookie, in.Token, p.policy.SessionTTL)
	switch {
	case in.DeviceToken != "":
		p.kit.SetCookie(w, deviceCookie, in.DeviceToken, deviceLife)
	case !in.NewDevice:
		p.kit.SetCookie(w, deviceCookie, device, deviceLife)
	}
	return after(in, next)
}

// after says where a fresh session goes first: to its only page, to the question whether an open
// recovery is the person's own (DOMAIN §5.10), or onward.
func after(in session.Entered, next string) string {
	switch in.Gate {
	case session.FrozenGate:
		return FrozenPath
	case session.MustChangeGate:
		return MustChangePath
	case session.NoGate:
	}
	if in.Account.Recovering {
		return pathAlarm
	}
	return orProfile(next)
}

// codeAgain asks for the code once more: what was chosen stays.
func (p *SignIn) codeAgain(w http.ResponseWriter, r *http.Request, next string, remember bool, errs ui.Errors) error {
	st, err := p.of.Pending(r.Context(), p.kit.Cookie(r, signInCookie))
	if err != nil {
		return p.fail(w, r, err, next)
	}
	return p.kit.FormAgain(w, r, p.codePage(r.Context(), st, next, remember, errs))
}

func (p *SignIn) codePage(ctx context.Context, st session.Step, next string, remember bool, errs ui.Errors) ui.SignInCode {
	factor := secondFactor(st, next, ui.K("sign_in.code.does"), p.policy, p.now(), errs)
	factor.NoCode = st.Method == session.NoMethod
	if factor.BySMS {
		factor.Code.Delivery = p.delivery(ctx, secret.SignIn, st.Bound)
	}
	if p.keys && st.Passkey {
		factor.Key = secondKey(next)
	}
	return ui.SignInCode{
		SecondFactor: factor,
		Remember: ui.Checkbox{
			Name: "remember", Label: ui.K("sign_in.remember"), Hint: ui.K("sign_in.remember.hint"), Checked: remember,
		},
	}
}

// secondFactor is the part of a page that asks for a code: by SMS with its time, or from the application.
func secondFactor(st session.Step, next string, does ui.Text, p policy.Policy, now time.Time, errs ui.Errors) ui.SecondFactor {
	page := ui.SecondFactor{
		Errors: errs, Next: next, BySMS: st.Method == session.SMS, Pause: p.CodeResend, Until: st.Until,
		Code: ui.CodeField{Name: "code", Way: ui.ByApp, Does: ui.K("sign_in.code.from_app")},
	}
	if page.BySMS {
		sent := st.ResendAt.Add(-p.CodeResend)
		page.Code = ui.CodeField{Name: "code", SentTo: unbroken(st.Phone), Does: does, Timed: true, Left: sent.Add(p.CodeTTL).Sub(now)}
	}
	page.Code = page.Code.Check(errs)
	if i := slices.IndexFunc(st.Methods, func(m session.Method) bool { return m != st.Method }); i >= 0 {
		page.Other = string(st.Methods[i])
	}
	return page
}

// unbroken keeps a number on one line.
func unbroken(number string) string { return strings.ReplaceAll(number, " ", "\u00a0") }

func (p *SignIn) resend(w http.ResponseWriter, r *http.Request) error {
	form, err := httpx.Form(r)
	if err != nil {
		return err
	}
	next := httpx.SafeNext(form.Get("next"), "")
	_, err = p.of.Resend(r.Context(), p.kit.Act(r), p.kit.Cookie(r, signInCookie))
	if err != nil {
		if errs, ok := httpx.FormErrors(err, "code"); ok {
			return p.codeAgain(w, r, next, false, errs)
		}
		return p.fail(w, r, err, next)
	}
	return httpx.Redirect(w, r, sentAgain(pathSignInCode, next))
}

func (p *SignIn) choose(w http.ResponseWriter, r *http.Request) error {
	form, err := httpx.Form(r)
	if err != nil {
		return err
	}
	next := httpx.SafeNext(form.Get("next"), "")
	_, err = p.of.Choose(r.Context(), p.kit.Act(r), p.kit.Cookie(r, signInCookie), session.Method(form.Get("method")))
	if err != nil {
		if errs, ok := httpx.FormErrors(err, "code"); ok {
			return p.codeAgain(w, r, next, false, errs)
		}
		return p.fail(w, r, err, next)
	}
	return httpx.Redirect(w, r, withNext(pathSignInCode, next))
}

// sentAgain leads back to the page of the code, which then says that a new one is on its way.
func sentAgain(path, next string) string {
	if next == "" {
		return path + "?sent"
	}
	return withNext(path, next) + "&sent"
}
