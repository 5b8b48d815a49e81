// Package mailserver runs exim, a mail server that nobody here wrote, with a private configuration and mailbox, for tests of
// everything that ends in an e-mail. It needs no privileges: each connection to a free port of the loopback interface
// gets a process of its own, as a super-server would give it. A missing exim fails the test.
package mailserver

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"mime"
	"mime/multipart"
	"net"
	"net/mail"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// The account that may send when Options.Auth is set.
const (
	Username = "doverie"
	Password = "secret 77 Ж"
)

// Local parts of recipients with which the server does something else than take the letter.
const (
	Refused      = "refused"       // 550 at RCPT
	Later        = "later"         // 451 at RCPT
	RefusedAfter = "refused-after" // 550 after the text
	LaterAfter   = "later-after"   // 451 after the text
)

// Options says how the server behaves.
type Options struct {
	ImplicitTLS bool // TLS from the first octet; otherwise STARTTLS is offered
	Auth        bool // take letters only after signing in, which is offered under TLS only
	LoginOnly   bool // offer LOGIN and not PLAIN
}

// Server is a running mail server.
type Server struct {
	Address string // host:port on the loopback interface
	CA      []byte // PEM certificate that the server shows

	dir     string
	binary  string
	options Options
	ln      net.Listener
	wg      sync.WaitGroup
}

// Message is a letter in the mailbox.
type Message struct {
	ReturnPath, EnvelopeTo string
	Header                 mail.Header
	Text, HTML             string // decoded, with the line ends of the wire
	Raw                    string
}

const configuration = `
primary_hostname = mail.test
spool_directory = DIR/spool
log_file_path = DIR/log/%%slog
exim_user = %d
exim_group = %d
deliver_drop_privilege = true
never_users =
keep_environment =
add_environment = PATH=/usr/bin:/bin
host_lookup =
rfc1413_query_timeout = 0s
message_logs = false
tls_advertise_hosts = *
tls_certificate = DIR/cert.pem
tls_privatekey = DIR/key.pem
acl_smtp_rcpt = rcpt
acl_smtp_data = text
begin acl
rcpt:
%s
  deny local_parts = refused
  defer local_parts = later
  accept
text:
  deny condition = ${if match{$recipients}{^refused-after@}}
  defer condition = ${if match{$recipients}{^later-after@}}
  accept
begin routers
all:
  driver = accept
  transport = box
begin transports
box:
  driver = appendfile
  directory = DIR/box
  create_directory = true
  message_prefix =
  message_suffix =
  envelope_to_add = true
  return_path_add = true
begin authenticators
%s
`

const (
	plainAuth = `
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${if and{{eq{$auth2}{USER}}{eq{$auth3}{PASS}}}}
  server_set_id = $auth2
  server_advertise_condition = ${if def:tls_in_cipher}
`
	loginAuth = `
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = Username:: : Password::
  server_condition = ${if and{{eq{$auth1}{USER}}{eq{$auth2}{PASS}}}}
  server_set_id = $auth1
  server_advertise_condition = ${if def:tls_in_cipher}
`
)

// Start runs a server until the test ends.
func Start(t testing.TB, options Options) *Server {
	t.Helper()
	binary, err := exec.LookPath("exim4")
	if err != nil {
		if binary, err = exec.LookPath("/usr/sbin/exim4"); err != nil {
			t.Fatalf("the mail server of the tests is exim4 (run scripts/needs): %v", err)
		}
	}
	dir, err := os.MkdirTemp("", "doverie-mail-") //nolint:usetesting // the parent of t.TempDir() is closed to the account exim runs under
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	uid, gid := os.Getuid(), os.Getgid()
	if uid == 0 { // exim does not deliver as root
		if uid, gid, err = nobody(); err != nil {
			t.Fatal(err)
		}
	}
	s := &Server{dir: dir, binary: binary, options: options}
	s.configure(t, uid, gid)
	if s.ln, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	s.Address = s.ln.Addr().String()
	s.wg.Go(func() { s.accept(t, uid, gid) })
	t.Cleanup(func() {
		_ = s.ln.Close()
		s.wg.Wait()
	})
	return s
}

func nobody() (uid, gid int, err error) {
	u, err := user.Lookup("nobody")
	if err != nil {
		return 0, 0, err
	}
	if uid, err = strconv.Atoi(u.Uid); err != nil {
		return 0, 0, err
	}
	gid, err = strconv.Atoi(u.Gid)
	return uid, gid, err
}

func (s *Server) configure(t testing.TB, uid, gid int) {
	t.Helper()
	rule, auth := "", ""
	if s.options.Auth {
		rule, auth = "  deny !authenticated = *", loginAuth
		if !s.options.LoginOnly {
			auth += plainAuth
		}
	}
	text := fmt.Sprintf(configuration, uid, gid, rule, auth)
	text = strings.NewReplacer("DIR", s.dir, "USER", Username, "PASS", Password).Replace(text)
	cert, key := certificate(t)
	s.CA = cert
	for name, content := range map[string][]byte{"exim.conf": []byte(text), "cert.pem": cert, "key.pem": key} {
		s.write(t, name, content, uid, gid)
	}
	for _, name := range []string{"spool", "log", "box", "."} {
		path := filepath.Join(s.dir, name)
		if err := os.MkdirAll(path, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(path, uid, gid); err != nil {
			t.Fatal(err)
		}
	}
}

func (s *Server) write(t testing.TB, name string, content []byte, uid, gid int) {
	t.Helper()
	path := filepath.Join(s.dir, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(path, uid, gid); err != nil {
		t.Fatal(err)
	}
}

func certificate(t testing.TB) (certPEM, keyPEM []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mail.test"}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(24 * time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
}

// accept gives each connection a process.
func (s *Server) accept(t testing.TB, uid, gid int) {
	for {
		conn, err := s.ln.Accept()
		if err != nil {
			return
		}
		s.wg.Go(func() {
			tcp, _ := conn.(*net.TCPConn)
			file, err := tcp.File()
			_ = conn.Close() // the file is its copy
			if err != nil {
				t.Errorf("mail server: %v", err)
				return
			}
			defer func() { _ = file.Close() }() // exim has its own
			args := []string{"-C", filepath.Join(s.dir, "exim.conf"), "-odi", "-bs"}
			if s.options.ImplicitTLS {
				args = append(args, "-tls-on-connect")
			}
			cmd := exec.Command(s.binary, args...)
			cmd.Stdin, cmd.Stdout = file, file
			if os.Getuid() == 0 {
				cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
			}
			_ = cmd.Run() // it ends with 1 whenever a client just hangs up
		})
	}
}

// Log is what the server wrote into its logs.
func (s *Server) Log() string {
	var all strings.Builder
	files, _ := filepath.Glob(filepath.Join(s.dir, "log", "*"))
	for _, f := range files {
		b, err := os.ReadFile(f)
		fmt.Fprintln(&all, string(b), err)
	}
	return all.String()
}

// Messages reads the mailbox, oldest first. A letter that cannot be read fails the test.
func (s *Server) Messages(t testing.TB) []Message {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(s.dir, "box", "q*"))
	if err != nil {
		t.Fatal(err)
	}
	type aged struct {
		Message

		at time.Time
	}
	all := make([]aged, 0, len(files))
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		m, err := Parse(b)
		if err != nil {
			t.Fatalf("%v:\n%s", err, b)
		}
		info, err := os.Stat(name)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, aged{m, info.ModTime()})
	}
	slices.SortFunc(all, func(a, b aged) int { return a.at.Compare(b.at) })
	out := make([]Message, len(all))
	for i, a := range all {
		out[i] = a.Message
	}
	return out
}

// WaitFor returns the mailbox once it holds that many letters for the address (E-mail; empty: any), at most half a minute later.
func (s *Server) WaitFor(t testing.TB, address string, n int) []Message {
	t.Helper()
	for range 1500 {
		var got []Message
		for _, m := range s.Messages(t) {
			if address == "" || m.EnvelopeTo == address {
				got = append(got, m)
			}
		}
		if len(got) >= n {
			return got
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("fewer than %d letters came\n%s", n, s.Log())
	return nil
}

// Parse reads a letter with its alternatives.
func Parse(raw []byte) (Message, error) {
	parsed, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return Message{}, err
	}
	m := Message{
		Header: parsed.Header, Raw: string(raw), EnvelopeTo: parsed.Header.Get("Envelope-To"),
		ReturnPath: strings.Trim(parsed.Header.Get("Return-Path"), "<>"),
	}
	kind, params, err := mime.ParseMediaType(parsed.Header.Get("Content-Type"))
	if err != nil {
		return m, err
	}
	if kind != "multipart/alternative" {
		m.Text, err = decode(parsed.Body, parsed.Header.Get("Content-Transfer-Encoding"))
		return m, err
	}
	parts := multipart.NewReader(parsed.Body, params["boundary"])
	for {
		p, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return m, nil
		}
		if err != nil {
			return m, err
		}
		body, err := decode(p, p.Header.Get("Content-Transfer-Encoding"))
		if err != nil {
			return m, err
		}
		switch kind := p.Header.Get("Content-Type"); kind {
		case "text/plain; charset=UTF-8":
			m.Text = body
		case "text/html; charset=UTF-8":
			m.HTML = body
		default:
			return m, fmt.Errorf("a part of the type %q", kind)
		}
	}
}

func decode(r io.Reader, encoding string) (string, error) {
	if encoding != "base64" {
		return "", fmt.Errorf("a part in the encoding %q", encoding)
	}
	b, err := io.ReadAll(base64.NewDecoder(base64.StdEncoding, r))
	return string(b), err
}
