package main

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"

	"doverie/internal/app"
	"doverie/internal/demo"
	"doverie/internal/httpx"
	"doverie/internal/notify"
	"doverie/internal/policy"
	"doverie/internal/secret"
)

type demoCommand struct {
	Listen   string `default:"127.0.0.1:8080" help:"Loopback address and port to serve on; port 0 takes a free one."`
	Data     string `default:"./data" help:"Folder of the demonstration's database, key and clock; made when it is not there."`
	LogLevel string `default:"warn" enum:"debug,info,warn,error" help:"What is logged: debug, info, warn or error."`
}

// Run serves the demonstration until it is told to stop.
func (cmd demoCommand) Run(c console) error {
	host, _, err := net.SplitHostPort(cmd.Listen)
	if err != nil {
		return fmt.Errorf("%w: listen: %q is not an address and a port such as 127.0.0.1:8080", errConfig, cmd.Listen)
	}
	if !loopback(host) {
		return fmt.Errorf("%w: listen: %q is not a loopback address, and a demonstration shows everybody's codes", errConfig, cmd.Listen)
	}
	var level slog.Level
	if err := level.UnmarshalText([]byte(cmd.LogLevel)); err != nil {
		return fmt.Errorf("%w: log-level: %w", errConfig, err)
	}
	s := server{log: slog.New(slog.NewTextHandler(c.err, &slog.HandlerOptions{Level: level}))}
	l, err := s.listen(cmd.Listen)
	if err != nil {
		return err
	}
	site := &url.URL{Scheme: "http", Host: net.JoinHostPort(host, port(l))}
	s.app, err = cmd.build(c, site, s.log)
	if err != nil {
		return errors.Join(err, s.close())
	}
	s.serve(l, s.app.Handler())
	c.sayf("The demonstration is at %s\nStop it with Ctrl+C. Its data are in %s.", site, cmd.Data)
	return errors.Join(s.run(c.ctx), s.app.Close())
}

func port(l net.Listener) string {
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return "0"
	}
	return port
}

// build makes the folder complete and the server of it.
func (cmd demoCommand) build(c console, site *url.URL, log *slog.Logger) (*app.App, error) {
	if err := os.MkdirAll(cmd.Data, 0o700); err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	keys, err := demoKeys(filepath.Join(cmd.Data, "secret.key"))
	if err != nil {
		return nil, err
	}
	clock, err := demo.OpenClock(filepath.Join(cmd.Data, "clock"), c.now)
	if err != nil {
		return nil, err
	}
	rules := policy.Default()
	phone := notify.NewDevPhone(clock.Now)
	a, err := app.New(c.ctx, app.Config{
		Database: filepath.Join(cmd.Data, "doverie.db"), Migrate: true, Keys: keys, Policy: rules, BaseURL: site,
		Now: clock.Now, Log: log, Channels: phones(phone), ShowClock: true, OwnHome: true,
		Front: func(a *app.App, mux *http.ServeMux, citizens *httpx.Gate) {
			demo.Start{Kit: a.Kit, Clock: clock, Policy: rules, RunDue: a.RunDue}.Mount(mux, citizens)
			demo.Phones{Kit: a.Kit, Device: phone, Site: site.String(), People: demo.People(), Clock: true}.Mount(mux)
		},
	})
	if err != nil {
		return nil, err
	}
	if err := demo.Seed(c.ctx, a.Accounts); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

// demoKeys reads the master key, or makes it at the first start.
func demoKeys(path string) (*secret.Keyring, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	switch {
	case errors.Is(err, fs.ErrExist):
	case err != nil:
		return nil, fmt.Errorf("data: %w", err)
	default:
		_, err = f.WriteString(secret.NewMaster() + "\n")
		if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
			return nil, fmt.Errorf("data: %w", errors.Join(err, os.Remove(path)))
		}
	}
	keys, err := readKeys(path)
	if err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	return keys, nil
}
