package desk_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"doverie/internal/desk"
	"doverie/internal/effect"
	"doverie/internal/recovery"
	"doverie/internal/secret"
	"doverie/internal/trust"
)

// world is one person's account, the one link that may guard it, and his newest recovery: every value the machines know.
// All times are kept at the same distance from now, so that worlds that differ by a date only are one world.
type world struct {
	Frozen, Locked                bool
	OwnPhone                      bool // the account's phone is current, and whoever walks has it
	Knows                         bool // whoever walks knows the password
	Temporary                     bool // and it has to be changed first
	Link                          trust.LinkState
	Quiet                         bool
	Recovery                      recovery.State
	Guarded                       bool // the recovery began under a link
	ContactLives                  bool // the contact can be reached and answers
	ContactPhone, ContactPassword bool // whoever walks has the contact's phone, knows his password
}

var now = start

const person, contact = "person", "contact"

func (w world) guarding() bool {
	return w.Link == trust.Active || w.Link == trust.Suspended || w.Link == trust.Leaving
}

func (w world) link() trust.Link {
	l := trust.Link{ID: "link", Principal: person, Contact: contact, State: w.Link, Quiet: w.Quiet, AcceptedAt: now.Add(-time.Hour), SettlesAt: now.Add(-time.Minute), Version: 1}
	switch w.Link {
	case trust.Leaving:
		l.LeavingSince, l.LeavesAt = now.Add(-time.Hour), now.Add(time.Hour)
	case trust.Suspended:
		l.Why = []trust.Reason{trust.PhoneNotCurrent}
	}
	return l
}

func (w world) recovery() recovery.Recovery {
	r := recovery.Recovery{
		ID: "recovery", Account: person, State: w.Recovery, Channel: effect.SMS, Guarded: w.Guarded, Needed: 1,
		StartedAt: now.Add(-100 * time.Hour), ExpiresAt: now.Add(time.Hour), Version: 1,
	}
	if w.Recovery != recovery.Proving {
		r.ProvenAt = now.Add(-99 * time.Hour)
	}
	return r
}

// circle is the world as the decisions of trust, recovery and desk see it.
func (w world) circle() trust.Circle {
	facts := trust.Facts{
		Account: person, Given: "Вера", Citizenship: rules.Citizenship, Confirmed: true, Open: !w.Frozen, Frozen: w.Frozen, Age: 72, Phone: "+79130000001",
		PhoneOwned: w.OwnPhone, PhoneCurrent: w.OwnPhone, SNILS: "1",
	}
	c := trust.Circle{Now: now, Principal: facts}
	c.Quorum = 1
	if w.Frozen {
		c.FrozenAt = now.Add(-time.Hour)
	}
	if w.Locked {
		c.LockedUntil = now.Add(time.Hour)
	}
	if w.guarding() {
		c.Guardians = []trust.Guardian{{Link: w.link(), Contact: trust.Facts{
			Account: contact, Given: "Алексей", Citizenship: rules.Citizenship, Confirmed: true, Open: true, Age: 45, Phone: "+79130000002", PhoneOwned: true, PhoneCurrent: w.Link != trust.Suspended, SNILS: "2",
		}}}
	}
	if r := w.recovery(); r.Open() {
		c.Pending = []trust.Pending{{Action: r}}
	}
	return c
}

// then is the world after an outcome: the rows it changed and the effects on the account.
func (w world) then(out trust.Outcome) (next world, password bool) {
	for _, l := range out.Links {
		w.Link, w.Quiet = l.State, l.Quiet
	}
	for _, a := range out.Actions {
		if r, ok := a.(recovery.Recovery); ok {
			w.Recovery, w.Guarded = r.State, r.Guarded
		}
	}
	for _, e := range out.Effects {
		switch e := e.(type) {
		case effect.SetPassword:
			password = true
			w.Knows, w.Temporary = true, e.MustChange
		case effect.Thaw:
			w.Frozen = false
		case effect.Freeze:
			w.Frozen = true
		case effect.ChangePhone:
			w.OwnPhone = true
		case effect.LockRecovery:
			w.Locked = true
		case effect.UnlockRecovery:
			w.Locked = false
		}
	}
	return w, password
}

// move is one act of somebody, with the world it leads to.
type move struct {
	name     string
	to       world
	password bool // a password was set
}

// walkers is whoever takes part.
type walkers struct {
	contact   bool // the contact answers, if he lives
	operators int
	needs     func(desk.Kind, trust.Circle) bool
	insider   bool // an operator alone, who also walks against the contact's own account
}

func keyring(t *testing.T) *secret.Keyring {
	t.Helper()
	keys, err := secret.NewKeyring([]byte("thirty-two bytes of a test's key"))
	if err != nil {
		t.Fatal(err)
	}
	return keys
}

func deedsOf(t *testing.T) desk.Deeds {
	t.Helper()
	keys := keyring(t)
	return desk.Deeds{
		Links: &trust.Links{Keys: keys, Policy: rules}, Protect: &trust.Protect{Keys: keys, Policy: rules}, Recoveries: &recovery.Service{Keys: keys, Policy: rules},
	}
}

// moves lists everything that can happen next, by the machines themselves.
func (p walkers) moves(d desk.Deeds, w world) []move {
	var out []move
	add := func(name string, o trust.Outcome, err error) {
		if err != nil {
			return
		}
		next, password := w.then(o)
		out = append(out, move{name, next, password})
	}
	rec := func(name string, at time.Time, e recovery.Event) {
		r, effs, err := w.recovery().Apply(at, rules, e)
		add(name, trust.Outcome{Actions: []trust.Parent{r}, Effects: effs}, err)
	}
	// Time.
	rec("the recovery's time is over", now.Add(2*time.Hour), recovery.Due{})
	if l, effs, err := w.link().Apply(now.Add(2*time.Hour), rules, trust.RemovalDue{}); err == nil {
		add("the removal takes effect", trust.Outcome{Links: []trust.Link{l}, Effects: effs}, nil)
	}
	if w.Locked {
		n := w
		n.Locked = false
		out = append(out, move{"the lock is over", n, false})
	}
	// The person at the browser.
	if w.OwnPhone {
		if r := w.recovery(); r.Over() || w.Recovery == recovery.None || w.Recovery == recovery.Proving {
			n := w
			n.Recovery, n.Guarded = recovery.Proving, false
			out = append(out, move{"starts a recovery", n, false})
		}
		c := w.circle()
		rec("proves the phone", now, recovery.Proven{Guard: recovery.Guard{
			Frozen: w.Frozen, LockedUntil: c.LockedUntil, Guarding: len(c.Guardians), Able: c.Able(now.Add(rules.RecoveryWait), rules), Quorum: 1,
		}})
		rec("the second code", now, recovery.SecondCode{})
		rec("a new password", now, recovery.PasswordSet{Hash: "x", Guarding: len(c.Guardians), Standing: len(c.Guardians), Quiet: w.Quiet})
	}
	if w.Knows && w.Temporary && !w.Frozen {
		n := w
		n.Temporary = false
		out = append(out, move{"changes the temporary password", n, false})
	}
	// The contact.
	speaks := p.contact && w.ContactLives || w.ContactPhone && w.ContactPassword
	if speaks && w.Link == trust.Active {
		rec("the contact approves", now, recovery.VotedFor{Vote: trust.Vote{By: trust.Approval{Contact: contact}, Approved: 1}})
	}
	// The desk.
	for _, kind := range desk.Kinds() {
		c := w.circle()
		if p.operators == 0 || p.operators < 2 && p.needs(kind, c) {
			continue
		}
		o, err := d.Of(c, desk.Act{ID: "act", Kind: kind, Link: "link"}, desk.Details{Phone: "+79130000009", Hash: "x"})
		add("the desk: "+string(kind), o, err)
	}
	if p.insider && w.guarding() {
		out = append(out, p.againstContact(w)...)
	}
	return out
}

// againstContact is what one operator can do to the contact's own account, which guards somebody and has no guard.
func (p walkers) againstContact(w world) []move {
	c := trust.Circle{Now: now, Principal: trust.Facts{Account: contact, Open: true, PhoneOwned: true, Phone: "+79130000002"}}
	c.Newcomer.Principals = 1
	var out []move
	if !p.needs(desk.Phone, c) {
		n := w
		n.ContactPhone = true
		out = append(out, move{"the desk: the contact's phone", n, false})
	}
	if !p.needs(desk.Recover, c) || w.ContactPhone {
		n := w
		n.ContactPassword = true // on paper, or online with the phone he has now: nobody guards the contact
		out = append(out, move{"the contact's password", n, false})
	}
	return out
}

// states are every account × link × recovery.
func states() []world {
	var all []world
	bools := []bool{false, true}
	for _, frozen := range bools {
		for _, locked := range bools {
			for _, phone := range bools {
				for _, knows := range bools {
					for _, temporary := range bools {
						for _, lives := range bools {
							for _, link := range []trust.LinkState{trust.NoLink, trust.Active, trust.Suspended, trust.Leaving, trust.Ended} {
								for _, quiet := range bools {
									for _, r := range recovery.States() {
										for _, guarded := range bools {
											w := world{
												Frozen: frozen, Locked: locked, OwnPhone: phone, Knows: knows, Temporary: temporary, ContactLives: lives, Link: link,
												Quiet: quiet && link == trust.Leaving, Recovery: r, Guarded: guarded,
											}
											if quiet && link != trust.Leaving || guarded && (r == recovery.None || r == recovery.Proving) || (r == recovery.Awaiting || r == recovery.Rejected) && !guarded {
												continue
											}
											all = append(all, w)
										}
									}
								}
							}
						}
					}
				}
			}
		}
	}
	return all
}

func (w world) works() bool { return !w.Frozen && w.OwnPhone && w.Knows && !w.Temporary }

// ways finds how many of the states reach a working account, by searching backwards from all of them at once.
func ways(t *testing.T, p walkers) (reached, of int, stuck []world) {
	t.Helper()
	d := deedsOf(t)
	from := map[world][]world{}
	seen := map[world]bool{}
	queue := states()
	of = len(queue)
	for _, w := range queue {
		seen[w] = true
	}
	for len(queue) > 0 {
		w := queue[0]
		queue = queue[1:]
		for _, m := range p.moves(d, w) {
			from[m.to] = append(from[m.to], w)
			if !seen[m.to] {
				seen[m.to] = true
				queue = append(queue, m.to)
			}
		}
	}
	good := map[world]bool{}
	for w := range seen {
		if w.works() {
			good[w] = true
			queue = append(queue, w)
		}
	}
	for len(queue) > 0 {
		w := queue[0]
		queue = queue[1:]
		for _, before := range from[w] {
			if !good[before] {
				good[before] = true
				queue = append(queue, before)
			}
		}
	}
	for _, w := range states() {
		if good[w] {
			reached++
		} else {
			stuck = append(stuck, w)
		}
	}
	return reached, of, stuck
}

// D2, first half: from every state of account, link and recovery there is a way back to a working account.
func TestEveryStateHasAWayBack(t *testing.T) {
	reached, of, stuck := ways(t, walkers{contact: true, operators: 2, needs: desk.Needs})
	for _, w := range stuck[:min(5, len(stuck))] {
		t.Errorf("no way back from %+v", w)
	}
	t.Logf("%d of %d states lead back to a working account", reached, of)
	if of < 2000 {
		t.Errorf("only %d states", of)
	}
	// The search sees dead ends: without the desk there are many, and with one operator alone there are some.
	without, _, _ := ways(t, walkers{contact: true, needs: desk.Needs})
	alone, _, ends := ways(t, walkers{contact: true, operators: 1, needs: desk.Needs})
	if without >= alone || alone >= of {
		t.Errorf("without the desk %d states lead back, with one operator %d, of %d: the search proves nothing", without, alone, of)
	}
	for _, w := range ends {
		if !w.guarding() {
			t.Errorf("one operator is not enough where nobody guards: %+v", w)
		}
	}
}

// crossing searches for a password set by one operator alone while a link guards (I1). The path is told.
func crossing(t *testing.T, p walkers) []string {
	t.Helper()
	d := deedsOf(t)
	type step struct {
		before world
		name   string
		first  bool
	}
	came := map[world]step{}
	var queue []world
	for _, w := range states() {
		// He begins with nothing: not the password, and no recovery but what the owner left behind unguarded or over.
		w.Knows, w.Temporary, w.ContactLives = false, false, false
		if !w.guarding() || w.Recovery == recovery.Approved || w.Recovery == recovery.Verified {
			continue // an approval that the contact gave is the owner's
		}
		if _, known := came[w]; !known {
			came[w] = step{first: true}
			queue = append(queue, w)
		}
	}
	for len(queue) > 0 {
		w := queue[0]
		queue = queue[1:]
		for _, m := range p.moves(d, w) {
			if m.password && w.guarding() {
				path := []string{m.name}
				for at := w; ; at = came[at].before {
					if came[at].first {
						return append([]string{fmt.Sprintf("%+v", at)}, path...)
					}
					path = append([]string{came[at].name}, path...)
				}
			}
			if !m.to.guarding() {
				continue // the owner's own removal took effect: I1 does not speak of it
			}
			if _, known := came[m.to]; !known {
				came[m.to] = step{before: w, name: m.name}
				queue = append(queue, m.to)
			}
		}
	}
	return nil
}

// D2, second half (T33): whatever one operator does alone, with the person's phone in his hand and with time, no password
// is set while a link guards. Every way to weaken who needs a second operator is found by the same search.
func TestOneOperatorNeverCrossesI1(t *testing.T) {
	one := walkers{operators: 1, needs: desk.Needs, insider: true}
	if path := crossing(t, one); path != nil {
		t.Errorf("one operator alone:\n%s", strings.Join(path, "\n"))
	}
	for _, kind := range []desk.Kind{desk.Recover, desk.Phone} {
		weak := one
		weak.needs = func(k desk.Kind, c trust.Circle) bool { return k != kind && desk.Needs(k, c) }
		path := crossing(t, weak)
		if path == nil {
			t.Errorf("with %q left to one operator the search finds nothing: it proves nothing", kind)
		}
		t.Logf("if one operator were enough for %q: %s", kind, strings.Join(path[max(0, len(path)-5):], " → "))
	}
	// Ending a link alone is worth a password at once afterwards.
	d := deedsOf(t)
	w := world{Link: trust.Active, OwnPhone: true, Recovery: recovery.None}
	o, err := d.Of(w.circle(), desk.Act{ID: "act", Kind: desk.EndLink, Link: "link"}, desk.Details{})
	if err != nil {
		t.Fatal(err)
	}
	if after, _ := w.then(o); after.guarding() || !desk.Needs(desk.EndLink, w.circle()) {
		t.Errorf("the end of a link: %+v", after)
	}
}
