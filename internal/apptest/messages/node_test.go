// Package messages runs the real program with real carriers: several processes that share one queue, processes that are
// killed over a message, and a whole story whose every text is read back from an SMS centre and a mail server.
//
// Two flags make it long: -messages and -kills.
package messages

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"doverie/internal/apptest"
	"doverie/internal/store/storetest"
)

var (
	howMany = flag.Int("messages", 1000, "messages that four processes drain")
	kills   = flag.Int("kills", 5, "how often a process is killed over a message")
)

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	apptest.RemoveProgram()
	os.Exit(code)
}

// configuration writes what every process is started with: one HTTP gateway, and budgets that are not what is tested here.
func configuration(t *testing.T, dsn, gateway, lease string) string {
	t.Helper()
	dir := t.TempDir()
	key, path := filepath.Join(dir, "key"), filepath.Join(dir, "doverie.toml")
	text := fmt.Sprintf(`base_url = "http://127.0.0.1:8080"
database = %q
secret_key_file = %q
log_level = "error"
[messages]
sms = ["sink"]
lease = %q
[messages.http.sink]
url = %q
body = '{"to": "{to}", "text": "{text}", "key": "{key}"}'
id_path = "id"
sender = "Doverie"
timeout = "1s"
[policy]
sms_notices_per_hour = 100000000
sms_notices_per_phone_day = 10000
sms_codes_per_range_hour = 1000000
`, dsn, key, lease, gateway)
	for file, content := range map[string]string{key: storetest.Master(), path: text} {
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return path
}

// node is one process of the real program.
type node struct {
	t   *testing.T
	cmd *exec.Cmd
	out bytes.Buffer
}

func start(t *testing.T, config string) *node {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := l.Addr().String()
	_ = l.Close() // only its number was wanted
	n := &node{t: t, cmd: exec.Command(apptest.Program(t), "serve", "-config", config)}
	n.cmd.Env = append(os.Environ(), "DOVERIE_LISTEN="+address)
	n.cmd.Stderr = &n.out
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = n.cmd.Process.Kill() }) // it has ended already, or the test failed
	return n
}

// kill is kill -9: the program learns nothing of it.
func (n *node) kill() { _ = n.cmd.Process.Kill() } // an error means that it has ended

// gone waits for the end of a process that was killed.
func (n *node) gone() { _ = n.cmd.Wait() } // "signal: killed" is what was asked for

// stop lets the program end well.
func (n *node) stop() {
	n.t.Helper()
	_ = n.cmd.Process.Signal(syscall.SIGTERM) // an error means that it has ended; Wait tells how
	if err := n.cmd.Wait(); err != nil {
		n.t.Errorf("the program did not end well: %v: %s", err, n.out.String())
	}
}

// letter is what a gateway is given.
type letter struct {
	To   string `json:"to"`
	Text string `json:"text"`
	Key  string `json:"key"`
}

// sink is an SMS gateway that writes down what it is given and does with an answer what the test says.
type sink struct {
	t      *testing.T
	url    string
	arrive func(l letter) (answer bool) // called by one request at a time when the letter is there
	leave  func(l letter)               // and just before it is answered
	work   time.Duration

	mu     sync.Mutex
	serial int
}

func newSink(t *testing.T, work time.Duration) *sink {
	t.Helper()
	s := &sink{t: t, work: work, arrive: func(letter) bool { return true }, leave: func(letter) {}}
	server := httptest.NewServer(http.HandlerFunc(s.take))
	t.Cleanup(server.Close)
	s.url = server.URL
	return s
}

func (s *sink) take(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var l letter
	if err != nil || json.Unmarshal(body, &l) != nil || l.Key == "" || l.To == "" || l.Text == "" {
		return // broken off by the death of its sender
	}
	s.mu.Lock()
	answer := s.arrive(l)
	s.serial++
	id := s.serial
	s.mu.Unlock()
	time.Sleep(s.work)
	if !answer {
		panic(http.ErrAbortHandler) // the line breaks
	}
	s.mu.Lock()
	s.leave(l)
	s.mu.Unlock()
	_, _ = fmt.Fprintf(w, `{"id": "%d"}`, id) // a sender who died learns nothing
}
