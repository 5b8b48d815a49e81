package signals

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"doverie/internal/fault"
)

// bodies are seeds for every parser: good requests, and what attackers and broken clients send.
var bodies = []string{
	`{}`, `null`, `[]`, `"text"`, ``, ` `, `{`, `{"a":1}{"b":2}`, "\ufeff{}", "{\"stream_id\":\"\xff\"}", `{"stream_id":null}`, `{"stream_id":7}`,
	`{"stream_id":"a","stream_id":"b"}`, `{"STREAM_ID":"a"}`, strings.Repeat(`{"a":`, 40) + `1` + strings.Repeat(`}`, 40), `{"a":` + strings.Repeat(`[`, 9) + strings.Repeat(`]`, 9) + `}`,
	`{"delivery":{"method":"urn:ietf:rfc:8935","endpoint_url":"https://water.example/signals","authorization_header":"Bearer x"},"events_requested":["https://schemas.openid.net/secevent/caep/event-type/session-revoked","x"],"description":"d"}`,
	`{"delivery":{"method":"urn:ietf:rfc:8936"},"iss":"https://id.example","aud":["water"],"events_supported":[],"events_delivered":[""]}`,
	`{"delivery":{"method":"urn:ietf:rfc:8935","endpoint_url":"http://169.254.169.254/"}}`, `{"delivery":[]}`, `{"aud":7}`, `{"events_requested":{}}`,
	`{"stream_id":"s","status":"paused","reason":"night"}`, `{"stream_id":"s","status":"off"}`, `{"stream_id":"s","state":"hello"}`, `{"state":"\u0000"}`,
	`{"stream_id":"s","subject":{"format":"iss_sub","iss":"https://id.example","sub":"x"},"verified":true}`, `{"subject":{"format":"email","email":"a@b.c"}}`,
	`{"subject":{"format":"complex","user":{"format":"iss_sub","iss":"i","sub":"s"}}}`, `{"subject":{"format":"complex"}}`, `{"subject":{}}`, `{"subject":null}`,
	`{"ack":["a","b"],"setErrs":{"c":{"err":"jws","description":"x"}},"maxEvents":3,"returnImmediately":true}`, `{"maxEvents":-1}`, `{"maxEvents":1e9}`, `{"maxEvents":1.5}`,
	`{"setErrs":{"c":{}}}`, `{"setErrs":{"c":null}}`, `{"ack":[7]}`, `{"ack":"a"}`, `{"returnImmediately":"yes"}`, `{"maxEvents":99999999999999999999}`,
}

func seed(f *testing.F) {
	for _, body := range bodies {
		f.Add([]byte(body))
	}
}

// refusedRight: an error is an Invalid fault, and a body that was taken is one JSON object in UTF-8 whose names differ.
func refusedRight(t *testing.T, body []byte, err error) {
	t.Helper()
	if err != nil {
		if !fault.Is(err, fault.Invalid) {
			t.Fatalf("%q: %v", body, err)
		}
		return
	}
	var o map[string]any
	if !utf8.Valid(body) || len(body) > MaxBody || json.Unmarshal(body, &o) != nil || o == nil {
		t.Fatalf("%q was taken", body)
	}
}

// A stream request that was taken becomes a stream within all bounds, or is refused, and never sends to a foreign host.
func FuzzStream(f *testing.F) {
	seed(f)
	now := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	client := Client{ID: "water", Origins: []string{"https://water.example", "http://127.0.0.1:8081"}}
	f.Fuzz(func(t *testing.T, body []byte) {
		for _, whole := range []bool{true, false} {
			r, err := ParseStream(body, whole)
			refusedRight(t, body, err)
			if err != nil {
				continue
			}
			for _, plain := range []bool{true, false} {
				before := Stream{ID: "s", Client: "water", Status: Enabled, Method: Poll, Version: 1}
				x, err := before.Apply(now, client, plain, r.Change)
				if err != nil {
					if !fault.Is(err, fault.Invalid) {
						t.Fatal(err)
					}
					continue
				}
				origin, ok := Origin(x.Endpoint, plain)
				switch {
				case x.Method == Poll && x.Endpoint+x.Authorization != "":
					t.Fatalf("%q: a polled stream has an address", body)
				case x.Method == Push && (!ok || !slices.Contains(client.Origins, origin) || !plain && !strings.HasPrefix(strings.ToLower(x.Endpoint), "https://")):
					t.Fatalf("%q: sends to %q", body, x.Endpoint)
				case x.Method != Push && x.Method != Poll:
					t.Fatalf("%q: method %q", body, x.Method)
				case len(x.Endpoint) > maxEndpoint || len(x.Authorization) > maxAuthorization || len([]rune(x.Description)) > maxDescription:
					t.Fatalf("%q: out of bounds", body)
				case strings.ContainsAny(x.Authorization+x.Description, "\r\n\x00"):
					t.Fatalf("%q: a header or a text with a line end", body)
				}
				for _, e := range x.Requested {
					if !slices.Contains(Supported(), e) {
						t.Fatalf("%q: asks for %q", body, e)
					}
				}
			}
		}
	})
}

// Status, subject and verification requests are taken within their bounds, or refused.
func FuzzManage(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		status, err := ParseStatus(body)
		refusedRight(t, body, err)
		if err == nil {
			x, err := Stream{Status: Enabled}.Set(time.Time{}, status.Status, status.Reason)
			if err == nil && (x.Status != Enabled && x.Status != Paused && x.Status != Disabled || len([]rune(x.Reason)) > maxReason || strings.ContainsAny(x.Reason, "\r\n\x00")) {
				t.Fatalf("%q: %+v", body, x)
			}
		}
		subject, err := ParseSubject(body)
		refusedRight(t, body, err)
		if err == nil && (len(subject.Subject) > maxSubject || (subject.Subject == "") != (subject.Issuer == "")) {
			t.Fatalf("%q: %+v", body, subject)
		}
		verification, err := ParseVerification(body)
		refusedRight(t, body, err)
		if err == nil && (len(verification.State) > maxState || strings.ContainsAny(verification.State, "\r\n\x00")) {
			t.Fatalf("%q: %+v", body, verification)
		}
	})
}

// A poll request is taken within its bounds, or refused; what a receiver complains of is one of the known codes.
func FuzzPoll(f *testing.F) {
	seed(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		r, err := ParsePoll(body)
		refusedRight(t, body, err)
		if err != nil {
			return
		}
		if r.Max < -1 || len(r.Acks) > maxList || len(r.Errs) > maxList {
			t.Fatalf("%q: %+v", body, r)
		}
		for id, code := range r.Errs {
			if len(id) > maxID || code != "other" && !slices.Contains(refusals, code) {
				t.Fatalf("%q: %q says %q", body, id, code)
			}
		}
	})
}

// An origin is a scheme and a host that the address really leads to, as browsers and Go's client read it.
func FuzzOrigin(f *testing.F) {
	for _, address := range []string{
		"https://water.example/signals", "https://WATER.example:443/", "http://127.0.0.1:8081/x", "http://[::1]:1/", "https://user@water.example/", "https://water.example#x",
		"https://water.example\\@other.example/", "//water.example", "https:water.example", "https://", "https://:443/", "HTTPS://water.example", "http://127.0.0.1.example/", "https://water.example:/",
	} {
		f.Add(address)
	}
	f.Fuzz(func(t *testing.T, address string) {
		for _, plain := range []bool{true, false} {
			origin, ok := Origin(address, plain)
			if !ok {
				if origin != "" {
					t.Fatalf("%q: %q and no", address, origin)
				}
				continue
			}
			again, ok := Origin(origin, plain)
			switch {
			case !ok || again != origin:
				t.Fatalf("%q has the origin %q, and that has %q", address, origin, again)
			case strings.ContainsAny(origin[len("https://"):], "/@\\# \t\r\n"):
				t.Fatalf("%q has the origin %q", address, origin)
			case strings.HasPrefix(origin, "http://") && !plain:
				t.Fatalf("%q is http", address)
			}
		}
	})
}
