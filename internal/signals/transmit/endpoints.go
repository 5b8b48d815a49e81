package transmit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"doverie/internal/fault"
	"doverie/internal/httpx"
	"doverie/internal/signals"
)

// The addresses.
const (
	ConfigurationPath = "/.well-known/ssf-configuration"
	streamsPath       = "/ssf/streams"
	streamStatusPath  = "/ssf/status"
	addSubjectPath    = "/ssf/subjects/add"
	removeSubjectPath = "/ssf/subjects/remove"
	verifyStreamPath  = "/ssf/verify"
	pollStreamPath    = "/ssf/poll/"
)

// What a system may do: the scopes of the CAEP interoperability profile. Manage includes Read.
const (
	Read   = "ssf.read"
	Manage = "ssf.manage"
)

// Receivers tells which system asks.
type Receivers interface {
	// Receiver names the system and the scopes it has; fault.SignIn when nobody is proved, fault.Refused otherwise.
	Receiver(r *http.Request) (client string, scopes []string, err error)
}

// Streams is what the addresses call.
type Streams interface {
	Create(ctx context.Context, client string, r signals.StreamRequest) (signals.Stream, error)
	Read(ctx context.Context, client, id string) (signals.Stream, error)
	Update(ctx context.Context, client string, r signals.StreamRequest) (signals.Stream, error)
	Delete(ctx context.Context, client, id string) error
	SetStatus(ctx context.Context, client string, r signals.StatusRequest) (signals.Stream, error)
	Subject(ctx context.Context, client string, r signals.SubjectRequest, remove bool) error
	Verify(ctx context.Context, client string, r signals.VerificationRequest) error
	Poll(ctx context.Context, client, id string, r signals.PollRequest) (signals.Polled, error)
}

// Endpoints serves the addresses.
type Endpoints struct {
	Issuer    string
	JWKS      string // address of the keys
	Streams   Streams
	Receivers Receivers
	Log       *slog.Logger
}

// Mount adds the addresses.
func (e Endpoints) Mount(mux *http.ServeMux) {
	mux.HandleFunc("GET "+ConfigurationPath, e.configuration)
	mux.HandleFunc("POST "+streamsPath, e.guard(Manage, e.create))
	mux.HandleFunc("GET "+streamsPath, e.guard(Read, e.read))
	mux.HandleFunc("PATCH "+streamsPath, e.guard(Manage, e.update))
	mux.HandleFunc("PUT "+streamsPath, e.guard(Manage, e.replace))
	mux.HandleFunc("DELETE "+streamsPath, e.guard(Manage, e.remove))
	mux.HandleFunc("GET "+streamStatusPath, e.guard(Read, e.status))
	mux.HandleFunc("POST "+streamStatusPath, e.guard(Manage, e.setStatus))
	mux.HandleFunc("POST "+addSubjectPath, e.guard(Manage, e.addSubject))
	mux.HandleFunc("POST "+removeSubjectPath, e.guard(Manage, e.removeSubject))
	mux.HandleFunc("POST "+verifyStreamPath, e.guard(Manage, e.verify))
	mux.HandleFunc("POST "+pollStreamPath+"{stream}", e.guard(Read, e.poll))
}

// guard answers a system that may do what the scope says.
func (e Endpoints) guard(scope string, answer func(r *http.Request, client string) (status int, body any, err error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		client, err := e.caller(r, scope)
		var status int
		var said any
		if err == nil {
			status, said, err = answer(r, client)
		}
		if err != nil {
			e.fail(w, r, err)
			return
		}
		e.send(w, r, status, said)
	}
}

func (e Endpoints) caller(r *http.Request, scope string) (string, error) {
	client, scopes, err := e.Receivers.Receiver(r)
	if err != nil {
		return "", err
	}
	for _, s := range scopes {
		if s == scope || s == Manage {
			return client, nil
		}
	}
	return "", fault.New(fault.Refused, "fault.signals.scope", nil)
}

func (e Endpoints) send(w http.ResponseWriter, r *http.Request, status int, body any) {
	if body == nil {
		w.WriteHeader(status)
		return
	}
	text, err := json.Marshal(body)
	if err != nil {
		e.fail(w, r, fmt.Errorf("transmit: answer: %w", err))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Content-Length", strconv.Itoa(len(text)))
	w.WriteHeader(status)
	_, _ = w.Write(text) // a reader who went away is no failure of ours
}

// words are the errors for the developer of a receiver: English, and nothing that depends on a person.
var words = map[fault.Kind]struct{ code, text string }{
	fault.NotFound: {"not_found", "no such stream of this receiver"},
	fault.Conflict: {"conflict", "this receiver has a stream already, or another request changed it just now"},
	fault.Refused:  {"access_denied", "the credentials do not allow this"},
	fault.Invalid:  {"invalid_request", "the request is not understood"},
	fault.Limited:  {"too_many_requests", "too often: see Retry-After"},
	fault.Busy:     {"temporarily_unavailable", "not now: see Retry-After"},
	fault.SignIn:   {"authentication_failed", "the receiver did not prove who it is"},
	fault.Internal: {"server_error", "the failure is ours"},
}

const busyFor = 5 * time.Second

func (e Endpoints) fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		return
	}
	f := fault.Of(err)
	said, known := words[f.Kind]
	if !known {
		said = words[fault.Internal]
	}
	level := slog.LevelInfo
	if f.Kind == fault.Internal {
		level = slog.LevelError
	}
	e.Log.LogAttrs(r.Context(), level, "fault", slog.String("request_id", httpx.RequestID(r)), slog.String("pattern", r.Pattern),
		slog.String("kind", f.Kind.String()), slog.String("error", f.Error()))
	status := httpx.Status(f.Kind)
	switch f.Kind {
	case fault.Invalid:
		status = http.StatusBadRequest
		if len(f.Fields) > 0 {
			said.text = "wrong member: " + f.Fields[0].Name
		}
		if f.Key == "fault.too_large" {
			status = http.StatusRequestEntityTooLarge
		}
	case fault.SignIn:
		w.Header().Add("WWW-Authenticate", `Bearer realm="ssf"`)
		w.Header().Add("WWW-Authenticate", `Basic realm="ssf"`)
	case fault.Limited, fault.Busy:
		after, ok := f.Args["After"].(time.Duration)
		if !ok {
			after = busyFor
		}
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(after.Seconds()))))
	default:
	}
	e.send(w, r, status, map[string]string{"err": said.code, "description": said.text})
}

// body reads a JSON body within its bounds.
func body(r *http.Request) ([]byte, error) {
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || kind != "application/json" {
		return nil, fault.New(fault.Invalid, "fault.signals.body", nil).Because(err)
	}
	text, err := io.ReadAll(io.LimitReader(r.Body, signals.MaxBody+1))
	if _, large := errors.AsType[*http.MaxBytesError](err); large || len(text) > signals.MaxBody {
		return nil, fault.New(fault.Invalid, "fault.too_large", nil)
	}
	if err != nil {
		return nil, fault.New(fault.Invalid, "fault.signals.body", nil).Because(err)
	}
	return text, nil
}

// configuration is the transmitter's metadata (SSF 1.0, section 7.1). default_subjects: whoever signs in to the
// receiver is in its stream from the start.
func (e Endpoints) configuration(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "public, max-age=300")
	e.send(w, r, http.StatusOK, map[string]any{
		"spec_version": "1_0", "issuer": e.Issuer, "jwks_uri": e.JWKS,
		"delivery_methods_supported": []string{string(signals.Push), string(signals.Poll)},
		"configuration_endpoint":     e.Issuer + streamsPath,
		"status_endpoint":            e.Issuer + streamStatusPath,
		"add_subject_endpoint":       e.Issuer + addSubjectPath,
		"remove_subject_endpoint":    e.Issuer + removeSubjectPath,
		"verification_endpoint":      e.Issuer + verifyStreamPath,
		"critical_subject_members":   []string{},
		"default_subjects":           "ALL",
		"authorization_schemes":      []map[string]string{{"spec_urn": "urn:ietf:rfc:6749"}, {"spec_urn": "urn:ietf:rfc:6750"}},
	})
}

// streamBody is a stream as its receiver sees it (SSF 1.0, section 8.1.1). The Authorization header is never repeated.
func (e Endpoints) streamBody(x signals.Stream) map[string]any {
	delivery := map[string]string{"method": string(x.Method), "endpoint_url": x.Endpoint}
	if x.Method == signals.Poll {
		delivery["endpoint_url"] = e.Issuer + pollStreamPath + x.ID
	}
	out := map[string]any{
		"stream_id": x.ID, "iss": e.Issuer, "aud": x.Client, "delivery": delivery,
		"events_supported": signals.Supported(), "events_requested": none(x.Requested), "events_delivered": none(x.Delivered()),
		"min_verification_interval": int(signals.VerifyEvery.Seconds()),
	}
	if x.Description != "" {
		out["description"] = x.Description
	}
	return out
}

func none(events []signals.Event) []signals.Event {
	if events == nil {
		return []signals.Event{} // an empty list, and not null
	}
	return events
}

func (e Endpoints) create(r *http.Request, client string) (int, any, error) {
	text, err := body(r)
	if err != nil {
		return 0, nil, err
	}
	asked, err := signals.ParseStream(text, true)
	if err != nil {
		return 0, nil, err
	}
	x, err := e.Streams.Create(r.Context(), client, asked)
	return http.StatusCreated, e.streamBody(x), err
}

// read gives one stream by its id, or without one the list of all: none or one.
func (e Endpoints) read(r *http.Request, client string) (int, any, error) {
	id := r.URL.Query().Get("stream_id")
	x, err := e.Streams.Read(r.Context(), client, id)
	switch {
	case id != "":
		return http.StatusOK, e.streamBody(x), err
	case fault.Is(err, fault.NotFound):
		return http.StatusOK, []any{}, nil
	}
	return http.StatusOK, []any{e.streamBody(x)}, err
}

func (e Endpoints) update(r *http.Request, client string) (int, any, error) {
	return e.change(r, client, false)
}

func (e Endpoints) replace(r *http.Request, client string) (int, any, error) {
	return e.change(r, client, true)
}

func (e Endpoints) change(r *http.Request, client string, whole bool) (int, any, error) {
	text, err := body(r)
	if err != nil {
		return 0, nil, err
	}
	asked, err := signals.ParseStream(text, whole)
	if err != nil {
		return 0, nil, err
	}
	x, err := e.Streams.Update(r.Context(), client, asked)
	return http.StatusOK, e.streamBody(x), err
}

func (e Endpoints) remove(r *http.Request, client string) (int, any, error) {
	return http.StatusNoContent, nil, e.Streams.Delete(r.Context(), client, r.URL.Query().Get("stream_id"))
}

func statusBody(x signals.Stream) map[string]string {
	out := map[string]string{"stream_id": x.ID, "status": string(x.Status)}
	if x.Reason != "" {
		out["reason"] = x.Reason
	}
	return out
}

func (e Endpoints) status(r *http.Request, client string) (int, any, error) {
	id := r.URL.Query().Get("stream_id")
	if id == "" {
		return 0, nil, fault.BadFields(fault.Field{Name: "stream_id", Key: "fault.signals.member"})
	}
	x, err := e.Streams.Read(r.Context(), client, id)
	return http.StatusOK, statusBody(x), err
}

func (e Endpoints) setStatus(r *http.Request, client string) (int, any, error) {
	text, err := body(r)
	if err != nil {
		return 0, nil, err
	}
	asked, err := signals.ParseStatus(text)
	if err != nil {
		return 0, nil, err
	}
	x, err := e.Streams.SetStatus(r.Context(), client, asked)
	return http.StatusOK, statusBody(x), err
}

func (e Endpoints) addSubject(r *http.Request, client string) (int, any, error) {
	return http.StatusOK, nil, e.subject(r, client, false)
}

func (e Endpoints) removeSubject(r *http.Request, client string) (int, any, error) {
	return http.StatusNoContent, nil, e.subject(r, client, true)
}

func (e Endpoints) subject(r *http.Request, client string, remove bool) error {
	text, err := body(r)
	if err != nil {
		return err
	}
	asked, err := signals.ParseSubject(text)
	if err != nil {
		return err
	}
	return e.Streams.Subject(r.Context(), client, asked, remove)
}

func (e Endpoints) verify(r *http.Request, client string) (int, any, error) {
	text, err := body(r)
	if err != nil {
		return 0, nil, err
	}
	asked, err := signals.ParseVerification(text)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusNoContent, nil, e.Streams.Verify(r.Context(), client, asked)
}

func (e Endpoints) poll(r *http.Request, client string) (int, any, error) {
	text, err := body(r)
	if err != nil {
		return 0, nil, err
	}
	asked, err := signals.ParsePoll(text)
	if err != nil {
		return 0, nil, err
	}
	got, err := e.Streams.Poll(r.Context(), client, r.PathValue("stream"), asked)
	return http.StatusOK, polled(got), err
}

// polled is the answer to a poll (RFC 8936, section 2.5). The tokens stand in their order, which an object of
// encoding/json would not keep.
type polled signals.Polled

// MarshalJSON implements json.Marshaler.
func (p polled) MarshalJSON() ([]byte, error) {
	var b strings.Builder
	b.WriteString(`{"sets":{`)
	for i, id := range p.Order {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%q:%q", id, p.Sets[id]) // letters, digits, "-", "_" and "." only
	}
	fmt.Fprintf(&b, `},"moreAvailable":%t}`, p.More)
	return []byte(b.String()), nil
}
