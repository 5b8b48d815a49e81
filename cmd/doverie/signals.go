package main

import (
	"fmt"
	"net/netip"
	"strings"

	"doverie/internal/app"
	"doverie/internal/fault"
	"doverie/internal/signals"
	"doverie/internal/signals/transmit"
)

// signalsConfig says where tokens for other systems may be sent.
type signalsConfig struct {
	Networks    []string `toml:"networks" env:"NETWORKS" doc:"private networks that other systems may be reached in (10.20.0.0/16); without them no address of a private network is connected to; commas between them in the environment"`
	Development bool     `toml:"development" env:"DEVELOPMENT" doc:"other systems may be reached by http at a loopback address; only with a loopback base_url"`
}

// outward checks the configuration. local: the service itself is reached at a loopback address.
func (raw signalsConfig) outward(local bool) (out transmit.Outward, problems []error) {
	for _, network := range raw.Networks {
		prefix, err := netip.ParsePrefix(strings.TrimSpace(network))
		if err != nil {
			problems = append(problems, fmt.Errorf("signals.networks: %q is not a network such as 10.20.0.0/16", network))
			continue
		}
		out.Networks = append(out.Networks, prefix)
	}
	if raw.Development && !local {
		problems = append(problems, fmt.Errorf("signals.development: only with a loopback base_url, because tokens would leave the machine in the clear"))
	}
	out.Development = raw.Development
	return out, problems
}

// adminSignalCommand looks after what other systems are told.
type adminSignalCommand struct {
	List  signalListCommand  `cmd:"" help:"List every stream, and what waits for a system or was given up."`
	Retry signalRetryCommand `cmd:"" help:"Send a system everything that waits, or was given up, now."`
	Pause signalPauseCommand `cmd:"" help:"Pause a system's stream: events are kept. Its receiver, or this command with -enable, lets it flow again."`
}

type signalListCommand struct {
	configFlag
}

// Run lists streams and lanes, a line each.
func (cmd signalListCommand) Run(c console) error {
	return admin(c, cmd.configFlag, func(a *app.App) error {
		streams, err := a.Store.SignalStreams(c.ctx)
		if err != nil {
			return err
		}
		for _, x := range streams {
			method := "poll"
			if x.Method == signals.Push {
				method = "push to " + x.Endpoint
			}
			c.sayf("stream %s  client %s  %-8s  %s", x.ID, x.Client, x.Status, method)
		}
		lanes, err := a.Store.SignalLanes(c.ctx)
		if err != nil {
			return err
		}
		for _, l := range lanes {
			oldest := "-"
			if !l.Oldest.IsZero() {
				oldest = l.Oldest.UTC().Format("2006-01-02 15:04:05Z")
			}
			c.sayf("client %s  %-6s  waiting %d since %s  tries %d  given up %d  %s", l.Client, l.Kind, l.Waiting, oldest, l.Attempt, l.Failed, l.Problem)
		}
		if len(streams)+len(lanes) == 0 {
			c.sayf("no system has a stream, and nothing waits")
		}
		return nil
	})
}

type signalRetryCommand struct {
	configFlag
	clientFlag
}

// Run lets everything of a system be sent now.
func (cmd signalRetryCommand) Run(c console) error {
	return admin(c, cmd.configFlag, func(a *app.App) error {
		n, err := a.Store.RetrySignals(c.ctx, a.Now(), cmd.ID)
		if err == nil {
			c.sayf("%d tokens will be sent", n)
		}
		return err
	})
}

type signalPauseCommand struct {
	configFlag
	clientFlag

	Why    string `help:"Reason that the receiver reads in the status."`
	Enable bool   `help:"Let the stream flow again."`
}

// Run pauses a stream, or lets it flow.
func (cmd signalPauseCommand) Run(c console) error {
	return admin(c, cmd.configFlag, func(a *app.App) error {
		to := signals.Paused
		if cmd.Enable {
			to = signals.Enabled
		}
		x, err := a.Store.StreamOf(c.ctx, cmd.ID)
		if fault.Is(err, fault.NotFound) {
			return fmt.Errorf("the system %s has no stream: %w", cmd.ID, err)
		}
		if err != nil {
			return err
		}
		if x, err = a.Signals.SetStatus(c.ctx, cmd.ID, signals.StatusRequest{Stream: x.ID, Status: to, Reason: cmd.Why}); err == nil {
			c.sayf("the stream %s is %s", x.ID, x.Status)
		}
		return err
	})
}
