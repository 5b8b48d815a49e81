package pgtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	superuser = "doverie"
	startWait = 60 * time.Second // of a loaded machine; an idle one needs less than a second
	stopWait  = 30 * time.Second
	portTries = 5
	logKept   = 8 << 10
)

// ErrAbsent says that there is no PostgreSQL to start.
var ErrAbsent = errors.New("pgtest: no PostgreSQL here: install it (Debian and Ubuntu: apt-get install postgresql; " +
	"Fedora: dnf install postgresql-server; macOS: brew install postgresql), or set " + Env +
	" to a connection string of a role that may create databases")

type settings struct{ durable bool }

// Option changes how a private server is started. A server named by Env is as it is.
type Option func(*settings)

// Durable makes the server write through to the disk (fsync on), for tests of crashes. About twice
// slower.
func Durable() Option { return func(s *settings) { s.durable = true } }

// server is a private PostgreSQL: a shell that has started it, owns its folder, and takes it down
// when the pipe from the test process closes. The kernel closes that pipe however the process ends.
type server struct {
	dir   string
	port  int
	leash io.Closer
	log   *tail
	done  chan struct{} // closed when the shell has ended and the folder is gone
}

func (s *server) dsn() string {
	return fmt.Sprintf("postgres://%s@127.0.0.1:%d/postgres?sslmode=disable", superuser, s.port)
}

// leashed runs as the server's user: $1 is the folder, the rest is the command. It ends when the
// command ends, and ends the command when its input does. While the file "again" is there (Crash puts
// it), a command that ended is started again; a server whose children still hold its memory refuses to
// start for a moment, and is asked again.
const leashed = `dir=$1; shift
exec 3<&0
( cat <&3 >/dev/null; : >"$dir/over"; kill -INT "$(cat "$dir/pid")" ) >/dev/null 2>&1 &
exec 3<&-
while [ ! -e "$dir/over" ]; do
	"$@" </dev/null &
	pid=$!
	echo "$pid" >"$dir/pid.new" && mv "$dir/pid.new" "$dir/pid"
	[ -e "$dir/over" ] && kill -INT "$pid"
	wait "$pid"
	[ -e "$dir/again" ] || break
	sleep 0.1
done
cd / && rm -rf "$dir"`

func startServer(ctx context.Context, options ...Option) (*server, error) {
	var set settings
	for _, o := range options {
		o(&set)
	}
	bin, err := binaries()
	if err != nil {
		return nil, err
	}
	who, err := unprivileged()
	if err != nil {
		return nil, err
	}
	for try := 1; ; try++ {
		s, err := tryServer(ctx, bin, who, set)
		// Between choosing a port and using it, somebody else may take it.
		if err == nil || try == portTries || !strings.Contains(err.Error(), "could not bind") {
			return s, err
		}
	}
}

func tryServer(ctx context.Context, bin string, who *syscall.Credential, set settings) (*server, error) {
	dir, err := folder(who)
	if err != nil {
		return nil, err
	}
	data := filepath.Join(dir, "data")
	locale := "C.UTF-8"
	if runtime.GOOS != "linux" {
		locale = "C"
	}
	initdb := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "-D", data,
		"-U", superuser, "--auth=trust", "--no-sync", "-E", "UTF8", "--locale="+locale)
	initdb.Dir = dir
	initdb.SysProcAttr = &syscall.SysProcAttr{Credential: who}
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("pgtest: initdb: %w: %s", err, out), os.RemoveAll(dir))
	}
	port, err := freePort(ctx)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	args := []string{"-c", leashed, "pgtest", dir, filepath.Join(bin, "postgres"), "-D", data}
	for _, setting := range append(set.lines(), "listen_addresses=127.0.0.1", "port="+strconv.Itoa(port),
		"unix_socket_directories=", "max_connections=200", "shared_buffers=64MB") {
		args = append(args, "-c", setting)
	}
	// Without a context: the server outlives the test that happened to be the first.
	shell := exec.Command("/bin/sh", args...)
	shell.Dir = dir
	// A process group of its own: Ctrl-C in the terminal must not end the one that cleans up.
	shell.SysProcAttr = &syscall.SysProcAttr{Credential: who, Setpgid: true}
	s := &server{dir: dir, port: port, log: &tail{}, done: make(chan struct{})}
	shell.Stderr = s.log
	if s.leash, err = shell.StdinPipe(); err != nil {
		return nil, errors.Join(fmt.Errorf("pgtest: %w", err), os.RemoveAll(dir))
	}
	if err := shell.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("pgtest: starting PostgreSQL: %w", err), os.RemoveAll(dir))
	}
	go func() {
		_ = shell.Wait() // how it ended is in the log
		close(s.done)
	}()
	if err := s.ready(ctx); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

func (set settings) lines() []string {
	if set.durable {
		return []string{"fsync=on"}
	}
	return []string{"fsync=off", "full_page_writes=off"}
}

// ready waits until the server answers.
func (s *server) ready(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := pgx.Connect(ctx, s.dsn())
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-tick.C:
		case <-s.done:
			return fmt.Errorf("pgtest: PostgreSQL ended at once: %s", s.log)
		case <-ctx.Done():
			return fmt.Errorf("pgtest: PostgreSQL does not answer: %w; its log: %s", err, s.log)
		}
	}
}

// stop asks the server to end (fast shutdown) and waits until its folder is gone.
func (s *server) stop() error {
	_ = s.leash.Close() // closed already when the server ended by itself
	select {
	case <-s.done:
		return nil
	case <-time.After(stopWait):
		return fmt.Errorf("pgtest: PostgreSQL does not stop; its log: %s", s.log)
	}
}

// tail keeps the last part of the server's log.
type tail struct {
	mu   sync.Mutex
	text []byte
}

// Write takes a piece of the log. It never fails.
func (l *tail) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, p...)
	if over := len(l.text) - logKept; over > 0 {
		l.text = append([]byte(nil), l.text[over:]...)
	}
	return len(p), nil
}

// String is what was kept.
func (l *tail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return string(l.text)
}

// binaries finds the folder with initdb and postgres: of the newest version in the usual places of
// packages, or on PATH.
func binaries() (string, error) {
	var best string
	newest := -1.0
	for _, pattern := range []string{"/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/opt/homebrew/opt/postgresql@*/bin", "/usr/local/opt/postgresql@*/bin"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			return "", fmt.Errorf("pgtest: %w", err)
		}
		for _, bin := range found {
			if version := versionOf(bin); version > newest && isProgram(bin, "postgres") && isProgram(bin, "initdb") {
				best, newest = bin, version
			}
		}
	}
	if best != "" {
		return best, nil
	}
	if path, err := exec.LookPath("initdb"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil && isProgram(filepath.Dir(path), "postgres") {
			return filepath.Dir(path), nil
		}
	}
	return "", ErrAbsent
}

// versionOf reads the version in a folder such as /usr/lib/postgresql/15/bin or /usr/pgsql-16/bin.
func versionOf(bin string) float64 {
	name := filepath.Base(filepath.Dir(bin))
	version, err := strconv.ParseFloat(name[strings.LastIndexAny(name, "-@")+1:], 64)
	if err != nil {
		return 0
	}
	return version
}

func isProgram(dir, name string) bool {
	info, err := os.Stat(filepath.Join(dir, name))
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// unprivileged is the user to run as: PostgreSQL refuses root. nil means the present one.
func unprivileged() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil //nolint:nilnil // no other user is a good answer, and what SysProcAttr wants
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, errU := strconv.ParseUint(u.Uid, 10, 32)
		gid, errG := strconv.ParseUint(u.Gid, 10, 32)
		if errU == nil && errG == nil {
			return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
		}
	}
	return nil, errors.New("pgtest: PostgreSQL does not run as root, and there is neither a user postgres nor nobody")
}

// folder makes the server's folder, in a place its user can reach.
func folder(who *syscall.Credential) (string, error) {
	base := os.TempDir()
	if who != nil && !reachable(base) {
		base = "/tmp"
	}
	dir, err := os.MkdirTemp(base, "doverie-pg-")
	if err != nil {
		return "", fmt.Errorf("pgtest: %w", err)
	}
	if who != nil {
		if err := os.Chown(dir, int(who.Uid), int(who.Gid)); err != nil {
			return "", errors.Join(fmt.Errorf("pgtest: %w", err), os.RemoveAll(dir))
		}
	}
	return dir, nil
}

// reachable reports whether everybody may pass through the folder and all above it.
func reachable(dir string) bool {
	for {
		info, err := os.Stat(dir)
		if err != nil || info.Mode()&0o001 == 0 {
			return false
		}
		up := filepath.Dir(dir)
		if up == dir {
			return true
		}
		dir = up
	}
}

func freePort(ctx context.Context) (int, error) {
	var listen net.ListenConfig
	l, err := listen.Listen(ctx, "tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("pgtest: finding a free port: %w", err)
	}
	_, text, errSplit := net.SplitHostPort(l.Addr().String())
	port, errPort := strconv.Atoi(text)
	if err := errors.Join(errSplit, errPort, l.Close()); err != nil {
		return 0, fmt.Errorf("pgtest: finding a free port: %w", err)
	}
	return port, nil
}
