// Package fault is the one vocabulary of errors that may reach a person.
//
// A fault has three faces: a Kind (what sort of thing went wrong, mapped to an HTTP status and an
// exit code at the edge), a public Key with arguments (translated at the edge into the reader's
// language), and a private cause (logged with the request id, never shown to a citizen).
package fault

import (
	"errors"
	"fmt"
)

// Kind classifies a fault. The zero Kind is Internal on purpose: what nobody classified is our own failure.
type Kind int

// The kinds, in the order of how often a person meets them.
const (
	Internal Kind = iota // our failure; the person sees an apology and a request id
	NotFound             // no such thing, or not this person's to see: never told apart
	Conflict             // somebody or something else was first; the loser is told so
	Refused              // understood, and a rule forbids it
	Invalid              // the input is wrong; Fields says where
	Limited              // too often; After says when to try again
	Busy                 // we cannot take this now; nothing was done
	SignIn               // a signed-in session is needed
	StepUp               // the session must prove password and second factor again
)

var kindNames = [...]string{"internal", "not_found", "conflict", "refused", "invalid", "limited", "busy", "sign_in", "step_up"}

// String returns the stable, lower-case name of the kind, for logs and metrics.
func (k Kind) String() string {
	if k < 0 || int(k) >= len(kindNames) {
		return fmt.Sprintf("kind(%d)", int(k))
	}
	return kindNames[k]
}

// Args are the named values a public message is printed with. They must be safe to show to the
// person who made the request.
type Args map[string]any

// Field is one wrong field of a form or of a record: its name and the key of what to say about it.
type Field struct {
	Name string
	Key  string
	Args Args
}

// Error is a fault. Build one with New or Invalidf and read it with As.
type Error struct {
	Kind   Kind
	Key    string // locale key, for example "fault.recovery.locked"
	Args   Args
	Fields []Field // only for Invalid
	Cause  error   // private
}

// New returns a fault of the kind with a public key. args may be nil.
func New(kind Kind, key string, args Args) *Error {
	return &Error{Kind: kind, Key: key, Args: args}
}

// BadFields returns an Invalid fault that names every wrong field at once.
func BadFields(fields ...Field) *Error {
	return &Error{Kind: Invalid, Key: "fault.invalid", Fields: fields}
}

// Because returns a copy of the fault with a private cause.
func (e *Error) Because(cause error) *Error {
	c := *e
	c.Cause = cause
	return &c
}

// Error is for logs and tests only; people see the translated Key.
func (e *Error) Error() string {
	s := e.Kind.String() + ": " + e.Key
	for _, f := range e.Fields {
		s += " [" + f.Name + ": " + f.Key + "]"
	}
	if e.Cause != nil {
		s += ": " + e.Cause.Error()
	}
	return s
}

// Unwrap gives the private cause.
func (e *Error) Unwrap() error { return e.Cause }

// Of returns the fault inside err, or an Internal one around it; nil for nil.
func Of(err error) *Error {
	if err == nil {
		return nil
	}
	if f, ok := errors.AsType[*Error](err); ok {
		return f
	}
	return &Error{Kind: Internal, Key: "fault.internal", Cause: err}
}

// Is reports whether err carries a fault of the kind.
func Is(err error, kind Kind) bool {
	f, ok := errors.AsType[*Error](err)
	return ok && f.Kind == kind
}

// HasKey reports whether err carries a fault with that public key.
func HasKey(err error, key string) bool {
	f, ok := errors.AsType[*Error](err)
	return ok && f.Key == key
}
