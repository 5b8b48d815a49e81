package session

import (
	"context"
	"time"

	"doverie/internal/account"
	"doverie/internal/effect"
	"doverie/internal/fault"
)

// PushBrowser is one browser that gets notices of an account. It ends with the session it was last seen in, when that
// session is ended by somebody; a session that only lapses leaves it, so that a contact who was not on the site for a
// month is still told that he is asked.
type PushBrowser struct {
	ID, Account  string
	Session      string // in which the browser was last seen
	EndpointHash []byte // keyed: one endpoint belongs to one account
	Sealed       []byte // where and how it is written to; nil after its end
	Device       string // plain words such as "Chrome, Android"
	CreatedAt    time.Time
	SeenAt       time.Time
	EndedAt      time.Time
	EndedWhy     string
}

// Why a browser gets no notices any more; the end of a session adds its own reasons.
const (
	PushOff     = "switched_off"
	PushGone    = "gone"          // its push service says that it is no more
	PushMoved   = "other_account" // somebody else is signed in there now
	PushRenewed = "renewed"       // it told new keys
)

// PushChange is what one commit writes: browsers that end, each still live, and at most one that begins, in a live session.
type PushChange struct {
	Rules string
	End   []PushBrowser
	New   *PushBrowser
}

// PushStore is what Pushes needs of the database.
type PushStore interface {
	// PushBrowsers lists the account's live browsers, oldest first.
	PushBrowsers(ctx context.Context, accountID string) ([]PushBrowser, error)
	// PushBrowser reads one, live or ended; fault NotFound.
	PushBrowser(ctx context.Context, id string) (PushBrowser, error)
	// PushBrowserAt reads the live one of an endpoint; fault NotFound.
	PushBrowserAt(ctx context.Context, endpointHash []byte) (PushBrowser, error)
	// SeePushBrowser notes in which live session a live browser was seen; fault Conflict when one of the two is not.
	SeePushBrowser(ctx context.Context, b PushBrowser, now time.Time) error
	// CommitPush applies the change and the effects in one transaction; fault Conflict when a guard did not hold.
	CommitPush(ctx context.Context, act effect.Act, now time.Time, c PushChange, effects []effect.Effect) error
}

// MaxPushBrowsers is how many browsers of one person may get notices.
const MaxPushBrowsers = 5

const (
	sealPush   = "push subscription"
	lookupPush = "push endpoint"
)

// Pushes holds the acts with browsers that get notices. None needs a repeated check: a notice says what the cabinet of
// the same session says, and opens nothing.
type Pushes struct {
	Sessions *Service
	Store    PushStore
	// Parse reads what a browser says of its subscription and writes it in one form; nil: notices in browsers are not offered.
	Parse func(text []byte) (endpoint string, written []byte, err error)
	Key   []byte // the server's public key, for which browsers subscribe: an uncompressed point of P-256
}

// Offered reports whether pages may speak of notices in browsers at all.
func (s *Pushes) Offered() bool { return s.Parse != nil }

// List reads the account's browsers, oldest first.
func (s *Pushes) List(ctx context.Context, accountID string) ([]PushBrowser, error) {
	return s.Store.PushBrowsers(ctx, accountID)
}

// SwitchOn lets the browser of this session get notices. An endpoint that was somebody else's is so no more: whoever is
// signed in at a browser is who uses it. Switching on again renews. Faults: NotFound (not offered), Refused ("fault.push.bad"
// for a subscription of no known service, "fault.push.many"), Conflict.
func (s *Pushes) SwitchOn(ctx context.Context, act effect.Act, auth Auth, text []byte) (PushBrowser, error) {
	if !s.Offered() {
		return PushBrowser{}, fault.New(fault.NotFound, "fault.not_found", nil)
	}
	endpoint, written, err := s.Parse(text)
	if err != nil {
		return PushBrowser{}, fault.New(fault.Refused, "fault.push.bad", nil).Because(err)
	}
	now, keys := s.Sessions.Now(), s.Sessions.Keys
	b := PushBrowser{
		ID: account.NewID(), Account: auth.Account.ID, Session: auth.Session.ID, EndpointHash: keys.Lookup(lookupPush, endpoint),
		Device: act.Device, CreatedAt: now, SeenAt: now,
	}
	b.Sealed = keys.Seal(sealPush, []byte(b.ID+b.Account), written)
	c := PushChange{New: &b}
	effects := []effect.Effect{record("push.switched_on", "push:"+b.ID, map[string]string{"device": b.Device}, b.Account)}
	older, err := s.Store.PushBrowserAt(ctx, b.EndpointHash)
	switch {
	case err == nil:
		older.EndedWhy = PushRenewed
		if older.Account != b.Account {
			older.EndedWhy = PushMoved
			effects = append(effects, switchedOff(older))
		}
		c.End = []PushBrowser{older}
	case !fault.Is(err, fault.NotFound):
		return PushBrowser{}, err
	}
	all, err := s.Store.PushBrowsers(ctx, b.Account)
	if err != nil {
		return PushBrowser{}, err
	}
	if len(all) >= MaxPushBrowsers && (len(c.End) == 0 || c.End[0].Account != b.Account) {
		return PushBrowser{}, fault.New(fault.Refused, "fault.push.many", fault.Args{"Max": MaxPushBrowsers})
	}
	return b, s.commit(ctx, act, now, c, effects...)
}

// Here tells that the browser of an endpoint is used in this session, so that the end of this session ends its notices too.
// A browser that was somebody else's gets no notices any more: he is not signed in there now. Unknown endpoints change nothing.
func (s *Pushes) Here(ctx context.Context, act effect.Act, auth Auth, endpoint string) error {
	if !s.Offered() {
		return fault.New(fault.NotFound, "fault.not_found", nil)
	}
	b, err := s.Store.PushBrowserAt(ctx, s.Sessions.Keys.Lookup(lookupPush, endpoint))
	switch {
	case fault.Is(err, fault.NotFound):
		return nil
	case err != nil:
		return err
	case b.Account != auth.Account.ID:
		return s.end(ctx, act, b, PushMoved)
	case b.Session == auth.Session.ID:
		return nil
	}
	b.Session = auth.Session.ID
	return lost(s.Store.SeePushBrowser(ctx, b, s.Sessions.Now()))
}

// SwitchOff ends the notices of one browser of the person. Fault NotFound also for somebody else's.
func (s *Pushes) SwitchOff(ctx context.Context, act effect.Act, auth Auth, id string) error {
	all, err := s.Store.PushBrowsers(ctx, auth.Account.ID)
	if err != nil {
		return err
	}
	for _, b := range all {
		if b.ID == id {
			return s.end(ctx, act, b, PushOff)
		}
	}
	return fault.New(fault.NotFound, "fault.not_found", nil)
}

// Subscription opens what a live browser said of itself. One that has ended, or that was sealed under another key, is not live.
func (s *Pushes) Subscription(ctx context.Context, id string) (text []byte, live bool, err error) {
	b, err := s.Store.PushBrowser(ctx, id)
	switch {
	case fault.Is(err, fault.NotFound):
		return nil, false, nil
	case err != nil:
		return nil, false, err
	case !b.EndedAt.IsZero():
		return nil, false, nil
	}
	text, err = s.Sessions.Keys.Open(sealPush, []byte(b.ID+b.Account), b.Sealed)
	return text, err == nil, nil
}

// Gone ends a browser whose push service says that it is no more. One that ended meanwhile is no fault.
func (s *Pushes) Gone(ctx context.Context, id string) error {
	b, err := s.Store.PushBrowser(ctx, id)
	if err != nil || !b.EndedAt.IsZero() {
		return err
	}
	return s.end(ctx, effect.Act{Actor: effect.System}, b, PushGone)
}

func (s *Pushes) end(ctx context.Context, act effect.Act, b PushBrowser, why string) error {
	b.EndedWhy = why
	return lost(s.commit(ctx, act, s.Sessions.Now(), PushChange{End: []PushBrowser{b}}, switchedOff(b)))
}

func (s *Pushes) commit(ctx context.Context, act effect.Act, now time.Time, c PushChange, effects ...effect.Effect) error {
	c.Rules = s.Sessions.Policy.Version
	return s.Store.CommitPush(ctx, act, now, c, effects)
}

// lost makes a race that somebody else won no fault: the browser has ended, or its session has.
func lost(err error) error {
	if fault.Is(err, fault.Conflict) {
		return nil
	}
	return err
}

func switchedOff(b PushBrowser) effect.Record {
	return record("push.switched_off", "push:"+b.ID, map[string]string{"device": b.Device, "why": b.EndedWhy}, b.Account)
}
