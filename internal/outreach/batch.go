package outreach

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"doverie/internal/fault"
)

// BatchOptions say what to make for a register.
type BatchOptions struct {
	Kit      KitOptions
	LogoDir  string  // folder of the logos named in the register
	NoKits   bool    // letters only
	Letter   *Letter // nil: no letters
	Together bool    // one letter to all, instead of one to each
	Workers  int     // kits made at once; at least 1
}

// Progress is told after every row.
type Progress struct {
	Row      Row   // its Err says why nothing was made
	Skipped  bool  // an earlier run had made it
	Done, Of int   // rows behind us, rows in all
	Bytes    int64 // written for this row
}

// Folders of a batch.
const (
	kitsFolder    = "kits"
	lettersFolder = "letters"
	lockName      = ".lock"
)

// ErrBusy is returned when another run writes into the same folder.
var ErrBusy = errors.New("another run is writing into this folder")

// Batch makes kits and letters for every good row of a register, into dir/kits/ID and dir/letters/ID.pdf. What an earlier run
// has finished from the same input is left as it is; what it was making when it was killed is made anew. told is called for
// one row at a time. It returns the first error of the machine (a full disk), never that of a row.
func (s *Source) Batch(ctx context.Context, dir string, rows []Row, o BatchOptions, told func(Progress)) error {
	for _, folder := range []string{kitsFolder, lettersFolder} {
		if err := os.MkdirAll(filepath.Join(dir, folder), 0o755); err != nil { //nolint:gosec // kits are for everybody to read
			return err
		}
	}
	unlock, err := lock(filepath.Join(dir, lockName))
	if err != nil {
		return err
	}
	defer unlock()
	if err := sweep(dir); err != nil {
		return err
	}
	b := batch{source: s, dir: dir, options: o, of: len(rows), told: told}
	if o.Letter != nil && o.Together {
		if err := b.together(rows); err != nil {
			return err
		}
	}
	return b.run(ctx, rows)
}

type batch struct {
	source  *Source
	dir     string
	options BatchOptions
	of      int
	told    func(Progress)

	mu    sync.Mutex
	done  int
	first error
}

// run gives the rows to the workers and stops at the first error of the machine, or when the context ends.
func (b *batch) run(ctx context.Context, rows []Row) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	work := make(chan int)
	var workers sync.WaitGroup
	for range max(1, b.options.Workers) {
		workers.Go(func() {
			for i := range work {
				if err := b.row(i, rows[i]); err != nil {
					b.fail(err)
					stop()
				}
			}
		})
	}
feed:
	for i := range rows {
		select {
		case work <- i:
		case <-ctx.Done():
			b.fail(ctx.Err())
			break feed
		}
	}
	close(work)
	workers.Wait()
	return b.first
}

func (b *batch) fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.first == nil {
		b.first = err
	}
}

// row makes what one row asks for. A fault is the row's; any other error is the machine's.
func (b *batch) row(n int, row Row) error {
	p := Progress{Row: row, Of: b.of}
	if row.Err == nil {
		var machine error
		p, machine = b.make(n, p)
		var f *fault.Error
		if machine != nil && !errors.As(machine, &f) {
			return fmt.Errorf("line %d: %w", row.Line, machine)
		}
		p.Row.Err = machine
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.done++
	p.Done = b.done
	b.told(p)
	return nil
}

func (b *batch) make(n int, p Progress) (Progress, error) {
	o := p.Row.Org
	p.Skipped = true
	if !b.options.NoKits {
		size, err := b.kit(o)
		if err != nil {
			return p, err
		}
		p.Bytes, p.Skipped = size, size == 0
	}
	if b.options.Letter == nil || b.options.Together {
		return p, nil
	}
	size, err := b.letter(o.ID, n, []Organisation{o})
	p.Bytes += size
	p.Skipped = p.Skipped && size == 0
	return p, err
}

// kit makes a kit unless it is there already; it returns the bytes written.
func (b *batch) kit(o Organisation) (size int64, err error) {
	logo, err := logoBeside(b.options.LogoDir, o.Logo)
	if err != nil {
		return 0, err
	}
	folder := filepath.Join(b.dir, kitsFolder, o.ID)
	if b.source.KitDone(folder, o, logo, b.options.Kit) {
		return 0, nil
	}
	files, err := b.source.MakeKit(o, logo, b.options.Kit)
	if err != nil {
		return 0, err
	}
	for _, f := range files {
		size += int64(len(f.Data))
	}
	return size, WriteKit(folder, files)
}

// together makes the one letter to all good rows.
func (b *batch) together(rows []Row) error {
	var to []Organisation
	for _, r := range rows {
		if r.Err == nil {
			to = append(to, r.Org)
		}
	}
	_, err := b.letter("together", 0, to)
	return err
}

// letter writes a letter unless it is there already, made from the same input; it returns the bytes written. What it was made
// from stands in a file beside it, written after it: a run that was killed between the two makes the letter again.
func (b *batch) letter(name string, n int, to []Organisation) (int64, error) {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s %#v %d %#v", recipe, b.source.Version, *b.options.Letter, n, to))
	mark := hex.EncodeToString(sum[:])
	file := filepath.Join(b.dir, lettersFolder, name+".pdf")
	made := filepath.Join(b.dir, lettersFolder, "."+name+".made")
	before, err := os.ReadFile(made)
	if _, missing := os.Stat(file); err == nil && missing == nil && string(before) == mark {
		return 0, nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, err
	}
	pdf, err := b.source.MakeLetter(*b.options.Letter, n, to)
	if err != nil {
		return 0, err
	}
	if err := replaceFile(file, pdf); err != nil {
		return 0, err
	}
	return int64(len(pdf)), replaceFile(made, []byte(mark))
}

// replaceFile writes a file whole or not at all.
func replaceFile(name string, data []byte) error {
	dir, base := filepath.Split(name)
	fresh := filepath.Join(dir, partial+base)
	if err := os.RemoveAll(fresh); err != nil {
		return err
	}
	if err := writeFile(fresh, data); err != nil {
		return err
	}
	return os.Rename(fresh, name)
}

// sweep removes what a killed run was making. A kit that was being replaced when it was killed may have been moved aside
// and not yet succeeded; it is made anew, because its folder is missing.
func sweep(dir string) error {
	for _, folder := range []string{kitsFolder, lettersFolder} {
		entries, err := os.ReadDir(filepath.Join(dir, folder))
		if err != nil {
			return err
		}
		for _, e := range entries {
			if strings.HasPrefix(e.Name(), partial) {
				if err := os.RemoveAll(filepath.Join(dir, folder, e.Name())); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// lock keeps a second run out; the system takes the lock away from a killed one.
func lock(name string) (unlock func(), err error) {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		if errors.Is(err, unix.EWOULDBLOCK) {
			err = ErrBusy
		}
		return nil, errors.Join(err, f.Close())
	}
	return func() { _ = f.Close() }, nil
}
