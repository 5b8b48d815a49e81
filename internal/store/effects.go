package store

import (
	"context"
	"maps"
	"strings"
	"time"

	"github.com/google/uuid"

	"doverie/internal/audit"
	"doverie/internal/effect"
)

// applyEffects does, inside the deciding transaction, everything the decision wants done. Call it
// last and once: it ends with the audit head, the one row every writing transaction needs.
//
// Codes and account effects are applied in the order given; messages, timers, notices to systems
// and events each in one statement for all. Of several Arm and Disarm of one timer the last counts.
func applyEffects(ctx context.Context, tx *Tx, act effect.Act, now time.Time, policyVersion string, effects []effect.Effect) error {
	later := gather(effects)
	later.use(tx, effects)
	for _, e := range effects {
		var err error
		switch e := e.(type) {
		case effect.IssueCode:
			err = issueCode(ctx, tx, now, e, later)
		case effect.UseCode:
			err = useCode(ctx, tx, now, e.ID)
		case effect.DropCodes:
			err = dropCodes(ctx, tx, now, e.Bound)
		case effect.DropApprovalCodes:
			err = dropApprovalCodes(ctx, tx, now, e.Approval)
		case effect.IssueChallenge, effect.UseChallenge, effect.UsePasskey, effect.MarkFactorChanged:
			err = applyPasskeyEffect(ctx, tx, now, e)
		case effect.SignInWaits, effect.OpenSession, effect.EndSignIn, effect.UseStep:
			err = applySignInEffect(ctx, tx, now, e)
		case effect.TellSystems:
			if e.What == "recovery-disowned" { // somebody else was near the account: its systems ask for it anew
				err = leaveSystems(ctx, tx, now, e.Account, "", "disown", false)
			}
		case effect.Record, effect.Send, effect.Arm, effect.Disarm, effect.TellGuardians:
			// gathered: written together at the end
		default:
			err = applyDeskEffect(ctx, tx, now, e)
		}
		if err != nil {
			return err
		}
	}
	return later.apply(ctx, tx, act, now, policyVersion)
}

// Apply commits effects that go with no change of an aggregate, in a transaction of their own.
func (s *Store) Apply(ctx context.Context, act effect.Act, now time.Time, policyVersion string, effects []effect.Effect) error {
	return s.InTx(ctx, func(ctx context.Context, tx *Tx) error {
		return applyEffects(ctx, tx, act, now, policyVersion, effects)
	})
}

// batch gathers the effects that are written together, and what has to be known for that.
type batch struct {
	records []effect.Record
	sends   []effect.Send
	tells   []effect.TellGuardians
	notices []effect.TellSystems
	timers  []timerChange

	near  bool // everybody in known was read with the circle; nobody, who has no address, needs no look then
	known map[string]addresses
	quiet map[string]quietCode // by the key of its message, which goes to nobody if the code is muted
	head  audit.Head
	ahead bool // head was read and not locked
}

// quietCode is a code that refuses nobody: the database knows what it is worth.
type quietCode struct {
	id    string
	phone []byte // the hash that it has unless it is muted
}

func gather(effects []effect.Effect) *batch {
	b := &batch{known: map[string]addresses{}, quiet: map[string]quietCode{}}
	for _, e := range effects {
		switch e := e.(type) {
		case effect.Record:
			b.records = append(b.records, e)
		case effect.Send:
			b.sends = append(b.sends, e)
		case effect.TellGuardians:
			b.tells = append(b.tells, e)
		case effect.TellSystems:
			b.notices = append(b.notices, e)
		case effect.Arm:
			b.timer(e.Timer, e.Object, e.At)
		case effect.Disarm:
			b.timer(e.Timer, e.Object, time.Time{})
		}
	}
	return b
}

// use takes over the addresses that the transaction read with its circle, unless what is done here could change one of
// them. The sessions that it ends take their browsers' notices along.
func (b *batch) use(tx *Tx, effects []effect.Effect) {
	if tx.near == nil {
		return
	}
	known := maps.Clone(tx.near)
	for _, e := range effects {
		switch e := e.(type) {
		case effect.IssueCode, effect.UseCode, effect.DropCodes, effect.DropApprovalCodes, effect.ConfirmPhone, effect.SetPassword,
			effect.LockRecovery, effect.BeginHold, effect.PurgePending, effect.UseStep, effect.Record, effect.Send, effect.Arm, effect.Disarm, effect.TellSystems:
		case effect.TellGuardians:
			if _, read := tx.told[e.Guard]; !read {
				return
			}
		case effect.EndSessions:
			if e.Except != "" {
				return
			}
			if without, ok := known[e.Account]; ok {
				without.browsers = nil
				known[e.Account] = without
			}
		default:
			return
		}
	}
	b.near, b.known = true, known
}

// strangers are the addressees whose addresses are not known yet.
func (b *batch) strangers() []string {
	var unknown []string
	for _, m := range b.sends {
		if _, known := b.known[m.To]; !known && (!b.near || !m.Nobody) {
			unknown = append(unknown, addressees([]effect.Send{m})...)
		}
	}
	return unknown
}

// questions asks for addresses and the audit head. The head's row is locked from there to the commit, and
// nothing after it waits for anybody but for the codes of a phone whose slot is held. When the head is all there is to ask,
// and was read already, and nobody else decides anything, nothing is asked: see Tx.commit.
func (b *batch) questions(tx *Tx) []read {
	if b.near {
		for _, t := range b.tells {
			b.sends = append(b.sends, toGuardians(t, tx.told[t.Guard])...)
		}
		b.tells = nil
	}
	var reads []read
	for _, t := range b.tells {
		var all []told
		asked := guardiansRead(whose{`CAST($1 AS TEXT)`, t.Account}, t.Guard, &all)
		reads = append(reads, read{asked.query, asked.args, func(rows Rows) error {
			err := asked.take(rows)
			b.sends = append(b.sends, toGuardians(t, all)...)
			return err
		}})
	}
	if to := b.strangers(); len(to)+len(b.tells) > 0 {
		reads = append(reads, addressesRead(b.known, to, b.tells))
	}
	switch {
	case len(b.records) == 0:
	case tx.peek != nil && len(reads) == 0 && tx.s.crowd.alone():
		b.ahead = true
	default:
		reads = append(reads, headRead(tx.ForUpdate(), &b.head))
	}
	return reads
}

// timerChange sets a timer, or removes it when at is zero.
type timerChange struct {
	kind, object string
	at           time.Time
}

// timer notes a change and forgets an earlier one of the same timer.
func (b *batch) timer(kind, object string, at time.Time) {
	for i := range b.timers {
		if b.timers[i].kind == kind && b.timers[i].object == object {
			b.timers[i].at = at
			return
		}
	}
	b.timers = append(b.timers, timerChange{kind, object, at})
}

func (b *batch) apply(ctx context.Context, tx *Tx, act effect.Act, now time.Time, policyVersion string) error {
	if err := changeTimers(ctx, tx, b.timers); err != nil {
		return err
	}
	if err := putNotices(ctx, tx, now, b.notices); err != nil {
		return err
	}
	if reads := b.questions(tx); len(reads) > 0 {
		if err := readAll(ctx, tx, reads...); err != nil {
			return err
		}
	}
	if err := putMessages(ctx, tx, now, act.Area, b); err != nil {
		return err
	}
	if !b.ahead {
		return appendEvents(ctx, tx, act, now, policyVersion, b.records, b.head)
	}
	tx.events = func(head audit.Head) error { return appendEvents(ctx, tx, act, now, policyVersion, b.records, head) }
	return nil
}

// putNotices queues what relying parties have to be told.
func putNotices(ctx context.Context, tx *Tx, now time.Time, notices []effect.TellSystems) error {
	if len(notices) == 0 {
		return nil
	}
	txn, err := newID() // what one decision tells belongs together
	if err != nil {
		return err
	}
	tx.tell = true
	args := make([]any, 0, 6*len(notices))
	for _, n := range notices {
		id, err := newID()
		if err != nil {
			return err
		}
		args = append(args, id, n.Account, n.What, n.Why, txn, Micros(now))
	}
	return tx.ExecAny(ctx, `INSERT INTO system_notices (id, account_id, what, why, txn, at) VALUES `+places(len(notices), 6), args...)
}

func newID() (string, error) {
	id, err := uuid.NewV7()
	return id.String(), err
}

// clean makes text storable on both engines: PostgreSQL refuses NUL and broken UTF-8, which a
// browser may send in its name of itself.
func clean(s string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\x00", "")
}
