package notary

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"doverie/internal/audit"
	"doverie/internal/effect"
)

// ExportFormat is the first thing an export says of itself: one JSON object a line: the head, a line a record in order,
// a line a checkpoint, the end.
const ExportFormat = "doverie audit export 1"

// longestLine bounds what a broken file can make the reader keep in memory.
const longestLine = 16 << 20

type exportHead struct {
	Format  string `json:"format"`
	Log     string `json:"log"`
	Key     string `json:"key"` // public key of the checkpoints
	Records int64  `json:"records"`
	Head    []byte `json:"head"` // hash of the last record in the chain
}

type exportRecord struct {
	Seq      int64             `json:"seq"`
	At       int64             `json:"at"` // microseconds since 1970, UTC
	Kind     string            `json:"kind"`
	Object   string            `json:"object"`
	Actor    string            `json:"actor"`
	ActorID  string            `json:"actor_id"`
	Office   string            `json:"office"`
	Area     string            `json:"area"`
	Device   string            `json:"device"`
	Request  string            `json:"request_id"`
	Policy   string            `json:"policy"`
	Subjects []string          `json:"subjects"`
	Facts    map[string]string `json:"facts"`
	Hash     []byte            `json:"hash"`
	Salt     []byte            `json:"salt"`
	Leaf     []byte            `json:"leaf"`
}

type exportMark struct {
	Checkpoint string `json:"checkpoint"`
}

type exportHandOver struct {
	HandOver string `json:"hand_over"`
}

type exportEnd struct {
	End bool `json:"end"`
}

// Export writes a log as lines that can be verified without the server: see VerifyExport.
type Export struct {
	to *json.Encoder
}

// NewExport writes the head. records and head are the end of the chain that a checkpoint covers.
func NewExport(to io.Writer, log, key string, head audit.Head) (*Export, error) {
	e := &Export{to: json.NewEncoder(to)}
	e.to.SetEscapeHTML(false)
	return e, e.to.Encode(exportHead{Format: ExportFormat, Log: log, Key: key, Records: head.Seq, Head: head.Hash[:]})
}

// Record writes the next record.
func (e *Export) Record(r Record) error {
	return e.to.Encode(exportRecord{
		Seq: r.Seq, At: r.At.UnixMicro(), Kind: r.Kind, Object: r.Object, Actor: string(r.Act.Actor), ActorID: r.Act.ID, Office: r.Act.Office,
		Area: r.Act.Area, Device: r.Act.Device, Request: r.Act.RequestID, Policy: r.Policy, Subjects: r.Subjects, Facts: r.Facts,
		Hash: r.Hash[:], Salt: r.Salt[:], Leaf: r.Leaf[:],
	})
}

// HandOvers writes how the keys of the log followed each other.
func (e *Export) HandOvers(all []HandOver) error {
	for _, h := range all {
		if err := e.to.Encode(exportHandOver{HandOver: string(h.Note)}); err != nil {
			return err
		}
	}
	return nil
}

// End writes the checkpoints and the end.
func (e *Export) End(checkpoints []Signed) error {
	for _, c := range checkpoints {
		if err := e.to.Encode(exportMark{Checkpoint: string(c.Note)}); err != nil {
			return err
		}
	}
	return e.to.Encode(exportEnd{End: true})
}

func (r exportRecord) record() (Record, bool) {
	out := Record{Event: audit.Event{
		Seq: r.Seq, At: time.UnixMicro(r.At).UTC(), Kind: r.Kind, Object: r.Object, Policy: r.Policy, Subjects: r.Subjects, Facts: r.Facts,
		Act: effect.Act{Actor: effect.ActorKind(r.Actor), ID: r.ActorID, Office: r.Office, Area: r.Area, Device: r.Device, RequestID: r.Request},
	}, Leafed: true}
	ok := copy(out.Hash[:], r.Hash) == len(r.Hash) && copy(out.Salt[:], r.Salt) == len(r.Salt) && copy(out.Leaf[:], r.Leaf) == len(r.Leaf) &&
		len(r.Hash) == tlog.HashSize && len(r.Salt) == tlog.HashSize && len(r.Leaf) == tlog.HashSize
	return out, ok
}

// ErrExport says that a file is no export, or its key is another than the one given.
var ErrExport = errors.New("notary: not an export of an event log")

// VerifyExport reads an export and reports the first broken record. key is the public key to trust; empty: the file's
// own, which proves only that the file agrees with itself and with outside. It may be one before the file's own, when every key
// since has signed that another follows. outside are checkpoints kept elsewhere, of
// the same log, in note form. Errors: ErrExport, ErrSignature for a note of outside, and those of reading.
func VerifyExport(from io.ReadSeeker, key string, outside ...[]byte) (Report, string, error) {
	head, marks, err := readMarks(from, key)
	if err != nil {
		return Report{}, "", err
	}
	for _, text := range outside {
		c, err := marks.ring.Open(text)
		if err != nil {
			return Report{}, "", err
		}
		marks.add(c)
	}
	if _, err := from.Seek(0, io.SeekStart); err != nil {
		return Report{}, "", err
	}
	auditor := NewAuditor(marks.all...)
	lines, next := newLines(from), int64(1)
	lines.Scan() // the head
	garbled := false
	for lines.Scan() {
		line, kind := lines.Bytes(), lineKind(lines.Bytes())
		if kind == markLine || kind == handOverLine || kind == endLine {
			continue
		}
		var raw exportRecord
		record, ok := Record{}, strict(line, &raw) == nil
		if ok {
			record, ok = raw.record()
		}
		if !ok {
			garbled = true
			break
		}
		if !auditor.Next(record) {
			break
		}
		next++
	}
	if err := lines.Err(); err != nil && !errors.Is(err, bufio.ErrTooLong) {
		return Report{}, "", err
	}
	end := End{Head: audit.Head{Seq: head.Records}, Leaves: head.Records, Sealed: true}
	copy(end.Head.Hash[:], head.Head)
	report := auditor.Done(end)
	switch {
	case garbled && report.FirstBad != 0 && report.FirstBad < next: // something before the line was wrong already
	case garbled:
		report.FirstBad, report.Fault, report.Count = next, audit.Changed, next-1
	case !report.Intact():
	case marks.bad != "":
		report.FirstBad, report.Fault = max(1, report.Count), Unsigned
	case report.Newest.Size < head.Records:
		report.FirstBad, report.Fault, report.Count = report.Newest.Size+1, Unsigned, report.Newest.Size
	case !marks.ended:
		report.FirstBad, report.Fault = report.Count+1, audit.Truncated
	}
	return report, head.Key, nil
}

// marks are the checkpoints of a file.
type marks struct {
	all   []Signed
	ring  Ring
	bad   string // a checkpoint or a hand-over that does not open
	ended bool
}

func (m *marks) add(c Signed) { m.all = append(m.all, c) }

// readMarks reads the head, and looks ahead for the checkpoints behind the records.
func readMarks(from io.Reader, key string) (exportHead, *marks, error) {
	lines := newLines(from)
	var head exportHead
	if !lines.Scan() || strict(lines.Bytes(), &head) != nil || head.Format != ExportFormat || head.Records < 0 {
		return head, nil, ErrExport
	}
	found := &marks{}
	var notes []string
	var handOvers []HandOver
	for lines.Scan() {
		switch lineKind(lines.Bytes()) {
		case markLine:
			var mark exportMark
			if strict(lines.Bytes(), &mark) != nil {
				found.bad = string(lines.Bytes())
			}
			notes = append(notes, mark.Checkpoint)
		case handOverLine:
			var line exportHandOver
			err := strict(lines.Bytes(), &line)
			h, wrong := OpenHandOver([]byte(line.HandOver))
			if err != nil || wrong != nil || h.Log != head.Log {
				found.bad = string(lines.Bytes())
				continue
			}
			handOvers = append(handOvers, h)
		case endLine:
			found.ended = true
		}
	}
	if err := lines.Err(); err != nil && !errors.Is(err, bufio.ErrTooLong) {
		return head, nil, err
	}
	var err error
	if found.ring, err = NewRing(head.Key, handOvers...); err != nil {
		found.bad = err.Error()
	}
	if key != "" && !found.ring.Follows(key) {
		return head, nil, fmt.Errorf("%w: it names another key", ErrExport)
	}
	for _, text := range notes {
		c, err := found.ring.Open([]byte(text))
		if err != nil || c.Log != head.Log {
			found.bad = text
			continue
		}
		found.add(c)
	}
	return head, found, nil
}

func newLines(from io.Reader) *bufio.Scanner {
	lines := bufio.NewScanner(from)
	lines.Buffer(make([]byte, 0, 64<<10), longestLine)
	return lines
}

const (
	recordLine = iota
	markLine
	handOverLine
	endLine
)

func lineKind(line []byte) int {
	switch {
	case bytes.HasPrefix(line, []byte(`{"checkpoint":`)):
		return markLine
	case bytes.HasPrefix(line, []byte(`{"hand_over":`)):
		return handOverLine
	case bytes.HasPrefix(line, []byte(`{"end":`)):
		return endLine
	}
	return recordLine
}

// strict reads one JSON object and refuses what it does not know.
func strict(text []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if d.More() {
		return ErrExport
	}
	return nil
}
