package notary

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/mod/sumdb/tlog"

	"doverie/internal/effect"
	"doverie/internal/policy"
)

// TimerTend is the timer that gives events their leaves and signs.
const TimerTend = "audit.tend"

// TheLog is the object of that timer: there is one log.
const TheLog = "log"

// Store is what the notary needs of the database.
type Store interface {
	AppendLeaves(ctx context.Context) (n int, err error)
	SignCheckpoint(ctx context.Context, now time.Time, signer *Signer) (Signed, error)
	Standing(ctx context.Context) (Standing, error)
	Checkpoints(ctx context.Context, epoch, from int64, limit int) ([][]byte, error)
	TreeRoot(ctx context.Context, size int64) (tlog.Hash, error)
	// HandOvers are the statements by which one key followed another.
	HandOvers(ctx context.Context) ([]HandOver, error)
	// EventAt is when the event of that number was written; zero when there is none.
	EventAt(ctx context.Context, seq int64) (time.Time, error)
	Apply(ctx context.Context, act effect.Act, now time.Time, policyVersion string, effects []effect.Effect) error
}

// Standing is where the tree and its checkpoints stand.
type Standing struct {
	Epoch, Size int64
	Events      int64     // number of the newest event; those above Size have no leaf yet
	Signed      int64     // size of the newest checkpoint of this epoch; 0: none
	SignedAt    time.Time // zero: none
	Note        []byte    // that checkpoint
}

// Service signs the log of one server.
type Service struct {
	Store  Store
	Signer *Signer
	Folder *Folder // nil: checkpoints stay in the database, and are shown at /audit/checkpoint
	Policy policy.Policy
	Now    func() time.Time
}

// BehindError says that a checkpoint outside knows of more than the database: it was set back, or it is another one.
type BehindError struct {
	Outside Checkpoint // the newest outside
	Epoch   int64      // of the database
	Events  int64      // in the database
}

func (e *BehindError) Error() string {
	return fmt.Sprintf("notary: the checkpoint kept outside (epoch %d, %d events) does not fit this database (epoch %d, %d events): "+
		"it is an older copy or another database. If it was restored on purpose, run `doverie fence`", e.Outside.Epoch, e.Outside.Size, e.Epoch, e.Events)
}

var act = effect.Act{Actor: effect.System, Device: "notary"}

// Start arms the timer. Every process does it when it begins to serve.
func (s *Service) Start(ctx context.Context) error { return s.arm(ctx, s.Now()) }

func (s *Service) arm(ctx context.Context, at time.Time) error {
	return s.Store.Apply(ctx, act, s.Now(), s.Policy.Version, []effect.Effect{effect.Arm{Timer: TimerTend, Object: TheLog, At: at}})
}

// Tend is the timer: it gives the events since the last time their leaves, signs when that is due, and arms itself.
// Errors: what keeps it from signing, among it a log that is broken, and BehindError.
func (s *Service) Tend(ctx context.Context, _ string) error {
	before, err := s.Check(ctx)
	if err != nil {
		return err
	}
	size, err := s.grow(ctx)
	if err != nil {
		return err
	}
	now := s.Now()
	fresh := max(size, before.Size) - before.Signed
	if fresh > 0 && (before.SignedAt.IsZero() || fresh >= int64(s.Policy.CheckpointEvents) || !now.Before(before.SignedAt.Add(s.Policy.CheckpointEvery))) {
		if _, err := s.Store.SignCheckpoint(ctx, now, s.Signer); err != nil {
			return err
		}
	}
	if err := s.Publish(ctx); err != nil {
		return err
	}
	return s.arm(ctx, now.Add(s.Policy.CheckpointLook))
}

// Seal gives every event its leaf and signs at once. An empty log has no checkpoint: the zero value.
func (s *Service) Seal(ctx context.Context) (Signed, error) {
	if _, err := s.Check(ctx); err != nil {
		return Signed{}, err
	}
	if _, err := s.grow(ctx); err != nil {
		return Signed{}, err
	}
	signed, err := s.Store.SignCheckpoint(ctx, s.Now(), s.Signer)
	if err != nil {
		return Signed{}, err
	}
	return signed, s.Publish(ctx)
}

// grow appends leaves until there are no more events, and returns the size of the tree then, if it grew.
func (s *Service) grow(ctx context.Context) (int64, error) {
	for {
		n, err := s.Store.AppendLeaves(ctx)
		if err != nil {
			return 0, err
		}
		if n == 0 {
			standing, err := s.Store.Standing(ctx)
			return standing.Size, err
		}
	}
}

// Check holds the database against the newest checkpoint outside. Errors: BehindError, and those of folder and database.
func (s *Service) Check(ctx context.Context) (Standing, error) {
	standing, err := s.Store.Standing(ctx)
	if err != nil || s.Folder == nil {
		return standing, err
	}
	all, err := s.Outside(ctx)
	if err != nil || len(all) == 0 {
		return standing, err
	}
	newest := all[len(all)-1]
	behind := &BehindError{Outside: newest.Checkpoint, Epoch: standing.Epoch, Events: standing.Events}
	switch {
	case newest.Epoch > standing.Epoch, newest.Epoch == standing.Epoch && newest.Size > standing.Size:
		return standing, behind
	case newest.Epoch < standing.Epoch || newest.Size == 0: // fenced, and nothing of this epoch is outside yet
		return standing, nil
	}
	root, err := s.Store.TreeRoot(ctx, newest.Size)
	if err == nil && root != newest.Root {
		err = behind
	}
	return standing, err
}

// publishAtOnce is how many checkpoints are read at once.
const publishAtOnce = 100

// Publish writes to the folder what it does not have yet of this epoch's checkpoints. Every process does it for its own
// folder.
func (s *Service) Publish(ctx context.Context) error {
	if s.Folder == nil {
		return nil
	}
	standing, err := s.Store.Standing(ctx)
	if err != nil {
		return err
	}
	known, err := s.Store.HandOvers(ctx)
	if err != nil {
		return err
	}
	for _, h := range known {
		if err := s.Folder.PutHandOver(h); err != nil {
			return err
		}
	}
	ring, err := s.Ring(ctx)
	if err != nil {
		return err
	}
	all, err := s.Outside(ctx)
	if err != nil {
		return err
	}
	have := int64(0)
	for _, c := range all {
		if c.Epoch == standing.Epoch {
			have = max(have, c.Size)
		}
	}
	for {
		notes, err := s.Store.Checkpoints(ctx, standing.Epoch, have, publishAtOnce)
		if err != nil || len(notes) == 0 {
			return err
		}
		for _, text := range notes {
			c, err := ring.Open(text)
			if err != nil {
				return err
			}
			if c.Epoch != standing.Epoch || c.Size <= have {
				return errors.Join(ErrCheckpoint, errors.New("notary: a checkpoint lies in another's row"))
			}
			if err := s.Folder.Put(c); err != nil {
				return err
			}
			have = c.Size
		}
	}
}

// Outside are the checkpoints of the folder; none when there is no folder.
func (s *Service) Outside(ctx context.Context) ([]Signed, error) {
	if s.Folder == nil {
		return nil, nil
	}
	known, err := s.Store.HandOvers(ctx)
	if err != nil {
		return nil, err
	}
	f := *s.Folder
	f.Known = known
	return f.All()
}

// Ring is this process's key with those before it, as the database and the folder know them.
func (s *Service) Ring(ctx context.Context) (Ring, error) {
	known, err := s.Store.HandOvers(ctx)
	if err != nil {
		return Ring{}, err
	}
	if s.Folder == nil {
		return NewRing(s.Signer.Key(), known...)
	}
	f := *s.Folder
	f.Known = known
	return f.Ring()
}

// Lag is how long the oldest event waits that no checkpoint covers, and the oldest that no checkpoint outside covers; zero when
// there is none, or no folder.
func (s *Service) Lag(ctx context.Context) (signed, outside time.Duration, err error) {
	standing, err := s.Store.Standing(ctx)
	if err != nil {
		return 0, 0, err
	}
	if signed, err = s.waits(ctx, standing.Signed+1); err != nil || s.Folder == nil {
		return signed, 0, err
	}
	all, err := s.Outside(ctx)
	if err != nil {
		return signed, 0, err
	}
	have := int64(0)
	for _, c := range all {
		if c.Epoch == standing.Epoch {
			have = max(have, c.Size)
		}
	}
	outside, err = s.waits(ctx, have+1)
	return signed, outside, err
}

func (s *Service) waits(ctx context.Context, seq int64) (time.Duration, error) {
	at, err := s.Store.EventAt(ctx, seq)
	if err != nil || at.IsZero() {
		return 0, err
	}
	return max(0, s.Now().Sub(at)), nil
}
