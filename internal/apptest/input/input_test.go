package input

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"doverie/internal/apptest/browser"
	"doverie/internal/i18n"
	"doverie/internal/policy"
)

var update = flag.Bool("update", false, "write the tables of docs/input.md again")

// TestForms posts every try to the running server.
func TestForms(t *testing.T) {
	t.Parallel()
	for _, f := range forms() {
		t.Run(strings.TrimPrefix(f.route, "POST "), func(t *testing.T) {
			t.Parallel()
			common := newPlay(t)
			client, path := f.scene(common)
			common.Settle()
			for _, v := range f.tries {
				if len(v.counts) > 0 || v.first != nil {
					continue
				}
				t.Run(v.typed, func(t *testing.T) {
					common.t = t
					v.with = common.fill(v.with)
					to := path
					if v.path != "" {
						to = v.path
					}
					for _, lang := range v.languages() {
						common.hears(lang, common.post(f, client, to, v, lang), v.says)
					}
				})
			}
			common.t = t
			common.everyForm(f, client, path)
			for _, v := range f.tries {
				if len(v.counts) > 0 || v.first != nil {
					t.Run(v.typed, func(t *testing.T) { alone(t, f, v) })
				}
			}
		})
	}
}

// alone plays a try that counts, or that something comes before, in a world of its own.
func alone(t *testing.T, f form, v try) {
	t.Helper()
	p := newPlay(t)
	c, path := f.scene(p)
	p.note["path"] = path
	p.Settle()
	if v.first != nil {
		v.first(p, c)
		p.Settle()
	}
	v.with = p.fill(v.with)
	if v.path != "" {
		path = v.path
	}
	p.hears(i18n.Default, p.post(f, c, path, v, i18n.Default), v.says)
	if v.stored != nil {
		if got := v.stored(p); got != v.as {
			t.Errorf("taken as %q instead of %q", got, v.as)
		}
	}
}

const (
	formsBegin = "<!-- forms: begin -->\n"
	formsEnd   = "<!-- forms: end -->\n"
)

// TestDocument compares docs/input.md with the tables.
func TestDocument(t *testing.T) {
	path := filepath.Join(browser.Root(t), "docs", "input.md")
	old, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(old), formsBegin)
	_, after, foundEnd := strings.Cut(rest, formsEnd)
	if !found || !foundEnd {
		t.Fatalf("%s has lost its marks", path)
	}
	fresh := before + formsBegin + tablesOf(t) + formsEnd + after
	if fresh == string(old) {
		return
	}
	if !*update {
		t.Fatalf("%s is not what the tests show; go test ./internal/apptest/input -run TestDocument -update", path)
	}
	if err := os.WriteFile(path, []byte(fresh), 0o644); err != nil {
		t.Fatal(err)
	}
}

func tablesOf(t *testing.T) string {
	t.Helper()
	catalogue, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	catalogue.Missing = func(lang, key string, why error) { t.Errorf("text %s %s: %v", lang, key, why) }
	zone := policy.Default().Location()
	russian, english := catalogue.Printer(i18n.Russian, zone), catalogue.Printer(i18n.English, zone)
	said := func(p *i18n.Printer, says []say) string {
		var all []string
		for _, s := range says {
			if s.key != "errors.kept" {
				all = append(all, cell(flat(p.T(s.key, s.args...))))
			}
		}
		if len(all) == 0 {
			return "–"
		}
		return strings.Join(all, "<br>")
	}
	var b strings.Builder
	b.WriteString("\n## Every form\n\nRefused before anything of the form is looked at; nothing is written:\n\n")
	b.WriteString("| sent | answer | in Russian | in English |\n|---|---|---|---|\n")
	for _, s := range slices.Concat(spoilts, spoiltParts("file"), strange) {
		one := []say{s.says}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", cell(s.what), describe(s.status), said(russian, one), said(english, one))
	}
	signIn := []say{words("fault.sign_in")}
	fmt.Fprintf(&b, "| nobody is signed in, and the form needs it | to the sign-in, and back | %s | %s |\n", said(russian, signIn), said(english, signIn))
	again := []say{words("fault.step_up")}
	fmt.Fprintf(&b, "| the repeated check is missing, and the form needs it | to the repeated check, and back | %s | %s |\n", said(russian, again), said(english, again))
	b.WriteString("| no operator is signed in, and the form is the console's | to the operators' sign-in, and back | – | – |\n")
	none := []say{words("fault.not_found")}
	fmt.Fprintf(&b, "| an id in the address that is unknown, another's or nonsense | %s | %s | %s |\n", describe(404), said(russian, none), said(english, none))
	for _, f := range forms() {
		fmt.Fprintf(&b, "\n## %s\n\n`%s`", f.what, f.route)
		switch f.gate {
		case session:
			b.WriteString(", for whoever is signed in")
		case stepUp, fresh:
			b.WriteString(", after the repeated check")
		case operators:
			b.WriteString(", for operators of the role")
		}
		if f.file != "" {
			b.WriteString("; sent in parts, with a file")
		}
		if f.button {
			b.WriteString("; a button: nothing of its body is read")
		}
		b.WriteString(".\n")
		if len(f.tries) == 0 {
			b.WriteString("\nNothing can be typed wrong here.\n")
			continue
		}
		b.WriteString("\n| sent | answer | in Russian | in English | kept on the form | written |\n|---|---|---|---|---|---|\n")
		for _, v := range f.tries {
			fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %s |\n", cell(v.typed), v.answer(), said(russian, v.says), said(english, v.says), v.keeps(), v.writes())
		}
	}
	scriptTables(&b, func(lang string, says []say) string { return said(catalogue.Printer(lang, zone), says) })
	b.WriteString("\n")
	return b.String()
}

func cell(text string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "`<", "`<").Replace(text)
}

// answer is the answer for people.
func (v try) answer() string {
	switch {
	case v.accepted():
		return "accepted"
	case v.status == 303 && v.to != "":
		return "on to `" + v.to + "`"
	case v.status == 303:
		return "on to where it stands"
	case v.status == 0:
		return "422, the form again"
	}
	return describe(v.status)
}

func (v try) accepted() bool { return v.status == 303 && len(v.says) == 0 && len(v.counts) > 1 }

func (v try) keeps() string {
	if v.status != 0 && v.status != 422 {
		return "–"
	}
	if len(v.kept) == 0 {
		return "nothing was there to keep"
	}
	return strings.Join(v.kept, ", ")
}

func (v try) writes() string {
	switch {
	case v.accepted() && v.stored != nil:
		return "taken as `" + v.as + "`"
	case v.accepted():
		return "what was asked for"
	case len(v.counts) == 0:
		return "nothing"
	case slices.Equal(v.counts, []string{"rate_limits"}), slices.Equal(v.counts, []string{"codes"}):
		return "that there was a try"
	case slices.Equal(v.counts, []string{"audit_head", "events", "rate_limits"}):
		return "that there was a try, with an event"
	}
	return "that the tries are over"
}
