package web

import (
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"doverie/internal/fault"
	"doverie/internal/httpx"
	"doverie/internal/session"
	"doverie/internal/trust"
	"doverie/internal/ui"
)

// asked is what passkey.js sends. Answer is the browser's own JSON of a key's answer (WebAuthn Level 3, toJSON).
type asked struct {
	Answer   json.RawMessage `json:"answer"`
	Name     string          `json:"name"`
	Next     string          `json:"next"`
	Remember bool            `json:"remember"`
}

// told is what it gets back: where to go, or why not.
type told struct {
	Next    string `json:"next,omitempty"`
	Message string `json:"message,omitempty"`
}

// fromScript adapts a handler of passkey.js to the mux: JSON in, JSON out. A body of another type is refused, so that
// no form of another site can be one, beside the check of the origin that stands before every handler.
func fromScript(kit *httpx.Kit, h func(w http.ResponseWriter, r *http.Request, in asked) (any, error)) httpx.Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		var in asked
		kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if err != nil || kind != "application/json" {
			return fault.New(fault.Invalid, "fault.bad_form", nil).Because(err)
		}
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			if large := (*http.MaxBytesError)(nil); errors.As(err, &large) {
				return fault.New(fault.Invalid, "fault.too_large", nil).Because(err)
			}
			return fault.New(fault.Invalid, "fault.bad_form", nil).Because(err)
		}
		in.Next = httpx.SafeNext(in.Next, "")
		out, err := h(w, r, in)
		if err == nil {
			return writeJSON(w, http.StatusOK, out)
		}
		f := fault.Of(err)
		switch f.Kind {
		case fault.Internal, fault.Busy:
			return err // the edge logs it and answers; the script says its own words
		case fault.SignIn:
			return writeJSON(w, httpx.Status(f.Kind), told{Next: withNext(SignInPath, in.Next)})
		case fault.StepUp:
			return writeJSON(w, httpx.Status(f.Kind), told{Next: withNext(StepUpPath, in.Next)})
		case fault.NotFound, fault.Conflict, fault.Refused, fault.Invalid, fault.Limited:
		}
		if after, ok := f.Args["After"].(time.Duration); ok {
			w.Header().Set("Retry-After", strconv.Itoa(int(after.Seconds())+1))
		}
		words := ui.Named(f.Key, f.Args)
		if len(f.Fields) > 0 {
			words = ui.Named(f.Fields[0].Key, f.Fields[0].Args)
		}
		return writeJSON(w, httpx.Status(f.Kind), told{Message: words.Say(kit.Printer(r))})
	}
}

func writeJSON(w http.ResponseWriter, status int, out any) error {
	body, err := json.Marshal(out)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(body)
	return nil
}

// options are the library's, as they are.
func options(made []byte, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return json.RawMessage(made), nil
}

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
