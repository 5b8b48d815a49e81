package account

import (
	"context"
	"slices"
	"time"

	"doverie/internal/effect"
	"doverie/internal/fault"
)

// ImportBatch is how many lines one transaction of an import takes.
const ImportBatch = 250

// ImportRun is the checkpoint of one file, known by the hash of its contents: a second run of the
// same file goes on after LastLine.
type ImportRun struct {
	FileHash  string // lower-case hexadecimal SHA-256
	Name      string // as given, for people
	LastLine  int    // lines up to this one are in, or were refused
	Accepted  int
	Rejected  int
	StartedAt time.Time
	UpdatedAt time.Time
	DoneAt    time.Time // zero: not finished
	Version   int64
}

// ImportFault is one fault of one line. Other is the earlier line with the same value, when there is one.
type ImportFault struct {
	Line  int
	Field fault.Field
	Other int
}

// Importer reads one file, line by line, in order.
type Importer struct {
	service *Service
	act     effect.Act
	run     ImportRun
	exists  bool // the checkpoint has a row
	seen    map[Identifier]int
	batch   []importLine
	line    int // last line handed to Add
	refused int // since the checkpoint
}

type importLine struct {
	number  int
	account Account
}

// StartImport opens the checkpoint of the file with that hash, or a new one. A file that was
// imported to its end before is a Conflict ("fault.import.done").
func (s *Service) StartImport(ctx context.Context, act effect.Act, fileHash, name string) (*Importer, error) {
	im := &Importer{service: s, act: act, seen: map[Identifier]int{}}
	run, err := s.Store.ImportRun(ctx, fileHash)
	switch {
	case fault.Is(err, fault.NotFound):
		now := s.Now()
		im.run = ImportRun{FileHash: fileHash, Name: name, StartedAt: now, UpdatedAt: now, Version: 1}
	case err != nil:
		return nil, err
	case !run.DoneAt.IsZero():
		return nil, fault.New(fault.Conflict, "fault.import.done", fault.Args{"At": run.DoneAt})
	default:
		im.run, im.exists = run, true
	}
	return im, nil
}

// Run is the checkpoint as it is now.
func (im *Importer) Run() ImportRun { return im.run }

// Add takes the next line (numbered from 1, in order) and returns its faults, which refuse it.
// Lines up to the checkpoint are only read again, so that later duplicates of them are found.
// When Full says so, call Flush.
func (im *Importer) Add(text []byte) []ImportFault {
	im.line++
	a, bad := ParseImportLine(text, im.service.Now(), im.service.Policy)
	var faults []ImportFault
	for _, f := range bad {
		faults = append(faults, ImportFault{Line: im.line, Field: f})
	}
	if len(faults) == 0 {
		faults = im.duplicates(a)
	}
	if im.line <= im.run.LastLine {
		return nil // decided, and reported, by the run that came this far
	}
	if len(faults) > 0 {
		im.refused++
		return faults
	}
	a.ID, a.Version = NewID(), 1
	im.batch = append(im.batch, importLine{im.line, a})
	return nil
}

// duplicates names every value of the account that an earlier line has, and notes the rest.
func (im *Importer) duplicates(a Account) []ImportFault {
	var faults []ImportFault
	ids := a.identifiers()
	for _, id := range ids {
		if earlier, found := im.seen[id]; found {
			faults = append(faults, ImportFault{
				Line: im.line, Other: earlier,
				Field: fault.Field{Name: string(id.Kind), Key: "fault.import.twice", Args: fault.Args{"Line": earlier}},
			})
		}
	}
	if len(faults) == 0 {
		for _, id := range ids {
			im.seen[id] = im.line
		}
	}
	return faults
}

func (a Account) identifiers() []Identifier {
	ids := []Identifier{{BySNILS, a.SNILS}, {ByPhone, a.Phone}, {ByEmail, EmailKey(a.Email)}}
	return slices.DeleteFunc(ids, func(i Identifier) bool { return i.Value == "" })
}

// Full reports whether Flush should be called before the next Add.
func (im *Importer) Full() bool { return im.line-im.run.LastLine >= ImportBatch }

// flushTries: a batch is tried again when somebody registered one of its phones meanwhile.
const flushTries = 3

// Flush writes the waiting lines and the checkpoint in one transaction. Lines whose values another
// account has are refused and returned; nothing is half imported. A SNILS that somebody else only typed gives way, and
// he is told. After an error the import can be
// started again from the file's beginning.
func (im *Importer) Flush(ctx context.Context) ([]ImportFault, error) { return im.flush(ctx, false) }

// Finish flushes what is left and closes the checkpoint.
func (im *Importer) Finish(ctx context.Context) ([]ImportFault, error) { return im.flush(ctx, true) }

func (im *Importer) flush(ctx context.Context, last bool) ([]ImportFault, error) {
	if im.line <= im.run.LastLine && !last {
		return nil, nil
	}
	for try := 1; ; try++ {
		faults, err := im.flushOnce(ctx, last)
		if err == nil || !fault.Is(err, fault.Conflict) || try == flushTries {
			return faults, err
		}
	}
}

func (im *Importer) flushOnce(ctx context.Context, last bool) ([]ImportFault, error) {
	s, now := im.service, im.service.Now()
	waiting := make([]Account, len(im.batch))
	for i, l := range im.batch {
		waiting[i] = l.account
	}
	taken, err := s.Store.Taken(ctx, waiting)
	if err != nil {
		return nil, err
	}
	var (
		faults  []ImportFault
		good    []Account
		gaveWay []GaveWay
		effects []effect.Effect
		refused = im.refused
	)
	for i, l := range im.batch {
		for _, field := range taken[i].Fields {
			faults = append(faults, ImportFault{Line: l.number, Field: fault.Field{Name: field, Key: "fault.import.taken"}})
		}
		if len(taken[i].Fields) > 0 {
			refused++
			continue
		}
		if typed := taken[i].Typed; typed != "" {
			gaveWay = append(gaveWay, GaveWay{Account: typed, SNILS: l.account.SNILS})
			effects = append(effects, LostSNILS(typed, l.account.ID, now)...)
		}
		good = append(good, l.account)
		effects = append(effects, record("account.imported", "account:"+l.account.ID, nil, l.account.ID))
	}
	after := im.run
	after.LastLine = max(after.LastLine, im.line)
	after.Accepted += len(good)
	after.Rejected += refused
	after.UpdatedAt = now
	c := Change{ImportAfter: &after, Imported: good, GaveWay: gaveWay}
	if im.exists {
		before := im.run
		c.ImportBefore = &before
	}
	if last {
		after.DoneAt = now
		effects = append(effects, record("import.finished", "import:"+after.FileHash, nil))
	}
	if len(effects) == 0 {
		effects = append(effects, record("import.moved", "import:"+after.FileHash, nil))
	}
	if err := s.commit(ctx, im.act, now, c, effects...); err != nil {
		return nil, err
	}
	if im.exists {
		after.Version++
	}
	im.run, im.exists, im.batch, im.refused = after, true, nil, 0
	return faults, nil
}
