package waterworks

import (
	"bytes"
	"cmp"
	"context"
	"crypto/subtle"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"doverie/internal/httpx"
	"doverie/internal/i18n"
	"doverie/internal/secret"
	"doverie/internal/ui"
)

//go:embed assets
var files embed.FS

// Config is what the site must be told. All is required.
type Config struct {
	Address  string // its own, without a slash at the end
	Issuer   string // the service's
	ClientID string
	Secret   string
	Texts    *i18n.Catalogue
	Zone     *time.Location
	Now      func() time.Time
	Log      *slog.Logger
}

// Site is the other information system. Build it with New.
type Site struct {
	c      Config
	page   map[string]*template.Template // by language
	style  []byte
	shared *ui.Assets
	book   *book
	push   string // what the service must say of itself when it pushes: made at every start

	mu       sync.Mutex
	provider *gooidc.Provider // nil until the service answered
}

// New builds the site. It asks nobody: the service may start later.
func New(c Config) (*Site, error) {
	if c.Address == "" || c.Issuer == "" || c.ClientID == "" || c.Texts == nil || c.Zone == nil || c.Now == nil || c.Log == nil {
		return nil, errors.New("waterworks: the configuration is not complete")
	}
	s := &Site{c: c, book: newBook(), page: map[string]*template.Template{}, push: "Bearer " + secret.Token()}
	var err error
	if s.shared, err = ui.LoadAssets(); err != nil {
		return nil, fmt.Errorf("waterworks: %w", err)
	}
	if s.style, err = files.ReadFile("assets/waterworks.css"); err != nil {
		return nil, fmt.Errorf("waterworks: %w", err)
	}
	for _, lang := range i18n.Languages() {
		if s.page[lang], err = s.parse(c.Texts.Printer(lang, c.Zone)); err != nil {
			return nil, fmt.Errorf("waterworks: %w", err)
		}
	}
	return s, nil
}

func (s *Site) parse(p *i18n.Printer) (*template.Template, error) {
	return template.New("page.html").Funcs(template.FuncMap{
		"t": p.T, "asset": s.shared.URL, "has": p.Has,
		"datetime": p.DateTime, "day": p.Day, "fulldatetime": p.FullDateTime,
	}).ParseFS(files, "assets/page.html")
}

// The addresses of this site.
const (
	callbackPath = "/callback"
	logoutPath   = "/logout"
	signalsPath  = "/signals"
	stylePath    = "/waterworks.css"
)

// Redirect is where a site at that address has people come back to. It stands in its registration, as do the next two.
func Redirect(address string) string { return address + callbackPath }

// PostLogout is where a person comes back to after signing out.
func PostLogout(address string) string { return address + "/" }

// Backchannel takes logout tokens.
func Backchannel(address string) string { return address + logoutPath }

// Handler serves the site.
func (s *Site) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", s.home)
	mux.HandleFunc("GET /sign-in", s.signIn)
	mux.HandleFunc("GET "+callbackPath, s.callback)
	mux.HandleFunc("GET /stream", s.stream)
	mux.Handle("POST /sign-out", s.form(s.signOut))
	mux.Handle("POST /language", s.form(s.language))
	mux.HandleFunc("POST "+logoutPath, s.backchannel)
	mux.HandleFunc("POST "+signalsPath, s.signal)
	mux.Handle("GET "+ui.AssetPrefix, s.shared)
	mux.HandleFunc("GET "+stylePath, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/css; charset=utf-8")
		_, _ = w.Write(s.style)
	})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", strings.Replace(httpx.ContentPolicy, "form-action 'self'", "form-action 'self' "+s.c.Issuer, 1))
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		mux.ServeHTTP(w, r)
	})
}

const maxBody = 64 << 10

// form lets only this site's own pages post.
func (s *Site) form(h http.HandlerFunc) http.Handler {
	return http.NewCrossOriginProtection().Handler(h)
}

// service is the provider as its own metadata describes it; asked for once, and again while it does not answer.
func (s *Site) service(ctx context.Context) (*gooidc.Provider, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.provider != nil {
		return s.provider, nil
	}
	p, err := gooidc.NewProvider(context.WithoutCancel(ctx), s.c.Issuer) // its keys outlive this request
	if err != nil {
		return nil, fmt.Errorf("waterworks: %w", err)
	}
	s.provider = p
	return p, nil
}

func (s *Site) client(p *gooidc.Provider) oauth2.Config {
	c := oauth2.Config{
		ClientID: s.c.ClientID, ClientSecret: s.c.Secret, Endpoint: p.Endpoint(), RedirectURL: Redirect(s.c.Address),
		Scopes: []string{gooidc.ScopeOpenID, "profile", "email", "phone", "account_level", "recovery"},
	}
	c.Endpoint.AuthStyle = oauth2.AuthStyleInHeader
	return c
}

// The cookies. A login's lives until the person is back.
const (
	sessionCookie = "waterworks"
	loginCookie   = "waterworks_login"
	langCookie    = "lang"
)

func (s *Site) cookie(w http.ResponseWriter, name, value string) {
	c := &http.Cookie{ //nolint:gosec // Secure follows the site's address
		Name: name, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: strings.HasPrefix(s.c.Address, "https:"),
	}
	if value == "" {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

func valueOf(r *http.Request, name string) string {
	c, err := r.Cookie(name)
	if err != nil {
		return ""
	}
	return c.Value
}

func (s *Site) signIn(w http.ResponseWriter, r *http.Request) {
	p, err := s.service(r.Context())
	if err != nil {
		s.sorry(w, r, err)
		return
	}
	l := login{state: secret.Token(), nonce: secret.Token(), verifier: oauth2.GenerateVerifier(), began: s.c.Now()}
	s.cookie(w, loginCookie, s.book.begin(l))
	client := s.client(p)
	to := client.AuthCodeURL(l.state, gooidc.Nonce(l.nonce), oauth2.S256ChallengeOption(l.verifier), oauth2.SetAuthURLParam("ui_locales", s.lang(r)))
	http.Redirect(w, r, to, http.StatusSeeOther) //nolint:gosec // the service's published address; of the request there is one of two languages in it
}

var (
	errNotOurs = errors.New("waterworks: an answer that does not belong to this browser's sign-in")
	errRefused = errors.New("waterworks: the service did not sign the person in")
	errNonce   = errors.New("waterworks: an id token of another sign-in")
)

func (s *Site) callback(w http.ResponseWriter, r *http.Request) {
	l, ok := s.book.take(valueOf(r, loginCookie), s.c.Now())
	s.cookie(w, loginCookie, "")
	q := r.URL.Query()
	// state: it is the answer to what this browser asked; iss: of the service that was asked (RFC 9207).
	if !ok || subtle.ConstantTimeCompare([]byte(q.Get("state")), []byte(l.state)) != 1 || q.Get("iss") != s.c.Issuer {
		s.sorry(w, r, errNotOurs)
		return
	}
	if q.Get("error") == "access_denied" { // the person said no: that is no failure
		http.Redirect(w, r, "/", http.StatusSeeOther)
		return
	}
	found, err := s.person(r.Context(), q, l)
	if err != nil {
		s.sorry(w, r, err)
		return
	}
	s.cookie(w, sessionCookie, s.book.enter(found))
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// person exchanges the code and reads who it is.
func (s *Site) person(ctx context.Context, q url.Values, l login) (session, error) {
	if q.Get("error") != "" || q.Get("code") == "" {
		return session{}, fmt.Errorf("%w: %s", errRefused, q.Get("error"))
	}
	p, err := s.service(ctx)
	if err != nil {
		return session{}, err
	}
	client := s.client(p)
	token, err := client.Exchange(ctx, q.Get("code"), oauth2.VerifierOption(l.verifier))
	if err != nil {
		return session{}, fmt.Errorf("waterworks: code: %w", err)
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := p.Verifier(s.verifying()).Verify(ctx, raw)
	if err != nil {
		return session{}, fmt.Errorf("waterworks: id token: %w", err)
	}
	if id.Nonce != l.nonce {
		return session{}, errNonce
	}
	var said struct {
		SID string `json:"sid"`
		ACR string `json:"acr"`
	}
	if err := id.Claims(&said); err != nil {
		return session{}, fmt.Errorf("waterworks: id token: %w", err)
	}
	info, err := p.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return session{}, fmt.Errorf("waterworks: userinfo: %w", err)
	}
	out := session{sub: id.Subject, sid: said.SID, acr: said.ACR, idToken: raw, at: s.c.Now(), claims: map[string]any{}}
	if err := info.Claims(&out.claims); err != nil || info.Subject != id.Subject {
		return session{}, fmt.Errorf("waterworks: userinfo of another person: %w", errors.Join(err, errRefused))
	}
	return out, nil
}

func (s *Site) verifying() *gooidc.Config {
	return &gooidc.Config{ClientID: s.c.ClientID, Now: s.c.Now}
}

// signOut ends the session here and leads to the service, which asks whether to sign out there too.
func (s *Site) signOut(w http.ResponseWriter, r *http.Request) {
	cookie := valueOf(r, sessionCookie)
	found, ok := s.book.find(cookie)
	s.book.leave(cookie)
	s.cookie(w, sessionCookie, "")
	to := "/"
	if p, err := s.service(r.Context()); err == nil && ok && found.ended == nil {
		var meta struct {
			End string `json:"end_session_endpoint"`
		}
		if p.Claims(&meta) == nil && meta.End != "" {
			to = meta.End + "?" + url.Values{
				"id_token_hint": {found.idToken}, "client_id": {s.c.ClientID}, "post_logout_redirect_uri": {PostLogout(s.c.Address)},
			}.Encode()
		}
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
}

func (s *Site) language(w http.ResponseWriter, r *http.Request) {
	if lang := r.PostFormValue("lang"); i18n.Known(lang) {
		const year = 365 * 24 * 60 * 60
		http.SetCookie(w, &http.Cookie{ //nolint:gosec // no secret; Secure follows the site's address
			Name: langCookie, Value: lang, Path: "/", MaxAge: year, HttpOnly: true, SameSite: http.SameSiteLaxMode,
			Secure: strings.HasPrefix(s.c.Address, "https:"),
		})
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// lang is the reader's own choice, or what the browser wishes: English where it comes before Russian.
func (s *Site) lang(r *http.Request) string {
	if lang := valueOf(r, langCookie); i18n.Known(lang) {
		return lang
	}
	wish, _, _ := strings.Cut(r.Header.Get("Accept-Language"), ",")
	if strings.HasPrefix(strings.ToLower(strings.TrimSpace(wish)), i18n.English) {
		return i18n.English
	}
	return i18n.Russian
}

// stream rings when something changed for anybody; the page then looks at itself.
func (s *Site) stream(w http.ResponseWriter, r *http.Request) {
	bell, stop := s.book.listen()
	defer stop()
	if err := httpx.Ring(w, r, bell); err != nil {
		s.c.Log.WarnContext(r.Context(), "waterworks: stream", "error", err)
	}
}

func (s *Site) send(w http.ResponseWriter, r *http.Request, status int, v view) {
	v.Lang = s.lang(r)
	v.Other = i18n.English
	if v.Lang == i18n.English {
		v.Other = i18n.Russian
	}
	v.Service = s.c.Issuer
	var buf bytes.Buffer
	if err := s.page[cmp.Or(v.Lang, i18n.Default)].Execute(&buf, v); err != nil {
		s.c.Log.ErrorContext(r.Context(), "waterworks", "error", err)
		http.Error(w, "500", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(buf.Bytes())
}

// sorry says that signing in did not work, and what to do. The reason is for the log.
func (s *Site) sorry(w http.ResponseWriter, r *http.Request, err error) {
	s.c.Log.WarnContext(r.Context(), "waterworks: sign-in", "error", err)
	s.send(w, r, http.StatusBadGateway, view{Failed: true})
}
