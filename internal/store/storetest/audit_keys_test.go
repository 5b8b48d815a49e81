package storetest_test

import (
	"bytes"
	"errors"
	"testing"

	"doverie/internal/effect"
	"doverie/internal/notary"
	"doverie/internal/secret"
	"doverie/internal/store"
	"doverie/internal/store/storetest"
)

// Only the key that the log was handed over to signs it; of two hand-overs at once one wins; the kept seed is the one that signs.
func TestTheLogIsHandedOver(t *testing.T) {
	storetest.Each(t, func(t *testing.T, db *storetest.DB) {
		begin(t, db)
		grow := func() {
			for n := 1; n > 0; {
				var err error
				if n, err = db.AppendLeaves(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		signer := func(seed []byte) *notary.Signer {
			s, err := notary.NewSigner("id.example.org/audit", seed)
			if err != nil {
				t.Fatal(err)
			}
			return s
		}
		grow()
		first, seed := signer(bytes.Repeat([]byte{1}, 32)), secret.FreshSecret()
		if _, err := db.SignCheckpoint(t.Context(), db.Clock.Now(), first); err != nil {
			t.Fatal(err)
		}
		var other *store.SignerError
		if _, err := db.SignCheckpoint(t.Context(), db.Clock.Now(), signer(seed)); !errors.As(err, &other) {
			t.Errorf("a key that nobody named signs: %v", err)
		}
		turn := store.Rotation{Act: effect.Act{Actor: effect.System}, Rules: "test", Next: signer(seed), Former: first, Kept: seed, Keys: db.Keys}
		won := make([]bool, 4)
		err := errors.Join(storetest.Parallel(len(won), func(i int) (err error) {
			_, won[i], err = db.RotateLog(t.Context(), db.Clock.Now(), turn)
			return err
		})...)
		n := 0
		for _, ok := range won {
			if ok {
				n++
			}
		}
		if events := db.Count(t, `SELECT COUNT(seq) FROM events WHERE kind = 'audit.key_changed'`); err != nil || n != 1 || events != 1 {
			t.Errorf("%d of %d changed the key, %d events, %v", n, len(won), events, err)
		}
		grow()
		if _, err := db.SignCheckpoint(t.Context(), db.Clock.Now(), first); !errors.As(err, &other) {
			t.Errorf("the former key still signs: %v", err)
		}
		if err := db.TakeKeys(t.Context(), db.Keys); err != nil {
			t.Fatal(err)
		}
		next := signer(db.Keys.Seed("audit checkpoint"))
		if _, err := db.SignCheckpoint(t.Context(), db.Clock.Now(), next); err != nil || next.Key() != turn.Next.Key() {
			t.Errorf("the kept seed is not that of the log's key: %v", err)
		}
		known, err := db.HandOvers(t.Context())
		if err != nil || len(known) != 1 || known[0].Former != first.Key() || !known[0].ByFormer || known[0].Size < 1 {
			t.Errorf("%+v, %v", known, err)
		}
	})
}
