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
	"strconv"

	"doverie/internal/app"
	"doverie/internal/demo"
	"doverie/internal/demo/waterworks"
	"doverie/internal/httpx"
	"doverie/internal/i18n"
	"doverie/internal/notify"
	"doverie/internal/policy"
	"doverie/internal/secret"
	"doverie/internal/signals/transmit"
)

type demoCommand struct {
	Listen   string `default:"127.0.0.1:8080" help:"Loopback address and port to serve on; port 0 takes a free one."`
	Data     string `default:"./data" help:"Folder of the demonstration's database, key and clock; made when it is not there."`
	Other    string `help:"Loopback address and port of the other site, the waterworks; empty: the next port after listen, or a free one." placeholder:"ADDRESS"`
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
	other, err := cmd.listenOther(&s, host, l)
	if err != nil {
		return errors.Join(err, s.close())
	}
	second := "http://" + net.JoinHostPort(host, port(other))
	s.app, err = cmd.build(c, site, second, s.log)
	if err != nil {
		return errors.Join(err, s.close())
	}
	s.serve(l, s.app.Handler())
	if err := cmd.serveOther(c, &s, other, site.String(), second); err != nil {
		return errors.Join(err, s.close(), s.app.Close())
	}
	c.sayf("The demonstration is at %s\nThe other site, the waterworks, is at %s\nStop it with Ctrl+C. Its data are in %s, the checkpoints of its event log in %s.",
		site, second, cmd.Data, filepath.Join(cmd.Data, "checkpoints"))
	return errors.Join(s.run(c.ctx), s.app.Close())
}

// listenOther opens the address of the other site: the one that was asked for, the next port after the first site's, or
// a free one.
func (cmd demoCommand) listenOther(s *server, host string, first net.Listener) (net.Listener, error) {
	if cmd.Other != "" {
		if given, _, err := net.SplitHostPort(cmd.Other); err != nil || given != host {
			return nil, fmt.Errorf("%w: other: %q is not a port of %s", errConfig, cmd.Other, host)
		}
		return s.listen(cmd.Other)
	}
	if _, asked, err := net.SplitHostPort(cmd.Listen); err == nil && asked != "0" {
		if n, err := strconv.Atoi(port(first)); err == nil {
			if l, err := s.listen(net.JoinHostPort(host, strconv.Itoa(n+1))); err == nil {
				return l, nil
			}
		}
	}
	return s.listen(net.JoinHostPort(host, "0"))
}

// serveOther registers the other site with the service, and serves it.
func (cmd demoCommand) serveOther(c console, s *server, l net.Listener, site, address string) error {
	name := s.app.Texts.Printer(i18n.Default, s.app.Policy.Location()).T("waterworks.title")
	id, secret, err := waterworks.Register(c.ctx, s.app.Systems, address, name, filepath.Join(cmd.Data, "waterworks.json"))
	if err != nil {
		return err
	}
	other, err := waterworks.New(waterworks.Config{
		Address: address, Issuer: site, ClientID: id, Secret: secret, Texts: s.app.Texts, Zone: s.app.Policy.Location(), Now: s.app.Now, Log: s.log,
	})
	if err != nil {
		return err
	}
	s.serve(l, other.Handler())
	s.also = append(s.also, other.Run)
	return nil
}

func port(l net.Listener) string {
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return "0"
	}
	return port
}

// build makes the folder complete and the server of it.
func (cmd demoCommand) build(c console, site *url.URL, other string, log *slog.Logger) (*app.App, error) {
	if err := os.MkdirAll(cmd.Data, 0o700); err != nil {
		return nil, fmt.Errorf("data: %w", err)
	}
	checkpoints := filepath.Join(cmd.Data, "checkpoints")
	if err := os.MkdirAll(checkpoints, 0o700); err != nil {
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
		Now: clock.Now, Log: log, Channels: phones(phone), ShowClock: true, OwnHome: true, Outward: transmit.Outward{Development: true},
		Hashing: secret.HasherOptions{Slots: secret.Room()},
		// The port may be another one each time; the log is the same.
		Notary: app.Notary{Folder: checkpoints, Log: app.LogName("demonstration")},
		Front: func(a *app.App, mux *http.ServeMux, citizens *httpx.Gate) {
			demo.Start{Kit: a.Kit, Clock: clock, Policy: rules, RunDue: a.RunDue, Waterworks: other}.Mount(mux, citizens)
			demo.Phones{Kit: a.Kit, Device: phone, Site: site.String(), People: demo.People(), Clock: true}.Mount(mux)
		},
	})
	if err != nil {
		return nil, err
	}
	if err := demo.Seed(c.ctx, a.Accounts); err != nil {
		return nil, errors.Join(err, a.Close())
	}
	if err := demo.Employ(c.ctx, a.Staff); err != nil {
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
