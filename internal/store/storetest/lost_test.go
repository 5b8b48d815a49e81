package storetest_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"

	"doverie/internal/fault"
	"doverie/internal/store"
	"doverie/internal/store/storetest"
)

// wire is a TCP proxy that can break a connection at the worst moment.
type wire struct {
	listener net.Listener
	target   string
	mode     atomic.Value // a breakage
	broken   atomic.Int64 // how often it did
	mu       sync.Mutex
	open     []net.Conn
}

type breakage string

const (
	whole      breakage = "whole"
	loseCommit breakage = "COMMIT never arrives"
	loseReply  breakage = "COMMIT arrives, its reply does not"
)

func newWire(t *testing.T, dsn string) (w *wire, through string) {
	t.Helper()
	u, err := url.Parse(dsn)
	if err != nil {
		t.Fatal(err)
	}
	w = &wire{target: u.Host}
	w.mode.Store(whole)
	if w.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.listener.Close(); w.cut() })
	go func() {
		for {
			client, err := w.listener.Accept()
			if err != nil {
				return // closed by the cleanup
			}
			go w.carry(client)
		}
	}()
	u.Host = w.listener.Addr().String()
	return w, u.String()
}

// carry copies both ways, and breaks the next thing that the client says when it is told to.
func (w *wire) carry(client net.Conn) {
	server, err := net.Dial("tcp", w.target)
	if err != nil {
		_ = client.Close()
		return
	}
	w.mu.Lock()
	w.open = append(w.open, client, server)
	w.mu.Unlock()
	var mute atomic.Bool
	go func() {
		buffer := make([]byte, 64<<10)
		for {
			n, err := server.Read(buffer)
			if mute.Load() || err != nil {
				_ = client.Close()
				_ = server.Close()
				return
			}
			if _, err = client.Write(buffer[:n]); err != nil {
				return
			}
		}
	}()
	buffer := make([]byte, 64<<10)
	for {
		n, err := client.Read(buffer)
		if err != nil {
			_ = server.Close()
			return
		}
		switch w.mode.Swap(whole) {
		case loseCommit:
			w.broken.Add(1)
			_ = server.Close()
			_ = client.Close()
			return
		case loseReply:
			w.broken.Add(1)
			mute.Store(true)
		}
		if _, err = server.Write(buffer[:n]); errors.Is(err, io.ErrClosedPipe) {
			return
		}
	}
}

// cut breaks every open connection.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.open {
		_ = c.Close()
	}
	w.open = nil
}

// The reply to COMMIT is lost, once when the commit happened and once when it did not. The caller is
// told in both cases that nobody knows, and repeating the act is safe in both: the guard decides.
func TestLostReplyToCommit(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		mode     breakage
		happened bool
	}{{loseCommit, false}, {loseReply, true}} {
		t.Run(string(c.mode), func(t *testing.T) {
			t.Parallel()
			direct := storetest.Postgres(t)
			direct.Exec(t, insertMeta, "версия", "1")
			w, through := newWire(t, direct.DSN)
			db := storetest.Open(t, through)
			runs := 0
			act := func() error {
				return db.InTx(t.Context(), func(ctx context.Context, tx *store.Tx) error {
					runs++
					return tx.ExecOne(ctx, `UPDATE meta SET value = '2' WHERE name = 'версия' AND value = '1'`)
				})
			}
			// Once before, so that the connection knows the statements: after that all of the act goes in one
			// piece, its COMMIT at the end.
			if err := act(); err != nil {
				t.Fatal(err)
			}
			direct.Exec(t, `UPDATE meta SET value = '1' WHERE name = 'версия'`)
			runs = 0
			w.mode.Store(c.mode)
			err := act()
			if !errors.Is(err, store.ErrUnknownOutcome) || !fault.HasKey(err, "fault.commit_unknown") {
				t.Errorf("told %v", err)
			}
			if w.broken.Load() != 1 || runs != 1 {
				t.Fatalf("broken %d times, run %d times: want 1 and 1, a commit is never repeated blindly", w.broken.Load(), runs)
			}
			if n := direct.Count(t, `SELECT COUNT(name) FROM meta WHERE value = '2'`); (n == 1) != c.happened {
				t.Errorf("happened: %d, want %t", n, c.happened)
			}
			err = act()
			if c.happened && !fault.Is(err, fault.Conflict) {
				t.Errorf("repeated after it had happened: %v", err)
			}
			if !c.happened && err != nil {
				t.Errorf("repeated after it had not happened: %v", err)
			}
		})
	}
}

// A connection that breaks before the commit is replaced and the work is done once, unseen.
func TestConnectionBreaksBeforeCommit(t *testing.T) {
	t.Parallel()
	direct := storetest.Postgres(t)
	w, through := newWire(t, direct.DSN)
	db := storetest.Open(t, through)
	runs := 0
	err := db.InTx(t.Context(), func(ctx context.Context, tx *store.Tx) error {
		runs++
		if _, err := tx.Exec(ctx, insertMeta, "a", "b"); err != nil {
			return err
		}
		if runs == 1 {
			w.cut()
		}
		_, err := tx.Exec(ctx, insertMeta, "c", "d")
		return err
	})
	if err != nil || runs != 2 {
		t.Errorf("run %d times, %v", runs, err)
	}
	if n := direct.Count(t, `SELECT COUNT(name) FROM meta WHERE name <> 'schema floor'`); n != 2 {
		t.Errorf("%d rows, want 2", n)
	}
	w.cut()
	if n := db.Count(t, `SELECT COUNT(name) FROM meta WHERE name <> 'schema floor'`); n != 2 {
		t.Errorf("reading over a new connection: %d rows", n)
	}
}

// On SQLite another process may hold the file: our writer waits for it and succeeds.
func TestFileIsBusy(t *testing.T) {
	t.Parallel()
	db := storetest.SQLite(t)
	other := storetest.Open(t, db.DSN)
	errs := storetest.Parallel(2, func(i int) error {
		s := []*storetest.DB{db, other}[i]
		for range 40 {
			if err := s.InTx(t.Context(), func(ctx context.Context, tx *store.Tx) error {
				_, err := tx.Exec(ctx, `INSERT INTO meta (name, value) VALUES ('n', 'x') ON CONFLICT (name) DO UPDATE SET value = meta.value || 'x'`)
				return err
			}); err != nil {
				return err
			}
		}
		return nil
	})
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if n := db.Count(t, `SELECT length(value) FROM meta WHERE name = 'n'`); n != 80 {
		t.Errorf("%d of 80 writes stayed", n)
	}
}
