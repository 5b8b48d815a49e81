package outreach

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"doverie/internal/fault"
)

// Row is one line of a register: an organisation, or why it is none.
type Row struct {
	Line int // of the file, from 1
	Org  Organisation
	Err  error
}

// Bounds of a register.
const (
	registerBytesMost = 16 << 20
	registerRowsMost  = 20000
)

// columns of a register, and where each goes.
var columns = map[string]func(*Organisation) *string{
	"id":           func(o *Organisation) *string { return &o.ID },
	"name":         func(o *Organisation) *string { return &o.Name },
	"logo":         func(o *Organisation) *string { return &o.Logo },
	"site":         func(o *Organisation) *string { return &o.Site },
	"region":       func(o *Organisation) *string { return &o.Region },
	"municipality": func(o *Organisation) *string { return &o.Municipality },
	"position":     func(o *Organisation) *string { return &o.Position },
	"head":         func(o *Organisation) *string { return &o.Head },
	"salutation":   func(o *Organisation) *string { return &o.Salutation },
	"email":        func(o *Organisation) *string { return &o.Email },
	"their_number": func(o *Organisation) *string { return &o.TheirNumber },
	"their_date":   func(o *Organisation) *string { return &o.TheirDate },
}

// ReadRegister reads a register in CSV (commas or semicolons, UTF-8, the first line names the columns). A wrong row is
// given with its fault and stops nothing; a file that is no register is an error. letters asks for what letters need.
func ReadRegister(in io.Reader, letters bool) ([]Row, error) {
	bad := func(cause error) error {
		return fault.New(fault.Invalid, "outreach.fault.register", nil).Because(cause)
	}
	data, err := io.ReadAll(io.LimitReader(in, registerBytesMost+1))
	if err != nil {
		return nil, err
	}
	if len(data) > registerBytesMost {
		return nil, bad(fmt.Errorf("more than %d MiB", registerBytesMost>>20))
	}
	data = bytes.TrimPrefix(data, []byte("\ufeff"))
	if !utf8.Valid(data) {
		return nil, fault.New(fault.Invalid, "outreach.fault.register_encoding", nil)
	}
	r := csv.NewReader(bytes.NewReader(data))
	r.FieldsPerRecord = -1
	first, _, _ := bytes.Cut(data, []byte("\n"))
	if bytes.Count(first, []byte(";")) > bytes.Count(first, []byte(",")) {
		r.Comma = ';'
	}
	header, err := r.Read()
	if err != nil {
		return nil, bad(err)
	}
	for i, name := range header {
		header[i] = strings.ToLower(strings.TrimSpace(name))
		if columns[header[i]] == nil {
			return nil, bad(fmt.Errorf("unknown column %q", name))
		}
		if slices.Contains(header[:i], header[i]) {
			return nil, bad(fmt.Errorf("column %q twice", name))
		}
	}
	for _, name := range []string{"id", "name"} {
		if !slices.Contains(header, name) {
			return nil, bad(fmt.Errorf("no column %q", name))
		}
	}
	return readRows(r, header, letters)
}

func readRows(r *csv.Reader, header []string, letters bool) ([]Row, error) {
	var rows []Row
	lines := map[string]int{} // id → line that had it first
	for {
		record, err := r.Read()
		if errors.Is(err, io.EOF) {
			return rows, nil
		}
		if len(rows) == registerRowsMost {
			return nil, fault.New(fault.Invalid, "outreach.fault.register", nil).Because(fmt.Errorf("more than %d rows", registerRowsMost))
		}
		row := Row{}
		if err != nil {
			var broken *csv.ParseError
			if !errors.As(err, &broken) {
				return nil, err
			}
			row.Line, row.Err = broken.StartLine, fault.New(fault.Invalid, "outreach.fault.row", nil).Because(err)
			rows = append(rows, row)
			continue
		}
		row.Line, _ = r.FieldPos(0)
		if len(record) != len(header) {
			row.Err = fault.New(fault.Invalid, "outreach.fault.row_fields", fault.Args{"Have": len(record), "Want": len(header)})
			rows = append(rows, row)
			continue
		}
		for i, value := range record {
			*columns[header[i]](&row.Org) = strings.TrimSpace(value)
		}
		row.Err = row.Org.check(letters)
		if before, ok := lines[row.Org.ID]; ok && row.Err == nil {
			row.Err = fault.BadFields(fault.Field{Name: "id", Key: "outreach.field.twice", Args: fault.Args{"Line": before}})
		}
		if row.Err == nil {
			lines[row.Org.ID] = row.Line
		}
		rows = append(rows, row)
	}
}
