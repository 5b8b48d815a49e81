package main

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	"doverie/internal/effect"
	"doverie/internal/store"
)

type adminRekeyCommand struct {
	configFlag

	Leaked bool `help:"Somebody else may have the former key: notices in browsers end too, and what has to be done besides is printed."`
}

// Run puts the database under the current master key.
func (cmd adminRekeyCommand) Run(c console) error {
	cfg, err := cmd.read(c)
	if err != nil {
		return err
	}
	if len(cfg.keys.FormerIDs()) == 0 {
		return fmt.Errorf("%w: former_key_files: name the file of the key that the database is under", errConfig)
	}
	if path, ok := store.IsFile(cfg.database); ok {
		if used, err := store.InUse(c.ctx, path); err != nil || used {
			return cmp.Or(err, fmt.Errorf("somebody has %s open: stop the server first", path))
		}
	}
	db, err := store.Open(c.ctx, cfg.database, store.Options{Keys: cfg.keys, Now: c.now, Conns: 1})
	if err != nil {
		return err
	}
	return errors.Join(cmd.rekey(c, cfg, db), db.Close())
}

func (cmd adminRekeyCommand) rekey(c console, cfg config, db *store.Store) error {
	if err := db.CheckSchema(c.ctx); err != nil {
		return err
	}
	if others, err := db.Others(c.ctx); err != nil || others > 0 {
		return cmp.Or(err, fmt.Errorf("%d connections of servers to this database are open: stop every server first", others))
	}
	// A log that somebody has changed must not get a seal of the new key.
	report, err := db.VerifyLog(c.ctx, nil)
	if err != nil {
		return err
	}
	if !report.Intact() {
		return c.sayReport(report)
	}
	shown := ""
	done, err := db.Rekey(c.ctx, cfg.keys, c.now(), store.RekeyOptions{
		Act: effect.Act{Actor: effect.System, Device: "doverie admin rekey"}, Rules: cfg.policy.Version, Leaked: cmd.Leaked,
		Progress: func(table string, looked int64) {
			if !c.terminal {
				return
			}
			if shown != "" && shown != table {
				c.drawf("\n")
			}
			c.drawf("\r%s: %d", table, looked)
			shown = table
		},
	})
	if shown != "" {
		c.drawf("\n")
	}
	if err != nil {
		return err
	}
	if done.From == done.To {
		c.sayf("the database is under the master key %s already", done.To)
		return nil
	}
	c.sayf("rekeyed: under the master key %s now; %d rows sealed anew, %d hashed anew, %d ended", done.To, done.Resealed, done.Rehashed, done.Ended)
	for _, table := range slices.Sorted(maps.Keys(done.Unreadable)) {
		c.sayf("%s: %d rows were under neither key, and stay as they are", table, done.Unreadable[table])
	}
	cmd.sayNext(c, cfg)
	return nil
}

// sayNext says what is left to do.
func (cmd adminRekeyCommand) sayNext(c console, cfg config) {
	if cmd.Leaked {
		c.sayf("Take the former key out of former_key_files before you start the servers: codes and links made with it are dead then.")
		c.sayf("Then: `doverie audit rotate`, `doverie admin keys rotate`; see docs/operations.md, The key leaked.")
		return
	}
	c.sayf("Start the servers. Keep the former key in former_key_files for %s: links in notices and stop codes made with it work so long.",
		max(cfg.policy.NoticeLinkTTL, cfg.policy.InvitationTTL))
}
