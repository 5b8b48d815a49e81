package signals

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"unicode/utf8"

	"doverie/internal/fault"
)

// The bounds of a body.
const (
	MaxBody    = 64 << 10 // bytes
	maxDepth   = 8
	maxMembers = 200  // of one object but the errors of a poll
	maxList    = 1000 // of one list, and of the errors of a poll
)

// object is one JSON object with its members as they came: names are compared exactly, and a name that
// comes twice is an error, because two readers of such a text disagree (RFC 8259, section 4).
type object map[string]json.RawMessage

func badBody(because error) error {
	return fault.New(fault.Invalid, "fault.signals.body", nil).Because(because)
}

var (
	errTwice = errors.New("signals: a member comes twice")
	errDeep  = errors.New("signals: nested too deep, or too much")
	errMore  = errors.New("signals: text after the object")
	errUTF8  = errors.New("signals: not UTF-8")
	errKind  = errors.New("signals: not an object")
)

// parse reads one object and checks all that is in it. The only error is Invalid.
func parse(body []byte) (object, error) {
	if len(body) > MaxBody {
		return nil, badBody(errDeep)
	}
	if !utf8.Valid(body) {
		return nil, badBody(errUTF8)
	}
	d := json.NewDecoder(bytes.NewReader(body))
	if err := walk(d, 0); err != nil {
		return nil, badBody(err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, badBody(errMore)
	}
	var o object
	if err := json.Unmarshal(body, &o); err != nil {
		return nil, badBody(err)
	}
	if o == nil {
		return nil, badBody(errKind)
	}
	return o, nil
}

// walk reads one value and everything inside it.
func walk(d *json.Decoder, depth int) error {
	t, err := d.Token()
	if err != nil {
		return err
	}
	open, nested := t.(json.Delim)
	if !nested {
		return nil
	}
	if depth == maxDepth {
		return errDeep
	}
	seen := map[string]bool{}
	for n := 0; d.More(); n++ {
		if n == maxList {
			return errDeep
		}
		if open == '{' {
			name, err := d.Token()
			if err != nil {
				return err
			}
			text, _ := name.(string)
			if seen[text] {
				return errTwice
			}
			seen[text] = true
		}
		if err := walk(d, depth+1); err != nil {
			return err
		}
	}
	_, err = d.Token() // the closing bracket
	return err
}

// has reports whether the member is there and not null.
func (o object) has(name string) bool {
	raw, ok := o[name]
	return ok && !bytes.Equal(bytes.TrimSpace(raw), []byte("null"))
}

// text reads a member that is a text; a missing one is "".
func (o object) text(name string) (string, error) {
	var s string
	if o.has(name) && json.Unmarshal(o[name], &s) != nil {
		return "", wrong(name)
	}
	return s, nil
}

// flag reads a member that is true or false; a missing one is false.
func (o object) flag(name string) (bool, error) {
	var b bool
	if o.has(name) && json.Unmarshal(o[name], &b) != nil {
		return false, wrong(name)
	}
	return b, nil
}

// texts reads a member that is a list of texts; a missing one is nil.
func (o object) texts(name string) ([]string, error) {
	if !o.has(name) {
		return nil, nil
	}
	list := []string{}
	if json.Unmarshal(o[name], &list) != nil {
		return nil, wrong(name)
	}
	return list, nil
}

// inner reads a member that is an object; a missing one is nil.
func (o object) inner(name string) (object, error) {
	if !o.has(name) {
		return nil, nil //nolint:nilnil // a missing member is no error, and nothing
	}
	var in object
	if json.Unmarshal(o[name], &in) != nil || in == nil {
		return nil, wrong(name)
	}
	return in, nil
}
