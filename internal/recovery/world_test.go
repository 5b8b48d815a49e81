package recovery_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/recovery"
	"doverie/internal/trust"
)

var ctx = context.Background()

// world is six people, the real services over the model, and what has happened so far. choose gives
// every decision: rapid's, or a seeded generator's.
type world struct {
	*model
	judge     *judge
	choose    func(n int, what string) int
	circles   trust.Circles
	links     *trust.Links
	decisions *trust.Decisions
	protect   *trust.Protect
	service   *recovery.Service
	browsers  []browser
	passwords int
	log       []string
}

// browser is a cookie somebody holds.
type browser struct{ secret, typed string }

// bends replaces ports by lying ones, to show that a judge notices.
type bends struct {
	circles func(trust.Circles) trust.Circles
	owners  func(recovery.Owners) recovery.Owners
	after   func(*world)
}

func newWorld(choose func(int, string) int, bend bends) *world {
	m := newModel(rules, start)
	w := &world{model: m, judge: newJudge(m), choose: choose, circles: m}
	if bend.circles != nil {
		w.circles = bend.circles(m)
	}
	var owners recovery.Owners = m
	if bend.owners != nil {
		owners = bend.owners(m)
	}
	w.links = &trust.Links{Circles: w.circles, Newcomers: m, Limits: m, Keys: m.keys, Policy: rules, ParseInvited: parseInvited}
	w.decisions = &trust.Decisions{Circles: w.circles, Keys: m.keys, Policy: rules}
	w.protect = &trust.Protect{Circles: w.circles, Limits: m, Keys: m.keys, Policy: rules}
	w.service = &recovery.Service{
		Circles: w.circles, Owners: owners, Attempts: m, Limits: m, Keys: m.keys, Policy: rules,
		Now: func() time.Time { return m.now },
	}
	for i, given := range []string{"вера", "алексей", "анна", "пётр", "мария", "иван"} {
		m.people = append(m.people, &person{
			id: "person" + string(rune('A'+i)), given: given, phone: fmt.Sprintf("+7916555%04d", 4000+i), email: given + "@example.ru",
			snils: fmt.Sprintf("112-233-445 0%d", i), citizenship: "RUS", confirmed: true, current: true, age: 30, quorum: 1,
		})
	}
	// A is guarded by B; C by B and D, who both must approve; D by E; E and F by nobody.
	for _, pair := range [][2]int{{0, 1}, {2, 1}, {2, 3}, {3, 4}} {
		w.befriend(m.people[pair[0]], m.people[pair[1]])
	}
	m.people[2].quorum = 2
	m.now = m.now.Add(25 * time.Hour)
	if bend.after != nil {
		bend.after(w)
	}
	return w
}

func (w *world) befriend(principal, contact *person) {
	id, err := w.links.Invite(ctx, by(principal), principal.id, contact.given, contact.phone)
	if err == nil {
		err = w.links.Accept(ctx, by(contact), contact.id, id)
	}
	if err != nil {
		panic(err)
	}
	w.now = w.now.Add(time.Minute)
}

func by(h *person) effect.Act {
	return effect.Act{Actor: effect.Person, ID: h.id, Area: "91.221.0.0/16", Device: "Chrome, Android"}
}

func applicant(i int) effect.Act {
	return effect.Act{Actor: effect.Applicant, Area: fmt.Sprintf("91.%d.0.0/16", i), Device: "Firefox, Windows"}
}

func (w *world) flip(percent int, what string) bool { return w.choose(100, what) < percent }

func (w *world) anybody() *person { return w.people[w.choose(len(w.people), "person")] }

// recent picks an index near the end of a list of n, mostly the last one.
func (w *world) recent(n int, what string) int {
	if w.flip(60, what+" newest") {
		return n - 1
	}
	return n - 1 - w.choose(min(n, 8), what)
}

// step lets one random thing happen.
func (w *world) step() {
	type op struct {
		weight int
		do     func()
	}
	ops := []op{
		{34, w.push}, {8, w.randomApplicant}, {12, w.randomContact}, {8, w.randomLink}, {5, w.randomOwner}, {4, w.randomFacts},
		{10, w.clock}, {5, w.timer}, {4, w.race}, {1, w.fallen}, {3, w.loss}, {3, w.twins}, {4, w.look},
	}
	total := 0
	for _, o := range ops {
		total += o.weight
	}
	n := w.choose(total, "step")
	for _, o := range ops {
		if n < o.weight {
			o.do()
			return
		}
		n -= o.weight
	}
}

// settle judges the answer of one act: an error must be a fault a person can be told (I3).
func (w *world) settle(what string, err error) {
	w.log = append(w.log, fmt.Sprintf("%s %s: %v", w.now.Format(time.RFC3339), what, err))
	if err != nil && fault.Of(err).Kind == fault.Internal {
		w.judge.fault("I3", "%s failed without telling why: %v", what, err)
	}
}

func (w *world) clock() {
	var d time.Duration
	switch k := w.choose(20, "jump"); {
	case k < 12:
		d = time.Duration(1+w.choose(120, "seconds")) * time.Second
	case k < 16:
		d = time.Duration(1+w.choose(40, "minutes")) * time.Minute
	case k < 18:
		d = time.Duration(1+w.choose(13, "hours")) * time.Hour
	default:
		d = time.Duration(24+w.choose(60, "many hours")) * time.Hour
	}
	w.now = w.now.Add(d)
}

// timer fires one timer: mostly one that is due, sometimes one that is not (a worker with a fast clock).
func (w *world) timer() {
	var due []timer
	for _, t := range w.timers {
		if !t.At.After(w.now) {
			due = append(due, t)
		}
	}
	if len(due) == 0 || w.flip(10, "early") {
		due = w.timers
	}
	if len(due) == 0 {
		return
	}
	t := due[w.choose(len(due), "timer")]
	w.settle(t.Timer, w.fire(t))
}

func (w *world) fire(t timer) error {
	if !t.At.After(w.now) {
		w.disarm(t.Timer, t.Object)
	}
	switch t.Timer {
	case trust.TimerInvitationTell:
		return w.links.TellInvited(ctx, t.Object)
	case trust.TimerInvitationLapse:
		return w.links.LapseInvitation(ctx, t.Object)
	case trust.TimerLinkLeave:
		return w.links.Leave(ctx, t.Object)
	case trust.TimerLinkReview:
		return w.links.Review(ctx, t.Object)
	case trust.TimerHealth:
		return w.links.Remind(ctx, t.Object)
	case trust.TimerActionExpire:
		return w.protect.Expire(ctx, t.Object)
	case recovery.TimerExpire:
		return w.service.Expire(ctx, t.Object)
	}
	return errors.New("nobody fires " + t.Timer)
}

func (w *world) randomFacts() {
	h := w.anybody()
	switch w.choose(9, "fact") {
	case 0:
		h.current = !h.current
	case 1:
		h.confirmed = !h.confirmed
	case 2:
		h.simAt = w.now
	case 3:
		h.age = 17 + w.choose(3, "age")
	case 4:
		h.quorum = 1 + w.choose(2, "quorum")
	case 5:
		h.passwordAt = w.now // by a signed-in session that knew the old one
	case 6:
		h.citizenship = []string{"RUS", "RUS", "BLR"}[w.choose(3, "citizenship")]
	case 7:
		h.sessions = append(h.sessions, session{fmt.Sprintf("session%d", len(w.log)), w.now})
	default: // back to normal, so that the world does not die out
		h.current, h.confirmed, h.age, h.citizenship = true, true, 30, "RUS"
	}
}

// race lets another act commit after a service has looked and before it decides.
func (w *world) race() {
	w.between = w.act()
	w.act()()
	w.between = nil
}

// act is one random act, to be done later.
func (w *world) act() func() {
	return []func(){w.push, w.push, w.randomContact, w.randomApplicant, w.randomLink, w.randomOwner, w.timer}[w.choose(7, "act")]
}

var errLost = errors.New("the commit was lost")

// loss loses the commit of one act: whoever acted must hear of it, and nothing may have changed (I8).
func (w *world) loss() {
	before := fmt.Sprint(w.model.links, w.approvals, w.actions, w.recoveries)
	said := len(w.log)
	w.fail = errLost
	[]func(){w.push, w.randomContact, w.randomLink, w.randomOwner}[w.choose(4, "act")]()
	if lost := w.fail == nil; !lost {
		w.fail = nil
		return
	}
	w.judge.seen["lost"]++
	if before != fmt.Sprint(w.model.links, w.approvals, w.actions, w.recoveries) {
		w.judge.fault("I8", "a lost commit left something behind")
	}
	// The last thing said in this step is the lost act's answer.
	if len(w.log) == said || !containsLost(w.log[said:]) {
		w.judge.fault("I8", "an act was acknowledged though its commit was lost: %v", w.log[said:])
	}
	w.judge.forgive(errLost)
}

func containsLost(log []string) bool {
	for _, line := range log {
		if len(line) >= len(errLost.Error()) && line[len(line)-len(errLost.Error()):] == errLost.Error() {
			return true
		}
	}
	return false
}
