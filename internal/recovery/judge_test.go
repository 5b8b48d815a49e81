package recovery_test

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"doverie/internal/effect"
	"doverie/internal/recovery"
	"doverie/internal/trust"
)

// judge watches every commit of a model and names each invariant that was broken. It keeps its own
// account of what is true and shares no rule with the code under test.
type judge struct {
	m      *model
	broken []string
	last   commit
	seen   map[string]int // how often something worth judging happened

	needed map[string]int       // recovery → approvals that the truth wanted when it was proven; 0: unguarded
	valid  map[string]bool      // approval → given by an eligible, settled contact
	used   map[string]string    // approval → the recovery it opened
	ends   map[string]bool      // objects that are over
	former map[string]time.Time // account → its newest completed recovery
}

func newJudge(m *model) *judge {
	j := &judge{
		m: m, seen: map[string]int{}, needed: map[string]int{}, valid: map[string]bool{}, used: map[string]string{},
		ends: map[string]bool{}, former: map[string]time.Time{},
	}
	m.watch = j.commit
	return j
}

func (j *judge) fault(invariant, format string, args ...any) {
	j.broken = append(j.broken, invariant+": "+fmt.Sprintf(format, args...))
}

func (j *judge) has(invariant string) bool {
	for _, b := range j.broken {
		if strings.HasPrefix(b, invariant+":") {
			return true
		}
	}
	return false
}

func (j *judge) commit(c commit) {
	j.last = c
	for _, row := range c.rows {
		j.outcome(row)
		switch after := row.after.(type) {
		case trust.Approval:
			j.approval(c, row.before, after)
		case recovery.Recovery:
			j.recovery(c, row.before, after)
		case trust.Action:
			before, _ := row.before.(trust.Action)
			if c.act.Actor == effect.System && before.State != after.State && (after.State == trust.ActionApproved || after.State == trust.ActionDone) {
				j.fault("I10", "time alone moved %s to %s", row.object, after.State)
			}
		}
	}
	j.passwords(c)
	j.secrecy(c)
	j.history(c)
	j.onlyOneOpen()
	if c.act.Actor == effect.System {
		j.seen["timer"]++
	}
}

// outcome is I3: what is over stays as it is.
func (j *judge) outcome(row change) {
	if j.ends[row.object] && !reflect.DeepEqual(stripped(row.before), stripped(row.after)) {
		j.fault("I3", "%s had its outcome and changed again: %v → %v", row.object, row.before, row.after)
	}
	over := false
	switch after := row.after.(type) {
	case trust.Link:
		over = after.Over()
		if kinds := j.kinds(); row.before == nil && kinds != "Record Arm Arm" || row.before == nil && len(j.last.effects) != 3 {
			j.fault("I6", "an invitation did %s", kinds)
		}
	case trust.Approval:
		over = after.State == trust.Rejected || after.State == trust.Closed
	case trust.Action:
		over = !after.EndedAt.IsZero()
	case recovery.Recovery:
		over = after.Over()
	}
	if over {
		j.ends[row.object] = true
		j.seen["outcome"]++
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
func (j *judge) mayApprove(linkID string) bool {
	m := j.m
	i := m.linkAt(linkID)
	if i < 0 {
		return false
	}
	l := m.links[i]
	h := m.person(l.Contact)
	for _, r := range m.recoveries {
		if r.Account == h.id && r.Open() {
			return false
		}
	}
	quiet := func(at time.Time, d time.Duration) bool { return at.IsZero() || !m.now.Before(at.Add(d)) }
	return (l.State == trust.Active || l.State == trust.Leaving) && !m.now.Before(l.AcceptedAt.Add(24*time.Hour)) &&
		h.citizenship == "RUS" && h.confirmed && h.age >= 18 && h.current && h.frozenAt.IsZero() &&
		quiet(h.passwordAt, 72*time.Hour) && quiet(h.recoveredAt, 72*time.Hour) && quiet(h.simAt, 72*time.Hour)
}

func (j *judge) guarding(account string) int {
	n := 0
	for _, l := range j.m.links {
		if l.Principal == account && l.Guards() {
			n++
		}
	}
	return n
}

// approval is I1's part of an approval, and the part of I2 and I10 that is seen here.
func (j *judge) approval(c commit, before any, after trust.Approval) {
	old, existed := before.(trust.Approval)
	if existed && (old.Object != after.Object || old.Contact != after.Contact || old.Link != after.Link) {
		j.fault("I2", "approval %s moved to another action", after.ID)
	}
	if after.State != trust.Approved || old.State == trust.Approved {
		return
	}
	j.seen["approved"]++
	j.valid[after.ID] = j.mayApprove(after.Link)
	if !j.valid[after.ID] {
		j.fault("I1", "approval %s was given by a contact who may not approve", after.ID)
	}
	if c.act.Actor == effect.System {
		j.fault("I10", "time alone approved %s", after.ID)
	}
}

func (j *judge) recovery(c commit, before any, after recovery.Recovery) {
	old, _ := before.(recovery.Recovery)
	if old.State == after.State {
		return
	}
	forward := after.State == recovery.Awaiting || after.State == recovery.Approved || after.State == recovery.Verified || after.State == recovery.Completed
	if !forward {
		return
	}
	if c.act.Actor == effect.System {
		j.fault("I10", "time alone moved recovery %s to %s", after.ID, after.State)
	}
	if done, ok := j.former[after.Account]; ok && !after.StartedAt.After(done) {
		j.fault("I4", "recovery %s began before a completed one and moved to %s", after.ID, after.State)
	}
	if old.State == recovery.Proving {
		if n := j.guarding(after.Account); n > 0 {
			j.needed[after.ID] = max(1, min(n, j.m.person(after.Account).quorum))
			if after.State != recovery.Awaiting {
				j.fault("I1", "recovery %s of a guarded account skipped its contacts", after.ID)
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
func (j *judge) approvedBy(r recovery.Recovery) {
	own := 0
	for _, a := range j.m.approvals {
		if a.Object != r.ID || a.State != trust.Approved {
			continue
		}
		own++
		if other := j.used[a.ID]; other != "" {
			j.fault("I2", "approval %s opened %s and %s", a.ID, other, r.ID)
		}
		j.used[a.ID] = r.ID
	}
	if own < j.needed[r.ID] {
		j.fault("I2", "recovery %s was opened with %d approvals of its own, %d are needed", r.ID, own, j.needed[r.ID])
	}
	j.seen["opened"]++
}

func (j *judge) completed(c commit, r recovery.Recovery) {
	m := j.m
	j.seen["completed"]++
	if m.now.Before(m.person(r.Account).lockedUntil) && r.ProvenAt.After(m.person(r.Account).lockedUntil) {
		j.fault("I1", "recovery %s was proven while locked", r.ID)
	}
	ended := false
	for _, e := range c.effects {
		if e, ok := e.(effect.EndSessions); ok && e.Account == r.Account && e.Except == "" && e.Devices {
			ended = true
		}
	}
	if !ended {
		j.fault("I4", "recovery %s left sessions or remembered devices alive", r.ID)
	}
	for _, l := range m.links {
		if l.Principal == r.Account && l.State == trust.Invited {
			j.fault("I4", "recovery %s left an invitation alive", r.ID)
		}
	}
	for _, a := range m.actions {
		if a.Account == r.Account && a.EndedAt.IsZero() {
			j.fault("I4", "recovery %s left an action alive", r.ID)
		}
	}
	for _, a := range m.approvals {
		if a.Principal == r.Account && a.Undecided() {
			j.fault("I4", "recovery %s left an approval alive", r.ID)
		}
	}
	j.former[r.Account] = m.now
}

// passwords is I1: a password changes only by a completed recovery that had what the truth wanted.
func (j *judge) passwords(c commit) {
	for _, e := range c.effects {
		set, ok := e.(effect.SetPassword)
		if !ok {
			continue
		}
		var by *recovery.Recovery
		for _, row := range c.rows {
			if r, ok := row.after.(recovery.Recovery); ok && r.State == recovery.Completed && r.Account == set.Account {
				by = &r
			}
		}
		if by == nil {
			j.fault("I1", "the password of %s changed without a recovery", set.Account)
			continue
		}
		need := j.needed[by.ID]
		if need == 0 && j.guarding(set.Account) > 0 {
			need = 1
		}
		have := 0
		for _, a := range j.m.approvals {
			if a.Object == by.ID && a.State == trust.Approved && j.valid[a.ID] {
				have++
			}
		}
		if have < need {
			j.fault("I1", "the password of %s changed with %d of %d approvals", set.Account, have, need)
		}
		if need > 0 {
			j.seen["guarded password"]++
		}
	}
}

var sixDigits = regexp.MustCompile(`(?:^|[^0-9a-f-])([0-9]{6})(?:[^0-9a-f-]|$)`)

// secrecy is I5: no row and no event holds a code, a password or a browser's secret, and a code goes
// only to whose it is.
func (j *judge) secrecy(c commit) {
	var text strings.Builder
	owner := ""
	codes := j.m.secrets[max(0, len(j.m.secrets)-200):]
	for _, row := range c.rows {
		fmt.Fprintf(&text, "%+v ", row.after)
	}
	for _, e := range c.effects {
		switch e := e.(type) {
		case effect.Record:
			fmt.Fprintf(&text, "%+v ", e)
		case effect.IssueCode:
			owner = e.Account
			if len(e.Hash) < 16 {
				j.fault("I5", "a code is stored without a keyed hash")
			}
			fmt.Fprintf(&text, "%s ", e.Hash)
		case effect.SetPassword:
			fmt.Fprintf(&text, "%s ", e.Hash)
		case effect.Send:
			if e.Args["code"] == "" {
				fmt.Fprintf(&text, "%v ", e.Args) // messages that carry no code must not smuggle one
			} else {
				j.seen["code sent"]++
				codes = append(codes[:len(codes):len(codes)], e.Args["code"])
				if e.To != owner || len(e.Via) != 1 {
					j.fault("I5", "a code of %q was sent to %q", owner, e.To)
				}
			}
		}
	}
	s := text.String()
	for _, found := range sixDigits.FindAllStringSubmatch(s, -1) {
		if slices.Contains(codes, found[1]) {
			j.fault("I5", "a code stands in a row or an event")
		}
	}
	for _, secret := range j.m.secrets[max(0, len(j.m.secrets)-20):] {
		if len(secret) > 6 && strings.Contains(s, secret) {
			j.fault("I5", "a password or a browser's secret stands in a row or an event")
		}
	}
}

// history is I7: each changed row has exactly one event in its commit, and each event its change.
func (j *judge) history(c commit) {
	events := map[string][]string{}
	changes := map[string]int{}
	for _, e := range c.effects {
		switch e := e.(type) {
		case effect.Record:
			events[e.Object] = append(events[e.Object], e.Kind)
		case effect.Freeze:
			changes["account:"+e.Account]++
		case effect.Thaw:
			changes["account:"+e.Account]++
		}
	}
	decided := false
	for _, row := range c.rows {
		if row.before != nil && reflect.DeepEqual(stripped(row.before), stripped(row.after)) {
			continue
		}
		changes[row.object]++
		a, ok := row.after.(trust.Approval)
		decided = decided || ok && a.State == trust.Approved
	}
	for object, n := range changes {
		j.seen["change"] += n
		if n != 1 || len(events[object]) != 1 {
			j.fault("I7", "%s changed %d times with events %v", object, n, events[object])
		}
	}
	for object, kinds := range events {
		if changes[object] > 0 {
			continue
		}
		for _, kind := range kinds {
			// What changes by these is not the row itself: a code was issued, or a vote was counted.
			issued := kind == "approval.code_sent"
			counted := (kind == "recovery.approval_counted" || kind == "action.approval_counted") && decided
			if !issued && !counted {
				j.fault("I7", "event %s of %s changed nothing", kind, object)
			}
		}
	}
}

// onlyOneOpen is I3's other face: of what excludes one another there is one.
func (j *judge) onlyOneOpen() {
	open := map[string]int{}
	for _, r := range j.m.recoveries {
		if r.Open() {
			open["recovery of "+r.Account]++
		}
	}
	for _, a := range j.m.actions {
		if a.EndedAt.IsZero() {
			open[string(a.Kind)+" of "+a.Account]++
		}
	}
	for _, l := range j.m.links {
		if l.Guards() {
			open["link of "+l.Principal+" with "+l.Contact]++
		}
	}
	for what, n := range open {
		if n > 1 {
			j.fault("I3", "%d times %s", n, what)
		}
	}
}

// forgive drops what was said about an error the test itself has made.
func (j *judge) forgive(err error) {
	kept := j.broken[:0]
	for _, b := range j.broken {
		if !strings.HasPrefix(b, "I3: ") || !strings.HasSuffix(b, err.Error()) {
			kept = append(kept, b)
		}
	}
	j.broken = kept
}
