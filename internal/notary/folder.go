package notary

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Folder keeps checkpoints outside the database: a file each, written once and never again. It should lie on another
// disk or machine than the database, best where the server may add and not remove.
//
//	FOLDER/epoch-1/00000000000000001024.checkpoint
type Folder struct {
	Path string
	// Key is the public key that is trusted, and with it those before it in their time, as hand-overs say: files of no such key
	// are no checkpoints.
	Key string
	// Known are hand-overs from elsewhere; the folder has its own.
	Known []HandOver
}

// ErrForked says that two checkpoints of one epoch and size differ: one of them is of another log.
var ErrForked = errors.New("notary: another checkpoint of the same size lies in the folder already")

const (
	epochFolder = "epoch-"
	fileEnding  = ".checkpoint"

	handOverEnding = ".hand-over"
	sizeDigits     = 20
)

// Put writes the checkpoint and makes sure that it is on the disk. One that is there already is not touched. Errors:
// ErrForked, and those of the disk.
func (f Folder) Put(c Signed) error {
	folder := filepath.Join(f.Path, epochFolder+strconv.FormatInt(c.Epoch, 10))
	if err := os.MkdirAll(folder, 0o755); err != nil { //nolint:gosec // checkpoints are public
		return fmt.Errorf("notary: %w", err)
	}
	name := filepath.Join(folder, fmt.Sprintf("%0*d%s", sizeDigits, c.Size, fileEnding))
	old, err := os.ReadFile(name)
	switch {
	case err == nil && bytes.Equal(old, c.Note):
		return nil
	case err == nil:
		return fmt.Errorf("%w: %s", ErrForked, name)
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("notary: %w", err)
	}
	return f.write(folder, name, c.Note)
}

// write makes the file under another name first, so that a half written one is never taken for a checkpoint. The
// link fails when somebody else was quicker: nothing is written over.
func (f Folder) write(folder, name string, content []byte) error {
	temporary, err := os.CreateTemp(folder, ".writing-*")
	if err != nil {
		return fmt.Errorf("notary: %w", err)
	}
	defer os.Remove(temporary.Name()) //nolint:errcheck // a stray hidden file harms nothing
	_, err = temporary.Write(content)
	err = cmp.Or(err, temporary.Chmod(0o444), temporary.Sync(), temporary.Close())
	if err == nil {
		if err = os.Link(temporary.Name(), name); errors.Is(err, fs.ErrExist) {
			old, failed := os.ReadFile(name)
			if err = failed; err == nil && !bytes.Equal(old, content) {
				err = fmt.Errorf("%w: %s", ErrForked, name)
			}
		}
	}
	if err == nil {
		err = errors.Join(syncFolder(folder), syncFolder(f.Path))
	}
	if err != nil {
		return fmt.Errorf("notary: %w", err)
	}
	return nil
}

func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// PutHandOver writes a hand-over beside the checkpoints. Errors: ErrForked, and those of the disk.
func (f Folder) PutHandOver(h HandOver) error {
	sum := sha256.Sum256([]byte(h.Next))
	name := filepath.Join(f.Path, fmt.Sprintf("to-%x%s", sum[:8], handOverEnding))
	if old, err := os.ReadFile(name); err == nil {
		if bytes.Equal(old, h.Note) {
			return nil
		}
		return fmt.Errorf("%w: %s", ErrForked, name)
	}
	return f.write(f.Path, name, h.Note)
}

// Ring is the trusted key with those before it.
func (f Folder) Ring() (Ring, error) {
	names, err := filepath.Glob(filepath.Join(escapeGlob(f.Path), "*"+handOverEnding))
	if err != nil {
		return Ring{}, fmt.Errorf("notary: %w", err)
	}
	all := slices.Clone(f.Known)
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			return Ring{}, fmt.Errorf("notary: %w", err)
		}
		h, err := OpenHandOver(text)
		if err != nil {
			return Ring{}, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, h)
	}
	return NewRing(f.Key, all...)
}

// All reads every checkpoint, by epoch and size. A file that is not signed by the key, or lies under another name than
// its own, is an error: somebody has written here.
func (f Folder) All() ([]Signed, error) {
	names, err := filepath.Glob(filepath.Join(escapeGlob(f.Path), epochFolder+"*", "*"+fileEnding))
	if err != nil {
		return nil, fmt.Errorf("notary: %w", err)
	}
	if _, err := os.Stat(f.Path); err != nil { // a folder that is not mounted is not an empty folder
		return nil, fmt.Errorf("notary: %w", err)
	}
	ring, err := f.Ring()
	if err != nil {
		return nil, err
	}
	all := make([]Signed, 0, len(names))
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("notary: %w", err)
		}
		c, err := ring.Open(content)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		epoch := strings.TrimPrefix(filepath.Base(filepath.Dir(name)), epochFolder)
		if epoch != strconv.FormatInt(c.Epoch, 10) || filepath.Base(name) != fmt.Sprintf("%0*d%s", sizeDigits, c.Size, fileEnding) {
			return nil, fmt.Errorf("%s: %w: it lies under another name than its own", name, ErrCheckpoint)
		}
		all = append(all, c)
	}
	slices.SortFunc(all, byAge)
	return all, nil
}

var globEscaper = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`)

func escapeGlob(path string) string { return globEscaper.Replace(path) }

func byAge(a, b Signed) int {
	return cmp.Or(cmp.Compare(a.Epoch, b.Epoch), cmp.Compare(a.Size, b.Size))
}
