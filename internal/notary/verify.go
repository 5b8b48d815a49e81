package notary

import (
	"slices"
	"strconv"

	"golang.org/x/mod/sumdb/tlog"

	"doverie/internal/audit"
)

// What else can be wrong, besides the faults of a chain.
const (
	LeafChanged audit.Fault = "leaf_changed" // the record is not the one its leaf commits to, though the chain was made to fit
	LeafLost    audit.Fault = "leaf_missing" // the record has no leaf, and later ones or the log say it had
	Rewritten   audit.Fault = "rewritten"    // records and leaves agree, and a signed checkpoint says they were others
	SetBack     audit.Fault = "set_back"     // a signed checkpoint knows this record, and the log ends before it
	TreeChanged audit.Fault = "tree_changed" // the stored tree is not that of its leaves
	Unsigned    audit.Fault = "unsigned"     // no checkpoint covers the end
)

// FenceKind is the event with which an epoch begins; its facts are "epoch" and "kept", the records before it.
const FenceKind = "audit.fenced"

// KeyKind is the event with which another key begins to sign the log.
const KeyKind = "audit.key_changed"

// Record is an event with what the tree knows of it.
type Record struct {
	audit.Event

	Salt   audit.Salt
	Leaf   tlog.Hash // as stored
	Leafed bool      // false: the event is so new that it has no leaf
}

// Sum is the hash of the leaf the record ought to have.
func (r Record) Sum() tlog.Hash { return tlog.RecordHash(r.Event.Leaf(r.Salt)) }

// Lost is a part of an old epoch that a restored backup did not have.
type Lost struct {
	Epoch, Kept, Known int64 // the epoch's records up to Kept are here; checkpoints know it up to Known
}

// Report is the outcome of a verification.
type Report struct {
	audit.Report

	Leafed  int64  // records that the tree covers
	Checked int    // checkpoints that were found to hold
	Newest  Signed // the newest of them; zero when there is none
	Epoch   int64
	Last    int64 // with Rewritten: the first bad record is among FirstBad … Last
	Lost    []Lost
}

// Auditor walks a log from its first record and holds it against checkpoints. It needs no secret.
type Auditor struct {
	chain  audit.Verifier
	tree   edge
	marks  []Signed // by size
	next   int      // of marks
	report Report
	bad    audit.Report
	done   bool // a record without a leaf was met: no later one may have one
}

// NewAuditor prepares a walk. The signatures of the checkpoints have been checked (Open); one may be given twice.
func NewAuditor(checkpoints ...Signed) *Auditor {
	marks := slices.Clone(checkpoints)
	slices.SortFunc(marks, byAge)
	marks = slices.CompactFunc(marks, func(a, b Signed) bool { return a.Checkpoint == b.Checkpoint })
	slices.SortStableFunc(marks, func(a, b Signed) int { return int(min(1, max(-1, a.Size-b.Size))) })
	return &Auditor{marks: marks, report: Report{Epoch: 1}}
}

// Next takes the next record. It returns false once something is wrong; the rest need not be read.
func (a *Auditor) Next(r Record) bool {
	switch {
	case !a.bad.Intact():
		return false
	case !a.chain.Next(r.Event):
		return false
	case !r.Leafed:
		a.done = true
		a.fence(r.Event) // one that was just begun
		return true
	case a.done:
		return a.fail(a.tree.size+1, LeafLost)
	case r.Sum() != r.Leaf:
		return a.fail(r.Seq, LeafChanged)
	}
	a.tree.add(r.Leaf)
	a.fence(r.Event)
	return a.compare()
}

// fence notes that an event begins an epoch.
func (a *Auditor) fence(e audit.Event) {
	if epoch, ok := fenceOf(e, a.report.Epoch); ok {
		a.report.Lost = append(a.report.Lost, Lost{Epoch: a.report.Epoch, Kept: e.Seq - 1, Known: e.Seq - 1})
		a.report.Epoch = epoch
	}
}

// fenceOf reads the epoch that an event begins.
func fenceOf(e audit.Event, now int64) (epoch int64, ok bool) {
	if e.Kind != FenceKind || e.Facts["kept"] != strconv.FormatInt(e.Seq-1, 10) {
		return 0, false
	}
	epoch, err := strconv.ParseInt(e.Facts["epoch"], 10, 64)
	return epoch, err == nil && epoch > now
}

// compare holds the tree against every checkpoint of its size.
func (a *Auditor) compare() bool {
	for ; a.next < len(a.marks) && a.marks[a.next].Size <= a.tree.size; a.next++ {
		mark := a.marks[a.next]
		switch {
		case mark.Size == 0: // says nothing
		case mark.Epoch < a.report.Epoch:
			a.lose(mark)
		case mark.Epoch > a.report.Epoch:
			return a.fail(a.held()+1, SetBack)
		case mark.Root != a.tree.root():
			a.report.Last = mark.Size
			return a.fail(a.held()+1, Rewritten)
		default:
			a.report.Checked++
			a.report.Newest = mark
		}
	}
	return true
}

// held is the newest record that a checkpoint vouches for.
func (a *Auditor) held() int64 { return a.report.Newest.Size }

// lose notes what a checkpoint of an old epoch knew and no backup had.
func (a *Auditor) lose(mark Signed) {
	for i := range a.report.Lost {
		if l := &a.report.Lost[i]; mark.Epoch >= l.Epoch && (i+1 == len(a.report.Lost) || mark.Epoch < a.report.Lost[i+1].Epoch) {
			l.Known = max(l.Known, mark.Size)
		}
	}
}

func (a *Auditor) fail(first int64, fault audit.Fault) bool {
	a.bad = audit.Report{FirstBad: first, Fault: fault}
	return false
}

// End is how a log says that it ends.
type End struct {
	Head   audit.Head
	Sealed bool       // the head's seal is ours, or a checkpoint covers the end
	Leaves int64      // as many records have leaves
	Root   *tlog.Hash // the root of the stored tree; nil: none is stored
}

// Done holds the walk against the end.
func (a *Auditor) Done(end End) Report {
	r := a.report
	r.Leafed = a.tree.size
	r.Report = a.chain.Done(end.Head, end.Sealed)
	switch {
	case !a.bad.Intact():
		r.FirstBad, r.Fault, r.Count = a.bad.FirstBad, a.bad.Fault, a.bad.FirstBad-1
	case !r.Intact():
	case a.tree.size < end.Leaves:
		r.FirstBad, r.Fault, r.Count = a.tree.size+1, LeafLost, a.tree.size
	case a.tree.size > end.Leaves:
		r.FirstBad, r.Fault, r.Count = end.Leaves+1, audit.Surplus, end.Leaves
	case end.Root != nil && *end.Root != a.tree.root():
		r.FirstBad, r.Fault = max(1, a.tree.size), TreeChanged
	}
	for _, mark := range a.marks[a.next:] {
		switch {
		case mark.Epoch < r.Epoch:
			a.lose(mark)
		case r.Intact():
			r.FirstBad, r.Fault = r.Count+1, SetBack
			if a.tree.size < r.Count { // the records are here and lost their leaves
				r.FirstBad, r.Fault, r.Count = a.tree.size+1, LeafLost, a.tree.size
			}
		}
	}
	r.Lost = a.report.Lost
	return r
}
