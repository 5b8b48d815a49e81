package invariants

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"doverie/internal/effect"
	"doverie/internal/trust"
)

// sixDigits is a number of its own: no part of an id, and no fraction of a second.
var sixDigits = regexp.MustCompile(`(?:^|[^0-9a-f.-])([0-9]{6})(?:[^0-9a-f-]|$)`)

// secrecy is I5: no row and no event holds a code, a password or a browser's secret, and a code goes
// only to whose it is.
func (j *Judge) secrecy(c Commit) {
	var text strings.Builder
	owner := ""
	known := j.state.Secrets()
	codes := known[max(0, len(known)-200):]
	for _, row := range c.Rows {
		fmt.Fprintf(&text, "%+v ", row.After)
	}
	for _, e := range c.Effects {
		switch e := e.(type) {
		case effect.Record:
			fmt.Fprintf(&text, "%+v ", e)
		case effect.IssueCode:
			owner = e.Account
			if len(e.Hash) < 16 {
				j.Faultf("I5", "a code is stored without a keyed hash")
			}
			fmt.Fprintf(&text, "%s ", e.Hash)
		case effect.SetPassword:
			fmt.Fprintf(&text, "%s ", e.Hash)
		case effect.Send:
			if e.Args["code"] == "" {
				fmt.Fprintf(&text, "%v ", e.Args) // messages that carry no code must not smuggle one
			} else {
				j.Seen["code sent"]++
				codes = append(slices.Clip(codes), e.Args["code"])
				if e.To != owner && !e.Nobody || e.To != "" && e.Nobody || len(e.Via) != 1 {
					j.Faultf("I5", "a code of %q was sent to %q", owner, e.To)
				}
			}
		}
	}
	s := text.String()
	for _, found := range sixDigits.FindAllStringSubmatch(s, -1) {
		if slices.Contains(codes, found[1]) {
			j.Faultf("I5", "a code stands in a row or an event: …%s…", around(s, found[1]))
		}
	}
	for _, secret := range known[max(0, len(known)-20):] {
		if len(secret) > 6 && strings.Contains(s, secret) {
			j.Faultf("I5", "a password or a browser's secret stands in a row or an event")
		}
	}
}

// history is I7: each changed row has exactly one event in its commit, and each event its change.
func (j *Judge) history(c Commit) {
	events := map[string][]string{}
	changes := map[string]int{}
	for _, e := range c.Effects {
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
	for _, row := range c.Rows {
		if row.Before != nil && reflect.DeepEqual(stripped(row.Before), stripped(row.After)) {
			continue
		}
		changes[row.Object]++
		a, ok := row.After.(trust.Approval)
		decided = decided || ok && a.State == trust.Approved
	}
	for object, n := range changes {
		j.Seen["change"] += n
		if n != 1 || len(events[object]) != 1 {
			j.Faultf("I7", "%s changed %d times with events %v", object, n, events[object])
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
				j.Faultf("I7", "event %s of %s changed nothing", kind, object)
			}
		}
	}
}

// onlyOneOpen is I3's other face: of what excludes one another there is one.
func (j *Judge) onlyOneOpen() {
	open := map[string]int{}
	for _, r := range j.state.Recoveries() {
		if r.Open() {
			open["recovery of "+r.Account]++
		}
	}
	for _, a := range j.state.Actions() {
		if a.EndedAt.IsZero() {
			open[string(a.Kind)+" of "+a.Account]++
		}
	}
	for _, l := range j.state.Links() {
		if l.Guards() {
			open["link of "+l.Principal+" with "+l.Contact]++
		}
	}
	for what, n := range open {
		if n > 1 {
			j.Faultf("I3", "%d times %s", n, what)
		}
	}
}

// around is where a text stands, with a little of what is before and after it.
func around(s, found string) string {
	at := strings.Index(s, found)
	return s[max(0, at-40):min(len(s), at+len(found)+20)]
}
