package attacks

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"doverie/internal/apptest"
	"doverie/internal/signals"
)

// T48: what a system asks about subjects is answered alike, byte for byte and statement for statement, whether it names
// somebody of its own, somebody of another system, or nobody; and the names of two systems cannot be compared.
func TestT48_UnknownSubjectsAnswerAlike(t *testing.T) {
	s := begin(t)
	v := s.visiting()
	foreign := v.poll.Subject(v.pollToken)
	subject := func(format, issuer, sub string) map[string]any {
		return map[string]any{"stream_id": v.push.Stream, "subject": map[string]string{"format": format, "iss": issuer, "sub": sub}}
	}
	asked := map[string]map[string]any{
		"one of its own":       subject("iss_sub", v.URL, v.push.Subject(v.pushToken)),
		"another system's":     subject("iss_sub", v.URL, foreign),
		"an account's id":      subject("iss_sub", v.URL, v.Vera.ID),
		"nobody":               subject("iss_sub", v.URL, "nobody at all"),
		"of another issuer":    subject("iss_sub", "https://other.example", "x"),
		"by e-mail, a person":  {"stream_id": v.push.Stream, "subject": map[string]string{"format": "email", "email": v.Vera.Email}},
		"by e-mail, nobody":    {"stream_id": v.push.Stream, "subject": map[string]string{"format": "email", "email": "nobody@example.test"}},
		"by phone, a person":   {"stream_id": v.push.Stream, "subject": map[string]string{"format": "phone_number", "phone_number": v.Vera.Phone}},
		"by phone, nobody":     {"stream_id": v.push.Stream, "subject": map[string]string{"format": "phone_number", "phone_number": "+79999999999"}},
		"a format of its own":  {"stream_id": v.push.Stream, "subject": map[string]string{"format": "opaque", "id": "x"}},
		"a person and session": {"stream_id": v.push.Stream, "subject": map[string]any{"format": "complex", "user": map[string]string{"format": "iss_sub", "iss": v.URL, "sub": foreign}}},
	}
	for path, want := range map[string]int{"/ssf/subjects/remove": http.StatusNoContent, "/ssf/subjects/add": http.StatusOK} {
		bodies, costs := map[string]string{}, map[string]int{}
		for range 2 { // removed, and removed again
			for name, in := range asked {
				before := s.Store.Stats().Statements()
				v.push.JSON(http.MethodPost, path, in, nil, want)
				costs[fmt.Sprint(s.Store.Stats().Statements()-before)]++
				bodies[v.push.Call(http.MethodPost, path, "application/json", encode(t, in)).Body] = name
			}
		}
		if len(bodies) != 1 || len(costs) != 1 {
			t.Errorf("%s: answers %q, statements %v", path, bodies, costs)
		}
	}
	// The stream's own addresses of another system do not exist for this one.
	for _, c := range []struct {
		method, path string
		in           any
	}{
		{http.MethodGet, "/ssf/streams?stream_id=" + v.push.Stream, nil},
		{http.MethodGet, "/ssf/status?stream_id=" + v.push.Stream, nil},
		{http.MethodDelete, "/ssf/streams?stream_id=" + v.push.Stream, nil},
		{http.MethodPatch, "/ssf/streams", map[string]string{"stream_id": v.push.Stream, "description": "mine"}},
		{http.MethodPut, "/ssf/streams", map[string]string{"stream_id": v.push.Stream}},
		{http.MethodPost, "/ssf/status", map[string]string{"stream_id": v.push.Stream, "status": "disabled"}},
		{http.MethodPost, "/ssf/verify", map[string]string{"stream_id": v.push.Stream}},
		{http.MethodPost, "/ssf/subjects/remove", subject("iss_sub", v.URL, foreign)},
		{http.MethodPost, "/ssf/poll/" + v.push.Stream, map[string]bool{"returnImmediately": true}},
	} {
		text := ""
		if c.in != nil {
			text = encode(t, c.in)
		}
		foreign := v.poll.Call(c.method, c.path, "application/json", text)
		nobodys := v.poll.Call(c.method, strings.ReplaceAll(c.path, v.push.Stream, "unknown"), "application/json", strings.ReplaceAll(text, v.push.Stream, "unknown"))
		if foreign.Status != http.StatusNotFound || foreign.Body != nobodys.Body || nobodys.Status != foreign.Status {
			t.Errorf("%s %s: %d %s for another's, %d %s for nobody's", c.method, c.path, foreign.Status, foreign.Body, nobodys.Status, nobodys.Body)
		}
	}
	if rows := s.count(`SELECT COUNT(id) FROM signal_streams WHERE status = 'enabled' AND description <> 'mine'`); rows != 2 {
		t.Errorf("%d streams are as they were", rows)
	}
}

func encode(t *testing.T, in any) string {
	t.Helper()
	text, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// field is one text of a JSON object.
func field(t *testing.T, body, name string) string {
	t.Helper()
	var o map[string]any
	if err := json.Unmarshal([]byte(body), &o); err != nil {
		t.Fatalf("%v in %s", err, body)
	}
	text, _ := o[name].(string)
	if text == "" {
		t.Fatalf("no %s in %s", name, body)
	}
	return text
}

// T48: a system hears of nobody who did not sign in to it, nor of anybody who withdrew, and never more than the event.
func TestT48_NoHarvest(t *testing.T) {
	s := begin(t)
	v := s.visiting()
	curious := s.Relying("Любопытный", "127.0.0.1")
	curious.Listen(true)
	v.browser.StepUp(s.Vera, apptest.Password)
	grant := s.text(`SELECT id FROM oidc_grants WHERE client_id = $1`, v.poll.Client.ID)
	v.browser.Want(v.browser.Post("/settings/safety/consents/"+grant+"/withdraw"), "/settings/safety/consents")
	s.Settle()
	if n := len(v.poll.Heard(signals.TypeLogout)); n != 1 {
		t.Errorf("the withdrawal was told by %d logouts", n)
	}
	s.Advance(time.Second)
	v.browser.Want(v.browser.Post("/safety/freeze"), "/safety/")
	s.Settle()
	if n := len(curious.Heard(signals.TypeSET)) + len(curious.Heard(signals.TypeLogout)) + len(v.poll.Poll(nil, false)); n != 0 {
		t.Errorf("%d tokens for systems that she does not deal with", n)
	}
	if got := names(v.push.Heard(signals.TypeSET)); !slices.Equal(got, []string{"account-disabled", "session-revoked"}) {
		t.Errorf("her own system heard %v", got)
	}
	for _, one := range v.push.Heard(signals.TypeSET) {
		if text := encode(t, one.Claims); s.leaks(text) {
			t.Errorf("a token says who she is: %s", text)
		}
	}
}

// T48, T46: nobody but the registered system reads or changes its stream, and no token of another kind opens it.
func TestT48_WhoMayManageAStream(t *testing.T) {
	s := begin(t)
	v := s.visiting()
	x := v.push
	token := func(scope string) string {
		a := x.Call(http.MethodPost, "/oidc/token", "application/x-www-form-urlencoded", "grant_type=client_credentials&scope="+scope)
		return field(t, a.Body, "access_token")
	}
	manage, read := token("ssf.manage"), token("ssf.read")
	bearer := func(text string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+text) }
	}
	list := func(proof func(*http.Request)) int {
		return x.CallWith(proof, http.MethodGet, "/ssf/streams", "", "").Status
	}
	pause := func(proof func(*http.Request)) int {
		return x.CallWith(proof, http.MethodPost, "/ssf/status", "application/json", `{"stream_id":"`+x.Stream+`","status":"paused"}`).Status
	}
	for _, c := range []struct {
		who                   string
		proof                 func(*http.Request)
		wantList, wantPausing int
	}{
		{"the secret", func(r *http.Request) { r.SetBasicAuth(x.Client.ID, x.Secret) }, 200, 200},
		{"a token to manage", bearer(manage), 200, 200},
		{"a token to read", bearer(read), 200, 403},
		{"nobody", func(*http.Request) {}, 401, 401},
		{"a wrong secret", func(r *http.Request) { r.SetBasicAuth(x.Client.ID, x.Secret+"x") }, 401, 401},
		{"another's secret", func(r *http.Request) { r.SetBasicAuth(x.Client.ID, v.poll.Secret) }, 401, 401},
		{"a person's access token", bearer(v.pushToken.AccessToken), 401, 401},
		{"a person's refresh token", bearer(v.pushToken.RefreshToken), 401, 401},
		{"a person's id token", bearer(v.pushToken.Extra("id_token").(string)), 401, 401},
		{"a token with a changed end", bearer(manage[:len(manage)-2] + "AA"), 401, 401},
		{"a token under another scheme", func(r *http.Request) { r.Header.Set("Authorization", "DPoP "+manage) }, 401, 401},
		{"two headers", func(r *http.Request) {
			r.Header.Add("Authorization", "Bearer "+manage)
			r.Header.Add("Authorization", "Bearer "+manage)
		}, 401, 401},
		{"a browser's session", func(r *http.Request) {
			for name, value := range v.browser.Cookies() {
				r.AddCookie(&http.Cookie{Name: name, Value: value})
			}
		}, 401, 401},
	} {
		if got := list(c.proof); got != c.wantList {
			t.Errorf("%s lists: %d, want %d", c.who, got, c.wantList)
		}
		if got := pause(c.proof); got != c.wantPausing {
			t.Errorf("%s pauses: %d, want %d", c.who, got, c.wantPausing)
		}
	}
	// The system's own token opens nothing of a person, and dies with its ten minutes and with the registration.
	if a := x.CallWith(bearer(manage), http.MethodGet, "/oidc/userinfo", "", ""); a.Status != http.StatusUnauthorized {
		t.Errorf("userinfo with a system's own token: %d", a.Status)
	}
	if a := x.Call(http.MethodPost, "/oidc/token", "application/x-www-form-urlencoded", "grant_type=client_credentials&scope=openid"); a.Status != http.StatusBadRequest {
		t.Errorf("openid for a system itself: %d", a.Status)
	}
	s.Advance(10*time.Minute - time.Microsecond)
	if got := list(bearer(manage)); got != 200 {
		t.Errorf("just before its end: %d", got)
	}
	s.Advance(time.Microsecond)
	if got := list(bearer(manage)); got != 401 {
		t.Errorf("at its end: %d", got)
	}
	fresh := token("")
	if _, err := s.Systems.Disable(t.Context(), byPerson, x.Client.ID); err != nil {
		t.Fatal(err)
	}
	if got := list(bearer(fresh)); got != 401 {
		t.Errorf("a token of a disabled system: %d", got)
	}
}

// T48: a receiver cannot make the service send to places that are none of its own.
func TestT48_EndpointsOfTheRegistrationOnly(t *testing.T) {
	s := begin(t)
	x := s.Relying("Водоканал", "127.0.0.1")
	for _, address := range []string{
		"", "signals", "/signals", "http://169.254.169.254/latest/meta-data", "https://169.254.169.254/", "https://127.0.0.1/signals", "http://localhost:1/x",
		"http://[::1]:8080/", "file:///etc/passwd", "gopher://127.0.0.1:70/", "https://elsewhere.example/signals", x.URL + "@elsewhere.example/", x.URL + ".elsewhere.example/",
		strings.Replace(x.URL, "http://", "http://user:secret@", 1) + "/signals", x.URL + "/signals#part", "HTTP://" + strings.TrimPrefix(x.URL, "http://") + "\\@elsewhere.example",
		x.URL + "/" + strings.Repeat("a", 1000),
	} {
		in := map[string]any{"delivery": map[string]string{"method": string(signals.Push), "endpoint_url": address}}
		x.JSON(http.MethodPost, "/ssf/streams", in, nil, http.StatusBadRequest)
	}
	for _, header := range []string{"a\r\nX-Other: b", "a\x00", "тайна", strings.Repeat("a", 2000)} {
		in := map[string]any{"delivery": map[string]string{"method": string(signals.Push), "endpoint_url": x.URL + "/signals", "authorization_header": header}}
		x.JSON(http.MethodPost, "/ssf/streams", in, nil, http.StatusBadRequest)
	}
	if n := s.count(`SELECT COUNT(id) FROM signal_streams`); n != 0 {
		t.Errorf("%d streams were made", n)
	}
	x.Listen(true)
}
