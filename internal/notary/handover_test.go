package notary_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"doverie/internal/notary"
)

func signerOf(t *testing.T, seed byte) *notary.Signer {
	t.Helper()
	s, err := notary.NewSigner("id.example.org/audit", bytes.Repeat([]byte{seed}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestARingKnowsFormerKeysInTheirTime(t *testing.T) {
	t.Parallel()
	one, two, three, stranger := signerOf(t, 1), signerOf(t, 2), signerOf(t, 3), signerOf(t, 4)
	at := func(epoch, size int64) notary.Checkpoint { return notary.Checkpoint{Epoch: epoch, Size: size} }
	hand := func(next *notary.Signer, c notary.Checkpoint, former, by *notary.Signer) notary.HandOver {
		h, err := next.HandOver(c, former.Key(), by)
		if err != nil {
			t.Fatal(err)
		}
		read, err := notary.OpenHandOver(h.Note)
		if err != nil || read.Former != h.Former || read.Next != h.Next || read.Checkpoint != h.Checkpoint || read.ByFormer != h.ByFormer {
			t.Fatalf("wrote %+v, read %+v, %v", h, read, err)
		}
		return read
	}
	first, leaked := hand(two, at(1, 10), one, one), hand(three, at(1, 20), two, nil)
	ring, err := notary.NewRing(three.Key(), leaked, first, first, hand(stranger, at(1, 1), one, nil))
	if err != nil || len(ring.Chain) != 2 {
		t.Fatalf("%+v, %v", ring, err)
	}
	for _, c := range []struct {
		by          *notary.Signer
		epoch, size int64
		good        bool
	}{
		{one, 1, 10, true}, {one, 1, 11, false}, {one, 2, 1, false}, {two, 1, 20, true}, {two, 1, 21, false},
		{three, 1, 5, true}, {three, 3, 99, true}, {stranger, 1, 1, false},
	} {
		signed, err := c.by.Checkpoint(c.epoch, c.size, notary.EmptyRoot)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ring.Open(signed.Note); (err == nil) != c.good || err != nil && !errors.Is(err, notary.ErrSignature) {
			t.Errorf("%s at %d/%d: %v", c.by.Key(), c.epoch, c.size, err)
		}
	}
	// Whoever trusts the second may go on only because of the first hand-over: the leaked one was not signed by the former key.
	if ring.Follows(one.Key()) || ring.Follows(two.Key()) || !ring.Follows(three.Key()) {
		t.Error("trust went over a hand-over that the former key has not signed")
	}
	early, err := notary.NewRing(two.Key(), first, leaked)
	if err != nil || !early.Follows(one.Key()) || early.Follows(three.Key()) {
		t.Errorf("%+v, %v", early, err)
	}
	if _, err := notary.NewRing(two.Key(), first, hand(two, at(1, 99), one, one)); !errors.Is(err, notary.ErrHandOver) {
		t.Errorf("two hand-overs to one key: %v", err)
	}
	for i := range strings.Index(string(first.Note), "\n\n") { // every byte that is signed
		spoilt := slices.Clone(first.Note)
		spoilt[i] ^= 1
		if _, err := notary.OpenHandOver(spoilt); !errors.Is(err, notary.ErrHandOver) {
			t.Errorf("byte %d changed: %v", i, err)
		}
	}
	if _, err := notary.OpenHandOver([]byte(strings.Replace(string(first.Note), "\n10\n", "\n99\n", 1))); !errors.Is(err, notary.ErrHandOver) {
		t.Errorf("a hand-over at another record: %v", err)
	}
}
