package audit

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"maps"
	"slices"
	"strconv"
)

// Salt keeps the commitments of one event from saying anything to whoever does not have it. It is random, one an
// event, and lies beside the event: with both gone, what stands in the tree and outside names nobody.
type Salt [sha256.Size]byte

// Field is one part of an event that is committed to by itself, so that each can be shown without the others.
type Field struct{ Name, Value string }

// The names of fields. Subjects and facts are numbered or named behind their prefix.
const (
	FieldSeq     = "seq"
	FieldAt      = "at" // microseconds since 1970, UTC
	FieldKind    = "kind"
	FieldObject  = "object"
	FieldActor   = "actor"
	FieldActorID = "actor_id"
	FieldOffice  = "office"
	FieldArea    = "area"
	FieldDevice  = "device"
	FieldRequest = "request_id"
	FieldPolicy  = "policy"
	FieldChain   = "chain" // the event's hash in the chain, hexadecimal
	FieldSubject = "subject."
	FieldFact    = "fact."
)

// Fields takes the event apart, in the order in which its leaf commits to it.
func (e Event) Fields() []Field {
	fields := []Field{
		{FieldSeq, strconv.FormatInt(e.Seq, 10)},
		{FieldAt, strconv.FormatInt(e.At.UnixMicro(), 10)},
		{FieldKind, e.Kind},
		{FieldObject, e.Object},
		{FieldActor, string(e.Act.Actor)},
		{FieldActorID, e.Act.ID},
		{FieldOffice, e.Act.Office},
		{FieldArea, e.Act.Area},
		{FieldDevice, e.Act.Device},
		{FieldRequest, e.Act.RequestID},
		{FieldPolicy, e.Policy},
	}
	for i, subject := range e.Subjects {
		fields = append(fields, Field{FieldSubject + strconv.Itoa(i), subject})
	}
	for _, name := range slices.Sorted(maps.Keys(e.Facts)) {
		fields = append(fields, Field{FieldFact + name, e.Facts[name]})
	}
	return append(fields, Field{FieldChain, hex.EncodeToString(e.Hash[:])})
}

// Shown is one field of an event as somebody is given it: with name, value and salt when he may read it, otherwise only
// its commitment.
type Shown struct {
	Name   string `json:"name,omitempty"`
	Value  string `json:"value,omitempty"`
	Salt   []byte `json:"salt,omitempty"`
	Hidden []byte `json:"hidden,omitempty"` // the commitment, 32 bytes
}

// ErrShown says that a field is neither shown nor hidden as it must be.
var ErrShown = errors.New("audit: a field has neither its salt nor its commitment")

// Show takes the event apart for somebody who may read the fields for which may says so.
func (e Event) Show(salt Salt, may func(Field) bool) []Shown {
	fields := e.Fields()
	out := make([]Shown, len(fields))
	for i, f := range fields {
		own := saltOf(salt, f.Name)
		if may(f) {
			out[i] = Shown{Name: f.Name, Value: f.Value, Salt: own}
			continue
		}
		sum := commit(own, f)
		out[i] = Shown{Hidden: sum[:]}
	}
	return out
}

// Leaf is what the tree holds for the event: 32 bytes that commit to every field of it.
func (e Event) Leaf(salt Salt) []byte {
	fields := e.Fields()
	sums := make([]Hash, len(fields))
	for i, f := range fields {
		sums[i] = commit(saltOf(salt, f.Name), f)
	}
	return leaf(sums)
}

// LeafOfShown works the leaf out from what somebody was given.
func LeafOfShown(fields []Shown) ([]byte, error) {
	sums := make([]Hash, len(fields))
	for i, f := range fields {
		switch {
		case f.Hidden == nil && len(f.Salt) == sha256.Size && f.Name != "":
			sums[i] = commit(f.Salt, Field{f.Name, f.Value})
		case len(f.Hidden) == sha256.Size && f.Name == "" && f.Value == "" && f.Salt == nil:
			copy(sums[i][:], f.Hidden)
		default:
			return nil, ErrShown
		}
	}
	return leaf(sums), nil
}

// The names of the layouts: a new layout needs a new name.
const (
	fieldLayout = "doverie field 1"
	leafLayout  = "doverie leaf 1"
)

// saltOf gives every field a salt of its own: whoever is shown one field learns nothing of the others' salts.
func saltOf(salt Salt, name string) []byte {
	h := hmac.New(sha256.New, salt[:])
	h.Write([]byte(name))
	return h.Sum(nil)
}

// commit is SHA-256 over the layout's name, the field's salt, its name and its value, each with its length (8 bytes,
// big-endian) before it.
func commit(salt []byte, f Field) (sum Hash) {
	w := writer{sha256.New()}
	w.text(fieldLayout)
	w.text(string(salt))
	w.text(f.Name)
	w.text(f.Value)
	w.h.Sum(sum[:0])
	return sum
}

// leaf is SHA-256 over the layout's name, the number of commitments and the commitments.
func leaf(sums []Hash) []byte {
	var b bytes.Buffer
	b.WriteString(leafLayout)
	_ = binary.Write(&b, binary.BigEndian, int64(len(sums))) // a buffer takes everything
	for _, sum := range sums {
		b.Write(sum[:])
	}
	all := sha256.Sum256(b.Bytes())
	return all[:]
}
