package secret_test

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"

	"golang.org/x/text/unicode/norm"

	"doverie/internal/secret"
)

func cheap() *secret.Hasher {
	return secret.NewHasher(secret.HasherOptions{Params: secret.CheapParams()})
}

func TestHasher(t *testing.T) {
	ctx := t.Context()
	h := cheap()
	hash, err := h.Hash(ctx, "верный конь, батарейка")
	if err != nil {
		t.Fatal(err)
	}
	again, err := h.Hash(ctx, "верный конь, батарейка")
	if err != nil || again == hash {
		t.Errorf("no fresh salt: %v", err)
	}
	for typed, want := range map[string]bool{
		"верный конь, батарейка":                                     true,
		"верный\u00a0конь,\u2003батарейка":                           true, // other spaces
		strings.ReplaceAll("верный конь, батарейка", "й", "и\u0306"): true, // decomposed й
		"Верный конь, батарейка":                                     false,
		"верный конь, батарейка ":                                    false,
		"": false,
		"верный конь, батарейка\xff": false,
		strings.Repeat("x", 5000):    false,
	} {
		ok, rehash, err := h.Verify(ctx, hash, typed)
		if err != nil || ok != want || rehash {
			t.Errorf("Verify(%.30q) = %v, %v, %v", typed, ok, rehash, err)
		}
	}
	if _, err := h.Hash(ctx, strings.Repeat("x", 4097)); !errors.Is(err, secret.ErrTooLong) {
		t.Errorf("a password of 4097 bytes: %v", err)
	}
	if err := h.VerifyDummy(ctx, "anything"); err != nil {
		t.Error(err)
	}
}

// The reference: what golang.org/x/crypto derives with the costs and the salt written in the text.
func TestHashIsArgon2id(t *testing.T) {
	hash, err := secret.NewHasher(secret.HasherOptions{}).Hash(t.Context(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	f := strings.Split(hash, "$")
	if len(f) != 6 || f[1] != "argon2id" || f[2] != "v=19" || f[3] != "m=19456,t=2,p=1" {
		t.Fatalf("not the promised costs: %s", hash)
	}
	salt, err := base64.RawStdEncoding.DecodeString(f[4])
	if err != nil || len(salt) != 16 {
		t.Fatalf("salt %q: %v", f[4], err)
	}
	if want := base64.RawStdEncoding.EncodeToString(argon2.IDKey([]byte("correct horse"), salt, 2, 19456, 1, 32)); f[5] != want {
		t.Errorf("derived %s, want %s", f[5], want)
	}
}

// A hash made by the reference C tool: echo -n password | argon2 somesalt -id -t 2 -m 16 -p 1 -l 32.
func TestVerifyForeignHash(t *testing.T) {
	const foreign = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	ok, rehash, err := cheap().Verify(t.Context(), foreign, "password")
	if err != nil || !ok || !rehash {
		t.Errorf("the right password: %v, %v, %v", ok, rehash, err)
	}
	ok, rehash, err = cheap().Verify(t.Context(), foreign, "Password")
	if err != nil || ok || rehash {
		t.Errorf("the wrong password: %v, %v, %v", ok, rehash, err)
	}
}

func TestVerifyRefusesStrangeHashes(t *testing.T) {
	good := "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	if _, _, err := cheap().Verify(t.Context(), good, "x"); err != nil {
		t.Fatalf("the text the others are made from: %v", err)
	}
	for name, hash := range map[string]string{
		"empty":              "",
		"argon2i":            strings.Replace(good, "argon2id", "argon2i", 1),
		"old version":        strings.Replace(good, "v=19", "v=16", 1),
		"a gigabyte":         strings.Replace(good, "m=8", "m=1048576", 1),
		"no memory":          strings.Replace(good, "m=8", "m=0", 1),
		"endless":            strings.Replace(good, "t=1", "t=4294967295", 1),
		"no passes":          strings.Replace(good, "t=1", "t=0", 1),
		"too many threads":   strings.Replace(good, "p=1", "p=255", 1),
		"overflow":           strings.Replace(good, "p=1", "p=4294967297", 1),
		"sign":               strings.Replace(good, "p=1", "p=+1", 1),
		"leading zero":       strings.Replace(good, "p=1", "p=01", 1),
		"other order":        strings.Replace(good, "m=8,t=1", "t=1,m=8", 1),
		"line end":           strings.Replace(good, "c29t", "c2\n9t", 1),
		"padding":            good + "=",
		"short salt":         strings.Replace(good, "c29tZXNhbHQ", "c29t", 1),
		"short key":          good[:strings.LastIndexByte(good, '$')+1] + "CTFh",
		"another part":       good + "$AAAA",
		"longer than read":   good + strings.Repeat("A", 300),
		"something in front": "x" + good,
	} {
		if ok, _, err := cheap().Verify(t.Context(), hash, "x"); !errors.Is(err, secret.ErrHash) || ok {
			t.Errorf("%s: %v, %v", name, ok, err)
		}
	}
}

func TestHasherIsBounded(t *testing.T) {
	// One slot, held by a slow hash; two may wait; everybody else is turned away at once.
	h := secret.NewHasher(secret.HasherOptions{Params: secret.Params{Memory: 64 * 1024, Time: 8, Threads: 1}, Slots: 1, Queue: 2, Wait: time.Minute})
	ctx, cancel := context.WithCancel(t.Context())
	var busy, ended, done atomic.Int32
	var wg sync.WaitGroup
	for range 12 {
		wg.Go(func() {
			switch err := h.VerifyDummy(ctx, "x"); {
			case errors.Is(err, secret.ErrBusy):
				if busy.Add(1) == 9 {
					cancel() // the two who wait go away too
				}
			case errors.Is(err, context.Canceled):
				ended.Add(1)
			case err == nil:
				done.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	cancel()
	if b, e, d := busy.Load(), ended.Load(), done.Load(); b != 9 || e != 2 || d != 1 {
		t.Errorf("%d turned away, %d gave up, %d hashed; want 9, 2, 1", b, e, d)
	}
	if err := h.VerifyDummy(ctx, "x"); !errors.Is(err, context.Canceled) {
		t.Errorf("a cancelled caller: %v", err)
	}
	if err := h.VerifyDummy(t.Context(), "x"); err != nil {
		t.Errorf("after the crowd: %v", err)
	}
}

func TestHasherWaitsNotLongerThanTold(t *testing.T) {
	h := secret.NewHasher(secret.HasherOptions{Params: secret.Params{Memory: 64 * 1024, Time: 8, Threads: 1}, Slots: 1, Queue: 5, Wait: time.Millisecond})
	var busy, done atomic.Int32
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			switch err := h.VerifyDummy(t.Context(), "x"); {
			case errors.Is(err, secret.ErrBusy):
				busy.Add(1)
			case err == nil:
				done.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if busy.Load() != 2 || done.Load() != 1 {
		t.Errorf("%d gave up, %d hashed; want 2 and 1", busy.Load(), done.Load())
	}
}

func TestCheckPassword(t *testing.T) {
	personal := []string{"Королёва", "Анна", "Петровна", "+79165550148", "a.koroleva52@example.ru", "1952-03-08", "112-233-445 95"}
	for want, passwords := range map[string][]string{
		secret.PasswordShort: {"", "1234567", "пароль", "и\u0306йййййй"},
		secret.PasswordLong:  {strings.Repeat("аб1", 43), strings.Repeat("x", 5000)},
		secret.PasswordText:  {"abc\xffdefgh", "с\x00нулевым байтом", "two\nlines of it"},
		secret.PasswordCommon: {
			"password", "PASSWORD", "password1", "Password123!", "p@ssw0rd", "drowssap", "12345678", "87654321", "qwertyui", "qwertyuiop",
			"йцукенгш", "ЙЦУКЕНГШ", "пароль123", "Пароль2026", "gfhjkm123", "любовь12", "k.,jdm12", "доверие1", "Госуслуги", "gosuslugi1", "ujceckeub",
			"aaaaaaaa", "абабабабаб", "абвгдежз", "hgfedcba", "passwordpassword", "натальянаталья", "1q2w3e4r", "zaq12wsx", "monkey2024", "солнышко",
		},
		secret.PasswordPersonal: {
			"Королева1952", "королёва!!", "koroleva1952", "Koroleva-Anna", "rjhjktdf52", "авелорок", "АннаПетровна", "anna-1952", "89165550148", "9165550148", "5550148-8",
			"08031952", "19520308", "1952-03-08", "a.koroleva52", "koroleva52!", "11223344595", "анна120952",
		},
		secret.PasswordFine: {
			"верный конь батарейка", "Анна едет на Кавказ", "koroleva of the north wind", "7hx-Ku2p", "kT9#mw2Q", "жёлтый-кит-82", "73195048261509", "1952 яблонь у реки", "🐳🐙🦀🐠🐡🦑🐬🦈",
			strings.Repeat("дождь и ", 16), "correct horse battery staple",
		},
	} {
		for _, p := range passwords {
			if got := secret.CheckPassword(p, 8, 128, personal); got != want {
				t.Errorf("CheckPassword(%.40q) = %q, want %q", p, got, want)
			}
		}
	}
	if got := secret.CheckPassword("Жихарева1952", 8, 128, personal[1:2]); got != secret.PasswordFine {
		t.Errorf("somebody else's name: %q", got)
	}
}

func FuzzCheckPassword(f *testing.F) {
	f.Add("Королева1952", "Королёва", "+79161234567")
	f.Add("пароль\xff", "", "a@b")
	f.Add("abcdefgh", "1952-03-08", "@@")
	f.Add("000000\u0344", "", "") // seven code points as typed, eight as they are counted and hashed
	f.Fuzz(func(t *testing.T, password, a, b string) {
		key := secret.CheckPassword(password, 8, 128, []string{a, b})
		if key == secret.PasswordFine && (!utf8.ValidString(password) || utf8.RuneCountInString(norm.NFC.String(password)) < 8) {
			t.Fatalf("%q is fine", password)
		}
		if key != "" && !strings.HasPrefix(key, "password.") {
			t.Fatalf("%q: key %q", password, key)
		}
	})
}

func FuzzVerifyHash(f *testing.F) {
	h := secret.NewHasher(secret.HasherOptions{Params: secret.CheapParams(), Slots: 8})
	f.Add("$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
	f.Add("$argon2id$v=19$m=,t=1,p=1$$")
	f.Fuzz(func(t *testing.T, hash string) {
		// A cancelled context stops after reading, before any work: the reading is what is fuzzed.
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		ok, rehash, err := h.Verify(ctx, hash, "x")
		if ok || rehash || !errors.Is(err, secret.ErrHash) && !errors.Is(err, context.Canceled) {
			t.Fatalf("Verify(%q) = %v, %v, %v", hash, ok, rehash, err)
		}
	})
}

func BenchmarkHash(b *testing.B) {
	h := secret.NewHasher(secret.HasherOptions{})
	for b.Loop() {
		if err := h.VerifyDummy(b.Context(), "correct horse"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCheckPassword(b *testing.B) {
	for b.Loop() {
		secret.CheckPassword("верный конь батарейка", 8, 128, []string{"Королёва", "Анна", "+79161234567", "1952-03-08"})
	}
}

func ExampleHasher() {
	h := secret.NewHasher(secret.HasherOptions{Params: secret.CheapParams()}) // tests only; leave Params out
	hash, _ := h.Hash(context.Background(), "correct horse battery staple")
	ok, rehash, err := h.Verify(context.Background(), hash, "correct horse battery staple")
	fmt.Println(ok, rehash, err)
	// Output: true false <nil>
}
