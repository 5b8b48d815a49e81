package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"doverie/internal/account"
	"doverie/internal/policy"
)

// keyFile is a good master key in a folder of the test.
func keyFile(f *testing.F) string {
	f.Helper()
	path := filepath.Join(f.TempDir(), "key")
	if err := os.WriteFile(path, []byte(base64.RawURLEncoding.EncodeToString(bytes.Repeat([]byte{1, 2, 3, 4}, 8))), 0o600); err != nil {
		f.Fatal(err)
	}
	return path
}

// sound checks what a configuration promises once it is read.
func sound(t *testing.T, c config, err error) {
	t.Helper()
	if err != nil {
		if !errors.Is(err, errConfig) || c.baseURL != nil || c.keys != nil {
			t.Fatalf("half a configuration: %v, %v", c, err)
		}
		return
	}
	if c.baseURL.Host == "" || c.baseURL.Scheme != "https" && (c.baseURL.Scheme != "http" || !loopback(c.baseURL.Hostname())) {
		t.Fatalf("base_url %v", c.baseURL)
	}
	if c.development && !loopback(c.baseURL.Hostname()) {
		t.Fatalf("everybody's codes are shown at %v", c.baseURL)
	}
	if _, _, err := net.SplitHostPort(c.listen); err != nil {
		t.Fatal(err)
	}
	if problems := c.policy.Check(); len(problems) > 0 || c.database == "" || c.keys == nil || c.serviceName == "" {
		t.Fatalf("%+v: %v", c, problems)
	}
}

func FuzzConfigFile(f *testing.F) {
	for _, text := range []string{
		"base_url = \"https://id.example.org\"\n", "base_url = 'http://localhost:8080'\n[messages]\ndevelopment = true\n[policy]\nhold = \"96h\"\nmax_contacts = 1\n",
		"base_url = \"http://id.example.org\"\n", "[policy]\nhold = 72\ntime_zone = \"Asia/Novosibirsk\"\nunknown = 1\n", "base_url = \"https://id.example.org/path?x#y\"\n",
		"listen = \":8080\"\ntrusted_proxies = [\"10.0.0.0/8\", \"::1\"]\nlog_level = \"WARN+2\"\n", "policy = 3\n", "[policy]\nhold = { a = 1 }\n", "a = \"\"\"", "\xff", "LISTEN = \"\"",
		"database_connections = -1\nmetrics_listen = \"x\"\nservice_name = \"\u202e\"\n",
	} {
		f.Add([]byte(text))
	}
	// What is read from other files is named by the environment, which stands over the file.
	key := keyFile(f)
	environ := []string{"DOVERIE_SECRET_KEY_FILE=" + key, "DOVERIE_DATABASE_FILE=" + key}
	path := filepath.Join(f.TempDir(), "doverie.toml")
	f.Fuzz(func(t *testing.T, text []byte) {
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		c, err := readConfig(path, environ)
		sound(t, c, err)
		c, err = readConfig(path, append(environ, "DOVERIE_BASE_URL=https://id.example.org"))
		sound(t, c, err)
	})
}

func FuzzEnvironment(f *testing.F) {
	for _, pair := range [][2]string{
		{"BASE_URL", "https://id.example.org"}, {"BASE_URL", "https://vera:secret@id.example.org"}, {"POLICY_HOLD", "96h"}, {"POLICY_TIME_ZONE", "Asia/Omsk"}, {"POLICY_", ""},
		{"TRUSTED_PROXIES", "10.0.0.0/8, ::1/128"}, {"MESSAGES_DEVELOPMENT", "yes"}, {"DATABASE_CONNECTIONS", "1e3"}, {"LOG_LEVEL", "debug"}, {"TEST_X", "1"}, {"LISTEN", "[::1]:80"}, {"", "="},
	} {
		f.Add(pair[0], pair[1])
	}
	key := keyFile(f)
	f.Fuzz(func(t *testing.T, name, value string) {
		if strings.EqualFold(name, "SECRET_KEY_FILE") || strings.EqualFold(name, "DATABASE_FILE") {
			return // what the operating system does with the name of a file is not ours to fuzz
		}
		c, err := readConfig("", []string{
			"DOVERIE_SECRET_KEY_FILE=" + key, "DOVERIE_DATABASE=/var/lib/doverie/store.db", "DOVERIE_BASE_URL=http://127.0.0.1:8080", envPrefix + name + "=" + value,
		})
		sound(t, c, err)
	})
}

func FuzzBaseURL(f *testing.F) {
	for _, text := range []string{
		"https://id.example.org", "https://id.example.org/", "https://ид.рф", "http://localhost:8080", "http://127.0.0.1", "http://[::1]:1", "https://id.example.org:99999", "https://a@b", "https://", "//x",
		"https://id.example.org//", "https://id.example.org?", "https://id.example.org#", "HTTPS://ID.example.org", "http://127.1", "http://localhost.evil.test", "https://id.example.org\\@evil.test", "https:opaque", "https://:", "https://id.example.org:",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := parseBaseURL(text)
		if err != nil {
			return
		}
		if u.Hostname() == "" || u.User != nil || u.Path+u.RawQuery+u.Fragment != "" || strings.ContainsAny(u.String(), "?#\\ ") || strings.Count(u.String(), "/") != 2 {
			t.Fatalf("%q became %q", text, u)
		}
		if again, err := parseBaseURL(u.String()); err != nil || again.String() != u.String() {
			t.Fatalf("%q became %q, and that %v (%v)", text, u, again, err)
		}
	})
}

// Lines come out as they stand in the file, whatever the buffer cuts, and none fills the memory.
func FuzzImportLines(f *testing.F) {
	f.Add([]byte("{}\r\n{}\n\n{}"), 16)
	f.Add([]byte("\n"), 16)
	f.Add([]byte("\r\r\n\r"), 17)
	f.Add(bytes.Repeat([]byte("ё"), account.ImportLineMax), 4096)
	f.Fuzz(func(t *testing.T, file []byte, buffer int) {
		in := &lineReader{in: bufio.NewReaderSize(bytes.NewReader(file), 16+abs(buffer)%5000)}
		want := strings.SplitAfter(string(file), "\n")
		if want[len(want)-1] == "" {
			want = want[:len(want)-1]
		}
		for n, whole := range want {
			line, err := in.next()
			if err != nil {
				t.Fatalf("line %d: %v", n, err)
			}
			if whole = strings.TrimRight(whole, "\r\n"); len(whole) <= account.ImportLineMax && string(line) != whole {
				t.Fatalf("line %d is %q, want %q", n, line, whole)
			}
			if tooLong := len(whole) > account.ImportLineMax; tooLong && (len(line) <= account.ImportLineMax || len(line) > account.ImportLineMax+2) {
				t.Fatalf("line %d of %d bytes came as %d", n, len(whole), len(line))
			}
		}
		if line, err := in.next(); !errors.Is(err, io.EOF) {
			t.Fatalf("after the last line came %q, %v", line, err)
		}
		if in.read != int64(len(file)) {
			t.Fatalf("%d bytes of %d", in.read, len(file))
		}
	})
}

func abs(n int) int {
	if n < 0 {
		return -(n + 1)
	}
	return n
}

func FuzzPolicyVariables(f *testing.F) {
	f.Add("hold", "96h")
	f.Add("HOLD", "96h")
	f.Add("max_contacts", "2")
	f.Fuzz(func(t *testing.T, key, value string) {
		overrides, unknown := policyOf(map[string]any{key: value}, map[string]string{envPrefix + "POLICY_" + key: value}, nil)
		if len(unknown) > 0 || len(overrides) == 0 {
			t.Fatalf("%q: %v, %v", key, overrides, unknown)
		}
		if p, wrong := policyWith(overrides); len(wrong) == 0 && len(p.Check()) > 0 || len(wrong) > 0 && p == (policy.Policy{}) {
			t.Fatalf("%q = %q: %v, %v", key, value, p, wrong)
		}
	})
}
