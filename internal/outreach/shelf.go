package outreach

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Zip packs a kit under a folder of its own. Pictures and PDFs are compressed already, so nothing is compressed again; the
// same files make the same bytes.
func Zip(folder string, files []File) ([]byte, error) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	if err := AddTo(w, folder, files); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// AddTo puts the files into an archive that is being written.
func AddTo(w *zip.Writer, folder string, files []File) error {
	for _, f := range files {
		one, err := w.CreateHeader(&zip.FileHeader{Name: folder + "/" + f.Name, Method: zip.Store})
		if err != nil {
			return err
		}
		if _, err := one.Write(f.Data); err != nil {
			return err
		}
	}
	return nil
}

// Shelf is a folder where made kits wait to be downloaded. Whatever is missing from it is made again, so it may be emptied
// at any time, and every node may have its own.
type Shelf struct{ Dir string }

// Kit returns the kit of that input as a ZIP, from the shelf or made now.
func (s *Source) Kit(shelf Shelf, o Organisation, logo []byte, options KitOptions) ([]byte, error) {
	name := filepath.Join(shelf.Dir, s.fingerprint(o, logo, options)+".zip")
	ready, err := os.ReadFile(name)
	if err == nil {
		return ready, nil
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	files, err := s.MakeKit(o, logo, options)
	if err != nil {
		return nil, err
	}
	packed, err := Zip(o.ID, files)
	if err != nil {
		return nil, err
	}
	return packed, shelf.put(name, packed)
}

// put writes whole or not at all; two who make the same kit write the same bytes.
func (s Shelf) put(name string, data []byte) error {
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(s.Dir, partial+"*")
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// CopyInto copies every file of a packed kit into a larger archive, below a folder.
func CopyInto(w *zip.Writer, folder string, packed []byte) error {
	r, err := zip.NewReader(bytes.NewReader(packed), int64(len(packed)))
	if err != nil {
		return err
	}
	for _, f := range r.File {
		in, err := f.Open()
		if err != nil {
			return err
		}
		out, err := w.CreateHeader(&zip.FileHeader{Name: folder + "/" + f.Name, Method: zip.Store})
		if err == nil {
			_, err = io.Copy(out, io.LimitReader(in, kitFileMost))
		}
		if err = errors.Join(err, in.Close()); err != nil {
			return fmt.Errorf("%s: %w", f.Name, err)
		}
	}
	return nil
}

// kitFileMost bounds one file of a kit, in bytes: what we made ourselves is far below.
const kitFileMost = 64 << 20
