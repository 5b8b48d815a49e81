package main

import (
	"errors"
	"fmt"
	"runtime/debug"
	"text/tabwriter"

	"doverie/internal/fault"
	"doverie/internal/i18n"
	"doverie/internal/policy"
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
