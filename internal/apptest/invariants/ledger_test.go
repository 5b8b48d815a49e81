package invariants_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"doverie/internal/account"
	"doverie/internal/apptest/invariants"
	"doverie/internal/effect"
	"doverie/internal/recovery"
	"doverie/internal/session"
	"doverie/internal/store/storetest"
	"doverie/internal/trust"
)

// ledger stands between the services and the real store and writes down every decision, in the order in
// which the store's locks let them decide, whatever order their commits come back in. The judge reads it;
// at a checkpoint it is compared with the tables.
type ledger struct {
	mu    sync.Mutex
	judge *invariants.Judge
	queue []*entry // decisions in their order, whose commit is not yet known or not yet judged
	// truth reads a person from the database; nil while several act at once: then the facts are those read under the decision's own lock.
	truth func(account string) invariants.Person

	now        time.Time
	people     map[string]invariants.Person
	links      []trust.Link
	approvals  []trust.Approval
	actions    []trust.Action
	recoveries []recovery.Recovery
	secrets    []string
	records    int             // events that were committed, by every service
	completed  []string        // accounts with a newly completed recovery
	passwords  map[string]int  // account → passwords set by a judged commit
	changed    map[string]bool // accounts whose password was changed by a signed-in session
	fail       error           // the next decision is lost with this error
	between    func()          // runs once, after a service has looked and before it decides: the racer
}

type entry struct {
	act      effect.Act
	now      time.Time
	out      trust.Outcome
	people   map[string]invariants.Person
	resolved bool
	done     bool
}

func newLedger() *ledger {
	l := &ledger{people: map[string]invariants.Person{}, passwords: map[string]int{}, changed: map[string]bool{}}
	l.judge = invariants.NewJudge(l)
	return l
}

// Now, Person, Links, Approvals, Actions, Recoveries and Secrets implement invariants.State; the judge calls them under the lock.
func (l *ledger) Now() time.Time                  { return l.now }
func (l *ledger) Links() []trust.Link             { return l.links }
func (l *ledger) Approvals() []trust.Approval     { return l.approvals }
func (l *ledger) Actions() []trust.Action         { return l.actions }
func (l *ledger) Recoveries() []recovery.Recovery { return l.recoveries }
func (l *ledger) Secrets() []string               { return l.secrets }

func (l *ledger) Person(id string) invariants.Person {
	if l.truth != nil && id != "" {
		return l.truth(id)
	}
	return l.people[id]
}

// enter notes a decision while its locks are held.
func (l *ledger) enter(act effect.Act, c trust.Circle, out trust.Outcome) *entry {
	e := &entry{act: act, now: c.Now, out: out, people: map[string]invariants.Person{}}
	for _, g := range c.Guardians {
		e.people[g.Contact.Account] = factsOf(g.Contact)
	}
	p := factsOf(c.Principal)
	p.Quorum, p.LockedUntil = c.Quorum, c.LockedUntil
	e.people[c.Principal.Account] = p
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue = append(l.queue, e)
	return e
}

func factsOf(f trust.Facts) invariants.Person {
	return invariants.Person{
		Citizenship: f.Citizenship, Confirmed: f.Confirmed, Current: f.PhoneCurrent, Age: f.Age, Frozen: f.Frozen, ChangedAt: f.ChangedAt, SimAt: f.SimChangedAt,
	}
}

// resolve says what became of a decision, and judges every decision whose turn it is.
func (l *ledger) resolve(e *entry, done bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	e.resolved, e.done = true, done
	for len(l.queue) > 0 && l.queue[0].resolved {
		if l.queue[0].done {
			l.apply(l.queue[0])
		}
		l.queue = l.queue[1:]
	}
}

func (l *ledger) apply(e *entry) {
	l.now, l.people = e.now, e.people
	done := invariants.Commit{Act: e.act, Effects: e.out.Effects}
	row := func(object string, before, after any) {
		done.Rows = append(done.Rows, invariants.Row{Object: object, Before: before, After: after})
	}
	for _, x := range e.out.Links {
		row("link:"+x.ID, put(&l.links, x.ID, func(x trust.Link) string { return x.ID }, x), x)
		l.links[at(l.links, func(y trust.Link) bool { return y.ID == x.ID })].Version++
	}
	for _, x := range e.out.Approvals {
		row("approval:"+x.ID, put(&l.approvals, x.ID, func(x trust.Approval) string { return x.ID }, x), x)
		l.approvals[at(l.approvals, func(y trust.Approval) bool { return y.ID == x.ID })].Version++
	}
	for _, p := range e.out.Actions {
		switch x := p.(type) {
		case trust.Action:
			row("action:"+x.ID, put(&l.actions, x.ID, func(x trust.Action) string { return x.ID }, x), x)
			l.actions[at(l.actions, func(y trust.Action) bool { return y.ID == x.ID })].Version++
		case recovery.Recovery:
			row("recovery:"+x.ID, put(&l.recoveries, x.ID, func(x recovery.Recovery) string { return x.ID }, x), x)
			l.recoveries[at(l.recoveries, func(y recovery.Recovery) bool { return y.ID == x.ID })].Version++
			if x.State == recovery.Completed {
				l.completed = append(l.completed, x.Account)
			}
		}
	}
	l.judge.Commit(done)
	l.note(e.out.Effects)
}

// note remembers what the effects of any service's commit leave behind.
func (l *ledger) note(effects []effect.Effect) {
	for _, e := range effects {
		switch e := e.(type) {
		case effect.Record:
			l.records++
		case effect.Send:
			if code := e.Args["code"]; code != "" {
				l.secrets = append(l.secrets, code)
			}
		case effect.SetPassword:
			l.passwords[e.Account]++
		}
	}
}

// at finds from the end: what changes is mostly new.
func at[T any](rows []T, is func(T) bool) int {
	for i, row := range slices.Backward(rows) {
		if is(row) {
			return i
		}
	}
	return -1
}

func put[T any](rows *[]T, id string, idOf func(T) string, row T) (before any) {
	i := at(*rows, func(x T) bool { return idOf(x) == id })
	if i < 0 {
		*rows = append(*rows, row)
		return nil
	}
	before = (*rows)[i]
	(*rows)[i] = row
	return before
}

func (l *ledger) secret(texts ...string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.secrets = append(l.secrets, texts...)
}

// faultf notes a broken invariant that the judge cannot see by itself.
func (l *ledger) faultf(invariant, format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.judge.Faultf(invariant, format, args...)
}

func (l *ledger) saw(what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.judge.Seen[what]++
}

func (l *ledger) broken() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.judge.Broken)
}

var errLost = errors.New("the commit was lost")

// watched is the store of the trust and recovery services, seen by the ledger.
type watched struct {
	trust.Circles
	recovery.Attempts

	ledger *ledger
}

// Decide implements trust.Circles.
func (w watched) Decide(ctx context.Context, act effect.Act, around trust.Around, decide func(trust.Circle) (trust.Outcome, error)) error {
	w.ledger.mu.Lock()
	racer := w.ledger.between
	w.ledger.between = nil
	w.ledger.mu.Unlock()
	if racer != nil {
		racer()
	}
	var last *entry
	err := w.Circles.Decide(ctx, act, around, func(c trust.Circle) (trust.Outcome, error) {
		if last != nil { // the engine asked for a retry
			w.ledger.resolve(last, false)
			last = nil
		}
		out, err := decide(c)
		if err != nil {
			return out, err
		}
		w.ledger.mu.Lock()
		lost := w.ledger.fail
		w.ledger.fail = nil
		w.ledger.mu.Unlock()
		if lost != nil {
			return trust.Outcome{}, lost
		}
		last = w.ledger.enter(act, c, out)
		return out, nil
	})
	if last != nil {
		w.ledger.resolve(last, err == nil)
	}
	return err
}

// Begin implements recovery.Attempts.
func (w watched) Begin(ctx context.Context, act effect.Act, r recovery.Recovery, owner recovery.Owner, browser []byte, effects []effect.Effect) error {
	e := w.ledger.enter(act, trust.Circle{Now: r.StartedAt}, trust.Outcome{Actions: []trust.Parent{r}, Effects: effects})
	err := w.Attempts.Begin(ctx, act, r, owner, browser, effects)
	w.ledger.resolve(e, err == nil)
	return err
}

// counted is the store of the account and session services, seen by the ledger.
type counted struct {
	*storetest.DB

	ledger *ledger
}

func (c counted) committed(err error, effects []effect.Effect) error {
	if err == nil {
		c.ledger.mu.Lock()
		defer c.ledger.mu.Unlock()
		c.ledger.note(effects)
	}
	return err
}

// CommitAccount implements account.Store.
func (c counted) CommitAccount(ctx context.Context, act effect.Act, now time.Time, change account.Change, effects []effect.Effect) error {
	err := c.committed(c.DB.CommitAccount(ctx, act, now, change, effects), effects)
	for _, e := range effects {
		if e, ok := e.(effect.SetPassword); ok && err == nil {
			c.ledger.mu.Lock()
			c.ledger.changed[e.Account] = act.Actor == effect.Person && act.ID == e.Account
			c.ledger.mu.Unlock()
		}
	}
	return err
}

// CommitSession implements session.Store.
func (c counted) CommitSession(ctx context.Context, act effect.Act, now time.Time, change session.Change, effects []effect.Effect) error {
	return c.committed(c.DB.CommitSession(ctx, act, now, change, effects), effects)
}

// DecideSignIn implements session.Store.
func (c counted) DecideSignIn(
	ctx context.Context, act effect.Act, tokenHash, device []byte, limit int, now time.Time, decide func(session.SignInTry) (session.Change, []effect.Effect, error),
) error {
	var decided []effect.Effect
	err := c.DB.DecideSignIn(ctx, act, tokenHash, device, limit, now, func(t session.SignInTry) (change session.Change, effects []effect.Effect, err error) {
		change, decided, err = decide(t)
		return change, decided, err
	})
	return c.committed(err, decided)
}
