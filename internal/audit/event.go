package audit

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"maps"
	"slices"
	"time"

	"doverie/internal/effect"
)

// Hash is the SHA-256 of an event and everything before it.
type Hash [sha256.Size]byte

// Event is one record of the history. At is kept to the microsecond.
type Event struct {
	Seq      int64 // 1, 2, 3 … without gaps
	At       time.Time
	Kind     string // "recovery.approved"; the locale key is "event." + Kind
	Object   string // "recovery:<id>"
	Act      effect.Act
	Policy   string            // version of the rules the decision was made under
	Subjects []string          // accounts whose history shows it, the one concerned first
	Facts    map[string]string // safe to show to every subject
	Hash     Hash
}

// Head names the end of the chain. The zero Head is the empty chain.
type Head struct {
	Seq  int64
	Hash Hash
}

// SealText is what the seal of a head is made over.
func (h Head) SealText() []byte {
	text := append([]byte("doverie audit head 1\x00"), h.Hash[:]...)
	return binary.BigEndian.AppendUint64(text, uint64(h.Seq)) //nolint:gosec // a sequence number is never negative
}

// encoding names the layout below; a new layout needs a new name.
const encoding = "doverie event 1"

// Sum returns the hash of the event when prev is the hash of the one before it. Every field has its
// length in front, so that no two different events have one encoding; Hash itself is left out.
func (e Event) Sum(prev Hash) Hash {
	w := writer{sha256.New()}
	w.text(encoding)
	w.h.Write(prev[:])
	w.number(e.Seq)
	w.number(e.At.UnixMicro())
	w.text(e.Kind)
	w.text(e.Object)
	w.text(string(e.Act.Actor))
	for _, field := range []string{e.Act.ID, e.Act.Office, e.Act.Area, e.Act.Device, e.Act.RequestID, e.Policy} {
		w.text(field)
	}
	w.number(int64(len(e.Subjects)))
	for _, subject := range e.Subjects {
		w.text(subject)
	}
	w.number(int64(len(e.Facts)))
	for _, name := range slices.Sorted(maps.Keys(e.Facts)) {
		w.text(name)
		w.text(e.Facts[name])
	}
	var sum Hash
	w.h.Sum(sum[:0])
	return sum
}

type writer struct{ h hash.Hash } // a hash never fails to be written to

func (w writer) number(n int64) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n)) //nolint:gosec // two's complement is as good as any fixed encoding
	w.h.Write(b[:])
}

func (w writer) text(s string) {
	w.number(int64(len(s)))
	w.h.Write([]byte(s))
}

// Append gives the event the next sequence number and its hash, and moves the head.
func (h *Head) Append(e Event) Event {
	e.Seq = h.Seq + 1
	e.At = e.At.UTC().Truncate(time.Microsecond)
	e.Hash = e.Sum(h.Hash)
	h.Seq, h.Hash = e.Seq, e.Hash
	return e
}
