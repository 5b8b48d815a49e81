package session_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"doverie/internal/account"
	"doverie/internal/effect"
	"doverie/internal/secret"
	"doverie/internal/session"
	"doverie/internal/store/storetest"
)

// foreign is the hash of the tests' password with costs that are not the server's.
func foreign(t *testing.T) string {
	t.Helper()
	hash, err := secret.NewHasher(secret.HasherOptions{Params: secret.Params{Memory: 16, Time: 2, Threads: 2}}).Hash(t.Context(), storetest.Password)
	ok(t, err)
	return hash
}

func plant(t *testing.T, p *storetest.People, id, hash string) {
	t.Helper()
	p.Exec(t, `UPDATE accounts SET password_hash = $1 WHERE id = $2`, hash, id)
}

func stored(t *testing.T, p *storetest.People, id string) account.Account {
	t.Helper()
	a, err := p.Account(t.Context(), id)
	ok(t, err)
	return a
}

// The hash of a proven password is made anew with today's costs, at sign-in and at the repeated check, and nothing else changes.
func TestForeignCostsAreReplaced(t *testing.T) {
	each(t, func(t *testing.T, p *storetest.People) {
		a := p.Register(t, "Вера", phone)
		in := begin(t, p)
		signed, err := p.Sessions.Enter(t.Context(), storetest.Act(), session.EnterInput{Token: in.Token, Code: p.Code(t, "sign_in.code")})
		ok(t, err)
		for name, prove := range map[string]func() error{
			"sign-in": func() error {
				_, err := p.Sessions.Begin(t.Context(), storetest.Act(), session.BeginInput{Identifier: phone, Password: storetest.Password})
				return err
			},
			"step-up": func() error {
				auth, err := p.Sessions.Authenticate(t.Context(), signed.Token)
				ok(t, err)
				_, err = p.Sessions.BeginStepUp(t.Context(), storetest.Act(), auth, storetest.Password, session.NoMethod)
				return err
			},
		} {
			old := foreign(t)
			plant(t, p, a.ID, old)
			before, events := stored(t, p, a.ID), p.Count(t, `SELECT COUNT(seq) FROM events`)
			p.Clock.Advance(2 * time.Minute)
			ok(t, prove())
			after := stored(t, p, a.ID)
			if after.PasswordHash == old || !strings.HasPrefix(after.PasswordHash, "$argon2id$v=19$m=8,t=1,p=1$") {
				t.Errorf("%s: the hash is %s", name, after.PasswordHash)
			}
			if !after.PasswordChangedAt.Equal(before.PasswordChangedAt) || after.Version != before.Version || after.MustChangePassword {
				t.Errorf("%s: a new hash of the same password counts as a change: %+v", name, after)
			}
			if n := p.Count(t, `SELECT COUNT(seq) FROM events`); n != events+1 { // the sign-in's or the step-up's own
				t.Errorf("%s: %d events", name, n-events)
			}
			if n := p.Count(t, `SELECT COUNT(id) FROM sessions WHERE ended_at IS NOT NULL`); n != 0 {
				t.Errorf("%s: a session ended", name)
			}
			again := after.PasswordHash
			p.Clock.Advance(2 * time.Minute)
			ok(t, prove())
			if stored(t, p, a.ID).PasswordHash != again {
				t.Errorf("%s: a hash with today's costs was made anew", name)
			}
		}
		// A wrong password proves nothing, and leaves the hash as it is.
		old := foreign(t)
		plant(t, p, a.ID, old)
		_, err = p.Sessions.Begin(t.Context(), storetest.Act(), session.BeginInput{Identifier: phone, Password: "не тот пароль"})
		if err == nil || stored(t, p, a.ID).PasswordHash != old {
			t.Errorf("a wrong password: %v", err)
		}
		// No room for a second hash: the sign-in goes on, the old hash stays and works.
		p.Sessions.Passwords = noRoom{p.Sessions.Passwords}
		p.Clock.Advance(2 * time.Minute)
		begin(t, p)
		if stored(t, p, a.ID).PasswordHash != old {
			t.Error("a hash from nowhere")
		}
	})
}

type noRoom struct{ session.Passwords }

func (noRoom) Hash(context.Context, string) (string, error) { return "", secret.ErrBusy }

// Whoever changed the password between the check and the commit wins: the new hash of the older password is not written over his.
func TestRehashLosesToAnotherHash(t *testing.T) {
	each(t, func(t *testing.T, p *storetest.People) {
		a := p.Register(t, "Вера", phone)
		signed := begin(t, p)
		in, err := p.Sessions.Enter(t.Context(), storetest.Act(), session.EnterInput{Token: signed.Token, Code: p.Code(t, "sign_in.code")})
		ok(t, err)
		old, newer := foreign(t), foreign(t)
		plant(t, p, a.ID, newer)
		ses := in.Session
		ok(t, p.CommitSession(t.Context(), storetest.Act(), p.Clock.Now(), session.Change{
			Rules: "test", Before: &ses, After: &ses, Rehash: &session.Rehash{Account: a.ID, Old: old, New: "$argon2id$of the older password"},
		}, []effect.Effect{}))
		if stored(t, p, a.ID).PasswordHash != newer {
			t.Error("a password that somebody set meanwhile is gone")
		}
		// And a sign-in that lost to a change of the password commits nothing of it.
		err = p.CommitSession(t.Context(), storetest.Act(), p.Clock.Now(), session.Change{
			Rules: "test", PasswordAt: a.PasswordChangedAt.Add(-time.Second), Rehash: &session.Rehash{Account: a.ID, Old: newer, New: old},
			NewSignIn: &session.SignIn{ID: account.NewID(), TokenHash: []byte("x"), Account: a.ID, State: session.SignInPending, CreatedAt: p.Clock.Now(), ExpiresAt: p.Clock.Now().Add(time.Minute)},
		}, nil)
		if err == nil || stored(t, p, a.ID).PasswordHash != newer {
			t.Errorf("lost sign-in: %v", err)
		}
	})
}
