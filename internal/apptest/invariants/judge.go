package invariants

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"doverie/internal/effect"
	"doverie/internal/recovery"
	"doverie/internal/trust"
)

// Person is the truth about one person at the moment of a commit.
type Person struct {
	Citizenship      string
	Confirmed        bool
	Current          bool // the phone
	Age              int
	Frozen           bool
	Quorum           int
	ChangedAt, SimAt time.Time // newest change of password, phone or second factor, and of the SIM; zero: never
	LockedUntil      time.Time
}

// State is what is stored right after a commit, as the test knows it.
type State interface {
	Now() time.Time
	Person(id string) Person
	Links() []trust.Link
	Approvals() []trust.Approval
	Actions() []trust.Action
	Recoveries() []recovery.Recovery
	Secrets() []string // every code, password and browser secret ever made, oldest first
}

// Commit is one committed decision.
type Commit struct {
	Act     effect.Act
	Rows    []Row
	Effects []effect.Effect
}

// Row is one changed row: Object is written as in effect.Record, Before is nil when the row is new.
type Row struct {
	Object        string
	Before, After any
}

// Judge watches every commit and names each invariant that was broken. It keeps its own account of
// what is true and shares no rule with the code under test.
type Judge struct {
	Broken []string       // "I3: …", in the order of the commits
	Seen   map[string]int // how often something worth judging happened

	state  State
	last   Commit
	needed map[string]int       // recovery → approvals that the truth wanted when it was proven; 0: unguarded
	valid  map[string]bool      // approval → given by an eligible, settled contact
	used   map[string]string    // approval → the recovery it opened
	ends   map[string]bool      // objects that are over
	former map[string]time.Time // account → its newest completed recovery
}

// NewJudge is a judge who has seen nothing yet.
func NewJudge(state State) *Judge {
	return &Judge{
		state: state, Seen: map[string]int{}, needed: map[string]int{}, valid: map[string]bool{}, used: map[string]string{},
		ends: map[string]bool{}, former: map[string]time.Time{},
	}
}

// Faultf notes that an invariant ("I6") was broken.
func (j *Judge) Faultf(invariant, format string, args ...any) {
	j.Broken = append(j.Broken, invariant+": "+fmt.Sprintf(format, args...))
}

// Has tells whether that invariant was seen broken.
func (j *Judge) Has(invariant string) bool {
	return slices.ContainsFunc(j.Broken, func(b string) bool { return strings.HasPrefix(b, invariant+":") })
}

// Recovered is when the newest recovery of the account was completed; zero: never.
func (j *Judge) Recovered(account string) time.Time { return j.former[account] }

// Kinds names the effects of the newest commit but messages: whether one goes out is what a stranger cannot see (I6).
func (j *Judge) Kinds() string {
	var out []string
	for _, e := range j.last.Effects {
		if _, ok := e.(effect.Send); !ok {
			out = append(out, reflect.TypeOf(e).Name())
		}
	}
	return strings.Join(out, " ")
}

// Commit judges one commit; the state holds it already.
func (j *Judge) Commit(c Commit) {
	j.last = c
	for _, row := range c.Rows {
		j.outcome(row)
		switch after := row.After.(type) {
		case trust.Approval:
			j.approval(c, row.Before, after)
		case recovery.Recovery:
			j.recovery(c, row.Before, after)
		case trust.Action:
			before, _ := row.Before.(trust.Action)
			if c.Act.Actor == effect.System && before.State != after.State && (after.State == trust.ActionApproved || after.State == trust.ActionDone) {
				j.Faultf("I10", "time alone moved %s to %s", row.Object, after.State)
			}
		}
	}
	j.passwords(c)
	j.secrecy(c)
	j.history(c)
	j.onlyOneOpen()
	if c.Act.Actor == effect.System {
		j.Seen["timer"]++
	}
}

// outcome is I3: what is over stays as it is.
func (j *Judge) outcome(row Row) {
	if j.ends[row.Object] && !reflect.DeepEqual(stripped(row.Before), stripped(row.After)) {
		j.Faultf("I3", "%s had its outcome and changed again: %v → %v", row.Object, row.Before, row.After)
	}
	over := false
	switch after := row.After.(type) {
	case trust.Link:
		over = after.Over()
		if kinds := j.Kinds(); row.Before == nil && kinds != "Record Arm Arm" || row.Before == nil && len(j.last.Effects) != 3 {
			j.Faultf("I6", "an invitation did %s", kinds)
		}
	case trust.Approval:
		over = after.State == trust.Rejected || after.State == trust.Closed
	case trust.Action:
		over = !after.EndedAt.IsZero()
	case recovery.Recovery:
		over = after.Over()
	}
	if over {
		j.ends[row.Object] = true
		j.Seen["outcome"]++
	}
}

// stripped takes the version away, which changes with every writing.
func stripped(row any) any {
	switch row := row.(type) {
	case trust.Link:
		row.Version = 0
		return row
	case trust.Approval:
		row.Version = 0
		return row
	case trust.Action:
		row.Version = 0
		return row
	case recovery.Recovery:
		row.Version = 0
		return row
	}
	return row
}

// mayApprove is the truth about one contact at this moment, by DOMAIN §3, §4.6 and §5.4.
func (j *Judge) mayApprove(linkID string) bool {
	now, links := j.state.Now(), j.state.Links()
	i := slices.IndexFunc(links, func(l trust.Link) bool { return l.ID == linkID })
	if i < 0 {
		return false
	}
	l := links[i]
	h := j.state.Person(l.Contact)
	for _, r := range j.state.Recoveries() {
		if r.Account == l.Contact && r.Open() {
			return false
		}
	}
	quiet := func(at time.Time) bool { return at.IsZero() || !now.Before(at.Add(72*time.Hour)) }
	return (l.State == trust.Active || l.State == trust.Leaving) && !now.Before(l.AcceptedAt.Add(24*time.Hour)) &&
		h.Citizenship == "RUS" && h.Confirmed && h.Age >= 18 && h.Current && !h.Frozen && quiet(h.ChangedAt) && quiet(h.SimAt)
}

func (j *Judge) guarding(account string) int {
	n := 0
	for _, l := range j.state.Links() {
		if l.Principal == account && l.Guards() {
			n++
		}
	}
	return n
}

// approval is I1's part of an approval, and the part of I2 and I10 that is seen here.
func (j *Judge) approval(c Commit, before any, after trust.Approval) {
	old, existed := before.(trust.Approval)
	if existed && (old.Object != after.Object || old.Contact != after.Contact || old.Link != after.Link) {
		j.Faultf("I2", "approval %s moved to another action", after.ID)
	}
	if after.State != trust.Approved || old.State == trust.Approved {
		return
	}
	j.Seen["approved"]++
	j.valid[after.ID] = j.mayApprove(after.Link)
	if !j.valid[after.ID] {
		j.Faultf("I1", "approval %s was given by a contact who may not approve", after.ID)
	}
	if c.Act.Actor == effect.System {
		j.Faultf("I10", "time alone approved %s", after.ID)
	}
}

func (j *Judge) recovery(c Commit, before any, after recovery.Recovery) {
	old, _ := before.(recovery.Recovery)
	if old.State == after.State {
		return
	}
	forward := after.State == recovery.Awaiting || after.State == recovery.Approved || after.State == recovery.Verified || after.State == recovery.Completed
	if !forward {
		return
	}
	if c.Act.Actor == effect.System {
		j.Faultf("I10", "time alone moved recovery %s to %s", after.ID, after.State)
	}
	if done, ok := j.former[after.Account]; ok && !after.StartedAt.After(done) {
		j.Faultf("I4", "recovery %s began before a completed one and moved to %s", after.ID, after.State)
	}
	if old.State == recovery.Proving {
		if n := j.guarding(after.Account); n > 0 {
			j.needed[after.ID] = max(1, min(n, j.state.Person(after.Account).Quorum))
			if after.State != recovery.Awaiting {
				j.Faultf("I1", "recovery %s of a guarded account skipped its contacts", after.ID)
			}
		}
	}
	if after.State == recovery.Approved && j.needed[after.ID] > 0 {
		j.approvedBy(after)
	}
	if after.State == recovery.Completed {
		j.completed(c, after)
	}
}

// approvedBy is I2: only approvals asked for this very recovery open it, and each only once.
func (j *Judge) approvedBy(r recovery.Recovery) {
	own := 0
	for _, a := range j.state.Approvals() {
		if a.Object != r.ID || a.State != trust.Approved || !j.mayApprove(a.Link) { // a yes of somebody who could not give it now is none
			continue
		}
		own++
		if other := j.used[a.ID]; other != "" {
			j.Faultf("I2", "approval %s opened %s and %s", a.ID, other, r.ID)
		}
		j.used[a.ID] = r.ID
	}
	if own < j.needed[r.ID] {
		j.Faultf("I2", "recovery %s was opened with %d approvals of its own, %d are needed", r.ID, own, j.needed[r.ID])
	}
	j.Seen["opened"]++
}

func (j *Judge) completed(c Commit, r recovery.Recovery) {
	j.Seen["completed"]++
	if until := j.state.Person(r.Account).LockedUntil; j.state.Now().Before(until) && r.ProvenAt.After(until) {
		j.Faultf("I1", "recovery %s was proven while locked", r.ID)
	}
	ended := false
	for _, e := range c.Effects {
		if e, ok := e.(effect.EndSessions); ok && e.Account == r.Account && e.Except == "" && e.Devices {
			ended = true
		}
	}
	if !ended {
		j.Faultf("I4", "recovery %s left sessions or remembered devices alive", r.ID)
	}
	for _, l := range j.state.Links() {
		if l.Principal == r.Account && l.State == trust.Invited {
			j.Faultf("I4", "recovery %s left an invitation alive", r.ID)
		}
	}
	for _, a := range j.state.Actions() {
		if a.Account == r.Account && a.EndedAt.IsZero() {
			j.Faultf("I4", "recovery %s left an action alive", r.ID)
		}
	}
	for _, a := range j.state.Approvals() {
		if a.Principal == r.Account && a.Undecided() {
			j.Faultf("I4", "recovery %s left an approval alive", r.ID)
		}
	}
	j.former[r.Account] = j.state.Now()
}

// passwords is I1: a password changes only by a completed recovery that had what the truth wanted.
func (j *Judge) passwords(c Commit) {
	for _, e := range c.Effects {
		set, ok := e.(effect.SetPassword)
		if !ok {
			continue
		}
		var by *recovery.Recovery
		for _, row := range c.Rows {
			if r, ok := row.After.(recovery.Recovery); ok && r.State == recovery.Completed && r.Account == set.Account {
				by = &r
			}
		}
		if by == nil {
			j.Faultf("I1", "the password of %s changed without a recovery", set.Account)
			continue
		}
		need := j.needed[by.ID]
		if need == 0 && j.guarding(set.Account) > 0 {
			need = 1
		}
		have := 0
		for _, a := range j.state.Approvals() {
			if a.Object == by.ID && a.State == trust.Approved && j.valid[a.ID] && j.stands(a) {
				have++
			}
		}
		if have < need {
			j.Faultf("I1", "the password of %s changed with %d of %d approvals", set.Account, have, need)
		}
		if need > 0 {
			j.Seen["guarded password"]++
		}
	}
}

// stands tells whether a yes that opened something still holds it: its contact is a contact yet, and his account is not frozen.
func (j *Judge) stands(a trust.Approval) bool {
	links := j.state.Links()
	i := slices.IndexFunc(links, func(l trust.Link) bool { return l.ID == a.Link })
	return i >= 0 && links[i].Guards() && !j.state.Person(a.Contact).Frozen
}
