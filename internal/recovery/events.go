package recovery

import (
	"doverie/internal/effect"
	"doverie/internal/trust"
)

// Event is something that happens to a recovery.
type Event interface{ event() string }

// Code is a fresh one-time code for the applicant.
type Code struct {
	ID, Purpose, Code string
	Hash              []byte
	Phone             string // where it goes, or what else its number a day is counted by
	Share             effect.Share
}

// The events.
type (
	// Started creates it. Account is empty for a decoy.
	Started struct {
		ID, Account, Device, Area string
		Channel                   effect.Channel
	}
	// CodeSent issues the code of the present step: the first (proving) or the second (approved).
	CodeSent struct{ Code Code }
	// Proven is the right first code. SNILS tells that the right one was typed as well. Cast carries names
	// and the stop code for the messages.
	Proven struct {
		CodeID string
		SNILS  bool
		Guard  Guard
		Cast   trust.Cast
	}
	// VotedFor is a contact's yes.
	VotedFor struct{ Vote trust.Vote }
	// VotedAgainst is a contact's no.
	VotedAgainst struct{ Vote trust.Vote }
	// ContactLost tells what is left of the contacts after one left or was suspended.
	ContactLost struct{ trust.Left }
	// CodeMissed is the last wrong try of the code of the present step.
	CodeMissed struct{}
	// SecondCode is the right second code.
	SecondCode struct{ CodeID string }
	// PasswordSet completes it. Guarding is how many links guard at this moment, Standing how many of the yeses still
	// hold; Quiet tells that one link is on a quiet way out (DOMAIN §4.10).
	PasswordSet struct {
		Hash     string
		Guarding int
		Standing int
		Quiet    bool
		Cast     trust.Cast
	}
	// DisownedByOwner is the principal's "this is not me".
	DisownedByOwner struct{ Cast trust.Cast }
	// GivenUp is the applicant's own end, or the owner's "this was me, I have signed in".
	GivenUp struct{ Reason string }
	// Overtaken is a newer recovery that proved itself.
	Overtaken struct{ By string }
	// Frozen is a freeze of the account while it runs.
	Frozen struct{}
	// Due is the timer.
	Due struct{ Cast trust.Cast }
)

func (Started) event() string         { return "started" }
func (CodeSent) event() string        { return "code_sent" }
func (Proven) event() string          { return "proven" }
func (VotedFor) event() string        { return "voted_for" }
func (VotedAgainst) event() string    { return "voted_against" }
func (ContactLost) event() string     { return "contact_lost" }
func (CodeMissed) event() string      { return "code_missed" }
func (SecondCode) event() string      { return "second_code" }
func (PasswordSet) event() string     { return "password_set" }
func (DisownedByOwner) event() string { return "disowned" }
func (GivenUp) event() string         { return "given_up" }
func (Overtaken) event() string       { return "overtaken" }
func (Frozen) event() string          { return "frozen" }
func (Due) event() string             { return "due" }
