package i18n

import (
	"cmp"
	"slices"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"
	"golang.org/x/text/language/display"
)

// Country is a country of ISO 3166, with its name in the reader's language.
type Country struct{ Code, Name string }

// Countries lists every country that is known, by name in the reader's language, the one with the code first at its head.
func Countries(lang, first string, known func(alpha3 string) bool) []Country {
	var all []Country
	for a := 'A'; a <= 'Z'; a++ {
		for b := 'A'; b <= 'Z'; b++ {
			region, err := language.ParseRegion(string([]rune{a, b}))
			if err != nil || !region.IsCountry() {
				continue
			}
			code := region.ISO3()
			if code == first || !known(code) || slices.ContainsFunc(all, func(c Country) bool { return c.Code == code }) {
				continue
			}
			all = append(all, Country{code, CountryName(lang, code)})
		}
	}
	order := collate.New(language.Make(lang))
	slices.SortFunc(all, func(a, b Country) int { return order.CompareString(a.Name, b.Name) })
	return append([]Country{{first, CountryName(lang, first)}}, all...)
}

// CountryName is the country of an ISO 3166 alpha-3 code in the reader's language.
func CountryName(lang, alpha3 string) string {
	region, err := language.ParseRegion(alpha3)
	if err != nil {
		return alpha3
	}
	return cmp.Or(display.Regions(language.Make(lang)).Name(region), alpha3)
}
