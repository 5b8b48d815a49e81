package app

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"doverie/internal/account"
	"doverie/internal/campaign"
	"doverie/internal/console"
	"doverie/internal/desk"
	"doverie/internal/effect"
	"doverie/internal/httpx"
	"doverie/internal/i18n"
	"doverie/internal/jobs"
	"doverie/internal/notary"
	"doverie/internal/notify"
	"doverie/internal/oidc"
	"doverie/internal/policy"
	"doverie/internal/recovery"
	"doverie/internal/secret"
	"doverie/internal/session"
	"doverie/internal/signals"
	"doverie/internal/signals/transmit"
	"doverie/internal/store"
	"doverie/internal/trust"
	"doverie/internal/ui"
)

// Config is everything the server must be told. Database, Keys, Policy, BaseURL, Now and Log are required.
type Config struct {
	Database       string // postgres://… or the path of a SQLite file
	DatabaseConns  int    // 0: the store's own number
	Migrate        bool   // bring the schema up to date first; otherwise an older schema is refused
	Keys           *secret.Keyring
	Policy         policy.Policy
	BaseURL        *url.URL
	TrustedProxies []netip.Prefix
	ServiceName    string // name in a code generator; empty: the brand's
	Now            func() time.Time
	Log            *slog.Logger
	Hashing        secret.HasherOptions              // zero: the costs of production
	Pace           time.Duration                     // step to which answers to strangers are rounded up; 0: the server's own; negative: none
	Channels       map[effect.Channel]notify.Channel // how messages leave; a message without a channel fails and is logged
	Carriers       Carriers                          // accounts at carriers; a channel of theirs takes the place of that of Channels
	Numbers        Numbers                           // tells of changed SIMs and reassigned numbers; nil: nobody is asked
	Lease          time.Duration                     // after it another process takes over what one that died was sending; 0: the jobs' own
	ShowClock      bool                              // the clock on every page: for a demonstration whose time is set forward
	Front          Front                             // mounts more pages, such as a demonstration's; may be nil
	KitsFolder     string                            // where made kits wait to be downloaded; empty: a folder for this process only
	OwnHome        bool                              // Front has the first page
	Metrics        prometheus.Registerer             // nil: nothing is measured
	Outward        transmit.Outward                  // where other systems may be reached
	OutwardTLS     *tls.Config                       // nil: the machine's own certificates
	Notary         Notary                            // how the event log is signed
	OperatorURL    *url.URL                          // address of the operators' console when it has a listener of its own; nil: with everything else
}

// pace is much longer than what a stranger can ask for takes, the hash of a password included, and too short to be felt.
const pace = 50 * time.Millisecond

// Front mounts more pages, after all others.
type Front func(a *App, mux *http.ServeMux, citizens *httpx.Gate)

// App is the server, built and not yet running. Its services are exported for commands and tests.
type App struct {
	Store      *store.Store
	Keys       *secret.Keyring
	Policy     policy.Policy
	Passwords  *secret.Hasher
	Accounts   *account.Service
	Sessions   *session.Service
	Passkeys   *session.Passkeys
	Pushes     *session.Pushes
	Links      *trust.Links
	Decisions  *trust.Decisions
	Protect    *trust.Protect
	Guards     *trust.Guards
	Phones     *trust.Phones
	Recoveries *recovery.Service
	Stops      *recovery.Stops
	Campaigns  *campaign.Service
	Systems    *oidc.Provider // for other information systems
	Signals    *signals.Streams
	Kit        *httpx.Kit
	Texts      *i18n.Catalogue
	Desk       *desk.Service
	Staff      *desk.Staff
	Records    *desk.Records
	Console    *console.Console
	Notary     *notary.Service

	now     func() time.Time
	log     *slog.Logger
	jobs    *jobs.Engine
	telling *jobs.Engine // tells other systems
	handler http.Handler
	desks   http.Handler // nil: the console is with everything else
	pages   *ui.Renderer
	letters *notify.Texts
	assets  *ui.Assets
	metrics *metrics

	carriers   carriers
	smsDelayed atomic.Bool
	logSeen    time.Time // when the event log and what lies outside could last be looked at; of WatchLog

	ownKits string // folder of kits that ends with this process
}

// Handler serves every page. It can be used before Run; messages and timers then wait.
func (a *App) Handler() http.Handler { return a.handler }

// OperatorHandler serves the operators' console on a listener of its own; nil when Config.OperatorURL is nil.
func (a *App) OperatorHandler() http.Handler { return a.desks }

// Now is the server's clock.
func (a *App) Now() time.Time { return a.now() }

// RunDue does at once every timer and message that is due, and what becomes due by it: for tests, and for
// a demonstration whose clock was set forward. It returns how many there were.
func (a *App) RunDue(ctx context.Context) (int, error) {
	done, err := a.jobs.RunDue(ctx)
	told, failed := a.telling.RunDue(ctx)
	return done + told, errors.Join(err, failed)
}

// sweepEvery is how often rows that no rule looks at any more are removed. Every process does it; removing
// twice harms nothing.
const sweepEvery = time.Hour

// Run delivers messages and runs timers until ctx ends, then waits for what is in progress. The lines to carriers
// are up before the first message and go down after the last.
func (a *App) Run(ctx context.Context) {
	lines, hangUp := context.WithCancel(context.WithoutCancel(ctx))
	var outer, all sync.WaitGroup
	outer.Go(func() { a.Connect(lines) })
	all.Go(func() { a.jobs.Run(ctx) })
	all.Go(func() { a.telling.Run(ctx) })
	all.Go(func() { a.sweeps(ctx) })
	all.Go(func() { a.watchMessages(ctx) })
	all.Go(func() { a.notarise(ctx) })
	all.Wait()
	hangUp()
	outer.Wait()
}

// Connect keeps the lines to carriers up until ctx ends. Run does it by itself; whoever uses RunDue instead calls it.
func (a *App) Connect(ctx context.Context) { a.carriers.connect(ctx) }

func (a *App) sweeps(ctx context.Context) {
	tick := time.NewTicker(sweepEvery)
	defer tick.Stop()
	for {
		if err := a.Systems.Keys.Tend(ctx); err != nil && ctx.Err() == nil {
			a.log.ErrorContext(ctx, "signing keys", "error", err)
		}
		removed, err := a.Store.Sweep(ctx, a.now())
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			a.log.ErrorContext(ctx, "sweep", "error", err)
		case removed > 0:
			a.log.InfoContext(ctx, "sweep", "removed", removed)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Close closes the database. Call it after Run has returned and the handler serves nobody.
func (a *App) Close() error {
	err := a.Store.Close()
	if a.ownKits != "" {
		err = errors.Join(err, os.RemoveAll(a.ownKits))
	}
	return err
}

func (c Config) check() error {
	var wrong []error
	for what, missing := range map[string]bool{
		"Database": c.Database == "", "Keys": c.Keys == nil, "BaseURL": c.BaseURL == nil, "Now": c.Now == nil, "Log": c.Log == nil,
	} {
		if missing {
			wrong = append(wrong, errors.New("app: Config."+what+" is required"))
		}
	}
	return errors.Join(append(wrong, c.Policy.Check()...)...)
}
