package secret_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"doverie/internal/secret"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func keyring(t testing.TB) *secret.Keyring {
	t.Helper()
	k, err := secret.ParseMaster(secret.NewMaster())
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestParseMaster(t *testing.T) {
	raw := make([]byte, 48)
	for i := range raw {
		raw[i] = byte(i * 37)
	}
	url := base64.RawURLEncoding.EncodeToString(raw)
	want, err := secret.ParseMaster(url)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"padded":     base64.URLEncoding.EncodeToString(raw),
		"standard":   base64.StdEncoding.EncodeToString(raw),
		"white ends": "\n " + url + "\r\n",
	} {
		k, err := secret.ParseMaster(text)
		if err != nil || !bytes.Equal(k.Lookup("x", "y"), want.Lookup("x", "y")) {
			t.Errorf("%s: not the same keyring (%v)", name, err)
		}
	}
	for name, text := range map[string]string{
		"empty":    "",
		"short":    base64.RawURLEncoding.EncodeToString(raw[:31]),
		"not text": "this is not a key, it only looks like one for a while",
		"zeroes":   base64.RawURLEncoding.EncodeToString(make([]byte, 32)),
		"letters":  base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte("a"), 40)),
	} {
		k, err := secret.ParseMaster(text)
		if !errors.Is(err, secret.ErrMaster) || k != nil {
			t.Errorf("%s: accepted", name)
		}
		if err != nil && text != "" && strings.Contains(err.Error(), text[:4]) {
			t.Errorf("%s: the error repeats the key: %v", name, err)
		}
	}
	if a, b := secret.NewMaster(), secret.NewMaster(); a == b || len(a) != 43 {
		t.Errorf("NewMaster: %q then %q", a, b)
	}
}

// A keyring is passed around in structs that get printed: nothing of it may show (I5).
func TestKeyringPrintsNothing(t *testing.T) {
	master := secret.NewMaster()
	k, err := secret.ParseMaster(master)
	if err != nil {
		t.Fatal(err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		for _, what := range []any{k, struct{ K *secret.Keyring }{k}} {
			got := fmt.Sprintf(verb, what)
			if len(got) > 80 || strings.Contains(got, "[") {
				t.Errorf("%s prints %q", verb, got)
			}
		}
	}
}

func TestLookup(t *testing.T) {
	k, other := keyring(t), keyring(t)
	a := k.Lookup("phone", "+79161234567")
	if len(a) != 32 || !bytes.Equal(a, k.Lookup("phone", "+79161234567")) {
		t.Fatal("the same value must always give the same 32 bytes")
	}
	for name, b := range map[string][]byte{
		"another value":  k.Lookup("phone", "+79161234568"),
		"another column": k.Lookup("name", "+79161234567"),
		"another master": other.Lookup("phone", "+79161234567"),
		"moved border":   k.Lookup("phone+", "79161234567"),
	} {
		if bytes.Equal(a, b) {
			t.Errorf("%s: the same hash", name)
		}
	}
}

func TestMatchNumber(t *testing.T) {
	k, other := keyring(t), keyring(t)
	const rounds = 18_000
	seen, differ := map[string]int{}, 0
	for i := range rounds {
		id := "recovery-" + strconv.Itoa(i)
		n := k.MatchNumber(id)
		if v, err := strconv.Atoi(n); err != nil || v < 10 || v > 99 || n != k.MatchNumber(id) {
			t.Fatalf("MatchNumber(%q) = %q", id, n)
		}
		seen[n]++
		if n != other.MatchNumber(id) {
			differ++
		}
	}
	for n := 10; n <= 99; n++ { // 200 expected, standard deviation 14: six of them
		if c := seen[strconv.Itoa(n)]; c < 115 || c > 285 {
			t.Errorf("%d came %d times of %d", n, c, rounds)
		}
	}
	if differ < rounds*9/10 {
		t.Errorf("another master agrees on %d of %d numbers", rounds-differ, rounds)
	}
}

func TestToken(t *testing.T) {
	shape := regexp.MustCompile(`^[A-Z2-7]{26,}$`) // 26 × 5 bits ≥ 128
	seen := map[string]bool{}
	for range 1000 {
		token := secret.Token()
		if !shape.MatchString(token) || seen[token] {
			t.Fatalf("Token() = %q", token)
		}
		seen[token] = true
	}
	const abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" // FIPS 180-2, appendix B.1
	if got := fmt.Sprintf("%x", secret.HashToken("abc")); got != abc {
		t.Errorf("HashToken(abc) = %s", got)
	}
}

func TestSign(t *testing.T) {
	k, other := keyring(t), keyring(t)
	payload := []byte("/recovery/0198?next=пароль\n")
	until := noon.Add(time.Hour)
	text := k.Sign("next step", payload, until)
	if !regexp.MustCompile(`^[A-Za-z0-9_-]+$`).MatchString(text) {
		t.Errorf("not URL-safe: %q", text)
	}
	if got, err := k.Verify("next step", text, until.Add(-time.Microsecond)); err != nil || !bytes.Equal(got, payload) {
		t.Fatalf("Verify = %q, %v", got, err)
	}
	if _, err := k.Verify("next step", text, until); !errors.Is(err, secret.ErrExpired) {
		t.Errorf("at its end: %v", err)
	}
	for name, f := range map[string]func() ([]byte, error){
		"another purpose":  func() ([]byte, error) { return k.Verify("notice", text, noon) },
		"another master":   func() ([]byte, error) { return other.Verify("next step", text, noon) },
		"empty":            func() ([]byte, error) { return k.Verify("next step", "", noon) },
		"line end inside":  func() ([]byte, error) { return k.Verify("next step", text[:9]+"\n"+text[9:], noon) },
		"padded":           func() ([]byte, error) { return k.Verify("next step", text+"=", noon) },
		"longer than read": func() ([]byte, error) { return k.Verify("next step", strings.Repeat("A", 4097), noon) },
	} {
		if got, err := f(); !errors.Is(err, secret.ErrForged) || got != nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	for i := range len(text) { // every character, so every byte and every spare bit
		next := alphabet[(strings.IndexByte(alphabet, text[i])+1)%64]
		if _, err := k.Verify("next step", text[:i]+string(next)+text[i+1:], noon); !errors.Is(err, secret.ErrForged) {
			t.Fatalf("character %d changed: %v", i, err)
		}
		if _, err := k.Verify("next step", text[:i], noon); !errors.Is(err, secret.ErrForged) {
			t.Fatalf("cut to %d: %v", i, err)
		}
	}
	for _, n := range []int{0, 1, 3032} {
		got, err := k.Verify("p", k.Sign("p", make([]byte, n), until), noon)
		if err != nil || len(got) != n {
			t.Errorf("payload of %d bytes: %d, %v", n, len(got), err)
		}
	}
	if got := k.Sign("p", make([]byte, 3033), until); got != "" {
		t.Error("a payload that Verify would not read was signed")
	}
}

func TestSeal(t *testing.T) {
	k, other := keyring(t), keyring(t)
	plain, row := []byte("482913"), []byte("outbox 7")
	sealed := k.Seal("outbox", row, plain)
	if bytes.Contains(sealed, plain) || bytes.Equal(sealed, k.Seal("outbox", row, plain)) {
		t.Fatal("not encrypted, or without a fresh nonce")
	}
	if got, err := k.Open("outbox", row, sealed); err != nil || !bytes.Equal(got, plain) {
		t.Fatalf("Open = %q, %v", got, err)
	}
	for name, f := range map[string]func() ([]byte, error){
		"another purpose": func() ([]byte, error) { return k.Open("totp", row, sealed) },
		"another row":     func() ([]byte, error) { return k.Open("outbox", []byte("outbox 8"), sealed) },
		"another master":  func() ([]byte, error) { return other.Open("outbox", row, sealed) },
	} {
		if got, err := f(); !errors.Is(err, secret.ErrForged) || got != nil {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if _, err := k.Open("outbox", row, bad); !errors.Is(err, secret.ErrForged) {
			t.Errorf("byte %d changed: %v", i, err)
		}
		if _, err := k.Open("outbox", row, sealed[:i]); !errors.Is(err, secret.ErrForged) {
			t.Errorf("cut to %d: %v", i, err)
		}
	}
}

func FuzzParseMaster(f *testing.F) {
	f.Add(secret.NewMaster())
	f.Add("AAAA+///____====")
	f.Fuzz(func(t *testing.T, text string) {
		k, err := secret.ParseMaster(text)
		if (k == nil) == (err == nil) {
			t.Fatalf("%q: %v, %v", text, k, err)
		}
	})
}

func FuzzVerify(f *testing.F) {
	k, err := secret.NewKeyring([]byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		f.Fatal(err)
	}
	good := k.Sign("p", []byte("payload"), noon.Add(time.Hour))
	f.Add(good)
	f.Add(good[:50])
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := k.Verify("p", text, noon)
		if err == nil && text != good {
			t.Fatalf("%q was accepted as %q", text, got)
		}
		if back, err := k.Verify("p", k.Sign("p", []byte(text), noon.Add(time.Hour)), noon); len(text) <= 3032 && (err != nil || string(back) != text) {
			t.Fatalf("signed text does not come back: %q, %v", back, err)
		}
	})
}

func FuzzOpen(f *testing.F) {
	k, err := secret.NewKeyring([]byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte("sealed"), []byte("row"))
	f.Add(k.Seal("other", nil, []byte("x")), []byte(nil))
	f.Fuzz(func(t *testing.T, data, aad []byte) {
		if got, err := k.Open("p", aad, data); err == nil {
			t.Fatalf("%x opened as %x", data, got)
		}
		if got, err := k.Open("p", aad, k.Seal("p", aad, data)); err != nil || !bytes.Equal(got, data) {
			t.Fatalf("sealed bytes do not come back: %x, %v", got, err)
		}
	})
}
