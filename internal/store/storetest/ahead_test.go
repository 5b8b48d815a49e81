package storetest_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
	"doverie/internal/recovery"
	"doverie/internal/secret"
	"doverie/internal/store"
	"doverie/internal/store/storetest"
	"doverie/internal/trust"
)

// tried is a decision about the recovery of a browser that tries its first code, and the number of tries that the
// database has counted since.
func (w *world) tried(browser string, decide func(trust.Circle) (trust.Outcome, error)) (tries int, err error) {
	w.t.Helper()
	count := func() int {
		return w.Count(w.t, `SELECT tries FROM codes WHERE purpose = 'recovery_prove' AND bound = (SELECT id FROM recoveries WHERE browser_hash = $1)`,
			secret.HashToken(browser))
	}
	before := count()
	around := trust.Around{Browser: secret.HashToken(browser), Try: &trust.Attempt{Purpose: string(secret.RecoveryProve), Most: w.p.CodeTries}}
	err = store.NewTrust(w.Store, w.p).Decide(w.t.Context(), person, around, decide)
	return count() - before, err
}

// An attempt at a code is counted for good before the decision about it begins: whatever the decision comes to, and
// once, however often the decision is run.
func TestAttemptIsCountedAhead(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		w := newWorld(t, db)
		vera := w.Add(t, 1, storetest.Person{Given: "Вера", Phone: "+79131234567"})
		browser, err := w.recovery.Start(t.Context(), person, vera.Phone, "")
		w.must(err)

		own := errors.New("refused by the decision")
		seen := trust.Try{}
		tries, err := w.tried(browser, func(c trust.Circle) (trust.Outcome, error) {
			seen = c.Try
			if n := w.otherTries(); n != 1 {
				t.Errorf("%d tries are to be seen by others while it is decided", n)
			}
			return trust.Outcome{}, own
		})
		if !errors.Is(err, own) || tries != 1 || seen.CodeID == "" || len(seen.Hash) == 0 || seen.Left != w.p.CodeTries-1 {
			t.Errorf("a refusal: %v, counted %d, seen %+v", err, tries, seen)
		}

		runs := 0
		tries, err = w.tried(browser, func(trust.Circle) (trust.Outcome, error) {
			if runs++; runs < 3 {
				return trust.Outcome{}, io.ErrUnexpectedEOF // as when the connection breaks: the decision is run again
			}
			return trust.Outcome{}, own
		})
		if !errors.Is(err, own) || tries != 1 || runs != 3 {
			t.Errorf("a decision that was run %d times: %v, counted %d", runs, err, tries)
		}

		for range w.p.CodeTries {
			tries, err = w.tried(browser, func(c trust.Circle) (trust.Outcome, error) { return trust.Outcome{}, c.Try.Missing() })
		}
		w.refused(err, "fault.code.spent")
		if tries != 0 {
			t.Errorf("a spent code was counted %d times", tries)
		}
		w.Clock.Advance(w.p.CodeTTL)
		_, err = w.tried(browser, func(c trust.Circle) (trust.Outcome, error) { return trust.Outcome{}, c.Try.Missing() })
		w.refused(err, "fault.code.expired")
	})
}

// otherTries is what another connection sees of the first code's tries; on SQLite the readers are others.
func (w *world) otherTries() int {
	w.t.Helper()
	return w.Count(w.t, `SELECT MAX(tries) FROM codes`)
}

// The answer to an attempt that goes ahead is lost. Nobody knows whether it was counted; it is not counted again, and
// nothing is compared or decided.
func TestLostReplyToAnAttempt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		mode    breakage
		counted int
	}{{loseCommit, 0}, {loseReply, 1}} {
		t.Run(string(c.mode), func(t *testing.T) {
			t.Parallel()
			direct := newWorld(t, storetest.Postgres(t))
			vera := direct.Add(t, 1, storetest.Person{Given: "Вера", Phone: "+79131234567"})
			browser, err := direct.recovery.Start(t.Context(), person, vera.Phone, "")
			direct.must(err)
			wire, through := newWire(t, direct.DSN)
			behind := store.NewTrust(storetest.Open(t, through).Store, direct.p)
			around := trust.Around{Browser: secret.HashToken(browser), Try: &trust.Attempt{Purpose: string(secret.RecoveryProve), Most: 5}}
			runs := 0
			decide := func() error {
				return behind.Decide(t.Context(), person, around, func(trust.Circle) (trust.Outcome, error) {
					runs++
					return trust.Outcome{}, fault.New(fault.Refused, "fault.code.wrong", nil)
				})
			}
			direct.refused(decide(), "fault.code.wrong") // so that the connection knows the statements
			wire.mode.Store(c.mode)
			if err := decide(); !errors.Is(err, store.ErrUnknownOutcome) {
				t.Errorf("told %v", err)
			}
			if n := direct.otherTries(); n != 1+c.counted || runs != 1 || wire.broken.Load() != 1 {
				t.Errorf("counted %d times, decided %d times, broken %d times", n, runs, wire.broken.Load())
			}
		})
	}
}

// Somebody else writes events between the look at the end of the log and the commit: the decision stands all the
// same, once, and the chain is whole.
func TestLogMovesUnderADecision(t *testing.T) {
	t.Parallel()
	w := newWorld(t, storetest.Postgres(t))
	vera := w.Add(t, 1, storetest.Person{Given: "Вера", Phone: "+79131234567"})
	alexey := w.Add(t, 2, storetest.Person{Given: "Алексей", Phone: "+79139876543"})
	w.linked(vera, alexey)
	browser, approval := w.asked(vera, alexey)
	before := w.Count(t, `SELECT COUNT(seq) FROM events`)
	runs := 0
	fresh := storetest.Open(t, w.DSN) // whose connection has never locked the log and could not prepare that now
	err := store.NewTrust(fresh.Store, w.p).Decide(t.Context(), person, trust.Around{Browser: secret.HashToken(browser)}, func(c trust.Circle) (trust.Outcome, error) {
		runs++
		for i := range 2 {
			w.must(w.Apply(context.WithoutCancel(t.Context()), person, w.Clock.Now().Add(time.Duration(i)), "test", []effect.Effect{
				effect.Record{Kind: "account.exported", Object: "account:" + alexey.ID, Subjects: []string{alexey.ID}},
			}))
		}
		live, ok := c.Subject.(recovery.Recovery)
		if !ok {
			t.Fatal("no recovery")
		}
		next, effects, err := live.Apply(c.Now, w.p, recovery.GivenUp{Reason: "applicant"})
		return trust.Outcome{Actions: []trust.Parent{next}, Effects: effects}, err
	})
	w.must(err)
	if runs != 1 {
		t.Errorf("decided %d times: what is decided stays when only the log has moved", runs)
	}
	if n := w.Count(t, `SELECT COUNT(seq) FROM events`) - before; n != 3 {
		t.Errorf("%d events, want two of somebody else's and one of the decision", n)
	}
	if n := w.Count(t, `SELECT COUNT(id) FROM recoveries WHERE state = 'cancelled'`); n != 1 || approval == "" {
		t.Errorf("%d cancelled", n)
	}
	w.auditClean()
}

// busy lets somebody else write events between the arrival of an applicant and the beginning of his recovery.
type busy struct {
	owners

	w *world
}

func (b busy) Arrive(ctx context.Context, area, typed string, device []byte) (recovery.Owner, error) {
	owner, err := b.owners.Arrive(ctx, area, typed, device)
	b.w.must(b.w.Apply(ctx, person, b.w.Clock.Now(), "test", []effect.Effect{effect.Record{Kind: "account.exported", Object: "account:somebody"}}))
	return owner, err
}

// A start looks at the end of the log before its transaction begins. When that has moved, the recovery begins all the
// same, once, with its one code, and the chain is whole.
func TestLogMovesUnderAStart(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		w := newWorld(t, db)
		vera := w.Add(t, 1, storetest.Person{Given: "Вера"})
		w.recovery.Owners = busy{owners{db, store.NewTrust(db.Store, w.p)}, w}
		for i, typed := range []string{vera.Phone, "+79990000000"} {
			_, err := w.recovery.Start(t.Context(), person, typed, "")
			w.must(err)
			if n := w.Count(t, `SELECT COUNT(id) FROM recoveries`); n != i+1 {
				t.Errorf("%d recoveries after %d starts", n, i+1)
			}
			if n := w.Count(t, `SELECT COUNT(o.id) FROM outbox o JOIN codes c ON c.id = o.key WHERE c.state = 'live'`); n != i+1 {
				t.Errorf("%d codes with a message after %d starts", n, i+1)
			}
		}
		if n := w.Count(t, `SELECT COUNT(id) FROM outbox WHERE state = 'pending'`); n != 1 {
			t.Errorf("%d messages to somebody", n)
		}
		w.auditClean()
	})
}
