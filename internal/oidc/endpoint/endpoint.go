package endpoint

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"doverie/internal/effect"
	"doverie/internal/httpx"
	"doverie/internal/oidc"
	"doverie/internal/session"
)

// The addresses.
const (
	pathDiscovery  = "/.well-known/openid-configuration"
	pathMetadata   = "/.well-known/oauth-authorization-server" // RFC 8414
	KeysPath       = "/oidc/jwks"                              // the public keys
	pathPush       = "/oidc/par"
	pathAuthorize  = "/oidc/authorize"
	pathContinue   = "/oidc/continue"
	pathOnward     = "/oidc/onward"
	pathConsent    = "/oidc/consent"
	pathToken      = "/oidc/token"
	pathUserInfo   = "/oidc/userinfo"
	pathIntrospect = "/oidc/introspect"
	pathRevoke     = "/oidc/revoke"
	pathLogout     = "/oidc/logout"
	pathConfirm    = "/oidc/logout/confirm"
	pathConsents   = "/settings/safety/consents"
)

// CrossOrigin lists the mux patterns that other sites and systems may post to: they take no cookie for a proof.
func CrossOrigin() []string {
	return []string{
		"POST " + pathAuthorize, "POST " + pathPush, "POST " + pathToken, "POST " + pathUserInfo, "POST " + pathIntrospect,
		"POST " + pathRevoke, "POST " + pathLogout,
	}
}

// Sessions is what the pages need of package session.
type Sessions interface {
	Authenticate(ctx context.Context, token string) (session.Auth, error)
	SignOut(ctx context.Context, act effect.Act, auth session.Auth) error
}

// Endpoints are the provider's addresses and pages.
type Endpoints struct {
	Kit      *httpx.Kit
	Provider *oidc.Provider
	Sessions Sessions
	Log      *slog.Logger
	SignIn   string // page to sign in
	StepUp   string // page of the repeated check

	// Document adds to the metadata: what other rooms serve. Its keys are those of the metadata; may be nil.
	Document map[string]any
	// Backchannel says that logout tokens are delivered, so that the metadata may promise it.
	Backchannel bool

	cookie string
}

// Caller reads who calls an address for systems that another room serves: by a token that the system got for itself, or
// by its own proof in the Authorization header. A token's scopes are what it may do; the proof itself allows everything.
func (e *Endpoints) Caller(r *http.Request) (oidc.Client, []string, *oidc.Error) {
	headers := r.Header.Values("Authorization")
	if len(headers) == 1 {
		scheme, token, _ := strings.Cut(headers[0], " ")
		if strings.EqualFold(scheme, "Bearer") || strings.EqualFold(scheme, "DPoP") {
			return e.Provider.Machine(r.Context(), scheme, strings.TrimSpace(token), e.proof(r))
		}
	}
	credentials, wrong := credentialsOf(r, nil)
	if wrong != nil {
		return oidc.Client{}, nil, wrong
	}
	c, wrong := e.Provider.Authenticate(r.Context(), credentials)
	if wrong == nil && c.DPoPRequired {
		wrong = &oidc.Error{Code: oidc.InvalidClient, Text: "this client's calls are bound to a key: get a token"}
	}
	return c, oidc.MachineScopes(), wrong
}

// Mount adds the addresses and pages.
func (e *Endpoints) Mount(mux *http.ServeMux, citizens *httpx.Gate) {
	e.cookie = citizens.Cookie
	maybe := func(h httpx.Handler) http.Handler { return e.Kit.Handle(citizens.Maybe(h)) }
	signedIn := func(h httpx.Handler) http.Handler { return e.Kit.Handle(citizens.RequireSession(h)) }
	mux.HandleFunc("GET "+pathDiscovery, e.discovery)
	mux.HandleFunc("GET "+pathMetadata, e.discovery)
	mux.HandleFunc("GET "+KeysPath, e.keys)
	mux.Handle("GET "+pathAuthorize, maybe(e.authorize))
	mux.Handle("POST "+pathAuthorize, maybe(e.authorize))
	mux.Handle("GET "+pathOnward, maybe(e.onward))
	mux.Handle("GET "+pathContinue, maybe(e.proceed))
	mux.Handle("GET "+pathConsent, signedIn(e.ask))
	mux.Handle("POST "+pathConsent, signedIn(e.decide))
	mux.Handle("GET "+pathLogout, maybe(e.logout))
	mux.Handle("POST "+pathLogout, maybe(e.logout))
	mux.Handle("POST "+pathConfirm, maybe(e.leave))
	mux.Handle("GET "+pathConsents, signedIn(e.consents))
	mux.Handle("POST "+pathConsents+"/{id}/withdraw", signedIn(e.withdraw))
	mux.HandleFunc("POST "+pathPush, e.client(e.push))
	mux.HandleFunc("POST "+pathToken, e.client(e.token))
	mux.HandleFunc("POST "+pathIntrospect, e.client(e.introspect))
	mux.HandleFunc("POST "+pathRevoke, e.client(e.revoke))
	mux.HandleFunc("GET "+pathUserInfo, e.userInfo)
	mux.HandleFunc("POST "+pathUserInfo, e.userInfo)
}

func (e *Endpoints) url(path string) string { return e.Provider.Issuer + path }

// discovery is the metadata: only what exists is in it (OpenID Connect Discovery §3, RFC 8414 §2).
func (e *Endpoints) discovery(w http.ResponseWriter, _ *http.Request) {
	clientAuth := []string{string(oidc.SecretBasic), string(oidc.PrivateKeyJWT)}
	doc := map[string]any{
		"issuer":                                e.Provider.Issuer,
		"authorization_endpoint":                e.url(pathAuthorize),
		"token_endpoint":                        e.url(pathToken),
		"userinfo_endpoint":                     e.url(pathUserInfo),
		"jwks_uri":                              e.url(KeysPath),
		"pushed_authorization_request_endpoint": e.url(pathPush),
		"introspection_endpoint":                e.url(pathIntrospect),
		"revocation_endpoint":                   e.url(pathRevoke),
		"end_session_endpoint":                  e.url(pathLogout),
		"scopes_supported":                      append(oidc.Scopes(), oidc.MachineScopes()...),
		"claims_supported":                      append(oidc.Claims(), "auth_time", "acr", "amr", "sid"),
		"response_types_supported":              []string{"code"},
		"response_modes_supported":              []string{oidc.ModeQuery, oidc.ModeFormPost},
		"grant_types_supported":                 []string{"authorization_code", "refresh_token", "client_credentials"},
		"subject_types_supported":               []string{string(oidc.Pairwise), string(oidc.Public)},
		"id_token_signing_alg_values_supported": oidc.Algs(),
		"acr_values_supported":                  []string{oidc.ACRTwoFactors, oidc.ACRPasskey},
		"prompt_values_supported":               []string{oidc.PromptNone, oidc.PromptLogin, oidc.PromptConsent},
		"ui_locales_supported":                  []string{"ru", "en"},
		"code_challenge_methods_supported":      []string{"S256"},
		"dpop_signing_alg_values_supported":     oidc.ProofAlgs(),

		"token_endpoint_auth_methods_supported":                    clientAuth,
		"token_endpoint_auth_signing_alg_values_supported":         oidc.AssertionAlgs(),
		"introspection_endpoint_auth_methods_supported":            clientAuth,
		"introspection_endpoint_auth_signing_alg_values_supported": oidc.AssertionAlgs(),
		"revocation_endpoint_auth_methods_supported":               clientAuth,
		"revocation_endpoint_auth_signing_alg_values_supported":    oidc.AssertionAlgs(),
		"claims_parameter_supported":                               true,
		"request_parameter_supported":                              false,
		"request_uri_parameter_supported":                          false,
		"authorization_response_iss_parameter_supported":           true,
		"require_pushed_authorization_requests":                    false,
		"backchannel_logout_supported":                             e.Backchannel,
		"backchannel_logout_session_supported":                     e.Backchannel,
	}
	maps.Copy(doc, e.Document)
	e.public(w, "application/json", doc)
}

// publicLife is how long others may keep the metadata and the keys: far shorter than a key is announced.
const publicLife = "public, max-age=300"

func (e *Endpoints) public(w http.ResponseWriter, kind string, v any) {
	w.Header().Set("Cache-Control", publicLife)
	w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
	e.write(w, http.StatusOK, kind, v)
}

func (e *Endpoints) keys(w http.ResponseWriter, r *http.Request) {
	set, err := e.Provider.Keys.Public(r.Context())
	if err != nil {
		e.failed(w, r, oidc.Failed(err))
		return
	}
	e.public(w, "application/jwk-set+json", set)
}

func (e *Endpoints) write(w http.ResponseWriter, status int, kind string, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		e.Log.Error("provider: an answer cannot be written", "error", err)
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", kind)
	w.WriteHeader(status)
	_, _ = w.Write(body) // a system that went away
}

// failed answers a system with an error (RFC 6749 §5.2).
func (e *Endpoints) failed(w http.ResponseWriter, r *http.Request, wrong *oidc.Error) {
	status := http.StatusBadRequest
	switch wrong.Code {
	case oidc.InvalidClient:
		status = http.StatusUnauthorized
		if r.Header.Get("Authorization") != "" { // RFC 6749 §5.2
			w.Header().Set("WWW-Authenticate", `Basic realm="doverie"`)
		}
	case "server_error":
		status = http.StatusInternalServerError
		e.Log.ErrorContext(r.Context(), "provider", "request_id", httpx.RequestID(r), "pattern", r.Pattern, "error", wrong.Error())
	case "temporarily_unavailable":
		status = http.StatusServiceUnavailable
		w.Header().Set("Retry-After", "60")
	}
	if wrong.Nonce != "" {
		w.Header().Set("DPoP-Nonce", wrong.Nonce)
	}
	e.Log.InfoContext(r.Context(), "provider refuses", "request_id", httpx.RequestID(r), "pattern", r.Pattern, "code", wrong.Code, "text", wrong.Text)
	e.write(w, status, "application/json", map[string]string{"error": wrong.Code, "error_description": wrong.Text})
}

// served is what a system sent, after it proved who it is.
type served struct {
	form   url.Values
	client oidc.Client
	jkt    string
}

// client reads the form, checks who sends it, and then its DPoP proof, if there is one.
func (e *Endpoints) client(h func(w http.ResponseWriter, r *http.Request, s served)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		form, err := httpx.Form(r)
		if err != nil {
			e.failed(w, r, &oidc.Error{Code: oidc.InvalidRequest, Text: "the body is not a form we can read"})
			return
		}
		for name, values := range form {
			if len(values) > 1 {
				e.failed(w, r, &oidc.Error{Code: oidc.InvalidRequest, Text: clip(name) + " is given more than once"})
				return
			}
		}
		credentials, wrong := credentialsOf(r, form)
		if wrong != nil {
			e.failed(w, r, wrong)
			return
		}
		c, wrong := e.Provider.Authenticate(r.Context(), credentials)
		if wrong != nil {
			e.failed(w, r, wrong)
			return
		}
		s := served{form: form, client: c}
		if proof := e.proof(r); len(proof.Headers) > 0 {
			if s.jkt, wrong = e.Provider.CheckProof(r.Context(), proof, ""); wrong != nil {
				e.failed(w, r, wrong)
				return
			}
			w.Header().Set("DPoP-Nonce", e.Provider.Nonce())
		}
		h(w, r, s)
	}
}

// clip bounds a name that came from outside.
func clip(name string) string {
	const longest = 40
	if len(name) > longest {
		return "a parameter"
	}
	return strings.ToValidUTF8(name, "")
}

func (e *Endpoints) proof(r *http.Request) oidc.Proof {
	return oidc.Proof{Headers: r.Header.Values("DPoP"), Method: r.Method, URL: e.url(r.URL.Path)}
}

// credentialsOf reads the Authorization header and the form (RFC 6749 §2.3.1: both parts are form-encoded).
func credentialsOf(r *http.Request, form url.Values) (oidc.Credentials, *oidc.Error) {
	out := oidc.Credentials{
		AssertionType: form.Get("client_assertion_type"), Assertion: form.Get("client_assertion"),
		FormID: form.Get("client_id"), FormSecret: form.Get("client_secret"),
	}
	headers := r.Header.Values("Authorization")
	if len(headers) == 0 {
		return out, nil
	}
	bad := &oidc.Error{Code: oidc.InvalidClient, Text: "the Authorization header is not understood"}
	id, password, ok := r.BasicAuth()
	if !ok || len(headers) > 1 {
		return out, bad
	}
	var errID, errPassword error
	out.Basic = true
	out.ID, errID = url.QueryUnescape(id)
	out.Password, errPassword = url.QueryUnescape(password)
	if errors.Join(errID, errPassword) != nil {
		return out, bad
	}
	return out, nil
}

func (e *Endpoints) push(w http.ResponseWriter, r *http.Request, s served) {
	params := url.Values{}
	for name, values := range s.form {
		if name != "client_assertion" && name != "client_assertion_type" {
			params[name] = values
		}
	}
	ref, wrong := e.Provider.Push(r.Context(), effect.Act{Actor: effect.System}, s.client, params, s.jkt)
	if wrong != nil {
		e.failed(w, r, wrong)
		return
	}
	e.write(w, http.StatusCreated, "application/json", map[string]any{
		"request_uri": ref, "expires_in": int(e.Provider.Policy.SystemPushed / time.Second),
	})
}

func (e *Endpoints) token(w http.ResponseWriter, r *http.Request, s served) {
	var out oidc.Tokens
	var wrong *oidc.Error
	switch s.form.Get("grant_type") {
	case "authorization_code":
		out, wrong = e.Provider.Exchange(r.Context(), s.client, oidc.CodeInput{
			Code: s.form.Get("code"), Redirect: s.form.Get("redirect_uri"), Verifier: s.form.Get("code_verifier"), JKT: s.jkt,
		})
	case "refresh_token":
		out, wrong = e.Provider.RefreshTokens(r.Context(), s.client, oidc.RefreshInput{
			Token: s.form.Get("refresh_token"), Scope: s.form.Get("scope"), JKT: s.jkt,
		})
	case "client_credentials":
		own, wrong := e.Provider.ForItself(s.client, s.form.Get("scope"), s.jkt)
		if wrong != nil {
			e.failed(w, r, wrong)
			return
		}
		e.write(w, http.StatusOK, "application/json", own)
		return
	case "":
		wrong = &oidc.Error{Code: oidc.InvalidRequest, Text: "grant_type is missing"}
	default:
		wrong = &oidc.Error{Code: "unsupported_grant_type", Text: "grant_type is authorization_code, refresh_token or client_credentials"}
	}
	if wrong != nil {
		e.failed(w, r, wrong)
		return
	}
	e.write(w, http.StatusOK, "application/json", out)
}

func (e *Endpoints) introspect(w http.ResponseWriter, r *http.Request, s served) {
	out, wrong := e.Provider.Introspect(r.Context(), s.client, s.form.Get("token"))
	if wrong != nil {
		e.failed(w, r, wrong)
		return
	}
	e.write(w, http.StatusOK, "application/json", out)
}

func (e *Endpoints) revoke(w http.ResponseWriter, r *http.Request, s served) {
	if s.form.Get("token") == "" {
		e.failed(w, r, &oidc.Error{Code: oidc.InvalidRequest, Text: "token is missing"})
		return
	}
	if wrong := e.Provider.Revoke(r.Context(), s.client, s.form.Get("token")); wrong != nil {
		e.failed(w, r, wrong)
		return
	}
	w.WriteHeader(http.StatusOK)
}

// userInfo takes the token from the Authorization header only: neither address nor form is a place for it (RFC 9700 §4.3.2).
func (e *Endpoints) userInfo(w http.ResponseWriter, r *http.Request) {
	headers := r.Header.Values("Authorization")
	scheme, token := "", ""
	if len(headers) == 1 {
		scheme, token, _ = strings.Cut(headers[0], " ")
	}
	if !strings.EqualFold(scheme, "Bearer") && !strings.EqualFold(scheme, "DPoP") {
		w.Header().Add("WWW-Authenticate", "Bearer")
		w.Header().Add("WWW-Authenticate", `DPoP algs="`+strings.Join(oidc.ProofAlgs(), " ")+`"`)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	claims, wrong := e.Provider.UserInfo(r.Context(), scheme, strings.TrimSpace(token), e.proof(r))
	if wrong == nil {
		if strings.EqualFold(scheme, "DPoP") {
			w.Header().Set("DPoP-Nonce", e.Provider.Nonce())
		}
		e.write(w, http.StatusOK, "application/json", claims)
		return
	}
	switch wrong.Code {
	case oidc.InvalidToken, oidc.InvalidDPoP, oidc.UseNonce:
		challenge := "Bearer "
		if strings.EqualFold(scheme, "DPoP") || wrong.Code != oidc.InvalidToken {
			challenge = `DPoP algs="` + strings.Join(oidc.ProofAlgs(), " ") + `", `
		}
		w.Header().Set("WWW-Authenticate", challenge+`error="`+wrong.Code+`", error_description="`+wrong.Text+`"`)
		if wrong.Nonce != "" {
			w.Header().Set("DPoP-Nonce", wrong.Nonce)
		}
		e.write(w, http.StatusUnauthorized, "application/json", map[string]string{"error": wrong.Code, "error_description": wrong.Text})
	default:
		e.failed(w, r, wrong)
	}
}
