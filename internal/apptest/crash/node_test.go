package crash

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"doverie/internal/apptest"
	"doverie/internal/store/storetest"
)

// startWait is how long a start may take on a loaded machine; an idle one needs a tenth of a second.
const startWait = time.Minute

// node is the real program, configured for one database, started again and again on one port.
type node struct {
	t                 *testing.T
	program, config   string
	address, url, dsn string

	starts atomic.Int64 // how often it has come up

	mu  sync.Mutex
	cmd *exec.Cmd
	out bytes.Buffer // of the latest start
}

func newNode(t *testing.T, dsn string) *node {
	t.Helper()
	dir := t.TempDir()
	if dsn == "" {
		dsn = filepath.Join(dir, "crash.db")
	}
	n := &node{t: t, program: apptest.Program(t), config: filepath.Join(dir, "doverie.toml"), address: freeAddress(t), dsn: dsn}
	n.url = "http://" + n.address
	write(t, filepath.Join(dir, "key"), storetest.Master())
	// Everybody comes from his own address, and networks may ask as much as they like: bounds are not what is tested here.
	write(t, n.config, fmt.Sprintf(`listen = %q
base_url = %q
database = %q
secret_key_file = %q
trusted_proxies = ["127.0.0.0/8"]
log_level = "warn"
log_format = "text"
[messages]
development = true
[policy]
recoveries_per_area_hour = 100000
sign_ins_per_area_hour = 100000
sms_codes_per_area_hour = 1000000
sms_codes_per_range_hour = 1000000
`, n.address, n.url, dsn, filepath.Join(dir, "key")))
	if out, err := exec.Command(n.program, "migrate", "-config", n.config).CombinedOutput(); err != nil {
		t.Fatalf("migrate: %v: %s", err, out)
	}
	t.Cleanup(func() { _ = n.kill() }) // it has ended already, or its end is of no interest
	return n
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// start starts the program and waits until it can serve.
func (n *node) start() {
	n.t.Helper()
	n.mu.Lock()
	n.out.Reset()
	n.cmd = exec.Command(n.program, "serve", "-config", n.config)
	n.cmd.Stderr = &n.out
	err := n.cmd.Start()
	n.mu.Unlock()
	if err != nil {
		n.t.Fatal(err)
	}
	if !n.ready(n.t.Context()) {
		_ = n.kill()
		n.t.Fatalf("the program does not serve: %s", n.out.String())
	}
	n.starts.Add(1)
}

// ready waits until the node serves and its database answers.
func (n *node) ready(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	for ctx.Err() == nil {
		r, err := http.NewRequestWithContext(ctx, http.MethodGet, n.url+"/readyz", nil)
		if err != nil {
			n.t.Error(err)
			return false
		}
		if response, err := http.DefaultClient.Do(r); err == nil {
			response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return true
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	return false
}

// kill is kill -9: the program learns nothing of it.
func (n *node) kill() error { return n.end(syscall.SIGKILL) }

// stop lets the program end well.
func (n *node) stop() {
	n.t.Helper()
	if err := n.end(syscall.SIGTERM); err != nil {
		n.t.Errorf("the program did not end well: %v: %s", err, n.out.String())
	}
}

func (n *node) end(how syscall.Signal) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cmd == nil {
		return nil
	}
	_ = n.cmd.Process.Signal(how) // an error means that it has ended; Wait tells how
	err := n.cmd.Wait()
	n.cmd = nil
	return err
}

// verify runs "audit verify" of the program.
func (n *node) verify() {
	n.t.Helper()
	out, err := exec.Command(n.program, "audit", "verify", "-config", n.config).CombinedOutput()
	if err != nil {
		n.t.Errorf("audit verify: %v: %s", err, out)
	}
	n.t.Logf("audit verify: %s", bytes.TrimSpace(out))
}
