package waterworks

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	gooidc "github.com/coreos/go-oidc/v3/oidc"
)

// The types of the tokens that are taken here (RFC 8725, section 3.11): one kind never passes for another.
const (
	typeLogout = "logout+jwt"
	typeSET    = "secevent+jwt"
)

// typed reports whether a compact JWS says that it is of that type.
func typed(token, typ string) bool {
	head, _, _ := strings.Cut(token, ".")
	raw, err := base64.RawURLEncoding.DecodeString(head)
	var h struct {
		Typ string `json:"typ"`
	}
	return err == nil && json.Unmarshal(raw, &h) == nil && strings.EqualFold(h.Typ, typ)
}

// backchannel takes a logout token (OpenID Connect Back-Channel Logout 1.0, section 2.5 to 2.8).
func (s *Site) backchannel(w http.ResponseWriter, r *http.Request) {
	token := r.PostFormValue("logout_token")
	p, err := s.service(r.Context())
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable) // it comes again
		return
	}
	out, err := p.Verifier(s.verifying()).VerifyLogout(r.Context(), token)
	if err != nil || !typed(token, typeLogout) {
		s.c.Log.WarnContext(r.Context(), "waterworks: logout token", "error", err)
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	if s.book.fresh(out.TokenID) {
		s.book.end(out.Subject, out.SessionID, ending{at: s.c.Now()})
	}
	w.WriteHeader(http.StatusOK)
}

// event is a verified security event token.
type event struct {
	jti   string
	name  string // the last word of the event's URI
	sub   string // of iss_sub; empty: an event about the stream
	words map[string]string
	at    time.Time
}

// What RFC 8935, section 2.4, lets a receiver answer.
var (
	errRequest = errors.New("invalid_request")
	errKey     = errors.New("invalid_key")
	errAccess  = errors.New("authentication_failed")
)

// signal takes a security event token by push (RFC 8935).
func (s *Site) signal(w http.ResponseWriter, r *http.Request) {
	e, err := s.read(r)
	switch {
	case err == nil:
	case errors.Is(err, errAccess), errors.Is(err, errRequest), errors.Is(err, errKey):
		s.c.Log.WarnContext(r.Context(), "waterworks: security event", "error", err)
		code := errRequest
		for _, one := range []error{errAccess, errKey} {
			if errors.Is(err, one) {
				code = one
			}
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprintf(w, `{"err":%q,"description":"see this site's log"}`, code.Error())
		return
	default:
		w.WriteHeader(http.StatusServiceUnavailable) // it comes again
		return
	}
	if s.book.fresh(e.jti) {
		s.take(e)
	}
	w.WriteHeader(http.StatusAccepted)
}

func (s *Site) read(r *http.Request) (event, error) {
	if subtle.ConstantTimeCompare([]byte(r.Header.Get("Authorization")), []byte(s.push)) != 1 {
		return event{}, errAccess
	}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/secevent+jwt" {
		return event{}, errRequest
	}
	text, err := io.ReadAll(r.Body)
	if err != nil || !typed(string(text), typeSET) {
		return event{}, errRequest
	}
	p, err := s.service(r.Context())
	if err != nil {
		return event{}, err
	}
	return s.verify(r.Context(), p, string(text))
}

// verify reads a security event token (RFC 8417, section 2.2). It has no expiry: it says what happened.
func (s *Site) verify(ctx context.Context, p *gooidc.Provider, token string) (event, error) {
	how := s.verifying()
	how.SkipExpiryCheck = true
	id, err := p.Verifier(how).Verify(ctx, token)
	if err != nil {
		return event{}, fmt.Errorf("%w: %w", errKey, err)
	}
	var said struct {
		JTI   string `json:"jti"`
		Nonce string `json:"nonce"`
		About struct {
			Format string `json:"format"`
			Iss    string `json:"iss"`
			Sub    string `json:"sub"`
		} `json:"sub_id"`
		Events map[string]struct {
			At    int64             `json:"event_timestamp"`
			Words map[string]string `json:"reason_user"`
		} `json:"events"`
	}
	if err := id.Claims(&said); err != nil || said.JTI == "" || said.Nonce != "" || len(said.Events) != 1 {
		return event{}, errRequest
	}
	e := event{jti: said.JTI, at: id.IssuedAt}
	if said.About.Format == "iss_sub" {
		if said.About.Iss != s.c.Issuer || said.About.Sub == "" {
			return event{}, errRequest
		}
		e.sub = said.About.Sub
	}
	for uri, body := range said.Events {
		e.name, e.words = uri[strings.LastIndex(uri, "/")+1:], body.Words
		if body.At > 0 {
			e.at = time.Unix(body.At, 0)
		}
	}
	return e, nil
}

// take acts on an event: some end every session of the person, others are shown to him.
func (s *Site) take(e event) {
	switch {
	case e.sub == "": // a verification: the stream works
		s.c.Log.Info("waterworks: the stream of signals works", "event", e.name)
	case slices.Contains([]string{"session-revoked", "account-disabled", "account-purged"}, e.name):
		s.book.end(e.sub, "", ending{event: e.name, words: e.words, at: s.c.Now()})
	default:
		s.book.tell(e.sub, news{event: e.name, words: e.words, at: e.at})
	}
}
