package httpx

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"doverie/internal/fault"
	"doverie/internal/ui"
)

// Handle adapts a Handler to the mux.
func (k *Kit) Handle(h Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := h(w, r); err != nil {
			k.Fail(w, r, err)
		}
	})
}

// Status is the HTTP status of a kind of fault.
func Status(kind fault.Kind) int {
	switch kind {
	case fault.NotFound:
		return http.StatusNotFound
	case fault.Conflict:
		return http.StatusConflict
	case fault.Refused:
		return http.StatusForbidden
	case fault.Invalid:
		return http.StatusUnprocessableEntity
	case fault.Limited:
		return http.StatusTooManyRequests
	case fault.Busy:
		return http.StatusServiceUnavailable
	case fault.SignIn, fault.StepUp:
		return http.StatusUnauthorized
	case fault.Internal:
	}
	return http.StatusInternalServerError
}

// Fail answers with the page of the fault. SignIn and StepUp send the reader to where they are settled.
// The private cause goes to the log only.
func (k *Kit) Fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		return // the reader went away
	}
	f := fault.Of(err)
	gate := gateOf(r)
	switch {
	case f.Kind == fault.SignIn && gate != nil:
		http.Redirect(w, r, gate.SignIn+"?next="+url.QueryEscape(nextOf(r)), http.StatusSeeOther)
		return
	case f.Kind == fault.StepUp && gate != nil:
		http.Redirect(w, r, gate.StepUp+"?next="+url.QueryEscape(nextOf(r)), http.StatusSeeOther)
		return
	}
	status := Status(f.Kind)
	switch f.Key {
	case "fault.too_large":
		status = http.StatusRequestEntityTooLarge
	case "fault.bad_form":
		status = http.StatusBadRequest
	}
	k.failStatus(w, r, status, f)
}

func (k *Kit) failStatus(w http.ResponseWriter, r *http.Request, status int, f *fault.Error) {
	level := slog.LevelInfo
	if f.Kind == fault.Internal {
		level = slog.LevelError
	}
	k.cfg.Log.LogAttrs(r.Context(), level, "fault", slog.String("request_id", RequestID(r)),
		slog.String("pattern", r.Pattern), slog.String("kind", f.Kind.String()), slog.String("error", f.Error()))
	after, ok := f.Args["After"].(time.Duration)
	if !ok && f.Kind == fault.Busy {
		after, ok = busyFor, true
	}
	if ok {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(after.Seconds()))))
	}
	p := k.Printer(r)
	key := f.Key
	if !p.Has(key) || f.Kind == fault.Internal {
		key = "fault." + f.Kind.String()
	}
	title := key + ".title"
	if !p.Has(title) {
		title = "fault." + f.Kind.String() + ".title"
	}
	page := ui.FaultPage{Icon: faultIcon(f.Kind), Heading: ui.K(title), Words: ui.Named(key, f.Args), Home: k.home(r)}
	for _, field := range f.Fields {
		page.Details = append(page.Details, ui.Named(field.Key, field.Args))
	}
	if f.Kind == fault.Internal || f.Kind == fault.Busy {
		page.RequestID = RequestID(r)
	}
	if r.Method == http.MethodGet && (f.Kind == fault.Internal || f.Kind == fault.Busy) {
		page.Action = ui.NavLink{Text: ui.K("common.try_again"), Href: r.URL.RequestURI()}
	}
	if err := k.PageStatus(w, r, status, page); err != nil {
		k.cfg.Log.ErrorContext(r.Context(), "error page", "request_id", RequestID(r), "error", err)
		http.Error(w, "500 "+RequestID(r), http.StatusInternalServerError)
	}
}

// busyFor is when a browser may come back after "busy": the page says "in a minute".
const busyFor = time.Minute

func faultIcon(kind fault.Kind) string {
	switch kind {
	case fault.NotFound:
		return "search"
	case fault.Limited, fault.Busy:
		return "hourglass"
	case fault.SignIn, fault.StepUp:
		return "lock"
	case fault.Conflict:
		return "users"
	case fault.Refused:
		return "ban"
	case fault.Invalid, fault.Internal:
	}
	return "triangle-alert"
}

// FormErrors turns an error into the errors of a form, to be shown beside what was typed: every wrong field
// of an Invalid fault, or the words of an Invalid, Refused, Conflict or Limited fault at the named field.
// The second result is false for every other error, which the handler should return.
func FormErrors(err error, field string) (ui.Errors, bool) {
	var f *fault.Error
	if !errors.As(err, &f) {
		return nil, false
	}
	if f.Kind == fault.Invalid && len(f.Fields) > 0 {
		out := make(ui.Errors, 0, len(f.Fields))
		for _, one := range f.Fields {
			out = append(out, ui.FieldError{Field: one.Name, Text: ui.Named(one.Key, one.Args)})
		}
		return out, true
	}
	if f.Kind == fault.Invalid || f.Kind == fault.Refused || f.Kind == fault.Limited || f.Kind == fault.Conflict {
		return ui.Errors{{Field: field, Text: ui.Named(f.Key, f.Args)}}, true
	}
	return nil, false
}
