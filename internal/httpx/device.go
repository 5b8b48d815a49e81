package httpx

import "strings"

type sign struct{ mark, name string }

// The order matters: every Chromium browser also says "Chrome" and "Safari", and every Android says "Linux".
var (
	browserSigns = []sign{
		{"YaBrowser/", "Яндекс Браузер"}, {"YaSearchBrowser/", "Яндекс Браузер"}, {"Edg/", "Edge"}, {"EdgA/", "Edge"}, {"EdgiOS/", "Edge"},
		{"OPR/", "Opera"}, {"SamsungBrowser/", "Samsung Internet"}, {"Atom/", "Atom"}, {"Vivaldi/", "Vivaldi"},
		{"FxiOS/", "Firefox"}, {"Firefox/", "Firefox"}, {"CriOS/", "Chrome"}, {"Chrome/", "Chrome"}, {"Chromium/", "Chromium"},
		{"Safari/", "Safari"},
	}
	systemSigns = []sign{
		{"iPhone", "iPhone"}, {"iPad", "iPad"}, {"Android", "Android"}, {"HarmonyOS", "HarmonyOS"}, {"Tizen", "Tizen"}, {"Aurora", "Аврора"},
		{"Windows", "Windows"}, {"Mac OS X", "macOS"}, {"CrOS", "ChromeOS"}, {"Linux", "Linux"},
	}
)

// Device says in plain words what a browser calls itself: "Chrome, Android". Empty: it says nothing we know.
// It is a hint for people and proves nothing.
func Device(userAgent string) string {
	if len(userAgent) > 1000 {
		return ""
	}
	browser, system := find(userAgent, browserSigns), find(userAgent, systemSigns)
	switch {
	case browser != "" && system != "":
		return browser + ", " + system
	case browser != "":
		return browser
	}
	return system
}

func find(s string, signs []sign) string {
	for _, one := range signs {
		if strings.Contains(s, one.mark) {
			return one.name
		}
	}
	return ""
}
