package signals

import (
	"encoding/json"
	"slices"
	"strings"
)

// StreamRequest is the body that creates, updates or replaces a stream (SSF 1.0, section 8.1.1).
type StreamRequest struct {
	ID     string // "" where the stream is created
	Change Change
	// What only we may say, as the receiver repeats it; nil or empty: not repeated.
	Issuer    string
	Audience  []string
	Supported []string
	Delivered []string
}

// ParseStream reads a StreamRequest. whole: what is missing is taken for the default (create, replace), not
// for unchanged (update). The only error is Invalid.
func ParseStream(body []byte, whole bool) (StreamRequest, error) {
	o, err := parse(body)
	if err != nil {
		return StreamRequest{}, err
	}
	var r StreamRequest
	if r.ID, err = o.text("stream_id"); err != nil {
		return r, err
	}
	if r.Issuer, err = o.text("iss"); err != nil {
		return r, err
	}
	if r.Audience, err = o.audience(); err != nil {
		return r, err
	}
	if r.Supported, err = o.texts("events_supported"); err != nil {
		return r, err
	}
	if r.Delivered, err = o.texts("events_delivered"); err != nil {
		return r, err
	}
	if r.Change.Requested, err = o.requested(whole); err != nil {
		return r, err
	}
	description, err := o.text("description")
	if err != nil {
		return r, err
	}
	if whole || o.has("description") {
		r.Change.Description = &description
	}
	return r, o.delivery(&r.Change, whole)
}

// audience is a text or a list of texts (RFC 7519, section 4.1.3).
func (o object) audience() ([]string, error) {
	if one, err := o.text("aud"); err == nil {
		if one == "" {
			return nil, nil
		}
		return []string{one}, nil
	}
	return o.texts("aud")
}

// requested lists the events asked for. What we do not know is kept out: nobody can be told it.
func (o object) requested(whole bool) ([]Event, error) {
	asked, err := o.texts("events_requested")
	if err != nil {
		return nil, err
	}
	if asked == nil {
		if whole {
			return Supported(), nil
		}
		return nil, nil
	}
	out := []Event{}
	for _, e := range Supported() {
		if slices.Contains(asked, string(e)) {
			out = append(out, e)
		}
	}
	return out, nil
}

// delivery reads the member of that name; without one a new stream is polled (SSF 1.0, section 8.1.1.1).
func (o object) delivery(x *Change, whole bool) error {
	in, err := o.inner("delivery")
	if err != nil {
		return err
	}
	if in == nil {
		if whole {
			poll := Poll
			x.Method = &poll
		}
		return nil
	}
	method, err := in.text("method")
	if err != nil {
		return wrong("delivery.method")
	}
	endpoint, err := in.text("endpoint_url")
	if err != nil {
		return wrong("delivery.endpoint_url")
	}
	secret, err := in.text("authorization_header")
	if err != nil {
		return wrong("delivery.authorization_header")
	}
	m := Method(method)
	x.Method, x.Endpoint, x.Authorization = &m, &endpoint, &secret
	return nil
}

// StatusRequest is the body that sets the status (SSF 1.0, section 8.1.2.2).
type StatusRequest struct {
	Stream string
	Status Status
	Reason string
}

// ParseStatus reads a StatusRequest. The only error is Invalid.
func ParseStatus(body []byte) (StatusRequest, error) {
	o, err := parse(body)
	if err != nil {
		return StatusRequest{}, err
	}
	var r StatusRequest
	if r.Stream, err = o.text("stream_id"); err != nil {
		return r, err
	}
	status, err := o.text("status")
	if err != nil {
		return r, err
	}
	r.Status = Status(status)
	r.Reason, err = o.text("reason")
	return r, err
}

// SubjectRequest is the body that adds or removes a subject (SSF 1.0, section 8.1.3).
type SubjectRequest struct {
	Stream  string
	Issuer  string // of iss_sub; empty for every other format
	Subject string // of iss_sub; empty for every other format
}

// ParseSubject reads a SubjectRequest. A subject identifier (RFC 9493) of any format is taken: one that
// we never use names nobody, and is answered like everybody. The only error is Invalid.
func ParseSubject(body []byte) (SubjectRequest, error) {
	o, err := parse(body)
	if err != nil {
		return SubjectRequest{}, err
	}
	var r SubjectRequest
	if r.Stream, err = o.text("stream_id"); err != nil {
		return r, err
	}
	if _, err = o.flag("verified"); err != nil {
		return r, err
	}
	in, err := o.inner("subject")
	if err != nil {
		return r, err
	}
	format, err := in.text("format")
	if err != nil || format == "" {
		return r, wrong("subject")
	}
	if format == "complex" { // CAEP: the user of it is who is meant
		if in, err = in.inner("user"); err != nil || in == nil {
			return r, wrong("subject")
		}
		if format, err = in.text("format"); err != nil {
			return r, wrong("subject")
		}
	}
	if format != "iss_sub" {
		return r, nil
	}
	issuer, err1 := in.text("iss")
	subject, err2 := in.text("sub")
	if err1 != nil || err2 != nil || issuer == "" || subject == "" || len(subject) > maxSubject {
		return r, wrong("subject")
	}
	r.Issuer, r.Subject = issuer, subject
	return r, nil
}

// maxSubject is the longest sub (OpenID Connect Core 1.0, section 2).
const maxSubject = 255

// VerificationRequest is the body that asks for a verification event (SSF 1.0, section 8.1.4.2).
type VerificationRequest struct {
	Stream string
	State  string // comes back in the event
}

// maxState bounds what a receiver may have us repeat to it.
const maxState = 1000

// ParseVerification reads a VerificationRequest. The only error is Invalid.
func ParseVerification(body []byte) (VerificationRequest, error) {
	o, err := parse(body)
	if err != nil {
		return VerificationRequest{}, err
	}
	var r VerificationRequest
	if r.Stream, err = o.text("stream_id"); err != nil {
		return r, err
	}
	if r.State, err = o.text("state"); err == nil && (len(r.State) > maxState || strings.ContainsFunc(r.State, control)) {
		err = wrong("state")
	}
	return r, err
}

// PollRequest is the body of a poll (RFC 8936, section 2.4).
type PollRequest struct {
	Max       int // -1: as many as we like; 0: none, only the acknowledgements count
	Immediate bool
	Acks      []string          // jti
	Errs      map[string]string // jti and the receiver's code of what is wrong with it
}

// maxAtOnce is the most tokens that one answer to a poll holds.
const maxAtOnce = 50

// maxID is the longest jti that can be one of ours.
const maxID = 64

// ParsePoll reads a PollRequest. The only error is Invalid.
func ParsePoll(body []byte) (PollRequest, error) {
	o, err := parse(body)
	if err != nil {
		return PollRequest{}, err
	}
	r := PollRequest{Max: -1, Errs: map[string]string{}}
	if o.has("maxEvents") {
		if json.Unmarshal(o["maxEvents"], &r.Max) != nil || r.Max < 0 {
			return r, wrong("maxEvents")
		}
	}
	if r.Immediate, err = o.flag("returnImmediately"); err != nil {
		return r, err
	}
	if r.Acks, err = o.texts("ack"); err != nil {
		return r, err
	}
	for _, id := range r.Acks {
		if len(id) > maxID {
			return r, wrong("ack")
		}
	}
	errs, err := o.inner("setErrs")
	if err != nil {
		return r, err
	}
	for id := range errs {
		one, err := errs.inner(id)
		if err != nil || one == nil || len(id) > maxID {
			return r, wrong("setErrs")
		}
		code, err := one.text("err")
		if err != nil || code == "" {
			return r, wrong("setErrs")
		}
		r.Errs[id] = Problem(code)
	}
	return r, nil
}

// refusals are the codes of RFC 8935, section 2.4, and of RFC 8936, section 2.6.
var refusals = []string{
	"invalid_request", "invalid_key", "invalid_issuer", "invalid_audience", "authentication_failed", "access_denied",
	"jwtParse", "jwtHdr", "jwtCrypto", "jws", "jwe", "jwtAud", "jwtIss", "setType", "setParse", "setData", "dup",
}

// Problem is a receiver's code as it is kept and shown to operators: one of the known ones, never a text from outside.
func Problem(code string) string {
	if slices.Contains(refusals, code) {
		return code
	}
	return "other"
}
