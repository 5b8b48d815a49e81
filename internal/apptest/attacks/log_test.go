package attacks

import (
	"context"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"doverie/internal/app"
	"doverie/internal/apptest"
	"doverie/internal/audit"
	"doverie/internal/notary"
	"doverie/internal/store"
)

// T35: whoever may write to the database, and even whoever has the server's key as well, cannot change what happened
// without the verifier naming it; and a person holds proofs of his own that no longer fit.
func TestT35_LogTampering(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{"sqlite", "postgres"} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			s := on(t, engine, apptest.Options{Notary: app.Notary{Folder: folder}})
			s.link(s.Vera, s.Alexey)
			vera := s.steppedUp(s.Vera)
			s.Settle()
			signed, err := s.Notary.Seal(t.Context())
			if err != nil || signed.Size < 3 {
				t.Fatalf("%+v, %v", signed.Checkpoint, err)
			}
			outside := s.outside(folder, signed)
			if shown := s.Client().Get("/audit/checkpoint"); shown.Body != string(signed.Note) {
				t.Errorf("the page shows %q, the folder holds %q", shown.Body, signed.Note)
			}
			s.verified(outside, "", 0)

			// Vera's own proofs: they hold, and say nothing of Alexey.
			file := vera.Get("/settings/safety/events/proofs/file")
			s.hides("Vera's file", file, s.Alexey.ID, s.Alexey.Phone)
			_, _, events, err := notary.VerifyHistory(strings.NewReader(file.Body), s.Notary.Signer.Key())
			if err != nil || len(events) < 3 {
				t.Fatalf("%d events proved, %v", len(events), err)
			}
			s.refused("proofs without signing in", s.Client().Get("/settings/safety/events/proofs/file"))
			for what, change := range map[string][2]string{
				"kind": {`"value": "` + events[0].Kind + `"`, `"value": "session.ended"`}, "account": {s.Vera.ID, s.Maria.ID},
				"checkpoint": {"epoch-1", "epoch-2"},
			} {
				spoilt := strings.ReplaceAll(file.Body, change[0], change[1])
				if _, _, _, err := notary.VerifyHistory(strings.NewReader(spoilt), s.Notary.Signer.Key()); spoilt == file.Body || err == nil {
					t.Errorf("a file with a changed %s passed", what)
				}
			}

			// The attacker writes to the database: the chain names the record, and nothing more is signed.
			bad := events[0].Seq
			kind := s.text(`SELECT kind FROM events WHERE seq = $1`, bad)
			s.DB.Exec(t, `UPDATE events SET kind = 'session.ended' WHERE seq = $1`, bad)
			s.verified(outside, audit.Changed, bad)
			s.DB.Exec(t, `UPDATE events SET kind = $2 WHERE seq = $1`, bad, kind)
			s.verified(outside, "", 0)

			// He has the server's key too, and makes chain, head and seal anew: the tree names the record.
			s.rewriteChain(bad, "session.ended")
			if r, err := s.Store.VerifyEvents(t.Context()); err != nil || !r.Intact() {
				t.Fatalf("the chain alone ought to be deceived: %+v, %v", r, err)
			}
			s.verified(outside, notary.LeafChanged, bad)
			s.rewriteChain(bad, kind)
			s.verified(outside, "", 0)

			// He cuts the end off and sets the head back: only what lies outside knows.
			s.setBack(signed.Size - 1)
			s.verified(outside, notary.SetBack, signed.Size)
			var behind *notary.BehindError
			if _, err := s.Notary.Seal(t.Context()); !errors.As(err, &behind) {
				t.Errorf("a log that was set back is signed: %v", err)
			}
		})
	}
}

// outside reads the folder and expects the checkpoint in it, in a file that nobody may write.
func (s *scene) outside(folder string, want notary.Signed) []notary.Signed {
	s.t.Helper()
	all, err := notary.Folder{Path: folder, Key: s.Notary.Signer.Key()}.All()
	if err != nil || len(all) == 0 || all[len(all)-1].Checkpoint != want.Checkpoint {
		s.t.Fatalf("%d checkpoints outside, %v", len(all), err)
	}
	names, err := filepath.Glob(filepath.Join(folder, "*", "*"))
	if err != nil || len(names) != len(all) {
		s.t.Fatalf("files %v, %v", names, err)
	}
	for _, name := range names {
		if info, err := os.Stat(name); err != nil || info.Mode().Perm() != 0o444 {
			s.t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
	return all
}

func (s *scene) verified(outside []notary.Signed, fault audit.Fault, first int64) {
	s.t.Helper()
	r, err := s.Store.VerifyLog(s.t.Context(), outside)
	if err != nil || r.Fault != fault || r.FirstBad != first {
		s.t.Fatalf("%q at %d, want %q at %d (%v)", r.Fault, r.FirstBad, fault, first, err)
	}
}

// rewriteChain gives one event another kind and makes everything behind it fit, as whoever has the server's key can.
func (s *scene) rewriteChain(seq int64, kind string) {
	s.t.Helper()
	var head audit.Head
	var all []audit.Event
	if err := s.Store.WalkLog(s.t.Context(), 1<<40, func(r notary.Record) bool {
		if r.Seq == seq {
			r.Kind = kind
		}
		all = append(all, head.Append(r.Event))
		return true
	}); err != nil {
		s.t.Fatal(err)
	}
	for _, e := range all {
		s.DB.Exec(s.t, `UPDATE events SET kind = $2, hash = $3 WHERE seq = $1`, e.Seq, e.Kind, e.Hash[:])
	}
	s.sealHead(head)
}

func (s *scene) sealHead(head audit.Head) {
	s.t.Helper()
	s.DB.Exec(s.t, `UPDATE audit_head SET seq = $1, hash = $2, seal = $3 WHERE id = 1`,
		head.Seq, head.Hash[:], s.DB.Keys.Seal("audit head", head.SealText(), nil))
}

// setBack makes the database one that ends earlier, and agrees with itself.
func (s *scene) setBack(last int64) {
	s.t.Helper()
	head, err := s.Store.HeadAt(s.t.Context(), last)
	if err != nil {
		s.t.Fatal(err)
	}
	err = s.Store.InTx(s.t.Context(), func(ctx context.Context, tx *store.Tx) error {
		for _, statement := range []string{
			`DELETE FROM audit_salts WHERE seq > $1`, `DELETE FROM event_subjects WHERE seq > $1`, `DELETE FROM events WHERE seq > $1`,
			`DELETE FROM audit_checkpoints WHERE size > $1`, `UPDATE audit_log SET size = $1 WHERE id = 1`,
		} {
			if _, err := tx.Exec(ctx, statement, last); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.sealHead(head)
}

// The way outside can be watched by anybody: that one checkpoint grew out of another is proved to whoever asks, and
// nothing else is told.
func TestT35_GrowthIsProvedToAnybody(t *testing.T) {
	t.Parallel()
	s := begin(t)
	s.link(s.Vera, s.Alexey)
	stranger := s.Client()
	if a := stranger.Get("/audit/checkpoint"); a.Status != http.StatusNotFound {
		t.Errorf("before the first checkpoint: %d", a.Status)
	}
	first, err := s.Notary.Seal(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.link(s.Vera, s.Maria)
	second, err := s.Notary.Seal(t.Context())
	if err != nil || second.Size <= first.Size {
		t.Fatalf("%+v, %v", second.Checkpoint, err)
	}
	growth(t, stranger, first, second)
	for _, path := range []string{"/audit/consistency/0/1", "/audit/consistency/2/1", "/audit/consistency/1/99999", "/audit/consistency/x/1", "/audit/consistency/-1/1"} {
		if a := stranger.Get(path); a.Status != http.StatusNotFound {
			t.Errorf("%s: %d", path, a.Status)
		}
	}
}
