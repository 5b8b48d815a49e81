package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"doverie/internal/apptest"
)

func TestMain(m *testing.M) {
	code := m.Run()
	apptest.RemoveProgram()
	os.Exit(code)
}

func program(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), apptest.Program(t), args...)
	cmd.Env = []string{"HOME=" + t.TempDir()}
	return cmd
}

// exit runs the program to its end.
func exit(t *testing.T, args ...string) (code int, out, errs string) {
	t.Helper()
	cmd := program(t, args...)
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	var failed *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &failed) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), o.String(), e.String()
}

func TestPlainCommands(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"version"}, exitDone, "doverie "},
		{[]string{"policy"}, exitDone, "policy.recovery_wait"},
		{[]string{"-help"}, exitDone, "serve"},
		{[]string{"serve", "-help"}, exitDone, "-config"},
		{[]string{"dance"}, exitUsage, "dance"},
		{[]string{"serve", "-confg", "x"}, exitUsage, "confg"},
		{[]string{"serve", "-config", "/nowhere.toml"}, exitUsage, "/nowhere.toml"},
		{[]string{"serve"}, exitUsage, "base_url: is missing"},
		{[]string{"migrate"}, exitUsage, "database: is missing"},
		{[]string{"demo", "-listen", "0.0.0.0:8080"}, exitUsage, "listen: "},
		{[]string{"demo", "-listen", "8080"}, exitUsage, "listen: "},
		{[]string{"admin", "import", "/nowhere.jsonl"}, exitUsage, "/nowhere.jsonl"},
	} {
		code, out, errs := exit(t, c.args...)
		if code != c.code || !strings.Contains(out+errs, c.says) {
			t.Errorf("doverie %v: exit code %d, %s%s", c.args, code, out, errs)
		}
	}
}

// TestServeRefuses what cannot work, in plain words.
func TestServeRefuses(t *testing.T) {
	silent := write(t, "doverie.toml", complete(t), 0o600)
	code, _, errs := exit(t, "serve", "-config", silent)
	if code != exitUsage || !strings.Contains(errs, "messages.sms: no way to send messages is configured") {
		t.Errorf("without channels: exit code %d, %s", code, errs)
	}
	unmigrated := write(t, "doverie.toml", "listen = \"127.0.0.1:0\"\n"+complete(t)+"[messages]\ndevelopment = true\n", 0o600)
	code, _, errs = exit(t, "serve", "-config", unmigrated)
	if code != exitFailed || !strings.Contains(errs, "doverie migrate") {
		t.Errorf("without a schema: exit code %d, %s", code, errs)
	}
	broken := write(t, "doverie.toml", complete(t)+"colour = \"blue\"\n[policy]\nhold = \"1s\"\n", 0o600)
	code, _, errs = exit(t, "serve", "-config", broken)
	if code != exitUsage || !strings.Contains(errs, "colour: no such key") || !strings.Contains(errs, "policy.hold: 1s is outside") {
		t.Errorf("with two mistakes: exit code %d, %s", code, errs)
	}
}

// running starts the program and returns the first match of what it prints.
func running(t *testing.T, announces *regexp.Regexp, args ...string) (match string, cmd *exec.Cmd) {
	t.Helper()
	cmd = program(t, args...)
	out, in := io.Pipe()
	cmd.Stdout, cmd.Stderr = in, in
	cmd.Cancel = func() error { return cmd.Process.Kill() }
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	found := make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(out)
		for lines.Scan() {
			if m := announces.FindStringSubmatch(lines.Text()); m != nil {
				select {
				case found <- m[1]:
				default:
				}
			}
		}
	}()
	select {
	case match = <-found:
	case <-time.After(time.Minute):
		_ = cmd.Process.Kill()
		t.Fatal("the program announced nothing for a minute")
	}
	return match, cmd
}

// stop asks the program to end and checks that it ends well.
func stop(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the program did not end well: %v", err)
	}
}

func get(t *testing.T, url string) (status int, body string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	b, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(b)
}

// unwrittenWords marks a key that no locale file has.
var unwrittenWords = regexp.MustCompile("⟦[^⟧]*⟧")

// TestDemoAnswers starts the demonstration twice on one folder: the people are made once.
func TestDemoAnswers(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	for range 2 {
		site, cmd := running(t, regexp.MustCompile(`at (http://\S+)`), "demo", "-listen", "127.0.0.1:0", "-data", data)
		for _, path := range []string{"/", "/?lang=en", "/demo/phones", "/demo/phones/vera", "/sign-in", "/recovery", "/landing/trusted_contact", "/help", "/healthz", "/readyz"} {
			status, body := get(t, site+path)
			if unwritten := unwrittenWords.FindAllString(body, 3); status != http.StatusOK || unwritten != nil {
				t.Errorf("%s: status %d, words nobody wrote: %v", path, status, unwritten)
			}
		}
		if status, _ := get(t, site+"/demo/phones/nobody"); status != http.StatusNotFound {
			t.Errorf("a phone of nobody: status %d", status)
		}
		// Somebody still looks at a live page: that must not keep the program from ending.
		stream, err := http.Get(site + "/demo/phones/stream")
		if err != nil {
			t.Fatal(err)
		}
		hello, err := bufio.NewReader(stream.Body).ReadString('\n')
		if err != nil || hello != "retry: 3000\n" || stream.Header.Get("Content-Type") != "text/event-stream" {
			t.Errorf("the live page's stream begins with %q, %v", hello, err)
		}
		began := time.Now()
		stop(t, cmd)
		if took := time.Since(began); took > 10*time.Second {
			t.Errorf("ending took %s", took)
		}
		stream.Body.Close()
	}
	key, err := os.Stat(filepath.Join(data, "secret.key"))
	if err != nil || key.Mode().Perm() != 0o600 {
		t.Errorf("the master key: %v, %v", key.Mode(), err)
	}
}

// TestServeAnswers runs the real server on a configuration, with metrics on an address of their own.
func TestServeAnswers(t *testing.T) {
	config := write(t, "doverie.toml", "listen = \"127.0.0.1:0\"\nmetrics_listen = \"127.0.0.1:0\"\n"+complete(t)+"[messages]\ndevelopment = true\n", 0o600)
	if code, out, errs := exit(t, "migrate", "-config", config); code != exitDone || !strings.Contains(out, "schema 0 → ") {
		t.Fatalf("migrate: exit code %d, %s%s", code, out, errs)
	}
	cmd := program(t, "serve", "-config", config)
	errs, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var addresses []string
	lines := bufio.NewScanner(errs)
	announced := regexp.MustCompile(`"msg":"listening","address":"([^"]+)"`)
	for len(addresses) < 2 && lines.Scan() {
		if m := announced.FindStringSubmatch(lines.Text()); m != nil {
			addresses = append(addresses, m[1])
		}
	}
	if len(addresses) < 2 {
		t.Fatalf("it listens on %v", addresses)
	}
	go func() { _, _ = io.Copy(io.Discard, errs) }()
	if status, body := get(t, "http://"+addresses[0]+"/"); status != http.StatusOK || strings.Contains(body, "demo-forward") {
		t.Errorf("/: status %d", status)
	}
	if status, _ := get(t, "http://"+addresses[0]+"/metrics"); status != http.StatusNotFound {
		t.Errorf("metrics on the public address: status %d", status)
	}
	if status, body := get(t, "http://"+addresses[1]+"/metrics"); status != http.StatusOK || !strings.Contains(body, `doverie_request_seconds_count{pattern="GET /{$}",status="2xx"} 1`) {
		t.Errorf("metrics: status %d\n%s", status, body)
	}
	stop(t, cmd)
}
