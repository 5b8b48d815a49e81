package webpush

import (
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

func octets(t *testing.T, text string) []byte {
	t.Helper()
	b, err := decode(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestSealedAsInTheStandard is the example of RFC 8291, section 5 and appendix A, octet for octet.
func TestSealedAsInTheStandard(t *testing.T) {
	sender, err := ecdh.P256().NewPrivateKey(octets(t, "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"))
	if err != nil {
		t.Fatal(err)
	}
	public, err := ecdh.P256().NewPublicKey(octets(t, "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"))
	if err != nil {
		t.Fatal(err)
	}
	const plain = "When I grow up, I want to be a watermelon"
	to := Subscription{Public: public, Auth: octets(t, "BTBZMqHH6r4Tts7J_aSIgg")}
	body, err := seal([]byte(plain), to, sender, octets(t, "DGv6ra1nlYgDCS1FRnbzlw"), len(plain))
	if err != nil {
		t.Fatal(err)
	}
	const want = "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6TlzAC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
	if got := encode(body); got != want {
		t.Errorf("sealed as %s", got)
	}
}

// TestAuthorization reads the token with a library: RFC 8292 §2 and §3.
func TestAuthorization(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, time.November, 21, 16, 5, 0, 0, time.UTC)
	endpoint := &url.URL{Scheme: "https", Host: "push.example:8443", Path: "/a/secret"}
	header, err := authorization(key, endpoint, "mailto:push@doverie.example", now)
	if err != nil {
		t.Fatal(err)
	}
	token, public, found := strings.Cut(strings.TrimPrefix(header, "vapid t="), ", k=")
	if !found || !strings.HasPrefix(header, "vapid t=") {
		t.Fatalf("the header is %q", header)
	}
	theirs, err := ecdsa.ParseUncompressedPublicKey(elliptic.P256(), octets(t, public))
	if err != nil || !theirs.Equal(&key.PublicKey) {
		t.Fatalf("the key is not ours: %v", err)
	}
	read, err := jwt.ParseSigned(token, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	var claims jwt.Claims
	if err := read.Claims(theirs, &claims); err != nil {
		t.Fatal(err)
	}
	if len(claims.Audience) != 1 || claims.Audience[0] != "https://push.example:8443" || claims.Subject != "mailto:push@doverie.example" ||
		!claims.Expiry.Time().Equal(now.Add(12*time.Hour)) {
		t.Errorf("the claims are %+v", claims)
	}
	if strings.Contains(token, "secret") {
		t.Error("the token repeats the endpoint")
	}
}

func TestParse(t *testing.T) {
	const keys = `"keys":{"p256dh":"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4","auth":"BTBZMqHH6r4Tts7J_aSIgg"}`
	const google = `{"endpoint":"https://fcm.googleapis.com/fcm/send/abc",`
	for name, c := range map[string]struct {
		text string
		good bool
	}{
		"Chrome":                          {google + `"expirationTime":null,` + keys + `}`, true},
		"Safari":                          {`{"endpoint":"https://web.push.apple.com/QAbc",` + keys + `}`, true},
		"padded as some browsers do":      {google + strings.Replace(keys, `aSIgg"`, `aSIgg=="`, 1) + `}`, true},
		"a service nobody knows":          {`{"endpoint":"https://push.example.org/abc",` + keys + `}`, false},
		"a name that ends like a service": {`{"endpoint":"https://evilpush.apple.com.example/abc",` + keys + `}`, false},
		"a name grown on to a service":    {`{"endpoint":"https://xfcm.googleapis.com/abc",` + keys + `}`, false},
		"the domain under which they lie": {`{"endpoint":"https://push.apple.com/abc",` + keys + `}`, false},
		"without TLS":                     {`{"endpoint":"http://fcm.googleapis.com/abc",` + keys + `}`, false},
		"an address of our own":           {`{"endpoint":"https://127.0.0.1/abc",` + keys + `}`, false},
		"another port":                    {`{"endpoint":"https://fcm.googleapis.com:22/abc",` + keys + `}`, false},
		"a user in the address":           {`{"endpoint":"https://fcm.googleapis.com@10.0.0.1/abc",` + keys + `}`, false},
		"a user before the address":       {`{"endpoint":"https://me@fcm.googleapis.com/abc",` + keys + `}`, false},
		"no keys":                         {google + `"keys":{}}`, false},
		"a point off the curve":           {google + strings.Replace(keys, `BCVxsr7N`, `BCVxsr7M`, 1) + `}`, false},
		"a short secret":                  {google + strings.Replace(keys, `BTBZMqHH6r4Tts7J_aSIgg`, `BTBZMqHH6r4Tts7J_aSI`, 1) + `}`, false},
		"another shape":                   {`[1]`, false},
		"nothing":                         {``, false},
		"too long":                        {`{"endpoint":"https://fcm.googleapis.com/` + strings.Repeat("a", 1100) + `",` + keys + `}`, false},
	} {
		s, err := Parse([]byte(c.text), KnownServices())
		if (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if err != nil {
			continue
		}
		again, err := Parse(s.Text(), KnownServices())
		if err != nil || again.Endpoint.String() != s.Endpoint.String() || !again.Public.Equal(s.Public) || string(again.Auth) != string(s.Auth) {
			t.Errorf("%s: written, it is read as another: %v", name, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"endpoint":"https://fcm.googleapis.com/a","keys":{"p256dh":"BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4","auth":"BTBZMqHH6r4Tts7J_aSIgg"}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := Parse(text, KnownServices())
		if err != nil {
			return
		}
		if s.Endpoint.Scheme != "https" || s.Endpoint.Port() != "" || !served(strings.ToLower(s.Endpoint.Hostname()), KnownServices()) {
			t.Errorf("taken: %s", s.Endpoint)
		}
		if _, err := Parse(s.Text(), KnownServices()); err != nil {
			t.Errorf("what was taken is not taken again: %s", s.Text())
		}
	})
}

func TestConfigurationMistakes(t *testing.T) {
	for contact, good := range map[string]bool{
		"mailto:push@doverie.example": true, "https://doverie.example/contact": true,
		"": false, "push@doverie.example": false, "mailto:mailto:push@doverie.example": false, "mailto:": false, "http://doverie.example": false,
		"mailto:Push <push@doverie.example>": false,
	} {
		if err := (Config{Contact: contact}).Check(); (err == nil) != good {
			t.Errorf("%q: %v", contact, err)
		}
	}
	for service, good := range map[string]bool{
		"push.example": true, "*.push.example": true, "push": false, "https://push.example": false, "push.example/a": false, "push.example:443": false, "*": false, "*.*.example": false, "": false,
	} {
		if err := (Config{Contact: "mailto:a@b.example", Services: []string{service}}).Check(); (err == nil) != good {
			t.Errorf("%q: %v", service, err)
		}
	}
	if _, err := New(Config{Contact: "mailto:a@b.example"}); err == nil {
		t.Error("a channel without a key")
	}
}
