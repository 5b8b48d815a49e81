package app

import (
	"crypto/rand"
	"os"
	"path/filepath"

	"doverie/internal/campaign"
	"doverie/internal/outreach"
	"doverie/internal/store"
)

// campaigns builds the information campaign. Without a folder for kits it has one of its own, made when the first kit is.
func (a *App) campaigns(c Config) error {
	source, err := outreach.LoadSource()
	if err != nil {
		return err
	}
	folder := c.KitsFolder
	if folder == "" {
		a.ownKits = filepath.Join(os.TempDir(), "doverie-kits-"+rand.Text())
		folder = a.ownKits
	}
	a.Campaigns = campaign.New(store.NewCampaigns(a.Store, c.Policy), source, outreach.Shelf{Dir: folder}, c.Keys, c.Policy, c.Now)
	return nil
}
