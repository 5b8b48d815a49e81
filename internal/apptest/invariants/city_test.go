package invariants_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"doverie/internal/account"
	"doverie/internal/apptest/invariants"
	"doverie/internal/apptest/pgtest"
	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/jobs"
	"doverie/internal/policy"
	"doverie/internal/recovery"
	"doverie/internal/secret"
	"doverie/internal/session"
	"doverie/internal/store"
	"doverie/internal/store/storetest"
	"doverie/internal/trust"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// city is people on a real database with every service that the web would call.
type city struct {
	*storetest.DB

	t         *testing.T
	ctx       context.Context //nolint:containedctx // the test's own, which every act of the city ends with
	p         policy.Policy
	ledger    *ledger
	trust     *store.Trust
	attempts  recovery.Attempts
	accounts  *account.Service
	sessions  *session.Service
	links     *trust.Links
	decisions *trust.Decisions
	protect   *trust.Protect
	recovery  *recovery.Service
	stops     *recovery.Stops
	engine    *jobs.Engine
	hasher    *secret.Hasher

	mu       sync.Mutex
	folk     []*citizen
	browsers []browser
	inbox    map[string]string // account and kind → the newest code on the phone or in the mailbox
	made     int               // passwords thought of
	log      []string
}

// citizen is one person and what he knows.
type citizen struct {
	id, given, phone, email, snils string
	password                       string
	cookies                        []cookie // of every browser that was ever signed in
}

type cookie struct {
	token, session string
	since          time.Time
}

type browser struct{ secret, account string }

// bend puts lying doubles between the services and the store; nil parts do not lie.
type bend struct {
	circles func(trust.Circles) trust.Circles
	owners  func(recovery.Owners) recovery.Owners
}

const folkCount = 12

func newCity(t *testing.T, db *storetest.DB, lie bend) *city {
	t.Helper()
	p := policy.Default()
	s := store.NewTrust(db.Store, p)
	c := &city{
		DB: db, t: t, ctx: t.Context(), p: p, ledger: newLedger(), trust: s, inbox: map[string]string{},
		hasher: secret.NewHasher(secret.HasherOptions{Params: secret.CheapParams(), Wait: time.Minute, Queue: 1000}),
	}
	c.ledger.truth = c.truth
	seen := watched{Circles: s, Attempts: s, ledger: c.ledger}
	var circles trust.Circles = seen
	if lie.circles != nil {
		circles = lie.circles(circles)
	}
	eyes := counted{DB: db, ledger: c.ledger}
	c.accounts = &account.Service{Store: eyes, Codes: db, Limits: db, Passwords: c.hasher, Keys: db.Keys, Policy: p, Now: db.Clock.Now, Issuer: "Доверие"}
	c.sessions = &session.Service{Store: eyes, Codes: db, Limits: db, Passwords: c.hasher, Keys: db.Keys, Policy: p, Now: db.Clock.Now}
	c.links = &trust.Links{Circles: circles, Newcomers: s, Limits: s, Keys: db.Keys, Policy: p, ParseInvited: parseInvited}
	c.decisions = &trust.Decisions{Circles: circles, Keys: db.Keys, Policy: p}
	c.protect = &trust.Protect{Circles: circles, Limits: s, Keys: db.Keys, Policy: p}
	var found recovery.Owners = owners{c}
	if lie.owners != nil {
		found = lie.owners(found)
	}
	c.attempts = seen
	c.recovery = &recovery.Service{Circles: circles, Owners: found, Attempts: seen, Limits: s, Keys: db.Keys, Policy: p, Now: db.Clock.Now}
	c.stops = &recovery.Stops{Recoveries: c.recovery, Freezes: c.protect}
	c.background()
	c.settle()
	return c
}

func (c *city) background() {
	c.t.Helper()
	var err error
	c.engine, err = jobs.New(jobs.Config{Queue: c.DB, Deliverer: c, Now: c.Clock.Now, Workers: 4, Report: func(i jobs.Incident) {
		// A clock that jumps past a lease gives the work to another hand; the first one is then told so.
		if i.Err != nil && !errors.Is(i.Err, errLost) && (i.What != "settle" || !fault.Is(i.Err, fault.Conflict)) {
			c.ledger.faultf("I3", "a timer or a message failed: %s %s %v", i.What, i.Kind, i.Err)
		}
	}})
	if err != nil {
		c.t.Fatal(err)
	}
	for kind, handler := range map[string]jobs.Handler{
		trust.TimerInvitationTell: c.links.TellInvited, trust.TimerInvitationLapse: c.links.LapseInvitation, trust.TimerLinkLeave: c.links.Leave,
		trust.TimerLinkReview: c.links.Review, trust.TimerHealth: c.links.Remind, trust.TimerActionExpire: c.protect.Expire, recovery.TimerExpire: c.recovery.Expire,
	} {
		c.engine.Register(kind, handler)
	}
}

// settle lets people move in: A guarded by B, C by B and D who both must agree, D by E, G by H, I and J of whom two must agree; the others by nobody.
func (c *city) settle() {
	c.t.Helper()
	for i, given := range []string{"Вера", "Алексей", "Анна", "Пётр", "Мария", "Иван", "Алёна", "Фёдор", "Анна-Мария", "Ия", "Семён", "Олег"}[:folkCount] {
		password := fmt.Sprintf("тихая лошадь номер %d", i)
		hash, err := c.hasher.Hash(c.ctx, password)
		if err != nil {
			c.t.Fatal(err)
		}
		p := storetest.Person{Given: given, PasswordHash: hash}
		if i%2 == 0 {
			p.Email = fmt.Sprintf("person%d@example.org", i)
		}
		a := c.Add(c.t, i+1, p)
		c.folk = append(c.folk, &citizen{id: a.ID, given: a.Given, phone: a.Phone, email: a.Email, snils: a.SNILS, password: password})
	}
	for _, pair := range pairs {
		c.befriend(c.folk[pair[0]], c.folk[pair[1]])
	}
	c.Exec(c.t, `UPDATE accounts SET quorum = 2 WHERE id = $1 OR id = $2`, c.folk[2].id, c.folk[6].id)
	c.Clock.Advance(25 * time.Hour)
}

var pairs = [][2]int{{0, 1}, {2, 1}, {2, 3}, {3, 4}, {6, 7}, {6, 8}, {6, 9}}

func (c *city) befriend(principal, contact *citizen) {
	c.t.Helper()
	id, err := c.links.Invite(c.ctx, by(principal), principal.id, contact.given, contact.phone)
	if err == nil {
		err = c.links.Accept(c.ctx, by(contact), contact.id, id)
	}
	if err != nil {
		c.t.Fatal(err)
	}
}

func by(h *citizen) effect.Act {
	return effect.Act{Actor: effect.Person, ID: h.id, Area: "91.221.0.0/16", Device: "Chrome, Android"}
}

func applicant(area int) effect.Act {
	return effect.Act{Actor: effect.Applicant, Area: fmt.Sprintf("10.%d.0.0/16", area), Device: "Firefox, Windows"}
}

func parseInvited(name, phone string) (nameKey, e164, label string, err error) {
	given, bad := account.CleanName("name", name, false)
	e164, wrong := account.ParsePhone(phone)
	if bad != nil || wrong != "" {
		return "", "", "", fault.BadFields(fault.Field{Name: "phone", Key: "fault.phone.invalid"})
	}
	return account.FoldName(given), e164, given + ", " + account.MaskPhone(e164), nil
}

// truth reads a person for the judge, by a query and rules of its own.
func (c *city) truth(id string) invariants.Person {
	var level, state, born string
	var citizenship sql.NullString
	var quorum int
	var phoneAt, passwordAt, factorAt, recoveredAt, simAt, lostAt, verified, confirmed, locked sql.NullInt64
	var created int64
	err := c.Read(c.ctx, func(ctx context.Context, q store.Querier) error {
		return q.QueryRow(ctx, `SELECT level, state, birth_date, citizenship, quorum, phone_changed_at, password_changed_at, factor_changed_at, recovered_at,
				sim_changed_at, phone_lost_at, phone_verified_at, phone_confirmed_at, recovery_locked_until, created_at FROM accounts WHERE id = $1`, id).
			Scan(&level, &state, &born, &citizenship, &quorum, &phoneAt, &passwordAt, &factorAt, &recoveredAt, &simAt, &lostAt, &verified, &confirmed, &locked, &created)
	})
	if err != nil {
		c.t.Errorf("the truth about %s: %v", id, err)
		return invariants.Person{}
	}
	if passwordAt.Int64 <= created {
		passwordAt = sql.NullInt64{}
	}
	moment := func(us ...sql.NullInt64) (out time.Time) {
		for _, one := range us {
			if m := time.UnixMicro(one.Int64).UTC(); one.Valid && m.After(out) {
				out = m
			}
		}
		return out
	}
	now := c.Clock.Now()
	years := 40
	if strings.HasPrefix(born, "20") {
		years = 17
	}
	return invariants.Person{
		Citizenship: citizenship.String, Confirmed: level == "confirmed", Frozen: state == "frozen", Quorum: quorum, Age: years,
		Current:   verified.Valid && !lostAt.Valid && now.Before(moment(confirmed, verified).Add(365*24*time.Hour)),
		ChangedAt: moment(phoneAt, passwordAt, factorAt, recoveredAt), SimAt: moment(simAt), LockedUntil: moment(locked),
	}
}

// owners answers for accounts as the composition root does.
type owners struct{ c *city }

func (o owners) ByIdentifier(ctx context.Context, typed string) (recovery.Owner, error) {
	id, wrong := account.ParseIdentifier(typed)
	if wrong != "" {
		return recovery.Owner{}, fault.BadFields(fault.Field{Name: "identifier", Key: wrong})
	}
	a, err := o.c.FindAccount(ctx, id)
	if fault.Is(err, fault.NotFound) {
		return recovery.Owner{}, nil
	}
	return o.owner(a), err
}

func (o owners) owner(a account.Account) recovery.Owner {
	owner := recovery.Owner{Account: a.ID, Phone: a.Phone, PhoneCurrent: a.PhoneCurrent(o.c.Clock.Now(), o.c.p)}
	if a.EmailVerified() {
		owner.Email = a.Email
	}
	return owner
}

// Arrive implements recovery.Owners: everybody has one browser that he signed in from before.
func (o owners) Arrive(ctx context.Context, area, typed string, device []byte) (recovery.Owner, error) {
	id, wrong := account.ParseIdentifier(typed)
	if wrong != "" {
		return recovery.Owner{}, fault.BadFields(fault.Field{Name: "identifier", Key: wrong})
	}
	owner, err := o.c.trust.Arrive(ctx, area, id, nil)
	owner.Known = owner.Account != "" && bytes.Equal(device, secret.HashToken(ownBrowser(owner.Account)))
	return owner, err
}

func ownBrowser(account string) string { return "the browser of " + account }

func (owners) SNILS(typed string) string { return typed }

func (o owners) HashNew(ctx context.Context, _ recovery.Owner, password string) (string, error) {
	return o.c.hasher.Hash(ctx, password)
}

// Deliver implements jobs.Deliverer: every phone and mailbox of the city.
func (c *city) Deliver(_ context.Context, m jobs.Message) (jobs.Outcome, error) {
	if code := m.Args["code"]; code != "" {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.inbox[m.Account+" "+m.Kind] = code
	}
	return jobs.Sent, nil
}

// fetch takes the newest code of that kind from a person's phone; "" when none has come.
func (c *city) fetch(account, kind string) string {
	for {
		some, err := c.ClaimMessages(c.ctx, c.Clock.Now(), "phones", 200, time.Minute)
		if err != nil {
			c.ledger.faultf("I8", "the queue of messages: %v", err)
			break
		}
		if len(some) == 0 {
			break
		}
		for _, m := range some {
			outcome, _ := c.Deliver(c.ctx, m)
			if err := c.SettleMessage(c.ctx, c.Clock.Now(), "phones", m, jobs.Settlement{Outcome: outcome}); err != nil && !fault.Is(err, fault.Conflict) {
				c.ledger.faultf("I8", "settling a message: %v", err)
			}
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	code := c.inbox[account+" "+kind]
	delete(c.inbox, account+" "+kind)
	return code
}

func (c *city) newPassword() string {
	c.mu.Lock()
	c.made++
	password := fmt.Sprintf("верная лошадь %d", c.made)
	c.mu.Unlock()
	c.ledger.secret(password)
	return password
}

func (c *city) owner(id string) *citizen {
	for _, h := range c.folk {
		if h.id == id {
			return h
		}
	}
	return nil
}

// rows runs a query whose rows are a few texts.
func (c *city) rows(width int, query string, args ...any) (out [][]string) {
	err := c.Read(c.ctx, func(ctx context.Context, q store.Querier) error {
		var err error
		out, err = store.Collect(func(row func(...any) error) ([]string, error) {
			texts := make([]sql.NullString, width)
			into := make([]any, width)
			for i := range texts {
				into[i] = &texts[i]
			}
			err := row(into...)
			line := make([]string, width)
			for i := range texts {
				line[i] = texts[i].String
			}
			return line, err
		})(q.Query(ctx, query, args...))
		return err
	})
	if err != nil && c.ctx.Err() == nil {
		c.t.Errorf("%s: %v", query, err)
	}
	return out
}

// actor is one hand that acts in the city, with dice of its own.
type actor struct {
	*city

	dice *rand.Rand
	said []string // what its newest act was told
}

func (c *city) actor(seed uint64) *actor {
	return &actor{city: c, dice: rand.New(rand.NewPCG(seed, 9))}
}

func (a *actor) flip(percent int) bool { return a.dice.IntN(100) < percent }

func (a *actor) anybody() *citizen { return a.folk[a.dice.IntN(len(a.folk))] }

// told judges the answer of one act: an error must be a fault that a person can be told (I3).
func (a *actor) told(what string, err error) {
	line := fmt.Sprintf("%s %s: %v", a.Clock.Now().Format(time.RFC3339), what, err)
	a.said = append(a.said, line)
	a.mu.Lock()
	a.log = append(a.log[max(0, len(a.log)-200):], line)
	a.mu.Unlock()
	if err != nil && fault.Of(err).Kind == fault.Internal && !errors.Is(err, errLost) {
		a.ledger.faultf("I3", "%s failed without telling why: %v", what, err)
	}
}

// of finds the recovery of a browser.
func (c *city) of(browser string) (recovery.Recovery, error) {
	r, _, err := c.attempts.WithOwner(c.ctx, secret.HashToken(browser))
	return r, err
}
