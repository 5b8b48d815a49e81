package storetest_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"doverie/internal/account"
	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/secret"
	"doverie/internal/store"
	"doverie/internal/store/storetest"
	"doverie/internal/trust"
)

const (
	phone     = "+79161234567"
	maxTries  = 5
	codeLives = 5 * time.Minute
)

var system = effect.Act{Actor: effect.System}

func apply(t *testing.T, db *storetest.DB, effects ...effect.Effect) error {
	t.Helper()
	return db.Apply(t.Context(), system, db.Clock.Now(), "2026-11", effects)
}

func code(db *storetest.DB, id string, purpose secret.Purpose, bound, to string) effect.IssueCode {
	return effect.IssueCode{
		ID: id, Purpose: string(purpose), Bound: bound, Phone: to,
		Hash: db.Keys.HashCode(purpose, bound, "123456"), ExpiresAt: db.Clock.Now().Add(codeLives),
	}
}

func mustApply(t *testing.T, db *storetest.DB, effects ...effect.Effect) {
	t.Helper()
	if err := apply(t, db, effects...); err != nil {
		t.Fatal(err)
	}
}

func TestCodeIsUsedOnce(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		mustApply(t, db, code(db, "c", secret.SignIn, "s1", phone))
		errs := storetest.Parallel(50, func(int) error { return apply(t, db, effect.UseCode{ID: "c"}) })
		used := 0
		for _, err := range errs {
			switch {
			case err == nil:
				used++
			case !fault.HasKey(err, "fault.code.used") || !fault.Is(err, fault.Conflict):
				t.Errorf("a loser was told %v", err)
			}
		}
		if used != 1 {
			t.Errorf("used %d times", used)
		}
		if n := db.Count(t, `SELECT COUNT(code_id) FROM phone_slots`); n != 0 {
			t.Error("a used code keeps its slot")
		}
	})
}

func TestTriesAreCountedBeforeAnybodyCompares(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		mustApply(t, db, code(db, "c", secret.RecoveryProve, "r1", phone))
		seen := make([]bool, maxTries+1)
		rows := make([]store.CodeRow, 40)
		errs := storetest.Parallel(len(rows), func(i int) (err error) {
			rows[i], err = db.CountTry(t.Context(), string(secret.RecoveryProve), "r1", maxTries, db.Clock.Now())
			return err
		})
		for i, err := range errs {
			switch {
			case err == nil && (rows[i].Tries < 1 || rows[i].Tries > maxTries || seen[rows[i].Tries]):
				t.Errorf("try number %d came twice or is out of bounds", rows[i].Tries)
			case err == nil:
				seen[rows[i].Tries] = true
				if !db.Keys.SameCode(secret.RecoveryProve, rows[i].Bound, "123 456", rows[i].Hash) {
					t.Error("the right code does not compare")
				}
			case !fault.HasKey(err, "fault.code.spent"):
				t.Errorf("past the limit: %v", err)
			case rows[i].Hash != nil:
				t.Error("a hash was handed out past the limit")
			}
		}
		if n := db.Count(t, `SELECT tries FROM codes WHERE id = 'c'`); n != maxTries {
			t.Errorf("%d tries are counted, want %d", n, maxTries)
		}
	})
}

func TestWhyACodeCannotBeTried(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		mustApply(t, db, code(db, "old", secret.SignIn, "s1", phone))
		mustApply(t, db, code(db, "new", secret.SignIn, "s1", phone), code(db, "other", secret.SignIn, "s2", phone))
		try := func(bound, want string) {
			t.Helper()
			if _, err := db.CountTry(t.Context(), string(secret.SignIn), bound, maxTries, db.Clock.Now()); !fault.HasKey(err, want) {
				t.Errorf("%s: %v, want %s", bound, err, want)
			}
		}
		try("none", "fault.code.unknown")
		if live, err := db.LiveCode(t.Context(), string(secret.SignIn), "s1"); err != nil || live.ID != "new" {
			t.Errorf("live code %q, %v", live.ID, err)
		}
		mustApply(t, db, effect.DropCodes{Bound: "s1"})
		try("s1", "fault.code.unknown")
		if _, err := db.LiveCode(t.Context(), string(secret.SignIn), "s1"); !fault.Is(err, fault.NotFound) {
			t.Errorf("a dropped code lives: %v", err)
		}
		if _, err := db.CountTry(t.Context(), string(secret.SignIn), "s2", maxTries, db.Clock.Now()); err != nil {
			t.Errorf("a code of another object ended too: %v", err)
		}
		db.Clock.Advance(codeLives - time.Microsecond)
		if _, err := db.CountTry(t.Context(), string(secret.SignIn), "s2", maxTries, db.Clock.Now()); err != nil {
			t.Errorf("a microsecond before the end: %v", err)
		}
		db.Clock.Advance(time.Microsecond)
		try("s2", "fault.code.expired")
		if err := apply(t, db, effect.UseCode{ID: "other"}); !fault.HasKey(err, "fault.code.used") {
			t.Errorf("an expired code was used: %v", err)
		}
	})
}

// Every ordered pair of purposes on one phone: which second code is refused while the first lives.
func TestOnePhoneOneApproval(t *testing.T) {
	t.Parallel()
	takesOver := map[secret.Purpose]bool{secret.RecoveryProve: true, secret.RecoveryFinish: true, secret.ChangePhone: true}
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		n := 0
		for _, first := range secret.Purposes() {
			for _, second := range secret.Purposes() {
				n++
				to := fmt.Sprintf("+7916%07d", n)
				a, b := fmt.Sprintf("a%d", n), fmt.Sprintf("b%d", n)
				mustApply(t, db, code(db, a, first, a, to))
				err := apply(t, db, code(db, b, second, b, to))
				refused := first == secret.Approval || (second == secret.Approval && takesOver[first])
				if refused != fault.HasKey(err, "fault.code.other_live") || (!refused && err != nil) {
					t.Errorf("%s, then %s: %v; refused should be %t", first, second, err, refused)
				}
				if refused {
					if n := db.Count(t, `SELECT COUNT(id) FROM codes WHERE id = $1`, b); n != 0 {
						t.Errorf("%s, then %s: refused, and stored", first, second)
					}
				}
			}
		}
	})
}

func TestSlotOfAnApproval(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		refused := func(what string, err error) {
			t.Helper()
			if !fault.HasKey(err, "fault.code.other_live") {
				t.Errorf("%s: %v", what, err)
			}
		}
		mustApply(t, db, code(db, "a1", secret.Approval, "approval 1", phone))
		mustApply(t, db, code(db, "a2", secret.Approval, "approval 1", phone)) // sent again
		refused("a sign-in beside an approval", apply(t, db, code(db, "s", secret.SignIn, "s", phone)))
		refused("a second approval beside the first", apply(t, db, code(db, "a3", secret.Approval, "approval 2", phone)))
		mustApply(t, db, code(db, "s", secret.SignIn, "s", "+79160000000")) // another phone is free
		mustApply(t, db, effect.UseCode{ID: "a2"})
		mustApply(t, db, code(db, "s2", secret.SignIn, "s", phone)) // used: free

		mustApply(t, db, code(db, "r", secret.RecoveryProve, "r", phone))
		mustApply(t, db, code(db, "s3", secret.SignIn, "s", phone)) // takes the slot from the recovery …
		refused("… whose code still lives", apply(t, db, code(db, "a4", secret.Approval, "approval 2", phone)))
		mustApply(t, db, effect.DropCodes{Bound: "r"})
		mustApply(t, db, code(db, "a5", secret.Approval, "approval 2", phone))
		db.Clock.Advance(codeLives)
		mustApply(t, db, code(db, "r2", secret.RecoveryProve, "r", phone)) // expired: free
		db.Clock.Advance(codeLives)
		mustApply(t, db, code(db, "a6", secret.Approval, "approval 3", phone))
		mustApply(t, db, effect.DropCodes{Bound: "approval 3"})
		mustApply(t, db, code(db, "r3", secret.RecoveryProve, "r", phone)) // dropped: free
	})
}

// The reverse attack as a race: an approval code and a code for the contact's own account are asked
// for at the same moment, again and again. Never do both live on one phone.
func TestReverseAttackRace(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		won := map[bool]int{}
		for round := range 25 {
			to := fmt.Sprintf("+7916%07d", round)
			errs := storetest.Parallel(8, func(i int) error {
				id := fmt.Sprintf("%d-%d", round, i)
				purpose := secret.Approval
				if i%2 == 1 {
					purpose = secret.RecoveryProve
				}
				return apply(t, db, code(db, id, purpose, id, to))
			})
			approvals, recoveries := 0, 0
			for i, err := range errs {
				switch {
				case err == nil && i%2 == 0:
					approvals++
				case err == nil:
					recoveries++
				case !fault.HasKey(err, "fault.code.other_live"):
					t.Errorf("a loser was told %v", err)
				}
			}
			if approvals > 1 || (approvals == 1) == (recoveries > 0) {
				t.Fatalf("round %d: %d approval and %d recovery codes live on one phone", round, approvals, recoveries)
			}
			won[approvals == 1]++
		}
		t.Logf("approval won %d rounds, recovery %d", won[true], won[false])
	})
}

// A quiet code is never refused. While a contact's code lives on the phone, beyond the day's limit and beyond the share
// of the asker, the same rows are written, and nobody is sent anything that anybody could enter (T04, T18, T21).
func TestQuietCodesAreMuted(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		vera := db.Add(t, 1, storetest.Person{Given: "Вера", Phone: phone})
		n := 0
		sends := func(what string, want bool, change func(*effect.IssueCode)) {
			t.Helper()
			n++
			c := code(db, fmt.Sprintf("q%d", n), secret.RecoveryProve, fmt.Sprintf("r%d", n), phone)
			c.Quiet, c.DayLimit, c.Account = true, 3, vera.ID
			change(&c)
			message := effect.Send{Kind: "recovery.code", To: vera.ID, Via: []effect.Channel{effect.SMS}, Args: map[string]string{"code": "123456"}, Key: c.ID}
			mustApply(t, db, c, message)
			sent := db.Count(t, `SELECT COUNT(id) FROM outbox WHERE key = $1 AND account_id = $2 AND state = 'pending'`, c.ID, vera.ID)
			if (sent == 1) != want || db.Count(t, `SELECT COUNT(id) FROM outbox WHERE key = $1`, c.ID) != 1 {
				t.Errorf("%s: sent %d", what, sent)
			}
			kept, err := db.CountTry(t.Context(), c.Purpose, c.Bound, 5, db.Clock.Now())
			if err != nil || (string(kept.Hash) == string(c.Hash)) != want {
				t.Errorf("%s: the code can be entered: %t, %v", what, string(kept.Hash) == string(c.Hash), err)
			}
		}
		plain := func(*effect.IssueCode) {}
		share := func(only bool) func(*effect.IssueCode) {
			return func(c *effect.IssueCode) {
				c.Share = effect.Share{Name: "recovery_here", Subject: "vera 91.221.0.0/16", Most: 1, Per: 24 * time.Hour, CountOnly: only}
			}
		}
		mustApply(t, db, code(db, "a", secret.Approval, "approval", phone))
		sends("while an approval lives", false, plain)
		db.Clock.Advance(codeLives)
		sends("the first", true, share(false))
		sends("beyond the share", false, share(false))
		sends("beyond it, and only counted", true, share(true))
		sends("the third of the day", true, plain)
		sends("the fourth", false, plain)
		sends("the owner's own browser", true, func(c *effect.IssueCode) { c.DayLimit = 6 })
		if sent, err := db.CodesSent(t.Context(), phone, string(secret.RecoveryProve), db.Clock.Now().Add(-time.Hour)); sent != 4 || err != nil {
			t.Errorf("%d codes are counted for the phone, %v", sent, err)
		}
		mustApply(t, db, effect.DropCodes{Bound: "r7"}, effect.DropCodes{Bound: "r5"}, effect.DropCodes{Bound: "r4"}, effect.DropCodes{Bound: "r2"})
		mustApply(t, db, code(db, "a2", secret.Approval, "approval 2", phone)) // muted codes keep no contact from his own
	})
}

func TestCodesADayAreCountedExactly(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		limited := func(id string) effect.IssueCode {
			c := code(db, id, secret.RecoveryProve, id, phone)
			c.DayLimit = 5
			return c
		}
		sent := 0
		for _, err := range storetest.Parallel(20, func(i int) error { return apply(t, db, limited(fmt.Sprint(i))) }) {
			switch {
			case err == nil:
				sent++
			case !fault.Is(err, fault.Limited) || !fault.HasKey(err, "fault.code.too_many"):
				t.Errorf("a loser was told %v", err)
			}
		}
		if sent != 5 {
			t.Errorf("%d codes were sent, want 5", sent)
		}
		if n, err := db.CodesSent(t.Context(), phone, string(secret.RecoveryProve), db.Clock.Now().Add(-24*time.Hour)); n != 5 || err != nil {
			t.Errorf("CodesSent %d, %v", n, err)
		}
		mustApply(t, db, code(db, "other purpose", secret.SignIn, "s", phone))
		if at, err := db.LastCodeAt(t.Context(), string(secret.SignIn), "s"); err != nil || !at.Equal(db.Clock.Now()) {
			t.Errorf("LastCodeAt %s, %v", at, err)
		}
		if at, err := db.LastCodeAt(t.Context(), string(secret.SignIn), "nobody"); err != nil || !at.IsZero() {
			t.Errorf("LastCodeAt of nothing %s, %v", at, err)
		}
		db.Clock.Advance(24*time.Hour - time.Microsecond)
		err := apply(t, db, limited("too early"))
		var f *fault.Error
		if !errors.As(err, &f) || f.Args["After"] != time.Microsecond {
			t.Errorf("a microsecond early: %v", err)
		}
		db.Clock.Advance(time.Microsecond)
		mustApply(t, db, limited("in time"))
	})
}

// The code of a request ends with the request, however that ends: the contact's phone is free for other codes at once.
func TestACodeOfARequestEndsWithIt(t *testing.T) {
	for name, end := range map[string]func(w *world, vera, alexey account.Account, browser, approval string) error{
		"cancelled": func(w *world, _, _ account.Account, browser, _ string) error {
			return w.recovery.Cancel(w.t.Context(), person, browser)
		},
		"disowned": func(w *world, vera, _ account.Account, _, _ string) error {
			return w.recovery.Disown(w.t.Context(), person, vera.ID)
		},
		"rejected": func(w *world, _, alexey account.Account, _, approval string) error {
			return w.decisions.Reject(w.t.Context(), person, alexey.ID, approval, trust.ReasonOther)
		},
		"the contact left": func(w *world, _, alexey account.Account, _, _ string) error {
			return w.links.Resign(w.t.Context(), person, alexey.ID, w.only(`SELECT link_id FROM approvals`))
		},
		"frozen": func(w *world, vera, _ account.Account, _, _ string) error {
			return w.protect.Freeze(w.t.Context(), person, vera.ID, trust.FrozenBySelf)
		},
	} {
		t.Run(name, func(t *testing.T) {
			storetest.Each(t, func(t *testing.T, db *storetest.DB) {
				w := newWorld(t, db)
				vera, alexey := db.Add(t, 1, storetest.Person{Given: "Вера"}), db.Add(t, 2, storetest.Person{Given: "Алексей"})
				w.linked(vera, alexey)
				browser, approval := w.asked(vera, alexey)
				w.walked(browser, alexey, approval)
				live := func() int {
					return db.Count(t, `SELECT COUNT(id) FROM codes WHERE purpose = 'approval' AND state = 'live'`) +
						db.Count(t, `SELECT COUNT(code_id) FROM phone_slots WHERE purpose = 'approval'`)
				}
				if n := live(); n != 2 {
					t.Fatalf("%d: a code and its slot were expected", n)
				}
				w.must(end(w, vera, alexey, browser, approval))
				if n := live(); n != 0 {
					t.Errorf("%d: the code or its slot is left", n)
				}
			})
		})
	}
}

// The reverse attack as a race against a recovery, which is told nothing: its code is muted, or the contact's is refused. On
// one phone never both a contact's code lives and a code arrives that gives the account away.
func TestQuietReverseAttackRace(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		won := map[bool]int{}
		for round := range 25 {
			vera := db.Add(t, 100+round, storetest.Person{Given: "Вера"})
			errs := storetest.Parallel(8, func(i int) error {
				id := fmt.Sprintf("%d-%d", round, i)
				if i%2 == 0 {
					return apply(t, db, code(db, id, secret.Approval, id, vera.Phone))
				}
				c := code(db, id, secret.RecoveryProve, id, vera.Phone)
				c.Quiet, c.Account = true, vera.ID
				return apply(t, db, c, effect.Send{Kind: "recovery.code", To: vera.ID, Via: []effect.Channel{effect.SMS}, Args: map[string]string{"code": "123456"}, Key: id})
			})
			approvals := 0
			for i, err := range errs {
				switch {
				case err == nil && i%2 == 0:
					approvals++
				case err != nil && (i%2 == 1 || !fault.HasKey(err, "fault.code.other_live")):
					t.Errorf("number %d was told %v", i, err)
				}
			}
			rows := db.Count(t, `SELECT COUNT(id) FROM outbox WHERE key LIKE $1`, fmt.Sprintf("%d-%%", round))
			arrive := db.Count(t, `SELECT COUNT(id) FROM outbox WHERE key LIKE $1 AND state = 'pending'`, fmt.Sprintf("%d-%%", round))
			if rows != 4 || approvals > 1 || (approvals == 1) == (arrive > 0) {
				t.Fatalf("round %d: %d approval codes live, %d of %d recovery codes arrive", round, approvals, arrive, rows)
			}
			won[approvals == 1]++
		}
		t.Logf("approval won %d rounds, recovery %d", won[true], won[false])
	})
}

// Whoever asks for the code again several times at once gets it once, and is told the same whether there is an account or not (I6).
func TestResendRaceTellsNothing(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		w := newWorld(t, db)
		vera := db.Add(t, 1, storetest.Person{Given: "Вера"})
		for name, typed := range map[string]string{"somebody": vera.Phone, "nobody": "+79990000000"} {
			browser, err := w.recovery.Start(t.Context(), person, typed, "")
			w.must(err)
			w.refused(w.recovery.SendCode(t.Context(), person, browser, ""), "fault.code.too_soon")
			db.Clock.Advance(w.p.CodeResend)
			sent := 0
			for _, err := range storetest.Parallel(8, func(int) error { return w.recovery.SendCode(t.Context(), person, browser, "") }) {
				var f *fault.Error
				switch {
				case err == nil:
					sent++
				case !errors.As(err, &f) || f.Key != "fault.code.too_soon" || f.Args["After"] != w.p.CodeResend:
					t.Errorf("%s: a loser was told %v", name, err)
				}
			}
			if sent != 1 {
				t.Errorf("%s: sent %d times", name, sent)
			}
		}
	})
}
