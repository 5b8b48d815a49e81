package main

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"doverie/internal/app"
	"doverie/internal/notary"
	"doverie/internal/store"
)

type auditCommand struct {
	Verify     auditVerifyCommand     `cmd:"" help:"Prove that no event was changed, removed, moved or cut off; name the first broken one."`
	Checkpoint auditCheckpointCommand `cmd:"" help:"Sign the event log as it is now, keep the checkpoint outside and print it."`
	Export     auditExportCommand     `cmd:"" help:"Write the whole event log into a file that can be verified without the server."`
	Prove      auditProveCommand      `cmd:"" help:"Check a person's downloaded history. It needs nothing but the file."`
	Key        auditKeyCommand        `cmd:"" help:"Print the public key of the checkpoints."`
	Rotate     auditRotateCommand     `cmd:"" help:"Let another key sign the event log from now on; restart the servers after it."`
}

// withLog opens the database and its notary, calls do and closes them.
func withLog(c console, f configFlag, do func(db *store.Store, log *notary.Service) error) error {
	cfg, err := f.read(c)
	if err != nil {
		return err
	}
	db, err := store.Open(c.ctx, cfg.database, store.Options{Keys: cfg.keys, Now: c.now, Conns: cfg.databaseConns})
	if err != nil {
		return err
	}
	if err := inTurn(func() error { return db.CheckSchema(c.ctx) }, func() error { return db.TakeKeys(c.ctx, cfg.keys) }); err != nil {
		return errors.Join(err, db.Close())
	}
	log, err := app.NewNotary(cfg.app(c), db)
	if err != nil {
		return errors.Join(err, db.Close())
	}
	return errors.Join(do(db, log), db.Close())
}

type auditVerifyCommand struct {
	configFlag

	Export      string `help:"Verify this file, made by audit export, and no database." placeholder:"FILE"`
	Key         string `help:"With an export: the public key to trust, as audit key prints it." placeholder:"KEY"`
	Checkpoints string `help:"With an export: a folder of checkpoints kept elsewhere, to hold it against." placeholder:"FOLDER"`
}

// Run verifies the database or an export.
func (cmd auditVerifyCommand) Run(c console) error {
	if cmd.Export != "" {
		return cmd.export(c)
	}
	if cmd.Key != "" || cmd.Checkpoints != "" {
		return fmt.Errorf("%w: -key and -checkpoints go with -export; a database has audit.folder", errConfig)
	}
	return withLog(c, cmd.configFlag, func(db *store.Store, log *notary.Service) error {
		outside, err := log.Outside(c.ctx)
		if err != nil {
			return err
		}
		stored, wrong, err := storedCheckpoints(c, db, log)
		if err != nil {
			return err
		}
		report, err := db.VerifyLog(c.ctx, slices.Concat(outside, stored))
		if err != nil {
			return err
		}
		if err := c.sayReport(report); err != nil {
			return err
		}
		if wrong != "" {
			c.sayf("BROKEN: a checkpoint in the database is not signed by the key %s, or by one before it in its time: %s", log.Signer.Key(), wrong)
			return errFindings
		}
		if log.Folder == nil {
			c.sayf("Keep the head outside this machine, or set audit.folder: a whole database set back to an older copy shows by it alone.")
		} else {
			c.sayf("checkpoints outside: %d in %s", len(outside), log.Folder.Path)
		}
		return nil
	})
}

// sayReport prints the outcome; errFindings when something is broken.
func (c console) sayReport(r notary.Report) error {
	for _, l := range r.Lost {
		if l.Known > l.Kept {
			c.sayf("restored from a backup: epoch %d is here up to event %d; checkpoints know of %d more", l.Epoch, l.Kept, l.Known-l.Kept)
		} else {
			c.sayf("restored from a backup: epoch %d is here up to event %d; no checkpoint knows of more", l.Epoch, l.Kept)
		}
	}
	if !r.Intact() {
		where := ""
		if r.Fault == notary.Rewritten {
			where = fmt.Sprintf(" (it or one up to %d: checkpoint %d)", r.Last, r.Last)
		}
		c.sayf("BROKEN: event %d: %s%s; %d events before it are intact", r.FirstBad, r.Fault, where, r.Count)
		return errFindings
	}
	c.sayf("intact: %d events, head %x", r.Count, r.Head.Hash)
	c.sayf("tree: %d of them, epoch %d, %d checkpoints hold, the newest covers %d", r.Leafed, r.Epoch, r.Checked, r.Newest.Size)
	return nil
}

// storedCheckpoints reads those of the current epoch in the database. wrong is one that does not open.
func storedCheckpoints(c console, db *store.Store, log *notary.Service) (all []notary.Signed, wrong string, err error) {
	const page = 500
	standing, err := db.Standing(c.ctx)
	if err != nil {
		return nil, "", err
	}
	ring, err := log.Ring(c.ctx)
	if err != nil {
		return nil, "", err
	}
	for from := int64(0); ; {
		notes, err := db.Checkpoints(c.ctx, standing.Epoch, from, page)
		if err != nil || len(notes) == 0 {
			return all, wrong, err
		}
		for _, text := range notes {
			signed, err := ring.Open(text)
			if err != nil || signed.Size <= from {
				return all, strings.ReplaceAll(string(text), "\n", " "), nil //nolint:nilerr // it is what was looked for
			}
			all, from = append(all, signed), signed.Size
		}
	}
}

func (cmd auditVerifyCommand) export(c console) error {
	file, err := os.Open(cmd.Export)
	if err != nil {
		return err
	}
	defer file.Close()
	var outside [][]byte
	if cmd.Checkpoints != "" {
		err := filepath.WalkDir(cmd.Checkpoints, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || filepath.Ext(path) != ".checkpoint" {
				return err
			}
			text, err := os.ReadFile(path) //nolint:gosec // the folder is named on the command line
			outside = append(outside, text)
			return err
		})
		if err != nil {
			return err
		}
	}
	report, key, err := notary.VerifyExport(file, cmd.Key, outside...)
	if errors.Is(err, notary.ErrExport) || errors.Is(err, notary.ErrSignature) || errors.Is(err, notary.ErrCheckpoint) {
		c.sayf("BROKEN: %v", err)
		return errFindings
	}
	if err != nil {
		return err
	}
	if err := c.sayReport(report); err != nil {
		return err
	}
	if cmd.Key == "" {
		c.sayf("signed by the key in the file: %s\nCompare it with the one published, or give it with -key.", key)
	}
	return nil
}

type auditCheckpointCommand struct{ configFlag }

// Run signs now.
func (cmd auditCheckpointCommand) Run(c console) error {
	return withLog(c, cmd.configFlag, func(_ *store.Store, log *notary.Service) error {
		signed, err := log.Seal(c.ctx)
		switch {
		case err != nil:
			return plainCause(err)
		case signed.Size == 0:
			c.sayf("no events yet: nothing to sign")
			return nil
		}
		_, _ = c.out.Write(signed.Note) // as sayf
		return nil
	})
}

// plainCause shows a broken log or a database that was set back in its own words.
func plainCause(err error) error {
	var broken *store.BrokenLogError
	var behind *notary.BehindError
	switch {
	case errors.As(err, &broken):
		return broken
	case errors.As(err, &behind):
		return behind
	}
	return err
}

type auditKeyCommand struct{ configFlag }

// Run prints the key. The database is opened, because the key outlives a master key there.
func (cmd auditKeyCommand) Run(c console) error {
	return withLog(c, cmd.configFlag, func(_ *store.Store, log *notary.Service) error {
		c.sayf("%s", log.Signer.Key())
		return nil
	})
}

type auditExportCommand struct {
	configFlag

	File string `arg:"" help:"File to write; it must not exist."`
}

// Run signs the log and writes it.
func (cmd auditExportCommand) Run(c console) error {
	return withLog(c, cmd.configFlag, func(db *store.Store, log *notary.Service) (err error) {
		signed, err := log.Seal(c.ctx)
		if err != nil {
			return plainCause(err)
		}
		outside, err := log.Outside(c.ctx)
		if err != nil {
			return err
		}
		head, err := db.HeadAt(c.ctx, signed.Size)
		if err != nil {
			return err
		}
		stored, wrong, err := storedCheckpoints(c, db, log)
		if err != nil || wrong != "" {
			return cmp.Or(err, fmt.Errorf("a checkpoint in the database is not signed by our key: %s", wrong))
		}
		file, err := os.OpenFile(cmd.File, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, file.Close()) }()
		buffer := bufio.NewWriter(file)
		export, err := notary.NewExport(buffer, log.Signer.Log(), log.Signer.Key(), head)
		if err != nil {
			return err
		}
		ring, err := log.Ring(c.ctx)
		if err != nil {
			return err
		}
		var failed error
		err = db.WalkLog(c.ctx, signed.Size, func(r notary.Record) bool {
			failed = export.Record(r)
			return failed == nil
		})
		known := slices.DeleteFunc(slices.Concat(outside, stored), func(s notary.Signed) bool { return s.Epoch == signed.Epoch && s.Size > signed.Size })
		if err = cmp.Or(err, failed, export.HandOvers(ring.Chain), export.End(known), buffer.Flush(), file.Sync()); err == nil {
			c.sayf("%d events, checkpoint %d of epoch %d: %s", head.Seq, signed.Size, signed.Epoch, cmd.File)
		}
		return err
	})
}

type auditProveCommand struct {
	File       string `arg:"" help:"A history as a person downloaded it."`
	Key        string `help:"The public key to trust, as audit key prints it and the download page shows it." placeholder:"KEY"`
	Checkpoint string `help:"A checkpoint that was kept elsewhere: the file's must be the same." placeholder:"FILE"`
}

// Run checks the file.
func (cmd auditProveCommand) Run(c console) error {
	file, err := os.Open(cmd.File)
	if err != nil {
		return err
	}
	defer file.Close()
	history, signed, events, err := notary.VerifyHistory(file, cmd.Key)
	if err != nil {
		c.sayf("NOT PROVED: %v", err)
		return errFindings
	}
	if cmd.Checkpoint != "" {
		text, err := os.ReadFile(cmd.Checkpoint)
		if err != nil {
			return err
		}
		kept, err := notary.Open(text, history.Key)
		if err != nil || kept.Epoch == signed.Epoch && kept.Size == signed.Size && kept.Root != signed.Root {
			c.sayf("NOT PROVED: the checkpoint of the file is not the one that was kept (%v)", err)
			return errFindings
		}
		if kept.Checkpoint != signed.Checkpoint {
			c.sayf("The kept checkpoint covers %d events, that of the file %d: compare them by GET /audit/consistency/%d/%d.",
				kept.Size, signed.Size, min(kept.Size, signed.Size), max(kept.Size, signed.Size))
		}
	}
	for _, e := range events {
		c.sayf("%s  event %d  %s", e.At.Format(time.RFC3339), e.Seq, e.Kind)
	}
	c.sayf("proved: %d events of account %s are among the %d events of %s", len(events), history.Account, signed.Size, signed.Origin())
	if history.Newer {
		c.sayf("There are newer events than the checkpoint: download again later.")
	}
	if history.Older > 0 {
		c.sayf("There are older events: download with ?before=%d.", history.Older)
	}
	if cmd.Key == "" {
		c.sayf("signed by the key in the file: %s\nCompare it with the one published, or give it with -key.", history.Key)
	}
	return nil
}
