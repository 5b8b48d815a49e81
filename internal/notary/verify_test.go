package notary_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/tlog"
	"pgregory.net/rapid"

	"doverie/internal/audit"
	"doverie/internal/effect"
	"doverie/internal/notary"
)

var moment = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func signer(t interface{ Fatal(args ...any) }) *notary.Signer {
	s, err := notary.NewSigner("id.example.org/audit", bytes.Repeat([]byte{9}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// history is an honest log with the checkpoints that were signed on the way.
type history struct {
	records []notary.Record
	head    audit.Head
	marks   []notary.Signed
}

func salted(n int64) (salt audit.Salt) {
	for i := range salt {
		salt[i] = byte(n*31 + int64(i))
	}
	return salt
}

// write makes a log of n records with checkpoints at the sizes given.
func write(t interface{ Fatal(args ...any) }, n int, sizes ...int) history {
	var h history
	for i := range n {
		e := h.head.Append(audit.Event{
			At: moment.Add(time.Duration(i) * time.Second), Kind: "link.accepted", Object: fmt.Sprintf("link:%d", i),
			Act: effect.Act{Actor: effect.Person, ID: "а"}, Policy: "2026-11", Subjects: []string{"а", "б"}, Facts: map[string]string{"n": fmt.Sprint(i)},
		})
		h.records = append(h.records, notary.Record{Event: e, Salt: salted(e.Seq), Leafed: true})
	}
	h.releaf(0)
	for _, size := range sizes {
		signed, err := signer(t).Checkpoint(1, int64(size), h.root(t, size))
		if err != nil {
			t.Fatal(err)
		}
		h.marks = append(h.marks, signed)
	}
	return h
}

func (h *history) releaf(from int) {
	for i := from; i < len(h.records); i++ {
		h.records[i].Leaf = h.records[i].Sum()
	}
}

// rechain gives every record its place and hash, as an attacker with the server's key could.
func (h *history) rechain() {
	h.head = audit.Head{}
	for i := range h.records {
		h.records[i].Event = h.head.Append(h.records[i].Event)
	}
}

// root works the root out with the library, not with what is being tested.
func (h *history) root(t interface{ Fatal(args ...any) }, size int) tlog.Hash {
	stored := []tlog.Hash{}
	read := tlog.HashReaderFunc(func(at []int64) (out []tlog.Hash, err error) {
		for _, i := range at {
			out = append(out, stored[i])
		}
		return out, nil
	})
	for i := range size {
		more, err := tlog.StoredHashesForRecordHash(int64(i), h.records[i].Leaf, read)
		if err != nil {
			t.Fatal(err)
		}
		stored = append(stored, more...)
	}
	root, err := tlog.TreeHash(int64(size), read)
	if err != nil {
		t.Fatal(err)
	}
	return root
}

func (h history) audit(marks ...notary.Signed) notary.Report {
	a := notary.NewAuditor(marks...)
	for _, r := range h.records {
		if !a.Next(r) {
			break
		}
	}
	leafed := int64(len(h.records))
	return a.Done(notary.End{Head: h.head, Sealed: true, Leaves: leafed})
}

// export is the log as a file; the head is what the attacker says it is.
func (h history) export(t interface{ Fatal(args ...any) }, marks ...notary.Signed) string {
	var b bytes.Buffer
	e, err := notary.NewExport(&b, "id.example.org/audit", signer(t).Key(), h.head)
	for _, r := range h.records {
		if err == nil {
			err = e.Record(r)
		}
	}
	if err == nil {
		err = e.End(marks)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func verifyText(t interface{ Fatal(args ...any) }, text string, outside ...notary.Signed) notary.Report {
	var notes [][]byte
	for _, c := range outside {
		notes = append(notes, c.Note)
	}
	r, _, err := notary.VerifyExport(strings.NewReader(text), signer(t).Key(), notes...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestIntactLog(t *testing.T) {
	for n := range 20 {
		var sizes []int
		for i := 1; i <= n; i += 3 {
			sizes = append(sizes, i)
		}
		if n > 0 && (len(sizes) == 0 || sizes[len(sizes)-1] != n) {
			sizes = append(sizes, n)
		}
		h := write(t, n, sizes...)
		if r := h.audit(h.marks...); !r.Intact() || r.Count != int64(n) || r.Checked != len(sizes) || r.Leafed != int64(n) {
			t.Errorf("%d records: %+v", n, r)
		}
		if r := verifyText(t, h.export(t, h.marks...), h.marks...); !r.Intact() || r.Count != int64(n) {
			t.Errorf("%d records as a file: %+v", n, r)
		}
	}
}

// attack changes one thing in a log of n records; first is the number of the first record that is wrong then.
type attack struct {
	name string
	do   func(t *rapid.T, h *history) (first int64)
}

var attacks = []attack{
	{"edit", func(t *rapid.T, h *history) int64 {
		i := rapid.IntRange(0, len(h.records)-1).Draw(t, "record")
		e := &h.records[i].Event
		e.Facts = map[string]string{"n": e.Facts["n"]}
		e.Subjects = slices.Clone(e.Subjects)
		more := rapid.StringN(1, 8, -1).Draw(t, "text")
		texts := []*string{&e.Kind, &e.Object, &e.Act.ID, &e.Act.Office, &e.Act.Area, &e.Act.Device, &e.Act.RequestID, &e.Policy, &e.Subjects[0], &e.Subjects[1]}
		switch n := rapid.IntRange(0, len(texts)+2).Draw(t, "field"); n {
		case len(texts):
			e.At = e.At.Add(time.Duration(rapid.IntRange(1, 1e6).Draw(t, "late")) * time.Microsecond)
		case len(texts) + 1:
			e.Facts["n"] += more
		case len(texts) + 2:
			e.Act.Actor = effect.System
		default:
			*texts[n] += more
		}
		return int64(i + 1)
	}},
	{"drop", func(t *rapid.T, h *history) int64 {
		i := rapid.IntRange(0, len(h.records)-2).Draw(t, "record") // the last one: truncation
		h.records = slices.Delete(h.records, i, i+1)
		return int64(i + 1)
	}},
	{"reorder", func(t *rapid.T, h *history) int64 {
		i := rapid.IntRange(0, len(h.records)-2).Draw(t, "first")
		j := rapid.IntRange(i+1, len(h.records)-1).Draw(t, "second")
		h.records[i], h.records[j] = h.records[j], h.records[i]
		if rapid.Bool().Draw(t, "renumbered") {
			h.records[i].Seq, h.records[j].Seq = int64(i+1), int64(j+1)
		}
		return int64(i + 1)
	}},
	{"insert", func(t *rapid.T, h *history) int64 {
		i := rapid.IntRange(0, len(h.records)-2).Draw(t, "record") // behind the last one it would be growth
		h.records = slices.Insert(h.records, i, h.records[i])
		return int64(i + 2) // the first of the two is the true one
	}},
}

// Every single-record edit, drop, reordering and insertion is found, and the first bad record named, whatever the
// attacker makes anew behind it: nothing, the chain and the head, or the leaves as well. Only the last leaves no more
// than the checkpoint between which two it happened.
func TestEveryTamperingIsNamed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 14).Draw(t, "records")
		middle := rapid.IntRange(1, n).Draw(t, "middle")
		h := write(t, n, middle, n)
		h.records = slices.Clone(h.records)
		a := rapid.SampledFrom(attacks).Draw(t, "attack")
		first := a.do(t, &h)
		skill := rapid.IntRange(0, 2).Draw(t, "skill")
		if skill > 0 {
			h.rechain()
		}
		if skill > 1 {
			h.releaf(0)
		}
		for where, r := range map[string]notary.Report{"log": h.audit(h.marks...), "file": verifyText(t, h.export(t, h.marks...), h.marks...)} {
			switch {
			case r.Intact():
				t.Fatalf("%s: %s of record %d with skill %d is not found", where, a.name, first, skill)
			case r.Fault == notary.Rewritten:
				if skill < 2 || r.FirstBad > first || r.Last < first {
					t.Fatalf("%s: %s of record %d: %s among %d to %d", where, a.name, first, r.Fault, r.FirstBad, r.Last)
				}
			case skill == 0 && a.name == "insert": // the number is there already, and stands twice
				if r.Fault != audit.Changed || r.FirstBad != first-1 {
					t.Fatalf("%s: record %d twice: %s at %d", where, first-1, r.Fault, r.FirstBad)
				}
			case skill == 2 && a.name == "drop": // the end is one record short of the checkpoint too, if nothing in between was
				if r.FirstBad > first && r.Fault != notary.SetBack {
					t.Fatalf("%s: %s of record %d: %s at %d", where, a.name, first, r.Fault, r.FirstBad)
				}
			case r.FirstBad != first || r.Count != first-1:
				t.Fatalf("%s: %s of record %d with skill %d: %s at %d, %d intact", where, a.name, first, skill, r.Fault, r.FirstBad, r.Count)
			}
		}
	})
}

// A log that was cut off is found by its head; with a head made to fit, by any checkpoint that was kept elsewhere, and
// the first missing record is named.
func TestTruncationIsNamed(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 14).Draw(t, "records")
		h := write(t, n, n)
		left := rapid.IntRange(0, n-1).Draw(t, "left")
		h.records = h.records[:left]
		cut := h
		if r := cut.audit(h.marks...); r.FirstBad != int64(left+1) || r.Count != int64(left) {
			t.Fatalf("%d of %d left: %+v", left, n, r)
		}
		if r := verifyText(t, cut.export(t, h.marks...)); r.FirstBad != int64(left+1) {
			t.Fatalf("%d of %d left in the file: %+v", left, n, r)
		}
		cut.rechain()
		cut.releaf(0)
		if r := cut.audit(h.marks...); r.Fault != notary.SetBack || r.FirstBad != int64(left+1) || r.Count != int64(left) {
			t.Fatalf("%d of %d left, the head made to fit: %+v", left, n, r)
		}
		for _, own := range [][]notary.Signed{nil, h.marks} { // with and without the newest checkpoint in the file
			if r := verifyText(t, cut.export(t, own...), h.marks...); r.Intact() || r.FirstBad != int64(left+1) {
				t.Fatalf("%d of %d left in the file, the head made to fit: %+v", left, n, r)
			}
		}
	})
}

// Any line of a file that is removed, repeated, moved or spoilt shows.
func TestEveryLineOfAFileCounts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 8).Draw(t, "records")
		h := write(t, n, 1, n)
		lines := strings.SplitAfter(strings.TrimSuffix(h.export(t, h.marks...), "\n"), "\n")
		i := rapid.IntRange(1, n).Draw(t, "line") // lines[0] is the head, lines[n] the last record
		first, intact := int64(i), int64(i-1)
		switch rapid.IntRange(0, 3).Draw(t, "how") {
		case 0:
			lines = slices.Delete(lines, i, i+1)
		case 1:
			lines = slices.Insert(lines, i, lines[i])
			intact++
		case 2:
			lines[i] = lines[i][:len(lines[i])/2] + "\n"
		case 3:
			j := rapid.IntRange(1, n).Filter(func(j int) bool { return j != i }).Draw(t, "other")
			lines[i], lines[j] = lines[j], lines[i]
			first, intact = int64(min(i, j)), int64(min(i, j)-1)
		}
		if r := verifyText(t, strings.Join(lines, "")); r.Intact() || r.FirstBad != first || r.Count != intact {
			t.Fatalf("line %d: %+v", i, r)
		}
	})
}

func TestFileWithoutItsCheckpointIsUnsigned(t *testing.T) {
	h := write(t, 5, 3, 5)
	if r := verifyText(t, h.export(t, h.marks[0])); r.Fault != notary.Unsigned || r.FirstBad != 4 || r.Count != 3 {
		t.Errorf("%+v", r)
	}
	if r := verifyText(t, h.export(t)); r.Fault != notary.Unsigned || r.FirstBad != 1 {
		t.Errorf("%+v", r)
	}
	spoilt := strings.Replace(h.export(t, h.marks...), "epoch-1", "epoch-2", 1)
	if r := verifyText(t, spoilt); r.Fault != notary.Unsigned {
		t.Errorf("a changed checkpoint: %+v", r)
	}
	other, err := notary.NewSigner("id.example.org/audit", bytes.Repeat([]byte{8}, 32))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := notary.VerifyExport(strings.NewReader(h.export(t, h.marks...)), other.Key()); err == nil {
		t.Error("a file under another key passed")
	}
}

// A restored backup is no tampering, and what it lost is told.
func TestEpochs(t *testing.T) {
	whole := write(t, 9, 4, 9)
	h := write(t, 6)
	h.records = h.records[:5]
	h.head = audit.Head{Seq: 5, Hash: h.records[4].Hash}
	e := h.head.Append(audit.Event{At: moment, Kind: notary.FenceKind, Object: "log:2", Facts: map[string]string{"epoch": "2", "kept": "5"}})
	h.records = append(h.records, notary.Record{Event: e, Salt: salted(6), Leafed: true})
	h.releaf(5)
	second, err := signer(t).Checkpoint(2, 6, h.root(t, 6))
	if err != nil {
		t.Fatal(err)
	}
	r := h.audit(append(slices.Clone(whole.marks), second)...)
	if !r.Intact() || r.Epoch != 2 || r.Checked != 2 || len(r.Lost) != 1 || r.Lost[0] != (notary.Lost{Epoch: 1, Kept: 5, Known: 9}) {
		t.Errorf("%+v", r)
	}
	// The same records without the fence are a database that was set back.
	h.records, h.head = h.records[:5], audit.Head{Seq: 5, Hash: h.records[4].Hash}
	if r := h.audit(whole.marks...); r.Fault != notary.SetBack || r.FirstBad != 6 {
		t.Errorf("not fenced: %+v", r)
	}
}
