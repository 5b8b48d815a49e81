package outreach

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/BurntSushi/toml"

	"doverie/internal/fault"
)

// ReadOrganisation reads one organisation from a TOML file, and its logo from beside it; the logo is nil without one.
func ReadOrganisation(file string) (o Organisation, logo []byte, err error) {
	meta, err := toml.DecodeFile(file, &o)
	if err == nil {
		if unknown := meta.Undecoded(); len(unknown) > 0 {
			err = fmt.Errorf("unknown keys %v", unknown)
		}
	}
	if err != nil {
		return o, nil, fault.New(fault.Invalid, "outreach.fault.organisation", nil).Because(err)
	}
	logo, err = logoBeside(filepath.Dir(file), o.Logo)
	return o, logo, err
}

// logoBeside reads a logo; its name may not lead out of the folder, because registers come by e-mail.
func logoBeside(dir, name string) ([]byte, error) {
	if name == "" {
		return nil, nil
	}
	f, err := os.OpenInRoot(dir, name)
	if err != nil {
		return nil, fault.BadFields(fault.Field{Name: "logo", Key: "outreach.field.logo_file"}).Because(err)
	}
	defer func() { _ = f.Close() }() // only read
	data, err := io.ReadAll(io.LimitReader(f, logoBytesMost+1))
	if err != nil {
		return nil, fault.BadFields(fault.Field{Name: "logo", Key: "outreach.field.logo_file"}).Because(err)
	}
	return data, nil
}
