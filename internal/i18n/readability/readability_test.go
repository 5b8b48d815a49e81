package readability_test

import (
	"math"
	"testing"

	"doverie/internal/i18n/readability"
)

func TestMeasure(t *testing.T) {
	for text, want := range map[string]readability.Text{
		"":                {},
		"12 %":            {},
		"Мама мыла раму.": {Words: 3, Sentences: 1, Syllables: 6},
		"Вот дом. Он мой?! И в нём я": {Words: 8, Sentences: 3, Syllables: 8},
		"Кое-кто звонит…":             {Words: 2, Sentences: 1, Syllables: 5},
	} {
		if got := readability.Measure(text); got != want {
			t.Errorf("%q: %+v, want %+v", text, got, want)
		}
	}
}

// TestEase checks the formula by hand and that officialese loses against plain words.
func TestEase(t *testing.T) {
	if got := readability.Measure("Мама мыла раму.").Ease(); math.Abs(got-(206.835-3.9-120.2)) > 1e-9 {
		t.Errorf("got %v", got)
	}
	hard := readability.Measure("Осуществление восстановления доступа к учётной записи производится исключительно при условии предварительного подтверждения указанного действия доверенным контактом.").Ease()
	if hard > 30 {
		t.Errorf("officialese reads with %v", hard)
	}
}
