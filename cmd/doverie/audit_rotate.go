package main

import (
	"doverie/internal/app"
	"doverie/internal/effect"
	"doverie/internal/notary"
	"doverie/internal/secret"
	"doverie/internal/store"
)

type auditRotateCommand struct {
	configFlag

	Leaked bool `help:"The former key is lost or known to others: the next key alone signs the hand-over."`
}

// Run makes another key the log's. With audit.key_file it is the one in the file; otherwise a fresh one, kept in the database.
func (cmd auditRotateCommand) Run(c console) error {
	cfg, err := cmd.read(c)
	if err != nil {
		return err
	}
	return withLog(c, cmd.configFlag, func(db *store.Store, log *notary.Service) error {
		r := store.Rotation{
			Act: effect.Act{Actor: effect.System, Device: "doverie audit rotate"}, Rules: cfg.policy.Version, Keys: cfg.keys,
		}
		if err := db.TakeKeys(c.ctx, cfg.keys); err != nil { // withLog has read the configuration for itself
			return err
		}
		ac, former := cfg.app(c), log.Signer
		if cfg.auditKeys == nil {
			r.Kept = secret.FreshSecret()
			r.Next, err = app.NewSigner(ac, r.Kept)
		} else {
			r.Next, former = log.Signer, nil
			if cfg.auditFormer != nil {
				former, err = app.NewSigner(ac, cfg.auditFormer.Seed("audit checkpoint"))
			} else if err == nil {
				former, err = app.NewSigner(ac, cfg.keys.Seed("audit checkpoint"))
			}
		}
		if err != nil {
			return err
		}
		if r.Former = former; cmd.Leaked {
			r.Former = nil
		}
		if _, err := log.Check(c.ctx); cfg.auditKeys == nil && err != nil { // with a file, what lies outside is the former key's
			return plainCause(err)
		}
		h, ok, err := db.RotateLog(c.ctx, c.now(), r)
		if err != nil {
			return err
		}
		if !ok {
			c.sayf("the log is signed with %s already", r.Next.Key())
			return nil
		}
		log.Signer = r.Next
		if log.Folder != nil {
			log.Folder.Key = r.Next.Key()
		}
		if _, err := log.Seal(c.ctx); err != nil {
			return plainCause(err)
		}
		c.sayf("from record %d on the log is signed with %s", h.Size+1, h.Next)
		if h.ByFormer {
			c.sayf("Both keys have signed that. Restart the servers, and publish the new key beside the old one.")
		} else {
			c.sayf("The former key has not signed that: tell everybody who keeps checkpoints by another way. Restart the servers.")
		}
		return nil
	})
}
