package notary

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"doverie/internal/audit"
	"doverie/internal/effect"
)

// HistoryFormat is what a person's file says of itself.
const HistoryFormat = "doverie history proof 1"

// History is a person's own history with proofs, as he downloads it. What is not his to read is in it as a commitment
// only: whom else an event concerned, who of the service did it, from where others acted.
type History struct {
	Format     string        `json:"format"`
	Account    string        `json:"account"`
	MadeAt     time.Time     `json:"made_at"`
	Key        string        `json:"key"`        // public key of the checkpoint
	Checkpoint string        `json:"checkpoint"` // the signed note
	Newer      bool          `json:"newer"`      // something happened since the checkpoint: ask again later
	Older      int64         `json:"older"`      // not 0: there are older events, those before this number
	Events     []HistoryItem `json:"events"`     // newest first
}

// HistoryItem is one event of it.
type HistoryItem struct {
	Fields []audit.Shown `json:"fields"`
	Proof  []tlog.Hash   `json:"proof"`
}

// Proven is a record with the proof that it is in a tree.
type Proven struct {
	Record

	Proof tlog.RecordProof
}

// MayRead says which fields of an event the account may read: what his own pages show him.
func MayRead(e audit.Event, account string) func(audit.Field) bool {
	own := e.Act.Actor == effect.Person && e.Act.ID == account
	return func(f audit.Field) bool {
		switch f.Name {
		case audit.FieldSeq, audit.FieldAt, audit.FieldKind, audit.FieldActor, audit.FieldOffice, audit.FieldPolicy:
			return true
		case audit.FieldActorID:
			return own
		case audit.FieldArea, audit.FieldDevice: // from where somebody else acted is his own affair (I9)
			return own || e.Act.Actor == effect.Applicant
		}
		switch {
		case len(f.Name) > len(audit.FieldFact) && f.Name[:len(audit.FieldFact)] == audit.FieldFact:
			return true
		case len(f.Name) > len(audit.FieldSubject) && f.Name[:len(audit.FieldSubject)] == audit.FieldSubject:
			return f.Value == account
		}
		return false
	}
}

// ProvenEvent is an event of a history that was proved.
type ProvenEvent struct {
	Seq    int64
	At     time.Time
	Kind   string
	Fields map[string]string // all that is shown
}

// ErrHistory says that a person's file does not prove what it says; the text names the event.
var ErrHistory = errors.New("notary: not a proven history")

// VerifyHistory checks every event of a person's file against its checkpoint. key is the public key to trust; empty: the
// file's own, which proves only that the file agrees with itself. It needs nothing but the file.
func VerifyHistory(from io.Reader, key string) (h History, c Signed, events []ProvenEvent, err error) {
	d := json.NewDecoder(from)
	d.DisallowUnknownFields()
	if err := d.Decode(&h); err != nil || h.Format != HistoryFormat {
		return h, c, nil, errors.Join(ErrHistory, err)
	}
	if key != "" && key != h.Key {
		return h, c, nil, fmt.Errorf("%w: it names another key", ErrHistory)
	}
	if c, err = Open([]byte(h.Checkpoint), h.Key); err != nil {
		return h, c, nil, err
	}
	for i, item := range h.Events {
		event, err := item.prove(c, h.Account)
		if err == nil && i > 0 && event.Seq >= events[i-1].Seq {
			err = fmt.Errorf("%w: it does not come before the one above it", ErrHistory)
		}
		if err != nil {
			return h, c, events, fmt.Errorf("event %d of the file: %w", i+1, err)
		}
		events = append(events, event)
	}
	return h, c, events, nil
}

func (item HistoryItem) prove(c Signed, account string) (ProvenEvent, error) {
	leaf, err := audit.LeafOfShown(item.Fields)
	if err != nil {
		return ProvenEvent{}, errors.Join(ErrHistory, err)
	}
	event, concerned := ProvenEvent{Fields: map[string]string{}}, false
	for _, f := range item.Fields {
		if f.Name == "" {
			continue
		}
		if _, twice := event.Fields[f.Name]; twice {
			return event, fmt.Errorf("%w: two fields of one name", ErrHistory)
		}
		event.Fields[f.Name] = f.Value
		concerned = concerned || f.Value == account && len(f.Name) > len(audit.FieldSubject) && f.Name[:len(audit.FieldSubject)] == audit.FieldSubject
	}
	at, wrong := strconv.ParseInt(event.Fields[audit.FieldAt], 10, 64)
	event.Seq, err = strconv.ParseInt(event.Fields[audit.FieldSeq], 10, 64)
	event.Kind, event.At = event.Fields[audit.FieldKind], time.UnixMicro(at).UTC()
	switch {
	case err != nil || wrong != nil || event.Kind == "":
		return event, fmt.Errorf("%w: number, time or kind is missing", ErrHistory)
	case !concerned:
		return event, fmt.Errorf("%w: it does not concern the account of the file", ErrHistory)
	}
	if err := tlog.CheckRecord(item.Proof, c.Size, c.Root, event.Seq-1, tlog.RecordHash(leaf)); err != nil {
		return event, errors.Join(ErrHistory, err)
	}
	return event, nil
}
