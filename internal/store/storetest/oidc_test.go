package storetest_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"doverie/internal/account"
	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/oidc"
	"doverie/internal/session"
	"doverie/internal/store/storetest"
)

// guests are people of another system, each in two signed-in browsers with a code at hand.
type guests struct {
	*storetest.People

	t        *testing.T
	who      account.Account
	sessions [2]session.Session
	families [2]oidc.Family
}

func newGuests(t *testing.T, db *storetest.DB) *guests {
	t.Helper()
	g := &guests{People: storetest.NewPeople(t, db), t: t}
	g.who = g.Register(t, "Вера", "+79131234567")
	now := db.Clock.Now()
	g.must(oidc.Change{NewClient: &oidc.Client{
		ID: "c", Name: "Водоканал", Kind: oidc.Web, State: oidc.Active, Auth: oidc.SecretBasic, SecretHash: []byte("h"), Redirects: []string{"https://a.test/cb"},
		Subjects: oidc.Pairwise, Sector: "a.test", Scopes: []string{"openid"}, IDTokenAlg: oidc.RS256, CreatedAt: now, ChangedAt: now, Version: 1,
	}})
	g.must(oidc.Change{NewGrant: &oidc.Grant{
		ID: "g", Account: g.who.ID, Client: "c", Subject: "s", Scopes: []string{"openid"}, GivenAt: now, ChangedAt: now, ExpiresAt: now.Add(time.Hour), Version: 1,
	}})
	for i := range g.sessions {
		in, err := g.Sessions.OpenRegistered(t.Context(), storetest.Act(), g.who, false)
		if err != nil {
			t.Fatal(err)
		}
		g.sessions[i] = in.Session
		visit := oidc.Visit{ID: fmt.Sprint("v", i), Client: "c", Account: g.who.ID, Session: in.Session.ID, Subject: "s", StartedAt: now}
		g.families[i] = g.family(fmt.Sprint("f", i), visit.ID, now)
		g.must(oidc.Change{NewVisit: &visit, NewFamily: &g.families[i], Holder: &oidc.Holder{Account: g.who.ID, Session: in.Session.ID}})
	}
	return g
}

func (g *guests) family(id, visit string, now time.Time) oidc.Family {
	return oidc.Family{
		ID: id, Client: "c", Account: g.who.ID, Grant: "g", Visit: visit, CodeHash: []byte("code " + id), CodeUntil: now.Add(time.Minute), Redirect: "https://a.test/cb",
		Challenge: "x", Scopes: []string{"openid"}, Claims: "{}", ACR: "aal2", AMR: []string{"pwd", "sms"}, AuthTime: now, StartedAt: now, ExpiresAt: now.Add(time.Hour), Version: 1,
	}
}

func (g *guests) commit(c oidc.Change) error {
	c.Rules = "test"
	return g.CommitOIDC(context.Background(), storetest.Act(), g.Clock.Now(), c, nil)
}

func (g *guests) must(c oidc.Change) {
	g.t.Helper()
	if err := g.commit(c); err != nil {
		g.t.Fatal(err)
	}
}

func (g *guests) lost(what string, c oidc.Change) {
	g.t.Helper()
	if err := g.commit(c); !fault.Is(err, fault.Conflict) {
		g.t.Errorf("%s: %v, want a conflict", what, err)
	}
}

func (g *guests) token(kind oidc.TokenKind, name string, f oidc.Family) oidc.Token {
	now := g.Clock.Now()
	return oidc.Token{Hash: []byte(name), Kind: kind, Family: f.ID, Scopes: []string{"openid"}, IssuedAt: now, ExpiresAt: now.Add(time.Minute)}
}

func (g *guests) works(kind oidc.TokenKind, name string) bool {
	g.t.Helper()
	live, err := g.OIDCToken(g.t.Context(), kind, []byte(name), g.Clock.Now())
	if err != nil {
		g.t.Fatal(err)
	}
	return live.Works
}

func count(errs []error) (won, lost int) {
	for _, err := range errs {
		switch {
		case err == nil:
			won++
		case fault.Is(err, fault.Conflict):
			lost++
		}
	}
	return won, lost
}

// Of many who use one code, one refresh token, one proof or one step at once, one wins.
func TestSystemsUseOnce(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		g := newGuests(t, db)
		f := g.families[0]
		first := g.token(oidc.Refresh, "r0", f)
		won, lost := count(storetest.Parallel(8, func(i int) error {
			return g.commit(oidc.Change{UseCode: &f, NewTokens: []oidc.Token{g.token(oidc.Access, fmt.Sprint("a", i), f)}})
		}))
		if won != 1 || lost != 7 {
			t.Errorf("a code: %d won, %d lost", won, lost)
		}
		if n := db.Count(t, `SELECT COUNT(*) FROM oidc_tokens`); n != 1 {
			t.Errorf("%d access tokens of one code", n)
		}
		other := g.families[1]
		g.must(oidc.Change{UseCode: &other, NewTokens: []oidc.Token{g.token(oidc.Refresh, "r0", other)}})
		first.Family = other.ID
		won, lost = count(storetest.Parallel(8, func(i int) error {
			return g.commit(oidc.Change{UseRefresh: &first, NewTokens: []oidc.Token{g.token(oidc.Refresh, fmt.Sprint("r1", i), other)}})
		}))
		if won != 1 || lost != 7 {
			t.Errorf("a refresh token: %d won, %d lost", won, lost)
		}
		fresh := make([]bool, 8)
		for _, err := range storetest.Parallel(8, func(i int) (err error) {
			fresh[i], err = db.OIDCSeen(context.Background(), "dpop", []byte("jti"), g.Clock.Now().Add(time.Minute))
			return err
		}) {
			if err != nil {
				t.Error(err)
			}
		}
		seen := 0
		for _, one := range fresh {
			if one {
				seen++
			}
		}
		if seen != 1 {
			t.Errorf("a proof was fresh %d times", seen)
		}
		now := g.Clock.Now()
		g.must(oidc.Change{NewRequest: &oidc.Stored{ID: "q", Client: "c", RefHash: []byte("ref"), State: oidc.RequestPushed, Sealed: []byte("x"), CreatedAt: now, ExpiresAt: now.Add(time.Minute)}})
		g.lost("answering what no browser has brought", oidc.Change{DoneRequest: "q"})
		g.must(oidc.Change{OpenRequest: "q", OpenUntil: now.Add(time.Hour)})
		g.lost("bringing it again", oidc.Change{OpenRequest: "q", OpenUntil: now.Add(time.Hour)})
		g.must(oidc.Change{DoneRequest: "q"})
		g.lost("answering it again", oidc.Change{DoneRequest: "q"})
	})
}

// What ends a sign-in ends the codes and tokens that came of it, in the same commit, and nothing is issued afterwards.
func TestSystemsEnd(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		g := newGuests(t, db)
		for i := range g.families {
			f := g.families[i]
			g.must(oidc.Change{UseCode: &f, NewTokens: []oidc.Token{g.token(oidc.Access, fmt.Sprint("a", i), f), g.token(oidc.Refresh, fmt.Sprint("r", i), f)}})
		}
		act := func(effects ...effect.Effect) {
			t.Helper()
			if err := db.Apply(t.Context(), storetest.Act(), g.Clock.Now(), "test", effects); err != nil {
				t.Fatal(err)
			}
		}
		want := func(what string, first, second bool) {
			t.Helper()
			if a, b := g.works(oidc.Access, "a0"), g.works(oidc.Access, "a1"); a != first || b != second || g.works(oidc.Refresh, "r1") != second {
				t.Errorf("%s: %t and %t", what, a, b)
			}
		}
		want("at first", true, true)
		act(effect.EndSessions{Account: g.who.ID, Except: g.sessions[1].ID, Why: "password_changed"})
		want("after a new password set in the second browser", false, true)
		if untold, err := db.OIDCUntold(t.Context(), 10); err != nil || len(untold) != 1 || untold[0].ID != "v0" || untold[0].EndedWhy != "password_changed" {
			t.Errorf("to be told: %+v %v", untold, err)
		}
		now := g.Clock.Now()
		late := g.family("late", "v0", now)
		g.lost("a code for a visit that has ended", oidc.Change{NewFamily: &late})
		g.lost("a code for a session that has ended", oidc.Change{Holder: &oidc.Holder{Account: g.who.ID, Session: g.sessions[0].ID}})
		g.lost("a code for another's session", oidc.Change{Holder: &oidc.Holder{Account: "somebody", Session: g.sessions[1].ID}})
		act(effect.Freeze{Account: g.who.ID, Reason: "self"})
		want("on a frozen account", false, false)
		g.lost("a code on a frozen account", oidc.Change{Holder: &oidc.Holder{Account: g.who.ID, Session: g.sessions[1].ID}})
		act(effect.Thaw{Account: g.who.ID})
		want("thawed: nothing was ended by the freeze alone", false, true)
		act(effect.TellSystems{Account: g.who.ID, What: "recovery-disowned"})
		want("disowned", false, false)
		if _, err := db.OIDCGrant(t.Context(), g.who.ID, "c"); err != nil {
			t.Errorf("the consent after disowning: %v", err)
		}
		act(effect.EndSessions{Account: g.who.ID, Why: "recovery"})
		if _, err := db.OIDCGrant(t.Context(), g.who.ID, "c"); !fault.Is(err, fault.NotFound) {
			t.Errorf("the consent after a recovery: %v", err)
		}
		visit := oidc.Visit{ID: "v9", Client: "c", Account: g.who.ID, Session: g.sessions[1].ID, Subject: "s", StartedAt: now}
		late = g.family("on an ended consent", visit.ID, now)
		g.lost("a code on a consent that has ended", oidc.Change{NewVisit: &visit, NewFamily: &late})
		if who, err := db.OIDCAccountOf(t.Context(), "c", "s"); err != nil || who != g.who.ID {
			t.Errorf("whom the system means: %q %v", who, err)
		}
		g.Clock.Advance(200 * 24 * time.Hour)
		if _, err := db.Sweep(t.Context(), g.Clock.Now()); err != nil {
			t.Fatal(err)
		}
		if n := db.Count(t, `SELECT (SELECT COUNT(*) FROM oidc_tokens) + (SELECT COUNT(*) FROM oidc_families)`); n != 0 {
			t.Errorf("%d old rows are kept", n)
		}
	})
}

// Of processes that rotate at once one wins; of each algorithm one key announces and one signs.
func TestSigningKeysRace(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		g := newGuests(t, db)
		now := g.Clock.Now()
		change := func(c oidc.KeyChange) error {
			c.Rules, c.Served = "test", now.Add(time.Hour)
			return db.CommitOIDCKeys(context.Background(), storetest.Act(), now, c, nil)
		}
		key := func(i int) oidc.Key {
			return oidc.Key{ID: fmt.Sprint("k", i), Alg: oidc.RS256, State: oidc.Announced, Public: "{}", Sealed: []byte("x"), AnnouncedAt: now}
		}
		won, lost := count(storetest.Parallel(6, func(i int) error { return change(oidc.KeyChange{New: []oidc.Key{key(i)}}) }))
		if won != 1 || lost != 5 {
			t.Errorf("announced: %d won, %d lost", won, lost)
		}
		keys, err := db.OIDCKeys(t.Context(), now)
		if err != nil || len(keys) != 1 {
			t.Fatalf("%+v %v", keys, err)
		}
		won, _ = count(storetest.Parallel(6, func(int) error { return change(oidc.KeyChange{Promote: []string{keys[0].ID}}) }))
		if won != 1 {
			t.Errorf("promoted %d times", won)
		}
		if err = change(oidc.KeyChange{New: []oidc.Key{key(9)}}); err != nil {
			t.Fatal(err)
		}
		if err = change(oidc.KeyChange{Promote: []string{"k9"}}); !fault.Is(err, fault.Conflict) {
			t.Errorf("two keys sign: %v", err)
		}
		if err = change(oidc.KeyChange{Retire: []string{keys[0].ID}, Promote: []string{"k9"}}); err != nil {
			t.Error(err)
		}
	})
}
