package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"doverie/internal/app"
	"doverie/internal/effect"
	"doverie/internal/notary"
	"doverie/internal/store"
)

type backupCommand struct {
	configFlag

	File string `arg:"" help:"File to write; it must not exist."`
}

// Run copies the database while it is served from, and verifies the copy.
func (cmd backupCommand) Run(c console) error {
	cfg, err := cmd.read(c)
	if err != nil {
		return err
	}
	if err := mustNotExist(cmd.File); err != nil {
		return err
	}
	part := cmd.File + ".part"
	if err := os.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) { // left by one that was interrupted
		return err
	}
	err = withLog(c, cmd.configFlag, func(db *store.Store, log *notary.Service) error {
		if _, err := log.Seal(c.ctx); err != nil { // so that what lies outside says what the copy holds
			return plainCause(err)
		}
		return db.CopyTo(c.ctx, part)
	})
	if err != nil {
		return err
	}
	report, err := inspect(c, cfg, part)
	if err != nil {
		return errors.Join(err, removeFile(part))
	}
	err = inTurn(
		func() error { return os.Chmod(part, 0o600) },
		func() error { return syncFile(part) },
		func() error { return os.Link(part, cmd.File) }, // refuses to write over what appeared meanwhile
		func() error { return removeFile(part) },
		func() error { return syncFile(filepath.Dir(cmd.File)) },
	)
	if err != nil {
		return err
	}
	c.sayf("%s: %d events, all intact, epoch %d", cmd.File, report.Count, report.Epoch)
	c.sayf("It holds everything that the database holds: keep it like the master key, and not beside it.")
	return nil
}

// inspect opens a copy and proves that it is whole and its event log intact.
func inspect(c console, cfg config, path string) (report notary.Report, err error) {
	db, err := store.Open(c.ctx, path, store.Options{Keys: cfg.keys, Now: c.now, Conns: 1})
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if err := db.CheckFile(c.ctx); err != nil {
		return report, err
	}
	if report, err = db.VerifyLog(c.ctx, nil); err == nil && !report.Intact() {
		c.sayf("BROKEN: event %d: %s; %d events before it are intact", report.FirstBad, report.Fault, report.Count)
		err = errFindings
	}
	return report, errors.Join(err, db.SettleFile(c.ctx))
}

type restoreCommand struct {
	configFlag

	File    string `arg:"" help:"A file that backup wrote."`
	Replace bool   `help:"The database of the configuration exists: keep it under another name and put the backup in its place."`
}

// Run puts the backup in place. Until the last step, a rename, nothing stands there that is not fenced.
func (cmd restoreCommand) Run(c console) error {
	cfg, err := cmd.read(c)
	if err != nil {
		return err
	}
	path, ok := store.IsFile(cfg.database)
	if !ok {
		return store.ErrEngine
	}
	if err := cmd.free(c, path); err != nil {
		return err
	}
	part := path + ".restoring"
	for _, stale := range databaseFiles(part) { // left by one that was interrupted
		if err := removeFile(stale); err != nil {
			return err
		}
	}
	if err := copyFile(cmd.File, part); err != nil {
		return err
	}
	cfg.database = part
	sound := func() error { _, err := inspect(c, cfg, part); return err }
	if err := inTurn(func() error { return migrateFile(c, cfg) }, sound, func() error { return fence(c, cfg) }, sound); err != nil {
		return errors.Join(err, removeFile(part))
	}
	err = inTurn(
		func() error { return syncFile(part) },
		func() error { return setAside(c, path) },
		func() error { return os.Rename(part, path) },
		func() error { return syncFile(filepath.Dir(path)) },
	)
	if err != nil {
		return err
	}
	c.sayf("restored: %s", path)
	return nil
}

// free makes sure that nobody serves from the database, and that it may be replaced.
func (cmd restoreCommand) free(c console, path string) error {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if !cmd.Replace {
		return fmt.Errorf("%w: %s exists: give -replace to put the backup in its place", errConfig, path)
	}
	used, err := store.InUse(c.ctx, path)
	if err != nil {
		c.complainf("doverie: %s cannot be read (%v); it will be kept under another name", path, err)
		return nil
	}
	if used {
		return fmt.Errorf("somebody has %s open: stop the server first", path)
	}
	return nil
}

// databaseFiles are a SQLite file and what lies beside it while it is used.
func databaseFiles(path string) []string { return []string{path, path + "-wal", path + "-shm"} }

// setAside keeps the database that is there under another name.
func setAside(c console, path string) error {
	aside := path + ".before-" + c.now().UTC().Format("20060102T150405Z")
	names, kept := databaseFiles(path), databaseFiles(aside)
	for i, name := range names {
		switch err := os.Rename(name, kept[i]); {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return err
		case i == 0:
			c.sayf("the database that was there: %s", aside)
		}
	}
	return nil
}

func migrateFile(c console, cfg config) error {
	db, err := store.Open(c.ctx, cfg.database, store.Options{Keys: cfg.keys, Now: c.now, Conns: 1})
	if err != nil {
		return err
	}
	return errors.Join(db.Migrate(c.ctx), db.Close())
}

type fenceCommand struct{ configFlag }

// Run fences the database of the configuration where it is.
func (cmd fenceCommand) Run(c console) error {
	cfg, err := cmd.read(c)
	if err != nil {
		return err
	}
	if path, ok := store.IsFile(cfg.database); ok {
		if used, err := store.InUse(c.ctx, path); err != nil || used {
			return cmp.Or(err, fmt.Errorf("somebody has %s open: stop the server first", path))
		}
	}
	return fence(c, cfg)
}

// fence ends everything that was issued before, begins a new epoch, signs it, and says what the checkpoints outside know
// of and the database does not.
func fence(c console, cfg config) error {
	db, err := store.Open(c.ctx, cfg.database, store.Options{Keys: cfg.keys, Now: c.now, Conns: cfg.databaseConns})
	if err != nil {
		return err
	}
	err = inTurn(func() error { return db.CheckSchema(c.ctx) }, func() error { return db.TakeKeys(c.ctx, cfg.keys) })
	if err == nil {
		err = fenceOpen(c, cfg.app(c), db)
	}
	return errors.Join(err, db.Close())
}

func fenceOpen(c console, ac app.Config, db *store.Store) error {
	log, err := app.NewNotary(ac, db)
	if err != nil {
		return err
	}
	outside, err := log.Outside(c.ctx)
	if err != nil {
		return err
	}
	before, err := db.Standing(c.ctx)
	if err != nil {
		return err
	}
	c.sayMissing(before, outside, log.Folder != nil)
	done, err := db.Fence(c.ctx, effect.Act{Actor: effect.System, Device: "doverie fence"}, c.now(), ac.Policy, outside)
	if err != nil {
		return err
	}
	if _, err := log.Seal(c.ctx); err != nil {
		return plainCause(err)
	}
	c.sayf("fenced: epoch %d begins after event %d; %d sessions, codes, links, approvals and the like are worth nothing now", done.Epoch, done.Kept, done.Ended)
	c.sayf("contacts can approve from %s, accounts are on hold until %s",
		c.now().Add(ac.Policy.Settling).UTC().Format(time.RFC3339), c.now().Add(ac.Policy.Hold).UTC().Format(time.RFC3339))
	return nil
}

// sayMissing compares the database with the newest checkpoint outside.
func (c console) sayMissing(s notary.Standing, outside []notary.Signed, folder bool) {
	switch {
	case !folder:
		c.sayf("audit.folder is not set: nobody can say what is missing")
	case len(outside) == 0:
		c.sayf("no checkpoint lies outside: nobody can say what is missing")
	default:
		newest := outside[len(outside)-1]
		switch {
		case newest.Epoch > s.Epoch:
			c.sayf("missing: the newest checkpoint outside is of epoch %d with %d events, the database of epoch %d with %d", newest.Epoch, newest.Size, s.Epoch, s.Events)
		case newest.Size > s.Events:
			c.sayf("missing: events %d to %d, and what came after the newest checkpoint outside", s.Events+1, newest.Size)
		default:
			c.sayf("nothing is missing up to the newest checkpoint outside (event %d); what came after it cannot be known", newest.Size)
		}
	}
}

// inTurn does one after the other until one fails.
func inTurn(steps ...func() error) error {
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func mustNotExist(path string) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%w: %s exists", errConfig, path)
	}
	return nil
}

func removeFile(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// copyFile copies into a new file that only its owner may read.
func copyFile(from, to string) error {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Sync(), out.Close())
}

// syncFile makes sure that a file, or the names in a folder, are on the disk.
func syncFile(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
