// Package smsc runs an SMS centre that nobody here wrote (test/peers/smsc.js: the npm package "smpp" under node)
// for tests of everything that ends in an SMS. A missing node fails the test.
package smsc

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// The account that the centre lets bind.
const (
	SystemID = "doverie"
	Password = "secret77"
)

// Event is one thing the centre saw. Only "submit" has most of the fields.
type Event struct {
	Event      string   `json:"event"` // "listening", "bind", "submit", "receipt_answer", "enquire_link", "enquire_answer", "unbind"
	Port       int      `json:"port"`
	Mode       string   `json:"mode"`
	Version    int      `json:"version"`
	OK         bool     `json:"ok"`
	Status     int      `json:"status"`
	ID         string   `json:"id"`
	To         string   `json:"to"`
	ToTON      int      `json:"to_ton"`
	ToNPI      int      `json:"to_npi"`
	From       string   `json:"from"`
	FromTON    int      `json:"from_ton"`
	Coding     int      `json:"coding"`
	ESMClass   int      `json:"esm_class"`
	Registered int      `json:"registered"`
	Validity   string   `json:"validity"` // as the centre understood it: an ISO 8601 time
	Text       string   `json:"text"`     // as the centre decoded it, without the header
	UDH        []string `json:"udh"`      // elements in hexadecimal
}

// Centre is a running SMS centre.
type Centre struct {
	Address string // host:port on the loopback interface

	mu     sync.Mutex
	events []Event
	grown  chan struct{}
}

// Start runs a centre until the test ends. Arguments are those of smsc.js.
func Start(t testing.TB, args ...string) *Centre {
	t.Helper()
	_, here, _, _ := runtime.Caller(0) //nolint:dogsled // only the file is wanted
	script := filepath.Join(filepath.Dir(here), "..", "..", "..", "test", "peers", "smsc.js")
	cmd := exec.Command("node", append([]string{script}, args...)...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var complaints strings.Builder
	cmd.Stderr = &complaints
	if err := cmd.Start(); err != nil {
		t.Fatalf("the SMS centre of the tests needs node (run scripts/needs): %v", err)
	}
	c := &Centre{grown: make(chan struct{})}
	read := make(chan struct{})
	go func() { defer close(read); c.read(stdout) }()
	t.Cleanup(func() {
		_ = stdin.Close() // it ends by that
		<-read
		if err := cmd.Wait(); err != nil {
			t.Errorf("the SMS centre: %v\n%s", err, complaints.String())
		}
	})
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	up, err := c.Wait(ctx, func(e Event) bool { return e.Event == "listening" })
	if err != nil {
		_ = cmd.Process.Kill()
		t.Fatalf("the SMS centre did not start (run scripts/needs): %v\n%s", err, complaints.String())
	}
	c.Address = fmt.Sprintf("127.0.0.1:%d", up.Port)
	return c
}

func (c *Centre) read(from io.Reader) {
	for lines := bufio.NewScanner(from); lines.Scan(); {
		var e Event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			e = Event{Event: "not JSON", Text: lines.Text()}
		}
		c.mu.Lock()
		c.events = append(c.events, e)
		close(c.grown)
		c.grown = make(chan struct{})
		c.mu.Unlock()
	}
}

// Events returns everything the centre has seen, oldest first.
func (c *Centre) Events() []Event {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.events)
}

// Submits returns the messages for that number (E.164 with its plus; empty: any), oldest first.
func (c *Centre) Submits(phone string) []Event {
	var out []Event
	for _, e := range c.Events() {
		if e.Event == "submit" && (phone == "" || "+"+e.To == phone) {
			out = append(out, e)
		}
	}
	return out
}

// Text joins what the number has received, parts and all, as a phone would that has room for one message.
func (c *Centre) Text(phone string) string {
	var b strings.Builder
	for _, e := range c.Submits(phone) {
		b.WriteString(e.Text)
	}
	return b.String()
}

// Wait returns the first event that matches, once there is one.
func (c *Centre) Wait(ctx context.Context, match func(Event) bool) (Event, error) {
	for {
		c.mu.Lock()
		events, grown := c.events, c.grown
		c.mu.Unlock()
		for _, e := range events {
			if match(e) {
				return e, nil
			}
		}
		select {
		case <-grown:
		case <-ctx.Done():
			return Event{}, ctx.Err()
		}
	}
}
