package storetest_test

import (
	"fmt"
	"testing"
	"time"

	"doverie/internal/account"
	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/session"
	"doverie/internal/store"
	"doverie/internal/store/storetest"
	"doverie/internal/trust"
)

func (w *world) phones() *trust.Phones {
	s := store.NewTrust(w.Store, w.p)
	return &trust.Phones{Circles: s, Codes: s, Owners: s, Limits: s, Keys: w.Keys, Policy: w.p, Parse: account.ParsePhone}
}

func (w *world) guards() *trust.Guards {
	s := store.NewTrust(w.Store, w.p)
	return &trust.Guards{Circles: s, Limits: s, Keys: w.Keys, Policy: w.p}
}

// yes walks the contact through the whole approval of an action.
func (w *world) yes(principal, contact account.Account, session string, kind trust.ActionKind) {
	w.t.Helper()
	ctx := w.t.Context()
	waiting, ok, err := w.protect.Waiting(ctx, principal.ID, session, kind)
	w.must(err)
	if !ok || waiting.Match == "" {
		w.t.Fatalf("nothing of kind %s waits in session %s", kind, session)
	}
	id := w.only(`SELECT id FROM approvals WHERE object_id = $1 AND contact_id = $2`, waiting.Action.ID, contact.ID)
	w.must(w.decisions.Answer(ctx, person, contact.ID, id, allYes))
	w.must(w.decisions.TypeMatch(ctx, person, contact.ID, id, waiting.Match))
	w.must(w.decisions.SendCode(ctx, person, contact.ID, "his", id))
	w.must(w.decisions.Approve(ctx, person, contact.ID, "his", id, w.code(contact.ID, "approval.code")))
}

// told counts the messages of a kind for a person.
func (w *world) told(who account.Account, kind string) int {
	w.t.Helper()
	return w.Count(w.t, `SELECT COUNT(id) FROM outbox WHERE account_id = $1 AND kind = $2`, who.ID, kind)
}

func (w *world) account(id string) account.Account {
	w.t.Helper()
	a, err := w.Account(w.t.Context(), id)
	w.must(err)
	return a
}

const newPhone, typedPhone = "+79130000077", "8 (913) 000-00-77"

func TestChangeOfPhoneIsApproved(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		w := newWorld(t, db)
		ctx, phones := t.Context(), w.phones()
		vera := db.Add(t, 1, storetest.Person{Given: "Вера", Email: "vera@example.org", PasswordHash: "old"})
		alexey := db.Add(t, 2, storetest.Person{Given: "Алексей"})
		// The number belongs to somebody who guards a third person: he loses it, and that link is looked at.
		oleg := db.Add(t, 3, storetest.Person{Given: "Олег", Phone: newPhone, Email: "oleg@example.org"})
		masha := db.Add(t, 4, storetest.Person{Given: "Маша"})
		w.linked(vera, alexey)
		guarded := w.linked(masha, oleg)

		_, err := phones.Start(ctx, person, vera.ID, "hers", "не номер")
		w.refused(err, "fault.invalid")
		_, err = phones.Start(ctx, person, vera.ID, "hers", vera.Phone)
		w.refused(err, "fault.invalid")
		id, err := phones.Start(ctx, person, vera.ID, "hers", typedPhone)
		w.must(err)
		_, err = phones.Start(ctx, person, vera.ID, "another", typedPhone)
		w.refused(err, "fault.action.already_asked")
		w.refused(phones.SendCode(ctx, person, vera.ID, id), "fault.action.state_waiting")
		w.refused(phones.Enter(ctx, person, vera.ID, "hers", id, "123456"), "fault.action.state_waiting")
		if n := w.Count(t, `SELECT COUNT(id) FROM codes WHERE purpose = 'change_phone'`); n != 0 {
			t.Fatalf("%d codes before the approval", n)
		}
		w.yes(vera, alexey, "hers", trust.ActionChangePhone)

		waiting, ok, err := phones.Waiting(ctx, vera.ID, "hers")
		if err != nil || !ok || waiting.Phone != newPhone || waiting.Action.State != trust.ActionApproved || waiting.CodeSent {
			t.Fatalf("after the approval: %+v, %v, %v", waiting, ok, err)
		}
		w.refused(phones.SendCode(ctx, person, alexey.ID, id), "fault.not_found")
		w.must(phones.SendCode(ctx, person, vera.ID, id))
		w.refused(phones.SendCode(ctx, person, vera.ID, id), "fault.code.too_soon")
		if waiting, _, _ = phones.Waiting(ctx, vera.ID, "hers"); !waiting.CodeSent || !waiting.ResendAt.Equal(db.Clock.Now().Add(w.p.CodeResend)) {
			t.Fatalf("after the code was sent: %+v", waiting)
		}
		code := w.code(vera.ID, "change_phone.code")
		w.refused(phones.Enter(ctx, person, alexey.ID, "his", id, code), "fault.not_found")
		w.refused(phones.Enter(ctx, person, vera.ID, "hers", id, "not it"), "fault.code.wrong")
		w.must(phones.Enter(ctx, person, vera.ID, "hers", id, code))
		w.refused(phones.Enter(ctx, person, vera.ID, "hers", id, code), "fault.action.state_done")

		after, lost := w.account(vera.ID), w.account(oleg.ID)
		if after.Phone != newPhone || !after.PhoneChangedAt.Equal(db.Clock.Now()) || !after.PhoneCurrent(db.Clock.Now(), w.p) {
			t.Fatalf("after the change: %+v", after)
		}
		if lost.PhoneOwned() {
			t.Fatal("one number has two owners")
		}
		if n := w.Count(t, `SELECT COUNT(id) FROM guarded_actions WHERE payload IS NOT NULL`); n != 0 {
			t.Fatalf("%d numbers are kept", n)
		}
		for who, kind := range map[*account.Account]string{&vera: "phone.changed", &alexey: "phone.changed", &oleg: "account.phone_taken"} {
			if w.told(*who, kind) == 0 {
				t.Errorf("%s was not told: %s", who.Given, kind)
			}
		}
		// The old number is told, the new one is not: SMS and e-mail, two messages.
		if n := w.told(vera, "phone.changed"); n != 2 {
			t.Errorf("%d notices to the principal, want 2", n)
		}
		// The link of whoever lost the number is suspended within a tick, and both are told.
		if due := w.Count(t, `SELECT COUNT(object) FROM timers WHERE kind = $1 AND object = $2 AND due_at <= $3`,
			trust.TimerLinkReview, guarded, db.Clock.Now().UnixMicro()); due != 1 {
			t.Fatal("the link of whoever lost the number is not looked at")
		}
		w.must(w.links.Review(ctx, guarded))
		if s := w.only(`SELECT state FROM links WHERE id = $1`, guarded); s != "suspended" || w.told(masha, "trust.suspended") == 0 || w.told(oleg, "trust.suspended") == 0 {
			t.Fatalf("state %s; told: %d, %d", s, w.told(masha, "trust.suspended"), w.told(oleg, "trust.suspended"))
		}
		w.auditClean()
	})
}

func TestChangeOfPhoneWithoutContacts(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		w := newWorld(t, db)
		ctx, phones := t.Context(), w.phones()
		vera := db.Add(t, 1, storetest.Person{Given: "Вера"})
		alexey := db.Add(t, 2, storetest.Person{Given: "Алексей"})
		id, err := phones.Start(ctx, person, vera.ID, "hers", typedPhone)
		w.must(err)
		w.must(phones.SendCode(ctx, person, vera.ID, id))
		code := w.code(vera.ID, "change_phone.code")

		// A link that appears after an unguarded start guards from its first second.
		w.linked(vera, alexey)
		db.Clock.Advance(-w.p.Settling) // the code would be dead; the link guards before it has settled
		w.refused(phones.Enter(ctx, person, vera.ID, "hers", id, code), "fault.action.guarded_now")
		if got := w.account(vera.ID).Phone; got != vera.Phone {
			t.Fatalf("the phone became %s without the contact", got)
		}
		w.refused(phones.Enter(ctx, person, vera.ID, "hers", id, code), "fault.action.state_cancelled")

		// Switched off, it asks nobody; falling, it still asks.
		w.must(w.guards().SwitchOff(ctx, person, vera.ID, trust.GuardChangePhone))
		_, err = phones.Start(ctx, person, vera.ID, "hers", typedPhone)
		w.refused(err, "fault.action.nobody_able")
		db.Clock.Advance(w.p.GuardOff)
		w.must(w.guards().Fall(ctx, vera.ID+":change_phone"))
		id, err = phones.Start(ctx, person, vera.ID, "hers", typedPhone)
		w.must(err)
		w.must(phones.SendCode(ctx, person, vera.ID, id))
		w.must(phones.Enter(ctx, person, vera.ID, "hers", id, w.code(vera.ID, "change_phone.code")))
		if got := w.account(vera.ID).Phone; got != newPhone {
			t.Fatalf("phone %s", got)
		}
		w.auditClean()
	})
}

func TestHoldAndFreezeCloseTheChangeOfPhone(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		w := newWorld(t, db)
		ctx, phones := t.Context(), w.phones()
		vera := db.Add(t, 1, storetest.Person{Given: "Вера"})
		id, err := phones.Start(ctx, person, vera.ID, "hers", typedPhone)
		w.must(err)
		w.must(phones.SendCode(ctx, person, vera.ID, id))
		code := w.code(vera.ID, "change_phone.code")
		until := db.Clock.Now().Add(w.p.Hold)
		w.must(w.Apply(ctx, person, db.Clock.Now(), w.p.Version, []effect.Effect{effect.BeginHold{Account: vera.ID, At: db.Clock.Now(), Until: until}}))
		w.refused(phones.Enter(ctx, person, vera.ID, "hers", id, code), "fault.hold")
		w.refused(phones.SendCode(ctx, person, vera.ID, id), "fault.code.too_soon")
		w.must(w.protect.GiveUp(ctx, person, vera.ID, id))
		_, err = phones.Start(ctx, person, vera.ID, "hers", typedPhone)
		w.refused(err, "fault.hold")
		w.refused(w.guards().SwitchOff(ctx, person, vera.ID, trust.GuardChangePhone), "fault.hold")
		w.refused(w.links.Close(ctx, person, vera.ID), "fault.hold")
		db.Clock.Advance(w.p.Hold)
		w.must(w.protect.Freeze(ctx, person, vera.ID, trust.FrozenBySelf))
		_, err = phones.Start(ctx, person, vera.ID, "hers", typedPhone)
		w.refused(err, "fault.account.frozen")
		w.refused(w.links.Close(ctx, person, vera.ID), "fault.account.frozen")
	})
}

func TestSwitches(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		w := newWorld(t, db)
		ctx, guards := t.Context(), w.guards()
		vera := db.Add(t, 1, storetest.Person{Given: "Вера"})
		alexey := db.Add(t, 2, storetest.Person{Given: "Алексей"})
		maria := db.Add(t, 3, storetest.Person{Given: "Мария"})
		w.linked(vera, alexey)
		w.refused(guards.SwitchOn(ctx, person, vera.ID, "no such switch"), "fault.not_found")
		w.refused(guards.SwitchOn(ctx, person, vera.ID, trust.GuardChangePhone), "fault.guard.state_on")
		w.refused(guards.SwitchOn(ctx, person, vera.ID, trust.GuardQuorum), "fault.guard.two_contacts")
		w.linked(vera, maria)
		w.must(guards.SwitchOn(ctx, person, vera.ID, trust.GuardQuorum))
		if q := w.account(vera.ID).Quorum; q != 2 {
			t.Fatalf("quorum %d", q)
		}
		w.must(guards.SwitchOff(ctx, person, vera.ID, trust.GuardQuorum))
		w.refused(guards.SwitchOff(ctx, person, vera.ID, trust.GuardQuorum), "fault.guard.state_falling")
		if w.told(alexey, "guard.falling") == 0 || w.told(maria, "guard.falling") == 0 || w.told(vera, "guard.falling") == 0 {
			t.Fatal("somebody was not told")
		}
		w.must(guards.Fall(ctx, vera.ID+":quorum")) // too early: changes nothing
		db.Clock.Advance(w.p.GuardOff - time.Microsecond)
		w.must(guards.Fall(ctx, vera.ID+":quorum"))
		if q := w.account(vera.ID).Quorum; q != 2 {
			t.Fatalf("quorum %d one microsecond early", q)
		}
		w.must(guards.Keep(ctx, person, vera.ID, trust.GuardQuorum))
		db.Clock.Advance(time.Hour)
		w.must(guards.Fall(ctx, vera.ID+":quorum")) // a timer that comes after all: done, not an error
		if q := w.account(vera.ID).Quorum; q != 2 {
			t.Fatalf("a kept quorum became %d", q)
		}
		w.must(guards.SwitchOff(ctx, person, vera.ID, trust.GuardQuorum))
		db.Clock.Advance(w.p.GuardOff)
		w.must(guards.Fall(ctx, vera.ID+":quorum"))
		if q := w.account(vera.ID).Quorum; q != 1 {
			t.Fatalf("quorum %d after the delay", q)
		}

		// A freeze, and a recovery, keep what an intruder may have begun to switch off.
		w.must(guards.SwitchOff(ctx, person, vera.ID, trust.GuardTellSignIn))
		w.must(w.protect.Freeze(ctx, person, vera.ID, trust.FrozenBySelf))
		db.Clock.Advance(w.p.GuardOff)
		w.must(guards.Fall(ctx, vera.ID+":tell_sign_in"))
		view, err := guards.Switches(ctx, vera.ID)
		w.must(err)
		if len(view.Guards) != len(trust.GuardNames()) || len(view.Contacts) != 2 || view.Guards[1].State != trust.GuardOn {
			t.Fatalf("after the freeze: %+v", view)
		}
		w.must(w.protect.ThawInPerson(ctx, person, vera.ID))
		w.must(guards.SwitchOff(ctx, person, vera.ID, trust.GuardTellSignIn))
		w.must(w.Apply(ctx, person, db.Clock.Now(), w.p.Version, []effect.Effect{effect.PurgePending{Account: vera.ID}}))
		if view, err = guards.Switches(ctx, vera.ID); err != nil || view.Guards[1].State != trust.GuardOn {
			t.Fatalf("after a purge: %+v, %v", view, err)
		}
		w.auditClean()
	})
}

func TestContactsApproveRemovals(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		w := newWorld(t, db)
		ctx, guards := t.Context(), w.guards()
		vera := db.Add(t, 1, storetest.Person{Given: "Вера"})
		alexey := db.Add(t, 2, storetest.Person{Given: "Алексей"})
		maria := db.Add(t, 3, storetest.Person{Given: "Мария"})
		w.linked(vera, alexey)
		link := w.linked(vera, maria)
		_, err := w.protect.AskContactRemoval(ctx, person, vera.ID, "hers", link)
		w.refused(err, "fault.guard.not_guarded")
		_, err = w.protect.AskFactorRemoval(ctx, person, vera.ID, "hers")
		w.refused(err, "fault.guard.not_guarded")
		w.must(guards.SwitchOn(ctx, person, vera.ID, trust.GuardRemoveContact))
		w.must(guards.SwitchOn(ctx, person, vera.ID, trust.GuardRemoveFactor))
		_, err = w.protect.AskContactRemoval(ctx, person, vera.ID, "hers", "no such link")
		w.refused(err, "fault.not_found")

		id, err := w.protect.AskContactRemoval(ctx, person, vera.ID, "hers", link)
		w.must(err)
		w.refused(w.protect.RemoveNow(ctx, person, vera.ID, id), "fault.action.state_waiting")
		w.yes(vera, alexey, "hers", trust.ActionRemoveContact)
		w.refused(w.protect.RemoveNow(ctx, person, alexey.ID, id), "fault.not_found")
		w.must(w.protect.RemoveNow(ctx, person, vera.ID, id))
		w.refused(w.protect.RemoveNow(ctx, person, vera.ID, id), "fault.action.state_done")
		if s := w.only(`SELECT state FROM links WHERE id = $1`, link); s != "ended" {
			t.Fatalf("the link is %s", s)
		}

		w.Exec(t, `INSERT INTO totp (account_id, sealed, created_at, confirmed_at, last_step) VALUES ($1, $2, $3, $3, 0)`,
			vera.ID, []byte("key"), db.Clock.Now().UnixMicro())
		guarded, err := w.protect.FactorGuarded(ctx, vera.ID)
		if err != nil || !guarded {
			t.Fatalf("guarded: %v, %v", guarded, err)
		}
		_, err = w.protect.AskFactorRemoval(ctx, person, vera.ID, "hers")
		w.must(err)
		w.yes(vera, alexey, "hers", trust.ActionRemoveFactor)
		after := w.account(vera.ID)
		if after.TOTP.Enrolled() || !after.FactorChangedAt.Equal(db.Clock.Now()) {
			t.Fatalf("after the approval: %+v", after.TOTP)
		}
		w.auditClean()
	})
}

func TestClosingAnAccount(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		w := newWorld(t, db)
		ctx := t.Context()
		vera := db.Add(t, 1, storetest.Person{Given: "Вера", Patronymic: "Петровна", Email: "vera@example.org", PasswordHash: "old"})
		alexey := db.Add(t, 2, storetest.Person{Given: "Алексей"})
		oleg := db.Add(t, 3, storetest.Person{Given: "Олег"})
		link := w.linked(vera, alexey)   // he guards her
		guarding := w.linked(oleg, vera) // she guards him
		_, err := w.links.Invite(ctx, person, vera.ID, "Пётр", "+79130000099")
		w.must(err)

		// Nobody closes it past her contact, nor past a recovery; a change of phone that was begun gives way.
		w.refused(w.links.Close(ctx, person, vera.ID), "fault.close.guarded")
		w.must(w.links.Remove(ctx, person, vera.ID, link, true))
		w.refused(w.links.Close(ctx, person, vera.ID), "fault.close.guarded")
		db.Clock.Advance(w.p.Leaving)
		w.refused(w.links.Close(ctx, person, vera.ID), "fault.close.guarded") // until the timer has ended it
		w.must(w.links.Leave(ctx, link))
		browser, _ := w.asked(oleg, vera) // she is asked for his account
		_, err = w.phones().Start(ctx, person, vera.ID, "hers", typedPhone)
		w.must(err)
		w.must(w.links.Close(ctx, person, vera.ID))
		w.refused(w.links.Close(ctx, person, vera.ID), "fault.not_found")
		a := w.account(vera.ID)
		if a.State != account.Closed || a.Phone+a.Email+a.SNILS+a.PasswordHash+a.Family+a.Patronymic+a.Citizenship != "" || !a.BirthDate.IsZero() {
			t.Fatalf("a closed account keeps %+v", a)
		}
		for _, kind := range []account.Identifier{{Kind: account.ByPhone, Value: vera.Phone}, {Kind: account.ByEmail, Value: vera.Email}, {Kind: account.BySNILS, Value: vera.SNILS}} {
			if _, err := w.FindAccount(ctx, kind); !fault.Is(err, fault.NotFound) {
				t.Errorf("%s still names the account: %v", kind.Kind, err)
			}
		}
		if n := w.Count(t, `SELECT COUNT(id) FROM guarded_actions WHERE account_id = $1 AND state <> 'cancelled'`, vera.ID); n != 0 {
			t.Errorf("%d actions go on", n)
		}
		if n := w.Count(t, `SELECT COUNT(id) FROM links WHERE principal_id = $1 AND state NOT IN ('ended', 'withdrawn')`, vera.ID); n != 0 {
			t.Errorf("%d of her links go on", n)
		}
		if w.told(alexey, "trust.ended") == 0 || w.told(vera, "account.closed") != 2 {
			t.Errorf("told: %d, %d", w.told(alexey, "trust.ended"), w.told(vera, "account.closed"))
		}
		if n := w.Count(t, `SELECT COUNT(id) FROM recoveries WHERE account_id = $1 AND (device <> '' OR area <> '')`, vera.ID); n != 0 {
			t.Errorf("%d rows tell what device asked", n)
		}
		// The other side's link ends by its review, which is due now, and his recovery sees it.
		if due := w.Count(t, `SELECT COUNT(object) FROM timers WHERE kind = $1 AND object = $2 AND due_at <= $3`,
			trust.TimerLinkReview, guarding, db.Clock.Now().UnixMicro()); due != 1 {
			t.Fatal("the link in which she guards somebody is not looked at")
		}
		w.must(w.links.Review(ctx, guarding))
		if s := w.only(`SELECT end_reason FROM links WHERE id = $1`, guarding); s != "account_closed" || w.told(oleg, "trust.ended") == 0 {
			t.Fatalf("end reason %q, told %d", s, w.told(oleg, "trust.ended"))
		}
		if v, err := w.recovery.View(ctx, browser); err != nil || v.State != "locked_out" {
			t.Errorf("his recovery: %+v, %v", v, err)
		}
		// Her identifiers are free.
		db.Add(t, 1, storetest.Person{Given: "Анна", Phone: vera.Phone, Email: vera.Email})
		w.auditClean()
	})
}

// A recovery that proved itself is settled first; one whose time is over hinders nothing, though its timer has not come.
func TestClosingWaitsForARecovery(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		w := newWorld(t, db)
		ctx := t.Context()
		vera := db.Add(t, 1, storetest.Person{Given: "Вера", PasswordHash: "old"})
		own, err := w.recovery.Start(ctx, person, vera.Phone, "")
		w.must(err)
		w.must(w.recovery.Prove(ctx, person, own, w.code(vera.ID, "recovery.code"), ""))
		w.refused(w.links.Close(ctx, person, vera.ID), "fault.close.recovering")
		page, err := w.links.Closing(ctx, vera.ID)
		w.must(err)
		if !page.Recovering || len(page.Contacts) != 0 {
			t.Errorf("the page knows %+v", page)
		}
		db.Clock.Advance(w.p.RecoveryFinish)
		w.must(w.links.Close(ctx, person, vera.ID))
		w.auditClean()
	})
}

// An invitation is accepted while the account is being closed: either it is guarded and stays, or it is closed and has no
// contact. Never both.
func TestAcceptAgainstClose(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		w := newWorld(t, db)
		ctx := t.Context()
		for i := range 8 {
			vera := db.Add(t, 2*i+1, storetest.Person{Given: "Вера"})
			alexey := db.Add(t, 2*i+2, storetest.Person{Given: "Алексей"})
			link, err := w.links.Invite(ctx, person, vera.ID, alexey.Given, alexey.Phone)
			w.must(err)
			acts := []func() error{
				func() error { return w.links.Accept(ctx, person, alexey.ID, link) },
				func() error { return w.links.Close(ctx, person, vera.ID) },
			}
			errs := storetest.Parallel(len(acts), func(i int) error { return acts[i]() })
			state, guards := w.account(vera.ID).State, w.only(`SELECT state FROM links WHERE id = $1`, link)
			switch {
			case errs[0] == nil && fault.Of(errs[1]).Key == "fault.close.guarded" && state == account.Open && guards == "active":
			case errs[1] == nil && errs[0] != nil && state == account.Closed && guards == "withdrawn":
			default:
				t.Errorf("accept: %v, close: %v; the account is %s, the link %s", errs[0], errs[1], state, guards)
			}
		}
	})
}

// A recovery of a closed account is a decoy's: the same answers as for a number nobody has (I6).
func TestAClosedAccountIsAStranger(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		w := newWorld(t, db)
		ctx := t.Context()
		vera := db.Add(t, 1, storetest.Person{Given: "Вера", PasswordHash: "old"})
		begun, err := w.recovery.Start(ctx, person, vera.Phone, "")
		w.must(err)
		code := w.code(vera.ID, "recovery.code")
		w.must(w.links.Close(ctx, person, vera.ID))
		w.refused(w.recovery.Prove(ctx, person, begun, code, ""), "fault.code.dead")
		again, err := w.recovery.Start(ctx, person, vera.Phone, "")
		w.must(err)
		if n := w.Count(t, `SELECT COUNT(id) FROM recoveries WHERE account_id IS NULL`); n != 1 || again == "" {
			t.Fatalf("%d decoys", n)
		}
		if n := w.told(vera, "recovery.code"); n != 1 {
			t.Fatalf("%d codes, the first only was due", n)
		}
	})
}

func TestReviewsComeWhenFactsChange(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		w := newWorld(t, db)
		ctx := t.Context()
		vera := db.Add(t, 1, storetest.Person{Given: "Вера"})
		alexey := db.Add(t, 2, storetest.Person{Given: "Алексей"})
		link := w.linked(vera, alexey)
		due := func(what string, state trust.LinkState) {
			t.Helper()
			if n := w.Count(t, `SELECT COUNT(object) FROM timers WHERE kind = $1 AND object = $2 AND due_at <= $3`,
				trust.TimerLinkReview, link, db.Clock.Now().UnixMicro()); n != 1 {
				t.Errorf("%s: no review", what)
			}
			w.must(w.links.Review(ctx, link))
			if s := w.only(`SELECT state FROM links WHERE id = $1`, link); s != string(state) {
				t.Errorf("%s: the link is %s", what, s)
			}
			db.Clock.Advance(time.Minute)
		}
		w.must(w.protect.Freeze(ctx, person, alexey.ID, trust.FrozenBySelf))
		due("freeze", trust.Suspended)
		w.must(w.protect.ThawInPerson(ctx, person, alexey.ID))
		due("thaw", trust.Active)
		before := w.account(alexey.ID)
		after := before
		after.PhoneLostAt = db.Clock.Now()
		w.must(w.CommitAccount(ctx, person, db.Clock.Now(), account.Change{Before: &before, After: &after}, nil))
		due("lost phone", trust.Suspended)
		if w.told(alexey, "trust.suspended") == 0 || w.told(vera, "trust.resumed") == 0 || w.told(alexey, "trust.resumed") == 0 {
			t.Error("a side was not told")
		}
	})
}

func TestHealthReminder(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		w := newWorld(t, db)
		ctx := t.Context()
		vera := db.Add(t, 1, storetest.Person{Given: "Вера"})
		alexey := db.Add(t, 2, storetest.Person{Given: "Алексей"})
		link := w.linked(vera, alexey)
		timers := func() int {
			return w.Count(t, `SELECT COUNT(object) FROM timers WHERE kind = $1 AND object = $2`, trust.TimerHealth, vera.ID)
		}
		if timers() != 1 {
			t.Fatal("no reminder is set")
		}
		w.must(w.links.Remind(ctx, vera.ID))
		if w.told(vera, "trust.health") != 1 || timers() != 1 {
			t.Fatalf("told %d times, %d timers", w.told(vera, "trust.health"), timers())
		}
		db.Clock.Advance(w.p.HealthReminder)
		w.must(w.links.Resign(ctx, person, alexey.ID, link))
		w.must(w.links.Remind(ctx, vera.ID)) // nobody guards her
		if w.told(vera, "trust.health") != 1 {
			t.Fatal("reminded of nobody")
		}
	})
}

func TestContactsAreToldOfANewDevice(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		p := storetest.NewPeople(t, db)
		w := newWorld(t, db)
		vera := p.Confirmed(t, "Вера", "+79130000001", storetest.SNILS(1), "1954-03-08")
		alexey := p.Confirmed(t, "Алексей", "+79130000002", storetest.SNILS(2), "1981-03-01")
		w.linked(vera, alexey)
		in := p.SignIn(t, vera.Phone)
		if in.Session.Kind != session.Full || w.told(alexey, "session.new_device") != 1 || w.told(vera, "session.new_device") != 1 {
			t.Fatalf("told: %d, %d", w.told(alexey, "session.new_device"), w.told(vera, "session.new_device"))
		}
		w.must(w.guards().SwitchOff(t.Context(), person, vera.ID, trust.GuardTellSignIn))
		db.Clock.Advance(w.p.GuardOff)
		w.must(w.guards().Fall(t.Context(), vera.ID+":tell_sign_in"))
		p.SignIn(t, vera.Phone)
		if n := w.told(alexey, "session.new_device"); n != 1 {
			t.Fatalf("told %d times after it was switched off", n)
		}
	})
}

// Finish, expire, give up, freeze and the contact's change of mind at once: one outcome (I3).
func TestOneEndOfAChangeOfPhone(t *testing.T) {
	rounds := 30
	if testing.Short() {
		rounds = 4
	}
	w := newWorld(t, storetest.Postgres(t))
	phones := w.phones()
	for n := range rounds {
		ctx := t.Context()
		vera := w.Add(t, 3*n+1, storetest.Person{Given: "Вера"})
		alexey := w.Add(t, 3*n+2, storetest.Person{Given: "Алексей"})
		link := w.linked(vera, alexey)
		number := fmt.Sprintf("+7913%07d", n)
		id, err := phones.Start(ctx, person, vera.ID, "hers", number)
		w.must(err)
		w.yes(vera, alexey, "hers", trust.ActionChangePhone)
		w.must(phones.SendCode(ctx, person, vera.ID, id))
		code := w.code(vera.ID, "change_phone.code")
		approval := w.only(`SELECT id FROM approvals WHERE object_id = $1`, id)
		errs := storetest.Parallel(7, func(i int) error {
			switch i {
			case 0, 1:
				return phones.Enter(ctx, person, vera.ID, "hers", id, code)
			case 2:
				return w.protect.GiveUp(ctx, person, vera.ID, id)
			case 3:
				return w.decisions.Reject(ctx, person, alexey.ID, approval, trust.ReasonFraud)
			case 4:
				return w.links.Resign(ctx, person, alexey.ID, link)
			case 5:
				return w.protect.Freeze(ctx, person, vera.ID, trust.FrozenBySelf)
			default:
				return w.protect.Expire(ctx, id)
			}
		})
		for i, err := range errs {
			if err != nil && fault.Of(err).Kind == fault.Internal {
				t.Fatalf("round %d, actor %d: %v", n, i, err)
			}
		}
		state := w.only(`SELECT state FROM guarded_actions WHERE id = $1`, id)
		ends := w.Count(t, `SELECT COUNT(seq) FROM events WHERE object = $1 AND kind IN
			('action.done', 'action.rejected', 'action.cancelled', 'action.expired')`, "action:"+id)
		changed := w.account(vera.ID).Phone == number
		won := 0
		for _, err := range errs[:2] {
			if err == nil {
				won++
			}
		}
		if ends != 1 || changed != (state == "done") || (won == 1) != changed || won > 1 {
			t.Fatalf("round %d: state %s, %d ends, changed %v, %d entered (%v)", n, state, ends, changed, won, errs)
		}
	}
	w.auditClean()
}

// Two people verify one number at once: one of them has it, the other is told.
func TestOneNumberTwoTakers(t *testing.T) {
	w := newWorld(t, storetest.Postgres(t))
	phones := w.phones()
	ctx := t.Context()
	for n := range 10 {
		number := fmt.Sprintf("+7913%07d", n)
		var people [2]account.Account
		var ids, codes [2]string
		for i := range people {
			people[i] = w.Add(t, 2*n+i, storetest.Person{})
			var err error
			ids[i], err = phones.Start(ctx, person, people[i].ID, "s", number)
			w.must(err)
			w.must(phones.SendCode(ctx, person, people[i].ID, ids[i]))
			codes[i] = w.code(people[i].ID, "change_phone.code")
		}
		errs := storetest.Parallel(2, func(i int) error { return phones.Enter(ctx, person, people[i].ID, "s", ids[i], codes[i]) })
		owners := w.Count(t, `SELECT COUNT(id) FROM accounts WHERE phone = $1 AND phone_current`, number)
		for _, err := range errs {
			if err != nil && !fault.Is(err, fault.Conflict) {
				t.Fatalf("round %d: %v", n, err)
			}
		}
		if owners != 1 {
			t.Fatalf("round %d: %d owners (%v)", n, owners, errs)
		}
	}
	w.auditClean()
}
