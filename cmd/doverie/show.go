package main

import (
	"errors"
	"fmt"
	"runtime/debug"
	"text/tabwriter"

	"doverie/internal/fault"
	"doverie/internal/i18n"
	"doverie/internal/policy"
	"doverie/internal/store"
)

type policyCommand struct {
	Config string `help:"Configuration file whose policy is shown; without it, the published rules." placeholder:"FILE"`
}

// Run prints the policy and refuses one that must not be used.
func (cmd policyCommand) Run(c console) error {
	p := policy.Default()
	var wrong []error
	if cmd.Config != "" {
		var err error
		if p, wrong, err = readPolicy(cmd.Config, c.environ); err != nil {
			return err
		}
	}
	w := tabwriter.NewWriter(c.out, 0, 0, 2, ' ', 0)
	table := console{out: w}
	table.sayf("KEY\tVALUE\tBOUNDS\tMEANING")
	for _, e := range p.Entries() {
		bounds := ""
		if e.Min != "" {
			bounds = e.Min + "–" + e.Max
		}
		table.sayf("policy.%s\t%s\t%s\t%s", e.Key, e.Value, bounds, e.Doc)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if len(wrong) > 0 {
		return fmt.Errorf("%w: %w", errConfig, errors.Join(wrong...))
	}
	return nil
}

type auditCommand struct {
	Verify auditVerifyCommand `cmd:"" help:"Prove that no event was changed, removed, moved or cut off; name the first broken one."`
}

type auditVerifyCommand struct {
	configFlag
}

// Run walks the whole chain.
func (cmd auditVerifyCommand) Run(c console) error {
	cfg, err := cmd.read(c)
	if err != nil {
		return err
	}
	db, err := store.Open(c.ctx, cfg.database, store.Options{Keys: cfg.keys, Now: c.now, Conns: cfg.databaseConns})
	if err != nil {
		return err
	}
	if err := db.CheckSchema(c.ctx); err != nil {
		return errors.Join(err, db.Close())
	}
	report, err := db.VerifyEvents(c.ctx)
	if err != nil {
		return errors.Join(err, db.Close())
	}
	if !report.Intact() {
		c.sayf("BROKEN: event %d: %s; %d events before it are intact", report.FirstBad, report.Fault, report.Count)
		return errors.Join(errFindings, db.Close())
	}
	c.sayf("intact: %d events, head %x", report.Count, report.Head.Hash)
	c.sayf("Keep the head outside this machine: a whole database set back to an older copy shows by it alone.")
	return db.Close()
}

type versionCommand struct{}

// Run prints what the Go tool wrote into the program.
//
//nolint:unparam // every command may fail; this one has nothing that could
func (versionCommand) Run(c console) error {
	version, revision, goVersion := "unknown", "", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		version, goVersion = info.Main.Version, info.GoVersion
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = " " + s.Value
			}
		}
	}
	c.sayf("doverie %s%s %s, rules %s", version, revision, goVersion, policy.Default().Version)
	return nil
}

// sayFault is the sentence of a fault and of each wrong field of it.
func sayFault(p *i18n.Printer, f *fault.Error) string {
	key := f.Key
	if !p.Has(key) {
		key = "fault." + f.Kind.String()
	}
	text := p.Named(key, f.Args)
	for _, field := range f.Fields {
		text += "\n  " + field.Name + ": " + p.Named(field.Key, field.Args)
	}
	return text
}
