package main

import (
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"

	"doverie/internal/fault"
	"doverie/internal/i18n"
	"doverie/internal/outreach"
	"doverie/internal/policy"
)

// registerFlags are shared by the commands over a register.
type registerFlags struct {
	Register string `required:"" type:"existingfile" placeholder:"FILE" help:"Register of organisations in CSV; its logos lie beside it."`
	Out      string `required:"" placeholder:"FOLDER" help:"Folder for kits/ and letters/."`
	Together bool   `help:"One letter to all organisations (at most four) instead of one to each."`
	Lang     string `enum:"ru,en" default:"ru" help:"Language of the reasons: ru or en."`
}

type outreachBatchCommand struct {
	registerFlags

	Letter  string `type:"existingfile" placeholder:"FILE" help:"The letter's common part (TOML): makes covering letters as well."`
	Bleed   bool   `help:"Posters and leaflets with 3 mm of bleed and crop marks."`
	Workers int    `default:"0" help:"Kits made at once; 0 means one a processor."`
}

// Run makes kits for all good rows; the exit code tells of bad ones.
func (cmd outreachBatchCommand) Run(c console) error {
	workers := cmd.Workers
	if workers < 1 {
		workers = runtime.NumCPU()
	}
	return cmd.run(c, cmd.Letter, outreach.BatchOptions{Kit: outreach.KitOptions{Bleed: cmd.Bleed}, Workers: workers})
}

type outreachLettersCommand struct {
	registerFlags

	Letter string `required:"" type:"existingfile" placeholder:"FILE" help:"The letter's common part (TOML)."`
}

// Run makes letters only.
func (cmd outreachLettersCommand) Run(c console) error {
	return cmd.run(c, cmd.Letter, outreach.BatchOptions{NoKits: true, Workers: 1})
}

func (cmd registerFlags) run(c console, letter string, o outreach.BatchOptions) error {
	source, err := outreach.LoadSource()
	if err != nil {
		return err
	}
	catalogue, err := i18n.Load()
	if err != nil {
		return err
	}
	if letter != "" {
		l, err := source.ReadLetter(letter)
		if err != nil {
			return err
		}
		o.Letter = &l
	}
	f, err := os.Open(cmd.Register)
	if err != nil {
		return err
	}
	rows, err := outreach.ReadRegister(f, letter != "")
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	o.Together, o.LogoDir = cmd.Together, filepath.Dir(cmd.Register)
	r := batchReport{console: c, printer: catalogue.Printer(cmd.Lang, policy.Default().Location()), began: c.now()}
	err = source.Batch(c.ctx, cmd.Out, rows, o, r.told)
	return errors.Join(err, r.end(cmd.Out))
}

// batchReport prints faults and progress, and counts.
type batchReport struct {
	console

	printer       *i18n.Printer
	began         time.Time
	made, skipped int
	bytes         int64
	refused       [][]string // line, id, reason
	tenth         int
	drawn         bool
}

func (r *batchReport) told(p outreach.Progress) {
	r.bytes += p.Bytes
	switch {
	case p.Row.Err != nil:
		reason := r.reason(p.Row.Err)
		r.refused = append(r.refused, []string{strconv.Itoa(p.Row.Line), p.Row.Org.ID, reason})
		r.clear()
		r.sayf("%s", r.printer.T("outreach.batch.row", "Line", p.Row.Line, "Reason", reason))
	case p.Skipped:
		r.skipped++
	default:
		r.made++
	}
	state := fmt.Sprintf("%3d %%  %d of %d, %d refused", p.Done*100/p.Of, p.Done, p.Of, len(r.refused))
	if r.terminal {
		full := p.Done * barWidth / p.Of
		r.drawf("\r[%s%s] %s", strings.Repeat("#", full), strings.Repeat("·", barWidth-full), state)
		r.drawn = true
		return
	}
	if tenth := p.Done * 10 / p.Of; tenth > r.tenth {
		r.tenth = tenth
		r.complainf("%s", state)
	}
}

func (r *batchReport) clear() {
	if r.drawn {
		r.drawf("\r\x1b[K")
		r.drawn = false
	}
}

// reason is a row's fault in one line.
func (r *batchReport) reason(err error) string {
	f := fault.Of(err)
	if len(f.Fields) == 0 {
		return r.printer.Named(f.Key, f.Args)
	}
	parts := make([]string, 0, len(f.Fields))
	for _, field := range f.Fields {
		parts = append(parts, field.Name+": "+r.printer.Named(field.Key, field.Args))
	}
	return strings.Join(parts, "; ")
}

// errorsName is the file of refused rows, for whoever keeps the register.
const errorsName = "errors.csv"

func (r *batchReport) end(out string) error {
	if r.drawn {
		r.complainf("")
	}
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	r.sayf("%d made, %d already there, %d refused; %s, at most %d MiB of memory, %d MiB written",
		r.made, r.skipped, len(r.refused), r.now().Sub(r.began).Round(time.Millisecond), memory.Sys>>20, r.bytes>>20)
	name := filepath.Join(out, errorsName)
	if len(r.refused) == 0 {
		if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
		return nil
	}
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	w := csv.NewWriter(f)
	err = errors.Join(w.Write([]string{"line", "id", "reason"}), w.WriteAll(r.refused), f.Close())
	return errors.Join(err, errFindings)
}
