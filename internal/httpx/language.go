package httpx

import (
	"context"
	"net/http"
	"net/url"
	"path"
	"strings"

	"doverie/internal/i18n"
	"doverie/internal/ui"
)

// The fields of the switch of the language: where to come back to, and what a refused form held.
const (
	returnField = "return"
	errorsField = "errors"
	keptField   = "kept."
)

// ChooseLanguage is POST /language: it remembers the choice for a year and goes back to where the reader was. From a form
// that was refused it brings along what was typed and what was wrong: the page is then the answer itself, asked for
// inside, because what somebody typed belongs into no address and no cookie.
func (k *Kit) ChooseLanguage(w http.ResponseWriter, r *http.Request) error {
	form, err := Form(r)
	if err != nil {
		return err
	}
	lang := form.Get("lang")
	if i18n.Known(lang) {
		const year = 365 * 24 * 60 * 60
		http.SetCookie(w, &http.Cookie{ //nolint:gosec // no secret; Secure follows the base URL
			Name: languageCookie, Value: lang, Path: "/", MaxAge: year,
			Secure: k.Secure(), HttpOnly: true, SameSite: http.SameSiteLaxMode,
		})
	} else {
		lang = Lang(r)
	}
	mux := askedOf(r).mux
	to := landing(mux, withoutLang(SafeNext(form.Get(returnField), "/")))
	kept := k.keptIn(form, lang)
	if kept.Empty() || mux == nil {
		return Redirect(w, r, to)
	}
	mux.ServeHTTP(w, pageAgain(r, to, lang, kept))
	return nil
}

// keptIn reads what the page brought along.
func (k *Kit) keptIn(form url.Values, lang string) ui.Kept {
	kept := ui.Kept{Typed: map[string]string{}, Errors: ui.UnmarshalErrors(form.Get(errorsField), k.pages.Printer(lang).Has)}
	for field := range form {
		if name, ok := strings.CutPrefix(field, keptField); ok {
			kept.Typed[name] = form.Get(field)
		}
	}
	return kept
}

// pageAgain asks for a page as the reader's own browser would, with what he typed.
func pageAgain(r *http.Request, to, lang string, kept ui.Kept) *http.Request {
	a := askedOf(r)
	a.lang, a.kept = lang, kept
	again := r.Clone(context.WithValue(r.Context(), requestKey, a))
	again.Method, again.RequestURI, again.Body, again.ContentLength = http.MethodGet, to, http.NoBody, 0
	again.Form, again.PostForm = nil, nil
	again.Header.Del("Content-Type")
	if u, err := url.Parse(to); err == nil { // it went through SafeNext
		again.URL = u
	}
	return again
}

// landing is the page at the address, or, where a form posts to an address that no page has, the nearest page above it.
func landing(mux *http.ServeMux, to string) string {
	u, err := url.Parse(to)
	if err != nil || mux == nil {
		return to
	}
	answers := func(method, at string) bool {
		_, pattern := mux.Handler(&http.Request{Method: method, URL: &url.URL{Path: at}})
		return pattern != ""
	}
	if answers(http.MethodGet, u.Path) || !answers(http.MethodPost, u.Path) { // where nothing is, that is told in the other language too
		return to
	}
	at := path.Dir(u.Path)
	for at != "/" && !answers(http.MethodGet, at) {
		at = path.Dir(at)
	}
	return at
}
