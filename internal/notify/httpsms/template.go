package httpsms

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// names lists every placeholder.
var names = []string{"to", "digits", "text", "sender", "id", "key", "ttl"}

var placeholder = regexp.MustCompile(`\{([a-z_]*)\}`)

var errNotJSON = errors.New("it is not one JSON value")

func placesIn(s string) []string {
	var out []string
	for _, found := range placeholder.FindAllStringSubmatch(s, -1) {
		out = append(out, found[1])
	}
	return out
}

// fill puts values into one text. A value is never looked at again, so "{key}" in a name stays "{key}".
func fill(s string, values map[string]string) string {
	return placeholder.ReplaceAllStringFunc(s, func(p string) string { return values[p[1:len(p)-1]] })
}

func checkPlaces(found []string) error {
	for _, name := range found {
		if !slices.Contains(names, name) {
			return fmt.Errorf("{%s} is no placeholder; these are: {%s}", name, strings.Join(names, "} {"))
		}
	}
	return nil
}

// formFields is a parsed form whose values hold placeholders.
type formFields url.Values

func formTemplate(values url.Values) (formFields, error) {
	f := formFields(values)
	return f, checkPlaces(f.places())
}

func (f formFields) places() []string {
	var out []string
	for _, values := range f {
		for _, v := range values {
			out = append(out, placesIn(v)...)
		}
	}
	return out
}

func (f formFields) fill(values map[string]string) string {
	out := url.Values{}
	for name, templates := range f {
		for _, v := range templates {
			out.Add(name, fill(v, values))
		}
	}
	return out.Encode()
}

// readJSON reads one JSON value, with numbers as they are written.
func readJSON(from []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(from))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("%w: %w", errNotJSON, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errNotJSON
	}
	return v, nil
}

// jsonTemplate is a parsed JSON body whose texts hold placeholders; names of members hold none.
func jsonTemplate(body string) (any, error) {
	v, err := readJSON([]byte(body))
	if err != nil {
		return nil, err
	}
	return v, checkPlaces(places(v))
}

func places(v any) []string {
	var out []string
	switch v := v.(type) {
	case string:
		out = placesIn(v)
	case []any:
		for _, e := range v {
			out = append(out, places(e)...)
		}
	case map[string]any:
		for _, e := range v {
			out = append(out, places(e)...)
		}
	}
	return out
}

func fillJSON(v any, values map[string]string) any {
	switch v := v.(type) {
	case string:
		if v == "{ttl}" {
			return json.Number(values["ttl"])
		}
		return fill(v, values)
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			out[i] = fillJSON(e, values)
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for name, e := range v {
			out[name] = fillJSON(e, values)
		}
		return out
	default:
		return v
	}
}

// at walks a path such as "messages.0.status"; the empty path is the value itself.
func at(v any, path string) (any, bool) {
	if path == "" {
		return v, true
	}
	for step := range strings.SplitSeq(path, ".") {
		switch whole := v.(type) {
		case map[string]any:
			next, ok := whole[step]
			if !ok {
				return nil, false
			}
			v = next
		case []any:
			i, err := strconv.Atoi(step)
			if err != nil || i < 0 || i >= len(whole) {
				return nil, false
			}
			v = whole[i]
		default:
			return nil, false
		}
	}
	return v, true
}

// text is a scalar as it is compared and stored; false for anything else.
func text(v any) (string, bool) {
	switch v := v.(type) {
	case string:
		return v, true
	case json.Number:
		return v.String(), true
	case bool:
		return strconv.FormatBool(v), true
	default:
		return "", false
	}
}

// textAt is the scalar at a path; "" when there is none.
func textAt(v any, path string) string {
	found, ok := at(v, path)
	if !ok {
		return ""
	}
	s, _ := text(found)
	return s
}
