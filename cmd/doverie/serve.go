package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"doverie/internal/app"
	"doverie/internal/demo"
	"doverie/internal/effect"
	"doverie/internal/httpx"
	"doverie/internal/notify"
	"doverie/internal/secret"
	"doverie/internal/store"
)

// Bounds of a connection. Live pages lift the write deadline for themselves.
const (
	headerTime   = 10 * time.Second
	readTime     = 30 * time.Second
	writeTime    = 60 * time.Second
	idleTime     = 2 * time.Minute
	headerBytes  = 32 << 10
	drainTime    = 2 * time.Second  // for requests in progress, before live pages are ended
	shutdownTime = 15 * time.Second // for everything
)

// configFlag is the -config of every command that works on the database.
type configFlag struct {
	Config string `help:"Configuration file (TOML). Every key can also be given as an environment variable, DOVERIE_BASE_URL for base_url." placeholder:"FILE" env:"DOVERIE_CONFIG"`
}

func (f configFlag) read(c console) (config, error) { return readConfig(f.Config, c.environ) }

type serveCommand struct {
	configFlag
}

// Run serves until it is told to stop.
func (cmd serveCommand) Run(c console) error {
	cfg, err := cmd.read(c)
	if err != nil {
		return err
	}
	if !cfg.development && len(cfg.carriers.SMS) == 0 {
		return fmt.Errorf("%w: messages.sms: %w", errConfig, errNoSMS)
	}
	registry := prometheus.NewRegistry()
	ac := cfg.app(c)
	ac.Metrics = registry
	if cfg.development {
		phone := notify.NewDevPhone(c.now)
		ac.Channels = phones(phone)
		ac.Front = func(a *app.App, mux *http.ServeMux, _ *httpx.Gate) {
			demo.Phones{Kit: a.Kit, Device: phone, Site: cfg.baseURL.String()}.Mount(mux)
		}
	}
	s := server{log: ac.Log}
	public, err := s.listen(cfg.listen)
	if err != nil {
		return err
	}
	var private net.Listener
	if cfg.metricsListen != "" {
		if private, err = s.listen(cfg.metricsListen); err != nil {
			return errors.Join(err, s.close())
		}
	}
	var desks net.Listener
	if cfg.operatorListen != "" {
		if desks, err = s.listen(cfg.operatorListen); err != nil {
			return errors.Join(err, s.close())
		}
	}
	if s.app, err = app.New(c.ctx, ac); err != nil {
		return errors.Join(err, s.close())
	}
	s.serve(public, s.app.Handler())
	if desks != nil {
		s.serve(desks, s.app.OperatorHandler())
	}
	if private != nil {
		mux := http.NewServeMux()
		mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
		s.serve(private, mux)
	}
	switch {
	case cfg.development:
		ac.Log.Warn("messages are shown on a page and not sent", "page", cfg.baseURL.String()+demo.PhonesPath)
	case len(cfg.carriers.Email) == 0:
		ac.Log.Warn("no carrier of e-mail is configured: notices go by SMS alone, and nobody recovers by e-mail")
	}
	return errors.Join(s.run(c.ctx), s.app.Close())
}

// phones gives every channel to the development phone.
func phones(phone *notify.DevPhone) map[effect.Channel]notify.Channel {
	all := map[effect.Channel]notify.Channel{}
	for _, channel := range effect.All() {
		all[channel] = phone.On(channel)
	}
	return all
}

// app is what the server is built from.
func (cfg config) app(c console) app.Config {
	return app.Config{
		Database: cfg.database, DatabaseConns: cfg.databaseConns, Keys: cfg.keys, Policy: cfg.policy, BaseURL: cfg.baseURL,
		TrustedProxies: cfg.trustedProxies, ServiceName: cfg.serviceName, Now: c.now, Log: cfg.logger(c),
		Outward: cfg.outward, Carriers: cfg.carriers, Lease: cfg.lease, Numbers: cfg.numbers, KitsFolder: cfg.kitsFolder,
		OperatorURL: cfg.operatorURL, Hashing: secret.HasherOptions{Slots: secret.Room()},
		Notary: app.Notary{Folder: cfg.auditFolder, Keys: cfg.auditKeys},
	}
}

func (cfg config) logger(c console) *slog.Logger {
	options := &slog.HandlerOptions{Level: cfg.log}
	if cfg.logJSON {
		return slog.New(slog.NewJSONHandler(c.err, options))
	}
	return slog.New(slog.NewTextHandler(c.err, options))
}

// server runs one App and its listeners.
type server struct {
	log     *slog.Logger
	app     *app.App
	open    []net.Listener
	servers []listening
	also    []func(context.Context) // what else runs until ctx ends
}

// listening is one address and what answers there.
type listening struct {
	*http.Server

	listener net.Listener
}

// listen opens an address; nothing is served before run.
func (s *server) listen(address string) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	s.open = append(s.open, l)
	return l, nil
}

// serve names what answers on an address that was opened.
func (s *server) serve(l net.Listener, h http.Handler) {
	s.servers = append(s.servers, listening{listener: l, Server: &http.Server{
		Handler: h, ReadHeaderTimeout: headerTime, ReadTimeout: readTime, WriteTimeout: writeTime, IdleTimeout: idleTime,
		MaxHeaderBytes: headerBytes, ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}})
	s.log.Info("listening", "address", l.Addr().String())
}

// close gives back addresses that were opened and never served.
func (s *server) close() error {
	var wrong []error
	for _, l := range s.open {
		wrong = append(wrong, l.Close())
	}
	return errors.Join(wrong...)
}

// run serves until ctx ends, then lets requests and deliveries in progress finish.
func (s *server) run(ctx context.Context) error {
	// Requests outlive ctx: one that is half done should end well. Live pages stay open as long as people
	// look at them, so after a while every request that is left is told to end.
	requests, endRequests := context.WithCancel(context.WithoutCancel(ctx))
	defer endRequests()
	working, stopWorking := context.WithCancel(ctx)
	defer stopWorking()
	var all sync.WaitGroup
	failed := make(chan error, 2*len(s.servers))
	for _, one := range s.servers {
		one.BaseContext = func(net.Listener) context.Context { return requests }
		all.Go(func() {
			if err := one.Serve(one.listener); !errors.Is(err, http.ErrServerClosed) {
				failed <- fmt.Errorf("serve: %w", err)
				stopWorking()
			}
		})
	}
	all.Go(func() { s.app.Run(working) })
	for _, run := range s.also {
		all.Go(func() { run(working) })
	}
	<-working.Done()
	s.log.Info("stopping")
	drained := time.AfterFunc(drainTime, endRequests)
	defer drained.Stop()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTime)
	defer cancel()
	for _, one := range s.servers {
		if err := one.Shutdown(last); err != nil {
			failed <- fmt.Errorf("shutdown: %w", err)
		}
	}
	all.Wait()
	close(failed)
	var wrong []error
	for err := range failed {
		wrong = append(wrong, err)
	}
	return errors.Join(wrong...)
}

type migrateCommand struct {
	configFlag
}

// Run migrates and says from which version to which.
func (cmd migrateCommand) Run(c console) error {
	cfg, err := cmd.read(c)
	if err != nil {
		return err
	}
	used := false // by a server; PostgreSQL is asked by Migrate itself
	if path, ok := store.IsFile(cfg.database); ok {
		if _, err := os.Stat(path); err == nil {
			if used, err = store.InUse(c.ctx, path); err != nil {
				return err
			}
		}
	}
	db, err := store.Open(c.ctx, cfg.database, store.Options{Keys: cfg.keys, Now: c.now, Conns: 1})
	if err != nil {
		return err
	}
	before, program, err := db.SchemaVersion(c.ctx)
	if err == nil {
		err = db.MigrateBeside(c.ctx, used)
	}
	if err == nil {
		c.sayf("schema %d → %d (%s)", before, program, db.Engine())
	}
	return errors.Join(err, db.Close())
}
