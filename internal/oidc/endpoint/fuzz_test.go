package endpoint

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// FuzzCredentials: what a program sends to prove itself is read as it was meant, or refused.
func FuzzCredentials(f *testing.F) {
	for _, seed := range [][2]string{
		{"Basic YTpi", "grant_type=authorization_code&code=x"}, {"Basic", "client_id=a&client_secret=b"}, {"Basic %%%", "client_assertion=a.b.c&client_assertion_type=x"},
		{"Basic JXp6OiV6eg==", ""}, {"Bearer x", "client_id=a"}, {"basic YTpi", "client_id=a&client_id=b"}, {"", "%00"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, header, body string) {
		form, err := url.ParseQuery(body)
		if err != nil {
			return
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://id.test/oidc/token", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		if header != "" {
			r.Header.Set("Authorization", header)
		}
		c, wrong := credentialsOf(r, form)
		switch {
		case wrong != nil && c.Basic && c.ID != "" && c.Password != "" && !strings.Contains(wrong.Text, "Authorization"):
			t.Fatalf("%q is refused with %q", header, wrong.Text)
		case wrong == nil && header != "" && !c.Basic:
			t.Fatalf("the header %q is passed over", header)
		case wrong == nil && !c.Basic && (c.ID != "" || c.Password != ""):
			t.Fatalf("somebody is named without a header: %+v", c)
		}
	})
}
