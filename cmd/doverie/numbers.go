package main

import (
	"fmt"
	"os"
	"time"

	"doverie/internal/account"
	"doverie/internal/app"
	"doverie/internal/numbers"
)

// numbersConfig is the provider that tells what happened to a phone number. Fields are called like those of its package.
type numbersConfig struct {
	URL               string        `toml:"url" env:"URL" doc:"https address of the provider that tells of changed SIMs and reassigned numbers; empty: nobody is asked"`
	AuthorizationFile string        `toml:"authorization_file" env:"AUTHORIZATION_FILE" secret:"Authorization" doc:"file with the value of the header Authorization"`
	Authorization     string        `toml:"-" env:"AUTHORIZATION" doc:"the value itself, instead of its file"`
	CAFile            string        `toml:"ca_file" env:"CA_FILE" doc:"file with PEM certificates that are trusted instead of the system's"`
	Timeout           time.Duration `toml:"timeout" env:"TIMEOUT" doc:"for an answer, after which the code goes without it; 0s: 3s"`
}

func (n *numbersConfig) provider() (*numbers.Provider, []error) {
	f := &filler{}
	conf := numbers.Config{Now: time.Now}
	f.fill("numbers", n, &conf)
	provider, err := numbers.New(conf)
	if err != nil && len(f.problems) == 0 {
		f.blame("numbers", n, false, err)
	}
	return provider, f.problems
}

type adminNumbersCommand struct {
	configFlag

	File string `arg:"" type:"existingfile" help:"File of reports: {\"phone\": \"+79131234567\", \"sim_changed_at\": \"2026-11-21T09:00:00Z\"}, or with reassigned_at."`
}

// Run imports the file. A refused line is named by its number and does not stop the rest; a file that was broken off
// is imported again: what is known changes nothing.
func (cmd adminNumbersCommand) Run(c console) error {
	return admin(c, cmd.configFlag, func(a *app.App) error {
		f, err := os.Open(cmd.File)
		if err != nil {
			return err
		}
		defer f.Close()
		count := map[account.NumberNews]int{}
		refused := 0
		for line := range numbers.Lines(f, c.now()) {
			phone, wrong := account.ParsePhone(line.Phone)
			switch {
			case line.Err != nil:
				refused++
				c.complainf("line %d: %v", line.Number, line.Err)
				continue
			case wrong != "":
				refused++
				c.complainf("line %d: no phone number", line.Number)
				continue
			}
			news, err := a.Accounts.NumberReported(c.ctx, byCommand, phone, line.Report.SIMChangedAt, line.Report.ReassignedAt)
			if err != nil {
				return fmt.Errorf("line %d: %w", line.Number, err)
			}
			count[news]++
		}
		c.sayf("%d SIM changes, %d reassigned numbers, %d reports of nothing new, %d lines refused",
			count[account.NumberSIMChanged], count[account.NumberReassigned], count[account.NumberSame], refused)
		if refused > 0 {
			return errFindings
		}
		return nil
	})
}
