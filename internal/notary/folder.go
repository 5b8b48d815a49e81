package notary

import (
	"bytes"
	"cmp"
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
	Key  string // public key: files that it did not sign are no checkpoints
}

// ErrForked says that two checkpoints of one epoch and size differ: one of them is of another log.
var ErrForked = errors.New("notary: another checkpoint of the same size lies in the folder already")

const (
	epochFolder = "epoch-"
	fileEnding  = ".checkpoint"
	sizeDigits  = 20
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
	all := make([]Signed, 0, len(names))
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("notary: %w", err)
		}
		c, err := Open(content, f.Key)
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
