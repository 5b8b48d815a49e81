package app

import (
	"doverie/internal/notify"
	"doverie/internal/notify/webpush"
	"doverie/internal/session"
	"doverie/internal/web"
)

// pushService prepares the acts with browsers that get notices. Without a configuration they are not offered.
func (a *App) pushService(c *webpush.Config) error {
	a.Pushes = &session.Pushes{Sessions: a.Sessions, Store: a.Store}
	if c == nil {
		return nil
	}
	if err := c.Check(); err != nil {
		return err
	}
	public, err := a.Keys.PushKey().PublicKey.Bytes()
	a.Pushes.Key = public
	a.Pushes.Parse = func(text []byte) (string, []byte, error) {
		s, err := c.Parse(text)
		if err != nil {
			return "", nil, err
		}
		return s.Endpoint.String(), s.Text(), nil
	}
	return err
}

// pushChannel writes to browsers; nil without a configuration.
func (a *App) pushChannel(c Config, t tools) (notify.Channel, error) {
	if c.Carriers.Push == nil {
		return nil, nil //nolint:nilnil // no channel is no mistake
	}
	conf := *c.Carriers.Push
	conf.Key, conf.Subscriptions, conf.Reachable = a.Keys.PushKey(), a.Pushes, c.Outward.Reachable
	conf.Ledger, conf.Now = t.ledger, t.now
	conf.Report = func(e webpush.Event) { t.event(webpush.Name, e.What, e.Err) }
	channel, err := webpush.New(conf)
	if err != nil {
		return nil, err
	}
	return measured{carrier: webpush.Name, channel: channel, outcomes: t.metrics.carrierOutcomes}, nil
}

// pushPages are the pages of notices in browsers, with the service worker among the assets.
func (a *App) pushPages(security *web.Security) (*web.Push, error) {
	url, err := a.assets.URL("sw.js")
	if err != nil {
		return nil, err
	}
	return web.NewPush(a.Kit, a.Pushes, security, a.Pushes.Key, a.assets.Content(url)), nil
}
