package storetest

import (
	"context"
	"sync"
	"testing"
	"time"

	"doverie/internal/account"
	"doverie/internal/effect"
	"doverie/internal/policy"
	"doverie/internal/secret"
	"doverie/internal/session"
)

// Password is good enough for every person of the tests.
const Password = "стол и четыре ноги"

// People are the account and session services on a real database, with cheap password hashes, a
// clock set by hand, and eyes on everything that was decided.
type People struct {
	*DB
	Accounts *account.Service
	Sessions *session.Service
	Policy   policy.Policy

	mu   sync.Mutex
	seen []effect.Effect
}

// NewPeople builds the services on the database.
func NewPeople(t testing.TB, db *DB) *People {
	t.Helper()
	p := &People{DB: db, Policy: policy.Default()}
	hasher := secret.NewHasher(secret.HasherOptions{Params: secret.CheapParams(), Wait: time.Minute, Queue: 1000})
	p.Accounts = &account.Service{
		Store: spy{db, p}, Codes: db, Limits: db, Passwords: hasher, Keys: db.Keys, Policy: p.Policy, Now: db.Clock.Now, Issuer: "Доверие",
	}
	p.Sessions = &session.Service{
		Store: spy{db, p}, Codes: db, Limits: db, Passwords: hasher, Keys: db.Keys, Policy: p.Policy, Now: db.Clock.Now,
	}
	return p
}

// spy is the store of the services: their commits are remembered by the people.
type spy struct {
	*DB
	p *People
}

func (s spy) CommitAccount(ctx context.Context, act effect.Act, now time.Time, c account.Change, effects []effect.Effect) error {
	return s.p.CommitAccount(ctx, act, now, c, effects)
}

func (s spy) CommitSession(ctx context.Context, act effect.Act, now time.Time, c session.Change, effects []effect.Effect) error {
	return s.p.CommitSession(ctx, act, now, c, effects)
}

// CommitAccount commits and remembers the effects of what was committed.
func (p *People) CommitAccount(ctx context.Context, act effect.Act, now time.Time, c account.Change, effects []effect.Effect) error {
	return p.remember(p.DB.CommitAccount(ctx, act, now, c, effects), effects)
}

// CommitSession commits and remembers the effects of what was committed.
func (p *People) CommitSession(ctx context.Context, act effect.Act, now time.Time, c session.Change, effects []effect.Effect) error {
	return p.remember(p.DB.CommitSession(ctx, act, now, c, effects), effects)
}

func (s spy) DecideSignIn(
	ctx context.Context, act effect.Act, tokenHash, device []byte, limit int, now time.Time, decide func(session.SignInTry) (session.Change, []effect.Effect, error),
) error {
	return s.p.DecideSignIn(ctx, act, tokenHash, device, limit, now, decide)
}

// DecideSignIn commits and remembers the effects of what was committed.
func (p *People) DecideSignIn(
	ctx context.Context, act effect.Act, tokenHash, device []byte, limit int, now time.Time, decide func(session.SignInTry) (session.Change, []effect.Effect, error),
) error {
	var decided []effect.Effect
	err := p.DB.DecideSignIn(ctx, act, tokenHash, device, limit, now, func(t session.SignInTry) (c session.Change, effects []effect.Effect, err error) {
		c, decided, err = decide(t)
		return c, decided, err
	})
	return p.remember(err, decided)
}

func (p *People) remember(err error, effects []effect.Effect) error {
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = append(p.seen, effects...)
	return nil
}

// Forget empties the memory of what was decided.
func (p *People) Forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seen = nil
}

// Sent lists the messages of a kind, oldest first.
func (p *People) Sent(kind string) []effect.Send {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []effect.Send
	for _, e := range p.seen {
		if s, ok := e.(effect.Send); ok && s.Kind == kind {
			out = append(out, s)
		}
	}
	return out
}

// Recorded counts the events of a kind.
func (p *People) Recorded(kind string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := 0
	for _, e := range p.seen {
		if r, ok := e.(effect.Record); ok && r.Kind == kind {
			n++
		}
	}
	return n
}

// Code is the newest code of a kind of message, for example "sign_in.code".
func (p *People) Code(t testing.TB, kind string) string {
	t.Helper()
	all := p.Sent(kind)
	if len(all) == 0 {
		t.Fatalf("no %s was sent", kind)
	}
	return all[len(all)-1].Args["code"]
}

// Act is a browser of somebody who is not signed in.
func Act() effect.Act {
	return effect.Act{Actor: effect.Applicant, Area: "91.221.0.0/16", Device: "Chrome, Android", RequestID: "test"}
}

// ActOf is a browser of a signed-in person.
func ActOf(id string) effect.Act {
	a := Act()
	a.Actor, a.ID = effect.Person, id
	return a
}

// Register makes a simplified account with that phone and Password.
func (p *People) Register(t testing.TB, given, phone string) account.Account {
	t.Helper()
	opened, err := p.Accounts.Register(t.Context(), Act(), account.RegisterInput{
		Family: "Петрова", Given: given, Phone: phone, Password: Password, Locale: "ru",
	})
	if err != nil {
		t.Fatal(err)
	}
	a, err := p.Accounts.EnterRegistrationCode(t.Context(), Act(), opened.Token, p.Code(t, "register.code"))
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// SignIn signs the person in by SMS from a browser that is not remembered.
func (p *People) SignIn(t testing.TB, identifier string) session.Entered {
	t.Helper()
	begun, err := p.Sessions.Begin(t.Context(), Act(), session.BeginInput{Identifier: identifier, Password: Password})
	if err != nil {
		t.Fatal(err)
	}
	in, err := p.Sessions.Enter(t.Context(), Act(), session.EnterInput{Token: begun.Token, Code: p.Code(t, "sign_in.code")})
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// StepUp proves password and phone again in the session.
func (p *People) StepUp(t testing.TB, auth session.Auth) (session.Auth, string) {
	t.Helper()
	if _, err := p.Sessions.BeginStepUp(t.Context(), ActOf(auth.Account.ID), auth, Password, session.SMS); err != nil {
		t.Fatal(err)
	}
	auth = p.Reload(t, auth)
	auth, token, err := p.Sessions.EnterStepUp(t.Context(), ActOf(auth.Account.ID), auth, p.Code(t, "step_up.code"))
	if err != nil {
		t.Fatal(err)
	}
	return auth, token
}

// Reload reads the session and its account again, as the next request would.
func (p *People) Reload(t testing.TB, auth session.Auth) session.Auth {
	t.Helper()
	fresh, err := p.Session(t.Context(), auth.Session.TokenHash)
	if err != nil {
		t.Fatal(err)
	}
	a, err := p.Account(t.Context(), auth.Account.ID)
	if err != nil {
		t.Fatal(err)
	}
	auth.Session, auth.Account = fresh, a
	return auth
}

// Confirmed makes a confirmed account, as an import of a confirming body does.
func (p *People) Confirmed(t testing.TB, given, phone, snils, birth string) account.Account {
	t.Helper()
	a := p.Register(t, given, phone)
	_, err := p.Accounts.EnterDocument(t.Context(), ActOf(a.ID), account.Caller{Account: a.ID}, account.DocumentInput{
		BirthDate: birth, Citizenship: "RUS", SNILS: snils, Kind: account.PassportRUS, Number: "4503 123456",
	})
	if err != nil {
		t.Fatal(err)
	}
	if err = p.Accounts.Confirm(t.Context(), effect.Act{Actor: effect.System}, a.ID); err != nil {
		t.Fatal(err)
	}
	if a, err = p.Account(t.Context(), a.ID); err != nil {
		t.Fatal(err)
	}
	return a
}

// Note remembers effects that another service committed.
func (p *People) Note(effects ...effect.Effect) {
	_ = p.remember(nil, effects) // remembering fails only with a commit that failed
}
