package passkey_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/url"
	"testing"

	"doverie/internal/passkey"
	"doverie/internal/session"
)

// The answer of a key comes from a browser, and a browser is whoever writes the request: what is not the
// genuine answer is ErrWrongKey, never another error and never a yes.
func FuzzAnswer(f *testing.F) {
	base, err := url.Parse(origin)
	ok(f, err)
	site, err := passkey.New(base, "Доверие")
	ok(f, err)
	who, d := session.KeyOwner{ID: "vera", Name: "Вера"}, newDevice()
	options, made, err := site.BeginRegistration(who, nil)
	ok(f, err)
	creation := d.makes(f, options)
	key, err := site.FinishRegistration(who, made, creation)
	ok(f, err)
	options, asked, err := site.BeginAssertion(who, [][]byte{key.Credential})
	ok(f, err)
	genuine := d.answers(f, options)
	if _, err := site.FinishAssertion(who, asked, key.Record, genuine); err != nil {
		f.Fatalf("the genuine answer: %v", err)
	}
	essence := signed(genuine)
	for _, answer := range [][]byte{
		genuine, creation, nil, []byte("null"), []byte("{}"), []byte(`{"id":"AA","rawId":"AA","type":"public-key","response":{}}`), []byte("[[["),
		bytes.ReplaceAll(genuine, []byte("public-key"), []byte("password")), append(bytes.Clone(genuine), genuine...), bytes.ToUpper(genuine),
	} {
		f.Add(answer)
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		if id, err := site.CredentialOf(answer); err == nil == (len(id) == 0) || err != nil && !errors.Is(err, session.ErrWrongKey) {
			t.Fatalf("%q names the key %x (%v)", answer, id, err)
		}
		if _, err := site.FinishAssertion(who, asked, key.Record, answer); err == nil {
			if got := signed(answer); got != essence {
				t.Fatalf("%q is taken for\n%q", answer, genuine)
			}
		} else if !errors.Is(err, session.ErrWrongKey) {
			t.Fatalf("%q: %v", answer, err)
		}
		if fresh, err := site.FinishRegistration(who, made, answer); err == nil {
			if len(fresh.Credential) == 0 || len(fresh.Record) == 0 {
				t.Fatalf("%q made the key %+v", answer, fresh)
			}
		} else if !errors.Is(err, session.ErrWrongKey) {
			t.Fatalf("registration with %q: %v", answer, err)
		}
	})
}

// signed is what a signature covers: everything else of an answer may be written in many ways.
func signed(answer []byte) string {
	var a struct {
		Response struct {
			ClientDataJSON    string `json:"clientDataJSON"`
			AuthenticatorData string `json:"authenticatorData"`
		} `json:"response"`
	}
	if json.Unmarshal(answer, &a) != nil {
		return ""
	}
	return a.Response.ClientDataJSON + "|" + a.Response.AuthenticatorData
}
