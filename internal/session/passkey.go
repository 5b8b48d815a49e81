package session

import (
	"context"
	"errors"
	"time"

	"doverie/internal/account"
	"doverie/internal/effect"
)

// Passkey is one key of a person («ключ доступа»): a device proves it by a signature, and its owner to the
// device by finger, face or PIN, so that one key is two factors. Zero times mean "never".
type Passkey struct {
	ID         string
	Account    string
	Credential []byte // the key's own id, as the browser names it
	Name       string // the owner's word for it
	Sealed     []byte // public key and all the library wants to see again, sealed
	Synced     bool   // may be copied between the devices of its owner (the backup-eligible flag)
	SignCount  int64  // of the last use; 0: the key does not count
	CreatedAt  time.Time
	TrustedAt  time.Time // when it was added, or kept by its owner after a recovery
	UsedAt     time.Time
	EndedAt    time.Time
	EndedWhy   string
	Version    int64
}

// Why a passkey ended.
const (
	PasskeyRemoved = "removed"
	PasskeyCopied  = "copied" // its count went back: somewhere is a second copy of it
)

// Stale reports whether the key is older than the newest recovery of its account. Whoever took the account may
// have planted it, so alone it opens nothing until its owner keeps it; after the password it is a second factor
// still (DOMAIN §5.7).
func (k Passkey) Stale(a account.Account) bool { return k.TrustedAt.Before(a.RecoveredAt) }

// ErrWrongKey is inside the error of a ceremony whose answer does not fit: everything but our own failure.
var ErrWrongKey = errors.New("the passkey's answer does not fit")

// KeyOwner is a person as a ceremony needs him. The zero KeyOwner is whoever the key names.
type KeyOwner struct {
	ID   string // account
	Name string // shown by the device beside the key
}

// NewKey is what a registration gave.
type NewKey struct {
	Credential, Record []byte
	SignCount          int64
	Synced             bool
}

// Assertion is a right answer of a key.
type Assertion struct {
	Record    []byte // to be kept in place of the older one
	SignCount int64
	Synced    bool
	Flipped   bool // Synced is not what it was
	Copied    bool // the count did not go up: a copy of the key may be in use
}

// Ceremonies is the WebAuthn protocol; package passkey has it. Options go to the browser, state is kept whole
// and given back, an answer is what the browser sent.
type Ceremonies interface {
	// Offered reports whether passkeys work at the service's address; when not, everything else is an error.
	Offered() bool
	BeginRegistration(who KeyOwner, excluded [][]byte) (options, state []byte, err error)
	// FinishRegistration checks a new key. Error: ErrWrongKey.
	FinishRegistration(who KeyOwner, state, answer []byte) (NewKey, error)
	BeginAssertion(who KeyOwner, allowed [][]byte) (options, state []byte, err error)
	// CredentialOf reads which key answers, and proves nothing. Error: ErrWrongKey.
	CredentialOf(answer []byte) ([]byte, error)
	// FinishAssertion checks an answer of the key with that record, whose owner is who. Error: ErrWrongKey.
	FinishAssertion(who KeyOwner, state, record, answer []byte) (Assertion, error)
}

// PasskeyChange is what one commit writes. Every part is optional.
type PasskeyChange struct {
	Rules string // version of the policy, for the events

	// Factor is the account as it was read: its second factor changes now. The account must still be open
	// and at that version, so that a freeze, a recovery or another change of factors in between refuses the commit.
	Factor *account.Account
	New    *Passkey
	Before *Passkey // must be live
	After  *Passkey // name, trust and end are written
}

// PasskeyStore is what Passkeys needs of the database.
type PasskeyStore interface {
	// Account reads one account; fault NotFound.
	Account(ctx context.Context, id string) (account.Account, error)
	// Passkeys lists the account's live keys, oldest first.
	Passkeys(ctx context.Context, account string) ([]Passkey, error)
	// PasskeyByCredential reads a live key; fault NotFound.
	PasskeyByCredential(ctx context.Context, credential []byte) (Passkey, error)
	// PasskeyChallenge reads the challenge of that purpose and object that was neither answered nor is over; fault NotFound.
	PasskeyChallenge(ctx context.Context, purpose, bound string, now time.Time) (id string, sealed []byte, err error)
	// CommitPasskey applies the change and the effects in one transaction. Fault Conflict when a guard did not hold.
	CommitPasskey(ctx context.Context, act effect.Act, now time.Time, c PasskeyChange, effects []effect.Effect) error
}

// The purposes of a challenge: an answer to one is nothing to another.
const (
	forRegister = "register" // bound to the session
	forSignIn   = "sign_in"  // bound to the browser's secret
	forSecond   = "second"   // bound to the pending sign-in
	forStepUp   = "step_up"  // bound to the session
	forApproval = "approval" // bound to the request and the session
)

const (
	sealPasskey   = "passkey"
	sealChallenge = "passkey.challenge"
)
