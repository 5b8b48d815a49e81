// Package i18n holds every sentence a person reads, in Russian and in English.
//
// A message lives under one key in locales/ru/<family>.json and in locales/en/<family>.json, one file a
// family of pages. Keys are dotted and lower-case ("recovery.wait.title"). A message is a text, or one text
// per plural form (Russian: one, few, many, other; English: one, other). Arguments are named: {{.Name}}.
// A sentence that is not always said stands in {{if .Until}} ... {{end}}; its argument may be left out.
//
// A Printer speaks one language in one time zone. It never fails: a key nobody wrote, or an argument nobody
// gave, prints the key between ⟦ and ⟧ and is reported to Catalogue.Missing, which the tests of every page
// turn into a failure.
package i18n
