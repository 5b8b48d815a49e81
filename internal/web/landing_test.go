package web

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"doverie/internal/httpx"
	"doverie/internal/outreach"
	"doverie/internal/policy"
)

// TestTheLandingPageHoldsTheCheckedText: the page that every kit leads to says each statement of the one source text word for
// word, in both languages, and nothing dangerous.
func TestTheLandingPageHoldsTheCheckedText(t *testing.T) {
	text := checkedText(t)
	for _, lang := range []string{outreach.Russian, outreach.English} {
		s := newSite(t, httpx.Visitor{})
		NewLanding(s.kit, policy.Default(), "https://www.gosuslugi.ru", nobodyCounts{}, text, slog.New(slog.DiscardHandler)).Mount(s.mux, s.gate)
		page := s.ask("/landing/trusted_contact?p=abcdefg", lang, nil)
		if page.Code != http.StatusOK {
			t.Fatalf("%s: status %d", lang, page.Code)
		}
		report, err := text.Check(page.Body.String(), outreach.CheckOptions{Form: "full", Language: lang, HTML: true})
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range report.Findings {
			t.Errorf("%s: %s %s: %s (%s)", lang, f.Level, f.ID, f.Name, f.Quote)
		}
	}
	s := newSite(t, httpx.Visitor{})
	NewLanding(s.kit, policy.Default(), "https://doverie.test/", nobodyCounts{}, text, slog.New(slog.DiscardHandler)).Mount(s.mux, s.gate)
	page := s.ask("/landing/trusted_contact", outreach.Russian, nil).Body.String()
	for _, word := range []string{"https://doverie.test/settings/account", "https://doverie.test/landing/trusted_contact"} {
		if !strings.Contains(page, word) {
			t.Errorf("the page of another installation does not name %s", word)
		}
	}
	if strings.Contains(page, "gosuslugi.ru") {
		t.Error("the page of another installation leads away")
	}
}
