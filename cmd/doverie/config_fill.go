package main

import (
	"fmt"
	"io/fs"
	"os"
	"reflect"
	"strings"
)

func ensure[T any](all *map[string]*T, name string) *T {
	if *all == nil {
		*all = map[string]*T{}
	}
	if (*all)[name] == nil {
		(*all)[name] = new(T)
	}
	return (*all)[name]
}

func variablesOf(carrier any) (names []string) {
	for field := range reflect.TypeOf(carrier).Fields() {
		if name := field.Tag.Get("env"); name != "" {
			names = append(names, name)
		}
	}
	return names
}

// filler turns the tables of carriers into what the packages take, and gathers what is wrong.
type filler struct {
	problems []error
}

func (f *filler) failf(key, format string, args ...any) {
	f.problems = append(f.problems, fmt.Errorf(key+": "+format, args...))
}

// fill copies fields of one name, reads the files they name, and reports a required one that is empty.
func (f *filler) fill(key string, from, into any) {
	src, dst := reflect.ValueOf(from).Elem(), reflect.ValueOf(into).Elem()
	for field, value := range src.Fields() {
		name := key + "." + field.Tag.Get("toml")
		if field.Tag.Get("required") != "" && value.IsZero() {
			f.failf(name, "is missing")
		}
		if secret := field.Tag.Get("secret"); secret != "" {
			f.secret(name, value.String(), src.FieldByName(secret))
			continue
		}
		target := dst.FieldByName(field.Name)
		switch {
		case !target.IsValid():
		case field.Name == "CAFile" && value.String() != "":
			content, err := os.ReadFile(value.String())
			if err != nil {
				f.failf(name, "%w", err)
			}
			target.SetBytes(content)
		case value.Kind() == target.Kind() && value.CanConvert(target.Type()):
			target.Set(value.Convert(target.Type()))
		}
	}
	for field, value := range src.Fields() { // secrets were filled in above, and stand before or after their files
		if target := dst.FieldByName(field.Name); field.Tag.Get("toml") == "-" && target.IsValid() {
			target.Set(value)
		}
	}
}

// secret reads a file into the field that the environment may have filled instead.
func (f *filler) secret(key, path string, into reflect.Value) {
	if path == "" {
		return
	}
	if into.String() != "" {
		f.failf(key, "the environment gives the secret itself as well")
		return
	}
	text, err := readSecret(path)
	if err != nil {
		f.failf(key, "%w", err)
		return
	}
	into.SetString(text)
}

// anybodyMayRead are the permission bits that a file with a secret must not have.
const anybodyMayRead fs.FileMode = 0o007

// readSecret reads a file with one secret. The errors never repeat what the file holds.
func readSecret(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if info.Mode().Perm()&anybodyMayRead != 0 {
		return "", fmt.Errorf("%s may be read by everybody (%s): chmod 600 it", path, info.Mode().Perm())
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	text := strings.TrimRight(string(content), "\r\n")
	if text == "" {
		return "", fmt.Errorf("%s is empty", path)
	}
	return text, nil
}
