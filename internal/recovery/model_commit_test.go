package recovery_test

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/recovery"
	"doverie/internal/secret"
	"doverie/internal/trust"
)

func conflict() error { return fault.New(fault.Conflict, "fault.conflict", nil) }

// commit writes an outcome: everything, or nothing and an error.
func (m *model) commit(act effect.Act, out trust.Outcome, browser []byte) error {
	if m.fail != nil {
		err := m.fail
		m.fail = nil
		return err
	}
	if err := m.refuse(out); err != nil {
		return err
	}
	out.Effects = m.quiet(out.Effects)
	done := commit{act: act, effects: out.Effects}
	for _, l := range out.Links {
		done.rows = append(done.rows, change{"link:" + l.ID, put(&m.links, l, func(x trust.Link) string { return x.ID }), l})
		m.links[m.linkAt(l.ID)].Version++
	}
	for _, a := range out.Approvals {
		done.rows = append(done.rows, change{"approval:" + a.ID, put(&m.approvals, a, func(x trust.Approval) string { return x.ID }), a})
		i := slices.IndexFunc(m.approvals, func(x trust.Approval) bool { return x.ID == a.ID })
		m.approvals[i].Version++
	}
	for _, p := range out.Actions {
		switch p := p.(type) {
		case trust.Action:
			done.rows = append(done.rows, change{"action:" + p.ID, put(&m.actions, p, func(x trust.Action) string { return x.ID }), p})
			i := slices.IndexFunc(m.actions, func(x trust.Action) bool { return x.ID == p.ID })
			m.actions[i].Version++
		case recovery.Recovery:
			done.rows = append(done.rows, m.putRecovery(p, browser))
		default:
			panic(fmt.Sprintf("no table for %T", p))
		}
	}
	m.watch(done) // sees the people as they were before the effects
	for _, e := range out.Effects {
		m.do(e)
	}
	return nil
}

// quiet mutes the quiet codes that a rule of the phone, or their share, would have refused.
func (m *model) quiet(effects []effect.Effect) []effect.Effect {
	effects = slices.Clone(effects)
	for i, e := range effects {
		c, ok := e.(effect.IssueCode)
		if !ok || !c.Quiet {
			continue
		}
		within := c.Share.Most == 0 || m.Allow(ctx, c.Share.Name, c.Share.Subject, c.Share.Most, c.Share.Per) == nil
		if m.otherLive(c) || c.DayLimit > 0 && m.sentTo(c) >= c.DayLimit || !within && !c.Share.CountOnly {
			effects[i] = c.Muted(secret.HashToken(secret.Token()))
			for j, e := range effects {
				if s, ok := e.(effect.Send); ok && s.Key == c.ID {
					s.To, s.Nobody = "", true
					effects[j] = s
				}
			}
		}
	}
	return effects
}

// sentTo counts the codes of the same purpose that the phone got lately.
func (m *model) sentTo(e effect.IssueCode) (n int) {
	for _, c := range m.codes {
		if c.Purpose == e.Purpose && c.Phone == e.Phone && c.issued.After(m.now.Add(-24*time.Hour)) {
			n++
		}
	}
	return n
}

func (m *model) linkAt(id string) int {
	return slices.IndexFunc(m.links, func(l trust.Link) bool { return l.ID == id })
}

func (m *model) putRecovery(r recovery.Recovery, browser []byte) change {
	row := change{object: "recovery:" + r.ID, after: r}
	i := slices.IndexFunc(m.recoveries, func(x attempt) bool { return x.ID == r.ID })
	if i < 0 {
		m.recoveries = append(m.recoveries, attempt{r, browser})
		i = len(m.recoveries) - 1
	} else {
		row.before = m.recoveries[i].Recovery
		m.recoveries[i].Recovery = r
	}
	m.recoveries[i].Version = r.Version + 1
	return row
}

func put[T any](rows *[]T, row T, id func(T) string) (before any) {
	i := slices.IndexFunc(*rows, func(x T) bool { return id(x) == id(row) })
	if i < 0 {
		*rows = append(*rows, row)
		return nil
	}
	before = (*rows)[i]
	(*rows)[i] = row
	return before
}

// refuse asks what a store asks: versions, the uniqueness of what is open, and the rules of codes.
func (m *model) refuse(out trust.Outcome) error {
	stored := func(version int64, found bool, has int64) error {
		if m.careful && (found != (version > 0) || found && has != version) {
			return conflict()
		}
		return nil
	}
	for _, l := range out.Links {
		i := m.linkAt(l.ID)
		if err := stored(l.Version, i >= 0, at(i, func() int64 { return m.links[i].Version })); err != nil {
			return err
		}
	}
	for _, a := range out.Approvals {
		i := slices.IndexFunc(m.approvals, func(x trust.Approval) bool { return x.ID == a.ID })
		if err := stored(a.Version, i >= 0, at(i, func() int64 { return m.approvals[i].Version })); err != nil {
			return err
		}
	}
	for _, p := range out.Actions {
		if err := m.refuseParent(p, stored); err != nil {
			return err
		}
	}
	for _, e := range out.Effects {
		switch e := e.(type) {
		case effect.IssueCode:
			if e.Phone != "" && !e.Quiet && m.otherLive(e) {
				return fault.New(fault.Refused, "fault.code.other_live", nil)
			}
			if e.Pause > 0 {
				if err := m.MaySend(ctx, e.Purpose, e.Bound, m.p); err != nil {
					return err
				}
			}
			if e.DayLimit > 0 && !e.Quiet && m.sentTo(e) >= e.DayLimit {
				return fault.New(fault.Limited, "fault.code.too_many", nil)
			}
		case effect.UseCode:
			i := slices.IndexFunc(m.codes, func(c code) bool { return c.ID == e.ID })
			if i < 0 || !m.codes[i].live || !m.now.Before(m.codes[i].ExpiresAt) {
				return fault.New(fault.Conflict, "fault.code.used", nil)
			}
		}
	}
	return nil
}

func at(i int, version func() int64) int64 {
	if i < 0 {
		return 0
	}
	return version()
}

func (m *model) refuseParent(p trust.Parent, stored func(int64, bool, int64) error) error {
	switch p := p.(type) {
	case recovery.Recovery:
		i := slices.IndexFunc(m.recoveries, func(x attempt) bool { return x.ID == p.ID })
		return stored(p.Version, i >= 0, at(i, func() int64 { return m.recoveries[i].Version }))
	case trust.Action:
		i := slices.IndexFunc(m.actions, func(x trust.Action) bool { return x.ID == p.ID })
		return stored(p.Version, i >= 0, at(i, func() int64 { return m.actions[i].Version }))
	}
	return nil
}

// otherLive is the rule of one phone: a code that gives an account away and an approval code never
// live there together.
func (m *model) otherLive(e effect.IssueCode) bool {
	for _, c := range m.codes {
		if c.Phone != e.Phone || !c.live || !m.now.Before(c.ExpiresAt) {
			continue
		}
		if c.Purpose == string(secret.Approval) && c.Bound != e.Bound {
			return true
		}
		if e.Purpose == string(secret.Approval) && c.Purpose != e.Purpose {
			return true
		}
	}
	return false
}

// do applies one effect.
func (m *model) do(e effect.Effect) {
	switch e := e.(type) {
	case effect.Send:
		if typed, ok := e.Args["code"]; ok && !e.Nobody {
			m.plain[e.Key] = typed
			m.secrets = append(m.secrets, typed)
		}
	case effect.Arm:
		m.disarm(e.Timer, e.Object)
		m.timers = append(m.timers, timer{e})
	case effect.Disarm:
		m.disarm(e.Timer, e.Object)
	case effect.IssueCode:
		for i := range m.codes {
			if c := &m.codes[i]; c.Purpose == e.Purpose && c.Bound == e.Bound {
				c.live = false
			}
		}
		m.codes = append(m.codes, code{IssueCode: e, issued: m.now, live: true})
	case effect.UseCode:
		i := slices.IndexFunc(m.codes, func(c code) bool { return c.ID == e.ID })
		m.codes[i].live = false
		m.codes[i].used++
	case effect.DropCodes:
		for i := range m.codes {
			if m.codes[i].Bound == e.Bound {
				m.codes[i].live = false
			}
		}
	case effect.DropApprovalCodes:
		for i := range m.codes {
			if strings.HasPrefix(m.codes[i].Bound, trust.CodeBound(e.Approval, "")) {
				m.codes[i].live = false
			}
		}
	case effect.SetPassword:
		m.person(e.Account).password, m.person(e.Account).passwordAt = e.Hash, m.now
	case effect.EndSessions:
		m.person(e.Account).sessions = nil
	case effect.LockRecovery:
		h := m.person(e.Account)
		h.lockedUntil = latest(h.lockedUntil, e.Until)
	case effect.Freeze:
		m.person(e.Account).frozenAt = m.now
	case effect.Thaw:
		m.person(e.Account).frozenAt = time.Time{}
	case effect.BeginHold:
		h := m.person(e.Account)
		h.recoveredAt, h.holdUntil = e.At, latest(h.holdUntil, e.Until)
	case effect.Record, effect.PurgePending, effect.ConfirmPhone, effect.TellSystems:
	default:
		panic(fmt.Sprintf("the model does not know the effect %T", e))
	}
}

func (m *model) disarm(kind, object string) {
	m.timers = slices.DeleteFunc(m.timers, func(t timer) bool { return t.Timer == kind && t.Object == object })
}
