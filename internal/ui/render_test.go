package ui_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"doverie/internal/i18n"
	"doverie/internal/ui"
)

// renderer builds every page of both languages; a message that cannot be printed fails the test.
func renderer(t *testing.T) *ui.Renderer {
	t.Helper()
	cat, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	cat.Missing = func(lang, key string, why error) { t.Errorf("%s: message %q: %v", lang, key, why) }
	moscow, err := time.LoadLocation("Europe/Moscow")
	if err != nil {
		t.Fatal(err)
	}
	assets, err := ui.LoadAssets()
	if err != nil {
		t.Fatal(err)
	}
	r, err := ui.New(assets, cat.Printer(i18n.Russian, moscow), cat.Printer(i18n.English, moscow))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestFaultPageRenders(t *testing.T) {
	r := renderer(t)
	for _, lang := range i18n.Languages() {
		var buf bytes.Buffer
		page := ui.FaultPage{Icon: "ban", Heading: ui.K("fault.refused.title"), Words: ui.K("fault.refused"), RequestID: "AB<script>"}
		if err := r.Render(&buf, lang, ui.Layout{Path: "/x", Person: "Вера <П.>"}, page); err != nil {
			t.Fatal(err)
		}
		html := buf.String()
		if !strings.Contains(html, `<html lang="`+lang+`">`) || strings.Contains(html, "<script>") || strings.Contains(html, "<П.>") {
			t.Errorf("%s: wrong language or unescaped data:\n%s", lang, html)
		}
	}
}
