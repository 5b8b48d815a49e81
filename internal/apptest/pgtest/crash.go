package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
)

// errForeign says that only a server of our own may be killed.
var errForeign = errors.New("pgtest: the server of " + Env + " is not ours to kill")

// Crash kills the private server with SIGKILL, as when its machine's power goes, starts it again on the
// same folder and port, and waits until it has recovered and answers.
func (c *Cluster) Crash(ctx context.Context) error {
	if c.own == nil {
		return errForeign
	}
	if err := os.WriteFile(filepath.Join(c.own.dir, "again"), nil, 0o600); err != nil {
		return fmt.Errorf("pgtest: crash: %w", err)
	}
	text, err := os.ReadFile(filepath.Join(c.own.dir, "pid"))
	if err != nil {
		return fmt.Errorf("pgtest: crash: %w", err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return fmt.Errorf("pgtest: crash: %w", err)
	}
	return c.kill(ctx, func(*pgx.Conn) (int, error) { return pid, nil })
}

// CrashBackend kills with SIGKILL the one process of the private server that serves somebody, or that
// writes its log, and waits until the server, which then ends every other process and recovers, answers.
func (c *Cluster) CrashBackend(ctx context.Context) error {
	if c.own == nil {
		return errForeign
	}
	return c.kill(ctx, func(witness *pgx.Conn) (pid int, err error) {
		err = witness.QueryRow(ctx, `SELECT pid FROM pg_stat_activity WHERE backend_type IN ('client backend', 'walwriter') AND pid <> pg_backend_pid()
			ORDER BY random() LIMIT 1`).Scan(&pid)
		return pid, err
	})
}

// kill kills the process that choose names. A server notices the death of a process of its own a little
// later, so that one which answers may still be about to go down: a witness that is connected before
// tells when it has.
func (c *Cluster) kill(ctx context.Context, choose func(witness *pgx.Conn) (pid int, err error)) error {
	witness, err := pgx.Connect(ctx, c.admin)
	if err != nil {
		return fmt.Errorf("pgtest: crash: %w", err)
	}
	defer func() { _ = witness.Close(ctx) }() // it is broken by then
	pid, err := choose(witness)
	if err != nil {
		return fmt.Errorf("pgtest: crash: %w", err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return fmt.Errorf("pgtest: killing process %d: %w", pid, err)
	}
	down, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	for witness.Ping(down) == nil {
	}
	if err := down.Err(); err != nil {
		return fmt.Errorf("pgtest: the server lives on after process %d: %w", pid, err)
	}
	return c.own.ready(ctx)
}
