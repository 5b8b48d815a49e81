package audit

// Fault says what is wrong with a chain. The empty Fault is an intact chain.
type Fault string

// What can be wrong.
const (
	Changed   Fault = "changed"   // the record does not have the hash it claims: it, its subjects or its order was changed
	Missing   Fault = "missing"   // the record with this number is not there
	Truncated Fault = "truncated" // the head names this record, and the chain ends before it
	Surplus   Fault = "surplus"   // a record stands behind the head
	Forged    Fault = "forged"    // records and head agree, and the head's seal is not ours
	HeadLost  Fault = "head_lost" // the head disagrees with the record it names
)

// Report is the outcome of a verification.
type Report struct {
	Count    int64 // records that are proved intact, from the first
	FirstBad int64 // sequence number of the first broken record; 0 when the chain is intact
	Fault    Fault
	Head     Head // as stored
}

// Intact reports whether nothing is wrong.
func (r Report) Intact() bool { return r.Fault == "" }

// Verifier walks a chain from its first record.
type Verifier struct {
	last Head
	bad  Report
}

// Next takes the next record in the order of sequence numbers. It returns false once something is
// wrong; the rest need not be read.
func (v *Verifier) Next(e Event) bool {
	switch want := v.last.Seq + 1; {
	case !v.bad.Intact():
		return false
	case e.Seq > want:
		v.bad = Report{FirstBad: want, Fault: Missing}
		return false
	case e.Seq < want || e.Sum(v.last.Hash) != e.Hash:
		v.bad = Report{FirstBad: e.Seq, Fault: Changed}
		return false
	}
	v.last = Head{Seq: e.Seq, Hash: e.Hash}
	return true
}

// Done compares the end of the chain with the head. sealed says whether the head's seal is ours.
func (v *Verifier) Done(head Head, sealed bool) Report {
	r := v.bad
	r.Count, r.Head = v.last.Seq, head
	switch {
	case !r.Intact():
	case v.last.Seq < head.Seq:
		r.FirstBad, r.Fault = v.last.Seq+1, Truncated
	case v.last.Seq > head.Seq:
		r.FirstBad, r.Fault, r.Count = head.Seq+1, Surplus, head.Seq
	case v.last.Hash != head.Hash:
		r.FirstBad, r.Fault = head.Seq, HeadLost
	case !sealed:
		r.FirstBad, r.Fault = max(head.Seq, 1), Forged
	}
	return r
}
