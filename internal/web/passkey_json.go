package web

import (
	"net/http"
	"net/url"

	"doverie/internal/httpx"
	"doverie/internal/session"
	"doverie/internal/trust"
	"doverie/internal/ui"
)

// What passkey.js sends and gets back; package httpx speaks with it.
type (
	asked = httpx.Asked
	told  = httpx.Told
)

// fromScript adapts a handler of passkey.js for citizens.
func fromScript(kit *httpx.Kit, h func(w http.ResponseWriter, r *http.Request, in asked) (any, error)) httpx.Handler {
	return kit.FromScript(&httpx.Gate{SignIn: SignInPath, StepUp: StepUpPath}, h)
}

// options are the library's, as they are.
func options(made []byte, err error) (any, error) { return httpx.Options(made, err) }

// key is the button on the pages of the contact's last step; the zero button when he has no key.
func (a Approvals) key(r *http.Request, q trust.Request) (ui.KeyButton, error) {
	if a.Keys == nil || !a.Keys.Offered() {
		return ui.KeyButton{}, nil
	}
	keys, err := a.Keys.List(r.Context(), httpx.VisitorOf(r).Account)
	if err != nil || len(keys) == 0 {
		return ui.KeyButton{}, err
	}
	path := approvalPath(q.Approval.ID)
	return ui.KeyButton{
		Options: path + "/passkey/options", Finish: path + "/passkey", Next: path + "/confirm",
		Lead: ui.K("passkeys.approval.lead"), Label: ui.K("passkeys.approval.button"),
	}, nil
}

func (p *SignIn) keyed(page ui.SignInForm) ui.SignInForm {
	if p.keys {
		page.Key = ui.KeyButton{
			Options: "/sign-in/passkey/options", Finish: "/sign-in/passkey", Next: page.Next,
			Lead: ui.K("passkeys.sign_in.lead"), Label: ui.K("passkeys.sign_in.button"),
			Remember: ui.Checkbox{Name: "remember", Label: ui.K("sign_in.remember"), Hint: ui.K("passkeys.sign_in.remember")},
		}
	}
	return page
}

func secondKey(next string) ui.KeyButton {
	return ui.KeyButton{
		Options: "/sign-in/code/passkey/options", Finish: "/sign-in/code/passkey", Next: next,
		Lead: ui.K("passkeys.second.lead"), Label: ui.K("passkeys.second.button"),
	}
}

func stepUpKey(next string) ui.KeyButton {
	return ui.KeyButton{
		Options: "/step-up/passkey/options", Finish: "/step-up/passkey", Next: next,
		Lead: ui.K("passkeys.step_up.lead"), Label: ui.K("passkeys.second.button"),
	}
}

func keyPath(k session.Passkey) string { return pathPasskeys + "/" + url.PathEscape(k.ID) }
