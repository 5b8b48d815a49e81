package passkey_test

import (
	"context"
	"net/url"
	"sync/atomic"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"

	"doverie/internal/account"
	"doverie/internal/apptest/pgtest"
	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/passkey"
	"doverie/internal/session"
	"doverie/internal/store/storetest"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

const origin = "https://id.example.test"

// world is people with phones and keys on a real database.
type world struct {
	*storetest.People
	Keys *session.Passkeys
}

func each(t *testing.T, run func(t *testing.T, w *world)) {
	t.Helper()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		p := storetest.NewPeople(t, db)
		base, err := url.Parse(origin)
		ok(t, err)
		site, err := passkey.New(base, "Доверие")
		ok(t, err)
		run(t, &world{People: p, Keys: &session.Passkeys{Sessions: p.Sessions, Store: spy{db, p}, Ceremonies: site}})
	})
}

// spy lets the people see what was decided.
type spy struct {
	*storetest.DB
	p *storetest.People
}

func (s spy) CommitPasskey(ctx context.Context, act effect.Act, now time.Time, c session.PasskeyChange, effects []effect.Effect) error {
	err := s.DB.CommitPasskey(ctx, act, now, c, effects)
	if err == nil {
		s.p.Note(effects...)
	}
	return err
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func want(t testing.TB, err error, kind fault.Kind, key string) {
	t.Helper()
	if !fault.Is(err, kind) || !fault.HasKey(err, key) {
		t.Fatalf("got %v, want %s %s", err, kind, key)
	}
}

// device is somebody's authenticator with one key, on some site.
type device struct {
	rp   virtualwebauthn.RelyingParty
	auth virtualwebauthn.Authenticator
	key  virtualwebauthn.Credential
}

func newDevice() *device {
	d := &device{rp: virtualwebauthn.RelyingParty{ID: "id.example.test", Name: "Доверие", Origin: origin}, auth: virtualwebauthn.NewAuthenticator()}
	// The test library leaves leading zeros of a coordinate out, and one key in 128 is then no key (RFC 9053 §7.1.1).
	const whole = 77 // bytes of a COSE key with both coordinates in full
	for d.key = virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2); len(d.key.Key.AttestationData()) != whole; {
		d.key = virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeEC2)
	}
	return d
}

// makes answers the options of a registration.
func (d *device) makes(t testing.TB, options []byte) []byte {
	t.Helper()
	o, err := virtualwebauthn.ParseAttestationOptions(string(options))
	ok(t, err)
	d.auth.Options.UserHandle = []byte(o.UserID)
	return []byte(virtualwebauthn.CreateAttestationResponse(d.rp, d.auth, d.key, *o))
}

// answers signs the options of an assertion; the key counts.
func (d *device) answers(t testing.TB, options []byte) []byte {
	t.Helper()
	d.key.Counter++
	return d.says(t, options)
}

// says signs without counting.
func (d *device) says(t testing.TB, options []byte) []byte {
	t.Helper()
	o, err := virtualwebauthn.ParseAssertionOptions(string(options))
	ok(t, err)
	return []byte(virtualwebauthn.CreateAssertionResponse(d.rp, d.auth, d.key, *o))
}

// signedUp is a signed-in person who stepped up, with one key.
func (w *world) signedUp(t testing.TB, given, phone string) (session.Auth, *device) {
	t.Helper()
	w.Register(t, given, phone)
	in := w.SignIn(t, phone)
	auth, _ := w.StepUp(t, in.Auth)
	d := newDevice()
	w.add(t, auth, d, "мой телефон")
	return w.Reload(t, auth), d
}

func (w *world) add(t testing.TB, auth session.Auth, d *device, name string) session.Passkey {
	t.Helper()
	act := storetest.ActOf(auth.Account.ID)
	options, err := w.Keys.BeginAdd(t.Context(), act, auth)
	ok(t, err)
	k, err := w.Keys.Add(t.Context(), act, auth, name, d.makes(t, options))
	ok(t, err)
	return k
}

// signIn signs in by key alone.
func (w *world) signIn(t testing.TB, d *device) (session.Entered, error) {
	t.Helper()
	options, token, err := w.Keys.BeginSignIn(t.Context(), storetest.Act())
	ok(t, err)
	return w.Keys.SignIn(t.Context(), storetest.Act(), session.KeyInput{Token: token, Answer: d.answers(t, options)})
}

func (w *world) system(t testing.TB, effects ...effect.Effect) {
	t.Helper()
	ok(t, w.CommitAccount(t.Context(), effect.Act{Actor: effect.System}, w.Clock.Now(), account.Change{Rules: "test"}, effects))
}

// oneOf counts the winners of a race whose losers were all told the same.
func oneOf(t testing.TB, errs []error, keys ...string) {
	t.Helper()
	var won atomic.Int64
	for _, err := range errs {
		lost := false
		for _, key := range keys {
			lost = lost || fault.HasKey(err, key)
		}
		switch {
		case err == nil:
			won.Add(1)
		case !lost:
			t.Errorf("a loser was told %v", err)
		}
	}
	if won.Load() != 1 {
		t.Errorf("%d winners", won.Load())
	}
}

// between does something just before a commit.
type between struct {
	session.Store

	do func()
}

func (b between) CommitSession(ctx context.Context, act effect.Act, now time.Time, c session.Change, effects []effect.Effect) error {
	b.do()
	return b.Store.CommitSession(ctx, act, now, c, effects)
}
