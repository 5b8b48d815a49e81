package oidc

import "errors"

// Error is an answer of the protocol to a system: a code of RFC 6749 §5.2, §4.1.2.1 or an extension, and English
// words for the developer of that system. Nothing in it is secret.
type Error struct {
	Code string
	Text string

	Nonce string // a DPoP nonce to use next (RFC 9449 §8)
	cause error
}

// Error is for logs.
func (e *Error) Error() string {
	s := e.Code + ": " + e.Text
	if e.cause != nil {
		s += ": " + e.cause.Error()
	}
	return s
}

// Unwrap gives the private cause.
func (e *Error) Unwrap() error { return e.cause }

func refuse(code, text string) *Error { return &Error{Code: code, Text: text} }

// The codes.
const (
	InvalidRequest     = "invalid_request"
	InvalidClient      = "invalid_client"
	InvalidGrant       = "invalid_grant"
	InvalidScope       = "invalid_scope"
	InvalidToken       = "invalid_token"
	InvalidDPoP        = "invalid_dpop_proof"
	UseNonce           = "use_dpop_nonce"
	AccessDenied       = "access_denied"
	LoginRequired      = "login_required"
	ConsentRequired    = "consent_required"
	InteractionNeeded  = "interaction_required"
	UnauthorizedClient = "unauthorized_client"
)

var errKeys = errors.New("oidc: not a set of public keys, RSA of 2048 bits or P-256")

// Failed is our own failure in the protocol's words.
func Failed(err error) *Error { return serverError(err) }
