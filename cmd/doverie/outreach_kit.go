package main

import (
	"doverie/internal/outreach"
)

type outreachKitCommand struct {
	Org   string `required:"" type:"existingfile" placeholder:"FILE" help:"The organisation: a TOML file with id, name, logo and site."`
	Out   string `required:"" placeholder:"FOLDER" help:"Folder of the kit; an older kit in it is replaced."`
	Bleed bool   `help:"Posters and leaflet with 3 mm of bleed and crop marks, for a printing house."`
}

// Run makes one organisation's kit.
func (cmd outreachKitCommand) Run(c console) error {
	source, err := outreach.LoadSource()
	if err != nil {
		return err
	}
	began := c.now()
	org, logo, err := outreach.ReadOrganisation(cmd.Org)
	if err != nil {
		return err
	}
	files, err := source.MakeKit(org, logo, outreach.KitOptions{Bleed: cmd.Bleed})
	if err != nil {
		return err
	}
	if err := outreach.WriteKit(cmd.Out, files); err != nil {
		return err
	}
	size := 0
	for _, f := range files {
		size += len(f.Data)
	}
	c.sayf("%s: %d files, %d KiB, %d ms, text %s", cmd.Out, len(files), size>>10, c.now().Sub(began).Milliseconds(), source.Version)
	return nil
}
