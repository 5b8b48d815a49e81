package account

import (
	"strings"

	"golang.org/x/text/language"
)

// ParseCitizenship takes an ISO 3166 alpha-3 code in any case. The key says what is wrong, or is "".
func ParseCitizenship(text string) (alpha3, wrong string) {
	code := strings.ToUpper(strings.TrimSpace(text))
	if code == "" {
		return "", "fault.citizenship.missing"
	}
	if len(code) != 3 {
		return "", "fault.citizenship.unknown"
	}
	for _, r := range code {
		if r < 'A' || r > 'Z' {
			return "", "fault.citizenship.unknown"
		}
	}
	region, err := language.ParseRegion(code)
	if err != nil || !region.IsCountry() || region.ISO3() != code {
		return "", "fault.citizenship.unknown"
	}
	return code, ""
}

// Country tells whether the code may be somebody's citizenship.
func Country(alpha3 string) bool {
	_, wrong := ParseCitizenship(alpha3)
	return wrong == "" && alpha3 != "ZZZ"
}
