package main

import (
	"time"

	"doverie/internal/app"
	"doverie/internal/desk"
)

// adminOperatorCommand is what is done about operators beside the console: the first of them, and a way back in.
type adminOperatorCommand struct {
	Add  adminOperatorAddCommand  `cmd:"" help:"Add an operator and print his one-time code; the first administrator comes from here."`
	List adminOperatorListCommand `cmd:"" help:"List the operators."`
}

type adminOperatorAddCommand struct {
	configFlag

	Login   string `arg:"" help:"Sign-in name: Latin letters, digits, full stop, hyphen."`
	Name    string `required:"" help:"Name, as colleagues see it."`
	Office  string `required:"" help:"Name of the office; it is opened when there is none of that name."`
	Address string `help:"Address of a new office."`
	Role    string `default:"administrator" enum:"operator,senior,auditor,administrator" help:"operator, senior, auditor or administrator."`
}

// Run adds one operator.
func (cmd adminOperatorAddCommand) Run(c console) error {
	return admin(c, cmd.configFlag, func(a *app.App) error {
		made, code, err := a.Staff.InviteFirst(c.ctx, byCommand, desk.NewOperator{Login: cmd.Login, Name: cmd.Name, Role: desk.Role(cmd.Role)}, cmd.Office, cmd.Address)
		if err != nil {
			return err
		}
		c.sayf("added: %s (%s), %s", made.Name, made.Login, made.Role)
		c.sayf("one-time code, until %s: %s", made.EnrolUntil.UTC().Format(time.RFC3339), code)
		c.sayf("where to type it: /operator/enrol")
		return nil
	})
}

type adminOperatorListCommand struct{ configFlag }

// Run lists everybody.
func (cmd adminOperatorListCommand) Run(c console) error {
	return admin(c, cmd.configFlag, func(a *app.App) error {
		all, err := a.Store.Operators(c.ctx)
		if err != nil {
			return err
		}
		for _, o := range all {
			c.sayf("%s\t%s\t%s\t%s\t%s", o.Login, o.Role, o.State, o.OfficeName, o.Name)
		}
		return nil
	})
}
