package main

import (
	"errors"

	"doverie/internal/account"
	"doverie/internal/app"
	"doverie/internal/effect"
)

// adminCommand is what is done beside the running server, on the same database. Messages it causes are
// sent by the server.
type adminCommand struct {
	Confirm adminConfirmCommand `cmd:"" help:"Raise a standard account to confirmed: its person and document were seen."`
	Thaw    adminThawCommand    `cmd:"" help:"Lift the freeze of an account, after its person was identified."`
	Import  adminImportCommand  `cmd:"" help:"Import people whose identity another body has proven: one JSON object a line."`
	Staff   adminStaffCommand   `cmd:"" name:"campaign-staff" help:"Give an account the right to run information campaigns, or take it."`
	Numbers adminNumbersCommand `cmd:"" help:"Import reports of changed SIMs and reassigned numbers: one JSON object a line."`
	Rekey   adminRekeyCommand   `cmd:"" help:"Put the database under another master key, with every server stopped."`
	Sample  adminSampleCommand  `cmd:"" help:"Print a made-up import file, for trying the import."`

	Client adminClientCommand `cmd:"" help:"Other information systems that sign people in through this one."`
	Keys   adminKeysCommand   `cmd:"" help:"The keys that tokens for other systems are signed with."`
	Signal adminSignalCommand `cmd:"" help:"What other systems are told of: their streams, and what waits for them."`

	Operator adminOperatorCommand `cmd:"" help:"Operators of the service desk."`
}

// whoFlag names one account.
type whoFlag struct {
	Who string `arg:"" help:"The account: SNILS, phone, e-mail, or its id."`
}

// find reads the account. An id is what the event log shows.
func (f whoFlag) find(c console, a *app.App) (account.Account, error) {
	const idLength = 36 // a UUID with its hyphens
	if len(f.Who) == idLength {
		return a.Store.Account(c.ctx, f.Who)
	}
	return a.Accounts.Find(c.ctx, f.Who)
}

// admin opens the server's services without serving, calls do, and closes them.
func admin(c console, f configFlag, do func(a *app.App) error) error {
	cfg, err := f.read(c)
	if err != nil {
		return err
	}
	a, err := app.New(c.ctx, cfg.app(c))
	if err != nil {
		return err
	}
	return errors.Join(do(a), a.Close())
}

// byCommand is how the event log names an act of the command line.
var byCommand = effect.Act{Actor: effect.System, Device: "doverie admin"}

type adminConfirmCommand struct {
	configFlag
	whoFlag
}

// Run confirms one account.
func (cmd adminConfirmCommand) Run(c console) error {
	return admin(c, cmd.configFlag, func(a *app.App) error {
		who, err := cmd.find(c, a)
		if err != nil {
			return err
		}
		if err := a.Accounts.Confirm(c.ctx, byCommand, who.ID); err != nil {
			return err
		}
		c.sayf("confirmed: %s, %s", who.FullName(), who.ID)
		return nil
	})
}

type adminThawCommand struct {
	configFlag
	whoFlag
}

// Run lifts the freeze of one account.
func (cmd adminThawCommand) Run(c console) error {
	return admin(c, cmd.configFlag, func(a *app.App) error {
		who, err := cmd.find(c, a)
		if err != nil {
			return err
		}
		if err := a.Protect.ThawInPerson(c.ctx, byCommand, who.ID); err != nil {
			return err
		}
		c.sayf("thawed: %s, %s", who.FullName(), who.ID)
		return nil
	})
}

type adminStaffCommand struct {
	configFlag
	whoFlag

	Revoke bool `help:"Take the right instead of giving it."`
}

// Run gives or takes the right; doing so twice changes nothing.
func (cmd adminStaffCommand) Run(c console) error {
	return admin(c, cmd.configFlag, func(a *app.App) error {
		who, err := cmd.find(c, a)
		if err != nil {
			return err
		}
		changed, err := a.Campaigns.SetStaff(c.ctx, byCommand, who.ID, !cmd.Revoke)
		if err != nil {
			return err
		}
		state := "campaign staff"
		if cmd.Revoke {
			state = "no campaign staff"
		}
		if !changed {
			state += " already"
		}
		c.sayf("%s: %s, %s", state, who.FullName(), who.ID)
		return nil
	})
}
