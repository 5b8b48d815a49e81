package secret_test

import (
	"errors"
	"net/url"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/pquerna/otp"
	"github.com/pquerna/otp/totp"

	"doverie/internal/secret"
)

func TestCode(t *testing.T) {
	shape := regexp.MustCompile(`^[0-9]{6}$`)
	const rounds = 20_000
	var digits [6][10]int
	zeroes := 0
	for i := range rounds {
		code, err := secret.Code(secret.Purposes()[i%len(secret.Purposes())])
		if err != nil || !shape.MatchString(code) {
			t.Fatalf("Code = %q, %v", code, err)
		}
		for place, d := range code {
			digits[place][d-'0']++
		}
		if code[0] == '0' {
			zeroes++
		}
	}
	if zeroes == 0 {
		t.Error("no code begins with a zero")
	}
	for place := range digits { // 2,000 expected, standard deviation 42: seven of them
		for d, n := range digits[place] {
			if n < 1700 || n > 2300 {
				t.Errorf("digit %d at place %d came %d times of %d", d, place, n, rounds)
			}
		}
	}
	if code, err := secret.Code("anything"); err == nil || code != "" {
		t.Errorf("a code for no purpose: %q, %v", code, err)
	}
}

func TestSameCode(t *testing.T) {
	k, other := keyring(t), keyring(t)
	hash := k.HashCode(secret.Approval, "approval-1", "048213")
	for _, typed := range []string{"048213", " 048 213 ", "048-213", "04–82−13", "０４８２１３", "٠٤٨٢١٣", "۰۴۸۲۱۳", "048\u00a0213\u200b"} {
		if !k.SameCode(secret.Approval, "approval-1", typed, hash) {
			t.Errorf("%q is the code and was refused", typed)
		}
	}
	for _, typed := range []string{"", "48213", "048214", "0482130", "048213x", "0x048213", "O48213", strings.Repeat(" ", 60) + "048213"} {
		if k.SameCode(secret.Approval, "approval-1", typed, hash) {
			t.Errorf("%q is not the code and was accepted", typed)
		}
	}
	for _, p := range secret.Purposes() {
		if p != secret.Approval && k.SameCode(p, "approval-1", "048213", hash) {
			t.Errorf("accepted for %s", p)
		}
	}
	if k.SameCode(secret.Approval, "approval-2", "048213", hash) || other.SameCode(secret.Approval, "approval-1", "048213", hash) ||
		k.SameCode(secret.Approval, "approval-1", "048213", nil) {
		t.Error("accepted for another object, another master or no hash")
	}
}

func FuzzNormalizeCode(f *testing.F) {
	for _, s := range []string{"048213", "０４８ ٢١٣", "04\xff", strings.Repeat("1", 70)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		got := secret.NormalizeCode(typed)
		if len(got) > 3*len(typed) || len(typed) > 64 && got != "" || strings.ContainsFunc(got, unicode.IsSpace) {
			t.Fatalf("NormalizeCode(%q) = %q", typed, got)
		}
		if again := secret.NormalizeCode(got); len(got) <= 64 && again != got {
			t.Fatalf("NormalizeCode is not stable: %q, then %q", got, again)
		}
	})
}

// RFC 6238 appendix B, SHA-1, the last six of its eight digits.
func TestTOTPVectors(t *testing.T) {
	key := []byte("12345678901234567890")
	for at, want := range map[int64]string{
		59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037", 20000000000: "353130",
	} {
		if got := secret.TOTPCode(key, time.Unix(at, 0)); got != want {
			t.Errorf("at %d: %s, want %s", at, got, want)
		}
	}
}

func TestTOTPStep(t *testing.T) {
	key := secret.TOTPKey()
	now := noon.Unix() / 30
	at := func(step int64) string { return secret.TOTPCode(key, time.Unix(step*30, 0)) }
	for skew := int64(-3); skew <= 3; skew++ {
		step, ok := secret.TOTPStep(key, at(now+skew), noon, 0)
		if inside := skew >= -1 && skew <= 1; ok != inside || ok && step != now+skew {
			t.Errorf("a clock %d steps off: step %d, %v", skew, step, ok)
		}
	}
	if _, ok := secret.TOTPStep(key, at(now), noon, now); ok {
		t.Error("a used code was accepted again")
	}
	if _, ok := secret.TOTPStep(key, at(now-1), noon, now); ok {
		t.Error("a code older than the used one was accepted")
	}
	if step, ok := secret.TOTPStep(key, at(now+1), noon, now); !ok || step != now+1 {
		t.Error("the next code was refused")
	}
	if _, ok := secret.TOTPStep(secret.TOTPKey(), at(now), noon, 0); ok {
		t.Error("another key accepted the code")
	}
	if _, ok := secret.TOTPStep(key, at(now)[:3]+" "+at(now)[3:], noon, 0); !ok {
		t.Error("a code typed with a space was refused")
	}
	if _, ok := secret.TOTPStep(key, "", noon, 0); ok {
		t.Error("nothing was accepted")
	}
}

func TestTOTPURIReadByAnotherLibrary(t *testing.T) {
	key := secret.TOTPKey()
	address := secret.TOTPURI("Доверие: тест", "+7 ••• 45-67", key)
	read, err := otp.NewKeyFromURL(address)
	if err != nil {
		t.Fatal(err)
	}
	if read.Type() != "totp" || read.Issuer() != "Доверие: тест" || read.AccountName() != "+7 ••• 45-67" || read.Period() != 30 || read.Digits() != 6 {
		t.Errorf("read back: %s %q %q %d", read.Type(), read.Issuer(), read.AccountName(), read.Period())
	}
	if strings.Contains(address, "+") {
		t.Errorf("a plus that applications would show: %s", address)
	}
	if text := strings.ReplaceAll(secret.TOTPText(key), " ", ""); text != read.Secret() || len(text) != 32 {
		t.Errorf("TOTPText %q is not the URI's secret %q", text, read.Secret())
	}
	if _, err := url.Parse(address); err != nil {
		t.Error(err)
	}
	for i := range 500 { // an independent implementation agrees, over fifty years
		at := noon.Add(time.Duration(i) * 877_777 * time.Second)
		want, err := totp.GenerateCode(read.Secret(), at)
		if err != nil {
			t.Fatal(err)
		}
		if got := secret.TOTPCode(key, at); got != want {
			t.Fatalf("at %s: %s, pquerna/otp says %s", at, got, want)
		}
	}
}

// The reference tool of the OATH toolkit, where it is installed; the RFC's vectors and pquerna/otp
// above are checked everywhere.
func TestTOTPAgainstOathtool(t *testing.T) {
	tool, err := exec.LookPath("oathtool")
	if errors.Is(err, exec.ErrNotFound) {
		t.Log("oathtool is not installed: checked against the RFC and pquerna/otp only")
		return
	}
	for i := range 5 {
		key := secret.TOTPKey()
		at := noon.Add(time.Duration(i) * 12_345_678 * time.Second)
		out, err := exec.Command(tool, "--totp", "-b", "-N", at.Format("2006-01-02 15:04:05 MST"), strings.ReplaceAll(secret.TOTPText(key), " ", "")).CombinedOutput()
		if got := secret.TOTPCode(key, at); err != nil || strings.TrimSpace(string(out)) != got {
			t.Errorf("at %s: ours %s, oathtool %s (%v)", at, got, out, err)
		}
	}
}

func FuzzTOTPStep(f *testing.F) {
	f.Add([]byte("12345678901234567890"), "287082", int64(59), int64(0))
	f.Add([]byte{}, "", int64(-1), int64(5))
	f.Fuzz(func(t *testing.T, key []byte, typed string, unix, last int64) {
		unix %= 1 << 40
		now := time.Unix(unix, 0)
		step, ok := secret.TOTPStep(key, typed, now, last)
		if ok && (step <= last || secret.NormalizeCode(typed) != secret.TOTPCode(key, time.Unix(step*30, 0))) {
			t.Fatalf("step %d accepted for %q after %d", step, typed, last)
		}
		if !ok && step != 0 {
			t.Fatalf("a refused code has step %d", step)
		}
	})
}
