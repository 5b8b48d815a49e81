package storetest_test

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/tlog"

	"doverie/internal/audit"
	"doverie/internal/effect"
	"doverie/internal/notary"
	"doverie/internal/policy"
	"doverie/internal/store"
	"doverie/internal/store/storetest"
)

func logSigner(t *testing.T, db *storetest.DB) *notary.Signer {
	t.Helper()
	s, err := notary.NewSigner("id.example.org/audit", db.Keys.Seed("audit checkpoint"))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// sealed gives every event its leaf and signs.
func sealed(t *testing.T, db *storetest.DB) notary.Signed {
	t.Helper()
	for {
		n, err := db.AppendLeaves(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if n == 0 {
			break
		}
	}
	signed, err := db.SignCheckpoint(t.Context(), db.Clock.Now(), logSigner(t, db))
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func audited(t *testing.T, db *storetest.DB, outside ...notary.Signed) notary.Report {
	t.Helper()
	r, err := db.VerifyLog(t.Context(), outside)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func bytesOf(hashes []tlog.Hash) (out [][]byte) {
	for _, h := range hashes {
		out = append(out, h[:])
	}
	return out
}

// Inclusion and consistency proofs are checked by a library that did not make them, and the signature with nothing but
// the standard library.
func TestProofsVerifyElsewhere(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		const rounds = 7
		var marks []notary.Signed
		for n := range rounds {
			for i := range n + 1 {
				mustApply(t, db, record(n*10+i, "а", fmt.Sprintf("b%d", i)))
			}
			marks = append(marks, sealed(t, db))
		}
		last := marks[rounds-1]
		if last.Size != rounds*(rounds+1)/2 {
			t.Fatalf("the tree has %d records", last.Size)
		}
		for _, m := range marks {
			p, err := db.ProveGrowth(t.Context(), m.Size, last.Size)
			if err != nil {
				t.Fatal(err)
			}
			if err := proof.VerifyConsistency(rfc6962.DefaultHasher, uint64(m.Size), uint64(last.Size), bytesOf(p), m.Root[:], last.Root[:]); err != nil {
				t.Errorf("from %d to %d: %v", m.Size, last.Size, err)
			}
			signedByHand(t, db, m)
		}
		events, err := db.ProvenHistory(t.Context(), "а", last.Size, 0, 1000)
		if err != nil || int64(len(events)) != last.Size {
			t.Fatalf("%d events, %v", len(events), err)
		}
		for _, e := range events {
			leaf := rfc6962.DefaultHasher.HashLeaf(e.Event.Leaf(e.Salt))
			index, size := uint64(e.Seq-1), uint64(last.Size)
			if err := proof.VerifyInclusion(rfc6962.DefaultHasher, index, size, leaf, bytesOf(e.Proof), last.Root[:]); err != nil {
				t.Errorf("event %d: %v", e.Seq, err)
			}
			e.Kind += "x"
			if proof.VerifyInclusion(rfc6962.DefaultHasher, index, size, rfc6962.DefaultHasher.HashLeaf(e.Event.Leaf(e.Salt)), bytesOf(e.Proof), last.Root[:]) == nil {
				t.Errorf("event %d was changed and is proved", e.Seq)
			}
		}
	})
}

// signedByHand reads the note by its specification (C2SP signed-note, tlog-checkpoint).
func signedByHand(t *testing.T, db *storetest.DB, m notary.Signed) {
	t.Helper()
	text, signature, found := strings.Cut(string(m.Note), "\n\n")
	text += "\n"
	fields := strings.Fields(signature)
	if !found || len(fields) != 3 || fields[0] != "—" || fields[1] != "id.example.org/audit" {
		t.Fatalf("note %q", m.Note)
	}
	raw, err := base64.StdEncoding.DecodeString(fields[2])
	public, ok := ed25519.NewKeyFromSeed(db.Keys.Seed("audit checkpoint")).Public().(ed25519.PublicKey)
	if err != nil || !ok || len(raw) != 4+ed25519.SignatureSize || !ed25519.Verify(public, []byte(text), raw[4:]) {
		t.Errorf("the signature of %q does not hold (%v)", text, err)
	}
	want := fmt.Sprintf("id.example.org/audit/epoch-1\n%d\n%s\n", m.Size, base64.StdEncoding.EncodeToString(m.Root[:]))
	if text != want {
		t.Errorf("checkpoint %q, want %q", text, want)
	}
}

// Whoever is first gives an event its leaf, and nobody does it twice, however many try beside the people who write.
func TestOneTreeUnderManyHands(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		const hands, each = 6, 8
		errs := storetest.Parallel(hands, func(w int) error {
			for n := range each {
				if err := apply(t, db, record(n, "а", fmt.Sprintf("w%d", w))); err != nil {
					return err
				}
				if _, err := db.AppendLeaves(t.Context()); err != nil {
					return err
				}
				if _, err := db.SignCheckpoint(t.Context(), db.Clock.Now(), logSigner(t, db)); err != nil {
					return err
				}
			}
			return nil
		})
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		m := sealed(t, db)
		r := audited(t, db, m)
		if !r.Intact() || r.Leafed != hands*each || r.Newest.Size != hands*each {
			t.Errorf("%+v", r)
		}
	})
}

// What the chain alone shows and what only the tree does, named.
func TestTreeTamperingIsNamed(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		statements []string
		fault      audit.Fault
		first      int64
	}{
		"fact":          {[]string{`UPDATE events SET facts = '{"n":"9"}' WHERE seq = 4`}, audit.Changed, 4},
		"salt":          {[]string{`UPDATE audit_salts SET salt = (SELECT o.salt FROM audit_salts o WHERE o.seq = 2) WHERE seq = 3`}, notary.LeafChanged, 3},
		"salt removed":  {[]string{`DELETE FROM audit_salts WHERE seq = 3`}, notary.LeafLost, 3},
		"leaf":          {[]string{`UPDATE audit_hashes SET hash = (SELECT o.hash FROM audit_hashes o WHERE o.pos = 0) WHERE pos = 3`}, notary.LeafChanged, 3},
		"inner hash":    {[]string{`UPDATE audit_hashes SET hash = (SELECT o.hash FROM audit_hashes o WHERE o.pos = 0) WHERE pos = 6`}, notary.TreeChanged, 6},
		"hash removed":  {[]string{`DELETE FROM audit_hashes WHERE pos = 6`}, notary.TreeChanged, 6},
		"tree cut":      {[]string{`UPDATE audit_log SET size = 4 WHERE id = 1`}, notary.LeafLost, 5},
		"tree emptied":  {[]string{`UPDATE audit_log SET size = 0 WHERE id = 1`, `DELETE FROM audit_hashes WHERE pos >= 0`, `DELETE FROM audit_salts WHERE seq >= 1`}, notary.LeafLost, 1},
		"record cut":    {[]string{`DELETE FROM audit_salts WHERE seq = 6`, `DELETE FROM event_subjects WHERE seq = 6`, `DELETE FROM events WHERE seq = 6`}, audit.Truncated, 6},
		"epoch changed": {[]string{`UPDATE audit_log SET epoch = 2 WHERE id = 1`}, "", 0}, // proves nothing: epochs are told by the records
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storetest.Each(t, func(t *testing.T, db *storetest.DB) {
				for n := range 6 {
					mustApply(t, db, record(n, "а", "б"))
				}
				m := sealed(t, db)
				if r := audited(t, db, m); !r.Intact() || r.Checked != 1 {
					t.Fatalf("before: %+v", r)
				}
				for _, statement := range c.statements {
					db.Exec(t, statement)
				}
				if r := audited(t, db, m); r.Fault != c.fault || r.FirstBad != c.first {
					t.Errorf("%s at %d, want %s at %d", r.Fault, r.FirstBad, c.fault, c.first)
				}
			})
		})
	}
}

// The notary does not put its name under a log that is broken.
func TestBrokenLogIsNotSigned(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		for n := range 6 {
			mustApply(t, db, record(n, "а"))
			if n == 2 {
				sealed(t, db)
			}
		}
		db.Exec(t, `UPDATE events SET kind = 'x' WHERE seq = 5`)
		var broken *store.BrokenLogError
		if _, err := db.AppendLeaves(t.Context()); !errors.As(err, &broken) || broken.Record != 5 || broken.Fault != audit.Changed {
			t.Errorf("%v", err)
		}
	})
}

// A fence ends what was issued, begins an epoch above every one known outside, and is part of the log.
func TestFenceBeginsAnEpoch(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		for n := range 3 {
			mustApply(t, db, record(n, "а"))
		}
		first := sealed(t, db)
		later, err := logSigner(t, db).Checkpoint(4, 9, first.Root)
		if err != nil {
			t.Fatal(err)
		}
		done, err := db.Fence(t.Context(), effect.Act{Actor: effect.System}, db.Clock.Now(), policy.Default(), []notary.Signed{first, later})
		if err != nil || done.Epoch != 5 || done.Kept != 3 {
			t.Fatalf("%+v, %v", done, err)
		}
		second := sealed(t, db)
		if second.Epoch != 5 || second.Size != 4 {
			t.Errorf("%+v", second.Checkpoint)
		}
		if r := audited(t, db, first, second, later); !r.Intact() || r.Epoch != 5 || r.Checked != 2 || len(r.Lost) != 1 || r.Lost[0].Known != 9 {
			t.Errorf("%+v", r)
		}
	})
}

func TestCopyIsWhole(t *testing.T) {
	t.Parallel()
	db := storetest.SQLite(t)
	for n := range 5 {
		mustApply(t, db, record(n, "а"))
	}
	m := sealed(t, db)
	path := filepath.Join(t.TempDir(), "copy.db")
	if err := db.CopyTo(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	mustApply(t, db, record(9, "а"))
	copied := storetest.Open(t, path)
	if err := copied.CheckFile(t.Context()); err != nil {
		t.Error(err)
	}
	if r := audited(t, copied, m); !r.Intact() || r.Count != 5 || r.Checked != 1 {
		t.Errorf("%+v", r)
	}
	if used, err := store.InUse(t.Context(), db.DSN); err != nil || !used {
		t.Errorf("a database that is open is in use: %t, %v", used, err)
	}
	if err := storetest.Postgres(t).CopyTo(context.Background(), path+"2"); !errors.Is(err, store.ErrEngine) {
		t.Errorf("%v", err)
	}
}
