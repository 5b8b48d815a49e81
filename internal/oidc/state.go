package oidc

import (
	"context"
	"time"

	"doverie/internal/account"
	"doverie/internal/effect"
)

// RequestState says where a request to sign in stands.
type RequestState string

// The states of a request.
const (
	RequestPushed RequestState = "pushed" // the system's move: it sends the browser
	RequestOpen   RequestState = "open"   // the person's move: sign in, agree
	RequestDone   RequestState = "done"   // answered, once
)

// Stored is a request as the database keeps it.
type Stored struct {
	ID        string
	Client    string
	RefHash   []byte // of a pushed request's reference
	State     RequestState
	Sealed    []byte
	CreatedAt time.Time
	ExpiresAt time.Time
}

// Grant is what a person agreed to hand over to a system. Zero times mean "not yet".
type Grant struct {
	ID        string
	Account   string
	Client    string
	Subject   string
	Scopes    []string
	Claims    []string // single claims beyond the scopes
	GivenAt   time.Time
	ChangedAt time.Time
	ExpiresAt time.Time
	EndedAt   time.Time
	EndedWhy  string
	Version   int64
}

// Visit is a person's stay at a system, begun in one signed-in browser. Its ID is the "sid" of id and logout tokens.
type Visit struct {
	ID        string
	Client    string
	Account   string
	Session   string // the browser's session
	Subject   string
	StartedAt time.Time
	EndedAt   time.Time
	EndedWhy  string // "recovery", "freeze", "disown", "sign_out", …
	ToldAt    time.Time
}

// Family is one authorization code and everything that came of it.
type Family struct {
	ID        string
	Client    string
	Account   string
	Grant     string
	Visit     string
	CodeHash  []byte
	CodeUntil time.Time
	UsedAt    time.Time
	Redirect  string
	Challenge string
	Nonce     string
	Scopes    []string
	Claims    string // the "claims" parameter, checked
	ACR       string
	AMR       []string
	AuthTime  time.Time
	JKT       string // the key the code is bound to, or empty
	StartedAt time.Time
	ExpiresAt time.Time
	EndedAt   time.Time
	EndedWhy  string
	Version   int64
}

// TokenKind is access or refresh.
type TokenKind string

// The kinds of stored tokens.
const (
	Access  TokenKind = "access"
	Refresh TokenKind = "refresh"
)

// Token is one access or refresh token. Only its hash is kept.
type Token struct {
	Hash      []byte
	Kind      TokenKind
	Family    string
	Scopes    []string
	JKT       string
	IssuedAt  time.Time
	ExpiresAt time.Time
	UsedAt    time.Time
	EndedAt   time.Time
}

// Live is a token together with what it stands on.
type Live struct {
	Token   Token
	Family  Family
	Subject string
	Works   bool // neither it nor what it stands on has ended; the account is open and the client active
}

// Change is what one commit of this package writes. Every part is optional; together they are one transaction, and
// each guarded row must change exactly once or nothing is done (fault Conflict).
type Change struct {
	Rules string // version of the policy, for the events

	NewClient    *Client
	ClientBefore *Client
	ClientAfter  *Client
	DisableAll   string // client whose visits and tokens end

	NewRequest  *Stored
	OpenRequest string // id of a pushed request that a browser has brought
	OpenUntil   time.Time
	DoneRequest string // id of an open request that is answered

	Holder      *Holder // must still be so
	NewGrant    *Grant
	GrantBefore *Grant
	GrantAfter  *Grant // an ended one takes its families and visits along
	NewVisit    *Visit
	NewFamily   *Family
	UseCode     *Family // its code must be unused and in time
	UseRefresh  *Token  // must be unused, in time, and of a live family
	NewTokens   []Token // of UseCode's or UseRefresh's family
	EndFamily   string
	EndToken    []byte
	EndVisits   *EndVisits
	Why         string // of whatever ends
}

// Holder is who must still be signed in, on an open account, for a code to be issued.
type Holder struct{ Account, Session string }

// EndVisits ends the visits of one browser session, with their tokens.
type EndVisits struct{ Session string }

// Store is what Provider needs of the database.
type Store interface {
	// OIDCClient reads a client; fault NotFound.
	OIDCClient(ctx context.Context, id string) (Client, error)
	// OIDCClients lists every client, by name.
	OIDCClients(ctx context.Context) ([]Client, error)
	// OIDCRequest reads a request; fault NotFound.
	OIDCRequest(ctx context.Context, id string) (Stored, error)
	// OIDCPushed reads a request by its reference's hash; fault NotFound.
	OIDCPushed(ctx context.Context, refHash []byte) (Stored, error)
	// OIDCGrant reads the live grant of an account to a client; fault NotFound.
	OIDCGrant(ctx context.Context, account, client string) (Grant, error)
	// OIDCGrants lists the live grants of an account, newest first.
	OIDCGrants(ctx context.Context, account string) ([]Grant, error)
	// OIDCVisit reads the live visit of a browser session to a client; fault NotFound.
	OIDCVisit(ctx context.Context, session, client string) (Visit, error)
	// OIDCCode reads a family by its code's hash; fault NotFound.
	OIDCCode(ctx context.Context, codeHash []byte) (Family, error)
	// OIDCToken reads a token of a kind with what it stands on; fault NotFound.
	OIDCToken(ctx context.Context, kind TokenKind, hash []byte, now time.Time) (Live, error)
	// OIDCSeen notes a proof; false when it was seen before.
	OIDCSeen(ctx context.Context, kind string, hash []byte, until time.Time) (fresh bool, err error)
	// Account reads one account; fault NotFound.
	Account(ctx context.Context, id string) (account.Account, error)
	// CommitOIDC applies the change and the effects in one transaction.
	CommitOIDC(ctx context.Context, act effect.Act, now time.Time, c Change, effects []effect.Effect) error
}
