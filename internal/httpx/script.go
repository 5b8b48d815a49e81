package httpx

import (
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"doverie/internal/fault"
	"doverie/internal/ui"
)

// Asked is what passkey.js sends. Answer is the browser's own JSON of a key's answer (WebAuthn Level 3, toJSON).
type Asked struct {
	Answer   json.RawMessage `json:"answer"`
	Name     string          `json:"name"`
	Next     string          `json:"next"`
	Remember bool            `json:"remember"`
}

// Told is what it gets back: where to go, or why not.
type Told struct {
	Next    string `json:"next,omitempty"`
	Message string `json:"message,omitempty"`
}

// FromScript adapts a handler of passkey.js to the mux: JSON in, JSON out. A body of another type is refused, so that
// no form of another site can be one, beside the check of the origin that stands before every handler. Whoever has
// to sign in, or to prove himself again, is sent to the gate's own pages.
func (k *Kit) FromScript(gate *Gate, h func(w http.ResponseWriter, r *http.Request, in Asked) (any, error)) Handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		var in Asked
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
		in.Next = SafeNext(in.Next, "")
		out, err := h(w, r, in)
		if err == nil {
			return WriteJSON(w, http.StatusOK, out)
		}
		f := fault.Of(err)
		switch f.Kind {
		case fault.Internal, fault.Busy:
			return err // the edge logs it and answers; the script says its own words
		case fault.SignIn:
			return WriteJSON(w, Status(f.Kind), Told{Next: withNext(gate.SignIn, in.Next)})
		case fault.StepUp:
			return WriteJSON(w, Status(f.Kind), Told{Next: withNext(gate.StepUp, in.Next)})
		case fault.NotFound, fault.Conflict, fault.Refused, fault.Invalid, fault.Limited:
		}
		if after, ok := f.Args["After"].(time.Duration); ok {
			w.Header().Set("Retry-After", strconv.Itoa(int(after.Seconds())+1))
		}
		words := ui.Named(f.Key, f.Args)
		if len(f.Fields) > 0 {
			words = ui.Named(f.Fields[0].Key, f.Fields[0].Args)
		}
		return WriteJSON(w, Status(f.Kind), Told{Message: words.Say(k.Printer(r))})
	}
}

func withNext(path, next string) string {
	if next == "" {
		return path
	}
	return path + "?next=" + url.QueryEscape(next)
}

// WriteJSON sends a finished answer.
func WriteJSON(w http.ResponseWriter, status int, out any) error {
	body, err := json.Marshal(out)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(body)
	return nil
}

// Options are a ceremony's, as they are.
func Options(made []byte, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return json.RawMessage(made), nil
}
