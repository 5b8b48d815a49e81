package storetest_test

import (
	"errors"
	"fmt"
	"testing"

	"doverie/internal/audit"
	"doverie/internal/effect"
	"doverie/internal/store/storetest"
)

func record(n int, subjects ...string) effect.Record {
	return effect.Record{Kind: "link.accepted", Object: fmt.Sprintf("link:%d", n), Subjects: subjects, Facts: map[string]string{"имя": "Алексей <\"&>", "n": fmt.Sprint(n)}}
}

func verify(t *testing.T, db *storetest.DB) audit.Report {
	t.Helper()
	report, err := db.VerifyEvents(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return report
}

func TestChainUnderParallelWriters(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		if r := verify(t, db); !r.Intact() || r.Count != 0 {
			t.Errorf("empty log: %+v", r)
		}
		const writers, each = 10, 6
		stop := make(chan struct{})
		checked := make(chan error, 1)
		go func() {
			for {
				select {
				case <-stop:
					checked <- nil
					return
				default:
				}
				if r, err := db.VerifyEvents(t.Context()); err != nil || !r.Intact() {
					checked <- fmt.Errorf("while others write: %+v, %w", r, err)
					return
				}
			}
		}()
		errs := storetest.Parallel(writers, func(w int) error {
			for n := range each {
				if err := apply(t, db, record(n, "а", fmt.Sprintf("w%d", w)), record(n+100)); err != nil {
					return err
				}
			}
			return nil
		})
		close(stop)
		if err := errors.Join(append(errs, <-checked)...); err != nil {
			t.Fatal(err)
		}
		if r := verify(t, db); !r.Intact() || r.Count != 2*writers*each || r.Head.Seq != r.Count {
			t.Errorf("%+v", r)
		}
	})
}

func TestTamperingIsNamed(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		statements []string
		fault      audit.Fault
		first      int64
	}{
		"fact":            {[]string{`UPDATE events SET facts = '{"n":"9"}' WHERE seq = 4`}, audit.Changed, 4},
		"not even JSON":   {[]string{`UPDATE events SET facts = 'x' WHERE seq = 4`}, audit.Changed, 4},
		"time":            {[]string{`UPDATE events SET at = at + 1 WHERE seq = 2`}, audit.Changed, 2},
		"subject":         {[]string{`UPDATE event_subjects SET account_id = 'в' WHERE seq = 3 AND pos = 1`}, audit.Changed, 3},
		"subject removed": {[]string{`DELETE FROM event_subjects WHERE seq = 3 AND pos = 1`}, audit.Changed, 3},
		"subject added":   {[]string{`INSERT INTO event_subjects (seq, pos, account_id) VALUES (3, 7, 'в')`}, audit.Changed, 3},
		"removed":         {[]string{`DELETE FROM event_subjects WHERE seq = 3`, `DELETE FROM events WHERE seq = 3`}, audit.Missing, 3},
		"swapped": {[]string{`UPDATE event_subjects SET pos = pos + 10 WHERE seq IN (2, 3)`,
			`INSERT INTO events (seq, at, kind, object, actor, actor_id, office, area, device, request_id, policy, facts, hash)
				SELECT seq + 1000, at, kind, object, actor, actor_id, office, area, device, request_id, policy, facts, hash FROM events WHERE seq = 2`,
			`UPDATE events SET object = (SELECT o.object FROM events o WHERE o.seq = 3), hash = (SELECT o.hash FROM events o WHERE o.seq = 3) WHERE seq = 2`,
			`UPDATE events SET object = (SELECT o.object FROM events o WHERE o.seq = 1002), hash = (SELECT o.hash FROM events o WHERE o.seq = 1002) WHERE seq = 3`,
			`DELETE FROM events WHERE seq = 1002`, `UPDATE event_subjects SET pos = pos - 10 WHERE seq IN (2, 3)`}, audit.Changed, 2},
		"cut off":      {[]string{`DELETE FROM event_subjects WHERE seq >= 5`, `DELETE FROM events WHERE seq >= 5`}, audit.Truncated, 5},
		"head moved":   {[]string{`UPDATE audit_head SET seq = 5 WHERE id = 1`}, audit.Surplus, 6},
		"head emptied": {[]string{`UPDATE audit_head SET seq = 0, hash = NULL, seal = NULL WHERE id = 1`}, audit.Surplus, 1},
		"head re-made": {[]string{
			`DELETE FROM event_subjects WHERE seq = 6`, `DELETE FROM events WHERE seq = 6`,
			`UPDATE audit_head SET seq = 5, hash = (SELECT e.hash FROM events e WHERE e.seq = 5) WHERE id = 1`}, audit.Forged, 5},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Each(t, func(t *testing.T, db *storetest.DB) {
				for n := range 6 {
					mustApply(t, db, record(n, "а", "б"))
				}
				if r := verify(t, db); !r.Intact() {
					t.Fatalf("before: %+v", r)
				}
				for _, statement := range c.statements {
					db.Exec(t, statement)
				}
				if r := verify(t, db); r.Fault != c.fault || r.FirstBad != c.first {
					t.Errorf("%s at %d, want %s at %d", r.Fault, r.FirstBad, c.fault, c.first)
				}
			})
		})
	}
}

func TestHistoryPages(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		act := effect.Act{Actor: effect.Operator, ID: "оп", Office: "МФЦ № 1", Area: "91.221.0.0/16", Device: "Chrome\x00 \xff", RequestID: "r"}
		for n := range 25 {
			if err := db.Apply(t.Context(), act, db.Clock.Now(), "2026-11", []effect.Effect{record(n, "а", "б", "а", ""), record(n, "в")}); err != nil {
				t.Fatal(err)
			}
		}
		var all []audit.Event
		for before := int64(0); ; {
			page, err := db.History(t.Context(), "а", before, 10)
			if err != nil {
				t.Fatal(err)
			}
			if len(page) == 0 {
				break
			}
			all = append(all, page...)
			before = page[len(page)-1].Seq
		}
		if len(all) != 25 {
			t.Fatalf("%d events, want 25", len(all))
		}
		for i, e := range all {
			if want := fmt.Sprint(24 - i); e.Facts["n"] != want || e.Facts["имя"] != "Алексей <\"&>" {
				t.Errorf("event %d has facts %v", i, e.Facts)
			}
			if e.Act.Device != "Chrome \uFFFD" || e.Act.Office != act.Office || e.Act.Actor != effect.Operator || !e.At.Equal(storetest.Start) || e.Subjects != nil {
				t.Errorf("event %d: %+v", i, e)
			}
		}
		if none, err := db.History(t.Context(), "никто", 0, 10); err != nil || len(none) != 0 {
			t.Errorf("history of nobody: %v, %v", none, err)
		}
		if r := verify(t, db); !r.Intact() {
			t.Errorf("%+v", r)
		}
	})
}
