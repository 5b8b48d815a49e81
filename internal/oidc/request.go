package oidc

import (
	"encoding/json"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The response modes.
const (
	ModeQuery    = "query"
	ModeFormPost = "form_post" // OAuth 2.0 Form Post Response Mode
)

// Values of "prompt".
const (
	PromptNone    = "none"
	PromptLogin   = "login"
	PromptConsent = "consent"
)

// Bounds of a request's parameters, in bytes.
const (
	maxParams    = 60
	maxShort     = 512
	maxState     = 2000
	maxClaims    = 4000
	challengeLen = 43 // base64url of a SHA-256 (RFC 7636 §4.2)
	noMaxAge     = -1
)

// Wish is how a system asks for one claim (OpenID Connect Core §5.5.1).
type Wish struct {
	Essential bool     `json:"essential,omitempty"`
	Value     string   `json:"value,omitempty"`
	Values    []string `json:"values,omitempty"`
}

// Wishes are the claims of the "claims" parameter that we know.
type Wishes struct {
	UserInfo map[string]Wish `json:"userinfo,omitempty"`
	IDToken  map[string]Wish `json:"id_token,omitempty"`
}

// agreed leaves out the claims about a person that he was not asked for: what the hold kept out of the question (DOMAIN §5.8)
// must not be handed over once it is over.
func (w Wishes) agreed(names []string) Wishes {
	only := func(asked map[string]Wish) map[string]Wish {
		out := map[string]Wish{}
		for name, wish := range asked {
			if scopeOf(name) == "" || slices.Contains(names, name) {
				out[name] = wish
			}
		}
		return out
	}
	return Wishes{UserInfo: only(w.UserInfo), IDToken: only(w.IDToken)}
}

// Request is a checked request to sign somebody in.
type Request struct {
	Client    string    `json:"client"`
	Redirect  string    `json:"redirect"`
	Mode      string    `json:"mode"`
	State     string    `json:"state,omitempty"`
	Nonce     string    `json:"nonce,omitempty"`
	Challenge string    `json:"challenge"`
	Scopes    []string  `json:"scopes"`
	Wishes    Wishes    `json:"wishes"`
	Prompt    []string  `json:"prompt,omitempty"`
	MaxAge    int       `json:"max_age"` // seconds, noMaxAge when not asked for
	ACR       []string  `json:"acr,omitempty"`
	Hint      string    `json:"hint,omitempty"` // the subject of id_token_hint
	JKT       string    `json:"jkt,omitempty"`
	At        time.Time `json:"at"`
}

// has reports whether the request has that prompt.
func (r Request) has(prompt string) bool { return slices.Contains(r.Prompt, prompt) }

// single are the claims asked for one by one.
func (r Request) single() []string {
	var names []string
	for _, m := range []map[string]Wish{r.Wishes.UserInfo, r.Wishes.IDToken} {
		for name := range m {
			if scopeOf(name) != "" && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names
}

// Answer is what the browser carries to a system's redirect address.
type Answer struct {
	Redirect string
	Mode     string
	Params   url.Values
}

// URL is the address of an answer in ModeQuery.
func (a Answer) URL() string {
	u, err := url.Parse(a.Redirect)
	if err != nil {
		return ""
	}
	q := u.Query()
	maps.Copy(q, a.Params)
	u.RawQuery = q.Encode()
	return u.String()
}

// once gives a parameter that must not come twice (RFC 6749 §3.1).
func once(params url.Values, name string) (string, *Error) {
	values := params[name]
	if len(values) > 1 {
		return "", refuse(InvalidRequest, name+" is given more than once")
	}
	if len(values) == 0 {
		return "", nil
	}
	return values[0], nil
}

func tooMany(params url.Values) bool {
	n := 0
	for _, v := range params {
		n += len(v)
	}
	return n > maxParams
}

// target finds where an answer to the request may go. An error here is for the person: nothing is sent anywhere (T42).
func target(params url.Values, c Client) (redirect, mode, state string, wrong *Error) {
	if tooMany(params) {
		return "", "", "", refuse(InvalidRequest, "too many parameters")
	}
	redirect, wrong = once(params, "redirect_uri")
	switch {
	case wrong != nil:
		return "", "", "", wrong
	case redirect == "":
		return "", "", "", refuse(InvalidRequest, "redirect_uri is missing")
	case !slices.Contains(c.Redirects, redirect):
		return "", "", "", refuse(InvalidRequest, "redirect_uri is not one of those registered")
	}
	mode = ModeQuery
	if m := params["response_mode"]; len(m) == 1 && m[0] == ModeFormPost {
		mode = ModeFormPost
	}
	if s := params["state"]; len(s) == 1 && len(s[0]) <= maxState {
		state = s[0]
	}
	return redirect, mode, state, nil
}

// parseRequest checks everything else of a request of the client. hint reads the subject of an id_token_hint.
func parseRequest(params url.Values, c Client, now time.Time, hint func(token string) (subject string, ok bool)) (Request, *Error) {
	r := Request{Client: c.ID, MaxAge: noMaxAge, At: now}
	get := map[string]string{}
	for name := range params {
		v, wrong := once(params, name)
		if wrong != nil {
			return r, wrong
		}
		limit := maxShort
		switch name {
		case "state", "redirect_uri":
			limit = maxState
		case "claims":
			limit = maxClaims
		case "id_token_hint", "client_assertion", "request", "request_uri":
			limit = maxJWT
		}
		if len(v) > limit || strings.ContainsRune(v, 0) {
			return r, refuse(InvalidRequest, name+" is too long")
		}
		get[name] = v
	}
	r.Redirect, r.State, r.Nonce = get["redirect_uri"], get["state"], get["nonce"]
	if wrong := r.readKind(get); wrong != nil {
		return r, wrong
	}
	if wrong := r.readScopes(get["scope"], c); wrong != nil {
		return r, wrong
	}
	if wrong := r.readPrompt(get); wrong != nil {
		return r, wrong
	}
	var wrong *Error
	if r.Wishes, wrong = parseWishes(get["claims"]); wrong != nil {
		return r, wrong
	}
	for _, name := range r.single() {
		if !slices.Contains(c.Scopes, scopeOf(name)) {
			return r, refuse(InvalidScope, "the claim "+name+" is not open to this client")
		}
	}
	if token := get["id_token_hint"]; token != "" {
		subject, ok := hint(token)
		if !ok {
			return r, refuse(InvalidRequest, "id_token_hint is not an id token of ours for this client")
		}
		r.Hint = subject
	}
	if r.JKT = get["dpop_jkt"]; r.JKT != "" && !isThumbprint(r.JKT) {
		return r, refuse(InvalidRequest, "dpop_jkt is not a thumbprint")
	}
	return r, nil
}

// readKind: what is asked for, how it is to come back, and the challenge. S256 only (RFC 9700 §2.1.1, T45).
func (r *Request) readKind(get map[string]string) *Error {
	for name, code := range map[string]string{
		"request": "request_not_supported", "registration": "registration_not_supported",
	} {
		if get[name] != "" {
			return refuse(code, name+" is not supported")
		}
	}
	switch {
	case get["response_type"] == "":
		return refuse(InvalidRequest, "response_type is missing")
	case get["response_type"] != "code":
		return refuse("unsupported_response_type", "only the response type code is served")
	}
	switch get["response_mode"] {
	case "", ModeQuery:
		r.Mode = ModeQuery
	case ModeFormPost:
		r.Mode = ModeFormPost
	default:
		return refuse(InvalidRequest, "response_mode is query or form_post")
	}
	r.Challenge = get["code_challenge"]
	switch {
	case r.Challenge == "":
		return refuse(InvalidRequest, "code_challenge is missing: PKCE is demanded of every client")
	case get["code_challenge_method"] != "S256":
		return refuse(InvalidRequest, "code_challenge_method must be S256")
	case !isThumbprint(r.Challenge):
		return refuse(InvalidRequest, "code_challenge is not the base64url text of a SHA-256")
	}
	return nil
}

// readScopes keeps the scopes we know. One that is not open to the client is an error; one that we do not know is
// left out (OpenID Connect Core §3.1.2.1).
func (r *Request) readScopes(text string, c Client) *Error {
	for s := range strings.FieldsSeq(text) {
		switch {
		case !Known(s) || slices.Contains(r.Scopes, s):
		case !slices.Contains(c.Scopes, s):
			return refuse(InvalidScope, "the scope "+s+" is not open to this client")
		default:
			r.Scopes = append(r.Scopes, s)
		}
	}
	if !slices.Contains(r.Scopes, ScopeOpenID) {
		return refuse(InvalidScope, "the scope openid is missing")
	}
	return nil
}

func (r *Request) readPrompt(get map[string]string) *Error {
	for p := range strings.FieldsSeq(get["prompt"]) {
		if p != PromptNone && p != PromptLogin && p != PromptConsent {
			return refuse(InvalidRequest, "prompt is none, login or consent")
		}
		r.Prompt = append(r.Prompt, p)
	}
	if r.has(PromptNone) && len(r.Prompt) > 1 {
		return refuse(InvalidRequest, "prompt=none stands alone")
	}
	if age := get["max_age"]; age != "" {
		n, err := strconv.Atoi(age)
		if err != nil || n < 0 {
			return refuse(InvalidRequest, "max_age is a number of seconds")
		}
		r.MaxAge = n
	}
	r.ACR = strings.Fields(get["acr_values"])
	return nil
}

// parseWishes reads the "claims" parameter. Claims we do not know are left out (OpenID Connect Core §5.5).
func parseWishes(text string) (Wishes, *Error) {
	var out Wishes
	if text == "" {
		return out, nil
	}
	var raw map[string]json.RawMessage
	if json.Unmarshal([]byte(text), &raw) != nil {
		return out, refuse(InvalidRequest, "claims is not a JSON object")
	}
	var err *Error
	if out.UserInfo, err = wishesAt(raw["userinfo"]); err != nil {
		return Wishes{}, err
	}
	out.IDToken, err = wishesAt(raw["id_token"])
	if err != nil {
		return Wishes{}, err
	}
	return out, nil
}

func wishesAt(raw json.RawMessage) (map[string]Wish, *Error) {
	if len(raw) == 0 || string(raw) == "null" {
		return nil, nil
	}
	var named map[string]json.RawMessage
	if json.Unmarshal(raw, &named) != nil {
		return nil, refuse(InvalidRequest, "claims names its claims in objects")
	}
	out := map[string]Wish{}
	for name, text := range named {
		if scopeOf(name) == "" && name != "acr" && name != "sub" && name != "auth_time" {
			continue
		}
		var w Wish
		if string(text) != "null" && json.Unmarshal(text, &w) != nil {
			return nil, refuse(InvalidRequest, "claims: "+name+" is not asked for in a way we understand")
		}
		out[name] = w
	}
	return out, nil
}

func isThumbprint(s string) bool {
	return len(s) == challengeLen && strings.IndexFunc(s, func(c rune) bool {
		return c != '-' && c != '_' && (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z')
	}) < 0
}
