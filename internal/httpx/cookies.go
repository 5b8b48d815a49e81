package httpx

import (
	"net/http"
	"time"
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
