package httpx

import (
	"net/http"
	"time"

	"doverie/internal/i18n"
)

// SetCookie gives the browser a secret: never readable by script, never sent from another site's form, and by
// https only for this very host ("__Host-"). A life of 0 ends with the browser.
func (k *Kit) SetCookie(w http.ResponseWriter, name, value string, life time.Duration) {
	http.SetCookie(w, &http.Cookie{ //nolint:gosec // Secure follows the base URL: a demonstration runs by http on loopback
		Name: k.cookieName(name), Value: value, Path: "/", MaxAge: int(life / time.Second),
		Secure: k.Secure(), HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

// ClearCookie takes the secret back.
func (k *Kit) ClearCookie(w http.ResponseWriter, name string) {
	k.SetCookie(w, name, "", -time.Second)
}

// Cookie reads a secret, empty when there is none or when it is absurdly long.
func (k *Kit) Cookie(r *http.Request, name string) string {
	c, err := r.Cookie(k.cookieName(name))
	if err != nil || len(c.Value) > 1000 {
		return ""
	}
	return c.Value
}

func (k *Kit) cookieName(name string) string {
	if k.Secure() {
		return "__Host-" + name
	}
	return name
}

func languageFor(r *http.Request) string {
	choice := ""
	if c, err := r.Cookie(languageCookie); err == nil {
		choice = c.Value
	}
	return languageOf(r.URL.Query(), choice, r.Header.Get("Accept-Language"))
}

// ChooseLanguage is POST /language: it remembers the choice for a year and goes back to where the reader was.
func (k *Kit) ChooseLanguage(w http.ResponseWriter, r *http.Request) error {
	form, err := Form(r)
	if err != nil {
		return err
	}
	if lang := form.Get("lang"); i18n.Known(lang) {
		const year = 365 * 24 * 60 * 60
		http.SetCookie(w, &http.Cookie{ //nolint:gosec // no secret; Secure follows the base URL
			Name: languageCookie, Value: lang, Path: "/", MaxAge: year,
			Secure: k.Secure(), HttpOnly: true, SameSite: http.SameSiteLaxMode,
		})
	}
	return Redirect(w, r, withoutLang(SafeNext(form.Get("return"), "/")))
}
